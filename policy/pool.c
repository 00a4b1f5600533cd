/* SPDX-License-Identifier: ISC */
/* Mailings that several servers send together.  bulkhead-guard, replay. */
#include "policy/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policy/window_private.h"

struct pool_campaign {
	struct window_campaign like; /* its hour counts all members */
	struct tally_ring five;
	float five_sum;
	uint64_t members[POOL_MEMBERS_MAX]; /* since the campaign began */
	unsigned member_count;
	uint32_t serial; /* 0 = empty */
};

struct pool {
	uint64_t key;
	struct tally_clock clock_five, clock_hour;
	uint32_t serial;
	unsigned room;
	struct pool_campaign campaign[];
};

struct pool *
pool_new(uint64_t key, unsigned campaigns)
{
	struct pool *p = calloc(1, sizeof(*p) + campaigns * sizeof(p->campaign[0]));

	if (p == NULL)
		return NULL;
	p->key = key;
	p->room = campaigns;
	return p;
}

void
pool_free(struct pool *p)
{
	free(p);
}

uint64_t
pool_key(const struct pool *p)
{
	return p->key;
}

static void
pool_turn(struct pool *p, int64_t now_ns)
{
	unsigned five = tally_clock_turn(&p->clock_five, TALLY_5MIN, now_ns);
	unsigned hour = tally_clock_turn(&p->clock_hour, TALLY_HOUR, now_ns);

	for (unsigned i = 0; (five > 0 || hour > 0) && i < p->room; i++) {
		struct pool_campaign *k = &p->campaign[i];

		if (k->serial == 0)
			continue;
		if (five > 0)
			k->five_sum =
			    tally_ring_turn(&k->five, tally_clock_index(&p->clock_five), five);
		if (hour > 0)
			k->like.sum =
			    tally_ring_turn(&k->like.hour, tally_clock_index(&p->clock_hour), hour);
		if (k->like.sum <= 0)
			memset(k, 0, sizeof(*k));
	}
}

static struct pool_campaign *
pool_place(struct pool *p, const struct window_campaign *m)
{
	struct pool_campaign *k = &p->campaign[0];

	for (unsigned i = 0; i < p->room; i++) {
		struct pool_campaign *c = &p->campaign[i];

		if (c->serial != 0 && window_campaign_fits(&c->like, m))
			return c;
		if (c->like.sum < k->like.sum)
			k = c;
	}
	memset(k, 0, sizeof(*k));
	k->like = *m;
	memset(&k->like.hour, 0, sizeof(k->like.hour));
	k->like.sum = 0;
	p->serial += p->serial == UINT32_MAX ? 2 : 1;
	k->serial = p->serial;
	return k;
}

struct pool_ref
pool_add(struct pool *p, const struct window_campaign *m, double n, uint64_t member, int64_t now_ns)
{
	struct pool_campaign *k;
	bool known = false;

	pool_turn(p, now_ns);
	k = pool_place(p, m);
	k->five.bucket[tally_clock_index(&p->clock_five)] += (float)n;
	k->five_sum += (float)n;
	k->like.hour.bucket[tally_clock_index(&p->clock_hour)] += (float)n;
	k->like.sum += (float)n;
	k->like.declared = k->like.declared || m->declared;
	for (unsigned i = 0; i < k->member_count; i++)
		known = known || k->members[i] == member;
	if (!known && k->member_count < POOL_MEMBERS_MAX)
		k->members[k->member_count++] = member;
	return (struct pool_ref){(uint32_t)(k - p->campaign), k->serial};
}

struct pool_view
pool_get(struct pool *p, struct pool_ref ref, int64_t now_ns)
{
	struct pool_view view = {0};
	const struct pool_campaign *k;

	if (p == NULL || ref.serial == 0 || ref.slot >= p->room)
		return view;
	pool_turn(p, now_ns);
	k = &p->campaign[ref.slot];
	if (k->serial != ref.serial)
		return view;
	view.five = (double)k->five_sum;
	view.hour = (double)k->like.sum;
	view.members = k->member_count;
	view.kind = k->like.kind;
	view.declared = k->like.declared;
	return view;
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
