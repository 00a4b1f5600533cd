/* SPDX-License-Identifier: ISC */
/* Continued watching: what is counted, and what a day of it leads to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/watch_grants.h"

static const struct grant grant = {
    .id = 3,
    .state = GRANT_ACTIVE,
    .domains = {"news.example"},
    .domain_count = 1,
    .per_day = 1000,
    .from_ns = 100,
    .until_ns = 10000,
};

static struct observation
message(const char *from, uint16_t headers)
{
	struct observation o = {.kind = OBS_MESSAGE, .time_ns = 500};

	o.u.message.reply.code = 250;
	o.u.message.headers_seen = true;
	o.u.message.headers = headers;
	strcpy(o.u.message.from_domain, from);
	return o;
}

static struct observation
recipient(const char *sender, uint8_t class, uint8_t remote)
{
	struct observation o = {.kind = OBS_RECIPIENT, .time_ns = 500};

	o.u.recipient.reply_class = class;
	o.u.recipient.reply.remote = remote;
	strcpy(o.u.recipient.sender_domain, sender);
	return o;
}

static void
test_counting(void **state)
{
	struct grant_watch w = {.id = 3};
	struct observation o = message("news.example", OBS_HDR_LIST_UNSUBSCRIBE);

	(void)state;
	watch_grants_count(&w, &grant, &o);
	o.flags = OBS_F_GAP;
	watch_grants_count(&w, &grant, &o); /* a hole may have swallowed the header */
	o.flags = OBS_F_INBOUND;
	watch_grants_count(&w, &grant, &o);
	o.flags = OBS_F_ONE_SIDED; /* nobody said that it was taken */
	watch_grants_count(&w, &grant, &o);
	o = message("news.example", OBS_HDR_TRUNCATED);
	watch_grants_count(&w, &grant, &o);
	o = message("news.example", 0);
	o.u.message.reply.code = 554;
	watch_grants_count(&w, &grant, &o);
	o = message("other.example", 0);
	watch_grants_count(&w, &grant, &o);
	o = message("news.example", 0);
	o.time_ns = 20000; /* after its end */
	watch_grants_count(&w, &grant, &o);
	assert_int_equal(w.messages, 1);
	assert_int_equal(w.unsubscribable, 1);
	o = message("mail.news.example", 0);
	watch_grants_count(&w, &grant, &o);
	assert_int_equal(w.messages, 2);
	assert_int_equal(w.unsubscribable, 1);

	o = recipient("news.example", OBS_ACCEPTED, OBS_REMOTE_NONE);
	watch_grants_count(&w, &grant, &o);
	o = recipient("news.example", OBS_REJECTED, OBS_REMOTE_UNKNOWN);
	watch_grants_count(&w, &grant, &o);
	o = recipient("news.example", OBS_REJECTED, OBS_REMOTE_POLICY);
	watch_grants_count(&w, &grant, &o);
	o = recipient("news.example", OBS_DEFERRED, OBS_REMOTE_UNKNOWN);
	watch_grants_count(&w, &grant, &o);
	o = recipient("", OBS_REJECTED, OBS_REMOTE_UNKNOWN);
	watch_grants_count(&w, &grant, &o);
	assert_int_equal(w.recipients, 3);
	assert_int_equal(w.unknown, 1);

	watch_grants_begin(&w, 777);
	assert_int_equal(w.day_ns, 777);
	assert_int_equal(w.messages + w.unsubscribable + w.recipients + w.unknown + w.volume, 0);
}

static void
test_rules(void **state)
{
	static const struct {
		uint64_t messages, unsubscribable, recipients, unknown, volume;
		enum application_purpose purpose;
		enum watch_level level;
		const char *reason;
	} rows[] = {
	    {0, 0, 0, 0, 0, PURPOSE_NEWSLETTER, WATCH_UNSEEN, ""},
	    {19, 0, 99, 99, 0, PURPOSE_NEWSLETTER, WATCH_UNSEEN, ""}, /* too few */
	    {100, 100, 1000, 10, 900, PURPOSE_NEWSLETTER, WATCH_WELL, ""},
	    {100, 95, 0, 0, 0, PURPOSE_NEWSLETTER, WATCH_WELL, ""},
	    {100, 94, 0, 0, 0, PURPOSE_NEWSLETTER, WATCH_WARN, "6 of 100 messages"},
	    {100, 49, 0, 0, 0, PURPOSE_NEWSLETTER, WATCH_SUSPEND, "51 of 100"},
	    {100, 0, 1000, 10, 10, PURPOSE_AUTOMATIC, WATCH_WELL, ""}, /* orders have no list */
	    {0, 0, 1000, 50, 0, PURPOSE_AUTOMATIC, WATCH_WELL, ""},
	    {0, 0, 1000, 51, 0, PURPOSE_AUTOMATIC, WATCH_WARN, "51 of 1000 recipients"},
	    {0, 0, 1000, 101, 0, PURPOSE_AUTOMATIC, WATCH_SUSPEND, "ceiling is 5 %"},
	    {0, 0, 0, 0, 1100, PURPOSE_AUTOMATIC, WATCH_WELL, ""},
	    {0, 0, 0, 0, 1101, PURPOSE_AUTOMATIC, WATCH_WARN, "1101 recipients"},
	    {0, 0, 0, 0, 2001, PURPOSE_AUTOMATIC, WATCH_SUSPEND, "1000 are granted"},
	    /* the worst rule speaks */
	    {100, 90, 1000, 200, 1200, PURPOSE_NEWSLETTER, WATCH_SUSPEND, "do not exist"},
	};
	char reason[WATCH_REASON_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct grant_watch w = {.messages = rows[i].messages,
		    .unsubscribable = rows[i].unsubscribable,
		    .recipients = rows[i].recipients,
		    .unknown = rows[i].unknown,
		    .volume = rows[i].volume};
		enum watch_level level =
		    watch_grants_judge(&w, &grant, rows[i].purpose, reason, sizeof(reason));

		if (level != rows[i].level || strstr(reason, rows[i].reason) == NULL ||
		    (rows[i].reason[0] == '\0') != (reason[0] == '\0'))
			fail_msg("row %zu: %s \"%s\"", i, watch_level_name(level), reason);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_counting),
	    cmocka_unit_test(test_rules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
