/* SPDX-License-Identifier: ISC */
/*
 * Who may do what on ctl.sock: groups of the settings and users to roles (ctl.h), and what a user is called in the
 * ledger.  bulkhead-guard (judge process).
 */
#ifndef POLICY_CTL_ROLES_H
#define POLICY_CTL_ROLES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/settings.h"
#include "base/sock.h"
#include "policy/ctl.h"

#define CTL_ACTOR_BYTES 64

struct ctl_roles {
	uid_t uid, notify_uid; /* ours; bulkhead-notify's */
	bool has_notify;
	gid_t groups[CTL_ROLE__COUNT];
	bool has_group[CTL_ROLE__COUNT];
};

/* Looks the groups and users up, which the jail forbids later.  0, or -ENOENT with *e for a group that is not there. */
int ctl_roles_init(struct ctl_roles *r, const struct settings *s, struct err *e);

/* The mode of the socket file, and in *gid its group where one is enough: see ctl_open(). */
mode_t ctl_roles_socket_mode(const struct ctl_roles *r, gid_t *gid);

/* The highest role of a peer, CTL_ROLE_NONE for a stranger. */
enum ctl_role ctl_roles_of(const struct ctl_roles *r, const struct sock_peer *peer);

/* "uid 1000 (alice)", or "uid 1000" for a user that /etc/passwd does not know. */
void ctl_roles_name_actor(char actor[CTL_ACTOR_BYTES], const struct sock_peer *peer);

#endif
