/* SPDX-License-Identifier: ISC */
/*
 * The guard and the kernel: single changes through the enforcer, and reconcile, which makes the
 * kernel equal to the database.  bulkhead-guard (judge process).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policy/ctl_json.h"
#include "policy/guard_private.h"
#include "policy/responder_feed.h"

/* Both clocks run alike; what differs by more was prolonged, shortened, or changed by somebody
 * else. */
#define TIMEOUT_SLACK_NS   (2 * CLOCK_SECOND_NS)
#define RECONCILE_EVERY_NS (30 * CLOCK_SECOND_NS)
/* By the timer at most this part of the time: 100,000 elements are read in 1.4 s. */
#define RECONCILE_SHARE 20
#define RETRY_AFTER_NS	(2 * CLOCK_SECOND_NS)
/* Lines per reconcile; what is beyond is counted. */
#define LINES_MAX 50
/* A kernel that stays behind is told of this often. */
#define BEHIND_EVERY_NS CLOCK_MINUTE_NS

/* --- single changes
 * ---------------------------------------------------------------------------------- */

static void
note_failure(struct guard *g, const char *verb, const char *server, const char *why)
{
	char quoted[600];

	g->need_reconcile = true;
	g->not_before_ns = g->now_ns + RETRY_AFTER_NS;
	log_event(LOG_LEVEL_ERROR, "guard.enforce.failed", "verb=%s server=%s error=%s", verb,
	    server, log_quote(quoted, sizeof(quoted), why));
	guard_note(g, "enforce.failed", server,
	    json_pack("{s:s, s:o}", "verb", verb, "error", ctl_json_text(why)));
}

int
guard_enforce(
    struct guard *g, unsigned index, const struct verdict *verdict, bool wait, struct err *e)
{
	const struct server *s = inventory_get(g->inventory, index);
	struct err why = {0};
	struct plan plan;
	int rc;

	plan_init(&plan);
	rc = guard_plan_server(g, &plan, s, PLAN_SET_BLOCKED,
	    guard_block_timeout(g, verdict->until_ns, verdict->pinned), verdict->case_id, &why);
	plan_finish(&plan);
	if (plan.count > 0)
		plan.elements[0].packets = judge_get_refused(g->judge, index);
	if (rc == 0 && plan.count > 0)
		rc = wait
			 ? enforce_block(g->enforce, plan.elements, plan.count, &why)
			 : enforce_post_block(g->enforce, s->name, plan.elements, plan.count, &why);
	if (rc == 0)
		responder_feed_put(g->responders, plan.elements, plan.count, true);
	plan_fini(&plan);
	if (rc == 0)
		return 0;
	note_failure(g, "block", s->name, why.text);
	return err_set(e, rc, "%s", why.text);
}

void
guard_throttle(struct guard *g, unsigned index, bool on)
{
	const struct server *s = inventory_get(g->inventory, index);
	struct err why = {0};
	struct plan plan;
	int rc;

	if (g->enforce == NULL || (on && !guard_is_throttled(g, index)))
		return;
	plan_init(&plan);
	rc = guard_plan_server(g, &plan, s, PLAN_SET_THROTTLED,
	    on ? guard_throttle_timeout(g, judge_verdict(g->judge, index)->until_ns) : 0, "", &why);
	plan_finish(&plan);
	if (rc == 0 && plan.count > 0)
		rc =
		    on ? enforce_post_block(g->enforce, s->name, plan.elements, plan.count, &why)
		       : enforce_post_release(g->enforce, s->name, plan.elements, plan.count, &why);
	plan_fini(&plan);
	if (rc < 0)
		note_failure(g, on ? "throttle" : "unthrottle", s->name, why.text);
}

int
guard_unenforce(struct guard *g, unsigned index, const char *case_id, struct err *e)
{
	const struct server *s = inventory_get(g->inventory, index);
	struct err why = {0};
	struct plan plan;
	int rc;

	if (g->enforce == NULL)
		return 0;
	plan_init(&plan);
	rc = plan_add_server(&plan, s, PLAN_SET_BLOCKED, 0, case_id);
	if (rc == -EINVAL || rc == -ENODATA) /* what does not fit was not added either */
		rc = 0;
	else if (rc < 0)
		err_set(
		    &why, rc, "server %s does not fit into the plan: %s", s->name, strerror(-rc));
	plan_finish(&plan);
	if (rc == 0 && plan.count > 0)
		rc = enforce_release(g->enforce, plan.elements, plan.count, &why);
	if (rc == 0)
		responder_feed_put(g->responders, plan.elements, plan.count, false);
	plan_fini(&plan);
	if (rc == 0)
		return 0;
	note_failure(g, "release", s->name, why.text);
	return err_set(e, rc, "%s", why.text);
}

/* --- the difference
 * ---------------------------------------------------------------------------------- */

struct difference {
	const struct plan *actual;
	struct plan add, remove;
	unsigned added, refreshed, removed, lines;
	const char *why;
	int rc;
};

/* The kernel's brake is loose for so long after a beat: longer than any restart or upgrade takes.
 */
#define ALIVE_NS      (3 * CLOCK_MINUTE_NS)
#define BEAT_EVERY_NS (10 * CLOCK_SECOND_NS)
/* A guard without a sensor judges nothing: that is not alive.  Sensors report every ten seconds. */
#define SENSOR_SILENCE_NS CLOCK_MINUTE_NS

static bool
hears_a_sensor(const struct guard *g)
{
	for (unsigned i = 0; i < GUARD_SENSORS_MAX; i++)
		if (g->sensors[i].fd >= 0 && g->sensors[i].connected_ns != 0 &&
		    g->now_ns - g->sensors[i].last_heard_ns < SENSOR_SILENCE_NS)
			return true;
	return false;
}

void
guard_beat(struct guard *g, bool at_once)
{
	static struct log_limit limit = {.per_second = 1};
	char quoted[600];
	struct err e;

	if (g->enforce == NULL || (!at_once && g->now_ns < g->next_beat_ns &&
				      g->next_beat_ns - g->now_ns <= BEAT_EVERY_NS))
		return;
	g->next_beat_ns = g->now_ns + BEAT_EVERY_NS;
	if (enforce_beat(g->enforce, hears_a_sensor(g) ? ALIVE_NS : 0, guard_is_armed(g), &e) < 0)
		log_event_limited(&limit, LOG_LEVEL_ERROR, "guard.beat", "error=%s",
		    log_quote(quoted, sizeof(quoted), e.text));
}

static bool
stands(const struct plan *p, const struct plan_element *element)
{
	unsigned low = 0, high = p->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		int order = plan_compare(&p->elements[middle], element);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static void
log_difference(struct difference *d, const char *what, const struct plan_element *element)
{
	char key[ADDR_TEXT_BYTES];

	if (d->lines++ >= LINES_MAX)
		return;
	if (element->ifname[0] == '\0')
		addr_prefix_format(key, &element->prefix);
	else
		snprintf(key, sizeof(key), "%s", element->ifname);
	log_event(LOG_LEVEL_INFO, "guard.reconcile", "what=%s set=%s key=%s case=%s why=%s", what,
	    plan_set_name(element->set), key, element->case_id, d->why);
}

static void
on_add(void *arg, const struct plan_element *element)
{
	struct difference *d = arg;
	bool refresh = stands(d->actual, element);
	int rc = plan_add(&d->add, element);

	d->rc = rc < 0 ? rc : d->rc;
	d->refreshed += refresh;
	d->added += !refresh;
	log_difference(d, refresh ? "refresh" : "add", element);
}

static void
on_remove(void *arg, const struct plan_element *element)
{
	struct difference *d = arg;
	int rc = plan_add(&d->remove, element);

	/* An element that our plan could not hold is still one to be removed. */
	d->rc = rc < 0 && rc != -EINVAL ? rc : d->rc;
	d->removed++;
	log_difference(d, "remove", element);
}

/* Additions alone or removals alone keep the counters of everything else; both at once must be one
 * transaction, so that no moment is half of each. */
static int
apply(struct guard *g, const struct plan *desired, const struct difference *d, struct err *e)
{
	if (d->removed == 0)
		return enforce_block(g->enforce, d->add.elements, d->add.count, e);
	if (d->add.count == 0 && d->remove.count == d->removed)
		return enforce_release(g->enforce, d->remove.elements, d->remove.count, e);
	return enforce_replace_all(g->enforce, desired, e);
}

/* What a decision brought about has its own entry; what was found to be different needs one. */
static void
note_difference(struct guard *g, const struct difference *d)
{
	if (d->lines > LINES_MAX)
		log_event(LOG_LEVEL_INFO, "guard.reconcile", "why=%s suppressed=%u", d->why,
		    d->lines - LINES_MAX);
	if (strcmp(d->why, "change") != 0 && (d->added > 0 || d->removed > 0))
		guard_note(g, "reconcile", "kernel",
		    json_pack("{s:s, s:i, s:i}", "why", d->why, "added", (int)d->added, "removed",
			(int)d->removed));
}

/* What the kernel counted goes with elements that are renewed. */
static void
keep_refused(struct plan *desired, const struct plan *actual)
{
	unsigned a = 0;

	for (unsigned d = 0; d < desired->count; d++) {
		while (a < actual->count &&
		       plan_compare(&actual->elements[a], &desired->elements[d]) < 0)
			a++;
		if (a < actual->count &&
		    plan_compare(&actual->elements[a], &desired->elements[d]) == 0)
			desired->elements[d].packets = actual->elements[a].packets;
	}
}

struct refused {
	char case_id[JUDGE_CASE_BYTES];
	uint64_t packets;
};

static int
compare_cases(const void *a, const void *b)
{
	const struct refused *x = a, *y = b;

	return strncmp(x->case_id, y->case_id, sizeof(x->case_id));
}

/* What the blocks of each case refused, sorted by case, so that many servers find theirs in little
 * time; the caller frees it.  NULL without memory or blocks. */
static struct refused *
refused_by_case(const struct plan *desired, unsigned *count)
{
	struct refused *list;
	unsigned n = 0;

	while (n < desired->count && desired->elements[n].set == PLAN_SET_BLOCKED)
		n++;
	*count = 0;
	list = n > 0 ? calloc(n, sizeof(*list)) : NULL;
	if (list == NULL)
		return NULL;
	for (unsigned i = 0; i < n; i++) {
		memcpy(list[i].case_id, desired->elements[i].case_id, sizeof(list[i].case_id));
		list[i].packets = desired->elements[i].packets;
	}
	qsort(list, n, sizeof(list[0]), compare_cases);
	for (unsigned i = 0; i < n; i++) {
		if (*count > 0 && compare_cases(&list[*count - 1], &list[i]) == 0)
			list[*count - 1].packets += list[i].packets;
		else
			list[(*count)++] = list[i];
	}
	return list;
}

/* Tells the judge what the kernel refused. */
static void
take_refused(struct guard *g, struct plan *desired, const struct plan *actual)
{
	bool blind = !hears_a_sensor(g);
	struct refused *by_case;
	unsigned count;

	keep_refused(desired, actual);
	by_case = refused_by_case(desired, &count);
	for (unsigned i = 0; by_case != NULL && i < inventory_count(g->inventory); i++) {
		const struct verdict *v = judge_verdict(g->judge, i);
		const struct refused *found;
		struct refused key = {.packets = 0};

		if (v == NULL || v->rung != RUNG_BLOCK)
			continue;
		memcpy(key.case_id, v->case_id, sizeof(key.case_id));
		found = bsearch(&key, by_case, count, sizeof(by_case[0]), compare_cases);
		if (found != NULL)
			judge_refused(g->judge, i, g->now_ns, found->packets, blind);
	}
	free(by_case);
}

static int
reconcile(struct guard *g, const char *why, struct err *e)
{
	struct plan desired, actual;
	struct difference d = {.actual = &actual, .why = why};
	unsigned differences;
	int rc;

	plan_init(&desired);
	plan_init(&actual);
	plan_init(&d.add);
	plan_init(&d.remove);
	rc = guard_plan(g, &desired, e);
	if (rc == 0)
		rc = enforce_list(g->enforce, &actual, e);
	if (rc == 0) {
		take_refused(g, &desired, &actual);
		differences = plan_diff(&desired, &actual, TIMEOUT_SLACK_NS, on_add, on_remove, &d);
		rc = d.rc < 0 ? err_set(e, d.rc, "no memory for the plan: %s", strerror(-d.rc)) : 0;
		if (rc == 0 && differences > 0)
			rc = apply(g, &desired, &d, e);
		if (rc == 0)
			note_difference(g, &d);
		if (rc == 0)
			responder_feed_put_all(g->responders, &desired);
	}
	plan_fini(&d.remove);
	plan_fini(&d.add);
	plan_fini(&actual);
	plan_fini(&desired);
	return rc;
}

/* Told when it begins, when it changes, and every minute; in the ledger once. */
static void
note_behind(struct guard *g, const struct err *e)
{
	bool is_new = g->behind.code == 0, is_other = strcmp(g->behind.text, e->text) != 0;
	char quoted[600];

	if (is_new)
		guard_note(g, "enforce.failed", "kernel",
		    json_pack("{s:s, s:o}", "verb", "reconcile", "error", ctl_json_text(e->text)));
	if (is_new || is_other || g->now_ns - g->behind_told_ns > BEHIND_EVERY_NS ||
	    g->now_ns < g->behind_told_ns) {
		g->behind_told_ns = g->now_ns;
		log_event(LOG_LEVEL_ERROR, "guard.reconcile.failed", "error=%s",
		    log_quote(quoted, sizeof(quoted), e->text));
	}
	g->behind = *e;
}

static void
note_outcome(struct guard *g, int rc, const struct err *e)
{
	struct err full;

	if (rc < 0) {
		note_behind(g, e);
	} else if (g->plan_full) {
		err_set(&full, -ENOSPC,
		    "more than %u elements or %u addresses ought to stand in the kernel: "
		    "exceptions "
		    "and the brake of some servers are left out; name the servers' interfaces in "
		    "the inventory",
		    PLAN_ELEMENTS_MAX, PLAN_KEYS_MAX);
		note_behind(g, &full);
	} else if (g->behind.code != 0) {
		log_event(LOG_LEVEL_INFO, "guard.reconcile.recovered", "error=none");
		memset(&g->behind, 0, sizeof(g->behind));
	}
}

int
guard_reconcile(struct guard *g, const char *why, struct err *e)
{
	int64_t begin_ns, every_ns;
	int rc;

	if (g->enforce == NULL) {
		g->need_reconcile = false;
		return 0;
	}
	begin_ns = clock_mono_ns();
	rc = reconcile(g, why, e);
	note_outcome(g, rc, e);
	every_ns = (clock_mono_ns() - begin_ns) * RECONCILE_SHARE;
	guard_beat(g, true);
	g->reconcile_every_ns = every_ns > RECONCILE_EVERY_NS ? every_ns : RECONCILE_EVERY_NS;
	g->next_reconcile_ns = g->now_ns + g->reconcile_every_ns;
	g->need_reconcile = rc < 0;
	g->not_before_ns = rc < 0 ? g->now_ns + RETRY_AFTER_NS : 0;
	g->reconcile_count += rc == 0;
	return rc;
}

void
guard_settle(struct guard *g)
{
	bool by_timer = g->now_ns >= g->next_reconcile_ns ||
			g->next_reconcile_ns - g->now_ns > g->reconcile_every_ns;
	struct err e;

	if (g->now_ns < g->not_before_ns && g->not_before_ns - g->now_ns <= RETRY_AFTER_NS)
		return;
	/* What the database does not know, reconcile would open: first the record. */
	if (g->unrecorded && !guard_record_owed(g)) {
		g->not_before_ns = g->now_ns + RETRY_AFTER_NS;
		return;
	}
	if (g->enforce == NULL || (!g->need_reconcile && !by_timer))
		return;
	(void)guard_reconcile(g,
	    g->reconcile_count == 0 ? "start"
	    : g->behind.code != 0   ? "retry"
	    : g->need_reconcile	    ? "change"
				    : "timer",
	    &e); /* it tells, and is tried again */
}

int
guard_hear_enforcer(struct guard *g)
{
	struct enforce_report report;
	char quoted[256];

	while (g->enforce != NULL) {
		int rc;

		memset(&report, 0, sizeof(report));
		rc = enforce_poll(g->enforce, &report);
		if (rc == -EAGAIN || rc == -EINTR)
			return 0;
		if (rc < 0 || report.event == ENFORCE_GONE)
			return -EPIPE;
		switch (report.event) {
		case ENFORCE_LINK_CHANGED:
			log_event(LOG_LEVEL_DEBUG, "guard.link", "ifname=%s up=%d", report.ifname,
			    report.link_up);
			g->need_reconcile = true;
			break;
		case ENFORCE_REPAIRED:
			g->repair_count++;
			log_event(LOG_LEVEL_WARN, "guard.repaired", "what=%s",
			    log_quote(quoted, sizeof(quoted), report.text));
			guard_note(g, "repaired", "kernel",
			    json_pack("{s:o}", "what", ctl_json_text(report.text)));
			g->need_reconcile = true;
			break;
		case ENFORCE_OVERFLOW:
			log_event(LOG_LEVEL_ERROR, "guard.brake.overflow", "what=%s",
			    log_quote(quoted, sizeof(quoted), report.text));
			guard_note(g, "brake.overflow", "kernel",
			    json_pack("{s:o}", "what", ctl_json_text(report.text)));
			break;
		case ENFORCE_FAILED:
			note_failure(g, report.verb, report.server, report.text);
			break;
		case ENFORCE_NOTHING:
		case ENFORCE_GONE:
			return 0;
		}
	}
	return 0;
}
