/* SPDX-License-Identifier: ISC */
/*
 * Which case a link belongs to, in fixed memory.  bulkhead-notice.
 */
#ifndef POLICY_RESPONDER_TABLE_H
#define POLICY_RESPONDER_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define RESPONDER_TABLE_MAX 16384 /* links; as many as the brake meters */

struct responder_table;

int responder_table_new(struct responder_table **out, struct err *e);
void responder_table_free(struct responder_table *t);
/* One packet of the guard (responder_wire.h); 0 or -EBADMSG.  What does not fit is left out: its
 * greeting names no case. */
int responder_table_take(struct responder_table *t, const uint8_t *data, size_t size);
/* The case of a link, "" when it is not known. */
const char *responder_table_case(const struct responder_table *t, uint32_t link);
/* Links that stand in it. */
unsigned responder_table_count(const struct responder_table *t);

#endif
