/* SPDX-License-Identifier: ISC */
/*
 * One direction of a TCP connection, put in order; see stream.h.  bulkhead-sensor, replay.
 */
#include "sensor/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PIECE_BYTES    1516 /* of payload: an Ethernet packet fits in one piece */
#define CHAIN_WAITING  2    /* so many wait behind the hole, and one more comes */
#define MARKED_WAITING 3    /* segments behind an acknowledged hole that end the wait for it */

struct piece {
	uint32_t link; /* next waiting, or next free; 0 = none */
	uint32_t seq, length, ack;
	uint16_t captured;
	bool fin;
	bool answers; /* waits for the peer's bytes up to ack */
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

/* The first waiting piece is in order, but for what it answers. */
static inline bool
is_blocked(const struct stream_pool *pool, const struct stream *s)
{
	return s->waiting != 0 && pool->pieces[s->waiting].answers &&
	       ahead_of(pool->pieces[s->waiting].seq, s->next) <= 0;
}

/* Delivers the waiting pieces that are in order now. */
static void
drain(struct stream_pool *pool, struct stream *s, stream_sink_fn sink, void *arg)
{
	while (s->waiting != 0) {
		uint32_t index = s->waiting;
		struct piece *p = &pool->pieces[index];
		if (ahead_of(p->seq, s->next) > 0 || p->answers)
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
		if (is_blocked(pool, s)) {
			pool->pieces[s->waiting].answers = false;
			drain(pool, s, sink, arg);
			continue;
		}
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
wait_piece(struct stream_pool *pool, struct stream *s, const struct stream_segment *segment)
{
	uint32_t *link = &s->waiting, seq = segment->seq, length = segment->length;
	bool fin = segment->fin;

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
	p->captured = (uint16_t)segment->captured;
	p->fin = fin;
	p->answers = segment->answers;
	p->ack = segment->ack;
	if (segment->captured > 0)
		memcpy(p->data, segment->data, segment->captured);
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
		struct stream_segment part = *segment;
		part.seq += done;
		part.data += seen > 0 ? done : 0;
		part.captured = seen > PIECE_BYTES ? PIECE_BYTES : seen;
		part.length = n;
		part.fin = last && segment->fin;
		if (wait_piece(pool, s, &part) != 0) {
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
	if (ahead > 0 || segment->answers) {
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
	while (s->waiting != 0 && (s->flags & STREAM_FIN) == 0) {
		if (!is_blocked(pool, s)) {
			lose_until(pool, s, pool->pieces[s->waiting].seq, sink, arg);
			continue;
		}
		pool->pieces[s->waiting].answers = false; /* nobody is left to wait for */
		drain(pool, s, sink, arg);
	}
	if ((s->flags & STREAM_MARKED) != 0)
		lose_until(pool, s, s->mark, sink, arg);
	stream_drop(pool, s);
}

/* --- both directions --- */

/* Delivers the answers whose questions are there.  True when something moved. */
static bool
release(
    struct stream_pool *pool, struct stream *s, uint32_t peer_next, stream_sink_fn sink, void *arg)
{
	bool moved = false;

	while (is_blocked(pool, s) && ahead_of(pool->pieces[s->waiting].ack, peer_next) <= 0) {
		pool->pieces[s->waiting].answers = false;
		drain(pool, s, sink, arg);
		moved = true;
	}
	return moved;
}

static void
settle(struct stream_pool *pool, const struct stream_pair *pair)
{
	while (release(pool, pair->peer, pair->own->next, pair->sink, pair->peer_arg) ||
	       release(pool, pair->own, pair->peer->next, pair->sink, pair->own_arg)) {
	}
}

static struct stream_pair
turned(const struct stream_pair *pair)
{
	return (struct stream_pair){.own = pair->peer,
	    .peer = pair->own,
	    .sink = pair->sink,
	    .own_arg = pair->peer_arg,
	    .peer_arg = pair->own_arg};
}

/* The first answer of `own` waits no longer: what it answers is lost, up to `limit` at most. */
static void
lose_question(struct stream_pool *pool, const struct stream_pair *pair, uint32_t limit)
{
	uint32_t ack = pool->pieces[pair->own->waiting].ack;

	lose_until(
	    pool, pair->peer, ahead_of(limit, ack) < 0 ? limit : ack, pair->sink, pair->peer_arg);
	settle(pool, pair);
}

/* No answer of `own` waits any longer. */
static void
lose_questions(struct stream_pool *pool, const struct stream_pair *pair)
{
	while (is_blocked(pool, pair->own)) {
		uint32_t first = pair->own->waiting;
		lose_question(pool, pair, pool->pieces[first].ack);
		if (pair->own->waiting != first)
			continue;
		pool->pieces[first].answers = false; /* it speaks of what nobody can have sent */
		drain(pool, pair->own, pair->sink, pair->own_arg);
	}
}

/* Bytes that the packet acknowledges and that were not delivered; 0 when that says nothing. */
static int32_t
unseen_by(const struct stream *peer, const struct stream_segment *segment, bool acks)
{
	int32_t unseen = ahead_of(segment->ack, peer->next);

	if (!acks || (peer->flags & STREAM_KNOWN) == 0 || unseen < 0)
		return 0;
	return unseen;
}

/* Cuts off what was delivered before.  False when nothing is left. */
static bool
trim(const struct stream *s, struct stream_segment *segment)
{
	int32_t old = -ahead_of(segment->seq, s->next);

	if (old <= 0)
		return true;
	if ((uint32_t)old >= segment->length)
		return false;
	uint32_t seen = (uint32_t)old < segment->captured ? (uint32_t)old : segment->captured;
	segment->seq += (uint32_t)old;
	segment->length -= (uint32_t)old;
	segment->data += seen;
	segment->captured -= seen;
	return true;
}

/* What is missing of the peer's is waited for, if there is room. */
static void
hold_answer(
    struct stream_pool *pool, const struct stream_pair *pair, struct stream_segment *segment)
{
	struct stream *own = pair->own;
	bool taken_back =
	    (own->flags & STREAM_FRESH) != 0 && ahead_of(segment->seq, own->mark) >= 0;

	if (!taken_back && !segment->fin && !trim(own, segment))
		return; /* said before: no news of the peer either */
	bool fits = own->waiting_count + segment->captured / PIECE_BYTES < STREAM_HELD_MAX;

	if (fits && ahead_of(segment->seq, own->next) >= 0 && (own->flags & STREAM_FIN) == 0) {
		segment->answers = true;
		return;
	}
	lose_questions(pool, pair);
	lose_until(pool, pair->peer, segment->ack, pair->sink, pair->peer_arg);
}

void
stream_packet(struct stream_pool *pool, const struct stream_pair *pair,
    struct stream_segment *segment, bool acks)
{
	struct stream *own = pair->own, *peer = pair->peer;
	const struct stream_pair back = turned(pair);
	int32_t unseen = unseen_by(peer, segment, acks);

	segment->answers = false;
	if ((own->flags & STREAM_KNOWN) == 0)
		stream_start(own, segment->seq);
	if (unseen > STREAM_AHEAD_MAX) {
		pool->stats.implausible++;
		unseen = 0;
	}
	/* Who answers an answer has sent before what that one answered; a capture that is out of order by a packet or
	 * two may still show it. */
	while (unseen > 0 && is_blocked(pool, peer) && (own->flags & STREAM_FIN) == 0 &&
	       own->waiting_count >= CHAIN_WAITING && ahead_of(segment->seq, own->next) > 0 &&
	       ahead_of(segment->seq, own->next) <= STREAM_AHEAD_MAX) {
		lose_question(pool, &back, segment->seq);
		unseen = unseen_by(peer, segment, acks);
	}
	if (segment->length == 0 && !segment->fin) {
		if (unseen > 0)
			stream_acked(pool, peer, segment->ack, false, pair->sink, pair->peer_arg);
		return;
	}
	/* In order it is what the peer's answer waits for. */
	if (unseen > 0 && (!is_blocked(pool, peer) || ahead_of(segment->seq, own->next) > 0))
		hold_answer(pool, pair, segment);
	stream_add(pool, own, segment, pair->sink, pair->own_arg);
	if (own->waiting != 0 || peer->waiting != 0)
		settle(pool, pair);
}

void
stream_pair_finish(struct stream_pool *pool, const struct stream_pair *pair)
{
	const struct stream_pair back = turned(pair);

	struct stream *own = pair->own, *peer = pair->peer;

	drain(pool, own, pair->sink, pair->own_arg);
	drain(pool, peer, pair->sink, pair->peer_arg);
	settle(pool, pair);
	for (bool more = true; more;) {
		if (is_blocked(pool, own))
			lose_questions(pool, pair);
		else if (is_blocked(pool, peer))
			lose_questions(pool, &back);
		else if (own->waiting != 0 && (own->flags & STREAM_FIN) == 0)
			lose_until(
			    pool, own, pool->pieces[own->waiting].seq, pair->sink, pair->own_arg);
		else if (peer->waiting != 0 && (peer->flags & STREAM_FIN) == 0)
			lose_until(pool, peer, pool->pieces[peer->waiting].seq, pair->sink,
			    pair->peer_arg);
		else
			more = false;
		settle(pool, pair);
	}
	stream_finish(pool, pair->own, pair->sink, pair->own_arg);
	stream_finish(pool, pair->peer, pair->sink, pair->peer_arg);
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
