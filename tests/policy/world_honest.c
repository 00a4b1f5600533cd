/* SPDX-License-Identifier: ISC */
/*
 * Honest kinds of sender.  Their volumes are what mail providers and panels let ordinary customers
 * send, not the judge's thresholds:
 *   Mailu 200 a day and user; policyd-rate-limit 10 a minute and 150 a day; Yandex mailbox 500
 *   recipients a day, 35 to a message; Plesk 100 an hour and domain; cPanel 200 an hour; CSF 100 to
 *   500 an hour; Vlad-Host 2,000 a day.
 * Retries: Postfix's queue_run_delay and minimal_backoff_time 300 s, maximal_backoff_time 4,000 s;
 * greylisting: postgrey's 300 s.
 */
#include <math.h>

#include "tests/policy/world_mail.h"

double
world_daylight(const struct world *w)
{
	double hour = (double)(world_now(w) % CLOCK_DAY_NS) / (double)CLOCK_HOUR_NS;

	return 1 + 0.8 * sin((hour - 8) * M_PI / 12);
}

struct world_mail
world_transactional(struct world *w)
{
	struct world_mail m = {
	    .to = world_number(w),
	    .unknown = world_random(w) < 0.01, /* typing errors */
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

/* 20 to 500 orders a day (up to Yandex's mailbox limit), a copy of each to the owner, who has a
 * mailbox at a large provider in three of ten shops. */
void
world_run_shop(struct world *w)
{
	double per_day = world_between(w, 20, 500);
	bool large = world_random(w) < 0.3;
	/* Half of them mail what is always as long: registrations, codes, status changes. */
	bool uniform = world_random(w) < 0.5;
	int64_t end = world_now(w) + 7 * CLOCK_DAY_NS;

	while (world_now(w) < end) {
		struct world_mail m;

		world_wait(w, DAY_S / per_day / world_daylight(w));
		m = world_transactional(w);
		if (uniform)
			m.bytes = (unsigned)world_between(w, 8000, 8100);
		world_send(w, &m);
		m.to = 4242;
		m.house = large ? 1 : 700;
		m.bytes = m.bytes / 2; /* "A new order" */
		m.unknown = false;
		world_send(w, &m);
	}
}

/* Notifications of a small service: 10 to 60 events a day, each told to a team of one to six. */
void
world_run_saas(struct world *w)
{
	double per_day = world_between(w, 10, 60);
	unsigned teams = 5 + (unsigned)(world_number(w) % 40);
	int64_t end = world_now(w) + 7 * CLOCK_DAY_NS;

	while (world_now(w) < end) {
		struct world_mail m = world_transactional(w);
		uint64_t team = world_number(w) % teams;
		unsigned people = 1 + (unsigned)(team * GOLDEN >> 40) % 6;

		world_wait(w, DAY_S / per_day / world_daylight(w));
		m.unknown = false;
		m.headers |= OBS_HDR_AUTO_SUBMITTED;
		m.noise_bits = 5;
		for (unsigned i = 0; i < people; i++) {
			m.to = (team * 100 + i) * GOLDEN;
			world_send(w, &m);
			world_sleep(w, 0.3);
		}
	}
}

/* A small forum: a reply notifies up to twelve who watch the topic; the mail says Precedence: list.
 */
void
world_run_forum(struct world *w)
{
	double per_day = world_between(w, 10, 60);
	bool quotes = world_random(w) < 0.5; /* the post, or only that there is one */
	int64_t end = world_now(w) + 7 * CLOCK_DAY_NS;

	while (world_now(w) < end) {
		struct world_mail m = world_transactional(w);
		uint64_t topic = world_number(w) % 40;
		unsigned watchers = 1 + (unsigned)(world_number(w) % 12);

		world_wait(w, DAY_S / per_day / world_daylight(w));
		m.headers |= WORLD_LIST_MAIL | OBS_HDR_PRECEDENCE_BULK;
		if (quotes)
			m.text = world_number(w);
		m.subject = 1000 + topic;
		m.unknown = false;
		for (unsigned i = 0; i < watchers; i++) {
			m.to = (topic * 100 + i) * GOLDEN;
			world_send(w, &m);
			world_sleep(w, 0.5);
		}
	}
}

void
world_run_personal(struct world *w)
{
	double per_day = world_between(w, 5, 60);
	int64_t end = world_now(w) + 14 * CLOCK_DAY_NS;

	while (world_now(w) < end) {
		struct world_mail m = world_transactional(w);

		world_wait(w, DAY_S / per_day / world_daylight(w));
		m.to = world_number(w) % 80 * GOLDEN;
		m.unknown = world_random(w) < 0.02;
		m.text = world_number(w);
		m.subject = 0;
		m.bytes = (unsigned)(2000 * exp(world_between(w, 0, 5)));
		world_send(w, &m);
		world_receive(w);
	}
}

/* 10 to 35 subscribers (Yandex lets a mailbox write to 35 at once); every post goes to all of them.
 */
void
world_run_list(struct world *w)
{
	unsigned subscribers = 10 + (unsigned)(world_number(w) % 26);
	double per_day = world_between(w, 2, 15);
	int64_t end = world_now(w) + 14 * CLOCK_DAY_NS;

	while (world_now(w) < end) {
		struct world_mail m = world_transactional(w);

		world_wait(w, DAY_S / per_day / world_daylight(w));
		m.headers |= OBS_HDR_LIST_ID | OBS_HDR_PRECEDENCE_BULK | OBS_HDR_LIST_UNSUBSCRIBE;
		m.text = world_number(w);
		m.subject = 0;
		m.unknown = false;
		m.bytes = (unsigned)(2000 * exp(world_between(w, 0, 3)));
		world_receive(w);
		for (unsigned i = 0; i < subscribers; i++) {
			m.to = i * GOLDEN + 5;
			world_send(w, &m);
			world_sleep(w, 0.2);
		}
	}
}

/* Mail of many senders to a few mailboxes elsewhere; a part of it is spam and refused as such. */
void
world_run_forwarder(struct world *w)
{
	static const char *const senders[] = {"a.example", "b.example", "c.example", "d.example",
	    "e.example", "f.example", "g.example", "h.example", "i.example", "j.example",
	    "k.example", "l.example", "m.example", "n.example", "o.example", "p.example",
	    "q.example", "r.example"};
	double per_hour = world_between(w, 2, 30);
	int64_t end = world_now(w) + 5 * CLOCK_DAY_NS;

	while (world_now(w) < end) {
		struct world_mail m = world_transactional(w);

		world_wait(w, 3600 / per_hour);
		world_receive(w);
		m.sender = m.from = senders[world_number(w) % 18];
		m.to = world_number(w) % 12 * GOLDEN;
		m.text = world_number(w);
		m.subject = 0;
		m.unknown = false;
		m.refused = world_random(w) < 0.15;
		m.bytes = (unsigned)(2000 * exp(world_between(w, 0, 5)));
		world_send(w, &m);
	}
}

/* Connects to 10 to 50 mail servers every five minutes and quits. */
void
world_run_monitoring(struct world *w)
{
	unsigned hosts = 10 + (unsigned)(world_number(w) % 40);
	int64_t end = world_now(w) + 2 * CLOCK_DAY_NS;

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

/* 500 identical alerts within an hour or less, and quiet again: to one administrator, in a third of
 * the runs to a team of two to five who share the work. */
void
world_run_cron_storm(struct world *w)
{
	double seconds = world_between(w, 60, 3600);
	struct world_mail m = world_transactional(w);
	uint64_t team, first;

	team = world_random(w) < 0.33 ? 2 + world_number(w) % 4 : 1;
	first = world_number(w);
	m.house = 20 + world_number(w) % 500; /* the company's own mail server */
	m.unknown = world_random(w) < 0.1;    /* who left long ago */
	m.headers = WORLD_PROPER | OBS_HDR_AUTO_SUBMITTED;
	for (unsigned i = 0; i < 500; i++) {
		world_wait(w, seconds / 500);
		m.to = first + i % team * GOLDEN;
		world_send(w, &m);
	}
	world_sleep(w, 6 * DAY_S);
}

/* A shop that sells on while its network is away for one to six hours. */
void
world_run_queue_flush(struct world *w)
{
	double per_day = world_between(w, 100, 500), outage_s = world_between(w, 3600, 6 * 3600);
	int64_t out = world_now(w) + CLOCK_DAY_NS, back = out + (int64_t)(outage_s * 1e9);
	unsigned queue = 0;

	while (world_now(w) < out) {
		struct world_mail m = world_transactional(w);

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
		struct world_mail m = world_transactional(w);

		world_sleep(w, 0.3);
		world_send(w, &m);
	}
	world_sleep(w, 6 * DAY_S);
}

/* Every second small domain defers strangers; the queue tries again after 5, 10, 20 minutes. */
void
world_run_greylisted(struct world *w)
{
	struct world_mail waiting[64];
	int64_t due[64] = {0};
	double per_day = world_between(w, 20, 500);
	int64_t end = world_now(w) + 5 * CLOCK_DAY_NS;

	while (world_now(w) < end) {
		struct world_mail m = world_transactional(w);

		world_wait(w, DAY_S / per_day / world_daylight(w));
		m.deferred = world_domain_of(m.to) % 2 == 1 && world_domain_of(m.to) > 9;
		m.unknown = m.unknown && !m.deferred;
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

/* Old mail is sent once more to one to thirty mailboxes at their new house: messages of all sizes,
 * as quickly as it takes them. */
void
world_run_migration(struct world *w)
{
	unsigned mailboxes = 1 + (unsigned)(world_number(w) % 30);
	unsigned mails = (unsigned)world_between(w, 500, 5000);
	double per_minute = world_between(w, 10, 100);
	uint64_t house = 20 + world_number(w) % 500;

	for (unsigned i = 0; i < mails; i++) {
		struct world_mail m = world_transactional(w);

		world_wait(w, 60 / per_minute);
		m.house = house;
		m.to = (house * 1000 + world_number(w) % mailboxes) * GOLDEN;
		m.unknown = false;
		m.text = world_number(w);
		m.subject = 0;
		m.sender = m.from = "moved.example";
		m.bytes = (unsigned)(2000 * exp(world_between(w, 0, 6)));
		world_send(w, &m);
	}
	world_sleep(w, 13 * DAY_S);
}

void
world_run_granted(struct world *w)
{
	struct world_mail m = world_newsletter(w);
	unsigned size = (unsigned)world_between(w, 300, 5000);
	double unknown;

	world_grant(w, size + size / 10, "news.example");
	if (world_random(w) < 0.3)
		m.sender = "bounce.esp.example"; /* the From field is the tenant's */
	/* A list that is kept: below Mail.ru's ceiling of 5 % invalid addresses. */
	unknown = world_between(w, 0.005, 0.045);
	for (unsigned i = 0; i < 3; i++) {
		world_mailing(w, &m, size, world_between(w, 10, 600), unknown, 0);
		world_sleep(w, 6.5 * DAY_S); /* weekly */
	}
}

/* A large service that applied: 1,000 to 5,000 notices a day, some to hundreds at once. */
void
world_run_saas_granted(struct world *w)
{
	double events = world_between(w, 50, 200);
	int64_t end = world_now(w) + 3 * CLOCK_DAY_NS;

	world_grant(w, 20000, "shop.example");
	while (world_now(w) < end) {
		struct world_mail m = world_transactional(w);
		unsigned people = 1 + (unsigned)(100 * pow(world_random(w), 4));

		world_wait(w, DAY_S / events / world_daylight(w));
		for (unsigned i = 0; i < people; i++) {
			m.to = world_number(w) % 5000 * GOLDEN;
			m.unknown = world_random(w) < 0.01;
			world_send(w, &m);
			world_sleep(w, 0.2);
		}
	}
}

/* Stolen passwords tried at other people's submission servers: people are alerted, port 25 has no
 * part in it. */
void
world_run_stuffing(struct world *w)
{
	for (unsigned i = 0; i < 2000; i++) {
		world_wait(w, 1.5);
		world_fail_login(w, 10 + world_number(w) % 300);
	}
	world_sleep(w, 6 * DAY_S);
}

/* A tunnel that uses port 25 because somebody's firewall lets it through: no mail, no block. */
void
world_run_tunnel(struct world *w)
{
	uint64_t peer = world_number(w) % 500;

	for (unsigned i = 0; i < 200; i++)
		world_tunnel(w, peer, world_between(w, 60, 1800));
}

/* Ten shops on as many servers, all with the same software, the same template around another name. */
static void
run_shops(struct world *w, unsigned per_tenant, double per_day, double typos, const char *helo)
{
	static const char *const shops[] = {"a.example", "b.example", "c.example", "d.example",
	    "e.example", "f.example", "g.example", "h.example", "i.example", "j.example"};
	int64_t end = world_now(w) + 2 * CLOCK_DAY_NS;

	world_servers(w, 10, per_tenant);
	while (world_now(w) < end) {
		struct world_mail m;
		unsigned shop = (unsigned)(world_number(w) % 10);

		world_wait(w, DAY_S / per_day / world_daylight(w));
		m = world_transactional(w);
		m.sender = m.from = shops[shop];
		m.text ^= (uint64_t)shop * UINT64_C(0x0101010101);
		m.unknown = world_random(w) < typos;
		m.helo = helo;
		world_use(w, shop);
		world_send(w, &m);
	}
}

/* One customer has them all. */
void
world_run_reseller(struct world *w)
{
	run_shops(w, 10, world_between(w, 200, 2500), 0.01, NULL);
}

/* Each is another customer's: mail of one template and one length from ten tenants, in half of the
 * runs from machines that still have the name of the image they were made of.  1 to 3 % of the
 * addresses are mistyped (a registration form without a second field; below Mail.ru's 5 %). */
void
world_run_common_software(struct world *w)
{
	const char *helo = world_random(w) < 0.5 ? "server.image.example" : NULL;

	run_shops(w, 1, world_between(w, 500, 5000), world_between(w, 0.01, 0.03), helo);
}

/* Six shops whose mail is as long as that of a snowshoe of ten servers on the same host; in the
 * clear they even use its template, and in half of the runs the same image. */
void
world_run_neighbours(struct world *w)
{
	double per_day = world_between(w, 600, 2400), per_hour = world_between(w, 200, 600);
	double dead = world_between(w, 0.1, 0.3), seconds = 86400 / (per_day + 24 * per_hour);
	int64_t end = world_now(w) + 2 * CLOCK_DAY_NS;
	unsigned bytes = (unsigned)world_between(w, 6000, 14000);
	const char *helo = world_random(w) < 0.5 ? "server.image.example" : NULL;

	world_servers(w, 16, 2);
	world_watch(w, 10);
	while (world_now(w) < end) {
		bool shop = world_random(w) < per_day / (per_day + 24 * per_hour);
		struct world_mail m;

		world_wait(w, seconds);
		m = world_transactional(w);
		m.bytes = bytes;
		m.helo = helo;
		m.unknown = world_random(w) < (shop ? 0.02 : dead);
		world_use(w, (unsigned)(shop ? 10 + world_number(w) % 6 : world_number(w) % 10));
		world_send(w, &m);
	}
}
