/* SPDX-License-Identifier: ISC */
/*
 * Watches a tap and its uplink for the leak bench, with the kernel's timestamps: when a message was
 * accepted (a 250 behind a 354), and when a packet of the tenant came that did not leave again.
 *   leak_probe TAP UPLINK OUT [LOG]     until SIGTERM, or until the tenant that had begun got nothing
 *   through for half a second; OUT gets "done NS" and "dropped NS" lines at the end and the time
 *   of the last packet that left, "passed NS", and "still NS NS" for each time that a processor of
 *   this machine did not run (witness.h); LOG a line per message as it happens, as a mail
 *   server would write it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/witness.h"

#define EVENTS_MAX	 (1u << 20)
#define HEAD_BYTES	 128 /* of a reply: headers and its code */
#define QUIET_NS	 500000000
#define WITNESS_EVERY_NS 200000
#define WITNESS_STILL_NS 500000
/* The kernel stamps the packets: a probe that woke for each would take the processor from those it measures. */
#define REST_NS 2000000

enum kind { DONE, SENT, PASSED }; /* SENT: by the tenant, seen on the tap; PASSED: on the uplink */

struct event {
	int64_t time_ns;
	enum kind kind;
	uint64_t key; /* of a packet: its port, sequence and acknowledgement */
};

static struct event events[EVENTS_MAX];
static unsigned event_count;
static bool in_data[65536]; /* by the tenant's port */
static volatile sig_atomic_t stop;
static FILE *mail_log;
static int64_t passed_ns, seen_ns; /* the last that passed, and that came at all; 0: none yet */

static void
on_term(int signal_number)
{
	(void)signal_number;
	stop = 1;
}

static void
note(int64_t time_ns, enum kind kind, uint64_t key)
{
	char when[32];
	time_t seconds = (time_t)(time_ns / 1000000000);
	struct tm tm;

	seen_ns = time_ns;
	if (kind == PASSED)
		passed_ns = time_ns;
	if (event_count < EVENTS_MAX)
		events[event_count++] = (struct event){time_ns, kind, key};
	if (mail_log == NULL || kind != DONE)
		return;
	localtime_r(&seconds, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	fprintf(mail_log, "%s relay[1]: message accepted client=192.0.2.11\n", when);
	fflush(mail_log);
}

static uint64_t
get32(const uint8_t *p)
{
	return (uint64_t)p[0] << 24 | (uint64_t)p[1] << 16 | (uint64_t)p[2] << 8 | p[3];
}

/* An IPv4 packet from or to port 25. */
static void
look(const uint8_t *p, size_t size, int64_t time_ns, bool on_tap)
{
	size_t ip = (size_t)(p[0] & 15) * 4, tcp, total;
	uint16_t from, to;

	if (size < ip + 20 || p[0] >> 4 != 4 || p[9] != IPPROTO_TCP)
		return;
	from = (uint16_t)(p[ip] << 8 | p[ip + 1]);
	to = (uint16_t)(p[ip + 2] << 8 | p[ip + 3]);
	tcp = (size_t)(p[ip + 12] >> 4) * 4;
	total = (size_t)p[2] << 8 | p[3];
	if (to == 25) { /* the acknowledgement alone would not tell two in a row apart */
		note(time_ns, on_tap ? SENT : PASSED,
		    (get32(p + ip + 4) << 32 | get32(p + ip + 8)) ^ (uint64_t)from << 20);
		return;
	}
	if (from != 25 || !on_tap || total < ip + tcp + 3 || size < ip + tcp + 3)
		return;
	p += ip + tcp;
	if (memcmp(p, "354", 3) == 0) {
		in_data[to] = true;
	} else if (in_data[to] && memcmp(p, "250", 3) == 0) {
		in_data[to] = false;
		note(time_ns, DONE, 0);
	}
}

static int
open_tap(const char *ifname)
{
	/* IPv4, TCP, from or to port 25 */
	static struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 6),
	    BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
	    BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 25, 2, 0),
	    BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 25, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, HEAD_BYTES),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_ALL), /* what goes out, too */
	    .sll_ifindex = (int)if_nametoindex(ifname)};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1, room = 64 << 20;

	if (fd < 0 || at.sll_ifindex == 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	return fd;
}

/* One packet; false when none is left. */
static bool
take(int fd, bool on_tap)
{
	uint8_t packet[HEAD_BYTES];
	_Alignas(struct cmsghdr) char control[128];
	struct iovec io = {packet, sizeof(packet)};
	struct msghdr m = {.msg_iov = &io,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
	struct timespec t = {0};

	if (n < 20)
		return n >= 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS)
			memcpy(&t, CMSG_DATA(c), sizeof(t));
	look(packet, (size_t)n, (int64_t)t.tv_sec * 1000000000 + t.tv_nsec, on_tap);
	return true;
}

/* By key, what passed before what was sent, so that each sent packet finds its end behind it. */
static int
compare_events(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (int)y->kind - (int)x->kind;
}

static void
write_events(FILE *out)
{
	bool passed = false;

	qsort(events, event_count, sizeof(events[0]), compare_events);
	for (unsigned i = 0; i < event_count; i++) {
		const struct event *e = &events[i];

		if (i == 0 || events[i - 1].key != e->key)
			passed = false;
		passed |= e->kind == PASSED;
		if (e->kind == DONE)
			fprintf(out, "done %" PRId64 "\n", e->time_ns);
		else if (e->kind == SENT && !passed)
			fprintf(out, "dropped %" PRId64 "\n", e->time_ns);
	}
}

static void
write_still(void *out, int64_t begin_ns, int64_t end_ns)
{
	fprintf(out, "still %" PRId64 " %" PRId64 "\n", begin_ns, end_ns);
}

/* By the clock only when nothing waits to be read: a probe that got no processor is behind. */
static bool
is_quiet(bool idle)
{
	int64_t now_ns = seen_ns;
	struct timespec t;

	if (idle) {
		clock_gettime(CLOCK_REALTIME, &t);
		now_ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
	}
	return passed_ns != 0 && now_ns - passed_ns > QUIET_NS;
}

int
main(int argc, char **argv)
{
	struct pollfd p[2] = {{.events = POLLIN}, {.events = POLLIN}};
	const struct timespec rest = {.tv_nsec = REST_NS};
	int patience_ms = 20;
	FILE *out;

	if (argc < 4)
		return 2;
	p[0].fd = open_tap(argv[1]);
	p[1].fd = open_tap(argv[2]);
	out = fopen(argv[3], "w");
	mail_log = argc > 4 ? fopen(argv[4], "a") : NULL;
	if (p[0].fd < 0 || p[1].fd < 0 || out == NULL) {
		fprintf(stderr, "leak_probe: cannot watch %s and %s: %s\n", argv[1], argv[2],
		    strerror(errno));
		return 1;
	}
	signal(SIGTERM, on_term);
	/* Without the right to, no trial is known to be still. */
	(void)witness_begin(WITNESS_EVERY_NS, WITNESS_STILL_NS);
	puts("ready");
	fflush(stdout);
	for (;;) {
		const bool idle = poll(p, 2, patience_ms) <= 0;

		if ((idle && stop != 0) || is_quiet(idle))
			break;
		while (take(p[0].fd, true))
			;
		while (take(p[1].fd, false))
			;
		patience_ms = stop != 0 ? 0 : 20;
		nanosleep(&rest, NULL);
	}
	witness_end();
	witness_each(write_still, out);
	write_events(out);
	fprintf(out, "passed %" PRId64 "\n", passed_ns);
	fclose(out);
	if (mail_log != NULL)
		fclose(mail_log);
	return 0;
}
