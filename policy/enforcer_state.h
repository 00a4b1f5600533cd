/* SPDX-License-Identifier: ISC */
/*
 * The enforcer child's state and acts: which elements ought to stand, which links have a door, and
 * what to do when a link or the ruleset changes.  bulkhead-guard (enforcer child).
 */
#ifndef POLICY_ENFORCER_STATE_H
#define POLICY_ENFORCER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "policy/enforce.h"
#include "policy/enforce_netlink.h"
#include "policy/enforce_nft.h"
#include "policy/enforce_watch.h"

struct enforcer_link {
	int index;
	char ifname[OBS_IFNAME_BYTES];
	bool shared;  /* bridge, bond, loopback: never blocked, never hooked */
	bool bridged; /* a port of something: nothing can be redirected from it */
	bool hooked;
	bool seen; /* in the listing that runs */
};

struct enforcer {
	const struct enforce_config *cfg;
	struct enforce_nft *nft;
	struct enforce_netlink *netlink;
	struct enforce_watch watch;
	int links_fd;
	uint32_t features;

	/* The heartbeat that ought to stand: when it ends (clock_mono_ns(); 0 = none known). */
	int64_t alive_until_ns;
	bool armed, has_beat;
	/* At the start our tables had another shape: they stand until the judge has compared them
	 * with its database and says what ought to stand, and are exchanged with that. */
	bool outdated, compared;
	uint64_t overflow; /* packets that the brake could not meter, at the last beat */
	int64_t overflow_told_ns;

	/* What ought to stand, sorted; timeout_ns is a deadline of clock_mono_ns(), 0 = without
	 * end. */
	struct plan standing;

	struct enforcer_link *links;
	unsigned link_count, link_room;
	bool listing; /* links are being listed: hook them together at its end */

	/* Repairs are paced, so that two programs that fight over a table do not burn the machine.
	 */
	bool repair_waits, repair_failed;
	struct enforce_watch_change repair_change;
	int64_t repair_not_before_ns, repair_pause_ns;

	/* What the judge must hear; set by the process's loop; NULL: nobody listens yet. */
	void (*tell_link)(void *arg, const char *ifname, bool up);
	void (*tell_repaired)(void *arg, const char *text);
	void (*tell_overflow)(void *arg, const char *text);
	void (*tell_progress)(void *arg); /* something takes long; at once, not by the queue */
	void *tell_arg;
};

/* Probes, installs, hooks; elements that stand in our tables are kept.  cfg is borrowed.
 * enforcer_fini() also after a failure. */
int enforcer_init(struct enforcer *en, const struct enforce_config *cfg, struct err *e);
/* Leaves the kernel as it is. */
void enforcer_fini(struct enforcer *en);

/* The verbs; every argument is checked here again.  The plans may come back changed.  0 or negative
 * errno with *e. */
int enforcer_block(struct enforcer *en, struct plan *elements, struct err *e);
int enforcer_release(struct enforcer *en, struct plan *elements, struct err *e);
int enforcer_replace(struct enforcer *en, struct plan *elements, struct err *e);
int enforcer_list(struct enforcer *en, struct plan *out, struct err *e);
int enforcer_beat(struct enforcer *en, int64_t for_ns, bool armed, struct err *e);
int enforcer_brake(struct enforcer *en, struct enforce_brake_state *out, struct err *e);

/* --- enforcer_change.c: one change of what stands, and what is left of it when the kernel refuses ---
 *
 * All: one transaction, and again when its answer was lost; tables that were torn away under it are
 * put back first.  Where the kernel has no room for all of it, what has room is placed in parts and
 * the sentence says how many are missing.  What was placed is remembered, also then. */

int enforcer_add(struct enforcer *en, struct plan *elements, struct err *e);
int enforcer_remove(struct enforcer *en, struct plan *elements, struct err *e);
int enforcer_exchange(struct enforcer *en, struct plan *elements, struct err *e);
/* enforcer_apply(), and what has room when not all has. */
int enforcer_put_back(struct enforcer *en, bool was_empty, struct err *e);
/* Deletes our tables and makes them with doors, heartbeat and all that ought to stand, in one
 * transaction.  0 or negative errno with *e. */
int enforcer_make_again(struct enforcer *en, struct err *e);

/* Something can be read from links_fd; from watch.fd. */
void enforcer_read_links(struct enforcer *en);
void enforcer_read_changes(struct enforcer *en);
/* Repairs what is due; returns milliseconds until something is, or -1. */
int enforcer_repair_due(struct enforcer *en);

/* --- enforcer_standing.c: what ought to stand --- */

/* True when an element that ought to stand has this name. */
bool enforcer_names(const struct enforcer *en, const char *ifname);
/* One, or all of a plan (sorted here, in one pass: one by one is quadratic); timeout_ns counts from
 * now_ns. */
void enforcer_put(struct enforcer *en, const struct plan_element *element, int64_t now_ns);
void enforcer_put_all(struct enforcer *en, struct plan *elements, int64_t now_ns);
void enforcer_forget(struct enforcer *en, const struct plan_element *element);
void enforcer_forget_all(struct enforcer *en, struct plan *elements);
/* What ought to stand is what was listed: `listed` is sorted, its timeout_ns the time left. */
void enforcer_believe(struct enforcer *en, const struct plan *listed);
/* What ought to stand, from one on, with the time that each has left: to be freed by plan_fini().
 * 0 or -ENOMEM. */
int enforcer_left(const struct enforcer *en, unsigned first, unsigned count, struct plan *out);
/* Forgets what has expired. */
void enforcer_expire(struct enforcer *en, int64_t now_ns);
/* Puts what ought to stand into the kernel and nothing else, the heartbeat first: in one
 * transaction; but where nothing stood (somebody flushed it all) in parts, blocked interfaces
 * first, so that they do not wait for all others.  0 or negative errno. */
int enforcer_apply(struct enforcer *en, bool was_empty);
/* Where somebody took our tables away, what is blocked is refused again before anything else is put
 * back. */
void enforcer_hold(struct enforcer *en);
/* True when our sets hold nothing, and what ought to stand is more than one part. */
bool enforcer_is_wiped(struct enforcer *en);
int enforcer_put_beat(struct enforcer *en, int64_t for_ns, bool armed);

/* --- between enforcer_state.c and enforcer_link.c --- */

struct enforcer_link *enforcer_find_link(struct enforcer *en, const char *ifname);
/* The doors that are wanted; the caller frees them.  NULL without memory. */
struct enforce_nft_door *enforcer_doors(const struct enforcer *en, unsigned *count);
/* All of them stand. */
void enforcer_note_hooked(struct enforcer *en);
/* Hooks all links that want a door and have none; with `again` also those that had one. */
void enforcer_hook_all(struct enforcer *en, bool again);
void enforcer_hook_named(struct enforcer *en, const struct plan *elements);
/* Links with a door: whose new connections can be redirected, and the others. */
void enforcer_count_links(const struct enforcer *en, uint32_t *noticed, uint32_t *reset);
/* Doors of links that are gone, which newer kernels keep for the name. */
void enforcer_drop_stale_doors(struct enforcer *en);
/* en->listing holds until it is complete. */
void enforcer_ask_for_listing(struct enforcer *en);

#endif
