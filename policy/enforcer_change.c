/* SPDX-License-Identifier: ISC */
/*
 * One change of what stands: kernel first, then the memory of it.  What becomes of it when the
 * answer is lost, the tables are gone or have another shape, or the kernel has no room.
 * bulkhead-guard (enforcer child).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policy/enforcer_state.h"

#define TRIES_MAX 3 /* of a change whose answer was lost */
/* Transactions that find no room, in one change: one bad element of 100,000 takes 17 of them. */
#define REFUSALS_MAX 256

/* --- making the tables again
 * ------------------------------------------------------------------------- */

int
enforcer_make_again(struct enforcer *en, struct err *e)
{
	int64_t alive_ns = en->alive_until_ns - clock_mono_ns();
	struct enforce_nft_contents contents = {
	    .alive_ms = alive_ns > 0 ? (uint64_t)alive_ns / 1000000 : 0, .armed = en->armed};
	bool was_outdated = en->outdated;
	struct enforce_nft_door *doors;
	struct plan left;
	int r;

	log_event(LOG_LEVEL_WARN, "enforce.from_scratch", "table=%s elements=%u", en->cfg->table,
	    en->standing.count);
	en->outdated = false; /* links want their doors again */
	enforcer_expire(en, clock_mono_ns());
	r = enforcer_left(en, 0, en->standing.count, &left);
	doors = enforcer_doors(en, &contents.door_count);
	contents.elements = &left;
	contents.doors = doors;
	if (r < 0 || doors == NULL)
		r = err_set(e, -ENOMEM, "no memory to make table %s again; give the guard more",
		    en->cfg->table);
	if (r == 0) {
		r = enforce_nft_install(en->nft, en->features, &contents, e);
		if (r == 0)
			enforcer_note_hooked(en);
	}
	if (r < 0 && r != -ENOMEM && r != -EPERM) { /* a link of the list may be gone by now */
		contents.door_count = 0;
		r = enforce_nft_install(en->nft, en->features, &contents, e);
		if (r == 0)
			enforcer_hook_all(en, true);
	}
	free(doors);
	plan_fini(&left);
	en->outdated = r < 0 && was_outdated;
	if (r == 0) {
		en->repair_waits = false;
		memset(&en->repair_change, 0, sizeof(en->repair_change));
	}
	return r;
}

/* --- one transaction
 * --------------------------------------------------------------------------------- */

static void
put_tables_back(struct enforcer *en)
{
	enforcer_read_changes(en);
	en->repair_waits = true;
	en->repair_change.rules = true;
	en->repair_not_before_ns = 0;
	(void)enforcer_repair_due(en);
}

static bool
is_no_room(int r)
{
	return r == -ENOMEM || r == -ENFILE || r == -ENOSPC || r == -ENOBUFS || r == -EMSGSIZE;
}

/* Every operation may be repeated: afterwards the same stands. */
static int
commit(struct enforcer *en, enum enforce_netlink_op op, const struct plan_element *elements,
    unsigned count)
{
	int r = enforce_netlink_apply(en->netlink, op, elements, count);

	for (unsigned tries = 1; r == -EPROTO && tries < TRIES_MAX; tries++)
		r = enforce_netlink_apply(en->netlink, op, elements, count);
	if (r == -ENOENT) {
		put_tables_back(en);
		r = enforce_netlink_apply(en->netlink, op, elements, count);
	}
	return r;
}

static int
complain(const struct enforcer *en, int r, unsigned count, struct err *e)
{
	if (r == -EPERM)
		return err_set(
		    e, r, "the kernel refused the change; the enforcer needs CAP_NET_ADMIN");
	if (r == -EPROTO)
		return err_set(e, r,
		    "the kernel did not answer to a change of %u elements in table %s; it is "
		    "compared with the database again",
		    count, en->cfg->table);
	return err_set(e, r, "the kernel refused a change of %u elements in table %s: %s", count,
	    en->cfg->table, strerror(-r));
}

static void
remember(struct enforcer *en, struct plan *elements)
{
	if (elements->count == 1) /* the usual case: a server has one interface */
		enforcer_put(en, &elements->elements[0], clock_mono_ns());
	else
		enforcer_put_all(en, elements, clock_mono_ns());
}

/* --- without room
 * ------------------------------------------------------------------------------------ */

struct placing {
	struct enforcer *en;
	struct plan placed;
	unsigned refusals, missing;
	int why;
};

/* Halves what has no room until what has some stands. */
static void
place(struct placing *p, const struct plan_element *elements, unsigned count)
{
	int r = -ENOMEM;

	if (p->refusals < REFUSALS_MAX)
		r = commit(p->en, ENFORCE_NETLINK_ADD, elements, count);
	if (p->en->tell_progress != NULL)
		p->en->tell_progress(p->en->tell_arg);
	if (r == 0) {
		for (unsigned i = 0; i < count; i++)
			(void)plan_append(&p->placed, &elements[i]);
		return;
	}
	p->why = p->refusals < REFUSALS_MAX ? r : p->why;
	p->refusals++;
	if (count == 1 || p->refusals >= REFUSALS_MAX || !is_no_room(r)) {
		p->missing += count;
		return;
	}
	place(p, elements, count / 2);
	place(p, elements + count / 2, count - count / 2);
}

static int
place_in_parts(struct enforcer *en, struct plan *elements, struct err *e)
{
	struct placing p = {.en = en};

	plan_init(&p.placed);
	plan_finish(elements); /* blocks come first */
	place(&p, elements->elements, elements->count);
	if (p.placed.count > 0)
		remember(en, &p.placed);
	plan_fini(&p.placed);
	if (p.missing == 0)
		return 0;
	return err_set(e, p.why,
	    "the kernel has no room for %u of %u elements in table %s (%s); all others stand, "
	    "and what is missing is tried again",
	    p.missing, elements->count, en->cfg->table, strerror(-p.why));
}

/* A set with a bound on its size is not ours: ours have none. */
static bool
makes_room(struct enforcer *en, int r)
{
	struct err e;

	return (r == -ENFILE || r == -ENOSPC) && enforcer_make_again(en, &e) == 0;
}

int
enforcer_put_back(struct enforcer *en, bool was_empty, struct err *e)
{
	int r = enforcer_apply(en, was_empty);
	struct plan left;

	if (makes_room(en, r))
		return 0;
	if (is_no_room(r)) {
		r = enforcer_left(en, 0, en->standing.count, &left);
		if (r == 0)
			r = place_in_parts(en, &left, e);
		else
			err_set(e, r, "no memory to put the elements back; give the guard more");
		plan_fini(&left);
		return r;
	}
	return r < 0 ? err_set(e, r, "cannot put the elements of table %s back: %s", en->cfg->table,
			   strerror(-r))
		     : 0;
}

/* --- the three changes
 * ------------------------------------------------------------------------------- */

int
enforcer_add(struct enforcer *en, struct plan *elements, struct err *e)
{
	int r;

	if (en->outdated) { /* the tables are made again with the change in them */
		remember(en, elements);
		return enforcer_make_again(en, e);
	}
	r = commit(en, ENFORCE_NETLINK_ADD, elements->elements, elements->count);
	if (makes_room(en, r))
		r = commit(en, ENFORCE_NETLINK_ADD, elements->elements, elements->count);
	if (is_no_room(r))
		r = place_in_parts(en, elements, e);
	else if (r < 0)
		complain(en, r, elements->count, e);
	else
		remember(en, elements);
	enforcer_hook_named(en, elements);
	return r;
}

static void
forget(struct enforcer *en, struct plan *elements)
{
	if (elements->count == 1)
		enforcer_forget(en, &elements->elements[0]);
	else
		enforcer_forget_all(en, elements);
}

int
enforcer_remove(struct enforcer *en, struct plan *elements, struct err *e)
{
	int r;

	if (en->outdated) {
		forget(en, elements);
		return enforcer_make_again(en, e);
	}
	/* "add; delete" wants room for what may be absent. */
	r = commit(en, ENFORCE_NETLINK_REMOVE, elements->elements, elements->count);
	if (makes_room(en, r))
		r = commit(en, ENFORCE_NETLINK_REMOVE, elements->elements, elements->count);
	if (r < 0)
		return complain(en, r, elements->count, e);
	forget(en, elements);
	return 0;
}

/* What ought to stand no more goes first, in one transaction; what stays is never absent. */
static int
exchange_in_parts(struct enforcer *en, struct plan *elements, struct err *e)
{
	struct plan leaving;
	unsigned k = 0, i;
	int r = 0;

	plan_init(&leaving);
	for (i = 0; r == 0 && i < en->standing.count; i++) {
		const struct plan_element *old = &en->standing.elements[i];

		while (k < elements->count && plan_compare(&elements->elements[k], old) < 0)
			k++;
		if (k == elements->count || plan_compare(&elements->elements[k], old) != 0)
			r = plan_append(&leaving, old);
	}
	if (r == 0 && leaving.count > 0)
		r = enforcer_remove(en, &leaving, e);
	else if (r < 0)
		err_set(e, r, "no memory to compare two plans; give the guard more");
	plan_fini(&leaving);
	return r < 0 ? r : place_in_parts(en, elements, e);
}

int
enforcer_exchange(struct enforcer *en, struct plan *elements, struct err *e)
{
	int64_t now_ns = clock_mono_ns();
	struct plan old;
	unsigned i;
	int r = 0;

	plan_finish(elements);
	if (!en->outdated)
		r = commit(en, ENFORCE_NETLINK_REPLACE, elements->elements, elements->count);
	if (makes_room(en, r))
		r = commit(en, ENFORCE_NETLINK_REPLACE, elements->elements, elements->count);
	if (is_no_room(r)) {
		r = exchange_in_parts(en, elements, e);
		enforcer_hook_all(en, false);
		return r;
	}
	if (r < 0)
		return complain(en, r, elements->count, e);
	old = en->standing;
	en->standing = *elements;
	*elements = old;
	for (i = 0; i < en->standing.count; i++)
		if (en->standing.elements[i].timeout_ns != 0)
			en->standing.elements[i].timeout_ns += now_ns;
	if (en->outdated)
		return enforcer_make_again(en, e);
	enforcer_hook_all(en, false);
	return 0;
}
