/* SPDX-License-Identifier: ISC */
/*
 * bulkhead config check, show: the configuration file and its table.  Asks no guard.  bulkhead
 * (CLI).
 */

#include "base/settings.h"
#include "cli/commands.h"
#include "cli/output_json.h"

/* The file of the command line, --config, or the usual place. */
static int
load(const struct context *ctx, struct settings *out, const char **path, struct err *e)
{
	const char *named = ctx->operand_count == 1 ? ctx->operands[0] : ctx->config;

	*path = named != NULL ? named : SETTINGS_PATH;
	return settings_load(out, named, e);
}

int
cmd_config_check(struct context *ctx, json_t **data, struct err *e)
{
	struct settings settings;
	const char *path;
	int rc = load(ctx, &settings, &path, e);

	if (rc == 0)
		*data = json_pack("{s:o, s:b, s:i}", "file", output_json_text(path), "ok", 1,
		    "keys", (int)settings_row_count);
	return rc;
}

int
cmd_config_show(struct context *ctx, json_t **data, struct err *e)
{
	struct settings settings;
	const char *path;
	json_t *rows;
	int rc = load(ctx, &settings, &path, e);

	if (rc < 0)
		return rc;
	rows = json_array();
	for (size_t i = 0; i < settings_row_count; i++) {
		const struct config_row *row = &settings_rows[i];
		char value[2 * SETTINGS_LIST_BYTES];

		config_format(row, &settings, value, sizeof(value));
		json_array_append_new(
		    rows, json_pack("{s:s, s:s, s:s, s:s}", "key", row->key, "value", value,
			      "preset", row->preset, "help", row->help));
	}
	*data = json_pack("{s:o, s:o}", "file", output_json_text(path), "settings", rows);
	return 0;
}

void
print_config_check(struct output *out, const json_t *data)
{
	output_line(out, OUTPUT_GOOD, "%s is good", output_json_get(data, "file", "?"));
}

/* In the syntax of the file, so that it can be one. */
void
print_config_show(struct output *out, const json_t *data)
{
	json_t *row;
	size_t i;

	json_array_foreach (json_object_get(data, "settings"), i, row) {
		output_line(out, OUTPUT_DIM, "# %s", output_json_get(row, "help", ""));
		output_line(out, OUTPUT_PLAIN, "%s = %s", output_json_get(row, "key", "?"),
		    output_json_get(row, "value", ""));
	}
}
