/* SPDX-License-Identifier: ISC */
/*
 * The enforcer child as a process: drops everything but CAP_NET_ADMIN, jails itself, answers the
 * judge.
 */
#ifndef POLICY_ENFORCER_H
#define POLICY_ENFORCER_H

#include "policy/enforce.h"

/*
 * Runs until the judge closes its end of `requests`; returns the exit status.  Both descriptors are
 * SEQPACKET sockets of the child's own; all others above 2 are closed.  The first reply (id 0) says
 * whether it is ready.
 */
int enforcer_run(const struct enforce_config *cfg, int requests, int events);

#endif
