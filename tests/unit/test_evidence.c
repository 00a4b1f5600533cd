/* SPDX-License-Identifier: ISC */
/* The evidence store: content addressing, types by content, limits, nothing left behind. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "whitelist/evidence.h"
#include "tests/unit/scratch.h"

/* The smallest PNG: one transparent pixel. */
static const uint8_t png[] = {0x89, 'P', 'N', 'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 'I', 'H',
    'D', 'R', 0, 0, 0, 1, 0, 0, 0, 1, 8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 13, 'I', 'D',
    'A', 'T', 0x78, 0x9c, 0x63, 0, 1, 0, 0, 5, 0, 1, 0x0d, 0x0a, 0x2d, 0xb4, 0, 0, 0, 0, 'I', 'E',
    'N', 'D', 0xae, 0x42, 0x60, 0x82};
static const char mail[] =
    "Received: from a.example by b.example; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    "From: a@a.example\r\nTo: b@b.example\r\nSubject: x\r\n\r\nhello\r\n";

static int
file_with(const void *data, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/input", scratch);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	unlink(path);
	return fd;
}

static unsigned
files_in_store(void)
{
	char path[64];
	unsigned n = 0;

	snprintf(path, sizeof(path), "%s/store", scratch);
	DIR *d = opendir(path);
	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

static struct evidence_store *
store(uint64_t max_bytes)
{
	struct evidence_store *s = NULL;
	struct err e;
	char path[64];

	snprintf(path, sizeof(path), "%s/store", scratch);
	assert_int_equal(evidence_store_open(&s, path, max_bytes, &e), 0);
	return s;
}

static void
test_add_and_read(void **state)
{
	struct evidence_store *s = store(1 << 20);
	struct evidence ev = {.kind = EVIDENCE_CONSENT_FORM, .name = "form.png"};
	char want[HASH_SHA256_HEX];
	uint8_t back[sizeof(png) + 1];
	struct err e;

	(void)state;
	hash_sha256_hex(want, png, sizeof(png));
	int fd = file_with(png, sizeof(png));
	lseek(fd, 5, SEEK_SET); /* the copy begins at the start all the same */
	assert_int_equal(evidence_store_add(s, fd, &ev, &e), 0);
	assert_string_equal(ev.sha256, want);
	assert_string_equal(ev.type, "image/png");
	assert_int_equal(ev.size, sizeof(png));
	assert_int_equal(evidence_store_add(s, fd, &ev, &e), 0); /* again: stored once */
	close(fd);
	assert_int_equal(files_in_store(), 1);
	fd = evidence_store_read(s, ev.sha256, &e);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, back, sizeof(back)), sizeof(png));
	assert_memory_equal(back, png, sizeof(png));
	close(fd);
	assert_int_equal(evidence_store_read(s, "../../etc/passwd", &e), -EINVAL);
	want[0] = want[0] == '0' ? '1' : '0';
	assert_int_equal(evidence_store_read(s, want, &e), -ENOENT);
	evidence_store_close(s);
}

static void
test_refusals_leave_nothing(void **state)
{
	struct evidence_store *s = store(1024);
	struct evidence ev = {.kind = EVIDENCE_CONSENT_FORM, .name = "form.png"};
	static const uint8_t zeroes[2048];
	struct err e;
	unsigned before = files_in_store();
	int pipe_fds[2];

	(void)state;
	int fd = file_with(mail, sizeof(mail) - 1);
	assert_int_equal(evidence_store_add(s, fd, &ev, &e), -EINVAL);
	assert_non_null(strstr(e.text, "form.png"));
	assert_non_null(strstr(e.text, "picture"));
	assert_string_equal(ev.sha256, "");
	ev.kind = EVIDENCE_SAMPLE_SOURCE;
	assert_int_equal(evidence_store_add(s, fd, &ev, &e), 0);
	close(fd);

	fd = file_with(zeroes, sizeof(zeroes));
	assert_int_equal(evidence_store_add(s, fd, &ev, &e), -EFBIG);
	close(fd);
	fd = file_with("", 0);
	assert_int_equal(evidence_store_add(s, fd, &ev, &e), -ENODATA);
	close(fd);
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(evidence_store_add(s, pipe_fds[0], &ev, &e), -EINVAL);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	assert_int_equal(files_in_store(), before + 1);
	evidence_store_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_add_and_read),
	    cmocka_unit_test(test_refusals_leave_nothing),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
