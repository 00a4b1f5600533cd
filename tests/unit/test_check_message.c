/* SPDX-License-Identifier: ISC */
/*
 * Each check of the sample message, M1..M20, at every level that it can give: one good newsletter, and in each
 * row one thing changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "whitelist/check_message.h"

#define NOW_NS	      (INT64_C(1795348800) * CLOCK_SECOND_NS) /* 2026-11-22T12:00:00Z */
#define MESSAGE_BYTES 65536
#define LINK	      "https://shop.example.org/u/9f3c2a7e51d04b68"

static const struct {
	const char *name, *value;
} newsletter[] = {
    {"Received", "from mail.shop.example.org (mail.shop.example.org [192.0.2.7]) by "
		 "mx.example.net; Sat, 21 Nov 2026 "
		 "09:00:01 +0000"},
    {"Return-Path", "<bounce@shop.example.org>"},
    {"From", "Shop <news@shop.example.org>"},
    {"To", "anna@example.net"},
    {"Subject", "News of November"},
    {"Date", "Sat, 21 Nov 2026 09:00:00 +0000"},
    {"Message-ID", "<20261121.1@shop.example.org>"},
    {"List-Id", "<news.shop.example.org>"},
    {"List-Unsubscribe", "<" LINK ">, <mailto:leave@shop.example.org>"},
    {"List-Unsubscribe-Post", "List-Unsubscribe=One-Click"},
    {"MIME-Version", "1.0"},
};

static const char good_body[] =
    "Content-Type: multipart/alternative; boundary=b\n\n"
    "--b\nContent-Type: text/plain; charset=utf-8\n\nHello Anna, here are our "
    "news.\nUnsubscribe: " LINK "\n"
    "--b\nContent-Type: text/html; charset=utf-8\n\n<html><body><p>Hello Anna, here are our "
    "news.</p>"
    "<p><a href=\"" LINK "\">Unsubscribe</a></p></body></html>\n--b--\n";

#define HTML(text)                                                                                \
	"Content-Type: text/html; charset=utf-8\n\n<html><body><p>Hello Anna, here are our news " \
	"of this "                                                                                \
	"month.</p>" text "</body></html>\n"
#define PLAIN(text) "Content-Type: text/plain; charset=utf-8\n\n" text "\n"

static struct check_job
job_of(enum application_purpose purpose)
{
	struct check_job job = {.kind = CHECK_JOB_MESSAGE,
	    .purpose = (uint8_t)purpose,
	    .evidence = EVIDENCE_SAMPLE_SOURCE,
	    .now_ns = NOW_NS,
	    .domain_count = 1,
	    .address_count = 1};

	strcpy(job.domains[0], "example.org");
	assert_int_equal(addr_parse("192.0.2.7", &job.addresses[0]), 0);
	return job;
}

/* The newsletter with `field` replaced by `value` (whole lines may follow in it; NULL: left out). */
static size_t
write_message(char *out, const char *field, const char *value, const char *body)
{
	size_t used = 0;
	bool replaced = field == NULL;

	for (size_t i = 0; i < sizeof(newsletter) / sizeof(newsletter[0]); i++) {
		const char *v = newsletter[i].value;

		if (field != NULL && strcasecmp(field, newsletter[i].name) == 0) {
			replaced = true;
			v = value;
		}
		if (v != NULL)
			used += (size_t)snprintf(
			    out + used, MESSAGE_BYTES - used, "%s: %s\n", newsletter[i].name, v);
	}
	if (!replaced)
		used +=
		    (size_t)snprintf(out + used, MESSAGE_BYTES - used, "%s: %s\n", field, value);
	used += (size_t)snprintf(
	    out + used, MESSAGE_BYTES - used, "%s", body != NULL ? body : good_body);
	assert_true(used < MESSAGE_BYTES);
	return used;
}

static const struct check_report *
judge(const struct check_job *job, const char *message, size_t size)
{
	static struct check_report report;

	check_report_init(&report);
	check_message(job, message, size, &report);
	return &report;
}

static void
assert_level(const struct check_report *report, unsigned id, unsigned level, const char *text,
    const char *what)
{
	const struct check_result *r = check_report_find(report, (enum check_id)id);

	if (r == NULL)
		fail_msg("%s: %s has no result", what, check_info(id)->name);
	else if (r->level != level || strstr(r->text, text) == NULL)
		fail_msg("%s: %s is %s: %s", what, check_info(id)->name, check_level_name(r->level),
		    r->text);
}

struct row {
	uint8_t id, level;
	const char *text; /* in the sentence */
	const char *field, *value;
	const char *body; /* with its Content-Type; NULL = the good one */
};

static const struct row header_rows[] = {
    {CHECK_M1, CHECK_PASS, "each as often as allowed", NULL, NULL, NULL},
    {CHECK_M1, CHECK_FAIL, "Date 0 times", "Date", NULL, NULL},
    {CHECK_M1, CHECK_FAIL, "From 0 times", "From", NULL, NULL},
    {CHECK_M1, CHECK_FAIL, "Subject 2 times", "Subject", "one\nSubject: two", NULL},
    {CHECK_M1, CHECK_FAIL, "To 2 times", "To", "a@example.net\nto: b@example.net", NULL},
    {CHECK_M1, CHECK_FAIL, "cannot be read as a date", "Date", "soon", NULL},
    {CHECK_M2, CHECK_PASS, "shop.example.org", NULL, NULL, NULL},
    {CHECK_M2, CHECK_FAIL, "2 addresses", "From", "a@shop.example.org, b@shop.example.org", NULL},
    {CHECK_M2, CHECK_FAIL, "0 addresses", "From", "undisclosed:;", NULL},
    {CHECK_M2, CHECK_FAIL, "no domain name", "From", "root@localhost", NULL},
    {CHECK_M2, CHECK_FAIL, "public suffix", "From", "a@co.uk", NULL},
    {CHECK_M2, CHECK_FAIL, "free-mail provider yandex.ru", "From", "Shop <shop@yandex.ru>", NULL},
    {CHECK_M2, CHECK_FAIL, "none of the application's domains", "From", "a@shop.example.net", NULL},
    {CHECK_M2, CHECK_FAIL, "none of the application's domains", "From", "a@notexample.org", NULL},
    {CHECK_M3, CHECK_PASS, "well formed", NULL, NULL, NULL},
    {CHECK_M3, CHECK_FAIL, "no Message-ID", "Message-ID", NULL, NULL},
    {CHECK_M3, CHECK_FAIL, "<left@right>", "Message-ID", "20261121.1@shop.example.org", NULL},
    {CHECK_M3, CHECK_FAIL, "<left@right>", "Message-ID", "<@shop.example.org>", NULL},
    {CHECK_M4, CHECK_FAIL, "no DKIM signature", NULL, NULL, NULL},
    {CHECK_M6, CHECK_PASS, "envelope's domain", NULL, NULL, NULL},
    {CHECK_M6, CHECK_FAIL, "neither", "Return-Path", "<bounce@other.example.net>", NULL},
    {CHECK_M6, CHECK_FAIL, "(none)", "Return-Path", NULL, NULL},
    {CHECK_M7, CHECK_PASS, "one https:", NULL, NULL, NULL},
    {CHECK_M7, CHECK_PASS, "one https:", "List-Unsubscribe",
	"<https://shop.example.org/u/\n 9f3c2a7e51d04b68>", NULL},
    {CHECK_M7, CHECK_FAIL, "no List-Unsubscribe field", "List-Unsubscribe", NULL, NULL},
    {CHECK_M7, CHECK_FAIL, "2 times", "List-Unsubscribe",
	"<" LINK ">\nList-Unsubscribe: <" LINK ">", NULL},
    {CHECK_M7, CHECK_FAIL, "0 https:", "List-Unsubscribe", "<mailto:leave@shop.example.org>", NULL},
    {CHECK_M7, CHECK_FAIL, "0 https:", "List-Unsubscribe", "<http://shop.example.org/u/1>", NULL},
    {CHECK_M7, CHECK_FAIL, "2 https:", "List-Unsubscribe", "<" LINK ">, <" LINK ">", NULL},
    {CHECK_M7, CHECK_FAIL, "0 https:", "List-Unsubscribe", LINK, NULL},
    {CHECK_M8, CHECK_PASS, "one click", NULL, NULL, NULL},
    {CHECK_M8, CHECK_FAIL, "no List-Unsubscribe-Post", "List-Unsubscribe-Post", NULL, NULL},
    {CHECK_M8, CHECK_FAIL, "must stand once", "List-Unsubscribe-Post", "One-Click", NULL},
    {CHECK_M9, CHECK_FAIL, "No DKIM signature names both", NULL, NULL, NULL},
    {CHECK_M10, CHECK_PASS, "nobody can guess", NULL, NULL, NULL},
    {CHECK_M10, CHECK_WARN, "no part that nobody can guess", "List-Unsubscribe",
	"<https://shop.example.org/u/1>", NULL},
    {CHECK_M10, CHECK_WARN, "leads to a login", "List-Unsubscribe",
	"<https://shop.example.org/login?next=9f3c2a7e51d04b68>", NULL},
    {CHECK_M10, CHECK_WARN, "no web address", "List-Unsubscribe", "<mailto:leave@shop.example.org>",
	NULL},
    {CHECK_M14, CHECK_PASS, "1 recipient", NULL, NULL, NULL},
    {CHECK_M14, CHECK_WARN, "6 recipients", "Cc", "b@e.net, c@e.net, d@e.net, e@e.net, f@e.net",
	NULL},
    {CHECK_M15, CHECK_INFO, "<news.shop.example.org>", NULL, NULL, NULL},
    {CHECK_M15, CHECK_INFO, "Precedence: bulk", "Precedence", "bulk", NULL},
    {CHECK_M16, CHECK_PASS, "does not pretend", NULL, NULL, NULL},
    {CHECK_M16, CHECK_WARN, "it is none", "Subject", "Re: your order", NULL},
    {CHECK_M16, CHECK_WARN, "it is none", "Subject", "=?utf-8?B?0J7RgtCyOiDQt9Cw0LrQsNC3?=", NULL},
    {CHECK_M16, CHECK_PASS, "does not pretend", "Subject",
	"Re: your order\nIn-Reply-To: <1@example.net>", NULL},
    {CHECK_M19, CHECK_PASS, "192.0.2.7", NULL, NULL, NULL},
    {CHECK_M19, CHECK_PASS, "192.0.2.7", "Received",
	"by mx.example.net with LMTP id 1\nAuthentication-Results: mx.example.net; spf=pass "
	"smtp.remote-ip=192.0.2.7",
	NULL},
    {CHECK_M19, CHECK_FAIL, "198.51.100.9", "Received",
	"from relay.example (relay.example [198.51.100.9]) by mx", NULL},
    {CHECK_M19, CHECK_FAIL, "2001:db8::9", "Received",
	"from relay.example ([IPv6:2001:db8::9]) by mx", NULL},
    {CHECK_M19, CHECK_WARN, "as it was received", "Received", NULL, NULL},
    {CHECK_M19, CHECK_WARN, "as it was received", "Received",
	"from localhost (localhost [127.0.0.1]) by mx", NULL},
    {CHECK_M20, CHECK_PASS, "1 days ago", NULL, NULL, NULL},
    {CHECK_M20, CHECK_INFO, "more than 30", "Date", "Sat, 1 Aug 2026 09:00:00 +0000", NULL},
    {CHECK_M20, CHECK_INFO, "unknown", "Date", "soon", NULL},
};

static const struct row body_rows[] = {
    {CHECK_M11, CHECK_PASS, "", NULL, NULL, NULL},
    {CHECK_M11, CHECK_PASS, "", NULL, NULL, PLAIN("News.\nTo unsubscribe: " LINK)},
    {CHECK_M11, CHECK_PASS, "", NULL, NULL, PLAIN("Новости.\nОтказаться от рассылки: " LINK)},
    {CHECK_M11, CHECK_PASS, "", NULL, NULL, HTML("<a href='" LINK "'>Отписаться</a>")},
    {CHECK_M11, CHECK_PASS, "", NULL, NULL,
	HTML("No more news? <a href='" LINK "'><img src=x alt='Opt out'></a>")},
    {CHECK_M11, CHECK_PASS, "", NULL, NULL,
	HTML("To stop receiving our news click <a href='" LINK "'>here</a>.")},
    {CHECK_M11, CHECK_FAIL, "no link that says unsubscribe", NULL, NULL, HTML("Bye.")},
    {CHECK_M11, CHECK_FAIL, "no link that says unsubscribe", NULL, NULL,
	PLAIN("To unsubscribe, write a letter.")},
    {CHECK_M11, CHECK_FAIL, "preferences", NULL, NULL,
	HTML("<a href='" LINK "'>Email settings</a>")},
    {CHECK_M11, CHECK_FAIL, "display:none", NULL, NULL,
	HTML("<div style='display: none'><a href='" LINK "'>Unsubscribe</a></div>")},
    {CHECK_M11, CHECK_FAIL, "colour of its background", NULL, NULL,
	HTML("<a style='color:#fff' href='" LINK "'>Unsubscribe</a>")},
    {CHECK_M11, CHECK_FAIL, "no size", NULL, NULL,
	HTML("<span style='font-size:0px'><a href='" LINK "'>Unsubscribe</a></span>")},
    {CHECK_M11, CHECK_PASS, "", NULL, NULL,
	HTML("<table bgcolor=black><tr><td><a style='color:white' href='" LINK
	     "'>Unsubscribe</a></table>")},
    {CHECK_M12, CHECK_PASS, "belongs to From", NULL, NULL, NULL},
    {CHECK_M12, CHECK_WARN, "neither", NULL, NULL,
	HTML("<a href='https://esp.example.com/u'>Unsubscribe</a>")},
    {CHECK_M12, CHECK_WARN, "not by https", NULL, NULL,
	HTML("<a href='http://shop.example.org/u'>Unsubscribe</a>")},
    {CHECK_M12, CHECK_WARN, "neither", NULL, NULL,
	HTML("<a href='https://shop.example.org@evil.example.com/u'>Unsubscribe</a>")},
    {CHECK_M13, CHECK_PASS, "utf-8", NULL, NULL, NULL},
    {CHECK_M13, CHECK_WARN, "no text/plain part", NULL, NULL, HTML("")},
    {CHECK_M13, CHECK_WARN, "koi8-r", NULL, NULL,
	"Content-Type: text/plain; charset=koi8-r\n\n\xf4\xc5\xd3\xd4\n"},
    {CHECK_M17, CHECK_PASS, "Nothing notable", NULL, NULL, NULL},
    {CHECK_M17, CHECK_WARN, "<script>", NULL, NULL, HTML("<script>alert(1)</script>")},
    {CHECK_M17, CHECK_WARN, "picture(s)", NULL, NULL,
	"Content-Type: text/html\n\n<a href='" LINK
	"'><img src='https://shop.example.org/a.png'></a>\n"},
};

static void
run_rows(const struct row *rows, size_t count)
{
	const struct check_job job = job_of(PURPOSE_NEWSLETTER);
	char message[MESSAGE_BYTES], what[64];

	for (size_t i = 0; i < count; i++) {
		size_t size = write_message(message, rows[i].field, rows[i].value, rows[i].body);

		snprintf(what, sizeof(what), "row %zu", i);
		assert_level(
		    judge(&job, message, size), rows[i].id, rows[i].level, rows[i].text, what);
	}
}

static void
test_header(void **state)
{
	(void)state;
	run_rows(header_rows, sizeof(header_rows) / sizeof(header_rows[0]));
}

static void
test_body(void **state)
{
	(void)state;
	run_rows(body_rows, sizeof(body_rows) / sizeof(body_rows[0]));
}

/* What stands for the good one must be good in everything that needs no signature. */
static void
test_good(void **state)
{
	const struct check_job job = job_of(PURPOSE_NEWSLETTER);
	char message[MESSAGE_BYTES];
	const struct check_report *r =
	    judge(&job, message, write_message(message, NULL, NULL, NULL));

	(void)state;
	for (unsigned i = 0; i < r->count; i++)
		if ((r->results[i].level == CHECK_FAIL || r->results[i].level == CHECK_WARN) &&
		    r->results[i].id != CHECK_M4 && r->results[i].id != CHECK_M9)
			fail_msg("%s: %s", check_info(r->results[i].id)->name, r->results[i].text);
	assert_string_equal(r->facts.list_unsubscribe[0], LINK);
	assert_string_equal(r->facts.body_link, LINK);
	assert_string_equal(r->facts.body_link_text, "Unsubscribe");
	assert_string_equal(r->facts.from_domain, "shop.example.org");
	assert_string_equal(r->facts.from_organisation, "example.org");
	assert_string_equal(r->facts.hop_name, "mail.shop.example.org");
	assert_true(r->facts.one_click);
}

/* Automatic mail needs no one-click unsubscribing: M7..M9 only warn. */
static void
test_automatic(void **state)
{
	const struct check_job job = job_of(PURPOSE_AUTOMATIC);
	char message[MESSAGE_BYTES];

	(void)state;
	assert_level(judge(&job, message, write_message(message, "List-Unsubscribe", NULL, NULL)),
	    CHECK_M7, CHECK_WARN, "no List-Unsubscribe", "automatic");
	assert_level(
	    judge(&job, message, write_message(message, "List-Unsubscribe-Post", NULL, NULL)),
	    CHECK_M8, CHECK_WARN, "no List-Unsubscribe-Post", "automatic");
	assert_level(judge(&job, message, write_message(message, NULL, NULL, NULL)), CHECK_M9,
	    CHECK_WARN, "No DKIM signature", "automatic");
	assert_level(judge(&job, message, write_message(message, "From", NULL, NULL)), CHECK_M1,
	    CHECK_FAIL, "From 0 times", "automatic");
}

/* --- M4: signatures of RFC 8463 appendix A, by ed25519 and by RSA with a key of 1024 bits --- */

#define SIGNATURE_HEAD \
	" c=relaxed/relaxed;\n d=football.example.com; i=@football.example.com;\n q=dns/txt; "
#define SIGNATURE_HASH " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
#define BY_ED25519                                                               \
	"DKIM-Signature: v=1; a=ed25519-sha256;" SIGNATURE_HEAD                  \
	"s=brisbane; t=1528637909; h=from : to :\n"                              \
	" subject : date : message-id : from : subject : date;\n" SIGNATURE_HASH \
	" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\n "         \
	"Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\n"
#define BY_RSA                                                          \
	"DKIM-Signature: v=1; a=rsa-sha256;" SIGNATURE_HEAD             \
	"s=test; t=1528637909; h=from : to : subject :\n"               \
	" date : message-id : from : subject : date;\n" SIGNATURE_HASH  \
	" b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\n" \
	" DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\n" \
	" dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\n"
#define SIGNED_FROM "From: Joe SixPack <joe@football.example.com>\n"
#define SIGNED_REST                                                               \
	"To: Suzie Q <suzie@shopping.example.net>\nSubject: Is dinner ready?\n"   \
	"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\n"                           \
	"Message-ID: <20030712040037.46341.5F8J@football.example.com>\n\nHi.\n\n" \
	"We lost the game.  Are you hungry yet?\n\nJoe.\n"
#define EMPTY(form, hash)                                                           \
	"DKIM-Signature: v=1; a=rsa-sha256; c=simple/" form "; s=test;\n"           \
	" d=football.example.com; h=from; bh=" hash ";\n"                           \
	" b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\n" SIGNED_FROM \
	"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\n\n"
#define KEY_ED25519                                                     \
	"brisbane._domainkey.football.example.com v=DKIM1; k=ed25519; " \
	"p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
#define KEY_RSA                                                                                    \
	"test._domainkey.football.example.com v=DKIM1; k=rsa; "                                    \
	"p="                                                                                       \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi" \
	"Y/J16JYi0Qvx/b"                                                                           \
	"yYzCNb3W91y3FutACDfzwQ/BC/e/"                                                             \
	"8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4"            \
	"w3QIDAQAB\n"

static void
test_dkim(void **state)
{
	static const struct {
		const char *message, *keys;
		uint8_t level;
		const char *text;
	} rows[] = {
	    {BY_ED25519 SIGNED_FROM SIGNED_REST, KEY_ED25519, CHECK_PASS,
		"ed25519-sha256, 256 bits"},
	    {BY_RSA SIGNED_FROM SIGNED_REST, KEY_RSA, CHECK_WARN, "1024 bits; 2048 are advised"},
	    /* the better of two, and an unknown key does not spoil it */
	    {BY_ED25519 BY_RSA SIGNED_FROM SIGNED_REST, KEY_RSA, CHECK_WARN, "1024 bits"},
	    {BY_RSA SIGNED_FROM SIGNED_REST, "", CHECK_NOT_CHECKED,
		"test._domainkey.football.example.com"},
	    /* another's key, a changed body, a changed signed field */
	    {BY_RSA SIGNED_FROM SIGNED_REST,
		"test._domainkey.football.example.com v=DKIM1; k=ed25519; "
		"p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n",
		CHECK_FAIL, "is bad"},
	    {BY_RSA SIGNED_FROM SIGNED_REST "More.\n", KEY_RSA, CHECK_FAIL, "the body was changed"},
	    {BY_RSA "From: Joe SixPock <joe@football.example.com>\n" SIGNED_REST, KEY_RSA,
		CHECK_FAIL, "is bad"},
	    {"DKIM-Signature: v=1; a=rsa-sha1; c=relaxed/relaxed; d=football.example.com; s=test; "
	     "h=from;\n" SIGNATURE_HASH
	     " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8Gwps\n" SIGNED_FROM SIGNED_REST,
		KEY_RSA, CHECK_FAIL, "no longer accepted"},
	    /* no body: one line end in the simple form, nothing in the relaxed (RFC 6376 3.4.3, 3.4.4) */
	    {EMPTY("simple", "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="), "", CHECK_NOT_CHECKED,
		"test._domainkey.football.example.com"},
	    {EMPTY("relaxed", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="), "",
		CHECK_NOT_CHECKED, "test._domainkey.football.example.com"},
	    {EMPTY("relaxed", "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="), "", CHECK_FAIL,
		"the body was changed"},
	};
	struct check_job job = job_of(PURPOSE_NEWSLETTER);
	char what[32];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(what, sizeof(what), "signature %zu", i);
		snprintf(job.dkim_keys, sizeof(job.dkim_keys), "%s", rows[i].keys);
		assert_level(judge(&job, rows[i].message, strlen(rows[i].message)), CHECK_M4,
		    rows[i].level, rows[i].text, what);
	}
}

/* --- documents that are made to hurt: a sentence, and the rest goes on --- */

static char *
repeat(const char *head, const char *piece, size_t count, const char *tail, size_t *size)
{
	size_t n = strlen(piece), used = strlen(head);
	char *out = malloc(used + n * count + strlen(tail) + 1);

	assert_non_null(out);
	memcpy(out, head, used);
	for (size_t i = 0; i < count; i++, used += n)
		memcpy(out + used, piece, n);
	strcpy(out + used, tail);
	*size = used + strlen(tail);
	return out;
}

#define MAIL "From: a@shop.example.org\nDate: Sat, 21 Nov 2026 09:00:00 +0000\nMIME-Version: 1.0\n"

static void
test_hostile(void **state)
{
	static const struct {
		const char *head, *piece;
		size_t count;
		const char *tail;
		uint8_t id, level;
		const char *text;
	} rows[] = {
	    {MAIL "X-Long: ", "abcdefgh", 40000, "\n\nbody\n", CHECK_M1, CHECK_FAIL,
		"larger than 256 KiB"},
	    {MAIL, "X-Many: 1\n", 25000, "\nbody\n", CHECK_M1, CHECK_PASS, ""},
	    {MAIL "\n", "0123456789abcdef", (17 << 20) / 16, "\n", CHECK_M1, CHECK_FAIL,
		"larger than 16 MiB"},
	    {MAIL, "Content-Type: multipart/mixed; boundary=b\n\n--b\n", 5000, "x\n", CHECK_M1,
		CHECK_FAIL, "more than 200 parts"},
	    {MAIL "Content-Type: multipart/mixed; boundary=b\n\n", "--b\n\nx\n", 100000, "--b--\n",
		CHECK_M1, CHECK_PASS, ""},
	    {MAIL "Content-Type: text/html\n\n<html><body>", "<i>a</i>", 200000, "</body></html>\n",
		CHECK_M17, CHECK_WARN, "100000 elements"},
	    {MAIL "Content-Type: text/html\n\n<p>Hello<div style='display:none'>", "filter ", 100,
		"</div>", CHECK_M17, CHECK_WARN, "hides 600 letters of text and shows 5"},
	    {MAIL "Content-Type: text/html\n\n<html><body>", "<div>", 100000, "\n", CHECK_M17,
		CHECK_WARN, "512 elements deep"},
	    {MAIL "Content-Type: text/html\n\n<p>", "&amp;lt;&#0;\xff ", 200000, "\n", CHECK_M17,
		CHECK_WARN, "2 MiB"},
	    {MAIL "Content-Type: text/html\n\n<a href='", "a", 1 << 20, "'>Unsubscribe</a>\n",
		CHECK_M11, CHECK_FAIL, ""},
	    {MAIL "List-Unsubscribe: ", "<https://a>,", 15000, "\n\nbody\n", CHECK_M7, CHECK_FAIL,
		"15000 https:"},
	    {MAIL, "DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=AA==; b=AA==\n",
		300, "\nbody\n", CHECK_M4, CHECK_FAIL, "more than"},
	    {MAIL "To: ", "a@b.example,", 15000, "\n\nbody\n", CHECK_M14, CHECK_WARN, "recipients"},
	    {MAIL "Subject: ", "=?utf-8?B?0J7RgtCy?= ", 8000, "\n\nbody\n", CHECK_M16, CHECK_PASS,
		""},
	    {MAIL "Content-Type: text/plain; charset=x-no-such\nContent-Transfer-Encoding: "
		  "base64\n\n",
		"!$%=", 20000, "\n", CHECK_M13, CHECK_WARN, "x-no-such"},
	};
	const struct check_job job = job_of(PURPOSE_NEWSLETTER);
	char what[32];

	(void)state;
	alarm(100); /* what hangs is ended, and fails */
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t size;
		char *message =
		    repeat(rows[i].head, rows[i].piece, rows[i].count, rows[i].tail, &size);

		snprintf(what, sizeof(what), "hostile %zu", i);
		assert_level(
		    judge(&job, message, size), rows[i].id, rows[i].level, rows[i].text, what);
		free(message);
	}
	alarm(0);
}

static int
set_up(void **state)
{
	(void)state;
	check_message_init();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_header),
	    cmocka_unit_test(test_body),
	    cmocka_unit_test(test_automatic),
	    cmocka_unit_test(test_dkim),
	    cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
