/* SPDX-License-Identifier: ISC */
/*
 * What a server really sent in the last days, for people who decide about it: one small question, so
 * that the answer may come from whatever record is kept.  bulkhead-guard (judge process).
 */
#ifndef POLICY_TRAFFIC_H
#define POLICY_TRAFFIC_H

#include "policy/guard.h"
#include "whitelist/dossier.h"

/*
 * Fills the traffic of the server with this index; texts are borrowed from the inventory.  Without a
 * record by day, has_days is false and only today's bar is filled.  0, or -ENOENT.
 */
int traffic_get(const struct guard *g, unsigned index, struct dossier_traffic *out, struct err *e);

#endif
