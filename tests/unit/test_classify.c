/* SPDX-License-Identifier: ISC */
/*
 * nDPI behind its wall: names what it should, never guesses, never holds more flows than its pool.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/classify.h"
#include "tests/unit/tls_stream.h"

#define SECOND_NS  INT64_C(1000000000)
#define PACKET_MAX 2048
#define PORT_SMTP  25

enum side { CLIENT, SERVER };

struct line {
	enum side side;
	const char *text;
};

/* An IPv4 and TCP header and the payload; returns bytes. */
static uint32_t
packet_make(uint8_t out[PACKET_MAX], enum side side, const void *payload, size_t n)
{
	uint16_t total = (uint16_t)(40 + n);
	uint16_t ports[2] = {40000, PORT_SMTP};
	uint16_t from = ports[side == CLIENT ? 0 : 1], to = ports[side == CLIENT ? 1 : 0];

	assert_true(n <= PACKET_MAX - 40);
	memset(out, 0, 40);
	out[0] = 0x45;
	out[2] = (uint8_t)(total >> 8);
	out[3] = (uint8_t)total;
	out[8] = 64;
	out[9] = 6;
	memcpy(out + 12, side == CLIENT ? "\x0a\0\0\1\xc0\0\2\1" : "\xc0\0\2\1\x0a\0\0\1", 8);
	out[20] = (uint8_t)(from >> 8);
	out[21] = (uint8_t)from;
	out[22] = (uint8_t)(to >> 8);
	out[23] = (uint8_t)to;
	out[27] = 1; /* sequence number */
	out[32] = 0x50;
	out[33] = 0x18;
	memcpy(out + 40, payload, n);
	return total;
}

/* Feeds up to n lines; the verdict or NULL. */
static const char *
feed(struct classify *c, int *slot, const struct line *lines, unsigned n)
{
	const char *name = NULL;

	for (unsigned i = 0; i < n && name == NULL; i++) {
		uint8_t *packet = malloc(PACKET_MAX), *exact;
		uint32_t size;

		assert_non_null(packet);
		size = packet_make(packet, lines[i].side, lines[i].text, strlen(lines[i].text));
		exact = realloc(packet, size); /* an over-read trips the sanitizer */
		assert_non_null(exact);
		name = classify_packet(c, slot, exact, size, (int64_t)(i + 1) * SECOND_NS);
		free(exact);
	}
	return name;
}

static void
test_names(void **state)
{
	static const struct {
		const char *name;
		struct line lines[4];
	} rows[] = {
	    {"ssh", {{SERVER, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"},
			{CLIENT, "SSH-2.0-OpenSSH_9.2\r\n"}}},
	    {"http", {{CLIENT, "GET / HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: "
			       "x\r\nAccept: */*\r\n\r\n"},
			 {SERVER, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: "
				  "2\r\n\r\nhi"}}},
	    {"smtp", {{SERVER, "220 mx.example.org ESMTP Postfix\r\n"},
			 {CLIENT, "EHLO a.example.org\r\n"},
			 {SERVER, "250-mx.example.org\r\n250-PIPELINING\r\n250 8BITMIME\r\n"},
			 {CLIENT, "MAIL FROM:<a@example.org>\r\n"}}},
	};
	struct classify *c = NULL;

	(void)state;
	assert_int_equal(classify_new(&c, 4, NULL), 0);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int slot = classify_take(c);
		unsigned n = 0;
		const char *name;

		assert_int_not_equal(slot, CLASSIFY_NONE);
		while (n < 4 && rows[i].lines[n].text != NULL)
			n++;
		name = feed(c, &slot, rows[i].lines, n);
		assert_non_null(name);
		assert_string_equal(name, rows[i].name);
		assert_int_equal(slot, CLASSIFY_NONE);
	}
	classify_free(c);
}

/* Noise on port 25 is not SMTP, and takes at most CLASSIFY_PACKETS_MAX packets. */
static void
test_no_guess(void **state)
{
	struct classify *c = NULL;
	struct classify_stats stats;
	char noise[400];
	uint32_t seed = 7;

	(void)state;
	assert_int_equal(classify_new(&c, 1, NULL), 0);
	for (unsigned round = 0; round < 50; round++) {
		int slot = classify_take(c);
		const char *name = NULL;
		unsigned packets = 0;

		assert_int_not_equal(slot, CLASSIFY_NONE);
		while (name == NULL && packets <= CLASSIFY_PACKETS_MAX) {
			uint8_t packet[PACKET_MAX];

			for (unsigned k = 0; k < sizeof(noise); k++) {
				seed = seed * 1664525 + 1013904223;
				noise[k] = (char)(seed >> 24 | 0x80);
			}
			name = classify_packet(c, &slot, packet,
			    packet_make(
				packet, packets % 2 ? SERVER : CLIENT, noise, sizeof(noise)),
			    SECOND_NS);
			packets++;
		}
		assert_non_null(name);
		assert_string_not_equal(name, "smtp");
		assert_in_range(packets, 1, CLASSIFY_PACKETS_MAX);
		assert_int_equal(slot, CLASSIFY_NONE);
	}
	classify_get_stats(c, &stats);
	assert_int_equal(stats.flows_live, 0);
	assert_int_equal(stats.named + stats.unknown, 50);
	classify_free(c);
}

/* Large packets end it before the tenth. */
static void
test_byte_bound(void **state)
{
	static char zeroes[PACKET_MAX - 40];
	struct classify *c = NULL;
	uint8_t packet[PACKET_MAX];
	unsigned packets = 0;
	const char *name = NULL;
	int slot;

	(void)state;
	assert_int_equal(classify_new(&c, 1, NULL), 0);
	slot = classify_take(c);
	while (name == NULL) {
		name = classify_packet(c, &slot, packet,
		    packet_make(packet, CLIENT, zeroes, sizeof(zeroes)), SECOND_NS);
		packets++;
		assert_true(packets < 100);
	}
	assert_int_equal(packets, CLASSIFY_BYTES_MAX / PACKET_MAX);
	classify_free(c);
}

static void
test_pool(void **state)
{
	struct classify *c = NULL;
	struct classify_stats stats;
	int slots[8], again;
	uint8_t packet[64];

	(void)state;
	assert_int_equal(classify_new(&c, 8, NULL), 0);
	for (unsigned i = 0; i < 8; i++) {
		slots[i] = classify_take(c);
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(slots[i], slots[k]);
	}
	assert_int_equal(classify_take(c), CLASSIFY_NONE);
	classify_get_stats(c, &stats);
	assert_int_equal(stats.refused, 1);
	assert_int_equal(stats.flows_live, 8);
	classify_release(c, slots[3]);
	classify_release(c, slots[3]); /* twice is harmless */
	classify_release(c, CLASSIFY_NONE);
	classify_release(c, 8);
	classify_release(NULL, 0);
	classify_get_stats(c, &stats);
	assert_int_equal(stats.flows_live, 7);
	again = classify_take(c);
	assert_int_equal(again, slots[3]);
	classify_release(c, again);

	/* A slot that is not taken. */
	memset(packet, 0, sizeof(packet));
	again = slots[3];
	assert_string_equal(classify_packet(c, &again, packet, sizeof(packet), 0), "");
	assert_int_equal(again, CLASSIFY_NONE);
	assert_string_equal(classify_packet(c, &again, packet, sizeof(packet), 0), "");
	classify_free(c); /* with seven live flows: the sanitizer counts */
	classify_free(NULL);
}

/* Headers that lie, packets that are cut, empty ones. */
static void
test_bad_packets(void **state)
{
	struct classify *c = NULL;
	uint8_t packet[PACKET_MAX];
	uint32_t seed = 3;

	(void)state;
	assert_int_equal(classify_new(&c, 1, NULL), 0);
	for (unsigned round = 0; round < 2000; round++) {
		int slot = classify_take(c);
		const char *name = NULL;

		assert_int_not_equal(slot, CLASSIFY_NONE);
		while (name == NULL) {
			uint32_t size = packet_make(packet, CLIENT, "SSH-2.0-x\r\n", 11);
			uint8_t *exact;

			seed = seed * 1664525 + 1013904223;
			packet[(seed >> 8) % size] = (uint8_t)(seed >> 24);
			size = (seed & 3) == 0 ? (seed >> 4) % (size + 1) : size;
			exact = malloc(size > 0 ? size : 1);
			assert_non_null(exact);
			memcpy(exact, packet, size);
			name = classify_packet(c, &slot, exact, size, -1);
			free(exact);
		}
	}
	classify_free(c);
}

/* nDPI collects TLS over several packets: what it holds must go with the slot, decided or not. */
static void
test_tls_pieces(void **state)
{
	static struct stream_text hello;
	struct classify *c = NULL;
	uint8_t packet[PACKET_MAX];
	uint32_t seed = 5;

	(void)state;
	assert_int_equal(classify_new(&c, 1, NULL), 0);
	for (unsigned round = 0; round < 2000; round++) {
		int slot = classify_take(c);
		const char *name = NULL;
		size_t at = 0, cut;

		hello.n = 0;
		stream_client_hello(&hello, "mx.example.org");
		seed = seed * 1664525 + 1013904223;
		if (round % 2 == 1)
			hello.bytes[(seed >> 8) % hello.n] = (uint8_t)(seed >> 24);
		cut = 1 + (seed >> 4) % hello.n;
		while (name == NULL && at < hello.n) {
			size_t n = hello.n - at < cut ? hello.n - at : cut;

			name = classify_packet(c, &slot, packet,
			    packet_make(packet, CLIENT, hello.bytes + at, n), SECOND_NS);
			at += n;
		}
		classify_release(c, slot);
	}
	classify_free(c);
}

static void
test_arguments(void **state)
{
	struct classify *c = NULL;
	struct err e = {0};

	(void)state;
	assert_int_equal(classify_new(&c, 0, &e), -EINVAL);
	assert_true(e.text[0] != '\0');
	assert_int_equal(classify_new(&c, 65536, &e), -EINVAL);
	assert_null(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_no_guess),
	    cmocka_unit_test(test_byte_bound),
	    cmocka_unit_test(test_pool),
	    cmocka_unit_test(test_bad_packets),
	    cmocka_unit_test(test_tls_pieces),
	    cmocka_unit_test(test_arguments),
	};

	return cmocka_run_group_tests_name("classify", tests, NULL, NULL);
}
