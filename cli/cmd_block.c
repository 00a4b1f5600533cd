/* SPDX-License-Identifier: ISC */
/*
 * bulkhead block, pin, release, mode: what people decide about a server.  bulkhead (CLI).
 */
#include <string.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output_json.h"

const struct option options_block[] = {
    {"reason", "TEXT", true, false, "why; it is kept in the ledger and shown to the tenant"},
    {"for", "SPAN", false, false, "how long (90s, 15m, 2h, 30d); else the next step of the ladder"},
    {NULL, NULL, false, false, NULL},
};

const struct option options_pin[] = {
    {"reason", "TEXT", true, false, "why; it is kept in the ledger and shown to the tenant"},
    {NULL, NULL, false, false, NULL},
};

const struct option options_release[] = {
    {"reason", "TEXT", true, false, "why; it is kept in the ledger"},
    {"all", NULL, false, false,
	"every server that is throttled or blocked; resets the safety catch"},
    {NULL, NULL, false, false, NULL},
};

const struct option options_mode[] = {
    {"server", "S", false, false, "of one server instead of all"},
    {"plan", "P", false, false, "of the servers of one plan (default: those without a plan)"},
    {NULL, NULL, false, false, NULL},
};

static int
block_or_pin(struct context *ctx, bool pin, json_t **data, struct err *e)
{
	json_t *args;
	int64_t for_s = 0;
	int rc = context_span_s(ctx, "for", &for_s, e);

	if (rc < 0)
		return rc;
	args = json_pack("{s:s, s:s, s:b}", "server", ctx->operands[0], "reason",
	    context_get(ctx, "reason"), "pin", pin);
	if (for_s > 0)
		json_object_set_new(args, "for_s", json_integer(for_s));
	return client_call(ctx, "block", args, NULL, 0, data, e);
}

int
cmd_block(struct context *ctx, json_t **data, struct err *e)
{
	return block_or_pin(ctx, false, data, e);
}

int
cmd_pin(struct context *ctx, json_t **data, struct err *e)
{
	return block_or_pin(ctx, true, data, e);
}

int
cmd_release(struct context *ctx, json_t **data, struct err *e)
{
	bool all = context_has(ctx, "all");
	json_t *args;

	if (all == (ctx->operand_count == 1))
		return context_usage(ctx, e, "release needs one server, or --all");
	args = json_pack("{s:s}", "reason", context_get(ctx, "reason"));
	if (all)
		json_object_set_new(args, "all", json_true());
	else
		json_object_set_new(args, "server", json_string(ctx->operands[0]));
	return client_call(ctx, "release", args, NULL, 0, data, e);
}

int
cmd_mode(struct context *ctx, json_t **data, struct err *e)
{
	const char *server = context_get(ctx, "server"), *plan = context_get(ctx, "plan");
	const char *mode = ctx->operand_count == 1 ? ctx->operands[0] : NULL;
	json_t *args;

	if (mode != NULL && strcmp(mode, "observe") != 0 && strcmp(mode, "enforce") != 0 &&
	    strcmp(mode, "inherit") != 0)
		return context_usage(
		    ctx, e, "the mode is observe, enforce or inherit, not \"%s\"", mode);
	if (server != NULL && plan != NULL)
		return context_usage(ctx, e, "mode takes --server or --plan, not both");
	args = json_object();
	if (mode != NULL)
		json_object_set_new(args, "mode", json_string(mode));
	if (server != NULL)
		json_object_set_new(args, "server", json_string(server));
	if (plan != NULL)
		json_object_set_new(args, "plan", json_string(plan));
	return client_call(ctx, "mode", args, NULL, 0, data, e);
}

void
print_blocked(struct output *out, const json_t *s)
{
	const char *server = output_json_get(s, "server", "?"),
		   *id = output_json_get(s, "case", "-");
	bool observed = json_is_false(json_object_get(s, "enforced"));

	const char *note = observed ? " (observed only: nothing is enforced)" : "",
		   *until = json_string_value(json_object_get(s, "until"));

	if (json_is_true(json_object_get(s, "pinned")) || until == NULL)
		output_line(out, OUTPUT_PLAIN,
		    "%s is blocked until a person releases it, case %s%s", server, id, note);
	else
		output_line(out, OUTPUT_PLAIN, "%s is blocked until %.19sZ, case %s%s", server,
		    until, id, note);
}

void
print_released(struct output *out, const json_t *data)
{
	json_t *released = json_object_get(data, "released"), *one;
	size_t i;

	if (!json_is_array(released)) {
		output_line(out, OUTPUT_PLAIN, "%s may send mail again",
		    output_json_get(data, "server", "?"));
		return;
	}
	if (json_array_size(released) == 0)
		output_line(out, OUTPUT_PLAIN, "nobody was blocked; the safety catch is reset");
	json_array_foreach (released, i, one)
		output_line(out, OUTPUT_PLAIN, "%s may send mail again", json_string_value(one));
}

void
print_mode(struct output *out, const json_t *data)
{
	json_t *one;
	size_t i;

	output_line(out, OUTPUT_PLAIN, "%s", output_json_get(data, "mode", "?"));
	json_array_foreach (json_object_get(data, "plans"), i, one)
		output_line(out, OUTPUT_PLAIN, "  plan %s: %s", output_json_get(one, "plan", "?"),
		    output_json_get(one, "mode", "?"));
	json_array_foreach (json_object_get(data, "servers"), i, one)
		output_line(out, OUTPUT_PLAIN, "  %s: %s", output_json_get(one, "server", "?"),
		    output_json_get(one, "mode", "?"));
}
