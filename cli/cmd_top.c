/* SPDX-License-Identifier: ISC */
/*
 * bulkhead top: the servers on a live screen, sorted and filtered, with the explanation of one on
 * demand.  What is drawn is decided by cli/top_view.c; this file is the terminal.  bulkhead (CLI).
 */
#include <errno.h>
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output_json.h"
#include "cli/top_view.h"

#define REFRESH_MS 1000
#define RED	   ((attr_t)COLOR_PAIR(1) | A_BOLD)
#define YELLOW	   ((attr_t)COLOR_PAIR(2))

const struct option options_top[] = {
    {"sort", "bulk|abuse|name|verdict|hour", false, false, "order at the start; s changes it"},
    {"filter", "TEXT", false, false, "only servers whose name, tenant or verdict holds it"},
    {NULL, NULL, false, false, NULL},
};

static const char help_line[] = "q quit  s sort  / filter  up/down choose  enter explain";

static void
put(int row, attr_t attributes, const char *text)
{
	attron(attributes);
	move(row, 0);
	clrtoeol();
	/* Nothing but printable ASCII: names come from files that people import. */
	for (int x = 0; *text != '\0' && x < COLS; text++, x++)
		addch((unsigned char)*text >= 0x20 && (unsigned char)*text < 0x7f
			  ? (chtype)(unsigned char)*text
			  : '?');
	attroff(attributes);
}

static attr_t
color_of(const struct top_row *row)
{
	if (row->rung >= 3)
		return RED;
	return row->rung >= 1 ? YELLOW : 0;
}

static void
draw(struct top_view *v, const char *trouble)
{
	char line[TOP_LINE_BYTES];
	int rows = LINES - 4;

	erase();
	put(0, A_BOLD, top_view_title(v, line));
	put(1, trouble[0] != '\0' ? RED : 0,
	    trouble[0] != '\0' ? trouble : top_view_subtitle(v, line));
	put(2, A_REVERSE, top_view_head(line));
	top_view_scroll(v, rows < 1 ? 1 : (unsigned)rows);
	for (int i = 0; i < rows; i++) {
		unsigned n = v->first + (unsigned)i;

		if (n >= v->count)
			break;
		put(3 + i, color_of(&v->rows[n]) | (n == v->chosen ? A_REVERSE : 0),
		    top_view_row(&v->rows[n], line));
	}
	put(LINES - 1, A_DIM, help_line);
	refresh();
}

/* The tenant's text of the chosen server, until a key. */
static void
explain(struct context *ctx, const struct top_view *v)
{
	const char *text, *end;
	json_t *data = NULL;
	struct err e = {0};
	int row = 0;

	if (v->chosen >= v->count)
		return;
	erase();
	if (client_call(ctx, "explain", json_pack("{s:s}", "target", v->rows[v->chosen].name), NULL,
		0, &data, &e) < 0)
		put(row++, RED, e.text);
	text = output_json_get(json_object_get(data, "text"), "en", "");
	for (; *text != '\0' && row < LINES - 1; text = end) {
		char line[TOP_LINE_BYTES];
		size_t room = COLS > 1 && COLS < TOP_LINE_BYTES ? (size_t)COLS : TOP_LINE_BYTES - 1;
		size_t length = strcspn(text, "\n");

		if (length > room)
			length = room;
		memcpy(line, text, length);
		line[length] = '\0';
		put(row++, 0, line);
		end = text + length + (text[length] == '\n');
	}
	put(LINES - 1, A_DIM, "any key: back");
	refresh();
	json_decref(data);
	timeout(-1);
	getch();
}

static void
ask_filter(struct top_view *v)
{
	char text[sizeof(v->filter)] = "";

	put(LINES - 1, A_BOLD, "filter: ");
	echo();
	curs_set(1);
	timeout(-1);
	mvgetnstr(LINES - 1, 8, text, (int)sizeof(text) - 1);
	noecho();
	curs_set(0);
	memcpy(v->filter, text, sizeof(text));
	v->chosen = v->first = 0;
}

/* False: the end. */
static bool
on_key(struct context *ctx, struct top_view *v, int key)
{
	switch (key) {
	case 'q':
	case 27:
		return false;
	case 's':
		v->sort = (v->sort + 1) % TOP_SORT__COUNT;
		break;
	case '/':
		ask_filter(v);
		break;
	case KEY_DOWN:
	case 'j':
		v->chosen++;
		break;
	case KEY_UP:
	case 'k':
		v->chosen -= v->chosen > 0;
		break;
	case KEY_NPAGE:
		v->chosen += LINES > 6 ? (unsigned)LINES - 5 : 1;
		break;
	case KEY_PPAGE:
		v->chosen -= v->chosen < (unsigned)LINES ? v->chosen : (unsigned)LINES - 5;
		break;
	case '\n':
	case KEY_ENTER:
		explain(ctx, v);
		break;
	default:
		break;
	}
	return true;
}

/* Status and servers of now; the old ones stay when the guard does not answer. */
static void
update(struct context *ctx, struct top_view *v, struct err *e)
{
	json_t *status = NULL, *servers = NULL;

	e->text[0] = '\0';
	if (client_call(ctx, "status", json_object(), NULL, 0, &status, e) == 0 &&
	    cmd_server_list(ctx, &servers, e) == 0)
		top_view_fill(v, status, json_object_get(servers, "servers"));
	json_decref(status);
	json_decref(servers);
}

static void
loop(struct context *ctx, struct top_view *v)
{
	struct err e = {0};
	int key = ERR;

	do {
		if (key == ERR)
			update(ctx, v, &e);
		top_view_order(v);
		draw(v, e.text);
		timeout(REFRESH_MS);
		key = getch();
	} while (key == ERR || on_key(ctx, v, key));
}

int
cmd_top(struct context *ctx, json_t **data, struct err *e)
{
	const char *sort = context_get(ctx, "sort"), *filter = context_get(ctx, "filter");
	const char *term = getenv("TERM"), *plain = getenv("NO_COLOR");
	struct top_view v = {.sort = TOP_SORT_VERDICT};
	json_t *probe = NULL;
	SCREEN *screen;
	int rc;

	(void)data;
	if (sort != NULL && top_sort_parse(sort, &v.sort) < 0)
		return context_usage(
		    ctx, e, "top sorts by %s, not by \"%s\"", options_top[0].value, sort);
	snprintf(v.filter, sizeof(v.filter), "%s", filter != NULL ? filter : "");
	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO) || ctx->json)
		return err_set(e, -ENOTTY,
		    "top needs a terminal: for programs there are `bulkhead server list --json` "
		    "and "
		    "`bulkhead events --follow --json`");
	/* Who may not look, or no guard: said as a sentence, not on a screen that vanishes. */
	rc = client_call(ctx, "status", json_object(), NULL, 0, &probe, e);
	if (rc < 0)
		return rc;
	json_decref(probe);
	screen = newterm(NULL, stdout, stdin);
	if (screen == NULL)
		return err_set(e, -ENOTTY,
		    "the terminal \"%s\" is unknown: set TERM, as TERM=xterm",
		    term != NULL ? term : "");
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	if (has_colors() && (plain == NULL || plain[0] == '\0')) {
		start_color();
		use_default_colors();
		init_pair(1, COLOR_RED, -1);
		init_pair(2, COLOR_YELLOW, -1);
	}
	loop(ctx, &v);
	endwin();
	delscreen(screen);
	top_view_free(&v);
	return 0;
}
