/* SPDX-License-Identifier: ISC */
/*
 * What the words of a support mail say of an application: volume, size and origin of the list, purpose,
 * domain, pages, and which words may name a server; see check_intake.h.  Pure.  bulkhead-check.
 *
 * A clause is what stands between two of ,;.!? and line ends; a number belongs to the word that is said
 * of it in its own clause.  English and Russian.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "whitelist/check_intake.h"
#include "whitelist/check_words.h"

#define CLAUSE_BYTES 600
#define NUMBER_MAX   UINT64_C(100000000) /* what an application may ask for */

#define HAS_ANY(text, list) has_any(text, list, sizeof(list) / sizeof((list)[0]))

static const char *const day_words[] = {"per day", "a day", "daily", "/day", "each day",
    "every day", "в день", "в сутки", "за сутки", "ежедневно", "/сут"};
static const char *const list_words[] = {"subscribers", "list size", "size of the list", "list of",
    "addresses on the list", "people on", "подписчик", "размер базы", "база", "базе", "базы",
    "адресов"};
static const char *const origin_words[] = {"origin", "where the addresses", "addresses come from",
    "source of the", "collected", "откуда", "источник", "собран", "получены", "база из"};
static const char *const automatic_words[] = {"transactional", "automatic", "order confirm",
    "order status", "password reset", "notifications", "receipts", "автоматическ", "транзакционн",
    "уведомлени", "подтверждени", "статус заказ", "восстановлени"};
static const char *const newsletter_words[] = {
    "newsletter", "mailing list", "digest", "promo", "рассылк", "новост", "дайджест", "акци"};
static const char *const form_words[] = {
    "form", "subscri", "sign up", "signup", "regist", "форма", "подпис", "регистр"};
static const char *const rules_words[] = {
    "rules", "terms", "privacy", "policy", "agreement", "правил", "оферт", "политик", "соглашен"};
static const char *const server_words[] = {"server", "servers", "host", "vm", "vps", "vds", "kvm",
    "id", "ip", "сервер", "сервера", "серверы", "сервере", "хост", "впс", "айпи"};

static bool
has_any(const char *text, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strstr(text, list[i]) != NULL)
			return true;
	return false;
}

/* The first number of a clause, 0 when there is none: "5 000", "5,000", "5k", "5 thousand".  *end is behind it. */
static uint64_t
number_of(const char *text, const char **end)
{
	uint64_t value = 0;
	const char *p = text;

	while (*p != '\0' && !isdigit((unsigned char)*p))
		p++;
	for (; isdigit((unsigned char)*p); p++)
		value = value < NUMBER_MAX ? value * 10 + (uint64_t)(*p - '0') : value;
	/* Groups of three behind a blank, a comma, a stop or an apostrophe. */
	while (*p != '\0' && strchr(" ,.'", *p) != NULL && isdigit((unsigned char)p[1]) &&
	       isdigit((unsigned char)p[2]) && isdigit((unsigned char)p[3]) &&
	       !isdigit((unsigned char)p[4])) {
		value = value < NUMBER_MAX ? value * 1000 + strtoull(p + 1, NULL, 10) : value;
		p += 4;
	}
	if (strncmp(p, " тыс", strlen(" тыс")) == 0 || strncmp(p, "тыс", strlen("тыс")) == 0 ||
	    strncmp(p, " thousand", 9) == 0 || (*p == 'k' && !isalpha((unsigned char)p[1])) ||
	    (strncmp(p, "к", strlen("к")) == 0 && p[strlen("к")] == ' '))
		value *= 1000;
	*end = p;
	return value <= NUMBER_MAX ? value : 0;
}

static void
guess_number(struct intake *out, const char *field, const char *clause)
{
	const char *end;
	uint64_t n = number_of(clause, &end);
	char value[24];

	if (n == 0 || intake_find(out, field) != NULL)
		return;
	snprintf(value, sizeof(value), "%" PRIu64, n);
	intake_guess(out, field, value, "\"%.120s\"", clause);
}

/* The first address of a page in the text as written; false without one. */
static bool
find_url(char *out, size_t size, const char *text)
{
	const char *p = strstr(text, "https://"), *http = strstr(text, "http://");
	size_t n;

	if (p == NULL || (http != NULL && http < p))
		p = http;
	if (p == NULL)
		return false;
	n = strcspn(p, " \t\r\n<>\"')]");
	while (n > 0 && strchr(".,;:!?", p[n - 1]) != NULL)
		n--;
	if (n == 0 || n >= size)
		return false;
	memcpy(out, p, n);
	out[n] = '\0';
	return true;
}

/* A page stands in a line of its own words, or its address speaks for itself. */
static void
guess_page(struct intake *out, const char *line, const char *folded)
{
	char url[APPLICATION_URL_BYTES];

	if (!find_url(url, sizeof(url), line) || check_words_unsubscribe(line) ||
	    check_words_unsubscribe_url(url))
		return;
	if (HAS_ANY(folded, rules_words) && intake_find(out, "rules_url") == NULL)
		intake_guess(out, "rules_url", url, "its line speaks of rules");
	else if (HAS_ANY(folded, form_words) && intake_find(out, "form_url") == NULL)
		intake_guess(out, "form_url", url, "its line speaks of a form");
}

static void
guess_origin(struct intake *out, const char *line, const char *folded)
{
	const char *colon = strchr(line, ':');

	if (!HAS_ANY(folded, origin_words) || intake_find(out, "list_origin") != NULL)
		return;
	if (colon != NULL && colon[1] == ' ')
		line = colon + 2;
	intake_guess(out, "list_origin", line, "a line about where addresses come from");
}

/* "Domain: news.example.com" */
static void
guess_domain(struct intake *out, const char *line, const char *folded)
{
	char word[256];

	if ((strstr(folded, "domain") == NULL && strstr(folded, "домен") == NULL) ||
	    intake_find(out, "domain") != NULL || strchr(line, '@') != NULL)
		return;
	for (const char *p = line; *p != '\0';) {
		size_t n = strcspn(p, " \t,;:()<>\"/");

		if (n > 2 && n < sizeof(word)) {
			snprintf(word, sizeof(word), "%.*s", (int)n, p);
			if (word[n - 1] == '.')
				word[n - 1] = '\0';
			if (application_is_domain(word) && !isdigit((unsigned char)word[0])) {
				intake_guess(out, "domain", word, "a line that speaks of a domain");
				return;
			}
		}
		p += n;
		p += *p != '\0';
	}
}

static void
read_clause(struct intake *out, const char *clause)
{
	if (HAS_ANY(clause, day_words))
		guess_number(out, "per_day", clause);
	else if (HAS_ANY(clause, list_words))
		guess_number(out, "list_size", clause);
}

/* "12 тыс. писем": a stop that ends no clause. */
static bool
is_abbreviation(const char *begin, const char *stop)
{
	const size_t n = strlen("тыс");

	return *stop == '.' && (size_t)(stop - begin) >= n && memcmp(stop - n, "тыс", n) == 0;
}

/* Cuts a folded line into clauses; a comma or stop between digits belongs to the number. */
static void
read_clauses(struct intake *out, const char *folded)
{
	char clause[CLAUSE_BYTES] = "";
	size_t n = 0;

	for (const char *p = folded;; p++) {
		bool between =
		    is_abbreviation(folded, p) || (p > folded && isdigit((unsigned char)p[-1]) &&
						      isdigit((unsigned char)p[*p != '\0']));

		if (*p != '\0' && (strchr(",;.!?", *p) == NULL || between)) {
			if (n + 1 < sizeof(clause))
				clause[n++] = *p;
			continue;
		}
		clause[n] = '\0';
		read_clause(out, clause);
		n = 0;
		if (*p == '\0')
			return;
	}
}

static bool
is_word_byte(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 ||
	       (c != '\0' && strchr("._-:", c) != NULL);
}

static void
add_word(struct intake *out, const char *word, bool strong)
{
	for (unsigned i = 0; i < out->word_count; i++)
		if (strcmp(out->words[i].text, word) == 0) {
			out->words[i].strong |= strong;
			return;
		}
	if (out->word_count == INTAKE_WORDS_MAX)
		return;
	snprintf(out->words[out->word_count].text, INTAKE_WORD_BYTES, "%s", word);
	out->words[out->word_count++].strong = strong;
}

/* Every word that fits a name; one is strong behind "server" in its line, or with a digit in it. */
static void
read_words(struct intake *out, const char *line)
{
	bool behind = false;

	for (const char *p = line; *p != '\0';) {
		char word[INTAKE_WORD_BYTES], folded[INTAKE_WORD_BYTES];
		size_t n = 0;
		bool digit = false;

		while (*p != '\0' && !is_word_byte(*p))
			p++;
		while (is_word_byte(p[n])) {
			digit |= isdigit((unsigned char)p[n]);
			n++;
		}
		if (n == 0)
			return;
		snprintf(word, sizeof(word), "%.*s", (int)(n < sizeof(word) ? n : 0), p);
		p += n;
		for (size_t k = strlen(word); k > 0 && strchr("._-:", word[k - 1]) != NULL; k--)
			word[k - 1] = '\0';
		if (word[0] == '\0')
			continue;
		check_words_fold(folded, sizeof(folded), word);
		if (strlen(word) > 1)
			add_word(out, word, behind || digit);
		for (size_t i = 0; i < sizeof(server_words) / sizeof(server_words[0]); i++)
			behind |= strcmp(folded, server_words[i]) == 0;
	}
}

static void
guess_purpose(struct intake *out, const char *folded)
{
	if (intake_find(out, "purpose") != NULL)
		return;
	if (HAS_ANY(folded, automatic_words))
		intake_guess(out, "purpose", "automatic", "\"%.120s\"", folded);
	else if (HAS_ANY(folded, newsletter_words))
		intake_guess(out, "purpose", "newsletter", "\"%.120s\"", folded);
}

void
check_intake_words(struct intake *out, const char *text)
{
	while (*text != '\0') {
		char raw[2048], line[2048], folded[2048];
		size_t n = strcspn(text, "\n"), cut = n < sizeof(raw) - 1 ? n : sizeof(raw) - 1;

		snprintf(raw, sizeof(raw), "%.*s", (int)cut, text);
		text_clean(line, sizeof(line), raw);
		text += n;
		text += *text != '\0';
		check_words_fold(folded, sizeof(folded), line);
		/* What is quoted is ours, or older. */
		if (folded[strspn(folded, " ")] == '>')
			continue;
		read_words(out, line);
		read_clauses(out, folded);
		guess_origin(out, line, folded);
		guess_page(out, line, folded);
		guess_domain(out, line, folded);
		guess_purpose(out, folded);
	}
}
