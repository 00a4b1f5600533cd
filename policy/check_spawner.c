/* SPDX-License-Identifier: ISC */
/* The judge's side of the workers; see check_spawner.h.  bulkhead-guard (judge process). */
#include "policy/check_spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sock.h"
#include "base/wire.h"
#include "policy/check_spawner_child.h"

struct check_spawner {
	pid_t pid;
	int fd;
};

int
check_spawner_open(
    struct check_spawner **out, const char *program, const struct sandbox_user *user, struct err *e)
{
	struct check_spawner *s = calloc(1, sizeof(*s));
	int pair[2] = {-1, -1}, rc = 0, binary;

	if (s == NULL)
		return err_set(e, -ENOMEM, "no memory for the workers");
	binary = open(program, O_PATH | O_CLOEXEC);
	if (binary < 0)
		rc = err_set(e, -errno,
		    "%s: the program that parses submitted documents is missing (%s): install it "
		    "beside bulkhead-guard",
		    program, strerror(errno));
	else if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
		 (s->pid = fork()) < 0)
		rc = err_set(e, -errno, "cannot start the workers' parent: %s", strerror(errno));
	if (rc == 0 && s->pid == 0) {
		close(pair[0]);
		_exit(check_spawner_run(pair[1], binary, user));
	}
	if (binary >= 0)
		close(binary);
	if (pair[1] >= 0)
		close(pair[1]);
	if (rc < 0) {
		if (pair[0] >= 0)
			close(pair[0]);
		free(s);
		return rc;
	}
	s->fd = pair[0];
	fcntl(s->fd, F_SETFL, O_NONBLOCK);
	*out = s;
	return 0;
}

void
check_spawner_close(struct check_spawner *s)
{
	if (s == NULL)
		return;
	close(s->fd); /* the child ends its workers and itself */
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(s);
}

int
check_spawner_fd(const struct check_spawner *s)
{
	return s->fd;
}

int
check_spawner_start(struct check_spawner *s, uint64_t ticket, const struct check_job *job,
    int document, struct err *e)
{
	return check_spawner_start_into(s, ticket, job, document, -1, e);
}

int
check_spawner_start_into(struct check_spawner *s, uint64_t ticket, const struct check_job *job,
    int document, int output, struct err *e)
{
	const int fds[2] = {document, output};
	static uint8_t buf[CHECK_SPAWNER_REQUEST_MAX];
	struct wire_writer w;
	long n;

	wire_writer_init(&w, buf, CHECK_SPAWNER_HEAD);
	wire_put_u64(&w, ticket);
	wire_put_u16(
	    &w, job->kind == CHECK_JOB_ONLINE ? CHECK_ONLINE_DEADLINE_S : CHECK_DEADLINE_S);
	n = check_job_encode(job, buf + CHECK_SPAWNER_HEAD, sizeof(buf) - CHECK_SPAWNER_HEAD);
	if (n < 0)
		return err_set(e, (int)n, "the job of a worker is too large");
	n = sock_send_fds(s->fd, buf, CHECK_SPAWNER_HEAD + (size_t)n, fds,
	    document < 0 ? 0
	    : output < 0 ? 1
			 : 2);
	if (n == -EAGAIN)
		return err_set(e, -EAGAIN, "too many documents are being checked: try again later");
	if (n < 0)
		return err_set(e, -EPIPE, "the workers' parent is gone: restart bulkhead-guard");
	return 0;
}

static uint8_t reply[CHECK_SPAWNER_REPLY_MAX];

/* What a worker wrote says by its first byte what it is. */
static int
decode(struct check_outcome *out, size_t n)
{
	const uint8_t *body = reply + CHECK_SPAWNER_HEAD;
	const size_t size = n - CHECK_SPAWNER_HEAD;

	out->is_intake = size > 0 && body[0] == INTAKE_WIRE_VERSION;
	return out->is_intake ? intake_decode(&out->intake, body, size)
			      : check_report_decode(&out->report, body, size);
}

int
check_spawner_poll(struct check_spawner *s, struct check_outcome *out)
{
	uint8_t *const buf = reply;
	struct wire_reader r;
	ssize_t n = recv(s->fd, buf, sizeof(reply), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < CHECK_SPAWNER_HEAD)
		return -EPIPE;
	wire_reader_init(&r, buf, CHECK_SPAWNER_HEAD);
	out->ticket = wire_get_u64(&r);
	out->end = (enum check_end)wire_get_u8(&r);
	out->signal = wire_get_u8(&r);
	check_report_init(&out->report);
	if (out->end == CHECK_END_DONE && decode(out, (size_t)n) < 0)
		out->end = CHECK_END_FAILED;
	return 1;
}
