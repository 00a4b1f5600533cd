/* SPDX-License-Identifier: ISC */
/*
 * Which addresses a page check may connect to: public unicast only, so that a tenant's link cannot
 * make the worker knock on the provider's own machines (SSRF).  Pure.  bulkhead-check.
 */
#ifndef WHITELIST_CHECK_NET_H
#define WHITELIST_CHECK_NET_H

#include <stdbool.h>

#include "base/addr.h"

/* NULL for public unicast, else what the address is for: "loopback", "NAT64", ... */
const char *check_net_special(const struct addr *a);

/*
 * The same, but prefixes of `allow` pass.  Tests only: in production nothing is allowed.
 */
const char *check_net_refused(
    const struct addr *a, const struct addr_prefix *allow, unsigned allow_count);

#endif
