/* SPDX-License-Identifier: ISC */
/*
 * What `bulkhead top` shows: rows made of the guard's answers, filtered, sorted, as lines of text.
 * Knows no terminal.  bulkhead (CLI).
 */
#ifndef CLI_TOP_VIEW_H
#define CLI_TOP_VIEW_H

#include <jansson.h>
#include <stdint.h>

#define TOP_LINE_BYTES 256

enum top_sort {
	TOP_SORT_VERDICT,
	TOP_SORT_BULK,
	TOP_SORT_ABUSE,
	TOP_SORT_HOUR,
	TOP_SORT_NAME,
	TOP_SORT__COUNT
};

/* The sort of a name ("bulk"); 0 or -EINVAL. */
int top_sort_parse(const char *name, unsigned *out);

struct top_row {
	char name[64], tenant[64], verdict[12], note[40];
	unsigned rung; /* 0 clear ... 4 block */
	double bulk, abuse, hour, day;
};

struct top_view {
	unsigned sort; /* enum top_sort */
	char filter[64];
	struct top_row *all, *rows; /* all servers, and those that pass the filter; heap */
	unsigned all_count, count, first, chosen;
	char title[TOP_LINE_BYTES];
};

void top_view_free(struct top_view *v);
/* Takes a status and a list of SERVER (policy/ctl.h). */
void top_view_fill(struct top_view *v, const json_t *status, const json_t *servers);
/* Filters and sorts; the chosen row stays inside. */
void top_view_order(struct top_view *v);
/* Moves the first row so that the chosen one is among `rows` rows. */
void top_view_scroll(struct top_view *v, unsigned rows);

/* Lines; each returns its buffer. */
const char *top_view_title(const struct top_view *v, char line[TOP_LINE_BYTES]);
const char *top_view_subtitle(const struct top_view *v, char line[TOP_LINE_BYTES]);
const char *top_view_head(char line[TOP_LINE_BYTES]);
const char *top_view_row(const struct top_row *row, char line[TOP_LINE_BYTES]);

#endif
