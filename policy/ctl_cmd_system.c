/* SPDX-License-Identifier: ISC */
/*
 * The commands status, events.* and ledger.*: how the guard is, and what was decided.
 * bulkhead-guard (judge process).
 */
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "policy/ctl.h"
#include "policy/ctl_json.h"
#include "policy/guard.h"
#include "policy/ledger.h"
#include "policy/mode.h"
#include "policy/responder_feed.h"

#define LEDGER_PAGE 1000 /* entries in one reply; each is at most about 2 KB */
#define LEDGER_TAIL 50	 /* entries shown when nobody says from where */

/* Modes other than the global one: of plans {name: mode}, and how many servers have their own. */
static void
add_modes(json_t *out, const struct guard *g)
{
	char plan[INVENTORY_PLAN_BYTES], word[sizeof "enforce"];
	const char *cursor = g->settings.policy.plan_modes;
	json_t *plans = json_object();
	unsigned own = 0;

	while (mode_plan_next(&cursor, plan, word))
		json_object_set_new(plans, plan, json_string(word));
	for (unsigned i = 0; i < inventory_count(g->inventory); i++)
		own += inventory_get(g->inventory, i)->mode[0] != '\0';
	json_object_set_new(out, "plan_modes", plans);
	json_object_set_new(out, "own_modes", json_integer(own));
}

/* Servers by rung, and those that are throttled or blocked. */
static int
add_servers(json_t *out, const struct guard *g, struct err *e)
{
	unsigned verdicts[RUNG__COUNT] = {0}, count = inventory_count(g->inventory);
	json_t *blocked = json_array(), *by_rung = json_object();

	for (unsigned i = 0; i < count; i++) {
		struct judge_view view;
		json_t *one;

		if (judge_get(g->judge, i, &view) < 0 || view.verdict.rung >= RUNG__COUNT)
			continue;
		verdicts[view.verdict.rung]++;
		if (view.verdict.rung < RUNG_THROTTLE)
			continue;
		if (ctl_json_server(g, i, &one, e) == 0)
			json_array_append_new(blocked, one);
	}
	for (unsigned rung = 0; rung < RUNG__COUNT; rung++)
		json_object_set_new(by_rung, rung_name(rung), json_integer(verdicts[rung]));
	json_object_set_new(out, "servers", json_integer(count));
	json_object_set_new(out, "verdicts", by_rung);
	json_object_set_new(out, "blocked", blocked);
	return 0;
}

static int
count_one(void *arg, const struct application *a)
{
	unsigned *waiting = arg;

	*waiting += a->state == APPLICATION_SUBMITTED || a->state == APPLICATION_IN_REVIEW;
	return 0;
}

static int
add_whitelist(json_t *out, const struct guard *g, struct err *e)
{
	unsigned active = 0, waiting = 0;
	int rc = store_each_application(g->store, -1, count_one, &waiting, e);

	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < g->grant_count; i++)
		active += grant_is_active(&g->grants[i], g->now_ns);
	json_object_set_new(out, "grants_active", json_integer(active));
	json_object_set_new(out, "applications_waiting", json_integer(waiting));
	return 0;
}

static json_t *
brake_json(const struct enforce_brake_state *s)
{
	return json_pack("{s:b, s:b, s:I, s:I, s:I, s:I, s:s}", "armed", s->armed, "loose",
	    s->alive_ns > 0, "loose_for_s", (json_int_t)(s->alive_ns / CLOCK_SECOND_NS), "dropped",
	    (json_int_t)s->dropped, "counted", (json_int_t)s->counted, "overflow",
	    (json_int_t)s->overflow, "overflow_link", s->overflow_link);
}

static json_t *
notice_json(const struct guard *g, const struct enforce_brake_state *s)
{
	return json_pack("{s:b, s:i, s:I, s:I}", "works", s->notice, "responders",
	    (int)responder_feed_clients(g->responders), "links", (json_int_t)s->notice_links,
	    "reset_links", (json_int_t)s->reset_links);
}

static json_t *
enforcer_json(const struct guard *g)
{
	struct enforce_brake_state state;
	bool has_state, has_brake = (g->features >> ENFORCE_BRAKE & 1) != 0;
	json_t *features, *out;
	struct err e;

	if (g->enforce == NULL)
		return json_null();
	features = json_object();
	for (unsigned f = 0; f < ENFORCE_FEATURE__COUNT; f++)
		if (f != ENFORCE_NOTICE || g->responders != NULL)
			json_object_set_new(features, enforce_feature_name(f),
			    json_boolean((g->features >> f & 1) != 0));
	out = json_pack("{s:i, s:I, s:I, s:o}", "pid", (int)enforce_pid(g->enforce), "reconciled",
	    (json_int_t)g->reconcile_count, "repaired", (json_int_t)g->repair_count, "features",
	    features);
	json_object_set_new(
	    out, "behind", g->behind.code != 0 ? ctl_json_text(g->behind.text) : json_null());
	has_state = enforce_brake_state(g->enforce, &state, &e) == 0;
	json_object_set_new(
	    out, "brake", has_state && has_brake ? brake_json(&state) : json_null());
	json_object_set_new(out, "notice",
	    has_state && g->responders != NULL ? notice_json(g, &state) : json_null());
	return out;
}

static json_t *
sensor_json(const struct guard_sensor *s, int64_t now_ns)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
	    {"packets", s->health.u.health.packets},
	    {"bytes", s->health.u.health.bytes},
	    {"ring_drops", s->health.u.health.ring_drops},
	    {"flows", s->health.u.health.flows},
	    {"flows_max", s->health.u.health.flows_max},
	    {"malformed", s->health.u.health.malformed},
	    {"gaps", s->health.u.health.gaps},
	    {"evicted", s->health.u.health.evicted},
	    {"other_crossings", s->health.u.health.other_crossings},
	    {"observations_lost", s->health.u.health.observations_lost},
	    {"one_sided", s->health.u.health.one_sided},
	    {"interfaces", s->health.u.health.interfaces},
	    {"memory_bytes", s->health.u.health.memory_bytes},
	    {"pool_exhausted", s->health.u.health.pool_exhausted},
	    {"mx_suppressed", s->health.u.health.mx_suppressed},
	    {"fragments", s->health.u.health.fragments},
	    {"fragments_lost", s->health.u.health.fragments_lost},
	    {"observations", s->observations},
	    {"observations_bad", s->bad},
	};
	json_t *out = json_object();

	json_object_set_new(out, "connected", json_boolean(s->fd >= 0));
	json_object_set_new(out, "connected_since", ctl_json_time(s->connected_ns));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		json_object_set_new(out, rows[i].name, json_integer((json_int_t)rows[i].value));
	json_object_set_new(out, "last_heard_s",
	    s->last_heard_ns != 0 ? json_integer((now_ns - s->last_heard_ns) / CLOCK_SECOND_NS)
				  : json_null());
	return out;
}

static json_t *
sensors_json(const struct guard *g)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < GUARD_SENSORS_MAX; i++)
		if (g->sensors[i].connected_ns != 0)
			json_array_append_new(list, sensor_json(&g->sensors[i], g->now_ns));
	return list;
}

/* {entries, head}; an empty ledger has 0 entries and a head of null. */
static int
head_json(const struct guard *g, json_t **out, struct err *e)
{
	struct ledger_entry last;
	struct err why = {0};
	int rc = store_last_ledger(g->store, &last, &why);

	if (rc < 0 && rc != -ENOENT)
		return err_set(e, rc, "%s", why.text);
	*out = rc == 0 ? json_pack("{s:I, s:s}", "entries", (json_int_t)last.seq, "head", last.hash)
		       : json_pack("{s:i, s:n}", "entries", 0, "head");
	return 0;
}

static int
status(const struct ctl_call *call, json_t **data, struct err *e)
{
	const struct guard *g = call->guard;
	json_t *ledger = NULL, *notices = NULL, *out = json_object();
	int rc;

	json_object_set_new(out, "version", json_string(BULKHEAD_VERSION));
	json_object_set_new(out, "mode", json_string(g->settings.policy.mode));
	add_modes(out, g);
	json_object_set_new(out, "preset", json_string(g->settings.policy.preset));
	json_object_set_new(
	    out, "uptime_s", json_integer((g->now_ns - g->started_ns) / CLOCK_SECOND_NS));
	json_object_set_new(out, "since", ctl_json_time(g->started_ns));
	json_object_set_new(out, "pid", json_integer(getpid()));
	rc = add_servers(out, g, e);
	if (rc == 0)
		rc = add_whitelist(out, g, e);
	if (rc == 0)
		rc = ctl_json_notices(g, &notices, e);
	if (rc == 0)
		rc = head_json(g, &ledger, e);
	if (rc < 0) {
		json_decref(notices);
		json_decref(out);
		return rc;
	}
	json_object_set_new(
	    out, "unattributed", json_integer((json_int_t)judge_unattributed(g->judge)));
	json_object_set_new(out, "safety_catch", json_boolean(judge_catch_is_on(g->judge)));
	json_object_set_new(out, "enforcer", enforcer_json(g));
	json_object_set_new(out, "sensors", sensors_json(g));
	json_object_set_new(out, "notices", notices);
	json_object_set_new(out, "ledger", ledger);
	*data = out;
	return 0;
}

/* Stops (1) one entry beyond the page, which says that there are more. */
static int
show_one(void *arg, const struct ledger_entry *entry)
{
	json_t *list = arg, *detail;

	detail = entry->detail[0] != '\0' ? json_loads(entry->detail, 0, NULL) : NULL;
	json_array_append_new(list,
	    json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "seq", (json_int_t)entry->seq, "time",
		ctl_json_time(entry->time_ns), "actor", ctl_json_text(entry->actor), "action",
		ctl_json_text(entry->action), "subject", ctl_json_text(entry->subject), "detail",
		detail != NULL ? detail : ctl_json_text(entry->detail), "hash",
		ctl_json_text(entry->hash)));
	return json_array_size(list) > LEDGER_PAGE;
}

/* The newest entry's number; 0 while the ledger is empty. */
static int64_t
newest_entry(const struct guard *g)
{
	struct ledger_entry last = {0};

	return store_last_ledger(g->store, &last, NULL) == 0 ? last.seq : 0;
}

/* args {from?}: the first sequence number; the reply has "next" when there are more. */
static int
ledger_show(const struct ctl_call *call, json_t **data, struct err *e)
{
	json_t *list;
	int64_t from = 0, newest;
	int rc = ctl_arg_int_opt(call, "from", &from, e);

	if (rc < 0)
		return rc;
	if (from <= 0) {
		newest = newest_entry(call->guard);
		from = newest > LEDGER_TAIL ? newest - LEDGER_TAIL + 1 : 1;
	}
	list = json_array();
	rc = store_each_ledger(call->guard->store, from, show_one, list, e);
	if (rc < 0) {
		json_decref(list);
		return rc;
	}
	*data = json_pack("{s:o}", "entries", list);
	if (json_array_size(list) > LEDGER_PAGE) {
		json_array_remove(list, LEDGER_PAGE);
		json_object_set_new(*data, "next", json_integer(from + LEDGER_PAGE));
	}
	return 0;
}

int
ctl_follow_ledger(const struct guard *g, int64_t *from, json_t **data, struct err *e)
{
	json_t *list = json_array();
	int rc = store_each_ledger(g->store, *from, show_one, list, e);

	if (rc < 0) {
		json_decref(list);
		return rc;
	}
	if (json_array_size(list) > LEDGER_PAGE)
		json_array_remove(list, LEDGER_PAGE);
	*from += (int64_t)json_array_size(list);
	*data = json_pack("{s:o}", "entries", list);
	return 0;
}

/* args {from?}: else what comes next. */
static int
events_follow(const struct ctl_call *call, json_t **data, struct err *e)
{
	int64_t from = 0;
	int rc = ctl_arg_int_opt(call, "from", &from, e);

	if (rc < 0)
		return rc;
	if (from <= 0)
		from = newest_entry(call->guard) + 1;
	rc = ctl_follow_ledger(call->guard, &from, data, e);
	if (rc == 0 && call->follow != NULL)
		*call->follow = from;
	return rc;
}

static int
ledger_head(const struct ctl_call *call, json_t **data, struct err *e)
{
	return head_json(call->guard, data, e);
}

static int
ledger_check(const struct ctl_call *call, json_t **data, struct err *e)
{
	const char *head = NULL;
	int64_t entries = 0;
	int rc = ctl_arg_text_opt(call, "head", &head, e);

	if (rc == 0)
		rc = ledger_verify(call->guard->store, head, &entries, e);
	if (rc == 0)
		rc = head_json(call->guard, data, e);
	if (rc == 0)
		json_object_set_new(*data, "intact", json_true());
	return rc;
}

const struct ctl_command ctl_commands_system[] = {
    {"status", CTL_ROLE_VIEW, status},
    {"ledger.show", CTL_ROLE_VIEW, ledger_show},
    {"events.follow", CTL_ROLE_VIEW, events_follow},
    {"ledger.head", CTL_ROLE_VIEW, ledger_head},
    {"ledger.verify", CTL_ROLE_VIEW, ledger_check},
    {NULL, CTL_ROLE_NONE, NULL},
};
