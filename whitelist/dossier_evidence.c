/* SPDX-License-Identifier: ISC */
/* The dossier: results of the checks, and evidence beside what was extracted from it.
 * bulkhead-guard. */
#include "whitelist/dossier.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "whitelist/html.h"

#define TEXT_SHOWN 8192 /* bytes of a text or source */

static const char *const level_classes[CHECK_LEVEL__COUNT] = {
    [CHECK_INFO] = "dull",
    [CHECK_PASS] = "good",
    [CHECK_NOT_CHECKED] = "dull",
    [CHECK_WARN] = "warn",
    [CHECK_FAIL] = "bad",
};

/* --- checks --- */

static void
write_result(FILE *f, const struct check_result *r)
{
	const struct check_info *info = check_info(r->id);

	if (info == NULL || r->level >= CHECK_LEVEL__COUNT)
		return;
	html_print(f,
	    "<tr><td><span class=\"badge %s\">%s</span></td><td>%s %s</td><td><bdi>%s</bdi>",
	    level_classes[r->level], check_level_name(r->level), info->name, info->title, r->text);
	if (r->about[0] != '\0')
		html_print(f, " <span class=\"lead\">(<bdi>%s</bdi>)</span>", r->about);
	fputs("</td></tr>\n", f);
}

void
dossier_write_checks(FILE *f, const struct dossier *d)
{
	static const uint8_t order[] = {
	    CHECK_FAIL, CHECK_WARN, CHECK_NOT_CHECKED, CHECK_PASS, CHECK_INFO};
	const struct check_report *r = d->report;
	unsigned long long count[CHECK_LEVEL__COUNT] = {0};
	char iso[CLOCK_ISO_BYTES];

	fputs("<h2 id=\"checks\">What was checked</h2>\n", f);
	if (r == NULL || r->count == 0) {
		html_print(f,
		    "<div class=\"box alarm\"><p>Nothing yet. <code>bulkhead whitelist check %llu "
		    "--online</code> runs the machine checks.</p></div>\n",
		    dossier_number(d->application, "id"));
		return;
	}
	for (unsigned i = 0; i < r->count && i < CHECK_RESULTS_MAX; i++)
		if (r->results[i].level < CHECK_LEVEL__COUNT)
			count[r->results[i].level]++;
	html_print(f, "<p>%llu fail, %llu warn, %llu not checked, %llu pass, %llu for information",
	    count[CHECK_FAIL], count[CHECK_WARN], count[CHECK_NOT_CHECKED], count[CHECK_PASS],
	    count[CHECK_INFO]);
	html_print(f, "%s%s.</p>\n", r->made_ns != 0 ? "; made " : "",
	    r->made_ns != 0 ? clock_format_iso(iso, r->made_ns - r->made_ns % CLOCK_SECOND_NS)
			    : "");
	fputs("<table "
	      "class=\"wide\">\n<thead><tr><th>Result</th><th>Check</th><th>Finding</th></tr></"
	      "thead>\n"
	      "<tbody>\n",
	    f);
	for (size_t o = 0; o < sizeof(order); o++)
		for (unsigned i = 0; i < r->count && i < CHECK_RESULTS_MAX; i++)
			if (r->results[i].level == order[o])
				write_result(f, &r->results[i]);
	fputs("</tbody>\n</table>\n", f);
}

/* --- what was extracted --- */

static void
fact(FILE *f, const char *title, const char *text)
{
	html_print(f, "<tr><th>%s</th><td><bdi>%s</bdi></td></tr>\n", title,
	    text[0] != '\0' ? text : "not found");
}

static void
write_headers(FILE *f, const struct check_facts *facts)
{
	fputs("<table class=\"facts\">\n", f);
	fact(f, "From", facts->from);
	fact(f, "Subject", facts->subject);
	for (unsigned i = 0; i < facts->list_unsubscribe_count && i < CHECK_URIS_MAX; i++)
		fact(f, "List-Unsubscribe", facts->list_unsubscribe[i]);
	if (facts->list_unsubscribe_count == 0)
		fact(f, "List-Unsubscribe", "");
	fact(f, "One click", facts->one_click ? "yes" : "no");
	fact(f, "List-Id", facts->list_id);
	for (unsigned i = 0; i < facts->dkim_count && i < CHECK_DKIM_MAX; i++) {
		fact(f, "DKIM domain", facts->dkim[i].domain);
		fact(f, "DKIM state",
		    facts->dkim[i].verified  ? "signature verified"
		    : facts->dkim[i].body_ok ? "body hash fits, key not at hand"
					     : "body hash does not fit");
	}
	fact(f, "Structure", facts->structure);
	fputs("</table>\n", f);
}

static void
write_link(FILE *f, const struct check_facts *facts)
{
	fputs("<table class=\"facts\">\n", f);
	fact(f, "Visible link", facts->body_link);
	fact(f, "Its text", facts->body_link_text);
	for (unsigned i = 0; i < facts->list_unsubscribe_count && i < CHECK_URIS_MAX; i++)
		fact(f, "In the header", facts->list_unsubscribe[i]);
	fputs("</table>\n", f);
}

/* --- pictures and texts --- */

struct page {
	FILE *f;
	const struct dossier *d;
	size_t room; /* bytes of pictures that still fit */
};

/* The type that a picture may be served as; NULL for everything else.  Never what was claimed: only
 * one of these three words reaches the page. */
static const char *
picture_type(const char *type)
{
	static const char *const types[] = {"image/png", "image/jpeg", "image/webp"};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(type, types[i]) == 0)
			return types[i];
	return NULL;
}

/* A worker has decoded it whole: what merely begins like a picture never reaches a browser. */
static bool
is_decoded(const struct dossier *d, const char *sha256)
{
	for (unsigned i = 0; d->report != NULL && i < d->report->facts.picture_count; i++)
		if (strcmp(d->report->facts.pictures[i].sha256, sha256) == 0)
			return true;
	return false;
}

static void
write_picture(struct page *p, const json_t *ev, const char *type)
{
	const unsigned long long size = dossier_number(ev, "size");
	int fd = -1;

	if (!is_decoded(p->d, dossier_get(ev, "sha256"))) {
		html_print(p->f,
		    "<p class=\"box\">Not shown: no check has decoded it as a picture. "
		    "<code>bulkhead "
		    "whitelist check %llu</code> does.</p>\n",
		    dossier_number(p->d->application, "id"));
		return;
	}
	if (size <= p->room)
		fd = p->d->open_evidence(p->d->arg, dossier_get(ev, "sha256"));
	if (fd < 0) {
		fputs(size > p->room
			  ? "<p class=\"box\">Not shown: the pictures of this page are too "
			    "large together.</p>\n"
			  : "<p class=\"box alarm\">The file is not in the evidence store any "
			    "more.</p>\n",
		    p->f);
		return;
	}
	html_print(p->f, "<img alt=\"%s\" src=\"data:%s;base64,", dossier_get(ev, "kind"), type);
	html_base64(p->f, fd, p->room);
	fputs("\">\n", p->f);
	p->room -= (size_t)size;
	close(fd);
}

static void
write_text(struct page *p, const json_t *ev)
{
	char text[TEXT_SHOWN];
	int fd = p->d->open_evidence(p->d->arg, dossier_get(ev, "sha256"));
	ssize_t n = fd >= 0 ? pread(fd, text, sizeof(text), 0) : -1;

	if (fd >= 0)
		close(fd);
	if (n < 0) {
		fputs(
		    "<p class=\"box alarm\">The file is not in the evidence store any more.</p>\n",
		    p->f);
		return;
	}
	fputs("<pre><bdi>", p->f);
	html_bytes(p->f, text, (size_t)n);
	fputs(n == sizeof(text) ? "\n...</bdi></pre>\n" : "</bdi></pre>\n", p->f);
}

/* Which facts belong beside evidence of this kind; NULL: none. */
static void (*beside(const struct dossier *d, const char *kind))(FILE *, const struct check_facts *)
{
	if (d->report == NULL)
		return NULL;
	if (strcmp(kind, "sample-picture") == 0 || strcmp(kind, "sample-source") == 0)
		return write_headers;
	return strcmp(kind, "unsubscribe-page") == 0 ? write_link : NULL;
}

static void
write_item(struct page *p, const json_t *ev)
{
	const char *kind = dossier_get(ev, "kind"), *type = picture_type(dossier_get(ev, "type"));
	void (*facts)(FILE *, const struct check_facts *) = beside(p->d, kind);
	json_t *use;
	size_t i;

	html_print(p->f, "<div class=\"box\"><h3>%s</h3>\n", kind);
	json_array_foreach (json_object_get(ev, "also_in"), i, use)
		html_print(p->f,
		    "<p class=\"box alarm\">The same file is in application %llu (%s) of tenant "
		    "<bdi>%s</bdi>.</p>\n",
		    dossier_number(use, "application"), dossier_get(use, "state"),
		    dossier_get(use, "tenant"));
	fputs(facts != NULL ? "<div class=\"pair\"><figure>\n" : "<div><figure>\n", p->f);
	if (type != NULL)
		write_picture(p, ev, type);
	else
		write_text(p, ev);
	html_print(p->f,
	    "<figcaption><bdi>%s</bdi>, %s, %llu bytes, added %s<br>SHA-256 <code>%s</code>"
	    "</figcaption></figure>\n<div>",
	    dossier_get(ev, "name"), dossier_get(ev, "type"), dossier_number(ev, "size"),
	    dossier_get(ev, "added"), dossier_get(ev, "sha256"));
	if (facts != NULL)
		facts(p->f, &p->d->report->facts);
	fputs("</div></div></div>\n", p->f);
}

void
dossier_write_evidence(FILE *f, const struct dossier *d)
{
	struct page page = {f, d, DOSSIER_PICTURES_MAX};
	json_t *list = json_object_get(d->application, "evidence"), *ev;
	size_t i;

	fputs("<h2 id=\"evidence\">Evidence</h2>\n", f);
	if (json_array_size(list) == 0)
		fputs("<p>None.</p>\n", f);
	json_array_foreach (list, i, ev)
		write_item(&page, ev);
}
