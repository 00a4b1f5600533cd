/* SPDX-License-Identifier: ISC */
/*
 * Tests of cli/output_text, cli/output_json, cli/args and base/text: nothing from a network steers
 * the terminal, tables fit, the command line is understood or refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"
#include "cli/args.h"
#include "cli/output_json.h"
#include "cli/output_text.h"

/* What a printer wrote. */
struct page {
	struct output out;
	char *text;
	size_t size;
};

static void
page_open(struct page *p, unsigned width, bool color)
{
	memset(p, 0, sizeof(*p));
	p->out.file = open_memstream(&p->text, &p->size);
	assert_non_null(p->out.file);
	p->out.width = width;
	p->out.color = color;
}

static const char *
page_text(struct page *p)
{
	assert_int_equal(fflush(p->out.file), 0);
	assert_non_null(p->text);
	return p->text;
}

static void
page_close(struct page *p)
{
	fclose(p->out.file);
	free(p->text);
}

static void
test_text_decode(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		uint32_t code;
	} rows[] = {
	    {"a", 1, 'a'},
	    {"\xd0\x96", 2, 0x416},
	    {"\xe2\x82\xac", 3, 0x20ac},
	    {"\xf0\x9f\x98\x80", 4, 0x1f600},
	    {"\x80", 0, 0x80},		   /* continuation first */
	    {"\xc0\xaf", 0, 0xc0},	   /* overlong */
	    {"\xe0\x80\xaf", 0, 0xe0},	   /* overlong */
	    {"\xed\xa0\x80", 0, 0xed},	   /* surrogate */
	    {"\xf4\x90\x80\x80", 0, 0xf4}, /* beyond U+10FFFF */
	    {"\xe2\x82", 0, 0xe2},	   /* cut */
	    {"\xff", 0, 0xff},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t code = 0;

		assert_int_equal(text_decode(rows[i].bytes, &code), rows[i].length);
		assert_int_equal(code, rows[i].code);
	}
}

static void
test_text_clean(void **state)
{
	char buf[8];

	(void)state;
	assert_string_equal(text_clean(buf, sizeof(buf), "a\033[2J"), "a?[2J");
	assert_string_equal(text_clean(buf, sizeof(buf), "\xff\xc2\x9b\x7f"), "???");
	/* Never half a character: seven bytes of room hold three of these. */
	assert_string_equal(text_clean(buf, sizeof(buf), "\xd0\x96\xd0\x96\xd0\x96\xd0\x96"),
	    "\xd0\x96\xd0\x96\xd0\x96");
	assert_string_equal(text_clean(buf, 1, "abc"), "");
	assert_true(text_is_plain("", 0));
	assert_true(text_is_plain(" mx.example~\n", 12));
	assert_false(text_is_plain(" mx.example~\n", 13));
	assert_false(text_is_plain("a\x1f", 2));
	assert_false(text_is_plain("a\x7f", 2));
	assert_false(text_is_plain("a\xd0\x96", 3));
	assert_false(text_is_plain("a\0b", 3));
	assert_int_equal(text_columns("\xd0\x96\xd0\x96 a"), 4);
}

static void
test_escaped(void **state)
{
	struct page p;

	(void)state;
	page_open(&p, 0, false);
	output_line(&p.out, OUTPUT_PLAIN, "%s",
	    "550 \033]0;owned\007 \r\n\xc2\x9bH \xff \xe2\x80\xae ok \xd0\x96");
	assert_string_equal(page_text(&p),
	    "550 \\x1b]0;owned\\x07 \\x0d\\x0a\\u{9b}H \\xff \\u{202e} ok \xd0\x96\n");
	page_close(&p);
}

static void
test_colour_only_when_asked(void **state)
{
	struct page p;

	(void)state;
	page_open(&p, 0, true);
	output_line(&p.out, OUTPUT_BAD, "x\033[0m");
	assert_string_equal(page_text(&p), "\033[1;31mx\\x1b[0m\033[0m\n");
	page_close(&p);
	page_open(&p, 0, false);
	output_line(&p.out, OUTPUT_BAD, "x");
	assert_string_equal(page_text(&p), "x\n");
	page_close(&p);
}

static const struct output_column two[] = {{"NAME", false, true}, {"N", true, false}};

static void
fill(const struct output *out)
{
	struct output_table *t = output_table_new(two, 2);

	output_table_cell(t, OUTPUT_PLAIN, "a-very-long-name-of-a-server");
	output_table_cell(t, OUTPUT_PLAIN, "%d", 12345);
	output_table_cell(t, OUTPUT_PLAIN, "\xd0\x96\xd0\x96");
	output_table_cell(t, OUTPUT_PLAIN, "%d", 7);
	output_table_finish(t, out);
}

static void
test_table(void **state)
{
	struct page p;

	(void)state;
	page_open(&p, 0, false);
	fill(&p.out);
	assert_string_equal(page_text(&p), "NAME                              N\n"
					   "a-very-long-name-of-a-server  12345\n"
					   "\xd0\x96\xd0\x96                                7\n");
	page_close(&p);
}

static void
test_table_fits(void **state)
{
	struct page p;
	char *copy;

	(void)state;
	page_open(&p, 20, false);
	fill(&p.out);
	copy = strdup(page_text(&p));
	assert_non_null(copy);
	for (char *line = strtok(copy, "\n"); line != NULL; line = strtok(NULL, "\n"))
		assert_true(text_columns(line) <= 20);
	free(copy);
	assert_non_null(strstr(p.text, "a-very-long-~  12345\n"));
	page_close(&p);
}

static void
test_text_wraps(void **state)
{
	struct page p;

	(void)state;
	page_open(&p, 24, false);
	output_text(&p.out, "Why:\n  - one two three four five\n");
	assert_string_equal(page_text(&p), "Why:\n  - one two three four\n    five\n");
	page_close(&p);
}

static void
test_json_is_safe_and_ordered(void **state)
{
	json_t *data =
	    json_pack("{s:s, s:f, s:n}", "z", "\x7f\xc2\x9b\xd0\x96\033", "a", 1.25, "m");
	struct page p;

	(void)state;
	assert_non_null(data);
	page_open(&p, 0, false);
	assert_int_equal(output_json(p.out.file, data), 0);
	assert_string_equal(page_text(&p),
	    "{\n  \"z\": \"\\u007F\\u009B\xd0\x96\\u001B\",\n  \"a\": 1.25,\n  \"m\": null\n}\n");
	page_close(&p);
	json_decref(data);
}

/* --- the command line --- */

static const struct option options[] = {
    {"reason", "TEXT", true, false, "why"},
    {"domain", "D", false, true, "many"},
    {"all", NULL, false, false, "flag"},
    {NULL, NULL, false, false, NULL},
};
static const struct command commands[] = {
    {"status", "", 0, 0, NULL, "", "", NULL, NULL},
    {"block", "S", 1, 1, options, "", "", NULL, NULL},
    {"server list", "", 0, 0, NULL, "", "", NULL, NULL},
    {"server show", "S", 1, 1, NULL, "", "", NULL, NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL},
};

static int
parse(struct context *ctx, enum args_wish *wish, struct err *e, int count, const char *const *words)
{
	static char *argv[16];
	const char *family;

	argv[0] = (char *)"bulkhead";
	for (int i = 0; i < count; i++)
		argv[i + 1] = (char *)words[i];
	memset(e, 0, sizeof(*e));
	return args_parse(commands, count + 1, argv, ctx, wish, &family, e);
}

#define PARSE(...)                                                               \
	parse(&ctx, &wish, &e,                                                   \
	    (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *)), \
	    (const char *[]){__VA_ARGS__})

static void
test_args_good(void **state)
{
	struct context ctx;
	enum args_wish wish;
	struct err e;

	(void)state;
	assert_int_equal(parse(&ctx, &wish, &e, 0, NULL), 0);
	assert_string_equal(ctx.command->name, "status");
	assert_int_equal(PARSE("server", "--json", "show", "vm-7", "--socket", "/x"), 0);
	assert_string_equal(ctx.command->name, "server show");
	assert_true(ctx.json);
	assert_string_equal(ctx.socket, "/x");
	assert_string_equal(ctx.operands[0], "vm-7");
	assert_int_equal(
	    PARSE("block", "--domain=a", "vm-7", "--domain", "b", "--reason", "-x", "--all"), 0);
	assert_string_equal(context_get_nth(&ctx, "domain", 0), "a");
	assert_string_equal(context_get_nth(&ctx, "domain", 1), "b");
	assert_null(context_get_nth(&ctx, "domain", 2));
	assert_string_equal(context_get(&ctx, "reason"), "-x");
	assert_true(context_has(&ctx, "all"));
	assert_int_equal(PARSE("block", "--reason", "r", "--", "--json"), 0);
	assert_false(ctx.json);
	assert_string_equal(ctx.operands[0], "--json");
	assert_int_equal(PARSE("server", "--help"), 0);
	assert_int_equal(wish, ARGS_HELP);
	assert_null(ctx.command);
	assert_int_equal(PARSE("block", "-h"), 0);
	assert_int_equal(wish, ARGS_HELP);
	assert_string_equal(ctx.command->name, "block");
}

static void
test_args_bad(void **state)
{
	struct context ctx;
	enum args_wish wish;
	struct err e;

	(void)state;
	assert_int_equal(PARSE("stauts"), -EINVAL);
	assert_non_null(strstr(e.text, "did you mean \"status\""));
	assert_int_equal(PARSE("server", "lsit"), -EINVAL);
	assert_non_null(strstr(e.text, "did you mean \"server list\""));
	assert_int_equal(PARSE("servr", "list"), -EINVAL);
	assert_non_null(strstr(e.text, "did you mean \"server list\""));
	assert_int_equal(PARSE("list"), -EINVAL);
	assert_non_null(strstr(e.text, "did you mean \"server list\""));
	assert_int_equal(PARSE("frobnicate"), -EINVAL);
	assert_null(strstr(e.text, "did you mean"));
	assert_int_equal(PARSE("server"), -EINVAL);
	assert_int_equal(PARSE("server", "show"), -EINVAL);
	assert_int_equal(PARSE("server", "show", "a", "b"), -EINVAL);
	assert_int_equal(PARSE("block", "vm-7"), -EINVAL);
	assert_non_null(strstr(e.text, "--reason"));
	assert_int_equal(PARSE("block", "vm-7", "--reson", "x"), -EINVAL);
	assert_non_null(strstr(e.text, "did you mean --reason"));
	assert_int_equal(PARSE("block", "vm-7", "--reason"), -EINVAL);
	assert_int_equal(PARSE("block", "vm-7", "--reason", "a", "--reason", "b"), -EINVAL);
	assert_int_equal(PARSE("block", "vm-7", "--reason", "a", "--all=1"), -EINVAL);
	assert_int_equal(PARSE("--socket"), -EINVAL);
	assert_int_equal(PARSE("--frob"), -EINVAL);
}

static void
test_numbers(void **state)
{
	static const struct option spans[] = {{"for", "SPAN", false, false, ""},
	    {"n", "N", false, false, ""}, {NULL, NULL, false, false, NULL}};
	struct context ctx = {.given_count = 2};
	struct err e = {0};
	int64_t value = 42;

	(void)state;
	ctx.given[0].option = &spans[0];
	ctx.given[0].value = "2h";
	ctx.given[1].option = &spans[1];
	ctx.given[1].value = "12x";
	assert_int_equal(context_span_s(&ctx, "for", &value, &e), 0);
	assert_int_equal(value, 7200);
	assert_int_equal(context_number(&ctx, "n", &value, &e), -EINVAL);
	assert_true(ctx.usage_error);
	assert_int_equal(value, 7200);
	ctx.given[0].value = "2";
	assert_int_equal(context_span_s(&ctx, "for", &value, &e), -EINVAL);
	ctx.given[1].value = "-3";
	assert_int_equal(context_number(&ctx, "n", &value, &e), -EINVAL);
	assert_int_equal(context_number(&ctx, "absent", &value, &e), 0);
	assert_int_equal(value, 7200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text_decode),
	    cmocka_unit_test(test_text_clean),
	    cmocka_unit_test(test_escaped),
	    cmocka_unit_test(test_colour_only_when_asked),
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_table_fits),
	    cmocka_unit_test(test_text_wraps),
	    cmocka_unit_test(test_json_is_safe_and_ordered),
	    cmocka_unit_test(test_args_good),
	    cmocka_unit_test(test_args_bad),
	    cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
