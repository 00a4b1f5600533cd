/* SPDX-License-Identifier: ISC */
/*
 * bulkhead whitelist: applications, their evidence, and what is decided about them.  bulkhead
 * (CLI).
 *
 * Evidence files are opened here, with the rights of the person who asks, and passed as
 * descriptors: the guard never opens a path that somebody else chose.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/output_json.h"
#include "whitelist/application.h"

const struct option options_apply[] = {
    {"consent", "FILE", false, false,
	"picture of the subscription form; with --rules, of the registration form"},
    {"rules", "FILE", false, false, "extract of the site's rules about mailings (text)"},
    {"sample", "FILE", false, false, "original source of a sample mail (.eml)"},
    {"sample-picture", "FILE", false, false, "picture of the sample mail"},
    {"unsubscribe-picture", "FILE", false, false,
	"picture of the page behind the unsubscribe link"},
    {"domain", "DOMAIN", true, true, "sender domain; its subdomains are included"},
    {"per-day", "N", false, false, "recipients per day"},
    {"purpose", "newsletter|automatic", false, false, "newsletter when not given"},
    {"list-size", "N", false, false, "addresses on the list"},
    {"list-origin", "TEXT", false, false, "where the addresses come from"},
    {"form-url", "URL", false, false, "page of the subscription or registration form"},
    {"rules-url", "URL", false, false, "page of the site's rules that the extract is from"},
    {"contact", "ADDRESS", true, false, "mail address of the person who answers for it"},
    {"lang", "en|ru", false, false, "language of the answers"},
    {NULL, NULL, false, false, NULL},
};

const struct option options_submit[] = {
    {"domain", "DOMAIN", false, true, "sender domain; its subdomains are included"},
    {"per-day", "N", false, false, "recipients per day"},
    {"purpose", "newsletter|automatic", false, false, "what kind of mail it is"},
    {"list-size", "N", false, false, "addresses on the list"},
    {"list-origin", "TEXT", false, false, "where the addresses come from"},
    {"form-url", "URL", false, false, "page of the subscription or registration form"},
    {"rules-url", "URL", false, false, "page of the site's rules that the extract is from"},
    {"contact", "ADDRESS", false, false, "mail address of the person who answers for it"},
    {"lang", "en|ru", false, false, "language of the answers"},
    {NULL, NULL, false, false, NULL},
};

const struct option options_attach[] = {
    {"kind", "KIND", true, false,
	"consent-form, registration-form, rules-extract, sample-source, sample-picture, "
	"unsubscribe-page or note"},
    {NULL, NULL, false, false, NULL},
};

const struct option options_list[] = {
    {"state", "STATE", false, false,
	"draft, submitted, in-review, needs-info, approved, rejected or revoked"},
    {NULL, NULL, false, false, NULL},
};

const struct option options_approve[] = {
    {"per-day", "N", false, false, "grant so many recipients per day instead of what was asked"},
    {"until", "WHEN", false, false, "end of the grant: a date or a span (365d when not given)"},
    {"override", NULL, false, false, "although something is missing; needs --reason"},
    {"reason", "TEXT", false, false, "kept in the ledger"},
    {NULL, NULL, false, false, NULL},
};

const struct option options_reason[] = {
    {"reason", "TEXT", true, false, "why; the applicant reads it"},
    {NULL, NULL, false, false, NULL},
};

const struct option options_ask[] = {
    {"message", "TEXT", true, false, "what is asked of the applicant"},
    {NULL, NULL, false, false, NULL},
};

const struct option options_renew[] = {
    {"until", "WHEN", false, false, "new end of the grant: a date or a span (365d when not given)"},
    {NULL, NULL, false, false, NULL},
};

/* Evidence files that are open and named, ready to be passed. */
struct bundle {
	json_t *list; /* [{kind, name}] */
	int fds[SOCK_FDS_MAX];
	unsigned count;
};

static int
bundle_add(struct bundle *b, enum evidence_kind kind, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	int fd;

	if (b->count == SOCK_FDS_MAX)
		return err_set(e, -E2BIG, "more than %d files at once: attach the rest afterwards",
		    SOCK_FDS_MAX);
	fd = file_open(path, evidence_kind_name(kind), e);
	if (fd < 0)
		return fd;
	b->fds[b->count++] = fd;
	json_array_append_new(
	    b->list, json_pack("{s:s, s:o}", "kind", evidence_kind_name(kind), "name",
			 output_json_text(slash != NULL ? slash + 1 : path)));
	return 0;
}

static void
bundle_fini(struct bundle *b)
{
	for (unsigned i = 0; i < b->count; i++)
		close(b->fds[i]);
	json_decref(b->list);
}

static int
bundle_from_options(struct bundle *b, const struct context *ctx, struct err *e)
{
	const struct {
		const char *option;
		enum evidence_kind kind;
	} rows[] = {
	    {"consent",
		context_has(ctx, "rules") ? EVIDENCE_REGISTRATION_FORM : EVIDENCE_CONSENT_FORM},
	    {"rules", EVIDENCE_RULES_EXTRACT},
	    {"sample", EVIDENCE_SAMPLE_SOURCE},
	    {"sample-picture", EVIDENCE_SAMPLE_PICTURE},
	    {"unsubscribe-picture", EVIDENCE_UNSUBSCRIBE_PAGE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *path = context_get(ctx, rows[i].option);
		int rc = path != NULL ? bundle_add(b, rows[i].kind, path, e) : 0;

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* The number of an option into the arguments of a request. */
static int
add_number(struct context *ctx, json_t *args, const char *option, const char *member, struct err *e)
{
	int64_t n = -1;
	int rc = context_number(ctx, option, &n, e);

	if (rc == 0 && n >= 0)
		json_object_set_new(args, member, json_integer(n));
	return rc;
}

static void
add_text(const struct context *ctx, json_t *args, const char *option, const char *member)
{
	const char *text = context_get(ctx, option);

	if (text != NULL)
		json_object_set_new(args, member, json_string(text));
}

/* The application's own fields, from operands (the first server is number `first`) and options. */
static int
add_fields(struct context *ctx, int first, json_t *args, struct err *e)
{
	json_t *servers = json_array(), *domains = json_array();
	const char *domain;
	int rc;

	for (int i = first; i < ctx->operand_count; i++)
		json_array_append_new(servers, json_string(ctx->operands[i]));
	for (unsigned i = 0; (domain = context_get_nth(ctx, "domain", i)) != NULL; i++)
		json_array_append_new(domains, json_string(domain));
	/* A draft keeps what it has when nothing is given. */
	if (first == 0 || json_array_size(servers) > 0)
		json_object_set(args, "servers", servers);
	if (first == 0 || json_array_size(domains) > 0)
		json_object_set(args, "domains", domains);
	json_decref(servers);
	json_decref(domains);
	add_text(ctx, args, "purpose", "purpose");
	add_text(ctx, args, "list-origin", "list_origin");
	add_text(ctx, args, "form-url", "form_url");
	add_text(ctx, args, "rules-url", "rules_url");
	add_text(ctx, args, "contact", "contact");
	add_text(ctx, args, "lang", "lang");
	rc = add_number(ctx, args, "per-day", "per_day", e);
	return rc < 0 ? rc : add_number(ctx, args, "list-size", "list_size", e);
}

int
cmd_whitelist_apply(struct context *ctx, json_t **data, struct err *e)
{
	struct bundle b = {.list = json_array()};
	json_t *args = json_object();
	int rc;

	if (context_has(ctx, "rules") && !context_has(ctx, "consent")) {
		rc = context_usage(ctx, e,
		    "--rules belongs to the registration form: give its picture with --consent");
		goto out;
	}
	rc = add_fields(ctx, 0, args, e);
	if (rc == 0)
		rc = bundle_from_options(&b, ctx, e);
	if (rc == 0) {
		json_object_set(args, "evidence", b.list);
		rc =
		    client_call(ctx, "whitelist.apply", json_incref(args), b.fds, b.count, data, e);
	}
out:
	json_decref(args);
	bundle_fini(&b);
	return rc;
}

/* The number of an application, the first operand. */
int
cmd_whitelist_id(struct context *ctx, json_t **args, struct err *e)
{
	const char *text = ctx->operands[0];
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 18 || text[digits] != '\0')
		return context_usage(ctx, e,
		    "\"%s\" is no number of an application: bulkhead whitelist list shows them",
		    text);
	*args = json_pack("{s:I}", "id", (json_int_t)strtoll(text, NULL, 10));
	return 0;
}

int
cmd_whitelist_submit(struct context *ctx, json_t **data, struct err *e)
{
	json_t *args = NULL;
	int rc = cmd_whitelist_id(ctx, &args, e);

	if (rc == 0)
		rc = add_fields(ctx, 1, args, e);
	if (rc < 0) {
		json_decref(args);
		return rc;
	}
	return client_call(ctx, "whitelist.submit", args, NULL, 0, data, e);
}

int
cmd_whitelist_attach(struct context *ctx, json_t **data, struct err *e)
{
	struct bundle b = {.list = json_array()};
	int kind = evidence_kind_parse(context_get(ctx, "kind"));
	json_t *args = NULL;
	int rc = cmd_whitelist_id(ctx, &args, e);

	if (rc == 0 && kind < 0)
		rc = context_usage(ctx, e,
		    "\"%s\" is no kind of evidence: see whitelist attach --help",
		    context_get(ctx, "kind"));
	for (int i = 1; rc == 0 && i < ctx->operand_count; i++)
		rc = bundle_add(&b, (enum evidence_kind)kind, ctx->operands[i], e);
	if (rc == 0) {
		json_object_set(args, "evidence", b.list);
		rc = client_call(
		    ctx, "whitelist.attach", json_incref(args), b.fds, b.count, data, e);
	}
	json_decref(args);
	bundle_fini(&b);
	return rc;
}

int
cmd_whitelist_list(struct context *ctx, json_t **data, struct err *e)
{
	json_t *args = json_object();

	add_text(ctx, args, "state", "state");
	return client_call(ctx, "whitelist.list", args, NULL, 0, data, e);
}

int
cmd_whitelist_show(struct context *ctx, json_t **data, struct err *e)
{
	json_t *args = NULL;
	int rc = cmd_whitelist_id(ctx, &args, e);

	return rc < 0 ? rc : client_call(ctx, "whitelist.show", args, NULL, 0, data, e);
}

int
cmd_whitelist_approve(struct context *ctx, json_t **data, struct err *e)
{
	json_t *args = NULL;
	int rc = cmd_whitelist_id(ctx, &args, e);

	if (rc == 0 && context_has(ctx, "override") && !context_has(ctx, "reason"))
		rc = context_usage(ctx, e, "--override needs --reason: it is kept in the ledger");
	if (rc == 0)
		rc = add_number(ctx, args, "per-day", "per_day", e);
	if (rc < 0) {
		json_decref(args);
		return rc;
	}
	add_text(ctx, args, "until", "until");
	add_text(ctx, args, "reason", "reason");
	if (context_has(ctx, "override"))
		json_object_set_new(args, "override", json_true());
	return client_call(ctx, "whitelist.approve", args, NULL, 0, data, e);
}

/* A decision about one application that takes at most one text. */
static int
decide(struct context *ctx, const char *command, const char *option, json_t **data, struct err *e)
{
	json_t *args = NULL;
	int rc = cmd_whitelist_id(ctx, &args, e);

	if (rc < 0)
		return rc;
	add_text(ctx, args, option, option);
	return client_call(ctx, command, args, NULL, 0, data, e);
}

int
cmd_whitelist_review(struct context *ctx, json_t **data, struct err *e)
{
	json_t *args = NULL;
	int rc = cmd_whitelist_id(ctx, &args, e);

	return rc < 0 ? rc : client_call(ctx, "whitelist.review", args, NULL, 0, data, e);
}

int
cmd_whitelist_reject(struct context *ctx, json_t **data, struct err *e)
{
	return decide(ctx, "whitelist.reject", "reason", data, e);
}

int
cmd_whitelist_ask(struct context *ctx, json_t **data, struct err *e)
{
	return decide(ctx, "whitelist.ask", "message", data, e);
}

int
cmd_whitelist_revoke(struct context *ctx, json_t **data, struct err *e)
{
	return decide(ctx, "whitelist.revoke", "reason", data, e);
}

int
cmd_whitelist_renew(struct context *ctx, json_t **data, struct err *e)
{
	return decide(ctx, "whitelist.renew", "until", data, e);
}

int
cmd_whitelist_suspend(struct context *ctx, json_t **data, struct err *e)
{
	return decide(ctx, "whitelist.suspend", "reason", data, e);
}

int
cmd_whitelist_resume(struct context *ctx, json_t **data, struct err *e)
{
	return decide(ctx, "whitelist.resume", "reason", data, e);
}

static enum output_style
state_style(const char *state)
{
	if (strcmp(state, "approved") == 0)
		return OUTPUT_GOOD;
	if (strcmp(state, "rejected") == 0 || strcmp(state, "revoked") == 0)
		return OUTPUT_BAD;
	return OUTPUT_ALERT;
}

/* "61 %", or the state of a grant that is not active. */
static void
print_used(struct output_table *t, const json_t *grant)
{
	const char *state = output_json_get(grant, "state", "-");

	if (strcmp(state, "active") == 0 && json_is_integer(json_object_get(grant, "used_percent")))
		output_table_cell(
		    t, OUTPUT_PLAIN, "%lld %%", output_json_number(grant, "used_percent"));
	else
		output_table_cell(t, strcmp(state, "-") == 0 ? OUTPUT_PLAIN : OUTPUT_ALERT, "%s",
		    strcmp(state, "active") == 0 ? "-" : state);
}

void
print_applications(struct output *out, const json_t *data)
{
	static const struct output_column columns[] = {
	    {"ID", true, false},
	    {"STATE", false, false},
	    {"PURPOSE", false, false},
	    {"SERVERS", false, true},
	    {"DOMAINS", false, true},
	    {"PER DAY", true, false},
	    {"GRANT UNTIL", false, false},
	    {"USED", true, false},
	    {"LACKS", true, false},
	    {"CONTACT", false, true},
	};
	json_t *list = json_object_get(data, "applications"), *a;
	struct output_table *t;
	size_t i;

	if (json_array_size(list) == 0) {
		output_line(out, OUTPUT_PLAIN,
		    "There is no such application: `bulkhead whitelist apply` files one.");
		return;
	}
	t = output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (list, i, a) {
		const char *state = output_json_get(a, "state", "?");
		char names[1024];

		output_table_cell(t, OUTPUT_PLAIN, "%lld", output_json_number(a, "id"));
		output_table_cell(t, state_style(state), "%s", state);
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(a, "purpose", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s",
		    output_json_join(names, sizeof(names), json_object_get(a, "servers")));
		output_table_cell(t, OUTPUT_PLAIN, "%s",
		    output_json_join(names, sizeof(names), json_object_get(a, "domains")));
		output_table_cell(t, OUTPUT_PLAIN, "%lld", output_json_number(a, "per_day"));
		output_table_cell(t, OUTPUT_PLAIN, "%.10s",
		    output_json_get(json_object_get(a, "grant"), "until", "-"));
		print_used(t, json_object_get(a, "grant"));
		output_table_cell(
		    t, OUTPUT_PLAIN, "%zu", json_array_size(json_object_get(a, "missing")));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(a, "contact", "-"));
	}
	output_table_finish(t, out);
}

static void
print_evidence(struct output *out, const json_t *list)
{
	static const struct output_column columns[] = {
	    {"EVIDENCE", false, false},
	    {"FILE", false, true},
	    {"TYPE", false, false},
	    {"BYTES", true, false},
	    {"SHA-256", false, false},
	};
	struct output_table *t = output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	json_t *ev;
	size_t i;

	json_array_foreach ((json_t *)list, i, ev) {
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(ev, "kind", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(ev, "name", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(ev, "type", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%lld", output_json_number(ev, "size"));
		output_table_cell(t, OUTPUT_DIM, "%.12s", output_json_get(ev, "sha256", "?"));
	}
	output_table_finish(t, out);
}

/* Of no interest once the application was refused. */
static void
print_missing(struct output *out, json_t *missing, const char *state)
{
	json_t *line;
	size_t i;

	if (json_array_size(missing) == 0 || strcmp(state, "rejected") == 0 ||
	    strcmp(state, "revoked") == 0)
		return;
	output_line(out, OUTPUT_ALERT, "%s",
	    strcmp(state, "approved") == 0 ? "Approved although it lacks:"
					   : "Still missing for an approval:");
	json_array_foreach (missing, i, line) {
		char text[1024];

		snprintf(text, sizeof(text), "  - %s", json_string_value(line));
		output_text(out, text);
	}
}

void
print_application(struct output *out, const json_t *a)
{
	static const struct {
		const char *member, *title;
	} pages[] = {{"form_url", "form         "}, {"rules_url", "rules        "}};
	const char *state = output_json_get(a, "state", "?");
	char names[2048];
	json_t *line;
	size_t i;

	output_line(
	    out, state_style(state), "application %lld: %s", output_json_number(a, "id"), state);
	output_line(out, OUTPUT_PLAIN, "purpose      %s", output_json_get(a, "purpose", "?"));
	output_line(out, OUTPUT_PLAIN, "servers      %s",
	    output_json_join(names, sizeof(names), json_object_get(a, "servers")));
	output_line(out, OUTPUT_PLAIN, "domains      %s",
	    output_json_join(names, sizeof(names), json_object_get(a, "domains")));
	output_line(out, OUTPUT_PLAIN,
	    "volume       %lld recipients per day, a list of %lld from %s",
	    output_json_number(a, "per_day"), output_json_number(a, "list_size"),
	    output_json_get(a, "list_origin", "an unnamed origin"));
	for (i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (json_is_string(json_object_get(a, pages[i].member)))
			output_line(out, OUTPUT_PLAIN, "%s%s", pages[i].title,
			    output_json_get(a, pages[i].member, ""));
	output_line(out, OUTPUT_PLAIN, "contact      %s (%s)", output_json_get(a, "contact", "-"),
	    output_json_get(a, "lang", "en"));
	output_line(out, OUTPUT_PLAIN, "changed      %.19sZ", output_json_get(a, "changed", "?"));
	if (json_is_string(json_object_get(a, "reason")))
		output_line(out, OUTPUT_PLAIN, "reason       %s", output_json_get(a, "reason", ""));
	print_grant(out, json_object_get(a, "grant"));
	print_evidence(out, json_object_get(a, "evidence"));
	print_missing(out, json_object_get(a, "missing"), state);
	json_array_foreach (json_object_get(a, "blocked"), i, line)
		output_line(out, OUTPUT_ALERT,
		    "%s is still blocked: bulkhead release %s --reason R", json_string_value(line),
		    json_string_value(line));
	if (json_is_string(json_object_get(a, "letter"))) {
		output_line(out, OUTPUT_BOLD, "Letter to the applicant:");
		output_text(out, output_json_get(a, "letter", ""));
	}
}
