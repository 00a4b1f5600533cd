/* SPDX-License-Identifier: ISC */
/*
 * bulkhead-check: parses one document that somebody submitted, and ends.  The job comes on standard
 * input, the document on descriptor 3, one report goes to standard output; see check_job.h for the
 * bounds.  It starts with what its parent left it, gives everything up, and only then reads the
 * document.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sandbox.h"
#include "base/sandbox_build.h"
#include "whitelist/check_intake.h"
#include "whitelist/check_complaint.h"
#include "whitelist/check_message.h"
#include "whitelist/check_online.h"
#include "whitelist/check_picture.h"

#define DOCUMENT_FD 3
#define OUTPUT_FD   4

static int
read_job(struct check_job *job)
{
	static uint8_t buf[CHECK_JOB_MAX + 1];
	size_t used = 0;

	for (;;) {
		ssize_t n = read(STDIN_FILENO, buf + used, sizeof(buf) - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return check_job_decode(job, buf, used);
		used += (size_t)n;
		if (used == sizeof(buf))
			return -EBADMSG;
	}
}

/* What a worker may use; CHECK_DEADLINE_S is kept by the parent, who is not stopped by a stopped
 * child. */
static int
set_limits(bool online, bool output)
{
	const struct {
		int what;
		rlim_t value;
	} rows[] = {
	    {RLIMIT_CPU, CHECK_CPU_S},
	    {RLIMIT_FSIZE, output ? CHECK_OUTPUT_BYTES_MAX : 0},
	    {RLIMIT_NPROC, 0},
	    {RLIMIT_CORE, 0},
	    {RLIMIT_NOFILE, CHECK_DESCRIPTORS},
	    {RLIMIT_AS, CHECK_MEMORY_BYTES},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct rlimit limit = {rows[i].value, rows[i].value};

		/* A sanitizer reserves terabytes of address space. */
		if (SANDBOX_IS_SANITIZER_BUILD && rows[i].what == RLIMIT_AS)
			continue;
		/* The resolver has a thread; the filter forbids processes. */
		if (online && rows[i].what == RLIMIT_NPROC)
			continue;
		if (setrlimit((__rlimit_resource_t)rows[i].what, &limit) != 0)
			return -errno;
	}
	return 0;
}

/* Nothing is left but reading, memory, writing the report, and the end. */
static int
enter_jail(bool online, bool output, struct err *e)
{
	const struct sandbox_user self = {.uid = geteuid(), .gid = getegid(), .name = ""};
	bool active;
	int rc = set_limits(online, output);

	if (rc < 0)
		return err_set(e, rc, "cannot set the limits of a worker: %s", strerror(-rc));
	rc = sandbox_drop(&self, 0, e);
	if (rc == 0)
		rc = sandbox_landlock(NULL, &active, e);
	return rc == 0 ? sandbox_seccomp(online ? SANDBOX_ONLINE : SANDBOX_CHECK, e) : rc;
}

/* The whole document in memory; NULL when there is none or it is too large for any kind. */
static char *
read_document(size_t *size)
{
	const size_t max = CHECK_PICTURE_BYTES_MAX + 1;
	struct stat st;
	size_t room, used = 0;
	char *data;

	if (fstat(DOCUMENT_FD, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 0)
		return NULL;
	room = (size_t)st.st_size < max ? (size_t)st.st_size : max;
	data = malloc(room + 1);
	while (data != NULL && used < room) {
		/* The descriptor's position is shared with nobody. */
		ssize_t n = read(DOCUMENT_FD, data + used, room - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	if (data != NULL)
		data[used] = '\0';
	*size = used;
	return data;
}

/* n: bytes in buf, or negative errno. */
static int
write_reply(const uint8_t *buf, long n)
{
	for (long at = 0; n > 0 && at < n;) {
		ssize_t done = write(STDOUT_FILENO, buf + at, (size_t)(n - at));

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -EIO;
		at += done;
	}
	return n > 0 ? 0 : -EIO;
}

static int
write_report(const struct check_report *report)
{
	static uint8_t buf[CHECK_WIRE_MAX];

	return write_reply(buf, check_report_encode(report, buf, sizeof(buf)));
}

static int
run_intake(const char *document, size_t size)
{
	static struct intake intake;
	static uint8_t buf[CHECK_WIRE_MAX];

	check_intake(&intake, document, size, OUTPUT_FD);
	return write_reply(buf, intake_encode(&intake, buf, sizeof(buf)));
}

static int
run_complaint(const char *document, size_t size)
{
	struct complaint complaint;
	json_t *object;
	char *text;
	int rc;

	check_complaint(&complaint, document, size);
	object = complaint_json(&complaint);
	text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
	rc = text != NULL ? write_reply((const uint8_t *)text, (long)strlen(text)) : -ENOMEM;
	free(text);
	json_decref(object);
	return rc;
}

static int
run(const struct check_job *job, struct check_online_run *online)
{
	static struct check_report report;
	size_t size = 0;
	char *document = read_document(&size);
	int rc;

	if (document == NULL && job->kind != CHECK_JOB_ONLINE)
		return -EBADF;
	if (job->kind == CHECK_JOB_INTAKE) {
		rc = run_intake(document, size);
		free(document);
		return rc;
	}
	if (job->kind == CHECK_JOB_COMPLAINT) {
		rc = run_complaint(document, size);
		free(document);
		return rc;
	}
	check_report_init(&report);
	report.made_ns = job->now_ns;
	if (job->kind == CHECK_JOB_MESSAGE)
		check_message(job, document, size, &report);
	else if (job->kind == CHECK_JOB_PICTURE)
		check_picture(job, document, size, &report);
	else
		check_online(online, job, document, &report);
	rc = report.count > 0 ? write_report(&report) : -EINVAL;
	free(document);
	return rc;
}

int
main(int argc, char **argv)
{
	static struct check_job job;
	struct check_online_run *online = NULL;
	struct err e = {0};

	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		puts("bulkhead-check " BULKHEAD_VERSION);
		return 0;
	}
	log_init("bulkhead-check", LOG_LEVEL_ERROR);
	if (read_job(&job) < 0) {
		fprintf(stderr, "bulkhead-check: is started by bulkhead-guard, with a job on its "
				"standard input; use `bulkhead whitelist check N`\n");
		return 2;
	}
	if (job.kind == CHECK_JOB_MESSAGE || job.kind == CHECK_JOB_INTAKE ||
	    job.kind == CHECK_JOB_COMPLAINT)
		check_message_init(); /* tables from files, while they can be opened */

	/* Certificates and the resolver's configuration, likewise. */
	if (job.kind == CHECK_JOB_ONLINE && check_online_open(&online, &job, &e) < 0) {
		log_event(LOG_LEVEL_ERROR, "check.online", "error=\"%s\"", e.text);
		return 1;
	}

	/* From here on nothing can be opened or started; only an online job may send. */
	if (enter_jail(job.kind == CHECK_JOB_ONLINE, fcntl(OUTPUT_FD, F_GETFD) >= 0, &e) < 0) {
		log_event(LOG_LEVEL_ERROR, "check.jail", "error=\"%s\"", e.text);
		return 1;
	}
	return run(&job, online) == 0 ? 0 : 1;
}
