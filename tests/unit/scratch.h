/* SPDX-License-Identifier: ISC */
/*
 * A folder of its own for a program of tests: group fixtures for cmocka_run_group_tests().
 */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char scratch[] = "/tmp/bulkhead-test-XXXXXX"; /* its name, once it is made */

static inline int
scratch_make(void **state)
{
	(void)state;
	return mkdtemp(scratch) == NULL ? -1 : 0;
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
scratch_remove(void **state)
{
	(void)state;
	return nftw(scratch, scratch_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
