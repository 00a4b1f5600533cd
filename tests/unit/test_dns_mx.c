/* SPDX-License-Identifier: ISC */
/* Questions for mail exchangers: what counts as one, what does not, and what leaves the sensor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sensor/dns_mx.h"
#include "sensor/dns_stream.h"
#include "sensor/sensor.h"
#include "sensor/suffix.h"

#define TYPE_A	 1
#define TYPE_MX	 15
#define START_NS (INT64_C(1770026400) * CLOCK_SECOND_NS)

/* One question in a copy of its own size, so that an over-read trips the sanitizer. */
static uint8_t *
question(size_t *size, uint16_t flags, const char *name, uint16_t type, uint16_t class)
{
	uint8_t *m = calloc(1, 12 + strlen(name) + 2 + 4), *p = m + 12;

	m[0] = 0x12;
	m[2] = (uint8_t)(flags >> 8);
	m[3] = (uint8_t)flags;
	m[5] = 1;
	for (const char *label = name; *label != '\0';) {
		size_t n = strcspn(label, ".");
		*p++ = (uint8_t)n;
		memcpy(p, label, n);
		p += n;
		label += n + (label[n] == '.');
	}
	*p++ = 0;
	*p++ = (uint8_t)(type >> 8);
	*p++ = (uint8_t)type;
	*p++ = (uint8_t)(class >> 8);
	*p++ = (uint8_t) class;
	*size = (size_t)(p - m);
	return m;
}

static size_t
parse(uint16_t flags, const char *name, uint16_t type, uint16_t class, char out[DNS_MX_NAME_BYTES])
{
	size_t size, n;
	uint8_t *m = question(&size, flags, name, type, class);

	n = dns_mx_parse(m, size, out);
	free(m);
	return n;
}

static void
test_questions(void **state)
{
	char name[DNS_MX_NAME_BYTES];

	(void)state;
	assert_int_equal(parse(0x0100, "Mail.Example.ORG", TYPE_MX, 1, name), 16);
	assert_string_equal(name, "mail.example.org");
	assert_int_equal(parse(0x0120, "example.org", TYPE_MX, 1, name), 11); /* AD */
	assert_int_equal(parse(0x0100, "exa mple.o\x01g", TYPE_MX, 1, name), 12);
	assert_string_equal(name, "exa?mple.o?g");
	assert_int_equal(parse(0x0100, "example.org", TYPE_A, 1, name), 0);
	assert_int_equal(parse(0x0100, "example.org", TYPE_MX, 3, name), 0); /* CHAOS */
	assert_int_equal(parse(0x8180, "example.org", TYPE_MX, 1, name), 0); /* an answer */
	assert_int_equal(parse(0x2800, "example.org", TYPE_MX, 1, name), 0); /* an update */
	assert_int_equal(parse(0x0100, "", TYPE_MX, 1, name), 0);	     /* the root */
}

/* EDNS (RFC 6891): an OPT record behind the question, with a cookie. */
static void
test_edns(void **state)
{
	static const uint8_t opt[] = {
	    0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 12, 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
	char name[DNS_MX_NAME_BYTES];
	size_t size;
	uint8_t *m = question(&size, 0x0120, "edns.example", TYPE_MX, 1);
	uint8_t *whole = malloc(size + sizeof(opt));

	(void)state;
	memcpy(whole, m, size);
	memcpy(whole + size, opt, sizeof(opt));
	whole[11] = 1; /* additional records */
	assert_int_equal(dns_mx_parse(whole, size + sizeof(opt), name), 12);
	assert_string_equal(name, "edns.example");
	free(whole);
	free(m);
}

static void
test_lies(void **state)
{
	char name[DNS_MX_NAME_BYTES];
	size_t size;
	uint8_t *m = question(&size, 0x0100, "example.org", TYPE_MX, 1);

	(void)state;
	for (size_t n = 0; n < size; n++) { /* cut anywhere */
		uint8_t *cut = malloc(n > 0 ? n : 1);
		memcpy(cut, m, n);
		assert_int_equal(dns_mx_parse(cut, n, name), 0);
		free(cut);
	}
	m[5] = 2; /* two questions */
	assert_int_equal(dns_mx_parse(m, size, name), 0);
	m[5] = 1;
	m[12] = 0xc0; /* compressed */
	assert_int_equal(dns_mx_parse(m, size, name), 0);
	m[12] = 63; /* longer than what follows */
	assert_int_equal(dns_mx_parse(m, size, name), 0);
	free(m);
	/* labels that are longer together than a name may be */
	uint8_t *huge = calloc(1, 12 + 5 * 64 + 5);
	huge[5] = 1;
	for (unsigned i = 0; i < 5; i++) {
		huge[12 + i * 64] = 63;
		memset(huge + 13 + i * 64, 'a', 63);
	}
	huge[12 + 320 + 2] = TYPE_MX;
	huge[12 + 320 + 4] = 1;
	assert_int_equal(dns_mx_parse(huge, 12 + 5 * 64 + 5, name), 0);
	free(huge);
}

/* Names of the questions that came out of a TCP connection. */
struct heard {
	unsigned count;
	char last[DNS_MX_NAME_BYTES];
};

static void
hear(void *arg, const uint8_t *message, size_t n)
{
	struct heard *h = arg;

	h->count += dns_mx_parse(message, n, h->last) > 0;
}

/* A segment of a client's connection, in a copy of its own size. */
static void
segment(struct dns_stream *t, struct heard *h, uint16_t port, uint32_t seq, const uint8_t *data,
    size_t n)
{
	struct frame f = {.src_port = port, .dst_port = 53, .seq = seq, .flags = FRAME_ACK};
	uint8_t *copy = malloc(n > 0 ? n : 1);

	memcpy(copy, data, n);
	f.payload = copy;
	f.captured = f.length = (uint32_t)n;
	dns_stream_segment(t, &f, hear, h);
	free(copy);
}

static void
test_over_tcp(void **state)
{
	struct dns_stream *t;
	struct heard h = {0};
	size_t a, b;
	uint8_t *x = question(&a, 0x0100, "one.example", TYPE_MX, 1),
		*y = question(&b, 0x0100, "two.example", TYPE_MX, 1);
	size_t n = a + b + 4 + 700 + 2;
	uint8_t *all = calloc(1, n);

	(void)state;
	/* a question, a message of 700 bytes that is none, a question */
	all[1] = (uint8_t)a;
	memcpy(all + 2, x, a);
	all[a + 2] = 700 >> 8;
	all[a + 3] = 700 & 0xff;
	all[n - b - 1] = (uint8_t)b;
	memcpy(all + n - b, y, b);
	assert_int_equal(dns_stream_new(&t, 7), 0);
	for (size_t cut = 0; cut <= n; cut++) { /* in two pieces, the first of them sent twice */
		h.count = 0;
		segment(t, &h, 1000, 5, all, cut);
		unsigned first = h.count;
		if (cut < a + 2) /* what ended with a question is not remembered */
			segment(t, &h, 1000, 5, all, cut);
		assert_int_equal(h.count, first);
		segment(t, &h, 1000, (uint32_t)(5 + cut), all + cut, n - cut);
		assert_int_equal(h.count, 2);
		assert_string_equal(h.last, "two.example");
	}
	h.count = 0;
	for (size_t i = 0; i < n;
	     i++) { /* byte by byte, two connections at once, over the end of the numbers */
		segment(t, &h, 1000, (uint32_t)(0xfffffff0u + i), all + i, 1);
		segment(t, &h, 2000, (uint32_t)(77 + i), all + i, 1);
	}
	assert_int_equal(h.count, 4);
	h.count = 0; /* a piece that overlaps, and one behind a hole */
	segment(t, &h, 1000, 100, all, 10);
	segment(t, &h, 1000, 105, all + 5, a - 3);
	assert_int_equal(h.count, 1);
	segment(t, &h, 1000, 100, all, 10);
	segment(t, &h, 1000, 120, all + 20, a - 18);
	assert_int_equal(h.count, 1);
	for (unsigned port = 1; port < 60000; port++) /* a flood of beginnings costs no memory */
		segment(t, &h, (uint16_t)port, 0, all, 10);
	segment(t, &h, 59999, 10, all + 10, a - 8);
	assert_int_equal(h.count, 2);
	dns_stream_free(t);
	free(x);
	free(y);
	free(all);
}

static void
test_registrable(void **state)
{
	(void)state;
	assert_string_equal(suffix_registrable("mail.shop.example.co.uk"), "example.co.uk");
	assert_string_equal(suffix_registrable("example.com"), "example.com");
	assert_string_equal(suffix_registrable("a.b.example.com"), "example.com");
	assert_string_equal(suffix_registrable("co.uk"), "co.uk");
	assert_string_equal(suffix_registrable("localhost"), "localhost");
	assert_string_equal(suffix_registrable("?.?"), "?.?");
}

/* --- through the sensor --- */

struct seen {
	unsigned count;
	struct observation last;
};

static void
see(void *arg, const struct observation *obs)
{
	struct seen *seen = arg;

	assert_int_equal(obs->kind, OBS_MX_QUERY);
	seen->count++;
	seen->last = *obs;
}

static void
taps(void *arg, uint32_t ifindex, struct sensor_interface *out)
{
	(void)arg;
	(void)ifindex;
	out->role = SENSOR_ROLE_TENANT;
	memcpy(out->name, "vnet7", 6);
}

/* A question of 10.0.0.5 as SLL2 has it; `tcp`: as one segment. */
static struct packet
wrap(uint8_t frame[300], const uint8_t *m, size_t size, bool tcp, uint8_t passage)
{
	size_t head = tcp ? 20 : 8, payload = size + (tcp ? 2 : 0), ip_size = 20 + head + payload;
	uint8_t *ip = frame + 20, *l4 = ip + 20, *to = l4 + head;

	memset(frame, 0, 300);
	frame[0] = 8;
	frame[7] = 3; /* interface */
	frame[10] = passage;
	frame[11] = 6;
	frame[12] = 0x52;
	ip[0] = 0x45;
	ip[2] = (uint8_t)(ip_size >> 8);
	ip[3] = (uint8_t)ip_size;
	ip[9] = tcp ? 6 : 17;
	memcpy(ip + 12, "\x0a\0\0\x05\x0a\0\0\x01", 8);
	memcpy(l4, "\x80\0\0\x35", 4);
	if (tcp) {
		l4[12] = 0x50;
		l4[13] = 0x18;
		*to++ = (uint8_t)(size >> 8);
		*to++ = (uint8_t)size;
	} else {
		l4[5] = (uint8_t)(8 + size);
	}
	memcpy(to, m, size);
	return (struct packet){.time_ns = START_NS,
	    .linktype = 276,
	    .caplen = (uint32_t)(20 + ip_size),
	    .wirelen = (uint32_t)(20 + ip_size),
	    .data = frame};
}

static void
test_through_the_sensor(void **state)
{
	struct sensor_config cfg;
	struct sensor_stats stats;
	struct seen seen = {0};
	struct sensor *s;
	struct err e;
	uint8_t frame[300];
	size_t size;
	uint8_t *m = question(&size, 0x0100, "MX.Shop.Example.co.uk", TYPE_MX, 1);

	(void)state;
	sensor_config_init(&cfg);
	cfg.flows_max = 64;
	cfg.classify = false;
	cfg.interface_of = taps;
	assert_int_equal(sensor_new(&s, &cfg, see, &seen, &e), 0);
	for (int tcp = 0; tcp < 2; tcp++) {
		struct packet p = wrap(frame, m, size, tcp, 0);
		sensor_packets(s, &p, 1);
		assert_int_equal(seen.count, 1 + tcp);
		assert_string_equal(seen.last.u.mx_query.domain, "example.co.uk");
		assert_string_equal(seen.last.ifname, "vnet7");
		assert_true(seen.last.u.mx_query.name_hash != 0);
		assert_int_equal(seen.last.client.bytes[15], 5);
		assert_int_equal(seen.last.session, 0);
	}
	/* What leaves through the tap asks the tenant's own name server. */
	struct packet out = wrap(frame, m, size, false, 4);
	sensor_packets(s, &out, 1);
	assert_int_equal(seen.count, 2);
	/* A flood is cut, and counted. */
	struct packet in = wrap(frame, m, size, false, 0);
	for (unsigned i = 0; i < 5000; i++)
		sensor_packets(s, &in, 1);
	sensor_get_stats(s, &stats);
	assert_int_equal(seen.count, 1000);
	assert_int_equal(stats.mx_suppressed, 4002);
	/* A length that lies is malformed. */
	struct packet liar = wrap(frame, m, size, false, 0);
	frame[20 + 20 + 4] = 0xff;
	sensor_packets(s, &liar, 1);
	sensor_get_stats(s, &stats);
	assert_int_equal(stats.malformed, 1);
	sensor_free(s);
	free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_questions),
	    cmocka_unit_test(test_edns),
	    cmocka_unit_test(test_lies),
	    cmocka_unit_test(test_over_tcp),
	    cmocka_unit_test(test_registrable),
	    cmocka_unit_test(test_through_the_sensor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
