/* SPDX-License-Identifier: ISC */
/*
 * Names and levels of the machine checks, and the list of what they found; see check.h.
 */
#include "whitelist/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* The ids and their levels are the table of requirements; the sources are in README.md. */
static const struct check_info infos[CHECK__COUNT] = {
    [CHECK_M1] = {"M1", CHECK_FAIL, false, false, "header fields of RFC 5322"},
    [CHECK_M2] = {"M2", CHECK_FAIL, false, false, "one From in a domain of the application"},
    [CHECK_M3] = {"M3", CHECK_FAIL, false, false, "Message-ID"},
    [CHECK_M4] = {"M4", CHECK_FAIL, false, false, "DKIM signature"},
    [CHECK_M5] = {"M5", CHECK_FAIL, true, false, "SPF passes for the server"},
    [CHECK_M6] = {"M6", CHECK_FAIL, false, false, "From aligned (DMARC)"},
    [CHECK_M7] = {"M7", CHECK_FAIL, false, true, "List-Unsubscribe with one https URI"},
    [CHECK_M8] = {"M8", CHECK_FAIL, false, true, "List-Unsubscribe-Post"},
    [CHECK_M9] = {"M9", CHECK_FAIL, false, true, "one-click headers are signed"},
    [CHECK_M10] = {"M10", CHECK_WARN, false, false, "opaque unsubscribe URI"},
    [CHECK_M11] = {"M11", CHECK_FAIL, false, false, "visible unsubscribe link"},
    [CHECK_M12] = {"M12", CHECK_WARN, false, false, "host of the link"},
    [CHECK_M13] = {"M13", CHECK_WARN, false, false, "text part and UTF-8"},
    [CHECK_M14] = {"M14", CHECK_WARN, false, false, "size and recipients"},
    [CHECK_M15] = {"M15", CHECK_INFO, false, false, "List-Id and Precedence"},
    [CHECK_M16] = {"M16", CHECK_WARN, false, false, "no false reply"},
    [CHECK_M17] = {"M17", CHECK_WARN, false, false, "no hidden text, script, lone picture"},
    [CHECK_M19] = {"M19", CHECK_FAIL, false, false, "sent by the server"},
    [CHECK_M20] = {"M20", CHECK_INFO, false, false, "age of the sample"},
    [CHECK_D1] = {"D1", CHECK_FAIL, true, false, "PTR of the address"},
    [CHECK_D2] = {"D2", CHECK_FAIL, true, false, "PTR resolves back"},
    [CHECK_D3] = {"D3", CHECK_WARN, true, false, "generic host name"},
    [CHECK_D4] = {"D4", CHECK_WARN, true, false, "one PTR"},
    [CHECK_D5] = {"D5", CHECK_WARN, true, false, "HELO name"},
    [CHECK_D6] = {"D6", CHECK_FAIL, true, false, "SPF record"},
    [CHECK_D7] = {"D7", CHECK_FAIL, true, false, "DKIM key"},
    [CHECK_D8] = {"D8", CHECK_FAIL, true, false, "DMARC record"},
    [CHECK_D9] = {"D9", CHECK_FAIL, true, false, "domains receive mail"},
    [CHECK_D11] = {"D11", CHECK_INFO, true, false, "DNS block lists"},
    [CHECK_D13] = {"D13", CHECK_WARN, false, false, "TLS in the server's sessions"},
    [CHECK_D15] = {"D15", CHECK_FAIL, false, false, "KVM server"},
    [CHECK_U1] = {"U1", CHECK_FAIL, true, false, "https on a public address"},
    [CHECK_U2] = {"U2", CHECK_FAIL, true, false, "page answers"},
    [CHECK_U3] = {"U3", CHECK_FAIL, true, false, "no login"},
    [CHECK_U4] = {"U4", CHECK_WARN, true, false, "page unsubscribes simply"},
    [CHECK_U5] = {"U5", CHECK_INFO, true, false, "does GET act"},
    [CHECK_U6] = {"U6", CHECK_FAIL, true, true, "one-click POST"},
    [CHECK_U7] = {"U7", CHECK_FAIL, false, false, "picture of the unsubscribe page"},
    [CHECK_C1] = {"C1", CHECK_WARN, true, false, "subscription form answers"},
    [CHECK_C2] = {"C2", CHECK_WARN, true, false, "consent box not pre-checked"},
    [CHECK_C4] = {"C4", CHECK_WARN, true, false, "rules extract is on the site"},
    [CHECK_C5] = {"C5", CHECK_FAIL, false, false, "pictures decode"},
    [CHECK_C6] = {"C6", CHECK_FAIL, false, false, "volume, list size and origin"},
};

static const char *const level_names[CHECK_LEVEL__COUNT] = {
    [CHECK_INFO] = "info",
    [CHECK_PASS] = "pass",
    [CHECK_NOT_CHECKED] = "not-checked",
    [CHECK_WARN] = "warn",
    [CHECK_FAIL] = "fail",
};

const struct check_info *
check_info(unsigned id)
{
	static const struct check_info none = {"?", CHECK_FAIL, false, false, "?"};

	return id < CHECK__COUNT ? &infos[id] : &none;
}

int
check_id_parse(const char *name)
{
	for (int i = 0; i < CHECK__COUNT; i++)
		if (strcmp(infos[i].name, name) == 0)
			return i;
	return -EINVAL;
}

const char *
check_level_name(unsigned level)
{
	return level < CHECK_LEVEL__COUNT ? level_names[level] : "?";
}

int
check_level_parse(const char *name)
{
	for (int i = 0; i < CHECK_LEVEL__COUNT; i++)
		if (strcmp(level_names[i], name) == 0)
			return i;
	return -EINVAL;
}

void
check_report_init(struct check_report *r)
{
	memset(r, 0, sizeof(*r));
}

/* The result with this id and subject, made when it is new; NULL without room. */
static struct check_result *
result_slot(struct check_report *r, unsigned id, const char *about)
{
	struct check_result *out;

	for (unsigned i = 0; i < r->count; i++)
		if (r->results[i].id == id && strcmp(r->results[i].about, about) == 0)
			return &r->results[i];
	if (r->count == CHECK_RESULTS_MAX) {
		r->overflow = true;
		return NULL;
	}
	out = &r->results[r->count++];
	out->id = (uint8_t)id;
	snprintf(out->about, sizeof(out->about), "%s", about);
	return out;
}

static void __attribute__((format(printf, 5, 0))) add(struct check_report *r, enum check_id id,
    enum check_level level, const char *about, const char *fmt, va_list ap)
{
	char raw[4 * CHECK_TEXT_BYTES], clean[CHECK_ABOUT_BYTES];
	struct check_result *slot;

	slot = result_slot(r, id, text_clean(clean, sizeof(clean), about != NULL ? about : ""));
	if (slot == NULL)
		return;
	slot->level = (uint8_t)level;
	slot->made_ns = 0;
	vsnprintf(raw, sizeof(raw), fmt, ap);
	text_clean(slot->text, sizeof(slot->text), raw);
}

void
check_report_add(struct check_report *r, enum check_id id, enum check_level level,
    const char *about, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(r, id, level, about, fmt, ap);
	va_end(ap);
}

void
check_report_bad(struct check_report *r, enum check_id id, enum application_purpose purpose,
    const char *about, const char *fmt, ...)
{
	bool milder = infos[id].one_click && purpose == PURPOSE_AUTOMATIC;
	va_list ap;

	va_start(ap, fmt);
	add(r, id, milder ? CHECK_WARN : (enum check_level)infos[id].worst, about, fmt, ap);
	va_end(ap);
}

const struct check_result *
check_report_find(const struct check_report *r, enum check_id id)
{
	for (unsigned i = 0; i < r->count; i++)
		if (r->results[i].id == id)
			return &r->results[i];
	return NULL;
}

struct check_dkim *
check_facts_find_dkim(struct check_facts *f, const char *domain, const char *selector)
{
	for (unsigned i = 0; i < f->dkim_count; i++)
		if (strcmp(f->dkim[i].domain, domain) == 0 &&
		    strcmp(f->dkim[i].selector, selector) == 0)
			return &f->dkim[i];
	return NULL;
}

void
check_facts_keep_records(struct check_facts *into, const struct check_facts *from)
{
	for (unsigned i = 0; i < from->dkim_count; i++) {
		struct check_dkim *d =
		    check_facts_find_dkim(into, from->dkim[i].domain, from->dkim[i].selector);

		if (d != NULL && d->record[0] == '\0')
			memcpy(d->record, from->dkim[i].record, sizeof(d->record));
	}
}

static void
merge_pictures(struct check_facts *into, const struct check_facts *from)
{
	for (unsigned i = 0; i < from->picture_count; i++) {
		unsigned at = 0;

		while (at < into->picture_count &&
		       (strcmp(into->pictures[at].sha256, from->pictures[i].sha256) != 0 ||
			   strcmp(into->pictures[at].kind, from->pictures[i].kind) != 0))
			at++;
		if (at == CHECK_PICTURES_MAX)
			return;
		into->pictures[at] = from->pictures[i];
		if (at == into->picture_count)
			into->picture_count++;
	}
}

void
check_report_merge(struct check_report *into, const struct check_report *from)
{
	for (unsigned i = 0; i < from->count; i++) {
		const struct check_result *f = &from->results[i];
		struct check_result *slot = result_slot(into, f->id, f->about);

		if (slot != NULL)
			*slot = *f;
	}
	if (from->facts.size_bytes == 0) {
		check_facts_keep_records(&into->facts, &from->facts);
	} else {
		struct check_facts before = into->facts;

		into->facts = from->facts;
		check_facts_keep_records(&into->facts, &before);
		memcpy(into->facts.pictures, before.pictures, sizeof(before.pictures));
		into->facts.picture_count = before.picture_count;
	}
	merge_pictures(&into->facts, &from->facts);
	if (from->made_ns > into->made_ns)
		into->made_ns = from->made_ns;
	into->overflow |= from->overflow;
}
