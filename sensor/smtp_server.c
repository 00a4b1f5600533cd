/* SPDX-License-Identifier: ISC */
/* The server's side of the SMTP dialogue: replies are paired with what was asked, and change the
 * counters. bulkhead-sensor, replay. */
#include <string.h>
#include <strings.h>

#include "sensor/mailbox.h"
#include "sensor/smtp_state.h"

/* One complete reply. */
struct reply {
	unsigned code;
	const uint8_t *text; /* of all lines */
	size_t text_size;
	uint8_t enhanced[3];
};

static enum obs_reply_class
class_of(unsigned code)
{
	return code < 300 ? OBS_ACCEPTED : code < 500 ? OBS_DEFERRED : OBS_REJECTED;
}

static const char *
sender_domain(const struct smtp_context *ctx, const struct smtp *s)
{
	if (s->envelope == 0)
		return "";
	return ((const struct smtp_pending *)smtp_pool_item(&ctx->pendings, s->envelope))->domain;
}

static void
drop_envelope(struct smtp_context *ctx, struct smtp *s)
{
	smtp_pending_free(ctx, s->envelope);
	s->envelope = 0;
	s->accepted = s->rejected = s->deferred = 0;
}

static void
count_up(uint16_t *counter)
{
	if (*counter < UINT16_MAX)
		(*counter)++;
}

/* --- what a reply means
 * ------------------------------------------------------------------------------------ */

static void
reply_greeting(struct smtp_context *ctx, struct smtp *s, const struct reply *r)
{
	char host[OBS_DOMAIN_BYTES];
	struct obs_reply out;
	const uint8_t *blank = memchr(r->text, ' ', r->text_size);
	mailbox_clean_domain(
	    host, r->text, blank != NULL ? (size_t)(blank - r->text) : r->text_size);
	smtp_reply_fill(&out, r->code, r->text, r->text_size);
	s->flags |= SMTP_F_GREETED;
	if (s->flags & SMTP_F_CLIENT_TALKED)
		s->flags |= SMTP_F_EARLY;
	ctx->events.on_greeting(ctx->arg, s, &(struct smtp_greeting){.reply = &out, .host = host});
}

static void
reply_mail(struct smtp_context *ctx, struct smtp *s, const struct reply *r)
{
	uint32_t mail = smtp_pending_pop(ctx, s);
	if (r->code >= 300) {
		smtp_pending_free(
		    ctx, mail); /* a refused one (nested MAIL, 503) leaves the envelope alone */
		return;
	}
	drop_envelope(ctx, s);
	s->envelope = mail;
}

/* `pending` 0: the command was not seen, or found no room. */
static void
reply_recipient(struct smtp_context *ctx, struct smtp *s, const struct reply *r, uint32_t pending)
{
	struct obs_reply out;
	struct smtp_recipient e = {.domain = "",
	    .sender_domain = sender_domain(ctx, s),
	    .reply_class = (uint8_t)class_of(r->code),
	    .reply = &out};
	if (pending != 0) {
		const struct smtp_pending *p = smtp_pool_item(&ctx->pendings, pending);
		e.hash = p->hash;
		e.domain_hash = p->domain_hash;
		e.domain = p->domain;
	}
	if (e.reply_class == OBS_ACCEPTED) {
		s->recipients_accepted++;
		count_up(&s->accepted);
	} else if (e.reply_class == OBS_REJECTED) {
		s->recipients_rejected++;
		count_up(&s->rejected);
	} else {
		s->recipients_deferred++;
		count_up(&s->deferred);
	}
	smtp_reply_fill(&out, r->code, r->text, r->text_size);
	ctx->events.on_recipient(ctx->arg, s, &e);
	smtp_pending_free(ctx, pending);
}

/* The end of a message was answered; code 0: the answer was lost. */
static void
tell_message(struct smtp_context *ctx, struct smtp *s, const struct reply *r, uint32_t body,
    uint64_t size_bytes, bool chunked)
{
	struct obs_reply out;
	struct smtp_message m = {.completed = r->code < 300,
	    .reply = &out,
	    .size_bytes = size_bytes,
	    .recipients_accepted = s->accepted,
	    .recipients_rejected = s->rejected,
	    .recipients_deferred = s->deferred,
	    .sender_domain = sender_domain(ctx, s),
	    .from_domain = "",
	    .dkim_domain = "",
	    .chunked = chunked};
	if (body != 0) {
		struct body *b = &((struct smtp_body *)smtp_pool_item(&ctx->bodies, body))->body;
		m.fingerprint = body_finish(b, ctx->key);
		m.headers_seen = true;
		m.headers = b->header.bits;
		m.subject_hash = b->header.subject_hash;
		m.from_domain = b->header.from_domain;
		m.dkim_domain = b->header.dkim_domain;
	}
	if (m.completed)
		s->messages++;
	else
		s->messages_refused++;
	smtp_reply_fill(&out, r->code, r->text, r->text_size);
	ctx->events.on_message(ctx->arg, s, &m);
	/* Buffers are cleared by success and by failure (RFC 5321 section 4.1.1.4). */
	drop_envelope(ctx, s);
}

static void
reply_end(struct smtp_context *ctx, struct smtp *s, const struct reply *r)
{
	uint32_t index = smtp_pending_pop(ctx, s);
	struct smtp_pending none = {0};
	const struct smtp_pending *p = index != 0 ? smtp_pool_item(&ctx->pendings, index) : &none;
	tell_message(ctx, s, r, p->body, p->size_bytes, p->chunked);
	smtp_pending_free(ctx, index);
}

/*
 * LMTP answers the end of a message once for each accepted recipient (RFC 2033 section 4.2).  The message
 * is taken when one of the answers is 2xx; true while more are to come.
 */
static bool
more_answers_follow(struct smtp *s, struct reply *r)
{
	if ((s->flags & SMTP_F_LMTP) == 0)
		return false;
	if (r->code < 300)
		s->flags |= SMTP_F_TAKEN;
	if (++s->end_replies < s->accepted)
		return true;
	if ((s->flags & SMTP_F_TAKEN) != 0 && r->code >= 300)
		*r = (struct reply){.code = 250, .text = (const uint8_t *)""};
	s->flags &= ~(uint32_t)SMTP_F_TAKEN;
	s->end_replies = 0;
	return false;
}

/* The body in progress was answered before its end was seen in the client's stream. */
static void
close_by_reply(struct smtp_context *ctx, struct smtp *s, const struct reply *r)
{
	ctx->stats.closed_by_reply++;
	tell_message(ctx, s, r, s->body, s->body_bytes, s->flags & SMTP_F_CHUNKED);
}

/* From here on the client's bytes are a body. */
static void
open_data(struct smtp_context *ctx, struct smtp *s)
{
	smtp_queue_clear(ctx, s);
	smtp_client_resync(ctx, s);
	s->client_state = SMTP_STATE_DATA;
	smtp_body_begin(ctx, s, false);
}

static void
reply_data(struct smtp_context *ctx, struct smtp *s, const struct reply *r)
{
	bool waits = s->client_state == SMTP_STATE_WAIT_DATA;
	if (r->code == 354 && waits) {
		s->client_state = SMTP_STATE_DATA;
		smtp_body_begin(ctx, s, false);
		smtp_client_release_hold(ctx, s);
	} else if (r->code == 354) {
		/* The body was recognised before the reply; or what came was taken for commands. */
		if (s->client_state != SMTP_STATE_DATA && !smtp_queue_has(ctx, s, SMTP_END)) {
			open_data(ctx, s);
			s->flags |= SMTP_F_TAIL_UNKNOWN;
		}
	} else if (waits) {
		s->client_state = SMTP_STATE_COMMAND;
		smtp_client_release_hold(ctx, s);
	} else {
		/* What was taken for the body were commands: each has a reply that nobody expects.
		 */
		smtp_queue_clear(ctx, s);
		smtp_client_resync(ctx, s);
	}
}

static void
reply_starttls(struct smtp_context *ctx, struct smtp *s, const struct reply *r)
{
	if (r->code < 300) {
		/* Commands that were sent behind STARTTLS in the clear are dropped (RFC 3207
		 * section 4.2). */
		smtp_queue_clear(ctx, s);
		smtp_line_drop(ctx, s, SMTP_FROM_CLIENT);
		drop_envelope(ctx, s);
		s->flags |= SMTP_F_TLS_CLIENT | SMTP_F_TLS_SERVER;
		smtp_set_tls(ctx, s, OBS_TLS_STARTTLS);
		return;
	}
	smtp_set_tls(ctx, s, OBS_TLS_REFUSED);
	if (s->client_state == SMTP_STATE_WAIT_TLS) {
		s->client_state = SMTP_STATE_COMMAND;
		smtp_client_release_hold(ctx, s);
	}
}

/* RFC 4954: 334 asks for one more line, anything else ends the exchange. */
static void
reply_auth(struct smtp_context *ctx, struct smtp *s, const struct reply *r)
{
	if (r->code >= 400)
		s->auth_failures = (uint8_t)(s->auth_failures + (s->auth_failures < UINT8_MAX));
	if (s->client_state != SMTP_STATE_WAIT_AUTH)
		return;
	if (r->code == 334) {
		if (s->flags & SMTP_F_HOLD_LOST) {
			smtp_queue_push(ctx, s, SMTP_UNKNOWN, SMTP_MANY);
			smtp_client_resync(ctx, s);
		} else if (s->early_lines > 0) {
			s->early_lines--;
			smtp_queue_push(ctx, s, SMTP_AUTH, 1);
		} else {
			s->client_state = SMTP_STATE_AUTH_LINE;
		}
		return;
	}
	/* Lines that were sent too early and not asked for were commands. */
	unsigned commands = s->early_lines + (s->flags & SMTP_F_SKIP_EARLY ? 1U : 0U);
	s->client_state = SMTP_STATE_COMMAND;
	if (s->flags & SMTP_F_SKIP_EARLY)
		s->flags |= SMTP_F_SKIP_CLIENT;
	s->flags &= ~(uint32_t)SMTP_F_SKIP_EARLY;
	s->early_lines = 0;
	if (commands > 0 && !(s->flags & SMTP_F_UNSURE))
		smtp_queue_push(ctx, s, SMTP_UNKNOWN, commands);
	smtp_client_release_hold(ctx, s);
}

/* --- replies that nobody waits for
 * ------------------------------------------------------------------------- */

/* What Postfix, Exchange and Google say of a message that they took, and of nothing else. */
static bool
says_queued(const struct reply *r)
{
	return r->code == 250 && r->enhanced[1] != 1 &&
	       memmem(r->text, r->text_size, "queued", 6) != NULL;
}

/* A final reply in DATA.  A client that ends its lines with bare LF ends its message so too, if the
 * server lets it: then the next byte is a command.  Else the end was cut, lost, or stands in
 * mid-segment. */
static void
close_data(struct smtp_context *ctx, struct smtp *s, const struct reply *r)
{
	unsigned dot = (s->tail & 0xffffff) == 0x0a2e0a ? 2 : s->tail == 0x0a2e0d0a ? 3 : 0;
	s->body_bytes -= s->body_bytes < dot ? s->body_bytes : dot;
	close_by_reply(ctx, s, r);
	smtp_client_resync(ctx, s);
	if (dot > 0)
		s->client_state = SMTP_STATE_COMMAND;
	else
		s->flags |= SMTP_F_SCAN_ALL;
}

/* A reply that ends the message in progress though nobody saw its end.  False: it is no such reply. */
static bool
close_message(struct smtp_context *ctx, struct smtp *s, const struct reply *r)
{
	enum smtp_client_state state = s->client_state;
	if (state == SMTP_STATE_DATA) {
		close_data(ctx, s, r);
	} else if (state == SMTP_STATE_CHUNK && !(s->flags & SMTP_F_ANSWERED)) {
		if (s->flags & SMTP_F_LAST) {
			close_by_reply(ctx, s, r);
			smtp_body_discard(ctx, s);
		}
		s->flags |= SMTP_F_ANSWERED;
	} else if (state == SMTP_STATE_RESYNC && r->code == 250 && (s->flags & SMTP_F_MIDSTREAM) &&
		   !(s->flags & SMTP_F_COMMAND) && s->messages == 0 &&
		   s->body_bytes > SMTP_MIDSTREAM_BYTES) {
		close_by_reply(ctx, s, r);
		smtp_client_resync(ctx, s);
		s->body_bytes = 0;
	} else if (state == SMTP_STATE_RESYNC && s->accepted > 0 && says_queued(r)) {
		/* BDAT LAST was lost; of DATA the 354 would have told. */
		close_by_reply(ctx, s, r);
	} else {
		return false;
	}
	return true;
}

/* After loss, at the beginning of what we saw, or where the end of data was not seen; awaited: some
 * line that was not read has this reply. */
static void
reply_unasked(struct smtp_context *ctx, struct smtp *s, const struct reply *r, bool awaited)
{
	enum smtp_client_state state = s->client_state;
	if (r->code == 354 && (state == SMTP_STATE_COMMAND || state == SMTP_STATE_RESYNC ||
				  state == SMTP_STATE_WAIT_DATA)) {
		open_data(ctx, s);
		return;
	}
	if ((r->code >= 300 && r->code < 400) || close_message(ctx, s, r))
		return;
	if ((s->flags & (SMTP_F_CUT | SMTP_F_HOLE)) == SMTP_F_CUT) {
		s->flags |= SMTP_F_HOLE; /* so something was said in what was cut */
		ctx->stats.holes++;
	}
	/* 2.1.5, 4.1.1, 5.1.1 are only said of recipients (RFC 3463); Google says the first to RSET, too. */
	if (r->enhanced[1] == 1 &&
	    (r->enhanced[2] == 5 || (r->enhanced[2] == 1 && r->code >= 400)) &&
	    memmem(r->text, r->text_size, "Flushed", 7) == NULL)
		reply_recipient(ctx, s, r, 0);
	else if (!awaited)
		ctx->stats.unmatched_replies++;
}

/* --- pairing
 * -------------------------------------------------------------------------------------------------
 */

/* The kind that this reply must belong to by its code alone; SMTP_NOTHING when several are
 * possible. */
static unsigned
kind_by_code(const struct smtp *s, const struct reply *r)
{
	switch (r->code) {
	case 354:
		return SMTP_DATA;
	case 334:
	case 235:
		return SMTP_AUTH;
	case 221:
		return SMTP_QUIT;
	default:
		break;
	}
	if (!(s->flags & SMTP_F_UNSURE) || r->enhanced[0] == 0)
		return SMTP_NOTHING;
	if (r->enhanced[1] == 1 && (r->enhanced[2] == 5 || r->enhanced[2] == 1))
		return SMTP_RCPT;
	if (r->enhanced[1] == 1 &&
	    (r->enhanced[2] == 0 || r->enhanced[2] == 7 || r->enhanced[2] == 8))
		return SMTP_MAIL;
	return says_queued(r) ? SMTP_END : SMTP_NOTHING;
}

/* Forgets the first expected reply: it never came. */
static void
forget_head(struct smtp_context *ctx, struct smtp *s)
{
	unsigned kind = smtp_queue_peek(s);
	if (kind == SMTP_MAIL || kind == SMTP_RCPT || kind == SMTP_END)
		smtp_pending_free(ctx, smtp_pending_pop(ctx, s));
	smtp_queue_pop(ctx, s);
}

/* The head of the queue that this reply answers, SMTP_NOTHING when it answers none.  A reply whose
 * code does not fit shows that replies were lost (then the queue is moved on) or that it was not
 * asked for. */
static unsigned
find_question(struct smtp_context *ctx, struct smtp *s, const struct reply *r)
{
	unsigned head = smtp_queue_peek(s), kind = kind_by_code(s, r);
	/* DATA is never answered 2xx: its reply was lost, and what the client said next tells which it was. */
	if (head == SMTP_DATA && r->code < 300 && (s->flags & SMTP_F_UNSURE)) {
		unsigned code = smtp_client_holds_command(ctx, s) ? 503 : 354;
		smtp_queue_pop(ctx, s);
		if (s->client_state == SMTP_STATE_WAIT_DATA)
			reply_data(ctx, s, &(struct reply){.code = code});
		return smtp_queue_peek(s);
	}
	if (kind == SMTP_NOTHING)
		return head == SMTP_DATA && r->code < 300 ? SMTP_NOTHING : head;
	if (head == kind || head == SMTP_NOTHING)
		return head;
	if (!smtp_queue_has(ctx, s, kind))
		return SMTP_NOTHING; /* a 221 that nobody asked for, for one */
	while (smtp_queue_peek(s) != kind && !smtp_queue_is_stuck(s))
		forget_head(ctx, s);
	return smtp_queue_peek(s);
}

static void
take_reply(struct smtp_context *ctx, struct smtp *s, struct reply *r)
{
	smtp_reply_parse_enhanced(r->text, r->text_size, r->enhanced);
	unsigned kind = find_question(ctx, s, r);
	if (kind == SMTP_NOTHING || kind == SMTP_UNKNOWN) {
		if (kind == SMTP_UNKNOWN)
			smtp_queue_pop(ctx, s);
		reply_unasked(ctx, s, r, kind == SMTP_UNKNOWN);
		return;
	}
	if (kind == SMTP_END && more_answers_follow(s, r))
		return;
	smtp_queue_pop(ctx, s);
	switch ((enum smtp_kind)kind) {
	case SMTP_GREETING:
		reply_greeting(ctx, s, r);
		break;
	case SMTP_HELO:
	case SMTP_EHLO:
	case SMTP_RSET:
	case SMTP_XCLIENT:
		if (r->code < 300)
			drop_envelope(ctx, s);
		break;
	case SMTP_MAIL:
		reply_mail(ctx, s, r);
		break;
	case SMTP_RCPT:
		reply_recipient(ctx, s, r, smtp_pending_pop(ctx, s));
		break;
	case SMTP_DATA:
		reply_data(ctx, s, r);
		break;
	case SMTP_END:
		reply_end(ctx, s, r);
		break;
	case SMTP_STARTTLS:
		reply_starttls(ctx, s, r);
		break;
	case SMTP_AUTH:
		reply_auth(ctx, s, r);
		break;
	case SMTP_CHUNK:
	case SMTP_QUIT:
	case SMTP_OTHER:
	case SMTP_UNKNOWN:
	case SMTP_KIND__COUNT:
		break;
	}
}

/* --- lines
 * ---------------------------------------------------------------------------------------------------
 */

/* Appends a line's text to that of its reply; the enhanced code is kept only from the first line.
 */
static void
gather_text(struct smtp_context *ctx, struct smtp *s, const struct smtp_reply_line *l)
{
	struct smtp_line *buf = smtp_line_get(ctx, s, SMTP_FROM_SERVER);
	uint8_t enhanced[3];
	if (buf == NULL || (s->flags & SMTP_F_CUT_TEXT))
		return;
	size_t room = SMTP_LINE_BYTES - SMTP_PARTIAL_BYTES - buf->text_used;
	uint8_t *to = buf->data + SMTP_PARTIAL_BYTES + buf->text_used;
	size_t skip =
	    buf->text_used > 0 ? smtp_reply_parse_enhanced(l->text, l->text_size, enhanced) : 0;
	size_t size = l->text_size - skip;
	if (size + 1 > room) {
		s->flags |= SMTP_F_CUT_TEXT; /* half of an address must not look like a word */
		return;
	}
	if (buf->text_used > 0) {
		*to++ = ' ';
		buf->text_used++;
	}
	memcpy(to, l->text + skip, size);
	buf->text_used = (uint16_t)(buf->text_used + size);
}

/* One line of the reply to EHLO: its keyword ends at a blank (RFC 5321 4.1.1.1). */
static void
note_extension(struct smtp *s, const struct smtp_reply_line *l)
{
	size_t n = 0;
	while (n < l->text_size && l->text[n] != ' ')
		n++;
	if (n == 10 && strncasecmp((const char *)l->text, "PIPELINING", 10) == 0)
		s->flags |= SMTP_F_OFFERED;
	else if (n == 8 && strncasecmp((const char *)l->text, "STARTTLS", 8) == 0)
		s->flags |= SMTP_F_OFFERED_TLS;
}

static void
take_line(struct smtp_context *ctx, struct smtp *s, const uint8_t *line, size_t n)
{
	struct smtp_reply_line l;
	if (!smtp_reply_parse_line(line, n, &l))
		return; /* not a reply: some servers print a notice */
	unsigned head = smtp_queue_peek(s);
	if (head == SMTP_EHLO && l.code == 250)
		note_extension(s, &l);
	bool wanted = l.code >= 400 || head == SMTP_GREETING;
	if (!l.final) {
		s->reply_code = l.code;
		if (wanted)
			gather_text(ctx, s, &l);
		return;
	}
	uint8_t text[SMTP_LINE_BYTES - SMTP_PARTIAL_BYTES];
	struct reply r = {.code = l.code, .text = l.text, .text_size = l.text_size};
	if (s->reply_code != 0 && s->line[SMTP_FROM_SERVER] != 0) {
		const struct smtp_line *buf = smtp_line_get(ctx, s, SMTP_FROM_SERVER);
		if (wanted && buf->text_used > 0) {
			gather_text(ctx, s, &l);
			memcpy(text, buf->data + SMTP_PARTIAL_BYTES, buf->text_used);
			r.text = text;
			r.text_size = buf->text_used;
		}
		smtp_line_drop(ctx, s, SMTP_FROM_SERVER);
	}
	s->reply_code = 0;
	s->flags &= ~(uint32_t)SMTP_F_CUT_TEXT;
	take_reply(ctx, s, &r);
}

/* A line that is longer than the buffer, or found none: what is there is read without its text,
 * which may end within an address. */
static void
take_cut_line(struct smtp_context *ctx, struct smtp *s, const uint8_t *line, size_t n)
{
	s->flags |= SMTP_F_SKIP_SERVER;
	if (n >= 4)
		take_line(ctx, s, line, 4);
}

/* A partial line. */
static void
gather(struct smtp_context *ctx, struct smtp *s, const uint8_t *data, size_t n)
{
	struct smtp_line *buf = smtp_line_get(ctx, s, SMTP_FROM_SERVER);
	if (buf == NULL) {
		take_cut_line(ctx, s, data, n);
		return;
	}
	size_t room = SMTP_PARTIAL_BYTES - buf->used, take = n < room ? n : room;
	memcpy(buf->data + buf->used, data, take);
	buf->used = (uint16_t)(buf->used + take);
	if (buf->used < SMTP_PARTIAL_BYTES)
		return;
	uint8_t start[4];
	memcpy(start, buf->data, sizeof(start));
	buf->used = 0;
	if (++s->long_lines >= SMTP_LONG_LINES_MAX)
		smtp_give_up(ctx, s);
	else
		take_cut_line(ctx, s, start, sizeof(start));
}

/* One line or the beginning of one; returns the bytes taken. */
static size_t
feed_line(struct smtp_context *ctx, struct smtp *s, const uint8_t *data, size_t n)
{
	const uint8_t *lf = memchr(data, '\n', n);
	size_t size = lf != NULL ? (size_t)(lf - data) + 1 : n;
	if (s->flags & SMTP_F_SKIP_SERVER) {
		if (lf != NULL)
			s->flags &= ~(uint32_t)SMTP_F_SKIP_SERVER;
		return size;
	}
	if (lf == NULL) {
		gather(ctx, s, data, n);
		return n;
	}
	struct smtp_line *buf =
	    s->line[SMTP_FROM_SERVER] != 0 ? smtp_line_get(ctx, s, SMTP_FROM_SERVER) : NULL;
	if (buf == NULL || buf->used == 0) {
		take_line(ctx, s, data, size);
		return size;
	}
	uint8_t whole[2 * SMTP_PARTIAL_BYTES];
	size_t used = buf->used, take = size < sizeof(whole) - used ? size : sizeof(whole) - used;
	memcpy(whole, buf->data, used);
	memcpy(whole + used, data, take);
	buf->used = 0;
	if (buf->text_used == 0)
		smtp_line_drop(ctx, s, SMTP_FROM_SERVER);
	take_line(ctx, s, whole, used + take);
	return size;
}

size_t
smtp_server(struct smtp_context *ctx, struct smtp *s, const uint8_t *data, size_t n)
{
	if (smtp_is_tls(s, SMTP_FROM_SERVER))
		return 0;
	if (n > 0 && smtp_is_tls_record(data, n) && s->line[SMTP_FROM_SERVER] == 0) {
		s->flags |= SMTP_F_TLS_SERVER;
		smtp_set_tls(ctx, s, smtp_is_spoken(s) ? OBS_TLS_STARTTLS : OBS_TLS_IMPLICIT);
		return 0;
	}
	size_t i = 0;
	while (i < n && s->client_state != SMTP_STATE_OPAQUE) {
		i += feed_line(ctx, s, data + i, n - i);
		if (smtp_is_tls(s, SMTP_FROM_SERVER))
			return i;
	}
	return n;
}

void
smtp_server_lose(struct smtp_context *ctx, struct smtp *s, uint64_t n)
{
	smtp_line_drop(ctx, s, SMTP_FROM_SERVER);
	s->reply_code = 0;
	s->flags &= ~(uint32_t)(SMTP_F_SKIP_SERVER | SMTP_F_CUT_TEXT);
	if (s->queue_count == 0 || n < 6) /* no reply is shorter: three digits, CRLF */
		return;
	/* An end of data that waited was most likely accepted: of what was sent so far, nothing
	 * else is known. */
	while (smtp_queue_has(ctx, s, SMTP_END) && !smtp_queue_is_stuck(s)) {
		unsigned kind = smtp_queue_peek(s);
		if (kind != SMTP_END) {
			forget_head(ctx, s);
			continue;
		}
		smtp_queue_pop(ctx, s);
		reply_end(ctx, s, &(struct reply){.text = (const uint8_t *)""});
		break;
	}
	s->flags |= SMTP_F_UNSURE;
}
