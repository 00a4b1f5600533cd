/* SPDX-License-Identifier: ISC */
/*
 * Capture files through sensor and judge in one process, in the time of the packets: the same code
 * as live, no sockets, no privileges, the same output for the same input.  bulkhead (CLI).
 */
#ifndef CLI_REPLAY_H
#define CLI_REPLAY_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "base/settings.h"
#include "cli/progress.h"

#define REPLAY_FILES_MAX 256

struct replay_config {
	char *const *files; /* all are open at once, and read as one timeline */
	int file_count;
	const char *inventory; /* path, or NULL: every client is a server */
	const struct settings *settings;
	/* what it is compared with, the policy of today; NULL: nothing is compared */
	const struct settings *today;
	uint32_t flows_max;
	struct progress *progress; /* may be NULL */
};

/*
 * 0 with the object of `replay --json` (new reference; with `today` {"version","capture"} and the
 * members of whatif_compare()), or negative errno with *e and nothing: a
 * cut or unreadable file is a failure of the whole.
 */
int replay_run(const struct replay_config *cfg, json_t **out, struct err *e);

#endif
