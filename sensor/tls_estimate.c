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
#include "sensor/tls_estimate_path.h"

#include <math.h>
#include <string.h>

#define DEAD		 (-1e9F)
#define DEAD_BELOW	 (-60.F) /* a path so far behind the best never comes back */
#define JUMP		 (-4.F)	 /* from any state to any other, when bytes were lost */
#define ROUNDING	 .01F	 /* more than sums of scores are off by */
#define COUNT_MAX	 UINT16_MAX
#define TURN_MAX	 (UINT32_C(1) << 30) /* bytes of one turn, saturating */
#define FIT_MIN		 (-30.F) /* of one exchange, so that one oddity does not decide */
#define LEFT_BEFORE_BODY (-4.F)	 /* a client that closed in order had been through */
#define EXPECTS_BODY                                                                \
	(1U << ESTIMATE_DATA | 1U << ESTIMATE_ENVELOPE | 1U << ESTIMATE_MORE_DATA | \
	    1U << ESTIMATE_BEGIN | 1U << ESTIMATE_ADDRESSES | 1U << ESTIMATE_MORE | \
	    1U << ESTIMATE_BODY_ENVELOPE)
#define MAY_BE	      (-6.F) /* states so far behind the best are still thought of */
#define REFUSALS_TOLD 300.F  /* confidence: below, what does not fit others' words is no refusal */
#define LONG_ANSWER   (-1.F)
#define SUMS	      (1U << ESTIMATE_ALL | 1U << ESTIMATE_ALL_REFUSED | 1U << ESTIMATE_BEGIN)
#define SIX_BYTES     6U /* "DATA", "QUIT" and "RSET" with CRLF */
#define NOT_SIX	      (-12.F)

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
	float ll, density, answer = row->answer == ANSWER_RATIO ? x->ln_s - x->ln_c : x->ln_s;

	if (row->rule == CLIENT_SIX || row->rule == CLIENT_QUIT)
		ll = (x->six || (x->leaves && row->rule == CLIENT_QUIT) ? 0 : NOT_SIX) +
		     row->client.weight;
	else
		ll = shape_density(&row->client, x->ln_c);
	if (row->rule == CLIENT_LINE && x->six)
		ll -= 9;
	if (state == ESTIMATE_BODY)
		answer = x->ln_s - x->server->ln_body + row->server.mean;
	density = shape_density(&row->server, answer);
	/* Where all lengths are known the sum says more than its size. */
	if (density < LONG_ANSWER && (SUMS & 1U << state) != 0 &&
	    x->server->reply[ESTIMATE_REPLY_LAST] != 0)
		density = LONG_ANSWER;
	ll += density;
	if (x->c + x->slack < row->client_min)
		ll += row->short_cost;
	if (x->s + x->slack < row->server_min)
		ll += row->short_cost;
	if (state == ESTIMATE_QUIT && x->goodbye != 0 && x->slack == 0 && x->s == x->goodbye)
		ll += 1.5F;
	if (s->leaving && (EXPECTS_BODY & 1U << state) != 0)
		ll += LEFT_BEFORE_BODY;
	if (state == ESTIMATE_AUTH && s->hints.port == 25) /* rare between servers */
		ll -= 2;
	if (state == ESTIMATE_AUTH && x->slack == 0 && is_auth_reply(x->s))
		ll += 1.5F;
	return ll;
}

/* Cost of a habit that the path's client did not show before. */
static inline float
style_cost(uint8_t seen, enum estimate_state to)
{
	/* Neighbouring bits contradict each other. */
	static const float cost[6] = {[1] = -2, [4] = -2, [5] = -4};
	unsigned both = seen | tls_model_style[to];

	return both == seen ? 0 : cost[both & both >> 1 & 5];
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

/* The exchange in progress on its way into the estimate: the best way into each state. */
struct step {
	struct exchange x;
	float top; /* score of the best state */
	/* Of the state, without how the path came there. */
	float emission[ESTIMATE__STATES];
	float ahead
	    [ESTIMATE__STATES]; /* the best start among the ways, before the turn is looked at */
	uint8_t first[ESTIMATE__STATES]; /* and that way's row */
	float score[ESTIMATE__STATES];	 /* of the best way; DEAD: none */
	uint8_t way[ESTIMATE__STATES];	 /* its row in the table */
	uint8_t from[ESTIMATE__STATES];
	struct reading reading[ESTIMATE__STATES];
};

/* Where each state stands before the ways into it are weighed. */
static void
step_begin(const struct estimate *s, struct step *step)
{
	struct exchange *x = &step->x;

	*x = (struct exchange){.c = s->client_bytes > 0 ? s->client_bytes : 1,
	    .s = s->server_bytes > 0 ? s->server_bytes : 1,
	    .slack = s->server_slack,
	    .first = s->client_records > 1 ? s->first_record : 0,
	    .last = s->server_records > 1 ? s->last_record : 0,
	    .dsn = s->hints.dsn || !s->hints.ehlo_seen,
	    .server = &tls_model_servers[s->hints.family]};
	x->goodbye = tls_model_bye(&s->hints);
	x->bye = s->leaving || s->quit_record ? x->goodbye : 0;
	if (s->server_records > 0)
		x->last_slack = (uint16_t)(s->server_slack / s->server_records);
	x->six = x->c <= SIX_BYTES + s->client_slack && x->c + s->client_slack >= SIX_BYTES;
	x->leaves =
	    x->c <= 2 * SIX_BYTES + s->client_slack && x->c + s->client_slack >= 2 * SIX_BYTES;
	x->ln_c = logf((float)x->c);
	x->ln_s = logf((float)x->s);
	step->top = DEAD;
	for (unsigned to = 0; to < ESTIMATE__STATES; to++) {
		const struct way *ways = tls_model_ways[to];

		step->emission[to] = state_emission(s, to, x) + tls_model_offer_cost(&s->hints, to);
		step->score[to] = step->ahead[to] = DEAD;
		for (unsigned i = 0; ways[i].cost < 0; i++) {
			const struct estimate_path *p = &s->path[ways[i].from];
			float start = p->score + ways[i].cost;

			if (start <= step->ahead[to])
				continue;
			start += style_cost(p->style, to);
			if (start > step->ahead[to]) {
				step->ahead[to] = start;
				step->first[to] = (uint8_t)i;
			}
		}
	}
}

/* Weighs one way, and takes it when it is the best so far; of equals the first in the table. */
static void
weigh_way(const struct estimate *s, struct step *step, enum estimate_state to, unsigned way)
{
	const struct way *w = &tls_model_ways[to][way];
	const struct estimate_path *p = &s->path[w->from];
	struct reading reading;
	float score = p->score + w->cost +
		      estimate_path_gain(s, p, w->from, to, &step->x, &reading) +
		      style_cost(p->style, to);

	if (score < step->score[to] || (score == step->score[to] && way > step->way[to]))
		return;
	step->score[to] = score;
	step->way[to] = (uint8_t)way;
	step->from[to] = w->from;
	step->reading[to] = reading;
}

/*
 * The best way into a state.  The one that is ahead is weighed first; most of the others cannot overtake it then with
 * the greatest gain there is, and are spared.
 */
static void
weigh_state(const struct estimate *s, struct step *step, enum estimate_state to)
{
	const struct way *ways = tls_model_ways[to];
	float most = estimate_path_gain_most[to] + ROUNDING;

	if (step->ahead[to] <= DEAD)
		return;
	weigh_way(s, step, to, step->first[to]);
	for (unsigned i = 0; ways[i].cost < 0; i++) {
		float start = s->path[ways[i].from].score + ways[i].cost;

		if (start > DEAD && start + most >= step->score[to] && i != step->first[to])
			weigh_way(s, step, to, i);
	}
}

/* Bytes were lost: from the likeliest state to any. */
static void
weigh_jumps(const struct estimate *s, struct step *step)
{
	enum estimate_state likeliest = estimate_likeliest(s);

	for (unsigned i = 0; i < ESTIMATE__STATES; i++) {
		if (step->score[i] >= JUMP)
			continue;
		step->score[i] = JUMP;
		step->from[i] = (uint8_t)likeliest;
		step->reading[i] = estimate_path_read(&s->path[likeliest], i, &step->x);
	}
}

/* The first exchange is EHLO, unless its beginning was lost. */
static void
weigh_first(const struct estimate *s, struct step *step)
{
	for (unsigned i = 0; i < ESTIMATE__STATES; i++) {
		if (i != ESTIMATE_EHLO && !s->disorder)
			continue;
		step->score[i] = 0;
		step->from[i] = ESTIMATE_EHLO;
		step->reading[i] = estimate_path_read(&s->path[ESTIMATE_EHLO], i, &step->x);
	}
}

/* The state itself, once the best way is known. */
static void
weigh_emission(struct step *step, enum estimate_state to)
{
	if (step->score[to] <= DEAD)
		return;
	step->score[to] += step->emission[to];
	step->top = step->score[to] > step->top ? step->score[to] : step->top;
}

/* Everything that the exchange may have been. */
static void
weigh_all(const struct estimate *s, struct step *step)
{
	step_begin(s, step);
	if (s->exchanges == 0)
		weigh_first(s, step);
	for (unsigned to = 0; to < ESTIMATE__STATES && s->exchanges > 0; to++)
		weigh_state(s, step, to);
	if (s->exchanges > 0 && s->disorder)
		weigh_jumps(s, step);
	for (unsigned to = 0; to < ESTIMATE__STATES; to++)
		weigh_emission(step, to);
}

/* What it was most likely: of the states only those that may be the best. */
static enum estimate_state
weigh_likeliest(const struct estimate *s, struct step *step)
{
	bool done[ESTIMATE__STATES] = {false};
	unsigned best = 0;

	if (s->exchanges == 0 || s->disorder) {
		weigh_all(s, step);
	} else {
		step_begin(s, step);
		for (;;) {
			unsigned next = ESTIMATE__STATES;
			float limit = step->top - ROUNDING;

			for (unsigned to = 0; to < ESTIMATE__STATES; to++) {
				float most = step->ahead[to] + estimate_path_gain_most[to] +
					     step->emission[to];
				if (!done[to] && step->ahead[to] > DEAD && most >= limit) {
					limit = most;
					next = to;
				}
			}
			if (next == ESTIMATE__STATES)
				break;
			done[next] = true;
			weigh_state(s, step, next);
			weigh_emission(step, next);
		}
	}
	for (unsigned to = 1; to < ESTIMATE__STATES; to++)
		if (step->score[to] > step->score[best])
			best = to;
	return best;
}

/* The best path into a state, with what it counted on the way. */
static struct estimate_path
estimate_arrive(const struct estimate *s, const struct step *step, enum estimate_state to)
{
	struct estimate_path p = s->path[step->from[to]];

	estimate_path_enter(&p, step->from[to], to, &step->x, &step->reading[to]);
	p.score = step->score[to] - step->top;
	return p;
}

/* A server whose greeting did not tell its software, or was not seen, may be known by its words. */
static void
estimate_recognise(
    struct estimate *s, const struct step *step, struct estimate_path next[ESTIMATE__STATES])
{
	unsigned found = 0, likeliest = estimate_likeliest(s);

	/* By the first envelope only: one in many of them fits by chance. */
	if (s->hints.family != TLS_FAMILY_UNKNOWN || s->disorder || s->exchanges == 0 ||
	    s->path[likeliest].reply[ESTIMATE_REPLY_RCPT] != 0)
		return;
	for (unsigned i = 0; i < ESTIMATE__STATES; i++)
		if (step->score[i] > step->top + MAY_BE)
			found |= reply_families(&step->x, &step->reading[i].shape);
	if (found == 0 || (found & (found - 1)) != 0)
		return;
	s->hints.family = (uint8_t)__builtin_ctz(found);
	for (unsigned i = 0; i < ESTIMATE__STATES; i++)
		if (next[i].score > DEAD)
			reply_adopt(&next[i], &s->hints);
}

/* The exchange in progress is over. */
static void
estimate_step(struct estimate *s)
{
	struct estimate_path next[ESTIMATE__STATES];
	struct step step;

	weigh_all(s, &step);
	for (unsigned i = 0; i < ESTIMATE__STATES; i++) {
		if (step.score[i] > DEAD && step.score[i] - step.top >= DEAD_BELOW)
			next[i] = estimate_arrive(s, &step, i);
		else
			next[i] = (struct estimate_path){.score = DEAD};
	}
	if (s->exchanges > 0)
		s->fit += step.top < FIT_MIN ? FIT_MIN : step.top;
	estimate_recognise(s, &step, next);
	memcpy(s->path, next, sizeof(s->path));
	s->exchanges++;
	s->disorder = false;
	s->chunk_bytes = step.x.c;
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
	if (s->hints.family >= TLS_FAMILY__COUNT)
		s->hints.family = TLS_FAMILY_UNKNOWN;
	for (unsigned i = 0; i < ESTIMATE__STATES; i++)
		s->path[i].guessed = tls_model_replies(&s->hints, s->path[i].reply) & REPLIES_ALL;
}

static void
turn_add(uint32_t *bytes, uint16_t *records, uint16_t *slack, uint32_t n, uint32_t n_slack)
{
	*bytes = n > TURN_MAX - *bytes ? TURN_MAX : *bytes + n;
	*records = (uint16_t)(*records < UINT16_MAX ? *records + 1 : *records);
	*slack = (uint16_t)(*slack + n_slack > UINT16_MAX / 2 ? UINT16_MAX / 2 : *slack + n_slack);
}

static uint16_t
record_bytes(uint32_t bytes)
{
	return (uint16_t)(bytes > UINT16_MAX ? UINT16_MAX : bytes);
}

bool
estimate_record(struct estimate *s, enum tls_dir dir, uint32_t bytes, uint32_t slack)
{
	bool changed = true;

	if (dir == TLS_FROM_SERVER) {
		if (s->client_records == 0) /* tickets, or the greeting */
			return false;
		turn_add(&s->server_bytes, &s->server_records, &s->server_slack, bytes, slack);
		s->last_record = record_bytes(bytes);
		return true;
	}
	if (s->server_records > 0)
		estimate_step(s);
	else
		changed = false;
	s->leaving = false;
	if (s->client_records == 0)
		s->first_record = record_bytes(bytes);
	s->quit_record =
	    s->client_records > 0 && bytes <= SIX_BYTES + slack && bytes + slack >= SIX_BYTES;
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
	static const unsigned between = 1U << ESTIMATE_EHLO | 1U << ESTIMATE_AUTH |
					1U << ESTIMATE_CHUNK | 1U << ESTIMATE_ALL |
					1U << ESTIMATE_ALL_REFUSED | 1U << ESTIMATE_RSET;
	enum estimate_state at = estimate_likeliest(s);
	struct estimate_path *p = &s->path[at];

	if (s->client_bytes < tls_model_states[ESTIMATE_BODY].client_min + SIX_BYTES)
		return;
	if (p->open > 0 && (EXPECTS_BODY & 1U << at) != 0)
		estimate_path_count(p, p->open, s->client_bytes);
	else if ((between & 1U << at) != 0 && tls_model_offer_cost(&s->hints, ESTIMATE_ALL) >= 0 &&
		 (p->style & (ESTIMATE_STYLE_DATA | ESTIMATE_STYLE_STEPS)) == 0)
		estimate_path_count(p, 1, s->client_bytes); /* all in one turn */
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

static float
mean_fit(float sum, uint32_t exchanges)
{
	return exchanges > 1 ? sum / (float)(exchanges - 1) : 0;
}

float
estimate_mean_fit(const struct estimate *s)
{
	return mean_fit(s->fit, s->exchanges);
}

/* The likeliest path as it will be behind the exchange in progress, which the server began to answer, and the mean fit
 * then. */
static struct estimate_path
estimate_foresee(const struct estimate *s, float *fit)
{
	struct step step;
	enum estimate_state likeliest = weigh_likeliest(s, &step);

	*fit = s->fit;
	if (s->exchanges > 0)
		*fit += step.top < FIT_MIN ? FIT_MIN : step.top;
	*fit = mean_fit(*fit, s->exchanges + 1);
	return estimate_arrive(s, &step, likeliest);
}

void
estimate_get(const struct estimate *s, struct tls_estimate *out)
{
	struct estimate_path p;
	float fit;
	bool told;

	if (s->client_records > 0 && s->server_records > 0) {
		p = estimate_foresee(s, &fit);
	} else {
		p = s->path[estimate_likeliest(s)];
		fit = estimate_mean_fit(s);
	}
	/* SMTP fits with about -1 per exchange (1 % below -2.9); HTTPS, shells and tunnels with
	 * -4.3 and worse. */
	fit = 1000.F + (fit + 1.F) * 280.F;
	told = fit >= REFUSALS_TOLD || s->hints.family != TLS_FAMILY_UNKNOWN;
	*out = (struct tls_estimate){.messages = s->messages + p.messages,
	    .recipients = s->recipients + p.recipients,
	    .recipients_rejected = told ? s->rejected + p.rejected : 0,
	    .bytes = s->bytes + p.bytes,
	    .typical_bytes = p.typical_bytes,
	    .envelope_bytes = p.envelope,
	    .confidence = (uint16_t)(fit < 0	    ? 0
				     : fit > 1000.F ? 1000.F
						    : fit)};
}
