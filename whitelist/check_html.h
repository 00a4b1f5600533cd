/* SPDX-License-Identifier: ISC */
/*
 * Links and tricks in an HTML page or mail, read as a stream: no tree is built, so memory does not
 * grow with the document.  The only user of libxml2.  bulkhead-check.
 */
#ifndef WHITELIST_CHECK_HTML_H
#define WHITELIST_CHECK_HTML_H

#include <stdbool.h>
#include <stddef.h>

#include "whitelist/check.h"

#define CHECK_HTML_BEFORE_BYTES 200
#define CHECK_HTML_AFTER_BYTES	80

struct check_link {
	char href[CHECK_URI_BYTES];
	char text[CHECK_TEXT_BYTES]; /* its own words, the alt of pictures in it, its title */
	char before[CHECK_HTML_BEFORE_BYTES]; /* the words of the page just before it */
	char after[CHECK_HTML_AFTER_BYTES];   /* and just behind it, in the same block */
	bool hidden;
	const char *how; /* "display:none"; NULL when it is not hidden */
	bool seen;	 /* it has words or a picture to click on */
};

/* What the caller is told of a form field (for pages): <input>, <button>, <textarea>, <select>. */
struct check_input {
	char type[24], name[64], value[64], placeholder[64];
	bool checked, required;
};

struct check_html {
	size_t visible_chars; /* letters and digits that a reader sees, outside of links too */
	size_t hidden_chars;
	unsigned images, links, scripts, forms;
	bool too_deep, too_many; /* beyond CHECK_HTML_DEPTH_MAX or CHECK_HTML_TAGS_MAX: it was not
				    read to its end */
};

/*
 * Reads UTF-8 HTML.  on_link is called for each <a href> at its end, on_input (may be NULL) for
 * each form field.  Returns 0, or -ENOMEM.
 */
int check_html_read(const char *html, size_t size, struct check_html *out,
    void (*on_link)(void *arg, const struct check_link *link),
    void (*on_input)(void *arg, const struct check_input *input), void *arg);

/* The same for a page: on_text is given its visible text in pieces, in links too. */
int check_html_read_page(const char *html, size_t size, struct check_html *out,
    void (*on_text)(void *arg, const char *text, size_t n),
    void (*on_input)(void *arg, const struct check_input *input), void *arg);

#endif
