/* SPDX-License-Identifier: ISC */
/*
 * Who shows the same evidence, and what the watch over grants counted, in the database.
 * bulkhead-guard.
 */
#include "policy/store_private.h"

_Static_assert(
    (int)WATCH_LEVEL__COUNT == 4, "the schema's CHECK knows this number: add a migration");

struct use_call {
	int (*fn)(void *arg, int64_t application);
	void *arg;
};

static int
pass_use(void *arg, sqlite3_stmt *row)
{
	const struct use_call *call = arg;

	return call->fn(call->arg, sqlite3_column_int64(row, 0));
}

int
store_each_evidence_use(struct store *st, const char *sha256,
    int (*fn)(void *arg, int64_t application), void *arg, struct err *e)
{
	struct use_call call = {fn, arg};
	sqlite3_stmt *s = store_stmt(st, STORE_EVIDENCE_USES);

	store_bind_text(s, 1, sha256);
	return store_rows(st, s, "read who shows the same evidence", pass_use, &call, e);
}

int
store_put_watch(struct store *st, const struct grant_watch *w, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_WATCH_PUT);

	sqlite3_bind_int64(s, 1, w->id);
	sqlite3_bind_int64(s, 2, w->day_ns);
	sqlite3_bind_int64(s, 3, (int64_t)w->messages);
	sqlite3_bind_int64(s, 4, (int64_t)w->unsubscribable);
	sqlite3_bind_int64(s, 5, (int64_t)w->recipients);
	sqlite3_bind_int64(s, 6, (int64_t)w->unknown);
	sqlite3_bind_int64(s, 7, (int64_t)w->volume);
	sqlite3_bind_int64(s, 8, w->checked_ns);
	sqlite3_bind_int(s, 9, w->level);
	store_bind_text(s, 10, w->reason);
	sqlite3_bind_int64(s, 11, w->reminded_ns);
	sqlite3_bind_int64(s, 12, w->pages_ns);
	sqlite3_bind_int64(s, 13, w->pages_bad_ns);
	sqlite3_bind_int(s, 14, w->pages_level);
	store_bind_text(s, 15, w->pages_reason);
	return store_run(st, s, "store the watch over a grant", e);
}

struct watch_call {
	int (*fn)(void *arg, const struct grant_watch *w);
	void *arg;
};

static int
pass_watch(void *arg, sqlite3_stmt *row)
{
	const struct watch_call *call = arg;
	struct grant_watch w = {.id = sqlite3_column_int64(row, 0)};

	w.day_ns = sqlite3_column_int64(row, 1);
	w.messages = (uint64_t)sqlite3_column_int64(row, 2);
	w.unsubscribable = (uint64_t)sqlite3_column_int64(row, 3);
	w.recipients = (uint64_t)sqlite3_column_int64(row, 4);
	w.unknown = (uint64_t)sqlite3_column_int64(row, 5);
	w.volume = (uint64_t)sqlite3_column_int64(row, 6);
	w.checked_ns = sqlite3_column_int64(row, 7);
	w.level = (uint8_t)sqlite3_column_int(row, 8);
	store_column_text(row, 9, w.reason, sizeof(w.reason));
	w.reminded_ns = sqlite3_column_int64(row, 10);
	w.pages_ns = sqlite3_column_int64(row, 11);
	w.pages_bad_ns = sqlite3_column_int64(row, 12);
	w.pages_level = (uint8_t)sqlite3_column_int(row, 13);
	store_column_text(row, 14, w.pages_reason, sizeof(w.pages_reason));
	return call->fn(call->arg, &w);
}

int
store_each_watch(
    struct store *st, int (*fn)(void *arg, const struct grant_watch *w), void *arg, struct err *e)
{
	struct watch_call call = {fn, arg};

	return store_rows(st, store_stmt(st, STORE_WATCH_EACH), "read the watch over the grants",
	    pass_watch, &call, e);
}
