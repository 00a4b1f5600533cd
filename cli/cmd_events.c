/* SPDX-License-Identifier: ISC */
/*
 * bulkhead events: the decisions of machine and people as they are made, for people as lines, for
 * programs with the field names of the Elastic Common Schema 8.11 (elastic.co/guide/en/ecs).
 * bulkhead (CLI).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output_json.h"

const struct option options_events[] = {
    {"follow", NULL, false, false, "go on: print each event when it happens, until interrupted"},
    {"from", "N", false, false, "from entry N of the ledger on"},
    {NULL, NULL, false, false, NULL},
};

/* Which ECS kind, category, type and outcome an action is; the first prefix that fits.  Only pairs of category and
 * type that the schema expects (ecs-allowed-values-event-category). */
static const struct {
	const char *prefix, *category, *type, *kind, *outcome;
} classes[] = {
    {"block", "network", "denied", "alert", "success"},
    {"throttle", "network", "denied", "alert", "success"},
    {"extend", "network", "denied", "event", "success"},
    {"enforce.failed", "network", "info", "alert", "failure"},
    {"enforce", "network", "denied", "event", "success"},
    {"unenforce", "network", "allowed", "event", "success"},
    {"release", "network", "allowed", "event", "success"},
    {"refused", "api", "denied", "event", "failure"},
    {"catch.", "network", "info", "alert", "success"},
    {"brake.", "network", "info", "alert", "success"},
    {"complaint", "intrusion_detection", "info", "alert", "success"},
    {"notice.dead", "network", "info", "alert", "failure"},
    {"notice.", "network", "info", "event", "success"},
    {"whitelist.", "configuration", "change", "event", "success"},
    {"server.", "configuration", "change", "event", "success"},
    {"mode", "configuration", "change", "event", "success"},
    {"guard.", "process", "info", "event", "success"},
    {"", "configuration", "info", "event", "success"},
};

json_t *
events_ecs(const json_t *entry, const char *host)
{
	const char *action = output_json_get(entry, "action", "");
	const char *subject = output_json_get(entry, "subject", "");
	const char *actor = output_json_get(entry, "actor", "");
	json_t *detail = json_object_get(entry, "detail");
	char message[320];
	size_t c = 0;

	while (strncmp(action, classes[c].prefix, strlen(classes[c].prefix)) != 0)
		c++;
	snprintf(message, sizeof(message), "%s %s by %s", action, subject, actor);
	return json_pack("{s:s, s:{s:s}, s:{s:s, s:[s], s:[s], s:s, s:s, s:s, s:s, s:I, s:s},"
			 " s:{s:s}, s:{s:s, s:s, s:s}, s:o, s:{s:s, s:O*}}",
	    "@timestamp", output_json_get(entry, "time", ""), "ecs", "version", "8.11.0", "event",
	    "kind", classes[c].kind, "category", classes[c].category, "type", classes[c].type,
	    "outcome", classes[c].outcome, "action", action, "dataset", "bulkhead.ledger", "module",
	    "bulkhead", "sequence", (json_int_t)output_json_number(entry, "seq"), "hash",
	    output_json_get(entry, "hash", ""), "user", "name", actor, "observer", "vendor",
	    "Bulkhead", "type", "ips", "hostname", host, "message", output_json_text(message),
	    "bulkhead", "subject", subject, "detail", detail);
}

static void
print_event(const struct output *out, const json_t *entry)
{
	const char *action = output_json_get(entry, "action", "?");
	char *detail = json_dumps(json_object_get(entry, "detail"),
	    JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
	enum output_style style = OUTPUT_PLAIN;

	if (strncmp(action, "block", 5) == 0 || strncmp(action, "catch.on", 8) == 0)
		style = OUTPUT_BAD;
	else if (strncmp(action, "release", 7) == 0)
		style = OUTPUT_GOOD;
	else if (strcmp(action, "refused") == 0)
		style = OUTPUT_ALERT;
	output_line(out, style, "%.19sZ  %-18s %-16s %s  %s", output_json_get(entry, "time", "?"),
	    action, output_json_get(entry, "subject", "?"), output_json_get(entry, "actor", "?"),
	    detail != NULL && strcmp(detail, "{}") != 0 ? detail : "");
	free(detail);
}

struct stream {
	struct output out;
	bool json;
	char host[256];
};

/* Each batch as it comes; ends when nobody reads us any more. */
static int
print_batch(void *arg, const json_t *data)
{
	struct stream *s = arg;
	const json_t *entry;
	size_t i;

	json_array_foreach (json_object_get(data, "entries"), i, entry) {
		if (s->json) {
			json_t *event = events_ecs(entry, s->host);

			json_dumpf(event, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
			fputc('\n', stdout);
			json_decref(event);
		} else {
			print_event(&s->out, entry);
		}
	}
	return fflush(stdout) != 0 || ferror(stdout) ? -EPIPE : 0;
}

static int
follow(struct context *ctx, int64_t from, struct err *e)
{
	struct stream s = {.json = ctx->json};
	int rc;

	output_init(&s.out, stdout);
	if (gethostname(s.host, sizeof(s.host) - 1) != 0)
		s.host[0] = '\0';
	rc = client_follow(ctx, "events.follow",
	    from > 0 ? json_pack("{s:I}", "from", (json_int_t)from) : json_object(), print_batch,
	    &s, e);
	if (rc == -EPIPE && ferror(stdout))
		return err_set(e, rc, "the events could not be written to standard output");
	return rc;
}

int
cmd_events(struct context *ctx, json_t **data, struct err *e)
{
	json_t *page = NULL, *list, *entry;
	char host[256] = "";
	int64_t from = 0;
	size_t i;
	int rc = context_number(ctx, "from", &from, e);

	if (rc < 0)
		return rc;
	if (context_has(ctx, "follow"))
		return follow(ctx, from, e);
	rc = client_call(ctx, "ledger.show",
	    from > 0 ? json_pack("{s:I}", "from", (json_int_t)from) : json_object(), NULL, 0, &page,
	    e);
	if (rc < 0)
		return rc;
	if (!ctx->json) {
		*data = page;
		return 0;
	}
	if (gethostname(host, sizeof(host) - 1) != 0)
		host[0] = '\0';
	list = json_array();
	json_array_foreach (json_object_get(page, "entries"), i, entry)
		json_array_append_new(list, events_ecs(entry, host));
	*data = json_pack("{s:o, s:O*}", "events", list, "next", json_object_get(page, "next"));
	json_decref(page);
	return 0;
}

void
print_events(struct output *out, const json_t *data)
{
	const json_t *entry;
	size_t i;

	json_array_foreach (json_object_get(data, "entries"), i, entry)
		print_event(out, entry);
}
