/* SPDX-License-Identifier: ISC */
/*
 * history_unpack() on any payloads, each behind a head that fits: what it accepts is packed again,
 * and comes out as often.  Input: u16 length and payload, again and again; the first is fresh.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/history_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct again {
	struct history_pack *pack;
	struct history_unpack *unpack;
	uint64_t entries, back;
};

static int
count_entry(void *arg, const struct history_entry *entry)
{
	uint64_t *n = arg;

	if (entry->server[0] == '\0' || entry->copies == 0 || entry->distinct > entry->copies)
		abort();
	++*n;
	return 0;
}

static void
read_back(struct again *a)
{
	size_t size = 0;
	const uint8_t *segment = history_pack_finish(a->pack, &size);

	if (segment != NULL && history_unpack(a->unpack, segment, size, count_entry, &a->back) != 0)
		abort();
}

static int
pack_again(void *arg, const struct history_entry *entry)
{
	struct again *a = arg;
	int rc = history_pack_add(a->pack, entry);

	count_entry(&a->entries, entry);
	if (rc != 0) {
		read_back(a);
		rc = history_pack_add(a->pack, entry);
	}
	if (rc != 0)
		abort();
	return 0;
}

/* A whole segment around the payload, in an allocation of its own. */
static void
feed(
    struct history_unpack *u, struct again *a, const uint8_t *payload, size_t size, uint32_t number)
{
	uint8_t *segment = malloc(HISTORY_HEAD_BYTES + size);
	struct wire_writer w;

	if (segment == NULL)
		abort();
	memcpy(segment + HISTORY_HEAD_BYTES, payload, size);
	wire_writer_init(&w, segment, HISTORY_HEAD_BYTES);
	wire_put_u32(&w, HISTORY_MAGIC);
	wire_put_u8(&w, HISTORY_VERSION);
	wire_put_u8(&w, number == 0);
	wire_put_u16(&w, 0);
	wire_put_u32(&w, (uint32_t)size);
	wire_put_u32(&w, number);
	wire_put_u64(&w, UINT64_C(1780272000000000000));
	wire_put_u64(&w, history_checksum(segment, segment + HISTORY_HEAD_BYTES, size));
	history_unpack(u, segment, HISTORY_HEAD_BYTES + size, pack_again, a);
	free(segment);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct history_pack *pack; /* 2 MiB that need not be made for each input */
	struct again a = {.entries = 0};
	struct history_unpack *u = NULL;

	if (pack == NULL && history_pack_new(&pack) != 0)
		abort();
	history_pack_refresh(pack);
	a.pack = pack;
	if (history_unpack_new(&u) != 0 || history_unpack_new(&a.unpack) != 0)
		abort();
	for (uint32_t number = 0; size > 2; number++) {
		size_t length = (size_t)data[0] << 8 | data[1];

		data += 2;
		size -= 2;
		if (length > size)
			length = size;
		if (length > 0)
			feed(u, &a, data, length, number);
		data += length;
		size -= length;
	}
	read_back(&a);
	if (a.back != a.entries)
		abort();
	history_unpack_free(u);
	history_unpack_free(a.unpack);
	return 0;
}
