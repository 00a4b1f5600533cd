/* SPDX-License-Identifier: ISC */
/*
 * The SMTP dialogue on hostile bytes: records of one control byte, one length byte and that many
 * bytes, for the client or the server, or a loss.  Each piece is an allocation of its own, so that
 * an over-read trips the sanitizer.
 */
#include <stdlib.h>
#include <string.h>

#include "sensor/smtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every text that leaves must be terminated and printable; reading it is the check. */
static void
check_text(const char *text, size_t room)
{
	if (memchr(text, '\0', room) == NULL)
		abort();
	for (; *text != '\0'; text++)
		if ((uint8_t)*text < ' ' || *text == 0x7f)
			abort();
}

static void
on_greeting(void *arg, struct smtp *s, const struct smtp_greeting *g)
{
	(void)arg;
	(void)s;
	check_text(g->host, OBS_DOMAIN_BYTES);
	check_text(g->reply->text, OBS_REPLY_BYTES);
}

static void
on_helo(void *arg, struct smtp *s, const char *name)
{
	(void)arg;
	(void)s;
	check_text(name, OBS_DOMAIN_BYTES);
}

static void
on_recipient(void *arg, struct smtp *s, const struct smtp_recipient *r)
{
	(void)arg;
	(void)s;
	check_text(r->domain, OBS_DOMAIN_BYTES);
	check_text(r->sender_domain, OBS_DOMAIN_BYTES);
	check_text(r->reply->text, OBS_REPLY_BYTES);
	if (r->reply_class >= OBS_REPLY_CLASS__COUNT || r->reply->remote >= OBS_REMOTE__COUNT)
		abort();
}

static void
on_message(void *arg, struct smtp *s, const struct smtp_message *m)
{
	(void)arg;
	(void)s;
	check_text(m->sender_domain, OBS_DOMAIN_BYTES);
	check_text(m->from_domain, OBS_DOMAIN_BYTES);
	check_text(m->dkim_domain, OBS_DOMAIN_BYTES);
	check_text(m->reply->text, OBS_REPLY_BYTES);
	if (m->completed && m->reply->code >= 300)
		abort();
}

static void
on_tls(void *arg, struct smtp *s, enum obs_tls tls)
{
	(void)arg;
	(void)s;
	if (tls >= OBS_TLS__COUNT)
		abort();
}

static void
feed(struct smtp_context *ctx, struct smtp *s, uint8_t control, const uint8_t *data, size_t n)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);
	if (copy == NULL)
		abort();
	memcpy(copy, data, n);
	size_t taken = n;
	switch (control & 7) {
	case 0:
		smtp_gap(ctx, s, SMTP_FROM_CLIENT, n * 97);
		break;
	case 1:
		smtp_gap(ctx, s, SMTP_FROM_SERVER, n);
		break;
	case 2:
	case 3:
	case 4:
		taken = smtp_client(ctx, s, copy, n);
		break;
	default:
		taken = smtp_server(ctx, s, copy, n);
		break;
	}
	if (taken > n || (taken < n && s->tls == OBS_TLS_NONE))
		abort();
	if (control & 16) /* the packet was cut */
		smtp_skip(
		    ctx, s, (control & 7) < 5 ? SMTP_FROM_CLIENT : SMTP_FROM_SERVER, 1 + n % 200);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct smtp_events events = {
	    on_greeting, on_helo, on_recipient, on_message, on_tls, NULL};
	static const uint8_t key[HASH_KEY_BYTES] = {7};
	static struct smtp_context *ctx;
	struct smtp s;
	if (ctx == NULL && smtp_context_new(&ctx, 64, key, &events, NULL) != 0)
		abort();
	if (size == 0)
		return 0;
	smtp_init(&s, data[0] & 1);
	for (size_t i = 1; i + 2 <= size;) {
		size_t n = data[i + 1];
		if (data[i] & 8)
			n *= 17; /* long pieces */
		size_t left = size - i - 2;
		if (n > left)
			n = left;
		feed(ctx, &s, data[i], data + i + 2, n);
		i += 2 + n;
	}
	smtp_end(ctx, &s);
	return 0;
}
