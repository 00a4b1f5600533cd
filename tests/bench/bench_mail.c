/* SPDX-License-Identifier: ISC */
/*
 * Runs the message checks over folders of mail and prints how they went, per folder: which check gave
 * which level how often, and the slowest message.  bench_mail FOLDER... ; with -v each bad finding.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "whitelist/check_message.h"

struct tally {
	unsigned messages;
	unsigned levels[CHECK__COUNT][CHECK_LEVEL__COUNT];
	int64_t slowest_ns;
	char slowest[256];
};

static char *
load(const char *path, size_t *size)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *data = NULL;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		*size = (size_t)st.st_size;
		data = malloc(*size + 1);
		if (data != NULL && read(fd, data, *size) == st.st_size)
			data[*size] = '\0';
	}
	if (fd >= 0)
		close(fd);
	return data;
}

static void
one(const char *folder, const char *name, bool verbose, struct tally *t)
{
	static struct check_report report;
	static const struct check_job job = {
	    .kind = CHECK_JOB_MESSAGE, .evidence = EVIDENCE_SAMPLE_SOURCE};
	char path[1024];
	size_t size = 0;
	char *data;
	int64_t begin;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	data = load(path, &size);
	if (data == NULL)
		return;
	check_report_init(&report);
	begin = clock_mono_ns();
	check_message(&job, data, size, &report);
	begin = clock_mono_ns() - begin;
	free(data);
	if (begin > t->slowest_ns) {
		t->slowest_ns = begin;
		snprintf(t->slowest, sizeof(t->slowest), "%s", name);
	}
	t->messages++;
	for (unsigned i = 0; i < report.count; i++) {
		const struct check_result *c = &report.results[i];

		t->levels[c->id][c->level]++;
		if (verbose && (c->level == CHECK_FAIL || c->level == CHECK_WARN))
			printf("%s %s %s %s\n", name, check_info(c->id)->name,
			    check_level_name(c->level), c->text);
	}
}

static void
folder(const char *path, bool verbose)
{
	static struct tally t;
	DIR *dir = opendir(path);
	struct dirent *entry;

	memset(&t, 0, sizeof(t));
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			one(path, entry->d_name, verbose, &t);
	if (dir != NULL)
		closedir(dir);
	printf("%s: %u messages, slowest %.1f ms (%s)\n", path, t.messages,
	    (double)t.slowest_ns / 1e6, t.slowest);
	for (unsigned id = 0; id < CHECK__COUNT; id++) {
		const unsigned *n = t.levels[id];

		if (n[0] + n[1] + n[2] + n[3] + n[4] > 0)
			printf("  %-4s %-38s pass %4u  info %4u  not-checked %4u  warn %4u  fail "
			       "%4u\n",
			    check_info(id)->name, check_info(id)->title, n[CHECK_PASS],
			    n[CHECK_INFO], n[CHECK_NOT_CHECKED], n[CHECK_WARN], n[CHECK_FAIL]);
	}
}

int
main(int argc, char **argv)
{
	bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;

	check_message_init();
	for (int i = verbose ? 2 : 1; i < argc; i++)
		folder(argv[i], verbose);
	return 0;
}
