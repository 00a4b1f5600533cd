/* SPDX-License-Identifier: ISC */
/* Notices: once per case and hook, given out and back, pauses, dead letters, letters; and one run of a hook. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/hash.h"
#include "policy/guard_private.h"
#include "policy/notice_text.h"
#include "policy/notify_hook.h"
#include "tests/unit/guard_fixture.h"

static void
name_hooks(struct settings *s)
{
	strcpy(s->notice_hooks, "/x/hooks/mail\n/x/hooks/ticket");
	strcpy(s->notice_operator, "abuse@provider.example");
}

static int
setup_notices(void **state)
{
	return setup_with(state,
	    "server,tenant,interfaces,addresses,contact,lang\n"
	    "vm-a,t1,vnet1,10.0.0.1,owner@a.example,ru\n"
	    "vm-b,t1,vnet2,10.0.0.2,,\n",
	    name_hooks);
}

static void
block(struct fixture *f, const char *case_id, const char *server, bool shadow)
{
	struct store_case c = {.shadow = shadow, .begin_ns = f->g.now_ns};

	snprintf(c.case_id, sizeof(c.case_id), "%s", case_id);
	snprintf(c.server, sizeof(c.server), "%s", server);
	assert_int_equal(guard_notice_block(&f->g, &c, NULL), 0);
}

static struct notice_counts
count(struct fixture *f)
{
	struct notice_counts n;

	assert_int_equal(store_count_notices(f->g.store, &n, NULL), 0);
	return n;
}

static bool
is_busy(void *arg, const char *hook)
{
	return arg != NULL && strcmp(arg, hook) == 0;
}

static int
take(struct fixture *f, const char *busy, struct notice *out)
{
	return guard_notice_take(&f->g, is_busy, (void *)(uintptr_t)busy, out, NULL);
}

static int
done(struct fixture *f, const struct notice *n, enum notice_result result, const char *error)
{
	return guard_notice_done(&f->g, n->id, n->attempts, result, error, NULL);
}

static void
test_once_per_case_and_hook(void **state)
{
	struct fixture *f = *state;
	struct notice n;

	block(f, "bh-shadow", "vm-a", true);
	assert_int_equal(take(f, NULL, &n), 0);
	block(f, "bh-one", "vm-a", false);
	block(f, "bh-one", "vm-a", false); /* a person changed it */
	restart(f);
	block(f, "bh-one", "vm-a", false);
	assert_int_equal(count(f).states[NOTICE_WAITING], 2);
	assert_int_equal(take(f, NULL, &n), 1);
	assert_string_equal(n.hook, "mail");
	assert_string_equal(n.subject, "bh-one");
	assert_string_equal(n.server, "vm-a");
	assert_string_equal(n.contact, "owner@a.example");
	assert_string_equal(n.lang, "ru");
	assert_int_equal(n.attempts, 1);
	assert_int_equal(done(f, &n, NOTICE_RESULT_SENT, ""), 0);
	assert_int_equal(done(f, &n, NOTICE_RESULT_SENT, ""), -ESTALE);
	/* Sent: neither a restart nor the same case again brings it back. */
	restart(f);
	block(f, "bh-one", "vm-a", false);
	assert_int_equal(take(f, NULL, &n), 1);
	assert_string_equal(n.hook, "ticket");
	assert_int_equal(take(f, NULL, &n), 0);
	/* A block that only goes on under a new case is no news. */
	f->g.continuing = true;
	block(f, "bh-two", "vm-a", false);
	assert_int_equal(take(f, NULL, &n), 0);
}

static void
test_rolled_back_with_the_case(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(store_begin(f->g.store, NULL), 0);
	block(f, "bh-none", "vm-a", false);
	store_rollback(f->g.store);
	assert_int_equal(count(f).states[NOTICE_WAITING], 0);
}

static void
test_busy_hooks_leave_room(void **state)
{
	struct fixture *f = *state;
	struct notice n;

	block(f, "bh-one", "vm-a", false);
	assert_int_equal(take(f, "mail", &n), 1);
	assert_string_equal(n.hook, "ticket");
	assert_int_equal(take(f, "mail", &n), 0);
	assert_int_equal(take(f, "ticket", &n), 1);
}

/* Whoever took it and died: it is given out again, and the answer of the dead does not count. */
static void
test_lease(void **state)
{
	struct fixture *f = *state;
	struct notice first, second;

	block(f, "bh-one", "vm-a", false);
	assert_int_equal(take(f, "ticket", &first), 1);
	f->g.now_ns += NOTICE_LEASE_NS - 1;
	assert_int_equal(take(f, "ticket", &second), 0);
	f->g.now_ns += 1;
	assert_int_equal(take(f, "ticket", &second), 1);
	assert_int_equal(second.id, first.id);
	assert_int_equal(second.attempts, 2);
	assert_int_equal(done(f, &first, NOTICE_RESULT_SENT, ""), -ESTALE);
	assert_int_equal(done(f, &second, NOTICE_RESULT_SENT, ""), 0);
	/* A late answer that nobody overtook counts. */
	assert_int_equal(take(f, "mail", &first), 1);
	f->g.now_ns += 2 * NOTICE_LEASE_NS;
	assert_int_equal(done(f, &first, NOTICE_RESULT_SENT, ""), 0);
}

static void
test_pauses_and_dead_letters(void **state)
{
	struct fixture *f = *state;
	struct ledger_entry last;
	struct notice n;
	unsigned tries = 0, retried;

	block(f, "bh-one", "vm-b", false);
	assert_int_equal(take(f, "ticket", &n), 1);
	assert_string_equal(n.contact, "");
	assert_int_equal(done(f, &n, NOTICE_RESULT_DEAD, "\"\" is no mail address"), 0);
	assert_int_equal(count(f).states[NOTICE_DEAD], 1);
	assert_int_equal(store_last_ledger(f->g.store, &last, NULL), 0);
	assert_string_equal(last.action, "notice.dead");
	assert_string_equal(last.subject, "vm-b");
	/* The other fails for two days: fewer than sixty attempts, then a dead letter. */
	while (count(f).states[NOTICE_DEAD] == 1) {
		if (take(f, "mail", &n) == 1) {
			tries++;
			assert_int_equal(n.attempts, tries);
			assert_int_equal(done(f, &n, NOTICE_RESULT_RETRY, "tracker is down"), 0);
			assert_int_equal(count(f).retrying, count(f).states[NOTICE_WAITING]);
		}
		f->g.now_ns += CLOCK_SECOND_NS * 10;
		assert_true(f->g.now_ns < T0 + 3 * CLOCK_DAY_NS);
	}
	assert_in_range(tries, 45, 60);
	assert_in_range(f->g.now_ns, T0 + 46 * CLOCK_HOUR_NS, T0 + 49 * CLOCK_HOUR_NS);
	assert_int_equal(guard_notice_retry(&f->g, "uid 0 (root)", 0, &retried, NULL), 0);
	assert_int_equal(retried, 2);
	assert_int_equal(take(f, "mail", &n), 1);
	assert_int_equal(done(f, &n, NOTICE_RESULT_RETRY, "still down"), 0);
	assert_int_equal(count(f).states[NOTICE_WAITING], 2); /* it has its two days again */
	assert_int_equal(guard_notice_retry(&f->g, "x", 99, &retried, NULL), -ENOENT);
}

static void
test_full_queue(void **state)
{
	struct fixture *f = *state;
	struct notice n = {.kind = NOTICE_BLOCK, .made_ns = T0, .due_ns = T0};
	struct notice_counts counts;

	assert_int_equal(store_begin(f->g.store, NULL), 0);
	for (unsigned i = 0; i < NOTICE_WAITING_MAX; i++) {
		snprintf(n.subject, sizeof(n.subject), "bh-%u", i);
		assert_int_equal(store_add_notice(f->g.store, &n, NULL), 0);
	}
	assert_int_equal(store_commit(f->g.store, NULL), 0);
	block(f, "bh-late", "vm-a", false);
	counts = count(f);
	assert_int_equal(counts.states[NOTICE_WAITING], NOTICE_WAITING_MAX);
	assert_int_equal(counts.states[NOTICE_DEAD], 2);
}

static void
test_old_rows_go(void **state)
{
	struct fixture *f = *state;
	struct store_case c = {
	    .case_id = "bh-open", .server = "vm-a", .begin_ns = T0, .detail = (char[]){"{}"}};
	struct notice n;

	assert_int_equal(store_put_case(f->g.store, &c, NULL), 0);
	block(f, "bh-open", "vm-a", false);
	block(f, "bh-over", "vm-a", false);
	while (take(f, NULL, &n) == 1)
		assert_int_equal(done(f, &n, NOTICE_RESULT_SENT, ""), 0);
	assert_int_equal(count(f).states[NOTICE_SENT], 4);
	f->g.now_ns += NOTICE_KEEP_NS + CLOCK_HOUR_NS;
	guard_tick(&f->g);
	assert_int_equal(count(f).states[NOTICE_SENT], 2); /* of the case that stands */
	block(f, "bh-open", "vm-a", false);
	assert_int_equal(take(f, NULL, &n), 0);
}

static void
test_nobody_is_told_without_hooks(void **state)
{
	struct fixture *f = *state;
	struct notice n;

	f->g.settings.notice_hooks[0] = '\0';
	block(f, "bh-one", "vm-a", false);
	strcpy(f->g.settings.notice_hooks, "/x/mail");
	strcpy(f->g.settings.notices, "catch");
	block(f, "bh-two", "vm-a", false);
	assert_int_equal(take(f, NULL, &n), 0);
	guard_notice_catch(&f->g);
	assert_int_equal(take(f, NULL, &n), 1);
	assert_string_equal(n.contact, "abuse@provider.example");
	assert_int_equal(n.kind, NOTICE_CATCH);
}

static void
test_pause(void **state)
{
	(void)state;
	for (int64_t id = 1; id < 100; id++) {
		assert_in_range(notice_pause_ns(1, id), NOTICE_PAUSE_FIRST_NS * 7 / 8,
		    NOTICE_PAUSE_FIRST_NS * 9 / 8);
		assert_in_range(
		    notice_pause_ns(4, id), NOTICE_PAUSE_FIRST_NS * 7, NOTICE_PAUSE_FIRST_NS * 9);
		assert_in_range(notice_pause_ns(4000000000, id), NOTICE_PAUSE_LAST_NS * 7 / 8,
		    NOTICE_PAUSE_LAST_NS * 9 / 8);
	}
	assert_int_not_equal(notice_pause_ns(3, 1), notice_pause_ns(3, 2));
}

static void
test_hook_names(void **state)
{
	char name[NOTICE_HOOK_BYTES];

	(void)state;
	assert_true(notice_hook_name("/usr/libexec/bulkhead/hooks/mail", name));
	assert_string_equal(name, "mail");
	assert_false(notice_hook_name("/usr/libexec/", name));
	assert_false(notice_hook_name("/a/..", name));
	assert_false(notice_hook_name("/a/b c", name));
	assert_false(notice_hook_name("/a/0123456789012345678901234567890123456789", name));
}

static void
test_letters(void **state)
{
	json_t *about = json_pack(
	    "{s:{s:s, s:s}}", "text", "en", "It sent 50 % mail.\n", "ru", "Много писем.\n");
	struct notice n = {
	    .kind = NOTICE_BLOCK, .subject = "bh-one", .server = "vm-a", .lang = "en"};
	char title[NOTICE_TITLE_BYTES], *text;

	(void)state;
	assert_string_equal(notice_title(title, &n),
	    "Server vm-a: sending mail to port 25 is blocked (case bh-one)");
	text = notice_letter(&n, about, "https://p.example/bh-one");
	assert_non_null(strstr(text, "Hello,\n\n"));
	assert_non_null(strstr(text, "It sent 50 % mail.\n"));
	assert_non_null(strstr(text, "https://p.example/bh-one\n"));
	free(text);
	strcpy(n.lang, "ru");
	assert_string_equal(notice_title(title, &n),
	    "Сервер vm-a: отправка почты на порт 25 закрыта (случай bh-one)");
	text = notice_letter(&n, about, "");
	assert_non_null(strstr(text, "Здравствуйте!"));
	assert_non_null(strstr(text, "Много писем."));
	assert_null(strstr(text, "https://"));
	free(text);
	/* Every kind has both languages, and none leaves a hole open. */
	for (n.kind = 0; n.kind < NOTICE_KIND__COUNT; n.kind++)
		for (unsigned ru = 0; ru < 2; ru++) {
			strcpy(n.lang, ru != 0 ? "ru" : "en");
			assert_null(strstr(notice_title(title, &n), "%s"));
			text = notice_letter(&n, NULL, "u");
			assert_null(strstr(text, "%s"));
			assert_true(strlen(text) > 100);
			free(text);
		}
	json_decref(about);
}

/* RFC 4231, test cases 1, 2 and 6 (a key longer than a block). */
static void
test_hmac(void **state)
{
	uint8_t key[131];
	char hex[HASH_SHA256_HEX];

	(void)state;
	memset(key, 0x0b, 20);
	hash_hmac_sha256_hex(hex, key, 20, "Hi There", 8);
	assert_string_equal(
	    hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	hash_hmac_sha256_hex(hex, "Jefe", 4, "what do ya want for nothing?", 28);
	assert_string_equal(
	    hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	hash_hmac_sha256_hex(
	    hex, key, sizeof(key), "Test Using Larger Than Block-Size Key - Hash Key First", 54);
	assert_string_equal(
	    hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* --- a run --- */

static enum notice_result
run_hook(struct fixture *f, const char *script, const char *text, struct notify_hook *h)
{
	const struct timespec moment = {.tv_nsec = 5000000};
	enum notice_result result = NOTICE_RESULT__COUNT;
	char path[300];
	FILE *file;

	snprintf(path, sizeof(path), "%s/hook", f->dir);
	file = fopen(path, "w");
	fprintf(file, "#!/bin/sh\n%s\n", script);
	fclose(file);
	chmod(path, 0755);
	assert_int_equal(notify_hook_start(h, path, text, strlen(text), NULL), 0);
	for (unsigned i = 0; i < 12000; i++) {
		if (notify_hook_poll(h, &result))
			return result;
		nanosleep(&moment, NULL);
	}
	fail_msg("the hook does not end");
	return result;
}

static void
test_hook_results(void **state)
{
	struct fixture *f = *state;
	struct notify_hook h;

	setenv("BULKHEAD_HOOK_CONF", "/conf", 1);
	setenv("SECRET_OF_OTHERS", "1", 1);
	assert_int_equal(
	    run_hook(f, "test \"$(cat)\" = hello || exit 9", "hello", &h), NOTICE_RESULT_SENT);
	assert_string_equal(h.last, "");
	assert_int_equal(run_hook(f, "echo one; echo 'two words' >&2; echo; exit 1", "", &h),
	    NOTICE_RESULT_RETRY);
	assert_string_equal(h.last, "two words");
	assert_int_equal(
	    run_hook(f, "printf 'no\\033[2J end'; exit 67", "", &h), NOTICE_RESULT_DEAD);
	assert_string_equal(h.last, "no?[2J end");
	assert_int_equal(run_hook(f, "exit 75", "", &h), NOTICE_RESULT_RETRY);
	assert_string_equal(h.last, "the hook ended with exit code 75");
	assert_int_equal(run_hook(f, "kill -9 $$", "", &h), NOTICE_RESULT_RETRY);
	assert_string_equal(h.last, "the hook was ended by signal 9");
	assert_int_equal(run_hook(f,
			     "echo \"$PWD $HOME $BULKHEAD_HOOK_CONF ${SECRET_OF_OTHERS-none} $# "
			     "$(ls /proc/self/fd | wc -l)\"; exit 1",
			     "", &h),
	    NOTICE_RESULT_RETRY);
	assert_string_equal(h.last, "/ /nonexistent /conf none 0 4"); /* ls has its own fourth */
}

/* It does not read, writes without end, leaves a child behind, and does not heed SIGTERM: still it ends. */
static void
test_hook_that_misbehaves(void **state)
{
	struct fixture *f = *state;
	char big[200000], last[SETTINGS_PATH_BYTES + 8];
	struct notify_hook h;
	FILE *file;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(run_hook(f, "exit 0", big, &h), NOTICE_RESULT_SENT);
	assert_int_equal(run_hook(f, "head -c 3000000 /dev/zero; echo; echo end; exit 1", "", &h),
	    NOTICE_RESULT_RETRY);
	assert_string_equal(h.last, "end");
	snprintf(last, sizeof(last), "%s/pid", f->dir);
	setenv("BULKHEAD_PIDFILE", last, 1);
	assert_int_equal(run_hook(f, "sleep 600 & echo $! >$BULKHEAD_PIDFILE; exit 0", "", &h),
	    NOTICE_RESULT_SENT);
	file = fopen(last, "r");
	int pid = 0;
	assert_int_equal(fscanf(file, "%d", &pid), 1);
	fclose(file);
	/* Killed; whether somebody has reaped it is not ours. */
	char path[64], text[256] = "";
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (unsigned i = 0; i < 12000 && (file = fopen(path, "r")) != NULL; i++) {
		size_t n = fread(text, 1, sizeof(text) - 1, file);

		text[n] = '\0';
		fclose(file);
		if (strstr(text, ") Z ") != NULL)
			break;
		usleep(5000);
	}
	assert_true(file == NULL || strstr(text, ") Z ") != NULL);
}

static void
test_hook_deadline(void **state)
{
	const struct timespec moment = {.tv_nsec = 5000000};
	struct fixture *f = *state;
	enum notice_result result;
	struct notify_hook h;
	char path[300];
	FILE *file;

	snprintf(path, sizeof(path), "%s/hook", f->dir);
	file = fopen(path, "w");
	fputs("#!/bin/sh\nsleep 600\n", file);
	fclose(file);
	chmod(path, 0755);
	assert_int_equal(notify_hook_start(&h, path, "x", 1, NULL), 0);
	notify_hook_hurry(&h, 0);
	for (unsigned i = 0; !notify_hook_poll(&h, &result); i++) {
		assert_true(i < 12000);
		nanosleep(&moment, NULL);
	}
	assert_int_equal(result, NOTICE_RESULT_RETRY);
	assert_string_equal(h.last, "the hook took too long and was ended");
	/* Programs that others may change are not run. */
	chmod(path, 0777);
	assert_int_equal(notify_hook_start(&h, path, "x", 1, NULL), -EPERM);
	assert_int_equal(notify_hook_start(&h, "hook", "x", 1, NULL), -EINVAL);
	assert_int_equal(notify_hook_start(&h, "/nonexistent/hook", "x", 1, NULL), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_once_per_case_and_hook, setup_notices, teardown),
	    cmocka_unit_test_setup_teardown(
		test_rolled_back_with_the_case, setup_notices, teardown),
	    cmocka_unit_test_setup_teardown(test_busy_hooks_leave_room, setup_notices, teardown),
	    cmocka_unit_test_setup_teardown(test_lease, setup_notices, teardown),
	    cmocka_unit_test_setup_teardown(test_pauses_and_dead_letters, setup_notices, teardown),
	    cmocka_unit_test_setup_teardown(test_full_queue, setup_notices, teardown),
	    cmocka_unit_test_setup_teardown(test_old_rows_go, setup_notices, teardown),
	    cmocka_unit_test_setup_teardown(
		test_nobody_is_told_without_hooks, setup_notices, teardown),
	    cmocka_unit_test(test_pause),
	    cmocka_unit_test(test_hook_names),
	    cmocka_unit_test(test_letters),
	    cmocka_unit_test(test_hmac),
	    cmocka_unit_test_setup_teardown(test_hook_results, setup_notices, teardown),
	    cmocka_unit_test_setup_teardown(test_hook_that_misbehaves, setup_notices, teardown),
	    cmocka_unit_test_setup_teardown(test_hook_deadline, setup_notices, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
