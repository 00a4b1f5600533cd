/* SPDX-License-Identifier: ISC */
/*
 * Has bulkhead-check parse a document that somebody sent: neither the CLI nor the guard reads hostile mail itself.
 * bulkhead (CLI).
 */
#ifndef CLI_WORKER_H
#define CLI_WORKER_H

#include <jansson.h>

#include "base/err.h"

/* The complaint in a mail (whitelist/complaint.h) as JSON, new reference.  0, or negative errno with *e. */
int worker_complaint(const char *mail, size_t size, json_t **out, struct err *e);

#endif
