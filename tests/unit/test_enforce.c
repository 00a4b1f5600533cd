/* SPDX-License-Identifier: ISC */
/*
 * The enforcer: its layout, its packets with their re-checks, and the child against the kernel of a
 * network namespace that this test makes (skipped without the right to make one).
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "policy/enforce.h"
#include "policy/enforce_wire.h"
#include "policy/enforcer.h"

#define NEWS_PATIENCE_MS 30000

static bool have_namespace;

static struct plan_element
element(const char *key, int64_t timeout_ns, const char *case_id)
{
	struct plan_element e = {.set = PLAN_SET_BLOCKED, .timeout_ns = timeout_ns};

	if (addr_prefix_parse(key, &e.prefix) < 0) {
		memset(&e.prefix, 0, sizeof(e.prefix));
		strncpy(e.ifname, key, sizeof(e.ifname) - 1);
	}
	strncpy(e.case_id, case_id, sizeof(e.case_id) - 1);
	return e;
}

/* --- the kernel --- */

static void
run(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static bool
works(const char *command)
{
	char line[512];

	snprintf(line, sizeof(line), "%s >/dev/null 2>&1", command);
	return system(line) == 0;
}

static struct enforce *
open_enforcer(const char *globs)
{
	struct enforce_config cfg = {.table = "bulkhead_test"};
	struct enforce *f = NULL;
	struct err e = {0};

	strncpy(cfg.tap_globs, globs, sizeof(cfg.tap_globs) - 1);
	if (enforce_open(&f, &cfg, &e) < 0)
		fail_msg("%s", e.text);
	return f;
}

static void
must(int r, const struct err *e)
{
	if (r < 0)
		fail_msg("%s", e->text);
}

static struct plan
list(struct enforce *f)
{
	struct plan p;
	struct err e;

	must(enforce_list(f, &p, &e), &e);
	return p;
}

static unsigned
list_count(struct enforce *f)
{
	struct plan p = list(f);
	unsigned n = p.count;

	plan_fini(&p);
	return n;
}

/* Waits for news of one kind. */
static struct enforce_report
wait_for(struct enforce *f, enum enforce_event event)
{
	struct pollfd p = {.events = POLLIN};
	struct enforce_report report;

	p.fd = enforce_fd(f);
	for (;;) {
		assert_int_equal(enforce_poll(f, &report), 0);
		if (report.event == event)
			return report;
		if (report.event == ENFORCE_NOTHING && poll(&p, 1, NEWS_PATIENCE_MS) == 0)
			fail_msg("no news of kind %d", event);
	}
}

static void
test_block_and_release(void **state)
{
	struct plan_element e[3] = {element("vnet1", CLOCK_HOUR_NS, "bh-one"),
	    element("192.0.2.8/29", 0, "bh-two"),
	    element("2001:db8::/64", CLOCK_DAY_NS, "bh-three")};
	struct enforce *f;
	struct plan p;
	struct err err;

	(void)state;
	if (!have_namespace)
		skip();
	f = open_enforcer("");
	must(enforce_block(f, e, 3, &err), &err);
	p = list(f);
	assert_int_equal(p.count, 3); /* sorted: IPv4, IPv6, names */
	assert_int_equal(plan_compare(&p.elements[0], &e[1]), 0);
	assert_int_equal(p.elements[0].timeout_ns, 0);
	assert_string_equal(p.elements[2].case_id, "bh-one");
	assert_true(p.elements[2].timeout_ns > CLOCK_HOUR_NS - 10 * CLOCK_SECOND_NS);
	assert_true(p.elements[2].timeout_ns <= CLOCK_HOUR_NS);
	plan_fini(&p);

	e[0].timeout_ns = 2 * CLOCK_HOUR_NS; /* the same again, longer, with another case */
	strcpy(e[0].case_id, "bh-again");
	must(enforce_block(f, e, 1, &err), &err);
	p = list(f);
	assert_int_equal(p.count, 3);
	assert_string_equal(p.elements[2].case_id, "bh-again");
	assert_true(p.elements[2].timeout_ns > CLOCK_HOUR_NS);
	plan_fini(&p);

	must(enforce_release(f, &e[0], 2, &err), &err);
	must(enforce_release(f, &e[0], 2, &err), &err); /* absent ones are no error */
	assert_int_equal(list_count(f), 1);
	must(enforce_block(f, NULL, 0, &err), &err);

	assert_true(works("nft delete element inet bulkhead_test blocked6_64 '{ 2001:db8:: }'"));
	wait_for(f, ENFORCE_REPAIRED);
	assert_int_equal(list_count(f), 1);
	enforce_close(f);
}

static void
test_child_checks_again(void **state)
{
	struct plan_element good = element("vnet1", CLOCK_HOUR_NS, "bh-one"),
			    bad[] = {good, element("lo", 0, "")};
	struct enforce *f;
	struct plan p;
	struct err err;

	(void)state;
	if (!have_namespace)
		skip();
	f = open_enforcer("");
	plan_init(&p);
	must(enforce_replace_all(f, &p, &err), &err);
	assert_int_equal(enforce_block(f, bad, 2, &err), -EINVAL);
	assert_non_null(strstr(err.text, "\"lo\""));
	assert_int_equal(list_count(f), 0); /* not even the good one */
	run("ip link add bt-br type bridge");
	wait_for(f, ENFORCE_LINK_CHANGED);
	bad[0] = element("bt-br", 0, "");
	assert_int_equal(enforce_block(f, bad, 1, &err), -EINVAL);
	assert_non_null(strstr(err.text, "bt-br"));
	run("ip link del bt-br");
	must(enforce_block(f, &good, 1, &err), &err);
	must(enforce_replace_all(f, &p, &err), &err);
	enforce_close(f);
}

static void
test_replace_all(void **state)
{
	struct enforce *f;
	struct plan p, back;
	struct err err;
	unsigned i;

	(void)state;
	if (!have_namespace)
		skip();
	f = open_enforcer("");
	plan_init(&p);
	for (i = 0; i < 10000; i++) {
		struct plan_element e = {.timeout_ns = CLOCK_HOUR_NS, .case_id = "bh-many"};

		if (i % 2 == 0)
			snprintf(e.ifname, sizeof(e.ifname), "tap%u", i);
		else
			e.prefix = (struct addr_prefix){
			    .addr = addr_from_v4((uint8_t[]){10, 1, (uint8_t)(i >> 8), (uint8_t)i}),
			    .bits = 128};
		assert_int_equal(plan_add(&p, &e), 0);
	}
	plan_finish(&p);
	must(enforce_replace_all(f, &p, &err), &err);
	back = list(f);
	assert_int_equal(back.count, 10000);
	for (i = 0; i < back.count; i++)
		assert_int_equal(plan_compare(&p.elements[i], &back.elements[i]), 0);
	plan_fini(&back);
	must(enforce_release(f, p.elements, p.count, &err),
	    &err); /* many packets, one transaction */
	assert_int_equal(list_count(f), 0);
	p.count = 0;
	must(enforce_replace_all(f, &p, &err), &err);
	plan_fini(&p);
	enforce_close(f);
}

static void
test_links(void **state)
{
	struct plan_element e = element("bt-tap1", CLOCK_HOUR_NS, "bh-tap");
	struct enforce_report report;
	struct enforce *f;
	struct err err;

	(void)state;
	if (!have_namespace)
		skip();
	f = open_enforcer("bt-tap*\nother*");
	run("ip link add bt-tap1 type veth peer name bt-peer");
	report = wait_for(f, ENFORCE_LINK_CHANGED);
	while (strcmp(report.ifname, "bt-tap1") != 0)
		report = wait_for(f, ENFORCE_LINK_CHANGED);
	assert_true(report.link_up);
	assert_true(works("nft list table netdev bulkhead_test | grep -q 'device \"bt-tap1\"'"));
	assert_false(works("nft list table netdev bulkhead_test | grep -q bt-peer"));
	must(enforce_block(f, &e, 1, &err), &err);
	assert_int_equal(list_count(f), 1);
	run("ip link set bt-tap1 name bt-tap9"); /* another name is another link */
	report = wait_for(f, ENFORCE_LINK_CHANGED);
	assert_false(report.link_up);
	assert_string_equal(report.ifname, "bt-tap1");
	report = wait_for(f, ENFORCE_LINK_CHANGED);
	assert_true(report.link_up);
	assert_string_equal(report.ifname, "bt-tap9");
	assert_int_equal(list_count(f), 0);
	e = element("bt-tap9", CLOCK_HOUR_NS, "bh-tap");
	must(enforce_block(f, &e, 1, &err), &err);
	run("ip link del bt-tap9");
	do
		report = wait_for(f, ENFORCE_LINK_CHANGED);
	while (strcmp(report.ifname, "bt-tap9") != 0);
	assert_false(report.link_up);
	assert_int_equal(list_count(f), 0);
	assert_false(works("nft list table netdev bulkhead_test | grep -q bt-tap"));
	enforce_close(f);
}

static void
test_repair(void **state)
{
	struct plan_element e = element("vnet1", CLOCK_HOUR_NS, "bh-repair");
	struct enforce_report report;
	struct enforce *f;
	struct err err;

	(void)state;
	if (!have_namespace)
		skip();
	f = open_enforcer("");
	must(enforce_block(f, &e, 1, &err), &err);
	assert_int_equal(enforce_poll(f, &report), 0);
	assert_int_equal(report.event, ENFORCE_NOTHING); /* our own changes are no news */
	run("nft add table inet somebody; nft delete table inet somebody");
	run("nft flush ruleset");
	report = wait_for(f, ENFORCE_REPAIRED);
	assert_non_null(strstr(report.text, "nft"));
	assert_int_equal(list_count(f), 1);
	assert_true(works("nft list chain inet bulkhead_test net"));
	/* A verb that meets missing tables puts them back first. */
	run("nft delete table inet bulkhead_test");
	must(enforce_release(f, &e, 1, &err), &err);
	assert_int_equal(list_count(f), 0);
	/* Something of another shape under our name is cleared away. */
	run("nft 'flush ruleset; add table inet bulkhead_test; add set inet bulkhead_test blocked "
	    "{ type ipv4_addr; }'");
	wait_for(f, ENFORCE_REPAIRED);
	must(enforce_block(f, &e, 1, &err), &err);
	assert_int_equal(list_count(f), 1);
	enforce_close(f);
	run("nft flush ruleset");
}

/* Nobody waits for what is posted; it is done in order, and what fails is told with its server. */
static void
test_post(void **state)
{
	struct plan_element e = element("vnet1", CLOCK_HOUR_NS, "bh-post"),
			    bad = element("vnet2", -1, "bh-bad");
	struct enforce_report report;
	struct enforce *f;
	struct err err;

	(void)state;
	if (!have_namespace)
		skip();
	f = open_enforcer("");
	must(enforce_post_block(f, "vm-a", &e, 1, &err), &err);
	assert_int_equal(list_count(f), 1); /* asked later, done later */
	must(enforce_post_release(f, "vm-a", &e, 1, &err), &err);
	must(enforce_post_block(f, "vm-b", &bad, 1, &err), &err);
	assert_int_equal(list_count(f), 0);
	report = wait_for(f, ENFORCE_FAILED);
	assert_string_equal(report.server, "vm-b");
	assert_string_equal(report.verb, "block");
	assert_int_not_equal(report.text[0], '\0');
	assert_int_equal(enforce_poll(f, &report), 0);
	assert_int_equal(report.event, ENFORCE_NOTHING); /* once */
	for (unsigned i = 0; i < 200; i++)		 /* more than can be outstanding */
		must(i % 2 == 0 ? enforce_post_block(f, "vm-a", &e, 1, &err)
				: enforce_post_release(f, "vm-a", &e, 1, &err),
		    &err);
	must(enforce_post_release(f, "vm-b", &bad, 0, &err), &err); /* nothing is nothing */
	assert_int_equal(list_count(f), 0);
	assert_int_equal(enforce_poll(f, &report), 0);
	assert_int_equal(report.event, ENFORCE_NOTHING);

	/* The news of an answer alone wakes the judge; a child that hangs is told of, and works later. */
	assert_int_equal(kill(enforce_pid(f), SIGSTOP), 0);
	must(enforce_post_block(f, "vm-c", &e, 1, &err), &err);
	usleep(2200000);
	assert_int_equal(enforce_poll(f, &report), 0);
	assert_int_equal(report.event, ENFORCE_FAILED);
	assert_string_equal(report.server, "vm-c");
	assert_non_null(strstr(report.text, "in time"));
	assert_int_equal(kill(enforce_pid(f), SIGCONT), 0);
	must(enforce_post_block(f, "vm-d", &bad, 1, &err), &err);
	report = wait_for(f, ENFORCE_FAILED);
	assert_string_equal(report.server, "vm-d");
	assert_int_equal(list_count(f), 1);

	/* Five in a row without an answer: it is as good as gone. */
	assert_int_equal(kill(enforce_pid(f), SIGSTOP), 0);
	for (unsigned i = 0; i < 5; i++)
		must(enforce_post_block(f, "vm-a", &e, 1, &err), &err);
	usleep(2200000);
	assert_int_equal(enforce_poll(f, &report), 0);
	assert_int_equal(report.event, ENFORCE_GONE);
	assert_int_equal(enforce_post_block(f, "vm-a", &e, 1, &err), -EPIPE);
	assert_int_equal(kill(enforce_pid(f), SIGKILL), 0);
	enforce_close(f);
	run("nft flush ruleset");
}

static void
test_death(void **state)
{
	struct plan_element e = element("vnet1", CLOCK_HOUR_NS, "bh-death");
	struct enforce_report report;
	struct enforce *f;
	struct plan p;
	struct err err;
	uint32_t mask;

	(void)state;
	if (!have_namespace)
		skip();
	f = open_enforcer("");
	must(enforce_block(f, &e, 1, &err), &err);
	assert_int_equal(
	    kill(enforce_pid(f), SIGTERM), 0); /* it ends with its judge, not by a signal to all */
	assert_int_equal(list_count(f), 1);
	assert_int_equal(kill(enforce_pid(f), SIGKILL), 0);
	report = wait_for(f, ENFORCE_GONE);
	assert_int_equal(enforce_block(f, &e, 1, &err), -EPIPE);
	assert_non_null(strstr(err.text, "enforcer has ended"));
	assert_int_equal(enforce_list(f, &p, &err), -EPIPE);
	assert_int_equal(enforce_features(f, &mask, &err), -EPIPE);
	assert_int_equal(enforce_poll(f, &report), 0);
	assert_int_equal(report.event, ENFORCE_GONE);
	enforce_close(f);

	f = open_enforcer(""); /* what stands stands on */
	p = list(f);
	assert_int_equal(p.count, 1);
	assert_string_equal(p.elements[0].case_id, "bh-death");
	plan_fini(&p);
	enforce_close(f);
	run("nft flush ruleset");
}

static void
test_features(void **state)
{
	struct enforce_config cfg = {.table = "bulkhead_test"};
	struct enforce *f = NULL;
	struct err err = {0};
	uint32_t mask;
	unsigned i;

	(void)state;
	if (!have_namespace)
		skip();
	must(enforce_open(&f, &cfg, &err), &err);
	must(enforce_features(f, &mask, &err), &err);
	assert_true((mask & 1u << ENFORCE_INET) != 0);
	enforce_close(f);
	assert_false(works("nft list ruleset | grep probe")); /* probing leaves nothing */
	cfg.probe_off[ENFORCE_NETDEV_INGRESS] = true;
	must(enforce_open(&f, &cfg, &err), &err);
	must(enforce_features(f, &mask, &err), &err);
	assert_int_equal(mask & 1u << ENFORCE_NETDEV_INGRESS, 0);
	assert_false(works("nft list table netdev bulkhead_test"));
	enforce_close(f);
	for (i = 0; i < ENFORCE_FEATURE__COUNT; i++)
		cfg.probe_off[i] = true;
	assert_int_equal(enforce_open(&f, &cfg, &err), -ENOSYS);
	strcpy(cfg.table, "no; flush");
	assert_int_equal(enforce_open(&f, &cfg, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no; flush"));
	assert_string_equal(enforce_feature_name(ENFORCE_BRIDGE_REJECT), "bridge-reject");
	run("nft flush ruleset");
}

/* Without the capability there is a sentence, and nothing is left running. */
static void
test_no_capability(void **state)
{
	struct enforce_config cfg = {.table = "bulkhead_test"};
	struct enforce *f = NULL;
	struct err e = {0};
	int status;
	pid_t pid;

	(void)state;
	if (!have_namespace)
		skip();
	pid = fork();
	if (pid == 0) {
		if (setgid(65534) != 0 || setuid(65534) != 0)
			_exit(9);
		_exit(enforce_open(&f, &cfg, &e) == -EPERM && strstr(e.text, "run as root") != NULL
			  ? 0
			  : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* --- a judge that talks nonsense --- */

static ssize_t
exchange(int fd, const void *data, size_t size, uint8_t *buf, size_t room)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), (ssize_t)size);
	if (poll(&p, 1, NEWS_PATIENCE_MS) == 0)
		fail_msg("no answer");
	return recv(fd, buf, room, 0);
}

static void
expect_failed(const uint8_t *buf, ssize_t n, uint32_t errno_value)
{
	struct enforce_wire_header h;
	struct wire_reader r;

	wire_reader_init(&r, buf, (size_t)n);
	assert_int_equal(enforce_wire_get_header(&r, &h), 0);
	assert_int_equal(h.type, ENFORCE_WIRE_FAILED);
	assert_int_equal(wire_get_u32(&r), errno_value);
}

static void
test_nonsense(void **state)
{
	static const uint8_t short_header[] = {ENFORCE_WIRE_VERSION, ENFORCE_WIRE_BLOCK},
			     no_id[] = {ENFORCE_WIRE_VERSION, ENFORCE_WIRE_BLOCK, 0, 0, 0, 0, 0, 0,
				 0, 0},
			     no_verb[] = {ENFORCE_WIRE_VERSION, 99, 0, 0, 0, 0, 0, 1, 0, 0},
			     lying_count[] = {ENFORCE_WIRE_VERSION, ENFORCE_WIRE_BLOCK, 0, 0, 0, 0,
				 0, 2, 0, 9, 1, 2},
			     huge_count[] = {ENFORCE_WIRE_VERSION, ENFORCE_WIRE_BLOCK, 0, 0, 0, 0,
				 0, 3, 0xff, 0xff};
	static uint8_t too_long[ENFORCE_WIRE_PACKET_MAX + 1], buf[ENFORCE_WIRE_PACKET_MAX];
	struct enforce_config cfg = {.table = "bulkhead_test"};
	int requests[2], events[2], status;
	pid_t pid;

	(void)state;
	if (!have_namespace)
		skip();
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, requests), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, events), 0);
	pid = fork();
	if (pid == 0)
		_exit(enforcer_run(&cfg, requests[1], events[1]));
	close(requests[1]);
	close(events[1]);
	do /* on a slow machine it says that it is at work */
		assert_int_equal(recv(requests[0], buf, sizeof(buf), 0), 12);
	while (buf[1] == ENFORCE_WIRE_PROGRESS);
	assert_int_equal(buf[1], ENFORCE_WIRE_DONE);

	expect_failed(buf,
	    exchange(requests[0], short_header, sizeof(short_header), buf, sizeof(buf)), EBADMSG);
	expect_failed(buf, exchange(requests[0], no_id, sizeof(no_id), buf, sizeof(buf)), EBADMSG);
	expect_failed(
	    buf, exchange(requests[0], no_verb, sizeof(no_verb), buf, sizeof(buf)), EBADMSG);
	expect_failed(buf,
	    exchange(requests[0], lying_count, sizeof(lying_count), buf, sizeof(buf)), EBADMSG);
	expect_failed(
	    buf, exchange(requests[0], huge_count, sizeof(huge_count), buf, sizeof(buf)), EBADMSG);
	expect_failed(
	    buf, exchange(requests[0], too_long, sizeof(too_long), buf, sizeof(buf)), EBADMSG);

	close(requests[0]);
	close(events[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid); /* and it ends with its judge */
	assert_int_equal(status, 0);
	run("nft flush ruleset");
}

static int
make_namespace(void **state)
{
	(void)state;
	log_init("test_enforce", LOG_LEVEL_ERROR);
	have_namespace = geteuid() == 0 && unshare(CLONE_NEWNET) == 0 &&
			 works("ip link set lo up") && works("nft -v");
	if (!have_namespace)
		print_message(
		    "SKIPPED: the kernel's part needs root, network namespaces, ip and nft\n");
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_block_and_release),
	    cmocka_unit_test(test_child_checks_again),
	    cmocka_unit_test(test_replace_all),
	    cmocka_unit_test(test_links),
	    cmocka_unit_test(test_repair),
	    cmocka_unit_test(test_post),
	    cmocka_unit_test(test_death),
	    cmocka_unit_test(test_features),
	    cmocka_unit_test(test_no_capability),
	    cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, make_namespace, NULL);
}
