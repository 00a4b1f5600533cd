/* SPDX-License-Identifier: ISC */
/*
 * Reports of the machine checks: names, replacing, both forms there and back, hostile bytes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "whitelist/check.h"

static void
fill(struct check_report *r)
{
	struct check_facts *f = &r->facts;

	check_report_init(r);
	r->made_ns = 1700000000LL * 1000000000;
	check_report_add(r, CHECK_M4, CHECK_PASS, NULL, "verified with %d bits", 2048);
	check_report_add(r, CHECK_D1, CHECK_FAIL, "192.0.2.1", "no PTR");
	check_report_add(r, CHECK_D1, CHECK_PASS, "192.0.2.2", "mail.example");
	strcpy(f->list_unsubscribe[0], "https://example.org/u/0123456789abcdef");
	f->list_unsubscribe_count = 1;
	f->one_click = true;
	strcpy(f->from_domain, "example.org");
	strcpy(f->subject, "Привет");
	assert_int_equal(addr_parse("192.0.2.9", &f->hop_address), 0);
	f->date_ns = 1600000000LL * 1000000000;
	f->size_bytes = 1234;
	f->dkim_count = 1;
	strcpy(f->dkim[0].domain, "example.org");
	f->dkim[0].verified = true;
	f->dkim[0].key_bits = 2048;
	f->picture_count = 1;
	strcpy(f->pictures[0].kind, "consent-form");
	f->pictures[0].width = 640;
}

static void
test_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CHECK__COUNT; i++) {
		assert_non_null(check_info(i)->name);
		assert_int_equal(check_id_parse(check_info(i)->name), i);
	}
	for (unsigned i = 0; i < CHECK_LEVEL__COUNT; i++)
		assert_int_equal(check_level_parse(check_level_name(i)), i);
	assert_int_equal(check_id_parse("M18"), -EINVAL);
	assert_int_equal(check_level_parse(""), -EINVAL);
}

static void
test_add(void **state)
{
	static struct check_report r, other;

	(void)state;
	fill(&r);
	assert_int_equal(r.count, 3);
	check_report_add(&r, CHECK_D1, CHECK_PASS, "192.0.2.1", "found\nnow");
	assert_int_equal(r.count, 3);
	assert_string_equal(r.results[1].text, "found?now");
	check_report_bad(&r, CHECK_M8, PURPOSE_AUTOMATIC, NULL, "missing");
	assert_int_equal(check_report_find(&r, CHECK_M8)->level, CHECK_WARN);
	check_report_bad(&r, CHECK_M8, PURPOSE_NEWSLETTER, NULL, "missing");
	assert_int_equal(check_report_find(&r, CHECK_M8)->level, CHECK_FAIL);
	assert_null(check_report_find(&r, CHECK_U1));

	check_report_init(&other);
	check_report_add(&other, CHECK_M4, CHECK_FAIL, NULL, "no key");
	check_report_merge(&r, &other);
	assert_int_equal(check_report_find(&r, CHECK_M4)->level, CHECK_FAIL);
	assert_string_equal(r.facts.from_domain, "example.org"); /* no message: no facts */

	for (unsigned i = 0; i <= CHECK_RESULTS_MAX; i++) {
		char about[16];

		snprintf(about, sizeof(about), "%u", i);
		check_report_add(&r, CHECK_D2, CHECK_PASS, about, "x");
	}
	assert_int_equal(r.count, CHECK_RESULTS_MAX);
	assert_true(r.overflow);
}

static void
assert_same(const struct check_report *a, const struct check_report *b)
{
	assert_int_equal(a->made_ns, b->made_ns);
	assert_int_equal(a->count, b->count);
	for (unsigned i = 0; i < a->count; i++) {
		assert_int_equal(a->results[i].id, b->results[i].id);
		assert_int_equal(a->results[i].level, b->results[i].level);
		assert_string_equal(a->results[i].about, b->results[i].about);
		assert_string_equal(a->results[i].text, b->results[i].text);
	}
	assert_memory_equal(&a->facts, &b->facts, sizeof(a->facts));
}

static void
test_wire(void **state)
{
	static struct check_report r, back;
	static uint8_t buf[CHECK_WIRE_MAX];
	long n;

	(void)state;
	fill(&r);
	n = check_report_encode(&r, buf, sizeof(buf));
	assert_true(n > 0);
	assert_int_equal(check_report_decode(&back, buf, (size_t)n), 0);
	assert_same(&r, &back);
	for (long cut = 0; cut < n; cut++)
		assert_int_equal(check_report_decode(&back, buf, (size_t)cut), -EBADMSG);
	assert_int_equal(check_report_decode(&back, buf, (size_t)n + 1), -EBADMSG);
	buf[0]++;
	assert_int_equal(check_report_decode(&back, buf, (size_t)n), -EBADMSG);
	assert_int_equal(check_report_encode(&r, buf, 20), -ENOBUFS);
}

/* Every text at its longest still fits CHECK_WIRE_MAX. */
static void
test_largest(void **state)
{
	static struct check_report r, back;
	static uint8_t buf[CHECK_WIRE_MAX];
	struct check_facts *f = &r.facts;
	char long_text[2 * CHECK_TEXT_BYTES], about[CHECK_ABOUT_BYTES + 10];

	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = '\0';
	check_report_init(&r);
	for (unsigned i = 0; i < CHECK_RESULTS_MAX; i++) {
		snprintf(about, sizeof(about), "%0130u", i);
		memmove(about, about + 3, sizeof(about) - 3);
		check_report_add(&r, CHECK_D2, CHECK_WARN, about, "%s", long_text);
	}
	assert_int_equal(r.count, CHECK_RESULTS_MAX);
	f->list_unsubscribe_count = CHECK_URIS_MAX;
	for (unsigned i = 0; i < CHECK_URIS_MAX; i++)
		memset(f->list_unsubscribe[i], 'y', CHECK_URI_BYTES - 1);
	f->dkim_count = CHECK_DKIM_MAX;
	for (unsigned i = 0; i < CHECK_DKIM_MAX; i++) {
		memset(f->dkim[i].domain, 'd', CHECK_DOMAIN_BYTES - 1);
		memset(f->dkim[i].selector, 's', CHECK_DOMAIN_BYTES - 1);
	}
	f->picture_count = CHECK_PICTURES_MAX;
	memset(f->body_link, 'b', CHECK_URI_BYTES - 1);
	memset(f->subject, 'b', CHECK_TEXT_BYTES - 1);
	memset(f->from, 'b', CHECK_TEXT_BYTES - 1);
	memset(f->list_id, 'b', CHECK_TEXT_BYTES - 1);
	memset(f->structure, 'b', CHECK_TEXT_BYTES - 1);
	memset(f->body_link_text, 'b', CHECK_TEXT_BYTES - 1);
	{
		long n = check_report_encode(&r, buf, sizeof(buf));

		assert_true(n > 0);
		assert_int_equal(check_report_decode(&back, buf, (size_t)n), 0);
	}
	assert_same(&r, &back);
}

static void
test_json(void **state)
{
	static struct check_report r, back;
	json_t *j;

	(void)state;
	fill(&r);
	j = check_report_json(&r);
	assert_non_null(j);
	assert_int_equal(check_report_from_json(&back, j), 0);
	assert_same(&r, &back);
	json_decref(j);
	j = json_pack("{s:[{s:s}]}", "results", "id", "M99");
	assert_int_equal(check_report_from_json(&back, j), -EINVAL);
	json_decref(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_add),
	    cmocka_unit_test(test_wire),
	    cmocka_unit_test(test_largest),
	    cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
