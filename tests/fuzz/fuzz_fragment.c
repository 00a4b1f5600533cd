/* SPDX-License-Identifier: ISC */
/*
 * Harness of sensor/fragment: a list of pieces, each 8 bytes (sender, number, offset, length, flags, time) and what is
 * captured of it.  What becomes whole must be readable, and the counts must add up.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/fragment.h"

#define OUT_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t
read_all(const struct frame *frame)
{
	uint64_t sum = 0;

	if (frame->captured > frame->length)
		abort();
	for (uint32_t i = 0; i < frame->captured; i++)
		sum += frame->payload[i];
	for (uint32_t i = 0; i < frame->l3_captured; i++)
		sum += frame->l3[i];
	return sum;
}

/* One piece in an allocation of its own; returns the bytes that it took. */
static size_t
step(struct fragments *all, const uint8_t *data, size_t size, int64_t *now, struct frame *frame,
    enum frame_kind *kind)
{
	bool v6 = (data[0] & 1) != 0;
	uint32_t header = v6 ? 40 : 20, length = (uint32_t)(data[4] << 8 | data[5]);
	uint32_t captured = (uint32_t)(size - 8) < length ? (uint32_t)(size - 8) : length;
	uint8_t *packet = calloc(1, header + captured);

	if (packet == NULL)
		exit(1);
	if (captured > 0)
		memcpy(packet + header, data + 8, captured);
	packet[0] = v6 ? 0x60 : 0x45;
	memset(frame, 0, sizeof(*frame));
	frame->src.bytes[15] = data[0] >> 4;
	frame->ifindex = data[0] >> 1 & 3u;
	frame->l3 = packet;
	frame->payload = packet + header;
	frame->length = length;
	frame->captured = captured;
	frame->fragment = (struct frame_fragment){.id = data[1],
	    .at = (uint16_t)((data[2] << 8 | data[3]) & 0xfff8),
	    .protocol = (data[6] & 2) != 0 ? 47 : 6,
	    .more = (data[6] & 1) != 0};
	*now += (int64_t)data[7] * 100000000;
	*kind = fragments_add(all, frame, *now);
	free(packet);
	return 8 + captured;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fragments *all;
	struct fragment_stats stats;
	struct frame out[OUT_MAX], frame;
	uint64_t sum = 0;
	unsigned count = 0;
	uint64_t steps = 0;
	int64_t now = 0;
	enum frame_kind kind;

	if (fragments_new(&all) != 0)
		exit(1);
	for (; size > 8; steps++) {
		size_t taken = step(all, data, size, &now, &frame, &kind);
		data += taken;
		size -= taken;
		if (kind == FRAME_TCP || kind == FRAME_UDP)
			out[count++] = frame;
		if (count == OUT_MAX || size <= 8) { /* as a batch does */
			for (unsigned i = 0; i < count; i++)
				sum += read_all(&out[i]);
			count = 0;
		}
		if (count == 0)
			fragments_release(all);
	}
	volatile uint64_t kept = sum; /* so that it is read */
	(void)kept;
	fragments_expire(all, INT64_MAX);
	fragments_get_stats(all, &stats);
	if (stats.seen != steps || stats.assembled + stats.refused + stats.lost > steps)
		abort();
	fragments_free(all);
	return 0;
}
