/* SPDX-License-Identifier: ISC */
/*
 * Tests of policy/explain: what a tenant reads, in both languages, whatever is missing in the case.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policy/explain.h"

/* JSON with single quotes, which reads better in C. */
static json_t *
parse(const char *quoted)
{
	char *text = strdup(quoted);
	json_t *c;

	assert_non_null(text);
	for (char *p = text; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	c = json_loads(text, 0, NULL);
	assert_non_null(c);
	free(text);
	return c;
}

#define BULK                                                                             \
	"'case':'bh-abcdefghij','server':'vm-7','question':'bulk','verdict':'block',"    \
	"'blocked_at':'2026-01-01T12:00:00.5Z','messages_before_block':41,'bound':11.5," \
	"'bulk':{'score':12.25,'reasons':[{'signal':'recipients-5min','points':12.25,"   \
	"'value':81,'threshold':20,'window_s':300,'visibility':'tls',"                   \
	"'text':'81 different recipients in 5 minutes'}]},"                              \
	"'samples':[{'time':'2026-01-01T11:59:00Z','destination':'192.0.2.9','port':25," \
	"'helo':'shop.example','reply':'550 5.1.1 no such user'}]"

/* All of `needles` (NULL-terminated) stand in the text of the case. */
static void
expect(const char *quoted, enum explain_lang lang, const char *const *needles)
{
	json_t *c = parse(quoted);
	char *text = explain_text(c, lang);

	assert_non_null(text);
	for (; *needles != NULL; needles++)
		if (strstr(text, *needles) == NULL)
			fail_msg("no \"%s\" in:\n%s", *needles, text);
	assert_null(strstr(text, "%s"));
	assert_null(strstr(text, "\n\n"));
	free(text);
	json_decref(c);
}

#define EXPECT(quoted, lang, ...) expect(quoted, lang, (const char *const[]){__VA_ARGS__, NULL})

static void
test_bulk(void **state)
{
	static const char quoted[] =
	    "{" BULK ",'until':'2026-01-01T13:00:00Z','seconds_left':2700,'grant':null}";

	(void)state;
	EXPECT(quoted, EXPLAIN_EN, "Server vm-7 may not send mail", "2026-01-01T12:00:00Z",
	    "case bh-abcdefghij", "is this mass mailing?", "12.25 points", "begins at 11.5",
	    "Messages sent before the block: 41", "81 different recipients in 5 minutes",
	    "value 81, threshold 20 within 5 min, estimated under TLS", "192.0.2.9 port 25",
	    "HELO shop.example", "550 5.1.1 no such user", "holds no whitelist grant",
	    "apply for the whitelist", "Time left: 45 min, until 2026-01-01T13:00:00Z", "465, 587");
	EXPECT(quoted, EXPLAIN_RU, "Серверу vm-7", "bh-abcdefghij", "массовая рассылка",
	    "Сумма баллов: 12.25; блокировка начинается с 11.5", "разных получателей за 5 минут",
	    "значение 81, порог 20 за 5 мин, оценка под TLS", "заявку в белый список",
	    "Осталось: 45 мин");
}

static void
test_grant_beyond(void **state)
{
	(void)state;
	EXPECT("{" BULK
	       ",'pinned':true,'grant':{'id':3,'per_day':500,'domains':['a.example','b.example']}}",
	    EXPLAIN_EN, "Grant 3 covers 500 recipients per day from a.example, b.example",
	    "until a person releases it");
}

static void
test_abuse(void **state)
{
	(void)state;
	EXPECT("{'server':'vm-7','case':'bh-x','question':'abuse','verdict':'block','shadow':true,"
	       "'abuse':{'score':20.5,'reasons':[]},'bound':11.5}",
	    EXPLAIN_EN, "is this spam", "20.5 points", "only observes", "No grant protects",
	    "Find the program that sends");
}

static void
test_person_and_end(void **state)
{
	(void)state;
	EXPECT("{'server':'vm-7','case':'bh-x','question':null,'verdict':'block','by_person':true,"
	       "'reason':'complaints from example.org'}",
	    EXPLAIN_EN, "a person decided it: complaints from example.org", "Answer the reason");
	EXPECT("{" BULK ",'ended':'2026-01-01T14:00:00Z'}", EXPLAIN_EN, "could not send",
	    "This case ended at 2026-01-01T14:00:00Z", "Nothing needs to be done");
}

static void
test_not_blocked(void **state)
{
	(void)state;
	EXPECT("{'server':'vm-7','verdict':'watch','question':'bulk','last_case':'bh-old',"
	       "'bulk':{'score':4.6,'reasons':[]}}",
	    EXPLAIN_EN, "vm-7 is not blocked; its verdict is \"watch\"", "Its last case is bh-old",
	    "4.6 points", "No grant is needed");
}

static void
test_short_remains(void **state)
{
	(void)state;
	EXPECT("{" BULK ",'until':'2026-01-01T13:00:00Z','seconds_left':129}", EXPLAIN_EN,
	    "Still blocked for 129 s, until 2026-01-01T13:00:00Z");
	EXPECT("{" BULK ",'until':'2026-01-01T13:00:00Z','seconds_left':129}", EXPLAIN_RU,
	    "Осталось 129 с");
	EXPECT("{" BULK ",'until':'2026-01-01T13:00:00Z','seconds_left':0}", EXPLAIN_EN,
	    "it lifts when the server has stopped trying");
}

static void
test_warning(void **state)
{
	static const char quoted[] = "{'server':'vm-7','case':'bh-w','verdict':'warn',"
				     "'question':'bulk','blocked_at':'2026-01-01T12:00:00Z',"
				     "'bound':11.5,'bulk':{'score':7.1,'reasons':[]}";
	char text[512];

	(void)state;
	snprintf(text, sizeof(text), "%s}", quoted);
	EXPECT(
	    text, EXPLAIN_EN, "vm-7 was warned at 2026-01-01T12:00:00Z (case bh-w)", "7.1 points");
	EXPECT(text, EXPLAIN_RU, "вынесено предупреждение");
	snprintf(text, sizeof(text), "%s,'ended':'2026-01-01T12:05:00Z'}", quoted);
	EXPECT(text, EXPLAIN_EN, "stood on a warning", "This case ended at 2026-01-01T12:05:00Z");
}

static void
test_timeline(void **state)
{
	static const char quoted[] =
	    "{" BULK ",'timeline':["
	    "{'time':'2026-01-01T11:58:00Z','what':'raised','from':'clear','to':'watch',"
	    "'by':'guard','bulk':5.1,'abuse':0},"
	    "{'time':'2026-01-01T12:00:00Z','what':'blocked','from':'warn','to':'block',"
	    "'by':'guard','bulk':12.25,'abuse':0,'shadow':true},"
	    "{'time':'2026-01-01T12:59:00Z','what':'extended','from':'block','to':'block',"
	    "'by':'guard','until':'2026-01-01T13:09:00Z'},"
	    "{'time':'2026-01-01T13:01:00Z','what':'released','from':'block','to':'clear',"
	    "'by':'uid 7 (eve)','reason':'sorted out'},"
	    "{'time':'2026-01-01T14:01:00Z','what':'lifted','from':'block','to':'clear',"
	    "'by':'guard','reason':'time'}]}";

	(void)state;
	EXPECT(quoted, EXPLAIN_EN, "How it came about:",
	    "2026-01-01T11:58:00Z  clear -> watch, by the guard (bulk 5.1, abuse 0)",
	    "warn -> block, by the guard (bulk 12.25, abuse 0); nothing was enforced",
	    "extended until 2026-01-01T13:09:00Z, by the guard: it kept trying",
	    "released by uid 7 (eve): sorted out", "lifted by itself");
	EXPECT(quoted, EXPLAIN_RU, "Как это было:", "чисто -> наблюдение, решение: автоматика",
	    "снято, решение: uid 7 (eve): sorted out", "снято автоматически");
}

/* Old or damaged details: something is said, nothing breaks. */
static void
test_members_missing(void **state)
{
	static const char *const cases[] = {
	    "{}",
	    "{'verdict':'block'}",
	    "{'verdict':'throttle','question':'abuse','bulk':7,'samples':'x','grant':[]}",
	    "{'verdict':'block','question':'bulk','bulk':{'reasons':[1,null,{}]},'samples':[{}]}",
	    "{'verdict':'block','grant':{'domains':[1,null]},'seconds_left':'x'}",
	    "{'verdict':'warn','case':'x','timeline':[1,{},{'what':7},{'what':'extended'}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (unsigned lang = 0; lang < EXPLAIN__COUNT; lang++)
			expect(cases[i], lang, (const char *const[]){NULL});
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bulk),
	    cmocka_unit_test(test_grant_beyond),
	    cmocka_unit_test(test_abuse),
	    cmocka_unit_test(test_person_and_end),
	    cmocka_unit_test(test_not_blocked),
	    cmocka_unit_test(test_short_remains),
	    cmocka_unit_test(test_warning),
	    cmocka_unit_test(test_timeline),
	    cmocka_unit_test(test_members_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
