/* SPDX-License-Identifier: ISC */
/* History judged again; see history_replay.h.  replay. */
#include "policy/history_replay.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "policy/tally.h"

/* The judge looks at what fades every ten seconds. */
#define TICK_NS (5 * CLOCK_SECOND_NS)
/* Through silence in longer steps, so that a month without mail is short. */
#define TICKS_PER_GAP 256

int
history_replay_add_server(struct inventory *inv, const struct server *server, struct err *e)
{
	struct server s = *server;

	memset(s.ifnames, 0, sizeof(s.ifnames));
	memset(s.macs, 0, sizeof(s.macs));
	memset(s.prefixes, 0, sizeof(s.prefixes));
	s.mac_count = s.prefix_count = 0;
	s.ifname_count = 1;
	snprintf(s.ifnames[0], sizeof(s.ifnames[0]), "h%u", inventory_count(inv));
	return inventory_put(inv, &s, e);
}

/* Its number, or negative errno. */
static int
find_server(struct whatif *w, const char *name)
{
	struct inventory *inv = whatif_inventory(w);
	int index = inventory_find(inv, name);
	struct server s = {0};

	if (index >= 0)
		return index;
	memcpy(s.name, name, strnlen(name, sizeof(s.name) - 1));
	return history_replay_add_server(inv, &s, NULL);
}

static void
advance(struct history_replay *r, int64_t to_ns)
{
	if (r->now_ns == 0)
		r->now_ns = r->first_ns = to_ns;
	while (to_ns - r->now_ns >= TICK_NS) {
		int64_t step = (to_ns - r->now_ns) / TICKS_PER_GAP;

		r->now_ns += step > TICK_NS ? step : TICK_NS;
		for (unsigned i = 0; i < r->policy_count; i++)
			whatif_tick(r->policy[i], r->now_ns);
	}
}

/* The nth of the copies: to somebody else, as often as the originals went to somebody else. */
static void
vary(struct observation *o, const struct history_entry *entry, uint32_t nth)
{
	uint64_t other = tally_key(entry->obs.kind, nth % entry->distinct);
	int32_t copies = (int32_t)entry->copies;
	int32_t *const sums[] = {
	    &o->u.estimate.messages, &o->u.estimate.recipients, &o->u.estimate.recipients_rejected};

	*o = entry->obs;
	for (size_t i = 0; o->kind == OBS_ESTIMATE && i < sizeof(sums) / sizeof(sums[0]); i++)
		*sums[i] = *sums[i] / copies + ((int32_t)nth < *sums[i] % copies);
	if (nth % entry->distinct == 0)
		return;
	if (o->kind == OBS_RECIPIENT)
		o->u.recipient.hash ^= other;
	else if (o->kind == OBS_MX_QUERY)
		o->u.mx_query.name_hash ^= other;
	else
		for (unsigned i = 0; i < 3; i++) /* within the address's own /8 or /104 */
			o->server.bytes[13 + i] ^= (uint8_t)(other >> (8 * i));
}

static bool
is_blocked(struct whatif *w, unsigned index)
{
	const struct verdict *v = judge_verdict(whatif_judge(w), index);

	return v != NULL && v->rung == RUNG_BLOCK;
}

static int
observe(struct history_replay *r, struct whatif *w, const struct history_entry *entry)
{
	int index = find_server(w, entry->server);
	struct observation o;

	if (index < 0)
		return index;
	if (entry->mark == HISTORY_RELEASED) {
		judge_release(whatif_judge(w), (unsigned)index, entry->obs.time_ns, NULL);
		whatif_note_release(w, (unsigned)index, entry->obs.time_ns);
		return 0;
	}
	if (entry->mark != HISTORY_OBSERVATION)
		return 0;
	if (entry->blocked && entry->obs.kind == OBS_CONNECT_FAILED &&
	    !is_blocked(w, (unsigned)index)) {
		r->skipped += entry->copies;
		return 0;
	}
	for (uint32_t i = 0; i < entry->copies; i++) {
		vary(&o, entry, i);
		memcpy(o.ifname, inventory_get(whatif_inventory(w), (unsigned)index)->ifnames[0],
		    sizeof(o.ifname));
		whatif_observe(w, &o);
		r->observations++;
	}
	return 0;
}

int
history_replay_entry(struct history_replay *r, const struct history_entry *entry)
{
	r->entries++;
	advance(r, entry->obs.time_ns);
	for (unsigned i = 0; i < r->policy_count; i++) {
		int rc = observe(r, r->policy[i], entry);

		if (rc < 0)
			return rc;
	}
	return 0;
}

void
history_replay_end(struct history_replay *r)
{
	for (unsigned i = 0; i < r->policy_count && r->now_ns != 0; i++)
		whatif_tick(r->policy[i], r->now_ns + TICK_NS);
}
