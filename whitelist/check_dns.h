/* SPDX-License-Identifier: ISC */
/*
 * DNS through libunbound (the only user of it), with a bound on time and queries.  bulkhead-check,
 * in the worker that may use the network.
 */
#ifndef WHITELIST_CHECK_DNS_H
#define WHITELIST_CHECK_DNS_H

#include <stddef.h>

#include "base/err.h"
#include "whitelist/resolver.h"

#define CHECK_DNS_QUERIES_MAX 300 /* of one run */
#define CHECK_DNS_QUERY_MS    5000
#define CHECK_DNS_RUN_MS      40000

struct check_dns;

struct check_dns_config {
	const char *server; /* "address[@port]", "" = /etc/resolv.conf */
	const char
	    *anchor; /* DS or DNSKEY record of the root, "" = answers are not validated here */
	unsigned queries_max;	   /* 0 = CHECK_DNS_QUERIES_MAX */
	unsigned query_ms, run_ms; /* 0 = as above */
};

/*
 * Reads what must be read from files: call it before the jail.  Its thread begins with the first
 * query, so the jail must let threads begin.
 */
int check_dns_open(struct check_dns **out, const struct check_dns_config *config, struct err *e);
void check_dns_close(struct check_dns *d);
struct resolver check_dns_resolver(struct check_dns *d);

/* Adds what one record's data says (RFC 1035 3.3, names uncompressed) to the answer; data that is malformed
 * adds nothing, or sets `cut`. */
void check_dns_read_record(
    struct resolver_answer *out, enum resolver_type type, const uint8_t *data, size_t size);

#endif
