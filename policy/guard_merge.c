/* SPDX-License-Identifier: ISC */
/* What a hypervisor tells of its servers becomes inventory.  bulkhead-guard (judge process). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/guard_private.h"
#include "policy/inventory_merge.h"

/* What the source told the last time, or NULL.  What no longer parses (limits of an older version) counts as nothing
 * told. */
static int
told_before(struct guard *g, const char *source, char **text, struct inventory **out, struct err *e)
{
	int rc = store_get_discovery(g->store, source, text, e);

	if (rc == -ENOENT)
		return 0;
	if (rc == 0 && inventory_parse(out, source, *text, strlen(*text), NULL) < 0)
		*out = NULL;
	return rc;
}

static bool
is_same_inventory(const struct inventory *a, const struct inventory *b)
{
	bool same = inventory_count(a) == inventory_count(b);

	for (unsigned i = 0; same && i < inventory_count(a); i++) {
		const struct server *s = inventory_get(a, i);
		int other = inventory_find(b, s->name);

		same = other >= 0 && guard_is_same_server(s, inventory_get(b, (unsigned)other));
	}
	return same;
}

int
guard_merge(struct guard *g, const char *actor, const char *source, const char *text, size_t size,
    bool remove_vanished, struct guard_import *out, struct err *e)
{
	const struct guard_discovery told = {source, text};
	struct inventory *seen = NULL, *before = NULL, *fresh = NULL;
	struct inventory_merged merged = {0};
	struct guard_import done = {0};
	char *old_text = NULL;
	int rc = inventory_parse(&seen, source, text, size, e);

	if (rc == 0)
		rc = told_before(g, source, &old_text, &before, e);
	if (rc == 0)
		rc = inventory_merge(
		    &fresh, g->inventory, before, seen, remove_vanished, &merged, e);
	if (rc == 0 && is_same_inventory(fresh, g->inventory)) {
		done.unchanged = inventory_count(fresh);
		if (old_text == NULL || strcmp(old_text, text) != 0)
			rc = store_put_discovery(g->store, source, text, e);
		inventory_free(fresh);
		fresh = NULL;
	} else if (rc == 0) {
		rc = guard_change_inventory(g, actor, "server.merge", "inventory",
		    guard_import_detail(source, text, size), fresh, NULL, &told, &done, e);
		if (rc == 0)
			fresh = NULL;
	}
	inventory_free(fresh);
	inventory_free(before);
	inventory_free(seen);
	free(old_text);
	done.vanished = merged.vanished;
	if (rc == 0)
		*out = done;
	return rc;
}
