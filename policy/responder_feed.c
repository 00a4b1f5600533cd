/* SPDX-License-Identifier: ISC */
/* The guard's side of notice.sock; see responder_feed.h.  bulkhead-guard (judge process). */
#include "policy/responder_feed.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sandbox.h"
#include "base/sock.h"
#include "policy/responder_wire.h"

#define CLIENTS_MAX 4 /* the responder, and its successor during an upgrade */
#define LISTENER    CLIENTS_MAX

struct responder_feed {
	int listen_fd, epoll_fd;
	uid_t responder_uid;
	int fds[CLIENTS_MAX]; /* -1: free */
	unsigned clients;
	struct log_limit limit;
};

/* Entries on their way into packets. */
struct sending {
	struct responder_feed *feed;
	struct responder_entry entries[RESPONDER_WIRE_ENTRIES_MAX];
	unsigned count;
	bool all; /* the next packet begins anew */
};

int
responder_feed_open(struct responder_feed **out, const char *path, struct err *e)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = LISTENER};
	struct responder_feed *f = calloc(1, sizeof(*f));
	struct sandbox_user user;
	int r = 0;

	if (f == NULL)
		return err_set(e, -ENOMEM, "no memory for the responder's socket");
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		f->fds[i] = -1;
	f->responder_uid =
	    sandbox_find_user("bulkhead-notice", &user, NULL) == 0 ? user.uid : geteuid();
	f->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	/* Whose user it is decides, not the file. */
	f->listen_fd = sock_listen(path, SOCK_SEQPACKET, 0666, (gid_t)-1, e);
	if (f->listen_fd < 0)
		r = f->listen_fd;
	else if (f->epoll_fd < 0 ||
		 epoll_ctl(f->epoll_fd, EPOLL_CTL_ADD, f->listen_fd, &event) != 0)
		r = err_set(
		    e, -errno, "%s: cannot wait for the responder: %s", path, strerror(errno));
	if (r < 0) {
		responder_feed_close(f);
		return r;
	}
	*out = f;
	return 0;
}

void
responder_feed_close(struct responder_feed *f)
{
	if (f == NULL)
		return;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (f->fds[i] >= 0)
			close(f->fds[i]);
	if (f->listen_fd >= 0)
		close(f->listen_fd);
	if (f->epoll_fd >= 0)
		close(f->epoll_fd);
	free(f);
}

int
responder_feed_fd(const struct responder_feed *f)
{
	return f->epoll_fd;
}

unsigned
responder_feed_clients(const struct responder_feed *f)
{
	return f->clients;
}

static void
drop_client(struct responder_feed *f, unsigned i)
{
	close(f->fds[i]);
	f->fds[i] = -1;
	f->clients--;
	log_event(LOG_LEVEL_INFO, "guard.notice.gone", "slot=%u", i);
}

static bool
take_client(struct responder_feed *f)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fd = accept4(f->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct sock_peer peer = {0};
	unsigned i = 0;

	if (fd < 0)
		return false;
	while (i < CLIENTS_MAX && f->fds[i] >= 0)
		i++;
	event.data.u32 = i;
	if (i == CLIENTS_MAX || sock_get_peer(fd, &peer) != 0 ||
	    (peer.uid != 0 && peer.uid != geteuid() && peer.uid != f->responder_uid) ||
	    epoll_ctl(f->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
		log_event_limited(&f->limit, LOG_LEVEL_WARN, "guard.notice.refused",
		    "pid=%ld uid=%ld reason=\"only root, the guard's user and bulkhead-notice may "
		    "listen, and %d of them\"",
		    (long)peer.pid, (long)peer.uid, CLIENTS_MAX);
		close(fd);
		return false;
	}
	f->fds[i] = fd;
	f->clients++;
	log_event(LOG_LEVEL_INFO, "guard.notice.connected", "slot=%u pid=%ld", i, (long)peer.pid);
	return true;
}

bool
responder_feed_poll(struct responder_feed *f)
{
	struct epoll_event events[CLIENTS_MAX + 1];
	int n = epoll_wait(f->epoll_fd, events, CLIENTS_MAX + 1, 0);
	bool came = false;

	for (int i = 0; i < n; i++) {
		uint32_t slot = events[i].data.u32;

		/* A responder has nothing to say: it is gone, or mad. */
		if (slot == LISTENER)
			came |= take_client(f);
		else if (f->fds[slot] >= 0)
			drop_client(f, slot);
	}
	return came;
}

static void
flush(struct sending *s)
{
	uint8_t packet[RESPONDER_WIRE_PACKET_MAX];
	size_t size = responder_wire_encode(packet, s->all, s->entries, s->count);

	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (s->feed->fds[i] >= 0 && send(s->feed->fds[i], packet, size,
						MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)size)
			drop_client(s->feed, i);
	s->count = 0;
	s->all = false;
}

static void
add(struct sending *s, const struct plan_element *e, bool blocked)
{
	struct responder_entry *entry = &s->entries[s->count];

	if (e->set != PLAN_SET_BLOCKED || e->ifname[0] == '\0')
		return;
	memset(entry, 0, sizeof(*entry));
	entry->link = if_nametoindex(e->ifname);
	if (entry->link == 0)
		return;
	if (blocked)
		memcpy(entry->case_id, e->case_id, sizeof(entry->case_id));
	if (++s->count == RESPONDER_WIRE_ENTRIES_MAX)
		flush(s);
}

void
responder_feed_put(
    struct responder_feed *f, const struct plan_element *elements, unsigned count, bool blocked)
{
	struct sending s = {.feed = f};

	if (f == NULL || f->clients == 0)
		return;
	for (unsigned i = 0; i < count; i++)
		add(&s, &elements[i], blocked);
	if (s.count > 0)
		flush(&s);
}

void
responder_feed_put_all(struct responder_feed *f, const struct plan *plan)
{
	struct sending s = {.feed = f, .all = true};

	if (f == NULL || f->clients == 0)
		return;
	for (unsigned i = 0; i < plan->count; i++)
		add(&s, &plan->elements[i], true);
	flush(&s);
}
