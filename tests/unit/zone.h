/* SPDX-License-Identifier: ISC */
/* A resolver that answers from a table: for tests of what asks DNS. */
#ifndef TESTS_UNIT_ZONE_H
#define TESTS_UNIT_ZONE_H

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "whitelist/resolver.h"

struct zone_row {
	const char *name;
	enum resolver_type type;
	const char *value; /* address, name or text; NULL = the question fails */
};

/* Rows up to one without a name; a name that has only other types gives NO_DATA. */
static void
zone_query(void *self, const char *name, enum resolver_type type, struct resolver_answer *out)
{
	resolver_answer_init(out, RESOLVER_NO_NAME);
	for (const struct zone_row *row = self; row->name != NULL; row++) {
		struct addr addr;

		if (strcasecmp(row->name, name) != 0)
			continue;
		if (out->status == RESOLVER_NO_NAME)
			out->status = RESOLVER_NO_DATA;
		if (row->type != type)
			continue;
		if (row->value == NULL) {
			resolver_answer_init(out, RESOLVER_FAILED);
			return;
		}
		if (type == RESOLVER_A || type == RESOLVER_AAAA) {
			int r = addr_parse(row->value, &addr);

			assert(r == 0);
			(void)r;
			resolver_answer_add(out, &addr, 0, NULL);
		} else
			resolver_answer_add(out, NULL, 10, row->value);
	}
}

#endif
