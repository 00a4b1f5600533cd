/* SPDX-License-Identifier: ISC */
/* A sensor in memory, and traffic of the project's own generator through it. */
#ifndef TESTS_UNIT_SENSOR_FIXTURE_H
#define TESTS_UNIT_SENSOR_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sensor/sensor.h"
#include "tests/gen/smtpgen.h"

#define START_NS (INT64_C(1770026400) * CLOCK_SECOND_NS)
#define SEEN_MAX 4096

/* One run: packets are collected, then fed in batches, and what comes out is kept. */
struct run {
	struct sensor_config cfg;
	struct gen *g;
	struct packet packets[20000];
	unsigned count;
	unsigned batch;
	struct observation seen[SEEN_MAX];
	unsigned seen_count;
	struct sensor_stats stats;
	struct gen_truth truth;
	struct obs_counts sum; /* of all ends */
	unsigned kinds[OBS__COUNT];
	unsigned smtp_sessions;
};

static struct run run;
static char text[70000];

static inline void
see(void *arg, const struct observation *obs)
{
	struct run *r = arg;

	assert_true(r->seen_count < SEEN_MAX);
	r->seen[r->seen_count++] = *obs;
	r->kinds[obs->kind]++;
	if (obs->kind != OBS_SESSION_END)
		return;
	const struct obs_counts *c = &obs->u.end.counts;
	r->smtp_sessions += obs->u.end.is_smtp;
	r->sum.messages += c->messages;
	r->sum.messages_refused += c->messages_refused;
	r->sum.recipients_accepted += c->recipients_accepted;
	r->sum.recipients_rejected += c->recipients_rejected;
	r->sum.recipients_deferred += c->recipients_deferred;
	r->sum.messages_estimated += c->messages_estimated;
}

static inline void
collect(void *arg, const struct packet *packet)
{
	struct run *r = arg;
	uint8_t *copy = malloc(packet->caplen);

	assert_true(r->count < sizeof(r->packets) / sizeof(r->packets[0]));
	memcpy(copy, packet->data, packet->caplen);
	r->packets[r->count] = *packet;
	r->packets[r->count++].data = copy;
}

static inline void
begin(uint32_t linktype, uint32_t snaplen)
{
	memset(&run, 0, sizeof(run));
	sensor_config_init(&run.cfg);
	run.cfg.flows_max = 1024;
	run.cfg.classify = false;
	run.batch = 32;
	run.g = gen_new(7, linktype, snaplen);
	gen_set_callback(run.g, collect, &run);
}

/* Feeds everything; `idle_ns` more pass before the capture ends. */
static inline void
finish(int64_t idle_ns)
{
	struct sensor *s;
	struct err e;

	gen_flush(run.g, INT64_MAX);
	gen_free(run.g);
	assert_int_equal(sensor_new(&s, &run.cfg, see, &run, &e), 0);
	for (unsigned i = 0; i < run.count; i += run.batch)
		sensor_packets(
		    s, run.packets + i, run.count - i < run.batch ? run.count - i : run.batch);
	int64_t last = run.count > 0 ? run.packets[run.count - 1].time_ns : START_NS;
	for (int64_t t = CLOCK_SECOND_NS; t <= idle_ns; t += CLOCK_SECOND_NS)
		sensor_tick(s, last + t);
	sensor_finish(s, last + idle_ns);
	sensor_get_stats(s, &run.stats);
	sensor_free(s);
	for (unsigned i = 0; i < run.count; i++)
		free((void *)(uintptr_t)run.packets[i].data);
	assert_int_equal(run.stats.flows_live, 0);
	assert_int_equal(run.stats.observations, run.seen_count);
	assert_int_equal(run.stats.packets, run.count);
}

static struct addr
v4(unsigned a, unsigned b, unsigned c, unsigned d)
{
	return addr_from_v4((const uint8_t[]){(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d});
}

static inline struct gen_path
path_of(unsigned client, unsigned server)
{
	struct gen_path path;

	gen_path_init(&path, v4(10, 0, 0, client), v4(192, 0, 2, server), START_NS);
	path.client_port = (uint16_t)(40000 + client);
	return path;
}

static const struct gen_recipient recipients[] = {{"anna@dest.example", NULL},
    {"nobody@dest.example", "550 5.1.1 <nobody@dest.example>: User unknown"},
    {"late@other.example", "450 4.2.0 Greylisted"}};

/* Speaks `messages` times to the three recipients above: 1 accepted, 1 rejected, 1 deferred. */
static inline void
talk(const struct gen_path *path, struct gen_smtp smtp, unsigned messages, size_t size)
{
	struct gen_message list[8];

	gen_message_text(
	    text, sizeof(text), size, "shop@example.com", "anna@dest.example", 1, true);
	for (unsigned i = 0; i < messages; i++)
		list[i] = (struct gen_message){.from = "shop@example.com",
		    .recipients = recipients,
		    .recipient_count = 3,
		    .text = text};
	smtp.messages = list;
	smtp.message_count = messages;
	gen_smtp_session(run.g, path, &smtp, &run.truth);
}

static inline void
expect_truth(void)
{
	assert_int_equal(run.smtp_sessions, run.truth.sessions);
	assert_int_equal(run.sum.messages, run.truth.messages);
	assert_int_equal(run.sum.recipients_accepted, run.truth.recipients_accepted);
	assert_int_equal(run.sum.recipients_rejected, run.truth.recipients_rejected);
	assert_int_equal(run.sum.recipients_deferred, run.truth.recipients_deferred);
	assert_int_equal(run.kinds[OBS_CONNECT_FAILED], run.truth.connects_failed);
	assert_int_equal(run.kinds[OBS_MESSAGE], run.sum.messages + run.sum.messages_refused);
	assert_int_equal(run.kinds[OBS_SESSION_START], run.kinds[OBS_SESSION_END]);
}

static inline const struct observation *
first(enum obs_kind kind)
{
	for (unsigned i = 0; i < run.seen_count; i++)
		if (run.seen[i].kind == kind)
			return &run.seen[i];
	fail_msg("no observation of kind %s", obs_kind_name(kind));
	return NULL;
}

#endif
