/* SPDX-License-Identifier: ISC */
/* The client's side of the SMTP dialogue: lines, bodies, and bytes whose meaning waits for a reply.
 * bulkhead-sensor, replay. */
#include <string.h>

#include "sensor/mailbox.h"
#include "sensor/smtp_state.h"

/* --- bodies
 * ---------------------------------------------------------------------------------------------- */

void
smtp_body_begin(struct smtp_context *ctx, struct smtp *s, bool chunked)
{
	smtp_body_discard(ctx, s);
	s->flags |= SMTP_F_BODY_OPEN | (chunked ? (uint32_t)SMTP_F_CHUNKED : 0);
	s->tail = SMTP_TAIL_LINE_START;
	s->body = smtp_pool_take(ctx, &ctx->bodies);
	if (s->body == 0)
		return;
	body_init(&((struct smtp_body *)smtp_pool_item(&ctx->bodies, s->body))->body,
	    ctx->events.wants_text == NULL || ctx->events.wants_text(ctx->arg, s));
}

void
smtp_body_discard(struct smtp_context *ctx, struct smtp *s)
{
	smtp_pool_give(&ctx->bodies, &s->body);
	s->body_bytes = 0;
	s->flags &= ~(uint32_t)(SMTP_F_BODY_OPEN | SMTP_F_CHUNKED | SMTP_F_TAIL_UNKNOWN);
}

void
smtp_body_queue_end(struct smtp_context *ctx, struct smtp *s)
{
	struct smtp_pending *p = smtp_pending_push(ctx, s);
	if (p != NULL) {
		p->size_bytes = s->body_bytes;
		p->body = s->body;
		p->chunked = s->flags & SMTP_F_CHUNKED;
		s->body = 0;
	}
	smtp_body_discard(ctx, s);
	smtp_queue_push(ctx, s, SMTP_END, 1);
}

static struct body *
body_of(const struct smtp_context *ctx, const struct smtp *s)
{
	if (s->body == 0)
		return NULL;
	return &((struct smtp_body *)smtp_pool_item(&ctx->bodies, s->body))->body;
}

static void
body_read(struct smtp_context *ctx, struct smtp *s, const uint8_t *data, size_t n)
{
	struct body *b = body_of(ctx, s);
	if (b != NULL && !body_is_done(b))
		body_add(b, ctx->key, data, n);
}

/* Behind cut bytes nobody knows whether a line begins here.  A dot alone in its segment, or one
 * with a command behind it, is the end of data all the same. */
static size_t
find_end_blind(const uint8_t *data, size_t n)
{
	if (n < 3 || memcmp(data, ".\r\n", 3) != 0)
		return 0;
	return n == 3 || smtp_command_is_plausible(data + 3, n - 3) ? 3 : 0;
}

/* DATA: returns the bytes taken. */
static size_t
feed_data(struct smtp_context *ctx, struct smtp *s, const uint8_t *data, size_t n)
{
	const struct body *b = body_of(ctx, s);
	bool reading = b != NULL && !body_is_done(b);
	size_t end = s->flags & SMTP_F_TAIL_UNKNOWN ? find_end_blind(data, n) : 0;
	if (end == 0) {
		/* The first bytes may complete an end that began before; the rest only matters if
		 * it can hold one. */
		bool all = reading || (s->flags & SMTP_F_SCAN_ALL) || smtp_command_may_end(data, n);
		end = smtp_command_find_end(s->tail, data, all || n < 4 ? n : 4);
	}
	s->flags &= ~(uint32_t)SMTP_F_TAIL_UNKNOWN;
	if (end == 0) {
		body_read(ctx, s, data, n);
		s->body_bytes += n;
		s->tail = smtp_command_tail(s->tail, data, n);
		return n;
	}
	body_read(ctx, s, data, end > 3 ? end - 3 : 0);
	s->body_bytes += end;
	s->body_bytes -= s->body_bytes < 3 ? s->body_bytes : 3; /* ".\r\n" */
	smtp_body_queue_end(ctx, s);
	s->client_state = SMTP_STATE_COMMAND;
	return end;
}

static size_t
feed_chunk(struct smtp_context *ctx, struct smtp *s, const uint8_t *data, size_t n)
{
	if (n > s->chunk_left)
		n = s->chunk_left;
	body_read(ctx, s, data, n);
	s->body_bytes += n;
	s->chunk_left -= (uint32_t)n;
	if (s->chunk_left > 0)
		return n;
	s->client_state = SMTP_STATE_COMMAND;
	/* A server may refuse before it has read the chunk; then nothing is awaited any more. */
	if (s->flags & SMTP_F_ANSWERED)
		;
	else if (s->flags & SMTP_F_LAST)
		smtp_body_queue_end(ctx, s);
	else
		smtp_queue_push(ctx, s, SMTP_CHUNK, 1);
	s->flags &= ~(uint32_t)(SMTP_F_LAST | SMTP_F_ANSWERED);
	return n;
}

/* --- commands
 * -------------------------------------------------------------------------------------------- */

static void
queue_mail(struct smtp_context *ctx, struct smtp *s, const struct smtp_command *c)
{
	struct mailbox m;
	struct smtp_pending *p = smtp_pending_push(ctx, s);
	if (p != NULL) {
		mailbox_parse_path(c->arg, c->arg_size, &m);
		mailbox_clean_domain(p->domain, m.domain, m.domain_size);
		if (c->kind == SMTP_RCPT) {
			p->hash = mailbox_hash(ctx->key, &m);
			p->domain_hash = mailbox_hash_domain(ctx->key, &m);
		}
	}
	smtp_queue_push(ctx, s, c->kind, 1);
}

static void
say_helo(struct smtp_context *ctx, struct smtp *s, const struct smtp_command *c)
{
	char name[OBS_DOMAIN_BYTES];
	size_t i = 0;
	while (i < c->arg_size && c->arg[i] == ' ')
		i++;
	const uint8_t *blank = memchr(c->arg + i, ' ', c->arg_size - i);
	mailbox_clean_domain(
	    name, c->arg + i, blank != NULL ? (size_t)(blank - c->arg) - i : c->arg_size - i);
	s->flags |= c->kind == SMTP_EHLO ? SMTP_F_EHLO : SMTP_F_HELO;
	if (c->lmtp)
		s->flags |= SMTP_F_LMTP;
	ctx->events.on_helo(ctx->arg, s, name);
}

/* A well-formed BDAT: its bytes follow, whatever the reply (RFC 3030 section 2). */
static void
begin_chunk(struct smtp_context *ctx, struct smtp *s, const struct smtp_command *c)
{
	if (!(s->flags & SMTP_F_BODY_OPEN))
		smtp_body_begin(ctx, s, true);
	s->chunk_left = c->chunk_bytes;
	s->flags &= ~(uint32_t)(SMTP_F_LAST | SMTP_F_ANSWERED);
	if (c->kind == SMTP_END)
		s->flags |= SMTP_F_LAST;
	s->client_state = SMTP_STATE_CHUNK;
	if (c->chunk_bytes == 0)
		feed_chunk(ctx, s, NULL, 0);
}

static void
take_command(struct smtp_context *ctx, struct smtp *s, const uint8_t *line, size_t n)
{
	struct smtp_command c;
	smtp_command_parse(line, n, &c);
	if (c.proxy && s->commands == 0) { /* not the client's, and without a reply */
		s->flags &= ~(uint32_t)SMTP_F_CLIENT_TALKED;
		return;
	}
	s->commands = (uint16_t)(s->commands + (s->commands < UINT16_MAX));
	if (c.kind != SMTP_OTHER)
		s->flags |= SMTP_F_COMMAND;
	switch (c.kind) {
	case SMTP_MAIL:
	case SMTP_RCPT:
		queue_mail(ctx, s, &c);
		return;
	case SMTP_END:
	case SMTP_CHUNK:
		s->flags |= SMTP_F_BODY;
		if (c.has_chunk) {
			begin_chunk(ctx, s, &c);
			return;
		}
		break;
	case SMTP_HELO:
	case SMTP_EHLO:
		say_helo(ctx, s, &c);
		smtp_body_discard(ctx, s); /* chunks without LAST, given up; RSET likewise */
		break;
	case SMTP_RSET:
		smtp_body_discard(ctx, s);
		break;
	case SMTP_DATA:
		s->flags |= SMTP_F_BODY;
		s->client_state = SMTP_STATE_WAIT_DATA;
		break;
	case SMTP_STARTTLS:
		s->client_state = SMTP_STATE_WAIT_TLS;
		break;
	case SMTP_AUTH:
		s->auth_attempts = (uint8_t)(s->auth_attempts + (s->auth_attempts < UINT8_MAX));
		s->early_lines = 0;
		s->client_state = SMTP_STATE_WAIT_AUTH;
		break;
	case SMTP_QUIT:
		s->flags |= SMTP_F_QUIT;
		break;
	default:
		break;
	}
	smtp_queue_push(ctx, s, c.kind, 1);
}

/* --- lines
 * -----------------------------------------------------------------------------------------------
 */

/* Gathers a partial line.  One that is longer than the buffer is read by its beginning, the rest is
 * skipped. */
static void
gather(struct smtp_context *ctx, struct smtp *s, const uint8_t *data, size_t n)
{
	struct smtp_line *line = smtp_line_get(ctx, s, SMTP_FROM_CLIENT);
	if (line == NULL) {
		smtp_queue_push(ctx, s, SMTP_UNKNOWN, 1);
		s->flags |= SMTP_F_SKIP_CLIENT;
		return;
	}
	size_t room = sizeof(line->data) - line->used;
	size_t take = n < room ? n : room;
	memcpy(line->data + line->used, data, take);
	line->used = (uint16_t)(line->used + take);
	/* A ClientHello in tiny segments: the TLS walker picks it up at a later record. */
	if (smtp_is_tls_record(line->data, line->used)) {
		smtp_line_drop(ctx, s, SMTP_FROM_CLIENT);
		s->flags |= SMTP_F_TLS_CLIENT;
		smtp_set_tls(ctx, s, smtp_is_spoken(s) ? OBS_TLS_STARTTLS : OBS_TLS_IMPLICIT);
		return;
	}
	if (line->used < sizeof(line->data))
		return;
	/* The rest of this line is not a command of its own. */
	s->flags |= SMTP_F_SKIP_CLIENT;
	if (++s->long_lines >= SMTP_LONG_LINES_MAX) {
		smtp_give_up(ctx, s);
		return;
	}
	take_command(ctx, s, line->data, line->used);
	smtp_line_drop(ctx, s, SMTP_FROM_CLIENT);
}

/* One line or the beginning of one; returns the bytes taken, sets *lines when a line was completed.
 */
static size_t
feed_line(struct smtp_context *ctx, struct smtp *s, const uint8_t *data, size_t n, unsigned *lines)
{
	const uint8_t *lf = memchr(data, '\n', n);
	size_t size = lf != NULL ? (size_t)(lf - data) + 1 : n;
	if (s->flags & SMTP_F_SKIP_CLIENT) {
		if (lf != NULL)
			s->flags &= ~(uint32_t)SMTP_F_SKIP_CLIENT;
		return size;
	}
	if (lf == NULL) {
		gather(ctx, s, data, n);
		return n;
	}
	(*lines)++;
	if (s->line[SMTP_FROM_CLIENT] == 0) {
		take_command(ctx, s, data, size);
		return size;
	}
	struct smtp_line *line = smtp_line_get(ctx, s, SMTP_FROM_CLIENT);
	uint8_t whole[SMTP_LINE_BYTES];
	size_t used = line->used, take = size < sizeof(whole) - used ? size : sizeof(whole) - used;
	memcpy(whole, line->data, used);
	memcpy(whole + used, data, take);
	smtp_line_drop(ctx, s, SMTP_FROM_CLIENT);
	take_command(ctx, s, whole, used + take);
	return size;
}

/* The answer to a challenge: only its end matters. */
static size_t
feed_auth_line(struct smtp_context *ctx, struct smtp *s, const uint8_t *data, size_t n)
{
	const uint8_t *lf = memchr(data, '\n', n);
	if (lf == NULL)
		return n;
	s->early_lines = 0;
	s->client_state = SMTP_STATE_WAIT_AUTH;
	smtp_queue_push(ctx, s, SMTP_AUTH, 1);
	return (size_t)(lf - data) + 1;
}

/* --- bytes that wait for a reply
 * --------------------------------------------------------------------------- */

/* A client that does not wait for the reply to AUTH sends answers or commands: lines are counted,
 * not read. */
static size_t
count_early(struct smtp *s, const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < n;) {
		const uint8_t *lf = memchr(data + i, '\n', n - i);
		if (lf == NULL)
			break;
		if (s->early_lines < UINT8_MAX)
			s->early_lines++;
		i = (size_t)(lf - data) + 1;
	}
	if (data[n - 1] != '\n')
		s->flags |= SMTP_F_SKIP_EARLY;
	else
		s->flags &= ~(uint32_t)SMTP_F_SKIP_EARLY;
	return n;
}

bool
smtp_client_holds_command(const struct smtp_context *ctx, const struct smtp *s)
{
	if (s->line[SMTP_FROM_CLIENT] == 0)
		return false;
	const struct smtp_line *line = smtp_pool_item(&ctx->lines, s->line[SMTP_FROM_CLIENT]);
	return smtp_command_is_plausible(line->data, line->used);
}

/* The buffer is full and no reply came: decide by the looks. */
static void
guess_hold(struct smtp_context *ctx, struct smtp *s)
{
	if (s->client_state == SMTP_STATE_WAIT_DATA && !smtp_client_holds_command(ctx, s)) {
		s->client_state = SMTP_STATE_DATA;
		smtp_body_begin(ctx, s, false);
	} else {
		s->client_state = SMTP_STATE_COMMAND;
	}
	smtp_client_release_hold(ctx, s);
}

/* DATA and STARTTLS: keeps what comes before the reply, which says what it is. */
static size_t
hold(struct smtp_context *ctx, struct smtp *s, const uint8_t *data, size_t n)
{
	if (s->flags & SMTP_F_HOLD_LOST)
		return n;
	struct smtp_line *line = smtp_line_get(ctx, s, SMTP_FROM_CLIENT);
	if (line == NULL) {
		s->flags |= SMTP_F_HOLD_LOST;
		return n;
	}
	size_t room = sizeof(line->data) - line->used;
	if (n > room)
		n = room;
	memcpy(line->data + line->used, data, n);
	line->used = (uint16_t)(line->used + n);
	if (line->used == sizeof(line->data))
		guess_hold(ctx, s);
	return n;
}

void
smtp_client_release_hold(struct smtp_context *ctx, struct smtp *s)
{
	uint8_t held[SMTP_LINE_BYTES];
	size_t used = 0;
	if (s->flags & SMTP_F_HOLD_LOST) {
		smtp_line_drop(ctx, s, SMTP_FROM_CLIENT);
		s->flags &= ~(uint32_t)SMTP_F_HOLD_LOST;
		smtp_client_lose(ctx, s, 1);
		return;
	}
	if (s->line[SMTP_FROM_CLIENT] == 0)
		return;
	const struct smtp_line *line = smtp_line_get(ctx, s, SMTP_FROM_CLIENT);
	used = line->used;
	memcpy(held, line->data, used);
	smtp_line_drop(ctx, s, SMTP_FROM_CLIENT);
	if (used > 0)
		smtp_client_feed(ctx, s, held, used);
}

/* --- picking up again
 * -------------------------------------------------------------------------------------- */

void
smtp_client_resync(struct smtp_context *ctx, struct smtp *s)
{
	smtp_line_drop(ctx, s, SMTP_FROM_CLIENT);
	smtp_body_discard(ctx, s);
	s->flags &= ~(uint32_t)(SMTP_F_SKIP_CLIENT | SMTP_F_HOLD_LOST | SMTP_F_SKIP_EARLY |
				SMTP_F_LAST | SMTP_F_ANSWERED);
	s->chunk_left = 0;
	if (s->client_state != SMTP_STATE_DATA) /* whose end may still come: find_late_end() */
		s->tail = 0;
	s->client_state = SMTP_STATE_RESYNC;
}

/* A client that goes on with a message that was answered before its end: returns the bytes up to its end of data,
 * 0 where it is not in this segment, or where the client speaks of something else. */
static size_t
find_late_end(struct smtp *s, const uint8_t *data, size_t n)
{
	if ((s->flags & SMTP_F_SCAN_ALL) == 0 || smtp_command_is_plausible(data, n))
		return 0;
	size_t end = smtp_command_find_end(s->tail, data, n);
	s->tail = smtp_command_tail(s->tail, data, n);
	return end;
}

/* At the start of a segment. */
static size_t
feed_resync(struct smtp_context *ctx, struct smtp *s, const uint8_t *data, size_t n)
{
	size_t skip = find_late_end(s, data, n);
	if (skip == 0) {
		skip = n > 3 && memcmp(data, ".\r\n", 3) == 0 ? 3 : 0;
		if (!smtp_command_is_plausible(data + skip, n - skip)) {
			s->body_bytes += n;
			return n;
		}
	}
	/* A client that speaks again has read the replies to what it said before, unless known ones
	 * are still awaited. */
	unsigned next = smtp_queue_peek(s);
	if (next == SMTP_UNKNOWN || next == SMTP_NOTHING || (s->flags & SMTP_F_UNSURE))
		smtp_queue_clear(ctx, s);
	s->body_bytes = 0;
	s->client_state = SMTP_STATE_COMMAND;
	ctx->stats.resyncs++;
	return skip;
}

void
smtp_client_lose(struct smtp_context *ctx, struct smtp *s, uint64_t n)
{
	struct body *b = body_of(ctx, s);
	uint64_t in_chunk = n < s->chunk_left ? n : s->chunk_left;
	switch ((enum smtp_client_state)s->client_state) {
	case SMTP_STATE_CHUNK:
		if (b != NULL)
			body_stop(b, ctx->key);
		s->body_bytes += in_chunk;
		s->chunk_left -= (uint32_t)in_chunk;
		if (s->chunk_left == 0)
			feed_chunk(ctx, s, NULL, 0);
		if (n == in_chunk)
			return;
		break;
	case SMTP_STATE_DATA:
		if (b != NULL)
			body_stop(b, ctx->key);
		s->body_bytes += n;
		s->tail = 0;
		s->flags |= SMTP_F_TAIL_UNKNOWN;
		return;
	case SMTP_STATE_WAIT_DATA:
	case SMTP_STATE_WAIT_TLS:
	case SMTP_STATE_WAIT_AUTH:
		smtp_line_drop(ctx, s, SMTP_FROM_CLIENT);
		s->flags |= SMTP_F_HOLD_LOST;
		return;
	case SMTP_STATE_RESYNC:
		s->body_bytes += n;
		s->tail = 0;
		return;
	case SMTP_STATE_COMMAND:
	case SMTP_STATE_AUTH_LINE:
	case SMTP_STATE_OPAQUE:
		break;
	}
	smtp_queue_push(ctx, s, SMTP_UNKNOWN, SMTP_MANY);
	smtp_client_resync(ctx, s);
}

/* --- segments
 * ---------------------------------------------------------------------------------------------- */

/* TLS where a command should be: STARTTLS was accepted and the reply was missed, or it never was
 * SMTP. */
static bool
is_tls_here(struct smtp_context *ctx, struct smtp *s, const uint8_t *data, size_t n)
{
	if (!smtp_is_tls_record(data, n))
		return false;
	enum smtp_client_state state = s->client_state;
	bool start = state == SMTP_STATE_WAIT_TLS || state == SMTP_STATE_RESYNC ||
		     (state == SMTP_STATE_COMMAND && s->line[SMTP_FROM_CLIENT] == 0);
	if (!start)
		return false;
	s->flags |= SMTP_F_TLS_CLIENT;
	bool asked = state == SMTP_STATE_WAIT_TLS || smtp_is_spoken(s);
	smtp_set_tls(ctx, s, asked ? OBS_TLS_STARTTLS : OBS_TLS_IMPLICIT);
	return true;
}

size_t
smtp_client_feed(struct smtp_context *ctx, struct smtp *s, const uint8_t *data, size_t n)
{
	unsigned lines = 0;
	size_t i = 0;
	while (i < n) {
		const uint8_t *p = data + i;
		size_t left = n - i;
		switch ((enum smtp_client_state)s->client_state) {
		case SMTP_STATE_COMMAND:
			i += feed_line(ctx, s, p, left, &lines);
			break;
		case SMTP_STATE_WAIT_DATA:
		case SMTP_STATE_WAIT_TLS:
			i += hold(ctx, s, p, left);
			break;
		case SMTP_STATE_WAIT_AUTH:
			i += count_early(s, p, left);
			break;
		case SMTP_STATE_AUTH_LINE:
			i += feed_auth_line(ctx, s, p, left);
			break;
		case SMTP_STATE_DATA:
			i += feed_data(ctx, s, p, left);
			break;
		case SMTP_STATE_CHUNK:
			i += feed_chunk(ctx, s, p, left);
			break;
		case SMTP_STATE_RESYNC:
			i += feed_resync(ctx, s, p, left);
			break;
		case SMTP_STATE_OPAQUE:
			return n;
		}
	}
	if (lines > 1)
		s->flags |=
		    SMTP_F_PIPELINED | (s->flags & SMTP_F_OFFERED ? 0 : (uint32_t)SMTP_F_UNOFFERED);
	return i;
}

/* The binary form of HAProxy's PROXY header (section 2.2): in one segment, before everything else, without
 * a reply, and it tells its length.  Returns its bytes. */
static size_t
proxy_header(const uint8_t *data, size_t n)
{
	static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";
	if (n < 16 || memcmp(data, signature, sizeof(signature)) != 0)
		return 0;
	size_t size = 16 + ((size_t)data[14] << 8 | data[15]);
	return size < n ? size : n;
}

static size_t
client_bytes(struct smtp_context *ctx, struct smtp *s, const uint8_t *data, size_t n)
{
	if (s->client_state == SMTP_STATE_OPAQUE || n == 0)
		return n;
	if (is_tls_here(ctx, s, data, n))
		return 0;
	s->flags |= SMTP_F_CLIENT_TALKED;
	/* A new segment while unknown replies are at the head, or after lost ones: the client has
	 * read them. */
	if (s->client_state == SMTP_STATE_COMMAND && s->line[SMTP_FROM_CLIENT] == 0 &&
	    (smtp_queue_is_stuck(s) ||
		((s->flags & SMTP_F_UNSURE) && !smtp_queue_has(ctx, s, SMTP_END))) &&
	    smtp_command_is_plausible(data, n))
		smtp_queue_clear(ctx, s);
	return smtp_client_feed(ctx, s, data, n);
}

size_t
smtp_client(struct smtp_context *ctx, struct smtp *s, const uint8_t *data, size_t n)
{
	size_t proxy = 0;
	if (smtp_is_tls(s, SMTP_FROM_CLIENT))
		return 0;
	if ((s->flags & (SMTP_F_CLIENT_TALKED | SMTP_F_MIDSTREAM)) == 0)
		proxy = proxy_header(data, n);
	return proxy + client_bytes(ctx, s, data + proxy, n - proxy);
}
