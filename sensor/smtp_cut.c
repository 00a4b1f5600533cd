/* SPDX-License-Identifier: ISC */
/*
 * Packets that the capture cut short: how many bytes are missing is known, and that they follow what was
 * captured.  Of a body they do not matter.  Of a dialogue the line that was cut is read as far as it goes, and
 * what may have stood behind it is a hole.  bulkhead-sensor, replay.
 */
#include <stdio.h>
#include <string.h>

#include "sensor/smtp_state.h"

static void
note_hole(struct smtp_context *ctx, struct smtp *s)
{
	s->flags |= SMTP_F_HOLE;
	ctx->stats.holes++;
}

/* --- the client's side
 * ------------------------------------------------------------------------------------------ */

/* Queues what the reply will be about when the rest of the line does not matter to the order: who it names is not
 * known, as half an address may be somebody else's. */
static void
queue_half(struct smtp_context *ctx, struct smtp *s, enum smtp_kind kind)
{
	smtp_line_drop(ctx, s, SMTP_FROM_CLIENT);
	s->commands = (uint16_t)(s->commands + (s->commands < UINT16_MAX));
	if (kind != SMTP_OTHER)
		s->flags |= SMTP_F_COMMAND;
	if (kind == SMTP_EHLO)
		s->flags |= SMTP_F_EHLO;
	if (kind == SMTP_HELO)
		s->flags |= SMTP_F_HELO;
	if (kind == SMTP_MAIL || kind == SMTP_RCPT)
		(void)smtp_pending_push(ctx, s);
	smtp_queue_push(ctx, s, kind, 1);
}

/* Reads the beginning of a command; false when it says too little. */
static bool
take_half_command(struct smtp_context *ctx, struct smtp *s)
{
	const struct smtp_line *line = smtp_pool_item(&ctx->lines, s->line[SMTP_FROM_CLIENT]);
	struct smtp_command c;

	smtp_command_parse(line->data, line->used, &c);
	switch (c.kind) {
	case SMTP_MAIL:
	case SMTP_RCPT:
		if (memchr(c.arg, '>', c.arg_size) == NULL) {
			queue_half(ctx, s, c.kind);
			note_hole(ctx, s);
			return true;
		}
		break;
	case SMTP_HELO:
	case SMTP_EHLO:
	case SMTP_XCLIENT:
		queue_half(ctx, s, c.kind);
		return true;
	case SMTP_AUTH:
	case SMTP_DATA:
	case SMTP_RSET:
	case SMTP_QUIT:
	case SMTP_STARTTLS:
		break;
	default:
		return false;
	}
	smtp_client_feed(ctx, s, (const uint8_t *)"\r\n", 2);
	return true;
}

static void
skip_client(struct smtp_context *ctx, struct smtp *s, uint64_t n)
{
	enum smtp_client_state state = (enum smtp_client_state)s->client_state;
	bool chunk_ends = state == SMTP_STATE_CHUNK && n > s->chunk_left;

	if (state == SMTP_STATE_AUTH_LINE) { /* an answer is one line */
		smtp_client_feed(ctx, s, (const uint8_t *)"\n", 1);
		return;
	}
	if (state == SMTP_STATE_COMMAND && s->line[SMTP_FROM_CLIENT] != 0 &&
	    take_half_command(ctx, s)) {
		state = (enum smtp_client_state)s->client_state;
		/* After AUTH and STARTTLS nothing comes before the reply, and nothing behind the line end. */
		if (n <= 2 || state == SMTP_STATE_WAIT_AUTH || state == SMTP_STATE_WAIT_TLS)
			return;
		/* If there were more commands, their replies will tell. */
		s->flags |= SMTP_F_CUT;
		smtp_client_lose(ctx, s, n);
		return;
	}
	if (state == SMTP_STATE_COMMAND || state == SMTP_STATE_WAIT_DATA || chunk_ends)
		note_hole(ctx, s);
	s->flags |= SMTP_F_CUT; /* commands may stand behind a body */
	smtp_client_lose(ctx, s, n);
}

/* --- the server's side
 * ------------------------------------------------------------------------------------------ */

/* The code of the reply that was cut, and its enhanced code when that is whole, as a last line of it; the text would
 * end anywhere.  Returns its length, 0 when there is no reply in progress. */
static size_t
half_reply(const struct smtp_context *ctx, const struct smtp *s, char *out, size_t size)
{
	const struct smtp_line *line = s->line[SMTP_FROM_SERVER] != 0
					   ? smtp_pool_item(&ctx->lines, s->line[SMTP_FROM_SERVER])
					   : NULL;
	unsigned code = s->reply_code;
	uint8_t enhanced[3] = {0};

	if (line != NULL && line->used >= 3) {
		struct smtp_reply_line l;
		uint8_t start[4] = {line->data[0], line->data[1], line->data[2], ' '};
		if (!smtp_reply_parse_line(start, sizeof(start), &l))
			return 0;
		code = l.code;
		const uint8_t *blank =
		    line->used > 4 ? memchr(line->data + 4, ' ', line->used - 4U) : NULL;
		if (blank != NULL)
			smtp_reply_parse_enhanced(
			    line->data + 4, (size_t)(blank - line->data) - 4, enhanced);
	}
	if (code == 0)
		return 0;
	int n = enhanced[0] != 0 ? snprintf(out, size, "%u %u.%u.%u\r\n", code, enhanced[0],
				       enhanced[1], enhanced[2])
				 : snprintf(out, size, "%u \r\n", code);
	return (size_t)n;
}

static void
skip_server(struct smtp_context *ctx, struct smtp *s, uint64_t n)
{
	char reply[32];
	size_t size = half_reply(ctx, s, reply, sizeof(reply));

	if (size > 0) {
		struct smtp_line *line =
		    s->line[SMTP_FROM_SERVER] != 0 ? smtp_line_get(ctx, s, SMTP_FROM_SERVER) : NULL;
		if (line != NULL)
			line->used = 0;
		smtp_server(ctx, s, (const uint8_t *)reply, size);
		if (smtp_is_tls(s, SMTP_FROM_SERVER) || s->client_state == SMTP_STATE_OPAQUE)
			return;
	}
	if (s->queue_count > 0 && !smtp_queue_is_stuck(s))
		note_hole(ctx, s);
	smtp_server_lose(ctx, s, n);
}

void
smtp_skip(struct smtp_context *ctx, struct smtp *s, enum smtp_direction dir, uint64_t n)
{
	if (n == 0 || s->client_state == SMTP_STATE_OPAQUE || smtp_is_tls(s, dir))
		return;
	if (dir == SMTP_FROM_CLIENT)
		skip_client(ctx, s, n);
	else
		skip_server(ctx, s, n);
}
