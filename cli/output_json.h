/* SPDX-License-Identifier: ISC */
/*
 * JSON for programs: the data of a command as it is, with nothing in it that could steer a
 * terminal. bulkhead (CLI).
 */
#ifndef CLI_OUTPUT_JSON_H
#define CLI_OUTPUT_JSON_H

#include <jansson.h>
#include <stdio.h>

/* Writes the value and a newline; members keep their order.  0 or -ENOMEM. */
int output_json(FILE *file, const json_t *value);

/* A string that is valid UTF-8 and free of control characters, whatever came in; null for "". */
json_t *output_json_text(const char *text);

/* Borrowed texts and numbers of an object, with a fallback for what is absent. */
const char *output_json_get(const json_t *object, const char *member, const char *fallback);
long long output_json_number(const json_t *object, const char *member);
double output_json_real(const json_t *object, const char *member);

/* The texts of a list as "a, b" into buf ("-" when it is empty); returns buf. */
const char *output_json_join(char *buf, size_t size, const json_t *list);

#endif
