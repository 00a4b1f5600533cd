/* SPDX-License-Identifier: ISC */
/*
 * Links and their cases: open addressing, twice as many slots as links.  A link that is released
 * keeps its slot until the guard sends everything anew, which it does with every comparison of
 * kernel and database.  bulkhead-notice.
 */
#include "policy/responder_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/responder_wire.h"

#define SLOTS (2u * RESPONDER_TABLE_MAX)

struct responder_table {
	struct responder_entry slots[SLOTS]; /* .link 0: free */
	unsigned used, standing;
	struct responder_entry incoming[RESPONDER_WIRE_ENTRIES_MAX];
};

int
responder_table_new(struct responder_table **out, struct err *e)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? 0 : err_set(e, -ENOMEM, "no memory for the table of cases");
}

void
responder_table_free(struct responder_table *t)
{
	free(t);
}

/* The kernel numbers links one by one, so the number itself spreads well. */
static unsigned
find(const struct responder_table *t, uint32_t link)
{
	unsigned at = link % SLOTS;

	while (t->slots[at].link != 0 && t->slots[at].link != link)
		at = (at + 1) % SLOTS;
	return at;
}

static void
put(struct responder_table *t, const struct responder_entry *e)
{
	struct responder_entry *slot = &t->slots[find(t, e->link)];

	if (slot->link == 0 && t->used == RESPONDER_TABLE_MAX)
		return;
	t->used += slot->link == 0;
	t->standing -= slot->case_id[0] != '\0';
	t->standing += e->case_id[0] != '\0';
	*slot = *e;
}

int
responder_table_take(struct responder_table *t, const uint8_t *data, size_t size)
{
	unsigned count = 0;
	bool all = false;
	int r = responder_wire_decode(data, size, &all, t->incoming, &count);

	if (r < 0)
		return r;
	if (all) {
		memset(t->slots, 0, sizeof(t->slots));
		t->used = t->standing = 0;
	}
	for (unsigned i = 0; i < count; i++)
		put(t, &t->incoming[i]);
	return 0;
}

const char *
responder_table_case(const struct responder_table *t, uint32_t link)
{
	return link == 0 ? "" : t->slots[find(t, link)].case_id;
}

unsigned
responder_table_count(const struct responder_table *t)
{
	return t->standing;
}
