/* SPDX-License-Identifier: ISC */
/*
 * One request as text to one reply as JSON: version, command table, role, errors.  The transport is
 * ctl.c. bulkhead-guard (judge process).
 */
#ifndef POLICY_CTL_DISPATCH_H
#define POLICY_CTL_DISPATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "policy/ctl.h"

/* Refusals are written to the ledger, but nobody may fill it with them. */
struct ctl_refusals {
	struct log_limit limit;
	int64_t window_ns; /* when the running minute began */
	unsigned count;	   /* in it */
};

/*
 * Runs the request in call->guard; call->args is filled in.  Returns the reply (new reference; NULL
 * only without memory).  *nonsense becomes true when this was no request: the connection is not
 * worth keeping.
 */
json_t *ctl_dispatch(struct ctl_refusals *refusals, struct ctl_call *call, const char *text,
    size_t size, bool *nonsense);

/* The reply that carries an error. */
json_t *ctl_reply_error(const struct err *e);

/* A line in the log and, as long as they are few, an entry in the ledger. */
void ctl_note_refusal(
    struct ctl_refusals *refusals, const struct ctl_call *call, const char *command);

#endif
