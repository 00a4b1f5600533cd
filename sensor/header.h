/* SPDX-License-Identifier: ISC */
/*
 * The header section of a message, read as it arrives: which fields are there, and the few values
 * that matter.  Values are kept only until the field ends; the subject leaves as a keyed hash.
 * Pure.  bulkhead-sensor, replay.
 */
#ifndef SENSOR_HEADER_H
#define SENSOR_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "sensor/observation.h"

#define HEADER_BUDGET_BYTES 16384 /* of one header section */
#define HEADER_NAME_BYTES   32	  /* longest name that we know is 21 */
#define HEADER_VALUE_BYTES  512	  /* of one unfolded field body; the rest of it is not looked at */

/* How the text of an entity is written, from Content-Type and Content-Transfer-Encoding. */
enum header_type { HEADER_TYPE_TEXT, HEADER_TYPE_MULTIPART, HEADER_TYPE_OTHER };
enum header_encoding {
	HEADER_ENCODING_PLAIN,
	HEADER_ENCODING_QUOTED,
	HEADER_ENCODING_BASE64,
	HEADER_ENCODING_OTHER,
};

struct header {
	/* Results; complete when header_is_done(). */
	uint16_t bits;	       /* enum obs_header */
	uint8_t type;	       /* enum header_type */
	uint8_t encoding;      /* enum header_encoding */
	uint64_t subject_hash; /* 0 = no subject */
	char from_domain[OBS_DOMAIN_BYTES];
	char dkim_domain[OBS_DOMAIN_BYTES];

	/* The reader. */
	uint16_t budget;
	uint16_t value_size;
	uint8_t name_size;
	uint8_t state;
	uint8_t field; /* row of the table of known fields + 1, 0 = not known */
	bool from_seen;
	char name[HEADER_NAME_BYTES];
	uint8_t value[HEADER_VALUE_BYTES];
};

void header_init(struct header *h);

/* Reads up to n bytes; returns how many were taken: fewer than n only when the section ended (the
 * rest is the body) or the budget did (then OBS_HDR_TRUNCATED is set). */
size_t header_add(
    struct header *h, const uint8_t key[HASH_KEY_BYTES], const uint8_t *data, size_t n);

/* The message ended, perhaps inside the section: what is there counts. */
void header_finish(struct header *h, const uint8_t key[HASH_KEY_BYTES]);

bool header_is_done(const struct header *h);

/* Keyed hash of a subject without "Re:" and "Fwd:", digits, punctuation, case and blanks; 0 when
 * nothing is left. */
uint64_t header_hash_subject(const uint8_t key[HASH_KEY_BYTES], const uint8_t *subject, size_t n);

/* From the values of Content-Type and Content-Transfer-Encoding; also used for the parts of a
 * multipart. */
enum header_type header_parse_type(const uint8_t *value, size_t n);
enum header_encoding header_parse_encoding(const uint8_t *value, size_t n);

#endif
