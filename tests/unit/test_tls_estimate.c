/* SPDX-License-Identifier: ISC */
/*
 * The estimator under TLS: what a dialogue did, from the lengths of its turns.  First as lengths
 * (Postfix' replies unless said otherwise), then through the whole sensor with generated sessions.
 */
#include "tests/gen/smtpgen.h"
#include "tests/unit/tls_stream.h"
#include "tests/unit/tls_estimate_fixture.h"

static void
test_one(void **state)
{
	(void)state;
	for (uint32_t body = 300; body < 2000000; body = body * 5 / 2) {
		struct tls_estimate e;

		begin(&postfix);
		steps(1, body);
		e = quit();
		assert_counts(e, 1, 1);
		assert_int_equal(e.recipients_rejected, 0);
		assert_int_equal(e.bytes, body);
		assert_int_equal(e.typical_bytes, body);
		assert_int_equal(e.envelope_bytes, 33);
		assert_true(e.confidence > 600);
	}
}

static void
test_none(void **state)
{
	struct tls_estimate e;

	(void)state;
	estimate_init(&s, &postfix);
	estimate_get(&s, &e);
	assert_counts(e, 0, 0);
	begin(&postfix);
	e = quit();
	assert_counts(e, 0, 0);
	assert_int_equal(e.bytes, 0);
	begin(&postfix); /* a recipient is tried, and no more */
	turn(45, 14);
	turn(35, 14);
	e = quit();
	assert_counts(e, 0, 0);
}

static void
test_five(void **state)
{
	static const struct tls_hints *const hints[] = {&postfix, &unknown};

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		struct tls_estimate e;
		uint64_t bytes = 0;

		begin(hints[k]);
		for (uint32_t i = 1; i <= 5; i++) {
			steps(i, 900 * i);
			bytes += 900 * i;
			estimate_get(&s, &e);
			assert_int_equal(e.messages, i); /* on-line */
		}
		e = quit();
		assert_counts(e, 5, 15);
		assert_int_equal(e.bytes, bytes);
	}
}

/* A long session: paths count in few bits and hand over to totals. */
static void
test_many(void **state)
{
	struct tls_estimate e;

	(void)state;
	begin(&postfix);
	for (unsigned i = 0; i < 70000; i++)
		steps(1, 2000 + i % 100);
	e = quit();
	assert_counts(e, 70000, 70000);
	assert_true(e.bytes > UINT64_C(140000000));
}

static void
test_pipelined(void **state)
{
	static const unsigned recipients[] = {1, 2, 3, 5, 10, 30};

	(void)state;
	for (unsigned k = 0; k < 6; k++) {
		struct tls_estimate e;

		begin(&postfix);
		for (unsigned i = 0; i < 3; i++)
			pipelined(recipients[k], 3000 + 500 * i);
		e = quit();
		assert_counts(e, 3, 3 * recipients[k]);
		assert_int_equal(e.bytes, 3 * 3000 + 1500);
		assert_int_equal(e.envelope_bytes, 45 + 35 * recipients[k] + 6);
	}
}

/* The end of one body and the next envelope in one turn, as RFC 2920 allows. */
static void
test_body_and_envelope(void **state)
{
	struct tls_estimate e;

	(void)state;
	begin(&postfix);
	turn(86, 65);
	turn(3000 + 86, 40 + 65);
	turn(4000 + 86, 40 + 65);
	turn(5000, 40);
	e = quit();
	assert_counts(e, 3, 3);
	assert_int_equal(e.envelope_bytes, 0); /* beside a body */
	assert_in_range(e.bytes, 11800, 12200);
}

static void
test_bdat(void **state)
{
	struct tls_estimate e;

	(void)state;
	begin(&postfix);
	bdat(1, 3000);
	bdat(2, 8000);
	e = quit();
	assert_counts(e, 2, 3);
	assert_in_range(e.bytes, 11000, 11200);

	begin(&postfix); /* chunks of one message */
	turn(45 + 35, 28);
	turn(30016, 30);
	turn(30016, 30);
	turn(9000, 40);
	e = quit();
	assert_counts(e, 1, 1);
	assert_in_range(e.bytes, 69000, 69100);
}

static void
test_tiny(void **state)
{
	struct tls_estimate e;

	(void)state;
	begin(&postfix);
	for (uint32_t i = 0; i < 4; i++)
		steps(1, 125 + 20 * i);
	e = quit();
	assert_counts(e, 4, 4);
	begin(&postfix); /* less than any header section takes: may be missed, not made more of */
	steps(1, 60);
	steps(1, 40);
	e = quit();
	assert_in_range(e.messages, 0, 2);
	assert_true(e.bytes <= 200);
}

static void
test_rset(void **state)
{
	struct tls_estimate e;

	(void)state;
	begin(&postfix);
	for (unsigned i = 0; i < 3; i++) {
		if (i > 0)
			turn(6, 14);
		steps(1, 2500);
	}
	e = quit();
	assert_counts(e, 3, 3);
	begin(&postfix); /* given up after the recipient */
	turn(45, 14);
	turn(35, 14);
	turn(6, 14);
	steps(2, 2500);
	e = quit();
	assert_counts(e, 1, 2);
}

static void
test_implicit(void **state)
{
	static const struct tls_hints smtps = {.port = 465};
	struct tls_estimate e;

	(void)state;
	estimate_init(&s, &smtps);
	exchanges = 0;
	assert_false(estimate_record(&s, TLS_FROM_SERVER, 38, 0)); /* the greeting */
	turn(24, 180);
	turn(48, 37); /* AUTH PLAIN */
	steps(3, 2500);
	e = quit();
	assert_int_equal(e.messages, 1);
	assert_in_range(e.recipients, 3, 4); /* AUTH PLAIN can pass for MAIL, and MAIL for RCPT */
	assert_int_equal(e.bytes, 2500);
}

/* Requests and pages, a tunnel: no SMTP, and the confidence says so. */
static void
test_not_smtp(void **state)
{
	struct tls_estimate e;
	uint32_t x = 12345;

	(void)state;
	estimate_init(&s, &unknown);
	for (unsigned i = 0; i < 30; i++) {
		x = x * 1103515245 + 12345;
		turn(400 + (x >> 16) % 500, 2000 + (x >> 8) % 60000);
	}
	estimate_get(&s, &e);
	assert_true(e.confidence < 300);
	estimate_init(&s, &unknown);
	for (unsigned i = 0; i < 60; i++)
		turn(1400, 1400);
	estimate_get(&s, &e);
	assert_true(e.confidence < 300);
	/* Keystrokes and short answers look like recipients; messages they are not. */
	estimate_init(&s, &unknown);
	for (unsigned i = 0; i < 60; i++)
		turn(36, i % 7 == 0 ? 700 : 36);
	estimate_get(&s, &e);
	assert_int_equal(e.messages, 0);
}

/* A loss costs what was lost, and no more; what follows is counted again. */
static void
test_gap(void **state)
{
	(void)state;
	for (unsigned lost = 0; lost < 4; lost++) { /* which turn of the second message */
		static const uint32_t turns[4][2] = {{45, 14}, {35, 14}, {6, 37}, {2500, 40}};
		struct tls_estimate e;

		begin(&postfix);
		steps(1, 2000);
		for (unsigned i = 0; i < 4; i++) {
			if (i == lost)
				estimate_gap(&s);
			else
				turn(turns[i][0], turns[i][1]);
		}
		steps(1, 3000);
		steps(1, 4000);
		e = quit();
		assert_in_range(e.messages, 3, 4);
		assert_in_range(e.recipients, 3, 5);
	}
}

/* Whatever the lengths: numbers stay within what was said. */
static void
test_bounds(void **state)
{
	uint64_t x = 7;

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		struct tls_estimate e;
		uint64_t said = 0;
		uint32_t records = 0;

		estimate_init(&s, round % 2 ? &postfix : &unknown);
		for (unsigned i = 0; i < 200; i++) {
			x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			uint32_t n = (uint32_t)(x >> 33) >> ((x >> 20) % 32);
			bool client = (x >> 40 & 1) != 0;

			if ((x >> 50 & 7) == 0)
				estimate_gap(&s);
			estimate_record(
			    &s, client ? TLS_FROM_CLIENT : TLS_FROM_SERVER, n, (uint32_t)(x >> 60));
			said += client ? (n > 0 ? n : 1) : 0;
			records += client;
			estimate_get(&s, &e);
			assert_in_range(e.messages, 0, records);
			assert_true(e.recipients >= e.messages);
			assert_true(e.bytes <= said);
			assert_true(e.confidence <= 1000);
		}
	}
}

/* CBC hides the length to +- 8 bytes: messages hold. */
static void
test_inexact(void **state)
{
	static const uint32_t turns[][2] = {{24, 150}, {45, 20}, {35, 20}, {8, 36}, {3000, 36},
	    {45, 20}, {35, 20}, {8, 36}, {900, 36}, {8, 20}};
	struct tls_estimate e;

	(void)state;
	estimate_init(&s, &postfix);
	for (unsigned i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
		estimate_record(&s, TLS_FROM_CLIENT, turns[i][0], 8);
		estimate_record(&s, TLS_FROM_SERVER, turns[i][1], 8);
	}
	estimate_finish(&s);
	estimate_get(&s, &e);
	assert_counts(e, 2, 2);
}

/* Through the record walker: a body of which most was not captured, or lost, is one message. */
static void
test_skips(void **state)
{
	static union {
		uint64_t align;
		uint8_t bytes[TLS_STATE_BYTES_MAX];
	} pool;
	static const uint16_t turns[][2] = {{24, 150}, {45, 14}, {35, 14}, {6, 37}, {9000, 40}};
	static struct stream_text text;
	struct tls *t = (struct tls *)&pool;

	(void)state;
	for (unsigned way = 0; way < 2; way++) {
		struct tls_estimate e;

		tls_init(t, &postfix);
		for (unsigned i = 0; i < 10; i++) {
			enum tls_dir dir = i % 2 ? TLS_FROM_SERVER : TLS_FROM_CLIENT;
			size_t seen;

			text.n = 0;
			stream_opaque(&text, 23, turns[i / 2][i % 2] + 24U);
			seen = text.n > 100 ? 100 : text.n;
			tls_segment(t, dir);
			tls_data(t, dir, text.bytes, seen);
			if (way == 0)
				tls_skip(t, dir, text.n - seen);
			else if (text.n > seen)
				tls_gap(t, dir, text.n - seen);
		}
		tls_end(t);
		tls_estimate_get(t, &e);
		assert_counts(e, 1, 1);
		/* Without a ServerHello the overhead of a record is known to 4 bytes. */
		assert_in_range(e.bytes, 9000 - 4, 9000 + 4);
	}
}

/* --- generated sessions through the whole sensor --- */

struct sum {
	struct sensor *sensor;
	int32_t messages, recipients;
};

static void
on_observation(void *arg, const struct observation *obs)
{
	struct sum *sum = arg;

	if (obs->kind == OBS_ESTIMATE) {
		sum->messages += obs->u.estimate.messages;
		sum->recipients += obs->u.estimate.recipients;
	}
}

static void
on_packet(void *arg, const struct packet *packet)
{
	sensor_packets(((struct sum *)arg)->sensor, packet, 1);
}

/* One session.  The sum of its estimates must be its truth; but how many recipients a pipelined
 * envelope to a server of unknown replies has is a guess, within a third. */
static void
speak(const struct gen_smtp *how, unsigned messages, unsigned recipients, uint64_t seed)
{
	static char text[40000];
	struct gen_recipient to[4];
	struct gen_message list[8];
	struct gen_smtp smtp = *how;
	struct gen_truth truth = {0};
	struct sum sum = {0};
	struct sensor_config cfg;
	struct gen_path path;
	struct addr client, server;
	struct err err;
	struct gen *g = gen_new(seed, GEN_LINK_ETHERNET, 0);

	sensor_config_init(&cfg);
	cfg.flows_max = 64;
	cfg.classify = false;
	assert_int_equal(sensor_new(&sum.sensor, &cfg, on_observation, &sum, &err), 0);
	gen_set_callback(g, on_packet, &sum);
	addr_parse("10.0.0.1", &client);
	addr_parse("198.51.100.1", &server);
	gen_path_init(&path, client, server, CLOCK_SECOND_NS);
	for (unsigned i = 0; i < recipients; i++)
		to[i] = (struct gen_recipient){.address = "somebody@dest.example"};
	gen_message_text(text, sizeof(text), 700 + gen_random_below(g, 30000), "a@example.com",
	    "b@dest.example", (uint32_t)seed, false);
	for (unsigned i = 0; i < messages; i++)
		list[i] = (struct gen_message){.from = "news@example.com",
		    .recipients = to,
		    .recipient_count = recipients,
		    .text = text};
	smtp.messages = list;
	smtp.message_count = messages;
	path.server_port = smtp.implicit_tls ? 465 : 25;
	gen_smtp_session(g, &path, &smtp, &truth);
	gen_flush(g, INT64_MAX);
	sensor_finish(sum.sensor, 100 * CLOCK_SECOND_NS);
	assert_int_equal(truth.messages_tls, messages);
	assert_int_equal(sum.messages, truth.messages_tls);
	if (smtp.pipelining && recipients > 1)
		assert_in_range(
		    3 * sum.recipients, 2 * truth.recipients_tls, 4 * truth.recipients_tls);
	else
		assert_int_equal(sum.recipients, truth.recipients_tls);
	sensor_free(sum.sensor);
	gen_free(g);
}

static void
test_generated(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 32; i++)
		speak(&(struct gen_smtp){.pipelining = i % 2 == 0,
			  .starttls = i % 4 < 2,
			  .implicit_tls = i % 4 >= 2},
		    1 + i % 5, 1 + i % 4, i + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one),
	    cmocka_unit_test(test_none),
	    cmocka_unit_test(test_five),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_pipelined),
	    cmocka_unit_test(test_body_and_envelope),
	    cmocka_unit_test(test_bdat),
	    cmocka_unit_test(test_tiny),
	    cmocka_unit_test(test_rset),
	    cmocka_unit_test(test_implicit),
	    cmocka_unit_test(test_not_smtp),
	    cmocka_unit_test(test_gap),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_inexact),
	    cmocka_unit_test(test_skips),
	    cmocka_unit_test(test_generated),
	};

	return cmocka_run_group_tests_name("tls_estimate", tests, NULL, NULL);
}
