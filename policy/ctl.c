/* SPDX-License-Identifier: ISC */
/*
 * The transport of ctl.sock: accept, frames in, replies out.  Nothing here waits for a
 * client, and nonsense from a client closes that client's connection and no other.  bulkhead-guard
 * (judge process).
 */
#include "policy/ctl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "policy/ctl_dispatch.h"
#include "policy/ctl_roles.h"
#include "policy/guard.h"

#define CLIENTS_MAX	    64
#define CLIENTS_PER_UID_MAX 16
/* Who may only look has no reason to send more; an inventory of 65,536 servers is about 8 MiB. */
#define REQUEST_SMALL_BYTES (64u << 10)
/* All buffers together: one large request and one large reply at a time, and many small ones. */
#define BUFFERS_MAX_BYTES (40u << 20)
/* Who only listens must leave room for those who want something. */
#define FOLLOWERS_MAX	 16
#define FOLLOWER_SIGN_NS (15 * CLOCK_SECOND_NS)
#define IDLE_MAX_NS	 (60 * CLOCK_SECOND_NS)
/* Who was turned away gets this long to read why. */
#define FAREWELL_MAX_NS (5 * CLOCK_SECOND_NS)

struct client {
	int fd; /* -1: free slot */
	struct sock_peer peer;
	enum ctl_role role;
	char actor[CTL_ACTOR_BYTES];
	int64_t active_ns;
	uint8_t head[4];
	size_t head_used;
	char *in; /* the frame that is being read; NULL until its length is known */
	size_t in_size, in_used;
	int fds[SOCK_FDS_MAX];
	unsigned fd_count;
	char *out; /* the reply that is being written; nothing is read meanwhile */
	size_t out_size, out_used;
	int out_fds[SOCK_FDS_MAX]; /* ride on the first byte of the reply */
	unsigned out_fd_count;
	bool last;	/* close after the reply */
	int64_t follow; /* first ledger entry to be told; 0: does not listen */
};

struct ctl {
	int epoll, listener;
	char path[SETTINGS_PATH_BYTES + 16];
	struct ctl_roles roles;
	struct client clients[CLIENTS_MAX];
	size_t buffered; /* bytes */
	struct log_limit limit;
	struct ctl_refusals refusals;
};

/* --- open and close
 * ---------------------------------------------------------------------------------- */

static int
watch(const struct ctl *c, int fd, int op, uint32_t events, void *who)
{
	struct epoll_event ev = {.events = events, .data.ptr = who};

	return epoll_ctl(c->epoll, op, fd, &ev) == 0 ? 0 : -errno;
}

int
ctl_open(
    struct ctl **out, const char *path, const struct settings *settings, gid_t gid, struct err *e)
{
	struct ctl *c = calloc(1, sizeof(*c));
	int rc;

	if (c == NULL)
		return err_set(e, -ENOMEM, "no memory for the control socket");
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		c->clients[i].fd = -1;
	c->listener = -1;
	c->limit.per_second = 5;
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	rc = c->epoll >= 0
		 ? ctl_roles_init(&c->roles, settings, e)
		 : err_set(e, -errno, "cannot make an epoll descriptor: %s", strerror(errno));
	if (rc == 0) {
		mode_t mode = ctl_roles_socket_mode(&c->roles, &gid);

		c->listener = sock_listen(path, SOCK_STREAM, mode, gid, e);
		rc = c->listener < 0 ? c->listener : 0;
	}
	if (rc == 0) {
		snprintf(c->path, sizeof(c->path), "%s", path);
		rc = watch(c, c->listener, EPOLL_CTL_ADD, EPOLLIN, NULL);
		if (rc < 0)
			err_set(e, rc, "cannot watch %s: %s", path, strerror(-rc));
	}
	if (rc < 0) {
		ctl_close(c);
		return rc;
	}
	*out = c;
	return 0;
}

static void
close_fds(struct client *cl)
{
	for (unsigned i = 0; i < cl->fd_count; i++)
		close(cl->fds[i]);
	cl->fd_count = 0;
}

static void
drop_request(struct ctl *c, struct client *cl)
{
	c->buffered -= cl->in != NULL ? cl->in_size : 0;
	free(cl->in);
	cl->in = NULL;
	cl->in_size = cl->in_used = cl->head_used = 0;
	close_fds(cl);
}

static void
drop_reply(struct ctl *c, struct client *cl)
{
	for (unsigned i = 0; i < cl->out_fd_count; i++)
		close(cl->out_fds[i]);
	cl->out_fd_count = 0;
	c->buffered -= cl->out_size;
	free(cl->out);
	cl->out = NULL;
	cl->out_size = cl->out_used = 0;
}

static void
close_client(struct ctl *c, struct client *cl)
{
	drop_request(c, cl);
	drop_reply(c, cl);
	close(cl->fd); /* leaves the epoll set with it */
	cl->fd = -1;
}

void
ctl_close(struct ctl *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (c->clients[i].fd >= 0)
			close_client(c, &c->clients[i]);
	if (c->listener >= 0) {
		close(c->listener);
		unlink(c->path);
	}
	if (c->epoll >= 0)
		close(c->epoll);
	free(c);
}

int
ctl_fd(const struct ctl *c)
{
	return c->epoll;
}

/* --- replies
 * ----------------------------------------------------------------------------------------- */

/* Writes what the socket takes; -EAGAIN while some is left. */
static int
write_reply(struct ctl *c, struct client *cl)
{
	while (cl->out_used < cl->out_size) {
		/* The descriptor is non-blocking. */
		ssize_t n =
		    sock_send_fds(cl->fd, cl->out + cl->out_used, cl->out_size - cl->out_used,
			cl->out_fds, cl->out_used == 0 ? cl->out_fd_count : 0);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		cl->out_used += (size_t)n;
	}
	drop_reply(c, cl);
	return 0;
}

/* Takes the reply and queues it as one frame; -ENOBUFS or -EMSGSIZE when it is too large to hold.
 */
static int
queue_reply(struct ctl *c, struct client *cl, json_t *reply)
{
	char *text = reply != NULL ? json_dumps(reply, JSON_COMPACT) : NULL;
	size_t size = text != NULL ? strlen(text) : 0;
	uint32_t length = htonl((uint32_t)size);
	int rc = -ENOMEM;

	json_decref(reply);
	if (text == NULL)
		goto out;
	rc = -EMSGSIZE;
	if (size > SOCK_FRAME_MAX)
		goto out;
	rc = -ENOBUFS;
	if (c->buffered + size + sizeof(length) > BUFFERS_MAX_BYTES)
		goto out;
	rc = -ENOMEM;
	cl->out = malloc(size + sizeof(length));
	if (cl->out == NULL)
		goto out;
	memcpy(cl->out, &length, sizeof(length));
	memcpy(cl->out + sizeof(length), text, size);
	cl->out_size = size + sizeof(length);
	cl->out_used = 0;
	c->buffered += cl->out_size;
	rc = 0;
out:
	free(text);
	return rc;
}

/* --- clients
 * ----------------------------------------------------------------------------------------- */

/* Answers with a sentence; nothing more is read from this client. */
static int
turn_away(struct ctl *c, struct client *cl, int code, const char *sentence)
{
	struct err e;

	err_set(&e, code, "%s", sentence);
	cl->last = true;
	drop_request(c, cl);
	return queue_reply(c, cl, ctl_reply_error(&e));
}

static unsigned
followers(const struct ctl *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		n += c->clients[i].fd >= 0 && c->clients[i].follow > 0;
	return n;
}

/* Runs the request that was read and queues its reply.  Negative: close the connection now. */
static int
serve(struct ctl *c, struct client *cl, struct guard *g)
{
	struct ctl_call call = {
	    .guard = g,
	    .peer = &cl->peer,
	    .role = cl->role,
	    .now_ns = g->now_ns,
	    .fds = cl->fds,
	    .fd_count = cl->fd_count,
	};
	struct err e;
	json_t *reply;
	int64_t follow = 0;
	int rc;

	call.follow = &follow;
	call.out_fds = cl->out_fds;
	call.out_fd_count = &cl->out_fd_count;
	snprintf(call.actor, sizeof(call.actor), "%s", cl->actor);
	reply = ctl_dispatch(&c->refusals, &call, cl->in, cl->in_used, &cl->last);
	drop_request(c, cl);
	guard_settle(g); /* who is told that it is done finds it done */
	if (follow > 0 && followers(c) == FOLLOWERS_MAX) {
		json_decref(reply);
		return turn_away(c, cl, -EBUSY,
		    "16 others follow the events already: end one of them, or ask with "
		    "ledger.show");
	}
	cl->follow = follow;
	rc = queue_reply(c, cl, reply);
	if (rc == 0)
		return 0;
	drop_reply(c, cl);
	err_set(&e, rc, "the answer is too large to be sent at once: ask for less of it");
	return queue_reply(c, cl, ctl_reply_error(&e));
}

/* The length is complete: is there room for the frame? */
static int
begin_frame(struct ctl *c, struct client *cl)
{
	uint32_t length;

	memcpy(&length, cl->head, sizeof(length));
	length = ntohl(length);
	if (length == 0 || length > SOCK_FRAME_MAX)
		return turn_away(c, cl, -EMSGSIZE, "a request has 1 byte to 16 MiB");
	if (length > REQUEST_SMALL_BYTES && cl->role < CTL_ROLE_SUPPORT)
		return turn_away(c, cl, -EMSGSIZE, "a request of your role has at most 64 KiB");
	if (c->buffered + length > BUFFERS_MAX_BYTES)
		return turn_away(
		    c, cl, -EBUSY, "the guard has too many large requests at once: try again");
	cl->in = malloc(length);
	if (cl->in == NULL)
		return -ENOMEM;
	cl->in_size = length;
	c->buffered += length;
	return 0;
}

/*
 * Reads what is there of one frame, never beyond its end: descriptors ride on the length, and so
 * those of the next frame cannot be mixed with this one's.  0 when the frame is complete, -EAGAIN,
 * or close.
 */
static int
read_request(struct ctl *c, struct client *cl)
{
	while (cl->in == NULL || cl->in_used < cl->in_size) {
		void *into =
		    cl->in == NULL ? (char *)cl->head + cl->head_used : cl->in + cl->in_used;
		size_t room =
		    cl->in == NULL ? sizeof(cl->head) - cl->head_used : cl->in_size - cl->in_used;
		ssize_t n = sock_recv_fds(cl->fd, into, room, cl->fds, &cl->fd_count, SOCK_FDS_MAX);

		if (n <= 0)
			return n == 0 ? -EPIPE : (int)n;
		if (cl->in != NULL) {
			cl->in_used += (size_t)n;
			continue;
		}
		cl->head_used += (size_t)n;
		if (cl->head_used == sizeof(cl->head)) {
			int rc = begin_frame(c, cl);

			if (rc < 0)
				return rc;
			if (cl->out != NULL)
				return -EAGAIN; /* turned away */
		}
	}
	return 0;
}

/* Goes as far as it can without waiting; negative: close. */
static int
go_on(struct ctl *c, struct client *cl, struct guard *g)
{
	int rc = 0;

	if (cl->out == NULL && cl->last)
		return -ESHUTDOWN; /* it has read its reply and hung up */
	if (cl->out == NULL && cl->follow > 0)
		return -ESHUTDOWN; /* it hung up, or says something: it was only to listen */
	cl->active_ns = g->now_ns;
	if (cl->out == NULL) {
		rc = read_request(c, cl);
		if (rc == 0)
			rc = serve(c, cl, g);
		if (rc < 0 && rc != -EAGAIN)
			return rc;
	}
	if (cl->out != NULL) {
		rc = write_reply(c, cl);
		if (rc < 0 && rc != -EAGAIN)
			return rc;
	}
	/* A connection that is closed while the peer still writes would hide the reply from it. */
	return watch(c, cl->fd, EPOLL_CTL_MOD,
	    cl->out != NULL ? EPOLLOUT
	    : cl->last	    ? EPOLLRDHUP
			    : EPOLLIN,
	    cl);
}

static struct client *
free_slot(struct ctl *c, uid_t uid)
{
	struct client *slot = NULL;
	unsigned same = 0;

	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		if (c->clients[i].fd < 0)
			slot = &c->clients[i];
		else if (c->clients[i].peer.uid == uid)
			same++;
	}
	return same < CLIENTS_PER_UID_MAX ? slot : NULL;
}

static void
accept_one(struct ctl *c, struct guard *g, int fd)
{
	struct sock_peer peer;
	struct client *cl;

	if (sock_get_peer(fd, &peer) < 0 || (cl = free_slot(c, peer.uid)) == NULL) {
		log_event_limited(
		    &c->limit, LOG_LEVEL_WARN, "guard.ctl.full", "uid=%u", (unsigned)peer.uid);
		close(fd);
		return;
	}
	memset(cl, 0, sizeof(*cl));
	cl->fd = fd;
	cl->peer = peer;
	cl->role = ctl_roles_of(&c->roles, &peer);
	cl->active_ns = g->now_ns;
	ctl_roles_name_actor(cl->actor, &cl->peer);
	if (watch(c, fd, EPOLL_CTL_ADD, EPOLLIN, cl) < 0) {
		close_client(c, cl);
		return;
	}
	if (cl->role == CTL_ROLE_NONE) { /* not one byte of it is read */
		struct ctl_call call = {.guard = g, .peer = &cl->peer, .now_ns = g->now_ns};

		snprintf(call.actor, sizeof(call.actor), "%s", cl->actor);
		ctl_note_refusal(&c->refusals, &call, "connect");
		if (turn_away(c, cl, -EACCES,
			"you have no role here: ask an administrator to put you into one of the "
			"groups that "
			"bulkhead.conf names as group_view, group_support, group_abuse or "
			"group_admin") < 0 ||
		    go_on(c, cl, g) < 0)
			close_client(c, cl);
	}
}

static void
accept_all(struct ctl *c, struct guard *g)
{
	/* Bounded: the loop has other things to do, and the listener stays readable. */
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		accept_one(c, g, fd);
	}
}

/* Tells a follower what is new, or that we are there. */
static int
tell_follower(struct ctl *c, struct client *cl, struct guard *g)
{
	int64_t from = cl->follow;
	json_t *data = NULL;
	struct err e;
	int rc;

	if (ctl_follow_ledger(g, &from, &data, &e) < 0)
		return 0; /* the log has it; the next round may do better */
	if (from == cl->follow && g->now_ns - cl->active_ns < FOLLOWER_SIGN_NS) {
		json_decref(data);
		return 0;
	}
	rc = queue_reply(
	    c, cl, json_pack("{s:i, s:b, s:o}", "version", CTL_VERSION, "ok", 1, "data", data));
	if (rc < 0)
		return rc;
	cl->follow = from;
	return go_on(c, cl, g);
}

static void
tell_followers(struct ctl *c, struct guard *g)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *cl = &c->clients[i];

		if (cl->fd >= 0 && cl->follow > 0 && cl->out == NULL && tell_follower(c, cl, g) < 0)
			close_client(c, cl);
	}
}

static void
close_idle(struct ctl *c, int64_t now_ns)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *cl = &c->clients[i];

		if (cl->fd >= 0 &&
		    now_ns - cl->active_ns > (cl->last ? FAREWELL_MAX_NS : IDLE_MAX_NS))
			close_client(c, cl);
	}
}

void
ctl_poll(struct ctl *c, struct guard *g)
{
	struct epoll_event events[CLIENTS_MAX + 1];
	int n = epoll_wait(c->epoll, events, CLIENTS_MAX + 1, 0);
	bool knocks = false;

	for (int i = 0; i < n; i++) {
		struct client *cl = events[i].data.ptr;

		if (cl == NULL)
			knocks = true;
		else if (go_on(c, cl, g) < 0)
			close_client(c, cl);
	}
	/* After the others: a slot that was freed above must not be met again in the same round. */
	if (knocks)
		accept_all(c, g);
	tell_followers(c, g);
	close_idle(c, g->now_ns);
}
