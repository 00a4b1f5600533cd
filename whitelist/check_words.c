/* SPDX-License-Identifier: ISC */
/* Word lists and URLs; see check_words.h.  bulkhead-check. */
#include "whitelist/check_words.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define FOLD_BYTES 4096
#define OPAQUE_MIN 16 /* check M10 */

static const char *const unsubscribe_words[] = {"unsubscribe", "un-subscribe", "unsubscription",
    "unsub ", "opt out", "opt-out", "optout", "stop receiving", "stop getting", "remove me",
    "be removed", "remove yourself", "cancel subscription", "cancel your subscription",
    "cancel my subscription", "leave this list", "leave the list", "leave this mailing",
    "no longer wish", "no longer want", "don't want to receive", "do not want to receive",
    "turn off these", "turn off email", "stop these emails", "отпис", "отказаться",
    "отказ от рассыл", "отказ от подпис", "отменить подпис", "отмена подпис", "отключить рассыл",
    "отключить уведомл", "прекратить рассыл", "не получать", "не хочу получать",
    "не хотите получать", "не желаете получать", "больше не хот", "удалить меня",
    "исключить из рассыл",
    /* Tenants write to the world: the same in the languages that European newsletters use. */
    "abmeld", "abbestell", "austragen", "newsletter beenden", "désinscri", "désabonn", "desinscri",
    "darse de baja", "darme de baja", "cancelar suscripci", "cancelar la suscripci",
    "anular la suscripci", "annulla iscrizione", "cancella iscrizione", "disiscri", "afmelden",
    "uitschrijven", "wypisz", "zrezygnuj", "odhlásit", "cancelar inscri", "відпис", "відмовитися"};
static const char *const unsubscribe_url_words[] = {"unsub", "optout", "opt-out", "opt_out",
    "otpis", "remove-me", "list-leave", "/leave/", "abmeld", "abbestell", "desinscri", "desabonn"};
static const char *const preference_words[] = {"preferences", "manage subscription",
    "manage your subscription", "email settings", "notification settings", "subscription settings",
    "настройки рассыл", "настройки подпис", "управление подпис", "управлять подпис",
    "настройки уведомл"};
static const char *const pointing_words[] = {"here", "click", "this link", "link", "this page",
    "http://", "https://", "www.", "здесь", "сюда", "тут", "ссылк", "нажмите", "hier", "ici",
    "aquí", "qui"};
static const char *const login_words[] = {"/login", "/log-in", "/signin", "/sign-in", "/sign_in",
    "/logon", "/oauth", "/sso/", "wp-login"};

/* No-break and thin spaces. */
static bool
is_blank(uint32_t c)
{
	return c == ' ' || (c >= 9 && c <= 13) || c == 0xa0 || (c >= 0x2000 && c <= 0x200a) ||
	       c == 0x202f || c == 0x3000;
}

static bool
is_joiner(uint32_t c)
{
	return c == 0xad || c == 0x34f || (c >= 0x200b && c <= 0x200f) || c == 0x2060 ||
	       c == 0xfeff;
}

static uint32_t
lower(uint32_t c)
{
	if (c < 128)
		return (uint32_t)tolower((int)c);
	if (c >= 0x410 && c <= 0x42f)
		return c + 0x20;
	if (c == 0x401 || c == 0x451)
		return 0x435;
	return c == 0x2019 ? '\'' : c;
}

/* Writes a character of the ranges above, and others as they came. */
static size_t
put(char *out, const char *from, size_t n, uint32_t c, uint32_t folded)
{
	if (folded < 128) {
		out[0] = (char)folded;
		return 1;
	}
	if (folded == c) {
		memcpy(out, from, n);
		return n;
	}
	out[0] = (char)(0xc0 | (folded >> 6));
	out[1] = (char)(0x80 | (folded & 63));
	return 2;
}

void
check_words_fold(char *out, size_t size, const char *text)
{
	size_t used = 0;

	while (*text != '\0' && used + 5 < size) {
		uint32_t c;
		size_t n = text_decode(text, &c);
		const char *from = text;

		text += n > 0 ? n : 1;
		if (n == 0 || is_joiner(c))
			continue;
		if (!is_blank(c))
			used += put(out + used, from, n, c, lower(c));
		else if (used > 0 && out[used - 1] != ' ')
			out[used++] = ' ';
	}
	out[used] = '\0';
}

static bool
says(const char *text, const char *const *words, size_t count)
{
	char folded[FOLD_BYTES];

	check_words_fold(folded, sizeof(folded), text);
	for (size_t i = 0; i < count; i++)
		if (strstr(folded, words[i]) != NULL)
			return true;
	return false;
}

#define SAYS(text, words) says(text, words, sizeof(words) / sizeof((words)[0]))

bool
check_words_unsubscribe(const char *text)
{
	return SAYS(text, unsubscribe_words);
}

bool
check_words_unsubscribe_url(const char *url)
{
	return SAYS(url, unsubscribe_url_words);
}

bool
check_words_preferences(const char *text)
{
	return SAYS(text, preference_words);
}

bool
check_words_point(const char *text)
{
	return SAYS(text, pointing_words);
}

bool
check_words_login_url(const char *url)
{
	return SAYS(url, login_words);
}

bool
check_words_url_host(const char *url, char *host, size_t size, bool *https)
{
	bool secure = strncasecmp(url, "https://", 8) == 0;
	const char *from, *at;
	size_t n;

	if (!secure && strncasecmp(url, "http://", 7) != 0)
		return false;
	from = url + (secure ? 8 : 7);
	n = strcspn(from, "/?#\\");
	/* What stands before an @ is a user name, and a way to lie about the host. */
	at = memrchr(from, '@', n);
	if (at != NULL) {
		n -= (size_t)(at + 1 - from);
		from = at + 1;
	}
	if (memchr(from, ':', n) != NULL && from[0] != '[')
		n = strcspn(from, ":");
	if (n == 0 || n >= size)
		return false;
	for (size_t i = 0; i < n; i++)
		host[i] = (char)tolower((unsigned char)from[i]);
	host[n] = '\0';
	if (https != NULL)
		*https = secure;
	return true;
}

bool
check_words_opaque(const char *url)
{
	const char *p = strstr(url, "://");
	unsigned run = 0;
	bool digit = false, upper = false, small = false;

	p = p != NULL ? strpbrk(p + 3, "/?#") : NULL;
	for (; p != NULL && *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (!isalnum(c) && c != '-' && c != '_' && c != '%' && c != '.' && c != '~') {
			run = 0;
			digit = upper = small = false;
			continue;
		}
		run++;
		digit |= isdigit(c) != 0;
		upper |= isupper(c) != 0;
		small |= islower(c) != 0;
		if (run >= OPAQUE_MIN && (digit || (upper && small)))
			return true;
	}
	return false;
}
