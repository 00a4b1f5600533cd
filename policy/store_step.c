/* SPDX-License-Identifier: ISC */
/*
 * Steps on the ladder in the database: the timeline of a server.  bulkhead-guard.
 */
#include "policy/store_private.h"

#include <string.h>

int
store_add_step(struct store *st, const struct store_step *step, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_STEP_ADD);

	store_bind_text(s, 1, step->server);
	sqlite3_bind_int64(s, 2, step->time_ns);
	sqlite3_bind_int(s, 3, step->from);
	sqlite3_bind_int(s, 4, step->to);
	sqlite3_bind_int(s, 5, step->shadow);
	sqlite3_bind_double(s, 6, step->bulk_points);
	sqlite3_bind_double(s, 7, step->abuse_points);
	sqlite3_bind_int64(s, 8, step->until_ns);
	store_bind_text(s, 9, step->case_id);
	store_bind_text(s, 10, step->actor);
	store_bind_text(s, 11, step->reason);
	return store_run(st, s, "store a step", e);
}

struct step_call {
	int (*fn)(void *arg, const struct store_step *step);
	void *arg;
};

static int
pass_step(void *arg, sqlite3_stmt *row)
{
	const struct step_call *call = arg;
	struct store_step step;

	memset(&step, 0, sizeof(step));
	store_column_text(row, 0, step.server, sizeof(step.server));
	step.time_ns = sqlite3_column_int64(row, 1);
	step.from = (uint8_t)sqlite3_column_int(row, 2);
	step.to = (uint8_t)sqlite3_column_int(row, 3);
	step.shadow = sqlite3_column_int(row, 4) != 0;
	step.bulk_points = sqlite3_column_double(row, 5);
	step.abuse_points = sqlite3_column_double(row, 6);
	step.until_ns = sqlite3_column_int64(row, 7);
	store_column_text(row, 8, step.case_id, sizeof(step.case_id));
	store_column_text(row, 9, step.actor, sizeof(step.actor));
	store_column_text(row, 10, step.reason, sizeof(step.reason));
	return call->fn(call->arg, &step);
}

int
store_each_step(struct store *st, const char *server, int64_t from_ns, int64_t to_ns,
    unsigned limit, int (*fn)(void *arg, const struct store_step *step), void *arg, struct err *e)
{
	struct step_call call = {fn, arg};
	sqlite3_stmt *s = store_stmt(st, STORE_STEP_EACH);

	store_bind_text(s, 1, server);
	sqlite3_bind_int64(s, 2, from_ns);
	sqlite3_bind_int64(s, 3, to_ns);
	sqlite3_bind_int64(s, 4, limit);
	return store_rows(st, s, "read the steps of a server", pass_step, &call, e);
}

int
store_forget_steps(struct store *st, int64_t before_ns, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_STEP_FORGET);
	int rc;

	sqlite3_bind_int64(s, 1, before_ns);
	rc = store_run(st, s, "forget old steps", e);
	if (rc < 0)
		return rc;
	s = store_stmt(st, STORE_CASE_FORGET);
	sqlite3_bind_int64(s, 1, before_ns);
	return store_run(st, s, "forget old warnings", e);
}
