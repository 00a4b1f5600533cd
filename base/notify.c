/* SPDX-License-Identifier: ISC */
/* The sender's half of sd_notify(3); see notify.h.  bulkhead-sensor, bulkhead-guard. */
#include "base/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int
notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	size_t length;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return -1;
	length = strlen(path);
	if (length >= sizeof(sa.sun_path))
		return -1;
	memcpy(sa.sun_path, path, length);
	if (path[0] == '@') /* an abstract name begins with a zero byte */
		sa.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&sa,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

void
notify_send(int fd, const char *message)
{
	/* Nobody to tell when it fails; the service manager's own timeouts will notice. */
	if (fd >= 0 && send(fd, message, strlen(message), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}
