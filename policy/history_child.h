/* SPDX-License-Identifier: ISC */
/* The history writer's own process; see history_link.h.  bulkhead-guard (history writer). */
#ifndef POLICY_HISTORY_CHILD_H
#define POLICY_HISTORY_CHILD_H

#include "base/sandbox.h"

/* Becomes the user and runs until the judge hangs up; returns the exit code. */
int history_child_run(int fd, const char *folder, const struct sandbox_user *user);

#endif
