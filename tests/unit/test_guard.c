/* SPDX-License-Identifier: ISC */
/* The guard without an enforcer: decisions reach database and ledger, and survive a restart. */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "policy/guard_private.h"
#include "tests/unit/guard_fixture.h"

/* Sends until the server is blocked; returns how many recipients that took. */
static unsigned
send_until_blocked(struct fixture *f, const char *name, const char *ifname, const char *address)
{
	unsigned n = 0;

	while (look(f, name).verdict.rung != RUNG_BLOCK) {
		if (n > 5000)
			fail_msg("%s is not blocked after %u recipients", name, n);
		send_one(f, ifname, address, n++);
		f->g.now_ns += 100 * 1000 * 1000;
	}
	return n;
}

static void
judged_block_is_recorded(void **state)
{
	struct fixture *f = *state;
	struct judge_view view;
	struct store_case c;
	struct ledger_seen seen;

	send_until_blocked(f, "vm-a", "vnet1", "10.0.0.1");
	view = look(f, "vm-a");
	assert_int_equal(store_get_case(f->g.store, "vm-a", &c, NULL), 0);
	assert_string_equal(c.case_id, view.verdict.case_id);
	assert_int_equal(c.question, QUESTION_BULK);
	assert_int_equal(c.end_ns, 0);
	assert_false(c.by_person);
	assert_true(c.shadow); /* no enforcer: recorded, not enforced */
	assert_true(c.bulk_points > 0);
	assert_non_null(strstr(c.detail, "\"reasons\""));
	free(c.detail);
	seen = ledger(f, "block", "vm-a");
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.last.actor, "guard");
	assert_non_null(strstr(seen.last.detail, view.verdict.case_id));
	assert_int_equal(look(f, "vm-b").verdict.rung, RUNG_CLEAR);
	assert_ledger_intact(f);
}

static void
restart_keeps_verdicts_and_scores(void **state)
{
	struct fixture *f = *state;
	struct judge_view before, after;

	send_until_blocked(f, "vm-a", "vnet1", "10.0.0.1");
	for (unsigned i = 0; i < 5; i++)
		send_one(f, "vnet2", "10.0.0.2", i);
	before = look(f, "vm-a");
	restart(f);
	after = look(f, "vm-a");
	assert_int_equal(after.verdict.rung, RUNG_BLOCK);
	assert_string_equal(after.verdict.case_id, before.verdict.case_id);
	assert_int_equal(after.verdict.until_ns, before.verdict.until_ns);
	assert_true(after.recipients_hour == before.recipients_hour);
	assert_true(look(f, "vm-b").recipients_hour == 5);
	assert_int_equal(ledger(f, "block", "vm-a").count, 1); /* the same block, not a new one */
	assert_ledger_intact(f);
}

/* The process dies right after the decision: nothing was closed in good order. */
static void
kill_keeps_the_block(void **state)
{
	struct fixture *f = *state;
	struct store_case c;
	struct judge_view view;
	int status;
	pid_t pid;

	guard_close(&f->g);
	pid = fork();
	if (pid == 0) {
		open_guard(f, T0);
		send_until_blocked(f, "vm-a", "vnet1", "10.0.0.1");
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	open_guard(f, T0 + CLOCK_MINUTE_NS);
	view = look(f, "vm-a");
	assert_int_equal(view.verdict.rung, RUNG_BLOCK);
	assert_int_equal(store_get_case(f->g.store, "vm-a", &c, NULL), 0);
	assert_string_equal(c.case_id, view.verdict.case_id);
	free(c.detail);
	assert_int_equal(ledger(f, "block", "vm-a").count, 1); /* the state was there too */
	assert_ledger_intact(f);
}

static void
lost_state_does_not_lose_the_block(void **state)
{
	struct fixture *f = *state;
	struct judge_view before, after;
	struct store_case old, new;
	char path[SETTINGS_PATH_BYTES + 16];
	sqlite3 *db;

	send_until_blocked(f, "vm-a", "vnet1", "10.0.0.1");
	before = look(f, "vm-a");
	guard_close(&f->g);
	snprintf(path, sizeof(path), "%s/guard.db", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db, "UPDATE state SET data = x'00'", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);

	open_guard(f, before.verdict.blocked_at_ns + CLOCK_MINUTE_NS);
	after = look(f, "vm-a");
	assert_int_equal(after.verdict.rung, RUNG_BLOCK);
	assert_int_equal(after.verdict.until_ns, before.verdict.until_ns);
	assert_int_equal(store_get_case(f->g.store, before.verdict.case_id, &old, NULL), 0);
	assert_true(old.end_ns != 0);
	free(old.detail);
	assert_int_equal(store_get_case(f->g.store, "vm-a", &new, NULL), 0);
	assert_string_equal(new.case_id, after.verdict.case_id);
	assert_non_null(strstr(new.reason, before.verdict.case_id));
	free(new.detail);
}

struct steps {
	unsigned count;
	struct store_step list[16];
};

static int
collect_step(void *arg, const struct store_step *step)
{
	struct steps *s = arg;

	assert_true(s->count < 16);
	s->list[s->count++] = *step;
	return 0;
}

/* The way up to a block is told step by step, a warning on it is a case that ended with the block,
 * and a release says who. */
static void
steps_are_told(void **state)
{
	struct fixture *f = *state;
	struct steps s = {.count = 0};
	unsigned a = index_of(f, "vm-a"), warnings = 0;
	struct store_case c;
	struct err e;

	send_until_blocked(f, "vm-a", "vnet1", "10.0.0.1");
	f->g.now_ns += CLOCK_SECOND_NS;
	assert_int_equal(guard_release(&f->g, a, "uid 7 (eve)", "sorted out", &e), 0);
	guard_tick(&f->g);
	assert_int_equal(
	    store_each_step(f->g.store, "vm-a", 0, INT64_MAX, 16, collect_step, &s, &e), 0);
	assert_true(s.count >= 3);
	assert_int_equal(s.list[0].from, RUNG_CLEAR);
	for (unsigned i = 0; i + 1 < s.count; i++) {
		assert_int_equal(s.list[i + 1].from, s.list[i].to);
		assert_string_equal(s.list[i].actor, "guard");
		if (s.list[i].to != RUNG_WARN && s.list[i].to != RUNG_THROTTLE)
			continue;
		warnings++;
		assert_int_equal(store_get_case(f->g.store, s.list[i].case_id, &c, &e), 0);
		assert_int_equal(c.rung, s.list[i].to);
		assert_int_equal(c.end_ns, s.list[i + 1].time_ns);
		assert_non_null(strstr(c.detail, "\"recipients_per_5min\":\"20\""));
		free(c.detail);
	}
	assert_true(warnings > 0);
	assert_int_equal(s.list[s.count - 2].to, RUNG_BLOCK);
	assert_int_equal(s.list[s.count - 1].to, RUNG_CLEAR);
	assert_string_equal(s.list[s.count - 1].actor, "uid 7 (eve)");
	assert_string_equal(s.list[s.count - 1].reason, "sorted out");
}

static void
person_blocks_and_releases(void **state)
{
	struct fixture *f = *state;
	unsigned b = index_of(f, "vm-b");
	struct store_case c;
	struct ledger_seen seen;
	struct err e;

	assert_int_equal(
	    guard_block(&f->g, b, "uid 7 (eve)", "complaint 12", CLOCK_HOUR_NS, false, &e), 0);
	assert_int_equal(store_get_case(f->g.store, "vm-b", &c, NULL), 0);
	assert_true(c.by_person);
	assert_int_equal(c.question, QUESTION__COUNT);
	assert_string_equal(c.reason, "complaint 12");
	assert_int_equal(c.until_ns, f->g.now_ns + CLOCK_HOUR_NS);
	free(c.detail);
	seen = ledger(f, "block", "vm-b");
	assert_string_equal(seen.last.actor, "uid 7 (eve)");
	assert_non_null(strstr(seen.last.detail, "complaint 12"));

	f->g.now_ns += CLOCK_SECOND_NS;
	assert_int_equal(guard_release(&f->g, b, "uid 7 (eve)", "sorted out", &e), 0);
	assert_int_equal(look(f, "vm-b").verdict.rung, RUNG_CLEAR);
	assert_int_equal(store_get_case(f->g.store, "vm-b", &c, NULL), 0);
	assert_int_equal(c.end_ns, f->g.now_ns);
	free(c.detail);
	assert_int_equal(ledger(f, "release", "vm-b").count, 1);
	restart(f);
	assert_int_equal(look(f, "vm-b").verdict.rung, RUNG_CLEAR);
}

static void
second_block_ends_the_first_case(void **state)
{
	struct fixture *f = *state;
	unsigned b = index_of(f, "vm-b");
	struct store_case first, again;

	assert_int_equal(guard_block(&f->g, b, "x", "one", CLOCK_HOUR_NS, false, NULL), 0);
	assert_int_equal(store_get_case(f->g.store, "vm-b", &first, NULL), 0);
	free(first.detail);
	f->g.now_ns += CLOCK_SECOND_NS;
	assert_int_equal(guard_block(&f->g, b, "x", "two", 0, true, NULL), 0);
	assert_int_equal(store_get_case(f->g.store, first.case_id, &again, NULL), 0);
	assert_int_equal(again.end_ns, f->g.now_ns);
	free(again.detail);
	assert_true(look(f, "vm-b").verdict.pinned);
}

static void
block_lifts_by_time(void **state)
{
	struct fixture *f = *state;
	unsigned b = index_of(f, "vm-b");
	struct store_case c;

	assert_int_equal(guard_block(&f->g, b, "x", "short", CLOCK_MINUTE_NS, false, NULL), 0);
	f->g.now_ns += CLOCK_MINUTE_NS + CLOCK_SECOND_NS;
	guard_tick(&f->g);
	assert_int_equal(look(f, "vm-b").verdict.rung, RUNG_CLEAR);
	assert_int_equal(store_get_case(f->g.store, "vm-b", &c, NULL), 0);
	assert_int_equal(c.end_ns, f->g.now_ns);
	free(c.detail);
	assert_string_equal(ledger(f, "release", "vm-b").last.actor, "guard");
}

static void
decisions_need_a_reason(void **state)
{
	struct fixture *f = *state;
	char long_reason[300];
	struct err e;

	memset(long_reason, 'r', sizeof(long_reason) - 1);
	long_reason[sizeof(long_reason) - 1] = '\0';
	assert_int_equal(guard_block(&f->g, 0, "x", "", 0, false, &e), -EINVAL);
	assert_int_equal(guard_block(&f->g, 0, "x", long_reason, 0, false, &e), -EINVAL);
	assert_int_equal(guard_block(&f->g, 99, "x", "why", 0, false, &e), -ENOENT);
	assert_int_equal(guard_release(&f->g, 0, "x", "", &e), -EINVAL);
	assert_int_equal(guard_release(&f->g, 99, "x", "why", &e), -ENOENT);
	assert_int_equal(look(f, "vm-a").verdict.rung, RUNG_CLEAR);
}

/* The database is held by somebody else: a person's decision is refused whole, the judge goes back.
 */
static void
refused_by_the_database_is_undone(void **state)
{
	struct fixture *f = *state;
	char path[SETTINGS_PATH_BYTES + 16];
	struct err e;
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/guard.db", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(guard_block(&f->g, 1, "x", "why", 0, false, &e), -EBUSY);
	assert_int_equal(look(f, "vm-b").verdict.rung, RUNG_CLEAR);

	/* The judge's own decision stands, is owed, and is recorded when the database is back. */
	send_until_blocked(f, "vm-a", "vnet1", "10.0.0.1");
	guard_settle(&f->g);
	assert_true(f->g.unrecorded);
	sqlite3_close(db);
	f->g.now_ns += 5 * CLOCK_SECOND_NS;
	guard_settle(&f->g);
	assert_false(f->g.unrecorded);
	assert_int_equal(ledger(f, "block", "vm-a").count, 1);
	restart(f);
	assert_int_equal(look(f, "vm-a").verdict.rung, RUNG_BLOCK);
}

static struct application
application(void)
{
	struct application a = {.state = APPLICATION_APPROVED,
	    .server_count = 1,
	    .domain_count = 1,
	    .per_day = 100000,
	    .created_ns = T0,
	    .changed_ns = T0};

	strcpy(a.servers[0], "vm-a");
	strcpy(a.domains[0], "shop.example");
	strcpy(a.contact, "a@shop.example");
	return a;
}

static void
grant_lets_mail_pass_and_expires(void **state)
{
	struct fixture *f = *state;
	struct application a = application();
	struct grant g = {.server_count = 1,
	    .domain_count = 1,
	    .per_day = 100000,
	    .per_hour = 50000,
	    .from_ns = T0,
	    .until_ns = T0 + CLOCK_DAY_NS};

	strcpy(g.servers[0], "vm-a");
	strcpy(g.domains[0], "shop.example");
	assert_int_equal(guard_put_application(&f->g, "x", "whitelist.approve", &a, &g, NULL), 0);
	assert_true(a.id > 0);
	assert_non_null(guard_find_grant(&f->g, a.id));
	assert_null(guard_find_grant(&f->g, 99));
	for (unsigned i = 0; i < 500; i++) {
		send_one(f, "vnet1", "10.0.0.1", i);
		f->g.now_ns += 100 * 1000 * 1000;
	}
	assert_true(look(f, "vm-a").verdict.rung < RUNG_THROTTLE);
	restart(f);
	assert_int_equal(f->g.grant_count, 1);
	f->g.now_ns = T0 + CLOCK_DAY_NS + CLOCK_SECOND_NS;
	guard_tick(&f->g);
	assert_int_equal(guard_find_grant(&f->g, a.id)->state, GRANT_EXPIRED);
	restart(f);
	assert_int_equal(guard_find_grant(&f->g, a.id)->state, GRANT_EXPIRED);
	send_until_blocked(f, "vm-a", "vnet1", "10.0.0.1");
}

/* Abuse takes a grant away until a person renews it, and says so in the ledger. */
static void
abuse_suspends_the_grant(void **state)
{
	struct fixture *f = *state;
	struct application a = application();
	struct grant g = {.server_count = 1, .per_day = 100000, .until_ns = T0 + CLOCK_DAY_NS};
	char subject[48];
	struct ledger_seen seen;

	strcpy(g.servers[0], "vm-a");
	assert_int_equal(guard_put_application(&f->g, "x", "whitelist.approve", &a, &g, NULL), 0);
	guard_suspend_grants(&f->g, "vm-b", "bh-0000000000"); /* somebody else's */
	assert_int_equal(guard_find_grant(&f->g, a.id)->state, GRANT_ACTIVE);
	guard_suspend_grants(&f->g, "vm-a", "bh-0123456789");
	guard_suspend_grants(&f->g, "vm-a", "bh-0123456789"); /* once is enough */
	assert_int_equal(guard_find_grant(&f->g, a.id)->state, GRANT_SUSPENDED);
	snprintf(subject, sizeof(subject), "application %lld", (long long)a.id);
	seen = ledger(f, "whitelist.suspend", subject);
	assert_int_equal(seen.count, 1);
	assert_non_null(strstr(seen.last.detail, "bh-0123456789"));
	restart(f);
	assert_int_equal(guard_find_grant(&f->g, a.id)->state, GRANT_SUSPENDED);
	send_until_blocked(f, "vm-a", "vnet1", "10.0.0.1");
	assert_ledger_intact(f);
}

static void
grants_grow_beyond_the_first_room(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 40; i++) {
		struct application a = application();
		struct grant g = {.server_count = 1, .per_day = 10, .until_ns = T0 + CLOCK_DAY_NS};
		const struct grant *again;

		strcpy(g.servers[0], "vm-a");
		assert_int_equal(
		    guard_put_application(&f->g, "x", "whitelist.approve", &a, &g, NULL), 0);
		/* A caller may hand in a grant that lies in the guard's own array. */
		again = guard_find_grant(&f->g, a.id);
		assert_int_equal(
		    guard_put_application(&f->g, "x", "whitelist.renew", &a, again, NULL), 0);
	}
	assert_int_equal(f->g.grant_count, 40);
	restart(f);
	assert_int_equal(f->g.grant_count, 40);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(judged_block_is_recorded, setup, teardown),
	    cmocka_unit_test_setup_teardown(steps_are_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(restart_keeps_verdicts_and_scores, setup, teardown),
	    cmocka_unit_test_setup_teardown(kill_keeps_the_block, setup, teardown),
	    cmocka_unit_test_setup_teardown(lost_state_does_not_lose_the_block, setup, teardown),
	    cmocka_unit_test_setup_teardown(person_blocks_and_releases, setup, teardown),
	    cmocka_unit_test_setup_teardown(second_block_ends_the_first_case, setup, teardown),
	    cmocka_unit_test_setup_teardown(block_lifts_by_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(decisions_need_a_reason, setup, teardown),
	    cmocka_unit_test_setup_teardown(refused_by_the_database_is_undone, setup, teardown),
	    cmocka_unit_test_setup_teardown(grant_lets_mail_pass_and_expires, setup, teardown),
	    cmocka_unit_test_setup_teardown(abuse_suspends_the_grant, setup, teardown),
	    cmocka_unit_test_setup_teardown(grants_grow_beyond_the_first_room, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
