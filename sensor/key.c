/* SPDX-License-Identifier: ISC */
/* The persistent hash key; see key.h.  bulkhead-sensor, before the jail. */
#include "sensor/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
key_check(int fd, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size != HASH_KEY_BYTES)
		return err_set(e, -EBADMSG,
		    "%s: not a key of %d bytes; move it away and a new one is made", path,
		    HASH_KEY_BYTES);
	if ((st.st_mode & 077) != 0 || (st.st_uid != 0 && st.st_uid != geteuid()))
		return err_set(e, -EPERM,
		    "%s: others may read this key; give it to root with mode 0600, or move it away",
		    path);
	return 0;
}

/* Makes the key beside its name and links it there, so that a half-written key is never seen. */
static int
key_make(const char *path, uint8_t key[HASH_KEY_BYTES], struct err *e)
{
	char fresh[320];
	int fd, r = 0;

	hash_random(key, HASH_KEY_BYTES);
	snprintf(fresh, sizeof(fresh), "%s.%ld", path, (long)getpid());
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(e, -errno, "%s: cannot make the key of the recipients' hashes: %s",
		    path, strerror(errno));
	if (write(fd, key, HASH_KEY_BYTES) != HASH_KEY_BYTES || fsync(fd) != 0 ||
	    link(fresh, path) != 0)
		r = err_set(e, errno == 0 ? -EIO : -errno,
		    "%s: cannot write the key of the recipients' hashes: %s", path,
		    strerror(errno));
	unlink(fresh);
	close(fd);
	return r;
}

static int
key_make_folder(const char *state_dir, const struct sandbox_user *owner, struct err *e)
{
	if (mkdir(state_dir, 0700) != 0)
		return errno == EEXIST ? 0
				       : err_set(e, -errno,
					     "%s: cannot make the folder of keys and database: %s; "
					     "set state_dir",
					     state_dir, strerror(errno));
	if (geteuid() == 0 && chown(state_dir, owner->uid, owner->gid) != 0)
		return err_set(e, -errno, "%s: cannot give it to user %s: %s", state_dir,
		    owner->name, strerror(errno));
	return 0;
}

int
key_load(const char *state_dir, const struct sandbox_user *owner, uint8_t key[HASH_KEY_BYTES],
    struct err *e)
{
	char path[300];
	int fd, r = key_make_folder(state_dir, owner, e);

	if (r != 0)
		return r;
	snprintf(path, sizeof(path), "%s/sensor.key", state_dir);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT) {
		r = key_make(path, key, e);
		if (r != -EEXIST)
			return r;
		/* Another sensor was faster: its key is the key. */
		fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	}
	if (fd < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	r = key_check(fd, path, e);
	if (r == 0 && read(fd, key, HASH_KEY_BYTES) != HASH_KEY_BYTES)
		r = err_set(e, -EIO, "%s: cannot be read", path);
	close(fd);
	return r;
}
