/* SPDX-License-Identifier: ISC */
/*
 * Tag lists in TXT records: DMARC policies (RFC 7489 6.3) and DKIM keys (RFC 6376 3.6.1).  Pure.
 * bulkhead-check.
 */
#ifndef WHITELIST_CHECK_DMARC_H
#define WHITELIST_CHECK_DMARC_H

#include <stdbool.h>
#include <stddef.h>

struct check_dmarc {
	char policy[12];	   /* "none" "quarantine" "reject" */
	char subdomain_policy[12]; /* the same as policy when sp= is missing */
	bool reports;		   /* rua= names at least one mailto: */
	bool strict_dkim, strict_spf;
	int percent;
};

struct check_dkim_record {
	bool revoked;	 /* an empty p= */
	bool testing;	 /* t=y */
	bool ed25519;	 /* k=ed25519, else rsa */
	bool not_sha256; /* h= leaves sha256 out */
	bool not_email;	 /* s= leaves email out */
	char key[2048];	 /* base64 without blanks */
};

/*
 * The value of tag `name` in "a=b; c=d", blanks around it taken off.  Returns its length, -ENOENT
 * without it, -ENOBUFS when it does not fit.
 */
long check_tag_get(const char *text, const char *name, char *out, size_t size);

bool check_dmarc_is_record(const char *text);
/* 0, or -EINVAL with a reason: p= missing or not a policy (6.3; a missing p= with rua= is "none").
 */
int check_dmarc_parse(struct check_dmarc *out, const char *text, const char **why);

/* 0, or -EINVAL with a reason. */
int check_dkim_record_parse(struct check_dkim_record *out, const char *text, const char **why);
/* Bits of an RSA modulus inside a SubjectPublicKeyInfo or an RSAPublicKey (RFC 8017 A.1.1), given
 * as base64; 256 for an ed25519 key of the right length; 0 for what is neither. */
unsigned check_dkim_key_bits(const struct check_dkim_record *record);

#endif
