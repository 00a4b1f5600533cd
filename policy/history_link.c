/* SPDX-License-Identifier: ISC */
/* The judge's side of the history writer; see history_link.h.  bulkhead-guard (judge process). */
#include "policy/history_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/history_child.h"

struct waiting { /* a packet that found no room in the socket */
	struct waiting *next;
	size_t size;
	uint8_t bytes[];
};

struct history_link {
	pid_t pid;
	int fd;
	struct waiting *first, *last;
	size_t queued; /* bytes */
	struct history_report report;
	bool loss;
};

int
history_link_open(
    struct history_link **out, const char *folder, const struct sandbox_user *user, struct err *e)
{
	struct history_link *l = calloc(1, sizeof(*l));
	int pair[2] = {-1, -1};

	if (l == NULL)
		return err_set(e, -ENOMEM, "no memory for the history writer");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
	    (l->pid = fork()) < 0) {
		int code = -errno;

		if (pair[0] >= 0) {
			close(pair[0]);
			close(pair[1]);
		}
		free(l);
		return err_set(e, code, "cannot start the history writer: %s", strerror(-code));
	}
	if (l->pid == 0) {
		close(pair[0]);
		_exit(history_child_run(pair[1], folder, user));
	}
	close(pair[1]);
	l->fd = pair[0];
	fcntl(l->fd, F_SETFL, O_NONBLOCK);
	*out = l;
	return 0;
}

int
history_link_fd(const struct history_link *l)
{
	return l->fd;
}

/* --- handing over --- */

/* 0, -EAGAIN, or -EPIPE when the writer is gone: then everything is lost, which costs no verdict. */
static int
hand_over(const struct history_link *l, const uint8_t *packet, size_t size)
{
	ssize_t n;

	do
		n = send(l->fd, packet, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)size)
		return 0;
	return errno == EAGAIN || errno == ENOBUFS ? -EAGAIN : -EPIPE;
}

static void
drain(struct history_link *l)
{
	while (l->first != NULL) {
		struct waiting *one = l->first;
		int rc = hand_over(l, one->bytes, one->size);

		if (rc == -EAGAIN)
			return;
		l->report.lost += rc < 0;
		l->first = one->next;
		if (l->first == NULL)
			l->last = NULL;
		l->queued -= one->size;
		free(one);
	}
}

/* In the order in which they come; false when there is no room. */
static bool
put(struct history_link *l, const uint8_t *packet, size_t size)
{
	struct waiting *one;
	int rc = -EAGAIN;

	drain(l);
	if (l->first == NULL)
		rc = hand_over(l, packet, size);
	if (rc != -EAGAIN)
		return rc == 0;
	if (l->queued + size > HISTORY_QUEUE_MAX)
		return false;
	one = malloc(sizeof(*one) + size);
	if (one == NULL)
		return false;
	one->next = NULL;
	one->size = size;
	memcpy(one->bytes, packet, size);
	if (l->last != NULL)
		l->last->next = one;
	else
		l->first = one;
	l->last = one;
	l->queued += size;
	return true;
}

bool
history_link_segment(struct history_link *l, const uint8_t *segment, size_t size)
{
	static uint8_t packet[HISTORY_PACKET_MAX];

	if (size > HISTORY_SEGMENT_MAX)
		return false;
	packet[0] = HISTORY_VERB_SEGMENT;
	memcpy(packet + 1, segment, size);
	if (put(l, packet, size + 1))
		return true;
	l->report.lost++;
	return false;
}

void
history_link_limits(struct history_link *l, const struct history_limits *limits)
{
	uint8_t packet[64];
	long n = history_wire_limits(limits, packet, sizeof(packet));

	if (n > 0)
		put(l, packet, (size_t)n);
}

void
history_link_keep(struct history_link *l, const struct history_keep *keep)
{
	uint8_t packet[2048];
	long n = history_wire_keep(keep, packet, sizeof(packet));

	if (n > 0)
		put(l, packet, (size_t)n);
}

int
history_link_poll(struct history_link *l)
{
	uint8_t packet[512];
	ssize_t n;

	while ((n = recv(l->fd, packet, sizeof(packet), MSG_DONTWAIT)) > 0) {
		uint64_t lost = l->report.lost;

		if (history_wire_read_report(&l->report, packet, (size_t)n) < 0)
			continue;
		/* The writer counts what it lost, we what it never got. */
		l->loss = l->loss || l->report.lost > 0;
		l->report.lost += lost;
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return -EPIPE;
	drain(l);
	return 0;
}

const struct history_report *
history_link_report(const struct history_link *l)
{
	return &l->report;
}

bool
history_link_take_loss(struct history_link *l)
{
	bool loss = l->loss;

	l->loss = false;
	return loss;
}

void
history_link_close(struct history_link *l)
{
	if (l == NULL)
		return;
	/* A disk that hangs would hang us: what it has not taken by now is lost. */
	for (struct waiting *one = l->first; one != NULL;) {
		struct waiting *next = one->next;

		free(one);
		one = next;
	}
	close(l->fd);
	while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(l);
}
