/* SPDX-License-Identifier: ISC */
/* Content-addressed evidence files; the only file that knows libmagic.  bulkhead-guard. */
#include "whitelist/evidence.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define EVIDENCE_CHUNK_BYTES 65536

struct evidence_store {
	int dir_fd;
	magic_t magic;
	uint64_t max_bytes;
	uint64_t serial; /* of temporary names in this process */
	char dir[256];
};

/* What a file of each kind may be, by its content (libmagic's MIME type, by prefix). */
static const char *const evidence_types[EVIDENCE__COUNT][6] = {
    [EVIDENCE_CONSENT_FORM] = {"image/png", "image/jpeg", "image/webp", NULL},
    [EVIDENCE_REGISTRATION_FORM] = {"image/png", "image/jpeg", "image/webp", NULL},
    [EVIDENCE_RULES_EXTRACT] = {"text/", NULL},
    /* libmagic calls a message without the usual first fields plain text. */
    [EVIDENCE_SAMPLE_SOURCE] = {"message/", "text/", "application/mbox", NULL},
    [EVIDENCE_SAMPLE_PICTURE] = {"image/png", "image/jpeg", "image/webp", NULL},
    [EVIDENCE_UNSUBSCRIBE_PAGE] = {"image/png", "image/jpeg", "image/webp", NULL},
    [EVIDENCE_NOTE] = {"text/", "message/", "image/png", "image/jpeg", "image/webp", NULL},
};

static const char *
evidence_wanted(enum evidence_kind kind)
{
	switch (kind) {
	case EVIDENCE_RULES_EXTRACT:
		return "a text";
	case EVIDENCE_SAMPLE_SOURCE:
		return "the source of a mail (.eml)";
	case EVIDENCE_NOTE:
		return "a text or a picture";
	default:
		return "a picture (PNG, JPEG or WebP)";
	}
}

int
evidence_store_open(struct evidence_store **out, const char *dir, uint64_t max_bytes, struct err *e)
{
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return err_set(
		    e, -errno, "cannot make the evidence folder %s: %s", dir, strerror(errno));
	struct evidence_store *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return err_set(e, -ENOMEM, "no memory for the evidence store");
	s->max_bytes = max_bytes;
	snprintf(s->dir, sizeof(s->dir), "%s", dir);
	s->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0) {
		int r = err_set(
		    e, -errno, "cannot open the evidence folder %s: %s", dir, strerror(errno));
		free(s);
		return r;
	}
	/* Loaded now: later there may be no right to read its database. */
	s->magic = magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS);
	if (s->magic == NULL || magic_load(s->magic, NULL) != 0) {
		evidence_store_close(s);
		return err_set(e, -ENOENT,
		    "libmagic cannot load its database: install the package libmagic-mgc");
	}
	*out = s;
	return 0;
}

void
evidence_store_close(struct evidence_store *s)
{
	if (s == NULL)
		return;
	if (s->magic != NULL)
		magic_close(s->magic);
	close(s->dir_fd);
	free(s);
}

struct evidence_part {
	int fd;
	uint64_t offset, size;
};

/* Copies from to to, hashing; the first bytes are kept for the type.  0 or negative errno with *e.
 */
static int
evidence_copy(const struct evidence_store *s, const struct evidence_part *from, int to,
    struct evidence *ev, uint8_t *head, size_t *head_size, struct err *e)
{
	static const size_t room = EVIDENCE_CHUNK_BYTES;
	struct hash_stream *hash = hash_stream_new();
	uint8_t *chunk = malloc(room);
	uint64_t size = 0;
	int r = 0;

	if (hash == NULL || chunk == NULL) {
		r = err_set(e, -ENOMEM, "no memory to store %s", ev->name);
		goto out;
	}
	for (;;) {
		const uint64_t left = from->size - size;
		ssize_t n =
		    pread(from->fd, chunk, left < room ? left : room, (off_t)(from->offset + size));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = err_set(e, -errno, "%s cannot be read: %s", ev->name, strerror(errno));
			break;
		}
		if (n == 0)
			break;
		if (size == 0) {
			*head_size = (size_t)n;
			memcpy(head, chunk, (size_t)n);
		}
		size += (uint64_t)n;
		if (size > s->max_bytes) {
			r = err_set(e, -EFBIG,
			    "%s is larger than the %llu MiB that one evidence file may have",
			    ev->name, (unsigned long long)(s->max_bytes >> 20));
			break;
		}
		hash_stream_add(hash, chunk, (size_t)n);
		if (write(to, chunk, (size_t)n) != n) {
			r = err_set(e, errno != 0 ? -errno : -EIO, "%s cannot be stored in %s: %s",
			    ev->name, s->dir, strerror(errno));
			break;
		}
	}
	if (r == 0 && size == 0)
		r = err_set(e, -ENODATA, "%s is empty", ev->name);
	ev->size = size;
out:
	if (hash != NULL)
		hash_stream_finish(hash, ev->sha256);
	free(chunk);
	return r;
}

static int
evidence_check_type(struct evidence_store *s, const uint8_t *head, size_t head_size,
    struct evidence *ev, struct err *e)
{
	const char *type = magic_buffer(s->magic, head, head_size);

	if (type == NULL)
		type = "application/octet-stream";
	snprintf(ev->type, sizeof(ev->type), "%s", type);
	for (const char *const *t = evidence_types[ev->kind]; *t != NULL; t++)
		if (strncmp(type, *t, strlen(*t)) == 0)
			return 0;
	return err_set(e, -EINVAL, "%s is %s by its content, but %s must be %s", ev->name, type,
	    evidence_kind_name(ev->kind), evidence_wanted((enum evidence_kind)ev->kind));
}

/* Moves the finished file to its name, and makes sure that both outlive a power cut. */
static int
evidence_publish(const struct evidence_store *s, const char *temporary, int fd, const char *sha256,
    struct err *e)
{
	char folder[3] = {sha256[0], sha256[1], '\0'}, path[80];
	int r = 0;

	snprintf(path, sizeof(path), "%s/%s", folder, sha256);
	if (fsync(fd) != 0 || (mkdirat(s->dir_fd, folder, 0700) != 0 && errno != EEXIST) ||
	    renameat(s->dir_fd, temporary, s->dir_fd, path) != 0)
		return err_set(
		    e, -errno, "cannot store evidence in %s: %s", s->dir, strerror(errno));
	int folder_fd = openat(s->dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder_fd < 0 || fsync(folder_fd) != 0 || fsync(s->dir_fd) != 0)
		r = err_set(e, -errno, "cannot store evidence in %s: %s", s->dir, strerror(errno));
	if (folder_fd >= 0)
		close(folder_fd);
	return r;
}

int
evidence_store_add(struct evidence_store *s, int fd, struct evidence *ev, struct err *e)
{
	return evidence_store_add_part(s, fd, 0, UINT64_MAX, ev, e);
}

int
evidence_store_scratch(struct evidence_store *s, struct err *e)
{
	char name[48];
	int fd = openat(s->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	/* A file system without unnamed files: one that loses its name at once. */
	snprintf(
	    name, sizeof(name), ".new-%d-%llu", (int)getpid(), (unsigned long long)s->serial++);
	fd = openat(s->dir_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || unlinkat(s->dir_fd, name, 0) != 0)
		return err_set(e, -errno, "cannot make a file in %s: %s", s->dir, strerror(errno));
	return fd;
}

int
evidence_store_add_part(struct evidence_store *s, int fd, uint64_t offset, uint64_t size,
    struct evidence *ev, struct err *e)
{
	const struct evidence_part from = {fd, offset, size};
	struct evidence fresh = *ev;
	char temporary[48];
	uint8_t *head = NULL;
	size_t head_size = 0;
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "%s is not a regular file", ev->name);
	snprintf(temporary, sizeof(temporary), ".new-%d-%llu", (int)getpid(),
	    (unsigned long long)s->serial++);
	int to =
	    openat(s->dir_fd, temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0)
		return err_set(
		    e, -errno, "cannot store evidence in %s: %s", s->dir, strerror(errno));
	int r = -ENOMEM;
	head = malloc(EVIDENCE_CHUNK_BYTES);
	if (head == NULL)
		err_set(e, r, "no memory to store %s", ev->name);
	else
		r = evidence_copy(s, &from, to, &fresh, head, &head_size, e);
	if (r == 0)
		r = evidence_check_type(s, head, head_size, &fresh, e);
	if (r == 0)
		r = evidence_publish(s, temporary, to, fresh.sha256, e);
	if (r == 0)
		*ev = fresh;
	else
		unlinkat(s->dir_fd, temporary, 0);
	free(head);
	close(to);
	return r;
}

/* The name of stored content below the folder, or -EINVAL for what is no hash. */
static int
evidence_path(char path[80], const char *sha256, struct err *e)
{
	if (strlen(sha256) != HASH_SHA256_HEX - 1 ||
	    strspn(sha256, "0123456789abcdef") != HASH_SHA256_HEX - 1)
		return err_set(e, -EINVAL, "\"%s\" is not a SHA-256 in hex", sha256);
	snprintf(path, 80, "%c%c/%s", sha256[0], sha256[1], sha256);
	return 0;
}

int
evidence_store_remove(struct evidence_store *s, const char *sha256, struct err *e)
{
	char path[80];
	int rc = evidence_path(path, sha256, e);

	if (rc < 0)
		return rc;
	if (unlinkat(s->dir_fd, path, 0) != 0 && errno != ENOENT)
		return err_set(e, -errno, "evidence %s cannot be removed from %s: %s", sha256,
		    s->dir, strerror(errno));
	path[2] = '\0';
	(void)unlinkat(s->dir_fd, path, AT_REMOVEDIR); /* stays while others lie in it */
	return 0;
}

/* A listing of a folder below the store ("." = the store), with a position of its own. */
static DIR *
open_folder(const struct evidence_store *s, const char *folder)
{
	int fd = openat(s->dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (d == NULL && fd >= 0)
		close(fd);
	return d;
}

static int
each_in_folder(const struct evidence_store *s, const char *folder,
    int (*fn)(void *arg, const char *sha256, int64_t changed_ns), void *arg)
{
	DIR *d = open_folder(s, folder);
	const struct dirent *entry;
	char path[80];
	int rc = 0;

	while (rc == 0 && d != NULL && (entry = readdir(d)) != NULL) {
		struct stat st;

		if (evidence_path(path, entry->d_name, NULL) == 0 &&
		    fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			rc = fn(arg, entry->d_name,
			    st.st_mtim.tv_sec * CLOCK_SECOND_NS + st.st_mtim.tv_nsec);
	}
	if (d != NULL)
		closedir(d);
	return rc;
}

int
evidence_store_each(const struct evidence_store *s,
    int (*fn)(void *arg, const char *sha256, int64_t changed_ns), void *arg, struct err *e)
{
	DIR *d = open_folder(s, ".");
	const struct dirent *entry;
	int rc = 0;

	if (d == NULL)
		return err_set(
		    e, -errno, "cannot list the evidence in %s: %s", s->dir, strerror(errno));
	while (rc == 0 && (entry = readdir(d)) != NULL)
		if (strlen(entry->d_name) == 2 && entry->d_name[0] != '.')
			rc = each_in_folder(s, entry->d_name, fn, arg);
	closedir(d);
	return rc;
}

unsigned
evidence_store_tidy(struct evidence_store *s, int64_t before_ns)
{
	DIR *d = open_folder(s, ".");
	const struct dirent *entry;
	unsigned removed = 0;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		struct stat st;

		if (strncmp(entry->d_name, ".new-", 5) == 0 &&
		    fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_mtim.tv_sec * CLOCK_SECOND_NS < before_ns)
			removed += unlinkat(dirfd(d), entry->d_name, 0) == 0;
	}
	if (d != NULL)
		closedir(d);
	return removed;
}

int
evidence_store_read(const struct evidence_store *s, const char *sha256, struct err *e)
{
	char path[80];
	int rc = evidence_path(path, sha256, e);

	if (rc < 0)
		return rc;
	int fd = openat(s->dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_set(
		    e, -errno, "evidence %s is not in %s: %s", sha256, s->dir, strerror(errno));
	return fd;
}
