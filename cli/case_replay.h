/* SPDX-License-Identifier: ISC */
/*
 * A decision made again: the observations that a case kept go through the same judge, with the
 * policy of then and with that of today.  bulkhead (CLI).
 */
#ifndef CLI_CASE_REPLAY_H
#define CLI_CASE_REPLAY_H

#include "cli/command.h"

/*
 * {"case","server","verdict","begin","observations","kept":OUTCOME,"again":OUTCOME,"same",
 *  "today":OUTCOME,"today_same","changed":[{"key","then","today"}]}; OUTCOME {"verdict","question",
 * "at","points","why"}.  same: the judge comes to the case's rung and question within a minute.
 */
int case_replay(struct context *ctx, const char *target, json_t **data, struct err *e);
void print_case_replay(const struct output *out, const json_t *data);

/* Each kept observation as one object on a line of standard output. */
int case_export(struct context *ctx, const char *target, struct err *e);

#endif
