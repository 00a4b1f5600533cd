/* SPDX-License-Identifier: ISC */
/*
 * bulkhead abuse import, list, report: complaints of receivers come in, reports to tenants go out.  bulkhead (CLI).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/arf.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/output_json.h"
#include "cli/worker.h"
#include "whitelist/complaint.h"

const struct option options_abuse_list[] = {
    {"server", "S", false, false, "about one server"},
    {NULL, NULL, false, false, NULL},
};

int
cmd_abuse_import(struct context *ctx, json_t **data, struct err *e)
{
	const char *file = ctx->operand_count == 1 ? ctx->operands[0] : "-";
	json_t *complaint = NULL;
	char *mail = NULL;
	size_t size = 0;
	int rc = file_read(file, COMPLAINT_BYTES_MAX, &mail, &size, e);

	if (rc == 0)
		rc = worker_complaint(mail, size, &complaint, e);
	free(mail);
	if (rc < 0)
		return rc;
	return client_call(ctx, "abuse.import", complaint, NULL, 0, data, e);
}

int
cmd_abuse_list(struct context *ctx, json_t **data, struct err *e)
{
	const char *server = context_get(ctx, "server");

	return client_call(ctx, "abuse.list",
	    server != NULL ? json_pack("{s:s}", "server", server) : json_object(), NULL, 0, data,
	    e);
}

int
cmd_abuse_report(struct context *ctx, json_t **data, struct err *e)
{
	json_t *report = NULL;
	char *text;
	int rc = client_call(
	    ctx, "abuse.report", json_pack("{s:s}", "case", ctx->operands[0]), NULL, 0, &report, e);

	if (rc < 0)
		return rc;
	text = arf_write(report, clock_wall_ns());
	json_decref(report);
	if (text == NULL)
		return err_set(e, -ENOMEM, "no memory for the report");
	*data = json_pack("{s:s}", "message", text);
	free(text);
	return *data != NULL ? 0 : err_set(e, -EIO, "the report is not UTF-8");
}

void
print_complaint(struct output *out, const json_t *c)
{
	const char *server = output_json_get(c, "server", NULL),
		   *source = output_json_get(c, "source", "?");
	bool counted = json_is_true(json_object_get(c, "counted"));

	if (json_is_true(json_object_get(c, "known")))
		output_line(out, OUTPUT_PLAIN, "this complaint was known already");
	else if (server == NULL)
		output_line(out, OUTPUT_ALERT,
		    "stored, but %s belongs to no server of the inventory", source);
	else
		output_line(out, OUTPUT_PLAIN, "stored for %s, which %s %s%s", server,
		    strcmp(output_json_get(c, "how", ""), "history") == 0 ? "had" : "has", source,
		    counted ? "" : "; it is not counted (its kind, or older than a week)");
}

void
print_complaints(struct output *out, const json_t *data)
{
	static const struct output_column columns[] = {
	    {"MAIL ARRIVED", false, false},
	    {"SERVER", false, true},
	    {"SOURCE", false, false},
	    {"TYPE", false, false},
	    {"REPORTER", false, true},
	    {"SENDER DOMAIN", false, true},
	    {"COUNTED", false, false},
	};
	json_t *list = json_object_get(data, "complaints"), *c;
	struct output_table *t;
	size_t i;

	if (json_array_size(list) == 0) {
		output_line(out, OUTPUT_PLAIN,
		    "There are no complaints: bulkhead abuse import <report.eml brings them in.");
		return;
	}
	t = output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (list, i, c) {
		output_table_cell(t, OUTPUT_PLAIN, "%.19s", output_json_get(c, "arrival", "-"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(c, "server", "-"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(c, "source", "-"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(c, "type", "-"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(c, "reporter", "-"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(c, "domain", "-"));
		output_table_cell(t, OUTPUT_PLAIN, "%s",
		    json_is_true(json_object_get(c, "counted")) ? "yes" : "no");
	}
	output_table_finish(t, out);
}

/* The message as it is, ready for sendmail -t: 7 bit, nothing that steers a terminal. */
void
print_abuse_report(struct output *out, const json_t *data)
{
	(void)out;
	fputs(output_json_get(data, "message", ""), stdout);
}
