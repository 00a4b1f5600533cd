/* SPDX-License-Identifier: ISC */
/*
 * What changes under us: links (rtnetlink) and the ruleset (nftables generations).  Plain netlink.
 * bulkhead-guard (enforcer child).
 */
#ifndef POLICY_ENFORCE_WATCH_H
#define POLICY_ENFORCE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sensor/observation.h"

/* --- links --- */

struct enforce_watch_link {
	int index;
	char ifname[OBS_IFNAME_BYTES];
	bool gone;
	bool shared;  /* loopback, bridge, bond or team: never one tenant's own */
	bool bridged; /* a port of a bridge or the like */
	bool done;    /* not a link: a listing asked for is complete */
	bool lost;    /* not a link: messages were lost, ask for a listing */
};

/* A non-blocking socket that hears of every link, or negative errno. */
int enforce_watch_open_links(struct err *e);
/* Asks for all links; they come like news, then one `done`. */
int enforce_watch_ask_links(int fd);
/* Reads all that is waiting. */
void enforce_watch_read_links(
    int fd, void (*each)(void *arg, const struct enforce_watch_link *), void *arg);

/* --- ruleset --- */

struct enforce_watch_change {
	uint32_t pid;	      /* as the kernel's first PID namespace numbers it; 0 = unknown */
	char name[17];	      /* of the program; "" = unknown */
	bool lost;	      /* messages were lost: anything may have changed */
	bool elements, rules; /* what of ours was touched */
};

struct enforce_watch {
	int fd;
	char table[32];
	unsigned families; /* bit mask of enum enforce_family */
	uint32_t self_pid;
	struct enforce_watch_change seen; /* of the transaction whose messages are coming in */
};

int enforce_watch_open(struct enforce_watch *w, const char *table, struct err *e);
void enforce_watch_close(struct enforce_watch *w);
/*
 * Right after opening: learns how the kernel calls this process (getpid() is another number inside
 * a PID namespace), and keeps messages about transactions of netlink port `port`, our own, off the
 * socket, so that a batch of 100,000 elements does not flood it.  0 or negative errno.
 */
int enforce_watch_learn(struct enforce_watch *w, uint32_t port);
/* Reads all that is waiting.  1 when somebody else touched our tables (*out: the last who did),
 * else 0. */
int enforce_watch_read(struct enforce_watch *w, struct enforce_watch_change *out);

#endif
