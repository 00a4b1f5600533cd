/* SPDX-License-Identifier: ISC */
/*
 * What a subcommand is: a row of the table in main.c.  Handlers return data, printers make text of
 * it, and
 * --json prints the data as it is.  bulkhead (CLI).
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/output_text.h"

#define COMMAND_OPTIONS_MAX 64 /* options on one line */

struct option {
	const char *name;  /* without the dashes; NULL ends the table */
	const char *value; /* how the help calls it; NULL: a flag */
	bool required;
	bool many; /* may be given more than once */
	const char *help;
};

struct context;

struct command {
	const char *name;     /* "server list" */
	const char *operands; /* for the help: "S", "FILE..."; "" = none */
	int min, max;	      /* operands; max -1: any number */
	const struct option *options;
	const char *summary;  /* one line */
	const char *examples; /* lines, each with its newline */
	/* Returns 0 with *data (new reference), or negative errno with *e. */
	int (*run)(struct context *ctx, json_t **data, struct err *e);
	void (*print)(struct output *out, const json_t *data);
};

/* One parsed command line; texts are borrowed from argv. */
struct context {
	const struct command *command, *table; /* the row, and the first of all rows */
	bool json;
	const char *socket, *config; /* NULL: not given */
	char **operands;
	int operand_count;
	struct {
		const struct option *option;
		const char *value; /* NULL for a flag */
	} given[COMMAND_OPTIONS_MAX];
	unsigned given_count;
	bool usage_error; /* the handler found fault with the command line: exit 2 */
};

/* The value of an option, or NULL; the nth of an option that may be given more than once. */
const char *context_get(const struct context *ctx, const char *option);
const char *context_get_nth(const struct context *ctx, const char *option, unsigned nth);
bool context_has(const struct context *ctx, const char *option);

/* Fills *e, marks the command line as wrong (exit 2) and returns -EINVAL. */
int context_usage(struct context *ctx, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The number or span (seconds) of an option; absent leaves *out alone; nonsense is context_usage().
 */
int context_number(struct context *ctx, const char *option, int64_t *out, struct err *e);
int context_span_s(struct context *ctx, const char *option, int64_t *out, struct err *e);

#endif
