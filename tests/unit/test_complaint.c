/* SPDX-License-Identifier: ISC */
/* Complaints: taken from mails, matched to a server and a time, counted once; and reports that are read back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cli/arf.h"
#include "policy/guard_private.h"
#include "tests/unit/guard_fixture.h"
#include "whitelist/check_complaint.h"
#include "whitelist/check_message.h"

static void
read_file(const char *name, struct complaint *c)
{
	char path[128], text[16384];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "tests/fuzz/corpus/complaint/%s", name);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	check_complaint(c, text, n);
}

static const char *
source_of(const struct complaint *c)
{
	static char buf[ADDR_TEXT_BYTES];

	return addr_format(buf, &c->source);
}

static void
test_formats(void **state)
{
	struct complaint c, other;
	char iso[CLOCK_ISO_BYTES];

	(void)state;
	read_file("rfc5965.eml", &c); /* the example of RFC 5965, appendix B.2 */
	assert_string_equal(c.refused, "");
	assert_string_equal(c.type, "abuse");
	assert_string_equal(source_of(&c), "192.0.2.1");
	assert_string_equal(c.reporter, "mail.example.com");
	assert_string_equal(c.domain, "example.net");
	assert_string_equal(c.user_agent, "SomeGenerator/1.0");
	assert_int_equal(
	    strncmp(clock_format_iso(iso, c.arrival_ns), "2005-03-08T18:00:00", 19), 0);
	read_file("jmrp.eml", &c);
	assert_string_equal(c.refused, "");
	assert_string_equal(source_of(&c), "192.0.2.1");
	assert_string_equal(c.reporter, "hotmail.com");
	assert_string_equal(c.domain, "shop.example");
	assert_int_equal(
	    strncmp(clock_format_iso(iso, c.arrival_ns), "2026-11-22T03:00:00", 19), 0);
	read_file("headers.eml", &other);
	assert_string_equal(other.refused, "");
	assert_string_equal(other.type, "fraud");
	assert_string_equal(source_of(&other), "2001:db8:1::7");
	assert_string_equal(other.domain, "lists.shop.example");
	assert_int_equal(
	    strncmp(clock_format_iso(iso, other.arrival_ns), "2026-11-22T00:00:00", 19), 0);
	assert_string_not_equal(c.digest, other.digest);
	read_file("none.eml", &c);
	assert_non_null(strstr(c.refused, "RFC 5965"));
}

/* Words that are none: left out whole, never cut into others. */
static void
test_bad_fields(void **state)
{
	static const char text[] =
	    "Feedback-Type: a\x1b[2J\r\nSource-IP: 192.0.2.1.5\nArrival-Date: yesterday\n"
	    "Reporting-MTA: dns; <script>\nReported-Domain:\n folded.example\n"
	    "no colon here\nUser-Agent: evil\x1b]0;x\x07\n: empty\n\nSource-IP: 192.0.2.9\n";
	struct complaint c = {.arrival_ns = 5};

	(void)state;
	complaint_read_fields(&c, text, sizeof(text) - 1);
	assert_string_equal(c.type, "a");
	assert_true(addr_is_zero(&c.source));
	assert_int_equal(c.arrival_ns, 0);
	assert_string_equal(c.reporter, "");
	assert_string_equal(c.domain, "folded.example");
	assert_string_equal(c.user_agent, "evil?]0;x?");
	assert_int_equal(complaint_read_date("Sun, 22 Nov 2026 04:00:00 +0000"),
	    complaint_read_date("22 Nov 2026 06:00:00 +0200"));
	assert_int_equal(complaint_read_date(""), 0);
}

/* A host of the longest length is taken, a longer one is none. */
static void
test_long_hosts(void **state)
{
	char text[600], host[COMPLAINT_HOST_BYTES + 1];

	(void)state;
	for (size_t n = COMPLAINT_HOST_BYTES - 1; n <= COMPLAINT_HOST_BYTES; n++) {
		struct complaint c = {.arrival_ns = 5};

		memset(host, 'h', n);
		host[n] = '\0';
		snprintf(text, sizeof(text), "Feedback-Type: abuse\nReported-Domain: %s\n", host);
		complaint_read_fields(&c, text, strlen(text));
		assert_string_equal(c.domain, n < COMPLAINT_HOST_BYTES ? host : "");
	}
}

/* --- the guard --- */

static int
setup_empty(void **state)
{
	return setup_with(state, NULL, NULL);
}

static void
import(struct fixture *f, const char *rows)
{
	struct guard_import done;
	char text[512];

	snprintf(text, sizeof(text), "server,addresses\n%s", rows);
	assert_int_equal(guard_import(&f->g, "x", "f", text, strlen(text), &done, NULL), 0);
}

static struct complaint
complaint(const char *source, int64_t arrival_ns, unsigned number)
{
	struct complaint c = {.type = "abuse", .reporter = "mx.example", .arrival_ns = arrival_ns};

	assert_int_equal(addr_parse(source, &c.source), 0);
	snprintf(c.digest, sizeof(c.digest), "%064x", number);
	return c;
}

static void
test_whose_and_when(void **state)
{
	struct fixture *f = *state;
	struct store_complaint stored;
	struct complaint c;
	bool known;

	import(f, "vm-a,192.0.2.1\nvm-b,192.0.2.16/28\n");
	f->g.now_ns = T0 + CLOCK_DAY_NS;
	import(f, "vm-a,192.0.2.9\nvm-b,192.0.2.16/28\nvm-c,192.0.2.1\n");
	f->g.now_ns += CLOCK_HOUR_NS;
	/* The mail came yesterday: the address was vm-a's. */
	c = complaint("192.0.2.1", T0 + CLOCK_HOUR_NS, 1);
	assert_int_equal(guard_complain(&f->g, "x", &c, &stored, &known, NULL), 0);
	assert_string_equal(stored.server, "vm-a");
	assert_string_equal(stored.how, "history");
	assert_true(stored.counted);
	assert_false(known);
	/* The same once more counts nothing. */
	assert_int_equal(guard_complain(&f->g, "x", &c, &stored, &known, NULL), 0);
	assert_true(known);
	c = complaint("192.0.2.1", f->g.now_ns, 2);
	assert_int_equal(guard_complain(&f->g, "x", &c, &stored, &known, NULL), 0);
	assert_string_equal(stored.server, "vm-c");
	/* Before anything is known: whose it is now. */
	c = complaint("192.0.2.20", T0 - CLOCK_DAY_NS, 3);
	assert_int_equal(guard_complain(&f->g, "x", &c, &stored, &known, NULL), 0);
	assert_string_equal(stored.server, "vm-b");
	assert_string_equal(stored.how, "inventory");
	/* Old mail, other kinds and strangers are stored, and do not count. */
	c = complaint("192.0.2.20", T0 - 30 * CLOCK_DAY_NS, 4);
	assert_int_equal(guard_complain(&f->g, "x", &c, &stored, &known, NULL), 0);
	assert_false(stored.counted);
	c = complaint("192.0.2.20", f->g.now_ns, 5);
	strcpy(c.type, "not-spam");
	assert_int_equal(guard_complain(&f->g, "x", &c, &stored, &known, NULL), 0);
	assert_false(stored.counted);
	c = complaint("203.0.113.1", f->g.now_ns, 6);
	assert_int_equal(guard_complain(&f->g, "x", &c, &stored, &known, NULL), 0);
	assert_string_equal(stored.server, "");
	strcpy(c.refused, "it is none");
	assert_int_equal(guard_complain(&f->g, "x", &c, &stored, &known, NULL), -EBADMSG);
}

static unsigned complaints;

static int
count_one(void *arg, const struct store_complaint *c)
{
	(void)arg;
	(void)c;
	complaints++;
	return 0;
}

/* Complaints alone lift to warn and no further; they fade, and their rows go. */
static void
test_score_and_retention(void **state)
{
	struct fixture *f = *state;
	struct store_complaint stored;
	struct judge_view view;
	struct complaint c;
	bool known;

	import(f, "vm-a,192.0.2.1\n");
	c = complaint("192.0.2.1", T0, 1);
	assert_int_equal(guard_complain(&f->g, "x", &c, &stored, &known, NULL), 0);
	assert_int_equal(judge_get(f->g.judge, 0, &view), 0);
	assert_int_equal(view.verdict.rung, RUNG_CLEAR); /* one is nobody's fault */
	for (unsigned i = 0; i < 60; i++) /* and stays one, however often it is brought */
		assert_int_equal(guard_complain(&f->g, "x", &c, &stored, &known, NULL), 0);
	assert_int_equal(judge_get(f->g.judge, 0, &view), 0);
	assert_int_equal(view.verdict.rung, RUNG_CLEAR);
	for (unsigned i = 2; i <= 60; i++) {
		c = complaint("192.0.2.1", T0, i);
		assert_int_equal(guard_complain(&f->g, "x", &c, &stored, &known, NULL), 0);
	}
	assert_int_equal(judge_get(f->g.judge, 0, &view), 0);
	assert_int_equal(view.verdict.rung, RUNG_WARN);
	assert_true(view.score[QUESTION_ABUSE].points >= 6.9);
	assert_true(view.score[QUESTION_BULK].points <= 0.1);
	f->g.now_ns += 2 * CLOCK_DAY_NS;
	guard_tick(&f->g);
	assert_int_equal(judge_get(f->g.judge, 0, &view), 0);
	assert_true(view.score[QUESTION_ABUSE].points < 0.1);
	complaints = 0;
	assert_int_equal(store_each_complaint(f->g.store, "vm-a", 100, count_one, NULL, NULL), 0);
	assert_int_equal(complaints, 60);
	f->g.now_ns += f->settings.complaint_retention_ns;
	guard_tick(&f->g);
	complaints = 0;
	assert_int_equal(store_each_complaint(f->g.store, "", 100, count_one, NULL, NULL), 0);
	assert_int_equal(complaints, 0);
}

/* --- reports --- */

static void
test_report_is_read_back(void **state)
{
	json_t *report = json_pack("{s:{s:s, s:s, s:i, s:{s:s, s:s}, s:[{s:s, s:s, s:s, s:s, "
				   "s:s}]}, s:{s:[s], s:s, s:s}, s:[]}",
	    "about", "case", "bh-one", "server", "vm-a", "messages_before_block", 45, "text", "en",
	    "Hello.", "ru", "Здравствуйте, это длинный текст.", "samples", "time",
	    "2026-11-22T04:07:09Z", "helo", "vm\r\nX-Evil: 1", "sender_domain", "news.example",
	    "recipient_domain", "dest.example", "destination", "198.51.100.1", "server",
	    "addresses", "192.0.2.7/32", "contact", "owner@a.example\r\nBcc: x@y.example", "lang",
	    "ru", "complaints");
	char *text = arf_write(report, T0), *line;
	struct complaint c;

	(void)state;
	assert_non_null(text);
	check_complaint(&c, text, strlen(text));
	assert_string_equal(c.refused, "");
	assert_string_equal(c.type, "abuse");
	assert_string_equal(source_of(&c), "192.0.2.7");
	assert_string_equal(c.domain, "news.example");
	assert_int_equal(c.arrival_ns, complaint_read_date("Sun, 22 Nov 2026 04:07:09 +0000"));
	assert_non_null(strstr(
	    text, "To: <owner@a.exampleBcc:x@y.example>\r\n")); /* one line, whatever it says */
	assert_null(strstr(text, "\nX-Evil"));
	assert_null(strstr(text, "\nBcc"));
	assert_non_null(strstr(text, "Incidents: 45\r\n"));
	for (line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
		assert_in_range(strcspn(line, "\n"), 0, 200);
		assert_int_equal(strchr(line, '\n')[-1], '\r');
	}
	for (line = text; *line != '\0'; line++)
		assert_true((unsigned char)*line < 0x80);
	free(text);
	json_decref(report);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_formats),
	    cmocka_unit_test(test_bad_fields),
	    cmocka_unit_test(test_long_hosts),
	    cmocka_unit_test_setup_teardown(test_whose_and_when, setup_empty, teardown),
	    cmocka_unit_test_setup_teardown(test_score_and_retention, setup_empty, teardown),
	    cmocka_unit_test(test_report_is_read_back),
	};

	check_message_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
