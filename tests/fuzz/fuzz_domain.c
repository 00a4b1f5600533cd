/* SPDX-License-Identifier: ISC */
/* libvirt_xml_server(): any bytes as a domain of libvirt; what comes out must fit the inventory. */
#include <stdint.h>
#include <stdlib.h>

#include "policy/libvirt_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct inventory *inv;
	struct server s;
	struct err e;

	if (libvirt_xml_server((const char *)data, size, true, &s, &e) < 0)
		return 0;
	if (inventory_new(&inv, &e) < 0 || inventory_put(inv, &s, &e) != 0)
		abort();
	inventory_free(inv);
	inv = NULL;
	return 0;
}
