/* SPDX-License-Identifier: ISC */
/*
 * The responder: connections of blocked servers, redirected here by nftables, are greeted with a
 * refusal that names their case (DESIGN section 10, "Notice").  Memory is fixed at start; no
 * connection lives longer than RESPONDER_LIFETIME_NS whatever it does, so that slow drips end by
 * themselves; a link or the whole responder that is at its limit is still greeted, but not listened
 * to.  bulkhead-notice.
 */
#ifndef POLICY_RESPONDER_H
#define POLICY_RESPONDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/err.h"

#define RESPONDER_CONNECTIONS_MAX 4096
/* Of one link; smtp(8) of Postfix opens up to 20 to one destination. */
#define RESPONDER_PER_LINK    32
#define RESPONDER_LIFETIME_NS (20 * CLOCK_SECOND_NS)

struct responder_config {
	unsigned code; /* 554 or 421 */
	char url[256]; /* case_url */
	unsigned connections_max, per_link;
	int64_t lifetime_ns;
	/* only what nftables has redirected is answered; off in tests on the loopback */
	bool redirected_only;
};

struct responder_counters {
	uint64_t greeted;    /* connections */
	uint64_t over_limit; /* of them: not listened to */
	uint64_t strangers;  /* not redirected: closed without a word */
	uint64_t timed_out;  /* lived for too long */
	uint64_t failed;     /* took no greeting, or spoke too much */
};

struct responder;

/* The configuration is copied. */
int responder_new(struct responder **out, const struct responder_config *cfg, struct err *e);
void responder_free(struct responder *n);
/* Listens on one more address (any port above 1023); -ENOSPC beyond two.  Before the jail. */
int responder_listen(struct responder *n, const struct addr *addr, uint16_t port, struct err *e);
/* The guard's socket, tried again every second by responder_tick(). */
int responder_set_feed(struct responder *n, const char *path);

/* Readable when there is work; then call responder_poll(). */
int responder_fd(const struct responder *n);
void responder_poll(struct responder *n, int64_t now_ns);
/* About once a second: who has lived for too long; the guard's socket. */
void responder_tick(struct responder *n, int64_t now_ns);

void responder_get_counters(const struct responder *n, struct responder_counters *out);
unsigned responder_open_connections(const struct responder *n);
/* Links whose case is known; -1: the guard is away (what it said last still holds). */
int responder_known_links(const struct responder *n);
/* One packet as from the guard; for tests. */
int responder_take_packet(struct responder *n, const uint8_t *data, size_t size);

#endif
