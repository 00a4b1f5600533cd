/* SPDX-License-Identifier: ISC */
/*
 * Starts workers, waits for them, ends them at their deadline; see check_spawner.h.
 * bulkhead-guard (spawner process).
 */
#include "policy/check_spawner_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <linux/close_range.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/schedule.h"
#include "base/sock.h"
#include "base/wire.h"

/* A job that waits, or the worker that has it. */
struct job {
	bool used;
	uint64_t ticket, order;
	int64_t deadline_ns; /* span while it waits, monotonic time while it runs */
	int document, output;
	size_t size;
	uint8_t bytes[CHECK_JOB_MAX];
};

struct worker {
	pid_t pid; /* 0 = free */
	uint64_t ticket;
	int64_t deadline_ns;
	int output;
	bool late, flooded;
	size_t used;
	uint8_t report[CHECK_WIRE_MAX];
};

struct spawner {
	int fd, binary, nowhere;
	uint64_t order;
	struct job jobs[CHECK_QUEUE_MAX];
	struct worker workers[CHECK_WORKERS_MAX];
};

static void
reply(const struct spawner *s, uint64_t ticket, enum check_end end, int signal,
    const uint8_t *report, size_t size)
{
	static uint8_t buf[CHECK_SPAWNER_REPLY_MAX];
	struct wire_writer w;

	wire_writer_init(&w, buf, CHECK_SPAWNER_HEAD);
	wire_put_u64(&w, ticket);
	wire_put_u8(&w, (uint8_t)end);
	wire_put_u8(&w, (uint8_t)signal);
	if (size > 0)
		memcpy(buf + CHECK_SPAWNER_HEAD, report, size);
	/* Blocking: the judge reads whenever it has a moment, and the next job can wait so long. */
	(void)send(s->fd, buf, CHECK_SPAWNER_HEAD + size, MSG_NOSIGNAL);
}

/* In the worker-to-be: 0 the job, 1 the report, 2 nowhere, 3 the document, 4 what is made of it; nothing else is
 * left. */
static void __attribute__((noreturn))
become_worker(const struct spawner *s, int input, int report, const struct job *job)
{
	static char name[] = "bulkhead-check";
	char *const argv[] = {name, NULL}, *const envp[] = {NULL};
	int binary = fcntl(s->binary, F_DUPFD_CLOEXEC, 10);
	int from[4] = {fcntl(input, F_DUPFD_CLOEXEC, 10), fcntl(report, F_DUPFD_CLOEXEC, 10),
	    job->document >= 0 ? fcntl(job->document, F_DUPFD_CLOEXEC, 10) : -1,
	    job->output >= 0 ? fcntl(job->output, F_DUPFD_CLOEXEC, 10) : -1};
	const unsigned kept = from[2] < 0 ? 3 : from[3] < 0 ? 4 : 5;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(from[0], 0) == 0 && dup2(from[1], 1) == 1 && dup2(s->nowhere, 2) == 2 &&
	    (from[2] < 0 || dup2(from[2], 3) == 3) && (from[3] < 0 || dup2(from[3], 4) == 4) &&
	    binary >= 0 && syscall(SYS_close_range, kept, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		execveat(binary, "", argv, envp, AT_EMPTY_PATH);
	_exit(127);
}

/* 0, or negative errno and nothing is left behind. */
static int
start_worker(struct spawner *s, struct worker *w, const struct job *job)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, rc = 0;
	pid_t pid = -1;

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		rc = -errno;
	/* A pipe holds 64 KiB, a job at most 24: this does not wait. */
	if (rc == 0 && write(in[1], job->bytes, job->size) != (ssize_t)job->size)
		rc = -EIO;
	if (rc == 0 && (pid = fork()) < 0)
		rc = -errno;
	if (pid == 0)
		become_worker(s, in[0], out[1], job);
	if (in[0] >= 0)
		close(in[0]);
	if (in[1] >= 0)
		close(in[1]);
	if (out[1] >= 0)
		close(out[1]);
	if (rc < 0) {
		if (out[0] >= 0)
			close(out[0]);
		return rc;
	}
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	w->pid = pid;
	w->ticket = job->ticket;
	w->deadline_ns = clock_mono_ns() + job->deadline_ns;
	w->output = out[0];
	w->late = w->flooded = false;
	w->used = 0;
	return 0;
}

static void
free_job(struct job *job)
{
	if (job->document >= 0)
		close(job->document);
	if (job->output >= 0)
		close(job->output);
	job->used = false;
}

/* The oldest waiting job to a free worker, as long as there are both. */
static void
start_waiting(struct spawner *s)
{
	for (unsigned i = 0; i < CHECK_WORKERS_MAX; i++) {
		struct job *oldest = NULL;

		if (s->workers[i].pid != 0)
			continue;
		for (unsigned k = 0; k < CHECK_QUEUE_MAX; k++)
			if (s->jobs[k].used && (oldest == NULL || s->jobs[k].order < oldest->order))
				oldest = &s->jobs[k];
		if (oldest == NULL)
			return;
		if (start_worker(s, &s->workers[i], oldest) < 0)
			reply(s, oldest->ticket, CHECK_END_FAILED, 0, NULL, 0);
		free_job(oldest);
	}
}

/* One request; false when the judge is gone. */
static bool
take_request(struct spawner *s)
{
	static uint8_t buf[CHECK_SPAWNER_REQUEST_MAX];
	int files[2] = {-1, -1};
	unsigned fds = 0;
	struct wire_reader r;
	struct job *job = NULL;
	ssize_t n = sock_recv_fds(s->fd, buf, sizeof(buf), files, &fds, 2);

	if (n == -EINTR || n == -EAGAIN)
		return true;
	if (n < CHECK_SPAWNER_HEAD)
		return false;
	wire_reader_init(&r, buf, CHECK_SPAWNER_HEAD);
	for (unsigned k = 0; job == NULL && k < CHECK_QUEUE_MAX; k++)
		if (!s->jobs[k].used)
			job = &s->jobs[k];
	if (job == NULL) {
		reply(s, wire_get_u64(&r), CHECK_END_REFUSED, 0, NULL, 0);
		for (unsigned k = 0; k < fds; k++)
			close(files[k]);
		return true;
	}
	job->used = true;
	job->order = s->order++;
	job->ticket = wire_get_u64(&r);
	job->deadline_ns = wire_get_u16(&r) * CLOCK_SECOND_NS;
	job->document = fds > 0 ? files[0] : -1;
	job->output = fds > 1 ? files[1] : -1;
	job->size = (size_t)n - CHECK_SPAWNER_HEAD;
	memcpy(job->bytes, buf + CHECK_SPAWNER_HEAD, job->size);
	return true;
}

/* Its end, of its own accord within 0.2 s after it closed its output, else made. */
static int
reap(const struct worker *w, bool at_once)
{
	const struct timespec moment = {.tv_nsec = 1000000};
	int status = 0;

	for (int i = 0; !at_once && i < 200; i++) {
		if (waitpid(w->pid, &status, WNOHANG) == w->pid)
			return status;
		nanosleep(&moment, NULL);
	}
	kill(w->pid, SIGKILL);
	while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* The worker has closed its output, or has to go: tell the judge. */
static void
finish_worker(const struct spawner *s, struct worker *w)
{
	enum check_end end = CHECK_END_FAILED;
	int status;

	close(w->output);
	status = reap(w, w->late || w->flooded);
	w->pid = 0;
	if (w->late)
		end = CHECK_END_DEADLINE;
	else if (w->used > 0 && !w->flooded)
		end = CHECK_END_DONE; /* whether it can be read is the judge's to say */
	else if (WIFSIGNALED(status) && !w->flooded)
		end = CHECK_END_KILLED;
	reply(s, w->ticket, end, WIFSIGNALED(status) ? WTERMSIG(status) : 0, w->report,
	    end == CHECK_END_DONE ? w->used : 0);
}

static void
hear_worker(const struct spawner *s, struct worker *w)
{
	uint8_t surplus;
	ssize_t n = w->used < sizeof(w->report)
			? read(w->output, w->report + w->used, sizeof(w->report) - w->used)
			: read(w->output, &surplus, 1);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		finish_worker(s, w);
	else if (w->used == sizeof(w->report)) {
		w->flooded = true;
		finish_worker(s, w);
	} else
		w->used += (size_t)n;
}

/* Milliseconds until the next deadline, -1 without a worker; ends whoever is beyond its own. */
static int
keep_deadlines(struct spawner *s)
{
	int64_t now = clock_mono_ns(), next = -1;

	for (unsigned i = 0; i < CHECK_WORKERS_MAX; i++) {
		struct worker *w = &s->workers[i];

		if (w->pid != 0 && w->deadline_ns <= now) {
			w->late = true;
			finish_worker(s, w);
		}
		if (w->pid != 0 && (next < 0 || w->deadline_ns - now < next))
			next = w->deadline_ns - now;
	}
	return next < 0 ? -1 : (int)(next / 1000000) + 1;
}

static void
loop(struct spawner *s)
{
	for (;;) {
		struct pollfd fds[1 + CHECK_WORKERS_MAX] = {{.fd = s->fd, .events = POLLIN}};
		int wait_ms = keep_deadlines(s);

		start_waiting(s);
		if (wait_ms < 0)
			wait_ms = keep_deadlines(s);
		for (unsigned i = 0; i < CHECK_WORKERS_MAX; i++)
			fds[1 + i] = (struct pollfd){
			    .fd = s->workers[i].pid != 0 ? s->workers[i].output : -1,
			    .events = POLLIN};
		if (poll(fds, 1 + CHECK_WORKERS_MAX, wait_ms) < 0)
			continue;
		for (unsigned i = 0; i < CHECK_WORKERS_MAX; i++)
			if (fds[1 + i].revents != 0 && s->workers[i].pid != 0)
				hear_worker(s, &s->workers[i]);
		if (fds[0].revents != 0 && !take_request(s))
			return;
	}
}

int
check_spawner_run(int fd, int binary, const struct sandbox_user *user)
{
	struct spawner *s = calloc(1, sizeof(*s));
	struct err e = {0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(
	    SIGINT, SIG_IGN); /* a signal to the whole group ends the judge, and that ends this */
	signal(SIGTERM, SIG_IGN);
	schedule_background(); /* and its workers with it: never in the way of the judge */
	/* From here on an ordinary user without any capability; no program that it starts gets one. */
	if (s == NULL || sandbox_drop(user, 0, &e) < 0) {
		log_event(LOG_LEVEL_ERROR, "check.spawner", "error=\"%s\"", e.text);
		free(s);
		return 1;
	}
	s->fd = fd;
	s->binary = binary;
	s->nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	loop(s);
	for (unsigned i = 0; i < CHECK_WORKERS_MAX; i++) {
		if (s->workers[i].pid == 0)
			continue;
		kill(s->workers[i].pid, SIGKILL);
		waitpid(s->workers[i].pid, NULL, 0);
	}
	free(s);
	return 0;
}
