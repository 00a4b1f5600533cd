/* SPDX-License-Identifier: ISC */
/*
 * The commands whitelist.intake and whitelist.intaken: a support mail begins to be taken apart, and what
 * came of it.  bulkhead-guard (judge process).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/ctl.h"
#include "policy/ctl_json.h"
#include "policy/ctl_whitelist.h"
#include "policy/guard.h"
#include "whitelist/intake.h"

static int
take_how(const struct ctl_call *call, struct guard_intake_how *how, struct err *e)
{
	int rc = ctl_arg_int_opt(call, "application", &how->application, e);
	unsigned index;

	if (rc == 0)
		rc = ctl_take_text(call, "lang", how->lang, sizeof(how->lang), e);
	if (rc == 0 && how->lang[0] != '\0' && strcmp(how->lang, "en") != 0 &&
	    strcmp(how->lang, "ru") != 0)
		return err_set(e, -EINVAL, "language \"%s\" is not one of en, ru", how->lang);
	if (rc == 0)
		rc = ctl_take_text(call, "server", how->server, sizeof(how->server), e);
	if (rc == 0 && how->server[0] != '\0') {
		rc = ctl_find_server(call->guard, how->server, &index, e);
		if (rc == 0)
			snprintf(how->server, sizeof(how->server), "%s",
			    inventory_get(call->guard->inventory, index)->name);
	}
	return rc;
}

static int
whitelist_intake(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct guard_intake_how how = {0};
	struct application a;
	struct stat st = {0};
	uint64_t serial = 0;
	int rc = take_how(call, &how, e);

	if (rc == 0 && how.application != 0)
		rc = store_get_application(call->guard->store, how.application, &a, e);
	if (rc == 0 &&
	    (call->fd_count != 1 || fstat(call->fds[0], &st) != 0 || !S_ISREG(st.st_mode)))
		rc = err_set(e, -EINVAL, "the request passes no file with a mail");
	if (rc == 0 && (uint64_t)st.st_size > INTAKE_MAIL_BYTES_MAX)
		rc = err_set(e, -EFBIG,
		    "the mail is larger than %llu MiB: save its files and use whitelist apply",
		    INTAKE_MAIL_BYTES_MAX >> 20);
	if (rc == 0)
		rc = guard_intake_start(call->guard, call->actor, call->fds[0], &how, &serial, e);
	if (rc == 0)
		*data = json_pack("{s:I, s:b}", "intake", (json_int_t)serial, "running", 1);
	return rc;
}

static int
whitelist_intaken(const struct ctl_call *call, json_t **data, struct err *e)
{
	json_t *result = NULL;
	int64_t serial = 0;
	int rc = ctl_arg_int(call, "intake", &serial, e);

	if (rc == 0)
		rc = guard_intake_get(call->guard, (uint64_t)serial, &result, e);
	if (rc < 0)
		return rc;
	*data = result != NULL ? json_copy(result) : json_object();
	json_object_set_new(*data, "running", json_boolean(result == NULL));
	return 0;
}

const struct ctl_command ctl_commands_intake[] = {
    {"whitelist.intake", CTL_ROLE_SUPPORT, whitelist_intake},
    {"whitelist.intaken", CTL_ROLE_SUPPORT, whitelist_intaken},
    {NULL, CTL_ROLE_NONE, NULL},
};
