/* SPDX-License-Identifier: ISC */
/*
 * One direction of a TCP connection, put in order: each byte once, and what is missing said
 * explicitly. Segments that come too early wait in a pool of fixed size.  bulkhead-sensor, replay.
 *
 * What the capture missed (the peer got it) and what the network reordered (it will still come)
 * look alike at first.  The peer's acknowledgement tells them apart: see stream_acked() and, where both directions
 * are at hand, stream_packet().
 */
#ifndef SENSOR_STREAM_H
#define SENSOR_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#define STREAM_WAITING_MAX 64 /* pieces of one direction that wait for their predecessors */
#define STREAM_HELD_MAX	   32 /* of them, pieces that wait for bytes of the other direction */
#define STREAM_AHEAD_MAX   (64 << 20) /* bytes: further ahead is no reordering but nonsense */

enum stream_flag {
	STREAM_KNOWN = 1 << 0, /* `next` is meaningful: a packet of this direction was seen */
	STREAM_FIN = 1 << 1,   /* everything up to its end was delivered */
	STREAM_MARKED =
	    1 << 2, /* `mark`: the peer's bare acknowledgement of bytes that we do not have */
	STREAM_FRESH =
	    1 << 3, /* `mark`: where the gap began that ends at `next`, nothing came after it */
};

/* The caller embeds two in its flow record.  All fields belong to stream.c; zeroes are a fresh
 * stream. */
struct stream {
	uint32_t next;	  /* sequence number of the next byte to deliver */
	uint32_t waiting; /* first piece in the pool, 0 = none */
	uint32_t mark;
	uint32_t bytes_low; /* payload delivered, skipped or lost; 48 bits */
	uint16_t bytes_high;
	uint8_t waiting_count;
	uint8_t flags; /* enum stream_flag */
};

/*
 * Receives the stream: `captured` bytes at `data`, and `length - captured` more that were on the
 * wire but cut from the capture.  data == NULL: `length` bytes were lost.  Must not touch the
 * stream.
 */
typedef void (*stream_sink_fn)(void *arg, const uint8_t *data, uint32_t captured, uint32_t length);

struct stream_stats {
	uint64_t gaps, gap_bytes;
	uint64_t reordered;	/* segments that had to wait */
	uint64_t retransmitted; /* segments without a new byte */
	uint64_t implausible;	/* sequence or acknowledgement numbers out of any window: ignored */
	uint64_t pool_exhausted; /* gaps that were declared because the pool was empty */
	uint64_t memory_bytes;
};

struct stream_pool;

/* Room for `pieces` of 1.5 KB that wait, for all streams together.  0 or -ENOMEM. */
int stream_pool_new(struct stream_pool **out, uint32_t pieces);
void stream_pool_free(struct stream_pool *pool);
void stream_pool_get_stats(const struct stream_pool *pool, struct stream_stats *out);

struct stream_segment {
	uint32_t seq;
	const uint8_t *data;
	uint32_t captured, length;
	bool fin; /* after the payload */
	bool
	    answers; /* not to be delivered before the peer's bytes up to ack; stream_packet() sets it */
	uint32_t ack;
};

/* The first byte to come has this number. */
void stream_start(struct stream *s, uint32_t next);

/* Delivers what is in order now.  An unknown stream starts at the segment. */
void stream_add(struct stream_pool *pool, struct stream *s, const struct stream_segment *segment,
    stream_sink_fn sink, void *arg);

/* Keeps a segment without delivering it (data in a SYN); stream_resume() delivers. */
void stream_hold(struct stream_pool *pool, struct stream *s, const struct stream_segment *segment,
    stream_sink_fn sink, void *arg);
void stream_resume(struct stream_pool *pool, struct stream *s, stream_sink_fn sink, void *arg);

/*
 * The peer acknowledged everything before `ack`.  When its packet carries payload or a FIN
 * (`proof`), bytes that we do not have are declared lost now, so that the stream is complete before
 * the answer to it is delivered.  A bare acknowledgement only marks: the bytes may be on their way
 * from another CPU's queue; they are lost when a third later segment waits behind the hole.
 */
void stream_acked(struct stream_pool *pool, struct stream *s, uint32_t ack, bool proof,
    stream_sink_fn sink, void *arg);

/* The connection is over: delivers what waits, with its gaps. */
void stream_finish(struct stream_pool *pool, struct stream *s, stream_sink_fn sink, void *arg);

/* Both directions of a connection, as a packet of one of them sees them. */
struct stream_pair {
	struct stream *own, *peer;
	stream_sink_fn sink;
	void *own_arg, *peer_arg;
};

/*
 * A packet: what it acknowledges (when `acks`) and what it carries.  An answer that was captured before what it answers
 * (two taps, a mirror with several queues) waits for it, up to STREAM_HELD_MAX pieces.  The bytes that it waits for are
 * lost when a third segment of the other side goes on behind them and acknowledges the answer: it had it after it sent
 * them.
 */
void stream_packet(struct stream_pool *pool, const struct stream_pair *pair,
    struct stream_segment *segment, bool acks);

/* The connection is over: as stream_finish() for both directions, answers behind what they answer. */
void stream_pair_finish(struct stream_pool *pool, const struct stream_pair *pair);

/* Gives the pieces back without delivering them. */
void stream_drop(struct stream_pool *pool, struct stream *s);

uint64_t stream_bytes(const struct stream *s);
/* The sequence number of the SYN; meaningful when the stream was started by one. */
uint32_t stream_isn(const struct stream *s);

#endif
