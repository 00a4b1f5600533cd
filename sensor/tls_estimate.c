/* SPDX-License-Identifier: ISC */
/*
 * Messages and recipients from the lengths of turns under TLS: on-line Viterbi over the SMTP
 * dialogue. bulkhead-sensor and replay.
 *
 * An exchange is what the client sent (C bytes of plaintext) and what the server answered (S
 * bytes).  A state says how likely C and S are (log-normal shapes), an arc how likely it follows
 * another state.  A path also knows reply lengths (from the greeting's family, or learned on its
 * way) and gains when they come again.
 */
#include "sensor/tls_estimate.h"
#include "sensor/tls_estimate_model.h"
#include "sensor/tls_estimate_split.h"

#include <math.h>
#include <string.h>

#define DEAD	       (-1e9F)
#define DEAD_BELOW     (-60.F) /* a path so far behind the best never comes back */
#define COUNT_MAX      UINT16_MAX
#define MAIL	       (1U << ESTIMATE_REPLY_MAIL)
#define DATA	       (1U << ESTIMATE_REPLY_DATA)
#define BODY	       (1U << ESTIMATE_REPLY_BODY)
#define CHUNK	       (1U << ESTIMATE_REPLY_CHUNK)
#define LAST	       (1U << ESTIMATE_REPLY_LAST)
#define TURN_MAX       (UINT32_C(1) << 30) /* bytes of one turn, saturating */
#define FIT_MIN	       (-30.F)		   /* of one exchange, so that one oddity does not decide */
#define REPLIES_ALL    ((1U << ESTIMATE__REPLIES) - 1)
#define SECOND_READING .5F /* more to assume */
#define SIX_BYTES      6U  /* "DATA", "QUIT" and "RSET" with CRLF */
#define NOT_SIX	       (-12.F)
#define LONG_TURN      1000 /* bytes: no longer one segment */
#define LONG_ENVELOPE  8    /* recipients */
#define ENVELOPE_MOST  100  /* RFC 5321 section 4.5.3.1.8 */
#define QUIT_REPLY_MIN 10   /* bytes of the answer to QUIT */
#define QUIT_REPLY_MAX 80

static float
shape_density(const struct shape *shape, float ln)
{
	float z = (ln - shape->mean) / shape->sigma;

	return -.5F * z * z + shape->weight;
}

/* Postfix's and Exim's "authentication succeeded", and the two questions of AUTH LOGIN. */
static bool
is_auth_reply(uint32_t bytes)
{
	return bytes == 37 || bytes == 30 || bytes == 18;
}

/* Log-likelihood of the exchange in a state, without what the path knows. */
static float
state_emission(const struct estimate *s, enum estimate_state state, const struct exchange *x)
{
	const struct state_row *row = &tls_model_states[state];
	float ll;

	if (row->rule == CLIENT_SIX)
		ll = (x->six ? 0 : NOT_SIX) + row->client.weight;
	else
		ll = shape_density(&row->client, x->ln_c);
	if (row->rule == CLIENT_LINE && x->six)
		ll -= 9;
	ll +=
	    shape_density(&row->server, row->answer == ANSWER_RATIO ? x->ln_s - x->ln_c : x->ln_s);
	if (x->c + x->slack < row->client_min)
		ll += row->short_cost;
	if (x->s + x->slack < row->server_min)
		ll += row->short_cost;
	if (state == ESTIMATE_AUTH && s->hints.port == 25) /* rare between servers */
		ll -= 2;
	if (state == ESTIMATE_AUTH && x->slack == 0 && is_auth_reply(x->s))
		ll += 1.5F;
	return ll;
}

/* Cost of a habit that the path's client did not show before. */
static float
style_cost(uint8_t seen, enum estimate_state to)
{
	uint8_t both = (uint8_t)(seen | tls_model_style(to));
	float cost = 0;

	if (both == seen)
		return 0;
	if ((both & ESTIMATE_STYLE_STEPS) != 0 && (both & ESTIMATE_STYLE_PIPELINED) != 0)
		cost -= 2;
	if ((both & ESTIMATE_STYLE_DATA) != 0 && (both & ESTIMATE_STYLE_BDAT) != 0)
		cost -= 2;
	return cost;
}

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
	uint32_t other = turns[state].commands;

	*out = (struct turn_shape){.replies = turns[state].replies,
	    .hidden = turns[state].hidden,
	    .commands = x->c > other + RCPT_LINE_MIN ? x->c - other : RCPT_LINE_MIN};
	return turns[state].pipelined;
}

/*
 * The split of the exchange when the path goes to `to`, and the shape that it was split by; zeroes
 * for states without an envelope.
 */
static struct split
path_split(const struct estimate_path *p, enum estimate_state to, const struct exchange *x,
    struct turn_shape *shape)
{
	struct turn_shape second;
	struct split out, other;

	if (!state_turn(to, x, shape))
		return (struct split){0};
	if (to == ESTIMATE_ENVELOPE_REFUSED || to == ESTIMATE_ALL_REFUSED)
		return split_refused(p, x, shape);
	out = split_turn(p, x, shape);
	if (to != ESTIMATE_BEGIN && (to != ESTIMATE_ALL || split_is_sure(p, ESTIMATE_REPLY_LAST)))
		return out;
	/*
	 * Servers differ in what they say here, so both readings are weighed: the envelope may have been answered
	 * while the client was sending the body, and the last chunk like the dot after DATA.
	 */
	second = *shape;
	second.replies = to == ESTIMATE_BEGIN ? MAIL : MAIL | BODY;
	other = split_turn(p, x, &second);
	other.gain -= to == ESTIMATE_BEGIN ? SECOND_READING : 0;
	if (other.gain <= out.gain)
		return out;
	*shape = second;
	return other;
}

/* The answer to a body, perhaps with the answer to a QUIT glued to it ("221 2.0.0 Bye" and longer). */
static float
body_gain(const struct estimate_path *p, enum estimate_reply reply, const struct exchange *x)
{
	uint32_t known = p->reply[reply];

	if (known != 0 && x->s >= known + QUIT_REPLY_MIN && x->s <= known + QUIT_REPLY_MAX)
		return .5F;
	return split_reply_gain((uint8_t)known, x, 4);
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

/* Whether the path can go on to `to` with this exchange, beyond arc and shapes. */
static float
path_gain(const struct estimate *s, const struct estimate_path *p, enum estimate_state from,
    enum estimate_state to, const struct exchange *x)
{
	struct turn_shape shape;
	float gain;

	switch (to) {
	case ESTIMATE_MAIL:
		return split_reply_gain(p->reply[ESTIMATE_REPLY_MAIL], x, 1);
	case ESTIMATE_RCPT:
	case ESTIMATE_RCPT_REFUSED:
		return split_recipient_gain(p, to, x);
	case ESTIMATE_DATA:
		return p->open == 0 ? -2.5F : split_reply_gain(p->reply[ESTIMATE_REPLY_DATA], x, 1);
	case ESTIMATE_BODY:
		return (p->open == 0 ? -6.F : 0) + body_gain(p, ESTIMATE_REPLY_BODY, x);
	case ESTIMATE_RSET: /* answered like MAIL ("250 2.0.0 Ok"); DATA is not */
		return p->reply[ESTIMATE_REPLY_MAIL] != 0 &&
			       x->s > 2U * p->reply[ESTIMATE_REPLY_MAIL] + x->slack
			   ? -2.F
			   : 0;
	case ESTIMATE_CHUNK:
		/* Chunks of one message have one size, but for the last. */
		if (from == ESTIMATE_CHUNK)
			return x->c > s->chunk_bytes + s->chunk_bytes / 16 ? -5.F : 0;
		gain = split_reply_gain(p->reply[ESTIMATE_REPLY_LAST], x, 4);
		if (from == ESTIMATE_BEGIN)
			gain += split_parts_gain(p, x);
		return gain + (p->open == 0 ? -4.F : 0);
	case ESTIMATE_ALL:
		return path_split(p, to, x, &shape).gain + split_one_turn_gain(p, x);
	default:
		return path_split(p, to, x, &shape).gain + more_cost(s, p, to);
	}
}

static void
count_add(uint16_t *count, uint32_t n)
{
	*count = (uint16_t)(*count + n > COUNT_MAX ? COUNT_MAX : *count + n);
}

static void
path_count_message(struct estimate_path *p, uint32_t recipients, uint32_t bytes)
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
		split_know(p, ESTIMATE_REPLY_MAIL, x->s);
		break;
	case ESTIMATE_RCPT:
		count_add(&p->open, 1);
		count_add(&p->envelope, x->c);
		split_know(p, ESTIMATE_REPLY_RCPT, x->s);
		if (!p->hides)
			p->taken_line = (uint8_t)(x->c > UINT8_MAX ? 0 : x->c);
		break;
	case ESTIMATE_RCPT_REFUSED:
		count_add(&p->rejected, 1);
		split_know(p, ESTIMATE_REPLY_REFUSED, x->s);
		break;
	case ESTIMATE_DATA:
		split_know(p, ESTIMATE_REPLY_DATA, x->s);
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
		split_know(p, ESTIMATE_REPLY_BODY, x->s);
		path_count_message(p, p->open, x->c);
		break;
	case ESTIMATE_BODY_ENVELOPE:
		path_count_message(p, p->open, body_bytes);
		path_open(p, split->accepted, 0);
		break;
	case ESTIMATE_CHUNK:
		if (from == ESTIMATE_CHUNK) {
			p->bytes += x->c;
			p->typical_bytes += x->c;
		} else if (p->open > 0) { /* without a recipient BDAT is refused */
			split_know(p, ESTIMATE_REPLY_LAST, x->s);
			if (from == ESTIMATE_BEGIN)
				split_took_parts(p, x);
			path_count_message(
			    p, p->open, x->c + (from == ESTIMATE_BEGIN ? p->typical_bytes : 0));
		}
		break;
	case ESTIMATE_ALL:
		p->envelope = 0;
		split_took_one_turn(p, x);
		path_count_message(p, split->accepted, body_bytes);
		break;
	default:
		break;
	}
}

/* The path's counters after the exchange in state `to`. */
static void
path_enter(struct estimate_path *p, enum estimate_state from, enum estimate_state to,
    const struct exchange *x)
{
	struct turn_shape shape;
	struct split split = path_split(p, to, x, &shape);

	count_add(&p->rejected, split.refused);
	p->style = (unsigned)(p->style | tls_model_style(to)) & 15U;
	if (to == ESTIMATE_BEGIN || to == ESTIMATE_ALL)
		split_hides(p);
	if (split.accepted > 0)
		split_learn(p, x, &shape, &split);
	switch (to) {
	case ESTIMATE_ENVELOPE:
	case ESTIMATE_ADDRESSES:
		path_open(p, split.accepted, x->c);
		break;
	case ESTIMATE_MORE:
	case ESTIMATE_MORE_DATA:
		count_add(&p->open, split.accepted);
		count_add(&p->envelope, x->c);
		break;
	case ESTIMATE_ENVELOPE_REFUSED:
		path_open(p, 0, x->c);
		break;
	default:
		path_enter_command(p, to, x);
		path_enter_body(p, from, to, x, &split);
		break;
	}
}

/* Totals take over what every living path has counted, so that paths can count in few bits. */
static void
estimate_rebase(struct estimate *s)
{
	struct estimate_path low = {.bytes = UINT32_MAX,
	    .messages = COUNT_MAX,
	    .recipients = COUNT_MAX,
	    .rejected = COUNT_MAX};

	for (unsigned i = 0; i < ESTIMATE__STATES; i++) {
		const struct estimate_path *p = &s->path[i];

		if (p->score <= DEAD)
			continue;
		low.bytes = p->bytes < low.bytes ? p->bytes : low.bytes;
		low.messages = p->messages < low.messages ? p->messages : low.messages;
		low.recipients = p->recipients < low.recipients ? p->recipients : low.recipients;
		low.rejected = p->rejected < low.rejected ? p->rejected : low.rejected;
	}
	for (unsigned i = 0; i < ESTIMATE__STATES; i++) {
		struct estimate_path *p = &s->path[i];

		if (p->score <= DEAD)
			continue;
		p->bytes -= low.bytes;
		p->messages = (uint16_t)(p->messages - low.messages);
		p->recipients = (uint16_t)(p->recipients - low.recipients);
		p->rejected = (uint16_t)(p->rejected - low.rejected);
	}
	s->bytes += low.bytes;
	s->messages += low.messages;
	s->recipients += low.recipients;
	s->rejected += low.rejected;
}

/* The likeliest way into each state. */
static void
estimate_advance(
    struct estimate *s, const struct exchange *x, struct estimate_path next[ESTIMATE__STATES])
{
	uint8_t from[ESTIMATE__STATES] = {0};
	float best[ESTIMATE__STATES];

	for (unsigned i = 0; i < ESTIMATE__STATES; i++)
		best[i] = DEAD;
	for (unsigned i = 0; i < tls_model_arc_count; i++) {
		const struct arc *a = &tls_model_arcs[i];
		const struct estimate_path *p = &s->path[a->from];
		float score;

		if (p->score <= DEAD)
			continue;
		score = p->score + a->cost + path_gain(s, p, a->from, a->to, x) +
			style_cost(p->style, a->to);
		if (score > best[a->to]) {
			best[a->to] = score;
			from[a->to] = a->from;
		}
	}
	for (unsigned i = 0; i < ESTIMATE__STATES; i++) {
		if (best[i] <= DEAD && !s->disorder) {
			next[i].score = DEAD;
			continue;
		}
		if (s->disorder && best[i] < -4.F) { /* from the likeliest state to any */
			from[i] = (uint8_t)estimate_likeliest(s);
			best[i] = -4.F;
		}
		next[i] = s->path[from[i]];
		path_enter(&next[i], from[i], i, x);
		next[i].score = best[i] + x->emission[i];
	}
}

/* The first exchange is EHLO, unless its beginning was lost. */
static void
estimate_begin(
    struct estimate *s, const struct exchange *x, struct estimate_path next[ESTIMATE__STATES])
{
	for (unsigned i = 0; i < ESTIMATE__STATES; i++) {
		next[i] = s->path[0];
		if (i != ESTIMATE_EHLO && !s->disorder) {
			next[i].score = DEAD;
			continue;
		}
		path_enter(&next[i], ESTIMATE_EHLO, i, x);
		next[i].score = x->emission[i];
	}
}

/* Scores the exchange in progress. */
static void
estimate_step(struct estimate *s)
{
	struct exchange x = {.c = s->client_bytes > 0 ? s->client_bytes : 1,
	    .s = s->server_bytes > 0 ? s->server_bytes : 1,
	    .slack = s->server_slack};
	struct estimate_path next[ESTIMATE__STATES];
	float top = DEAD;

	x.six = x.c <= SIX_BYTES + s->client_slack && x.c + s->client_slack >= SIX_BYTES;
	x.ln_c = logf((float)x.c);
	x.ln_s = logf((float)x.s);
	for (unsigned i = 0; i < ESTIMATE__STATES; i++)
		x.emission[i] = state_emission(s, i, &x) + tls_model_offer_cost(&s->hints, i);
	if (s->exchanges == 0)
		estimate_begin(s, &x, next);
	else
		estimate_advance(s, &x, next);
	for (unsigned i = 0; i < ESTIMATE__STATES; i++)
		top = next[i].score > top ? next[i].score : top;
	for (unsigned i = 0; i < ESTIMATE__STATES; i++) {
		next[i].score = next[i].score - top < DEAD_BELOW ? DEAD : next[i].score - top;
	}
	if (s->exchanges > 0)
		s->fit += top < FIT_MIN ? FIT_MIN : top;
	memcpy(s->path, next, sizeof(s->path));
	s->exchanges++;
	s->disorder = false;
	s->chunk_bytes = x.c;
	s->client_bytes = s->server_bytes = 0;
	s->client_records = s->server_records = 0;
	s->client_slack = s->server_slack = 0;
	estimate_rebase(s);
}

void
estimate_init(struct estimate *s, const struct tls_hints *hints)
{
	memset(s, 0, sizeof(*s));
	s->hints = *hints;
	if (hints->family < TLS_FAMILY__COUNT)
		for (unsigned i = 0; i < ESTIMATE__STATES; i++) {
			memcpy(
			    s->path[i].reply, tls_model_replies[hints->family], ESTIMATE__REPLIES);
			s->path[i].guessed =
			    tls_model_vary[hints->family] ? REPLIES_ALL : BODY | CHUNK | LAST;
		}
}

static void
turn_add(uint32_t *bytes, uint16_t *records, uint16_t *slack, uint32_t n, uint32_t n_slack)
{
	*bytes = n > TURN_MAX - *bytes ? TURN_MAX : *bytes + n;
	*records = (uint16_t)(*records < UINT16_MAX ? *records + 1 : *records);
	*slack = (uint16_t)(*slack + n_slack > UINT16_MAX / 2 ? UINT16_MAX / 2 : *slack + n_slack);
}

bool
estimate_record(struct estimate *s, enum tls_dir dir, uint32_t bytes, uint32_t slack)
{
	bool changed = true;

	if (dir == TLS_FROM_SERVER) {
		if (s->client_records == 0) /* tickets, or the greeting */
			return false;
		turn_add(&s->server_bytes, &s->server_records, &s->server_slack, bytes, slack);
		return true;
	}
	if (s->server_records > 0)
		estimate_step(s);
	else
		changed = false;
	s->leaving = false;
	turn_add(&s->client_bytes, &s->client_records, &s->client_slack, bytes, slack);
	return changed;
}

void
estimate_gap(struct estimate *s)
{
	s->disorder = true;
}

void
estimate_leave(struct estimate *s)
{
	s->leaving = true;
}

enum estimate_state
estimate_likeliest(const struct estimate *s)
{
	unsigned best = 0;

	for (unsigned i = 1; i < ESTIMATE__STATES; i++)
		if (s->path[i].score > s->path[best].score)
			best = i;
	return best;
}

/*
 * Exim puts QUIT behind its last message and closes the connection without waiting for the answers.  The server has
 * the message all the same; only its answer, and what that would have told of recipients, was never seen.
 */
static void
estimate_unanswered(struct estimate *s)
{
	static const unsigned expects_body = 1U << ESTIMATE_DATA | 1U << ESTIMATE_ENVELOPE |
					     1U << ESTIMATE_MORE_DATA | 1U << ESTIMATE_BEGIN |
					     1U << ESTIMATE_ADDRESSES | 1U << ESTIMATE_MORE |
					     1U << ESTIMATE_BODY_ENVELOPE;
	static const unsigned between = 1U << ESTIMATE_EHLO | 1U << ESTIMATE_AUTH |
					1U << ESTIMATE_CHUNK | 1U << ESTIMATE_ALL |
					1U << ESTIMATE_ALL_REFUSED | 1U << ESTIMATE_RSET;
	enum estimate_state at = estimate_likeliest(s);
	struct estimate_path *p = &s->path[at];

	if (s->client_bytes < tls_model_states[ESTIMATE_BODY].client_min + SIX_BYTES)
		return;
	if (p->open > 0 && (expects_body & 1U << at) != 0)
		path_count_message(p, p->open, s->client_bytes);
	else if ((between & 1U << at) != 0 && tls_model_offer_cost(&s->hints, ESTIMATE_ALL) >= 0 &&
		 (p->style & (ESTIMATE_STYLE_DATA | ESTIMATE_STYLE_STEPS)) == 0)
		path_count_message(p, 1, s->client_bytes); /* all in one turn */
}

void
estimate_finish(struct estimate *s)
{
	if (s->client_records > 0 && s->server_records > 0)
		estimate_step(s);
	else if (s->leaving && s->server_records == 0 && s->exchanges > 0 && !s->disorder)
		estimate_unanswered(s);
	s->leaving = false;
}

float
estimate_mean_fit(const struct estimate *s)
{
	return s->exchanges > 1 ? s->fit / (float)(s->exchanges - 1) : 0;
}

const char *
estimate_state_name(enum estimate_state state)
{
	return state < ESTIMATE__STATES ? tls_model_states[state].name : "";
}

void
estimate_get(const struct estimate *s, struct tls_estimate *out)
{
	struct estimate now = *s;
	const struct estimate_path *p;
	float fit;

	if (now.client_records > 0 && now.server_records > 0)
		estimate_step(&now);
	p = &now.path[estimate_likeliest(&now)];
	/* SMTP fits with about -1 per exchange (1 % below -2.9); HTTPS, shells and tunnels with
	 * -4.3 and worse. */
	fit = 1000.F + (estimate_mean_fit(&now) + 1.F) * 280.F;
	*out = (struct tls_estimate){.messages = now.messages + p->messages,
	    .recipients = now.recipients + p->recipients,
	    .recipients_rejected = now.rejected + p->rejected,
	    .bytes = now.bytes + p->bytes,
	    .typical_bytes = p->typical_bytes,
	    .envelope_bytes = p->envelope,
	    .confidence = (uint16_t)(fit < 0	    ? 0
				     : fit > 1000.F ? 1000.F
						    : fit)};
}
