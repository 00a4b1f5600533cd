/* SPDX-License-Identifier: ISC */
/*
 * What an SMTP dialogue inside TLS did, from the lengths of its turns: an on-line Viterbi decoder
 * over the states of the dialogue.  Every state carries its own counters along its best path, so no
 * history is kept. Fixed size, no heap, bounded arithmetic.  bulkhead-sensor and replay; used by
 * sensor/tls.c only.
 */
#ifndef SENSOR_TLS_ESTIMATE_H
#define SENSOR_TLS_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "sensor/tls.h"

/* One exchange of the dialogue: a turn of the client and the server's answer to it. */
enum estimate_state {
	ESTIMATE_EHLO,
	ESTIMATE_AUTH,
	ESTIMATE_MAIL,
	ESTIMATE_RCPT,
	ESTIMATE_RCPT_REFUSED,
	ESTIMATE_DATA,
	ESTIMATE_ENVELOPE,	   /* MAIL, RCPT..., DATA in one turn */
	ESTIMATE_ENVELOPE_REFUSED, /* the same, no recipient taken */
	ESTIMATE_ADDRESSES, /* MAIL, RCPT... in one turn, no DATA (perhaps the start of BDAT) */
	ESTIMATE_MORE,	    /* the RCPTs go on: the server answered before the client was through */
	ESTIMATE_MORE_DATA, /* the last of them, and DATA */
	ESTIMATE_BODY,	    /* the body after DATA, perhaps with QUIT */
	ESTIMATE_BODY_ENVELOPE, /* the body and the next envelope */
	ESTIMATE_CHUNK,		/* BDAT and its bytes */
	ESTIMATE_BEGIN,		/* MAIL, RCPT..., BDAT and a first part of the body in one turn */
	ESTIMATE_ALL,		/* MAIL, RCPT..., BDAT and the whole body in one turn */
	ESTIMATE_ALL_REFUSED,	/* the same, no recipient taken */
	ESTIMATE_RSET,
	ESTIMATE_QUIT,
	ESTIMATE__STATES
};

/* Reply lengths that a path knows, in bytes with CRLF; 0 = unknown, 255 = that or longer. */
enum estimate_reply {
	ESTIMATE_REPLY_MAIL,
	ESTIMATE_REPLY_RCPT,
	ESTIMATE_REPLY_DATA,
	ESTIMATE_REPLY_BODY,
	ESTIMATE_REPLY_CHUNK,	/* to a BDAT that is not the last */
	ESTIMATE_REPLY_LAST,	/* to the last BDAT; some servers say more than after DATA */
	ESTIMATE_REPLY_REFUSED, /* to a RCPT, in units of ESTIMATE_REFUSED_UNIT */
	ESTIMATE__REPLIES
};

#define ESTIMATE_TURN_UNIT    256 /* bytes */
#define ESTIMATE_REFUSED_UNIT 4	  /* bytes: refusals may have several lines */

/* Clients are consistent: habits seen on a path make the opposite ones less likely. */
enum estimate_style {
	ESTIMATE_STYLE_STEPS = 1 << 0,	   /* one command per turn */
	ESTIMATE_STYLE_PIPELINED = 1 << 1, /* several */
	ESTIMATE_STYLE_DATA = 1 << 2,
	ESTIMATE_STYLE_BDAT = 1 << 3,
};

struct estimate_path {
	float score; /* log-likelihood against the best path, which is 0 */
	uint32_t bytes, typical_bytes;
	uint16_t messages, recipients, rejected;
	uint16_t open;			  /* recipients of the transaction in progress */
	uint16_t envelope;		  /* bytes that named them; 0 = not told apart */
	uint8_t reply[ESTIMATE__REPLIES]; /* lengths */
	/* Lengths that are a guess from pipelined answers: set of 1 << enum estimate_reply. */
	uint8_t guessed : 7;
	uint8_t hides : 1; /* its client sent bodies in one turn with RCPTs, see below */
	/* How its client works so far: set of enum estimate_style. */
	uint8_t style : 4;
	uint8_t step_kind : 4; /* of the newest pipelined answer, see split_learn() */
	union {
		struct { /* !hides */
			/* Client's bytes of the RCPT that the newest such reply stood for. */
			uint8_t taken_line;
			uint8_t line; /* of a RCPT, in bytes; 0 = not learned */
		};
		struct {	       /* hides; in ESTIMATE_TURN_UNIT bytes */
			uint8_t whole; /* the longest message that took one turn; 0 = none */
			uint8_t parts; /* the shortest that took more; 0 = none */
		};
	};
	/* What pipelined answers of one kind differ by: its greatest divisor. */
	uint8_t step;
	uint16_t step_bytes; /* of the newest one */
};

struct estimate {
	/* Totals that all living paths agree on; paths count on top of them. */
	uint64_t bytes;
	uint32_t messages, recipients, rejected;
	/* The exchange in progress. */
	uint32_t client_bytes, server_bytes;
	uint16_t client_records, server_records;
	uint16_t first_record;		     /* bytes of the client's first */
	uint16_t last_record;		     /* bytes of the server's last */
	bool quit_record;		     /* the client's last has six */
	uint16_t client_slack, server_slack; /* lengths are exact to +- this (CBC padding) */
	uint32_t chunk_bytes;		     /* client bytes of the exchange before */
	uint32_t exchanges;
	float fit;     /* sum of the best path's gains */
	bool disorder; /* bytes were lost: anything may follow */
	bool leaving;  /* the client closed TLS in order behind what it sent */
	struct tls_hints hints;
	struct estimate_path path[ESTIMATE__STATES];
};

void estimate_init(struct estimate *s, const struct tls_hints *hints);
/*
 * A record of application data: plaintext bytes, exact to +- slack.  Returns true when the estimate
 * may have changed: the server answers, or an exchange was completed.
 */
bool estimate_record(struct estimate *s, enum tls_dir dir, uint32_t bytes, uint32_t slack);
/* Bytes were lost, perhaps whole turns. */
void estimate_gap(struct estimate *s);
/* The client said close_notify. */
void estimate_leave(struct estimate *s);
/* No more records will come. A message that a leaving client did not wait for counts. */
void estimate_finish(struct estimate *s);
/* Includes the exchange in progress when the server began to answer it. */
void estimate_get(const struct estimate *s, struct tls_estimate *out);

/* For tests and the bench: the likeliest state of the newest exchange, mean fit per exchange. */
enum estimate_state estimate_likeliest(const struct estimate *s);
float estimate_mean_fit(const struct estimate *s);

#endif
