/* SPDX-License-Identifier: ISC */
/*
 * Similarity of texts: a 64-bit simhash (Charikar 2002; near-duplicate use: Manku, Jain, Das Sarma
 * 2007) of pairs of neighbouring words.  Case, digits, markup and everything of a URL behind its
 * host are removed first, so that one template filled for two people stays within a few bits, while
 * other texts are about 32 bits away.  Incremental, fixed memory, the same value on every machine.
 * Pure.  bulkhead-sensor, replay.
 *
 * The distance is the number of bits that differ.  A bit is the majority of all pairs of words, so
 * the expected distance grows with the share of pairs that differ, whatever they are: with a share
 * p of pairs replaced it is about 64/pi * acos(1 - p) bits (Charikar 2002, section 3), 6 bits at 4
 * pairs of 100, 12 at 17, and 32 when nothing is shared.
 */
#ifndef SENSOR_FINGERPRINT_H
#define SENSOR_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FINGERPRINT_TEXT_BYTES 4096 /* of text that count; the rest is ignored */
#define FINGERPRINT_NEAR_BITS  12   /* two texts at most this far apart are the same template */

#define FINGERPRINT_PLANES     12 /* bit-sliced counters: up to 4095 features */
#define FINGERPRINT_BATCH      16
#define FINGERPRINT_QUEUE      56 /* words, to be added by the batch; 32 come at most at once */
#define FINGERPRINT_WORD_BYTES 40 /* longer words are tokens or encoded data, not language */

struct fingerprint {
	uint64_t planes[FINGERPRINT_PLANES][2]; /* plane k holds bit k of twice 64 counters */
	uint64_t queue[FINGERPRINT_QUEUE];	/* words that wait, behind the one before them */
	uint16_t queued;
	uint16_t left;	    /* bytes of text that still count */
	uint16_t words;	    /* added */
	uint16_t tag_bytes; /* of the markup we are in */
	uint8_t mode;
	uint8_t held; /* bytes in word; FINGERPRINT_WORD_BYTES + 1: it is too long */
	uint8_t word[FINGERPRINT_WORD_BYTES]; /* that the last piece cut, or of a URL's host */
};

void fingerprint_init(struct fingerprint *f);
/* Returns 0 when the text needs no more bytes, else how many still count. */
size_t fingerprint_add(struct fingerprint *f, const uint8_t *text, size_t n);
/* 0 when there were too few words to say anything. */
uint64_t fingerprint_finish(struct fingerprint *f);

/* Before the finish: whether any word was seen. */
bool fingerprint_has_words(const struct fingerprint *f);

/* Bits in which two fingerprints differ, 0..64. */
unsigned fingerprint_distance(uint64_t a, uint64_t b);

#endif
