/* SPDX-License-Identifier: ISC */
/*
 * Where the port hides.  The kernel takes one VLAN tag off (802.1Q or 802.1ad) before our hooks see
 * a frame, finds TCP behind IPv4 options and IPv6 extension headers, and the first fragment of an
 * IPv4 packet always holds the ports (it has 8 bytes or is thrown away by who receives it).  What is
 * left, for links alone (iifname), never for servers known by address:
 *
 *   one or two more tags, and 802.2 SNAP: looked into by fixed offsets
 *   still more tags, IPv4 options or IPv6 extension headers behind them, a first IPv6 fragment that
 *   ends before the port: "hidden"; such packets are dropped whole for blocked links and go to the
 *   brake for others, because no honest mail and hardly anything else looks so
 *
 * A later fragment is let pass: without the first nobody can put it together.  Dropped, not reset:
 * the kernel builds no reset for a frame that it does not read.  Relays are not looked for here.
 * bulkhead-guard (enforcer child).
 */
#include "policy/enforce_odd.h"

#include <stdarg.h>

#include "policy/enforce_brake.h"

#define TAGS  "{ 0x8100, 0x88a8, 0x9100, 0x9200 }" /* IEEE 802.1Q, 802.1ad, and two older habits */
#define BLOCK "iifname @blocked counter drop"

struct writer {
	FILE *f;
	const char *family, *table;
	bool has_brake;
};

static void __attribute__((format(printf, 3, 4)))
rule(const struct writer *w, const char *chain, const char *text, ...)
{
	va_list ap;

	fprintf(w->f, "add rule %s %s %s ", w->family, w->table, chain);
	va_start(ap, text);
	vfprintf(w->f, text, ap);
	va_end(ap);
	fputc('\n', w->f);
}

static void
chain(const struct writer *w, const char *name)
{
	fprintf(w->f, "add chain %s %s %s\nflush chain %s %s %s\n", w->family, w->table, name,
	    w->family, w->table, name);
}

/* A TCP header at bit `at` behind the network header's place. */
static void
write_tcp(const struct writer *w, const char *name, unsigned at)
{
	rule(w, name, "@nh,%u,16 != 25 return", at + 16);
	rule(w, name, BLOCK);
	if (!w->has_brake)
		return;
	rule(w, name, "@nh,%u,8 & 0x17 == 0x02 goto brake", at + 104);
	rule(w, name, "@nh,%u,8 & 0x08 == 0x08 meta length < " ENFORCE_BRAKE_SMALL " goto brake",
	    at + 104);
}

/* An IPv4 header at bit `at`. */
static void
write_deep4(const struct writer *w, const char *name, unsigned at)
{
	rule(w, name, "@nh,%u,8 != 6 return", at + 72);
	rule(w, name, "@nh,%u,16 & 0x1fff != 0 return", at + 48);
	rule(w, name, "@nh,%u,8 != 0x45 goto hidden", at);
	if (w->has_brake) /* a fragment: its flags may lie in the next one */
		rule(
		    w, name, "@nh,%u,16 & 0x2000 != 0 @nh,%u,16 25 goto hidden", at + 48, at + 176);
	write_tcp(w, name, at + 160);
}

/* An IPv6 header at bit `at`.  UDP and ICMPv6 behind one extension header are none of ours (MLD has a
 * hop-by-hop header). */
static void
write_deep6(const struct writer *w, const char *name, unsigned at)
{
	rule(w, name, "@nh,%u,8 { 0, 43, 44, 60 } @nh,%u,8 { 17, 58 } return", at + 48, at + 320);
	rule(w, name, "@nh,%u,8 { 0, 43, 44, 60 } goto hidden", at + 48);
	rule(w, name, "@nh,%u,8 != 6 return", at + 48);
	write_tcp(w, name, at + 320);
}

/* A tag's TCI (or, of 802.2, the first bytes) is where the network header would be. */
static void
write_odd(const struct writer *w)
{
	static const char *const chains[] = {
	    "snap", "odd", "deep4_4", "deep4_6", "deep8_4", "deep8_6"};

	for (unsigned i = 0; i < sizeof(chains) / sizeof(chains[0]); i++)
		chain(w, chains[i]);
	write_deep4(w, "deep4_4", 32);
	write_deep6(w, "deep4_6", 32);
	write_deep4(w, "deep8_4", 64);
	write_deep6(w, "deep8_6", 64);
	/* No rule has both a protocol and raw bytes: nft 1.0.6 aborts when it lists some of them. */
	rule(w, "snap", "@nh,0,24 != 0xaaaa03 return");
	rule(w, "snap", "@nh,48,16 0x0800 goto deep8_4");
	rule(w, "snap", "@nh,48,16 0x86dd goto deep8_6");
	rule(w, "snap", "@nh,48,16 " TAGS " goto hidden");
	rule(w, "odd", "@nh,16,16 0x0800 goto deep4_4");
	rule(w, "odd", "@nh,16,16 0x86dd goto deep4_6");
	rule(w, "odd", "@nh,16,16 < 0x0600 @nh,32,24 0xaaaa03 goto hidden");
	rule(w, "odd", "@nh,16,16 != " TAGS " return");
	rule(w, "odd", "@nh,48,16 0x0800 goto deep8_4");
	rule(w, "odd", "@nh,48,16 0x86dd goto deep8_6");
	rule(w, "odd", "@nh,48,16 " TAGS " goto hidden");
	rule(w, "odd", "@nh,48,16 < 0x0600 @nh,64,24 0xaaaa03 goto hidden");
}

void
enforce_odd_write(FILE *f, const char *table, enum enforce_family family, bool has_brake)
{
	const struct writer w = {f, enforce_families[family].name, table, has_brake};

	chain(&w, "hidden");
	rule(&w, "hidden", BLOCK);
	if (has_brake)
		rule(&w, "hidden", "goto brake");
	/* What is not TCP or has a port that can be read is decided already; a condition that cannot
	 * be looked at does not hold. */
	chain(&w, "piece");
	rule(&w, "piece", "frag frag-off != 0 return");
	rule(&w, "piece", "meta l4proto != tcp return");
	rule(&w, "piece", "tcp dport 25 return");
	rule(&w, "piece", "tcp dport != 25 return");
	rule(&w, "piece", "goto hidden");
	if (family != ENFORCE_FAMILY_INET)
		write_odd(&w);
}

void
enforce_odd_write_entry(
    FILE *f, const char *table, enum enforce_family family, const char *chain_name)
{
	const struct writer w = {.f = f, .family = enforce_families[family].name, .table = table};

	rule(&w, chain_name, "exthdr frag exists jump piece");
	if (family == ENFORCE_FAMILY_INET)
		return;
	rule(&w, chain_name, "meta protocol 0x0004 jump snap");
	rule(&w, chain_name, "meta protocol " TAGS " jump odd");
}

void
enforce_odd_write_brake(FILE *f, const char *family, const char *table, const char *chain_name)
{
	const struct writer w = {.f = f, .family = family, .table = table};

	rule(&w, chain_name, "ip frag-off & 0x2000 != 0 goto brake");
	rule(&w, chain_name, "exthdr frag exists goto brake");
}
