/* SPDX-License-Identifier: ISC */
/* Fuzzes the reader of existing whitelists: what is accepted is whole and within its bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "whitelist/legacy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int64_t now = INT64_C(1700000000) * CLOCK_SECOND_NS;
	char *text = malloc(size + (size == 0)); /* an allocation of its own: an over-read shows */
	struct application *rows = NULL;
	unsigned count = 0, *lines = NULL;
	struct err e;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	if (legacy_parse("fuzz", text, size, now, &rows, &count, &lines, &e) != 0) {
		if (rows != NULL || e.text[0] == '\0')
			abort();
		free(text);
		return 0;
	}
	for (unsigned i = 0; i < count; i++)
		if (rows[i].server_count == 0 || rows[i].server_count > GRANT_SERVERS_MAX ||
		    rows[i].domain_count > GRANT_DOMAINS_MAX || rows[i].per_day == 0 ||
		    rows[i].grant_until_ns <= now || lines[i] < 2)
			abort();
	free(rows);
	free(lines);
	free(text);
	return 0;
}
