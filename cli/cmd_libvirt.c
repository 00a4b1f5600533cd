/* SPDX-License-Identifier: ISC */
/*
 * bulkhead server import --libvirt: runs bulkhead-libvirt, which is there only where libvirt is, and hands each
 * inventory that it prints to the guard.  bulkhead (CLI).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output_json.h"

#define HELPER	       "bulkhead-libvirt"
#define LIBEXEC	       "/usr/libexec/bulkhead"
#define PATH_MAX_BYTES 4096

const struct option options_server_import[] = {
    {"libvirt", NULL, false, false, "from a hypervisor's libvirt; the operand is its URI"},
    {"follow", NULL, false, false, "go on: at each change, until interrupted"},
    {"vanished", "keep|remove", false, false,
	"servers that libvirt does not know any more (default keep)"},
    {NULL, NULL, false, false, NULL},
};

struct helper {
	pid_t pid;
	FILE *lines;
};

/* Beside this program, as in a build folder, else where it is installed. */
static void __attribute__((noreturn)) become_helper(char *const argv[])
{
	char path[PATH_MAX_BYTES];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof("/" HELPER));
	char *slash;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
		strcpy(slash + 1, HELPER);
		execv(path, argv);
	}
	execv(LIBEXEC "/" HELPER, argv);
	_exit(127);
}

static int
start_helper(struct helper *h, const char *uri, bool follow, struct err *e)
{
	char name[] = HELPER, connect[] = "--connect", go_on[] = "--follow";
	char *argv[5] = {name};
	int fds[2], count = 1;

	if (uri != NULL) {
		argv[count++] = connect;
		argv[count++] = (char *)uri;
	}
	if (follow)
		argv[count] = go_on;
	if (pipe(fds) != 0 || (h->pid = fork()) < 0)
		return err_set(e, -errno, "%s cannot be started: %s", HELPER, strerror(errno));
	if (h->pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		become_helper(argv);
	}
	close(fds[1]);
	h->lines = fdopen(fds[0], "r");
	return h->lines != NULL ? 0 : err_set(e, -ENOMEM, "no memory to read from %s", HELPER);
}

/* Its own sentence is on standard error already. */
static int
finish_helper(struct helper *h, bool enough, struct err *e)
{
	int status = 0;

	if (h->lines != NULL)
		fclose(h->lines);
	if (enough)
		kill(h->pid, SIGTERM);
	while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (enough || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(e, -ENOENT,
		    "%s is not there: install the package bulkhead-libvirt, or import a file",
		    HELPER);
	return err_set(e, -EIO, "libvirt told nothing: see the line of %s above", HELPER);
}

static int
hand_over(struct context *ctx, const char *uri, const char *text, bool remove, json_t **data,
    struct err *e)
{
	char source[220];

	snprintf(
	    source, sizeof(source), "libvirt%s%s", uri != NULL ? " " : "", uri != NULL ? uri : "");
	return client_call(ctx, "server.merge",
	    json_pack("{s:s, s:s, s:b}", "source", source, "text", text, "remove_vanished", remove),
	    NULL, 0, data, e);
}

/* With --follow a change that is refused is told, and the next one is waited for. */
static int
follow_on(struct context *ctx, const json_t *data, int rc, const struct err *e)
{
	struct output out;

	if (rc < 0) {
		fprintf(stderr, "bulkhead: %s\n", e->text);
		return 0;
	}
	if (output_json_number(data, "added") + output_json_number(data, "changed") +
		output_json_number(data, "removed") ==
	    0)
		return 0;
	output_init(&out, stdout);
	if (ctx->json) {
		json_dumpf(data, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		putchar('\n');
	} else {
		print_import(&out, data);
	}
	return fflush(stdout) == 0 ? 0 : -EPIPE;
}

int
cmd_server_import_libvirt(struct context *ctx, json_t **data, struct err *e)
{
	const char *uri = ctx->operand_count == 1 ? ctx->operands[0] : NULL;
	const char *vanished = context_get(ctx, "vanished");
	bool remove = vanished != NULL && strcmp(vanished, "remove") == 0;
	bool follow = context_has(ctx, "follow");
	struct helper h = {.pid = -1};
	struct err why = {0};
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int rc, end;

	if (vanished != NULL && !remove && strcmp(vanished, "keep") != 0)
		return context_usage(ctx, e, "--vanished is keep or remove, not \"%s\"", vanished);
	rc = start_helper(&h, uri, follow, e);
	if (rc < 0)
		return rc;
	while (rc == 0 && (n = getline(&line, &room, h.lines)) > 0) {
		json_decref(*data);
		*data = NULL;
		if ((size_t)n > SOCK_FRAME_MAX / 2)
			rc = err_set(e, -EFBIG, "libvirt knows too many domains for one inventory");
		else
			rc = hand_over(ctx, uri, line, remove, data, e);
		if (follow)
			rc = follow_on(ctx, *data, rc, e);
	}
	free(line);
	end = finish_helper(&h, rc < 0, &why);
	if (rc == 0 && end < 0)
		rc = err_set(e, end, "%s", why.text);
	if (rc == 0 && *data == NULL && !follow)
		rc = err_set(e, -ENODATA, "libvirt told nothing");
	if (rc < 0 || follow) {
		json_decref(*data);
		*data = NULL;
	}
	return rc;
}
