/* SPDX-License-Identifier: ISC */
/* The list of packets of the traffic generator, and its random numbers; see smtpgen.h.  Test programs and
 * smtpgen(main.c). */
#include <stdlib.h>
#include <string.h>

#include "tests/gen/smtpgen_private.h"

struct stored {
	int64_t time_ns;
	uint64_t number; /* order of making, for equal times */
	uint32_t caplen, wirelen;
	uint8_t data[];
};

struct gen {
	uint64_t random;
	uint32_t linktype, snaplen;
	gen_packet_fn fn;
	void *arg;
	FILE *file;
	struct stored **packets;
	size_t count, room;
	uint64_t made;
};

void *
gen_must(void *memory)
{
	if (memory == NULL) {
		fputs("smtpgen: out of memory, ask for less traffic\n", stderr);
		exit(1);
	}
	return memory;
}

struct gen *
gen_new(uint64_t seed, uint32_t linktype, uint32_t snaplen)
{
	struct gen *g = gen_must(calloc(1, sizeof(*g)));
	g->random = seed;
	g->linktype = linktype;
	g->snaplen = snaplen;
	return g;
}

void
gen_free(struct gen *g)
{
	if (g == NULL)
		return;
	for (size_t i = 0; i < g->count; i++)
		free(g->packets[i]);
	free(g->packets);
	free(g);
}

void
gen_set_callback(struct gen *g, gen_packet_fn fn, void *arg)
{
	g->fn = fn;
	g->arg = arg;
}

void
gen_set_file(struct gen *g, FILE *file)
{
	/* pcap header in host order: nanosecond magic, version 2.4, zone, accuracy, snaplen, link
	 * type. */
	const uint32_t head[6] = {0xa1b23c4du, 2u | 4u << 16, 0, 0, 262144, g->linktype};

	g->file = file;
	fwrite(head, sizeof(head), 1, file);
}

/* splitmix64 (Steele, Lea, Flood 2014) */
uint64_t
gen_random(struct gen *g)
{
	uint64_t z = g->random += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint32_t
gen_random_below(struct gen *g, uint32_t n)
{
	return n == 0 ? 0 : (uint32_t)((gen_random(g) >> 32) * n >> 32);
}

double
gen_random_unit(struct gen *g)
{
	return (double)(gen_random(g) >> 11) / 9007199254740992.0;
}

uint32_t
gen_linktype(const struct gen *g)
{
	return g->linktype;
}

void
gen_store(struct gen *g, int64_t time_ns, const uint8_t *frame, size_t size)
{
	uint32_t caplen = (uint32_t)size;

	if (g->snaplen != 0 && caplen > g->snaplen)
		caplen = g->snaplen;
	if (g->count == g->room) {
		g->room = g->room == 0 ? 1024 : g->room * 2;
		g->packets = gen_must(realloc(g->packets, g->room * sizeof(g->packets[0])));
	}
	struct stored *p = gen_must(malloc(sizeof(*p) + caplen));
	p->time_ns = time_ns;
	p->number = g->made++;
	p->caplen = caplen;
	p->wirelen = (uint32_t)size;
	memcpy(p->data, frame, caplen);
	g->packets[g->count++] = p;
}

static int
packet_compare(const void *a, const void *b)
{
	const struct stored *p = *(struct stored *const *)a, *q = *(struct stored *const *)b;

	if (p->time_ns != q->time_ns)
		return p->time_ns < q->time_ns ? -1 : 1;
	return p->number < q->number ? -1 : p->number > q->number;
}

static void
packet_deliver(struct gen *g, const struct stored *p)
{
	if (g->file != NULL) {
		const uint32_t head[4] = {(uint32_t)(p->time_ns / 1000000000),
		    (uint32_t)(p->time_ns % 1000000000), p->caplen, p->wirelen};
		fwrite(head, sizeof(head), 1, g->file);
		fwrite(p->data, p->caplen, 1, g->file);
		return;
	}
	struct packet packet = {.time_ns = p->time_ns,
	    .linktype = g->linktype,
	    .caplen = p->caplen,
	    .wirelen = p->wirelen,
	    .data = p->data};
	g->fn(g->arg, &packet);
}

void
gen_flush(struct gen *g, int64_t until_ns)
{
	size_t done = 0;

	if (g->count > 0)
		qsort(g->packets, g->count, sizeof(g->packets[0]), packet_compare);
	while (done < g->count && g->packets[done]->time_ns < until_ns) {
		packet_deliver(g, g->packets[done]);
		free(g->packets[done++]);
	}
	g->count -= done;
	if (done > 0 && g->count > 0)
		memmove(g->packets, g->packets + done, g->count * sizeof(g->packets[0]));
}
