/* SPDX-License-Identifier: ISC */
/*
 * Kernel keys of several families, put together again to the elements that they belong to.  Pure.
 * bulkhead-guard (enforcer child).
 */
#ifndef POLICY_ENFORCE_GATHER_H
#define POLICY_ENFORCE_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/plan.h"

struct enforce_gather_key;

struct enforce_gather {
	struct enforce_gather_key *keys;
	unsigned count, room;
	bool strange; /* something that we did not write, or a set is missing */
	bool no_memory;
};

void enforce_gather_reset(struct enforce_gather *g);
void enforce_gather_fini(struct enforce_gather *g);
/* One key as the kernel gives it; has_timeout false: without end. */
void enforce_gather_add(struct enforce_gather *g, unsigned family, unsigned set, unsigned kind,
    const uint8_t *key, size_t size, const char *comment, bool has_timeout, uint64_t left_ms,
    uint64_t packets);
/* Moves what `from` has to `g`. */
void enforce_gather_take(struct enforce_gather *g, struct enforce_gather *from);
void enforce_gather_note_missing(struct enforce_gather *g);

/* Sorts and drops keys that came twice; the digest tells two dumps apart, whatever the times left.
 */
uint64_t enforce_gather_sort(struct enforce_gather *g);

/*
 * After sorting: adds the elements to the plan and finishes it; the shortest time left of its keys
 * counts, their packets are summed. An element is there when all its keys are in so many families;
 * with `partial` also when some are. 0, or 1 when something was there only in part or strange, or
 * -ENOMEM, -ENOSPC.
 */
int enforce_gather_finish(
    struct enforce_gather *g, unsigned families, bool partial, struct plan *out);

#endif
