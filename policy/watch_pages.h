/* SPDX-License-Identifier: ISC */
/*
 * Is what was promised at the approval still so?  Compares the online results of an application with those
 * that its approval was given on (check U8).  Pure.  bulkhead-guard (judge process).
 */
#ifndef POLICY_WATCH_PAGES_H
#define POLICY_WATCH_PAGES_H

#include <jansson.h>

#include "policy/watch_grants.h"
#include "whitelist/check.h"

/* An unsubscribing that fails for so long suspends: Google asks for 48 hours, Yahoo for two days. */
#define WATCH_PAGES_SUSPEND_NS (48 * INT64_C(3600) * INT64_C(1000000000))

/*
 * Judges `now` against `then` (NULL: nothing online was known at the approval), and keeps it in w->pages_*.
 * A page that answered at the approval and fails now warns, and suspends when it has failed for
 * WATCH_PAGES_SUSPEND_NS over at least two checks; anything else that became worse only warns.  What could not
 * be asked (DNS that is silent) changes nothing.  Appends {check, about, level, then:{level, text}|null, text}
 * for each finding that became worse to `changes` (may be NULL).
 */
enum watch_level watch_pages_judge(struct grant_watch *w, const struct check_report *then,
    const struct check_report *now, int64_t now_ns, json_t *changes);

#endif
