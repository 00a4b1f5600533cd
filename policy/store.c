/* SPDX-License-Identifier: ISC */
/*
 * The database's handle: open, transactions, statements, errors, and the small tables (meta, state,
 * ledger). The other tables are in store_server.c, store_case.c, store_step.c and store_application.c.
 * bulkhead-guard.
 */
#include "policy/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A writer beside us can only be a person with sqlite3(1): wait for a moment, but do not stall the
 * guard. */
#define BUSY_TIMEOUT_MS 500

/* --- errors and statements
 * --------------------------------------------------------------------------- */

static int
errno_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return -EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	default:
		return -EIO;
	}
}

static const char *
remedy_of(int code)
{
	switch (code) {
	case -EBUSY:
		return "another program holds the database: close it";
	case -ENOSPC:
		return "make room on the disk";
	case -EROFS:
	case -EACCES:
		return "make the file and its folder writable for the guard's user";
	case -EUCLEAN:
		return "stop the guard, move the file aside and restore a copy, or save what can "
		       "be read "
		       "with: sqlite3 FILE .recover";
	default:
		return "see the system log for the disk's errors";
	}
}

int
store_fail(struct store *st, const char *doing, struct err *e)
{
	int code = errno_of(sqlite3_extended_errcode(st->db));

	return err_set(e, code, "%s: cannot %s (%s): %s", st->path, doing, sqlite3_errmsg(st->db),
	    remedy_of(code));
}

sqlite3_stmt *
store_stmt(struct store *st, enum store_stmt id)
{
	sqlite3_stmt *s = st->stmts[id];

	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return s;
}

int
store_run(struct store *st, sqlite3_stmt *s, const char *doing, struct err *e)
{
	int rc = 0;

	if (sqlite3_step(s) != SQLITE_DONE)
		rc = store_fail(st, doing, e);
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return rc;
}

int
store_rows(struct store *st, sqlite3_stmt *s, const char *doing,
    int (*fn)(void *arg, sqlite3_stmt *row), void *arg, struct err *e)
{
	int rc = 0, step;

	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		rc = fn(arg, s);
		if (rc != 0)
			break;
	}
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		rc = store_fail(st, doing, e);
	sqlite3_reset(s);
	return rc;
}

void
store_bind_text(sqlite3_stmt *s, int column, const char *text)
{
	sqlite3_bind_text(s, column, text, -1, SQLITE_STATIC);
}

void
store_column_text(sqlite3_stmt *s, int column, char *out, size_t size)
{
	const unsigned char *text = sqlite3_column_text(s, column);

	snprintf(out, size, "%s", text != NULL ? (const char *)text : "");
}

/* --- open and close
 * ---------------------------------------------------------------------------------- */

static int
note_check_line(void *arg, int columns, char **values, char **names)
{
	char *first = arg;

	(void)names;
	if (columns > 0 && values[0] != NULL && first[0] == '\0')
		snprintf(first, 128, "%s", values[0]);
	return 0;
}

/* A guard that trusts a damaged database would forget blocks: look before anything is read from it.
 */
static int
check_is_whole(struct store *st, struct err *e)
{
	char first[128] = "";

	if (sqlite3_exec(st->db, "PRAGMA quick_check(1)", note_check_line, first, NULL) !=
	    SQLITE_OK)
		return store_fail(st, "check the database", e);
	if (strcmp(first, "ok") == 0)
		return 0;
	return err_set(e, -EUCLEAN, "%s is damaged (%s): %s", st->path, first, remedy_of(-EUCLEAN));
}

static int
set_up(struct store *st, struct err *e)
{
	static const char pragmas[] = "PRAGMA journal_mode = WAL;"
				      "PRAGMA synchronous = NORMAL;"
				      "PRAGMA foreign_keys = ON;"
				      "PRAGMA trusted_schema = OFF;"
				      "PRAGMA temp_store = MEMORY;" /* the jail has no /tmp */
				      "PRAGMA cache_size = -1024;"  /* KiB: the guard stays small */
				      "PRAGMA journal_size_limit = 4194304;";
	int rc;

	sqlite3_extended_result_codes(st->db, 1);
	sqlite3_busy_timeout(st->db, BUSY_TIMEOUT_MS);
	if (sqlite3_exec(st->db, pragmas, NULL, NULL, NULL) != SQLITE_OK)
		return store_fail(st, "open the database", e);
	rc = check_is_whole(st, e);
	if (rc == 0)
		rc = store_migrate(st, e);
	for (unsigned i = 0; rc == 0 && i < STORE_STMT__COUNT; i++)
		if (sqlite3_prepare_v3(st->db, store_statements[i], -1, SQLITE_PREPARE_PERSISTENT,
			&st->stmts[i], NULL) != SQLITE_OK)
			rc = store_fail(st, "prepare a statement", e);
	return rc;
}

/* Makes the file with a mode of our own: SQLite gives its -wal and -shm the same. */
static int
make_file(const char *path, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		int code = -errno;

		/* A copy that root put there, or began and could not finish, is root's. */
		if (code == -EACCES && access(path, F_OK) == 0)
			return err_set(e, code,
			    "%s: cannot open the database (%s): give the file to the owner of its "
			    "folder with chown, if it is the whole copy",
			    path, strerror(errno));
		return err_set(e, code,
		    "%s: cannot open the database (%s): make the folder of state_dir, writable for "
		    "the "
		    "guard's user",
		    path, strerror(errno));
	}
	close(fd);
	return 0;
}

/* Where there is a copy, the sentence about the damage says so. */
static void
offer_copy(const char *path, struct err *e)
{
	char copy[280];

	snprintf(copy, sizeof(copy), "%s.backup", path);
	if (e == NULL || e->code != -EUCLEAN || access(copy, R_OK) != 0)
		return;
	err_set(e, -EUCLEAN,
	    "%s is damaged; blocks in the kernel stand meanwhile: move it aside with its -wal and "
	    "-shm, and put %s in its place to restore a copy (bulkhead-guard(8))",
	    path, copy);
}

int
store_open(struct store **out, const char *path, struct err *e)
{
	struct store *st;
	int rc = make_file(path, e);

	if (rc < 0)
		return rc;
	st = calloc(1, sizeof(*st));
	if (st == NULL)
		return err_set(e, -ENOMEM, "%s: no memory to open the database", path);
	snprintf(st->path, sizeof(st->path), "%s", path);
	rc = sqlite3_open_v2(path, &st->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (st->db == NULL)
		rc = err_set(e, -ENOMEM, "%s: no memory to open the database", path);
	else if (rc != SQLITE_OK)
		rc = store_fail(st, "open the database", e);
	else
		rc = set_up(st, e);
	if (rc < 0) {
		offer_copy(path, e);
		store_close(st);
		return rc;
	}
	*out = st;
	return 0;
}

void
store_close(struct store *st)
{
	if (st == NULL)
		return;
	for (unsigned i = 0; i < STORE_STMT__COUNT; i++)
		sqlite3_finalize(st->stmts[i]);
	sqlite3_close(st->db);
	free(st);
}

/* --- transactions
 * -------------------------------------------------------------------------------------- */

int
store_begin(struct store *st, struct err *e)
{
	if (st->depth == 0) {
		int rc = store_run(st, store_stmt(st, STORE_BEGIN), "begin a transaction", e);

		if (rc < 0)
			return rc;
		st->failed = false;
	}
	st->depth++;
	return 0;
}

int
store_commit(struct store *st, struct err *e)
{
	int rc;

	if (--st->depth > 0)
		return 0;
	if (st->failed) {
		store_run(st, store_stmt(st, STORE_ROLLBACK), "roll back", NULL);
		return err_set(e, -ECANCELED,
		    "%s: nothing was stored, because one of the steps failed: see the message "
		    "before this one",
		    st->path);
	}
	rc = store_run(st, store_stmt(st, STORE_COMMIT), "commit", e);
	if (rc < 0)
		store_run(st, store_stmt(st, STORE_ROLLBACK), "roll back", NULL);
	return rc;
}

void
store_rollback(struct store *st)
{
	st->failed = true;
	if (--st->depth == 0)
		store_run(st, store_stmt(st, STORE_ROLLBACK), "roll back", NULL);
}

/* --- meta
 * ------------------------------------------------------------------------------------------------
 */

int
store_put_meta(struct store *st, const char *key, const char *value, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_META_PUT);

	store_bind_text(s, 1, key);
	store_bind_text(s, 2, value);
	return store_run(st, s, "store a setting", e);
}

int
store_get_meta(struct store *st, const char *key, char *value, size_t size, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_META_GET);
	int rc;

	store_bind_text(s, 1, key);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		store_column_text(s, 0, value, size);
		rc = 0;
	} else if (rc == SQLITE_DONE) {
		rc = err_set(e, -ENOENT, "%s holds no setting \"%s\"", st->path, key);
	} else {
		rc = store_fail(st, "read a setting", e);
	}
	sqlite3_reset(s);
	return rc;
}

/* --- state of the judge
 * ---------------------------------------------------------------------------------- */

int
store_put_state(
    struct store *st, const char *server, const uint8_t *data, size_t size, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_STATE_PUT);

	store_bind_text(s, 1, server);
	sqlite3_bind_blob64(s, 2, data, size, SQLITE_STATIC);
	return store_run(st, s, "store the state of a server", e);
}

struct state_call {
	int (*fn)(void *arg, const char *server, const uint8_t *data, size_t size);
	void *arg;
};

static int
pass_state(void *arg, sqlite3_stmt *row)
{
	const struct state_call *call = arg;
	char server[INVENTORY_NAME_BYTES];
	const uint8_t *data = sqlite3_column_blob(row, 1);

	store_column_text(row, 0, server, sizeof(server));
	return call->fn(call->arg, server, data, (size_t)sqlite3_column_bytes(row, 1));
}

int
store_each_state(struct store *st,
    int (*fn)(void *arg, const char *server, const uint8_t *data, size_t size), void *arg,
    struct err *e)
{
	struct state_call call = {fn, arg};

	return store_rows(st, store_stmt(st, STORE_STATE_EACH), "read the state of the servers",
	    pass_state, &call, e);
}

/* --- ledger
 * ---------------------------------------------------------------------------------------------- */

int
store_append_ledger(struct store *st, const struct ledger_entry *entry, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_LEDGER_ADD);

	sqlite3_bind_int64(s, 1, entry->seq);
	sqlite3_bind_int64(s, 2, entry->time_ns);
	store_bind_text(s, 3, entry->actor);
	store_bind_text(s, 4, entry->action);
	store_bind_text(s, 5, entry->subject);
	store_bind_text(s, 6, entry->detail);
	store_bind_text(s, 7, entry->hash);
	return store_run(st, s, "write to the ledger", e);
}

static void
read_ledger(sqlite3_stmt *row, struct ledger_entry *out)
{
	memset(out, 0, sizeof(*out));
	out->seq = sqlite3_column_int64(row, 0);
	out->time_ns = sqlite3_column_int64(row, 1);
	store_column_text(row, 2, out->actor, sizeof(out->actor));
	store_column_text(row, 3, out->action, sizeof(out->action));
	store_column_text(row, 4, out->subject, sizeof(out->subject));
	store_column_text(row, 5, out->detail, sizeof(out->detail));
	store_column_text(row, 6, out->hash, sizeof(out->hash));
}

int
store_last_ledger(struct store *st, struct ledger_entry *out, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_LEDGER_LAST);
	int rc = sqlite3_step(s);

	if (rc == SQLITE_ROW) {
		read_ledger(s, out);
		rc = 0;
	} else if (rc == SQLITE_DONE) {
		rc = err_set(e, -ENOENT, "the ledger is empty");
	} else {
		rc = store_fail(st, "read the ledger", e);
	}
	sqlite3_reset(s);
	return rc;
}

struct ledger_call {
	int (*fn)(void *arg, const struct ledger_entry *entry);
	void *arg;
};

static int
pass_ledger(void *arg, sqlite3_stmt *row)
{
	const struct ledger_call *call = arg;
	struct ledger_entry entry;

	read_ledger(row, &entry);
	return call->fn(call->arg, &entry);
}

int
store_each_ledger(struct store *st, int64_t from_seq,
    int (*fn)(void *arg, const struct ledger_entry *entry), void *arg, struct err *e)
{
	struct ledger_call call = {fn, arg};
	sqlite3_stmt *s = store_stmt(st, STORE_LEDGER_EACH);

	sqlite3_bind_int64(s, 1, from_seq);
	return store_rows(st, s, "read the ledger", pass_ledger, &call, e);
}

int
store_each_ledger_of(struct store *st, const char *subject, unsigned limit,
    int (*fn)(void *arg, const struct ledger_entry *entry), void *arg, struct err *e)
{
	struct ledger_call call = {fn, arg};
	sqlite3_stmt *s = store_stmt(st, STORE_LEDGER_EACH_OF);

	store_bind_text(s, 1, subject);
	sqlite3_bind_int64(s, 2, limit);
	return store_rows(st, s, "read the ledger", pass_ledger, &call, e);
}
