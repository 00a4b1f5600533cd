/* SPDX-License-Identifier: ISC */
/*
 * The sensor and what a capture makes of traffic: devices and crossings, losses, beginnings that were missed, one side
 * alone.
 */
#include "tests/unit/sensor_fixture.h"

static void
failed_connections(void **state)
{
	(void)state;
	begin(GEN_LINK_ETHERNET, 0);
	struct gen_path path = path_of(1, 2);
	gen_refused(run.g, &path);
	path.client_port++;
	gen_unanswered(
	    run.g, &path, 7); /* the last SYN comes 63 s after the first: still one attempt */
	path.client_port++;
	path.server_port = 2626; /* not ours */
	gen_refused(run.g, &path);
	path = path_of(3, 4);
	path.start_ns += 100 * CLOCK_SECOND_NS;
	gen_unanswered(run.g, &path, 1); /* the capture ends before its time */
	finish(0);
	assert_int_equal(run.seen_count, 3);
	assert_int_equal(run.kinds[OBS_CONNECT_FAILED], 3);
	assert_int_equal(run.seen[0].u.connect_failed.how, OBS_CONNECT_REFUSED);
	assert_int_equal(run.seen[1].u.connect_failed.how, OBS_CONNECT_UNANSWERED);
	assert_in_range(
	    run.seen[1].time_ns, START_NS + 30 * CLOCK_SECOND_NS, START_NS + 64 * CLOCK_SECOND_NS);
	assert_int_equal(run.seen[2].u.connect_failed.how, OBS_CONNECT_UNANSWERED);
	assert_true(run.seen[0].session != run.seen[1].session);
}

static void
interfaces(void *arg, uint32_t ifindex, struct sensor_interface *out)
{
	unsigned *calls = arg;

	++*calls;
	out->role = ifindex < 100 ? SENSOR_ROLE_TENANT : SENSOR_ROLE_IGNORE;
	snprintf(out->name, sizeof(out->name), "vnet%u", ifindex);
}

static void
taps(void **state)
{
	unsigned calls = 0;

	(void)state;
	begin(GEN_LINK_SLL2, 0);
	run.cfg.interface_of = interfaces;
	run.cfg.interface_arg = &calls;
	struct gen_path path = path_of(1, 2);
	path.tap_ifindex = 5;
	path.uplink_ifindex = 100;
	talk(&path, (struct gen_smtp){.pipelining = true}, 1, 2000);
	/* Tenant 7 mails tenant 8 on the same host: both taps see it. */
	path = path_of(7, 8);
	path.start_ns += CLOCK_SECOND_NS;
	path.tap_ifindex = 7;
	path.uplink_ifindex = 8;
	talk(&path, (struct gen_smtp){.pipelining = true}, 1, 2000);
	finish(0);
	assert_int_equal(calls, 4);
	assert_int_equal(run.smtp_sessions, 3);
	assert_int_equal(run.stats.ignored, run.count / 4);
	assert_int_equal(run.stats.other_crossings, 0);
	unsigned inbound = 0;
	for (unsigned i = 0; i < run.seen_count; i++) {
		const struct observation *o = &run.seen[i];
		if (o->kind != OBS_MESSAGE)
			continue;
		inbound += (o->flags & OBS_F_INBOUND) != 0;
		if ((o->flags & OBS_F_INBOUND) != 0) {
			assert_string_equal(o->ifname, "vnet8");
			assert_memory_equal(&o->mac, &path.server_mac, sizeof(o->mac));
		} else if (o->client.bytes[15] == 7) {
			assert_string_equal(o->ifname, "vnet7");
			assert_memory_equal(&o->mac, &path.client_mac, sizeof(o->mac));
		} else {
			assert_string_equal(o->ifname, "vnet5");
		}
	}
	assert_int_equal(inbound, 1);
	assert_int_equal(run.kinds[OBS_MESSAGE], 3);
}

static void
one_device(void *arg, uint32_t ifindex, struct sensor_interface *out)
{
	const char *name = arg;

	assert_int_equal(ifindex, 0);
	out->role = name[0] != '\0' ? SENSOR_ROLE_TENANT : SENSOR_ROLE_WATCH;
	strcpy(out->name, name);
}

/* A capture of one device tells no index: its role is asked for all the same. */
static void
named_device(void **state)
{
	static char tap[] = "vnet7", uplink[] = "";
	char *const names[] = {tap, uplink};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		begin(GEN_LINK_ETHERNET, 0);
		run.cfg.interface_of = one_device;
		run.cfg.interface_arg = names[i];
		struct gen_path path = path_of(1, 2);
		talk(&path, (struct gen_smtp){.pipelining = true}, 2, 2000);
		finish(0);
		assert_int_equal(run.kinds[OBS_MESSAGE], 2);
		for (unsigned k = 0; k < run.seen_count; k++)
			assert_string_equal(run.seen[k].ifname, names[i]);
	}
}

/* A capture file without roles: every packet twice, one copy counts. */
static void
crossings_without_roles(void **state)
{
	(void)state;
	begin(GEN_LINK_SLL2, 0);
	struct gen_path path = path_of(1, 2);
	path.tap_ifindex = 5;
	path.uplink_ifindex = 2;
	talk(&path, (struct gen_smtp){.pipelining = true}, 2, 5000);
	finish(0);
	expect_truth();
	assert_int_equal(run.stats.other_crossings, run.count / 2);
	assert_int_equal(run.stats.retransmitted, 0);
	assert_string_equal(first(OBS_MESSAGE)->ifname, "");
}

static void
lost_packets(void **state)
{
	(void)state;
	begin(GEN_LINK_ETHERNET, 0);
	struct gen_path path = path_of(1, 2);
	path.loss = 0.02;
	talk(&path, (struct gen_smtp){.pipelining = true}, 8, 60000);
	finish(0);
	assert_true(run.stats.gaps > 0);
	assert_true((run.seen[run.seen_count - 1].flags & OBS_F_GAP) != 0);
	assert_int_equal(run.smtp_sessions, 1);
	assert_in_range(run.sum.messages, 7, 8);
}

/* The reply proves that its command was lost: the gap comes before it, of exactly that size. */
static void
lost_command(void **state)
{
	static const char *const lines[] = {"220 mx ESMTP\r\n", "EHLO a.example\r\n", "250 ok\r\n",
	    "MAIL FROM:<a@a.example>\r\n", "250 2.1.0 Ok\r\n", "RCPT TO:<b@b.example>\r\n",
	    "250 2.1.5 Ok\r\n"};

	(void)state;
	begin(GEN_LINK_ETHERNET, 0);
	struct gen_path path = path_of(1, 2);
	struct gen_tcp *t = gen_tcp_new(run.g, &path);
	gen_tcp_handshake(t);
	for (unsigned i = 0; i < 7; i++) {
		gen_tcp_hide(t, GEN_CLIENT, i == 5);
		gen_tcp_send(t, i % 2 == 0 ? GEN_SERVER : GEN_CLIENT, lines[i], strlen(lines[i]));
	}
	gen_tcp_free(t);
	finish(0);
	assert_int_equal(run.stats.gaps, 1);
	assert_int_equal(run.stats.gap_bytes, strlen(lines[5]));
	assert_int_equal(run.sum.recipients_accepted, 1);
	assert_true((first(OBS_RECIPIENT)->flags & OBS_F_GAP) != 0);
}

static void
middle_of_a_session(void **state)
{
	(void)state;
	begin(GEN_LINK_ETHERNET, 0);
	struct gen_path path = path_of(1, 2);
	path.skip_packets = 20;
	talk(&path, (struct gen_smtp){.pipelining = false}, 5, 3000);
	finish(0);
	assert_int_equal(run.smtp_sessions, 1);
	assert_int_equal(run.stats.midstream, 1);
	assert_true((first(OBS_SESSION_START)->flags & OBS_F_MIDSTREAM) != 0);
	assert_in_range(run.sum.messages, 4, 5);
	assert_int_equal(run.seen[0].client.bytes[15], 1);
}

static void
one_side_only(void **state)
{
	(void)state;
	for (unsigned side = 0; side < 2; side++) {
		begin(GEN_LINK_ETHERNET, 0);
		struct gen_path path = path_of(1, 2);
		path.hide_client = side == 0;
		path.hide_server = side == 1;
		talk(&path, (struct gen_smtp){.pipelining = false}, 2, 2000);
		finish(0);
		assert_int_equal(run.smtp_sessions, 1);
		assert_int_equal(run.stats.one_sided, 1);
		const struct observation *end = &run.seen[run.seen_count - 1];
		assert_true((end->flags & OBS_F_ONE_SIDED) != 0);
		assert_int_equal(end->client.bytes[15], 1);
		if (side == 1) { /* no replies: nothing was accepted */
			assert_int_equal(run.sum.messages, 0);
			assert_int_equal(run.sum.recipients_accepted, 0);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(failed_connections),
	    cmocka_unit_test(taps),
	    cmocka_unit_test(named_device),
	    cmocka_unit_test(crossings_without_roles),
	    cmocka_unit_test(lost_packets),
	    cmocka_unit_test(lost_command),
	    cmocka_unit_test(middle_of_a_session),
	    cmocka_unit_test(one_side_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
