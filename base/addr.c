/* SPDX-License-Identifier: ISC */
/* Addresses, prefixes, MACs; see addr.h.  Every process. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t addr_v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct addr
addr_from_v4(const uint8_t bytes[4])
{
	struct addr a;

	memcpy(a.bytes, addr_v4_prefix, 12);
	memcpy(a.bytes + 12, bytes, 4);
	return a;
}

bool
addr_is_v4(const struct addr *a)
{
	return memcmp(a->bytes, addr_v4_prefix, 12) == 0;
}

bool
addr_is_zero(const struct addr *a)
{
	static const struct addr zero;

	return memcmp(a, &zero, sizeof(zero)) == 0;
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	return memcmp(a->bytes, b->bytes, 16) == 0;
}

int
addr_compare(const struct addr *a, const struct addr *b)
{
	return memcmp(a->bytes, b->bytes, 16);
}

int
addr_parse(const char *text, struct addr *out)
{
	uint8_t v4[4];
	struct addr a;

	if (inet_pton(AF_INET, text, v4) == 1)
		a = addr_from_v4(v4);
	else if (inet_pton(AF_INET6, text, a.bytes) != 1)
		return -EINVAL;
	*out = a;
	return 0;
}

const char *
addr_format(char buf[ADDR_TEXT_BYTES], const struct addr *a)
{
	if (addr_is_v4(a))
		inet_ntop(AF_INET, a->bytes + 12, buf, ADDR_TEXT_BYTES);
	else
		inet_ntop(AF_INET6, a->bytes, buf, ADDR_TEXT_BYTES);
	return buf;
}

int
addr_prefix_parse(const char *text, struct addr_prefix *out)
{
	char copy[ADDR_TEXT_BYTES];
	struct addr_prefix p;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	char *slash = strchr(copy, '/');
	if (slash != NULL)
		*slash++ = '\0';
	if (addr_parse(copy, &p.addr) != 0)
		return -EINVAL;
	unsigned width = addr_is_v4(&p.addr) ? 32 : 128;
	unsigned long bits = width;
	if (slash != NULL) {
		char *end;
		if (*slash < '0' || *slash > '9')
			return -EINVAL;
		bits = strtoul(slash, &end, 10);
		if (*end != '\0' || bits > width)
			return -EINVAL;
	}
	p.bits = (uint8_t)(bits + 128 - width);
	for (unsigned i = p.bits; i < 128; i++)
		if ((p.addr.bytes[i / 8] >> (7 - i % 8) & 1) != 0)
			return -EINVAL;
	*out = p;
	return 0;
}

const char *
addr_prefix_format(char buf[ADDR_TEXT_BYTES], const struct addr_prefix *p)
{
	bool v4 = addr_is_v4(&p->addr) && p->bits >= 96;

	addr_format(buf, &p->addr);
	if (p->bits != 128) {
		size_t n = strlen(buf);
		snprintf(buf + n, ADDR_TEXT_BYTES - n, "/%d", v4 ? p->bits - 96 : p->bits);
	}
	return buf;
}

bool
addr_prefix_contains(const struct addr_prefix *p, const struct addr *a)
{
	unsigned whole = p->bits / 8, rest = p->bits % 8;

	if (memcmp(p->addr.bytes, a->bytes, whole) != 0)
		return false;
	return rest == 0 || ((p->addr.bytes[whole] ^ a->bytes[whole]) >> (8 - rest)) == 0;
}

int
mac_parse(const char *text, struct mac *out)
{
	unsigned b[6];
	int used = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		&used) != 6 ||
	    text[used] != '\0' || used != 17)
		return -EINVAL;
	for (unsigned i = 0; i < 6; i++)
		out->bytes[i] = (uint8_t)b[i];
	return 0;
}

const char *
mac_format(char buf[ADDR_MAC_BYTES], const struct mac *m)
{
	snprintf(buf, ADDR_MAC_BYTES, "%02x:%02x:%02x:%02x:%02x:%02x", m->bytes[0], m->bytes[1],
	    m->bytes[2], m->bytes[3], m->bytes[4], m->bytes[5]);
	return buf;
}

bool
mac_is_zero(const struct mac *m)
{
	static const struct mac zero;

	return memcmp(m, &zero, sizeof(zero)) == 0;
}
