/* SPDX-License-Identifier: ISC */
/*
 * bulkhead whitelist intake: a support mail from standard input becomes a draft, or more evidence, and a
 * letter to send back.  bulkhead (CLI).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/output_json.h"
#include "whitelist/intake.h"

#define WAIT_NS (120 * CLOCK_SECOND_NS) /* beyond a worker's deadline and a full queue */

const struct option options_intake[] = {
    {"to", "N", false, false, "the mail answers about this application: add what came"},
    {"server", "S", false, false, "the server that it is about, when the mail does not say it"},
    {"lang", "en|ru", false, false, "language of the letter; that of the mail when not given"},
    {NULL, NULL, false, false, NULL},
};

/* The mail in a memory file: the guard takes no pipes. */
static int
read_mail(const struct context *ctx, struct err *e)
{
	const char *path = ctx->operand_count > 0 ? ctx->operands[0] : "-";
	char *text = NULL;
	size_t size = 0, done = 0;
	int fd = -1, rc = file_read(path, INTAKE_MAIL_BYTES_MAX, &text, &size, e);

	if (rc == 0 && size == 0)
		rc =
		    err_set(e, -ENODATA, "the mail is empty: bulkhead whitelist intake < mail.eml");
	if (rc == 0) {
		fd = memfd_create("mail", MFD_CLOEXEC);
		rc = fd;
	}
	while (rc >= 0 && done < size) {
		ssize_t n = write(fd, text + done, size - done);

		if (n < 0 && errno != EINTR)
			rc = -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	if (rc == -1 || (rc < 0 && fd >= 0))
		err_set(e, rc, "no memory file for the mail: %s", strerror(errno));
	if (rc < 0 && fd >= 0)
		close(fd);
	free(text);
	return rc < 0 ? rc : fd;
}

/* Asks until the mail has been taken apart. */
static int
wait_for_draft(const struct context *ctx, json_int_t intake, json_t **data, struct err *e)
{
	const struct timespec moment = {.tv_nsec = 50000000};
	const int64_t until = clock_mono_ns() + WAIT_NS;

	for (;;) {
		json_t *answer = NULL;
		int rc = client_call(ctx, "whitelist.intaken", json_pack("{s:I}", "intake", intake),
		    NULL, 0, &answer, e);

		if (rc < 0)
			return rc;
		if (!json_is_true(json_object_get(answer, "running"))) {
			json_object_del(answer, "running");
			*data = answer;
			return 0;
		}
		json_decref(answer);
		if (clock_mono_ns() > until)
			return err_set(
			    e, -ETIMEDOUT, "the mail is not taken apart: see the guard's log");
		nanosleep(&moment, NULL);
	}
}

int
cmd_whitelist_intake(struct context *ctx, json_t **data, struct err *e)
{
	static const char *const texts[] = {"server", "lang"};
	json_t *args = json_object(), *begun = NULL;
	int64_t to = 0;
	int fd = -1, rc = context_number(ctx, "to", &to, e);

	if (rc == 0 && isatty(STDIN_FILENO) && ctx->operand_count == 0)
		rc = context_usage(
		    ctx, e, "the mail comes on standard input: ... intake < mail.eml");
	if (rc == 0)
		rc = fd = read_mail(ctx, e);
	if (rc < 0) {
		json_decref(args);
		return rc;
	}
	if (to != 0)
		json_object_set_new(args, "application", json_integer(to));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (context_get(ctx, texts[i]) != NULL)
			json_object_set_new(
			    args, texts[i], json_string(context_get(ctx, texts[i])));
	rc = client_call(ctx, "whitelist.intake", args, &fd, 1, &begun, e);
	close(fd);
	if (rc == 0)
		rc = wait_for_draft(
		    ctx, json_integer_value(json_object_get(begun, "intake")), data, e);
	json_decref(begun);
	return rc;
}

static void
print_files(struct output *out, json_t *files)
{
	static const struct output_column columns[] = {
	    {"FILE", false, true},
	    {"TAKEN AS", false, false},
	    {"WHY", false, true},
	};
	struct output_table *t = output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	json_t *f;
	size_t i;

	json_array_foreach (files, i, f) {
		const char *trouble = output_json_get(f, "trouble", NULL);

		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(f, "name", "?"));
		output_table_cell(t, trouble != NULL ? OUTPUT_ALERT : OUTPUT_GOOD, "%s%s",
		    trouble != NULL ? "not taken: " : "",
		    trouble != NULL ? trouble : output_json_get(f, "kind", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(f, "why", ""));
	}
	output_table_finish(t, out);
}

static void
print_guesses(struct output *out, json_t *guesses)
{
	static const struct output_column columns[] = {
	    {"GUESSED", false, false},
	    {"VALUE", false, true},
	    {"WHY", false, true},
	};
	struct output_table *t = output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	json_t *g;
	size_t i;

	json_array_foreach (guesses, i, g) {
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(g, "field", "?"));
		output_table_cell(t, OUTPUT_PLAIN, "%s", output_json_get(g, "value", "?"));
		output_table_cell(t, OUTPUT_DIM, "%s", output_json_get(g, "why", ""));
	}
	output_table_finish(t, out);
}

void
print_intake(struct output *out, const json_t *data)
{
	json_t *candidates = json_object_get(data, "candidates"), *c;
	const long long id = output_json_number(data, "id");
	char names[1024];
	size_t i;

	output_line(out, OUTPUT_BOLD, "application %lld: %s, from %s", id,
	    output_json_get(data, "state", "?"),
	    output_json_get(data, "from", "an unknown sender"));
	json_array_foreach (candidates, i, c)
		output_line(out,
		    json_is_true(json_object_get(c, "taken")) ? OUTPUT_GOOD : OUTPUT_ALERT,
		    "server %s of %s%s: %s", output_json_get(c, "server", "?"),
		    output_json_get(c, "tenant", "an unknown tenant"),
		    json_is_true(json_object_get(c, "taken")) ? "" : " (not taken, be sure first)",
		    output_json_get(c, "why", ""));
	if (json_array_size(json_object_get(data, "servers")) == 0)
		output_line(out, OUTPUT_ALERT,
		    "No server was taken: bulkhead whitelist submit %lld SERVER names it.", id);
	else
		output_line(out, OUTPUT_PLAIN, "servers: %s",
		    output_json_join(names, sizeof(names), json_object_get(data, "servers")));
	print_guesses(out, json_object_get(data, "guesses"));
	print_files(out, json_object_get(data, "files"));
	output_line(out, OUTPUT_BOLD,
	    "Answer to %s, \"%s\":", output_json_get(data, "contact", "?"),
	    output_json_get(data, "subject", ""));
	output_text(out, output_json_get(data, "letter", ""));
	output_line(out, OUTPUT_PLAIN,
	    "Next: bulkhead whitelist check %lld --online, bulkhead whitelist dossier %lld -o "
	    "page.html, "
	    "then submit %lld and approve %lld.",
	    id, id, id, id);
}
