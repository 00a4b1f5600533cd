/* SPDX-License-Identifier: ISC */
/*
 * Configuration is one table of rows that yields the parser, `config check`, `config show` and the
 * man page's list.  An unknown key or a bad value is an error with file and line; on any error the
 * target is untouched.  Syntax: `key = value`, strings in double quotes, lists in braces, #
 * comments (libconfuse).
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

enum config_type {
	CONFIG_TEXT,  /* char[size]; min..max = allowed length */
	CONFIG_INT,   /* int64_t; min..max */
	CONFIG_FLOAT, /* double; min..max */
	CONFIG_BOOL,  /* bool */
	CONFIG_SPAN,  /* int64_t nanoseconds, written as 90s 15m 2h; min..max in nanoseconds */
	CONFIG_LIST,  /* char[size]: items joined by '\n'; min..max = number of items */
	CONFIG__COUNT
};

struct config_row {
	const char *key;
	enum config_type type;
	size_t offset; /* of the field in the target struct */
	size_t size;   /* of the field, for TEXT and LIST */
	double min, max;
	const char *preset; /* the default, as it would be written in the file (a list as "a, b") */
	const char *help;   /* one sentence, with the unit */
};

/* Fills the target with the presets.  A preset that does not parse is our bug (assert). */
void config_preset(const struct config_row *rows, size_t count, void *target);

/* Reads `path` over what the target holds.  0, or negative errno with "file:line: ..." in *e. */
int config_read(const struct config_row *rows, size_t count, void *target, size_t target_size,
    const char *path, struct err *e);

/* The value of a row as it would be written in a file, into buf; returns buf. */
const char *config_format(const struct config_row *row, const void *target, char *buf, size_t size);

/* Iterates a LIST field: *cursor starts at the field, returns false at its end; item is terminated.
 */
bool config_list_next(const char **cursor, char *item, size_t size);

#endif
