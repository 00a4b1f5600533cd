/* SPDX-License-Identifier: ISC */
/* Lost and cut bytes, sessions that began before the sensor, and the limits of its memory. */
#include "tests/unit/smtp_dialogue.h"

/* --- loss, cut packets, beginnings that were not seen
 * -------------------------------------------------------------- */

static void
test_cut_body(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d, (const char *const[]){HELLO, ENVELOPE, GO_DATA, "CSubject: x\r\n\r\nte", NULL});
	smtp_skip(d.ctx, &d.s, SMTP_FROM_CLIENT, 5000); /* with the final dot in it */
	speak(&d, (const char *const[]){QUEUED, ENVELOPE, GO_DATA, "Cab", NULL});
	smtp_skip(d.ctx, &d.s, SMTP_FROM_CLIENT, 100);
	speak(&d, (const char *const[]){"C.\r\n", QUEUED, ENVELOPE, GO_DATA, "Cab", NULL});
	assert_int_equal(d.r.size, 102);
	smtp_skip(d.ctx, &d.s, SMTP_FROM_CLIENT, 100);
	speak(&d, (const char *const[]){"Cmore\r\n.\r\nQUIT\r\n", "S250 ok\r\n221 bye\r\n", NULL});
	assert_int_equal(d.s.messages, 3);
	assert_int_equal(d.s.recipients_accepted, 3);
	assert_int_equal(d.s.queue_count, 0);
	end(&d);
}

static void
test_cut_commands(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d,
	    (const char *const[]){HELLO, "CMAIL FROM:<a@s>\r\nRCPT TO:<b@r>\r\nRCPT TO:<c", NULL});
	smtp_skip(d.ctx, &d.s, SMTP_FROM_CLIENT, 50); /* ...@r>, one more recipient, DATA */
	server(&d, "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 2.1.5 Ok\r\n550 5.1.1 no\r\n354 go\r\n");
	assert_int_equal(d.s.recipients_accepted, 2);
	assert_int_equal(d.s.recipients_rejected, 1);
	speak(&d, (const char *const[]){TEXT, QUEUED, ENVELOPE, GO_DATA, TEXT, QUEUED, BYE, NULL});
	assert_int_equal(d.s.messages, 2);
	assert_int_equal(d.s.recipients_accepted, 3);
	end(&d);
}

/* Cut in the middle of a line: what is there of it says what its reply will be about. */
static void
test_cut_lines(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	server(&d, "220 mx.exam");
	smtp_skip(d.ctx, &d.s, SMTP_FROM_SERVER, 30);
	client(&d, "EHLO vm.exam");
	smtp_skip(d.ctx, &d.s, SMTP_FROM_CLIENT, 10);
	server(&d, "250-mx.example\r\n250-PIPE");
	smtp_skip(d.ctx, &d.s, SMTP_FROM_SERVER, 60);
	assert_int_equal(d.r.greeting_code, 220);
	assert_int_equal(d.r.helos, 0); /* half a name is another name */
	client(&d, "AUTH LOGIN cXVp");
	smtp_skip(d.ctx, &d.s, SMTP_FROM_CLIENT, 9);
	speak(&d, (const char *const[]){"S334 UGFz\r\n", "Cc2Vj", NULL});
	smtp_skip(d.ctx, &d.s, SMTP_FROM_CLIENT, 9);
	speak(
	    &d, (const char *const[]){"S535 no\r\n", "CMAIL FROM:<a@s.example> BODY=8BITM", NULL});
	smtp_skip(d.ctx, &d.s, SMTP_FROM_CLIENT, 5);
	assert_int_equal(d.s.auth_failures, 1);
	assert_false(smtp_has_hole(&d.s));
	server(&d, "250 ok\r\n");
	client(&d, "RCPT TO:<half.an.addr");
	smtp_skip(d.ctx, &d.s, SMTP_FROM_CLIENT, 20);
	server(&d, "550-5.1.1 nobod");
	smtp_skip(d.ctx, &d.s, SMTP_FROM_SERVER, 50);
	assert_int_equal(d.s.recipients_rejected, 1);
	assert_int_equal(d.r.hash, 0);
	assert_string_equal(d.r.domain, "");
	assert_string_equal(d.r.sender, "s.example");
	assert_int_equal(d.r.reply.remote, OBS_REMOTE_UNKNOWN);
	assert_true(smtp_has_hole(&d.s)); /* nobody knows to whom */
	speak(&d, (const char *const[]){
		      "CRCPT TO:<b@r.example>\r\n", "S250 ok\r\n", GO_DATA, TEXT, NULL});
	server(&d, "250 2.0.0 Ok: que");
	smtp_skip(d.ctx, &d.s, SMTP_FROM_SERVER, 16);
	speak(&d, (const char *const[]){BYE, NULL});
	assert_int_equal(d.s.messages, 1);
	assert_int_equal(d.s.recipients_accepted, 1);
	assert_int_equal(d.s.queue_count, 0);
	end(&d);
}

/* Answers to commands that were cut away show that there were some; and a command behind DATA says that the reply
 * that was cut away refused it. */
static void
test_cut_pipeline(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d, (const char *const[]){HELLO, ENVELOPE, GO_DATA, "Cab", NULL});
	smtp_skip(d.ctx, &d.s, SMTP_FROM_CLIENT, 100); /* the end of data, MAIL, RCPT, DATA */
	server(&d, "250 2.0.0 ok\r\n");
	assert_false(smtp_has_hole(&d.s));
	server(&d, "250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n");
	assert_true(smtp_has_hole(&d.s));
	speak(&d, (const char *const[]){TEXT, QUEUED, NULL});
	assert_int_equal(d.s.messages, 2);
	assert_int_equal(d.s.recipients_accepted, 2);
	client(&d, "MAIL FROM:<a@s>\r\nRCPT TO:<b@r>\r\nDATA\r\n");
	server(&d, "250 2.1.0 ok\r\n450-4.2.1 lat");
	smtp_skip(d.ctx, &d.s, SMTP_FROM_SERVER, 200); /* and 503 */
	speak(&d, (const char *const[]){"CRSET\r\n", "S250 2.0.0 ok\r\n", BYE, NULL});
	assert_int_equal(d.s.messages, 2);
	assert_int_equal(d.s.recipients_deferred, 1);
	end(&d);
}

/* A command glued behind the cut, then everything in step again. */
static void
test_lost_commands(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d, (const char *const[]){HELLO, NULL});
	smtp_gap(d.ctx, &d.s, SMTP_FROM_CLIENT, 30); /* MAIL */
	speak(&d, (const char *const[]){"S250 2.1.0 Ok\r\n", "CRCPT TO:<b@r.example>\r\n",
		      "S550 5.1.1 no\r\n", "CRCPT TO:<c@r.example>\r\n", "S250 2.1.5 Ok\r\n",
		      GO_DATA, TEXT, QUEUED, NULL});
	assert_int_equal(d.s.messages, 1);
	assert_int_equal(d.s.recipients_accepted, 1);
	assert_int_equal(d.s.recipients_rejected, 1);
	assert_string_equal(d.r.domain, "r.example");
	end(&d);
}

static void
test_lost_replies(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d, (const char *const[]){HELLO, ENVELOPE, GO_DATA, TEXT, NULL});
	smtp_gap(d.ctx, &d.s, SMTP_FROM_SERVER, 30); /* the 250 */
	assert_int_equal(d.s.messages, 1);
	assert_int_equal(d.r.message_reply.code, 0);
	/* the 354 is lost */
	speak(&d, (const char *const[]){ENVELOPE, "CDATA\r\n", NULL});
	smtp_gap(d.ctx, &d.s, SMTP_FROM_SERVER, 10);
	speak(&d, (const char *const[]){TEXT, QUEUED, NULL});
	assert_int_equal(d.s.messages, 2);
	/* replies to MAIL and the first RCPT are lost */
	client(&d, "MAIL FROM:<a@s>\r\nRCPT TO:<b@r>\r\nRCPT TO:<c@r>\r\nDATA\r\n");
	smtp_gap(d.ctx, &d.s, SMTP_FROM_SERVER, 28);
	server(&d, "550 5.1.1 no\r\n354 go\r\n");
	speak(&d, (const char *const[]){TEXT, QUEUED, BYE, NULL});
	assert_int_equal(d.s.messages, 3);
	assert_int_equal(d.s.recipients_rejected, 1);
	assert_int_equal(d.s.queue_count, 0);
	end(&d);
}

/* BDAT LAST and its bytes are lost: "queued" tells it, once, and only where recipients wait for it. */
static void
test_lost_chunk(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d,
	    (const char *const[]){HELLO, ENVELOPE, "CBDAT 4\r\nbody", "S250 2.0.0 ok\r\n", NULL});
	smtp_gap(d.ctx, &d.s, SMTP_FROM_CLIENT, 20);
	speak(&d, (const char *const[]){"S250 2.0.0 4 octets\r\n", NULL});
	assert_int_equal(d.s.messages, 0);
	speak(&d, (const char *const[]){
		      "S250 2.0.0 Ok: queued as 1\r\n", "S250 2.0.0 Ok: queued as 1\r\n", NULL});
	assert_int_equal(d.s.messages, 1);
	assert_int_equal(d.r.accepted, 1);
	speak(&d, (const char *const[]){ENVELOPE, GO_DATA, TEXT, QUEUED, BYE, NULL});
	assert_int_equal(d.s.messages, 2);
	assert_int_equal(d.s.recipients_accepted, 2);
	end(&d);
}

/* Only the server's side, from its middle on: SMTP from the first reply that can be about nothing else. */
static void
test_server_alone(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, true);
	server(&d, "250 ok\r\n");
	assert_false(smtp_is_spoken(&d.s));
	server(&d, "550 5.1.1 no\r\n250 2.1.5 Ok\r\n354 go\r\n250 2.0.0 taken\r\n");
	assert_true(smtp_is_spoken(&d.s));
	assert_int_equal(d.s.messages, 1);
	assert_int_equal(d.s.recipients_rejected, 1);
	assert_int_equal(d.s.recipients_accepted, 1);
	end(&d);
}

static void
test_midstream(void **state)
{
	struct dialogue d;
	char body[300];
	(void)state;
	memset(body, 'x', sizeof(body));
	begin(&d, true);
	feed(&d, 'C', body, sizeof(body)); /* in the middle of a body */
	speak(&d, (const char *const[]){QUEUED, ENVELOPE, GO_DATA, TEXT, QUEUED, BYE, NULL});
	assert_int_equal(d.s.messages, 2);
	assert_int_equal(d.s.recipients_accepted, 1);
	end(&d);

	begin(&d, true);
	speak(&d,
	    (const char *const[]){"S354 go\r\n", "Cx\r\n.\r\n", QUEUED, "S250 2.1.5 Ok\r\n", NULL});
	assert_int_equal(d.s.messages, 1);
	assert_int_equal(d.s.recipients_accepted, 1);
	assert_int_equal(d.r.hash, 0);
	assert_int_equal(smtp_get_habits(&d.s) & OBS_HABIT_EARLY, 0);
	end(&d);

	begin(&d, true); /* in the middle of TLS */
	assert_int_equal(smtp_client(d.ctx, &d.s, (const uint8_t *)"\x17\x03\x03\x01", 4), 0);
	assert_int_equal(d.r.tls, OBS_TLS_IMPLICIT);
	end(&d);
}

/* --- limits
 * ------------------------------------------------------------------------------------------------------------
 */

static void
test_long_lines(void **state)
{
	struct dialogue d;
	(void)state;
	char *line = malloc(20000);
	memset(line, 'a', 20000);
	memcpy(line, "RCPT TO:<", 9);
	memcpy(line + 19996, "@r\r\n", 4);
	begin(&d, false);
	d.cut = 700;
	speak(&d, (const char *const[]){HELLO, "CMAIL FROM:<a@s>\r\n", "S250 ok\r\n", NULL});
	feed(&d, 'C', line, 20000);
	speak(&d, (const char *const[]){
		      "S501 5.5.2 line too long\r\n", "CRCPT TO:<b@r>\r\n", "S250 ok\r\n", NULL});
	assert_int_equal(d.s.recipients_rejected, 1);
	assert_int_equal(d.s.recipients_accepted, 1);
	assert_false(smtp_is_opaque(&d.s));
	for (unsigned i = 0; i < 40; i++)
		feed(&d, 'C', line, 20000);
	assert_true(smtp_is_opaque(&d.s));
	assert_int_equal(smtp_client(d.ctx, &d.s, (const uint8_t *)"QUIT\r\n", 6), 6);
	free(line);
	end(&d);
}

/* A reply line longer than its buffer counts by its code; its text is dropped. */
static void
test_long_reply(void **state)
{
	struct dialogue d;
	(void)state;
	char *line = malloc(5000);
	memset(line, 'a', 5000);
	memcpy(line, "550 5.1.1 <", 11);
	memcpy(line + 4998, "\r\n", 2);
	begin(&d, false);
	d.cut = 100;
	speak(&d, (const char *const[]){
		      HELLO, "CMAIL FROM:<a@s>\r\n", "S250 ok\r\n", "CRCPT TO:<b@r>\r\n", NULL});
	feed(&d, 'S', line, 5000);
	assert_int_equal(d.s.recipients_rejected, 1);
	assert_string_equal(d.r.reply.text, "");
	speak(&d, (const char *const[]){"CRCPT TO:<b@r>\r\n", "S250 ok\r\n", NULL});
	assert_int_equal(d.s.recipients_accepted, 1);
	free(line);
	end(&d);
}

/* More alternating commands in flight than the record holds: they spill, and the order stays. */
static void
test_deep_queue(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d, (const char *const[]){HELLO, "CMAIL FROM:<a@s>\r\n", "S250 ok\r\n", NULL});
	for (unsigned i = 0; i < 200; i++)
		client(&d, "RCPT TO:<b@r>\r\nNOOP\r\n");
	for (unsigned i = 0; i < 200; i++)
		server(&d, i % 4 == 0 ? "550 no\r\n250 noop\r\n" : "250 ok\r\n250 noop\r\n");
	assert_int_equal(d.s.recipients_accepted, 150);
	assert_int_equal(d.s.recipients_rejected, 50);
	/* far more than even that: unknown from there on, right again at the next message */
	for (unsigned i = 0; i < 2000; i++)
		client(&d, "RCPT TO:<b@r>\r\nNOOP\r\n");
	for (unsigned i = 0; i < 2000; i++)
		server(&d, "250 ok\r\n250 noop\r\n");
	struct smtp_stats stats;
	smtp_context_get_stats(d.ctx, &stats);
	assert_true(stats.queue_overflows > 0);
	assert_true(d.s.recipients_accepted < 2150);
	uint32_t before = d.s.recipients_accepted;
	speak(&d, (const char *const[]){
		      "CRSET\r\n", "S250 ok\r\n", ENVELOPE, GO_DATA, TEXT, QUEUED, NULL});
	assert_int_equal(d.s.recipients_accepted, before + 1);
	assert_int_equal(d.s.messages, 1);
	end(&d);
}

/* Recipients beyond the room of the list are counted, without their hashes. */
static void
test_many_recipients(void **state)
{
	struct dialogue d;
	(void)state;
	begin(&d, false);
	speak(&d, (const char *const[]){HELLO, "CMAIL FROM:<a@s>\r\n", "S250 ok\r\n", NULL});
	for (unsigned i = 0; i < 3000; i++)
		client(&d, "RCPT TO:<b@r.example>\r\n");
	for (unsigned i = 0; i < 1024; i++)
		server(&d, "250 ok\r\n");
	assert_int_not_equal(d.r.hash, 0);
	for (unsigned i = 1024; i < 3000; i++)
		server(&d, "250 ok\r\n");
	assert_int_equal(d.r.hash, 0);
	assert_int_equal(d.s.recipients_accepted, 3000);
	speak(&d, (const char *const[]){GO_DATA, TEXT, QUEUED, NULL});
	assert_int_equal(d.r.accepted, 3000);
	assert_string_equal(d.r.message_sender, "s");
	end(&d);
}

/* Sessions that take everything from the pools: the others lose detail, not their counts. */
static void
test_pools_run_dry(void **state)
{
	struct dialogue d;
	struct smtp greedy[300];
	struct smtp_stats stats;
	(void)state;
	begin(&d, false);
	for (unsigned i = 0; i < 300; i++) {
		smtp_init(&greedy[i], false);
		for (unsigned k = 0; k < 40; k++)
			smtp_client(d.ctx, &greedy[i], (const uint8_t *)"MAIL FROM:<a@b>\r\n", 17);
		smtp_client(d.ctx, &greedy[i], (const uint8_t *)"BDAT 10\r\nx", 10);
		smtp_client(d.ctx, &greedy[i], (const uint8_t *)"123456789RCPT TO:<", 18);
	}
	smtp_context_get_stats(d.ctx, &stats);
	assert_true(stats.pool_exhausted > 0);
	speak(&d, (const char *const[]){HELLO, ENVELOPE, GO_DATA, TEXT, QUEUED, BYE, NULL});
	assert_int_equal(d.s.messages, 1);
	assert_int_equal(d.s.recipients_accepted, 1);
	assert_false(d.r.headers_seen);
	for (unsigned i = 0; i < 300; i++)
		smtp_end(d.ctx, &greedy[i]);
	/* all came back */
	smtp_init(&d.s, false);
	speak(&d, (const char *const[]){HELLO, ENVELOPE, GO_DATA, TEXT, QUEUED, BYE, NULL});
	assert_true(d.r.headers_seen);
	assert_int_not_equal(d.r.hash, 0);
	end(&d);
}

/* A body of many segments is not searched, but for what its last line allows. */
static void
test_long_body(void **state)
{
	struct dialogue d;
	char *body = malloc(200000);
	size_t used = 0;
	(void)state;
	used += (size_t)sprintf(body, "Subject: x\r\n\r\n");
	while (used < 150000)
		used += (size_t)sprintf(
		    body + used, "A line of text, number %zu, that ends. And\r\n", used);
	used += (size_t)sprintf(body + used, ".\r\nMAIL FROM:<a@s>\r\nRCPT TO:<b@r>\r\nRSET\r\n");
	for (unsigned cut = 0; cut < 5; cut++) {
		begin(&d, false);
		d.cut = cut * 1000;
		speak(&d, (const char *const[]){HELLO, ENVELOPE, GO_DATA, NULL});
		feed(&d, 'C', body, used);
		speak(&d,
		    (const char *const[]){"S250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n", BYE, NULL});
		assert_int_equal(d.s.messages, 1);
		assert_int_equal(d.s.recipients_rejected, 1);
		assert_int_equal(d.s.queue_count, 0);
		end(&d);
	}
	free(body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cut_body),
	    cmocka_unit_test(test_cut_commands),
	    cmocka_unit_test(test_cut_lines),
	    cmocka_unit_test(test_cut_pipeline),
	    cmocka_unit_test(test_lost_commands),
	    cmocka_unit_test(test_lost_replies),
	    cmocka_unit_test(test_lost_chunk),
	    cmocka_unit_test(test_server_alone),
	    cmocka_unit_test(test_midstream),
	    cmocka_unit_test(test_long_lines),
	    cmocka_unit_test(test_long_reply),
	    cmocka_unit_test(test_deep_queue),
	    cmocka_unit_test(test_many_recipients),
	    cmocka_unit_test(test_pools_run_dry),
	    cmocka_unit_test(test_long_body),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
