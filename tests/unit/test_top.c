/* SPDX-License-Identifier: ISC */
/* Rows of `bulkhead top`: order, filter, the chosen one stays on the screen; and ECS, metrics, doctor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/commands.h"
#include "cli/output_json.h"
#include "cli/top_view.h"

static json_t *
parse(const char *text)
{
	json_error_t why;
	json_t *out = json_loads(text, 0, &why);

	if (out == NULL)
		fail_msg("%s", why.text);
	return out;
}

static void
fill(struct top_view *v)
{
	json_t *status =
	    parse("{\"version\":\"1\",\"mode\":\"enforce\",\"servers\":3,\"safety_catch\":true,"
		  "\"verdicts\":{\"block\":1}}");
	json_t *servers = parse(
	    "[{\"server\":\"vm-10\",\"tenant\":\"bolt\",\"verdict\":\"clear\",\"bulk_score\":1.0},"
	    "{\"server\":\"vm-9\",\"tenant\":\"acme\",\"verdict\":\"clear\",\"bulk_score\":1.0,"
	    "\"recipients_hour\":50},"
	    "{\"server\":\"vm-2\",\"tenant\":\"acme\",\"verdict\":\"block\",\"case\":\"bh-x\","
	    "\"enforced\":false,\"abuse_score\":9}]");

	top_view_fill(v, status, servers);
	json_decref(status);
	json_decref(servers);
}

static void
rows_are_sorted(void **state)
{
	struct top_view v = {.sort = TOP_SORT_VERDICT};
	char line[TOP_LINE_BYTES];

	(void)state;
	fill(&v);
	top_view_order(&v);
	assert_int_equal(v.count, 3);
	assert_string_equal(v.rows[0].name, "vm-2");
	assert_string_equal(v.rows[1].name, "vm-9"); /* by name where equal, 9 before 10 */
	assert_non_null(strstr(top_view_row(&v.rows[0], line), "bh-x (observed)"));
	assert_non_null(strstr(top_view_title(&v, line), "SAFETY CATCH"));
	assert_int_equal(top_sort_parse("hour", &v.sort), 0);
	top_view_order(&v);
	assert_string_equal(v.rows[0].name, "vm-9");
	assert_int_equal(top_sort_parse("name", &v.sort), 0);
	top_view_order(&v);
	assert_string_equal(v.rows[2].name, "vm-10");
	assert_true(top_sort_parse("", &v.sort) < 0);
	top_view_free(&v);
}

static void
filter_and_choice(void **state)
{
	struct top_view v = {.sort = TOP_SORT_NAME, .chosen = 99};

	(void)state;
	fill(&v);
	top_view_order(&v);
	assert_int_equal(v.chosen, 2);
	top_view_scroll(&v, 1);
	assert_int_equal(v.first, 2);
	v.chosen = 0;
	top_view_scroll(&v, 2);
	assert_int_equal(v.first, 0);
	strcpy(v.filter, "acme");
	top_view_order(&v);
	assert_int_equal(v.count, 2);
	strcpy(v.filter, "nobody");
	top_view_order(&v);
	assert_int_equal(v.count, 0);
	assert_int_equal(v.chosen, 0);
	top_view_free(&v);
}

static void
events_speak_ecs(void **state)
{
	json_t *entry =
	    parse("{\"seq\":7,\"time\":\"2026-11-22T04:00:00Z\",\"actor\":\"guard\",\"action\":"
		  "\"block\",\"subject\":\"vm-7\",\"hash\":\"aa\",\"detail\":{\"case\":\"bh-1\"}}");
	json_t *ecs = events_ecs(entry, "host"), *event = json_object_get(ecs, "event");

	(void)state;
	assert_non_null(ecs);
	assert_string_equal(output_json_get(ecs, "@timestamp", ""), "2026-11-22T04:00:00Z");
	assert_string_equal(output_json_get(event, "kind", ""), "alert");
	assert_string_equal(
	    json_string_value(json_array_get(json_object_get(event, "type"), 0)), "denied");
	assert_int_equal(output_json_number(event, "sequence"), 7);
	assert_string_equal(
	    output_json_get(
		json_object_get(json_object_get(ecs, "bulkhead"), "detail"), "case", ""),
	    "bh-1");
	json_decref(ecs);
	json_object_clear(entry); /* an entry without anything is still an object */
	ecs = events_ecs(entry, "");
	assert_non_null(ecs);
	json_decref(ecs);
	json_decref(entry);
}

/* Every action that the ledger knows, in a pair of category and type that the schema expects (its page
 * ecs-allowed-values-event-category). */
static void
events_fit_the_schema(void **state)
{
	static const char *const actions[] = {"block", "throttle", "extend", "enforce",
	    "enforce.failed", "unenforce", "release", "refused", "catch.on", "catch.off",
	    "brake.overflow", "complaint", "notice.sent", "notice.dead", "notice.retry",
	    "whitelist.approve", "server.merge", "mode", "guard.start", "reconcile", "repaired",
	    "evidence.expire"};
	static const char *const expected[][9] = {
	    {"network", "access", "allowed", "connection", "denied", "end", "info", "start", NULL},
	    {"api", "access", "allowed", "change", "denied", "info", NULL},
	    {"configuration", "access", "change", "creation", "deletion", "info", NULL},
	    {"intrusion_detection", "allowed", "denied", "info", NULL},
	    {"process", "access", "change", "end", "info", "start", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		json_t *entry = json_pack("{s:s}", "action", actions[i]),
		       *ecs = events_ecs(entry, "host"), *event = json_object_get(ecs, "event");
		const char *category = json_string_value(
			       json_array_get(json_object_get(event, "category"), 0)),
			   *type =
			       json_string_value(json_array_get(json_object_get(event, "type"), 0)),
			   *outcome = output_json_get(event, "outcome", "");
		bool fits = false;

		for (size_t c = 0; c < sizeof(expected) / sizeof(expected[0]); c++)
			for (size_t k = 1;
			     strcmp(expected[c][0], category) == 0 && expected[c][k] != NULL; k++)
				fits = fits || strcmp(expected[c][k], type) == 0;
		if (!fits)
			fail_msg("%s is %s/%s", actions[i], category, type);
		assert_true(strcmp(outcome, "success") == 0 || strcmp(outcome, "failure") == 0);
		json_decref(ecs);
		json_decref(entry);
	}
}

static void
metrics_escape_and_leave_out(void **state)
{
	json_t *status = parse(
	    "{\"version\":\"a\\\"b\\\\c\\nd\",\"mode\":\"observe\",\"enforcer\":null,\"uptime_s\":"
	    "5,"
	    "\"verdicts\":{\"clear\":3},\"sensors\":[{\"connected\":true,\"packets\":12345678901,"
	    "\"last_heard_s\":null}]}");
	char *text = metrics_text(status);

	(void)state;
	assert_non_null(strstr(text, "bulkhead_build_info{version=\"a\\\"b\\\\c\\nd\"} 1\n"));
	assert_non_null(strstr(text, "bulkhead_enforcing 0\n"));
	assert_non_null(strstr(text, "bulkhead_sensor_packets_total{sensor=\"0\"} 12345678901\n"));
	assert_null(strstr(text, "\nbulkhead_sensor_last_heard_seconds{"));
	assert_null(strstr(text, "\nbulkhead_enforcer_repairs_total "));
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	free(text);
	json_decref(status);
}

static bool
finds(const json_t *list, const char *check, const char *state, const char *todo)
{
	const json_t *one;
	size_t i;

	json_array_foreach (list, i, one)
		if (strcmp(output_json_get(one, "check", ""), check) == 0 &&
		    strcmp(output_json_get(one, "state", ""), state) == 0 &&
		    strstr(output_json_get(one, "todo", ""), todo) != NULL)
			return true;
	return false;
}

static void
doctor_says_what_to_do(void **state)
{
	json_t *sick = parse(
	    "{\"version\":\"0\",\"mode\":\"observe\",\"safety_catch\":true,\"servers\":0,"
	    "\"enforcer\":{\"pid\":1,\"reconciled\":2,\"repaired\":3,\"features\":{\"x\":false}},"
	    "\"sensors\":[{\"connected\":true,\"last_heard_s\":60,\"packets\":100,\"ring_drops\":"
	    "50,"
	    "\"flows\":95,\"flows_max\":100,\"interfaces\":0,\"observations_lost\":1,\"one_sided\":"
	    "1}]}");
	json_t *list = json_array();

	(void)state;
	doctor_status(list, sick);
	assert_true(finds(list, "version", "warn", "restart"));
	assert_true(finds(list, "mode", "warn", "mode enforce"));
	assert_true(finds(list, "safety catch", "fail", "release --all"));
	assert_true(finds(list, "inventory", "warn", "server import"));
	assert_true(finds(list, "ruleset", "warn", "ledger show"));
	assert_true(finds(list, "sensor", "fail", "restart"));
	assert_true(finds(list, "interfaces", "warn", "bulkhead.conf"));
	assert_true(finds(list, "drops", "warn", "ring_mib"));
	assert_true(finds(list, "flows", "warn", "flows_max"));
	assert_true(finds(list, "observations", "warn", "journalctl"));
	assert_true(finds(list, "directions", "warn", "device"));
	json_array_clear(list);
	json_object_clear(sick);
	doctor_status(list, sick);
	assert_true(finds(list, "enforcer", "fail", "CAP_NET_ADMIN"));
	assert_true(finds(list, "sensor", "fail", "start"));
	json_decref(list);
	json_decref(sick);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_are_sorted),
	    cmocka_unit_test(filter_and_choice),
	    cmocka_unit_test(events_speak_ecs),
	    cmocka_unit_test(events_fit_the_schema),
	    cmocka_unit_test(metrics_escape_and_leave_out),
	    cmocka_unit_test(doctor_says_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
