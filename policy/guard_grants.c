/* SPDX-License-Identifier: ISC */
/*
 * What becomes of grants and evidence after the decision: suspended and resumed, imported from an
 * older whitelist, evidence removed when its time is over.  bulkhead-guard (judge process).
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "policy/guard_private.h"

#define ORPHAN_AGE_NS CLOCK_DAY_NS /* younger content may belong to a request that is at work */
#define ORPHANS_MAX   256	   /* of one day */

/* --- suspend and resume --- */

/* The grant and its application go from one state to another, with the reason. */
static int
change_grant(struct guard *g, int64_t id, const char *actor, const char *action, unsigned from,
    unsigned to, const char *reason, struct err *e)
{
	const struct grant *grant = guard_find_grant(g, id);
	struct application a;
	struct grant changed;
	int rc;

	if (grant == NULL)
		return err_set(
		    e, -ENOENT, "application %lld has no grant: approve it first", (long long)id);
	if (grant->state != from)
		return err_set(e, -EPERM, "the grant of application %lld is %s, not %s",
		    (long long)id, grant_state_name(grant->state), grant_state_name(from));
	if (to == GRANT_ACTIVE && grant->until_ns <= g->now_ns)
		return err_set(e, -EPERM,
		    "the grant of application %lld is over: whitelist renew gives it a new end",
		    (long long)id);
	rc = store_get_application(g->store, id, &a, e);
	if (rc < 0)
		return rc;
	text_clean(a.reason, sizeof(a.reason), reason);
	a.changed_ns = g->now_ns;
	changed = *grant;
	changed.state = (uint8_t)to;
	return guard_put_application(g, actor, action, &a, &changed, e);
}

int
guard_suspend_grant(
    struct guard *g, int64_t id, const char *actor, const char *reason, struct err *e)
{
	return change_grant(
	    g, id, actor, "whitelist.suspend", GRANT_ACTIVE, GRANT_SUSPENDED, reason, e);
}

int
guard_resume_grant(
    struct guard *g, int64_t id, const char *actor, const char *reason, struct err *e)
{
	return change_grant(
	    g, id, actor, "whitelist.resume", GRANT_SUSPENDED, GRANT_ACTIVE, reason, e);
}

/* --- evidence --- */

bool
guard_is_all_kvm(const struct guard *g, const struct application *a)
{
	for (unsigned i = 0; i < a->server_count; i++) {
		int index = inventory_find(g->inventory, a->servers[i]);

		if (index < 0 ||
		    inventory_get(g->inventory, (unsigned)index)->virtualization != VIRT_KVM)
			return false;
	}
	return true;
}

static int
see_use(void *arg, int64_t application)
{
	(void)application;
	*(bool *)arg = true;
	return 1;
}

void
guard_forget_evidence(struct guard *g, const struct evidence *list, unsigned count)
{
	char quoted[600];

	for (unsigned i = 0; i < count; i++) {
		bool used = false;
		struct err e;
		int rc = store_each_evidence_use(g->store, list[i].sha256, see_use, &used, &e);

		if (rc >= 0 && !used)
			rc = evidence_store_remove(g->evidence, list[i].sha256, &e);
		if (rc < 0)
			log_event(LOG_LEVEL_ERROR, "guard.evidence", "sha256=%s error=%s",
			    list[i].sha256, log_quote(quoted, sizeof(quoted), e.text));
	}
}

/* When the clock of retention begins: with the end of the application's life; 0 = it lives. */
static int64_t
ended_at(const struct guard *g, const struct application *a)
{
	const struct grant *grant;

	switch (a->state) {
	case APPLICATION_SUBMITTED:
	case APPLICATION_IN_REVIEW:
		return 0; /* waits for us, not for the tenant */
	case APPLICATION_APPROVED:
		grant = guard_find_grant(g, a->id);
		if (grant == NULL || grant->state == GRANT_ACTIVE ||
		    grant->state == GRANT_SUSPENDED)
			return 0;
		return grant->until_ns > a->changed_ns ? grant->until_ns : a->changed_ns;
	default:
		return a->changed_ns;
	}
}

struct sweep {
	const struct guard *g;
	int64_t *ids;
	size_t count, room;
};

static int
collect_old(void *arg, const struct application *a)
{
	struct sweep *s = arg;
	int64_t ended = ended_at(s->g, a);

	if (a->evidence_count == 0 || ended == 0 ||
	    s->g->now_ns - ended < s->g->settings.evidence_retention_ns)
		return 0;
	if (s->count == s->room) {
		size_t room = s->room * 2 + 16;
		int64_t *grown = realloc(s->ids, room * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		s->ids = grown;
		s->room = room;
	}
	s->ids[s->count++] = a->id;
	return 0;
}

/* First the database and the ledger, then the files: a file too many is found by nobody, an entry
 * without its file is a lie. */
static int
expire_evidence(struct guard *g, int64_t id, struct err *e)
{
	struct application a;
	unsigned count;
	char subject[48];
	int rc = store_get_application(g->store, id, &a, e);

	if (rc < 0)
		return rc;
	count = a.evidence_count;
	a.evidence_count = 0;
	rc = store_begin(g->store, e);
	if (rc < 0)
		return rc;
	snprintf(subject, sizeof(subject), "application %lld", (long long)id);
	rc = store_put_application(g->store, &a, e);
	if (rc == 0)
		rc = guard_write_ledger(g, GUARD_ACTOR, "evidence.expire", subject,
		    json_pack("{s:i, s:I}", "removed", (int)count, "retention_days",
			(json_int_t)(g->settings.evidence_retention_ns / CLOCK_DAY_NS)),
		    e);
	if (rc == 0)
		rc = store_commit(g->store, e);
	else
		store_rollback(g->store);
	if (rc == 0)
		guard_forget_evidence(g, a.evidence, count);
	return rc;
}

struct orphans {
	struct guard *g;
	char sha256[ORPHANS_MAX][HASH_SHA256_HEX];
	unsigned count;
};

/* Content that no application names, and that nobody is just adding. */
static int
see_orphan(void *arg, const char *sha256, int64_t changed_ns)
{
	struct orphans *o = arg;
	bool used = false;

	if (o->g->now_ns - changed_ns < ORPHAN_AGE_NS ||
	    store_each_evidence_use(o->g->store, sha256, see_use, &used, NULL) < 0 || used)
		return 0;
	memcpy(o->sha256[o->count++], sha256, HASH_SHA256_HEX);
	return o->count == ORPHANS_MAX; /* the rest tomorrow */
}

/* What a power cut left between the file and the database, or between the database and the file: first the
 * ledger, then the file, as in expire_evidence(). */
static void
sweep_orphans(struct guard *g)
{
	static struct orphans o; /* large */
	json_t *list = json_array();
	struct err e = {0};

	o.g = g;
	o.count = 0;
	if (evidence_store_each(g->evidence, see_orphan, &o, &e) < 0)
		log_event(LOG_LEVEL_ERROR, "guard.evidence.sweep", "error=\"%s\"", e.text);
	(void)evidence_store_tidy(g->evidence, g->now_ns - ORPHAN_AGE_NS);
	for (unsigned i = 0; i < o.count; i++)
		json_array_append_new(list, json_string(o.sha256[i]));
	if (o.count == 0 ||
	    guard_write_ledger(g, GUARD_ACTOR, "evidence.orphan", "evidence",
		json_pack("{s:i, s:O}", "removed", (int)o.count, "sha256", list), &e) < 0) {
		json_decref(list);
		return;
	}
	for (unsigned i = 0; i < o.count; i++)
		if (evidence_store_remove(g->evidence, o.sha256[i], &e) < 0)
			log_event(LOG_LEVEL_ERROR, "guard.evidence", "error=\"%s\"", e.text);
	log_event(LOG_LEVEL_WARN, "guard.evidence.orphan", "removed=%u", o.count);
	json_decref(list);
}

void
guard_sweep_evidence(struct guard *g)
{
	struct sweep s = {.g = g};
	char quoted[600];
	struct err e = {0};
	int rc = store_each_application(g->store, -1, collect_old, &s, &e);

	if (rc == -ENOMEM)
		err_set(&e, rc, "no memory for the list of old applications");
	for (size_t i = 0; rc == 0 && i < s.count; i++)
		rc = expire_evidence(g, s.ids[i], &e);
	if (rc < 0)
		log_event(LOG_LEVEL_ERROR, "guard.evidence.sweep", "error=%s",
		    log_quote(quoted, sizeof(quoted), e.text));
	else if (s.count > 0)
		log_event(LOG_LEVEL_INFO, "guard.evidence.sweep", "applications=%zu", s.count);
	free(s.ids);
	sweep_orphans(g);
}

/* --- an existing whitelist --- */

static bool
is_same_list(const char *a, unsigned a_count, const char *b, unsigned b_count, size_t stride)
{
	if (a_count != b_count)
		return false;
	for (unsigned i = 0; i < a_count; i++)
		if (strcmp(a + i * stride, b + i * stride) != 0)
			return false;
	return true;
}

/* An active grant for the same servers and domains, or NULL. */
static const struct grant *
find_same(const struct guard *g, const struct application *a)
{
	for (unsigned i = 0; i < g->grant_count; i++) {
		const struct grant *grant = &g->grants[i];

		if (grant->state == GRANT_ACTIVE &&
		    is_same_list(grant->servers[0], grant->server_count, a->servers[0],
			a->server_count, sizeof(a->servers[0])) &&
		    is_same_list(grant->domains[0], grant->domain_count, a->domains[0],
			a->domain_count, sizeof(a->domains[0])))
			return grant;
	}
	return NULL;
}

/* Stores one row with its grant in the open transaction; the grant goes into `out`. */
static int
import_row(struct guard *g, const char *actor, struct application *a, struct grant *out,
    struct guard_import *done, struct err *e)
{
	const struct grant *same = find_same(g, a);

	assert(out != NULL);
	if (same != NULL && same->per_day == a->per_day && same->until_ns == a->grant_until_ns) {
		done->unchanged++;
		out->id = 0;
		return 0;
	}
	if (same != NULL) {
		struct application old;
		int rc = store_get_application(g->store, same->id, &old, e);

		if (rc < 0)
			return rc;
		old.per_day = a->per_day;
		old.grant_until_ns = a->grant_until_ns;
		old.changed_ns = g->now_ns;
		memcpy(old.reason, a->reason, sizeof(old.reason));
		*a = old;
		done->changed++;
	} else {
		done->added++;
	}
	application_grant(a, g->now_ns, a->grant_until_ns, out);
	return guard_store_application(g, actor, "whitelist.import", a, out, e);
}

int
guard_import_grants(struct guard *g, const char *actor, struct application *rows, unsigned count,
    struct guard_import *out, struct err *e)
{
	struct grant *grants = calloc(count, sizeof(*grants));
	struct guard_import done = {0};
	int rc = grants != NULL ? guard_reserve_grants(g, count, e)
				: err_set(e, -ENOMEM, "no memory for %u grants", count);

	if (rc == 0)
		rc = store_begin(g->store, e);
	if (rc < 0) {
		free(grants);
		return rc;
	}
	for (unsigned i = 0; rc == 0 && i < count; i++)
		rc = import_row(g, actor, &rows[i], &grants[i], &done, e);
	if (rc == 0)
		rc = store_commit(g->store, e);
	else
		store_rollback(g->store);
	if (rc == 0)
		rc = guard_adopt_grants(g, grants, count);
	if (rc == 0)
		*out = done;
	free(grants);
	return rc;
}
