/* SPDX-License-Identifier: ISC */
/* Unix sockets; see sock.h.  Every process. */
#include "base/sock.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int
sock_address(struct sockaddr_un *sa, const char *path, struct err *e)
{
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sa->sun_path))
		return err_set(e, -ENAMETOOLONG,
		    "%s: a socket path may have at most %zu characters", path,
		    sizeof(sa->sun_path) - 1);
	strcpy(sa->sun_path, path);
	return 0;
}

int
sock_connect(const char *path, int type, struct err *e)
{
	struct sockaddr_un sa;
	int r = sock_address(&sa, path, e);

	if (r != 0)
		return r;
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(e, -errno, "cannot make a socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
		r = -errno;
		close(fd);
		return err_set(e, r, "%s: %s", path, strerror(-r));
	}
	return fd;
}

int
sock_listen(const char *path, int type, mode_t mode, gid_t gid, struct err *e)
{
	struct sockaddr_un sa;
	struct stat st;
	int r = sock_address(&sa, path, e);

	if (r != 0)
		return r;
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return err_set(
			    e, -EEXIST, "%s: exists and is no socket; move it away", path);
		int live = sock_connect(path, type, NULL);
		if (live >= 0) {
			close(live);
			return err_set(e, -EADDRINUSE,
			    "%s: another process listens here; stop it first", path);
		}
		unlink(path);
	}
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(e, -errno, "cannot make a socket: %s", strerror(errno));
	/* The file appears with no rights for others; they are given before listen(2). */
	mode_t old = umask(0177);
	r = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 ? 0 : -errno;
	umask(old);
	if (r == 0 && gid != (gid_t)-1 && chown(path, (uid_t)-1, gid) != 0)
		r = -errno;
	if (r == 0 && (chmod(path, mode) != 0 || listen(fd, 64) != 0))
		r = -errno;
	if (r != 0) {
		close(fd);
		return err_set(e, r, "cannot listen on %s: %s", path, strerror(-r));
	}
	return fd;
}

int
sock_get_peer(int fd, struct sock_peer *out)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	memset(out, 0, sizeof(*out));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0)
		return -errno;
	out->pid = cred.pid;
	out->uid = cred.uid;
	out->gid = cred.gid;
	size = sizeof(out->groups);
	/* More groups than we hold: ERANGE, and the peer keeps only its main group. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, out->groups, &size) == 0)
		out->group_count = (unsigned)(size / sizeof(out->groups[0]));
	return 0;
}

bool
sock_peer_is_in_group(const struct sock_peer *peer, gid_t gid)
{
	if (peer->gid == gid)
		return true;
	for (unsigned i = 0; i < peer->group_count; i++)
		if (peer->groups[i] == gid)
			return true;
	return false;
}

ssize_t
sock_send_fds(int fd, const void *data, size_t size, const int *fds, unsigned fd_count)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * SOCK_FDS_MAX)];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd_count > SOCK_FDS_MAX)
		return -E2BIG;
	if (fd_count != 0) {
		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
	}
	for (;;) {
		ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL);
		if (n >= 0)
			return n;
		if (errno != EINTR)
			return -errno;
	}
}

/* Takes the descriptors out of a message; those beyond fd_max are closed. */
static void
sock_take_fds(struct msghdr *msg, int *fds, unsigned *fd_count, unsigned fd_max)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int got;
			memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (fds != NULL && *fd_count < fd_max)
				fds[(*fd_count)++] = got;
			else
				close(got);
		}
	}
}

ssize_t
sock_recv_fds(int fd, void *data, size_t size, int *fds, unsigned *fd_count, unsigned fd_max)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * SOCK_FDS_MAX)];
	} control;
	struct iovec iov = {.iov_base = data, .iov_len = size};
	struct msghdr msg = {
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.room,
	    .msg_controllen = sizeof(control.room),
	};
	unsigned none = 0;
	ssize_t n;

	if (fd_count == NULL)
		fd_count = &none;
	do {
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	sock_take_fds(&msg, fds, fd_count, fd_max);
	return (msg.msg_flags & MSG_TRUNC) != 0 ? -EMSGSIZE : n;
}

int
sock_send_frame(int fd, const void *data, size_t size, const int *fds, unsigned fd_count)
{
	const uint8_t *p = data;
	uint32_t length = htonl((uint32_t)size);

	if (size > SOCK_FRAME_MAX)
		return -EMSGSIZE;
	/* Four bytes always fit into an empty socket buffer at once. */
	ssize_t n = sock_send_fds(fd, &length, sizeof(length), fds, fd_count);
	if (n != (ssize_t)sizeof(length))
		return n < 0 ? (int)n : -EPIPE;
	while (size != 0) {
		n = send(fd, p, size, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Reads exactly `size` bytes; 1 done, 0 end of stream at the very start, negative errno. */
static int
sock_recv_whole(int fd, void *data, size_t size, int *fds, unsigned *fd_count, unsigned fd_max)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n =
		    sock_recv_fds(fd, (char *)data + got, size - got, fds, fd_count, fd_max);
		if (n < 0)
			return (int)n;
		if (n == 0)
			return got == 0 ? 0 : -EPIPE;
		got += (size_t)n;
	}
	return 1;
}

static void
sock_close_fds(int *fds, unsigned *fd_count)
{
	if (fds == NULL || fd_count == NULL)
		return;
	for (unsigned i = 0; i < *fd_count; i++)
		close(fds[i]);
	*fd_count = 0;
}

ssize_t
sock_recv_frame(int fd, char **data, int *fds, unsigned *fd_count)
{
	uint32_t length;
	char *body = NULL;

	assert((fds == NULL) == (fd_count == NULL));
	if (fd_count != NULL)
		*fd_count = 0;
	int r = sock_recv_whole(fd, &length, sizeof(length), fds, fd_count, SOCK_FDS_MAX);
	if (r <= 0)
		goto out;
	length = ntohl(length);
	r = -EMSGSIZE;
	if (length == 0 || length > SOCK_FRAME_MAX)
		goto out;
	r = -ENOMEM;
	body = malloc((size_t)length + 1);
	if (body == NULL)
		goto out;
	r = sock_recv_whole(fd, body, length, NULL, NULL, 0);
	if (r == 0)
		r = -EPIPE;
	if (r < 0)
		goto out;
	body[length] = '\0';
	*data = body;
	return (ssize_t)length;
out:
	free(body);
	sock_close_fds(fds, fd_count);
	return r;
}
