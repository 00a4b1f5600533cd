/* SPDX-License-Identifier: ISC */
/*
 * The state of one server, of fixed size, and its form in the store.
 * Pure.  bulkhead-guard, replay.
 */
#ifndef POLICY_JUDGE_STATE_H
#define POLICY_JUDGE_STATE_H

#include "policy/pool.h"
#include "policy/verdict.h"

#define JUDGE_STATE_VERSION 4 /* bump when the encoding changes; an older blob is then dropped */

#define JUDGE_SAMPLES_KEPT 6

struct judge_sample { /* struct sample, with less room for its texts */
	int64_t time_ns;
	uint64_t session;
	struct addr destination;
	uint16_t port, code;
	uint8_t visibility, remote, enhanced[3];
	char helo[40], recipient_domain[40], sender_domain[40];
	char text[72];
};

struct judge_state {
	/* kept in the store */
	char name[INVENTORY_NAME_BYTES];
	struct window window;
	struct ladder ladder;
	struct judge_counts counts; /* the two distinct_* are counted below */
	struct tally_distinct destinations, domains;
	struct outgoing outgoing;
	struct judge_sample samples[JUDGE_SAMPLES_KEPT];
	uint32_t sample_next;
	int64_t last_activity_ns;
	/* derived from settings, inventory and grants */
	struct window_ceilings ceilings;
	char plan[INVENTORY_PLAN_BYTES];
	const struct grant *grants[WINDOW_GRANTS]; /* cover the server; active or not */
	unsigned grant_count;
	bool observe_only;
	/* told by the kernel since the guard's start */
	uint32_t refused;   /* packets of the block that stands */
	uint32_t refused_s; /* when that was read */
	/* of the last hour; not kept */
	struct pool *tenant_pool; /* of the judge; NULL until it is needed */
	struct pool_ref tenant_mailing, others_mailing;
	unsigned name_tenants; /* that greet by the name it gave last */
};

/* Bytes written, or -ENOBUFS. */
long judge_state_encode(const struct judge_state *s, uint8_t *out, size_t size);
/* 0, -EPROTO (another version) or -EBADMSG; the derived part is left alone, and all of it on
 * failure. */
int judge_state_decode(struct judge_state *s, const uint8_t *data, size_t size);

/* Asks for the memory that the next observation will touch: with thousands of servers none of it is
 * in a cache, and its parts can be fetched at once. */
void judge_state_prefetch(const struct judge_state *s, const struct observation *obs);

/* Notes a session worth showing; the newest of each destination and verdict. */
void judge_state_sample(struct judge_state *s, const struct observation *obs);
/* Copies the samples, oldest first; returns how many. */
unsigned judge_state_get_samples(const struct judge_state *s, struct sample out[JUDGE_SAMPLES_MAX]);

#endif
