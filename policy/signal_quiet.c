/* SPDX-License-Identifier: ISC */
/*
 * Whether any signal has something to say at all.  Nearly always none has, and then the table need
 * not be gone through: this is asked for every message of every server.  bulkhead-guard, replay.
 */
#include <math.h>

#include "policy/signal_private.h"

/* The row is silent below its activation, and when all of its evidence was outweighed. */
static bool
test_is_quiet(const struct window *w, unsigned test, float activation)
{
	return w->trials[test].bad < activation || w->trials[test].points <= 0;
}

/* (r - 1) / ln r, rounded down, for the ratios 3, 2 and 1.5: up to so many times its mean a count
 * speaks for the honest sender. */
static bool
volume_is_quiet(const struct signal_input *in)
{
	static const double silent[TALLY_SPAN__COUNT] = {1.82, 1.44, 1.23};

	for (unsigned span = 0; span < TALLY_SPAN__COUNT; span++)
		if ((double)in->window->sum[WINDOW_OPEN_5MIN + span] >
		    silent[span] * in->ceilings->span[span])
			return false;
	return true;
}

static bool
mailings_are_quiet(const struct signal_input *in)
{
	const struct pool_view *t = &in->tenant, *o = &in->others;

	if (t->members >= 2 && fmax(t->five, t->hour) >= SIGNAL_MAILING_MIN)
		return false;
	if (o->members >= 3 && o->hour >= SIGNAL_MAILING_MIN)
		return false;
	for (unsigned i = 0; i < WINDOW_CAMPAIGNS; i++)
		if ((double)in->window->campaign[i].sum >= SIGNAL_MAILING_MIN)
			return false;
	return true;
}

bool
signal_all_quiet(const struct signal_input *in)
{
	const struct window *w = in->window;

	return volume_is_quiet(in) && mailings_are_quiet(in) &&
	       (double)w->sum[WINDOW_DOMAINS_HOUR] < SIGNAL_SPREAD_MIN &&
	       (double)w->sum[WINDOW_MX_HOUR] < SIGNAL_SPREAD_MIN &&
	       (double)w->sum[WINDOW_SENDERS_HOUR] < SIGNAL_SENDERS_MIN &&
	       (double)w->sum[WINDOW_HELO_DAY] < SIGNAL_HELO_MIN &&
	       (double)w->sum[WINDOW_AUTH_HOUR] < SIGNAL_AUTH_MIN &&
	       (double)w->sum[WINDOW_COMPLAINTS_DAY] < SIGNAL_COMPLAINTS_MIN &&
	       in->name_tenants < SIGNAL_NAMES_MIN &&
	       test_is_quiet(w, WINDOW_TEST_UNKNOWN, SIGNAL_UNKNOWN_MIN) &&
	       test_is_quiet(w, WINDOW_TEST_STALE, SIGNAL_UNKNOWN_MIN) &&
	       test_is_quiet(w, WINDOW_TEST_REMOTE, SIGNAL_REMOTE_MIN) &&
	       test_is_quiet(w, WINDOW_TEST_CONNECT, SIGNAL_CONNECT_MIN) &&
	       test_is_quiet(w, WINDOW_TEST_SHORT, SIGNAL_CONNECT_MIN) &&
	       test_is_quiet(w, WINDOW_TEST_RATWARE, SIGNAL_REMOTE_MIN) &&
	       (in->others.members < 3 || test_is_quiet(w, WINDOW_TEST_LOOSE, SIGNAL_CONNECT_MIN));
}
