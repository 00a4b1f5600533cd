/* SPDX-License-Identifier: ISC */
/*
 * The last good copy of the database, made in slices while the guard works, with SQLite's online
 * backup.  What is written to the database meanwhile goes into the copy too, because it is written
 * through the same connection.  bulkhead-guard (judge process).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/store_private.h"

#define SLICE_PAGES \
	4096 /* 16 MiB, once a second: some 20 ms, and 10,000 servers are copied in 10 s */

struct store_backup {
	struct store *st;
	sqlite3 *copy;
	sqlite3_backup *work;
	char fresh[280], path[272];
};

static int
fail(struct store_backup *b, struct err *e)
{
	return err_set(e, -EIO,
	    "%s: the copy of the database could not be made (%s): make room on the disk", b->fresh,
	    b->copy != NULL ? sqlite3_errmsg(b->copy) : "no memory");
}

void
store_backup_cancel(struct store_backup *b)
{
	if (b == NULL)
		return;
	sqlite3_backup_finish(b->work);
	sqlite3_close(b->copy);
	unlink(b->fresh);
	free(b);
}

int
store_backup_new(struct store_backup **out, struct store *st, struct err *e)
{
	struct store_backup *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return err_set(e, -ENOMEM, "no memory to copy the database");
	b->st = st;
	snprintf(b->path, sizeof(b->path), "%s.backup", st->path);
	snprintf(b->fresh, sizeof(b->fresh), "%s.new", b->path);
	unlink(b->fresh); /* of a guard that was killed while it copied */
	if (sqlite3_open_v2(b->fresh, &b->copy,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
		NULL) == SQLITE_OK)
		b->work = sqlite3_backup_init(b->copy, "main", st->db, "main");
	if (b->work == NULL) {
		fail(b, e);
		store_backup_cancel(b);
		return -EIO;
	}
	*out = b;
	return 0;
}

int
store_backup_step(struct store_backup *b, struct err *e)
{
	int rc = sqlite3_backup_step(b->work, SLICE_PAGES);

	if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
		return 1;
	if (rc != SQLITE_DONE)
		return fail(b, e);
	rc = sqlite3_backup_finish(b->work);
	b->work = NULL;
	/* A plain file, without a write-ahead log of its own that could be left behind. */
	if (rc != SQLITE_OK ||
	    sqlite3_exec(b->copy, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK)
		return fail(b, e);
	rc = sqlite3_close(b->copy);
	b->copy = NULL;
	if (rc != SQLITE_OK || rename(b->fresh, b->path) != 0)
		return err_set(
		    e, -EIO, "%s: cannot be put in its place: %s", b->path, strerror(errno));
	return 0;
}
