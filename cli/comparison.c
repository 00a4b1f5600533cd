/* SPDX-License-Identifier: ISC */
/*
 * What another policy would change, for people: first what to be careful about, then each server.
 * bulkhead (CLI).
 */
#include "cli/comparison.h"

#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/output_json.h"

/* "2026-01-31 12:00:00", or "-". */
static const char *
when_text(char buf[32], const json_t *outcome)
{
	const char *iso = output_json_get(outcome, "blocked_at", NULL);

	if (iso == NULL)
		return "-";
	snprintf(buf, 32, "%.10s %.8s", iso, strlen(iso) > 11 ? iso + 11 : "");
	return buf;
}

static enum output_style
change_style(const char *change)
{
	if (strcmp(change, "new") == 0 || strcmp(change, "earlier") == 0)
		return OUTPUT_BAD;
	if (strcmp(change, "gone") == 0 || strcmp(change, "later") == 0)
		return OUTPUT_ALERT;
	return OUTPUT_PLAIN;
}

static void
print_settings(const struct output *out, const json_t *settings)
{
	const json_t *row;
	size_t i;

	if (json_array_size(settings) == 0) {
		output_line(out, OUTPUT_ALERT, "Both policies are the same.");
		return;
	}
	output_line(out, OUTPUT_BOLD, "What the candidate changes:");
	json_array_foreach ((json_t *)settings, i, row)
		output_line(out, OUTPUT_PLAIN, "  %-22s %s -> %s", output_json_get(row, "key", "?"),
		    output_json_get(row, "today", "?"), output_json_get(row, "candidate", "?"));
}

static const char *
span_text(char buf[CLOCK_SPAN_BYTES], long long seconds)
{
	return clock_format_span(buf, (int64_t)seconds * CLOCK_SECOND_NS);
}

static void
print_summary(const struct output *out, const json_t *s)
{
	const json_t *blocks = json_object_get(s, "blocks"),
		     *time = json_object_get(s, "blocked_s"),
		     *safety = json_object_get(s, "safety_catch");
	char today[CLOCK_SPAN_BYTES], candidate[CLOCK_SPAN_BYTES];

	output_line(out, OUTPUT_BOLD,
	    "%lld servers: %lld newly blocked, %lld no longer, %lld earlier, %lld later, %lld the "
	    "same, %lld on another rung",
	    output_json_number(s, "servers"), output_json_number(s, "new"),
	    output_json_number(s, "gone"), output_json_number(s, "earlier"),
	    output_json_number(s, "later"), output_json_number(s, "same"),
	    output_json_number(s, "rung"));
	output_line(out, OUTPUT_PLAIN, "blocks %lld -> %lld, time blocked %s -> %s",
	    output_json_number(blocks, "today"), output_json_number(blocks, "candidate"),
	    span_text(today, output_json_number(time, "today")),
	    span_text(candidate, output_json_number(time, "candidate")));
	if (output_json_number(s, "grants_touched") > 0)
		output_line(out, OUTPUT_BAD,
		    "%lld servers with a grant would be blocked, or sooner: look at them first",
		    output_json_number(s, "grants_touched"));
	if (json_is_true(json_object_get(safety, "candidate")))
		output_line(out, OUTPUT_BAD,
		    "The candidate would have made the safety catch fall in%s.",
		    json_is_true(json_object_get(safety, "today")) ? "; so did today's policy"
								   : "");
}

static void
print_changes(const struct output *out, const json_t *servers)
{
	static const struct output_column columns[] = {
	    {"SERVER", false, true},
	    {"CHANGE", false, false},
	    {"GRANT", true, false},
	    {"TODAY", false, false},
	    {"BLOCKED AT", false, false},
	    {"CANDIDATE", false, false},
	    {"BLOCKED AT", false, false},
	    {"BEFORE", true, false},
	    {"QUESTION", false, false},
	};
	struct output_table *t;
	const json_t *s;
	size_t i;

	if (json_array_size(servers) == 0)
		return;
	t = output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach ((json_t *)servers, i, s) {
		const json_t *a = json_object_get(s, "today"), *b = json_object_get(s, "candidate"),
			     *grant = json_object_get(s, "grant"), *before;
		const char *change = output_json_get(s, "change", "?"),
			   *gone = strcmp(change, "gone") == 0 ? "today" : "candidate";
		char when[2][32];

		before = json_object_get(json_object_get(s, gone), "messages_before_block");
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(s, "server", "?"));
		output_table_cell(t, change_style(change), "%s", change);
		if (json_is_integer(grant))
			output_table_cell(t, OUTPUT_BAD, "%lld", output_json_number(s, "grant"));
		else
			output_table_cell(t, OUTPUT_PLAIN, "-");
		output_table_cell(t, verdict_style(output_json_get(a, "top", "?")), "%s",
		    output_json_get(a, "top", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", when_text(when[0], a));
		output_table_cell(t, verdict_style(output_json_get(b, "top", "?")), "%s",
		    output_json_get(b, "top", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", when_text(when[1], b));
		if (json_is_integer(before))
			output_table_cell(t, OUTPUT_PLAIN, "%lld",
			    output_json_number(json_object_get(s, gone), "messages_before_block"));
		else
			output_table_cell(t, OUTPUT_PLAIN, "-");
		output_table_cell(t, OUTPUT_PLAIN, "%s",
		    output_json_get(json_object_get(s, gone), "question", "-"));
	}
	output_table_finish(t, out);
	json_array_foreach ((json_t *)servers, i, s) {
		const char *change = output_json_get(s, "change", "?");
		const char *side = strcmp(change, "gone") == 0 ? "today" : "candidate";

		if (strcmp(change, "same") != 0)
			output_line(out, change_style(change), "%s: %s: %s",
			    output_json_get(s, "server", "?"), change,
			    output_json_get(json_object_get(s, side), "why", "-"));
	}
}

static void
print_one_policy(const struct output *out, const json_t *data)
{
	static const struct output_column columns[] = {
	    {"SERVER", false, true},
	    {"HIGHEST", false, false},
	    {"QUESTION", false, false},
	    {"POINTS", true, false},
	    {"BLOCKED AT", false, false},
	    {"BLOCKS", true, false},
	    {"WHY", false, true},
	};
	const json_t *summary = json_object_get(data, "summary"),
		     *servers = json_object_get(data, "servers"), *s;
	struct output_table *t;
	size_t i;

	output_line(out, OUTPUT_BOLD, "%lld servers, %lld of them blocked, %lld blocks",
	    output_json_number(summary, "servers"), output_json_number(summary, "blocked"),
	    output_json_number(summary, "blocks"));
	if (json_array_size(servers) == 0)
		return;
	t = output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach ((json_t *)servers, i, s) {
		char when[32];

		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(s, "server", "?"));
		output_table_cell(t, verdict_style(output_json_get(s, "top", "?")), "%s",
		    output_json_get(s, "top", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(s, "question", "-"));
		output_table_cell(t, OUTPUT_PLAIN, "%.1f", output_json_real(s, "points"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", when_text(when, s));
		output_table_cell(t, OUTPUT_PLAIN, "%lld", output_json_number(s, "blocks"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(s, "why", "-"));
	}
	output_table_finish(t, out);
}

/* What the judgement rests on, when it is the guard's own history. */
static void
print_history(const struct output *out, const json_t *history)
{
	long long skipped = output_json_number(history, "skipped_segments"),
		  damaged = output_json_number(history, "damaged");

	if (!json_is_object(history))
		return;
	output_line(out, OUTPUT_PLAIN, "history of %lld days, %.19sZ to %.19sZ: %lld observations",
	    output_json_number(history, "files"), output_json_get(history, "first", "-"),
	    output_json_get(history, "last", "-"), output_json_number(history, "observations"));
	if (skipped + damaged > 0)
		output_line(out, OUTPUT_ALERT,
		    "%lld parts of it are missing and %lld damaged: what happened there is not "
		    "judged",
		    skipped, damaged);
	if (output_json_number(history, "unjudged") > 0)
		output_line(out, OUTPUT_PLAIN,
		    "%lld connections that a real block refused are left out: what would have gone "
		    "through them is not known",
		    output_json_number(history, "unjudged"));
}

void
print_comparison(const struct output *out, const json_t *data)
{
	print_history(out, json_object_get(data, "history"));
	if (!json_is_object(json_object_get(json_object_get(data, "summary"), "blocks"))) {
		print_one_policy(out, data);
		return;
	}
	print_settings(out, json_object_get(data, "settings"));
	print_summary(out, json_object_get(data, "summary"));
	print_changes(out, json_object_get(data, "servers"));
}
