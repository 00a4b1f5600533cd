/* SPDX-License-Identifier: ISC */
/*
 * The ruleset as text, by libnftables: probing the kernel, installing and repairing our tables,
 * hooking taps.  The only includer of libnftables.  bulkhead-guard (enforcer child).
 */
#ifndef POLICY_ENFORCE_NFT_H
#define POLICY_ENFORCE_NFT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "policy/enforce.h"
#include "policy/plan.h"

#define ENFORCE_NFT_DOOR_BYTES 24

struct enforce_nft;

/* The configuration is borrowed for the handle's life. */
int enforce_nft_open(struct enforce_nft **out, const struct enforce_config *cfg, struct err *e);
void enforce_nft_close(struct enforce_nft *nft);

/* Tries each feature in a scratch table that is checked by the kernel and never committed; applies
 * cfg.probe_off.  Bit N = enum enforce_feature N.  -EPERM without the capability, -ENOSYS when no
 * family of ours works. */
int enforce_nft_probe(struct enforce_nft *nft, uint32_t *features, struct err *e);

/* The least that refuses what is blocked, where somebody took our tables away: net, relays and
 * these elements of the set "blocked", in one short transaction.  The rules of enforce_nft_install(),
 * which must follow, take a dozen times as long.  0 or negative errno. */
int enforce_nft_stopgap(
    struct enforce_nft *nft, uint32_t features, const struct plan *blocked, struct err *e);

struct enforce_nft_door {
	int index; /* of the link */
	char ifname[OBS_IFNAME_BYTES];
	bool notice; /* new connections of a blocked one are redirected */
};

/* What tables that are made again hold from their first moment on. */
struct enforce_nft_contents {
	const struct plan *elements; /* timeout_ns = time left */
	uint64_t alive_ms;	     /* of the heartbeat; 0: none */
	bool armed;
	const struct enforce_nft_door *doors;
	unsigned door_count;
};

/*
 * Puts tables, sets, chains and rules in place, in one transaction; what stands already keeps its
 * elements.  With `contents` our tables are deleted and made again with these (another version of
 * the layout, or another's hand), in the same transaction: no packet meets less than both.  Never
 * names another's table.
 */
int enforce_nft_install(struct enforce_nft *nft, uint32_t features,
    const struct enforce_nft_contents *contents, struct err *e);

/* Hooks links: one chain each, named by the link's index, so that a recycled name gets a new one.
 * All in one transaction: one link that is gone fails all. */
int enforce_nft_hook(
    struct enforce_nft *nft, const struct enforce_nft_door *doors, unsigned count, struct err *e);
const char *enforce_nft_door_name(char buf[ENFORCE_NFT_DOOR_BYTES], int index);
bool enforce_nft_is_door(const char *chain, int *index);

#endif
