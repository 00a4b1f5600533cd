/* SPDX-License-Identifier: ISC */
/* An existing whitelist as CSV, and the letters to tenants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "whitelist/legacy.h"
#include "whitelist/check.h"
#include "whitelist/letter.h"

#define NOW (INT64_C(1700000000) * CLOCK_SECOND_NS)

static void
test_good(void **state)
{
	static const char text[] =
	    "\xef\xbb\xbf# our list\r\n"
	    "until,server,note,per_day,domains\r\n"
	    "2099-01-31,vm-1;vm-2,\"since, 2019\",5000,News.Example ; shop.example\r\n"
	    "\n"
	    "90d,vm-3,,7,\n";
	struct application *rows;
	unsigned count, *lines;
	struct err e;

	(void)state;
	assert_int_equal(
	    legacy_parse("old.csv", text, sizeof(text) - 1, NOW, &rows, &count, &lines, &e), 0);
	assert_int_equal(count, 2);
	assert_int_equal(lines[0], 3);
	assert_int_equal(lines[1], 5);
	assert_int_equal(rows[0].server_count, 2);
	assert_string_equal(rows[0].servers[1], "vm-2");
	assert_string_equal(rows[0].domains[0], "news.example");
	assert_string_equal(rows[0].domains[1], "shop.example");
	assert_string_equal(rows[0].reason, "since, 2019");
	assert_int_equal(rows[0].per_day, 5000);
	assert_int_equal(rows[0].state, APPLICATION_APPROVED);
	assert_int_equal(rows[1].domain_count, 0);
	assert_int_equal(rows[1].grant_until_ns, NOW + 90 * CLOCK_DAY_NS);
	free(rows);
	free(lines);
}

static void
test_bad(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
	    {"", "f:1: "},
	    {"server,per_day\n", "no column \"until\""},
	    {"server,per_day,until\n", "no row"},
	    {"server,per_day,until,colour\n", "\"colour\" is unknown"},
	    {"server,server,until\n", "doubled"},
	    {"server,per_day,until\n,5,90d\n", "f:2: the row names no server"},
	    {"server,per_day,until\nvm-1,0,90d\n", "per_day \"0\""},
	    {"server,per_day,until\nvm-1,-5,90d\n", "per_day \"-5\""},
	    {"server,per_day,until\nvm-1,9999999999,90d\n", "per_day"},
	    {"server,per_day,until\nvm-1,5,soon\n", "until \"soon\""},
	    {"server,per_day,until\nvm-1,5,2001-01-01\n", "in the past"},
	    {"server,per_day,until\n\nvm-1,5\n", "f:3: the row ends before"},
	    {"server,per_day,until\nvm-1,5,90d,x\n", "more cells"},
	    {"server,per_day,until\n\"vm-1,5,90d\n", "f:2: a quoted cell"},
	    {"server,domains,per_day,until\nvm-1,local,5,90d\n", "not a domain"},
	    {"server,domains,per_day,until\nvm-1,a.b;<x>.y,5,90d\n", "not a domain"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct application *out = NULL;
		unsigned count, *lines;
		struct err e;
		int rc = legacy_parse(
		    "f", rows[i].text, strlen(rows[i].text), NOW, &out, &count, &lines, &e);

		if (rc >= 0 || out != NULL || strstr(e.text, rows[i].says) == NULL)
			fail_msg("row %zu: %d %s", i, rc, rc < 0 ? e.text : "");
	}
}

static void
test_letters(void **state)
{
	struct application a = {.id = 12, .lang = "en", .reason = "whose list is it?"};
	char buf[LETTER_BYTES];

	(void)state;
	letter_write(buf, LETTER_ASK, &a, true, NULL, NULL);
	assert_non_null(strstr(buf, "application 12:"));
	assert_non_null(strstr(buf, "whose list is it?"));
	assert_non_null(strstr(buf, "original source"));
	strcpy(a.lang, "ru");
	letter_write(buf, LETTER_RECEIVED, &a, false, NULL, NULL);
	assert_non_null(strstr(buf, "Здравствуйте"));
	assert_non_null(strstr(buf, "номер 12."));
	assert_non_null(strstr(buf, "KVM"));
	assert_null(strstr(buf, "whose list"));
	assert_true(strlen(buf) < LETTER_BYTES - 1000); /* everything is missing: the longest */
}

/* Every check that can stop an approval tells the sender what to do, in both languages, and all of it fits. */
static void
test_failed_checks(void **state)
{
	static struct check_report r;
	struct application a = {.id = 12, .lang = "en", .purpose = PURPOSE_NEWSLETTER};
	char buf[LETTER_BYTES];

	(void)state;
	check_report_init(&r);
	for (unsigned id = 0; id < CHECK__COUNT; id++) {
		const bool own =
		    id == CHECK_C6 || id == CHECK_D15; /* in the list of what is missing */

		check_report_add(&r, (enum check_id)id, CHECK_FAIL, "a", "x");
		check_report_add(&r, (enum check_id)id, CHECK_FAIL, "b", "x");
		assert_int_equal(letter_check_text(id, "en") != NULL,
		    check_info(id)->worst == CHECK_FAIL && !own);
		assert_int_equal(
		    letter_check_text(id, "ru") != NULL, letter_check_text(id, "en") != NULL);
	}
	memset(a.reason, 'r', sizeof(a.reason) - 1);
	letter_write(buf, LETTER_ASK, &a, true, NULL, &r);
	assert_non_null(strstr(buf, "has to be mended"));
	strcpy(a.lang, "ru");
	letter_write(buf, LETTER_ASK, &a, false, NULL, &r);
	assert_non_null(strstr(buf, "Это нужно исправить"));
	assert_non_null(strstr(buf, "DMARC"));
	assert_null(strstr(strstr(buf, "Отписка в один клик") + 1, "Отписка в один клик"));
	assert_true(strlen(buf) < LETTER_BYTES - 1000);
	check_report_init(&r);
	check_report_add(&r, CHECK_M4, CHECK_PASS, NULL, "x");
	letter_write(buf, LETTER_ASK, &a, true, NULL, &r);
	assert_null(strstr(buf, "исправить"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_letters),
	    cmocka_unit_test(test_failed_checks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
