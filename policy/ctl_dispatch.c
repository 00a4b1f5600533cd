/* SPDX-License-Identifier: ISC */
/* One request to one reply; see ctl_dispatch.h.  bulkhead-guard (judge process). */
#include "policy/ctl_dispatch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "policy/ctl_json.h"
#include "policy/guard.h"

#define REFUSALS_PER_MINUTE 10

static const char *const role_names[CTL_ROLE__COUNT] = {
    [CTL_ROLE_NONE] = "none",
    [CTL_ROLE_NOTIFY] = "notify",
    [CTL_ROLE_VIEW] = "view",
    [CTL_ROLE_SUPPORT] = "support",
    [CTL_ROLE_ABUSE] = "abuse",
    [CTL_ROLE_ADMIN] = "admin",
};

static const struct ctl_command *const tables[] = {
    ctl_commands_server,
    ctl_commands_case,
    ctl_commands_whitelist,
    ctl_commands_dossier,
    ctl_commands_check,
    ctl_commands_decide,
    ctl_commands_intake,
    ctl_commands_system,
    ctl_commands_notice,
    ctl_commands_abuse,
    ctl_commands_history,
    ctl_commands_explain,
};

const char *
ctl_role_name(unsigned role)
{
	return role < CTL_ROLE__COUNT ? role_names[role] : "unknown";
}

static const struct ctl_command *
find_command(const char *name)
{
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct ctl_command *cmd = tables[t]; cmd->name != NULL; cmd++)
			if (strcmp(cmd->name, name) == 0)
				return cmd;
	return NULL;
}

void
ctl_note_refusal(struct ctl_refusals *refusals, const struct ctl_call *call, const char *command)
{
	struct ledger_entry entry = {.time_ns = call->now_ns};
	int64_t age_ns = call->now_ns - refusals->window_ns;

	log_event_limited(&refusals->limit, LOG_LEVEL_WARN, "guard.ctl.refused",
	    "uid=%u role=%s command=%s", (unsigned)call->peer->uid, ctl_role_name(call->role),
	    command);
	if (age_ns >= CLOCK_MINUTE_NS || age_ns < 0) {
		refusals->window_ns = call->now_ns;
		refusals->count = 0;
	}
	if (refusals->count++ >= REFUSALS_PER_MINUTE)
		return;
	snprintf(entry.actor, sizeof(entry.actor), "%s", call->actor);
	snprintf(entry.action, sizeof(entry.action), "refused");
	snprintf(entry.subject, sizeof(entry.subject), "%s", command);
	snprintf(
	    entry.detail, sizeof(entry.detail), "{\"role\":\"%s\"}", ctl_role_name(call->role));
	ledger_append(call->guard->store, &entry, NULL);
}

static int
run_command(struct ctl_refusals *refusals, const char *name, const struct ctl_call *call,
    json_t **data, struct err *e)
{
	const struct ctl_command *cmd = find_command(name);
	int rc;

	if (cmd == NULL)
		return err_set(e, -ENOSYS,
		    "this guard does not know the command \"%.60s\": use the bulkhead program that "
		    "came with it",
		    name);
	if (call->role < cmd->role) {
		ctl_note_refusal(refusals, call, cmd->name);
		return err_set(e, -EACCES,
		    "%s needs the role \"%s\" and you have \"%s\": ask an administrator to put you "
		    "into the group of "
		    "that role",
		    cmd->name, ctl_role_name(cmd->role), ctl_role_name(call->role));
	}
	rc = cmd->run(call, data, e);
	if (rc < 0 && e->code >= 0)
		err_set(e, rc, "%s: %s", cmd->name, strerror(-rc));
	return rc;
}

/* Which command, and its arguments; both borrowed from root. */
static int
parse_request(const json_t *root, const char **command, const json_t **args, struct err *e)
{
	const json_t *version = json_object_get(root, "version");

	if (!json_is_object(root))
		return err_set(e, -EBADMSG, "the request is not a JSON object");
	if (!json_is_integer(version) || json_integer_value(version) != CTL_VERSION)
		return err_set(e, -EPROTO,
		    "the request is not of protocol version %d: use the bulkhead program that came "
		    "with this guard",
		    CTL_VERSION);
	*command = json_string_value(json_object_get(root, "command"));
	if (*command == NULL)
		return err_set(e, -EBADMSG, "the request lacks the member \"command\"");
	*args = json_object_get(root, "args");
	if (*args != NULL && !json_is_object(*args))
		return err_set(e, -EBADMSG, "the member \"args\" of the request is not an object");
	return 0;
}

json_t *
ctl_reply_error(const struct err *e)
{
	const char *name = strerrorname_np(-e->code);

	return json_pack("{s:i, s:b, s:{s:s, s:o}}", "version", CTL_VERSION, "ok", 0, "error",
	    "code", name != NULL ? name : "EIO", "text", ctl_json_text(e->text));
}

json_t *
ctl_dispatch(struct ctl_refusals *refusals, struct ctl_call *call, const char *text, size_t size,
    bool *nonsense)
{
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	json_t *none = json_object(), *data = NULL, *reply;
	const char *name = "";
	struct err e = {0};
	int rc = parse_request(root, &name, &call->args, &e);

	if (rc < 0) {
		*nonsense = true;
	} else {
		if (call->args == NULL)
			call->args = none;
		rc = run_command(refusals, name, call, &data, &e);
	}
	if (rc < 0) {
		json_decref(data);
		reply = ctl_reply_error(&e);
	} else {
		reply = json_pack("{s:i, s:b, s:o}", "version", CTL_VERSION, "ok", 1, "data",
		    data != NULL ? data : json_object());
	}
	call->args = NULL;
	json_decref(root);
	json_decref(none);
	return reply;
}
