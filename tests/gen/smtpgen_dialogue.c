/* SPDX-License-Identifier: ISC */
/*
 * The SMTP dialogues of the traffic generator; see smtpgen.h.  Test programs and smtpgen(main.c).
 */
#include "tests/gen/smtpgen_private.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct dialogue {
	struct gen_tcp *t;
	const struct gen_smtp *smtp;
	struct gen_truth *truth;
};

static void __attribute__((format(printf, 3, 4)))
say(struct dialogue *d, enum gen_side from, const char *fmt, ...)
{
	char line[4096];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line) - 2, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n > sizeof(line) - 3)
		n = (int)sizeof(line) - 3;
	line[n] = '\r';
	line[n + 1] = '\n';
	gen_tcp_send(d->t, from, line, (size_t)n + 2);
}

static const char *
or_default(const char *text, const char *preset)
{
	return text != NULL ? text : preset;
}

static void
ehlo(struct dialogue *d)
{
	const char *helo = or_default(d->smtp->helo, "vm.example.com");

	if (d->smtp->helo_only) {
		say(d, GEN_CLIENT, "HELO %s", helo);
		say(d, GEN_SERVER, "250 mx.example.net");
		return;
	}
	say(d, GEN_CLIENT, "EHLO %s", helo);
	if (d->smtp->ehlo_reply != NULL) {
		say(d, GEN_SERVER, "%s", d->smtp->ehlo_reply);
		return;
	}
	say(d, GEN_SERVER,
	    "250-mx.example.net\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n%s%s"
	    "250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n250 CHUNKING",
	    gen_tcp_is_tls(d->t) ? "" : "250-STARTTLS\r\n",
	    d->smtp->auth_reply != NULL ? "250-AUTH PLAIN LOGIN\r\n" : "");
}

static void
count_recipient(struct dialogue *d, const char *reply)
{
	if (d->truth == NULL)
		return;
	if (gen_tcp_is_tls(d->t))
		d->truth->recipients_tls += reply[0] == '2';
	else if (reply[0] == '2')
		d->truth->recipients_accepted++;
	else if (reply[0] == '5')
		d->truth->recipients_rejected++;
	else
		d->truth->recipients_deferred++;
}

static void
count_message(struct dialogue *d, const char *reply)
{
	if (d->truth == NULL || reply[0] != '2')
		return;
	if (gen_tcp_is_tls(d->t))
		d->truth->messages_tls++;
	else
		d->truth->messages++;
}

/* Sends the text with dots stuffed and the final dot. */
static void
send_text(struct dialogue *d, const char *text)
{
	size_t size = strlen(text), n = 0;
	char *out = gen_must(malloc(size * 2 + 4));

	for (size_t i = 0; i < size; i++) {
		if (text[i] == '.' && (i == 0 || text[i - 1] == '\n'))
			out[n++] = '.';
		out[n++] = text[i];
	}
	memcpy(out + n, ".\r\n", 3);
	gen_tcp_send(d->t, GEN_CLIENT, out, n + 3);
	free(out);
}

static void
send_bdat(struct dialogue *d, const struct gen_message *m, const char *reply)
{
	size_t size = strlen(m->text), done = 0;
	char *out = gen_must(malloc(size + 64));

	for (unsigned i = 0; i < m->bdat_chunks; i++) {
		bool last = i + 1 == m->bdat_chunks;
		size_t n = last ? size - done : size / m->bdat_chunks;
		size_t head = (size_t)sprintf(out, "BDAT %zu%s\r\n", n, last ? " LAST" : "");
		if (m->bdat_split) {
			gen_tcp_send(d->t, GEN_CLIENT, out, head);
			gen_tcp_send(d->t, GEN_CLIENT, m->text + done, n);
		} else {
			memcpy(out + head, m->text + done, n);
			gen_tcp_send(d->t, GEN_CLIENT, out, head + n);
		}
		say(d, GEN_SERVER, "%s", last ? reply : "250 2.0.0 Ok");
		done += n;
	}
	free(out);
}

/* MAIL, RCPT and DATA in one go, and all their replies in one. */
static void
pipeline_envelope(
    struct dialogue *d, const struct gen_message *m, const char *from_reply, const char *data_reply)
{
	size_t room = 1024 + (size_t)m->recipient_count * 1024, n = 0;
	char *out = gen_must(malloc(room));

	n += (size_t)snprintf(out, room, "MAIL FROM:<%s>\r\n", m->from);
	for (unsigned i = 0; i < m->recipient_count; i++)
		n += (size_t)snprintf(
		    out + n, room - n, "RCPT TO:<%s>\r\n", m->recipients[i].address);
	if (m->bdat_chunks == 0)
		n += (size_t)snprintf(out + n, room - n, "DATA\r\n");
	gen_tcp_send(d->t, GEN_CLIENT, out, n);
	n = (size_t)snprintf(out, room, "%s\r\n", from_reply);
	for (unsigned i = 0; i < m->recipient_count; i++) {
		const char *reply = or_default(m->recipients[i].reply, "250 2.1.5 Ok");
		if (from_reply[0] != '2')
			reply = "503 5.5.1 Error: need MAIL command";
		n += (size_t)snprintf(out + n, room - n, "%s\r\n", reply);
		count_recipient(d, reply);
	}
	if (m->bdat_chunks == 0)
		n += (size_t)snprintf(out + n, room - n, "%s\r\n", data_reply);
	gen_tcp_send(d->t, GEN_SERVER, out, n);
	free(out);
}

static void
plain_envelope(
    struct dialogue *d, const struct gen_message *m, const char *from_reply, const char *data_reply)
{
	say(d, GEN_CLIENT, "MAIL FROM:<%s>", m->from);
	say(d, GEN_SERVER, "%s", from_reply);
	for (unsigned i = 0; i < m->recipient_count && from_reply[0] == '2'; i++) {
		const char *reply = or_default(m->recipients[i].reply, "250 2.1.5 Ok");
		say(d, GEN_CLIENT, "RCPT TO:<%s>", m->recipients[i].address);
		say(d, GEN_SERVER, "%s", reply);
		count_recipient(d, reply);
	}
	if (data_reply[0] == '3' && m->bdat_chunks == 0) {
		say(d, GEN_CLIENT, "DATA");
		say(d, GEN_SERVER, "%s", data_reply);
	}
}

static void
message(struct dialogue *d, const struct gen_message *m)
{
	const char *from_reply = or_default(m->from_reply, "250 2.1.0 Ok");
	const char *reply = or_default(m->reply, "250 2.0.0 Ok: queued as 4XabcD1234z9");
	const char *data_reply = or_default(m->data_reply, "354 End data with <CR><LF>.<CR><LF>");
	bool any = false;

	for (unsigned i = 0; i < m->recipient_count; i++)
		any |= m->recipients[i].reply == NULL || m->recipients[i].reply[0] == '2';
	if (!any || from_reply[0] != '2')
		data_reply = "554 5.5.1 Error: no valid recipients";
	gen_tcp_wait(d->t, m->wait_ns);
	if (m->rset_before) {
		say(d, GEN_CLIENT, "RSET");
		say(d, GEN_SERVER, "250 2.0.0 Ok");
	}
	if (d->smtp->pipelining)
		pipeline_envelope(d, m, from_reply, data_reply);
	else
		plain_envelope(d, m, from_reply, data_reply);
	if (data_reply[0] != '3')
		return;
	if (m->bdat_chunks > 0) {
		send_bdat(d, m, reply);
	} else {
		send_text(d, m->text);
		say(d, GEN_SERVER, "%s", reply);
	}
	count_message(d, reply);
}

/* Greeting to the end of STARTTLS and AUTH.  False when the server does not want to talk. */
static bool
opening(struct dialogue *d)
{
	const struct gen_smtp *s = d->smtp;
	const char *greeting = or_default(s->greeting, "220 mx.example.net ESMTP");
	const char *starttls_reply = or_default(s->starttls_reply, "220 2.0.0 Ready to start TLS");

	if (s->implicit_tls)
		gen_tcp_start_tls(d->t);
	if (s->early) /* EHLO before the greeting */
		say(d, GEN_CLIENT, "EHLO %s", or_default(s->helo, "vm.example.com"));
	say(d, GEN_SERVER, "%s", greeting);
	if (greeting[0] != '2')
		return false;
	if (s->early)
		say(d, GEN_SERVER, "250 mx.example.net");
	else
		ehlo(d);
	if (s->starttls) {
		say(d, GEN_CLIENT, "STARTTLS");
		say(d, GEN_SERVER, "%s", starttls_reply);
		if (starttls_reply[0] == '2') {
			gen_tcp_start_tls(d->t);
			ehlo(d);
		}
	}
	if (s->auth_reply != NULL) {
		say(d, GEN_CLIENT, "AUTH PLAIN AHRlc3QAc2VjcmV0LW11c3Qtbm90LWxlYWs=");
		say(d, GEN_SERVER, "%s", s->auth_reply);
	}
	return true;
}

void
gen_smtp_session(struct gen *g, const struct gen_path *path, const struct gen_smtp *smtp,
    struct gen_truth *truth)
{
	struct dialogue d = {.t = gen_tcp_new(g, path), .smtp = smtp, .truth = truth};

	gen_tcp_handshake(d.t);
	if (opening(&d))
		for (unsigned i = 0; i < smtp->message_count; i++)
			message(&d, &smtp->messages[i]);
	if (truth != NULL) {
		truth->sessions++;
		truth->sessions_tls += gen_tcp_is_tls(d.t);
	}
	if (!smtp->no_quit) {
		say(&d, GEN_CLIENT, "QUIT");
		say(&d, GEN_SERVER, "221 2.0.0 Bye");
	}
	if (smtp->reset)
		gen_tcp_reset(d.t, GEN_CLIENT);
	else
		gen_tcp_close(d.t, GEN_CLIENT);
	gen_tcp_free(d.t);
}

const char *
gen_message_text(char *buf, size_t room, size_t size, const char *from, const char *to,
    uint32_t variant, bool newsletter)
{
	static const char *const words[] = {"order", "invoice", "please", "your", "delivery",
	    "weekly", "offer", "team", "meeting", "report", "account", "the", "of", "and", "summer",
	    "price", "customer", "thank"};
	const char *at = strchr(from, '@');
	uint64_t random = (uint64_t)variant * 0x9e3779b97f4a7c15u + 1;
	size_t n = (size_t)snprintf(buf, room,
	    "From: <%s>\r\nTo: <%s>\r\nSubject: Number %u from us\r\nDate: Mon, 02 Feb 2026 "
	    "10:00:00 +0000\r\n"
	    "Message-ID: <%u.%zu@%s>\r\n%s\r\n",
	    from, to, variant, variant, size, at != NULL ? at + 1 : "example.com",
	    newsletter ? "List-Unsubscribe: <https://example.com/u/0123456789abcdef01>\r\n"
			 "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
		       : "");
	size_t column = 0;

	while (n + 32 < room && n < size) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		const char *word = words[(random >> 33) % (sizeof(words) / sizeof(words[0]))];
		n += (size_t)snprintf(buf + n, room - n, "%s%s", word, column > 60 ? "\r\n" : " ");
		column = column > 60 ? 0 : column + strlen(word) + 1;
	}
	snprintf(buf + n, room - n, "end\r\n");
	return buf;
}
