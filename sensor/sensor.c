/* SPDX-License-Identifier: ISC */
/*
 * The sensor as a library; see sensor.h.  Packets come in batches; frames are parsed, then the flow
 * table is prefetched, then the packets are handled in their order.  bulkhead-sensor, replay.
 */
#include "sensor/sensor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/crossing.h"
#include "sensor/fragment.h"
#include "sensor/frame.h"
#include "sensor/session.h"
#include "sensor/tcp.h"

#define BATCH_MAX   32
#define PORT_DNS    53
#define FLOWS_MIN   64u
#define FLOWS_LIMIT (4u << 20)

struct sensor {
	struct crossing *crossing;
	struct sessions *sessions;
	struct tcp *tcp;
	struct fragments *fragments;
	int64_t now;
	uint32_t flows_max;
	uint64_t packets, bytes, malformed, not_tcp, ignored;
	int64_t first_ns, last_ns;
	struct tcp_packet batch[BATCH_MAX];
};

void
sensor_config_init(struct sensor_config *cfg)
{
	static const uint16_t ports[] = {25, 465, 587, 2525};

	memset(cfg, 0, sizeof(*cfg));
	cfg->flows_max = 65536;
	cfg->port_count = sizeof(ports) / sizeof(ports[0]);
	memcpy(cfg->ports, ports, sizeof(ports));
	cfg->classify = true;
}

int
sensor_new(struct sensor **out, const struct sensor_config *cfg, sensor_emit_fn emit, void *arg,
    struct err *e)
{
	if (cfg->flows_max < FLOWS_MIN || cfg->flows_max > FLOWS_LIMIT)
		return err_set(e, -EINVAL, "flows_max is %u: choose a number from %u to %u",
		    cfg->flows_max, FLOWS_MIN, FLOWS_LIMIT);
	if (cfg->port_count > SENSOR_PORTS_MAX)
		return err_set(e, -EINVAL, "%u ports are too many: name at most %u",
		    cfg->port_count, SENSOR_PORTS_MAX);
	struct sensor *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return err_set(e, -ENOMEM, "no memory for the sensor");
	s->flows_max = cfg->flows_max;
	int code = crossing_new(&s->crossing, cfg->interface_of, cfg->interface_arg);
	if (code == 0)
		code = fragments_new(&s->fragments);
	if (code == 0)
		code = sessions_new(&s->sessions, cfg, s->crossing, emit, arg, e);
	else
		err_set(e, code, "no memory for the sensor");
	if (code == 0 && (code = tcp_new(&s->tcp, cfg, s->sessions)) != 0)
		err_set(e, code, "no memory for %u flows: lower flows_max", cfg->flows_max);
	if (code != 0)
		sensor_free(s);
	else
		*out = s;
	return code;
}

void
sensor_free(struct sensor *s)
{
	if (s == NULL)
		return;
	tcp_free(s->tcp);
	sessions_free(s->sessions);
	fragments_free(s->fragments);
	crossing_free(s->crossing);
	free(s);
}

static void
set_time(struct sensor *s, int64_t now_ns)
{
	int64_t before = s->now;

	if (now_ns <= before)
		return; /* captures merge interfaces and may step back a little */
	s->now = now_ns;
	sessions_set_time(s->sessions, now_ns);
	if (now_ns / CLOCK_SECOND_NS != before / CLOCK_SECOND_NS) {
		tcp_expire(s->tcp, now_ns);
		fragments_expire(s->fragments, now_ns);
	}
}

/* What a packet of a batch is for; bits. */
enum { FOR_NOBODY = 0, FOR_TCP = 1, FOR_DNS = 2, FOR_ATTEMPT = 4 };

/* A question of the tenant: at its tap it enters, elsewhere any crossing will do (the judge counts
 * a name once). */
static bool
asks_dns(const struct tcp_packet *p)
{
	return p->frame.dst_port == PORT_DNS && p->frame.captured > 0 &&
	       (p->role != SENSOR_ROLE_TENANT || p->frame.passage != FRAME_OUTGOING);
}

/* A piece of a datagram; with the last one *p is the whole. */
static enum frame_kind
take_fragment(struct sensor *s, struct tcp_packet *p, int64_t time_ns)
{
	if (crossing_get(s->crossing, p->frame.ifindex)->role != SENSOR_ROLE_IGNORE)
		return fragments_add(s->fragments, &p->frame, time_ns);
	s->ignored++;
	return FRAME_FRAGMENT;
}

/* Parses one packet into the batch; returns whom it is for. */
static unsigned
accept_packet(struct sensor *s, const struct packet *packet, struct tcp_packet *p)
{
	s->packets++;
	s->bytes += packet->wirelen > packet->caplen ? packet->wirelen : packet->caplen;
	if (s->first_ns == 0)
		s->first_ns = packet->time_ns;
	s->last_ns = packet->time_ns;
	enum frame_kind kind = frame_parse(packet, &p->frame);
	if (kind == FRAME_FRAGMENT)
		kind = take_fragment(s, p, packet->time_ns);
	if (kind == FRAME_FRAGMENT)
		return FOR_NOBODY;
	if (kind == FRAME_MALFORMED) {
		s->malformed++;
		return FOR_NOBODY;
	}
	if (kind != FRAME_TCP && kind != FRAME_UNREACHABLE &&
	    (kind != FRAME_UDP || p->frame.dst_port != PORT_DNS)) {
		s->not_tcp++;
		return FOR_NOBODY;
	}
	p->role = crossing_get(s->crossing, p->frame.ifindex)->role;
	if (p->role == SENSOR_ROLE_IGNORE) {
		s->ignored++;
		return FOR_NOBODY;
	}
	if (kind == FRAME_UNREACHABLE)
		return FOR_ATTEMPT;
	unsigned dns = asks_dns(p) ? FOR_DNS : FOR_NOBODY;
	if (kind == FRAME_UDP)
		return dns;
	tcp_prepare(s->tcp, p);
	return FOR_TCP | dns;
}

static void
handle_batch(struct sensor *s, const struct packet *packets, unsigned count)
{
	unsigned use[BATCH_MAX];

	fragments_release(s->fragments);
	for (unsigned i = 0; i < count; i++)
		use[i] = accept_packet(s, &packets[i], &s->batch[i]);
	for (unsigned i = 0; i < count && count > 1; i++)
		if ((use[i] & FOR_TCP) != 0)
			tcp_prefetch(s->tcp, &s->batch[i]);
	for (unsigned i = 0; i < count; i++) {
		set_time(s, packets[i].time_ns);
		if ((use[i] & FOR_ATTEMPT) != 0)
			tcp_unreachable(s->tcp, &s->batch[i]);
		if ((use[i] & FOR_DNS) != 0)
			session_dns(s->sessions, &s->batch[i].frame, (use[i] & FOR_TCP) != 0);
		if ((use[i] & FOR_TCP) != 0)
			tcp_handle(s->tcp, &s->batch[i], s->now);
	}
}

void
sensor_packets(struct sensor *s, const struct packet *packets, unsigned count)
{
	while (count > 0) {
		unsigned n = count < BATCH_MAX ? count : BATCH_MAX;
		handle_batch(s, packets, n);
		packets += n;
		count -= n;
	}
}

void
sensor_tick(struct sensor *s, int64_t now_ns)
{
	set_time(s, now_ns);
}

void
sensor_finish(struct sensor *s, int64_t now_ns)
{
	set_time(s, now_ns);
	tcp_finish(s->tcp, s->now);
	fragments_expire(s->fragments, INT64_MAX);
}

void
sensor_forget_interfaces(struct sensor *s)
{
	crossing_forget(s->crossing);
}

void
sensor_get_stats(const struct sensor *s, struct sensor_stats *out)
{
	struct tcp_stats tcp;
	struct fragment_stats fragments;
	struct session_stats sessions;

	tcp_get_stats(s->tcp, &tcp);
	fragments_get_stats(s->fragments, &fragments);
	sessions_get_stats(s->sessions, &sessions);
	*out = (struct sensor_stats){.packets = s->packets,
	    .bytes = s->bytes,
	    .malformed = s->malformed + tcp.stream.implausible,
	    .not_tcp = s->not_tcp + tcp.unwanted,
	    .ignored = s->ignored,
	    .other_crossings = tcp.other_crossings,
	    .flows = tcp.flows,
	    .flows_live = tcp.flows_live,
	    .flows_max = s->flows_max,
	    .evicted = tcp.evicted,
	    .gaps = tcp.stream.gaps + sessions.holes,
	    .gap_bytes = tcp.stream.gap_bytes,
	    .reordered = tcp.stream.reordered,
	    .retransmitted = tcp.stream.retransmitted,
	    .one_sided = sessions.one_sided,
	    .midstream = sessions.midstream,
	    .unmatched_replies = sessions.unmatched_replies,
	    .pool_exhausted = sessions.pool_exhausted + tcp.stream.pool_exhausted,
	    .fragments = fragments.seen,
	    .fragments_assembled = fragments.assembled,
	    .fragments_refused = fragments.refused,
	    .fragments_lost = fragments.lost,
	    .mx_suppressed = sessions.mx_suppressed,
	    .observations = sessions.observations,
	    .memory_bytes = tcp.memory_bytes + sessions.memory_bytes + fragments.memory_bytes,
	    .first_ns = s->first_ns,
	    .last_ns = s->last_ns};
}
