/* SPDX-License-Identifier: ISC */
/*
 * The notice responder: its words, its table, its packets, and its connections over the loopback.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "policy/responder.h"
#include "policy/responder_dialogue.h"
#include "policy/responder_feed.h"
#include "policy/responder_table.h"
#include "policy/responder_wire.h"
#include "tests/unit/scratch.h"

/* --- words ---------------------------------------------------------------------------------------
 */

static void
greets(unsigned code, const char *case_id, const char *url, const char *want)
{
	char line[RESPONDER_GREETING_MAX];
	size_t n = responder_dialogue_greet(line, code, case_id, url);

	line[n] = '\0';
	assert_string_equal(line, want);
}

static void
test_greeting(void **state)
{
	char url[300], line[RESPONDER_GREETING_MAX];

	(void)state;
	greets(554, "bh-x", "https://p.example/%s?a",
	    "554 5.7.1 outbound SMTP blocked by provider, case bh-x, https://p.example/bh-x?a\r\n");
	greets(421, "bh-x", "", "421 4.7.1 outbound SMTP blocked by provider, case bh-x\r\n");
	greets(554, "", "https://p.example/%s", "554 5.7.1 outbound SMTP blocked by provider\r\n");
	greets(554, "", "https://p.example/",
	    "554 5.7.1 outbound SMTP blocked by provider, https://p.example/\r\n");
	greets(554, "bh-x", "a\r\n250 %n",
	    "554 5.7.1 outbound SMTP blocked by provider, case bh-x, a??250 %n\r\n");
	/* The longest that the settings take still is one line. */
	memset(url, 'u', 255);
	url[255] = '\0';
	assert_in_range(responder_dialogue_greet(line, 554, "bh-0123456789", url), 300, 512);
}

static enum responder_act
says(struct responder_dialogue *d, const char *text, size_t *used)
{
	return responder_dialogue_take(d, (const uint8_t *)text, strlen(text), used);
}

static void
test_dialogue(void **state)
{
	struct responder_dialogue d = {0};
	size_t used = 0;
	char line[RESPONDER_LINE_MAX + 10];

	(void)state;
	assert_int_equal(says(&d, "EH", &used), RESPONDER_WAIT);
	assert_int_equal(says(&d, "LO a\r\nQU", &used), RESPONDER_REFUSE);
	assert_int_equal(used, 6);
	assert_int_equal(says(&d, "qu", &used), RESPONDER_WAIT);
	assert_int_equal(says(&d, "it\r\n", &used), RESPONDER_QUIT);

	/* Who goes on and on is left. */
	memset(&d, 0, sizeof(d));
	for (unsigned i = 1; i < RESPONDER_COMMANDS_MAX; i++)
		assert_int_equal(says(&d, "\n", &used), RESPONDER_REFUSE);
	assert_int_equal(says(&d, "NOOP\n", &used), RESPONDER_END);

	memset(&d, 0, sizeof(d));
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(says(&d, line, &used), RESPONDER_END);
	assert_int_equal(used, RESPONDER_LINE_MAX);
}

/* --- cases ---------------------------------------------------------------------------------------
 */

static int
take(struct responder_table *t, bool all, uint32_t first, unsigned count, const char *case_id)
{
	static struct responder_entry entries[RESPONDER_WIRE_ENTRIES_MAX];
	uint8_t packet[RESPONDER_WIRE_PACKET_MAX];

	for (unsigned i = 0; i < count; i++) {
		entries[i] = (struct responder_entry){.link = first + i};
		snprintf(entries[i].case_id, sizeof(entries[i].case_id), "%s", case_id);
	}
	return responder_table_take(t, packet, responder_wire_encode(packet, all, entries, count));
}

static void
test_table(void **state)
{
	struct responder_table *t;
	uint8_t packet[RESPONDER_WIRE_PACKET_MAX];
	struct responder_entry one = {.link = 5, .case_id = "bh-five"};
	size_t size = responder_wire_encode(packet, false, &one, 1);

	(void)state;
	assert_int_equal(responder_table_new(&t, NULL), 0);
	assert_int_equal(take(t, true, 2, 3, "bh-a"), 0);
	assert_int_equal(take(t, false, 3, 1, "bh-b"), 0);
	assert_int_equal(take(t, false, 4, 1, ""), 0);
	assert_string_equal(responder_table_case(t, 2), "bh-a");
	assert_string_equal(responder_table_case(t, 3), "bh-b");
	assert_string_equal(responder_table_case(t, 4), "");
	assert_string_equal(responder_table_case(t, 0), "");
	assert_int_equal(responder_table_count(t), 2);

	/* Nonsense changes nothing. */
	for (size_t cut = 0; cut < size; cut++)
		assert_int_equal(responder_table_take(t, packet, cut), -EBADMSG);
	packet[0]++;
	assert_int_equal(responder_table_take(t, packet, size), -EBADMSG);
	packet[0]--;
	packet[size - 1] = '\n';
	assert_int_equal(responder_table_take(t, packet, size), -EBADMSG);
	assert_int_equal(responder_table_count(t), 2);

	/* More than there is room for: what came first stays. */
	assert_int_equal(take(t, true, 1, 1, "bh-first"), 0);
	for (uint32_t link = 2; link < RESPONDER_TABLE_MAX + 4 * RESPONDER_WIRE_ENTRIES_MAX;
	     link += RESPONDER_WIRE_ENTRIES_MAX)
		assert_int_equal(take(t, false, link, RESPONDER_WIRE_ENTRIES_MAX, "bh-more"), 0);
	assert_int_equal(responder_table_count(t), RESPONDER_TABLE_MAX);
	assert_string_equal(responder_table_case(t, 1), "bh-first");
	assert_string_equal(responder_table_case(t, RESPONDER_TABLE_MAX + 500), "");
	responder_table_free(t);
}

/* --- connections
 * -------------------------------------------------------------------------------------
 */

struct fixture {
	struct responder *notice;
	struct addr addr;
	uint16_t port;
	int64_t now_ns;
};

static void
serve(struct fixture *s, const char *address, struct responder_config cfg)
{
	struct err e;

	memset(s, 0, sizeof(*s));
	s->now_ns = CLOCK_SECOND_NS;
	assert_int_equal(addr_parse(address, &s->addr), 0);
	snprintf(cfg.url, sizeof(cfg.url), "https://p.example/%%s");
	assert_int_equal(responder_new(&s->notice, &cfg, &e), 0);
	for (s->port = 20000 + (uint16_t)(getpid() % 20000);; s->port++)
		if (responder_listen(s->notice, &s->addr, s->port, &e) == 0)
			break;
}

static const struct responder_config usual = {
    .code = 554, .connections_max = 64, .per_link = 48, .lifetime_ns = 5 * CLOCK_SECOND_NS};

static void
turn(struct fixture *s)
{
	struct pollfd p = {.fd = responder_fd(s->notice), .events = POLLIN};

	for (unsigned i = 0; i < 1000 && poll(&p, 1, 50) > 0; i++)
		responder_poll(s->notice, s->now_ns);
}

static int
client(const struct fixture *s)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(s->port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(s->port)};
	bool is_v4 = addr_is_v4(&s->addr);
	int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM, 0);

	memcpy(&v6.sin6_addr, s->addr.bytes, 16);
	memcpy(&v4.sin_addr, s->addr.bytes + 12, 4);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
			     is_v4 ? sizeof(v4) : sizeof(v6)),
	    0);
	return fd;
}

/* What waits to be read; "" when it is closed, "?" when nothing is there. */
static const char *
heard(int fd)
{
	static char text[2048];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN ? "?" : "reset";
	text[n] = '\0';
	return text;
}

static void
tell_case(struct fixture *s, uint32_t link, const char *case_id)
{
	struct responder_entry one = {.link = link};
	uint8_t packet[RESPONDER_WIRE_PACKET_MAX];

	snprintf(one.case_id, sizeof(one.case_id), "%s", case_id);
	assert_int_equal(
	    responder_take_packet(s->notice, packet, responder_wire_encode(packet, true, &one, 1)),
	    0);
}

/* Over the loopback the link is the loopback's, number 1 in every namespace. */
static void
converse(const char *address)
{
	struct fixture s;
	int fd;

	serve(&s, address, usual);
	tell_case(&s, 1, "bh-loop");
	fd = client(&s);
	turn(&s);
	assert_string_equal(heard(fd), "554 5.7.1 outbound SMTP blocked by provider, case bh-loop, "
				       "https://p.example/bh-loop\r\n");
	assert_int_equal(send(fd, "EHLO a\r\nQUIT\r\n", 14, 0), 14);
	turn(&s);
	assert_string_equal(heard(fd), "503 5.5.1 blocked, see the greeting\r\n221 2.0.0 bye\r\n");
	assert_string_equal(heard(fd), "");
	assert_int_equal(responder_open_connections(s.notice), 0);
	close(fd);
	responder_free(s.notice);
}

static void
test_conversation(void **state)
{
	(void)state;
	converse("127.0.0.1");
	converse("::1");
}

static void
test_421_closes(void **state)
{
	struct responder_config cfg = usual;
	struct fixture s;
	int fd;

	(void)state;
	cfg.code = 421;
	serve(&s, "127.0.0.1", cfg);
	fd = client(&s);
	turn(&s);
	assert_string_equal(heard(fd), "421 4.7.1 outbound SMTP blocked by provider\r\n");
	assert_string_equal(heard(fd), "");
	/* What the client still says is thrown away, and it goes. */
	assert_int_equal(send(fd, "EHLO a\r\n", 8, 0), 8);
	close(fd);
	turn(&s);
	assert_int_equal(responder_open_connections(s.notice), 0);
	responder_free(s.notice);
}

static void
test_strangers_hear_nothing(void **state)
{
	struct responder_config cfg = usual;
	struct responder_counters c;
	struct fixture s;
	int fd;

	(void)state;
	cfg.redirected_only = true;
	serve(&s, "127.0.0.1", cfg);
	fd = client(&s);
	turn(&s);
	assert_string_equal(heard(fd), "");
	responder_get_counters(s.notice, &c);
	assert_int_equal(c.strangers, 1);
	assert_int_equal(c.greeted, 0);
	close(fd);
	responder_free(s.notice);
}

/* A byte now and then does not make a connection live longer. */
static void
test_slow_drip_ends(void **state)
{
	struct responder_counters c;
	struct fixture s;
	int fd;

	(void)state;
	serve(&s, "127.0.0.1", usual);
	fd = client(&s);
	turn(&s);
	(void)heard(fd);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(send(fd, "E", 1, 0), 1);
		turn(&s);
		s.now_ns += CLOCK_SECOND_NS;
		responder_tick(s.notice, s.now_ns);
		assert_int_equal(responder_open_connections(s.notice), 1);
	}
	s.now_ns += CLOCK_SECOND_NS;
	responder_tick(s.notice, s.now_ns);
	assert_int_equal(responder_open_connections(s.notice), 0);
	responder_get_counters(s.notice, &c);
	assert_int_equal(c.timed_out, 1);
	close(fd);
	responder_free(s.notice);
}

/* Beyond the limit of a link, and of all: greeted, and not listened to. */
static void
limits(unsigned connections_max, unsigned per_link, unsigned kept)
{
	struct responder_config cfg = usual;
	struct responder_counters c;
	struct fixture s;
	int fds[40];

	cfg.connections_max = connections_max;
	cfg.per_link = per_link;
	serve(&s, "127.0.0.1", cfg);
	for (unsigned i = 0; i < 40; i++)
		fds[i] = client(&s);
	turn(&s);
	assert_int_equal(responder_open_connections(s.notice), kept);
	responder_get_counters(s.notice, &c);
	assert_int_equal(c.greeted, 40);
	assert_int_equal(c.over_limit, 40 - kept);
	for (unsigned i = 0; i < 40; i++) {
		assert_memory_equal(heard(fds[i]), "554 5.7.1 ", 10);
		assert_string_equal(heard(fds[i]), i < kept ? "?" : "");
	}
	for (unsigned i = 0; i < 40; i++)
		close(fds[i]);
	turn(&s);
	assert_int_equal(responder_open_connections(s.notice), 0);
	responder_free(s.notice);
}

static void
test_limits(void **state)
{
	(void)state;
	limits(64, 16, 16);
	limits(24, 64, 24);
}

/* Rubbish, endless lines, half-closed and aborted connections: nobody is left, nothing is lost. */
static void
test_rubbish(void **state)
{
	struct fixture s;
	char junk[8192];

	(void)state;
	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = (char)(i * 7 + 1);
	serve(&s, "127.0.0.1", usual);
	for (unsigned i = 0; i < 200; i++) {
		struct linger abort = {1, 0};
		int fd = client(&s);

		(void)!send(fd, junk, i * 40 + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		turn(&s);
		if (i % 3 == 0)
			(void)shutdown(fd, SHUT_WR);
		if (i % 3 == 1)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
		close(fd);
	}
	turn(&s);
	s.now_ns += CLOCK_MINUTE_NS;
	responder_tick(s.notice, s.now_ns);
	assert_int_equal(responder_open_connections(s.notice), 0);
	responder_free(s.notice);
}

static long
resident_kib(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long pages = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*d %ld", &pages), 1);
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Thousands at once, in memory that was there at the start. */
static void
test_thousands(void **state)
{
	struct responder_config cfg = usual;
	struct rlimit limit;
	struct fixture s;
	static int fds[4096];
	unsigned count;
	long before;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	count = limit.rlim_cur > 8400 ? 4096 : (unsigned)limit.rlim_cur / 2 - 64;
	cfg.connections_max = cfg.per_link = count;
	serve(&s, "127.0.0.1", cfg);
	before = resident_kib();
	for (unsigned i = 0; i < count; i++) {
		fds[i] = client(&s);
		if (i % 200 == 199)
			turn(&s);
	}
	turn(&s);
	assert_int_equal(responder_open_connections(s.notice), count);
	print_message("%u connections at once, %ld KiB more\n", count, resident_kib() - before);
	assert_true(resident_kib() - before < 1024);
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
	turn(&s);
	assert_int_equal(responder_open_connections(s.notice), 0);
	responder_free(s.notice);
}

/* --- from the guard
 * ----------------------------------------------------------------------------------
 */

static void
test_feed(void **state)
{
	struct plan_element lo = {.set = PLAN_SET_BLOCKED, .ifname = "lo", .case_id = "bh-feed"};
	struct plan_element none = {.set = PLAN_SET_BLOCKED, .ifname = "nosuch0"};
	struct responder_feed *f;
	struct plan plan;
	struct fixture s;
	char path[128];
	struct err e;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/notice.sock", scratch);
	serve(&s, "127.0.0.1", usual);
	assert_int_equal(responder_set_feed(s.notice, path), 0);
	responder_tick(s.notice, s.now_ns);
	assert_int_equal(responder_known_links(s.notice), -1);
	assert_int_equal(responder_feed_open(&f, path, &e), 0);
	responder_tick(s.notice, s.now_ns);
	assert_true(responder_feed_poll(f));
	assert_int_equal(responder_feed_clients(f), 1);

	plan_init(&plan);
	assert_int_equal(plan_add(&plan, &lo), 0);
	assert_int_equal(plan_add(&plan, &none), 0);
	plan_finish(&plan);
	responder_feed_put_all(f, &plan);
	turn(&s);
	assert_int_equal(responder_known_links(s.notice), 1);
	fd = client(&s);
	turn(&s);
	assert_non_null(strstr(heard(fd), "case bh-feed"));
	close(fd);
	responder_feed_put(f, &lo, 1, false);
	turn(&s);
	assert_int_equal(responder_known_links(s.notice), 0);
	responder_feed_put(f, &lo, 1, true);
	turn(&s);
	assert_int_equal(responder_known_links(s.notice), 1);
	plan_fini(&plan);

	/* The guard goes and comes: what was known holds. */
	responder_feed_close(f);
	turn(&s);
	assert_int_equal(responder_known_links(s.notice), -1);
	fd = client(&s);
	turn(&s);
	assert_non_null(strstr(heard(fd), "case bh-feed"));
	close(fd);
	assert_int_equal(responder_feed_open(&f, path, &e), 0);
	responder_tick(s.notice, s.now_ns);
	assert_true(responder_feed_poll(f));
	responder_free(s.notice);
	assert_false(responder_feed_poll(f));
	assert_int_equal(responder_feed_clients(f), 0);
	responder_feed_close(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_greeting),
	    cmocka_unit_test(test_dialogue),
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_conversation),
	    cmocka_unit_test(test_421_closes),
	    cmocka_unit_test(test_strangers_hear_nothing),
	    cmocka_unit_test(test_slow_drip_ends),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_rubbish),
	    cmocka_unit_test(test_thousands),
	    cmocka_unit_test(test_feed),
	};

	log_init("test_notice", LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
