/* SPDX-License-Identifier: ISC */
/*
 * The command line: global options anywhere, subcommands of one or two words, help made from the
 * table. bulkhead (CLI).
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdio.h>

#include "cli/command.h"

enum args_wish { ARGS_RUN, ARGS_HELP, ARGS_VERSION };

/*
 * Parses argv against the table (ends with a NULL name; the first row is what runs without
 * arguments). argv is reordered.  Returns 0, or -EINVAL with *e.  With ARGS_HELP, ctx->command may
 * be NULL (all commands), and *family is the first word of a family that was named alone
 * ("server"), else NULL.
 */
int args_parse(const struct command *commands, int argc, char **argv, struct context *ctx,
    enum args_wish *wish, const char **family, struct err *e);

/* Help of everything, of one family, or of one command. */
void args_help(
    FILE *f, const struct command *commands, const char *family, const struct command *one);

#endif
