/* SPDX-License-Identifier: ISC */
/*
 * The kinds of sender: mass mailing without a grant, and abuse; the table of all.  Sources of the
 * numbers: Mail.ru's ceiling of 5 % invalid addresses for a list that is kept, Forpsi's "over half
 * undeliverable" and AA ISP's "multiple mails to invalid addresses" for one that is not; Byington
 * on the M3AAWG hosting BCP for the two styles of spammers, "slow over a lot of address space" or
 * "hammer out as much as they can for less than two hours"; MailChannels 2011 for 8,000 connections
 * a second as the upper end; Gmail's 5,000 a day for what is large.
 */
#include <stdio.h>

#include "tests/policy/world_mail.h"

void
world_mailing(struct world *w, const struct world_mail *like, unsigned size, double per_minute,
    double unknown, double refused)
{
	unsigned in_vain = 0;

	for (unsigned i = 0; i < size && in_vain < 200; i++) {
		struct world_mail m = *like;

		world_wait(w, 60 / per_minute);
		m.to = world_number(w);
		m.unknown = world_random(w) < unknown;
		m.refused = !m.unknown && world_random(w) < refused;
		in_vain = world_is_blocked(w) ? in_vain + 1 : 0;
		world_send(w, &m);
	}
}

struct world_mail
world_newsletter(struct world *w)
{
	struct world_mail m = {
	    .sender = "news.example",
	    .from = "news.example",
	    .text = world_number(w),
	    .noise_bits = 2,
	    .subject = 5 + world_number(w) % 1000,
	    .bytes = (unsigned)world_between(w, 15000, 60000),
	    .headers = WORLD_PROPER | OBS_HDR_DKIM,
	};

	if (world_random(w) < 0.8)
		m.headers |= WORLD_LIST_MAIL;
	return m;
}

/* --- mass mailing without a grant --- */

static void
run_newsletter(struct world *w)
{
	struct world_mail m = world_newsletter(w);

	world_mailing(w, &m, (unsigned)world_between(w, 300, 5000), world_between(w, 10, 600),
	    world_between(w, 0.005, 0.04), 0);
}

static void
run_newsletter_slow(struct world *w)
{
	struct world_mail m = world_newsletter(w);

	world_mailing(w, &m, 2000, world_between(w, 2.5, 6), world_between(w, 0.005, 0.04), 0);
}

static void
run_exceeded(struct world *w)
{
	struct world_mail m = world_newsletter(w);

	world_grant(w, 500, "news.example");
	world_mailing(w, &m, 500, world_between(w, 60, 600), 0, 0);
	world_turn(w); /* what follows is beyond the grant */
	world_mailing(w, &m, 1500, world_between(w, 60, 600), 0.01, 0);
}

static void
run_beside_grant(struct world *w)
{
	struct world_mail m = world_newsletter(w);

	world_grant(w, 5000, "other.example");
	world_mailing(w, &m, 1500, world_between(w, 60, 600), 0.01, 0);
}

/* Every message has a text, a subject and a size of its own. */
static void
run_templated(struct world *w)
{
	unsigned size = (unsigned)world_between(w, 300, 3000), in_vain = 0;
	double per_minute = world_between(w, 10, 300);

	for (unsigned i = 0; i < size && in_vain < 200; i++) {
		struct world_mail m = world_newsletter(w);

		world_wait(w, 60 / per_minute);
		m.to = world_number(w);
		m.unknown = world_random(w) < 0.03;
		m.text = world_number(w);
		m.subject = 0;
		m.headers = WORLD_PROPER;
		in_vain = world_is_blocked(w) ? in_vain + 1 : 0;
		world_send(w, &m);
	}
}

/* Five servers of one tenant share the list, each below what one may send. */
static void
run_split(struct world *w)
{
	struct world_mail m;
	double per_minute = world_between(w, 12, 20);
	unsigned in_vain = 0;

	world_servers(w, 5, 5);
	m = world_newsletter(w);
	for (unsigned i = 0; i < 3000 && in_vain < 200; i++) {
		world_wait(w, 60 / per_minute);
		world_use(w, i % 5);
		m.to = world_number(w);
		m.unknown = world_random(w) < 0.03;
		in_vain = world_is_blocked(w) ? in_vain + 1 : 0;
		world_send(w, &m);
	}
}

/* A newsletter to the people of one organisation, all at its own server: the alumni of a school, the
 * staff of a competitor. */
static void
run_one_house(struct world *w)
{
	struct world_mail m = world_newsletter(w);
	unsigned size = (unsigned)world_between(w, 300, 3000), in_vain = 0;
	double per_minute = world_between(w, 20, 600);

	m.house = 20 + world_number(w) % 500;
	for (unsigned i = 0; i < size && in_vain < 200; i++) {
		world_wait(w, 60 / per_minute);
		m.to = world_number(w);
		m.unknown = world_random(w) < 0.03;
		in_vain = world_is_blocked(w) ? in_vain + 1 : 0;
		world_send(w, &m);
	}
}

/* A service or forum that grew out of its plan: single events reach 100 to 400 people. */
static void
run_saas_large(struct world *w)
{
	int64_t end = world_now(w) + 2 * CLOCK_DAY_NS;

	while (world_now(w) < end && !world_is_blocked(w)) {
		struct world_mail m = world_transactional(w);
		unsigned people = (unsigned)world_between(w, 100, 400);

		world_wait(w, 7200);
		for (unsigned i = 0; i < people; i++) {
			m.to = world_number(w) % 5000 * GOLDEN;
			m.unknown = world_random(w) < 0.01;
			world_send(w, &m);
			world_sleep(w, 0.2);
		}
	}
}

/* --- abuse --- */

/* A bought list, blasted: a quarter to 60 % of it is dead, receivers call a part of the rest spam.
 */
static void
run_bought(struct world *w)
{
	struct world_mail m = world_newsletter(w);

	m.headers = WORLD_PROPER;
	world_mailing(w, &m, 3000, world_between(w, 20, 300), world_between(w, 0.25, 0.6),
	    world_between(w, 0, 0.2));
}

/* A site with orders, until somebody uploads a mailer: random senders, sloppy headers. */
static void
run_broken_into(struct world *w)
{
	struct world_mail m = world_newsletter(w);
	double per_day = world_between(w, 10, 100);
	int64_t turn = world_now(w) + CLOCK_DAY_NS;

	while (world_now(w) < turn) {
		struct world_mail order = world_transactional(w);

		world_wait(w, DAY_S / per_day);
		world_send(w, &order);
	}
	world_turn(w);
	m.headers = world_random(w) < 0.5 ? WORLD_PROPER : OBS_HDR_DATE;
	m.habits = world_random(w) < 0.4 ? OBS_HABIT_NO_QUIT : 0;
	m.sender = "random.example";
	world_mailing(w, &m, 3000, world_between(w, 10, 200), world_between(w, 0.2, 0.5),
	    world_between(w, 0.05, 0.3));
}

/* A bot: as much as it can, to whatever answers, under ever new names. */
static void
run_botnet(struct world *w)
{
	double per_minute = world_between(w, 60, 1000), dead = world_between(w, 0.3, 0.7);
	unsigned in_vain = 0;

	for (unsigned i = 0; i < 5000 && in_vain < 200; i++) {
		struct world_mail m = world_newsletter(w);
		char helo[32];

		world_wait(w, 60 / per_minute);
		snprintf(helo, sizeof(helo), "pc%u.example", (unsigned)(world_number(w) % 100));
		m.to = world_number(w);
		if (world_random(w) < 0.2) {
			world_fail_connect(w, 10 + m.to % 2000);
			continue;
		}
		m.helo = helo;
		m.headers = 0;
		m.habits = OBS_HABIT_NO_QUIT | (world_random(w) < 0.5 ? OBS_HABIT_EARLY : 0);
		m.unknown = world_random(w) < dead;
		m.refused = !m.unknown && world_random(w) < 0.3;
		in_vain = world_is_blocked(w) ? in_vain + 1 : 0;
		world_send(w, &m);
	}
}

/* Ten servers of five tenants, each at 20 to 60 an hour, one text, a list with 10 to 30 % dead; one
 * in three gives all of them one name. */
static void
run_snowshoe(struct world *w)
{
	double per_hour = world_between(w, 20, 60), dead = world_between(w, 0.1, 0.3);
	int64_t end = world_now(w) + 5 * CLOCK_DAY_NS;
	struct world_mail m;

	world_servers(w, 10, 2);
	m = world_newsletter(w);
	m.headers = WORLD_PROPER | OBS_HDR_DKIM;
	m.helo = world_random(w) < 0.33 ? "mta.news.example" : NULL;
	while (world_now(w) < end && !world_is_over(w)) {
		world_wait(w, 3600 / per_hour / 10);
		world_use(w, (unsigned)(world_number(w) % 10));
		m.to = world_number(w);
		m.unknown = world_random(w) < dead;
		m.refused = !m.unknown && world_random(w) < 0.1;
		world_send(w, &m);
	}
}

/* A bad list at 6 to 30 an hour, around the clock. */
static void
run_low_and_slow(struct world *w)
{
	double per_hour = world_between(w, 6, 30), dead = world_between(w, 0.25, 0.5);
	int64_t end = world_now(w) + 5 * CLOCK_DAY_NS;
	struct world_mail m = world_newsletter(w);

	m.headers = WORLD_PROPER;
	while (world_now(w) < end && !world_is_over(w)) {
		world_wait(w, 3600 / per_hour);
		m.to = world_number(w);
		m.unknown = world_random(w) < dead;
		m.refused = !m.unknown && world_random(w) < 0.1;
		world_send(w, &m);
	}
}

/* Kinds of which a server-day takes long have a smaller share of the days. */
const struct world_kind world_kinds[] = {
    {"shop", WORLD_SPARE, 0, false, world_run_shop, false, 1, 1},
    {"small service's notices", WORLD_SPARE, 0, false, world_run_saas, false, 1, 1},
    {"forum", WORLD_SPARE, 0, false, world_run_forum, false, 1, 1},
    {"personal server", WORLD_SPARE, 0, false, world_run_personal, false, 1, 1},
    {"mailing list", WORLD_SPARE, 0, false, world_run_list, false, 1, 1},
    {"forwarder", WORLD_SPARE, 0, false, world_run_forwarder, false, 1, 1},
    {"monitoring", WORLD_SPARE, 0, true, world_run_monitoring, false, 1, 0.25},
    {"cron storm", WORLD_SPARE, 0, false, world_run_cron_storm, false, 1, 1},
    {"queue after an outage", WORLD_SPARE, 0, false, world_run_queue_flush, false, 1, 1},
    {"greylisted shop", WORLD_SPARE, 0, false, world_run_greylisted, false, 1, 1},
    {"mailbox migration", WORLD_SPARE, 0, false, world_run_migration, false, 1, 1},
    {"ten shops of one tenant", WORLD_SPARE, 0, false, world_run_reseller, false, 1, 1},
    {"shops of ten tenants", WORLD_SPARE, 0, false, world_run_common_software, false, 1, 1},
    {"shops beside a snowshoe", WORLD_SPARE, 0, false, world_run_neighbours, false, 1, 0.5},
    {"newsletter, granted", WORLD_SPARE, 0, false, world_run_granted, false, 1, 1},
    {"large service, granted", WORLD_SPARE, 0, false, world_run_saas_granted, false, 1, 0.25},
    {"credential stuffing", WORLD_SPARE, 0, true, world_run_stuffing, false, 1, 1},
    {"tunnel on port 25", WORLD_SPARE, 0, true, world_run_tunnel, false, 1, 1},
    {"newsletter", WORLD_BULK, 60, false, run_newsletter, false, 1, 1},
    {"newsletter, slow", WORLD_BULK, 60, false, run_newsletter_slow, false, 1, 1},
    {"newsletter beyond its grant", WORLD_BULK, 60, false, run_exceeded, false, 1, 1},
    {"newsletter beside its grant", WORLD_BULK, 60, true, run_beside_grant, false, 1, 1},
    {"a text for each recipient", WORLD_BULK, 60, false, run_templated, false, 1, 1},
    {"newsletter to one house", WORLD_BULK, 60, false, run_one_house, false, 1, 1},
    {"split over five servers", WORLD_BULK, 60, false, run_split, true, 1, 1},
    {"large service", WORLD_BULK, 60, false, run_saas_large, false, 1, 1},
    {"bought list", WORLD_ABUSE, 15, false, run_bought, false, 1, 1},
    {"broken-into site", WORLD_ABUSE, 15, false, run_broken_into, false, 1, 1},
    {"bot, direct to MX", WORLD_ABUSE, 15, false, run_botnet, false, 1, 1},
    {"snowshoe, ten servers", WORLD_ABUSE, 0, false, run_snowshoe, false, 0.9, 1},
    {"low and slow", WORLD_ABUSE, 0, false, run_low_and_slow, false, 0.9, 1},
};
const unsigned world_kind_count = sizeof(world_kinds) / sizeof(world_kinds[0]);
