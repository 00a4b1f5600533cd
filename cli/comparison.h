/* SPDX-License-Identifier: ISC */
/* What another policy would change, as text (policy/whatif.h has the data).  bulkhead (CLI). */
#ifndef CLI_COMPARISON_H
#define CLI_COMPARISON_H

#include <jansson.h>

#include "cli/output_text.h"

/* The object of whatif_compare() with "settings", or of whatif_report(). */
void print_comparison(const struct output *out, const json_t *data);

#endif
