/* SPDX-License-Identifier: ISC */
/*
 * The checks of granted mail, made again: the queue, one after the other, and what becomes of the result.
 * bulkhead-guard (judge process).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "policy/ctl_json.h"
#include "policy/guard_private.h"
#include "policy/watch_pages.h"

/* At once; the rest of the runs is for people who wait. */
#define RECHECKS_AT_ONCE 2

/* Why the grant is not looked at again; NULL: it is. */
static const char *
why_not(struct guard *g, const struct grant *grant)
{
	struct application a;

	if (grant->state != GRANT_ACTIVE && grant->state != GRANT_SUSPENDED)
		return "its grant is over";
	if (store_get_application(g->store, grant->id, &a, NULL) < 0)
		return "it cannot be read";
	return application_has_evidence(&a, EVIDENCE_SAMPLE_SOURCE)
		   ? NULL
		   : "it has no sample that names a page";
}

static json_t *
skipped_json(int64_t id, const char *why)
{
	return json_pack("{s:I, s:s}", "application", (json_int_t)id, "why", why);
}

static int
add_recheck(struct guard *g, int64_t id)
{
	int64_t *grown;

	for (unsigned i = 0; i < g->recheck_count; i++)
		if (g->rechecks[i] == id)
			return 0;
	grown = realloc(g->rechecks, (g->recheck_count + 1) * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	g->rechecks = grown;
	g->rechecks[g->recheck_count++] = id;
	return 0;
}

int
guard_recheck_start(struct guard *g, int64_t id, json_t **queued, json_t **skipped, struct err *e)
{
	int rc = 0;

	if (g->checks == NULL)
		return err_set(
		    e, -ENOSYS, "this guard runs without workers: nothing can be checked");
	if (id != 0 && guard_find_grant(g, id) == NULL)
		return err_set(
		    e, -ENOENT, "application %lld has no grant: approve it first", (long long)id);
	*queued = json_array();
	*skipped = json_array();
	for (unsigned i = 0; rc == 0 && i < g->grant_count; i++) {
		const struct grant *grant = &g->grants[i];
		const char *why;

		if (id != 0 && grant->id != id)
			continue;
		why = why_not(g, grant);
		/* Ended grants are no news when everything is gone through. */
		if (why != NULL && (id != 0 || grant->state == GRANT_ACTIVE))
			json_array_append_new(*skipped, skipped_json(grant->id, why));
		if (why != NULL)
			continue;
		rc = add_recheck(g, grant->id);
		json_array_append_new(*queued, json_integer((json_int_t)grant->id));
	}
	if (rc < 0) {
		json_decref(*queued);
		json_decref(*skipped);
		return err_set(e, rc, "no memory for the list of grants");
	}
	guard_recheck_tick(g);
	return 0;
}

bool
guard_recheck_waits(const struct guard *g, int64_t id)
{
	for (unsigned i = 0; i < g->recheck_count; i++)
		if (g->rechecks[i] == id)
			return true;
	return false;
}

/* Starts the next ones; those that are at work stay in the list until they end. */
void
guard_recheck_tick(struct guard *g)
{
	static const struct guard_check_online online = {""};
	unsigned running = 0;

	for (unsigned i = 0; i < g->recheck_count; i++)
		running += guard_check_runs(g, g->rechecks[i]);
	for (unsigned i = 0; i < g->recheck_count && running < RECHECKS_AT_ONCE;) {
		struct application a;
		struct err e = {0};
		int rc;

		if (guard_check_runs(g, g->rechecks[i])) {
			i++;
			continue;
		}
		rc = store_get_application(g->store, g->rechecks[i], &a, &e);
		if (rc == 0)
			rc = guard_check_start(g, GUARD_ACTOR, &a, "", &online, &e);
		if (rc == -EAGAIN)
			return;
		if (rc < 0) {
			log_event(LOG_LEVEL_WARN, "guard.recheck", "id=%lld error=\"%s\"",
			    (long long)g->rechecks[i], e.text);
			g->rechecks[i] = g->rechecks[--g->recheck_count];
			continue;
		}
		running++;
		i++;
	}
}

/* What the approval was given on; NULL also when nothing online was known then. */
static struct check_report *
approved_report(struct guard *g, int64_t id)
{
	char *text = NULL;
	struct check_report *r = NULL;

	if (store_get_approved_checks(g->store, id, &text, NULL) == 0)
		r = guard_take_report(text);
	if (r != NULL && r->online_digest[0] == '\0') {
		free(r);
		r = NULL;
	}
	return r;
}

static void
record(struct guard *g, struct grant_watch *w, json_t *changes, uint8_t before)
{
	char subject[48], quoted[600];
	json_t *detail = ctl_json_pages(w);

	log_event(w->pages_level >= WATCH_WARN ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "guard.recheck",
	    "id=%lld level=%s reason=%s", (long long)w->id, watch_level_name(w->pages_level),
	    log_quote(quoted, sizeof(quoted), w->pages_reason));
	/* A day like the day before is an event and no history. */
	if (w->pages_level <= WATCH_WELL && before <= WATCH_WELL && before != WATCH_UNSEEN) {
		json_decref(detail);
		json_decref(changes);
		return;
	}
	json_object_set_new(detail, "changes", changes);
	snprintf(subject, sizeof(subject), "application %lld", (long long)w->id);
	guard_note(g, "whitelist.recheck", subject, detail);
}

void
guard_recheck_done(struct guard *g, int64_t id, const struct check_report *report)
{
	struct check_report *then;
	struct grant_watch *w = NULL;
	json_t *changes = json_array();
	struct err e = {0};
	uint8_t before;

	for (unsigned i = 0; i < g->grant_count; i++)
		if (g->grants[i].id == id)
			w = &g->watches[i];
	for (unsigned i = 0; i < g->recheck_count; i++)
		if (g->rechecks[i] == id)
			g->rechecks[i] = g->rechecks[--g->recheck_count];
	if (w == NULL) {
		json_decref(changes);
		return;
	}
	then = approved_report(g, id);
	before = w->pages_level;
	(void)watch_pages_judge(w, then, report, g->now_ns, changes);
	free(then);
	record(g, w, changes, before);
	if (store_put_watch(g->store, w, &e) < 0)
		log_event(LOG_LEVEL_ERROR, "guard.recheck", "id=%lld error=\"%s\"", (long long)id,
		    e.text);
	if (w->pages_level == WATCH_SUSPEND && guard_find_grant(g, id)->state == GRANT_ACTIVE &&
	    guard_suspend_grant(g, id, GUARD_ACTOR, w->pages_reason, &e) < 0)
		log_event(LOG_LEVEL_ERROR, "guard.grant.suspend", "id=%lld error=\"%s\"",
		    (long long)id, e.text);
}
