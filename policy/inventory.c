/* SPDX-License-Identifier: ISC */
/* Servers, and whose packet is it.  bulkhead-guard, replay. */
#include "policy/inventory.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* What a server can be found by, in one hash table (linear probing, at most half full). */
enum key_kind { KEY_NAME, KEY_IFNAME, KEY_MAC };

struct key {
	uint32_t owner; /* index + 1; 0 = empty */
	uint8_t kind, slot;
};

struct range { /* a prefix of a server; sorted, and never overlapping */
	struct addr_prefix prefix;
	uint32_t owner; /* index */
};

/* The newest ranges stand apart, so that an insertion moves few and an import of many is not quadratic. */
#define RECENT_MAX 512

struct ranges {
	struct range *items; /* sorted */
	size_t count, room;
};

struct inventory {
	struct server *servers;
	unsigned count, room;
	struct key *keys;
	size_t key_room, key_count; /* key_room is a power of two */
	struct ranges old, recent;  /* a range is in one of them */
	uint64_t seed;		    /* addresses of an open inventory come from strangers */
};

const char *
virtualization_name(unsigned v)
{
	static const char *const names[VIRT__COUNT] = {"unknown", "kvm", "container", "dedicated"};

	return v < VIRT__COUNT ? names[v] : "unknown";
}

int
inventory_new(struct inventory **out, struct err *e)
{
	struct inventory *inv = calloc(1, sizeof(*inv));

	if (inv == NULL)
		return err_set(e, -ENOMEM, "no memory for the inventory");
	hash_random(&inv->seed, sizeof(inv->seed));
	*out = inv;
	return 0;
}

void
inventory_free(struct inventory *inv)
{
	if (inv == NULL)
		return;
	free(inv->servers);
	free(inv->keys);
	free(inv->old.items);
	free(inv->recent.items);
	free(inv);
}

/* --- index --- */

static const void *
key_bytes(const struct server *s, unsigned kind, unsigned slot, size_t *size)
{
	switch (kind) {
	case KEY_NAME:
		*size = strlen(s->name);
		return s->name;
	case KEY_IFNAME:
		*size = strlen(s->ifnames[slot]);
		return s->ifnames[slot];
	default:
		*size = sizeof(s->macs[slot]);
		return &s->macs[slot];
	}
}

/* The place of a key: the one that holds it, or the empty one where it belongs. */
static struct key *
key_find(const struct inventory *inv, unsigned kind, const void *data, size_t size)
{
	size_t i = hash_table(inv->seed + kind, data, size) & (inv->key_room - 1);

	for (;; i = (i + 1) & (inv->key_room - 1)) {
		struct key *k = &inv->keys[i];
		size_t have;
		const void *bytes;

		if (k->owner == 0)
			return k;
		if (k->kind != kind)
			continue;
		bytes = key_bytes(&inv->servers[k->owner - 1], kind, k->slot, &have);
		if (have == size && memcmp(bytes, data, size) == 0)
			return k;
	}
}

static int
key_owner(const struct inventory *inv, unsigned kind, const void *data, size_t size)
{
	uint32_t owner = inv->key_count > 0 ? key_find(inv, kind, data, size)->owner : 0;

	return owner > 0 ? (int)owner - 1 : -ENOENT;
}

static void
key_add(struct inventory *inv, unsigned owner, unsigned kind, unsigned slot)
{
	size_t size;
	const void *bytes = key_bytes(&inv->servers[owner], kind, slot, &size);
	struct key *k = key_find(inv, kind, bytes, size);

	if (k->owner != 0)
		return;
	*k = (struct key){.owner = owner + 1, .kind = (uint8_t)kind, .slot = (uint8_t)slot};
	inv->key_count++;
}

/* Number of the first range that begins beyond `a`. */
static size_t
range_after(const struct ranges *r, const struct addr *a)
{
	size_t low = 0, high = r->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (addr_compare(&r->items[middle].prefix.addr, a) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int
range_owner_in(const struct ranges *r, const struct addr *a)
{
	size_t i = range_after(r, a);

	if (i == 0 || !addr_prefix_contains(&r->items[i - 1].prefix, a))
		return -ENOENT;
	return (int)r->items[i - 1].owner;
}

static int
range_owner(const struct inventory *inv, const struct addr *a)
{
	int owner = range_owner_in(&inv->old, a);

	return owner >= 0 ? owner : range_owner_in(&inv->recent, a);
}

/* The owner of a range that overlaps p, but for `except`; or -ENOENT. */
static int
range_overlap_in(const struct ranges *r, const struct addr_prefix *p, int except)
{
	size_t i = range_after(r, &p->addr);

	if (i > 0 && (int)r->items[i - 1].owner != except &&
	    (addr_prefix_contains(&r->items[i - 1].prefix, &p->addr) ||
		addr_prefix_contains(p, &r->items[i - 1].prefix.addr)))
		return (int)r->items[i - 1].owner;
	for (; i < r->count && addr_prefix_contains(p, &r->items[i].prefix.addr); i++)
		if ((int)r->items[i].owner != except)
			return (int)r->items[i].owner;
	return -ENOENT;
}

static int
range_overlap(const struct inventory *inv, const struct addr_prefix *p, int except)
{
	int owner = range_overlap_in(&inv->old, p, except);

	return owner >= 0 ? owner : range_overlap_in(&inv->recent, p, except);
}

/* The recent ranges go among the old ones, from the end, so that each moves once. */
static void
range_merge(struct inventory *inv)
{
	size_t i = inv->old.count, k = inv->recent.count, to = i + k;

	inv->old.count = to;
	while (k > 0) {
		const struct range *fresh = &inv->recent.items[k - 1];

		if (i > 0 &&
		    addr_compare(&inv->old.items[i - 1].prefix.addr, &fresh->prefix.addr) > 0) {
			inv->old.items[--to] = inv->old.items[--i];
		} else {
			inv->old.items[--to] = *fresh;
			k--;
		}
	}
	inv->recent.count = 0;
}

/* There is room: reserve(). */
static void
range_add(struct inventory *inv, const struct addr_prefix *prefix, unsigned owner)
{
	struct ranges *r = &inv->recent;
	size_t at;

	if (r->count == RECENT_MAX)
		range_merge(inv);
	at = range_after(r, &prefix->addr);
	memmove(&r->items[at + 1], &r->items[at], (r->count - at) * sizeof(*r->items));
	r->items[at] = (struct range){.prefix = *prefix, .owner = owner};
	r->count++;
}

static void
index_server(struct inventory *inv, unsigned owner)
{
	const struct server *s = &inv->servers[owner];

	key_add(inv, owner, KEY_NAME, 0);
	for (unsigned i = 0; i < s->ifname_count; i++)
		key_add(inv, owner, KEY_IFNAME, i);
	for (unsigned i = 0; i < s->mac_count; i++)
		key_add(inv, owner, KEY_MAC, i);
	for (unsigned i = 0; i < s->prefix_count; i++)
		range_add(inv, &s->prefixes[i], owner);
}

static void
index_rebuild(struct inventory *inv)
{
	if (inv->key_room > 0)
		memset(inv->keys, 0, inv->key_room * sizeof(*inv->keys));
	inv->key_count = 0;
	inv->old.count = inv->recent.count = 0;
	for (unsigned i = 0; i < inv->count; i++)
		index_server(inv, i);
}

/* Room for one more server with all it may have; afterwards nothing can fail. */
static int
reserve(struct inventory *inv)
{
	const size_t more = 1 + INVENTORY_IFNAMES_MAX + INVENTORY_MACS_MAX;

	if (inv->count == inv->room) {
		unsigned room = inv->room == 0 ? 16 : inv->room * 2;
		struct server *grown = realloc(inv->servers, room * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		inv->servers = grown;
		inv->room = room;
	}
	if (inv->recent.items == NULL) {
		inv->recent.items = calloc(RECENT_MAX, sizeof(*inv->recent.items));
		if (inv->recent.items == NULL)
			return -ENOMEM;
	}
	/* Whatever is recent must fit among the old ones. */
	if (inv->old.count + inv->recent.count + INVENTORY_PREFIXES_MAX > inv->old.room) {
		size_t room = inv->old.room * 2 + 4 * INVENTORY_PREFIXES_MAX;
		struct range *grown = realloc(inv->old.items, room * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		inv->old.items = grown;
		inv->old.room = room;
	}
	if ((inv->key_count + more) * 2 > inv->key_room) {
		size_t room = inv->key_room == 0 ? 128 : inv->key_room * 2;
		struct key *grown = calloc(room, sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		free(inv->keys);
		inv->keys = grown;
		inv->key_room = room;
		index_rebuild(inv);
	}
	return 0;
}

/* --- checks --- */

static bool
is_name(const char *text, size_t room)
{
	size_t length = strnlen(text, room);

	if (length == 0 || length == room)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && strchr("._:-", text[i]) == NULL)
			return false;
	return true;
}

static int
refuse_shared(const struct inventory *inv, const char *what, const char *text, const char *name,
    int other, struct err *e)
{
	const char *owner = inv->servers[other].name;

	if (strcmp(owner, name) == 0)
		return err_set(e, -EEXIST, "%s %s is given twice to server %s; name it once", what,
		    text, name);
	return err_set(e, -EEXIST,
	    "%s %s belongs to both server %s and server %s; give it to one of them", what, text,
	    owner, name);
}

static int
check_fields(const struct server *s, struct err *e)
{
	if (!is_name(s->name, sizeof(s->name)))
		return err_set(e, -EINVAL,
		    "\"%.64s\" is no name of a server; use 1 to %d letters, digits and . _ : -",
		    s->name, INVENTORY_NAME_BYTES - 1);
	if (s->plan[0] != '\0' && !is_name(s->plan, sizeof(s->plan)))
		return err_set(
		    e, -EINVAL, "server %s: \"%.32s\" is no name of a plan", s->name, s->plan);
	if (s->mode[0] != '\0' && strcmp(s->mode, "observe") != 0 &&
	    strcmp(s->mode, "enforce") != 0)
		return err_set(e, -EINVAL,
		    "server %s: mode must be observe or enforce, not \"%.16s\"", s->name, s->mode);
	if (s->lang[0] != '\0' && strcmp(s->lang, "en") != 0 && strcmp(s->lang, "ru") != 0)
		return err_set(
		    e, -EINVAL, "server %s: lang must be en or ru, not \"%.3s\"", s->name, s->lang);
	if (s->virtualization >= VIRT__COUNT || s->ifname_count > INVENTORY_IFNAMES_MAX ||
	    s->mac_count > INVENTORY_MACS_MAX || s->prefix_count > INVENTORY_PREFIXES_MAX)
		return err_set(e, -EINVAL, "server %s: a field is out of range", s->name);
	for (unsigned i = 0; i < s->ifname_count; i++)
		if (!is_name(s->ifnames[i], sizeof(s->ifnames[i])))
			return err_set(e, -EINVAL,
			    "server %s: \"%.16s\" is no name of an interface", s->name,
			    s->ifnames[i]);
	for (unsigned i = 0; i < s->mac_count; i++)
		if (mac_is_zero(&s->macs[i]))
			return err_set(e, -EINVAL, "server %s: a MAC address is all zero", s->name);
	for (unsigned i = 0; i < s->prefix_count; i++)
		if (s->prefixes[i].bits > 128)
			return err_set(e, -EINVAL, "server %s: a prefix is too long", s->name);
	return 0;
}

/* One thing twice within the server itself. */
static int
check_doubles(const struct server *s, struct err *e)
{
	char text[ADDR_TEXT_BYTES];

	for (unsigned i = 1; i < s->ifname_count; i++)
		for (unsigned k = 0; k < i; k++)
			if (strcmp(s->ifnames[i], s->ifnames[k]) == 0)
				return err_set(e, -EEXIST, "server %s: interface %s is given twice",
				    s->name, s->ifnames[i]);
	for (unsigned i = 1; i < s->mac_count; i++)
		for (unsigned k = 0; k < i; k++)
			if (memcmp(&s->macs[i], &s->macs[k], sizeof(s->macs[i])) == 0)
				return err_set(e, -EEXIST, "server %s: MAC %s is given twice",
				    s->name, mac_format(text, &s->macs[i]));
	for (unsigned i = 1; i < s->prefix_count; i++)
		for (unsigned k = 0; k < i; k++)
			if (addr_prefix_contains(&s->prefixes[i], &s->prefixes[k].addr) ||
			    addr_prefix_contains(&s->prefixes[k], &s->prefixes[i].addr))
				return err_set(e, -EEXIST, "server %s: address %s is given twice",
				    s->name, addr_prefix_format(text, &s->prefixes[i]));
	return 0;
}

/* What another server has already. */
static int
check_shared(const struct inventory *inv, const struct server *s, int except, struct err *e)
{
	char text[ADDR_TEXT_BYTES];
	int other;

	for (unsigned i = 0; i < s->ifname_count; i++) {
		other = key_owner(inv, KEY_IFNAME, s->ifnames[i], strlen(s->ifnames[i]));
		if (other >= 0 && other != except)
			return refuse_shared(inv, "interface", s->ifnames[i], s->name, other, e);
	}
	for (unsigned i = 0; i < s->mac_count; i++) {
		other = key_owner(inv, KEY_MAC, &s->macs[i], sizeof(s->macs[i]));
		if (other >= 0 && other != except)
			return refuse_shared(
			    inv, "MAC", mac_format(text, &s->macs[i]), s->name, other, e);
	}
	for (unsigned i = 0; i < s->prefix_count; i++) {
		other = range_overlap(inv, &s->prefixes[i], except);
		if (other >= 0)
			return refuse_shared(inv, "address",
			    addr_prefix_format(text, &s->prefixes[i]), s->name, other, e);
	}
	return 0;
}

bool
inventory_is_found_alike(const struct server *a, const struct server *b)
{
	if (a->ifname_count != b->ifname_count || a->mac_count != b->mac_count ||
	    a->prefix_count != b->prefix_count)
		return false;
	for (unsigned i = 0; i < a->ifname_count; i++)
		if (strcmp(a->ifnames[i], b->ifnames[i]) != 0)
			return false;
	for (unsigned i = 0; i < a->prefix_count; i++)
		if (!addr_equal(&a->prefixes[i].addr, &b->prefixes[i].addr) ||
		    a->prefixes[i].bits != b->prefixes[i].bits)
			return false;
	return memcmp(a->macs, b->macs, a->mac_count * sizeof(a->macs[0])) == 0;
}

int
inventory_put(struct inventory *inv, const struct server *server, struct err *e)
{
	int index = -ENOENT, rc = check_fields(server, e);

	if (rc == 0)
		rc = check_doubles(server, e);
	if (rc != 0)
		return rc;
	index = inventory_find(inv, server->name);
	rc = check_shared(inv, server, index, e);
	if (rc != 0)
		return rc;
	if (index < 0 && inv->count == INVENTORY_SERVERS_MAX)
		return err_set(e, -ENOSPC, "server %s is one too many: the inventory holds %d",
		    server->name, INVENTORY_SERVERS_MAX);
	if (reserve(inv) != 0)
		return err_set(e, -ENOMEM, "no memory for server %s", server->name);
	if (index >= 0) {
		bool same = inventory_is_found_alike(&inv->servers[index], server);

		inv->servers[index] = *server;
		if (!same)
			index_rebuild(inv);
		return index;
	}
	inv->servers[inv->count] = *server;
	index_server(inv, inv->count);
	return (int)inv->count++;
}

int
inventory_remove(struct inventory *inv, const char *name)
{
	int index = inventory_find(inv, name);

	if (index < 0)
		return index;
	inv->count--;
	memmove(&inv->servers[index], &inv->servers[index + 1],
	    (inv->count - (unsigned)index) * sizeof(*inv->servers));
	index_rebuild(inv);
	return 0;
}

/* --- questions --- */

unsigned
inventory_count(const struct inventory *inv)
{
	return inv->count;
}

const struct server *
inventory_get(const struct inventory *inv, unsigned index)
{
	return index < inv->count ? &inv->servers[index] : NULL;
}

int
inventory_find(const struct inventory *inv, const char *name)
{
	return key_owner(inv, KEY_NAME, name, strlen(name));
}

int
inventory_lookup(const struct inventory *inv, const char *text)
{
	int index = inventory_find(inv, text);
	struct addr address;
	struct mac mac;

	if (index < 0)
		index = key_owner(inv, KEY_IFNAME, text, strlen(text));
	if (index < 0 && mac_parse(text, &mac) == 0)
		index = key_owner(inv, KEY_MAC, &mac, sizeof(mac));
	if (index < 0 && addr_parse(text, &address) == 0)
		index = range_owner(inv, &address);
	return index < 0 ? -ENOENT : index;
}

static bool
owns_address(const struct server *s, const struct addr *own)
{
	if (s->prefix_count == 0 || addr_is_zero(own))
		return true; /* nothing is known against it */
	for (unsigned i = 0; i < s->prefix_count; i++)
		if (addr_prefix_contains(&s->prefixes[i], own))
			return true;
	return false;
}

struct inventory_owner
inventory_resolve(
    const struct inventory *inv, const char *ifname, const struct mac *mac, const struct addr *own)
{
	struct inventory_owner owner = {.index = -1, .by = INVENTORY_NONE};
	int index = -1;

	if (ifname[0] != '\0')
		index = key_owner(inv, KEY_IFNAME, ifname, strlen(ifname));
	if (index >= 0) {
		owner.by = INVENTORY_BY_INTERFACE;
	} else if (!mac_is_zero(mac)) {
		index = key_owner(inv, KEY_MAC, mac, sizeof(*mac));
		if (index >= 0)
			owner.by = INVENTORY_BY_MAC;
	}
	if (index < 0) {
		index = range_owner(inv, own);
		if (index < 0)
			return owner;
		owner.by = INVENTORY_BY_ADDRESS;
	}
	owner.index = index;
	owner.spoofed = !owns_address(&inv->servers[index], own);
	return owner;
}
