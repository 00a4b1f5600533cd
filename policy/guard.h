/* SPDX-License-Identifier: ISC */
/*
 * The guard's state and its verbs: what the judge decided or a person asked becomes database, ledger and
 * kernel, in this order, in one place.  bulkhead-guard (judge process).
 */
#ifndef POLICY_GUARD_H
#define POLICY_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/settings.h"
#include "policy/enforce.h"
#include "policy/ingest.h"
#include "policy/inventory.h"
#include "policy/judge.h"
#include "policy/store.h"
#include "whitelist/evidence.h"

#include <jansson.h>

#define GUARD_SENSORS_MAX INGEST_SENSORS_MAX
#define GUARD_GRANTS_MAX  4096

struct guard_sensor { /* one connected sensor, or the last that was */
	int fd;	      /* -1: gone */
	int64_t connected_ns, last_heard_ns;
	struct observation health; /* newest OBS_HEALTH */
	uint64_t observations, bad;
};

struct check_spawner;  /* policy/check_spawner.h */
struct history;	       /* policy/history.h */
struct history_link;   /* policy/history_link.h */
struct responder_feed; /* policy/responder_feed.h */
struct guard_step;
struct guard_run;
#define GUARD_RUNS_MAX 8
struct guard_intake;
#define GUARD_INTAKES_MAX 4

struct guard {
	struct settings settings;
	struct store *store;
	struct inventory *inventory;
	struct judge *judge;
	struct enforce *enforce; /* NULL: no enforcer (observe without privileges) */
	struct responder_feed
	    *responders; /* tells bulkhead-notice; NULL: the settings ask for none */
	struct evidence_store *evidence;
	struct check_spawner *checks; /* NULL: documents are not checked */
	struct history_link *writer;  /* NULL: no history is kept */
	/* an approval needs the machine checks; always but in tests of other things */
	bool checks_required;
	struct guard_run *runs[GUARD_RUNS_MAX]; /* checks that are under way */
	struct guard_intake
	    *intakes[GUARD_INTAKES_MAX]; /* support mails, also the newest that ended */
	int64_t *rechecks; /* heap: grants whose checks are to be made again, and those at work */
	unsigned recheck_count;
	/* so far: names a run, so that a late answer finds no other */
	uint64_t run_count;
	struct grant *grants;	     /* heap, grows up to GUARD_GRANTS_MAX */
	struct grant_watch *watches; /* beside the grants, same index */
	unsigned grant_count, grant_room;
	struct guard_sensor sensors[GUARD_SENSORS_MAX];
	uint32_t features;	    /* of the enforcer */
	int64_t started_ns, now_ns; /* wall clock; now is set once per loop round */
	int64_t
	    clock_offset_ns; /* wall clock minus clock_mono_ns() in the last round; 0 = not known */
	bool restoring;	     /* early boot: interfaces that are not plugged in yet count too */
	bool open_inventory; /* watching an interface: servers named by address */
	bool need_reconcile; /* set by verbs; done by guard_settle() at the end of the loop round */
	uint64_t reconcile_count, repair_count;
	bool plan_full;	   /* the last plan left something out for lack of room */
	struct err behind; /* why the kernel is not what the database says; code 0: it is */
	int64_t behind_told_ns;

	/* The guard's own. */
	struct history *history;  /* NULL without a writer */
	struct guard_step *steps; /* on the ladder, that the next tick writes; guard_step.c */
	unsigned step_count;
	uint64_t steps_lost;
	int64_t next_forget_ns;
	bool deciding;	 /* a verb of a person is at work: it records the change itself */
	bool unrecorded; /* the database refused a decision of the judge: tried again */
	bool continuing; /* a block goes on under a new case: nobody is told again */
	bool extended;	 /* the judge prolonged a block since the last tick */
	bool catch_was_on;
	/* policy.mode as the file says it; a person may have said otherwise since */
	char mode_of_file[16], plan_modes_of_file[SETTINGS_LIST_BYTES];
	struct store_backup *backup; /* the copy that is being made, or NULL */
	int64_t next_backup_ns;
	struct guard_cover *covers; /* which grants cover a server, sorted; guard_watch.c */
	unsigned cover_count;
	bool covers_stale; /* grants or inventory changed */
	int64_t next_watch_ns, next_sweep_ns;
	int64_t notify_heard_ns; /* when bulkhead-notify last asked for work; 0 = never */
	int64_t next_notice_sweep_ns, next_complaint_sweep_ns;
	unsigned save_cursor; /* the next server whose state is saved */
	int64_t next_beat_ns; /* the heartbeat of the kernel's brake */
	/* timer, how far apart it goes off, and back-off after a failure */
	int64_t next_reconcile_ns, reconcile_every_ns, not_before_ns;
};

/*
 * Opens database, evidence and judge, restores inventory, grants, state and open cases.  The caller has zeroed
 * *g and set `enforce` and `writer` (which stay the caller's) and `open_inventory`.  The folder state_dir must exist.
 */
int guard_open(struct guard *g, const struct settings *settings, int64_t now_ns, struct err *e);
void guard_close(struct guard *g); /* saves state */

/*
 * The time of this loop round, by the wall clock and by the one that never steps.  A wall clock that was set is
 * noticed here: all that stands is moved with it and ends after the span that it had left.
 */
void guard_set_time(struct guard *g, int64_t wall_ns, int64_t mono_ns);

/* One observation from a sensor. */
void guard_observe(struct guard *g, const struct observation *obs);
/* What ingest tells: a sensor came, said something, or went. */
void guard_sensor(
    struct guard *g, enum ingest_event event, unsigned slot, const struct observation *obs);
/* About once a second: ticks, expiry, a slice of the periodic save. */
void guard_tick(struct guard *g);
/* At the end of each loop round: decisions that the database or the kernel still owe, reconcile when due. */
void guard_settle(struct guard *g);
/* Takes what the enforcer says unasked.  0, or -EPIPE when it is gone. */
int guard_hear_enforcer(struct guard *g);
/* New settings; those that are fixed at start keep their values, and *fixed names them ("" = none). */
int guard_reload(
    struct guard *g, const struct settings *settings, char *fixed, size_t size, struct err *e);
/* Kernel = database: desired minus actual in one batch; each difference is an event. */
int guard_reconcile(struct guard *g, const char *why, struct err *e);

/* store_case.detail is written with ctl_json_detail() (policy/ctl_json.h), so that explain can read it. */

/* Steps on the ladder that were noted since the last tick go to the database. */
void guard_write_steps(struct guard *g);

/* Decisions of people; each is a transaction with its ledger entry. */
int guard_block(struct guard *g, unsigned index, const char *actor, const char *reason,
    int64_t for_ns, bool pin, struct err *e);
int guard_release(
    struct guard *g, unsigned index, const char *actor, const char *reason, struct err *e);
struct guard_import {
	unsigned added, changed, removed, unchanged;
	unsigned vanished; /* guard_merge() alone */
};
int guard_import(struct guard *g, const char *actor, const char *file, const char *text,
    size_t size, struct guard_import *out, struct err *e);
/*
 * What a hypervisor tells of all of its servers (the inventory's JSON), merged (inventory_merge.h).  `source` names
 * it for the next time; nothing is recorded when nothing has changed.
 */
int guard_merge(struct guard *g, const char *actor, const char *source, const char *text,
    size_t size, bool remove_vanished, struct guard_import *out, struct err *e);
int guard_put_server(
    struct guard *g, const char *actor, const struct server *server, struct err *e);
int guard_remove_server(struct guard *g, const char *actor, const char *name, struct err *e);
int guard_set_mode(struct guard *g, const char *actor, const char *mode, struct err *e);
/* Of one plan; mode "": the global one again. */
int guard_set_plan_mode(
    struct guard *g, const char *actor, const char *plan, const char *mode, struct err *e);
/* Stores the application with its new state, its grant if it has one, and the ledger entry. */
int guard_put_application(struct guard *g, const char *actor, const char *action,
    struct application *a, const struct grant *grant_or_null, struct err *e);
/* The grant of an application, or NULL. */
const struct grant *guard_find_grant(const struct guard *g, int64_t id);

const struct grant_watch *guard_find_watch(const struct guard *g, int64_t id);
/* Recipients of the last 24 hours that counted against the grant, over all of its servers. */
double guard_grant_used(const struct guard *g, const struct grant *grant);

/* Policy or a person stops an active grant until somebody resumes it. */
int guard_suspend_grant(
    struct guard *g, int64_t id, const char *actor, const char *reason, struct err *e);
int guard_resume_grant(
    struct guard *g, int64_t id, const char *actor, const char *reason, struct err *e);
/* An existing whitelist, all or nothing; the rows are changed (they get their numbers). */
int guard_import_grants(struct guard *g, const char *actor, struct application *rows,
    unsigned count, struct guard_import *out, struct err *e);
/* Every server of the application is in the inventory and is KVM. */
bool guard_is_all_kvm(const struct guard *g, const struct application *a);
/* Removes the files of evidence that no application refers to. */
void guard_forget_evidence(struct guard *g, const struct evidence *list, unsigned count);
/* With the network too: DNS and pages, after the documents, because these name what to ask. */
struct guard_check_online {
	/* who allowed the one-click POST (U6), for the ledger; "" = nobody, none is sent */
	char consent[128];
};

/*
 * Machine checks of an application (guard_check.c).  start: jobs go to the workers, the report is stored with its
 * ledger entry when the last one has ended; `keys` (may be "") as in check_job.h; `online` NULL: offline; -EBUSY while a run of it is under
 * way.  hear: takes what the workers say; call it when check_spawner_fd() is readable.
 */
int guard_check_start(struct guard *g, const char *actor, const struct application *a,
    const char *keys, const struct guard_check_online *online, struct err *e);
void guard_hear_checks(struct guard *g);
bool guard_check_runs(const struct guard *g, int64_t id);
void guard_check_close(struct guard *g);

/*
 * The online checks of granted mail are made again, of one grant or (id 0) of all that are alive: *queued are
 * their numbers, *skipped [{application, why}] (new references).  They run a few at a time; the result is in the
 * grant's watch (guard_recheck.c).
 */
int guard_recheck_start(
    struct guard *g, int64_t id, json_t **queued, json_t **skipped, struct err *e);
bool guard_recheck_waits(const struct guard *g, int64_t id);

/*
 * A support mail (a regular file) becomes a draft, or more evidence for an application (guard_intake.c).  start:
 * its worker begins, *serial names it; get: *result (borrowed) is NULL while it is at work, then APPLICATION of
 * policy/ctl.h with from, subject, letter, guesses, files and candidates; -EBADMSG with the reason when it failed.
 */
struct guard_intake_how {
	int64_t application; /* 0: a new draft */
	char server[64];     /* that a person named; "" = to be found */
	char lang[3];	     /* of the letter; "" = that of the mail */
};
int guard_intake_start(struct guard *g, const char *actor, int document,
    const struct guard_intake_how *how, uint64_t *serial, struct err *e);
int guard_intake_get(const struct guard *g, uint64_t serial, json_t **result, struct err *e);
void guard_intake_close(struct guard *g);
/* The stored report, with what the guard knows itself (D15, C6, duplicates) as of now; -ENOENT: none yet. */
struct check_report; /* whitelist/check.h */
int guard_get_checks(
    const struct guard *g, const struct application *a, struct check_report *out, struct err *e);
/* What the checks lack for an approval, one sentence each: a FAIL-level check that failed or did not run. */
json_t *guard_check_lacks(const struct guard *g, const struct application *a);

/*
 * Notices (notice.h).  take: the one that is due longest whose hook is not busy, given out for NOTICE_LEASE_NS: 1,
 * 0 when there is none, or negative.  done: what became of attempt `attempt`; -ESTALE when it was given to somebody
 * else since.  retry: a dead letter, or with id 0 all of them, becomes due now; *count = how many.
 */
int guard_notice_take(struct guard *g, bool (*is_busy)(void *arg, const char *hook), void *arg,
    struct notice *out, struct err *e);
int guard_notice_done(struct guard *g, int64_t id, unsigned attempt, enum notice_result result,
    const char *error, struct err *e);
int guard_notice_retry(
    struct guard *g, const char *actor, int64_t id, unsigned *count, struct err *e);

/* A complaint becomes a record of the server whose mail it was, and evidence; *known: it was there already. */
int guard_complain(struct guard *g, const char *actor, const struct complaint *complaint,
    struct store_complaint *out, bool *known, struct err *e);

/* True when blocks of this server reach the kernel: mode of server, else global, and inventory present. */
bool guard_is_enforced(const struct guard *g, unsigned index);

#endif
