/* SPDX-License-Identifier: ISC */
/*
 * Harness of sensor/stream: a list of steps of 6 bytes each and payload: a segment or an acknowledgement of one direction,
 * or a packet of a connection, whose directions these are.  Every delivered byte is accounted for, and no piece of the pool
 * is lost.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/stream.h"

#define PIECES 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
sink(void *arg, const uint8_t *data, uint32_t captured, uint32_t length)
{
	uint64_t *total = arg;
	volatile uint8_t sum = 0;

	if (captured > length || length == 0 || (data == NULL && captured > 0))
		abort();
	for (uint32_t i = 0; i < captured; i++)
		sum = (uint8_t)(sum + data[i]);
	*total += length;
}

/* One step; returns the bytes that it took. */
static size_t
step(struct stream_pool *pool, const struct stream_pair *pair, const uint8_t *data, size_t size)
{
	struct stream *s = pair->own;
	uint64_t *total = pair->own_arg;
	uint32_t offset = (uint32_t)(data[1] << 8 | data[2]),
		 length = (uint32_t)(data[3] << 8 | data[4]);
	uint32_t seq = 0xfffff000u + offset * (1u + (data[0] >> 4));

	if ((data[0] & 3) == 3) {
		stream_acked(pool, s, seq, (data[0] & 4) != 0, sink, total);
		return 6;
	}
	uint32_t captured = data[5] * 8u;
	if (captured > size - 6)
		captured = (uint32_t)(size - 6);
	if (captured > length)
		captured = length;
	uint8_t *copy = malloc(captured > 0 ? captured : 1);
	if (copy == NULL)
		exit(1);
	memcpy(copy, data + 6, captured);
	struct stream_segment segment = {.seq = seq,
	    .data = copy,
	    .captured = captured,
	    .length = length,
	    .fin = (data[0] & 8) != 0};
	if ((data[0] & 3) == 2) {
		/* Near the other's bytes: three bits say how far behind or ahead of them. */
		segment.ack = pair->peer->next + (uint32_t)(data[0] >> 4 & 7) * 100u - 200u;
		stream_packet(pool, pair, &segment, (data[0] & 128) == 0);
	} else if (length > 0 || segment.fin)
		stream_add(pool, s, &segment, sink, total);
	free(copy);
	return 6 + captured;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stream streams[2];
	uint64_t totals[2] = {0, 0};
	struct stream_pool *pool;

	if (stream_pool_new(&pool, PIECES) != 0)
		exit(1);
	memset(streams, 0, sizeof(streams));
	for (size_t at = 0; size - at > 6;) {
		unsigned which = (data[at] & 4) != 0;
		struct stream_pair pair = {.own = &streams[which],
		    .peer = &streams[1 - which],
		    .sink = sink,
		    .own_arg = &totals[which],
		    .peer_arg = &totals[1 - which]};
		at += step(pool, &pair, data + at, size - at);
	}
	struct stream_pair both = {.own = &streams[0],
	    .peer = &streams[1],
	    .sink = sink,
	    .own_arg = &totals[0],
	    .peer_arg = &totals[1]};
	if (size % 2 == 0)
		stream_pair_finish(pool, &both);
	for (unsigned i = 0; i < 2; i++) {
		if (streams[i].waiting_count > PIECES)
			abort();
		stream_finish(pool, &streams[i], sink, &totals[i]);
		if (streams[i].waiting != 0 || streams[i].waiting_count != 0)
			abort();
	}
	/* Every piece must be free again: a fresh stream can fill the whole pool. */
	struct stream fresh = {0};
	stream_start(&fresh, 0);
	for (uint32_t i = 0; i < PIECES; i++) {
		struct stream_segment segment = {
		    .seq = 10 + 2 * i, .data = (const uint8_t *)"x", .captured = 1, .length = 1};
		stream_add(pool, &fresh, &segment, sink, &totals[0]);
	}
	if (fresh.waiting_count != PIECES)
		abort();
	stream_drop(pool, &fresh);
	stream_pool_free(pool);
	return 0;
}
