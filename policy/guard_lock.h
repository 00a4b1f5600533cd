/* SPDX-License-Identifier: ISC */
/*
 * One guard for one database, and one for the tables of one network namespace: told apart before
 * anything is touched that the other one holds.  Both locks end with the process, however that
 * ends, and no child of it keeps them.  bulkhead-guard (judge process).
 */
#ifndef POLICY_GUARD_LOCK_H
#define POLICY_GUARD_LOCK_H

#include "base/err.h"

/*
 * Returns a descriptor, the lock, which the caller keeps open; or negative errno with *e filled:
 * -EADDRINUSE when another guard holds it.
 */
int guard_lock_folder(const char *state_dir, struct err *e);
/*
 * The same for the nftables tables of this name in the caller's network namespace.  To be called
 * before privileges are given up: the lock's name is open to everybody, and only what root or our own
 * user holds counts; what a stranger holds is told, and the guard starts without the lock.
 * Waits up to 5 s for the children of a guard that was just killed.
 */
int guard_lock_table(const char *table, struct err *e);

#endif
