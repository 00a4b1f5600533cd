/* SPDX-License-Identifier: ISC */
/*
 * The commands whitelist.*: what is decided about an application and its grant.  bulkhead-guard (judge process).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policy/ctl.h"
#include "policy/ctl_json.h"
#include "policy/ctl_whitelist.h"
#include "policy/guard.h"
#include "whitelist/check.h"
#include "whitelist/legacy.h"
#include "whitelist/letter.h"

#define GRANT_SPAN_NS (365 * CLOCK_DAY_NS) /* when nobody says how long */

/* "until": a date, or a span from now; absent: a year from now. */
static int
take_until(const struct ctl_call *call, int64_t *until_ns, struct err *e)
{
	const char *text = NULL;
	int64_t span;
	int rc = ctl_arg_text_opt(call, "until", &text, e);

	if (rc < 0)
		return rc;
	*until_ns = call->now_ns + GRANT_SPAN_NS;
	if (text == NULL)
		return 0;
	if (clock_parse_span(text, &span) == 0)
		*until_ns = call->now_ns + span;
	else if (clock_parse_iso(text, until_ns) < 0)
		return err_set(e, -EINVAL,
		    "\"%s\" is no end of a grant: write a date like 2027-01-31 or a span like 365d",
		    text);
	if (*until_ns <= call->now_ns)
		return err_set(
		    e, -EINVAL, "the grant would end in the past (%s): give a later end", text);
	return 0;
}

/* Refuses an incomplete application with the list of what is missing. */
static int
check_complete(const struct ctl_call *call, const struct application *a, struct err *e)
{
	char lacks[330] = "";
	json_t *shown = ctl_json_application(call->guard, a), *line;
	json_t *missing = json_object_get(shown, "missing");
	size_t i, count = json_array_size(missing), used = 0;

	json_array_foreach (missing, i, line) {
		int n = snprintf(lacks + used, sizeof(lacks) - used, "%s%s", i > 0 ? " " : "",
		    json_string_value(line));

		if (n < 0 || (size_t)n >= sizeof(lacks) - used) {
			snprintf(lacks + used, sizeof(lacks) - used, " ...");
			break;
		}
		used += (size_t)n;
	}
	json_decref(shown);
	if (count == 0)
		return 0;
	return err_set(e, -EPERM,
	    "application %" PRId64 " lacks %zu thing%s (whitelist show %" PRId64
	    "): %s Attach what is missing, or go on with --override --reason",
	    a->id, count, count == 1 ? "" : "s", a->id, lacks);
}

/* What an override asks for: a role above the reviewer's, and a reason. */
static int
check_override(const struct ctl_call *call, const char *reason, struct err *e)
{
	if (call->role < CTL_ROLE_ABUSE)
		return err_set(e, -EPERM,
		    "an override needs the role %s, and yours is %s: ask the abuse team",
		    ctl_role_name(CTL_ROLE_ABUSE), ctl_role_name(call->role));
	if (reason == NULL || reason[0] == '\0')
		return err_set(e, -EINVAL, "an override needs a reason: give --reason");
	return 0;
}

/* The servers of the application that are blocked now: an approval does not release them. */
static json_t *
blocked_servers(const struct guard *g, const struct application *a)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < a->server_count; i++) {
		int index = inventory_find(g->inventory, a->servers[i]);
		struct judge_view view;

		if (index >= 0 && judge_get(g->judge, (unsigned)index, &view) == 0 &&
		    view.verdict.rung >= RUNG_THROTTLE)
			json_array_append_new(list, ctl_json_text(a->servers[i]));
	}
	return list;
}

static int
whitelist_approve(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct application a;
	struct grant grant;
	const char *reason = NULL;
	bool override = false;
	int64_t until = 0;
	int state, rc = ctl_find_application(call, &a, e);

	if (rc < 0)
		return rc;
	state = application_next_state(&a, ACTION_APPROVE, e);
	if (state < 0)
		return state;
	rc = ctl_arg_bool_opt(call, "override", &override, e);
	if (rc == 0)
		rc = ctl_arg_text_opt(call, "reason", &reason, e);
	if (rc == 0)
		rc = ctl_take_text(call, "reason", a.reason, sizeof(a.reason), e);
	if (rc == 0)
		rc = ctl_take_count(call, "per_day", &a.per_day, e);
	if (rc == 0)
		rc = take_until(call, &until, e);
	if (rc == 0)
		rc = ctl_check_servers(call->guard, &a, e);
	if (rc == 0)
		rc = application_check_fields(&a, e);
	if (rc == 0)
		rc = override ? check_override(call, reason, e) : check_complete(call, &a, e);
	if (rc < 0)
		return rc;
	a.state = (uint8_t)state;
	a.grant_until_ns = until;
	application_grant(&a, call->now_ns, until, &grant);
	rc = ctl_put_application(call,
	    override ? "whitelist.approve.override" : "whitelist.approve", &a, &grant, data, e);
	if (rc == 0)
		json_object_set_new(*data, "blocked", blocked_servers(call->guard, &a));
	return rc;
}

/* A transition that only needs a sentence: reject and ask. */
static int
decide(const struct ctl_call *call, enum application_action action, const char *name,
    const char *argument, json_t **data, struct err *e)
{
	struct application a;
	const char *sentence = "";
	int state, rc = ctl_find_application(call, &a, e);

	if (rc == 0)
		rc = ctl_arg_text(call, argument, &sentence, e);
	if (rc == 0)
		rc = ctl_take_text(call, argument, a.reason, sizeof(a.reason), e);
	if (rc < 0)
		return rc;
	state = application_next_state(&a, action, e);
	if (state < 0)
		return state;
	a.state = (uint8_t)state;
	return ctl_put_application(call, name, &a, NULL, data, e);
}

/* Somebody looks at it; what was rejected or revoked is taken up again. */
static int
whitelist_review(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct application a;
	int state, rc = ctl_find_application(call, &a, e);

	if (rc < 0)
		return rc;
	state = application_next_state(&a, ACTION_REVIEW, e);
	if (state < 0)
		return state;
	a.state = (uint8_t)state;
	return ctl_put_application(call, "whitelist.review", &a, NULL, data, e);
}

static int
whitelist_reject(const struct ctl_call *call, json_t **data, struct err *e)
{
	return decide(call, ACTION_REJECT, "whitelist.reject", "reason", data, e);
}

static int
whitelist_ask(const struct ctl_call *call, json_t **data, struct err *e)
{
	static struct check_report report; /* large */
	struct application a;
	char letter[LETTER_BYTES];
	int rc = decide(call, ACTION_ASK, "whitelist.ask", "message", data, e);

	if (rc == 0)
		rc = ctl_find_application(call, &a, e);
	if (rc == 0)
		json_object_set_new(*data, "letter",
		    json_string(letter_write(letter, LETTER_ASK, &a,
			guard_is_all_kvm(call->guard, &a), NULL,
			guard_get_checks(call->guard, &a, &report, NULL) == 0 ? &report : NULL)));
	return rc;
}

/* The grant of an approved application, as a copy to change. */
static int
find_grant(
    const struct ctl_call *call, const struct application *a, struct grant *out, struct err *e)
{
	const struct grant *grant = guard_find_grant(call->guard, a->id);

	if (grant == NULL)
		return err_set(
		    e, -ENOENT, "application %" PRId64 " has no grant: approve it first", a->id);
	*out = *grant;
	return 0;
}

static int
whitelist_revoke(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct application a;
	struct grant grant;
	const char *reason = "";
	int state, rc = ctl_find_application(call, &a, e);

	if (rc == 0)
		rc = ctl_arg_text(call, "reason", &reason, e);
	if (rc == 0)
		rc = ctl_take_text(call, "reason", a.reason, sizeof(a.reason), e);
	if (rc < 0)
		return rc;
	state = application_next_state(&a, ACTION_REVOKE, e);
	if (state < 0)
		return state;
	rc = find_grant(call, &a, &grant, e);
	if (rc < 0)
		return rc;
	a.state = (uint8_t)state;
	grant.state = GRANT_REVOKED;
	return ctl_put_application(call, "whitelist.revoke", &a, &grant, data, e);
}

static int
whitelist_renew(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct application a;
	struct grant grant = {0};
	int64_t until = 0;
	int state, rc = ctl_find_application(call, &a, e);

	if (rc < 0)
		return rc;
	state = application_next_state(&a, ACTION_RENEW, e);
	if (state < 0)
		return state;
	rc = take_until(call, &until, e);
	if (rc == 0)
		rc = find_grant(call, &a, &grant, e);
	if (rc == 0 && grant.state == GRANT_SUSPENDED)
		rc = err_set(e, -EPERM,
		    "the grant of application %" PRId64
		    " is suspended (%.150s): resume it first, with a reason",
		    a.id, a.reason);
	if (rc < 0)
		return rc;
	a.state = (uint8_t)state;
	a.grant_until_ns = until;
	grant.until_ns = until;
	grant.state = GRANT_ACTIVE;
	return ctl_put_application(call, "whitelist.renew", &a, &grant, data, e);
}

/* --- suspend, resume, an existing whitelist --- */

static int
change_grant(const struct ctl_call *call,
    int (*change)(
	struct guard *g, int64_t id, const char *actor, const char *reason, struct err *e),
    json_t **data, struct err *e)
{
	struct application a;
	const char *reason = "";
	int rc = ctl_find_application(call, &a, e);

	if (rc == 0)
		rc = ctl_arg_text(call, "reason", &reason, e);
	if (rc == 0)
		rc = change(call->guard, a.id, call->actor, reason, e);
	if (rc == 0)
		rc = ctl_find_application(call, &a, e);
	if (rc == 0)
		*data = ctl_json_application(call->guard, &a);
	return rc;
}

static int
whitelist_suspend(const struct ctl_call *call, json_t **data, struct err *e)
{
	return change_grant(call, guard_suspend_grant, data, e);
}

static int
whitelist_resume(const struct ctl_call *call, json_t **data, struct err *e)
{
	return change_grant(call, guard_resume_grant, data, e);
}

static int
whitelist_import(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct application *rows = NULL;
	struct guard_import done = {0};
	const char *file = "", *text = "";
	unsigned count = 0, *lines = NULL;
	int rc = ctl_arg_text(call, "file", &file, e);

	if (rc == 0)
		rc = ctl_arg_text(call, "text", &text, e);
	if (rc == 0)
		rc = legacy_parse(file, text, strlen(text), call->now_ns, &rows, &count, &lines, e);
	for (unsigned i = 0; rc == 0 && i < count; i++) {
		struct err why = {0};

		rc = ctl_check_servers(call->guard, &rows[i], &why);
		if (rc == 0 && !guard_is_all_kvm(call->guard, &rows[i]))
			rc = err_set(&why, -EPERM,
			    "server \"%.64s\" is not KVM: the whitelist is for KVM servers only",
			    rows[i].servers[0]);
		if (rc < 0)
			err_set(e, rc, "%s:%u: %s", file, lines[i], why.text);
	}
	if (rc == 0)
		rc = guard_import_grants(call->guard, call->actor, rows, count, &done, e);
	if (rc == 0)
		*data = json_pack("{s:i, s:i, s:i}", "added", (int)done.added, "changed",
		    (int)done.changed, "unchanged", (int)done.unchanged);
	free(rows);
	free(lines);
	return rc;
}

const struct ctl_command ctl_commands_decide[] = {
    {"whitelist.approve", CTL_ROLE_SUPPORT, whitelist_approve},
    {"whitelist.review", CTL_ROLE_SUPPORT, whitelist_review},
    {"whitelist.reject", CTL_ROLE_SUPPORT, whitelist_reject},
    {"whitelist.ask", CTL_ROLE_SUPPORT, whitelist_ask},
    {"whitelist.revoke", CTL_ROLE_SUPPORT, whitelist_revoke},
    {"whitelist.renew", CTL_ROLE_SUPPORT, whitelist_renew},
    {"whitelist.suspend", CTL_ROLE_SUPPORT, whitelist_suspend},
    {"whitelist.resume", CTL_ROLE_ABUSE, whitelist_resume},
    {"whitelist.import", CTL_ROLE_ABUSE, whitelist_import},
    {NULL, CTL_ROLE_NONE, NULL},
};
