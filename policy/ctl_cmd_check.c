/* SPDX-License-Identifier: ISC */
/*
 * The commands whitelist.check and whitelist.checks: the machine checks begin, and how they went.  bulkhead-guard (judge process).
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

const struct ctl_command ctl_commands_check[] = {
    {"whitelist.check", CTL_ROLE_SUPPORT, whitelist_check},
    {"whitelist.checks", CTL_ROLE_VIEW, whitelist_checks},
    {NULL, CTL_ROLE_NONE, NULL},
};
