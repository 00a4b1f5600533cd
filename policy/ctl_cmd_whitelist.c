/* SPDX-License-Identifier: ISC */
/*
 * The commands whitelist.*: what tenants ask, what supports it, what was given.  bulkhead-guard
 * (judge process).
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "policy/ctl.h"
#include "policy/ctl_json.h"
#include "policy/ctl_whitelist.h"
#include "policy/guard.h"
#include "whitelist/check_job.h"
#include "whitelist/letter.h"

/* A text argument into a field; absent leaves the field alone. */
int
ctl_take_text(
    const struct ctl_call *call, const char *name, char *field, size_t size, struct err *e)
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

int
ctl_take_count(const struct ctl_call *call, const char *name, uint64_t *field, struct err *e)
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
int
ctl_check_servers(const struct guard *g, struct application *a, struct err *e)
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
		rc = ctl_take_count(call, "per_day", &a->per_day, e);
	if (rc == 0)
		rc = ctl_take_count(call, "list_size", &a->list_size, e);
	if (rc == 0)
		rc = ctl_take_text(call, "list_origin", a->list_origin, sizeof(a->list_origin), e);
	if (rc == 0)
		rc = ctl_take_text(call, "form_url", a->form_url, sizeof(a->form_url), e);
	if (rc == 0)
		rc = ctl_take_text(call, "rules_url", a->rules_url, sizeof(a->rules_url), e);
	if (rc == 0)
		rc = ctl_take_text(call, "contact", a->contact, sizeof(a->contact), e);
	if (rc == 0)
		rc = ctl_take_text(call, "lang", a->lang, sizeof(a->lang), e);
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
		rc = ctl_check_servers(call->guard, &a, e);
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
int
ctl_find_application(const struct ctl_call *call, struct application *a, struct err *e)
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
int
ctl_put_application(const struct ctl_call *call, const char *action, struct application *a,
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
	int rc = ctl_find_application(call, &a, e);

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
	rc = ctl_put_application(call, "whitelist.attach", &a, NULL, data, e);
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
	int rc = ctl_find_application(call, &a, e);

	if (rc == 0)
		*data = ctl_json_application_whole(call->guard, &a);
	return rc;
}

/* Fills in what a draft still lacks, and submits it. */
static int
whitelist_submit(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct application a;
	int state, rc = ctl_find_application(call, &a, e);

	if (rc == 0)
		rc = take_fields(call, &a, e);
	if (rc == 0)
		rc = ctl_check_servers(call->guard, &a, e);
	if (rc == 0)
		rc = application_check_fields(&a, e);
	if (rc < 0)
		return rc;
	state = application_next_state(&a, ACTION_SUBMIT, e);
	if (state < 0)
		return state;
	a.state = (uint8_t)state;
	rc = ctl_put_application(call, "whitelist.submit", &a, NULL, data, e);
	if (rc == 0)
		check_anew(call, &a);
	return rc;
}

const struct ctl_command ctl_commands_whitelist[] = {
    {"whitelist.apply", CTL_ROLE_SUPPORT, whitelist_apply},
    {"whitelist.attach", CTL_ROLE_SUPPORT, whitelist_attach},
    {"whitelist.list", CTL_ROLE_VIEW, whitelist_list},
    {"whitelist.show", CTL_ROLE_VIEW, whitelist_show},
    {"whitelist.submit", CTL_ROLE_SUPPORT, whitelist_submit},
    {NULL, CTL_ROLE_NONE, NULL},
};
