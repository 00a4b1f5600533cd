/* SPDX-License-Identifier: ISC */
/*
 * The plan: what must stand in the kernel, projected from servers onto interfaces and addresses,
 * and the difference to what stands there.  Pure.  bulkhead-guard.
 */
#ifndef POLICY_PLAN_H
#define POLICY_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "policy/judge.h"

#define PLAN_ELEMENTS_MAX   131072
#define PLAN_KEYS_MAX	    (2 * PLAN_ELEMENTS_MAX) /* in one change; a /24 is 256 */
#define PLAN_TIMEOUT_MIN_NS (CLOCK_SECOND_NS)	    /* a shorter rest becomes this */
#define PLAN_TIMEOUT_MAX_NS (3653 * CLOCK_DAY_NS)   /* ten years */

#define PLAN_PACE_MAX 1000000000u /* packets per hour */

enum plan_set {
	PLAN_SET_BLOCKED,
	PLAN_SET_GRANTED,   /* passes the brake up to the element's pace */
	PLAN_SET_THROTTLED, /* the brake's lowest ceiling */
	PLAN_SET_BRAKED,    /* the brake holds although the host observes, or by address */
	PLAN_SET_OBSERVED,  /* the brake only counts although the host enforces */
	PLAN_SET__COUNT
};

/* One element of a kernel set; keyed by interface wherever the server has one, else by address. */
struct plan_element {
	uint8_t set;		       /* enum plan_set */
	char ifname[OBS_IFNAME_BYTES]; /* "" = by prefix */
	struct addr_prefix prefix;
	int64_t timeout_ns; /* left; 0 = without end */
	char case_id[JUDGE_CASE_BYTES];
	uint32_t pace;	  /* GRANTED: new connections and command lines per hour; 0 = the default */
	uint64_t packets; /* BLOCKED: how many were refused so far; never part of a difference */
};

struct plan {
	struct plan_element *elements; /* sorted by set, ifname, prefix */
	unsigned count, room;
};

/* "blocked", "granted", "throttled", "braked", "observed". */
const char *plan_set_name(unsigned set);
/* Orders by set, ifname, prefix: 0 means the same element, whatever its timeout and case. */
int plan_compare(const struct plan_element *a, const struct plan_element *b);
/* How many kernel keys a prefix takes (IPv4 /24../32; IPv6 /56../64 as /64 keys,
 * /120../128): 1..256, or 0 when the kernel sets cannot hold it. */
unsigned plan_prefix_keys(const struct addr_prefix *p);

void plan_init(struct plan *p);
void plan_fini(struct plan *p);
/* 0, -ENOMEM, -ENOSPC, or -EINVAL for an element that the kernel sets cannot hold. */
int plan_add(struct plan *p, const struct plan_element *element);
/* The same without looking at the element; for what is checked elsewhere. */
int plan_append(struct plan *p, const struct plan_element *element);
/* Sorts and removes doubles (the longer timeout wins). */
void plan_finish(struct plan *p);

/* Of a finished plan: leaves out what is beyond PLAN_KEYS_MAX, blocks last.  How many were left out. */
unsigned plan_fit(struct plan *p);

/*
 * Adds the elements of one server: its interfaces if it has any, else its prefixes.  -EINVAL when a
 * prefix was left out because the kernel sets cannot hold it (all others are in), -ENODATA when it
 * has neither.
 */
int plan_add_server(struct plan *p, const struct server *server, enum plan_set set,
    int64_t timeout_ns, const char *case_id);

/* Both finished.  Calls back for each element to add (absent, another case or pace, or a timeout
 * that differs by more than slack_ns) and to remove.  Returns the number of differences. */
unsigned plan_diff(const struct plan *desired, const struct plan *actual, int64_t slack_ns,
    void (*add)(void *arg, const struct plan_element *),
    void (*remove)(void *arg, const struct plan_element *), void *arg);

#endif
