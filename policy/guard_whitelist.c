/* SPDX-License-Identifier: ISC */
/*
 * Applications and grants: stored with their entry in the ledger, handed to the judge, projected
 * into the kernel's set of granted servers.  bulkhead-guard (judge process).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "policy/ctl_json.h"
#include "policy/guard_private.h"

#define GRANTS_FIRST 16

static int
find_grant(const struct guard *g, int64_t id)
{
	for (unsigned i = 0; i < g->grant_count; i++)
		if (g->grants[i].id == id)
			return (int)i;
	return -ENOENT;
}

const struct grant *
guard_find_grant(const struct guard *g, int64_t id)
{
	int i = find_grant(g, id);

	return i >= 0 ? &g->grants[i] : NULL;
}

int
guard_reserve_grants(struct guard *g, unsigned more, struct err *e)
{
	unsigned room = g->grant_room == 0 ? GRANTS_FIRST : g->grant_room * 2;
	struct grant_watch *watches;
	struct grant *grown;

	if (g->grant_count + more <= g->grant_room)
		return 0;
	if (room < g->grant_count + more)
		room = g->grant_count + more;
	if (g->grant_count + more > GUARD_GRANTS_MAX)
		return err_set(e, -ENOSPC,
		    "there are %d grants, which is the most that a guard holds: revoke some",
		    GUARD_GRANTS_MAX);
	grown = realloc(g->grants, room * sizeof(*grown));
	if (grown != NULL)
		g->grants = grown;
	watches = grown != NULL ? realloc(g->watches, room * sizeof(*watches)) : NULL;
	if (watches == NULL)
		return err_set(e, -ENOMEM, "no memory for another grant");
	g->watches = watches;
	g->grant_room = room;
	return 0;
}

static void
put_in_memory(struct guard *g, const struct grant *grant)
{
	int i = find_grant(g, grant->id);

	if (i < 0) {
		i = (int)g->grant_count++;
		g->watches[i] = (struct grant_watch){.id = grant->id, .day_ns = g->now_ns};
	}
	g->grants[i] = *grant;
	g->covers_stale = true;
}

static int
tell_judge(struct guard *g)
{
	struct err e;
	int rc = judge_set_grants(g->judge, g->grants, g->grant_count, &e);
	char quoted[600];

	g->need_reconcile = true;
	if (rc < 0)
		log_event(LOG_LEVEL_ERROR, "guard.grants", "error=%s",
		    log_quote(quoted, sizeof(quoted), e.text));
	return rc;
}

struct load {
	struct guard *g;
	struct err *e;
};

static int
load_grant(void *arg, const struct grant *grant)
{
	const struct load *load = arg;
	int rc = guard_reserve_grants(load->g, 1, load->e);

	if (rc == 0)
		put_in_memory(load->g, grant);
	return rc;
}

int
guard_load_grants(struct guard *g, struct err *e)
{
	struct load load = {g, e};
	int rc = store_each_grant(g->store, load_grant, &load, e);

	if (rc == 0)
		rc = guard_load_watches(g, e);
	return rc == 0 ? judge_set_grants(g->judge, g->grants, g->grant_count, e) : rc;
}

static json_t *
application_detail(const struct application *a, const struct grant *grant)
{
	json_t *d = json_object(), *servers = json_array();

	for (unsigned i = 0; i < a->server_count; i++)
		json_array_append_new(servers, ctl_json_text(a->servers[i]));
	json_object_set_new(d, "state", json_string(application_state_name(a->state)));
	json_object_set_new(d, "servers", servers);
	json_object_set_new(d, "evidence", json_integer(a->evidence_count));
	if (a->reason[0] != '\0')
		json_object_set_new(d, "reason", ctl_json_text(a->reason));
	if (grant != NULL) {
		json_object_set_new(d, "grant", json_string(grant_state_name(grant->state)));
		json_object_set_new(d, "per_day", json_integer((json_int_t)grant->per_day));
		json_object_set_new(d, "until", ctl_json_time(grant->until_ns));
	}
	return d;
}

int
guard_store_application(struct guard *g, const char *actor, const char *action,
    struct application *a, struct grant *grant, struct err *e)
{
	char subject[48];
	int rc = store_put_application(g->store, a, e);

	if (rc < 0)
		return rc;
	if (grant != NULL) {
		grant->id = a->id;
		rc = store_put_grant(g->store, grant, e);
	}
	snprintf(subject, sizeof(subject), "application %lld", (long long)a->id);
	/* What later checks are compared with. */
	if (rc == 0 && grant != NULL && strncmp(action, "whitelist.approve", 17) == 0)
		rc = store_approve_checks(g->store, a->id, e);
	if (rc == 0)
		rc = guard_write_ledger(g, actor, action, subject, application_detail(a, grant), e);
	return rc;
}

int
guard_put_application(struct guard *g, const char *actor, const char *action, struct application *a,
    const struct grant *grant_or_null, struct err *e)
{
	const int64_t old_id = a->id;
	struct grant grant = {.id = 0};
	int rc = 0;

	if (grant_or_null != NULL) {
		grant = *grant_or_null; /* it may lie in the array that is about to grow */
		rc = guard_reserve_grants(g, 1, e);
	}
	if (rc < 0)
		return rc;
	rc = store_begin(g->store, e);
	if (rc < 0)
		return rc;
	rc = guard_store_application(g, actor, action, a, grant_or_null != NULL ? &grant : NULL, e);
	if (rc == 0)
		rc = store_commit(g->store, e);
	else
		store_rollback(g->store);
	if (rc < 0) {
		a->id = old_id;
		return rc;
	}
	log_event(LOG_LEVEL_INFO, "guard.application", "id=%lld action=%s state=%s",
	    (long long)a->id, action, application_state_name(a->state));
	if (grant_or_null == NULL)
		return 0;
	put_in_memory(g, &grant);
	return tell_judge(g);
}

int
guard_adopt_grants(struct guard *g, const struct grant *grants, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (grants[i].id != 0)
			put_in_memory(g, &grants[i]);
	return tell_judge(g);
}

void
guard_suspend_grants(struct guard *g, const char *server, const char *case_id)
{
	bool changed = false;

	for (unsigned i = 0; i < g->grant_count; i++) {
		struct grant *grant = &g->grants[i];
		char subject[48];

		if (!grant_is_active(grant, g->now_ns) || !grant_covers_server(grant, server))
			continue;
		/* In memory even when the database refuses; the block stands and is recorded
		 * anyway. */
		grant->state = GRANT_SUSPENDED;
		changed = true;
		snprintf(subject, sizeof(subject), "application %lld", (long long)grant->id);
		log_event(LOG_LEVEL_WARN, "guard.grant.suspended", "id=%lld server=%s case=%s",
		    (long long)grant->id, server, case_id);
		if (store_put_grant(g->store, grant, NULL) == 0)
			guard_note(g, "whitelist.suspend", subject,
			    json_pack("{s:s, s:s, s:s}", "server", server, "case", case_id,
				"reason",
				"the server was blocked for abuse; resume the grant when "
				"the cause is gone"));
	}
	if (changed)
		tell_judge(g);
}

void
guard_expire_grants(struct guard *g)
{
	bool changed = false;

	for (unsigned i = 0; i < g->grant_count; i++) {
		struct grant *grant = &g->grants[i];
		char subject[48];

		if ((grant->state != GRANT_ACTIVE && grant->state != GRANT_SUSPENDED) ||
		    grant->until_ns == 0 || grant->until_ns > g->now_ns)
			continue;
		/* In memory even when the database refuses: it is over either way, and tried again
		 * after a restart. */
		grant->state = GRANT_EXPIRED;
		changed = true;
		g->covers_stale = true;
		snprintf(subject, sizeof(subject), "application %lld", (long long)grant->id);
		log_event(LOG_LEVEL_INFO, "guard.grant.expired", "id=%lld", (long long)grant->id);
		if (store_put_grant(g->store, grant, NULL) == 0)
			guard_note(g, "whitelist.expire", subject, NULL);
	}
	if (changed)
		tell_judge(g);
}
