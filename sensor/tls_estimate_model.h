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
	CLIENT_QUIT, /* QUIT, or RSET and QUIT */
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
/* What is known of a server's software; lengths in bytes with CRLF, 0 = not known. */
struct server_row {
	/* Those behind a body are typical, the one to the last BDAT is for a size of four digits; the others exact. */
	uint8_t reply[ESTIMATE__REPLIES];
	bool ident;	 /* each ends with an identifier, whose length comes on top */
	uint8_t bye;	 /* to QUIT, */
	bool bye_name;	 /* without the name that the greeting had */
	uint8_t nobody;	 /* to DATA or BDAT when no recipient was taken */
	uint8_t repeats; /* the same and the refusal, when all were alike; without the refusal */
	uint8_t refusal; /* a typical refusal of a recipient */
	uint8_t digits;	 /* the answer to the last BDAT names its size so often */
	float spread;	 /* standard deviation of the rest of it; 0 = exact */
	uint8_t longer;	 /* it may have so much more, where queue ids are long */
	float ln_body;	 /* logarithm of the answer to a body */
};
extern const struct server_row tls_model_servers[TLS_FAMILY__COUNT];
/* The lengths that a session with this server begins with; returns the set (1 << enum estimate_reply) of those that
 * are a guess. */
uint8_t tls_model_replies(const struct tls_hints *h, uint8_t reply[ESTIMATE__REPLIES]);
/* Bytes of its answer to QUIT; 0 = not known. */
uint32_t tls_model_bye(const struct tls_hints *h);

/* What a state tells of its client's habits: set of enum estimate_style. */
extern const uint8_t tls_model_style[ESTIMATE__STATES];

/* What the dialogue before TLS rules out, because the server did not offer it (log-likelihood, <= 0). */
float tls_model_offer_cost(const struct tls_hints *h, enum estimate_state state);

#endif
