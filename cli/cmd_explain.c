/* SPDX-License-Identifier: ISC */
/*
 * bulkhead explain: a case in words that its tenant understands.  bulkhead (CLI).
 */
#include <string.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output_json.h"

const struct option options_explain[] = {
    {"lang", "en|ru", false, false, "language of the text"},
    {NULL, NULL, false, false, NULL},
};

int
cmd_explain(struct context *ctx, json_t **data, struct err *e)
{
	const char *lang = context_get(ctx, "lang");

	if (lang != NULL && strcmp(lang, "en") != 0 && strcmp(lang, "ru") != 0)
		return context_usage(ctx, e, "--lang is en or ru, not \"%s\"", lang);
	return client_call(
	    ctx, "explain", json_pack("{s:s}", "target", ctx->operands[0]), NULL, 0, data, e);
}

void
print_explain(struct output *out, const json_t *data)
{
	const json_t *text = json_object_get(data, "text");

	output_text(out, output_json_get(text, out->russian ? "ru" : "en", ""));
}
