/* SPDX-License-Identifier: ISC */
/* Locks against a second guard.  bulkhead-guard (judge process). */
#include "policy/guard_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/settings.h"
#include "base/sock.h"

/* Children of a guard that was just killed hold its socket until they have run once more. */
#define DYING_WAIT_NS (5 * CLOCK_SECOND_NS)
#define DYING_STEP_US 20000

/* A POSIX lock: children do not inherit it. */
int
guard_lock_folder(const char *state_dir, struct err *e)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[SETTINGS_PATH_BYTES + 16];
	int fd, r;

	snprintf(path, sizeof(path), "%s/guard.lock", state_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(e, -errno,
		    "%s: cannot be opened (%s): was the guard started as another user before?",
		    path, strerror(errno));
	if (fcntl(fd, F_SETLK, &whole) == 0)
		return fd;
	r = err_set(e, -EADDRINUSE,
	    "%s: another guard uses this folder: stop it first, or name another state_dir", path);
	close(fd);
	return r;
}

/*
 * Whether a guard listens under that name: the name is open to everybody, and a local user who took
 * it must not keep the guard from starting.  One that does not listen, or lets callers wait, is none.
 */
static bool
is_held_by_guard(const struct sockaddr_un *sa, socklen_t size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sock_peer holder; /* as it was when it began to listen */
	bool is_guard = fd >= 0 && connect(fd, (const struct sockaddr *)sa, size) == 0 &&
			sock_get_peer(fd, &holder) == 0 &&
			(holder.uid == 0 || holder.uid == geteuid());

	if (fd >= 0)
		close(fd);
	return is_guard;
}

static int
take_name(int fd, const struct sockaddr_un *sa, socklen_t size)
{
	return bind(fd, (const struct sockaddr *)sa, size) == 0 && listen(fd, SOMAXCONN) == 0
		   ? 0
		   : -errno;
}

/*
 * An abstract unix socket: its name belongs to the network namespace, as the tables do, and to no
 * folder, because two guards with folders of their own would take each other's rules and blocks
 * away, again and again.  The children close what they do not know.
 */
int
guard_lock_table(const char *table, struct err *e)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r, n;
	socklen_t size;
	bool held;

	if (fd < 0)
		return err_set(e, -errno, "cannot make a socket: %s", strerror(errno));
	n = snprintf(sa.sun_path + 1, sizeof(sa.sun_path) - 1, "bulkhead-guard/%s", table);
	size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	r = take_name(fd, &sa, size);
	held = r == -EADDRINUSE && is_held_by_guard(&sa, size);
	for (int64_t until_ns = clock_mono_ns() + DYING_WAIT_NS;
	     held && r == -EADDRINUSE && clock_mono_ns() < until_ns; usleep(DYING_STEP_US))
		r = take_name(fd, &sa, size);
	if (r == -EADDRINUSE && !held) /* its holder may have ended meanwhile */
		r = take_name(fd, &sa, size);
	if (r == 0)
		return fd;
	if (r == -EADDRINUSE && !held) {
		log_event(LOG_LEVEL_WARN, "guard.lock.taken",
		    "table=%s name=@%s hint=\"a program that is no guard holds this name: end it\"",
		    table, sa.sun_path + 1);
		return fd; /* locks nothing */
	}
	close(fd);
	if (r == -EADDRINUSE)
		return err_set(e, r,
		    "table %s: another guard enforces with it in this network namespace: stop it "
		    "first, or name another table",
		    table);
	return err_set(e, r, "table %s: cannot be locked: %s", table, strerror(-r));
}
