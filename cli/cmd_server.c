/* SPDX-License-Identifier: ISC */
/*
 * bulkhead server list, show, import, set, remove.  bulkhead (CLI).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output_json.h"

const struct option options_server_set[] = {
    {"new", NULL, false, false, "add a server instead of changing one"},
    {NULL, NULL, false, false, NULL},
};

static int
by_name(const void *a, const void *b)
{
	const json_t *const *x = a, *const *y = b;

	return strverscmp(output_json_get(*x, "server", ""), output_json_get(*y, "server", ""));
}

/* Sorts an array of SERVER by name (vm-9 before vm-10). */
static json_t *
sorted(json_t *servers)
{
	size_t count = json_array_size(servers);
	json_t **items = calloc(count + 1, sizeof(json_t *)), *out = json_array();

	if (items == NULL)
		abort();
	for (size_t i = 0; i < count; i++)
		items[i] = json_array_get(servers, i);
	qsort(items, count, sizeof(json_t *), by_name);
	for (size_t i = 0; i < count; i++)
		json_array_append(out, items[i]);
	free(items);
	json_decref(servers);
	return out;
}

/* The guard answers in pages. */
int
cmd_server_list(struct context *ctx, json_t **data, struct err *e)
{
	json_t *all = json_array(), *page, *next = NULL;
	int rc;

	do {
		json_t *args = next != NULL ? json_pack("{s:O}", "from", next) : json_object();

		page = NULL;
		json_decref(next);
		next = NULL;
		rc = client_call(ctx, "server.list", args, NULL, 0, &page, e);
		if (rc < 0)
			break;
		json_array_extend(all, json_object_get(page, "servers"));
		next = json_incref(json_object_get(page, "next"));
		json_decref(page);
	} while (next != NULL);
	if (rc < 0)
		json_decref(all);
	else
		*data = json_pack("{s:o}", "servers", sorted(all));
	return rc;
}

int
cmd_server_show(struct context *ctx, json_t **data, struct err *e)
{
	return client_call(
	    ctx, "server.show", json_pack("{s:s}", "server", ctx->operands[0]), NULL, 0, data, e);
}

int
cmd_server_import(struct context *ctx, json_t **data, struct err *e)
{
	if (context_has(ctx, "libvirt"))
		return cmd_server_import_libvirt(ctx, data, e);
	if (ctx->operand_count != 1 || context_has(ctx, "follow") || context_has(ctx, "vanished"))
		return context_usage(ctx, e,
		    "server import needs one file; --follow and --vanished go with --libvirt");
	return client_call_file(ctx, "server.import", SOCK_FRAME_MAX / 2,
	    "no CSV or JSON: an inventory has at least its header line", data, e);
}

int
cmd_server_set(struct context *ctx, json_t **data, struct err *e)
{
	json_t *set = json_object(), *args;

	for (int i = 1; i < ctx->operand_count; i++) {
		char *equals = strchr(ctx->operands[i], '=');

		if (equals == NULL) {
			json_decref(set);
			return context_usage(ctx, e, "\"%s\" is not key=value", ctx->operands[i]);
		}
		*equals = '\0';
		json_object_set_new(set, ctx->operands[i], json_string(equals + 1));
	}
	args = json_pack("{s:s, s:o, s:b}", "server", ctx->operands[0], "set", set, "new",
	    context_has(ctx, "new"));
	return client_call(ctx, "server.set", args, NULL, 0, data, e);
}

int
cmd_server_remove(struct context *ctx, json_t **data, struct err *e)
{
	return client_call(
	    ctx, "server.remove", json_pack("{s:s}", "server", ctx->operands[0]), NULL, 0, data, e);
}

void
print_servers(struct output *out, const json_t *data)
{
	static const struct output_column columns[] = {
	    {"SERVER", false, true},
	    {"TENANT", false, true},
	    {"MODE", false, false},
	    {"VERDICT", false, false},
	    {"QUESTION", false, false},
	    {"BULK", true, false},
	    {"ABUSE", true, false},
	    {"5 MIN", true, false},
	    {"HOUR", true, false},
	    {"DAY", true, false},
	    {"GRANT", true, false},
	    {"LEFT", true, false},
	    {"CASE", false, false},
	};
	json_t *servers = json_object_get(data, "servers"), *s;
	struct output_table *t;
	size_t i;

	if (json_array_size(servers) == 0) {
		output_line(out, OUTPUT_PLAIN,
		    "There are no servers yet: bulkhead server import FILE brings them in.");
		return;
	}
	t = output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (servers, i, s) {
		const char *verdict = output_json_get(s, "verdict", "?");
		long long grant = output_json_number(s, "grant");
		char left[CLOCK_SPAN_BYTES];

		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(s, "server", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(s, "tenant", "-"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(s, "effective_mode", "?"));
		output_table_cell(t, verdict_style(verdict), "%s", verdict);
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(s, "question", "-"));
		output_table_cell(t, OUTPUT_PLAIN, "%.1f", output_json_real(s, "bulk_score"));
		output_table_cell(t, OUTPUT_PLAIN, "%.1f", output_json_real(s, "abuse_score"));
		output_table_cell(t, OUTPUT_PLAIN, "%.0f", output_json_real(s, "recipients_5min"));
		output_table_cell(t, OUTPUT_PLAIN, "%.0f", output_json_real(s, "recipients_hour"));
		output_table_cell(t, OUTPUT_PLAIN, "%.0f", output_json_real(s, "recipients_day"));
		if (grant != 0)
			output_table_cell(t, OUTPUT_GOOD, "%lld", grant);
		else
			output_table_cell(t, OUTPUT_PLAIN, "-");
		output_table_cell(t, OUTPUT_PLAIN, "%s",
		    json_is_true(json_object_get(s, "pinned"))
			? "pinned"
			: seconds_text(left, json_object_get(s, "seconds_left")));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(s, "case", "-"));
	}
	output_table_finish(t, out);
}

static void
print_score(struct output *out, const char *question, const json_t *score)
{
	json_t *reasons = json_object_get(score, "reasons"), *r;
	size_t i;

	output_line(out, OUTPUT_PLAIN, "%-15s %.2f", question, output_json_real(score, "score"));
	json_array_foreach (reasons, i, r)
		output_line(out, OUTPUT_PLAIN, "  %+6.2f  %s: %s", output_json_real(r, "points"),
		    output_json_get(r, "signal", "?"), output_json_get(r, "text", ""));
}

static void
print_counts(struct output *out, const json_t *c)
{
	if (!json_is_object(c))
		return;
	output_line(out, OUTPUT_PLAIN,
	    "sessions        %lld (%lld with TLS), %lld connections failed, %lld inbound, %lld "
	    "spoofed",
	    output_json_number(c, "sessions"), output_json_number(c, "sessions_tls"),
	    output_json_number(c, "connects_failed"), output_json_number(c, "inbound_sessions"),
	    output_json_number(c, "spoofed"));
	output_line(out, OUTPUT_PLAIN, "messages        %lld, and about %lld under TLS",
	    output_json_number(c, "messages"), output_json_number(c, "messages_estimated"));
	output_line(out, OUTPUT_PLAIN,
	    "recipients      %lld accepted, %lld rejected, %lld deferred; %lld domains, %lld "
	    "destinations",
	    output_json_number(c, "recipients_accepted"),
	    output_json_number(c, "recipients_rejected"),
	    output_json_number(c, "recipients_deferred"),
	    output_json_number(c, "distinct_recipient_domains"),
	    output_json_number(c, "distinct_destinations"));
}

/* How it introduces itself, and whether it encrypts where that is offered. */
static void
print_outgoing(struct output *out, const json_t *o)
{
	if (!json_is_object(o))
		return;
	output_line(out, OUTPUT_PLAIN,
	    "outgoing        HELO %s, TLS in %lld of %lld sessions that offered it",
	    output_json_get(o, "helo", "not seen"), output_json_number(o, "tls_used"),
	    output_json_number(o, "tls_offered"));
}

static void
print_cases_of(struct output *out, const json_t *list)
{
	json_t *data;

	if (json_array_size(list) == 0)
		return;
	data = json_pack("{s:O}", "cases", list);
	output_line(out, OUTPUT_PLAIN, "cases");
	print_cases(out, data);
	json_decref(data);
}

void
print_server(struct output *out, const json_t *s)
{
	const char *verdict = output_json_get(s, "verdict", "?");
	char list[1024], share[96];

	output_line(out, OUTPUT_BOLD, "%s", output_json_get(s, "server", "?"));
	output_line(out, OUTPUT_PLAIN, "tenant          %s, plan %s, contact %s",
	    output_json_get(s, "tenant", "-"), output_json_get(s, "plan", "default"),
	    output_json_get(s, "contact", "-"));
	output_line(out, OUTPUT_PLAIN, "mode            %s%s",
	    output_json_get(s, "effective_mode", "?"),
	    json_is_string(json_object_get(s, "mode")) ? " (its own)" : "");
	output_line(out, OUTPUT_PLAIN, "virtualization  %s",
	    output_json_get(s, "virtualization", "unknown"));
	output_line(out, OUTPUT_PLAIN, "interfaces      %s",
	    output_json_join(list, sizeof(list), json_object_get(s, "interfaces")));
	output_line(out, OUTPUT_PLAIN, "macs            %s",
	    output_json_join(list, sizeof(list), json_object_get(s, "macs")));
	output_line(out, OUTPUT_PLAIN, "addresses       %s",
	    output_json_join(list, sizeof(list), json_object_get(s, "addresses")));
	output_line(out, verdict_style(verdict), "verdict         %s%s%s%s", verdict,
	    json_is_string(json_object_get(s, "case")) ? ", case " : "",
	    output_json_get(s, "case", ""),
	    json_is_false(json_object_get(s, "enforced")) ? " (observed only)" : "");
	if (json_is_true(json_object_get(s, "pinned")))
		output_line(out, OUTPUT_PLAIN, "until           a person releases it");
	else if (json_is_string(json_object_get(s, "until")))
		output_line(out, OUTPUT_PLAIN, "until           %.19sZ (still %s for %lld s)",
		    output_json_get(s, "until", "?"),
		    strcmp(verdict, "throttle") == 0 ? "throttled" : "blocked",
		    output_json_number(s, "seconds_left"));
	if (strcmp(verdict, "block") == 0)
		output_line(out, OUTPUT_PLAIN,
		    "still trying    %lld packets refused, %lld new connections in 5 min, last at "
		    "%.19sZ",
		    output_json_number(s, "refused_packets"), output_json_number(s, "tries_5min"),
		    output_json_get(s, "last_try", "-"));
	output_line(out, OUTPUT_PLAIN,
	    "recipients      %.0f in 5 min, %.0f in an hour, %.0f in a day",
	    output_json_real(s, "recipients_5min"), output_json_real(s, "recipients_hour"),
	    output_json_real(s, "recipients_day"));
	if (output_json_number(s, "grant") != 0)
		output_line(out, OUTPUT_GOOD, "grant           of application %lld%s",
		    output_json_number(s, "grant"),
		    grant_share(share, sizeof(share), json_object_get(s, "grant_used")));
	else
		output_line(out, OUTPUT_PLAIN, "grant           none");
	print_counts(out, json_object_get(s, "counts"));
	print_outgoing(out, json_object_get(s, "outgoing"));
	if (json_is_object(json_object_get(s, "bulk"))) {
		print_score(out, "bulk", json_object_get(s, "bulk"));
		print_score(out, "abuse", json_object_get(s, "abuse"));
	}
	print_cases_of(out, json_object_get(s, "case_list"));
}

void
print_import(struct output *out, const json_t *data)
{
	output_line(out, OUTPUT_PLAIN,
	    "%lld added, %lld changed, %lld removed, %lld unchanged: %lld servers",
	    output_json_number(data, "added"), output_json_number(data, "changed"),
	    output_json_number(data, "removed"), output_json_number(data, "unchanged"),
	    output_json_number(data, "servers"));
	if (output_json_number(data, "vanished") > output_json_number(data, "removed"))
		output_line(out, OUTPUT_ALERT,
		    "%lld of them libvirt does not know any more; they are kept (--vanished "
		    "remove, or bulkhead server remove)",
		    output_json_number(data, "vanished") - output_json_number(data, "removed"));
}

void
print_removed(struct output *out, const json_t *data)
{
	output_line(
	    out, OUTPUT_PLAIN, "%s is no longer watched", output_json_get(data, "removed", "?"));
}
