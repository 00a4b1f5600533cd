/* SPDX-License-Identifier: ISC */
/*
 * Inside of the SMTP dialogue, shared by smtp.c, smtp_client.c, smtp_server.c, smtp_cut.c and smtp_queue.c
 * only: the pools, the queue of expected replies, the client's states.  bulkhead-sensor, replay.
 */
#ifndef SENSOR_SMTP_STATE_H
#define SENSOR_SMTP_STATE_H

#include "sensor/body.h"
#include "sensor/smtp.h"
#include "sensor/smtp_command.h"
#include "sensor/smtp_reply.h"

/* A partial line, or bytes that wait for a reply to decide what they are. */
#define SMTP_LINE_BYTES 1024
/* Of it for a partial line of the server; the text of a multi-line reply is behind that. */
#define SMTP_PARTIAL_BYTES 512
#define SMTP_SPILL_RUNS	   512
/* Per session; RFC 5321 4.5.3.1.8 asks servers to take 100 recipients. */
#define SMTP_PENDING_MAX 1024
/* Lines beyond the buffer in one session, then it is given up. */
#define SMTP_LONG_LINES_MAX 32
/* 11 bits; of SMTP_UNKNOWN it means that nobody knows how many. */
#define SMTP_RUN_COUNT_MAX 2047
#define SMTP_MANY	   SMTP_RUN_COUNT_MAX
/* A 250 after this many bytes without a command in them ends a message that began before us. */
#define SMTP_MIDSTREAM_BYTES 200

enum smtp_client_state {
	SMTP_STATE_COMMAND,
	SMTP_STATE_WAIT_DATA, /* DATA was sent: its reply decides what the next bytes are */
	SMTP_STATE_WAIT_TLS,  /* STARTTLS likewise */
	SMTP_STATE_WAIT_AUTH, /* AUTH likewise, but these bytes are not kept */
	SMTP_STATE_AUTH_LINE, /* the next line answers a challenge */
	SMTP_STATE_DATA,
	SMTP_STATE_CHUNK,
	SMTP_STATE_RESYNC, /* skip until a segment begins with a command */
	SMTP_STATE_OPAQUE, /* given up */
};

enum smtp_flag {
	SMTP_F_GREETED = 1 << 0,
	SMTP_F_EARLY = 1 << 1,
	SMTP_F_COMMAND = 1 << 2, /* a known command was seen */
	SMTP_F_CLIENT_TALKED = 1 << 3,
	SMTP_F_EHLO = 1 << 4,
	SMTP_F_HELO = 1 << 5,
	SMTP_F_QUIT = 1 << 6,
	SMTP_F_BODY = 1 << 7, /* DATA or BDAT was sent */
	SMTP_F_PIPELINED = 1 << 8,
	SMTP_F_UNOFFERED = 1 << 9,
	SMTP_F_OFFERED = 1 << 10, /* PIPELINING in the reply to EHLO */
	SMTP_F_MIDSTREAM = 1 << 11,
	SMTP_F_TLS_CLIENT = 1 << 12,
	SMTP_F_TLS_SERVER = 1 << 13,
	SMTP_F_SKIP_CLIENT = 1 << 14, /* discard up to the next LF */
	SMTP_F_SKIP_SERVER = 1 << 15,
	SMTP_F_CHUNKED = 1 << 16,      /* the body in progress comes by BDAT */
	SMTP_F_BODY_OPEN = 1 << 17,    /* a body is in progress */
	SMTP_F_TAIL_UNKNOWN = 1 << 18, /* bytes of the body are missing right before this */
	SMTP_F_SCAN_ALL = 1 << 19,     /* this client hides the end of data in mid-segment */
	SMTP_F_HOLD_LOST = 1 << 20,    /* bytes that waited for a reply were lost */
	SMTP_F_UNSURE = 1 << 21,       /* replies were lost: the queue may be ahead of the server */
	SMTP_F_CUT_TEXT = 1 << 22,     /* the reply in progress is longer than its buffer */
	SMTP_F_LAST = 1 << 23,	       /* the chunk in progress is the last one */
	SMTP_F_ANSWERED = 1 << 24,     /* the chunk in progress already has its reply */
	SMTP_F_SKIP_EARLY = 1 << 25,   /* a line sent before the reply to AUTH is not complete */
	SMTP_F_OFFERED_TLS = 1 << 26,  /* STARTTLS in the reply to EHLO */
	SMTP_F_LMTP = 1 << 27,	       /* LHLO was said */
	SMTP_F_TAKEN = 1 << 28,	       /* LMTP: a recipient's host took the message that ended */
	SMTP_F_CUT =
	    1 << 29, /* packets of the client were cut: there may be commands that nobody read */
	SMTP_F_HOLE = 1 << 30, /* and there were, or replies: counts may be too low */
};

struct smtp_line {
	uint32_t next;
	uint16_t used;	    /* bytes of the partial line */
	uint16_t text_used; /* bytes of the reply's text so far, at SMTP_PARTIAL_BYTES */
	uint8_t data[SMTP_LINE_BYTES];
};

/* What one expected reply will be about: MAIL, RCPT or the end of a message. */
struct smtp_pending {
	uint32_t next;
	uint32_t body;		       /* END: 0 = none */
	bool chunked;		       /* END */
	uint64_t size_bytes;	       /* END */
	uint64_t hash, domain_hash;    /* RCPT */
	char domain[OBS_DOMAIN_BYTES]; /* MAIL, RCPT */
};

struct smtp_body {
	uint32_t next;
	struct body body;
};

struct smtp_spill {
	uint32_t next;
	uint16_t head, count;
	uint16_t runs[SMTP_SPILL_RUNS];
};

/* A pool of equal items, by index from 1; the first word of a free item links to the next. */
struct smtp_pool {
	uint8_t *items;
	size_t item_bytes;
	uint32_t room; /* items */
	uint32_t used; /* items ever given out: memory beyond is untouched */
	uint32_t free; /* first returned item, 0 = none */
};

struct smtp_context {
	struct smtp_pool lines, pendings, bodies, spills;
	struct smtp_events events;
	void *arg;
	uint8_t key[HASH_KEY_BYTES];
	struct smtp_stats stats;
};

/* 0 when the pool is empty (counted). */
uint32_t smtp_pool_take(struct smtp_context *ctx, struct smtp_pool *p);
/* *index becomes 0; 0 is accepted. */
void smtp_pool_give(struct smtp_pool *p, uint32_t *index);
static inline void *
smtp_pool_item(const struct smtp_pool *p, uint32_t index)
{
	return p->items + (size_t)(index - 1) * p->item_bytes;
}
/* The line buffer of a direction, taken when there is none; NULL when the pool is empty. */
struct smtp_line *smtp_line_get(struct smtp_context *ctx, struct smtp *s, enum smtp_direction dir);
void smtp_line_drop(struct smtp_context *ctx, struct smtp *s, enum smtp_direction dir);

/* --- the queue (smtp_queue.c)
 * ------------------------------------------------------------------------ */

#define SMTP_NOTHING SMTP_KIND__COUNT

void smtp_queue_push(struct smtp_context *ctx, struct smtp *s, enum smtp_kind kind, unsigned count);
/* The kind of the next reply, SMTP_NOTHING when none is expected. */
unsigned smtp_queue_peek(const struct smtp *s);
/* Removes one expected reply (an unknown run of SMTP_MANY stays). */
void smtp_queue_pop(struct smtp_context *ctx, struct smtp *s);
/* True when the next reply belongs to lines that nobody counted. */
bool smtp_queue_is_stuck(const struct smtp *s);
bool smtp_queue_has(const struct smtp_context *ctx, const struct smtp *s, enum smtp_kind kind);
/* Drops everything, with what it would have been about. */
void smtp_queue_clear(struct smtp_context *ctx, struct smtp *s);

/* MAIL, RCPT and END queue an item beside their kind.  NULL when there is no room: the place is
 * counted, so that the order holds. */
struct smtp_pending *smtp_pending_push(struct smtp_context *ctx, struct smtp *s);
/* The index of the oldest, 0 when it had found no room; the caller gives it back. */
uint32_t smtp_pending_pop(struct smtp_context *ctx, struct smtp *s);
void smtp_pending_free(struct smtp_context *ctx, uint32_t index);

/* --- between the two directions
 * ------------------------------------------------------------------------ */

/* Client bytes in the present state (smtp_client.c); returns the bytes taken. */
size_t smtp_client_feed(struct smtp_context *ctx, struct smtp *s, const uint8_t *data, size_t n);
/* True when bytes wait for a reply that look like a command. */
bool smtp_client_holds_command(const struct smtp_context *ctx, const struct smtp *s);
/* The bytes that waited are what the state says now. */
void smtp_client_release_hold(struct smtp_context *ctx, struct smtp *s);
void smtp_client_resync(struct smtp_context *ctx, struct smtp *s);
void smtp_body_begin(struct smtp_context *ctx, struct smtp *s, bool chunked);
void smtp_body_discard(struct smtp_context *ctx, struct smtp *s);
/* Moves the body in progress behind a queued end. */
void smtp_body_queue_end(struct smtp_context *ctx, struct smtp *s);
void smtp_client_lose(struct smtp_context *ctx, struct smtp *s, uint64_t n);

/* Replies were lost (smtp_server.c). */
void smtp_server_lose(struct smtp_context *ctx, struct smtp *s, uint64_t n);

void smtp_give_up(struct smtp_context *ctx, struct smtp *s);
/* Tells the caller once. */
void smtp_set_tls(struct smtp_context *ctx, struct smtp *s, enum obs_tls tls);
/* True when the bytes begin like a TLS record: type, version 3.0..3.4. */
bool smtp_is_tls_record(const uint8_t *data, size_t n);

#endif
