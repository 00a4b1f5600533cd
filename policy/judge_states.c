/* SPDX-License-Identifier: ISC */
/* Memory for the states of servers; see judge_states.h.  bulkhead-guard, replay. */
#include "policy/judge_states.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "policy/judge_state.h"

#define BLOCK_BYTES \
	((size_t)2 << 20) /* a huge page of x86-64 and arm64; elsewhere as good as any */

/* What a state holds that was given back. */
struct unused {
	struct judge_state *next;
};

struct judge_block {
	struct judge_block *next;
	unsigned used;
	struct judge_state states[];
};

#define BLOCK_STATES ((BLOCK_BYTES - sizeof(struct judge_block)) / sizeof(struct judge_state))

struct judge_state *
judge_states_take(struct judge_states *all)
{
	struct judge_block *b = all->blocks;
	struct judge_state *s = all->unused;

	if (s != NULL) {
		all->unused = ((struct unused *)s)->next;
		return s;
	}
	if (b == NULL || b->used == BLOCK_STATES) {
		b = aligned_alloc(BLOCK_BYTES, BLOCK_BYTES);
		if (b == NULL)
			return NULL;
		/* Not having huge pages is no error. */
		(void)madvise(b, BLOCK_BYTES, MADV_HUGEPAGE);
		b->next = all->blocks;
		b->used = 0;
		all->blocks = b;
	}
	return &b->states[b->used++];
}

void
judge_states_give(struct judge_states *all, struct judge_state *s)
{
	if (s == NULL)
		return;
	((struct unused *)s)->next = all->unused;
	all->unused = s;
}

void
judge_states_fini(struct judge_states *all)
{
	while (all->blocks != NULL) {
		struct judge_block *b = all->blocks;

		all->blocks = b->next;
		free(b);
	}
	all->unused = NULL;
}
