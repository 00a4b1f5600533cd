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

/* Mailings, in signal_mailing.c. */
void signal_declared_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f);
void signal_declared_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size);
void signal_same_text_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f);
void signal_same_text_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size);
void signal_no_unsubscribe_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f);
void signal_no_unsubscribe_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size);
void signal_same_size_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f);
void signal_same_size_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size);
void signal_tenant_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f);
void signal_tenant_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size);
void signal_snowshoe_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f);
void signal_snowshoe_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size);
void signal_shared_list_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f);
void signal_shared_list_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size);
void signal_shared_name_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f);
void signal_shared_name_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size);
/* What the row "unknown-recipients" says of a server, so that no recipient counts in two rows. */
double signal_unknown_points(const struct signal_input *in);

#endif
