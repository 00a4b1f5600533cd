/* SPDX-License-Identifier: ISC */
/*
 * The child that starts workers: its loop, and the packets between it and the judge.  A request is
 * u64 ticket, u16 deadline in seconds, then the encoded job; the document rides along.  A reply is
 * u64 ticket, u8 end, u8 signal, then the encoded report.  bulkhead-guard (spawner process).
 */
#ifndef POLICY_CHECK_SPAWNER_CHILD_H
#define POLICY_CHECK_SPAWNER_CHILD_H

#include "policy/check_spawner.h"

#define CHECK_SPAWNER_HEAD	  10
#define CHECK_SPAWNER_REQUEST_MAX (CHECK_SPAWNER_HEAD + CHECK_JOB_MAX)
#define CHECK_SPAWNER_REPLY_MAX	  (CHECK_SPAWNER_HEAD + CHECK_WIRE_MAX)

/* Until the judge is gone; returns the exit code. */
int check_spawner_run(int fd, int binary, const struct sandbox_user *user);

#endif
