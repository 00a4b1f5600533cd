/* SPDX-License-Identifier: ISC */
/*
 * The guard and the kernel: single changes through the enforcer, and reconcile, which makes the
 * kernel equal to the database.  bulkhead-guard (judge process).
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policy/ctl_json.h"
#include "policy/guard_private.h"

/*
 * An element outlives its block by this much: the judge lifts or prolongs a block about when its
 * time is over, and the kernel must not open before it has.  If the guard is dead, the kernel lifts
 * it this much later.
 */
#define GRACE_NS (5 * CLOCK_SECOND_NS)
/* Both clocks run alike; what differs by more was prolonged, shortened, or changed by somebody
 * else. */
#define TIMEOUT_SLACK_NS   (2 * CLOCK_SECOND_NS)
#define RECONCILE_EVERY_NS (30 * CLOCK_SECOND_NS)
#define RETRY_AFTER_NS	   (2 * CLOCK_SECOND_NS)
/* Lines per reconcile; what is beyond is counted. */
#define LINES_MAX 50

int64_t
guard_block_timeout(const struct guard *g, int64_t until_ns, bool pinned)
{
	if (pinned || until_ns == 0)
		return 0;
	return until_ns > g->now_ns ? until_ns - g->now_ns + GRACE_NS : GRACE_NS;
}

bool
guard_is_enforced(const struct guard *g, unsigned index)
{
	const struct server *s;

	/* Live and without an inventory nothing is ever enforced: nobody said whose packet it is.
	 */
	if (g->enforce == NULL || g->open_inventory || index >= inventory_count(g->inventory))
		return false;
	s = inventory_get(g->inventory, index);
	return strcmp(s->mode[0] != '\0' ? s->mode : g->settings.policy.mode, "enforce") == 0;
}

/* --- single changes
 * ---------------------------------------------------------------------------------- */

/*
 * The server as it is plugged in now: only interfaces that exist.  Names are recycled: what stands
 * in the kernel for a link that is gone would meet the next server under that name.  When the link
 * comes, the enforcer says so, and reconcile adds its elements.
 */
static struct server
plugged_in(const struct server *s)
{
	struct server now = *s;

	now.ifname_count = 0;
	for (unsigned i = 0; i < s->ifname_count; i++)
		if (if_nametoindex(s->ifnames[i]) != 0)
			memcpy(
			    now.ifnames[now.ifname_count++], s->ifnames[i], sizeof(now.ifnames[0]));
	return now;
}

static int
add_server(struct plan *p, const struct server *s, enum plan_set set, int64_t timeout_ns,
    const char *case_id, struct err *e)
{
	static struct log_limit limit = {.per_second = 1};
	const struct server now = plugged_in(s);
	int rc = 0;

	/* A server with interfaces is never blocked by its addresses: who spoofs them would block
	 * it. */
	if (s->ifname_count == 0 || now.ifname_count > 0)
		rc = plan_add_server(p, &now, set, timeout_ns, case_id);
	if (rc == -EINVAL || rc == -ENODATA) {
		log_event_limited(&limit, LOG_LEVEL_WARN, "guard.plan.partial",
		    "server=%s set=%s why=%s", s->name, plan_set_name(set),
		    rc == -ENODATA ? "no-interface-or-address" : "prefix-too-wide");
		return 0;
	}
	if (rc < 0)
		return err_set(
		    e, rc, "server %s does not fit into the plan: %s", s->name, strerror(-rc));
	return 0;
}

static void
note_failure(struct guard *g, const char *verb, const char *server, const struct err *why)
{
	char quoted[600];

	g->need_reconcile = true;
	g->not_before_ns = g->now_ns + RETRY_AFTER_NS;
	log_event(LOG_LEVEL_ERROR, "guard.enforce.failed", "verb=%s server=%s error=%s", verb,
	    server, log_quote(quoted, sizeof(quoted), why->text));
	guard_note(g, "enforce.failed", server,
	    json_pack("{s:s, s:o}", "verb", verb, "error", ctl_json_text(why->text)));
}

int
guard_enforce(struct guard *g, unsigned index, const struct verdict *verdict, struct err *e)
{
	const struct server *s = inventory_get(g->inventory, index);
	struct err why = {0};
	struct plan plan;
	int rc;

	plan_init(&plan);
	rc = add_server(&plan, s, PLAN_SET_BLOCKED,
	    guard_block_timeout(g, verdict->until_ns, verdict->pinned), verdict->case_id, &why);
	plan_finish(&plan);
	if (rc == 0 && plan.count > 0)
		rc = enforce_block(g->enforce, plan.elements, plan.count, &why);
	plan_fini(&plan);
	if (rc == 0)
		return 0;
	note_failure(g, "block", s->name, &why);
	return err_set(e, rc, "%s", why.text);
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
	plan_fini(&plan);
	if (rc == 0)
		return 0;
	note_failure(g, "release", s->name, &why);
	return err_set(e, rc, "%s", why.text);
}

/* --- what must stand
 * --------------------------------------------------------------------------------- */

struct want {
	struct guard *g;
	struct plan *plan;
	struct err *e;
};

/* The judge knows best until when; the database says that the case stands. */
static int
want_case(void *arg, const struct store_case *c)
{
	const struct want *w = arg;
	int index = inventory_find(w->g->inventory, c->server);
	int64_t until_ns = c->until_ns;
	bool pinned = c->pinned;
	struct judge_view view;

	if (index < 0 || c->shadow || !guard_is_enforced(w->g, (unsigned)index))
		return 0;
	if (judge_get(w->g->judge, (unsigned)index, &view) == 0 &&
	    strcmp(view.verdict.case_id, c->case_id) == 0) {
		until_ns = view.verdict.until_ns;
		pinned = view.verdict.pinned;
	}
	return add_server(w->plan, inventory_get(w->g->inventory, (unsigned)index),
	    PLAN_SET_BLOCKED, guard_block_timeout(w->g, until_ns, pinned), c->case_id, w->e);
}

static int
want_grant(struct want *w, const struct grant *grant)
{
	int64_t left_ns = grant->until_ns == 0 ? 0 : grant->until_ns - w->g->now_ns;
	int rc = 0;

	if (!grant_is_active(grant, w->g->now_ns))
		return 0;
	if (left_ns > PLAN_TIMEOUT_MAX_NS)
		left_ns = PLAN_TIMEOUT_MAX_NS;
	for (unsigned i = 0; rc == 0 && i < grant->server_count; i++) {
		int index = inventory_find(w->g->inventory, grant->servers[i]);

		if (index >= 0)
			rc = add_server(w->plan, inventory_get(w->g->inventory, (unsigned)index),
			    PLAN_SET_GRANTED, left_ns, "", w->e);
	}
	return rc;
}

static int
make_plan(struct guard *g, struct plan *plan, struct err *e)
{
	struct want want = {g, plan, e};
	int rc = store_each_open_case(g->store, want_case, &want, e);

	for (unsigned i = 0; rc == 0 && i < g->grant_count; i++)
		rc = want_grant(&want, &g->grants[i]);
	plan_finish(plan);
	return rc;
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
	rc = make_plan(g, &desired, e);
	if (rc == 0)
		rc = enforce_list(g->enforce, &actual, e);
	if (rc == 0) {
		differences = plan_diff(&desired, &actual, TIMEOUT_SLACK_NS, on_add, on_remove, &d);
		rc = d.rc < 0 ? err_set(e, d.rc, "no memory for the plan: %s", strerror(-d.rc)) : 0;
		if (rc == 0 && differences > 0)
			rc = apply(g, &desired, &d, e);
		if (rc == 0)
			note_difference(g, &d);
	}
	plan_fini(&d.remove);
	plan_fini(&d.add);
	plan_fini(&actual);
	plan_fini(&desired);
	return rc;
}

int
guard_reconcile(struct guard *g, const char *why, struct err *e)
{
	int rc;

	if (g->enforce == NULL) {
		g->need_reconcile = false;
		return 0;
	}
	rc = reconcile(g, why, e);
	g->next_reconcile_ns = g->now_ns + RECONCILE_EVERY_NS;
	g->need_reconcile = rc < 0;
	g->not_before_ns = rc < 0 ? g->now_ns + RETRY_AFTER_NS : 0;
	g->reconcile_count += rc == 0;
	return rc;
}

void
guard_settle(struct guard *g)
{
	bool by_timer = g->now_ns >= g->next_reconcile_ns ||
			g->next_reconcile_ns - g->now_ns > RECONCILE_EVERY_NS;
	char quoted[600];
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
	if (guard_reconcile(g,
		g->reconcile_count == 0 ? "start"
		: g->need_reconcile	? "change"
					: "timer",
		&e) < 0)
		log_event(LOG_LEVEL_ERROR, "guard.reconcile.failed", "error=%s",
		    log_quote(quoted, sizeof(quoted), e.text));
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
		case ENFORCE_NOTHING:
		case ENFORCE_GONE:
			return 0;
		}
	}
	return 0;
}
