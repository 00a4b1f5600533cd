/* SPDX-License-Identifier: ISC */
/* SPF: terms, macros (the examples of RFC 7208), evaluation and its limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/zone.h"
#include "whitelist/check_spf.h"
#include "whitelist/check_spf_record.h"

#define TXT RESOLVER_TXT

static const struct zone_row zone[] = {
    {"ip.example", TXT, "some other text"},
    {"ip.example", TXT, "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all"},
    {"soft.example", TXT, "V=SPF1 ~all"},
    {"neutral.example", TXT, "v=spf1 ?all"},
    {"open.example", TXT, "v=spf1 a mx +all"},
    {"open.example", RESOLVER_A, "198.51.100.1"},
    {"open.example", RESOLVER_MX, "mx.example"},
    {"empty.example", TXT, "v=spf1"},
    {"two.example", TXT, "v=spf1 -all"},
    {"two.example", TXT, "v=spf1 ~all"},
    {"no.example", TXT, "v=spf10 -all"},
    {"down.example", TXT, NULL},
    {"a.example", TXT, "v=spf1 a/24 a:host.example//64 -all"},
    {"a.example", RESOLVER_A, "192.0.2.200"},
    {"host.example", RESOLVER_AAAA, "2001:db8::1"},
    {"mx.example", TXT, "v=spf1 mx -all"},
    {"mx.example", RESOLVER_A, "192.0.2.25"},
    {"mx.example", RESOLVER_MX, "v4only.example"},
    {"mx.example", RESOLVER_MX, "v4too.example"},
    {"mx.example", RESOLVER_MX, "v4three.example"},
    {"mx.example", RESOLVER_MX, "mx.example"},
    {"v4only.example", RESOLVER_A, "198.51.100.7"},
    {"v4too.example", RESOLVER_A, "198.51.100.8"},
    {"v4three.example", RESOLVER_A, "198.51.100.9"},
    {"inc.example", TXT, "v=spf1 include:soft.example include:ip.example -all"},
    {"incnone.example", TXT, "v=spf1 include:nowhere.example -all"},
    {"incopen.example", TXT, "v=spf1 include:open.example -all"},
    {"redirect.example", TXT, "v=spf1 redirect=ip.example"},
    {"loop.example", TXT, "v=spf1 include:loop.example -all"},
    {"void.example", TXT, "v=spf1 a:x1.example a:x2.example a:x3.example +ip4:192.0.2.0/24"},
    {"void2.example", TXT, "v=spf1 a:x1.example a:x2.example ip4:192.0.2.0/24 -all"},
    {"ten.example", TXT, "v=spf1 a a a a a a a a a a ip4:192.0.2.0/24 -all"},
    {"ten.example", RESOLVER_A, "198.51.100.1"},
    {"eleven.example", TXT, "v=spf1 a a a a a a a a a a a ip4:192.0.2.0/24 -all"},
    {"eleven.example", RESOLVER_A, "198.51.100.1"},
    {"bad.example", TXT, "v=spf1 ipv4:192.0.2.0/24 -all"},
    {"exists.example", TXT, "v=spf1 exists:%{ir}.%{l1r-}.%{d2}.list.example -all"},
    {"1.2.0.192.postmaster.exists.example.list.example", RESOLVER_A, "127.0.0.2"},
    {"ptr.example", TXT, "v=spf1 ptr -all"},
    {"1.2.0.192.in-addr.arpa", RESOLVER_PTR, "mail.ptr.example"},
    {"mail.ptr.example", RESOLVER_A, "192.0.2.1"},
    {"unknown.example", TXT, "v=spf1 moo=x exp=why.example ip4:192.0.2.1 -all"},
    {"needed.example", TXT, "v=spf1 a:down.example -all"},
    {"down.example", RESOLVER_A, NULL},
    {NULL, RESOLVER_A, NULL},
};

static struct check_spf
eval(const char *client, const char *domain)
{
	struct resolver r = {zone_query, (void *)(uintptr_t)zone};
	struct check_spf out;
	struct addr a;

	assert_int_equal(addr_parse(client, &a), 0);
	check_spf_eval(&out, &r, &a, domain, "helo.example");
	return out;
}

static void
test_results(void **state)
{
	static const struct {
		const char *client, *domain;
		enum check_spf_result result;
	} rows[] = {
	    {"192.0.2.1", "ip.example", SPF_RESULT_PASS},
	    {"2001:db8::5", "ip.example", SPF_RESULT_PASS},
	    {"198.51.100.1", "ip.example", SPF_RESULT_FAIL},
	    {"2001:db9::5", "ip.example", SPF_RESULT_FAIL},
	    {"192.0.2.1", "soft.example", SPF_RESULT_SOFTFAIL},
	    {"192.0.2.1", "neutral.example", SPF_RESULT_NEUTRAL},
	    {"192.0.2.1", "empty.example", SPF_RESULT_NEUTRAL},
	    {"192.0.2.1", "two.example", SPF_RESULT_PERMERROR},
	    {"192.0.2.1", "no.example", SPF_RESULT_NONE},
	    {"192.0.2.1", "nowhere.example", SPF_RESULT_NONE},
	    {"192.0.2.1", "down.example", SPF_RESULT_TEMPERROR},
	    {"192.0.2.1", "nodot", SPF_RESULT_NONE},
	    {"192.0.2.9", "a.example", SPF_RESULT_PASS},
	    {"192.0.3.9", "a.example", SPF_RESULT_FAIL},
	    {"2001:db8::ff", "a.example", SPF_RESULT_PASS},
	    {"192.0.2.25", "mx.example", SPF_RESULT_PASS},
	    {"192.0.2.26", "mx.example", SPF_RESULT_FAIL},
	    {"2001:db8::ff", "mx.example", SPF_RESULT_FAIL}, /* no AAAA is no void look-up */
	    {"192.0.2.1", "inc.example", SPF_RESULT_PASS},
	    {"198.51.100.1", "inc.example", SPF_RESULT_FAIL},
	    {"192.0.2.1", "incnone.example", SPF_RESULT_PERMERROR},
	    {"192.0.2.1", "redirect.example", SPF_RESULT_PASS},
	    {"198.51.100.1", "redirect.example", SPF_RESULT_FAIL},
	    {"192.0.2.1", "loop.example", SPF_RESULT_PERMERROR},
	    {"192.0.2.1", "void.example", SPF_RESULT_PERMERROR},
	    {"192.0.2.1", "void2.example", SPF_RESULT_PASS},
	    {"192.0.2.1", "ten.example", SPF_RESULT_PASS},
	    {"192.0.2.1", "eleven.example", SPF_RESULT_PERMERROR},
	    {"192.0.2.1", "bad.example", SPF_RESULT_PERMERROR},
	    {"192.0.2.1", "exists.example", SPF_RESULT_PASS},
	    {"192.0.2.2", "exists.example", SPF_RESULT_FAIL},
	    {"192.0.2.1", "ptr.example", SPF_RESULT_PASS},
	    {"192.0.2.2", "ptr.example", SPF_RESULT_FAIL},
	    {"192.0.2.1", "unknown.example", SPF_RESULT_PASS},
	    {"192.0.2.1", "needed.example", SPF_RESULT_TEMPERROR},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct check_spf got = eval(rows[i].client, rows[i].domain);

		if (got.result != rows[i].result)
			fail_msg("%s %s: %s (%s)", rows[i].client, rows[i].domain,
			    check_spf_result_name(got.result), got.why);
	}
}

static void
test_flags(void **state)
{
	struct check_spf s;

	(void)state;
	s = eval("203.0.113.9", "open.example");
	assert_int_equal(s.result, SPF_RESULT_PASS);
	assert_true(s.pass_all);
	assert_int_equal(s.lookups, 2);
	assert_true(eval("203.0.113.9", "incopen.example").pass_all);
	assert_true(eval("203.0.113.9", "neutral.example").neutral_all);
	assert_false(eval("192.0.2.1", "ip.example").pass_all);
	assert_int_equal(eval("192.0.2.1", "two.example").records, 2);
	assert_int_equal(eval("192.0.2.1", "eleven.example").lookups, 11);
	assert_int_equal(eval("192.0.2.1", "void.example").voids, 3);
	assert_non_null(strstr(eval("192.0.2.1", "bad.example").why, "ipv4:192.0.2.0/24"));
}

static void
test_syntax(void **state)
{
	static const char *const good[] = {"v=spf1", "v=spf1 ", "v=spf1 a:%{d}/24//64",
	    "v=spf1 -ALL", "v=spf1 mx/0", "v=spf1 ip4:192.0.2.9/24", "v=spf1 exists:%{l1r-}.%{d}",
	    "v=spf1 x-y.z_1=", "v=spf1 a:%%.%_x.example", "v=spf1 ip6:::1"};
	static const char *const bad[] = {"v=spf2", "spf1", "v=spf1 all:x.example",
	    "v=spf1 include", "v=spf1 include:", "v=spf1 a/33", "v=spf1 a/024", "v=spf1 a//129",
	    "v=spf1 ip4:192.0.2", "v=spf1 ip4:192.0.2.1/", "v=spf1 ip4:::1", "v=spf1 ip6:192.0.2.1",
	    "v=spf1 exists:%{z}", "v=spf1 exists:%{d", "v=spf1 exists:%{d0}", "v=spf1 exists:%",
	    "v=spf1 exists:%(d)", "v=spf1 redirect=a.example redirect=b.example",
	    "v=spf1 exp=a exp=b", "v=spf1 redirect=", "v=spf1 ++all", "v=spf1 ,",
	    "v=spf1 a:", "v=spf1 a:\xd0\xbf.example", "v=spf1 include:x.y/24x%"};
	static struct check_spf_record r;
	char why[120];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (check_spf_parse(&r, good[i], why, sizeof(why)) != 0)
			fail_msg("refused: %s: %s", good[i], why);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (check_spf_parse(&r, bad[i], why, sizeof(why)) == 0)
			fail_msg("accepted: %s", bad[i]);
}

/* RFC 7208 section 7.4 */
static void
test_macros(void **state)
{
	static const struct {
		const char *spec, *result;
	} rows[] = {
	    {"%{s}", "strong-bad@email.example.com"},
	    {"%{o}", "email.example.com"},
	    {"%{d4}", "email.example.com"},
	    {"%{d2}", "example.com"},
	    {"%{d1}", "com"},
	    {"%{dr}", "com.example.email"},
	    {"%{d2r}", "example.email"},
	    {"%{l}", "strong-bad"},
	    {"%{l-}", "strong.bad"},
	    {"%{lr-}", "bad.strong"},
	    {"%{l1r-}", "strong"},
	    {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
	    {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
	    {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
	    {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
	};
	struct check_spf_names names = {
	    {{0}}, "strong-bad@email.example.com", "email.example.com", "helo.example"};
	char out[512];

	(void)state;
	assert_int_equal(addr_parse("192.0.2.3", &names.client), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
		    check_spf_expand(out, sizeof(out), rows[i].spec, strlen(rows[i].spec), &names),
		    0);
		assert_string_equal(out, rows[i].result);
	}
	assert_int_equal(addr_parse("2001:db8::cb01", &names.client), 0);
	assert_int_equal(
	    check_spf_expand(out, sizeof(out), "%{ir}.%{v}._spf.%{d2}", 21, &names), 0);
	assert_string_equal(out, "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
				 "ip6._spf.example.com");
	/* longer than a name can be: cut from the left */
	char spec[400];
	size_t n = 0;
	for (unsigned i = 0; i < 40; i++)
		n += (size_t)snprintf(spec + n, sizeof(spec) - n, "label%02u.", i);
	snprintf(spec + n, sizeof(spec) - n, "example");
	assert_int_equal(check_spf_expand(out, sizeof(out), spec, strlen(spec), &names), 0);
	assert_true(strlen(out) <= 253);
	assert_string_equal(out + strlen(out) - 15, "label39.example");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_results),
	    cmocka_unit_test(test_flags),
	    cmocka_unit_test(test_syntax),
	    cmocka_unit_test(test_macros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
