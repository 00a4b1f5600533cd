/* SPDX-License-Identifier: ISC */
/*
 * The body's unsubscribe link and what hides in the body.  bulkhead-check.
 */
#ifndef WHITELIST_CHECK_LINKS_H
#define WHITELIST_CHECK_LINKS_H

#include "whitelist/check_view.h"

/* M11, M12, M17; List-Unsubscribe and From must be in the facts already. */
void check_links(
    const struct check_job *job, const struct message_view *v, struct check_report *out);

#endif
