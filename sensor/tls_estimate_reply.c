/* SPDX-License-Identifier: ISC */
/*
 * What a path of the estimator knows of reply lengths, and how it learns them.  Lengths come from the server's family,
 * from replies that stood alone, or from the sums themselves: two answers to turns of one kind differ by whole replies.
 * bulkhead-sensor and replay.
 */
#include "sensor/tls_estimate_reply.h"

#define REPLY_MIN  8  /* "250 OK" with CRLF */
#define REPLY_MOST 90 /* of a guess */
#define BY_CHANCE  (-1.5F)
#define WRONG_SIZE (-3.F)
#define PARTS_LEAST \
	4096 /* bytes: nobody cuts a shorter message, nor does Exim's proxy for connections it uses again */
#define PARTS_TOLD	  8192 /* bytes: Exim itself cuts no shorter one (DELIVER_OUT_BUFFER_SIZE) */
#define FAMILY_RECIPIENTS 3
#define ADOPT_LINE_MIN	  24 /* bytes of a RCPT line */
#define ADOPT_LINE_MOST	  90
#define STEP_KINDS	  15 /* the sets of replies differ in their rest by this */
#define STEP_SPOILED	  1  /* replies of this server vary: their differences say nothing */

uint8_t
reply_step_kind(const struct turn_shape *shape)
{
	return shape->replies % STEP_KINDS;
}

bool
reply_is_repeat(const struct estimate_path *p, const struct exchange *x)
{
	return p->step_bytes == x->s;
}

static uint8_t
reply_bytes(uint32_t s)
{
	return (uint8_t)(s > UINT8_MAX ? UINT8_MAX : s);
}

bool
reply_is_known(const struct estimate_path *p, unsigned reply)
{
	return p->reply[reply] != 0 && p->reply[reply] != UINT8_MAX;
}

bool
reply_is_sure(const struct estimate_path *p, enum estimate_reply reply)
{
	return reply_is_known(p, reply) && (p->guessed & 1U << reply) == 0;
}

uint32_t
reply_refusal(const struct estimate_path *p)
{
	return (uint32_t)p->reply[ESTIMATE_REPLY_REFUSED] * ESTIMATE_REFUSED_UNIT;
}

/* What the answer to a message of `bytes` says beyond that to one of four digits. */
int32_t
reply_digits(const struct exchange *x, uint32_t bytes)
{
	int32_t n = bytes >= 1000000  ? 7
		    : bytes >= 100000 ? 6
		    : bytes >= 10000  ? 5
		    : bytes >= 1000   ? 4
				      : 3;

	return (n - 4) * x->server->digits;
}

/* The answer as it would be to a message of four digits. */
static uint32_t
without_digits(const struct exchange *x, uint32_t bytes, uint32_t size)
{
	int32_t more = reply_digits(x, size);

	return (int32_t)bytes > more ? (uint32_t)((int32_t)bytes - more) : bytes;
}

void
reply_know_last(struct estimate_path *p, const struct exchange *x, uint32_t size)
{
	reply_know(p, ESTIMATE_REPLY_LAST, without_digits(x, x->s, size));
}

void
reply_know(struct estimate_path *p, enum estimate_reply reply, uint32_t bytes)
{
	if (reply == ESTIMATE_REPLY_REFUSED)
		bytes /= ESTIMATE_REFUSED_UNIT;
	p->reply[reply] = reply_bytes(bytes);
	p->guessed = p->guessed & ~(1U << reply) & REPLIES_ALL;
}

/* A reply of a length that the path knows came again, or did not. */
float
reply_gain(uint8_t known, const struct exchange *x, uint32_t tolerance)
{
	uint32_t off = x->s > known ? x->s - known : known - x->s;

	if (known == 0 || known == UINT8_MAX)
		return 0;
	if (off > tolerance + x->slack)
		return -.7F;
	return x->slack == 0 ? 1.5F : .7F;
}

uint32_t
reply_line(const struct estimate_path *p)
{
	return p->hides ? 0 : p->line;
}

/* Sum of the replies beside the recipients'; false when one of them, or theirs, is not known. */
bool
reply_sum(const struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape,
    uint32_t *fixed, bool *guess)
{
	unsigned used = shape->replies | 1U << ESTIMATE_REPLY_RCPT;

	*fixed = 0;
	*guess = (p->guessed & used) != 0;
	for (unsigned left = used; left != 0; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctz(left);

		if (!reply_is_known(p, i))
			return false;
		*fixed += i == ESTIMATE_REPLY_RCPT ? 0 : p->reply[i];
		if (i == ESTIMATE_REPLY_LAST)
			*fixed += (uint32_t)reply_digits(x, x->c);
	}
	return true;
}

/* --- whose words --- */

/* The replies of one software make the answer, with so few recipients that it is hardly by chance. */
static bool
is_of_family(
    const struct server_row *server, const struct exchange *x, const struct turn_shape *shape)
{
	uint32_t each = server->reply[ESTIMATE_REPLY_RCPT], sum = 0, near = 0, k;

	for (unsigned left = shape->replies; left != 0; left &= left - 1)
		sum += server->reply[__builtin_ctz(left)];
	if ((shape->replies & (1U << ESTIMATE_REPLY_BODY | 1U << ESTIMATE_REPLY_LAST)) != 0)
		near = 2; /* a digit or a letter of the queue id less or more */
	if (each == 0 || server->ident || server->digits == 0 || x->s + near <= sum)
		return false;
	k = (x->s + near - sum) / each;
	return k >= 1 && k <= (near > 0 ? 1 : FAMILY_RECIPIENTS) &&
	       x->s + near - sum - k * each <= 2 * near &&
	       (shape->hidden || (shape->commands >= k * ADOPT_LINE_MIN &&
				     shape->commands <= k * ADOPT_LINE_MOST));
}

unsigned
reply_families(const struct exchange *x, const struct turn_shape *shape)
{
	unsigned found = 0;

	for (unsigned f = 0; f < TLS_FAMILY__COUNT && shape->replies != 0 && x->slack == 0; f++)
		found |= is_of_family(&tls_model_servers[f], x, shape) ? 1U << f : 0;
	return found;
}

void
reply_adopt(struct estimate_path *p, const struct tls_hints *hints)
{
	uint8_t reply[ESTIMATE__REPLIES];

	tls_model_replies(hints, reply);
	for (unsigned i = 0; i < ESTIMATE__REPLIES; i++) {
		if (reply_is_sure(p, i) || reply[i] == 0)
			continue;
		p->reply[i] = reply[i];
		p->guessed = (p->guessed | 1U << i) & REPLIES_ALL;
	}
}

/* --- messages sent in one turn with their envelopes, or cut in two --- */

/*
 * A client cuts a message because it is long (Exim: over 8192 bytes the header goes ahead, so that refusals are known
 * before the body is sent), so those that took one turn are shorter than those that took two.
 */
static uint8_t
turn_units(uint32_t bytes)
{
	uint32_t units = bytes / ESTIMATE_TURN_UNIT + 1;

	return (uint8_t)(units > UINT8_MAX ? UINT8_MAX : units);
}

void
reply_hides(struct estimate_path *p)
{
	if (p->hides)
		return;
	p->hides = 1;
	p->whole = p->parts = 0;
}

void
reply_took_one_turn(struct estimate_path *p, const struct exchange *x)
{
	uint8_t units = turn_units(x->c);

	if (p->hides && units > p->whole)
		p->whole = units;
}

void
reply_took_parts(struct estimate_path *p, const struct exchange *x)
{
	uint8_t units = turn_units(x->c + p->typical_bytes);

	if (p->hides && x->c + p->typical_bytes >= PARTS_TOLD &&
	    (p->parts == 0 || units < p->parts))
		p->parts = units;
}

float
reply_one_turn_gain(const struct estimate_path *p, const struct exchange *x)
{
	return p->hides && p->parts != 0 && turn_units(x->c) > p->parts ? WRONG_SIZE : 0;
}

float
reply_parts_gain(const struct estimate_path *p, const struct exchange *x)
{
	uint32_t bytes = x->c + p->typical_bytes;
	float gain = 0;

	if (bytes < PARTS_LEAST || (p->hides && turn_units(bytes) < p->whole))
		gain += WRONG_SIZE;
	/* One part was answered with the envelope, the other with the message's number. */
	if (reply_is_repeat(p, x))
		gain += x->slack == 0 ? BY_CHANCE : BY_CHANCE / 2;
	return gain;
}

/* --- learning --- */

static uint32_t
greatest_divisor(uint32_t a, uint32_t b)
{
	while (b != 0) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/*
 * Answers to turns of one kind differ by whole replies to RCPT: their length divides all
 * differences.  Where replies repeat the address or a number they vary, and nothing is learned.
 */
static void
learn_step(struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape)
{
	uint8_t kind = reply_step_kind(shape);
	uint32_t difference, step;

	if (x->s > UINT16_MAX)
		return;
	if (x->slack == 0 && p->step_kind == kind && p->step_bytes != x->s &&
	    p->step != STEP_SPOILED) {
		difference = x->s > p->step_bytes ? x->s - p->step_bytes : p->step_bytes - x->s;
		step = greatest_divisor(difference, p->step);
		if (step < REPLY_MIN)
			step = STEP_SPOILED;
		if (step <= UINT8_MAX)
			p->step = (uint8_t)step;
	}
	p->step_kind = kind & 15U;
	p->step_bytes = (uint16_t)x->s;
}

/* The length of a reply to RCPT as the differences have it, nearest to what was thought; 0 = they do not say. */
static uint32_t
step_reply(const struct estimate_path *p, uint32_t thought)
{
	uint32_t best = 0, distance = UINT32_MAX;

	if (p->step < REPLY_MIN)
		return 0;
	for (uint32_t j = 1; p->step / j >= REPLY_MIN; j++) {
		uint32_t each = p->step / j;
		uint32_t off = each > thought ? each - thought : thought - each;

		if (p->step % j == 0 && each <= REPLY_MOST && off < distance) {
			best = each;
			distance = off;
		}
	}
	return best;
}

/* The replies beside MAIL's and RCPT's are mostly the longer ones. */
static uint32_t
reply_weight(unsigned reply)
{
	return reply == ESTIMATE_REPLY_MAIL || reply == ESTIMATE_REPLY_RCPT ? 1 : 2;
}

/* Lengths that are no facts yet share what the known ones leave of the answer to n recipients. */
static void
learn_shares(
    struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape, uint32_t n)
{
	unsigned used = shape->replies | 1U << ESTIMATE_REPLY_RCPT, unsure = 0,
		 last = ESTIMATE_REPLY_RCPT;
	uint32_t left = x->s, weights = 0, each, step;

	for (unsigned i = 0; i < ESTIMATE__REPLIES; i++) {
		uint32_t times = i == ESTIMATE_REPLY_RCPT ? n : 1;

		if ((used & 1U << i) == 0)
			continue;
		if (reply_is_sure(p, i)) {
			left -= times * p->reply[i] < left ? times * p->reply[i] : left;
			continue;
		}
		unsure |= 1U << i;
		weights += times * reply_weight(i);
		if (i != ESTIMATE_REPLY_RCPT)
			last = i;
	}
	if (weights == 0 || left / weights < REPLY_MIN || left / weights > REPLY_MOST)
		return;
	each = left / weights;
	step = step_reply(p, each);
	if (step != 0 && (unsure & 1U << ESTIMATE_REPLY_RCPT) != 0 && step * n < left)
		each = step;
	for (unsigned i = 0; i < ESTIMATE__REPLIES; i++) {
		uint32_t times = i == ESTIMATE_REPLY_RCPT ? n : 1, bytes = each * reply_weight(i);

		if (i == last || (unsure & 1U << i) == 0)
			continue;
		p->reply[i] = reply_bytes(bytes);
		left -= bytes * times < left ? bytes * times : left;
	}
	if (last == ESTIMATE_REPLY_LAST)
		left = without_digits(x, left, x->c);
	p->reply[last] = reply_bytes(last == ESTIMATE_REPLY_RCPT ? left / n : left);
	p->guessed = (p->guessed | unsure) & REPLIES_ALL;
}

static bool
is_exact(const struct estimate_path *p, const struct exchange *x, uint32_t fixed, uint32_t accepted)
{
	return fixed + accepted * p->reply[ESTIMATE_REPLY_RCPT] == x->s;
}

void
reply_learn(struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape,
    const struct split *split)
{
	uint32_t fixed, line;
	bool guess, known = reply_sum(p, x, shape, &fixed, &guess);

	if (split->accepted > 0)
		learn_step(p, x, shape);
	if (split->refused > 0 || split->accepted == 0) {
		if (split->refusal != 0 && !reply_is_known(p, ESTIMATE_REPLY_REFUSED))
			p->reply[ESTIMATE_REPLY_REFUSED] =
			    reply_bytes(split->refusal / ESTIMATE_REFUSED_UNIT);
		return;
	}
	if (!known)
		learn_shares(p, x, shape, split->accepted);
	else if (guess && x->s + x->slack + 3 < fixed + p->reply[ESTIMATE_REPLY_RCPT])
		learn_shares(p, x, shape, 1); /* shorter than the guess allows */
	else if (guess && split->gain > 0 && !is_exact(p, x, fixed, split->accepted))
		learn_shares(p, x, shape, split->accepted);
	line = shape->commands / split->accepted;
	if (!shape->hidden && !p->hides && known && !guess && split->accepted >= 3 &&
	    line >= RCPT_LINE_MIN && line <= UINT8_MAX)
		p->line = (uint8_t)line;
}
