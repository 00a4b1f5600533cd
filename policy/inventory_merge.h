/* SPDX-License-Identifier: ISC */
/*
 * What a hypervisor says about its servers, merged into what people said.  Pure.  bulkhead-guard.
 *
 * A source (libvirt) tells the whole of what it knows each time.  Of each list (interfaces, MACs, addresses) what it
 * told the last time goes and what it tells now comes; what people added stays.  Tenant and virtualization follow the
 * source as long as nobody changed them by hand; plan, mode, contact and language are people's alone.
 */
#ifndef POLICY_INVENTORY_MERGE_H
#define POLICY_INVENTORY_MERGE_H

#include "policy/inventory.h"

struct inventory_merged {
	unsigned vanished; /* servers that the source told of the last time and does not any more */
};

/*
 * *out = `current` with the news of a source: `before` is what it told the last time (NULL: nothing), `seen` what it
 * tells now.  Servers that vanished are removed, or kept without the interfaces that the source gave them (such names
 * are recycled) and without MACs and addresses that another server has now.  An interface that people gave to one
 * server and the source sees at another goes; a MAC or address is an error that names both.
 */
int inventory_merge(struct inventory **out, const struct inventory *current,
    const struct inventory *before, const struct inventory *seen, bool remove_vanished,
    struct inventory_merged *merged, struct err *e);

#endif
