/* SPDX-License-Identifier: ISC */
/* An existing whitelist as CSV; see legacy.h.  Pure.  bulkhead-guard. */
#include "whitelist/legacy.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/text.h"

enum column {
	COLUMN_SERVER,
	COLUMN_DOMAINS,
	COLUMN_PER_DAY,
	COLUMN_UNTIL,
	COLUMN_NOTE,
	COLUMN__COUNT
};

static const char *const column_names[COLUMN__COUNT] = {
    "server", "domains", "per_day", "until", "note"};

struct reader {
	struct csv csv;
	uint8_t columns[COLUMN__COUNT];
	unsigned column_count;
	int64_t now_ns;
};

static int
read_header(struct reader *r, struct err *e)
{
	char cell[CSV_CELL_BYTES];
	unsigned seen = 0;
	int more = 1;

	while (more > 0) {
		unsigned column = 0;

		more = csv_cell(&r->csv, cell, e);
		if (more < 0)
			return more;
		while (column < COLUMN__COUNT && strcmp(column_names[column], cell) != 0)
			column++;
		if (column == COLUMN__COUNT || (seen & 1u << column) != 0)
			return err_set(e, -EINVAL,
			    "column \"%.40s\" is unknown or doubled; the header line is "
			    "server,domains,per_day,until,note",
			    cell);
		seen |= 1u << column;
		r->columns[r->column_count++] = (uint8_t)column;
	}
	for (unsigned i = 0; i < COLUMN__COUNT; i++)
		if ((seen & 1u << i) == 0 && i != COLUMN_DOMAINS && i != COLUMN_NOTE)
			return err_set(
			    e, -EINVAL, "the header line has no column \"%s\"", column_names[i]);
	return 0;
}

/* Splits a cell at ';' into a table of texts `stride` bytes apart. */
static int
take_names(char *cell, const char *what, char *fields, size_t stride, unsigned max, unsigned *count,
    struct err *e)
{
	char *rest = cell, *item;

	while ((item = strsep(&rest, ";")) != NULL) {
		item += strspn(item, " \t");
		item[strcspn(item, " \t")] = '\0';
		if (item[0] == '\0')
			continue;
		if (*count == max)
			return err_set(
			    e, -EINVAL, "more than %u %s in one row: write two rows", max, what);
		if (strlen(item) >= stride)
			return err_set(
			    e, -EINVAL, "\"%.60s\" is longer than %zu bytes", item, stride - 1);
		for (const char *p = item; *p != '\0'; p++)
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				return err_set(e, -EINVAL, "%s has a control character", what);
		memcpy(fields + *count * stride, item, strlen(item) + 1);
		(*count)++;
	}
	return 0;
}

static int
take_until(const struct reader *r, const char *cell, struct application *a, struct err *e)
{
	int64_t span;

	if (clock_parse_span(cell, &span) == 0)
		a->grant_until_ns = r->now_ns + span;
	else if (clock_parse_iso(cell, &a->grant_until_ns) < 0)
		return err_set(e, -EINVAL,
		    "until \"%.40s\" is neither a date like 2027-01-31 nor a span like 365d", cell);
	if (a->grant_until_ns <= r->now_ns)
		return err_set(
		    e, -EINVAL, "until \"%.40s\" is in the past: leave the row out", cell);
	return 0;
}

static int
take_cell(const struct reader *r, unsigned column, char *cell, struct application *a, struct err *e)
{
	int rc;

	switch (column) {
	case COLUMN_SERVER:
		return take_names(cell, "servers", a->servers[0], sizeof(a->servers[0]),
		    GRANT_SERVERS_MAX, &a->server_count, e);
	case COLUMN_DOMAINS:
		rc = take_names(cell, "domains", a->domains[0], sizeof(a->domains[0]),
		    GRANT_DOMAINS_MAX, &a->domain_count, e);
		for (unsigned i = 0; i < a->domain_count; i++)
			for (char *p = a->domains[i]; *p != '\0'; p++)
				*p = (char)tolower((unsigned char)*p);
		return rc;
	case COLUMN_PER_DAY: {
		size_t digits = strspn(cell, "0123456789");

		if (digits == 0 || digits > 9 || cell[digits] != '\0' || atol(cell) == 0)
			return err_set(e, -EINVAL,
			    "per_day \"%.40s\" is not a number of recipients from 1 to 999999999",
			    cell);
		a->per_day = (uint64_t)atol(cell);
		return 0;
	}
	case COLUMN_UNTIL:
		return take_until(r, cell, a, e);
	default:
		text_clean(a->reason, sizeof(a->reason), cell);
		return 0;
	}
}

static int
read_row(struct reader *r, struct application *a, struct err *e)
{
	char cell[CSV_CELL_BYTES];
	int more = 1;

	*a = (struct application){.state = APPLICATION_APPROVED,
	    .lang = "en",
	    .list_origin = "imported with an existing whitelist",
	    .created_ns = r->now_ns,
	    .changed_ns = r->now_ns};
	for (unsigned i = 0; i < r->column_count; i++) {
		int rc;

		if (more == 0)
			return err_set(e, -EINVAL, "the row ends before its column \"%s\"",
			    column_names[r->columns[i]]);
		more = csv_cell(&r->csv, cell, e);
		if (more < 0)
			return more;
		rc = take_cell(r, r->columns[i], cell, a, e);
		if (rc < 0)
			return rc;
	}
	if (more > 0)
		return err_set(e, -EINVAL, "the row has more cells than the header line");
	if (a->server_count == 0)
		return err_set(e, -EINVAL, "the row names no server");
	for (unsigned i = 0; i < a->domain_count; i++)
		if (!application_is_domain(a->domains[i]))
			return err_set(e, -EINVAL,
			    "\"%.80s\" is not a domain name like news.example.com", a->domains[i]);
	return 0;
}

static int
read_rows(
    struct reader *r, struct application **out, unsigned *count, unsigned **lines, struct err *e)
{
	unsigned room = 0;

	for (csv_next_line(&r->csv); r->csv.at < r->csv.end; csv_next_line(&r->csv)) {
		int rc;

		if (csv_is_blank(&r->csv))
			continue;
		if (*count == LEGACY_ROWS_MAX)
			return err_set(
			    e, -E2BIG, "more than %d rows: split the file", LEGACY_ROWS_MAX);
		if (*count == room) {
			unsigned wider = room * 2 + 16;
			struct application *grown = realloc(*out, wider * sizeof(**out));
			unsigned *numbers =
			    grown != NULL ? realloc(*lines, wider * sizeof(**lines)) : NULL;

			*out = grown != NULL ? grown : *out;
			if (numbers == NULL)
				return err_set(e, -ENOMEM, "no memory for so many rows");
			*lines = numbers;
			room = wider;
		}
		rc = read_row(r, &(*out)[*count], e);
		if (rc < 0)
			return rc;
		(*lines)[(*count)++] = r->csv.line;
	}
	return *count > 0 ? 0 : err_set(e, -EINVAL, "no row follows the header line");
}

int
legacy_parse(const char *file, const char *text, size_t size, int64_t now_ns,
    struct application **out, unsigned *count, unsigned **lines, struct err *e)
{
	struct reader r = {.now_ns = now_ns};
	struct application *rows = NULL;
	unsigned n = 0, *numbers = NULL;
	struct err why = {0};
	int rc;

	if (size > LEGACY_FILE_MAX)
		return err_set(
		    e, -EFBIG, "%s is larger than %u MiB: split it", file, LEGACY_FILE_MAX >> 20);
	csv_init(&r.csv, text, size);
	while (r.csv.at < r.csv.end && csv_is_blank(&r.csv))
		csv_next_line(&r.csv);
	rc = read_header(&r, &why);
	if (rc == 0)
		rc = read_rows(&r, &rows, &n, &numbers, &why);
	if (rc < 0) {
		free(rows);
		free(numbers);
		return err_set(e, rc, "%s:%u: %s", file, r.csv.line, why.text);
	}
	*out = rows;
	*count = n;
	*lines = numbers;
	return 0;
}
