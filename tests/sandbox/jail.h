/* SPDX-License-Identifier: ISC */
/*
 * What the tests of the jails share: a folder, a case in a child of its own, and reasons to skip.
 */
#ifndef TESTS_SANDBOX_JAIL_H
#define TESTS_SANDBOX_JAIL_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/sandbox_build.h"
#include "tests/unit/scratch.h"

#define KILLED 1000 /* what run() returns for a process killed by the filter */

static inline int
jail_set_up(void **state)
{
	log_init("test", LOG_LEVEL_ERROR);
	return scratch_make(state);
}

/* Runs fn in a child; its exit status, or KILLED, or minus the signal. */
static inline int
run(int (*fn)(void *), void *arg)
{
	pid_t child;
	int status;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		alarm(100);
		_exit(fn(arg));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return WTERMSIG(status) == SIGSYS ? KILLED : -WTERMSIG(status);
}

static inline void
need_real_jail(void)
{
	if (SANDBOX_IS_SANITIZER_BUILD) {
		print_message("skipped: a sanitizer build loads no system call filter\n");
		skip();
	}
}

static inline void
need_root(void)
{
	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		skip();
	}
}

#endif
