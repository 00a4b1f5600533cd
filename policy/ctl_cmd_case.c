/* SPDX-License-Identifier: ISC */
/*
 * The commands block, release and mode: what people decide about a server.  bulkhead-guard (judge
 * process).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "policy/ctl.h"
#include "policy/ctl_json.h"
#include "policy/guard.h"
#include "policy/mode.h"

static int
block(const struct ctl_call *call, json_t **data, struct err *e)
{
	const char *reason = "";
	int64_t for_s = 0;
	unsigned index;
	bool pin = false;
	int rc = ctl_arg_server(call, &index, e);

	if (rc == 0)
		rc = ctl_arg_text(call, "reason", &reason, e);
	if (rc == 0)
		rc = ctl_arg_int_opt(call, "for_s", &for_s, e);
	if (rc == 0)
		rc = ctl_arg_bool_opt(call, "pin", &pin, e);
	if (rc < 0)
		return rc;
	if (for_s < 0 || for_s > INT64_C(36500) * (CLOCK_DAY_NS / CLOCK_SECOND_NS))
		return err_set(e, -EINVAL, "a block lasts between one second and 100 years");
	rc = guard_block(call->guard, index, call->actor, reason, for_s * CLOCK_SECOND_NS, pin, e);
	return rc < 0 ? rc : ctl_json_server(call->guard, index, data, e);
}

/* Releases every server that is throttled or blocked, and resets the safety catch. */
static int
release_all(const struct ctl_call *call, const char *reason, json_t **data, struct err *e)
{
	struct guard *g = call->guard;
	json_t *released = json_array();

	for (unsigned i = 0; i < inventory_count(g->inventory); i++) {
		struct judge_view view;
		int rc;

		if (judge_get(g->judge, i, &view) < 0 || view.verdict.rung < RUNG_THROTTLE)
			continue;
		rc = guard_release(g, i, call->actor, reason, e);
		if (rc < 0) {
			err_wrap(e, "%zu servers were released, then %.64s failed",
			    json_array_size(released), inventory_get(g->inventory, i)->name);
			json_decref(released);
			return rc;
		}
		json_array_append_new(
		    released, ctl_json_text(inventory_get(g->inventory, i)->name));
	}
	judge_catch_reset(g->judge);
	*data = json_pack("{s:o}", "released", released);
	return 0;
}

static int
release(const struct ctl_call *call, json_t **data, struct err *e)
{
	const char *reason = "";
	bool all = false;
	unsigned index;
	int rc = ctl_arg_text(call, "reason", &reason, e);

	if (rc == 0)
		rc = ctl_arg_bool_opt(call, "all", &all, e);
	if (rc < 0)
		return rc;
	if (all)
		return release_all(call, reason, data, e);
	rc = ctl_arg_server(call, &index, e);
	if (rc == 0)
		rc = guard_release(call->guard, index, call->actor, reason, e);
	return rc < 0 ? rc : ctl_json_server(call->guard, index, data, e);
}

/* The global mode, and the plans and servers that have one of their own. */
static json_t *
modes_json(const struct guard *g)
{
	char plan[INVENTORY_PLAN_BYTES], word[sizeof "enforce"];
	const char *cursor = g->settings.policy.plan_modes;
	json_t *servers = json_array(), *plans = json_array();

	while (mode_plan_next(&cursor, plan, word))
		json_array_append_new(
		    plans, json_pack("{s:o, s:s}", "plan", ctl_json_text(plan), "mode", word));
	for (unsigned i = 0; i < inventory_count(g->inventory); i++) {
		const struct server *s = inventory_get(g->inventory, i);

		if (s->mode[0] != '\0')
			json_array_append_new(
			    servers, json_pack("{s:o, s:s}", "server", ctl_json_text(s->name),
					 "mode", s->mode));
	}
	return json_pack(
	    "{s:s, s:o, s:o}", "mode", g->settings.policy.mode, "plans", plans, "servers", servers);
}

static int
set_server_mode(const struct ctl_call *call, const char *name, const char *wanted, struct err *e)
{
	struct guard *g = call->guard;
	struct server s;
	unsigned index;
	int rc = ctl_find_server(g, name, &index, e);

	if (rc < 0 || wanted == NULL)
		return rc;
	s = *inventory_get(g->inventory, index);
	snprintf(s.mode, sizeof(s.mode), "%s", wanted);
	return guard_put_server(g, call->actor, &s, e);
}

/* args {mode?: observe|enforce|inherit, server? | plan?}; without a mode only the answer. */
static int
mode(const struct ctl_call *call, json_t **data, struct err *e)
{
	const char *wanted = NULL, *server = NULL, *plan = NULL;
	int rc = ctl_arg_text_opt(call, "mode", &wanted, e);

	if (rc == 0)
		rc = ctl_arg_text_opt(call, "server", &server, e);
	if (rc == 0)
		rc = ctl_arg_text_opt(call, "plan", &plan, e);
	if (rc < 0)
		return rc;
	if (server != NULL && plan != NULL)
		return err_set(e, -EINVAL, "name a server or a plan, not both");
	if (wanted != NULL && strcmp(wanted, "inherit") == 0) {
		if (server == NULL && plan == NULL)
			return err_set(e, -EINVAL,
			    "inherit is for a server or a plan: the mode of everything is observe "
			    "or enforce");
		wanted = "";
	} else if (wanted != NULL && strcmp(wanted, "observe") != 0 &&
		   strcmp(wanted, "enforce") != 0) {
		return err_set(
		    e, -EINVAL, "the mode is observe, enforce or inherit, not \"%s\"", wanted);
	}
	if (server != NULL)
		rc = set_server_mode(call, server, wanted, e);
	else if (wanted != NULL && plan != NULL)
		rc = guard_set_plan_mode(call->guard, call->actor, plan, wanted, e);
	else if (wanted != NULL)
		rc = guard_set_mode(call->guard, call->actor, wanted, e);
	if (rc == 0)
		*data = modes_json(call->guard);
	return rc;
}

const struct ctl_command ctl_commands_case[] = {
    {"block", CTL_ROLE_ABUSE, block},
    {"release", CTL_ROLE_ABUSE, release},
    {"mode", CTL_ROLE_ADMIN, mode},
    {NULL, CTL_ROLE_NONE, NULL},
};
