/* SPDX-License-Identifier: ISC */
/*
 * Our ruleset.  In each family a chain "smtp" decides about a packet to TCP port 25; base chains
 * lead there: "net" (prerouting) in bridge and inet, one "door_<link>" per tap in netdev.
 *
 *   relays -> accept     blocked (interface, address) -> count, reject with a reset
 *   (with the notice, new connections of a blocked interface are redirected: enforce_notice.c)
 *   others, if a new connection or a command line -> the brake (enforce_brake.c)
 *
 * Nothing but TCP to port 25 is ever looked at, so that a blocked server still receives mail
 * (source port 25); `accept` ends only our own hook.  No stateful match: packets of running
 * sessions are reset too. bulkhead-guard (enforcer child).
 */
#include "policy/enforce_nft.h"

#include <errno.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/enforce_brake.h"
#include "policy/enforce_layout.h"
#include "policy/enforce_notice.h"
#include "policy/enforce_odd.h"
#include "policy/enforce_text.h"

/* Before raw (-300) and so before connection tracking (-200); at ingress before flowtables (0). */
#define NET_PRIORITY  (-310)
#define DOOR_PRIORITY (-450)

struct enforce_nft {
	struct nft_ctx *ctx;
	const struct enforce_config *cfg;
};

int
enforce_nft_open(struct enforce_nft **out, const struct enforce_config *cfg, struct err *e)
{
	struct enforce_nft *nft = calloc(1, sizeof(*nft));

	if (nft != NULL)
		nft->ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (nft == NULL || nft->ctx == NULL || nft_ctx_buffer_error(nft->ctx) != 0 ||
	    nft_ctx_buffer_output(nft->ctx) != 0) {
		enforce_nft_close(nft);
		return err_set(e, -ENOMEM, "cannot start libnftables; give the guard more memory");
	}
	nft->cfg = cfg;
	*out = nft;
	return 0;
}

void
enforce_nft_close(struct enforce_nft *nft)
{
	if (nft == NULL)
		return;
	if (nft->ctx != NULL)
		nft_ctx_free(nft->ctx);
	free(nft);
}

/* A text that grows; sticky failure. */
struct script {
	FILE *file;
	char *text;
	size_t size;
};

static int
script_open(struct script *s)
{
	s->file = open_memstream(&s->text, &s->size);
	return s->file == NULL ? -ENOMEM : 0;
}

/* Runs the script as one transaction and frees it.  The text of the error is libnftables' first
 * line. */
static int
script_run(struct enforce_nft *nft, struct script *s, const char *what, struct err *e)
{
	bool failed = ferror(s->file) != 0;
	const char *said;
	int r;

	failed |= fclose(s->file) != 0;
	if (failed) {
		free(s->text);
		return err_set(e, -ENOMEM, "no memory to %s; give the guard more", what);
	}
	errno = 0;
	r = nft_run_cmd_from_buffer(nft->ctx, s->text);
	free(s->text);
	said = nft_ctx_get_error_buffer(nft->ctx);
	if (r == 0)
		return 0;
	if (strstr(said, "Operation not permitted") != NULL)
		return err_set(
		    e, -EPERM, "cannot %s: not permitted; run as root or with CAP_NET_ADMIN", what);
	r = strstr(said, "No such file or directory") != NULL ? -ENOENT : -EIO;
	return err_set(e, r, "cannot %s: nftables says \"%.*s\"; see `nft list ruleset`", what,
	    (int)strcspn(said, "\n"), said);
}

/* --- probing
 * ----------------------------------------------------------------------------------------- */

struct probe {
	const char *family, *type, *hook, *rule;
	bool has_set; /* the rule needs a dynamic set "s" */
};

static const struct probe probes[ENFORCE_FEATURE__COUNT] = {
    [ENFORCE_NETDEV_INGRESS] = {"netdev", "filter", "ingress device \"lo\"", "tcp dport 25 drop",
	false},
    [ENFORCE_NETDEV_REJECT] = {"netdev", "filter", "ingress device \"lo\"",
	"tcp dport 25 reject with tcp reset", false},
    [ENFORCE_BRIDGE] = {"bridge", "filter", "prerouting", "tcp dport 25 drop", false},
    [ENFORCE_BRIDGE_REJECT] = {"bridge", "filter", "prerouting",
	"tcp dport 25 reject with tcp reset", false},
    [ENFORCE_INET] = {"inet", "filter", "prerouting", "tcp dport 25 reject with tcp reset", false},
    [ENFORCE_NOTICE] = {"inet", "nat", "prerouting",
	"meta mark & 0x1 == 0x1 meta nfproto ipv6 tcp dport 25 dnat ip6 to [::1]:2526", false},
    [ENFORCE_BRAKE] = {"inet", "filter", "prerouting",
	"tcp dport 25 meta length < 600 update @s { iifname limit rate 30/minute burst 40 packets "
	"} "
	"accept",
	true},
};

static int
probe_one(struct enforce_nft *nft, const struct probe *p, struct err *e)
{
	struct script s;
	int r = script_open(&s);

	if (r < 0)
		return r;
	fprintf(s.file, "add table %s %s_probe\n", p->family, nft->cfg->table);
	if (p->has_set)
		fprintf(s.file,
		    "add set %s %s_probe s { type ifname; flags dynamic,timeout; timeout 1h; size "
		    "64; }\n",
		    p->family, nft->cfg->table);
	fprintf(s.file,
	    "add chain %s %s_probe c { type %s hook %s priority -90; }\n"
	    "add rule %s %s_probe c %s\n",
	    p->family, nft->cfg->table, p->type, p->hook, p->family, nft->cfg->table, p->rule);
	return script_run(nft, &s, "probe the kernel", e);
}

int
enforce_nft_probe(struct enforce_nft *nft, uint32_t *features, struct err *e)
{
	const uint32_t families =
	    1u << ENFORCE_NETDEV_INGRESS | 1u << ENFORCE_BRIDGE | 1u << ENFORCE_INET;
	uint32_t mask = 0;
	unsigned f;
	int r = 0;

	nft_ctx_set_dry_run(nft->ctx, true);
	for (f = 0; f < ENFORCE_FEATURE__COUNT && r != -EPERM; f++) {
		/* Looking would load connection tracking into a kernel that may do without. */
		if (f == ENFORCE_NOTICE && nft->cfg->notice.port == 0)
			continue;
		r = probe_one(nft, &probes[f], e);
		if (r == 0 && !nft->cfg->probe_off[f])
			mask |= 1u << f;
	}
	nft_ctx_set_dry_run(nft->ctx, false);
	if (r == -EPERM)
		return r;
	if ((mask & families) == 0)
		return err_set(e, -ENOSYS,
		    "the kernel has none of nftables' netdev, bridge and inet hooks; load "
		    "nf_tables and its "
		    "families, or run in observe mode");
	*features = mask;
	return 0;
}

/* --- the ruleset
 * ------------------------------------------------------------------------------------- */

static bool
is_covered(const struct enforce_config *cfg, unsigned index)
{
	const struct addr_prefix *p = &cfg->relays[index];
	unsigned i;

	for (i = 0; i < cfg->relay_count; i++) {
		const struct addr_prefix *other = &cfg->relays[i];
		bool wider = other->bits < p->bits || (other->bits == p->bits && i < index);

		if (i != index && wider && addr_prefix_contains(other, &p->addr))
			return true;
	}
	return false;
}

/* Interval sets refuse overlaps: only the widest relays go in. */
static void
put_relays(FILE *f, const struct enforce_config *cfg, const char *family)
{
	char text[ADDR_TEXT_BYTES];
	unsigned i;

	for (i = 0; i < 2; i++)
		fprintf(f,
		    "add set %s %s relays%s { type %s; flags interval; }\n"
		    "flush set %s %s relays%s\n",
		    family, cfg->table, i == 0 ? "4" : "6", i == 0 ? "ipv4_addr" : "ipv6_addr",
		    family, cfg->table, i == 0 ? "4" : "6");
	for (i = 0; i < cfg->relay_count; i++)
		if (!is_covered(cfg, i))
			fprintf(f, "add element %s %s relays%s { %s }\n", family, cfg->table,
			    addr_is_v4(&cfg->relays[i].addr) ? "4" : "6",
			    addr_prefix_format(text, &cfg->relays[i]));
}

/* The first `sets` of the plan's. */
static void
put_sets(FILE *f, const struct enforce_config *cfg, const char *family, unsigned sets)
{
	char name[ENFORCE_SET_NAME_BYTES], grant_limit[64];
	unsigned set, kind;

	/* Each grant's element brings its own. */
	snprintf(grant_limit, sizeof(grant_limit), "limit rate %u/hour burst %u packets",
	    ENFORCE_BRAKE_GRANT_DEFAULT, ENFORCE_BRAKE_GRANT_DEFAULT);
	for (set = 0; set < sets; set++)
		for (kind = 0; kind < ENFORCE_KEY__COUNT; kind++)
			fprintf(f, "add set %s %s %s { type %s; flags timeout; %s; }\n", family,
			    cfg->table, enforce_layout_set_name(name, set, kind),
			    enforce_keys[kind].type,
			    set == PLAN_SET_GRANTED ? grant_limit : "counter");
}

static const char *
refusal(enum enforce_family family, uint32_t features)
{
	bool rejects = family == ENFORCE_FAMILY_INET;

	if (family == ENFORCE_FAMILY_NETDEV)
		rejects = (features >> ENFORCE_NETDEV_REJECT & 1) != 0;
	if (family == ENFORCE_FAMILY_BRIDGE)
		rejects = (features >> ENFORCE_BRIDGE_REJECT & 1) != 0;
	return rejects ? "reject with tcp reset" : "drop";
}

/* The chain that decides; with `invite` new connections of blocked interfaces are redirected. */
static void
put_rules(FILE *f, const struct enforce_config *cfg, const char *family, const char *chain,
    const char *refuse, bool invite)
{
	const char *t = cfg->table;
	char name[ENFORCE_SET_NAME_BYTES];
	unsigned kind;

	fprintf(f, "add rule %s %s %s ip daddr @relays4 accept\n", family, t, chain);
	fprintf(f, "add rule %s %s %s ip6 daddr @relays6 accept\n", family, t, chain);
	if (invite)
		enforce_notice_write_invite(f, cfg, family, chain);
	for (kind = 0; kind < ENFORCE_KEY__COUNT; kind++)
		fprintf(f, "add rule %s %s %s %s @%s counter %s\n", family, t, chain,
		    enforce_keys[kind].match, enforce_layout_set_name(name, PLAN_SET_BLOCKED, kind),
		    refuse);
}

/* The door of a link decides which of its two chains it takes. */
static void
put_chains(FILE *f, const struct enforce_config *cfg, enum enforce_family family, uint32_t features)
{
	const char *name = enforce_families[family].name, *t = cfg->table;
	const char *refuse = refusal(family, features);
	bool notice = enforce_notice_is_on(cfg, features) && family != ENFORCE_FAMILY_BRIDGE;
	bool is_door = family == ENFORCE_FAMILY_NETDEV;
	bool has_brake = (features >> ENFORCE_BRAKE & 1) != 0;

	fprintf(f, "add chain %s %s smtp\nflush chain %s %s smtp\n", name, t, name, t);
	if (notice)
		enforce_notice_write(f, cfg, name, refuse);
	put_rules(f, cfg, name, "smtp", refuse, notice && !is_door);
	if (has_brake)
		enforce_brake_write_entry(f, name, t, "smtp");
	if (!is_door)
		return;
	/* Also when it is off: a door of an earlier life may still lead there. */
	fprintf(f,
	    "add chain %s %s " ENFORCE_NOTICE_CHAIN "\nflush chain %s %s " ENFORCE_NOTICE_CHAIN
	    "\n",
	    name, t, name, t);
	put_rules(f, cfg, name, ENFORCE_NOTICE_CHAIN, refuse, notice);
	if (has_brake)
		enforce_brake_write_entry(f, name, t, ENFORCE_NOTICE_CHAIN);
}

const char *
enforce_nft_door_name(char buf[ENFORCE_NFT_DOOR_BYTES], int index)
{
	snprintf(buf, ENFORCE_NFT_DOOR_BYTES, "door_%d", index);
	return buf;
}

static void
put_door(FILE *f, const char *t, const struct enforce_nft_door *d)
{
	char door[ENFORCE_NFT_DOOR_BYTES];

	enforce_nft_door_name(door, d->index);
	fprintf(f,
	    "add chain netdev %s %s { type filter hook ingress device \"%s\" priority %d; policy "
	    "accept; }\n"
	    "flush chain netdev %s %s\n"
	    "add rule netdev %s %s tcp dport 25 jump %s\n",
	    t, door, d->ifname, DOOR_PRIORITY, t, door, t, door,
	    d->notice ? ENFORCE_NOTICE_CHAIN : "smtp");
	enforce_odd_write_entry(f, t, ENFORCE_FAMILY_NETDEV, door);
}

/* What was refused so far is counted in one family: the first of them. */
static void
put_contents(FILE *f, const struct enforce_config *cfg, enum enforce_family family,
    uint32_t features, const struct enforce_nft_contents *contents)
{
	const char *name = enforce_families[family].name;
	bool first = true;
	unsigned i;

	for (i = 0; i < (unsigned)family; i++)
		first &= (features >> enforce_families[i].needs & 1) == 0;
	enforce_text_elements(
	    f, name, cfg->table, contents->elements->elements, contents->elements->count, first);
	if ((features >> ENFORCE_BRAKE & 1) != 0)
		enforce_text_beat(f, name, cfg->table, contents->alive_ms, contents->armed);
	for (i = 0; family == ENFORCE_FAMILY_NETDEV && i < contents->door_count; i++)
		put_door(f, cfg->table, &contents->doors[i]);
}

static void
put_net(FILE *f, const char *family, const char *t)
{
	fprintf(f,
	    "add chain %s %s net { type filter hook prerouting priority %d; policy accept; }\n"
	    "flush chain %s %s net\n"
	    "add rule %s %s net tcp dport 25 jump smtp\n",
	    family, t, NET_PRIORITY, family, t, family, t);
}

static void
put_family(FILE *f, const struct enforce_config *cfg, enum enforce_family family, uint32_t features,
    const struct enforce_nft_contents *contents)
{
	const char *name = enforce_families[family].name, *t = cfg->table;
	bool has_brake = (features >> ENFORCE_BRAKE & 1) != 0;

	fprintf(f, "add table %s %s\n", name, t);
	if (contents != NULL)
		fprintf(f, "delete table %s %s\nadd table %s %s\n", name, t, name, t);
	put_relays(f, cfg, name);
	put_sets(f, cfg, name, PLAN_SET__COUNT);
	if (has_brake)
		enforce_brake_write(f, cfg, family);
	enforce_odd_write(f, t, family, has_brake);
	put_chains(f, cfg, family, features);
	if (contents != NULL)
		put_contents(f, cfg, family, features, contents);
	if (family == ENFORCE_FAMILY_NETDEV)
		return;
	if (family == ENFORCE_FAMILY_INET && enforce_notice_is_on(cfg, features))
		enforce_notice_write_redirect(f, cfg);
	put_net(f, name, t);
	enforce_odd_write_entry(f, t, family, "net");
}

/* A table of ours from a time when the feature was not forced off. */
static void
remove_family(struct enforce_nft *nft, const char *family)
{
	struct script s;

	if (script_open(&s) < 0)
		return;
	fprintf(s.file, "add table %s %s\ndelete table %s %s\n", family, nft->cfg->table, family,
	    nft->cfg->table);
	(void)script_run(nft, &s, "remove a table", NULL);
}

/* What redirected in an earlier life; usually there is nothing, and that is no error. */
static void
remove_redirect(struct enforce_nft *nft)
{
	static const char *const chains[] = {"notice", "rest"};
	struct script s;
	unsigned i;

	for (i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		if (script_open(&s) < 0)
			return;
		fprintf(s.file, "flush chain inet %s %s\ndelete chain inet %s %s\n",
		    nft->cfg->table, chains[i], nft->cfg->table, chains[i]);
		(void)script_run(nft, &s, "remove a chain", NULL);
	}
}

int
enforce_nft_install(struct enforce_nft *nft, uint32_t features,
    const struct enforce_nft_contents *contents, struct err *e)
{
	struct script s;
	unsigned family;
	int r = script_open(&s);

	if (r < 0)
		return err_set(e, r, "no memory for the ruleset; give the guard more");
	for (family = 0; family < ENFORCE_FAMILY__COUNT; family++)
		if ((features >> enforce_families[family].needs & 1) != 0)
			put_family(s.file, nft->cfg, family, features, contents);
	r = script_run(nft, &s, "install the ruleset", e);
	for (family = 0; r == 0 && family < ENFORCE_FAMILY__COUNT; family++)
		if (nft->cfg->probe_off[enforce_families[family].needs])
			remove_family(nft, enforce_families[family].name);
	if (r == 0 && !enforce_notice_is_on(nft->cfg, features))
		remove_redirect(nft);
	return r;
}

int
enforce_nft_stopgap(
    struct enforce_nft *nft, uint32_t features, const struct plan *blocked, struct err *e)
{
	const struct enforce_config *cfg = nft->cfg;
	struct script s;
	unsigned family;
	int r = script_open(&s);

	if (r < 0)
		return err_set(e, r, "no memory for the ruleset; give the guard more");
	for (family = ENFORCE_FAMILY_BRIDGE; family < ENFORCE_FAMILY__COUNT; family++) {
		const char *name = enforce_families[family].name, *t = cfg->table;

		if ((features >> enforce_families[family].needs & 1) == 0)
			continue;
		fprintf(s.file, "add table %s %s\n", name, t);
		put_relays(s.file, cfg, name);
		put_sets(s.file, cfg, name, PLAN_SET_BLOCKED + 1);
		enforce_text_elements(s.file, name, t, blocked->elements, blocked->count, false);
		fprintf(s.file, "add chain %s %s smtp\nflush chain %s %s smtp\n", name, t, name, t);
		put_rules(s.file, cfg, name, "smtp", refusal(family, features), false);
		put_net(s.file, name, t);
	}
	return script_run(nft, &s, "hold what is blocked", e);
}

/* --- doors
 * ------------------------------------------------------------------------------------------- */

bool
enforce_nft_is_door(const char *chain, int *index)
{
	char end;

	return sscanf(chain, "door_%d%c", index, &end) == 1;
}

int
enforce_nft_hook(
    struct enforce_nft *nft, const struct enforce_nft_door *doors, unsigned count, struct err *e)
{
	struct script s;
	unsigned i;
	int r;

	if (count == 0)
		return 0;
	r = script_open(&s);
	if (r < 0)
		return err_set(e, r, "no memory to hook a link; give the guard more");
	for (i = 0; i < count; i++)
		put_door(s.file, nft->cfg->table, &doors[i]);
	return script_run(nft, &s, "hook a tenant's link", e);
}
