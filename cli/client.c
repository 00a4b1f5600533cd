/* SPDX-License-Identifier: ISC */
/*
 * Asks the guard over ctl.sock (policy/ctl.h).  bulkhead (CLI).
 */
#include "cli/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/settings.h"
#include "base/sock.h"
#include "cli/file.h"
#include "policy/ctl.h"

#define ANSWER_SECONDS 60 /* a large import with its reconcile stays far below */

static int
find_socket(const struct context *ctx, char *path, size_t size, struct err *e)
{
	struct settings settings;
	int rc;

	if (ctx->socket != NULL) {
		snprintf(path, size, "%s", ctx->socket);
		return 0;
	}
	rc = settings_load(&settings, ctx->config, e);
	if (rc == 0)
		snprintf(path, size, "%s/ctl.sock", settings.run_dir);
	return rc;
}

static int
connect_guard(const char *path, struct err *e)
{
	struct timeval patience = {.tv_sec = ANSWER_SECONDS};
	struct err why = {0};
	int fd = sock_connect(path, SOCK_STREAM, &why);

	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		return fd;
	}
	if (fd == -EACCES || fd == -EPERM)
		return err_set(e, fd,
		    "you may not talk to the guard on %s: run as root, or join one of the groups "
		    "that bulkhead.conf names",
		    path);
	if (fd == -ENOENT || fd == -ECONNREFUSED || fd == -ENOTDIR)
		return err_set(
		    e, fd, "no guard answers on %s: start bulkhead-guard, or give --socket", path);
	return err_set(e, fd, "no guard answers on %s: %s", path, why.text);
}

static int
ask(int fd, const char *path, const char *request, const int *fds, unsigned fd_count, struct err *e)
{
	int rc = sock_send_frame(fd, request, strlen(request), fds, fd_count);

	if (rc == -EMSGSIZE)
		return err_set(e, rc, "the request is larger than the guard takes (%u MiB)",
		    SOCK_FRAME_MAX >> 20);
	if (rc < 0)
		return err_set(e, rc,
		    "the guard on %s hung up while it was asked (%s): see its log", path,
		    strerror(-rc));
	return 0;
}

static void
close_all(const int *fds, unsigned *count)
{
	for (unsigned i = 0; i < *count; i++)
		close(fds[i]);
	*count = 0;
}

/* files: SOCK_FDS_MAX descriptors that come with the answer, or NULL: they are closed. */
static int
hear(int fd, const char *path, char **answer, size_t *size, int *files, unsigned *count,
    struct err *e)
{
	int extra[SOCK_FDS_MAX];
	unsigned extra_count = 0;
	ssize_t got = sock_recv_frame(
	    fd, answer, files != NULL ? files : extra, files != NULL ? count : &extra_count);

	close_all(extra, &extra_count);
	if (got == -EAGAIN)
		return err_set(e, -ETIMEDOUT,
		    "the guard on %s did not answer within %d s: see its log", path,
		    ANSWER_SECONDS);
	if (got <= 0)
		return err_set(e, got < 0 ? (int)got : -EPIPE,
		    "the guard on %s hung up instead of answering: see its log", path);
	*size = (size_t)got;
	return 0;
}

/* The guard's name of an error as ours; what is not known here is that it refused. */
static int
code_of(const char *name)
{
	for (int code = 1; name != NULL && code < 134; code++) {
		const char *ours = strerrorname_np(code);

		if (ours != NULL && strcmp(ours, name) == 0)
			return -code;
	}
	return -EREMOTEIO;
}

/* The data of a good reply, or its error. */
static int
read_answer(const char *path, const char *text, size_t size, json_t **data, struct err *e)
{
	json_t *answer = json_loadb(text, size, 0, NULL), *error;
	const char *sentence;
	int rc = 0;

	error = json_object_get(answer, "error");
	sentence = json_string_value(json_object_get(error, "text"));
	if (json_integer_value(json_object_get(answer, "version")) != CTL_VERSION)
		rc = err_set(e, -EPROTO,
		    "what answers on %s does not speak version %d of the control protocol: use the "
		    "bulkhead that came with the guard",
		    path, CTL_VERSION);
	else if (json_is_true(json_object_get(answer, "ok")))
		*data = json_incref(json_object_get(answer, "data"));
	else
		rc = err_set(e, code_of(json_string_value(json_object_get(error, "code"))), "%s",
		    sentence != NULL ? sentence : "the guard refused without saying why");
	if (rc == 0 && *data == NULL)
		*data = json_object();
	json_decref(answer);
	return rc;
}

/* Connects and asks; returns the descriptor, and in path where. */
static int
begin(const struct context *ctx, const char *command, json_t *args, const int *fds,
    unsigned fd_count, char *path, size_t size, struct err *e)
{
	json_t *request =
	    json_pack("{s:i, s:s, s:o}", "version", CTL_VERSION, "command", command, "args", args);
	char *text = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
	int fd = -1, rc;

	json_decref(request);
	if (text == NULL)
		return err_set(e, -EINVAL,
		    "the request cannot be written as JSON: give names and texts in UTF-8");
	rc = find_socket(ctx, path, size, e);
	if (rc == 0)
		rc = fd = connect_guard(path, e);
	if (rc >= 0)
		rc = ask(fd, path, text, fds, fd_count, e);
	if (rc < 0 && fd >= 0)
		close(fd);
	free(text);
	return rc < 0 ? rc : fd;
}

static int
call(const struct context *ctx, const char *command, json_t *args, const int *fds,
    unsigned fd_count, int *files, unsigned *count, json_t **data, struct err *e)
{
	char path[SETTINGS_PATH_BYTES + 16], *answer = NULL;
	size_t size = 0;
	int fd = begin(ctx, command, args, fds, fd_count, path, sizeof(path), e), rc;

	if (fd < 0)
		return fd;
	rc = hear(fd, path, &answer, &size, files, count, e);
	if (rc == 0)
		rc = read_answer(path, answer, size, data, e);
	if (rc < 0 && files != NULL)
		close_all(files, count);
	close(fd);
	free(answer);
	return rc;
}

int
client_call(const struct context *ctx, const char *command, json_t *args, const int *fds,
    unsigned fd_count, json_t **data, struct err *e)
{
	return call(ctx, command, args, fds, fd_count, NULL, NULL, data, e);
}

int
client_call_file(const struct context *ctx, const char *command, size_t max, const char *no_text,
    json_t **data, struct err *e)
{
	const char *file = ctx->operands[0];
	char *text = NULL;
	size_t size = 0;
	int rc = file_read(file, max, &text, &size, e);

	if (rc == 0 && (size == 0 || strlen(text) != size))
		rc = err_set(
		    e, -EINVAL, "%s is %s%s", file, size == 0 ? "empty, which is " : "", no_text);
	if (rc == 0)
		rc = client_call(ctx, command, json_pack("{s:s, s:s}", "file", file, "text", text),
		    NULL, 0, data, e);
	free(text);
	return rc;
}

int
client_call_files(const struct context *ctx, const char *command, json_t *args, int *fds,
    unsigned *count, json_t **data, struct err *e)
{
	*count = 0;
	return call(ctx, command, args, NULL, 0, fds, count, data, e);
}

int
client_follow(const struct context *ctx, const char *command, json_t *args,
    int (*fn)(void *arg, const json_t *data), void *arg, struct err *e)
{
	char path[SETTINGS_PATH_BYTES + 16];
	int fd = begin(ctx, command, args, NULL, 0, path, sizeof(path), e), rc = 0;

	if (fd < 0)
		return fd;
	while (rc == 0) {
		char *answer = NULL;
		json_t *data = NULL;
		size_t size = 0;

		rc = hear(fd, path, &answer, &size, NULL, NULL, e);
		if (rc == 0)
			rc = read_answer(path, answer, size, &data, e);
		if (rc == 0)
			rc = fn(arg, data);
		json_decref(data);
		free(answer);
	}
	close(fd);
	return rc;
}
