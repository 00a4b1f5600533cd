/* SPDX-License-Identifier: ISC */
/* The header section, whole and in pieces; addresses and domains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/ascii.h"
#include "sensor/header.h"
#include "sensor/mailbox.h"

static const uint8_t key[HASH_KEY_BYTES] = {9};

static size_t
read_header(struct header *h, const char *text, size_t n, size_t piece)
{
	size_t used = 0;
	header_init(h);
	while (used < n && !header_is_done(h)) {
		size_t step = n - used < piece ? n - used : piece;
		uint8_t *copy = malloc(step);
		memcpy(copy, text + used, step);
		size_t took = header_add(h, key, copy, step);
		free(copy);
		used += took;
		if (took < step)
			break;
	}
	header_finish(h, key);
	return used;
}

static const char mail[] =
    "Received: from x (y [192.0.2.1])\r\n\tby z; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n\td=Shop.Example; s=sel; "
    "h=from:to;\r\n\tb=abc\r\n"
    "DKIM-Signature: v=1; d=second.example; b=x\r\n"
    "FROM : \"News, Shop\" (the <best@x.example>)\r\n <news@Mail.Shop.Example>, other@y.example\r\n"
    "Subject: Re: =?utf-8?q?Order?= 4711\r\n  for you\r\n"
    "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nmessage-id: <1@x>\r\n"
    "List-Unsubscribe: <https://x>\r\nList-Unsubscribe-Post: "
    "List-Unsubscribe=One-Click\r\nList-ID: <l.x>\r\n"
    "Precedence: bulk\r\nAuto-Submitted: auto-generated; x=y\r\nFeedback-ID: a:b\r\nIn-Reply-To: "
    "<2@x>\r\n"
    "Content-Type: text/html;\r\n charset=utf-8\r\nContent-Transfer-Encoding: Quoted-Printable\r\n"
    "\r\nbody: From: no@no.example\r\n";

static void
test_whole(void **state)
{
	struct header h;
	(void)state;
	for (size_t piece = 1; piece <= sizeof(mail); piece += piece < 40 ? 1 : 97) {
		size_t used = read_header(&h, mail, sizeof(mail) - 1, piece);
		assert_string_equal(mail + used, "body: From: no@no.example\r\n");
		assert_string_equal(h.from_domain, "mail.shop.example");
		assert_string_equal(h.dkim_domain, "shop.example");
		assert_int_equal(
		    h.bits, OBS_HDR_DATE | OBS_HDR_MESSAGE_ID | OBS_HDR_LIST_UNSUBSCRIBE |
				OBS_HDR_LIST_UNSUBSCRIBE_POST | OBS_HDR_LIST_ID | OBS_HDR_DKIM |
				OBS_HDR_AUTO_SUBMITTED | OBS_HDR_PRECEDENCE_BULK |
				OBS_HDR_FEEDBACK_ID | OBS_HDR_REPLY_REFERENCE);
		assert_int_equal(h.type, HEADER_TYPE_TEXT);
		assert_int_equal(h.encoding, HEADER_ENCODING_QUOTED);
		assert_int_not_equal(h.subject_hash, 0);
	}
}

static uint16_t
bits_of(const char *text)
{
	struct header h;
	read_header(&h, text, strlen(text), 7);
	return h.bits;
}

static void
test_odd_sections(void **state)
{
	(void)state;
	assert_int_equal(bits_of(""), 0);
	assert_int_equal(bits_of("\r\nDate: x\r\n"), 0);
	assert_int_equal(bits_of("Date: x"), OBS_HDR_DATE); /* the message ended here */
	assert_int_equal(bits_of("Date"), 0);
	assert_int_equal(
	    bits_of("Date: x\nMessage-ID: y\n\nList-ID: z\n"), OBS_HDR_DATE | OBS_HDR_MESSAGE_ID);
	assert_int_equal(
	    bits_of("From a@b Mon Jan  1 00:00:00 2024\r\nDate: x\r\n\r\n"), OBS_HDR_DATE);
	assert_int_equal(bits_of("no colon here\r\nDate: x\r\n\r\n"), OBS_HDR_DATE);
	assert_int_equal(bits_of("X: y\r\n Date: x\r\n\r\n"), 0); /* folded */
	assert_int_equal(bits_of("Dat\x01"
				 "e: x\r\nList-ID: l\r\n\r\n"),
	    OBS_HDR_LIST_ID);
	assert_int_equal(bits_of("Auto-Submitted: no\r\n\r\n"), 0);
	assert_int_equal(bits_of("Auto-Submitted: No (really)\r\n\r\n"), 0);
	assert_int_equal(bits_of("Auto-Submitted: auto-replied\r\n\r\n"), OBS_HDR_AUTO_SUBMITTED);
	assert_int_equal(bits_of("Precedence: LIST\r\n\r\n"), OBS_HDR_PRECEDENCE_BULK);
	assert_int_equal(bits_of("Precedence: first-class\r\n\r\n"), 0);
	assert_int_equal(bits_of("References: <a>\r\n\r\n"), OBS_HDR_REPLY_REFERENCE);
	assert_int_equal(bits_of(": x\r\n\r\n"), 0);
}

static void
test_budget(void **state)
{
	struct header h;
	static char big[40000];
	(void)state;
	memset(big, 'a', sizeof(big));
	memcpy(big, "Date: x\r\nX-Long: ", 17);
	memcpy(big + 30000, "\r\nList-ID: x\r\n\r\n", 16);
	for (size_t piece = 100; piece < 50000; piece *= 7) {
		size_t used = read_header(&h, big, sizeof(big), piece);
		assert_int_equal(used, HEADER_BUDGET_BYTES);
		assert_int_equal(h.bits, OBS_HDR_DATE | OBS_HDR_TRUNCATED);
		assert_true(header_is_done(&h));
	}
}

static uint64_t
subject(const char *text)
{
	return header_hash_subject(key, (const uint8_t *)text, strlen(text));
}

static void
test_subject(void **state)
{
	(void)state;
	uint64_t order = subject(" Your order 4711 is ready");
	assert_true(order != 0);
	assert_true(order == subject("Your ORDER 98 is  ready "));
	assert_true(order == subject("Re: Fwd: RE[2]: your order is ready!"));
	assert_true(order == subject("AW: Your order\r\n\t17 is ready"));
	assert_true(order != subject("Your order is late"));
	assert_true(subject("Regarding: x") != subject("x"));
	assert_int_equal(subject(""), 0);
	assert_int_equal(subject("Re: 1234 !"), 0);
}

static void
check_from(const char *value, const char *wanted)
{
	struct mailbox m;
	char domain[OBS_DOMAIN_BYTES] = "";
	uint8_t *copy = malloc(strlen(value) + 1);
	memcpy(copy, value, strlen(value));
	if (mailbox_parse_from(copy, strlen(value), &m))
		mailbox_clean_domain(domain, m.domain, m.domain_size);
	assert_string_equal(domain, wanted);
	free(copy);
}

static void
test_from(void **state)
{
	(void)state;
	check_from("a@b.example", "b.example");
	check_from(" Bob <a@b.example>", "b.example");
	check_from("\"x@y.example\" <a@b.example>", "b.example");
	check_from("x@y.example <a@b.example>", "b.example");
	check_from("(c@d.example) a@b.example (more)", "b.example");
	check_from("a@b.example (Bob (the \\) builder))", "b.example");
	check_from("Group: a@b.example, c@d.example;", "b.example");
	check_from("Group: Bob <a@b.example>;", "b.example");
	check_from("undisclosed-recipients:;", "");
	check_from("=?utf-8?Q?a=40x@y.example?= <a@b.example>", "b.example");
	check_from("a@b.example, c@d.example", "b.example");
	check_from("\"quoted local\"@b.example", "b.example");
	check_from("<@relay.example:a@b.example>", "b.example");
	check_from("Bob <a@B.Example.>", "b.example");
	check_from("a@[192.0.2.1]", "[192.0.2.1]");
	check_from("a@b\xc3\xbc.example", "b\xc3\xbc.example");
	check_from("a@b\xff.example", "b.example");
	check_from("Bob <>", "");
	check_from("Bob", "");
	check_from("", "");
	check_from("\"", "");
	check_from("(", "");
	check_from("<", "");
	check_from("@", "");
}

static void
check_path(const char *text, const char *local, const char *domain)
{
	struct mailbox m;
	uint8_t *copy = malloc(strlen(text) + 1);
	memcpy(copy, text, strlen(text));
	mailbox_parse_path(copy, strlen(text), &m);
	assert_int_equal(m.local_size, strlen(local));
	assert_memory_equal(m.local, local, m.local_size);
	assert_int_equal(m.domain_size, strlen(domain));
	assert_memory_equal(m.domain, domain, m.domain_size);
	free(copy);
}

static void
test_paths(void **state)
{
	(void)state;
	check_path("<a@b.example>", "a", "b.example");
	check_path(" <a@b.example> SIZE=100 BODY=8BITMIME", "a", "b.example");
	check_path("a@b.example ORCPT=rfc822;x@y", "a", "b.example");
	check_path("<@r1.example,@r2.example:a@b.example>", "a", "b.example");
	check_path("<\"a b@c>\"@b.example>", "\"a b@c>\"", "b.example");
	check_path("<\"a\\\"b\"@b.example>", "\"a\\\"b\"", "b.example");
	check_path("<a@[IPv6:2001:db8::1]>", "a", "[IPv6:2001:db8::1]");
	check_path("<postmaster>", "postmaster", "");
	check_path("< a@b.example >", "a", "b.example");
	check_path("<a@b.example", "a", "b.example");
	check_path("<a@b.example.>", "a", "b.example");
	check_path("<>", "", "");
	check_path("", "", "");
	check_path("<\"", "\"", "");
	check_path("<@", "", "");
	check_path("<\xd0\xb6@\xd0\xb6.example>", "\xd0\xb6", "\xd0\xb6.example");
}

static void
test_domains(void **state)
{
	char out[OBS_DOMAIN_BYTES], name[300];
	(void)state;
	mailbox_clean_domain(out,
	    (const uint8_t *)"Ex\x01"
			     "am ple\"<>\\.ORG..",
	    17);
	assert_string_equal(out, "example.org");
	/* the right end is kept, and not half a character of it */
	for (size_t i = 0; i < 280; i += 2)
		memcpy(name + i, "\xd0\xb6", 2);
	memcpy(name + 280, ".example.org", 12);
	mailbox_clean_domain(out, (const uint8_t *)name, 292);
	assert_true(strlen(out) < OBS_DOMAIN_BYTES && strlen(out) > OBS_DOMAIN_BYTES - 4);
	assert_string_equal(out + strlen(out) - 12, ".example.org");
	assert_int_equal((uint8_t)out[0], 0xd0);
	static uint8_t huge[70000];
	memset(huge, 'a', sizeof(huge));
	mailbox_clean_domain(out, huge, sizeof(huge));
	assert_int_equal(strlen(out), OBS_DOMAIN_BYTES - 1);
}

static void
test_hashes(void **state)
{
	struct mailbox a, b, c;
	static const uint8_t other[HASH_KEY_BYTES] = {1};
	(void)state;
	mailbox_parse_path((const uint8_t *)"<Bob@Example.ORG>", 17, &a);
	mailbox_parse_path((const uint8_t *)"bob@example.org", 15, &b);
	mailbox_parse_path((const uint8_t *)"<>", 2, &c);
	assert_true(mailbox_hash(key, &a) == mailbox_hash(key, &b));
	assert_true(mailbox_hash_domain(key, &a) == mailbox_hash_domain(key, &b));
	assert_true(mailbox_hash(key, &a) != mailbox_hash(other, &a));
	assert_true(mailbox_hash(key, &a) != mailbox_hash_domain(key, &a));
	assert_int_equal(mailbox_hash(key, &c), 0);
	assert_int_equal(mailbox_hash_domain(key, &c), 0);
}

/* Eight bytes at a time change what one at a time changes: every byte at every place. */
static void
test_lower_case(void **state)
{
	uint8_t in[21], out[21];

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		for (size_t at = 0; at < sizeof(in); at++) {
			memset(in, c < 128 ? 0xff : 'Z' + 1, sizeof(in));
			in[at] = (uint8_t)c;
			ascii_copy_lower(out, in, sizeof(in));
			for (size_t i = 0; i < sizeof(in); i++)
				assert_int_equal(out[i], ascii_lower(in[i]));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lower_case),
	    cmocka_unit_test(test_whole),
	    cmocka_unit_test(test_odd_sections),
	    cmocka_unit_test(test_budget),
	    cmocka_unit_test(test_subject),
	    cmocka_unit_test(test_from),
	    cmocka_unit_test(test_paths),
	    cmocka_unit_test(test_domains),
	    cmocka_unit_test(test_hashes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
