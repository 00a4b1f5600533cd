/* SPDX-License-Identifier: ISC */
/* The judge as a whole: attribution, counts, verdicts, grants, the safety catch. */
#include <errno.h>

#include "tests/unit/judge_fixture.h"

static void
test_bulk_is_blocked(void **state)
{
	struct fixture *f = *state;
	struct judge_view v;

	blast(f, 3, 60);
	v = get(f, 3);
	assert_int_equal(v.verdict.rung, RUNG_BLOCK);
	assert_int_equal(v.verdict.question, QUESTION_BULK);
	assert_in_range(v.verdict.messages_before_block, 40, 47);
	assert_int_equal(v.counts.messages, 60);
	assert_int_equal(v.counts.recipients_accepted, 60);
	assert_int_equal(v.counts.distinct_destinations, 60);
	assert_int_equal(v.counts.distinct_recipient_domains, 5);
	assert_int_equal(v.sample_count, 6);
	assert_string_equal(v.samples[0].recipient_domain, "people.example");
	assert_int_equal(v.score[QUESTION_BULK].reason_count > 0, 1);
	assert_true(f->changes[f->change_count - 1].to == RUNG_BLOCK);
	assert_false(f->changes[f->change_count - 1].shadow);
	assert_int_equal(get(f, 4).verdict.rung, RUNG_CLEAR);
	/* An hour later, silent, it lifts with nothing held against it. */
	pass(f, 62 * CLOCK_MINUTE_NS);
	assert_int_equal(get(f, 3).verdict.rung, RUNG_CLEAR);
	assert_true(f->changes[f->change_count - 1].lifted_by_time);
	assert_true(get(f, 3).score[QUESTION_BULK].points == 0);
}

static void
test_plan(void **state)
{
	struct fixture *f = *state;

	blast(f, 1, 300);
	assert_int_equal(get(f, 1).verdict.rung, RUNG_CLEAR);
	blast(f, 1, 200);
	assert_int_equal(get(f, 1).verdict.rung, RUNG_BLOCK);
}

static void
test_abuse_is_blocked(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 5; i++)
		send_mail(f, 2, "x.example", true);
	assert_int_equal(get(f, 2).verdict.rung, RUNG_CLEAR); /* five typos */
	for (unsigned i = 0; i < 5; i++)
		send_mail(f, 2, "x.example", true);
	assert_int_equal(get(f, 2).verdict.rung, RUNG_BLOCK);
	assert_int_equal(get(f, 2).verdict.question, QUESTION_ABUSE);
	assert_int_equal(get(f, 2).counts.recipients_rejected, 10);
}

static void
test_grant(void **state)
{
	struct fixture *f = *state;
	struct grant g = {.id = 9,
	    .servers = {"vm-3"},
	    .server_count = 1,
	    .domains = {"news.example"},
	    .domain_count = 1,
	    .per_day = 300,
	    .per_hour = 300,
	    .until_ns = START + CLOCK_DAY_NS};

	assert_int_equal(judge_set_grants(f->judge, &g, 1, NULL), 0);
	blast(f, 3, 300);
	assert_int_equal(get(f, 3).verdict.rung, RUNG_CLEAR);
	assert_int_equal(get(f, 3).grant_id, 9);
	assert_true(get(f, 3).recipients_5min > 250);
	blast(f, 3, 60); /* beyond it */
	assert_int_equal(get(f, 3).verdict.rung, RUNG_BLOCK);
	blast(f, 4, 60); /* another server */
	assert_int_equal(get(f, 4).verdict.rung, RUNG_BLOCK);
	/* No grant protects from the other question. */
	strcpy(g.servers[0], "vm-5");
	assert_int_equal(judge_set_grants(f->judge, &g, 1, NULL), 0);
	for (unsigned i = 0; i < 15; i++)
		send_mail(f, 5, "news.example", true);
	assert_int_equal(get(f, 5).verdict.question, QUESTION_ABUSE);
	assert_int_equal(get(f, 5).verdict.rung, RUNG_BLOCK);
}

static void
test_relay_and_inbound(void **state)
{
	const uint8_t relay[4] = {203, 0, 113, 25};
	struct fixture *f = *state;

	for (unsigned i = 0; i < 200; i++) {
		struct observation o = observation(f, 3, OBS_RECIPIENT);

		o.u.recipient.hash = ++f->person;
		o.server = addr_from_v4(relay);
		judge_observe(f->judge, &o);
		o = observation(f, 4, OBS_RECIPIENT);
		o.u.recipient.hash = ++f->person;
		o.server = o.client;
		o.flags = OBS_F_INBOUND;
		judge_observe(f->judge, &o);
	}
	assert_int_equal(get(f, 3).verdict.rung, RUNG_CLEAR);
	assert_int_equal(get(f, 3).counts.recipients_accepted, 200);
	assert_int_equal(get(f, 4).verdict.rung, RUNG_CLEAR);
	assert_int_equal(get(f, 4).counts.recipients_accepted, 0);
}

static void
test_attribution(void **state)
{
	const uint8_t stranger[4] = {10, 0, 0, 9};
	struct fixture *f = *state;
	struct observation o = observation(f, 3, OBS_SESSION_START);

	o.client = addr_from_v4(stranger);
	judge_observe(f->judge, &o);
	assert_int_equal(get(f, 3).counts.spoofed, 1);
	assert_int_equal(judge_unattributed(f->judge), 0);
	strcpy(o.ifname, "vnet99");
	judge_observe(f->judge, &o);
	assert_int_equal(judge_unattributed(f->judge), 1);
	o.time_ns = -5; /* nonsense changes nothing */
	judge_observe(f->judge, &o);
	o.time_ns = INT64_MAX;
	judge_observe(f->judge, &o);
	assert_int_equal(judge_unattributed(f->judge), 1);
}

static void
test_open_inventory(void **state)
{
	struct fixture *f = *state;
	struct inventory *inv;
	struct judge *j;
	struct observation o = observation(f, 7, OBS_SESSION_START);
	struct judge_view v;

	assert_int_equal(inventory_new(&inv, NULL), 0);
	assert_int_equal(judge_new(&j, &f->settings, inv, true, NULL, NULL, NULL), 0);
	for (unsigned i = 0; i < 100; i++) {
		o.client.bytes[15] = (uint8_t)i;
		judge_observe(j, &o);
		judge_observe(j, &o);
	}
	assert_int_equal(inventory_count(inv), 100);
	assert_int_equal(judge_get(j, 7, &v), 0);
	assert_string_equal(v.server->name, "192.0.2.7");
	assert_int_equal(v.counts.sessions, 0);
	o = observation(f, 7, OBS_SESSION_END);
	o.client.bytes[15] = 7;
	judge_observe(j, &o); /* a port scan, a tunnel: no SMTP session */
	o.u.end.is_smtp = true;
	judge_observe(j, &o);
	assert_int_equal(judge_get(j, 7, &v), 0);
	assert_int_equal(v.counts.sessions, 1);
	judge_free(j);
	inventory_free(inv);
}

static void
test_safety_catch(void **state)
{
	struct fixture *f = *state;
	unsigned blocks = 0, shadows = 0;

	for (unsigned i = 2; i < 12; i++)
		blast(f, i, 50);
	for (unsigned i = 0; i < f->change_count; i++) {
		blocks += f->changes[i].to == RUNG_BLOCK && !f->changes[i].shadow;
		shadows += f->changes[i].to == RUNG_BLOCK && f->changes[i].shadow;
	}
	assert_int_equal(blocks, 5);
	assert_int_equal(shadows, 5);
	assert_true(judge_catch_is_on(f->judge));
	assert_true(get(f, 11).verdict.shadow);
	f->now_ns += 11 * CLOCK_MINUTE_NS;
	judge_catch_reset(f->judge);
	assert_false(judge_catch_is_on(f->judge));
	judge_tick(f->judge, f->now_ns);
	assert_false(get(f, 11).verdict.shadow); /* decided anew */
	assert_int_equal(get(f, 2).verdict.rung, RUNG_BLOCK);
}

static void
test_observe_mode(void **state)
{
	struct fixture *f = *state;

	strcpy(f->settings.policy.mode, "observe");
	judge_set_settings(f->judge, &f->settings);
	for (unsigned i = 2; i < 12; i++)
		blast(f, i, 50);
	for (unsigned i = 0; i < f->change_count; i++)
		assert_true(f->changes[i].shadow);
	assert_int_equal(get(f, 5).verdict.rung, RUNG_BLOCK);
	assert_false(judge_catch_is_on(f->judge));
}

static void
test_people(void **state)
{
	struct fixture *f = *state;
	struct err e;

	assert_int_equal(judge_block(f->judge, 99, f->now_ns, 0, false, &e), -ENOENT);
	assert_int_equal(judge_block(f->judge, 6, f->now_ns, 0, true, &e), 0);
	pass(f, 3 * CLOCK_HOUR_NS);
	assert_int_equal(get(f, 6).verdict.rung, RUNG_BLOCK);
	assert_int_equal(judge_release(f->judge, 6, f->now_ns, &e), 0);
	assert_int_equal(get(f, 6).verdict.rung, RUNG_CLEAR);
	blast(f, 6, 100); /* the backlog may drain */
	assert_int_equal(get(f, 6).verdict.rung, RUNG_CLEAR);
	blast(f, 6, 100); /* this is no backlog */
	assert_int_equal(get(f, 6).verdict.rung, RUNG_BLOCK);
}

/* After a person's release the rest of the mailing that was stopped may drain, more than an hour's
 * ceiling of it; another mailing may not. */
static void
test_drain(void **state)
{
	struct fixture *f = *state;
	struct err e;

	f->subject = 4711;
	for (unsigned i = 0; i < 100 && get(f, 7).verdict.rung != RUNG_BLOCK; i++) {
		blast(f, 7, 1);
	}
	assert_int_equal(get(f, 7).verdict.rung, RUNG_BLOCK);
	pass(f, 10 * CLOCK_MINUTE_NS);
	assert_int_equal(judge_release(f->judge, 7, f->now_ns, &e), 0);
	for (unsigned i = 0; i < 400; i++) {
		blast(f, 7, 1);
	}
	assert_true(get(f, 7).verdict.rung < RUNG_THROTTLE);
	f->subject = 815;
	for (unsigned i = 0; i < 300 && get(f, 7).verdict.rung != RUNG_BLOCK; i++) {
		blast(f, 7, 1);
	}
	assert_int_equal(get(f, 7).verdict.rung, RUNG_BLOCK);
}

/* A queue's retries neither extend a block nor count as trying. */
static void
test_still_trying(void **state)
{
	struct fixture *f = *state;
	struct observation o;
	int64_t until;

	blast(f, 3, 50);
	until = get(f, 3).verdict.until_ns;
	while (f->now_ns < until + CLOCK_MINUTE_NS) { /* 30 destinations, every five minutes */
		for (unsigned i = 0; i < 30; i++) {
			f->person = i + 2;
			o = observation(f, 3, OBS_CONNECT_FAILED);
			judge_observe(f->judge, &o);
		}
		pass(f, 5 * CLOCK_MINUTE_NS);
	}
	assert_int_equal(get(f, 3).verdict.rung, RUNG_CLEAR);
	f->person = 1000;
	blast(f, 3, 50);
	until = get(f, 3).verdict.until_ns;
	while (f->now_ns < until + CLOCK_MINUTE_NS) { /* goes on and on */
		f->person++;
		o = observation(f, 3, OBS_CONNECT_FAILED);
		o.server.bytes[14] = (uint8_t)(f->person >> 4);
		o.server.bytes[15] = (uint8_t)(f->person);
		judge_observe(f->judge, &o);
		f->now_ns += 10 * CLOCK_SECOND_NS;
		judge_tick(f->judge, f->now_ns);
	}
	assert_int_equal(get(f, 3).verdict.rung, RUNG_BLOCK);
}

/* Refused packets alone: with a sensor they are only shown; without one, more than one a second is
 * trying, and a queue's pace is not. */
static void
test_refused_packets(void **state)
{
	static const struct {
		uint64_t per_minute;
		bool blind, extends;
	} cases[] = {{1000, false, false}, {10, true, false}, {61, true, true}};
	struct fixture *f = *state;

	for (unsigned n = 0; n < 3; n++) {
		const unsigned i = n + 2; /* of the default plan */
		uint64_t packets = 0;
		int64_t begin_ns;

		blast(f, i, 100);
		begin_ns = f->now_ns;
		assert_int_equal(get(f, i).verdict.rung, RUNG_BLOCK);
		while (f->now_ns - begin_ns < CLOCK_HOUR_NS + 5 * CLOCK_MINUTE_NS) {
			judge_refused(f->judge, i, f->now_ns, packets, cases[n].blind);
			pass(f, CLOCK_MINUTE_NS);
			packets += cases[n].per_minute;
			if (get(f, i).verdict.rung == RUNG_BLOCK)
				assert_true(
				    get(f, i).refused_packets + cases[n].per_minute == packets);
		}
		assert_int_equal(
		    get(f, i).verdict.rung, cases[n].extends ? RUNG_BLOCK : RUNG_CLEAR);
	}
}

/* Without taps one session tells of both its ends: who is mailed receives, and is no stranger's business. */
static void
test_receives_without_taps(void **state)
{
	struct fixture *f = *state;
	struct observation o = observation(f, 3, OBS_SESSION_START);
	const uint8_t inside[4] = {192, 0, 2, 4}, outside[4] = {203, 0, 113, 9};

	o.ifname[0] = '\0';
	o.server = addr_from_v4(inside);
	judge_observe(f->judge, &o); /* of server 3 to server 4 */
	o.client = addr_from_v4(outside);
	judge_observe(f->judge, &o); /* of a stranger to server 4 */
	assert_int_equal(get(f, 4).counts.inbound_sessions, 2);
	assert_int_equal(get(f, 4).counts.distinct_destinations, 0);
	assert_int_equal(get(f, 3).counts.inbound_sessions, 0);
	assert_int_equal(get(f, 3).counts.distinct_destinations, 1);
	assert_int_equal(judge_unattributed(f->judge), 0);
	o.server = addr_from_v4(outside); /* among strangers */
	judge_observe(f->judge, &o);
	assert_int_equal(judge_unattributed(f->judge), 1);
	o = observation(f, 3, OBS_SESSION_START); /* at a tap: the receiver's tap tells the rest */
	o.server = addr_from_v4(inside);
	judge_observe(f->judge, &o);
	assert_int_equal(get(f, 4).counts.inbound_sessions, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_bulk_is_blocked),
	    CASE(test_plan),
	    CASE(test_abuse_is_blocked),
	    CASE(test_grant),
	    CASE(test_relay_and_inbound),
	    CASE(test_attribution),
	    CASE(test_open_inventory),
	    CASE(test_safety_catch),
	    CASE(test_observe_mode),
	    CASE(test_people),
	    CASE(test_drain),
	    CASE(test_still_trying),
	    CASE(test_refused_packets),
	    CASE(test_receives_without_taps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
