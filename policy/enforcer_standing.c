/* SPDX-License-Identifier: ISC */
/*
 * What ought to stand in the kernel: the enforcer's memory of it, sorted, and how it is put back.
 * bulkhead-guard (enforcer child).
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policy/enforce_layout.h"
#include "policy/enforcer_state.h"

#define REPAIR_PART 4096 /* elements in one transaction; about 0.1 s of the kernel's time */
/* Two readings of one deadline: 100,000 elements are listed in 1.4 s on a quiet machine. */
#define SAME_END_NS (5 * CLOCK_SECOND_NS)

/* Index of the element, or where it belongs with *found = false. */
static unsigned
standing_find(const struct enforcer *en, const struct plan_element *key, bool *found)
{
	unsigned low = 0, high = en->standing.count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		int d = plan_compare(&en->standing.elements[middle], key);

		if (d == 0) {
			*found = true;
			return middle;
		}
		if (d < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*found = false;
	return low;
}

void
enforcer_put(struct enforcer *en, const struct plan_element *element, int64_t now_ns)
{
	struct plan_element copy = *element;
	struct plan *p = &en->standing;
	bool found;
	unsigned i = standing_find(en, element, &found);

	if (copy.timeout_ns != 0)
		copy.timeout_ns += now_ns;
	if (found) {
		p->elements[i] = copy;
		return;
	}
	if (plan_append(p, &copy) < 0) {
		log_event(LOG_LEVEL_ERROR, "enforce.memory", "standing=%u", p->count);
		return;
	}
	memmove(&p->elements[i + 1], &p->elements[i], (p->count - 1 - i) * sizeof(copy));
	p->elements[i] = copy;
}

void
enforcer_forget(struct enforcer *en, const struct plan_element *element)
{
	struct plan *p = &en->standing;
	bool found;
	unsigned i = standing_find(en, element, &found);

	if (!found)
		return;
	p->count--;
	memmove(&p->elements[i], &p->elements[i + 1], (p->count - i) * sizeof(p->elements[0]));
}

void
enforcer_forget_all(struct enforcer *en, struct plan *elements)
{
	struct plan *p = &en->standing;
	unsigned kept = 0, i, k = 0;

	plan_finish(elements);
	for (i = 0; i < p->count; i++) {
		while (k < elements->count &&
		       plan_compare(&elements->elements[k], &p->elements[i]) < 0)
			k++;
		if (k == elements->count ||
		    plan_compare(&elements->elements[k], &p->elements[i]) != 0)
			p->elements[kept++] = p->elements[i];
	}
	p->count = kept;
}

void
enforcer_put_all(struct enforcer *en, struct plan *elements, int64_t now_ns)
{
	unsigned i;

	enforcer_forget_all(en, elements);
	for (i = 0; i < elements->count; i++) {
		struct plan_element e = elements->elements[i];

		if (e.timeout_ns != 0)
			e.timeout_ns += now_ns;
		if (plan_append(&en->standing, &e) < 0) {
			log_event(
			    LOG_LEVEL_ERROR, "enforce.memory", "standing=%u", en->standing.count);
			break;
		}
	}
	plan_finish(&en->standing);
}

/* The listed one, but its deadline as we know it, unless the kernel's is another: a listing takes
 * its time, and the rest is rounded. */
static struct plan_element
believed(const struct plan_element *known, const struct plan_element *listed, int64_t now_ns)
{
	struct plan_element e = *listed;

	if (e.timeout_ns != 0)
		e.timeout_ns += now_ns;
	if (known == NULL)
		return e;
	if (e.timeout_ns != 0 && known->timeout_ns != 0 &&
	    llabs(e.timeout_ns - known->timeout_ns) < SAME_END_NS)
		e.timeout_ns = known->timeout_ns;
	e.packets = known->packets;
	return e;
}

void
enforcer_believe(struct enforcer *en, const struct plan *listed)
{
	const struct plan *old = &en->standing;
	int64_t now_ns = clock_mono_ns();
	unsigned i = 0, k;
	struct plan fresh;

	plan_init(&fresh);
	for (k = 0; k < listed->count; k++) {
		const struct plan_element *known = NULL;
		struct plan_element e;

		while (i < old->count && plan_compare(&old->elements[i], &listed->elements[k]) < 0)
			i++;
		if (i < old->count && plan_compare(&old->elements[i], &listed->elements[k]) == 0)
			known = &old->elements[i];
		e = believed(known, &listed->elements[k], now_ns);
		if (plan_append(&fresh, &e) < 0) {
			plan_fini(&fresh);
			return;
		}
	}
	plan_fini(&en->standing);
	en->standing = fresh;
}

void
enforcer_expire(struct enforcer *en, int64_t now_ns)
{
	struct plan *p = &en->standing;
	unsigned kept = 0, i;

	for (i = 0; i < p->count; i++)
		if (p->elements[i].timeout_ns == 0 || p->elements[i].timeout_ns > now_ns)
			p->elements[kept++] = p->elements[i];
	p->count = kept;
}

bool
enforcer_names(const struct enforcer *en, const char *ifname)
{
	struct plan_element key = {0};
	bool found = false;
	unsigned set;

	memcpy(key.ifname, ifname, sizeof(key.ifname));
	for (set = 0; set < PLAN_SET__COUNT && !found; set++) {
		key.set = (uint8_t)set;
		(void)standing_find(en, &key, &found);
	}
	return found;
}

int
enforcer_put_beat(struct enforcer *en, int64_t for_ns, bool armed)
{
	if ((en->features >> ENFORCE_BRAKE & 1) == 0)
		return 0;
	return enforce_netlink_beat(en->netlink, (uint64_t)for_ns / 1000000, armed);
}

int
enforcer_left(const struct enforcer *en, unsigned first, unsigned count, struct plan *out)
{
	int64_t now_ns = clock_mono_ns();
	int r = 0;

	plan_init(out);
	for (unsigned i = first; i < first + count && r == 0; i++) {
		struct plan_element e = en->standing.elements[i];

		if (e.timeout_ns != 0)
			e.timeout_ns = e.timeout_ns > now_ns + PLAN_TIMEOUT_MIN_NS
					   ? e.timeout_ns - now_ns
					   : PLAN_TIMEOUT_MIN_NS;
		r = plan_append(out, &e);
	}
	return r;
}

static int
apply_part(struct enforcer *en, enum enforce_netlink_op op, unsigned first, unsigned count)
{
	struct plan left;
	int r = enforcer_left(en, first, count, &left);

	if (r == 0)
		r = enforce_netlink_apply(en->netlink, op, left.elements, left.count);
	plan_fini(&left);
	return r;
}

static unsigned
first_of_set(const struct plan *p, unsigned set)
{
	unsigned i = 0;

	while (i < p->count && p->elements[i].set < set)
		i++;
	return i;
}

static int
append_range(struct enforcer *en, unsigned first, unsigned end)
{
	int r = 0;

	while (r == 0 && first < end) {
		unsigned part = end - first < REPAIR_PART ? end - first : REPAIR_PART;

		r = apply_part(en, ENFORCE_NETLINK_APPEND, first, part);
		first += part;
		if (en->tell_progress != NULL)
			en->tell_progress(en->tell_arg);
	}
	return r;
}

/* Sorted by set, then addresses, then names: blocked interfaces are first .. *end - 1. */
static unsigned
first_blocked_name(const struct plan *p, unsigned *end)
{
	unsigned first = *end = first_of_set(p, PLAN_SET_BLOCKED + 1);

	while (first > 0 && p->elements[first - 1].ifname[0] != '\0')
		first--;
	return first;
}

bool
enforcer_is_wiped(struct enforcer *en)
{
	return en->standing.count > REPAIR_PART && enforce_netlink_is_empty(en->netlink);
}

void
enforcer_hold(struct enforcer *en)
{
	unsigned end, first = first_blocked_name(&en->standing, &end);
	struct plan blocked;
	struct err e;

	if (end <= REPAIR_PART) /* also those that are known by their addresses */
		first = 0;
	if (end - first > REPAIR_PART)
		end = first + REPAIR_PART;
	/* Into a set of another shape nothing is put as text: nft would take a name for a host's and
	 * ask a name server. */
	if (end == first || !enforce_netlink_is_gone(en->netlink))
		return;
	if (enforcer_left(en, first, end - first, &blocked) == 0 &&
	    enforce_nft_stopgap(en->nft, en->features, &blocked, &e) < 0)
		log_event(LOG_LEVEL_INFO, "enforce.stopgap", "error=\"%s\"", e.text);
	plan_fini(&blocked);
}

int
enforcer_apply(struct enforcer *en, bool was_empty)
{
	int64_t now_ns = clock_mono_ns(), alive_ns = en->alive_until_ns - now_ns;
	unsigned first, end;
	int r = 0;

	enforcer_expire(en, now_ns);
	if (en->has_beat)
		r = enforcer_put_beat(en, alive_ns > 0 ? alive_ns : 0, en->armed);
	if (r < 0)
		return r;
	if (en->standing.count <= REPAIR_PART || !was_empty)
		return apply_part(en, ENFORCE_NETLINK_REPLACE, 0, en->standing.count);
	first = first_blocked_name(&en->standing, &end);
	r = append_range(en, first, end);
	if (r == 0)
		r = append_range(en, 0, first);
	return r == 0 ? append_range(en, end, en->standing.count) : r;
}
