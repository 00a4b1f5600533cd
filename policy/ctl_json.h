/* SPDX-License-Identifier: ISC */
/*
 * The shapes of policy/ctl.h as JSON: server, score, samples, counts, application; and the
 * arguments of a call.  bulkhead-guard (judge process).
 */
#ifndef POLICY_CTL_JSON_H
#define POLICY_CTL_JSON_H

#include <jansson.h>

#include "policy/ctl.h"
#include "policy/judge.h"
#include "policy/store.h"
#include "policy/watch_grants.h"
#include "whitelist/application.h"
#include "whitelist/grant.h"

/* A string that is valid UTF-8 and free of control characters, whatever came in. */
json_t *ctl_json_text(const char *text);
/* The same, and null for "". */
json_t *ctl_json_text_or_null(const char *text);
/* ISO 8601, null for 0. */
json_t *ctl_json_time(int64_t wall_ns);
/* Whole seconds from now to `until`, null when until is 0, never negative. */
json_t *ctl_json_seconds_left(int64_t until_ns, int64_t now_ns);
/* Rounded to two decimals; null for what is not a number. */
json_t *ctl_json_points(double points);

/* Scores and samples: policy/score_json.h.  The counts of `replay --json` and two of the guard's. */
json_t *ctl_json_counts(const struct judge_counts *counts);
/* {helo, helo_at, tls_offered, tls_used} */
json_t *ctl_json_outgoing(const struct outgoing *outgoing);

/*
 * What store_case.detail holds:
 * {"counts":{},"bulk":SCORE,"abuse":SCORE,"samples":[],"recipients_5min":N,
 * "recipients_hour":N,"recipients_day":N,"estimated_share":X,"grant_id":N|null,"policy":{key:value as in the file}}, as it was when the
 * case began.  Heap text (free() it), NULL without memory.
 */
char *ctl_json_detail(const struct judge_view *view, const struct settings *settings);

/* Does a blocked server still try: refused_packets, tries_5min, last_try. */
void ctl_json_tries(json_t *out, const struct judge_view *view);

/* SERVER, from the live view; -ENOENT with *e when the index is not a server. */
int ctl_json_server(const struct guard *g, unsigned index, json_t **out, struct err *e);
/* APPLICATION, with its grant and what an approval lacks. */
json_t *ctl_json_application(const struct guard *g, const struct application *a);
/* The same with its history from the ledger, and who else shows the same evidence. */
json_t *ctl_json_application_whole(const struct guard *g, const struct application *a);
/* The grant with what is used of it, null when there is none. */
json_t *ctl_json_grant(const struct guard *g, int64_t id);
/* The watch over a grant: its newest judgement, and what the running day counted so far. */
json_t *ctl_json_pages(const struct grant_watch *w);
json_t *ctl_json_watch(const struct grant_watch *w);

/* CASE of a server or a case, as the command explain gives it. */
int ctl_explain(const struct ctl_call *call, const char *target, json_t **data, struct err *e);
/* The member "notices" of status: {hooks, waiting, retrying, sent, dead, oldest, carrier_heard_s}. */
int ctl_json_notices(const struct guard *g, json_t **out, struct err *e);

/* One line of a list of cases. */
json_t *ctl_json_case(const struct store_case *c);
/* What judging again needs of the guard: servers:[{server, tenant, plan, mode}] and grants. */
void ctl_json_add_judged(json_t *out, const struct guard *g);

/*
 * Arguments.  A missing or ill-typed one is -EINVAL and names itself; the _opt forms leave *out
 * alone when it is absent or null.  Texts are borrowed from the call.
 */
int ctl_arg_text(const struct ctl_call *call, const char *name, const char **out, struct err *e);
int ctl_arg_text_opt(
    const struct ctl_call *call, const char *name, const char **out, struct err *e);
int ctl_arg_int(const struct ctl_call *call, const char *name, int64_t *out, struct err *e);
int ctl_arg_int_opt(const struct ctl_call *call, const char *name, int64_t *out, struct err *e);
int ctl_arg_bool_opt(const struct ctl_call *call, const char *name, bool *out, struct err *e);
/* A server by the argument "server": its index, or -ENOENT with the remedy. */
int ctl_arg_server(const struct ctl_call *call, unsigned *index, struct err *e);
/* The same for a name that is at hand. */
int ctl_find_server(const struct guard *g, const char *name, unsigned *index, struct err *e);

#endif
