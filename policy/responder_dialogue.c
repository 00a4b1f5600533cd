/* SPDX-License-Identifier: ISC */
/* The responder's side of an SMTP dialogue that leads nowhere.  Pure.  bulkhead-notice. */
#include "policy/responder_dialogue.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const char responder_refusal[] = "503 5.5.1 blocked, see the greeting\r\n";
const char responder_farewell[] = "221 2.0.0 bye\r\n";

static enum responder_act
end_line(struct responder_dialogue *d)
{
	bool quits = d->line_bytes >= 4 && strncasecmp(d->verb, "QUIT", 4) == 0;

	d->line_bytes = 0;
	memset(d->verb, 0, sizeof(d->verb));
	if (quits)
		return RESPONDER_QUIT;
	return ++d->commands >= RESPONDER_COMMANDS_MAX ? RESPONDER_END : RESPONDER_REFUSE;
}

enum responder_act
responder_dialogue_take(
    struct responder_dialogue *d, const uint8_t *data, size_t size, size_t *used)
{
	for (size_t i = 0; i < size; i++) {
		if (d->line_bytes < sizeof(d->verb))
			d->verb[d->line_bytes] = (char)data[i];
		*used = i + 1;
		if (data[i] == '\n')
			return end_line(d);
		if (++d->line_bytes >= RESPONDER_LINE_MAX)
			return RESPONDER_END;
	}
	*used = size;
	return RESPONDER_WAIT;
}

/* The address with the case in it; "" when it says nothing without a case. */
static void
make_address(char *out, size_t size, const char *url, const char *case_id)
{
	const char *at = strstr(url, "%s");
	int n;

	out[0] = '\0';
	if (at == NULL)
		n = snprintf(out, size, "%s", url);
	else if (case_id[0] != '\0')
		n = snprintf(out, size, "%.*s%s%s", (int)(at - url), url, case_id, at + 2);
	else
		return;
	if (n < 0 || (size_t)n >= size)
		out[0] = '\0';
}

size_t
responder_dialogue_greet(
    char out[RESPONDER_GREETING_MAX], unsigned code, const char *case_id, const char *url)
{
	char address[384];
	int n;

	make_address(address, sizeof(address), url, case_id);
	n = snprintf(out, RESPONDER_GREETING_MAX,
	    "%u %u.7.1 outbound SMTP blocked by provider%s%s%s%s", code, code / 100,
	    case_id[0] != '\0' ? ", case " : "", case_id, address[0] != '\0' ? ", " : "", address);
	if (n > RESPONDER_GREETING_MAX - 3)
		n = RESPONDER_GREETING_MAX - 3;
	for (int i = 0; i < n; i++)
		if (out[i] < ' ' || out[i] > '~')
			out[i] = '?';
	memcpy(out + n, "\r\n", 3);
	return (size_t)n + 2;
}
