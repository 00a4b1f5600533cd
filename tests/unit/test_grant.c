/* SPDX-License-Identifier: ISC */
/* What a grant covers, and what it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "whitelist/grant.h"

static const struct grant grant = {
    .state = GRANT_ACTIVE,
    .servers = {"vm-1", "vm-2"},
    .server_count = 2,
    .domains = {"news.example"},
    .domain_count = 1,
    .per_day = 10000,
    .from_ns = 100,
    .until_ns = 200,
};

static void
test_active(void **state)
{
	struct grant g = grant;

	(void)state;
	assert_false(grant_is_active(&g, 99));
	assert_true(grant_is_active(&g, 100));
	assert_true(grant_is_active(&g, 199));
	assert_false(grant_is_active(&g, 200));
	g.state = GRANT_SUSPENDED;
	assert_false(grant_is_active(&g, 150));
}

static void
test_domains(void **state)
{
	struct grant any = grant;

	(void)state;
	assert_true(grant_covers_domain(&grant, "news.example"));
	assert_true(grant_covers_domain(&grant, "bounce.NEWS.example"));
	assert_false(grant_covers_domain(&grant, "fakenews.example"));
	assert_false(grant_covers_domain(&grant, "news.example.org"));
	assert_false(grant_covers_domain(&grant, "example"));
	assert_false(grant_covers_domain(&grant, ""));
	any.domain_count = 0;
	assert_true(grant_covers_domain(&any, "whatever.example"));
	assert_false(grant_covers_domain(&any, ""));
}

static void
test_servers(void **state)
{
	(void)state;
	assert_true(grant_covers_server(&grant, "vm-2"));
	assert_false(grant_covers_server(&grant, "vm-22"));
	assert_false(grant_covers_server(&grant, "VM-1"));
}

static void
test_volume(void **state)
{
	struct grant g = grant;

	(void)state;
	assert_int_equal(grant_per_hour(&g), 2500);
	g.per_day = 200;
	assert_int_equal(grant_per_hour(&g), 100);
	g.per_hour = 7;
	assert_int_equal(grant_per_hour(&g), 7);
	assert_string_equal(grant_state_name(GRANT_REVOKED), "revoked");
	assert_string_equal(grant_state_name(99), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_active),
	    cmocka_unit_test(test_domains),
	    cmocka_unit_test(test_servers),
	    cmocka_unit_test(test_volume),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
