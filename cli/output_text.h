/* SPDX-License-Identifier: ISC */
/*
 * Text for people: escaped, coloured only on a terminal, tables that fit its width.  Text may
 * change between versions; --json may not.  bulkhead (CLI).
 *
 * Everything that is printed goes through here, so that nothing from a network can steer the
 * terminal.
 */
#ifndef CLI_OUTPUT_TEXT_H
#define CLI_OUTPUT_TEXT_H

#include <stdbool.h>
#include <stdio.h>

enum output_style {
	OUTPUT_PLAIN,
	OUTPUT_BOLD,
	OUTPUT_DIM,
	OUTPUT_GOOD,  /* green */
	OUTPUT_ALERT, /* yellow */
	OUTPUT_BAD,   /* red */
	OUTPUT_STYLE__COUNT
};

struct output {
	FILE *file;
	unsigned width; /* columns; 0 = no limit (not a terminal) */
	bool color;
	bool russian; /* --lang ru, where a text has a Russian form */
};

/* Finds out about the terminal behind the file: width from it or from COLUMNS, no colour with
 * NO_COLOR. */
void output_init(struct output *o, FILE *file);

/* Writes text with control characters and bad bytes as \xNN or \u{N}. */
void output_escaped(FILE *file, const char *text);

/* One line; its newline is added. */
void output_line(const struct output *o, enum output_style style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Several lines of text as they are, each wrapped at the width with its own indent and two. */
void output_text(const struct output *o, const char *text);

struct output_column {
	const char *title;
	bool right;    /* numbers */
	bool flexible; /* shrinks when the table is wider than the terminal */
};

#define OUTPUT_COLUMNS_MAX 16

struct output_table;
/* The columns are borrowed; no memory ends the program (a command line tool has nothing better to
 * do). */
struct output_table *output_table_new(const struct output_column *columns, unsigned count);
/* Fills the next cell, row by row. */
void output_table_cell(struct output_table *t, enum output_style style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Prints what was filled and frees the table. */
void output_table_finish(struct output_table *t, const struct output *o);

#endif
