/* SPDX-License-Identifier: ISC */
/* check_host() of RFC 7208 section 4; see check_spf.h.  bulkhead-check. */
#include "whitelist/check_spf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "whitelist/check_spf_record.h"

#define MX_NAMES_MAX  10 /* RFC 7208 4.6.4 */
#define PTR_NAMES_MAX 10
#define ADDRESSES_MAX 64

struct spf_run {
	struct check_spf *out;
	const struct resolver *r;
	struct addr client;
	const char *sender, *helo;
};

enum match { MATCH_NO, MATCH_YES, MATCH_TEMPERROR, MATCH_PERMERROR };

static enum check_spf_result check_host(struct spf_run *run, const char *domain, bool own);

const char *
check_spf_result_name(enum check_spf_result result)
{
	static const char *const names[SPF_RESULT__COUNT] = {
	    "none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"};

	return result < SPF_RESULT__COUNT ? names[result] : "?";
}

static void __attribute__((format(printf, 2, 3))) say(struct spf_run *run, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(run->out->why, sizeof(run->out->why), fmt, ap);
	va_end(ap);
}

/* Void look-ups are counted by term, so only its first query counts: MX names without an AAAA are
 * no error of the record. */
static enum match
query(struct spf_run *run, const char *name, enum resolver_type type, bool first,
    struct resolver_answer *a)
{
	run->r->query(run->r->self, name, type, a);
	if (a->status >= RESOLVER_FAILED) {
		say(run, "%s %s", name, resolver_status_text(a->status));
		return MATCH_TEMPERROR;
	}
	if (a->status != RESOLVER_OK && first && ++run->out->voids > CHECK_SPF_VOID_MAX) {
		say(run, "more than %d look-ups found nothing, the last was %s", CHECK_SPF_VOID_MAX,
		    name);
		return MATCH_PERMERROR;
	}
	return a->status == RESOLVER_OK ? MATCH_YES : MATCH_NO;
}

static bool
in_range(const struct addr *client, const struct addr *base, const struct check_spf_term *t)
{
	unsigned bits = addr_is_v4(base) ? 96u + t->bits4 : t->bits6;

	if (addr_is_v4(base) != addr_is_v4(client))
		return false;
	for (unsigned i = 0; i < bits; i++)
		if (((base->bytes[i / 8] ^ client->bytes[i / 8]) & 0x80u >> i % 8) != 0)
			return false;
	return true;
}

/* Does one of the name's addresses of the client's family fit? */
static enum match
match_addresses(struct spf_run *run, const char *name, const struct check_spf_term *t, bool first)
{
	struct resolver_answer *a = malloc(sizeof(*a));
	enum match m;

	if (a == NULL)
		return MATCH_TEMPERROR;
	m = query(run, name, addr_is_v4(&run->client) ? RESOLVER_A : RESOLVER_AAAA, first, a);
	if (m == MATCH_YES) {
		m = MATCH_NO;
		for (unsigned i = 0; i < a->count; i++)
			if (in_range(&run->client, &a->records[i].addr, t))
				m = MATCH_YES;
	}
	free(a);
	return m;
}

static enum match
match_mx(struct spf_run *run, const char *name, const struct check_spf_term *t)
{
	struct resolver_answer *a = malloc(sizeof(*a));
	enum match m;

	if (a == NULL)
		return MATCH_TEMPERROR;
	m = query(run, name, RESOLVER_MX, true, a);
	if (m == MATCH_YES && (a->count > MX_NAMES_MAX || a->cut)) {
		say(run, "%s has more than %d MX names", name, MX_NAMES_MAX);
		m = MATCH_PERMERROR;
	}
	if (m == MATCH_YES) {
		m = MATCH_NO;
		for (unsigned i = 0; i < a->count && m == MATCH_NO; i++)
			if (resolver_text(a, i)[0] != '\0') /* not a null MX (RFC 7505) */
				m = match_addresses(run, resolver_text(a, i), t, false);
	}
	free(a);
	return m;
}

static bool
is_beneath(const char *name, const char *domain)
{
	size_t n = strlen(name), m = strlen(domain);

	return n >= m && strcasecmp(name + n - m, domain) == 0 &&
	       (n == m || name[n - m - 1] == '.');
}

/* Failing queries of "ptr" do not match and are no error (5.5). */
static enum match
match_ptr(struct spf_run *run, const char *domain)
{
	static const struct check_spf_term whole = {.bits4 = 32, .bits6 = 128};
	struct resolver_answer *a = malloc(sizeof(*a));
	char reverse[RESOLVER_NAME_BYTES];
	enum match m;

	if (a == NULL)
		return MATCH_TEMPERROR;
	m = query(run, resolver_reverse_name(reverse, &run->client), RESOLVER_PTR, true, a);
	if (m == MATCH_YES) {
		m = MATCH_NO;
		for (unsigned i = 0; i < a->count && i < PTR_NAMES_MAX && m == MATCH_NO; i++)
			if (is_beneath(resolver_text(a, i), domain))
				m = match_addresses(run, resolver_text(a, i), &whole, false);
	}
	free(a);
	return m == MATCH_TEMPERROR ? MATCH_NO : m;
}

static enum match
match_exists(struct spf_run *run, const char *name)
{
	struct resolver_answer *a = malloc(sizeof(*a));
	enum match m;

	if (a == NULL)
		return MATCH_TEMPERROR;
	m = query(run, name, RESOLVER_A, true, a);
	free(a);
	return m;
}

/* The table of section 5.2. */
static enum match
match_include(struct spf_run *run, const char *name)
{
	bool pass_all = run->out->pass_all, neutral_all = run->out->neutral_all;

	switch (check_host(run, name, false)) {
	case SPF_RESULT_PASS:
		return MATCH_YES;
	case SPF_RESULT_TEMPERROR:
		return MATCH_TEMPERROR;
	case SPF_RESULT_PERMERROR:
		return MATCH_PERMERROR;
	case SPF_RESULT_NONE:
		say(run, "the included %s has no SPF record", name);
		return MATCH_PERMERROR;
	default:
		run->out->pass_all = pass_all;
		run->out->neutral_all = neutral_all;
		return MATCH_NO;
	}
}

/* Counts a term that looks something up; false when it is one too many. */
static bool
count_lookup(struct spf_run *run, const char *name)
{
	if (++run->out->lookups <= CHECK_SPF_LOOKUPS_MAX)
		return true;
	say(run, "more than %d terms need a look-up, the one too many is %s", CHECK_SPF_LOOKUPS_MAX,
	    name);
	return false;
}

static enum match
match_term(struct spf_run *run, const struct check_spf_record *rec, const struct check_spf_term *t,
    const char *domain)
{
	const struct check_spf_names names = {run->client, run->sender, domain, run->helo};
	char name[RESOLVER_NAME_BYTES];

	if (t->kind == SPF_ALL)
		return MATCH_YES;
	if (t->kind == SPF_IP4 || t->kind == SPF_IP6)
		return addr_is_v4(&run->client) == (t->kind == SPF_IP4) &&
			       addr_prefix_contains(&t->net, &run->client)
			   ? MATCH_YES
			   : MATCH_NO;
	if (t->spec_length == 0)
		snprintf(name, sizeof(name), "%s", domain);
	else if (check_spf_expand(
		     name, sizeof(name), rec->text + t->spec_at, t->spec_length, &names) != 0) {
		say(run, "\"%.*s\" does not expand to a name", (int)t->spec_length,
		    rec->text + t->spec_at);
		return MATCH_PERMERROR;
	}
	if (!count_lookup(run, name))
		return MATCH_PERMERROR;
	switch (t->kind) {
	case SPF_INCLUDE:
		return match_include(run, name);
	case SPF_A:
		return match_addresses(run, name, t, true);
	case SPF_MX:
		return match_mx(run, name, t);
	case SPF_PTR:
		return match_ptr(run, name);
	default:
		return match_exists(run, name);
	}
}

static enum check_spf_result
qualified(struct spf_run *run, const struct check_spf_term *t, const char *domain)
{
	static const char *const kinds[SPF__COUNT] = {
	    "all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"};

	say(run, "\"%c%s\" of %s matches", t->qualifier, kinds[t->kind], domain);
	if (t->kind == SPF_ALL) {
		run->out->pass_all = t->qualifier == '+';
		run->out->neutral_all = t->qualifier == '?';
	}
	switch (t->qualifier) {
	case '-':
		return SPF_RESULT_FAIL;
	case '~':
		return SPF_RESULT_SOFTFAIL;
	case '?':
		return SPF_RESULT_NEUTRAL;
	default:
		return SPF_RESULT_PASS;
	}
}

static enum check_spf_result
follow_redirect(struct spf_run *run, const struct check_spf_record *rec, const char *domain)
{
	const struct check_spf_names names = {run->client, run->sender, domain, run->helo};
	enum check_spf_result result;
	char name[RESOLVER_NAME_BYTES];

	if (check_spf_expand(name, sizeof(name), rec->text + rec->redirect_at, rec->redirect_length,
		&names) != 0 ||
	    !count_lookup(run, name))
		return SPF_RESULT_PERMERROR;
	result = check_host(run, name, false);
	if (result != SPF_RESULT_NONE)
		return result;
	say(run, "the redirect to %s finds no SPF record", name);
	return SPF_RESULT_PERMERROR;
}

static enum check_spf_result
evaluate(struct spf_run *run, const struct check_spf_record *rec, const char *domain)
{
	for (unsigned i = 0; i < rec->count; i++) {
		switch (match_term(run, rec, &rec->terms[i], domain)) {
		case MATCH_YES:
			return qualified(run, &rec->terms[i], domain);
		case MATCH_TEMPERROR:
			return SPF_RESULT_TEMPERROR;
		case MATCH_PERMERROR:
			return SPF_RESULT_PERMERROR;
		case MATCH_NO:
			break;
		}
	}
	if (rec->redirect_length > 0)
		return follow_redirect(run, rec, domain);
	say(run, "no term of %s matches", domain);
	return SPF_RESULT_NEUTRAL;
}

/* The one SPF record of the domain, parsed. */
static enum check_spf_result
fetch_record(struct spf_run *run, const char *domain, bool own, struct check_spf_record *rec)
{
	struct resolver_answer *a = malloc(sizeof(*a));
	enum check_spf_result result = SPF_RESULT_PASS;
	const char *text = NULL;
	unsigned records = 0;
	char why[120] = "";

	if (a == NULL)
		return SPF_RESULT_TEMPERROR;
	run->r->query(run->r->self, domain, RESOLVER_TXT, a);
	for (unsigned i = 0; a->status == RESOLVER_OK && i < a->count; i++)
		if (check_spf_is_record(resolver_text(a, i))) {
			text = resolver_text(a, i);
			records++;
		}
	if (own) {
		run->out->records = records;
		snprintf(
		    run->out->record, sizeof(run->out->record), "%s", text != NULL ? text : "");
	}
	if (a->status >= RESOLVER_FAILED) {
		say(run, "%s %s", domain, resolver_status_text(a->status));
		result = SPF_RESULT_TEMPERROR;
	} else if (records == 0) {
		say(run, "%s has no SPF record", domain);
		result = SPF_RESULT_NONE;
	} else if (records > 1) {
		say(run, "%s has %u SPF records", domain, records);
		result = SPF_RESULT_PERMERROR;
	} else if (check_spf_parse(rec, text, why, sizeof(why)) != 0) {
		say(run, "the record of %.60s: %s", domain, why);
		result = SPF_RESULT_PERMERROR;
	}
	free(a);
	return result;
}

/* Recursion is bounded by the look-ups: each level costs one of ten. */
static enum check_spf_result
check_host(struct spf_run *run, const char *domain, bool own)
{
	struct check_spf_record *rec;
	enum check_spf_result result;

	if (strchr(domain, '.') == NULL || strstr(domain, "..") != NULL || strlen(domain) > 253) {
		say(run, "\"%.80s\" is no domain name", domain);
		return SPF_RESULT_NONE;
	}
	rec = malloc(sizeof(*rec));
	if (rec == NULL)
		return SPF_RESULT_TEMPERROR;
	result = fetch_record(run, domain, own, rec);
	if (result == SPF_RESULT_PASS)
		result = evaluate(run, rec, domain);
	free(rec);
	return result;
}

void
check_spf_eval(struct check_spf *out, const struct resolver *r, const struct addr *client,
    const char *domain, const char *helo)
{
	char sender[RESOLVER_NAME_BYTES + 16];
	struct spf_run run = {NULL, r, *client, sender, helo};

	memset(out, 0, sizeof(*out));
	run.out = out;
	snprintf(sender, sizeof(sender), "postmaster@%s", domain);
	out->result = check_host(&run, domain, true);
}
