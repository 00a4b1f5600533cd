/* SPDX-License-Identifier: ISC */
/*
 * The brake.  One meter per source counts what a mailing cannot do without: new connections, and
 * small packets with PSH from the tenant, the shape of a command line or a final dot (in the clear
 * and under TLS alike; counting connections alone let 166,773 messages through on one).
 *
 *   throttled -> slow      granted, within its pace -> accept      observed -> count
 *   armed (or braked)      -> alive ? loose : strict
 *
 * What is over is dropped, not reset: TCP repeats it later, and nothing is lost.  Memory is bounded
 * by the sets' sizes.  A full set of interfaces fails closed; one of addresses open, so that nobody
 * who spoofs closes everybody (and only addresses of known servers get in at all), and what passed
 * so is counted by the link where it came in.  Whether a meter of addresses had room cannot be seen
 * from its outcome; so each source is first noted in a plain set of the same size and lifetime,
 * which holds every source that any of the meters holds.
 * bulkhead-guard (enforcer child).
 */
#include "policy/enforce_brake.h"

#include <string.h>

#include "base/config.h"
#include "policy/enforce_odd.h"

/* Interfaces on one host, and servers without one; an element takes 220 to 285 bytes. */
#define IFNAMES_MAX   16384
#define ADDRESSES_MAX 65536

struct level {
	const char *name;
	unsigned per_minute, burst;
};

/* A message is 1 (BDAT, pipelined) to 7 (new connection, line by line) such packets.
 * loose: some 170 to 1,200 messages a minute; above what any ungranted server is let do anyway.
 * strict: a few dozen at once, then 5 to 30 a minute: orders still flow while the guard is dead.
 * slow: a throttled server's one or two messages a minute. */
enum { LEVEL_LOOSE, LEVEL_STRICT, LEVEL_SLOW, LEVEL__COUNT };
static const struct level levels[LEVEL__COUNT] = {
    [LEVEL_LOOSE] = {"loose", 1200, 2400},
    [LEVEL_STRICT] = {"strict", 30, 40},
    [LEVEL_SLOW] = {"slow", 10, 12},
};

struct writer {
	FILE *f;
	unsigned interfaces, addresses; /* sizes of the meters */
	const char *family, *table;
	bool is_door;
	unsigned kinds; /* of keys: the door knows interfaces alone */
};

static void
rule(const struct writer *w, const char *chain, const char *suffix, const char *text)
{
	fprintf(w->f, "add rule %s %s %s%s %s\n", w->family, w->table, chain, suffix, text);
}

static void
write_sets(const struct writer *w)
{
	static const char *const flags[] = {ENFORCE_BRAKE_ALIVE, ENFORCE_BRAKE_ARMED};
	static const char *const counters[] = {
	    ENFORCE_BRAKE_EXCESS, ENFORCE_BRAKE_COUNTED, ENFORCE_BRAKE_OVERFLOW};
	unsigned i, kind;

	for (i = 0; i < 2; i++)
		fprintf(w->f, "add set %s %s %s { type ether_type; flags timeout; }\n", w->family,
		    w->table, flags[i]);
	for (i = 0; i < 3; i++)
		fprintf(w->f,
		    "add set %s %s %s { type ifname; flags dynamic,timeout; timeout 1d; size %u; "
		    "counter; }\n",
		    w->family, w->table, counters[i], w->interfaces);
	fprintf(w->f,
	    "add set %s %s seen { type ifname; flags dynamic,timeout; timeout 1h; size %u; }\n",
	    w->family, w->table, w->interfaces);
	for (kind = ENFORCE_KEY_IFNAME + 1; kind < w->kinds; kind++)
		fprintf(w->f,
		    "add set %s %s met%s { type %s; flags dynamic,timeout; timeout 1h; size %u; "
		    "}\n",
		    w->family, w->table, enforce_keys[kind].suffix, enforce_keys[kind].type,
		    w->addresses);
	for (i = 0; i < LEVEL__COUNT; i++)
		for (kind = 0; kind < w->kinds; kind++)
			fprintf(w->f,
			    "add set %s %s %s%s { type %s; flags dynamic,timeout; timeout 1h; size "
			    "%u; }\n",
			    w->family, w->table, levels[i].name, enforce_keys[kind].suffix,
			    enforce_keys[kind].type,
			    kind == ENFORCE_KEY_IFNAME ? w->interfaces : w->addresses);
}

static void
write_level(const struct writer *w, const struct level *l, unsigned kind)
{
	const char *suffix = enforce_keys[kind].suffix, *match = enforce_keys[kind].match;
	char text[200], name[32];

	if (kind != ENFORCE_KEY_IFNAME) {
		snprintf(text, sizeof(text), "update @met%s { %s } goto %s_met%s", suffix, match,
		    l->name, suffix);
		rule(w, l->name, suffix, text);
		rule(w, l->name, suffix,
		    "update @" ENFORCE_BRAKE_OVERFLOW " { iifname counter } accept");
		rule(w, l->name, suffix, "accept");
		snprintf(text, sizeof(text),
		    "update @%s%s { %s limit rate over %u/minute burst %u packets } goto surplus",
		    l->name, suffix, match, l->per_minute, l->burst);
		snprintf(name, sizeof(name), "%s_met", l->name);
		rule(w, name, suffix, text);
		rule(w, name, suffix, "accept");
		return;
	}
	snprintf(text, sizeof(text),
	    "update @%s { %s limit rate %u/minute burst %u packets } accept", l->name, match,
	    l->per_minute, l->burst);
	rule(w, l->name, "", text);
	rule(w, l->name, "", "goto surplus");
}

static void
write_levels(const struct writer *w)
{
	char text[200];
	unsigned i, kind;

	rule(w, "surplus", "", "update @" ENFORCE_BRAKE_EXCESS " { iifname counter }");
	rule(w, "surplus", "", "counter drop");
	for (kind = 0; kind < w->kinds; kind++) {
		for (i = 0; i < LEVEL__COUNT; i++)
			write_level(w, &levels[i], kind);
		snprintf(text, sizeof(text), "meta protocol @" ENFORCE_BRAKE_ALIVE " goto loose%s",
		    enforce_keys[kind].suffix);
		rule(w, "pace", enforce_keys[kind].suffix, text);
		snprintf(text, sizeof(text), "goto strict%s", enforce_keys[kind].suffix);
		rule(w, "pace", enforce_keys[kind].suffix, text);
	}
	snprintf(text, sizeof(text),
	    "update @seen { iifname limit rate %u/minute burst %u packets } accept",
	    levels[LEVEL_LOOSE].per_minute, levels[LEVEL_LOOSE].burst);
	rule(w, "tally", "", text);
	rule(w, "tally", "", "update @" ENFORCE_BRAKE_COUNTED " { iifname counter }");
}

bool
enforce_brake_is_match(const char *glob)
{
	size_t n = strcspn(glob, "*?[\\");
	char name[OBS_IFNAME_BYTES];

	if (n == 0 || n >= sizeof(name) || (glob[n] != '\0' && strcmp(glob + n, "*") != 0))
		return false;
	memcpy(name, glob, n);
	name[n] = '\0';
	return enforce_layout_is_ifname(name);
}

/* One rule per pattern that nft can match. */
static void
write_globs(const struct writer *w, const char *list, const char *verdict)
{
	char glob[64], text[160];

	while (config_list_next(&list, glob, sizeof(glob))) {
		if (!enforce_brake_is_match(glob))
			continue;
		snprintf(text, sizeof(text), "iifname \"%s\" %s", glob, verdict);
		rule(w, "brake", "", text);
	}
}

static void
write_elements(const struct writer *w, const char *chain, unsigned first, unsigned last)
{
	static const struct {
		enum plan_set set;
		const char *verdict;
	} rows[] = {
	    {PLAN_SET_THROTTLED, "goto slow"},
	    {PLAN_SET_GRANTED, "accept"}, /* beyond its pace: what everybody has */
	    {PLAN_SET_OBSERVED, "goto tally"},
	    {PLAN_SET_BRAKED, "goto pace"},
	};
	char name[ENFORCE_SET_NAME_BYTES], text[200];
	unsigned i, kind;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (kind = first; kind < last; kind++) {
			bool is_level =
			    rows[i].set == PLAN_SET_THROTTLED || rows[i].set == PLAN_SET_BRAKED;

			snprintf(text, sizeof(text), "%s @%s %s%s", enforce_keys[kind].match,
			    enforce_layout_set_name(name, rows[i].set, kind), rows[i].verdict,
			    is_level ? enforce_keys[kind].suffix : "");
			rule(w, chain, "", text);
		}
}

/* Interfaces first: who has one of its own never reaches the meters of addresses. */
static void
write_brake(const struct writer *w, const struct enforce_config *cfg)
{
	write_elements(w, "brake", ENFORCE_KEY_IFNAME, ENFORCE_KEY_IFNAME + 1);
	if (w->is_door) {
		rule(w, "brake", "", "meta protocol @" ENFORCE_BRAKE_ARMED " goto pace");
		rule(w, "brake", "", "goto tally");
		return;
	}
	write_globs(w, cfg->ignore_globs, "goto address");
	write_globs(w, cfg->tap_globs, "meta protocol @" ENFORCE_BRAKE_ARMED " goto pace");
	write_globs(w, cfg->tap_globs, "goto tally");
	rule(w, "brake", "", "goto address");
	write_elements(w, "address", ENFORCE_KEY_V4, ENFORCE_KEY__COUNT);
}

void
enforce_brake_write(FILE *f, const struct enforce_config *cfg, enum enforce_family family)
{
	static const char *const chains[] = {"brake", "address", "tally", "surplus"};
	static const char *const by_kind[] = {
	    "pace", "loose", "strict", "slow", "loose_met", "strict_met", "slow_met"};
	struct writer w = {.f = f,
	    .family = enforce_families[family].name,
	    .table = cfg->table,
	    .interfaces = cfg->meters.interfaces != 0 ? cfg->meters.interfaces : IFNAMES_MAX,
	    .addresses = cfg->meters.addresses != 0 ? cfg->meters.addresses : ADDRESSES_MAX,
	    .is_door = family == ENFORCE_FAMILY_NETDEV,
	    .kinds = family == ENFORCE_FAMILY_NETDEV ? 1 : ENFORCE_KEY__COUNT};
	unsigned i, kind;

	write_sets(&w);
	for (i = 0; i < sizeof(chains) / sizeof(chains[0]); i++)
		fprintf(f, "add chain %s %s %s\nflush chain %s %s %s\n", w.family, w.table,
		    chains[i], w.family, w.table, chains[i]);
	for (i = 0; i < sizeof(by_kind) / sizeof(by_kind[0]); i++)
		for (kind = i < 4 ? 0 : ENFORCE_KEY_IFNAME + 1; kind < w.kinds; kind++)
			fprintf(f, "add chain %s %s %s%s\nflush chain %s %s %s%s\n", w.family,
			    w.table, by_kind[i], enforce_keys[kind].suffix, w.family, w.table,
			    by_kind[i], enforce_keys[kind].suffix);
	write_levels(&w);
	write_brake(&w, cfg);
}

void
enforce_brake_write_entry(FILE *f, const char *family, const char *table, const char *chain)
{
	fprintf(f,
	    "add rule %s %s %s tcp flags & (fin | syn | rst | ack) == syn goto brake\n"
	    "add rule %s %s %s tcp flags & psh == psh meta length < " ENFORCE_BRAKE_SMALL
	    " goto brake\n",
	    family, table, chain, family, table, chain);
	enforce_odd_write_brake(f, family, table, chain);
}
