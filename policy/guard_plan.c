/* SPDX-License-Identifier: ISC */
/*
 * What must stand in the kernel: cases, grants and the brake, projected from servers onto the
 * interfaces that are plugged in now.  bulkhead-guard (judge process).
 */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policy/guard_private.h"
#include "policy/mode.h"

/*
 * An element outlives its block by this much: the judge lifts or prolongs a block about when its
 * time is over, and the kernel must not open before it has.  If the guard is dead, the kernel lifts
 * it this much later.
 */
#define GRACE_NS (5 * CLOCK_SECOND_NS)
/* A throttle slides on with every new piece of evidence; its element ends at full steps, so that it
 * is not renewed (and its meter does not begin anew) at every turn. */
#define THROTTLE_STEP_NS (10 * CLOCK_MINUTE_NS)
/* A connection, six command lines, and one more for a retry. */
#define PACKETS_PER_RECIPIENT 8

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
	/* Live and without an inventory nothing is ever enforced: nobody said whose packet it is.
	 */
	if (g->enforce == NULL || g->open_inventory || index >= inventory_count(g->inventory))
		return false;
	return mode_is_enforce(&g->settings.policy, inventory_get(g->inventory, index));
}

/*
 * The server as it is plugged in now: only interfaces that exist.  Names are recycled: what stands
 * in the kernel for a link that is gone would meet the next server under that name.  When the link
 * comes, the enforcer says so, and reconcile adds its elements.
 */
static struct server
plugged_in(const struct guard *g, const struct server *s)
{
	struct server now = *s;

	if (g->restoring)
		return now;
	now.ifname_count = 0;
	for (unsigned i = 0; i < s->ifname_count; i++)
		if (if_nametoindex(s->ifnames[i]) != 0)
			memcpy(
			    now.ifnames[now.ifname_count++], s->ifnames[i], sizeof(now.ifnames[0]));
	return now;
}

int
guard_plan_server(const struct guard *g, struct plan *p, const struct server *s, enum plan_set set,
    int64_t timeout_ns, const char *case_id, struct err *e)
{
	static struct log_limit limit = {.per_second = 1};
	const struct server now = plugged_in(g, s);
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
	/* By a clock that is behind (early in the boot it may not be set yet), not for longer than
	 * the block was for. */
	if (!pinned && until_ns != 0 && w->g->now_ns < c->begin_ns)
		until_ns -= c->begin_ns - w->g->now_ns;
	return guard_plan_server(w->g, w->plan, inventory_get(w->g->inventory, (unsigned)index),
	    PLAN_SET_BLOCKED, guard_block_timeout(w->g, until_ns, pinned), c->case_id, w->e);
}

static int
want_grant(struct want *w, const struct grant *grant)
{
	uint64_t pace = grant_per_hour(grant) * PACKETS_PER_RECIPIENT;
	unsigned first = w->plan->count;
	int64_t left_ns = grant->until_ns == 0 ? 0 : grant->until_ns - w->g->now_ns;
	int rc = 0;

	if (!grant_is_active(grant, w->g->now_ns))
		return 0;
	if (left_ns > PLAN_TIMEOUT_MAX_NS)
		left_ns = PLAN_TIMEOUT_MAX_NS;
	for (unsigned i = 0; rc == 0 && i < grant->server_count; i++) {
		int index = inventory_find(w->g->inventory, grant->servers[i]);

		if (index >= 0)
			rc = guard_plan_server(w->g, w->plan,
			    inventory_get(w->g->inventory, (unsigned)index), PLAN_SET_GRANTED,
			    left_ns, "", w->e);
	}
	for (unsigned i = first; i < w->plan->count; i++)
		w->plan->elements[i].pace = pace < PLAN_PACE_MAX ? (uint32_t)pace : PLAN_PACE_MAX;
	return rc;
}

int64_t
guard_throttle_timeout(const struct guard *g, int64_t until_ns)
{
	int64_t end_ns = (until_ns / THROTTLE_STEP_NS + 2) * THROTTLE_STEP_NS;

	return end_ns > g->now_ns ? end_ns - g->now_ns : THROTTLE_STEP_NS;
}

bool
guard_is_throttled(const struct guard *g, unsigned index)
{
	const struct verdict *v = judge_verdict(g->judge, index);

	return v != NULL && v->rung == RUNG_THROTTLE && !judge_catch_is_on(g->judge) &&
	       guard_is_enforced(g, index);
}

bool
guard_is_armed(const struct guard *g)
{
	return g->settings.brake && !g->open_inventory && inventory_count(g->inventory) > 0 &&
	       strcmp(g->settings.policy.mode, "enforce") == 0;
}

/* Armed, the brake holds on every tap; elements are needed for the exceptions, and for servers that
 * have no interface of their own. */
static int
want_brake(struct want *w, unsigned index)
{
	const struct server *s = inventory_get(w->g->inventory, index);
	bool enforced = guard_is_enforced(w->g, index), armed = guard_is_armed(w->g);
	int rc = 0;

	if (guard_is_throttled(w->g, index))
		rc = guard_plan_server(w->g, w->plan, s, PLAN_SET_THROTTLED,
		    guard_throttle_timeout(w->g, judge_verdict(w->g->judge, index)->until_ns), "",
		    w->e);
	if (rc == 0 && enforced && w->g->settings.brake && (!armed || s->ifname_count == 0))
		rc = guard_plan_server(w->g, w->plan, s, PLAN_SET_BRAKED, 0, "", w->e);
	if (rc == 0 && !enforced && armed && s->ifname_count > 0)
		rc = guard_plan_server(w->g, w->plan, s, PLAN_SET_OBSERVED, 0, "", w->e);
	return rc;
}

int
guard_plan(struct guard *g, struct plan *plan, struct err *e)
{
	struct want want = {g, plan, e};
	int rc = store_each_open_case(g->store, want_case, &want, e);

	for (unsigned i = 0; rc == 0 && i < g->grant_count; i++)
		rc = want_grant(&want, &g->grants[i]);
	for (unsigned i = 0; rc == 0 && i < inventory_count(g->inventory); i++)
		rc = want_brake(&want, i);
	plan_finish(plan);
	g->plan_full = plan_fit(plan) > 0 || rc == -ENOSPC;
	return rc == -ENOSPC ? 0 : rc;
}
