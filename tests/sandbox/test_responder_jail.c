/* SPDX-License-Identifier: ISC */
/*
 * The whole jail of the responder, in the order in which its main closes it: it serves inside, and
 * the ways out are shut.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/sandbox.h"
#include "policy/responder.h"
#include "policy/responder_feed.h"
#include "tests/sandbox/jail.h"

static int
jail(void)
{
	struct sandbox_user user;
	bool landlocked;

	return sandbox_find_user("", &user, NULL) != 0 || sandbox_drop(&user, 0, NULL) != 0 ||
	       sandbox_landlock(NULL, &landlocked, NULL) != 0 ||
	       sandbox_seccomp(SANDBOX_RESPONDER, NULL) != 0;
}

static void
turn(struct responder *n)
{
	struct pollfd p = {.fd = responder_fd(n), .events = POLLIN};

	for (unsigned i = 0; i < 100 && poll(&p, 1, 50) > 0; i++)
		responder_poll(n, CLOCK_SECOND_NS);
}

/* A client that was connected before the jail, and the guard, which comes and goes. */
static int
serve_in_jail(void *arg)
{
	struct responder_config cfg = {
	    .code = 554, .connections_max = 8, .per_link = 8, .lifetime_ns = CLOCK_MINUTE_NS};
	struct sockaddr_in to = {.sin_family = AF_INET};
	int client = socket(AF_INET, SOCK_STREAM, 0);
	char text[600] = "", path[64];
	struct responder *n;
	struct addr lo;

	(void)arg;
	snprintf(path, sizeof(path), "%s/notice.sock", scratch);
	to.sin_port = htons((uint16_t)(20000 + getpid() % 20000));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (addr_parse("127.0.0.1", &lo) != 0 || responder_new(&n, &cfg, NULL) != 0 ||
	    responder_listen(n, &lo, ntohs(to.sin_port), NULL) != 0 ||
	    responder_set_feed(n, path) != 0 ||
	    connect(client, (struct sockaddr *)&to, sizeof(to)) != 0)
		return 1;
	if (jail() != 0)
		return 2;
	if (getuid() == 0 || open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)
		return 3;
	responder_tick(n, CLOCK_SECOND_NS); /* reconnects to the guard's socket */
	if (responder_known_links(n) != 0)
		return 4;
	turn(n);
	if (send(client, "EHLO a\r\nQUIT\r\n", 14, 0) != 14)
		return 5;
	turn(n);
	for (size_t used = 0; used < sizeof(text) - 1;) {
		ssize_t got = recv(client, text + used, sizeof(text) - 1 - used, 0);

		if (got <= 0)
			break;
		used += (size_t)got;
	}
	if (strncmp(text, "554 5.7.1 ", 10) != 0 || strstr(text, "\r\n221 ") == NULL)
		return 6;
	responder_tick(n, 2 * CLOCK_MINUTE_NS);
	responder_free(n);
	return 0;
}

static void
test_serves_in_its_jail(void **state)
{
	struct responder_feed *feed;
	struct err e;
	char path[64];

	(void)state;
	need_real_jail();
	need_root();
	chmod(scratch, 0755);
	snprintf(path, sizeof(path), "%s/notice.sock", scratch);
	assert_int_equal(responder_feed_open(&feed, path, &e), 0);
	assert_int_equal(run(serve_in_jail, NULL), 0);
	responder_feed_close(feed);
	unlink(path);
}

enum escape { NEW_TCP, LISTEN, EXEC, SEND_TO, FORK, SIGNAL, ESCAPE__COUNT };

static int
escape(void *arg)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(25)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (jail() != 0)
		return 1;
	switch (*(enum escape *)arg) {
	case NEW_TCP:
		return socket(AF_INET, SOCK_STREAM, 0) >= 0;
	case LISTEN:
		return listen(fd, 1);
	case EXEC:
		return execl("/bin/true", "true", (char *)NULL);
	case SEND_TO:
		return (int)sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
	case FORK:
		return fork() > 0;
	case SIGNAL:
		return kill(getppid(), 0);
	case ESCAPE__COUNT:
		break;
	}
	return 0;
}

static void
test_ways_out_are_shut(void **state)
{
	(void)state;
	need_real_jail();
	need_root();
	for (enum escape e = 0; e < ESCAPE__COUNT; e++)
		assert_int_equal(run(escape, &e), KILLED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_serves_in_its_jail),
	    cmocka_unit_test(test_ways_out_are_shut),
	};

	return cmocka_run_group_tests(tests, jail_set_up, scratch_remove);
}
