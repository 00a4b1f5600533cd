/* SPDX-License-Identifier: ISC */
/* Mailings that several servers send together.  bulkhead-guard, replay. */
#include "policy/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policy/window_private.h"

/* Evidence about a campaign's recipients, beyond every bound. */
#define POINTS_MAX 40.0F

/* What else is known of a campaign; `face` beside it is what a message is compared with. */
struct pool_campaign {
	struct tally_ring five, hour;
	float five_sum;
	float points, trials;
	int64_t points_ns;
	uint64_t members[POOL_MEMBERS_MAX]; /* since the campaign began */
	unsigned member_count;
	uint32_t serial; /* 0 = empty */
};

struct pool {
	uint64_t key;
	struct tally_clock clock_five, clock_hour;
	uint32_t serial;
	unsigned room;
	struct window_campaign *face; /* room of them, together: each message looks at all */
	struct pool_campaign campaign[];
};

struct pool *
pool_new(uint64_t key, unsigned campaigns)
{
	size_t body = sizeof(struct pool) + campaigns * sizeof(struct pool_campaign);
	struct pool *p = calloc(1, body + campaigns * sizeof(struct window_campaign));

	if (p == NULL)
		return NULL;
	p->key = key;
	p->room = campaigns;
	p->face = (struct window_campaign *)(void *)&p->campaign[campaigns];
	return p;
}

void
pool_free(struct pool *p)
{
	free(p);
}

static void
pool_turn(struct pool *p, int64_t now_ns)
{
	unsigned five, hour;

	/* As in window_turn(). */
	if (now_ns / (5 * CLOCK_MINUTE_NS / TALLY_BUCKETS) == p->clock_five.bucket)
		return;
	five = tally_clock_turn(&p->clock_five, TALLY_5MIN, now_ns);
	hour = tally_clock_turn(&p->clock_hour, TALLY_HOUR, now_ns);

	for (unsigned i = 0; (five > 0 || hour > 0) && i < p->room; i++) {
		struct pool_campaign *k = &p->campaign[i];

		if (k->serial == 0)
			continue;
		if (five > 0)
			k->five_sum =
			    tally_ring_turn(&k->five, tally_clock_index(&p->clock_five), five);
		if (hour > 0)
			p->face[i].sum =
			    tally_ring_turn(&k->hour, tally_clock_index(&p->clock_hour), hour);
		if (p->face[i].sum <= 0) {
			memset(k, 0, sizeof(*k));
			memset(&p->face[i], 0, sizeof(p->face[i]));
		}
	}
}

static unsigned
pool_place(struct pool *p, const struct window_campaign *m)
{
	unsigned least = 0;

	for (unsigned i = 0; i < p->room; i++) {
		if (p->face[i].kind == m->kind && window_campaign_fits(&p->face[i], m))
			return i;
		if (p->face[i].sum < p->face[least].sum)
			least = i;
	}
	memset(&p->campaign[least], 0, sizeof(p->campaign[0]));
	p->face[least] = *m;
	p->face[least].sum = 0;
	p->serial += p->serial == UINT32_MAX ? 2 : 1;
	p->campaign[least].serial = p->serial;
	return least;
}

struct pool_ref
pool_add(struct pool *p, const struct window_campaign *m, double n, uint64_t member, int64_t now_ns)
{
	struct pool_campaign *k;
	bool known = false;
	unsigned slot;

	pool_turn(p, now_ns);
	slot = pool_place(p, m);
	k = &p->campaign[slot];
	k->five.bucket[tally_clock_index(&p->clock_five)] += (float)n;
	k->five_sum += (float)n;
	k->hour.bucket[tally_clock_index(&p->clock_hour)] += (float)n;
	p->face[slot].sum += (float)n;
	p->face[slot].declared = p->face[slot].declared || m->declared;
	for (unsigned i = 0; i < k->member_count; i++)
		known = known || k->members[i] == member;
	if (!known && k->member_count < POOL_MEMBERS_MAX)
		k->members[k->member_count++] = member;
	return (struct pool_ref){slot, k->serial};
}

static struct pool_campaign *
pool_find(struct pool *p, struct pool_ref ref)
{
	if (p == NULL || ref.serial == 0 || ref.slot >= p->room ||
	    p->campaign[ref.slot].serial != ref.serial)
		return NULL;
	return &p->campaign[ref.slot];
}

void
pool_note(struct pool *p, struct pool_ref ref, const struct window_existence *seen, int64_t now_ns,
    int64_t half_life_ns)
{
	struct pool_campaign *k = pool_find(p, ref);

	if (k == NULL)
		return;
	if (k->points > 0 && now_ns > k->points_ns)
		k->points *= (float)exp2(-(double)(now_ns - k->points_ns) / (double)half_life_ns);
	k->points = fminf(POINTS_MAX, fmaxf(0, k->points + seen->points));
	k->points_ns = now_ns;
	k->trials += seen->trials;
}

struct pool_view
pool_get(struct pool *p, struct pool_ref ref, int64_t now_ns)
{
	struct pool_view view = {0};
	const struct pool_campaign *k = pool_find(p, ref);

	if (k == NULL)
		return view;
	pool_turn(p, now_ns);
	if (k->serial != ref.serial) /* it ended with this turn */
		return view;
	view.five = (double)k->five_sum;
	view.hour = (double)p->face[ref.slot].sum;
	view.points = (double)k->points;
	view.trials = (double)k->trials;
	view.members = k->member_count;
	view.kind = p->face[ref.slot].kind;
	view.declared = p->face[ref.slot].declared;
	return view;
}

/* The place of a name in its set: its own, else an empty or forgotten one, else the one of the
 * fewest tenants. */
static struct pool_name *
names_place(struct pool_name *set, uint64_t name, int64_t now_ns)
{
	struct pool_name *least = &set[0];

	for (unsigned i = 0; i < POOL_NAME_WAYS; i++) {
		struct pool_name *k = &set[i];

		if (k->name != 0 && now_ns - k->time_ns > CLOCK_DAY_NS)
			memset(k, 0, sizeof(*k));
		if (k->name == name)
			return k;
		if (k->count < least->count)
			least = k;
	}
	memset(least, 0, sizeof(*least));
	least->name = name;
	return least;
}

unsigned
pool_names_add(struct pool_names *n, uint64_t name, uint64_t tenant, int64_t now_ns)
{
	struct pool_name *k = names_place(n->set[name % POOL_NAME_SETS], name, now_ns);
	bool known = false;

	for (unsigned i = 0; i < k->count; i++)
		known = known || k->tenants[i] == tenant;
	if (!known && k->count < POOL_NAME_TENANTS)
		k->tenants[k->count++] = tenant;
	k->time_ns = now_ns;
	return k->count;
}

static struct pool **
table_place(struct pool **slot, size_t room, uint64_t key)
{
	size_t i = key & (room - 1);

	while (slot[i] != NULL && slot[i]->key != key)
		i = (i + 1) & (room - 1);
	return &slot[i];
}

struct pool *
pool_table_take(struct pool_table *t, uint64_t key, unsigned campaigns)
{
	struct pool **place;

	if (2 * (t->count + 1) > t->room) {
		size_t room = t->room == 0 ? 64 : 2 * t->room;
		struct pool **slot = calloc(room, sizeof(struct pool *));

		if (slot == NULL)
			return NULL;
		for (size_t i = 0; i < t->room; i++)
			if (t->slot[i] != NULL)
				*table_place(slot, room, t->slot[i]->key) = t->slot[i];
		free(t->slot);
		t->slot = slot;
		t->room = room;
	}
	place = table_place(t->slot, t->room, key);
	if (*place == NULL) {
		*place = pool_new(key, campaigns);
		t->count += *place != NULL;
	}
	return *place;
}

void
pool_table_fini(struct pool_table *t)
{
	for (size_t i = 0; i < t->room; i++)
		pool_free(t->slot[i]);
	free(t->slot);
	*t = (struct pool_table){0};
}
