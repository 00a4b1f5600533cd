/* SPDX-License-Identifier: ISC */
/*
 * The plan: elements that must stand in the kernel, sorted, and the difference between two plans.
 * Pure.  bulkhead-guard (judge and enforcer).
 */
#include "policy/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PLAN_ROOM_FIRST 64

static const char *const set_names[PLAN_SET__COUNT] = {
    [PLAN_SET_BLOCKED] = "blocked",
    [PLAN_SET_GRANTED] = "granted",
    [PLAN_SET_THROTTLED] = "throttled",
    [PLAN_SET_BRAKED] = "braked",
    [PLAN_SET_OBSERVED] = "observed",
};

const char *
plan_set_name(unsigned set)
{
	return set < PLAN_SET__COUNT ? set_names[set] : "unknown";
}

int
plan_compare(const struct plan_element *a, const struct plan_element *b)
{
	int d;

	if (a->set != b->set)
		return a->set < b->set ? -1 : 1;
	d = strncmp(a->ifname, b->ifname, sizeof(a->ifname));
	if (d != 0)
		return d;
	if (a->ifname[0] != '\0')
		return 0;
	d = addr_compare(&a->prefix.addr, &b->prefix.addr);
	if (d != 0)
		return d;
	return (a->prefix.bits > b->prefix.bits) - (a->prefix.bits < b->prefix.bits);
}

unsigned
plan_prefix_keys(const struct addr_prefix *p)
{
	if (p->bits > 128)
		return 0;
	if (p->bits >= 120)
		return 1u << (128 - p->bits);
	if (!addr_is_v4(&p->addr) && p->bits >= 56 && p->bits <= 64)
		return 1u << (64 - p->bits);
	return 0;
}

void
plan_init(struct plan *p)
{
	memset(p, 0, sizeof(*p));
}

void
plan_fini(struct plan *p)
{
	if (p == NULL)
		return;
	free(p->elements);
	plan_init(p);
}

static int
grow(struct plan *p)
{
	unsigned room = p->room == 0 ? PLAN_ROOM_FIRST : p->room * 2;
	struct plan_element *e;

	if (p->count >= PLAN_ELEMENTS_MAX)
		return -ENOSPC;
	e = realloc(p->elements, room * sizeof(*e));
	if (e == NULL)
		return -ENOMEM;
	p->elements = e;
	p->room = room;
	return 0;
}

int
plan_append(struct plan *p, const struct plan_element *element)
{
	int r;

	if (p->count >= p->room || p->count >= PLAN_ELEMENTS_MAX) {
		r = grow(p);
		if (r < 0)
			return r;
	}
	p->elements[p->count++] = *element;
	return 0;
}

int
plan_add(struct plan *p, const struct plan_element *element)
{
	struct plan_element e = *element;

	if (e.set >= PLAN_SET__COUNT || e.timeout_ns < 0 || e.timeout_ns > PLAN_TIMEOUT_MAX_NS ||
	    e.pace > PLAN_PACE_MAX)
		return -EINVAL;
	if (e.ifname[0] == '\0' && plan_prefix_keys(&e.prefix) == 0)
		return -EINVAL;
	if (e.timeout_ns > 0 && e.timeout_ns < PLAN_TIMEOUT_MIN_NS)
		e.timeout_ns = PLAN_TIMEOUT_MIN_NS;
	return plan_append(p, &e);
}

unsigned
plan_fit(struct plan *p)
{
	unsigned keys = 0, kept = 0, left_out;

	for (; kept < p->count; kept++) {
		const struct plan_element *e = &p->elements[kept];

		keys += e->ifname[0] != '\0' ? 1 : plan_prefix_keys(&e->prefix);
		if (keys > PLAN_KEYS_MAX)
			break;
	}
	left_out = p->count - kept;
	p->count = kept;
	return left_out;
}

static int
compare_elements(const void *a, const void *b)
{
	return plan_compare(a, b);
}

/* No end outlasts every end. */
static bool
lasts_longer(const struct plan_element *a, const struct plan_element *b)
{
	if (b->timeout_ns == 0)
		return false;
	return a->timeout_ns == 0 || a->timeout_ns > b->timeout_ns;
}

void
plan_finish(struct plan *p)
{
	unsigned kept = 0, i;

	if (p->count == 0)
		return;
	qsort(p->elements, p->count, sizeof(p->elements[0]), compare_elements);
	for (i = 1; i < p->count; i++) {
		struct plan_element *last = &p->elements[kept];

		if (plan_compare(last, &p->elements[i]) != 0)
			p->elements[++kept] = p->elements[i];
		else if (lasts_longer(&p->elements[i], last))
			*last = p->elements[i];
	}
	p->count = kept + 1;
}

int
plan_add_server(struct plan *p, const struct server *server, enum plan_set set, int64_t timeout_ns,
    const char *case_id)
{
	struct plan_element e = {.set = (uint8_t)set, .timeout_ns = timeout_ns};
	int r, result = 0;
	unsigned i;

	strncpy(e.case_id, case_id != NULL ? case_id : "", sizeof(e.case_id) - 1);
	for (i = 0; i < server->ifname_count; i++) {
		memcpy(e.ifname, server->ifnames[i], sizeof(e.ifname));
		r = plan_add(p, &e);
		if (r < 0)
			return r;
	}
	if (server->ifname_count > 0)
		return 0;
	for (i = 0; i < server->prefix_count; i++) {
		e.prefix = server->prefixes[i];
		r = plan_add(p, &e);
		if (r < 0 && r != -EINVAL)
			return r;
		if (r < 0)
			result = r;
	}
	return server->prefix_count > 0 ? result : -ENODATA;
}

static bool
is_same(const struct plan_element *want, const struct plan_element *have, int64_t slack_ns)
{
	int64_t d = want->timeout_ns - have->timeout_ns;

	if (strncmp(want->case_id, have->case_id, sizeof(want->case_id)) != 0 ||
	    want->pace != have->pace)
		return false;
	if ((want->timeout_ns == 0) != (have->timeout_ns == 0))
		return false;
	return d <= slack_ns && d >= -slack_ns;
}

unsigned
plan_diff(const struct plan *desired, const struct plan *actual, int64_t slack_ns,
    void (*add)(void *arg, const struct plan_element *),
    void (*remove)(void *arg, const struct plan_element *), void *arg)
{
	unsigned differences = 0, d = 0, a = 0;

	while (d < desired->count || a < actual->count) {
		const struct plan_element *want = d < desired->count ? &desired->elements[d] : NULL;
		const struct plan_element *have = a < actual->count ? &actual->elements[a] : NULL;
		int order = want == NULL ? 1 : have == NULL ? -1 : plan_compare(want, have);

		d += order <= 0;
		a += order >= 0;
		if (order == 0 && is_same(want, have, slack_ns))
			continue;
		differences++;
		if (order <= 0)
			add(arg, want);
		else
			remove(arg, have);
	}
	return differences;
}
