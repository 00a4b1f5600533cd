/* SPDX-License-Identifier: ISC */
/* The table of signals, and what its rows share.  Pure.  bulkhead-guard, replay. */
#include "policy/signal_private.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"

double
signal_poisson(double n, double mean_honest, double mean_other)
{
	if (n <= mean_honest)
		return n - mean_honest; /* the ratio is below zero there, and a logarithm costs */
	return n * log(mean_other / mean_honest) - (mean_other - mean_honest);
}

double
signal_sum(const struct signal_input *in, unsigned ring)
{
	return (double)in->window->sum[ring];
}

uint8_t
signal_weakest(const struct signal_input *in)
{
	return signal_sum(in, WINDOW_ESTIMATED_HOUR) > 0 ? OBS_TLS : OBS_CLEAR;
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
	.evaluate = signal_volume_evaluate,
	.explain = signal_volume_explain,
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
	.evaluate = signal_volume_evaluate,
	.explain = signal_volume_explain,
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
	.evaluate = signal_volume_evaluate,
	.explain = signal_volume_explain,
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
	.evaluate = signal_spread_evaluate,
	.explain = signal_spread_explain,
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
	.evaluate = signal_spread_evaluate,
	.explain = signal_spread_explain,
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
	.evaluate = signal_one_way_evaluate,
	.explain = signal_one_way_explain,
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
	.evaluate = signal_unknown_evaluate,
	.explain = signal_trials_explain,
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
	.evaluate = signal_trials_evaluate,
	.explain = signal_trials_explain,
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
	.evaluate = signal_spread_evaluate,
	.explain = signal_spread_explain,
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
	.evaluate = signal_connect_evaluate,
	.explain = signal_trials_explain,
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
	.evaluate = signal_trials_evaluate,
	.explain = signal_trials_explain,
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
	.evaluate = signal_helo_evaluate,
	.explain = signal_helo_explain,
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
	.evaluate = signal_trials_evaluate,
	.explain = signal_trials_explain,
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
	.evaluate = signal_auth_evaluate,
	.explain = signal_auth_explain,
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
	.evaluate = signal_complaints_evaluate,
	.explain = signal_complaints_explain,
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
