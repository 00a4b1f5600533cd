/* SPDX-License-Identifier: ISC */
/*
 * Observe or enforce: of everything, of a plan, of one server.  The most special word counts.  Pure.
 * bulkhead-guard, replay.
 */
#ifndef POLICY_MODE_H
#define POLICY_MODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/settings.h"
#include "policy/inventory.h"

/* "observe" or "enforce": of the server, else of its plan, else of everything.  The preset observe enforces nothing. */
const char *mode_of(const struct settings_policy *p, const struct server *s);
bool mode_is_enforce(const struct settings_policy *p, const struct server *s);

/*
 * The list plan_modes of the settings: items "plan observe" or "plan enforce".  next: false at its end; an item that
 * is no such pair has plan "".  The server without a plan is of the plan "default".
 */
bool mode_plan_next(
    const char **cursor, char plan[INVENTORY_PLAN_BYTES], char mode[sizeof "enforce"]);
/* 0, or -EINVAL with *e when an item is no such pair or a plan is named twice. */
int mode_plans_check(const char *list, struct err *e);
/* Gives the plan a mode ("" = none of its own) in a list of `size` bytes.  0, -EINVAL, or -ENOSPC. */
int mode_plans_set(char *list, size_t size, const char *plan, const char *mode, struct err *e);

#endif
