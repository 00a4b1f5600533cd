/* SPDX-License-Identifier: ISC */
/*
 * Text for people: escaped, coloured only on a terminal, tables that fit its width.  bulkhead
 * (CLI).
 */
#include "cli/output_text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

#define FLEXIBLE_MIN 8 /* columns that a flexible column keeps */

static const char *const style_codes[OUTPUT_STYLE__COUNT] = {
    [OUTPUT_PLAIN] = "",
    [OUTPUT_BOLD] = "1",
    [OUTPUT_DIM] = "2",
    [OUTPUT_GOOD] = "32",
    [OUTPUT_ALERT] = "33",
    [OUTPUT_BAD] = "1;31",
};

void
output_init(struct output *o, FILE *file)
{
	const char *columns = getenv("COLUMNS"), *plain = getenv("NO_COLOR"),
		   *term = getenv("TERM");
	struct winsize size = {0};
	bool tty = isatty(fileno(file)) != 0;

	*o = (struct output){.file = file};
	o->color =
	    tty && (plain == NULL || plain[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
	if (!tty)
		return;
	if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		o->width = size.ws_col;
	else
		o->width = columns != NULL && atoi(columns) > 0 ? (unsigned)atoi(columns) : 80;
}

void
output_escaped(FILE *file, const char *text)
{
	while (*text != '\0') {
		uint32_t code;
		size_t length = text_decode(text, &code);

		if (length == 0 || (code < 0x80 && text_is_control(code)))
			fprintf(file, "\\x%02x", (unsigned)code);
		else if (text_is_control(code))
			fprintf(file, "\\u{%x}", (unsigned)code);
		else
			fwrite(text, 1, length, file);
		text += length > 0 ? length : 1;
	}
}

/* The escaped form as heap text. */
static char *
escaped_copy(const char *text)
{
	char *copy = NULL;
	size_t size;
	FILE *f = open_memstream(&copy, &size);

	if (f == NULL)
		abort();
	output_escaped(f, text);
	if (fclose(f) != 0)
		abort();
	return copy;
}

static char *
formatted(const char *fmt, va_list ap)
{
	char *raw = NULL, *clean;

	if (vasprintf(&raw, fmt, ap) < 0)
		abort();
	clean = escaped_copy(raw);
	free(raw);
	return clean;
}

static void
put_styled(const struct output *o, enum output_style style, const char *text)
{
	bool on = o->color && style != OUTPUT_PLAIN;

	if (on)
		fprintf(o->file, "\033[%sm", style_codes[style]);
	fputs(text, o->file);
	if (on)
		fputs("\033[0m", o->file);
}

void
output_line(const struct output *o, enum output_style style, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = formatted(fmt, ap);
	va_end(ap);
	put_styled(o, style, text);
	fputc('\n', o->file);
	free(text);
}

/* One line (already escaped), broken between words; what follows is indented by `indent`. */
static void
put_wrapped(const struct output *o, const char *line, size_t indent)
{
	size_t column = 0;

	while (*line != '\0') {
		size_t blanks = strspn(line, " "), bytes = strcspn(line + blanks, " "), columns = 0;

		for (size_t i = 0; i < bytes; i++)
			columns += ((unsigned char)line[blanks + i] & 0xc0) != 0x80;
		if (o->width > indent + 10 && column > indent &&
		    column + blanks + columns > o->width) {
			fprintf(o->file, "\n%*s", (int)indent, "");
			column = indent;
		} else {
			fprintf(o->file, "%*s", (int)blanks, "");
			column += blanks;
		}
		fwrite(line + blanks, 1, bytes, o->file);
		column += columns;
		line += blanks + bytes;
	}
	fputc('\n', o->file);
}

void
output_text(const struct output *o, const char *text)
{
	while (*text != '\0') {
		size_t bytes = strcspn(text, "\n");
		char *line = strndup(text, bytes), *clean;

		if (line == NULL)
			abort();
		clean = escaped_copy(line);
		put_wrapped(o, clean, clean[0] == ' ' ? strspn(clean, " -") : 2);
		free(clean);
		free(line);
		text += bytes + (text[bytes] == '\n');
	}
}

struct output_cell {
	char *text; /* escaped */
	size_t columns;
	enum output_style style;
};

struct output_table {
	const struct output_column *columns;
	unsigned column_count;
	struct output_cell *cells;
	size_t count, room;
};

struct output_table *
output_table_new(const struct output_column *columns, unsigned count)
{
	struct output_table *t = calloc(1, sizeof(*t));

	assert(count > 0 && count <= OUTPUT_COLUMNS_MAX);
	if (t == NULL)
		abort();
	t->columns = columns;
	t->column_count = count;
	return t;
}

void
output_table_cell(struct output_table *t, enum output_style style, const char *fmt, ...)
{
	struct output_cell *cell;
	va_list ap;

	if (t->count == t->room) {
		t->room = t->room > 0 ? 2 * t->room : 64;
		t->cells = reallocarray(t->cells, t->room, sizeof(*t->cells));
		if (t->cells == NULL)
			abort();
	}
	cell = &t->cells[t->count++];
	va_start(ap, fmt);
	cell->text = formatted(fmt, ap);
	va_end(ap);
	cell->columns = text_columns(cell->text);
	cell->style = style;
}

/* Widths that show everything, then smaller ones for flexible columns until the table fits. */
static void
find_widths(const struct output_table *t, unsigned limit, size_t widths[OUTPUT_COLUMNS_MAX])
{
	size_t total = 2 * ((size_t)t->column_count - 1);

	for (unsigned i = 0; i < t->column_count; i++)
		widths[i] = text_columns(t->columns[i].title);
	for (size_t i = 0; i < t->count; i++)
		if (t->cells[i].columns > widths[i % t->column_count])
			widths[i % t->column_count] = t->cells[i].columns;
	for (unsigned i = 0; i < t->column_count; i++)
		total += widths[i];
	while (limit > 0 && total > limit) {
		unsigned widest = t->column_count;

		for (unsigned i = 0; i < t->column_count; i++)
			if (t->columns[i].flexible && widths[i] > FLEXIBLE_MIN &&
			    (widest == t->column_count || widths[i] > widths[widest]))
				widest = i;
		if (widest == t->column_count)
			return; /* as narrow as it gets */
		widths[widest]--;
		total--;
	}
}

/* Cuts text (in place) to so many columns; the last one becomes "~". */
static void
cut(char *text, size_t columns)
{
	size_t seen = 0;
	char *p = text;

	if (text_columns(text) <= columns)
		return;
	for (; *p != '\0'; p++) {
		if (((unsigned char)*p & 0xc0) == 0x80)
			continue;
		if (++seen == columns)
			break;
	}
	p[0] = '~';
	p[1] = '\0';
}

static void
put_cell(const struct output *o, const struct output_column *column, size_t width, bool last,
    enum output_style style, const char *text)
{
	int pad = (int)(width - text_columns(text));

	if (column->right)
		fprintf(o->file, "%*s", pad, "");
	put_styled(o, style, text);
	if (last)
		fputc('\n', o->file);
	else
		fprintf(o->file, "%*s", column->right ? 2 : pad + 2, "");
}

void
output_table_finish(struct output_table *t, const struct output *o)
{
	size_t widths[OUTPUT_COLUMNS_MAX];
	unsigned n = t->column_count;

	assert(t->count % n == 0);
	find_widths(t, o->width, widths);
	for (unsigned i = 0; i < n && t->count > 0; i++)
		put_cell(o, &t->columns[i], widths[i], i == n - 1, OUTPUT_DIM, t->columns[i].title);
	for (size_t i = 0; i < t->count; i++) {
		cut(t->cells[i].text, widths[i % n]);
		put_cell(o, &t->columns[i % n], widths[i % n], i % n == n - 1, t->cells[i].style,
		    t->cells[i].text);
		free(t->cells[i].text);
	}
	free(t->cells);
	free(t);
}
