/* SPDX-License-Identifier: ISC */
/*
 * How long the judge takes for one observation with many servers, and what it remembers of each.
 *
 *   bench_judge [servers] [observations]      no argument: the table from 1 to 10,000
 *
 * Exits with 1 when an observation takes more than 2 us in the last line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "policy/judge.h"

#define START_NS (INT64_C(1780272000) * CLOCK_SECOND_NS)

static uint64_t
next(uint64_t *random)
{
	uint64_t x = *random += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	return (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb) >> 1;
}

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static struct inventory *
make_inventory(unsigned servers)
{
	struct inventory *inv;

	if (inventory_new(&inv, NULL) != 0)
		abort();
	for (unsigned i = 0; i < servers; i++) {
		struct server s = {.ifname_count = 1};

		snprintf(s.name, sizeof(s.name), "vm%u", i);
		snprintf(s.tenant, sizeof(s.tenant), "t%u", i / 2);
		snprintf(s.ifnames[0], sizeof(s.ifnames[0]), "vnet%u", i);
		if (inventory_put(inv, &s, NULL) < 0)
			abort();
	}
	return inv;
}

/* Mail as it comes, of which most servers send about one a minute: start, recipient, message, end of one server after the other; one server in a
 * hundred mails all the time, the others now and then; a third through TLS. */
static void
make_observation(struct observation *o, uint64_t *random, unsigned servers, unsigned step)
{
	uint64_t session = step / 4, person = next(random);
	unsigned who = (unsigned)(next(&session) % servers);
	bool tls;
	static const uint8_t clear_kinds[4] = {
	    OBS_SESSION_START, OBS_RECIPIENT, OBS_MESSAGE, OBS_SESSION_END};

	if (step / 4 % 3 == 0)
		who = who / 100;
	tls = who % 3 == 0;
	memset(o, 0, sizeof(*o));
	o->kind = tls && step % 4 == 1	 ? OBS_ESTIMATE
		  : tls && step % 4 == 2 ? OBS_SESSION_END
					 : clear_kinds[step % 4];
	o->time_ns = START_NS + (int64_t)step * (CLOCK_SECOND_NS / 1000);
	o->session = step / 4 + 1;
	o->server_port = 25;
	snprintf(o->ifname, sizeof(o->ifname), "vnet%u", who);
	o->server.bytes[15] = (uint8_t)person;
	o->server.bytes[14] = (uint8_t)(person >> 8 & 15);
	if (o->kind == OBS_RECIPIENT) {
		o->u.recipient.hash = person;
		o->u.recipient.domain_hash = person % 1000;
		o->u.recipient.reply.code = 250;
		strcpy(o->u.recipient.sender_domain, "shop.example");
	} else if (o->kind == OBS_MESSAGE) {
		o->u.message.reply.code = 250;
		o->u.message.headers_seen = true;
		o->u.message.headers = OBS_HDR_DATE | OBS_HDR_MESSAGE_ID;
		/* A third is a template: its own, or that of a tenth of all servers. */
		o->u.message.fingerprint = person % 3 != 0 ? person
					   : who % 10 == 0 ? 4711
							   : who * UINT64_C(0x9e3779b97f4a7c15);
		strcpy(o->u.message.from_domain, "shop.example");
	} else if (o->kind == OBS_ESTIMATE) {
		o->u.estimate.messages = o->u.estimate.recipients = 1;
		o->u.estimate.typical_bytes = (uint32_t)(5000 + person % 5000);
		o->u.estimate.confidence = 900;
	} else if (o->kind == OBS_SESSION_END) {
		o->u.end.is_smtp = true;
		strcpy(o->u.end.helo, "vm.example");
		strcpy(o->u.end.greeting_host, "mx.example");
	}
}

/* One line of the table: nanoseconds for one observation, ticks included, once every server has been
 * seen. */
static double
measure(unsigned servers, unsigned count)
{
	struct inventory *inv = make_inventory(servers);
	unsigned warm = 40 * servers < count ? 40 * servers : count;
	struct settings settings;
	struct judge *judge;
	uint64_t random = 1;
	struct observation o;
	double making, judging = 0;

	settings_init(&settings);
	if (judge_new(&judge, &settings, inv, false, NULL, NULL, NULL) != 0)
		abort();
	making = cpu_seconds();
	for (unsigned i = 0; i < count; i++)
		make_observation(&o, &random, servers, i);
	making = cpu_seconds() - making;
	for (unsigned i = 0; i < warm + count; i++) {
		if (i == warm)
			judging = cpu_seconds();
		make_observation(&o, &random, servers, i);
		judge_observe(judge, &o);
		if (i % 1000 == 999)
			judge_tick(judge, o.time_ns); /* once a second of its time */
	}
	judging = cpu_seconds() - judging - making;
	judge_free(judge);
	inventory_free(inv);
	return judging / count * 1e9;
}

int
main(int argc, char **argv)
{
	static const unsigned table[] = {1, 10, 100, 1000, 10000};
	unsigned only = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	unsigned count = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1000000;
	double ns = 0;

	printf("%10s %20s %22s\n", "servers", "ns per observation", "bytes per server");
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (only != 0 && i > 0)
			break;
		ns = measure(only != 0 ? only : table[i], count);
		printf("%10u %20.0f %22zu\n", only != 0 ? only : table[i], ns,
		    judge_memory_per_server());
	}
	return ns > 2000; /* the goal, at 10,000 servers */
}
