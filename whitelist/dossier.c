/* SPDX-License-Identifier: ISC */
/* The dossier: what is asked, what is missing, history, how to decide; see dossier.h.
 * bulkhead-guard. */
#include "whitelist/dossier.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "whitelist/html.h"

const char *
dossier_get(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text != NULL ? text : "";
}

unsigned long long
dossier_number(const json_t *object, const char *member)
{
	json_int_t n = json_integer_value(json_object_get(object, member));

	return n > 0 ? (unsigned long long)n : 0;
}

static void
row(FILE *f, const char *title, const char *text)
{
	html_print(
	    f, "<tr><th>%s</th><td><bdi>%s</bdi></td></tr>\n", title, text[0] != '\0' ? text : "-");
}

static void
row_number(FILE *f, const char *title, unsigned long long n)
{
	html_print(f, "<tr><th>%s</th><td>%llu</td></tr>\n", title, n);
}

static void
row_list(FILE *f, const char *title, json_t *list)
{
	json_t *item;
	size_t i;

	html_print(f, "<tr><th>%s</th><td>", title);
	json_array_foreach (list, i, item)
		html_print(f, "<bdi>%s</bdi>%s",
		    json_is_string(item) ? json_string_value(item) : "?",
		    i + 1 < json_array_size(list) ? ", " : "");
	fputs(json_array_size(list) == 0 ? "-</td></tr>\n" : "</td></tr>\n", f);
}

static const char *
state_class(const char *state)
{
	if (strcmp(state, "approved") == 0 || strcmp(state, "active") == 0)
		return "good";
	if (strcmp(state, "rejected") == 0 || strcmp(state, "revoked") == 0 ||
	    strcmp(state, "suspended") == 0 || strcmp(state, "expired") == 0)
		return "bad";
	return "warn";
}

static void
write_head(FILE *f, const struct dossier *d)
{
	const json_t *a = d->application;
	const char *state = dossier_get(a, "state");
	char now[CLOCK_ISO_BYTES];

	/* No script, no form, no frame, nothing from anywhere: also when a reader's browser is older
	 * than our escaping. */
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src "
	      "data:; "
	      "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
	      "<meta name=\"referrer\" content=\"no-referrer\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
	    f);
	html_print(
	    f, "<title>Whitelist application %llu</title>\n<style>", dossier_number(a, "id"));
	fputs(dossier_style, f);
	fputs("</style>\n</head>\n<body>\n", f);
	html_print(f, "<h1>Whitelist application %llu <span class=\"badge %s\">%s</span></h1>\n",
	    dossier_number(a, "id"), state_class(state), state);
	html_print(f,
	    "<p class=\"lead\">Written %s. Everything below this line was submitted or observed; "
	    "nothing in it is a link.</p>\n",
	    clock_format_iso(now, d->now_ns - d->now_ns % CLOCK_SECOND_NS));
}

static void
write_missing(FILE *f, const struct dossier *d)
{
	json_t *missing = json_object_get(d->application, "missing"), *line;
	size_t i;

	fputs("<h2 id=\"missing\">What is missing</h2>\n", f);
	if (json_array_size(missing) == 0) {
		fputs("<p>Nothing: every mandatory piece of evidence and every declared figure is "
		      "there.</p>\n",
		    f);
		return;
	}
	fputs("<div class=\"box alarm\"><ul>\n", f);
	json_array_foreach (missing, i, line)
		html_print(f, "<li>%s</li>\n", json_is_string(line) ? json_string_value(line) : "");
	fputs("</ul></div>\n", f);
}

static void
write_asked(FILE *f, const struct dossier *d)
{
	const json_t *a = d->application;

	fputs("<h2 id=\"asked\">What is asked</h2>\n<table class=\"facts\">\n", f);
	row(f, "Purpose", dossier_get(a, "purpose"));
	row_list(f, "Servers", json_object_get(a, "servers"));
	row_list(f, "Sender domains", json_object_get(a, "domains"));
	row_number(f, "Recipients a day", dossier_number(a, "per_day"));
	row_number(f, "Size of the list", dossier_number(a, "list_size"));
	row(f, "Origin of the list", dossier_get(a, "list_origin"));
	row(f, "Page of the form", dossier_get(a, "form_url"));
	row(f, "Page of the rules", dossier_get(a, "rules_url"));
	row(f, "Contact", dossier_get(a, "contact"));
	row(f, "Language", dossier_get(a, "lang"));
	row(f, "Filed", dossier_get(a, "created"));
	row(f, "Last change", dossier_get(a, "changed"));
	row(f, "Last reason", dossier_get(a, "reason"));
	fputs("</table>\n", f);
}

/* What was watched and what came of it, once it was. */
static void
row_watched(FILE *f, const char *title, const json_t *watched)
{
	const char *level = dossier_get(watched, "level"),
		   *checked = dossier_get(watched, "checked");
	const bool bad = strcmp(level, "warn") == 0 || strcmp(level, "suspend") == 0;

	if (checked[0] != '\0')
		html_print(f,
		    "<tr><th>%s</th><td><span class=\"badge %s\">%s</span> %s "
		    "<bdi>%s</bdi></td></tr>\n",
		    title, bad ? "bad" : "good", level, checked, dossier_get(watched, "reason"));
}

static void
write_grant(FILE *f, const struct dossier *d)
{
	const json_t *grant = json_object_get(d->application, "grant");
	const json_t *watch = json_object_get(grant, "watch");

	if (!json_is_object(grant))
		return;
	html_print(f, "<h2 id=\"grant\">The grant <span class=\"badge %s\">%s</span></h2>\n",
	    state_class(dossier_get(grant, "state")), dossier_get(grant, "state"));
	fputs("<table class=\"facts\">\n", f);
	row(f, "From", dossier_get(grant, "from"));
	row(f, "Until", dossier_get(grant, "until"));
	row_number(f, "Recipients a day", dossier_number(grant, "per_day"));
	row_number(f, "Recipients an hour", dossier_number(grant, "per_hour"));
	html_print(f,
	    "<tr><th>Used</th><td>%llu %% of today's %llu (%llu recipients in 24 h)</td></tr>\n",
	    dossier_number(grant, "used_percent"), dossier_number(grant, "per_day"),
	    dossier_number(grant, "used_today"));
	row_watched(f, "Pages again", json_object_get(watch, "pages"));
	row_watched(f, "Watched", watch);
	fputs("</table>\n", f);
}

static void
write_history(FILE *f, const struct dossier *d)
{
	json_t *history = json_object_get(d->application, "history"), *entry;
	size_t i;

	fputs("<h2 id=\"history\">History</h2>\n<table "
	      "class=\"wide\">\n<thead><tr><th>When</th><th>Who</th>"
	      "<th>What</th><th>Why</th></tr></thead>\n<tbody>\n",
	    f);
	json_array_foreach (history, i, entry) {
		const json_t *detail = json_object_get(entry, "detail");

		html_print(f,
		    "<tr><td>%s</td><td><bdi>%s</bdi></td><td>%s <span "
		    "class=\"lead\">%s</span></td>"
		    "<td><bdi>%s</bdi></td></tr>\n",
		    dossier_get(entry, "time"), dossier_get(entry, "actor"),
		    dossier_get(entry, "action"), dossier_get(detail, "state"),
		    dossier_get(detail, "reason"));
	}
	fputs("</tbody>\n</table>\n", f);
}

/* The commands that are possible from each state. */
static const struct {
	const char *state, *grant; /* NULL: any */
	const char *command, *meaning;
} commands[] = {
    {"draft", NULL, "submit %llu", "hand the draft to the reviewers, completed with options"},
    {"draft", NULL, "reject %llu --reason '...'", "refuse"},
    {"submitted", NULL, "review %llu", "tell others that you look at it"},
    {"submitted", NULL, "check %llu --online", "run the machine checks again"},
    {"submitted", NULL, "approve %llu --until 365d", "give what was asked"},
    {"submitted", NULL, "ask %llu --message '...'", "ask the applicant for more"},
    {"submitted", NULL, "reject %llu --reason '...'", "refuse"},
    {"in-review", NULL, "check %llu --online", "run the machine checks again"},
    {"in-review", NULL, "approve %llu --until 365d", "give what was asked"},
    {"in-review", NULL, "ask %llu --message '...'", "ask the applicant for more"},
    {"in-review", NULL, "reject %llu --reason '...'", "refuse"},
    {"needs-info", NULL, "attach %llu FILE --kind KIND", "add what arrived; submits it again"},
    {"needs-info", NULL, "approve %llu --until 365d", "give what was asked"},
    {"needs-info", NULL, "reject %llu --reason '...'", "refuse"},
    {"rejected", NULL, "review %llu", "take it up again"},
    {"revoked", NULL, "review %llu", "take it up again"},
    {"approved", "active", "recheck %llu",
	"make the online checks again, against those of the approval"},
    {"approved", "active", "suspend %llu --reason '...'", "stop the grant for now"},
    {"approved", "suspended", "resume %llu --reason '...'", "let it hold again (role abuse)"},
    {"approved", "active", "renew %llu --until 365d", "a new end"},
    {"approved", "expired", "renew %llu --until 365d", "let it hold again, with a new end"},
    {"approved", NULL, "revoke %llu --reason '...'", "take the grant back"},
};

static void
write_commands(FILE *f, const struct dossier *d)
{
	const char *state = dossier_get(d->application, "state");
	const char *grant = dossier_get(json_object_get(d->application, "grant"), "state");
	const bool lacking = json_array_size(json_object_get(d->application, "missing")) > 0;
	const unsigned long long id = dossier_number(d->application, "id");

	fputs("<h2 id=\"decide\">How to decide</h2>\n<table class=\"wide\">\n<tbody>\n", f);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const bool approves = strncmp(commands[i].command, "approve", 7) == 0;

		if (strcmp(commands[i].state, state) != 0 ||
		    (commands[i].grant != NULL && strcmp(commands[i].grant, grant) != 0))
			continue;
		fputs("<tr><td><code>bulkhead whitelist ", f);
		html_print(f, commands[i].command, id);
		fputs(approves && lacking ? " --override --reason &#39;...&#39;" : "", f);
		html_print(f, "</code></td><td>%s%s</td></tr>\n", commands[i].meaning,
		    approves && lacking ? ", although something is missing (role abuse)" : "");
	}
	fputs("</tbody>\n</table>\n", f);
}

int
dossier_write(FILE *f, const struct dossier *d)
{
	write_head(f, d);
	write_asked(f, d);
	write_missing(f, d);
	write_commands(f, d);
	dossier_write_checks(f, d);
	dossier_write_evidence(f, d);
	dossier_write_traffic(f, d);
	write_grant(f, d);
	write_history(f, d);
	fputs("</body>\n</html>\n", f);
	return fflush(f) != 0 || ferror(f) ? -EIO : 0;
}
