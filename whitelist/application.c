/* SPDX-License-Identifier: ISC */
/* Whitelist applications: states, transitions, what is missing.  Pure.  bulkhead-guard, CLI
 * (names). */
#include "whitelist/application.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

static const char *const state_names[APPLICATION__COUNT] = {
    [APPLICATION_DRAFT] = "draft",
    [APPLICATION_SUBMITTED] = "submitted",
    [APPLICATION_IN_REVIEW] = "in-review",
    [APPLICATION_NEEDS_INFO] = "needs-info",
    [APPLICATION_APPROVED] = "approved",
    [APPLICATION_REJECTED] = "rejected",
    [APPLICATION_REVOKED] = "revoked",
};

static const char *const purpose_names[PURPOSE__COUNT] = {
    [PURPOSE_NEWSLETTER] = "newsletter",
    [PURPOSE_AUTOMATIC] = "automatic",
};

static const char *const evidence_names[EVIDENCE__COUNT] = {
    [EVIDENCE_CONSENT_FORM] = "consent-form",
    [EVIDENCE_REGISTRATION_FORM] = "registration-form",
    [EVIDENCE_RULES_EXTRACT] = "rules-extract",
    [EVIDENCE_SAMPLE_SOURCE] = "sample-source",
    [EVIDENCE_SAMPLE_PICTURE] = "sample-picture",
    [EVIDENCE_UNSUBSCRIBE_PAGE] = "unsubscribe-page",
    [EVIDENCE_NOTE] = "note",
};

static const char *const action_names[ACTION__COUNT] = {
    [ACTION_SUBMIT] = "submit",
    [ACTION_REVIEW] = "review",
    [ACTION_ASK] = "ask",
    [ACTION_APPROVE] = "approve",
    [ACTION_REJECT] = "reject",
    [ACTION_REVOKE] = "revoke",
    [ACTION_RENEW] = "renew",
};

/* Row: state before; column: action in the order of its enum; value: state after, -1 where
 * forbidden. */
static const int transitions[APPLICATION__COUNT][ACTION__COUNT] = {
    [APPLICATION_DRAFT] = {APPLICATION_SUBMITTED, -1, -1, -1, APPLICATION_REJECTED, -1, -1},
    [APPLICATION_SUBMITTED] = {-1, APPLICATION_IN_REVIEW, APPLICATION_NEEDS_INFO,
	APPLICATION_APPROVED, APPLICATION_REJECTED, -1, -1},
    [APPLICATION_IN_REVIEW] = {-1, -1, APPLICATION_NEEDS_INFO, APPLICATION_APPROVED,
	APPLICATION_REJECTED, -1, -1},
    [APPLICATION_NEEDS_INFO] = {APPLICATION_SUBMITTED, APPLICATION_IN_REVIEW,
	APPLICATION_NEEDS_INFO, APPLICATION_APPROVED, APPLICATION_REJECTED, -1, -1},
    [APPLICATION_APPROVED] = {-1, -1, -1, -1, -1, APPLICATION_REVOKED, APPLICATION_APPROVED},
    [APPLICATION_REJECTED] = {-1, APPLICATION_IN_REVIEW, -1, -1, -1, -1, -1},
    [APPLICATION_REVOKED] = {-1, APPLICATION_IN_REVIEW, -1, -1, -1, -1, -1},
};

static const char *
name_of(const char *const *names, unsigned count, unsigned value)
{
	return value < count ? names[value] : "unknown";
}

static int
value_of(const char *const *names, unsigned count, const char *text)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(text, names[i]) == 0)
			return (int)i;
	return -EINVAL;
}

const char *
application_state_name(unsigned s)
{
	return name_of(state_names, APPLICATION__COUNT, s);
}

const char *
application_purpose_name(unsigned p)
{
	return name_of(purpose_names, PURPOSE__COUNT, p);
}

const char *
evidence_kind_name(unsigned k)
{
	return name_of(evidence_names, EVIDENCE__COUNT, k);
}

int
application_state_parse(const char *text)
{
	return value_of(state_names, APPLICATION__COUNT, text);
}

int
application_purpose_parse(const char *text)
{
	return value_of(purpose_names, PURPOSE__COUNT, text);
}

int
evidence_kind_parse(const char *text)
{
	return value_of(evidence_names, EVIDENCE__COUNT, text);
}

/* A host name of at least two labels: letters, digits, hyphens inside, or UTF-8 (IDN as typed). */
static bool
is_domain(const char *text)
{
	size_t label = 0;
	unsigned dots = 0;

	for (const char *p = text;; p++) {
		unsigned char c = (unsigned char)*p;
		if (c == '.' || c == '\0') {
			if (label == 0 || label > 63 || p[-1] == '-')
				return false;
			if (c == '\0')
				return dots != 0;
			dots++;
			label = 0;
			continue;
		}
		bool letter =
		    (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!letter && c < 0x80 && !(c == '-' && label != 0))
			return false;
		label++;
	}
}

static bool
is_mail_address(const char *text)
{
	const char *at = strrchr(text, '@');

	return at != NULL && at != text && strpbrk(text, " \t<>\"") == NULL && is_domain(at + 1);
}

int
application_check_fields(const struct application *a, struct err *e)
{
	if (a->server_count == 0)
		return err_set(e, -EINVAL, "an application needs at least one server");
	if (a->domain_count == 0)
		return err_set(
		    e, -EINVAL, "an application needs at least one sender domain: give --domain");
	for (unsigned i = 0; i < a->domain_count; i++)
		if (!is_domain(a->domains[i]))
			return err_set(e, -EINVAL,
			    "\"%s\" is not a domain name like news.example.com", a->domains[i]);
	if (!is_mail_address(a->contact))
		return err_set(e, -EINVAL,
		    "contact \"%s\" is not a mail address: give --contact name@domain", a->contact);
	if (strcmp(a->lang, "en") != 0 && strcmp(a->lang, "ru") != 0)
		return err_set(e, -EINVAL, "language \"%s\" is not one of en, ru", a->lang);
	if (a->per_day > UINT64_C(100000000))
		return err_set(e, -EINVAL,
		    "%llu recipients a day is more than the 100,000,000 that can be granted",
		    (unsigned long long)a->per_day);
	return 0;
}

static bool
has_evidence(const struct application *a, enum evidence_kind kind)
{
	for (unsigned i = 0; i < a->evidence_count; i++)
		if (a->evidence[i].kind == kind)
			return true;
	return false;
}

struct missing {
	char *buf;
	size_t size, used;
	unsigned lines;
};

static void
missing_add(struct missing *m, const char *sentence)
{
	int n = snprintf(
	    m->buf + m->used, m->size - m->used, "%s%s", m->lines == 0 ? "" : "\n", sentence);

	if (n > 0 && (size_t)n < m->size - m->used)
		m->used += (size_t)n;
	m->lines++;
}

/* "bought" in any of the usual words: a bought list is refused (CHECKS.md C6). */
static bool
is_bought(const char *origin)
{
	static const char *const words[] = {
	    "bought", "purchased", "rented", "куплен", "приобрет", "арендован"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(origin, words[i]) != NULL)
			return true;
	return false;
}

unsigned
application_missing(const struct application *a, bool all_kvm, char *buf, size_t size)
{
	struct missing m = {.buf = buf, .size = size};

	buf[0] = '\0';
	if (!all_kvm)
		missing_add(&m, "Every server must be KVM: the whitelist is for KVM servers only.");
	if (has_evidence(a, EVIDENCE_REGISTRATION_FORM)) {
		if (!has_evidence(a, EVIDENCE_RULES_EXTRACT))
			missing_add(&m, "The extract of the site's rules about mailings that "
					"belongs to the registration form "
					"(rules-extract).");
	} else if (!has_evidence(a, EVIDENCE_CONSENT_FORM)) {
		missing_add(&m,
		    "A picture of the subscription form (consent-form), or of the registration "
		    "form "
		    "(registration-form) with the extract of the rules (rules-extract).");
	}
	if (!has_evidence(a, EVIDENCE_SAMPLE_SOURCE))
		missing_add(&m, "The original source of a sample mail (sample-source).");
	if (!has_evidence(a, EVIDENCE_SAMPLE_PICTURE))
		missing_add(&m, "A picture of the sample mail (sample-picture).");
	if (!has_evidence(a, EVIDENCE_UNSUBSCRIBE_PAGE))
		missing_add(
		    &m, "A picture of the page behind the unsubscribe link (unsubscribe-page).");
	if (a->per_day == 0)
		missing_add(&m, "The number of recipients per day (per-day).");
	if (a->list_size == 0)
		missing_add(&m, "The size of the list (list-size).");
	if (a->list_origin[0] == '\0')
		missing_add(&m, "Where the addresses come from (list-origin).");
	else if (is_bought(a->list_origin))
		missing_add(
		    &m, "A list of people who asked for it: a bought or rented list is refused.");
	return m.lines;
}

int
application_next_state(const struct application *a, enum application_action action, struct err *e)
{
	char allowed[128] = "";
	size_t used = 0;

	int next = transitions[a->state][action];
	if (next >= 0)
		return next;
	for (unsigned i = 0; i < ACTION__COUNT; i++)
		if (transitions[a->state][i] >= 0)
			used += (size_t)snprintf(allowed + used, sizeof(allowed) - used, "%s%s",
			    used == 0 ? "" : ", ", action_names[i]);
	return err_set(e, -EPERM, "application %lld is %s: %s is not possible, only %s",
	    (long long)a->id, application_state_name(a->state), action_names[action], allowed);
}

void
application_grant(const struct application *a, int64_t from_ns, int64_t until_ns, struct grant *out)
{
	memset(out, 0, sizeof(*out));
	out->id = a->id;
	out->state = GRANT_ACTIVE;
	memcpy(out->servers, a->servers, sizeof(out->servers));
	out->server_count = a->server_count;
	memcpy(out->domains, a->domains, sizeof(out->domains));
	out->domain_count = a->domain_count;
	out->per_day = a->per_day;
	out->from_ns = from_ns;
	out->until_ns = until_ns;
}
