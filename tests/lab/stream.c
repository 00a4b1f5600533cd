/* SPDX-License-Identifier: ISC */
/*
 * A tenant that never stops: stream ADDRESS PORT [SOURCE-PORT].  Every 50 us a new connection's SYN or a piece of a
 * dialogue of the running connection from SOURCE-PORT, in turn, whatever comes back.  Prints how many it has sent, four
 * times a second, until it is ended.  tests/lab/test_layout.sh, test_exchange.sh.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_NS   50000
#define TELL_EVERY 5000 /* packets: about 0.25 s */

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "stream: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint32_t
sum16(const void *data, size_t n, uint32_t sum)
{
	const uint8_t *p = data;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	return n % 2 == 0 ? sum : sum + (uint32_t)(p[n - 1] << 8);
}

/* A socket for bare segments to the address; *sum gets what of the pseudo header never changes. */
static int
open_raw(const char *address, uint32_t *sum)
{
	struct addrinfo *to, hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM};
	struct sockaddr_in6 here;
	socklen_t size = sizeof(here);
	int fd;

	if (getaddrinfo(address, "9", &hints, &to) != 0)
		die(address);
	fd = socket(to->ai_family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
	((struct sockaddr_in *)(void *)to->ai_addr)->sin_port = 0;
	if (fd < 0 || connect(fd, to->ai_addr, to->ai_addrlen) < 0 ||
	    getsockname(fd, (struct sockaddr *)&here, &size) < 0)
		die("socket");
	if (to->ai_family == AF_INET) {
		*sum =
		    sum16(&((struct sockaddr_in *)(void *)to->ai_addr)->sin_addr, 4, IPPROTO_TCP);
		*sum = sum16(&((struct sockaddr_in *)(void *)&here)->sin_addr, 4, *sum);
	} else {
		*sum = sum16(
		    &((struct sockaddr_in6 *)(void *)to->ai_addr)->sin6_addr, 16, IPPROTO_TCP);
		*sum = sum16(&here.sin6_addr, 16, *sum);
	}
	freeaddrinfo(to);
	return fd;
}

int
main(int argc, char **argv)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	struct {
		struct tcphdr tcp;
		char text[6];
	} s = {.text = "NOOP\r\n"};
	uint32_t fixed, sum;
	uint16_t from;
	int fd;

	if (argc < 3) {
		fputs("usage: stream ADDRESS PORT [SOURCE-PORT]\n", stderr);
		return 2;
	}
	fd = open_raw(argv[1], &fixed);
	from = (uint16_t)(argc > 3 ? atoi(argv[3]) : 999);
	for (uint32_t i = 1;; i++) {
		size_t size = i % 2 == 0 ? sizeof(s) : sizeof(s.tcp);

		memset(&s.tcp, 0, sizeof(s.tcp));
		s.tcp.source = htons(i % 2 == 0 ? from : (uint16_t)(1024 + i / 2 % 60000));
		s.tcp.dest = htons((uint16_t)atoi(argv[2]));
		s.tcp.seq = htonl(i);
		s.tcp.doff = sizeof(s.tcp) / 4;
		s.tcp.syn = i % 2 != 0;
		s.tcp.ack = s.tcp.psh = i % 2 == 0;
		s.tcp.window = htons(64000);
		sum = sum16(&s, size, fixed + (uint32_t)size);
		sum = (sum & 0xffff) + (sum >> 16);
		s.tcp.check = htons((uint16_t) ~(sum + (sum >> 16)));
		if (send(fd, &s, size, 0) < 0 && errno != ENOBUFS && errno != EPERM &&
		    errno != EHOSTUNREACH && errno != ECONNREFUSED)
			die("send");
		if (i % TELL_EVERY == 0) {
			printf("%u\n", i);
			fflush(stdout);
		}
		nanosleep(&pause, NULL);
	}
}
