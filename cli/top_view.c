/* SPDX-License-Identifier: ISC */
/* What `bulkhead top` shows; see top_view.h.  bulkhead (CLI). */
#include "cli/top_view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output_json.h"

static const char *const sort_names[TOP_SORT__COUNT] = {
    [TOP_SORT_VERDICT] = "verdict",
    [TOP_SORT_BULK] = "bulk",
    [TOP_SORT_ABUSE] = "abuse",
    [TOP_SORT_HOUR] = "hour",
    [TOP_SORT_NAME] = "name",
};
static const char *const rungs[] = {"clear", "watch", "warn", "throttle", "block"};

int
top_sort_parse(const char *name, unsigned *out)
{
	for (unsigned i = 0; i < TOP_SORT__COUNT; i++)
		if (strcmp(name, sort_names[i]) == 0) {
			*out = i;
			return 0;
		}
	return -EINVAL;
}

void
top_view_free(struct top_view *v)
{
	free(v->all);
	free(v->rows);
	v->all = v->rows = NULL;
	v->all_count = v->count = 0;
}

static void
fill_row(struct top_row *row, const json_t *s)
{
	memset(row, 0, sizeof(*row));
	snprintf(row->name, sizeof(row->name), "%s", output_json_get(s, "server", "?"));
	snprintf(row->tenant, sizeof(row->tenant), "%s", output_json_get(s, "tenant", "-"));
	snprintf(row->verdict, sizeof(row->verdict), "%s", output_json_get(s, "verdict", "?"));
	for (unsigned i = 0; i < sizeof(rungs) / sizeof(rungs[0]); i++)
		if (strcmp(row->verdict, rungs[i]) == 0)
			row->rung = i;
	snprintf(row->note, sizeof(row->note), "%s%s", output_json_get(s, "case", ""),
	    row->rung >= 3 && json_is_false(json_object_get(s, "enforced")) ? " (observed)" : "");
	row->bulk = output_json_real(s, "bulk_score");
	row->abuse = output_json_real(s, "abuse_score");
	row->hour = output_json_real(s, "recipients_hour");
	row->day = output_json_real(s, "recipients_day");
}

void
top_view_fill(struct top_view *v, const json_t *status, const json_t *servers)
{
	const json_t *verdicts = json_object_get(status, "verdicts"), *one;
	size_t count = json_array_size(servers), i;

	top_view_free(v);
	v->all = calloc(count + 1, sizeof(*v->all));
	v->rows = calloc(count + 1, sizeof(*v->rows));
	if (v->all == NULL || v->rows == NULL)
		abort(); /* as in output_text.c: a command line tool has nothing better to do */
	json_array_foreach (servers, i, one)
		fill_row(&v->all[i], one);
	v->all_count = (unsigned)count;
	snprintf(v->title, sizeof(v->title),
	    "bulkhead %s, %s: %lld servers, %lld block, %lld throttle, %lld warn, %lld watch%s",
	    output_json_get(status, "version", "?"), output_json_get(status, "mode", "?"),
	    output_json_number(status, "servers"), output_json_number(verdicts, "block"),
	    output_json_number(verdicts, "throttle"), output_json_number(verdicts, "warn"),
	    output_json_number(verdicts, "watch"),
	    json_is_true(json_object_get(status, "safety_catch")) ? "; SAFETY CATCH" : "");
}

/* Larger first; equal ones by name, vm-9 before vm-10. */
static int
compare(const void *a, const void *b, void *arg)
{
	const struct top_row *x = a, *y = b;
	const struct top_view *v = arg;
	double d = 0;

	switch ((enum top_sort)v->sort) {
	case TOP_SORT_VERDICT:
		d = (double)y->rung - (double)x->rung;
		if (d == 0)
			d = y->bulk + y->abuse - x->bulk - x->abuse;
		break;
	case TOP_SORT_BULK:
		d = y->bulk - x->bulk;
		break;
	case TOP_SORT_ABUSE:
		d = y->abuse - x->abuse;
		break;
	case TOP_SORT_HOUR:
		d = y->hour - x->hour;
		break;
	case TOP_SORT_NAME:
	case TOP_SORT__COUNT:
		break;
	}
	return d > 0 ? 1 : d < 0 ? -1 : strverscmp(x->name, y->name);
}

void
top_view_order(struct top_view *v)
{
	v->count = 0;
	for (unsigned i = 0; i < v->all_count; i++) {
		const struct top_row *row = &v->all[i];

		if (strstr(row->name, v->filter) != NULL ||
		    strstr(row->tenant, v->filter) != NULL ||
		    strstr(row->verdict, v->filter) != NULL)
			v->rows[v->count++] = *row;
	}
	if (v->count > 1)
		qsort_r(v->rows, v->count, sizeof(*v->rows), compare, v);
	if (v->chosen >= v->count)
		v->chosen = v->count > 0 ? v->count - 1 : 0;
}

void
top_view_scroll(struct top_view *v, unsigned rows)
{
	if (v->chosen < v->first)
		v->first = v->chosen;
	if (v->chosen >= v->first + rows)
		v->first = v->chosen - rows + 1;
}

const char *
top_view_title(const struct top_view *v, char line[TOP_LINE_BYTES])
{
	snprintf(line, TOP_LINE_BYTES, "%s", v->title);
	return line;
}

const char *
top_view_subtitle(const struct top_view *v, char line[TOP_LINE_BYTES])
{
	snprintf(line, TOP_LINE_BYTES, "sorted by %s%s%s%s; %u shown", sort_names[v->sort],
	    v->filter[0] != '\0' ? ", filter \"" : "", v->filter, v->filter[0] != '\0' ? "\"" : "",
	    v->count);
	return line;
}

const char *
top_view_head(char line[TOP_LINE_BYTES])
{
	snprintf(line, TOP_LINE_BYTES, "%-16s %-14s %-8s %7s %7s %8s %8s  %s", "SERVER", "TENANT",
	    "VERDICT", "BULK", "ABUSE", "HOUR", "DAY", "CASE");
	return line;
}

const char *
top_view_row(const struct top_row *row, char line[TOP_LINE_BYTES])
{
	snprintf(line, TOP_LINE_BYTES, "%-16.16s %-14.14s %-8.8s %7.1f %7.1f %8.0f %8.0f  %s",
	    row->name, row->tenant, row->verdict, row->bulk, row->abuse, row->hour, row->day,
	    row->note);
	return line;
}
