/* SPDX-License-Identifier: ISC */
/*
 * How elements of a plan lie in our kernel tables: families, set names, keys, comments; and the
 * checks that the enforcer repeats on everything the judge asks for.  Pure.  bulkhead-guard
 * (enforcer child).
 *
 * Per family (netdev, bridge, inet) one table with, for each plan set, four hash sets: "blocked"
 * keyed by interface name, "blocked4" and "blocked6" by address, "blocked6_64" by the first 64
 * bits.
 */
#ifndef POLICY_ENFORCE_LAYOUT_H
#define POLICY_ENFORCE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "policy/enforce.h"
#include "policy/plan.h"

enum enforce_family {
	ENFORCE_FAMILY_NETDEV,
	ENFORCE_FAMILY_BRIDGE,
	ENFORCE_FAMILY_INET,
	ENFORCE_FAMILY__COUNT
};

struct enforce_family_row {
	const char *name; /* as nft writes it */
	uint8_t number;	  /* NFPROTO_X */
	enum enforce_feature needs;
};
extern const struct enforce_family_row enforce_families[ENFORCE_FAMILY__COUNT];

enum enforce_key_kind {
	ENFORCE_KEY_IFNAME,
	ENFORCE_KEY_V4,
	ENFORCE_KEY_V6,
	ENFORCE_KEY_V6_64,
	ENFORCE_KEY__COUNT
};

struct enforce_key_row {
	const char *suffix; /* of the set's name */
	const char *type;   /* as nft writes it */
	const char *match;  /* the packet's value, as nft writes it */
	uint8_t size;	    /* bytes */
};
extern const struct enforce_key_row enforce_keys[ENFORCE_KEY__COUNT];

#define ENFORCE_SET_NAME_BYTES 24
#define ENFORCE_KEY_BYTES      16
#define ENFORCE_COMMENT_BYTES  128
/* In all elements of one transaction and family; larger plans are refused. */
#define ENFORCE_KEYS_MAX PLAN_KEYS_MAX

const char *enforce_layout_set_name(char buf[ENFORCE_SET_NAME_BYTES], unsigned set, unsigned kind);

/* Which kind of key an element takes. */
enum enforce_key_kind enforce_layout_kind(const struct plan_element *element);
/* How many keys (1..256), 0 when it does not fit. */
unsigned enforce_layout_key_count(const struct plan_element *element);
/* The index-th key, enforce_keys[kind].size bytes. */
void enforce_layout_key(
    const struct plan_element *element, unsigned index, uint8_t out[ENFORCE_KEY_BYTES]);

/* "case=bh-x", and " prefix=..." where the key alone does not say which prefix it came from. */
void enforce_layout_comment(char buf[ENFORCE_COMMENT_BYTES], const struct plan_element *element);
/* The element that a kernel key belongs to.  0, or -EINVAL for one that we did not write. */
int enforce_layout_element(unsigned set, unsigned kind, const uint8_t *key, size_t key_size,
    const char *comment, struct plan_element *out);

/* Letters, digits and . _ - + @ only, 1..15 of them, not "." or ".." or "lo". */
bool enforce_layout_is_ifname(const char *ifname);
/* Letters, digits and _ only, first a letter, 1..31. */
bool enforce_layout_is_table(const char *name);

/* 0, or -EINVAL with a sentence that says what is wrong with it.  For a release only the key must
 * be sane. */
int enforce_layout_check(const struct plan_element *element, bool is_release, struct err *e);

#endif
