/* SPDX-License-Identifier: ISC */
/* A guard on a database in a folder of its own, for the tests of the guard. */
#ifndef TESTS_UNIT_GUARD_FIXTURE_H
#define TESTS_UNIT_GUARD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "policy/guard.h"
#include "tests/unit/scratch.h"

#define T0 (INT64_C(1700000000) * CLOCK_SECOND_NS)

struct fixture {
	char dir[SCRATCH_BYTES];
	struct settings settings;
	struct guard g;
};

static inline void
open_guard(struct fixture *f, int64_t now_ns)
{
	struct err e;

	memset(&f->g, 0, sizeof(f->g));
	if (guard_open(&f->g, &f->settings, now_ns, &e) < 0)
		fail_msg("%s", e.text);
}

static inline void
restart(struct fixture *f)
{
	int64_t now_ns = f->g.now_ns;

	guard_close(&f->g);
	open_guard(f, now_ns);
}

/* A guard with the servers of this CSV (NULL: none), and settings that are adjusted before (NULL: as they are). */
static inline int
setup_with(void **state, const char *inventory, void (*adjust)(struct settings *))
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct guard_import done;

	if (f == NULL || scratch_new(f->dir) != 0)
		return -1;
	settings_init(&f->settings);
	snprintf(f->settings.state_dir, sizeof(f->settings.state_dir), "%s", f->dir);
	if (adjust != NULL)
		adjust(&f->settings);
	*state = f;
	open_guard(f, T0);
	return inventory == NULL ? 0
				 : guard_import(&f->g, "uid 0 (root)", "inv.csv", inventory,
				       strlen(inventory), &done, NULL);
}

/* Two servers of one tenant. */
static inline int
setup(void **state)
{
	return setup_with(state,
	    "server,tenant,plan,virtualization,interfaces,macs,addresses\n"
	    "vm-a,t1,,kvm,vnet1,,10.0.0.1\n"
	    "vm-b,t1,,kvm,vnet2,,10.0.0.2\n",
	    NULL);
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;
	int rc;

	guard_close(&f->g);
	rc = scratch_delete(f->dir);
	free(f);
	return rc;
}

#endif
