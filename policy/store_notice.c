/* SPDX-License-Identifier: ISC */
/* The queue of notices in the database.  bulkhead-guard. */
#include "policy/store_private.h"

#include <errno.h>
#include <string.h>

_Static_assert(
    (int)NOTICE_STATE__COUNT == 4, "the schema's CHECK knows this number: add a migration");

int
store_add_notice(struct store *st, const struct notice *n, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_NOTICE_ADD);

	store_bind_text(s, 1, notice_kind_name(n->kind));
	store_bind_text(s, 2, n->subject);
	store_bind_text(s, 3, n->hook);
	store_bind_text(s, 4, n->server);
	store_bind_text(s, 5, n->contact);
	store_bind_text(s, 6, n->lang);
	sqlite3_bind_int64(s, 7, n->made_ns);
	sqlite3_bind_int64(s, 8, n->due_ns);
	sqlite3_bind_int(s, 9, n->state);
	sqlite3_bind_int64(s, 10, n->done_ns);
	store_bind_text(s, 11, n->error);
	return store_run(st, s, "queue a notice", e);
}

int
store_set_notice(struct store *st, const struct notice *n, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_NOTICE_SET);

	sqlite3_bind_int64(s, 1, n->id);
	sqlite3_bind_int(s, 2, n->state);
	sqlite3_bind_int64(s, 3, n->due_ns);
	sqlite3_bind_int64(s, 4, n->done_ns);
	sqlite3_bind_int64(s, 5, n->attempts);
	store_bind_text(s, 6, n->error);
	sqlite3_bind_int64(s, 7, n->made_ns);
	store_bind_text(s, 8, n->contact);
	store_bind_text(s, 9, n->lang);
	return store_run(st, s, "store how a notice stands", e);
}

struct notice_call {
	int (*fn)(void *arg, const struct notice *n);
	void *arg;
};

static int
pass_notice(void *arg, sqlite3_stmt *row)
{
	const struct notice_call *call = arg;
	struct notice n = {.id = sqlite3_column_int64(row, 0)};
	char kind[16];
	int found;

	store_column_text(row, 1, kind, sizeof(kind));
	found = notice_kind_find(kind);
	if (found < 0)
		return 0; /* of a newer guard */
	n.kind = (uint8_t)found;
	store_column_text(row, 2, n.subject, sizeof(n.subject));
	store_column_text(row, 3, n.hook, sizeof(n.hook));
	store_column_text(row, 4, n.server, sizeof(n.server));
	store_column_text(row, 5, n.contact, sizeof(n.contact));
	store_column_text(row, 6, n.lang, sizeof(n.lang));
	n.made_ns = sqlite3_column_int64(row, 7);
	n.due_ns = sqlite3_column_int64(row, 8);
	n.state = (uint8_t)sqlite3_column_int(row, 9);
	n.done_ns = sqlite3_column_int64(row, 10);
	store_column_text(row, 11, n.error, sizeof(n.error));
	n.attempts = (unsigned)sqlite3_column_int(row, 12);
	return call->fn(call->arg, &n);
}

int
store_each_due_notice(struct store *st, int64_t now_ns,
    int (*fn)(void *arg, const struct notice *n), void *arg, struct err *e)
{
	struct notice_call call = {fn, arg};
	sqlite3_stmt *s = store_stmt(st, STORE_NOTICE_EACH_DUE);

	sqlite3_bind_int64(s, 1, now_ns);
	return store_rows(st, s, "read the notices that are due", pass_notice, &call, e);
}

int
store_each_notice(struct store *st, int state_or_minus_1, unsigned limit,
    int (*fn)(void *arg, const struct notice *n), void *arg, struct err *e)
{
	struct notice_call call = {fn, arg};
	sqlite3_stmt *s = store_stmt(st, STORE_NOTICE_EACH);

	sqlite3_bind_int(s, 1, state_or_minus_1);
	sqlite3_bind_int64(s, 2, limit);
	return store_rows(st, s, "read the notices", pass_notice, &call, e);
}

static int
keep_notice(void *arg, const struct notice *n)
{
	*(struct notice *)arg = *n;
	return 1;
}

int
store_get_notice(struct store *st, int64_t id, struct notice *out, struct err *e)
{
	struct notice_call call = {keep_notice, out};
	sqlite3_stmt *s = store_stmt(st, STORE_NOTICE_GET);
	int rc;

	sqlite3_bind_int64(s, 1, id);
	rc = store_rows(st, s, "read a notice", pass_notice, &call, e);
	if (rc == 0)
		return err_set(
		    e, -ENOENT, "there is no notice %lld: see bulkhead notice list", (long long)id);
	return rc < 0 ? rc : 0;
}

static int
count_row(void *arg, sqlite3_stmt *row)
{
	struct notice_counts *out = arg;
	int state = sqlite3_column_int(row, 0);

	if (state >= 0 && state < NOTICE_STATE__COUNT)
		out->states[state] = (uint64_t)sqlite3_column_int64(row, 1);
	if (state == NOTICE_WAITING) {
		out->retrying = (uint64_t)sqlite3_column_int64(row, 2);
		out->oldest_ns = sqlite3_column_int64(row, 3);
	}
	return 0;
}

int
store_count_notices(struct store *st, struct notice_counts *out, struct err *e)
{
	memset(out, 0, sizeof(*out));
	return store_rows(
	    st, store_stmt(st, STORE_NOTICE_COUNT), "count the notices", count_row, out, e);
}

int
store_forget_notices(struct store *st, int64_t before_ns, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_NOTICE_FORGET);

	sqlite3_bind_int64(s, 1, before_ns);
	return store_run(st, s, "remove old notices", e);
}
