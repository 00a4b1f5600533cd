/* SPDX-License-Identifier: ISC */
/* Which mode a server has: its own, its plan's, the global one; and the list of plans. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy/mode.h"

static const char *
mode(const struct settings *s, const char *plan, const char *own)
{
	struct server server = {.name = "vm-1"};

	strcpy(server.plan, plan);
	strcpy(server.mode, own);
	return mode_of(&s->policy, &server);
}

static void
test_most_special_word_counts(void **state)
{
	struct settings s;

	(void)state;
	settings_init(&s);
	assert_string_equal(mode(&s, "", ""), "observe");
	strcpy(s.policy.mode, "enforce");
	assert_string_equal(mode(&s, "small", ""), "enforce");
	strcpy(s.policy.plan_modes, "small observe\ndefault observe\nbig enforce");
	assert_string_equal(mode(&s, "small", ""), "observe");
	assert_string_equal(mode(&s, "", ""), "observe");
	assert_string_equal(mode(&s, "big", ""), "enforce");
	assert_string_equal(mode(&s, "other", ""), "enforce");
	assert_string_equal(mode(&s, "small", "enforce"), "enforce");
	assert_string_equal(mode(&s, "big", "observe"), "observe");
	strcpy(s.policy.mode, "observe");
	assert_string_equal(mode(&s, "big", ""), "enforce");
	/* The preset observe enforces nothing, whatever else is said. */
	strcpy(s.policy.preset, "observe");
	assert_string_equal(mode(&s, "big", "enforce"), "observe");
}

static void
test_set(void **state)
{
	char list[SETTINGS_LIST_BYTES] = "", name[16];
	unsigned count = 0;
	struct err e;

	(void)state;
	assert_int_equal(mode_plans_set(list, sizeof(list), "small", "observe", NULL), 0);
	assert_string_equal(list, "small observe");
	assert_int_equal(mode_plans_set(list, sizeof(list), "big", "enforce", NULL), 0);
	assert_int_equal(mode_plans_set(list, sizeof(list), "small", "enforce", NULL), 0);
	assert_string_equal(list, "big enforce\nsmall enforce");
	assert_int_equal(mode_plans_check(list, NULL), 0);
	assert_int_equal(mode_plans_set(list, sizeof(list), "big", "", NULL), 0);
	assert_string_equal(list, "small enforce");
	assert_int_equal(mode_plans_set(list, sizeof(list), "two words", "enforce", &e), -EINVAL);
	assert_int_equal(mode_plans_set(list, sizeof(list), "", "enforce", &e), -EINVAL);
	assert_int_equal(mode_plans_set(list, sizeof(list), "x", "sometimes", &e), -EINVAL);
	assert_string_equal(list, "small enforce");
	for (;; count++) {
		snprintf(name, sizeof(name), "plan%u", count);
		if (mode_plans_set(list, sizeof(list), name, "observe", NULL) != 0)
			break;
		assert_true(count < 1000);
	}
	assert_in_range(count, 50, 100);
	assert_int_equal(mode_plans_check(list, NULL), 0);
}

static void
test_check(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(mode_plans_check("", NULL), 0);
	assert_int_equal(mode_plans_check("small", &e), -EINVAL);
	assert_int_equal(mode_plans_check("small observe now", &e), -EINVAL);
	assert_int_equal(mode_plans_check("small on", &e), -EINVAL);
	assert_int_equal(mode_plans_check("a observe\nb enforce\na enforce", &e), -EINVAL);
	assert_non_null(strstr(e.text, "a is named twice"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_most_special_word_counts),
	    cmocka_unit_test(test_set),
	    cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
