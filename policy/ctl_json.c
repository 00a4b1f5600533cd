/* SPDX-License-Identifier: ISC */
/*
 * The shapes of policy/ctl.h as JSON, and the arguments of a call.  bulkhead-guard (judge process).
 */
#include "policy/ctl_json.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "policy/guard.h"
#include "policy/mode.h"
#include "policy/score_json.h"

json_t *
ctl_json_text(const char *text)
{
	return score_json_text(text);
}

json_t *
ctl_json_text_or_null(const char *text)
{
	return score_json_text_or_null(text);
}

json_t *
ctl_json_time(int64_t wall_ns)
{
	return score_json_time(wall_ns);
}

json_t *
ctl_json_seconds_left(int64_t until_ns, int64_t now_ns)
{
	if (until_ns == 0)
		return json_null();
	return json_integer(until_ns > now_ns ? (until_ns - now_ns) / CLOCK_SECOND_NS : 0);
}

json_t *
ctl_json_points(double points)
{
	return score_json_points(points);
}

json_t *
ctl_json_counts(const struct judge_counts *c)
{
	json_t *out = json_object();

	score_json_add_counts(out, c);
	json_object_set_new(out, "inbound_sessions", json_integer((json_int_t)c->inbound_sessions));
	json_object_set_new(out, "spoofed", json_integer((json_int_t)c->spoofed));
	return out;
}

json_t *
ctl_json_outgoing(const struct outgoing *o)
{
	return json_pack("{s:o, s:o, s:I, s:I}", "helo", ctl_json_text_or_null(o->helo), "helo_at",
	    ctl_json_time(o->helo_ns), "tls_offered", (json_int_t)o->tls_offered, "tls_used",
	    (json_int_t)o->tls_used);
}

static void
add_rates(json_t *out, const struct judge_view *view)
{
	json_object_set_new(out, "recipients_5min", ctl_json_points(view->recipients_5min));
	json_object_set_new(out, "recipients_hour", ctl_json_points(view->recipients_hour));
	json_object_set_new(out, "recipients_day", ctl_json_points(view->recipients_day));
	json_object_set_new(out, "estimated_share", ctl_json_points(view->estimated_share));
}

/* What a judge needs to decide the same again: the policy, and what it never counts. */
static json_t *
policy_json(const struct settings *settings)
{
	json_t *out = json_object();

	for (size_t i = 0; i < settings_row_count; i++) {
		const struct config_row *row = &settings_rows[i];
		char value[2 * SETTINGS_LIST_BYTES];

		if (row->offset < offsetof(struct settings, policy) &&
		    strcmp(row->key, "relays") != 0)
			continue;
		config_format(row, settings, value, sizeof(value));
		json_object_set_new(out, row->key, ctl_json_text(value));
	}
	return out;
}

char *
ctl_json_detail(const struct judge_view *view, const struct settings *settings)
{
	json_t *out = json_pack("{s:o, s:o, s:o, s:o}", "counts", ctl_json_counts(&view->counts),
	    "bulk", score_json_whole(&view->score[QUESTION_BULK]), "abuse",
	    score_json_whole(&view->score[QUESTION_ABUSE]), "samples", score_json_samples(view));
	char *text;

	if (out == NULL)
		return NULL;
	add_rates(out, view);
	json_object_set_new(
	    out, "grant_id", view->grant_id != 0 ? json_integer(view->grant_id) : json_null());
	json_object_set_new(out, "policy", policy_json(settings));
	text = json_dumps(out, JSON_COMPACT | JSON_REAL_PRECISION(12));
	json_decref(out);
	return text;
}

static json_t *
interfaces_json(const struct server *s)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < s->ifname_count; i++)
		json_array_append_new(list, ctl_json_text(s->ifnames[i]));
	return list;
}

static json_t *
macs_json(const struct server *s)
{
	json_t *list = json_array();
	char text[ADDR_MAC_BYTES];

	for (unsigned i = 0; i < s->mac_count; i++)
		json_array_append_new(list, json_string(mac_format(text, &s->macs[i])));
	return list;
}

static void
add_inventory(json_t *out, const struct server *s)
{
	json_object_set_new(out, "server", ctl_json_text(s->name));
	json_object_set_new(out, "tenant", ctl_json_text_or_null(s->tenant));
	json_object_set_new(out, "plan", ctl_json_text_or_null(s->plan));
	json_object_set_new(
	    out, "virtualization", json_string(virtualization_name(s->virtualization)));
	json_object_set_new(out, "mode", ctl_json_text_or_null(s->mode));
	json_object_set_new(out, "contact", ctl_json_text_or_null(s->contact));
	json_object_set_new(out, "lang", ctl_json_text_or_null(s->lang));
	json_object_set_new(out, "interfaces", interfaces_json(s));
	json_object_set_new(out, "macs", macs_json(s));
	json_object_set_new(out, "addresses", score_json_addresses(s));
}

/* The grant of the live view; the judge keeps none for a server that it has never seen, the guard
 * does. */
static int64_t
active_grant(const struct guard *g, const struct judge_view *view)
{
	for (unsigned i = 0; view->grant_id == 0 && i < g->grant_count; i++)
		if (grant_is_active(&g->grants[i], g->now_ns) &&
		    grant_covers_server(&g->grants[i], view->server->name))
			return g->grants[i].id;
	return view->grant_id;
}

void
ctl_json_tries(json_t *out, const struct judge_view *view)
{
	json_object_set_new(
	    out, "refused_packets", json_integer((json_int_t)view->refused_packets));
	json_object_set_new(out, "tries_5min", json_integer((json_int_t)view->tries_5min));
	json_object_set_new(out, "last_try", ctl_json_time(view->last_try_ns));
}

int
ctl_json_server(const struct guard *g, unsigned index, json_t **out, struct err *e)
{
	struct judge_view view;
	const struct verdict *v = &view.verdict;
	int64_t grant_id;
	json_t *s;

	if (index >= inventory_count(g->inventory) || judge_get(g->judge, index, &view) < 0)
		return err_set(
		    e, -ENOENT, "there is no server number %u any more: ask again", index);
	s = json_object();
	add_inventory(s, inventory_get(g->inventory, index));
	json_object_set_new(s, "verdict", json_string(rung_name(v->rung)));
	json_object_set_new(s, "question",
	    v->question >= 0 ? json_string(question_name((unsigned)v->question)) : json_null());
	json_object_set_new(
	    s, "case", v->rung >= RUNG_THROTTLE ? ctl_json_text_or_null(v->case_id) : json_null());
	json_object_set_new(s, "blocked_at", ctl_json_time(v->blocked_at_ns));
	json_object_set_new(s, "until", ctl_json_time(v->until_ns));
	json_object_set_new(s, "seconds_left", ctl_json_seconds_left(v->until_ns, g->now_ns));
	json_object_set_new(s, "pinned", json_boolean(v->pinned));
	json_object_set_new(s, "effective_mode",
	    json_string(mode_of(&g->settings.policy, inventory_get(g->inventory, index))));
	json_object_set_new(s, "enforced", json_boolean(guard_is_enforced(g, index)));
	json_object_set_new(s, "bulk_score", ctl_json_points(view.score[QUESTION_BULK].points));
	json_object_set_new(s, "abuse_score", ctl_json_points(view.score[QUESTION_ABUSE].points));
	add_rates(s, &view);
	ctl_json_tries(s, &view);
	grant_id = active_grant(g, &view);
	json_object_set_new(s, "grant", grant_id != 0 ? json_integer(grant_id) : json_null());
	*out = s;
	return 0;
}

static int
arg_missing(const char *name, const char *type, struct err *e)
{
	return err_set(e, -EINVAL, "the request lacks the argument \"%s\" (%s)", name, type);
}

static int
arg_wrong(const char *name, const char *type, struct err *e)
{
	return err_set(e, -EINVAL, "the argument \"%s\" of the request is not %s", name, type);
}

int
ctl_arg_text_opt(const struct ctl_call *call, const char *name, const char **out, struct err *e)
{
	const json_t *value = json_object_get(call->args, name);

	if (value == NULL || json_is_null(value))
		return 0;
	if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
		return arg_wrong(name, "a text", e);
	*out = json_string_value(value);
	return 0;
}

int
ctl_arg_text(const struct ctl_call *call, const char *name, const char **out, struct err *e)
{
	const char *text = NULL;
	int rc = ctl_arg_text_opt(call, name, &text, e);

	if (rc < 0)
		return rc;
	if (text == NULL || text[0] == '\0')
		return arg_missing(name, "a text", e);
	*out = text;
	return 0;
}

int
ctl_arg_int_opt(const struct ctl_call *call, const char *name, int64_t *out, struct err *e)
{
	const json_t *value = json_object_get(call->args, name);

	if (value == NULL || json_is_null(value))
		return 0;
	if (!json_is_integer(value))
		return arg_wrong(name, "a whole number", e);
	*out = json_integer_value(value);
	return 0;
}

int
ctl_arg_int(const struct ctl_call *call, const char *name, int64_t *out, struct err *e)
{
	const json_t *value = json_object_get(call->args, name);

	if (value == NULL || json_is_null(value))
		return arg_missing(name, "a whole number", e);
	return ctl_arg_int_opt(call, name, out, e);
}

int
ctl_arg_bool_opt(const struct ctl_call *call, const char *name, bool *out, struct err *e)
{
	const json_t *value = json_object_get(call->args, name);

	if (value == NULL || json_is_null(value))
		return 0;
	if (!json_is_boolean(value))
		return arg_wrong(name, "true or false", e);
	*out = json_is_true(value);
	return 0;
}

int
ctl_find_server(const struct guard *g, const char *name, unsigned *index, struct err *e)
{
	int found = inventory_lookup(g->inventory, name);

	if (found < 0)
		return err_set(e, -ENOENT,
		    "no server has the name, address, MAC or interface \"%.64s\": `bulkhead "
		    "server list` names those that exist",
		    name);
	*index = (unsigned)found;
	return 0;
}

int
ctl_arg_server(const struct ctl_call *call, unsigned *index, struct err *e)
{
	const char *name = "";
	int rc = ctl_arg_text(call, "server", &name, e);

	return rc < 0 ? rc : ctl_find_server(call->guard, name, index, e);
}
