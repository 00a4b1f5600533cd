/* SPDX-License-Identifier: ISC */
/* The online checks of granted mail, made again: what warns, what suspends and when, what changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "policy/watch_pages.h"

#define T0 (INT64_C(1700000000) * CLOCK_SECOND_NS)

static struct check_report then, now; /* large */
static struct grant_watch w;

static void
begin(void)
{
	check_report_init(&then);
	check_report_add(&then, CHECK_U1, CHECK_PASS, "link in the body", "https");
	check_report_add(&then, CHECK_U2, CHECK_PASS, "link in the body", "200 after 0 redirects");
	check_report_add(&then, CHECK_D8, CHECK_PASS, "shop.example", "DMARC p=none");
	for (unsigned i = 0; i < then.count; i++)
		then.results[i].made_ns = T0;
	now = then;
	memset(&w, 0, sizeof(w));
}

static enum watch_level
judge(int64_t hours)
{
	return watch_pages_judge(&w, &then, &now, T0 + hours * CLOCK_HOUR_NS, NULL);
}

static void
test_well(void **state)
{
	(void)state;
	begin();
	assert_int_equal(judge(24), WATCH_WELL);
	assert_string_equal(w.pages_reason, "");
	assert_int_equal(w.pages_bad_ns, 0);
	assert_int_equal(w.pages_ns, T0 + 24 * CLOCK_HOUR_NS);
}

static void
test_page_gone(void **state)
{
	json_t *changes = json_array();

	(void)state;
	begin();
	check_report_add(&now, CHECK_U2, CHECK_FAIL, "link in the body", "the page answers 404");
	assert_int_equal(
	    watch_pages_judge(&w, &then, &now, T0 + 24 * CLOCK_HOUR_NS, changes), WATCH_WARN);
	assert_string_equal(w.pages_reason, "U2 link in the body: then (2023-11-14) 200 after 0 "
					    "redirects, now the page answers 404");
	assert_int_equal(json_array_size(changes), 1);
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(changes, 0), "check")), "U2");
	json_decref(changes);
	assert_int_equal(judge(48), WATCH_WARN);
	assert_int_equal(judge(24 + 47), WATCH_WARN);
	assert_int_equal(judge(24 + 48), WATCH_SUSPEND);
	/* It answers again: the next failure begins anew. */
	now = then;
	assert_int_equal(judge(80), WATCH_WELL);
	check_report_add(&now, CHECK_U2, CHECK_FAIL, "link in the body", "the page answers 404");
	assert_int_equal(judge(200), WATCH_WARN);
}

/* The resolver is silent, or the page's server is too busy to be judged: the clock runs on, nothing is decided. */
static void
test_unasked(void **state)
{
	(void)state;
	begin();
	check_report_add(&now, CHECK_U2, CHECK_FAIL, "link in the body", "the page answers 500");
	assert_int_equal(judge(24), WATCH_WARN);
	now = then;
	check_report_add(
	    &now, CHECK_U2, CHECK_NOT_CHECKED, "link in the body", "check again later");
	assert_int_equal(judge(100), WATCH_WARN);
	assert_int_equal(w.pages_bad_ns, T0 + 24 * CLOCK_HOUR_NS);
	begin();
	check_report_add(
	    &now, CHECK_U2, CHECK_NOT_CHECKED, "link in the body", "check again later");
	assert_int_equal(judge(24), WATCH_UNSEEN);
}

/* Names and keys warn for as long as they are wrong; they never suspend. */
static void
test_records(void **state)
{
	(void)state;
	begin();
	check_report_add(&now, CHECK_D8, CHECK_FAIL, "shop.example", "there is no DMARC record");
	assert_int_equal(judge(24), WATCH_WARN);
	assert_int_equal(judge(2400), WATCH_WARN);
	assert_non_null(strstr(w.pages_reason, "D8 shop.example"));
	/* The page is what is told first. */
	check_report_add(&now, CHECK_U2, CHECK_FAIL, "link in the body", "the page answers 404");
	assert_int_equal(judge(2424), WATCH_WARN);
	assert_non_null(strstr(w.pages_reason, "U2"));
}

/* What a person overrode at the approval is no change; where nothing was known, a failure warns. */
static void
test_override(void **state)
{
	(void)state;
	begin();
	check_report_add(&then, CHECK_U2, CHECK_FAIL, "link in the body", "the page answers 404");
	now = then;
	assert_int_equal(judge(24), WATCH_WELL);
	assert_int_equal(judge(2400), WATCH_WELL);
	memset(&w, 0, sizeof(w));
	assert_int_equal(watch_pages_judge(&w, NULL, &now, T0, NULL), WATCH_WARN);
	assert_int_equal(
	    watch_pages_judge(&w, NULL, &now, T0 + 100 * CLOCK_HOUR_NS, NULL), WATCH_WARN);
	assert_non_null(strstr(w.pages_reason, "nothing was known"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_well),
	    cmocka_unit_test(test_page_gone),
	    cmocka_unit_test(test_unasked),
	    cmocka_unit_test(test_records),
	    cmocka_unit_test(test_override),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
