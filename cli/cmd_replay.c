/* SPDX-License-Identifier: ISC */
/*
 * bulkhead replay: what would have happened.  The what-if tool of the abuse team.  bulkhead (CLI).
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/comparison.h"
#include "cli/history.h"
#include "cli/output_json.h"
#include "cli/replay.h"

const struct option options_replay[] = {
    {"inventory", "FILE", false, false,
	"whose address is whose (CSV or JSON); else every client is a server"},
    {"policy", "FILE", false, false,
	"thresholds, in the syntax of bulkhead.conf; else the presets"},
    {"mode", "observe|enforce", false, false, "instead of the mode of the policy"},
    {"flows", "N", false, false, "connections tracked at once (64 to 4194304)"},
    {"compare", NULL, false, false,
	"show what --policy would change against the policy of today (--config)"},
    {"history", NULL, false, false,
	"judge the guard's own history (or files of it) instead of captures"},
    {"since", "WHEN", false, false, "with --history: a date, or a span like 7d before now"},
    {"until", "WHEN", false, false, "with --history: the same"},
    {"server", "S", false, false, "with --history: only this server"},
    {"progress", NULL, false, false, "say how far it is, also when standard error is no terminal"},
    {NULL, NULL, false, false, NULL},
};

/* The presets, unless a file was named: replay gives the same answer on every machine. */
static int
load_policy(struct context *ctx, struct settings *settings, uint32_t *flows, struct err *e)
{
	const char *path = context_get(ctx, "policy"), *mode = context_get(ctx, "mode");
	int64_t wanted = 0;
	int rc = 0;

	if (path == NULL)
		path = ctx->config;
	if (path != NULL)
		rc = settings_load(settings, path, e);
	else
		settings_init(settings);
	if (rc == 0)
		rc = context_number(ctx, "flows", &wanted, e);
	if (rc < 0)
		return rc;
	if (context_has(ctx, "flows") && (wanted < 64 || wanted > 4194304))
		return context_usage(ctx, e, "--flows is between 64 and 4194304");
	*flows = (uint32_t)(wanted > 0 ? wanted : settings->flows_max);
	if (mode == NULL)
		return 0;
	if (strcmp(mode, "observe") != 0 && strcmp(mode, "enforce") != 0)
		return context_usage(ctx, e, "--mode is observe or enforce, not \"%s\"", mode);
	snprintf(settings->policy.mode, sizeof(settings->policy.mode), "%s", mode);
	return 0;
}

/* What --compare compares with: the policy that a guard on this machine would read. */
static int
load_today(struct context *ctx, struct settings *today, struct err *e)
{
	if (context_get(ctx, "policy") == NULL)
		return context_usage(ctx, e,
		    "--compare needs --policy FILE: what would change, against the policy of "
		    "today");
	return settings_load(today, ctx->config, e);
}

/* A date, or so long before now; absent leaves *out alone. */
static int
read_when(struct context *ctx, const char *option, int64_t *out, struct err *e)
{
	const char *text = context_get(ctx, option);
	int64_t span;

	if (text == NULL || clock_parse_iso(text, out) == 0)
		return 0;
	if (clock_parse_span(text, &span) < 0)
		return context_usage(ctx, e,
		    "--%s is a date like 2026-01-31 or 2026-01-31T12:00:00Z, or a span like 7d, "
		    "not "
		    "\"%s\"",
		    option, text);
	*out = clock_wall_ns() - span;
	return 0;
}

/* Without a candidate: what today's policy makes of it.  With one: what would be different. */
static int
replay_history(struct context *ctx, struct progress *progress, json_t **data, struct err *e)
{
	bool candidate = context_get(ctx, "policy") != NULL;
	struct settings settings, today;
	struct history_config cfg = {.settings = &settings,
	    .inventory = context_get(ctx, "inventory"),
	    .server = context_get(ctx, "server"),
	    .progress = progress};
	uint32_t flows;
	int rc = read_when(ctx, "since", &cfg.since_ns, e);

	if (rc == 0)
		rc = read_when(ctx, "until", &cfg.until_ns, e);
	if (rc == 0)
		rc = load_policy(ctx, &settings, &flows, e);
	if (rc == 0 && !candidate)
		rc = settings_load(&settings, ctx->config, e);
	if (rc == 0 && candidate) {
		rc = settings_load(&today, ctx->config, e);
		cfg.today = &today;
	}
	if (rc == 0 && cfg.until_ns != 0 && cfg.until_ns <= cfg.since_ns)
		rc = context_usage(ctx, e, "--until is not after --since");
	return rc < 0 ? rc : history_run(ctx, &cfg, data, e);
}

static int
replay_captures(struct context *ctx, struct progress *progress, json_t **data, struct err *e)
{
	struct settings settings, today;
	struct replay_config cfg = {.files = ctx->operands,
	    .file_count = ctx->operand_count,
	    .inventory = context_get(ctx, "inventory"),
	    .settings = &settings,
	    .progress = progress};
	int rc = 0;

	if (ctx->operand_count == 0 || context_has(ctx, "since") || context_has(ctx, "until") ||
	    context_has(ctx, "server"))
		rc = context_usage(ctx, e,
		    ctx->operand_count == 0
			? "replay needs capture files, or --history for what the guard has seen"
			: "--since, --until and --server choose from the history: they need "
			  "--history");
	if (rc == 0)
		rc = load_policy(ctx, &settings, &cfg.flows_max, e);
	if (rc == 0 && context_has(ctx, "compare")) {
		rc = load_today(ctx, &today, e);
		cfg.today = &today;
	}
	return rc < 0 ? rc : replay_run(&cfg, data, e);
}

int
cmd_replay(struct context *ctx, json_t **data, struct err *e)
{
	struct progress progress;
	bool shown = progress_init(&progress, context_has(ctx, "progress"));
	int rc = context_has(ctx, "history")
		     ? replay_history(ctx, shown ? &progress : NULL, data, e)
		     : replay_captures(ctx, shown ? &progress : NULL, data, e);

	progress_end(&progress);
	return rc;
}

static void
print_table(struct output *out, const json_t *servers)
{
	static const struct output_column columns[] = {
	    {"SERVER", false, true},
	    {"VERDICT", false, false},
	    {"QUESTION", false, false},
	    {"BULK", true, false},
	    {"ABUSE", true, false},
	    {"SESSIONS", true, false},
	    {"FAILED", true, false},
	    {"MESSAGES", true, false},
	    {"UNDER TLS", true, false},
	    {"RCPT 2xx", true, false},
	    {"4xx", true, false},
	    {"5xx", true, false},
	    {"BEFORE BLOCK", true, false},
	};
	struct output_table *t = output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	json_t *s;
	size_t i;

	json_array_foreach ((json_t *)servers, i, s) {
		const char *verdict = output_json_get(s, "verdict", "?");

		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(s, "server", "?"));
		output_table_cell(t, verdict_style(verdict), "%s", verdict);
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(s, "question", "-"));
		output_table_cell(
		    t, OUTPUT_PLAIN, "%.1f", output_json_real(json_object_get(s, "bulk"), "score"));
		output_table_cell(t, OUTPUT_PLAIN, "%.1f",
		    output_json_real(json_object_get(s, "abuse"), "score"));
		output_table_cell(t, OUTPUT_PLAIN, "%lld", output_json_number(s, "sessions"));
		output_table_cell(
		    t, OUTPUT_PLAIN, "%lld", output_json_number(s, "connects_failed"));
		output_table_cell(t, OUTPUT_PLAIN, "%lld", output_json_number(s, "messages"));
		output_table_cell(
		    t, OUTPUT_PLAIN, "%lld", output_json_number(s, "messages_estimated"));
		output_table_cell(
		    t, OUTPUT_PLAIN, "%lld", output_json_number(s, "recipients_accepted"));
		output_table_cell(
		    t, OUTPUT_PLAIN, "%lld", output_json_number(s, "recipients_deferred"));
		output_table_cell(
		    t, OUTPUT_PLAIN, "%lld", output_json_number(s, "recipients_rejected"));
		if (json_is_integer(json_object_get(s, "messages_before_block")))
			output_table_cell(t, OUTPUT_PLAIN, "%lld",
			    output_json_number(s, "messages_before_block"));
		else
			output_table_cell(t, OUTPUT_PLAIN, "-");
	}
	output_table_finish(t, out);
}

static void
print_reasons(struct output *out, const json_t *s, const char *question)
{
	json_t *reasons = json_object_get(json_object_get(s, question), "reasons"), *r;
	size_t i;

	json_array_foreach (reasons, i, r)
		output_line(out, OUTPUT_PLAIN, "  %-5s %+6.2f  %s", question,
		    output_json_real(r, "points"), output_json_get(r, "text", ""));
}

void
print_replay(struct output *out, const json_t *data)
{
	json_t *capture = json_object_get(data, "capture"),
	       *servers = json_object_get(data, "servers"), *s;
	size_t i;

	if (json_is_object(json_object_get(data, "summary"))) {
		print_comparison(out, data);
		return;
	}
	output_line(out, OUTPUT_PLAIN,
	    "%lld packets, %lld bytes, %lld flows (%lld evicted), %lld gaps, %lld malformed; %.19s "
	    "to %.19s",
	    output_json_number(capture, "packets"), output_json_number(capture, "bytes"),
	    output_json_number(capture, "flows"), output_json_number(capture, "evicted"),
	    output_json_number(capture, "gaps"), output_json_number(capture, "malformed"),
	    output_json_get(capture, "first", "-"), output_json_get(capture, "last", "-"));
	if (output_json_number(capture, "unattributed") > 0)
		output_line(out, OUTPUT_ALERT, "%lld sessions belong to no server of the inventory",
		    output_json_number(capture, "unattributed"));
	if (json_array_size(servers) == 0) {
		output_line(out, OUTPUT_PLAIN, "No server sent mail.");
		return;
	}
	print_table(out, servers);
	json_array_foreach (servers, i, s) {
		const char *verdict = output_json_get(s, "verdict", "clear");

		if (strcmp(verdict, "clear") == 0)
			continue;
		output_line(out, verdict_style(verdict), "%s: %s%s%s",
		    output_json_get(s, "server", "?"), verdict,
		    json_is_string(json_object_get(s, "blocked_at")) ? " since " : "",
		    output_json_get(s, "blocked_at", ""));
		print_reasons(out, s, "bulk");
		print_reasons(out, s, "abuse");
	}
}
