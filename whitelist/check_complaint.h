/* SPDX-License-Identifier: ISC */
/* Takes a complaint from the mail that carries it; see complaint.h.  bulkhead-check. */
#ifndef WHITELIST_CHECK_COMPLAINT_H
#define WHITELIST_CHECK_COMPLAINT_H

#include "whitelist/complaint.h"

/*
 * A multipart/report with a message/feedback-report (RFC 5965), or a mail that carries the one complained about as a
 * file (Outlook's JMRP).  What is neither has c->refused.
 */
void check_complaint(struct complaint *c, const char *data, size_t size);

#endif
