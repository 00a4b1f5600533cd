/* SPDX-License-Identifier: ISC */
/*
 * LD_PRELOAD for the leak bench: when sensor, judge and enforcer woke up, and when each datagram and
 * each netlink transaction was sent and taken.  The programs that are measured stay the installed
 * ones; a call costs two readings of the clock and a store, some 100 ns.
 *   LEAK_STAMPS=FILE    of zeroes, as large as there shall be room; mapped before any jail.
 * FILE: struct stamp, one after the other, read by leak_stages.py.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "policy/enforce_wire.h"

#define HEAD_BYTES \
	32 /* enough to tell datagrams apart: of a verb its id, of an observation its time */

enum process { SENSOR = 1, JUDGE, CHILD }; /* CHILD and above: what the judge forked, in order */
enum call { SENT = 1, TAKEN, COMMITTED };
enum wake { WOKEN_BY_EVENT = 1, WOKEN_BY_REST };

struct stamp {
	int64_t asleep_ns, woken_ns; /* the wait before: wall clock, as the kernel stamps packets */
	int64_t begin_ns, end_ns;    /* of the call; the last that is written, 0: not yet */
	uint32_t process, call, wake, size;
	uint32_t wakes;	 /* of this process so far */
	uint32_t blocks; /* 1: a request of the judge to block */
	uint8_t head[HEAD_BYTES];
};

struct file {
	_Atomic uint64_t used;
	uint8_t unused[sizeof(struct stamp) - sizeof(uint64_t)];
	struct stamp stamps[];
};

static struct file *file;
static uint64_t room;
static uint32_t process, forks;
static struct stamp last; /* how this process was woken last */

static ssize_t (*real_send)(int, const void *, size_t, int);
static ssize_t (*real_sendto)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
static ssize_t (*real_recv)(int, void *, size_t, int);
static int (*real_epoll_wait)(int, struct epoll_event *, int, int);
static int (*real_poll)(struct pollfd *, nfds_t, int);
static int (*real_nanosleep)(const struct timespec *, struct timespec *);

static void
before_fork(void)
{
	forks++;
}

static void
in_child(void)
{
	process = CHILD - 1 + forks;
	last = (struct stamp){0};
}

static void
map_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;
	void *at;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && (size_t)st.st_size > 2 * sizeof(struct stamp)) {
		at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		file = at == MAP_FAILED ? NULL : at;
		room = (uint64_t)st.st_size / sizeof(struct stamp) - 1;
	}
	close(fd);
}

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("LEAK_STAMPS");

	/* POSIX's way to get a function out of dlsym(). */
	*(void **)&real_send = dlsym(RTLD_NEXT, "send");
	*(void **)&real_sendto = dlsym(RTLD_NEXT, "sendto");
	*(void **)&real_recv = dlsym(RTLD_NEXT, "recv");
	*(void **)&real_epoll_wait = dlsym(RTLD_NEXT, "epoll_wait");
	*(void **)&real_poll = dlsym(RTLD_NEXT, "poll");
	*(void **)&real_nanosleep = dlsym(RTLD_NEXT, "nanosleep");
	if (strcmp(program_invocation_short_name, "bulkhead-sensor") == 0)
		process = SENSOR;
	if (strcmp(program_invocation_short_name, "bulkhead-guard") == 0)
		process = JUDGE;
	if (process != 0 && path != NULL)
		map_file(path);
	if (process == JUDGE)
		pthread_atfork(before_fork, NULL, in_child);
}

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
note(enum call call, int64_t begin_ns, const void *data, ssize_t size)
{
	const int saved = errno;
	uint64_t at;
	struct stamp *s;

	if (file == NULL || size <= 0 || (at = atomic_fetch_add(&file->used, 1)) >= room)
		return;
	s = &file->stamps[at];
	*s = last;
	s->process = process;
	s->call = call;
	s->size = (uint32_t)size;
	s->begin_ns = begin_ns;
	memcpy(s->head, data, size < HEAD_BYTES ? (size_t)size : HEAD_BYTES);
	/* Header, u16 count, then the first element's set: policy/enforce_wire.h. */
	s->blocks = process == JUDGE && call == SENT && size > 10 &&
		    s->head[0] == ENFORCE_WIRE_VERSION && s->head[1] == ENFORCE_WIRE_BLOCK &&
		    s->head[10] == PLAN_SET_BLOCKED;
	s->end_ns = now_ns();
	errno = saved;
}

static void
wake(enum wake how, int64_t asleep_ns)
{
	const int saved = errno;

	last.asleep_ns = asleep_ns;
	last.woken_ns = now_ns();
	last.wake = how;
	last.wakes++;
	errno = saved;
}

ssize_t
send(int fd, const void *data, size_t size, int flags)
{
	const int64_t begin_ns = now_ns();
	const ssize_t n = real_send(fd, data, size, flags);

	note(SENT, begin_ns, data, n);
	return n;
}

/* Netlink through libmnl: the kernel runs the transaction inside of the call. */
ssize_t
sendto(
    int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t to_size)
{
	const int64_t begin_ns = now_ns();
	const ssize_t n = real_sendto(fd, data, size, flags, to, to_size);

	note(COMMITTED, begin_ns, data, n);
	return n;
}

ssize_t
recv(int fd, void *data, size_t size, int flags)
{
	const int64_t begin_ns = now_ns();
	const ssize_t n = real_recv(fd, data, size, flags);

	note(TAKEN, begin_ns, data, n > (ssize_t)size ? (ssize_t)size : n);
	return n;
}

int
epoll_wait(int fd, struct epoll_event *events, int most, int timeout_ms)
{
	const int64_t begin_ns = now_ns();
	const int n = real_epoll_wait(fd, events, most, timeout_ms);

	wake(WOKEN_BY_EVENT, begin_ns);
	return n;
}

int
poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	const int64_t begin_ns = now_ns();
	const int n = real_poll(fds, count, timeout_ms);

	wake(WOKEN_BY_EVENT, begin_ns);
	return n;
}

int
nanosleep(const struct timespec *span, struct timespec *left)
{
	const int64_t begin_ns = now_ns();
	const int r = real_nanosleep(span, left);

	wake(WOKEN_BY_REST, begin_ns);
	return r;
}
