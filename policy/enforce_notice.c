/* SPDX-License-Identifier: ISC */
/*
 * Blocked connections that are answered in words.  A new connection of a blocked interface is
 * invited: remembered by interface and source port, marked, and let past door and net; family inet,
 * which alone can, redirects it to bulkhead-notice.  Everything else is reset as before: running
 * sessions at the door (a flowtable would lead them past later chains), and what was invited but
 * not redirected (another's rules lost the mark, the link was bridged meanwhile) by the last chain.
 *
 * Only the first packet of a connection asks the set of blocked interfaces, so that its counter
 * still counts attempts.  bulkhead-guard (enforcer child).
 */
#include "policy/enforce_notice.h"

/* One bit of the packet's mark, from ingress to prerouting; cleared before the packet is routed. */
#define MARK	   "0x02000000"
#define MARK_CLEAR "0xfdffffff"
#define IS_MARKED  "meta mark & " MARK " == " MARK " "
#define IS_SYN	   "tcp flags & (fin | syn | rst | ack) == syn "
#define IS_NO_SYN  "tcp flags & (fin | syn | rst | ack) != syn "

/* An MTA that retries its queue opens some dozens at once; what is beyond is reset. */
#define PACE "60/minute burst 120 packets"
/* Interfaces on one host; connections that are being told.  A full set resets. */
#define IFNAMES_MAX 16384
#define INVITED_MAX 65536

/* Redirecting happens at -100; before the rules of others, which may redirect as well. */
#define NAT_PRIORITY  (-110)
#define REST_PRIORITY (-90)

bool
enforce_notice_is_on(const struct enforce_config *cfg, uint32_t features)
{
	return cfg->notice.port != 0 && (cfg->notice.has_v4 || cfg->notice.has_v6) &&
	       (features >> ENFORCE_NOTICE & 1) != 0 && (features >> ENFORCE_INET & 1) != 0;
}

/* The protocols that can be redirected; the other one is reset. */
static const char *
protocols(const struct enforce_config *cfg)
{
	if (cfg->notice.has_v4 && cfg->notice.has_v6)
		return "meta protocol { ip, ip6 } ";
	return cfg->notice.has_v4 ? "meta protocol ip " : "meta protocol ip6 ";
}

void
enforce_notice_write(
    FILE *f, const struct enforce_config *cfg, const char *family, const char *refuse)
{
	const char *t = cfg->table;

	fprintf(f,
	    "add set %s %s invited_pace { type ifname; flags dynamic,timeout; timeout 1h; size %d; "
	    "}\n"
	    "add set %s %s invited { type ifname . inet_service; flags dynamic,timeout; timeout "
	    "2m; size %d; }\n",
	    family, t, IFNAMES_MAX, family, t, INVITED_MAX);
	fprintf(f,
	    "add chain %s %s wave\nflush chain %s %s wave\n"
	    "add chain %s %s invite\nflush chain %s %s invite\n",
	    family, t, family, t, family, t, family, t);
	fprintf(f, "add rule %s %s wave meta mark set meta mark | " MARK " accept\n", family, t);
	fprintf(f,
	    "add rule %s %s invite update @invited_pace { iifname limit rate over " PACE " } "
	    "counter %s\n"
	    "add rule %s %s invite update @invited { iifname . tcp sport } goto wave\n"
	    "add rule %s %s invite counter %s\n",
	    family, t, refuse, family, t, family, t, refuse);
}

void
enforce_notice_write_invite(
    FILE *f, const struct enforce_config *cfg, const char *family, const char *chain)
{
	const char *t = cfg->table;

	/* What the door has invited is no news to the net. */
	fprintf(f, "add rule %s %s %s " IS_MARKED "accept\n", family, t, chain);
	fprintf(f, "add rule %s %s %s %s" IS_SYN "iifname @blocked goto invite\n", family, t, chain,
	    protocols(cfg));
	fprintf(f, "add rule %s %s %s " IS_NO_SYN "iifname . tcp sport @invited goto wave\n",
	    family, t, chain);
}

static void
write_dnat(FILE *f, const struct enforce_config *cfg, const struct addr *to, bool is_v4)
{
	char text[ADDR_TEXT_BYTES];

	addr_format(text, to);
	fprintf(f,
	    "add rule inet %s notice " IS_MARKED "meta nfproto %s tcp dport 25 dnat %s to "
	    "%s%s%s:%u\n",
	    cfg->table, is_v4 ? "ipv4" : "ipv6", is_v4 ? "ip" : "ip6", is_v4 ? "" : "[", text,
	    is_v4 ? "" : "]", cfg->notice.port);
}

void
enforce_notice_write_redirect(FILE *f, const struct enforce_config *cfg)
{
	const char *t = cfg->table;

	fprintf(f,
	    "add chain inet %s notice { type nat hook prerouting priority %d; policy accept; }\n"
	    "flush chain inet %s notice\n",
	    t, NAT_PRIORITY, t);
	if (cfg->notice.has_v4)
		write_dnat(f, cfg, &cfg->notice.v4, true);
	if (cfg->notice.has_v6)
		write_dnat(f, cfg, &cfg->notice.v6, false);
	fprintf(f,
	    "add chain inet %s rest { type filter hook prerouting priority %d; policy accept; }\n"
	    "flush chain inet %s rest\n"
	    "add rule inet %s rest " IS_MARKED "meta mark set meta mark & " MARK_CLEAR "\n"
	    "add rule inet %s rest tcp dport 25 ip daddr @relays4 accept\n"
	    "add rule inet %s rest tcp dport 25 ip6 daddr @relays6 accept\n"
	    "add rule inet %s rest tcp dport 25 iifname @blocked counter reject with tcp reset\n",
	    t, REST_PRIORITY, t, t, t, t, t);
}
