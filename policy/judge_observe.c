/* SPDX-License-Identifier: ISC */
/* The judge: whose observation it is, and what it counts for.  bulkhead-guard, replay. */
#include "policy/judge_private.h"
#include "policy/window_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TENANT_CAMPAIGNS 4
#define WORLD_CAMPAIGNS	 128
/* A server's mailing is compared with other tenants' from so many recipients an hour on. */
#define OTHERS_MIN 5

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
 * Where the capture has no taps (a file, a watched uplink) one session tells of both its ends: it may
 * be one that a server of ours receives.  A server is not made for it.
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

static struct judge_memo *
memo_place(struct judge *j, uint64_t session)
{
	return &j->memo[tally_key(0, session) % JUDGE_MEMO_ROOM];
}

/* Sessions of several sensors may have one number: the rest must agree, too. */
static bool
memo_fits(const struct judge_memo *m, const struct observation *o, const struct addr *own)
{
	return m->session == o->session && o->session != 0 &&
	       memcmp(m->ifname, o->ifname, sizeof(m->ifname)) == 0 && addr_equal(&m->own, own) &&
	       memcmp(&m->mac, &o->mac, sizeof(m->mac)) == 0;
}

static struct judge_state *
find_owner(struct judge *j, const struct observation *o, unsigned *index)
{
	bool inbound = (o->flags & OBS_F_INBOUND) != 0;
	const struct addr *own = inbound ? &o->server : &o->client;
	struct judge_memo *memo = memo_place(j, o->session);
	struct inventory_owner owner;
	struct judge_state *s;

	if (!begins_session(o) && memo_fits(memo, o, own)) {
		*index = memo->index;
		return judge_find_state(j, memo->index);
	}
	owner = inventory_resolve(j->inventory, o->ifname, &o->mac, own);
	if (owner.index < 0 && j->open_inventory && !inbound && o->kind != OBS_MX_QUERY)
		owner.index = add_by_address(j, own);
	s = owner.index >= 0 ? judge_take_state(j, (unsigned)owner.index) : NULL;
	if (s == NULL) {
		j->unattributed += begins_session(o) && !is_received(j, o);
		return NULL;
	}
	s->counts.spoofed += owner.spoofed && begins_session(o);
	*index = (unsigned)owner.index;
	*memo =
	    (struct judge_memo){.session = o->session, .own = *own, .mac = o->mac, .index = *index};
	memcpy(memo->ifname, o->ifname, sizeof(memo->ifname));
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

/* A session to a server of ours, seen where there are no taps: it receives mail. */
static void
note_receiver(struct judge *j, const struct observation *o)
{
	struct window_context c = {
	    .steps = signal_steps, .half_life_ns = j->rules.policy.decay_half_life_ns};
	int index = find_receiver(j, o);
	struct judge_state *s = index >= 0 ? judge_take_state(j, (unsigned)index) : NULL;
	struct observation received;

	if (s == NULL)
		return;
	received = *o;
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

	if (o->kind == OBS_HEALTH || o->time_ns <= 0 || o->time_ns > JUDGE_TIME_MAX_NS)
		return;
	note_receiver(j, o);
	s = find_owner(j, o, &index);
	if (s == NULL)
		return;
	judge_state_prefetch(s, o);
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
		judge_decide(j, s, index, s->window.news.kind != WINDOW_CAMPAIGN_NONE);
}

int
judge_complain(struct judge *j, unsigned index, int64_t now_ns)
{
	struct judge_state *s = judge_take_state(j, index);

	if (s == NULL)
		return -ENOENT;
	j->now_ns = now_ns;
	window_turn(&s->window, now_ns);
	window_count(&s->window, WINDOW_COMPLAINTS_DAY, 1);
	s->last_activity_ns = now_ns;
	judge_decide(j, s, index, false);
	return 0;
}
