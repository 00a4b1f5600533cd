/* SPDX-License-Identifier: ISC */
/*
 * The commands history.*: the files of the history and of a case, handed over as descriptors, with
 * what is needed to judge them again.  bulkhead-guard (judge process).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "policy/ctl.h"
#include "policy/ctl_json.h"
#include "policy/guard.h"
#include "policy/history.h"
#include "policy/history_link.h"

/* The newest day that is looked for, and so many days back. */
#define DAYS_MAX 401

static int
no_history(struct err *e)
{
	return err_set(e, -ENODATA, "this guard keeps no history: it was started without a writer");
}

/* Opens a file of the history folder; its size in *bytes. */
static int
open_file(const struct guard *g, const char *name, uint64_t *bytes)
{
	char path[SETTINGS_PATH_BYTES + HISTORY_FILE_BYTES + 16];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/history/%s", g->settings.state_dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	*bytes = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	return fd;
}

static json_t *
server_json(const struct server *s)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "server", ctl_json_text(s->name), "tenant",
	    ctl_json_text_or_null(s->tenant), "plan", ctl_json_text_or_null(s->plan), "mode",
	    ctl_json_text_or_null(s->mode));
}

static json_t *
grant_json(const struct grant *g)
{
	json_t *servers = json_array(), *domains = json_array();

	for (unsigned i = 0; i < g->server_count; i++)
		json_array_append_new(servers, ctl_json_text(g->servers[i]));
	for (unsigned i = 0; i < g->domain_count; i++)
		json_array_append_new(domains, ctl_json_text(g->domains[i]));
	return json_pack("{s:I, s:s, s:o, s:o, s:I, s:I, s:o, s:o}", "id", (json_int_t)g->id,
	    "state", grant_state_name(g->state), "servers", servers, "domains", domains, "per_day",
	    (json_int_t)g->per_day, "per_hour", (json_int_t)g->per_hour, "from",
	    ctl_json_time(g->from_ns), "until", ctl_json_time(g->until_ns));
}

static json_t *
servers_json(const struct guard *g)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < inventory_count(g->inventory); i++)
		json_array_append_new(list, server_json(inventory_get(g->inventory, i)));
	return list;
}

static json_t *
grants_json(const struct guard *g)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < g->grant_count; i++)
		json_array_append_new(list, grant_json(&g->grants[i]));
	return list;
}

void
ctl_json_add_judged(json_t *out, const struct guard *g)
{
	json_object_set_new(out, "servers", servers_json(g));
	json_object_set_new(out, "grants", grants_json(g));
}

/* args {from?: ISO time of a day}: up to eight days from there on; the first page has the rest too. */
static int
history_open(const struct ctl_call *call, json_t **data, struct err *e)
{
	const struct guard *g = call->guard;
	int64_t day_ns = g->now_ns - DAYS_MAX * CLOCK_DAY_NS;
	const char *from = NULL;
	json_t *files, *out;
	int rc = ctl_arg_text_opt(call, "from", &from, e);

	if (rc < 0)
		return rc;
	if (g->writer == NULL)
		return no_history(e);
	if (from != NULL && clock_parse_iso(from, &day_ns) < 0)
		return err_set(e, -EINVAL, "\"%.40s\" is no date: write it as 2026-01-31", from);
	history_flush(g->history); /* up to now */
	files = json_array();
	for (; day_ns < g->now_ns + CLOCK_DAY_NS && *call->out_fd_count < SOCK_FDS_MAX;
	     day_ns += CLOCK_DAY_NS) {
		char name[HISTORY_FILE_BYTES];
		uint64_t bytes = 0;
		int fd;

		history_file_name(name, day_ns);
		fd = open_file(g, name, &bytes);
		if (fd < 0)
			continue;
		call->out_fds[(*call->out_fd_count)++] = fd;
		json_array_append_new(
		    files, json_pack("{s:s, s:I}", "name", name, "bytes", (json_int_t)bytes));
	}
	out = json_pack("{s:o, s:s, s:o}", "files", files, "mode", g->settings.policy.mode, "next",
	    day_ns < g->now_ns + CLOCK_DAY_NS ? ctl_json_time(day_ns) : json_null());
	if (from == NULL)
		ctl_json_add_judged(out, g);
	*data = out;
	return 0;
}

const struct ctl_command ctl_commands_history[] = {
    {"history.open", CTL_ROLE_ABUSE, history_open},
    {NULL, CTL_ROLE_NONE, NULL},
};
