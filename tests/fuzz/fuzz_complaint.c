/* SPDX-License-Identifier: ISC */
/* A mail as a complaint: what comes out is a complaint or a refusal, and stays the same as JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "whitelist/check_complaint.h"
#include "whitelist/check_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1); /* terminated, as the worker reads it */
	struct complaint c, back;
	static bool ready;
	json_t *object;

	if (!ready)
		check_message_init();
	ready = true;
	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_complaint(&c, text, size);
	object = complaint_json(&c);
	if (object == NULL || complaint_from_json(&back, object, NULL) != 0 ||
	    strcmp(c.digest, back.digest) != 0 || !addr_equal(&c.source, &back.source) ||
	    c.arrival_ns != back.arrival_ns || strcmp(c.reporter, back.reporter) != 0)
		abort();
	if (c.refused[0] == '\0' && addr_is_zero(&c.source))
		abort();
	json_decref(object);
	free(text);
	return 0;
}
