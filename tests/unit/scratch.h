/* SPDX-License-Identifier: ISC */
/*
 * Folders of their own for tests: one for each test, or one for a whole program (group fixtures for
 * cmocka_run_group_tests()).
 */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRATCH_BYTES 32

/* Makes a folder and writes its name; 0 or -1. */
static inline int
scratch_new(char dir[SCRATCH_BYTES])
{
	strcpy(dir, "/tmp/bulkhead-test-XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static inline int
scratch_unlink(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

/* With everything that a test left in it. */
static inline int
scratch_delete(const char *dir)
{
	return nftw(dir, scratch_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

static char scratch[SCRATCH_BYTES]; /* the program's, once it is made */

static inline int
scratch_make(void **state)
{
	(void)state;
	return scratch_new(scratch);
}

static inline int
scratch_remove(void **state)
{
	(void)state;
	return scratch_delete(scratch);
}

#endif
