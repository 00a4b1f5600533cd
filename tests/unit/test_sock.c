/* SPDX-License-Identifier: ISC */
/* Unix sockets: stale files, frames, descriptors, hostile lengths. */
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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sock.h"
#include "tests/unit/scratch.h"

static void
test_listen(void **state)
{
	char path[64];
	struct err e;
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/a.sock", scratch);
	int fd = sock_listen(path, SOCK_STREAM, 0640, (gid_t)-1, &e);
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(sock_listen(path, SOCK_STREAM, 0640, (gid_t)-1, &e), -EADDRINUSE);
	assert_non_null(strstr(e.text, path));
	close(fd); /* the file is stale now, and is replaced */
	fd = sock_listen(path, SOCK_STREAM, 0600, (gid_t)-1, &e);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(sock_connect(path, SOCK_STREAM, &e), -ECONNREFUSED);

	snprintf(path, sizeof(path), "%s/file", scratch);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(sock_listen(path, SOCK_STREAM, 0600, (gid_t)-1, &e), -EEXIST);
	char long_path[200];
	memset(long_path, 'a', sizeof(long_path));
	long_path[199] = '\0';
	assert_int_equal(sock_connect(long_path, SOCK_STREAM, &e), -ENAMETOOLONG);
}

static void
test_frame_with_descriptors(void **state)
{
	int pair[2], pipe_fds[2], got[SOCK_FDS_MAX];
	unsigned got_count;
	char *data, byte = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(sock_send_frame(pair[0], "hello", 5, &pipe_fds[1], 1), 0);
	assert_int_equal(sock_recv_frame(pair[1], &data, got, &got_count), 5);
	assert_string_equal(data, "hello");
	free(data);
	assert_int_equal(got_count, 1);
	assert_int_equal(write(got[0], "x", 1), 1);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
	close(got[0]);
	close(pipe_fds[0]);
	close(pipe_fds[1]);

	struct sock_peer peer;
	assert_int_equal(sock_get_peer(pair[0], &peer), 0);
	assert_int_equal(peer.uid, getuid());
	assert_true(sock_peer_is_in_group(&peer, getgid()));
	assert_false(sock_peer_is_in_group(&peer, 4294967000u));

	close(pair[0]);
	assert_int_equal(sock_recv_frame(pair[1], &data, NULL, NULL), 0); /* end of stream */
	close(pair[1]);
}

static void
test_hostile_frames(void **state)
{
	int pair[2];
	char *data;
	uint32_t lengths[] = {0, htonl(SOCK_FRAME_MAX + 1), 0xffffffff};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		assert_int_equal(write(pair[0], &lengths[i], 4), 4);
		assert_int_equal(sock_recv_frame(pair[1], &data, NULL, NULL), -EMSGSIZE);
		close(pair[0]);
		close(pair[1]);
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	uint32_t ten = htonl(10);
	assert_int_equal(write(pair[0], &ten, 4), 4);
	assert_int_equal(write(pair[0], "short", 5), 5);
	close(pair[0]);
	assert_int_equal(sock_recv_frame(pair[1], &data, NULL, NULL), -EPIPE);
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_listen),
	    cmocka_unit_test(test_frame_with_descriptors),
	    cmocka_unit_test(test_hostile_frames),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
