/* SPDX-License-Identifier: ISC */
/* A notice as a letter; see notice_text.h.  Pure.  bulkhead-guard (judge process). */
#include "policy/notice_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum lang { EN, RU, LANG__COUNT };

/* Each %s is the server, then the subject; a title may leave the second out. */
static const char *const titles[NOTICE_KIND__COUNT][LANG__COUNT] = {
    [NOTICE_BLOCK] = {"Server %s: sending mail to port 25 is blocked (case %s)",
	"Сервер %s: отправка почты на порт 25 закрыта (случай %s)"},
    [NOTICE_WARN] = {"Server %s: its mail may soon be blocked",
	"Сервер %s: отправка почты может быть скоро закрыта"},
    [NOTICE_CATCH] = {"Bulkhead: the safety catch holds automatic blocks back",
	"Bulkhead: предохранитель остановил автоматические блокировки"},
};

static const char *const openings[NOTICE_KIND__COUNT][LANG__COUNT] = {
    [NOTICE_BLOCK] =
	{"Hello,\n\nour protection against mass mailings has closed TCP port 25 for one of your "
	 "servers.  Mail that\nwaits in its queue is not lost: it is delivered after the "
	 "release.\n\n",
	    "Здравствуйте!\n\nЗащита от массовых рассылок закрыла порт TCP 25 для вашего сервера.  "
	    "Письма, "
	    "которые ждут\nв очереди, не пропали: они уйдут, когда блокировка будет снята.\n\n"},
    [NOTICE_WARN] = {"Hello,\n\none of your servers sends mail in a way that comes near to what "
		     "our rules forbid.  "
		     "Nothing\nis closed yet.  Mass mailing needs an application for the whitelist "
		     "beforehand.\n\n",
	"Здравствуйте!\n\nОдин из ваших серверов отправляет почту так, что это близко к "
	"запрещённому правилами.  "
	"Пока\nничего не закрыто.  Для массовой рассылки заранее нужна заявка в белый список.\n\n"},
    [NOTICE_CATCH] =
	{"More servers than a sane day brings would have been blocked within a few minutes.  "
	 "Automatic\nblocking has stopped; what is blocked stays blocked.  Look at the servers "
	 "(bulkhead server list)\nand at the sensor (bulkhead status), then run\n\n"
	 "  bulkhead release --all --reason 'what it was'\n\nwhich releases them and resets the "
	 "catch.\n",
	    "За несколько минут было бы заблокировано больше серверов, чем бывает.  Автоматические "
	    "блокировки\nостановлены; что заблокировано, остаётся заблокированным.  Посмотрите на "
	    "серверы (bulkhead "
	    "server list)\nи на датчик (bulkhead status), затем выполните\n\n"
	    "  bulkhead release --all --reason 'причина'\n\nэто снимет блокировки и вернёт "
	    "предохранитель.\n"},
};

static const char *const more[LANG__COUNT] = {
    "\nMore about this case: %s\n", "\nПодробнее об этом случае: %s\n"};
static const char *const closing[LANG__COUNT] = {
    "\nPlease keep the number of the case in the subject when you answer.\n",
    "\nПожалуйста, сохраните номер случая в теме письма, когда будете отвечать.\n"};

static enum lang
lang_of(const struct notice *n)
{
	return strcmp(n->lang, "ru") == 0 ? RU : EN;
}

/* The phrase with its %s replaced in order; a text too many is left out. */
static void
say(FILE *f, const char *phrase, const char *first, const char *second)
{
	const char *const texts[] = {first, second};
	const char *hole;
	unsigned used = 0;

	while ((hole = strstr(phrase, "%s")) != NULL && used < 2) {
		fwrite(phrase, 1, (size_t)(hole - phrase), f);
		fputs(texts[used++], f);
		phrase = hole + 2;
	}
	fputs(phrase, f);
}

const char *
notice_title(char buf[NOTICE_TITLE_BYTES], const struct notice *n)
{
	FILE *f = fmemopen(buf, NOTICE_TITLE_BYTES, "w");

	buf[0] = '\0';
	if (f == NULL)
		return buf;
	say(f, titles[n->kind][lang_of(n)], n->server, n->subject);
	fclose(f);
	buf[NOTICE_TITLE_BYTES - 1] = '\0';
	return buf;
}

char *
notice_letter(const struct notice *n, const json_t *about, const char *url)
{
	const enum lang lang = lang_of(n);
	const char *explained = json_string_value(
	    json_object_get(json_object_get(about, "text"), lang == RU ? "ru" : "en"));
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		return NULL;
	fputs(openings[n->kind][lang], f);
	if (explained != NULL)
		fputs(explained, f);
	if (url[0] != '\0')
		say(f, more[lang], url, "");
	if (n->kind == NOTICE_BLOCK)
		fputs(closing[lang], f);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
