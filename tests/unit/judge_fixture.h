/* SPDX-License-Identifier: ISC */
/* A judge with twenty servers that enforces, and the mail that they send. */
#ifndef TESTS_UNIT_JUDGE_FIXTURE_H
#define TESTS_UNIT_JUDGE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "policy/judge.h"

#define START	(INT64_C(1780272000) * CLOCK_SECOND_NS)
#define SERVERS 20

struct fixture {
	struct settings settings;
	struct inventory *inventory;
	struct judge *judge;
	int64_t now_ns;
	uint64_t person, session;
	uint64_t subject; /* of the next messages; 0 = their headers are not seen */
	struct verdict_change changes[64];
	unsigned change_count;
};

static inline void
on_change(void *arg, const struct verdict_change *change)
{
	struct fixture *f = arg;

	assert_in_range(f->change_count, 0, 63);
	f->changes[f->change_count++] = *change;
}

static inline struct inventory *
make_inventory(unsigned first, unsigned count)
{
	struct inventory *inv;
	char text[4096] = "server,plan,interfaces,addresses\n";

	for (unsigned i = first; i < first + count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    "vm-%u,%s,vnet%u,192.0.2.%u\n", i, i == 1 ? "big" : "", i, i);
	if (inventory_parse(&inv, "t", text, strlen(text), NULL) != 0)
		abort();
	return inv;
}

static inline int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	settings_init(&f->settings);
	strcpy(f->settings.policy.mode, "enforce");
	strcpy(f->settings.policy.plans, "big 200 1200 8000");
	strcpy(f->settings.relays, "203.0.113.25\n2001:db8::/64");
	f->now_ns = START;
	f->person = 1;
	f->inventory = make_inventory(0, SERVERS);
	*state = f;
	return judge_new(&f->judge, &f->settings, f->inventory, false, on_change, f, NULL);
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;

	judge_free(f->judge);
	inventory_free(f->inventory);
	free(f);
	return 0;
}

static inline struct observation
observation(struct fixture *f, unsigned server, unsigned kind)
{
	const uint8_t own[4] = {192, 0, 2, (uint8_t)server};
	const uint8_t mx[4] = {198, 51, 100, (uint8_t)(f->person % 200)};
	struct observation o = {.kind = (uint8_t)kind, .time_ns = f->now_ns, .session = f->session};

	snprintf(o.ifname, sizeof(o.ifname), "vnet%u", server);
	o.client = addr_from_v4(own);
	o.server = addr_from_v4(mx);
	o.server_port = 25;
	return o;
}

/* One message to one new person. */
static inline void
send_mail(struct fixture *f, unsigned server, const char *domain, bool unknown)
{
	struct observation o;

	f->session++;
	f->person++;
	o = observation(f, server, OBS_SESSION_START);
	judge_observe(f->judge, &o);
	o = observation(f, server, OBS_RECIPIENT);
	o.u.recipient.hash = f->person;
	o.u.recipient.domain_hash = f->person % 5;
	strcpy(o.u.recipient.domain, "people.example");
	strcpy(o.u.recipient.sender_domain, domain);
	o.u.recipient.reply_class = unknown ? OBS_REJECTED : OBS_ACCEPTED;
	o.u.recipient.reply.code = unknown ? 550 : 250;
	o.u.recipient.reply.remote = unknown ? OBS_REMOTE_UNKNOWN : OBS_REMOTE_NONE;
	judge_observe(f->judge, &o);
	if (unknown)
		return;
	o = observation(f, server, OBS_MESSAGE);
	o.u.message.reply.code = 250;
	o.u.message.recipients_accepted = 1;
	strcpy(o.u.message.sender_domain, domain);
	o.u.message.headers_seen = f->subject != 0;
	o.u.message.headers = OBS_HDR_DATE | OBS_HDR_MESSAGE_ID | OBS_HDR_LIST_UNSUBSCRIBE;
	o.u.message.subject_hash = f->subject;
	judge_observe(f->judge, &o);
}

static inline struct judge_view
get(const struct fixture *f, unsigned index)
{
	struct judge_view view;

	assert_int_equal(judge_get(f->judge, index, &view), 0);
	return view;
}

static inline void
blast(struct fixture *f, unsigned server, unsigned messages)
{
	for (unsigned i = 0; i < messages; i++) {
		f->now_ns += CLOCK_SECOND_NS / 10;
		send_mail(f, server, "news.example", false);
	}
}

static inline void
pass(struct fixture *f, int64_t span_ns)
{
	int64_t until = f->now_ns + span_ns;

	for (; f->now_ns < until; f->now_ns += CLOCK_MINUTE_NS)
		judge_tick(f->judge, f->now_ns);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
