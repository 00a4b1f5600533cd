/* SPDX-License-Identifier: ISC */
/* Starts bulkhead-check and reads its answer; see worker.h.  bulkhead (CLI). */
#include "cli/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "whitelist/check_job.h"

#define HELPER		 "bulkhead-check"
#define LIBEXEC		 "/usr/libexec/bulkhead"
#define ANSWER_BYTES_MAX 65536
#define PATH_BYTES	 4096

/* A file in memory with these bytes, read from its beginning. */
static int
memory_file(const void *data, size_t size, struct err *e)
{
	int fd = memfd_create("bulkhead", 0);
	size_t done = 0;

	while (fd >= 0 && done < size) {
		ssize_t n = write(fd, (const char *)data + done, size - done);

		if (n <= 0) {
			close(fd);
			return err_set(
			    e, -EIO, "no room for the mail in memory: %s", strerror(errno));
		}
		done += (size_t)n;
	}
	if (fd < 0 || lseek(fd, 0, SEEK_SET) != 0)
		return err_set(e, -EIO, "no file in memory: %s", strerror(errno));
	return fd;
}

/* 0 the job, 1 the answer, 3 the document; nothing else but standard error. */
static void __attribute__((noreturn)) become(int job, int answer, int document)
{
	static char name[] = HELPER;
	char *const argv[] = {name, NULL}, *const envp[] = {NULL};
	int from[3] = {
	    fcntl(job, F_DUPFD, 10), fcntl(answer, F_DUPFD, 10), fcntl(document, F_DUPFD, 10)};
	char path[PATH_BYTES];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof("/" HELPER));

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(from[0], 0) != 0 || dup2(from[1], 1) != 1 || dup2(from[2], 3) != 3 ||
	    close_range(4, ~0U, 0) != 0)
		_exit(126);
	if (n > 0) {
		path[n] = '\0';
		strcpy(strrchr(path, '/') + 1, HELPER);
		execve(path, argv, envp);
	}
	execve(LIBEXEC "/" HELPER, argv, envp);
	_exit(127);
}

/* Until its end or its deadline; bytes read. */
static size_t
read_answer(int fd, char *buf, size_t room)
{
	int64_t end_ns = clock_mono_ns() + CHECK_DEADLINE_S * CLOCK_SECOND_NS;
	size_t used = 0;

	while (used < room) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left_ms = (end_ns - clock_mono_ns()) / (CLOCK_SECOND_NS / 1000);
		ssize_t n;

		if (left_ms <= 0 || poll(&p, 1, (int)left_ms) == 0)
			return 0;
		n = read(fd, buf + used, room - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	return used;
}

/* Runs the worker; bytes of its answer, or negative errno. */
static int
run(int job, int document, char *answer, size_t *size, struct err *e)
{
	int fds[2], status = 0;
	pid_t pid;

	if (pipe(fds) != 0 || (pid = fork()) < 0)
		return err_set(e, -errno, "%s cannot be started: %s", HELPER, strerror(errno));
	if (pid == 0)
		become(job, fds[1], document);
	close(fds[1]);
	*size = read_answer(fds[0], answer, ANSWER_BYTES_MAX);
	close(fds[0]);
	kill(pid, SIGKILL); /* it has answered, or it is late */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(e, -ENOENT,
		    "%s is not there: the package bulkhead-hypervisor brings it", HELPER);
	return 0;
}

int
worker_complaint(const char *mail, size_t size, json_t **out, struct err *e)
{
	static char answer[ANSWER_BYTES_MAX];
	static uint8_t request[CHECK_JOB_MAX];
	static const struct check_job job = {.kind = CHECK_JOB_COMPLAINT};
	long n = check_job_encode(&job, request, sizeof(request));
	int job_fd = -1, mail_fd = -1, rc = 0;
	size_t used = 0;

	if (n < 0)
		return err_set(e, (int)n, "the job of a worker is too large");
	rc = job_fd = memory_file(request, (size_t)n, e);
	if (rc >= 0)
		rc = mail_fd = memory_file(mail, size, e);
	if (rc >= 0)
		rc = run(job_fd, mail_fd, answer, &used, e);
	if (job_fd >= 0)
		close(job_fd);
	if (mail_fd >= 0)
		close(mail_fd);
	if (rc < 0)
		return rc;
	*out = used > 0 ? json_loadb(answer, used, JSON_REJECT_DUPLICATES, NULL) : NULL;
	if (!json_is_object(*out)) {
		json_decref(*out);
		*out = NULL;
		return err_set(
		    e, -EBADMSG, "the mail could not be taken apart: %s gave no answer", HELPER);
	}
	return 0;
}
