/* SPDX-License-Identifier: ISC */
/* The database as a file: transactions, migrations, damage, copies, other people's files. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/store_fixture.h"

static void
transactions_nest(void **state)
{
	struct fixture *f = *state;
	char value[16];

	assert_int_equal(store_begin(f->st, NULL), 0);
	assert_int_equal(store_put_meta(f->st, "outer", "1", NULL), 0);
	assert_int_equal(store_begin(f->st, NULL), 0);
	assert_int_equal(store_put_meta(f->st, "inner", "1", NULL), 0);
	assert_int_equal(store_commit(f->st, NULL), 0);
	store_rollback(f->st);
	assert_int_equal(store_get_meta(f->st, "inner", value, sizeof(value), NULL), -ENOENT);

	/* An inner roll-back makes the outer commit fail, and nothing is stored. */
	assert_int_equal(store_begin(f->st, NULL), 0);
	assert_int_equal(store_put_meta(f->st, "outer", "1", NULL), 0);
	assert_int_equal(store_begin(f->st, NULL), 0);
	store_rollback(f->st);
	assert_int_equal(store_commit(f->st, NULL), -ECANCELED);
	assert_int_equal(store_get_meta(f->st, "outer", value, sizeof(value), NULL), -ENOENT);

	/* And the next one is not poisoned. */
	assert_int_equal(store_begin(f->st, NULL), 0);
	assert_int_equal(store_put_meta(f->st, "outer", "2", NULL), 0);
	assert_int_equal(store_commit(f->st, NULL), 0);
	assert_int_equal(store_get_meta(f->st, "outer", value, sizeof(value), NULL), 0);
}

static void
busy_database_is_said(void **state)
{
	struct fixture *f = *state;
	sqlite3 *other;
	struct err e;

	assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_begin(f->st, &e), -EBUSY);
	assert_non_null(strstr(e.text, "another program"));
	sqlite3_close(other);
	assert_int_equal(store_begin(f->st, NULL), 0);
	assert_int_equal(store_commit(f->st, NULL), 0);
}

static void
file_is_private(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void
newer_database_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store *st = NULL;
	struct err e;

	assert_int_equal(beside(f, "PRAGMA user_version = 1000"), SQLITE_OK);
	store_close(f->st);
	f->st = NULL;
	assert_int_equal(store_open(&st, f->path, &e), -EPROTO);
	assert_null(st);
	assert_non_null(strstr(e.text, "newer"));
	assert_non_null(strstr(e.text, f->path));
}

static void
foreign_database_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store *st = NULL;
	struct err e;

	store_close(f->st);
	f->st = NULL;
	unlink(f->path);
	assert_int_equal(beside(f, "CREATE TABLE diary (day TEXT)"), SQLITE_OK);
	assert_int_equal(store_open(&st, f->path, &e), -EINVAL);
	assert_non_null(strstr(e.text, "another program"));
	assert_int_equal(beside(f, "INSERT INTO diary VALUES ('untouched')"), SQLITE_OK);
}

static void
half_migrated_file_is_begun_again(void **state)
{
	struct fixture *f = *state;

	/* As after a crash before the first commit: the file is there and empty. */
	store_close(f->st);
	f->st = NULL;
	unlink(f->path);
	close(open(f->path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(store_open(&f->st, f->path, NULL), 0);
	assert_int_equal(store_put_meta(f->st, "k", "v", NULL), 0);
}

/* Overwrites the file from `offset` on. */
static void
damage(const char *path, off_t offset, size_t size)
{
	char junk[4096];
	int fd = open(path, O_WRONLY);

	memset(junk, 0x5a, sizeof(junk));
	assert_true(fd >= 0);
	assert_true(size <= sizeof(junk));
	assert_int_equal(pwrite(fd, junk, size, offset), size);
	close(fd);
}

static void
damaged_database_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store *st = NULL;
	struct err e;
	char value[2048];

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (unsigned i = 0; i < 200; i++) {
		char key[16];

		snprintf(key, sizeof(key), "k%u", i);
		assert_int_equal(store_put_meta(f->st, key, value, NULL), 0);
	}
	store_close(f->st);
	f->st = NULL;
	damage(f->path, 4096, 4096); /* a page of a tree */
	assert_int_equal(store_open(&st, f->path, &e), -EUCLEAN);
	assert_non_null(strstr(e.text, "restore a copy"));

	damage(f->path, 0, 100); /* the head */
	assert_int_equal(store_open(&st, f->path, &e), -EUCLEAN);
	assert_null(st);
}

static void
copy(const char *from, const char *to)
{
	char command[2048];

	snprintf(
	    command, sizeof(command), "cp '%s' '%s' && rm -f '%s-wal' '%s-shm'", from, to, to, to);
	assert_int_equal(system(command), 0);
}

static void
copy_is_offered_and_good(void **state)
{
	struct fixture *f = *state;
	struct store *st = NULL;
	struct store_backup *b = NULL;
	char backup[300], value[2048];
	unsigned steps = 0;
	struct err e;
	int rc;

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	assert_int_equal(store_begin(f->st, NULL), 0);
	for (unsigned i = 0; i < 20000; i++) {
		char key[16];

		snprintf(key, sizeof(key), "k%u", i);
		assert_int_equal(store_put_meta(f->st, key, value, NULL), 0);
	}
	assert_int_equal(store_commit(f->st, NULL), 0);
	snprintf(backup, sizeof(backup), "%s.backup", f->path);
	assert_int_equal(store_backup_new(&b, f->st, &e), 0);
	while ((rc = store_backup_step(b, &e)) == 1) {
		/* Not there before it is whole; and what is written meanwhile is in it. */
		assert_int_not_equal(access(backup, F_OK), 0);
		if (steps++ == 1)
			assert_int_equal(store_put_meta(f->st, "k0", "changed meanwhile", NULL), 0);
	}
	assert_int_equal(rc, 0);
	assert_true(steps >= 2);
	store_backup_cancel(b);
	store_close(f->st);
	f->st = NULL;

	damage(f->path, 4096, 4096);
	assert_int_equal(store_open(&st, f->path, &e), -EUCLEAN);
	assert_non_null(strstr(e.text, ".backup"));
	copy(backup, f->path);
	assert_int_equal(store_open(&st, f->path, &e), 0);
	assert_int_equal(store_get_meta(st, "k0", value, sizeof(value), &e), 0);
	assert_string_equal(value, "changed meanwhile");
	assert_int_equal(store_get_meta(st, "k19999", value, sizeof(value), &e), 0);
	store_close(st);
	unlink(backup);
}

static void
copy_that_was_not_finished_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_backup *b = NULL;
	char path[300];

	assert_int_equal(store_backup_new(&b, f->st, NULL), 0);
	store_backup_cancel(b);
	store_backup_cancel(NULL);
	snprintf(path, sizeof(path), "%s.backup", f->path);
	assert_int_not_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s.backup.new", f->path);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* The disk is not filled for a copy, and the last one stays.  Too large is a file with a hole. */
static void
copy_without_room_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store_backup *b = NULL;
	char path[300];
	struct stat old, kept;
	struct err e = {0};

	snprintf(path, sizeof(path), "%s.backup", f->path);
	assert_int_equal(store_backup_new(&b, f->st, &e), 0);
	assert_int_equal(store_backup_step(b, &e), 0);
	store_backup_cancel(b);
	assert_int_equal(stat(path, &kept), 0);
	assert_int_equal(stat(f->path, &old), 0);
	if (truncate(f->path, INT64_C(8) << 40) != 0)
		skip(); /* no such file can be on this disk */
	assert_int_equal(store_backup_new(&b, f->st, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "make room"));
	assert_int_equal(truncate(f->path, old.st_size), 0);
	assert_int_equal(stat(path, &old), 0);
	assert_int_equal(old.st_ino, kept.st_ino);
	snprintf(path, sizeof(path), "%s.backup.new", f->path);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void
unusable_places_are_said(void **state)
{
	struct fixture *f = *state;
	struct store *st = NULL;
	char path[128];
	struct err e;

	assert_int_equal(store_open(&st, "/nonexistent/guard.db", &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nonexistent/guard.db"));
	assert_int_equal(store_open(&st, f->dir, &e), -EISDIR);
	snprintf(path, sizeof(path), "%s/link", f->dir);
	assert_int_equal(symlink(f->path, path), 0);
	assert_int_equal(store_open(&st, path, &e), -ELOOP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(transactions_nest, setup, teardown),
	    cmocka_unit_test_setup_teardown(busy_database_is_said, setup, teardown),
	    cmocka_unit_test_setup_teardown(file_is_private, setup, teardown),
	    cmocka_unit_test_setup_teardown(newer_database_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(foreign_database_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(half_migrated_file_is_begun_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(damaged_database_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(copy_is_offered_and_good, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		copy_that_was_not_finished_leaves_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(copy_without_room_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(unusable_places_are_said, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
