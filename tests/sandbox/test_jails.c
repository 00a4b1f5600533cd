/* SPDX-License-Identifier: ISC */
/*
 * The whole jails of sensor and judge, in the order in which their main.c closes them: the work
 * goes on, and the ways out are shut.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "base/sandbox.h"
#include "base/sock.h"
#include "sensor/emit.h"
#include "sensor/tap.h"
#include "tests/sandbox/jail.h"

/* --- the sensor --------------------------------------------------------------------------------
 */

static int
open_loopback(struct tap **tap, struct err *e)
{
	static const uint16_t ports[] = {25};
	struct tap_live_config cfg = {.device = "lo",
	    .snaplen = 4096,
	    .ring_bytes = 1 << 20,
	    .ports = ports,
	    .port_count = 1};

	return tap_open_live(tap, &cfg, e);
}

/* Connects to port 25 of the loopback, where nobody listens: a packet and its refusal. */
static void
knock(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(25)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	(void)!connect(fd, (struct sockaddr *)&sa, sizeof(sa));
	close(fd);
}

static int
count_packets(struct tap *tap, int epoll_fd, int want)
{
	struct epoll_event event;
	struct packet packets[32];
	int total = 0;

	while (total < want && epoll_wait(epoll_fd, &event, 1, 20000) > 0) {
		int n = tap_read(tap, packets, NULL);

		if (n < 0)
			return n;
		total += n;
	}
	return total;
}

/* The whole jail of the sensor: capture, drop counter, reconnecting to the guard. */
static int
sense_in_jail(void *arg)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct observation obs = {.kind = OBS_SESSION_START};
	struct sandbox_user user;
	struct tap *tap;
	struct emit *emit;
	char path[64];
	bool landlocked;
	int epoll_fd = epoll_create1(0);
	int *go = arg;
	char byte = 0;

	snprintf(path, sizeof(path), "%s/obs.sock", scratch);
	if (open_loopback(&tap, NULL) != 0 || emit_new(&emit, path, 100, NULL) != 0)
		return 1;
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, tap_fd(tap), &event);
	if (sandbox_find_user("", &user, NULL) != 0 || sandbox_drop(&user, 0, NULL) != 0 ||
	    sandbox_landlock(NULL, &landlocked, NULL) != 0 ||
	    sandbox_seccomp_receive_only(SANDBOX_SENSOR, tap_fd(tap), NULL) != 0)
		return 2;
	if (getuid() == 0 || open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)
		return 3;
	if (write(go[1], &byte, 1) != 1)
		return 4;
	if (count_packets(tap, epoll_fd, 2) < 2)
		return 5;
	(void)tap_drops(tap);
	emit_add(emit, &obs);
	emit_flush(emit, CLOCK_SECOND_NS);
	if (!emit_is_connected(emit))
		return 6;
	return 0;
}

static void
test_sensor_goes_on_in_its_jail(void **state)
{
	char path[64], byte;
	int go[2], listen_fd, status;
	pid_t child;

	(void)state;
	need_real_jail();
	need_root();
	snprintf(path, sizeof(path), "%s/obs.sock", scratch);
	chmod(scratch, 0755);
	listen_fd = sock_listen(path, SOCK_SEQPACKET, 0666, (gid_t)-1, NULL);
	assert_true(listen_fd >= 0);
	assert_int_equal(pipe(go), 0);
	child = fork();
	if (child == 0) {
		alarm(100);
		_exit(sense_in_jail(go));
	}
	close(go[1]);
	if (read(go[0], &byte, 1) == 1)
		knock();
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(go[0]);
	close(listen_fd);
	unlink(path);
}

/* A frame on the wire through the capture socket. */
static int
inject(void *arg)
{
	static const char frame[64];
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = 1, .sll_halen = 6};
	struct tap *tap;
	int how = *(int *)arg, fd;

	if (open_loopback(&tap, NULL) != 0)
		return 1;
	fd = tap_fd(tap);
	if (send(fd, frame, sizeof(frame), 0) != sizeof(frame))
		return 2; /* proves that it works outside of the jail */
	if (sandbox_seccomp_receive_only(SANDBOX_SENSOR, fd, NULL) != 0)
		return 3;
	if (how == 0)
		send(fd, frame, sizeof(frame), 0);
	else if (how == 1)
		(void)!write(fd, frame, sizeof(frame));
	else if (how == 2)
		sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to));
	else
		dup2(fd, 50);
	return 0;
}

static void
test_capture_socket_cannot_send(void **state)
{
	(void)state;
	need_real_jail();
	need_root();
	for (int how = 0; how < 4; how++)
		assert_int_equal(run(inject, &how), KILLED);
}

/* --- the judge ---------------------------------------------------------------------------------
 */

static int
run_sql(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* SQLite in WAL mode, opened before the jail and again inside, and an accepted client with a
 * descriptor. */
static int
judge_in_jail(void *arg)
{
	const char *paths[] = {scratch, NULL};
	char db_path[64], file[64], text[8];
	struct sandbox_user user;
	sqlite3 *db;
	bool landlocked;
	int pair[2], got = -1, *mask = arg;
	unsigned count = 0;

	snprintf(db_path, sizeof(db_path), "%s/test.db", scratch);
	snprintf(file, sizeof(file), "%s/evidence", scratch);
	if (sandbox_find_user("", &user, NULL) != 0 ||
	    (geteuid() == 0 && chown(scratch, user.uid, user.gid) != 0) ||
	    sandbox_drop(&user, 0, NULL) != 0)
		return 1;
	*mask = 0;
	if (sqlite3_open(db_path, &db) != SQLITE_OK ||
	    run_sql(db, "PRAGMA journal_mode=WAL") != 0 || run_sql(db, "CREATE TABLE t(x)") != 0)
		return 2;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 ||
	    sandbox_landlock(paths, &landlocked, NULL) != 0 ||
	    sandbox_seccomp(SANDBOX_JUDGE, NULL) != 0)
		return 3;
	/* Large sorts would go to files in /tmp, which the jail closes. */
	if (run_sql(db, "PRAGMA temp_store=MEMORY") != 0)
		return 4;
	for (int i = 0; i < 2000; i++)
		if (run_sql(
			db, "BEGIN IMMEDIATE; INSERT INTO t VALUES(randomblob(3000)); COMMIT") != 0)
			return 4;
	if (run_sql(db, "SELECT x FROM t ORDER BY x") != 0 ||
	    run_sql(db, "PRAGMA wal_checkpoint(TRUNCATE)") != 0 || sqlite3_close(db) != SQLITE_OK)
		return 5;
	if (sqlite3_open(db_path, &db) != SQLITE_OK ||
	    run_sql(db, "PRAGMA temp_store=MEMORY; DELETE FROM t; VACUUM") != 0)
		return 6;
	int fd = open(file, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || pwrite(fd, "hello", 5, 0) != 5 || fsync(fd) != 0)
		return 7;
	if (sock_send_fds(pair[0], "x", 1, &fd, 1) != 1 ||
	    sock_recv_fds(pair[1], text, 1, &got, &count, 1) != 1 || pread(got, text, 5, 0) != 5)
		return 8;
	if (landlocked && (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES))
		return 9;
	if (landlocked && (open("/tmp/bulkhead-not-here", O_CREAT | O_WRONLY, 0600) >= 0))
		return 10;
	return unlink(file) == 0 && sqlite3_close(db) == SQLITE_OK ? 0 : 11;
}

static void
test_judge_keeps_its_database(void **state)
{
	char path[64];
	int mask;

	(void)state;
	need_real_jail();
	assert_int_equal(run(judge_in_jail, &mask), 0);
	snprintf(path, sizeof(path), "%s/test.db", scratch);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sensor_goes_on_in_its_jail),
	    cmocka_unit_test(test_capture_socket_cannot_send),
	    cmocka_unit_test(test_judge_keeps_its_database),
	};

	return cmocka_run_group_tests(tests, jail_set_up, scratch_remove);
}
