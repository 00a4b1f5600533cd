/* SPDX-License-Identifier: ISC */
/* The guard and what people change of it: the inventory, modes, settings; and its copy of the database. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/guard_fixture.h"

static void
import_is_all_or_nothing(void **state)
{
	static const char bad[] = "server,tenant,plan,virtualization,interfaces,macs,addresses\n"
				  "vm-x,t,,kvm,vnet7,,10.0.0.7\n"
				  "vm-y,t,,kvm,vnet8,,nonsense\n";
	static const char next[] = "server,tenant,plan,virtualization,interfaces,macs,addresses\n"
				   "vm-b,t1,gold,kvm,vnet2,,10.0.0.2\n"
				   "vm-c,t1,,kvm,vnet1,,10.0.0.1\n";
	struct fixture *f = *state;
	struct guard_import done = {0};
	struct server s;
	struct err e;

	assert_true(guard_import(&f->g, "x", "bad.csv", bad, strlen(bad), &done, &e) < 0);
	assert_non_null(strstr(e.text, "bad.csv:3"));
	assert_int_equal(inventory_count(f->g.inventory), 2);

	s = *inventory_get(f->g.inventory, index_of(f, "vm-b"));
	strcpy(s.mode, "enforce");
	assert_int_equal(guard_put_server(&f->g, "x", &s, NULL), 0);
	assert_int_equal(guard_block(&f->g, index_of(f, "vm-a"), "x", "why", 0, false, NULL), 0);
	send_one(f, "vnet2", "10.0.0.2", 1);

	assert_int_equal(guard_import(&f->g, "x", "next.csv", next, strlen(next), &done, NULL), 0);
	assert_int_equal(done.added, 1);
	assert_int_equal(done.changed, 1);
	assert_int_equal(done.removed, 1);
	assert_int_equal(done.unchanged, 0);
	/* The file knows no modes: what a person set stays; scores follow the name. */
	assert_string_equal(inventory_get(f->g.inventory, index_of(f, "vm-b"))->mode, "enforce");
	assert_true(look(f, "vm-b").recipients_hour == 1);
	/* The blocked server is gone, and its tap belongs to another one now, which is not blocked.
	 */
	assert_int_equal(look(f, "vm-c").verdict.rung, RUNG_CLEAR);
	assert_int_equal(ledger(f, "release", "vm-a").count, 1);

	restart(f);
	assert_int_equal(inventory_count(f->g.inventory), 2);
	assert_string_equal(inventory_get(f->g.inventory, index_of(f, "vm-b"))->plan, "gold");
	assert_int_equal(guard_remove_server(&f->g, "x", "vm-c", NULL), 0);
	assert_int_equal(guard_remove_server(&f->g, "x", "vm-c", &e), -ENOENT);
	assert_ledger_intact(f);
}

static void
conflicting_server_is_refused(void **state)
{
	struct fixture *f = *state;
	struct server s = *inventory_get(f->g.inventory, index_of(f, "vm-b"));
	struct err e;

	strcpy(s.ifnames[0], "vnet1");
	assert_true(guard_put_server(&f->g, "x", &s, &e) < 0);
	assert_string_equal(
	    inventory_get(f->g.inventory, index_of(f, "vm-b"))->ifnames[0], "vnet2");
}

static void
mode_of_person_and_file(void **state)
{
	struct fixture *f = *state;
	struct err e;

	assert_int_equal(guard_set_mode(&f->g, "x", "sometimes", &e), -EINVAL);
	assert_int_equal(guard_set_mode(&f->g, "x", "enforce", &e), -EPERM); /* no enforcer */
	assert_false(guard_is_enforced(&f->g, 0));
	strcpy(f->settings.policy.mode, "enforce");
	restart(f);
	assert_string_equal(f->g.settings.policy.mode, "observe");
}

static void
reload_keeps_what_is_fixed(void **state)
{
	struct fixture *f = *state;
	struct settings fresh = f->settings;
	char fixed[128];

	strcpy(fresh.state_dir, "/elsewhere");
	fresh.policy.recipients_per_5min = 7;
	assert_int_equal(guard_reload(&f->g, &fresh, fixed, sizeof(fixed), NULL), 0);
	assert_string_equal(fixed, "state_dir");
	assert_string_equal(f->g.settings.state_dir, f->settings.state_dir);
	assert_true(f->g.settings.policy.recipients_per_5min == 7);
}

/* What a person said of a plan holds over restarts, until the file says something new. */
static void
test_plan_mode_is_kept(void **state)
{
	struct fixture *f = *state;
	char fixed[64];

	assert_int_equal(guard_set_plan_mode(&f->g, "uid 0 (root)", "small", "observe", NULL), 0);
	assert_int_equal(ledger(f, "mode", "plan small").count, 1);
	restart(f);
	assert_string_equal(f->g.settings.policy.plan_modes, "small observe");
	assert_int_equal(guard_reload(&f->g, &f->settings, fixed, sizeof(fixed), NULL), 0);
	assert_string_equal(f->g.settings.policy.plan_modes, "small observe");
	strcpy(f->settings.policy.plan_modes, "big observe");
	assert_int_equal(guard_reload(&f->g, &f->settings, fixed, sizeof(fixed), NULL), 0);
	assert_string_equal(f->g.settings.policy.plan_modes, "big observe");
	restart(f);
	assert_string_equal(f->g.settings.policy.plan_modes, "big observe");
	strcpy(f->settings.policy.plan_modes, "big sometimes");
	assert_int_equal(guard_reload(&f->g, &f->settings, fixed, sizeof(fixed), NULL), -EINVAL);
	assert_string_equal(f->g.settings.policy.plan_modes, "big observe");
	assert_int_equal(guard_set_plan_mode(&f->g, "x", "small", "enforce", NULL), -EPERM);
}

/* A copy that failed is tried again in a minute, not in an hour. */
static void
copy_that_failed_is_tried_again(void **state)
{
	struct fixture *f = *state;
	char fresh[SETTINGS_PATH_BYTES + 32], copy[SETTINGS_PATH_BYTES + 32];

	snprintf(fresh, sizeof(fresh), "%s/guard.db.backup.new", f->dir);
	snprintf(copy, sizeof(copy), "%s/guard.db.backup", f->dir);
	assert_int_equal(mkdir(fresh, 0700), 0);
	guard_tick(&f->g);
	assert_int_equal(rmdir(fresh), 0);
	f->g.now_ns += 30 * CLOCK_SECOND_NS;
	guard_tick(&f->g);
	assert_int_not_equal(access(copy, F_OK), 0);
	f->g.now_ns += 30 * CLOCK_SECOND_NS;
	guard_tick(&f->g);
	assert_int_equal(access(copy, F_OK), 0);

	/* One that was made is not made again within the hour. */
	assert_int_equal(unlink(copy), 0);
	f->g.now_ns += CLOCK_HOUR_NS - CLOCK_SECOND_NS;
	guard_tick(&f->g);
	assert_int_not_equal(access(copy, F_OK), 0);
	f->g.now_ns += CLOCK_SECOND_NS;
	guard_tick(&f->g);
	assert_int_equal(access(copy, F_OK), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(import_is_all_or_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(conflicting_server_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(mode_of_person_and_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(reload_keeps_what_is_fixed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_plan_mode_is_kept, setup, teardown),
	    cmocka_unit_test_setup_teardown(copy_that_failed_is_tried_again, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
