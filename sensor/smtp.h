/* SPDX-License-Identifier: ISC */
/*
 * The SMTP dialogue of one session, both directions, read as it passes (RFC 5321, 1870, 2920, 3030,
 * 3207, 4954).  Bytes in, facts out: recipients, messages, TLS.  bulkhead-sensor, replay.
 *
 * Replies are the truth.  The client's lines only queue what reply is expected next (as runs of
 * kind and count) together with what the reply will be about (sender domain, recipient hash, header
 * facts); every counter, and the envelope itself, changes when the server answers.  Bodies are not
 * walked: beyond the header section and the first 4 KB of text a segment costs the look at its last
 * line, and a final reply that no command waits for closes the message.
 *
 * The caller hands over each direction in order, each byte once: seen (smtp_client, smtp_server),
 * on the wire but cut from the capture (smtp_skip), or lost (smtp_gap).  State is a fixed-size
 * record that the caller embeds in its flow record; everything larger lives in pools that are sized
 * once.  An empty pool costs detail (text, hashes, a resynchronisation) and is counted, it is never
 * fatal.
 */
#ifndef SENSOR_SMTP_H
#define SENSOR_SMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "sensor/observation.h"

/* Runs of expected replies kept in the record; more spill into a pool. */
#define SMTP_QUEUE_RUNS 12

enum smtp_direction { SMTP_FROM_CLIENT, SMTP_FROM_SERVER, SMTP_DIRECTION__COUNT };

/* One session.  All fields belong to smtp.c; the caller only places it, and reads it by the
 * functions below. */
struct smtp {
	uint64_t body_bytes; /* of the message that the client is sending now */
	uint32_t chunk_left; /* of the BDAT chunk that the client is sending now */
	uint32_t tail;	     /* last four bytes of the body, newest in the low byte */
	uint32_t line[SMTP_DIRECTION__COUNT]; /* pool indices, 0 = none: line buffers */
	uint32_t spill;			      /* runs beyond queue[] */
	uint32_t body;	   /* header facts and fingerprint of the body in progress */
	uint32_t envelope; /* the accepted MAIL command */
	uint32_t pending_head, pending_tail;  /* what the expected replies will be about */
	uint16_t pending_count, pending_lost; /* lost: those at the end that found the pool empty */
	uint16_t queue[SMTP_QUEUE_RUNS]; /* expected replies: kind in the low 5 bits, count above */
	uint16_t reply_code;		 /* of a multi-line reply in progress, 0 = none */
	uint16_t accepted, rejected, deferred; /* recipients of the envelope so far */
	uint16_t commands;		       /* saturating */
	uint16_t end_replies;		       /* LMTP: to the end of the present message */
	uint32_t flags;
	uint8_t queue_head, queue_count;
	uint8_t client_state;
	uint8_t tls; /* enum obs_tls */
	uint8_t long_lines;
	uint8_t early_lines;		      /* lines sent before the reply to AUTH */
	uint8_t auth_attempts, auth_failures; /* saturating */
	uint32_t messages, messages_refused;  /* see struct obs_counts */
	uint32_t recipients_accepted, recipients_rejected, recipients_deferred;
};

/* What the events carry; everything is borrowed for the time of the call. */
struct smtp_greeting {
	const struct obs_reply *reply;
	const char *host; /* first word of the greeting, cleaned like a domain; "" = none */
};

struct smtp_recipient {
	uint64_t hash;	      /* keyed, of the whole address, lower case; 0 = not known */
	uint64_t domain_hash; /* keyed, of the domain, lower case; 0 = not known */
	const char *domain;
	const char *sender_domain; /* "" = the null sender, or not known */
	uint8_t reply_class;	   /* enum obs_reply_class */
	const struct obs_reply *reply;
};

struct smtp_message {
	bool completed; /* 2xx; else it was refused */
	const struct obs_reply
	    *reply; /* code 0: the reply fell into a gap, and the message is taken as accepted */
	uint64_t size_bytes; /* as sent, without the final dot */
	uint16_t recipients_accepted, recipients_rejected, recipients_deferred;
	const char *sender_domain, *from_domain, *dkim_domain;
	bool headers_seen;
	uint16_t headers;		    /* enum obs_header */
	uint64_t subject_hash, fingerprint; /* 0 = none */
	bool chunked;
};

/*
 * Called from inside smtp_client() and smtp_server(), in the order of the dialogue.  The session is
 * the `struct smtp` that was handed in (container_of() leads to the flow).  None may be NULL but the last.
 */
struct smtp_events {
	/* The server's greeting, whatever its code. */
	void (*on_greeting)(void *arg, struct smtp *s, const struct smtp_greeting *greeting);
	/* HELO or EHLO (name: cleaned like a domain, at most OBS_DOMAIN_BYTES with terminator). */
	void (*on_helo)(void *arg, struct smtp *s, const char *name);
	void (*on_recipient)(void *arg, struct smtp *s, const struct smtp_recipient *recipient);
	void (*on_message)(void *arg, struct smtp *s, const struct smtp_message *message);
	/* OBS_TLS_STARTTLS: accepted, the next bytes of both sides are TLS.  OBS_TLS_REFUSED: the
	 * server said no. OBS_TLS_IMPLICIT: a TLS record stands where a greeting or command was
	 * expected. */
	void (*on_tls)(void *arg, struct smtp *s, enum obs_tls tls);
	/* Asked at the beginning of a body: shall its text be read for a fingerprint?  The
	 * only one that may be NULL: always. */
	bool (*wants_text)(void *arg, struct smtp *s);
};

struct smtp_stats {
	uint64_t unmatched_replies; /* nobody had asked, and they say nothing by themselves */
	uint64_t pool_exhausted;
	uint64_t resyncs; /* the client's stream was picked up again at a command */
	uint64_t queue_overflows;
	uint64_t closed_by_reply; /* messages whose end was not seen in the client's stream */
	uint64_t holes;		  /* places where packets were cut within the dialogue */
	uint64_t opaque;	  /* sessions given up as not readable */
	uint64_t memory_bytes;	  /* reserved at start */
};

/* Pools, keys, events: one per sensor.  Memory is fixed by new() from the number of flows. */
struct smtp_context;
/* `events` is copied.  0 or -ENOMEM. */
int smtp_context_new(struct smtp_context **out, uint32_t flows_max,
    const uint8_t key[HASH_KEY_BYTES], const struct smtp_events *events, void *arg);
void smtp_context_free(struct smtp_context *ctx);
void smtp_context_get_stats(const struct smtp_context *ctx, struct smtp_stats *out);

/* A new session; midstream: its beginning was not seen, so nothing is expected and a command must
 * come first. */
void smtp_init(struct smtp *s, bool midstream);
/* Gives everything back to the pools; counters and flags can still be read, then smtp_init() starts
 * anew. */
void smtp_end(struct smtp_context *ctx, struct smtp *s);

/*
 * One segment's payload.  Returns the bytes taken: fewer than n only when TLS begins inside the
 * segment; the rest, and everything after it, belongs to the TLS walker (smtp_is_tls() is true from
 * then on, and these functions take nothing more).
 */
size_t smtp_client(struct smtp_context *ctx, struct smtp *s, const uint8_t *data, size_t n);
size_t smtp_server(struct smtp_context *ctx, struct smtp *s, const uint8_t *data, size_t n);
/* n bytes behind the ones before, that were on the wire but not captured (cut packets). */
void smtp_skip(struct smtp_context *ctx, struct smtp *s, enum smtp_direction dir, uint64_t n);
/* n bytes lost by the capture. */
void smtp_gap(struct smtp_context *ctx, struct smtp *s, enum smtp_direction dir, uint64_t n);

/* True when bytes of this direction are TLS now.  (The client may begin before the 220 was
 * captured.) */
bool smtp_is_tls(const struct smtp *s, enum smtp_direction dir);
/* True when a greeting or a command of SMTP was seen. */
bool smtp_is_spoken(const struct smtp *s);
/* What the session knows of TLS so far. */
enum obs_tls smtp_get_tls(const struct smtp *s);
/* True when commands or replies were cut away, so that counts may be too low. */
bool smtp_has_hole(const struct smtp *s);
/* True when the dialogue was given up: bytes are no longer read. */
bool smtp_is_opaque(const struct smtp *s);
/* enum obs_habit of the session so far; NO_QUIT and NO_DATA are meaningful at its end. */
uint16_t smtp_get_habits(const struct smtp *s);
/* Fills the counters of the clear dialogue; the estimated ones are left alone. */
void smtp_get_counts(const struct smtp *s, struct obs_counts *out);

/* First bytes of a stream, for ports that are not known as SMTP: "220 " or "220-" and more (554,
 * 421 too); a complete verb. */
bool smtp_looks_like_greeting(const uint8_t *data, size_t n);
bool smtp_looks_like_command(const uint8_t *data, size_t n);

#endif
