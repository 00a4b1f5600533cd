/* SPDX-License-Identifier: ISC */
/* Connections of the responder; see notice.h.  bulkhead-notice. */
#include "policy/responder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/settings.h"
#include "base/sock.h"
#include "policy/responder_dialogue.h"
#include "policy/responder_table.h"
#include "policy/responder_wire.h"

#define LISTENERS_MAX	 2
#define BACKLOG		 1024
#define ACCEPTS_PER_POLL 256
#define EVENTS_PER_POLL	 256
#define READS_PER_EVENT	 4
#define SOCKET_BYTES	 4096 /* buffers of the kernel: a greeting, and some command lines */
/* epoll data beyond the connections */
#define DATA_LISTENER 0x80000000u
#define DATA_FEED     0xc0000000u

/* linux/netfilter_ipv4.h and netfilter_ipv6/ip6_tables.h clash with libc's headers. */
#define ORIGINAL_DST 80

struct connection {
	int fd; /* -1: free */
	uint32_t link;
	int64_t end_ns;
	struct responder_dialogue dialogue;
	bool told; /* nothing more is said: what comes is thrown away until the client closes */
};

struct responder {
	struct responder_config cfg;
	struct responder_table *table;
	struct connection *connections;
	unsigned *free_slots;
	unsigned slot_count, free_count;
	int listeners[LISTENERS_MAX];
	bool is_v4[LISTENERS_MAX];
	unsigned listener_count;
	int epoll_fd, feed_fd;
	char feed_path[SETTINGS_PATH_BYTES + 16];
	struct responder_counters counters;
	struct log_limit feed_limit;
};

/* --- beginning and end ---------------------------------------------------------------------------
 */

static int
make_slots(struct responder *n, struct err *e)
{
	unsigned max = n->cfg.connections_max;

	n->connections = calloc(max, sizeof(*n->connections));
	n->free_slots = calloc(max, sizeof(*n->free_slots));
	if (n->connections == NULL || n->free_slots == NULL)
		return err_set(e, -ENOMEM, "no memory for %u connections", max);
	for (unsigned i = 0; i < max; i++) {
		n->connections[i].fd = -1;
		n->free_slots[i] = max - 1 - i;
	}
	n->free_count = n->slot_count = max;
	return 0;
}

int
responder_new(struct responder **out, const struct responder_config *cfg, struct err *e)
{
	struct responder *n = calloc(1, sizeof(*n));
	int r;

	if (n == NULL)
		return err_set(e, -ENOMEM, "no memory for the responder");
	n->cfg = *cfg;
	n->feed_fd = -1;
	n->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = n->epoll_fd < 0 ? err_set(e, -errno, "cannot wait for connections: %s", strerror(errno))
			    : make_slots(n, e);
	if (r == 0)
		r = responder_table_new(&n->table, e);
	if (r < 0) {
		responder_free(n);
		return r;
	}
	*out = n;
	return 0;
}

void
responder_free(struct responder *n)
{
	if (n == NULL)
		return;
	for (unsigned i = 0; i < n->slot_count; i++)
		if (n->connections[i].fd >= 0)
			close(n->connections[i].fd);
	for (unsigned i = 0; i < n->listener_count; i++)
		close(n->listeners[i]);
	if (n->feed_fd >= 0)
		close(n->feed_fd);
	if (n->epoll_fd >= 0)
		close(n->epoll_fd);
	responder_table_free(n->table);
	free(n->free_slots);
	free(n->connections);
	free(n);
}

static int
watch(struct responder *n, int fd, uint32_t data)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = data};

	return epoll_ctl(n->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

static socklen_t
make_address(struct sockaddr_storage *out, const struct addr *addr, uint16_t port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (addr_is_v4(addr)) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, addr->bytes + 12, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, addr->bytes, 16);
	return sizeof(*v6);
}

int
responder_listen(struct responder *n, const struct addr *addr, uint16_t port, struct err *e)
{
	struct sockaddr_storage at;
	socklen_t size = make_address(&at, addr, port);
	int one = 1, room = SOCKET_BYTES, fd, r = 0;
	bool is_v4 = addr_is_v4(addr);
	char text[ADDR_TEXT_BYTES];

	if (n->listener_count == LISTENERS_MAX)
		return err_set(e, -ENOSPC, "the responder listens on two addresses at most");
	fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Early in the boot the address may not be there yet. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    setsockopt(fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_FREEBIND : IPV6_FREEBIND,
		&one, sizeof(one)) != 0 ||
	    (!is_v4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) != 0 ||
	    bind(fd, (struct sockaddr *)&at, size) != 0 || listen(fd, BACKLOG) != 0 ||
	    (r = watch(n, fd, DATA_LISTENER | n->listener_count)) != 0) {
		r = err_set(e, r != 0 ? r : -errno,
		    "cannot listen on %s port %u: %s; see notice_addresses and notice_port",
		    addr_format(text, addr), port, strerror(r != 0 ? -r : errno));
		if (fd >= 0)
			close(fd);
		return r;
	}
	n->is_v4[n->listener_count] = is_v4;
	n->listeners[n->listener_count++] = fd;
	return 0;
}

/* --- connections
 * -------------------------------------------------------------------------------------
 */

static void
end_connection(struct responder *n, unsigned slot)
{
	struct connection *c = &n->connections[slot];

	close(c->fd);
	c->fd = -1;
	n->free_slots[n->free_count++] = slot;
}

/* Never waits: who does not take a line of a few bytes is not waited for. */
static bool
say(int fd, const char *text, size_t size)
{
	ssize_t sent = send(fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);

	return sent == (ssize_t)size;
}

/* Where it came in, which nobody can forge; 0 when the kernel does not say. */
static uint32_t
link_of(int fd, bool is_v4)
{
	_Alignas(struct cmsghdr) char control[128];
	socklen_t size = sizeof(control);
	struct msghdr m = {.msg_control = control};
	int one = 1;

	if (is_v4) {
		if (setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)) != 0 ||
		    getsockopt(fd, IPPROTO_IP, IP_PKTOPTIONS, control, &size) != 0)
			return 0;
	} else if (setsockopt(fd, IPPROTO_IPV6, IPV6_2292PKTINFO, &one, sizeof(one)) != 0 ||
		   getsockopt(fd, IPPROTO_IPV6, IPV6_2292PKTOPTIONS, control, &size) != 0) {
		return 0;
	}
	m.msg_controllen = size;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
		struct in_pktinfo v4;
		struct in6_pktinfo v6;

		if (is_v4 && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO &&
		    c->cmsg_len >= CMSG_LEN(sizeof(v4))) {
			memcpy(&v4, CMSG_DATA(c), sizeof(v4));
			return (uint32_t)v4.ipi_ifindex;
		}
		if (!is_v4 && c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_2292PKTINFO &&
		    c->cmsg_len >= CMSG_LEN(sizeof(v6))) {
			memcpy(&v6, CMSG_DATA(c), sizeof(v6));
			return v6.ipi6_ifindex;
		}
	}
	return 0;
}

/* True when it was on its way to port 25 of somebody else. */
static bool
was_redirected(int fd, bool is_v4)
{
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to;
	socklen_t size = is_v4 ? sizeof(to.v4) : sizeof(to.v6);

	if (getsockopt(fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, ORIGINAL_DST, &to, &size) != 0)
		return false;
	return (is_v4 ? to.v4.sin_port : to.v6.sin6_port) == htons(25);
}

/* A pass over all of them, some microseconds: exact, and without a second table. */
static unsigned
count_of_link(const struct responder *n, uint32_t link)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n->slot_count; i++)
		count += n->connections[i].fd >= 0 && n->connections[i].link == link;
	return count;
}

static void
keep_connection(struct responder *n, int fd, uint32_t link, int64_t now_ns)
{
	unsigned slot = n->free_slots[n->free_count - 1];
	struct connection *c = &n->connections[slot];

	if (watch(n, fd, slot) != 0) {
		close(fd);
		return;
	}
	n->free_count--;
	memset(c, 0, sizeof(*c));
	c->fd = fd;
	c->link = link;
	c->end_ns = now_ns + n->cfg.lifetime_ns;
	/* 421 announces that the server closes (RFC 5321, 4.2.3). */
	if (n->cfg.code == 421) {
		c->told = true;
		(void)shutdown(fd, SHUT_WR);
	}
}

static void
take_connection(struct responder *n, int fd, bool is_v4, int64_t now_ns)
{
	uint32_t link = link_of(fd, is_v4);
	char greeting[RESPONDER_GREETING_MAX];
	size_t size;

	if (n->cfg.redirected_only && !was_redirected(fd, is_v4)) {
		n->counters.strangers++;
		close(fd);
		return;
	}
	size = responder_dialogue_greet(
	    greeting, n->cfg.code, responder_table_case(n->table, link), n->cfg.url);
	if (!say(fd, greeting, size)) {
		n->counters.failed++;
		close(fd);
		return;
	}
	n->counters.greeted++;
	if (n->free_count == 0 || count_of_link(n, link) >= n->cfg.per_link) {
		n->counters.over_limit++;
		close(fd);
		return;
	}
	keep_connection(n, fd, link, now_ns);
}

static void
take_connections(struct responder *n, unsigned listener, int64_t now_ns)
{
	for (unsigned i = 0; i < ACCEPTS_PER_POLL; i++) {
		int fd = accept4(n->listeners[listener], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		take_connection(n, fd, n->is_v4[listener], now_ns);
	}
}

/* What was read; false when the connection is to be closed. */
static bool
take_bytes(struct responder *n, struct connection *c, const uint8_t *data, size_t size)
{
	while (size > 0 && !c->told) {
		size_t used = size;
		enum responder_act act = responder_dialogue_take(&c->dialogue, data, size, &used);

		data += used;
		size -= used;
		if (act == RESPONDER_QUIT) {
			(void)say(c->fd, responder_farewell, strlen(responder_farewell));
			return false;
		}
		if (act == RESPONDER_END ||
		    (act == RESPONDER_REFUSE &&
			!say(c->fd, responder_refusal, strlen(responder_refusal)))) {
			n->counters.failed++;
			return false;
		}
	}
	return true;
}

static void
read_connection(struct responder *n, unsigned slot)
{
	struct connection *c = &n->connections[slot];
	uint8_t buf[RESPONDER_LINE_MAX];

	/* A client that sends without end gets its turn like the others. */
	for (unsigned i = 0; i < READS_PER_EVENT; i++) {
		ssize_t got = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0 || !take_bytes(n, c, buf, (size_t)got)) {
			end_connection(n, slot);
			return;
		}
	}
}

/* --- the guard
 * ---------------------------------------------------------------------------------------
 */

int
responder_set_feed(struct responder *n, const char *path)
{
	if (strlen(path) >= sizeof(n->feed_path))
		return -ENAMETOOLONG;
	strcpy(n->feed_path, path);
	return 0;
}

static void
leave_feed(struct responder *n, const char *why)
{
	log_event(LOG_LEVEL_WARN, "notice.guard.gone", "why=\"%s\" links=%u", why,
	    responder_table_count(n->table));
	close(n->feed_fd);
	n->feed_fd = -1;
}

static void
read_feed(struct responder *n)
{
	static uint8_t packet[RESPONDER_WIRE_PACKET_MAX];
	ssize_t got;

	while (n->feed_fd >= 0) {
		got = recv(n->feed_fd, packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0)
			leave_feed(n, "it closed");
		else if ((size_t)got > sizeof(packet) ||
			 responder_table_take(n->table, packet, (size_t)got) < 0)
			leave_feed(n, "another version: restart both after an upgrade");
	}
}

static void
join_feed(struct responder *n)
{
	struct err e;
	int fd;

	if (n->feed_path[0] == '\0' || n->feed_fd >= 0)
		return;
	fd = sock_connect(n->feed_path, SOCK_SEQPACKET | SOCK_NONBLOCK, &e);
	if (fd < 0 || watch(n, fd, DATA_FEED) != 0) {
		log_event_limited(&n->feed_limit, LOG_LEVEL_DEBUG, "notice.guard.away",
		    "error=\"%s\"", fd < 0 ? e.text : strerror(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	n->feed_fd = fd;
	log_event(LOG_LEVEL_INFO, "notice.guard.connected", "socket=%s", n->feed_path);
}

int
responder_take_packet(struct responder *n, const uint8_t *data, size_t size)
{
	return responder_table_take(n->table, data, size);
}

/* --- the loop's calls
 * --------------------------------------------------------------------------------
 */

int
responder_fd(const struct responder *n)
{
	return n->epoll_fd;
}

void
responder_poll(struct responder *n, int64_t now_ns)
{
	struct epoll_event events[EVENTS_PER_POLL];
	int count = epoll_wait(n->epoll_fd, events, EVENTS_PER_POLL, 0);

	/* First who is blocked, then who asks. */
	for (int i = 0; i < count; i++)
		if (events[i].data.u32 == DATA_FEED)
			read_feed(n);
	for (int i = 0; i < count; i++) {
		uint32_t data = events[i].data.u32;

		if (data == DATA_FEED)
			continue;
		if ((data & DATA_LISTENER) != 0)
			take_connections(n, data & ~DATA_LISTENER, now_ns);
		else if (n->connections[data].fd >= 0)
			read_connection(n, data);
	}
}

void
responder_tick(struct responder *n, int64_t now_ns)
{
	join_feed(n);
	for (unsigned i = 0; i < n->slot_count; i++)
		if (n->connections[i].fd >= 0 && n->connections[i].end_ns <= now_ns) {
			n->counters.timed_out++;
			end_connection(n, i);
		}
}

void
responder_get_counters(const struct responder *n, struct responder_counters *out)
{
	*out = n->counters;
}

unsigned
responder_open_connections(const struct responder *n)
{
	return n->slot_count - n->free_count;
}

int
responder_known_links(const struct responder *n)
{
	return n->feed_fd < 0 ? -1 : (int)responder_table_count(n->table);
}
