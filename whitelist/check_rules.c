/* SPDX-License-Identifier: ISC */
/*
 * Judges the header of a sample: M1..M10, M13..M16, M19, M20; the ids are those of check.h, their
 * sources are in README.md.  bulkhead-check.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "whitelist/check_domain.h"
#include "whitelist/check_links.h"
#include "whitelist/check_view.h"
#include "whitelist/check_words.h"

#define SAMPLE_BYTES_MAX      (10ULL << 20) /* M14 */
#define SAMPLE_RECIPIENTS_MAX 5
#define SAMPLE_AGE_DAYS	      30
#define LIST_ID_MAX	      255  /* RFC 2919 section 2 */
#define KEY_BITS_MIN	      1024 /* RFC 8301 3.2 */
#define KEY_BITS_GOOD	      2048

struct rules {
	const struct check_job *job;
	const struct message_view *v;
	struct check_report *out;
	enum application_purpose purpose;
};

#define BAD(r, id, ...)	 check_report_bad((r)->out, id, (r)->purpose, NULL, __VA_ARGS__)
#define PASS(r, id, ...) check_report_add((r)->out, id, CHECK_PASS, NULL, __VA_ARGS__)

/* M1: RFC 5322 3.6 */
static void
rule_fields(const struct rules *r)
{
	static const struct {
		const char *name;
		bool must;
	} rows[] = {{"Date", true}, {"From", true}, {"Sender", false}, {"Reply-To", false},
	    {"To", false}, {"Cc", false}, {"Message-ID", false}, {"Subject", false},
	    {"In-Reply-To", false}, {"References", false}};
	char wrong[200] = "";
	size_t used = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned n = view_field_count(r->v, rows[i].name);

		if ((n > 1 || (n == 0 && rows[i].must)) && used < sizeof(wrong))
			used += (size_t)snprintf(wrong + used, sizeof(wrong) - used,
			    "%s%s %u times", used > 0 ? ", " : "", rows[i].name, n);
	}
	if (r->v->refused != NULL)
		BAD(r, CHECK_M1, "The sample cannot be read as a mail: %s.", r->v->refused);
	else if (r->v->field_count == 0)
		BAD(r, CHECK_M1, "The sample has no header: send the original source of the mail.");
	else if (used > 0)
		BAD(r, CHECK_M1,
		    "The header has %s; RFC 5322 wants Date and From once, the "
		    "others at most once.",
		    wrong);
	else if (r->v->date_s == 0)
		BAD(r, CHECK_M1, "The Date field cannot be read as a date.");
	else
		PASS(r, CHECK_M1,
		    "The header has the fields of RFC 5322, each as often as allowed.");
}

static bool
is_beneath(const char *domain, const char *parent)
{
	size_t n = strlen(domain), m = strlen(parent);

	return n >= m && strcasecmp(domain + n - m, parent) == 0 &&
	       (n == m || domain[n - m - 1] == '.');
}

/* M2 */
static void
rule_from(const struct rules *r)
{
	struct check_facts *f = &r->out->facts;
	bool ours = r->job->domain_count == 0;

	if (r->v->from_count != 1) {
		BAD(r, CHECK_M2, "From has %u addresses; exactly one is needed.", r->v->from_count);
		return;
	}
	if (check_domain_normalise(f->from_domain, sizeof(f->from_domain), r->v->from_host) < 0) {
		BAD(r, CHECK_M2, "The domain of From (%.100s) is no domain name.", r->v->from_host);
		return;
	}
	if (check_domain_organisation(
		f->from_organisation, sizeof(f->from_organisation), f->from_domain) < 0) {
		BAD(r, CHECK_M2,
		    "The domain of From (%.100s) is a public suffix that nobody can register.",
		    f->from_domain);
		return;
	}
	if (check_domain_is_freemail(f->from_domain)) {
		BAD(r, CHECK_M2,
		    "From is at the free-mail provider %.100s, for which the tenant cannot sign.",
		    f->from_domain);
		return;
	}
	for (unsigned i = 0; i < r->job->domain_count; i++) {
		char own[CHECK_DOMAIN_BYTES];

		ours |= check_domain_normalise(own, sizeof(own), r->job->domains[i]) == 0 &&
			is_beneath(f->from_domain, own);
	}
	if (!ours)
		BAD(r, CHECK_M2, "From is at %.100s, which is none of the application's domains.",
		    f->from_domain);
	else
		PASS(r, CHECK_M2, "From is one address at %.100s (organisation %.100s).",
		    f->from_domain, f->from_organisation);
}

/* M3: RFC 5322 3.6.4 */
static void
rule_message_id(const struct rules *r)
{
	const char *id = view_field_get(r->v, "Message-ID");
	const char *at = id != NULL ? strchr(id, '@') : NULL;
	size_t n = id != NULL ? strlen(id) : 0;

	if (id == NULL)
		BAD(r, CHECK_M3, "There is no Message-ID.");
	else if (n < 5 || n > 995 || id[0] != '<' || id[n - 1] != '>' || at == NULL ||
		 at == id + 1 || at == id + n - 2 || strpbrk(id, " \t") != NULL ||
		 strchr(at + 1, '@') != NULL)
		BAD(r, CHECK_M3, "The Message-ID \"%.120s\" has not the form <left@right>.", id);
	else
		PASS(r, CHECK_M3, "The Message-ID is well formed.");
}

/* --- M4, M6, M9: who signs ----------------------------------------------------------------------
 */

static void
keep_signatures(const struct rules *r)
{
	struct check_facts *f = &r->out->facts;

	for (int i = 0; i < r->v->dkim_count && i < CHECK_DKIM_MAX; i++) {
		struct check_dkim *d = &f->dkim[f->dkim_count++];

		*d = r->v->dkim[i].dkim;
		text_clean(d->domain, sizeof(d->domain), r->v->dkim[i].dkim.domain);
		text_clean(d->selector, sizeof(d->selector), r->v->dkim[i].dkim.selector);
		d->aligned =
		    f->from_domain[0] != '\0' && check_domain_related(d->domain, f->from_domain);
	}
}

/* 3 verified, 2 fits but for the key, 1 something is wrong; +10 when aligned. */
static int
signature_rank(const struct check_dkim *d, const struct check_dkim_result *x)
{
	int rank = d->verified ? 3 : d->body_ok && x->problem[0] == '\0' ? 2 : 1;

	return d->aligned && rank > 1 ? rank + 10 : rank;
}

static void
judge_verified(const struct rules *r, const struct check_dkim *d, const char *algorithm)
{
	bool rsa = strncasecmp(algorithm, "rsa", 3) == 0;

	if (rsa && d->key_bits < KEY_BITS_MIN)
		BAD(r, CHECK_M4, "The DKIM key %.60s of %.100s has %u bits; 1024 are the least.",
		    d->selector, d->domain, d->key_bits);
	else
		check_report_add(r->out, CHECK_M4,
		    rsa && d->key_bits < KEY_BITS_GOOD ? CHECK_WARN : CHECK_PASS, NULL,
		    "The DKIM signature of %.100s (selector %.60s, %s, %u bits%s) verifies and is "
		    "aligned with From.",
		    d->domain, d->selector, algorithm, d->key_bits,
		    rsa && d->key_bits < KEY_BITS_GOOD ? "; 2048 are advised" : "");
}

static void
rule_dkim(const struct rules *r)
{
	const struct check_facts *f = &r->out->facts;
	unsigned best = 0;

	if (r->v->dkim_count < 0) {
		BAD(r, CHECK_M4, "The DKIM signatures cannot be read: %.200s.",
		    r->v->dkim_error.text);
		return;
	}
	if (f->dkim_count == 0) {
		BAD(r, CHECK_M4, "The sample has no DKIM signature.");
		return;
	}
	for (unsigned i = 1; i < f->dkim_count; i++)
		if (signature_rank(&f->dkim[i], &r->v->dkim[i]) >
		    signature_rank(&f->dkim[best], &r->v->dkim[best]))
			best = i;
	const struct check_dkim *d = &f->dkim[best];
	const struct check_dkim_result *x = &r->v->dkim[best];

	if (x->problem[0] != '\0')
		BAD(r, CHECK_M4, "The DKIM signature of %.80s (selector %.50s) is bad: %s.",
		    d->domain, d->selector, x->problem);
	else if (!d->aligned)
		BAD(r, CHECK_M4,
		    "The DKIM signature is by %.100s, which is not aligned with From at %.100s.",
		    d->domain, f->from_domain);
	else if (x->expired)
		check_report_add(r->out, CHECK_M4, CHECK_NOT_CHECKED, NULL,
		    "The body hash of %.80s fits, but the signature has expired (x=) and can no "
		    "longer be verified: ask for a fresh sample.",
		    d->domain);
	else if (!d->verified)
		check_report_add(r->out, CHECK_M4, CHECK_NOT_CHECKED, NULL,
		    "The body hash of %.80s fits; the signature itself needs the key "
		    "%.50s._domainkey.%.80s: check again with --online.",
		    d->domain, d->selector, d->domain);
	else
		judge_verified(r, d, x->algorithm);
}

/* M6: RFC 7489 3.1 */
static void
rule_alignment(const struct rules *r)
{
	struct check_facts *f = &r->out->facts;
	const char *path = view_field_get(r->v, "Return-Path"), *at;
	bool by_envelope;

	at = path != NULL ? strrchr(path, '@') : NULL;
	if (at != NULL) {
		char host[CHECK_DOMAIN_BYTES];

		snprintf(host, sizeof(host), "%.*s", (int)strcspn(at + 1, "> \t;"), at + 1);
		if (check_domain_normalise(f->envelope_domain, sizeof(f->envelope_domain), host) <
		    0)
			f->envelope_domain[0] = '\0';
	}
	for (unsigned i = 0; i < f->dkim_count; i++) {
		if (f->dkim[i].aligned && (f->dkim[i].verified || f->dkim[i].body_ok)) {
			PASS(r, CHECK_M6, "From is aligned with the DKIM signature of %.100s.",
			    f->dkim[i].domain);
			return;
		}
	}
	by_envelope = f->envelope_domain[0] != '\0' && f->from_domain[0] != '\0' &&
		      check_domain_related(f->envelope_domain, f->from_domain);
	if (by_envelope)
		PASS(r, CHECK_M6, "From is aligned with the envelope's domain %.100s (SPF: M5).",
		    f->envelope_domain);
	else
		BAD(r, CHECK_M6,
		    "From at %.80s is aligned neither with a good DKIM signature nor with the "
		    "envelope's domain %.80s.",
		    f->from_domain[0] != '\0' ? f->from_domain : "(unknown)",
		    f->envelope_domain[0] != '\0' ? f->envelope_domain : "(none)");
}

static void
rule_signed_headers(const struct rules *r)
{
	const struct check_facts *f = &r->out->facts;

	for (unsigned i = 0; i < f->dkim_count; i++) {
		if (f->dkim[i].signs_one_click) {
			PASS(r, CHECK_M9,
			    "The signature of %.100s covers List-Unsubscribe and "
			    "List-Unsubscribe-Post.",
			    f->dkim[i].domain);
			return;
		}
	}
	BAD(r, CHECK_M9,
	    "No DKIM signature names both List-Unsubscribe and List-Unsubscribe-Post in h=.");
}

/* --- M7, M8, M10: RFC 2369, 8058 ----------------------------------------------------------------
 */

/* Keeps the URIs in angle brackets; returns how many of them are https. */
static unsigned
read_list_unsubscribe(struct check_facts *f, const char *value)
{
	unsigned https = 0;

	for (const char *p = value; (p = strchr(p, '<')) != NULL;) {
		const char *end = strchr(++p, '>');
		char uri[CHECK_URI_BYTES];
		size_t used = 0;

		if (end == NULL)
			break;
		/* White space inside is folding (RFC 2369 section 2). */
		for (; p < end && used + 1 < sizeof(uri); p++)
			if (!isspace((unsigned char)*p))
				uri[used++] = *p;
		uri[used] = '\0';
		p = end;
		https += strncasecmp(uri, "https://", 8) == 0;
		if (f->list_unsubscribe_count < CHECK_URIS_MAX)
			text_clean(
			    f->list_unsubscribe[f->list_unsubscribe_count++], CHECK_URI_BYTES, uri);
	}
	return https;
}

static void
rule_list_unsubscribe(const struct rules *r)
{
	unsigned count = view_field_count(r->v, "List-Unsubscribe");
	const char *value = view_field_get(r->v, "List-Unsubscribe");
	unsigned https = value != NULL ? read_list_unsubscribe(&r->out->facts, value) : 0;

	if (count == 0)
		BAD(r, CHECK_M7, "There is no List-Unsubscribe field.");
	else if (count > 1)
		BAD(r, CHECK_M7, "List-Unsubscribe is there %u times; once is needed.", count);
	else if (https != 1)
		BAD(r, CHECK_M7,
		    "List-Unsubscribe has %u https: addresses in angle brackets; exactly one is "
		    "needed (RFC 8058).",
		    https);
	else
		PASS(r, CHECK_M7, "List-Unsubscribe has one https: address.");
}

static void
rule_one_click(const struct rules *r)
{
	const char *value = view_field_get(r->v, "List-Unsubscribe-Post");
	unsigned count = view_field_count(r->v, "List-Unsubscribe-Post");

	r->out->facts.one_click =
	    count == 1 && strcasecmp(value, "List-Unsubscribe=One-Click") == 0;
	if (count == 0)
		BAD(r, CHECK_M8, "There is no List-Unsubscribe-Post field.");
	else if (!r->out->facts.one_click)
		BAD(r, CHECK_M8,
		    "List-Unsubscribe-Post must stand once and be \"List-Unsubscribe=One-Click\", "
		    "not \"%.80s\".",
		    value);
	else
		PASS(r, CHECK_M8, "List-Unsubscribe-Post offers one click.");
}

static void
rule_uri(const struct rules *r)
{
	const struct check_facts *f = &r->out->facts;
	const char *uri = NULL;

	for (unsigned i = 0; uri == NULL && i < f->list_unsubscribe_count; i++)
		if (strncasecmp(f->list_unsubscribe[i], "http", 4) == 0)
			uri = f->list_unsubscribe[i];
	if (uri == NULL)
		BAD(r, CHECK_M10, "There is no web address in List-Unsubscribe to look at.");
	else if (check_words_login_url(uri))
		BAD(r, CHECK_M10, "The address in List-Unsubscribe leads to a login: %.200s.", uri);
	else if (!check_words_opaque(uri))
		BAD(r, CHECK_M10,
		    "The address in List-Unsubscribe has no part that nobody can guess (16 "
		    "characters): %.180s.",
		    uri);
	else
		PASS(r, CHECK_M10,
		    "The address in List-Unsubscribe has a part that nobody can guess.");
}

/* --- M13..M16, M20 ------------------------------------------------------------------------------
 */

static void
rule_form(const struct rules *r)
{
	const char *charset = r->out->facts.charset;
	bool utf8 = charset[0] == '\0' || strcasecmp(charset, "utf-8") == 0 ||
		    strcasecmp(charset, "us-ascii") == 0;

	if (r->v->text == NULL)
		BAD(r, CHECK_M13, "There is no text/plain part (%.150s).", r->v->structure);
	else if (!utf8)
		BAD(r, CHECK_M13, "The text is in %s; UTF-8 is read everywhere.", charset);
	else
		PASS(r, CHECK_M13, "There is a text part, in %s.",
		    charset[0] != '\0' ? charset : "US-ASCII");
}

static void
rule_size(const struct rules *r, size_t size)
{
	if (size > SAMPLE_BYTES_MAX)
		BAD(r, CHECK_M14, "The sample has %zu bytes; over 10 MB many servers refuse it.",
		    size);
	else if (r->v->recipients > SAMPLE_RECIPIENTS_MAX)
		BAD(r, CHECK_M14,
		    "To and Cc name %u recipients: each should get a mail of its own.",
		    r->v->recipients);
	else
		PASS(r, CHECK_M14, "%zu bytes, %u recipient(s).", size, r->v->recipients);
}

static void
rule_list_id(const struct rules *r)
{
	const char *id = view_field_get(r->v, "List-Id");
	const char *precedence = view_field_get(r->v, "Precedence");

	if (id != NULL)
		text_clean(r->out->facts.list_id, sizeof(r->out->facts.list_id), id);
	check_report_add(r->out, CHECK_M15, CHECK_INFO, NULL,
	    "List-Id: %.100s%s; Precedence: %.40s.", id != NULL ? id : "none",
	    id != NULL && strlen(id) > LIST_ID_MAX ? " (longer than 255 octets)" : "",
	    precedence != NULL ? precedence : "none");
}

static void
rule_reply(const struct rules *r)
{
	static const char *const prefixes[] = {
	    "re:", "fwd:", "fw:", "aw:", "wg:", "отв:", "пересл:"};
	char folded[64];
	bool reply = false;

	check_words_fold(folded, sizeof(folded), r->v->subject);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		reply |= strncmp(folded, prefixes[i], strlen(prefixes[i])) == 0;
	if (reply && view_field_get(r->v, "In-Reply-To") == NULL &&
	    view_field_get(r->v, "References") == NULL)
		BAD(r, CHECK_M16, "The subject looks like a reply or a forward, and it is none.");
	else
		PASS(r, CHECK_M16, "The subject does not pretend to be a reply.");
}

static void
rule_age(const struct rules *r)
{
	int64_t days = (r->job->now_ns / CLOCK_SECOND_NS - r->v->date_s) / 86400;

	if (r->v->date_s == 0)
		check_report_add(
		    r->out, CHECK_M20, CHECK_INFO, NULL, "The sample's age is unknown.");
	else
		check_report_add(r->out, CHECK_M20,
		    days < -1 || days > SAMPLE_AGE_DAYS ? CHECK_INFO : CHECK_PASS, NULL,
		    "The sample is dated %" PRId64 " days ago%s.", days,
		    days > SAMPLE_AGE_DAYS ? ", more than 30" : "");
}

static void
fill_facts(const struct rules *r, size_t size)
{
	struct check_facts *f = &r->out->facts;

	f->size_bytes = size;
	f->recipients = r->v->recipients;
	f->date_ns = r->v->date_s > 0 && r->v->date_s < INT64_MAX / CLOCK_SECOND_NS
			 ? r->v->date_s * CLOCK_SECOND_NS
			 : 0;
	snprintf(f->subject, sizeof(f->subject), "%s", r->v->subject);
	snprintf(f->from, sizeof(f->from), "%s", r->v->from);
	snprintf(f->charset, sizeof(f->charset), "%s", r->v->charset);
	snprintf(f->structure, sizeof(f->structure), "%s", r->v->structure);
}

void
check_rules(const struct check_job *job, const struct message_view *v, size_t size,
    struct check_report *out)
{
	const struct rules r = {job, v, out, (enum application_purpose)job->purpose};

	fill_facts(&r, size);
	rule_fields(&r);
	rule_from(&r);
	rule_message_id(&r);
	keep_signatures(&r);
	rule_dkim(&r);
	rule_alignment(&r);
	rule_list_unsubscribe(&r);
	rule_one_click(&r);
	rule_signed_headers(&r);
	rule_uri(&r);
	rule_form(&r);
	rule_size(&r, size);
	rule_list_id(&r);
	rule_reply(&r);
	check_origin(job, v, out);
	rule_age(&r);
	check_links(job, v, out);
}
