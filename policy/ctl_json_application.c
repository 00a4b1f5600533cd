/* SPDX-License-Identifier: ISC */
/*
 * An application as JSON: its fields, grant with consumption, what it lacks, evidence and who else
 * shows it, history.  bulkhead-guard (judge process).
 */
#include <stdio.h>
#include <string.h>

#include "policy/ctl_json.h"
#include "policy/guard.h"

#define HISTORY_MAX 200 /* newest entries of one application */

static json_t *
count_json(uint64_t n)
{
	return json_integer((json_int_t)(n > INT64_MAX ? INT64_MAX : n));
}

json_t *
ctl_json_pages(const struct grant_watch *w)
{
	return json_pack("{s:o, s:s, s:o, s:o}", "checked", ctl_json_time(w->pages_ns), "level",
	    watch_level_name(w->pages_level), "reason", ctl_json_text_or_null(w->pages_reason),
	    "failing_since", ctl_json_time(w->pages_bad_ns));
}

json_t *
ctl_json_watch(const struct grant_watch *w)
{
	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "pages",
	    ctl_json_pages(w), "checked", ctl_json_time(w->checked_ns), "level",
	    watch_level_name(w->level), "reason", ctl_json_text_or_null(w->reason), "messages",
	    count_json(w->messages), "unsubscribable", count_json(w->unsubscribable), "recipients",
	    count_json(w->recipients), "unknown", count_json(w->unknown), "volume",
	    count_json(w->volume));
}

json_t *
ctl_json_grant(const struct guard *g, int64_t id)
{
	const struct grant *grant = guard_find_grant(g, id);
	const struct grant_watch *watch;
	unsigned state;
	double used;

	if (grant == NULL)
		return json_null();
	state = grant->state;
	if (state == GRANT_ACTIVE && grant->until_ns != 0 && grant->until_ns <= g->now_ns)
		state = GRANT_EXPIRED;
	used = guard_grant_used(g, grant);
	watch = guard_find_watch(g, id);
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "state",
	    grant_state_name(state), "per_day", count_json(grant->per_day), "per_hour",
	    count_json(grant_per_hour(grant)), "from", ctl_json_time(grant->from_ns), "until",
	    ctl_json_time(grant->until_ns), "used_today", json_integer((json_int_t)used),
	    "used_percent",
	    grant->per_day > 0 ? json_integer((json_int_t)(used * 100 / (double)grant->per_day))
			       : json_null(),
	    "watch", watch != NULL ? ctl_json_watch(watch) : json_null());
}

static json_t *
evidence_json(const struct application *a)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < a->evidence_count; i++) {
		const struct evidence *ev = &a->evidence[i];

		json_array_append_new(
		    list, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "kind",
			      evidence_kind_name(ev->kind), "name", ctl_json_text(ev->name), "type",
			      ctl_json_text(ev->type), "size", count_json(ev->size), "sha256",
			      ctl_json_text(ev->sha256), "added", ctl_json_time(ev->added_ns)));
	}
	return list;
}

/* The sentences of application_missing() and what the machine checks lack, one string each. */
static json_t *
missing_json(const struct guard *g, const struct application *a)
{
	char buf[4096] = "";
	json_t *list = json_array(), *lacks;
	char *line, *rest = buf;

	application_missing(a, guard_is_all_kvm(g, a), buf, sizeof(buf));
	while ((line = strsep(&rest, "\n")) != NULL)
		if (line[0] != '\0')
			json_array_append_new(list, ctl_json_text(line));
	lacks = guard_check_lacks(g, a);
	json_array_extend(list, lacks);
	json_decref(lacks);
	return list;
}

json_t *
ctl_json_application(const struct guard *g, const struct application *a)
{
	json_t *servers = json_array(), *domains = json_array(), *out;

	for (unsigned i = 0; i < a->server_count; i++)
		json_array_append_new(servers, ctl_json_text(a->servers[i]));
	for (unsigned i = 0; i < a->domain_count; i++)
		json_array_append_new(domains, ctl_json_text(a->domains[i]));
	out = json_pack("{s:I, s:s, s:s, s:o, s:o, s:o, s:o}", "id", (json_int_t)a->id, "state",
	    application_state_name(a->state), "purpose", application_purpose_name(a->purpose),
	    "servers", servers, "domains", domains, "per_day", count_json(a->per_day), "list_size",
	    count_json(a->list_size));
	json_object_set_new(out, "list_origin", ctl_json_text_or_null(a->list_origin));
	json_object_set_new(out, "form_url", ctl_json_text_or_null(a->form_url));
	json_object_set_new(out, "rules_url", ctl_json_text_or_null(a->rules_url));
	json_object_set_new(out, "contact", ctl_json_text_or_null(a->contact));
	json_object_set_new(out, "lang", ctl_json_text_or_null(a->lang));
	json_object_set_new(out, "created", ctl_json_time(a->created_ns));
	json_object_set_new(out, "changed", ctl_json_time(a->changed_ns));
	json_object_set_new(out, "reason", ctl_json_text_or_null(a->reason));
	json_object_set_new(out, "grant", ctl_json_grant(g, a->id));
	json_object_set_new(out, "missing", missing_json(g, a));
	json_object_set_new(out, "evidence", evidence_json(a));
	return out;
}

/* --- what only `show` and the dossier tell --- */

struct uses {
	const struct guard *g;
	int64_t self;
	json_t *list;
};

static int
add_use(void *arg, int64_t application)
{
	struct uses *u = arg;
	struct application other;
	const char *tenant = "";
	int index;

	if (application == u->self ||
	    store_get_application(u->g->store, application, &other, NULL) < 0)
		return 0;
	index = other.server_count > 0 ? inventory_find(u->g->inventory, other.servers[0]) : -1;
	if (index >= 0)
		tenant = inventory_get(u->g->inventory, (unsigned)index)->tenant;
	return json_array_append_new(u->list,
	    json_pack("{s:I, s:o, s:s}", "application", (json_int_t)application, "tenant",
		ctl_json_text_or_null(tenant), "state", application_state_name(other.state)));
}

/* Each item of the evidence learns in which other applications the same content stands. */
static void
add_uses(const struct guard *g, const struct application *a, json_t *evidence)
{
	json_t *item;
	size_t i;

	json_array_foreach (evidence, i, item) {
		struct uses u = {g, a->id, json_array()};

		store_each_evidence_use(g->store, a->evidence[i].sha256, add_use, &u, NULL);
		json_object_set_new(item, "also_in", u.list);
	}
}

static int
add_entry(void *arg, const struct ledger_entry *entry)
{
	json_t *detail = json_loads(entry->detail, 0, NULL);

	return json_array_insert_new(arg, 0,
	    json_pack("{s:I, s:o, s:o, s:s, s:o}", "seq", (json_int_t)entry->seq, "time",
		ctl_json_time(entry->time_ns), "actor", ctl_json_text(entry->actor), "action",
		entry->action, "detail", detail != NULL ? detail : json_object()));
}

json_t *
ctl_json_application_whole(const struct guard *g, const struct application *a)
{
	json_t *out = ctl_json_application(g, a), *history = json_array();
	char subject[48];

	snprintf(subject, sizeof(subject), "application %lld", (long long)a->id);
	add_uses(g, a, json_object_get(out, "evidence"));
	store_each_ledger_of(g->store, subject, HISTORY_MAX, add_entry, history, NULL);
	json_object_set_new(out, "history", history);
	return out;
}
