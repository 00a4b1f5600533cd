/* SPDX-License-Identifier: ISC */
/* Comma-separated values; see csv.h.  Pure. */
#include "base/csv.h"

#include <errno.h>
#include <string.h>

void
csv_init(struct csv *c, const char *text, size_t size)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t skip = size >= sizeof(mark) - 1 && memcmp(text, mark, sizeof(mark) - 1) == 0 ? 3 : 0;

	*c = (struct csv){.at = text + skip, .end = text + size, .line = 1};
}

int
csv_cell(struct csv *c, char out[CSV_CELL_BYTES], struct err *e)
{
	bool quoted = false;
	size_t n = 0, first = 0;

	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
		c->at++;
	if (c->at < c->end && *c->at == '"') {
		quoted = true;
		c->at++;
	}
	for (;; c->at++) {
		if (c->at == c->end || *c->at == '\n') {
			if (quoted)
				return err_set(
				    e, -EINVAL, "a quoted cell does not end on its line");
			break;
		}
		if (quoted && *c->at == '"' && c->at + 1 < c->end && c->at[1] == '"')
			c->at++;
		else if (quoted && *c->at == '"') {
			quoted = false;
			first = n;
			continue;
		} else if (!quoted && *c->at == ',')
			break;
		if (*c->at == '\0' || n + 1 == CSV_CELL_BYTES)
			return err_set(e, -EINVAL, "a cell is longer than %d bytes or not text",
			    CSV_CELL_BYTES - 1);
		out[n++] = *c->at;
	}
	while (n > first && (out[n - 1] == ' ' || out[n - 1] == '\t' || out[n - 1] == '\r'))
		n--;
	out[n] = '\0';
	if (c->at < c->end && *c->at == ',') {
		c->at++;
		return 1;
	}
	return 0;
}

void
csv_next_line(struct csv *c)
{
	while (c->at < c->end && *c->at != '\n')
		c->at++;
	if (c->at < c->end)
		c->at++;
	c->line++;
}

bool
csv_is_blank(const struct csv *c)
{
	const char *p = c->at;

	while (p < c->end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	return p == c->end || *p == '\n' || *p == '#';
}
