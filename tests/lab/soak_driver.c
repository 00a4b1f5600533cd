/* SPDX-License-Identifier: ISC */
/*
 * A sensor without packets: soak_driver SOCKET SERVERS SESSIONS_PER_S SECONDS [BULK] sends the
 * observations of SMTP sessions of servers vm-0 ... (interface tapN, address 10.x.y.z).  The first
 * BULK servers send to a new recipient in every session and take half of all sessions; the others
 * send one mail now and then.  Waits for no one: what the guard does not take is counted as a
 * sensor would.  Prints "sent=N lost=N" at the end.  tests/lab/soak.sh.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "sensor/emit.h"

#define QUEUE_MAX 65536

struct driver {
	struct emit *emit;
	unsigned servers, bulk;
	uint64_t sessions, sent;
	uint32_t random;
};

static uint32_t
draw(struct driver *d, uint32_t below)
{
	/* xorshift32 (Marsaglia 2003), always the same. */
	d->random ^= d->random << 13;
	d->random ^= d->random >> 17;
	d->random ^= d->random << 5;
	return d->random % below;
}

static void
tell(struct driver *d, struct observation *obs, enum obs_kind kind)
{
	obs->kind = (uint8_t)kind;
	emit_add(d->emit, obs);
	d->sent++;
}

static void
address(struct addr *out, uint32_t first, uint32_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%u.%u.%u.%u", first, n >> 16 & 255, n >> 8 & 255, n & 255);
	addr_parse(text, out);
}

static void
one_session(struct driver *d)
{
	bool bulk = d->bulk > 0 && draw(d, 2) == 0;
	unsigned server = bulk ? draw(d, d->bulk) : draw(d, d->servers);
	struct observation obs = {.visibility = OBS_CLEAR,
	    .time_ns = clock_wall_ns(),
	    .session = ++d->sessions,
	    .client_port = (uint16_t)(1024 + draw(d, 60000)),
	    .server_port = 25};

	snprintf(obs.ifname, sizeof(obs.ifname), "tap%u", server);
	address(&obs.client, 10, server + 1);
	address(&obs.server, 198, 18U << 16 | draw(d, 200));
	tell(d, &obs, OBS_SESSION_START);
	/* An ordinary server writes to few people, a mailing to a new one each time. */
	obs.u.recipient.hash =
	    bulk ? d->sessions << 16 | server : (uint64_t)server << 32 | draw(d, 5);
	obs.u.recipient.domain_hash = 1 + draw(d, 100);
	snprintf(obs.u.recipient.domain, OBS_DOMAIN_BYTES, "example%u.org", draw(d, 100));
	snprintf(obs.u.recipient.sender_domain, OBS_DOMAIN_BYTES, "vm-%u.example", server);
	obs.u.recipient.reply_class = OBS_ACCEPTED;
	obs.u.recipient.reply.code = 250;
	tell(d, &obs, OBS_RECIPIENT);
	memset(&obs.u, 0, sizeof(obs.u));
	obs.u.message.reply.code = 250;
	obs.u.message.size_bytes = 4000;
	obs.u.message.recipients_accepted = 1;
	obs.u.message.headers_seen = true;
	obs.u.message.headers = OBS_HDR_DATE | OBS_HDR_MESSAGE_ID;
	obs.u.message.fingerprint =
	    bulk ? 0x1234567890abcdefULL + server : d->sessions * 0x9e3779b97f4a7c15ULL;
	tell(d, &obs, OBS_MESSAGE);
	memset(&obs.u, 0, sizeof(obs.u));
	obs.u.end.is_smtp = true;
	obs.u.end.counts.messages = obs.u.end.counts.recipients_accepted = 1;
	obs.u.end.commands = 5;
	tell(d, &obs, OBS_SESSION_END);
}

static void
health(struct driver *d)
{
	struct observation obs = {.visibility = OBS_FLOW, .time_ns = clock_wall_ns()};

	obs.u.health.packets = d->sent * 10;
	obs.u.health.observations_lost = emit_lost(d->emit);
	obs.u.health.interfaces = d->servers;
	obs.u.health.flows_max = 65536;
	tell(d, &obs, OBS_HEALTH);
}

int
main(int argc, char **argv)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	struct driver d = {.random = 2463534242U};
	uint64_t rate, done = 0;
	int64_t begin, end, next_health;
	struct err e;

	if (argc < 5) {
		fputs("usage: soak_driver SOCKET SERVERS SESSIONS_PER_S SECONDS [BULK]\n", stderr);
		return 2;
	}
	d.servers = (unsigned)strtoul(argv[2], NULL, 10);
	rate = strtoul(argv[3], NULL, 10);
	d.bulk = argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : 0;
	if (d.servers == 0 || rate == 0 || emit_new(&d.emit, argv[1], QUEUE_MAX, &e) < 0) {
		fputs("soak_driver: bad arguments\n", stderr);
		return 1;
	}
	begin = next_health = clock_mono_ns();
	end = begin + strtol(argv[4], NULL, 10) * CLOCK_SECOND_NS;
	while (clock_mono_ns() < end) {
		int64_t now = clock_mono_ns();
		uint64_t due = (uint64_t)((now - begin) / 1000) * rate / 1000000;

		for (; done < due; done++)
			one_session(&d);
		if (now >= next_health) {
			health(&d);
			next_health += CLOCK_SECOND_NS;
		}
		emit_flush(d.emit, now);
		nanosleep(&pause, NULL);
	}
	/* A guard that is there is given the time of a busy machine; one that is gone, a second. */
	for (int i = 0; emit_waiting(d.emit) > 0 && i < (emit_is_connected(d.emit) ? 30000 : 500);
	     i++) {
		emit_flush(d.emit, clock_mono_ns());
		nanosleep(&pause, NULL);
	}
	printf("sessions=%llu sent=%llu lost=%llu waiting=%u\n", (unsigned long long)d.sessions,
	    (unsigned long long)d.sent, (unsigned long long)emit_lost(d.emit),
	    emit_waiting(d.emit));
	emit_free(d.emit);
	return 0;
}
