/* SPDX-License-Identifier: ISC */
/*
 * TLS seen from outside: walks records, reads ClientHello and ServerHello, and hands the plaintext
 * lengths (record minus cipher overhead) to the estimator.  No heap; the state is the caller's, of
 * fixed size. bulkhead-sensor and replay.
 *
 *   tls_hints_init(&h); h.starttls = ...; h.port = ...; tls_hints_greeting(&h, ...);
 * tls_hints_ehlo(&h, ...); tls_init(t, &h);                                      when TLS begins
 *   tls_segment(t, dir); ev = tls_data(t, dir, p, n); ev |= tls_skip(t, dir, cut);      per TCP
 * segment if (ev & TLS_EVENT_ESTIMATE) tls_estimate_get(t, &e); tls_end(t); tls_estimate_get(t,
 * &e);
 */
#ifndef SENSOR_TLS_H
#define SENSOR_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_STATE_BYTES_MAX 1024
#define TLS_SNI_BYTES	    64 /* longer names keep their right end */
#define TLS_CLIENT_ID_BYTES 36 /* 32 hex digits and the terminator fit */

enum tls_dir { TLS_FROM_CLIENT, TLS_FROM_SERVER };

/* Server software, by its greeting; each has known reply lengths (table in sensor/tls_estimate.c).
 */
enum tls_family {
	TLS_FAMILY_UNKNOWN,
	TLS_FAMILY_POSTFIX,
	TLS_FAMILY_EXIM,
	TLS_FAMILY_EXCHANGE,
	TLS_FAMILY_GOOGLE,
	TLS_FAMILY__COUNT
};

/* What the dialogue before TLS says about the one inside; zeroes mean "not known". */
struct tls_hints {
	uint16_t port;		   /* the server's */
	bool starttls;		   /* false: TLS from the first byte (465) */
	bool ehlo_seen;		   /* the three offers below are facts */
	bool pipelining, chunking; /* offered before TLS */
	bool dsn;		   /* the same; some clients then write an ORCPT behind each RCPT */
	uint8_t family;		   /* enum tls_family */
	uint8_t
	    name_bytes; /* of what the greeting has and replies repeat, Google's identifier, Exim's host
				      name; 0 = not seen */
	uint16_t ehlo_bytes;	   /* the client's EHLO line with CRLF: it comes again inside */
	uint16_t ehlo_reply_bytes; /* the whole reply; inside it comes again, about one line shorter
				      or longer */
};

void tls_hints_init(struct tls_hints *h);
/* The server's greeting (any part of it, with or without the code). */
void tls_hints_greeting(struct tls_hints *h, const void *text, size_t n);
/* The client's EHLO line: bytes with CRLF. */
void tls_hints_ehlo_command(struct tls_hints *h, size_t bytes);
/* One line of the reply to EHLO, CRLF included in n (pass n + 2 when it was stripped); call once
 * per line. */
void tls_hints_ehlo_line(
    struct tls_hints *h, const void *line, size_t text_bytes, size_t wire_bytes);

struct tls;

/* Bytes of one state (<= TLS_STATE_BYTES_MAX), to be aligned for uint64_t. */
size_t tls_state_bytes(void);
void tls_init(struct tls *t, const struct tls_hints *hints);

enum tls_event {
	TLS_EVENT_HELLO = 1 << 0, /* the ClientHello was read: SNI and client identity are there */
	TLS_EVENT_ESTIMATE = 1 << 1, /* the estimate may have changed */
	TLS_EVENT_GARBAGE = 1 << 2,  /* this is no TLS; further bytes are only counted */
};

/* The next bytes begin a TCP segment: after a loss, records may begin here again. */
void tls_segment(struct tls *t, enum tls_dir dir);
/* The next n bytes of the stream, in order.  All return a set of enum tls_event. */
unsigned tls_data(struct tls *t, enum tls_dir dir, const void *data, size_t n);
/* n bytes that were on the wire but not captured (snaplen): the record that they continue is known.
 */
unsigned tls_skip(struct tls *t, enum tls_dir dir, size_t n);
/* n bytes lost in capture; 0 = unknown number. */
unsigned tls_gap(struct tls *t, enum tls_dir dir, size_t n);
/* The session ended: what is pending is scored. */
unsigned tls_end(struct tls *t);

struct tls_estimate {
	uint32_t messages;   /* bodies that the server answered */
	uint32_t recipients; /* of these messages, accepted as far as sizes tell */
	/* 0 also where that is unknown: a server of unknown words, and a confidence below 300. */
	uint32_t recipients_rejected;
	uint64_t bytes;		/* plaintext bytes of message bodies */
	uint32_t typical_bytes; /* of the newest message; 0 = none yet */
	uint16_t
	    envelope_bytes;  /* of the newest envelope: the client's RCPT lines, or the turn that
				    had them between MAIL and DATA; 0 = hidden beside a body */
	uint16_t confidence; /* 0..1000; below 300: this does not look like SMTP */
};
/* On-line: counts a message as soon as the server began to answer its body.  Numbers may be
 * revised. */
void tls_estimate_get(const struct tls *t, struct tls_estimate *out);

const char *tls_sni(const struct tls *t); /* "" = none; printable characters only */
/* Hash of the ClientHello as in JA3 (versions, ciphers, extensions, groups, point formats); "" =
 * not read. */
void tls_client_id(const struct tls *t, char out[TLS_CLIENT_ID_BYTES]);
uint16_t tls_version(const struct tls *t); /* 0x0303, 0x0304, ...; 0 = ServerHello not seen */
uint16_t tls_cipher(const struct tls *t);  /* 0 = ServerHello not seen */
bool tls_is_garbage(const struct tls *t);
/*
 * For TLS from the first byte on a port that says nothing: is it a mail dialogue?  The server spoke
 * first, as SMTP's does, and at least three turns fit SMTP (confidence of 300 or more).  IMAP, POP
 * and FTP greet first too, and only the fit tells them apart: ask this on mail ports alone.
 */
bool tls_is_mail(const struct tls *t);

#endif
