/* SPDX-License-Identifier: ISC */
/* Online jobs on the wire and from facts; names made from addresses; checks against a table. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/zone.h"
#include "whitelist/check_online.h"

static void
test_job(void **state)
{
	static struct check_job job, back;
	static struct check_facts facts;
	static struct settings settings;
	static struct application application = {
	    .form_url = "https://good.example/form", .rules_url = "https://good.example/rules"};
	char digest[HASH_SHA256_HEX], other[HASH_SHA256_HEX];
	static uint8_t buf[CHECK_JOB_MAX];
	long n;

	(void)state;
	settings_init(&settings);
	strcpy(settings.policy.mode, "enforce");
	strcpy(settings.check_resolver, "127.0.0.1@53");
	strcpy(facts.from_domain, "good.example");
	strcpy(facts.list_unsubscribe[0], "mailto:a@good.example");
	strcpy(facts.list_unsubscribe[1], "https://good.example/u");
	facts.list_unsubscribe_count = 2;
	strcpy(facts.dkim[0].selector, "s1");
	facts.dkim_count = 1;
	job.kind = CHECK_JOB_ONLINE;
	check_job_set_online(&job, &settings, &application, &facts, "mail.good.example", false);
	assert_string_equal(job.online.list_unsubscribe, "https://good.example/u");
	assert_true(job.online.enforcing);
	assert_false(job.online.may_post);
	assert_string_equal(job.online.form_url, "https://good.example/form");
	assert_string_equal(job.online.rules_url, "https://good.example/rules");
	/* How and when it is asked is not what is asked. */
	check_job_digest(&job, digest);
	job.now_ns++;
	strcpy(settings.check_resolver, "127.0.0.2");
	strcpy(settings.policy.mode, "observe");
	check_job_set_online(&job, &settings, &application, &facts, "", true);
	check_job_digest(&job, other);
	assert_string_equal(digest, other);
	strcpy(facts.body_link, "https://good.example/other");
	check_job_set_online(&job, &settings, &application, &facts, "", true);
	check_job_digest(&job, other);
	assert_string_not_equal(digest, other);
	n = check_job_encode(&job, buf, sizeof(buf));
	assert_true(n > 0);
	assert_int_equal(check_job_decode(&back, buf, (size_t)n), 0);
	assert_memory_equal(&job, &back, sizeof(job));
	for (long cut = 0; cut < n; cut++)
		assert_int_equal(check_job_decode(&back, buf, (size_t)cut), -EBADMSG);
	/* the largest one fits */
	memset(job.dkim_keys, 'k', sizeof(job.dkim_keys) - 1);
	memset(job.online.body_link, 'b', CHECK_URI_BYTES - 1);
	memset(job.online.list_unsubscribe, 'b', CHECK_URI_BYTES - 1);
	memset(job.online.form_url, 'b', CHECK_URI_BYTES - 1);
	memset(job.online.rules_url, 'b', CHECK_URI_BYTES - 1);
	memset(job.online.address_lists, 'l', CHECK_LISTS_BYTES - 1);
	memset(job.online.domain_lists, 'l', CHECK_LISTS_BYTES - 1);
	memset(job.online.allow_private, 'l', CHECK_LISTS_BYTES - 1);
	job.online.dkim_count = CHECK_DKIM_MAX;
	job.address_count = CHECK_ADDRESSES_MAX;
	job.domain_count = GRANT_DOMAINS_MAX;
	for (unsigned i = 0; i < GRANT_DOMAINS_MAX; i++)
		memset(job.domains[i], 'd', sizeof(job.domains[i]) - 1);
	for (unsigned i = 0; i < CHECK_DKIM_MAX; i++) {
		memset(job.online.dkim[i].domain, 'd', CHECK_DOMAIN_BYTES - 1);
		memset(job.online.dkim[i].selector, 's', CHECK_DOMAIN_BYTES - 1);
	}
	n = check_job_encode(&job, buf, sizeof(buf));
	assert_true(n > 0);
	assert_int_equal(check_job_decode(&back, buf, (size_t)n), 0);
}

static void
test_generic_names(void **state)
{
	static const struct {
		const char *name, *address;
		bool generic;
	} rows[] = {
	    {"mail.good.example", "192.0.2.25", false},
	    {"mx25.good.example", "192.0.2.25", false},
	    {"vip.good.example", "192.0.2.25", false},
	    {"clientele.example", "192.0.2.25", false},
	    {"192-0-2-25.host.example", "192.0.2.25", true},
	    {"25.2.0.192.host.example", "192.0.2.25", true},
	    {"c0000219.host.example", "192.0.2.25", true},
	    {"static-7.host.example", "192.0.2.25", true},
	    {"vps1234.host.example", "192.0.2.25", true},
	    {"ip-10.host.example", "192.0.2.25", true},
	    {"a.clients.host.example", "192.0.2.25", true},
	    {"mail.good.example", "2001:db8::1", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a;

		assert_int_equal(addr_parse(rows[i].address, &a), 0);
		if (check_name_is_generic(rows[i].name, &a) != rows[i].generic)
			fail_msg("%s for %s", rows[i].name, rows[i].address);
	}
}

/* A resolver that is down decides nothing: no FAIL comes of it. */
static void
test_no_resolver(void **state)
{
	static const struct zone_row zone[] = {
	    {"good.example", RESOLVER_TXT, NULL},
	    {"good.example", RESOLVER_MX, NULL},
	    {"_dmarc.good.example", RESOLVER_TXT, NULL},
	    {"1.2.0.192.in-addr.arpa", RESOLVER_PTR, NULL},
	    {"helo.example", RESOLVER_A, NULL},
	    {"s._domainkey.good.example", RESOLVER_TXT, NULL},
	    {NULL, RESOLVER_A, NULL},
	};
	struct resolver dns = {zone_query, (void *)(uintptr_t)zone};
	static struct check_job job;
	static struct check_report report;

	(void)state;
	assert_int_equal(addr_parse("192.0.2.1", &job.addresses[0]), 0);
	job.address_count = 1;
	strcpy(job.online.from_domain, "good.example");
	strcpy(job.online.envelope_domain, "good.example");
	strcpy(job.online.helo, "helo.example");
	strcpy(job.online.dkim[0].domain, "good.example");
	strcpy(job.online.dkim[0].selector, "s");
	job.online.dkim_count = 1;
	check_report_init(&report);
	check_addresses(&job, &dns, &report);
	check_records(&job, &dns, &report);
	assert_true(report.count >= 7);
	for (unsigned i = 0; i < report.count; i++)
		if (report.results[i].id != CHECK_D11 &&
		    report.results[i].level != CHECK_NOT_CHECKED)
			fail_msg("%s: %s", check_info(report.results[i].id)->name,
			    report.results[i].text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_job),
	    cmocka_unit_test(test_generic_names),
	    cmocka_unit_test(test_no_resolver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
