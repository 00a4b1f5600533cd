/* SPDX-License-Identifier: ISC */
/*
 * User, capabilities, no_new_privs, Landlock; see sandbox.h.  The seccomp lists are in
 * sandbox_seccomp.c. Every process, once, before it reads hostile bytes.
 */
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sandbox_build.h"

int
sandbox_find_user(const char *name, struct sandbox_user *out, struct err *e)
{
	struct passwd *pw;

	if (name[0] == '\0') {
		pw = getpwnam("bulkhead");
		if (pw == NULL)
			pw = getpwnam("nobody");
		if (pw == NULL)
			return err_set(e, -ENOENT,
			    "there is neither a user bulkhead nor nobody; add one (useradd -r "
			    "bulkhead)");
	} else {
		pw = getpwnam(name);
		if (pw == NULL)
			return err_set(e, -ENOENT,
			    "there is no user \"%s\"; add it, or set user in bulkhead.conf", name);
	}
	if (pw->pw_uid == 0 || pw->pw_gid == 0)
		return err_set(e, -EPERM,
		    "user \"%s\" is root or in its group; set another user in bulkhead.conf",
		    pw->pw_name);
	memset(out, 0, sizeof(*out));
	out->uid = pw->pw_uid;
	out->gid = pw->pw_gid;
	snprintf(out->name, sizeof(out->name), "%s", pw->pw_name);
	return 0;
}

/* --- user and capabilities ---------------------------------------------------------------------
 */

/* Empties the bounding set, as far as we may (without CAP_SETPCAP no_new_privs has to do). */
static void
empty_bounding_set(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
			return;
}

static int
keep_capabilities(uint64_t mask, struct err *e)
{
	cap_t caps = cap_init();
	int r = 0;

	if (caps == NULL)
		return err_set(e, -ENOMEM, "no memory to drop capabilities");
	for (cap_value_t cap = 0; cap < 64; cap++) {
		if ((mask >> cap & 1) == 0)
			continue;
		if (cap_set_flag(caps, CAP_PERMITTED, 1, &cap, CAP_SET) != 0 ||
		    cap_set_flag(caps, CAP_EFFECTIVE, 1, &cap, CAP_SET) != 0)
			r = -errno;
	}
	if (r == 0 && cap_set_proc(caps) != 0)
		r = -errno;
	cap_free(caps);
	if (r != 0)
		return err_set(e, r,
		    "cannot keep the capabilities that are needed (mask %llx): %s; run as root",
		    (unsigned long long)mask, strerror(-r));
	return 0;
}

bool
sandbox_has_capability(int capability)
{
	cap_flag_value_t value = CAP_CLEAR;
	cap_t caps = cap_get_proc();

	if (caps != NULL) {
		cap_get_flag(caps, capability, CAP_EFFECTIVE, &value);
		cap_free(caps);
	}
	return value == CAP_SET;
}

/* A service that was started as an ordinary user may still be allowed to become another one. */
static bool
may_become(const struct sandbox_user *user)
{
	if (geteuid() == 0)
		return true;
	if (geteuid() == user->uid)
		return false;
	return sandbox_has_capability(CAP_SETUID) && sandbox_has_capability(CAP_SETGID);
}

static int
become_user(const struct sandbox_user *user, struct err *e)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setgroups(0, NULL) != 0 ||
	    setresgid(user->gid, user->gid, user->gid) != 0 ||
	    setresuid(user->uid, user->uid, user->uid) != 0)
		return err_set(e, -errno, "cannot become user %s: %s", user->name, strerror(errno));
	return 0;
}

int
sandbox_drop(const struct sandbox_user *user, uint64_t keep_caps, struct err *e)
{
	const struct rlimit no_core = {0, 0};
	int r = 0;

	empty_bounding_set();
	/* Kernels without ambient capabilities (before 4.3) have none to clear. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL)
		return err_set(
		    e, -errno, "cannot clear the ambient capabilities: %s", strerror(errno));
	if (may_become(user))
		r = become_user(user, e);
	if (r == 0)
		r = keep_capabilities(keep_caps, e);
	if (r != 0)
		return r;
	prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_set(e, -errno, "cannot set no_new_privs: %s", strerror(errno));
	if (setrlimit(RLIMIT_CORE, &no_core) != 0)
		return err_set(e, -errno, "cannot forbid core dumps: %s", strerror(errno));
	/* The leak checker of a sanitizer build attaches to its own process. */
	if (!SANDBOX_IS_SANITIZER_BUILD && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return err_set(e, -errno, "cannot forbid core dumps: %s", strerror(errno));
	return 0;
}

/* --- Landlock ----------------------------------------------------------------------------------
 */

/* Rights that are younger than the oldest header we build with. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13) /* ABI 2 */
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14) /* ABI 3 */
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#endif

/* All rights that ABI 1 knows; later ones are added as the kernel has them. */
#define RIGHTS_ABI_1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define RIGHTS_OF_FILES \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define RIGHTS_OF_FOLDERS                                                                \
	(RIGHTS_OF_FILES | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | \
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |               \
	    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REFER)

static uint64_t
landlock_rights(int abi)
{
	uint64_t rights = RIGHTS_ABI_1;

	if (abi >= 2)
		rights |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi >= 5)
		rights |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	return rights;
}

#define RIGHTS_TO_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

/* `rights`: those of a folder; a file gets what of them a file can have. */
static int
landlock_allow(int ruleset, uint64_t rights, const char *path, struct err *e)
{
	struct landlock_path_beneath_attr rule;
	struct stat st;
	int fd = open(path, O_PATH | O_CLOEXEC), r = 0;

	if (fd < 0)
		return err_set(
		    e, -errno, "%s: cannot be opened for the jail: %s", path, strerror(errno));
	if (fstat(fd, &st) != 0)
		r = -errno;
	rule.parent_fd = fd;
	rule.allowed_access = r == 0 && S_ISDIR(st.st_mode) ? rights : rights & RIGHTS_OF_FILES;
	if (r == 0 &&
	    syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
		r = -errno;
	close(fd);
	return r == 0 ? 0
		      : err_set(e, r, "%s: cannot be added to the jail: %s", path, strerror(-r));
}

int
sandbox_landlock(const char *const *paths, bool *active, struct err *e)
{
	return sandbox_landlock_readable(paths, NULL, active, e);
}

int
sandbox_landlock_readable(
    const char *const *paths, const char *const *readable, bool *active, struct err *e)
{
	struct landlock_ruleset_attr attr = {0};
	int ruleset, r = 0;
	long abi;

	*active = false;
	if (SANDBOX_IS_SANITIZER_BUILD) {
		log_event(
		    LOG_LEVEL_WARN, "sandbox.skipped", "what=landlock reason=\"sanitizer build\"");
		return 0;
	}
	abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 0) /* ENOSYS: not built in; EOPNOTSUPP: not switched on */
		return 0;
	attr.handled_access_fs = landlock_rights((int)abi);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return err_set(e, -errno, "cannot make a Landlock ruleset: %s", strerror(errno));
	for (; r == 0 && paths != NULL && *paths != NULL; paths++)
		r = landlock_allow(ruleset, attr.handled_access_fs & RIGHTS_OF_FOLDERS, *paths, e);
	for (; r == 0 && readable != NULL && *readable != NULL; readable++)
		if (access(*readable, F_OK) == 0)
			r = landlock_allow(
			    ruleset, attr.handled_access_fs & RIGHTS_TO_READ, *readable, e);
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		r = err_set(e, -errno, "cannot set no_new_privs: %s", strerror(errno));
	if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		r = err_set(e, -errno, "cannot enter the Landlock jail: %s", strerror(errno));
	close(ruleset);
	if (r == 0)
		*active = true;
	return r;
}
