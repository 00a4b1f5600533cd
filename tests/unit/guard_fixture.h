/* SPDX-License-Identifier: ISC */
/* A guard on a database in a folder of its own, for the tests of the guard. */
#ifndef TESTS_UNIT_GUARD_FIXTURE_H
#define TESTS_UNIT_GUARD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "policy/guard.h"
#include "tests/unit/scratch.h"

#define T0 (INT64_C(1700000000) * CLOCK_SECOND_NS)

struct fixture {
	char dir[SCRATCH_BYTES];
	struct settings settings;
	struct guard g;
};

static inline void
open_guard(struct fixture *f, int64_t now_ns)
{
	struct err e;

	memset(&f->g, 0, sizeof(f->g));
	if (guard_open(&f->g, &f->settings, now_ns, &e) < 0)
		fail_msg("%s", e.text);
}

static inline void
restart(struct fixture *f)
{
	int64_t now_ns = f->g.now_ns;

	guard_close(&f->g);
	open_guard(f, now_ns);
}

/* A guard with the servers of this CSV (NULL: none), and settings that are adjusted before (NULL: as they are). */
static inline int
setup_with(void **state, const char *inventory, void (*adjust)(struct settings *))
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct guard_import done;

	if (f == NULL || scratch_new(f->dir) != 0)
		return -1;
	settings_init(&f->settings);
	snprintf(f->settings.state_dir, sizeof(f->settings.state_dir), "%s", f->dir);
	if (adjust != NULL)
		adjust(&f->settings);
	*state = f;
	open_guard(f, T0);
	return inventory == NULL ? 0
				 : guard_import(&f->g, "uid 0 (root)", "inv.csv", inventory,
				       strlen(inventory), &done, NULL);
}

/* Two servers of one tenant. */
static inline int
setup(void **state)
{
	return setup_with(state,
	    "server,tenant,plan,virtualization,interfaces,macs,addresses\n"
	    "vm-a,t1,,kvm,vnet1,,10.0.0.1\n"
	    "vm-b,t1,,kvm,vnet2,,10.0.0.2\n",
	    NULL);
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;
	int rc;

	guard_close(&f->g);
	rc = scratch_delete(f->dir);
	free(f);
	return rc;
}

static inline unsigned
index_of(struct fixture *f, const char *name)
{
	int i = inventory_find(f->g.inventory, name);

	assert_true(i >= 0);
	return (unsigned)i;
}

static inline struct judge_view
look(struct fixture *f, const char *name)
{
	struct judge_view view;

	assert_int_equal(judge_get(f->g.judge, index_of(f, name), &view), 0);
	return view;
}

/* An application of vm-a, as it was filed just now. */
static inline struct application
newsletter_of_a(const struct fixture *f, unsigned state)
{
	return (struct application){.state = (uint8_t)state,
	    .servers = {"vm-a"},
	    .server_count = 1,
	    .domains = {"shop.example"},
	    .domain_count = 1,
	    .per_day = 5000,
	    .contact = "a@shop.example",
	    .lang = "en",
	    .created_ns = f->g.now_ns,
	    .changed_ns = f->g.now_ns};
}

/* Entries of the ledger with an action and a subject: how many, and the newest. */
struct ledger_seen {
	const char *action, *subject;
	unsigned count;
	struct ledger_entry last;
};

static inline int
ledger_see(void *arg, const struct ledger_entry *entry)
{
	struct ledger_seen *s = arg;

	if (strcmp(entry->action, s->action) != 0 || strcmp(entry->subject, s->subject) != 0)
		return 0;
	s->count++;
	s->last = *entry;
	return 0;
}

static inline struct ledger_seen
ledger(struct fixture *f, const char *action, const char *subject)
{
	struct ledger_seen s = {.action = action, .subject = subject};

	assert_int_equal(store_each_ledger(f->g.store, 1, ledger_see, &s, NULL), 0);
	return s;
}

static inline void
assert_ledger_intact(struct fixture *f)
{
	int64_t entries;

	assert_int_equal(ledger_verify(f->g.store, NULL, &entries, NULL), 0);
}

/* One accepted recipient of a mass mailing, in the clear; numbers make it a new one each time. */
static inline void
send_one(struct fixture *f, const char *ifname, const char *address, unsigned number)
{
	struct observation o = {.kind = OBS_RECIPIENT,
	    .visibility = OBS_CLEAR,
	    .time_ns = f->g.now_ns,
	    .session = 1 + number,
	    .client_port = 4000,
	    .server_port = 25};
	char text[32];

	snprintf(o.ifname, sizeof(o.ifname), "%s", ifname);
	assert_int_equal(addr_parse(address, &o.client), 0);
	snprintf(text, sizeof(text), "198.51.100.%u", 1 + number % 200);
	assert_int_equal(addr_parse(text, &o.server), 0);
	o.u.recipient.hash = 1000 + number;
	o.u.recipient.domain_hash = 5000 + number;
	snprintf(o.u.recipient.domain, sizeof(o.u.recipient.domain), "d%u.example", number);
	strcpy(o.u.recipient.sender_domain, "shop.example");
	o.u.recipient.reply_class = OBS_ACCEPTED;
	o.u.recipient.reply.code = 250;
	guard_observe(&f->g, &o);
}

#endif
