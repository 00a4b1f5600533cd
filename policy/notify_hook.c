/* SPDX-License-Identifier: ISC */
/* One run of a hook; see notify_hook.h.  bulkhead-notify. */
#include "policy/notify_hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

/* Between being asked to end and being made to. */
#define GRACE_NS (5 * CLOCK_SECOND_NS)
#define ENV_MAX	 32

/* A program that others may write would make them us. */
static int
check_program(const char *path, struct err *e)
{
	struct stat st;

	if (path[0] != '/')
		return err_set(e, -EINVAL, "%s: name a hook by its full path", path);
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || access(path, X_OK) != 0)
		return err_set(
		    e, -ENOENT, "%s: there is no such program, or it may not be run", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(e, -EPERM,
		    "%s: this program may be changed by others: give it to root, and chmod go-w",
		    path);
	return 0;
}

/* The notice as a file in memory: a hook that does not read it cannot make us wait. */
static int
make_input(const char *text, size_t size, struct err *e)
{
	int fd = memfd_create("notice", MFD_CLOEXEC);

	if (fd < 0 || write(fd, text, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0) {
		if (fd >= 0)
			close(fd);
		return err_set(e, -EIO, "no memory file for a notice: %s", strerror(errno));
	}
	return fd;
}

/* In the child. */
static void __attribute__((noreturn)) become(const char *path, int input, int output)
{
	static char fixed[][40] = {
	    "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/nonexistent"};
	const struct rlimit no_core = {0, 0}, files = {256, 256};
	const char *slash = strrchr(path, '/');
	char *argv[] = {strdup(slash + 1), NULL}, *envp[ENV_MAX + 4];
	size_t count = 0;
	sigset_t none;

	for (; count < sizeof(fixed) / sizeof(fixed[0]); count++)
		envp[count] = fixed[count];
	for (char **v = environ; *v != NULL && count < ENV_MAX; v++)
		if (strncmp(*v, "BULKHEAD_", 9) == 0 ||
		    strncmp(*v, "CREDENTIALS_DIRECTORY=", 22) == 0)
			envp[count++] = *v;
	envp[count] = NULL;
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CORE, &no_core);
	setrlimit(RLIMIT_NOFILE, &files);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (chdir("/") == 0 && dup2(input, STDIN_FILENO) == STDIN_FILENO &&
	    dup2(output, STDOUT_FILENO) == STDOUT_FILENO &&
	    dup2(output, STDERR_FILENO) == STDERR_FILENO && close_range(3, ~0U, 0) == 0)
		execve(path, argv, envp);
	dprintf(STDERR_FILENO, "%s: cannot be started: %s\n", path, strerror(errno));
	_exit(EX_OSERR);
}

int
notify_hook_start(
    struct notify_hook *h, const char *path, const char *text, size_t size, struct err *e)
{
	int input, output[2] = {-1, -1}, rc = check_program(path, e);
	pid_t pid = -1;

	if (rc < 0)
		return rc;
	input = make_input(text, size, e);
	if (input < 0)
		return input;
	if (pipe2(output, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		rc = err_set(e, -errno, "%s: cannot be started: %s", path, strerror(errno));
	if (pid == 0)
		become(path, input, output[1]);
	close(input);
	if (output[1] >= 0)
		close(output[1]);
	if (rc < 0) {
		if (output[0] >= 0)
			close(output[0]);
		return rc;
	}
	fcntl(output[0], F_SETFL, O_NONBLOCK);
	*h = (struct notify_hook){.pid = pid,
	    .output = output[0],
	    .deadline_ns = clock_mono_ns() + NOTICE_HOOK_SECONDS * CLOCK_SECOND_NS};
	return 0;
}

static void
end_line(struct notify_hook *h)
{
	h->line[h->used] = '\0';
	if (h->used > 0)
		text_clean(h->last, sizeof(h->last), h->line);
	h->used = 0;
}

static void
take_output(struct notify_hook *h)
{
	char buf[4096];
	ssize_t n;

	/* Bounded: a hook that never stops writing must not keep us here. */
	for (unsigned turn = 0; turn < 16 && h->output >= 0; turn++) {
		n = read(h->output, buf, sizeof(buf));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			end_line(h);
			close(h->output);
			h->output = -1;
		}
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] == '\n')
				end_line(h);
			else if (h->used < sizeof(h->line) - 1)
				h->line[h->used++] = buf[i];
	}
}

static enum notice_result
judge_end(struct notify_hook *h, int status)
{
	if (h->told || WIFSIGNALED(status)) {
		if (h->told)
			snprintf(h->last, sizeof(h->last), "the hook took too long and was ended");
		else
			snprintf(h->last, sizeof(h->last), "the hook was ended by signal %d",
			    WTERMSIG(status));
		return NOTICE_RESULT_RETRY;
	}
	if (WEXITSTATUS(status) == EX_OK) {
		h->last[0] = '\0';
		return NOTICE_RESULT_SENT;
	}
	if (h->last[0] == '\0')
		snprintf(h->last, sizeof(h->last), "the hook ended with exit code %d",
		    WEXITSTATUS(status));
	switch (WEXITSTATUS(status)) {
	case EX_DATAERR:
	case EX_NOUSER:
	case EX_NOHOST:
		return NOTICE_RESULT_DEAD;
	default:
		return NOTICE_RESULT_RETRY;
	}
}

bool
notify_hook_poll(struct notify_hook *h, enum notice_result *result)
{
	int64_t now_ns = clock_mono_ns();
	int status = 0;

	take_output(h);
	if (waitpid(h->pid, &status, WNOHANG) == h->pid) {
		/* What it left running belongs to it. */
		kill(-h->pid, SIGKILL);
		take_output(h);
		end_line(h);
		if (h->output >= 0)
			close(h->output);
		h->output = -1;
		h->pid = 0;
		*result = judge_end(h, status);
		return true;
	}
	if (now_ns >= h->deadline_ns) {
		kill(-h->pid, h->told ? SIGKILL : SIGTERM);
		h->told = true;
		h->deadline_ns = now_ns + GRACE_NS;
	}
	return false;
}

void
notify_hook_hurry(struct notify_hook *h, int64_t ns)
{
	int64_t then_ns = clock_mono_ns() + ns;

	if (h->deadline_ns > then_ns)
		h->deadline_ns = then_ns;
}
