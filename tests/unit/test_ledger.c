/* SPDX-License-Identifier: ISC */
/* The ledger's chain: what it is made of, and that no change of it stays unseen. */
#include <errno.h>
#include <string.h>

#include "tests/unit/store_fixture.h"

#define ENTRIES 5

static struct ledger_entry entries[ENTRIES];

static int
setup_entries(void **state)
{
	struct fixture *f;

	if (setup(state) != 0)
		return -1;
	f = *state;
	memset(entries, 0, sizeof(entries));
	for (unsigned i = 0; i < ENTRIES; i++) {
		struct ledger_entry *entry = &entries[i];

		entry->time_ns = 1000 + i;
		strcpy(entry->actor, "uid 0 (root)");
		strcpy(entry->action, "block");
		snprintf(entry->subject, sizeof(entry->subject), "vm-%u", i);
		strcpy(entry->detail, "{}");
		if (ledger_append(f->st, entry, NULL) < 0)
			return -1;
	}
	return 0;
}

/* What somebody with the file could do: the triggers are no obstacle to who may change the schema.
 */
static void
tamper(struct fixture *f, const char *sql)
{
	assert_int_equal(beside(f, "DROP TRIGGER IF EXISTS ledger_no_update; DROP TRIGGER IF "
				   "EXISTS ledger_no_delete;"),
	    SQLITE_OK);
	assert_int_equal(beside(f, sql), SQLITE_OK);
}

static void
chain_is_as_documented(void **state)
{
	const struct ledger_entry *first = &entries[0], *second = &entries[1];
	char text[512], hash[HASH_SHA256_HEX];

	(void)state;
	snprintf(text, sizeof(text), "%064d\n1\n1000\nuid 0 (root)\nblock\nvm-0\n{}", 0);
	hash_sha256_hex(hash, text, strlen(text));
	assert_string_equal(first->hash, hash);
	snprintf(text, sizeof(text), "%s\n2\n1001\nuid 0 (root)\nblock\nvm-1\n{}", first->hash);
	hash_sha256_hex(hash, text, strlen(text));
	assert_string_equal(second->hash, hash);
	assert_int_equal(second->seq, 2);
}

static void
intact_ledger_verifies(void **state)
{
	struct fixture *f = *state;
	int64_t n = 0;

	assert_int_equal(ledger_verify(f->st, NULL, &n, NULL), 0);
	assert_int_equal(n, ENTRIES);
	assert_int_equal(ledger_verify(f->st, entries[ENTRIES - 1].hash, &n, NULL), 0);
	assert_int_equal(ledger_verify(f->st, entries[1].hash, &n, NULL), 0); /* an older head */
}

static void
every_change_shows(void **state)
{
	static const char *const changes[] = {
	    "UPDATE ledger SET time_ns = time_ns + 1 WHERE seq = 3",
	    "UPDATE ledger SET actor = 'guard' WHERE seq = 3",
	    "UPDATE ledger SET action = 'release' WHERE seq = 3",
	    "UPDATE ledger SET subject = 'vm-9' WHERE seq = 3",
	    "UPDATE ledger SET detail = '{ }' WHERE seq = 3",
	    "UPDATE ledger SET hash = (SELECT hash FROM ledger WHERE seq = 2) WHERE seq = 3",
	    "DELETE FROM ledger WHERE seq = 3",
	    "DELETE FROM ledger WHERE seq = 1",
	    "INSERT INTO ledger SELECT 0, time_ns, actor, action, subject, detail, hash FROM "
	    "ledger WHERE seq = 1",
	    "INSERT INTO ledger SELECT -5, time_ns, actor, action, subject, detail, hash FROM "
	    "ledger WHERE seq = 1",
	    "UPDATE ledger SET seq = 9 WHERE seq = 5",
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		void *one = NULL;
		int64_t n = -1;
		struct err e;

		(void)state;
		assert_int_equal(setup_entries(&one), 0);
		tamper(one, changes[i]);
		if (ledger_verify(((struct fixture *)one)->st, NULL, &n, &e) != -EBADMSG)
			fail_msg("not noticed: %s", changes[i]);
		assert_int_equal(n, -1);
		assert_int_equal(teardown(&one), 0);
	}
}

/* Whoever can write may make fitting hashes; a number that is left out shows all the same. */
static void
missing_number_shows_although_hashes_fit(void **state)
{
	struct fixture *f = *state;
	struct ledger_entry last = entries[ENTRIES - 1];
	char sql[200];
	int64_t n = -1;
	struct err e;

	last.seq = ENTRIES + 1;
	ledger_hash(entries[ENTRIES - 2].hash, &last, last.hash);
	snprintf(sql, sizeof(sql), "UPDATE ledger SET seq = %d, hash = '%s' WHERE seq = %d",
	    ENTRIES + 1, last.hash, ENTRIES);
	tamper(f, sql);
	assert_int_equal(ledger_verify(f->st, NULL, &n, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "lacks entry 5"));
}

static void
cut_tail_shows_with_a_head(void **state)
{
	struct fixture *f = *state;
	int64_t n = 0;
	struct err e;

	tamper(f, "DELETE FROM ledger WHERE seq > 3");
	assert_int_equal(ledger_verify(f->st, NULL, &n, NULL), 0); /* the chain alone cannot know */
	assert_int_equal(n, 3);
	assert_int_equal(ledger_verify(f->st, entries[4].hash, &n, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "tail"));
}

static void
line_feeds_cannot_forge(void **state)
{
	struct fixture *f = *state;
	struct ledger_entry entry = {
	    .time_ns = 1, .actor = "a\nb", .action = "x", .subject = "s", .detail = "{}"};
	int64_t n;

	assert_int_equal(ledger_append(f->st, &entry, NULL), 0);
	assert_string_equal(entry.actor, "a b");
	assert_int_equal(ledger_verify(f->st, NULL, &n, NULL), 0);
}

static void
full_fields_survive(void **state)
{
	struct fixture *f = *state;
	struct ledger_entry entry = {.time_ns = INT64_MAX}, last;
	int64_t n;

	memset(entry.actor, 'a', sizeof(entry.actor) - 1);
	memset(entry.action, 'b', sizeof(entry.action) - 1);
	memset(entry.subject, 'c', sizeof(entry.subject) - 1);
	memset(entry.detail, 0xc3, sizeof(entry.detail) - 1); /* not even UTF-8 */
	assert_int_equal(ledger_append(f->st, &entry, NULL), 0);
	assert_int_equal(store_last_ledger(f->st, &last, NULL), 0);
	assert_memory_equal(&last, &entry, sizeof(last));
	assert_int_equal(ledger_verify(f->st, entry.hash, &n, NULL), 0);
}

static void
append_joins_a_transaction(void **state)
{
	struct fixture *f = *state;
	struct ledger_entry entry = {.time_ns = 1, .action = "x"}, last;

	assert_int_equal(store_begin(f->st, NULL), 0);
	assert_int_equal(ledger_append(f->st, &entry, NULL), 0);
	assert_int_equal(entry.seq, ENTRIES + 1);
	store_rollback(f->st);
	assert_int_equal(store_last_ledger(f->st, &last, NULL), 0);
	assert_int_equal(last.seq, ENTRIES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(chain_is_as_documented, setup_entries, teardown),
	    cmocka_unit_test_setup_teardown(intact_ledger_verifies, setup_entries, teardown),
	    cmocka_unit_test(every_change_shows),
	    cmocka_unit_test_setup_teardown(
		missing_number_shows_although_hashes_fit, setup_entries, teardown),
	    cmocka_unit_test_setup_teardown(cut_tail_shows_with_a_head, setup_entries, teardown),
	    cmocka_unit_test_setup_teardown(line_feeds_cannot_forge, setup_entries, teardown),
	    cmocka_unit_test_setup_teardown(full_fields_survive, setup_entries, teardown),
	    cmocka_unit_test_setup_teardown(append_joins_a_transaction, setup_entries, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
