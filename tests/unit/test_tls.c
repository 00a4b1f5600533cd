/* SPDX-License-Identifier: ISC */
/*
 * Record walker and hellos: cut anywhere, truncated, lost, hostile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <cmocka.h>

#include "sensor/tls.h"
#include "sensor/tls_hello.h"
#include "tests/unit/tls_stream.h"

static union {
	uint64_t align;
	uint8_t bytes[TLS_STATE_BYTES_MAX];
} pool;
static struct tls *const tls = (struct tls *)&pool;

static const struct tls_hints no_hints = {.port = 25, .starttls = true};

static const enum tls_dir C = TLS_FROM_CLIENT, S = TLS_FROM_SERVER;

/* One turn of a session, in plaintext bytes. */
struct turn {
	enum { CLIENT, SERVER } by;
	unsigned bytes;
};

/* EHLO, MAIL, RCPT, DATA, a body of 3000, QUIT against Postfix. */
static const struct turn one_message[] = {{CLIENT, 24}, {SERVER, 150}, {CLIENT, 45}, {SERVER, 14},
    {CLIENT, 35}, {SERVER, 14}, {CLIENT, 6}, {SERVER, 37}, {CLIENT, 3000}, {SERVER, 40},
    {CLIENT, 6}, {SERVER, 15}};
#define TURNS(t) (t), sizeof(t) / sizeof((t)[0])

struct wire {
	unsigned version, cipher, overhead, finished;
	size_t chunk;	/* bytes per segment */
	size_t snaplen; /* bytes of a segment that are captured */
};

static const struct wire tls13 = {0x0304, 0x1302, 17, 52, 1448, 1448};
static const struct wire tls12_gcm = {0x0303, 0xc02f, 24, 0, 1448, 1448};

static unsigned
send_stream(const struct wire *w, enum tls_dir dir, const struct stream_text *s)
{
	unsigned events = 0;

	for (size_t at = 0; at < s->n; at += w->chunk) {
		size_t n = s->n - at < w->chunk ? s->n - at : w->chunk;
		size_t seen = n < w->snaplen ? n : w->snaplen;

		tls_segment(tls, dir);
		events |= tls_data(tls, dir, s->bytes + at, seen);
		events |= tls_skip(tls, dir, n - seen);
	}
	return events;
}

static void
handshake(const struct wire *w)
{
	struct stream_text client = {.n = 0}, server = {.n = 0}, finished = {.n = 0};

	stream_client_hello(&client, "mx.example.org");
	stream_server_hello(&server, w->version, w->cipher, false);
	assert_true((send_stream(w, C, &client) & TLS_EVENT_HELLO) != 0);
	if (w->version == 0x0304) {
		stream_opaque(&server, 20, 1);
		stream_opaque(&server, 23, 900); /* certificate and the rest, encrypted */
		stream_opaque(&server, 23, 300);
		stream_opaque(&finished, 20, 1);
		stream_opaque(&finished, 23, w->finished + w->overhead);
	} else {
		stream_opaque(&server, 22, 900);
		stream_opaque(&server, 22, 4);
		stream_opaque(&finished, 22, 70);
		stream_opaque(&finished, 20, 1);
		stream_opaque(&finished, 22, 40);
	}
	send_stream(w, S, &server);
	send_stream(w, C, &finished);
	server.n = 0;
	if (w->version == 0x0304) {
		stream_opaque(&server, 23, 250); /* tickets */
		stream_opaque(&server, 23, 250);
	} else {
		stream_opaque(&server, 20, 1);
		stream_opaque(&server, 22, 40);
	}
	assert_int_equal(send_stream(w, S, &server), 0);
}

static struct tls_estimate
talk(const struct wire *w, const struct turn *turns, size_t n)
{
	struct tls_estimate out;

	for (size_t i = 0; i < n; i++) {
		struct stream_text text = {.n = 0};

		stream_opaque(&text, 23, turns[i].bytes + w->overhead);
		send_stream(w, turns[i].by == CLIENT ? C : S, &text);
	}
	tls_estimate_get(tls, &out);
	return out;
}

static void
test_hello(void **state)
{
	static const size_t cuts[] = {1, 2, 3, 7, 100, 5000};
	char id[TLS_CLIENT_ID_BYTES];

	(void)state;
	for (unsigned i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct wire w = tls13;

		w.chunk = w.snaplen = cuts[i];
		tls_init(tls, &no_hints);
		assert_string_equal(tls_sni(tls), "");
		tls_client_id(tls, id);
		assert_string_equal(id, "");
		assert_int_equal(tls_version(tls), 0);
		handshake(&w);
		assert_string_equal(tls_sni(tls), "mx.example.org");
		tls_client_id(tls, id);
		assert_string_equal(id, STREAM_CLIENT_ID);
		assert_int_equal(tls_version(tls), 0x0304);
		assert_int_equal(tls_cipher(tls), 0x1302);
	}
}

/* A handshake message may be spread over several records. */
static void
test_hello_fragmented(void **state)
{
	struct stream_text message = {.n = 0}, text = {.n = 0};
	char id[TLS_CLIENT_ID_BYTES];

	(void)state;
	stream_client_hello_message(&message, "a.example");
	for (size_t at = 0; at < message.n; at += 40) {
		size_t n = message.n - at < 40 ? message.n - at : 40;

		stream_record(&text, 22, n);
		memcpy(text.bytes + text.n, message.bytes + at, n);
		text.n += n;
	}
	tls_init(tls, &no_hints);
	assert_int_equal(tls_data(tls, C, text.bytes, text.n), TLS_EVENT_HELLO);
	tls_client_id(tls, id);
	assert_string_equal(id, STREAM_CLIENT_ID);
	assert_string_equal(tls_sni(tls), "a.example");
}

static void
test_hello_names(void **state)
{
	struct stream_text text = {.n = 0};
	char name[201];

	(void)state;
	memset(name, 'a', 200);
	memcpy(name + 188, ".example.org", 13);
	stream_client_hello(&text, name);
	tls_init(tls, &no_hints);
	tls_data(tls, C, text.bytes, text.n);
	assert_int_equal(strlen(tls_sni(tls)), TLS_SNI_BYTES - 1);
	assert_string_equal(tls_sni(tls) + TLS_SNI_BYTES - 1 - 12, ".example.org");

	text.n = 0;
	stream_client_hello(&text, "a\x1b[31m\xff b");
	tls_init(tls, &no_hints);
	tls_data(tls, C, text.bytes, text.n);
	assert_string_equal(tls_sni(tls), "a?[31m??b");
}

static void
test_hello_retry(void **state)
{
	struct stream_text text = {.n = 0};

	(void)state;
	tls_init(tls, &no_hints);
	stream_client_hello(&text, "mx.example.org");
	tls_data(tls, C, text.bytes, text.n);
	text.n = 0;
	stream_server_hello(&text, 0x0304, 0x1301, true);
	tls_data(tls, S, text.bytes, text.n);
	assert_int_equal(tls_version(tls), 0);
	text.n = 0;
	stream_client_hello(&text, "other.example.org");
	tls_data(tls, C, text.bytes, text.n);
	assert_string_equal(tls_sni(tls), "mx.example.org");
	text.n = 0;
	stream_server_hello(&text, 0x0304, 0x1302, false);
	tls_data(tls, S, text.bytes, text.n);
	assert_int_equal(tls_version(tls), 0x0304);
	assert_int_equal(tls_cipher(tls), 0x1302);
}

/* Every prefix and every flipped length byte: no crash, and no fact from a hello that did not parse. */
static void
test_hello_damaged(void **state)
{
	struct stream_text text = {.n = 0};
	char id[TLS_CLIENT_ID_BYTES];

	(void)state;
	stream_client_hello(&text, "mx.example.org");
	for (size_t n = 0; n < text.n; n++) {
		tls_init(tls, &no_hints);
		assert_int_equal(tls_data(tls, C, text.bytes, n), 0);
		tls_client_id(tls, id);
		assert_string_equal(id, "");
	}
	for (size_t i = 5; i < text.n; i++) {
		struct stream_text bad = text;

		bad.bytes[i] ^= 0xff;
		tls_init(tls, &no_hints);
		tls_data(tls, C, bad.bytes, bad.n);
		assert_true(strlen(tls_sni(tls)) < TLS_SNI_BYTES);
	}
}

static void
test_md5(void **state)
{
	static const struct {
		const char *text, *hex;
	} rows[] = {{"", "d41d8cd98f00b204e9800998ecf8427e"},
	    {"abc", "900150983cd24fb0d6963f7d28e17f72"},
	    {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
		"57edf4a22be3c955ac49da2e2107b67a"}}; /* RFC 1321 A.5 */

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct md5 m;
		uint8_t out[16];
		char hex[33];

		md5_init(&m);
		md5_add(&m, rows[i].text, strlen(rows[i].text));
		md5_finish(&m, out);
		for (unsigned k = 0; k < 16; k++) {
			hex[2 * k] = "0123456789abcdef"[out[k] >> 4];
			hex[2 * k + 1] = "0123456789abcdef"[out[k] & 15];
		}
		hex[32] = '\0';
		assert_string_equal(hex, rows[i].hex);
	}
}

static void
test_ciphers(void **state)
{
	/* Record bytes beside the plaintext; CBC in the middle of its range. */
	static const struct wire wires[] = {{0x0304, 0x1301, 17, 36, 1448, 1448},
	    {0x0304, 0x1302, 17, 52, 1448, 1448}, {0x0304, 0x1303, 17, 36, 1448, 1448},
	    {0x0304, 0x1305, 9, 36, 1448, 1448}, {0x0303, 0xc02f, 24, 0, 1448, 1448},
	    {0x0303, 0xc030, 24, 0, 1448, 1448}, {0x0303, 0x009d, 24, 0, 1448, 1448},
	    {0x0303, 0x00a7, 24, 0, 1448, 1448}, {0x0303, 0xcca8, 16, 0, 1448, 1448},
	    {0x0303, 0xc0a3, 16, 0, 1448, 1448}, {0x0303, 0x0005, 20, 0, 1448, 1448},
	    {0x0303, 0xc028, 16 + 48 + 8, 0, 1448, 1448},
	    {0x0303, 0x003c, 16 + 32 + 8, 0, 1448, 1448},
	    {0x0303, 0x002f, 16 + 20 + 8, 0, 1448, 1448}, {0x0301, 0x002f, 20 + 8, 0, 1448, 1448},
	    {0x0303, 0x000a, 8 + 20 + 4, 0, 1448, 1448}};

	(void)state;
	for (unsigned i = 0; i < sizeof(wires) / sizeof(wires[0]); i++) {
		struct tls_estimate e;

		tls_init(tls, &no_hints);
		handshake(&wires[i]);
		e = talk(&wires[i], TURNS(one_message));
		assert_int_equal(tls_cipher(tls), wires[i].cipher);
		assert_int_equal(e.messages, 1);
		assert_int_equal(e.recipients, 1);
		assert_int_equal(e.bytes, 3000);
	}
}

/* The message counts when the server began to answer the body, not before and not after. */
static void
test_on_line(void **state)
{
	struct tls_estimate e;

	(void)state;
	tls_init(tls, &no_hints);
	handshake(&tls13);
	e = talk(&tls13, one_message, 9);
	assert_int_equal(e.messages, 0);
	e = talk(&tls13, one_message + 9, 1);
	assert_int_equal(e.messages, 1);
	assert_int_equal(e.typical_bytes, 3000);
	tls_end(tls);
	tls_estimate_get(tls, &e);
	assert_int_equal(e.messages, 1);
	assert_true(e.confidence > 500);
}

static void
test_segments(void **state)
{
	static const size_t cuts[] = {1, 2, 3, 5, 6, 29, 536, 60000};

	(void)state;
	for (unsigned i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct wire w = tls13;
		struct tls_estimate e;

		w.chunk = w.snaplen = cuts[i];
		tls_init(tls, &no_hints);
		handshake(&w);
		e = talk(&w, TURNS(one_message));
		assert_int_equal(e.messages, 1);
		assert_int_equal(e.bytes, 3000);
	}
}

/* Packets cut to 190 bytes: lengths inside known records are exact. */
static void
test_snaplen(void **state)
{
	static const struct turn turns[] = {{CLIENT, 24}, {SERVER, 150}, {CLIENT, 45}, {SERVER, 14},
	    {CLIENT, 35}, {SERVER, 14}, {CLIENT, 6}, {SERVER, 37}, {CLIENT, 16000}, {CLIENT, 16000},
	    {CLIENT, 9000}, {SERVER, 40}, {CLIENT, 45}, {SERVER, 14}, {CLIENT, 35}, {SERVER, 14},
	    {CLIENT, 6}, {SERVER, 37}, {CLIENT, 800}, {SERVER, 40}, {CLIENT, 6}, {SERVER, 15}};
	struct wire w = tls13;
	struct tls_estimate e;

	(void)state;
	tls_init(tls, &no_hints);
	handshake(&w);
	w.snaplen = 190;
	e = talk(&w, TURNS(turns));
	assert_int_equal(e.messages, 2);
	assert_int_equal(e.recipients, 2);
	assert_in_range(e.bytes, 41000, 43000);
}

/* A segment cut in the middle of several records: the rest is counted, the next segment starts afresh. */
static void
test_resync(void **state)
{
	struct stream_text text = {.n = 0};
	struct tls_estimate e;
	struct wire w = tls13;

	(void)state;
	tls_init(tls, &no_hints);
	handshake(&w);
	talk(&w, one_message, 8);
	for (unsigned i = 0; i < 40; i++)
		stream_opaque(&text, 23, 80 + 17);
	w.snaplen = 250;
	send_stream(&w, C, &text);
	w.snaplen = 1448;
	e = talk(&w, one_message + 9, 3);
	assert_int_equal(e.messages, 1);
	assert_in_range(e.bytes, 3200, 4200);
	assert_false(tls_is_garbage(tls));
}

static void
test_gap(void **state)
{
	struct stream_text text = {.n = 0};
	struct tls_estimate e;

	(void)state;
	tls_init(tls, &no_hints);
	handshake(&tls13);
	talk(&tls13, one_message, 8);
	/* Inside the record of the body: nothing is missing. */
	stream_opaque(&text, 23, 3017);
	tls_data(tls, C, text.bytes, 1000);
	tls_gap(tls, C, 1022);
	tls_segment(tls, C);
	tls_data(tls, C, text.bytes + 2022, 1000);
	e = talk(&tls13, one_message + 9, 3);
	assert_int_equal(e.messages, 1);
	assert_int_equal(e.bytes, 3000);

	/* Whole turns are missing on both sides: the next message is still seen. */
	tls_gap(tls, C, 5000);
	tls_gap(tls, S, 0);
	e = talk(&tls13, one_message + 2, 10);
	assert_in_range(e.messages, 2, 3);
	assert_false(tls_is_garbage(tls));
}

/* TLS 1.3 records that are no dialogue. */
static void
test_tls13_noise(void **state)
{
	static const struct turn turns[] = {{CLIENT, 24}, {SERVER, 150}, {CLIENT, 5}, {CLIENT, 45},
	    {SERVER, 14}, {SERVER, 5}, {CLIENT, 35}, {SERVER, 14}, {CLIENT, 6}, {SERVER, 37},
	    {CLIENT, 3000}, {SERVER, 40}, {CLIENT, 2}, {SERVER, 2}, {CLIENT, 2}, {SERVER, 2}};
	struct tls_estimate e;

	(void)state;
	tls_init(tls, &no_hints);
	handshake(&tls13);
	e = talk(&tls13, TURNS(turns));
	assert_int_equal(e.messages, 1);
	assert_int_equal(e.recipients, 1);
}

/* A client certificate comes in records of its own, or in one with Finished. */
static void
test_client_certificate(void **state)
{
	static const unsigned flights[][3] = {
	    {900, 280, 52}, {25, 52, 0}, {60, 0, 0}, {1300, 0, 0}};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct stream_text client = {.n = 0}, server = {.n = 0};
		struct tls_estimate e;

		tls_init(tls, &no_hints);
		stream_client_hello(&client, "x");
		stream_server_hello(&server, 0x0304, 0x1302, false);
		stream_opaque(&server, 23, 900);
		send_stream(&tls13, C, &client);
		send_stream(&tls13, S, &server);
		client.n = server.n = 0;
		for (unsigned k = 0; k < 3 && flights[i][k] != 0; k++)
			stream_opaque(&client, 23, flights[i][k] + 17);
		stream_opaque(&server, 23, 250);
		send_stream(&tls13, C, &client);
		send_stream(&tls13, S, &server);
		e = talk(&tls13, TURNS(one_message));
		assert_int_equal(e.messages, 1);
		assert_int_equal(e.bytes, 3000);
	}
}

static void
test_garbage(void **state)
{
	uint8_t junk[4000];
	struct tls_estimate e;

	(void)state;
	tls_init(tls, &no_hints);
	handshake(&tls13);
	talk(&tls13, TURNS(one_message));
	memset(junk, 'A', sizeof(junk));
	assert_int_equal(tls_data(tls, C, junk, sizeof(junk)), TLS_EVENT_GARBAGE);
	assert_true(tls_is_garbage(tls));
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(tls_data(tls, i % 2 ? C : S, junk, sizeof(junk)), 0);
	tls_estimate_get(tls, &e);
	assert_int_equal(e.messages, 1);
	assert_int_equal(e.confidence, 0);

	/* From the first byte, and with calls in any order. */
	tls_init(tls, &no_hints);
	assert_int_equal(tls_data(tls, S, junk, 3), 0);
	assert_int_equal(tls_data(tls, S, junk, 3), TLS_EVENT_GARBAGE);
	assert_int_equal(tls_skip(tls, C, 100), 0);
	assert_int_equal(tls_gap(tls, C, 100), 0);
	tls_end(tls);
	tls_estimate_get(tls, &e);
	assert_int_equal(e.messages, 0);
}

/* On a port that says nothing, the turns have to. */
static void
test_is_mail(void **state)
{
	static const struct turn greeting[] = {{SERVER, 45}};
	static const struct turn web[] = {{CLIENT, 420}, {SERVER, 9000}, {CLIENT, 390},
	    {SERVER, 60000}, {CLIENT, 400}, {SERVER, 120}, {CLIENT, 410}, {SERVER, 30000}};
	static const struct tls_hints port587 = {.port = 587};

	(void)state;
	tls_init(tls, &port587);
	assert_false(tls_is_mail(tls));
	handshake(&tls12_gcm);
	talk(&tls12_gcm, TURNS(greeting));
	talk(&tls12_gcm, one_message, 4); /* EHLO and MAIL are too little */
	assert_false(tls_is_mail(tls));
	talk(&tls12_gcm, one_message + 4, sizeof(one_message) / sizeof(one_message[0]) - 4);
	assert_true(tls_is_mail(tls));
	tls_init(tls, &port587); /* the same, but the client speaks first */
	handshake(&tls12_gcm);
	talk(&tls12_gcm, TURNS(one_message));
	assert_false(tls_is_mail(tls));
	tls_init(tls, &port587); /* greets, but speaks something else */
	handshake(&tls12_gcm);
	talk(&tls12_gcm, TURNS(greeting));
	talk(&tls12_gcm, TURNS(web));
	assert_false(tls_is_mail(tls));
}

static void
test_without_hellos(void **state)
{
	struct stream_text text = {.n = 0};
	struct tls_estimate e;

	(void)state;
	tls_init(tls, &no_hints);
	tls_gap(tls, C, 0);
	tls_gap(tls, S, 0);
	for (size_t i = 0; i < sizeof(one_message) / sizeof(one_message[0]); i++) {
		text.n = 0;
		stream_opaque(&text, 23, one_message[i].bytes + 24);
		tls_segment(tls, one_message[i].by == CLIENT ? C : S);
		tls_data(tls, one_message[i].by == CLIENT ? C : S, text.bytes, text.n);
	}
	tls_end(tls);
	tls_estimate_get(tls, &e);
	assert_int_equal(e.messages, 1);
	assert_int_equal(tls_version(tls), 0);
}

static void
test_hints(void **state)
{
	struct tls_hints h;

	(void)state;
	tls_hints_init(&h);
	tls_hints_greeting(&h, "220 mx.example.org ESMTP Postfix (Debian)", 41);
	assert_int_equal(h.family, TLS_FAMILY_POSTFIX);
	tls_hints_ehlo_command(&h, 24);
	tls_hints_ehlo_line(&h, "250-mx.example.org", 18, 20);
	assert_false(h.pipelining);
	tls_hints_ehlo_line(&h, "250-PipeLining", 14, 16);
	tls_hints_ehlo_line(&h, "250-mx.dsn.example.org", 22, 24);
	assert_false(h.dsn);
	tls_hints_ehlo_line(&h, "250-DSN", 7, 9);
	assert_true(h.dsn);
	tls_hints_ehlo_line(&h, "250 CHUNKING", 12, 14);
	assert_true(h.pipelining && h.chunking && h.ehlo_seen);
	assert_int_equal(h.ehlo_bytes, 24);
	assert_int_equal(h.ehlo_reply_bytes, 83);
	tls_hints_greeting(&h, "Exim", 4); /* the first word wins */
	assert_int_equal(h.family, TLS_FAMILY_POSTFIX);
	tls_hints_init(&h);
	tls_hints_greeting(&h, "", 0);
	tls_hints_greeting(&h, "220 exi", 7);
	assert_int_equal(h.family, TLS_FAMILY_UNKNOWN);
	tls_hints_greeting(&h, "220 mx.google.com ESMTP", 23);
	assert_int_equal(h.family, TLS_FAMILY_UNKNOWN);
	tls_hints_greeting(&h, "220 mx.google.com ESMTP a1-2si345.6 - gsmtp\r\n", 45);
	assert_int_equal(h.family, TLS_FAMILY_GOOGLE);
	assert_int_equal(h.name_bytes, 19);
	tls_hints_init(&h);
	tls_hints_greeting(&h, "220 mx.exim.example ESMTP Exim 4.96\r\n", 37);
	assert_int_equal(h.name_bytes, 15);
	tls_hints_ehlo_line(&h, "250", 3, 100000);
	assert_int_equal(h.ehlo_reply_bytes, UINT16_MAX);
}

static void
test_size(void **state)
{
	(void)state;
	assert_in_range(tls_state_bytes(), 1, TLS_STATE_BYTES_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hello),
	    cmocka_unit_test(test_hello_fragmented),
	    cmocka_unit_test(test_hello_names),
	    cmocka_unit_test(test_hello_retry),
	    cmocka_unit_test(test_hello_damaged),
	    cmocka_unit_test(test_md5),
	    cmocka_unit_test(test_ciphers),
	    cmocka_unit_test(test_on_line),
	    cmocka_unit_test(test_segments),
	    cmocka_unit_test(test_snaplen),
	    cmocka_unit_test(test_resync),
	    cmocka_unit_test(test_gap),
	    cmocka_unit_test(test_tls13_noise),
	    cmocka_unit_test(test_client_certificate),
	    cmocka_unit_test(test_garbage),
	    cmocka_unit_test(test_is_mail),
	    cmocka_unit_test(test_without_hellos),
	    cmocka_unit_test(test_hints),
	    cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
