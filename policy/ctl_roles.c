/* SPDX-License-Identifier: ISC */
/* Roles of ctl.sock; see ctl_roles.h.  bulkhead-guard (judge process). */
#include "policy/ctl_roles.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define UID_NOBODY 65534

/* Without that user there is no role for it, which is no error: who has no hooks needs none. */
static void
find_notify(struct ctl_roles *r, const struct settings *s)
{
	const struct passwd *user = s->notify_user[0] != '\0' ? getpwnam(s->notify_user) : NULL;

	r->has_notify = user != NULL && user->pw_uid != 0;
	if (r->has_notify)
		r->notify_uid = user->pw_uid;
}

int
ctl_roles_init(struct ctl_roles *r, const struct settings *s, struct err *e)
{
	const char *const names[CTL_ROLE__COUNT] = {
	    [CTL_ROLE_VIEW] = s->group_view,
	    [CTL_ROLE_SUPPORT] = s->group_support,
	    [CTL_ROLE_ABUSE] = s->group_abuse,
	    [CTL_ROLE_ADMIN] = s->group_admin,
	};

	memset(r, 0, sizeof(*r));
	r->uid = geteuid();
	find_notify(r, s);
	for (unsigned role = CTL_ROLE_VIEW; role < CTL_ROLE__COUNT; role++) {
		const struct group *group;

		if (names[role][0] == '\0')
			continue;
		group = getgrnam(names[role]);
		if (group == NULL)
			return err_set(e, -ENOENT,
			    "group_%s = \"%s\": there is no such Unix group: make it with "
			    "groupadd, or leave the "
			    "setting empty",
			    ctl_role_name(role), names[role]);
		r->groups[role] = group->gr_gid;
		r->has_group[role] = true;
	}
	return 0;
}

mode_t
ctl_roles_socket_mode(const struct ctl_roles *r, gid_t *gid)
{
	bool found = false;

	for (unsigned role = 0; role < CTL_ROLE__COUNT; role++) {
		if (!r->has_group[role])
			continue;
		if ((found && r->groups[role] != *gid) || r->has_notify)
			return 0666;
		*gid = r->groups[role];
		found = true;
	}
	return 0660;
}

enum ctl_role
ctl_roles_of(const struct ctl_roles *r, const struct sock_peer *peer)
{
	/* Other services may run as nobody too: it is nobody's own uid. */
	if (peer->uid == 0 || (peer->uid == r->uid && r->uid != UID_NOBODY))
		return CTL_ROLE_ADMIN;
	if (r->has_notify && peer->uid == r->notify_uid)
		return CTL_ROLE_NOTIFY;
	for (unsigned role = CTL_ROLE__COUNT; role-- > CTL_ROLE_VIEW;)
		if (r->has_group[role] && sock_peer_is_in_group(peer, r->groups[role]))
			return (enum ctl_role)role;
	return CTL_ROLE_NONE;
}

/* The name of a local user, from the file alone: name services would open sockets, which the jail
 * forbids. */
static bool
find_name(uid_t uid, char *out, size_t size)
{
	FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *user = NULL;

	if (f == NULL)
		return false;
	while ((user = fgetpwent(f)) != NULL && user->pw_uid != uid)
		;
	if (user != NULL)
		snprintf(out, size, "%s", user->pw_name);
	fclose(f);
	return user != NULL;
}

void
ctl_roles_name_actor(char actor[CTL_ACTOR_BYTES], const struct sock_peer *peer)
{
	char name[40] = "root";

	if (peer->uid == 0 || find_name(peer->uid, name, sizeof(name)))
		snprintf(actor, CTL_ACTOR_BYTES, "uid %u (%s)", (unsigned)peer->uid, name);
	else
		snprintf(actor, CTL_ACTOR_BYTES, "uid %u", (unsigned)peer->uid);
}
