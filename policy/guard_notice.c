/* SPDX-License-Identifier: ISC */
/*
 * Notices: queued with the decision that they tell of, given out to bulkhead-notify, and what became of them.
 * bulkhead-guard (judge process).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policy/ctl_json.h"
#include "policy/guard_private.h"

#define HOOK_PATH_BYTES 256

static bool
is_wanted(const struct guard *g, enum notice_kind kind)
{
	const char *cursor = g->settings.notices;
	char item[32];

	while (config_list_next(&cursor, item, sizeof(item)))
		if (strcmp(item, notice_kind_name(kind)) == 0)
			return true;
	return false;
}

/* One row for each hook.  Inside a transaction, or not. */
static int
queue(struct guard *g, struct notice *n, struct err *e)
{
	const char *cursor = g->settings.notice_hooks;
	char path[HOOK_PATH_BYTES];
	struct notice_counts counts;
	int rc = 0;

	if (!is_wanted(g, (enum notice_kind)n->kind) || cursor[0] == '\0')
		return 0;
	rc = store_count_notices(g->store, &counts, e);
	n->made_ns = n->due_ns = g->now_ns;
	n->state = NOTICE_WAITING;
	if (counts.states[NOTICE_WAITING] + counts.states[NOTICE_RUNNING] >= NOTICE_WAITING_MAX) {
		n->state = NOTICE_DEAD;
		n->done_ns = g->now_ns;
		snprintf(n->error, sizeof(n->error), "%d notices wait already", NOTICE_WAITING_MAX);
	}
	while (rc == 0 && config_list_next(&cursor, path, sizeof(path)))
		if (notice_hook_name(path, n->hook))
			rc = store_add_notice(g->store, n, e);
	return rc;
}

static void
address(struct notice *n, const struct guard *g, const char *server)
{
	int index = inventory_find(g->inventory, server);
	const struct server *s = index >= 0 ? inventory_get(g->inventory, (unsigned)index) : NULL;

	snprintf(n->server, sizeof(n->server), "%s", server);
	snprintf(n->contact, sizeof(n->contact), "%s", s != NULL ? s->contact : "");
	snprintf(n->lang, sizeof(n->lang), "%s", s != NULL && s->lang[0] != '\0' ? s->lang : "en");
}

int
guard_notice_block(struct guard *g, const struct store_case *c, struct err *e)
{
	struct notice n = {.kind = NOTICE_BLOCK};

	/* Nothing is closed, or the tenant knows of it under the number of the case before. */
	if (c->shadow || g->continuing)
		return 0;
	snprintf(n.subject, sizeof(n.subject), "%s", c->case_id);
	address(&n, g, c->server);
	return queue(g, &n, e);
}

/* Where nobody can be told: a failure is an event. */
static void
queue_noted(struct guard *g, struct notice *n)
{
	struct err e;

	if (queue(g, n, &e) < 0)
		guard_log_failure("notice", n->server, &e);
}

void
guard_notice_warn(struct guard *g, const char *server)
{
	int index = inventory_find(g->inventory, server);
	struct notice n = {.kind = NOTICE_WARN};
	char day[CLOCK_ISO_BYTES];

	if (index < 0 || !guard_is_enforced(g, (unsigned)index))
		return;
	snprintf(
	    n.subject, sizeof(n.subject), "%s/%.10s", server, clock_format_iso(day, g->now_ns));
	address(&n, g, server);
	queue_noted(g, &n);
}

void
guard_notice_catch(struct guard *g)
{
	struct notice n = {.kind = NOTICE_CATCH, .lang = "en"};
	char now[CLOCK_ISO_BYTES];

	snprintf(n.subject, sizeof(n.subject), "%.19sZ", clock_format_iso(now, g->now_ns));
	snprintf(n.contact, sizeof(n.contact), "%s", g->settings.notice_operator);
	queue_noted(g, &n);
}

/* --- given out, and back --- */

struct pick {
	bool (*is_busy)(void *arg, const char *hook);
	void *arg;
	struct notice n;
};

static int
pick_one(void *arg, const struct notice *n)
{
	struct pick *p = arg;

	if (p->is_busy(p->arg, n->hook))
		return 0;
	p->n = *n;
	return 1;
}

int
guard_notice_take(struct guard *g, bool (*is_busy)(void *arg, const char *hook), void *arg,
    struct notice *out, struct err *e)
{
	struct pick p = {.is_busy = is_busy, .arg = arg};
	int rc = store_each_due_notice(g->store, g->now_ns, pick_one, &p, e);

	g->notify_heard_ns = g->now_ns;
	if (rc <= 0)
		return rc;
	p.n.state = NOTICE_RUNNING;
	p.n.attempts++;
	p.n.due_ns = g->now_ns + NOTICE_LEASE_NS;
	rc = store_set_notice(g->store, &p.n, e);
	if (rc < 0)
		return rc;
	*out = p.n;
	return 1;
}

static int
note_end(struct guard *g, const struct notice *n, struct err *e)
{
	bool sent = n->state == NOTICE_SENT;
	json_t *detail = json_pack("{s:s, s:o, s:o, s:i}", "kind", notice_kind_name(n->kind),
	    "about", ctl_json_text(n->subject), "hook", ctl_json_text(n->hook), "attempts",
	    (int)n->attempts);
	char quoted[600];

	if (!sent)
		json_object_set_new(detail, "error", ctl_json_text(n->error));
	log_event(sent ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
	    sent ? "guard.notice.sent" : "guard.notice.dead",
	    "kind=%s about=%s hook=%s attempts=%u error=%s", notice_kind_name(n->kind), n->subject,
	    n->hook, n->attempts, log_quote(quoted, sizeof(quoted), n->error));
	return guard_write_ledger(g, GUARD_ACTOR, sent ? "notice.sent" : "notice.dead",
	    n->server[0] != '\0' ? n->server : "guard", detail, e);
}

int
guard_notice_done(struct guard *g, int64_t id, unsigned attempt, enum notice_result result,
    const char *error, struct err *e)
{
	struct notice n;
	int rc = store_get_notice(g->store, id, &n, e);

	if (rc < 0)
		return rc;
	if (n.state != NOTICE_RUNNING || n.attempts != attempt)
		return err_set(e, -ESTALE,
		    "notice %lld was given to somebody else since: this result came too late",
		    (long long)id);
	snprintf(n.error, sizeof(n.error), "%s", error);
	n.state = NOTICE_WAITING;
	n.due_ns = g->now_ns + notice_pause_ns(n.attempts, n.id);
	if (result == NOTICE_RESULT_SENT)
		n.state = NOTICE_SENT;
	else if (result == NOTICE_RESULT_DEAD ||
		 n.due_ns - n.made_ns > g->settings.notice_give_up_ns)
		n.state = NOTICE_DEAD;
	if (n.state != NOTICE_WAITING)
		n.done_ns = g->now_ns;
	rc = store_begin(g->store, e);
	if (rc < 0)
		return rc;
	rc = store_set_notice(g->store, &n, e);
	if (rc == 0 && n.state != NOTICE_WAITING)
		rc = note_end(g, &n, e);
	if (rc == 0)
		return store_commit(g->store, e);
	store_rollback(g->store);
	return rc;
}

/* Dead letters as a list: the rows are written to while they are looked at. */
struct dead {
	int64_t ids[NOTICE_WAITING_MAX];
	unsigned count;
};

static int
collect_dead(void *arg, const struct notice *n)
{
	struct dead *d = arg;

	d->ids[d->count++] = n->id;
	return d->count == NOTICE_WAITING_MAX;
}

static int
retry_one(struct guard *g, int64_t id, struct err *e)
{
	struct notice n;
	int rc = store_get_notice(g->store, id, &n, e);

	if (rc < 0)
		return rc;
	if (n.state == NOTICE_SENT)
		return err_set(e, -EALREADY, "notice %lld was sent already: it is not sent twice",
		    (long long)id);
	if (n.state == NOTICE_RUNNING)
		return err_set(
		    e, -EBUSY, "a hook has notice %lld right now: wait for it", (long long)id);
	/* As if it had been made now; the address may have been corrected meanwhile. */
	if (n.kind == NOTICE_CATCH)
		snprintf(n.contact, sizeof(n.contact), "%s", g->settings.notice_operator);
	else if (inventory_find(g->inventory, n.server) >= 0)
		address(&n, g, n.server);
	n.state = NOTICE_WAITING;
	n.made_ns = n.due_ns = g->now_ns;
	n.done_ns = 0;
	return store_set_notice(g->store, &n, e);
}

int
guard_notice_retry(struct guard *g, const char *actor, int64_t id, unsigned *count, struct err *e)
{
	static struct dead dead;
	int rc = store_begin(g->store, e);

	if (rc < 0)
		return rc;
	dead.ids[0] = id;
	dead.count = 1;
	if (id == 0) {
		dead.count = 0;
		rc = store_each_notice(
		    g->store, NOTICE_DEAD, NOTICE_WAITING_MAX, collect_dead, &dead, e);
		rc = rc > 0 ? 0 : rc;
	}
	for (unsigned i = 0; rc == 0 && i < dead.count; i++)
		rc = retry_one(g, dead.ids[i], e);
	if (rc == 0)
		rc = guard_write_ledger(g, actor, "notice.retry", "guard",
		    json_pack("{s:I, s:i}", "notice", (json_int_t)id, "count", (int)dead.count), e);
	if (rc < 0) {
		store_rollback(g->store);
		return rc;
	}
	*count = dead.count;
	return store_commit(g->store, e);
}

void
guard_notice_tick(struct guard *g)
{
	struct err e;

	/* Also when the clock was set back. */
	if (g->now_ns < g->next_notice_sweep_ns &&
	    g->next_notice_sweep_ns - g->now_ns <= CLOCK_HOUR_NS)
		return;
	g->next_notice_sweep_ns = g->now_ns + CLOCK_HOUR_NS;
	if (store_forget_notices(g->store, g->now_ns - NOTICE_KEEP_NS, &e) < 0)
		guard_log_failure("notices", "", &e);
}
