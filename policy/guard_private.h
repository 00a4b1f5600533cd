/* SPDX-License-Identifier: ISC */
/*
 * What the guard*.c files share: ledger entries, the record of a case, the inventory's change.
 * bulkhead-guard (judge process).
 */
#ifndef POLICY_GUARD_PRIVATE_H
#define POLICY_GUARD_PRIVATE_H

#include <jansson.h>

#include "policy/guard.h"
#include "policy/history_pack.h"

#define GUARD_ACTOR "guard" /* in the ledger: the machine decided */

/* Appends an entry, in the open transaction if there is one.  Takes detail (NULL: {}). */
int guard_write_ledger(struct guard *g, const char *actor, const char *action, const char *subject,
    json_t *detail, struct err *e);
/* With a time that is past: what was noted when it happened. */
int guard_write_ledger_at(struct guard *g, int64_t time_ns, const char *actor, const char *action,
    const char *subject, json_t *detail, struct err *e);
/* The same where nobody can be told: a failure is an event. */
void guard_note(struct guard *g, const char *action, const char *subject, json_t *detail);

/* The judge's callback: what it decided becomes database, ledger and kernel. */
void guard_on_change(void *arg, const struct verdict_change *change);

/* "bulk", "abuse" or "none". */
const char *guard_question_text(const struct verdict *v);
/* The event for a database that refused. */
void guard_log_failure(const char *what, const char *server, const struct err *e);

/* The record of a block that began, or that a person changed; one transaction. */
int guard_record_block(struct guard *g, unsigned index, const struct judge_view *view, bool shadow,
    const char *actor, const char *reason, struct err *e);
/* The record of its end.  why: "person", "time" or "score". */
int guard_record_release(struct guard *g, unsigned index, const char *actor, const char *why,
    const char *reason, struct err *e);

/* The cases that stand, as a list, so that the database may be written to meanwhile. */
struct guard_cases {
	struct store_case *cases;
	size_t count, room;
};
int guard_open_cases(struct guard *g, struct guard_cases *list, struct err *e);
void guard_free_cases(struct guard_cases *list);

/* Stores what the judge knows of a server. */
int guard_save_server(struct guard *g, unsigned index, struct err *e);
/* Ends the open case of a server that is about to disappear. */
int guard_end_case(
    struct guard *g, const char *actor, const char *server, const char *why, struct err *e);
/* Tries again to record what the database refused.  True when nothing is owed any more. */
bool guard_record_owed(struct guard *g);
/* Blocks that were prolonged since the last tick. */
void guard_record_extensions(struct guard *g);
/* After start: every case that stands in the database stands in the judge too. */
int guard_adopt_cases(struct guard *g, struct err *e);

/* After a change of mode (of one server, or NULL: of all): shadow cases of servers that are
 * enforced from now on become real, and the other way round.  Inside a transaction. */
int guard_align_cases(
    struct guard *g, const char *server_or_null, const char *actor, struct err *e);

/* Queues the notice of a case that is real (not shadow), inside the transaction that records it. */
int guard_notice_block(struct guard *g, const struct store_case *c, struct err *e);
void guard_notice_warn(struct guard *g, const char *server);
void guard_notice_catch(struct guard *g);
void guard_notice_tick(struct guard *g);
/* Complaints whose time is over. */
void guard_complaint_tick(struct guard *g);

/* The kernel's side of one case; a failure is an event, an entry, and leads to reconcile. */
int guard_enforce(
    struct guard *g, unsigned index, const struct verdict *verdict, bool wait, struct err *e);
int guard_unenforce(struct guard *g, unsigned index, const char *case_id, struct err *e);

/* The kernel's side of the throttle rung: the same. */
void guard_throttle(struct guard *g, unsigned index, bool on);

/* What must stand in the kernel; *plan is initialised, and finished afterwards.  What is beyond the
 * bounds of a plan is left out, blocks last, and g->plan_full says so. */
int guard_plan(struct guard *g, struct plan *plan, struct err *e);
/* Adds one server as it is plugged in; one that fits only in part is an event and no error. */
int guard_plan_server(const struct guard *g, struct plan *p, const struct server *s,
    enum plan_set set, int64_t timeout_ns, const char *case_id, struct err *e);
/* True when the throttle of this server belongs into the kernel, and for how long from now on. */
bool guard_is_throttled(const struct guard *g, unsigned index);
int64_t guard_throttle_timeout(const struct guard *g, int64_t until_ns);
/* After the state was restored: a clock that is behind the newest entry of the ledger was set back. */
int guard_clock_at_start(struct guard *g, struct err *e);
/* When it was seen, by today's clock: what was on its way while the clock was set back came now. */
int64_t guard_clock_of(const struct guard *g, int64_t seen_ns);
/* True when the brake holds on every tap. */
bool guard_is_armed(const struct guard *g);
/* Tells the kernel that we live, when it is time. */
void guard_beat(struct guard *g, bool at_once);

/* How long an element of a block may stand in the kernel from now on. */
int64_t guard_block_timeout(const struct guard *g, int64_t until_ns, bool pinned);

struct guard_discovery { /* what a hypervisor told */
	const char *source, *text;
};
/* The database, the judge and the guard change from one inventory to another, or none of them does.
 * Takes fresh when it returns 0, detail always.  `mode_of`: the server whose mode may have changed, or NULL;
 * `told` is stored with it, or NULL. */
int guard_change_inventory(struct guard *g, const char *actor, const char *action,
    const char *subject, json_t *detail, struct inventory *fresh, const char *mode_of,
    const struct guard_discovery *told, struct guard_import *done, struct err *e);
json_t *guard_import_detail(const char *file, const char *text, size_t size);
bool guard_is_same_server(const struct server *a, const struct server *b);

/* Which modes hold: the file's or those that a person set. */
int guard_load_mode(struct guard *g, struct err *e);

/* Abuse by a server suspends the grants that cover it, until a person resumes them. */
void guard_suspend_grants(struct guard *g, const char *server, const char *case_id);
/* Grants whose time is over. */
void guard_expire_grants(struct guard *g);
/* Room for so many more, so that what follows cannot fail for lack of it. */
int guard_reserve_grants(struct guard *g, unsigned more, struct err *e);
/* Application, grant (or NULL; its id is set) and ledger entry, inside a transaction. */
int guard_store_application(struct guard *g, const char *actor, const char *action,
    struct application *a, struct grant *grant, struct err *e);
/* Takes stored grants into memory, for which there is room, and tells the judge; id 0 is left out. */
int guard_adopt_grants(struct guard *g, const struct grant *grants, unsigned count);

/* Continued watching: one observation, one tick, what was counted to and from the database. */
void guard_watch_observe(struct guard *g, const struct observation *obs);
void guard_watch_tick(struct guard *g);
void guard_save_watches(struct guard *g);
int guard_load_watches(struct guard *g, struct err *e);
/* Evidence whose retention is over. */
void guard_sweep_evidence(struct guard *g);

/* The end of an intake's worker; false: the outcome is none of an intake. */
struct check_outcome; /* policy/check_spawner.h */
bool guard_intake_hear(struct guard *g, struct check_outcome *o);
/* The workers are gone. */
void guard_intake_lose(struct guard *g);
/* One step on the ladder, as it stands now; reason: of a person, "time", "score" or "".  An upward
 * step to warn or throttle begins a case of its own. */
void guard_note_step(struct guard *g, unsigned index, const struct judge_view *view, unsigned from,
    unsigned to, bool shadow, const char *actor, const char *reason);
int guard_open_steps(struct guard *g, struct err *e);
void guard_close_steps(struct guard *g);

/* History: at the start, and settings that changed; close hands over what was noted. */
int guard_history_open(struct guard *g, struct err *e);
void guard_history_close(struct guard *g);
void guard_history_limits(struct guard *g);
/* One observation, before the judge sees it; a decision of a person; about once a second. */
void guard_history_note(struct guard *g, const struct observation *obs);
void guard_history_mark(struct guard *g, const char *server, enum history_mark mark);
void guard_history_tick(struct guard *g);
/* What led to this case is kept beside it. */
void guard_history_keep(struct guard *g, unsigned index, const char *case_id);

/* A report of the database; takes its text, gives heap, or NULL when it cannot be read. */
struct check_report *guard_take_report(char *text);

/* Starts what waits for a recheck; the end of one. */
void guard_recheck_tick(struct guard *g);
void guard_recheck_done(struct guard *g, int64_t id, const struct check_report *report);

/* Reads all grants from the database. */
int guard_load_grants(struct guard *g, struct err *e);

#endif
