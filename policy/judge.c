/* SPDX-License-Identifier: ISC */
/* The judge: whose observation it is, what it means, and what follows.  bulkhead-guard, replay. */
#include "policy/judge.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policy/judge_rules.h"
#include "policy/judge_state.h"
#include "policy/mode.h"

/* A blocked server is quiet while it tries no more than this share of its 5-minute ceiling anew. */
#define QUIET_SHARE 0.25

/* After a person's release any backlog may pass for so long, up to the plan's hourly ceiling ... */
#define BACKLOG_NS (2 * CLOCK_HOUR_NS)
/* ... and the rest of the mailing that was stopped, up to its daily one: Postfix tries again after
 * at most 4,000 s (maximal_backoff_time), Exim after 6 hours, so that every message has its turn.
 */
#define DRAIN_NS (6 * CLOCK_HOUR_NS)

/* Without a sensor, more refused packets than so many a second mean that a server still tries. */
#define REFUSED_PER_SECOND 1

/* Times outside of this are a broken clock or capture: 1970 .. 2223. */
#define TIME_MAX_NS INT64_C(8000000000000000000)

#define IDLE_STEP_NS (10 * CLOCK_SECOND_NS)

#define TENANT_CAMPAIGNS 4
#define WORLD_CAMPAIGNS	 128
/* A server's mailing is compared with other tenants' from so many recipients an hour on. */
#define OTHERS_MIN 5

struct judge {
	struct judge_rules rules;
	struct inventory *inventory;
	bool open_inventory;
	void (*on_change)(void *arg, const struct verdict_change *change);
	void *arg;
	struct judge_state **states; /* by index of the inventory; NULL = never seen */
	uint8_t *awake;		     /* the same: 0 = clear, and no tick needs to look at it */
	unsigned state_room;
	struct grant *grants;
	unsigned grant_count;
	struct pool *everybody;	   /* mailings by tenant */
	struct pool_names *names;  /* greetings by tenant */
	struct pool_table tenants; /* mailings by server, of each tenant */
	uint64_t unattributed;
	int64_t now_ns; /* newest time that was seen */
	/* safety catch: new blocks by twelfths of its window */
	struct tally_ring new_blocks;
	int64_t new_blocks_bucket;
	bool catch_is_on;
};

/* --- settings, plans, grants --- */

/* What a server's state takes from settings and inventory. */
static void
derive_state(const struct judge *j, struct judge_state *s, const struct server *server)
{
	s->ceilings = *judge_rules_ceilings(&j->rules, server->plan);
	snprintf(s->plan, sizeof(s->plan), "%s", server->plan);
	s->observe_only = !mode_is_enforce(&j->rules.policy, server);
	s->tenant_pool = NULL; /* the tenant may be another now */
	s->tenant_mailing.serial = 0;
}

static void
derive_grants(const struct judge *j, struct judge_state *s)
{
	s->grant_count = 0;
	for (unsigned i = 0; i < j->grant_count && s->grant_count < WINDOW_GRANTS; i++)
		if (j->grants[i].state == GRANT_ACTIVE &&
		    grant_covers_server(&j->grants[i], s->name))
			s->grants[s->grant_count++] = &j->grants[i];
}

static void
derive_all(struct judge *j)
{
	for (unsigned i = 0; i < j->state_room; i++) {
		if (j->states[i] == NULL)
			continue;
		derive_state(j, j->states[i], inventory_get(j->inventory, i));
		derive_grants(j, j->states[i]);
	}
}

int
judge_new(struct judge **out, const struct settings *settings, struct inventory *inv,
    bool open_inventory, void (*on_change)(void *arg, const struct verdict_change *change),
    void *arg, struct err *e)
{
	struct judge *j = calloc(1, sizeof(*j));
	int rc;

	if (j == NULL)
		return err_set(e, -ENOMEM, "no memory for the judge");
	j->inventory = inv;
	j->open_inventory = open_inventory;
	j->on_change = on_change;
	j->arg = arg;
	rc = judge_rules_read(&j->rules, settings, e);
	if (rc != 0) {
		judge_free(j);
		return rc;
	}
	*out = j;
	return 0;
}

void
judge_free(struct judge *j)
{
	if (j == NULL)
		return;
	for (unsigned i = 0; i < j->state_room; i++)
		free(j->states[i]);
	free(j->states);
	free(j->awake);
	free(j->grants);
	pool_table_fini(&j->tenants);
	pool_free(j->everybody);
	free(j->names);
	free(j);
}

void
judge_set_settings(struct judge *j, const struct settings *settings)
{
	/* What does not parse was refused by judge_new() and `config check`; the old rules stay
	 * then. */
	judge_rules_read(&j->rules, settings, NULL);
	derive_all(j);
}

int
judge_set_grants(struct judge *j, const struct grant *grants, unsigned count, struct err *e)
{
	struct grant *copy = NULL;

	if (count > 0) {
		copy = malloc(count * sizeof(*copy));
		if (copy == NULL)
			return err_set(e, -ENOMEM, "no memory for %u grants", count);
		memcpy(copy, grants, count * sizeof(*copy));
	}
	free(j->grants);
	j->grants = copy;
	j->grant_count = count;
	for (unsigned i = 0; i < j->state_room; i++)
		if (j->states[i] != NULL)
			derive_grants(j, j->states[i]);
	return 0;
}

int
judge_set_inventory(struct judge *j, struct inventory *inv, struct err *e)
{
	unsigned room = inventory_count(inv);
	struct judge_state **states = calloc(room > 0 ? room : 1, sizeof(struct judge_state *));

	uint8_t *awake = calloc(room > 0 ? room : 1, 1);

	if (states == NULL || awake == NULL) {
		free(states);
		free(awake);
		return err_set(e, -ENOMEM, "no memory for the state of %u servers", room);
	}
	for (unsigned i = 0; i < j->state_room; i++) {
		int index = j->states[i] != NULL ? inventory_find(inv, j->states[i]->name) : -1;

		if (index >= 0) {
			states[index] = j->states[i];
			awake[index] = j->awake[i];
		} else {
			free(j->states[i]);
		}
	}
	free(j->states);
	free(j->awake);
	j->states = states;
	j->awake = awake;
	j->state_room = room;
	j->inventory = inv;
	derive_all(j);
	return 0;
}

/* --- state of a server --- */

static struct judge_state *
state_get(const struct judge *j, unsigned index)
{
	return index < j->state_room ? j->states[index] : NULL;
}

static void
init_state(struct judge_state *s, const struct server *server)
{
	memset(s, 0, sizeof(*s));
	snprintf(s->name, sizeof(s->name), "%s", server->name);
	s->ladder.verdict.question = -1;
}

/* The state of a server, made when it is first needed; NULL without memory or with a bad index. */
static struct judge_state *
state_take(struct judge *j, unsigned index)
{
	struct judge_state *s = state_get(j, index);
	const struct server *server;

	if (s != NULL || index >= inventory_count(j->inventory))
		return s;
	if (index >= j->state_room) {
		unsigned room = index + index / 2 + 16;
		struct judge_state **grown =
		    realloc(j->states, room * sizeof(struct judge_state *));

		uint8_t *awake;

		if (grown == NULL)
			return NULL;
		j->states = grown;
		awake = realloc(j->awake, room);
		if (awake == NULL)
			return NULL;
		j->awake = awake;
		memset(grown + j->state_room, 0,
		    (room - j->state_room) * sizeof(struct judge_state *));
		memset(awake + j->state_room, 0, room - j->state_room);
		j->state_room = room;
	}
	s = malloc(sizeof(*s));
	if (s == NULL)
		return NULL;
	server = inventory_get(j->inventory, index);
	init_state(s, server);
	derive_state(j, s, server);
	derive_grants(j, s);
	j->states[index] = s;
	return s;
}

/* Without an inventory every client is a server, named by its address. */
static int
add_by_address(struct judge *j, const struct addr *own)
{
	struct server server = {0};

	addr_format(server.name, own);
	server.prefixes[0].addr = *own;
	server.prefixes[0].bits = 128;
	server.prefix_count = 1;
	return inventory_put(j->inventory, &server, NULL);
}

/* Counts the session of a stranger once. */
static bool
begins_session(const struct observation *o)
{
	return o->kind == OBS_SESSION_START || o->kind == OBS_CONNECT_FAILED;
}

/*
 * Where the capture has no taps (a file, a watched uplink) one session tells of both its ends: it may be one
 * that a server of ours receives.  A server is not made for it.
 */
static int
find_receiver(const struct judge *j, const struct observation *o)
{
	static const struct mac nobody;

	if (o->kind != OBS_SESSION_START || o->ifname[0] != '\0' || (o->flags & OBS_F_INBOUND) != 0)
		return -1;
	return inventory_resolve(j->inventory, "", &nobody, &o->server).index;
}

static bool
is_received(const struct judge *j, const struct observation *o)
{
	return find_receiver(j, o) >= 0;
}

static struct judge_state *
find_owner(struct judge *j, const struct observation *o, unsigned *index)
{
	bool inbound = (o->flags & OBS_F_INBOUND) != 0;
	const struct addr *own = inbound ? &o->server : &o->client;
	struct inventory_owner owner = inventory_resolve(j->inventory, o->ifname, &o->mac, own);
	struct judge_state *s;

	if (owner.index < 0 && j->open_inventory && !inbound && o->kind != OBS_MX_QUERY)
		owner.index = add_by_address(j, own);
	s = owner.index >= 0 ? state_take(j, (unsigned)owner.index) : NULL;
	if (s == NULL) {
		j->unattributed += begins_session(o) && !is_received(j, o);
		return NULL;
	}
	s->counts.spoofed += owner.spoofed && begins_session(o);
	*index = (unsigned)owner.index;
	return s;
}

/* --- mailings of several servers --- */

static void
pool_mailing(struct judge *j, struct judge_state *s, uint64_t tenant)
{
	const struct window_campaign *m = &s->window.news;

	if (s->tenant_pool == NULL)
		s->tenant_pool = pool_table_take(&j->tenants, tenant, TENANT_CAMPAIGNS);
	if (s->tenant_pool != NULL)
		s->tenant_mailing = pool_add(
		    s->tenant_pool, m, (double)m->sum, tally_hash_text(s->name), j->now_ns);
	if (j->everybody == NULL)
		j->everybody = pool_new(0, WORLD_CAMPAIGNS);
	if (j->everybody != NULL && (double)s->window.news_of >= OTHERS_MIN)
		s->others_mailing = pool_add(j->everybody, m, (double)m->sum, tenant, j->now_ns);
}

/* What was just counted as one campaign counts for the tenant and for everybody, too; so does
 * whether its recipients exist, and by which name it greeted. */
static void
pool_news(struct judge *j, struct judge_state *s, unsigned index)
{
	const struct window *w = &s->window;
	bool mailing = w->news.kind != WINDOW_CAMPAIGN_NONE && w->news.sum > 0;
	const struct server *server;
	uint64_t tenant;

	if (w->existence.trials > 0)
		pool_note(j->everybody, s->others_mailing, &w->existence, j->now_ns,
		    WINDOW_PATIENCE * j->rules.policy.decay_half_life_ns);
	if (!mailing && w->news_helo == 0)
		return;
	server = inventory_get(j->inventory, index);
	if (server->tenant[0] == '\0')
		return;
	tenant = tally_hash_text(server->tenant);
	if (mailing)
		pool_mailing(j, s, tenant);
	if (w->news_helo == 0)
		return;
	if (j->names == NULL)
		j->names = calloc(1, sizeof(*j->names));
	if (j->names != NULL)
		s->name_tenants = pool_names_add(j->names, w->news_helo, tenant, j->now_ns);
}

/* --- counting what was seen --- */

static void
count_recipient(struct judge_state *s, const struct observation *o)
{
	uint64_t *const by_class[OBS_REPLY_CLASS__COUNT] = {
	    [OBS_ACCEPTED] = &s->counts.recipients_accepted,
	    [OBS_REJECTED] = &s->counts.recipients_rejected,
	    [OBS_DEFERRED] = &s->counts.recipients_deferred,
	};

	if (o->u.recipient.reply_class < OBS_REPLY_CLASS__COUNT)
		++*by_class[o->u.recipient.reply_class];
	tally_distinct_add(&s->domains, tally_key(1, o->u.recipient.domain_hash));
}

static void
count_facts(struct judge_state *s, const struct observation *o)
{
	struct judge_counts *c = &s->counts;

	if ((o->flags & OBS_F_INBOUND) != 0) {
		c->inbound_sessions += o->kind == OBS_SESSION_START;
		return;
	}
	switch (o->kind) {
	case OBS_SESSION_START:
		tally_distinct_add(&s->destinations, tally_hash_addr(&o->server));
		break;
	case OBS_CONNECT_FAILED:
		c->connects_failed++;
		break;
	case OBS_RECIPIENT:
		count_recipient(s, o);
		break;
	case OBS_MESSAGE:
		c->messages += o->u.message.reply.code >= 200 && o->u.message.reply.code <= 299;
		break;
	case OBS_ESTIMATE:
		if (o->u.estimate.messages >= 0)
			c->messages_estimated += (uint64_t)o->u.estimate.messages;
		else if (c->messages_estimated >= (uint64_t) - (int64_t)o->u.estimate.messages)
			c->messages_estimated -= (uint64_t) - (int64_t)o->u.estimate.messages;
		else
			c->messages_estimated = 0;
		break;
	case OBS_SESSION_END: /* only its end knows whether it was SMTP */
		c->sessions += o->u.end.is_smtp;
		c->sessions_tls +=
		    o->u.end.tls == OBS_TLS_STARTTLS || o->u.end.tls == OBS_TLS_IMPLICIT;
		outgoing_observe(&s->outgoing, o);
		break;
	default:
		break;
	}
}

/* --- verdicts --- */

static void
catch_turn(struct judge *j)
{
	int64_t bucket = j->now_ns / (j->rules.policy.catch_window_ns / TALLY_BUCKETS);
	int64_t passed = bucket - j->new_blocks_bucket;

	if (passed == 0)
		return;
	if (passed < 0 || passed > TALLY_BUCKETS)
		passed = TALLY_BUCKETS;
	tally_ring_turn(&j->new_blocks, (unsigned)(bucket % TALLY_BUCKETS), (unsigned)passed);
	j->new_blocks_bucket = bucket;
}

/* True when one more automatic block would be more than a sane day brings: the catch falls in. */
static bool
catch_holds(struct judge *j)
{
	double share = (double)j->rules.policy.catch_percent / 100 * inventory_count(j->inventory);
	double recent = 0;

	catch_turn(j);
	for (unsigned i = 0; i < TALLY_BUCKETS; i++)
		recent += (double)j->new_blocks.bucket[i];
	if (recent + 1 > fmax((double)j->rules.policy.catch_min, share))
		j->catch_is_on = true;
	return j->catch_is_on;
}

static void
tell(struct judge *j, const struct judge_state *s, unsigned index, unsigned from, bool lifted)
{
	const struct verdict *v = &s->ladder.verdict;
	struct verdict_change change = {
	    .index = index,
	    .from = (uint8_t)from,
	    .to = v->rung,
	    .shadow = v->rung == RUNG_BLOCK ? v->shadow : s->observe_only || j->catch_is_on,
	    .lifted_by_time = lifted,
	    .time_ns = j->now_ns,
	};

	if (j->on_change != NULL)
		j->on_change(j->arg, &change);
}

static struct signal_input
make_input(const struct judge *j, const struct judge_state *s, const struct window *w)
{
	struct signal_input in = {
	    .window = w,
	    .ceilings = &s->ceilings,
	    .now_ns = j->now_ns,
	    .half_life_ns = j->rules.policy.decay_half_life_ns,
	    .tenant = pool_get(s->tenant_pool, s->tenant_mailing, j->now_ns),
	    .others = pool_get(j->everybody, s->others_mailing, j->now_ns),
	    .name_tenants = s->name_tenants,
	    .plan = s->plan,
	};

	return in;
}

/* Scores a server and moves it on the ladder; the window stands at now. */
static void
decide(struct judge *j, struct judge_state *s, unsigned index)
{
	struct signal_input in = make_input(j, s, &s->window);
	struct ladder *l = &s->ladder;
	double points[QUESTION__COUNT] = {0};
	unsigned from = l->verdict.rung;
	bool active = (double)s->window.sum[WINDOW_ATTEMPTS_5MIN] >
		      QUIET_SHARE * s->ceilings.span[TALLY_5MIN];
	bool shadow = s->observe_only;
	enum verdict_event event;

	s->decided_ns = j->now_ns;
	if (from == RUNG_CLEAR && signal_all_quiet(&in)) {
		j->awake[index] = false;
		return;
	}
	if (from != RUNG_BLOCK) /* whether a block ends is not a question of points */
		score_points(&in, &j->rules.ladder.bounds, points);
	if (from != RUNG_BLOCK && !shadow &&
	    fmax(points[0], points[1]) >= j->rules.ladder.bounds.rung[RUNG_BLOCK])
		shadow = catch_holds(j);
	event = verdict_step(l, &j->rules.ladder, s->name, j->now_ns, points, active,
	    s->counts.messages + s->counts.messages_estimated, shadow);
	j->awake[index] = l->verdict.rung != RUNG_CLEAR;
	if (event == VERDICT_SAME)
		return;
	if (event != VERDICT_EXTENDED)
		s->refused = 0;
	if (event == VERDICT_MOVED && l->verdict.rung == RUNG_BLOCK)
		window_note_block(&s->window);
	if (event == VERDICT_LIFTED)
		window_release(&s->window, j->now_ns, 0, 0);
	if (event == VERDICT_MOVED && l->verdict.rung == RUNG_BLOCK && !shadow)
		j->new_blocks.bucket[j->new_blocks_bucket % TALLY_BUCKETS] += 1;
	tell(j, s, index, from, event == VERDICT_LIFTED);
}

/* A block that stood in the shadow of observe mode or the catch is decided anew when the shadow is
 * gone. */
static void
leave_shadow(struct judge *j, struct judge_state *s, unsigned index)
{
	struct verdict *v = &s->ladder.verdict;

	if (v->rung != RUNG_BLOCK || !v->shadow || v->by_person || s->observe_only ||
	    j->catch_is_on)
		return;
	verdict_release(&s->ladder, j->now_ns);
	v->block_count -= v->block_count > 0;
	tell(j, s, index, RUNG_BLOCK, false);
}

/* A session to a server of ours, seen where there are no taps: it receives mail. */
static void
note_receiver(struct judge *j, const struct observation *o)
{
	struct window_context c = {
	    .steps = signal_steps, .half_life_ns = j->rules.policy.decay_half_life_ns};
	int index = find_receiver(j, o);
	struct judge_state *s = index >= 0 ? state_take(j, (unsigned)index) : NULL;
	struct observation received = *o;

	if (s == NULL)
		return;
	received.flags |= OBS_F_INBOUND;
	j->now_ns = o->time_ns;
	c.ceilings = &s->ceilings;
	count_facts(s, &received);
	window_observe(&s->window, &received, &c);
}

void
judge_observe(struct judge *j, const struct observation *o)
{
	struct window_context c = {
	    .steps = signal_steps, .half_life_ns = j->rules.policy.decay_half_life_ns};
	struct judge_state *s;
	unsigned index;
	bool changed;

	if (o->kind == OBS_HEALTH || o->time_ns <= 0 || o->time_ns > TIME_MAX_NS)
		return;
	note_receiver(j, o);
	s = find_owner(j, o, &index);
	if (s == NULL)
		return;
	j->now_ns = o->time_ns;
	c.ceilings = &s->ceilings;
	for (unsigned i = 0; i < s->grant_count; i++)
		if (grant_is_active(s->grants[i], o->time_ns))
			c.grants[c.grant_count++] = s->grants[i];
	c.blocked = s->ladder.verdict.rung == RUNG_BLOCK;
	c.relayed = judge_rules_is_relay(&j->rules, &o->server);
	count_facts(s, o);
	s->last_activity_ns = o->time_ns;
	if ((o->flags & OBS_F_INBOUND) == 0 && !c.blocked)
		judge_state_sample(s, o);
	changed = window_observe(&s->window, o, &c);
	pool_news(j, s, index);
	if (changed || c.blocked)
		decide(j, s, index);
}

/* Nothing new was seen: what fades by itself is looked at every ten seconds, and an end each time. */
static bool
tick_is_due(const struct judge_state *s, int64_t now_ns)
{
	const struct verdict *v = &s->ladder.verdict;
	int64_t age = now_ns - s->decided_ns;

	return age < 0 || age >= IDLE_STEP_NS ||
	       (v->until_ns != 0 && now_ns >= v->until_ns - CLOCK_MINUTE_NS);
}

void
judge_tick(struct judge *j, int64_t now_ns)
{
	if (now_ns <= 0 || now_ns > TIME_MAX_NS)
		return;
	j->now_ns = now_ns;
	for (unsigned i = 0; i < j->state_room; i++) {
		struct judge_state *s = j->awake[i] ? j->states[i] : NULL;

		if (s == NULL)
			continue;
		if (s->ladder.verdict.rung == RUNG_CLEAR) {
			j->awake[i] = false;
			continue;
		}
		leave_shadow(j, s, i);
		if (!tick_is_due(s, now_ns))
			continue;
		window_turn(&s->window, now_ns);
		decide(j, s, i);
	}
}

uint64_t
judge_get_refused(const struct judge *j, unsigned index)
{
	const struct judge_state *s = state_get(j, index);

	return s != NULL ? s->refused : 0;
}

void
judge_refused(struct judge *j, unsigned index, int64_t now_ns, uint64_t packets, bool blind)
{
	struct judge_state *s = state_get(j, index);
	uint32_t now_s = (uint32_t)(now_ns / CLOCK_SECOND_NS);

	if (s == NULL || s->ladder.verdict.rung != RUNG_BLOCK)
		return;
	if (packets > UINT32_MAX)
		packets = UINT32_MAX;
	if (blind && s->refused_s != 0 && now_s > s->refused_s && packets > s->refused &&
	    packets - s->refused > (uint64_t)(now_s - s->refused_s) * REFUSED_PER_SECOND)
		s->ladder.activity_ns = now_ns;
	s->refused = (uint32_t)packets;
	s->refused_s = now_s;
}

/* --- people --- */

static struct judge_state *
take_or_err(struct judge *j, unsigned index, struct err *e)
{
	struct judge_state *s = state_take(j, index);

	if (s == NULL)
		err_set(e, index >= inventory_count(j->inventory) ? -ENOENT : -ENOMEM,
		    "no state for server number %u: the inventory has %u", index,
		    inventory_count(j->inventory));
	return s;
}

int
judge_block(
    struct judge *j, unsigned index, int64_t now_ns, int64_t for_ns, bool pin, struct err *e)
{
	struct judge_state *s = take_or_err(j, index, e);

	if (s == NULL)
		return index >= inventory_count(j->inventory) ? -ENOENT : -ENOMEM;
	j->now_ns = now_ns;
	s->refused = 0;
	j->awake[index] = true;
	verdict_block(&s->ladder, &j->rules.ladder, s->name, now_ns, for_ns, pin,
	    s->counts.messages + s->counts.messages_estimated, s->observe_only);
	return 0;
}

int
judge_release(struct judge *j, unsigned index, int64_t now_ns, struct err *e)
{
	struct judge_state *s = take_or_err(j, index, e);

	if (s == NULL)
		return index >= inventory_count(j->inventory) ? -ENOENT : -ENOMEM;
	j->now_ns = now_ns;
	verdict_release(&s->ladder, now_ns);
	window_drain(&s->window, now_ns, s->ceilings.span[TALLY_DAY], DRAIN_NS);
	window_turn(&s->window, now_ns);
	window_release(&s->window, now_ns, s->ceilings.span[TALLY_HOUR], BACKLOG_NS);
	return 0;
}

/* --- looking --- */

static void
fill_rates(struct judge_view *out, const struct window *w)
{
	double estimated = (double)w->sum[WINDOW_ESTIMATED_HOUR];

	out->recipients_5min = (double)(w->sum[WINDOW_OPEN_5MIN] + w->sum[WINDOW_GRANTED_5MIN]);
	out->recipients_hour = (double)(w->sum[WINDOW_OPEN_HOUR] + w->sum[WINDOW_GRANTED_HOUR]);
	out->recipients_day = (double)(w->sum[WINDOW_OPEN_DAY] + w->sum[WINDOW_GRANTED_DAY]);
	out->granted_day = (double)w->sum[WINDOW_GRANTED_DAY];
	out->beyond_hour = (double)w->sum[WINDOW_BEYOND_HOUR];
	if (estimated > 0)
		out->estimated_share = fmin(1, estimated / fmax(estimated, out->recipients_hour));
}

const struct verdict *
judge_verdict(const struct judge *j, unsigned index)
{
	const struct judge_state *s = state_get(j, index);

	return s != NULL ? &s->ladder.verdict : NULL;
}

int
judge_get(const struct judge *j, unsigned index, struct judge_view *out)
{
	const struct judge_state *s = state_get(j, index);
	struct window now;
	struct signal_input in;

	if (index >= inventory_count(j->inventory))
		return -ENOENT;
	memset(out, 0, sizeof(*out));
	out->server = inventory_get(j->inventory, index);
	out->verdict.question = -1;
	if (s == NULL)
		return 0;
	now = s->window;
	window_turn(&now, j->now_ns);
	in = make_input(j, s, &now);
	for (unsigned q = 0; q < QUESTION__COUNT; q++)
		score_explain(&in, &j->rules.ladder.bounds, q, &out->score[q]);
	out->counts = s->counts;
	out->counts.distinct_destinations = tally_distinct_count(&s->destinations);
	out->counts.distinct_recipient_domains = tally_distinct_count(&s->domains);
	out->verdict = s->ladder.verdict;
	fill_rates(out, &now);
	out->sample_count = judge_state_get_samples(s, out->samples);
	out->outgoing = s->outgoing;
	out->last_activity_ns = s->last_activity_ns;
	if (s->ladder.verdict.rung == RUNG_BLOCK) {
		out->refused_packets = s->refused;
		out->tries_5min = (uint32_t)now.sum[WINDOW_ATTEMPTS_5MIN];
		out->last_try_ns = s->ladder.activity_ns;
	}
	for (unsigned i = 0; i < s->grant_count && out->grant_id == 0; i++)
		if (grant_is_active(s->grants[i], j->now_ns))
			out->grant_id = s->grants[i]->id;
	return 0;
}

uint64_t
judge_unattributed(const struct judge *j)
{
	return j->unattributed;
}

bool
judge_catch_is_on(const struct judge *j)
{
	return j->catch_is_on;
}

void
judge_catch_reset(struct judge *j)
{
	j->catch_is_on = false;
	memset(&j->new_blocks, 0, sizeof(j->new_blocks));
}

size_t
judge_memory_per_server(void)
{
	return sizeof(struct judge_state);
}

long
judge_save(const struct judge *j, unsigned index, uint8_t *out, size_t size)
{
	const struct judge_state *s = state_get(j, index);
	struct judge_state unseen;

	if (index >= inventory_count(j->inventory))
		return -ENOENT;
	if (s == NULL) {
		init_state(&unseen, inventory_get(j->inventory, index));
		s = &unseen;
	}
	return judge_state_encode(s, out, size);
}

int
judge_restore(struct judge *j, unsigned index, const uint8_t *data, size_t size)
{
	struct judge_state *s = state_take(j, index);

	if (s == NULL)
		return -ENOENT;
	j->awake[index] = true; /* the next tick sees whether it need be */
	return judge_state_decode(s, data, size);
}
