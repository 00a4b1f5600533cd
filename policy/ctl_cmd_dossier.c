/* SPDX-License-Identifier: ISC */
/*
 * The command whitelist.dossier: the page is written into a memory file that the client passed.
 * bulkhead-guard (judge process).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "policy/ctl.h"
#include "policy/ctl_json.h"
#include "policy/guard.h"
#include "policy/traffic.h"
#include "whitelist/check.h"
#include "whitelist/dossier.h"

static int
open_evidence(void *arg, const char *sha256)
{
	const struct guard *g = arg;

	return evidence_store_read(g->evidence, sha256, NULL);
}

/* The descriptor stays the call's: closed with it. */
static ssize_t
write_page(void *cookie, const char *data, size_t size)
{
	const int fd = *(const int *)cookie;
	size_t done = 0;

	while (done < size) {
		ssize_t n = write(fd, data + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0; /* the stream's way to say: failed */
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static unsigned
fill_traffic(const struct guard *g, const struct application *a, struct dossier_traffic *out)
{
	unsigned count = 0;

	for (unsigned i = 0; i < a->server_count; i++) {
		int index = inventory_find(g->inventory, a->servers[i]);

		if (index >= 0 && traffic_get(g, (unsigned)index, &out[count], NULL) == 0)
			count++;
	}
	return count;
}

static int
write_dossier(const struct ctl_call *call, const struct application *a, int fd, struct err *e)
{
	static const cookie_io_functions_t functions = {.write = write_page};
	struct dossier_traffic *traffic = calloc(GRANT_SERVERS_MAX, sizeof(*traffic));
	FILE *f = fopencookie(&fd, "w", functions);
	struct dossier d = {.traffic = traffic,
	    .open_evidence = open_evidence,
	    .arg = call->guard,
	    .now_ns = call->now_ns};
	json_t *application = ctl_json_application_whole(call->guard, a);
	struct check_report *report = calloc(1, sizeof(*report));
	int rc = -ENOMEM;

	if (traffic == NULL || f == NULL || application == NULL || report == NULL) {
		err_set(e, rc, "no memory for the dossier");
	} else {
		d.application = application;
		d.traffic_count = fill_traffic(call->guard, a, traffic);
		if (guard_get_checks(call->guard, a, report, NULL) == 0)
			d.report = report;
		rc = dossier_write(f, &d);
		if (rc < 0)
			err_set(e, rc,
			    "the dossier could not be written into the client's memory file");
	}
	if (f != NULL)
		fclose(f);
	json_decref(application);
	free(report);
	free(traffic);
	return rc;
}

static int
whitelist_dossier(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct application a;
	int64_t id = 0;
	int rc = ctl_arg_int(call, "id", &id, e);

	if (rc < 0)
		return rc;
	/* Only a memory file can be sealed, and writing to one never waits for anybody. */
	if (call->fd_count != 1 || fcntl(call->fds[0], F_GET_SEALS) < 0)
		return err_set(e, -EINVAL, "the request passes no memory file for the dossier");
	rc = store_get_application(call->guard->store, id, &a, e);
	if (rc == 0)
		rc = write_dossier(call, &a, call->fds[0], e);
	if (rc == 0)
		*data = json_pack("{s:I}", "id", (json_int_t)id);
	return rc;
}

const struct ctl_command ctl_commands_dossier[] = {
    {"whitelist.dossier", CTL_ROLE_VIEW, whitelist_dossier},
    {NULL, CTL_ROLE_NONE, NULL},
};
