/* SPDX-License-Identifier: ISC */
/* Complaints, and who had which address when, in the database.  bulkhead-guard. */
#include "policy/store_private.h"

#include <errno.h>
#include <string.h>

int
store_add_complaint(struct store *st, const struct store_complaint *c, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_COMPLAINT_ADD);
	char source[ADDR_TEXT_BYTES];
	int rc;

	store_bind_text(s, 1, c->c.digest);
	store_bind_text(s, 2, c->c.type);
	store_bind_text(s, 3, addr_format(source, &c->c.source));
	sqlite3_bind_int64(s, 4, c->c.arrival_ns);
	sqlite3_bind_int64(s, 5, c->imported_ns);
	store_bind_text(s, 6, c->c.reporter);
	store_bind_text(s, 7, c->c.domain);
	store_bind_text(s, 8, c->server);
	store_bind_text(s, 9, c->how);
	sqlite3_bind_int(s, 10, c->counted);
	rc = store_run(st, s, "store a complaint", e);
	return rc < 0 ? rc : sqlite3_changes(st->db) > 0;
}

struct complaint_call {
	int (*fn)(void *arg, const struct store_complaint *c);
	void *arg;
};

static int
pass_complaint(void *arg, sqlite3_stmt *row)
{
	const struct complaint_call *call = arg;
	struct store_complaint c = {.counted = sqlite3_column_int(row, 9) != 0};
	char source[ADDR_TEXT_BYTES];

	store_column_text(row, 0, c.c.digest, sizeof(c.c.digest));
	store_column_text(row, 1, c.c.type, sizeof(c.c.type));
	store_column_text(row, 2, source, sizeof(source));
	addr_parse(source, &c.c.source);
	c.c.arrival_ns = sqlite3_column_int64(row, 3);
	c.imported_ns = sqlite3_column_int64(row, 4);
	store_column_text(row, 5, c.c.reporter, sizeof(c.c.reporter));
	store_column_text(row, 6, c.c.domain, sizeof(c.c.domain));
	store_column_text(row, 7, c.server, sizeof(c.server));
	store_column_text(row, 8, c.how, sizeof(c.how));
	return call->fn(call->arg, &c);
}

int
store_each_complaint(struct store *st, const char *server, unsigned limit,
    int (*fn)(void *arg, const struct store_complaint *c), void *arg, struct err *e)
{
	struct complaint_call call = {fn, arg};
	sqlite3_stmt *s = store_stmt(st, STORE_COMPLAINT_EACH);

	store_bind_text(s, 1, server);
	sqlite3_bind_int64(s, 2, limit);
	return store_rows(st, s, "read the complaints", pass_complaint, &call, e);
}

int
store_forget_complaints(struct store *st, int64_t before_ns, struct err *e)
{
	static const enum store_stmt both[] = {STORE_COMPLAINT_FORGET, STORE_OWNER_FORGET};
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < 2; i++) {
		sqlite3_stmt *s = store_stmt(st, both[i]);

		sqlite3_bind_int64(s, 1, before_ns);
		rc = store_run(st, s, "remove old complaints", e);
	}
	return rc;
}

int
store_put_addresses(struct store *st, const char *name, const struct server *server_or_null,
    int64_t now_ns, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_OWNER_END);
	char address[ADDR_TEXT_BYTES];
	int rc;

	store_bind_text(s, 1, name);
	sqlite3_bind_int64(s, 2, now_ns);
	rc = store_run(st, s, "note who has an address", e);
	for (unsigned i = 0; rc == 0 && server_or_null != NULL && i < server_or_null->prefix_count;
	     i++) {
		s = store_stmt(st, STORE_OWNER_ADD);
		store_bind_text(s, 1, addr_prefix_format(address, &server_or_null->prefixes[i]));
		store_bind_text(s, 2, name);
		sqlite3_bind_int64(s, 3, now_ns);
		rc = store_run(st, s, "note who has an address", e);
	}
	return rc;
}

struct owner_search {
	const struct addr *a;
	int bits; /* of the best so far; -1 = none */
	char server[INVENTORY_NAME_BYTES];
};

static int
compare_owner(void *arg, sqlite3_stmt *row)
{
	struct owner_search *o = arg;
	char address[ADDR_TEXT_BYTES];
	struct addr_prefix p;

	store_column_text(row, 0, address, sizeof(address));
	if (addr_prefix_parse(address, &p) != 0 || !addr_prefix_contains(&p, o->a) ||
	    (int)p.bits <= o->bits)
		return 0;
	o->bits = p.bits;
	store_column_text(row, 1, o->server, sizeof(o->server));
	return 0;
}

int
store_find_owner(struct store *st, const struct addr *a, int64_t at_ns,
    char server[INVENTORY_NAME_BYTES], struct err *e)
{
	struct owner_search o = {.a = a, .bits = -1};
	sqlite3_stmt *s = store_stmt(st, STORE_OWNER_EACH);
	int rc;

	sqlite3_bind_int64(s, 1, at_ns);
	rc = store_rows(st, s, "read who had an address", compare_owner, &o, e);
	if (rc < 0)
		return rc;
	if (o.bits < 0)
		return err_set(e, -ENOENT, "nobody is known to have had that address then");
	memcpy(server, o.server, sizeof(o.server));
	return 0;
}
