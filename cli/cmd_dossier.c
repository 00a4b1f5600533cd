/* SPDX-License-Identifier: ISC */
/*
 * bulkhead whitelist dossier: the guard writes the page into a memory file of ours; we write it where
 * the person wants it, with the person's rights.  bulkhead (CLI).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output_json.h"

#define DOSSIER_MAX (64u << 20)

const struct option options_dossier[] = {
    {"output", "FILE", false, false, "where the page goes; standard output when not given"},
    {NULL, NULL, false, false, NULL},
};

static int
read_page(int fd, char **page, size_t *size, struct err *e)
{
	off_t end = lseek(fd, 0, SEEK_END);
	char *text;

	if (end <= 0 || end > (off_t)DOSSIER_MAX)
		return err_set(e, -EPROTO, "the guard wrote no dossier: see its log");
	text = malloc((size_t)end + 1);
	if (text == NULL || pread(fd, text, (size_t)end, 0) != end) {
		free(text);
		return err_set(e, -EIO, "the dossier that the guard wrote cannot be read");
	}
	text[end] = '\0';
	*page = text;
	*size = (size_t)end;
	return 0;
}

/* What tenants sent in is for its reviewer only: 0600. */
static int
save_page(const char *path, const char *page, size_t size, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), rc = 0;
	size_t done = 0;

	if (fd < 0)
		return err_set(
		    e, -errno, "cannot write the dossier to %s: %s", path, strerror(errno));
	while (rc == 0 && done < size) {
		ssize_t n = write(fd, page + done, size - done);

		if (n < 0 && errno != EINTR)
			rc = err_set(
			    e, -errno, "cannot write the dossier to %s: %s", path, strerror(errno));
		done += n > 0 ? (size_t)n : 0;
	}
	if (close(fd) != 0 && rc == 0)
		rc =
		    err_set(e, -errno, "cannot write the dossier to %s: %s", path, strerror(errno));
	return rc;
}

int
cmd_whitelist_dossier(struct context *ctx, json_t **data, struct err *e)
{
	const char *path = context_get(ctx, "output");
	char *page = NULL;
	json_t *args = NULL;
	size_t size = 0;
	int fd, rc = cmd_whitelist_id(ctx, &args, e);

	if (rc < 0)
		return rc;
	if (path == NULL && !ctx->json && isatty(STDOUT_FILENO)) {
		json_decref(args);
		return context_usage(ctx, e,
		    "a dossier is a page for a browser: give --output FILE, or redirect it");
	}
	fd = memfd_create("dossier", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0) {
		json_decref(args);
		return err_set(e, -errno, "no memory file for the dossier: %s", strerror(errno));
	}
	rc = client_call(ctx, "whitelist.dossier", args, &fd, 1, data, e);
	if (rc == 0)
		rc = read_page(fd, &page, &size, e);
	if (rc == 0 && path != NULL)
		rc = save_page(path, page, size, e);
	if (rc == 0) {
		json_object_set_new(*data, "bytes", json_integer((json_int_t)size));
		json_object_set_new(
		    *data, path != NULL ? "file" : "html", json_string(path != NULL ? path : page));
	}
	close(fd);
	free(page);
	return rc;
}

void
print_dossier(struct output *out, const json_t *data)
{
	const char *html = output_json_get(data, "html", NULL);

	if (html != NULL)
		fputs(
		    html, out->file); /* never to a terminal, and clean of controls all the same */
	else
		output_line(out, OUTPUT_PLAIN,
		    "the dossier of application %lld is in %s (%lld bytes)",
		    output_json_number(data, "id"), output_json_get(data, "file", "?"),
		    output_json_number(data, "bytes"));
}
