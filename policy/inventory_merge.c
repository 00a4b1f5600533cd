/* SPDX-License-Identifier: ISC */
/* What a hypervisor says, merged into what people said; see inventory_merge.h.  Pure.  bulkhead-guard. */
#include "policy/inventory_merge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct server nobody;

/* The server of that name, or an empty one. */
static const struct server *
find(const struct inventory *inv, const char *name)
{
	int index = inv != NULL ? inventory_find(inv, name) : -ENOENT;

	return index >= 0 ? inventory_get(inv, (unsigned)index) : &nobody;
}

static bool
has_ifname(const struct server *s, const char *ifname)
{
	for (unsigned i = 0; i < s->ifname_count; i++)
		if (strcmp(s->ifnames[i], ifname) == 0)
			return true;
	return false;
}

static bool
has_mac(const struct server *s, const struct mac *mac)
{
	for (unsigned i = 0; i < s->mac_count; i++)
		if (memcmp(&s->macs[i], mac, sizeof(*mac)) == 0)
			return true;
	return false;
}

static bool
has_prefix(const struct server *s, const struct addr_prefix *p)
{
	for (unsigned i = 0; i < s->prefix_count; i++)
		if (addr_equal(&s->prefixes[i].addr, &p->addr) && s->prefixes[i].bits == p->bits)
			return true;
	return false;
}

/* What the source told the last time goes. */
static void
take_back(struct server *s, const struct server *told)
{
	unsigned to = 0;

	for (unsigned i = 0; i < s->ifname_count; i++)
		if (!has_ifname(told, s->ifnames[i]))
			memmove(s->ifnames[to++], s->ifnames[i], sizeof(s->ifnames[0]));
	s->ifname_count = to;
	to = 0;
	for (unsigned i = 0; i < s->mac_count; i++)
		if (!has_mac(told, &s->macs[i]))
			s->macs[to++] = s->macs[i];
	s->mac_count = to;
	to = 0;
	for (unsigned i = 0; i < s->prefix_count; i++)
		if (!has_prefix(told, &s->prefixes[i]))
			s->prefixes[to++] = s->prefixes[i];
	s->prefix_count = to;
}

/* Interfaces that the source sees at another server. */
static void
take_recycled(struct server *s, const struct inventory *seen)
{
	unsigned to = 0;

	for (unsigned i = 0; i < s->ifname_count; i++) {
		struct inventory_owner owner = inventory_resolve(
		    seen, s->ifnames[i], &(const struct mac){{0}}, &(const struct addr){{0}});

		if (owner.by != INVENTORY_BY_INTERFACE ||
		    strcmp(inventory_get(seen, (unsigned)owner.index)->name, s->name) == 0)
			memmove(s->ifnames[to++], s->ifnames[i], sizeof(s->ifnames[0]));
	}
	s->ifname_count = to;
}

/* What lies inside of a prefix that people gave is said by that prefix. */
static void
drop_inside(struct server *s, const struct addr_prefix *p)
{
	unsigned to = 0;

	for (unsigned i = 0; i < s->prefix_count; i++)
		if (!addr_prefix_contains(p, &s->prefixes[i].addr))
			s->prefixes[to++] = s->prefixes[i];
	s->prefix_count = to;
}

/* What it tells now comes, before what people added. */
static int
add_seen(struct server *s, const struct server *seen, struct err *e)
{
	struct server out = *s;

	memcpy(out.ifnames, seen->ifnames, sizeof(out.ifnames));
	memcpy(out.macs, seen->macs, sizeof(out.macs));
	memcpy(out.prefixes, seen->prefixes, sizeof(out.prefixes));
	out.ifname_count = seen->ifname_count;
	out.mac_count = seen->mac_count;
	out.prefix_count = seen->prefix_count;
	for (unsigned i = 0; i < s->ifname_count; i++) {
		if (has_ifname(seen, s->ifnames[i]))
			continue;
		if (out.ifname_count == INVENTORY_IFNAMES_MAX)
			goto full;
		memcpy(out.ifnames[out.ifname_count++], s->ifnames[i], sizeof(s->ifnames[0]));
	}
	for (unsigned i = 0; i < s->mac_count; i++) {
		if (has_mac(seen, &s->macs[i]))
			continue;
		if (out.mac_count == INVENTORY_MACS_MAX)
			goto full;
		out.macs[out.mac_count++] = s->macs[i];
	}
	for (unsigned i = 0; i < s->prefix_count; i++) {
		bool covered = false; /* an address inside of a prefix that is there */

		for (unsigned k = 0; k < seen->prefix_count; k++)
			covered = covered ||
				  addr_prefix_contains(&seen->prefixes[k], &s->prefixes[i].addr);
		if (covered)
			continue;
		drop_inside(&out, &s->prefixes[i]);
		if (out.prefix_count == INVENTORY_PREFIXES_MAX)
			goto full;
		out.prefixes[out.prefix_count++] = s->prefixes[i];
	}
	*s = out;
	return 0;
full:
	return err_set(e, -E2BIG,
	    "server %s has too many interfaces, MACs or addresses with those that were added by "
	    "hand; remove some",
	    s->name);
}

/* Tenant and virtualization follow the source, until somebody changes them. */
static void
follow(struct server *s, const struct server *told, const struct server *seen)
{
	if (s->tenant[0] == '\0' || strcmp(s->tenant, told->tenant) == 0)
		if (seen->tenant[0] != '\0')
			snprintf(s->tenant, sizeof(s->tenant), "%s", seen->tenant);
	if (seen->virtualization != VIRT_UNKNOWN &&
	    (s->virtualization == VIRT_UNKNOWN || s->virtualization == told->virtualization))
		s->virtualization = seen->virtualization;
}

/* A server that the source does not know (any more), beside those that it does. */
static int
put_other(struct inventory *fresh, struct server s, const struct server *told, struct err *e)
{
	int rc = inventory_put(fresh, &s, e);

	if (rc != -EEXIST || told == &nobody)
		return rc;
	take_back(&s, told);
	return inventory_put(fresh, &s, e);
}

static int
put_known(struct inventory *fresh, const struct inventory *current, const struct inventory *before,
    const struct inventory *seen, struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; rc >= 0 && i < inventory_count(seen); i++) {
		const struct server *now = inventory_get(seen, i), *told = find(before, now->name);
		int index = inventory_find(current, now->name);
		struct server s = *now;

		rc = 0;
		if (index >= 0) {
			s = *inventory_get(current, (unsigned)index);
			take_back(&s, told);
			take_recycled(&s, seen);
			rc = add_seen(&s, now, e);
			follow(&s, told, now);
		}
		if (rc == 0)
			rc = inventory_put(fresh, &s, e);
	}
	return rc < 0 ? rc : 0;
}

int
inventory_merge(struct inventory **out, const struct inventory *current,
    const struct inventory *before, const struct inventory *seen, bool remove_vanished,
    struct inventory_merged *merged, struct err *e)
{
	struct inventory_merged done = {0};
	struct inventory *fresh;
	int rc = inventory_new(&fresh, e);

	if (rc < 0)
		return rc;
	rc = put_known(fresh, current, before, seen, e);
	for (unsigned i = 0; rc >= 0 && i < inventory_count(current); i++) {
		struct server s = *inventory_get(current, i);
		const struct server *told = find(before, s.name);

		if (inventory_find(seen, s.name) >= 0)
			continue;
		done.vanished += told != &nobody;
		if (told != &nobody && remove_vanished)
			continue;
		if (told != &nobody) {
			struct server taps = {.ifname_count = told->ifname_count};

			memcpy(taps.ifnames, told->ifnames, sizeof(taps.ifnames));
			take_back(&s, &taps);
		}
		take_recycled(&s, seen);
		rc = put_other(fresh, s, told, e);
	}
	if (rc < 0) {
		inventory_free(fresh);
		return rc;
	}
	*out = fresh;
	*merged = done;
	return 0;
}
