/* SPDX-License-Identifier: ISC */
/* Log lines as entries of the journal, and what happens when it does not take them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/log.h"
#include "tests/unit/scratch.h"

static int ear;
static char path[64];

static int
listen_as_journal(void **state)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	(void)state;
	if (scratch_make(state) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/socket", scratch);
	memcpy(sa.sun_path, path, strlen(path));
	ear = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	return ear < 0 || bind(ear, (struct sockaddr *)&sa, sizeof(sa)) != 0 ? -1 : 0;
}

static const char *
heard(void)
{
	static char text[16384];
	ssize_t n = recv(ear, text, sizeof(text) - 1, 0);

	assert_true(n > 0);
	text[n] = '\0';
	return text;
}

static void
absent_journal_is_an_error(void **state)
{
	char too_long[300];

	(void)state;
	assert_int_equal(log_to_journal("/nonexistent/socket"), -ENOENT);
	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	assert_int_equal(log_to_journal(too_long), -ENAMETOOLONG);
}

static void
keys_become_fields(void **state)
{
	const char *text;

	(void)state;
	log_init("test", LOG_LEVEL_INFO);
	assert_int_equal(log_to_journal(path), 0);
	log_event(LOG_LEVEL_WARN, "guard.block", "server=%s score=%.1f by=%s", "vm-7", 11.5,
	    "\"uid 0 (root) a=b\"");
	text = heard();
	assert_non_null(
	    strstr(text, "PRIORITY=4\nSYSLOG_IDENTIFIER=test\nBULKHEAD_EVENT=guard.block\n"));
	assert_non_null(strstr(text, "MESSAGE=guard.block server=vm-7 score=11.5 by=\"uid 0"));
	assert_non_null(strstr(text, "\nBULKHEAD_SERVER=vm-7\nBULKHEAD_SCORE=11.5\n"));
	assert_non_null(strstr(text, "\nBULKHEAD_BY=uid 0 (root) a=b\n"));
	assert_null(strstr(text, "BULKHEAD_A="));
}

/* A line feed in a value must not make a field of the sender's choice. */
static void
values_cannot_make_fields(void **state)
{
	const char *text;

	(void)state;
	log_event(LOG_LEVEL_WARN, "x", "helo=%s", "a\nPRIORITY=0\n_UID=0");
	text = heard();
	assert_non_null(strstr(text, "helo=a?PRIORITY=0?_UID=0"));
	assert_null(strstr(text, "\nPRIORITY=0"));
	assert_null(strstr(text, "\n_UID"));
}

static void
long_lines_and_odd_ones_are_taken(void **state)
{
	char value[3000];

	(void)state;
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	log_event(LOG_LEVEL_WARN, "long", "v=%s", value);
	assert_non_null(strstr(heard(), "BULKHEAD_EVENT=long\n"));
	log_event(LOG_LEVEL_WARN, "odd", "%s", "= =x a= b=\"open c=\"\" d");
	assert_non_null(strstr(heard(), "BULKHEAD_EVENT=odd\n"));
	log_event(LOG_LEVEL_WARN, "none", "%s", "");
	assert_non_null(strstr(heard(), "MESSAGE=none \n"));
	log_event(LOG_LEVEL_DEBUG, "debug", "is=below-the-level");
	assert_int_equal(recv(ear, value, sizeof(value), 0), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(absent_journal_is_an_error),
	    cmocka_unit_test(keys_become_fields),
	    cmocka_unit_test(values_cannot_make_fields),
	    cmocka_unit_test(long_lines_and_odd_ones_are_taken),
	};

	return cmocka_run_group_tests(tests, listen_as_journal, scratch_remove);
}
