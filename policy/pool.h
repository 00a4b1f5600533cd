/* SPDX-License-Identifier: ISC */
/*
 * Mailings that several servers send together: of one tenant (split to stay below what one server
 * may), or of several tenants (snowshoe).  Fixed memory each.  Pure.  bulkhead-guard, replay.
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
	unsigned members;
	uint8_t kind; /* enum window_campaign_kind */
	bool declared;
};

struct pool *pool_new(uint64_t key, unsigned campaigns); /* NULL without memory */
void pool_free(struct pool *p);
uint64_t pool_key(const struct pool *p);

/* A member's message of a campaign went to n new people. */
struct pool_ref pool_add(
    struct pool *p, const struct window_campaign *m, double n, uint64_t member, int64_t now_ns);
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

#endif
