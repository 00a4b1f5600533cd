/* SPDX-License-Identifier: ISC */
/*
 * How long the judge takes for one observation with many servers, and what it remembers of each.
 *
 *   bench_judge [servers] [observations]
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

/* Mail as it comes: start, recipient, message, end of one server after the other; one server in a
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
		o->u.message.fingerprint = person % 3 == 0 ? 4711 : person;
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

int
main(int argc, char **argv)
{
	unsigned servers = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000;
	unsigned count = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 4000000;
	struct inventory *inv = make_inventory(servers);
	struct settings settings;
	struct judge *judge;
	uint64_t random = 1;
	struct observation o;
	double making, judging;

	settings_init(&settings);
	if (judge_new(&judge, &settings, inv, false, NULL, NULL, NULL) != 0)
		abort();
	making = cpu_seconds();
	for (unsigned i = 0; i < count; i++)
		make_observation(&o, &random, servers, i);
	making = cpu_seconds() - making;
	random = 1;
	judging = cpu_seconds();
	for (unsigned i = 0; i < count; i++) {
		make_observation(&o, &random, servers, i);
		judge_observe(judge, &o);
		if (i % 1000 == 999)
			judge_tick(judge, o.time_ns); /* once a second of its time */
	}
	judging = cpu_seconds() - judging - making;
	printf("%u servers, %u observations: %.0f ns each, ticks included; %zu bytes per server\n",
	    servers, count, judging / count * 1e9, judge_memory_per_server());
	judge_free(judge);
	inventory_free(inv);
	return judging / count > 2e-6; /* the goal is 2 us */
}
