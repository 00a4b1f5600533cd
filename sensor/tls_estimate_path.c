/* SPDX-License-Identifier: ISC */
/*
 * How a path goes on: what a turn would be in a state, how well that agrees with what the path knows, and what the
 * path counts and learns when it takes the turn so.  bulkhead-sensor and replay.
 */
#include "sensor/tls_estimate_path.h"
#include "sensor/tls_estimate_model.h"

#define COUNT_MAX	    UINT16_MAX
#define MAIL		    (1U << ESTIMATE_REPLY_MAIL)
#define DATA		    (1U << ESTIMATE_REPLY_DATA)
#define BODY		    (1U << ESTIMATE_REPLY_BODY)
#define CHUNK		    (1U << ESTIMATE_REPLY_CHUNK)
#define LAST		    (1U << ESTIMATE_REPLY_LAST)
#define SECOND_READING	    .5F	 /* more to assume */
#define OTHER_SERVER	    1.5F /* this one is known to answer differently */
#define LONG_TURN	    1000 /* bytes: no longer one segment */
#define LONG_ENVELOPE	    8	 /* recipients */
#define ENVELOPE_MOST	    100	 /* RFC 5321 section 4.5.3.1.8 */
#define ENVELOPE_RECORD_MIN 60
#define ENVELOPE_RECORD_MAX 4096 /* Exim's proxy reads so much, whatever it is */
#define BDAT_LINE	    14
#define CHUNK_REPLY_MORE    6  /* bytes that answers to chunks differ by at most */
#define QUIT_REPLY_MIN	    10 /* bytes of the answer to QUIT */
#define QUIT_REPLY_MAX	    80

/* What stands beside RCPTs in the turns of a state; false: nothing of that kind. */
static bool
state_turn(enum estimate_state state, const struct exchange *x, struct turn_shape *out)
{
	static const struct {
		uint8_t replies, commands; /* bytes of other commands */
		bool pipelined, hidden;
	} turns[ESTIMATE__STATES] = {
	    [ESTIMATE_ENVELOPE] = {MAIL | DATA, MAIL_LINE_TYPICAL + DATA_LINE, true, false},
	    [ESTIMATE_ENVELOPE_REFUSED] = {MAIL | DATA, MAIL_LINE_TYPICAL + DATA_LINE, true, false},
	    [ESTIMATE_ADDRESSES] = {MAIL, MAIL_LINE_TYPICAL, true, false},
	    [ESTIMATE_MORE] = {0, 0, true, false},
	    [ESTIMATE_MORE_DATA] = {DATA, DATA_LINE, true, false},
	    [ESTIMATE_BODY_ENVELOPE] = {MAIL | DATA | BODY, 0, true, true},
	    [ESTIMATE_BEGIN] = {MAIL | CHUNK, 0, true, true},
	    [ESTIMATE_ALL] = {MAIL | LAST, 0, true, true},
	    [ESTIMATE_ALL_REFUSED] = {MAIL | LAST, 0, true, true},
	};
	uint32_t other = turns[state].commands, bytes = x->c;
	bool hidden = turns[state].hidden;

	/* The envelope and BDAT, in a record of their own before the body's. */
	if (hidden && state != ESTIMATE_BODY_ENVELOPE && x->first >= ENVELOPE_RECORD_MIN &&
	    x->first < ENVELOPE_RECORD_MAX && x->c - x->first >= HEADER_LEAST) {
		hidden = false;
		bytes = x->first;
		other = MAIL_LINE_TYPICAL + BDAT_LINE;
	}
	*out = (struct turn_shape){.replies = turns[state].replies,
	    .hidden = hidden,
	    .commands = bytes > other + RCPT_LINE_MIN ? bytes - other : RCPT_LINE_MIN};
	return turns[state].pipelined;
}

/* The whole answer is about this turn's envelope and body. */
static struct reading
path_read_whole(const struct estimate_path *p, enum estimate_state to, const struct exchange *x)
{
	struct reading out, second;

	if (!state_turn(to, x, &out.shape))
		return (struct reading){0};
	if (to == ESTIMATE_ENVELOPE_REFUSED || to == ESTIMATE_ALL_REFUSED) {
		out.split = split_refused(p, x, &out.shape);
		return out;
	}
	out.split = split_turn(p, x, &out.shape);
	if (to != ESTIMATE_BEGIN && (to != ESTIMATE_ALL || reply_is_sure(p, ESTIMATE_REPLY_LAST)))
		return out;
	/*
	 * Servers differ in what they say here, so both readings are weighed: the envelope may have been answered
	 * while the client was sending the body, and the last chunk like the dot after DATA.
	 */
	second.shape = out.shape;
	second.shape.replies = to == ESTIMATE_BEGIN ? MAIL : MAIL | BODY;
	second.split = split_turn(p, x, &second.shape);
	second.split.gain -= to == ESTIMATE_BEGIN     ? SECOND_READING
			     : x->server->digits != 0 ? OTHER_SERVER
						      : 0;
	return second.split.gain > out.split.gain ? second : out;
}

/* The exchange without the answer to a QUIT at its end. */
static struct exchange
without_bye(const struct exchange *x, uint32_t bye)
{
	struct exchange out = *x;

	out.s -= bye;
	out.last = x->last > bye + x->last_slack ? x->last - bye : 0;
	return out;
}

struct reading
estimate_path_read(const struct estimate_path *p, enum estimate_state to, const struct exchange *x)
{
	struct reading out = path_read_whole(p, to, x), second;
	struct exchange shorter;

	if (x->bye == 0 || x->s <= x->bye || (to != ESTIMATE_ALL && to != ESTIMATE_ALL_REFUSED))
		return out;
	shorter = without_bye(x, x->bye);
	second = path_read_whole(p, to, &shorter);
	second.split.bye = (uint16_t)x->bye;
	return second.split.gain > out.split.gain ? second : out;
}

/* The answer to a body, perhaps with the answer to a QUIT glued to it ("221 2.0.0 Bye" and longer). */
static float
body_gain(const struct estimate_path *p, enum estimate_reply reply, const struct exchange *x)
{
	uint32_t known = p->reply[reply];

	if (known != 0 && (x->bye != 0 || x->goodbye == 0) && x->s >= known + QUIT_REPLY_MIN &&
	    x->s <= known + QUIT_REPLY_MAX)
		return .5F;
	return reply_gain((uint8_t)known, x, 4);
}

/* The answer to DATA, which a server always gives alike. */
static float
data_gain(const struct estimate_path *p, const struct exchange *x)
{
	float gain = reply_gain(p->reply[ESTIMATE_REPLY_DATA], x, 1);

	if (p->open == 0)
		return -2.5F;
	return gain < 0 && reply_is_sure(p, ESTIMATE_REPLY_DATA) ? -2.F : gain;
}

/*
 * Chunks of one message have one size, but for the last, and Exim's first, which has the header section.  Where the
 * server's words are known, the answer before was that to a chunk and not to a message.
 */
static float
next_chunk_gain(const struct estimate *s, const struct estimate_path *p, const struct exchange *x)
{
	int more = p->reply[ESTIMATE_REPLY_LAST] - p->reply[ESTIMATE_REPLY_CHUNK];

	if (x->server->digits != 0)
		return more > CHUNK_REPLY_MORE + (int)x->slack ? -4.F
		       : more < -CHUNK_REPLY_MORE	       ? -2.F
							       : 0;
	return x->c > s->chunk_bytes + s->chunk_bytes / 16 ? -5.F : 0;
}

/* A turn is interrupted by answers only when it is long. */
static float
more_cost(const struct estimate *s, const struct estimate_path *p, enum estimate_state to)
{
	if (to != ESTIMATE_MORE && to != ESTIMATE_MORE_DATA)
		return 0;
	if (p->open < LONG_ENVELOPE || p->open > ENVELOPE_MOST || s->chunk_bytes < LONG_TURN)
		return -5;
	return 0;
}

/* One reply: 1.5, a refusal 2 (split_recipient_gain).  A sum: 2, and 1 when it comes again (split_turn). */
#define SUM_MOST    3.F
#define NOBODY_MOST 2.5F
const float estimate_path_gain_most[ESTIMATE__STATES] = {
    [ESTIMATE_MAIL] = 1.5F,
    [ESTIMATE_RCPT] = 1.5F,
    [ESTIMATE_RCPT_REFUSED] = 2.F,
    [ESTIMATE_DATA] = 1.5F,
    [ESTIMATE_ENVELOPE] = SUM_MOST,
    [ESTIMATE_ENVELOPE_REFUSED] = NOBODY_MOST,
    [ESTIMATE_ADDRESSES] = SUM_MOST,
    [ESTIMATE_MORE] = SUM_MOST,
    [ESTIMATE_MORE_DATA] = SUM_MOST,
    [ESTIMATE_BODY] = 1.5F,
    [ESTIMATE_BODY_ENVELOPE] = SUM_MOST,
    [ESTIMATE_CHUNK] = 1.5F,
    [ESTIMATE_BEGIN] = SUM_MOST,
    [ESTIMATE_ALL] = SUM_MOST,
    [ESTIMATE_ALL_REFUSED] = NOBODY_MOST,
};

float
estimate_path_gain(const struct estimate *s, const struct estimate_path *p,
    enum estimate_state from, enum estimate_state to, const struct exchange *x,
    struct reading *reading)
{
	float gain;

	*reading = (struct reading){0};
	switch (to) {
	case ESTIMATE_MAIL:
		return reply_gain(p->reply[ESTIMATE_REPLY_MAIL], x, 1);
	case ESTIMATE_RCPT:
	case ESTIMATE_RCPT_REFUSED:
		return split_recipient_gain(p, to, x);
	case ESTIMATE_DATA:
		return data_gain(p, x);
	case ESTIMATE_BODY:
		return (p->open == 0 ? -6.F : 0) + body_gain(p, ESTIMATE_REPLY_BODY, x);
	case ESTIMATE_RSET: /* answered like MAIL ("250 2.0.0 Ok"); DATA is not */
		return p->reply[ESTIMATE_REPLY_MAIL] != 0 &&
			       x->s > 2U * p->reply[ESTIMATE_REPLY_MAIL] + x->slack
			   ? -2.F
			   : 0;
	case ESTIMATE_CHUNK:
		if (from == ESTIMATE_CHUNK)
			return next_chunk_gain(s, p, x);
		gain = body_gain(p, ESTIMATE_REPLY_LAST, x);
		if (from == ESTIMATE_BEGIN)
			gain += reply_parts_gain(p, x);
		return gain + (p->open == 0 ? -4.F : 0);
	case ESTIMATE_ALL:
		*reading = estimate_path_read(p, to, x);
		return reading->split.gain + reply_one_turn_gain(p, x);
	default:
		*reading = estimate_path_read(p, to, x);
		return reading->split.gain + more_cost(s, p, to);
	}
}

static void
count_add(uint16_t *count, uint32_t n)
{
	*count = (uint16_t)(*count + n > COUNT_MAX ? COUNT_MAX : *count + n);
}

void
estimate_path_count(struct estimate_path *p, uint32_t recipients, uint32_t bytes)
{
	count_add(&p->messages, 1);
	count_add(&p->recipients, recipients > 0 ? recipients : 1);
	p->bytes += bytes;
	p->typical_bytes = bytes;
	p->open = 0;
}

/* A transaction of so many recipients, named in so many bytes. */
static void
path_open(struct estimate_path *p, uint16_t recipients, uint32_t envelope)
{
	p->open = recipients;
	p->envelope = 0;
	count_add(&p->envelope, envelope);
}

/* Single commands. */
static void
path_enter_command(struct estimate_path *p, enum estimate_state to, const struct exchange *x)
{
	switch (to) {
	case ESTIMATE_MAIL:
		p->open = p->envelope = 0;
		reply_know(p, ESTIMATE_REPLY_MAIL, x->s);
		break;
	case ESTIMATE_RCPT:
		count_add(&p->open, 1);
		count_add(&p->envelope, x->c);
		reply_know(p, ESTIMATE_REPLY_RCPT, x->s);
		if (!p->hides)
			p->taken_line = (uint8_t)(x->c > UINT8_MAX ? 0 : x->c);
		break;
	case ESTIMATE_RCPT_REFUSED:
		count_add(&p->rejected, 1);
		reply_know(p, ESTIMATE_REPLY_REFUSED, x->s);
		break;
	case ESTIMATE_DATA:
		reply_know(p, ESTIMATE_REPLY_DATA, x->s);
		break;
	default:
		break;
	}
}

/* Turns with a body, or the end of one. */
static void
path_enter_body(struct estimate_path *p, enum estimate_state from, enum estimate_state to,
    const struct exchange *x, const struct split *split)
{
	/* Without an envelope of typical size. */
	uint32_t body_bytes = x->c > 100 ? x->c - 100 : x->c;

	switch (to) {
	case ESTIMATE_BEGIN:
		path_open(p, split->accepted, 0);
		p->typical_bytes = body_bytes;
		break;
	case ESTIMATE_BODY:
		reply_know(p, ESTIMATE_REPLY_BODY, x->s);
		estimate_path_count(p, p->open, x->c);
		break;
	case ESTIMATE_BODY_ENVELOPE:
		estimate_path_count(p, p->open, body_bytes);
		path_open(p, split->accepted, 0);
		break;
	case ESTIMATE_CHUNK:
		if (from == ESTIMATE_CHUNK) {
			p->bytes += x->c;
			p->typical_bytes += x->c;
		} else if (p->open > 0) { /* without a recipient BDAT is refused */
			reply_know_last(p, x, x->c);
			if (from == ESTIMATE_BEGIN)
				reply_took_parts(p, x);
			estimate_path_count(
			    p, p->open, x->c + (from == ESTIMATE_BEGIN ? p->typical_bytes : 0));
		}
		break;
	case ESTIMATE_ALL:
		p->envelope = 0;
		reply_took_one_turn(p, x);
		estimate_path_count(p, split->accepted, body_bytes);
		break;
	default:
		break;
	}
}

void
estimate_path_enter(struct estimate_path *p, enum estimate_state from, enum estimate_state to,
    const struct exchange *x, const struct reading *reading)
{
	const struct split *split = &reading->split;

	count_add(&p->rejected, split->refused);
	p->style = (unsigned)(p->style | tls_model_style[to]) & 15U;
	if (to == ESTIMATE_BEGIN || to == ESTIMATE_ALL)
		reply_hides(p);
	if (split->accepted > 0 || split->refused > 0) {
		struct exchange told = without_bye(x, split->bye);

		reply_learn(p, &told, &reading->shape, split);
	}
	switch (to) {
	case ESTIMATE_ENVELOPE:
	case ESTIMATE_ADDRESSES:
		path_open(p, split->accepted, x->c);
		break;
	case ESTIMATE_MORE:
	case ESTIMATE_MORE_DATA:
		count_add(&p->open, split->accepted);
		count_add(&p->envelope, x->c);
		break;
	case ESTIMATE_ENVELOPE_REFUSED:
		path_open(p, 0, x->c);
		break;
	default:
		path_enter_command(p, to, x);
		path_enter_body(p, from, to, x, split);
		break;
	}
}
