/* SPDX-License-Identifier: ISC */
/*
 * A case as a text that its tenant understands, English and Russian.  bulkhead-guard (judge
 * process).
 *
 * Every sentence stands once per language in explain_phrases.c; each %s is one text, in the same order in
 * all languages.
 */
#include "policy/explain.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/explain_phrases.h"

/* Below it the time that is left is told in seconds. */
#define SHORT_S 300

static const struct {
	const char *name;
	const char *text[EXPLAIN__COUNT];
} visibilities[] = {
    {"clear", {"seen in clear text", "видно открытым текстом"}},
    {"tls", {"estimated under TLS", "оценка под TLS"}},
    {"flow", {"seen from connections alone", "видно только по соединениям"}},
};

static const char *
member_text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* 812 as "812", 0.5 as "0.5", null as "?". */
static const char *
number_text(char buf[32], const json_t *value)
{
	if (json_is_number(value))
		snprintf(buf, 32, "%.6g", json_number_value(value));
	else
		snprintf(buf, 32, "?");
	return buf;
}

/* An ISO time without the fraction of its second. */
static const char *
time_text(char buf[48], const char *iso)
{
	snprintf(buf, 48, "%.19s%s", iso != NULL ? iso : "?", iso != NULL ? "Z" : "");
	return buf;
}

static const char *
span_text(char buf[48], int64_t seconds, enum explain_lang lang)
{
	static const struct {
		int64_t seconds;
		const char *unit[EXPLAIN__COUNT];
	} units[] = {
	    {86400, {"d", "сут"}}, {3600, {"h", "ч"}}, {60, {"min", "мин"}}, {1, {"s", "с"}}};
	size_t i = 0;

	while (i < 3 && seconds < units[i].seconds)
		i++;
	if (i < 3 && seconds % units[i].seconds >= units[i + 1].seconds)
		snprintf(buf, 48, "%" PRId64 " %s %" PRId64 " %s", seconds / units[i].seconds,
		    units[i].unit[lang], seconds % units[i].seconds / units[i + 1].seconds,
		    units[i + 1].unit[lang]);
	else
		snprintf(
		    buf, 48, "%" PRId64 " %s", seconds / units[i].seconds, units[i].unit[lang]);
	return buf;
}

static bool
is_blocked(const json_t *c)
{
	const char *verdict = member_text(c, "verdict");

	return verdict != NULL &&
	       (strcmp(verdict, "block") == 0 || strcmp(verdict, "throttle") == 0);
}

/* A warning that is a case: not a server that merely stands there. */
static bool
is_warning(const json_t *c)
{
	const char *verdict = member_text(c, "verdict");

	return verdict != NULL && strcmp(verdict, "warn") == 0 && member_text(c, "case") != NULL;
}

static bool
is_over(const json_t *c)
{
	return member_text(c, "ended") != NULL;
}

static bool
is_by_person(const json_t *c)
{
	return json_is_true(json_object_get(c, "by_person"));
}

static bool
is_abuse(const json_t *c)
{
	const char *question = member_text(c, "question");

	return question != NULL && strcmp(question, "abuse") == 0;
}

static const char *
name_of(const json_t *c)
{
	const char *server = member_text(c, "server");

	return server != NULL ? server : "?";
}

/* Writes the phrase, each %s replaced by the next text; a missing text is "?". */
static void
say(FILE *f, enum explain_lang lang, enum phrase phrase, const char *const *texts)
{
	const char *p = explain_phrases[phrase][lang], *hole;

	while ((hole = strstr(p, "%s")) != NULL) {
		fwrite(p, 1, (size_t)(hole - p), f);
		fputs(*texts != NULL ? *texts : "?", f);
		texts += *texts != NULL;
		p = hole + 2;
	}
	fputs(p, f);
}

#define SAY(f, lang, phrase, ...)      say(f, lang, phrase, (const char *const[]){__VA_ARGS__, NULL})
#define SAY_LINE(f, lang, phrase, ...) (SAY(f, lang, phrase, __VA_ARGS__), fputc('\n', f))

static const char *
visibility_text(const char *name, enum explain_lang lang)
{
	for (size_t i = 0; name != NULL && i < sizeof(visibilities) / sizeof(visibilities[0]); i++)
		if (strcmp(name, visibilities[i].name) == 0)
			return visibilities[i].text[lang];
	return "?";
}

/* What the signals measure, for the languages in which their own sentence is not written. */
static const struct {
	const char *signal;
	const char *ru;
} signals_ru[] = {
    {"recipients-5min", "разных получателей за 5 минут больше, чем бывает на этом тарифе"},
    {"recipients-hour", "разных получателей за час больше, чем бывает на этом тарифе"},
    {"recipients-day", "разных получателей за сутки больше, чем бывает на этом тарифе"},
    {"declared-bulk", "письма сами объявляют себя рассылкой (List-*, Precedence) и идут многим"},
    {"same-text", "почти одинаковый текст или тема уходит многим получателям"},
    {"same-size", "многим получателям уходят письма одного размера"},
    {"recipient-domains", "необычно много доменов получателей"},
    {"mx-queries", "необычно много запросов почтовых серверов (MX)"},
    {"one-way", "отправляет многим и ни от кого не получает"},
    {"unknown-recipients", "многих получателей не существует"},
    {"remote-verdicts", "получатели отвечают, что это спам, чёрный список или слишком много"},
    {"sender-variety", "отправляет от имени многих доменов"},
    {"failed-connections", "соединяется с серверами, которых нет"},
    {"short-sessions", "сеансы заканчиваются без письма"},
    {"helo-changes", "называет себя разными именами"},
    {"ratware", "ведёт себя как программа для рассылок (говорит до приветствия, нет QUIT, Date, "
		"Message-ID)"},
    {"no-unsubscribe", "рассылка, от которой нельзя отписаться"},
    {"complaints", "получатели жалуются, что письма этого сервера — спам"},
    {"auth-failures", "подбирает пароли на чужих серверах отправки"},
};

static const char *
signal_text(const json_t *reason, enum explain_lang lang)
{
	const char *signal = member_text(reason, "signal"), *text = member_text(reason, "text");

	if (lang == EXPLAIN_RU && signal != NULL)
		for (size_t i = 0; i < sizeof(signals_ru) / sizeof(signals_ru[0]); i++)
			if (strcmp(signal, signals_ru[i].signal) == 0)
				return signals_ru[i].ru;
	return text != NULL && text[0] != '\0' ? text : signal != NULL ? signal : "?";
}

static void
say_reasons(FILE *f, const json_t *score, enum explain_lang lang)
{
	const json_t *reasons = json_object_get(score, "reasons"), *r;
	size_t i;

	if (json_array_size(reasons) == 0)
		SAY_LINE(f, lang, PHRASE_NO_SIGNAL, NULL);
	json_array_foreach ((json_t *)reasons, i, r) {
		char points[32], value[32], threshold[32], window[48];
		int64_t window_s = json_integer_value(json_object_get(r, "window_s"));
		const char *seen = visibility_text(member_text(r, "visibility"), lang);

		number_text(points, json_object_get(r, "points"));
		number_text(value, json_object_get(r, "value"));
		number_text(threshold, json_object_get(r, "threshold"));
		if (window_s > 0)
			SAY_LINE(f, lang, PHRASE_SIGNAL_WINDOW, signal_text(r, lang), points, value,
			    threshold, span_text(window, window_s, lang), seen);
		else
			SAY_LINE(f, lang, PHRASE_SIGNAL, signal_text(r, lang), points, value,
			    threshold, seen);
	}
}

/* "2026-01-31T12:00:00Z  192.0.2.9:25  HELO shop.example  to example.org  550 5.1.1 no such user"
 */
static void
say_samples(FILE *f, const json_t *samples, enum explain_lang lang)
{
	static const char *const keys[] = {"helo", "sender_domain", "recipient_domain", "reply"};
	static const char *const labels[][EXPLAIN__COUNT] = {
	    {"HELO ", "HELO "}, {"from ", "от "}, {"to ", "для "}, {"", ""}};
	json_t *sample;
	size_t i;

	if (json_array_size(samples) == 0)
		return;
	SAY_LINE(f, lang, PHRASE_SAMPLES, NULL);
	json_array_foreach ((json_t *)samples, i, sample) {
		const char *destination = member_text(sample, "destination");
		char when[48];

		fprintf(f, "  - %s  %s port %d", time_text(when, member_text(sample, "time")),
		    destination != NULL ? destination : "?",
		    (int)json_integer_value(json_object_get(sample, "port")));
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			if (member_text(sample, keys[k]) != NULL)
				fprintf(f, "  %s%s", labels[k][lang], member_text(sample, keys[k]));
		fputc('\n', f);
	}
}

static void
say_grant(FILE *f, const json_t *c, enum explain_lang lang)
{
	const json_t *grant = json_object_get(c, "grant"), *domain;
	char id[32], per_day[32], used[32], percent[32], domains[512] = "";
	size_t i;

	if (is_blocked(c) && is_by_person(c)) {
		SAY(f, lang, PHRASE_GRANT_PERSON, NULL);
	} else if (is_abuse(c)) {
		SAY(f, lang, PHRASE_GRANT_ABUSE, NULL);
	} else if (!is_blocked(c)) {
		SAY(f, lang, PHRASE_GRANT_NEEDLESS, NULL);
	} else if (!json_is_object(grant)) {
		SAY(f, lang, PHRASE_GRANT_NONE, name_of(c));
	} else {
		json_array_foreach (json_object_get(grant, "domains"), i, domain) {
			size_t filled = strlen(domains);

			snprintf(domains + filled, sizeof(domains) - filled, "%s%s",
			    filled > 0 ? ", " : "",
			    json_is_string(domain) ? json_string_value(domain) : "?");
		}
		SAY(f, lang, PHRASE_GRANT_BEYOND, number_text(id, json_object_get(grant, "id")),
		    number_text(per_day, json_object_get(grant, "per_day")), domains);
		if (json_is_integer(json_object_get(grant, "used_percent")))
			SAY(f, lang, PHRASE_GRANT_USED, per_day,
			    number_text(used, json_object_get(grant, "used_today")),
			    number_text(percent, json_object_get(grant, "used_percent")));
	}
}

static void
say_next(FILE *f, const json_t *c, enum explain_lang lang)
{
	enum phrase next = PHRASE_NEXT_NONE;

	if (is_over(c) || !is_blocked(c))
		next = PHRASE_NEXT_NONE;
	else if (is_by_person(c))
		next = PHRASE_NEXT_PERSON;
	else
		next = is_abuse(c) ? PHRASE_NEXT_ABUSE : PHRASE_NEXT_BULK;
	SAY(f, lang, next, NULL);
}

/* What happened, to whom, since when. */
static void
say_state(FILE *f, const json_t *c, enum explain_lang lang)
{
	const char *verdict = member_text(c, "verdict"), *since = member_text(c, "blocked_at"),
		   *id = member_text(c, "case"), *reason = member_text(c, "reason");
	char when[48];

	since = time_text(when, since);

	if (is_warning(c))
		SAY(f, lang, is_over(c) ? PHRASE_WAS_WARNED : PHRASE_WARNED, name_of(c), since, id);
	else if (!is_blocked(c))
		SAY(f, lang, PHRASE_NOT_BLOCKED, name_of(c), verdict);
	else if (is_over(c) && strcmp(verdict, "throttle") == 0)
		SAY(f, lang, PHRASE_WAS_THROTTLED, name_of(c), since, id);
	else if (is_over(c))
		SAY(f, lang, PHRASE_WAS_BLOCKED, name_of(c), since, id);
	else if (is_by_person(c))
		SAY(f, lang, PHRASE_BLOCKED_BY_PERSON, name_of(c), since, id, reason);
	else if (strcmp(verdict, "throttle") == 0)
		SAY(f, lang, PHRASE_THROTTLED, name_of(c), since, id);
	else
		SAY(f, lang, PHRASE_BLOCKED, name_of(c), since, id);
}

static void
say_time_left(FILE *f, const json_t *c, enum explain_lang lang)
{
	const json_t *left = json_object_get(c, "seconds_left");
	int64_t seconds = json_integer_value(left);
	bool counts = json_is_integer(left) && !json_is_true(json_object_get(c, "pinned"));
	char span[48], when[48];

	if (!is_blocked(c) && !is_warning(c))
		return;
	if (is_over(c))
		SAY_LINE(f, lang, PHRASE_ENDED, time_text(when, member_text(c, "ended")));
	else if (!is_blocked(c))
		return;
	else if (counts && seconds == 0)
		SAY_LINE(f, lang, PHRASE_LEFT_OVER, time_text(when, member_text(c, "until")));
	else if (counts && seconds < SHORT_S && strcmp(member_text(c, "verdict"), "block") == 0)
		SAY_LINE(f, lang, PHRASE_LEFT_SHORT, number_text(span, left),
		    time_text(when, member_text(c, "until")));
	else if (json_is_integer(left) && !json_is_true(json_object_get(c, "pinned")))
		SAY_LINE(f, lang, PHRASE_LEFT, span_text(span, json_integer_value(left), lang),
		    time_text(when, member_text(c, "until")));
	else
		SAY_LINE(f, lang, PHRASE_LEFT_PINNED, NULL);
}

static const char *
rung_text(const char *rung, enum explain_lang lang)
{
	static const struct {
		const char *name, *ru;
	} rungs[] = {{"clear", "чисто"}, {"watch", "наблюдение"}, {"warn", "предупреждение"},
	    {"throttle", "ограничение"}, {"block", "блокировка"}};

	for (size_t i = 0; rung != NULL && i < sizeof(rungs) / sizeof(rungs[0]); i++)
		if (strcmp(rung, rungs[i].name) == 0)
			return lang == EXPLAIN_RU ? rungs[i].ru : rungs[i].name;
	return "?";
}

static void
say_step(FILE *f, const json_t *step, enum explain_lang lang)
{
	const char *from = member_text(step, "from"), *to = member_text(step, "to"),
		   *by = member_text(step, "by"), *reason = member_text(step, "reason"),
		   *what = member_text(step, "what");
	bool guard = by == NULL || strcmp(by, "guard") == 0;
	const char *actor = guard ? explain_phrases[PHRASE_GUARD][lang] : by;
	char when[48], until[48], bulk[32], abuse[32];

	time_text(when, member_text(step, "time"));
	if (what != NULL && strcmp(what, "extended") == 0)
		SAY(f, lang, PHRASE_STEP_EXTENDED, when,
		    time_text(until, member_text(step, "until")), actor);
	else if (what != NULL && strcmp(what, "lifted") == 0)
		SAY(f, lang, PHRASE_STEP_LIFTED, when);
	else if (what != NULL && strcmp(what, "released") == 0)
		SAY(f, lang, PHRASE_STEP_RELEASED, when, actor);
	else
		SAY(f, lang, PHRASE_STEP, when, rung_text(from, lang), rung_text(to, lang), actor,
		    number_text(bulk, json_object_get(step, "bulk")),
		    number_text(abuse, json_object_get(step, "abuse")));
	if (!guard && reason != NULL)
		SAY(f, lang, PHRASE_STEP_REASON, reason);
	if (json_is_true(json_object_get(step, "shadow")))
		SAY(f, lang, PHRASE_STEP_SHADOW, NULL);
	fputc('\n', f);
}

static void
say_timeline(FILE *f, const json_t *c, enum explain_lang lang)
{
	const json_t *steps = json_object_get(c, "timeline"), *step;
	size_t i;

	if (json_array_size(steps) == 0)
		return;
	SAY_LINE(f, lang, PHRASE_TIMELINE, NULL);
	json_array_foreach ((json_t *)steps, i, step)
		say_step(f, step, lang);
}

static void
say_tries(FILE *f, const json_t *c, enum explain_lang lang)
{
	char refused[32], tries[32];

	if (is_blocked(c) && !is_over(c) && json_is_string(json_object_get(c, "last_try"))) {
		SAY_LINE(f, lang, PHRASE_TRYING,
		    number_text(refused, json_object_get(c, "refused_packets")),
		    number_text(tries, json_object_get(c, "tries_5min")));
	}
}

static void
say_everything(FILE *f, const json_t *c, enum explain_lang lang)
{
	const json_t *score = json_object_get(c, is_abuse(c) ? "abuse" : "bulk"),
		     *before = json_object_get(c, "messages_before_block");
	char points[32], bound[32], count[32];

	say_state(f, c, lang);
	fputc('\n', f);
	if (member_text(c, "last_case") != NULL)
		SAY_LINE(f, lang, PHRASE_LAST_CASE, member_text(c, "last_case"));
	if (is_blocked(c) && json_is_true(json_object_get(c, "shadow"))) {
		SAY_LINE(f, lang, PHRASE_SHADOW, NULL);
	}
	if (member_text(c, "question") != NULL) {
		SAY(f, lang, is_abuse(c) ? PHRASE_QUESTION_ABUSE : PHRASE_QUESTION_BULK, NULL);
		fputc(' ', f);
		SAY_LINE(f, lang, PHRASE_SCORE,
		    number_text(points, json_object_get(score, "score")),
		    number_text(bound, json_object_get(c, "bound")));
	}
	if (json_is_integer(before)) {
		SAY_LINE(f, lang, PHRASE_BEFORE, number_text(count, before));
	}
	SAY_LINE(f, lang, PHRASE_WHY, NULL);
	say_reasons(f, score, lang);
	say_samples(f, json_object_get(c, "samples"), lang);
	say_timeline(f, c, lang);
	SAY(f, lang, PHRASE_MISSING, "");
	say_grant(f, c, lang);
	fputc('\n', f);
	SAY(f, lang, PHRASE_NEXT, "");
	say_next(f, c, lang);
	fputc('\n', f);
	say_time_left(f, c, lang);
	say_tries(f, c, lang);
	if (is_blocked(c) && !is_over(c)) {
		SAY_LINE(f, lang, PHRASE_OPEN, NULL);
	}
}

/* What a writer says about the case, as heap text. */
static char *
text_of(const json_t *c, enum explain_lang lang,
    void (*write)(FILE *, const json_t *, enum explain_lang))
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		return NULL;
	write(f, c, lang);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

char *
explain_grant_missing(const json_t *c, enum explain_lang lang)
{
	return text_of(c, lang, say_grant);
}

char *
explain_next_step(const json_t *c, enum explain_lang lang)
{
	return text_of(c, lang, say_next);
}

char *
explain_text(const json_t *c, enum explain_lang lang)
{
	return text_of(c, lang, say_everything);
}
