/* SPDX-License-Identifier: ISC */
/* HTML as a stream of events with a stack of what hides what; see check_html.h.  bulkhead-check. */
#include "whitelist/check_html.h"

#include <ctype.h>
#include <errno.h>
#include <libxml/HTMLparser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "whitelist/check_job.h"
#include "whitelist/check_style.h"

struct frame {
	char tag[12];
	struct check_style style; /* inherited and own */
};

struct reader {
	htmlParserCtxtPtr parser;
	struct check_html *out;
	struct frame stack[CHECK_HTML_DEPTH_MAX];
	unsigned depth, tags;
	struct check_link link;
	bool in_link;
	bool pending; /* the link has ended, the words behind it are still collected */
	char before[CHECK_HTML_BEFORE_BYTES]; /* the last words that were seen */
	void (*on_link)(void *arg, const struct check_link *link);
	void (*on_input)(void *arg, const struct check_input *input);
	void (*on_visible)(void *arg, const char *text, size_t n); /* may be NULL */
	void *arg;
};

static const struct check_style *
top(const struct reader *r)
{
	return &r->stack[r->depth - 1].style;
}

static const char *
attribute(const xmlChar **attributes, const char *name)
{
	for (; attributes != NULL && attributes[0] != NULL; attributes += 2)
		if (strcasecmp((const char *)attributes[0], name) == 0)
			return attributes[1] != NULL ? (const char *)attributes[1] : "";
	return NULL;
}

/* Appends words, runs of white space as one blank; what does not fit is dropped. */
static void
append(char *buf, size_t size, const char *text, size_t n)
{
	size_t used = strlen(buf);

	for (size_t i = 0; i < n && used + 1 < size; i++) {
		bool blank = isspace((unsigned char)text[i]) != 0;

		if (blank && (used == 0 || buf[used - 1] == ' '))
			continue;
		buf[used++] = blank ? ' ' : text[i];
	}
	buf[used] = '\0';
}

/* Keeps the last words: the front makes room. */
static void
remember(struct reader *r, const char *text, size_t n)
{
	size_t half = sizeof(r->before) / 2, used;

	while (n > 0) {
		size_t part = n < half ? n : half;

		used = strlen(r->before);
		if (used + part + 1 >= sizeof(r->before)) {
			size_t drop = used + part + 2 - sizeof(r->before);

			memmove(r->before, r->before + drop, used - drop + 1);
		}
		append(r->before, sizeof(r->before), text, part);
		text += part;
		n -= part;
	}
}

static void
give_link(struct reader *r)
{
	if (!r->pending)
		return;
	r->pending = false;
	r->out->links++;
	r->on_link(r->arg, &r->link);
}

static void
end_link(struct reader *r)
{
	if (r->in_link)
		r->pending = true;
	r->in_link = false;
}

static void
begin_link(struct reader *r, const xmlChar **attributes)
{
	const char *href = attribute(attributes, "href"), *title = attribute(attributes, "title");
	const struct check_style *style = top(r);

	end_link(r);
	give_link(r);
	if (href == NULL)
		return;
	while (isspace((unsigned char)*href))
		href++;
	memset(&r->link, 0, sizeof(r->link));
	snprintf(r->link.href, sizeof(r->link.href), "%s", href);
	snprintf(r->link.before, sizeof(r->link.before), "%s", r->before);
	if (title != NULL)
		append(r->link.text, sizeof(r->link.text), title, strlen(title));
	/* Its colour and size are those of the text in it, which may have its own. */
	r->link.how = style->hidden;
	r->link.hidden = r->link.how != NULL;
	r->in_link = true;
}

static void
see_image(struct reader *r, const xmlChar **attributes)
{
	const char *alt = attribute(attributes, "alt");
	const char *how = check_style_hides(top(r));

	r->out->images++;
	if (!r->in_link)
		return;
	append(r->link.text, sizeof(r->link.text), " ", 1);
	if (alt != NULL)
		append(r->link.text, sizeof(r->link.text), alt, strlen(alt));
	/* A link around a counting pixel cannot be clicked. */
	if (how == NULL &&
	    !check_style_is_pixel(attribute(attributes, "width"), attribute(attributes, "height")))
		r->link.seen = true;
}

static void
see_input(struct reader *r, const char *tag, const xmlChar **attributes)
{
	struct check_input in = {.checked = attribute(attributes, "checked") != NULL,
	    .required = attribute(attributes, "required") != NULL};
	const char *type = attribute(attributes, "type"), *v;

	if (r->on_input == NULL)
		return;
	snprintf(in.type, sizeof(in.type), "%s",
	    strcmp(tag, "input") != 0 ? tag
	    : type != NULL	      ? type
				      : "text");
	if ((v = attribute(attributes, "name")) != NULL)
		snprintf(in.name, sizeof(in.name), "%s", v);
	if ((v = attribute(attributes, "value")) != NULL)
		snprintf(in.value, sizeof(in.value), "%s", v);
	if ((v = attribute(attributes, "placeholder")) != NULL)
		snprintf(in.placeholder, sizeof(in.placeholder), "%s", v);
	r->on_input(r->arg, &in);
}

static void
on_start(void *arg, const xmlChar *name, const xmlChar **attributes)
{
	struct reader *r = arg;
	const char *tag = (const char *)name;
	struct frame *f;

	if (++r->tags > CHECK_HTML_TAGS_MAX)
		r->out->too_many = true;
	if (r->depth == CHECK_HTML_DEPTH_MAX)
		r->out->too_deep = true;
	if (r->out->too_many || r->out->too_deep) {
		xmlStopParser(r->parser);
		return;
	}
	f = &r->stack[r->depth];
	snprintf(f->tag, sizeof(f->tag), "%s", tag);
	f->style = r->depth > 0 ? r->stack[r->depth - 1].style : check_style_start();
	check_style_apply(&f->style, tag, attribute(attributes, "style"),
	    attribute(attributes, "bgcolor"), attribute(attributes, "color"),
	    attribute(attributes, "size"), attribute(attributes, "hidden") != NULL);
	r->depth++;
	if (strcmp(tag, "a") == 0)
		begin_link(r, attributes);
	else if (strcmp(tag, "img") == 0)
		see_image(r, attributes);
	else if (strcmp(tag, "script") == 0)
		r->out->scripts++;
	else if (strcmp(tag, "form") == 0)
		r->out->forms++;
	else if (strcmp(tag, "input") == 0 || strcmp(tag, "button") == 0 ||
		 strcmp(tag, "textarea") == 0 || strcmp(tag, "select") == 0)
		see_input(r, tag, attributes);
}

static void
on_end(void *arg, const xmlChar *name)
{
	struct reader *r = arg;
	const char *tag = (const char *)name;

	if (strcmp(tag, "a") == 0)
		end_link(r);
	else if (strcmp(tag, "td") == 0 || strcmp(tag, "p") == 0 || strcmp(tag, "div") == 0 ||
		 strcmp(tag, "li") == 0)
		give_link(r);
	/* The parser closes what it opened, in order; a tag of ours that it did not is dropped. */
	for (unsigned i = r->depth; i > 0 && r->depth - i < 8; i--) {
		if (strncmp(r->stack[i - 1].tag, tag, sizeof(r->stack[0].tag) - 1) == 0) {
			r->depth = i - 1;
			break;
		}
	}
	remember(r, " ", 1);
	if (r->on_visible != NULL)
		r->on_visible(r->arg, " ", 1);
	if (r->in_link)
		append(r->link.text, sizeof(r->link.text), " ", 1);
}

/* Letters and digits; bytes of UTF-8 beyond ASCII count by their first byte. */
static size_t
count_chars(const char *text, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		/* 0xc2 and 0xe2: no-break spaces, joiners and punctuation that preheaders are
		 * filled with; 0xcd: the combining joiner U+034F. */
		count += isalnum(c) || (c >= 0xc3 && c != 0xe2 && c != 0xcd);
	}
	return count;
}

static void
on_text(void *arg, const xmlChar *data, int size)
{
	struct reader *r = arg;
	const char *text = (const char *)data, *how;
	const struct frame *f = r->depth > 0 ? &r->stack[r->depth - 1] : NULL;
	size_t n = (size_t)size, chars;

	if (f == NULL || strcmp(f->tag, "script") == 0 || strcmp(f->tag, "style") == 0 ||
	    strcmp(f->tag, "title") == 0)
		return;
	chars = count_chars(text, n);
	how = check_style_hides(&f->style);
	if (how != NULL)
		r->out->hidden_chars += chars;
	else
		r->out->visible_chars += chars;
	if (r->in_link) {
		append(r->link.text, sizeof(r->link.text), text, n);
		if (chars > 0 && how == NULL)
			r->link.seen = true;
		else if (chars > 0 && r->link.how == NULL)
			r->link.how = how; /* its words are hidden, not the link itself */
	}
	if (how == NULL && r->pending)
		append(r->link.after, sizeof(r->link.after), text, n);
	if (how == NULL)
		remember(r, text, n);
	if (how == NULL && r->on_visible != NULL)
		r->on_visible(r->arg, text, n);
}

static void
quiet(void *arg, const char *fmt, ...)
{
	(void)arg;
	(void)fmt;
}

/* Runs the parser over the document; r has its callbacks. */
static int
read_html(struct reader *r, const char *html, size_t size, struct check_html *out)
{
	htmlSAXHandler sax = {.startElement = on_start,
	    .endElement = on_end,
	    .characters = on_text,
	    .cdataBlock = on_text,
	    .ignorableWhitespace = on_text,
	    .warning = quiet,
	    .error = quiet,
	    .fatalError = quiet};
	size_t at = 0;

	memset(out, 0, sizeof(*out));
	r->out = out;
	r->parser = htmlCreatePushParserCtxt(&sax, r, NULL, 0, NULL, XML_CHAR_ENCODING_UTF8);
	if (r->parser == NULL)
		return -ENOMEM;
	htmlCtxtUseOptions(r->parser, HTML_PARSE_RECOVER | HTML_PARSE_NONET | HTML_PARSE_NOERROR |
					  HTML_PARSE_NOWARNING | HTML_PARSE_IGNORE_ENC);
	while (at < size && !out->too_deep && !out->too_many) {
		size_t n = size - at < 65536 ? size - at : 65536;

		htmlParseChunk(r->parser, html + at, (int)n, 0);
		at += n;
	}
	if (!out->too_deep && !out->too_many)
		htmlParseChunk(r->parser, "", 0, 1);
	end_link(r);
	give_link(r);
	htmlFreeParserCtxt(r->parser);
	return 0;
}

int
check_html_read(const char *html, size_t size, struct check_html *out,
    void (*on_link)(void *arg, const struct check_link *link),
    void (*on_input)(void *arg, const struct check_input *input), void *arg)
{
	struct reader *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		return -ENOMEM;
	r->on_link = on_link;
	r->on_input = on_input;
	r->arg = arg;
	rc = read_html(r, html, size, out);
	free(r);
	return rc;
}

static void
ignore_link(void *arg, const struct check_link *link)
{
	(void)arg;
	(void)link;
}

int
check_html_read_page(const char *html, size_t size, struct check_html *out,
    void (*on_text_piece)(void *arg, const char *text, size_t n),
    void (*on_input)(void *arg, const struct check_input *input), void *arg)
{
	struct reader *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		return -ENOMEM;
	r->on_link = ignore_link;
	r->on_input = on_input;
	r->on_visible = on_text_piece;
	r->arg = arg;
	rc = read_html(r, html, size, out);
	free(r);
	return rc;
}
