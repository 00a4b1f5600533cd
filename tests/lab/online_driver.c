/* SPDX-License-Identifier: ISC */
/*
 * Gives one online job to the real worker, jail and all, and prints its report:
 *
 *   online_driver PATH/bulkhead-check key=value...      < rules extract, or /dev/null
 *
 * One line a result: "D1 fail 11.0.0.26 | sentence".  Keys: address domain from envelope helo
 * resolver ca body list form rules dkim (selector:domain) allow lists domain-lists enforce post.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "whitelist/check_job.h"

#define COPY(field, text) snprintf(field, sizeof(field), "%s", text)

static int
set_text(struct check_job_online *o, const char *key, const char *value)
{
	const struct {
		const char *key;
		char *field;
		size_t size;
	} rows[] = {
	    {"from", o->from_domain, sizeof(o->from_domain)},
	    {"envelope", o->envelope_domain, sizeof(o->envelope_domain)},
	    {"helo", o->helo, sizeof(o->helo)},
	    {"resolver", o->resolver, sizeof(o->resolver)},
	    {"anchor", o->anchor, sizeof(o->anchor)},
	    {"ca", o->ca_file, sizeof(o->ca_file)},
	    {"body", o->body_link, sizeof(o->body_link)},
	    {"list", o->list_unsubscribe, sizeof(o->list_unsubscribe)},
	    {"form", o->form_url, sizeof(o->form_url)},
	    {"rules", o->rules_url, sizeof(o->rules_url)},
	    {"allow", o->allow_private, sizeof(o->allow_private)},
	    {"lists", o->address_lists, sizeof(o->address_lists)},
	    {"domain-lists", o->domain_lists, sizeof(o->domain_lists)},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].key, key) == 0) {
			snprintf(rows[i].field, rows[i].size, "%s", value);
			return 0;
		}
	return -EINVAL;
}

static int
set(struct check_job *job, char *word)
{
	char *value = strchr(word, '='), *colon;

	if (value == NULL)
		return -EINVAL;
	*value++ = '\0';
	if (strcmp(word, "address") == 0 && job->address_count < CHECK_ADDRESSES_MAX)
		return addr_parse(value, &job->addresses[job->address_count++]);
	if (strcmp(word, "domain") == 0 && job->domain_count < GRANT_DOMAINS_MAX) {
		COPY(job->domains[job->domain_count], value);
		job->domain_count++;
		return 0;
	}
	if (strcmp(word, "dkim") == 0 && (colon = strchr(value, ':')) != NULL) {
		*colon = '\0';
		COPY(job->online.dkim[job->online.dkim_count].selector, value);
		COPY(job->online.dkim[job->online.dkim_count].domain, colon + 1);
		job->online.dkim_count++;
		return 0;
	}
	if (strcmp(word, "enforce") == 0)
		job->online.enforcing = strcmp(value, "yes") == 0;
	else if (strcmp(word, "post") == 0)
		job->online.may_post = strcmp(value, "yes") == 0;
	else
		return set_text(&job->online, word, value);
	return 0;
}

/* The worker with the job on its input and our input as its document. */
static int
start(const char *program, const uint8_t *data, size_t size, int *from, pid_t *pid)
{
	int in[2], out[2];

	if (pipe(in) != 0 || pipe(out) != 0)
		return -errno;
	*pid = fork();
	if (*pid == 0) {
		int document = fcntl(STDIN_FILENO, F_DUPFD, 20); /* above the pipes */

		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		dup2(document, 3);
		close(document);
		execl(program, program, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	*from = out[0];
	if (*pid < 0 || write(in[1], data, size) != (ssize_t)size)
		return -EIO;
	close(in[1]);
	return 0;
}

int
main(int argc, char **argv)
{
	static struct check_job job = {.kind = CHECK_JOB_ONLINE};
	static uint8_t buf[CHECK_WIRE_MAX];
	static struct check_report report;
	size_t used = 0;
	int from = -1, status;
	pid_t pid = -1;

	job.now_ns = clock_wall_ns();
	for (int i = 2; i < argc; i++)
		if (set(&job, argv[i]) != 0) {
			fprintf(stderr, "online_driver: what is \"%s\"?\n", argv[i]);
			return 2;
		}
	long n = check_job_encode(&job, buf, sizeof(buf));
	if (argc < 2 || n < 0 || n > CHECK_JOB_MAX ||
	    start(argv[1], buf, (size_t)n, &from, &pid) != 0)
		return 2;
	for (ssize_t got; used < sizeof(buf); used += (size_t)got) {
		got = read(from, buf + used, sizeof(buf) - used);
		if (got <= 0)
			break;
	}
	if (waitpid(pid, &status, 0) != pid || status != 0 ||
	    check_report_decode(&report, buf, used) != 0) {
		fprintf(stderr, "online_driver: the worker ended with %#x after %zu bytes\n",
		    (unsigned)status, used);
		return 1;
	}
	for (unsigned i = 0; i < report.count; i++)
		printf("%s %s %s | %s\n", check_info(report.results[i].id)->name,
		    check_level_name(report.results[i].level), report.results[i].about,
		    report.results[i].text);
	return 0;
}
