/* SPDX-License-Identifier: ISC */
/* Dialogues, each fed whole and in many cuts: what was counted, and what was told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/smtp.h"

/* --- recording -------------------------------------------------------------------------------------------- */

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

static void
on_greeting(void *arg, struct smtp *s, const struct smtp_greeting *g)
{
	struct record *r = arg;
	(void)s;
	r->greetings++;
	r->greeting_code = g->reply->code;
	strcpy(r->greeting_host, g->host);
}

static void
on_helo(void *arg, struct smtp *s, const char *name)
{
	struct record *r = arg;
	(void)s;
	r->helos++;
	strcpy(r->helo, name);
}

static void
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

static void
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

static void
on_tls(void *arg, struct smtp *s, enum obs_tls tls)
{
	struct record *r = arg;
	(void)s;
	r->tls_events++;
	r->tls = (uint8_t)tls;
}

static const struct smtp_events events = {on_greeting, on_helo, on_recipient, on_message, on_tls};
static const uint8_t key[HASH_KEY_BYTES] = {1, 2, 3};

struct dialogue {
	struct smtp_context *ctx;
	struct smtp s;
	struct record r;
	unsigned cut, seed; /* 0: whole; else pieces of 1..cut bytes */
};

static void
begin(struct dialogue *d, bool midstream)
{
	memset(d, 0, sizeof(*d));
	assert_int_equal(smtp_context_new(&d->ctx, 64, key, &events, &d->r), 0);
	smtp_init(&d->s, midstream);
}

static void
end(struct dialogue *d)
{
	smtp_end(d->ctx, &d->s);
	smtp_context_free(d->ctx);
}

/* Each piece in an allocation of its own, so that an over-read is seen. */
static void
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
static void
speak(struct dialogue *d, const char *const *lines)
{
	for (; *lines != NULL; lines++)
		feed(d, (*lines)[0], *lines + 1, strlen(*lines) - 1);
}

static void
client(struct dialogue *d, const char *text)
{
	feed(d, 'C', text, strlen(text));
}

static void
server(struct dialogue *d, const char *text)
{
	feed(d, 'S', text, strlen(text));
}

#define HELLO                                                                                     \
	"S220 mx.example.org ESMTP\r\n", "CEHLO client.example.com\r\n",                          \
	    "S250-mx.example.org\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 STARTTLS\r\n"
#define ENVELOPE                                                                                  \
	"CMAIL FROM:<a@sender.example>\r\n", "S250 2.1.0 Ok\r\n", "CRCPT TO:<b@rcpt.example>\r\n", \
	    "S250 2.1.5 Ok\r\n"
#define GO_DATA "CDATA\r\n", "S354 go\r\n"
#define TEXT    "CFrom: x@from.example\r\nSubject: s\r\n\r\nhello there\r\n.\r\n"
#define QUEUED  "S250 2.0.0 Ok: queued as 1\r\n"
#define BYE     "CQUIT\r\n", "S221 2.0.0 Bye\r\n"

/* --- the table of dialogues ---------------------------------------------------------------------------------- */

static const struct scenario {
	const char *name;
	const char *lines[40];
	unsigned messages, refused, accepted, rejected, deferred;
} scenarios[] = {
	{"plain", {HELLO, ENVELOPE, GO_DATA, TEXT, QUEUED, BYE}, 1, 0, 1, 0, 0},
	{"HELO", {"S220 x\r\n", "CHELO c\r\n", "S250 x\r\n", ENVELOPE, GO_DATA, TEXT, QUEUED, BYE}, 1, 0, 1, 0, 0},
	{"pipelined envelope", {HELLO, "CMAIL FROM:<a@s.example>\r\nRCPT TO:<b@r.example>\r\nRCPT TO:<c@r.example>\r\nDATA\r\n",
	    "S250 ok\r\n250 ok\r\n550 5.1.1 no\r\n354 go\r\n", TEXT, QUEUED, BYE}, 1, 0, 1, 1, 0},
	{"next message glued to the dot", {HELLO, ENVELOPE, GO_DATA,
	    "CSubject: 1\r\n\r\none\r\n.\r\nMAIL FROM:<a@s.example>\r\nRCPT TO:<c@r.example>\r\nDATA\r\n",
	    "S250 queued\r\n250 ok\r\n250 ok\r\n354 go\r\n", TEXT, QUEUED, BYE}, 2, 0, 2, 0, 0},
	{"three messages in one session", {HELLO, ENVELOPE, GO_DATA, TEXT, QUEUED, ENVELOPE, GO_DATA, TEXT,
	    "S451 4.3.0 later\r\n", ENVELOPE, GO_DATA, TEXT, QUEUED, BYE}, 2, 1, 3, 0, 0},
	{"RSET ends the envelope", {HELLO, ENVELOPE, "CRSET\r\n", "S250 ok\r\n", ENVELOPE, GO_DATA, TEXT, QUEUED, BYE},
	    1, 0, 2, 0, 0},
	{"pipelined RSET behind the dot", {HELLO, ENVELOPE, GO_DATA,
	    "Cx\r\n.\r\nRSET\r\nMAIL FROM:<>\r\nRCPT TO:<c@r.example>\r\nDATA\r\n",
	    "S250 queued\r\n250 reset\r\n250 ok\r\n250 ok\r\n354 go\r\n", TEXT, QUEUED, BYE}, 2, 0, 2, 0, 0},
	{"nested MAIL is refused", {HELLO, ENVELOPE, "CMAIL FROM:<z@other.example>\r\n", "S503 5.5.1 nested\r\n",
	    GO_DATA, TEXT, QUEUED, BYE}, 1, 0, 1, 0, 0},
	{"RCPT before MAIL", {HELLO, "CRCPT TO:<b@r.example>\r\n", "S503 5.5.1 need MAIL\r\n", ENVELOPE, GO_DATA, TEXT,
	    QUEUED, BYE}, 1, 0, 1, 1, 0},
	{"4xx and 5xx per recipient", {HELLO, "CMAIL FROM:<a@s.example>\r\n", "S250 ok\r\n",
	    "CRCPT TO:<a@r.example>\r\n", "S450 4.2.0 Greylisted\r\n", "CRCPT TO:<b@r.example>\r\n",
	    "S550 5.1.1 User unknown\r\n", "CRCPT TO:<c@r.example>\r\n", "S251 will forward\r\n", GO_DATA, TEXT, QUEUED, BYE},
	    1, 0, 1, 1, 1},
	{"VRFY NOOP EXPN HELP ETRN XCLIENT and nonsense", {HELLO, "CVRFY a\r\nNOOP\r\nEXPN b\r\nHELP\r\nETRN c\r\nFOO bar\r\n\r\n",
	    "S252 maybe\r\n250 ok\r\n502 no\r\n214-help\r\n214 more\r\n250 ok\r\n500 what\r\n500 what\r\n", ENVELOPE, GO_DATA, TEXT,
	    QUEUED, BYE}, 1, 0, 1, 0, 0},
	{"DATA refused", {HELLO, "CMAIL FROM:<a@s.example>\r\nRCPT TO:<b@r.example>\r\nDATA\r\n",
	    "S250 ok\r\n550 5.1.1 no\r\n554 5.5.1 no valid recipients\r\n", "CRSET\r\n", "S250 ok\r\n", BYE}, 0, 0, 0, 1, 0},
	{"all recipients refused, 354, empty message", {HELLO,
	    "CMAIL FROM:<a@s.example>\r\nRCPT TO:<b@r.example>\r\nDATA\r\n", "S250 ok\r\n550 5.1.1 no\r\n354 go\r\n", "C.\r\n",
	    "S554 5.5.1 no valid recipients\r\n", BYE}, 0, 1, 0, 1, 0},
	{"commands behind a refused DATA", {HELLO, "CMAIL FROM:<a@s.example>\r\nRCPT TO:<b@r.example>\r\nDATA\r\nRSET\r\nMAIL FROM:<a@s.example>\r\nRCPT TO:<c@r.example>\r\n",
	    "S250 ok\r\n550 no\r\n503 no\r\n250 ok\r\n250 ok\r\n250 ok\r\n", GO_DATA, TEXT, QUEUED, BYE}, 1, 0, 1, 1, 0},
	{"blast without waiting", {"S220 x\r\n",
	    "CEHLO c\r\nMAIL FROM:<a@s.example>\r\nRCPT TO:<b@r.example>\r\nDATA\r\nSubject: x\r\n\r\ntext\r\n.\r\nQUIT\r\n",
	    "S250 x\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n221 bye\r\n"}, 1, 0, 1, 0, 0},
	{"commands inside a body", {HELLO, ENVELOPE, GO_DATA,
	    "CMAIL FROM:<x@y>\r\nRCPT TO:<y@z>\r\nDATA\r\n..\r\nQUIT\r\n.\r\n", QUEUED, BYE}, 1, 0, 1, 0, 0},
	{"dot alone at the end of a text segment", {HELLO, ENVELOPE, GO_DATA, "Ctext\r\n", "C.\r\n", QUEUED, BYE}, 1, 0, 1, 0, 0},
	{"dot split from its line ends", {HELLO, ENVELOPE, GO_DATA, "Ctext\r", "C\n.", "C\r", "C\n", QUEUED, BYE}, 1, 0, 1, 0, 0},
	{"bare LF", {"S220 x\r\n", "CHELO c\n", "S250 x\r\n", "CMAIL FROM:<a@b>\n", "S250 ok\r\n", "CRCPT TO:<c@d>\n", "S250 ok\r\n",
	    "CDATA\n", "S354 go\r\n", "Csubject: x\n\ntext\n.\n", "S250 ok\r\n", "CMAIL FROM:<a@b>\n", "S250 ok\r\n",
	    "CRCPT TO:<c@d>\n", "S550 no\r\n", "CQUIT\n", "S221 bye\r\n"}, 1, 0, 1, 1, 0},
	{"smuggled end that the server does not take", {HELLO, ENVELOPE, GO_DATA,
	    "Cx\n.\nMAIL FROM:<z@z>\r\nRCPT TO:<y@y>\r\nDATA\r\nmore\r\n.\r\n", QUEUED, BYE}, 1, 0, 1, 0, 0},
	{"BDAT LAST with its bytes", {HELLO, ENVELOPE, "CBDAT 11 LAST\r\nhello\r\n.\r\nx", QUEUED, BYE}, 1, 0, 1, 0, 0},
	{"BDAT chunks and an empty LAST", {HELLO, ENVELOPE, "CBDAT 5\r\nhello", "S250 ok\r\n", "CBDAT 6\r\nQUIT\r\n",
	    "S250 ok\r\n", "CBDAT 0 LAST\r\n", QUEUED, BYE}, 1, 0, 1, 0, 0},
	{"BDAT pipelined, everything at once", {HELLO,
	    "CMAIL FROM:<a@s>\r\nRCPT TO:<b@r>\r\nBDAT 3\r\nabcBDAT 5 LAST\r\n\r\n.\r\nMAIL FROM:<a@s>\r\nRCPT TO:<c@r>\r\nBDAT 2 LAST\r\nxyQUIT\r\n",
	    "S250 ok\r\n250 ok\r\n250 3\r\n"
	    "250 done\r\n250 ok\r\n250 ok\r\n250 done\r\n221 bye\r\n"}, 2, 0, 2, 0, 0},
	{"BDAT LAST refused", {HELLO, ENVELOPE, "CBDAT 3 LAST\r\nabc", "S554 5.7.1 no\r\n", BYE}, 0, 1, 1, 0, 0},
	{"BDAT refused before its bytes", {HELLO, ENVELOPE, "CBDAT 30 LAST\r\nabc", "S552 5.3.4 too big\r\n",
	    "Cdefghijklmnopqrstuvwxyz0123", BYE}, 0, 1, 1, 0, 0},
	{"malformed BDAT has one reply and no bytes", {HELLO, "CBDAT 5 X\r\nMAIL FROM:<a@s>\r\nRCPT TO:<b@r>\r\nDATA\r\n",
	    "S501 5.5.4 Syntax\r\n250 ok\r\n250 ok\r\n354 go\r\n", TEXT, QUEUED, BYE}, 1, 0, 1, 0, 0},
	{"BDAT with impossible sizes", {HELLO, ENVELOPE, "CBDAT 15555555557777777777 LAST\r\n", "S521 5.5.4 Syntax\r\n", "CBDAT -1 LAST\r\n",
	    "S521 5.5.4 Syntax\r\n", "CBDAT\r\n", "S501 5.5.4 Syntax\r\n", "CBDAT 4294967296\r\n", "S501 Syntax\r\n", BYE}, 0, 0, 1, 0, 0},
	{"chunk refused, given up by RSET", {HELLO, ENVELOPE, "CBDAT 3\r\nabc", "S452 4.3.1 no space\r\n", "CRSET\r\n", "S250 ok\r\n",
	    ENVELOPE, "CBDAT 2 LAST\r\nxy", QUEUED, BYE}, 1, 0, 2, 0, 0},
	{"rejected EHLO keeps the envelope", {HELLO, ENVELOPE, "CEHLO\r\n", "S501 5.5.4 Syntax\r\n", GO_DATA, TEXT, QUEUED, BYE},
	    1, 0, 1, 0, 0},
	{"421 in the middle", {HELLO, "CMAIL FROM:<a@s>\r\n", "S250 ok\r\n", "CRCPT TO:<b@r>\r\n", "S421 4.7.0 too many\r\n"}, 0, 0, 0, 0, 1},
	{"421 during DATA", {HELLO, ENVELOPE, GO_DATA, "Ctext\r\n", "S421 4.4.2 timeout\r\n"}, 0, 1, 1, 0, 0},
	{"554 greeting", {"S554-no\r\n554 5.7.1 listed\r\n", "CQUIT\r\n", "S221 bye\r\n"}, 0, 0, 0, 0, 0},
	{"multi-line greeting and replies", {"S220-mx one\r\n220-two\r\n220 three\r\n", "CEHLO c\r\n", "S250-x\r\n250 y\r\n",
	    "CMAIL FROM:<a@s>\r\n", "S250-a\r\n250-b\r\n250 c\r\n", "CRCPT TO:<b@r>\r\n", "S550-5.1.1 The email\r\n550 5.1.1 account\r\n", BYE},
	    0, 0, 0, 1, 0},
	{"replies without text or with lone codes", {"S220\r\n", "CHELO c\r\n", "S250\r\n", "CMAIL FROM:a@s\r\n", "S250\r\n", "CRCPT TO:b@r\r\n",
	    "S250\r\n", "CDATA\r\n", "S354\r\n", TEXT, "S250\r\n"}, 1, 0, 1, 0, 0},
	{"notices between replies", {HELLO, ENVELOPE, "Sgarbage here\r\n", GO_DATA, TEXT, "S25x nonsense\r\n", QUEUED, BYE}, 1, 0, 1, 0, 0},
	{"AUTH PLAIN with initial response", {HELLO, "CAUTH PLAIN AGEAYg==\r\n", "S235 2.7.0 ok\r\n", ENVELOPE, GO_DATA, TEXT, QUEUED, BYE},
	    1, 0, 1, 0, 0},
	{"AUTH LOGIN whose answers look like commands", {HELLO, "CAUTH LOGIN\r\n", "S334 VXNlcm5hbWU6\r\n", "CQUIT\r\n", "S334 UGFzc3dvcmQ6\r\n",
	    "CRSET\r\n", "S235 ok\r\n", ENVELOPE, GO_DATA, TEXT, QUEUED, BYE}, 1, 0, 1, 0, 0},
	{"AUTH cancelled", {HELLO, "CAUTH CRAM-MD5\r\n", "S334 PDE+\r\n", "C*\r\n", "S501 cancelled\r\n", ENVELOPE, GO_DATA, TEXT, QUEUED, BYE},
	    1, 0, 1, 0, 0},
	{"AUTH with lines sent too early", {HELLO, "CAUTH LOGIN\r\ndXNlcg==\r\ncGFzcw==\r\nNOOP\r\n",
	    "S334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n535 5.7.8 no\r\n250 ok\r\n", ENVELOPE, GO_DATA, TEXT, QUEUED, BYE}, 1, 0, 1, 0, 0},
	{"STARTTLS refused", {HELLO, "CSTARTTLS\r\n", "S454 4.7.0 not now\r\n", ENVELOPE, GO_DATA, TEXT, QUEUED, BYE}, 1, 0, 1, 0, 0},
	{"commands behind a refused STARTTLS", {HELLO, "CSTARTTLS\r\nMAIL FROM:<a@s>\r\nRCPT TO:<b@r>\r\n",
	    "S502 no\r\n250 ok\r\n250 ok\r\n", GO_DATA, TEXT, QUEUED, BYE}, 1, 0, 1, 0, 0},
	{"blanks, case, source routes, no brackets", {HELLO, "Cmail from: <a@s.example> SIZE=10 BODY=8BITMIME\r\n", "S250 ok\r\n",
	    "CRcpt To : <@relay.example,@r2.example:b@R.Example.> ORCPT=rfc822;b@r.example\r\n", "S250 ok\r\n", "Crcpt to:c@r.example\r\n",
	    "S250 ok\r\n", "Cdata \r\n", "S354 go\r\n", TEXT, QUEUED, BYE}, 1, 0, 2, 0, 0},
	{"NUL and 8-bit bytes", {HELLO, "CMAIL FROM:<\x80\xff@\xc3\xbc.example>\r\n", "S250 ok\r\n", "CRCPT TO:<b@r>\r\n", "S250 ok\r\n", GO_DATA,
	    "C\xff\xfe\r\n\x01\x02\r\n.\r\n", QUEUED, BYE}, 1, 0, 1, 0, 0},
};

static void
check(const struct scenario *c, unsigned cut, unsigned seed)
{
	struct dialogue d;
	struct smtp_stats stats;
	begin(&d, false);
	d.cut = cut;
	d.seed = seed;
	speak(&d, c->lines);
	smtp_context_get_stats(d.ctx, &stats);
	if (d.s.messages != c->messages || d.s.messages_refused != c->refused ||
	    d.s.recipients_accepted != c->accepted || d.s.recipients_rejected != c->rejected ||
	    d.s.recipients_deferred != c->deferred || stats.unmatched_replies != 0 || d.s.queue_count != 0)
		fail_msg("%s (cut %u): messages %u refused %u recipients %u %u %u unmatched %u queued %u", c->name,
		    cut, d.s.messages, d.s.messages_refused, d.s.recipients_accepted, d.s.recipients_rejected,
		    d.s.recipients_deferred, (unsigned)stats.unmatched_replies, d.s.queue_count);
	assert_int_equal(d.r.completed, c->messages);
	assert_int_equal(d.r.messages, c->messages + c->refused);
	assert_int_equal(d.r.recipients, c->accepted + c->rejected + c->deferred);
	end(&d);
}

static void
test_scenarios(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		check(&scenarios[i], 0, 0);
		check(&scenarios[i], 1, 0);
		for (unsigned seed = 1; seed <= 30; seed++)
			check(&scenarios[i], 1 + seed % 13, seed);
	}
}

/* --- what the events say -------------------------------------------------------------------------------------- */

static void
test_message_facts(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d, (const char *const[]){HELLO, "CMAIL FROM:<Bob@Sender.Example>\r\n", "S250 ok\r\n",
		"CRCPT TO:<Alice@Rcpt.Example>\r\n", "S250 2.1.5 ok\r\n", GO_DATA,
		"CFrom: \"a@b\" <news@Shop.Example>\r\nSubject: Re: Order 17\r\nDate: x\r\nMessage-ID: <1@x>\r\n"
		"List-Unsubscribe: <mailto:u@x>\r\nDKIM-Signature: v=1; a=rsa-sha256;\r\n d=shop.example; s=x\r\n"
		"\r\nThank you very much for your order of one large wooden table with four chairs\r\n.\r\n",
		QUEUED, NULL});
	assert_string_equal(d.r.greeting_host, "mx.example.org");
	assert_string_equal(d.r.helo, "client.example.com");
	assert_string_equal(d.r.domain, "rcpt.example");
	assert_string_equal(d.r.sender, "sender.example");
	assert_int_not_equal(d.r.hash, 0);
	assert_int_not_equal(d.r.hash, d.r.domain_hash);
	assert_string_equal(d.r.message_sender, "sender.example");
	assert_string_equal(d.r.from, "shop.example");
	assert_string_equal(d.r.dkim, "shop.example");
	assert_true(d.r.headers_seen);
	assert_int_equal(d.r.headers, OBS_HDR_DATE | OBS_HDR_MESSAGE_ID | OBS_HDR_LIST_UNSUBSCRIBE | OBS_HDR_DKIM);
	assert_int_not_equal(d.r.subject, 0);
	assert_int_not_equal(d.r.fingerprint, 0);
	assert_int_equal(d.r.accepted, 1);
	assert_int_equal(d.r.message_reply.code, 250);
	uint64_t hash = d.r.hash;
	speak(&d, (const char *const[]){"CMAIL FROM:<>\r\n", "S250 ok\r\n", "CRCPT TO:<ALICE@rcpt.example>\r\n",
		"S550 5.1.1 <alice@rcpt.example>: User unknown\r\n", NULL});
	assert_true(hash == d.r.hash); /* case does not matter */
	assert_string_equal(d.r.sender, "");
	assert_int_equal(d.r.reply.remote, OBS_REMOTE_UNKNOWN);
	assert_int_equal(d.r.reply.enhanced[1], 1);
	assert_null(strstr(d.r.reply.text, "alice"));
	assert_non_null(strstr(d.r.reply.text, "<redacted>@rcpt.example"));
	end(&d);
}

static void
test_size(void **state)
{
	struct dialogue d;
	(void)state;
	for (unsigned cut = 0; cut < 9; cut++) {
		begin(&d, false);
		d.cut = cut;
		speak(&d, (const char *const[]){HELLO, ENVELOPE, GO_DATA, "C12\r\n.\r\n", QUEUED, NULL});
		assert_int_equal(d.r.size, 4);
		speak(&d, (const char *const[]){ENVELOPE, GO_DATA, "C.\r\n", QUEUED, NULL});
		assert_int_equal(d.r.size, 0);
		speak(&d, (const char *const[]){ENVELOPE, "CBDAT 3\r\nabc", "S250 ok\r\n", "CBDAT 4 LAST\r\nabcd", QUEUED, NULL});
		assert_int_equal(d.r.size, 7);
		assert_true(d.r.chunked);
		end(&d);
	}
}

/* RFC 3463 texts over several lines are classified as a whole. */
static void
test_multi_line_refusal(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	d.cut = 5;
	speak(&d, (const char *const[]){HELLO, ENVELOPE, GO_DATA, TEXT,
		"S550-5.7.1 [192.0.2.1      12] Our system has detected that this\r\n"
		"550-5.7.1 message is likely unsolicited mail. To reduce the amount of spam\r\n"
		"550 5.7.1 sent to Gmail, this message has been blocked. x1-20020a05 - gsmtp\r\n", NULL});
	assert_int_equal(d.r.message_reply.remote, OBS_REMOTE_POLICY);
	assert_int_equal(d.r.message_reply.enhanced[0], 5);
	assert_int_equal(d.r.message_reply.enhanced[2], 1);
	assert_non_null(strstr(d.r.message_reply.text, "that this message is likely unsolicited"));
	end(&d);
}

static void
test_greeting_refused(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	server(&d, "554 5.7.1 mx.example Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org\r\n");
	assert_int_equal(d.r.greeting_code, 554);
	assert_int_equal(d.r.greetings, 1);
	end(&d);
}

/* --- TLS ------------------------------------------------------------------------------------------------------- */

static void
test_starttls(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d, (const char *const[]){HELLO, NULL});
	client(&d, "STARTTLS\r\nRSET\r\n"); /* injected behind it: dropped */
	assert_false(smtp_is_tls(&d.s, SMTP_FROM_CLIENT));
	static const uint8_t reply[] = "220 go\r\n\x16\x03\x03";
	assert_int_equal(smtp_server(d.ctx, &d.s, reply, sizeof(reply) - 1), 8);
	assert_true(smtp_is_tls(&d.s, SMTP_FROM_CLIENT));
	assert_true(smtp_is_tls(&d.s, SMTP_FROM_SERVER));
	assert_int_equal(d.r.tls_events, 1);
	assert_int_equal(d.r.tls, OBS_TLS_STARTTLS);
	assert_int_equal(smtp_client(d.ctx, &d.s, (const uint8_t *)"\x16\x03\x01", 3), 0);
	assert_int_equal(smtp_get_habits(&d.s) & OBS_HABIT_NO_QUIT, 0);
	end(&d);
}

static void
test_hello_before_220(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d, (const char *const[]){HELLO, "CSTARTTLS\r\n", NULL});
	assert_int_equal(smtp_client(d.ctx, &d.s, (const uint8_t *)"\x16\x03\x01\x02", 4), 0);
	assert_true(smtp_is_tls(&d.s, SMTP_FROM_CLIENT));
	assert_false(smtp_is_tls(&d.s, SMTP_FROM_SERVER));
	server(&d, "220 2.0.0 ready\r\n");
	assert_true(smtp_is_tls(&d.s, SMTP_FROM_SERVER));
	assert_int_equal(d.r.tls_events, 1);
	end(&d);
}

static void
test_implicit_tls(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	assert_int_equal(smtp_client(d.ctx, &d.s, (const uint8_t *)"\x16\x03\x01\x02", 4), 0);
	assert_int_equal(d.r.tls, OBS_TLS_IMPLICIT);
	assert_int_equal(smtp_server(d.ctx, &d.s, (const uint8_t *)"\x16\x03\x03\x02", 4), 0);
	assert_int_equal(d.r.tls_events, 1);
	assert_false(smtp_is_spoken(&d.s));
	end(&d);
}

/* --- loss, cut packets, beginnings that were not seen -------------------------------------------------------------- */

static void
test_cut_body(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d, (const char *const[]){HELLO, ENVELOPE, GO_DATA, "CSubject: x\r\n\r\nte", NULL});
	smtp_skip(d.ctx, &d.s, SMTP_FROM_CLIENT, 5000); /* with the final dot in it */
	speak(&d, (const char *const[]){QUEUED, ENVELOPE, GO_DATA, "Cab", NULL});
	smtp_skip(d.ctx, &d.s, SMTP_FROM_CLIENT, 100);
	speak(&d, (const char *const[]){"C.\r\n", QUEUED, ENVELOPE, GO_DATA, "Cab", NULL});
	assert_int_equal(d.r.size, 102);
	smtp_skip(d.ctx, &d.s, SMTP_FROM_CLIENT, 100);
	speak(&d, (const char *const[]){"Cmore\r\n.\r\nQUIT\r\n", "S250 ok\r\n221 bye\r\n", NULL});
	assert_int_equal(d.s.messages, 3);
	assert_int_equal(d.s.recipients_accepted, 3);
	assert_int_equal(d.s.queue_count, 0);
	end(&d);
}

static void
test_cut_commands(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d, (const char *const[]){HELLO, "CMAIL FROM:<a@s>\r\nRCPT TO:<b@r>\r\nRCPT TO:<c", NULL});
	smtp_skip(d.ctx, &d.s, SMTP_FROM_CLIENT, 50); /* ...@r>, one more recipient, DATA */
	server(&d, "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 2.1.5 Ok\r\n550 5.1.1 no\r\n354 go\r\n");
	assert_int_equal(d.s.recipients_accepted, 2);
	assert_int_equal(d.s.recipients_rejected, 1);
	speak(&d, (const char *const[]){TEXT, QUEUED, ENVELOPE, GO_DATA, TEXT, QUEUED, BYE, NULL});
	assert_int_equal(d.s.messages, 2);
	assert_int_equal(d.s.recipients_accepted, 3);
	end(&d);
}

/* A command glued behind the cut, then everything in step again. */
static void
test_lost_commands(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d, (const char *const[]){HELLO, NULL});
	smtp_gap(d.ctx, &d.s, SMTP_FROM_CLIENT, 30); /* MAIL */
	speak(&d, (const char *const[]){"S250 2.1.0 Ok\r\n", "CRCPT TO:<b@r.example>\r\n", "S550 5.1.1 no\r\n",
		"CRCPT TO:<c@r.example>\r\n", "S250 2.1.5 Ok\r\n", GO_DATA, TEXT, QUEUED, NULL});
	assert_int_equal(d.s.messages, 1);
	assert_int_equal(d.s.recipients_accepted, 1);
	assert_int_equal(d.s.recipients_rejected, 1);
	assert_string_equal(d.r.domain, "r.example");
	end(&d);
}

static void
test_lost_replies(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d, (const char *const[]){HELLO, ENVELOPE, GO_DATA, TEXT, NULL});
	smtp_gap(d.ctx, &d.s, SMTP_FROM_SERVER, 30); /* the 250 */
	assert_int_equal(d.s.messages, 1);
	assert_int_equal(d.r.message_reply.code, 0);
	/* the 354 is lost */
	speak(&d, (const char *const[]){ENVELOPE, "CDATA\r\n", NULL});
	smtp_gap(d.ctx, &d.s, SMTP_FROM_SERVER, 10);
	speak(&d, (const char *const[]){TEXT, QUEUED, NULL});
	assert_int_equal(d.s.messages, 2);
	/* replies to MAIL and the first RCPT are lost */
	client(&d, "MAIL FROM:<a@s>\r\nRCPT TO:<b@r>\r\nRCPT TO:<c@r>\r\nDATA\r\n");
	smtp_gap(d.ctx, &d.s, SMTP_FROM_SERVER, 28);
	server(&d, "550 5.1.1 no\r\n354 go\r\n");
	speak(&d, (const char *const[]){TEXT, QUEUED, BYE, NULL});
	assert_int_equal(d.s.messages, 3);
	assert_int_equal(d.s.recipients_rejected, 1);
	assert_int_equal(d.s.queue_count, 0);
	end(&d);
}

static void
test_midstream(void **state)
{
	struct dialogue d;
	char body[300];
	(void)state;
	memset(body, 'x', sizeof(body));
	begin(&d, true);
	feed(&d, 'C', body, sizeof(body)); /* in the middle of a body */
	speak(&d, (const char *const[]){QUEUED, ENVELOPE, GO_DATA, TEXT, QUEUED, BYE, NULL});
	assert_int_equal(d.s.messages, 2);
	assert_int_equal(d.s.recipients_accepted, 1);
	end(&d);

	begin(&d, true);
	speak(&d, (const char *const[]){"S354 go\r\n", "Cx\r\n.\r\n", QUEUED, "S250 2.1.5 Ok\r\n", NULL});
	assert_int_equal(d.s.messages, 1);
	assert_int_equal(d.s.recipients_accepted, 1);
	assert_int_equal(d.r.hash, 0);
	assert_int_equal(smtp_get_habits(&d.s) & OBS_HABIT_EARLY, 0);
	end(&d);

	begin(&d, true); /* in the middle of TLS */
	assert_int_equal(smtp_client(d.ctx, &d.s, (const uint8_t *)"\x17\x03\x03\x01", 4), 0);
	assert_int_equal(d.r.tls, OBS_TLS_IMPLICIT);
	end(&d);
}

/* Bytes of an AUTH exchange must not survive in the state. */
static void
test_secrets_are_not_kept(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d, (const char *const[]){HELLO, "CAUTH LOGIN\r\n", "S334 x\r\n", "CMAIL FROM:<secret@leak.exa", NULL});
	assert_int_equal(d.s.line[SMTP_FROM_CLIENT], 0);
	speak(&d, (const char *const[]){"Cmple>\r\n", "S535 5.7.8 no\r\n", NULL});
	assert_int_equal(d.s.auth_attempts, 1);
	assert_int_equal(d.s.auth_failures, 1);
	assert_int_equal(d.s.commands, 2);
	end(&d);
}

/* --- habits ---------------------------------------------------------------------------------------------------------- */

static uint16_t
habits_of(const char *const *lines)
{
	struct dialogue d;
	begin(&d, false);
	speak(&d, lines);
	uint16_t habits = smtp_get_habits(&d.s);
	end(&d);
	return habits;
}

static void
test_habits(void **state)
{
	(void)state;
	assert_int_equal(habits_of((const char *const[]){HELLO, ENVELOPE, GO_DATA, TEXT, QUEUED, BYE, NULL}), 0);
	assert_int_equal(habits_of((const char *const[]){HELLO, BYE, NULL}), OBS_HABIT_NO_DATA);
	assert_int_equal(habits_of((const char *const[]){HELLO, NULL}), OBS_HABIT_NO_QUIT);
	assert_int_equal(habits_of((const char *const[]){"CHELO x\r\n", "S220 x\r\n250 x\r\n", BYE, NULL}),
	    OBS_HABIT_EARLY | OBS_HABIT_HELO_ONLY | OBS_HABIT_NO_DATA);
	assert_int_equal(habits_of((const char *const[]){"S220 x\r\n", "CEHLO x\r\n", "S250 x\r\n",
	    "CRSET\r\nNOOP\r\n", "S250 x\r\n250 x\r\n", BYE, NULL}),
	    OBS_HABIT_PIPELINED | OBS_HABIT_UNOFFERED_PIPELINING | OBS_HABIT_NO_DATA);
	assert_int_equal(habits_of((const char *const[]){HELLO, "CRSET\r\nNOOP\r\n", "S250 x\r\n250 x\r\n", BYE, NULL}),
	    OBS_HABIT_PIPELINED | OBS_HABIT_NO_DATA);
}

/* --- limits ------------------------------------------------------------------------------------------------------------ */

static void
test_long_lines(void **state)
{
	struct dialogue d;
	(void)state;
	char *line = malloc(20000);
	memset(line, 'a', 20000);
	memcpy(line, "RCPT TO:<", 9);
	memcpy(line + 19996, "@r\r\n", 4);
	begin(&d, false);
	d.cut = 700;
	speak(&d, (const char *const[]){HELLO, "CMAIL FROM:<a@s>\r\n", "S250 ok\r\n", NULL});
	feed(&d, 'C', line, 20000);
	speak(&d, (const char *const[]){"S501 5.5.2 line too long\r\n", "CRCPT TO:<b@r>\r\n", "S250 ok\r\n", NULL});
	assert_int_equal(d.s.recipients_rejected, 1);
	assert_int_equal(d.s.recipients_accepted, 1);
	assert_false(smtp_is_opaque(&d.s));
	for (unsigned i = 0; i < 40; i++)
		feed(&d, 'C', line, 20000);
	assert_true(smtp_is_opaque(&d.s));
	assert_int_equal(smtp_client(d.ctx, &d.s, (const uint8_t *)"QUIT\r\n", 6), 6);
	free(line);
	end(&d);
}

/* A reply line longer than its buffer counts by its code; its text is dropped. */
static void
test_long_reply(void **state)
{
	struct dialogue d;
	(void)state;
	char *line = malloc(5000);
	memset(line, 'a', 5000);
	memcpy(line, "550 5.1.1 <", 11);
	memcpy(line + 4998, "\r\n", 2);
	begin(&d, false);
	d.cut = 100;
	speak(&d, (const char *const[]){HELLO, "CMAIL FROM:<a@s>\r\n", "S250 ok\r\n", "CRCPT TO:<b@r>\r\n", NULL});
	feed(&d, 'S', line, 5000);
	assert_int_equal(d.s.recipients_rejected, 1);
	assert_string_equal(d.r.reply.text, "");
	speak(&d, (const char *const[]){"CRCPT TO:<b@r>\r\n", "S250 ok\r\n", NULL});
	assert_int_equal(d.s.recipients_accepted, 1);
	free(line);
	end(&d);
}

/* More alternating commands in flight than the record holds: they spill, and the order stays. */
static void
test_deep_queue(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d, (const char *const[]){HELLO, "CMAIL FROM:<a@s>\r\n", "S250 ok\r\n", NULL});
	for (unsigned i = 0; i < 200; i++)
		client(&d, "RCPT TO:<b@r>\r\nNOOP\r\n");
	for (unsigned i = 0; i < 200; i++)
		server(&d, i % 4 == 0 ? "550 no\r\n250 noop\r\n" : "250 ok\r\n250 noop\r\n");
	assert_int_equal(d.s.recipients_accepted, 150);
	assert_int_equal(d.s.recipients_rejected, 50);
	/* far more than even that: unknown from there on, right again at the next message */
	for (unsigned i = 0; i < 2000; i++)
		client(&d, "RCPT TO:<b@r>\r\nNOOP\r\n");
	for (unsigned i = 0; i < 2000; i++)
		server(&d, "250 ok\r\n250 noop\r\n");
	struct smtp_stats stats;
	smtp_context_get_stats(d.ctx, &stats);
	assert_true(stats.queue_overflows > 0);
	assert_true(d.s.recipients_accepted < 2150);
	uint32_t before = d.s.recipients_accepted;
	speak(&d, (const char *const[]){"CRSET\r\n", "S250 ok\r\n", ENVELOPE, GO_DATA, TEXT, QUEUED, NULL});
	assert_int_equal(d.s.recipients_accepted, before + 1);
	assert_int_equal(d.s.messages, 1);
	end(&d);
}

/* Recipients beyond the room of the list are counted, without their hashes. */
static void
test_many_recipients(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d, (const char *const[]){HELLO, "CMAIL FROM:<a@s>\r\n", "S250 ok\r\n", NULL});
	for (unsigned i = 0; i < 3000; i++)
		client(&d, "RCPT TO:<b@r.example>\r\n");
	for (unsigned i = 0; i < 1024; i++)
		server(&d, "250 ok\r\n");
	assert_int_not_equal(d.r.hash, 0);
	for (unsigned i = 1024; i < 3000; i++)
		server(&d, "250 ok\r\n");
	assert_int_equal(d.r.hash, 0);
	assert_int_equal(d.s.recipients_accepted, 3000);
	speak(&d, (const char *const[]){GO_DATA, TEXT, QUEUED, NULL});
	assert_int_equal(d.r.accepted, 3000);
	assert_string_equal(d.r.message_sender, "s");
	end(&d);
}

/* Sessions that take everything from the pools: the others lose detail, not their counts. */
static void
test_pools_run_dry(void **state)
{
	struct dialogue d;
	struct smtp greedy[300];
	struct smtp_stats stats;
	(void)state;
	begin(&d, false);
	for (unsigned i = 0; i < 300; i++) {
		smtp_init(&greedy[i], false);
		for (unsigned k = 0; k < 40; k++)
			smtp_client(d.ctx, &greedy[i], (const uint8_t *)"MAIL FROM:<a@b>\r\n", 17);
		smtp_client(d.ctx, &greedy[i], (const uint8_t *)"BDAT 10\r\nx", 10);
		smtp_client(d.ctx, &greedy[i], (const uint8_t *)"123456789RCPT TO:<", 18);
	}
	smtp_context_get_stats(d.ctx, &stats);
	assert_true(stats.pool_exhausted > 0);
	speak(&d, (const char *const[]){HELLO, ENVELOPE, GO_DATA, TEXT, QUEUED, BYE, NULL});
	assert_int_equal(d.s.messages, 1);
	assert_int_equal(d.s.recipients_accepted, 1);
	assert_false(d.r.headers_seen);
	for (unsigned i = 0; i < 300; i++)
		smtp_end(d.ctx, &greedy[i]);
	/* all came back */
	smtp_init(&d.s, false);
	speak(&d, (const char *const[]){HELLO, ENVELOPE, GO_DATA, TEXT, QUEUED, BYE, NULL});
	assert_true(d.r.headers_seen);
	assert_int_not_equal(d.r.hash, 0);
	end(&d);
}

/* A body of many segments is not searched, but for what its last line allows. */
static void
test_long_body(void **state)
{
	struct dialogue d;
	char *body = malloc(200000);
	size_t used = 0;
	(void)state;
	used += (size_t)sprintf(body, "Subject: x\r\n\r\n");
	while (used < 150000)
		used += (size_t)sprintf(body + used, "A line of text, number %zu, that ends. And\r\n", used);
	used += (size_t)sprintf(body + used, ".\r\nMAIL FROM:<a@s>\r\nRCPT TO:<b@r>\r\nRSET\r\n");
	for (unsigned cut = 0; cut < 5; cut++) {
		begin(&d, false);
		d.cut = cut * 1000;
		speak(&d, (const char *const[]){HELLO, ENVELOPE, GO_DATA, NULL});
		feed(&d, 'C', body, used);
		speak(&d, (const char *const[]){"S250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n", BYE, NULL});
		assert_int_equal(d.s.messages, 1);
		assert_int_equal(d.s.recipients_rejected, 1);
		assert_int_equal(d.s.queue_count, 0);
		end(&d);
	}
	free(body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenarios),
		cmocka_unit_test(test_message_facts),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_multi_line_refusal),
		cmocka_unit_test(test_greeting_refused),
		cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_hello_before_220),
		cmocka_unit_test(test_implicit_tls),
		cmocka_unit_test(test_cut_body),
		cmocka_unit_test(test_cut_commands),
		cmocka_unit_test(test_lost_commands),
		cmocka_unit_test(test_lost_replies),
		cmocka_unit_test(test_midstream),
		cmocka_unit_test(test_secrets_are_not_kept),
		cmocka_unit_test(test_habits),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_long_reply),
		cmocka_unit_test(test_deep_queue),
		cmocka_unit_test(test_many_recipients),
		cmocka_unit_test(test_pools_run_dry),
		cmocka_unit_test(test_long_body),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
