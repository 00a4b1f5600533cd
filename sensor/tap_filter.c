/* SPDX-License-Identifier: ISC */
/*
 * The text of the kernel filter; see tap_filter.h.  bulkhead-sensor.
 *
 * Order matters: a load beyond the end of a packet ends the whole program with "no match", so tests
 * that look into payloads stand behind those that are content with headers (an SYN has no payload
 * to look at).
 */
#include "sensor/tap_filter.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define DLT_COOKED_V2 276u

struct text {
	char *out;
	size_t size, used;
};

static void add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->used >= t->size)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->out + t->used, t->size - t->used, fmt, ap);
	va_end(ap);
	t->used += n < 0 ? t->size : (size_t)n;
}

/* "(F=25 or F=465 ...)", F being a port primitive ("port ") or a load ("link[44:2]="). */
static void
add_ports(
    struct text *t, const char *before, const char *load, const uint16_t *ports, unsigned count)
{
	add(t, "%s(", before);
	for (unsigned i = 0; i < count; i++)
		add(t, "%s%s%u", i == 0 ? "" : " or ", load, ports[i]);
	add(t, ")");
}

/*
 * What the port tests above cannot look into: pieces of TCP datagrams, and TCP behind IPv6 extension headers.
 * Of all that is not TCP only what hides two headers deep passes, and later pieces of IPv6 datagrams, whose word about
 * what they hold counts for nothing (RFC 8200 section 4.5); multicast listener reports and divided UDP over IPv4 do not.
 */
static void
add_divided(struct text *t)
{
	add(t, " or (ip[9]=6 and ip[6:2]&0x3fff!=0)");
	for (unsigned at = 6; at <= 40;
	     at += 34) /* the next header of IPv6, and of the first extension */
		add(t, "%sip6[%u]=0 or ip6[%u]=43 or ip6[%u]=44 or ip6[%u]=51 or ip6[%u]=60)",
		    at == 6 ? " or ((" : " and (ip6[40]=6 or ", at, at, at, at, at);
	add(t, ") or (ip6[6]=44 and ip6[42:2]&0xfff8!=0)");
}

/* SMTP by port, and DNS: all of TCP, but of UDP only the questions (answers are many and large);
 * ICMP's "unreachable" about a TCP packet, whose place in it is fixed. */
static void
add_by_port(struct text *t, const uint16_t *ports, unsigned count)
{
	add_ports(t, "tcp and ", "port ", ports, count);
	add(t, " or tcp port 53 or udp dst port 53"
	       " or (icmp and icmp[0]=3 and icmp[17]=6)"
	       " or (ip6 and ip6[6]=58 and ip6[40]=1 and ip6[54]=6)");
	add_divided(t);
}

/*
 * Two tags where the kernel has taken the outer one off: the cooked header says 0x8100, then come
 * tag and type (bytes 20..23), then IP.  libpcap knows no `vlan` for this link type, so the offsets
 * are written out; only IPv4 without options and IPv6 without extensions.
 */
static void
add_cooked_vlan(struct text *t, const uint16_t *ports, unsigned count)
{
	add(t,
	    " or (link[0:2]=0x8100 and ((link[22:2]=0x0800 and link[24]=0x45 and link[33]=6 and (");
	add_ports(t, "", "link[44:2]=", ports, count);
	add_ports(t, " or ", "link[46:2]=", ports, count);
	add(t, ")) or (link[22:2]=0x86dd and link[30]=6 and (");
	add_ports(t, "", "link[64:2]=", ports, count);
	add_ports(t, " or ", "link[66:2]=", ports, count);
	add(t, "))))");
}

/* "220 ", "220-", EHLO, HELO, MAIL in any case at the start of a payload. */
static void
add_words(struct text *t, const char *before, const char *load)
{
	static const unsigned words[] = {0x45484c4f, 0x48454c4f, 0x4d41494c};

	add(t, "%s(%s=0x32323020 or %s=0x3232302d", before, load, load);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		add(t, " or %s&0xdfdfdfdf=0x%x", load, words[i]);
	add(t, "))");
}

int
tap_filter_text(char *out, size_t size, uint32_t linktype, const uint16_t *ports,
    unsigned port_count, bool odd_ports)
{
	struct text t = {.out = out, .size = size};

	add(&t, "(");
	add_by_port(&t, ports, port_count);
	add(&t, ")");
	if (linktype == DLT_COOKED_V2)
		add_cooked_vlan(&t, ports, port_count);
	if (odd_ports) {
		add_words(&t, " or (ip and tcp and ", "tcp[((tcp[12:1]&0xf0)>>2):4]");
		add_words(&t, " or (ip6 and ip6[6]=6 and ", "ip6[40+((ip6[52:1]&0xf0)>>2):4]");
	}
	/* Each `vlan` moves the offsets of what follows by one tag, so it comes last, and twice for
	 * two. */
	if (linktype != DLT_COOKED_V2) {
		for (int tags = 1; tags <= 2; tags++) {
			add(&t, " or (vlan and (");
			add_by_port(&t, ports, port_count);
			add(&t, "))");
		}
	}
	return t.used < size ? 0 : -ENOBUFS;
}
