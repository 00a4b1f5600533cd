/* SPDX-License-Identifier: ISC */
/*
 * What the client still waits for: runs of (kind, count) in the session's record, spilling into a
 * pool, and beside them a list of what the replies will be about.  When all room is gone the rest
 * becomes one run of unknown lines, so that the pairing is right again after it.  bulkhead-sensor,
 * replay.
 */
#include <string.h>

#include "sensor/smtp_state.h"

/* --- pools
 * --------------------------------------------------------------------------------------------- */

uint32_t
smtp_pool_take(struct smtp_context *ctx, struct smtp_pool *p)
{
	uint32_t index = p->free;
	if (index != 0) {
		memcpy(&p->free, smtp_pool_item(p, index), sizeof(p->free));
	} else if (p->used < p->room) {
		index = ++p->used;
	} else {
		ctx->stats.pool_exhausted++;
	}
	return index;
}

void
smtp_pool_give(struct smtp_pool *p, uint32_t *index)
{
	if (*index == 0)
		return;
	memcpy(smtp_pool_item(p, *index), &p->free, sizeof(p->free));
	p->free = *index;
	*index = 0;
}

struct smtp_line *
smtp_line_get(struct smtp_context *ctx, struct smtp *s, enum smtp_direction dir)
{
	if (s->line[dir] == 0) {
		s->line[dir] = smtp_pool_take(ctx, &ctx->lines);
		if (s->line[dir] == 0)
			return NULL;
		struct smtp_line *line = smtp_pool_item(&ctx->lines, s->line[dir]);
		line->used = 0;
		line->text_used = 0;
	}
	return smtp_pool_item(&ctx->lines, s->line[dir]);
}

void
smtp_line_drop(struct smtp_context *ctx, struct smtp *s, enum smtp_direction dir)
{
	smtp_pool_give(&ctx->lines, &s->line[dir]);
}

/* --- expected replies
 * ---------------------------------------------------------------------------------- */

static uint16_t
make_run(unsigned kind, unsigned count)
{
	return (uint16_t)(kind | count << 5);
}

static unsigned
run_kind(uint16_t run)
{
	return run & 31;
}

static unsigned
run_count(uint16_t run)
{
	return run >> 5;
}

static struct smtp_spill *
spill_of(const struct smtp_context *ctx, const struct smtp *s)
{
	return s->spill != 0 ? smtp_pool_item(&ctx->spills, s->spill) : NULL;
}

static uint16_t *
last_run(const struct smtp_context *ctx, struct smtp *s)
{
	struct smtp_spill *spill = spill_of(ctx, s);
	if (spill != NULL)
		return &spill->runs[(spill->head + spill->count - 1) % SMTP_SPILL_RUNS];
	if (s->queue_count == 0)
		return NULL;
	return &s->queue[(s->queue_head + s->queue_count - 1) % SMTP_QUEUE_RUNS];
}

/* Room for one more run, or NULL. */
static uint16_t *
new_run(struct smtp_context *ctx, struct smtp *s)
{
	if (s->spill == 0 && s->queue_count < SMTP_QUEUE_RUNS)
		return &s->queue[(s->queue_head + s->queue_count++) % SMTP_QUEUE_RUNS];
	if (s->spill == 0) {
		s->spill = smtp_pool_take(ctx, &ctx->spills);
		if (s->spill == 0)
			return NULL;
		struct smtp_spill *fresh = spill_of(ctx, s);
		fresh->head = 0;
		fresh->count = 0;
	}
	struct smtp_spill *spill = spill_of(ctx, s);
	if (spill->count == SMTP_SPILL_RUNS)
		return NULL;
	return &spill->runs[(spill->head + spill->count++) % SMTP_SPILL_RUNS];
}

void
smtp_queue_push(struct smtp_context *ctx, struct smtp *s, enum smtp_kind kind, unsigned count)
{
	uint16_t *last = last_run(ctx, s);
	if (last != NULL && kind == SMTP_UNKNOWN && *last == make_run(SMTP_UNKNOWN, SMTP_MANY))
		return;
	if (last != NULL && run_kind(*last) == kind &&
	    run_count(*last) + count <= SMTP_RUN_COUNT_MAX) {
		*last = make_run(kind, run_count(*last) + count);
		return;
	}
	uint16_t *run = new_run(ctx, s);
	if (run != NULL) {
		*run = make_run(kind, count);
		return;
	}
	/* No room: the last run and all that follows become unknown, until the client is picked up
	 * again.  Items that they queued are behind all others and go when the queue is cleared. */
	ctx->stats.queue_overflows++;
	*last = make_run(SMTP_UNKNOWN, SMTP_MANY);
}

unsigned
smtp_queue_peek(const struct smtp *s)
{
	return s->queue_count > 0 ? run_kind(s->queue[s->queue_head]) : SMTP_NOTHING;
}

/* Moves runs from the spill into the record when that is empty. */
static void
refill(struct smtp_context *ctx, struct smtp *s)
{
	struct smtp_spill *spill = spill_of(ctx, s);
	if (spill == NULL || s->queue_count > 0)
		return;
	s->queue_head = 0;
	while (spill->count > 0 && s->queue_count < SMTP_QUEUE_RUNS) {
		s->queue[s->queue_count++] = spill->runs[spill->head];
		spill->head = (uint16_t)((spill->head + 1) % SMTP_SPILL_RUNS);
		spill->count--;
	}
	if (spill->count == 0)
		smtp_pool_give(&ctx->spills, &s->spill);
}

void
smtp_queue_pop(struct smtp_context *ctx, struct smtp *s)
{
	if (s->queue_count == 0)
		return;
	uint16_t *run = &s->queue[s->queue_head];
	unsigned kind = run_kind(*run), count = run_count(*run);
	if (smtp_queue_is_stuck(s))
		return;
	if (count > 1) {
		*run = make_run(kind, count - 1);
		return;
	}
	s->queue_head = (uint8_t)((s->queue_head + 1) % SMTP_QUEUE_RUNS);
	s->queue_count--;
	refill(ctx, s);
	if (s->queue_count == 0)
		s->flags &= ~(uint32_t)SMTP_F_UNSURE;
}

bool
smtp_queue_is_stuck(const struct smtp *s)
{
	return s->queue_count > 0 && s->queue[s->queue_head] == make_run(SMTP_UNKNOWN, SMTP_MANY);
}

bool
smtp_queue_has(const struct smtp_context *ctx, const struct smtp *s, enum smtp_kind kind)
{
	for (unsigned i = 0; i < s->queue_count; i++)
		if (run_kind(s->queue[(s->queue_head + i) % SMTP_QUEUE_RUNS]) == kind)
			return true;
	const struct smtp_spill *spill = spill_of(ctx, s);
	for (unsigned i = 0; spill != NULL && i < spill->count; i++)
		if (run_kind(spill->runs[(spill->head + i) % SMTP_SPILL_RUNS]) == kind)
			return true;
	return false;
}

void
smtp_queue_clear(struct smtp_context *ctx, struct smtp *s)
{
	s->queue_count = 0;
	s->queue_head = 0;
	smtp_pool_give(&ctx->spills, &s->spill);
	while (s->pending_count + s->pending_lost > 0)
		smtp_pending_free(ctx, smtp_pending_pop(ctx, s));
	s->flags &= ~(uint32_t)SMTP_F_UNSURE;
}

/* --- what they will be about
 * --------------------------------------------------------------------------- */

struct smtp_pending *
smtp_pending_push(struct smtp_context *ctx, struct smtp *s)
{
	uint32_t index = 0;
	if (s->pending_lost == 0 && s->pending_count < SMTP_PENDING_MAX)
		index = smtp_pool_take(ctx, &ctx->pendings);
	if (index == 0) {
		if (s->pending_lost < UINT16_MAX)
			s->pending_lost++;
		return NULL;
	}
	struct smtp_pending *p = smtp_pool_item(&ctx->pendings, index);
	memset(p, 0, sizeof(*p));
	if (s->pending_count == 0) {
		s->pending_head = index;
	} else {
		struct smtp_pending *tail = smtp_pool_item(&ctx->pendings, s->pending_tail);
		tail->next = index;
	}
	s->pending_tail = index;
	s->pending_count++;
	return p;
}

uint32_t
smtp_pending_pop(struct smtp_context *ctx, struct smtp *s)
{
	if (s->pending_count == 0) {
		if (s->pending_lost > 0)
			s->pending_lost--;
		return 0;
	}
	uint32_t index = s->pending_head;
	const struct smtp_pending *p = smtp_pool_item(&ctx->pendings, index);
	s->pending_head = p->next;
	s->pending_count--;
	if (s->pending_count == 0)
		s->pending_head = s->pending_tail = 0;
	return index;
}

void
smtp_pending_free(struct smtp_context *ctx, uint32_t index)
{
	if (index == 0)
		return;
	struct smtp_pending *p = smtp_pool_item(&ctx->pendings, index);
	smtp_pool_give(&ctx->bodies, &p->body);
	smtp_pool_give(&ctx->pendings, &index);
}
