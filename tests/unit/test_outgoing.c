/* SPDX-License-Identifier: ISC */
/* HELO and TLS of a server's own sessions: what counts, how old facts fade, their form in the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/outgoing.h"

static struct observation
session(const char *helo, uint8_t tls)
{
	struct observation o = {.kind = OBS_SESSION_END, .server_port = 25, .time_ns = 7};

	strcpy(o.u.end.helo, helo);
	o.u.end.tls = tls;
	return o;
}

/* 0..1; -1 when no offer was seen. */
static double
tls_share(const struct outgoing *o)
{
	return o->tls_offered > 0 ? (double)o->tls_used / o->tls_offered : -1;
}

static void
test_what_counts(void **state)
{
	struct outgoing o = {0};
	struct observation s = session("mail.shop.example", OBS_TLS_STARTTLS);

	(void)state;
	assert_true(tls_share(&o) < 0);
	outgoing_observe(&o, &s);
	s = session("mail.shop.example", OBS_TLS_OFFERED);
	outgoing_observe(&o, &s);
	s = session("", OBS_TLS_NONE); /* says nothing of either */
	outgoing_observe(&o, &s);
	s = session("", OBS_TLS_REFUSED);
	outgoing_observe(&o, &s);
	assert_string_equal(o.helo, "mail.shop.example");
	assert_true(o.helo_ns == 7);
	assert_int_equal(o.tls_offered, 2);
	assert_int_equal(o.tls_used, 1);
	assert_true(tls_share(&o) == 0.5);

	/* Not its own, not to port 25, not the end of a session. */
	s = session("other.example", OBS_TLS_STARTTLS);
	s.flags = OBS_F_INBOUND;
	outgoing_observe(&o, &s);
	s = session("other.example", OBS_TLS_STARTTLS);
	s.server_port = 587;
	outgoing_observe(&o, &s);
	s = session("other.example", OBS_TLS_STARTTLS);
	s.kind = OBS_SESSION_START;
	outgoing_observe(&o, &s);
	assert_string_equal(o.helo, "mail.shop.example");
	assert_int_equal(o.tls_offered, 2);
}

/* A server that began to encrypt is believed after some 2,000 sessions, however long it did not. */
static void
test_old_sessions_fade(void **state)
{
	struct outgoing o = {0};
	struct observation plain = session("a.example", OBS_TLS_OFFERED),
			   tls = session("b.example", OBS_TLS_STARTTLS);

	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		outgoing_observe(&o, &plain);
	assert_true(tls_share(&o) == 0);
	assert_in_range(o.tls_offered, OUTGOING_TLS_SESSIONS / 2, OUTGOING_TLS_SESSIONS);
	for (unsigned i = 0; i < 2000; i++)
		outgoing_observe(&o, &tls);
	assert_true(tls_share(&o) > 0.9);
	assert_string_equal(o.helo, "b.example");
}

static void
test_stored(void **state)
{
	struct outgoing o = {.helo = "m.example", .helo_ns = 5, .tls_offered = 9, .tls_used = 4},
			back;
	uint8_t bytes[128];
	struct wire_writer w;
	struct wire_reader r;

	(void)state;
	memset(&back, 0, sizeof(back));
	wire_writer_init(&w, bytes, sizeof(bytes));
	outgoing_put(&w, &o);
	long size = wire_writer_finish(&w);
	assert_true(size > 0);
	wire_reader_init(&r, bytes, (size_t)size);
	outgoing_get(&r, &back);
	assert_int_equal(wire_reader_finish(&r), 0);
	assert_memory_equal(&o, &back, sizeof(o));

	o.tls_used = 10; /* more than were offered */
	wire_writer_init(&w, bytes, sizeof(bytes));
	outgoing_put(&w, &o);
	wire_reader_init(&r, bytes, (size_t)wire_writer_finish(&w));
	outgoing_get(&r, &back);
	assert_true(wire_reader_finish(&r) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_counts),
	    cmocka_unit_test(test_old_sessions_fade),
	    cmocka_unit_test(test_stored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
