/* SPDX-License-Identifier: ISC */
/*
 * One run of a hook: a program of the administrator's with a notice as JSON on its standard input.  Nothing here
 * waits: the caller polls.  bulkhead-notify.
 *
 * The program gets its name alone as argument, an environment of PATH, LANG, HOME and what begins with
 * BULKHEAD_ or is CREDENTIALS_DIRECTORY, the folder /, and a process group of its own, which is ended with it.  Exit
 * codes as in sysexits.h: 0 carried; 65, 67, 68 never will be (bad data, no such user, no such host); everything else
 * may work later.  The last line that it writes is kept as the error.
 */
#ifndef POLICY_NOTIFY_HOOK_H
#define POLICY_NOTIFY_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "policy/notice.h"

struct notify_hook {
	pid_t pid;		       /* 0: none runs */
	int output;		       /* what it writes; -1 when it has closed it */
	int64_t deadline_ns;	       /* monotonic; first SIGTERM, then SIGKILL */
	bool told;		       /* SIGTERM was sent */
	char line[NOTICE_ERROR_BYTES]; /* the line that it is writing */
	size_t used;
	char last[NOTICE_ERROR_BYTES]; /* the last whole line that was not empty */
};

/* Starts the program at `path` with `text` on its standard input.  0, or negative errno with *e. */
int notify_hook_start(
    struct notify_hook *h, const char *path, const char *text, size_t size, struct err *e);

/* Reads what it wrote, keeps the deadline.  true when it has ended: *result, and h->last the error ("" when sent). */
bool notify_hook_poll(struct notify_hook *h, enum notice_result *result);

/* Asks it to end within `ns`, else it is made to. */
void notify_hook_hurry(struct notify_hook *h, int64_t ns);

#endif
