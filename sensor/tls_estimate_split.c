/* SPDX-License-Identifier: ISC */
/*
 * Splits the answer to a pipelined turn into replies.  The length of such an answer is a sum: the replies to MAIL,
 * DATA or the body, and one for each recipient, which are all alike in one session ("250 2.1.5 Ok"), refusals being
 * longer.  bulkhead-sensor and replay.
 */
#include "sensor/tls_estimate_split.h"

#include <math.h>
#include <stdlib.h>

#define BODY_REPLIES \
	(1U << ESTIMATE_REPLY_BODY | 1U << ESTIMATE_REPLY_CHUNK | 1U << ESTIMATE_REPLY_LAST)
#define LN_ORCPT       .72F /* ln(RCPT_LINE_ORCPT / RCPT_LINE_TYPICAL) */
#define RCPT_LINE_MOST 120
#define COUNT_MAX      UINT16_MAX
#define REFUSAL_MIN    24  /* "550 5.7.1 No such user!" */
#define REFUSAL_MAX    500 /* of several lines */
#define REFUSALS_MAX   64  /* tried one by one */
#define MIXED_TRIES    32  /* numbers of recipients */
#define SOME_REFUSED   (-.8F)
#define GUESSED_REFUSAL \
	1.F /* an answer that is too long shows a wrong guess rather than a refusal */
#define NEW_REFUSAL	     (-1.2F) /* of a length that no other one had */
#define SUM_TOO_SHORT	     (-3.5F) /* for one acceptance, where all lengths are known */
#define SURE_SUM_MISSED	     (-3.F) /* all its replies are known, and it is off by a byte or more */
#define HIDDEN_COUNT	     (-.4F) /* per logarithm of the number: small ones are commoner */
#define HIDDEN_COUNT_GUESSED (-.15F)
#define REFUSAL_REPEATED     150    /* bytes of a refusal that is told again, at most */
#define OVERFULL	     (-3.F) /* refusals of a length and in a number that are both not known */
#define SUCCESS_NEAR	     4 /* bytes that answers to a message differ by beside its size: queue ids */
#define CHUNK_SPREAD	     .5F /* bytes, as `spread` of struct server_row */
#define NOBODY_THERE	     (-3.F)
#define NOBODY_SAID	     2.F
#define NOBODY_LEAST	     22U /* bytes of that answer, where it is not known */
#define NOBODY_MOST	     130U
#define UNKNOWN_SUM	     (-.5F) /* about what a sum of guesses gains */
#define REPEAT		     1.F

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
	uint32_t taken = p->reply[ESTIMATE_REPLY_RCPT], refused = reply_refusal(p);
	bool sure = reply_is_sure(p, ESTIMATE_REPLY_RCPT);
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
		return reply_gain((uint8_t)taken, x, 1);
	if (longer)
		return -1.F;
	return x->s + x->slack >= taken * 2 / 3 ? 1.2F : -.3F;
}

/* Recipients from the client's bytes alone. */
static uint32_t
count_by_lines(const struct estimate_path *p, const struct turn_shape *shape)
{
	uint32_t line = reply_line(p) != 0 ? reply_line(p) : RCPT_LINE_TYPICAL;
	uint32_t n = (shape->commands + line / 2) / line;

	if (shape->hidden || n < 1)
		return 1;
	return n > COUNT_MAX ? COUNT_MAX : n;
}

/* How badly n lines fit the client's bytes; lines of one session are alike, those of many are not. */
static float
line_cost(const struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape,
    uint32_t n)
{
	float line = reply_line(p) != 0 ? (float)reply_line(p) : RCPT_LINE_TYPICAL;
	float sigma = (reply_line(p) != 0 ? .15F : .3F) + .6F / (float)n;
	float ln, z;

	if (shape->hidden)
		return 0;
	ln = logf(((float)shape->commands + 1) / ((float)n * line));
	if (reply_line(p) == 0 && x->dsn && ln > LN_ORCPT / 2)
		ln -= LN_ORCPT;
	z = ln / sigma;
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

/* The server said that there is nobody to take the message, in a record of its own. */
static bool
is_nobody(const struct estimate_path *p, const struct exchange *x)
{
	uint32_t known = p->reply[ESTIMATE_REPLY_LAST] + x->last_slack;

	if (x->last == 0 || x->server->nobody == 0)
		return false;
	if (x->server->repeats != 0 &&
	    x->last + x->last_slack >= x->server->repeats + (uint32_t)REFUSAL_MIN &&
	    x->last <= x->server->repeats + (uint32_t)REFUSAL_REPEATED)
		return true;
	return x->last + x->last_slack >= x->server->nobody &&
	       x->last <= x->server->nobody + (uint32_t)x->last_slack && x->last + 4 < known;
}

/* The answer names the bytes of the body alone: without k lines that may be a digit less. */
static int32_t
off_without_lines(const struct exchange *x, uint32_t k, int32_t off)
{
	uint32_t lines = MAIL_LINE_TYPICAL + RCPT_LINE_TYPICAL * k;
	int32_t other =
	    off + reply_digits(x, x->c) - reply_digits(x, x->c > lines ? x->c - lines : 1);

	return abs(other) < abs(off) ? other : off;
}

/* The server took the message, and said so in a record of its own. */
static bool
is_success(const struct estimate_path *p, const struct exchange *x)
{
	int32_t want = p->reply[ESTIMATE_REPLY_LAST] + reply_digits(x, x->c);
	int32_t off = (int32_t)x->last - want, near = SUCCESS_NEAR + (int32_t)x->last_slack;

	return x->last != 0 && x->server->digits != 0 && reply_is_known(p, ESTIMATE_REPLY_LAST) &&
	       off <= near && off >= -near && !is_nobody(p, x);
}

/* Of a sum that is `off` bytes longer than expected, with such a standard deviation of what varies in it. */
static float
spread_gain(int32_t off, uint32_t slack, float spread)
{
	float z = (float)abs(off) > (float)slack ? ((float)abs(off) - (float)slack) / spread : 0;

	return 2.F - logf(1 + 1.5F * spread) - .5F * z * z;
}

/* How likely the answer is off by so many bytes from the sum of its replies. */
static float
sum_gain(const struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape,
    int32_t off)
{
	bool sure = (p->guessed & shape->replies & BODY_REPLIES) == 0;
	/* A chunk's answer names its size, and no more. */
	bool body = (shape->replies & (1U << ESTIMATE_REPLY_BODY | 1U << ESTIMATE_REPLY_LAST)) != 0;
	float spread = body || x->server->spread <= 0 ? x->server->spread : CHUNK_SPREAD;
	float gain, longer;

	if ((shape->replies & BODY_REPLIES) == 0 || spread <= 0)
		return (uint32_t)abs(off) <= x->slack ? 2.F : SURE_SUM_MISSED;
	gain = spread_gain(off, x->slack, sure || off < 0 ? spread : 1.5F * spread);
	if (!sure && (shape->replies & 1U << ESTIMATE_REPLY_LAST) != 0) {
		longer = spread_gain(off - x->server->longer, x->slack, spread) - 1;
		gain = longer > gain ? longer : gain;
	}
	return gain < SURE_SUM_MISSED ? SURE_SUM_MISSED : gain;
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
	int32_t more;
	struct split out = {.accepted = 1, .gain = guess || shape->hidden ? -1.F : -2.5F};

	/* The answer to a body has sizes, times and names of varying length in it. */
	for (unsigned i = ESTIMATE_REPLY_BODY; i <= ESTIMATE_REPLY_LAST; i++)
		vary += (shape->replies & 1U << i) != 0 ? p->reply[i] / 12U : 0;

	k = k > COUNT_MAX ? COUNT_MAX : k;
	if (k < 1) { /* not even one reply */
		/* Or the session's first sums were shared out wrongly. */
		if ((p->guessed & 1U << ESTIMATE_REPLY_RCPT) != 0)
			out.gain -= shape->hidden ? 1.25F : 1.5F;
		else
			out.gain = SUM_TOO_SHORT;
		return out;
	}
	if (2 * x->slack >= each) { /* several fit: the fewest that lines of 100 bytes allow */
		uint32_t low = rest > x->slack ? (rest - x->slack + each - 1) / each : 1;
		uint32_t lines = (shape->commands + RCPT_LINE_MOST - 1) / RCPT_LINE_MOST;

		low = low < lines ? lines : low;
		k = low >= 1 && low < k ? low : k;
	}
	off = rest > k * each ? rest - k * each : k * each - rest;
	more = (int32_t)rest - (int32_t)(k * each);
	if ((shape->replies & 1U << ESTIMATE_REPLY_LAST) != 0)
		more = off_without_lines(x, k, more);
	if ((p->guessed & ~BODY_REPLIES & (shape->replies | 1U << ESTIMATE_REPLY_RCPT)) == 0)
		out.gain = sum_gain(p, x, shape, more);
	else if (off <= x->slack)
		out.gain = 1.5F;
	else if (off <= 3 + vary + x->slack)
		out.gain = .5F;
	else if (off * 10 <= rest)
		out.gain = .3F; /* a guess of `each` is off by a byte or two */
	if (2 * x->slack >= each && out.gain > 0)
		out.gain = 0;
	if (k > most || (shape->hidden && x->c < MAIL_LINE_TYPICAL + 25 * k))
		out.gain -= 4;
	else if (shape->hidden && k > 1 &&
		 x->c < HEADER_LEAST + MAIL_LINE_TYPICAL + RCPT_LINE_TYPICAL * k)
		out.gain -= 1.5F;
	if (shape->hidden && is_nobody(p, x) && (shape->replies & BODY_REPLIES) != 0)
		out.gain += NOBODY_THERE;
	out.gain += count_cost(k);
	if (!shape->hidden)
		out.gain += line_cost(p, x, shape, k);
	else /* where lengths are a guess the number is one too, and must not decide */
		out.gain +=
		    (x->server->digits != 0 ? HIDDEN_COUNT : HIDDEN_COUNT_GUESSED) * logf((float)k);
	out.accepted = (uint16_t)k;
	return out;
}

/* What a refusal of `bytes` costs: it has the length of the ones before, or a plausible one. */
static float
refusal_cost(const struct estimate_path *p, const struct exchange *x, uint32_t bytes)
{
	uint32_t known = reply_refusal(p);
	float z;

	if (bytes < REFUSAL_MIN || bytes > REFUSAL_MAX)
		return -8;
	if (known != 0 && bytes + 12 >= known && bytes <= known + 12)
		return .5F;
	z = logf((float)bytes / (float)x->server->refusal) / .4F;
	return NEW_REFUSAL - .5F * z * z;
}

/* Some were refused: n lines tell the number, the surplus of the answer who of them. */
static struct split
split_mixed_of(const struct estimate_path *p, const struct exchange *x,
    const struct turn_shape *shape, uint32_t n, uint32_t fixed)
{
	uint32_t each = p->reply[ESTIMATE_REPLY_RCPT];
	uint32_t refusal = reply_refusal(p) != 0 ? reply_refusal(p) : x->server->refusal;
	uint32_t refused, surplus, of_one;
	struct split out = {.gain = -20};

	if (n < 1 || n > COUNT_MAX || x->s <= fixed + n * each || refusal <= each)
		return out;
	surplus = x->s - fixed - n * each;
	refused = (surplus + (refusal - each) / 2) / (refusal - each);
	if (refused < 1 || refused > n)
		return out;
	of_one = each + surplus / refused;
	out.refused = (uint16_t)refused;
	out.accepted = (uint16_t)(n - refused);
	out.refusal = (uint16_t)(of_one > UINT16_MAX ? UINT16_MAX : of_one);
	out.gain =
	    SOME_REFUSED + refusal_cost(p, x, of_one) + count_cost(n) + line_cost(p, x, shape, n);
	return out;
}

/* The refusals of the session, as long as they are known to be, and recipients beside them add up to the answer. */
static struct split
split_mixed_known(const struct estimate_path *p, const struct exchange *x,
    const struct turn_shape *shape, uint32_t fixed, uint32_t n, struct split best)
{
	uint32_t each = p->reply[ESTIMATE_REPLY_RCPT], refusal = reply_refusal(p);
	uint32_t from = n - n / 3, to = n + n / 3 + 1;

	to = to - from > MIXED_TRIES ? from + MIXED_TRIES : to;
	for (n = from; n <= to; n++) {
		uint32_t surplus = x->s > fixed + n * each ? x->s - fixed - n * each : 0;
		uint32_t refused = (surplus + (refusal - each) / 2) / (refusal - each);
		uint32_t sum = refused * (refusal - each);
		uint32_t off = surplus > sum ? surplus - sum : sum - surplus;
		float gain;

		if (refused < 1 || refused > n ||
		    off > 2 + ESTIMATE_REFUSED_UNIT * refused + x->slack)
			continue;
		gain = SOME_REFUSED + 1.5F + count_cost(n) + line_cost(p, x, shape, n);
		if (gain <= best.gain)
			continue;
		best = (struct split){.accepted = (uint16_t)(n - refused),
		    .refused = (uint16_t)refused,
		    .refusal = (uint16_t)refusal,
		    .gain = gain};
	}
	return best;
}

/* With lines of the length that was learned; else short ones, or long ones with ORCPT (RFC 3461). */
static struct split
split_mixed(const struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape,
    uint32_t fixed)
{
	uint32_t counts[2] = {count_by_lines(p, shape), 0};
	struct split out = {.gain = -20};

	if (reply_line(p) == 0 && x->dsn)
		counts[1] = (shape->commands + RCPT_LINE_ORCPT / 2) / RCPT_LINE_ORCPT;
	for (unsigned i = 0; i < 2; i++) {
		struct split other = split_mixed_of(p, x, shape, counts[i], fixed);

		if (other.gain > out.gain)
			out = other;
		if (counts[i] != 0 && reply_refusal(p) > p->reply[ESTIMATE_REPLY_RCPT])
			out = split_mixed_known(p, x, shape, fixed, counts[i], out);
	}
	return out;
}

/* The same beside a body, whose bytes hide the lines: only sums that come out count, the fewest refusals first. */
static struct split
split_mixed_hidden(const struct estimate_path *p, const struct exchange *x, uint32_t fixed)
{
	uint32_t each = p->reply[ESTIMATE_REPLY_RCPT], refusal = reply_refusal(p);
	struct split out = {.gain = -20};

	for (uint32_t r = 1; r <= REFUSALS_MAX && refusal != 0; r++) {
		uint32_t near = ESTIMATE_REFUSED_UNIT * r + 2 + x->slack, sum = fixed + r * refusal;
		uint32_t rest = x->s + near > sum ? x->s + near - sum : 0;
		uint32_t accepted = rest / each;

		if (rest == 0)
			break;
		if (rest % each > 2 * near || accepted > COUNT_MAX ||
		    x->c < MAIL_LINE_TYPICAL + RCPT_LINE_MIN * (accepted + r))
			continue;
		return (struct split){.accepted = (uint16_t)accepted,
		    .refused = (uint16_t)r,
		    .refusal = (uint16_t)refusal,
		    .gain = 0 + HIDDEN_COUNT * logf((float)(accepted + r))};
	}
	return out;
}

/*
 * More than all lines that the turn has room for would be answered with: some were refused, with replies of a length
 * that is not known, and at least so many.
 */
static struct split
split_overfull(const struct estimate_path *p, const struct exchange *x, uint32_t fixed)
{
	uint32_t each = p->reply[ESTIMATE_REPLY_RCPT];
	uint32_t room = x->c > HEADER_LEAST + MAIL_LINE_TYPICAL + RCPT_LINE_TYPICAL
			    ? (x->c - HEADER_LEAST - MAIL_LINE_TYPICAL) / RCPT_LINE_TYPICAL
			    : 1;
	uint32_t refusal = x->server->refusal, sum = fixed + room * each, refused;

	if (is_success(p, x) && refusal > each &&
	    x->s > x->last + p->reply[ESTIMATE_REPLY_MAIL] + refusal) {
		/* Not a whole number of acceptances: one at least was refused. */
		uint32_t rest = x->s - x->last - p->reply[ESTIMATE_REPLY_MAIL];

		if (rest % each > x->slack && rest / each <= COUNT_MAX)
			return (struct split){.accepted = (uint16_t)(1 + (rest - refusal) / each),
			    .refused = 1,
			    .gain = 0};
	}
	if (reply_refusal(p) != 0 || refusal <= each || x->s <= sum || room > COUNT_MAX)
		return (struct split){.gain = -20};
	refused = (x->s - sum + refusal - each - 1) / (refusal - each);
	if (refused >= room)
		return (struct split){.gain = -20};
	return (struct split){
	    .accepted = (uint16_t)(room - refused), .refused = (uint16_t)refused, .gain = OVERFULL};
}

/* An answer exactly as long as the newest one to a turn of the same kind: the kind is right. */
static float
repeat_gain(const struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape)
{
	return reply_is_repeat(p, x) && p->step_kind == reply_step_kind(shape)
		   ? REPEAT / (x->slack == 0 ? 1.F : 2.F)
		   : 0;
}

struct split
split_turn(const struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape)
{
	struct split taken, mixed;
	uint32_t fixed;
	bool guess;

	if (!reply_sum(p, x, shape, &fixed, &guess))
		return (struct split){.accepted = (uint16_t)count_by_lines(p, shape),
		    .gain = (shape->hidden ? UNKNOWN_SUM : 0) + repeat_gain(p, x, shape)};
	taken = split_taken(p, x, shape, fixed, guess);
	if (shape->hidden) {
		struct split overfull = split_overfull(p, x, fixed);

		mixed = split_mixed_hidden(p, x, fixed);
		mixed = overfull.gain > mixed.gain ? overfull : mixed;
	} else
		mixed = split_mixed(p, x, shape, fixed);
	if (guess && (p->guessed & 1U << ESTIMATE_REPLY_RCPT) != 0)
		mixed.gain -= GUESSED_REFUSAL;
	if (mixed.gain > taken.gain && mixed.accepted > 0)
		return mixed;
	taken.gain += repeat_gain(p, x, shape);
	return taken;
}

/* r refusals and the answer to DATA or BDAT that there is nobody: how long is one? 0 = that cannot be. */
static uint32_t
refusal_of(const struct estimate_path *p, const struct exchange *x, uint32_t r, bool alike)
{
	uint32_t nobody = alike ? x->server->repeats : x->server->nobody;
	uint32_t fixed = nobody + p->reply[ESTIMATE_REPLY_MAIL];
	uint32_t shares = r + alike, rest = x->s > fixed ? x->s - fixed : 0;

	return alike && rest % shares > x->slack ? 0 : rest / shares;
}

/* A last record of its own that says so must have that length. */
static bool
is_last_nobody(const struct estimate_path *p, const struct exchange *x, bool alike, uint32_t each)
{
	uint32_t want = alike ? x->server->repeats + each : x->server->nobody;

	return !is_nobody(p, x) ||
	       (x->last + x->last_slack >= want && x->last <= want + x->last_slack);
}

/* r refusals make the answer, their words once more at its end or not. */
static struct split
split_nobody_of(const struct estimate_path *p, const struct exchange *x,
    const struct turn_shape *shape, uint32_t r, bool alike)
{
	uint32_t each = refusal_of(p, x, r, alike);
	struct split out = {.refused = (uint16_t)r, .refusal = (uint16_t)each, .gain = -20};

	if (each == 0 || !is_last_nobody(p, x, alike, each))
		return out;
	out.gain = refusal_cost(p, x, each) - .3F * logf((float)r) + line_cost(p, x, shape, r);
	if (is_nobody(p, x))
		out.gain += NOBODY_SAID;
	return out;
}

/* All were refused, by a server whose words then are known. */
static struct split
split_nobody(
    const struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape)
{
	uint32_t known = reply_refusal(p), typical = x->server->refusal;
	uint32_t longest = 4 * (known > typical ? known : typical);
	uint32_t shortest = (known != 0 && known < typical ? known : typical) / 4;
	uint32_t least = x->s / (longest + 1), most = x->s / (shortest + 1);
	struct split out = {.refused = 1, .gain = -20};

	if (!shape->hidden && most > shape->commands / RCPT_LINE_MIN)
		most = shape->commands / RCPT_LINE_MIN;
	if (!shape->hidden && least < shape->commands / RCPT_LINE_MOST)
		least = shape->commands / RCPT_LINE_MOST;
	least = least < 1 ? 1 : least;
	most = most > least + REFUSALS_MAX ? least + REFUSALS_MAX : most;
	for (uint32_t r = least; r <= most; r++)
		for (unsigned alike = 0; alike < (x->server->repeats != 0 ? 2U : 1U); alike++) {
			struct split other = split_nobody_of(p, x, shape, r, alike);

			if (other.gain > out.gain)
				out = other;
		}
	return out;
}

struct split
split_refused(
    const struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape)
{
	uint32_t n = count_by_lines(p, shape), mail = p->reply[ESTIMATE_REPLY_MAIL];
	/* RCPTs and what came behind them got one refusal each. */
	uint32_t each = x->s > mail ? (x->s - mail) / (n + 1) : 0;
	struct split taken;
	struct split out = {.refused = (uint16_t)n, .gain = -.5F};

	if (is_success(p, x))
		return (struct split){.refused = 1, .gain = -8};
	if (x->server->nobody != 0 && reply_is_known(p, ESTIMATE_REPLY_MAIL))
		return split_nobody(p, x, shape);
	taken = split_turn(p, x, shape);
	if (shape->hidden)
		out.gain -= 1;
	if (reply_refusal(p) !=
	    0) { /* of which one and a sentence that there is nobody make the rest */
		uint32_t known = reply_refusal(p), rest = x->s > mail ? x->s - mail : 0;
		uint32_t r = (rest + known - NOBODY_MOST) / known;

		if (r > 0 && r < COUNT_MAX && rest + 4 * r >= r * known + NOBODY_LEAST)
			return (struct split){
			    .refused = (uint16_t)r, .refusal = (uint16_t)known, .gain = .5F};
		out.gain -= 1;
	}
	if (each < REFUSAL_MIN || each > REFUSAL_MAX)
		out.gain -= 4;
	if (taken.refused == 0 && taken.gain > -1)
		out.gain -= 2;
	if (shape->hidden) {
		uint32_t known = reply_refusal(p) != 0 ? reply_refusal(p) : x->server->refusal;

		n = (x->s > mail + 40 ? x->s - mail - 40 + known / 2 : 0) / known;
		out.refused = (uint16_t)(n < 1 ? 1 : n > COUNT_MAX ? COUNT_MAX : n);
	}
	return out;
}
