/* SPDX-License-Identifier: ISC */
/*
 * How the answer to a pipelined turn splits into replies, and what it teaches about their lengths.
 * bulkhead-sensor and replay; used by sensor/tls_estimate.c and sensor/tls_estimate_path.c only.
 */
#ifndef SENSOR_TLS_ESTIMATE_SPLIT_H
#define SENSOR_TLS_ESTIMATE_SPLIT_H

#include "sensor/tls_estimate.h"

#define REPLIES_ALL ((1U << ESTIMATE__REPLIES) - 1) /* a set of enum estimate_reply */

/* Bytes on the wire of one command line, as clients write them. */
#define RCPT_LINE_MIN	  18
#define RCPT_LINE_TYPICAL 38 /* with Postfix's ORCPT about 80; learned in the session */
#define MAIL_LINE_TYPICAL 60
#define DATA_LINE	  6

/* An exchange with what is computed once for all states and paths. */
struct exchange {
	uint32_t c, s; /* bytes, both >= 1 */
	uint32_t slack;
	bool six; /* the client said DATA, QUIT or RSET */
	float ln_c, ln_s;
};

/* Recipients of a turn as its answer tells, and how well the answer fits (log-likelihood). */
struct split {
	uint16_t accepted, refused;
	float gain;
};

/* What stands in a turn beside RCPTs and their replies. */
struct turn_shape {
	uint8_t replies;   /* set of 1 << enum estimate_reply */
	bool hidden;	   /* a body is in it: the client's bytes say nothing */
	uint32_t commands; /* bytes of its RCPT lines, when not hidden */
};

/* How well a reply fits the length that the path knows; 0 = it knows none. */
float split_reply_gain(uint8_t known, const struct exchange *x, uint32_t tolerance);
/* How well the answer to one RCPT fits `to`, ESTIMATE_RCPT or ESTIMATE_RCPT_REFUSED. */
float split_recipient_gain(
    const struct estimate_path *p, enum estimate_state to, const struct exchange *x);
struct split split_turn(
    const struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape);
/* The same where no recipient was taken. */
struct split split_refused(
    const struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape);
/* The path takes over what the turn, split like this, says about lengths. */
void split_learn(struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape,
    const struct split *split);
/* A reply stood alone: its length is a fact from now on. */
void split_know(struct estimate_path *p, enum estimate_reply reply, uint32_t bytes);
/* A typical refusal of a recipient in this session, in bytes; 0 = none seen. */
uint32_t split_refusal(const struct estimate_path *p);
/* The answer is as long as the newest one to a pipelined turn. */
bool split_is_repeat(const struct estimate_path *p, const struct exchange *x);
/* Known and not a guess. */
bool split_is_sure(const struct estimate_path *p, enum estimate_reply reply);

/* The path's client sends bodies in one turn with RCPTs: its lines cannot be seen any more. */
void split_hides(struct estimate_path *p);
/* It sent a message, envelope and all, in this turn; or in this one and the one before. */
void split_took_one_turn(struct estimate_path *p, const struct exchange *x);
void split_took_parts(struct estimate_path *p, const struct exchange *x);
/* How well that agrees with its other messages (log-likelihood, <= 0). */
float split_one_turn_gain(const struct estimate_path *p, const struct exchange *x);
float split_parts_gain(const struct estimate_path *p, const struct exchange *x);

#endif
