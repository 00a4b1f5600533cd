/* SPDX-License-Identifier: ISC */
/*
 * Elements as text for nft, for tables that are made again and must not be empty for a moment.
 * Pure.  bulkhead-guard (enforcer child).
 */
#ifndef POLICY_ENFORCE_TEXT_H
#define POLICY_ENFORCE_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "policy/enforce_layout.h"

/* Adds the elements to the sets of one family.  timeout_ns = time left, 0 = without end; checked by
 * enforce_layout_check() before, so that no name can say anything else to nft.  With `counts` what
 * was refused so far stands in the first key: once in all families. */
void enforce_text_elements(FILE *f, const char *family, const char *table,
    const struct plan_element *elements, unsigned count, bool counts);
/* The heartbeat, unless alive_ms is 0, and the arming of the brake. */
void enforce_text_beat(
    FILE *f, const char *family, const char *table, uint64_t alive_ms, bool armed);

#endif
