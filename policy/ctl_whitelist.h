/* SPDX-License-Identifier: ISC */
/*
 * What the whitelist's commands share: the application that a request names, its fields from the
 * arguments.  bulkhead-guard (judge process).
 */
#ifndef POLICY_CTL_WHITELIST_H
#define POLICY_CTL_WHITELIST_H

#include "policy/ctl.h"
#include "policy/guard.h"

/* A text argument, cleaned, into a field; a count likewise.  Absent leaves the field alone; 0 or
 * -EINVAL with *e. */
int ctl_take_text(
    const struct ctl_call *call, const char *name, char *field, size_t size, struct err *e);
int ctl_take_count(const struct ctl_call *call, const char *name, uint64_t *field, struct err *e);

/* Every server of the application is in the inventory, and is kept by the name it has there: 0, or
 * -ENOENT with *e. */
int ctl_check_servers(const struct guard *g, struct application *a, struct err *e);

/* The application of the argument "id"; -ENOENT with *e. */
int ctl_find_application(const struct ctl_call *call, struct application *a, struct err *e);

/* Stores the application in its new state, with the grant if there is one (else NULL), and answers
 * with it. */
int ctl_put_application(const struct ctl_call *call, const char *action, struct application *a,
    const struct grant *grant, json_t **data, struct err *e);

#endif
