/* SPDX-License-Identifier: ISC */
/*
 * Questions about domain names: A-labels, the organisation they belong to, free-mail providers.
 * The only user of libpsl and libidn2.  bulkhead-check.
 */
#ifndef WHITELIST_CHECK_DOMAIN_H
#define WHITELIST_CHECK_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>

/* UTF-8 or ASCII name to lower-case A-labels (RFC 5890) without a final dot; -EINVAL for what is no
 * host name of at least two labels. */
int check_domain_normalise(char *out, size_t size, const char *name);

/* The registrable domain ("shop.example.co.uk" -> "example.co.uk"), by the public suffix list that
 * libpsl carries; -ENOENT for a public suffix itself or an unknown top level. */
int check_domain_organisation(char *out, size_t size, const char *domain);

/* True when both have the same registrable domain (RFC 7489 3.1: relaxed alignment). */
bool check_domain_related(const char *a, const char *b);

/* True for a domain (or a subdomain of one) where anybody gets a mailbox. */
bool check_domain_is_freemail(const char *domain);

#endif
