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

#include <math.h>
#include <string.h>

#define DEAD		  (-1e9F)
#define DEAD_BELOW	  (-60.F) /* a path so far behind the best never comes back */
#define COUNT_MAX	  UINT16_MAX
#define TURN_MAX	  (UINT32_C(1) << 30) /* bytes of one turn, saturating */
#define FIT_MIN		  (-30.F) /* of one exchange, so that one oddity does not decide */
#define SIX_BYTES	  6U	  /* "DATA", "QUIT" and "RSET" with CRLF */
#define NOT_SIX		  (-12.F)
#define CHUNK_REPLY_BYTES 25 /* to a BDAT that is not the last: "250 2.0.0 Ok: 428 bytes" */
#define QUIT_REPLY_MIN	  10 /* bytes of the answer to QUIT */
#define QUIT_REPLY_MAX	  80
#define REFUSAL_BYTES \
	110 /* a typical refusal of a recipient, e.g. Postfix "550 5.1.1 <...>: ..." */

/* Bytes on the wire of one command line, as clients write them. */
#define RCPT_LINE_MIN	  18
#define RCPT_LINE_TYPICAL 34
#define RCPT_LINE_MAX	  120
#define MAIL_LINE_TYPICAL 60

/* An exchange with what is computed once for all states and paths. */
struct exchange {
	uint32_t c, s; /* bytes, both >= 1 */
	uint32_t slack;
	bool six;
	float ln_c, ln_s;
	float emission[ESTIMATE__STATES];
};

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

static bool
state_has_envelope(enum estimate_state state)
{
	return state == ESTIMATE_ENVELOPE || state == ESTIMATE_ENVELOPE_REFUSED ||
	       state == ESTIMATE_ADDRESSES || state == ESTIMATE_BODY_ENVELOPE ||
	       state == ESTIMATE_ALL;
}

/* What the dialogue before TLS rules out: the server did not offer it. */
static float
state_offer_cost(const struct tls_hints *h, enum estimate_state state)
{
	float cost = 0;

	if (!h->ehlo_seen)
		return 0;
	if (!h->pipelining && state_has_envelope(state))
		cost -= 8;
	if (!h->chunking &&
	    (state == ESTIMATE_CHUNK || state == ESTIMATE_BEGIN || state == ESTIMATE_ALL))
		cost -= 8;
	return cost;
}

/* A reply of a length that the path knows came again, or did not. */
static float
reply_gain(uint8_t known, const struct exchange *x, uint32_t tolerance)
{
	uint32_t off = x->s > known ? x->s - known : known - x->s;

	if (known == 0 || known == UINT8_MAX)
		return 0;
	if (off > tolerance + x->slack)
		return -.7F;
	return x->slack == 0 ? 1.5F : .7F;
}

/* What a state tells of the client's habits. */
static uint8_t
state_style(enum estimate_state state)
{
	switch (state) {
	case ESTIMATE_MAIL:
	case ESTIMATE_RCPT:
	case ESTIMATE_RCPT_REFUSED:
		return ESTIMATE_STYLE_STEPS;
	case ESTIMATE_DATA:
	case ESTIMATE_BODY:
		return ESTIMATE_STYLE_DATA;
	case ESTIMATE_ENVELOPE:
	case ESTIMATE_ENVELOPE_REFUSED:
	case ESTIMATE_BODY_ENVELOPE:
		return ESTIMATE_STYLE_PIPELINED | ESTIMATE_STYLE_DATA;
	case ESTIMATE_ADDRESSES:
		return ESTIMATE_STYLE_PIPELINED;
	case ESTIMATE_CHUNK:
		return ESTIMATE_STYLE_BDAT;
	case ESTIMATE_BEGIN:
	case ESTIMATE_ALL:
		return ESTIMATE_STYLE_PIPELINED | ESTIMATE_STYLE_BDAT;
	default:
		return 0;
	}
}

/* Cost of a habit that the path's client did not show before. */
static float
style_cost(uint8_t seen, enum estimate_state to)
{
	uint8_t both = (uint8_t)(seen | state_style(to));
	float cost = 0;

	if (both == seen)
		return 0;
	if ((both & ESTIMATE_STYLE_STEPS) != 0 && (both & ESTIMATE_STYLE_PIPELINED) != 0)
		cost -= 2;
	if ((both & ESTIMATE_STYLE_DATA) != 0 && (both & ESTIMATE_STYLE_BDAT) != 0)
		cost -= 2;
	return cost;
}

/* How the answer to a pipelined turn splits into replies. */
struct split {
	uint16_t accepted, refused;
	float gain;
};

/* Recipients from the client's bytes alone. */
static uint32_t
split_guess(uint32_t envelope_bytes)
{
	if (envelope_bytes < MAIL_LINE_TYPICAL + 2 * RCPT_LINE_TYPICAL)
		return 1;
	return (envelope_bytes - MAIL_LINE_TYPICAL) / RCPT_LINE_TYPICAL;
}

/* How badly a turn of `bytes` fits n recipients: their lines are mostly of 25 to 75 bytes. */
static float
split_line_cost(uint32_t bytes, uint32_t n)
{
	float expected = MAIL_LINE_TYPICAL + (float)n * RCPT_LINE_TYPICAL;
	float z = ((float)bytes - expected) / (20.F + 12.F * (float)n);

	return -.5F * z * z;
}

/*
 * The turn was answered by x->s bytes: replies of together `fixed` bytes (0: not known) and one for
 * each recipient.  Either all recipients were taken, and the answer tells their number; or some
 * were refused, with longer replies, and the client's bytes tell the number.  `pure`: the turn is
 * nothing but commands.
 */
static struct split
split_replies(const struct estimate_path *p, const struct exchange *x, uint32_t fixed, bool pure)
{
	uint32_t guess = pure ? split_guess(x->c) : 1;
	uint32_t most = x->c / RCPT_LINE_MIN;
	uint32_t each = p->reply[ESTIMATE_REPLY_RCPT];
	struct split out = {.accepted = (uint16_t)(guess > COUNT_MAX ? COUNT_MAX : guess)};
	uint32_t rest, k, off, refused;

	if (fixed == 0 || each == 0 || each == UINT8_MAX)
		return out;
	rest = x->s > fixed ? x->s - fixed : 0;
	k = (rest + each / 2) / each;
	off = rest > k * each ? rest - k * each : k * each - rest;
	out.gain = p->guessed ? -.7F : -1.5F;
	if (k >= 1 && k <= most && k <= COUNT_MAX) {
		float gain = off <= x->slack ? 2.F : off <= 3 + x->slack ? .5F : out.gain;

		if (p->guessed && gain < .3F && off * 10 <= rest)
			gain = .3F; /* a guess of `each` is off by a byte or two */

		if (2 * x->slack >= each)
			gain = 0;
		else if (p->guessed && gain > 1.5F)
			gain = 1.5F;
		if (pure)
			gain += split_line_cost(x->c, k);
		if (!pure || gain >= out.gain) {
			/* While lengths are a guess, the client's bytes count as much. */
			out.accepted = (uint16_t)(p->guessed && pure ? (k + guess + 1) / 2 : k);
			out.gain = gain;
			return out;
		}
	}
	if (pure && rest > guess * each + REFUSAL_BYTES / 4 && each < REFUSAL_BYTES / 2) {
		refused =
		    (rest - guess * each + (REFUSAL_BYTES - each) / 2) / (REFUSAL_BYTES - each);
		refused = refused > guess ? guess : refused;
		refused = refused > COUNT_MAX ? COUNT_MAX : refused;
		out.refused = (uint16_t)refused;
		out.accepted = (uint16_t)(out.accepted > refused ? out.accepted - refused : 0);
	}
	return out;
}

/* Sum of reply lengths that the path knows; 0 when one of them is unknown. */
static uint32_t
path_known(const struct estimate_path *p, enum estimate_reply a, enum estimate_reply b)
{
	if (p->reply[a] == 0 || p->reply[b] == 0)
		return 0;
	return a == b ? p->reply[a] : (uint32_t)p->reply[a] + p->reply[b];
}

/* The split of the exchange when the path goes to `to`; zeroes for states without an envelope. */
static struct split
path_split(const struct estimate_path *p, enum estimate_state to, const struct exchange *x)
{
	uint32_t mail_data = path_known(p, ESTIMATE_REPLY_MAIL, ESTIMATE_REPLY_DATA);
	uint32_t body = p->reply[ESTIMATE_REPLY_BODY];
	struct split all;

	switch (to) {
	case ESTIMATE_ENVELOPE:
		return split_replies(p, x, mail_data, true);
	case ESTIMATE_ADDRESSES:
		return split_replies(
		    p, x, path_known(p, ESTIMATE_REPLY_MAIL, ESTIMATE_REPLY_MAIL), true);
	case ESTIMATE_BODY_ENVELOPE:
		return split_replies(
		    p, x, mail_data != 0 && body != 0 ? mail_data + body : 0, false);
	case ESTIMATE_ALL:
		return split_replies(
		    p, x, path_known(p, ESTIMATE_REPLY_MAIL, ESTIMATE_REPLY_BODY), false);
	case ESTIMATE_BEGIN:
		body = path_known(p, ESTIMATE_REPLY_MAIL, ESTIMATE_REPLY_MAIL);
		return split_replies(p, x, body != 0 ? body + CHUNK_REPLY_BYTES : 0, false);
	case ESTIMATE_ENVELOPE_REFUSED:
		all = split_replies(p, x, mail_data, true);
		return (struct split){.refused = (uint16_t)(split_guess(x->c) & COUNT_MAX),
		    .gain = all.refused == 0 && all.gain > 0 ? -2.F : -.5F};
	default:
		return (struct split){0};
	}
}

/* The answer to a body, perhaps with the answer to a QUIT glued to it ("221 2.0.0 Bye" and longer). */
static float
body_gain(const struct estimate_path *p, const struct exchange *x)
{
	uint32_t known = p->reply[ESTIMATE_REPLY_BODY];

	if (known != 0 && x->s >= known + QUIT_REPLY_MIN && x->s <= known + QUIT_REPLY_MAX)
		return .5F;
	return reply_gain((uint8_t)known, x, 4);
}

/*
 * Was a recipient taken or refused?  Taken ones have the length of the taken ones before, or about
 * that of the answer to MAIL; refusals are longer ("250 2.1.5 Ok" against "550 5.1.1 <...>:
 * Recipient address rejected").
 */
static float
recipient_gain(const struct estimate_path *p, enum estimate_state to, const struct exchange *x)
{
	uint32_t taken = p->reply[ESTIMATE_REPLY_RCPT];
	bool sure = taken != 0 && !p->guessed;
	bool longer;

	if (!sure)
		taken = p->reply[ESTIMATE_REPLY_MAIL];
	if (taken == 0 || taken == UINT8_MAX)
		return 0;
	longer = x->s > (sure ? taken + taken / 2 : 2 * taken) + x->slack;
	if (to == ESTIMATE_RCPT_REFUSED)
		return longer ? 1.F : -4.F;
	if (sure)
		return reply_gain((uint8_t)taken, x, 1);
	if (longer)
		return -1.F;
	return x->s + x->slack >= taken * 2 / 3 ? 1.2F : -.3F;
}

/* Whether the path can go on to `to` with this exchange, beyond arc and shapes. */
static float
path_gain(const struct estimate *s, const struct estimate_path *p, enum estimate_state from,
    enum estimate_state to, const struct exchange *x)
{
	switch (to) {
	case ESTIMATE_MAIL:
		return reply_gain(p->reply[ESTIMATE_REPLY_MAIL], x, 1);
	case ESTIMATE_RCPT:
	case ESTIMATE_RCPT_REFUSED:
		return recipient_gain(p, to, x);
	case ESTIMATE_DATA:
		return (p->open == 0 ? -6.F : 0) + reply_gain(p->reply[ESTIMATE_REPLY_DATA], x, 1);
	case ESTIMATE_BODY:
		return body_gain(p, x);
	case ESTIMATE_RSET: /* answered like MAIL ("250 2.0.0 Ok"); DATA is not */
		return p->reply[ESTIMATE_REPLY_MAIL] != 0 &&
			       x->s > 2U * p->reply[ESTIMATE_REPLY_MAIL] + x->slack
			   ? -2.F
			   : 0;
	case ESTIMATE_CHUNK:
		/* Chunks of one message have one size, but for the last. */
		if (from == ESTIMATE_CHUNK)
			return x->c > s->chunk_bytes + s->chunk_bytes / 16 ? -5.F : 0;
		return (p->open == 0 ? -4.F : 0) + reply_gain(p->reply[ESTIMATE_REPLY_BODY], x, 4);
	default:
		return state_has_envelope(to) ? path_split(p, to, x).gain : 0;
	}
}

static uint8_t
reply_bytes(uint32_t s)
{
	return (uint8_t)(s > UINT8_MAX ? UINT8_MAX : s);
}

static void
count_add(uint16_t *count, uint32_t n)
{
	*count = (uint16_t)(*count + n > COUNT_MAX ? COUNT_MAX : *count + n);
}

/*
 * Guesses single reply lengths from the first pipelined answer: all much alike (Postfix 14, 14,
 * 37).  An answer that is shorter than the guess allows replaces it.  `last`: the reply beside
 * MAIL's and RCPT's, if any.
 */
static void
path_guess_replies(struct estimate_path *p, const struct exchange *x, uint32_t recipients, int last)
{
	uint32_t replies = recipients + (last < 0 ? 1 : 2);
	uint32_t each = x->s / replies;
	uint32_t known = (uint32_t)p->reply[ESTIMATE_REPLY_MAIL] +
			 (uint32_t)p->reply[ESTIMATE_REPLY_RCPT] + (last < 0 ? 0 : p->reply[last]);
	bool unknown = p->reply[ESTIMATE_REPLY_MAIL] == 0 || p->reply[ESTIMATE_REPLY_RCPT] == 0 ||
		       (last >= 0 && p->reply[last] == 0);

	if ((!unknown && (!p->guessed || x->s + x->slack + 3 >= known)) || each == 0 ||
	    each >= UINT8_MAX / 2)
		return;
	p->reply[ESTIMATE_REPLY_MAIL] = reply_bytes(each);
	p->reply[ESTIMATE_REPLY_RCPT] = reply_bytes(each);
	if (last >= 0)
		p->reply[last] = reply_bytes(x->s - (replies - 1) * each);
	p->guessed = true;
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

/* The path's counters after the exchange in state `to`. */
static void
path_enter(struct estimate_path *p, enum estimate_state from, enum estimate_state to,
    const struct exchange *x)
{
	struct split split = path_split(p, to, x);
	uint32_t body_bytes =
	    x->c > 100 ? x->c - 100 : x->c; /* without an envelope of typical size */

	count_add(&p->rejected, split.refused);
	p->style |= state_style(to);
	switch (to) {
	case ESTIMATE_MAIL:
		p->open = p->envelope = 0;
		p->reply[ESTIMATE_REPLY_MAIL] = reply_bytes(x->s);
		break;
	case ESTIMATE_RCPT:
		count_add(&p->open, 1);
		count_add(&p->envelope, x->c);
		p->reply[ESTIMATE_REPLY_RCPT] = reply_bytes(x->s);
		break;
	case ESTIMATE_RCPT_REFUSED:
		count_add(&p->rejected, 1);
		break;
	case ESTIMATE_DATA:
		p->reply[ESTIMATE_REPLY_DATA] = reply_bytes(x->s);
		break;
	case ESTIMATE_ENVELOPE:
		path_guess_replies(p, x, split.accepted, ESTIMATE_REPLY_DATA);
		path_open(p, split.accepted, x->c);
		break;
	case ESTIMATE_ADDRESSES:
		path_guess_replies(p, x, split.accepted, -1);
		path_open(p, split.accepted, x->c);
		break;
	case ESTIMATE_BEGIN:
		path_open(p, split.accepted, 0);
		p->typical_bytes = body_bytes;
		break;
	case ESTIMATE_ENVELOPE_REFUSED:
		path_open(p, split.accepted, x->c);
		break;
	case ESTIMATE_BODY:
		p->reply[ESTIMATE_REPLY_BODY] = reply_bytes(x->s);
		path_count_message(p, p->open, x->c);
		break;
	case ESTIMATE_BODY_ENVELOPE:
		path_count_message(p, p->open, body_bytes);
		path_open(p, split.accepted, 0);
		break;
	case ESTIMATE_CHUNK:
		if (from == ESTIMATE_CHUNK) {
			p->bytes += x->c;
			p->typical_bytes += x->c;
		} else if (p->open > 0) { /* without a recipient BDAT is refused */
			p->reply[ESTIMATE_REPLY_BODY] = reply_bytes(x->s);
			path_count_message(
			    p, p->open, x->c + (from == ESTIMATE_BEGIN ? p->typical_bytes : 0));
		}
		break;
	case ESTIMATE_ALL:
		path_guess_replies(p, x, 1, ESTIMATE_REPLY_BODY);
		p->envelope = 0;
		if (split.accepted > 0)
			path_count_message(p, split.accepted, body_bytes);
		break;
	default:
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
		x.emission[i] = state_emission(s, i, &x) + state_offer_cost(&s->hints, i);
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
		for (unsigned i = 0; i < ESTIMATE__STATES; i++)
			memcpy(
			    s->path[i].reply, tls_model_replies[hints->family], ESTIMATE__REPLIES);
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
	turn_add(&s->client_bytes, &s->client_records, &s->client_slack, bytes, slack);
	return changed;
}

void
estimate_gap(struct estimate *s)
{
	s->disorder = true;
}

void
estimate_finish(struct estimate *s)
{
	if (s->client_records > 0 && s->server_records > 0)
		estimate_step(s);
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
