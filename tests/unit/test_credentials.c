/* SPDX-License-Identifier: ISC */
/*
 * What nDPI is given of sessions that log in: a spy stands in place of classify_packet() (the linker's --wrap, see
 * tests.mk) and searches every byte that is handed over for the secret.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sensor/classify.h"
#include "sensor/sensor.h"
#include "tests/gen/smtpgen.h"

#define START_NS (INT64_C(1770026400) * CLOCK_SECOND_NS)
#define SECRET	 "c2VjcmV0" /* base64 of "secret" */
#define PLAIN	 "AHUAc2VjcmV0"

/* The linker's names for the wall of classify.c and for the spy before it. */
const char *__real_classify_packet(
    struct classify *c, int *slot, const void *l3, uint32_t bytes, int64_t time_ns);
const char *__wrap_classify_packet(
    struct classify *c, int *slot, const void *l3, uint32_t bytes, int64_t time_ns);

static struct {
	struct packet packets[400];
	unsigned count;
	uint8_t told[65536]; /* payloads that were handed over, one after the other */
	size_t told_bytes;
	char protocol[32];
} run;

const char *
__wrap_classify_packet(
    struct classify *c, int *slot, const void *l3, uint32_t bytes, int64_t time_ns)
{
	const uint8_t *ip = l3;
	uint32_t headers = 20 + (uint32_t)(ip[32] >> 4) * 4;

	assert_int_equal(ip[0], 0x45);
	assert_true(headers < bytes && run.told_bytes + bytes < sizeof(run.told));
	memcpy(run.told + run.told_bytes, ip + headers, bytes - headers);
	run.told_bytes += bytes - headers;
	return __real_classify_packet(c, slot, l3, bytes, time_ns);
}

static void
collect(void *arg, const struct packet *packet)
{
	uint8_t *copy = malloc(packet->caplen);

	(void)arg;
	assert_true(run.count < sizeof(run.packets) / sizeof(run.packets[0]));
	memcpy(copy, packet->data, packet->caplen);
	run.packets[run.count] = *packet;
	run.packets[run.count++].data = copy;
}

static void
see(void *arg, const struct observation *obs)
{
	(void)arg;
	if (obs->kind == OBS_SESSION_END)
		strncpy(run.protocol, obs->u.end.protocol, sizeof(run.protocol) - 1);
}

struct line {
	enum gen_side side;
	const char *text;
};
#define C GEN_CLIENT
#define S GEN_SERVER

/* The packets of a dialogue, in pieces of `mss` bytes. */
static void
speak(const struct line *lines, unsigned mss)
{
	struct gen_path path;
	struct gen *g = gen_new(7, GEN_LINK_ETHERNET, 0);

	memset(&run, 0, sizeof(run));
	gen_set_callback(g, collect, NULL);
	gen_path_init(&path, addr_from_v4((const uint8_t[]){10, 0, 0, 1}),
	    addr_from_v4((const uint8_t[]){192, 0, 2, 25}), START_NS);
	path.mss = mss;
	struct gen_tcp *t = gen_tcp_new(g, &path);
	gen_tcp_handshake(t);
	for (; lines->text != NULL; lines++)
		gen_tcp_send(t, lines->side, lines->text, strlen(lines->text));
	gen_tcp_close(t, GEN_CLIENT);
	gen_flush(g, INT64_MAX);
	gen_tcp_free(t);
	gen_free(g);
}

/* The number of the packet that holds this text. */
static unsigned
packet_with(const char *text)
{
	for (unsigned i = 0; i < run.count; i++)
		if (memmem(run.packets[i].data, run.packets[i].caplen, text, strlen(text)) != NULL)
			return i;
	fail_msg("no packet holds %s", text);
	return 0;
}

static void
feed(void)
{
	struct sensor_config cfg;
	struct sensor *s;
	struct err e;

	sensor_config_init(&cfg);
	cfg.flows_max = 64;
	assert_int_equal(sensor_new(&s, &cfg, see, NULL, &e), 0);
	for (unsigned i = 0; i < run.count; i++)
		sensor_packets(s, &run.packets[i], 1);
	sensor_finish(s, START_NS + CLOCK_MINUTE_NS);
	sensor_free(s);
	for (unsigned i = 0; i < run.count; i++)
		free((void *)(uintptr_t)run.packets[i].data);
}

static bool
was_told(const char *text)
{
	return memmem(run.told, run.told_bytes, text, strlen(text)) != NULL;
}

/* nDPI was asked about the session, and got what came before the login, but nothing of the secret. */
static void
expect_kept(const char *before)
{
	feed();
	assert_true(was_told(before));
	assert_false(was_told(SECRET));
	assert_false(was_told("cmV0"));
	assert_false(was_told("secret"));
}

static const struct line plain[] = {{S, "* hello, stranger\r\n"}, {C, "XYZZY one\r\n"},
    {S, "what?\r\n"}, {C, "AUTH PLAIN " PLAIN "\r\n"}, {S, "235 fine\r\n"},
    {C, SECRET " again\r\n"}, {0, NULL}};
static const struct line login[] = {{S, "* hello, stranger\r\n"}, {C, "XYZZY one\r\n"},
    {S, "what?\r\n"}, {C, "auth login\r\n"}, {S, "334 VXNlcm5hbWU6\r\n"}, {C, "dXNlcg==\r\n"},
    {S, "334 UGFzc3dvcmQ6\r\n"}, {C, SECRET "\r\n"}, {S, "535 no\r\n"}, {C, SECRET "\r\n"},
    {0, NULL}};

static void
initial_response(void **state)
{
	(void)state;
	speak(plain, 1460);
	expect_kept("XYZZY one");
	assert_false(was_told("AUTH"));
}

static void
login_dialogue(void **state)
{
	(void)state;
	speak(login, 1460);
	expect_kept("XYZZY one");
	assert_false(was_told("dXNlcg"));
}

/* However the bytes fall into packets. */
static void
in_pieces(void **state)
{
	(void)state;
	for (unsigned mss = 1; mss <= 24; mss++) {
		speak(plain, mss);
		expect_kept("*");
		speak(login, mss);
		expect_kept("*");
	}
}

/* The word and its argument in two packets: they come in the wrong order, or one twice with other bytes. */
static void
out_of_order(void **state)
{
	static const struct line lines[] = {{S, "* hello, stranger\r\n"}, {C, "XYZZY one\r\nAU"},
	    {C, "TH PLAIN " PLAIN "\r\n"}, {C, SECRET "\r\n"}, {0, NULL}};

	(void)state;
	speak(lines, 1460);
	unsigned a = packet_with("XYZZY"), b = packet_with("TH PLAIN");
	struct packet first = run.packets[a];
	run.packets[a] = run.packets[b];
	run.packets[b] = first;
	expect_kept("* hello");
	speak(lines, 1460);
	unsigned again = packet_with("XYZZY");
	uint8_t *bytes = malloc(run.packets[again].caplen);
	memcpy(bytes, run.packets[again].data, run.packets[again].caplen);
	memcpy(bytes + run.packets[again].caplen - 10, SECRET, 8);
	memmove(&run.packets[again + 2], &run.packets[again + 1],
	    (run.count++ - again - 1) * sizeof(run.packets[0]));
	run.packets[again + 1] = run.packets[again];
	run.packets[again + 1].data = bytes;
	expect_kept("XYZZY one");
}

/* The word is not in the capture: it was lost, or cut away behind the head of its packet. */
static void
word_is_missing(void **state)
{
	(void)state;
	speak(login, 1460);
	unsigned lost = packet_with("auth login");
	free((void *)(uintptr_t)run.packets[lost].data);
	memmove(&run.packets[lost], &run.packets[lost + 1],
	    (--run.count - lost) * sizeof(run.packets[0]));
	expect_kept("XYZZY one");
	speak(login, 1460);
	run.packets[packet_with("auth login")].caplen -= 11;
	expect_kept("XYZZY one");
}

static void
other_protocols(void **state)
{
	static const struct line imap[] = {{S, "* OK IMAP4 ready\r\n"}, {C, "a1 CAPABILITY\r\n"},
	    {S, "* CAPABILITY IMAP4rev1\r\na1 OK\r\n"}, {C, "a2 Login user " SECRET "\r\n"},
	    {0, NULL}};
	static const struct line pop[] = {{S, "+OK POP3 ready\r\n"}, {C, "USER tom\r\n"},
	    {S, "+OK\r\n"}, {C, "pass " SECRET "\r\n"}, {0, NULL}};
	static const struct line http[] = {{S, "* hello, stranger\r\n"},
	    {C, "GET / HTTP/1.1\r\nHost: a.example\r\n"},
	    {C, "Authorization: Basic " SECRET "\r\n\r\n"}, {0, NULL}};

	(void)state;
	speak(imap, 1460);
	expect_kept("a1 CAPABILITY");
	speak(pop, 1460);
	expect_kept("USER tom");
	speak(http, 1460);
	expect_kept("GET /");
}

/* The spy is where it should be: without a login everything comes through it, and nDPI says what it was. */
static void
without_login(void **state)
{
	static const struct line talk[] = {
	    {S, "* hello, stranger\r\n"}, {C, "XYZZY " SECRET "\r\n"}, {0, NULL}};
	static const struct line ssh[] = {{S, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"},
	    {C, "SSH-2.0-OpenSSH_9.2\r\n"}, {0, NULL}};

	(void)state;
	speak(talk, 1460);
	feed();
	assert_true(was_told(SECRET));
	speak(ssh, 1460);
	feed();
	assert_true(was_told("SSH-2.0"));
	assert_string_equal(run.protocol, "ssh");
}

/* Mail is never shown to nDPI from its first recognised word on. */
static void
mail_is_not_shown(void **state)
{
	static const struct line mail[] = {{S, "220 mx.example ESMTP\r\n"},
	    {C, "EHLO vm.example\r\n"}, {S, "250-mx.example\r\n250 AUTH PLAIN LOGIN\r\n"},
	    {C, "AUTH PLAIN " PLAIN "\r\n"}, {S, "235 fine\r\n"}, {0, NULL}};

	(void)state;
	speak(mail, 1460);
	feed();
	assert_int_equal(run.told_bytes, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(initial_response),
	    cmocka_unit_test(login_dialogue), cmocka_unit_test(in_pieces),
	    cmocka_unit_test(out_of_order), cmocka_unit_test(word_is_missing),
	    cmocka_unit_test(other_protocols), cmocka_unit_test(without_login),
	    cmocka_unit_test(mail_is_not_shown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
