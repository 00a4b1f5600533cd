/* SPDX-License-Identifier: ISC */
/* The guard's care for grants: watched daily, suspended, reminded of, evidence removed in time. */
#include <unistd.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/guard_fixture.h"

struct seen {
	const char *action;
	unsigned count;
	struct ledger_entry last;
};

static int
see(void *arg, const struct ledger_entry *entry)
{
	struct seen *s = arg;

	if (strcmp(entry->action, s->action) == 0 && s->count++ == 0)
		s->last = *entry; /* newest first */
	return 0;
}

static struct seen
history(struct fixture *f, int64_t id, const char *action)
{
	struct seen s = {.action = action};
	char subject[48];

	snprintf(subject, sizeof(subject), "application %lld", (long long)id);
	assert_int_equal(store_each_ledger_of(f->g.store, subject, 1000, see, &s, NULL), 0);
	return s;
}

/* An approved newsletter of vm-a with a grant for `days`. */
static int64_t
approve(struct fixture *f, unsigned days)
{
	struct application a = newsletter_of_a(f, APPLICATION_APPROVED);
	struct grant grant;
	struct err e;

	application_grant(&a, f->g.now_ns, f->g.now_ns + days * CLOCK_DAY_NS, &grant);
	a.grant_until_ns = grant.until_ns;
	if (guard_put_application(&f->g, "x", "whitelist.approve", &a, &grant, &e) < 0)
		fail_msg("%s", e.text);
	return a.id;
}

static void
send(struct fixture *f, const char *ifname, const char *address, uint16_t headers, unsigned number)
{
	struct observation o = {.kind = OBS_MESSAGE,
	    .time_ns = f->g.now_ns,
	    .session = 1 + number,
	    .client_port = 4000,
	    .server_port = 25};

	snprintf(o.ifname, sizeof(o.ifname), "%s", ifname);
	assert_int_equal(addr_parse(address, &o.client), 0);
	assert_int_equal(addr_parse("198.51.100.9", &o.server), 0);
	o.u.message.reply.code = 250;
	o.u.message.headers_seen = true;
	o.u.message.headers = headers;
	strcpy(o.u.message.sender_domain, "shop.example");
	guard_observe(&f->g, &o);
}

static void
pass_days(struct fixture *f, unsigned days)
{
	for (unsigned i = 0; i < days * 24; i++) {
		f->g.now_ns += CLOCK_HOUR_NS;
		guard_tick(&f->g);
	}
}

static void
bare_newsletter_is_suspended(void **state)
{
	struct fixture *f = *state;
	int64_t id = approve(f, 90);
	struct application a;
	struct err e;

	guard_tick(&f->g);
	for (unsigned i = 0; i < 15; i++)
		send(f, "vnet1", "10.0.0.1", 0, i);
	restart(f); /* what was counted survives */
	assert_int_equal(guard_find_watch(&f->g, id)->messages, 15);
	for (unsigned i = 0; i < 15; i++)
		send(f, "vnet1", "10.0.0.1", 0, 100 + i);
	for (unsigned i = 0; i < 500; i++) /* another server, same domain: not of this grant */
		send(f, "vnet2", "10.0.0.2", OBS_HDR_LIST_UNSUBSCRIBE, 1000 + i);
	pass_days(f, 2);
	assert_int_equal(guard_find_grant(&f->g, id)->state, GRANT_SUSPENDED);
	assert_int_equal(history(f, id, "whitelist.suspend").count, 1);
	assert_non_null(
	    strstr(history(f, id, "whitelist.suspend").last.detail, "30 of 30 messages"));
	assert_string_equal(history(f, id, "whitelist.suspend").last.actor, "guard");
	assert_int_equal(store_get_application(f->g.store, id, &a, NULL), 0);
	assert_int_equal(a.state, APPLICATION_APPROVED);
	restart(f);
	assert_int_equal(guard_find_grant(&f->g, id)->state, GRANT_SUSPENDED);
	assert_int_equal(guard_find_watch(&f->g, id)->level, WATCH_SUSPEND);
	assert_int_equal(guard_resume_grant(&f->g, id, "x", "headers are back", &e), 0);
	assert_true(guard_resume_grant(&f->g, id, "x", "again", &e) < 0);
	assert_int_equal(guard_find_grant(&f->g, id)->state, GRANT_ACTIVE);
	for (unsigned i = 0; i < 30; i++)
		send(f, "vnet1", "10.0.0.1", OBS_HDR_LIST_UNSUBSCRIBE, 5000 + i);
	pass_days(f, 1);
	assert_int_equal(guard_find_watch(&f->g, id)->level, WATCH_WELL);
	assert_int_equal(guard_find_grant(&f->g, id)->state, GRANT_ACTIVE);
}

static void
reminder_comes_once(void **state)
{
	struct fixture *f = *state;
	int64_t id = approve(f, 30);

	pass_days(f, 15);
	assert_int_equal(history(f, id, "whitelist.remind").count, 0);
	pass_days(f, 2);
	restart(f);
	pass_days(f, 2);
	assert_int_equal(history(f, id, "whitelist.remind").count, 1);
	pass_days(f, 12);
	assert_int_equal(history(f, id, "whitelist.expire").count, 1);
	assert_int_equal(guard_find_grant(&f->g, id)->state, GRANT_EXPIRED);
}

static void
add_evidence(struct fixture *f, struct application *a, const char *text)
{
	char path[300];
	FILE *file;
	struct evidence *ev = &a->evidence[a->evidence_count++];

	snprintf(path, sizeof(path), "%s/note", f->dir);
	file = fopen(path, "w+");
	assert_non_null(file);
	fputs(text, file);
	fflush(file);
	*ev = (struct evidence){.kind = EVIDENCE_NOTE, .name = "note"};
	assert_int_equal(evidence_store_add(f->g.evidence, fileno(file), ev, NULL), 0);
	fclose(file);
}

static bool
is_stored(struct fixture *f, const struct evidence *ev)
{
	int fd = evidence_store_read(f->g.evidence, ev->sha256, NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void
evidence_goes_when_its_time_is_over(void **state)
{
	struct fixture *f = *state;
	struct application rejected = {.state = APPLICATION_REJECTED, .changed_ns = T0};
	struct application waiting = {.state = APPLICATION_SUBMITTED, .changed_ns = T0}, a;

	add_evidence(f, &rejected, "only mine");
	add_evidence(f, &rejected, "shared");
	add_evidence(f, &waiting, "shared");
	assert_int_equal(guard_put_application(&f->g, "x", "apply", &rejected, NULL, NULL), 0);
	assert_int_equal(guard_put_application(&f->g, "x", "apply", &waiting, NULL, NULL), 0);
	f->g.now_ns = T0 + 1094 * CLOCK_DAY_NS;
	guard_tick(&f->g);
	assert_true(is_stored(f, &rejected.evidence[0]));
	f->g.now_ns = T0 + 1096 * CLOCK_DAY_NS;
	guard_tick(&f->g);
	assert_false(is_stored(f, &rejected.evidence[0]));
	assert_true(is_stored(f, &rejected.evidence[1]));
	assert_int_equal(store_get_application(f->g.store, rejected.id, &a, NULL), 0);
	assert_int_equal(a.evidence_count, 0);
	assert_int_equal(history(f, rejected.id, "evidence.expire").count, 1);
	assert_int_equal(store_get_application(f->g.store, waiting.id, &a, NULL), 0);
	assert_int_equal(a.evidence_count, 1); /* waits for us: never */
}

/* The clock of a grant's evidence begins with its end, or with a change that came after it. */
static void
evidence_of_a_grant_waits_for_its_end(void **state)
{
	struct fixture *f = *state;
	struct application a = newsletter_of_a(f, APPLICATION_APPROVED);
	const int64_t end_ns = T0 + 30 * CLOCK_DAY_NS, changed_ns = T0 + 100 * CLOCK_DAY_NS;
	struct grant grant;

	add_evidence(f, &a, "a form");
	application_grant(&a, T0, end_ns, &grant);
	assert_int_equal(guard_put_application(&f->g, "x", "approve", &a, &grant, NULL), 0);
	f->g.now_ns = changed_ns;
	guard_tick(&f->g);
	assert_int_equal(guard_find_grant(&f->g, a.id)->state, GRANT_EXPIRED);
	a.changed_ns = changed_ns;
	assert_int_equal(guard_put_application(&f->g, "x", "note", &a, NULL, NULL), 0);
	f->g.now_ns = end_ns + 1096 * CLOCK_DAY_NS;
	guard_tick(&f->g);
	assert_true(is_stored(f, &a.evidence[0]));
	f->g.now_ns = changed_ns + 1096 * CLOCK_DAY_NS;
	guard_tick(&f->g);
	assert_false(is_stored(f, &a.evidence[0]));
}

/* Content without an application is what a power cut leaves; younger than a day it may be at work. */
static void
orphans_go_with_an_entry(void **state)
{
	struct fixture *f = *state;
	struct application a = {.state = APPLICATION_SUBMITTED, .changed_ns = T0};
	struct evidence lost = {0}, young = {0};
	const struct timespec old[2] = {{.tv_sec = T0 / CLOCK_SECOND_NS - 2 * 86400},
	    {.tv_sec = T0 / CLOCK_SECOND_NS - 2 * 86400}};
	char path[SETTINGS_PATH_BYTES + 120];
	struct application stray = {0};
	struct seen s = {.action = "evidence.orphan"};

	add_evidence(f, &a, "named");
	assert_int_equal(guard_put_application(&f->g, "x", "apply", &a, NULL, NULL), 0);
	add_evidence(f, &stray, "lost");
	add_evidence(f, &stray, "young");
	lost = stray.evidence[0];
	young = stray.evidence[1];
	for (unsigned i = 0; i < 2; i++) {
		const char *hash = i == 0 ? lost.sha256 : a.evidence[0].sha256;

		snprintf(path, sizeof(path), "%s/evidence/%.2s/%s", f->dir, hash, hash);
		assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	}
	snprintf(path, sizeof(path), "%s/evidence/.new-1-1", f->dir);
	fclose(fopen(path, "w"));
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	guard_tick(&f->g);
	assert_false(is_stored(f, &lost));
	assert_true(is_stored(f, &young));
	assert_true(is_stored(f, &a.evidence[0]));
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(store_each_ledger_of(f->g.store, "evidence", 10, see, &s, NULL), 0);
	assert_int_equal(s.count, 1);
	assert_non_null(strstr(s.last.detail, lost.sha256));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(bare_newsletter_is_suspended, setup, teardown),
	    cmocka_unit_test_setup_teardown(reminder_comes_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(evidence_goes_when_its_time_is_over, setup, teardown),
	    cmocka_unit_test_setup_teardown(evidence_of_a_grant_waits_for_its_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(orphans_go_with_an_entry, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
