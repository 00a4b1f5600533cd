/* SPDX-License-Identifier: ISC */
/* The scenarios of smtpgen: single conversations as rows of a table, traffic of servers as functions.  smtpgen. */
#include "tests/gen/scenarios.h"

#include <stdlib.h>
#include <string.h>

static struct addr
address(const char *text, unsigned number)
{
	char buf[ADDR_TEXT_BYTES + 16];
	struct addr a;

	snprintf(buf, sizeof(buf), text, number / 250, number % 250 + 1);
	if (addr_parse(buf, &a) != 0) {
		fprintf(stderr, "smtpgen: %s is no address\n", buf);
		exit(1);
	}
	return a;
}

static struct server *
server_of(struct scene *s, unsigned number, bool ipv6)
{
	if (number >= SERVERS_MAX) {
		fprintf(stderr, "smtpgen: at most %d servers\n", SERVERS_MAX);
		exit(1);
	}
	uint32_t *place = &s->place[ipv6][number];
	if (*place == 0) {
		s->list[s->count].addr = address(ipv6 ? "2001:db8:1::%u:%u" : "10.0.%u.%u", number);
		*place = ++s->count;
	}
	return &s->list[*place - 1];
}

/* The path from a server to the MX of a number, at the scene's time. */
static struct server *
path_to(struct scene *s, struct gen_path *path, unsigned server, unsigned mx, bool ipv6)
{
	struct server *from = server_of(s, server, ipv6);

	gen_path_init(
	    path, from->addr, address(ipv6 ? "2001:db8:2::%u:%u" : "198.51.%u.%u", mx), s->now);
	path->client_port = s->next_port;
	s->next_port = s->next_port == 60999 ? 32768 : (uint16_t)(s->next_port + 1);
	if (s->tap > 0)
		path->tap_ifindex = s->tap + server;
	return from;
}

static struct gen_message
one_message(const char *from, struct gen_recipient *recipients, unsigned count, const char *text)
{
	return (struct gen_message){
	    .from = from, .recipients = recipients, .recipient_count = count, .text = text};
}

/* Fills the scene's recipients: user N at one of `domains` domains. */
static void
fill_recipients(struct scene *s, unsigned first, unsigned count, unsigned domains)
{
	for (unsigned i = 0; i < count && i < RECIPIENTS_MAX; i++) {
		snprintf(s->names[i], sizeof(s->names[i]), "user%u@dest%u.example", first + i,
		    (first + i) % domains);
		s->recipients[i] = (struct gen_recipient){.address = s->names[i]};
	}
}

/* --- one conversation --- */

static void
apply_path(struct gen_path *path, const struct gen_path *row)
{
	path->server_port = row->server_port != 0 ? row->server_port : path->server_port;
	path->mss = row->mss != 0 ? row->mss : path->mss;
	path->vlan_tags = row->vlan_tags;
	path->ipv4_options = row->ipv4_options;
	path->ipv6_headers = row->ipv6_headers;
	path->zero_ip_length = row->zero_ip_length;
	path->loss = row->loss;
	path->reorder = row->reorder;
	path->retransmit = row->retransmit;
	path->overlap = row->overlap;
	path->skip_packets = row->skip_packets;
	path->hide_client = row->hide_client;
	path->hide_server = row->hide_server;
}

static void
run_conversation(struct scene *s, const struct scenario *row)
{
	struct gen_message messages[16];
	struct gen_smtp smtp = row->smtp;
	struct gen_path path;
	unsigned recipients = row->recipients != 0 ? row->recipients : 1;
	struct server *from = path_to(s, &path, 0, 0, row->ipv6);

	apply_path(&path, &row->path);
	fill_recipients(s, 0, recipients, 3);
	for (unsigned i = 0; i < recipients; i++)
		s->recipients[i].reply = row->replies[i % 4];
	gen_message_text(s->text, sizeof(s->text), row->size != 0 ? row->size : 2000,
	    "news@example.com", s->names[0], 1, false);
	smtp.message_count = s->messages != 0	  ? s->messages
			     : row->messages != 0 ? row->messages
						  : 1;
	if (smtp.message_count > 16)
		smtp.message_count = 16;
	for (unsigned i = 0; i < smtp.message_count; i++) {
		messages[i] = one_message("news@example.com", s->recipients, recipients, s->text);
		messages[i].bdat_chunks = row->bdat_chunks;
		messages[i].bdat_split = row->bdat_split;
		messages[i].rset_before = row->rset && i > 0;
	}
	smtp.messages = messages;
	gen_smtp_session(s->g, &path, &smtp, &from->truth);
}

/* A reply and a body of which one packet each is missing from the capture. */
static void
run_gap(struct scene *s, const struct scenario *row)
{
	struct gen_path path;
	struct server *from = path_to(s, &path, 0, 0, false);
	struct gen_tcp *t = gen_tcp_new(s->g, &path);
	static const char *const lines[] = {"220 mx.example.net ESMTP\r\n",
	    "EHLO vm.example.com\r\n", "250 mx.example.net\r\n", "MAIL FROM:<a@example.com>\r\n",
	    "250 2.1.0 Ok\r\n", "RCPT TO:<b@dest.example>\r\n", "250 2.1.5 Ok\r\n", "DATA\r\n",
	    "354 go on\r\n"};

	(void)row;
	gen_message_text(
	    s->text, sizeof(s->text), 8000, "a@example.com", "b@dest.example", 1, false);
	gen_tcp_handshake(t);
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		gen_tcp_send(t, i % 2 == 0 ? GEN_SERVER : GEN_CLIENT, lines[i], strlen(lines[i]));
	gen_tcp_send(t, GEN_CLIENT, s->text, 3000);
	gen_tcp_hide(t, GEN_CLIENT, true);
	gen_tcp_send(t, GEN_CLIENT, s->text + 3000, 2000);
	gen_tcp_hide(t, GEN_CLIENT, false);
	gen_tcp_send(t, GEN_CLIENT, s->text + 5000, strlen(s->text) - 5000);
	gen_tcp_send(t, GEN_CLIENT, ".\r\n", 3);
	gen_tcp_send(t, GEN_SERVER, "250 2.0.0 queued\r\n", 18);
	gen_tcp_send(t, GEN_CLIENT, "QUIT\r\n", 6);
	gen_tcp_hide(t, GEN_SERVER, true);
	gen_tcp_send(t, GEN_SERVER, "221 2.0.0 Bye\r\n", 15);
	gen_tcp_hide(t, GEN_SERVER, false);
	gen_tcp_close(t, GEN_CLIENT);
	gen_tcp_free(t);
	from->truth.sessions++;
	from->truth.messages++;
	from->truth.recipients_accepted++;
}

static void
run_refused(struct scene *s, const struct scenario *row)
{
	struct gen_path path;

	(void)row;
	for (unsigned i = 0; i < 5; i++) {
		struct server *from = path_to(s, &path, 0, i, false);
		gen_refused(s->g, &path);
		from->truth.connects_failed++;
		s->now += CLOCK_SECOND_NS;
	}
}

static void
run_unanswered(struct scene *s, const struct scenario *row)
{
	struct gen_path path;

	(void)row;
	for (unsigned i = 0; i < 5; i++) {
		struct server *from = path_to(s, &path, 0, i, false);
		gen_unanswered(s->g, &path, 4);
		from->truth.connects_failed++;
		s->now += CLOCK_SECOND_NS;
	}
}

/* SSH on port 25, and FTP, POP and IMAP on their own ports: no SMTP anywhere. */
static void
run_not_smtp(struct scene *s, const struct scenario *row)
{
	static const struct {
		uint16_t port;
		const char *lines[4]; /* the server begins */
	} talks[] = {{25, {"SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2\r\n", NULL, NULL}},
	    {21, {"220 ftp.example.net ready\r\n", "USER anonymous\r\n", "331 Password\r\n",
		     "PASS x\r\n"}},
	    {110, {"+OK POP3 ready\r\n", "CAPA\r\n", "+OK\r\n.\r\n", "QUIT\r\n"}},
	    {143, {"* OK IMAP4 ready\r\n", "a1 CAPABILITY\r\n", "a1 OK\r\n", "a2 LOGOUT\r\n"}},
	    {119, {"200 news.example.net\r\n", "MODE READER\r\n", "200 ok\r\n", "QUIT\r\n"}},
	    {6667, {":irc NOTICE * :hello\r\n", "NICK a\r\n", ":irc 001 a :hi\r\n", "QUIT\r\n"}}};
	struct gen_path path;

	(void)row;
	for (unsigned i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		path_to(s, &path, 0, i, false);
		path.server_port = talks[i].port;
		struct gen_tcp *t = gen_tcp_new(s->g, &path);
		gen_tcp_handshake(t);
		for (unsigned k = 0; k < 4 && talks[i].lines[k] != NULL; k++)
			gen_tcp_send(t, k % 2 == 0 ? GEN_SERVER : GEN_CLIENT, talks[i].lines[k],
			    strlen(talks[i].lines[k]));
		gen_tcp_close(t, GEN_CLIENT);
		gen_tcp_free(t);
		s->now += CLOCK_SECOND_NS;
	}
}

/* --- traffic of servers --- */

/* One message of a server to some recipients in a session of its own. */
static void
mail_once(struct scene *s, unsigned server, unsigned mx, const struct gen_smtp *how,
    const char *from_address, unsigned recipients, const char *text)
{
	struct gen_message m = one_message(from_address, s->recipients, recipients, text);
	struct gen_smtp smtp = *how;
	struct gen_path path;
	struct server *from = path_to(s, &path, server, mx, false);

	smtp.messages = &m;
	smtp.message_count = 1;
	gen_smtp_session(s->g, &path, &smtp, &from->truth);
}

/* The same text to distinct recipients, 20 messages a second, from every server. */
static void
run_newsletter(struct scene *s, const struct scenario *row)
{
	unsigned total = s->messages != 0 ? s->messages : 2000,
		 servers = s->servers != 0 ? s->servers : 1;

	for (unsigned k = 0; k < servers; k++) {
		s->now = START_NS;
		gen_message_text(
		    s->text, sizeof(s->text), 4000, "news@example.com", "you@example.org", k, true);
		for (unsigned i = 0; i < total; i++) {
			fill_recipients(s, i, 1, 400);
			mail_once(s, k, i % 400, &row->smtp, "bounce@example.com", 1, s->text);
			s->now += CLOCK_SECOND_NS / 20;
		}
	}
}

/* Orders come at any time: one recipient each, every text its own. */
static void
shop(struct scene *s, unsigned server, unsigned total, int64_t span)
{
	static const struct gen_smtp plain = {.pipelining = true};

	for (unsigned i = 0; i < total; i++) {
		s->now = START_NS + span / total * i + gen_random_below(s->g, 60) * CLOCK_SECOND_NS;
		fill_recipients(s, server * 10000 + gen_random_below(s->g, 5000), 1, 40);
		gen_message_text(s->text, sizeof(s->text), 1500 + gen_random_below(s->g, 2000),
		    "orders@shop.example", s->names[0], (uint32_t)gen_random(s->g), false);
		mail_once(s, server, gen_random_below(s->g, 40), &plain, "orders@shop.example", 1,
		    s->text);
	}
}

static void
run_shop(struct scene *s, const struct scenario *row)
{
	(void)row;
	for (unsigned k = 0; k < (s->servers != 0 ? s->servers : 1); k++)
		shop(s, k, s->messages != 0 ? s->messages : 60, 6 * CLOCK_HOUR_NS);
}

/* A bought list: every second address does not exist. */
static void
dirty_list(struct scene *s, unsigned server, unsigned total)
{
	static const struct gen_smtp plain = {
	    .pipelining = false, .helo = "localhost", .no_quit = true};

	s->now = START_NS;
	gen_message_text(
	    s->text, sizeof(s->text), 3000, "win@prize.example", "x@example.org", server, false);
	for (unsigned i = 0; i < total; i++) {
		fill_recipients(s, i * 2, 2, 97);
		s->recipients[0].reply = "550 5.1.1 User unknown";
		mail_once(s, server, i % 97, &plain, "win@prize.example", 2, s->text);
		s->now += CLOCK_SECOND_NS / 5;
	}
}

static void
run_dirty_list(struct scene *s, const struct scenario *row)
{
	(void)row;
	for (unsigned k = 0; k < (s->servers != 0 ? s->servers : 1); k++)
		dirty_list(s, k, s->messages != 0 ? s->messages : 500);
}

/* Sessions of every kind at random. */
static void
any_session(struct scene *s, unsigned server)
{
	static const char *const replies[] = {NULL, NULL, NULL, NULL, "550 5.1.1 User unknown",
	    "450 4.2.0 Greylisted, try again", "552 5.2.2 Mailbox full", NULL};
	struct gen_message messages[4];
	struct gen_path path;
	struct server *from =
	    path_to(s, &path, server, gen_random_below(s->g, 200), gen_random_below(s->g, 8) == 0);
	unsigned dice = gen_random_below(s->g, 12), recipients = 1 + gen_random_below(s->g, 5);
	struct gen_smtp smtp = {.pipelining = gen_random_below(s->g, 2) == 0,
	    .starttls = dice == 0,
	    .greeting = dice == 1 ? "554 5.7.1 Listed at bl.example" : NULL,
	    .helo_only = dice == 2,
	    .no_quit = dice == 3,
	    .reset = dice == 4,
	    .messages = messages,
	    .message_count = gen_random_below(s->g, 4)};

	if (dice == 5) {
		gen_refused(s->g, &path);
		from->truth.connects_failed++;
		return;
	}
	fill_recipients(s, gen_random_below(s->g, 100000), recipients, 300);
	for (unsigned i = 0; i < recipients; i++)
		s->recipients[i].reply = replies[gen_random_below(s->g, 8)];
	gen_message_text(s->text, sizeof(s->text), 600 + gen_random_below(s->g, 20000),
	    "info@example.com", s->names[0], (uint32_t)gen_random(s->g), dice == 6);
	for (unsigned i = 0; i < smtp.message_count; i++) {
		messages[i] = one_message("info@example.com", s->recipients, recipients, s->text);
		messages[i].bdat_chunks = dice == 7 ? 1 + gen_random_below(s->g, 3) : 0;
		messages[i].rset_before = dice == 8;
		messages[i].reply = dice == 9 ? "451 4.3.0 Try again later" : NULL;
	}
	path.mss = dice == 10 ? 40000 : path.mss;
	gen_smtp_session(s->g, &path, &smtp, &from->truth);
}

static void
run_mix(struct scene *s, const struct scenario *row)
{
	unsigned servers = s->servers != 0 ? s->servers : 50;

	(void)row;
	for (unsigned k = 0; k < servers; k++) {
		unsigned sessions = 1 + gen_random_below(s->g, s->messages != 0 ? s->messages : 30);
		for (unsigned i = 0; i < sessions; i++) {
			s->now = START_NS + gen_random_below(s->g, 3600000) * INT64_C(1000000);
			any_session(s, k);
		}
	}
}

/* Many messages of 4 KB, ten per session, 64 sessions at a time: for measuring. */
static void
run_bulk(struct scene *s, const struct scenario *row)
{
	unsigned total = s->messages != 0 ? s->messages : 20000,
		 servers = s->servers != 0 ? s->servers : 200;
	struct gen_message messages[10];
	struct gen_smtp smtp = {.pipelining = true, .messages = messages};
	struct gen_path path;

	(void)row;
	for (unsigned i = 0, k = 0; i < total; i += smtp.message_count, k++) {
		struct server *from = path_to(s, &path, k % servers, k % 250, false);
		fill_recipients(s, i, 2, 500);
		gen_message_text(
		    s->text, sizeof(s->text), 4096, "bulk@example.com", s->names[0], k, false);
		smtp.message_count = total - i < 10 ? total - i : 10;
		for (unsigned m = 0; m < smtp.message_count; m++)
			messages[m] = one_message("bulk@example.com", s->recipients, 2, s->text);
		gen_smtp_session(s->g, &path, &smtp, &from->truth);
		s->now += CLOCK_SECOND_NS / 2000;
		if (k % 64 == 0)
			gen_flush(s->g, s->now);
	}
}

#define ONE(n, text, ...)                                                     \
	{                                                                     \
		.name = n, .help = text, .run = run_conversation, __VA_ARGS__ \
	}

const struct scenario scenarios[] = {
    ONE("plain", "one message, command by command", .messages = 1),
    ONE("pipelined", "commands in one packet (RFC 2920)", .smtp.pipelining = true, .recipients = 5),
    ONE("multiline", "greeting of three lines, EHLO reply of many",
	.smtp.greeting = "220-mx.example.net ESMTP\r\n220-No spam\r\n220 please"),
    ONE("several-messages", "three messages in one session", .messages = 3, .recipients = 2),
    ONE("rset", "RSET between the messages", .messages = 3, .rset = true),
    ONE("bdat", "CHUNKING (RFC 3030): one chunk", .bdat_chunks = 1, .recipients = 2),
    ONE("bdat-split", "three chunks, the command in a packet of its own", .bdat_chunks = 3,
	.bdat_split = true, .messages = 2),
    ONE("starttls", "STARTTLS, two messages inside", .smtp.starttls = true, .messages = 2),
    ONE("starttls-refused", "454 to STARTTLS, goes on in the clear", .smtp.starttls = true,
	.smtp.starttls_reply = "454 4.7.0 TLS not available"),
    ONE("implicit-tls", "port 465", .smtp.implicit_tls = true, .path.server_port = 465),
    ONE("implicit-tls-587",
	"TLS from the first byte on port 587: the dialogue inside shows that it is mail",
	.smtp.implicit_tls = true, .path.server_port = 587, .messages = 3),
    ONE("bdat-starttls", "everything of a message in one turn, inside TLS", .smtp.starttls = true,
	.smtp.pipelining = true, .bdat_chunks = 1, .messages = 4, .recipients = 3),
    ONE("auth", "AUTH PLAIN on port 587", .smtp.auth_reply = "235 2.7.0 Ok",
	.path.server_port = 587),
    ONE("rcpt-mixed", "accepted, unknown, deferred, full", .recipients = 4, .smtp.pipelining = true,
	.replies = {NULL, "550 5.1.1 User unknown", "450 4.2.0 Greylisted",
	    "552 5.2.2 Mailbox full"}),
    ONE("greeting-554", "the server does not want us",
	.smtp.greeting =
	    "554 5.7.1 Service unavailable; Client host [10.0.0.1] blocked using bl.example"),
    ONE("greeting-421", "the server is busy", .smtp.greeting = "421 4.7.0 Too many connections"),
    {.name = "refused", .help = "five connections, RST to SYN", .run = run_refused},
    {.name = "unanswered",
	.help = "five connections, four SYNs each without an answer",
	.run = run_unanswered},
    ONE("ipv6-exthdr", "IPv6 with hop-by-hop, routing, destination and fragment headers",
	.ipv6 = true, .path.ipv6_headers = 15),
    ONE("ipv4-options", "IPv4 with options", .path.ipv4_options = true),
    ONE("vlan", "one VLAN tag", .path.vlan_tags = 1),
    ONE("qinq", "two VLAN tags", .path.vlan_tags = 2),
    ONE("gso", "super-frames of 60 KB with IPv4 length 0", .path.mss = 60000,
	.path.zero_ip_length = true, .size = 200000),
    ONE("reorder", "every fifth packet overtaken", .path.reorder = 0.2, .size = 60000,
	.messages = 4),
    ONE("retransmit", "every fifth packet twice", .path.retransmit = 0.2, .size = 60000,
	.messages = 4),
    ONE("overlap", "retransmissions that overlap their successors", .path.overlap = 0.3,
	.size = 60000, .messages = 4),
    {.name = "gap", .help = "part of a body and the last reply lost in capture", .run = run_gap},
    ONE("midstream", "the capture begins in the first message", .path.skip_packets = 14,
	.messages = 3),
    ONE("one-sided", "only the client's packets", .path.hide_server = true, .messages = 2),
    {.name = "not-smtp", .help = "SSH on port 25; FTP, POP, IMAP, NNTP, IRC", .run = run_not_smtp},
    ONE("odd-port", "SMTP on port 2626", .path.server_port = 2626, .messages = 2),
    ONE("early-talker", "EHLO before the greeting", .smtp.early = true),
    {.name = "newsletter",
	.help = "one server, 2000 distinct recipients, same text, 20 messages/s",
	.run = run_newsletter,
	.smtp.pipelining = true},
    {.name = "tls-newsletter",
	.help = "the same inside STARTTLS",
	.run = run_newsletter,
	.smtp.pipelining = true,
	.smtp.starttls = true},
    {.name = "shop", .help = "60 order mails over 6 hours, one recipient each", .run = run_shop},
    {.name = "dirty-list",
	.help = "500 messages, half of the recipients unknown",
	.run = run_dirty_list},
    {.name = "mix", .help = "50 servers, sessions of every kind at random", .run = run_mix},
    {.name = "bulk", .help = "20000 messages of 4 KB, ten per session", .run = run_bulk},
};
const size_t scenario_count = sizeof(scenarios) / sizeof(scenarios[0]);
