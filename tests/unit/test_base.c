/* SPDX-License-Identifier: ISC */
/* The ground that all programs share: wire, clock, addr, hash, err, log. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/wire.h"

static void
test_wire_round_trip(void **state)
{
	uint8_t buf[64];
	char text[8];
	struct wire_writer w;
	struct wire_reader r;

	(void)state;
	wire_writer_init(&w, buf, sizeof(buf));
	wire_put_u8(&w, 0xab);
	wire_put_u16(&w, 0x1234);
	wire_put_u32(&w, 0xdeadbeef);
	wire_put_u64(&w, UINT64_C(0x0123456789abcdef));
	wire_put_text(&w, "ok");
	long size = wire_writer_finish(&w);
	assert_int_equal(size, 1 + 2 + 4 + 8 + 3);

	wire_reader_init(&r, buf, (size_t)size);
	assert_int_equal(wire_get_u8(&r), 0xab);
	assert_int_equal(wire_get_u16(&r), 0x1234);
	assert_int_equal(wire_get_u32(&r), 0xdeadbeef);
	assert_true(wire_get_u64(&r) == UINT64_C(0x0123456789abcdef));
	wire_get_text(&r, text, sizeof(text));
	assert_string_equal(text, "ok");
	assert_int_equal(wire_reader_finish(&r), 0);
}

static void
test_wire_errors_stick(void **state)
{
	uint8_t buf[3] = {1, 2, 3};
	char text[3];
	struct wire_writer w;
	struct wire_reader r;

	(void)state;
	wire_reader_init(&r, buf, sizeof(buf));
	assert_int_equal(wire_get_u32(&r), 0);
	assert_int_equal(wire_get_u8(&r), 0); /* there are bytes, but the error sticks */
	assert_int_equal(wire_reader_finish(&r), -EBADMSG);

	wire_reader_init(&r, buf, sizeof(buf));
	assert_int_equal(wire_get_u16(&r), 0x0102);
	assert_int_equal(wire_reader_finish(&r), -EBADMSG); /* one byte was not consumed */

	uint8_t long_text[5] = {4, 'a', 'b', 'c', 'd'};
	wire_reader_init(&r, long_text, sizeof(long_text));
	wire_get_text(&r, text, sizeof(text));
	assert_string_equal(text, "");
	assert_int_equal(wire_reader_finish(&r), -EBADMSG);

	wire_writer_init(&w, buf, sizeof(buf));
	wire_put_u32(&w, 1);
	wire_put_u8(&w, 1);
	assert_int_equal(wire_writer_finish(&w), -ENOBUFS);
}

static void
test_clock_iso(void **state)
{
	char buf[CLOCK_ISO_BYTES];
	int64_t ns;

	(void)state;
	assert_string_equal(clock_format_iso(buf, 0), "1970-01-01T00:00:00Z");
	assert_string_equal(
	    clock_format_iso(buf, 1700000000123456789), "2023-11-14T22:13:20.123456Z");
	assert_string_equal(clock_format_iso(buf, -1), "1969-12-31T23:59:59.999999Z");
	assert_int_equal(clock_parse_iso("2023-11-14T22:13:20.123456Z", &ns), 0);
	assert_true(ns == 1700000000123456000);
	assert_int_equal(clock_parse_iso("2024-02-29", &ns), 0);
	assert_int_equal(clock_parse_iso("2023-02-29", &ns), -EINVAL);
	assert_int_equal(clock_parse_iso("2024-01-01T00:00:00", &ns), -EINVAL); /* no zone */
	assert_int_equal(clock_parse_iso("yesterday", &ns), -EINVAL);
	assert_int_equal(clock_parse_iso("", &ns), -EINVAL);
}

static void
test_clock_span(void **state)
{
	char buf[CLOCK_SPAN_BYTES];
	int64_t ns;

	(void)state;
	assert_int_equal(clock_parse_span("90s", &ns), 0);
	assert_true(ns == 90 * CLOCK_SECOND_NS);
	assert_int_equal(clock_parse_span("30d", &ns), 0);
	assert_true(ns == 30 * CLOCK_DAY_NS);
	assert_int_equal(clock_parse_span("250ms", &ns), 0);
	assert_true(ns == 250000000);
	assert_int_equal(clock_parse_span("90", &ns), -EINVAL);
	assert_int_equal(clock_parse_span("-1s", &ns), -EINVAL);
	assert_int_equal(clock_parse_span("1y", &ns), -EINVAL);
	assert_int_equal(clock_parse_span("99999999999999999999s", &ns), -EINVAL);
	assert_int_equal(clock_parse_span("9000000000000d", &ns), -EINVAL);
	assert_string_equal(
	    clock_format_span(buf, 2 * CLOCK_HOUR_NS + 5 * CLOCK_MINUTE_NS), "2h 5m");
	assert_string_equal(clock_format_span(buf, 90 * CLOCK_SECOND_NS), "1m 30s");
	assert_string_equal(clock_format_span(buf, CLOCK_DAY_NS), "1d");
	assert_string_equal(clock_format_span(buf, -5), "0s");
}

static void
test_addr(void **state)
{
	char buf[ADDR_TEXT_BYTES];
	struct addr a, b;
	struct addr_prefix p;

	(void)state;
	assert_int_equal(addr_parse("192.0.2.7", &a), 0);
	assert_true(addr_is_v4(&a));
	assert_string_equal(addr_format(buf, &a), "192.0.2.7");
	assert_int_equal(addr_parse("2001:db8::7", &b), 0);
	assert_false(addr_is_v4(&b));
	assert_string_equal(addr_format(buf, &b), "2001:db8::7");
	assert_int_equal(addr_parse("192.0.2", &a), -EINVAL);
	assert_int_equal(addr_parse("", &a), -EINVAL);

	assert_int_equal(addr_prefix_parse("192.0.2.0/24", &p), 0);
	assert_int_equal(p.bits, 120);
	assert_true(addr_prefix_contains(&p, &a));
	assert_false(addr_prefix_contains(&p, &b));
	assert_string_equal(addr_prefix_format(buf, &p), "192.0.2.0/24");
	assert_int_equal(addr_prefix_parse("192.0.2.1/24", &p), -EINVAL); /* host bits */
	assert_int_equal(addr_prefix_parse("192.0.2.0/33", &p), -EINVAL);
	assert_int_equal(addr_prefix_parse("192.0.2.0/", &p), -EINVAL);
	assert_int_equal(addr_prefix_parse("192.0.2.0/-1", &p), -EINVAL);
	assert_int_equal(addr_prefix_parse("0.0.0.0/0", &p), 0);
	assert_true(addr_prefix_contains(&p, &a));
	assert_false(addr_prefix_contains(&p, &b));
	assert_int_equal(addr_prefix_parse("2001:db8::/33", &p), 0);
	assert_true(addr_prefix_contains(&p, &b));
	assert_string_equal(addr_prefix_format(buf, &p), "2001:db8::/33");
}

static void
test_mac(void **state)
{
	char buf[ADDR_MAC_BYTES];
	struct mac m;

	(void)state;
	assert_int_equal(mac_parse("52:54:00:aB:cd:ef", &m), 0);
	assert_string_equal(mac_format(buf, &m), "52:54:00:ab:cd:ef");
	assert_int_equal(mac_parse("52:54:00:ab:cd", &m), -EINVAL);
	assert_int_equal(mac_parse("52:54:00:ab:cd:ef:01", &m), -EINVAL);
	assert_int_equal(mac_parse("5:4:0:a:c:e", &m), -EINVAL);
}

static void
test_hash(void **state)
{
	/* SipHash-2-4, the reference vector of its authors for key 00..0f and the input 00..0e */
	static const uint8_t key[HASH_KEY_BYTES] = {
	    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	uint8_t input[15];
	char a[HASH_SHA256_HEX], b[HASH_SHA256_HEX];

	(void)state;
	for (uint8_t i = 0; i < sizeof(input); i++)
		input[i] = i;
	assert_true(hash_keyed(key, input, sizeof(input)) == UINT64_C(0xa129ca6149be45e5));
	hash_sha256_hex(a, "abc", 3);
	assert_string_equal(a, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	struct hash_stream *s = hash_stream_new();
	assert_non_null(s);
	hash_stream_add(s, "a", 1);
	hash_stream_add(s, "bc", 2);
	hash_stream_finish(s, b);
	assert_string_equal(a, b);
	assert_true(hash_table(1, "x", 1) != hash_table(2, "x", 1));
}

static void
test_err(void **state)
{
	struct err e;
	char quoted[32];

	(void)state;
	assert_int_equal(err_set(NULL, -EINVAL, "x"), -EINVAL);
	assert_int_equal(err_set(&e, -ENOENT, "%s: no such server", "vm\n\x1b[31m7"), -ENOENT);
	assert_string_equal(e.text, "vm??[31m7: no such server");
	assert_int_equal(err_wrap(&e, "explain"), -ENOENT);
	assert_string_equal(e.text, "explain: vm??[31m7: no such server");
	assert_string_equal(log_quote(quoted, sizeof(quoted), "a\"b\n"), "\"a\\\"b\\x0a\"");
	log_quote(quoted, 10, "aaaaaaaaaaaaaaaaaaaaaaaa");
	assert_true(strlen(quoted) < 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_wire_round_trip),
	    cmocka_unit_test(test_wire_errors_stick),
	    cmocka_unit_test(test_clock_iso),
	    cmocka_unit_test(test_clock_span),
	    cmocka_unit_test(test_addr),
	    cmocka_unit_test(test_mac),
	    cmocka_unit_test(test_hash),
	    cmocka_unit_test(test_err),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
