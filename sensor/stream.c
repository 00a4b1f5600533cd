/* SPDX-License-Identifier: ISC */
/*
 * One direction of a TCP connection, put in order; see stream.h.  bulkhead-sensor, replay.
 */
#include "sensor/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PIECE_BYTES    1520 /* of payload: an Ethernet packet fits in one piece */
#define MARKED_WAITING 3    /* segments behind an acknowledged hole that end the wait for it */

struct piece {
	uint32_t link; /* next waiting, or next free; 0 = none */
	uint32_t seq, length;
	uint16_t captured;
	bool fin;
	uint8_t data[PIECE_BYTES];
};

struct stream_pool {
	struct piece *pieces; /* [0] is never used */
	uint32_t count, free;
	struct stream_stats stats;
};

int
stream_pool_new(struct stream_pool **out, uint32_t pieces)
{
	struct stream_pool *pool = calloc(1, sizeof(*pool));
	size_t size = ((size_t)pieces + 1) * sizeof(struct piece);

	if (pool == NULL)
		return -ENOMEM;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		free(pool);
		return -ENOMEM;
	}
	pool->pieces = memory;
	pool->count = 1; /* pieces beyond it were never used */
	pool->stats.memory_bytes = size;
	*out = pool;
	return 0;
}

void
stream_pool_free(struct stream_pool *pool)
{
	if (pool == NULL)
		return;
	munmap(pool->pieces, pool->stats.memory_bytes);
	free(pool);
}

void
stream_pool_get_stats(const struct stream_pool *pool, struct stream_stats *out)
{
	*out = pool->stats;
}

/* Index of a piece, 0 when there is none.  Untouched memory stays untouched as long as possible. */
static uint32_t
piece_take(struct stream_pool *pool)
{
	uint32_t index = pool->free;

	if (index != 0) {
		pool->free = pool->pieces[index].link;
		return index;
	}
	if ((size_t)pool->count * sizeof(struct piece) >= pool->stats.memory_bytes)
		return 0;
	return pool->count++;
}

static void
piece_give(struct stream_pool *pool, uint32_t index)
{
	pool->pieces[index].link = pool->free;
	pool->free = index;
}

static inline int32_t
ahead_of(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static void
count_bytes(struct stream *s, int64_t n)
{
	uint64_t bytes = stream_bytes(s) + (uint64_t)n;

	s->bytes_low = (uint32_t)bytes;
	s->bytes_high = (uint16_t)(bytes >> 32);
}

uint64_t
stream_bytes(const struct stream *s)
{
	return (uint64_t)s->bytes_high << 32 | s->bytes_low;
}

uint32_t
stream_isn(const struct stream *s)
{
	return s->next - s->bytes_low - 1 - ((s->flags & STREAM_FIN) != 0);
}

void
stream_start(struct stream *s, uint32_t next)
{
	s->next = next;
	s->flags |= STREAM_KNOWN;
}

/* Delivers a segment that begins at or before `next`; what was delivered before is cut off. */
static void
deliver(struct stream_pool *pool, struct stream *s, const struct stream_segment *segment,
    stream_sink_fn sink, void *arg)
{
	uint32_t old = s->next - segment->seq;

	if ((s->flags & STREAM_FIN) != 0 || old > segment->length ||
	    (old == segment->length && !segment->fin)) {
		pool->stats.retransmitted +=
		    segment->length > 1; /* one old byte is a keep-alive probe */
		return;
	}
	uint32_t seen = old < segment->captured ? old : segment->captured;
	uint32_t length = segment->length - old;
	s->flags &= (uint8_t) ~(STREAM_FRESH | STREAM_MARKED);
	s->next += length + segment->fin;
	if (segment->fin)
		s->flags |= STREAM_FIN;
	if (length == 0)
		return;
	count_bytes(s, length);
	sink(arg, segment->data + seen, segment->captured - seen, length);
}

/* Delivers the waiting pieces that are in order now. */
static void
drain(struct stream_pool *pool, struct stream *s, stream_sink_fn sink, void *arg)
{
	while (s->waiting != 0) {
		uint32_t index = s->waiting;
		struct piece *p = &pool->pieces[index];
		if (ahead_of(p->seq, s->next) > 0)
			return;
		struct stream_segment segment = {.seq = p->seq,
		    .data = p->data,
		    .captured = p->captured,
		    .length = p->length,
		    .fin = p->fin};
		s->waiting = p->link;
		s->waiting_count--;
		deliver(pool, s, &segment, sink, arg);
		piece_give(pool, index);
	}
}

/* Declares lost what is missing before `limit`, and delivers what waits on the way. */
static void
lose_until(
    struct stream_pool *pool, struct stream *s, uint32_t limit, stream_sink_fn sink, void *arg)
{
	while (ahead_of(limit, s->next) > 0 && (s->flags & STREAM_FIN) == 0) {
		uint32_t end = limit;
		if (s->waiting != 0 && ahead_of(limit, pool->pieces[s->waiting].seq) > 0)
			end = pool->pieces[s->waiting].seq;
		uint32_t n = end - s->next;
		s->flags = (uint8_t)((s->flags & ~STREAM_MARKED) | STREAM_FRESH);
		s->mark = s->next;
		s->next = end;
		count_bytes(s, n);
		pool->stats.gaps++;
		pool->stats.gap_bytes += n;
		sink(arg, NULL, 0, n);
		drain(pool, s, sink, arg);
	}
}

/* Puts one piece of a segment in its place.  Returns 0, or -ENOMEM. */
static int
wait_piece(struct stream_pool *pool, struct stream *s, uint32_t seq, const uint8_t *data,
    uint32_t captured, uint32_t length, bool fin)
{
	uint32_t *link = &s->waiting;

	while (*link != 0 && ahead_of(pool->pieces[*link].seq, seq) <= 0) {
		struct piece *p = &pool->pieces[*link];
		if (ahead_of(seq + length, p->seq + p->length) <= 0 && (!fin || p->fin)) {
			pool->stats.retransmitted++;
			return 0;
		}
		link = &p->link;
	}
	uint32_t index = s->waiting_count < STREAM_WAITING_MAX ? piece_take(pool) : 0;
	if (index == 0)
		return -ENOMEM;
	struct piece *p = &pool->pieces[index];
	p->seq = seq;
	p->length = length;
	p->captured = (uint16_t)captured;
	p->fin = fin;
	if (captured > 0)
		memcpy(p->data, data, captured);
	p->link = *link;
	*link = index;
	s->waiting_count++;
	return 0;
}

/* Cuts a segment into pieces; when there is no room, the hole before it is given up. */
static void
wait_segment(struct stream_pool *pool, struct stream *s, const struct stream_segment *segment,
    stream_sink_fn sink, void *arg)
{
	uint32_t done = 0;

	pool->stats.reordered++;
	do {
		uint32_t seen = segment->captured > done ? segment->captured - done : 0;
		uint32_t n = seen > PIECE_BYTES ? PIECE_BYTES : segment->length - done;
		bool last = done + n == segment->length;
		int e =
		    wait_piece(pool, s, segment->seq + done, segment->data + (seen > 0 ? done : 0),
			seen > PIECE_BYTES ? PIECE_BYTES : seen, n, last && segment->fin);
		if (e != 0) {
			pool->stats.pool_exhausted += s->waiting_count < STREAM_WAITING_MAX;
			lose_until(pool, s, segment->seq, sink, arg);
			deliver(pool, s, segment, sink, arg);
			drain(pool, s, sink, arg);
			return;
		}
		done += n;
	} while (done < segment->length);
}

/* The hole was acknowledged, and enough came behind it: nobody will send it again. */
static void
give_up_marked(struct stream_pool *pool, struct stream *s, stream_sink_fn sink, void *arg)
{
	if ((s->flags & STREAM_MARKED) == 0 || s->waiting_count < MARKED_WAITING)
		return;
	uint32_t hole_end = pool->pieces[s->waiting].seq;
	if (ahead_of(s->mark, hole_end) >= 0)
		lose_until(pool, s, hole_end, sink, arg);
}

void
stream_add(struct stream_pool *pool, struct stream *s, const struct stream_segment *segment,
    stream_sink_fn sink, void *arg)
{
	if ((s->flags & STREAM_KNOWN) == 0)
		stream_start(s, segment->seq);
	int32_t ahead = ahead_of(segment->seq, s->next);
	if (ahead > STREAM_AHEAD_MAX || (ahead > 0 && (s->flags & STREAM_FIN) != 0)) {
		pool->stats.implausible++;
		return;
	}
	if (ahead > 0) {
		wait_segment(pool, s, segment, sink, arg);
		give_up_marked(pool, s, sink, arg);
		return;
	}
	/* The bytes that were declared lost come after all (another CPU's queue, or a forged
	 * acknowledgement): nothing was delivered behind the gap, so it can be taken back. */
	if (ahead < 0 && (s->flags & STREAM_FRESH) != 0 && ahead_of(segment->seq, s->mark) >= 0) {
		count_bytes(s, ahead);
		s->next = segment->seq;
	}
	deliver(pool, s, segment, sink, arg);
	if (s->waiting != 0)
		drain(pool, s, sink, arg);
}

void
stream_hold(struct stream_pool *pool, struct stream *s, const struct stream_segment *segment,
    stream_sink_fn sink, void *arg)
{
	wait_segment(pool, s, segment, sink, arg);
}

void
stream_resume(struct stream_pool *pool, struct stream *s, stream_sink_fn sink, void *arg)
{
	drain(pool, s, sink, arg);
}

void
stream_acked(struct stream_pool *pool, struct stream *s, uint32_t ack, bool proof,
    stream_sink_fn sink, void *arg)
{
	int32_t ahead = ahead_of(ack, s->next);

	if (ahead <= 0 || (s->flags & STREAM_KNOWN) == 0)
		return;
	if (ahead > STREAM_AHEAD_MAX) {
		pool->stats.implausible++;
		return;
	}
	if (proof) {
		lose_until(pool, s, ack, sink, arg);
		return;
	}
	s->flags = (uint8_t)((s->flags & ~STREAM_FRESH) | STREAM_MARKED);
	s->mark = ack;
	give_up_marked(pool, s, sink, arg);
}

void
stream_finish(struct stream_pool *pool, struct stream *s, stream_sink_fn sink, void *arg)
{
	drain(pool, s, sink, arg);
	while (s->waiting != 0 && (s->flags & STREAM_FIN) == 0)
		lose_until(pool, s, pool->pieces[s->waiting].seq, sink, arg);
	if ((s->flags & STREAM_MARKED) != 0)
		lose_until(pool, s, s->mark, sink, arg);
	stream_drop(pool, s);
}

void
stream_drop(struct stream_pool *pool, struct stream *s)
{
	while (s->waiting != 0) {
		uint32_t index = s->waiting;
		s->waiting = pool->pieces[index].link;
		piece_give(pool, index);
	}
	s->waiting_count = 0;
}
