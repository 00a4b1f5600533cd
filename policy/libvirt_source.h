/* SPDX-License-Identifier: ISC */
/*
 * A hypervisor's libvirt: all of its domains as servers, and when something about them has changed.  The connection
 * is read-only.  bulkhead-libvirt.
 */
#ifndef POLICY_LIBVIRT_SOURCE_H
#define POLICY_LIBVIRT_SOURCE_H

#include "policy/inventory.h"

struct libvirt_source;

/* uri NULL: libvirt's default.  0, or negative errno with *e, which has what libvirt said. */
int libvirt_source_open(struct libvirt_source **out, const char *uri, bool events, struct err *e);
void libvirt_source_close(struct libvirt_source *s);

/* Every domain, running or not; addresses also from the leases of libvirt's own networks.  The caller frees. */
int libvirt_source_read(struct libvirt_source *s, struct inventory **out, struct err *e);

/* Waits until a domain began, ended, was defined, undefined or changed its devices, at most so long.  1 = changed, 0 =
 * not, negative: the connection is lost. */
int libvirt_source_wait(struct libvirt_source *s, int64_t timeout_ns, struct err *e);

#endif
