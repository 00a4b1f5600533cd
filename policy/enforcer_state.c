/* SPDX-License-Identifier: ISC */
/*
 * What the enforcer does.  Kernel first, then the memory of what ought to stand: a failed
 * transaction changes neither.  bulkhead-guard (enforcer child).
 */
#include "policy/enforcer_state.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "policy/enforce_layout.h"
#include "policy/enforce_notice.h"

#define LISTING_PATIENCE_MS 2000
#define REPAIR_PAUSE_MIN_NS (CLOCK_SECOND_NS / 1000)
#define REPAIR_PAUSE_MAX_NS CLOCK_SECOND_NS
#define REPAIR_PART	    4096 /* elements; about 0.1 s of the kernel's time */

/* --- installing and repairing
 * ------------------------------------------------------------------------ */

static void
repair(struct enforcer *en, const struct enforce_watch_change *c)
{
	int64_t begin_ns = clock_mono_ns();
	char text[200];
	bool made_again = false, installed = false, was_empty = enforcer_is_wiped(en);
	struct err e = {0};
	int r = 0;

	if (c->rules || c->lost) {
		enforcer_hold(en);
		r = enforce_nft_install(en->nft, en->features, NULL, &e);
		installed = r == 0;
		made_again = r < 0 && r != -EPERM;
		if (made_again) /* something of another shape has one of our names */
			r = enforcer_make_again(en, &e);
	}
	if (r == 0 && !made_again)
		r = enforcer_put_back(en, was_empty, &e);
	if (installed) /* last: the net holds meanwhile, and there may be hundreds */
		enforcer_hook_all(en, true);
	snprintf(text, sizeof(text), "%s of table %s %s by %s (pid %u); %s %u elements in %lld us",
	    c->rules ? "rules" : "elements", en->cfg->table,
	    c->lost ? "may have been changed" : "were changed",
	    c->name[0] != '\0' ? c->name : "an unknown program", c->pid,
	    r == 0 ? "put back with" : "NOT put back:", en->standing.count,
	    (long long)(clock_mono_ns() - begin_ns) / 1000);
	log_event(r == 0 ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, "enforce.repair",
	    "what=\"%s\" error=\"%s\"", text, e.text);
	en->repair_waits = r < 0;
	/* A failure that goes on is told once. */
	if (en->tell_repaired != NULL && (r == 0 || !en->repair_failed))
		en->tell_repaired(en->tell_arg, text);
	en->repair_failed = r < 0;
}

int
enforcer_repair_due(struct enforcer *en)
{
	int64_t now_ns = clock_mono_ns(), quiet_ns;

	if (!en->repair_waits || en->outdated)
		return -1;
	if (now_ns < en->repair_not_before_ns)
		return (int)((en->repair_not_before_ns - now_ns) / 1000000) + 1;
	quiet_ns = now_ns - en->repair_not_before_ns;
	en->repair_pause_ns =
	    quiet_ns > REPAIR_PAUSE_MAX_NS ? REPAIR_PAUSE_MIN_NS : en->repair_pause_ns * 2;
	if (en->repair_pause_ns > REPAIR_PAUSE_MAX_NS)
		en->repair_pause_ns = REPAIR_PAUSE_MAX_NS;
	repair(en, &en->repair_change);
	if (!en->repair_waits)
		memset(&en->repair_change, 0, sizeof(en->repair_change));
	en->repair_not_before_ns = clock_mono_ns() + en->repair_pause_ns;
	return en->repair_waits ? (int)(en->repair_pause_ns / 1000000) + 1 : -1;
}

void
enforcer_read_changes(struct enforcer *en)
{
	struct enforce_watch_change c;

	if (enforce_watch_read(&en->watch, &c) == 0)
		return;
	c.rules |= en->repair_change.rules;
	c.elements |= en->repair_change.elements;
	c.lost |= en->repair_change.lost;
	en->repair_change = c;
	en->repair_waits = true;
}

static int
read_first_listing(struct enforcer *en, struct err *e)
{
	int64_t end_ns = clock_mono_ns() + LISTING_PATIENCE_MS * INT64_C(1000000);
	struct pollfd p = {.events = POLLIN};

	p.fd = en->links_fd;
	enforcer_ask_for_listing(en);
	while (en->listing) {
		if (clock_mono_ns() > end_ns || poll(&p, 1, LISTING_PATIENCE_MS) == 0)
			return err_set(e, -ETIMEDOUT,
			    "the kernel did not list its links within 2 s; try again");
		enforcer_read_links(en);
	}
	return 0;
}

static int
open_kernel(struct enforcer *en, struct err *e)
{
	unsigned family, families = 0;
	int r = enforce_nft_open(&en->nft, en->cfg, e);

	if (r == 0)
		r = enforce_netlink_open(&en->netlink, en->cfg->table, e);
	if (r == 0)
		enforce_netlink_set_progress(en->netlink, en->tell_progress, en->tell_arg);
	if (r == 0)
		r = enforce_watch_open(&en->watch, en->cfg->table, e);
	if (r == 0) {
		r = enforce_watch_learn(&en->watch, enforce_netlink_port(en->netlink));
		if (r < 0)
			err_set(e, r,
			    "cannot follow changes of nftables (%s); run as root or with "
			    "CAP_NET_ADMIN",
			    strerror(-r));
	}
	if (r == 0)
		r = enforce_nft_probe(en->nft, &en->features, e);
	if (r < 0)
		return r;
	for (family = 0; family < ENFORCE_FAMILY__COUNT; family++)
		if ((en->features >> enforce_families[family].needs & 1) != 0)
			families |= 1u << family;
	enforce_netlink_set_families(en->netlink, families);
	en->watch.families = families;
	en->links_fd = enforce_watch_open_links(e);
	return en->links_fd < 0 ? en->links_fd : 0;
}

/* What an earlier life left in the kernel ought to stand on. */
static int
adopt(struct enforcer *en, struct err *e)
{
	int64_t now_ns = clock_mono_ns();
	unsigned i;
	int r, installed;

	r = enforce_netlink_list(en->netlink, NULL, true, &en->standing);
	if (r < 0)
		return err_set(
		    e, r, "cannot read the elements of table %s: %s", en->cfg->table, strerror(-r));
	for (i = 0; i < en->standing.count; i++)
		if (en->standing.elements[i].timeout_ns != 0)
			en->standing.elements[i].timeout_ns += now_ns;
	installed = enforce_nft_install(en->nft, en->features, NULL, e);
	if (installed == -EPERM)
		return installed;
	if (installed < 0) {
		/* Another version's, or another's hand: what it blocks we may not be able to read. */
		log_event(LOG_LEVEL_WARN, "enforce.outdated", "error=\"%s\"", e->text);
		en->outdated = true;
		return 0;
	}
	/* Some stood only in part; what has no room is missed by the judge, who looks next. */
	if (r > 0 && enforcer_put_back(en, false, e) < 0)
		log_event(LOG_LEVEL_ERROR, "enforce.adopt", "error=\"%s\"", e->text);
	return 0;
}

int
enforcer_init(struct enforcer *en, const struct enforce_config *cfg, struct err *e)
{
	int r;

	en->cfg = cfg;
	en->links_fd = -1;
	en->watch.fd = -1;
	en->repair_pause_ns = REPAIR_PAUSE_MIN_NS;
	plan_init(&en->standing);
	if (!enforce_layout_is_table(cfg->table))
		return err_set(e, -EINVAL,
		    "\"%.31s\" cannot be a table's name; use letters, digits and _ (table in "
		    "bulkhead.conf)",
		    cfg->table);
	r = open_kernel(en, e);
	if (r == 0)
		r = adopt(en, e);
	if (r == 0)
		r = read_first_listing(en, e);
	if (r < 0)
		return r;
	enforcer_drop_stale_doors(en);
	return 0;
}

void
enforcer_fini(struct enforcer *en)
{
	enforce_nft_close(en->nft);
	enforce_netlink_close(en->netlink);
	enforce_watch_close(&en->watch);
	if (en->links_fd >= 0)
		close(en->links_fd);
	plan_fini(&en->standing);
	free(en->links);
}

/* --- verbs
 * ------------------------------------------------------------------------------------------- */

static int
check(struct enforcer *en, const struct plan *elements, bool is_release, struct err *e)
{
	unsigned keys = 0, i;
	int r;

	for (i = 0; i < elements->count; i++) {
		const struct plan_element *element = &elements->elements[i];
		const struct enforcer_link *link;

		r = enforce_layout_check(element, is_release, e);
		if (r < 0)
			return r;
		link = element->ifname[0] != '\0' && !is_release
			   ? enforcer_find_link(en, element->ifname)
			   : NULL;
		if (link != NULL && link->shared && element->set == PLAN_SET_BLOCKED)
			return err_set(e, -EINVAL,
			    "%s carries more than one server (a bridge, bond or loopback); name "
			    "the server's own "
			    "interface in the inventory",
			    element->ifname);
		keys += enforce_layout_key_count(element);
		if (keys > ENFORCE_KEYS_MAX)
			return err_set(e, -E2BIG,
			    "more than %u kernel keys in one change; use shorter lists",
			    ENFORCE_KEYS_MAX);
	}
	return 0;
}

int
enforcer_block(struct enforcer *en, struct plan *elements, struct err *e)
{
	int r = check(en, elements, false, e);

	return r < 0 ? r : enforcer_add(en, elements, e);
}

int
enforcer_release(struct enforcer *en, struct plan *elements, struct err *e)
{
	int r = check(en, elements, true, e);

	return r < 0 ? r : enforcer_remove(en, elements, e);
}

int
enforcer_replace(struct enforcer *en, struct plan *elements, struct err *e)
{
	int r = check(en, elements, false, e);

	return r < 0 ? r : enforcer_exchange(en, elements, e);
}

#define OVERFLOW_EVERY_NS CLOCK_HOUR_NS /* an alarm that goes on */

/* The counters are a day's: they fall when an element expires. */
static void
watch_overflow(struct enforcer *en)
{
	char link[OBS_IFNAME_BYTES] = "", text[200];
	uint64_t packets = 0;

	if ((en->features >> ENFORCE_BRAKE & 1) == 0 ||
	    enforce_netlink_overflow(en->netlink, &packets, link) < 0)
		return;
	if (packets > en->overflow && en->tell_overflow != NULL &&
	    (en->overflow_told_ns == 0 ||
		clock_mono_ns() - en->overflow_told_ns > OVERFLOW_EVERY_NS)) {
		en->overflow_told_ns = clock_mono_ns();
		snprintf(text, sizeof(text),
		    "the brake's meters of addresses are full: %llu packets passed unmetered in "
		    "the last day, most from %s",
		    (unsigned long long)packets, link);
		en->tell_overflow(en->tell_arg, text);
	}
	en->overflow = packets;
}

int
enforcer_beat(struct enforcer *en, int64_t for_ns, bool armed, struct err *e)
{
	int r;

	if (for_ns < 0 || for_ns > ENFORCE_BEAT_MAX_NS)
		return err_set(e, -EINVAL,
		    "a heartbeat of %lld ns is outside of 0 to an hour; this is a bug of the judge",
		    (long long)for_ns);
	if (for_ns > 0)
		en->alive_until_ns = clock_mono_ns() + for_ns;
	en->armed = armed;
	en->has_beat = true;
	if (en->outdated) /* until the judge has compared: it knows what ought to stand */
		return en->compared ? enforcer_make_again(en, e) : 0;
	r = enforcer_put_beat(en, for_ns, armed);
	if (r == -ENOENT) { /* torn away: put everything back, the heartbeat with it */
		en->repair_waits = true;
		en->repair_change.rules = true;
		en->repair_not_before_ns = 0;
		(void)enforcer_repair_due(en);
		r = en->repair_waits ? r : 0;
	}
	watch_overflow(en);
	return r < 0 ? err_set(e, r, "the kernel refused the heartbeat in table %s: %s",
			   en->cfg->table, strerror(-r))
		     : 0;
}

int
enforcer_brake(struct enforcer *en, struct enforce_brake_state *out, struct err *e)
{
	int r = enforce_netlink_brake(en->netlink, out);

	out->notice = enforce_notice_is_on(en->cfg, en->features);
	enforcer_count_links(en, &out->notice_links, &out->reset_links);
	return r < 0 ? err_set(e, r, "cannot read the brake of table %s: %s", en->cfg->table,
			   strerror(-r))
		     : 0;
}

int
enforcer_list(struct enforcer *en, struct plan *out, struct err *e)
{
	int r = enforce_netlink_list(en->netlink, &en->standing, false, out);

	enforcer_expire(en, clock_mono_ns());
	if (r < 0)
		return err_set(
		    e, r, "cannot read the elements of table %s: %s", en->cfg->table, strerror(-r));
	en->compared = true;
	enforcer_read_changes(en);
	/* Where nobody else had a hand in it, the kernel is right: an answer to us was lost. */
	if (!en->repair_waits && !en->outdated)
		enforcer_believe(en, out);
	return 0;
}
