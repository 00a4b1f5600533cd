/* SPDX-License-Identifier: ISC */
/* The estimator under TLS where turns say less: refusals, whole messages in one turn, answers of unknown servers. */
#include "tests/unit/tls_estimate_fixture.h"

static void
test_rejected(void **state)
{
	struct tls_estimate e;

	(void)state;
	begin(&postfix);
	turn(45, 14);
	turn(33, 14);
	turn(35, 95);
	turn(36, 102);
	turn(34, 14);
	turn(6, 37);
	turn(2500, 40);
	e = quit();
	assert_counts(e, 1, 2);
	assert_int_equal(e.recipients_rejected, 2);

	begin(&postfix); /* nobody was taken: no message */
	for (unsigned i = 0; i < 4; i++) {
		turn(45, 14);
		turn(35, 98);
		turn(6, 14);
	}
	e = quit();
	assert_counts(e, 0, 0);
	assert_int_equal(e.recipients_rejected, 4);
}

/*
 * Envelope, BDAT and body in one turn, as Exim writes them; the answer to the last BDAT is learned
 * where it stands alone.
 */
static void
test_all_in_one_turn(void **state)
{
	struct tls_estimate e;

	(void)state;
	begin(&postfix);
	turn(543, 14 + 14 + 25); /* the header section in a chunk of its own */
	turn(9565, 48);
	for (unsigned i = 1; i <= 5; i++)
		turn(4000 + 40 * i, 14 + 14 * i + 48);
	turn(180, 14 + 14 + 48); /* a tiny one */
	e = quit();
	assert_counts(e, 7, 17);
	assert_int_equal(e.recipients_rejected, 0);
}

/* Servers answer the last BDAT with more than the dot after DATA, or with as much: the session shows which. */
static void
test_all_in_one_turn_answered_briefly(void **state)
{
	static const struct tls_hints exim = {.port = 25,
	    .starttls = true,
	    .ehlo_seen = true,
	    .pipelining = true,
	    .chunking = true,
	    .family = TLS_FAMILY_EXIM};
	struct tls_estimate e;

	(void)state;
	begin(&exim);
	for (unsigned i = 0; i < 6; i++) /* 250 OK, 250 Accepted, 250 OK id=... */
		turn(1100 + 3000 * (i % 3), 8 + 14 + 28);
	e = quit();
	assert_int_equal(e.messages, 6);
	assert_int_equal(e.recipients, 6);
	begin(&exim);
	for (unsigned i = 0; i < 6; i++) /* the same with Exim's own answer to BDAT */
		turn(1100 + 3000 * (i % 3), 8 + 14 + 63);
	assert_int_equal(quit().messages, 6);
	begin(&unknown);
	for (unsigned i = 0; i < 6; i++) /* answers that nobody knows, and that differ a little */
		turn(1100 + 3000 * (i % 3), 97 + i % 4);
	assert_int_equal(quit().messages, 6);
}

/* Exim does not wait for the answer to its last message. */
static void
test_left_unanswered(void **state)
{
	struct tls_estimate e;

	(void)state;
	begin(&postfix);
	pipelined(1, 4000);
	turn(45 + 3 * 35 + 6, 14 + 3 * 14 + 37);
	estimate_record(&s, TLS_FROM_CLIENT, 9000, 0); /* the body, and QUIT */
	estimate_leave(&s);
	estimate_get(&s, &e);
	assert_int_equal(e.messages, 1); /* the answer may come yet */
	estimate_finish(&s);
	estimate_get(&s, &e);
	assert_int_equal(e.messages, 2);
	assert_int_equal(e.recipients, 4);

	begin(&postfix);
	for (unsigned i = 0; i < 3; i++)
		turn(1100 + 3000 * i, 14 + 14 + 48);
	estimate_record(&s, TLS_FROM_CLIENT, 2500, 0); /* envelope, BDAT and body, and QUIT */
	estimate_leave(&s);
	estimate_finish(&s);
	estimate_get(&s, &e);
	assert_int_equal(e.messages, 4);

	begin(&postfix); /* broken off, not left */
	pipelined(1, 4000);
	turn(45 + 3 * 35 + 6, 14 + 3 * 14 + 37);
	estimate_record(&s, TLS_FROM_CLIENT, 9000, 0);
	estimate_finish(&s);
	estimate_get(&s, &e);
	assert_int_equal(e.messages, 1);

	begin(&postfix); /* nothing but QUIT */
	pipelined(1, 4000);
	estimate_record(&s, TLS_FROM_CLIENT, 6, 0);
	estimate_leave(&s);
	estimate_finish(&s);
	estimate_get(&s, &e);
	assert_int_equal(e.messages, 1);
}

/* The server answers while the client is still naming recipients. */
static void
test_interrupted_envelope(void **state)
{
	struct tls_estimate e;

	(void)state;
	begin(&postfix);
	turn(4020, 14 + 48 * 14);
	turn(164, 2 * 14 + 37);
	turn(4609, 40);
	e = quit();
	assert_counts(e, 1, 50);
}

/* Answers of a server that nobody knows differ by whole replies. */
static void
test_reply_lengths_from_differences(void **state)
{
	static const unsigned recipients[] = {2, 5, 3, 8, 4, 13, 2, 7};
	unsigned sum = 0;
	struct tls_estimate e;

	(void)state;
	begin(&unknown);
	for (unsigned i = 0; i < 8; i++) {
		turn(58 + 37 * recipients[i] + 6, 23 + 23 * recipients[i] + 41);
		turn(3000, 52);
		sum += recipients[i];
	}
	e = quit();
	assert_int_equal(e.messages, 8);
	assert_in_range(e.recipients, sum - 2, sum + 2);
	assert_int_equal(e.recipients_rejected, 0);
}

/* In a pipelined turn the lines tell the recipients, the surplus of the answer the refused. */
static void
test_rejected_pipelined(void **state)
{
	struct tls_estimate e;

	(void)state;
	begin(&postfix);
	turn(45 + 38 * 10 + 6, 14 + 7 * 14 + 3 * 98 + 37);
	turn(3000, 40);
	e = quit();
	assert_counts(e, 1, 7);
	assert_int_equal(e.recipients_rejected, 3);
}

/*
 * One by one: servers that repeat the address, refusals of several lines, and of little more than
 * an acceptance.
 */
static void
test_rejected_steps(void **state)
{
	static const uint32_t refusals[] = {330, 95, 25};

	(void)state;
	for (unsigned k = 0; k < 3; k++) {
		struct tls_estimate e;

		begin(&unknown);
		for (unsigned i = 0; i < 4; i++) {
			uint32_t echo = k == 0 ? 30 + 3 * i : 14;

			turn(45, k == 0 ? 42 : 8);
			turn(28 + 3 * i, echo);
			turn(30, refusals[k]);
			turn(28 + 3 * i, echo);
			turn(6, 56);
			turn(3000, 28);
		}
		e = quit();
		assert_counts(e, 4, 8);
		assert_int_equal(e.recipients_rejected, 4);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rejected),
	    cmocka_unit_test(test_all_in_one_turn),
	    cmocka_unit_test(test_all_in_one_turn_answered_briefly),
	    cmocka_unit_test(test_left_unanswered),
	    cmocka_unit_test(test_interrupted_envelope),
	    cmocka_unit_test(test_reply_lengths_from_differences),
	    cmocka_unit_test(test_rejected_pipelined),
	    cmocka_unit_test(test_rejected_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
