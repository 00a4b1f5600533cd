/* SPDX-License-Identifier: ISC */
/*
 * The kinds of sender.  Volumes and rates come from practice, not from the thresholds: what relays
 * and panels allow a site (policy/README.md, "Mass mailing in numbers"), list sizes of small
 * newsletters, Mail.ru's 5 % and Forpsi's "over half" for the state of a list, the back-off times
 * of Postfix.
 */
#include "tests/policy/world.h"

#include <math.h>

#define DAY_S 86400.0

/* By the hour of the day: shops and people sleep. */
static double
daylight(const struct world *w)
{
	double hour = (double)(world_now(w) % CLOCK_DAY_NS) / (double)CLOCK_HOUR_NS;

	return 1 + 0.8 * sin((hour - 8) * M_PI / 12);
}

static struct world_mail
transactional(struct world *w, bool tls)
{
	struct world_mail m = {
	    .to = world_number(w),
	    .tls = tls,
	    .unknown = world_random(w) < 0.01,
	    .sender = "shop.example",
	    .from = "shop.example",
	    .text = UINT64_C(0x5109),
	    .noise_bits = 3,
	    .subject = 77, /* "Your order", the digits are not part of it */
	    .bytes = (unsigned)world_between(w, 6000, 14000),
	    .headers = WORLD_PROPER | OBS_HDR_DKIM,
	};

	return m;
}

/* 20 to 500 orders a day, a copy of each to the owner. */
static void
shop(struct world *w, bool tls)
{
	double per_day = world_between(w, 20, 500);
	int64_t end = world_now(w) + 3 * CLOCK_DAY_NS;

	while (world_now(w) < end) {
		struct world_mail m;

		world_wait(w, DAY_S / per_day / daylight(w));
		m = transactional(w, tls);
		world_send(w, &m);
		m.to = 4242;
		m.unknown = false;
		world_send(w, &m);
	}
}

static void
run_shop(struct world *w)
{
	shop(w, false);
}

static void
run_shop_tls(struct world *w)
{
	/* The owner's copy stays in the house: through TLS it would count as another person. */
	double per_day = world_between(w, 20, 500);
	int64_t end = world_now(w) + 3 * CLOCK_DAY_NS;

	while (world_now(w) < end) {
		struct world_mail m;

		world_wait(w, DAY_S / per_day / daylight(w));
		m = transactional(w, true);
		world_send(w, &m);
	}
}

static void
run_personal(struct world *w)
{
	double per_day = world_between(w, 5, 60);
	int64_t end = world_now(w) + 7 * CLOCK_DAY_NS;

	while (world_now(w) < end) {
		struct world_mail m = transactional(w, false);

		world_wait(w, DAY_S / per_day / daylight(w));
		m.to = world_number(w) % 80 * UINT64_C(0x9e3779b97f4a7c15);
		m.unknown = world_random(w) < 0.02;
		m.text = world_number(w);
		m.subject = 0;
		world_send(w, &m);
		world_receive(w);
	}
}

/* A small forum: a reply notifies up to twelve who watch the topic; the mail says Precedence: list.
 */
static void
run_forum(struct world *w)
{
	double per_day = world_between(w, 10, 60);
	int64_t end = world_now(w) + 3 * CLOCK_DAY_NS;

	while (world_now(w) < end) {
		struct world_mail m = transactional(w, false);
		uint64_t topic = world_number(w) % 40;
		unsigned watchers = 1 + (unsigned)(world_number(w) % 12);

		world_wait(w, DAY_S / per_day / daylight(w));
		m.headers |= WORLD_LIST_MAIL | OBS_HDR_PRECEDENCE_BULK;
		m.text = world_number(w);
		m.subject = 1000 + topic;
		m.unknown = false;
		for (unsigned i = 0; i < watchers; i++) {
			m.to = (topic * 100 + i) * UINT64_C(0x9e3779b97f4a7c15);
			world_send(w, &m);
			world_sleep(w, 0.5);
		}
	}
}

/* 10 to 35 subscribers; every post goes to all of them. */
static void
run_small_list(struct world *w)
{
	unsigned subscribers = 10 + (unsigned)(world_number(w) % 26);
	int64_t end = world_now(w) + 5 * CLOCK_DAY_NS;

	while (world_now(w) < end) {
		struct world_mail m = transactional(w, false);

		world_wait(w, DAY_S / 12 / daylight(w));
		m.headers |= OBS_HDR_LIST_ID | OBS_HDR_PRECEDENCE_BULK | OBS_HDR_LIST_UNSUBSCRIBE;
		m.text = world_number(w);
		m.subject = 0;
		m.unknown = false;
		world_receive(w);
		for (unsigned i = 0; i < subscribers; i++) {
			m.to = i * UINT64_C(0x9e3779b97f4a7c15) + 5;
			world_send(w, &m);
			world_sleep(w, 0.2);
		}
	}
}

/* A list of `size` at `per_minute`; stops after an hour of being blocked. */
static void
mailing(struct world *w, const struct world_mail *like, unsigned size, double per_minute,
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

static struct world_mail
newsletter(struct world *w, bool tls)
{
	struct world_mail m = {
	    .tls = tls,
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

static void
run_newsletter(struct world *w)
{
	struct world_mail m = newsletter(w, false);

	mailing(w, &m, (unsigned)world_between(w, 300, 5000), world_between(w, 10, 600),
	    world_between(w, 0.005, 0.04), 0);
}

static void
run_newsletter_slow(struct world *w)
{
	struct world_mail m = newsletter(w, false);

	mailing(w, &m, 2000, world_between(w, 2.5, 6), world_between(w, 0.005, 0.04), 0);
}

static void
run_newsletter_tls(struct world *w)
{
	struct world_mail m = newsletter(w, true);

	mailing(w, &m, (unsigned)world_between(w, 300, 5000), world_between(w, 10, 600), 0.02, 0);
}

static void
run_newsletter_granted(struct world *w)
{
	struct world_mail m = newsletter(w, world_random(w) < 0.3);
	unsigned size = (unsigned)world_between(w, 300, 5000);

	world_grant(w, size + size / 10, "news.example");
	if (world_random(w) < 0.3)
		m.sender = "bounce.esp.example"; /* the From field is the tenant's */
	for (unsigned i = 0; i < 3; i++) {
		mailing(w, &m, size, world_between(w, 10, 600), 0.02, 0);
		world_sleep(w, DAY_S);
	}
}

static void
run_newsletter_exceeded(struct world *w)
{
	struct world_mail m = newsletter(w, false);

	world_grant(w, 500, "news.example");
	mailing(w, &m, 500, world_between(w, 60, 600), 0, 0);
	world_turn(w); /* what follows is beyond the grant */
	mailing(w, &m, 1500, world_between(w, 60, 600), 0.01, 0);
}

static void
run_beside_grant(struct world *w)
{
	struct world_mail m = newsletter(w, false);

	world_grant(w, 5000, "other.example");
	mailing(w, &m, 1500, world_between(w, 60, 600), 0.01, 0);
}

/* A bought list, blasted: a quarter to 60 % of it is dead, receivers call a part of the rest spam.
 */
static void
run_dirty_list(struct world *w)
{
	struct world_mail m = newsletter(w, false);

	m.headers = WORLD_PROPER;
	mailing(w, &m, 3000, world_between(w, 20, 300), world_between(w, 0.25, 0.6),
	    world_between(w, 0, 0.2));
}

/* A site with orders, until somebody uploads a mailer: random senders, sloppy headers. */
static void
run_broken_into(struct world *w)
{
	struct world_mail m = newsletter(w, false);
	double per_day = world_between(w, 10, 100);
	int64_t turn = world_now(w) + CLOCK_DAY_NS;

	while (world_now(w) < turn) {
		struct world_mail order = transactional(w, false);

		world_wait(w, DAY_S / per_day);
		world_send(w, &order);
	}
	world_turn(w);
	m.headers = world_random(w) < 0.5 ? WORLD_PROPER : OBS_HDR_DATE;
	m.rude = world_random(w) < 0.4;
	m.sender = "random.example";
	mailing(w, &m, 3000, world_between(w, 10, 200), world_between(w, 0.2, 0.5),
	    world_between(w, 0.05, 0.3));
}

/* 500 identical alerts to one administrator within an hour or less. */
static void
run_cron_storm(struct world *w)
{
	double seconds = world_between(w, 60, 3600);
	struct world_mail m = transactional(w, false);

	m.to = world_number(w);
	m.unknown = world_random(w) < 0.1; /* who left long ago */
	m.headers = WORLD_PROPER | OBS_HDR_AUTO_SUBMITTED;
	for (unsigned i = 0; i < 500; i++) {
		world_wait(w, seconds / 500);
		world_send(w, &m);
	}
}

/* A shop that sells on while its network is away for one to six hours. */
static void
run_queue_flush(struct world *w)
{
	double per_day = world_between(w, 100, 500), outage_s = world_between(w, 3600, 6 * 3600);
	int64_t out = world_now(w) + CLOCK_DAY_NS, back = out + (int64_t)(outage_s * 1e9);
	unsigned queue = 0;

	while (world_now(w) < out) {
		struct world_mail m = transactional(w, false);

		world_wait(w, DAY_S / per_day);
		world_send(w, &m);
	}
	while (world_now(w) < back) {
		world_wait(w, DAY_S / per_day);
		queue++;
		for (unsigned i = 0; i < 1 + queue / 10; i++)
			world_fail_connect(w, world_domain_of(world_number(w)));
	}
	for (; queue > 0; queue--) {
		struct world_mail m = transactional(w, false);

		world_sleep(w, 0.3);
		world_send(w, &m);
	}
}

/* Every second small domain defers strangers; the queue tries again after 5, 10, 20 minutes. */
static void
run_greylisted(struct world *w)
{
	struct world_mail waiting[64];
	int64_t due[64] = {0};
	double per_day = world_between(w, 100, 500);
	int64_t end = world_now(w) + 2 * CLOCK_DAY_NS;

	while (world_now(w) < end) {
		struct world_mail m = transactional(w, false);

		world_wait(w, DAY_S / per_day / daylight(w));
		m.deferred = world_domain_of(m.to) % 2 == 1 && world_domain_of(m.to) > 9;
		world_send(w, &m);
		for (unsigned i = 0; i < 64 && m.deferred; i++) {
			if (due[i] != 0)
				continue;
			due[i] = world_now(w) + 5 * CLOCK_MINUTE_NS;
			waiting[i] = m;
			break;
		}
		for (unsigned i = 0; i < 64; i++) {
			if (due[i] == 0 || due[i] > world_now(w))
				continue;
			waiting[i].deferred = world_random(w) < 0.3;
			due[i] = waiting[i].deferred ? world_now(w) + 20 * CLOCK_MINUTE_NS : 0;
			world_send(w, &waiting[i]);
		}
	}
}

static void
run_monitoring(struct world *w)
{
	unsigned hosts = 10 + (unsigned)(world_number(w) % 90);
	int64_t end = world_now(w) + CLOCK_DAY_NS;

	while (world_now(w) < end) {
		for (unsigned i = 0; i < hosts; i++) {
			if (world_random(w) < 0.05)
				world_fail_connect(w, 10 + i);
			else
				world_connect_and_quit(w, 10 + i);
		}
		world_sleep(w, 300);
	}
}

/* Mail of many senders to a few mailboxes elsewhere; a part of it is spam and refused as such. */
static void
run_forwarder(struct world *w)
{
	static const char *const senders[] = {"a.example", "b.example", "c.example", "d.example",
	    "e.example", "f.example", "g.example", "h.example", "i.example", "j.example",
	    "k.example", "l.example", "m.example", "n.example", "o.example", "p.example",
	    "q.example", "r.example"};
	double per_hour = world_between(w, 10, 60);
	int64_t end = world_now(w) + 2 * CLOCK_DAY_NS;

	while (world_now(w) < end) {
		struct world_mail m = transactional(w, false);

		world_wait(w, 3600 / per_hour);
		world_receive(w);
		m.sender = m.from = senders[world_number(w) % 18];
		m.to = world_number(w) % 12 * UINT64_C(0x9e3779b97f4a7c15);
		m.text = world_number(w);
		m.subject = 0;
		m.unknown = false;
		m.refused = world_random(w) < 0.15;
		world_send(w, &m);
	}
}

const struct world_kind world_kinds[] = {
    {"shop", WORLD_SPARE, 0, run_shop},
    {"shop, TLS only", WORLD_SPARE, 0, run_shop_tls},
    {"personal server", WORLD_SPARE, 0, run_personal},
    {"forum", WORLD_SPARE, 0, run_forum},
    {"small mailing list", WORLD_SPARE, 0, run_small_list},
    {"cron storm", WORLD_SPARE, 0, run_cron_storm},
    {"queue flush", WORLD_SPARE, 0, run_queue_flush},
    {"greylisted shop", WORLD_SPARE, 0, run_greylisted},
    {"monitoring", WORLD_SPARE, 0, run_monitoring},
    {"forwarder", WORLD_SPARE, 0, run_forwarder},
    {"newsletter, granted", WORLD_SPARE, 0, run_newsletter_granted},
    {"newsletter", WORLD_BLOCK, 60, run_newsletter},
    {"newsletter, slow", WORLD_BLOCK, 60, run_newsletter_slow},
    {"newsletter, TLS only", WORLD_BLOCK, 120, run_newsletter_tls},
    {"newsletter, grant exceeded", WORLD_BLOCK, 60, run_newsletter_exceeded},
    {"newsletter, other domain", WORLD_BLOCK, 60, run_beside_grant},
    {"dirty list", WORLD_BLOCK, 15, run_dirty_list},
    {"broken-into site", WORLD_BLOCK, 30, run_broken_into},
};
const unsigned world_kind_count = sizeof(world_kinds) / sizeof(world_kinds[0]);
