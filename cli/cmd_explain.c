/* SPDX-License-Identifier: ISC */
/*
 * bulkhead explain: a case in words that its tenant understands.  bulkhead (CLI).
 */
#include <string.h>

#include "cli/case_replay.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output_json.h"

const struct option options_explain[] = {
    {"lang", "en|ru", false, false, "language of the text"},
    {"replay", NULL, false, false,
	"judge the kept observations again: the same decision? and with today's policy?"},
    {"observations", NULL, false, false, "what led to it, one JSON object per line"},
    {NULL, NULL, false, false, NULL},
};

int
cmd_explain(struct context *ctx, json_t **data, struct err *e)
{
	const char *lang = context_get(ctx, "lang");

	if (lang != NULL && strcmp(lang, "en") != 0 && strcmp(lang, "ru") != 0)
		return context_usage(ctx, e, "--lang is en or ru, not \"%s\"", lang);
	if (context_has(ctx, "observations"))
		return case_export(ctx, ctx->operands[0], e);
	if (context_has(ctx, "replay"))
		return case_replay(ctx, ctx->operands[0], data, e);
	return client_call(
	    ctx, "explain", json_pack("{s:s}", "target", ctx->operands[0]), NULL, 0, data, e);
}

void
print_explain(struct output *out, const json_t *data)
{
	const json_t *text = json_object_get(data, "text");

	if (json_is_object(json_object_get(data, "again"))) {
		print_case_replay(out, data);
		return;
	}
	output_text(out, output_json_get(text, out->russian ? "ru" : "en", ""));
}
