/* SPDX-License-Identifier: ISC */
/* The scenarios of smtpgen: what is in a capture, by name. */
#ifndef TESTS_GEN_SCENARIOS_H
#define TESTS_GEN_SCENARIOS_H

#include "base/clock.h"
#include "tests/gen/smtpgen.h"

#define SERVERS_MAX    60000 /* addresses 10.0.0.1 .. 10.0.239.250 */
#define RECIPIENTS_MAX 64
#define TEXT_MAX       (256 << 10)
#define START_NS       (INT64_C(1770026400) * CLOCK_SECOND_NS) /* 2026-02-02 10:00:00 UTC */

struct server {
	struct addr addr;
	struct gen_truth truth;
};

struct scene {
	struct gen *g;
	unsigned servers, messages; /* as asked for; 0: the scenario's own number */
	uint32_t tap;		    /* > 0: SLL2, the first tap's index */
	int64_t now;
	uint16_t next_port;
	struct server list[2 * SERVERS_MAX]; /* IPv4 and IPv6 are two, in the order they came */
	uint32_t place[2][SERVERS_MAX];	     /* in the list, + 1 */
	unsigned count;
	char text[TEXT_MAX];
	char names[RECIPIENTS_MAX][64];
	struct gen_recipient recipients[RECIPIENTS_MAX];
};

/* A scenario of one conversation is a row: how the packets look, and what is said. */
struct scenario {
	const char *name;
	const char *help;
	void (*run)(struct scene *s, const struct scenario *row);
	struct gen_path path; /* fields that differ from gen_path_init() */
	struct gen_smtp smtp;
	bool ipv6;
	unsigned messages, recipients, size, bdat_chunks;
	bool bdat_split, rset;
	const char *replies[4]; /* of the recipients in turn */
};

extern const struct scenario scenarios[];
extern const size_t scenario_count;

#endif
