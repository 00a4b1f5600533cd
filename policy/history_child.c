/* SPDX-License-Identifier: ISC */
/*
 * The history writer: appends segments to the file of their day, removes days that are too old or
 * too many, and copies what led to a case into a file of its own.  Nothing waits for it.
 * bulkhead-guard (history writer).
 */
#include "policy/history_child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/schedule.h"
#include "policy/history_file.h"
#include "policy/history_wire.h"

#define PRUNE_EVERY_NS (10 * CLOCK_MINUTE_NS)
#define CASE_BYTES_MAX (4u << 20) /* a day of a server that was kept one by one is below it */

struct writer {
	int fd, folder; /* the judge; the directory */
	struct history_limits limits;
	struct history_report report;
	int day_fd; /* of the file that is appended to; -1 = none */
	char day_name[HISTORY_FILE_BYTES];
	int64_t next_prune_ns; /* monotonic */
};

/* --- failures --- */

static void
note_failure(struct writer *w, const char *what, const char *name)
{
	static struct log_limit limit = {.per_second = 1};

	snprintf(w->report.error, sizeof(w->report.error), "%s: cannot %s: %s", name, what,
	    strerror(errno));
	log_event_limited(&limit, LOG_LEVEL_ERROR, "guard.history", "file=%s what=%s error=\"%s\"",
	    name, what, strerror(errno));
}

static void
send_report(struct writer *w)
{
	uint8_t packet[512];
	long n = history_wire_report(&w->report, packet, sizeof(packet));

	if (n > 0 && send(w->fd, packet, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) == n)
		w->report.lost = 0; /* each loss is told once */
}

/* --- days --- */

struct day {
	char name[HISTORY_FILE_BYTES];
	int64_t day_ns;
	uint64_t bytes;
};

struct days {
	struct day *list;
	size_t count, room;
};

static int
compare_days(const void *a, const void *b)
{
	const struct day *x = a, *y = b;

	return x->day_ns < y->day_ns ? -1 : x->day_ns > y->day_ns;
}

static void
add_day(struct days *d, const char *name, int64_t day_ns, uint64_t bytes)
{
	struct day *one;

	if (d->count == d->room) {
		size_t room = d->room == 0 ? 64 : d->room * 2;
		struct day *grown = realloc(d->list, room * sizeof(*grown));

		if (grown == NULL)
			return; /* the next round may see it */
		d->list = grown;
		d->room = room;
	}
	one = &d->list[d->count++];
	memcpy(one->name, name, strlen(name) + 1); /* history_file_day() has looked at it */
	one->day_ns = day_ns;
	one->bytes = bytes;
}

/* Every name in the folder to fn. */
static void
each_name(struct writer *w, void (*fn)(struct writer *w, void *arg, const char *name), void *arg)
{
	int fd = openat(w->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *one;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((one = readdir(dir)) != NULL)
		fn(w, arg, one->d_name);
	closedir(dir);
}

static void
look_at_day(struct writer *w, void *arg, const char *name)
{
	struct stat st;
	int64_t day_ns;

	if (history_file_day(name, &day_ns) == 0 &&
	    fstatat(w->folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		add_day(arg, name, day_ns, (uint64_t)st.st_size);
}

/* The days in their order; free(d.list). */
static struct days
list_days(struct writer *w)
{
	struct days d = {.count = 0};

	each_name(w, look_at_day, &d);
	if (d.count > 1)
		qsort(d.list, d.count, sizeof(*d.list), compare_days);
	return d;
}

/* --- pruning --- */

struct case_round {
	int64_t oldest_ns;
	uint32_t kept;
};

static void
look_at_case(struct writer *w, void *arg, const char *name)
{
	struct case_round *round = arg;
	const char *end = strrchr(name, '.');
	struct stat st;

	if (end == NULL || (strcmp(end, ".case") != 0 && strcmp(end, ".new") != 0) ||
	    fstatat(w->folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if (st.st_mtim.tv_sec < round->oldest_ns / CLOCK_SECOND_NS)
		unlinkat(w->folder, name, 0);
	else
		round->kept += strcmp(end, ".case") == 0;
}

/* What is too old goes, then the oldest until the rest fits; today stays. */
static void
prune(struct writer *w)
{
	int64_t now_ns = clock_wall_ns();
	struct case_round round = {.oldest_ns = now_ns - w->limits.case_retention_ns};
	struct days d = list_days(w);
	uint64_t all = 0;
	size_t first = 0;

	for (size_t i = 0; i < d.count; i++)
		all += d.list[i].bytes;
	while (first < d.count && d.list[first].day_ns + CLOCK_DAY_NS < now_ns &&
	       (d.list[first].day_ns + CLOCK_DAY_NS < now_ns - w->limits.retention_ns ||
		   all > w->limits.max_bytes)) {
		unlinkat(w->folder, d.list[first].name, 0);
		all -= d.list[first++].bytes;
	}
	w->report.bytes = all;
	w->report.days = (uint32_t)(d.count - first);
	w->report.oldest_ns = first < d.count ? d.list[first].day_ns : 0;
	w->report.bytes_today = 0;
	for (size_t i = first; i < d.count; i++)
		if (strcmp(d.list[i].name, w->day_name) == 0)
			w->report.bytes_today = d.list[i].bytes;
	free(d.list);
	each_name(w, look_at_case, &round);
	w->report.cases = round.kept;
}

static void
prune_when_due(struct writer *w)
{
	int64_t now_ns = clock_mono_ns();

	if (w->limits.max_bytes == 0 || now_ns < w->next_prune_ns)
		return;
	w->next_prune_ns = now_ns + PRUNE_EVERY_NS;
	prune(w);
	send_report(w);
}

/* --- segments --- */

static int
ignore_entry(void *arg, const struct history_entry *entry)
{
	(void)arg;
	(void)entry;
	return 0;
}

/* Opens the file of this day; the last segment of a writer that was killed may be cut, and what
 * follows it must not be hidden behind it: the cut goes. */
static int
open_day(struct writer *w, const char *name)
{
	struct history_file_stats stats = {0};
	struct history_unpack *u;
	off_t size;

	if (w->day_fd >= 0 && strcmp(w->day_name, name) == 0)
		return 0;
	if (w->day_fd >= 0)
		close(w->day_fd);
	snprintf(w->day_name, sizeof(w->day_name), "%s", name);
	w->day_fd =
	    openat(w->folder, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (w->day_fd < 0)
		return -errno;
	size = lseek(w->day_fd, 0, SEEK_END);
	if (size > 0 && history_unpack_new(&u) == 0) {
		struct err e;

		history_file_read(w->day_fd, name, u, ignore_entry, NULL, NULL, &stats, &e);
		history_unpack_free(u);
		if (stats.bytes < (uint64_t)size && ftruncate(w->day_fd, (off_t)stats.bytes) != 0)
			return -errno;
	}
	w->next_prune_ns = 0; /* a new day: an old one may go */
	return 0;
}

static void
take_segment(struct writer *w, const uint8_t *segment, size_t size)
{
	char name[HISTORY_FILE_BYTES];
	int64_t base_ns;
	off_t before;
	ssize_t n;

	if (size < HISTORY_HEAD_BYTES || history_unpack_head(segment, &base_ns) != (long)size)
		return;
	history_file_name(name, base_ns);
	if (open_day(w, name) < 0) {
		note_failure(w, "open", name);
		w->report.lost++;
		send_report(w);
		return;
	}
	before = lseek(w->day_fd, 0, SEEK_END);
	n = write(w->day_fd, segment, size);
	if (n == (ssize_t)size) {
		w->report.error[0] = '\0';
		w->report.bytes += size;
		w->report.bytes_today += size;
		return;
	}
	if (n >= 0)
		errno = ENOSPC;
	note_failure(w, "write", name);
	if (ftruncate(w->day_fd, before) != 0)
		note_failure(w, "cut", name);
	w->report.lost++;
	send_report(w);
}

/* --- cases --- */

struct keeping {
	const struct history_keep *keep;
	struct history_pack *pack;
	int fd;
	uint64_t bytes;
	int failed; /* negative errno */
};

static void
write_part(struct keeping *k)
{
	size_t size = 0;
	const uint8_t *segment = history_pack_finish(k->pack, &size);

	if (segment == NULL)
		return;
	if (write(k->fd, segment, size) != (ssize_t)size)
		k->failed = -EIO;
	k->bytes += size;
}

static int
keep_entry(void *arg, const struct history_entry *entry)
{
	struct keeping *k = arg;
	unsigned i = 0;

	while (i < k->keep->server_count && strcmp(k->keep->servers[i], entry->server) != 0)
		i++;
	if (i == k->keep->server_count || entry->obs.time_ns > k->keep->until_ns ||
	    entry->obs.time_ns < (i == 0 ? k->keep->from_ns : k->keep->others_from_ns))
		return 0;
	if (history_pack_add(k->pack, entry) == -ENOBUFS) {
		write_part(k);
		history_pack_add(k->pack, entry);
	}
	return k->failed < 0 || k->bytes > CASE_BYTES_MAX ? -EFBIG : 0;
}

/* Through the files of the days that the case reaches back to. */
static void
collect(struct writer *w, struct keeping *k)
{
	struct days d = list_days(w);

	for (size_t i = 0; i < d.count && k->failed == 0; i++) {
		struct history_file_stats stats = {0};
		struct history_unpack *u = NULL;
		int fd;

		if (d.list[i].day_ns + CLOCK_DAY_NS <= k->keep->from_ns ||
		    d.list[i].day_ns > k->keep->until_ns)
			continue;
		fd = openat(w->folder, d.list[i].name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 || history_unpack_new(&u) < 0) {
			if (fd >= 0)
				close(fd);
			continue;
		}
		history_file_read(fd, d.list[i].name, u, keep_entry, k, NULL, &stats, NULL);
		history_unpack_free(u);
		close(fd);
	}
	free(d.list);
}

static void
take_keep(struct writer *w, const struct history_keep *keep)
{
	struct keeping k = {.keep = keep, .fd = -1};
	char name[HISTORY_FILE_BYTES], fresh[HISTORY_FILE_BYTES + 8];

	if (history_case_name(name, keep->case_id) < 0 || history_pack_new(&k.pack) < 0)
		return;
	snprintf(fresh, sizeof(fresh), "%s.new", name);
	k.fd =
	    openat(w->folder, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (k.fd < 0) {
		note_failure(w, "open", fresh);
		history_pack_free(k.pack);
		return;
	}
	collect(w, &k);
	write_part(&k);
	if (fsync(k.fd) != 0 || close(k.fd) != 0 || k.failed < 0 ||
	    renameat(w->folder, fresh, w->folder, name) != 0) {
		note_failure(w, "keep", name);
		unlinkat(w->folder, fresh, 0);
	} else {
		w->report.cases++;
	}
	history_pack_free(k.pack);
	send_report(w);
}

/* --- the loop --- */

/* One packet; false when the judge is gone. */
static bool
take_packet(struct writer *w)
{
	static uint8_t packet[HISTORY_PACKET_MAX];
	ssize_t n = recv(w->fd, packet, sizeof(packet), 0);
	struct history_keep keep;

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n == 0)
		return false;
	switch (packet[0]) {
	case HISTORY_VERB_SEGMENT:
		take_segment(w, packet + 1, (size_t)n - 1);
		break;
	case HISTORY_VERB_LIMITS:
		if (history_wire_read_limits(&w->limits, packet, (size_t)n) == 0)
			w->next_prune_ns = 0;
		break;
	case HISTORY_VERB_KEEP:
		if (history_wire_read_keep(&keep, packet, (size_t)n) == 0)
			take_keep(w, &keep);
		break;
	default:
		break;
	}
	return true;
}

static int
open_folder(struct writer *w, const char *folder, struct err *e)
{
	const char *const paths[] = {folder, NULL};
	bool active;

	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return err_set(
		    e, -errno, "%s: cannot make this folder (%s)", folder, strerror(errno));
	w->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (w->folder < 0)
		return err_set(
		    e, -errno, "%s: cannot open this folder (%s)", folder, strerror(errno));
	return sandbox_landlock(paths, &active, e);
}

int
history_child_run(int fd, const char *folder, const struct sandbox_user *user)
{
	struct writer *w = calloc(1, sizeof(*w));
	struct err e = {0};
	int rc = -ENOMEM;

	/* Nothing else of the guard's: who holds its ends would keep its other children waiting. */
	if (fd != 3 && dup2(fd, 3) == 3)
		fd = 3;
	close_range(4, ~0U, 0);
	signal(SIGINT, SIG_IGN); /* it ends when the judge has handed over everything and hung up */
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	schedule_background(); /* never in the way of the judge */
	if (w != NULL) {
		w->fd = fd;
		w->day_fd = -1;
		/* From here on an ordinary user without any capability. */
		rc = sandbox_drop(user, 0, &e);
	}
	/* From here on its own folder, and the system calls of the judge. */
	if (rc == 0)
		rc = open_folder(w, folder, &e);
	if (rc == 0)
		rc = sandbox_seccomp(SANDBOX_JUDGE, &e);
	if (rc < 0) {
		log_event(LOG_LEVEL_ERROR, "guard.history", "error=\"%s\"", e.text);
		free(w);
		return 1;
	}
	for (;;) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};

		prune_when_due(w);
		if (poll(&pfd, 1, 60000) > 0 && !take_packet(w))
			break;
	}
	free(w);
	return 0;
}
