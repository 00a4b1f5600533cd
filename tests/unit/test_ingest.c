/* SPDX-License-Identifier: ISC */
/* The guard's side of obs.sock: several sensors, other versions, nonsense, strangers. */
#include <poll.h>
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
#include "base/log.h"
#include "base/sock.h"
#include "policy/ingest.h"
#include "sensor/emit.h"
#include "tests/unit/scratch.h"

static char path[64];

struct seen {
	unsigned connected, gone, bad, observations[INGEST_SENSORS_MAX];
	uint64_t session;
};

static void
on_event(void *arg, enum ingest_event event, unsigned slot, const struct observation *obs)
{
	struct seen *seen = arg;

	assert_true(slot < INGEST_SENSORS_MAX);
	assert_true((obs != NULL) == (event == INGEST_OBSERVATION));
	switch (event) {
	case INGEST_CONNECTED:
		seen->connected++;
		break;
	case INGEST_OBSERVATION:
		seen->observations[slot]++;
		seen->session = obs->session;
		break;
	case INGEST_BAD:
		seen->bad++;
		break;
	case INGEST_GONE:
		seen->gone++;
		break;
	}
}

static struct ingest *
open_ingest(struct seen *seen)
{
	struct sandbox_user sensor = {.uid = 12345, .gid = getegid(), .name = "sensor"};
	struct ingest *in;

	memset(seen, 0, sizeof(*seen));
	assert_int_equal(ingest_open(&in, path, &sensor, on_event, seen, NULL), 0);
	return in;
}

/* Polls as long as the descriptor says that something waits. */
static unsigned
poll_all(struct ingest *in)
{
	struct pollfd p = {.fd = ingest_fd(in), .events = POLLIN};
	unsigned total = 0;

	while (poll(&p, 1, 0) > 0)
		total += ingest_poll(in);
	return total;
}

static void
send_bytes(int fd, const void *data, size_t size)
{
	assert_int_equal(send(fd, data, size, 0), size);
}

static void
test_two_sensors(void **state)
{
	struct observation obs = {.kind = OBS_SESSION_START, .session = 7};
	struct seen seen;
	struct ingest *in = open_ingest(&seen);
	struct emit *a, *b;
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(emit_new(&a, path, 10000, NULL), 0);
	assert_int_equal(emit_new(&b, path, 10000, NULL), 0);
	emit_flush(a, CLOCK_SECOND_NS);
	emit_flush(b, CLOCK_SECOND_NS);
	assert_int_equal(poll_all(in), 0);
	assert_int_equal(seen.connected, 2);
	for (unsigned i = 0; i < 5000; i++) {
		emit_add(a, &obs);
		if (i % 100 == 99) {
			emit_flush(a, CLOCK_SECOND_NS);
			poll_all(in);
		}
	}
	emit_add(b, &obs);
	emit_flush(b, CLOCK_SECOND_NS);
	assert_int_equal(poll_all(in), 1);
	assert_int_equal(seen.observations[0], 5000);
	assert_int_equal(seen.observations[1], 1);
	assert_int_equal(seen.session, 7);
	emit_free(a);
	poll_all(in);
	assert_int_equal(seen.gone, 1);
	emit_free(b);
	ingest_close(in);
	ingest_close(NULL);
}

/* Sends one datagram on a fresh connection; it must cost exactly that connection. */
static void
refuse(const void *data, size_t size, unsigned bad)
{
	struct seen seen;
	struct ingest *in = open_ingest(&seen);
	int other = sock_connect(path, SOCK_SEQPACKET, NULL);
	int fd = sock_connect(path, SOCK_SEQPACKET, NULL);
	char byte;

	assert_true(fd >= 0 && other >= 0);
	send_bytes(fd, data, size);
	poll_all(in);
	assert_int_equal(seen.connected, 2);
	assert_int_equal(seen.gone, 1);
	assert_int_equal(seen.bad, bad);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
	assert_int_equal(recv(other, &byte, 1, MSG_DONTWAIT), -1);
	close(fd);
	close(other);
	ingest_close(in);
}

static void
test_nonsense_costs_the_connection(void **state)
{
	static uint8_t large[OBS_DATAGRAM_MAX + 1];
	uint8_t whole[4 + 2 + OBS_ENCODED_MAX] = {OBS_VERSION, 0, 0, 1};
	struct observation obs = {.kind = OBS_SESSION_START};
	long n = obs_encode(&obs, whole + 6, OBS_ENCODED_MAX);

	(void)state;
	whole[4] = (uint8_t)(n >> 8);
	whole[5] = (uint8_t)n;
	static const struct {
		uint8_t data[8];
		size_t size;
		unsigned bad;
	} nonsense[] = {
	    {{OBS_VERSION - 1, 0, 0, 0}, 4, 0},		   /* another version */
	    {{OBS_VERSION, 0, 0}, 3, 0},		   /* a cut header */
	    {{OBS_VERSION, 0, 0, 0, 'x'}, 5, 0},	   /* bytes that nobody announced */
	    {{OBS_VERSION, 0, 0, 1}, 4, 1},		   /* an observation that is not there */
	    {{OBS_VERSION, 0, 0, 1, 0xff, 0xff, 1}, 7, 1}, /* a length beyond the end */
	    {{OBS_VERSION, 0, 0, 1, 0, 1, 0xff}, 7, 1},	   /* an unknown kind */
	};
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++)
		refuse(nonsense[i].data, nonsense[i].size, nonsense[i].bad);
	refuse(whole, 6 + (size_t)n - 1, 1);
	large[0] = OBS_VERSION;
	refuse(large, sizeof(large), 0);
}

static void
test_slots_run_out(void **state)
{
	struct seen seen;
	struct ingest *in = open_ingest(&seen);
	int fds[INGEST_SENSORS_MAX + 1];
	char byte;

	(void)state;
	for (unsigned i = 0; i <= INGEST_SENSORS_MAX; i++) {
		fds[i] = sock_connect(path, SOCK_SEQPACKET, NULL);
		assert_true(fds[i] >= 0);
	}
	poll_all(in);
	assert_int_equal(seen.connected, INGEST_SENSORS_MAX);
	assert_int_equal(recv(fds[INGEST_SENSORS_MAX], &byte, 1, MSG_DONTWAIT), 0);
	close(fds[3]);
	poll_all(in);
	assert_int_equal(seen.gone, 1);
	close(fds[INGEST_SENSORS_MAX]);
	fds[3] = sock_connect(path, SOCK_SEQPACKET, NULL);
	fds[INGEST_SENSORS_MAX] = -1;
	poll_all(in);
	assert_int_equal(seen.connected, INGEST_SENSORS_MAX + 1);
	for (unsigned i = 0; i < INGEST_SENSORS_MAX; i++)
		close(fds[i]);
	ingest_close(in);
}

/* Connects as a user and says by its exit status whether it was thrown out; who must not be is looked at for a moment. */
static int
connect_as(uid_t uid, struct ingest *in, int patience_ms)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		struct pollfd p;
		char byte;

		if (setresuid(uid, uid, uid) != 0)
			_exit(9);
		p.fd = sock_connect(path, SOCK_SEQPACKET, NULL);
		p.events = POLLIN;
		if (p.fd < 0)
			_exit(8);
		_exit(poll(&p, 1, patience_ms) == 1 && recv(p.fd, &byte, 1, 0) == 0 ? 1 : 0);
	}
	while (waitpid(child, &status, WNOHANG) == 0)
		ingest_poll(in);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_strangers(void **state)
{
	struct seen seen;
	struct ingest *in;

	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: becoming other users needs root\n");
		skip();
	}
	in = open_ingest(&seen);
	/* Wider rights than in life, so that the credentials alone decide. */
	assert_int_equal(chmod(scratch, 0755), 0);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(connect_as(12345, in, 300), 0);
	assert_int_equal(connect_as(12346, in, 30000), 1);
	assert_int_equal(seen.connected, 1);
	ingest_close(in);
}

static int
set_up(void **state)
{
	log_init("test", LOG_LEVEL_ERROR);
	if (scratch_make(state) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/obs.sock", scratch);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_two_sensors),
	    cmocka_unit_test(test_nonsense_costs_the_connection),
	    cmocka_unit_test(test_slots_run_out),
	    cmocka_unit_test(test_strangers),
	};

	return cmocka_run_group_tests(tests, set_up, scratch_remove);
}
