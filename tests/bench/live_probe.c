/* SPDX-License-Identifier: ISC */
/*
 * Both ends of live.sh: sends packets at a pace into the tap that the sensor watches, and stands for
 * the guard on obs.sock.  Prints how long a packet took to become an observation that is here
 * (kernel's time stamp to receipt), and the sensor's CPU time per packet; or the same of a reader
 * that does nothing but read (to the wake-up).  Says beside it when the machine itself stood still.
 *
 *   live_probe paced RUN_DIR SENSOR_PID TENANT_IF HOST_NETNS HOST_IF PACKETS_PER_SECOND SECONDS
 *   live_probe floor REST_US RING_MIB TENANT_IF HOST_NETNS HOST_IF PACKETS_PER_SECOND SECONDS
 *   live_probe burst HOST_ADDRESS BYTES          one message by TCP, as fast as the kernel sends
 *   live_probe sink                              takes such messages, until it is ended
 *
 * Runs in the tenant's network namespace (sink: the host's).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/schedule.h"
#include "sensor/observation.h"
#include "tests/bench/live_machine.h"
#include "tests/bench/witness.h"

#define FLOWS		 64u
#define SPIN_NS		 60000 /* shorter pauses are not slept: a sleep takes about as long */
#define SINK_PORT	 25
#define WITNESS_EVERY_NS 100000
#define WITNESS_STILL_NS 300000
#define WARM_SECONDS \
	1.5 /* at 1,000 packets a second none of the 1,024 free wake-ups are, at 5,000 all */

/* --- packets ----------------------------------------------------------------------------------
 */

struct sender {
	int tenant_fd, host_fd; /* raw sockets on the two ends of the cable */
	uint32_t seq[FLOWS][2];
	int64_t due_ns, interval_ns;
	uint64_t sent;
};

static int
raw_socket(const char *interface)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	address.sll_ifindex = (int)if_nametoindex(interface);
	if (fd < 0 || address.sll_ifindex == 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		die(interface);
	return fd;
}

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

/* One packet of a flow, when it is due. */
static void
say(struct sender *s, unsigned flow, unsigned from, uint8_t flags, const char *text)
{
	uint8_t frame[256] = {0x52, 0x54, 0, 0, 1, (uint8_t)!from, 0x52, 0x54, 0, 0, 1,
	    (uint8_t)from, 8},
		*ip = frame + 14, *tcp = ip + 20;
	size_t length = strlen(text), size = 54 + length;
	uint32_t address[2] = {UINT32_C(0xc0000214), UINT32_C(0xc6336401) + flow % 50};

	ip[0] = 0x45;
	put16(ip + 2, (uint32_t)size - 14);
	ip[8] = 64;
	ip[9] = IPPROTO_TCP;
	put32(ip + 12, address[from]);
	put32(ip + 16, address[!from]);
	put16(tcp, from == 0 ? 20000 + flow : 25);
	put16(tcp + 2, from == 0 ? 25 : 20000 + flow);
	put32(tcp + 4, s->seq[flow][from]);
	put32(tcp + 8, s->seq[flow][!from]);
	tcp[12] = 0x50;
	tcp[13] = flags;
	put16(tcp + 14, 64000);
	memcpy(frame + 54, text, length);
	s->seq[flow][from] += (uint32_t)length + (flags & 2) / 2;

	struct timespec until = {
	    .tv_sec = s->due_ns / CLOCK_SECOND_NS, .tv_nsec = s->due_ns % CLOCK_SECOND_NS};
	if (s->interval_ns >= SPIN_NS)
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	else
		while (clock_mono_ns() < s->due_ns)
			;
	if (send(from == 0 ? s->tenant_fd : s->host_fd, frame, size, 0) != (ssize_t)size)
		die("send");
	s->due_ns += s->interval_ns;
	s->sent++;
}

/* Every flow up to its envelope. */
static void
open_flows(struct sender *s)
{
	for (unsigned i = 0; i < FLOWS; i++) {
		say(s, i, 0, 2, "");
		say(s, i, 1, 0x12, "");
		say(s, i, 0, 0x10, "");
		say(s, i, 1, 0x18, "220 mx.example.net ESMTP\r\n");
		say(s, i, 0, 0x18, "EHLO vm.example.com\r\n");
		say(s, i, 1, 0x18, "250 mx.example.net\r\n");
		say(s, i, 0, 0x18, "MAIL FROM:<news@example.com>\r\n");
		say(s, i, 1, 0x18, "250 2.1.0 Ok\r\n");
	}
}

static void
talk(struct sender *s, int64_t until_ns)
{
	/* A pause that was slept through is not made good by a burst. */
	for (unsigned i = 0; s->due_ns < until_ns; i++) {
		if (clock_mono_ns() > s->due_ns + 10 * s->interval_ns)
			s->due_ns = clock_mono_ns();
		say(s, i % FLOWS, 0, 0x18, "RCPT TO:<somebody@dest1.example>\r\n");
		say(s, i % FLOWS, 1, 0x18, "250 2.1.5 Ok\r\n");
	}
}

/* --- observations -----------------------------------------------------------------------------
 */

static struct machine_samples *samples;
static uint64_t ring_drops;

static int
listen_as_guard(const char *run_dir)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/obs.sock", run_dir);
	unlink(address.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    chmod(address.sun_path, 0666) != 0 || listen(fd, 1) != 0)
		die(address.sun_path);
	return fd;
}

static void
take_datagram(const uint8_t *data, size_t size, int64_t now_ns)
{
	struct observation obs;

	for (size_t at = 4; at + 2 <= size;) {
		size_t length = (size_t)(data[at] << 8 | data[at + 1]);
		at += 2;
		if (at + length > size || obs_decode(&obs, data + at, length) != 0)
			die("an observation that cannot be read");
		if (obs.kind == OBS_RECIPIENT)
			machine_sample(samples, obs.time_ns, now_ns - obs.time_ns);
		if (obs.kind == OBS_HEALTH)
			ring_drops = obs.u.health.ring_drops;
		at += length;
	}
}

/* Receives until the deadline. */
static void
receive(int fd, int64_t until_ns)
{
	static uint8_t data[OBS_DATAGRAM_MAX];
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	for (int64_t left; (left = until_ns - clock_mono_ns()) > 0;) {
		if (poll(&wait, 1, (int)(left / 1000000) + 1) <= 0)
			continue;
		ssize_t n = recv(fd, data, sizeof(data), 0);
		if (n <= 0)
			die("the sensor has gone");
		take_datagram(data, (size_t)n, clock_wall_ns());
	}
}

/* --- a measurement ----------------------------------------------------------------------------
 */

static void *
shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("shared memory");
	return p;
}

/* The two ends of the cable; goes over to the host's namespace for the second. */
static void
take_cable(struct sender *s, char **argv) /* TENANT_IF HOST_NETNS HOST_IF */
{
	char path[128];

	s->tenant_fd = raw_socket(argv[0]);
	snprintf(path, sizeof(path), "/run/netns/%s", argv[1]);
	int host = open(path, O_RDONLY | O_CLOEXEC);
	if (host < 0 || setns(host, CLONE_NEWNET) != 0)
		die(path);
	s->host_fd = raw_socket(argv[2]);
	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	s->interval_ns = (int64_t)1e5;
	s->due_ns = clock_mono_ns();
	/* Other numbers than last time, or these would be the old connections again. */
	for (unsigned i = 0; i < FLOWS; i++)
		s->seq[i][0] = s->seq[i][1] = (uint32_t)(s->due_ns >> 10) + i;
}

/* Sends from a child, as a guest that nobody favours. */
static pid_t
start_talking(struct sender *s, double rate, int64_t until_ns)
{
	pid_t child = fork();

	if (child < 0)
		die("fork");
	if (child > 0)
		return child;
	schedule_background();
	setpriority(PRIO_PROCESS, 0, 0);
	s->interval_ns = (int64_t)(1e9 / rate);
	s->due_ns = clock_mono_ns();
	talk(s, until_ns);
	_exit(0);
}

/* What the reader was asked to see, while `seconds` pass; guard_fd -1: it tells nobody. */
static void
listen_for(int guard_fd, double seconds)
{
	struct timespec span = {.tv_sec = (time_t)seconds,
	    .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};

	if (guard_fd >= 0)
		receive(guard_fd, clock_mono_ns() + (int64_t)(seconds * 1e9));
	else
		nanosleep(&span, NULL);
}

/*
 * Measures the process while packets come, after a time in which the free wake-ups are spent.  Prints
 * "rate p50 p99 awake_p50 awake_p99 awake_percent still_percent cpu_us wakeups missing ring_drops".
 */
static int
measure(struct sender *s, pid_t pid, int guard_fd, double rate, double seconds)
{
	struct machine_summary sum;
	long long sleeps[2];
	uint64_t sent[2];
	int64_t cpu[2];

	s->sent = samples->seen = 0;
	pid_t child =
	    start_talking(s, rate, clock_mono_ns() + (int64_t)((WARM_SECONDS + seconds) * 1e9));
	listen_for(guard_fd, WARM_SECONDS);
	samples->since_ns = clock_wall_ns();
	sent[0] = s->sent;
	machine_usage(pid, &cpu[0], &sleeps[0]);
	if ((errno = -witness_begin(WITNESS_EVERY_NS, WITNESS_STILL_NS)) != 0)
		die("a witness of the highest class");
	listen_for(guard_fd, seconds);
	sent[1] = s->sent;
	machine_usage(pid, &cpu[1], &sleeps[1]);
	witness_end();
	listen_for(guard_fd, 0.2); /* what is still on its way */
	if (waitpid(child, NULL, 0) != child || samples->count == 0)
		die("nothing was seen");
	machine_summarise(samples, &sum);
	const double packets = (double)(sent[1] - sent[0]);
	printf("%.0f %.0f %.0f %.0f %.0f %.1f %.2f %.2f %.0f %lld %llu\n", packets / seconds,
	    sum.p50_us, sum.p99_us, sum.awake_p50_us, sum.awake_p99_us, sum.awake_percent,
	    sum.still_percent, (double)(cpu[1] - cpu[0]) / 1e3 / packets,
	    (double)(sleeps[1] - sleeps[0]) / seconds,
	    (long long)(guard_fd >= 0 ? s->sent / 2 : s->sent) - (long long)samples->seen,
	    (unsigned long long)ring_drops);
	return 0;
}

static int
paced(char **argv)
{
	double rate = strtod(argv[5], NULL), seconds = strtod(argv[6], NULL);
	struct sender *s = shared(sizeof(*s));

	if (rate <= 0 || seconds <= 0)
		return 2;
	schedule_prompt(); /* as the guard */
	take_cable(s, argv + 2);
	int listener = listen_as_guard(argv[0]), guard = accept(listener, NULL, NULL);
	if (guard < 0)
		die("accept");
	open_flows(s);
	receive(guard, clock_mono_ns() + CLOCK_SECOND_NS / 5);
	return measure(s, (pid_t)strtol(argv[1], NULL, 10), guard, rate, seconds);
}

static int
bare(char **argv)
{
	double rate = strtod(argv[5], NULL), seconds = strtod(argv[6], NULL);
	struct sender *s = shared(sizeof(*s));

	if (rate <= 0 || seconds <= 0)
		return 2;
	schedule_prompt(); /* as the sensor */
	take_cable(s, argv + 2);
	volatile int *ready = shared(sizeof(*ready));
	pid_t reader = fork();
	if (reader == 0)
		machine_floor(samples, ready, strtol(argv[0], NULL, 10) * 1000, atoi(argv[1]));
	for (int64_t until_ns = clock_mono_ns() + 2 * CLOCK_SECOND_NS; !*ready;)
		if (reader < 0 || clock_mono_ns() > until_ns)
			die("the bare reader has not begun");
	int r = measure(s, reader, -1, rate, seconds);
	kill(reader, SIGKILL);
	waitpid(reader, NULL, 0);
	return r;
}

/* --- a burst ----------------------------------------------------------------------------------
 */

static int
sink(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(SINK_PORT)};
	static char data[1 << 20];
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, 8) != 0)
		die("port 25");
	while ((peer = accept(fd, NULL, NULL)) >= 0) {
		while (read(peer, data, sizeof(data)) > 0)
			;
		close(peer);
	}
	return 1;
}

static int
burst(const char *host, const char *bytes)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(SINK_PORT)};
	static char data[1 << 20];
	long long left = strtoll(bytes, NULL, 10);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, host, &address.sin_addr);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		die(host);
	memset(data, 'x', sizeof(data));
	int64_t begin = clock_mono_ns();
	while (left > 0) {
		ssize_t n =
		    write(fd, data, left < (long long)sizeof(data) ? (size_t)left : sizeof(data));
		if (n <= 0)
			die("write");
		left -= n;
	}
	close(fd);
	printf("%.3f\n", (double)(clock_mono_ns() - begin) / 1e9);
	return 0;
}

int
main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	samples = machine_samples_new();
	if (argc == 9 && strcmp(argv[1], "paced") == 0)
		return paced(argv + 2);
	if (argc == 9 && strcmp(argv[1], "floor") == 0)
		return bare(argv + 2);
	if (argc == 4 && strcmp(argv[1], "burst") == 0)
		return burst(argv[2], argv[3]);
	if (argc == 2 && strcmp(argv[1], "sink") == 0)
		return sink();
	fputs("usage: live_probe paced|floor|burst|sink ...: see live.sh\n", stderr);
	return 2;
}
