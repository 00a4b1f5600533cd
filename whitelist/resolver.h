/* SPDX-License-Identifier: ISC */
/*
 * What the checks ask of DNS, as an interface: check_dns.c answers with libunbound, tests with a
 * table.  bulkhead-check.
 */
#ifndef WHITELIST_RESOLVER_H
#define WHITELIST_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

#define RESOLVER_NAME_BYTES  256 /* a name in text without its last dot, with terminator */
#define RESOLVER_RECORDS_MAX 64	 /* of one answer; more set `cut` */
#define RESOLVER_POOL_BYTES  8192

/* Numbers of RFC 1035 and 3596. */
enum resolver_type {
	RESOLVER_A = 1,
	RESOLVER_PTR = 12,
	RESOLVER_MX = 15,
	RESOLVER_TXT = 16,
	RESOLVER_AAAA = 28
};

enum resolver_status {
	RESOLVER_OK,	  /* at least one record */
	RESOLVER_NO_DATA, /* the name exists, without such a record */
	RESOLVER_NO_NAME,
	RESOLVER_FAILED, /* no answer, SERVFAIL, a forged one */
	RESOLVER_BUDGET, /* this run has asked too much or too long */
	RESOLVER__COUNT
};

struct resolver_record {
	struct addr addr;    /* A, AAAA */
	uint16_t preference; /* MX */
	uint16_t text_at;    /* TXT (its strings joined), PTR, MX: where in the pool */
};

/* About 10 KB. */
struct resolver_answer {
	enum resolver_status status;
	bool cut; /* more records or text than there was room for */
	unsigned count;
	struct resolver_record records[RESOLVER_RECORDS_MAX];
	uint16_t pool_used;
	char pool[RESOLVER_POOL_BYTES];
};

struct resolver {
	void (*query)(
	    void *self, const char *name, enum resolver_type type, struct resolver_answer *out);
	void *self;
};

/* Empty answer with a status. */
void resolver_answer_init(struct resolver_answer *a, enum resolver_status status);
/* Adds a record (addr or text may be NULL); without room it sets `cut`. */
void resolver_answer_add(
    struct resolver_answer *a, const struct addr *addr, uint16_t preference, const char *text);
/* Text of record i; "" without one. */
const char *resolver_text(const struct resolver_answer *a, unsigned i);

/* Both address types of a name into out (at most max, deduplicated by nature).  Returns the status
 * of the better answer; *count is the number. */
enum resolver_status resolver_addresses(
    const struct resolver *r, const char *name, struct addr *out, unsigned max, unsigned *count);
/* d.c.b.a.in-addr.arpa, or nibbles under ip6.arpa. */
const char *resolver_reverse_name(char buf[RESOLVER_NAME_BYTES], const struct addr *a);
/* The same reversed labels beneath `zone` (DNS lists: RFC 5782). */
const char *resolver_list_name(
    char buf[RESOLVER_NAME_BYTES], const struct addr *a, const char *zone);
const char *resolver_status_text(enum resolver_status status);

#endif
