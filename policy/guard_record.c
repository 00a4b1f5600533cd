/* SPDX-License-Identifier: ISC */
/*
 * The record of a case: its row, the server's state and the entry in the ledger, in one
 * transaction. bulkhead-guard (judge process).
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policy/ctl_json.h"
#include "policy/guard_private.h"

const char *
guard_question_text(const struct verdict *v)
{
	return v->question >= 0 ? question_name((unsigned)v->question) : "none";
}

void
guard_log_failure(const char *what, const char *server, const struct err *e)
{
	char quoted[600];

	log_event(LOG_LEVEL_ERROR, "guard.database", "what=%s server=%s error=%s", what, server,
	    log_quote(quoted, sizeof(quoted), e->text));
}

/* --- records
 * ----------------------------------------------------------------------------------------- */

int
guard_save_server(struct guard *g, unsigned index, struct err *e)
{
	uint8_t state[JUDGE_STATE_MAX];
	long size = judge_save(g->judge, index, state, sizeof(state));

	if (size < 0)
		return err_set(e, (int)size, "the state of server %s cannot be written down: %s",
		    inventory_get(g->inventory, index)->name, strerror((int)-size));
	return store_put_state(
	    g->store, inventory_get(g->inventory, index)->name, state, (size_t)size, e);
}

static json_t *
block_detail(const struct store_case *c, const struct judge_view *view)
{
	json_t *d = json_object();

	json_object_set_new(d, "case", ctl_json_text(c->case_id));
	json_object_set_new(d, "question", json_string(guard_question_text(&view->verdict)));
	json_object_set_new(d, "bulk", ctl_json_points(c->bulk_points));
	json_object_set_new(d, "abuse", ctl_json_points(c->abuse_points));
	json_object_set_new(d, "until", ctl_json_time(c->until_ns));
	json_object_set_new(d, "messages_before", json_integer((json_int_t)c->messages_before));
	json_object_set_new(d, "pinned", json_boolean(c->pinned));
	json_object_set_new(d, "shadow", json_boolean(c->shadow));
	if (c->reason[0] != '\0')
		json_object_set_new(d, "reason", ctl_json_text(c->reason));
	return d;
}

static double
or_zero(double points)
{
	return isfinite(points) ? points : 0;
}

static void
fill_case(struct store_case *c, const struct guard *g, const struct judge_view *view, bool shadow,
    const char *reason)
{
	const struct verdict *v = &view->verdict;

	memset(c, 0, sizeof(*c));
	snprintf(c->case_id, sizeof(c->case_id), "%s", v->case_id);
	snprintf(c->server, sizeof(c->server), "%s", view->server->name);
	c->question = (uint8_t)(v->question >= 0 ? v->question : QUESTION__COUNT);
	c->by_person = v->by_person;
	c->pinned = v->pinned;
	c->shadow = shadow;
	c->begin_ns = v->blocked_at_ns != 0 ? v->blocked_at_ns : g->now_ns;
	c->until_ns = v->until_ns;
	c->messages_before = v->messages_before_block;
	c->bulk_points = or_zero(view->score[QUESTION_BULK].points);
	c->abuse_points = or_zero(view->score[QUESTION_ABUSE].points);
	snprintf(c->reason, sizeof(c->reason), "%s", reason);
	c->rung = RUNG_BLOCK;
	c->detail = ctl_json_detail(view, &g->settings);
}

/* Inside a transaction: ends the case that stands for the server, unless it is `keep`. */
static int
end_other_case(struct guard *g, const char *server, const char *keep, struct err *e)
{
	struct store_case old;
	int rc = store_get_case(g->store, server, &old, e);

	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	if (old.end_ns == 0 && strcmp(old.case_id, keep) != 0) {
		old.end_ns = g->now_ns;
		rc = store_put_case(g->store, &old, e);
	}
	free(old.detail);
	return rc;
}

/* The case, the server's state and the entry, in one transaction. */
int
guard_record_block(struct guard *g, unsigned index, const struct judge_view *view, bool shadow,
    const char *actor, const char *reason, struct err *e)
{
	struct store_case c;
	int rc;

	guard_write_steps(g); /* what led here comes first in the ledger */
	fill_case(&c, g, view, shadow, reason);
	rc = c.detail != NULL ? store_begin(g->store, e)
			      : err_set(e, -ENOMEM, "no memory to record case %s", c.case_id);
	if (rc < 0)
		goto out;
	rc = end_other_case(g, c.server, c.case_id, e);
	if (rc == 0)
		rc = store_put_case(g->store, &c, e);
	if (rc == 0)
		rc = guard_notice_block(g, &c, e);
	if (rc == 0)
		rc = guard_save_server(g, index, e);
	if (rc == 0)
		rc = guard_write_ledger(g, actor, "block", c.server, block_detail(&c, view), e);
	if (rc == 0)
		rc = store_commit(g->store, e);
	else
		store_rollback(g->store);
out:
	free(c.detail);
	return rc;
}

/* Inside a transaction. */
static int
end_case(struct guard *g, const char *actor, const char *server, const char *why,
    const char *reason, struct err *e)
{
	struct store_case c;
	json_t *detail;
	int rc = store_get_case(g->store, server, &c, e);

	if (rc < 0 && rc != -ENOENT)
		return rc;
	detail = json_pack("{s:s}", "why", why);
	if (reason[0] != '\0')
		json_object_set_new(detail, "reason", ctl_json_text(reason));
	if (rc == 0 && c.end_ns == 0) {
		json_object_set_new(detail, "case", ctl_json_text(c.case_id));
		c.end_ns = g->now_ns;
		rc = store_put_case(g->store, &c, e);
	} else if (rc == -ENOENT) {
		c.detail = NULL;
		rc = 0;
	}
	if (rc == 0)
		rc = guard_write_ledger(g, actor, "release", server, detail, e);
	else
		json_decref(detail);
	free(c.detail);
	return rc;
}

int
guard_record_release(struct guard *g, unsigned index, const char *actor, const char *why,
    const char *reason, struct err *e)
{
	int rc = store_begin(g->store, e);

	if (rc < 0)
		return rc;
	rc = end_case(g, actor, inventory_get(g->inventory, index)->name, why, reason, e);
	if (rc == 0)
		rc = guard_save_server(g, index, e);
	if (rc == 0)
		return store_commit(g->store, e);
	store_rollback(g->store);
	return rc;
}

int
guard_end_case(
    struct guard *g, const char *actor, const char *server, const char *why, struct err *e)
{
	struct store_case c;
	int rc = store_get_case(g->store, server, &c, e);

	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	free(c.detail);
	return c.end_ns == 0 ? end_case(g, actor, server, why, "", e) : 0;
}

static int
collect_case(void *arg, const struct store_case *c)
{
	struct guard_cases *list = arg;

	if (list->count == list->room) {
		size_t room = list->room == 0 ? 16 : list->room * 2;
		struct store_case *grown = realloc(list->cases, room * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		list->cases = grown;
		list->room = room;
	}
	list->cases[list->count] = *c;
	list->cases[list->count].detail = c->detail != NULL ? strdup(c->detail) : NULL;
	list->count++;
	return 0;
}

void
guard_free_cases(struct guard_cases *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->cases[i].detail);
	free(list->cases);
}

int
guard_open_cases(struct guard *g, struct guard_cases *list, struct err *e)
{
	int rc = store_each_open_case(g->store, collect_case, list, e);

	return rc == -ENOMEM ? err_set(e, rc, "no memory to read the open cases") : rc;
}

/* --- prolonged blocks
 * -------------------------------------------------------------------------------- */

/* Prolongations by less than this are only in the judge; it is less than the grace of an element.
 */
#define EXTENSION_MIN_NS (3 * CLOCK_SECOND_NS)

static int
record_extension(
    struct guard *g, unsigned index, struct store_case *c, int64_t until_ns, struct err *e)
{
	int rc = store_begin(g->store, e);

	if (rc < 0)
		return rc;
	c->until_ns = until_ns;
	rc = store_put_case(g->store, c, e);
	if (rc == 0)
		rc = guard_save_server(g, index, e);
	if (rc == 0)
		rc = guard_write_ledger(g, GUARD_ACTOR, "extend", c->server,
		    json_pack("{s:s, s:o}", "case", c->case_id, "until", ctl_json_time(until_ns)),
		    e);
	if (rc == 0)
		return store_commit(g->store, e);
	store_rollback(g->store);
	return rc;
}

static int
extend_one(struct guard *g, struct store_case *c, struct err *e)
{
	int index = inventory_find(g->inventory, c->server);
	char until[CLOCK_ISO_BYTES];
	struct judge_view view;

	if (index < 0 || judge_get(g->judge, (unsigned)index, &view) < 0 ||
	    view.verdict.rung != RUNG_BLOCK || strcmp(view.verdict.case_id, c->case_id) != 0 ||
	    view.verdict.until_ns < c->until_ns + EXTENSION_MIN_NS)
		return 0;
	g->need_reconcile = true;
	log_event(LOG_LEVEL_INFO, "guard.extend", "server=%s case=%s until=%s why=still-trying",
	    c->server, c->case_id, clock_format_iso(until, view.verdict.until_ns));
	guard_note_step(
	    g, (unsigned)index, &view, RUNG_BLOCK, RUNG_BLOCK, c->shadow, GUARD_ACTOR, "");
	return record_extension(g, (unsigned)index, c, view.verdict.until_ns, e);
}

void
guard_record_extensions(struct guard *g)
{
	struct guard_cases list = {.count = 0};
	struct err e;
	int rc;

	if (!g->extended)
		return;
	rc = guard_open_cases(g, &list, &e);
	for (size_t i = 0; rc == 0 && i < list.count; i++)
		rc = extend_one(g, &list.cases[i], &e);
	guard_free_cases(&list);
	g->extended = false;
	/* The kernel follows the judge in any case; the row is tried again with the next
	 * prolongation. */
	if (rc < 0)
		guard_log_failure("extend", "", &e);
}
