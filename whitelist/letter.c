/* SPDX-License-Identifier: ISC */
/* Letters to the tenant about an application; see letter.h.  Pure.  bulkhead-guard. */
#include "whitelist/letter.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* English, Russian. */
static const char *const openings[LETTER__COUNT][2] = {
    [LETTER_RECEIVED] = {"Hello,\n\nyour application for the mail whitelist has the number ",
	"Здравствуйте!\n\nВаша заявка на включение в белый список почты получила номер "},
    [LETTER_ASK] = {"Hello,\n\nwe have a question about your whitelist application ",
	"Здравствуйте!\n\nУ нас есть вопрос по вашей заявке на белый список № "},
};
static const char *const missing[2] = {
    "\nTo decide we still need:\n", "\nДля решения нам ещё нужно:\n"};
static const char *const complete[2] = {"\nNothing is missing; we will look at it.\n",
    "\nВсё необходимое есть, мы рассмотрим заявку.\n"};
static const char *const closing[2] = {"\nPlease answer this message and attach what is missing "
				       "(pictures as PNG, JPEG or WebP; the sample "
				       "mail as its original source, .eml).\n",
    "\nПожалуйста, ответьте на это сообщение и приложите недостающее (снимки — PNG, JPEG или WebP; "
    "образец письма — исходный текст, файл .eml).\n"};

struct letter {
	char *buf;
	size_t used;
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

const char *
letter_write(
    char buf[LETTER_BYTES], enum letter_kind kind, const struct application *a, bool all_kvm)
{
	const unsigned lang = strcmp(a->lang, "ru") == 0;
	const uint32_t gaps = application_gaps(a, all_kvm);
	struct letter l = {.buf = buf};

	buf[0] = '\0';
	add(&l, "%s%lld%s\n", openings[kind][lang], (long long)a->id,
	    kind == LETTER_ASK ? ":" : ".");
	if (kind == LETTER_ASK)
		add(&l, "\n  %s\n", a->reason);
	if (gaps != 0)
		add(&l, "%s", missing[lang]);
	for (unsigned i = 0; i < GAP__COUNT; i++)
		if ((gaps & UINT32_C(1) << i) != 0)
			add(&l, "  - %s\n", application_gap_text(i, a->lang));
	if (gaps == 0 && kind == LETTER_RECEIVED)
		add(&l, "%s", complete[lang]);
	if (gaps != 0 || kind == LETTER_ASK)
		add(&l, "%s", closing[lang]);
	return buf;
}
