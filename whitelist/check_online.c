/* SPDX-License-Identifier: ISC */
/* The online checks together; see check_online.h.  bulkhead-check. */
#include "whitelist/check_online.h"

#include <errno.h>
#include <stdlib.h>

#include "base/config.h"
#include "whitelist/check_dns.h"

struct check_online_run {
	struct check_dns *dns;
	struct resolver resolver;
	struct check_page_config page;
};

static int
read_allowed(struct check_online_run *run, const struct check_job *job, struct err *e)
{
	const char *cursor = job->online.allow_private;
	char item[64];

	if (job->online.enforcing)
		return 0;
	while (config_list_next(&cursor, item, sizeof(item))) {
		if (run->page.allow_count == sizeof(run->page.allow) / sizeof(run->page.allow[0]))
			return err_set(e, -E2BIG, "check_allow_private has too many prefixes");
		if (addr_prefix_parse(item, &run->page.allow[run->page.allow_count]) != 0)
			return err_set(
			    e, -EINVAL, "check_allow_private: \"%s\" is no prefix", item);
		run->page.allow_count++;
	}
	return 0;
}

int
check_online_open(struct check_online_run **out, const struct check_job *job, struct err *e)
{
	const struct check_dns_config config = {
	    .server = job->online.resolver, .anchor = job->online.anchor};
	struct check_online_run *run = calloc(1, sizeof(*run));
	int r;

	if (run == NULL)
		return err_set(e, -ENOMEM, "no memory for the online checks");
	r = read_allowed(run, job, e);
	if (r == 0)
		r = check_dns_open(&run->dns, &config, e);
	if (r == 0) {
		run->resolver = check_dns_resolver(run->dns);
		run->page.dns = run->resolver;
		r = check_page_init(&run->page, job->online.ca_file, e);
	}
	if (r != 0) {
		check_online_close(run);
		return r;
	}
	*out = run;
	return 0;
}

void
check_online(struct check_online_run *run, const struct check_job *job, const char *rules,
    struct check_report *out)
{
	check_addresses(job, &run->resolver, out);
	check_records(job, &run->resolver, out);
	check_visits(job, &run->page, rules, out);
	if (job->online.allow_private[0] != '\0')
		check_report_add(out, CHECK_U1, CHECK_WARN, "setting",
		    job->online.enforcing
			? "check_allow_private is ignored while mode is enforce: remove it from "
			  "bulkhead.conf"
			: "check_allow_private lets pages stand on private addresses: tests only");
}

void
check_online_close(struct check_online_run *run)
{
	if (run == NULL)
		return;
	check_page_config_fini(&run->page);
	check_dns_close(run->dns);
	free(run);
}
