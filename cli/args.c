/* SPDX-License-Identifier: ISC */
/*
 * The command line: global options anywhere, subcommands of one or two words, help made from the
 * table. bulkhead (CLI).
 */
#include "cli/args.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static const struct option global_options[] = {
    {"json", NULL, false, false, "print JSON (documented and stable) instead of text"},
    {"socket", "PATH", false, false, "socket of the guard, instead of ctl.sock in run_dir"},
    {"config", "FILE", false, false, "configuration, instead of /etc/bulkhead/bulkhead.conf"},
    {"help", NULL, false, false, "this text"},
    {"version", NULL, false, false, "the version"},
    {NULL, NULL, false, false, NULL},
};

static const struct option no_options[] = {{NULL, NULL, false, false, NULL}};

/* Optimal string alignment distance, for short words; more than 31 characters are far from
 * everything. */
static unsigned
edit_distance(const char *a, const char *b)
{
	unsigned d[32][32];
	size_t n = strlen(a), m = strlen(b);

	if (n > 31 || m > 31)
		return 99;
	for (size_t i = 0; i <= n; i++) {
		for (size_t j = 0; j <= m; j++) {
			unsigned best;

			if (i == 0 || j == 0) {
				d[i][j] = (unsigned)(i + j);
				continue;
			}
			best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			best = d[i - 1][j] + 1 < best ? d[i - 1][j] + 1 : best;
			best = d[i][j - 1] + 1 < best ? d[i][j - 1] + 1 : best;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[n][m];
}

/* The name nearest to a mistyped one, or NULL when none is near. */
static const char *
nearest_name(const struct command *commands, const char *typed)
{
	const char *nearest = NULL;
	unsigned least = 3; /* two slips are a typing error, three another word */

	for (const struct command *c = commands; c->name != NULL; c++) {
		unsigned distance = edit_distance(typed, c->name);

		if (distance < least && distance < strlen(c->name)) {
			least = distance;
			nearest = c->name;
		}
	}
	return nearest;
}

static const struct option *
find_option(const struct option *options, const char *name, size_t length)
{
	for (; options->name != NULL; options++)
		if (strlen(options->name) == length && strncmp(options->name, name, length) == 0)
			return options;
	return NULL;
}

/*
 * When argv[*i] is an option of the table, stores its value (NULL for a flag), moves *i to its last
 * word and returns the option; *e is filled when its value is missing or not wanted.
 */
static const struct option *
take_option(
    const struct option *options, int argc, char **argv, int *i, const char **value, struct err *e)
{
	const char *word = argv[*i] + 2, *equals = strchr(word, '=');
	size_t length = equals != NULL ? (size_t)(equals - word) : strlen(word);
	const struct option *option = find_option(options, word, length);

	if (option == NULL)
		return NULL;
	*value = equals != NULL ? equals + 1 : NULL;
	if (option->value == NULL && equals != NULL)
		err_set(e, -EINVAL, "--%s takes no value", option->name);
	if (option->value == NULL || equals != NULL)
		return option;
	if (*i + 1 >= argc)
		err_set(e, -EINVAL, "--%s needs a value (%s)", option->name, option->value);
	else
		*value = argv[++*i];
	return option;
}

/* Takes the global options out of argv; returns the new argc, or -EINVAL. */
static int
take_globals(int argc, char **argv, struct context *ctx, enum args_wish *wish, struct err *e)
{
	int kept = 0;

	e->code = 0;
	for (int i = 0; i < argc; i++) {
		const struct option *option = NULL;
		const char *value = NULL;

		if (strcmp(argv[i], "--") == 0) {
			while (i < argc)
				argv[kept++] = argv[i++];
			break;
		}
		if (strcmp(argv[i], "-h") == 0)
			option = find_option(global_options, "help", 4);
		else if (strncmp(argv[i], "--", 2) == 0)
			option = take_option(global_options, argc, argv, &i, &value, e);
		if (e->code != 0)
			return e->code;
		if (option == NULL)
			argv[kept++] = argv[i];
		else if (strcmp(option->name, "json") == 0)
			ctx->json = true;
		else if (strcmp(option->name, "socket") == 0)
			ctx->socket = value;
		else if (strcmp(option->name, "config") == 0)
			ctx->config = value;
		else
			*wish = strcmp(option->name, "help") == 0 ? ARGS_HELP : ARGS_VERSION;
	}
	return kept;
}

/* What a person meant who typed `first`, and with the word after it `two`: a slip, or a family left out
 * ("approve 3").  NULL when nothing is near. */
static const char *
guess_command(const struct command *commands, const char *first, const char *two, bool in_family)
{
	const char *near = in_family ? NULL : nearest_name(commands, first);

	if (near == NULL)
		near = nearest_name(commands, two);
	if (near != NULL || in_family)
		return near;
	for (const struct command *c = commands; c->name != NULL; c++) {
		const char *second = strchr(c->name, ' ');

		if (second != NULL && strcmp(second + 1, first) == 0)
			return c->name;
	}
	return NULL;
}

/* Sets ctx->command from the first one or two words; returns how many they are, or -EINVAL. */
static int
find_command(const struct command *commands, int argc, char **argv, struct context *ctx,
    const char **family, struct err *e)
{
	char two[64];
	const char *near;

	if (argc == 0) {
		ctx->command = commands;
		return 0;
	}
	snprintf(two, sizeof(two), "%s %s", argv[0], argc > 1 ? argv[1] : "");
	for (const struct command *c = commands; c->name != NULL; c++) {
		if (strcmp(c->name, two) == 0 || strcmp(c->name, argv[0]) == 0) {
			ctx->command = c;
			return strchr(c->name, ' ') != NULL ? 2 : 1;
		}
		if (strncmp(c->name, argv[0], strlen(argv[0])) == 0 &&
		    c->name[strlen(argv[0])] == ' ')
			*family = argv[0];
	}
	if (*family != NULL && argc == 1)
		return err_set(e, -EINVAL, "%s what? `bulkhead %s --help` lists what it can do",
		    argv[0], argv[0]);
	near = guess_command(commands, argv[0], two, *family != NULL);
	if (argv[0][0] == '-')
		return err_set(e, -EINVAL, "there is no option %s: see bulkhead --help", argv[0]);
	if (near != NULL)
		return err_set(e, -EINVAL, "there is no command \"%s\"; did you mean \"%s\"?",
		    *family != NULL ? two : argv[0], near);
	return err_set(e, -EINVAL, "there is no command \"%s\": bulkhead --help lists them",
	    *family != NULL ? two : argv[0]);
}

static int
unknown_option(const struct command *c, const char *word, struct err *e)
{
	const struct option *options = c->options != NULL ? c->options : no_options;
	const char *near = NULL;

	for (; options->name != NULL; options++)
		if (edit_distance(word + strspn(word, "-"), options->name) < 3)
			near = options->name;
	if (near != NULL)
		return err_set(
		    e, -EINVAL, "%s has no option %s; did you mean --%s?", c->name, word, near);
	return err_set(
	    e, -EINVAL, "%s has no option %s: see bulkhead %s --help", c->name, word, c->name);
}

static int
take_command_options(int argc, char **argv, struct context *ctx, struct err *e)
{
	const struct option *options =
	    ctx->command->options != NULL ? ctx->command->options : no_options;
	static char output_option[] = "--output"; /* what -o is short for */
	int kept = 0;

	for (int i = 0; i < argc; i++) {
		const struct option *option;
		const char *value = NULL;

		if (strcmp(argv[i], "--") == 0) {
			while (++i < argc)
				argv[kept++] = argv[i];
			break;
		}
		if (argv[i][0] != '-' || argv[i][1] == '\0') { /* "-" is standard input */
			argv[kept++] = argv[i];
			continue;
		}
		if (strcmp(argv[i], "-o") == 0)
			argv[i] = output_option;
		option = argv[i][1] == '-' ? take_option(options, argc, argv, &i, &value, e) : NULL;
		if (e->code != 0)
			return e->code;
		if (option == NULL)
			return unknown_option(ctx->command, argv[i], e);
		if (!option->many && context_has(ctx, option->name))
			return err_set(e, -EINVAL, "--%s is given twice", option->name);
		if (ctx->given_count == COMMAND_OPTIONS_MAX)
			return err_set(e, -E2BIG, "more than %d options", COMMAND_OPTIONS_MAX);
		ctx->given[ctx->given_count].option = option;
		ctx->given[ctx->given_count++].value = value;
	}
	ctx->operands = argv;
	ctx->operand_count = kept;
	return 0;
}

static int
check_counts(const struct context *ctx, struct err *e)
{
	const struct command *c = ctx->command;
	const struct option *options = c->options != NULL ? c->options : no_options;

	if (ctx->operand_count < c->min)
		return err_set(e, -EINVAL, "%s needs %s: see bulkhead %s --help", c->name,
		    c->operands, c->name);
	if (c->max >= 0 && ctx->operand_count > c->max)
		return err_set(e, -EINVAL, "%s does not take \"%s\": see bulkhead %s --help",
		    c->name, ctx->operands[c->max], c->name);
	for (; options->name != NULL; options++)
		if (options->required && !context_has(ctx, options->name))
			return err_set(e, -EINVAL, "%s needs --%s %s: %s", c->name, options->name,
			    options->value, options->help);
	return 0;
}

int
args_parse(const struct command *commands, int argc, char **argv, struct context *ctx,
    enum args_wish *wish, const char **family, struct err *e)
{
	int words;

	memset(ctx, 0, sizeof(*ctx));
	ctx->table = commands;
	*wish = ARGS_RUN;
	*family = NULL;
	argc = take_globals(argc - 1, argv + 1, ctx, wish, e);
	if (argc < 0)
		return argc;
	argv++;
	if (*wish == ARGS_VERSION || (*wish == ARGS_HELP && argc == 0))
		return 0;
	words = find_command(commands, argc, argv, ctx, family, e);
	if (*wish == ARGS_HELP && (words >= 0 || (*family != NULL && argc == 1))) {
		e->code = 0;
		return 0;
	}
	if (words < 0)
		return words;
	words = take_command_options(argc - words, argv + words, ctx, e);
	return words < 0 ? words : check_counts(ctx, e);
}

static void
help_options(FILE *f, const struct option *options)
{
	for (; options->name != NULL; options++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s%s", options->name,
		    options->value != NULL ? " " : "", options->value != NULL ? options->value : "",
		    options->many ? " ..." : "");
		fprintf(f, "  %-26s %s%s\n", left, options->help,
		    options->required ? " (required)" : "");
	}
}

static void
help_command(FILE *f, const struct command *c)
{
	fprintf(f, "%s: %s\n\nUsage: bulkhead %s%s%s%s\n", c->name, c->summary, c->name,
	    c->operands[0] != '\0' ? " " : "", c->operands, c->options != NULL ? " [options]" : "");
	if (c->options != NULL) {
		fprintf(f, "\nOptions:\n");
		help_options(f, c->options);
	}
	fprintf(f, "\nEverywhere:\n");
	help_options(f, global_options);
	fprintf(f, "\nExamples:\n%s", c->examples);
}

void
args_help(FILE *f, const struct command *commands, const char *family, const struct command *one)
{
	if (one != NULL) {
		help_command(f, one);
		return;
	}
	fprintf(f,
	    "bulkhead: stops bulk mail at the hypervisor\n\nUsage: bulkhead [command] [options]; "
	    "without a command: status\n\nCommands:\n");
	for (const struct command *c = commands; c->name != NULL; c++) {
		char left[64];
		size_t n = family != NULL ? strlen(family) : 0;

		if (family != NULL && (strncmp(c->name, family, n) != 0 || c->name[n] != ' '))
			continue;
		snprintf(left, sizeof(left), "%s %s", c->name, c->operands);
		fprintf(f, "  %-26s %s\n", left, c->summary);
	}
	fprintf(f, "\nEverywhere:\n");
	help_options(f, global_options);
	fprintf(f, "\n`bulkhead COMMAND --help` shows the options and examples of a command.\n"
		   "Exit status: 0 done, 1 refused or failed, 2 wrong command line.\n");
}

const char *
context_get_nth(const struct context *ctx, const char *option, unsigned nth)
{
	for (unsigned i = 0; i < ctx->given_count; i++)
		if (strcmp(ctx->given[i].option->name, option) == 0 && nth-- == 0)
			return ctx->given[i].value;
	return NULL;
}

const char *
context_get(const struct context *ctx, const char *option)
{
	return context_get_nth(ctx, option, 0);
}

bool
context_has(const struct context *ctx, const char *option)
{
	for (unsigned i = 0; i < ctx->given_count; i++)
		if (strcmp(ctx->given[i].option->name, option) == 0)
			return true;
	return false;
}

int
context_usage(struct context *ctx, struct err *e, const char *fmt, ...)
{
	char text[sizeof(e->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ctx->usage_error = true;
	return err_set(e, -EINVAL, "%s", text);
}

int
context_number(struct context *ctx, const char *option, int64_t *out, struct err *e)
{
	const char *text = context_get(ctx, option);
	char *end;
	long long n;

	if (text == NULL)
		return 0;
	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < 0)
		return context_usage(ctx, e, "--%s is a whole number, not \"%s\"", option, text);
	*out = n;
	return 0;
}

int
context_span_s(struct context *ctx, const char *option, int64_t *out, struct err *e)
{
	const char *text = context_get(ctx, option);
	int64_t span;

	if (text == NULL)
		return 0;
	if (clock_parse_span(text, &span) < 0 || span < CLOCK_SECOND_NS)
		return context_usage(ctx, e,
		    "--%s is a duration like 90s, 15m, 2h or 30d, not \"%s\"", option, text);
	*out = span / CLOCK_SECOND_NS;
	return 0;
}
