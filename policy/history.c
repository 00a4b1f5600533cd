/* SPDX-License-Identifier: ISC */
/* Observations to segments; see history.h.  bulkhead-guard (judge process). */
#include "policy/history.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policy/tally.h"

#define FOLDS_MAX   512 /* kinds of busy servers that are added up at once */
#define KNOWN_MAX   256
#define SKETCH_BITS 1024
#define ROUNDS	    8 /* in which a minute's sums leave */
#define MAILINGS    3 /* of one server and minute, told apart; campaigns are told as in window.c */
#define ALIKE_BITS  6
#define ALIKE_SIZE  0.03

struct load { /* of one server */
	uint32_t minute;
	uint16_t facts;
};

struct fold {	      /* observations of one kind of one server, added up */
	uint64_t key; /* 0 = empty */
	uint32_t count;
	/* Whom or where: exact as far as that goes, then linear counting (Whang 1990). */
	uint32_t known[KNOWN_MAX], known_count;
	uint8_t sketch[SKETCH_BITS / 8];
	int64_t messages, recipients, rejected; /* of estimates */
	struct history_entry entry;		/* the newest */
};

struct history {
	bool (*emit)(void *arg, const uint8_t *segment, size_t size);
	void *arg;
	struct history_pack *pack;
	struct load *loads; /* by index of the server */
	unsigned load_room;
	unsigned facts_max;
	uint32_t minute;
	int64_t newest_ns;
	struct fold *folds; /* FOLDS_MAX */
	unsigned fold_count;
	struct history_counts counts;
};

int
history_new(
    struct history **out, bool (*emit)(void *arg, const uint8_t *segment, size_t size), void *arg)
{
	struct history *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return -ENOMEM;
	h->emit = emit;
	h->arg = arg;
	h->facts_max = HISTORY_FACTS_MAX;
	h->folds = calloc(FOLDS_MAX, sizeof(*h->folds));
	if (h->folds == NULL || history_pack_new(&h->pack) < 0) {
		history_free(h);
		return -ENOMEM;
	}
	*out = h;
	return 0;
}

void
history_free(struct history *h)
{
	if (h == NULL)
		return;
	history_pack_free(h->pack);
	free(h->folds);
	free(h->loads);
	free(h);
}

void
history_set_facts(struct history *h, unsigned facts_per_minute)
{
	h->facts_max = facts_per_minute;
}

struct history_counts
history_get_counts(const struct history *h)
{
	return h->counts;
}

void
history_refresh(struct history *h)
{
	history_pack_refresh(h->pack);
}

/* --- segments --- */

static void
send_segment(struct history *h)
{
	size_t size = 0;
	const uint8_t *segment = history_pack_finish(h->pack, &size);

	if (segment == NULL)
		return;
	if (h->emit(h->arg, segment, size)) {
		h->counts.segments++;
		h->counts.bytes += size;
	} else {
		h->counts.refused++;
		history_pack_refresh(h->pack);
	}
}

static void
pack(struct history *h, const struct history_entry *entry)
{
	if (history_pack_add(h->pack, entry) == -ENOBUFS) {
		send_segment(h);
		history_pack_add(h->pack, entry);
	}
	if (entry->obs.time_ns > h->newest_ns)
		h->newest_ns = entry->obs.time_ns;
}

/* --- adding up --- */

/* Whom or where: what the judge tells apart. */
static uint64_t
subject_of(const struct observation *o)
{
	switch (o->kind) {
	case OBS_RECIPIENT:
		return o->u.recipient.hash;
	case OBS_MX_QUERY:
		return o->u.mx_query.name_hash;
	default:
		return tally_hash_addr(&o->server);
	}
}

/* What must not be mixed within a kind. */
static uint32_t
class_of(const struct observation *o)
{
	const struct obs_counts *n = &o->u.end.counts;
	uint32_t class = (uint32_t)(o->flags & OBS_F_INBOUND) | (o->server_port == 25 ? 2U : 0U) |
			 (uint32_t)o->visibility << 2;

	switch (o->kind) {
	case OBS_RECIPIENT:
		return class | (uint32_t)o->u.recipient.reply_class << 4 |
		       (uint32_t)o->u.recipient.reply.remote << 6;
	case OBS_MESSAGE:
		return class | (uint32_t)(o->u.message.reply.code / 100) << 4 |
		       (uint32_t)o->u.message.reply.remote << 7;
	case OBS_SESSION_END:
		return class | (n->messages > 0 ? 16U : 0U) |
		       (n->messages_estimated > 0 ? 32U : 0U) |
		       (n->recipients_rejected > 0 ? 64U : 0U);
	case OBS_CONNECT_FAILED:
		return class | (uint32_t)o->u.connect_failed.how << 4;
	case OBS_GREETING:
		return class | (uint32_t)o->u.greeting.reply.remote << 4;
	default:
		return class;
	}
}

static void
note_subject(struct fold *f, const struct observation *o)
{
	uint64_t key = tally_key(0, subject_of(o));
	uint32_t i = 0;

	f->sketch[key % SKETCH_BITS / 8] |= (uint8_t)(1U << key % 8);
	while (i < f->known_count && f->known[i] != (uint32_t)(key >> 32))
		i++;
	if (i == f->known_count && i < KNOWN_MAX)
		f->known[f->known_count++] = (uint32_t)(key >> 32);
}

static uint32_t
different(const struct fold *f)
{
	unsigned set = 0;
	double n;

	for (unsigned i = 0; i < sizeof(f->sketch); i++)
		set += (unsigned)__builtin_popcount(f->sketch[i]);
	if (f->known_count < KNOWN_MAX)
		return f->known_count;
	if (set >= SKETCH_BITS)
		return f->count;
	n = -SKETCH_BITS * log1p(-(double)set / SKETCH_BITS);
	return n < 1 ? 1 : n > f->count ? f->count : (uint32_t)lround(n);
}

static uint32_t
part_before(uint32_t n, unsigned round)
{
	return (uint32_t)((uint64_t)n * round / ROUNDS);
}

static int32_t
share(int64_t n, unsigned round)
{
	int64_t part = n * (round + 1) / ROUNDS - n * round / ROUNDS;

	return (int32_t)(part > INT32_MAX ? INT32_MAX : part < INT32_MIN ? INT32_MIN : part);
}

/* The part of a fold that leaves in this round; people and places of each round are others. */
static void
emit_part(struct history *h, const struct fold *f, unsigned round)
{
	struct history_entry entry = f->entry;
	uint32_t before = part_before(f->count, round), after = part_before(f->count, round + 1);
	uint32_t others = different(f);

	if (after == before)
		return;
	entry.copies = after - before;
	entry.distinct = part_before(others, round + 1) - part_before(others, round);
	if (entry.distinct == 0)
		entry.distinct = 1;
	else if (entry.distinct > entry.copies)
		entry.distinct = entry.copies;
	if (entry.obs.kind == OBS_RECIPIENT && others > 1)
		entry.obs.u.recipient.hash = tally_key(round, entry.obs.u.recipient.hash);
	if (entry.obs.kind == OBS_ESTIMATE) {
		entry.obs.u.estimate.messages = share(f->messages, round);
		entry.obs.u.estimate.recipients = share(f->recipients, round);
		entry.obs.u.estimate.recipients_rejected = share(f->rejected, round);
	}
	/* Not before what was kept of the same minute one by one: time does not run backwards. */
	entry.obs.time_ns = h->newest_ns;
	pack(h, &entry);
}

/* In rounds, each in the order of a session: so that what came mixed, as the existing and the
 * unknown recipients of a list, does not leave in blocks that no test would have met. */
static void
emit_folds(struct history *h)
{
	for (unsigned round = 0; round < ROUNDS && h->fold_count > 0; round++)
		for (unsigned kind = 0; kind < OBS__COUNT; kind++)
			for (unsigned i = 0; i < FOLDS_MAX; i++)
				if (h->folds[i].key != 0 && h->folds[i].entry.obs.kind == kind)
					emit_part(h, &h->folds[i], round);
	if (h->fold_count > 0)
		memset(h->folds, 0, FOLDS_MAX * sizeof(*h->folds));
	h->fold_count = 0;
}

/* True when both belong to one mailing, or to none. */
static bool
is_alike(const struct observation *a, const struct observation *b)
{
	if (a->kind == OBS_MESSAGE)
		return (a->u.message.subject_hash != 0 &&
			   a->u.message.subject_hash == b->u.message.subject_hash) ||
		       __builtin_popcountll(a->u.message.fingerprint ^ b->u.message.fingerprint) <=
			   ALIKE_BITS;
	if (a->kind == OBS_ESTIMATE) {
		double x = a->u.estimate.typical_bytes, y = b->u.estimate.typical_bytes;

		return fabs(x - y) <= ALIKE_SIZE * fmax(x, y);
	}
	return true;
}

/* The place of a key: its fold, or an empty one. */
static struct fold *
find_fold(struct history *h, uint64_t key)
{
	size_t at = key % FOLDS_MAX;

	while (h->folds[at].key != 0 && h->folds[at].key != key)
		at = (at + 1) % FOLDS_MAX;
	return &h->folds[at];
}

/* The fold that the entry belongs to.  Messages that are almost the same are one, for up to three
 * mailings at once; what is none of them is kept as of no mailing at all. */
static struct fold *
take_fold(struct history *h, unsigned index, struct history_entry *entry)
{
	struct observation *o = &entry->obs;
	uint64_t key = 0;
	struct fold *f = NULL;

	for (unsigned mailing = 0; mailing <= MAILINGS; mailing++) {
		key = tally_key(o->kind + (entry->blocked ? 16U : 0U) + 32 * mailing,
		    (uint64_t)index << 32 | class_of(o));
		key += key == 0;
		f = find_fold(h, key);
		if (f->key == 0 || is_alike(&f->entry.obs, o))
			break;
		if (mailing < MAILINGS)
			continue;
		if (o->kind == OBS_ESTIMATE)
			o->u.estimate.typical_bytes = 0;
		else
			o->u.message.fingerprint = o->u.message.subject_hash = 0;
	}
	if (f->key == 0) {
		memset(f, 0, sizeof(*f));
		f->key = key;
		h->fold_count++;
	}
	return f;
}

static void
fold(struct history *h, unsigned index, struct history_entry *entry)
{
	const struct observation *o = &entry->obs;
	struct fold *f = take_fold(h, index, entry);

	/* Envelopes of several lengths are of several people; which of them is which is lost. */
	if (o->kind == OBS_ESTIMATE && f->count > 0 &&
	    f->entry.obs.u.estimate.envelope_bytes != o->u.estimate.envelope_bytes)
		entry->obs.u.estimate.envelope_bytes = 0;
	f->entry = *entry;
	f->count++;
	note_subject(f, o);
	if (o->kind == OBS_ESTIMATE) {
		f->messages += o->u.estimate.messages;
		f->recipients += o->u.estimate.recipients;
		f->rejected += o->u.estimate.recipients_rejected;
	}
	h->counts.folded++;
	if (h->fold_count > FOLDS_MAX / 2 || f->count == HISTORY_COPIES_MAX)
		emit_folds(h);
}

/* --- noting --- */

static void
turn_minute(struct history *h, int64_t now_ns)
{
	uint32_t minute = (uint32_t)(now_ns / CLOCK_MINUTE_NS);

	if (minute == h->minute)
		return;
	history_flush(h);
	h->minute = minute;
	h->newest_ns = 0; /* a clock that was set back is believed with the next minute */
}

/* True when one more fact of this server fits into the minute. */
static bool
has_room(struct history *h, unsigned index, enum history_state state)
{
	unsigned most = state == HISTORY_WATCHED ? HISTORY_FACTS_WATCHED : h->facts_max;
	struct load *l;

	if (index >= h->load_room) {
		unsigned room = index + index / 2 + 64;
		struct load *grown = realloc(h->loads, room * sizeof(*grown));

		if (grown == NULL)
			return false;
		memset(grown + h->load_room, 0, (room - h->load_room) * sizeof(*grown));
		h->loads = grown;
		h->load_room = room;
	}
	l = &h->loads[index];
	if (l->minute != h->minute)
		*l = (struct load){.minute = h->minute};
	if (l->facts >= most)
		return false;
	l->facts++;
	return true;
}

void
history_note(struct history *h, unsigned index, const char *server, const struct observation *o,
    enum history_state state)
{
	struct history_entry entry = {
	    .blocked = state == HISTORY_CLOSED, .copies = 1, .distinct = 1, .obs = *o};
	size_t length = strnlen(server, sizeof(entry.server) - 1);

	if (o->kind == OBS_HEALTH || o->kind >= OBS__COUNT || o->time_ns <= 0)
		return;
	memcpy(entry.server, server, length);
	turn_minute(h, o->time_ns);
	/* An estimate that is taken back must meet the one that it corrects. */
	if (has_room(h, index, state) || (o->kind == OBS_ESTIMATE && o->u.estimate.messages < 0)) {
		h->counts.facts++;
		pack(h, &entry);
	} else {
		fold(h, index, &entry);
	}
}

void
history_mark(struct history *h, const char *server, enum history_mark mark, int64_t now_ns)
{
	struct history_entry entry = {
	    .mark = (uint8_t)mark, .copies = 1, .distinct = 1, .obs.time_ns = now_ns};
	size_t length = strnlen(server, sizeof(entry.server) - 1);

	memcpy(entry.server, server, length);
	emit_folds(h);
	pack(h, &entry);
}

void
history_turn(struct history *h, int64_t now_ns)
{
	turn_minute(h, now_ns);
}

void
history_flush(struct history *h)
{
	emit_folds(h);
	send_segment(h);
}
