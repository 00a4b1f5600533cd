/* SPDX-License-Identifier: ISC */
/*
 * The commands whitelist.check and whitelist.checks: the machine checks begin, and how they went.  bulkhead-guard (judge process).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/ctl.h"
#include "policy/ctl_json.h"
#include "policy/ctl_whitelist.h"
#include "policy/guard.h"
#include "whitelist/check_job.h"

/* Begins; whitelist.checks tells how it went. */
static int
whitelist_check(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct application a = {0};
	struct guard_check_online online = {""};
	const char *keys = "", *consent = "";
	bool is_online = false;
	int rc = ctl_find_application(call, &a, e);

	if (rc == 0)
		rc = ctl_arg_text_opt(call, "keys", &keys, e);
	if (rc == 0 && strlen(keys) >= CHECK_KEYS_BYTES)
		rc = err_set(e, -E2BIG, "the DKIM keys are longer than %d bytes", CHECK_KEYS_BYTES);
	if (rc == 0)
		rc = ctl_arg_bool_opt(call, "online", &is_online, e);
	if (rc == 0)
		rc = ctl_arg_text_opt(call, "post_consent", &consent, e);
	if (rc == 0 &&
	    (strlen(consent) >= sizeof(online.consent) || (consent[0] != '\0' && !is_online)))
		rc = err_set(e, -EINVAL, "post_consent is for online checks, below %zu bytes",
		    sizeof(online.consent));
	if (rc == 0) {
		snprintf(online.consent, sizeof(online.consent), "%s", consent);
		rc = guard_check_start(
		    call->guard, call->actor, &a, keys, is_online ? &online : NULL, e);
	}
	/* Under way already: its end is as good, unless more was asked. */
	if (rc == -EBUSY && keys[0] == '\0' && !is_online)
		rc = 0;
	if (rc == 0)
		*data = json_pack("{s:I, s:b}", "id", (json_int_t)a.id, "running", 1);
	return rc;
}

static int
whitelist_checks(const struct ctl_call *call, json_t **data, struct err *e)
{
	static struct check_report report; /* large */
	struct application a;
	bool running;
	int rc = ctl_find_application(call, &a, e);

	if (rc < 0)
		return rc;
	running = guard_check_runs(call->guard, a.id);
	rc = guard_get_checks(call->guard, &a, &report, e);
	if (rc < 0 && !(running && rc == -ENOENT))
		return rc;
	*data = json_pack("{s:I, s:b, s:o}", "id", (json_int_t)a.id, "running", running, "report",
	    rc == 0 ? check_report_json(&report) : json_null());
	return 0;
}

/* Begins; whitelist.rechecked tells how it went. */
static int
whitelist_recheck(const struct ctl_call *call, json_t **data, struct err *e)
{
	json_t *queued = NULL, *skipped = NULL;
	int64_t id = 0;
	int rc = ctl_arg_int_opt(call, "id", &id, e);

	if (rc == 0)
		rc = guard_recheck_start(call->guard, id, &queued, &skipped, e);
	if (rc == 0)
		*data = json_pack("{s:o, s:o}", "queued", queued, "skipped", skipped);
	return rc;
}

static json_t *
rechecked_json(const struct guard *g, int64_t id)
{
	const struct grant *grant = guard_find_grant(g, id);
	const struct grant_watch *w = guard_find_watch(g, id);
	json_t *out;

	if (grant == NULL || w == NULL)
		return NULL;
	out = ctl_json_pages(w);
	json_object_set_new(out, "application", json_integer((json_int_t)id));
	json_object_set_new(out, "grant", json_string(grant_state_name(grant->state)));
	json_object_set_new(out, "watch_level", json_string(watch_level_name(w->level)));
	json_object_set_new(out, "watch_reason", ctl_json_text_or_null(w->reason));
	return out;
}

static int
whitelist_rechecked(const struct ctl_call *call, json_t **data, struct err *e)
{
	json_t *ids = json_object_get(call->args, "ids"), *item, *results = json_array();
	unsigned waiting = 0;
	size_t i;

	if (!json_is_array(ids)) {
		json_decref(results);
		return err_set(e, -EINVAL, "the request lacks the argument \"ids\" (a list)");
	}
	json_array_foreach (ids, i, item) {
		const int64_t id = json_integer_value(item);
		json_t *one = rechecked_json(call->guard, id);

		if (guard_recheck_waits(call->guard, id)) {
			waiting++;
			json_decref(one);
		} else if (one != NULL) {
			json_array_append_new(results, one);
		}
	}
	*data = json_pack("{s:i, s:o}", "waiting", (int)waiting, "results", results);
	return 0;
}

const struct ctl_command ctl_commands_check[] = {
    {"whitelist.recheck", CTL_ROLE_SUPPORT, whitelist_recheck},
    {"whitelist.rechecked", CTL_ROLE_VIEW, whitelist_rechecked},
    {"whitelist.check", CTL_ROLE_SUPPORT, whitelist_check},
    {"whitelist.checks", CTL_ROLE_VIEW, whitelist_checks},
    {NULL, CTL_ROLE_NONE, NULL},
};
