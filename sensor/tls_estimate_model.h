/* SPDX-License-Identifier: ISC */
/*
 * The model behind the estimate: how long turns of an SMTP dialogue are, what follows what, and how
 * long replies of known servers are.  Tables only.  bulkhead-sensor and replay.
 */
#ifndef SENSOR_TLS_ESTIMATE_MODEL_H
#define SENSOR_TLS_ESTIMATE_MODEL_H

#include "sensor/tls_estimate.h"

/* A normal distribution of ln(bytes). */
struct shape {
	float mean, sigma;
	float weight; /* -ln(sigma) */
};

enum client_rule {
	CLIENT_LINE, /* a command line, not one of six bytes */
	CLIENT_SIX,  /* DATA, QUIT, RSET */
	CLIENT_ANY,
};

enum answer { ANSWER_LENGTH, ANSWER_RATIO }; /* the server shape is of ln(S), or of ln(S / C) */

struct state_row {
	enum client_rule rule;
	enum answer answer;
	struct shape client, server;
	uint16_t client_min, server_min; /* bytes; less costs `short_cost` each */
	float short_cost;
};

/* What comes before a state, as log-probability of going on like that; a way that is not here does not happen. */
struct way {
	float cost; /* below 0; the row behind the last one has 0 */
	uint8_t from;
};
#define TLS_MODEL_WAYS_MOST ESTIMATE__STATES

/* One row per state. */
extern const struct state_row tls_model_states[ESTIMATE__STATES];
/* The ways into each state. */
extern const struct way tls_model_ways[ESTIMATE__STATES][TLS_MODEL_WAYS_MOST + 1];
/* Reply lengths by server software, with CRLF: MAIL, RCPT, DATA, end of data (typical). */
extern const uint8_t tls_model_replies[TLS_FAMILY__COUNT][ESTIMATE__REPLIES];
/* Lengths that differ a little between sessions: a guess to begin with. */
extern const bool tls_model_vary[TLS_FAMILY__COUNT];

/* What a state tells of its client's habits: set of enum estimate_style. */
extern const uint8_t tls_model_style[ESTIMATE__STATES];

/* What the dialogue before TLS rules out, because the server did not offer it (log-likelihood, <= 0). */
float tls_model_offer_cost(const struct tls_hints *h, enum estimate_state state);

#endif
