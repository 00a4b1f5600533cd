/* SPDX-License-Identifier: ISC */
/* Counting in fixed memory.  bulkhead-guard, replay. */
#include "policy/tally.h"

#include <string.h>

#include "base/clock.h"

#define SEEN_STEP_NS (16 * CLOCK_SECOND_NS)

int64_t
tally_span_ns(unsigned span)
{
	static const int64_t ns[TALLY_SPAN__COUNT] = {
	    [TALLY_5MIN] = 5 * CLOCK_MINUTE_NS,
	    [TALLY_HOUR] = CLOCK_HOUR_NS,
	    [TALLY_DAY] = CLOCK_DAY_NS,
	};

	return ns[span];
}

unsigned
tally_clock_turn(struct tally_clock *c, unsigned span, int64_t now_ns)
{
	int64_t bucket = now_ns / (tally_span_ns(span) / TALLY_BUCKETS);
	int64_t passed = bucket - c->bucket;

	if (passed == 0 || passed == -1) /* packets of two queues may swap */
		return 0;
	c->bucket = bucket;
	if (passed < 0)
		return 0;
	return passed > TALLY_BUCKETS ? TALLY_BUCKETS : (unsigned)passed;
}

unsigned
tally_clock_index(const struct tally_clock *c)
{
	return (unsigned)((uint64_t)c->bucket % TALLY_BUCKETS);
}

float
tally_ring_turn(struct tally_ring *r, unsigned index, unsigned passed)
{
	float sum = 0;

	for (unsigned i = 0; i < passed; i++)
		r->bucket[(index + TALLY_BUCKETS - i) % TALLY_BUCKETS] = 0;
	for (unsigned i = 0; i < TALLY_BUCKETS; i++)
		sum += r->bucket[i];
	return sum;
}

static uint32_t
seen_tag(uint64_t key)
{
	uint32_t tag = (uint32_t)(key >> 49); /* 15 bits; the set comes from the low ones */

	return tag == 0 ? 1 : tag;
}

static struct tally_seen_answer
seen_answer(uint32_t entry, int64_t now_ns)
{
	struct tally_seen_answer answer = {.age_ns = -1};
	uint16_t steps = (uint16_t)((uint64_t)(now_ns / SEEN_STEP_NS) - entry);
	/* A little "in the future" is a packet that overtook another. */
	int64_t age = steps >= UINT16_MAX - 8 ? 0 : (int64_t)steps * SEEN_STEP_NS;

	if (age > CLOCK_DAY_NS)
		return answer;
	answer.age_ns = age;
	answer.flagged = (entry >> 16 & 1) != 0;
	return answer;
}

/* The way that holds the tag, or -1; *victim is where a new one goes. */
static int
seen_find(const uint32_t *set, uint32_t tag, int64_t now_ns, unsigned *victim)
{
	uint16_t now = (uint16_t)(now_ns / SEEN_STEP_NS);
	uint16_t oldest = 0;

	*victim = 0;
	for (unsigned i = 0; i < TALLY_SEEN_WAYS; i++) {
		uint16_t age = (uint16_t)(now - set[i]);

		if (set[i] != 0 && set[i] >> 17 == tag)
			return (int)i;
		if (set[i] == 0)
			age = UINT16_MAX - 8;
		else if (age > UINT16_MAX - 8)
			age = 0;
		if (age >= oldest) {
			oldest = age;
			*victim = i;
		}
	}
	return -1;
}

struct tally_seen_answer
tally_seen_peek(const struct tally_seen *s, uint64_t key, int64_t now_ns)
{
	struct tally_seen_answer unseen = {.age_ns = -1};
	const uint32_t *set = s->entry[key % TALLY_SEEN_SETS];
	unsigned victim;
	int way = seen_find(set, seen_tag(key), now_ns, &victim);

	return way < 0 ? unseen : seen_answer(set[way], now_ns);
}

struct tally_seen_answer
tally_seen_touch(struct tally_seen *s, uint64_t key, int64_t now_ns, bool flag)
{
	struct tally_seen_answer answer = {.age_ns = -1};
	uint32_t *set = s->entry[key % TALLY_SEEN_SETS];
	unsigned victim;
	uint32_t tag = seen_tag(key);
	int way = seen_find(set, tag, now_ns, &victim);

	if (way >= 0) {
		answer = seen_answer(set[way], now_ns);
		victim = (unsigned)way;
	}
	set[victim] = tag << 17 | (flag ? 1u << 16 : 0) | (uint16_t)(now_ns / SEEN_STEP_NS);
	return answer;
}

void
tally_seen_prefetch(const struct tally_seen *s, uint64_t key)
{
	__builtin_prefetch(s->entry[key % TALLY_SEEN_SETS], 1);
}

bool
tally_seen_is_new(struct tally_seen *s, uint64_t key, int64_t now_ns, int64_t within_ns)
{
	struct tally_seen_answer a = tally_seen_touch(s, key, now_ns, false);

	return a.age_ns < 0 || a.age_ns >= within_ns;
}

static bool
distinct_is_sampled(uint32_t value, unsigned level)
{
	return level == 0 || value >> (32 - level) == 0;
}

static void
distinct_insert(struct tally_distinct *d, uint32_t value)
{
	unsigned i = value % TALLY_DISTINCT_SLOTS;

	while (d->slot[i] != 0) {
		if (d->slot[i] == value)
			return;
		i = (i + 1) % TALLY_DISTINCT_SLOTS;
	}
	d->slot[i] = value;
	d->used++;
}

void
tally_distinct_prefetch(const struct tally_distinct *d, uint64_t key)
{
	__builtin_prefetch(&d->used, 1);
	__builtin_prefetch(&d->slot[(uint32_t)key % TALLY_DISTINCT_SLOTS], 1);
}

void
tally_distinct_add(struct tally_distinct *d, uint64_t key)
{
	uint32_t value = (uint32_t)key == 0 ? 1 : (uint32_t)key;
	uint32_t old[TALLY_DISTINCT_SLOTS];

	if (!distinct_is_sampled(value, d->level))
		return;
	distinct_insert(d, value);
	while (d->used > TALLY_DISTINCT_EXACT && d->level < 31) {
		memcpy(old, d->slot, sizeof(old));
		memset(d->slot, 0, sizeof(d->slot));
		d->used = 0;
		d->level++;
		for (unsigned i = 0; i < TALLY_DISTINCT_SLOTS; i++)
			if (old[i] != 0 && distinct_is_sampled(old[i], d->level))
				distinct_insert(d, old[i]);
	}
}

uint32_t
tally_distinct_count(const struct tally_distinct *d)
{
	uint64_t n = (uint64_t)d->used << d->level;

	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t
mix(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t
tally_key(unsigned kind, uint64_t value)
{
	return mix(value + ((uint64_t)kind + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t
tally_hash_addr(const struct addr *a)
{
	uint64_t half[2];

	memcpy(half, a->bytes, sizeof(half));
	return mix(mix(half[0] + UINT64_C(0x9e3779b97f4a7c15)) ^ half[1]);
}

/* FNV-1a, then mixed: the texts are domains, at most 79 bytes. */
uint64_t
tally_hash_text(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return mix(h);
}
