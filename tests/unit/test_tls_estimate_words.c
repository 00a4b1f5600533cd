/* SPDX-License-Identifier: ISC */
/* The estimator under TLS where the server's words are known by its greeting: Postfix, Exim, Google. */
#include "tests/unit/tls_estimate_fixture.h"

static const struct tls_hints exim = {.port = 25,
    .starttls = true,
    .ehlo_seen = true,
    .pipelining = true,
    .chunking = true,
    .family = TLS_FAMILY_EXIM,
    .name_bytes = 15};
static const struct tls_hints google = {.port = 25,
    .starttls = true,
    .ehlo_seen = true,
    .pipelining = true,
    .chunking = true,
    .family = TLS_FAMILY_GOOGLE,
    .name_bytes = 51};

/* A turn whose answer comes in two records. */
static void
turn_in_two(uint32_t client, uint32_t first, uint32_t last)
{
	estimate_record(&s, TLS_FROM_CLIENT, client, 0);
	estimate_record(&s, TLS_FROM_SERVER, first, 0);
	estimate_record(&s, TLS_FROM_SERVER, last, 0);
}

static void
assert_told(struct tls_estimate e, uint32_t messages, uint32_t recipients, uint32_t rejected)
{
	assert_int_equal(e.messages, messages);
	assert_int_equal(e.recipients, recipients);
	assert_int_equal(e.recipients_rejected, rejected);
}

/* Postfix gives up with RSET and QUIT in one turn. */
static void
test_refused_envelope(void **state)
{
	struct tls_estimate e;

	(void)state;
	begin(&postfix);
	turn(144, 14 + 88 + 38);
	turn(12, 14 + 15);
	estimate_finish(&s);
	estimate_get(&s, &e);
	assert_told(e, 0, 0, 1);
	begin(
	    &exim); /* the refusal is told again: "All RCPT commands were rejected with this error:" */
	turn_in_two(105, 8 + 50, 54 + 50 + 42);
	turn(12, 14 + 40);
	estimate_finish(&s);
	estimate_get(&s, &e);
	assert_told(e, 0, 0, 1);
}

/* The same with BDAT and the body in the turn: eight acceptances would be as long as one refusal. */
static void
test_refused_with_body(void **state)
{
	(void)state;
	begin(&postfix);
	turn_in_two(7677, 14 + 121, 38);
	assert_told(quit(), 0, 0, 1);
	begin(&postfix); /* in one record: 171 is no sum of acceptances and a queue id */
	turn(2806, 14 + 119 + 38);
	assert_told(quit(), 0, 0, 1);
	begin(&postfix);
	turn_in_two(7677, 14 + 8 * 14, 48);
	assert_told(quit(), 1, 8, 0);
	begin(&exim);
	turn(2503, 8 + 14 + 62);
	turn_in_two(4096 + 3347, 8 + 25, 54 + 25 + 42);
	turn(6, 40);
	assert_told(quit(), 1, 1, 1);
}

/* The envelope had a record of its own: its lines tell two recipients, its answer that one of them was refused. */
static void
test_envelope_record(void **state)
{
	(void)state;
	begin(&postfix);
	turn(533, 14 + 14 + 25);
	turn(9000, 48);
	estimate_record(&s, TLS_FROM_CLIENT, 157, 0);
	turn_in_two(6976, 14 + 14 + 122, 48);
	assert_told(quit(), 2, 2, 1);
}

/* Exim puts QUIT behind the body; its answer stands in the same turn. */
static void
test_bye_in_the_turn(void **state)
{
	struct tls_estimate e;

	(void)state;
	begin(&exim);
	turn(2861, 8 + 14 + 62);
	estimate_record(&s, TLS_FROM_CLIENT, 3868, 0);
	estimate_leave(&s);
	estimate_record(&s, TLS_FROM_SERVER, 8 + 14 + 62 + 40, 0);
	estimate_finish(&s);
	estimate_get(&s, &e);
	assert_told(e, 2, 2, 0);
}

/* Every reply ends with the identifier that the greeting had, so sums come out, and refusals too. */
static void
test_google(void **state)
{
	(void)state;
	begin(&google);
	turn(60 + 10 * 38 + 6, 66 + 6 * 66 + 4 * (268 + 51) + 66);
	turn(1929, 78);
	turn(60 + 38 + 6, 66 + 66 + 66);
	turn(2500, 78);
	assert_told(quit(), 2, 7, 4);
}

/* With DSN in the server's offer a line may be twice as long. */
static void
test_long_lines(void **state)
{
	struct tls_hints dsn = postfix;

	(void)state;
	dsn.dsn = true;
	begin(&dsn);
	turn(66 + 10 * 78, 14 + 7 * 14 + 3 * 98 + 1 + 37);
	turn(9000, 40);
	assert_told(quit(), 1, 7, 3);
}

/* TLS from the first byte: no greeting was seen, and the first envelope tells whose words these are. */
static void
test_recognised(void **state)
{
	static const struct tls_hints smtps = {.port = 465};

	(void)state;
	begin(&smtps);
	turn(60 + 38 + 6, 14 + 14 + 37);
	turn(3000, 36);
	turn(60 + 10 * 38 + 6, 14 + 7 * 14 + 3 * 98 + 1 + 37);
	turn(3000, 36);
	assert_told(quit(), 2, 8, 3);
	begin(&smtps); /* others' words: what is too long may as well be a wrong guess */
	turn(60 + 2 * 38 + 6, 23 + 2 * 23 + 41);
	turn(3000, 52);
	turn(60 + 5 * 38 + 6, 23 + 5 * 23 + 41);
	turn(3000, 52);
	assert_told(quit(), 2, 7, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused_envelope),
	    cmocka_unit_test(test_refused_with_body),
	    cmocka_unit_test(test_envelope_record),
	    cmocka_unit_test(test_bye_in_the_turn),
	    cmocka_unit_test(test_google),
	    cmocka_unit_test(test_long_lines),
	    cmocka_unit_test(test_recognised),
	};

	return cmocka_run_group_tests_name("tls_estimate_words", tests, NULL, NULL);
}
