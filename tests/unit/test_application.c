/* SPDX-License-Identifier: ISC */
/* Applications: names, fields, what is missing, transitions, the grant. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "whitelist/application.h"

static struct application
complete(void)
{
	static const uint8_t kinds[] = {EVIDENCE_CONSENT_FORM, EVIDENCE_SAMPLE_SOURCE,
	    EVIDENCE_SAMPLE_PICTURE, EVIDENCE_UNSUBSCRIBE_PAGE};
	struct application a = {
	    .id = 7,
	    .state = APPLICATION_SUBMITTED,
	    .servers = {"vm-1"},
	    .server_count = 1,
	    .domains = {"news.example.com"},
	    .domain_count = 1,
	    .per_day = 5000,
	    .list_size = 4200,
	    .list_origin = "customers who ticked the box at the check-out",
	    .contact = "owner@example.com",
	    .lang = "en",
	};
	for (unsigned i = 0; i < sizeof(kinds); i++)
		a.evidence[a.evidence_count++].kind = kinds[i];
	return a;
}

static void
test_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < APPLICATION__COUNT; i++)
		assert_int_equal(application_state_parse(application_state_name(i)), i);
	for (unsigned i = 0; i < PURPOSE__COUNT; i++)
		assert_int_equal(application_purpose_parse(application_purpose_name(i)), i);
	for (unsigned i = 0; i < EVIDENCE__COUNT; i++)
		assert_int_equal(evidence_kind_parse(evidence_kind_name(i)), i);
	assert_int_equal(evidence_kind_parse("picture"), -EINVAL);
	assert_string_equal(application_state_name(99), "unknown");
}

static void
test_fields(void **state)
{
	static const char *const bad_domains[] = {"", "localhost", "a..b", "-a.example",
	    "a-.example", "exa mple.com", "a@b.example", "<script>.example", "x.example."};
	struct err e;
	struct application a = complete();

	(void)state;
	assert_int_equal(application_check_fields(&a, &e), 0);
	for (size_t i = 0; i < sizeof(bad_domains) / sizeof(bad_domains[0]); i++) {
		a = complete();
		strcpy(a.domains[0], bad_domains[i]);
		assert_int_equal(application_check_fields(&a, &e), -EINVAL);
	}
	a = complete();
	strcpy(a.domains[0], "рассылка.рф");
	assert_int_equal(application_check_fields(&a, &e), 0);
	strcpy(a.contact, "nobody");
	assert_int_equal(application_check_fields(&a, &e), -EINVAL);
	assert_non_null(strstr(e.text, "nobody"));
	a = complete();
	strcpy(a.lang, "fr");
	assert_int_equal(application_check_fields(&a, &e), -EINVAL);
	a = complete();
	a.server_count = 0;
	assert_int_equal(application_check_fields(&a, &e), -EINVAL);
	a = complete();
	a.per_day = UINT64_MAX;
	assert_int_equal(application_check_fields(&a, &e), -EINVAL);
}

static void
test_missing(void **state)
{
	struct application a = complete(), empty = {0};
	char buf[2048];

	(void)state;
	assert_int_equal(application_missing(&a, true, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");
	assert_int_equal(application_missing(&a, false, buf, sizeof(buf)), 1);
	assert_non_null(strstr(buf, "KVM"));

	a.evidence[0].kind = EVIDENCE_REGISTRATION_FORM; /* needs the extract beside it */
	assert_int_equal(application_missing(&a, true, buf, sizeof(buf)), 1);
	assert_non_null(strstr(buf, "rules-extract"));
	a.evidence[a.evidence_count++].kind = EVIDENCE_RULES_EXTRACT;
	assert_int_equal(application_missing(&a, true, buf, sizeof(buf)), 0);

	strcpy(a.list_origin, "Purchased from a broker");
	assert_int_equal(application_missing(&a, true, buf, sizeof(buf)), 1);
	assert_non_null(strstr(buf, "bought"));

	assert_int_equal(application_missing(&empty, true, buf, sizeof(buf)), 10);
	assert_int_equal(
	    application_missing(&empty, true, buf, 20), 10); /* no room: counted all the same */
	assert_true(strlen(buf) < 20);
	for (unsigned i = 0; i < GAP__COUNT; i++) { /* both languages, and they differ */
		assert_true(strlen(application_gap_text(i, "en")) > 20);
		assert_true(strlen(application_gap_text(i, "ru")) > 20);
		assert_string_not_equal(
		    application_gap_text(i, "en"), application_gap_text(i, "ru"));
	}
}

static void
test_transitions(void **state)
{
	struct application a = complete();
	struct err e;

	(void)state;
	assert_int_equal(application_next_state(&a, ACTION_APPROVE, &e), APPLICATION_APPROVED);
	assert_int_equal(application_next_state(&a, ACTION_ASK, &e), APPLICATION_NEEDS_INFO);
	a.state = APPLICATION_DRAFT;
	assert_int_equal(application_next_state(&a, ACTION_APPROVE, &e), -EPERM);
	assert_non_null(strstr(e.text, "submit"));
	a.state = APPLICATION_APPROVED;
	assert_int_equal(application_next_state(&a, ACTION_REVOKE, &e), APPLICATION_REVOKED);
	assert_int_equal(application_next_state(&a, ACTION_RENEW, &e), APPLICATION_APPROVED);
	assert_int_equal(application_next_state(&a, ACTION_APPROVE, &e), -EPERM);
	a.state = APPLICATION_REVOKED;
	assert_int_equal(application_next_state(&a, ACTION_APPROVE, &e), -EPERM);
	assert_int_equal(application_next_state(&a, ACTION_REVIEW, &e), APPLICATION_IN_REVIEW);
	for (unsigned s = 0; s < APPLICATION__COUNT; s++) {
		unsigned ways = 0;
		a.state = (uint8_t)s;
		for (unsigned i = 0; i < ACTION__COUNT; i++)
			ways += application_next_state(&a, (enum application_action)i, &e) >= 0;
		assert_true(ways > 0); /* no state is a dead end */
	}
}

static void
test_grant(void **state)
{
	struct application a = complete();
	struct grant g;

	(void)state;
	application_grant(&a, 1000, 2000, &g);
	assert_int_equal(g.id, 7);
	assert_int_equal(g.state, GRANT_ACTIVE);
	assert_int_equal(g.per_day, 5000);
	assert_string_equal(g.servers[0], "vm-1");
	assert_true(grant_is_active(&g, 1500));
	assert_false(grant_is_active(&g, 999));
	assert_false(grant_is_active(&g, 2000));
	assert_true(grant_covers_server(&g, "vm-1"));
	assert_false(grant_covers_server(&g, "vm-11"));
	assert_true(grant_covers_domain(&g, "news.example.com"));
	assert_true(grant_covers_domain(&g, "x.news.example.com"));
	assert_false(grant_covers_domain(&g, "badnews.example.com"));
	assert_false(grant_covers_domain(&g, "example.com"));
	assert_false(grant_covers_domain(&g, ""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_missing),
	    cmocka_unit_test(test_transitions),
	    cmocka_unit_test(test_grant),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
