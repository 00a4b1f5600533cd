/* SPDX-License-Identifier: ISC */
/*
 * The guard's life: open and restore, observations, the tick, save and close.  Cases are in
 * guard_case.c, the kernel in guard_kernel.c, inventory and mode in guard_admin.c, grants in
 * guard_whitelist.c.  bulkhead-guard (judge).
 */
#include "policy/guard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policy/guard_private.h"

/* Every server's state is saved once in so many ticks, a slice in each, so that no tick is long. */
#define SAVE_TICKS	30
#define BACKUP_EVERY_NS CLOCK_HOUR_NS
/* After a failure: the disk may have room again. */
#define BACKUP_RETRY_NS CLOCK_MINUTE_NS
/* Saved is who was active since the last turn, with room for late packets. */
#define SAVE_RECENT_NS (4 * SAVE_TICKS * CLOCK_SECOND_NS)

/* --- ledger
 * ------------------------------------------------------------------------------------------ */

int
guard_write_ledger_at(struct guard *g, int64_t time_ns, const char *actor, const char *action,
    const char *subject, json_t *detail, struct err *e)
{
	struct ledger_entry entry = {.time_ns = time_ns};
	char *text = detail != NULL ? json_dumps(detail, JSON_COMPACT | JSON_REAL_PRECISION(12))
				    : strdup("{}");

	json_decref(detail);
	if (text == NULL)
		return err_set(e, -ENOMEM, "no memory to write to the ledger");
	snprintf(entry.actor, sizeof(entry.actor), "%s", actor);
	snprintf(entry.action, sizeof(entry.action), "%s", action);
	snprintf(entry.subject, sizeof(entry.subject), "%s", subject);
	/* Half an object would be none: rather say that it was too long. */
	snprintf(entry.detail, sizeof(entry.detail), "%s",
	    strlen(text) < sizeof(entry.detail) ? text : "{\"too_long\":true}");
	free(text);
	return ledger_append(g->store, &entry, e);
}

int
guard_write_ledger(struct guard *g, const char *actor, const char *action, const char *subject,
    json_t *detail, struct err *e)
{
	return guard_write_ledger_at(g, g->now_ns, actor, action, subject, detail, e);
}

void
guard_note(struct guard *g, const char *action, const char *subject, json_t *detail)
{
	char quoted[600];
	struct err e;

	if (guard_write_ledger(g, GUARD_ACTOR, action, subject, detail, &e) < 0)
		log_event(LOG_LEVEL_ERROR, "guard.ledger", "action=%s subject=%s error=%s", action,
		    subject, log_quote(quoted, sizeof(quoted), e.text));
}

/* --- open
 * -------------------------------------------------------------------------------------------- */

static int
open_stores(struct guard *g, struct err *e)
{
	char path[SETTINGS_PATH_BYTES + 16];
	int rc;

	snprintf(path, sizeof(path), "%s/guard.db", g->settings.state_dir);
	rc = store_open(&g->store, path, e);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "%s/evidence", g->settings.state_dir);
	return evidence_store_open(
	    &g->evidence, path, (uint64_t)g->settings.evidence_max_mib << 20, e);
}

struct restore {
	struct guard *g;
	unsigned restored, foreign;
};

static int
restore_state(void *arg, const char *server, const uint8_t *data, size_t size)
{
	struct restore *r = arg;
	int index = inventory_find(r->g->inventory, server);

	if (index >= 0 && judge_restore(r->g->judge, (unsigned)index, data, size) == 0)
		r->restored++;
	else
		r->foreign++;
	return 0;
}

static int
restore(struct guard *g, struct err *e)
{
	struct restore r = {.g = g};
	int rc = guard_load_mode(g, e);

	if (rc == 0)
		rc = inventory_new(&g->inventory, e);
	if (rc == 0)
		rc = store_load_inventory(g->store, g->inventory, e);
	if (rc == 0)
		rc = judge_new(&g->judge, &g->settings, g->inventory, g->open_inventory,
		    guard_on_change, g, e);
	if (rc == 0)
		rc = guard_load_grants(g, e);
	if (rc == 0)
		rc = store_each_state(g->store, restore_state, &r, e);
	if (rc == 0)
		rc = guard_clock_at_start(g, e);
	if (rc == 0)
		rc = guard_adopt_cases(g, e);
	if (rc == 0)
		log_event(LOG_LEVEL_INFO, "guard.restored",
		    "servers=%u states=%u states_unusable=%u grants=%u",
		    inventory_count(g->inventory), r.restored, r.foreign, g->grant_count);
	return rc;
}

int
guard_open(struct guard *g, const struct settings *settings, int64_t now_ns, struct err *e)
{
	int rc;

	g->settings = *settings;
	g->started_ns = g->now_ns = now_ns;
	for (unsigned i = 0; i < GUARD_SENSORS_MAX; i++)
		g->sensors[i].fd = -1;
	rc = open_stores(g, e);
	if (rc == 0)
		rc = guard_open_steps(g, e);
	if (rc == 0)
		rc = restore(g, e);
	if (rc == 0)
		rc = guard_history_open(g, e);
	if (rc == 0 && g->enforce != NULL)
		rc = enforce_features(g->enforce, &g->features, e);
	if (rc == 0)
		rc = guard_write_ledger(g, GUARD_ACTOR,
		    g->restoring ? "guard.restore" : "guard.start", "guard",
		    json_pack("{s:s, s:s, s:b, s:i}", "version", BULKHEAD_VERSION, "mode",
			g->settings.policy.mode, "enforcer", g->enforce != NULL, "servers",
			(int)inventory_count(g->inventory)),
		    e);
	if (rc < 0) {
		guard_close(g);
		return rc;
	}
	g->need_reconcile = g->enforce != NULL;
	return 0;
}

/* --- observations
 * ------------------------------------------------------------------------------------ */

void
guard_observe(struct guard *g, const struct observation *obs)
{
	guard_history_note(g, obs);
	judge_observe(g->judge, obs);
	guard_watch_observe(g, obs);
}

void
guard_sensor(struct guard *g, enum ingest_event event, unsigned slot, const struct observation *obs)
{
	struct guard_sensor *s = &g->sensors[slot];
	struct observation now;

	switch (event) {
	case INGEST_CONNECTED:
		*s = (struct guard_sensor){
		    .fd = 0, .connected_ns = g->now_ns, .last_heard_ns = g->now_ns};
		g->next_beat_ns = 0;
		log_event(LOG_LEVEL_INFO, "guard.sensor.connected", "slot=%u", slot);
		break;
	case INGEST_OBSERVATION:
		s->last_heard_ns = g->now_ns;
		s->observations++;
		if (obs->kind == OBS_HEALTH) {
			s->health = *obs;
		} else if (guard_clock_of(g, obs->time_ns) == obs->time_ns) {
			guard_observe(g, obs);
		} else {
			now = *obs;
			now.time_ns = guard_clock_of(g, obs->time_ns);
			guard_observe(g, &now);
		}
		break;
	case INGEST_BAD:
		s->bad++;
		log_event(LOG_LEVEL_WARN, "guard.sensor.nonsense", "slot=%u observations=%llu",
		    slot, (unsigned long long)s->observations);
		break;
	case INGEST_GONE:
		s->fd = -1;
		log_event(LOG_LEVEL_WARN, "guard.sensor.gone", "slot=%u observations=%llu", slot,
		    (unsigned long long)s->observations);
		break;
	}
}

/* --- tick, save, close
 * ------------------------------------------------------------------------------- */

/* Saves servers first..last-1 that were active after `since`. */
static int
save_range(struct guard *g, unsigned first, unsigned last, int64_t since_ns, struct err *e)
{
	struct judge_view view;
	bool begun = false;
	int rc = 0;

	for (unsigned i = first; rc == 0 && i < last; i++) {
		if (judge_get(g->judge, i, &view) < 0 || view.last_activity_ns < since_ns ||
		    view.last_activity_ns == 0)
			continue;
		if (!begun)
			rc = store_begin(g->store, e);
		if (rc < 0)
			return rc;
		begun = true;
		rc = guard_save_server(g, i, e);
	}
	if (!begun)
		return 0;
	if (rc == 0)
		return store_commit(g->store, e);
	store_rollback(g->store);
	return rc;
}

static void
save_slice(struct guard *g)
{
	static struct log_limit limit = {.per_second = 1};
	unsigned count = inventory_count(g->inventory), last;
	char quoted[600];
	struct err e;

	if (g->save_cursor >= count)
		g->save_cursor = 0;
	last = g->save_cursor + count / SAVE_TICKS + 1;
	if (last > count)
		last = count;
	if (save_range(g, g->save_cursor, last, g->now_ns - SAVE_RECENT_NS, &e) < 0)
		log_event_limited(&limit, LOG_LEVEL_ERROR, "guard.save", "error=%s",
		    log_quote(quoted, sizeof(quoted), e.text));
	g->save_cursor = last;
}

/* A slice of the copy that is being made, or the beginning of the next one. */
static void
backup_slice(struct guard *g)
{
	char quoted[600];
	struct err e;
	int rc = 0;

	if (g->backup == NULL) {
		/* Also when the clock was set back: rather a copy too many. */
		if (g->now_ns < g->next_backup_ns &&
		    g->next_backup_ns - g->now_ns <= BACKUP_EVERY_NS)
			return;
		rc = store_backup_new(&g->backup, g->store, &e);
	}
	if (rc == 0)
		rc = store_backup_step(g->backup, &e);
	if (rc > 0)
		return;
	g->next_backup_ns = g->now_ns + (rc < 0 ? BACKUP_RETRY_NS : BACKUP_EVERY_NS);
	if (rc < 0)
		log_event(LOG_LEVEL_ERROR, "guard.backup", "error=%s",
		    log_quote(quoted, sizeof(quoted), e.text));
	store_backup_cancel(g->backup);
	g->backup = NULL;
}

static void
watch_catch(struct guard *g)
{
	bool on = judge_catch_is_on(g->judge);

	if (on == g->catch_was_on)
		return;
	g->catch_was_on = on;
	log_event(on ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, on ? "guard.catch.on" : "guard.catch.off",
	    "servers=%u", inventory_count(g->inventory));
	guard_note(g, on ? "catch.on" : "catch.off", "guard", NULL);
	if (on)
		guard_notice_catch(g);
}

void
guard_tick(struct guard *g)
{
	judge_tick(g->judge, g->now_ns);
	guard_record_extensions(g);
	guard_expire_grants(g);
	guard_beat(g, false);
	guard_watch_tick(g);
	guard_history_tick(g);
	guard_write_steps(g);
	watch_catch(g);
	guard_notice_tick(g);
	guard_complaint_tick(g);
	save_slice(g);
	backup_slice(g);
}

void
guard_close(struct guard *g)
{
	char quoted[600];
	struct err e;

	if (g->store != NULL && g->judge != NULL) {
		/* Whoever was active in this run; older states are in the database already. */
		if (save_range(g, 0, inventory_count(g->inventory), g->started_ns, &e) < 0)
			log_event(LOG_LEVEL_ERROR, "guard.save", "error=%s",
			    log_quote(quoted, sizeof(quoted), e.text));
		guard_save_watches(g);
	}
	guard_close_steps(g);
	guard_history_close(g);
	store_backup_cancel(g->backup);
	g->backup = NULL;
	guard_check_close(g);
	guard_intake_close(g);
	judge_free(g->judge);
	inventory_free(g->inventory);
	evidence_store_close(g->evidence);
	store_close(g->store);
	free(g->grants);
	free(g->watches);
	free(g->covers);
	g->judge = NULL;
	g->inventory = NULL;
	g->evidence = NULL;
	g->store = NULL;
	g->grants = NULL;
	g->watches = NULL;
	g->covers = NULL;
	g->cover_count = 0;
	g->grant_count = g->grant_room = 0;
}
