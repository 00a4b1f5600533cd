/* SPDX-License-Identifier: ISC */
/*
 * Every state of an application, with every state of its grant, against every command that changes either: what
 * is possible leads where it must, everything else is refused with a sentence and changes nothing.
 */
#include <errno.h>

#include "policy/ctl.h"
#include "tests/unit/guard_fixture.h"

enum { NO_GRANT = GRANT__COUNT, GRANT_STATES };

/* What stands before a command. */
struct before {
	unsigned application, grant;
};

static const struct before befores[] = {
    {APPLICATION_DRAFT, NO_GRANT},
    {APPLICATION_SUBMITTED, NO_GRANT},
    {APPLICATION_IN_REVIEW, NO_GRANT},
    {APPLICATION_NEEDS_INFO, NO_GRANT},
    {APPLICATION_APPROVED, GRANT_ACTIVE},
    {APPLICATION_APPROVED, GRANT_SUSPENDED},
    {APPLICATION_APPROVED, GRANT_EXPIRED},
    {APPLICATION_REJECTED, NO_GRANT},
    {APPLICATION_REVOKED, GRANT_REVOKED},
    /* Taken up again after a revocation: the old grant stays revoked until another approval. */
    {APPLICATION_IN_REVIEW, GRANT_REVOKED},
};

#define STATES (sizeof(befores) / sizeof(befores[0]))

/*
 * A row per command, a letter per state of `befores`: '.' refused; D draft, S submitted, I in review, N needs info,
 * R rejected, V revoked; a approved with an active grant, s with a suspended one.
 */
static const struct {
	const char *command, *after;
} rows[] = {
    /*                    D S I N a s e R V i */
    {"whitelist.submit", "S..S......"},
    {"whitelist.review", ".I.I...II."},
    {"whitelist.ask", ".NNN.....N"},
    {"whitelist.approve", ".aaa.....a"},
    {"whitelist.reject", "RRRR.....R"},
    {"whitelist.revoke", "....VVV..."},
    {"whitelist.renew", "....a.a..."},
    {"whitelist.suspend", "....s....."},
    {"whitelist.resume", ".....a...."},
};

static const struct ctl_command *
find_command(const char *name)
{
	static const struct ctl_command *const tables[] = {
	    ctl_commands_whitelist, ctl_commands_decide};

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct ctl_command *c = tables[t]; c->name != NULL; c++)
			if (strcmp(c->name, name) == 0)
				return c;
	fail_msg("no command %s", name);
	return NULL;
}

static int64_t
make(struct fixture *f, const struct before *b)
{
	struct application a = newsletter_of_a(f, b->application);
	struct grant grant;
	struct err e;

	application_grant(&a, f->g.now_ns,
	    b->grant == GRANT_EXPIRED ? f->g.now_ns : f->g.now_ns + 30 * CLOCK_DAY_NS, &grant);
	grant.state = (uint8_t)b->grant;
	if (guard_put_application(
		&f->g, "x", "test", &a, b->grant == NO_GRANT ? NULL : &grant, &e) < 0)
		fail_msg("%s", e.text);
	return a.id;
}

static char
letter_of(struct fixture *f, int64_t id)
{
	static const char letters[APPLICATION__COUNT] = {'D', 'S', 'I', 'N', 'A', 'R', 'V'};
	const struct grant *grant = guard_find_grant(&f->g, id);
	struct application a;

	assert_int_equal(store_get_application(f->g.store, id, &a, NULL), 0);
	if (a.state != APPLICATION_APPROVED)
		return letters[a.state];
	assert_non_null(grant);
	return grant->state == GRANT_ACTIVE ? 'a' : grant->state == GRANT_SUSPENDED ? 's' : 'e';
}

static void
test_all(void **state)
{
	struct fixture *f = *state;

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
		for (size_t b = 0; b < STATES; b++) {
			const int64_t id = make(f, &befores[b]);
			const char was = letter_of(f, id), wanted = rows[r].after[b];
			json_t *args = json_pack("{s:I, s:s, s:s, s:b}", "id", (json_int_t)id,
			    "reason", "because", "message", "please", "override", 1);
			struct ctl_call call = {.guard = &f->g,
			    .actor = "uid 7 (eve)",
			    .role = CTL_ROLE_ADMIN,
			    .args = args,
			    .now_ns = f->g.now_ns};
			json_t *data = NULL;
			struct err e = {0};
			int rc = find_command(rows[r].command)->run(&call, &data, &e);

			if ((rc == 0) != (wanted != '.') ||
			    letter_of(f, id) != (wanted == '.' ? was : wanted))
				fail_msg("%s on %c%u: %d (%s), now %c, not %c", rows[r].command,
				    was, befores[b].grant, rc, e.text, letter_of(f, id), wanted);
			if (rc != 0) {
				assert_int_equal(rc,
				    befores[b].grant == NO_GRANT &&
					    strstr("suspend resume", rows[r].command + 10) != NULL
					? -ENOENT
					: -EPERM);
				assert_true(strlen(e.text) > 20);
			}
			json_decref(data);
			json_decref(args);
			/* Grants of one server are limited: the next case begins without this one. */
			if (guard_find_grant(&f->g, id) != NULL) {
				struct application a;
				struct grant over = *guard_find_grant(&f->g, id);

				over.state = GRANT_REVOKED;
				assert_int_equal(
				    store_get_application(f->g.store, id, &a, NULL), 0);
				assert_int_equal(
				    guard_put_application(&f->g, "x", "test", &a, &over, &e), 0);
			}
		}
	assert_int_equal(ledger_verify(f->g.store, NULL, &(int64_t){0}, NULL), 0);
}

/* The pure table says the same for every state and action, and names what is possible. */
static void
test_table(void **state)
{
	static const char *const after[APPLICATION__COUNT] = {
	    /* submit review ask approve reject revoke renew */
	    [APPLICATION_DRAFT] = "S...R..",
	    [APPLICATION_SUBMITTED] = ".INAR..",
	    [APPLICATION_IN_REVIEW] = "..NAR..",
	    [APPLICATION_NEEDS_INFO] = "SINAR..",
	    [APPLICATION_APPROVED] = ".....VA",
	    [APPLICATION_REJECTED] = ".I.....",
	    [APPLICATION_REVOKED] = ".I.....",
	};
	static const char letters[] = "DSINARV";

	(void)state;
	for (unsigned s = 0; s < APPLICATION__COUNT; s++)
		for (unsigned action = 0; action < ACTION__COUNT; action++) {
			struct application a = {.id = 3, .state = (uint8_t)s};
			struct err e = {0};
			int next = application_next_state(&a, (enum application_action)action, &e);

			if (after[s][action] == '.') {
				assert_int_equal(next, -EPERM);
				assert_non_null(strstr(e.text, application_state_name(s)));
			} else {
				assert_true(next >= 0);
				assert_int_equal(letters[next], after[s][action]);
			}
		}
}

/* Approval without what is missing: for the abuse team, with a reason. */
static void
test_override(void **state)
{
	static const struct {
		enum ctl_role role;
		const char *reason;
		bool override;
		int rc;
		const char *says;
	} tries[] = {
	    {CTL_ROLE_ABUSE, "known", false, -EPERM, "lacks"},
	    {CTL_ROLE_SUPPORT, "known", true, -EPERM, "needs the role abuse, and yours is support"},
	    {CTL_ROLE_ABUSE, "", true, -EINVAL, "needs a reason"},
	    {CTL_ROLE_ABUSE, "known", true, 0, ""},
	};
	const struct before waiting = {APPLICATION_IN_REVIEW, NO_GRANT};
	struct fixture *f = *state;
	const int64_t id = make(f, &waiting);

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		json_t *args = json_pack("{s:I, s:s, s:b}", "id", (json_int_t)id, "reason",
		    tries[i].reason, "override", tries[i].override);
		struct ctl_call call = {.guard = &f->g,
		    .actor = "uid 7 (eve)",
		    .role = tries[i].role,
		    .args = args,
		    .now_ns = f->g.now_ns};
		json_t *data = NULL;
		struct err e = {0};

		assert_int_equal(
		    find_command("whitelist.approve")->run(&call, &data, &e), tries[i].rc);
		if (strstr(e.text, tries[i].says) == NULL)
			fail_msg("try %zu: %s", i, e.text);
		assert_int_equal(letter_of(f, id), tries[i].rc == 0 ? 'a' : 'I');
		json_decref(data);
		json_decref(args);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_all, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_override, setup, teardown),
	    cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
