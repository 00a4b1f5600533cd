/* SPDX-License-Identifier: ISC */
/* The guard's own history judged again; see history.h.  bulkhead (CLI). */
#include "cli/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sock.h"
#include "cli/client.h"
#include "cli/file.h"
#include "cli/output_json.h"
#include "policy/history_file.h"
#include "policy/history_replay.h"
#include "policy/score_json.h"

#define FILES_MAX	    512
#define INVENTORY_MAX_BYTES (64u << 20)
/* Judged before --since, and not told: the day's clock is then full. */
#define WARM_UP_NS CLOCK_DAY_NS

struct source {
	int fd;
	char name[128];
	uint64_t bytes;
};

struct run {
	struct context *ctx;
	const struct history_config *cfg;
	struct source files[FILES_MAX];
	unsigned file_count;
	struct whatif *policy, *today; /* today: NULL without comparison */
	struct history_replay replay;
	struct history_file_stats stats;
	char tenant[INVENTORY_NAME_BYTES]; /* of the one server; "" = none */
	uint64_t done;
};

/* --- what the guard says --- */

static void
copy_text(char *out, size_t size, const json_t *object, const char *member)
{
	snprintf(out, size, "%s", output_json_get(object, member, ""));
}

int
history_read_servers(const json_t *servers, struct inventory *out, struct err *e)
{
	const json_t *one;
	size_t i;

	json_array_foreach ((json_t *)servers, i, one) {
		struct server s = {0};
		int rc;

		copy_text(s.name, sizeof(s.name), one, "server");
		copy_text(s.tenant, sizeof(s.tenant), one, "tenant");
		copy_text(s.plan, sizeof(s.plan), one, "plan");
		copy_text(s.mode, sizeof(s.mode), one, "mode");
		rc = history_replay_add_server(out, &s, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void
read_names(const json_t *list, char *out, size_t size, unsigned most, unsigned *count)
{
	const json_t *name;
	size_t i;

	*count = 0;
	json_array_foreach ((json_t *)list, i, name)
		if (*count < most && json_is_string(name))
			snprintf(out + *count++ * size, size, "%s", json_string_value(name));
}

static int64_t
read_time(const json_t *object, const char *member)
{
	const char *text = output_json_get(object, member, NULL);
	int64_t ns = 0;

	return text != NULL && clock_parse_iso(text, &ns) == 0 ? ns : 0;
}

int
history_read_grants(const json_t *grants, struct grant **out, unsigned *count, struct err *e)
{
	size_t n = json_array_size(grants), i;
	struct grant *list = calloc(n + 1, sizeof(*list));
	const json_t *one;

	*out = NULL;
	*count = 0;
	if (list == NULL)
		return err_set(e, -ENOMEM, "no memory for %zu grants", n);
	json_array_foreach ((json_t *)grants, i, one) {
		struct grant *g = &list[i];
		const char *state = output_json_get(one, "state", "");

		g->id = output_json_number(one, "id");
		while (
		    g->state < GRANT__COUNT - 1 && strcmp(grant_state_name(g->state), state) != 0)
			g->state++;
		read_names(json_object_get(one, "servers"), g->servers[0], sizeof(g->servers[0]),
		    GRANT_SERVERS_MAX, &g->server_count);
		read_names(json_object_get(one, "domains"), g->domains[0], sizeof(g->domains[0]),
		    GRANT_DOMAINS_MAX, &g->domain_count);
		g->per_day = (uint64_t)output_json_number(one, "per_day");
		g->per_hour = (uint64_t)output_json_number(one, "per_hour");
		g->from_ns = read_time(one, "from");
		g->until_ns = read_time(one, "until");
	}
	*out = list;
	*count = (unsigned)n;
	return 0;
}

/* --- files --- */

static int
add_file(struct run *r, int fd, const char *name, struct err *e)
{
	struct source *s = &r->files[r->file_count];
	struct stat st;

	if (r->file_count == FILES_MAX || fstat(fd, &st) != 0) {
		close(fd);
		return err_set(
		    e, -E2BIG, "at most %d days can be read at once: name --since", FILES_MAX);
	}
	s->fd = fd;
	s->bytes = (uint64_t)st.st_size;
	snprintf(s->name, sizeof(s->name), "%s", name);
	r->file_count++;
	return 0;
}

static int
compare_files(const void *a, const void *b)
{
	return strcmp(((const struct source *)a)->name, ((const struct source *)b)->name);
}

/* Named on the command line: in the order of their names, which is that of their days. */
static int
open_named(struct run *r, struct err *e)
{
	for (int i = 0; i < r->ctx->operand_count; i++) {
		int fd = file_open(r->ctx->operands[i], "history", e), rc;

		if (fd < 0)
			return fd;
		rc = add_file(r, fd, r->ctx->operands[i], e);
		if (rc < 0)
			return rc;
	}
	qsort(r->files, r->file_count, sizeof(r->files[0]), compare_files);
	return 0;
}

/* One page of the guard's files. */
static int
take_page(struct run *r, const json_t *page, const int *fds, unsigned count, struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; i < count; i++) {
		const json_t *file = json_array_get(json_object_get(page, "files"), i);

		if (rc == 0)
			rc = add_file(r, fds[i], output_json_get(file, "name", "?"), e);
		else
			close(fds[i]);
	}
	return rc;
}

/* The first page, which has servers and grants, is given back. */
static int
open_guards(struct run *r, json_t **first, struct err *e)
{
	json_t *page = NULL;
	const char *next = NULL;
	char from[CLOCK_ISO_BYTES] = "";
	int rc;

	do {
		int fds[SOCK_FDS_MAX];
		unsigned count;

		rc = client_call_files(r->ctx, "history.open",
		    from[0] != '\0' ? json_pack("{s:s}", "from", from) : json_object(), fds, &count,
		    &page, e);
		if (rc < 0)
			return rc;
		rc = take_page(r, page, fds, count, e);
		next = output_json_get(page, "next", NULL);
		snprintf(from, sizeof(from), "%s", next != NULL ? next : "");
		if (*first == NULL)
			*first = page;
		else
			json_decref(page);
		page = NULL;
	} while (rc == 0 && from[0] != '\0');
	return rc;
}

/* --- policies --- */

static int
parse_inventory(const char *path, struct inventory *out, struct err *e)
{
	struct inventory *inv = NULL;
	char *text = NULL;
	size_t size;
	int rc = file_read(path, INVENTORY_MAX_BYTES, &text, &size, e);

	if (rc == 0)
		rc = inventory_parse(&inv, path, text, size, e);
	free(text);
	for (unsigned i = 0; rc == 0 && i < inventory_count(inv); i++) {
		int added = history_replay_add_server(out, inventory_get(inv, i), e);

		rc = added < 0 ? added : 0;
	}
	inventory_free(inv);
	return rc;
}

static int
open_policy(const struct run *r, const struct settings *settings, const json_t *guard,
    struct whatif **out, struct err *e)
{
	struct inventory *inv = NULL;
	struct grant *grants = NULL;
	unsigned count = 0;
	int rc = inventory_new(&inv, e);

	if (rc == 0 && r->cfg->inventory != NULL)
		rc = parse_inventory(r->cfg->inventory, inv, e);
	else if (rc == 0)
		rc = history_read_servers(json_object_get(guard, "servers"), inv, e);
	if (rc < 0) {
		inventory_free(inv);
		return rc;
	}
	rc = whatif_new(out, settings, inv, false, e);
	if (rc == 0)
		rc = history_read_grants(json_object_get(guard, "grants"), &grants, &count, e);
	if (rc == 0)
		rc = judge_set_grants(whatif_judge(*out), grants, count, e);
	free(grants);
	if (rc == 0)
		whatif_begin(*out, r->cfg->since_ns);
	return rc;
}

static int
open_policies(struct run *r, const json_t *guard, struct err *e)
{
	int rc = open_policy(r, r->cfg->settings, guard, &r->policy, e), index;

	if (rc == 0 && r->cfg->today != NULL)
		rc = open_policy(r, r->cfg->today, guard, &r->today, e);
	if (rc < 0)
		return rc;
	r->replay.policy[r->replay.policy_count++] = r->policy;
	if (r->today != NULL)
		r->replay.policy[r->replay.policy_count++] = r->today;
	if (r->cfg->server == NULL)
		return 0;
	index = inventory_find(whatif_inventory(r->policy), r->cfg->server);
	if (index >= 0)
		memcpy(r->tenant,
		    inventory_get(whatif_inventory(r->policy), (unsigned)index)->tenant,
		    sizeof(r->tenant));
	return 0;
}

/* --- judging --- */

/* The one server that was asked for, and those whose mailings add up with its own. */
static bool
is_wanted(const struct run *r, const char *server)
{
	const struct inventory *inv = whatif_inventory(r->policy);
	int index;

	if (r->cfg->server == NULL || strcmp(r->cfg->server, server) == 0)
		return true;
	index = r->tenant[0] != '\0' ? inventory_find(inv, server) : -1;
	return index >= 0 && strcmp(inventory_get(inv, (unsigned)index)->tenant, r->tenant) == 0;
}

static int
take_entry(void *arg, const struct history_entry *entry)
{
	struct run *r = arg;
	const struct history_config *cfg = r->cfg;

	if ((cfg->since_ns != 0 && entry->obs.time_ns < cfg->since_ns - WARM_UP_NS) ||
	    (cfg->until_ns != 0 && entry->obs.time_ns >= cfg->until_ns) ||
	    !is_wanted(r, entry->server))
		return 0;
	return history_replay_entry(&r->replay, entry);
}

static void
note_done(void *arg, uint64_t bytes)
{
	struct run *r = arg;

	r->done += bytes;
	if (r->cfg->progress != NULL)
		progress_show(r->cfg->progress, r->done);
}

static int
judge_files(struct run *r, struct err *e)
{
	struct history_unpack *u = NULL;
	uint64_t all = 0;
	int rc = history_unpack_new(&u);

	if (rc < 0)
		return err_set(e, rc, "no memory to read the history");
	for (unsigned i = 0; i < r->file_count; i++)
		all += r->files[i].bytes;
	if (r->cfg->progress != NULL)
		progress_expect(r->cfg->progress, all);
	/* One reader for all: what a new day's file continues is still known. */
	for (unsigned i = 0; rc == 0 && i < r->file_count; i++)
		rc = history_file_read(
		    r->files[i].fd, r->files[i].name, u, take_entry, r, note_done, &r->stats, e);
	history_unpack_free(u);
	history_replay_end(&r->replay);
	return rc;
}

/* Only the server that was asked for is listed. */
static void
keep_one(json_t *data, const char *server)
{
	json_t *list = json_object_get(data, "servers");

	for (size_t i = json_array_size(list); server != NULL && i-- > 0;)
		if (strcmp(output_json_get(json_array_get(list, i), "server", ""), server) != 0)
			json_array_remove(list, i);
}

static json_t *
result_json(const struct run *r)
{
	const struct history_replay *h = &r->replay;
	json_t *history = json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "files",
	    (int)r->file_count, "bytes", (json_int_t)r->stats.bytes, "entries",
	    (json_int_t)h->entries, "observations", (json_int_t)h->observations, "skipped_segments",
	    (json_int_t)r->stats.skipped, "damaged", (json_int_t)r->stats.damaged, "unjudged",
	    (json_int_t)h->skipped, "first", score_json_time(h->first_ns), "last",
	    score_json_time(h->now_ns));
	json_t *out = json_pack("{s:i, s:o}", "version", 1, "history", history), *rest;

	if (r->today != NULL) {
		json_object_set_new(
		    out, "settings", whatif_settings(r->cfg->today, r->cfg->settings));
		rest = whatif_compare(r->today, r->policy);
	} else {
		rest = whatif_report(r->policy);
	}
	json_object_update(out, rest);
	json_decref(rest);
	keep_one(out, r->cfg->server);
	return out;
}

int
history_run(struct context *ctx, const struct history_config *cfg, json_t **data, struct err *e)
{
	struct run *r = calloc(1, sizeof(*r));
	json_t *guard = NULL;
	int rc;

	if (r == NULL)
		return err_set(e, -ENOMEM, "no memory to read the history");
	r->ctx = ctx;
	r->cfg = cfg;
	rc = ctx->operand_count > 0 ? open_named(r, e) : open_guards(r, &guard, e);
	if (rc == 0 && r->file_count == 0)
		rc = err_set(e, -ENODATA,
		    "the guard has no history yet: it is written once a minute while a sensor is "
		    "heard");
	if (rc == 0)
		rc = open_policies(r, guard, e);
	if (rc == 0)
		rc = judge_files(r, e);
	if (rc == 0 && cfg->server != NULL &&
	    inventory_find(whatif_inventory(r->policy), cfg->server) < 0)
		rc = err_set(e, -ENOENT,
		    "there is no server \"%.64s\", and none in this history: `bulkhead server "
		    "list` names those that exist",
		    cfg->server);
	if (rc == 0)
		*data = result_json(r);
	for (unsigned i = 0; i < r->file_count; i++)
		close(r->files[i].fd);
	whatif_free(r->policy);
	whatif_free(r->today);
	json_decref(guard);
	free(r);
	return rc;
}
