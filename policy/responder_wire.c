/* SPDX-License-Identifier: ISC */
/* Packets from guard to responder; see responder_wire.h.  bulkhead-guard (judge), bulkhead-notice. */
#include "policy/responder_wire.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/wire.h"

static_assert(4 + RESPONDER_WIRE_ENTRIES_MAX * (4 + JUDGE_CASE_BYTES) <= RESPONDER_WIRE_PACKET_MAX,
    "a full packet fits");

size_t
responder_wire_encode(uint8_t out[RESPONDER_WIRE_PACKET_MAX], bool all,
    const struct responder_entry *entries, unsigned count)
{
	struct wire_writer w;

	assert(count <= RESPONDER_WIRE_ENTRIES_MAX);
	wire_writer_init(&w, out, RESPONDER_WIRE_PACKET_MAX);
	wire_put_u8(&w, RESPONDER_WIRE_VERSION);
	wire_put_u8(&w, all ? RESPONDER_WIRE_ALL : 0);
	wire_put_u16(&w, (uint16_t)count);
	for (unsigned i = 0; i < count; i++) {
		wire_put_u32(&w, entries[i].link);
		wire_put_text(&w, entries[i].case_id);
	}
	return (size_t)wire_writer_finish(&w);
}

/* It is sent to strangers: nothing but what case ids are made of. */
static bool
is_case(const char *text)
{
	for (; *text != '\0'; text++)
		if (!isalnum((unsigned char)*text) && *text != '-')
			return false;
	return true;
}

int
responder_wire_decode(const uint8_t *data, size_t size, bool *all,
    struct responder_entry entries[RESPONDER_WIRE_ENTRIES_MAX], unsigned *count)
{
	struct wire_reader r;
	uint8_t version, flags;
	unsigned n;

	wire_reader_init(&r, data, size);
	version = wire_get_u8(&r);
	flags = wire_get_u8(&r);
	n = wire_get_u16(&r);
	if (r.failed || version != RESPONDER_WIRE_VERSION || (flags & ~RESPONDER_WIRE_ALL) != 0 ||
	    n > RESPONDER_WIRE_ENTRIES_MAX)
		return -EBADMSG;
	for (unsigned i = 0; i < n; i++) {
		memset(&entries[i], 0, sizeof(entries[i]));
		entries[i].link = wire_get_u32(&r);
		wire_get_text(&r, entries[i].case_id, sizeof(entries[i].case_id));
		if (r.failed || entries[i].link == 0 || !is_case(entries[i].case_id))
			return -EBADMSG;
	}
	if (wire_reader_finish(&r) != 0)
		return -EBADMSG;
	*all = (flags & RESPONDER_WIRE_ALL) != 0;
	*count = n;
	return 0;
}
