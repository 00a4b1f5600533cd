/* SPDX-License-Identifier: ISC */
/* The database: round trips, transactions, migrations, damage, other people's files. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "policy/store.h"
#include "tests/unit/scratch.h"

struct fixture {
	char dir[SCRATCH_BYTES], path[SCRATCH_BYTES + 32];
	struct store *st;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (scratch_new(f->dir) != 0)
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/guard.db", f->dir);
	*state = f;
	return store_open(&f->st, f->path, NULL);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	int rc;

	store_close(f->st);
	rc = scratch_delete(f->dir);
	free(f);
	return rc;
}

static void
reopen(struct fixture *f)
{
	store_close(f->st);
	f->st = NULL;
	assert_int_equal(store_open(&f->st, f->path, NULL), 0);
}

/* Runs SQL beside the store, as a person with sqlite3(1) would; returns SQLite's code. */
static int
beside(struct fixture *f, const char *sql)
{
	sqlite3 *db;
	int rc;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_close(db);
	return rc;
}

static struct server
example(const char *name, unsigned number)
{
	struct server s = {
	    .virtualization = VIRT_KVM, .ifname_count = 2, .mac_count = 1, .prefix_count = 2};
	char text[64];

	snprintf(s.name, sizeof(s.name), "%s", name);
	strcpy(s.tenant, "tenant-1");
	strcpy(s.plan, "gold");
	strcpy(s.mode, "enforce");
	strcpy(s.contact, "ops@example.org");
	strcpy(s.lang, "ru");
	snprintf(s.ifnames[0], sizeof(s.ifnames[0]), "vnet%u", number);
	snprintf(s.ifnames[1], sizeof(s.ifnames[1]), "tap%u", number);
	s.macs[0].bytes[5] = (uint8_t)number;
	s.macs[0].bytes[0] = 0x52;
	snprintf(text, sizeof(text), "192.0.2.%u", number);
	assert_int_equal(addr_prefix_parse(text, &s.prefixes[0]), 0);
	snprintf(text, sizeof(text), "2001:db8:%u::/64", number);
	assert_int_equal(addr_prefix_parse(text, &s.prefixes[1]), 0);
	return s;
}

static void
servers_survive(void **state)
{
	struct fixture *f = *state;
	struct server a = example("vm-a", 1), b = example("vm-b", 2);
	struct inventory *inv;
	const struct server *got;
	int index;

	assert_int_equal(store_put_server(f->st, &a, NULL), 0);
	assert_int_equal(store_put_server(f->st, &b, NULL), 0);
	strcpy(a.tenant, "tenant-2");
	assert_int_equal(store_put_server(f->st, &a, NULL), 0);
	reopen(f);
	assert_int_equal(inventory_new(&inv, NULL), 0);
	assert_int_equal(store_load_inventory(f->st, inv, NULL), 0);
	assert_int_equal(inventory_count(inv), 2);
	index = inventory_find(inv, "vm-a");
	assert_int_equal(index, 0); /* replaced in place: the order is the order of arrival */
	got = inventory_get(inv, (unsigned)index);
	assert_string_equal(got->tenant, "tenant-2");
	assert_string_equal(got->plan, "gold");
	assert_string_equal(got->mode, "enforce");
	assert_string_equal(got->contact, "ops@example.org");
	assert_string_equal(got->lang, "ru");
	assert_int_equal(got->virtualization, VIRT_KVM);
	assert_int_equal(got->ifname_count, 2);
	assert_string_equal(got->ifnames[1], "tap1");
	assert_int_equal(got->mac_count, 1);
	assert_memory_equal(&got->macs[0], &a.macs[0], sizeof(a.macs[0]));
	assert_int_equal(got->prefix_count, 2);
	assert_true(addr_equal(&got->prefixes[1].addr, &a.prefixes[1].addr));
	assert_int_equal(got->prefixes[1].bits, 64);
	inventory_free(inv);

	assert_int_equal(store_remove_server(f->st, "vm-a", NULL), 0);
	assert_int_equal(store_remove_server(f->st, "vm-a", NULL), -ENOENT);
}

static void
full_server_fits(void **state)
{
	struct fixture *f = *state;
	struct server s = example("vm-full", 1);
	struct inventory *inv;

	s.prefix_count = INVENTORY_PREFIXES_MAX;
	for (unsigned i = 0; i < INVENTORY_PREFIXES_MAX; i++) {
		char text[64];

		snprintf(text, sizeof(text), "2001:db8:ffff:ffff:ffff:ffff:ffff:ff%02x", i);
		assert_int_equal(addr_prefix_parse(text, &s.prefixes[i]), 0);
	}
	assert_int_equal(store_put_server(f->st, &s, NULL), 0);
	assert_int_equal(inventory_new(&inv, NULL), 0);
	assert_int_equal(store_load_inventory(f->st, inv, NULL), 0);
	assert_int_equal(inventory_get(inv, 0)->prefix_count, INVENTORY_PREFIXES_MAX);
	inventory_free(inv);
}

static void
bad_server_row_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct server s = example("vm-a", 1);
	struct inventory *inv;
	struct err e;

	assert_int_equal(store_put_server(f->st, &s, NULL), 0);
	assert_int_equal(beside(f, "UPDATE server SET addresses = '300.1.1.1'"), SQLITE_OK);
	assert_int_equal(inventory_new(&inv, NULL), 0);
	assert_true(store_load_inventory(f->st, inv, &e) < 0);
	assert_non_null(strstr(e.text, "vm-a"));
	inventory_free(inv);
}

static struct store_case
example_case(const char *id, const char *server, int64_t begin_ns)
{
	struct store_case c = {.question = QUESTION_ABUSE,
	    .begin_ns = begin_ns,
	    .until_ns = begin_ns + 10,
	    .messages_before = 7,
	    .bulk_points = 1.5,
	    .abuse_points = 12.25};

	snprintf(c.case_id, sizeof(c.case_id), "%s", id);
	snprintf(c.server, sizeof(c.server), "%s", server);
	c.detail = (char *)(uintptr_t) "{\"x\":1}";
	return c;
}

static int
count_case(void *arg, const struct store_case *c)
{
	assert_non_null(c->detail);
	++*(unsigned *)arg;
	return 0;
}

static int
first_case(void *arg, const struct store_case *c)
{
	snprintf(arg, JUDGE_CASE_BYTES, "%s", c->case_id);
	return 42;
}

static void
cases_survive(void **state)
{
	struct fixture *f = *state;
	struct store_case a = example_case("bh-aaaaaaaaaa", "vm-a", 100), got;
	struct store_case b = example_case("bh-bbbbbbbbbb", "vm-a", 200);
	char id[JUDGE_CASE_BYTES];
	unsigned count = 0;
	struct err e;

	assert_int_equal(store_put_case(f->st, &a, NULL), 0);
	a.end_ns = 150;
	strcpy(a.reason, "said so");
	assert_int_equal(store_put_case(f->st, &a, NULL), 0);
	b.shadow = b.pinned = b.by_person = true;
	assert_int_equal(store_put_case(f->st, &b, NULL), 0);
	reopen(f);

	assert_int_equal(store_get_case(f->st, "bh-aaaaaaaaaa", &got, NULL), 0);
	assert_int_equal(got.end_ns, 150);
	assert_int_equal(got.question, QUESTION_ABUSE);
	assert_int_equal(got.messages_before, 7);
	assert_true(got.abuse_points == 12.25);
	assert_string_equal(got.reason, "said so");
	assert_string_equal(got.detail, "{\"x\":1}");
	assert_false(got.shadow || got.pinned || got.by_person);
	free(got.detail);

	assert_int_equal(store_get_case(f->st, "vm-a", &got, NULL), 0); /* the newest */
	assert_string_equal(got.case_id, "bh-bbbbbbbbbb");
	assert_true(got.shadow && got.pinned && got.by_person);
	free(got.detail);

	assert_int_equal(store_each_open_case(f->st, count_case, &count, NULL), 0);
	assert_int_equal(count, 1);
	count = 0;
	assert_int_equal(store_each_case_of(f->st, "vm-a", 10, count_case, &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_int_equal(store_each_case_of(f->st, "vm-a", 10, first_case, id, NULL), 42);
	assert_string_equal(id, "bh-bbbbbbbbbb");
	count = 0;
	assert_int_equal(store_each_case_of(f->st, "vm-a", 1, count_case, &count, NULL), 0);
	assert_int_equal(count, 1);

	assert_int_equal(store_get_case(f->st, "vm-nobody", &got, &e), -ENOENT);
	assert_non_null(strstr(e.text, "vm-nobody"));
}

static int
last_step(void *arg, const struct store_step *step)
{
	*(struct store_step *)arg = *step;
	return 0;
}

static unsigned
listed(struct fixture *f, const struct store_case_filter *filter)
{
	unsigned count = 0;

	assert_int_equal(store_list_cases(f->st, filter, count_case, &count, NULL), 0);
	return count;
}

/* Warnings are cases beside the blocks, and in nobody's way; steps are told in their order. */
static void
warnings_and_steps(void **state)
{
	struct fixture *f = *state;
	struct store_case block = example_case("bh-aaaaaaaaaa", "vm-a", 100), got;
	struct store_case warning = example_case("bh-wwwwwwwwww", "vm-a", 200);
	struct store_step step = {.server = "vm-a",
	    .time_ns = 200,
	    .from = RUNG_WATCH,
	    .to = RUNG_WARN,
	    .bulk_points = 7.5,
	    .actor = "guard"};
	unsigned open = 0;

	warning.rung = RUNG_WARN;
	warning.shadow = true;
	assert_int_equal(store_put_case(f->st, &block, NULL), 0);
	assert_int_equal(store_put_case(f->st, &warning, NULL), 0);
	assert_int_equal(store_add_step(f->st, &step, NULL), 0);
	step.time_ns = 300;
	step.from = RUNG_WARN;
	step.to = RUNG_BLOCK;
	snprintf(step.case_id, sizeof(step.case_id), "bh-bbbbbbbbbb");
	assert_int_equal(store_add_step(f->st, &step, NULL), 0);
	reopen(f);

	/* The block is what the guard means by the case of a server. */
	assert_int_equal(store_get_case(f->st, "vm-a", &got, NULL), 0);
	assert_string_equal(got.case_id, "bh-aaaaaaaaaa");
	assert_int_equal(got.rung, RUNG_BLOCK);
	free(got.detail);
	assert_int_equal(store_each_open_case(f->st, count_case, &open, NULL), 0);
	assert_int_equal(open, 1);
	assert_int_equal(store_get_case_below(f->st, "vm-a", &got, NULL), 0);
	assert_string_equal(got.case_id, "bh-wwwwwwwwww");
	assert_int_equal(got.rung, RUNG_WARN);
	free(got.detail);
	assert_int_equal(listed(f, &(struct store_case_filter){.limit = 10}), 2);
	assert_int_equal(listed(f, &(struct store_case_filter){.limit = 1}), 1);
	assert_int_equal(
	    listed(f, &(struct store_case_filter){.limit = 10, .blocks_only = true}), 1);
	assert_int_equal(
	    listed(f, &(struct store_case_filter){.limit = 10, .shadow_only = true}), 1);
	assert_int_equal(listed(f, &(struct store_case_filter){.limit = 10, .server = "vm-b"}), 0);
	assert_int_equal(store_end_case_below(f->st, "vm-a", 300, NULL), 0);
	assert_int_equal(store_get_case_below(f->st, "vm-a", &got, NULL), -ENOENT);
	assert_int_equal(listed(f, &(struct store_case_filter){.limit = 10, .open_only = true}), 1);

	assert_int_equal(store_each_step(f->st, "vm-a", 0, 250, 10, last_step, &step, NULL), 0);
	assert_int_equal(step.to, RUNG_WARN);
	assert_true(step.bulk_points == 7.5);
	assert_int_equal(store_each_step(f->st, "vm-a", 0, 400, 10, last_step, &step, NULL), 0);
	assert_int_equal(step.to, RUNG_BLOCK);
	assert_string_equal(step.case_id, "bh-bbbbbbbbbb");
	/* Old steps and warnings go, blocks stay. */
	assert_int_equal(store_forget_steps(f->st, 1000, NULL), 0);
	step.to = RUNG_CLEAR;
	assert_int_equal(store_each_step(f->st, "vm-a", 0, 400, 10, last_step, &step, NULL), 0);
	assert_int_equal(step.to, RUNG_CLEAR);
	assert_int_equal(listed(f, &(struct store_case_filter){.limit = 10}), 1);
}

static int
check_state(void *arg, const char *server, const uint8_t *data, size_t size)
{
	assert_string_equal(server, "vm-a");
	assert_int_equal(size, 3);
	assert_memory_equal(data, "n\0w", 3);
	++*(unsigned *)arg;
	return 0;
}

static void
state_and_meta_survive(void **state)
{
	struct fixture *f = *state;
	char value[16];
	unsigned count = 0;

	assert_int_equal(store_put_state(f->st, "vm-a", (const uint8_t *)"old!", 4, NULL), 0);
	assert_int_equal(store_put_state(f->st, "vm-a", (const uint8_t *)"n\0w", 3, NULL), 0);
	assert_int_equal(store_put_meta(f->st, "mode", "observe", NULL), 0);
	assert_int_equal(store_put_meta(f->st, "mode", "enforce", NULL), 0);
	reopen(f);
	assert_int_equal(store_each_state(f->st, check_state, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(store_get_meta(f->st, "mode", value, sizeof(value), NULL), 0);
	assert_string_equal(value, "enforce");
	assert_int_equal(store_get_meta(f->st, "absent", value, sizeof(value), NULL), -ENOENT);
}

static struct application
example_application(void)
{
	struct application a = {.state = APPLICATION_SUBMITTED,
	    .purpose = PURPOSE_NEWSLETTER,
	    .server_count = 2,
	    .domain_count = 2,
	    .per_day = 5000,
	    .list_size = 100,
	    .created_ns = 1,
	    .changed_ns = 2,
	    .evidence_count = 2};

	strcpy(a.servers[0], "vm-a");
	strcpy(a.servers[1], "vm-b");
	strcpy(a.domains[0], "news.example.org");
	strcpy(a.domains[1], "example.net");
	strcpy(a.list_origin, "a form; double opt-in");
	strcpy(a.contact, "list@example.org");
	strcpy(a.lang, "en");
	for (unsigned i = 0; i < 2; i++) {
		struct evidence *ev = &a.evidence[i];

		ev->kind = i == 0 ? EVIDENCE_CONSENT_FORM : EVIDENCE_SAMPLE_SOURCE;
		memset(ev->sha256, 'a' + (int)i, 64);
		ev->size = 10 + i;
		strcpy(ev->type, "image/png");
		strcpy(ev->name, "form.png");
		ev->added_ns = 5;
	}
	return a;
}

static int
count_application(void *arg, const struct application *a)
{
	(void)a;
	++*(unsigned *)arg;
	return 0;
}

static void
applications_survive(void **state)
{
	struct fixture *f = *state;
	struct application a = example_application(), got;
	unsigned count = 0;
	struct err e;

	assert_int_equal(store_put_application(f->st, &a, NULL), 0);
	assert_int_equal(a.id, 1);
	a.state = APPLICATION_APPROVED;
	a.evidence_count = 1;
	strcpy(a.reason, "all there");
	assert_int_equal(store_put_application(f->st, &a, NULL), 0);
	assert_int_equal(a.id, 1);
	reopen(f);
	assert_int_equal(store_get_application(f->st, 1, &got, NULL), 0);
	assert_memory_equal(got.servers, a.servers, sizeof(a.servers));
	assert_memory_equal(got.domains, a.domains, sizeof(a.domains));
	assert_int_equal(got.server_count, 2);
	assert_int_equal(got.domain_count, 2);
	assert_int_equal(got.state, APPLICATION_APPROVED);
	assert_int_equal(got.per_day, 5000);
	assert_string_equal(got.list_origin, "a form; double opt-in");
	assert_string_equal(got.reason, "all there");
	assert_int_equal(got.evidence_count, 1);
	assert_string_equal(got.evidence[0].sha256, a.evidence[0].sha256);
	assert_int_equal(got.evidence[0].size, 10);

	a.id = 0;
	assert_int_equal(store_put_application(f->st, &a, NULL), 0);
	assert_int_equal(a.id, 2);
	assert_int_equal(store_each_application(f->st, -1, count_application, &count, NULL), 0);
	assert_int_equal(count, 2);
	count = 0;
	assert_int_equal(
	    store_each_application(f->st, APPLICATION_REJECTED, count_application, &count, NULL),
	    0);
	assert_int_equal(count, 0);

	assert_int_equal(store_get_application(f->st, 9, &got, &e), -ENOENT);
	a.id = 9;
	assert_int_equal(store_put_application(f->st, &a, &e), -ENOENT);
}

static void
longest_lists_fit(void **state)
{
	struct fixture *f = *state;
	struct application a = example_application(), got;

	a.server_count = GRANT_SERVERS_MAX;
	a.domain_count = GRANT_DOMAINS_MAX;
	for (unsigned i = 0; i < GRANT_DOMAINS_MAX; i++)
		memset(a.domains[i], 'a' + (int)i, OBS_DOMAIN_BYTES - 1);
	for (unsigned i = 0; i < GRANT_SERVERS_MAX; i++)
		memset(a.servers[i], 'A' + (int)i, sizeof(a.servers[i]) - 1);
	assert_int_equal(store_put_application(f->st, &a, NULL), 0);
	assert_int_equal(store_get_application(f->st, a.id, &got, NULL), 0);
	assert_int_equal(got.domain_count, GRANT_DOMAINS_MAX);
	assert_memory_equal(got.domains, a.domains, sizeof(a.domains));
	assert_memory_equal(got.servers, a.servers, sizeof(a.servers));
}

static int
check_grant(void *arg, const struct grant *g)
{
	const struct grant *want = arg;

	assert_memory_equal(g->servers, want->servers, sizeof(g->servers));
	assert_int_equal(g->domain_count, 0);
	assert_int_equal(g->state, GRANT_SUSPENDED);
	assert_int_equal(g->per_day, want->per_day);
	assert_int_equal(g->until_ns, want->until_ns);
	return 7;
}

static void
grants_survive(void **state)
{
	struct fixture *f = *state;
	struct grant g = {
	    .id = 3, .server_count = 1, .per_day = 1000, .from_ns = 1, .until_ns = 99};

	strcpy(g.servers[0], "vm-a");
	assert_int_equal(store_put_grant(f->st, &g, NULL), 0);
	g.state = GRANT_SUSPENDED;
	assert_int_equal(store_put_grant(f->st, &g, NULL), 0);
	reopen(f);
	assert_int_equal(store_each_grant(f->st, check_grant, &g, NULL), 7);
}

static void
transactions_nest(void **state)
{
	struct fixture *f = *state;
	char value[16];

	assert_int_equal(store_begin(f->st, NULL), 0);
	assert_int_equal(store_put_meta(f->st, "outer", "1", NULL), 0);
	assert_int_equal(store_begin(f->st, NULL), 0);
	assert_int_equal(store_put_meta(f->st, "inner", "1", NULL), 0);
	assert_int_equal(store_commit(f->st, NULL), 0);
	store_rollback(f->st);
	assert_int_equal(store_get_meta(f->st, "inner", value, sizeof(value), NULL), -ENOENT);

	/* An inner roll-back makes the outer commit fail, and nothing is stored. */
	assert_int_equal(store_begin(f->st, NULL), 0);
	assert_int_equal(store_put_meta(f->st, "outer", "1", NULL), 0);
	assert_int_equal(store_begin(f->st, NULL), 0);
	store_rollback(f->st);
	assert_int_equal(store_commit(f->st, NULL), -ECANCELED);
	assert_int_equal(store_get_meta(f->st, "outer", value, sizeof(value), NULL), -ENOENT);

	/* And the next one is not poisoned. */
	assert_int_equal(store_begin(f->st, NULL), 0);
	assert_int_equal(store_put_meta(f->st, "outer", "2", NULL), 0);
	assert_int_equal(store_commit(f->st, NULL), 0);
	assert_int_equal(store_get_meta(f->st, "outer", value, sizeof(value), NULL), 0);
}

static void
busy_database_is_said(void **state)
{
	struct fixture *f = *state;
	sqlite3 *other;
	struct err e;

	assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_begin(f->st, &e), -EBUSY);
	assert_non_null(strstr(e.text, "another program"));
	sqlite3_close(other);
	assert_int_equal(store_begin(f->st, NULL), 0);
	assert_int_equal(store_commit(f->st, NULL), 0);
}

static void
ledger_rows_are_fixed(void **state)
{
	struct fixture *f = *state;
	struct ledger_entry entry = {
	    .time_ns = 1, .actor = "guard", .action = "block", .subject = "vm-a"};

	assert_int_equal(ledger_append(f->st, &entry, NULL), 0);
	assert_int_equal(beside(f, "UPDATE ledger SET actor = 'x'"), SQLITE_CONSTRAINT);
	assert_int_equal(beside(f, "DELETE FROM ledger"), SQLITE_CONSTRAINT);
	assert_int_equal(
	    beside(f, "INSERT OR REPLACE INTO ledger SELECT * FROM ledger"), SQLITE_CONSTRAINT);
}

static void
file_is_private(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void
newer_database_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store *st = NULL;
	struct err e;

	assert_int_equal(beside(f, "PRAGMA user_version = 1000"), SQLITE_OK);
	store_close(f->st);
	f->st = NULL;
	assert_int_equal(store_open(&st, f->path, &e), -EPROTO);
	assert_null(st);
	assert_non_null(strstr(e.text, "newer"));
	assert_non_null(strstr(e.text, f->path));
}

static void
foreign_database_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store *st = NULL;
	struct err e;

	store_close(f->st);
	f->st = NULL;
	unlink(f->path);
	assert_int_equal(beside(f, "CREATE TABLE diary (day TEXT)"), SQLITE_OK);
	assert_int_equal(store_open(&st, f->path, &e), -EINVAL);
	assert_non_null(strstr(e.text, "another program"));
	assert_int_equal(beside(f, "INSERT INTO diary VALUES ('untouched')"), SQLITE_OK);
}

static void
half_migrated_file_is_begun_again(void **state)
{
	struct fixture *f = *state;

	/* As after a crash before the first commit: the file is there and empty. */
	store_close(f->st);
	f->st = NULL;
	unlink(f->path);
	close(open(f->path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(store_open(&f->st, f->path, NULL), 0);
	assert_int_equal(store_put_meta(f->st, "k", "v", NULL), 0);
}

/* Overwrites the file from `offset` on. */
static void
damage(const char *path, off_t offset, size_t size)
{
	char junk[4096];
	int fd = open(path, O_WRONLY);

	memset(junk, 0x5a, sizeof(junk));
	assert_true(fd >= 0);
	assert_true(size <= sizeof(junk));
	assert_int_equal(pwrite(fd, junk, size, offset), size);
	close(fd);
}

static void
damaged_database_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store *st = NULL;
	struct err e;
	char value[2048];

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (unsigned i = 0; i < 200; i++) {
		char key[16];

		snprintf(key, sizeof(key), "k%u", i);
		assert_int_equal(store_put_meta(f->st, key, value, NULL), 0);
	}
	store_close(f->st);
	f->st = NULL;
	damage(f->path, 4096, 4096); /* a page of a tree */
	assert_int_equal(store_open(&st, f->path, &e), -EUCLEAN);
	assert_non_null(strstr(e.text, "restore a copy"));

	damage(f->path, 0, 100); /* the head */
	assert_int_equal(store_open(&st, f->path, &e), -EUCLEAN);
	assert_null(st);
}

static void
copy(const char *from, const char *to)
{
	char command[2048];

	snprintf(
	    command, sizeof(command), "cp '%s' '%s' && rm -f '%s-wal' '%s-shm'", from, to, to, to);
	assert_int_equal(system(command), 0);
}

static void
copy_is_offered_and_good(void **state)
{
	struct fixture *f = *state;
	struct store *st = NULL;
	struct store_backup *b = NULL;
	char backup[300], value[2048];
	unsigned steps = 0;
	struct err e;
	int rc;

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	assert_int_equal(store_begin(f->st, NULL), 0);
	for (unsigned i = 0; i < 20000; i++) {
		char key[16];

		snprintf(key, sizeof(key), "k%u", i);
		assert_int_equal(store_put_meta(f->st, key, value, NULL), 0);
	}
	assert_int_equal(store_commit(f->st, NULL), 0);
	snprintf(backup, sizeof(backup), "%s.backup", f->path);
	assert_int_equal(store_backup_new(&b, f->st, &e), 0);
	while ((rc = store_backup_step(b, &e)) == 1) {
		/* Not there before it is whole; and what is written meanwhile is in it. */
		assert_int_not_equal(access(backup, F_OK), 0);
		if (steps++ == 1)
			assert_int_equal(store_put_meta(f->st, "k0", "changed meanwhile", NULL), 0);
	}
	assert_int_equal(rc, 0);
	assert_true(steps >= 2);
	store_backup_cancel(b);
	store_close(f->st);
	f->st = NULL;

	damage(f->path, 4096, 4096);
	assert_int_equal(store_open(&st, f->path, &e), -EUCLEAN);
	assert_non_null(strstr(e.text, ".backup"));
	copy(backup, f->path);
	assert_int_equal(store_open(&st, f->path, &e), 0);
	assert_int_equal(store_get_meta(st, "k0", value, sizeof(value), &e), 0);
	assert_string_equal(value, "changed meanwhile");
	assert_int_equal(store_get_meta(st, "k19999", value, sizeof(value), &e), 0);
	store_close(st);
	unlink(backup);
}

static void
copy_that_was_not_finished_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_backup *b = NULL;
	char path[300];

	assert_int_equal(store_backup_new(&b, f->st, NULL), 0);
	store_backup_cancel(b);
	store_backup_cancel(NULL);
	snprintf(path, sizeof(path), "%s.backup", f->path);
	assert_int_not_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s.backup.new", f->path);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* The disk is not filled for a copy, and the last one stays.  Too large is a file with a hole. */
static void
copy_without_room_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store_backup *b = NULL;
	char path[300];
	struct stat old, kept;
	struct err e = {0};

	snprintf(path, sizeof(path), "%s.backup", f->path);
	assert_int_equal(store_backup_new(&b, f->st, &e), 0);
	assert_int_equal(store_backup_step(b, &e), 0);
	store_backup_cancel(b);
	assert_int_equal(stat(path, &kept), 0);
	assert_int_equal(stat(f->path, &old), 0);
	if (truncate(f->path, INT64_C(8) << 40) != 0)
		skip(); /* no such file can be on this disk */
	assert_int_equal(store_backup_new(&b, f->st, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "make room"));
	assert_int_equal(truncate(f->path, old.st_size), 0);
	assert_int_equal(stat(path, &old), 0);
	assert_int_equal(old.st_ino, kept.st_ino);
	snprintf(path, sizeof(path), "%s.backup.new", f->path);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void
unusable_places_are_said(void **state)
{
	struct fixture *f = *state;
	struct store *st = NULL;
	char path[128];
	struct err e;

	assert_int_equal(store_open(&st, "/nonexistent/guard.db", &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nonexistent/guard.db"));
	assert_int_equal(store_open(&st, f->dir, &e), -EISDIR);
	snprintf(path, sizeof(path), "%s/link", f->dir);
	assert_int_equal(symlink(f->path, path), 0);
	assert_int_equal(store_open(&st, path, &e), -ELOOP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(servers_survive, setup, teardown),
	    cmocka_unit_test_setup_teardown(full_server_fits, setup, teardown),
	    cmocka_unit_test_setup_teardown(bad_server_row_is_an_error, setup, teardown),
	    cmocka_unit_test_setup_teardown(cases_survive, setup, teardown),
	    cmocka_unit_test_setup_teardown(warnings_and_steps, setup, teardown),
	    cmocka_unit_test_setup_teardown(state_and_meta_survive, setup, teardown),
	    cmocka_unit_test_setup_teardown(applications_survive, setup, teardown),
	    cmocka_unit_test_setup_teardown(longest_lists_fit, setup, teardown),
	    cmocka_unit_test_setup_teardown(grants_survive, setup, teardown),
	    cmocka_unit_test_setup_teardown(transactions_nest, setup, teardown),
	    cmocka_unit_test_setup_teardown(busy_database_is_said, setup, teardown),
	    cmocka_unit_test_setup_teardown(ledger_rows_are_fixed, setup, teardown),
	    cmocka_unit_test_setup_teardown(file_is_private, setup, teardown),
	    cmocka_unit_test_setup_teardown(newer_database_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(foreign_database_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(half_migrated_file_is_begun_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(damaged_database_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(copy_is_offered_and_good, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		copy_that_was_not_finished_leaves_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(copy_without_room_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(unusable_places_are_said, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
