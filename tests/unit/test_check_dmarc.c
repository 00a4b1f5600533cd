/* SPDX-License-Identifier: ISC */
/* DMARC policies, DKIM keys, and which addresses are public. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "whitelist/check_dmarc.h"
#include "whitelist/check_net.h"

static void
test_dmarc(void **state)
{
	struct check_dmarc d;
	const char *why;

	(void)state;
	assert_int_equal(check_dmarc_parse(&d,
			     "v=DMARC1; p=reject; rua=mailto:a@example.org; adkim=s; pct=20", &why),
	    0);
	assert_string_equal(d.policy, "reject");
	assert_string_equal(d.subdomain_policy, "reject");
	assert_true(d.reports && d.strict_dkim && !d.strict_spf);
	assert_int_equal(d.percent, 20);
	assert_int_equal(
	    check_dmarc_parse(&d, "v = DMARC1 ;p=none;sp=quarantine;pct=900", &why), 0);
	assert_string_equal(d.subdomain_policy, "quarantine");
	assert_false(d.reports);
	assert_int_equal(d.percent, 100);
	assert_int_equal(check_dmarc_parse(&d, "v=DMARC1; rua=mailto:a@example.org", &why), 0);
	assert_string_equal(d.policy, "none");
	assert_int_equal(check_dmarc_parse(&d, "v=DMARC1; p=maybe", &why), -EINVAL);
	assert_int_equal(check_dmarc_parse(&d, "v=DMARC1", &why), -EINVAL);
	assert_int_equal(check_dmarc_parse(&d, "v=DMARC12; p=none", &why), -EINVAL);
	assert_int_equal(check_dmarc_parse(&d, "p=none; v=DMARC1", &why), -EINVAL);
	assert_int_equal(check_dmarc_parse(&d, "v:DMARC1; p=none", &why), -EINVAL);
}

static void
test_dkim(void **state)
{
	/* openssl genrsa 1024 | openssl rsa -pubout */
	static const char rsa1024[] = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCqGKukO1De7zhZj6+"
				      "H0qtjTkVxwTCpvKe4eCZ0FPqri0cb2JZfXJ/"
				      "DgYSF6vUpwmJG8wVQZKjeGcjDOL5UlsuusFncCzWBQ7RKNUSesmQRMSGkVb1"
				      "/3j+skZ6UtW+5u09lHNsj6tQ51s1SPr"
				      "CBkedbNf0Tp0GbMJDyR4e9T04ZZwIDAQAB";
	struct check_dkim_record k;
	char text[600];
	const char *why;

	(void)state;
	snprintf(
	    text, sizeof(text), "v=DKIM1; k=rsa; t=s : y; p=%.30s \t %s", rsa1024, rsa1024 + 30);
	assert_int_equal(check_dkim_record_parse(&k, text, &why), 0);
	assert_true(k.testing && !k.revoked && !k.ed25519);
	assert_int_equal(check_dkim_key_bits(&k), 1024);
	k.key[40] = '!';
	assert_int_equal(check_dkim_key_bits(&k), 0);
	k.key[40] = '\0';
	assert_int_equal(check_dkim_key_bits(&k), 0);
	assert_int_equal(check_dkim_record_parse(
			     &k, "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", &why),
	    0);
	assert_int_equal(check_dkim_key_bits(&k), 256);
	assert_int_equal(check_dkim_record_parse(&k, "v=DKIM1; p=; h=sha1; s=tlsrpt", &why), 0);
	assert_true(k.revoked && k.not_sha256 && k.not_email && !k.testing);
	assert_int_equal(check_dkim_record_parse(&k, "v=DKIM1; k=rsa", &why), -EINVAL);
	assert_int_equal(check_dkim_record_parse(&k, "v=DKIM2; p=AAAA", &why), -EINVAL);
	assert_int_equal(check_dkim_record_parse(&k, "v=DKIM1; k=dsa; p=AAAA", &why), -EINVAL);
}

static void
test_addresses(void **state)
{
	static const char *const refused[] = {"0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1",
	    "169.254.169.254", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1",
	    "192.168.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
	    "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::127.0.0.1",
	    "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:10::1", "2001:db8::1",
	    "2002:7f00:1::", "3fff::1", "fc00::1", "fdff::1", "fe80::1", "febf::1", "fec0::1",
	    "ff02::1", "4000::1", "5f00::1"};
	static const char *const public[] = {"1.1.1.1", "9.255.255.255", "11.0.0.0",
	    "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "169.253.1.1",
	    "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.1.1", "198.17.255.255",
	    "198.20.0.0", "223.255.255.255", "2001:200::1", "2001:db7::1", "2003::1",
	    "2a00:1450::1", "2606:4700::1111", "3fff:1000::1"};
	struct addr_prefix loopback;
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(addr_parse(refused[i], &a), 0);
		if (check_net_special(&a) == NULL)
			fail_msg("%s passes", refused[i]);
	}
	for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++) {
		assert_int_equal(addr_parse(public[i], &a), 0);
		if (check_net_special(&a) != NULL)
			fail_msg("%s: %s", public[i], check_net_special(&a));
	}
	assert_int_equal(addr_prefix_parse("127.0.0.0/8", &loopback), 0);
	assert_int_equal(addr_parse("127.0.0.1", &a), 0);
	assert_null(check_net_refused(&a, &loopback, 1));
	assert_non_null(check_net_refused(&a, NULL, 0));
	assert_int_equal(addr_parse("10.0.0.1", &a), 0);
	assert_non_null(check_net_refused(&a, &loopback, 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_dmarc),
	    cmocka_unit_test(test_dkim),
	    cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
