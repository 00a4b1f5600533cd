/* SPDX-License-Identifier: ISC */
/* Complaints: whose mail was it, and what it adds to the score.  bulkhead-guard (judge process). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "policy/ctl_json.h"
#include "policy/guard_private.h"

/* Older mail says little about what a server does now. */
#define FRESH_NS (7 * CLOCK_DAY_NS)

/* Whose address it was when the mail arrived; of a time of which nothing is known, whose it is now. */
static int
find_server(struct guard *g, struct store_complaint *c, struct err *e)
{
	int64_t at_ns = c->c.arrival_ns != 0 ? c->c.arrival_ns : g->now_ns;
	struct inventory_owner owner;
	int rc = store_find_owner(g->store, &c->c.source, at_ns, c->server, e);

	snprintf(c->how, sizeof(c->how), "history");
	if (rc != -ENOENT)
		return rc;
	owner = inventory_resolve(g->inventory, "", &(const struct mac){{0}}, &c->c.source);
	snprintf(c->how, sizeof(c->how), "%s", owner.index >= 0 ? "inventory" : "none");
	if (owner.index >= 0)
		snprintf(c->server, sizeof(c->server), "%s",
		    inventory_get(g->inventory, (unsigned)owner.index)->name);
	return 0;
}

/* RFC 5965 section 7.3, RFC 6591 and 6692: what speaks of unwanted mail. */
static bool
is_accusation(const char *type)
{
	static const char *const types[] = {"abuse", "fraud", "virus", "other"};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

static bool
is_fresh(const struct guard *g, int64_t arrival_ns)
{
	return arrival_ns == 0 ||
	       (arrival_ns > g->now_ns - FRESH_NS && arrival_ns < g->now_ns + CLOCK_DAY_NS);
}

static int
record(
    struct guard *g, const char *actor, const struct store_complaint *c, bool *known, struct err *e)
{
	char source[ADDR_TEXT_BYTES];
	int rc = store_begin(g->store, e);

	if (rc < 0)
		return rc;
	rc = store_add_complaint(g->store, c, e);
	*known = rc == 0;
	if (rc > 0)
		rc = guard_write_ledger(g, actor, "complaint",
		    c->server[0] != '\0' ? c->server : "nobody",
		    json_pack("{s:o, s:s, s:o, s:o, s:b}", "type", ctl_json_text(c->c.type),
			"source", addr_format(source, &c->c.source), "reporter",
			ctl_json_text(c->c.reporter), "arrival", ctl_json_time(c->c.arrival_ns),
			"counted", c->counted),
		    e);
	if (rc == 0)
		return store_commit(g->store, e);
	store_rollback(g->store);
	return rc;
}

int
guard_complain(struct guard *g, const char *actor, const struct complaint *complaint,
    struct store_complaint *out, bool *known, struct err *e)
{
	struct store_complaint c = {.c = *complaint, .imported_ns = g->now_ns};
	int index, rc;

	if (complaint->refused[0] != '\0')
		return err_set(e, -EBADMSG, "this is no complaint: %s", complaint->refused);
	if (addr_is_zero(&complaint->source))
		return err_set(e, -EBADMSG, "the complaint names no source address");
	rc = find_server(g, &c, e);
	if (rc < 0)
		return rc;
	index = c.server[0] != '\0' ? inventory_find(g->inventory, c.server) : -1;
	c.counted = index >= 0 && is_accusation(c.c.type) && is_fresh(g, c.c.arrival_ns);
	rc = record(g, actor, &c, known, e);
	if (rc < 0)
		return rc;
	if (!*known && c.counted)
		judge_complain(g->judge, (unsigned)index, g->now_ns);
	*out = c;
	return 0;
}

void
guard_complaint_tick(struct guard *g)
{
	struct err e;

	if (g->now_ns < g->next_complaint_sweep_ns &&
	    g->next_complaint_sweep_ns - g->now_ns <= CLOCK_HOUR_NS)
		return;
	g->next_complaint_sweep_ns = g->now_ns + CLOCK_HOUR_NS;
	if (store_forget_complaints(g->store, g->now_ns - g->settings.complaint_retention_ns, &e) <
	    0)
		guard_log_failure("complaints", "", &e);
}
