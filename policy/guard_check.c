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
enum stage {
	STAGE_DOCUMENTS,
	STAGE_ONLINE,	  /* what the documents name is asked */
	STAGE_SIGNATURES, /* the sample again, with the keys that DNS gave */
};

struct guard_run {
	uint64_t serial;
	struct application a;
	char actor[64];
	enum stage stage;
	unsigned pending;
	struct check_report report;
	bool online;
	char online_why[80]; /* the online job could not be done */
	struct guard_check_online how;
	struct check_job job; /* what is the same for all */
};

#define ONLINE_INDEX EVIDENCE_PER_APPLICATION_MAX /* of the online job in a ticket */

/* A ticket names the run and its job. */
#define TICKET(run, job) ((run)->serial << 8 | (job))

bool
guard_check_runs(const struct guard *g, int64_t id)
{
	for (unsigned i = 0; i < GUARD_RUNS_MAX; i++)
		if (g->runs[i] != NULL && g->runs[i]->a.id == id)
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
	free(g->rechecks);
	g->rechecks = NULL;
	g->recheck_count = 0;
}

static bool
is_picture(const struct evidence *ev)
{
	return strncmp(ev->type, "image/", 6) == 0;
}

/* The newest piece of a kind, or -1; older ones were replaced by it. */
static int
newest(const struct application *a, enum evidence_kind kind)
{
	for (unsigned i = a->evidence_count; i > 0; i--)
		if (a->evidence[i - 1].kind == kind)
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

/* The keys that DNS gave for the sample's signatures, behind those that are at hand already. */
static void
add_keys(struct check_job *job, const struct check_facts *facts)
{
	size_t used = strlen(job->dkim_keys);

	for (unsigned i = 0; i < facts->dkim_count; i++) {
		const struct check_dkim *d = &facts->dkim[i];
		int n;

		if (d->record[0] == '\0')
			continue;
		n = snprintf(job->dkim_keys + used, sizeof(job->dkim_keys) - used,
		    "%s%s._domainkey.%s %s", used > 0 ? "\n" : "", d->selector, d->domain,
		    d->record);
		if (n < 0 || (size_t)n >= sizeof(job->dkim_keys) - used) {
			job->dkim_keys[used] = '\0';
			return;
		}
		used += (size_t)n;
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
start_job(struct guard *g, struct guard_run *run, unsigned index)
{
	static struct check_job copy; /* large */
	const struct evidence *ev = &run->a.evidence[index];
	struct check_job *job = &copy;
	struct err e = {0};
	int fd = evidence_store_read(g->evidence, ev->sha256, &e), rc = fd;

	copy = run->job;
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

/* The report as it is stored, without what the guard adds; heap, or NULL when there is none. */
static struct check_report *
stored_report(struct guard *g, int64_t id)
{
	char *text = NULL;

	return store_get_checks(g->store, id, &text, NULL) == 0 ? guard_take_report(text) : NULL;
}

/* The newest name that a server of the application said to others. */
static const char *
helo_of(const struct guard *g, const struct application *a, char helo[OBS_DOMAIN_BYTES])
{
	int64_t newest_ns = 0;

	helo[0] = '\0';
	for (unsigned i = 0; i < a->server_count; i++) {
		int index = inventory_find(g->inventory, a->servers[i]);
		struct judge_view view;

		if (index < 0 || judge_get(g->judge, (unsigned)index, &view) < 0 ||
		    view.outgoing.helo_ns <= newest_ns)
			continue;
		newest_ns = view.outgoing.helo_ns;
		memcpy(helo, view.outgoing.helo, OBS_DOMAIN_BYTES);
	}
	return helo;
}

static void
fill_online(const struct guard *g, struct guard_run *run)
{
	char helo[OBS_DOMAIN_BYTES];
	const int rules = newest(&run->a, EVIDENCE_RULES_EXTRACT);

	run->job.kind = CHECK_JOB_ONLINE;
	snprintf(run->job.sha256, sizeof(run->job.sha256), "%s",
	    rules >= 0 ? run->a.evidence[rules].sha256 : "");
	check_job_set_online(&run->job, &g->settings, &run->a,
	    run->report.facts.size_bytes != 0 ? &run->report.facts : NULL,
	    helo_of(g, &run->a, helo), run->how.consent[0] != '\0');
}

/* Results that were not made anew and still hold: of the network, about the very same things. */
static void
keep_online(struct check_report *r, const struct check_report *old)
{
	if (old == NULL || strcmp(old->online_digest, r->online_digest) != 0)
		return;
	for (unsigned i = 0; i < old->count; i++) {
		const struct check_result *o = &old->results[i];
		bool made = false;

		for (unsigned k = 0; k < r->count; k++)
			made = made || (r->results[k].id == o->id &&
					   strcmp(r->results[k].about, o->about) == 0);
		if (!made && check_info(o->id)->online && r->count < CHECK_RESULTS_MAX)
			r->results[r->count++] = *o;
	}
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

/* A POST is only sent with consent, once: without it the answer of then stands. */
static void
keep_post(struct check_report *r, const struct check_report *old)
{
	const struct check_result *then = check_report_find(old, CHECK_U6);

	for (unsigned i = 0; then != NULL && i < r->count; i++)
		if (r->results[i].id == CHECK_U6 && r->results[i].level == CHECK_NOT_CHECKED &&
		    strcmp(r->online_digest, old->online_digest) == 0)
			r->results[i] = *then;
}

/* The run's results with their time, beside those of an earlier run that still hold. */
static void
complete_report(struct guard *g, struct guard_run *run)
{
	struct check_report *r = &run->report, *old = stored_report(g, run->a.id);

	for (unsigned i = 0; i < r->count; i++)
		r->results[i].made_ns = g->now_ns;
	r->made_ns = g->now_ns;
	fill_online(g, run);
	check_job_digest(&run->job, r->online_digest);
	if (!run->online || run->online_why[0] != '\0') {
		const bool held = old != NULL && strcmp(old->online_digest, r->online_digest) == 0;

		keep_online(r, old);
		if (old != NULL)
			check_facts_keep_records(&r->facts, &old->facts);
		if (run->online_why[0] != '\0')
			note_offline(r, run->online_why);
		else if (!held)
			r->online_digest[0] = '\0'; /* nothing was asked about these yet */
	} else if (old != NULL && run->how.consent[0] == '\0') {
		keep_post(r, old);
	}
	free(old);
}

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
	json_object_set_new(detail, "online", json_boolean(run->online));
	if (run->how.consent[0] != '\0')
		json_object_set_new(detail, "post_consent", ctl_json_text(run->how.consent));
	snprintf(subject, sizeof(subject), "application %lld", (long long)run->a.id);
	if (rc < 0) {
		json_decref(detail);
		free(text);
		return rc;
	}
	rc = store_put_checks(g->store, run->a.id, run->report.made_ns, text, e);
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

	complete_report(g, run);
	if (store_run_report(g, run, &e) < 0)
		log_event(LOG_LEVEL_ERROR, "guard.check.failed", "id=%lld error=%s",
		    (long long)run->a.id, log_quote(quoted, sizeof(quoted), e.text));
	else
		log_event(LOG_LEVEL_INFO, "guard.check", "id=%lld results=%u", (long long)run->a.id,
		    run->report.count);
	g->runs[slot] = NULL;
	if (run->online && guard_recheck_waits(g, run->a.id))
		guard_recheck_done(g, run->a.id, &run->report);
	free(run);
	guard_recheck_tick(g);
}

/* Asks what the documents name; false when nothing could be started. */
static bool
start_online(struct guard *g, struct guard_run *run)
{
	const int rules = newest(&run->a, EVIDENCE_RULES_EXTRACT);
	struct err e = {0};
	int fd = -1, rc;

	fill_online(g, run);
	if (rules >= 0)
		fd = evidence_store_read(g->evidence, run->a.evidence[rules].sha256, NULL);
	rc = check_spawner_start(g->checks, TICKET(run, ONLINE_INDEX), &run->job, fd, &e);
	if (fd >= 0)
		close(fd);
	if (rc < 0)
		snprintf(run->online_why, sizeof(run->online_why), "%.79s", e.text);
	else
		run->pending = 1;
	return rc == 0;
}

/* The sample again, when DNS gave a key for a signature that could not be verified without one. */
static bool
start_signatures(struct guard *g, struct guard_run *run)
{
	const struct check_facts *f = &run->report.facts;
	const int sample = newest(&run->a, EVIDENCE_SAMPLE_SOURCE);
	bool useful = false;

	for (unsigned i = 0; i < f->dkim_count; i++)
		useful |=
		    f->dkim[i].record[0] != '\0' && f->dkim[i].body_ok && !f->dkim[i].verified;
	if (!useful || sample < 0)
		return false;
	add_keys(&run->job, f);
	start_job(g, run, (unsigned)sample);
	return run->pending > 0;
}

/* One stage has ended: the next that has something to do, or the end of the run. */
static void
end_stage(struct guard *g, unsigned slot)
{
	struct guard_run *run = g->runs[slot];

	if (run->stage == STAGE_DOCUMENTS) {
		run->stage = STAGE_ONLINE;
		if (run->online && start_online(g, run))
			return;
	}
	if (run->stage == STAGE_ONLINE) {
		run->stage = STAGE_SIGNATURES;
		if (run->online && start_signatures(g, run))
			return;
	}
	finish_run(g, slot);
}

/* The keys of an earlier run serve an offline one as long as they are for the same signatures. */
static void
remember_keys(struct guard *g, struct guard_run *run)
{
	struct check_report *old = stored_report(g, run->a.id);

	if (old == NULL)
		return;
	if (!run->online)
		add_keys(&run->job, &old->facts);
	free(old);
}

int
guard_check_start(struct guard *g, const char *actor, const struct application *a, const char *keys,
    const struct guard_check_online *online, struct err *e)
{
	struct guard_run *run;
	unsigned slot = 0;
	int sample = newest(a, EVIDENCE_SAMPLE_SOURCE);

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
	run->a = *a;
	snprintf(run->actor, sizeof(run->actor), "%s", actor);
	fill_job(g, a, keys, &run->job);
	run->online = online != NULL;
	if (online != NULL)
		run->how = *online;
	remember_keys(g, run);
	for (unsigned i = 0; i < a->evidence_count; i++)
		if ((int)i == sample || is_picture(&a->evidence[i]))
			start_job(g, run, i);
	if (run->pending == 0)
		end_stage(g, slot);
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
			memcpy(run->online_why, why, sizeof(run->online_why));
		else if (o->end != CHECK_END_DONE)
			note_failure(&run->report, run->a.evidence[job].kind, why);
		if (--run->pending == 0)
			end_stage(g, i);
		return;
	}
}

void
guard_hear_checks(struct guard *g)
{
	static struct check_outcome outcome; /* large */
	int rc;

	while ((rc = check_spawner_poll(g->checks, &outcome)) > 0)
		if (!guard_intake_hear(g, &outcome))
			take_outcome(g, &outcome);
	if (rc == 0)
		return;
	log_event(LOG_LEVEL_ERROR, "guard.check.gone",
	    "effect=\"nothing that is submitted can be checked\" remedy=\"restart the guard\"");
	check_spawner_close(g->checks);
	g->checks = NULL;
	guard_intake_lose(g);
	g->recheck_count = 0;
	for (unsigned i = 0; i < GUARD_RUNS_MAX; i++)
		if (g->runs[i] != NULL)
			finish_run(g, i);
}
