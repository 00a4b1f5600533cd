/* SPDX-License-Identifier: ISC */
/* Pages that are visited: unsubscribing (U1-U6) and consent (C1, C2, C4); see check_online.h.
 * bulkhead-check. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "whitelist/check_domain.h"
#include "whitelist/check_html.h"
#include "whitelist/check_online.h"
#include "whitelist/check_words.h"

#define WORDS_BYTES (256u << 10) /* of a page's visible text that is read */

/* What a reader of the page meets. */
struct reading {
	char *words;
	size_t used;
	bool password, email, button, more, consent_checked, captcha;
	char more_name[64];
};

static const char *const done_words[] = {"unsubscribed", "been removed", "have been opted out",
    "no longer receive", "вы отписа", "вы успешно отпис", "подписка отменена", "рассылка отключена",
    "больше не будете получать", "адрес удален"};
static const char *const consent_words[] = {"subscri", "news", "consent", "agree", "mailing",
    "optin", "opt-in", "opt_in", "marketing", "promo", "podpis", "rassyl", "soglas"};

static bool
has_any(const char *text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcasestr(text, words[i]) != NULL)
			return true;
	return false;
}
#define HAS_ANY(text, words) has_any(text, words, sizeof(words) / sizeof((words)[0]))

static void
on_text(void *arg, const char *text, size_t n)
{
	struct reading *r = arg;

	n = n < WORDS_BYTES - 1 - r->used ? n : WORDS_BYTES - 1 - r->used;
	for (size_t i = 0; i < n; i++)
		if (text[i] != '\0')
			r->words[r->used++] = text[i];
	r->words[r->used] = '\0';
}

static bool
is_email(const struct check_input *in)
{
	return strcasecmp(in->type, "email") == 0 || strcasestr(in->name, "mail") != NULL ||
	       strcasestr(in->placeholder, "mail") != NULL ||
	       strchr(in->placeholder, '@') != NULL || strcasestr(in->placeholder, "почт") != NULL;
}

static void
on_input(void *arg, const struct check_input *in)
{
	static const char *const typed[] = {"text", "tel", "number", "date", "url", "select",
	    "textarea", "file", "datetime-local", "month"};
	static const char *const pressed[] = {"submit", "button", "image"};
	struct reading *r = arg;
	bool asks = false;

	if (strcasecmp(in->type, "hidden") == 0)
		return;
	if (strcasecmp(in->type, "password") == 0)
		r->password = true;
	for (size_t i = 0; i < sizeof(pressed) / sizeof(pressed[0]); i++)
		r->button |= strcasecmp(in->type, pressed[i]) == 0;
	if (strcasecmp(in->type, "checkbox") == 0 && in->checked &&
	    (HAS_ANY(in->name, consent_words) || HAS_ANY(in->value, consent_words)))
		r->consent_checked = true;
	for (size_t i = 0; i < sizeof(typed) / sizeof(typed[0]); i++)
		asks |= strcasecmp(in->type, typed[i]) == 0;
	if (is_email(in) && (asks || strcasecmp(in->type, "email") == 0)) {
		r->email = true;
		return;
	}
	/* A reason may be asked, when it can be left out. */
	if (asks && (in->required || (strcasecmp(in->type, "textarea") != 0 &&
					 strcasecmp(in->type, "select") != 0))) {
		r->more = true;
		snprintf(r->more_name, sizeof(r->more_name), "%s",
		    in->name[0] != '\0' ? in->name : in->type);
	}
}

/* The words are folded in place of the page's: lower case, blanks joined. */
static int
read_page(struct reading *r, const struct check_page *page)
{
	struct check_html html;
	char *folded = malloc(WORDS_BYTES);
	int rc = -ENOMEM;

	memset(r, 0, sizeof(*r));
	r->words = calloc(1, WORDS_BYTES);
	if (r->words == NULL || folded == NULL)
		goto out;
	if (page->is_html)
		rc = check_html_read_page(page->body, page->size, &html, on_text, on_input, r);
	else {
		on_text(r, page->body, page->size);
		rc = 0;
	}
	/* Its own providers spell it so in scripts, frames and classes. */
	r->captcha = page->is_html && strcasestr(page->body, "captcha") != NULL;
	r->captcha |= page->is_html && strcasestr(page->body, "cf-turnstile") != NULL;
	check_words_fold(folded, WORDS_BYTES, r->words);
	memcpy(r->words, folded, WORDS_BYTES);
out:
	free(folded);
	return rc;
}

/* The page's host belongs to the one that was linked, or to the tenant. */
static bool
is_related(const struct check_job *job, const char *url, const char *final)
{
	char first[CHECK_DOMAIN_BYTES], last[CHECK_DOMAIN_BYTES];

	if (!check_words_url_host(url, first, sizeof(first), NULL) ||
	    !check_words_url_host(final, last, sizeof(last), NULL))
		return false;
	if (check_domain_related(first, last) ||
	    check_domain_related(last, job->online.from_domain))
		return true;
	for (unsigned i = 0; i < job->domain_count; i++)
		if (check_domain_related(last, job->domains[i]))
			return true;
	return false;
}

/* U1 and U2; true when there is a page to read. */
static bool
judge_answer(const struct check_job *job, const char *url, const struct check_page *page,
    const char *about, struct check_report *out)
{
	if (page->problem == PAGE_URL || page->problem == PAGE_ADDRESS ||
	    page->problem == PAGE_CERTIFICATE) {
		check_report_bad(out, CHECK_U1, job->purpose, about, "%s", page->why);
		return false;
	}
	if (page->problem == PAGE_UNASKED) {
		check_report_add(
		    out, CHECK_U2, CHECK_NOT_CHECKED, about, "%s; check again later", page->why);
		return false;
	}
	if (page->problem != PAGE_NAME && page->problem != PAGE_CONNECT)
		check_report_add(
		    out, CHECK_U1, CHECK_PASS, about, "https, valid chain, public address");
	if (page->problem != PAGE_OK) {
		check_report_bad(out, CHECK_U2, job->purpose, about, "%s", page->why);
		return false;
	}
	if (page->login)
		return true;
	if (page->status != 200)
		check_report_bad(
		    out, CHECK_U2, job->purpose, about, "the page answers %ld", page->status);
	else if (!is_related(job, url, page->url))
		check_report_bad(out, CHECK_U2, job->purpose, about,
		    "the link ends at %.200s, which belongs to neither the link's host nor the "
		    "tenant",
		    page->url);
	else
		check_report_add(
		    out, CHECK_U2, CHECK_PASS, about, "200 after %u redirects", page->redirects);
	return true;
}

/* U3; true when the page can be used without logging in. */
static bool
judge_login(const struct check_job *job, const struct check_page *page, const struct reading *r,
    const char *about, struct check_report *out)
{
	if (page->login)
		check_report_bad(out, CHECK_U3, job->purpose, about,
		    "the link leads to a login: %.200s", page->url);
	else if (page->status == 401 || page->status == 407)
		check_report_bad(
		    out, CHECK_U3, job->purpose, about, "the page answers %ld", page->status);
	else if (r->password)
		check_report_bad(
		    out, CHECK_U3, job->purpose, about, "the page has a password field");
	else {
		check_report_add(out, CHECK_U3, CHECK_PASS, about, "no login");
		return true;
	}
	return false;
}

/* U4, U5 */
static void
judge_reading(const struct check_job *job, const struct reading *r, const char *about,
    struct check_report *out)
{
	bool done = HAS_ANY(r->words, done_words);
	bool offers = r->button && check_words_unsubscribe(r->words);

	if (r->captcha)
		check_report_bad(out, CHECK_U4, job->purpose, about, "the page asks for a captcha");
	else if (r->more)
		check_report_bad(out, CHECK_U4, job->purpose, about,
		    "the page asks for more than an address: %s", r->more_name);
	else if (!done && !offers)
		check_report_bad(out, CHECK_U4, job->purpose, about,
		    "the page has neither a confirmation nor a form with words of unsubscribing");
	else
		check_report_add(out, CHECK_U4, CHECK_PASS, about, "%s",
		    done ? "the page confirms" : "the page has a form for it");
	if (done && !r->button)
		check_report_bad(out, CHECK_U5, job->purpose, about,
		    "opening the link alone unsubscribes: software that fetches links would too "
		    "(RFC 8058 1); Mail.ru wants it so");
	else
		check_report_add(
		    out, CHECK_U5, CHECK_PASS, about, "opening the link alone does not act");
}

static void
visit_unsubscribe(const struct check_job *job, const struct check_page_config *config,
    const char *url, const char *about, struct check_report *out)
{
	struct check_page page;
	struct reading r = {0};

	check_page_fetch(&page, config, url, false);
	if (judge_answer(job, url, &page, about, out) && read_page(&r, &page) == 0 &&
	    judge_login(job, &page, &r, about, out) && page.status == 200)
		judge_reading(job, &r, about, out);
	free(r.words);
	check_page_fini(&page);
}

/* U6: never without the recorded consent. */
static void
visit_one_click(
    const struct check_job *job, const struct check_page_config *config, struct check_report *out)
{
	const char *url = job->online.list_unsubscribe;
	struct check_page page;

	if (url[0] == '\0' || !job->online.may_post) {
		check_report_add(out, CHECK_U6, CHECK_NOT_CHECKED, NULL,
		    url[0] == '\0' ? "the sample has no https List-Unsubscribe"
				   : "no consent to the POST is recorded, so it was not sent");
		return;
	}
	check_page_fetch(&page, config, url, true);
	if (page.problem == PAGE_UNASKED)
		check_report_add(out, CHECK_U6, CHECK_NOT_CHECKED, NULL, "%s", page.why);
	else if (page.problem != PAGE_OK)
		check_report_bad(out, CHECK_U6, job->purpose, NULL, "%s", page.why);
	else if (page.status < 200 || page.status > 299)
		check_report_bad(out, CHECK_U6, job->purpose, NULL,
		    "the one-click POST is answered with %ld, not 2xx", page.status);
	else
		check_report_add(
		    out, CHECK_U6, CHECK_PASS, NULL, "the one-click POST gives %ld", page.status);
	check_page_fini(&page);
}

/* C1, C2 */
static void
visit_form(
    const struct check_job *job, const struct check_page_config *config, struct check_report *out)
{
	const char *url = job->online.form_url;
	struct check_page page;
	struct reading r = {0};

	if (url[0] == '\0') {
		check_report_add(out, CHECK_C1, CHECK_NOT_CHECKED, NULL,
		    "the application names no address of the form");
		return;
	}
	check_page_fetch(&page, config, url, false);
	if (page.problem != PAGE_OK || page.status != 200)
		check_report_bad(out, CHECK_C1, job->purpose, NULL, "the form's page: %s (%ld)",
		    page.problem != PAGE_OK ? page.why : "answers", page.status);
	else if (read_page(&r, &page) == 0 && r.email) {
		check_report_add(out, CHECK_C1, CHECK_PASS, NULL, "the form has an e-mail field");
		if (r.consent_checked)
			check_report_bad(out, CHECK_C2, job->purpose, NULL,
			    "a box of consent is checked beforehand");
		else
			check_report_add(out, CHECK_C2, CHECK_PASS, NULL,
			    "no box of consent is checked beforehand");
	} else
		check_report_bad(
		    out, CHECK_C1, job->purpose, NULL, "the form's page has no e-mail field");
	free(r.words);
	check_page_fini(&page);
}

/* C4 */
static void
visit_rules(const struct check_job *job, const struct check_page_config *config, const char *rules,
    struct check_report *out)
{
	const char *url = job->online.rules_url;
	char *folded = malloc(WORDS_BYTES);
	struct check_page page;
	struct reading r = {0};
	size_t n;

	if (url[0] == '\0' || rules == NULL || folded == NULL) {
		free(folded);
		return; /* only with a registration form */
	}
	check_words_fold(folded, WORDS_BYTES, rules);
	for (n = strlen(folded); n > 0 && folded[n - 1] == ' ';)
		folded[--n] = '\0';
	check_page_fetch(&page, config, url, false);
	if (page.problem != PAGE_OK || page.status != 200)
		check_report_bad(out, CHECK_C4, job->purpose, NULL, "the rules page: %s (%ld)",
		    page.problem != PAGE_OK ? page.why : "answers", page.status);
	else if (read_page(&r, &page) == 0 && n > 0 &&
		 strstr(r.words, folded + (folded[0] == ' ')) != NULL)
		check_report_add(
		    out, CHECK_C4, CHECK_PASS, NULL, "the extract stands in the rules page");
	else
		check_report_bad(out, CHECK_C4, job->purpose, NULL,
		    "the extract does not stand verbatim in the rules page");
	free(r.words);
	free(folded);
	check_page_fini(&page);
}

void
check_visits(const struct check_job *job, const struct check_page_config *config, const char *rules,
    struct check_report *out)
{
	const struct check_job_online *o = &job->online;

	if (o->body_link[0] != '\0')
		visit_unsubscribe(job, config, o->body_link, "link in the body", out);
	if (o->list_unsubscribe[0] != '\0' && strcmp(o->list_unsubscribe, o->body_link) != 0)
		visit_unsubscribe(job, config, o->list_unsubscribe, "List-Unsubscribe", out);
	if (o->body_link[0] == '\0' && o->list_unsubscribe[0] == '\0')
		check_report_add(out, CHECK_U2, CHECK_NOT_CHECKED, NULL,
		    "the sample has no unsubscribe link to visit");
	visit_one_click(job, config, out);
	visit_form(job, config, out);
	visit_rules(job, config, rules, out);
}
