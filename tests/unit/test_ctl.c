/* SPDX-License-Identifier: ISC */
/* The control socket: frames, roles, limits, and that nonsense closes only its own connection. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "policy/ctl.h"
#include "policy/guard.h"
#include "tests/unit/guard_fixture.h"

#define FOREIGN_UID 12345

static char ctl_path[SCRATCH_BYTES + 16];
static struct ctl *served;

static int
setup_socket(void **state)
{
	struct fixture *f;

	if (setup_with(state, NULL, NULL) != 0)
		return -1;
	f = *state;
	if (chmod(f->dir, 0755) != 0)
		return -1;
	snprintf(ctl_path, sizeof(ctl_path), "%s/ctl.sock", f->dir);
	return ctl_open(&served, ctl_path, &f->settings, (gid_t)-1, NULL);
}

static int
teardown_socket(void **state)
{
	ctl_close(served);
	return teardown(state);
}

static int
dial(void)
{
	int fd = sock_connect(ctl_path, SOCK_STREAM, NULL);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void
send_raw(int fd, const void *data, size_t size)
{
	assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), size);
}

static void
send_text(int fd, const char *text)
{
	uint32_t length = htonl((uint32_t)strlen(text));

	send_raw(fd, &length, sizeof(length));
	send_raw(fd, text, strlen(text));
}

/* Lets the guard work until the reply is whole; NULL when the connection was closed instead. */
static json_t *
receive(struct fixture *f, int fd)
{
	static char buf[4 << 20];
	size_t used = 0;

	for (unsigned round = 0; round < 2000; round++) {
		ssize_t n;
		uint32_t length;

		ctl_poll(served, &f->g);
		n = recv(fd, buf + used, sizeof(buf) - used, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return NULL;
		used += n > 0 ? (size_t)n : 0;
		if (used < sizeof(length))
			continue;
		memcpy(&length, buf, sizeof(length));
		if (used >= sizeof(length) + ntohl(length))
			return json_loadb(buf + sizeof(length), ntohl(length), 0, NULL);
	}
	fail_msg("no reply");
	return NULL;
}

static bool
is_closed(struct fixture *f, int fd)
{
	char byte;

	for (unsigned round = 0; round < 10; round++)
		ctl_poll(served, &f->g);
	errno = 0;
	/* A reset says that the other side went while something was unread. */
	return recv(fd, &byte, 1, MSG_DONTWAIT) <= 0 && errno != EAGAIN;
}

/* The error's code; "" when it went well. */
static const char *
code_of(const json_t *reply, char buf[32])
{
	const char *code =
	    json_string_value(json_object_get(json_object_get(reply, "error"), "code"));

	assert_non_null(reply);
	assert_int_equal(json_integer_value(json_object_get(reply, "version")), CTL_VERSION);
	assert_int_equal(json_is_true(json_object_get(reply, "ok")), code == NULL);
	snprintf(buf, 32, "%s", code != NULL ? code : "");
	return buf;
}

static const char *
ask(struct fixture *f, int fd, const char *request, char buf[32])
{
	json_t *reply;

	send_text(fd, request);
	reply = receive(f, fd);
	code_of(reply, buf);
	json_decref(reply);
	return buf;
}

#define STATUS "{\"version\":1,\"command\":\"status\",\"args\":{}}"

static void
answers_several_requests(void **state)
{
	struct fixture *f = *state;
	int fd = dial();
	char code[32];

	assert_string_equal(ask(f, fd, STATUS, code), "");
	assert_string_equal(ask(f, fd, "{\"version\":1,\"command\":\"ledger.head\"}", code), "");
	assert_string_equal(
	    ask(f, fd, "{\"version\":1,\"command\":\"no.such\",\"args\":{}}", code), "ENOSYS");
	assert_string_equal(
	    ask(f, fd, "{\"version\":1,\"command\":\"server.show\",\"args\":{}}", code), "EINVAL");
	assert_string_equal(
	    ask(f, fd, "{\"version\":1,\"command\":\"server.show\",\"args\":{\"server\":\"vm-0\"}}",
		code),
	    "ENOENT");
	assert_string_equal(ask(f, fd, STATUS, code), "");
	close(fd);
}

static void
pipelined_and_slow_requests(void **state)
{
	struct fixture *f = *state;
	int fd = dial();
	uint32_t length = htonl((uint32_t)strlen(STATUS));
	char code[32];
	json_t *reply;

	send_text(fd, STATUS);
	send_text(fd, STATUS);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t got;
		char *body;

		for (unsigned round = 0; round < 5; round++)
			ctl_poll(served, &f->g);
		assert_int_equal(recv(fd, &got, sizeof(got), MSG_DONTWAIT), sizeof(got));
		body = malloc(ntohl(got));
		assert_int_equal(recv(fd, body, ntohl(got), MSG_DONTWAIT), ntohl(got));
		reply = json_loadb(body, ntohl(got), 0, NULL);
		assert_string_equal(code_of(reply, code), "");
		json_decref(reply);
		free(body);
	}
	for (size_t i = 0; i < sizeof(length); i++) {
		send_raw(fd, (char *)&length + i, 1);
		ctl_poll(served, &f->g);
	}
	for (size_t i = 0; i < strlen(STATUS); i++) {
		send_raw(fd, &STATUS[i], 1);
		ctl_poll(served, &f->g);
	}
	reply = receive(f, fd);
	assert_string_equal(code_of(reply, code), "");
	json_decref(reply);
	close(fd);
}

static void
nonsense_closes_its_connection_only(void **state)
{
	static const char *const requests[] = {
	    "hello",
	    "[]",
	    "{}",
	    "{\"version\":2,\"command\":\"status\",\"args\":{}}",
	    "{\"version\":\"1\",\"command\":\"status\",\"args\":{}}",
	    "{\"version\":1,\"args\":{}}",
	    "{\"version\":1,\"command\":7}",
	    "{\"version\":1,\"command\":\"status\",\"args\":[]}",
	    "{\"version\":1,\"command\":\"status\",\"command\":\"mode\"}",
	    "{\"version\":1,\"command\":\"st\\u0000atus\"}",
	    "\xff\xfe{",
	};
	struct fixture *f = *state;
	int good = dial();
	char code[32];

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		int fd = dial();

		assert_string_not_equal(ask(f, fd, requests[i], code), "");
		/* It may read its reply; then the connection is of no use any more. */
		send_text(fd, STATUS);
		shutdown(fd, SHUT_WR);
		assert_true(is_closed(f, fd));
		close(fd);
		assert_string_equal(ask(f, good, STATUS, code), "");
	}
	close(good);
}

static void
impossible_lengths_are_refused(void **state)
{
	const uint32_t lengths[] = {0, SOCK_FRAME_MAX + 1, UINT32_MAX};
	struct fixture *f = *state;
	char code[32];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint32_t length = htonl(lengths[i]);
		int fd = dial();
		json_t *reply;

		send_raw(fd, &length, sizeof(length));
		reply = receive(f, fd);
		assert_string_equal(code_of(reply, code), "EMSGSIZE");
		json_decref(reply);
		close(fd);
	}
}

static void
buffers_are_bounded(void **state)
{
	struct fixture *f = *state;
	uint32_t length = htonl(SOCK_FRAME_MAX);
	unsigned refused = 0;
	int fds[6];

	/* Each announces the largest frame; the third and all after it find no room. */
	for (unsigned i = 0; i < 6; i++) {
		char byte;

		fds[i] = dial();
		send_raw(fds[i], &length, sizeof(length));
		for (unsigned round = 0; round < 3; round++)
			ctl_poll(served, &f->g);
		refused += recv(fds[i], &byte, 1, MSG_DONTWAIT) == 1;
	}
	assert_int_equal(refused, 4);
	for (unsigned i = 0; i < 6; i++)
		close(fds[i]);
	ctl_poll(served, &f->g);
	/* And the room is given back. */
	fds[0] = dial();
	assert_string_equal(ask(f, fds[0], STATUS, (char[32]){0}), "");
	close(fds[0]);
}

static void
connections_per_user_are_limited(void **state)
{
	struct fixture *f = *state;
	int fds[40];
	unsigned open = 0;
	char code[32];

	for (unsigned i = 0; i < 40; i++)
		fds[i] = dial();
	for (unsigned i = 0; i < 40; i++)
		open += !is_closed(f, fds[i]);
	assert_int_equal(open, 16);
	for (unsigned i = 0; i < 40; i++)
		close(fds[i]);
	ctl_poll(served, &f->g);
	fds[0] = dial();
	assert_string_equal(ask(f, fds[0], STATUS, code), "");
	close(fds[0]);
}

static void
idle_clients_are_closed(void **state)
{
	struct fixture *f = *state;
	int fd = dial();

	assert_false(is_closed(f, fd));
	f->g.now_ns += 59 * CLOCK_SECOND_NS;
	assert_false(is_closed(f, fd));
	f->g.now_ns += 2 * CLOCK_SECOND_NS;
	assert_true(is_closed(f, fd));
	close(fd);
}

/* A client that asks and never reads must not stop the others. */
static void
slow_reader_blocks_nobody(void **state)
{
	struct fixture *f = *state;
	int slow = dial(), good = dial(), small = 4096;
	char code[32];

	setsockopt(slow, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (unsigned i = 0; i < 2000; i++) {
		uint32_t length = htonl((uint32_t)strlen(STATUS));

		if (send(slow, &length, sizeof(length), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ||
		    send(slow, STATUS, strlen(STATUS), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
		ctl_poll(served, &f->g);
	}
	assert_string_equal(ask(f, good, STATUS, code), "");
	close(slow);
	close(good);
}

static void
passed_descriptors_are_closed(void **state)
{
	struct fixture *f = *state;
	int before, after, fd = dial();
	uint32_t length = htonl((uint32_t)strlen(STATUS));
	int passed[SOCK_FDS_MAX];

	for (unsigned i = 0; i < SOCK_FDS_MAX; i++)
		passed[i] = STDERR_FILENO;
	ctl_poll(served, &f->g);
	before = dup(0);
	close(before);
	assert_int_equal(sock_send_fds(fd, &length, sizeof(length), passed, SOCK_FDS_MAX), 4);
	send_raw(fd, STATUS, strlen(STATUS));
	json_decref(receive(f, fd));
	after = dup(0);
	close(after);
	assert_int_equal(before, after);

	/* Also when the client goes in the middle of a frame. */
	assert_int_equal(sock_send_fds(fd, &length, sizeof(length), passed, SOCK_FDS_MAX), 4);
	ctl_poll(served, &f->g);
	close(fd);
	ctl_poll(served, &f->g);
	after = dup(0);
	close(after);
	assert_true(after <= before);
}

/* What a child of another user (and group) is told; its exit code is an index into `codes`. */
static const char *
ask_as(struct fixture *f, uid_t uid, gid_t gid, const char *request)
{
	static char code[32];
	int result[2], status;
	pid_t pid;

	assert_int_equal(pipe(result), 0);
	pid = fork();
	if (pid == 0) {
		char *body = NULL, text[32] = "closed";
		int fd;

		if (setgroups(0, NULL) != 0 || setgid(gid) != 0 || setuid(uid) != 0)
			_exit(1);
		fd = sock_connect(ctl_path, SOCK_STREAM, NULL);
		if (fd < 0)
			snprintf(text, sizeof(text), "%s", strerrorname_np(-fd));
		else if (sock_send_frame(fd, request, strlen(request), NULL, 0) == 0 &&
			 sock_recv_frame(fd, &body, NULL, NULL) > 0)
			code_of(json_loads(body, 0, NULL), text);
		_exit(write(result[1], text, sizeof(text)) == sizeof(text) ? 0 : 1);
	}
	fcntl(result[0], F_SETFL, O_NONBLOCK);
	for (unsigned round = 0; round < 60000; round++) {
		ctl_poll(served, &f->g);
		if (read(result[0], code, sizeof(code)) == sizeof(code))
			break;
		usleep(1000);
		assert_true(round < 59999);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(result[0]);
	close(result[1]);
	return code;
}

struct refusals {
	unsigned count;
	struct ledger_entry last;
};

static int
count_refusal(void *arg, const struct ledger_entry *entry)
{
	struct refusals *r = arg;

	if (strcmp(entry->action, "refused") == 0) {
		r->count++;
		r->last = *entry;
	}
	return 0;
}

static struct refusals
refusals(struct fixture *f)
{
	struct refusals r = {.count = 0};

	assert_int_equal(store_each_ledger(f->g.store, 1, count_refusal, &r, NULL), 0);
	return r;
}

#define BLOCK \
	"{\"version\":1,\"command\":\"block\",\"args\":{\"server\":\"vm-0\",\"reason\":\"r\"}}"
#define MODE "{\"version\":1,\"command\":\"mode\",\"args\":{\"mode\":\"observe\"}}"

/* Opens the socket again with groups that every system has. */
static void
reopen_with_groups(struct fixture *f, const char *view, const char *abuse)
{
	struct settings s = f->settings;
	struct err e;

	ctl_close(served);
	served = NULL;
	snprintf(s.group_view, sizeof(s.group_view), "%s", view);
	snprintf(s.group_abuse, sizeof(s.group_abuse), "%s", abuse);
	if (ctl_open(&served, ctl_path, &s, (gid_t)-1, &e) < 0)
		fail_msg("%s", e.text);
}

static gid_t
gid_of(const char *name)
{
	const struct group *g = getgrnam(name);

	assert_non_null(g);
	return g->gr_gid;
}

static bool
cannot_change_user(void)
{
	if (geteuid() == 0)
		return false;
	print_message("SKIPPED: only root can ask as another user\n");
	return true;
}

static void
roles_follow_groups(void **state)
{
	struct fixture *f = *state;
	struct refusals r;

	if (cannot_change_user())
		skip();
	reopen_with_groups(f, "games", "mail");
	assert_string_equal(ask_as(f, FOREIGN_UID, gid_of("games"), STATUS), "");
	assert_string_equal(ask_as(f, FOREIGN_UID, gid_of("games"), BLOCK), "EACCES");
	r = refusals(f);
	assert_int_equal(r.count, 1);
	assert_string_equal(r.last.subject, "block");
	assert_non_null(strstr(r.last.actor, "uid 12345"));
	assert_string_equal(
	    ask_as(f, FOREIGN_UID, gid_of("mail"), BLOCK), "ENOENT"); /* may, no such server */
	assert_string_equal(ask_as(f, FOREIGN_UID, gid_of("mail"), MODE), "EACCES");
	assert_string_equal(
	    ask_as(f, FOREIGN_UID, gid_of("news"), STATUS), "EACCES"); /* no role at all */
	assert_string_equal(ask_as(f, 0, 0, MODE), "");
}

static void
without_groups_the_socket_is_closed_to_others(void **state)
{
	struct fixture *f = *state;

	if (cannot_change_user())
		skip();
	assert_string_equal(ask_as(f, FOREIGN_UID, gid_of("games"), STATUS), "EACCES");
	assert_int_equal(refusals(f).count, 0); /* the file's mode did it */
}

static void
refusals_do_not_fill_the_ledger(void **state)
{
	struct fixture *f = *state;

	if (cannot_change_user())
		skip();
	reopen_with_groups(f, "games", "mail");
	for (unsigned i = 0; i < 15; i++)
		assert_string_equal(ask_as(f, FOREIGN_UID, gid_of("games"), BLOCK), "EACCES");
	assert_int_equal(refusals(f).count, 10);
	f->g.now_ns += CLOCK_MINUTE_NS;
	assert_string_equal(ask_as(f, FOREIGN_UID, gid_of("games"), BLOCK), "EACCES");
	assert_int_equal(refusals(f).count, 11);
}

static void
viewers_have_small_frames(void **state)
{
	struct fixture *f = *state;
	char *large = malloc(100000);

	if (cannot_change_user()) {
		free(large);
		skip();
	}
	memset(large, ' ', 99999);
	large[99999] = '\0';
	reopen_with_groups(f, "games", "mail");
	/* The writer may be cut off in the middle, but never hangs. */
	assert_string_equal(ask_as(f, FOREIGN_UID, gid_of("games"), large), "EMSGSIZE");
	free(large);
}

static void
missing_group_is_said(void **state)
{
	struct fixture *f = *state;
	struct settings s = f->settings;
	struct ctl *c = NULL;
	struct err e;
	char path[SETTINGS_PATH_BYTES + 32];

	strcpy(s.group_support, "no-such-group");
	snprintf(path, sizeof(path), "%s/other.sock", f->dir);
	assert_int_equal(ctl_open(&c, path, &s, (gid_t)-1, &e), -ENOENT);
	assert_non_null(strstr(e.text, "group_support"));
	assert_null(c);
	/* A second guard on the same socket is refused too. */
	assert_int_equal(ctl_open(&c, ctl_path, &f->settings, (gid_t)-1, &e), -EADDRINUSE);
}

static void
close_removes_the_socket(void **state)
{
	(void)state;
	ctl_close(served);
	served = NULL;
	assert_int_equal(access(ctl_path, F_OK), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		answers_several_requests, setup_socket, teardown_socket),
	    cmocka_unit_test_setup_teardown(
		pipelined_and_slow_requests, setup_socket, teardown_socket),
	    cmocka_unit_test_setup_teardown(
		nonsense_closes_its_connection_only, setup_socket, teardown_socket),
	    cmocka_unit_test_setup_teardown(
		impossible_lengths_are_refused, setup_socket, teardown_socket),
	    cmocka_unit_test_setup_teardown(buffers_are_bounded, setup_socket, teardown_socket),
	    cmocka_unit_test_setup_teardown(
		connections_per_user_are_limited, setup_socket, teardown_socket),
	    cmocka_unit_test_setup_teardown(idle_clients_are_closed, setup_socket, teardown_socket),
	    cmocka_unit_test_setup_teardown(
		slow_reader_blocks_nobody, setup_socket, teardown_socket),
	    cmocka_unit_test_setup_teardown(
		passed_descriptors_are_closed, setup_socket, teardown_socket),
	    cmocka_unit_test_setup_teardown(roles_follow_groups, setup_socket, teardown_socket),
	    cmocka_unit_test_setup_teardown(
		without_groups_the_socket_is_closed_to_others, setup_socket, teardown_socket),
	    cmocka_unit_test_setup_teardown(
		refusals_do_not_fill_the_ledger, setup_socket, teardown_socket),
	    cmocka_unit_test_setup_teardown(
		viewers_have_small_frames, setup_socket, teardown_socket),
	    cmocka_unit_test_setup_teardown(missing_group_is_said, setup_socket, teardown_socket),
	    cmocka_unit_test_setup_teardown(
		close_removes_the_socket, setup_socket, teardown_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
