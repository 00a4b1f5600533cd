/* SPDX-License-Identifier: ISC */
/* Settings become rules.  bulkhead-guard, replay. */
#include "policy/judge_rules.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "policy/mode.h"

/* Field practice, for the preset "balanced": 400 per 5 minutes (Selectel), 1,200 an hour, and below
 * Gmail's bulk sender (5,000 a day). */
static const struct window_ceilings balanced = {{400, 1200, 4000}};

static int
read_plans(struct judge_rules *r, const char *list, struct err *e)
{
	const char *cursor = list;
	char item[128], rest;

	r->plan_count = 0;
	while (config_list_next(&cursor, item, sizeof(item))) {
		struct judge_plan *p = &r->plans[r->plan_count];
		double *span = p->ceilings.span;

		if (r->plan_count == JUDGE_PLANS_MAX)
			return err_set(
			    e, -E2BIG, "plans: more than %d; merge some", JUDGE_PLANS_MAX);
		if (sscanf(item, "%31s %lf %lf %lf %c", p->name, &span[TALLY_5MIN],
			&span[TALLY_HOUR], &span[TALLY_DAY], &rest) != 4 ||
		    !(span[0] >= 1 && span[1] >= span[0] && span[2] >= span[1] && span[2] <= 1e9))
			return err_set(e, -EINVAL,
			    "plans: \"%s\" is not \"name 5min hour day\" with rising ceilings of "
			    "at "
			    "least 1",
			    item);
		r->plan_count++;
	}
	return 0;
}

static int
read_relays(struct judge_rules *r, const char *list, struct err *e)
{
	const char *cursor = list;
	char item[ADDR_TEXT_BYTES + 16];

	r->relay_count = 0;
	while (config_list_next(&cursor, item, sizeof(item))) {
		if (r->relay_count == JUDGE_RELAYS_MAX)
			return err_set(
			    e, -E2BIG, "relays: more than %d; use prefixes", JUDGE_RELAYS_MAX);
		if (addr_prefix_parse(item, &r->relays[r->relay_count]) != 0)
			return err_set(
			    e, -EINVAL, "relays: \"%s\" is neither an address nor a prefix", item);
		r->relay_count++;
	}
	return 0;
}

int
judge_rules_read(struct judge_rules *out, const struct settings *settings, struct err *e)
{
	const struct settings_policy *p = &settings->policy;
	struct judge_rules r = {.policy = *p};
	int rc;

	score_bounds_init(&r.ladder.bounds, p->alpha, p->beta);
	r.ladder.block_first_ns = p->block_first_ns;
	r.ladder.block_max_ns = p->block_max_ns;
	r.ladder.silence_ns = p->silence_ns;
	r.ceilings.span[TALLY_5MIN] = p->recipients_per_5min;
	r.ceilings.span[TALLY_HOUR] = p->recipients_per_hour;
	r.ceilings.span[TALLY_DAY] = p->recipients_per_day;
	for (unsigned i = 0; i < TALLY_SPAN__COUNT && strcmp(p->preset, "balanced") == 0; i++)
		r.ceilings.span[i] = fmax(r.ceilings.span[i], balanced.span[i]);
	rc = read_plans(&r, p->plans, e);
	if (rc == 0)
		rc = mode_plans_check(p->plan_modes, e);
	if (rc == 0)
		rc = read_relays(&r, settings->relays, e);
	if (rc == 0)
		*out = r;
	return rc;
}

const struct window_ceilings *
judge_rules_ceilings(const struct judge_rules *r, const char *plan)
{
	for (unsigned i = 0; i < r->plan_count; i++)
		if (strcmp(r->plans[i].name, plan) == 0)
			return &r->plans[i].ceilings;
	return &r->ceilings;
}

bool
judge_rules_is_relay(const struct judge_rules *r, const struct addr *a)
{
	for (unsigned i = 0; i < r->relay_count; i++)
		if (addr_prefix_contains(&r->relays[i], a))
			return true;
	return false;
}
