/* SPDX-License-Identifier: ISC */
/*
 * The timeline: every step on the ladder with who took it, and warnings and throttles as cases of
 * their own.  Noted when they happen, written with the next tick: a verdict waits for no disk.
 * bulkhead-guard (judge process).
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
#include "policy/verdict.h"

#define STEPS_MAX	4096 /* that wait for the next tick; more is a flood, and is counted */
#define FORGET_EVERY_NS CLOCK_HOUR_NS

struct guard_step {
	struct store_step step;
	struct store_case warning; /* case_id "": none begins */
	bool is_own;		   /* the judge's, not a person's */
	const char *question;
	double bulk_points, abuse_points; /* also infinite */
};

/* True for an upward step to a rung that is a case of its own. */
static bool
begins_case(unsigned from, unsigned to)
{
	return to > from && (to == RUNG_WARN || to == RUNG_THROTTLE);
}

static double
or_zero(double points)
{
	return isfinite(points) ? points : 0;
}

static void
fill_warning(struct store_case *c, const struct guard *g, const struct judge_view *view,
    const struct store_step *step)
{
	const struct verdict *v = &view->verdict;

	snprintf(c->case_id, sizeof(c->case_id), "%s", step->case_id);
	snprintf(c->server, sizeof(c->server), "%s", step->server);
	c->question = (uint8_t)(v->question >= 0 ? v->question : QUESTION__COUNT);
	c->shadow = step->shadow;
	c->begin_ns = step->time_ns;
	c->until_ns = v->until_ns;
	c->messages_before = view->counts.messages + view->counts.messages_estimated;
	c->bulk_points = step->bulk_points;
	c->abuse_points = step->abuse_points;
	c->rung = step->to;
	c->detail = ctl_json_detail(view, &g->settings);
}

static struct guard_step *
take_step(struct guard *g)
{
	if (g->step_count == STEPS_MAX) {
		g->steps_lost++;
		return NULL;
	}
	memset(&g->steps[g->step_count], 0, sizeof(*g->steps));
	return &g->steps[g->step_count++];
}

int
guard_open_steps(struct guard *g, struct err *e)
{
	g->steps = calloc(STEPS_MAX, sizeof(*g->steps));
	return g->steps == NULL
		   ? err_set(e, -ENOMEM, "no memory for %d steps on the ladder", STEPS_MAX)
		   : 0;
}

void
guard_note_step(struct guard *g, unsigned index, const struct judge_view *view, unsigned from,
    unsigned to, bool shadow, const char *actor, const char *reason)
{
	struct guard_step *s = take_step(g);
	struct store_step *step;

	if (s == NULL)
		return;
	step = &s->step;
	snprintf(step->server, sizeof(step->server), "%s", view->server->name);
	step->time_ns =
	    view->verdict.since_ns != 0 && from != to ? view->verdict.since_ns : g->now_ns;
	step->until_ns = view->verdict.until_ns;
	step->from = (uint8_t)from;
	step->to = (uint8_t)to;
	step->shadow = shadow;
	step->bulk_points = or_zero(view->score[QUESTION_BULK].points);
	step->abuse_points = or_zero(view->score[QUESTION_ABUSE].points);
	s->is_own = strcmp(actor, GUARD_ACTOR) == 0;
	s->question = guard_question_text(&view->verdict);
	s->bulk_points = view->score[QUESTION_BULK].points;
	s->abuse_points = view->score[QUESTION_ABUSE].points;
	snprintf(step->actor, sizeof(step->actor), "%s", actor);
	snprintf(step->reason, sizeof(step->reason), "%s", reason);
	if (to == RUNG_BLOCK || from == RUNG_BLOCK)
		snprintf(step->case_id, sizeof(step->case_id), "%s", view->verdict.case_id);
	if (!begins_case(from, to))
		return;
	verdict_case_id(step->case_id, step->server, step->time_ns);
	fill_warning(&s->warning, g, view, step);
	guard_history_keep(g, index, step->case_id);
}

/* A throttle is a decision: an entry of the ledger, with the time of the step. */
static int
write_throttle(struct guard *g, const struct guard_step *s, struct err *e)
{
	return guard_write_ledger_at(g, s->step.time_ns, GUARD_ACTOR, "throttle", s->step.server,
	    json_pack("{s:s, s:o, s:o, s:b}", "question", s->question, "bulk",
		ctl_json_points(s->bulk_points), "abuse", ctl_json_points(s->abuse_points),
		"shadow", s->step.shadow),
	    e);
}

/* Inside a transaction. */
static int
write_step(struct guard *g, struct guard_step *s, struct err *e)
{
	const struct store_step *step = &s->step;
	int rc = store_add_step(g->store, step, e);

	/* Whatever comes next, the warning before it is over; a throttle that eases to a warning is
	 * no case of its own. */
	if (rc == 0 && step->from != step->to)
		rc = store_end_case_below(g->store, step->server, step->time_ns, e);
	if (rc == 0 && s->warning.case_id[0] != '\0')
		rc = store_put_case(g->store, &s->warning, e);
	if (rc < 0 || !s->is_own || step->from == step->to)
		return rc;
	if (step->to == RUNG_WARN && step->from < RUNG_WARN)
		guard_notice_warn(g, step->server);
	return step->to == RUNG_THROTTLE ? write_throttle(g, s, e) : 0;
}

static void
clear_steps(struct guard *g)
{
	for (unsigned i = 0; i < g->step_count; i++)
		free(g->steps[i].warning.detail);
	g->step_count = 0;
}

static void
forget_old(struct guard *g)
{
	struct err e;

	if (g->now_ns < g->next_forget_ns && g->next_forget_ns - g->now_ns <= FORGET_EVERY_NS)
		return;
	g->next_forget_ns = g->now_ns + FORGET_EVERY_NS;
	if (store_forget_steps(g->store, g->now_ns - g->settings.case_retention_ns, &e) < 0)
		guard_log_failure("forget", "", &e);
}

void
guard_write_steps(struct guard *g)
{
	struct err e;
	int rc;

	forget_old(g);
	if (g->steps_lost > 0)
		log_event(LOG_LEVEL_WARN, "guard.steps.lost", "steps=%llu",
		    (unsigned long long)g->steps_lost);
	g->steps_lost = 0;
	if (g->step_count == 0)
		return;
	rc = store_begin(g->store, &e);
	if (rc < 0) { /* tried again with the next tick, as long as there is room */
		guard_log_failure("step", "", &e);
		return;
	}
	for (unsigned i = 0; rc == 0 && i < g->step_count; i++)
		rc = write_step(g, &g->steps[i], &e);
	if (rc == 0)
		rc = store_commit(g->store, &e);
	else
		store_rollback(g->store);
	if (rc < 0)
		guard_log_failure("step", "", &e);
	else
		clear_steps(g);
}

void
guard_close_steps(struct guard *g)
{
	if (g->store != NULL)
		guard_write_steps(g);
	clear_steps(g);
	free(g->steps);
	g->steps = NULL;
}
