/* SPDX-License-Identifier: ISC */
/*
 * IP datagrams that were divided, put together again; see fragment.h.  bulkhead-sensor, replay.
 */
#include "sensor/fragment.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define UNIT	   8u /* bytes: offsets count in them */
#define UNITS	   ((FRAGMENT_DATAGRAM_MAX + UNIT - 1) / UNIT)
#define HEADER_MAX 40u /* an IPv6 header; IPv4's 20 bytes stand at its end */
#define IPV4_SIZE  20u
#define KEY_IPV6   256u /* no protocol of IPv4 */

enum slot_state { SLOT_FREE, SLOT_OPEN, SLOT_REFUSED, SLOT_WHOLE };

/* What all pieces of a datagram have in common. */
struct slot_key {
	struct addr src, dst;
	uint32_t id, ifindex; /* each interface that the datagram crosses shows all of its pieces */
	uint32_t protocol;    /* IPv6: KEY_IPV6, only the first piece tells it */
};

struct slot {
	struct slot_key key;
	int64_t first_ns;
	uint32_t total; /* bytes, when the last piece is there; else 0 */
	uint32_t units; /* of them that came */
	uint32_t end;	/* of the farthest piece */
	uint32_t
	    captured;	  /* where the first piece that the capture has cut ends; else UINT32_MAX */
	uint8_t state;	  /* enum slot_state */
	uint8_t protocol; /* of the first piece */
};

struct room {
	uint8_t header[HEADER_MAX];
	uint8_t data[UNITS * UNIT];
	uint8_t have[(UNITS + 7) / 8];
};

struct fragments {
	struct slot slots[FRAGMENT_SLOTS];
	struct room *rooms;
	unsigned open, whole; /* slots in use by state: open or refused, whole */
	struct fragment_stats stats;
};

int
fragments_new(struct fragments **out)
{
	struct fragments *all = calloc(1, sizeof(*all));
	size_t size = FRAGMENT_SLOTS * sizeof(struct room);

	if (all == NULL)
		return -ENOMEM;
	void *rooms = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (rooms == MAP_FAILED) {
		free(all);
		return -ENOMEM;
	}
	all->rooms = rooms;
	all->stats.memory_bytes = sizeof(*all) + size;
	*out = all;
	return 0;
}

void
fragments_free(struct fragments *all)
{
	if (all == NULL)
		return;
	munmap(all->rooms, FRAGMENT_SLOTS * sizeof(struct room));
	free(all);
}

void
fragments_get_stats(const struct fragments *all, struct fragment_stats *out)
{
	*out = all->stats;
}

/* --- slots --- */

static void
give_up(struct fragments *all, struct slot *slot)
{
	all->stats.lost += slot->state == SLOT_OPEN;
	slot->state = SLOT_FREE;
	all->open--;
}

static bool
is_stale(const struct slot *slot, int64_t now_ns)
{
	return now_ns > slot->first_ns &&
	       (uint64_t)now_ns - (uint64_t)slot->first_ns > FRAGMENT_WAIT_NS;
}

static bool
is_in_progress(const struct slot *slot)
{
	return slot->state == SLOT_OPEN || slot->state == SLOT_REFUSED;
}

/* Whose it is: the tap's, or where that is not known, the source's. */
static bool
same_sender(const struct slot_key *a, const struct slot_key *b)
{
	return a->ifindex == b->ifindex && (a->ifindex != 0 || addr_equal(&a->src, &b->src));
}

/* A place for a new datagram: of a sender that has its share the oldest of its own, else a free one, else the
 * oldest of all. */
static struct slot *
make_room(struct fragments *all, const struct slot_key *key)
{
	struct slot *empty = NULL, *oldest = NULL, *own = NULL;
	unsigned owned = 0;

	for (unsigned i = 0; i < FRAGMENT_SLOTS; i++) {
		struct slot *slot = &all->slots[i];
		if (slot->state == SLOT_FREE)
			empty = slot;
		if (!is_in_progress(slot))
			continue;
		if (oldest == NULL || slot->first_ns < oldest->first_ns)
			oldest = slot;
		if (!same_sender(&slot->key, key))
			continue;
		owned++;
		if (own == NULL || slot->first_ns < own->first_ns)
			own = slot;
	}
	if (owned < FRAGMENT_SENDER_MAX && empty != NULL)
		return empty;
	struct slot *victim = owned < FRAGMENT_SENDER_MAX ? oldest : own;
	if (victim != NULL)
		give_up(all, victim);
	return victim;
}

/* The place of a datagram of which something came before; NULL when there is none. */
static struct slot *
find_open(struct fragments *all, const struct slot_key *key, int64_t now_ns)
{
	for (unsigned i = 0; i < FRAGMENT_SLOTS && all->open > 0; i++) {
		struct slot *slot = &all->slots[i];
		if (!is_in_progress(slot) || memcmp(&slot->key, key, sizeof(*key)) != 0)
			continue;
		if (!is_stale(slot, now_ns))
			return slot;
		give_up(all, slot);
		break;
	}
	return NULL;
}

static struct slot *
find_slot(struct fragments *all, const struct slot_key *key, int64_t now_ns)
{
	struct slot *slot = find_open(all, key, now_ns);

	if (slot != NULL)
		return slot;
	slot = make_room(all, key);
	if (slot == NULL)
		return NULL;
	memset(slot, 0, sizeof(*slot));
	slot->key = *key;
	slot->first_ns = now_ns;
	slot->captured = UINT32_MAX;
	slot->state = SLOT_OPEN;
	all->open++;
	struct room *room = &all->rooms[slot - all->slots];
	memset(room->have, 0, sizeof(room->have));
	return slot;
}

/* --- pieces --- */

static void
refuse(struct fragments *all, struct slot *slot)
{
	slot->state = SLOT_REFUSED; /* what comes of it later is not taken either */
	all->stats.refused++;
}

/* True when a piece agrees with the end of the datagram, as far as that is known. */
static bool
agrees(const struct slot *slot, const struct frame_fragment *place, uint32_t end)
{
	if (place->more)
		return slot->total == 0 || end < slot->total;
	return slot->total == 0 ? slot->end <= end : slot->total == end;
}

static unsigned
count_units(const struct room *room, uint32_t first, uint32_t after)
{
	unsigned count = 0;

	for (uint32_t i = first; i < after; i++)
		count += (unsigned)room->have[i / 8] >> i % 8 & 1u;
	return count;
}

/* The bytes of a piece that were not there, and its header when it is the first. */
static void
keep(struct slot *slot, struct room *room, const struct frame *frame)
{
	const struct frame_fragment *place = &frame->fragment;
	uint32_t end = place->at + frame->length, first = place->at / UNIT,
		 after = (end + UNIT - 1) / UNIT;

	if (frame->captured > 0)
		memcpy(room->data + place->at, frame->payload, frame->captured);
	for (uint32_t i = first; i < after; i++)
		room->have[i / 8] |= (uint8_t)(1u << i % 8);
	slot->units += after - first;
	if (end > slot->end)
		slot->end = end;
	if (!place->more)
		slot->total = end;
	if (frame->captured < frame->length && place->at + frame->captured < slot->captured)
		slot->captured = place->at + frame->captured;
	if (place->at != 0)
		return;
	bool v4 = frame->l3[0] >> 4 == 4;
	slot->protocol = place->protocol;
	memcpy(room->header + (v4 ? HEADER_MAX - IPV4_SIZE : 0), frame->l3,
	    v4 ? IPV4_SIZE : HEADER_MAX);
}

/* A datagram as if it had never been divided: without options and extension headers before the division. */
static enum frame_kind
finish(struct slot *slot, struct room *room, struct frame *frame)
{
	uint32_t captured = slot->captured < slot->total ? slot->captured : slot->total;
	bool v4 = slot->key.protocol != KEY_IPV6;
	uint32_t size = v4 ? IPV4_SIZE : HEADER_MAX;
	uint8_t *header = room->header + HEADER_MAX - size;
	uint16_t length = htobe16((uint16_t)(v4 ? slot->total + IPV4_SIZE : slot->total));

	if (v4) {
		header[0] = 0x45;
		memcpy(header + 2, &length, sizeof(length));
		memset(header + 6, 0, 2); /* flags and offset */
	} else {
		memcpy(header + 4, &length, sizeof(length));
		header[6] = slot->protocol;
	}
	enum frame_kind kind =
	    frame_parse_datagram(header, size + captured, size + slot->total, frame);
	/* A tunnel may hold a datagram that was divided before it came there; twice is enough. */
	return kind == FRAME_FRAGMENT ? FRAME_OTHER : kind;
}

enum frame_kind
fragments_add(struct fragments *all, struct frame *frame, int64_t now_ns)
{
	const struct frame_fragment *place = &frame->fragment;
	uint32_t end = place->at + frame->length, first = place->at / UNIT,
		 after = (end + UNIT - 1) / UNIT;
	struct slot_key key;

	all->stats.seen += !place->stray;
	if (frame->length == 0 || end > FRAGMENT_DATAGRAM_MAX ||
	    (place->more && frame->length % UNIT != 0))
		return FRAME_MALFORMED;
	memset(&key, 0, sizeof(key)); /* compared by bytes */
	key.src = frame->src;
	key.dst = frame->dst;
	key.id = place->id;
	key.ifindex = frame->ifindex;
	key.protocol = frame->l3[0] >> 4 == 4 ? place->protocol : KEY_IPV6;
	/* Pieces of divided UDP, nearly always: they must not take places. */
	struct slot *slot =
	    place->stray ? find_open(all, &key, now_ns) : find_slot(all, &key, now_ns);
	if (slot == NULL && place->stray)
		return FRAME_OTHER;
	all->stats.seen += place->stray;
	if (slot == NULL || slot->state == SLOT_REFUSED)
		return FRAME_FRAGMENT;
	struct room *room = &all->rooms[slot - all->slots];
	unsigned there = count_units(room, first, after);
	if (!agrees(slot, place, end) || (there > 0 && there < after - first)) {
		refuse(all, slot);
		return FRAME_FRAGMENT;
	}
	if (there > 0)
		return FRAME_FRAGMENT;
	keep(slot, room, frame);
	if (slot->total == 0 || slot->units < (slot->total + UNIT - 1) / UNIT)
		return FRAME_FRAGMENT;
	slot->state = SLOT_WHOLE;
	all->open--;
	all->whole++;
	all->stats.assembled++;
	return finish(slot, room, frame);
}

void
fragments_release(struct fragments *all)
{
	for (unsigned i = 0; i < FRAGMENT_SLOTS && all->whole > 0; i++) {
		if (all->slots[i].state != SLOT_WHOLE)
			continue;
		all->slots[i].state = SLOT_FREE;
		all->whole--;
	}
}

void
fragments_expire(struct fragments *all, int64_t now_ns)
{
	for (unsigned i = 0; i < FRAGMENT_SLOTS && all->open > 0; i++) {
		struct slot *slot = &all->slots[i];
		if (is_in_progress(slot) && is_stale(slot, now_ns))
			give_up(all, slot);
	}
}
