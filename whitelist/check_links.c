/* SPDX-License-Identifier: ISC */
/*
 * The body's unsubscribe link and what hides in the body: M11, M12, M17; see check_view.h.
 * bulkhead-check.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "whitelist/check_domain.h"
#include "whitelist/check_html.h"
#include "whitelist/check_links.h"
#include "whitelist/check_words.h"

/* A preheader (the line that a mail program shows beside the subject) is hidden on purpose and has
 * up to about 150 letters; twice that is text for filters. */
#define HIDDEN_CHARS_MAX 300
/* Less text than this beside pictures is "a picture only": a footer line has more. */
#define VISIBLE_CHARS_MIN 40

/* How good a link is, the best wins. */
enum rank { RANK_NONE, RANK_PREFERENCES, RANK_MAILTO, RANK_HIDDEN, RANK_CONTEXT, RANK_LINK };

struct search {
	enum rank rank;
	char href[CHECK_URI_BYTES], text[CHECK_TEXT_BYTES];
	const char *how; /* of a hidden one */
	bool in_text;	 /* found in the text part */
};

/* The last sentence before a link: a word two sentences ago is about something else. */
static const char *
last_sentence(const char *before)
{
	const char *start = before;

	for (const char *p = before; *p != '\0'; p++)
		if ((strchr(".!?|", *p) != NULL && p[1] == ' ' && p[2] != '\0') || *p == '|')
			start = p + 1;
	return start;
}

/* What follows a link until the sentence or the cell of a menu ends. */
static const char *
first_sentence(char *buf, size_t size, const char *after)
{
	snprintf(buf, size, "%.*s", (int)strcspn(after, ".!?|"), after);
	return buf;
}

static enum rank
rank_link(const struct check_link *link)
{
	bool http = strncasecmp(link->href, "http://", 7) == 0 ||
		    strncasecmp(link->href, "https://", 8) == 0;
	char after[CHECK_HTML_AFTER_BYTES];
	bool mailto = strncasecmp(link->href, "mailto:", 7) == 0;
	bool words = check_words_unsubscribe(link->text) || check_words_unsubscribe_url(link->href);
	bool context =
	    !words && check_words_point(link->text) &&
	    (check_words_unsubscribe(last_sentence(link->before)) ||
		check_words_unsubscribe(first_sentence(after, sizeof(after), link->after)));

	if (!words && !context)
		return http && check_words_preferences(link->text) ? RANK_PREFERENCES : RANK_NONE;
	if (mailto)
		return RANK_MAILTO;
	if (!http)
		return RANK_NONE;
	if (link->hidden || !link->seen)
		return RANK_HIDDEN;
	return words ? RANK_LINK : RANK_CONTEXT;
}

static void
on_link(void *arg, const struct check_link *link)
{
	struct search *s = arg;
	enum rank rank = rank_link(link);

	/* The last of equals: footers stand at the end. */
	if (rank == RANK_NONE || rank < s->rank)
		return;
	s->rank = rank;
	text_clean(s->href, sizeof(s->href), link->href);
	text_clean(s->text, sizeof(s->text), link->text);
	s->how = link->how != NULL ? link->how : "nothing to click on";
}

/* Bare addresses in a text part; their words are the line they stand in and the one before. */
static void
search_text(struct search *s, const char *text)
{
	struct check_link link = {.seen = true};
	const char *line = text, *before = text;

	while (*line != '\0') {
		size_t n = strcspn(line, "\n");
		char copy[CHECK_URI_BYTES + CHECK_TEXT_BYTES];
		char *url;

		snprintf(copy, sizeof(copy), "%.*s", (int)(n < sizeof(copy) ? n : sizeof(copy) - 1),
		    line);
		url = strcasestr(copy, "http://");
		if (url == NULL)
			url = strcasestr(copy, "https://");
		if (url != NULL) {
			size_t length = strcspn(url, " \t\r<>\"')]");

			snprintf(link.href, sizeof(link.href), "%.*s", (int)length, url);
			snprintf(
			    link.text, sizeof(link.text), "%.*s", (int)(line - before), before);
			snprintf(link.text + strlen(link.text),
			    sizeof(link.text) - strlen(link.text), "%.*s%s", (int)(url - copy),
			    copy, url + length);
			on_link(s, &link);
		}
		if (n > 0 && line[strspn(line, " \t\r")] != '\n')
			before = line;
		line += n;
		line += *line == '\n';
	}
}

static void
judge_link(const struct check_job *job, const struct message_view *v, const struct search *s,
    struct check_report *out)
{
	enum application_purpose purpose = (enum application_purpose)job->purpose;

	switch (s->rank) {
	case RANK_LINK:
	case RANK_CONTEXT:
		check_report_add(out, CHECK_M11, CHECK_PASS, NULL,
		    "The body has a visible unsubscribe link%s: \"%.80s\" to %.150s.",
		    s->in_text && v->html != NULL ? " (in its text part only)" : "", s->text,
		    s->href);
		break;
	case RANK_HIDDEN:
		check_report_bad(out, CHECK_M11, purpose, NULL,
		    "The only unsubscribe link is hidden (%s): \"%.80s\" to %.120s.", s->how,
		    s->text, s->href);
		break;
	case RANK_MAILTO:
		check_report_bad(out, CHECK_M11, purpose, NULL,
		    "The body offers only a mail address to unsubscribe (%.100s), and a page is "
		    "needed.",
		    s->href);
		break;
	case RANK_PREFERENCES:
		check_report_bad(out, CHECK_M11, purpose, NULL,
		    "The body has a link to preferences (\"%.80s\") but none that says "
		    "unsubscribe.",
		    s->text);
		break;
	case RANK_NONE:
		check_report_bad(
		    out, CHECK_M11, purpose, NULL, "The body has no link that says unsubscribe.");
		break;
	}
	if (s->rank >= RANK_HIDDEN) {
		snprintf(out->facts.body_link, sizeof(out->facts.body_link), "%s", s->href);
		snprintf(
		    out->facts.body_link_text, sizeof(out->facts.body_link_text), "%s", s->text);
	}
}

/* M12 */
static void
judge_host(struct check_report *out)
{
	const struct check_facts *f = &out->facts;
	char host[CHECK_DOMAIN_BYTES], other[CHECK_DOMAIN_BYTES];
	bool https = false, related;

	if (!check_words_url_host(f->body_link, host, sizeof(host), &https)) {
		check_report_add(out, CHECK_M12, CHECK_WARN, NULL,
		    "There is no link whose host could be looked at.");
		return;
	}
	related = check_domain_related(host, f->from_domain);
	for (unsigned i = 0; !related && i < f->list_unsubscribe_count; i++)
		related =
		    check_words_url_host(f->list_unsubscribe[i], other, sizeof(other), NULL) &&
		    check_domain_related(host, other);
	check_report_add(out, CHECK_M12, related && https ? CHECK_PASS : CHECK_WARN, NULL,
	    "The unsubscribe link goes to %s, %s, %s.", host,
	    related ? "which belongs to From or List-Unsubscribe"
		    : "which belongs neither to From nor to List-Unsubscribe",
	    https ? "by https" : "not by https");
}

/* M17 */
static void
judge_tricks(const struct message_view *v, const struct check_html *h, struct check_report *out)
{
	if (h->too_many || h->too_deep || v->html_cut)
		check_report_add(out, CHECK_M17, CHECK_WARN, NULL,
		    "The HTML part is beyond every usual size (%s) and was not read to its end.",
		    v->html_cut	  ? "more than 2 MiB"
		    : h->too_deep ? "more than 512 elements deep"
				  : "more than 100000 elements");
	else if (h->scripts > 0)
		check_report_add(out, CHECK_M17, CHECK_WARN, NULL,
		    "The HTML part has %u <script>, which mail programs remove.", h->scripts);
	else if (h->hidden_chars > HIDDEN_CHARS_MAX)
		check_report_add(out, CHECK_M17, CHECK_WARN, NULL,
		    "The HTML part hides %zu letters of text and shows %zu.", h->hidden_chars,
		    h->visible_chars);
	else if (h->images > 0 && h->visible_chars < VISIBLE_CHARS_MIN)
		check_report_add(out, CHECK_M17, CHECK_WARN, NULL,
		    "The body is %u picture(s) and %zu letters of text.", h->images,
		    h->visible_chars);
	else
		check_report_add(out, CHECK_M17, CHECK_PASS, NULL,
		    "Nothing notable is hidden in the body (%zu letters shown, %zu hidden).",
		    h->visible_chars, h->hidden_chars);
}

void
check_links(const struct check_job *job, const struct message_view *v, struct check_report *out)
{
	struct search s = {.rank = RANK_NONE};
	struct check_html h = {.visible_chars = 0};
	enum rank html_rank;

	if (v->html != NULL)
		(void)check_html_read(v->html, v->html_size, &h, on_link, NULL, &s);
	html_rank = s.rank;
	if (html_rank < RANK_CONTEXT && v->text != NULL) {
		search_text(&s, v->text);
		s.in_text = s.rank > html_rank;
	}
	/* A hidden link in HTML is a lie to its reader, whatever its text part has. */
	if (html_rank == RANK_HIDDEN && s.in_text && v->html != NULL) {
		s = (struct search){.rank = RANK_NONE};
		(void)check_html_read(v->html, v->html_size, &h, on_link, NULL, &s);
	}
	judge_link(job, v, &s, out);
	judge_host(out);
	judge_tricks(v, &h, out);
}
