/* SPDX-License-Identifier: ISC */
/*
 * The flow table; see flow.h.  bulkhead-sensor, replay.
 */
#include "sensor/flow.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/hash.h"

#define WHEEL_BUCKETS  1024 /* seconds; longer than every time-out */
#define VICTIM_SAMPLES 64

static_assert(sizeof(struct flow_key) % 8 == 0, "keys are compared by words");
static_assert(sizeof(struct flow) <= 256, "the flow record must stay within four cache lines");

struct slot {
	uint32_t tag;	/* the hash; its low bits are the slot's home */
	uint32_t index; /* of the record, 0 = empty */
};

struct flow_table {
	struct slot *slots;
	struct flow *flows;	   /* [0] is never used */
	uint32_t mask;		   /* slots - 1 */
	uint32_t max, count, used; /* records beyond `used` were never touched */
	uint32_t free;
	uint32_t hand; /* where the next sample of victims begins */
	uint64_t seed;
	int64_t wheel_second; /* whose bucket is being emptied */
	uint32_t wheel[WHEEL_BUCKETS];
	uint64_t memory_bytes;
};

static void *
reserve(struct flow_table *t, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* Big pages save most of the TLB misses of a large table; not having them is no error. */
	(void)madvise(p, size, MADV_HUGEPAGE);
	t->memory_bytes += size;
	return p;
}

static size_t
slots_size(const struct flow_table *t)
{
	return ((size_t)t->mask + 1) * sizeof(t->slots[0]);
}

static size_t
flows_size(const struct flow_table *t)
{
	return ((size_t)t->max + 1) * sizeof(t->flows[0]);
}

int
flow_table_new(struct flow_table **out, uint32_t flows_max, uint64_t seed)
{
	struct flow_table *t = calloc(1, sizeof(*t));
	uint32_t slots = 128;

	if (t == NULL)
		return -ENOMEM;
	while (slots < 2 * flows_max)
		slots *= 2;
	t->mask = slots - 1;
	t->max = flows_max;
	t->used = 1;
	t->seed = seed;
	t->slots = reserve(t, slots_size(t));
	t->flows = reserve(t, flows_size(t));
	if (t->slots == NULL || t->flows == NULL) {
		flow_table_free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

void
flow_table_free(struct flow_table *t)
{
	if (t == NULL)
		return;
	if (t->slots != NULL)
		munmap(t->slots, slots_size(t));
	if (t->flows != NULL)
		munmap(t->flows, flows_size(t));
	free(t);
}

/* Whether a is above b; any order will do that is the same for both directions. */
static inline bool
is_above(const struct addr *a, const struct addr *b)
{
	uint64_t x[2], y[2];

	memcpy(x, a->bytes, sizeof(x));
	memcpy(y, b->bytes, sizeof(y));
	return x[1] != y[1] ? be64toh(x[1]) > be64toh(y[1]) : be64toh(x[0]) > be64toh(y[0]);
}

bool
flow_key_from_frame(struct flow_key *key, const struct frame *frame, uint32_t scope)
{
	bool high = is_above(&frame->src, &frame->dst) ||
		    (frame->src_port > frame->dst_port && !is_above(&frame->dst, &frame->src));
	const struct addr *low_addr = high ? &frame->dst : &frame->src;
	const struct addr *high_addr = high ? &frame->src : &frame->dst;

	key->low = *low_addr;
	key->high = *high_addr;
	key->low_port = high ? frame->dst_port : frame->src_port;
	key->high_port = high ? frame->src_port : frame->dst_port;
	key->scope = scope;
	return high;
}

/* memcmp() of a fixed size, but without the call. */
static inline bool
is_same_key(const struct flow_key *a, const struct flow_key *b)
{
	uint64_t x[sizeof(*a) / 8], y[sizeof(*a) / 8], different = 0;

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	for (unsigned i = 0; i < sizeof(*a) / 8; i++)
		different |= x[i] ^ y[i];
	return different == 0;
}

uint32_t
flow_hash(const struct flow_table *t, const struct flow_key *key)
{
	return (uint32_t)hash_table(t->seed, key, sizeof(*key));
}

void
flow_prefetch_slot(const struct flow_table *t, uint32_t hash)
{
	__builtin_prefetch(&t->slots[hash & t->mask]);
}

void
flow_prefetch_record(const struct flow_table *t, uint32_t hash)
{
	const struct slot *slot = &t->slots[hash & t->mask];

	/* Only the home slot: nearly all are there, and a miss costs no more than without prefetch.
	 */
	if (slot->tag != hash)
		return;
	const char *record = (const char *)&t->flows[slot->index];
	__builtin_prefetch(record);
	__builtin_prefetch(record + 64);
	__builtin_prefetch(record + 128);
	__builtin_prefetch(record + 192);
}

struct flow *
flow_find(const struct flow_table *t, const struct flow_key *key, uint32_t hash)
{
	for (uint32_t i = hash & t->mask; t->slots[i].index != 0; i = (i + 1) & t->mask) {
		if (t->slots[i].tag != hash)
			continue;
		struct flow *f = &t->flows[t->slots[i].index];
		if (is_same_key(&f->key, key))
			return f;
	}
	return NULL;
}

struct flow *
flow_add(struct flow_table *t, const struct flow_key *key, uint32_t hash)
{
	uint32_t index = t->free, i = hash & t->mask;

	if (index != 0)
		t->free = t->flows[index].wheel_next;
	else if (t->used <= t->max)
		index = t->used++;
	else
		return NULL;
	while (t->slots[i].index != 0)
		i = (i + 1) & t->mask;
	t->slots[i] = (struct slot){.tag = hash, .index = index};
	t->count++;
	struct flow *f = &t->flows[index];
	memset(f, 0, sizeof(*f));
	f->key = *key;
	return f;
}

static void
wheel_unlink(struct flow_table *t, struct flow *f)
{
	if (f->wheel_bucket == 0)
		return;
	if (f->wheel_previous != 0)
		t->flows[f->wheel_previous].wheel_next = f->wheel_next;
	else
		t->wheel[f->wheel_bucket - 1] = f->wheel_next;
	if (f->wheel_next != 0)
		t->flows[f->wheel_next].wheel_previous = f->wheel_previous;
	f->wheel_bucket = 0;
	f->wheel_next = f->wheel_previous = 0;
}

void
flow_remove(struct flow_table *t, struct flow *f)
{
	uint32_t index = (uint32_t)(f - t->flows);
	uint32_t hole = flow_hash(t, &f->key) & t->mask;

	while (t->slots[hole].index != index)
		hole = (hole + 1) & t->mask;
	/* Back-shift: an entry moves into the hole unless the hole lies before its home. */
	for (uint32_t i = (hole + 1) & t->mask; t->slots[i].index != 0; i = (i + 1) & t->mask) {
		uint32_t home = t->slots[i].tag & t->mask;
		if (((i - home) & t->mask) < ((i - hole) & t->mask))
			continue;
		t->slots[hole] = t->slots[i];
		hole = i;
	}
	t->slots[hole].index = 0;
	t->slots[hole].tag = 0;
	wheel_unlink(t, f);
	memset(f, 0, sizeof(*f));
	f->wheel_next = t->free;
	t->free = index;
	t->count--;
}

struct flow *
flow_pick_victim(struct flow_table *t, const struct addr *client)
{
	struct flow *best = NULL;
	unsigned best_rank = 0;

	for (unsigned i = 0; i < VICTIM_SAMPLES; i++) {
		t->hand = t->hand % t->max + 1;
		if (t->hand >= t->used || t->flows[t->hand].state == FLOW_FREE)
			continue;
		struct flow *f = &t->flows[t->hand];
		bool same = addr_equal(flow_client(f), client);
		bool idle = f->state != FLOW_OPEN && f->state != FLOW_SYN_ACKED;
		unsigned rank = f->state == FLOW_CLOSED ? 5 : 1 + same + 2u * idle;
		if (rank > best_rank ||
		    (rank == best_rank && flow_last_ns(f) < flow_last_ns(best))) {
			best = f;
			best_rank = rank;
		}
	}
	return best;
}

void
flow_schedule(struct flow_table *t, struct flow *f, int64_t deadline_ns)
{
	int64_t second = deadline_ns / CLOCK_SECOND_NS + 1;

	if (second <= t->wheel_second)
		second = t->wheel_second + 1;
	if (second >= t->wheel_second + WHEEL_BUCKETS)
		second = t->wheel_second + WHEEL_BUCKETS - 1;
	wheel_unlink(t, f);
	uint32_t bucket = (uint32_t)(second % WHEEL_BUCKETS), index = (uint32_t)(f - t->flows);
	f->wheel_bucket = (uint16_t)(bucket + 1);
	f->wheel_next = t->wheel[bucket];
	if (f->wheel_next != 0)
		t->flows[f->wheel_next].wheel_previous = index;
	t->wheel[bucket] = index;
}

struct flow *
flow_expired(struct flow_table *t, int64_t now_ns)
{
	int64_t second = now_ns / CLOCK_SECOND_NS;

	/* Without flows there is nothing to turn; and after two turns nothing old is left. */
	if (t->count == 0 && second > t->wheel_second)
		t->wheel_second = second;
	if (t->wheel_second < second - 2 * WHEEL_BUCKETS)
		t->wheel_second = second - 2 * WHEEL_BUCKETS;
	for (;;) {
		uint32_t index = t->wheel[t->wheel_second % WHEEL_BUCKETS];
		if (index != 0) {
			wheel_unlink(t, &t->flows[index]);
			return &t->flows[index];
		}
		if (t->wheel_second >= second)
			return NULL;
		t->wheel_second++;
	}
}

struct flow *
flow_next(const struct flow_table *t, uint32_t *cursor)
{
	while (++*cursor < t->used)
		if (t->flows[*cursor].state != FLOW_FREE)
			return &t->flows[*cursor];
	return NULL;
}

uint32_t
flow_count(const struct flow_table *t)
{
	return t->count;
}

uint64_t
flow_memory(const struct flow_table *t)
{
	return t->memory_bytes;
}

const struct addr *
flow_client(const struct flow *f)
{
	return (f->flags & FLOW_F_CLIENT_HIGH) != 0 ? &f->key.high : &f->key.low;
}

const struct addr *
flow_server(const struct flow *f)
{
	return (f->flags & FLOW_F_CLIENT_HIGH) != 0 ? &f->key.low : &f->key.high;
}

uint16_t
flow_client_port(const struct flow *f)
{
	return (f->flags & FLOW_F_CLIENT_HIGH) != 0 ? f->key.high_port : f->key.low_port;
}

uint16_t
flow_server_port(const struct flow *f)
{
	return (f->flags & FLOW_F_CLIENT_HIGH) != 0 ? f->key.low_port : f->key.high_port;
}

int64_t
flow_last_ns(const struct flow *f)
{
	return f->first_ns + f->last_ms * INT64_C(1000000);
}

void
flow_touch(struct flow *f, int64_t now_ns)
{
	int64_t ms = (now_ns - f->first_ns) / 1000000;

	if (ms > f->last_ms)
		f->last_ms = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}
