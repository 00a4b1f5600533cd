/* SPDX-License-Identifier: ISC */
/*
 * bulkhead completion bash|zsh: the script that completes command lines, made from the table of
 * commands, so that it cannot lag behind it.  Asks no guard.  bulkhead (CLI).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/output_json.h"

/* What an operand or an option's value is, guessed from how the help calls it. */
enum kind { KIND_TEXT, KIND_FILE, KIND_SERVER, KIND_WORDS };

static enum kind
kind_of(const char *name)
{
	if (name == NULL || name[0] == '\0')
		return KIND_TEXT;
	if (strcmp(name, "S|CASE") == 0 || (name[0] == 'S' && strchr(" .", name[1]) != NULL))
		return KIND_SERVER;
	if (strstr(name, "FILE") != NULL || strcmp(name, "PATH") == 0 || strcmp(name, "F") == 0)
		return KIND_FILE;
	return strchr(name, '|') != NULL ? KIND_WORDS : KIND_TEXT;
}

/* "[observe|enforce]" as "observe enforce". */
static void
put_words(FILE *f, const char *name)
{
	for (; *name != '\0'; name++)
		if (strchr("[]", *name) == NULL)
			fputc(*name == '|' ? ' ' : *name, f);
}

/* Text inside single quotes. */
static void
put_quoted(FILE *f, const char *text)
{
	fputc('\'', f);
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			fputs("'\\'", f);
		fputc(*text, f);
	}
	fputc('\'', f);
}

static void
put_options(FILE *f, const struct option *options)
{
	for (; options != NULL && options->name != NULL; options++)
		fprintf(f, " --%s", options->name);
}

/* Each first word once, with the summary of a command that has no second one. */
static bool
is_first_of_family(const struct command *table, const struct command *c, size_t length)
{
	for (; table < c; table++)
		if (strncmp(table->name, c->name, length) == 0 && table->name[length] == ' ')
			return false;
	return true;
}

static void
put_first_words(FILE *f, const struct command *table)
{
	fputs("\t'') choices='", f);
	for (const struct command *c = table; c->name != NULL; c++) {
		size_t length = strcspn(c->name, " ");

		if (is_first_of_family(table, c, length))
			fprintf(f, "%s%.*s", c == table ? "" : " ", (int)length, c->name);
	}
	fputs("' ;;\n", f);
}

static void
put_families(FILE *f, const struct command *table)
{
	for (const struct command *c = table; c->name != NULL; c++) {
		size_t length = strcspn(c->name, " ");

		if (c->name[length] == '\0' || !is_first_of_family(table, c, length))
			continue;
		fprintf(f, "\t'%.*s') choices='", (int)length, c->name);
		for (const struct command *one = c; one->name != NULL; one++)
			if (strncmp(one->name, c->name, length + 1) == 0)
				fprintf(f, "%s ", one->name + length + 1);
		fputs("' ;;\n", f);
	}
}

static void
put_command(FILE *f, const struct command *c)
{
	fprintf(f, "\t'%s'|'%s '*) options='", c->name, c->name);
	put_options(f, c->options);
	fputc('\'', f);
	switch (kind_of(c->operands)) {
	case KIND_SERVER:
		fputs(" choices=$(_bulkhead_servers)", f);
		break;
	case KIND_WORDS:
		fputs(" choices='", f);
		put_words(f, c->operands);
		fputc('\'', f);
		break;
	case KIND_FILE:
		fputs(" files=yes", f);
		break;
	case KIND_TEXT:
		break;
	}
	fputs(" ;;\n", f);
}

/* What follows an option that takes a value. */
static void
put_values(FILE *f, const struct command *table)
{
	for (const struct command *c = table; c->name != NULL; c++)
		for (const struct option *o = c->options; o != NULL && o->name != NULL; o++) {
			if (o->value == NULL)
				continue;
			fprintf(f, "\t'%s'*' --%s') value=yes", c->name, o->name);
			if (kind_of(o->value) == KIND_WORDS) {
				fputs(" choices='", f);
				put_words(f, o->value);
				fputc('\'', f);
			} else if (kind_of(o->value) == KIND_SERVER ||
				   strcmp(o->name, "server") == 0) {
				fputs(" choices=$(_bulkhead_servers)", f);
			} else if (kind_of(o->value) == KIND_FILE) {
				fputs(" files=yes", f);
			}
			fputs(" ;;\n", f);
		}
}

/* The part that both shells share: from $command and $previous to choices, options, files, value.
 */
static void
put_tables(FILE *f, const struct command *table)
{
	fputs("_bulkhead_servers() {\n"
	      "\tbulkhead server list --json 2>/dev/null | sed -n 's/^ *\"server\": "
	      "\"\\(.*\\)\".*/\\1/p'\n"
	      "}\n\n"
	      "# Sets choices, options, files and value from the words before the cursor.\n"
	      "_bulkhead_know() { # command-so-far previous-word\n"
	      "\tchoices='' options='' files='' value=''\n"
	      "\tcase $2 in --socket|--config) files=yes value=yes; return ;; esac\n"
	      "\tcase \"$1 $2\" in\n",
	    f);
	put_values(f, table);
	fputs("\tesac\n\t[ -n \"$value\" ] && return\n\tcase $1 in\n", f);
	put_first_words(f, table);
	put_families(f, table);
	for (const struct command *c = table; c->name != NULL; c++)
		put_command(f, c);
	fputs("\tesac\n\toptions=\"$options --json --socket --config --help\"\n}\n\n", f);
}

static void
put_bash(FILE *f, const struct command *table)
{
	fputs("# bash completion for bulkhead(1), made by `bulkhead completion bash`\n", f);
	put_tables(f, table);
	fputs("_bulkhead() {\n"
	      "\tlocal current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
	      "\tlocal command='' choices options files value i\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tcase ${COMP_WORDS[i]} in\n"
	      "\t\t--socket|--config) i=$((i + 1)) ;;\n"
	      "\t\t-*) ;;\n"
	      "\t\t*) command=\"$command${command:+ }${COMP_WORDS[i]}\" ;;\n"
	      "\t\tesac\n"
	      "\tdone\n"
	      "\t_bulkhead_know \"$command\" \"$previous\"\n"
	      "\tCOMPREPLY=()\n"
	      "\t[ -n \"$files\" ] && mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
	      "\tcase $current in -*) [ -n \"$value\" ] || choices=\"$options\" ;; esac\n"
	      "\t[ -n \"$choices\" ] && mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen "
	      "-W \"$choices\" -- \"$current\")\n"
	      "\treturn 0\n"
	      "}\n"
	      "complete -o filenames -F _bulkhead bulkhead\n",
	    f);
}

static void
put_zsh(FILE *f, const struct command *table)
{
	fputs("#compdef bulkhead\n# zsh completion for bulkhead(1), made by `bulkhead completion "
	      "zsh`\n",
	    f);
	put_tables(f, table);
	fputs("_bulkhead_summaries=(\n", f);
	for (const struct command *c = table; c->name != NULL; c++) {
		char line[256];

		if (strchr(c->name, ' ') != NULL)
			continue;
		snprintf(line, sizeof(line), "%s:%s", c->name, c->summary);
		fputc('\t', f);
		put_quoted(f, line);
		fputc('\n', f);
	}
	fputs(")\n\n"
	      "_bulkhead() {\n"
	      "\tlocal command='' words_before word skip='' choices options files value\n"
	      "\tlocal current=$words[CURRENT] previous=$words[CURRENT-1]\n"
	      "\twords_before=(${words[2,CURRENT-1]})\n"
	      "\tfor word in $words_before; do\n"
	      "\t\tif [ -n \"$skip\" ]; then skip=''; continue; fi\n"
	      "\t\tcase $word in\n"
	      "\t\t--socket|--config) skip=yes ;;\n"
	      "\t\t-*) ;;\n"
	      "\t\t*) command=\"$command${command:+ }$word\" ;;\n"
	      "\t\tesac\n"
	      "\tdone\n"
	      "\t_bulkhead_know \"$command\" \"$previous\"\n"
	      "\t[ -n \"$files\" ] && _files\n"
	      "\tcase $current in\n"
	      "\t-*) [ -n \"$value\" ] || compadd -- ${=options} ;;\n"
	      "\t*) [ -z \"$command\" ] && _describe command "
	      "_bulkhead_summaries\n"
	      "\t   compadd -- ${=choices} ;;\n"
	      "\tesac\n"
	      "}\n"
	      "_bulkhead \"$@\"\n",
	    f);
}

int
cmd_completion(struct context *ctx, json_t **data, struct err *e)
{
	const char *shell = ctx->operands[0];
	char *text = NULL;
	size_t size = 0;
	FILE *f;

	if (strcmp(shell, "bash") != 0 && strcmp(shell, "zsh") != 0)
		return context_usage(
		    ctx, e, "completion is there for bash and zsh, not for \"%s\"", shell);
	f = open_memstream(&text, &size);
	if (f == NULL)
		return err_set(e, -ENOMEM, "no memory for the completion script");
	if (shell[0] == 'b')
		put_bash(f, ctx->table);
	else
		put_zsh(f, ctx->table);
	fclose(f);
	*data = json_pack("{s:s, s:s}", "shell", shell, "script", text);
	free(text);
	return 0;
}

void
print_completion(struct output *out, const json_t *data)
{
	fputs(output_json_get(data, "script", ""), out->file);
}
