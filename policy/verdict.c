/* SPDX-License-Identifier: ISC */
/* The verdict ladder.  bulkhead-guard, replay. */
#include "policy/verdict.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"

/* A rung below block is left after so long below it: an hour's clock slides in steps of five
 * minutes. */
#define HOLD_NS (10 * CLOCK_MINUTE_NS)

/* A block is extended this long before it would end, so that the kernel's timeout never wins. */
#define EXTEND_EARLY_NS CLOCK_MINUTE_NS

/* Repeats are forgotten after a month without a block. */
#define REPEAT_MEMORY_NS (30 * CLOCK_DAY_NS)

void
verdict_case_id(char out[JUDGE_CASE_BYTES], const char *server, int64_t now_ns)
{
	static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
	static const uint8_t no_key[HASH_KEY_BYTES];
	char seed[INVENTORY_NAME_BYTES + 24];
	int n = snprintf(seed, sizeof(seed), "%s@%lld", server, (long long)now_ns);
	uint64_t h = hash_keyed(no_key, seed, (size_t)n);

	memcpy(out, "bh-", 3);
	for (unsigned i = 0; i < 10; i++, h >>= 5)
		out[3 + i] = letters[h & 31];
	out[13] = '\0';
}

int64_t
verdict_next_span(const struct verdict *v, const struct verdict_rules *rules, int64_t now_ns)
{
	int64_t span = rules->block_first_ns;
	uint32_t repeats = v->block_count;

	if (v->blocked_at_ns != 0 && now_ns - v->blocked_at_ns > REPEAT_MEMORY_NS)
		repeats = 0;
	for (; repeats > 0 && span < rules->block_max_ns; repeats--)
		span *= 2;
	return span < rules->block_max_ns ? span : rules->block_max_ns;
}

static void
enter_block(struct ladder *l, const struct verdict_rules *rules, const char *server, int64_t now_ns,
    int64_t span_ns, uint64_t messages, bool shadow)
{
	struct verdict *v = &l->verdict;

	if (span_ns == 0)
		span_ns = verdict_next_span(v, rules, now_ns);
	if (v->blocked_at_ns != 0 && now_ns - v->blocked_at_ns > REPEAT_MEMORY_NS)
		v->block_count = 0;
	v->rung = RUNG_BLOCK;
	v->since_ns = v->blocked_at_ns = now_ns;
	v->until_ns = now_ns + span_ns;
	v->block_count++;
	v->messages_before_block = messages;
	v->shadow = shadow;
	verdict_case_id(v->case_id, server, now_ns);
	l->held_ns = l->activity_ns = now_ns;
	l->span_is_fixed = false;
}

static void
enter_rung(struct ladder *l, enum rung rung, int question, int64_t now_ns)
{
	struct verdict *v = &l->verdict;

	v->rung = (uint8_t)rung;
	v->question = rung == RUNG_CLEAR ? -1 : question;
	v->since_ns = now_ns;
	v->until_ns = rung == RUNG_THROTTLE ? now_ns + HOLD_NS : 0;
	v->by_person = v->shadow = false;
	l->held_ns = now_ns;
}

static enum verdict_event
step_blocked(struct ladder *l, const struct verdict_rules *rules, int64_t now_ns, bool active)
{
	struct verdict *v = &l->verdict;

	if (active)
		l->activity_ns = now_ns;
	if (v->pinned || v->until_ns == 0 || now_ns < v->until_ns - EXTEND_EARLY_NS)
		return VERDICT_SAME;
	if (!l->span_is_fixed && l->activity_ns + rules->silence_ns > v->until_ns) {
		v->until_ns = l->activity_ns + rules->silence_ns;
		if (v->until_ns > now_ns)
			return VERDICT_EXTENDED;
	}
	if (now_ns < v->until_ns)
		return VERDICT_SAME;
	enter_rung(l, RUNG_CLEAR, -1, now_ns);
	return VERDICT_LIFTED;
}

enum verdict_event
verdict_step(struct ladder *l, const struct verdict_rules *rules, const char *server,
    int64_t now_ns, const double points[QUESTION__COUNT], bool active, uint64_t messages,
    bool shadow)
{
	struct verdict *v = &l->verdict;
	int question =
	    points[QUESTION_ABUSE] > points[QUESTION_BULK] ? QUESTION_ABUSE : QUESTION_BULK;
	enum rung rung = score_rung(&rules->bounds, points[question]);

	if (v->rung == RUNG_BLOCK)
		return step_blocked(l, rules, now_ns, active);
	if (v->pinned)
		return VERDICT_SAME;
	if (rung >= v->rung) {
		if (rung == RUNG_BLOCK) {
			v->question = question;
			v->by_person = false;
			enter_block(l, rules, server, now_ns, 0, messages, shadow);
			return VERDICT_MOVED;
		}
		l->held_ns = now_ns;
		if (rung == v->rung) {
			if (rung == RUNG_THROTTLE)
				v->until_ns = now_ns + HOLD_NS;
			return VERDICT_SAME;
		}
		enter_rung(l, rung, question, now_ns);
		return VERDICT_MOVED;
	}
	if (now_ns - l->held_ns < HOLD_NS)
		return VERDICT_SAME;
	enter_rung(l, rung, question, now_ns);
	return VERDICT_MOVED;
}

void
verdict_block(struct ladder *l, const struct verdict_rules *rules, const char *server,
    int64_t now_ns, int64_t for_ns, bool pin, uint64_t messages, bool shadow)
{
	enter_block(l, rules, server, now_ns, for_ns, messages, shadow);
	l->verdict.by_person = true;
	l->verdict.pinned = pin;
	l->span_is_fixed = for_ns != 0;
	if (pin)
		l->verdict.until_ns = 0;
}

void
verdict_release(struct ladder *l, int64_t now_ns)
{
	l->verdict.pinned = false;
	enter_rung(l, RUNG_CLEAR, -1, now_ns);
	l->span_is_fixed = false;
}

void
verdict_shift(struct ladder *l, int64_t by_ns)
{
	int64_t *const times[] = {&l->verdict.since_ns, &l->verdict.until_ns,
	    &l->verdict.blocked_at_ns, &l->held_ns, &l->activity_ns};

	for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (*times[i] != 0)
			*times[i] += by_ns;
}
