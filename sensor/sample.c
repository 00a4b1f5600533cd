/* SPDX-License-Identifier: ISC */
/*
 * Sampling of texts; see sample.h.  A token bucket per client, as a virtual schedule (GCRA, ITU-T
 * I.371): one number per client instead of a count and a time.  bulkhead-sensor, replay.
 */
#include "sensor/sample.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"

#define SAMPLE_SLOTS 16384 /* clients at once; two that share a place push each other out */

struct slot {
	uint64_t tag;
	int64_t due_ns; /* when the bucket is full again */
};

struct sample {
	uint64_t seed;
	int64_t burst_ns, every_ns;
	struct slot slots[SAMPLE_SLOTS];
};

int
sample_new(struct sample **out, uint64_t seed, unsigned burst, int64_t every_ns)
{
	struct sample *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->seed = seed;
	s->burst_ns = burst * every_ns;
	s->every_ns = every_ns;
	*out = s;
	return 0;
}

void
sample_free(struct sample *s)
{
	free(s);
}

uint64_t
sample_memory(void)
{
	return sizeof(struct sample);
}

bool
sample_take(struct sample *s, const struct addr *client, int64_t now_ns)
{
	uint64_t tag = hash_table(s->seed, client->bytes, sizeof(client->bytes));
	struct slot *slot = &s->slots[tag % SAMPLE_SLOTS];

	/* Who was pushed out, or comes from a time ahead (a broken clock), begins anew: more is
	 * read. */
	if (slot->tag != tag || slot->due_ns > now_ns + s->burst_ns)
		*slot = (struct slot){.tag = tag, .due_ns = now_ns};
	if (slot->due_ns > now_ns + s->burst_ns - s->every_ns)
		return false;
	slot->due_ns = (slot->due_ns > now_ns ? slot->due_ns : now_ns) + s->every_ns;
	return true;
}
