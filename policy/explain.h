/* SPDX-License-Identifier: ISC */
/*
 * A case as a text that its tenant understands, English and Russian.  Pure: JSON in, text out.
 * bulkhead-guard (judge process).
 */
#ifndef POLICY_EXPLAIN_H
#define POLICY_EXPLAIN_H

#include <jansson.h>

enum explain_lang { EXPLAIN_EN, EXPLAIN_RU, EXPLAIN__COUNT };

/*
 * All three read the members of a CASE (policy/ctl.h); absent ones are left out of the text.  Heap
 * text (free() it), NULL without memory.
 */
char *explain_grant_missing(
    const json_t *c, enum explain_lang lang); /* which grant would have helped */
char *explain_next_step(const json_t *c, enum explain_lang lang);
char *explain_text(const json_t *c, enum explain_lang lang); /* everything, several lines */

#endif
