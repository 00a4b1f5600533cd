/* SPDX-License-Identifier: ISC */
/*
 * bulkhead cases: blocks, throttles and warnings, those that really happened and those that would
 * have.  bulkhead (CLI).
 */

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output_json.h"

const struct option options_cases[] = {
    {"shadow", NULL, false, false,
	"only what would have happened: observe mode, or the safety catch"},
    {"blocks", NULL, false, false, "only blocks"},
    {"open", NULL, false, false, "only what stands now"},
    {"limit", "N", false, false, "so many, the newest (100; at most 1000)"},
    {NULL, NULL, false, false, NULL},
};

int
cmd_cases(struct context *ctx, json_t **data, struct err *e)
{
	json_t *args;
	int64_t limit = 100;
	int rc = context_number(ctx, "limit", &limit, e);

	if (rc < 0)
		return rc;
	args = json_pack("{s:b, s:b, s:b, s:I}", "shadow", context_has(ctx, "shadow"), "blocks",
	    context_has(ctx, "blocks"), "open", context_has(ctx, "open"), "limit",
	    (json_int_t)limit);
	if (ctx->operand_count > 0)
		json_object_set_new(args, "server", json_string(ctx->operands[0]));
	return client_call(ctx, "cases", args, NULL, 0, data, e);
}

void
print_cases(struct output *out, const json_t *data)
{
	static const struct output_column columns[] = {
	    {"CASE", false, false},
	    {"SERVER", false, true},
	    {"VERDICT", false, false},
	    {"QUESTION", false, false},
	    {"SINCE", false, false},
	    {"ENDED", false, false},
	    {"BULK", true, false},
	    {"ABUSE", true, false},
	    {"BEFORE", true, false},
	    {"", false, false},
	};
	const json_t *list = json_object_get(data, "cases"), *c;
	struct output_table *t;
	size_t i;

	if (json_array_size(list) == 0) {
		output_line(out, OUTPUT_PLAIN, "no cases");
		return;
	}
	t = output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach ((json_t *)list, i, c) {
		const char *verdict = output_json_get(c, "verdict", "?"),
			   *ended = output_json_get(c, "ended", NULL);
		bool person = json_is_true(json_object_get(c, "by_person")),
		     shadow = json_is_true(json_object_get(c, "shadow"));

		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(c, "case", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(c, "server", "?"));
		output_table_cell(t, verdict_style(verdict), "%s", verdict);
		output_table_cell(t, OUTPUT_PLAIN, "%s",
		    person ? "a person" : output_json_get(c, "question", "-"));
		output_table_cell(t, OUTPUT_PLAIN, "%.19sZ", output_json_get(c, "begin", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%.19s%s", ended != NULL ? ended : "-",
		    ended != NULL ? "Z" : "");
		output_table_cell(t, OUTPUT_PLAIN, "%.1f", output_json_real(c, "bulk"));
		output_table_cell(t, OUTPUT_PLAIN, "%.1f", output_json_real(c, "abuse"));
		output_table_cell(
		    t, OUTPUT_PLAIN, "%lld", output_json_number(c, "messages_before"));
		output_table_cell(t, OUTPUT_DIM, "%s", shadow ? "would have" : "");
	}
	output_table_finish(t, out);
}
