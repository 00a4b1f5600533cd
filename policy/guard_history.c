/* SPDX-License-Identifier: ISC */
/*
 * History in the guard: every observation on its way to the judge is noted, segments go to the
 * writer, and a case has what led to it kept.  bulkhead-guard (judge process).
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "policy/guard_private.h"
#include "policy/history.h"
#include "policy/history_link.h"

/* The day's clock, with room for what is older than its newest bucket; and the hour's for the other
 * servers of a tenant, whose mailings are pooled over an hour. */
#define CASE_REACH_NS	(26 * CLOCK_HOUR_NS)
#define TENANT_REACH_NS (2 * CLOCK_HOUR_NS)

static bool
emit(void *arg, const uint8_t *segment, size_t size)
{
	const struct guard *g = arg;

	return history_link_segment(g->writer, segment, size);
}

void
guard_history_limits(struct guard *g)
{
	const struct history_limits limits = {
	    .retention_ns = g->settings.history_retention_ns,
	    .case_retention_ns = g->settings.case_retention_ns,
	    .max_bytes = (uint64_t)g->settings.history_max_mib << 20,
	};

	if (g->writer != NULL)
		history_link_limits(g->writer, &limits);
}

int
guard_history_open(struct guard *g, struct err *e)
{
	int rc = g->writer != NULL ? history_new(&g->history, emit, g) : 0;

	if (rc < 0)
		return err_set(e, rc, "no memory for the history");
	guard_history_limits(g);
	return 0;
}

void
guard_history_close(struct guard *g)
{
	if (g->history != NULL)
		history_flush(g->history);
	history_free(g->history);
	g->history = NULL;
}

/* How the server stands before the judge has seen this observation. */
static enum history_state
state_of(const struct guard *g, unsigned index)
{
	const struct verdict *v = judge_verdict(g->judge, index);

	if (v == NULL || v->rung == RUNG_CLEAR)
		return HISTORY_USUAL;
	if (v->rung < RUNG_BLOCK)
		return HISTORY_WATCHED;
	return !v->shadow && guard_is_enforced(g, index) ? HISTORY_CLOSED : HISTORY_USUAL;
}

void
guard_history_note(struct guard *g, const struct observation *obs)
{
	bool inbound = (obs->flags & OBS_F_INBOUND) != 0;
	struct inventory_owner owner;

	if (g->history == NULL)
		return;
	owner = inventory_resolve(
	    g->inventory, obs->ifname, &obs->mac, inbound ? &obs->server : &obs->client);
	if (owner.index >= 0)
		history_note(g->history, (unsigned)owner.index,
		    inventory_get(g->inventory, (unsigned)owner.index)->name, obs,
		    state_of(g, (unsigned)owner.index));
}

void
guard_history_mark(struct guard *g, const char *server, enum history_mark mark)
{
	if (g->history != NULL)
		history_mark(g->history, server, mark, g->now_ns);
}

void
guard_history_tick(struct guard *g)
{
	const struct history_report *report;
	uint64_t share;

	if (g->history == NULL)
		return;
	history_link_poll(g->writer);
	if (history_link_take_loss(g->writer))
		history_refresh(g->history);
	report = history_link_report(g->writer);
	/* A busy day must not cost the days before it. */
	share = ((uint64_t)g->settings.history_max_mib << 20) /
		(uint64_t)(g->settings.history_retention_ns / CLOCK_DAY_NS);
	history_set_facts(
	    g->history, report->bytes_today < share ? HISTORY_FACTS_MAX : HISTORY_FACTS_MIN);
	history_turn(g->history, g->now_ns);
}

void
guard_history_keep(struct guard *g, unsigned index, const char *case_id)
{
	const struct server *server = inventory_get(g->inventory, index);
	struct history_keep keep = {.from_ns = g->now_ns - CASE_REACH_NS,
	    .others_from_ns = g->now_ns - TENANT_REACH_NS,
	    .until_ns = g->now_ns + CLOCK_SECOND_NS,
	    .server_count = 1};

	if (g->history == NULL)
		return;
	snprintf(keep.case_id, sizeof(keep.case_id), "%s", case_id);
	snprintf(keep.servers[0], sizeof(keep.servers[0]), "%s", server->name);
	for (unsigned i = 0; server->tenant[0] != '\0' && i < inventory_count(g->inventory) &&
			     keep.server_count < HISTORY_KEEP_SERVERS;
	     i++) {
		const struct server *other = inventory_get(g->inventory, i);

		if (i != index && strcmp(other->tenant, server->tenant) == 0)
			snprintf(keep.servers[keep.server_count++], sizeof(keep.servers[0]), "%s",
			    other->name);
	}
	history_flush(g->history);
	history_link_keep(g->writer, &keep);
}
