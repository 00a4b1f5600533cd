/* SPDX-License-Identifier: ISC */
/*
 * SPF evaluation (RFC 7208) over a resolver, bounded by its own limits: 10 terms that look up, 2
 * void look-ups, 10 MX names, 10 PTR names.  Ours and not libspf2: that one does its own DNS with
 * its own sockets outside of our budget, and its macro parser has had heap overflows
 * (CVE-2021-33912, CVE-2021-33913) that took years to be released.  bulkhead-check.
 */
#ifndef WHITELIST_CHECK_SPF_H
#define WHITELIST_CHECK_SPF_H

#include "whitelist/resolver.h"

#define CHECK_SPF_LOOKUPS_MAX 10 /* RFC 7208 4.6.4 */
#define CHECK_SPF_VOID_MAX    2

enum check_spf_result {
	SPF_RESULT_NONE,
	SPF_RESULT_NEUTRAL,
	SPF_RESULT_PASS,
	SPF_RESULT_FAIL,
	SPF_RESULT_SOFTFAIL,
	SPF_RESULT_TEMPERROR,
	SPF_RESULT_PERMERROR,
	SPF_RESULT__COUNT
};

struct check_spf {
	enum check_spf_result result;
	unsigned lookups, voids; /* used; one more than the limit when it was exceeded */
	unsigned records;	 /* SPF records of the domain itself */
	bool pass_all;		 /* the match was an "all" with + */
	bool neutral_all;	 /* the match was an "all" with ? */
	char record[512];	 /* the domain's own, cut */
	char why[200];		 /* what matched or what went wrong */
};

void check_spf_eval(struct check_spf *out, const struct resolver *r, const struct addr *client,
    const char *domain, const char *helo);
const char *check_spf_result_name(enum check_spf_result result);

#endif
