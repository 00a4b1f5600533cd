/* SPDX-License-Identifier: ISC */
/* Links and form fields out of HTML. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "whitelist/check_html.h"
#include "whitelist/check_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
on_link(void *arg, const struct check_link *link)
{
	char host[256];

	(void)arg;
	if (strlen(link->href) >= sizeof(link->href) || strlen(link->text) >= sizeof(link->text))
		abort();
	(void)check_words_unsubscribe(link->text);
	(void)check_words_opaque(link->href);
	(void)check_words_url_host(link->href, host, sizeof(host), NULL);
}

static void
on_input(void *arg, const struct check_input *input)
{
	(void)arg;
	(void)check_words_unsubscribe(input->value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct check_html out;

	(void)check_html_read((const char *)data, size, &out, on_link, on_input, NULL);
	return 0;
}
