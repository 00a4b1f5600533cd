/* SPDX-License-Identifier: ISC */
/*
 * The guard's own history judged by one policy, or by two and compared.  bulkhead (CLI).
 */
#ifndef CLI_HISTORY_H
#define CLI_HISTORY_H

#include "base/settings.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "policy/inventory.h"
#include "whitelist/grant.h"

struct history_config {
	const struct settings *settings;
	const struct settings *today; /* NULL: nothing is compared */
	const char *inventory;	      /* path; NULL: what the guard says */
	const char *server;	      /* only this one, and its tenant's others; NULL: all */
	int64_t since_ns, until_ns;   /* 0 = no bound */
	struct progress *progress;    /* may be NULL */
};

/*
 * The files that the command line names, else those of the guard.  0 with {"version","history":
 * {"files","bytes","entries","observations","skipped_segments","damaged","unjudged","first","last"}} and
 * the members of whatif_compare() with "settings", or of whatif_report().
 */
int history_run(
    struct context *ctx, const struct history_config *cfg, json_t **data, struct err *e);

/* Servers and grants as the guard's replies name them (policy/ctl.h), for judging again.  A heap
 * array of grants (NULL: none). */
int history_read_servers(const json_t *servers, struct inventory *out, struct err *e);
int history_read_grants(const json_t *grants, struct grant **out, unsigned *count, struct err *e);

#endif
