/* SPDX-License-Identifier: ISC */
/*
 * The results of an application's checks as they stand: the stored ones, what the guard knows
 * itself beside them, and what an approval still lacks.  bulkhead-guard (judge process).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policy/ctl_json.h"
#include "policy/guard_private.h"
#include "whitelist/check.h"

/* DNS and pages change: what they said before this long decides nothing any more (as M20 for the sample). */
#define ONLINE_AGE_NS (30 * CLOCK_DAY_NS)
/* Check D13; below 20 sessions one of them is more than the tenth that may lack TLS is judged by. */
#define TLS_PERCENT_MIN	 90
#define TLS_SESSIONS_MIN 20

/* --- what the guard knows itself ---------------------------------------------------------------- */

static void
add_server_facts(const struct guard *g, const struct application *a, struct check_report *r)
{
	for (unsigned i = 0; i < a->server_count; i++) {
		int index = inventory_find(g->inventory, a->servers[i]);
		bool kvm = index >= 0 &&
			   inventory_get(g->inventory, (unsigned)index)->virtualization == VIRT_KVM;

		check_report_add(r, CHECK_D15, kvm ? CHECK_PASS : CHECK_FAIL, a->servers[i],
		    kvm ? "%s is a KVM server." : "%s is not a KVM server.", a->servers[i]);
	}
}

/* D13: what the sensor saw of the servers' sessions with destinations that offered TLS. */
static void
add_tls(const struct guard *g, const struct application *a, struct check_report *r)
{
	unsigned long long offered = 0, used = 0;

	for (unsigned i = 0; i < a->server_count; i++) {
		int index = inventory_find(g->inventory, a->servers[i]);
		struct judge_view view;

		if (index < 0 || judge_get(g->judge, (unsigned)index, &view) < 0)
			continue;
		offered += view.outgoing.tls_offered;
		used += view.outgoing.tls_used;
	}
	if (offered < TLS_SESSIONS_MIN)
		check_report_add(r, CHECK_D13, CHECK_NOT_CHECKED, NULL,
		    "The sensor saw %llu sessions with destinations that offer TLS; %d are needed "
		    "to "
		    "judge.",
		    offered, TLS_SESSIONS_MIN);
	else
		check_report_add(r, CHECK_D13,
		    used * 100 < offered * TLS_PERCENT_MIN ? CHECK_WARN : CHECK_PASS, NULL,
		    "TLS was taken in %llu of %llu sessions with destinations that offer it; %d %% "
		    "are expected.",
		    used, offered, TLS_PERCENT_MIN);
}

static void
add_declared(const struct application *a, struct check_report *r)
{
	bool bought = strcasestr(a->list_origin, "bought") != NULL ||
		      strcasestr(a->list_origin, "purchased") != NULL ||
		      strstr(a->list_origin, "куплен") != NULL;

	if (bought)
		check_report_add(r, CHECK_C6, CHECK_FAIL, NULL,
		    "The list is said to be bought (\"%.100s\"), which is refused.",
		    a->list_origin);
	else if (a->per_day == 0 || a->list_size == 0 || a->list_origin[0] == '\0')
		check_report_add(r, CHECK_C6, CHECK_FAIL, NULL,
		    "Volume per day, size or origin of the list is not declared.");
	else
		check_report_add(r, CHECK_C6, CHECK_PASS, NULL,
		    "Declared: %llu recipients a day, %llu on the list, from \"%.100s\".",
		    (unsigned long long)a->per_day, (unsigned long long)a->list_size,
		    a->list_origin);
}

struct duplicate_search {
	const struct guard *g;
	const struct application *a;
	char found[100];
};

/* The same tenant may show the same picture twice. */
static int
see_duplicate(void *arg, int64_t id)
{
	struct duplicate_search *s = arg;
	static struct application other; /* large */
	size_t used = strlen(s->found);
	int mine = inventory_find(s->g->inventory, s->a->servers[0]), theirs;

	if (store_get_application(s->g->store, id, &other, NULL) < 0)
		return 0;
	theirs = inventory_find(s->g->inventory, other.servers[0]);
	if (mine >= 0 && theirs >= 0 &&
	    strcmp(inventory_get(s->g->inventory, (unsigned)mine)->tenant,
		inventory_get(s->g->inventory, (unsigned)theirs)->tenant) == 0)
		return 0;
	snprintf(s->found + used, sizeof(s->found) - used, "%s%lld", used > 0 ? ", " : "",
	    (long long)id);
	return 0;
}

static void
add_duplicates(const struct guard *g, const struct application *a, struct check_report *r)
{
	for (unsigned i = 0; i < a->evidence_count; i++) {
		struct duplicate_search s = {.g = g, .a = a};
		char about[CHECK_ABOUT_BYTES];

		if (store_each_duplicate(
			g->store, a->id, a->evidence[i].sha256, see_duplicate, &s, NULL) < 0 ||
		    s.found[0] == '\0')
			continue;
		snprintf(
		    about, sizeof(about), "%s duplicate", evidence_kind_name(a->evidence[i].kind));
		check_report_add(r, CHECK_C5, CHECK_WARN, about,
		    "Another tenant has submitted the very same file for %s: application %s.",
		    evidence_kind_name(a->evidence[i].kind), s.found);
	}
}

struct check_report *
guard_take_report(char *text)
{
	struct check_report *r = calloc(1, sizeof(*r));
	json_t *json = json_loads(text, 0, NULL);

	if (r != NULL && (json == NULL || check_report_from_json(r, json) < 0)) {
		free(r);
		r = NULL;
	}
	json_decref(json);
	free(text);
	return r;
}

int
guard_get_checks(
    const struct guard *g, const struct application *a, struct check_report *out, struct err *e)
{
	char *text = NULL;
	json_t *json;
	int rc = store_get_checks(g->store, a->id, &text, e);

	if (rc < 0)
		return rc;
	json = json_loads(text, 0, NULL);
	free(text);
	rc = json != NULL ? check_report_from_json(out, json) : -EINVAL;
	json_decref(json);
	if (rc < 0)
		return err_set(e, rc, "the stored results of application %lld cannot be read",
		    (long long)a->id);
	add_server_facts(g, a, out);
	add_tls(g, a, out);
	add_declared(a, out);
	add_duplicates(g, a, out);
	return 0;
}

/* The worst that a check found about anything; CHECK_NOT_CHECKED when it did not run. */
static const struct check_result *
worst_result(const struct check_report *r, unsigned id)
{
	const struct check_result *worst = NULL;

	for (unsigned i = 0; i < r->count; i++)
		if (r->results[i].id == id && (worst == NULL || r->results[i].level > worst->level))
			worst = &r->results[i];
	return worst;
}

json_t *
guard_check_lacks(const struct guard *g, const struct application *a)
{
	static struct check_report report; /* large */
	json_t *out = json_array();
	char absent[200] = "";
	size_t used = 0;

	if (!g->checks_required)
		return out;
	if (guard_check_runs(g, a->id)) {
		json_array_append_new(
		    out, json_string("The machine checks are still running: wait a moment."));
		return out;
	}
	if (guard_get_checks(g, a, &report, NULL) < 0) {
		char line[120];

		snprintf(line, sizeof(line),
		    "The machine checks have not run: bulkhead whitelist check %lld.",
		    (long long)a->id);
		json_array_append_new(out, json_string(line));
		return out;
	}
	for (unsigned id = 0; id < CHECK__COUNT; id++) {
		const struct check_info *info = check_info(id);
		const struct check_result *w = worst_result(&report, id);
		char line[CHECK_TEXT_BYTES + 80];
		bool old;

		if (info->worst != CHECK_FAIL ||
		    (info->one_click && a->purpose == PURPOSE_AUTOMATIC))
			continue;
		if (w == NULL && used < sizeof(absent))
			used += (size_t)snprintf(absent + used, sizeof(absent) - used, "%s%s",
			    used > 0 ? " " : "", info->name);
		old = w != NULL && info->online && g->now_ns - w->made_ns > ONLINE_AGE_NS;
		/* The application's own list of what is missing has these two. */
		if (w == NULL || id == CHECK_C6 || id == CHECK_D15 ||
		    (w->level != CHECK_FAIL && w->level != CHECK_NOT_CHECKED && !old))
			continue;
		snprintf(line, sizeof(line), "%s %s: %s", info->name,
		    w->level == CHECK_FAIL ? "failed"
		    : old		   ? "was decided more than 30 days ago, check again"
					   : "was not decided",
		    w->text);
		json_array_append_new(out, ctl_json_text(line));
	}
	if (used > 0) {
		char line[300];

		snprintf(line, sizeof(line),
		    "These checks have not run: %s (bulkhead whitelist check %lld --online).",
		    absent, (long long)a->id);
		json_array_append_new(out, json_string(line));
	}
	return out;
}
