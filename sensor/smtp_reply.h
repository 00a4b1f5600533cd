/* SPDX-License-Identifier: ISC */
/*
 * Replies of SMTP servers: lines, enhanced status codes (RFC 3463), redaction, and what a refusal
 * says about the sender (one table of patterns).  Pure.  bulkhead-sensor, replay.
 */
#ifndef SENSOR_SMTP_REPLY_H
#define SENSOR_SMTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/observation.h"

#define SMTP_REPLY_TEXT_BYTES 512 /* of all lines of one reply that are looked at */

struct smtp_reply_line {
	uint16_t code; /* 200..599 */
	bool final;    /* no "-" behind the code */
	const uint8_t
	    *text; /* behind the code, without the line end; inside the line that was parsed */
	size_t text_size;
};

/* One line, with or without its line end.  False when it is no reply line. */
bool smtp_reply_parse_line(const uint8_t *line, size_t n, struct smtp_reply_line *out);

/* "5.1.1 " at the start of the text (also "#5.1.1 "): fills out (zeroes when there is none),
 * returns its bytes. */
size_t smtp_reply_parse_enhanced(const uint8_t *text, size_t n, uint8_t out[3]);

/* One row of the table: a refusal that fulfils every condition means `remote`. */
struct smtp_reply_rule {
	uint8_t remote;		 /* enum obs_remote */
	uint16_t code;		 /* 4: any 4xx, 5: any 5xx, >= 100: this one, 0: any refusal */
	int16_t subject, detail; /* of the enhanced status; -1: any */
	const char *pattern;	 /* lower case; '|' separates alternatives, '*' any text between two
				    parts; "" = any */
	const char *source;	 /* who says so */
};

/* The first row that fits, NULL when none does.  The text is that of all lines, blanks between
 * them. */
const struct smtp_reply_rule *smtp_reply_find_rule(
    unsigned code, const uint8_t enhanced[3], const uint8_t *text, size_t n);

/* Printable, at most OBS_REPLY_BYTES with the terminator; of anything like an address only the
 * domain is left. */
void smtp_reply_redact(char out[OBS_REPLY_BYTES], const uint8_t *text, size_t n);

/* The whole: text as above with its enhanced codes; for 2xx and 3xx only the numbers are filled. */
void smtp_reply_fill(struct obs_reply *out, unsigned code, const uint8_t *text, size_t n);

extern const struct smtp_reply_rule smtp_reply_rules[];
extern const size_t smtp_reply_rule_count;

#endif
