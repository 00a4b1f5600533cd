/* SPDX-License-Identifier: ISC */
/* Configuration: the table, its reader and its errors. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/settings.h"

static char path[] = "/tmp/bulkhead-settings-XXXXXX";

static int
load(const char *text, struct settings *out, struct err *e)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	*e = (struct err){0};
	return settings_load(out, path, e);
}

static void
test_presets(void **state)
{
	struct settings s;
	char buf[1100];

	(void)state;
	settings_init(&s);
	assert_string_equal(s.run_dir, "/run/bulkhead");
	assert_string_equal(s.policy.mode, "observe");
	assert_true(s.policy.alpha == 1e-5);
	assert_true(s.policy.block_first_ns == CLOCK_HOUR_NS);
	assert_string_equal(s.ports, "25\n465\n587\n2525");
	/* Every row is shown in a form that reads back to the same. */
	for (size_t i = 0; i < settings_row_count; i++)
		assert_non_null(config_format(&settings_rows[i], &s, buf, sizeof(buf)));
}

static void
test_show_reads_back(void **state)
{
	struct settings s, again;
	struct err e;
	char buf[1100], text[16384];
	size_t n = 0;

	(void)state;
	assert_int_equal(load("alpha = 1e-6\nblock_first = 90s\nports = {25, 26}\nplans = {\"big "
			      "400 4000 20000\"}\n",
			     &s, &e),
	    0);
	for (size_t i = 0; i < settings_row_count; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s = %s\n", settings_rows[i].key,
		    config_format(&settings_rows[i], &s, buf, sizeof(buf)));
	assert_int_equal(load(text, &again, &e), 0);
	assert_memory_equal(&s, &again, sizeof(s));
}

static void
test_values(void **state)
{
	struct settings s;
	struct err e;
	const char *cursor;
	char item[32];

	(void)state;
	assert_int_equal(
	    load("# comment\nmode = \"enforce\"\nflows_max = 1000\nclassify = no\nsilence = 5m\n"
		 "interfaces = {\"vnet*\", \"tap*\"}\n",
		&s, &e),
	    0);
	assert_string_equal(s.policy.mode, "enforce");
	assert_int_equal(s.flows_max, 1000);
	assert_false(s.classify);
	assert_true(s.policy.silence_ns == 5 * CLOCK_MINUTE_NS);
	cursor = s.interfaces;
	assert_true(config_list_next(&cursor, item, sizeof(item)));
	assert_string_equal(item, "vnet*");
	assert_true(config_list_next(&cursor, item, sizeof(item)));
	assert_string_equal(item, "tap*");
	assert_false(config_list_next(&cursor, item, sizeof(item)));
}

static void
test_errors_name_file_and_line(void **state)
{
	static const struct {
		const char *text, *line, *word;
	} cases[] = {
	    {"alpha = 1e-5\nalpah = 1\n", ":2:", "alpah"},
	    {"\n\nflows_max = 12\n", ":3:", "flows_max"},
	    {"flows_max = many\n", ":1:", "flows_max"},
	    {"block_first = 90\n", ":1:", "90"},
	    {"classify = maybe\n", ":1:", "classify"},
	    {"mode = \"stop\"\n", ":1:", "mode"},
	    {"ports = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17}\n", ":1:", "ports"},
	    {"mode = \"enforce\n", ":", ""},
	};
	struct settings s, before;
	struct err e;

	(void)state;
	settings_init(&s);
	before = s;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(load(cases[i].text, &s, &e) < 0);
		assert_non_null(strstr(e.text, path));
		assert_non_null(strstr(e.text, cases[i].line));
		assert_non_null(strstr(e.text, cases[i].word));
		assert_memory_equal(&s, &before, sizeof(s)); /* untouched */
	}
	assert_int_equal(load("mode = \"observed\"\n", &s, &e), -EINVAL);
	assert_int_equal(load("mode = \"obsolve\"\n", &s, &e), -EINVAL);
	assert_int_equal(load("block_first = 2d\nblock_max = 1d\n", &s, &e), -EINVAL);
	assert_non_null(strstr(e.text, "block_max"));
	assert_int_equal(settings_load(&s, "/nonexistent/bulkhead.conf", &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nonexistent/bulkhead.conf"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_presets),
	    cmocka_unit_test(test_show_reads_back),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_errors_name_file_and_line),
	};
	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
