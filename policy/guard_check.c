/* SPDX-License-Identifier: ISC */
/*
 * Machine checks of applications: jobs to the workers, their reports together into one, what the
 * guard knows itself beside them.  bulkhead-guard (judge process).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "policy/check_spawner.h"
#include "policy/ctl_json.h"
#include "policy/guard_private.h"

/* One run: all documents of one application. */
struct guard_run {
	uint64_t serial;
	int64_t application;
	char actor[64];
	unsigned pending;
	uint8_t kinds[EVIDENCE_PER_APPLICATION_MAX]; /* of the jobs, for what fails */
	struct check_report report;
	bool online; /* an online job follows the documents */
	struct guard_check_online how;
	struct check_job job; /* for it */
};

#define ONLINE_INDEX EVIDENCE_PER_APPLICATION_MAX /* of the online job in a ticket */

/* A ticket names the run and its job. */
#define TICKET(run, job) ((run)->serial << 8 | (job))

bool
guard_check_runs(const struct guard *g, int64_t id)
{
	for (unsigned i = 0; i < GUARD_RUNS_MAX; i++)
		if (g->runs[i] != NULL && g->runs[i]->application == id)
			return true;
	return false;
}

void
guard_check_close(struct guard *g)
{
	for (unsigned i = 0; i < GUARD_RUNS_MAX; i++) {
		free(g->runs[i]);
		g->runs[i] = NULL;
	}
}

static bool
is_picture(const struct evidence *ev)
{
	return strncmp(ev->type, "image/", 6) == 0;
}

/* The newest sample; older ones were replaced by it. */
static int
newest_sample(const struct application *a)
{
	for (unsigned i = a->evidence_count; i > 0; i--)
		if (a->evidence[i - 1].kind == EVIDENCE_SAMPLE_SOURCE)
			return (int)i - 1;
	return -1;
}

/* What is the same for all jobs of a run. */
static void
fill_job(
    const struct guard *g, const struct application *a, const char *keys, struct check_job *job)
{
	memset(job, 0, sizeof(*job));
	job->purpose = a->purpose;
	job->now_ns = g->now_ns;
	job->domain_count = a->domain_count;
	memcpy(job->domains, a->domains, sizeof(job->domains));
	snprintf(job->dkim_keys, sizeof(job->dkim_keys), "%s", keys);
	for (unsigned i = 0; i < a->server_count; i++) {
		int index = inventory_find(g->inventory, a->servers[i]);
		const struct server *server =
		    index >= 0 ? inventory_get(g->inventory, (unsigned)index) : NULL;

		/* An address of its own; a whole network says nothing about who sent. */
		for (unsigned k = 0; server != NULL && k < server->prefix_count &&
				     job->address_count < CHECK_ADDRESSES_MAX;
		     k++)
			if (server->prefixes[k].bits == 128)
				job->addresses[job->address_count++] = server->prefixes[k].addr;
	}
}

/* A job that could not be done is a result too: nothing is lost silently. */
static void
note_failure(struct check_report *r, unsigned kind, const char *why)
{
	const char *name = evidence_kind_name(kind);

	if (kind == EVIDENCE_SAMPLE_SOURCE) {
		check_report_add(
		    r, CHECK_M1, CHECK_FAIL, NULL, "The sample could not be read: %s.", why);
		return;
	}
	check_report_add(
	    r, CHECK_C5, CHECK_FAIL, name, "The %s could not be looked at: %s.", name, why);
	if (kind == EVIDENCE_UNSUBSCRIBE_PAGE)
		check_report_add(r, CHECK_U7, CHECK_FAIL, NULL,
		    "The picture of the unsubscribe page could not be looked at: %s.", why);
}

static void
start_job(struct guard *g, struct guard_run *run, unsigned index, const struct evidence *ev,
    struct check_job *job)
{
	struct err e = {0};
	int fd = evidence_store_read(g->evidence, ev->sha256, &e), rc = fd;

	run->kinds[index] = ev->kind;
	job->kind = ev->kind == EVIDENCE_SAMPLE_SOURCE ? CHECK_JOB_MESSAGE : CHECK_JOB_PICTURE;
	job->evidence = ev->kind;
	snprintf(job->sha256, sizeof(job->sha256), "%s", ev->sha256);
	if (fd >= 0) {
		rc = check_spawner_start(g->checks, TICKET(run, index), job, fd, &e);
		close(fd);
	}
	if (rc < 0)
		note_failure(&run->report, ev->kind, e.text);
	else
		run->pending++;
}

/* --- the end of a run --------------------------------------------------------------------------- */

static int
store_run_report(struct guard *g, const struct guard_run *run, struct err *e)
{
	json_t *json = check_report_json(&run->report);
	char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
	unsigned levels[CHECK_LEVEL__COUNT] = {0};
	char subject[48];
	json_t *detail = json_object();
	int rc = text != NULL ? store_begin(g->store, e) : err_set(e, -ENOMEM, "no memory");

	json_decref(json);
	for (unsigned i = 0; i < run->report.count; i++)
		levels[run->report.results[i].level]++;
	for (unsigned i = 0; i < CHECK_LEVEL__COUNT; i++)
		json_object_set_new(detail, check_level_name(i), json_integer(levels[i]));
	if (run->how.consent[0] != '\0')
		json_object_set_new(detail, "post_consent", ctl_json_text(run->how.consent));
	snprintf(subject, sizeof(subject), "application %lld", (long long)run->application);
	if (rc < 0) {
		json_decref(detail);
		free(text);
		return rc;
	}
	rc = store_put_checks(g->store, run->application, run->report.made_ns, text, e);
	if (rc == 0)
		rc = guard_write_ledger(g, run->actor, "whitelist.check", subject, detail, e);
	else
		json_decref(detail);
	if (rc == 0)
		rc = store_commit(g->store, e);
	else
		store_rollback(g->store);
	free(text);
	return rc;
}

static void
finish_run(struct guard *g, unsigned slot)
{
	struct guard_run *run = g->runs[slot];
	char quoted[600];
	struct err e = {0};

	run->report.made_ns = g->now_ns;
	if (store_run_report(g, run, &e) < 0)
		log_event(LOG_LEVEL_ERROR, "guard.check.failed", "id=%lld error=%s",
		    (long long)run->application, log_quote(quoted, sizeof(quoted), e.text));
	else
		log_event(LOG_LEVEL_INFO, "guard.check", "id=%lld results=%u",
		    (long long)run->application, run->report.count);
	g->runs[slot] = NULL;
	free(run);
}

/* The checks of a part of the product that could not be reached decide nothing. */
static void
note_offline(struct check_report *r, const char *why)
{
	for (unsigned id = 0; id < CHECK__COUNT; id++)
		if (check_info(id)->online && check_report_find(r, id) == NULL)
			check_report_add(r, id, CHECK_NOT_CHECKED, NULL,
			    "The online checks ended early: %s.", why);
}

/* The documents are read: ask what they name.  Else this was all. */
static void
end_documents(struct guard *g, unsigned slot)
{
	struct guard_run *run = g->runs[slot];
	struct err e = {0};

	if (run->online) {
		run->online = false;
		run->job.kind = CHECK_JOB_ONLINE;
		check_job_set_online(&run->job, &g->settings,
		    run->report.facts.size_bytes != 0 ? &run->report.facts : NULL, "",
		    run->how.consent[0] != '\0');
		if (check_spawner_start(g->checks, TICKET(run, ONLINE_INDEX), &run->job, -1, &e) ==
		    0) {
			run->pending = 1;
			return;
		}
		note_offline(&run->report, e.text);
	}
	finish_run(g, slot);
}

int
guard_check_start(struct guard *g, const char *actor, const struct application *a, const char *keys,
    const struct guard_check_online *online, struct err *e)
{
	static struct check_job job;
	struct guard_run *run;
	unsigned slot = 0;
	int sample = newest_sample(a);

	if (g->checks == NULL)
		return err_set(e, -ENOSYS,
		    "this guard runs without workers: nothing that was submitted can be checked");
	if (guard_check_runs(g, a->id))
		return err_set(
		    e, -EBUSY, "application %lld is being checked already", (long long)a->id);
	while (slot < GUARD_RUNS_MAX && g->runs[slot] != NULL)
		slot++;
	if (slot == GUARD_RUNS_MAX)
		return err_set(
		    e, -EAGAIN, "too many applications are being checked: try again in a moment");
	run = calloc(1, sizeof(*run));
	if (run == NULL)
		return err_set(e, -ENOMEM, "no memory to check the application");
	g->runs[slot] = run;
	run->serial = ++g->run_count;
	run->application = a->id;
	snprintf(run->actor, sizeof(run->actor), "%s", actor);
	fill_job(g, a, keys, &job);
	run->online = online != NULL;
	if (online != NULL) {
		run->how = *online;
		run->job = job;
	}
	for (unsigned i = 0; i < a->evidence_count; i++)
		if ((int)i == sample || is_picture(&a->evidence[i]))
			start_job(g, run, i, &a->evidence[i], &job);
	if (run->pending == 0)
		end_documents(g, slot);
	return 0;
}

static void
take_outcome(struct guard *g, const struct check_outcome *o)
{
	char why[80];

	for (unsigned i = 0; i < GUARD_RUNS_MAX; i++) {
		struct guard_run *run = g->runs[i];
		unsigned job = o->ticket & 255;

		if (run == NULL || run->serial != o->ticket >> 8 || run->pending == 0 ||
		    job > ONLINE_INDEX)
			continue;
		switch (o->end) {
		case CHECK_END_DONE:
			check_report_merge(&run->report, &o->report);
			why[0] = '\0';
			break;
		case CHECK_END_KILLED:
			if (o->signal == SIGXCPU || o->signal == SIGKILL)
				snprintf(why, sizeof(why),
				    "it took more than %d s of processor time", CHECK_CPU_S);
			else
				snprintf(why, sizeof(why), "its reader was ended by signal %d",
				    o->signal);
			break;
		case CHECK_END_DEADLINE:
			snprintf(why, sizeof(why), "it took more than %d s",
			    job == ONLINE_INDEX ? CHECK_ONLINE_DEADLINE_S : CHECK_DEADLINE_S);
			break;
		case CHECK_END_REFUSED:
			snprintf(why, sizeof(why), "too many documents wait");
			break;
		case CHECK_END_FAILED:
		case CHECK_END__COUNT:
			snprintf(why, sizeof(why), "its reader ended without a report");
			break;
		}
		if (o->end != CHECK_END_DONE && job == ONLINE_INDEX)
			note_offline(&run->report, why);
		else if (o->end != CHECK_END_DONE)
			note_failure(&run->report, run->kinds[job], why);
		if (--run->pending == 0)
			end_documents(g, i);
		return;
	}
}

void
guard_hear_checks(struct guard *g)
{
	static struct check_outcome outcome; /* large */
	int rc;

	while ((rc = check_spawner_poll(g->checks, &outcome)) > 0)
		take_outcome(g, &outcome);
	if (rc == 0)
		return;
	log_event(LOG_LEVEL_ERROR, "guard.check.gone",
	    "effect=\"nothing that is submitted can be checked\" remedy=\"restart the guard\"");
	check_spawner_close(g->checks);
	g->checks = NULL;
	for (unsigned i = 0; i < GUARD_RUNS_MAX; i++)
		if (g->runs[i] != NULL)
			finish_run(g, i);
}

/* --- what the guard knows itself ---------------------------------------------------------------- */

static void
add_server_facts(const struct guard *g, const struct application *a, struct check_report *r)
{
	for (unsigned i = 0; i < a->server_count; i++) {
		int index = inventory_find(g->inventory, a->servers[i]);
		bool kvm = index >= 0 &&
			   inventory_get(g->inventory, (unsigned)index)->virtualization == VIRT_KVM;

		check_report_add(r, CHECK_D15, kvm ? CHECK_PASS : CHECK_FAIL, a->servers[i],
		    kvm ? "%s is a KVM server." : "%s is not a KVM server.", a->servers[i]);
	}
}

static void
add_declared(const struct application *a, struct check_report *r)
{
	bool bought = strcasestr(a->list_origin, "bought") != NULL ||
		      strcasestr(a->list_origin, "purchased") != NULL ||
		      strstr(a->list_origin, "куплен") != NULL;

	if (bought)
		check_report_add(r, CHECK_C6, CHECK_FAIL, NULL,
		    "The list is said to be bought (\"%.100s\"), which is refused.",
		    a->list_origin);
	else if (a->per_day == 0 || a->list_size == 0 || a->list_origin[0] == '\0')
		check_report_add(r, CHECK_C6, CHECK_FAIL, NULL,
		    "Volume per day, size or origin of the list is not declared.");
	else
		check_report_add(r, CHECK_C6, CHECK_PASS, NULL,
		    "Declared: %llu recipients a day, %llu on the list, from \"%.100s\".",
		    (unsigned long long)a->per_day, (unsigned long long)a->list_size,
		    a->list_origin);
}

struct duplicate_search {
	const struct guard *g;
	const struct application *a;
	char found[100];
};

/* The same tenant may show the same picture twice. */
static int
see_duplicate(void *arg, int64_t id)
{
	struct duplicate_search *s = arg;
	static struct application other; /* large */
	size_t used = strlen(s->found);
	int mine = inventory_find(s->g->inventory, s->a->servers[0]), theirs;

	if (store_get_application(s->g->store, id, &other, NULL) < 0)
		return 0;
	theirs = inventory_find(s->g->inventory, other.servers[0]);
	if (mine >= 0 && theirs >= 0 &&
	    strcmp(inventory_get(s->g->inventory, (unsigned)mine)->tenant,
		inventory_get(s->g->inventory, (unsigned)theirs)->tenant) == 0)
		return 0;
	snprintf(s->found + used, sizeof(s->found) - used, "%s%lld", used > 0 ? ", " : "",
	    (long long)id);
	return 0;
}

static void
add_duplicates(const struct guard *g, const struct application *a, struct check_report *r)
{
	for (unsigned i = 0; i < a->evidence_count; i++) {
		struct duplicate_search s = {.g = g, .a = a};
		char about[CHECK_ABOUT_BYTES];

		if (store_each_duplicate(
			g->store, a->id, a->evidence[i].sha256, see_duplicate, &s, NULL) < 0 ||
		    s.found[0] == '\0')
			continue;
		snprintf(
		    about, sizeof(about), "%s duplicate", evidence_kind_name(a->evidence[i].kind));
		check_report_add(r, CHECK_C5, CHECK_WARN, about,
		    "Another tenant has submitted the very same file for %s: application %s.",
		    evidence_kind_name(a->evidence[i].kind), s.found);
	}
}

int
guard_get_checks(
    const struct guard *g, const struct application *a, struct check_report *out, struct err *e)
{
	char *text = NULL;
	json_t *json;
	int rc = store_get_checks(g->store, a->id, &text, e);

	if (rc < 0)
		return rc;
	json = json_loads(text, 0, NULL);
	free(text);
	rc = json != NULL ? check_report_from_json(out, json) : -EINVAL;
	json_decref(json);
	if (rc < 0)
		return err_set(e, rc, "the stored results of application %lld cannot be read",
		    (long long)a->id);
	add_server_facts(g, a, out);
	add_declared(a, out);
	add_duplicates(g, a, out);
	return 0;
}

/* The worst that a check found about anything; CHECK_NOT_CHECKED when it did not run. */
static const struct check_result *
worst_result(const struct check_report *r, unsigned id)
{
	const struct check_result *worst = NULL;

	for (unsigned i = 0; i < r->count; i++)
		if (r->results[i].id == id && (worst == NULL || r->results[i].level > worst->level))
			worst = &r->results[i];
	return worst;
}

json_t *
guard_check_lacks(const struct guard *g, const struct application *a)
{
	static struct check_report report; /* large */
	json_t *out = json_array();
	char absent[200] = "";
	size_t used = 0;

	if (!g->checks_required)
		return out;
	if (guard_check_runs(g, a->id)) {
		json_array_append_new(
		    out, json_string("The machine checks are still running: wait a moment."));
		return out;
	}
	if (guard_get_checks(g, a, &report, NULL) < 0) {
		char line[120];

		snprintf(line, sizeof(line),
		    "The machine checks have not run: bulkhead whitelist check %lld.",
		    (long long)a->id);
		json_array_append_new(out, json_string(line));
		return out;
	}
	for (unsigned id = 0; id < CHECK__COUNT; id++) {
		const struct check_info *info = check_info(id);
		const struct check_result *w = worst_result(&report, id);
		char line[CHECK_TEXT_BYTES + 40];

		if (info->worst != CHECK_FAIL ||
		    (info->one_click && a->purpose == PURPOSE_AUTOMATIC))
			continue;
		if (w == NULL && used < sizeof(absent))
			used += (size_t)snprintf(absent + used, sizeof(absent) - used, "%s%s",
			    used > 0 ? " " : "", info->name);
		/* The application's own list of what is missing has these two. */
		if (w == NULL || id == CHECK_C6 || id == CHECK_D15 ||
		    (w->level != CHECK_FAIL && w->level != CHECK_NOT_CHECKED))
			continue;
		snprintf(line, sizeof(line), "%s %s: %s", info->name,
		    w->level == CHECK_FAIL ? "failed" : "was not decided", w->text);
		json_array_append_new(out, ctl_json_text(line));
	}
	if (used > 0) {
		char line[300];

		snprintf(line, sizeof(line),
		    "These checks have not run: %s (bulkhead whitelist check %lld).", absent,
		    (long long)a->id);
		json_array_append_new(out, json_string(line));
	}
	return out;
}
