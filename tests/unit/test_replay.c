/* SPDX-License-Identifier: ISC */
/*
 * Tests of cli/replay: captures of the generator, and what `replay --json` says of them.
 */
#include <errno.h>
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
#include "cli/output_json.h"
#include "cli/replay.h"
#include "tests/gen/smtpgen.h"
#include "tests/unit/scratch.h"

#define START_NS (INT64_C(1767225600) * CLOCK_SECOND_NS) /* 2026-01-01 */

static const char *
path_of(const char *name)
{
	static char path[4][128];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", scratch, name);
	return p;
}

static struct addr
address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

/* One session of `client` with one message to one recipient. */
static void
one_message(struct gen *g, const char *client, unsigned number, int64_t start_ns, bool tls,
    struct gen_truth *truth)
{
	char to[64], text[4096];
	struct gen_recipient recipient = {.address = to};
	struct gen_message message = {.from = "news@shop.example",
	    .recipients = &recipient,
	    .recipient_count = 1,
	    .text = text};
	struct gen_smtp smtp = {.messages = &message, .message_count = 1, .starttls = tls};
	struct gen_path path;
	char mx[32];

	snprintf(to, sizeof(to), "user%u@domain%u.example", number, number % 50);
	snprintf(mx, sizeof(mx), "198.51.100.%u", number % 200 + 1);
	gen_message_text(text, sizeof(text), 1500, "news@shop.example", to, 1, true);
	gen_path_init(&path, address(client), address(mx), start_ns);
	path.client_port = (uint16_t)(20000 + number % 40000);
	path.server_port = 25;
	gen_smtp_session(g, &path, &smtp, truth);
}

/* Writes a capture: `count` messages of a client, so many nanoseconds apart. */
static struct gen_truth
write_capture(const char *path, const char *client, unsigned first, unsigned count,
    int64_t start_ns, int64_t apart_ns, bool tls)
{
	struct gen *g = gen_new(7, GEN_LINK_ETHERNET, 0);
	struct gen_truth truth = {0};
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	gen_set_file(g, f);
	for (unsigned i = 0; i < count; i++)
		one_message(g, client, first + i, start_ns + i * apart_ns, tls, &truth);
	gen_flush(g, INT64_MAX);
	gen_free(g);
	assert_int_equal(fclose(f), 0);
	return truth;
}

static int
run(const char *const *files, int count, const char *inventory, json_t **out, struct err *e)
{
	struct settings settings;
	struct replay_config cfg = {.files = (char *const *)(uintptr_t)files,
	    .file_count = count,
	    .inventory = inventory,
	    .settings = &settings,
	    .flows_max = 4096};

	settings_init(&settings);
	memset(e, 0, sizeof(*e));
	*out = NULL;
	return replay_run(&cfg, out, e);
}

static json_t *
find(json_t *data, const char *server)
{
	json_t *s;
	size_t i;

	json_array_foreach (json_object_get(data, "servers"), i, s)
		if (strcmp(output_json_get(s, "server", ""), server) == 0)
			return s;
	return NULL;
}

/* The members of an object in their order, joined by blanks. */
static const char *
members(const json_t *object)
{
	static char text[1024];
	const char *key;
	json_t *value;

	text[0] = '\0';
	json_object_foreach ((json_t *)(uintptr_t)object, key, value)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
		    text[0] != '\0' ? " " : "", key);
	return text;
}

static void
test_contract(void **state)
{
	const char *file = path_of("few.pcap");
	struct gen_truth truth =
	    write_capture(file, "10.0.0.7", 0, 5, START_NS, CLOCK_SECOND_NS, false);
	json_t *data, *s;
	struct err e;

	(void)state;
	assert_int_equal(run(&file, 1, NULL, &data, &e), 0);
	assert_string_equal(members(data), "version capture servers");
	assert_string_equal(members(json_object_get(data, "capture")),
	    "packets bytes flows evicted malformed gaps first last");
	assert_int_equal(json_array_size(json_object_get(data, "servers")), 1);
	s = find(data, "10.0.0.7");
	assert_non_null(s);
	assert_string_equal(members(s),
	    "server addresses sessions sessions_tls connects_failed messages messages_estimated "
	    "recipients_accepted recipients_rejected recipients_deferred distinct_destinations "
	    "distinct_recipient_domains bulk abuse verdict question blocked_at "
	    "messages_before_block "
	    "case");
	assert_string_equal(members(json_object_get(s, "bulk")), "score reasons");
	assert_int_equal(output_json_number(s, "sessions"), truth.sessions);
	assert_int_equal(output_json_number(s, "messages"), truth.messages);
	assert_int_equal(output_json_number(s, "recipients_accepted"), truth.recipients_accepted);
	assert_int_equal(output_json_number(s, "distinct_destinations"), 5);
	assert_int_equal(output_json_number(s, "distinct_recipient_domains"), 5);
	assert_string_equal(output_json_get(s, "verdict", ""), "clear");
	assert_true(json_is_null(json_object_get(s, "blocked_at")));
	assert_true(json_is_null(json_object_get(s, "messages_before_block")));
	assert_true(json_is_null(json_object_get(s, "case")));
	assert_true(json_is_null(json_object_get(s, "question")));
	assert_string_equal(
	    output_json_get(json_object_get(data, "capture"), "first", ""), "2026-01-01T00:00:00Z");
	assert_string_equal(
	    json_string_value(json_array_get(json_object_get(s, "addresses"), 0)), "10.0.0.7");
	json_decref(data);
}

static void
test_newsletter_is_blocked(void **state)
{
	const char *file = path_of("bulk.pcap");
	struct gen_truth truth =
	    write_capture(file, "10.0.0.8", 0, 600, START_NS, CLOCK_SECOND_NS / 5, false);
	json_t *data, *s;
	struct err e;

	(void)state;
	assert_int_equal(run(&file, 1, NULL, &data, &e), 0);
	s = find(data, "10.0.0.8");
	assert_non_null(s);
	assert_int_equal(output_json_number(s, "messages"), truth.messages);
	assert_string_equal(output_json_get(s, "verdict", ""), "block");
	assert_string_equal(output_json_get(s, "question", ""), "bulk");
	assert_true(json_is_string(json_object_get(s, "case")));
	assert_true(output_json_number(s, "messages_before_block") > 0);
	assert_true(output_json_number(s, "messages_before_block") < truth.messages);
	assert_true(json_array_size(json_object_get(json_object_get(s, "bulk"), "reasons")) > 0);
	json_decref(data);
}

/* The same packets in one file or in two, in order or not, are one timeline. */
static void
test_files_are_one_timeline(void **state)
{
	const char *whole = path_of("whole.pcap");
	const char *parts[2] = {path_of("late.pcap"), path_of("early.pcap")};
	json_t *one, *two;
	char *a, *b;
	struct err e;

	(void)state;
	write_capture(whole, "10.0.0.9", 0, 40, START_NS, CLOCK_SECOND_NS, false);
	write_capture(parts[1], "10.0.0.9", 0, 20, START_NS, CLOCK_SECOND_NS, false);
	write_capture(
	    parts[0], "10.0.0.9", 20, 20, START_NS + 20 * CLOCK_SECOND_NS, CLOCK_SECOND_NS, false);
	assert_int_equal(run(&whole, 1, NULL, &one, &e), 0);
	assert_int_equal(run(parts, 2, NULL, &two, &e), 0);
	assert_int_equal(output_json_number(find(one, "10.0.0.9"), "messages"), 40);
	a = json_dumps(json_object_get(one, "servers"), 0);
	b = json_dumps(json_object_get(two, "servers"), 0);
	assert_string_equal(a, b);
	free(a);
	free(b);
	json_decref(one);
	json_decref(two);
}

static void
test_same_input_same_output(void **state)
{
	const char *file = path_of("bulk.pcap");
	json_t *one, *two;
	char *a, *b;
	struct err e;

	(void)state;
	assert_int_equal(run(&file, 1, NULL, &one, &e), 0);
	assert_int_equal(run(&file, 1, NULL, &two, &e), 0);
	a = json_dumps(one, 0);
	b = json_dumps(two, 0);
	assert_string_equal(a, b);
	free(a);
	free(b);
	json_decref(one);
	json_decref(two);
}

static void
write_text(const char *path, const void *text, size_t size)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static void
test_inventory(void **state)
{
	static const char csv[] = "server,tenant,plan,virtualization,interfaces,macs,addresses\n"
				  "vm-b,acme,,kvm,,,10.0.0.7;2001:db8::/64\n"
				  "vm-a,acme,,kvm,,,10.9.0.1\n";
	const char *files[2] = {path_of("few.pcap"), path_of("stranger.pcap")};
	const char *inventory = path_of("servers.csv");
	json_t *data, *servers;
	struct err e;

	(void)state;
	write_capture(files[1], "10.77.0.1", 0, 3, START_NS, CLOCK_SECOND_NS, false);
	write_text(inventory, csv, sizeof(csv) - 1);
	assert_int_equal(run(files, 2, inventory, &data, &e), 0);
	servers = json_object_get(data, "servers");
	assert_int_equal(json_array_size(servers), 2);
	assert_string_equal(output_json_get(json_array_get(servers, 0), "server", ""), "vm-a");
	assert_int_equal(output_json_number(json_array_get(servers, 0), "sessions"), 0);
	assert_int_equal(output_json_number(json_array_get(servers, 1), "messages"), 5);
	assert_int_equal(
	    json_array_size(json_object_get(json_array_get(servers, 1), "addresses")), 2);
	assert_int_equal(output_json_number(json_object_get(data, "capture"), "unattributed"), 3);
	json_decref(data);
	write_text(inventory, "server,addresses\nvm,banana\n", 27);
	assert_true(run(files, 2, inventory, &data, &e) < 0);
	assert_null(data);
	assert_non_null(strstr(e.text, "servers.csv:2"));
}

static void
test_tls_is_estimated(void **state)
{
	const char *file = path_of("tls.pcap");
	struct gen_truth truth =
	    write_capture(file, "10.0.0.10", 0, 20, START_NS, CLOCK_SECOND_NS, true);
	json_t *data, *s;
	struct err e;

	(void)state;
	assert_int_equal(run(&file, 1, NULL, &data, &e), 0);
	s = find(data, "10.0.0.10");
	assert_non_null(s);
	assert_int_equal(output_json_number(s, "sessions_tls"), truth.sessions_tls);
	assert_int_equal(output_json_number(s, "messages"), 0);
	assert_in_range(output_json_number(s, "messages_estimated"), truth.messages_tls - 2,
	    truth.messages_tls + 2);
	json_decref(data);
}

static void
test_failed_connections(void **state)
{
	const char *file = path_of("refused.pcap");
	struct gen *g = gen_new(1, GEN_LINK_ETHERNET, 0);
	FILE *f = fopen(file, "wb");
	struct gen_path path;
	json_t *data, *s;
	struct err e;

	(void)state;
	assert_non_null(f);
	gen_set_file(g, f);
	gen_path_init(&path, address("10.0.0.11"), address("198.51.100.1"), START_NS);
	path.client_port = 4000;
	path.server_port = 25;
	gen_refused(g, &path);
	gen_flush(g, INT64_MAX);
	gen_free(g);
	fclose(f);
	assert_int_equal(run(&file, 1, NULL, &data, &e), 0);
	s = find(data, "10.0.0.11");
	assert_non_null(s);
	assert_int_equal(output_json_number(s, "sessions"), 0);
	assert_int_equal(output_json_number(s, "connects_failed"), 1);
	json_decref(data);
}

static void
test_bad_files(void **state)
{
	static const char junk[] = "this is no capture file at all, only some text that goes on\n";
	const char *file = path_of("few.pcap"), *cut = path_of("cut.pcap");
	const char *two[2];
	json_t *data;
	struct err e;
	char whole[4096];
	size_t size;
	FILE *f = fopen(file, "rb");

	(void)state;
	assert_non_null(f);
	size = fread(whole, 1, sizeof(whole), f);
	fclose(f);
	write_text(cut, whole, size - 7);
	assert_true(run(&cut, 1, NULL, &data, &e) < 0);
	assert_null(data);
	assert_non_null(strstr(e.text, "cut.pcap"));
	two[0] = file; /* one bad file of several fails the whole */
	two[1] = cut;
	assert_true(run(two, 2, NULL, &data, &e) < 0);
	write_text(cut, junk, sizeof(junk) - 1);
	assert_true(run(&cut, 1, NULL, &data, &e) < 0);
	write_text(cut, "", 0);
	assert_true(run(&cut, 1, NULL, &data, &e) < 0);
	unlink(cut);
	assert_int_equal(run(&cut, 1, NULL, &data, &e), -ENOENT);
	assert_null(data);
}

/* Packets of 1970, of a far future and back: an end in reasonable time, and no overflow. */
static void
test_wild_clocks(void **state)
{
	const char *file = path_of("clocks.pcap");
	struct gen *g = gen_new(1, GEN_LINK_ETHERNET, 0);
	struct gen_truth truth = {0};
	FILE *f = fopen(file, "wb");
	json_t *data;
	struct err e;

	(void)state;
	assert_non_null(f);
	gen_set_file(g, f);
	one_message(g, "10.0.0.12", 1, INT64_C(1000) * CLOCK_SECOND_NS, false, &truth);
	one_message(g, "10.0.0.12", 2, START_NS, false, &truth);
	one_message(g, "10.0.0.12", 3, INT64_C(4294967000) * CLOCK_SECOND_NS, false, &truth);
	gen_flush(g, INT64_MAX);
	gen_free(g);
	fclose(f);
	assert_int_equal(run(&file, 1, NULL, &data, &e), 0);
	assert_int_equal(output_json_number(find(data, "10.0.0.12"), "messages"), truth.messages);
	json_decref(data);
}

/* A candidate against the policy of today: who is newly blocked, who no longer, and when. */
static json_t *
compare(const char *file, double today_5min, double candidate_5min)
{
	struct settings today, candidate;
	struct replay_config cfg = {.files = (char *const *)(uintptr_t)&file,
	    .file_count = 1,
	    .settings = &candidate,
	    .today = &today,
	    .flows_max = 4096};
	json_t *data = NULL;
	struct err e;

	settings_init(&today);
	settings_init(&candidate);
	today.policy.recipients_per_5min = today_5min;
	candidate.policy.recipients_per_5min = candidate_5min;
	assert_int_equal(replay_run(&cfg, &data, &e), 0);
	return data;
}

static void
test_compare(void **state)
{
	const char *file = path_of("slow.pcap");
	json_t *data, *summary, *s;

	(void)state;
	/* 40 people, six a minute: 30 in five minutes */
	write_capture(file, "10.0.0.8", 0, 40, START_NS, 10 * CLOCK_SECOND_NS, false);
	data = compare(file, 20, 5);
	assert_string_equal(members(data), "version capture settings summary servers");
	summary = json_object_get(data, "summary");
	assert_int_equal(output_json_number(summary, "new"), 1);
	assert_int_equal(output_json_number(summary, "gone"), 0);
	assert_int_equal(json_array_size(json_object_get(data, "settings")), 1);
	s = find(data, "10.0.0.8");
	assert_string_equal(output_json_get(s, "change", ""), "new");
	assert_true(json_is_null(json_object_get(json_object_get(s, "today"), "blocked_at")));
	s = json_object_get(s, "candidate");
	assert_string_equal(output_json_get(s, "top", ""), "block");
	assert_true(output_json_number(s, "messages_before_block") < 30);
	assert_non_null(strstr(output_json_get(s, "why", ""), "different recipients"));
	json_decref(data);
	data = compare(file, 5, 20);
	assert_int_equal(output_json_number(json_object_get(data, "summary"), "gone"), 1);
	json_decref(data);
	data = compare(file, 5, 5);
	assert_int_equal(json_array_size(json_object_get(data, "settings")), 0);
	assert_int_equal(output_json_number(json_object_get(data, "summary"), "same"), 1);
	json_decref(data);
	data = compare(file, 12, 1);
	assert_string_equal(output_json_get(find(data, "10.0.0.8"), "change", ""), "earlier");
	json_decref(data);
	data = compare(file, 1, 12);
	assert_string_equal(output_json_get(find(data, "10.0.0.8"), "change", ""), "later");
	json_decref(data);
}

static void
test_progress(void **state)
{
	char text[128];

	(void)state;
	progress_text(text, sizeof(text), 50 << 20, 200 << 20, 10 * CLOCK_SECOND_NS);
	assert_string_equal(text, "50 of 200 MiB, 25 %, about 31s left");
	progress_text(text, sizeof(text), 50 << 20, 0, 10 * CLOCK_SECOND_NS);
	assert_string_equal(text, "50 MiB read");
	progress_text(text, sizeof(text), 300 << 20, 200 << 20, 10 * CLOCK_SECOND_NS);
	assert_string_equal(text, "300 of 200 MiB, 100 %, about 1s left");
	progress_text(text, sizeof(text), 1, UINT64_MAX, INT64_MAX);
	assert_non_null(strstr(text, "0 %"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_contract),
	    cmocka_unit_test(test_newsletter_is_blocked),
	    cmocka_unit_test(test_files_are_one_timeline),
	    cmocka_unit_test(test_same_input_same_output),
	    cmocka_unit_test(test_inventory),
	    cmocka_unit_test(test_tls_is_estimated),
	    cmocka_unit_test(test_failed_connections),
	    cmocka_unit_test(test_bad_files),
	    cmocka_unit_test(test_wild_clocks),
	    cmocka_unit_test(test_compare),
	    cmocka_unit_test(test_progress),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
