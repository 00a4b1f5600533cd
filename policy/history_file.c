/* SPDX-License-Identifier: ISC */
/* Files of history; see history_file.h.  bulkhead-guard (history writer), replay. */
#include "policy/history_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bytes read (fewer only at the end), or negative errno. */
static ssize_t
read_at(int fd, uint8_t *data, size_t size, off_t at)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = pread(fd, data + got, size - got, at + (off_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

/* Bytes of the segment at this place, 0 at the end or where the tail was cut, or negative errno. */
static ssize_t
read_segment(int fd, uint8_t segment[HISTORY_SEGMENT_MAX], off_t at)
{
	ssize_t n = read_at(fd, segment, HISTORY_HEAD_BYTES, at);
	int64_t base_ns;
	long size;

	if (n < HISTORY_HEAD_BYTES)
		return n < 0 ? n : 0;
	size = history_unpack_head(segment, &base_ns);
	if (size < 0)
		return size;
	n = read_at(fd, segment + HISTORY_HEAD_BYTES, (size_t)size - HISTORY_HEAD_BYTES,
	    at + HISTORY_HEAD_BYTES);
	if (n < 0)
		return n;
	return n == size - HISTORY_HEAD_BYTES ? size : 0;
}

int
history_file_read(int fd, const char *name, struct history_unpack *u,
    int (*fn)(void *arg, const struct history_entry *entry), void *arg,
    void (*done)(void *arg, uint64_t bytes), struct history_file_stats *stats, struct err *e)
{
	uint8_t *segment = malloc(HISTORY_SEGMENT_MAX);
	off_t at = 0;
	ssize_t n = 0;
	int rc = 0;

	if (segment == NULL)
		return err_set(e, -ENOMEM, "no memory to read %s", name);
	while (rc == 0 && (n = read_segment(fd, segment, at)) > 0) {
		rc = history_unpack(u, segment, (size_t)n, fn, arg);
		at += n;
		stats->segments++;
		stats->bytes += (uint64_t)n;
		if (rc == 1 || rc == -EBADMSG) {
			stats->skipped += rc == 1;
			stats->damaged += rc == -EBADMSG;
			rc = 0;
		}
		if (done != NULL)
			done(arg, (uint64_t)n);
	}
	free(segment);
	if (n == -EBADMSG) {
		stats->damaged++;
		if (at == 0)
			return err_set(e, -EBADMSG,
			    "%s is no history of this version of Bulkhead: name files from the "
			    "guard's history folder",
			    name);
	} else if (n < 0) {
		return err_set(e, (int)n, "%s cannot be read: %s", name, strerror((int)-n));
	}
	return rc;
}
