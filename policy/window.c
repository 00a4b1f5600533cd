/* SPDX-License-Identifier: ISC */
/* What one server did lately: counters, trials, grants, campaigns.  bulkhead-guard, replay. */
#include "policy/window_private.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"

#define WEIGHT_GAP_FAILURE 0.5 /* a gap can swallow the reply that would have acquitted */

/* Of 64 bits.  Manku, Jain, Das Sarma 2007 take 3 for the whole web; a server has eight campaigns
 * to confuse, and a personal salutation must not hide one. */
#define CAMPAIGN_HAMMING 6
#define CAMPAIGN_SIZE_TOL \
	0.03 /* sizes through TLS are within about 1 %; the rest is the salutation */

#define TRIAL_POINTS_MAX 40.0 /* beyond every bound; keeps decay short */

/* A burst ends with a pause; it is short and no larger than a list that needs no grant.  A run at
 * the 5-minute ceiling leaves no such pause in 99.9 % of its gaps (exp(-20 s / 3 s)). */
#define BURST_PAUSE_NS	   (20 * CLOCK_SECOND_NS)
#define BURST_GAP_NS	   (5 * CLOCK_SECOND_NS) /* within it, the sender does not wait so long */
#define BURST_RAGGED	   1e6F			 /* what did wait is no burst; never learned */
#define BURST_LASTS_NS	   CLOCK_MINUTE_NS
#define BURST_SIZE_MAX	   40
#define BURST_ANSWERS_NS   CLOCK_MINUTE_NS /* so soon after mail that came in, it answers it */
#define BURST_HALF_LIFE_NS (2 * CLOCK_DAY_NS)
#define BURST_PRIOR	   4.0 /* as if four single recipients had been seen */

/* An outage is this long and this wide before its backlog gets an allowance, once a day. */
#define OUTAGE_MIN_NS	    (10 * CLOCK_MINUTE_NS)
#define OUTAGE_DESTINATIONS 3
#define OUTAGE_DRAIN_NS	    CLOCK_HOUR_NS

static enum tally_span
ring_span(unsigned ring)
{
	static const uint8_t span[WINDOW_RING__COUNT] = {
	    [WINDOW_OPEN_5MIN] = TALLY_5MIN,
	    [WINDOW_OPEN_HOUR] = TALLY_HOUR,
	    [WINDOW_OPEN_DAY] = TALLY_DAY,
	    [WINDOW_GRANTED_5MIN] = TALLY_5MIN,
	    [WINDOW_GRANTED_HOUR] = TALLY_HOUR,
	    [WINDOW_GRANTED_DAY] = TALLY_DAY,
	    [WINDOW_BEYOND_HOUR] = TALLY_HOUR,
	    [WINDOW_ESTIMATED_HOUR] = TALLY_HOUR,
	    [WINDOW_DOMAINS_HOUR] = TALLY_HOUR,
	    [WINDOW_DESTINATIONS_HOUR] = TALLY_HOUR,
	    [WINDOW_DESTINATIONS_DAY] = TALLY_DAY,
	    [WINDOW_SENDERS_HOUR] = TALLY_HOUR,
	    [WINDOW_HELO_DAY] = TALLY_DAY,
	    [WINDOW_MX_HOUR] = TALLY_HOUR,
	    [WINDOW_INBOUND_DAY] = TALLY_DAY,
	    [WINDOW_AUTH_HOUR] = TALLY_HOUR,
	    [WINDOW_COMPLAINTS_DAY] = TALLY_DAY,
	    [WINDOW_ATTEMPTS_5MIN] = TALLY_5MIN,
	};

	return (enum tally_span)span[ring];
}

void
window_turn(struct window *w, int64_t now_ns)
{
	/* The buckets of the longer clocks are whole numbers of the shortest one's. */
	if (now_ns / (5 * CLOCK_MINUTE_NS / TALLY_BUCKETS) == w->clock[TALLY_5MIN].bucket)
		return;
	for (unsigned span = 0; span < TALLY_SPAN__COUNT; span++) {
		unsigned passed = tally_clock_turn(&w->clock[span], span, now_ns);
		unsigned index = tally_clock_index(&w->clock[span]);

		if (passed == 0)
			continue;
		for (unsigned i = 0; i < WINDOW_RING__COUNT; i++)
			if (ring_span(i) == span && w->sum[i] > 0)
				w->sum[i] = tally_ring_turn(&w->ring[i], index, passed);
		if (span != TALLY_HOUR)
			continue;
		for (unsigned i = 0; i < WINDOW_CAMPAIGNS; i++)
			if (w->campaign[i].sum > 0)
				w->campaign[i].sum =
				    tally_ring_turn(&w->campaign_hour[i], index, passed);
	}
}

/* Adds (or takes back, after a corrected estimate) in the newest bucket; a bucket is never
 * negative. */
static float
ring_add(struct tally_ring *r, unsigned index, double n)
{
	float before = r->bucket[index];
	double after = (double)before + n;

	r->bucket[index] = after > 0 ? (float)after : 0;
	return r->bucket[index] - before;
}

void
window_count(struct window *w, unsigned ring, double n)
{
	unsigned index = tally_clock_index(&w->clock[ring_span(ring)]);

	w->changed = true;
	w->sum[ring] += ring_add(&w->ring[ring], index, n);
	if (w->sum[ring] <= 0) { /* window_turn() leaves an empty ring alone */
		w->sum[ring] = 0;
		memset(&w->ring[ring], 0, sizeof(w->ring[ring]));
	}
}

/* --- trials --- */

double
window_points(const struct window *w, unsigned test, int64_t now_ns, int64_t half_life_ns)
{
	const struct window_trials *t = &w->trials[test];
	int64_t age = now_ns - t->time_ns;

	if (t->points <= 0 || age <= 0)
		return (double)t->points;
	if (test == WINDOW_TEST_STALE || test == WINDOW_TEST_LOOSE)
		half_life_ns *= WINDOW_PATIENCE;
	return (double)t->points * exp2(-(double)age / (double)half_life_ns);
}

void
window_trial(struct window *w, unsigned test, const struct window_context *c,
    const struct observation *o, bool bad, double weight)
{
	window_trial_step(w, test, c, o, bad, weight, &c->steps[test]);
}

void
window_trial_step(struct window *w, unsigned test, const struct window_context *c,
    const struct observation *o, bool bad, double weight, const struct window_step *step)
{
	struct window_trials *t = &w->trials[test];
	double points = window_points(w, test, o->time_ns, c->half_life_ns);

	if (bad && (o->flags & (OBS_F_GAP | OBS_F_MIDSTREAM | OBS_F_ONE_SIDED)) != 0)
		weight *= WEIGHT_GAP_FAILURE;
	if (test == WINDOW_TEST_LOOSE) {
		w->existence.points += (float)(weight * (bad ? step->bad : step->good));
		w->existence.trials += (float)weight;
	}
	if (points < 0.01) { /* back at zero: the excursion is over */
		if (!bad)
			return;
		*t = (struct window_trials){.since_ns = o->time_ns};
		points = 0;
	}
	w->changed = true;
	points += weight * (bad ? step->bad : step->good);
	if (bad)
		t->bad += (float)weight;
	else
		t->good += (float)weight;
	if (o->visibility != OBS_CLEAR && bad)
		t->estimated = true;
	t->points = (float)fmax(0, fmin(points, TRIAL_POINTS_MAX));
	t->time_ns = o->time_ns;
}

/* Takes back a bad trial that proved to be none: the destination came back. */
void
window_trial_undo(struct window *w, unsigned test, const struct window_context *c,
    double taken_back, int64_t now_ns)
{
	struct window_trials *t = &w->trials[test];
	double points = window_points(w, test, now_ns, c->half_life_ns) - taken_back;

	t->points = (float)fmax(0, points);
	t->bad = t->bad > 1 ? t->bad - 1 : 0;
	t->time_ns = now_ns;
	if (test == WINDOW_TEST_LOOSE)
		w->existence.points -= (float)taken_back;
}

/* --- recipients and grants --- */

bool
window_is_covered(const struct window_context *c, const char *domain)
{
	for (unsigned i = 0; i < c->grant_count; i++)
		if (c->grants[i]->domain_count == 0 || grant_covers_domain(c->grants[i], domain))
			return true;
	return false;
}

static bool
grant_is_used_up(const struct window *w, const struct window_context *c)
{
	double hour = 0, day = 0;

	for (unsigned i = 0; i < c->grant_count; i++) {
		hour += (double)grant_per_hour(c->grants[i]);
		day += (double)c->grants[i]->per_day;
	}
	return (double)w->sum[WINDOW_GRANTED_HOUR] >= hour ||
	       (double)w->sum[WINDOW_GRANTED_DAY] >= day;
}

/* --- bursts --- */

/* Two days ago's habits count half. */
static void
burst_fade(struct window_burst *b, int64_t now_ns)
{
	double keep = exp2(-(double)(now_ns - b->time_ns) / (double)BURST_HALF_LIFE_NS);

	if (now_ns <= b->time_ns)
		return;
	b->sum *= (float)keep;
	b->square *= (float)keep;
	b->time_ns = now_ns;
}

/* What runs on, or reaches more than a list that needs no grant, is no burst but a run. */
static bool
burst_is_one(const struct window_burst *b)
{
	float most = BURST_SIZE_MAX * fmaxf(1, b->prompts);

	return b->n <= most &&
	       b->last_ns - b->since_ns <= BURST_LASTS_NS * (int64_t)fmaxf(1, b->prompts);
}

static void
note_burst(struct window *w, double n, int64_t now_ns)
{
	struct window_burst *b = &w->burst;

	if (n <= 0)
		return;
	if (b->n > 0 && now_ns - b->last_ns < BURST_PAUSE_NS) {
		b->n += (float)n;
		if (now_ns - b->last_ns > BURST_GAP_NS)
			b->n = BURST_RAGGED;
		b->last_ns = now_ns;
		return;
	}
	if (b->n > 0 && burst_is_one(b)) {
		burst_fade(b, now_ns);
		b->sum += b->n;
		b->square += b->n * b->n / fmaxf(1, b->prompts);
	}
	b->prompts = now_ns - b->prompt_ns < BURST_ANSWERS_NS ? b->prompts_waiting : 0;
	b->prompts_waiting = 0;
	b->n = (float)n;
	b->since_ns = b->last_ns = now_ns;
}

void
window_note_prompt(struct window *w, int64_t now_ns)
{
	struct window_burst *b = &w->burst;

	if (b->n > 0 && b->prompts > 0 && now_ns - b->last_ns < BURST_PAUSE_NS) {
		b->prompts += 1;
		return;
	}
	if (now_ns - b->prompt_ns >= BURST_ANSWERS_NS)
		b->prompts_waiting = 0;
	b->prompts_waiting += 1;
	b->prompt_ns = now_ns;
}

double
window_clumping(const struct window *w)
{
	const struct window_burst *b = &w->burst;
	double sum = (double)b->sum + BURST_PRIOR, square = (double)b->square + BURST_PRIOR;

	/* An answer to mail that came in is known for a burst while it is open. */
	if (b->prompts > 0 && burst_is_one(b)) {
		sum += (double)b->n;
		square += (double)(b->n * b->n / b->prompts);
	}
	return fmin(WINDOW_CLUMPING_MAX, fmax(1, square / sum));
}

/* Counts recipients by span: n[TALLY_5MIN] of them are new in five minutes, and so on. */
void
window_count_recipients(struct window *w, const struct window_context *c, const double n[3],
    bool covered, int64_t now_ns)
{
	double open[3] = {n[0], n[1], n[2]};

	if (covered && c->grant_count > 0) {
		if (!grant_is_used_up(w, c)) {
			for (unsigned span = 0; span < TALLY_SPAN__COUNT; span++)
				window_count(w, WINDOW_GRANTED_5MIN + span, n[span]);
			return;
		}
		window_count(w, WINDOW_BEYOND_HOUR, n[TALLY_HOUR]);
	}
	if (w->allowance > 0 && now_ns < w->allowance_until_ns && n[TALLY_5MIN] > 0) {
		w->allowance -= (float)n[TALLY_5MIN];
		open[TALLY_5MIN] = open[TALLY_HOUR] = 0; /* the day counts a backlog too */
	}
	note_burst(w, n[TALLY_5MIN], now_ns);
	for (unsigned span = 0; span < TALLY_SPAN__COUNT; span++)
		window_count(w, WINDOW_OPEN_5MIN + span, open[span]);
}

struct window_session *
window_find_session(struct window *w, uint64_t id)
{
	for (unsigned i = 0; i < WINDOW_SESSIONS; i++)
		if (w->session[i].id == id && id != 0)
			return &w->session[i];
	return NULL;
}

void
window_release_held(struct window *w, const struct window_context *c, struct window_session *s,
    bool covered, int64_t now_ns)
{
	double n[3] = {(double)s->held[0], (double)s->held[1], (double)s->held[2]};

	if (n[TALLY_DAY] > 0 || n[TALLY_5MIN] > 0)
		window_count_recipients(w, c, n, covered, now_ns);
	memset(s->held, 0, sizeof(s->held));
}

struct window_session *
window_take_session(struct window *w, const struct window_context *c, const struct observation *o)
{
	struct window_session *s = window_find_session(w, o->session);

	if (s != NULL)
		return s;
	s = &w->session[w->next_session++ % WINDOW_SESSIONS];
	window_release_held(w, c, s, false, o->time_ns);
	*s = (struct window_session){.id = o->session};
	return s;
}

/* A delivery ends an outage; one that stopped a sender with a history leaves a backlog behind: at
 * most four times what it usually sends in that time (the day's clock counts estimates half), and
 * never more than an hour's ceiling. */
void
window_note_delivery(struct window *w, const struct window_context *c, int64_t now_ns)
{
	int64_t since = w->outage_since_ns;
	double age_hours = (double)(now_ns - w->first_ns) / (double)CLOCK_HOUR_NS;

	if (since != 0 && now_ns - since >= OUTAGE_MIN_NS && w->last_delivery_ns != 0 &&
	    w->outage_destinations >= OUTAGE_DESTINATIONS &&
	    (w->flush_given_ns == 0 || now_ns - w->flush_given_ns >= CLOCK_DAY_NS)) {
		double lasted = (double)(now_ns - w->last_delivery_ns) / (double)CLOCK_HOUR_NS;
		double usual = (double)(w->sum[WINDOW_OPEN_DAY] + w->sum[WINDOW_GRANTED_DAY]) /
			       fmin(24, fmax(1, age_hours));

		w->allowance = (float)fmin(4 * usual * lasted, c->ceilings->span[TALLY_HOUR]);
		w->allowance_until_ns = now_ns + OUTAGE_DRAIN_NS;
		w->flush_given_ns = now_ns;
	}
	w->outage_since_ns = 0;
	w->outage_destinations = 0;
	w->last_delivery_ns = now_ns;
}

/* --- campaigns --- */

bool
window_campaign_fits(const struct window_campaign *k, const struct window_campaign *m)
{
	if (k->kind != m->kind)
		return false;
	if (m->kind == WINDOW_CAMPAIGN_SIZE)
		return fabsf(k->size - m->size) <= (float)CAMPAIGN_SIZE_TOL * k->size;
	if (k->subject != 0 && k->subject == m->subject)
		return true;
	return k->fingerprint != 0 && m->fingerprint != 0 &&
	       __builtin_popcountll(k->fingerprint ^ m->fingerprint) <= CAMPAIGN_HAMMING;
}

/* Adds n recipients to the campaign that fits, else to a new one in the place of the smallest. */
void
window_count_campaign(struct window *w, const struct window_campaign *m, double n)
{
	unsigned index = tally_clock_index(&w->clock[TALLY_HOUR]);
	struct window_campaign *k = NULL;

	for (unsigned i = 0; i < WINDOW_CAMPAIGNS && k == NULL; i++)
		if (window_campaign_fits(&w->campaign[i], m))
			k = &w->campaign[i];
	if (k == NULL) {
		k = &w->campaign[0];
		for (unsigned i = 1; i < WINDOW_CAMPAIGNS; i++)
			if (w->campaign[i].sum < k->sum)
				k = &w->campaign[i];
		*k = *m;
		k->sum = 0;
		memset(&w->campaign_hour[k - w->campaign], 0, sizeof(w->campaign_hour[0]));
	}
	k->declared = k->declared || m->declared;
	k->unsubscribable = k->unsubscribable || m->unsubscribable;
	k->sum += ring_add(&w->campaign_hour[k - w->campaign], index, n);
	w->news = *m;
	w->news.sum = (float)n;
	w->news_of = k->sum;
	w->changed = true;
}

void
window_release(struct window *w, int64_t now_ns, double allowance, int64_t for_ns)
{
	static const uint8_t evidence[] = {WINDOW_OPEN_5MIN, WINDOW_OPEN_HOUR, WINDOW_OPEN_DAY,
	    WINDOW_BEYOND_HOUR, WINDOW_DOMAINS_HOUR, WINDOW_SENDERS_HOUR, WINDOW_HELO_DAY,
	    WINDOW_AUTH_HOUR, WINDOW_MX_HOUR, WINDOW_DESTINATIONS_HOUR, WINDOW_DESTINATIONS_DAY,
	    WINDOW_COMPLAINTS_DAY};

	for (unsigned i = 0; i < sizeof(evidence); i++) {
		memset(&w->ring[evidence[i]], 0, sizeof(w->ring[0]));
		w->sum[evidence[i]] = 0;
	}
	memset(w->trials, 0, sizeof(w->trials));
	memset(w->campaign, 0, sizeof(w->campaign));
	memset(w->campaign_hour, 0, sizeof(w->campaign_hour));
	memset(w->session, 0, sizeof(w->session));
	w->burst.n = 0;
	w->outage_since_ns = 0;
	w->outage_destinations = 0;
	w->allowance = (float)allowance;
	w->allowance_until_ns = now_ns + for_ns;
}

void
window_note_block(struct window *w)
{
	const struct window_campaign *k = &w->campaign[0];

	for (unsigned i = 1; i < WINDOW_CAMPAIGNS; i++)
		if (w->campaign[i].sum > k->sum)
			k = &w->campaign[i];
	w->drain = (struct window_drain){0};
	if (k->sum >= 1)
		w->drain.like = *k;
}

void
window_drain(struct window *w, int64_t now_ns, double recipients, int64_t for_ns)
{
	w->drain.left = (float)recipients;
	w->drain.until_ns = now_ns + for_ns;
}

bool
window_drains(struct window *w, const struct window_campaign *m, double n, int64_t now_ns)
{
	struct window_drain *d = &w->drain;

	if (d->like.kind == WINDOW_CAMPAIGN_NONE || now_ns >= d->until_ns || (double)d->left < n ||
	    !window_campaign_fits(&d->like, m))
		return false;
	d->left -= (float)n;
	return true;
}
