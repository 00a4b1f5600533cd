/* SPDX-License-Identifier: ISC */
/* Rows of the table that are sequential tests: trials that went well or badly.  Pure.  bulkhead-guard, replay. */
#include "policy/signal_private.h"

#include <math.h>
#include <stdio.h>

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

void
signal_trials_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f)
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
void
signal_unknown_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	double people = signal_sum(in, WINDOW_OPEN_DAY) + signal_sum(in, WINDOW_GRANTED_DAY);

	struct signal stale = *s;
	struct signal_finding patient = {0};

	signal_trials_evaluate(s, in, f);
	stale.subject = WINDOW_TEST_STALE;
	signal_trials_evaluate(&stale, in, &patient);
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
		if (signal_table[i].evaluate != signal_unknown_evaluate)
			continue;
		signal_evaluate(&signal_table[i], in, &f);
		return f.points;
	}
	return 0;
}

/* Nobody is reachable: that is an outage of the server, and hurts nobody. */
void
signal_connect_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	signal_trials_evaluate(s, in, f);
	f->visibility = OBS_FLOW;
	if (f->beside - f->value < 1)
		f->points = 0;
}

void
signal_trials_explain(const struct signal *s, const struct signal_input *in,
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
