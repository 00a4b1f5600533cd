/* SPDX-License-Identifier: ISC */
/*
 * The way of a job through the spawner to the real worker and back; workers that crash, hang, flood
 * or are not there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "policy/check_spawner.h"

static struct sandbox_user self;
static char worker[512];    /* the real one */
static const char *program; /* this one */

static struct check_spawner *
open_with(const char *path)
{
	struct check_spawner *s = NULL;
	struct err e = {0};

	if (check_spawner_open(&s, path, &self, &e) < 0)
		fail_msg("%s", e.text);
	return s;
}

/* This program in place of the worker: misbehaves as the job's keys say. */
static int
misbehave(void)
{
	static uint8_t buf[CHECK_JOB_MAX];
	static struct check_job job;
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n < 0 || check_job_decode(&job, buf, (size_t)n) < 0)
		return 3;
	if (strcmp(job.dkim_keys, "crash") == 0)
		raise(SIGKILL);
	if (strcmp(job.dkim_keys, "hang") == 0)
		pause();
	if (strcmp(job.dkim_keys, "nonsense") == 0)
		puts("nonsense");
	while (strcmp(job.dkim_keys, "flood") == 0)
		if (write(STDOUT_FILENO, buf, sizeof(buf)) < 0)
			return 3;
	return 0;
}

static int
document(const char *text)
{
	int fd = memfd_create("document", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void
wait_outcome(struct check_spawner *s, struct check_outcome *out, int ms)
{
	struct pollfd p = {.fd = check_spawner_fd(s), .events = POLLIN};

	assert_int_equal(poll(&p, 1, ms), 1);
	assert_int_equal(check_spawner_poll(s, out), 1);
}

static struct check_outcome outcome; /* large */

static void
test_message(void **state)
{
	struct check_spawner *s = open_with(worker);
	struct check_job job = {.kind = CHECK_JOB_MESSAGE, .evidence = EVIDENCE_SAMPLE_SOURCE};
	int fd = document("From: a@club.example\nDate: Sun, 22 Nov 2026 04:00:00 +0000\n"
			  "Subject: \xcf\xf0\xe8\xe2\xe5\xf2\nContent-Type: text/plain; "
			  "charset=windows-1251\n\n\xee\xf2\xef\xe8\xf1\xe0\xf2\xfc\xf1\xff: "
			  "https://club.example/u/1\n");

	(void)state;
	assert_int_equal(check_spawner_start(s, 7, &job, fd, NULL), 0);
	close(fd);
	wait_outcome(s, &outcome, 20000);
	assert_int_equal(outcome.ticket, 7);
	assert_int_equal(outcome.end, CHECK_END_DONE);
	assert_int_equal(check_report_find(&outcome.report, CHECK_M1)->level, CHECK_PASS);
	assert_int_equal(check_report_find(&outcome.report, CHECK_M4)->level, CHECK_FAIL);
	/* Windows-1251 was decoded inside the jail, where no table can be opened. */
	assert_int_equal(check_report_find(&outcome.report, CHECK_M11)->level, CHECK_PASS);
	assert_string_equal(outcome.report.facts.from_domain, "club.example");
	assert_int_equal(check_spawner_poll(s, &outcome), 0);
	check_spawner_close(s);
}

static void
test_no_document(void **state)
{
	struct check_spawner *s = open_with(worker);
	struct check_job job = {.kind = CHECK_JOB_PICTURE, .evidence = EVIDENCE_SAMPLE_PICTURE};

	(void)state;
	assert_int_equal(check_spawner_start(s, 1, &job, -1, NULL), 0);
	wait_outcome(s, &outcome, 20000);
	assert_int_equal(outcome.end, CHECK_END_FAILED);
	check_spawner_close(s);
}

static void
test_bad_workers(void **state)
{
	static const struct {
		const char *name;
		enum check_end end;
	} rows[] = {
	    {"crash", CHECK_END_KILLED},
	    {"silent", CHECK_END_FAILED},
	    {"nonsense", CHECK_END_FAILED},
	    {"flood", CHECK_END_FAILED},
	};
	struct check_job job = {.kind = CHECK_JOB_MESSAGE};
	struct check_spawner *s = open_with(program);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = document("x");

		snprintf(job.dkim_keys, sizeof(job.dkim_keys), "%s", rows[i].name);
		assert_int_equal(check_spawner_start(s, i, &job, fd, NULL), 0);
		close(fd);
		wait_outcome(s, &outcome, 20000);
		assert_int_equal(outcome.ticket, i);
		assert_int_equal(outcome.end, rows[i].end);
	}
	check_spawner_close(s);
}

/* A worker that hangs is ended, and so is one that still runs when the judge goes. */
static void
test_hang(void **state)
{
	struct check_spawner *s = open_with(program);
	struct check_job job = {.kind = CHECK_JOB_MESSAGE, .dkim_keys = "hang"};
	int64_t begin = clock_mono_ns();
	int fd = document("x");

	(void)state;
	assert_int_equal(check_spawner_start(s, 1, &job, fd, NULL), 0);
	wait_outcome(s, &outcome, (CHECK_DEADLINE_S + 30) * 1000);
	assert_int_equal(outcome.end, CHECK_END_DEADLINE);
	assert_true(clock_mono_ns() - begin >= (CHECK_DEADLINE_S - 1) * CLOCK_SECOND_NS);
	assert_int_equal(check_spawner_start(s, 2, &job, fd, NULL), 0);
	close(fd);
	begin = clock_mono_ns();
	check_spawner_close(s);
	/* Far below what the worker would still have. */
	assert_true(clock_mono_ns() - begin < CHECK_DEADLINE_S * CLOCK_SECOND_NS / 2);
}

/* More jobs than wait: each gets an answer, none is lost. */
static void
test_queue(void **state)
{
	struct check_spawner *s = open_with(program);
	struct check_job job = {.kind = CHECK_JOB_MESSAGE};
	unsigned sent = 0, heard = 0;
	int fd = document("x");

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		sent += check_spawner_start(s, i, &job, fd, NULL) == 0;
	close(fd);
	assert_true(sent > 0);
	while (heard < sent) {
		wait_outcome(s, &outcome, 20000);
		assert_true(outcome.end == CHECK_END_FAILED || outcome.end == CHECK_END_REFUSED);
		heard++;
	}
	check_spawner_close(s);
}

static void
test_missing(void **state)
{
	struct check_spawner *s = NULL;
	struct err e = {0};

	(void)state;
	assert_int_equal(check_spawner_open(&s, "/nonexistent/bulkhead-check", &self, &e), -ENOENT);
	assert_non_null(strstr(e.text, "missing"));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_message),
	    cmocka_unit_test(test_no_document),
	    cmocka_unit_test(test_bad_workers),
	    cmocka_unit_test(test_hang),
	    cmocka_unit_test(test_queue),
	    cmocka_unit_test(test_missing),
	};

	(void)argc;
	if (strcmp(argv[0], "bulkhead-check") == 0)
		return misbehave();
	program = argv[0];
	/* As the guard does: an ordinary user, when there is a choice. */
	if (sandbox_find_user("", &self, NULL) < 0)
		return 1;
	/* BUILD/tests/unit/test_x -> BUILD/bulkhead-check */
	snprintf(worker, sizeof(worker), "%s", argv[0]);
	for (int i = 0; i < 3 && strrchr(worker, '/') != NULL; i++)
		*strrchr(worker, '/') = '\0';
	strncat(worker, "/bulkhead-check", sizeof(worker) - strlen(worker) - 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
