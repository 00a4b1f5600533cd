/* SPDX-License-Identifier: ISC */
/*
 * A tenant that opens connections which nobody asked for: flood INTERFACE MAC FROM COUNT PER_SECOND.  Writes
 * frames to its own link: for each flow, a source of its own in 10.0.0.0/8 (FROM is the first), a SYN to port 25 of
 * 198.51.100.2 and the first bytes of a dialogue that no one answered.  Prints the packets sent.
 * tests/lab/test_floods.sh.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wire.h"

#define PATIENCE_NS (120 * CLOCK_SECOND_NS)

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint32_t
sum16(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	return n % 2 == 0 ? sum : sum + (uint32_t)(p[n - 1] << 8);
}

/* The packet of a flow: a SYN, or what follows it.  Returns its length. */
static size_t
make(uint8_t frame[256], const uint8_t macs[12], uint32_t flow, const char *text)
{
	size_t length = strlen(text);
	struct wire_writer w;
	uint32_t sum;

	wire_writer_init(&w, frame, 256);
	wire_put_bytes(&w, macs, 12);
	wire_put_u16(&w, 0x0800);
	wire_put_u16(&w, 0x4500);
	wire_put_u16(&w, (uint16_t)(40 + length));
	wire_put_u32(&w, 0);
	wire_put_u16(&w, 64 << 8 | 6);
	wire_put_u16(&w, 0);
	wire_put_u32(&w, UINT32_C(10) << 24 | (flow & 0xffffff));
	wire_put_u32(&w, UINT32_C(0xc6336402)); /* 198.51.100.2 */
	wire_put_u16(&w, (uint16_t)(1024 + flow % 60000));
	wire_put_u16(&w, 25);
	wire_put_u32(&w, flow * 2654435761u + (length > 0));
	wire_put_u32(&w, length > 0);
	wire_put_u16(&w, length > 0 ? 0x5018 : 0x5002);
	wire_put_u16(&w, 64000);
	wire_put_u32(&w, 0);
	wire_put_bytes(&w, text, length);
	/* A forwarding hypervisor drops a header whose sum is wrong; the sensor's numbers must not depend on it. */
	sum = sum16(frame + 14, 20, 0);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16)) & 0xffff;
	frame[24] = (uint8_t)(sum >> 8);
	frame[25] = (uint8_t)sum;
	return (size_t)wire_writer_finish(&w);
}

static void
put(int fd, const uint8_t *frame, size_t size, int64_t until_ns)
{
	while (send(fd, frame, size, 0) < 0) {
		if ((errno != ENOBUFS && errno != EAGAIN) || clock_mono_ns() > until_ns)
			die("send");
		usleep(100);
	}
}

/* Not before it is due: in steps of 1 ms, so that the sender sleeps in between. */
static void
wait_until(int64_t due_ns)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	while (clock_mono_ns() < due_ns)
		nanosleep(&pause, NULL);
}

int
main(int argc, char **argv)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET};
	uint8_t macs[12] = {0, 0, 0, 0, 0, 0, 0x52, 0x54, 0, 0, 0, 2}, frame[256];
	unsigned m[6];

	if (argc != 6 ||
	    sscanf(argv[2], "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6) {
		fputs("usage: flood INTERFACE MAC FROM COUNT PER_SECOND\n", stderr);
		return 2;
	}
	for (int i = 0; i < 6; i++)
		macs[i] = (uint8_t)m[i];
	const uint32_t from = (uint32_t)strtoul(argv[3], NULL, 10);
	const uint32_t count = (uint32_t)strtoul(argv[4], NULL, 10);
	const double per_second = strtod(argv[5], NULL);
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	to.sll_ifindex = (int)if_nametoindex(argv[1]);
	if (fd < 0 || to.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		die(argv[1]);
	int64_t begin_ns = clock_mono_ns();
	for (uint32_t i = 0; i < count; i++) {
		if (i % 64 == 0 && per_second > 0)
			wait_until(begin_ns + (int64_t)(i / per_second * 1e9));
		put(fd, frame, make(frame, macs, from + i, ""), begin_ns + PATIENCE_NS);
		put(fd, frame, make(frame, macs, from + i, "EHLO flood.example\r\n"),
		    begin_ns + PATIENCE_NS);
	}
	printf("%u\n", 2 * count);
	return 0;
}
