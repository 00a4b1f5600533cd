/* SPDX-License-Identifier: ISC */
/*
 * SPF on hostile bytes: each line is the TXT record of "dN.example", N its number; d0 is evaluated,
 * its includes find the other lines.  The limits of RFC 7208 hold whatever comes.
 */
#include <stdlib.h>
#include <string.h>

#include "whitelist/check_net.h"
#include "whitelist/check_spf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct lines {
	char *text;
	unsigned queries;
};

static void
query(void *self, const char *name, enum resolver_type type, struct resolver_answer *out)
{
	struct lines *lines = self;
	struct addr addr = {
	    {[10] = 0xff, [11] = 0xff, [12] = 198, [13] = 51, [14] = 100, [15] = 1}};
	char text[4200];
	long number;

	lines->queries++;
	resolver_answer_init(out, RESOLVER_NO_NAME);
	if (name[0] != 'd' && name[0] != 'D')
		return;
	if (type != RESOLVER_TXT) {
		resolver_answer_add(out, &addr, 0, "d1.example");
		return;
	}
	const char *at = lines->text;
	for (number = strtol(name + 1, NULL, 10); number > 0 && at != NULL; number--) {
		at = strchr(at, '\n');
		if (at != NULL)
			at++;
	}
	if (at == NULL)
		return;
	size_t n = strcspn(at, "\n");
	n = n < sizeof(text) - 1 ? n : sizeof(text) - 1;
	memcpy(text, at, n);
	text[n] = '\0';
	resolver_answer_add(out, NULL, 0, text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lines lines = {malloc(size + 1), 0};
	struct resolver r = {query, &lines};
	struct check_spf out;
	struct addr client = {{0}};

	if (lines.text == NULL)
		return 0;
	memcpy(lines.text, data, size);
	lines.text[size] = '\0';
	if (size >= 16)
		memcpy(client.bytes, data, 16);
	check_net_special(&client);
	check_spf_eval(&out, &r, &client, "d0.example", "helo.example");
	client = addr_from_v4((const uint8_t[]){192, 0, 2, 1});
	lines.queries = 0;
	check_spf_eval(&out, &r, &client, "d0.example", "helo.example");
	/* its record, and per look-up a record and at most ten names */
	if (lines.queries > 1 + CHECK_SPF_LOOKUPS_MAX * 11 ||
	    out.lookups > CHECK_SPF_LOOKUPS_MAX + 1)
		abort();
	free(lines.text);
	return 0;
}
