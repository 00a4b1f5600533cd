/* SPDX-License-Identifier: ISC */
/*
 * The little of CSS that hides text: inline styles and old presentational attributes, inherited
 * down the elements.  Pure.  bulkhead-check.
 */
#ifndef WHITELIST_CHECK_STYLE_H
#define WHITELIST_CHECK_STYLE_H

#include <stdbool.h>
#include <stdint.h>

struct check_style {
	const char *hidden; /* how an element or one around it is hidden; NULL = it is not */
	bool small;	    /* text of size zero or one; a size further inside undoes it */
	bool colour_known, background_known;
	bool see_through;	     /* transparent text */
	uint32_t colour, background; /* 0xrrggbb */
};

/* Black on white. */
struct check_style check_style_start(void);

/* Applies an element to what it inherits; any text may be NULL.  `color` and `size` count for
 * <font>. */
void check_style_apply(struct check_style *s, const char *tag, const char *style,
    const char *bgcolor, const char *color, const char *size, bool hidden);

/* A word that says how text with this style is hidden, or NULL when a reader sees it. */
const char *check_style_hides(const struct check_style *s);

/* True for width="1" height="1" and the like. */
bool check_style_is_pixel(const char *width, const char *height);

#endif
