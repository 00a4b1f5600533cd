/* SPDX-License-Identifier: ISC */
/* What hides text in HTML; see check_style.h.  bulkhead-check. */
#include "whitelist/check_style.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Colours that differ by less in each channel look the same: 12 of 255 is about what a calibrated
 * screen shows as one tone (WCAG contrast below 1.2:1). */
#define COLOUR_NEAR 12
/* Text moved by so many pixels is off the screen. */
#define OFF_SCREEN_PX 500.0
/* What a reader does not see as text. */
#define SMALL_PX    1.5
#define OPACITY_MIN 0.05

struct check_style
check_style_start(void)
{
	return (struct check_style){
	    .colour_known = true, .background_known = true, .colour = 0, .background = 0xffffff};
}

static bool
parse_hex(const char *text, uint32_t *out)
{
	size_t n = strspn(text, "0123456789abcdefABCDEF");
	uint32_t v = (uint32_t)strtoul(text, NULL, 16);

	if (n == 6) {
		*out = v;
		return true;
	}
	if (n != 3)
		return false;
	*out = ((v >> 8) & 15) * 0x110000 + ((v >> 4) & 15) * 0x1100 + (v & 15) * 0x11;
	return true;
}

/* The names that mail uses; an unknown one leaves the colour unknown. */
static bool
parse_colour(const char *text, uint32_t *out)
{
	static const struct {
		const char *name;
		uint32_t value;
	} names[] = {{"white", 0xffffff}, {"black", 0}, {"red", 0xff0000}, {"green", 0x008000},
	    {"blue", 0x0000ff}, {"gray", 0x808080}, {"grey", 0x808080}, {"silver", 0xc0c0c0},
	    {"yellow", 0xffff00}, {"navy", 0x000080}, {"orange", 0xffa500},
	    {"whitesmoke", 0xf5f5f5}, {"snow", 0xfffafa}, {"ivory", 0xfffff0}};
	unsigned r, g, b;

	while (isspace((unsigned char)*text))
		text++;
	if (*text == '#')
		return parse_hex(text + 1, out);
	if (sscanf(text, "rgb(%u ,%u ,%u", &r, &g, &b) == 3 ||
	    sscanf(text, "rgba(%u ,%u ,%u", &r, &g, &b) == 3) {
		*out = ((r & 255) << 16) | ((g & 255) << 8) | (b & 255);
		return true;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t n = strlen(names[i].name);

		if (strncasecmp(text, names[i].name, n) == 0 && !isalpha((unsigned char)text[n])) {
			*out = names[i].value;
			return true;
		}
	}
	/* bgcolor="FFFFFF" without the sign is common. */
	return strlen(text) == 6 && parse_hex(text, out);
}

static bool
has_word(const char *value, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = value; (p = strcasestr(p, word)) != NULL; p += n)
		if ((p == value || !isalnum((unsigned char)p[-1])) && !isalnum((unsigned char)p[n]))
			return true;
	return false;
}

/* A length in pixels; other units only tell zero from not zero.  False for what is no number. */
static bool
parse_length(const char *value, double *px)
{
	char *end;

	*px = strtod(value, &end);
	if (end == value)
		return false;
	while (isspace((unsigned char)*end))
		end++;
	if (strncasecmp(end, "em", 2) == 0 || strncasecmp(end, "rem", 3) == 0)
		*px *= 16;
	else if (strncasecmp(end, "pt", 2) == 0)
		*px *= 4.0 / 3;
	return true;
}

/* What one style attribute says on its own; joined at its end. */
struct declared {
	bool zero_box, clipped, absolute;
};

static void
set_colour(const char *value, uint32_t *colour, bool *known)
{
	uint32_t v;

	if (has_word(value, "inherit"))
		return;
	*known = parse_colour(value, &v);
	if (*known)
		*colour = v;
}

static void
apply_one(struct check_style *s, struct declared *d, const char *name, const char *value)
{
	double px;
	bool number = parse_length(value, &px);

	if (strcmp(name, "display") == 0 && has_word(value, "none"))
		s->hidden = "display:none";
	else if (strcmp(name, "visibility") == 0 &&
		 (has_word(value, "hidden") || has_word(value, "collapse")))
		s->hidden = "visibility:hidden";
	else if (strcmp(name, "opacity") == 0 && number && px <= OPACITY_MIN)
		s->hidden = "opacity:0";
	else if (strcmp(name, "font-size") == 0 && number)
		s->small = px < SMALL_PX;
	else if ((strcmp(name, "width") == 0 || strcmp(name, "height") == 0 ||
		     strcmp(name, "max-height") == 0 || strcmp(name, "max-width") == 0) &&
		 number && px < SMALL_PX)
		d->zero_box = true;
	else if (strcmp(name, "overflow") == 0 && has_word(value, "hidden"))
		d->clipped = true;
	else if (strcmp(name, "position") == 0 &&
		 (has_word(value, "absolute") || has_word(value, "fixed")))
		d->absolute = true;
	else if ((strcmp(name, "text-indent") == 0 || strcmp(name, "left") == 0 ||
		     strcmp(name, "top") == 0 || strcmp(name, "margin-left") == 0) &&
		 number && px <= -OFF_SCREEN_PX)
		s->hidden = "moved off the screen";
	else if (strcmp(name, "color") == 0) {
		s->see_through = has_word(value, "transparent");
		set_colour(value, &s->colour, &s->colour_known);
	} else if (strcmp(name, "background-color") == 0) {
		if (!has_word(value, "transparent"))
			set_colour(value, &s->background, &s->background_known);
	} else if (strcmp(name, "background") == 0 || strcmp(name, "background-image") == 0) {
		uint32_t v;

		/* A picture behind the text: nobody knows its colour. */
		if (parse_colour(value, &v)) {
			s->background = v;
			s->background_known = strcasestr(value, "url(") == NULL;
		} else if (strcasestr(value, "url(") != NULL ||
			   strcasestr(value, "gradient") != NULL)
			s->background_known = false;
	}
}

static void
apply_declarations(struct check_style *s, const char *style)
{
	struct declared d = {0};

	while (*style != '\0') {
		size_t n = strcspn(style, ";"), colon = strcspn(style, ":");
		char name[32] = "", value[96] = "";

		if (colon < n) {
			const char *from = style + colon + 1;
			size_t used = 0;

			for (size_t i = 0; i < colon && used + 1 < sizeof(name); i++)
				if (!isspace((unsigned char)style[i]))
					name[used++] = (char)tolower((unsigned char)style[i]);
			while (from < style + n && isspace((unsigned char)*from))
				from++;
			snprintf(value, sizeof(value), "%.*s", (int)(style + n - from), from);
			apply_one(s, &d, name, value);
		}
		style += n;
		style += *style == ';';
	}
	if (d.zero_box && (d.clipped || d.absolute))
		s->hidden = "a box of no size";
}

void
check_style_apply(struct check_style *s, const char *tag, const char *style, const char *bgcolor,
    const char *color, const char *size, bool hidden)
{
	if (hidden)
		s->hidden = "hidden";
	if (strcmp(tag, "template") == 0)
		s->hidden = "template";
	if (bgcolor != NULL && bgcolor[0] != '\0')
		set_colour(bgcolor, &s->background, &s->background_known);
	/* Links have a colour of their own where nobody gives one. */
	if (strcmp(tag, "a") == 0)
		s->colour_known = false;
	if (strcmp(tag, "font") == 0 && color != NULL) {
		s->see_through = false;
		set_colour(color, &s->colour, &s->colour_known);
	}
	if (strcmp(tag, "font") == 0 && size != NULL)
		s->small = false; /* its smallest is readable */
	if (style != NULL)
		apply_declarations(s, style);
}

static bool
is_near(uint32_t a, uint32_t b)
{
	for (unsigned shift = 0; shift < 24; shift += 8) {
		int x = (int)((a >> shift) & 255), y = (int)((b >> shift) & 255);

		if (abs(x - y) >= COLOUR_NEAR)
			return false;
	}
	return true;
}

const char *
check_style_hides(const struct check_style *s)
{
	if (s->hidden != NULL)
		return s->hidden;
	if (s->small)
		return "font of no size";
	if (s->see_through)
		return "transparent text";
	if (s->colour_known && s->background_known && is_near(s->colour, s->background))
		return "text in the colour of its background";
	return NULL;
}

bool
check_style_is_pixel(const char *width, const char *height)
{
	return width != NULL && height != NULL && atoi(width) <= 2 && atoi(height) <= 2 &&
	       isdigit((unsigned char)width[0]) && isdigit((unsigned char)height[0]);
}
