/* SPDX-License-Identifier: ISC */
/* Turns of the processor: short ones without a privilege, late ones for who has time, and classes
 * that somebody chose are left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/sched/types.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/schedule.h"

#define CLASS_BATCH 3u

static struct sched_attr
attributes(void)
{
	struct sched_attr attr = {.size = sizeof(attr)};

	if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) != 0)
		exit(99);
	return attr;
}

/* What the checks return is the exit code of a child: they change the process that they run in. */
static int
in_child(int (*checks)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(checks());
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* Kernels before 6.12 have no turns of one's own, and show none. */
static int
check_prompt(void)
{
	struct sched_attr before = attributes(), after;

	schedule_prompt();
	after = attributes();
	if (after.sched_policy != before.sched_policy || after.sched_nice != before.sched_nice)
		return 1;
	if (before.sched_runtime != 0 && after.sched_runtime != SCHEDULE_SLICE_US * 1000)
		return 2;
	return 0;
}

static int
check_background(void)
{
	struct sched_attr before = attributes(), after;

	schedule_prompt();
	schedule_background();
	after = attributes();
	if (after.sched_nice < SCHEDULE_NICE_BACK)
		return 1;
	return after.sched_runtime == before.sched_runtime ? 0 : 2;
}

static int
check_other_class(void)
{
	struct sched_attr attr = attributes();

	attr.sched_policy = CLASS_BATCH;
	if (syscall(SYS_sched_setattr, 0, &attr, 0) != 0)
		return 98;
	attr = attributes();
	schedule_prompt();
	return attributes().sched_policy == CLASS_BATCH &&
		       attributes().sched_runtime == attr.sched_runtime
		   ? 0
		   : 1;
}

static void
test_prompt(void **state)
{
	(void)state;
	assert_int_equal(in_child(check_prompt), 0);
}

static void
test_background(void **state)
{
	(void)state;
	assert_int_equal(in_child(check_background), 0);
}

static void
test_other_class_is_kept(void **state)
{
	(void)state;
	assert_int_equal(in_child(check_other_class), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_prompt),
	    cmocka_unit_test(test_background),
	    cmocka_unit_test(test_other_class_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
