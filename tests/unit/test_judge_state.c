/* SPDX-License-Identifier: ISC */
/* The judge and what it keeps: state that survives, another inventory, settings that it refuses, its memory. */
#include <errno.h>

#include "tests/unit/judge_fixture.h"

static void
test_inventory_change(void **state)
{
	struct fixture *f = *state;
	struct inventory *fresh = make_inventory(3, SERVERS);

	blast(f, 3, 50);
	blast(f, 2, 10);
	assert_int_equal(judge_set_inventory(f->judge, fresh, NULL), 0);
	inventory_free(f->inventory);
	f->inventory = fresh;
	assert_string_equal(get(f, 0).server->name, "vm-3");
	assert_int_equal(get(f, 0).verdict.rung, RUNG_BLOCK);
	assert_int_equal(get(f, 1).counts.messages, 0);
	send_mail(f, 22, "x.example", false); /* one that was not there */
	assert_int_equal(get(f, 19).counts.messages, 1);
}

/* The facts for D5 and D13 come from its own sessions to port 25 and outlive a restart. */
static void
test_outgoing_facts(void **state)
{
	struct fixture *f = *state;
	struct observation end = observation(f, 3, OBS_SESSION_END);
	uint8_t data[JUDGE_STATE_MAX];
	long size;

	end.u.end.is_smtp = true;
	end.u.end.tls = OBS_TLS_OFFERED;
	strcpy(end.u.end.helo, "mail.shop.example");
	judge_observe(f->judge, &end);
	end.u.end.tls = OBS_TLS_STARTTLS;
	judge_observe(f->judge, &end);
	size = judge_save(f->judge, 3, data, sizeof(data));
	send_mail(f, 3, "x.example", false);
	end.flags = OBS_F_INBOUND;
	strcpy(end.u.end.helo, "somebody.example");
	judge_observe(f->judge, &end);
	assert_string_equal(get(f, 3).outgoing.helo, "mail.shop.example");
	assert_int_equal(get(f, 3).outgoing.tls_offered, 2);
	assert_int_equal(get(f, 3).outgoing.tls_used, 1);
	assert_string_equal(get(f, 4).outgoing.helo, "");
	assert_int_equal(judge_restore(f->judge, 3, data, (size_t)size), 0);
	assert_string_equal(get(f, 3).outgoing.helo, "mail.shop.example");
	assert_int_equal(get(f, 3).outgoing.tls_offered, 2);
}

static void
test_state_survives(void **state)
{
	struct fixture *f = *state;
	uint8_t data[JUDGE_STATE_MAX];
	struct judge_view before, after;
	struct judge *other;
	long size;

	blast(f, 3, 50);
	for (unsigned i = 0; i < 4; i++)
		send_mail(f, 3, "x.example", true);
	before = get(f, 3);
	size = judge_save(f->judge, 3, data, sizeof(data));
	assert_in_range(size, 100, JUDGE_STATE_MAX);
	assert_int_equal(judge_save(f->judge, 3, data + 1, 50), -ENOBUFS);
	assert_int_equal(
	    judge_new(&other, &f->settings, f->inventory, false, on_change, f, NULL), 0);
	judge_tick(other, f->now_ns);
	size = judge_save(f->judge, 3, data, sizeof(data));
	assert_int_equal(judge_restore(other, 3, data, (size_t)size), 0);
	assert_int_equal(judge_get(other, 3, &after), 0);
	assert_memory_equal(&before.counts, &after.counts, sizeof(before.counts));
	assert_string_equal(before.verdict.case_id, after.verdict.case_id);
	assert_true(before.verdict.until_ns == after.verdict.until_ns);
	for (unsigned q = 0; q < QUESTION__COUNT; q++) {
		assert_true(before.score[q].points == after.score[q].points);
		assert_int_equal(before.score[q].reason_count, after.score[q].reason_count);
	}
	assert_memory_equal(before.samples, after.samples, sizeof(before.samples));
	/* Another server's, another version, cut, or longer: refused, and nothing changes. */
	assert_int_equal(judge_restore(other, 4, data, (size_t)size), -EBADMSG);
	for (long cut = 1; cut < size; cut += 7)
		assert_int_equal(judge_restore(other, 3, data, (size_t)cut), -EBADMSG);
	assert_int_equal(judge_restore(other, 3, data, (size_t)size + 1), -EBADMSG);
	data[0]++;
	assert_int_equal(judge_restore(other, 3, data, (size_t)size), -EPROTO);
	assert_int_equal(judge_get(other, 3, &after), 0);
	assert_string_equal(before.verdict.case_id, after.verdict.case_id);
	judge_free(other);
}

static void
test_unseen_is_saved(void **state)
{
	struct fixture *f = *state;
	uint8_t data[JUDGE_STATE_MAX];
	long size = judge_save(f->judge, 8, data, sizeof(data));

	assert_true(size > 0);
	assert_int_equal(judge_restore(f->judge, 8, data, (size_t)size), 0);
	assert_int_equal(get(f, 8).verdict.question, -1);
	assert_int_equal(judge_save(f->judge, 99, data, sizeof(data)), -ENOENT);
}

static void
test_bad_settings(void **state)
{
	struct fixture *f = *state;
	struct judge *j = NULL;
	struct err e;

	strcpy(f->settings.policy.plans, "small 10 5 800");
	assert_int_equal(judge_new(&j, &f->settings, f->inventory, false, NULL, NULL, &e), -EINVAL);
	assert_non_null(strstr(e.text, "small 10 5 800"));
	strcpy(f->settings.policy.plans, "");
	strcpy(f->settings.relays, "mail.example");
	assert_int_equal(judge_new(&j, &f->settings, f->inventory, false, NULL, NULL, &e), -EINVAL);
	assert_null(j);
}

static void
test_memory(void **state)
{
	(void)state;
	assert_in_range(judge_memory_per_server(), 4096, 16 * 1024);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_inventory_change),
	    CASE(test_outgoing_facts),
	    CASE(test_state_survives),
	    CASE(test_unseen_is_saved),
	    CASE(test_bad_settings),
	    CASE(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
