/* SPDX-License-Identifier: ISC */
/*
 * IPv4 and IPv6 addresses in one 16-byte form (IPv4 as ::ffff:a.b.c.d), prefixes, MACs.  Every
 * process.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#define ADDR_TEXT_BYTES 50 /* longest text of an address or prefix, with terminator */
#define ADDR_MAC_BYTES	18

struct addr {
	uint8_t bytes[16];
};

struct addr_prefix {
	struct addr addr; /* host bits zero */
	uint8_t bits;	  /* 0..128; IPv4 /24 is 120 */
};

struct mac {
	uint8_t bytes[6];
};

struct addr addr_from_v4(const uint8_t bytes[4]);
bool addr_is_v4(const struct addr *a);
bool addr_is_zero(const struct addr *a);
bool addr_equal(const struct addr *a, const struct addr *b);
int addr_compare(const struct addr *a, const struct addr *b);
/* 0 or -EINVAL. */
int addr_parse(const char *text, struct addr *out);
const char *addr_format(char buf[ADDR_TEXT_BYTES], const struct addr *a);

/* "192.0.2.0/24", "2001:db8::/64", or an address alone (all bits); host bits that are set are
 * refused. */
int addr_prefix_parse(const char *text, struct addr_prefix *out);
const char *addr_prefix_format(char buf[ADDR_TEXT_BYTES], const struct addr_prefix *p);
bool addr_prefix_contains(const struct addr_prefix *p, const struct addr *a);

int mac_parse(const char *text, struct mac *out);
const char *mac_format(char buf[ADDR_MAC_BYTES], const struct mac *m);
bool mac_is_zero(const struct mac *m);

#endif
