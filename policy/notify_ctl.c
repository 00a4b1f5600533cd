/* SPDX-License-Identifier: ISC */
/* Questions to the guard; see notify_ctl.h.  bulkhead-notify. */
#include "policy/notify_ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/sock.h"
#include "policy/ctl.h"

#define ANSWER_SECONDS 10

void
notify_ctl_close(struct notify_ctl *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static int
connect_guard(struct notify_ctl *c, struct err *e)
{
	struct timeval patience = {.tv_sec = ANSWER_SECONDS};

	if (c->fd >= 0)
		return 0;
	c->fd = sock_connect(c->path, SOCK_STREAM, e);
	if (c->fd < 0)
		return c->fd;
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return 0;
}

static int
exchange(struct notify_ctl *c, const char *request, json_t **answer, struct err *e)
{
	int extra[SOCK_FDS_MAX], rc;
	unsigned extra_count = 0;
	char *text = NULL;
	ssize_t got;

	rc = sock_send_frame(c->fd, request, strlen(request), NULL, 0);
	if (rc < 0)
		return err_set(e, rc, "the guard on %s hung up while it was asked: %s", c->path,
		    strerror(-rc));
	got = sock_recv_frame(c->fd, &text, extra, &extra_count);
	for (unsigned i = 0; i < extra_count; i++)
		close(extra[i]);
	if (got <= 0)
		return err_set(e, got < 0 ? (int)got : -EPIPE,
		    "the guard on %s hung up instead of answering", c->path);
	*answer = json_loadb(text, (size_t)got, 0, NULL);
	free(text);
	if (*answer == NULL)
		return err_set(e, -EBADMSG, "what answers on %s does not speak JSON", c->path);
	return 0;
}

int
notify_ctl_ask(struct notify_ctl *c, const char *command, json_t *args, json_t **data,
    char code[32], struct err *e)
{
	json_t *request =
	    json_pack("{s:i, s:s, s:o}", "version", CTL_VERSION, "command", command, "args", args);
	char *text = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
	json_t *answer = NULL, *error;
	const char *name;
	int rc;

	json_decref(request);
	if (text == NULL)
		return err_set(e, -ENOMEM, "no memory for a request");
	rc = connect_guard(c, e);
	if (rc == 0)
		rc = exchange(c, text, &answer, e);
	free(text);
	if (rc < 0) {
		notify_ctl_close(c);
		return rc;
	}
	error = json_object_get(answer, "error");
	if (json_is_true(json_object_get(answer, "ok"))) {
		*data = json_incref(json_object_get(answer, "data"));
	} else {
		name = json_string_value(json_object_get(error, "code"));
		snprintf(code, 32, "%s", name != NULL ? name : "");
		name = json_string_value(json_object_get(error, "text"));
		rc = err_set(e, -EREMOTEIO, "%s", name != NULL ? name : "the guard refused");
	}
	json_decref(answer);
	return rc;
}
