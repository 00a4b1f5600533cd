/* SPDX-License-Identifier: ISC */
/* The queue to the guard: batches, absence, loss of the oldest, reconnection, never blocking. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sock.h"
#include "sensor/emit.h"
#include "tests/unit/scratch.h"

static char path[64];

/* The guard's end: what came over one connection. */
struct guard {
	int listen_fd, fd;
	unsigned datagrams, hellos, observations;
	uint64_t first, last; /* sessions */
	bool in_order;
};

static void
guard_listen(struct guard *g)
{
	*g = (struct guard){.fd = -1, .in_order = true};
	g->listen_fd = sock_listen(path, SOCK_SEQPACKET, 0600, (gid_t)-1, NULL);
	assert_true(g->listen_fd >= 0);
}

static void
guard_read(struct guard *g)
{
	static uint8_t data[OBS_DATAGRAM_MAX + 1];
	struct observation obs;
	ssize_t n;

	if (g->fd < 0)
		g->fd = accept(g->listen_fd, NULL, NULL);
	assert_true(g->fd >= 0);
	while ((n = recv(g->fd, data, sizeof(data), MSG_DONTWAIT)) > 0) {
		unsigned count = (unsigned)(data[2] << 8 | data[3]);
		size_t at = 4;

		assert_true(n <= OBS_DATAGRAM_MAX);
		assert_int_equal(data[0], OBS_VERSION);
		assert_int_equal(data[1], 0);
		g->datagrams++;
		g->hellos += count == 0;
		for (unsigned i = 0; i < count; i++) {
			size_t length = (size_t)(data[at] << 8 | data[at + 1]);

			assert_int_equal(obs_decode(&obs, data + at + 2, length), 0);
			if (g->observations++ == 0)
				g->first = obs.session;
			else if (obs.session != g->last + 1)
				g->in_order = false;
			g->last = obs.session;
			at += 2 + length;
		}
		assert_int_equal(at, n);
	}
}

static void
guard_leave(struct guard *g)
{
	if (g->fd >= 0)
		close(g->fd);
	close(g->listen_fd);
}

static void
add(struct emit *m, uint64_t from, uint64_t count)
{
	struct observation obs = {.kind = OBS_MX_QUERY, .visibility = OBS_FLOW};

	strcpy(obs.u.mx_query.domain, "example.org");
	for (uint64_t i = 0; i < count; i++) {
		obs.session = from + i;
		emit_add(m, &obs);
	}
}

static void
test_batches(void **state)
{
	struct guard g;
	struct emit *m;

	(void)state;
	guard_listen(&g);
	assert_int_equal(emit_new(&m, path, 2000, NULL), 0);
	add(m, 1, 1000);
	assert_false(emit_is_connected(m));
	emit_flush(m, CLOCK_SECOND_NS);
	assert_true(emit_is_connected(m));
	assert_int_equal(emit_waiting(m), 0);
	guard_read(&g);
	assert_int_equal(g.hellos, 1);
	assert_int_equal(g.observations, 1000);
	assert_int_equal(g.first, 1);
	assert_true(g.in_order);
	assert_true(g.datagrams < 10); /* about 100 bytes each: a few datagrams, not a thousand */
	assert_int_equal(emit_lost(m), 0);
	emit_free(m);
	guard_leave(&g);
}

static void
test_absence_loses_the_oldest(void **state)
{
	struct guard g;
	struct emit *m;

	(void)state;
	unlink(path);
	assert_int_equal(emit_new(&m, path, 100, NULL), 0);
	for (unsigned i = 0; i < 50; i++) { /* the ring wraps around many times */
		add(m, 1 + 10 * i, 10);
		emit_flush(m, (int64_t)i * CLOCK_SECOND_NS);
		assert_false(emit_is_connected(m));
	}
	assert_int_equal(emit_waiting(m), 100);
	assert_int_equal(emit_lost(m), 400);
	guard_listen(&g);
	emit_flush(m, 50 * CLOCK_SECOND_NS);
	guard_read(&g);
	assert_int_equal(g.observations, 100);
	assert_int_equal(g.first, 401);
	assert_int_equal(g.last, 500);
	assert_true(g.in_order);
	emit_free(m);
	guard_leave(&g);
}

static void
test_reconnects_at_most_once_a_second(void **state)
{
	struct guard g, again;
	struct emit *m;

	(void)state;
	guard_listen(&g);
	assert_int_equal(emit_new(&m, path, 100, NULL), 0);
	add(m, 1, 1);
	emit_flush(m, 10 * CLOCK_SECOND_NS);
	guard_read(&g);
	guard_leave(&g);

	add(m, 2, 1);
	emit_flush(m, 10 * CLOCK_SECOND_NS + 1); /* notices that the guard is gone, keeps it */
	assert_false(emit_is_connected(m));
	guard_listen(&again);
	emit_flush(m, 11 * CLOCK_SECOND_NS - 1);
	assert_false(emit_is_connected(m));
	emit_flush(m, 11 * CLOCK_SECOND_NS);
	assert_true(emit_is_connected(m));
	guard_read(&again);
	assert_int_equal(again.hellos, 1);
	assert_int_equal(again.observations, 1);
	assert_int_equal(again.first, 2);
	assert_int_equal(emit_lost(m), 0);
	emit_free(m);
	guard_leave(&again);
}

static void
test_slow_guard_never_blocks(void **state)
{
	struct guard g;
	struct emit *m;
	uint64_t added = 0;
	int64_t begin_ns = clock_mono_ns();

	(void)state;
	guard_listen(&g);
	assert_int_equal(emit_new(&m, path, 1000, NULL), 0);
	while (emit_lost(m) == 0 && added < 1000000) { /* until socket and queue are full */
		add(m, 1 + added, 100);
		added += 100;
		emit_flush(m, CLOCK_SECOND_NS);
	}
	assert_true(emit_lost(m) > 0);
	assert_true(emit_is_connected(m));
	assert_true(clock_mono_ns() - begin_ns < 60 * CLOCK_SECOND_NS);
	uint64_t lost = emit_lost(m);
	for (unsigned i = 0; i < 100; i++) {
		guard_read(&g);
		emit_flush(m, CLOCK_SECOND_NS);
	}
	guard_read(&g);
	assert_int_equal(emit_waiting(m), 0);
	assert_int_equal(g.observations, added - lost);
	assert_int_equal(g.last, added);
	emit_free(m);
	guard_leave(&g);
}

static void
test_bad_input(void **state)
{
	struct emit *m = NULL;
	struct err e = {0};
	char endless[300];
	struct observation obs = {.kind = 0};

	(void)state;
	memset(endless, 'x', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	assert_int_equal(emit_new(&m, endless, 10, &e), -ENAMETOOLONG);
	assert_non_null(strstr(e.text, "run_dir"));
	emit_free(NULL);
	assert_int_equal(emit_new(&m, path, 0, &e), 0);
	emit_add(m, &obs); /* no kind: counted, not sent */
	assert_int_equal(emit_lost(m), 1);
	assert_int_equal(emit_waiting(m), 0);
	add(m, 1, 5);
	assert_int_equal(emit_waiting(m), 1);
	emit_free(m);
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
	    cmocka_unit_test(test_batches),
	    cmocka_unit_test(test_absence_loses_the_oldest),
	    cmocka_unit_test(test_reconnects_at_most_once_a_second),
	    cmocka_unit_test(test_slow_guard_never_blocks),
	    cmocka_unit_test(test_bad_input),
	};

	return cmocka_run_group_tests(tests, set_up, scratch_remove);
}
