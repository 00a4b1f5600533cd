/* SPDX-License-Identifier: ISC */
/*
 * The special-purpose ranges of IANA; see check_net.h.  bulkhead-check.
 *
 * Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and successors), IPv6
 * Address Space registry (only 2000::/3 is global unicast).  Ranges that carry another address
 * inside (NAT64, 6to4, Teredo, mapped, compatible) are refused as a whole: they reach it.
 */
#include "whitelist/check_net.h"

#include <string.h>

struct range {
	uint8_t bytes[16];
	uint8_t bits;
	const char *what;
};

#define V4(a, b, c, d, n, what)                                                                  \
	{                                                                                        \
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, (a), (b), (c), (d)}, 96 + (n), (what) \
	}
#define V6(a, b, c, d, n, what)                                                                   \
	{                                                                                         \
		{(a) >> 8, (a)&0xff, (b) >> 8, (b)&0xff, (c) >> 8, (c)&0xff, (d) >> 8, (d)&0xff}, \
		    (n), (what)                                                                   \
	}

static const struct range special[] = {
    V4(0, 0, 0, 0, 8, "this network (RFC 791)"),
    V4(10, 0, 0, 0, 8, "private (RFC 1918)"),
    V4(100, 64, 0, 0, 10, "shared by carriers (RFC 6598)"),
    V4(127, 0, 0, 0, 8, "loopback (RFC 1122)"),
    V4(169, 254, 0, 0, 16, "link-local, where clouds keep metadata (RFC 3927)"),
    V4(172, 16, 0, 0, 12, "private (RFC 1918)"),
    V4(192, 0, 0, 0, 24, "IETF protocol assignments (RFC 6890)"),
    V4(192, 0, 2, 0, 24, "documentation (RFC 5737)"),
    V4(192, 88, 99, 0, 24, "6to4 relay (RFC 7526)"),
    V4(192, 168, 0, 0, 16, "private (RFC 1918)"),
    V4(198, 18, 0, 0, 15, "benchmarking (RFC 2544)"),
    V4(198, 51, 100, 0, 24, "documentation (RFC 5737)"),
    V4(203, 0, 113, 0, 24, "documentation (RFC 5737)"),
    V4(224, 0, 0, 0, 4, "multicast (RFC 5771)"),
    V4(240, 0, 0, 0, 4, "reserved or broadcast (RFC 1112)"),
    V6(0x0064, 0xff9b, 0, 0, 96, "NAT64 (RFC 6052)"),
    V6(0x0064, 0xff9b, 1, 0, 48, "NAT64 (RFC 8215)"),
    V6(0x0100, 0, 0, 0, 64, "discard-only (RFC 6666)"),
    V6(0x2001, 0, 0, 0, 32, "Teredo (RFC 4380)"),
    V6(0x2001, 0, 0, 0, 23, "IETF protocol assignments (RFC 2928)"),
    V6(0x2001, 0x0db8, 0, 0, 32, "documentation (RFC 3849)"),
    V6(0x2002, 0, 0, 0, 16, "6to4 (RFC 3056)"),
    V6(0x3fff, 0, 0, 0, 20, "documentation (RFC 9637)"),
    V6(0xfc00, 0, 0, 0, 7, "unique local (RFC 4193)"),
    V6(0xfe80, 0, 0, 0, 10, "link-local (RFC 4291)"),
    V6(0xff00, 0, 0, 0, 8, "multicast (RFC 4291)"),
};

static bool
range_contains(const struct range *r, const struct addr *a)
{
	unsigned whole = r->bits / 8, rest = r->bits % 8;

	if (memcmp(r->bytes, a->bytes, whole) != 0)
		return false;
	return rest == 0 || ((r->bytes[whole] ^ a->bytes[whole]) >> (8 - rest)) == 0;
}

const char *
check_net_special(const struct addr *a)
{
	static const uint8_t loopback[16] = {[15] = 1};

	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (range_contains(&special[i], a))
			return special[i].what;
	if (addr_is_v4(a))
		return NULL;
	if (memcmp(a->bytes, loopback, sizeof(loopback)) == 0)
		return "loopback (RFC 4291)";
	if (a->bytes[0] >> 5 != 1)
		return "outside of global unicast, 2000::/3 (RFC 4291)";
	return NULL;
}

const char *
check_net_refused(const struct addr *a, const struct addr_prefix *allow, unsigned allow_count)
{
	for (unsigned i = 0; i < allow_count; i++)
		if (addr_prefix_contains(&allow[i], a))
			return NULL;
	return check_net_special(a);
}
