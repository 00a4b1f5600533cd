/* SPDX-License-Identifier: ISC */
/*
 * Files that people name on the command line.  bulkhead (CLI).
 */
#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
read_all(int fd, const char *path, size_t max, char **text, size_t *size, struct err *e)
{
	size_t room = 0, used = 0;
	char *data = NULL;

	for (;;) {
		ssize_t n;

		if (room - used < 2) {
			char *larger;

			room = room > 0 ? 2 * room : 65536;
			larger = realloc(data, room);
			if (larger == NULL) {
				free(data);
				return err_set(e, -ENOMEM, "no memory to read %s", path);
			}
			data = larger;
		}
		n = read(fd, data + used, room - used - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || used + (size_t)n > max) {
			int rc = n < 0 ? -errno : -EFBIG;

			free(data);
			return n < 0 ? err_set(e, rc, "cannot read %s: %s", path, strerror(-rc))
				     : err_set(e, rc, "%s is larger than %zu MiB: split it", path,
					   max >> 20);
		}
		if (n == 0)
			break;
		used += (size_t)n;
	}
	data[used] = '\0';
	*text = data;
	*size = used;
	return 0;
}

int
file_read(const char *path, size_t max, char **text, size_t *size, struct err *e)
{
	int fd, rc;

	if (strcmp(path, "-") == 0)
		return read_all(STDIN_FILENO, "standard input", max, text, size, e);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, -errno,
		    "cannot read %s: %s; name a file that exists and that you may read", path,
		    strerror(errno));
	rc = read_all(fd, path, max, text, size, e);
	close(fd);
	return rc;
}

int
file_open(const char *path, const char *what, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return err_set(e, -errno, "cannot open %s (%s): %s; nothing was stored", path, what,
		    strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return err_set(e, -EINVAL, "%s (%s) is not a regular file; nothing was stored", path, what);
}
