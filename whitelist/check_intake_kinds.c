/* SPDX-License-Identifier: ISC */
/*
 * What each file of a support mail is, by its name, the words beside it, or its place among the others;
 * see check_intake.h.  Pure.  bulkhead-check.
 */
#include <stdio.h>
#include <string.h>

#include "whitelist/check_intake.h"
#include "whitelist/check_words.h"

/* The first that fits counts: "unsubscribe" holds "subscribe", and a registration form is a form.
 * Folded words, English, Russian, and Russian in Latin letters as file names have it. */
static const struct {
	const char *word;
	enum evidence_kind kind;
	const char *says;
} words[] = {
    {"unsub", EVIDENCE_UNSUBSCRIBE_PAGE, "unsubscribing"},
    {"opt-out", EVIDENCE_UNSUBSCRIBE_PAGE, "unsubscribing"},
    {"optout", EVIDENCE_UNSUBSCRIBE_PAGE, "unsubscribing"},
    {"opt_out", EVIDENCE_UNSUBSCRIBE_PAGE, "unsubscribing"},
    {"отпис", EVIDENCE_UNSUBSCRIBE_PAGE, "unsubscribing"},
    {"отказ", EVIDENCE_UNSUBSCRIBE_PAGE, "unsubscribing"},
    {"otpis", EVIDENCE_UNSUBSCRIBE_PAGE, "unsubscribing"},
    {"otkaz", EVIDENCE_UNSUBSCRIBE_PAGE, "unsubscribing"},
    {"regist", EVIDENCE_REGISTRATION_FORM, "a registration"},
    {"signup", EVIDENCE_REGISTRATION_FORM, "a registration"},
    {"sign-up", EVIDENCE_REGISTRATION_FORM, "a registration"},
    {"sign_up", EVIDENCE_REGISTRATION_FORM, "a registration"},
    {"sign up", EVIDENCE_REGISTRATION_FORM, "a registration"},
    {"регистрац", EVIDENCE_REGISTRATION_FORM, "a registration"},
    {"subscri", EVIDENCE_CONSENT_FORM, "a subscription"},
    {"подпис", EVIDENCE_CONSENT_FORM, "a subscription"},
    {"podpis", EVIDENCE_CONSENT_FORM, "a subscription"},
    {"consent", EVIDENCE_CONSENT_FORM, "consent"},
    {"opt-in", EVIDENCE_CONSENT_FORM, "consent"},
    {"optin", EVIDENCE_CONSENT_FORM, "consent"},
    {"согласи", EVIDENCE_CONSENT_FORM, "consent"},
    {"soglas", EVIDENCE_CONSENT_FORM, "consent"},
    {"sample", EVIDENCE_SAMPLE_PICTURE, "a sample"},
    {"example", EVIDENCE_SAMPLE_PICTURE, "a sample"},
    {"образ", EVIDENCE_SAMPLE_PICTURE, "a sample"},
    {"obraz", EVIDENCE_SAMPLE_PICTURE, "a sample"},
    {"пример", EVIDENCE_SAMPLE_PICTURE, "a sample"},
    {"primer", EVIDENCE_SAMPLE_PICTURE, "a sample"},
    {"newsletter", EVIDENCE_SAMPLE_PICTURE, "a mail"},
    {"letter", EVIDENCE_SAMPLE_PICTURE, "a mail"},
    {"письм", EVIDENCE_SAMPLE_PICTURE, "a mail"},
    {"pismo", EVIDENCE_SAMPLE_PICTURE, "a mail"},
    {"message", EVIDENCE_SAMPLE_PICTURE, "a mail"},
    {"mail", EVIDENCE_SAMPLE_PICTURE, "a mail"},
    {"form", EVIDENCE_CONSENT_FORM, "a form"},
    {"форма", EVIDENCE_CONSENT_FORM, "a form"},
    {"forma", EVIDENCE_CONSENT_FORM, "a form"},
};

static const char *const rules_words[] = {"rules", "terms", "privacy", "policy", "agreement",
    "offer", "правил", "pravil", "оферт", "ofert", "соглашен", "политик", "выдержк"};

/* True when the first word of the table that the hint has was found. */
static bool
judge_name(struct intake_file *f, const char *folded)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(folded, words[i].word) != NULL) {
			f->kind = (uint8_t)words[i].kind;
			snprintf(f->why, sizeof(f->why),
			    "a picture whose name or text beside it speaks of %s", words[i].says);
			return true;
		}
	return false;
}

static void
judge_text(struct intake_file *f, const struct intake_hint *h, const char *folded)
{
	for (size_t i = 0; i < sizeof(rules_words) / sizeof(rules_words[0]); i++)
		if (strstr(folded, rules_words[i]) != NULL) {
			f->kind = EVIDENCE_RULES_EXTRACT;
			snprintf(f->why, sizeof(f->why), "a text whose name speaks of rules");
			return;
		}
	f->kind = h->speaks_of_mail ? EVIDENCE_RULES_EXTRACT : EVIDENCE_NOTE;
	snprintf(f->why, sizeof(f->why),
	    h->speaks_of_mail ? "a text that speaks of mail"
			      : "a text that says nothing of mailings");
}

static bool
has_kind(const struct intake *in, const bool *sure, enum evidence_kind kind)
{
	for (unsigned i = 0; i < in->file_count; i++)
		if (in->files[i].trouble == INTAKE_FINE && sure[i] && in->files[i].kind == kind)
			return true;
	return false;
}

/* Pictures that nothing tells apart, in the order that the provider asks for them: form, sample, page. */
static void
judge_order(struct intake *in, const struct intake_hint *hints, bool *sure)
{
	static const char *const places[] = {"first", "second", "third"};
	const bool rules = has_kind(in, sure, EVIDENCE_RULES_EXTRACT);
	enum evidence_kind wanted[3];
	unsigned count = 0, next = 0, unknown = 0;

	if (!has_kind(in, sure, EVIDENCE_CONSENT_FORM) &&
	    !has_kind(in, sure, EVIDENCE_REGISTRATION_FORM))
		wanted[count++] = rules ? EVIDENCE_REGISTRATION_FORM : EVIDENCE_CONSENT_FORM;
	if (!has_kind(in, sure, EVIDENCE_SAMPLE_PICTURE))
		wanted[count++] = EVIDENCE_SAMPLE_PICTURE;
	if (!has_kind(in, sure, EVIDENCE_UNSUBSCRIBE_PAGE))
		wanted[count++] = EVIDENCE_UNSUBSCRIBE_PAGE;
	for (unsigned i = 0; i < in->file_count; i++)
		unknown += hints[i].picture && !sure[i] && in->files[i].trouble == INTAKE_FINE;
	for (unsigned i = 0; i < in->file_count; i++) {
		struct intake_file *f = &in->files[i];

		if (!hints[i].picture || sure[i] || f->trouble != INTAKE_FINE)
			continue;
		/* Only when there is one for each that is wanted: else the order says nothing. */
		if (unknown == count) {
			f->kind = (uint8_t)wanted[next];
			snprintf(f->why, sizeof(f->why),
			    count == 1 ? "a picture of nothing known, and only this kind is missing"
				       : "the %s unnamed picture, in the order in which they are "
					 "asked for",
			    places[next]);
			next++;
		} else {
			f->kind = EVIDENCE_NOTE;
			snprintf(
			    f->why, sizeof(f->why), "a picture that nothing tells the kind of");
		}
	}
}

/* Of several mails the one that can be unsubscribed from, else the first. */
static int
find_sample(const struct intake *in, const struct intake_hint *hints)
{
	int first = -1;

	for (unsigned i = 0; i < in->file_count; i++) {
		if (in->files[i].trouble != INTAKE_FINE || !hints[i].message)
			continue;
		if (hints[i].listed)
			return (int)i;
		if (first < 0)
			first = (int)i;
	}
	return first;
}

static void
guess_by_sample(struct intake *in, const struct intake_hint *sample)
{
	if (sample->from_domain[0] != '\0')
		intake_guess(in, "domain", sample->from_domain, "From of the sample");
	if (sample->listed)
		intake_guess(
		    in, "purpose", "newsletter", "the sample has a List-Unsubscribe field");
}

static void
judge_one(struct intake_file *f, const struct intake_hint *h, bool is_sample, bool *sure)
{
	char folded[600];

	check_words_fold(folded, sizeof(folded), h->about);
	if (h->message) {
		f->kind = is_sample ? EVIDENCE_SAMPLE_SOURCE : EVIDENCE_NOTE;
		snprintf(f->why, sizeof(f->why), "%s",
		    is_sample ? "the source of a mail" : "the source of a further mail");
		*sure = true;
	} else if (h->picture) {
		*sure = judge_name(f, folded);
	} else {
		judge_text(f, h, folded);
		*sure = true;
	}
}

void
check_intake_kinds(struct intake *out, struct intake_hint *hints)
{
	bool sure[INTAKE_FILES_MAX] = {false};
	const int sample = find_sample(out, hints);

	if (sample >= 0)
		guess_by_sample(out, &hints[sample]);
	for (unsigned i = 0; i < out->file_count; i++)
		if (out->files[i].trouble == INTAKE_FINE)
			judge_one(&out->files[i], &hints[i], (int)i == sample, &sure[i]);
	judge_order(out, hints, sure);
	/* A form beside the rules is the registration's: the subscription needs none. */
	for (unsigned i = 0; i < out->file_count; i++)
		if (out->files[i].trouble == INTAKE_FINE && sure[i] &&
		    out->files[i].kind == EVIDENCE_CONSENT_FORM &&
		    has_kind(out, sure, EVIDENCE_RULES_EXTRACT) &&
		    strstr(out->files[i].why, "a form") != NULL) {
			out->files[i].kind = EVIDENCE_REGISTRATION_FORM;
			snprintf(out->files[i].why, sizeof(out->files[i].why),
			    "a picture of a form, beside an extract of the rules");
		}
}
