/* SPDX-License-Identifier: ISC */
/*
 * Cases: a block, from the decision to the kernel and to its record.  Decisions of
 * the judge come through guard_on_change(), decisions of people through guard_block() and
 * guard_release(). bulkhead-guard (judge process).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policy/ctl_json.h"
#include "policy/guard_private.h"

/* --- decisions of the judge
 * -------------------------------------------------------------------------- */

/* The database refused: the decision stands in the judge and in the kernel, and is tried again. */
static void
owe(struct guard *g, const char *what, const char *server, const struct err *e)
{
	g->unrecorded = true;
	guard_log_failure(what, server, e);
}

static void
log_block(const struct judge_view *view, bool shadow, const char *actor)
{
	const struct verdict *v = &view->verdict;
	char until[CLOCK_ISO_BYTES] = "never", quoted[80];

	if (v->until_ns != 0 && !v->pinned)
		clock_format_iso(until, v->until_ns);
	log_event(LOG_LEVEL_WARN, shadow ? "guard.block.shadow" : "guard.block",
	    "server=%s case=%s question=%s score=%.1f bulk=%.1f abuse=%.1f messages_before=%llu "
	    "until=%s by=%s",
	    view->server->name, v->case_id, guard_question_text(v),
	    v->question >= 0 ? view->score[v->question].points : 0.0,
	    view->score[QUESTION_BULK].points, view->score[QUESTION_ABUSE].points,
	    (unsigned long long)v->messages_before_block, until,
	    log_quote(quoted, sizeof(quoted), actor));
}

static void
on_block(struct guard *g, const struct verdict_change *ch, const struct judge_view *view)
{
	bool shadow = ch->shadow || !guard_is_enforced(g, ch->index);
	struct err e;

	/* The kernel first, and not waited for: the record takes milliseconds, in which a mailing
	 * goes on.  If the guard dies in between, the next one finds an element without a case and
	 * takes it away; if the database refuses, reconcile waits until it has taken the record. */
	if (!shadow)
		guard_enforce(g, ch->index, &view->verdict, false, NULL);
	if (!shadow && ch->from == RUNG_THROTTLE)
		guard_throttle(g, ch->index, false);
	if (guard_record_block(g, ch->index, view, shadow, GUARD_ACTOR, "", &e) < 0)
		owe(g, "block", view->server->name, &e);
	log_block(view, shadow, GUARD_ACTOR);
	guard_note_step(g, ch->index, view, ch->from, RUNG_BLOCK, shadow, GUARD_ACTOR, "");
	guard_history_keep(g, ch->index, view->verdict.case_id);
	if (!shadow && view->verdict.question == QUESTION_ABUSE)
		guard_suspend_grants(g, view->server->name, view->verdict.case_id);
}

static void
on_release(struct guard *g, const struct verdict_change *ch, const struct judge_view *view)
{
	struct err e;

	if (guard_record_release(
		g, ch->index, GUARD_ACTOR, ch->lifted_by_time ? "time" : "score", "", &e) < 0)
		owe(g, "release", view->server->name, &e);
	log_event(LOG_LEVEL_INFO, "guard.release", "server=%s case=%s why=%s", view->server->name,
	    view->verdict.case_id, ch->lifted_by_time ? "time" : "score");
	guard_unenforce(g, ch->index, view->verdict.case_id, NULL);
}

/* Rungs below a block.  What the database is to know of them waits for the tick: a mailing at full
 * speed is six messages from `watch` to the block, and they shall not wait for a disk. */
static void
on_rung(struct guard *g, const struct verdict_change *ch, const struct judge_view *view)
{
	const struct verdict *v = &view->verdict;

	log_event(ch->to > ch->from ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "guard.verdict",
	    "server=%s from=%s to=%s question=%s bulk=%.1f abuse=%.1f", view->server->name,
	    rung_name(ch->from), rung_name(ch->to), guard_question_text(v),
	    view->score[QUESTION_BULK].points, view->score[QUESTION_ABUSE].points);
	if (ch->from == RUNG_THROTTLE || ch->to == RUNG_THROTTLE)
		guard_throttle(g, ch->index, ch->to == RUNG_THROTTLE);
}

void
guard_on_change(void *arg, const struct verdict_change *change)
{
	struct guard *g = arg;
	struct judge_view view;

	if (g->deciding || judge_get(g->judge, change->index, &view) < 0)
		return;
	if (change->from == RUNG_BLOCK && change->to == RUNG_BLOCK) {
		/* A server that keeps trying can prolong its block many times a second. */
		g->extended = true;
		return;
	}
	if (change->to == RUNG_BLOCK) {
		on_block(g, change, &view);
		return;
	}
	guard_note_step(g, change->index, &view, change->from, change->to, change->shadow,
	    GUARD_ACTOR,
	    change->from == RUNG_BLOCK ? (change->lifted_by_time ? "time" : "score") : "");
	if (change->from == RUNG_BLOCK)
		on_release(g, change, &view);
	on_rung(g, change, &view);
}

/* Brings the record of one server in line with the judge; true when the database took it. */
static bool
record_one(struct guard *g, unsigned index)
{
	struct judge_view view;
	struct store_case c;
	struct err e;
	bool stands, known, same;
	int rc;

	if (judge_get(g->judge, index, &view) < 0)
		return true;
	rc = store_get_case(g->store, view.server->name, &c, &e);
	if (rc < 0 && rc != -ENOENT)
		return false;
	known = rc == 0 && c.end_ns == 0;
	same = known && strcmp(c.case_id, view.verdict.case_id) == 0;
	if (rc == 0)
		free(c.detail);
	stands = view.verdict.rung == RUNG_BLOCK;
	if (stands && !same)
		return guard_record_block(
			   g, index, &view, !guard_is_enforced(g, index), GUARD_ACTOR, "", &e) == 0;
	if (!stands && known)
		return guard_record_release(g, index, GUARD_ACTOR, "score", "", &e) == 0;
	return true;
}

bool
guard_record_owed(struct guard *g)
{
	for (unsigned i = 0; g->unrecorded && i < inventory_count(g->inventory); i++)
		if (!record_one(g, i))
			return false;
	g->unrecorded = false;
	return true;
}

/* --- decisions of people
 * ----------------------------------------------------------------------------- */

static int
check_reason(const char *reason, struct err *e)
{
	if (reason == NULL || reason[0] == '\0')
		return err_set(e, -EINVAL, "say why: a reason is part of the record");
	if (strlen(reason) >= sizeof(((struct store_case *)0)->reason))
		return err_set(e, -EINVAL, "the reason is longer than %zu bytes: shorten it",
		    sizeof(((struct store_case *)0)->reason) - 1);
	return 0;
}

static int
check_index(const struct guard *g, unsigned index, struct err *e)
{
	if (index >= inventory_count(g->inventory))
		return err_set(
		    e, -ENOENT, "there is no server number %u: ask for the list again", index);
	return 0;
}

/* What the judge knew before a person's decision, to go back to when the database refuses it. */
struct before {
	uint8_t state[JUDGE_STATE_MAX];
	long size;
};

static void
remember(struct before *b, const struct guard *g, unsigned index)
{
	b->size = judge_save(g->judge, index, b->state, sizeof(b->state));
}

static void
go_back(const struct before *b, struct guard *g, unsigned index)
{
	if (b->size > 0)
		judge_restore(g->judge, index, b->state, (size_t)b->size);
	else
		judge_release(
		    g->judge, index, g->now_ns, NULL); /* it knew nothing of this server */
}

int
guard_block(struct guard *g, unsigned index, const char *actor, const char *reason, int64_t for_ns,
    bool pin, struct err *e)
{
	struct before before;
	struct judge_view view;
	unsigned from;
	bool shadow;
	int rc = check_index(g, index, e);

	if (rc == 0)
		rc = check_reason(reason, e);
	if (rc < 0)
		return rc;
	judge_get(g->judge, index, &view);
	from = view.verdict.rung;
	remember(&before, g, index);
	g->deciding = true;
	rc = judge_block(g->judge, index, g->now_ns, for_ns, pin, e);
	g->deciding = false;
	if (rc < 0)
		return rc;
	judge_get(g->judge, index, &view);
	shadow = !guard_is_enforced(g, index);
	rc = guard_record_block(g, index, &view, shadow, actor, reason, e);
	if (rc < 0) {
		go_back(&before, g, index);
		return rc;
	}
	log_block(&view, shadow, actor);
	guard_note_step(g, index, &view, from, RUNG_BLOCK, shadow, actor, reason);
	guard_history_mark(g, view.server->name, HISTORY_BLOCKED);
	guard_history_keep(g, index, view.verdict.case_id);
	if (shadow)
		return 0;
	rc = guard_enforce(g, index, &view.verdict, true, e);
	if (rc < 0)
		err_wrap(e,
		    "%s is recorded as blocked and will be tried again, but the kernel refused",
		    view.server->name);
	return rc;
}

static void
note_release(struct guard *g, unsigned index, const struct judge_view *before, const char *actor,
    const char *reason)
{
	struct judge_view after = *before;

	after.verdict.since_ns = g->now_ns;
	after.verdict.until_ns = 0;
	guard_note_step(g, index, &after, before->verdict.rung, RUNG_CLEAR, before->verdict.shadow,
	    actor, reason);
	guard_history_mark(g, before->server->name, HISTORY_RELEASED);
}

int
guard_release(struct guard *g, unsigned index, const char *actor, const char *reason, struct err *e)
{
	struct before before;
	struct judge_view view;
	char quoted[80];
	int rc = check_index(g, index, e);

	if (rc == 0)
		rc = check_reason(reason, e);
	if (rc < 0)
		return rc;
	judge_get(g->judge, index, &view);
	remember(&before, g, index);
	g->deciding = true;
	rc = judge_release(g->judge, index, g->now_ns, e);
	g->deciding = false;
	if (rc < 0)
		return rc;
	rc = guard_record_release(g, index, actor, "person", reason, e);
	if (rc < 0) {
		go_back(&before, g, index);
		return rc;
	}
	log_event(LOG_LEVEL_INFO, "guard.release", "server=%s case=%s why=person by=%s",
	    view.server->name, view.verdict.case_id, log_quote(quoted, sizeof(quoted), actor));
	note_release(g, index, &view, actor, reason);
	rc = guard_unenforce(g, index, view.verdict.case_id, e);
	if (rc < 0)
		err_wrap(e,
		    "%s is recorded as released and will be tried again, but the kernel refused",
		    view.server->name);
	return rc;
}

/* --- after a start, and after a change of mode
 * ------------------------------------------------------- */

/* The judge forgot this block (its state was of another version, or lost): block again under a new
 * case. */
static int
adopt(struct guard *g, unsigned index, struct store_case *old, struct err *e)
{
	int64_t left_ns = old->until_ns > g->now_ns ? old->until_ns - g->now_ns : CLOCK_MINUTE_NS;
	struct judge_view view;
	char reason[256];
	int rc;

	g->deciding = true;
	rc = judge_block(g->judge, index, g->now_ns, old->pinned ? 0 : left_ns, old->pinned, e);
	g->deciding = false;
	if (rc < 0)
		return rc;
	judge_get(g->judge, index, &view);
	snprintf(reason, sizeof(reason), "continues case %s", old->case_id);
	log_event(LOG_LEVEL_WARN, "guard.case.continued", "server=%s old=%s new=%s", old->server,
	    old->case_id, view.verdict.case_id);
	g->continuing = true;
	rc = guard_record_block(g, index, &view, old->shadow, GUARD_ACTOR, reason, e);
	g->continuing = false;
	return rc;
}

static int
adopt_one(struct guard *g, struct store_case *c, struct err *e)
{
	int index = inventory_find(g->inventory, c->server);
	struct judge_view view;

	if (index < 0) {
		log_event(LOG_LEVEL_WARN, "guard.case.ownerless", "server=%s case=%s", c->server,
		    c->case_id);
		return guard_end_case(
		    g, GUARD_ACTOR, c->server, "the server is not in the inventory", e);
	}
	if (judge_get(g->judge, (unsigned)index, &view) == 0 && view.verdict.rung == RUNG_BLOCK &&
	    strcmp(view.verdict.case_id, c->case_id) == 0)
		return 0;
	return adopt(g, (unsigned)index, c, e);
}

int
guard_adopt_cases(struct guard *g, struct err *e)
{
	struct guard_cases list = {.count = 0};
	int rc = guard_open_cases(g, &list, e);

	for (size_t i = 0; rc == 0 && i < list.count; i++)
		rc = adopt_one(g, &list.cases[i], e);
	guard_free_cases(&list);
	return rc;
}

static int
align_one(struct guard *g, const char *actor, struct store_case *c, struct err *e)
{
	int index = inventory_find(g->inventory, c->server);
	bool shadow = index < 0 || !guard_is_enforced(g, (unsigned)index);
	struct judge_view view;
	int rc;

	if (shadow == c->shadow)
		return 0;
	/* The judge decides its own shadow blocks anew, under a new case. */
	if (!shadow && !c->by_person && judge_get(g->judge, (unsigned)index, &view) == 0 &&
	    view.verdict.shadow)
		return 0;
	c->shadow = shadow;
	rc = store_put_case(g->store, c, e);
	if (rc == 0)
		rc = guard_notice_block(g, c, e);
	if (rc < 0)
		return rc;
	return guard_write_ledger(g, actor, shadow ? "unenforce" : "enforce", c->server,
	    json_pack("{s:s}", "case", c->case_id), e);
}

int
guard_align_cases(struct guard *g, const char *server_or_null, const char *actor, struct err *e)
{
	struct guard_cases list = {.count = 0};
	int rc = guard_open_cases(g, &list, e);

	for (size_t i = 0; rc == 0 && i < list.count; i++)
		if (server_or_null == NULL || strcmp(server_or_null, list.cases[i].server) == 0)
			rc = align_one(g, actor, &list.cases[i], e);
	guard_free_cases(&list);
	return rc;
}
