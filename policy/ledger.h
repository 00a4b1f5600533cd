/* SPDX-License-Identifier: ISC */
/*
 * The ledger: every decision by machine or person, append-only, hash-chained.  bulkhead-guard.
 *
 * hash(n) = SHA-256 of "hash(n-1) LF seq LF time LF actor LF action LF subject LF detail", with 64 zeroes
 * before the first.  Text fields hold no LF.
 */
#ifndef POLICY_LEDGER_H
#define POLICY_LEDGER_H

#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"

struct store;

struct ledger_entry {
	int64_t seq; /* 1, 2, ... */
	int64_t time_ns;
	char actor[64];	   /* "guard", or "uid 0 (root)" */
	char action[48];   /* dotted, stable: "block", "release", "whitelist.approve", ... */
	char subject[96];  /* server, case or application */
	char detail[1024]; /* JSON object */
	char hash[HASH_SHA256_HEX];
};

/* The hash of an entry after `previous` (64 hex digits). */
void ledger_hash(const char *previous, const struct ledger_entry *entry, char out[HASH_SHA256_HEX]);

/* Appends inside the store's open transaction, or in one of its own.  Fills seq and hash. */
int ledger_append(struct store *st, struct ledger_entry *entry, struct err *e);

/* Walks the whole chain.  0, or -EBADMSG with the first entry that does not fit; `head` (may be NULL) must be
 * the hash of some entry, else the tail was cut. */
int ledger_verify(struct store *st, const char *head, int64_t *entries, struct err *e);

#endif
