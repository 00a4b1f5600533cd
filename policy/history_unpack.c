/* SPDX-License-Identifier: ISC */
/* History as bytes: reading; see history_pack.h.  bulkhead-guard (history writer), replay. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "policy/history_private.h"
#include "policy/tally.h"

#define TEXT_BYTES OBS_DOMAIN_BYTES /* with terminator; server names are shorter */

struct word { /* of the dictionary */
	uint8_t type;
	struct addr addr;
	char *text; /* heap; NULL for an address */
};

struct slot {
	bool used;
	uint64_t session; /* numbered by us */
	uint16_t port;
	struct addr addr;
	char server[INVENTORY_NAME_BYTES];
};

struct history_unpack {
	struct word *words;
	uint32_t count, room;
	struct slot slots[HISTORY_SLOTS];
	uint64_t sessions;
	uint32_t number; /* of the next segment that continues */
	bool usable;	 /* a fresh segment was read, and nothing is missing since */
	int64_t base_ns, tick;
};

uint32_t
history_fold(uint64_t hash)
{
	uint32_t folded = (uint32_t)(hash ^ hash >> 32);

	return hash != 0 && folded == 0 ? 1 : folded;
}

const char *
history_hex(char buf[12], uint64_t hash)
{
	snprintf(buf, 12, "#%08x", (unsigned)history_fold(hash));
	return buf;
}

uint64_t
history_checksum(const uint8_t *head, const uint8_t *payload, size_t size)
{
	return hash_table(hash_table(0, head, HISTORY_HEAD_BYTES - 8), payload, size);
}

int
history_unpack_new(struct history_unpack **out)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? 0 : -ENOMEM;
}

static void
forget(struct history_unpack *u)
{
	for (uint32_t i = 0; i < u->count; i++)
		free(u->words[i].text);
	u->count = 0;
	memset(u->slots, 0, sizeof(u->slots));
}

void
history_unpack_free(struct history_unpack *u)
{
	if (u == NULL)
		return;
	forget(u);
	free(u->words);
	free(u);
}

long
history_unpack_head(const uint8_t head[HISTORY_HEAD_BYTES], int64_t *base_ns)
{
	struct wire_reader r;
	uint32_t size;

	wire_reader_init(&r, head, HISTORY_HEAD_BYTES);
	if (wire_get_u32(&r) != HISTORY_MAGIC || wire_get_u8(&r) != HISTORY_VERSION ||
	    wire_get_u8(&r) > 1 || wire_get_u16(&r) != 0)
		return -EBADMSG;
	size = wire_get_u32(&r);
	wire_get_u32(&r);
	*base_ns = (int64_t)wire_get_u64(&r);
	if (size == 0 || size > HISTORY_PAYLOAD_MAX || *base_ns < 0 ||
	    *base_ns > INT64_C(8000000000000000000))
		return -EBADMSG;
	return (long)(HISTORY_HEAD_BYTES + size);
}

/* --- reading one entry --- */

static uint64_t
get_varint(struct wire_reader *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = wire_get_u8(r);

		if (shift == 63 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			return v;
	}
	r->failed = true;
	return 0;
}

static int64_t
get_signed(struct wire_reader *r, int64_t most)
{
	uint64_t v = get_varint(r);
	int64_t n = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);

	if (n > most || n < -most)
		r->failed = true;
	return r->failed ? 0 : n;
}

static uint64_t
get_below(struct wire_reader *r, uint64_t limit)
{
	uint64_t v = get_varint(r);

	if (v >= limit)
		r->failed = true;
	return r->failed ? 0 : v;
}

/* Room for one more word; NULL without memory or when there are too many. */
static struct word *
add_word(struct history_unpack *u, unsigned type)
{
	if (u->count == HISTORY_DICTIONARY_MAX)
		return NULL;
	if (u->count == u->room) {
		uint32_t room = u->room == 0 ? 256 : u->room * 2;
		struct word *grown = realloc(u->words, room * sizeof(*grown));

		if (grown == NULL)
			return NULL;
		u->words = grown;
		u->room = room;
	}
	u->words[u->count] = (struct word){.type = (uint8_t)type};
	return &u->words[u->count++];
}

static bool
is_clean(const char *text)
{
	while (*text != '\0') {
		uint32_t code;
		size_t length = text_decode(text, &code);

		if (length == 0 || text_is_control(code))
			return false;
		text += length;
	}
	return true;
}

/* The word that a number names, or NULL and the reader failed. */
static const struct word *
known_word(struct history_unpack *u, struct wire_reader *r, uint64_t ref, unsigned type)
{
	if (ref == 0 || ref > u->count || u->words[ref - 1].type != type) {
		r->failed = true;
		return NULL;
	}
	return &u->words[ref - 1];
}

static void
get_text(struct history_unpack *u, struct wire_reader *r, char *out, size_t size)
{
	uint64_t ref = get_varint(r);
	const struct word *word = NULL;
	struct word *fresh;
	char text[TEXT_BYTES];

	out[0] = '\0';
	if (r->failed)
		return;
	if (ref != 0) {
		word = known_word(u, r, ref, HISTORY_TYPE_TEXT);
	} else {
		wire_get_text(r, text, sizeof(text));
		fresh = !r->failed && is_clean(text) ? add_word(u, HISTORY_TYPE_TEXT) : NULL;
		if (fresh != NULL)
			fresh->text = strdup(text);
		word = fresh;
	}
	if (word == NULL || word->text == NULL || strlen(word->text) >= size)
		r->failed = true;
	else
		memcpy(out, word->text, strlen(word->text) + 1);
}

static void
get_addr(struct history_unpack *u, struct wire_reader *r, struct addr *out)
{
	uint64_t ref = get_varint(r);
	const struct word *word;
	struct word *fresh;
	uint8_t bytes[16];
	uint8_t length;

	if (r->failed)
		return;
	if (ref != 0) {
		word = known_word(u, r, ref, HISTORY_TYPE_ADDR);
		if (word != NULL)
			*out = word->addr;
		return;
	}
	length = wire_get_u8(r);
	if (length != 4 && length != 16) {
		r->failed = true;
		return;
	}
	wire_get_bytes(r, bytes, length);
	if (length == 4)
		*out = addr_from_v4(bytes);
	else
		memcpy(out->bytes, bytes, 16);
	fresh = r->failed ? NULL : add_word(u, HISTORY_TYPE_ADDR);
	if (fresh == NULL)
		r->failed = true;
	else
		fresh->addr = *out;
}

/* 64 bits again, well mixed, from the 32 that were kept. */
static uint64_t
unfold(uint32_t folded)
{
	return folded == 0 ? 0 : tally_key(HISTORY_TYPE_SLOT, folded);
}

static void
get_recipient(struct history_unpack *u, struct wire_reader *r, struct observation *o)
{
	uint8_t what = wire_get_u8(r);

	o->u.recipient.reply_class = what & 3;
	o->u.recipient.reply.remote = what >> 2;
	if (o->u.recipient.reply_class >= OBS_REPLY_CLASS__COUNT ||
	    o->u.recipient.reply.remote >= OBS_REMOTE__COUNT)
		r->failed = true;
	o->u.recipient.hash = unfold(wire_get_u32(r));
	get_text(u, r, o->u.recipient.domain, sizeof(o->u.recipient.domain));
	get_text(u, r, o->u.recipient.sender_domain, sizeof(o->u.recipient.sender_domain));
	if (o->u.recipient.domain[0] != '\0')
		o->u.recipient.domain_hash = tally_hash_text(o->u.recipient.domain);
}

static void
get_message(struct history_unpack *u, struct wire_reader *r, struct observation *o)
{
	uint8_t what = wire_get_u8(r);

	o->u.message.reply.code = (what & 1) != 0 ? 250 : 550;
	o->u.message.headers_seen = (what & 2) != 0;
	o->u.message.reply.remote = what >> 2;
	if (o->u.message.reply.remote >= OBS_REMOTE__COUNT)
		r->failed = true;
	o->u.message.recipients_accepted = (uint16_t)get_below(r, 65536);
	get_text(u, r, o->u.message.sender_domain, sizeof(o->u.message.sender_domain));
	if (!o->u.message.headers_seen)
		return;
	get_text(u, r, o->u.message.from_domain, sizeof(o->u.message.from_domain));
	o->u.message.headers = (uint16_t)get_below(r, OBS_HDR_TRUNCATED * 2);
	o->u.message.subject_hash = unfold(wire_get_u32(r));
	o->u.message.fingerprint = wire_get_u64(r);
}

static void
get_estimate(struct wire_reader *r, struct observation *o)
{
	o->u.estimate.messages = (int32_t)get_signed(r, INT32_MAX);
	o->u.estimate.recipients = (int32_t)get_signed(r, INT32_MAX);
	o->u.estimate.recipients_rejected = (int32_t)get_signed(r, INT32_MAX);
	o->u.estimate.typical_bytes = (uint32_t)get_below(r, UINT64_C(1) << 32);
	o->u.estimate.envelope_bytes = (uint16_t)get_below(r, 65536);
	o->u.estimate.confidence = (uint16_t)get_below(r, 1001);
}

static void
get_end(struct history_unpack *u, struct wire_reader *r, struct observation *o)
{
	uint8_t what = wire_get_u8(r), counts = wire_get_u8(r);
	struct obs_counts *n = &o->u.end.counts;

	o->u.end.is_smtp = (what & 1) != 0;
	o->u.end.tls = what >> 1 & 3;
	o->u.end.end = what >> 3;
	if (o->u.end.end >= OBS_END__COUNT)
		r->failed = true;
	n->messages = counts & 1;
	n->messages_refused = counts >> 1 & 1;
	n->recipients_rejected = counts >> 2 & 1;
	n->recipients_deferred = counts >> 3 & 1;
	n->messages_estimated = counts >> 4 & 1;
	o->u.end.auth_attempts = o->u.end.auth_failures = counts >> 5 & 1;
	o->u.end.habits = (uint16_t)get_below(r, OBS_HABIT_NOT_SMTP * 2);
	get_text(u, r, o->u.end.helo, sizeof(o->u.end.helo));
	get_text(u, r, o->u.end.greeting_host, sizeof(o->u.end.greeting_host));
}

static void
get_kind(struct history_unpack *u, struct wire_reader *r, struct observation *o)
{
	switch (o->kind) {
	case OBS_SESSION_START:
		break;
	case OBS_CONNECT_FAILED:
		o->u.connect_failed.how = (uint8_t)get_below(r, OBS_CONNECT__COUNT);
		break;
	case OBS_GREETING:
		o->u.greeting.reply.remote = (uint8_t)get_below(r, OBS_REMOTE__COUNT);
		o->u.greeting.reply.code = 554;
		break;
	case OBS_RECIPIENT:
		get_recipient(u, r, o);
		break;
	case OBS_MESSAGE:
		get_message(u, r, o);
		break;
	case OBS_ESTIMATE:
		get_estimate(r, o);
		break;
	case OBS_SESSION_END:
		get_end(u, r, o);
		break;
	case OBS_MX_QUERY:
		o->u.mx_query.name_hash = unfold(wire_get_u32(r));
		break;
	default:
		r->failed = true;
		break;
	}
}

/* Whose session it is: said again, or known by its slot. */
static void
get_session(struct history_unpack *u, struct wire_reader *r, bool open, struct history_entry *entry)
{
	struct observation *o = &entry->obs;
	struct slot *s = &u->slots[wire_get_u8(r)];

	if (open) {
		*s = (struct slot){.used = true, .session = ++u->sessions};
		get_text(u, r, s->server, sizeof(s->server));
		get_addr(u, r, &s->addr);
		s->port = (uint16_t)get_below(r, 65536);
	}
	if (!s->used || s->server[0] == '\0') {
		r->failed = true;
		return;
	}
	memcpy(entry->server, s->server, sizeof(entry->server));
	o->session = s->session;
	o->server_port = s->port;
	if ((o->flags & OBS_F_INBOUND) != 0)
		o->client = s->addr;
	else
		o->server = s->addr;
}

static void
get_entry(struct history_unpack *u, struct wire_reader *r, struct history_entry *entry)
{
	struct observation *o = &entry->obs;
	uint8_t head = wire_get_u8(r), flags = wire_get_u8(r);
	unsigned kind = head & HISTORY_KIND_BITS;

	memset(entry, 0, sizeof(*entry));
	entry->copies = entry->distinct = 1;
	entry->blocked = (flags & HISTORY_WHILE_BLOCKED) != 0;
	o->flags = flags & HISTORY_FLAGS;
	o->visibility = head >> 6;
	if (o->visibility >= OBS_VISIBILITY__COUNT || (flags & 0xc0) != 0)
		r->failed = true;
	/* A year in ticks: further apart is nothing in one segment. */
	u->tick += get_signed(r, INT64_C(365) * 86400 * 8);
	o->time_ns = u->base_ns + u->tick * HISTORY_TICK_NS;
	if (u->tick > INT64_C(3650) * 86400 * 8 || o->time_ns <= 0)
		r->failed = true;
	get_session(u, r, (head & HISTORY_OPEN) != 0, entry);
	if ((head & HISTORY_MANY) != 0) {
		entry->copies = (uint32_t)get_below(r, HISTORY_COPIES_MAX + 1);
		entry->distinct = (uint32_t)get_below(r, HISTORY_COPIES_MAX + 1);
		if (entry->copies == 0 || entry->distinct == 0 || entry->distinct > entry->copies)
			r->failed = true;
	}
	if (kind >= HISTORY_KIND_MARK) {
		entry->mark = (uint8_t)(kind - HISTORY_KIND_MARK + 1);
		if (entry->mark >= HISTORY_MARK__COUNT)
			r->failed = true;
		return;
	}
	o->kind = (uint8_t)kind;
	get_kind(u, r, o);
}

/* True when the segment may be read: whole, and nothing before it is missing. */
static int
take_head(struct history_unpack *u, const uint8_t *segment, size_t size)
{
	struct wire_reader r;
	uint32_t number;
	bool fresh;

	if (size <= HISTORY_HEAD_BYTES || history_unpack_head(segment, &u->base_ns) != (long)size)
		return -EBADMSG;
	wire_reader_init(&r, segment, HISTORY_HEAD_BYTES);
	wire_get_u32(&r);
	wire_get_u8(&r);
	fresh = wire_get_u8(&r) != 0;
	wire_get_u16(&r);
	wire_get_u32(&r);
	number = wire_get_u32(&r);
	wire_get_u64(&r);
	if (wire_get_u64(&r) !=
	    history_checksum(segment, segment + HISTORY_HEAD_BYTES, size - HISTORY_HEAD_BYTES))
		return -EBADMSG;
	if (fresh)
		forget(u);
	else if (!u->usable || number != u->number)
		return 1;
	u->number = number + 1;
	u->tick = 0;
	return 0;
}

int
history_unpack(struct history_unpack *u, const uint8_t *segment, size_t size,
    int (*fn)(void *arg, const struct history_entry *entry), void *arg)
{
	int rc = take_head(u, segment, size);
	struct history_entry entry;
	struct wire_reader r;

	u->usable = rc == 0;
	if (rc != 0)
		return rc;
	wire_reader_init(&r, segment + HISTORY_HEAD_BYTES, size - HISTORY_HEAD_BYTES);
	while (r.pos < r.size && rc == 0) {
		get_entry(u, &r, &entry);
		if (r.failed) {
			u->usable = false;
			return -EBADMSG;
		}
		rc = fn(arg, &entry);
	}
	return rc;
}
