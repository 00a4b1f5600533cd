/* SPDX-License-Identifier: ISC */
/* A guard with two servers of one tenant on a database in a folder of its own, for the tests of the guard. */
#ifndef TESTS_UNIT_GUARD_FIXTURE_H
#define TESTS_UNIT_GUARD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "policy/guard.h"

#define T0 (INT64_C(1700000000) * CLOCK_SECOND_NS)

static const char inventory[] = "server,tenant,plan,virtualization,interfaces,macs,addresses\n"
				"vm-a,t1,,kvm,vnet1,,10.0.0.1\n"
				"vm-b,t1,,kvm,vnet2,,10.0.0.2\n";

struct fixture {
	char dir[SETTINGS_PATH_BYTES];
	struct settings settings;
	struct guard g;
};

static void
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

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct guard_import done;

	strcpy(f->dir, "/tmp/test_guard.XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	settings_init(&f->settings);
	snprintf(f->settings.state_dir, sizeof(f->settings.state_dir), "%s", f->dir);
	*state = f;
	open_guard(f, T0);
	return guard_import(
	    &f->g, "uid 0 (root)", "inv.csv", inventory, strlen(inventory), &done, NULL);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char command[300];

	guard_close(&f->g);
	snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
	if (system(command) != 0)
		return -1;
	free(f);
	return 0;
}

#endif
