/* SPDX-License-Identifier: ISC */
/* Observations become counts: which of them is news.  bulkhead-guard, replay. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "policy/window_private.h"

#define WEIGHT_GAP_RECIPIENT 0.8  /* it was seen, but what became of it may not have been */
#define WEIGHT_TLS_MIN	     0.25 /* of an estimate with no confidence at all */
#define WEIGHT_TLS_MAX	     0.95
#define WEIGHT_TLS_SURE	     0.6  /* from here on it counts in full: 98 % of sessions are exact */
#define WEIGHT_TLS_DOUBTED   0.4  /* a refusal through TLS that may be greylisting */
#define WEIGHT_FAMILIAR	     0.5  /* a person who had mail from it earlier the same day */
#define WEIGHT_WELCOME	     0.25 /* a refusal where other mail was taken within the hour */

/* Quicker than this is no queue: Postfix's minimal_backoff_time and Exim's first retry are 5 and 15
 * minutes; the next address of the same name comes at once, but it is another destination. */
#define RETRY_MIN_NS CLOCK_MINUTE_NS

enum key_kind {
	KEY_RECIPIENT,
	KEY_UNKNOWN,
	KEY_DOMAIN,
	KEY_DESTINATION,
	KEY_SENDER,
	KEY_HELO,
	KEY_MX,
	KEY_AUTH,
	KEY_ATTEMPT,
	KEY_CONNECTED,
	KEY_UNCONNECTED,
	KEY_REFUSED,
	KEY_WELCOME,
	KEY_SHORT,
	KEY_TIDY,
	KEY_DOUBTED, /* refused through TLS; flagged: nothing got through since */
};

/* Destination, recipient domain: the pair whose failures count once an hour. */
static uint64_t
pair_key(unsigned kind, const struct observation *o, uint64_t domain)
{
	return tally_key(kind, tally_hash_addr(&o->server) ^ tally_key(KEY_DOMAIN, domain));
}

static uint64_t
destination_key(unsigned kind, const struct observation *o)
{
	return tally_key(kind, tally_hash_addr(&o->server));
}

/* Organisations are told apart by recipient domain, else by address: a large one answers at many.
 */
static uint64_t
organisation_key(unsigned kind, const struct observation *o, uint64_t domain)
{
	return domain != 0 ? tally_key(kind, domain) : destination_key(kind, o);
}

/* Three tests look at whether recipients exist: a quick one, a patient one, and one for several
 * servers together. */
static void
note_existence(
    struct window *w, const struct observation *o, const struct window_context *c, bool bad)
{
	window_trial(w, WINDOW_TEST_UNKNOWN, c, o, bad, 1);
	window_trial(w, WINDOW_TEST_STALE, c, o, bad, 1);
	window_trial(w, WINDOW_TEST_LOOSE, c, o, bad, 1);
}

static void
note_remote(struct window *w, const struct window_context *c, const struct observation *o,
    unsigned remote, uint64_t domain)
{
	/* "Listed" speaks of the address and its neighbours, "auth" of a badly kept DNS zone;
	 * "policy" and "rate" speak of what was sent. */
	static const double weight[OBS_REMOTE__COUNT] = {
	    [OBS_REMOTE_RATE] = 1,
	    [OBS_REMOTE_LISTED] = 0.7,
	    [OBS_REMOTE_POLICY] = 1,
	    [OBS_REMOTE_AUTH] = 0.3,
	};
	struct tally_seen_answer welcome;

	if (remote >= OBS_REMOTE__COUNT || weight[remote] <= 0)
		return;
	if (!tally_seen_is_new(
		&w->seen, organisation_key(KEY_REFUSED, o, domain), o->time_ns, CLOCK_HOUR_NS))
		return;
	welcome = tally_seen_peek(&w->seen, organisation_key(KEY_WELCOME, o, domain), o->time_ns);
	window_trial(w, WINDOW_TEST_REMOTE, c, o, true,
	    welcome.age_ns >= 0 && welcome.age_ns < CLOCK_HOUR_NS ? WEIGHT_WELCOME * weight[remote]
								  : weight[remote]);
}

/* The destination took a message. */
static void
note_welcome(
    struct window *w, const struct window_context *c, const struct observation *o, uint64_t domain)
{
	if (tally_seen_is_new(
		&w->seen, organisation_key(KEY_WELCOME, o, domain), o->time_ns, CLOCK_HOUR_NS))
		window_trial(w, WINDOW_TEST_REMOTE, c, o, false, 1);
}

/* Which clocks this recipient is new to.  A deferred one was counted when it was first tried. */
static void
recipient_news(struct window *w, const struct observation *o, double weight, double n[3])
{
	bool deferred = o->u.recipient.reply_class == OBS_DEFERRED;
	struct tally_seen_answer a = {.age_ns = -1};

	if (o->u.recipient.hash != 0)
		a = tally_seen_touch(
		    &w->seen, tally_key(KEY_RECIPIENT, o->u.recipient.hash), o->time_ns, deferred);
	for (unsigned span = 0; span < TALLY_SPAN__COUNT; span++) {
		if (a.age_ns < 0)
			n[span] = weight;
		else if (a.flagged || a.age_ns < tally_span_ns(span))
			n[span] = 0;
		else
			n[span] = weight * WEIGHT_FAMILIAR;
	}
}

/* What a refusal says about the sender. */
static void
note_refusal(struct window *w, const struct observation *o, const struct window_context *c)
{
	unsigned remote = o->u.recipient.reply.remote;

	if (remote != OBS_REMOTE_UNKNOWN || o->u.recipient.reply_class != OBS_REJECTED)
		note_remote(w, c, o, remote, o->u.recipient.domain_hash);
	else if (tally_seen_is_new(&w->seen, tally_key(KEY_UNKNOWN, o->u.recipient.hash),
		     o->time_ns, CLOCK_DAY_NS))
		note_existence(w, o, c, true);
}

static void
note_spread(struct window *w, const struct observation *o, bool covered)
{
	const char *sender = o->u.recipient.sender_domain;

	if (!covered &&
	    tally_seen_is_new(&w->seen, tally_key(KEY_DOMAIN, o->u.recipient.domain_hash),
		o->time_ns, CLOCK_HOUR_NS))
		window_count(w, WINDOW_DOMAINS_HOUR, 1);
	if (sender[0] != '\0' &&
	    tally_seen_is_new(&w->seen, tally_key(KEY_SENDER, tally_hash_text(sender)), o->time_ns,
		CLOCK_HOUR_NS))
		window_count(w, WINDOW_SENDERS_HOUR, 1);
}

static void
observe_recipient(struct window *w, const struct observation *o, const struct window_context *c)
{
	bool accepted = o->u.recipient.reply_class == OBS_ACCEPTED;
	bool gap = (o->flags & (OBS_F_GAP | OBS_F_MIDSTREAM)) != 0;
	bool covered = c->grant_count > 0 && window_is_covered(c, o->u.recipient.sender_domain);
	struct window_session *s;
	double n[3];

	note_spread(w, o, covered);
	if (!accepted)
		note_refusal(w, o, c);
	/* A grant is about delivered mail; what was refused or waits does not use it up, and only
	 * the message tells whether a grant covers it. */
	if (!accepted && c->grant_count > 0)
		return;
	recipient_news(w, o, gap ? WEIGHT_GAP_RECIPIENT : 1, n);
	if (accepted) {
		s = window_take_session(w, c, o);
		s->domain = o->u.recipient.domain_hash;
		for (unsigned span = 0; span < TALLY_SPAN__COUNT; span++)
			s->fresh[span] += (float)n[span];
		window_note_delivery(w, c, o->time_ns);
		if (n[TALLY_HOUR] > 0)
			note_existence(w, o, c, false);
		if (c->grant_count > 0 &&
		    !covered) { /* the From field decides; see observe_message() */
			for (unsigned span = 0; span < TALLY_SPAN__COUNT; span++)
				s->held[span] += (float)n[span];
			return;
		}
	}
	window_count_recipients(w, c, n, covered, o->time_ns);
}

static void
observe_message(struct window *w, const struct observation *o, const struct window_context *c)
{
	const uint16_t headers = o->u.message.headers;
	const uint16_t list = OBS_HDR_LIST_UNSUBSCRIBE | OBS_HDR_LIST_ID | OBS_HDR_PRECEDENCE_BULK |
			      OBS_HDR_FEEDBACK_ID;
	const uint16_t proper = OBS_HDR_DATE | OBS_HDR_MESSAGE_ID;
	struct window_session *s = window_find_session(w, o->session);
	unsigned code = o->u.message.reply.code;
	bool covered = c->grant_count > 0 && (window_is_covered(c, o->u.message.sender_domain) ||
						 window_is_covered(c, o->u.message.from_domain));
	double fresh[3] = {0, o->u.message.recipients_accepted, 0};
	struct window_campaign m = {.kind = WINDOW_CAMPAIGN_TEXT};

	if (s != NULL) {
		window_release_held(w, c, s, covered, o->time_ns);
		for (unsigned span = 0; span < TALLY_SPAN__COUNT; span++)
			fresh[span] = (double)s->fresh[span];
		memset(s->fresh, 0, sizeof(s->fresh));
	}
	if (code < 200 || code > 299) {
		note_remote(w, c, o, o->u.message.reply.remote, s != NULL ? s->domain : 0);
		return;
	}
	note_welcome(w, c, o, s != NULL ? s->domain : 0);
	if (tally_seen_is_new(
		&w->seen, destination_key(KEY_DESTINATION, o), o->time_ns, CLOCK_DAY_NS)) {
		window_count(w, WINDOW_DESTINATIONS_HOUR, 1);
		window_count(w, WINDOW_DESTINATIONS_DAY, 1);
	}
	if (!o->u.message.headers_seen)
		return;
	if (tally_seen_is_new(
		&w->seen, pair_key(KEY_TIDY, o, headers & proper), o->time_ns, CLOCK_HOUR_NS) &&
	    (headers & OBS_HDR_TRUNCATED) == 0)
		window_trial(w, WINDOW_TEST_RATWARE, c, o, (headers & proper) != proper, 0.7);
	if (covered || fresh[TALLY_HOUR] <= 0 ||
	    (w->allowance > 0 && o->time_ns < w->allowance_until_ns))
		return;
	m.fingerprint = o->u.message.fingerprint;
	if (o->u.message.subject_hash != 0)
		m.subject = o->u.message.subject_hash ^ tally_hash_text(o->u.message.from_domain);
	m.declared = (headers & list) != 0;
	m.unsubscribable = (headers & OBS_HDR_LIST_UNSUBSCRIBE) != 0;
	if (m.fingerprint == 0 && m.subject == 0)
		return;
	if (window_drains(w, &m, fresh[TALLY_HOUR], o->time_ns))
		for (unsigned span = 0; span < TALLY_SPAN__COUNT; span++)
			window_count(w, WINDOW_OPEN_5MIN + span, -fresh[span]);
	else
		window_count_campaign(w, &m, fresh[TALLY_HOUR]);
}

/* The log-likelihood ratios of what the estimator says, not of what was: it finds `found` of the
 * refusals and takes one reply in fifty for one that is none. */
static struct window_step
estimated_step(double t0, double t1, double found)
{
	const double wrong = 0.02;
	double q0 = t0 * found + (1 - t0) * wrong, q1 = t1 * found + (1 - t1) * wrong;

	return (struct window_step){log(q1 / q0), log((1 - q1) / (1 - q0))};
}

/* Refused recipients through TLS.  Sizes do not tell 450 from 550: at one organisation's server a
 * refusal counts less, once a day, and is taken back when mail gets through there, because that
 * is what greylisting looks like; the large houses do not greylist. */
static void
note_estimated_refusals(struct window *w, const struct observation *o,
    const struct window_context *c, const struct window_peer *p, double found)
{
	static const unsigned tests[3] = {
	    WINDOW_TEST_UNKNOWN, WINDOW_TEST_STALE, WINDOW_TEST_LOOSE};
	const struct window_step steps[3] = {estimated_step(0.05, 0.5, found),
	    estimated_step(0.05, 0.15, found), estimated_step(0.05, 0.1, found)};
	int32_t rejected = o->u.estimate.recipients_rejected, taken = o->u.estimate.recipients;
	uint64_t key = destination_key(KEY_DOUBTED, o);
	struct tally_seen_answer doubted = tally_seen_peek(&w->seen, key, o->time_ns);
	bool shared = p->house == WINDOW_HOUSE_SHARED;
	double weight = shared ? 1 : WEIGHT_TLS_DOUBTED;
	bool take_back = !shared && taken > 0 && doubted.flagged;

	if (!shared && rejected > 0) {
		rejected = doubted.age_ns < 0;
		tally_seen_touch(&w->seen, key, o->time_ns, rejected > 0 || doubted.flagged);
	}
	if (take_back)
		tally_seen_touch(&w->seen, key, o->time_ns, false);
	for (unsigned t = 0; t < 3; t++) {
		for (int32_t i = 0; i < rejected && i < 100; i++)
			window_trial_step(w, tests[t], c, o, true, weight, &steps[t]);
		if (take_back)
			window_trial_undo(w, tests[t], c, weight * steps[t].bad, o->time_ns);
		for (int32_t i = 0; i < taken && i < 100; i++)
			window_trial_step(w, tests[t], c, o, false, weight, &steps[t]);
	}
}

/* Counts estimated recipients as people; a drained mailing and the covered part apart. */
static void
count_estimate(struct window *w, const struct observation *o, const struct window_context *c,
    struct window_peer *p, int32_t recipients, int32_t refused, double weight)
{
	bool covered = c->grant_count > 0; /* no domain is seen: in favour of the tenant */
	struct window_campaign m = {
	    .kind = WINDOW_CAMPAIGN_SIZE, .size = (float)o->u.estimate.typical_bytes};
	double people = window_peer_people(w, p, weight * recipients, o);
	/* Nobody is recognised again through TLS, and over a day most mail goes to people who had
	 * some before. */
	double tried = people + weight * refused;
	double n[3] = {tried, tried, tried * WEIGHT_FAMILIAR};
	bool backlog = w->allowance > 0 && o->time_ns < w->allowance_until_ns;

	if (!covered && m.size > 0 && people > 0 && window_drains(w, &m, people, o->time_ns))
		return;
	window_count_recipients(w, c, n, covered, o->time_ns);
	window_count(w, WINDOW_ESTIMATED_HOUR, tried);
	if (!covered && !backlog && m.size > 0 && people > 0 && o->u.estimate.messages > 0)
		window_count_campaign(w, &m, people);
}

static void
observe_estimate(struct window *w, const struct observation *o, const struct window_context *c)
{
	double confidence = fmin(WEIGHT_TLS_MAX, o->u.estimate.confidence / 1000.0);
	int32_t messages = o->u.estimate.messages, recipients = o->u.estimate.recipients;
	int32_t refused = 0;
	struct window_peer *p =
	    window_take_peer(w, destination_key(KEY_DESTINATION, o), o->time_ns);

	if (recipients == 0) /* a message has at least one */
		recipients = messages;
	/* Whom a large house does not know was tried too, as in the clear; at a small one it may be
	 * greylisting, and at one with a grant it does not use it up. */
	if (p->house == WINDOW_HOUSE_SHARED && c->grant_count == 0)
		refused = o->u.estimate.recipients_rejected;
	if (recipients != 0 || refused != 0)
		count_estimate(w, o, c, p, recipients, refused,
		    fmin(1, fmax(WEIGHT_TLS_MIN, confidence / WEIGHT_TLS_SURE)));
	note_estimated_refusals(w, o, c, p, fmax(WEIGHT_TLS_MIN, confidence));
	if (messages <= 0)
		return;
	window_note_delivery(w, c, o->time_ns);
	note_welcome(w, c, o, 0);
	if (tally_seen_is_new(
		&w->seen, destination_key(KEY_DESTINATION, o), o->time_ns, CLOCK_DAY_NS)) {
		window_count(w, WINDOW_DESTINATIONS_HOUR, 1);
		window_count(w, WINDOW_DESTINATIONS_DAY, 1);
	}
}

/* --- sessions --- */

/* Connections that are no queue's retry: to a destination not tried within a day, or tried again at
 * once. */
static void
note_attempt(struct window *w, const struct observation *o)
{
	struct tally_seen_answer a =
	    tally_seen_touch(&w->seen, destination_key(KEY_ATTEMPT, o), o->time_ns, false);

	if (a.age_ns < 0 || a.age_ns < RETRY_MIN_NS)
		window_count(w, WINDOW_ATTEMPTS_5MIN, 1);
}

static void
observe_connect_failed(
    struct window *w, const struct observation *o, const struct window_context *c)
{
	note_attempt(w, o);
	if (c->blocked)
		return;
	if (!tally_seen_is_new(
		&w->seen, destination_key(KEY_UNCONNECTED, o), o->time_ns, CLOCK_HOUR_NS))
		return;
	window_trial(w, WINDOW_TEST_CONNECT, c, o, true, 1);
	if (w->outage_since_ns == 0)
		w->outage_since_ns = o->time_ns;
	w->outage_destinations += 1;
}

static void
observe_start(struct window *w, const struct observation *o, const struct window_context *c)
{
	struct tally_seen_answer failed =
	    tally_seen_peek(&w->seen, destination_key(KEY_UNCONNECTED, o), o->time_ns);

	note_attempt(w, o);
	if (c->blocked || !tally_seen_is_new(&w->seen, destination_key(KEY_CONNECTED, o),
			      o->time_ns, CLOCK_HOUR_NS))
		return;
	if (failed.age_ns >= 0 && failed.age_ns < CLOCK_HOUR_NS)
		window_trial_undo(
		    w, WINDOW_TEST_CONNECT, c, c->steps[WINDOW_TEST_CONNECT].bad, o->time_ns);
	else
		window_trial(w, WINDOW_TEST_CONNECT, c, o, false, 1);
}

static void
note_habits(struct window *w, const struct observation *o, const struct window_context *c)
{
	const uint16_t habits = o->u.end.habits;
	bool early = (habits & OBS_HABIT_EARLY) != 0;
	bool left = (habits & OBS_HABIT_NO_QUIT) != 0 && o->u.end.end == OBS_END_FIN;

	if (!o->u.end.is_smtp || o->u.end.end == OBS_END_CAPTURE || o->u.end.end == OBS_END_EVICTED)
		return;
	if (tally_seen_is_new(&w->seen,
		pair_key(KEY_TIDY, o,
		    early  ? 101
		    : left ? 102
			   : 100),
		o->time_ns, CLOCK_HOUR_NS))
		window_trial(w, WINDOW_TEST_RATWARE, c, o, early || left, early ? 1 : 0.5);
}

/* A name that a server gives itself and nobody else should: not an address, and not what
 * installations are called before somebody names them. */
static bool
helo_is_own(const char *name)
{
	static const char *const unnamed[] = {
	    "localhost", "localdomain", "local", "lan", "internal", "home", "invalid", "test"};
	const char *dot = strrchr(name, '.');

	if (dot == NULL || name[0] == '[' || (dot[1] >= '0' && dot[1] <= '9'))
		return false;
	for (size_t i = 0; i < sizeof(unnamed) / sizeof(unnamed[0]); i++)
		if (strcasecmp(dot + 1, unnamed[i]) == 0)
			return false;
	return strncasecmp(name, "localhost.", 10) != 0;
}

static void
note_helo(struct window *w, const struct observation *o)
{
	uint64_t name = tally_hash_text(o->u.end.helo);

	if (o->u.end.helo[0] == '\0')
		return;
	if (tally_seen_is_new(&w->seen, tally_key(KEY_HELO, name), o->time_ns, CLOCK_DAY_NS))
		window_count(w, WINDOW_HELO_DAY, 1);
	if (helo_is_own(o->u.end.helo))
		w->news_helo = name;
}

static void
observe_end(struct window *w, const struct observation *o, const struct window_context *c)
{
	const struct obs_counts *n = &o->u.end.counts;
	struct window_session *s = window_find_session(w, o->session);
	struct window_peer *p;
	bool delivered = n->messages > 0 || n->messages_estimated > 0;
	/* Replies that were read have had their say; what is left is a session that came for
	 * nothing. */
	bool empty = !delivered && n->messages_refused == 0 && n->recipients_rejected == 0 &&
		     n->recipients_deferred == 0 && o->u.end.is_smtp && o->u.end.end == OBS_END_FIN;

	if (s != NULL) {
		window_release_held(w, c, s, false, o->time_ns);
		*s = (struct window_session){0};
	}
	if (c->blocked && !delivered)
		return;
	if ((empty || delivered) &&
	    tally_seen_is_new(&w->seen, pair_key(KEY_SHORT, o, empty), o->time_ns, CLOCK_HOUR_NS))
		window_trial(w, WINDOW_TEST_SHORT, c, o, empty, 1);
	note_helo(w, o);
	p = window_find_peer(w, destination_key(KEY_DESTINATION, o));
	if (p != NULL && p->house == WINDOW_HOUSE_UNKNOWN)
		p->house = (uint8_t)window_house_of(o->u.end.greeting_host);
	note_habits(w, o, c);
}

/* Port 465, 587, 2525 and relays: only refused logins are evidence there, and they block nothing.
 */
static void
observe_submission(struct window *w, const struct observation *o)
{
	if (o->kind != OBS_SESSION_END || o->u.end.auth_failures == 0)
		return;
	if (!tally_seen_is_new(&w->seen, destination_key(KEY_AUTH, o), o->time_ns, CLOCK_HOUR_NS))
		return;
	window_count(w, WINDOW_AUTH_HOUR, 1);
}

static void
observe_outbound(struct window *w, const struct observation *o, const struct window_context *c)
{
	switch (o->kind) {
	case OBS_SESSION_START:
		observe_start(w, o, c);
		break;
	case OBS_CONNECT_FAILED:
		observe_connect_failed(w, o, c);
		break;
	case OBS_GREETING:
		if (!c->blocked)
			note_remote(w, c, o, o->u.greeting.reply.remote, 0);
		break;
	case OBS_RECIPIENT:
		observe_recipient(w, o, c);
		break;
	case OBS_MESSAGE:
		observe_message(w, o, c);
		break;
	case OBS_ESTIMATE:
		observe_estimate(w, o, c);
		break;
	case OBS_SESSION_END:
		observe_end(w, o, c);
		break;
	default:
		break;
	}
}

void
window_prefetch(const struct window *w, const struct observation *o)
{
	switch (o->kind) {
	case OBS_SESSION_START:
		tally_seen_prefetch(&w->seen, destination_key(KEY_ATTEMPT, o));
		tally_seen_prefetch(&w->seen, destination_key(KEY_UNCONNECTED, o));
		tally_seen_prefetch(&w->seen, destination_key(KEY_CONNECTED, o));
		break;
	case OBS_RECIPIENT:
		tally_seen_prefetch(&w->seen, tally_key(KEY_RECIPIENT, o->u.recipient.hash));
		tally_seen_prefetch(&w->seen, tally_key(KEY_DOMAIN, o->u.recipient.domain_hash));
		break;
	case OBS_MESSAGE:
	case OBS_ESTIMATE:
		tally_seen_prefetch(&w->seen, destination_key(KEY_DESTINATION, o));
		tally_seen_prefetch(&w->seen, destination_key(KEY_DOUBTED, o));
		break;
	case OBS_SESSION_END:
		tally_seen_prefetch(&w->seen, tally_key(KEY_HELO, tally_hash_text(o->u.end.helo)));
		tally_seen_prefetch(&w->seen, pair_key(KEY_TIDY, o, 100));
		tally_seen_prefetch(&w->seen, pair_key(KEY_SHORT, o, 0));
		break;
	default:
		break;
	}
}

bool
window_observe(struct window *w, const struct observation *o, const struct window_context *c)
{
	w->changed = false;
	w->news.kind = WINDOW_CAMPAIGN_NONE;
	w->news_helo = 0;
	w->existence = (struct window_existence){0};
	window_turn(w, o->time_ns);
	if (w->first_ns == 0)
		w->first_ns = o->time_ns;
	if (o->kind == OBS_MX_QUERY) {
		if (tally_seen_is_new(&w->seen, tally_key(KEY_MX, o->u.mx_query.name_hash),
			o->time_ns, CLOCK_HOUR_NS))
			window_count(w, WINDOW_MX_HOUR, 1);
	} else if ((o->flags & OBS_F_INBOUND) != 0) {
		if (o->kind == OBS_SESSION_START) {
			window_count(w, WINDOW_INBOUND_DAY, 1);
			window_note_prompt(w, o->time_ns);
		}
	} else if (o->server_port != 25 || c->relayed) {
		observe_submission(w, o);
	} else {
		observe_outbound(w, o, c);
	}
	return w->changed;
}
