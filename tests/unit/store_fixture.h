/* SPDX-License-Identifier: ISC */
/* A database in a folder of its own, and a hand that writes to it from outside. */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "policy/store.h"
#include "tests/unit/scratch.h"

struct fixture {
	char dir[SCRATCH_BYTES], path[SCRATCH_BYTES + 32];
	struct store *st;
};

static inline int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (scratch_new(f->dir) != 0)
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/guard.db", f->dir);
	*state = f;
	return store_open(&f->st, f->path, NULL);
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;
	int rc;

	store_close(f->st);
	rc = scratch_delete(f->dir);
	free(f);
	return rc;
}

static inline void
reopen(struct fixture *f)
{
	store_close(f->st);
	f->st = NULL;
	assert_int_equal(store_open(&f->st, f->path, NULL), 0);
}

/* Runs SQL beside the store, as a person with sqlite3(1) would; returns SQLite's code. */
static inline int
beside(struct fixture *f, const char *sql)
{
	sqlite3 *db;
	int rc;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_close(db);
	return rc;
}

#endif
