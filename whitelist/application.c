/* SPDX-License-Identifier: ISC */
/* Whitelist applications: states, transitions, what is missing.  Pure.  bulkhead-guard, CLI
 * (names). */
#include "whitelist/application.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

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

/* English, Russian. */
static const char *const gap_texts[GAP__COUNT][2] = {
    [GAP_KVM] = {"Every server must be KVM: the whitelist is for KVM servers only.",
	"Все серверы должны быть KVM: белый список действует только для серверов KVM."},
    [GAP_SERVER] = {"The server or servers that send the mail.",
	"Сервер или серверы, с которых идёт рассылка."},
    [GAP_DOMAIN] = {"The sender domain or domains (the part after @ in From).",
	"Домен или домены отправителя (часть адреса From после @)."},
    [GAP_CONTACT] = {"A mail address of the person who answers for the mailing.",
	"Почтовый адрес человека, который отвечает за рассылку."},
    [GAP_CONSENT] =
	{"A picture of the subscription form (consent-form), or of the registration form "
	 "(registration-form) with the extract of the rules (rules-extract).",
	    "Снимок экрана формы подписки (consent-form) или формы регистрации (registration-form) "
	    "вместе с "
	    "выдержкой из правил сайта о рассылках (rules-extract)."},
    [GAP_RULES] =
	{"The extract of the site's rules about mailings that belongs to the registration "
	 "form (rules-extract).",
	    "Выдержка из правил сайта о рассылках, которая прилагается к форме регистрации "
	    "(rules-extract)."},
    [GAP_SAMPLE] = {"The original source of a sample mail (sample-source).",
	"Исходный текст образца письма (sample-source)."},
    [GAP_SAMPLE_PICTURE] = {"A picture of the sample mail (sample-picture).",
	"Снимок экрана образца письма (sample-picture)."},
    [GAP_UNSUBSCRIBE] = {"A picture of the page behind the unsubscribe link (unsubscribe-page).",
	"Снимок экрана страницы, которая открывается по ссылке отписки (unsubscribe-page)."},
    [GAP_PER_DAY] = {"The number of recipients per day (per-day).",
	"Число получателей в сутки (per-day)."},
    [GAP_LIST_SIZE] = {"The size of the list (list-size).", "Размер базы подписчиков (list-size)."},
    [GAP_LIST_ORIGIN] = {"Where the addresses come from (list-origin).",
	"Откуда взяты адреса (list-origin)."},
    [GAP_BOUGHT] = {"A list of people who asked for it: a bought or rented list is refused.",
	"База людей, которые сами подписались: купленная или арендованная база не принимается."},
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

/* Letters, digits, hyphens inside, or UTF-8. */
bool
application_is_domain(const char *text)
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

bool
application_is_mail_address(const char *text)
{
	const char *at = strrchr(text, '@');

	return at != NULL && at != text && strpbrk(text, " \t<>\"") == NULL &&
	       application_is_domain(at + 1);
}

/* An address of a web page: http or https, a host, nothing that is not printable ASCII or UTF-8. */
static bool
is_url(const char *text)
{
	const size_t scheme = strncasecmp(text, "https://", 8) == 0  ? 8
			      : strncasecmp(text, "http://", 7) == 0 ? 7
								     : 0;

	if (scheme == 0 || strcspn(text + scheme, "/?#") == 0)
		return false;
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || strchr("<>\"", *p) != NULL)
			return false;
	return true;
}

/* The addresses of pages, where they are given. */
static int
check_urls(const struct application *a, struct err *e)
{
	const struct {
		const char *option, *value;
	} rows[] = {{"--form-url", a->form_url}, {"--rules-url", a->rules_url}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].value[0] != '\0' && !is_url(rows[i].value))
			return err_set(e, -EINVAL,
			    "%s \"%.200s\" is no address of a page: write it like "
			    "https://example.com/subscribe",
			    rows[i].option, rows[i].value);
	return 0;
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
		if (!application_is_domain(a->domains[i]))
			return err_set(e, -EINVAL,
			    "\"%s\" is not a domain name like news.example.com", a->domains[i]);
	if (!application_is_mail_address(a->contact))
		return err_set(e, -EINVAL,
		    "contact \"%s\" is not a mail address: give --contact name@domain", a->contact);
	if (strcmp(a->lang, "en") != 0 && strcmp(a->lang, "ru") != 0)
		return err_set(e, -EINVAL, "language \"%s\" is not one of en, ru", a->lang);
	if (a->per_day > UINT64_C(100000000))
		return err_set(e, -EINVAL,
		    "%llu recipients a day is more than the 100,000,000 that can be granted",
		    (unsigned long long)a->per_day);
	return check_urls(a, e);
}

bool
application_has_evidence(const struct application *a, enum evidence_kind kind)
{
	for (unsigned i = 0; i < a->evidence_count; i++)
		if (a->evidence[i].kind == kind)
			return true;
	return false;
}

/* "bought" in any of the usual words: a bought list is refused (check C6). */
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

uint32_t
application_gaps(const struct application *a, bool all_kvm)
{
	const bool registration = application_has_evidence(a, EVIDENCE_REGISTRATION_FORM);
	const bool lacks[GAP__COUNT] = {
	    [GAP_KVM] = !all_kvm,
	    [GAP_SERVER] = a->server_count == 0,
	    [GAP_DOMAIN] = a->domain_count == 0,
	    [GAP_CONTACT] = a->contact[0] == '\0',
	    [GAP_CONSENT] = !registration && !application_has_evidence(a, EVIDENCE_CONSENT_FORM),
	    [GAP_RULES] = registration && !application_has_evidence(a, EVIDENCE_RULES_EXTRACT),
	    [GAP_SAMPLE] = !application_has_evidence(a, EVIDENCE_SAMPLE_SOURCE),
	    [GAP_SAMPLE_PICTURE] = !application_has_evidence(a, EVIDENCE_SAMPLE_PICTURE),
	    [GAP_UNSUBSCRIBE] = !application_has_evidence(a, EVIDENCE_UNSUBSCRIBE_PAGE),
	    [GAP_PER_DAY] = a->per_day == 0,
	    [GAP_LIST_SIZE] = a->list_size == 0,
	    [GAP_LIST_ORIGIN] = a->list_origin[0] == '\0',
	    [GAP_BOUGHT] = is_bought(a->list_origin),
	};
	uint32_t gaps = 0;

	for (unsigned i = 0; i < GAP__COUNT; i++)
		gaps |= lacks[i] ? UINT32_C(1) << i : 0;
	return gaps;
}

const char *
application_gap_text(unsigned gap, const char *lang)
{
	if (gap >= GAP__COUNT)
		return "";
	return gap_texts[gap][strcmp(lang, "ru") == 0];
}

unsigned
application_missing(const struct application *a, bool all_kvm, char *buf, size_t size)
{
	const uint32_t gaps = application_gaps(a, all_kvm);
	unsigned lines = 0;
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < GAP__COUNT; i++) {
		int n;

		if ((gaps & UINT32_C(1) << i) == 0)
			continue;
		n = snprintf(
		    buf + used, size - used, "%s%s", lines == 0 ? "" : "\n", gap_texts[i][0]);
		if (n > 0 && (size_t)n < size - used)
			used += (size_t)n;
		lines++;
	}
	return lines;
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
