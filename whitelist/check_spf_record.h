/* SPDX-License-Identifier: ISC */
/*
 * One SPF record as terms (RFC 7208 sections 4.6.1, 5, 6), and the macros in it (section 7).
 * Pure.  bulkhead-check.
 */
#ifndef WHITELIST_CHECK_SPF_RECORD_H
#define WHITELIST_CHECK_SPF_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define CHECK_SPF_TERMS_MAX    256
#define CHECK_SPF_RECORD_BYTES 4096 /* longer ones are refused */

enum check_spf_kind {
	SPF_ALL,
	SPF_INCLUDE,
	SPF_A,
	SPF_MX,
	SPF_PTR,
	SPF_IP4,
	SPF_IP6,
	SPF_EXISTS,
	SPF__COUNT
};

struct check_spf_term {
	uint8_t kind;	/* enum check_spf_kind */
	char qualifier; /* + - ~ ? */
	uint8_t bits4, bits6;
	uint16_t spec_at, spec_length; /* of the domain-spec in the text; 0 bytes = the domain */
	struct addr_prefix net;	       /* ip4, ip6 */
};

struct check_spf_record {
	char text[CHECK_SPF_RECORD_BYTES];
	struct check_spf_term terms[CHECK_SPF_TERMS_MAX];
	unsigned count;
	uint16_t redirect_at, redirect_length; /* 0 bytes = none */
	bool has_exp;
};

/* True for "v=spf1" alone or before a space, in any case (section 4.5). */
bool check_spf_is_record(const char *text);

/* 0, or -EINVAL with what is wrong and where in why[]. */
int check_spf_parse(struct check_spf_record *out, const char *text, char *why, size_t why_size);

/* What macros stand for. */
struct check_spf_names {
	struct addr client;
	const char *sender; /* local@domain */
	const char *domain; /* of the current evaluation */
	const char *helo;
};

/* Expands a domain-spec; cut from the left to 253 characters (7.3).  0 or -EINVAL. */
int check_spf_expand(
    char *out, size_t size, const char *spec, size_t length, const struct check_spf_names *names);

#endif
