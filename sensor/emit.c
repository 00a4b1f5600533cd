/* SPDX-License-Identifier: ISC */
/*
 * Observations to the guard; see emit.h.  bulkhead-sensor.
 *
 * Observations wait, encoded, in a ring of bytes (u16 length, then the observation) that is made at
 * the start. When it is full the oldest go: the guard's windows are about now.
 */
#include "sensor/emit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define EMIT_BYTES_PER_OBSERVATION \
	256 /* mean room; a session's end has about 300, a recipient 180 */
#define EMIT_HEADER_BYTES 4
#define EMIT_RETRY_NS	  CLOCK_SECOND_NS

struct emit {
	struct sockaddr_un address;
	int fd; /* -1: away */
	bool tried, told_away;
	int64_t tried_ns; /* the last attempt to connect */
	uint64_t lost, told_lost;
	uint32_t queue_max, waiting; /* observations */
	size_t size, head, used;     /* of the ring, in bytes */
	uint8_t *ring;
	struct log_limit connect_limit;
	uint8_t datagram[OBS_DATAGRAM_MAX];
};

int
emit_new(struct emit **out, const char *socket_path, uint32_t queue_max, struct err *e)
{
	struct emit *m;

	if (strlen(socket_path) >= sizeof(m->address.sun_path))
		return err_set(e, -ENAMETOOLONG,
		    "%s: a socket path may have at most %zu characters; shorten run_dir",
		    socket_path, sizeof(m->address.sun_path) - 1);
	if (queue_max == 0)
		queue_max = 1;
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return err_set(e, -ENOMEM, "no memory for the queue to the guard");
	m->size = (size_t)queue_max * EMIT_BYTES_PER_OBSERVATION;
	if (m->size < 2 * (OBS_ENCODED_MAX + 2))
		m->size = 2 * (OBS_ENCODED_MAX + 2);
	m->ring = malloc(m->size);
	if (m->ring == NULL) {
		free(m);
		return err_set(e, -ENOMEM, "no memory for %u observations to the guard", queue_max);
	}
	m->address.sun_family = AF_UNIX;
	strcpy(m->address.sun_path, socket_path);
	m->queue_max = queue_max;
	m->fd = -1;
	*out = m;
	return 0;
}

void
emit_free(struct emit *m)
{
	if (m == NULL)
		return;
	if (m->fd >= 0)
		close(m->fd);
	free(m->ring);
	free(m);
}

/* --- the ring ----------------------------------------------------------------------------------
 */

static void
ring_write(struct emit *m, const uint8_t *data, size_t n)
{
	size_t at = (m->head + m->used) % m->size;
	size_t first = n < m->size - at ? n : m->size - at;

	memcpy(m->ring + at, data, first);
	memcpy(m->ring, data + first, n - first);
	m->used += n;
}

/* Copies n bytes that begin `offset` bytes after the oldest. */
static void
ring_peek(const struct emit *m, size_t offset, uint8_t *out, size_t n)
{
	size_t at = (m->head + offset) % m->size;
	size_t first = n < m->size - at ? n : m->size - at;

	memcpy(out, m->ring + at, first);
	memcpy(out + first, m->ring, n - first);
}

static size_t
ring_length_at(const struct emit *m, size_t offset)
{
	uint8_t length[2];

	ring_peek(m, offset, length, sizeof(length));
	return 2 + (size_t)(length[0] << 8 | length[1]);
}

static void
ring_drop(struct emit *m, size_t bytes, uint32_t observations)
{
	m->head = (m->head + bytes) % m->size;
	m->used -= bytes;
	m->waiting -= observations;
}

void
emit_add(struct emit *m, const struct observation *obs)
{
	uint8_t record[2 + OBS_ENCODED_MAX];
	long n = obs_encode(obs, record + 2, OBS_ENCODED_MAX);

	if (n < 0) {
		m->lost++;
		return;
	}
	record[0] = (uint8_t)(n >> 8);
	record[1] = (uint8_t)n;
	while (m->waiting >= m->queue_max || m->size - m->used < (size_t)n + 2) {
		ring_drop(m, ring_length_at(m, 0), 1);
		m->lost++;
	}
	ring_write(m, record, (size_t)n + 2);
	m->waiting++;
}

/* --- the socket --------------------------------------------------------------------------------
 */

static void
disconnect(struct emit *m, int error)
{
	close(m->fd);
	m->fd = -1;
	log_event_limited(&m->connect_limit, LOG_LEVEL_WARN, "sensor.guard_gone",
	    "socket=%s waiting=%u error=\"%s\"", m->address.sun_path, m->waiting, strerror(error));
}

/* True when the datagram is on its way; otherwise it stays in the queue. */
static bool
send_datagram(struct emit *m, size_t size)
{
	/* send() without an address: the jail allows no other kind (base/sandbox.c). */
	if (send(m->fd, m->datagram, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size)
		return true;
	if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ENOBUFS)
		disconnect(m, errno);
	return false;
}

static void
put_header(struct emit *m, uint32_t count)
{
	m->datagram[0] = OBS_VERSION;
	m->datagram[1] = 0;
	m->datagram[2] = (uint8_t)(count >> 8);
	m->datagram[3] = (uint8_t)count;
}

/* Connected and greeted, or -1 with errno. */
static int
connect_once(struct emit *m)
{
	m->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (m->fd < 0)
		return -1;
	put_header(m, 0);
	if (connect(m->fd, (const struct sockaddr *)&m->address, sizeof(m->address)) != 0 ||
	    send(m->fd, m->datagram, EMIT_HEADER_BYTES, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		int error = errno;

		close(m->fd);
		m->fd = -1;
		errno = error;
		return -1;
	}
	return 0;
}

static void
try_to_connect(struct emit *m, int64_t mono_ns)
{
	if (m->tried && mono_ns - m->tried_ns < EMIT_RETRY_NS)
		return;
	m->tried = true;
	m->tried_ns = mono_ns;
	if (connect_once(m) != 0) {
		/* Once per absence; how much was lost in it is told at its end. */
		if (!m->told_away)
			log_event(LOG_LEVEL_WARN, "sensor.guard_away",
			    "socket=%s error=\"%s\" hint=\"start bulkhead-guard\"",
			    m->address.sun_path, strerror(errno));
		m->told_away = true;
		return;
	}
	m->told_away = false;
	log_event_limited(&m->connect_limit, LOG_LEVEL_INFO, "sensor.connected",
	    "socket=%s waiting=%u lost=%llu", m->address.sun_path, m->waiting,
	    (unsigned long long)(m->lost - m->told_lost));
	m->told_lost = m->lost;
}

void
emit_flush(struct emit *m, int64_t mono_ns)
{
	if (m->fd < 0)
		try_to_connect(m, mono_ns);
	while (m->fd >= 0 && m->waiting > 0) {
		size_t bytes = 0, length;
		uint32_t count = 0;

		while (count < m->waiting && count < UINT16_MAX) {
			length = ring_length_at(m, bytes);
			if (EMIT_HEADER_BYTES + bytes + length > sizeof(m->datagram))
				break;
			bytes += length;
			count++;
		}
		ring_peek(m, 0, m->datagram + EMIT_HEADER_BYTES, bytes);
		put_header(m, count);
		if (!send_datagram(m, EMIT_HEADER_BYTES + bytes))
			return;
		ring_drop(m, bytes, count);
	}
}

bool
emit_is_connected(const struct emit *m)
{
	return m->fd >= 0;
}

uint64_t
emit_lost(const struct emit *m)
{
	return m->lost;
}

uint32_t
emit_waiting(const struct emit *m)
{
	return m->waiting;
}
