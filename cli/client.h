/* SPDX-License-Identifier: ISC */
/*
 * Asks the guard over ctl.sock (policy/ctl.h).  bulkhead (CLI).
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "cli/command.h"

/*
 * One request, one reply.  `args` is taken; the descriptors are borrowed.  Returns 0 with *data
 * (new reference), or negative errno with a sentence that says what to do.
 */
int client_call(const struct context *ctx, const char *command, json_t *args, const int *fds,
    unsigned fd_count, json_t **data, struct err *e);

/* The same with the text of the file that the first operand names, at most `max` bytes, as args {file, text}.  An
 * empty file and one that is no text are refused as `no_text`, which ends the sentence "FILE is ...". */
int client_call_file(const struct context *ctx, const char *command, size_t max,
    const char *no_text, json_t **data, struct err *e);

/* The same for a command that answers with descriptors: the caller closes *count of them, at most
 * SOCK_FDS_MAX; none on failure. */
int client_call_files(const struct context *ctx, const char *command, json_t *args, int *fds,
    unsigned *count, json_t **data, struct err *e);

/*
 * A command that streams (policy/ctl.h): fn gets the data of each reply, borrowed, until it returns
 * non-zero, which is returned, or the guard hangs up.  `args` is taken.
 */
int client_follow(const struct context *ctx, const char *command, json_t *args,
    int (*fn)(void *arg, const json_t *data), void *arg, struct err *e);

#endif
