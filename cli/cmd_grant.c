/* SPDX-License-Identifier: ISC */
/*
 * bulkhead whitelist: what becomes of a grant after the decision, and the printed form of one
 * application.  bulkhead (CLI).
 */
#include <stdio.h>
#include <string.h>

#include "base/sock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output_json.h"

int
cmd_whitelist_import(struct context *ctx, json_t **data, struct err *e)
{
	return client_call_file(ctx, "whitelist.import", SOCK_FRAME_MAX / 4,
	    "no CSV: a whitelist has the header line server,domains,per_day,until,note", data, e);
}

void
print_whitelist_import(struct output *out, const json_t *data)
{
	output_line(out, OUTPUT_PLAIN, "%lld grants added, %lld changed, %lld unchanged",
	    output_json_number(data, "added"), output_json_number(data, "changed"),
	    output_json_number(data, "unchanged"));
}

/* What was watched and what came of it; nothing before the first time. */
static void
print_watched(struct output *out, const char *title, const json_t *watched)
{
	const char *level = output_json_get(watched, "level", "unseen");
	const bool bad = strcmp(level, "warn") == 0 || strcmp(level, "suspend") == 0;

	if (json_is_string(json_object_get(watched, "checked")))
		output_line(out, bad ? OUTPUT_BAD : OUTPUT_PLAIN, "%-12s %.10s %s%s%s", title,
		    output_json_get(watched, "checked", "?"), level, bad ? ": " : "",
		    output_json_get(watched, "reason", ""));
}

static void
print_watch(struct output *out, const json_t *watch)
{
	print_watched(out, "pages", json_object_get(watch, "pages"));
	print_watched(out, "watched", watch); /* a day after the grant began */
}

/* 5,000 */
static void
group_thousands(char out[32], long long n)
{
	char digits[24];
	size_t used = 0, length = (size_t)snprintf(digits, sizeof(digits), "%lld", n);

	for (size_t i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			out[used++] = ',';
		out[used++] = digits[i];
	}
	out[used] = '\0';
}

const char *
grant_share(char *buf, size_t size, const json_t *grant)
{
	char per_day[32];

	buf[0] = '\0';
	group_thousands(per_day, output_json_number(grant, "per_day"));
	if (json_is_integer(json_object_get(grant, "used_percent")))
		snprintf(buf, size, ": %lld %% of today's %s",
		    output_json_number(grant, "used_percent"), per_day);
	return buf;
}

void
print_grant(struct output *out, const json_t *grant)
{
	const char *state = output_json_get(grant, "state", "?");
	char share[96];

	if (!json_is_object(grant)) {
		output_line(out, OUTPUT_PLAIN, "grant        none");
		return;
	}
	output_line(out, strcmp(state, "suspended") == 0 ? OUTPUT_BAD : OUTPUT_PLAIN,
	    "grant        %s from %.19sZ until %.19sZ: %lld recipients per day, %lld per hour",
	    state, output_json_get(grant, "from", "?"), output_json_get(grant, "until", "?"),
	    output_json_number(grant, "per_day"), output_json_number(grant, "per_hour"));
	output_line(out, OUTPUT_PLAIN, "used         %lld recipients in the last 24 h%s",
	    output_json_number(grant, "used_today"), grant_share(share, sizeof(share), grant));
	print_watch(out, json_object_get(grant, "watch"));
}

/* "acme in application 4", for content that others show too. */
static void
print_uses(struct output *out, json_t *evidence)
{
	json_t *ev, *use;
	size_t i, k;

	json_array_foreach (evidence, i, ev)
		json_array_foreach (json_object_get(ev, "also_in"), k, use)
			output_line(out, OUTPUT_ALERT,
			    "%s is also in application %lld (%s, tenant %s)",
			    output_json_get(ev, "name", "?"),
			    output_json_number(use, "application"),
			    output_json_get(use, "state", "?"),
			    output_json_get(use, "tenant", "unknown"));
}

static void
print_history(struct output *out, json_t *history)
{
	static const struct output_column columns[] = {
	    {"TIME", false, false},
	    {"WHO", false, false},
	    {"WHAT", false, false},
	    {"STATE", false, false},
	    {"WHY", false, true},
	};
	struct output_table *t;
	json_t *entry;
	size_t i;

	if (json_array_size(history) == 0)
		return;
	t = output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (history, i, entry) {
		const json_t *detail = json_object_get(entry, "detail");

		output_table_cell(t, OUTPUT_DIM, "%.19sZ", output_json_get(entry, "time", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(entry, "actor", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(entry, "action", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s",
		    output_json_get(detail, "state", output_json_get(detail, "level", "-")));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(detail, "reason", "-"));
	}
	output_table_finish(t, out);
}

void
print_application_whole(struct output *out, const json_t *a)
{
	print_application(out, a);
	print_uses(out, json_object_get(a, "evidence"));
	print_history(out, json_object_get(a, "history"));
}
