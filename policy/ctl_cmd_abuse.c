/* SPDX-License-Identifier: ISC */
/*
 * The commands abuse.*: complaints of receivers, and what a report to the tenant needs.  bulkhead-guard (judge
 * process).
 */

#include "policy/ctl.h"
#include "policy/ctl_json.h"
#include "policy/guard.h"

#define LIST_MAX 200

static json_t *
complaint_row(const struct store_complaint *c)
{
	char source[ADDR_TEXT_BYTES];

	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:b}", "type",
	    ctl_json_text(c->c.type), "source", addr_format(source, &c->c.source), "arrival",
	    ctl_json_time(c->c.arrival_ns), "imported", ctl_json_time(c->imported_ns), "reporter",
	    ctl_json_text_or_null(c->c.reporter), "domain", ctl_json_text_or_null(c->c.domain),
	    "server", ctl_json_text_or_null(c->server), "how", c->how, "counted", c->counted);
}

/* args: a complaint as bulkhead-check gives it (whitelist/complaint.h). */
static int
abuse_import(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct complaint complaint;
	struct store_complaint stored = {.counted = false};
	bool known = false;
	int rc = complaint_from_json(&complaint, call->args, e);

	if (rc == 0)
		rc = guard_complain(call->guard, call->actor, &complaint, &stored, &known, e);
	if (rc < 0)
		return rc;
	*data = complaint_row(&stored);
	json_object_set_new(*data, "known", json_boolean(known));
	return 0;
}

static int
list_one(void *arg, const struct store_complaint *c)
{
	json_array_append_new(arg, complaint_row(c));
	return 0;
}

static int
complaints_of(const struct guard *g, const char *server, json_t **list, struct err *e)
{
	int rc;

	*list = json_array();
	rc = store_each_complaint(g->store, server, LIST_MAX, list_one, *list, e);
	if (rc < 0)
		json_decref(*list);
	return rc;
}

/* args {server?}: the newest first. */
static int
abuse_list(const struct ctl_call *call, json_t **data, struct err *e)
{
	const char *server = "";
	json_t *list;
	int rc = ctl_arg_text_opt(call, "server", &server, e);

	if (rc == 0)
		rc = complaints_of(call->guard, server, &list, e);
	if (rc == 0)
		*data = json_pack("{s:o}", "complaints", list);
	return rc;
}

/* args {case}: CASE, the server's addresses, contact and language, and the complaints about it. */
static int
abuse_report(const struct ctl_call *call, json_t **data, struct err *e)
{
	const struct guard *g = call->guard;
	const char *target = "", *server;
	json_t *about = NULL, *list = NULL, *show;
	int index, rc = ctl_arg_text(call, "case", &target, e);

	if (rc == 0)
		rc = ctl_explain(call, target, &about, e);
	if (rc < 0)
		return rc;
	server = json_string_value(json_object_get(about, "server"));
	rc = complaints_of(g, server != NULL ? server : "", &list, e);
	if (rc < 0) {
		json_decref(about);
		return rc;
	}
	*data = json_pack("{s:o, s:o}", "about", about, "complaints", list);
	index = server != NULL ? inventory_find(g->inventory, server) : -1;
	if (index >= 0 && ctl_json_server(g, (unsigned)index, &show, e) == 0)
		json_object_set_new(*data, "server", show);
	return 0;
}

const struct ctl_command ctl_commands_abuse[] = {
    {"abuse.import", CTL_ROLE_ABUSE, abuse_import},
    {"abuse.list", CTL_ROLE_VIEW, abuse_list},
    {"abuse.report", CTL_ROLE_VIEW, abuse_report},
    {NULL, CTL_ROLE_NONE, NULL},
};
