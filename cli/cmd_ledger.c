/* SPDX-License-Identifier: ISC */
/*
 * bulkhead ledger verify, show, head: every decision by machine or person.  bulkhead (CLI).
 */
#include <stdlib.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output_json.h"

const struct option options_ledger_verify[] = {
    {"head", "HASH", false, false, "a head noted earlier; shows whether the tail was cut since"},
    {NULL, NULL, false, false, NULL},
};

const struct option options_ledger_show[] = {
    {"from", "N", false, false, "everything from entry N on, instead of the last 50"},
    {NULL, NULL, false, false, NULL},
};

int
cmd_ledger_verify(struct context *ctx, json_t **data, struct err *e)
{
	const char *head = context_get(ctx, "head");
	json_t *args = json_object();

	if (head != NULL)
		json_object_set_new(args, "head", json_string(head));
	return client_call(ctx, "ledger.verify", args, NULL, 0, data, e);
}

/* The guard answers in pages. */
int
cmd_ledger_show(struct context *ctx, json_t **data, struct err *e)
{
	json_t *all;
	int64_t from = 0;
	int rc = context_number(ctx, "from", &from, e);

	if (rc < 0)
		return rc;
	all = json_array();
	do {
		json_t *page = NULL;

		rc = client_call(ctx, "ledger.show",
		    from > 0 ? json_pack("{s:I}", "from", (json_int_t)from) : json_object(), NULL,
		    0, &page, e);
		if (rc < 0)
			break;
		json_array_extend(all, json_object_get(page, "entries"));
		from = output_json_number(page, "next");
		json_decref(page);
	} while (from > 0);
	if (rc < 0)
		json_decref(all);
	else
		*data = json_pack("{s:o}", "entries", all);
	return rc;
}

int
cmd_ledger_head(struct context *ctx, json_t **data, struct err *e)
{
	return client_call(ctx, "ledger.head", json_object(), NULL, 0, data, e);
}

void
print_ledger_verify(struct output *out, const json_t *data)
{
	output_line(out, OUTPUT_GOOD, "intact: %lld entries, head %s",
	    output_json_number(data, "entries"), output_json_get(data, "head", "-"));
}

void
print_ledger(struct output *out, const json_t *data)
{
	static const struct output_column columns[] = {
	    {"SEQ", true, false},
	    {"TIME", false, false},
	    {"ACTOR", false, true},
	    {"ACTION", false, false},
	    {"SUBJECT", false, true},
	    {"DETAIL", false, true},
	};
	struct output_table *t = output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	json_t *entry;
	size_t i;

	json_array_foreach (json_object_get(data, "entries"), i, entry) {
		char *detail = json_dumps(json_object_get(entry, "detail"),
		    JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));

		output_table_cell(t, OUTPUT_PLAIN, "%lld", output_json_number(entry, "seq"));
		output_table_cell(t, OUTPUT_PLAIN, "%.19sZ", output_json_get(entry, "time", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(entry, "actor", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(entry, "action", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(entry, "subject", "?"));
		output_table_cell(t, OUTPUT_DIM, "%s", detail != NULL ? detail : "");
		free(detail);
	}
	output_table_finish(t, out);
}

void
print_ledger_head(struct output *out, const json_t *data)
{
	output_line(out, OUTPUT_PLAIN, "%s %lld", output_json_get(data, "head", "-"),
	    output_json_number(data, "entries"));
}
