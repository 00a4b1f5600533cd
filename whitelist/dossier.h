/* SPDX-License-Identifier: ISC */
/*
 * The dossier: one application as one self-contained HTML page for its reviewer.  No script, nothing
 * from the network, everything escaped; works offline, in print and on a phone.  bulkhead-guard.
 */
#ifndef WHITELIST_DOSSIER_H
#define WHITELIST_DOSSIER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "whitelist/check.h"

#define DOSSIER_DAYS	     30
#define DOSSIER_PICTURES_MAX (16u << 20) /* bytes of pictures in one page; the rest is only named */

struct dossier_day {
	uint64_t messages, recipients,
	    unknown; /* estimates included; unknown: rejected recipients */
};

/* The traffic of one server. */
struct dossier_traffic {
	const char *server, *tenant, *verdict;
	bool has_days;			       /* days[] was recorded */
	struct dossier_day days[DOSSIER_DAYS]; /* oldest first, the last is today */
	uint64_t recipients_hour, recipients_day;
	uint64_t accepted, rejected, deferred; /* recipients since the server is known */
	unsigned cases;			       /* blocks in these days */
	uint32_t blocked;		       /* bit N: a block began on days[N] */
};

struct dossier {
	const json_t *application; /* APPLICATION of policy/ctl.h with history and also_in */
	const struct check_report *report; /* NULL: not checked yet */
	const struct dossier_traffic *traffic;
	unsigned traffic_count;
	/* Opens stored evidence by its hash; descriptor (closed by the dossier) or negative errno. */
	int (*open_evidence)(void *arg, const char *sha256);
	void *arg;
	int64_t now_ns;
};

/* Writes the page; 0, or -EIO when f refused. */
int dossier_write(FILE *f, const struct dossier *d);

/* The parts, in their order on the page: dossier_*.c. */
void dossier_write_checks(FILE *f, const struct dossier *d);
void dossier_write_evidence(FILE *f, const struct dossier *d);
void dossier_write_traffic(FILE *f, const struct dossier *d);

/* A text of an object, "" when it is absent. */
const char *dossier_get(const json_t *object, const char *member);
unsigned long long dossier_number(const json_t *object, const char *member);

extern const char dossier_style[];

#endif
