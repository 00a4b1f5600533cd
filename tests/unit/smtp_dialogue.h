/* SPDX-License-Identifier: ISC */
/* Shared by the tests of the SMTP dialogue: records what is told, and speaks both sides, whole or
 * in pieces. */
#ifndef TESTS_UNIT_SMTP_DIALOGUE_H
#define TESTS_UNIT_SMTP_DIALOGUE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/smtp.h"

/* --- recording
 * -------------------------------------------------------------------------------------------- */

struct record {
	unsigned greetings, helos, recipients, messages, completed, tls_events;
	uint16_t greeting_code;
	char greeting_host[OBS_DOMAIN_BYTES], helo[OBS_DOMAIN_BYTES];
	char domain[OBS_DOMAIN_BYTES], sender[OBS_DOMAIN_BYTES]; /* of the last recipient */
	uint64_t hash, domain_hash;
	struct obs_reply reply; /* of the last recipient */
	struct obs_reply message_reply;
	char message_sender[OBS_DOMAIN_BYTES], from[OBS_DOMAIN_BYTES], dkim[OBS_DOMAIN_BYTES];
	uint64_t size, subject, fingerprint;
	uint16_t accepted, rejected, deferred, headers;
	bool headers_seen, chunked;
	uint8_t tls;
};

static inline void
on_greeting(void *arg, struct smtp *s, const struct smtp_greeting *g)
{
	struct record *r = arg;
	(void)s;
	r->greetings++;
	r->greeting_code = g->reply->code;
	strcpy(r->greeting_host, g->host);
}

static inline void
on_helo(void *arg, struct smtp *s, const char *name)
{
	struct record *r = arg;
	(void)s;
	r->helos++;
	strcpy(r->helo, name);
}

static inline void
on_recipient(void *arg, struct smtp *s, const struct smtp_recipient *x)
{
	struct record *r = arg;
	(void)s;
	r->recipients++;
	strcpy(r->domain, x->domain);
	strcpy(r->sender, x->sender_domain);
	r->hash = x->hash;
	r->domain_hash = x->domain_hash;
	r->reply = *x->reply;
}

static inline void
on_message(void *arg, struct smtp *s, const struct smtp_message *m)
{
	struct record *r = arg;
	(void)s;
	r->messages++;
	r->completed += m->completed;
	r->message_reply = *m->reply;
	strcpy(r->message_sender, m->sender_domain);
	strcpy(r->from, m->from_domain);
	strcpy(r->dkim, m->dkim_domain);
	r->size = m->size_bytes;
	r->subject = m->subject_hash;
	r->fingerprint = m->fingerprint;
	r->accepted = m->recipients_accepted;
	r->rejected = m->recipients_rejected;
	r->deferred = m->recipients_deferred;
	r->headers = m->headers;
	r->headers_seen = m->headers_seen;
	r->chunked = m->chunked;
}

static inline void
on_tls(void *arg, struct smtp *s, enum obs_tls tls)
{
	struct record *r = arg;
	(void)s;
	r->tls_events++;
	r->tls = (uint8_t)tls;
}

static const struct smtp_events events = {
    on_greeting, on_helo, on_recipient, on_message, on_tls, NULL};
static const uint8_t key[HASH_KEY_BYTES] = {1, 2, 3};

struct dialogue {
	struct smtp_context *ctx;
	struct smtp s;
	struct record r;
	unsigned cut, seed; /* 0: whole; else pieces of 1..cut bytes */
};

static inline void
begin(struct dialogue *d, bool midstream)
{
	memset(d, 0, sizeof(*d));
	assert_int_equal(smtp_context_new(&d->ctx, 64, key, &events, &d->r), 0);
	smtp_init(&d->s, midstream);
}

static inline void
end(struct dialogue *d)
{
	smtp_end(d->ctx, &d->s);
	smtp_context_free(d->ctx);
}

/* Each piece in an allocation of its own, so that an over-read is seen. */
static inline void
feed(struct dialogue *d, char who, const char *text, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t step = n - i;
		if (d->cut > 0) {
			size_t piece = 1 + (size_t)rand_r(&d->seed) % d->cut;
			step = piece < step ? piece : step;
		}
		uint8_t *copy = malloc(step);
		memcpy(copy, text + i, step);
		if (who == 'C')
			smtp_client(d->ctx, &d->s, copy, step);
		else
			smtp_server(d->ctx, &d->s, copy, step);
		free(copy);
		i += step;
	}
}

/* "C..." and "S..." in turn, NULL at the end. */
static inline void
speak(struct dialogue *d, const char *const *lines)
{
	for (; *lines != NULL; lines++)
		feed(d, (*lines)[0], *lines + 1, strlen(*lines) - 1);
}

static inline void
client(struct dialogue *d, const char *text)
{
	feed(d, 'C', text, strlen(text));
}

static inline void
server(struct dialogue *d, const char *text)
{
	feed(d, 'S', text, strlen(text));
}

#define HELLO                                                            \
	"S220 mx.example.org ESMTP\r\n", "CEHLO client.example.com\r\n", \
	    "S250-mx.example.org\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 STARTTLS\r\n"
#define ENVELOPE                                                                                   \
	"CMAIL FROM:<a@sender.example>\r\n", "S250 2.1.0 Ok\r\n", "CRCPT TO:<b@rcpt.example>\r\n", \
	    "S250 2.1.5 Ok\r\n"
#define GO_DATA "CDATA\r\n", "S354 go\r\n"
#define TEXT	"CFrom: x@from.example\r\nSubject: s\r\n\r\nhello there\r\n.\r\n"
#define QUEUED	"S250 2.0.0 Ok: queued as 1\r\n"
#define BYE	"CQUIT\r\n", "S221 2.0.0 Bye\r\n"

#endif
