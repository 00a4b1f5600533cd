/* SPDX-License-Identifier: ISC */
/*
 * What is kept of one message while it passes: the header reader, then the way to its first text
 * (parts of a multipart, base64, quoted-printable) into the fingerprint.  After that it takes no
 * more bytes. Pure.  bulkhead-sensor, replay.
 */
#ifndef SENSOR_BODY_H
#define SENSOR_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/fingerprint.h"
#include "sensor/header.h"

#define BODY_TEXT_BUDGET_BYTES \
	8192 /* raw bytes behind the header that are looked at: 4 KB of text in base64 */
#define BODY_LINE_BYTES 80 /* of a part's header line, or of a line that may be a boundary */

struct body {
	struct header header;
	struct fingerprint fingerprint;
	uint16_t budget; /* raw bytes of text that may still be read */
	uint8_t state;
	uint8_t encoding; /* enum header_encoding of this part */
	uint8_t type;	  /* enum header_type of this part */
	uint8_t line_size;
	uint8_t quoted;	 /* progress in a quoted-printable escape */
	uint8_t sextets; /* base64 characters waiting in bits */
	bool with_text;
	uint32_t bits;
	char line[BODY_LINE_BYTES];
};

/* with_text: the first text is wanted for its fingerprint; else only the header section is read. */
void body_init(struct body *b, bool with_text);
/* False when no more bytes are needed. */
bool body_add(struct body *b, const uint8_t key[HASH_KEY_BYTES], const uint8_t *data, size_t n);
bool body_is_done(const struct body *b);
/* Bytes are missing here: what was read stands, nothing more is read. */
void body_stop(struct body *b, const uint8_t key[HASH_KEY_BYTES]);
/* The message ended.  Returns the fingerprint, 0 = none. */
uint64_t body_finish(struct body *b, const uint8_t key[HASH_KEY_BYTES]);

#endif
