/* SPDX-License-Identifier: ISC */
/* One server's state as bytes, and its sample sessions.  bulkhead-guard, replay. */
#include "policy/judge_state.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"

#define LINE_BYTES 64

static void
prefetch(const void *from, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += LINE_BYTES)
		__builtin_prefetch((const char *)from + at, 1);
}

void
judge_state_prefetch(const struct judge_state *s, const struct observation *o)
{
	const struct window *w = &s->window;

	prefetch(w, offsetof(struct window, peer));
	prefetch(&s->ladder, sizeof(s->ladder) + sizeof(s->counts));
	prefetch(&s->last_activity_ns, sizeof(*s) - offsetof(struct judge_state, last_activity_ns));
	prefetch(w->campaign, sizeof(w->campaign));
	window_prefetch(w, o);
	if (o->kind == OBS_RECIPIENT)
		tally_distinct_prefetch(&s->domains, tally_key(1, o->u.recipient.domain_hash));
	else if (o->kind == OBS_SESSION_START)
		tally_distinct_prefetch(&s->destinations, tally_hash_addr(&o->server));
}

/* --- samples --- */

/* Keeps the right end of a domain: the organisation. */
static void
copy_tail(char *out, size_t size, const char *text)
{
	size_t length = strlen(text);

	if (length >= size)
		text += length - size + 1;
	memcpy(out, text, length < size ? length + 1 : size);
}

static void
copy_head(char *out, size_t size, const char *text)
{
	size_t length = strnlen(text, size - 1);

	while (length > 0 && text[length] != '\0' && ((unsigned char)text[length] & 0xc0) == 0x80)
		length--; /* never half of a UTF-8 character */
	memcpy(out, text, length);
	out[length] = '\0';
}

static const struct obs_reply *
observation_reply(const struct observation *o)
{
	switch (o->kind) {
	case OBS_GREETING:
		return &o->u.greeting.reply;
	case OBS_RECIPIENT:
		return &o->u.recipient.reply;
	case OBS_MESSAGE:
		return &o->u.message.reply;
	default:
		return NULL;
	}
}

static struct judge_sample *
sample_slot(struct judge_state *s, const struct observation *o, unsigned remote)
{
	struct judge_sample *k;

	for (unsigned i = 0; i < JUDGE_SAMPLES_KEPT; i++) {
		k = &s->samples[i];
		if (k->time_ns != 0 && k->remote == remote &&
		    (k->session == o->session || addr_equal(&k->destination, &o->server)))
			return k;
	}
	k = &s->samples[s->sample_next++ % JUDGE_SAMPLES_KEPT];
	memset(k, 0, sizeof(*k));
	return k;
}

void
judge_state_sample(struct judge_state *s, const struct observation *o)
{
	const struct obs_reply *reply = observation_reply(o);
	struct judge_sample *k;

	if (o->kind == OBS_SESSION_END) {
		for (unsigned i = 0; i < JUDGE_SAMPLES_KEPT; i++)
			if (s->samples[i].session == o->session && s->samples[i].time_ns != 0)
				copy_tail(
				    s->samples[i].helo, sizeof(s->samples[i].helo), o->u.end.helo);
		return;
	}
	if (reply == NULL && o->kind != OBS_ESTIMATE)
		return;
	k = sample_slot(s, o, reply != NULL ? reply->remote : OBS_REMOTE_NONE);
	k->time_ns = o->time_ns;
	k->session = o->session;
	k->destination = o->server;
	k->port = o->server_port;
	k->visibility = o->visibility;
	if (o->kind == OBS_RECIPIENT) {
		copy_tail(k->recipient_domain, sizeof(k->recipient_domain), o->u.recipient.domain);
		copy_tail(k->sender_domain, sizeof(k->sender_domain), o->u.recipient.sender_domain);
	}
	if (reply == NULL)
		return;
	k->code = reply->code;
	k->remote = reply->remote;
	memcpy(k->enhanced, reply->enhanced, sizeof(k->enhanced));
	copy_head(k->text, sizeof(k->text), reply->text);
}

static int
compare_samples(const void *a, const void *b)
{
	int64_t x = ((const struct sample *)a)->time_ns, y = ((const struct sample *)b)->time_ns;

	return x < y ? -1 : x > y;
}

unsigned
judge_state_get_samples(const struct judge_state *s, struct sample out[JUDGE_SAMPLES_MAX])
{
	unsigned count = 0;

	for (unsigned i = 0; i < JUDGE_SAMPLES_KEPT; i++) {
		const struct judge_sample *k = &s->samples[i];
		struct sample *to = &out[count];

		if (k->time_ns == 0)
			continue;
		count++;
		memset(to, 0, sizeof(*to));
		to->time_ns = k->time_ns;
		to->destination = k->destination;
		to->port = k->port;
		to->visibility = k->visibility;
		memcpy(to->helo, k->helo, sizeof(k->helo));
		memcpy(to->recipient_domain, k->recipient_domain, sizeof(k->recipient_domain));
		memcpy(to->sender_domain, k->sender_domain, sizeof(k->sender_domain));
		to->reply.code = k->code;
		to->reply.remote = k->remote;
		memcpy(to->reply.enhanced, k->enhanced, sizeof(k->enhanced));
		memcpy(to->reply.text, k->text, sizeof(k->text));
	}
	qsort(out, count, sizeof(*out), compare_samples);
	return count;
}

/* --- encoding --- */

static void
put_float(struct wire_writer *w, float v)
{
	uint32_t bits;

	memcpy(&bits, &v, sizeof(bits));
	wire_put_u32(w, bits);
}

/* Counts are finite and not negative; anything else is a damaged blob. */
static float
get_float(struct wire_reader *r)
{
	uint32_t bits = wire_get_u32(r);
	float v;

	memcpy(&v, &bits, sizeof(v));
	if (!isfinite(v) || v < 0) {
		r->failed = true;
		return 0;
	}
	return v;
}

static void
put_time(struct wire_writer *w, int64_t v)
{
	wire_put_u64(w, (uint64_t)v);
}

static int64_t
get_time(struct wire_reader *r)
{
	int64_t v = (int64_t)wire_get_u64(r);

	if (v < 0)
		r->failed = true;
	return r->failed ? 0 : v;
}

static uint8_t
get_below(struct wire_reader *r, unsigned limit)
{
	uint8_t v = wire_get_u8(r);

	if (v >= limit)
		r->failed = true;
	return r->failed ? 0 : v;
}

static void
put_ring(struct wire_writer *w, const struct tally_ring *ring)
{
	for (unsigned i = 0; i < TALLY_BUCKETS; i++)
		put_float(w, ring->bucket[i]);
}

static float
get_ring(struct wire_reader *r, struct tally_ring *ring)
{
	float sum = 0;

	for (unsigned i = 0; i < TALLY_BUCKETS; i++)
		sum += ring->bucket[i] = get_float(r);
	return sum;
}

/* Tables are mostly empty: (place, value) pairs after their number. */
static void
put_sparse(struct wire_writer *w, const uint32_t *slot, unsigned slots)
{
	unsigned used = 0;

	for (unsigned i = 0; i < slots; i++)
		used += slot[i] != 0;
	wire_put_u16(w, (uint16_t)used);
	for (unsigned i = 0; i < slots; i++) {
		if (slot[i] == 0)
			continue;
		wire_put_u16(w, (uint16_t)i);
		wire_put_u32(w, slot[i]);
	}
}

static uint16_t
get_sparse(struct wire_reader *r, uint32_t *slot, unsigned slots)
{
	uint16_t pairs = wire_get_u16(r), used = 0;

	for (unsigned i = 0; i < pairs && !r->failed; i++) {
		uint16_t place = wire_get_u16(r);
		uint32_t value = wire_get_u32(r);

		if (place >= slots || value == 0 || slot[place] != 0) {
			r->failed = true;
			break;
		}
		slot[place] = value;
		used++;
	}
	return used;
}

/* A float that may not be negative; estimates are taken back, so a hair below zero happens. */
static void
put_count(struct wire_writer *w, float v)
{
	put_float(w, v > 0 ? v : 0);
}

/* Bursts, destinations through TLS, and what may drain. */
static void
put_habits(struct wire_writer *w, const struct window *win)
{
	const struct window_campaign *like = &win->drain.like;

	put_count(w, win->burst.sum);
	put_count(w, win->burst.square);
	put_time(w, win->burst.time_ns);
	for (unsigned i = 0; i < WINDOW_PEERS; i++) {
		wire_put_u64(w, win->peer[i].key);
		put_count(w, win->peer[i].mails);
		wire_put_u64(w, win->peer[i].lengths);
		wire_put_u8(w, win->peer[i].house);
		put_time(w, win->peer[i].time_ns);
	}
	wire_put_u8(w, like->kind);
	wire_put_u64(w, like->fingerprint);
	wire_put_u64(w, like->subject);
	put_count(w, like->size);
	put_count(w, win->drain.left);
	put_time(w, win->drain.until_ns);
}

static void
get_habits(struct wire_reader *r, struct window *win)
{
	struct window_campaign *like = &win->drain.like;

	win->burst.sum = get_float(r);
	win->burst.square = get_float(r);
	win->burst.time_ns = get_time(r);
	for (unsigned i = 0; i < WINDOW_PEERS; i++) {
		win->peer[i].key = wire_get_u64(r);
		win->peer[i].mails = get_float(r);
		win->peer[i].lengths = wire_get_u64(r);
		win->peer[i].house = get_below(r, WINDOW_HOUSE_SHARED + 1);
		win->peer[i].time_ns = get_time(r);
	}
	like->kind = get_below(r, WINDOW_CAMPAIGN_SIZE + 1);
	like->fingerprint = wire_get_u64(r);
	like->subject = wire_get_u64(r);
	like->size = get_float(r);
	win->drain.left = get_float(r);
	win->drain.until_ns = get_time(r);
}

static void
put_window(struct wire_writer *w, const struct window *win)
{
	for (unsigned i = 0; i < TALLY_SPAN__COUNT; i++)
		put_time(w, win->clock[i].bucket);
	for (unsigned i = 0; i < WINDOW_RING__COUNT; i++)
		put_ring(w, &win->ring[i]);
	for (unsigned i = 0; i < WINDOW_TEST__COUNT; i++) {
		const struct window_trials *t = &win->trials[i];

		put_float(w, t->points);
		put_float(w, t->bad);
		put_float(w, t->good);
		wire_put_u8(w, t->estimated);
		put_time(w, t->since_ns);
		put_time(w, t->time_ns);
	}
	put_float(w, win->allowance > 0 ? win->allowance : 0);
	put_time(w, win->allowance_until_ns);
	put_time(w, win->flush_given_ns);
	put_time(w, win->first_ns);
	put_time(w, win->last_delivery_ns);
	put_time(w, win->outage_since_ns);
	put_float(w, win->outage_destinations);
	for (unsigned i = 0; i < WINDOW_CAMPAIGNS; i++) {
		const struct window_campaign *k = &win->campaign[i];

		wire_put_u8(w, k->kind);
		wire_put_u8(w, k->declared);
		wire_put_u8(w, k->unsubscribable);
		wire_put_u64(w, k->fingerprint);
		wire_put_u64(w, k->subject);
		put_float(w, k->size);
		put_ring(w, &win->campaign_hour[i]);
	}
	put_sparse(w, &win->seen.entry[0][0], TALLY_SEEN_SETS * TALLY_SEEN_WAYS);
	put_habits(w, win);
}

/* Sessions are not kept: after a restart of the sensor their numbers mean others. */
static void
get_window(struct wire_reader *r, struct window *win)
{
	for (unsigned i = 0; i < TALLY_SPAN__COUNT; i++)
		win->clock[i].bucket = get_time(r);
	for (unsigned i = 0; i < WINDOW_RING__COUNT; i++)
		win->sum[i] = get_ring(r, &win->ring[i]);
	for (unsigned i = 0; i < WINDOW_TEST__COUNT; i++) {
		struct window_trials *t = &win->trials[i];

		t->points = get_float(r);
		t->bad = get_float(r);
		t->good = get_float(r);
		t->estimated = get_below(r, 2) != 0;
		t->since_ns = get_time(r);
		t->time_ns = get_time(r);
	}
	win->allowance = get_float(r);
	win->allowance_until_ns = get_time(r);
	win->flush_given_ns = get_time(r);
	win->first_ns = get_time(r);
	win->last_delivery_ns = get_time(r);
	win->outage_since_ns = get_time(r);
	win->outage_destinations = get_float(r);
	for (unsigned i = 0; i < WINDOW_CAMPAIGNS; i++) {
		struct window_campaign *k = &win->campaign[i];

		k->kind = get_below(r, WINDOW_CAMPAIGN_SIZE + 1);
		k->declared = get_below(r, 2) != 0;
		k->unsubscribable = get_below(r, 2) != 0;
		k->fingerprint = wire_get_u64(r);
		k->subject = wire_get_u64(r);
		k->size = get_float(r);
		k->sum = get_ring(r, &win->campaign_hour[i]);
	}
	get_sparse(r, &win->seen.entry[0][0], TALLY_SEEN_SETS * TALLY_SEEN_WAYS);
	get_habits(r, win);
}

static void
put_ladder(struct wire_writer *w, const struct ladder *l)
{
	const struct verdict *v = &l->verdict;

	wire_put_u8(w, v->rung);
	wire_put_u8(w, (uint8_t)(v->question + 1));
	put_time(w, v->since_ns);
	put_time(w, v->until_ns);
	put_time(w, v->blocked_at_ns);
	wire_put_u64(w, v->messages_before_block);
	wire_put_u32(w, v->block_count);
	wire_put_text(w, v->case_id);
	wire_put_u8(w, v->pinned);
	wire_put_u8(w, v->by_person);
	wire_put_u8(w, v->shadow);
	put_time(w, l->held_ns);
	put_time(w, l->activity_ns);
	wire_put_u8(w, l->span_is_fixed);
}

static void
get_ladder(struct wire_reader *r, struct ladder *l)
{
	struct verdict *v = &l->verdict;

	v->rung = get_below(r, RUNG__COUNT);
	v->question = get_below(r, QUESTION__COUNT + 1) - 1;
	v->since_ns = get_time(r);
	v->until_ns = get_time(r);
	v->blocked_at_ns = get_time(r);
	v->messages_before_block = wire_get_u64(r);
	v->block_count = wire_get_u32(r);
	wire_get_text(r, v->case_id, sizeof(v->case_id));
	v->pinned = get_below(r, 2) != 0;
	v->by_person = get_below(r, 2) != 0;
	v->shadow = get_below(r, 2) != 0;
	l->held_ns = get_time(r);
	l->activity_ns = get_time(r);
	l->span_is_fixed = get_below(r, 2) != 0;
}

static uint64_t *
count_field(struct judge_counts *c, unsigned i)
{
	uint64_t *const fields[] = {&c->sessions, &c->sessions_tls, &c->connects_failed,
	    &c->messages, &c->messages_estimated, &c->recipients_accepted, &c->recipients_rejected,
	    &c->recipients_deferred, &c->inbound_sessions, &c->spoofed};

	return i < sizeof(fields) / sizeof(fields[0]) ? fields[i] : NULL;
}

static void
put_sample(struct wire_writer *w, const struct judge_sample *k)
{
	put_time(w, k->time_ns);
	wire_put_bytes(w, k->destination.bytes, sizeof(k->destination.bytes));
	wire_put_u16(w, k->port);
	wire_put_u16(w, k->code);
	wire_put_u8(w, k->visibility);
	wire_put_u8(w, k->remote);
	wire_put_bytes(w, k->enhanced, sizeof(k->enhanced));
	wire_put_text(w, k->helo);
	wire_put_text(w, k->recipient_domain);
	wire_put_text(w, k->sender_domain);
	wire_put_text(w, k->text);
}

static void
get_sample(struct wire_reader *r, struct judge_sample *k)
{
	k->time_ns = get_time(r);
	wire_get_bytes(r, k->destination.bytes, sizeof(k->destination.bytes));
	k->port = wire_get_u16(r);
	k->code = wire_get_u16(r);
	k->visibility = get_below(r, OBS_VISIBILITY__COUNT);
	k->remote = get_below(r, OBS_REMOTE__COUNT);
	wire_get_bytes(r, k->enhanced, sizeof(k->enhanced));
	wire_get_text(r, k->helo, sizeof(k->helo));
	wire_get_text(r, k->recipient_domain, sizeof(k->recipient_domain));
	wire_get_text(r, k->sender_domain, sizeof(k->sender_domain));
	wire_get_text(r, k->text, sizeof(k->text));
}

static void
put_distinct(struct wire_writer *w, const struct tally_distinct *d)
{
	wire_put_u8(w, d->level);
	put_sparse(w, d->slot, TALLY_DISTINCT_SLOTS);
}

static void
get_distinct(struct wire_reader *r, struct tally_distinct *d)
{
	d->level = get_below(r, 32);
	d->used = get_sparse(r, d->slot, TALLY_DISTINCT_SLOTS);
	if (d->used > TALLY_DISTINCT_EXACT)
		r->failed = true;
}

long
judge_state_encode(const struct judge_state *s, uint8_t *out, size_t size)
{
	struct judge_counts counts = s->counts;
	struct wire_writer w;
	uint64_t *field;

	wire_writer_init(&w, out, size);
	wire_put_u8(&w, JUDGE_STATE_VERSION);
	wire_put_text(&w, s->name);
	put_ladder(&w, &s->ladder);
	for (unsigned i = 0; (field = count_field(&counts, i)) != NULL; i++)
		wire_put_u64(&w, *field);
	put_time(&w, s->last_activity_ns);
	wire_put_u32(&w, s->sample_next);
	for (unsigned i = 0; i < JUDGE_SAMPLES_KEPT; i++)
		put_sample(&w, &s->samples[i]);
	put_distinct(&w, &s->destinations);
	put_distinct(&w, &s->domains);
	outgoing_put(&w, &s->outgoing);
	put_window(&w, &s->window);
	return wire_writer_finish(&w);
}

int
judge_state_decode(struct judge_state *s, const uint8_t *data, size_t size)
{
	struct judge_state *fresh;
	struct wire_reader r;
	uint64_t *field;
	int rc;

	wire_reader_init(&r, data, size);
	if (wire_get_u8(&r) != JUDGE_STATE_VERSION)
		return -EPROTO;
	fresh = malloc(sizeof(*fresh));
	if (fresh == NULL)
		return -ENOMEM;
	*fresh = *s;
	memset(fresh, 0, offsetof(struct judge_state, ceilings));
	wire_get_text(&r, fresh->name, sizeof(fresh->name));
	get_ladder(&r, &fresh->ladder);
	for (unsigned i = 0; (field = count_field(&fresh->counts, i)) != NULL; i++)
		*field = wire_get_u64(&r);
	fresh->last_activity_ns = get_time(&r);
	fresh->sample_next = wire_get_u32(&r);
	for (unsigned i = 0; i < JUDGE_SAMPLES_KEPT; i++)
		get_sample(&r, &fresh->samples[i]);
	get_distinct(&r, &fresh->destinations);
	get_distinct(&r, &fresh->domains);
	outgoing_get(&r, &fresh->outgoing);
	get_window(&r, &fresh->window);
	rc = wire_reader_finish(&r);
	if (rc == 0 && strcmp(fresh->name, s->name) != 0)
		rc = -EBADMSG; /* another server's state */
	if (rc == 0)
		*s = *fresh;
	free(fresh);
	return rc;
}
