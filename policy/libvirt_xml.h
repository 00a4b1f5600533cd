/* SPDX-License-Identifier: ISC */
/*
 * A domain of libvirt as a server of the inventory (formatdomain, libvirt.org).  bulkhead-libvirt.
 *
 * Taken is what the hypervisor's side says: target devices and MACs of interfaces, IP addresses of network filters
 * (<filterref>), of <ip> elements, and of OpenStack's metadata (nova:ip), which also names the tenant.  What the guest
 * says of itself (its agent, ARP) is not taken: it could name the address of another.
 */
#ifndef POLICY_LIBVIRT_XML_H
#define POLICY_LIBVIRT_XML_H

#include "policy/inventory.h"

/*
 * 0 with *out, or negative errno with *e.  `running`: interfaces have their devices only then.  What is over a bound
 * of the inventory or is no address is left out.  A name that is none of the inventory's becomes the domain's UUID.
 */
int libvirt_xml_server(
    const char *xml, size_t size, bool running, struct server *out, struct err *e);

/* Adds an address ("192.0.2.7"), unless the server has it already or there is no room. */
void libvirt_xml_add_address(struct server *s, const char *text);

#endif
