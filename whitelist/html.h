/* SPDX-License-Identifier: ISC */
/*
 * HTML from texts that nobody trusts: everything is escaped here, and only here.  bulkhead-guard.
 */
#ifndef WHITELIST_HTML_H
#define WHITELIST_HTML_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Writes a text as HTML text or attribute value: & < > " ' escaped, control and bidirectional
 * characters and broken UTF-8 as U+FFFD.  Newlines and tabs stay. */
void html_text(FILE *f, const char *text);
/* The same for bytes that may hold zeroes; at most `size`. */
void html_bytes(FILE *f, const char *data, size_t size);

/* Writes a format of ours (trusted) with escaped %s arguments, and %llu; nothing else is known. */
void html_print(FILE *f, const char *fmt, ...);

/* Writes base64 of what can be read from fd, at most `max` bytes.  Bytes read, or negative errno. */
long html_base64(FILE *f, int fd, size_t max);

#endif
