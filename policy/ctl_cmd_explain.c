/* SPDX-License-Identifier: ISC */
/*
 * The commands explain, cases and case.observations: what happened to a server, and why.
 * bulkhead-guard (judge process).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policy/ctl.h"
#include "policy/ctl_json.h"
#include "policy/explain.h"
#include "policy/guard.h"
#include "policy/history_link.h"
#include "policy/score.h"
#include "policy/score_json.h"

/* What explain() puts together from the stored case and the live view. */
struct explanation {
	const struct server *server; /* NULL: it is no longer in the inventory */
	unsigned index;
	bool have_case, is_open;
	struct store_case c; /* detail is heap */
	struct judge_view view;
	json_t *detail; /* of the case; NULL when there is none */
};

/* Asked about a server that is not blocked but warned or throttled: that is its case. */
static int
find_warning(struct guard *g, const char *target, struct explanation *x, struct err *e)
{
	struct store_case warning;
	int rc;

	if (x->server == NULL || x->is_open || strcmp(target, x->server->name) != 0)
		return 0;
	rc = store_get_case_below(g->store, target, &warning, e);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	json_decref(x->detail);
	free(x->c.detail);
	x->c = warning;
	x->have_case = x->is_open = true;
	x->detail = warning.detail != NULL ? json_loads(warning.detail, 0, NULL) : NULL;
	return 0;
}

/* The target is a server's name or a case id. */
static int
explanation_find(const struct ctl_call *call, struct explanation *x, struct err *e)
{
	struct guard *g = call->guard;
	const char *target = "";
	const char *server = NULL;
	struct err why = {0};
	int found, rc = ctl_arg_text(call, "target", &target, e);

	if (rc < 0)
		return rc;
	found = inventory_lookup(g->inventory, target);
	if (found >= 0)
		target = inventory_get(g->inventory, (unsigned)found)->name;
	rc = store_get_case(g->store, target, &x->c, &why);
	if (rc < 0 && rc != -ENOENT)
		return err_set(e, rc, "%s", why.text);
	x->have_case = rc == 0;
	server = x->have_case ? x->c.server : target;
	found = inventory_find(g->inventory, server);
	if (found >= 0) {
		x->index = (unsigned)found;
		x->server = inventory_get(g->inventory, x->index);
		judge_get(g->judge, x->index, &x->view);
	} else if (!x->have_case) {
		return err_set(e, -ENOENT,
		    "there is no server or case \"%.64s\": `bulkhead server list` names the "
		    "servers",
		    target);
	}
	if (x->have_case && x->c.detail != NULL)
		x->detail = json_loads(x->c.detail, 0, NULL);
	x->is_open = x->have_case && x->c.end_ns == 0;
	rc = find_warning(g, target, x, e);
	if (rc < 0)
		return rc;
	/* Asked about a server: what was over before does not explain how it stands now. */
	if (x->have_case && !x->is_open && x->server != NULL &&
	    strcmp(target, x->server->name) == 0) {
		x->have_case = false;
		json_decref(x->detail);
		x->detail = NULL;
	}
	return 0;
}

static void
explanation_fini(struct explanation *x)
{
	json_decref(x->detail);
	free(x->c.detail);
}

/* A member of the case's detail; without one, the live value (new reference, stolen here). */
static json_t *
detail_or(const struct explanation *x, const char *name, json_t *live)
{
	json_t *stored = json_object_get(x->detail, name);

	if (stored == NULL)
		return live;
	json_decref(live);
	return json_incref(stored);
}

/* The points at which a block begins. */
static double
block_bound(const struct settings_policy *p)
{
	struct score_bounds bounds;

	score_bounds_init(&bounds, p->alpha, p->beta);
	return bounds.rung[RUNG_BLOCK];
}

static json_t *
grant_json(const struct guard *g, const json_t *id)
{
	const struct grant *grant =
	    json_is_integer(id) ? guard_find_grant(g, json_integer_value(id)) : NULL;
	json_t *domains, *live, *out;

	if (grant == NULL)
		return json_null();
	domains = json_array();
	for (unsigned i = 0; i < grant->domain_count; i++)
		json_array_append_new(domains, ctl_json_text(grant->domains[i]));
	out = json_pack("{s:I, s:s, s:I, s:o, s:o}", "id", (json_int_t)grant->id, "state",
	    grant_state_name(grant->state), "per_day", (json_int_t)grant->per_day, "domains",
	    domains, "until", ctl_json_time(grant->until_ns));
	live = ctl_json_grant(g, grant->id);
	json_object_set(out, "used_today", json_object_get(live, "used_today"));
	json_object_set(out, "used_percent", json_object_get(live, "used_percent"));
	json_decref(live);
	return out;
}

/* The case is what the judge now holds. */
static bool
is_live(const struct explanation *x)
{
	const struct verdict *v = &x->view.verdict;

	if (x->server == NULL || !x->is_open)
		return false;
	return x->c.rung == RUNG_BLOCK ? strcmp(v->case_id, x->c.case_id) == 0
				       : v->rung == x->c.rung;
}

/* The members that say which block this is: from the case, or for a server without one from its
 * verdict. */
static void
add_block(json_t *out, const struct explanation *x, int64_t now_ns)
{
	const struct store_case *c = &x->c;
	const struct verdict *v = &x->view.verdict;
	bool have = x->have_case;
	bool live = is_live(x);
	int64_t until = live ? v->until_ns : have ? c->until_ns : 0;
	int question = !have ? v->question : c->by_person ? -1 : c->question;
	const char *rung = live || !have ? rung_name(v->rung) : rung_name(c->rung);

	json_object_set_new(out, "case", have ? ctl_json_text(c->case_id) : json_null());
	json_object_set_new(out, "last_case",
	    !have && c->case_id[0] != '\0' ? ctl_json_text(c->case_id) : json_null());
	json_object_set_new(
	    out, "server", ctl_json_text(x->server != NULL ? x->server->name : c->server));
	json_object_set_new(out, "tenant",
	    x->server != NULL ? ctl_json_text_or_null(x->server->tenant) : json_null());
	json_object_set_new(out, "question",
	    question >= 0 ? json_string(question_name((unsigned)question)) : json_null());
	json_object_set_new(out, "verdict", json_string(rung));
	json_object_set_new(out, "by_person", json_boolean(have && c->by_person));
	json_object_set_new(out, "pinned", json_boolean(live ? v->pinned : have && c->pinned));
	json_object_set_new(out, "shadow", json_boolean(have && c->shadow));
	json_object_set_new(out, "reason", have ? ctl_json_text_or_null(c->reason) : json_null());
	json_object_set_new(out, "blocked_at", have ? ctl_json_time(c->begin_ns) : json_null());
	json_object_set_new(out, "until", ctl_json_time(until));
	json_object_set_new(
	    out, "seconds_left", x->is_open ? ctl_json_seconds_left(until, now_ns) : json_null());
	json_object_set_new(out, "ended", have ? ctl_json_time(c->end_ns) : json_null());
	ctl_json_tries(out, live ? &x->view : &(const struct judge_view){0});
	json_object_set_new(out, "messages_before_block",
	    have && c->rung == RUNG_BLOCK ? json_integer((json_int_t)c->messages_before)
					  : json_null());
}

/* --- timeline --- */

/* So far before a case begins is looked for the step that led away from clear. */
#define TIMELINE_BEFORE_NS CLOCK_DAY_NS
#define TIMELINE_MAX	   100

/* What a step was, beside its rungs. */
static const char *
step_name(const struct store_step *s)
{
	if (s->from == RUNG_BLOCK && s->to == RUNG_BLOCK)
		return strcmp(s->actor, "guard") == 0 ? "extended" : "blocked";
	if (s->from == RUNG_BLOCK && strcmp(s->reason, "time") == 0)
		return "lifted";
	if (s->from >= RUNG_THROTTLE && s->to == RUNG_CLEAR)
		return strcmp(s->actor, "guard") == 0 ? "eased" : "released";
	return s->to > s->from ? (s->to == RUNG_BLOCK ? "blocked" : "raised") : "eased";
}

static int
add_step(void *arg, const struct store_step *s)
{
	json_t *list = arg;

	/* What happened before the server was last clear is another story. */
	if (s->from == RUNG_CLEAR)
		json_array_clear(list);
	json_array_append_new(list,
	    json_pack("{s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "time",
		ctl_json_time(s->time_ns), "what", step_name(s), "from", rung_name(s->from), "to",
		rung_name(s->to), "by", ctl_json_text(s->actor), "bulk",
		ctl_json_points(s->bulk_points), "abuse", ctl_json_points(s->abuse_points), "case",
		ctl_json_text_or_null(s->case_id), "until", ctl_json_time(s->until_ns), "reason",
		ctl_json_text_or_null(s->reason), "shadow", s->shadow));
	return 0;
}

/* From the last time that the server was clear to the end of the case, or until now. */
static int
add_timeline(json_t *out, const struct guard *g, const struct explanation *x, struct err *e)
{
	const struct store_case *c = &x->c;
	int64_t begin = x->have_case ? c->begin_ns : g->now_ns;
	int64_t end = x->have_case && c->end_ns != 0 ? c->end_ns : g->now_ns;
	json_t *list = json_array();
	int rc = store_each_step(g->store, x->server != NULL ? x->server->name : c->server,
	    begin - TIMELINE_BEFORE_NS, end, TIMELINE_MAX, add_step, list, e);

	json_object_set_new(out, "timeline", list);
	return rc;
}

/* The texts are made of the members before them. */
static void
add_texts(json_t *out)
{
	static const char *const names[EXPLAIN__COUNT] = {[EXPLAIN_EN] = "en", [EXPLAIN_RU] = "ru"};
	char *missing = explain_grant_missing(out, EXPLAIN_EN),
	     *next = explain_next_step(out, EXPLAIN_EN);
	json_t *texts = json_object();

	json_object_set_new(out, "grant_missing", json_string(missing != NULL ? missing : ""));
	json_object_set_new(out, "next_step", json_string(next != NULL ? next : ""));
	for (unsigned lang = 0; lang < EXPLAIN__COUNT; lang++) {
		char *text = explain_text(out, lang);

		json_object_set_new(texts, names[lang], json_string(text != NULL ? text : ""));
		free(text);
	}
	json_object_set_new(out, "text", texts);
	free(missing);
	free(next);
}

static int
explain(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct guard *g = call->guard;
	struct explanation *x =
	    calloc(1, sizeof(*x)); /* too large for the stack of a small thread */
	json_t *out, *grant_id;
	int rc;

	if (x == NULL)
		return err_set(e, -ENOMEM, "no memory for the explanation");
	guard_write_steps(g); /* up to now */
	rc = explanation_find(call, x, e);
	if (rc == 0) {
		out = json_object();
		add_block(out, x, g->now_ns);
		json_object_set_new(
		    out, "bound", ctl_json_points(block_bound(&g->settings.policy)));
		json_object_set_new(out, "bulk",
		    detail_or(x, "bulk", score_json_whole(&x->view.score[QUESTION_BULK])));
		json_object_set_new(out, "abuse",
		    detail_or(x, "abuse", score_json_whole(&x->view.score[QUESTION_ABUSE])));
		json_object_set_new(
		    out, "samples", detail_or(x, "samples", score_json_samples(&x->view)));
		json_object_set_new(
		    out, "counts", detail_or(x, "counts", ctl_json_counts(&x->view.counts)));
		grant_id = detail_or(x, "grant_id", json_integer(x->view.grant_id));
		json_object_set_new(out, "grant", grant_json(g, grant_id));
		json_decref(grant_id);
		rc = add_timeline(out, g, x, e);
		add_texts(out);
		if (rc == 0)
			*data = out;
		else
			json_decref(out);
	}
	explanation_fini(x);
	free(x);
	return rc;
}

int
ctl_explain(const struct ctl_call *call, const char *target, json_t **data, struct err *e)
{
	struct ctl_call asked = *call;
	json_t *args = json_pack("{s:s}", "target", target);
	int rc;

	if (args == NULL)
		return err_set(e, -ENOMEM, "no memory for the explanation");
	asked.args = args;
	rc = explain(&asked, data, e);
	json_decref(args);
	return rc;
}

/* --- lists --- */

#define CASES_MAX 1000

json_t *
ctl_json_case(const struct store_case *c)
{
	return json_pack("{s:o, s:o, s:s, s:o, s:b, s:b, s:b, s:o, s:o, s:o, s:I, s:o, s:o, s:o}",
	    "case", ctl_json_text(c->case_id), "server", ctl_json_text(c->server), "verdict",
	    rung_name(c->rung), "question",
	    c->question < QUESTION__COUNT ? json_string(question_name(c->question)) : json_null(),
	    "by_person", c->by_person, "pinned", c->pinned, "shadow", c->shadow, "begin",
	    ctl_json_time(c->begin_ns), "until", ctl_json_time(c->until_ns), "ended",
	    ctl_json_time(c->end_ns), "messages_before", (json_int_t)c->messages_before, "bulk",
	    ctl_json_points(c->bulk_points), "abuse", ctl_json_points(c->abuse_points), "reason",
	    ctl_json_text_or_null(c->reason));
}

static int
list_case(void *arg, const struct store_case *c)
{
	json_array_append_new(arg, ctl_json_case(c));
	return 0;
}

/* args {server?, shadow?, blocks?, open?, limit?} */
static int
cases(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct store_case_filter filter = {.limit = 100};
	const char *server = NULL;
	int64_t limit = filter.limit;
	json_t *list;
	int rc = ctl_arg_text_opt(call, "server", &server, e);

	if (rc == 0)
		rc = ctl_arg_bool_opt(call, "shadow", &filter.shadow_only, e);
	if (rc == 0)
		rc = ctl_arg_bool_opt(call, "blocks", &filter.blocks_only, e);
	if (rc == 0)
		rc = ctl_arg_bool_opt(call, "open", &filter.open_only, e);
	if (rc == 0)
		rc = ctl_arg_int_opt(call, "limit", &limit, e);
	if (rc < 0)
		return rc;
	if (limit < 1 || limit > CASES_MAX)
		return err_set(e, -EINVAL, "between 1 and %d cases can be listed", CASES_MAX);
	if (server != NULL) {
		int found = inventory_lookup(call->guard->inventory, server);

		filter.server = found >= 0
				    ? inventory_get(call->guard->inventory, (unsigned)found)->name
				    : server;
	}
	filter.limit = (unsigned)limit;
	guard_write_steps(call->guard);
	list = json_array();
	rc = store_list_cases(call->guard->store, &filter, list_case, list, e);
	if (rc == 0)
		*data = json_pack("{s:o}", "cases", list);
	else
		json_decref(list);
	return rc;
}

/* --- what led to a case --- */

static int
no_observations(const struct guard *g, const struct store_case *c, struct err *e)
{
	if (g->now_ns - c->begin_ns < CLOCK_MINUTE_NS)
		return err_set(e, -EAGAIN,
		    "what led to case %s is being written: ask again in a moment", c->case_id);
	return err_set(e, -ENODATA,
	    "what led to case %s is not kept any more (case_retention), or was never written: "
	    "see the guard's log",
	    c->case_id);
}

static int
open_observations(const struct guard *g, const struct store_case *c, struct err *e)
{
	char name[HISTORY_FILE_BYTES], path[SETTINGS_PATH_BYTES + HISTORY_FILE_BYTES + 16];
	int fd;

	if (history_case_name(name, c->case_id) < 0)
		return err_set(e, -EINVAL, "\"%s\" is no case", c->case_id);
	snprintf(path, sizeof(path), "%s/history/%s", g->settings.state_dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 ? fd : no_observations(g, c, e);
}

/* args {target}: the case or server; the file of its observations goes along as a descriptor. */
static int
observations(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct explanation *x = calloc(1, sizeof(*x));
	int fd = -1, rc;

	if (x == NULL)
		return err_set(e, -ENOMEM, "no memory for the case");
	rc = explanation_find(call, x, e);
	if (rc == 0 && x->c.case_id[0] == '\0')
		rc = err_set(e, -ENOENT, "server %s has no case yet", x->server->name);
	if (rc == 0) {
		fd = open_observations(call->guard, &x->c, e);
		rc = fd < 0 ? fd : 0;
	}
	if (rc == 0) {
		json_t *kept =
		    x->detail != NULL ? json_incref(x->detail) : json_loads(x->c.detail, 0, NULL);

		call->out_fds[(*call->out_fd_count)++] = fd;
		*data = ctl_json_case(&x->c);
		json_object_set(*data, "policy", json_object_get(kept, "policy"));
		json_object_set_new(*data, "mode", json_string(call->guard->settings.policy.mode));
		ctl_json_add_judged(*data, call->guard);
		json_decref(kept);
	}
	explanation_fini(x);
	free(x);
	return rc;
}

const struct ctl_command ctl_commands_explain[] = {
    {"explain", CTL_ROLE_VIEW, explain},
    {"cases", CTL_ROLE_VIEW, cases},
    {"case.observations", CTL_ROLE_SUPPORT, observations},
    {NULL, CTL_ROLE_NONE, NULL},
};
