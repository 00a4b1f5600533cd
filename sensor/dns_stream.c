/* SPDX-License-Identifier: ISC */
/* DNS messages over TCP, put together; see dns_stream.h.  bulkhead-sensor, replay. */
#include "sensor/dns_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define SETS	    64 /* times four: connections in the middle of a question at once */
#define WAYS	    4
#define MESSAGE_MAX 512
#define PREFIX	    2 /* bytes of the length */

/* A connection that owes the rest of a message. */
struct part {
	struct addr client, server;
	uint16_t port; /* of the client */
	uint16_t used; /* bytes of `data`, the length included; 0 = a free place, unless it skips */
	uint32_t next; /* sequence number of the byte to come */
	uint32_t skip; /* bytes of a message that is too long */
	uint8_t data[PREFIX + MESSAGE_MAX];
};

struct dns_stream {
	uint64_t seed;
	unsigned next_way; /* whom a full set pushes out: in turn */
	struct part parts[SETS][WAYS];
};

int
dns_stream_new(struct dns_stream **out, uint64_t seed)
{
	struct dns_stream *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	t->seed = seed;
	*out = t;
	return 0;
}

void
dns_stream_free(struct dns_stream *t)
{
	free(t);
}

uint64_t
dns_stream_memory(void)
{
	return sizeof(struct dns_stream);
}

static bool
is_free(const struct part *p)
{
	return p->used == 0 && p->skip == 0;
}

static struct part *
set_of(struct dns_stream *t, const struct frame *f)
{
	uint8_t key[sizeof(f->src.bytes) + sizeof(f->src_port)];

	memcpy(key, f->src.bytes, sizeof(f->src.bytes));
	memcpy(key + sizeof(f->src.bytes), &f->src_port, sizeof(f->src_port));
	return t->parts[hash_table(t->seed, key, sizeof(key)) % SETS];
}

static struct part *
find(struct part *set, const struct frame *f)
{
	for (unsigned i = 0; i < WAYS; i++)
		if (!is_free(&set[i]) && set[i].port == f->src_port &&
		    addr_equal(&set[i].client, &f->src) && addr_equal(&set[i].server, &f->dst))
			return &set[i];
	return NULL;
}

static void
keep(struct dns_stream *t, struct part *set, const struct frame *f, const struct part *rest)
{
	struct part *to = find(set, f);

	for (unsigned i = 0; i < WAYS && to == NULL; i++)
		if (is_free(&set[i]))
			to = &set[i];
	if (to == NULL)
		to = &set[t->next_way++ % WAYS];
	*to = *rest;
	to->client = f->src;
	to->server = f->dst;
	to->port = f->src_port;
	to->next = f->seq + f->length;
}

/* Bytes that `p` still needs before it can go on: of the length, then of the message. */
static size_t
missing(const struct part *p)
{
	if (p->used < PREFIX)
		return PREFIX - (size_t)p->used;
	return PREFIX + ((size_t)p->data[0] << 8 | p->data[1]) - p->used;
}

static void
feed(struct part *p, const uint8_t *data, size_t n, dns_stream_message_fn message, void *arg)
{
	while (n > 0) {
		size_t take = p->skip > 0 ? p->skip : missing(p);
		if (take > n)
			take = n;
		if (p->skip > 0) {
			p->skip -= (uint32_t)take;
		} else {
			memcpy(p->data + p->used, data, take);
			p->used = (uint16_t)(p->used + take);
		}
		data += take;
		n -= take;
		if (p->skip > 0 || p->used < PREFIX)
			continue;
		size_t left = missing(p);
		if (left == 0 && p->used > PREFIX)
			message(arg, p->data + PREFIX, (size_t)p->used - PREFIX);
		else if (left > MESSAGE_MAX)
			p->skip = (uint32_t)left;
		else if (left > 0)
			continue;
		p->used = 0;
	}
}

void
dns_stream_segment(
    struct dns_stream *t, const struct frame *frame, dns_stream_message_fn message, void *arg)
{
	struct part *set = set_of(t, frame), *old = find(set, frame), now;
	const uint8_t *data = frame->payload;
	size_t n = frame->captured;

	now.used = 0;
	now.skip = 0;
	if (n == 0 || (frame->flags & FRAME_SYN) != 0)
		return;
	if (old != NULL) {
		uint32_t seen = old->next - frame->seq; /* of this segment, before */
		if (seen >= frame->length && seen < 1u << 31)
			return; /* sent again */
		if (seen <= n) {
			now = *old;
			data += seen;
			n -= seen;
		}
		old->used = 0;
		old->skip = 0;
	}
	feed(&now, data, n, message, arg);
	if (!is_free(&now) && frame->captured == frame->length && (frame->flags & FRAME_FIN) == 0)
		keep(t, set, frame, &now);
}
