/* SPDX-License-Identifier: ISC */
/*
 * Similarity of texts: a 64-bit simhash (Charikar 2002; near-duplicate use: Manku, Jain, Das Sarma
 * 2007) of pairs of neighbouring words.  Case, digits, markup and everything of a URL behind its
 * host are removed first, so that one template filled for two people stays within a few bits, while
 * other texts are about 32 bits away.  Incremental, fixed memory.  Pure.  bulkhead-sensor, replay.
 */
#ifndef SENSOR_FINGERPRINT_H
#define SENSOR_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

#define FINGERPRINT_TEXT_BYTES 4096 /* of text that count; the rest is ignored */
#define FINGERPRINT_NEAR_BITS  12   /* two texts at most this far apart are the same template */

#define FINGERPRINT_PLANES 12 /* bit-sliced counters: up to 4095 features */
#define FINGERPRINT_BATCH  8

struct fingerprint {
	uint64_t planes[FINGERPRINT_PLANES]; /* plane k holds bit k of 64 counters */
	uint64_t batch[FINGERPRINT_BATCH];   /* features that wait to be added together */
	uint64_t word, previous;	     /* rolling value of this word; hash of the last one */
	uint16_t left;			     /* bytes of text that still count */
	uint16_t features;
	uint16_t tag_bytes; /* of the markup we are in */
	uint8_t letters;    /* of this word, saturating */
	uint8_t waiting;    /* features in batch */
	uint8_t mode;
};

void fingerprint_init(struct fingerprint *f);
/* Returns 0 when the text needs no more bytes, else how many still count. */
size_t fingerprint_add(struct fingerprint *f, const uint8_t *text, size_t n);
/* 0 when there were too few words to say anything. */
uint64_t fingerprint_finish(struct fingerprint *f);

/* Bits in which two fingerprints differ, 0..64. */
unsigned fingerprint_distance(uint64_t a, uint64_t b);

#endif
