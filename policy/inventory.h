/* SPDX-License-Identifier: ISC */
/*
 * Servers and whose packet is it.  A server is one virtual machine: scored, blocked and whitelisted as one.
 * Pure: text in, tables out; no clock, no I/O.  bulkhead-guard, replay.
 */
#ifndef POLICY_INVENTORY_H
#define POLICY_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "sensor/observation.h"

#define INVENTORY_NAME_BYTES   64
#define INVENTORY_PLAN_BYTES   32
#define INVENTORY_IFNAMES_MAX  8
#define INVENTORY_MACS_MAX     8
#define INVENTORY_PREFIXES_MAX 16
#define INVENTORY_SERVERS_MAX  65536

enum virtualization { VIRT_UNKNOWN, VIRT_KVM, VIRT_CONTAINER, VIRT_DEDICATED, VIRT__COUNT };

struct server {
	char name[INVENTORY_NAME_BYTES];   /* letters digits . _ : - ; unique */
	char tenant[INVENTORY_NAME_BYTES]; /* "" = unknown */
	char plan[INVENTORY_PLAN_BYTES];   /* "" = default */
	char mode[16];			   /* "", "observe" or "enforce": over the global mode */
	char contact[128];		   /* "" = unknown */
	char lang[3];			   /* "en" or "ru"; "" = en */
	uint8_t virtualization;		   /* enum virtualization */
	char ifnames[INVENTORY_IFNAMES_MAX][OBS_IFNAME_BYTES];
	unsigned ifname_count;
	struct mac macs[INVENTORY_MACS_MAX];
	unsigned mac_count;
	struct addr_prefix prefixes[INVENTORY_PREFIXES_MAX];
	unsigned prefix_count;
};

struct inventory;

int inventory_new(struct inventory **out, struct err *e);
void inventory_free(struct inventory *inv);

/*
 * Reads a whole CSV (header line: server,tenant,plan,virtualization,interfaces,macs,addresses[,contact,lang];
 * several values in a cell are separated by ';') or a JSON array of objects with the same keys (arrays for
 * the several).  All or nothing: the first bad line is an error "file:line: ..." and *out is untouched.
 * Two servers with one name, interface, MAC or overlapping prefix are an error that names both.
 */
int inventory_parse(
    struct inventory **out, const char *file, const char *text, size_t size, struct err *e);

/* Adds or replaces one server by name; the same checks.  Returns its index or negative errno. */
int inventory_put(struct inventory *inv, const struct server *server, struct err *e);
/* The same interfaces, MACs and addresses: only what people say about it may differ. */
bool inventory_is_found_alike(const struct server *a, const struct server *b);
int inventory_remove(struct inventory *inv, const char *name);

/* indexes are 0..count-1, stable until a remove */
unsigned inventory_count(const struct inventory *inv);
const struct server *inventory_get(const struct inventory *inv, unsigned index);
int inventory_find(const struct inventory *inv, const char *name); /* index or -ENOENT */
/* As a person names a server: by its name, else by an address, MAC or interface of it.  Index or -ENOENT. */
int inventory_lookup(const struct inventory *inv, const char *text);

enum inventory_match {
	INVENTORY_BY_INTERFACE,
	INVENTORY_BY_MAC,
	INVENTORY_BY_ADDRESS,
	INVENTORY_NONE
};
struct inventory_owner {
	int index; /* -1: unattributed */
	enum inventory_match by;
	bool spoofed; /* the address does not belong to the interface's (or MAC's) server */
};
/* Interface first, then MAC, then address.  `own` is the tenant's side of the session. */
struct inventory_owner inventory_resolve(
    const struct inventory *inv, const char *ifname, const struct mac *mac, const struct addr *own);

const char *virtualization_name(unsigned v); /* "kvm", "container", "dedicated", "unknown" */

#endif
