/* SPDX-License-Identifier: ISC */
/* Letters of ASCII, whatever the locale: the few that are wanted for every packet, in line.  Pure.  bulkhead-sensor,
 * replay. */
#ifndef BULKHEAD_SENSOR_ASCII_H
#define BULKHEAD_SENSOR_ASCII_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint8_t
ascii_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/*
 * The same for eight bytes.  Bytes below 0x80 are added to so that bit 7 tells: + 0x3f from 'A' on, + 0x25 behind 'Z';
 * bit 7 of what is left, shifted by two, is the difference between the cases.
 */
static inline uint64_t
ascii_lower8(uint64_t v)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), top = ones * 0x80;
	uint64_t low = v & ~top, from_a = low + ones * 0x3f, behind_z = low + ones * 0x25;

	return v | (from_a & ~behind_z & ~v & top) >> 2;
}

/* Copies n bytes in lower case.  The two may not overlap. */
static inline void
ascii_copy_lower(uint8_t *restrict out, const uint8_t *restrict p, size_t n)
{
	uint64_t v;
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		memcpy(&v, p + i, 8);
		v = ascii_lower8(v);
		memcpy(out + i, &v, 8);
	}
	for (; i < n; i++)
		out[i] = ascii_lower(p[i]);
}

/* True when the bytes are `word`, of upper case letters only, in either case. */
static inline bool
ascii_says(const uint8_t *p, const char *word, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((p[i] & ~0x20) != word[i])
			return false;
	return true;
}

#endif
