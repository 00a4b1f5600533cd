/* SPDX-License-Identifier: ISC */
/*
 * The only file that knows libmaxminddb: network (AS number) and country of an address, with a
 * fixed direct-mapped cache.  Open before the sandbox (files are mapped); look-ups need no system
 * call. bulkhead-sensor and replay.
 */
#ifndef SENSOR_GEO_H
#define SENSOR_GEO_H

#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

struct geo;

struct geo_info {
	uint32_t asn;	 /* 0 = unknown */
	char country[3]; /* ISO 3166 two upper-case letters; "" = unknown */
};

/*
 * Opens the databases that are given (NULL or "": none).  Returns 0, or a negative errno with one
 * sentence: a missing file, a file that is no database, a database that has no such data.
 */
int geo_open(struct geo **out, const char *asn_path, const char *country_path, struct err *e);
void geo_close(struct geo *g);

/* What is known of the address; `g` NULL or nothing known: zeroes. */
void geo_lookup(struct geo *g, const struct addr *a, struct geo_info *out);

#endif
