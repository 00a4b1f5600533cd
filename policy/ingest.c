/* SPDX-License-Identifier: ISC */
/* The guard's side of obs.sock; see ingest.h.  bulkhead-guard (judge process). */
#include "policy/ingest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sock.h"
#include "base/wire.h"

#define INGEST_DATAGRAMS_PER_POLL \
	32 /* of one sensor, so that the others and the clients get their turn */
#define INGEST_LISTENER INGEST_SENSORS_MAX /* epoll data of the listening socket */

struct ingest {
	int listen_fd, epoll_fd;
	uid_t sensor_uid;
	ingest_fn fn;
	void *arg;
	int fds[INGEST_SENSORS_MAX]; /* -1: free */
	pid_t pids[INGEST_SENSORS_MAX];
	struct log_limit refuse_limit, bad_limit;
	uint8_t datagram[OBS_DATAGRAM_MAX];
};

int
ingest_open(struct ingest **out, const char *path, const struct sandbox_user *sensor, ingest_fn fn,
    void *arg, struct err *e)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = INGEST_LISTENER};
	struct ingest *in = calloc(1, sizeof(*in));
	int r;

	if (in == NULL)
		return err_set(e, -ENOMEM, "no memory for the sensors' socket");
	in->sensor_uid = sensor->uid;
	in->fn = fn;
	in->arg = arg;
	for (unsigned i = 0; i < INGEST_SENSORS_MAX; i++)
		in->fds[i] = -1;
	in->epoll_fd = -1;
	in->listen_fd =
	    sock_listen(path, SOCK_SEQPACKET, 0660, geteuid() == 0 ? sensor->gid : (gid_t)-1, e);
	if (in->listen_fd < 0) {
		r = in->listen_fd;
		goto out;
	}
	in->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (in->epoll_fd < 0 ||
	    epoll_ctl(in->epoll_fd, EPOLL_CTL_ADD, in->listen_fd, &event) != 0) {
		r = err_set(e, -errno, "%s: cannot wait for sensors: %s", path, strerror(errno));
		goto out;
	}
	*out = in;
	return 0;
out:
	ingest_close(in);
	return r;
}

void
ingest_close(struct ingest *in)
{
	if (in == NULL)
		return;
	for (unsigned i = 0; i < INGEST_SENSORS_MAX; i++)
		if (in->fds[i] >= 0)
			close(in->fds[i]);
	if (in->epoll_fd >= 0)
		close(in->epoll_fd);
	if (in->listen_fd >= 0)
		close(in->listen_fd);
	free(in);
}

int
ingest_fd(const struct ingest *in)
{
	return in->epoll_fd;
}

static void
release_slot(struct ingest *in, unsigned slot)
{
	close(in->fds[slot]);
	in->fds[slot] = -1;
	in->fn(in->arg, INGEST_GONE, slot, NULL);
}

/* A free slot for the peer, or -1 with the reason in the log. */
static int
find_slot(struct ingest *in, int fd, struct sock_peer *peer)
{
	int r = sock_get_peer(fd, peer);

	if (r != 0)
		return -1;
	if (peer->uid != 0 && peer->uid != geteuid() && peer->uid != in->sensor_uid) {
		log_event_limited(&in->refuse_limit, LOG_LEVEL_WARN, "ingest.refused",
		    "pid=%ld uid=%ld reason=\"only root and the configured user may be a sensor\"",
		    (long)peer->pid, (long)peer->uid);
		return -1;
	}
	for (int slot = 0; slot < INGEST_SENSORS_MAX; slot++)
		if (in->fds[slot] < 0)
			return slot;
	log_event_limited(&in->refuse_limit, LOG_LEVEL_WARN, "ingest.refused",
	    "pid=%ld reason=\"%d sensors are connected already\"", (long)peer->pid,
	    INGEST_SENSORS_MAX);
	return -1;
}

static void
accept_sensor(struct ingest *in)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct sock_peer peer;
	int fd = accept4(in->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), slot;

	if (fd < 0)
		return;
	slot = find_slot(in, fd, &peer);
	event.data.u32 = (uint32_t)slot;
	if (slot < 0 || epoll_ctl(in->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
		close(fd);
		return;
	}
	in->fds[slot] = fd;
	in->pids[slot] = peer.pid;
	log_event(LOG_LEVEL_INFO, "ingest.connected", "sensor=%d pid=%ld uid=%ld", slot,
	    (long)peer.pid, (long)peer.uid);
	in->fn(in->arg, INGEST_CONNECTED, (unsigned)slot, NULL);
}

/* One datagram of a sensor; the number of observations, or -EPROTO / -EBADMSG. */
static int
take_datagram(struct ingest *in, unsigned slot, size_t size)
{
	struct observation obs;
	struct wire_reader r;
	unsigned version, count;

	wire_reader_init(&r, in->datagram, size);
	version = wire_get_u8(&r);
	if (version != OBS_VERSION) {
		log_event_limited(&in->bad_limit, LOG_LEVEL_ERROR, "ingest.version",
		    "sensor=%u pid=%ld version=%u wanted=%u reason=\"sensor and guard are of "
		    "different "
		    "versions; restart both after an upgrade\"",
		    slot, (long)in->pids[slot], version, (unsigned)OBS_VERSION);
		return -EPROTO;
	}
	wire_get_u8(&r);
	count = wire_get_u16(&r);
	for (unsigned i = 0; i < count; i++) {
		size_t length = wire_get_u16(&r);

		if (r.failed || length > r.size - r.pos ||
		    obs_decode(&obs, r.data + r.pos, length) != 0) {
			in->fn(in->arg, INGEST_BAD, slot, NULL);
			return -EBADMSG;
		}
		r.pos += length;
		in->fn(in->arg, INGEST_OBSERVATION, slot, &obs);
	}
	return wire_reader_finish(&r) == 0 ? (int)count : -EBADMSG;
}

static unsigned
read_sensor(struct ingest *in, unsigned slot)
{
	unsigned total = 0;

	for (unsigned i = 0; i < INGEST_DATAGRAMS_PER_POLL; i++) {
		/* MSG_TRUNC: the true size, so that a datagram beyond the limit shows. */
		ssize_t n = recv(
		    in->fds[slot], in->datagram, sizeof(in->datagram), MSG_DONTWAIT | MSG_TRUNC);
		int r;

		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
			return total;
		if (n <= 0) {
			log_event(LOG_LEVEL_INFO, "ingest.gone", "sensor=%u pid=%ld", slot,
			    (long)in->pids[slot]);
			release_slot(in, slot);
			return total;
		}
		r = (size_t)n > sizeof(in->datagram) ? -EBADMSG
						     : take_datagram(in, slot, (size_t)n);
		if (r < 0) {
			if (r == -EBADMSG)
				log_event_limited(&in->bad_limit, LOG_LEVEL_ERROR, "ingest.bad",
				    "sensor=%u pid=%ld bytes=%zd reason=\"not an observation; "
				    "closed\"",
				    slot, (long)in->pids[slot], n);
			release_slot(in, slot);
			return total;
		}
		total += (unsigned)r;
	}
	return total;
}

unsigned
ingest_poll(struct ingest *in)
{
	struct epoll_event events[INGEST_SENSORS_MAX + 1];
	unsigned total = 0;
	int n = epoll_wait(in->epoll_fd, events, INGEST_SENSORS_MAX + 1, 0);

	for (int i = 0; i < n; i++) {
		uint32_t slot = events[i].data.u32;

		if (slot == INGEST_LISTENER)
			accept_sensor(in);
		else if (in->fds[slot] >= 0)
			total += read_sensor(in, slot);
	}
	return total;
}
