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
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "policy/store_private.h"

#define SLICE_PAGES \
	4096 /* 16 MiB, once a second: some 20 ms, and 10,000 servers are copied in 10 s */

/* Left free beside the copy, for what the guard must write meanwhile: the write-ahead log at its
 * limit. */
#define SPARE_BYTES (UINT64_C(4) << 20)

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

/* A copy that fills the disk would take the room of the next decision: rather keep the last one. */
static int
check_room(const struct store_backup *b, struct err *e)
{
	struct statvfs fs;
	struct stat db;
	uint64_t needed, there;

	if (stat(b->st->path, &db) != 0 || statvfs(b->st->path, &fs) != 0)
		return err_set(
		    e, -errno, "%s: cannot be looked at: %s", b->st->path, strerror(errno));
	needed = (uint64_t)db.st_size + SPARE_BYTES;
	there = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (there >= needed)
		return 0;
	return err_set(e, -ENOSPC,
	    "%s: no room for a copy of the database (%llu MiB are needed, %llu are free), the last "
	    "one stays: make room on the disk",
	    b->path, (unsigned long long)(needed >> 20), (unsigned long long)(there >> 20));
}

/* Also of a guard that was killed while it copied. */
static void
remove_fresh(const struct store_backup *b)
{
	char journal[sizeof(b->fresh) + 8];

	snprintf(journal, sizeof(journal), "%s-journal", b->fresh);
	unlink(b->fresh);
	unlink(journal);
}

void
store_backup_cancel(struct store_backup *b)
{
	if (b == NULL)
		return;
	sqlite3_backup_finish(b->work);
	sqlite3_close(b->copy);
	remove_fresh(b);
	free(b);
}

int
store_backup_new(struct store_backup **out, struct store *st, struct err *e)
{
	struct store_backup *b = calloc(1, sizeof(*b));
	int rc;

	if (b == NULL)
		return err_set(e, -ENOMEM, "no memory to copy the database");
	b->st = st;
	snprintf(b->path, sizeof(b->path), "%s.backup", st->path);
	snprintf(b->fresh, sizeof(b->fresh), "%s.new", b->path);
	remove_fresh(b);
	rc = check_room(b, e);
	if (rc < 0) {
		free(b);
		return rc;
	}
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
