/* SPDX-License-Identifier: ISC */
/* The SMTP dialogue: pools, begin and end of a session, questions about it.  bulkhead-sensor,
 * replay. */
#include "sensor/smtp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sensor/smtp_state.h"

#define ROOMY 65536u

/* Bytes are reserved, not touched: an unused pool costs address space only. */
static int
pool_init(struct smtp_pool *p, size_t item_bytes, uint32_t room, uint64_t *total)
{
	size_t bytes = (item_bytes + 7) / 8 * 8 * room;
	void *items = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (items == MAP_FAILED)
		return -ENOMEM;
	*p = (struct smtp_pool){
	    .items = items, .item_bytes = (item_bytes + 7) / 8 * 8, .room = room};
	*total += bytes;
	return 0;
}

static void
pool_fini(struct smtp_pool *p)
{
	if (p->items != NULL)
		munmap(p->items, p->item_bytes * p->room);
}

/* One item for `share` flows, and `min` at least.  Beyond ROOMY flows a table is sized for floods,
 * and of those fewer talk at the same time: half as many. */
static uint32_t
room_for(uint32_t flows, uint32_t share, uint32_t min)
{
	uint32_t room = flows / share;

	if (flows > ROOMY)
		room = ROOMY / share + (flows - ROOMY) / (2 * share);
	return room > min ? room : min;
}

int
smtp_context_new(struct smtp_context **out, uint32_t flows_max, const uint8_t key[HASH_KEY_BYTES],
    const struct smtp_events *events, void *arg)
{
	struct smtp_context *ctx = calloc(1, sizeof(*ctx));
	if (ctx == NULL)
		return -ENOMEM;
	ctx->events = *events;
	ctx->arg = arg;
	memcpy(ctx->key, key, HASH_KEY_BYTES);
	uint64_t *total = &ctx->stats.memory_bytes;
	/* Few sessions at once are in the middle of a line, a message, or a long pipeline. */
	if (pool_init(&ctx->lines, sizeof(struct smtp_line), room_for(flows_max, 8, 256), total) <
		0 ||
	    pool_init(&ctx->pendings, sizeof(struct smtp_pending), room_for(flows_max, 2, 8192),
		total) < 0 ||
	    pool_init(&ctx->bodies, sizeof(struct smtp_body), room_for(flows_max, 16, 256), total) <
		0 ||
	    pool_init(
		&ctx->spills, sizeof(struct smtp_spill), room_for(flows_max, 256, 32), total) < 0) {
		smtp_context_free(ctx);
		return -ENOMEM;
	}
	*out = ctx;
	return 0;
}

void
smtp_context_free(struct smtp_context *ctx)
{
	if (ctx == NULL)
		return;
	pool_fini(&ctx->lines);
	pool_fini(&ctx->pendings);
	pool_fini(&ctx->bodies);
	pool_fini(&ctx->spills);
	free(ctx);
}

void
smtp_context_get_stats(const struct smtp_context *ctx, struct smtp_stats *out)
{
	*out = ctx->stats;
}

void
smtp_init(struct smtp *s, bool midstream)
{
	memset(s, 0, sizeof(*s));
	if (midstream) {
		s->client_state = SMTP_STATE_RESYNC;
		s->flags = SMTP_F_MIDSTREAM;
	} else {
		s->client_state = SMTP_STATE_COMMAND;
		s->queue[0] = SMTP_GREETING | 1 << 5;
		s->queue_count = 1;
	}
}

void
smtp_end(struct smtp_context *ctx, struct smtp *s)
{
	smtp_line_drop(ctx, s, SMTP_FROM_CLIENT);
	smtp_line_drop(ctx, s, SMTP_FROM_SERVER);
	smtp_queue_clear(ctx, s);
	smtp_pool_give(&ctx->bodies, &s->body);
	smtp_pending_free(ctx, s->envelope);
	s->envelope = 0;
	s->client_state = SMTP_STATE_OPAQUE;
}

void
smtp_give_up(struct smtp_context *ctx, struct smtp *s)
{
	smtp_end(ctx, s);
	ctx->stats.opaque++;
}

void
smtp_set_tls(struct smtp_context *ctx, struct smtp *s, enum obs_tls tls)
{
	if (s->tls == tls)
		return;
	s->tls = (uint8_t)tls;
	ctx->events.on_tls(ctx->arg, s, tls);
}

bool
smtp_is_tls_record(const uint8_t *data, size_t n)
{
	return n >= 3 && data[0] >= 0x14 && data[0] <= 0x17 && data[1] == 3 && data[2] <= 4;
}

void
smtp_gap(struct smtp_context *ctx, struct smtp *s, enum smtp_direction dir, uint64_t n)
{
	if (n == 0 || s->client_state == SMTP_STATE_OPAQUE || smtp_is_tls(s, dir))
		return;
	if (dir == SMTP_FROM_CLIENT)
		smtp_client_lose(ctx, s, n);
	else
		smtp_server_lose(ctx, s, n);
}

bool
smtp_is_tls(const struct smtp *s, enum smtp_direction dir)
{
	return s->flags & (dir == SMTP_FROM_CLIENT ? SMTP_F_TLS_CLIENT : SMTP_F_TLS_SERVER);
}

enum obs_tls
smtp_get_tls(const struct smtp *s)
{
	if (s->tls == OBS_TLS_NONE && (s->flags & SMTP_F_OFFERED_TLS) != 0)
		return OBS_TLS_OFFERED;
	return (enum obs_tls)s->tls;
}

bool
smtp_is_spoken(const struct smtp *s)
{
	/* A mirror that shows only the server's side, begun behind the greeting: replies about
	 * recipients and messages. */
	return (s->flags & (SMTP_F_GREETED | SMTP_F_COMMAND)) != 0 || s->messages > 0 ||
	       s->recipients_accepted > 0 || s->recipients_rejected > 0 ||
	       s->recipients_deferred > 0;
}

bool
smtp_has_hole(const struct smtp *s)
{
	return s->flags & SMTP_F_HOLE;
}

bool
smtp_is_opaque(const struct smtp *s)
{
	return s->client_state == SMTP_STATE_OPAQUE;
}

uint16_t
smtp_get_habits(const struct smtp *s)
{
	uint16_t habits = 0;
	bool midstream = s->flags & SMTP_F_MIDSTREAM;
	if (s->flags & SMTP_F_EARLY)
		habits |= OBS_HABIT_EARLY;
	if (!(s->flags & SMTP_F_QUIT) && !smtp_is_tls(s, SMTP_FROM_CLIENT) && smtp_is_spoken(s))
		habits |= OBS_HABIT_NO_QUIT;
	if (s->flags & SMTP_F_PIPELINED)
		habits |= OBS_HABIT_PIPELINED;
	if (s->flags & SMTP_F_UNOFFERED)
		habits |= OBS_HABIT_UNOFFERED_PIPELINING;
	if ((s->flags & SMTP_F_HELO) && !(s->flags & SMTP_F_EHLO))
		habits |= OBS_HABIT_HELO_ONLY;
	if ((s->flags & SMTP_F_QUIT) && !(s->flags & SMTP_F_BODY) && !midstream)
		habits |= OBS_HABIT_NO_DATA;
	return habits;
}

void
smtp_get_counts(const struct smtp *s, struct obs_counts *out)
{
	out->messages = s->messages;
	out->messages_refused = s->messages_refused;
	out->recipients_accepted = s->recipients_accepted;
	out->recipients_rejected = s->recipients_rejected;
	out->recipients_deferred = s->recipients_deferred;
}

bool
smtp_looks_like_greeting(const uint8_t *data, size_t n)
{
	return n >= 4 && (data[3] == ' ' || data[3] == '-') &&
	       (memcmp(data, "220", 3) == 0 || memcmp(data, "554", 3) == 0 ||
		   memcmp(data, "421", 3) == 0 || memcmp(data, "521", 3) == 0);
}

bool
smtp_looks_like_command(const uint8_t *data, size_t n)
{
	return smtp_command_is_plausible(data, n);
}
