/* SPDX-License-Identifier: ISC */
/*
 * Continued watching over the grants: facts of the sensor to counters, once a day to a judgement,
 * that to warning or suspension; reminders before the end.  bulkhead-guard (judge process).
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "policy/ctl_json.h"
#include "policy/guard_private.h"

#define WATCH_ROUND_NS CLOCK_HOUR_NS /* volume is looked at, and counters are saved */

struct guard_cover { /* this grant covers this server */
	unsigned server, grant;
};

/* --- which grants cover a server --- */

static int
compare_covers(const void *a, const void *b)
{
	const struct guard_cover *x = a, *y = b;

	if (x->server != y->server)
		return x->server < y->server ? -1 : 1;
	return x->grant < y->grant ? -1 : x->grant > y->grant;
}

static void
build_covers(struct guard *g)
{
	size_t room = (size_t)g->grant_count * GRANT_SERVERS_MAX;
	struct guard_cover *fresh = room > 0 ? malloc(room * sizeof(*fresh)) : NULL;

	free(g->covers);
	g->covers = fresh;
	g->cover_count = 0;
	g->covers_stale = room > 0 && fresh == NULL; /* tried again */
	for (unsigned i = 0; fresh != NULL && i < g->grant_count; i++)
		for (unsigned s = 0; s < g->grants[i].server_count; s++) {
			int index = inventory_find(g->inventory, g->grants[i].servers[s]);

			if (index >= 0 && g->grants[i].state == GRANT_ACTIVE)
				fresh[g->cover_count++] = (struct guard_cover){(unsigned)index, i};
		}
	if (g->cover_count > 1)
		qsort(fresh, g->cover_count, sizeof(*fresh), compare_covers);
}

/* The first cover of the server, or cover_count. */
static unsigned
first_cover(const struct guard *g, unsigned server)
{
	unsigned low = 0, high = g->cover_count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (g->covers[middle].server < server)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void
guard_watch_observe(struct guard *g, const struct observation *obs)
{
	struct inventory_owner owner;

	if (g->grant_count == 0 || (obs->kind != OBS_MESSAGE && obs->kind != OBS_RECIPIENT) ||
	    (obs->flags & OBS_F_INBOUND) != 0)
		return;
	if (g->covers_stale)
		build_covers(g);
	owner = inventory_resolve(g->inventory, obs->ifname, &obs->mac, &obs->client);
	if (owner.index < 0)
		return;
	for (unsigned i = first_cover(g, (unsigned)owner.index);
	     i < g->cover_count && g->covers[i].server == (unsigned)owner.index; i++)
		watch_grants_count(
		    &g->watches[g->covers[i].grant], &g->grants[g->covers[i].grant], obs);
}

double
guard_grant_used(const struct guard *g, const struct grant *grant)
{
	double used = 0;

	for (unsigned i = 0; i < grant->server_count; i++) {
		int index = inventory_find(g->inventory, grant->servers[i]);
		struct judge_view view;

		if (index >= 0 && judge_get(g->judge, (unsigned)index, &view) == 0)
			used += view.granted_day;
	}
	return used;
}

/* All recipients of the grant's servers, also those that the grant was used up for. */
static uint64_t
volume_of(const struct guard *g, const struct grant *grant)
{
	double all = 0;

	for (unsigned i = 0; i < grant->server_count; i++) {
		int index = inventory_find(g->inventory, grant->servers[i]);
		struct judge_view view;

		if (index >= 0 && judge_get(g->judge, (unsigned)index, &view) == 0)
			all += view.granted_day + view.beyond_hour;
	}
	return (uint64_t)all;
}

const struct grant_watch *
guard_find_watch(const struct guard *g, int64_t id)
{
	for (unsigned i = 0; i < g->grant_count; i++)
		if (g->grants[i].id == id)
			return &g->watches[i];
	return NULL;
}

/* --- the daily round --- */

static void
note_watch(struct guard *g, const struct grant *grant, const char *action, json_t *detail)
{
	char subject[48];

	snprintf(subject, sizeof(subject), "application %lld", (long long)grant->id);
	guard_note(g, action, subject, detail);
}

static void
remind(struct guard *g, const struct grant *grant, struct grant_watch *w)
{
	int64_t left = grant->until_ns - g->now_ns;

	if (grant->until_ns == 0 || left > g->settings.grant_reminder_ns ||
	    w->reminded_ns == grant->until_ns)
		return;
	w->reminded_ns = grant->until_ns;
	log_event(LOG_LEVEL_INFO, "guard.grant.reminder", "id=%lld days_left=%lld",
	    (long long)grant->id, (long long)(left / CLOCK_DAY_NS));
	note_watch(g, grant, "whitelist.remind",
	    json_pack("{s:o, s:I}", "until", ctl_json_time(grant->until_ns), "days_left",
		(json_int_t)(left / CLOCK_DAY_NS)));
}

static void
judge_day(struct guard *g, unsigned i)
{
	struct grant_watch *w = &g->watches[i];
	const struct grant *grant = &g->grants[i];
	const uint8_t before = w->level;
	struct application a;
	char quoted[600];
	struct err e;

	if (store_get_application(g->store, grant->id, &a, &e) < 0)
		a.purpose = PURPOSE_NEWSLETTER;
	w->level = (uint8_t)watch_grants_judge(
	    w, grant, (enum application_purpose)a.purpose, w->reason, sizeof(w->reason));
	w->checked_ns = g->now_ns;
	if (w->level >= WATCH_WARN || (w->level != before && w->level == WATCH_WELL)) {
		log_event(w->level >= WATCH_WARN ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
		    "guard.grant.watch", "id=%lld level=%s reason=%s", (long long)grant->id,
		    watch_level_name(w->level), log_quote(quoted, sizeof(quoted), w->reason));
		note_watch(g, grant, "whitelist.watch", ctl_json_watch(w));
	}
	watch_grants_begin(w, g->now_ns);
	if (w->level == WATCH_SUSPEND &&
	    guard_suspend_grant(g, grant->id, GUARD_ACTOR, w->reason, &e) < 0)
		log_event(LOG_LEVEL_ERROR, "guard.grant.suspend", "id=%lld error=%s",
		    (long long)grant->id, log_quote(quoted, sizeof(quoted), e.text));
}

void
guard_save_watches(struct guard *g)
{
	static struct log_limit limit = {.per_second = 1};
	char quoted[600];
	struct err e;
	int rc;

	if (g->grant_count == 0)
		return;
	rc = store_begin(g->store, &e);
	for (unsigned i = 0; rc == 0 && i < g->grant_count; i++)
		if (g->grants[i].state == GRANT_ACTIVE || g->grants[i].state == GRANT_SUSPENDED) {
			rc = store_put_watch(g->store, &g->watches[i], &e);
			if (rc < 0)
				store_rollback(g->store);
		}
	if (rc == 0)
		rc = store_commit(g->store, &e);
	if (rc < 0)
		log_event_limited(&limit, LOG_LEVEL_ERROR, "guard.grant.save", "error=%s",
		    log_quote(quoted, sizeof(quoted), e.text));
}

void
guard_watch_tick(struct guard *g)
{
	if (g->now_ns < g->next_watch_ns)
		return;
	g->next_watch_ns = g->now_ns + WATCH_ROUND_NS;
	for (unsigned i = 0; i < g->grant_count; i++) {
		struct grant_watch *w = &g->watches[i];
		uint64_t volume;

		if (g->grants[i].state != GRANT_ACTIVE)
			continue;
		volume = volume_of(g, &g->grants[i]);
		if (volume > w->volume)
			w->volume = volume;
		remind(g, &g->grants[i], w);
		if (g->now_ns - w->day_ns >= CLOCK_DAY_NS || g->now_ns < w->day_ns)
			judge_day(g, i);
	}
	guard_save_watches(g);
	if (g->now_ns >= g->next_sweep_ns) {
		g->next_sweep_ns = g->now_ns + CLOCK_DAY_NS;
		guard_sweep_evidence(g);
	}
}

static int
load_watch(void *arg, const struct grant_watch *w)
{
	struct guard *g = arg;

	for (unsigned i = 0; i < g->grant_count; i++)
		if (g->grants[i].id == w->id)
			g->watches[i] = *w;
	return 0;
}

int
guard_load_watches(struct guard *g, struct err *e)
{
	g->covers_stale = true;
	return store_each_watch(g->store, load_watch, g, e);
}
