/* SPDX-License-Identifier: ISC */
/*
 * A fixed number of records of one size; see slab.h.  bulkhead-sensor, replay.
 */
#include "sensor/slab.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

int
slab_init(struct slab *s, size_t record_bytes, uint32_t records)
{
	memset(s, 0, sizeof(*s));
	s->size = (record_bytes + 7) & ~(size_t)7;
	s->max = records;
	s->used = 1;
	void *p =
	    mmap(NULL, slab_memory(s), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -ENOMEM;
	s->memory = p;
	return 0;
}

void
slab_fini(struct slab *s)
{
	if (s->memory != NULL)
		munmap(s->memory, slab_memory(s));
	s->memory = NULL;
}

uint64_t
slab_memory(const struct slab *s)
{
	return ((uint64_t)s->max + 1) * s->size;
}

uint32_t
slab_take(struct slab *s)
{
	uint32_t index = s->free;

	if (index != 0) {
		memcpy(&s->free, slab_get(s, index), sizeof(s->free));
		return index;
	}
	if (s->used <= s->max)
		return s->used++;
	s->exhausted++;
	return 0;
}

void
slab_give(struct slab *s, uint32_t index)
{
	memcpy(slab_get(s, index), &s->free, sizeof(s->free));
	s->free = index;
}

void *
slab_get(const struct slab *s, uint32_t index)
{
	return s->memory + index * s->size;
}
