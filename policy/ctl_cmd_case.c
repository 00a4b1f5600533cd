/* SPDX-License-Identifier: ISC */
/*
 * The commands explain, block, release and mode: what happened to a server, and what people decide
 * about it. bulkhead-guard (judge process).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policy/ctl.h"
#include "policy/ctl_json.h"
#include "policy/explain.h"
#include "policy/guard.h"
#include "policy/mode.h"
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

/* The members that say which block this is: from the case, or for a server without one from its
 * verdict. */
static void
add_block(json_t *out, const struct explanation *x, int64_t now_ns)
{
	const struct store_case *c = &x->c;
	const struct verdict *v = &x->view.verdict;
	bool have = x->have_case;
	bool live = x->server != NULL && x->is_open && strcmp(v->case_id, c->case_id) == 0;
	int64_t until = live ? v->until_ns : have ? c->until_ns : 0;
	int question = !have ? v->question : c->by_person ? -1 : c->question;
	const char *rung = live || !have ? rung_name(v->rung) : rung_name(RUNG_BLOCK);

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
	    have ? json_integer((json_int_t)c->messages_before) : json_null());
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
	const struct guard *g = call->guard;
	struct explanation *x =
	    calloc(1, sizeof(*x)); /* too large for the stack of a small thread */
	json_t *out, *grant_id;
	int rc;

	if (x == NULL)
		return err_set(e, -ENOMEM, "no memory for the explanation");
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
		add_texts(out);
		*data = out;
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

static int
block(const struct ctl_call *call, json_t **data, struct err *e)
{
	const char *reason = "";
	int64_t for_s = 0;
	unsigned index;
	bool pin = false;
	int rc = ctl_arg_server(call, &index, e);

	if (rc == 0)
		rc = ctl_arg_text(call, "reason", &reason, e);
	if (rc == 0)
		rc = ctl_arg_int_opt(call, "for_s", &for_s, e);
	if (rc == 0)
		rc = ctl_arg_bool_opt(call, "pin", &pin, e);
	if (rc < 0)
		return rc;
	if (for_s < 0 || for_s > INT64_C(36500) * (CLOCK_DAY_NS / CLOCK_SECOND_NS))
		return err_set(e, -EINVAL, "a block lasts between one second and 100 years");
	rc = guard_block(call->guard, index, call->actor, reason, for_s * CLOCK_SECOND_NS, pin, e);
	return rc < 0 ? rc : ctl_json_server(call->guard, index, data, e);
}

/* Releases every server that is throttled or blocked, and resets the safety catch. */
static int
release_all(const struct ctl_call *call, const char *reason, json_t **data, struct err *e)
{
	struct guard *g = call->guard;
	json_t *released = json_array();

	for (unsigned i = 0; i < inventory_count(g->inventory); i++) {
		struct judge_view view;
		int rc;

		if (judge_get(g->judge, i, &view) < 0 || view.verdict.rung < RUNG_THROTTLE)
			continue;
		rc = guard_release(g, i, call->actor, reason, e);
		if (rc < 0) {
			err_wrap(e, "%zu servers were released, then %.64s failed",
			    json_array_size(released), inventory_get(g->inventory, i)->name);
			json_decref(released);
			return rc;
		}
		json_array_append_new(
		    released, ctl_json_text(inventory_get(g->inventory, i)->name));
	}
	judge_catch_reset(g->judge);
	*data = json_pack("{s:o}", "released", released);
	return 0;
}

static int
release(const struct ctl_call *call, json_t **data, struct err *e)
{
	const char *reason = "";
	bool all = false;
	unsigned index;
	int rc = ctl_arg_text(call, "reason", &reason, e);

	if (rc == 0)
		rc = ctl_arg_bool_opt(call, "all", &all, e);
	if (rc < 0)
		return rc;
	if (all)
		return release_all(call, reason, data, e);
	rc = ctl_arg_server(call, &index, e);
	if (rc == 0)
		rc = guard_release(call->guard, index, call->actor, reason, e);
	return rc < 0 ? rc : ctl_json_server(call->guard, index, data, e);
}

/* The global mode, and the plans and servers that have one of their own. */
static json_t *
modes_json(const struct guard *g)
{
	char plan[INVENTORY_PLAN_BYTES], word[sizeof "enforce"];
	const char *cursor = g->settings.policy.plan_modes;
	json_t *servers = json_array(), *plans = json_array();

	while (mode_plan_next(&cursor, plan, word))
		json_array_append_new(
		    plans, json_pack("{s:o, s:s}", "plan", ctl_json_text(plan), "mode", word));
	for (unsigned i = 0; i < inventory_count(g->inventory); i++) {
		const struct server *s = inventory_get(g->inventory, i);

		if (s->mode[0] != '\0')
			json_array_append_new(
			    servers, json_pack("{s:o, s:s}", "server", ctl_json_text(s->name),
					 "mode", s->mode));
	}
	return json_pack(
	    "{s:s, s:o, s:o}", "mode", g->settings.policy.mode, "plans", plans, "servers", servers);
}

static int
set_server_mode(const struct ctl_call *call, const char *name, const char *wanted, struct err *e)
{
	struct guard *g = call->guard;
	struct server s;
	unsigned index;
	int rc = ctl_find_server(g, name, &index, e);

	if (rc < 0 || wanted == NULL)
		return rc;
	s = *inventory_get(g->inventory, index);
	snprintf(s.mode, sizeof(s.mode), "%s", wanted);
	return guard_put_server(g, call->actor, &s, e);
}

/* args {mode?: observe|enforce|inherit, server? | plan?}; without a mode only the answer. */
static int
mode(const struct ctl_call *call, json_t **data, struct err *e)
{
	const char *wanted = NULL, *server = NULL, *plan = NULL;
	int rc = ctl_arg_text_opt(call, "mode", &wanted, e);

	if (rc == 0)
		rc = ctl_arg_text_opt(call, "server", &server, e);
	if (rc == 0)
		rc = ctl_arg_text_opt(call, "plan", &plan, e);
	if (rc < 0)
		return rc;
	if (server != NULL && plan != NULL)
		return err_set(e, -EINVAL, "name a server or a plan, not both");
	if (wanted != NULL && strcmp(wanted, "inherit") == 0) {
		if (server == NULL && plan == NULL)
			return err_set(e, -EINVAL,
			    "inherit is for a server or a plan: the mode of everything is observe "
			    "or enforce");
		wanted = "";
	} else if (wanted != NULL && strcmp(wanted, "observe") != 0 &&
		   strcmp(wanted, "enforce") != 0) {
		return err_set(
		    e, -EINVAL, "the mode is observe, enforce or inherit, not \"%s\"", wanted);
	}
	if (server != NULL)
		rc = set_server_mode(call, server, wanted, e);
	else if (wanted != NULL && plan != NULL)
		rc = guard_set_plan_mode(call->guard, call->actor, plan, wanted, e);
	else if (wanted != NULL)
		rc = guard_set_mode(call->guard, call->actor, wanted, e);
	if (rc == 0)
		*data = modes_json(call->guard);
	return rc;
}

const struct ctl_command ctl_commands_case[] = {
    {"explain", CTL_ROLE_VIEW, explain},
    {"block", CTL_ROLE_ABUSE, block},
    {"release", CTL_ROLE_ABUSE, release},
    {"mode", CTL_ROLE_ADMIN, mode},
    {NULL, CTL_ROLE_NONE, NULL},
};
