/* SPDX-License-Identifier: ISC */
/*
 * The checks that need the network: D1-D11 and M5 by DNS, U1-U6 and C1 C2 C4 by fetching pages.
 * bulkhead-check, in the worker that may use the network.
 */
#ifndef WHITELIST_CHECK_ONLINE_H
#define WHITELIST_CHECK_ONLINE_H

#include "whitelist/check_job.h"
#include "whitelist/check_page.h"
#include "whitelist/resolver.h"

/* D1-D5, D11, M5: the sending addresses. */
void check_addresses(
    const struct check_job *job, const struct resolver *dns, struct check_report *out);
/* D6-D9: what the domains publish. */
void check_records(
    const struct check_job *job, const struct resolver *dns, struct check_report *out);
/* U1-U6, C1, C2, C4.  `rules`: the text of the rules extract, or NULL. */
void check_visits(const struct check_job *job, const struct check_page_config *config,
    const char *rules, struct check_report *out);

/* True for a name that looks made by a machine from the address (D3). */
bool check_name_is_generic(const char *name, const struct addr *addr);

struct check_online_run;

/* Opens what the jail closes: resolver, certificates.  A prefix of check_allow_private counts only
 * where nothing is enforced. */
int check_online_open(struct check_online_run **out, const struct check_job *job, struct err *e);
/* All of the above. */
void check_online(struct check_online_run *run, const struct check_job *job, const char *rules,
    struct check_report *out);
void check_online_close(struct check_online_run *run);

#endif
