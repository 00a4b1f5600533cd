/* SPDX-License-Identifier: ISC */
/*
 * The enforcer: a child of the guard with CAP_NET_ADMIN that takes typed verbs over a socketpair,
 * checks their arguments again, and changes nftables (enforce_nft.c).  This header is the judge's
 * side: enforce_x asks, the child's enforcer_x does.
 */
#ifndef POLICY_ENFORCE_H
#define POLICY_ENFORCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "policy/plan.h"

/* Where bulkhead-notice listens; addresses of this host.  port 0: no notice. */
struct enforce_notice {
	uint16_t port;
	bool has_v4, has_v6;
	struct addr v4, v6;
};

/* Sizes of the brake's meters; 0: as many as one host may need. */
struct enforce_sizes {
	unsigned interfaces, addresses;
};

struct enforce_config {
	char table[32];
	struct enforce_notice notice;
	struct enforce_sizes meters;
	struct addr_prefix relays[64]; /* destinations that are always reachable */
	unsigned relay_count;
	char tap_globs[1024];	 /* one per line: which links get a door (those named in elements do
				    anyway) */
	char ignore_globs[1024]; /* one per line: which never do, unless named in elements */
	bool probe_off[8];	 /* enum enforce_feature: pretend that the kernel lacks it */
};

enum enforce_feature {
	ENFORCE_NETDEV_INGRESS, /* doors on taps */
	ENFORCE_NETDEV_REJECT,	/* tcp reset at the door */
	ENFORCE_BRIDGE,		/* the net in family bridge */
	ENFORCE_BRIDGE_REJECT,
	ENFORCE_INET,  /* the net in family inet */
	ENFORCE_BRAKE, /* meters in the kernel */
	/* redirecting to bulkhead-notice; looked for when the settings ask for it */
	ENFORCE_NOTICE,
	ENFORCE_FEATURE__COUNT
};
const char *enforce_feature_name(unsigned f);

#define ENFORCE_BEAT_MAX_NS (INT64_C(3600) * 1000000000)

struct enforce; /* the judge's handle of the child */

/* Forks the child (it keeps CAP_NET_ADMIN and drops the rest), which probes the kernel and installs
 * the ruleset without touching any other table.  Existing elements of our table are kept. */
int enforce_open(struct enforce **out, const struct enforce_config *cfg, struct err *e);
/* Ends the child; the ruleset and its elements stay. */
void enforce_close(struct enforce *f);
pid_t enforce_pid(const struct enforce *f);
/* Readable when the child has something to say; then call enforce_poll(). */
int enforce_fd(const struct enforce *f);

enum enforce_event {
	ENFORCE_NOTHING,
	ENFORCE_LINK_CHANGED,
	ENFORCE_REPAIRED,
	ENFORCE_OVERFLOW,
	ENFORCE_FAILED,
	ENFORCE_GONE
};
struct enforce_report {
	enum enforce_event event;
	char ifname[OBS_IFNAME_BYTES]; /* LINK_CHANGED */
	bool link_up;		       /* LINK_CHANGED: appeared (false: vanished) */
	/* REPAIRED: what was wrong and who did it; OVERFLOW: how many, where; FAILED: why */
	char text[200];
	const char *verb;		   /* FAILED: "block" or "release" */
	char server[INVENTORY_NAME_BYTES]; /* FAILED: as it was posted */
};
/* One report; ENFORCE_NOTHING when there is none left.  After ENFORCE_GONE every verb says -EPIPE; a child that left
 * five requests in a row without an answer is gone too. */
int enforce_poll(struct enforce *f, struct enforce_report *out);

/* One transaction each; 0 or negative errno with *e.  Synchronous, bounded by 2 s and 0.1 ms
 * per kernel key and per element that stands (-ETIMEDOUT), and by a minute while the child says that
 * it is at work.  -EINVAL names what the child refuses; nothing of the call is done
 * then. */
int enforce_block(
    struct enforce *f, const struct plan_element *elements, unsigned count, struct err *e);
int enforce_release(
    struct enforce *f, const struct plan_element *elements, unsigned count, struct err *e);
/*
 * The same without waiting for the answer, so that a verdict waits for nobody; whatever is asked
 * later is done later.  0 when it was sent; that it failed, or was not answered within 2 s, is a
 * report, ENFORCE_FAILED with `server` (at most INVENTORY_NAME_BYTES - 1).  More than 200 elements,
 * or more than 64 posted requests without an answer: this one is waited for after all.
 */
int enforce_post_block(struct enforce *f, const char *server, const struct plan_element *elements,
    unsigned count, struct err *e);
int enforce_post_release(struct enforce *f, const char *server, const struct plan_element *elements,
    unsigned count, struct err *e);
/* Replaces everything by the plan, with no moment in between.  Counters of the elements begin anew.
 */
int enforce_replace_all(struct enforce *f, const struct plan *plan, struct err *e);
/* What stands in the kernel now, in all tables where it should; *out is initialised and finished by
 * the call, the caller frees it with plan_fini() (after an error there is nothing to free). 100,000
 * elements take 1.4 s where the kernel counts its sets (6.18), else 8 s. */
int enforce_list(struct enforce *f, struct plan *out, struct err *e);
/*
 * The heartbeat: the brake is loose for so long from now on (0: no news, it stays as it is) and
 * holds (armed) or only counts.  Both outlive the child.
 */
int enforce_beat(struct enforce *f, int64_t for_ns, bool armed, struct err *e);
struct enforce_brake_state {
	int64_t alive_ns; /* the brake is loose for so long; 0 = it is strict */
	bool armed;
	uint64_t dropped, counted; /* packets in the last day; counted: would have been dropped */
	uint64_t
	    overflow; /* packets that passed unmetered in the last day: no room for their source */
	char overflow_link[OBS_IFNAME_BYTES]; /* where most of them came in */
	bool notice;			      /* new connections are redirected */
	/* tenants' links: where they are; where they cannot be, because a bridge carries the link */
	uint32_t notice_links, reset_links;
};
int enforce_brake_state(struct enforce *f, struct enforce_brake_state *out, struct err *e);
/* Bit N = feature N is there. */
int enforce_features(struct enforce *f, uint32_t *mask, struct err *e);

#endif
