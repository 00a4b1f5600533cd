/* SPDX-License-Identifier: ISC */
/* History as bytes: writing; see history_pack.h.  bulkhead-guard, replay. */
#include "policy/history_pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "policy/history_private.h"
#include "policy/tally.h"

#define TABLE_SLOTS (2 * HISTORY_DICTIONARY_MAX) /* at most half full */

struct table_slot {
	uint64_t key; /* 0 = empty */
	uint32_t id;
};

struct session {		  /* what an entry need not say again */
	uint64_t session, server; /* as the sensor numbers them; hash of the name */
	bool used;
};

struct history_pack {
	uint64_t seed; /* of the table: the names in it are chosen by strangers */
	struct table_slot table[TABLE_SLOTS];
	uint32_t count; /* of the dictionary */
	struct session sessions[HISTORY_SLOTS];
	uint32_t number; /* of the segment */
	bool fresh;
	int64_t base_ns, tick; /* of the newest entry */
	size_t used;	       /* bytes of the payload */
	uint8_t segment[HISTORY_SEGMENT_MAX];
};

int
history_pack_new(struct history_pack **out)
{
	struct history_pack *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	hash_random(&p->seed, sizeof(p->seed));
	p->fresh = true;
	*out = p;
	return 0;
}

void
history_pack_free(struct history_pack *p)
{
	free(p);
}

static void
forget(struct history_pack *p)
{
	memset(p->table, 0, sizeof(p->table));
	memset(p->sessions, 0, sizeof(p->sessions));
	p->count = 0;
	p->fresh = true;
}

void
history_pack_refresh(struct history_pack *p)
{
	forget(p);
	p->used = 0;
}

/* --- writing one entry --- */

static void
put_varint(struct wire_writer *w, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		wire_put_u8(w, (uint8_t)(v | 0x80));
	wire_put_u8(w, (uint8_t)v);
}

static void
put_signed(struct wire_writer *w, int64_t v)
{
	put_varint(w, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

/* True when the key is in the dictionary already; *id is its number, or that of a new entry. */
static bool
look_up(struct history_pack *p, uint64_t key, uint32_t *id)
{
	size_t at = (key ^ key >> 29) % TABLE_SLOTS;

	key += key == 0;
	while (p->table[at].key != 0 && p->table[at].key != key)
		at = (at + 1) % TABLE_SLOTS;
	if (p->table[at].key == key) {
		*id = p->table[at].id;
		return true;
	}
	*id = p->count++;
	p->table[at] = (struct table_slot){key, *id};
	return false;
}

static void
put_text(struct history_pack *p, struct wire_writer *w, const char *text)
{
	uint32_t id;

	if (look_up(p, hash_table(p->seed, text, strlen(text)), &id)) {
		put_varint(w, id + UINT64_C(1));
		return;
	}
	wire_put_u8(w, 0);
	wire_put_text(w, text);
}

static void
put_addr(struct history_pack *p, struct wire_writer *w, const struct addr *a)
{
	bool is_v4 = addr_is_v4(a);
	uint32_t id;

	if (look_up(p, hash_table(~p->seed, a, sizeof(*a)), &id)) {
		put_varint(w, id + UINT64_C(1));
		return;
	}
	wire_put_u8(w, 0);
	wire_put_u8(w, is_v4 ? 4 : 16);
	wire_put_bytes(w, is_v4 ? a->bytes + 12 : a->bytes, is_v4 ? 4 : 16);
}

static void
put_recipient(struct history_pack *p, struct wire_writer *w, const struct observation *o)
{
	char hex[12];

	wire_put_u8(w, (uint8_t)(o->u.recipient.reply_class | o->u.recipient.reply.remote << 2));
	wire_put_u32(w, history_fold(o->u.recipient.hash));
	if (o->u.recipient.domain[0] == '\0' && o->u.recipient.domain_hash != 0)
		put_text(p, w, history_hex(hex, o->u.recipient.domain_hash));
	else
		put_text(p, w, o->u.recipient.domain);
	put_text(p, w, o->u.recipient.sender_domain);
}

static void
put_message(struct history_pack *p, struct wire_writer *w, const struct observation *o)
{
	unsigned code = o->u.message.reply.code;

	wire_put_u8(w, (uint8_t)((code >= 200 && code <= 299) | o->u.message.headers_seen << 1 |
				 o->u.message.reply.remote << 2));
	put_varint(w, o->u.message.recipients_accepted);
	put_text(p, w, o->u.message.sender_domain);
	if (!o->u.message.headers_seen)
		return;
	put_text(p, w, o->u.message.from_domain);
	put_varint(w, o->u.message.headers);
	wire_put_u32(w, history_fold(o->u.message.subject_hash));
	wire_put_u64(w, o->u.message.fingerprint);
}

static void
put_estimate(struct wire_writer *w, const struct observation *o)
{
	put_signed(w, o->u.estimate.messages);
	put_signed(w, o->u.estimate.recipients);
	put_signed(w, o->u.estimate.recipients_rejected);
	put_varint(w, o->u.estimate.typical_bytes);
	put_varint(w, o->u.estimate.envelope_bytes);
	put_varint(w, o->u.estimate.confidence);
}

static void
put_end(struct history_pack *p, struct wire_writer *w, const struct observation *o)
{
	const struct obs_counts *n = &o->u.end.counts;

	wire_put_u8(w, (uint8_t)(o->u.end.is_smtp | o->u.end.tls << 1 | o->u.end.end << 3));
	wire_put_u8(
	    w, (uint8_t)((n->messages > 0) | (n->messages_refused > 0) << 1 |
			 (n->recipients_rejected > 0) << 2 | (n->recipients_deferred > 0) << 3 |
			 (n->messages_estimated > 0) << 4 | (o->u.end.auth_failures > 0) << 5));
	put_varint(w, o->u.end.habits);
	put_text(p, w, o->u.end.helo);
	put_text(p, w, o->u.end.greeting_host);
}

static void
put_kind(struct history_pack *p, struct wire_writer *w, const struct observation *o)
{
	switch (o->kind) {
	case OBS_CONNECT_FAILED:
		wire_put_u8(w, o->u.connect_failed.how);
		break;
	case OBS_GREETING:
		wire_put_u8(w, o->u.greeting.reply.remote);
		break;
	case OBS_RECIPIENT:
		put_recipient(p, w, o);
		break;
	case OBS_MESSAGE:
		put_message(p, w, o);
		break;
	case OBS_ESTIMATE:
		put_estimate(w, o);
		break;
	case OBS_SESSION_END:
		put_end(p, w, o);
		break;
	case OBS_MX_QUERY:
		wire_put_u32(w, history_fold(o->u.mx_query.name_hash));
		break;
	default:
		break;
	}
}

/* The slot of the session; *open: the reader must be told whose it is. */
static uint8_t
take_slot(struct history_pack *p, const struct history_entry *entry, bool *open)
{
	uint64_t server = tally_hash_text(entry->server);
	uint64_t mixed = tally_key(HISTORY_TYPE_SLOT, entry->obs.session ^ server);
	uint8_t slot = (uint8_t)(mixed % HISTORY_SLOTS);
	struct session *s = &p->sessions[slot];

	*open = !s->used || s->session != entry->obs.session || s->server != server ||
		entry->obs.session == 0 || entry->obs.kind == OBS_SESSION_START;
	*s = (struct session){entry->obs.session, server, true};
	return slot;
}

static void
put_entry(struct history_pack *p, struct wire_writer *w, const struct history_entry *entry)
{
	const struct observation *o = &entry->obs;
	bool inbound = (o->flags & OBS_F_INBOUND) != 0, open, many = entry->copies > 1;
	int64_t tick = (o->time_ns - p->base_ns) / HISTORY_TICK_NS;
	uint8_t slot = take_slot(p, entry, &open);
	unsigned kind =
	    entry->mark != HISTORY_OBSERVATION ? HISTORY_KIND_MARK + entry->mark - 1U : o->kind;

	wire_put_u8(w, (uint8_t)(kind | (open ? HISTORY_OPEN : 0) | (many ? HISTORY_MANY : 0) |
				 (unsigned)o->visibility << 6));
	wire_put_u8(w,
	    (uint8_t)((o->flags & HISTORY_FLAGS) | (entry->blocked ? HISTORY_WHILE_BLOCKED : 0)));
	put_signed(w, tick - p->tick);
	wire_put_u8(w, slot);
	if (open) {
		put_text(p, w, entry->server);
		put_addr(p, w, inbound ? &o->client : &o->server);
		put_varint(w, o->server_port);
	}
	if (many) {
		put_varint(w, entry->copies);
		put_varint(w, entry->distinct);
	}
	if (entry->mark == HISTORY_OBSERVATION)
		put_kind(p, w, o);
	p->tick = tick;
}

int
history_pack_add(struct history_pack *p, const struct history_entry *entry)
{
	struct wire_writer w;
	long n;

	/* An entry has at most seven new texts. */
	if (p->used + HISTORY_ENTRY_MAX > HISTORY_PAYLOAD_MAX ||
	    p->count + 8 > HISTORY_DICTIONARY_MAX)
		return -ENOBUFS;
	if (p->used == 0) {
		p->base_ns = entry->obs.time_ns - entry->obs.time_ns % HISTORY_TICK_NS;
		p->tick = 0;
	}
	wire_writer_init(&w, p->segment + HISTORY_HEAD_BYTES + p->used, HISTORY_ENTRY_MAX);
	put_entry(p, &w, entry);
	n = wire_writer_finish(&w);
	if (n < 0)
		return (int)n;
	p->used += (size_t)n;
	return 0;
}

const uint8_t *
history_pack_finish(struct history_pack *p, size_t *size)
{
	struct wire_writer w;

	if (p->used == 0) {
		if (p->count + 8 > HISTORY_DICTIONARY_MAX)
			forget(p);
		return NULL;
	}
	wire_writer_init(&w, p->segment, HISTORY_HEAD_BYTES);
	wire_put_u32(&w, HISTORY_MAGIC);
	wire_put_u8(&w, HISTORY_VERSION);
	wire_put_u8(&w, p->fresh);
	wire_put_u16(&w, 0);
	wire_put_u32(&w, (uint32_t)p->used);
	wire_put_u32(&w, p->number++);
	wire_put_u64(&w, (uint64_t)p->base_ns);
	wire_put_u64(&w, history_checksum(p->segment, p->segment + HISTORY_HEAD_BYTES, p->used));
	*size = HISTORY_HEAD_BYTES + p->used;
	p->used = 0;
	p->fresh = false;
	if (p->count + 8 > HISTORY_DICTIONARY_MAX)
		forget(p);
	return p->segment;
}
