/* SPDX-License-Identifier: ISC */
/*
 * Mailings that several servers send together: of one tenant (split to stay below what one server
 * may), or of several tenants (snowshoe); and names that several tenants give their servers.  Fixed
 * memory each.  Pure.  bulkhead-guard, replay.
 */
#ifndef POLICY_POOL_H
#define POLICY_POOL_H

#include "policy/window.h"

#define POOL_MEMBERS_MAX 8 /* told apart; more are not needed to be sure */

struct pool; /* campaigns of one circle of servers */

/* A campaign of a pool; serial 0: none. */
struct pool_ref {
	uint32_t slot, serial;
};

struct pool_view {
	double five, hour; /* recipients of all members in 5 minutes and an hour */
	double points;	   /* of all members by WINDOW_TEST_LOOSE: do its recipients exist? >= 0 */
	double trials;	   /* how many of them were looked at */
	unsigned members;
	uint8_t kind; /* enum window_campaign_kind */
	bool declared;
};

struct pool *pool_new(uint64_t key, unsigned campaigns); /* NULL without memory */
void pool_free(struct pool *p);

/* A member's message of a campaign went to n new people. */
struct pool_ref pool_add(
    struct pool *p, const struct window_campaign *m, double n, uint64_t member, int64_t now_ns);
/* One of its members learned whether recipients exist.  The evidence halves in half_life_ns and
 * never falls below zero, like a server's own; it goes with the campaign. */
void pool_note(struct pool *p, struct pool_ref ref, const struct window_existence *seen,
    int64_t now_ns, int64_t half_life_ns);
/* What a campaign amounts to at `now`; all zero when it is gone. */
struct pool_view pool_get(struct pool *p, struct pool_ref ref, int64_t now_ns);

/* Pools by key: a hash table, at most half full.  All zero is an empty one. */
struct pool_table {
	struct pool **slot;
	size_t room, count; /* room is a power of two */
};
/* The pool of a key, made when it is first needed; NULL without memory. */
struct pool *pool_table_take(struct pool_table *t, uint64_t key, unsigned campaigns);
void pool_table_fini(struct pool_table *t);

/* Names by which servers greet, with the tenants that use them within a day.  Sets of four; a name
 * of one tenant makes room before one of several. */
#define POOL_NAME_SETS	  1024
#define POOL_NAME_WAYS	  4
#define POOL_NAME_TENANTS 4
struct pool_name {
	uint64_t name; /* 0 = empty */
	uint64_t tenants[POOL_NAME_TENANTS];
	int64_t time_ns;
	unsigned count;
};
struct pool_names {
	struct pool_name set[POOL_NAME_SETS][POOL_NAME_WAYS];
};
/* A tenant's server gave this name (not 0); returns how many tenants do, up to POOL_NAME_TENANTS. */
unsigned pool_names_add(struct pool_names *n, uint64_t name, uint64_t tenant, int64_t now_ns);

#endif
