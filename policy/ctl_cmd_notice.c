/* SPDX-License-Identifier: ISC */
/*
 * The commands notice.*: bulkhead-notify fetches what its hooks have to carry and says what became of it; people look
 * at the queue.  bulkhead-guard (judge process).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policy/ctl.h"
#include "policy/ctl_json.h"
#include "policy/guard.h"
#include "policy/notice_text.h"

#define LIST_MAX     500
#define LIST_DEFAULT 50

/* These two are bulkhead-notify's alone (and root's): who looks at cases may not take them away from the tenant. */
static int
check_caller(const struct ctl_call *call, struct err *e)
{
	if (call->role == CTL_ROLE_NOTIFY || call->role == CTL_ROLE_ADMIN)
		return 0;
	return err_set(e, -EACCES,
	    "notices are given to the user of bulkhead-notify (notify_user in bulkhead.conf) "
	    "alone");
}

static json_t *
notice_json(const struct notice *n)
{
	return json_pack("{s:I, s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:i, s:o}", "id",
	    (json_int_t)n->id, "kind", notice_kind_name(n->kind), "about",
	    ctl_json_text(n->subject), "hook", ctl_json_text(n->hook), "server",
	    ctl_json_text_or_null(n->server), "contact", ctl_json_text_or_null(n->contact), "lang",
	    n->lang, "state", notice_state_name(n->state), "made", ctl_json_time(n->made_ns), "due",
	    ctl_json_time(n->state < NOTICE_SENT ? n->due_ns : 0), "done",
	    ctl_json_time(n->done_ns), "attempts", (int)n->attempts, "error",
	    ctl_json_text_or_null(n->error));
}

static bool
is_busy(void *arg, const char *hook)
{
	const json_t *busy = arg, *one;
	size_t i;

	json_array_foreach ((json_t *)busy, i, one)
		if (json_is_string(one) && strcmp(json_string_value(one), hook) == 0)
			return true;
	return false;
}

/* The address that is shown to the tenant, with the case id in place of its %s. */
static json_t *
case_url(const struct guard *g, const struct notice *n)
{
	const char *form = g->settings.case_url, *hole = strstr(form, "%s");
	char url[SETTINGS_PATH_BYTES + NOTICE_SUBJECT_BYTES];

	if (form[0] == '\0' || n->kind != NOTICE_BLOCK)
		return json_null();
	if (hole == NULL)
		return ctl_json_text(form);
	snprintf(url, sizeof(url), "%.*s%s%s", (int)(hole - form), form, n->subject, hole + 2);
	return ctl_json_text(url);
}

/* What a hook reads on its standard input: see bulkhead-notify(8). */
static int
payload(const struct ctl_call *call, const struct notice *n, json_t **out, struct err *e)
{
	json_t *about = NULL, *url, *message = notice_json(n);
	const char *target = n->kind == NOTICE_BLOCK ? n->subject : n->server;
	char title[NOTICE_TITLE_BYTES];
	char *letter;
	int rc = 0;

	/* A server that is gone since leaves its case, but no explanation of how it is now. */
	if (n->kind != NOTICE_CATCH) {
		rc = ctl_explain(call, target, &about, e);
		rc = rc == -ENOENT ? 0 : rc;
	}
	if (rc < 0) {
		json_decref(message);
		return rc;
	}
	url = case_url(call->guard, n);
	letter = notice_letter(n, about, json_is_string(url) ? json_string_value(url) : "");
	json_object_set_new(message, "version", json_integer(1));
	json_object_set_new(
	    message, "case", n->kind == NOTICE_BLOCK ? ctl_json_text(n->subject) : json_null());
	json_object_set(message, "tenant", json_object_get(about, "tenant"));
	json_object_set_new(message, "url", url);
	json_object_set_new(message, "subject", ctl_json_text(notice_title(title, n)));
	json_object_set_new(message, "text", json_string(letter != NULL ? letter : ""));
	json_object_set_new(message, "detail", about != NULL ? about : json_null());
	free(letter);
	*out = message;
	return 0;
}

/* args {busy?: [hooks]}: the next notice that is due, or null. */
static int
notice_take(const struct ctl_call *call, json_t **data, struct err *e)
{
	json_t *busy = json_object_get(call->args, "busy"), *message = NULL;
	struct notice n = {.id = 0};
	int rc = check_caller(call, e);

	if (rc == 0)
		rc = guard_notice_take(call->guard, is_busy, busy, &n, e);
	if (rc < 0)
		return rc;
	if (rc > 0) {
		rc = payload(call, &n, &message, e);
		if (rc < 0)
			return rc;
	}
	*data = json_pack("{s:o}", "notice", message != NULL ? message : json_null());
	return 0;
}

/* args {id, attempt, result: sent|retry|dead, error?} */
static int
notice_done(const struct ctl_call *call, json_t **data, struct err *e)
{
	const char *result = "", *error = "";
	int64_t id = 0, attempt = 0;
	int found, rc = check_caller(call, e);

	if (rc == 0)
		rc = ctl_arg_int(call, "id", &id, e);
	if (rc == 0)
		rc = ctl_arg_int(call, "attempt", &attempt, e);
	if (rc == 0)
		rc = ctl_arg_text(call, "result", &result, e);
	if (rc == 0)
		rc = ctl_arg_text_opt(call, "error", &error, e);
	if (rc < 0)
		return rc;
	found = notice_result_find(result);
	if (found < 0)
		return err_set(
		    e, -EINVAL, "the result is sent, retry or dead, not \"%.40s\"", result);
	rc = guard_notice_done(
	    call->guard, id, (unsigned)attempt, (enum notice_result)found, error, e);
	if (rc == 0)
		*data = json_object();
	return rc;
}

static int
list_one(void *arg, const struct notice *n)
{
	json_array_append_new(arg, notice_json(n));
	return 0;
}

/* args {state?, limit?}: the newest first. */
static int
notice_list(const struct ctl_call *call, json_t **data, struct err *e)
{
	const char *state = NULL;
	int64_t limit = LIST_DEFAULT;
	json_t *list;
	int wanted = -1, rc = ctl_arg_text_opt(call, "state", &state, e);

	if (rc == 0)
		rc = ctl_arg_int_opt(call, "limit", &limit, e);
	if (rc < 0)
		return rc;
	if (state != NULL && (wanted = notice_state_find(state)) < 0)
		return err_set(
		    e, -EINVAL, "a notice is waiting, running, sent or dead, not \"%.40s\"", state);
	if (limit < 1 || limit > LIST_MAX)
		return err_set(e, -EINVAL, "at most %d notices are shown at once", LIST_MAX);
	list = json_array();
	rc = store_each_notice(call->guard->store, wanted, (unsigned)limit, list_one, list, e);
	if (rc < 0) {
		json_decref(list);
		return rc;
	}
	*data = json_pack("{s:o}", "notices", list);
	return 0;
}

/* args {id} or {all:true}: dead letters are tried again. */
static int
notice_retry(const struct ctl_call *call, json_t **data, struct err *e)
{
	int64_t id = 0;
	unsigned count = 0;
	bool all = false;
	int rc = ctl_arg_bool_opt(call, "all", &all, e);

	if (rc == 0 && !all)
		rc = ctl_arg_int(call, "id", &id, e);
	if (rc == 0 && !all && id < 1)
		rc = err_set(e, -EINVAL, "a notice has a number from 1 on");
	if (rc == 0)
		rc = guard_notice_retry(call->guard, call->actor, id, &count, e);
	if (rc < 0)
		return rc;
	*data = json_pack("{s:i}", "retried", (int)count);
	return 0;
}

int
ctl_json_notices(const struct guard *g, json_t **out, struct err *e)
{
	const char *cursor = g->settings.notice_hooks;
	struct notice_counts n;
	char path[256], name[NOTICE_HOOK_BYTES];
	json_t *hooks;
	int rc = store_count_notices(g->store, &n, e);

	if (rc < 0)
		return rc;
	hooks = json_array();
	while (config_list_next(&cursor, path, sizeof(path)))
		if (notice_hook_name(path, name))
			json_array_append_new(hooks, ctl_json_text(name));
	*out = json_pack("{s:o, s:I, s:I, s:I, s:I, s:o, s:o}", "hooks", hooks, "waiting",
	    (json_int_t)n.states[NOTICE_WAITING] + (json_int_t)n.states[NOTICE_RUNNING], "retrying",
	    (json_int_t)n.retrying, "sent", (json_int_t)n.states[NOTICE_SENT], "dead",
	    (json_int_t)n.states[NOTICE_DEAD], "oldest", ctl_json_time(n.oldest_ns),
	    "carrier_heard_s",
	    g->notify_heard_ns != 0
		? json_integer((g->now_ns - g->notify_heard_ns) / CLOCK_SECOND_NS)
		: json_null());
	return 0;
}

const struct ctl_command ctl_commands_notice[] = {
    {"notice.take", CTL_ROLE_NOTIFY, notice_take},
    {"notice.done", CTL_ROLE_NOTIFY, notice_done},
    {"notice.list", CTL_ROLE_VIEW, notice_list},
    {"notice.retry", CTL_ROLE_ABUSE, notice_retry},
    {NULL, CTL_ROLE_NONE, NULL},
};
