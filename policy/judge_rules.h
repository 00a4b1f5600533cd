/* SPDX-License-Identifier: ISC */
/*
 * The settings as the judge uses them: bounds, ceilings per plan, relays.
 * Pure.  bulkhead-guard, replay.
 */
#ifndef POLICY_JUDGE_RULES_H
#define POLICY_JUDGE_RULES_H

#include "base/settings.h"
#include "policy/verdict.h"

#define JUDGE_PLANS_MAX	 64
#define JUDGE_RELAYS_MAX 64

struct judge_plan {
	char name[INVENTORY_PLAN_BYTES];
	struct window_ceilings ceilings;
};

struct judge_rules {
	struct settings_policy policy;
	struct verdict_rules ladder;
	struct window_ceilings ceilings; /* of the default plan */
	struct judge_plan plans[JUDGE_PLANS_MAX];
	unsigned plan_count;
	struct addr_prefix relays[JUDGE_RELAYS_MAX];
	unsigned relay_count;
};

/* 0, or negative errno with *e when a plan or relay does not parse; *out is untouched then. */
int judge_rules_read(struct judge_rules *out, const struct settings *settings, struct err *e);

/* The ceilings of a plan; of the default plan when there is none of this name. */
const struct window_ceilings *judge_rules_ceilings(const struct judge_rules *r, const char *plan);

bool judge_rules_is_relay(const struct judge_rules *r, const struct addr *a);

#endif
