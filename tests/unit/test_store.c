/* SPDX-License-Identifier: ISC */
/* The database: what is stored comes back. */
#include <errno.h>
#include <string.h>

#include "tests/unit/store_fixture.h"

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
	    cmocka_unit_test_setup_teardown(ledger_rows_are_fixed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
