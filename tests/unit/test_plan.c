/* SPDX-License-Identifier: ISC */
/* Plans: order, doubles, limits, projection of servers, differences. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy/plan.h"

static struct plan_element
by_name(const char *ifname, int64_t timeout_ns, const char *case_id)
{
	struct plan_element e = {.set = PLAN_SET_BLOCKED, .timeout_ns = timeout_ns};

	strncpy(e.ifname, ifname, sizeof(e.ifname) - 1);
	strncpy(e.case_id, case_id, sizeof(e.case_id) - 1);
	return e;
}

static struct plan_element
by_prefix(const char *prefix, int64_t timeout_ns)
{
	struct plan_element e = {.set = PLAN_SET_BLOCKED, .timeout_ns = timeout_ns};

	assert_int_equal(addr_prefix_parse(prefix, &e.prefix), 0);
	return e;
}

static void
test_sorted_without_doubles(void **state)
{
	struct plan_element elements[] = {
	    by_name("vnet2", 5 * CLOCK_SECOND_NS, "bh-b"),
	    by_prefix("192.0.2.7", 0),
	    by_name("vnet1", 0, "bh-forever"),
	    by_name("vnet2", 9 * CLOCK_SECOND_NS, "bh-longer"),
	    by_name("vnet1", 9 * CLOCK_SECOND_NS, "bh-a"),
	    by_prefix("192.0.2.0/24", 0),
	    by_name("vnet2", 7 * CLOCK_SECOND_NS, "bh-c"),
	};
	struct plan p;
	unsigned i;

	(void)state;
	plan_init(&p);
	for (i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
		assert_int_equal(plan_add(&p, &elements[i]), 0);
	elements[0].set = PLAN_SET_GRANTED;
	assert_int_equal(plan_add(&p, &elements[0]), 0);
	plan_finish(&p);
	assert_int_equal(p.count, 5);
	for (i = 1; i < p.count; i++)
		assert_true(plan_compare(&p.elements[i - 1], &p.elements[i]) < 0);
	assert_int_equal(
	    p.elements[0].prefix.bits, 120); /* addresses before names, wider before narrower */
	assert_string_equal(p.elements[2].ifname, "vnet1");
	assert_string_equal(p.elements[2].case_id, "bh-forever"); /* no end outlasts 9 s */
	assert_string_equal(p.elements[3].case_id, "bh-longer");
	assert_int_equal(p.elements[4].set, PLAN_SET_GRANTED);
	plan_fini(&p);
	plan_fini(&p);
	plan_fini(NULL);
}

static void
test_empty(void **state)
{
	struct plan p;

	(void)state;
	plan_init(&p);
	plan_finish(&p);
	assert_int_equal(p.count, 0);
	assert_null(p.elements);
	plan_fini(&p);
}

static void
test_what_the_kernel_cannot_hold(void **state)
{
	static const struct {
		const char *prefix;
		unsigned keys;
	} cases[] = {
	    {"192.0.2.1", 1},
	    {"192.0.2.0/24", 256},
	    {"192.0.2.0/30", 4},
	    {"192.0.2.0/23", 0},
	    {"10.0.0.0/8", 0},
	    {"2001:db8::1", 1},
	    {"2001:db8::/120", 256},
	    {"2001:db8::/119", 0},
	    {"2001:db8::/65", 0},
	    {"2001:db8::/64", 1},
	    {"2001:db8::/56", 256},
	    {"2001:db8::/55", 0},
	    {"2001:db8::/48", 0},
	};
	struct plan p;
	unsigned i;

	(void)state;
	plan_init(&p);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plan_element e = by_prefix(cases[i].prefix, 0);

		assert_int_equal(plan_prefix_keys(&e.prefix), cases[i].keys);
		assert_int_equal(plan_add(&p, &e), cases[i].keys > 0 ? 0 : -EINVAL);
	}
	plan_fini(&p);
}

static void
test_bad_elements(void **state)
{
	struct plan_element e = by_name("vnet1", 0, "");
	struct plan p;

	(void)state;
	plan_init(&p);
	e.set = PLAN_SET__COUNT;
	assert_int_equal(plan_add(&p, &e), -EINVAL);
	e.set = PLAN_SET_BLOCKED;
	e.timeout_ns = -1;
	assert_int_equal(plan_add(&p, &e), -EINVAL);
	e.timeout_ns = PLAN_TIMEOUT_MAX_NS + 1;
	assert_int_equal(plan_add(&p, &e), -EINVAL);
	e.timeout_ns = 1; /* a rest below a second is a second: 0 would be "without end" */
	assert_int_equal(plan_add(&p, &e), 0);
	assert_true(p.elements[0].timeout_ns == PLAN_TIMEOUT_MIN_NS);
	memset(&e.prefix, 0, sizeof(e.prefix));
	e.prefix.bits = 129;
	e.ifname[0] = '\0';
	assert_int_equal(plan_add(&p, &e), -EINVAL);
	assert_int_equal(p.count, 1);
	plan_fini(&p);
}

static void
test_full(void **state)
{
	struct plan p;
	unsigned i;

	(void)state;
	plan_init(&p);
	for (i = 0; i < PLAN_ELEMENTS_MAX; i++) {
		struct plan_element e = {.timeout_ns = CLOCK_SECOND_NS};

		snprintf(e.ifname, sizeof(e.ifname), "v%u", i);
		assert_int_equal(plan_add(&p, &e), 0);
	}
	assert_int_equal(plan_add(&p, &p.elements[0]), -ENOSPC);
	plan_finish(&p);
	assert_int_equal(p.count, PLAN_ELEMENTS_MAX);
	plan_fini(&p);
}

static void
test_servers(void **state)
{
	struct server s = {.name = "vm-1"};
	struct plan p;

	(void)state;
	plan_init(&p);
	assert_int_equal(plan_add_server(&p, &s, PLAN_SET_BLOCKED, 0, "bh-x"), -ENODATA);
	assert_int_equal(addr_prefix_parse("192.0.2.1", &s.prefixes[0]), 0);
	assert_int_equal(addr_prefix_parse("2001:db8::/48", &s.prefixes[1]), 0);
	assert_int_equal(addr_prefix_parse("2001:db8:1::/64", &s.prefixes[2]), 0);
	s.prefix_count = 3;
	assert_int_equal(plan_add_server(&p, &s, PLAN_SET_BLOCKED, CLOCK_HOUR_NS, "bh-x"), -EINVAL);
	assert_int_equal(p.count, 2); /* all but the /48 */
	assert_string_equal(p.elements[1].case_id, "bh-x");
	assert_string_equal(p.elements[1].ifname, "");

	strcpy(s.ifnames[0], "vnet1");
	strcpy(s.ifnames[1], "vnet2");
	s.ifname_count = 2;
	assert_int_equal(plan_add_server(&p, &s, PLAN_SET_GRANTED, CLOCK_HOUR_NS, NULL), 0);
	assert_int_equal(p.count, 4); /* interfaces alone */
	assert_string_equal(p.elements[3].ifname, "vnet2");
	assert_int_equal(p.elements[3].prefix.bits, 0);
	assert_int_equal(p.elements[3].set, PLAN_SET_GRANTED);
	plan_fini(&p);
}

struct seen {
	char text[512];
};

static void
note(struct seen *s, char sign, const struct plan_element *e)
{
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof(s->text) - n, "%c%s ", sign, e->ifname);
}

static void
note_add(void *arg, const struct plan_element *e)
{
	note(arg, '+', e);
}

static void
note_remove(void *arg, const struct plan_element *e)
{
	note(arg, '-', e);
}

static void
check_diff(const struct plan_element *want, unsigned want_count, const struct plan_element *have,
    unsigned have_count, const char *expected, unsigned expected_count)
{
	struct plan desired, actual;
	struct seen seen = {""};
	unsigned i;

	plan_init(&desired);
	plan_init(&actual);
	for (i = 0; i < want_count; i++)
		assert_int_equal(plan_add(&desired, &want[i]), 0);
	for (i = 0; i < have_count; i++)
		assert_int_equal(plan_add(&actual, &have[i]), 0);
	plan_finish(&desired);
	plan_finish(&actual);
	assert_int_equal(
	    plan_diff(&desired, &actual, 2 * CLOCK_SECOND_NS, note_add, note_remove, &seen),
	    expected_count);
	assert_string_equal(seen.text, expected);
	plan_fini(&desired);
	plan_fini(&actual);
}

static void
test_differences(void **state)
{
	const int64_t hour = CLOCK_HOUR_NS, s = CLOCK_SECOND_NS;
	struct plan_element want[] = {by_name("a", hour, "x"), by_name("b", hour, "x"),
	    by_name("c", hour, "x"), by_name("d", 0, "x"), by_name("e", hour, "x"),
	    by_name("g", hour, "x")};
	struct plan_element have[] = {by_name("a", hour - 2 * s, "x"),
	    by_name("b", hour - 3 * s, "x"), by_name("c", hour, "y"), by_name("d", hour, "x"),
	    by_name("f", hour, "x"), by_name("g", hour + 2 * s, "x")};

	(void)state;
	check_diff(want, 6, have, 6, "+b +c +d +e -f ", 5);
	check_diff(want, 6, want, 6, "", 0);
	check_diff(want, 2, NULL, 0, "+a +b ", 2);
	check_diff(NULL, 0, have, 2, "-a -b ", 2);
	check_diff(NULL, 0, NULL, 0, "", 0);
}

/* What one change may carry is 262,144 keys: of 1,100 servers with a /24 each, 1,024. */
static void
test_fit(void **state)
{
	struct plan_element e = {.set = PLAN_SET_BRAKED}, block = by_name("vnet1", 0, "x");
	struct plan p;

	(void)state;
	plan_init(&p);
	for (unsigned i = 0; i < 1100; i++) {
		e.prefix = (struct addr_prefix){
		    .addr = addr_from_v4((uint8_t[]){10, (uint8_t)(i >> 8), (uint8_t)i, 0}),
		    .bits = 120};
		assert_int_equal(plan_add(&p, &e), 0);
	}
	assert_int_equal(plan_add(&p, &block), 0);
	plan_finish(&p);
	assert_int_equal(plan_fit(&p), 77);
	assert_int_equal(p.count, 1024);
	assert_int_equal(plan_compare(&p.elements[0], &block), 0); /* a block is not left out */
	assert_int_equal(plan_fit(&p), 0);
	plan_fini(&p);
	assert_int_equal(plan_fit(&p), 0);
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(plan_set_name(PLAN_SET_BLOCKED), "blocked");
	assert_string_equal(plan_set_name(PLAN_SET_GRANTED), "granted");
	assert_string_equal(plan_set_name(99), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sorted_without_doubles),
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_what_the_kernel_cannot_hold),
	    cmocka_unit_test(test_bad_elements),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_servers),
	    cmocka_unit_test(test_differences),
	    cmocka_unit_test(test_fit),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
