/* SPDX-License-Identifier: ISC */
/*
 * What a path of the estimator knows of reply lengths.  bulkhead-sensor and replay; used by the files of
 * sensor/tls_estimate only.
 */
#ifndef SENSOR_TLS_ESTIMATE_REPLY_H
#define SENSOR_TLS_ESTIMATE_REPLY_H

#include "sensor/tls_estimate.h"
#include "sensor/tls_estimate_model.h"

#define REPLIES_ALL ((1U << ESTIMATE__REPLIES) - 1) /* a set of enum estimate_reply */

/* Bytes on the wire of one command line, as clients write them. */
#define RCPT_LINE_MIN	  18
#define RCPT_LINE_TYPICAL 38 /* learned in the session */
#define RCPT_LINE_ORCPT	  78 /* RFC 3461: it has the address twice */
#define MAIL_LINE_TYPICAL 60
#define DATA_LINE	  6
#define HEADER_LEAST	  200 /* a header section and some text */

/* An exchange with what is computed once for all states and paths. */
struct exchange {
	uint32_t c, s; /* bytes, both >= 1 */
	uint32_t slack;
	uint32_t first;	     /* bytes of the client's first record; 0 = there is only one */
	uint32_t last;	     /* bytes of the server's last record; 0 = there is only one */
	uint16_t last_slack; /* exact to +- this */
	uint32_t goodbye;    /* bytes of the server's answer to QUIT; 0 = not known */
	uint32_t bye;	     /* the same, when the turn may have a QUIT at its end; 0 = none */
	bool six;	     /* the client said DATA, QUIT or RSET */
	bool leaves;	     /* RSET and QUIT */
	bool dsn;	     /* RCPT lines may have an ORCPT */
	float ln_c, ln_s;
	const struct server_row *server; /* never NULL */
};

/* Recipients of a turn as its answer tells, and how well the answer fits (log-likelihood). */
struct split {
	uint16_t accepted, refused;
	uint16_t refusal; /* bytes of one; 0 = not told */
	uint16_t bye;	  /* bytes of the answer that are about QUIT */
	float gain;
};

/* What stands in a turn beside RCPTs and their replies. */
struct turn_shape {
	uint8_t replies;   /* set of 1 << enum estimate_reply */
	bool hidden;	   /* a body is in it: the client's bytes say nothing */
	uint32_t commands; /* bytes of its RCPT lines, when not hidden */
};

bool reply_is_known(const struct estimate_path *p, unsigned reply);
/* Known and not a guess. */
bool reply_is_sure(const struct estimate_path *p, enum estimate_reply reply);
/* A typical refusal of a recipient in this session, in bytes; 0 = none seen. */
uint32_t reply_refusal(const struct estimate_path *p);
/* Bytes of a RCPT line of this session; 0 = not learned. */
uint32_t reply_line(const struct estimate_path *p);
/*
 * Whose words may make the answer of such a turn: set of 1 << enum tls_family, of those of which the replies to one to
 * three recipients come out.
 */
unsigned reply_families(const struct exchange *x, const struct turn_shape *shape);
/* The path believes that they are those of hints->family; what it knows by itself stays. */
void reply_adopt(struct estimate_path *p, const struct tls_hints *hints);
/* What the answer to a message of `bytes` says beyond that to one of four digits, in bytes. */
int32_t reply_digits(const struct exchange *x, uint32_t bytes);
/* Sum of the replies beside the recipients'; false when one of them, or theirs, is not known.  `guess`: one is a guess. */
bool reply_sum(const struct estimate_path *p, const struct exchange *x,
    const struct turn_shape *shape, uint32_t *fixed, bool *guess);
/* How well a reply fits the length that the path knows; 0 = it knows none. */
float reply_gain(uint8_t known, const struct exchange *x, uint32_t tolerance);
/* The answer is as long as the newest one to a pipelined turn. */
bool reply_is_repeat(const struct estimate_path *p, const struct exchange *x);
/* Turns with the same replies in them have the same kind. */
uint8_t reply_step_kind(const struct turn_shape *shape);

/* The path takes over what the turn, split like this, says about lengths. */
void reply_learn(struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape,
    const struct split *split);
/* A reply stood alone: its length is a fact from now on. */
void reply_know(struct estimate_path *p, enum estimate_reply reply, uint32_t bytes);
/* The same for the last BDAT of a message of `size` bytes, which its answer may name. */
void reply_know_last(struct estimate_path *p, const struct exchange *x, uint32_t size);

/* The path's client sends bodies in one turn with RCPTs: its lines cannot be seen any more. */
void reply_hides(struct estimate_path *p);
/* It sent a message, envelope and all, in this turn; or in this one and the one before. */
void reply_took_one_turn(struct estimate_path *p, const struct exchange *x);
void reply_took_parts(struct estimate_path *p, const struct exchange *x);
/* How well that agrees with its other messages (log-likelihood, <= 0). */
float reply_one_turn_gain(const struct estimate_path *p, const struct exchange *x);
float reply_parts_gain(const struct estimate_path *p, const struct exchange *x);

#endif
