/* SPDX-License-Identifier: ISC */
/*
 * Files that people name on the command line.  bulkhead (CLI).
 */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include <stddef.h>

#include "base/err.h"

/* Reads a whole file ("-": standard input) of at most `max` bytes into heap text, terminated beyond
 * *size. */
int file_read(const char *path, size_t max, char **text, size_t *size, struct err *e);

/* Opens a regular file for reading; the sentence on failure says what `what` is for.  Descriptor or
 * negative errno. */
int file_open(const char *path, const char *what, struct err *e);

#endif
