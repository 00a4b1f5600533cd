/* SPDX-License-Identifier: ISC */
/* What the domains publish: SPF, DKIM keys, DMARC, MX; see check_online.h.  bulkhead-check. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "whitelist/check_dmarc.h"
#include "whitelist/check_domain.h"
#include "whitelist/check_online.h"
#include "whitelist/check_spf.h"

#define RSA_BITS_MIN  1024 /* RFC 8301 3.2 */
#define RSA_BITS_GOOD 2048

/* Asks for an address that nobody has (RFC 5737): no term but "all" should match it, so every term
 * is walked, the limits show whatever the order of terms, and a pass lets everybody send. */
static bool
judge_record(const struct check_job *job, const struct resolver *dns, const char *domain,
    struct check_report *out)
{
	const struct addr nobody = addr_from_v4((const uint8_t[]){203, 0, 113, 77});
	struct check_spf spf;

	check_spf_eval(&spf, dns, &nobody, domain, job->online.helo);
	switch (spf.result) {
	case SPF_RESULT_TEMPERROR:
		check_report_add(
		    out, CHECK_D6, CHECK_NOT_CHECKED, domain, "%s; check again later", spf.why);
		return false;
	case SPF_RESULT_NONE:
	case SPF_RESULT_PERMERROR:
		check_report_bad(out, CHECK_D6, job->purpose, domain, "%s", spf.why);
		return false;
	case SPF_RESULT_PASS:
		check_report_bad(out, CHECK_D6, job->purpose, domain,
		    "the SPF record lets every address send (%s): end it with -all or ~all",
		    spf.why);
		return false;
	case SPF_RESULT_NEUTRAL:
		check_report_add(out, CHECK_D6, CHECK_WARN, domain,
		    "the SPF record says nothing about strangers (%s): end it with -all or ~all",
		    spf.why);
		return true;
	default:
		check_report_add(out, CHECK_D6, CHECK_PASS, domain,
		    "one SPF record, %u look-ups: %.150s", spf.lookups, spf.record);
		return true;
	}
}

/* D6 */
static void
check_spf_record(const struct check_job *job, const struct resolver *dns, const char *domain,
    struct check_report *out)
{
	char text[ADDR_TEXT_BYTES];

	if (!judge_record(job, dns, domain, out))
		return;
	for (unsigned i = 0; i < job->address_count; i++) {
		struct check_spf spf;

		check_spf_eval(&spf, dns, &job->addresses[i], domain, job->online.helo);
		addr_format(text, &job->addresses[i]);
		if (spf.result == SPF_RESULT_TEMPERROR)
			check_report_add(out, CHECK_D6, CHECK_NOT_CHECKED, domain,
			    "%s; check again later", spf.why);
		else if (spf.result != SPF_RESULT_PASS) {
			check_report_bad(out, CHECK_D6, job->purpose, domain,
			    "SPF gives %s for %s (%s): add the address",
			    check_spf_result_name(spf.result), text, spf.why);
			return;
		}
	}
}

static void
judge_key(
    const struct check_job *job, const char *name, const char *record, struct check_report *out)
{
	struct check_dkim_record key;
	const char *why;
	unsigned bits;

	if (check_dkim_record_parse(&key, record, &why) != 0) {
		check_report_bad(out, CHECK_D7, job->purpose, name, "the key is unusable: %s", why);
		return;
	}
	bits = check_dkim_key_bits(&key);
	if (key.revoked)
		check_report_bad(
		    out, CHECK_D7, job->purpose, name, "the key is revoked (empty p=)");
	else if (key.not_sha256 || key.not_email)
		check_report_bad(out, CHECK_D7, job->purpose, name, "the key is not for %s",
		    key.not_sha256 ? "sha256 (h=)" : "mail (s=)");
	else if (bits == 0)
		check_report_bad(out, CHECK_D7, job->purpose, name, "its p= holds no key");
	else if (!key.ed25519 && bits < RSA_BITS_MIN)
		check_report_bad(out, CHECK_D7, job->purpose, name,
		    "the RSA key has %u bits: receivers ignore less than %d", bits, RSA_BITS_MIN);
	else if (key.testing)
		check_report_add(out, CHECK_D7, CHECK_WARN, name,
		    "the key is marked as a test (t=y): receivers may ignore it");
	else if (!key.ed25519 && bits < RSA_BITS_GOOD)
		check_report_add(out, CHECK_D7, CHECK_WARN, name,
		    "the RSA key has %u bits: make one with %d", bits, RSA_BITS_GOOD);
	else
		check_report_add(out, CHECK_D7, CHECK_PASS, name, "%s key, %u bits",
		    key.ed25519 ? "ed25519" : "RSA", bits);
}

/* The record as a fact, so that the sample's signature can be verified with it (M4). */
static void
keep_record(struct check_report *out, const char *domain, const char *selector, const char *record)
{
	struct check_facts *f = &out->facts;
	struct check_dkim *d = check_facts_find_dkim(f, domain, selector);

	if (d == NULL && f->dkim_count < CHECK_DKIM_MAX) {
		d = &f->dkim[f->dkim_count++];
		snprintf(d->domain, sizeof(d->domain), "%s", domain);
		snprintf(d->selector, sizeof(d->selector), "%s", selector);
	}
	if (d != NULL && strlen(record) < sizeof(d->record))
		text_clean(d->record, sizeof(d->record), record);
}

/* D7 */
static void
check_keys(const struct check_job *job, const struct resolver *dns, struct resolver_answer *a,
    struct check_report *out)
{
	char name[2 * CHECK_DOMAIN_BYTES + 16];

	if (job->online.dkim_count == 0)
		check_report_add(out, CHECK_D7, CHECK_NOT_CHECKED, NULL,
		    "the sample has no DKIM signature that names a key");
	for (unsigned i = 0; i < job->online.dkim_count; i++) {
		snprintf(name, sizeof(name), "%s._domainkey.%s", job->online.dkim[i].selector,
		    job->online.dkim[i].domain);
		dns->query(dns->self, name, RESOLVER_TXT, a);
		if (a->status >= RESOLVER_FAILED)
			check_report_add(out, CHECK_D7, CHECK_NOT_CHECKED, name,
			    "%s; check again later", resolver_status_text(a->status));
		else if (a->status != RESOLVER_OK)
			check_report_bad(out, CHECK_D7, job->purpose, name, "there is no such key");
		else {
			judge_key(job, name, resolver_text(a, 0), out);
			keep_record(out, job->online.dkim[i].domain, job->online.dkim[i].selector,
			    resolver_text(a, 0));
		}
	}
}

/* The DMARC record at _dmarc.domain: RESOLVER_OK, or why there is none. */
static enum resolver_status
find_dmarc(const struct resolver *dns, const char *domain, struct resolver_answer *a,
    const char **record, unsigned *count)
{
	char name[RESOLVER_NAME_BYTES + 8];

	snprintf(name, sizeof(name), "_dmarc.%.253s", domain);
	dns->query(dns->self, name, RESOLVER_TXT, a);
	*count = 0;
	for (unsigned i = 0; a->status == RESOLVER_OK && i < a->count; i++)
		if (check_dmarc_is_record(resolver_text(a, i))) {
			*record = resolver_text(a, i);
			(*count)++;
		}
	return a->status == RESOLVER_OK && *count == 0 ? RESOLVER_NO_DATA : a->status;
}

/* D8 */
static void
check_policy(const struct check_job *job, const struct resolver *dns, const char *domain,
    struct resolver_answer *a, struct check_report *out)
{
	char organisation[CHECK_DOMAIN_BYTES];
	struct check_dmarc dmarc;
	const char *record = "", *why;
	unsigned count;
	enum resolver_status status = find_dmarc(dns, domain, a, &record, &count);

	if (status < RESOLVER_FAILED && status != RESOLVER_OK &&
	    check_domain_organisation(organisation, sizeof(organisation), domain) == 0 &&
	    strcasecmp(organisation, domain) != 0)
		status = find_dmarc(dns, organisation, a, &record, &count);
	if (status >= RESOLVER_FAILED)
		check_report_add(out, CHECK_D8, CHECK_NOT_CHECKED, domain,
		    "_dmarc.%s %s; check again later", domain, resolver_status_text(status));
	else if (status != RESOLVER_OK)
		check_report_bad(out, CHECK_D8, job->purpose, domain,
		    "there is no DMARC record: add a TXT record at _dmarc.%s", domain);
	else if (count > 1)
		check_report_bad(out, CHECK_D8, job->purpose, domain,
		    "there are %u DMARC records, so none counts: leave one", count);
	else if (check_dmarc_parse(&dmarc, record, &why) != 0)
		check_report_bad(
		    out, CHECK_D8, job->purpose, domain, "the DMARC record is invalid: %s", why);
	else if (!dmarc.reports)
		check_report_add(out, CHECK_D8, CHECK_WARN, domain,
		    "DMARC p=%s without rua=: nobody reads the reports", dmarc.policy);
	else
		check_report_add(
		    out, CHECK_D8, CHECK_PASS, domain, "DMARC p=%s with reports", dmarc.policy);
}

/* D9: an MX that is not the null MX (RFC 7505), or an address (RFC 5321 5.1). */
static void
check_receives(const struct check_job *job, const struct resolver *dns, const char *domain,
    struct resolver_answer *a, struct check_report *out)
{
	struct addr addr[1];
	enum resolver_status status;
	unsigned count;

	dns->query(dns->self, domain, RESOLVER_MX, a);
	status = a->status;
	if (status == RESOLVER_OK && resolver_text(a, 0)[0] == '\0' && a->count == 1) {
		check_report_bad(out, CHECK_D9, job->purpose, domain,
		    "%s says that it takes no mail (null MX)", domain);
		return;
	}
	if (status == RESOLVER_OK) {
		check_report_add(
		    out, CHECK_D9, CHECK_PASS, domain, "mail goes to %s", resolver_text(a, 0));
		return;
	}
	if (status < RESOLVER_FAILED)
		status = resolver_addresses(dns, domain, addr, 1, &count);
	if (status == RESOLVER_OK)
		check_report_add(out, CHECK_D9, CHECK_PASS, domain, "no MX, but an address");
	else if (status >= RESOLVER_FAILED)
		check_report_add(out, CHECK_D9, CHECK_NOT_CHECKED, domain,
		    "%s %s; check again later", domain, resolver_status_text(status));
	else
		check_report_bad(out, CHECK_D9, job->purpose, domain,
		    "%s cannot receive mail: it has neither MX nor address", domain);
}

void
check_records(const struct check_job *job, const struct resolver *dns, struct check_report *out)
{
	const struct check_job_online *o = &job->online;
	struct resolver_answer *a = malloc(sizeof(*a));
	const char *from = o->from_domain[0] != '\0' ? o->from_domain
			   : job->domain_count > 0   ? job->domains[0]
						     : "";
	const char *envelope = o->envelope_domain[0] != '\0' ? o->envelope_domain : from;

	if (a == NULL || from[0] == '\0') {
		check_report_add(out, CHECK_D6, CHECK_NOT_CHECKED, NULL, "no domain is known");
	} else {
		check_spf_record(job, dns, envelope, out);
		check_keys(job, dns, a, out);
		check_policy(job, dns, from, a, out);
		check_receives(job, dns, from, a, out);
		if (strcasecmp(from, envelope) != 0)
			check_receives(job, dns, envelope, a, out);
	}
	free(a);
}
