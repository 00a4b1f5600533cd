/* SPDX-License-Identifier: ISC */
/*
 * A fixed number of records of one size, addressed by index.  Reserved at once, touched as it
 * fills. bulkhead-sensor, replay.
 */
#ifndef SENSOR_SLAB_H
#define SENSOR_SLAB_H

#include <stddef.h>
#include <stdint.h>

struct slab {
	uint8_t *memory; /* record 0 is never used: index 0 means none */
	size_t size;	 /* of a record, a multiple of 8 */
	uint32_t max, used, free;
	uint64_t exhausted; /* takes that found nothing */
};

/* 0 or -ENOMEM. */
int slab_init(struct slab *s, size_t record_bytes, uint32_t records);
void slab_fini(struct slab *s);
uint64_t slab_memory(const struct slab *s);

/* Index of a record with old contents, 0 when all are taken (counted). */
uint32_t slab_take(struct slab *s);
void slab_give(struct slab *s, uint32_t index);
void *slab_get(const struct slab *s, uint32_t index);

#endif
