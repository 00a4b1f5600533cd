/* SPDX-License-Identifier: ISC */
/*
 * bulkhead-notify's questions to the guard over ctl.sock (policy/ctl.h), on one connection that is opened again when
 * it breaks.  bulkhead-notify.
 */
#ifndef POLICY_NOTIFY_CTL_H
#define POLICY_NOTIFY_CTL_H

#include <jansson.h>

#include "base/err.h"

#define NOTIFY_CTL_PATH_BYTES 320

struct notify_ctl {
	char path[NOTIFY_CTL_PATH_BYTES];
	int fd; /* -1: not connected */
};

/*
 * One request, one reply, within ten seconds; `args` is taken.  0 with *data (new reference); -EREMOTEIO when the
 * guard refused (*code is its error's name); else negative: it was not reached, and may be asked again.
 */
int notify_ctl_ask(struct notify_ctl *c, const char *command, json_t *args, json_t **data,
    char code[32], struct err *e);
void notify_ctl_close(struct notify_ctl *c);

#endif
