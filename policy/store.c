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

#define SERVER_COLUMNS \
	"name, tenant, plan, mode, contact, lang, virtualization, interfaces, macs, addresses"
#define CASE_COLUMNS                                                                         \
	"case_id, server, question, by_person, pinned, shadow, begin_ns, until_ns, end_ns, " \
	"messages_before, bulk_points, abuse_points, detail, reason, rung"
#define STEP_COLUMNS                                                                         \
	"server, time_ns, from_rung, to_rung, shadow, bulk_points, abuse_points, until_ns, " \
	"case_id, "                                                                          \
	"actor, reason"
#define APPLICATION_COLUMNS                                                                  \
	"state, purpose, servers, domains, per_day, list_size, list_origin, contact, lang, " \
	"created_ns, changed_ns, grant_until_ns, reason, form_url, rules_url"
#define EVIDENCE_COLUMNS "application, position, kind, sha256, size, type, name, added_ns"
#define GRANT_COLUMNS	 "id, state, servers, domains, per_day, per_hour, from_ns, until_ns"
#define LEDGER_COLUMNS	 "seq, time_ns, actor, action, subject, detail, hash"

#define WATCH_COLUMNS                                                                            \
	"id, day_ns, messages, unsubscribable, recipients, unknown, volume, checked_ns, level, " \
	"reason, reminded_ns, pages_ns, pages_bad_ns, pages_level, pages_reason"

#define COMPLAINT_COLUMNS                                                                \
	"digest, type, source, arrival_ns, imported_ns, reporter, domain, server, how, " \
	"counted"
#define NOTICE_COLUMNS \
	"kind, subject, hook, server, contact, lang, made_ns, due_ns, state, done_ns, error"

static const char *const statements[STORE_STMT__COUNT] = {
    [STORE_BEGIN] = "BEGIN IMMEDIATE",
    [STORE_COMMIT] = "COMMIT",
    [STORE_ROLLBACK] = "ROLLBACK",
    [STORE_META_PUT] = "INSERT INTO meta (key, value) VALUES (?1, ?2)"
		       " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    [STORE_META_GET] = "SELECT value FROM meta WHERE key = ?1",
    [STORE_SERVER_PUT] =
	"INSERT INTO server (" SERVER_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
	" ON CONFLICT (name) DO UPDATE SET tenant = excluded.tenant, plan = excluded.plan,"
	" mode = excluded.mode, contact = excluded.contact, lang = excluded.lang,"
	" virtualization = excluded.virtualization, interfaces = excluded.interfaces,"
	" macs = excluded.macs, addresses = excluded.addresses",
    [STORE_SERVER_REMOVE] = "DELETE FROM server WHERE name = ?1",
    [STORE_SERVER_EACH] = "SELECT " SERVER_COLUMNS " FROM server ORDER BY position",
    [STORE_CASE_PUT] = "INSERT INTO block_case (" CASE_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6,"
		       " ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
		       " ON CONFLICT (case_id) DO UPDATE SET pinned = excluded.pinned,"
		       " by_person = excluded.by_person, shadow = excluded.shadow,"
		       " until_ns = excluded.until_ns, end_ns = excluded.end_ns,"
		       " messages_before = excluded.messages_before, detail = excluded.detail,"
		       " reason = excluded.reason",
    [STORE_CASE_GET] = "SELECT " CASE_COLUMNS " FROM block_case WHERE case_id = ?1",
    [STORE_CASE_NEWEST] = "SELECT " CASE_COLUMNS " FROM block_case WHERE server = ?1"
			  " AND rung = 4 ORDER BY end_ns = 0 DESC, begin_ns DESC, rowid DESC"
			  " LIMIT 1",
    [STORE_CASE_EACH_OPEN] = "SELECT " CASE_COLUMNS " FROM block_case WHERE end_ns = 0"
			     " AND rung = 4 ORDER BY begin_ns",
    [STORE_CASE_EACH_OF] = "SELECT " CASE_COLUMNS " FROM block_case WHERE server = ?1 AND rung = 4"
			   " ORDER BY begin_ns DESC, rowid DESC LIMIT ?2",
    [STORE_CASE_LIST] = "SELECT " CASE_COLUMNS " FROM block_case WHERE (?1 = '' OR server = ?1)"
			" AND shadow >= ?2 AND rung >= ?3 AND (?4 = 0 OR end_ns = 0)"
			" ORDER BY begin_ns DESC, rowid DESC LIMIT ?5",
    [STORE_CASE_END_BELOW] = "UPDATE block_case SET end_ns = ?2"
			     " WHERE server = ?1 AND end_ns = 0 AND rung < 4",
    [STORE_CASE_OPEN_BELOW] = "SELECT " CASE_COLUMNS " FROM block_case WHERE server = ?1"
			      " AND end_ns = 0 AND rung < 4 ORDER BY begin_ns DESC LIMIT 1",
    [STORE_CASE_FORGET] = "DELETE FROM block_case WHERE rung < 4 AND end_ns <> 0 AND end_ns < ?1",
    [STORE_CASE_SHIFT] = "UPDATE block_case SET begin_ns = begin_ns + ?1,"
			 " until_ns = iif(until_ns = 0, 0, until_ns + ?1) WHERE end_ns = 0",
    [STORE_STEP_ADD] = "INSERT INTO rung_step (" STEP_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6,"
		       " ?7, ?8, ?9, ?10, ?11)",
    [STORE_STEP_EACH] = "SELECT " STEP_COLUMNS " FROM rung_step WHERE server = ?1"
			" AND time_ns >= ?2 AND time_ns <= ?3 ORDER BY time_ns, id LIMIT ?4",
    [STORE_STEP_FORGET] = "DELETE FROM rung_step WHERE time_ns < ?1",
    [STORE_STATE_PUT] = "INSERT INTO state (server, data) VALUES (?1, ?2)"
			" ON CONFLICT (server) DO UPDATE SET data = excluded.data",
    [STORE_STATE_REMOVE] = "DELETE FROM state WHERE server = ?1",
    [STORE_STATE_EACH] = "SELECT server, data FROM state",
    [STORE_APPLICATION_ADD] = "INSERT INTO application (" APPLICATION_COLUMNS ") VALUES"
			      " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    [STORE_APPLICATION_PUT] =
	"UPDATE application SET (" APPLICATION_COLUMNS ") ="
	" (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) WHERE id = ?16",
    [STORE_APPLICATION_GET] = "SELECT " APPLICATION_COLUMNS ", id FROM application WHERE id = ?1",
    [STORE_APPLICATION_EACH] = "SELECT " APPLICATION_COLUMNS ", id FROM application"
			       " WHERE ?1 < 0 OR state = ?1 ORDER BY id",
    [STORE_EVIDENCE_CLEAR] = "DELETE FROM evidence WHERE application = ?1",
    [STORE_EVIDENCE_ADD] = "INSERT INTO evidence (" EVIDENCE_COLUMNS ") VALUES"
			   " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [STORE_EVIDENCE_EACH] = "SELECT " EVIDENCE_COLUMNS " FROM evidence WHERE application = ?1"
			    " ORDER BY position",
    [STORE_CHECK_PUT] =
	"INSERT INTO check_report (application, made_ns, report) VALUES (?1, ?2, ?3)"
	" ON CONFLICT (application) DO UPDATE SET made_ns = excluded.made_ns,"
	" report = excluded.report",
    [STORE_CHECK_GET] = "SELECT report FROM check_report WHERE application = ?1",
    [STORE_CHECK_APPROVE] = "UPDATE check_report SET approved = report WHERE application = ?1",
    [STORE_CHECK_APPROVED] = "SELECT approved FROM check_report"
			     " WHERE application = ?1 AND approved <> ''",
    [STORE_EVIDENCE_OTHERS] = "SELECT DISTINCT application FROM evidence"
			      " WHERE sha256 = ?1 AND application <> ?2 ORDER BY application",
    [STORE_GRANT_PUT] =
	"INSERT INTO mail_grant (" GRANT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
	" ON CONFLICT (id) DO UPDATE SET state = excluded.state, servers = excluded.servers,"
	" domains = excluded.domains, per_day = excluded.per_day, per_hour = excluded.per_hour,"
	" from_ns = excluded.from_ns, until_ns = excluded.until_ns",
    [STORE_GRANT_EACH] = "SELECT " GRANT_COLUMNS " FROM mail_grant ORDER BY id",
    [STORE_LEDGER_ADD] = "INSERT INTO ledger (" LEDGER_COLUMNS ") VALUES"
			 " (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [STORE_LEDGER_LAST] = "SELECT " LEDGER_COLUMNS " FROM ledger ORDER BY seq DESC LIMIT 1",
    [STORE_LEDGER_EACH] = "SELECT " LEDGER_COLUMNS " FROM ledger WHERE seq >= ?1 ORDER BY seq",
    [STORE_LEDGER_EACH_OF] = "SELECT " LEDGER_COLUMNS " FROM ledger WHERE subject = ?1"
			     " ORDER BY seq DESC LIMIT ?2",
    [STORE_EVIDENCE_USES] = "SELECT DISTINCT application FROM evidence WHERE sha256 = ?1"
			    " ORDER BY application",
    [STORE_WATCH_PUT] = "INSERT OR REPLACE INTO grant_watch (" WATCH_COLUMNS ") VALUES"
			" (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    [STORE_WATCH_EACH] = "SELECT " WATCH_COLUMNS " FROM grant_watch ORDER BY id",
    [STORE_DISCOVERY_PUT] = "INSERT OR REPLACE INTO discovery (source, text) VALUES (?1, ?2)",
    [STORE_DISCOVERY_GET] = "SELECT text FROM discovery WHERE source = ?1",
    [STORE_COMPLAINT_ADD] =
	"INSERT INTO complaint (" COMPLAINT_COLUMNS ") VALUES"
	" (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (digest) DO NOTHING",
    [STORE_COMPLAINT_EACH] = "SELECT " COMPLAINT_COLUMNS " FROM complaint"
			     " WHERE ?1 = '' OR server = ?1 ORDER BY id DESC LIMIT ?2",
    [STORE_COMPLAINT_FORGET] = "DELETE FROM complaint WHERE imported_ns < ?1",
    [STORE_OWNER_ADD] = "INSERT INTO address_owner (address, server, from_ns, until_ns)"
			" VALUES (?1, ?2, ?3, 0)",
    [STORE_OWNER_END] = "UPDATE address_owner SET until_ns = ?2"
			" WHERE server = ?1 AND until_ns = 0",
    [STORE_OWNER_EACH] = "SELECT address, server FROM address_owner WHERE from_ns <= ?1"
			 " AND (until_ns = 0 OR until_ns > ?1)",
    [STORE_OWNER_FORGET] = "DELETE FROM address_owner WHERE until_ns <> 0 AND until_ns < ?1",
    /* Once per kind, subject and hook: a second one is no error and changes nothing. */
    [STORE_NOTICE_ADD] = "INSERT INTO notice (" NOTICE_COLUMNS ") VALUES"
			 " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
			 " ON CONFLICT (kind, subject, hook) DO NOTHING",
    [STORE_NOTICE_SET] = "UPDATE notice SET state = ?2, due_ns = ?3, done_ns = ?4, attempts = ?5,"
			 " error = ?6, made_ns = ?7, contact = ?8, lang = ?9 WHERE id = ?1",
    [STORE_NOTICE_EACH_DUE] = "SELECT id, " NOTICE_COLUMNS ", attempts FROM notice"
			      " WHERE state < 2 AND due_ns <= ?1 ORDER BY due_ns, id",
    [STORE_NOTICE_EACH] = "SELECT id, " NOTICE_COLUMNS ", attempts FROM notice"
			  " WHERE ?1 < 0 OR state = ?1 ORDER BY id DESC LIMIT ?2",
    [STORE_NOTICE_GET] = "SELECT id, " NOTICE_COLUMNS ", attempts FROM notice WHERE id = ?1",
    [STORE_NOTICE_COUNT] = "SELECT state, count(*), sum(attempts > 0), min(made_ns) FROM notice"
			   " GROUP BY state",
    /* While a case stands, its notice is remembered: the case may still be changed. */
    [STORE_NOTICE_FORGET] = "DELETE FROM notice WHERE state >= 2 AND done_ns < ?1 AND NOT"
			    " EXISTS (SELECT 1 FROM block_case WHERE case_id = subject AND"
			    " end_ns = 0)",
};

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
		if (sqlite3_prepare_v3(st->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
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
