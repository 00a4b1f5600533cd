/* SPDX-License-Identifier: ISC */
/* Dialogues, each fed whole and in many cuts: what was counted, and what was told. */
#include "tests/unit/smtp_dialogue.h"

/* --- the table of dialogues
 * ---------------------------------------------------------------------------------- */

static const struct scenario {
	const char *name;
	const char *lines[40];
	unsigned messages, refused, accepted, rejected, deferred;
} scenarios[] = {
    {"plain", {HELLO, ENVELOPE, GO_DATA, TEXT, QUEUED, BYE}, 1, 0, 1, 0, 0},
    {"HELO", {"S220 x\r\n", "CHELO c\r\n", "S250 x\r\n", ENVELOPE, GO_DATA, TEXT, QUEUED, BYE}, 1,
	0, 1, 0, 0},
    {"pipelined envelope",
	{HELLO,
	    "CMAIL FROM:<a@s.example>\r\nRCPT TO:<b@r.example>\r\nRCPT "
	    "TO:<c@r.example>\r\nDATA\r\n",
	    "S250 ok\r\n250 ok\r\n550 5.1.1 no\r\n354 go\r\n", TEXT, QUEUED, BYE},
	1, 0, 1, 1, 0},
    {"next message glued to the dot",
	{HELLO, ENVELOPE, GO_DATA,
	    "CSubject: 1\r\n\r\none\r\n.\r\nMAIL FROM:<a@s.example>\r\nRCPT "
	    "TO:<c@r.example>\r\nDATA\r\n",
	    "S250 queued\r\n250 ok\r\n250 ok\r\n354 go\r\n", TEXT, QUEUED, BYE},
	2, 0, 2, 0, 0},
    {"three messages in one session",
	{HELLO, ENVELOPE, GO_DATA, TEXT, QUEUED, ENVELOPE, GO_DATA, TEXT, "S451 4.3.0 later\r\n",
	    ENVELOPE, GO_DATA, TEXT, QUEUED, BYE},
	2, 1, 3, 0, 0},
    {"RSET ends the envelope",
	{HELLO, ENVELOPE, "CRSET\r\n", "S250 ok\r\n", ENVELOPE, GO_DATA, TEXT, QUEUED, BYE}, 1, 0,
	2, 0, 0},
    {"pipelined RSET behind the dot",
	{HELLO, ENVELOPE, GO_DATA,
	    "Cx\r\n.\r\nRSET\r\nMAIL FROM:<>\r\nRCPT TO:<c@r.example>\r\nDATA\r\n",
	    "S250 queued\r\n250 reset\r\n250 ok\r\n250 ok\r\n354 go\r\n", TEXT, QUEUED, BYE},
	2, 0, 2, 0, 0},
    {"nested MAIL is refused",
	{HELLO, ENVELOPE, "CMAIL FROM:<z@other.example>\r\n", "S503 5.5.1 nested\r\n", GO_DATA,
	    TEXT, QUEUED, BYE},
	1, 0, 1, 0, 0},
    {"RCPT before MAIL",
	{HELLO, "CRCPT TO:<b@r.example>\r\n", "S503 5.5.1 need MAIL\r\n", ENVELOPE, GO_DATA, TEXT,
	    QUEUED, BYE},
	1, 0, 1, 1, 0},
    {"4xx and 5xx per recipient",
	{HELLO, "CMAIL FROM:<a@s.example>\r\n", "S250 ok\r\n", "CRCPT TO:<a@r.example>\r\n",
	    "S450 4.2.0 Greylisted\r\n", "CRCPT TO:<b@r.example>\r\n",
	    "S550 5.1.1 User unknown\r\n", "CRCPT TO:<c@r.example>\r\n", "S251 will forward\r\n",
	    GO_DATA, TEXT, QUEUED, BYE},
	1, 0, 1, 1, 1},
    {"VRFY NOOP EXPN HELP ETRN XCLIENT and nonsense",
	{HELLO, "CVRFY a\r\nNOOP\r\nEXPN b\r\nHELP\r\nETRN c\r\nFOO bar\r\n\r\n",
	    "S252 maybe\r\n250 ok\r\n502 no\r\n214-help\r\n214 more\r\n250 ok\r\n500 what\r\n500 "
	    "what\r\n",
	    ENVELOPE, GO_DATA, TEXT, QUEUED, BYE},
	1, 0, 1, 0, 0},
    {"DATA refused",
	{HELLO, "CMAIL FROM:<a@s.example>\r\nRCPT TO:<b@r.example>\r\nDATA\r\n",
	    "S250 ok\r\n550 5.1.1 no\r\n554 5.5.1 no valid recipients\r\n", "CRSET\r\n",
	    "S250 ok\r\n", BYE},
	0, 0, 0, 1, 0},
    {"all recipients refused, 354, empty message",
	{HELLO, "CMAIL FROM:<a@s.example>\r\nRCPT TO:<b@r.example>\r\nDATA\r\n",
	    "S250 ok\r\n550 5.1.1 no\r\n354 go\r\n", "C.\r\n", "S554 5.5.1 no valid recipients\r\n",
	    BYE},
	0, 1, 0, 1, 0},
    {"commands behind a refused DATA",
	{HELLO,
	    "CMAIL FROM:<a@s.example>\r\nRCPT TO:<b@r.example>\r\nDATA\r\nRSET\r\nMAIL "
	    "FROM:<a@s.example>\r\nRCPT TO:<c@r.example>\r\n",
	    "S250 ok\r\n550 no\r\n503 no\r\n250 ok\r\n250 ok\r\n250 ok\r\n", GO_DATA, TEXT, QUEUED,
	    BYE},
	1, 0, 1, 1, 0},
    {"blast without waiting",
	{"S220 x\r\n",
	    "CEHLO c\r\nMAIL FROM:<a@s.example>\r\nRCPT TO:<b@r.example>\r\nDATA\r\nSubject: "
	    "x\r\n\r\ntext\r\n.\r\nQUIT\r\n",
	    "S250 x\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n221 bye\r\n"},
	1, 0, 1, 0, 0},
    {"commands inside a body",
	{HELLO, ENVELOPE, GO_DATA,
	    "CMAIL FROM:<x@y>\r\nRCPT TO:<y@z>\r\nDATA\r\n..\r\nQUIT\r\n.\r\n", QUEUED, BYE},
	1, 0, 1, 0, 0},
    {"dot alone at the end of a text segment",
	{HELLO, ENVELOPE, GO_DATA, "Ctext\r\n", "C.\r\n", QUEUED, BYE}, 1, 0, 1, 0, 0},
    {"dot split from its line ends",
	{HELLO, ENVELOPE, GO_DATA, "Ctext\r", "C\n.", "C\r", "C\n", QUEUED, BYE}, 1, 0, 1, 0, 0},
    {"bare LF",
	{"S220 x\r\n", "CHELO c\n", "S250 x\r\n", "CMAIL FROM:<a@b>\n", "S250 ok\r\n",
	    "CRCPT TO:<c@d>\n", "S250 ok\r\n", "CDATA\n", "S354 go\r\n", "Csubject: x\n\ntext\n.\n",
	    "S250 ok\r\n", "CMAIL FROM:<a@b>\n", "S250 ok\r\n", "CRCPT TO:<c@d>\n", "S550 no\r\n",
	    "CQUIT\n", "S221 bye\r\n"},
	1, 0, 1, 1, 0},
    {"smuggled end that the server does not take",
	{HELLO, ENVELOPE, GO_DATA,
	    "Cx\n.\nMAIL FROM:<z@z>\r\nRCPT TO:<y@y>\r\nDATA\r\nmore\r\n.\r\n", QUEUED, BYE},
	1, 0, 1, 0, 0},
    {"LMTP: one reply for each accepted recipient",
	{"S220 x LMTP\r\n", "CLHLO c\r\n", "S250 x\r\n", ENVELOPE,
	    "CRCPT TO:<c@r.example>\r\nRCPT TO:<d@r.example>\r\n", "S250 ok\r\n550 5.1.1 no\r\n",
	    GO_DATA, TEXT, "S550 5.2.2 full\r\n250 2.0.0 saved\r\n", ENVELOPE, GO_DATA, TEXT,
	    "S452 4.2.2 full\r\n", ENVELOPE, GO_DATA, TEXT, QUEUED, BYE},
	2, 1, 4, 1, 0},
    {"PROXY line of a proxy: no reply",
	{"CPROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n", HELLO, ENVELOPE, GO_DATA, TEXT, QUEUED, BYE},
	1, 0, 1, 0, 0},
    {"PROXY line and command in one packet",
	{"CPROXY UNKNOWN\r\nEHLO c\r\n", "S220 x\r\n250 x\r\n", ENVELOPE, GO_DATA, TEXT, QUEUED,
	    BYE},
	1, 0, 1, 0, 0},
    {"BDAT LAST with its bytes", {HELLO, ENVELOPE, "CBDAT 11 LAST\r\nhello\r\n.\r\nx", QUEUED, BYE},
	1, 0, 1, 0, 0},
    {"BDAT chunks and an empty LAST",
	{HELLO, ENVELOPE, "CBDAT 5\r\nhello", "S250 ok\r\n", "CBDAT 6\r\nQUIT\r\n", "S250 ok\r\n",
	    "CBDAT 0 LAST\r\n", QUEUED, BYE},
	1, 0, 1, 0, 0},
    {"BDAT pipelined, everything at once",
	{HELLO,
	    "CMAIL FROM:<a@s>\r\nRCPT TO:<b@r>\r\nBDAT 3\r\nabcBDAT 5 LAST\r\n\r\n.\r\nMAIL "
	    "FROM:<a@s>\r\nRCPT TO:<c@r>\r\nBDAT 2 LAST\r\nxyQUIT\r\n",
	    "S250 ok\r\n250 ok\r\n250 3\r\n"
	    "250 done\r\n250 ok\r\n250 ok\r\n250 done\r\n221 bye\r\n"},
	2, 0, 2, 0, 0},
    {"BDAT LAST refused", {HELLO, ENVELOPE, "CBDAT 3 LAST\r\nabc", "S554 5.7.1 no\r\n", BYE}, 0, 1,
	1, 0, 0},
    {"BDAT refused before its bytes",
	{HELLO, ENVELOPE, "CBDAT 30 LAST\r\nabc", "S552 5.3.4 too big\r\n",
	    "Cdefghijklmnopqrstuvwxyz0123", BYE},
	0, 1, 1, 0, 0},
    {"malformed BDAT has one reply and no bytes",
	{HELLO, "CBDAT 5 X\r\nMAIL FROM:<a@s>\r\nRCPT TO:<b@r>\r\nDATA\r\n",
	    "S501 5.5.4 Syntax\r\n250 ok\r\n250 ok\r\n354 go\r\n", TEXT, QUEUED, BYE},
	1, 0, 1, 0, 0},
    {"BDAT with impossible sizes",
	{HELLO, ENVELOPE, "CBDAT 15555555557777777777 LAST\r\n", "S521 5.5.4 Syntax\r\n",
	    "CBDAT -1 LAST\r\n", "S521 5.5.4 Syntax\r\n", "CBDAT\r\n", "S501 5.5.4 Syntax\r\n",
	    "CBDAT 4294967296\r\n", "S501 Syntax\r\n", BYE},
	0, 0, 1, 0, 0},
    {"chunk refused, given up by RSET",
	{HELLO, ENVELOPE, "CBDAT 3\r\nabc", "S452 4.3.1 no space\r\n", "CRSET\r\n", "S250 ok\r\n",
	    ENVELOPE, "CBDAT 2 LAST\r\nxy", QUEUED, BYE},
	1, 0, 2, 0, 0},
    {"rejected EHLO keeps the envelope",
	{HELLO, ENVELOPE, "CEHLO\r\n", "S501 5.5.4 Syntax\r\n", GO_DATA, TEXT, QUEUED, BYE}, 1, 0,
	1, 0, 0},
    {"421 in the middle",
	{HELLO, "CMAIL FROM:<a@s>\r\n", "S250 ok\r\n", "CRCPT TO:<b@r>\r\n",
	    "S421 4.7.0 too many\r\n"},
	0, 0, 0, 0, 1},
    {"421 during DATA", {HELLO, ENVELOPE, GO_DATA, "Ctext\r\n", "S421 4.4.2 timeout\r\n"}, 0, 1, 1,
	0, 0},
    {"554 greeting", {"S554-no\r\n554 5.7.1 listed\r\n", "CQUIT\r\n", "S221 bye\r\n"}, 0, 0, 0, 0,
	0},
    {"multi-line greeting and replies",
	{"S220-mx one\r\n220-two\r\n220 three\r\n", "CEHLO c\r\n", "S250-x\r\n250 y\r\n",
	    "CMAIL FROM:<a@s>\r\n", "S250-a\r\n250-b\r\n250 c\r\n", "CRCPT TO:<b@r>\r\n",
	    "S550-5.1.1 The email\r\n550 5.1.1 account\r\n", BYE},
	0, 0, 0, 1, 0},
    {"replies without text or with lone codes",
	{"S220\r\n", "CHELO c\r\n", "S250\r\n", "CMAIL FROM:a@s\r\n", "S250\r\n",
	    "CRCPT TO:b@r\r\n", "S250\r\n", "CDATA\r\n", "S354\r\n", TEXT, "S250\r\n"},
	1, 0, 1, 0, 0},
    {"notices between replies",
	{HELLO, ENVELOPE, "Sgarbage here\r\n", GO_DATA, TEXT, "S25x nonsense\r\n", QUEUED, BYE}, 1,
	0, 1, 0, 0},
    {"AUTH PLAIN with initial response",
	{HELLO, "CAUTH PLAIN AGEAYg==\r\n", "S235 2.7.0 ok\r\n", ENVELOPE, GO_DATA, TEXT, QUEUED,
	    BYE},
	1, 0, 1, 0, 0},
    {"AUTH LOGIN whose answers look like commands",
	{HELLO, "CAUTH LOGIN\r\n", "S334 VXNlcm5hbWU6\r\n", "CQUIT\r\n", "S334 UGFzc3dvcmQ6\r\n",
	    "CRSET\r\n", "S235 ok\r\n", ENVELOPE, GO_DATA, TEXT, QUEUED, BYE},
	1, 0, 1, 0, 0},
    {"AUTH cancelled",
	{HELLO, "CAUTH CRAM-MD5\r\n", "S334 PDE+\r\n", "C*\r\n", "S501 cancelled\r\n", ENVELOPE,
	    GO_DATA, TEXT, QUEUED, BYE},
	1, 0, 1, 0, 0},
    {"AUTH with lines sent too early",
	{HELLO, "CAUTH LOGIN\r\ndXNlcg==\r\ncGFzcw==\r\nNOOP\r\n",
	    "S334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n535 5.7.8 no\r\n250 ok\r\n", ENVELOPE,
	    GO_DATA, TEXT, QUEUED, BYE},
	1, 0, 1, 0, 0},
    {"STARTTLS refused",
	{HELLO, "CSTARTTLS\r\n", "S454 4.7.0 not now\r\n", ENVELOPE, GO_DATA, TEXT, QUEUED, BYE}, 1,
	0, 1, 0, 0},
    {"commands behind a refused STARTTLS",
	{HELLO, "CSTARTTLS\r\nMAIL FROM:<a@s>\r\nRCPT TO:<b@r>\r\n",
	    "S502 no\r\n250 ok\r\n250 ok\r\n", GO_DATA, TEXT, QUEUED, BYE},
	1, 0, 1, 0, 0},
    {"blanks, case, source routes, no brackets",
	{HELLO, "Cmail from: <a@s.example> SIZE=10 BODY=8BITMIME\r\n", "S250 ok\r\n",
	    "CRcpt To : <@relay.example,@r2.example:b@R.Example.> ORCPT=rfc822;b@r.example\r\n",
	    "S250 ok\r\n", "Crcpt to:c@r.example\r\n", "S250 ok\r\n", "Cdata \r\n", "S354 go\r\n",
	    TEXT, QUEUED, BYE},
	1, 0, 2, 0, 0},
    {"NUL and 8-bit bytes",
	{HELLO, "CMAIL FROM:<\x80\xff@\xc3\xbc.example>\r\n", "S250 ok\r\n", "CRCPT TO:<b@r>\r\n",
	    "S250 ok\r\n", GO_DATA, "C\xff\xfe\r\n\x01\x02\r\n.\r\n", QUEUED, BYE},
	1, 0, 1, 0, 0},
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
	    d.s.recipients_deferred != c->deferred || stats.unmatched_replies != 0 ||
	    d.s.queue_count != 0)
		fail_msg("%s (cut %u): messages %u refused %u recipients %u %u %u unmatched %u "
			 "queued %u",
		    c->name, cut, d.s.messages, d.s.messages_refused, d.s.recipients_accepted,
		    d.s.recipients_rejected, d.s.recipients_deferred,
		    (unsigned)stats.unmatched_replies, d.s.queue_count);
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

/* --- what the events say
 * -------------------------------------------------------------------------------------- */

static void
test_message_facts(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d, (const char *const[]){HELLO, "CMAIL FROM:<Bob@Sender.Example>\r\n", "S250 ok\r\n",
		      "CRCPT TO:<Alice@Rcpt.Example>\r\n", "S250 2.1.5 ok\r\n", GO_DATA,
		      "CFrom: \"a@b\" <news@Shop.Example>\r\nSubject: Re: Order 17\r\nDate: "
		      "x\r\nMessage-ID: <1@x>\r\n"
		      "List-Unsubscribe: <mailto:u@x>\r\nDKIM-Signature: v=1; a=rsa-sha256;\r\n "
		      "d=shop.example; s=x\r\n"
		      "\r\nThank you very much for your order of one large wooden table with four "
		      "chairs\r\n.\r\n",
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
	assert_int_equal(d.r.headers,
	    OBS_HDR_DATE | OBS_HDR_MESSAGE_ID | OBS_HDR_LIST_UNSUBSCRIBE | OBS_HDR_DKIM);
	assert_int_not_equal(d.r.subject, 0);
	assert_int_not_equal(d.r.fingerprint, 0);
	assert_int_equal(d.r.accepted, 1);
	assert_int_equal(d.r.message_reply.code, 250);
	uint64_t hash = d.r.hash;
	speak(&d, (const char *const[]){"CMAIL FROM:<>\r\n", "S250 ok\r\n",
		      "CRCPT TO:<ALICE@rcpt.example>\r\n",
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
		speak(&d,
		    (const char *const[]){HELLO, ENVELOPE, GO_DATA, "C12\r\n.\r\n", QUEUED, NULL});
		assert_int_equal(d.r.size, 4);
		speak(&d, (const char *const[]){ENVELOPE, GO_DATA, "C.\r\n", QUEUED, NULL});
		assert_int_equal(d.r.size, 0);
		speak(&d, (const char *const[]){ENVELOPE, "CBDAT 3\r\nabc", "S250 ok\r\n",
			      "CBDAT 4 LAST\r\nabcd", QUEUED, NULL});
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
	speak(&d,
	    (const char *const[]){HELLO, ENVELOPE, GO_DATA, TEXT,
		"S550-5.7.1 [192.0.2.1      12] Our system has detected that this\r\n"
		"550-5.7.1 message is likely unsolicited mail. To reduce the amount of spam\r\n"
		"550 5.7.1 sent to Gmail, this message has been blocked. x1-20020a05 - gsmtp\r\n",
		NULL});
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
	server(&d, "554 5.7.1 mx.example Service unavailable; Client host [192.0.2.1] blocked "
		   "using zen.spamhaus.org\r\n");
	assert_int_equal(d.r.greeting_code, 554);
	assert_int_equal(d.r.greetings, 1);
	end(&d);
}

/* --- TLS
 * -------------------------------------------------------------------------------------------------------
 */

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

static enum obs_tls
tls_of(const char *const *lines)
{
	struct dialogue d;
	begin(&d, false);
	speak(&d, lines);
	enum obs_tls tls = smtp_get_tls(&d.s);
	end(&d);
	return tls;
}

/* Offered is not used; what was asked for is told by its answer. */
static void
test_offered_tls(void **state)
{
#define OFFER "S220 mx\r\n", "CEHLO c\r\n", "S250-mx\r\n250-STARTTLS \r\n250 SIZE 1\r\n"
	(void)state;
	assert_int_equal(
	    tls_of((const char *const[]){OFFER, ENVELOPE, BYE, NULL}), OBS_TLS_OFFERED);
	assert_int_equal(tls_of((const char *const[]){"S220 mx\r\n", "CEHLO c\r\n",
			     "S250-mx\r\n250-STARTTLSX\r\n250 starttls\r\n", BYE, NULL}),
	    OBS_TLS_OFFERED);
	assert_int_equal(
	    tls_of((const char *const[]){OFFER, "CSTARTTLS\r\n", "S454 4.7.0 no\r\n", BYE, NULL}),
	    OBS_TLS_REFUSED);
	assert_int_equal(tls_of((const char *const[]){OFFER, "CSTARTTLS\r\n", "S220 go\r\n", NULL}),
	    OBS_TLS_STARTTLS);
	/* The greeting line of the reply, another reply, a rejected EHLO: no offer. */
	assert_int_equal(tls_of((const char *const[]){"S220 STARTTLS\r\n", "CEHLO c\r\n",
			     "S500 STARTTLS\r\n", "CHELO c\r\n", "S250 STARTTLS\r\n", BYE, NULL}),
	    OBS_TLS_NONE);
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

	begin(&d, false); /* byte by byte */
	d.cut = 1;
	feed(&d, 'C', "\x16\x03\x01\x02", 4);
	assert_int_equal(d.r.tls, OBS_TLS_IMPLICIT);
	assert_int_equal(d.s.commands, 0);
	end(&d);
}

/* Bytes of an AUTH exchange must not survive in the state. */
static void
test_secrets_are_not_kept(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d, (const char *const[]){
		      HELLO, "CAUTH LOGIN\r\n", "S334 x\r\n", "CMAIL FROM:<secret@leak.exa", NULL});
	assert_int_equal(d.s.line[SMTP_FROM_CLIENT], 0);
	speak(&d, (const char *const[]){"Cmple>\r\n", "S535 5.7.8 no\r\n", NULL});
	assert_int_equal(d.s.auth_attempts, 1);
	assert_int_equal(d.s.auth_failures, 1);
	assert_int_equal(d.s.commands, 2);
	end(&d);
}

/* --- habits
 * ----------------------------------------------------------------------------------------------------------
 */

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
	assert_int_equal(
	    habits_of((const char *const[]){HELLO, ENVELOPE, GO_DATA, TEXT, QUEUED, BYE, NULL}), 0);
	assert_int_equal(habits_of((const char *const[]){HELLO, BYE, NULL}), OBS_HABIT_NO_DATA);
	assert_int_equal(habits_of((const char *const[]){HELLO, NULL}), OBS_HABIT_NO_QUIT);
	assert_int_equal(
	    habits_of((const char *const[]){"CHELO x\r\n", "S220 x\r\n250 x\r\n", BYE, NULL}),
	    OBS_HABIT_EARLY | OBS_HABIT_HELO_ONLY | OBS_HABIT_NO_DATA);
	assert_int_equal(habits_of((const char *const[]){"S220 x\r\n", "CEHLO x\r\n", "S250 x\r\n",
			     "CRSET\r\nNOOP\r\n", "S250 x\r\n250 x\r\n", BYE, NULL}),
	    OBS_HABIT_PIPELINED | OBS_HABIT_UNOFFERED_PIPELINING | OBS_HABIT_NO_DATA);
	assert_int_equal(habits_of((const char *const[]){
			     HELLO, "CRSET\r\nNOOP\r\n", "S250 x\r\n250 x\r\n", BYE, NULL}),
	    OBS_HABIT_PIPELINED | OBS_HABIT_NO_DATA);
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
	    cmocka_unit_test(test_offered_tls),
	    cmocka_unit_test(test_hello_before_220),
	    cmocka_unit_test(test_implicit_tls),
	    cmocka_unit_test(test_secrets_are_not_kept),
	    cmocka_unit_test(test_habits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
