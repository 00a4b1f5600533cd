/* SPDX-License-Identifier: ISC */
/*
 * notice.sock: the guard tells responders which case each blocked link belongs to
 * (responder_wire.h).  bulkhead-guard (judge process).
 */
#ifndef POLICY_RESPONDER_FEED_H
#define POLICY_RESPONDER_FEED_H

#include <stdbool.h>

#include "base/err.h"
#include "policy/plan.h"

struct responder_feed;

/* Listens; only root, this process's user and bulkhead-notice are heard.  Before the jail. */
int responder_feed_open(struct responder_feed **out, const char *path, struct err *e);
void responder_feed_close(struct responder_feed *f);
int responder_feed_fd(const struct responder_feed *f);
/* Responders that are connected. */
unsigned responder_feed_clients(const struct responder_feed *f);
/* Who comes and goes; true when somebody came, who wants everything. */
bool responder_feed_poll(struct responder_feed *f);

/*
 * Elements of a plan: those of set BLOCKED that name a link which exists.  put: these are blocked
 * now, or no more; put_all: these and no others.  Never waits: who does not read is disconnected
 * and comes again.
 */
void responder_feed_put(
    struct responder_feed *f, const struct plan_element *elements, unsigned count, bool blocked);
void responder_feed_put_all(struct responder_feed *f, const struct plan *plan);

#endif
