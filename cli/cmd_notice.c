/* SPDX-License-Identifier: ISC */
/*
 * bulkhead notice list, retry: what tenants and operators were told, and what nobody could be told.  bulkhead (CLI).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output_json.h"

const struct option options_notice_list[] = {
    {"state", "STATE", false, false, "only those that are waiting, running, sent or dead"},
    {"limit", "N", false, false, "at most so many, the newest first (default 50)"},
    {NULL, NULL, false, false, NULL},
};

const struct option options_notice_retry[] = {
    {"all", NULL, false, false, "every dead letter"},
    {NULL, NULL, false, false, NULL},
};

int
cmd_notice_list(struct context *ctx, json_t **data, struct err *e)
{
	const char *state = context_get(ctx, "state");
	json_t *args;
	int64_t limit = 0;
	int rc = context_number(ctx, "limit", &limit, e);

	if (rc < 0)
		return rc;
	args = json_object();
	if (state != NULL)
		json_object_set_new(args, "state", json_string(state));
	if (limit > 0)
		json_object_set_new(args, "limit", json_integer(limit));
	return client_call(ctx, "notice.list", args, NULL, 0, data, e);
}

int
cmd_notice_retry(struct context *ctx, json_t **data, struct err *e)
{
	bool all = context_has(ctx, "all");
	long long id = 0;
	char *end;

	if (all == (ctx->operand_count == 1))
		return context_usage(ctx, e, "notice retry needs one number, or --all");
	if (all)
		return client_call(
		    ctx, "notice.retry", json_pack("{s:b}", "all", 1), NULL, 0, data, e);
	errno = 0;
	id = strtoll(ctx->operands[0], &end, 10);
	if (errno != 0 || *end != '\0' || id < 1)
		return context_usage(ctx, e, "\"%s\" is no number of a notice", ctx->operands[0]);
	return client_call(
	    ctx, "notice.retry", json_pack("{s:I}", "id", (json_int_t)id), NULL, 0, data, e);
}

void
print_notices(struct output *out, const json_t *data)
{
	static const struct output_column columns[] = {
	    {"N", true, false},
	    {"MADE", false, false},
	    {"KIND", false, false},
	    {"ABOUT", false, false},
	    {"HOOK", false, false},
	    {"TO", false, true},
	    {"STATE", false, false},
	    {"TRIES", true, false},
	    {"LAST ERROR", false, true},
	};
	json_t *notices = json_object_get(data, "notices"), *n;
	struct output_table *t;
	size_t i;

	if (json_array_size(notices) == 0) {
		output_line(out, OUTPUT_PLAIN, "There are no such notices.");
		return;
	}
	t = output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (notices, i, n) {
		const char *state = output_json_get(n, "state", "?");
		enum output_style style = strcmp(state, "dead") == 0   ? OUTPUT_BAD
					  : strcmp(state, "sent") == 0 ? OUTPUT_GOOD
								       : OUTPUT_PLAIN;

		output_table_cell(t, OUTPUT_PLAIN, "%lld", output_json_number(n, "id"));
		output_table_cell(t, OUTPUT_PLAIN, "%.19sZ", output_json_get(n, "made", "-"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(n, "kind", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(n, "about", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(n, "hook", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(n, "contact", "-"));
		output_table_cell(t, style, "%s", state);
		output_table_cell(t, OUTPUT_PLAIN, "%lld", output_json_number(n, "attempts"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(n, "error", "-"));
	}
	output_table_finish(t, out);
}

void
print_notice_retry(struct output *out, const json_t *data)
{
	output_line(
	    out, OUTPUT_PLAIN, "%lld notices are tried again", output_json_number(data, "retried"));
}

void
print_status_notices(struct output *out, const json_t *n)
{
	long long dead = output_json_number(n, "dead");
	const json_t *heard = json_object_get(n, "carrier_heard_s");
	char hooks[256];

	if (!json_is_object(n))
		return;
	if (json_array_size(json_object_get(n, "hooks")) == 0 && dead == 0) {
		output_line(out, OUTPUT_PLAIN,
		    "notices   none go out: name programs in notice_hooks (bulkhead-notify(8))");
		return;
	}
	output_line(out, dead > 0 ? OUTPUT_ALERT : OUTPUT_PLAIN,
	    "notices   %lld sent, %lld wait (%lld failed before), %lld dead%s; by %s",
	    output_json_number(n, "sent"), output_json_number(n, "waiting"),
	    output_json_number(n, "retrying"), dead,
	    dead > 0 ? " (bulkhead notice list --state dead)" : "",
	    output_json_join(hooks, sizeof(hooks), json_object_get(n, "hooks")));
	if (!json_is_integer(heard) || json_integer_value(heard) > 30)
		output_line(
		    out, OUTPUT_BAD, "          nobody carries them: start bulkhead-notify");
}
