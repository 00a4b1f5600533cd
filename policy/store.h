/* SPDX-License-Identifier: ISC */
/*
 * The only files that know SQLite (store.c, store_*.c): servers, verdicts, cases, applications, grants,
 * ledger, state blobs.  WAL, foreign keys and a busy timeout on every connection, BEGIN IMMEDIATE for every
 * write, statements prepared once.  bulkhead-guard.
 */
#ifndef POLICY_STORE_H
#define POLICY_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "policy/inventory.h"
#include "policy/judge.h"
#include "policy/ledger.h"
#include "policy/notice.h"
#include "policy/watch_grants.h"
#include "whitelist/application.h"
#include "whitelist/complaint.h"

struct store;

/* Opens or makes the database, migrates an older one, refuses a newer one and a damaged one. */
int store_open(struct store **out, const char *path, struct err *e);
void store_close(struct store *st);

/*
 * The last good copy, "PATH.backup", replaced in one step when it is whole.  store_backup_step() copies a slice:
 * 1 = there is more, 0 = done, negative = failed.  _new() refuses with -ENOSPC where the copy would fill the disk.
 * store_backup_cancel() frees it in every case, and accepts NULL.
 */
struct store_backup;
int store_backup_new(struct store_backup **out, struct store *st, struct err *e);
int store_backup_step(struct store_backup *b, struct err *e);
void store_backup_cancel(struct store_backup *b);

/*
 * Each store_each_x() calls back for one row after the other until fn returns non-zero, which it returns.
 * Inside fn the same store_each_x() must not be called again; everything else may be.
 */

int store_begin(struct store *st, struct err *e); /* nests: only the outermost commits */
int store_commit(struct store *st, struct err *e);
void store_rollback(struct store *st);

/* Inventory: replace-all and single; iteration fills a fresh inventory. */
int store_put_server(struct store *st, const struct server *server, struct err *e);
int store_remove_server(struct store *st, const char *name, struct err *e);
int store_load_inventory(struct store *st, struct inventory *out, struct err *e);

/* One row per case; written when a block begins and when it changes or ends. */
struct store_case {
	char case_id[JUDGE_CASE_BYTES];
	char server[INVENTORY_NAME_BYTES];
	uint8_t question; /* enum question; QUESTION__COUNT = none, a person's decision */
	bool by_person, pinned, shadow;
	int64_t begin_ns, until_ns, end_ns; /* end 0 = stands */
	uint64_t messages_before;
	double bulk_points, abuse_points;
	char *detail;	  /* JSON: reasons, samples, counts; owned by the caller */
	char reason[256]; /* of a person */
	uint8_t rung;	  /* enum rung: RUNG_BLOCK (0 is stored as it), RUNG_WARN, RUNG_THROTTLE */
};
int store_put_case(struct store *st, const struct store_case *c, struct err *e);
/* By case id (of any rung), or the newest block of a server; 0, -ENOENT.  c->detail is heap (free() it). */
int store_get_case(
    struct store *st, const char *case_or_server, struct store_case *c, struct err *e);
/* The clock was set by so much: begin and end of the cases of any rung that stand move with it. */
int store_shift_cases(struct store *st, int64_t by_ns, struct err *e);
int store_each_open_case(
    struct store *st, int (*fn)(void *arg, const struct store_case *c), void *arg, struct err *e);

/* The blocks of one server, newest first, at most `limit`. */
int store_each_case_of(struct store *st, const char *server, unsigned limit,
    int (*fn)(void *arg, const struct store_case *c), void *arg, struct err *e);

/* Which cases of all servers, newest first; all zero: every block, warning and throttle. */
struct store_case_filter {
	const char *server; /* NULL: all */
	bool shadow_only, blocks_only, open_only;
	unsigned limit;
};
int store_list_cases(struct store *st, const struct store_case_filter *filter,
    int (*fn)(void *arg, const struct store_case *c), void *arg, struct err *e);

/* Warnings and throttles: the one that stands (0, -ENOENT), its end, and those that are too old. */
int store_get_case_below(struct store *st, const char *server, struct store_case *c, struct err *e);
int store_end_case_below(struct store *st, const char *server, int64_t end_ns, struct err *e);

/* One step on the ladder.  From a block to a block: it was prolonged, or a person blocked again. */
struct store_step {
	char server[INVENTORY_NAME_BYTES];
	int64_t time_ns, until_ns;
	uint8_t from, to; /* enum rung */
	bool shadow;
	double bulk_points, abuse_points;
	char case_id[JUDGE_CASE_BYTES]; /* "" = none */
	char actor[64];
	char reason[256]; /* of a person; "time": the block ended by itself */
};
int store_add_step(struct store *st, const struct store_step *step, struct err *e);
/* From the oldest on, at most `limit`. */
int store_each_step(struct store *st, const char *server, int64_t from_ns, int64_t to_ns,
    unsigned limit, int (*fn)(void *arg, const struct store_step *step), void *arg, struct err *e);
/* Steps, warnings and throttles that are older. */
int store_forget_steps(struct store *st, int64_t before_ns, struct err *e);

int store_put_state(
    struct store *st, const char *server, const uint8_t *data, size_t size, struct err *e);
int store_each_state(struct store *st,
    int (*fn)(void *arg, const char *server, const uint8_t *data, size_t size), void *arg,
    struct err *e);

/* id 0: inserted, id set */
int store_put_application(struct store *st, struct application *a, struct err *e);
int store_get_application(struct store *st, int64_t id, struct application *out, struct err *e);
int store_each_application(struct store *st, int state_or_minus_1,
    int (*fn)(void *arg, const struct application *a), void *arg, struct err *e);
/* The newest report of the machine checks as JSON text; get: heap text (free() it), -ENOENT when there is none. */
int store_put_checks(
    struct store *st, int64_t id, int64_t made_ns, const char *report, struct err *e);
int store_get_checks(struct store *st, int64_t id, char **report, struct err *e);
/* The newest report becomes the one that the approval was given on; and that one, -ENOENT without. */
int store_approve_checks(struct store *st, int64_t id, struct err *e);
int store_get_approved_checks(struct store *st, int64_t id, char **report, struct err *e);
/* Calls fn for each other application with evidence of this content. */
int store_each_duplicate(struct store *st, int64_t id, const char *sha256,
    int (*fn)(void *arg, int64_t application), void *arg, struct err *e);
int store_put_grant(struct store *st, const struct grant *g, struct err *e);
int store_each_grant(
    struct store *st, int (*fn)(void *arg, const struct grant *g), void *arg, struct err *e);

int store_append_ledger(struct store *st, const struct ledger_entry *entry, struct err *e);
/* -ENOENT when empty */
int store_last_ledger(struct store *st, struct ledger_entry *out, struct err *e);
int store_each_ledger(struct store *st, int64_t from_seq,
    int (*fn)(void *arg, const struct ledger_entry *entry), void *arg, struct err *e);

/* The entries about one subject, newest first, at most `limit`. */
int store_each_ledger_of(struct store *st, const char *subject, unsigned limit,
    int (*fn)(void *arg, const struct ledger_entry *entry), void *arg, struct err *e);

/* The applications that show the same content. */
int store_each_evidence_use(struct store *st, const char *sha256,
    int (*fn)(void *arg, int64_t application), void *arg, struct err *e);

int store_put_watch(struct store *st, const struct grant_watch *w, struct err *e);
int store_each_watch(
    struct store *st, int (*fn)(void *arg, const struct grant_watch *w), void *arg, struct err *e);

/* What a hypervisor told the last time (policy/inventory_merge.h).  get: heap text (free() it), -ENOENT. */
int store_put_discovery(struct store *st, const char *source, const char *text, struct err *e);
int store_get_discovery(struct store *st, const char *source, char **text, struct err *e);

/* A complaint with the server that it is about. */
struct store_complaint {
	struct complaint c;
	int64_t imported_ns;
	char server[INVENTORY_NAME_BYTES]; /* "" = nobody's address */
	char how[12]; /* "history", "inventory" or "none": how that was found */
	bool counted; /* towards the abuse score */
};
/* 1 when it was added, 0 when one with its digest was there. */
int store_add_complaint(struct store *st, const struct store_complaint *c, struct err *e);
/* Of one server ("" = of all), the newest first. */
int store_each_complaint(struct store *st, const char *server, unsigned limit,
    int (*fn)(void *arg, const struct store_complaint *c), void *arg, struct err *e);
/* Complaints that were imported, and addresses that were given up, before that time. */
int store_forget_complaints(struct store *st, int64_t before_ns, struct err *e);
/* From now on the server has these addresses and no others (NULL: none). */
int store_put_addresses(struct store *st, const char *name, const struct server *server_or_null,
    int64_t now_ns, struct err *e);
/* The server that had this address at that time, by its most special prefix; -ENOENT when nobody is known. */
int store_find_owner(struct store *st, const struct addr *a, int64_t at_ns,
    char server[INVENTORY_NAME_BYTES], struct err *e);

/* Notices (notice.h).  add: an id is given; one that is there already stays as it is. */
int store_add_notice(struct store *st, const struct notice *n, struct err *e);
/* State, times, attempts, error and address of the notice n->id. */
int store_set_notice(struct store *st, const struct notice *n, struct err *e);
int store_get_notice(struct store *st, int64_t id, struct notice *out, struct err *e);
/* Waiting or given out, and due: the longest due first. */
int store_each_due_notice(struct store *st, int64_t now_ns,
    int (*fn)(void *arg, const struct notice *n), void *arg, struct err *e);
/* The newest first, at most `limit`. */
int store_each_notice(struct store *st, int state_or_minus_1, unsigned limit,
    int (*fn)(void *arg, const struct notice *n), void *arg, struct err *e);
int store_count_notices(struct store *st, struct notice_counts *out, struct err *e);
/* Removes those that are over since before that time, but for those of a case that stands. */
int store_forget_notices(struct store *st, int64_t before_ns, struct err *e);

int store_put_meta(struct store *st, const char *key, const char *value, struct err *e);
int store_get_meta(struct store *st, const char *key, char *value, size_t size, struct err *e);

#endif
