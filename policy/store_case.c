/* SPDX-License-Identifier: ISC */
/*
 * Cases in the database: one row per block, from its beginning to its end.  bulkhead-guard.
 */
#include "policy/store_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
store_put_case(struct store *st, const struct store_case *c, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_CASE_PUT);

	store_bind_text(s, 1, c->case_id);
	store_bind_text(s, 2, c->server);
	sqlite3_bind_int(s, 3, c->question);
	sqlite3_bind_int(s, 4, c->by_person);
	sqlite3_bind_int(s, 5, c->pinned);
	sqlite3_bind_int(s, 6, c->shadow);
	sqlite3_bind_int64(s, 7, c->begin_ns);
	sqlite3_bind_int64(s, 8, c->until_ns);
	sqlite3_bind_int64(s, 9, c->end_ns);
	sqlite3_bind_int64(s, 10, (int64_t)c->messages_before);
	sqlite3_bind_double(s, 11, c->bulk_points);
	sqlite3_bind_double(s, 12, c->abuse_points);
	store_bind_text(s, 13, c->detail != NULL ? c->detail : "{}");
	store_bind_text(s, 14, c->reason);
	sqlite3_bind_int(s, 15, c->rung != RUNG_CLEAR ? c->rung : RUNG_BLOCK);
	return store_run(st, s, "store a case", e);
}

/* c->detail is heap; NULL only without memory. */
static void
read_case(sqlite3_stmt *row, struct store_case *c)
{
	const unsigned char *detail = sqlite3_column_text(row, 12);

	memset(c, 0, sizeof(*c));
	store_column_text(row, 0, c->case_id, sizeof(c->case_id));
	store_column_text(row, 1, c->server, sizeof(c->server));
	c->question = (uint8_t)sqlite3_column_int(row, 2);
	c->by_person = sqlite3_column_int(row, 3) != 0;
	c->pinned = sqlite3_column_int(row, 4) != 0;
	c->shadow = sqlite3_column_int(row, 5) != 0;
	c->begin_ns = sqlite3_column_int64(row, 6);
	c->until_ns = sqlite3_column_int64(row, 7);
	c->end_ns = sqlite3_column_int64(row, 8);
	c->messages_before = (uint64_t)sqlite3_column_int64(row, 9);
	c->bulk_points = sqlite3_column_double(row, 10);
	c->abuse_points = sqlite3_column_double(row, 11);
	c->detail = strdup(detail != NULL ? (const char *)detail : "{}");
	store_column_text(row, 13, c->reason, sizeof(c->reason));
	c->rung = (uint8_t)sqlite3_column_int(row, 14);
}

/* 0 when the statement gave a row, -ENOENT when not, or the error. */
static int
get_one(struct store *st, sqlite3_stmt *s, struct store_case *c, struct err *e)
{
	int rc = sqlite3_step(s);

	if (rc == SQLITE_ROW) {
		read_case(s, c);
		rc = c->detail != NULL
			 ? 0
			 : err_set(e, -ENOMEM, "no memory to read case %s", c->case_id);
	} else if (rc == SQLITE_DONE) {
		rc = -ENOENT;
	} else {
		rc = store_fail(st, "read a case", e);
	}
	sqlite3_reset(s);
	return rc;
}

int
store_get_case(struct store *st, const char *case_or_server, struct store_case *c, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_CASE_GET);
	int rc;

	store_bind_text(s, 1, case_or_server);
	rc = get_one(st, s, c, e);
	if (rc != -ENOENT)
		return rc;
	s = store_stmt(st, STORE_CASE_NEWEST);
	store_bind_text(s, 1, case_or_server);
	rc = get_one(st, s, c, e);
	if (rc != -ENOENT)
		return rc;
	return err_set(e, -ENOENT,
	    "there is no case or blocked server \"%s\": see bulkhead server list", case_or_server);
}

struct case_call {
	int (*fn)(void *arg, const struct store_case *c);
	void *arg;
};

static int
pass_case(void *arg, sqlite3_stmt *row)
{
	const struct case_call *call = arg;
	struct store_case c;
	int rc;

	read_case(row, &c);
	rc = call->fn(call->arg, &c);
	free(c.detail);
	return rc;
}

int
store_each_open_case(
    struct store *st, int (*fn)(void *arg, const struct store_case *c), void *arg, struct err *e)
{
	struct case_call call = {fn, arg};

	return store_rows(
	    st, store_stmt(st, STORE_CASE_EACH_OPEN), "read the open cases", pass_case, &call, e);
}

int
store_each_case_of(struct store *st, const char *server, unsigned limit,
    int (*fn)(void *arg, const struct store_case *c), void *arg, struct err *e)
{
	struct case_call call = {fn, arg};
	sqlite3_stmt *s = store_stmt(st, STORE_CASE_EACH_OF);

	store_bind_text(s, 1, server);
	sqlite3_bind_int64(s, 2, limit);
	return store_rows(st, s, "read the cases of a server", pass_case, &call, e);
}

int
store_list_cases(struct store *st, const struct store_case_filter *filter,
    int (*fn)(void *arg, const struct store_case *c), void *arg, struct err *e)
{
	struct case_call call = {fn, arg};
	sqlite3_stmt *s = store_stmt(st, STORE_CASE_LIST);

	store_bind_text(s, 1, filter->server != NULL ? filter->server : "");
	sqlite3_bind_int(s, 2, filter->shadow_only);
	sqlite3_bind_int(s, 3, filter->blocks_only ? RUNG_BLOCK : RUNG_WARN);
	sqlite3_bind_int(s, 4, filter->open_only);
	sqlite3_bind_int64(s, 5, filter->limit);
	return store_rows(st, s, "list the cases", pass_case, &call, e);
}

int
store_shift_cases(struct store *st, int64_t by_ns, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_CASE_SHIFT);

	sqlite3_bind_int64(s, 1, by_ns);
	return store_run(st, s, "move the open cases with the clock", e);
}

int
store_get_case_below(struct store *st, const char *server, struct store_case *c, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_CASE_OPEN_BELOW);

	store_bind_text(s, 1, server);
	return get_one(st, s, c, e);
}

int
store_end_case_below(struct store *st, const char *server, int64_t end_ns, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_CASE_END_BELOW);

	store_bind_text(s, 1, server);
	sqlite3_bind_int64(s, 2, end_ns);
	return store_run(st, s, "end a warning", e);
}
