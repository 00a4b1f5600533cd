/* SPDX-License-Identifier: ISC */
/*
 * Splits the answer to a pipelined turn into replies.  The length of such an answer is a sum: the replies to MAIL,
 * DATA or the body, and one for each recipient, which are all alike in one session ("250 2.1.5 Ok"), refusals being
 * longer.  Lengths come from the server's family, from replies that stood alone, or from the sums themselves: two
 * answers to turns of one kind differ by whole replies.  bulkhead-sensor and replay.
 */
#include "sensor/tls_estimate_split.h"

#include <math.h>

#define RCPT_LINE_LONG	78
#define RCPT_LINE_MOST	100
#define COUNT_MAX	UINT16_MAX
#define REPLY_MIN	8   /* "250 OK" with CRLF */
#define REPLY_MOST	90  /* of a guess */
#define REFUSAL_MIN	24  /* "550 5.7.1 No such user!" */
#define REFUSAL_MAX	500 /* of several lines */
#define REFUSAL_TYPICAL 75
#define REFUSALS_MAX	64     /* tried one by one beside a body */
#define UNKNOWN_SUM	(-.5F) /* about what a sum of guesses gains */
#define REPEAT		1.F
#define BY_CHANCE	(-1.5F)
#define WRONG_SIZE	(-3.F)
#define PARTS_LEAST	4096 /* bytes: nobody cuts a shorter message */
#define STEP_KINDS	15   /* the sets of replies differ in their rest by this */
#define STEP_SPOILED	1    /* replies of this server vary: their differences say nothing */

static uint8_t
step_kind(const struct turn_shape *shape)
{
	return shape->replies % STEP_KINDS;
}

bool
split_is_repeat(const struct estimate_path *p, const struct exchange *x)
{
	return p->step_bytes == x->s;
}

static uint8_t
reply_bytes(uint32_t s)
{
	return (uint8_t)(s > UINT8_MAX ? UINT8_MAX : s);
}

static bool
is_known(const struct estimate_path *p, unsigned reply)
{
	return p->reply[reply] != 0 && p->reply[reply] != UINT8_MAX;
}

bool
split_is_sure(const struct estimate_path *p, enum estimate_reply reply)
{
	return is_known(p, reply) && (p->guessed & 1U << reply) == 0;
}

uint32_t
split_refusal(const struct estimate_path *p)
{
	return (uint32_t)p->reply[ESTIMATE_REPLY_REFUSED] * ESTIMATE_REFUSED_UNIT;
}

void
split_know(struct estimate_path *p, enum estimate_reply reply, uint32_t bytes)
{
	if (reply == ESTIMATE_REPLY_REFUSED)
		bytes /= ESTIMATE_REFUSED_UNIT;
	p->reply[reply] = reply_bytes(bytes);
	p->guessed = p->guessed & ~(1U << reply) & REPLIES_ALL;
}

/* A reply of a length that the path knows came again, or did not. */
float
split_reply_gain(uint8_t known, const struct exchange *x, uint32_t tolerance)
{
	uint32_t off = x->s > known ? x->s - known : known - x->s;

	if (known == 0 || known == UINT8_MAX)
		return 0;
	if (off > tolerance + x->slack)
		return -.7F;
	return x->slack == 0 ? 1.5F : .7F;
}

/* The reply has the length of `known`, or differs from it as the lines do: it repeats the address. */
static bool
is_like(const struct exchange *x, uint32_t known, uint32_t known_line)
{
	int64_t off = (int64_t)x->s - known, echo = off - ((int64_t)x->c - known_line);
	int64_t most = 2 + (int64_t)x->slack;

	return (off <= most && off >= -most) || (echo <= most && echo >= -most);
}

/*
 * Was a recipient taken or refused?  Taken ones are answered like the taken ones before, or with
 * about the length of the answer to MAIL; refusals are longer ("250 2.1.5 Ok" against "550 5.1.1
 * <...>: Recipient address rejected"), and much alike.
 */
float
split_recipient_gain(
    const struct estimate_path *p, enum estimate_state to, const struct exchange *x)
{
	uint32_t taken = p->reply[ESTIMATE_REPLY_RCPT], refused = split_refusal(p);
	bool sure = split_is_sure(p, ESTIMATE_REPLY_RCPT);
	bool longer;

	if (!sure)
		taken = p->reply[ESTIMATE_REPLY_MAIL];
	if (taken == 0 || taken == UINT8_MAX)
		return 0;
	longer = x->s > (sure ? taken + taken / 3 : 2 * taken) + x->slack;
	if (sure && !p->hides && p->taken_line != 0 && is_like(x, taken, p->taken_line))
		return to == ESTIMATE_RCPT ? x->slack == 0 ? 1.5F : .7F : -4.F;
	if (to == ESTIMATE_RCPT_REFUSED) {
		if (!longer)
			return -4.F;
		return refused != 0 && x->s + 12 >= refused && x->s <= refused + 12 ? 2.F : 1.F;
	}
	if (sure && !p->hides && p->taken_line != 0)
		return longer ? -1.5F : -.5F;
	if (sure)
		return split_reply_gain((uint8_t)taken, x, 1);
	if (longer)
		return -1.F;
	return x->s + x->slack >= taken * 2 / 3 ? 1.2F : -.3F;
}

static uint32_t
line_learned(const struct estimate_path *p)
{
	return p->hides ? 0 : p->line;
}

/* Recipients from the client's bytes alone. */
static uint32_t
count_by_lines(const struct estimate_path *p, const struct turn_shape *shape)
{
	uint32_t line = line_learned(p) != 0 ? line_learned(p) : RCPT_LINE_TYPICAL;
	uint32_t n = (shape->commands + line / 2) / line;

	if (shape->hidden || n < 1)
		return 1;
	return n > COUNT_MAX ? COUNT_MAX : n;
}

/* How badly n lines fit the client's bytes; lines of one session are alike, those of many are not. */
static float
line_cost(const struct estimate_path *p, const struct turn_shape *shape, uint32_t n)
{
	float line = line_learned(p) != 0 ? (float)line_learned(p) : RCPT_LINE_TYPICAL;
	float sigma = (line_learned(p) != 0 ? .15F : .4F) + .6F / (float)n;
	float z;

	if (shape->hidden)
		return 0;
	z = logf(((float)shape->commands + 1) / ((float)n * line)) / sigma;
	return -.5F * z * z;
}

/*
 * So many recipients in one message are rare: Postfix and sendmail's customs stop at 50
 * (default_destination_recipient_limit), RFC 5321 section 4.5.3.1.8 promises no more than 100.
 */
static float
count_cost(uint32_t n)
{
	return n > 100 ? -5.F : n > 50 ? -2.F : 0;
}

/* Sum of the replies beside the recipients'; false when one of them, or theirs, is not known. */
static bool
fixed_bytes(
    const struct estimate_path *p, const struct turn_shape *shape, uint32_t *fixed, bool *guess)
{
	unsigned used = shape->replies | 1U << ESTIMATE_REPLY_RCPT;

	*fixed = 0;
	*guess = (p->guessed & used) != 0;
	for (unsigned left = used; left != 0; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctz(left);

		if (!is_known(p, i))
			return false;
		*fixed += i == ESTIMATE_REPLY_RCPT ? 0 : p->reply[i];
	}
	return true;
}

/* All were taken: the answer tells their number. */
static struct split
split_taken(const struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape,
    uint32_t fixed, bool guess)
{
	uint32_t each = p->reply[ESTIMATE_REPLY_RCPT];
	uint32_t rest = x->s > fixed ? x->s - fixed : 0;
	uint32_t k = (rest + each / 2) / each;
	uint32_t most = shape->hidden ? COUNT_MAX : shape->commands / RCPT_LINE_MIN;
	uint32_t off, vary = 0;
	struct split out = {.accepted = 1, .gain = guess || shape->hidden ? -1.F : -2.5F};

	/* The answer to a body has sizes, times and names of varying length in it. */
	for (unsigned i = ESTIMATE_REPLY_BODY; i <= ESTIMATE_REPLY_LAST; i++)
		vary += (shape->replies & 1U << i) != 0 ? p->reply[i] / 12U : 0;

	k = k > COUNT_MAX ? COUNT_MAX : k;
	if (k < 1) { /* not even one reply */
		/* Or the session's first sums were shared out wrongly. */
		out.gain -=
		    shape->hidden && (p->guessed & 1U << ESTIMATE_REPLY_RCPT) != 0 ? 1.25F : 1.5F;
		return out;
	}
	if (2 * x->slack >= each) { /* several fit: the fewest that lines of 100 bytes allow */
		uint32_t low = rest > x->slack ? (rest - x->slack + each - 1) / each : 1;
		uint32_t lines = (shape->commands + RCPT_LINE_MOST - 1) / RCPT_LINE_MOST;

		low = low < lines ? lines : low;
		k = low >= 1 && low < k ? low : k;
	}
	off = rest > k * each ? rest - k * each : k * each - rest;
	if (off <= x->slack)
		out.gain = guess ? 1.5F : 2.F;
	else if (off <= 3 + vary + x->slack)
		out.gain = .5F;
	else if (guess && off * 10 <= rest)
		out.gain = .3F; /* a guess of `each` is off by a byte or two */
	if (2 * x->slack >= each && out.gain > 0)
		out.gain = 0;
	if (k > most || (shape->hidden && x->c < MAIL_LINE_TYPICAL + 25 * k))
		out.gain -= 4;
	out.gain += count_cost(k);
	out.gain += shape->hidden ? -.15F * logf((float)k) : line_cost(p, shape, k);
	out.accepted = (uint16_t)k;
	return out;
}

/* What a refusal of `bytes` costs: it has the length of the ones before, or a plausible one. */
static float
refusal_cost(const struct estimate_path *p, uint32_t bytes)
{
	uint32_t known = split_refusal(p);
	float z;

	if (bytes < REFUSAL_MIN || bytes > REFUSAL_MAX)
		return -8;
	if (known != 0 && bytes + 12 >= known && bytes <= known + 12)
		return .5F;
	z = logf((float)bytes / REFUSAL_TYPICAL) / .4F;
	return -.7F - .5F * z * z;
}

/* Some were refused: n lines tell the number, the surplus of the answer who of them. */
static struct split
split_mixed_of(const struct estimate_path *p, const struct exchange *x, uint32_t n, uint32_t fixed)
{
	uint32_t each = p->reply[ESTIMATE_REPLY_RCPT];
	uint32_t refusal = split_refusal(p) != 0 ? split_refusal(p) : REFUSAL_TYPICAL;
	uint32_t refused, surplus;
	struct split out = {.gain = -20};

	if (n < 1 || n > COUNT_MAX || x->s <= fixed + n * each || refusal <= each)
		return out;
	surplus = x->s - fixed - n * each;
	refused = (surplus + (refusal - each) / 2) / (refusal - each);
	if (refused < 1 || refused > n)
		return out;
	out.refused = (uint16_t)refused;
	out.accepted = (uint16_t)(n - refused);
	out.gain = -.8F + refusal_cost(p, each + surplus / refused) + count_cost(n);
	return out;
}

/* With lines of the length that was learned; else short ones, or long ones with ORCPT (RFC 3461). */
static struct split
split_mixed(const struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape,
    uint32_t fixed)
{
	struct split out = split_mixed_of(p, x, count_by_lines(p, shape), fixed), other;

	if (line_learned(p) != 0)
		return out;
	other =
	    split_mixed_of(p, x, (shape->commands + RCPT_LINE_LONG / 2) / RCPT_LINE_LONG, fixed);
	other.gain -= .5F;
	return other.gain > out.gain ? other : out;
}

/* The same beside a body: only sums that come out exactly count, the fewest refusals first. */
static struct split
split_mixed_hidden(const struct estimate_path *p, const struct exchange *x, uint32_t fixed)
{
	uint32_t each = p->reply[ESTIMATE_REPLY_RCPT], refusal = split_refusal(p);
	struct split out = {.gain = -20};

	if (refusal == 0)
		return out;
	for (uint32_t r = 1; r <= REFUSALS_MAX && fixed + r * refusal <= x->s + 3; r++) {
		uint32_t rest = x->s + 3 - fixed - r * refusal;
		uint32_t accepted = rest / each;

		if (rest % each > 6 + x->slack || accepted > COUNT_MAX)
			continue;
		out = (struct split){
		    .accepted = (uint16_t)accepted, .refused = (uint16_t)r, .gain = -.5F};
		break;
	}
	return out;
}

/* An answer exactly as long as the newest one to a turn of the same kind: the kind is right. */
static float
repeat_gain(const struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape)
{
	return split_is_repeat(p, x) && p->step_kind == step_kind(shape)
		   ? REPEAT / (x->slack == 0 ? 1.F : 2.F)
		   : 0;
}

struct split
split_turn(const struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape)
{
	struct split taken, mixed;
	uint32_t fixed;
	bool guess;

	if (!fixed_bytes(p, shape, &fixed, &guess))
		return (struct split){.accepted = (uint16_t)count_by_lines(p, shape),
		    .gain = (shape->hidden ? UNKNOWN_SUM : 0) + repeat_gain(p, x, shape)};
	taken = split_taken(p, x, shape, fixed, guess);
	if (shape->hidden)
		mixed = split_mixed_hidden(p, x, fixed);
	else
		mixed = split_mixed(p, x, shape, fixed);
	if (mixed.gain > taken.gain && mixed.accepted > 0)
		return mixed;
	taken.gain += repeat_gain(p, x, shape);
	return taken;
}

struct split
split_refused(
    const struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape)
{
	uint32_t n = count_by_lines(p, shape), mail = p->reply[ESTIMATE_REPLY_MAIL];
	/* RCPTs and what came behind them got one refusal each. */
	uint32_t each = x->s > mail ? (x->s - mail) / (n + 1) : 0;
	struct split taken = split_turn(p, x, shape);
	struct split out = {.refused = (uint16_t)n, .gain = -.5F};

	if (each < REFUSAL_MIN || each > REFUSAL_MAX)
		out.gain = -4;
	if (taken.refused == 0 && taken.gain > 0)
		out.gain -= 2;
	if (shape->hidden) {
		uint32_t known = split_refusal(p) != 0 ? split_refusal(p) : REFUSAL_TYPICAL;

		n = (x->s > mail + 40 ? x->s - mail - 40 + known / 2 : 0) / known;
		out.refused = (uint16_t)(n < 1 ? 1 : n > COUNT_MAX ? COUNT_MAX : n);
	}
	return out;
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
split_hides(struct estimate_path *p)
{
	if (p->hides)
		return;
	p->hides = 1;
	p->whole = p->parts = 0;
}

void
split_took_one_turn(struct estimate_path *p, const struct exchange *x)
{
	uint8_t units = turn_units(x->c);

	if (p->hides && units > p->whole)
		p->whole = units;
}

void
split_took_parts(struct estimate_path *p, const struct exchange *x)
{
	uint8_t units = turn_units(x->c + p->typical_bytes);

	if (p->hides && (p->parts == 0 || units < p->parts))
		p->parts = units;
}

float
split_one_turn_gain(const struct estimate_path *p, const struct exchange *x)
{
	return p->hides && p->parts != 0 && turn_units(x->c) > p->parts ? WRONG_SIZE : 0;
}

float
split_parts_gain(const struct estimate_path *p, const struct exchange *x)
{
	uint32_t bytes = x->c + p->typical_bytes;
	float gain = 0;

	if (bytes < PARTS_LEAST || (p->hides && turn_units(bytes) < p->whole))
		gain += WRONG_SIZE;
	/* One part was answered with the envelope, the other with the message's number. */
	if (split_is_repeat(p, x))
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
	uint8_t kind = step_kind(shape);
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
		if (split_is_sure(p, i)) {
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
	p->reply[last] = reply_bytes(last == ESTIMATE_REPLY_RCPT ? left / n : left);
	p->guessed = (p->guessed | unsure) & REPLIES_ALL;
}

static bool
is_exact(const struct estimate_path *p, const struct exchange *x, uint32_t fixed, uint32_t accepted)
{
	return fixed + accepted * p->reply[ESTIMATE_REPLY_RCPT] == x->s;
}

void
split_learn(struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape,
    const struct split *split)
{
	uint32_t fixed, line;
	bool guess, known = fixed_bytes(p, shape, &fixed, &guess);

	learn_step(p, x, shape);
	if (split->refused > 0 || split->accepted == 0) {
		uint32_t surplus =
		    split->accepted * (uint32_t)p->reply[ESTIMATE_REPLY_RCPT] + fixed;

		if (known && !is_known(p, ESTIMATE_REPLY_REFUSED) && split->refused > 0 &&
		    x->s > surplus)
			p->reply[ESTIMATE_REPLY_REFUSED] =
			    reply_bytes((x->s - surplus) / split->refused);
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
