/* SPDX-License-Identifier: ISC */
/* The table of signals.  bulkhead-guard, replay. */
#include "policy/signal_private.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* ln(theta1/theta0) for a bad trial, ln((1-theta1)/(1-theta0)) for a good one. */
#define LN_10	  SIGNAL_LN_10
#define LN_4	  1.386294361
#define LN_5	  1.609437912
#define LN_050_95 (-0.641853886) /* ln(0.50 / 0.95) */
#define LN_050_90 (-0.587786665) /* ln(0.50 / 0.90) */

#define LN_3	  1.098612289
#define LN_085_95 (-0.111225635) /* ln(0.85 / 0.95) */
#define LN_2	  0.693147181
#define LN_090_95 (-0.054067221) /* ln(0.90 / 0.95) */

#define UNKNOWN_THETA0 0.05
#define STALE_MIN      12.0 /* unknown recipients before the patient test speaks */

const struct window_step signal_steps[WINDOW_TEST__COUNT] = {
    [WINDOW_TEST_UNKNOWN] = {LN_10, LN_050_95}, /* 0.05 (Mail.ru) against 0.5 (Forpsi) */
    [WINDOW_TEST_STALE] = {LN_3, LN_085_95},	/* 0.05 against 0.15 */
    [WINDOW_TEST_LOOSE] = {LN_2, LN_090_95},	/* 0.05 against 0.1 */
    [WINDOW_TEST_REMOTE] = {LN_5, LN_050_90},	/* 0.1 against 0.5 of the destinations */
    [WINDOW_TEST_CONNECT] = {LN_4, -LN_4},	/* 0.2 against 0.8 (TRW) */
    [WINDOW_TEST_SHORT] = {LN_4, -LN_4},
    [WINDOW_TEST_RATWARE] = {LN_10, LN_050_95}, /* 0.05 against 0.5 */
};

double
signal_poisson(double n, double mean_honest, double mean_other)
{
	if (n <= mean_honest)
		return n - mean_honest; /* the ratio is below zero there, and a logarithm costs */
	return n * log(mean_other / mean_honest) - (mean_other - mean_honest);
}

static double
ring_sum(const struct signal_input *in, unsigned ring)
{
	return (double)in->window->sum[ring];
}

static uint8_t
weakest(const struct signal_input *in)
{
	return ring_sum(in, WINDOW_ESTIMATED_HOUR) > 0 ? OBS_TLS : OBS_CLEAR;
}

/* --- volume --- */

/* A bulk sender sends at least so many times an honest server's ceiling; the longer the clock, the
 * smaller the step that shows. */
static const double volume_ratio[TALLY_SPAN__COUNT] = {3, 2, 1.5};
static const char *const volume_span[TALLY_SPAN__COUNT] = {"5 minutes", "an hour", "a day"};

static void
volume_evaluate(const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	double ceiling = in->ceilings->span[s->subject];

	f->value = ring_sum(in, WINDOW_OPEN_5MIN + s->subject);
	f->threshold = ceiling;
	f->beside = ring_sum(in, WINDOW_BEYOND_HOUR);
	f->points = signal_poisson(f->value, ceiling, volume_ratio[s->subject] * ceiling) /
		    window_clumping(in->window);
	f->visibility = weakest(in);
}

static void
volume_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	const char *plan = in->plan[0] != '\0' ? in->plan : "default";

	if (f->beside >= 1)
		snprintf(buf, size,
		    "%.0f different recipients in %s outside of what the grant allows (%.0f of "
		    "them "
		    "beyond its volume); plan %s stays below %.0f",
		    f->value, volume_span[s->subject], fmin(f->beside, f->value), plan,
		    f->threshold);
	else
		snprintf(buf, size,
		    "%.0f%s different recipients in %s; a server on plan %s stays below %.0f",
		    f->value, f->visibility == OBS_TLS ? " (estimated through TLS)" : "",
		    volume_span[s->subject], plan, f->threshold);
}

/* --- spread --- */

/* How many different X an hour, against the mean that an honest server has. */
static void
spread_evaluate(const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	double honest = s->subject == WINDOW_SENDERS_HOUR ? 10 : in->ceilings->span[TALLY_5MIN];

	f->value = ring_sum(in, s->subject);
	f->threshold = honest;
	f->points = signal_poisson(f->value, honest, 3 * honest);
	/* A forwarder carries other people's domains, but it receives what it forwards. */
	if (s->subject == WINDOW_SENDERS_HOUR && ring_sum(in, WINDOW_INBOUND_DAY) >= f->value / 2)
		f->points = 0;
}

static void
spread_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	const char *what = s->subject == WINDOW_DOMAINS_HOUR ? "recipient domains"
			   : s->subject == WINDOW_MX_HOUR ? "domains asked for their mail servers"
							  : "sender domains";

	(void)in;
	snprintf(buf, size, "%.0f different %s within an hour; usual is up to %.0f", f->value, what,
	    f->threshold);
}

/* Nine of ten mass mailers receive nothing, three of ten honest servers of this size: ln(0.9/0.3).
 */
static void
one_way_evaluate(const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	(void)s;
	f->value = ring_sum(in, WINDOW_OPEN_DAY);
	f->threshold = s->activation;
	f->points = ring_sum(in, WINDOW_INBOUND_DAY) > 0 ? 0 : 1.0986;
	f->visibility = weakest(in);
}

static void
one_way_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	(void)s;
	(void)in;
	snprintf(buf, size,
	    "sent to %.0f different recipients within a day and received mail from none", f->value);
}

/* --- trials --- */

static void
trials_evaluate(const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	const struct window_trials *t = &in->window->trials[s->subject];

	f->value = (double)t->bad;
	f->beside = (double)(t->bad + t->good);
	f->threshold = s->activation;
	f->since_ns = t->since_ns;
	f->visibility = t->estimated ? OBS_TLS : OBS_CLEAR;
	f->points = window_points(in->window, s->subject, in->now_ns, in->half_life_ns);
}

/* The test begins anew after each recovery, so a server that mails N people a day takes it about
 * N theta0 times: its bound rises by the logarithm of that (Bonferroni). */
static void
unknown_evaluate(const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	double people = ring_sum(in, WINDOW_OPEN_DAY) + ring_sum(in, WINDOW_GRANTED_DAY);

	struct signal stale = *s;
	struct signal_finding patient = {0};

	trials_evaluate(s, in, f);
	stale.subject = WINDOW_TEST_STALE;
	trials_evaluate(&stale, in, &patient);
	if (patient.points > f->points && patient.value >= STALE_MIN)
		*f = patient;
	/* ... and two tests look at it. */
	f->points -= LN_2 + log(fmax(1, UNKNOWN_THETA0 * people));
}

double
signal_unknown_points(const struct signal_input *in)
{
	struct signal_finding f;

	for (unsigned i = 0; i < signal_count; i++) {
		if (signal_table[i].evaluate != unknown_evaluate)
			continue;
		signal_evaluate(&signal_table[i], in, &f);
		return f.points;
	}
	return 0;
}

/* Nobody is reachable: that is an outage of the server, and hurts nobody. */
static void
connect_evaluate(const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	trials_evaluate(s, in, f);
	f->visibility = OBS_FLOW;
	if (f->beside - f->value < 1)
		f->points = 0;
}

static void
trials_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	static const char *const what[WINDOW_TEST__COUNT] = {
	    [WINDOW_TEST_UNKNOWN] = "recipients do not exist",
	    [WINDOW_TEST_STALE] = "",
	    [WINDOW_TEST_LOOSE] = "",
	    [WINDOW_TEST_REMOTE] = "destinations refused the mail as spam, listed or too much",
	    [WINDOW_TEST_CONNECT] = "destinations could not be connected to",
	    [WINDOW_TEST_SHORT] = "destinations saw a session end without a message",
	    [WINDOW_TEST_RATWARE] =
		("sessions and messages show habits of bulk tools (talking early, "
		 "no QUIT, no Date or Message-ID)"),
	};
	char iso[CLOCK_ISO_BYTES];
	int64_t second = f->since_ns - f->since_ns % CLOCK_SECOND_NS;

	(void)in;
	snprintf(buf, size, "%.0f of %.0f%s %s, since %s", ceil(f->value), ceil(f->beside),
	    f->visibility == OBS_TLS ? " (in part estimated through TLS)" : "", what[s->subject],
	    clock_format_iso(iso, second));
}

static void
helo_evaluate(const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	f->value = ring_sum(in, WINDOW_HELO_DAY);
	f->threshold = s->activation;
	f->points = 0.5 * (f->value - 2); /* two names are common: the host's and the site's */
}

static void
helo_explain(const struct signal *s, const struct signal_input *in, const struct signal_finding *f,
    char *buf, size_t size)
{
	(void)s;
	(void)in;
	snprintf(buf, size, "greeted with %.0f different names within a day", f->value);
}

static void
auth_evaluate(const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	f->value = ring_sum(in, WINDOW_AUTH_HOUR);
	f->threshold = s->activation;
	f->points = signal_poisson(f->value, 2, 10); /* a forgotten password, and a list of them */
}

static void
auth_explain(const struct signal *s, const struct signal_input *in, const struct signal_finding *f,
    char *buf, size_t size)
{
	(void)s;
	(void)in;
	snprintf(buf, size,
	    "%.0f different submission servers refused its logins within an hour (nothing is "
	    "blocked "
	    "for it)",
	    f->value);
}

static void
complaints_evaluate(const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	f->value = ring_sum(in, WINDOW_COMPLAINTS_DAY);
	f->threshold = s->activation;
	/* 0.3 % (the limit of Google and Yahoo) of 160 mails a day, and ten times that. */
	f->points = signal_poisson(f->value, 0.5, 5);
}

static void
complaints_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	(void)s;
	(void)in;
	snprintf(buf, size,
	    "%.0f receivers complained within a day that mail of this server is spam", f->value);
}

/* --- the table --- */

const struct signal signal_table[] = {
    {
	.name = "recipients-5min",
	.question = QUESTION_BULK,
	.group = SIGNAL_VOLUME,
	.needs = SIGNAL_NEEDS_ANY,
	.highest = RUNG_BLOCK,
	.activation = 1,
	.window_ns = 5 * CLOCK_MINUTE_NS,
	.subject = TALLY_5MIN,
	.evaluate = volume_evaluate,
	.explain = volume_explain,
	.ask = "Does it mail more people in five minutes than its plan ever does?",
	.source = "field: 100 or 400 per 5 min per resource (Servercore, Selectel); Byington 2015: "
		  "three clocks per customer; Lin 2013: distinct recipients",
    },
    {
	.name = "recipients-hour",
	.question = QUESTION_BULK,
	.group = SIGNAL_VOLUME,
	.needs = SIGNAL_NEEDS_ANY,
	.highest = RUNG_BLOCK,
	.activation = 1,
	.window_ns = CLOCK_HOUR_NS,
	.subject = TALLY_HOUR,
	.evaluate = volume_evaluate,
	.explain = volume_explain,
	.ask = "Does it mail more people in an hour?",
	.source = "field: 100 (CSF, Plesk) to 200 (cPanel) an hour; Byington 2015",
    },
    {
	.name = "recipients-day",
	.question = QUESTION_BULK,
	.group = SIGNAL_VOLUME,
	.needs = SIGNAL_NEEDS_ANY,
	.highest = RUNG_BLOCK,
	.activation = 1,
	.window_ns = CLOCK_DAY_NS,
	.subject = TALLY_DAY,
	.evaluate = volume_evaluate,
	.explain = volume_explain,
	.ask = "Does it mail more people in a day?",
	.source = "field: 500 (Yandex mailbox) to 2,000 (Vlad-Host) a day; Byington 2015",
    },
    {
	.name = "declared-bulk",
	.question = QUESTION_BULK,
	.group = SIGNAL_VOLUME,
	.needs = SIGNAL_NEEDS_CLEAR,
	.highest = RUNG_BLOCK,
	.activation = SIGNAL_MAILING_MIN,
	.window_ns = CLOCK_HOUR_NS,
	.subject = WINDOW_CAMPAIGN_TEXT,
	.evaluate = signal_declared_evaluate,
	.explain = signal_declared_explain,
	.ask = "Is it a mailing by its own declaration?",
	.source = "RFC 2369, 2919, 8058; DCC and rspamd fuzzy for near-identical",
    },
    {
	.name = "same-text",
	.question = QUESTION_BULK,
	.group = SIGNAL_VOLUME,
	.needs = SIGNAL_NEEDS_CLEAR,
	.highest = RUNG_BLOCK,
	.activation = SIGNAL_MAILING_MIN,
	.window_ns = CLOCK_HOUR_NS,
	.subject = WINDOW_CAMPAIGN_TEXT,
	.evaluate = signal_same_text_evaluate,
	.explain = signal_same_text_explain,
	.ask = "Do many people get the same text?",
	.source = "DCC, rspamd fuzzy; Manku 2007 for the distance",
    },
    {
	.name = "tenant-mailing",
	.question = QUESTION_BULK,
	.group = SIGNAL_VOLUME,
	.needs = SIGNAL_NEEDS_CLEAR | SIGNAL_NEEDS_TLS,
	.highest = RUNG_BLOCK,
	.activation = SIGNAL_MAILING_MIN,
	.window_ns = CLOCK_HOUR_NS,
	.evaluate = signal_tenant_evaluate,
	.explain = signal_tenant_explain,
	.ask = "Do several servers of one tenant share a mailing?",
	.source = "M3AAWG hosting BCP (Byington): thresholds per customer",
    },
    {
	.name = "snowshoe",
	.question = QUESTION_ABUSE,
	.group = SIGNAL_CORROBORATION,
	.needs = SIGNAL_NEEDS_CLEAR,
	.highest = RUNG_WATCH,
	.activation = SIGNAL_MAILING_MIN,
	.window_ns = CLOCK_HOUR_NS,
	.evaluate = signal_snowshoe_evaluate,
	.explain = signal_snowshoe_explain,
	.ask = "Do servers of several tenants share a mailing?",
	.source = "snowshoe: Spamhaus; M3AAWG: slow over a lot of address space",
    },
    {
	.name = "shared-list",
	.question = QUESTION_ABUSE,
	.group = SIGNAL_DIRECT,
	.needs = SIGNAL_NEEDS_CLEAR | SIGNAL_NEEDS_TLS,
	.highest = RUNG_BLOCK,
	.activation = SIGNAL_CONNECT_MIN,
	.decays = true,
	.subject = WINDOW_TEST_LOOSE,
	.evaluate = signal_shared_list_evaluate,
	.explain = signal_shared_list_explain,
	.ask = "Does it mail its share of a bad list that servers of several tenants share?",
	.source = "snowshoe: M3AAWG hosting BCP; Mail.ru: at most 5 % invalid",
    },
    {
	.name = "shared-name",
	.question = QUESTION_ABUSE,
	.group = SIGNAL_CORROBORATION,
	.needs = SIGNAL_NEEDS_ANY,
	.highest = RUNG_WATCH,
	.activation = SIGNAL_NAMES_MIN,
	.window_ns = CLOCK_DAY_NS,
	.evaluate = signal_shared_name_evaluate,
	.explain = signal_shared_name_explain,
	.ask = "Do servers of several tenants greet by its name?",
	.source = "snowshoe: Spamhaus; Clayton 2004: HELO",
    },
    {
	.name = "same-size",
	.question = QUESTION_BULK,
	.group = SIGNAL_VOLUME,
	.needs = SIGNAL_NEEDS_TLS,
	.highest = RUNG_BLOCK,
	.activation = SIGNAL_MAILING_MIN,
	.window_ns = CLOCK_HOUR_NS,
	.subject = WINDOW_CAMPAIGN_SIZE,
	.evaluate = signal_same_size_evaluate,
	.explain = signal_same_size_explain,
	.ask = "Do many destinations get messages of one size?",
	.source = "ours",
    },
    {
	.name = "recipient-domains",
	.question = QUESTION_BULK,
	.group = SIGNAL_CORROBORATION,
	.needs = SIGNAL_NEEDS_CLEAR,
	.highest = RUNG_CLEAR,
	.activation = SIGNAL_SPREAD_MIN,
	.window_ns = CLOCK_HOUR_NS,
	.subject = WINDOW_DOMAINS_HOUR,
	.evaluate = spread_evaluate,
	.explain = spread_explain,
	.ask = "Does it mail unusually many organisations?",
	.source = "Lin 2013: uniqueness",
    },
    {
	.name = "mx-queries",
	.question = QUESTION_BULK,
	.group = SIGNAL_CORROBORATION,
	.needs = SIGNAL_NEEDS_ANY,
	.highest = RUNG_CLEAR,
	.activation = SIGNAL_SPREAD_MIN,
	.window_ns = CLOCK_HOUR_NS,
	.subject = WINDOW_MX_HOUR,
	.evaluate = spread_evaluate,
	.explain = spread_explain,
	.ask = "Does it look up unusually many mail servers?",
	.source = "Whyte 2006",
    },
    {
	.name = "one-way",
	.question = QUESTION_BULK,
	.group = SIGNAL_CORROBORATION,
	.needs = SIGNAL_NEEDS_ANY,
	.highest = RUNG_CLEAR,
	.activation = 30,
	.window_ns = CLOCK_DAY_NS,
	.evaluate = one_way_evaluate,
	.explain = one_way_explain,
	.ask = "Does it send to many and receive from none?",
	.source = "ErDOS, Cohen 2013",
    },
    {
	.name = "unknown-recipients",
	.question = QUESTION_ABUSE,
	.group = SIGNAL_DIRECT,
	.needs = SIGNAL_NEEDS_CLEAR | SIGNAL_NEEDS_TLS,
	.highest = RUNG_BLOCK,
	.activation = SIGNAL_UNKNOWN_MIN,
	.decays = true,
	.subject = WINDOW_TEST_UNKNOWN,
	.evaluate = unknown_evaluate,
	.explain = trials_explain,
	.ask = "Does it write to people who do not exist?",
	.source =
	    "Mail.ru: at most 5 % invalid; Forpsi: over half undeliverable; SPOT 2009 (SPRT); "
	    "cPanel: a ratio with a floor",
    },
    {
	.name = "remote-verdicts",
	.question = QUESTION_ABUSE,
	.group = SIGNAL_DIRECT,
	.needs = SIGNAL_NEEDS_ANY,
	.highest = RUNG_WARN,
	.activation = SIGNAL_REMOTE_MIN,
	.decays = true,
	.subject = WINDOW_TEST_REMOTE,
	.evaluate = trials_evaluate,
	.explain = trials_explain,
	.ask = "Do the receivers call it spam?",
	.source = "Zeek blocklists; KumoMTA traffic shaping automation; Gmail 421-4.7.28",
    },
    {
	.name = "sender-variety",
	.question = QUESTION_ABUSE,
	.group = SIGNAL_CORROBORATION,
	.needs = SIGNAL_NEEDS_CLEAR,
	.highest = RUNG_WATCH,
	.activation = SIGNAL_SENDERS_MIN,
	.window_ns = CLOCK_HOUR_NS,
	.subject = WINDOW_SENDERS_HOUR,
	.evaluate = spread_evaluate,
	.explain = spread_explain,
	.ask = "Does it send in the name of many domains?",
	.source = "Clayton 2004",
    },
    {
	.name = "failed-connections",
	.question = QUESTION_ABUSE,
	.group = SIGNAL_CORROBORATION,
	.needs = SIGNAL_NEEDS_ANY,
	.highest = RUNG_WATCH,
	.activation = SIGNAL_CONNECT_MIN,
	.decays = true,
	.subject = WINDOW_TEST_CONNECT,
	.evaluate = connect_evaluate,
	.explain = trials_explain,
	.ask = "Does it connect to servers that are not there?",
	.source = "TRW, Jung 2004; Schatzmann 2009",
    },
    {
	.name = "short-sessions",
	.question = QUESTION_ABUSE,
	.group = SIGNAL_CORROBORATION,
	.needs = SIGNAL_NEEDS_ANY,
	.highest = RUNG_WATCH,
	.activation = SIGNAL_CONNECT_MIN,
	.decays = true,
	.subject = WINDOW_TEST_SHORT,
	.evaluate = trials_evaluate,
	.explain = trials_explain,
	.ask = "Do its sessions end without a message?",
	.source = "Schatzmann 2009",
    },
    {
	.name = "helo-changes",
	.question = QUESTION_ABUSE,
	.group = SIGNAL_CORROBORATION,
	.needs = SIGNAL_NEEDS_ANY,
	.highest = RUNG_WATCH,
	.activation = SIGNAL_HELO_MIN,
	.window_ns = CLOCK_DAY_NS,
	.evaluate = helo_evaluate,
	.explain = helo_explain,
	.ask = "Does it change its name?",
	.source = "Clayton 2004; SNARE 2009",
    },
    {
	.name = "ratware",
	.question = QUESTION_ABUSE,
	.group = SIGNAL_CORROBORATION,
	.needs = SIGNAL_NEEDS_CLEAR,
	.highest = RUNG_WATCH,
	.activation = SIGNAL_REMOTE_MIN,
	.decays = true,
	.subject = WINDOW_TEST_RATWARE,
	.evaluate = trials_evaluate,
	.explain = trials_explain,
	.ask = "Does it behave like a bulk tool?",
	.source = "Sawaya and Miyake (KDDI); Postfix postscreen",
    },
    {
	.name = "no-unsubscribe",
	.question = QUESTION_ABUSE,
	.group = SIGNAL_CORROBORATION,
	.needs = SIGNAL_NEEDS_CLEAR,
	.highest = RUNG_CLEAR,
	.activation = SIGNAL_MAILING_MIN,
	.window_ns = CLOCK_HOUR_NS,
	.subject = WINDOW_CAMPAIGN_TEXT,
	.evaluate = signal_no_unsubscribe_evaluate,
	.explain = signal_no_unsubscribe_explain,
	.ask = "Is it bulk that nobody can leave?",
	.source = "RFC 8058; Google, Yahoo and Mail.ru sender rules",
    },
    {
	.name = "auth-failures",
	.question = QUESTION_ABUSE,
	.group = SIGNAL_ALERT,
	.needs = SIGNAL_NEEDS_ANY,
	.highest = RUNG_WARN,
	.activation = SIGNAL_AUTH_MIN,
	.window_ns = CLOCK_HOUR_NS,
	.evaluate = auth_evaluate,
	.explain = auth_explain,
	.ask = "Does it try passwords at other people's servers?",
	.source = "credential stuffing; RFC 5068: submission stays open",
    },
    {
	/* Anybody can write a complaint: alone it never closes anything. */
	.name = "complaints",
	.question = QUESTION_ABUSE,
	.group = SIGNAL_DIRECT,
	.needs = SIGNAL_NEEDS_ANY,
	.highest = RUNG_WARN,
	.activation = SIGNAL_COMPLAINTS_MIN,
	.window_ns = CLOCK_DAY_NS,
	.evaluate = complaints_evaluate,
	.explain = complaints_explain,
	.ask = "Do receivers complain about its mail?",
	.source = "RFC 5965; Google's and Yahoo's sender rules: complaints below 0.3 %",
    },
};
const unsigned signal_count = sizeof(signal_table) / sizeof(signal_table[0]);

enum rung
signal_group_highest(unsigned question, unsigned group)
{
	if (group == SIGNAL_CORROBORATION)
		return question == QUESTION_BULK ? RUNG_CLEAR : RUNG_WATCH;
	return group == SIGNAL_ALERT ? RUNG_WARN : RUNG_BLOCK;
}

void
signal_evaluate(const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	memset(f, 0, sizeof(*f));
	s->evaluate(s, in, f);
	if (f->points < 0 || f->value < s->activation)
		f->points = 0;
}
