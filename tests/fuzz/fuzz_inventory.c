/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the inventory parsers (CSV and JSON; the text itself says which).  What is accepted must
 * hold together: every server is found by its name, its interfaces, its MACs and its addresses.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/inventory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int truth)
{
	if (!truth)
		abort();
}

static void
check_server(const struct inventory *inv, int index)
{
	const struct server *s = inventory_get(inv, (unsigned)index);
	const struct mac no_mac = {{0}};
	const struct addr no_addr = {{0}};

	require(inventory_find(inv, s->name) == index);
	for (unsigned i = 0; i < s->ifname_count; i++)
		require(inventory_resolve(inv, s->ifnames[i], &no_mac, &no_addr).index == index);
	for (unsigned i = 0; i < s->mac_count; i++)
		require(inventory_resolve(inv, "", &s->macs[i], &no_addr).index == index);
	for (unsigned i = 0; i < s->prefix_count; i++)
		require(inventory_resolve(inv, "", &no_mac, &s->prefixes[i].addr).index == index);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + (size == 0)); /* an allocation of its own: an over-read shows */
	struct inventory *inv = NULL;
	struct server again;
	struct err e;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	if (inventory_parse(&inv, "fuzz", text, size, &e) != 0) {
		require(inv == NULL && e.code < 0 && e.text[0] != '\0');
		free(text);
		return 0;
	}
	for (unsigned i = 0; i < inventory_count(inv) && i < 64; i++)
		check_server(inv, (int)i);
	if (inventory_count(inv) > 0) { /* replacing a server by itself, and removing it */
		again = *inventory_get(inv, 0);
		require(inventory_put(inv, &again, &e) == 0);
		require(inventory_remove(inv, again.name) == 0);
		require(inventory_find(inv, again.name) < 0);
	}
	inventory_free(inv);
	free(text);
	return 0;
}
