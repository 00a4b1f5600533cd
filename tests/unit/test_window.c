/* SPDX-License-Identifier: ISC */
/* The window: different people count once, retries and failures are not new, grants take their
 * part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "policy/signal.h"
#include "policy/window.h"
#include "policy/window_private.h"

#define START (INT64_C(1780272000) * CLOCK_SECOND_NS)

static const struct window_ceilings ceilings = {{20, 120, 800}};

struct fixture {
	struct window w;
	struct window_context c;
	struct grant grant;
	struct observation o;
	unsigned envelope; /* bytes of the next estimate's */
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->c.ceilings = &ceilings;
	f->c.steps = signal_steps;
	f->c.half_life_ns = 2 * CLOCK_HOUR_NS;
	f->o.time_ns = START;
	f->o.session = 1;
	f->o.server_port = 25;
	f->o.server.bytes[15] = 1;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	free(*state);
	return 0;
}

static void
recipient(struct fixture *f, uint64_t hash, unsigned reply_class, unsigned remote)
{
	f->o.kind = OBS_RECIPIENT;
	memset(&f->o.u, 0, sizeof(f->o.u));
	f->o.u.recipient.hash = hash;
	f->o.u.recipient.domain_hash = hash % 7 + 1;
	strcpy(f->o.u.recipient.sender_domain, "news.example");
	f->o.u.recipient.reply_class = (uint8_t)reply_class;
	f->o.u.recipient.reply.remote = (uint8_t)remote;
	window_observe(&f->w, &f->o, &f->c);
}

static void
message(struct fixture *f, const char *from, uint64_t text, unsigned headers)
{
	f->o.kind = OBS_MESSAGE;
	memset(&f->o.u, 0, sizeof(f->o.u));
	f->o.u.message.reply.code = 250;
	f->o.u.message.recipients_accepted = 1;
	strcpy(f->o.u.message.from_domain, from);
	f->o.u.message.headers_seen = true;
	f->o.u.message.headers = (uint16_t)headers;
	f->o.u.message.fingerprint = text;
	window_observe(&f->w, &f->o, &f->c);
}

static void
give_grant(struct fixture *f, uint64_t per_day)
{
	f->grant = (struct grant){.domains = {"news.example"},
	    .domain_count = 1,
	    .per_day = per_day,
	    .per_hour = per_day};
	f->c.grants[0] = &f->grant;
	f->c.grant_count = 1;
}

#define SUM(f, ring) ((int)((f)->w.sum[ring] + 0.5f))

static void
test_distinct(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 0; i < 90; i++)
		recipient(f, 1 + i % 30, OBS_ACCEPTED, 0);
	assert_int_equal(SUM(f, WINDOW_OPEN_5MIN), 30);
	assert_int_equal(SUM(f, WINDOW_OPEN_DAY), 30);
	/* Ten minutes later they are half new to the short clock, and not to the long ones. */
	f->o.time_ns += 10 * CLOCK_MINUTE_NS;
	for (uint64_t i = 0; i < 30; i++)
		recipient(f, 1 + i, OBS_ACCEPTED, 0);
	assert_int_equal(SUM(f, WINDOW_OPEN_5MIN), 15);
	assert_int_equal(SUM(f, WINDOW_OPEN_HOUR), 30);
	f->o.time_ns += 2 * CLOCK_DAY_NS;
	window_turn(&f->w, f->o.time_ns);
	assert_int_equal(SUM(f, WINDOW_OPEN_DAY), 0);
}

static void
test_overflowed_hashes(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 10; i++)
		recipient(f, 0, OBS_ACCEPTED, 0); /* not known: each counts */
	assert_int_equal(SUM(f, WINDOW_OPEN_5MIN), 10);
}

static void
test_deferred(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 1; i <= 20; i++)
		recipient(f, i, OBS_DEFERRED, OBS_REMOTE_GREYLIST);
	assert_int_equal(SUM(f, WINDOW_OPEN_5MIN), 20);
	f->o.time_ns += 2 * CLOCK_HOUR_NS;
	for (uint64_t i = 1; i <= 20; i++)
		recipient(f, i, OBS_ACCEPTED, 0);
	assert_int_equal(SUM(f, WINDOW_OPEN_5MIN), 0); /* counted when they were first tried */
	assert_int_equal(SUM(f, WINDOW_OPEN_DAY), 20);
}

static void
test_other_ports(void **state)
{
	static const uint16_t ports[] = {465, 587, 2525, 2526};
	struct fixture *f = *state;

	for (unsigned i = 0; i < 4; i++) {
		f->o.server_port = ports[i];
		recipient(f, i + 1, OBS_ACCEPTED, 0);
	}
	f->o.server_port = 25;
	f->c.relayed = true;
	recipient(f, 9, OBS_ACCEPTED, 0);
	f->c.relayed = false;
	f->o.flags = OBS_F_INBOUND;
	recipient(f, 10, OBS_ACCEPTED, 0);
	assert_int_equal(SUM(f, WINDOW_OPEN_5MIN), 0);
}

static void
test_unknown_once(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 500; i++)
		recipient(f, 77, OBS_REJECTED, OBS_REMOTE_UNKNOWN);
	assert_true(f->w.trials[WINDOW_TEST_UNKNOWN].bad == 1);
	for (uint64_t i = 0; i < 5; i++)
		recipient(f, 100 + i, OBS_REJECTED, OBS_REMOTE_UNKNOWN);
	assert_true(f->w.trials[WINDOW_TEST_UNKNOWN].bad == 6);
	/* Half of it is forgotten after the half-life. */
	double now = window_points(&f->w, WINDOW_TEST_UNKNOWN, START, f->c.half_life_ns);
	double later =
	    window_points(&f->w, WINDOW_TEST_UNKNOWN, START + f->c.half_life_ns, f->c.half_life_ns);
	assert_true(later > 0.49 * now && later < 0.51 * now);
}

static void
test_refusals_once_an_hour(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 50; i++)
		recipient(f, 7, OBS_DEFERRED, OBS_REMOTE_RATE);
	assert_true(f->w.trials[WINDOW_TEST_REMOTE].bad == 1);
	f->o.time_ns += CLOCK_HOUR_NS + CLOCK_MINUTE_NS;
	recipient(f, 7, OBS_DEFERRED, OBS_REMOTE_RATE);
	assert_true(f->w.trials[WINDOW_TEST_REMOTE].bad == 2);
	f->o.flags = OBS_F_GAP; /* half as sure */
	recipient(f, 8, OBS_DEFERRED, OBS_REMOTE_RATE);
	assert_true(f->w.trials[WINDOW_TEST_REMOTE].bad == 2.5f);
}

static void
test_grant(void **state)
{
	struct fixture *f = *state;

	give_grant(f, 25);
	for (uint64_t i = 1; i <= 40; i++) {
		recipient(f, i, OBS_ACCEPTED, 0);
		message(f, "news.example", 5, OBS_HDR_LIST_ID);
	}
	assert_int_equal(SUM(f, WINDOW_GRANTED_DAY), 25);
	assert_int_equal(SUM(f, WINDOW_OPEN_5MIN), 15); /* beyond the grant is outside of it */
	assert_int_equal(SUM(f, WINDOW_BEYOND_HOUR), 15);
	for (unsigned i = 0; i < WINDOW_CAMPAIGNS; i++)
		assert_true(f->w.campaign[i].sum == 0);
}

/* The envelope is of a service, the From field of the tenant: the message decides. */
static void
test_grant_by_from(void **state)
{
	struct fixture *f = *state;

	give_grant(f, 1000);
	strcpy(f->grant.domains[0], "tenant.example");
	recipient(f, 1, OBS_ACCEPTED, 0);
	recipient(f, 2, OBS_ACCEPTED, 0);
	assert_int_equal(SUM(f, WINDOW_OPEN_5MIN) + SUM(f, WINDOW_GRANTED_5MIN), 0);
	message(f, "tenant.example", 5, 0);
	assert_int_equal(SUM(f, WINDOW_GRANTED_5MIN), 2);
	recipient(f, 3, OBS_ACCEPTED, 0);
	message(f, "other.example", 5, 0);
	assert_int_equal(SUM(f, WINDOW_OPEN_5MIN), 1);
	recipient(f, 4, OBS_ACCEPTED, 0); /* the session ends before its message does */
	f->o.kind = OBS_SESSION_END;
	memset(&f->o.u, 0, sizeof(f->o.u));
	window_observe(&f->w, &f->o, &f->c);
	assert_int_equal(SUM(f, WINDOW_OPEN_5MIN), 2);
}

static void
estimate(struct fixture *f, int messages, int recipients, unsigned confidence)
{
	f->o.kind = OBS_ESTIMATE;
	f->o.visibility = OBS_TLS;
	memset(&f->o.u, 0, sizeof(f->o.u));
	f->o.u.estimate.messages = messages;
	f->o.u.estimate.recipients = recipients;
	f->o.u.estimate.confidence = (uint16_t)confidence;
	f->o.u.estimate.typical_bytes = 20000;
	f->o.u.estimate.envelope_bytes = (uint16_t)f->envelope;
	window_observe(&f->w, &f->o, &f->c);
}

static void
test_estimates(void **state)
{
	struct fixture *f = *state;

	estimate(f, 10, 20, 900);
	assert_int_equal(SUM(f, WINDOW_OPEN_5MIN), 20); /* sure enough to count in full */
	assert_int_equal(SUM(f, WINDOW_OPEN_DAY), 10);	/* nobody is recognised again */
	estimate(f, -5, -10, 900);
	assert_int_equal(SUM(f, WINDOW_OPEN_5MIN), 10);
	estimate(f, -100, -100, 900); /* never below nothing */
	assert_int_equal(SUM(f, WINDOW_OPEN_5MIN), 0);
	estimate(f, 4, 0, 0); /* a message has a recipient; no confidence is a quarter */
	assert_int_equal(SUM(f, WINDOW_OPEN_5MIN), 1);
}

static void
end_session(struct fixture *f, const char *greeting)
{
	f->o.kind = OBS_SESSION_END;
	memset(&f->o.u, 0, sizeof(f->o.u));
	snprintf(f->o.u.end.greeting_host, sizeof(f->o.u.end.greeting_host), "%s", greeting);
	window_observe(&f->w, &f->o, &f->c);
}

/* 500 mails to one organisation are twenty people and a few; to a mailbox provider they are 500. */
static void
test_houses(void **state)
{
	/* The ends of the list and some between, as they greet. */
	static const char *const shared[] = {"mail.ru", "mxs.mail.ru", "mx1.126.com",
	    "mx00.1and1.com", "mx.zoho.eu", "aspmx.l.google.com",
	    "am0.eur03.prod.protection.OUTLOOK.com", "mta7.am0.yahoodns.net",
	    "mx-eu.mail.am0.wp.pl", "mx2.hosting.reg.ru", "in1.smtp.messagingengine.com"};
	struct fixture *f = *state;

	estimate(f, 1, 1, 900);
	end_session(f, "mx.company.example");
	for (unsigned i = 0; i < 499; i++)
		estimate(f, 1, 1, 900);
	assert_in_range(SUM(f, WINDOW_OPEN_5MIN), 20, 40);
	memset(&f->w, 0, sizeof(f->w));
	estimate(f, 1, 1, 900);
	end_session(f, "gmail-smtp-in.l.GOOGLE.com");
	for (unsigned i = 0; i < 499; i++)
		estimate(f, 1, 1, 900);
	assert_int_equal(SUM(f, WINDOW_OPEN_5MIN), 500);
	assert_int_equal(window_house_of(""), WINDOW_HOUSE_UNKNOWN);
	assert_int_equal(window_house_of("notgoogle.com"), WINDOW_HOUSE_SINGLE);
	for (unsigned i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		assert_int_equal(window_house_of(shared[i]), WINDOW_HOUSE_SHARED);
	assert_int_equal(window_house_of("mx.mail.ru.example"), WINDOW_HOUSE_SINGLE);
}

/* Envelopes of many lengths, or of many recipients, are a list even at one organisation; a team's
 * five lengths, and a mailbox that moves with mail of all sizes, are not. */
static void
test_list_in_one_house(void **state)
{
	static const unsigned lengths[] = {1, 5, 8, 12};
	struct fixture *f = *state;

	for (unsigned k = 0; k < 4; k++) {
		memset(&f->w, 0, sizeof(f->w));
		estimate(f, 1, 1, 900);
		end_session(f, "mx.company.example");
		for (unsigned i = 0; i < 199; i++) {
			f->envelope = 30 + i % lengths[k];
			estimate(f, 1, 1, 900);
		}
		if (lengths[k] < 8)
			assert_in_range(SUM(f, WINDOW_OPEN_5MIN), 20, 30);
		else
			assert_in_range(SUM(f, WINDOW_OPEN_5MIN), 180, 200);
	}
	memset(&f->w, 0, sizeof(f->w));
	f->envelope = 0;
	estimate(f, 1, 1, 900);
	end_session(f, "mx.company.example");
	for (unsigned i = 0; i < 5; i++)
		estimate(f, 1, 50, 900);
	assert_in_range(SUM(f, WINDOW_OPEN_5MIN), 200, 251);
}

static void
refuse_estimated(struct fixture *f, unsigned host)
{
	f->o.server.bytes[15] = (uint8_t)host;
	estimate(f, 0, 0, 900);
	f->o.u.estimate.recipients_rejected = 1;
	window_observe(&f->w, &f->o, &f->c);
}

/* Through TLS a refusal that is followed by a delivery was greylisting. */
static void
test_greylisting_through_tls(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 1; i <= 6; i++)
		for (unsigned again = 0; again < 3; again++)
			refuse_estimated(f, i);
	assert_true(f->w.trials[WINDOW_TEST_UNKNOWN].points > 2);
	assert_true(f->w.trials[WINDOW_TEST_UNKNOWN].bad < 2.5f); /* 0.4 of 6, not of 18 */
	for (unsigned i = 1; i <= 6; i++) {
		f->o.server.bytes[15] = (uint8_t)i;
		estimate(f, 1, 1, 900);
	}
	assert_true(f->w.trials[WINDOW_TEST_UNKNOWN].points < 0.01f);
}

/* A post to twelve, then a pause, thirty times: bursts.  A steady run is none. */
static void
test_bursts(void **state)
{
	struct fixture *f = *state;

	for (uint64_t post = 0; post < 30; post++) {
		for (uint64_t i = 0; i < 12; i++) {
			recipient(f, 1 + post * 100 + i, OBS_ACCEPTED, 0);
			f->o.time_ns += CLOCK_SECOND_NS / 2;
		}
		f->o.time_ns += 10 * CLOCK_MINUTE_NS;
	}
	assert_true(window_clumping(&f->w) > 10);
	memset(&f->w, 0, sizeof(f->w));
	for (uint64_t i = 1; i < 300; i++) {
		recipient(f, 100000 + i, OBS_ACCEPTED, 0);
		f->o.time_ns += 10 * CLOCK_SECOND_NS;
	}
	assert_true(window_clumping(&f->w) == 1);
}

static void
test_campaigns(void **state)
{
	struct fixture *f = *state;
	float largest = 0;

	for (uint64_t i = 1; i <= 30; i++) {
		recipient(f, i, OBS_ACCEPTED, 0);
		message(f, "a.example", UINT64_C(0xabcdef) ^ 1u << i % 20, 0);
		recipient(f, 1000 + i, OBS_ACCEPTED, 0);
		message(f, "a.example", i * UINT64_C(0x9e3779b97f4a7c15), 0); /* all different */
	}
	for (unsigned i = 0; i < WINDOW_CAMPAIGNS; i++)
		largest = f->w.campaign[i].sum > largest ? f->w.campaign[i].sum : largest;
	assert_true(largest >= 30 && largest < 33);
}

static void
connect_failed(struct fixture *f, unsigned host)
{
	f->o.kind = OBS_CONNECT_FAILED;
	f->o.server.bytes[15] = (uint8_t)host;
	window_observe(&f->w, &f->o, &f->c);
}

/* A sender with a history whose network was away gets an allowance; a stranger does not. */
static void
test_outage(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 1; i <= 60; i++) {
		f->o.time_ns += CLOCK_MINUTE_NS;
		recipient(f, i, OBS_ACCEPTED, 0);
	}
	for (unsigned i = 0; i < 20; i++) {
		f->o.time_ns += 5 * CLOCK_MINUTE_NS;
		connect_failed(f, 10 + i);
	}
	recipient(f, 500, OBS_ACCEPTED, 0);
	assert_true(f->w.allowance > 60 && f->w.allowance <= 120);
	f->w.first_ns = 0;
	memset(&f->w, 0, sizeof(f->w));
	for (unsigned i = 0; i < 20; i++) {
		f->o.time_ns += 5 * CLOCK_MINUTE_NS;
		connect_failed(f, 10 + i);
	}
	recipient(f, 500, OBS_ACCEPTED, 0);
	assert_true(f->w.allowance <= 0);
}

static void
test_blocked_failures(void **state)
{
	struct fixture *f = *state;

	f->c.blocked = true; /* our own resets */
	for (unsigned i = 0; i < 20; i++)
		connect_failed(f, i);
	assert_true(f->w.trials[WINDOW_TEST_CONNECT].bad == 0);
	assert_int_equal(SUM(f, WINDOW_ATTEMPTS_5MIN), 20);
	f->o.time_ns += 5 * CLOCK_MINUTE_NS + CLOCK_MINUTE_NS;
	for (unsigned i = 0; i < 20; i++)
		connect_failed(f, i); /* a queue tries again */
	assert_int_equal(SUM(f, WINDOW_ATTEMPTS_5MIN), 0);
	connect_failed(f, 3); /* no queue tries again at once */
	assert_int_equal(SUM(f, WINDOW_ATTEMPTS_5MIN), 1);
}

static void
test_release(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 1; i <= 50; i++) {
		recipient(f, i, OBS_ACCEPTED, 0);
		recipient(f, 1000 + i, OBS_REJECTED, OBS_REMOTE_UNKNOWN);
	}
	window_release(&f->w, f->o.time_ns, 30, CLOCK_HOUR_NS);
	assert_int_equal(SUM(f, WINDOW_OPEN_DAY), 0);
	assert_true(f->w.trials[WINDOW_TEST_UNKNOWN].points == 0);
	for (uint64_t i = 1; i <= 50; i++)
		recipient(f, 2000 + i, OBS_ACCEPTED, 0);
	assert_int_equal(SUM(f, WINDOW_OPEN_5MIN), 20);
	assert_int_equal(SUM(f, WINDOW_OPEN_DAY), 50);
}

/* A name counts once an hour: asked again over TCP because the answer was truncated, or by a retry. */
static void
test_mx_names_count_once(void **state)
{
	struct fixture *f = *state;

	f->o.kind = OBS_MX_QUERY;
	for (unsigned name = 1; name <= 3; name++)
		for (unsigned again = 0; again < 4; again++) {
			f->o.time_ns += CLOCK_SECOND_NS;
			f->o.u.mx_query.name_hash = name;
			window_observe(&f->w, &f->o, &f->c);
		}
	assert_true(f->w.sum[WINDOW_MX_HOUR] == 3);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_mx_names_count_once),
	    CASE(test_distinct),
	    CASE(test_overflowed_hashes),
	    CASE(test_deferred),
	    CASE(test_other_ports),
	    CASE(test_unknown_once),
	    CASE(test_refusals_once_an_hour),
	    CASE(test_grant),
	    CASE(test_grant_by_from),
	    CASE(test_estimates),
	    CASE(test_houses),
	    CASE(test_list_in_one_house),
	    CASE(test_greylisting_through_tls),
	    CASE(test_bursts),
	    CASE(test_campaigns),
	    CASE(test_outage),
	    CASE(test_blocked_failures),
	    CASE(test_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
