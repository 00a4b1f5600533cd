/* SPDX-License-Identifier: ISC */
/* What every daemon begins with: options, signals, the timer, what its loop watches. */
#include <getopt.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/program.h"

static const char *config;
static bool watch;

static int
read_words(const char *a, const char *b, const char *c)
{
	char words[4][32] = {"program"};
	char *argv[] = {words[0], words[1], words[2], words[3], NULL};
	const struct program_option options[] = {
	    {"config", 'c', &config, NULL},
	    {"watch", 0, NULL, &watch},
	    {"nothing", 'n', NULL, NULL},
	    {NULL, 0, NULL, NULL},
	};
	const char *const given[] = {a, b, c};
	int argc = 1, rc;
	static char kept[32];

	for (unsigned i = 0; i < 3 && given[i] != NULL; i++)
		snprintf(words[argc++], sizeof(words[0]), "%s", given[i]);
	argv[argc] = NULL;
	config = NULL;
	watch = false;
	optind = 0; /* from the beginning: getopt(3) */
	rc = program_read_options("program", "usage: program\n", options, argc, argv);
	if (config != NULL) {
		snprintf(kept, sizeof(kept), "%s", config);
		config = kept;
	}
	return rc;
}

static void
test_options(void **state)
{
	(void)state;
	assert_int_equal(read_words(NULL, NULL, NULL), -1);
	assert_null(config);
	assert_int_equal(read_words("--config", "file", "--watch"), -1);
	assert_string_equal(config, "file");
	assert_true(watch);
	assert_int_equal(read_words("-c", "other", "-n"), -1);
	assert_string_equal(config, "other");
	assert_false(watch);
	assert_int_equal(read_words("--nothing", NULL, NULL), -1);
	assert_int_equal(read_words("--help", NULL, NULL), 0);
	assert_int_equal(read_words("-h", NULL, NULL), 0);
	assert_int_equal(read_words("--version", "--watch", NULL), 0);
}

static void
test_wrong_options(void **state)
{
	(void)state;
	assert_int_equal(read_words("--unknown", NULL, NULL), 2);
	assert_int_equal(read_words("-w", NULL, NULL), 2); /* watch has no letter */
	assert_int_equal(read_words("--config", NULL, NULL), 2);
	assert_int_equal(read_words("--watch=yes", NULL, NULL), 2);
	assert_int_equal(read_words("--watch", "word", NULL), 2);
}

/* A signal and the timer arrive at a loop, each under its own name. */
static void
test_loop(void **state)
{
	struct epoll_event event;
	struct signalfd_siginfo info;
	struct err e = {0};
	uint64_t turns = 0;
	int epoll = epoll_create1(EPOLL_CLOEXEC), signals = program_open_signals(true, &e);
	int timer = program_open_timer(1, &e);

	(void)state;
	assert_true(signals >= 0);
	assert_true(timer >= 0);
	assert_int_equal(program_watch(epoll, timer, 7, &e), 0);
	assert_int_equal(epoll_wait(epoll, &event, 1, 5000), 1);
	assert_int_equal(event.data.u32, 7);
	assert_int_equal(read(timer, &turns, sizeof(turns)), sizeof(turns));
	close(timer);

	assert_int_equal(program_watch(epoll, signals, 8, &e), 0);
	raise(SIGHUP);
	assert_int_equal(epoll_wait(epoll, &event, 1, 5000), 1);
	assert_int_equal(event.data.u32, 8);
	assert_int_equal(read(signals, &info, sizeof(info)), sizeof(info));
	assert_int_equal(info.ssi_signo, SIGHUP);
	raise(SIGPIPE); /* ignored */
	assert_int_equal(epoll_wait(epoll, &event, 1, 0), 0);
	close(signals);

	assert_true(program_watch(epoll, -1, 9, &e) < 0);
	assert_non_null(strstr(e.text, "event loop"));
	close(epoll);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_wrong_options),
	    cmocka_unit_test(test_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
