/* SPDX-License-Identifier: ISC */
/*
 * History against the truth: the labelled world is judged from its raw observations and, packed and
 * unpacked, from its history, with the number of facts a minute that the guard keeps and with the
 * smallest.  Prints how often both agree, and what a server-day takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/history.h"
#include "policy/history_replay.h"
#include "tests/policy/world.h"

#define INSTANCES 6
#define SEED	  UINT64_C(20261122)

struct raw { /* of one server */
	uint8_t top, rung;
	int64_t blocked_ns;
};

struct side { /* the history of one instance, and what comes out of it */
	struct history *history;
	struct history_unpack *unpack;
	struct whatif *policy;
	struct history_replay replay;
};

struct totals {
	unsigned servers, same_rung, blocked, also_blocked, in_time, blocked_only_here;
	uint64_t bytes, facts, folded;
	double server_days;
};

struct run {
	struct side side[2]; /* facts a minute: as the guard keeps them, and the fewest */
	struct raw raw[WORLD_SERVERS_MAX];
};

static int
replay_entry(void *arg, const struct history_entry *entry)
{
	return history_replay_entry(arg, entry);
}

/* Each segment is read back at once. */
static bool
emit(void *arg, const uint8_t *segment, size_t size)
{
	struct side *s = arg;

	assert_int_equal(history_unpack(s->unpack, segment, size, replay_entry, &s->replay), 0);
	return true;
}

static void
open_side(struct side *s, unsigned facts)
{
	struct inventory *inv;
	struct settings settings;

	settings_init(&settings);
	snprintf(settings.policy.mode, sizeof(settings.policy.mode), "enforce");
	settings.policy.catch_min = 1000;
	memset(s, 0, sizeof(*s));
	assert_int_equal(history_new(&s->history, emit, s), 0);
	history_set_facts(s->history, facts);
	assert_int_equal(history_unpack_new(&s->unpack), 0);
	assert_int_equal(inventory_new(&inv, NULL), 0);
	assert_int_equal(whatif_new(&s->policy, &settings, inv, false, NULL), 0);
	s->replay.policy[0] = s->policy;
	s->replay.policy_count = 1;
}

static void
close_side(struct side *s)
{
	history_free(s->history);
	history_unpack_free(s->unpack);
	whatif_free(s->policy);
}

static void
observed(void *arg, const struct server *server, const struct observation *o, bool blocked)
{
	struct run *r = arg;
	unsigned index = (unsigned)strtoul(server->name + 2, NULL, 10);

	for (unsigned i = 0; i < 2; i++) {
		struct inventory *inv = whatif_inventory(r->side[i].policy);

		if (inventory_find(inv, server->name) < 0)
			assert_true(history_replay_add_server(inv, server, NULL) >= 0);
		history_note(r->side[i].history, index, server->name, o,
		    blocked			      ? HISTORY_CLOSED
		    : r->raw[index].rung > RUNG_CLEAR ? HISTORY_WATCHED
						      : HISTORY_USUAL);
	}
}

static void
changed(void *arg, const struct verdict_change *ch)
{
	struct raw *raw = &((struct run *)arg)->raw[ch->index];

	raw->rung = ch->to;
	if (ch->to > raw->top)
		raw->top = ch->to;
	if (ch->to == RUNG_BLOCK && raw->blocked_ns == 0)
		raw->blocked_ns = ch->time_ns;
}

static void
granted(void *arg, const struct grant *grant)
{
	struct run *r = arg;

	for (unsigned i = 0; i < 2; i++) /* one of the servers may not have been met yet */
		assert_int_equal(
		    judge_set_grants(whatif_judge(r->side[i].policy), grant, 1, NULL), 0);
}

static void
count(struct totals *t, const struct side *s, const struct run *r, unsigned servers, double days)
{
	struct history_counts counts = history_get_counts(s->history);

	t->bytes += counts.bytes;
	t->facts += counts.facts;
	t->folded += counts.folded;
	t->server_days += days;
	for (unsigned i = 0; i < servers; i++) {
		char name[16];
		const struct whatif_outcome *o;
		int index;

		snprintf(name, sizeof(name), "vm%u", i);
		index = inventory_find(whatif_inventory(s->policy), name);
		o = index >= 0 ? whatif_outcome(s->policy, (unsigned)index) : NULL;
		t->servers++;
		if (getenv("HISTORY_VERBOSE") != NULL &&
		    (o != NULL ? o->top : RUNG_CLEAR) != r->raw[i].top)
			printf("  raw %s, history %s: %s\n", rung_name(r->raw[i].top),
			    rung_name(o != NULL ? o->top : RUNG_CLEAR), o != NULL ? o->why : "");
		t->same_rung += (o != NULL ? o->top : RUNG_CLEAR) == r->raw[i].top;
		t->blocked += r->raw[i].blocked_ns != 0;
		t->blocked_only_here += o != NULL && o->first_ns != 0 && r->raw[i].blocked_ns == 0;
		if (o == NULL || o->first_ns == 0 || r->raw[i].blocked_ns == 0)
			continue;
		t->also_blocked++;
		if (getenv("HISTORY_VERBOSE") != NULL &&
		    llabs(o->first_ns - r->raw[i].blocked_ns) > CLOCK_MINUTE_NS)
			printf("  later by %.0f s: %s\n",
			    (double)(o->first_ns - r->raw[i].blocked_ns) / 1e9, o->why);
		t->in_time += llabs(o->first_ns - r->raw[i].blocked_ns) <= CLOCK_MINUTE_NS;
	}
}

static void
run_instance(const struct world_kind *kind, bool tls, uint64_t seed, struct totals totals[2])
{
	struct world_outcome out;
	struct run *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	open_side(&r->side[0], HISTORY_FACTS_MAX);
	open_side(&r->side[1], HISTORY_FACTS_MIN);
	world_tap = (struct world_tap){r, observed, changed, granted};
	world_run(kind, tls, seed, false, &out);
	world_tap = (struct world_tap){.arg = NULL};
	for (unsigned i = 0; i < 2; i++) {
		history_flush(r->side[i].history);
		history_replay_end(&r->side[i].replay);
		count(&totals[i], &r->side[i], r, out.servers, out.server_days);
		close_side(&r->side[i]);
	}
	free(r);
}

static void
run_kind(const struct world_kind *kind, bool tls, unsigned instances, struct totals totals[2])
{
	struct totals before = totals[0], *t = &totals[0];

	for (unsigned k = 0; k < instances; k++)
		run_instance(kind, tls, SEED + k * 7919, totals);
	printf("%-28s %-5s %3u of %3u servers on the same rung, %7.0f bytes per server-day\n",
	    kind->name, tls ? "tls" : "clear", t->same_rung - before.same_rung,
	    t->servers - before.servers,
	    (double)(t->bytes - before.bytes) / (t->server_days - before.server_days));
}

static void
print_totals(const char *name, const struct totals *t)
{
	printf("%s: same highest rung %u of %u servers; blocked %u of %u, %u of them within a "
	       "minute, %u more; %.0f bytes per server-day, %.1f per fact, %llu facts, %llu added "
	       "up\n",
	    name, t->same_rung, t->servers, t->also_blocked, t->blocked, t->in_time,
	    t->blocked_only_here, (double)t->bytes / t->server_days,
	    t->facts > 0 ? (double)t->bytes / (double)t->facts : 0, (unsigned long long)t->facts,
	    (unsigned long long)t->folded);
}

/* The world as it was and its history say the same. */
static void
test_history_is_faithful(void **state)
{
	struct totals totals[2] = {{0}};
	unsigned instances = getenv("HISTORY_INSTANCES") != NULL
				 ? (unsigned)strtoul(getenv("HISTORY_INSTANCES"), NULL, 10)
				 : INSTANCES;

	(void)state;
	for (unsigned i = 0; i < world_kind_count; i++)
		for (unsigned tls = 0; tls < (world_kinds[i].clear_only ? 1 : 2); tls++)
			run_kind(&world_kinds[i], tls == 1, instances, totals);
	print_totals("as kept", &totals[0]);
	print_totals("fewest facts", &totals[1]);
	/* What differs: a list near its ceiling that a real block stopped at 47 recipients lacks the
	 * last ones where many were added up, and several weak senders together stand near a bound
	 * for hours, where the other keys of the tables decide. */
	assert_true(totals[0].same_rung * 1000 >= totals[0].servers * 985);
	assert_true(totals[0].also_blocked * 100 >= totals[0].blocked * 98);
	assert_true(totals[0].in_time * 100 >= totals[0].blocked * 95);
	assert_true(totals[0].blocked_only_here * 200 <= totals[0].servers);
	assert_true(totals[1].also_blocked * 100 >= totals[1].blocked * 90);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_history_is_faithful),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
