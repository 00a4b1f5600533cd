/* SPDX-License-Identifier: ISC */
/*
 * Packets of the enforcer, and the checks and keys of what they carry: what the privileged child
 * reads.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "policy/enforce_layout.h"
#include "policy/enforce_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What passes the checks must have keys that lead back to it. */
static void
follow(const struct plan_element *e)
{
	char comment[ENFORCE_COMMENT_BYTES];
	uint8_t key[ENFORCE_KEY_BYTES];
	struct plan_element back;
	unsigned i, kind, count;
	struct err err;

	(void)enforce_layout_check(e, true, &err);
	if (enforce_layout_check(e, false, &err) < 0)
		return;
	kind = enforce_layout_kind(e);
	count = enforce_layout_key_count(e);
	enforce_layout_comment(comment, e);
	if (count == 0 || count > 256)
		abort();
	for (i = 0; i < count; i++) {
		enforce_layout_key(e, i, key);
		if (enforce_layout_element(
			e->set, kind, key, enforce_keys[kind].size, comment, &back) < 0 ||
		    plan_compare(e, &back) != 0)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct enforce_wire_header h;
	struct wire_reader r;
	struct plan plan;
	unsigned i;

	plan_init(&plan);
	wire_reader_init(&r, data, size);
	if (enforce_wire_get_header(&r, &h) == 0) {
		(void)enforce_wire_get_elements(&r, &plan);
		for (i = 0; i < plan.count; i++)
			follow(&plan.elements[i]);
	}
	plan_fini(&plan);
	return 0;
}
