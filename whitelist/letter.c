/* SPDX-License-Identifier: ISC */
/* Letters to the tenant about an application; see letter.h.  Pure.  bulkhead-guard. */
#include "whitelist/letter.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "whitelist/check.h"

/* Everything here is English, Russian. */
typedef const char *const both[2];

static both openings[LETTER__COUNT] = {
    [LETTER_RECEIVED] = {"Hello,\n\nyour application for the mail whitelist has the number ",
	"Здравствуйте!\n\nВаша заявка на включение в белый список почты получила номер "},
    [LETTER_ASK] = {"Hello,\n\nwe have a question about your whitelist application ",
	"Здравствуйте!\n\nУ нас есть вопрос по вашей заявке на белый список № "},
};
static both missing = {"\nTo decide we still need:\n", "\nДля решения нам ещё нужно:\n"};
static both complete = {"\nNothing is missing; we will look at it.\n",
    "\nВсё необходимое есть, мы рассмотрим заявку.\n"};
static both closing = {"\nPlease answer this message and attach what is missing (pictures as PNG, "
		       "JPEG or WebP; the sample mail as its original source, .eml).\n",
    "\nПожалуйста, ответьте на это сообщение и приложите недостающее (снимки — PNG, JPEG или WebP; "
    "образец письма — исходный текст, файл .eml).\n"};
static both understood = {"\nThis is how we understood you; please correct us where it is wrong:\n",
    "\nМы поняли вас так; поправьте нас, если что-то неверно:\n"};
static both failed = {"\nThis has to be mended:\n", "\nЭто нужно исправить:\n"};
static both received = {"\nWe received:\n", "\nМы получили:\n"};
static both useless = {"\nThese files we cannot use:\n", "\nЭти файлы мы не можем использовать:\n"};
static both consent = {"\nMay we test the one-click unsubscribing of your sample once? The address "
		       "that the sample was "
		       "sent to is unsubscribed by it. Please answer yes or no.\n",
    "\nМожно ли нам один раз проверить отписку в один клик из вашего образца? Адрес, на который "
    "отправлен образец, будет отписан. Пожалуйста, ответьте «да» или «нет».\n"};

static both purposes[PURPOSE__COUNT] = {
    [PURPOSE_NEWSLETTER] = {"a newsletter to people who agreed", "рассылка подписчикам"},
    [PURPOSE_AUTOMATIC] = {"automatic mail (registrations, orders, notices)",
	"автоматические письма (регистрация, заказы, уведомления)"},
};

static both kinds[EVIDENCE__COUNT] = {
    [EVIDENCE_CONSENT_FORM] = {"picture of the subscription form", "снимок формы подписки"},
    [EVIDENCE_REGISTRATION_FORM] = {"picture of the registration form", "снимок формы регистрации"},
    [EVIDENCE_RULES_EXTRACT] = {"extract of the site's rules", "выдержка из правил сайта"},
    [EVIDENCE_SAMPLE_SOURCE] = {"source of the sample mail", "исходный текст образца письма"},
    [EVIDENCE_SAMPLE_PICTURE] = {"picture of the sample mail", "снимок образца письма"},
    [EVIDENCE_UNSUBSCRIBE_PAGE] = {"picture of the unsubscribe page", "снимок страницы отписки"},
    [EVIDENCE_NOTE] = {"note", "примечание"},
};

static both troubles[INTAKE_TROUBLE__COUNT] = {
    [INTAKE_PDF] = {"a PDF: please send a picture of the page (PNG, JPEG or WebP)",
	"PDF: пришлите, пожалуйста, снимок страницы (PNG, JPEG или WebP)"},
    [INTAKE_OFFICE] =
	{"a document or an archive: please attach the pictures, the text and the mail one by one",
	    "документ или архив: приложите, пожалуйста, снимки, текст и письмо отдельными файлами"},
    [INTAKE_PICTURE] =
	{"a picture, but neither PNG nor JPEG nor WebP: please save it as one of these",
	    "снимок не в формате PNG, JPEG или WebP: сохраните его, пожалуйста, в одном из них"},
    [INTAKE_OUTLOOK] = {"in a form that only Outlook reads: please save the mail as .eml, or copy "
			"its source "
			"into a text file",
	"в формате, который читает только Outlook: сохраните письмо как .eml или скопируйте его "
	"исходный текст в текстовый файл"},
    [INTAKE_PAGE] = {"a saved web page: please send a picture of it",
	"сохранённая веб-страница: пришлите, пожалуйста, её снимок"},
    [INTAKE_EMPTY] = {"it is empty: please attach it again",
	"файл пуст: приложите его, пожалуйста, ещё раз"},
    [INTAKE_MANY] = {"too many files in one message: please send the rest in a second one",
	"слишком много файлов в одном сообщении: пришлите, пожалуйста, остальные вторым"},
    [INTAKE_UNKNOWN] = {"neither a picture (PNG, JPEG, WebP) nor a text nor the source of a mail",
	"это не снимок (PNG, JPEG, WebP), не текст и не исходный текст письма"},
};

struct letter {
	char *buf;
	size_t used;
	unsigned lang;
};

static void __attribute__((format(printf, 2, 3))) add(struct letter *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->buf + l->used, LETTER_BYTES - l->used, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->used += (size_t)n < LETTER_BYTES - l->used ? (size_t)n : 0;
}

/* The sentence without the names that only support uses: "(consent-form)". */
static void
add_gap(struct letter *l, const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz-";

	add(l, "  - ");
	while (*text != '\0') {
		const char *open = strstr(text, " (");
		size_t inside = open != NULL ? strspn(open + 2, letters) : 0;

		if (open == NULL || open[2 + inside] != ')') {
			size_t n = open != NULL ? (size_t)(open + 2 - text) : strlen(text);

			add(l, "%.*s", (int)n, text);
			text += n;
		} else {
			add(l, "%.*s", (int)(open - text), text);
			text = open + 3 + inside;
		}
	}
	add(l, "\n");
}

static void
add_row(struct letter *l, const char *en, const char *ru, const char *value)
{
	if (value[0] != '\0')
		add(l, "  %s: %s\n", l->lang ? ru : en, value);
}

static void
add_number(struct letter *l, const char *en, const char *ru, uint64_t n)
{
	if (n > 0)
		add(l, "  %s: %" PRIu64 "\n", l->lang ? ru : en, n);
}

static void
add_understood(struct letter *l, const struct application *a)
{
	char list[GRANT_SERVERS_MAX * 66];
	size_t used = 0;

	add(l, "%s", understood[l->lang]);
	list[0] = '\0';
	for (unsigned i = 0; i < a->server_count; i++)
		used += (size_t)snprintf(
		    list + used, sizeof(list) - used, "%s%s", i > 0 ? ", " : "", a->servers[i]);
	add_row(l, "kind of mail", "вид писем", purposes[a->purpose][l->lang]);
	add_row(l, "server", "сервер", list);
	for (unsigned i = 0; i < a->domain_count; i++)
		add_row(l, "sender domain", "домен отправителя", a->domains[i]);
	add_number(l, "recipients a day", "получателей в сутки", a->per_day);
	add_number(l, "addresses on the list", "адресов в базе", a->list_size);
	add_row(l, "origin of the addresses", "источник адресов", a->list_origin);
	add_row(l, "page of the form", "страница формы", a->form_url);
	add_row(l, "page of the rules", "страница правил", a->rules_url);
}

static void
add_files(struct letter *l, const struct letter_mail *mail)
{
	bool begun = false;

	for (unsigned i = 0; i < mail->file_count; i++) {
		const struct intake_file *f = &mail->files[i];

		/* The words of the mail itself are no news to who wrote them. */
		if (f->trouble != INTAKE_FINE || f->kind == EVIDENCE_NOTE)
			continue;
		add(l, "%s", begun ? "" : received[l->lang]);
		begun = true;
		add(l, "  %s: %s\n", f->name, kinds[f->kind][l->lang]);
	}
	begun = false;
	for (unsigned i = 0; i < mail->file_count; i++) {
		const struct intake_file *f = &mail->files[i];

		if (troubles[f->trouble][l->lang] == NULL)
			continue;
		add(l, "%s", begun ? "" : useless[l->lang]);
		begun = true;
		add(l, "  %s: %s\n", f->name, troubles[f->trouble][l->lang]);
	}
}

/* Each failed check once, however many addresses or pictures it failed for. */
static void
add_failed(struct letter *l, const struct application *a, const struct check_report *report)
{
	bool told[CHECK__COUNT] = {false};
	bool begun = false;

	for (unsigned i = 0; i < report->count; i++) {
		const struct check_result *r = &report->results[i];
		const char *text = letter_check_text(r->id, a->lang);

		if (r->level != CHECK_FAIL || text == NULL || told[r->id])
			continue;
		told[r->id] = true;
		add(l, "%s", begun ? "" : failed[l->lang]);
		begun = true;
		add(l, "  - %s\n", text);
	}
}

const char *
letter_write(char buf[LETTER_BYTES], enum letter_kind kind, const struct application *a,
    bool all_kvm, const struct letter_mail *mail, const struct check_report *report)
{
	const uint32_t gaps = application_gaps(a, all_kvm);
	struct letter l = {.buf = buf, .lang = strcmp(a->lang, "ru") == 0};

	buf[0] = '\0';
	add(&l, "%s%lld%s\n", openings[kind][l.lang], (long long)a->id,
	    kind == LETTER_ASK ? ":" : ".");
	if (kind == LETTER_ASK)
		add(&l, "\n  %s\n", a->reason);
	else
		add_understood(&l, a);
	if (mail != NULL)
		add_files(&l, mail);
	if (gaps != 0)
		add(&l, "%s", missing[l.lang]);
	for (unsigned i = 0; i < GAP__COUNT; i++)
		if ((gaps & UINT32_C(1) << i) != 0)
			add_gap(&l, application_gap_text(i, a->lang));
	if (report != NULL)
		add_failed(&l, a, report);
	if (gaps == 0 && kind == LETTER_RECEIVED)
		add(&l, "%s", complete[l.lang]);
	if (kind == LETTER_RECEIVED && application_has_evidence(a, EVIDENCE_SAMPLE_SOURCE) &&
	    a->purpose == PURPOSE_NEWSLETTER)
		add(&l, "%s", consent[l.lang]);
	if (gaps != 0 || kind == LETTER_ASK)
		add(&l, "%s", closing[l.lang]);
	return buf;
}
