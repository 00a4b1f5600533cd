/* SPDX-License-Identifier: ISC */
/*
 * The sensor from packets to observations, in memory, with traffic of the project's own generator.
 */
#include <malloc.h>

#include "tests/unit/sensor_fixture.h"

static void
one_message(void **state)
{
	static const uint8_t kinds[] = {OBS_SESSION_START, OBS_RECIPIENT, OBS_RECIPIENT,
	    OBS_RECIPIENT, OBS_MESSAGE, OBS_SESSION_END};

	(void)state;
	begin(GEN_LINK_ETHERNET, 0);
	struct gen_path path = path_of(1, 2);
	talk(&path, (struct gen_smtp){.helo = "shop.example.com"}, 1, 2000);
	finish(0);
	expect_truth();
	assert_int_equal(run.seen_count, 6);
	for (unsigned i = 0; i < 6; i++) {
		const struct observation *o = &run.seen[i];
		assert_int_equal(o->kind, kinds[i]);
		assert_int_equal(o->session, 1);
		assert_int_equal(o->flags, 0);
		assert_true(addr_equal(&o->client, &path.client));
		assert_true(addr_equal(&o->server, &path.server));
		assert_int_equal(o->client_port, 40001);
		assert_int_equal(o->server_port, 25);
		assert_memory_equal(&o->mac, &path.client_mac, sizeof(o->mac));
		assert_int_equal(o->visibility, i == 0 ? OBS_FLOW : OBS_CLEAR);
	}
	assert_string_equal(run.seen[1].u.recipient.domain, "dest.example");
	assert_string_equal(run.seen[1].u.recipient.sender_domain, "example.com");
	assert_int_equal(run.seen[2].u.recipient.reply.code, 550);
	assert_int_equal(run.seen[2].u.recipient.reply.remote, OBS_REMOTE_UNKNOWN);
	assert_null(strstr(run.seen[2].u.recipient.reply.text, "nobody@"));
	assert_int_equal(run.seen[3].u.recipient.reply_class, OBS_DEFERRED);
	assert_int_equal(run.seen[4].u.message.recipients_accepted, 1);
	assert_string_equal(run.seen[4].u.message.from_domain, "example.com");
	assert_int_equal(run.seen[4].u.message.size_bytes, strlen(text));
	assert_true((run.seen[4].u.message.headers & OBS_HDR_LIST_UNSUBSCRIBE) != 0);
	const struct observation *end = &run.seen[5];
	assert_string_equal(end->u.end.helo, "shop.example.com");
	assert_string_equal(end->u.end.greeting_host, "mx.example.net");
	assert_int_equal(end->u.end.end, OBS_END_FIN);
	assert_int_equal(end->u.end.habits, 0);
	assert_true(end->u.end.client_bytes > strlen(text));
	assert_true(end->u.end.duration_ns > 10000000);
}

/* The same truth however the packets look. */
static void
every_shape(void **state)
{
	struct addr a6, b6;

	(void)state;
	assert_int_equal(addr_parse("2001:db8::1", &a6), 0);
	assert_int_equal(addr_parse("2001:db8::2", &b6), 0);
	for (unsigned shape = 0; shape < 14; shape++) {
		struct gen_smtp smtp = {.pipelining = shape % 2 == 0};
		begin(shape == 9 ? GEN_LINK_SLL2 : GEN_LINK_ETHERNET, shape == 8    ? 256
								      : shape == 11 ? 190
										    : 0);
		struct gen_path path = path_of(1, 2);
		path.vlan_tags = shape == 1 ? 1 : shape == 2 ? 2 : 0;
		path.ipv4_options = shape == 3;
		path.mss = shape == 4 ? 60000 : shape == 5 ? 40 : path.mss;
		path.zero_ip_length = shape == 4;
		path.tap_ifindex = 3;
		path.client_isn = shape == 6 ? 0xffffff00u : 0; /* wraps */
		path.server_isn = shape == 6 ? 0xfffffff0u : 0;
		path.reorder = shape == 7 ? 0.3 : 0;
		path.retransmit = shape == 10 ? 0.3 : 0;
		path.overlap = shape == 12 ? 0.5 : 0;
		if (shape == 13) {
			path.client = a6;
			path.server = b6;
			path.ipv6_headers = 15;
		}
		run.batch = shape == 0 ? 1 : 32;
		talk(&path, smtp, 3, 30000);
		finish(0);
		expect_truth();
		assert_int_equal(run.stats.malformed, 0);
		assert_int_equal(run.stats.gaps, 0);
		assert_int_equal(run.stats.reordered > 0, shape == 7);
		assert_int_equal(run.stats.retransmitted > 0, shape == 10 || shape == 12);
	}
}

static void
batches_do_not_matter(void **state)
{
	static struct observation singly[SEEN_MAX];
	unsigned count = 0;

	(void)state;
	for (unsigned pass = 0; pass < 2; pass++) {
		begin(GEN_LINK_ETHERNET, 0);
		run.batch = pass == 0 ? 1 : 500;
		for (unsigned i = 1; i < 30; i++) {
			struct gen_path path = path_of(i, i);
			path.server_port =
			    i % 5 == 0 ? 2626 : 25; /* an odd port appears inside a batch */
			path.start_ns += i * 3000000;
			talk(&path,
			    (struct gen_smtp){.pipelining = i % 2 == 0, .starttls = i % 3 == 0}, 2,
			    3000);
		}
		finish(0);
		if (pass == 0) {
			count = run.seen_count;
			memcpy(singly, run.seen, sizeof(singly));
		}
	}
	assert_int_equal(count, run.seen_count);
	assert_memory_equal(singly, run.seen, count * sizeof(singly[0]));
}

static void
speak(const struct gen_path *path, const char *const *lines, bool close)
{
	struct gen_tcp *t = gen_tcp_new(run.g, path);

	gen_tcp_handshake(t);
	for (unsigned i = 0; lines[i] != NULL; i++)
		gen_tcp_send(t, i % 2 == 0 ? GEN_SERVER : GEN_CLIENT, lines[i], strlen(lines[i]));
	if (close)
		gen_tcp_close(t, GEN_CLIENT);
	gen_tcp_free(t);
}

static void
odd_ports(void **state)
{
	static const char *const ftp[] = {
	    "220 ftp.example.net\r\n", "USER a\r\n", "331 go on\r\n", "QUIT\r\n", NULL};
	static const char *const pop[] = {
	    "+OK\r\n", "AUTH PLAIN\r\n", "-ERR\r\n", "QUIT\r\n", NULL};

	(void)state;
	begin(GEN_LINK_ETHERNET, 0);
	struct gen_path path = path_of(1, 2);
	path.server_port = 2626;
	talk(&path, (struct gen_smtp){.pipelining = false}, 2, 2000);
	path = path_of(2, 3);
	path.server_port = 21;
	speak(&path, ftp, true);
	path = path_of(3, 3);
	path.server_port = 110;
	speak(&path, pop, true);
	finish(0);
	expect_truth();
	assert_int_equal(run.kinds[OBS_SESSION_START], 1);
	assert_int_equal(run.seen[0].server_port, 2626);
	assert_int_equal(run.seen[0].flags, 0);
}

static void
something_else_on_port_25(void **state)
{
	static const char *const ssh[] = {
	    "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", NULL};

	(void)state;
	begin(GEN_LINK_ETHERNET, 0);
	run.cfg.classify = true;
	struct gen_path path = path_of(1, 2);
	speak(&path, ssh, true);
	finish(0);
	const struct observation *end = first(OBS_SESSION_END);
	assert_false(end->u.end.is_smtp);
	assert_string_equal(end->u.end.protocol, "ssh");
	assert_true((end->u.end.habits & OBS_HABIT_NOT_SMTP) != 0);
}

static void
port_is_used_again(void **state)
{
	(void)state;
	begin(GEN_LINK_ETHERNET, 0);
	struct gen_path path = path_of(1, 2);
	for (unsigned i = 0; i < 3; i++) {
		talk(&path,
		    (struct gen_smtp){.pipelining = false, .no_quit = i == 1, .reset = i == 1}, 1,
		    2000);
		path.start_ns += 2 * CLOCK_SECOND_NS;
	}
	finish(0);
	expect_truth();
	assert_int_equal(run.truth.messages, 3);
	unsigned resets = 0;
	for (unsigned i = 0; i < run.seen_count; i++)
		resets +=
		    run.seen[i].kind == OBS_SESSION_END && run.seen[i].u.end.end == OBS_END_RST;
	assert_int_equal(resets, 1);
}

/* A SYN or RST that the peer never accepted must not hide what follows. */
static void
forged_control_packets(void **state)
{
	static const char *const one[] = {"220 mx ESMTP\r\n", "EHLO a.example\r\n", "250 ok\r\n",
	    "MAIL FROM:<a@a.example>\r\n", "250 2.1.0 Ok\r\n", "RCPT TO:<b@b.example>\r\n",
	    "250 2.1.5 Ok\r\n"};

	(void)state;
	for (unsigned how = 0; how < 2; how++) {
		begin(GEN_LINK_ETHERNET, 0);
		struct gen_path path = path_of(1, 2);
		struct gen_tcp *t = gen_tcp_new(run.g, &path);
		gen_tcp_handshake(t);
		for (unsigned i = 0; i < 7; i++)
			gen_tcp_send(
			    t, i % 2 == 0 ? GEN_SERVER : GEN_CLIENT, one[i], strlen(one[i]));
		if (how == 0)
			gen_tcp_raw(t, GEN_CLIENT, 4, 0, NULL, 0); /* RST with a small TTL, say */
		else
			gen_tcp_raw(
			    t, GEN_CLIENT, 2, 123456, NULL, 0); /* SYN with another number */
		gen_tcp_send(t, GEN_CLIENT, "RCPT TO:<c@b.example>\r\n", 23);
		gen_tcp_send(t, GEN_SERVER, "250 2.1.5 Ok\r\n", 14);
		gen_tcp_send(t, GEN_CLIENT, "DATA\r\n", 6);
		gen_tcp_send(t, GEN_SERVER, "354 go\r\n", 8);
		gen_tcp_send(t, GEN_CLIENT, "Subject: x\r\n\r\nhi\r\n.\r\n", 21);
		gen_tcp_send(t, GEN_SERVER, "250 2.0.0 queued\r\n", 18);
		gen_tcp_close(t, GEN_CLIENT);
		gen_tcp_free(t);
		finish(0);
		assert_int_equal(run.sum.recipients_accepted, 2);
		assert_int_equal(run.sum.messages, 1);
	}
}

static void
idle_sessions_end(void **state)
{
	static const char *const one[] = {
	    "220 mx ESMTP\r\n", "EHLO a.example\r\n", "250 ok\r\n", NULL};

	(void)state;
	begin(GEN_LINK_ETHERNET, 0);
	struct gen_path path = path_of(1, 2);
	speak(&path, one, false);
	finish(601 * CLOCK_SECOND_NS);
	const struct observation *end = first(OBS_SESSION_END);
	assert_int_equal(end->u.end.end, OBS_END_IDLE);
	assert_in_range(
	    end->time_ns, START_NS + 600 * CLOCK_SECOND_NS, START_NS + 602 * CLOCK_SECOND_NS);
	begin(GEN_LINK_ETHERNET, 0);
	speak(&path, one, false);
	finish(CLOCK_SECOND_NS);
	assert_int_equal(first(OBS_SESSION_END)->u.end.end, OBS_END_CAPTURE);
}

static void
full_table(void **state)
{
	static const char *const one[] = {
	    "220 mx ESMTP\r\n", "EHLO a.example\r\n", "250 ok\r\n", NULL};

	(void)state;
	begin(GEN_LINK_ETHERNET, 0);
	run.cfg.flows_max = 64;
	struct gen_path quiet = path_of(9, 9);
	speak(&quiet, one, false);
	for (unsigned i = 0; i < 200; i++) { /* one client floods */
		struct gen_path path = path_of(1, 2);
		path.client_port = (uint16_t)(20000 + i);
		path.start_ns += (i + 1) * 20000000;
		speak(&path, one, false);
	}
	finish(0);
	assert_int_equal(run.stats.evicted, 201 - 64);
	assert_int_equal(run.kinds[OBS_SESSION_END], 201);
	for (unsigned i = 0; i < run.seen_count; i++)
		if (run.seen[i].kind == OBS_SESSION_END && run.seen[i].client.bytes[15] == 9)
			assert_int_equal(run.seen[i].u.end.end, OBS_END_CAPTURE);
}

static void
inside_tls(void **state)
{
	int64_t messages = 0;
	unsigned early = 0;

	(void)state;
	begin(GEN_LINK_ETHERNET, 0);
	struct gen_path path = path_of(1, 2);
	talk(&path, (struct gen_smtp){.pipelining = false, .starttls = true}, 3, 4000);
	path = path_of(2, 2);
	path.server_port = 465;
	talk(&path, (struct gen_smtp){.pipelining = true, .implicit_tls = true}, 2, 4000);
	path = path_of(3, 2);
	path.server_port =
	    587; /* TLS at once where STARTTLS is the custom: the dialogue shows it */
	talk(&path, (struct gen_smtp){.pipelining = true, .implicit_tls = true}, 4, 4000);
	finish(0);
	assert_int_equal(run.smtp_sessions, 3);
	assert_int_equal(run.sum.messages, 0);
	assert_int_equal(run.sum.messages_estimated, 9);
	for (unsigned i = 0; i < run.seen_count; i++) {
		const struct observation *o = &run.seen[i];
		if (o->kind == OBS_ESTIMATE) {
			messages += o->u.estimate.messages;
			assert_true((o->flags & OBS_F_ESTIMATED) != 0);
			assert_int_equal(o->visibility, OBS_TLS);
			/* QUIT and the closing take more than two round trips of 2 ms. */
			const struct observation *end = &run.seen[i];
			while (end->kind != OBS_SESSION_END || end->session != o->session)
				end++;
			early += o->u.estimate.messages > 0 && o->time_ns + 2000000 < end->time_ns;
		}
		if (o->kind != OBS_SESSION_END)
			continue;
		assert_int_equal(
		    o->u.end.tls, o->server_port == 25 ? OBS_TLS_STARTTLS : OBS_TLS_IMPLICIT);
		assert_string_equal(o->u.end.sni, "mx.example.net");
		assert_int_equal(o->u.end.habits & (OBS_HABIT_NO_QUIT | OBS_HABIT_NO_DATA), 0);
		assert_string_equal(o->u.end.protocol, "");
	}
	assert_int_equal(messages, 9); /* the deltas add up to the totals */
	assert_int_equal(early, 9);    /* and each message is told while the session runs */
}

static void
refusals(void **state)
{
	(void)state;
	begin(GEN_LINK_ETHERNET, 0);
	struct gen_path path = path_of(1, 2);
	talk(&path,
	    (struct gen_smtp){
		.greeting = "554 5.7.1 [10.0.0.1] \x1b[31mblocked\x7f using zen.bl.example"},
	    1, 2000);
	finish(0);
	const struct observation *greeting = first(OBS_GREETING);
	assert_int_equal(greeting->u.greeting.reply.code, 554);
	for (const char *p = greeting->u.greeting.reply.text; *p != '\0'; p++)
		assert_in_range((unsigned char)*p, ' ', '~');
	begin(GEN_LINK_ETHERNET, 0);
	path.server_port = 587;
	talk(&path,
	    (struct gen_smtp){.starttls = true,
		.starttls_reply = "454 4.7.0 no",
		.auth_reply = "535 5.7.8 Bad",
		.early = true},
	    0, 2000);
	finish(0);
	const struct observation *end = first(OBS_SESSION_END);
	assert_int_equal(end->u.end.tls, OBS_TLS_REFUSED);
	assert_int_equal(end->u.end.auth_attempts, 1);
	assert_int_equal(end->u.end.auth_failures, 1);
	assert_true((end->u.end.habits & OBS_HABIT_EARLY) != 0);
}

static void
memory_is_fixed(void **state)
{
	struct sensor *s;
	struct err e;

	(void)state;
	begin(GEN_LINK_ETHERNET, 0);
	for (unsigned i = 1; i < 100; i++) {
		struct gen_path path = path_of(i, i);
		path.reorder = 0.2;
		path.start_ns += i * 1000000;
		talk(&path, (struct gen_smtp){.pipelining = i % 2 == 0, .starttls = i % 3 == 0}, 2,
		    4000);
	}
	gen_flush(run.g, INT64_MAX);
	assert_int_equal(sensor_new(&s, &run.cfg, see, &run, &e), 0);
	struct mallinfo2 before = mallinfo2();
	sensor_packets(s, run.packets, run.count);
	sensor_finish(s, run.packets[run.count - 1].time_ns);
	struct mallinfo2 after = mallinfo2();
	assert_int_equal(before.uordblks, after.uordblks);
	sensor_get_stats(s, &run.stats);
	assert_true(run.stats.memory_bytes > 0);
	assert_int_equal(run.smtp_sessions, 99);
	sensor_free(s);
	for (unsigned i = 0; i < run.count; i++)
		free((void *)(uintptr_t)run.packets[i].data);
	gen_free(run.g);
}

static void
bad_configuration(void **state)
{
	struct sensor_config cfg;
	struct sensor *s = NULL;
	struct err e;

	(void)state;
	sensor_config_init(&cfg);
	cfg.flows_max = 1;
	assert_true(sensor_new(&s, &cfg, see, &run, &e) < 0);
	assert_non_null(strstr(e.text, "flows_max"));
	sensor_config_init(&cfg);
	cfg.port_count = SENSOR_PORTS_MAX + 1;
	assert_true(sensor_new(&s, &cfg, see, &run, &e) < 0);
	sensor_config_init(&cfg);
	cfg.mmdb_asn_path = "/nonexistent.mmdb";
	assert_true(sensor_new(&s, &cfg, see, &run, &e) < 0);
	assert_non_null(strstr(e.text, "nonexistent"));
	assert_null(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(one_message),
	    cmocka_unit_test(every_shape), cmocka_unit_test(batches_do_not_matter),
	    cmocka_unit_test(odd_ports), cmocka_unit_test(something_else_on_port_25),
	    cmocka_unit_test(port_is_used_again), cmocka_unit_test(forged_control_packets),
	    cmocka_unit_test(idle_sessions_end), cmocka_unit_test(full_table),
	    cmocka_unit_test(inside_tls), cmocka_unit_test(refusals),
	    cmocka_unit_test(memory_is_fixed), cmocka_unit_test(bad_configuration)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
