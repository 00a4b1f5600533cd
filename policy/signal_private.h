/* SPDX-License-Identifier: ISC */
/* Rows of the table whose functions live in a file of their own.  Pure.  bulkhead-guard, replay. */
#ifndef POLICY_SIGNAL_PRIVATE_H
#define POLICY_SIGNAL_PRIVATE_H

#include "policy/signal.h"

#define SIGNAL_LN_10 2.302585093

/* Where rows begin to speak (their activation): recipients of one mailing, different domains and
 * names, and bad trials. */
#define SIGNAL_MAILING_MIN    20
#define SIGNAL_SPREAD_MIN     20
#define SIGNAL_SENDERS_MIN    10
#define SIGNAL_HELO_MIN	      4
#define SIGNAL_AUTH_MIN	      5
#define SIGNAL_COMPLAINTS_MIN 2
#define SIGNAL_NAMES_MIN      3
#define SIGNAL_UNKNOWN_MIN    7
#define SIGNAL_REMOTE_MIN     3
#define SIGNAL_CONNECT_MIN    5

typedef void signal_evaluate_fn(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f);
typedef void signal_explain_fn(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size);

/* signal_counts.c */
signal_evaluate_fn signal_volume_evaluate, signal_spread_evaluate, signal_one_way_evaluate,
    signal_helo_evaluate, signal_auth_evaluate, signal_complaints_evaluate;
signal_explain_fn signal_volume_explain, signal_spread_explain, signal_one_way_explain,
    signal_helo_explain, signal_auth_explain, signal_complaints_explain;

/* signal_trials.c */
signal_evaluate_fn signal_trials_evaluate, signal_unknown_evaluate, signal_connect_evaluate;
signal_explain_fn signal_trials_explain;

/* signal_mailing.c */
signal_evaluate_fn signal_declared_evaluate, signal_same_text_evaluate,
    signal_no_unsubscribe_evaluate, signal_same_size_evaluate, signal_tenant_evaluate,
    signal_snowshoe_evaluate, signal_shared_list_evaluate, signal_shared_name_evaluate;
signal_explain_fn signal_declared_explain, signal_same_text_explain, signal_no_unsubscribe_explain,
    signal_same_size_explain, signal_tenant_explain, signal_snowshoe_explain,
    signal_shared_list_explain, signal_shared_name_explain;

/* What the row "unknown-recipients" says of a server, so that no recipient counts in two rows. */
double signal_unknown_points(const struct signal_input *in);

/* A ring of the window as it stands (enum of window.h). */
double signal_sum(const struct signal_input *in, unsigned ring);
/* The weakest visibility among what the hour's volume was seen by: enum obs_visibility. */
uint8_t signal_weakest(const struct signal_input *in);

#endif
