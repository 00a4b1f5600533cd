/* SPDX-License-Identifier: ISC */
/*
 * From kernel keys to elements: a /29 is eight keys in each of three families, and stands when all
 * twenty-four do.  Pure.  bulkhead-guard (enforcer child).
 */
#include "policy/enforce_gather.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "policy/enforce_layout.h"

struct enforce_gather_key {
	struct plan_element element;
	uint8_t family, key[ENFORCE_KEY_BYTES];
};

void
enforce_gather_reset(struct enforce_gather *g)
{
	g->count = 0;
	g->strange = g->no_memory = false;
}

void
enforce_gather_fini(struct enforce_gather *g)
{
	free(g->keys);
	memset(g, 0, sizeof(*g));
}

void
enforce_gather_note_missing(struct enforce_gather *g)
{
	g->strange = true;
}

/* A new entry, or NULL without memory. */
static struct enforce_gather_key *
append(struct enforce_gather *g)
{
	if (g->count == g->room) {
		unsigned room = g->room == 0 ? 256 : g->room * 2;
		struct enforce_gather_key *bigger = realloc(g->keys, room * sizeof(*bigger));

		if (bigger == NULL) {
			g->no_memory = true;
			return NULL;
		}
		g->keys = bigger;
		g->room = room;
	}
	return memset(&g->keys[g->count++], 0, sizeof(g->keys[0]));
}

void
enforce_gather_add(struct enforce_gather *g, unsigned family, unsigned set, unsigned kind,
    const uint8_t *key, size_t size, const char *comment, bool has_timeout, uint64_t left_ms,
    uint64_t packets)
{
	const uint64_t most_ms = PLAN_TIMEOUT_MAX_NS / 1000000;
	struct enforce_gather_key *k;
	struct plan_element e;

	if (key == NULL || enforce_layout_element(set, kind, key, size, comment, &e) < 0) {
		g->strange = true;
		return;
	}
	if (has_timeout) /* 0 would be "without end" */
		e.timeout_ns =
		    left_ms == 0 ? 1 : (int64_t)(left_ms < most_ms ? left_ms : most_ms) * 1000000;
	e.packets = packets;
	k = append(g);
	if (k == NULL)
		return;
	k->element = e;
	k->family = (uint8_t)family;
	memcpy(k->key, key, size);
}

void
enforce_gather_take(struct enforce_gather *g, struct enforce_gather *from)
{
	unsigned room = g->count + from->count;
	struct enforce_gather_key *bigger = g->keys;

	g->strange |= from->strange;
	g->no_memory |= from->no_memory;
	if (from->count == 0)
		return;
	if (room > g->room)
		bigger = realloc(g->keys, room * sizeof(*bigger));
	if (bigger == NULL) {
		g->no_memory = true;
		return;
	}
	g->room = room > g->room ? room : g->room;
	g->keys = bigger;
	memcpy(g->keys + g->count, from->keys, from->count * sizeof(*bigger));
	g->count = room;
	enforce_gather_reset(from);
}

static int
compare_keys(const void *a, const void *b)
{
	const struct enforce_gather_key *x = a, *y = b;
	int d = plan_compare(&x->element, &y->element);

	if (d == 0)
		d = (x->family > y->family) - (x->family < y->family);
	return d != 0 ? d : memcmp(x->key, y->key, sizeof(x->key));
}

uint64_t
enforce_gather_sort(struct enforce_gather *g)
{
	uint64_t digest = 0;
	unsigned kept = 0, i;

	if (g->count > 0)
		qsort(g->keys, g->count, sizeof(g->keys[0]), compare_keys);
	for (i = 0; i < g->count; i++) {
		const struct enforce_gather_key *k = &g->keys[i];

		if (kept > 0 && compare_keys(&g->keys[kept - 1], k) == 0)
			continue;
		digest = hash_table(digest + k->family + 1, k->key, sizeof(k->key));
		digest = hash_table(digest, k->element.case_id, sizeof(k->element.case_id));
		g->keys[kept++] = *k;
	}
	g->count = kept;
	return digest;
}

static bool
ends_earlier(int64_t a, int64_t b)
{
	return a != 0 && (b == 0 || a < b);
}

int
enforce_gather_finish(struct enforce_gather *g, unsigned families, bool partial, struct plan *out)
{
	unsigned i = 0, n;
	int result = g->strange, r;

	if (g->no_memory)
		return -ENOMEM;
	while (i < g->count) {
		struct plan_element e = g->keys[i].element;

		for (n = 1; i + n < g->count && plan_compare(&g->keys[i + n].element, &e) == 0;
		     n++) {
			e.packets += g->keys[i + n].element.packets;
			if (ends_earlier(g->keys[i + n].element.timeout_ns, e.timeout_ns))
				e.timeout_ns = g->keys[i + n].element.timeout_ns;
		}
		i += n;
		if (n != families * enforce_layout_key_count(&e))
			result = 1;
		if (n != families * enforce_layout_key_count(&e) && !partial)
			continue;
		r = plan_add(out, &e);
		if (r < 0)
			return r;
	}
	plan_finish(out);
	return result;
}
