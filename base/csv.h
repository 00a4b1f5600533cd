/* SPDX-License-Identifier: ISC */
/*
 * Comma-separated values (RFC 4180: quotes, doubled inside; a row is a line).  Pure.  Every process
 * that reads a list of people.
 */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define CSV_CELL_BYTES 1024 /* of the longest cell, with its terminator */

struct csv {
	const char *at, *end;
	unsigned line; /* of the row that is read, from 1 */
};

/* Stands before the first row; a byte order mark is stepped over.  The text is borrowed. */
void csv_init(struct csv *c, const char *text, size_t size);

/* Reads a cell without blanks at its ends.  Returns 1 when another cell of this row follows, 0 at
 * its end, -EINVAL for what is no text, too long, or an open quote. */
int csv_cell(struct csv *c, char out[CSV_CELL_BYTES], struct err *e);

/* To the beginning of the next row. */
void csv_next_line(struct csv *c);

/* True when the rest of the line says nothing: blank, or a comment. */
bool csv_is_blank(const struct csv *c);

#endif
