/* SPDX-License-Identifier: ISC */
/*
 * Whitelist applications, their evidence and grants in the database.  bulkhead-guard.
 */
#include "policy/store_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SERVER_BYTES 64 /* as in struct application and struct grant */
#define LIST_BYTES   (GRANT_DOMAINS_MAX * (OBS_DOMAIN_BYTES + 1))

_Static_assert(LIST_BYTES >= GRANT_SERVERS_MAX * (SERVER_BYTES + 1), "a list of servers fits too");
_Static_assert((int)APPLICATION__COUNT == 7 && (int)PURPOSE__COUNT == 2 &&
		   (int)EVIDENCE__COUNT == 7 && (int)GRANT__COUNT == 4,
    "the schema's CHECKs know these numbers: add a migration");

/* Joins `count` texts that lie `stride` bytes apart with ';'. */
static const char *
join(char out[LIST_BYTES], const char *items, size_t stride, unsigned count)
{
	size_t used = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < count; i++) {
		int n = snprintf(
		    out + used, LIST_BYTES - used, "%s%s", i > 0 ? ";" : "", items + i * stride);

		used += (size_t)n; /* LIST_BYTES holds the longest list */
	}
	return out;
}

/* The reverse; returns how many, at most `max`. */
static unsigned
split(const char *text, char *items, size_t stride, unsigned max)
{
	unsigned count = 0;

	while (*text != '\0' && count < max) {
		size_t n = strcspn(text, ";");

		snprintf(items + count * stride, stride, "%.*s", (int)n, text);
		count += n > 0;
		text += n + (text[n] == ';');
	}
	return count;
}

/* --- applications
 * ------------------------------------------------------------------------------------ */

static int
put_evidence(struct store *st, const struct application *a, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_EVIDENCE_CLEAR);
	int rc;

	sqlite3_bind_int64(s, 1, a->id);
	rc = store_run(st, s, "store the evidence of an application", e);
	for (unsigned i = 0; rc == 0 && i < a->evidence_count; i++) {
		const struct evidence *ev = &a->evidence[i];

		s = store_stmt(st, STORE_EVIDENCE_ADD);
		sqlite3_bind_int64(s, 1, a->id);
		sqlite3_bind_int64(s, 2, i);
		sqlite3_bind_int(s, 3, ev->kind);
		store_bind_text(s, 4, ev->sha256);
		sqlite3_bind_int64(s, 5, (int64_t)ev->size);
		store_bind_text(s, 6, ev->type);
		store_bind_text(s, 7, ev->name);
		sqlite3_bind_int64(s, 8, ev->added_ns);
		rc = store_run(st, s, "store the evidence of an application", e);
	}
	return rc;
}

static int
put_fields(struct store *st, struct application *a, struct err *e)
{
	sqlite3_stmt *s =
	    store_stmt(st, a->id == 0 ? STORE_APPLICATION_ADD : STORE_APPLICATION_PUT);
	char servers[LIST_BYTES], domains[LIST_BYTES];
	int rc;

	sqlite3_bind_int(s, 1, a->state);
	sqlite3_bind_int(s, 2, a->purpose);
	store_bind_text(s, 3, join(servers, a->servers[0], sizeof(a->servers[0]), a->server_count));
	store_bind_text(s, 4, join(domains, a->domains[0], sizeof(a->domains[0]), a->domain_count));
	sqlite3_bind_int64(s, 5, (int64_t)a->per_day);
	sqlite3_bind_int64(s, 6, (int64_t)a->list_size);
	store_bind_text(s, 7, a->list_origin);
	store_bind_text(s, 8, a->contact);
	store_bind_text(s, 9, a->lang);
	sqlite3_bind_int64(s, 10, a->created_ns);
	sqlite3_bind_int64(s, 11, a->changed_ns);
	sqlite3_bind_int64(s, 12, a->grant_until_ns);
	store_bind_text(s, 13, a->reason);
	store_bind_text(s, 14, a->form_url);
	store_bind_text(s, 15, a->rules_url);
	if (a->id != 0)
		sqlite3_bind_int64(s, 16, a->id);
	rc = store_run(st, s, "store an application", e);
	if (rc < 0)
		return rc;
	if (sqlite3_changes(st->db) == 0)
		return err_set(e, -ENOENT,
		    "there is no application %lld: see bulkhead whitelist list", (long long)a->id);
	return 0;
}

int
store_put_application(struct store *st, struct application *a, struct err *e)
{
	const int64_t old_id = a->id;
	int rc = store_begin(st, e);

	if (rc < 0)
		return rc;
	rc = put_fields(st, a, e);
	if (rc == 0 && old_id == 0)
		a->id = sqlite3_last_insert_rowid(st->db);
	if (rc == 0)
		rc = put_evidence(st, a, e);
	if (rc == 0)
		rc = store_commit(st, e);
	else
		store_rollback(st);
	if (rc < 0)
		a->id = old_id;
	return rc;
}

static int
read_evidence(void *arg, sqlite3_stmt *row)
{
	struct application *a = arg;
	struct evidence *ev = &a->evidence[a->evidence_count];

	if (a->evidence_count == EVIDENCE_PER_APPLICATION_MAX)
		return 0;
	a->evidence_count++;
	ev->kind = (uint8_t)sqlite3_column_int(row, 2);
	store_column_text(row, 3, ev->sha256, sizeof(ev->sha256));
	ev->size = (uint64_t)sqlite3_column_int64(row, 4);
	store_column_text(row, 5, ev->type, sizeof(ev->type));
	store_column_text(row, 6, ev->name, sizeof(ev->name));
	ev->added_ns = sqlite3_column_int64(row, 7);
	return 0;
}

static int
read_application(struct store *st, sqlite3_stmt *row, struct application *a, struct err *e)
{
	char list[LIST_BYTES];
	sqlite3_stmt *s;

	memset(a, 0, sizeof(*a));
	a->state = (uint8_t)sqlite3_column_int(row, 0);
	a->purpose = (uint8_t)sqlite3_column_int(row, 1);
	store_column_text(row, 2, list, sizeof(list));
	a->server_count = split(list, a->servers[0], sizeof(a->servers[0]), GRANT_SERVERS_MAX);
	store_column_text(row, 3, list, sizeof(list));
	a->domain_count = split(list, a->domains[0], sizeof(a->domains[0]), GRANT_DOMAINS_MAX);
	a->per_day = (uint64_t)sqlite3_column_int64(row, 4);
	a->list_size = (uint64_t)sqlite3_column_int64(row, 5);
	store_column_text(row, 6, a->list_origin, sizeof(a->list_origin));
	store_column_text(row, 7, a->contact, sizeof(a->contact));
	store_column_text(row, 8, a->lang, sizeof(a->lang));
	a->created_ns = sqlite3_column_int64(row, 9);
	a->changed_ns = sqlite3_column_int64(row, 10);
	a->grant_until_ns = sqlite3_column_int64(row, 11);
	store_column_text(row, 12, a->reason, sizeof(a->reason));
	store_column_text(row, 13, a->form_url, sizeof(a->form_url));
	store_column_text(row, 14, a->rules_url, sizeof(a->rules_url));
	a->id = sqlite3_column_int64(row, 15);

	s = store_stmt(st, STORE_EVIDENCE_EACH);
	sqlite3_bind_int64(s, 1, a->id);
	return store_rows(st, s, "read the evidence of an application", read_evidence, a, e);
}

int
store_get_application(struct store *st, int64_t id, struct application *out, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_APPLICATION_GET);
	struct application a = {0};
	int rc;

	sqlite3_bind_int64(s, 1, id);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		rc = read_application(st, s, &a, e);
	else if (rc == SQLITE_DONE)
		rc = err_set(e, -ENOENT,
		    "there is no application %lld: see bulkhead whitelist list", (long long)id);
	else
		rc = store_fail(st, "read an application", e);
	sqlite3_reset(s);
	if (rc == 0)
		*out = a;
	return rc;
}

struct application_call {
	struct store *st;
	int (*fn)(void *arg, const struct application *a);
	void *arg;
	struct err *e;
};

static int
pass_application(void *arg, sqlite3_stmt *row)
{
	const struct application_call *call = arg;
	struct application a;
	int rc = read_application(call->st, row, &a, call->e);

	return rc != 0 ? rc : call->fn(call->arg, &a);
}

int
store_each_application(struct store *st, int state_or_minus_1,
    int (*fn)(void *arg, const struct application *a), void *arg, struct err *e)
{
	struct application_call call = {st, fn, arg, e};
	sqlite3_stmt *s = store_stmt(st, STORE_APPLICATION_EACH);

	sqlite3_bind_int(s, 1, state_or_minus_1);
	return store_rows(st, s, "read the applications", pass_application, &call, e);
}

/* --- machine checks
 * ---------------------------------------------------------------------------------- */

int
store_put_checks(struct store *st, int64_t id, int64_t made_ns, const char *report, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_CHECK_PUT);

	sqlite3_bind_int64(s, 1, id);
	sqlite3_bind_int64(s, 2, made_ns);
	store_bind_text(s, 3, report);
	return store_run(st, s, "store the results of checks", e);
}

static int
keep_report(void *arg, sqlite3_stmt *row)
{
	char **report = arg;

	*report = strdup((const char *)sqlite3_column_text(row, 0));
	return *report != NULL ? 0 : -ENOMEM;
}

int
store_approve_checks(struct store *st, int64_t id, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_CHECK_APPROVE);

	sqlite3_bind_int64(s, 1, id);
	return store_run(st, s, "keep the results of checks", e);
}

static int
get_report(struct store *st, enum store_stmt statement, int64_t id, char **report, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, statement);
	char *found = NULL;
	int rc;

	sqlite3_bind_int64(s, 1, id);
	rc = store_rows(st, s, "read the results of checks", keep_report, &found, e);
	if (rc < 0)
		return rc;
	if (found == NULL)
		return err_set(e, -ENOENT, "the evidence of application %lld was not checked yet",
		    (long long)id);
	*report = found;
	return 0;
}

struct duplicate_call {
	int (*fn)(void *arg, int64_t application);
	void *arg;
};

static int
pass_duplicate(void *arg, sqlite3_stmt *row)
{
	const struct duplicate_call *call = arg;

	return call->fn(call->arg, sqlite3_column_int64(row, 0));
}

int
store_each_duplicate(struct store *st, int64_t id, const char *sha256,
    int (*fn)(void *arg, int64_t application), void *arg, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_EVIDENCE_OTHERS);
	struct duplicate_call call = {fn, arg};

	store_bind_text(s, 1, sha256);
	sqlite3_bind_int64(s, 2, id);
	return store_rows(st, s, "look for the same evidence", pass_duplicate, &call, e);
}

int
store_get_checks(struct store *st, int64_t id, char **report, struct err *e)
{
	return get_report(st, STORE_CHECK_GET, id, report, e);
}

int
store_get_approved_checks(struct store *st, int64_t id, char **report, struct err *e)
{
	return get_report(st, STORE_CHECK_APPROVED, id, report, e);
}

/* --- grants
 * ------------------------------------------------------------------------------------------ */

int
store_put_grant(struct store *st, const struct grant *g, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_GRANT_PUT);
	char servers[LIST_BYTES], domains[LIST_BYTES];

	sqlite3_bind_int64(s, 1, g->id);
	sqlite3_bind_int(s, 2, g->state);
	store_bind_text(s, 3, join(servers, g->servers[0], sizeof(g->servers[0]), g->server_count));
	store_bind_text(s, 4, join(domains, g->domains[0], sizeof(g->domains[0]), g->domain_count));
	sqlite3_bind_int64(s, 5, (int64_t)g->per_day);
	sqlite3_bind_int64(s, 6, (int64_t)g->per_hour);
	sqlite3_bind_int64(s, 7, g->from_ns);
	sqlite3_bind_int64(s, 8, g->until_ns);
	return store_run(st, s, "store a grant", e);
}

struct grant_call {
	int (*fn)(void *arg, const struct grant *g);
	void *arg;
};

static int
pass_grant(void *arg, sqlite3_stmt *row)
{
	const struct grant_call *call = arg;
	struct grant g = {.id = sqlite3_column_int64(row, 0)};
	char list[LIST_BYTES];

	g.state = (uint8_t)sqlite3_column_int(row, 1);
	store_column_text(row, 2, list, sizeof(list));
	g.server_count = split(list, g.servers[0], sizeof(g.servers[0]), GRANT_SERVERS_MAX);
	store_column_text(row, 3, list, sizeof(list));
	g.domain_count = split(list, g.domains[0], sizeof(g.domains[0]), GRANT_DOMAINS_MAX);
	g.per_day = (uint64_t)sqlite3_column_int64(row, 4);
	g.per_hour = (uint64_t)sqlite3_column_int64(row, 5);
	g.from_ns = sqlite3_column_int64(row, 6);
	g.until_ns = sqlite3_column_int64(row, 7);
	return call->fn(call->arg, &g);
}

int
store_each_grant(
    struct store *st, int (*fn)(void *arg, const struct grant *g), void *arg, struct err *e)
{
	struct grant_call call = {fn, arg};

	return store_rows(
	    st, store_stmt(st, STORE_GRANT_EACH), "read the grants", pass_grant, &call, e);
}
