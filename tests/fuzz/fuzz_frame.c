/* SPDX-License-Identifier: ISC */
/*
 * Harness of sensor/frame: byte 0 chooses the link type, bytes 1 and 2 how much longer the packet
 * was on the wire, the rest is the packet.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "sensor/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t links[] = {
	    1, 276, 113, 101, 0, 108, 12, 14, 9, 50, 51, 104, 105, 127};
	struct frame frame;

	if (size < 3)
		return 0;
	uint32_t n = (uint32_t)(size - 3);
	struct packet packet = {.linktype = links[data[0] % 14],
	    .caplen = n,
	    .wirelen = n + (uint32_t)(data[1] << 8 | data[2]),
	    .data = data + 3};
	enum frame_kind kind = frame_parse(&packet, &frame);
	if (kind != FRAME_TCP && kind != FRAME_UDP && kind != FRAME_UNREACHABLE)
		return 0;
	volatile uint8_t sum = 0;
	for (uint32_t i = 0; i < frame.captured; i++)
		sum = (uint8_t)(sum + frame.payload[i]);
	for (uint32_t i = 0; i < frame.l3_captured; i++)
		sum = (uint8_t)(sum + frame.l3[i]);
	if (frame.captured > frame.length || frame.length > packet.wirelen)
		abort();
	return 0;
}
