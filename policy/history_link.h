/* SPDX-License-Identifier: ISC */
/*
 * The judge's side of the history writer: a child that alone touches the disk, so that a slow one
 * never delays a verdict.  Segments are handed over without waiting; what does not fit into the
 * queue is lost, and counted.  bulkhead-guard (judge process).
 */
#ifndef POLICY_HISTORY_LINK_H
#define POLICY_HISTORY_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sandbox.h"
#include "policy/history_wire.h"

#define HISTORY_QUEUE_MAX (4u << 20) /* bytes that wait while the disk is slow */

struct history_link;

/*
 * Starts the writer over this folder, which it makes; it becomes the user.  Call before privileges
 * and file system are given up.  close: lets it write what it has, and waits for its end.
 */
int history_link_open(
    struct history_link **out, const char *folder, const struct sandbox_user *user, struct err *e);
void history_link_close(struct history_link *l);

/* Readable when the writer says something. */
int history_link_fd(const struct history_link *l);
/* Takes what it says and hands over what waits; call about once a second too.  0, or -EPIPE when the
 * writer is gone: from then on everything is lost and counted. */
int history_link_poll(struct history_link *l);

/* False: there is no room, and the segment is lost. */
bool history_link_segment(struct history_link *l, const uint8_t *segment, size_t size);
/* How long and how much; at the start and when the settings change. */
void history_link_limits(struct history_link *l, const struct history_limits *limits);
/* Keeps the observations that led to a case; those so far were handed over before. */
void history_link_keep(struct history_link *l, const struct history_keep *keep);

/* What the writer said last; all zero before. */
const struct history_report *history_link_report(const struct history_link *l);
/* True once after the writer lost a segment: the next one must begin anew. */
bool history_link_take_loss(struct history_link *l);

#endif
