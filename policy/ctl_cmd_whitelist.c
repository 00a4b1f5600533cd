/* SPDX-License-Identifier: ISC */
/*
 * The commands whitelist.*: what tenants ask, what supports it, what was given.  bulkhead-guard
 * (judge process).
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "policy/ctl.h"
#include "policy/ctl_json.h"
#include "policy/guard.h"
#include "whitelist/check_job.h"
#include "whitelist/legacy.h"
#include "whitelist/letter.h"

#define GRANT_SPAN_NS (365 * CLOCK_DAY_NS) /* when nobody says how long */

/* A text argument into a field; absent leaves the field alone. */
static int
take_text(const struct ctl_call *call, const char *name, char *field, size_t size, struct err *e)
{
	const char *text = NULL;
	int rc = ctl_arg_text_opt(call, name, &text, e);

	if (rc < 0 || text == NULL)
		return rc;
	if (strlen(text) >= size)
		return err_set(
		    e, -EINVAL, "%s is longer than %zu bytes: shorten it", name, size - 1);
	text_clean(field, size, text);
	return 0;
}

static int
take_count(const struct ctl_call *call, const char *name, uint64_t *field, struct err *e)
{
	int64_t n = (int64_t)*field;
	int rc = ctl_arg_int_opt(call, name, &n, e);

	if (rc < 0)
		return rc;
	if (n < 0)
		return err_set(e, -EINVAL, "%s is a number of recipients, not %" PRId64, name, n);
	*field = (uint64_t)n;
	return 0;
}

/* An array of texts into a fixed table of fields of `stride` bytes; the first of equal ones is
 * kept. */
static int
take_list(const struct ctl_call *call, const char *name, char *fields, size_t stride, unsigned max,
    unsigned *count, struct err *e)
{
	json_t *list = json_object_get(call->args, name), *item;
	size_t i;

	if (list == NULL && *count > 0)
		return 0; /* a draft has them already */
	if (!json_is_array(list))
		return err_set(e, -EINVAL, "the request lacks the argument \"%s\" (a list)", name);
	json_array_foreach (list, i, item) {
		const char *text = json_string_value(item);
		bool known = false;

		if (text == NULL)
			return err_set(e, -EINVAL, "an item of \"%s\" is not a text", name);
		for (unsigned k = 0; k < *count; k++)
			known = known || strcmp(fields + k * stride, text) == 0;
		if (known)
			continue;
		if (*count == max)
			return err_set(e, -EINVAL,
			    "at most %u %s fit one application: make a second one", max, name);
		if (strlen(text) >= stride)
			return err_set(
			    e, -EINVAL, "\"%.80s\" is longer than %zu bytes", text, stride - 1);
		memcpy(fields + *count * stride, text, strlen(text) + 1);
		(*count)++;
	}
	return 0;
}

/* The application keeps the servers by the names of the inventory, however they were named. */
static int
check_servers(const struct guard *g, struct application *a, struct err *e)
{
	unsigned index;

	for (unsigned i = 0; i < a->server_count; i++) {
		int rc = ctl_find_server(g, a->servers[i], &index, e);

		if (rc < 0)
			return rc;
		memcpy(
		    a->servers[i], inventory_get(g->inventory, index)->name, sizeof(a->servers[i]));
	}
	return 0;
}

/* Copies the evidence behind the call's descriptors; *a gains the items only when all were stored.
 */
static int
take_evidence(const struct ctl_call *call, struct application *a, struct err *e)
{
	json_t *list = json_object_get(call->args, "evidence"), *item;
	unsigned count = a->evidence_count;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) != call->fd_count)
		return err_set(e, -EINVAL, "the request names %zu evidence files and passes %u",
		    json_array_size(list), call->fd_count);
	if (count + call->fd_count > EVIDENCE_PER_APPLICATION_MAX)
		return err_set(e, -ENOSPC, "an application has at most %d evidence files",
		    EVIDENCE_PER_APPLICATION_MAX);
	json_array_foreach (list, i, item) {
		struct evidence *ev = &a->evidence[count + i];
		const char *kind = json_string_value(json_object_get(item, "kind"));
		const char *name = json_string_value(json_object_get(item, "name"));
		int rc = kind != NULL ? evidence_kind_parse(kind) : -EINVAL;

		if (rc < 0 || name == NULL) {
			guard_forget_evidence(call->guard, &a->evidence[count], (unsigned)i);
			return err_set(e, -EINVAL,
			    "evidence needs a name and a kind (consent-form, registration-form, "
			    "rules-extract, sample-source, sample-picture, unsubscribe-page, "
			    "note)");
		}
		*ev = (struct evidence){.kind = (uint8_t)rc, .added_ns = call->now_ns};
		text_clean(ev->name, sizeof(ev->name),
		    strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name);
		rc = evidence_store_add(call->guard->evidence, call->fds[i], ev, e);
		if (rc < 0) {
			guard_forget_evidence(call->guard, &a->evidence[count], (unsigned)i);
			return rc;
		}
	}
	a->evidence_count = count + call->fd_count;
	return 0;
}

static int
take_fields(const struct ctl_call *call, struct application *a, struct err *e)
{
	const char *purpose = application_purpose_name(a->purpose);
	int rc = ctl_arg_text_opt(call, "purpose", &purpose, e);

	if (rc == 0 && (rc = application_purpose_parse(purpose)) < 0)
		return err_set(
		    e, rc, "the purpose is newsletter or automatic, not \"%s\"", purpose);
	if (rc >= 0) {
		a->purpose = (uint8_t)rc;
		rc = take_list(call, "servers", a->servers[0], sizeof(a->servers[0]),
		    GRANT_SERVERS_MAX, &a->server_count, e);
	}
	if (rc == 0)
		rc = take_list(call, "domains", a->domains[0], sizeof(a->domains[0]),
		    GRANT_DOMAINS_MAX, &a->domain_count, e);
	for (unsigned i = 0; rc == 0 && i < a->domain_count; i++)
		for (char *p = a->domains[i]; *p != '\0'; p++)
			*p = (char)tolower((unsigned char)*p);
	if (rc == 0)
		rc = take_count(call, "per_day", &a->per_day, e);
	if (rc == 0)
		rc = take_count(call, "list_size", &a->list_size, e);
	if (rc == 0)
		rc = take_text(call, "list_origin", a->list_origin, sizeof(a->list_origin), e);
	if (rc == 0)
		rc = take_text(call, "contact", a->contact, sizeof(a->contact), e);
	if (rc == 0)
		rc = take_text(call, "lang", a->lang, sizeof(a->lang), e);
	return rc;
}

/* What was submitted is checked without being asked; a guard that is busy leaves it to a person. */
static void
check_anew(const struct ctl_call *call, const struct application *a)
{
	(void)guard_check_start(call->guard, call->actor, a, "", NULL, NULL);
}

static int
whitelist_apply(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct application a = {.state = APPLICATION_DRAFT,
	    .lang = "en",
	    .created_ns = call->now_ns,
	    .changed_ns = call->now_ns};
	int rc = take_fields(call, &a, e);

	if (rc == 0)
		rc = check_servers(call->guard, &a, e);
	if (rc == 0)
		rc = application_check_fields(&a, e);
	if (rc == 0)
		rc = take_evidence(call, &a, e);
	if (rc == 0)
		rc = application_next_state(&a, ACTION_SUBMIT, e);
	if (rc >= 0) {
		a.state = (uint8_t)rc;
		rc =
		    guard_put_application(call->guard, call->actor, "whitelist.apply", &a, NULL, e);
	}
	if (rc == 0)
		check_anew(call, &a);
	if (rc == 0)
		*data = ctl_json_application(call->guard, &a);
	else
		guard_forget_evidence(call->guard, a.evidence, a.evidence_count);
	return rc;
}

/* The application of the argument "id". */
static int
find_application(const struct ctl_call *call, struct application *a, struct err *e)
{
	struct err why = {0};
	int64_t id = 0;
	int rc = ctl_arg_int(call, "id", &id, e);

	if (rc < 0)
		return rc;
	rc = store_get_application(call->guard->store, id, a, &why);
	if (rc == -ENOENT)
		return err_set(e, rc,
		    "there is no application %" PRId64
		    ": `bulkhead whitelist list` names those that exist",
		    id);
	return rc < 0 ? err_set(e, rc, "%s", why.text) : 0;
}

/* Stores the application in its new state, with the grant if there is one, and answers with it. */
static int
put_application(const struct ctl_call *call, const char *action, struct application *a,
    const struct grant *grant, json_t **data, struct err *e)
{
	int rc;

	a->changed_ns = call->now_ns;
	rc = guard_put_application(call->guard, call->actor, action, a, grant, e);
	if (rc == 0)
		*data = ctl_json_application(call->guard, a);
	return rc;
}

/* More evidence; an application that was waiting for it is submitted again. */
static int
whitelist_attach(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct application a;
	unsigned before;
	int rc = find_application(call, &a, e);

	if (rc < 0)
		return rc;
	if (a.state == APPLICATION_REJECTED || a.state == APPLICATION_REVOKED)
		return err_set(e, -EPERM,
		    "application %" PRId64 " is %s: apply anew with the new evidence", a.id,
		    application_state_name(a.state));
	before = a.evidence_count;
	rc = take_evidence(call, &a, e);
	if (rc < 0)
		return rc;
	if (a.state == APPLICATION_NEEDS_INFO)
		a.state = (uint8_t)application_next_state(&a, ACTION_SUBMIT, e);
	rc = put_application(call, "whitelist.attach", &a, NULL, data, e);
	if (rc < 0)
		guard_forget_evidence(call->guard, &a.evidence[before], a.evidence_count - before);
	else
		check_anew(call, &a);
	return rc;
}

struct listing {
	const struct guard *guard;
	json_t *list;
};

static int
list_one(void *arg, const struct application *a)
{
	struct listing *listing = arg;

	return json_array_append_new(listing->list, ctl_json_application(listing->guard, a));
}

static int
whitelist_list(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct listing listing = {.guard = call->guard};
	const char *state = NULL;
	int wanted = -1, rc = ctl_arg_text_opt(call, "state", &state, e);

	if (rc < 0)
		return rc;
	if (state != NULL && (wanted = application_state_parse(state)) < 0)
		return err_set(e, -EINVAL,
		    "a state is draft, submitted, in-review, needs-info, approved, rejected or "
		    "revoked, "
		    "not \"%s\"",
		    state);
	listing.list = json_array();
	rc = store_each_application(call->guard->store, wanted, list_one, &listing, e);
	if (rc < 0) {
		json_decref(listing.list);
		return rc;
	}
	*data = json_pack("{s:o}", "applications", listing.list);
	return 0;
}

static int
whitelist_show(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct application a;
	int rc = find_application(call, &a, e);

	if (rc == 0)
		*data = ctl_json_application_whole(call->guard, &a);
	return rc;
}

/* Begins; whitelist.checks tells how it went. */
static int
whitelist_check(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct application a = {0};
	struct guard_check_online online = {""};
	const char *keys = "", *consent = "";
	bool is_online = false;
	int rc = find_application(call, &a, e);

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
	int rc = find_application(call, &a, e);

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
	int state, rc = find_application(call, &a, e);

	if (rc < 0)
		return rc;
	state = application_next_state(&a, ACTION_APPROVE, e);
	if (state < 0)
		return state;
	rc = ctl_arg_bool_opt(call, "override", &override, e);
	if (rc == 0)
		rc = ctl_arg_text_opt(call, "reason", &reason, e);
	if (rc == 0)
		rc = take_text(call, "reason", a.reason, sizeof(a.reason), e);
	if (rc == 0)
		rc = take_count(call, "per_day", &a.per_day, e);
	if (rc == 0)
		rc = take_until(call, &until, e);
	if (rc == 0)
		rc = check_servers(call->guard, &a, e);
	if (rc == 0)
		rc = application_check_fields(&a, e);
	if (rc == 0)
		rc = override ? check_override(call, reason, e) : check_complete(call, &a, e);
	if (rc < 0)
		return rc;
	a.state = (uint8_t)state;
	a.grant_until_ns = until;
	application_grant(&a, call->now_ns, until, &grant);
	rc = put_application(call, override ? "whitelist.approve.override" : "whitelist.approve",
	    &a, &grant, data, e);
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
	int state, rc = find_application(call, &a, e);

	if (rc == 0)
		rc = ctl_arg_text(call, argument, &sentence, e);
	if (rc == 0)
		rc = take_text(call, argument, a.reason, sizeof(a.reason), e);
	if (rc < 0)
		return rc;
	state = application_next_state(&a, action, e);
	if (state < 0)
		return state;
	a.state = (uint8_t)state;
	return put_application(call, name, &a, NULL, data, e);
}

static int
whitelist_reject(const struct ctl_call *call, json_t **data, struct err *e)
{
	return decide(call, ACTION_REJECT, "whitelist.reject", "reason", data, e);
}

static int
whitelist_ask(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct application a;
	char letter[LETTER_BYTES];
	int rc = decide(call, ACTION_ASK, "whitelist.ask", "message", data, e);

	if (rc == 0)
		rc = find_application(call, &a, e);
	if (rc == 0)
		json_object_set_new(*data, "letter",
		    json_string(
			letter_write(letter, LETTER_ASK, &a, guard_is_all_kvm(call->guard, &a))));
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
	int state, rc = find_application(call, &a, e);

	if (rc == 0)
		rc = ctl_arg_text(call, "reason", &reason, e);
	if (rc == 0)
		rc = take_text(call, "reason", a.reason, sizeof(a.reason), e);
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
	return put_application(call, "whitelist.revoke", &a, &grant, data, e);
}

static int
whitelist_renew(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct application a;
	struct grant grant = {0};
	int64_t until = 0;
	int state, rc = find_application(call, &a, e);

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
	return put_application(call, "whitelist.renew", &a, &grant, data, e);
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
	int rc = find_application(call, &a, e);

	if (rc == 0)
		rc = ctl_arg_text(call, "reason", &reason, e);
	if (rc == 0)
		rc = change(call->guard, a.id, call->actor, reason, e);
	if (rc == 0)
		rc = find_application(call, &a, e);
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

		rc = check_servers(call->guard, &rows[i], &why);
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

/* Fills in what a draft still lacks, and submits it. */
static int
whitelist_submit(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct application a;
	int state, rc = find_application(call, &a, e);

	if (rc == 0)
		rc = take_fields(call, &a, e);
	if (rc == 0)
		rc = check_servers(call->guard, &a, e);
	if (rc == 0)
		rc = application_check_fields(&a, e);
	if (rc < 0)
		return rc;
	state = application_next_state(&a, ACTION_SUBMIT, e);
	if (state < 0)
		return state;
	a.state = (uint8_t)state;
	return put_application(call, "whitelist.submit", &a, NULL, data, e);
}

const struct ctl_command ctl_commands_whitelist[] = {
    {"whitelist.apply", CTL_ROLE_SUPPORT, whitelist_apply},
    {"whitelist.attach", CTL_ROLE_SUPPORT, whitelist_attach},
    {"whitelist.list", CTL_ROLE_VIEW, whitelist_list},
    {"whitelist.show", CTL_ROLE_VIEW, whitelist_show},
    {"whitelist.check", CTL_ROLE_SUPPORT, whitelist_check},
    {"whitelist.checks", CTL_ROLE_VIEW, whitelist_checks},
    {"whitelist.approve", CTL_ROLE_SUPPORT, whitelist_approve},
    {"whitelist.reject", CTL_ROLE_SUPPORT, whitelist_reject},
    {"whitelist.ask", CTL_ROLE_SUPPORT, whitelist_ask},
    {"whitelist.revoke", CTL_ROLE_SUPPORT, whitelist_revoke},
    {"whitelist.renew", CTL_ROLE_SUPPORT, whitelist_renew},
    {"whitelist.submit", CTL_ROLE_SUPPORT, whitelist_submit},
    {"whitelist.suspend", CTL_ROLE_SUPPORT, whitelist_suspend},
    {"whitelist.resume", CTL_ROLE_ABUSE, whitelist_resume},
    {"whitelist.import", CTL_ROLE_ABUSE, whitelist_import},
    {NULL, CTL_ROLE_NONE, NULL},
};
