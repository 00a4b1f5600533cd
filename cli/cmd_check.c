/* SPDX-License-Identifier: ISC */
/*
 * bulkhead whitelist check: runs the machine checks of an application and shows what they found.
 * bulkhead (CLI).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/output_json.h"

#define KEYS_BYTES_MAX 8000
#define BUSY_TRIES     5
#define WAIT_NS	       (300 * CLOCK_SECOND_NS) /* beyond every deadline of a worker and a full queue */

const struct option options_check[] = {
    {"dkim-keys", "FILE", false, false,
	"keys instead of DNS: lines \"selector._domainkey.domain v=DKIM1; p=...\""},
    {"online", NULL, false, false,
	"also ask DNS and visit the unsubscribe page, up to two minutes"},
    {"post-consent", "WHO", false, false,
	"who of the tenant allowed the one-click POST, for the ledger; only then it is sent"},
    {NULL, NULL, false, false, NULL},
};

/* Asks until the run has ended. */
static int
wait_for_report(struct context *ctx, long long id, json_t **data, struct err *e)
{
	const struct timespec moment = {.tv_nsec = 100000000};
	int64_t until = clock_mono_ns() + WAIT_NS;

	for (;;) {
		json_t *answer = NULL;
		int rc = client_call(ctx, "whitelist.checks",
		    json_pack("{s:I}", "id", (json_int_t)id), NULL, 0, &answer, e);

		if (rc < 0)
			return rc;
		if (!json_is_true(json_object_get(answer, "running"))) {
			*data = answer;
			return 0;
		}
		json_decref(answer);
		if (clock_mono_ns() > until)
			return err_set(e, -ETIMEDOUT,
			    "the checks of application %lld do not end: see the guard's log", id);
		nanosleep(&moment, NULL);
	}
}

int
cmd_whitelist_check(struct context *ctx, json_t **data, struct err *e)
{
	const char *path = context_get(ctx, "dkim-keys");
	char *end, *keys = NULL;
	long long id = strtoll(ctx->operands[0], &end, 10);
	json_t *args, *begun = NULL;
	size_t size;
	int rc = 0;

	if (id <= 0 || *end != '\0')
		return context_usage(ctx, e,
		    "\"%s\" is no number of an application: bulkhead whitelist list shows them",
		    ctx->operands[0]);
	args = json_pack("{s:I}", "id", (json_int_t)id);
	if (context_has(ctx, "online"))
		json_object_set_new(args, "online", json_true());
	if (context_get(ctx, "post-consent") != NULL &&
	    json_object_set_new(
		args, "post_consent", json_string(context_get(ctx, "post-consent"))) < 0)
		rc = err_set(e, -EINVAL, "--post-consent is no text");
	if (rc == 0 && path != NULL) {
		rc = file_read(path, KEYS_BYTES_MAX, &keys, &size, e);
		if (rc == 0 && json_object_set_new(args, "keys", json_string(keys)) < 0)
			rc = err_set(e, -EINVAL, "%s is no text", path);
		free(keys);
	}
	if (rc < 0) {
		json_decref(args);
		return rc;
	}
	rc = client_call(ctx, "whitelist.check", json_incref(args), NULL, 0, &begun, e);
	/* What came in is checked by itself: its end is waited for, as it asks for less than we do. */
	for (unsigned tries = 0; rc == -EBUSY && tries < BUSY_TRIES; tries++) {
		rc = wait_for_report(ctx, id, &begun, e);
		json_decref(begun);
		begun = NULL;
		if (rc == 0)
			rc = client_call(
			    ctx, "whitelist.check", json_incref(args), NULL, 0, &begun, e);
	}
	json_decref(args);
	json_decref(begun);
	return rc < 0 ? rc : wait_for_report(ctx, id, data, e);
}

/* --- made again --- */

/* Asks until none waits; each takes up to a minute and a half, two at a time. */
static int
wait_for_rechecks(struct context *ctx, json_t *queued, json_t **data, struct err *e)
{
	const struct timespec moment = {.tv_nsec = 200000000};
	const int64_t until =
	    clock_mono_ns() + WAIT_NS + (int64_t)json_array_size(queued) * CLOCK_MINUTE_NS;

	for (;;) {
		json_t *answer = NULL;
		int rc = client_call(ctx, "whitelist.rechecked", json_pack("{s:O}", "ids", queued),
		    NULL, 0, &answer, e);

		if (rc < 0)
			return rc;
		if (output_json_number(answer, "waiting") == 0) {
			*data = answer;
			return 0;
		}
		json_decref(answer);
		if (clock_mono_ns() > until)
			return err_set(e, -ETIMEDOUT, "the checks do not end: see the guard's log");
		nanosleep(&moment, NULL);
	}
}

int
cmd_whitelist_recheck(struct context *ctx, json_t **data, struct err *e)
{
	json_t *args = json_object(), *begun = NULL;
	int rc;

	if (ctx->operand_count > 0) {
		json_decref(args);
		rc = cmd_whitelist_id(ctx, &args, e);
		if (rc < 0)
			return rc;
	}
	rc = client_call(ctx, "whitelist.recheck", args, NULL, 0, &begun, e);
	if (rc == 0)
		rc = wait_for_rechecks(ctx, json_object_get(begun, "queued"), data, e);
	if (rc == 0)
		json_object_set(*data, "skipped", json_object_get(begun, "skipped"));
	json_decref(begun);
	return rc;
}

void
print_rechecks(struct output *out, const json_t *data)
{
	static const struct output_column columns[] = {
	    {"ID", true, false},
	    {"GRANT", false, false},
	    {"PAGES", false, false},
	    {"MAIL", false, false},
	    {"WHY", false, true},
	};
	json_t *list = json_object_get(data, "results"),
	       *skipped = json_object_get(data, "skipped");
	struct output_table *t = output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	json_t *r;
	size_t i;

	json_array_foreach (list, i, r) {
		const char *pages = output_json_get(r, "level", "?");
		const char *mail = output_json_get(r, "watch_level", "?");
		const bool bad = strcmp(pages, "warn") == 0 || strcmp(pages, "suspend") == 0;

		output_table_cell(t, OUTPUT_PLAIN, "%lld", output_json_number(r, "application"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(r, "grant", "?"));
		output_table_cell(t, bad ? OUTPUT_BAD : OUTPUT_GOOD, "%s", pages);
		output_table_cell(t, OUTPUT_PLAIN, "%s", mail);
		output_table_cell(t, OUTPUT_PLAIN, "%s",
		    output_json_get(r, "reason", output_json_get(r, "watch_reason", "-")));
	}
	if (json_array_size(list) == 0)
		output_line(out, OUTPUT_PLAIN, "There is no grant to look at again.");
	output_table_finish(t, out);
	json_array_foreach (skipped, i, r)
		output_line(out, OUTPUT_PLAIN, "application %lld is left out: %s",
		    output_json_number(r, "application"), output_json_get(r, "why", "?"));
}

static enum output_style
level_style(const char *level)
{
	if (strcmp(level, "pass") == 0)
		return OUTPUT_GOOD;
	if (strcmp(level, "fail") == 0)
		return OUTPUT_BAD;
	return strcmp(level, "info") == 0 ? OUTPUT_PLAIN : OUTPUT_ALERT;
}

void
print_checks(struct output *out, const json_t *data)
{
	static const struct output_column columns[] = {
	    {"CHECK", false, false},
	    {"LEVEL", false, false},
	    {"ABOUT", false, false},
	    {"FOUND", false, true},
	};
	json_t *list = json_object_get(json_object_get(data, "report"), "results"), *c;
	struct output_table *t = output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	size_t i;

	json_array_foreach (list, i, c) {
		const char *level = output_json_get(c, "level", "?");

		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(c, "id", "?"));
		output_table_cell(t, level_style(level), "%s", level);
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(c, "about", ""));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(c, "text", ""));
	}
	output_table_finish(t, out);
}
