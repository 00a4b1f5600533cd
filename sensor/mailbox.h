/* SPDX-License-Identifier: ISC */
/*
 * Mail addresses as they stand in MAIL, RCPT and From: where the domain begins, how it is cleaned,
 * and the keyed hashes that are all that leaves the sensor of a person's name.  Pure.
 * bulkhead-sensor, replay.
 */
#ifndef SENSOR_MAILBOX_H
#define SENSOR_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "sensor/observation.h"

/* Spans into the text that was parsed; sizes in bytes. */
struct mailbox {
	const uint8_t *local, *domain;
	size_t local_size, domain_size; /* both 0: the null path <> */
};

/*
 * The path of MAIL FROM: or RCPT TO: (the text after the colon): brackets or none, a source route
 * before it (RFC 5321 appendix C), a quoted local part, an address literal, parameters behind it.
 */
void mailbox_parse_path(const uint8_t *text, size_t n, struct mailbox *out);

/* The first address of a From field body (unfolded): quoted names, comments, groups, encoded words
 * (RFC 5322 section 3.4).  False when there is none with a domain. */
bool mailbox_parse_from(const uint8_t *text, size_t n, struct mailbox *out);

/*
 * Lower case, no control characters, blanks or quotes, non-ASCII only where it is valid UTF-8, no
 * trailing dots, its right end when it is too long.
 */
void mailbox_clean_domain(char out[OBS_DOMAIN_BYTES], const uint8_t *domain, size_t n);

/* Keyed hash of the lower-cased address, and of its domain; never 0 unless the span is empty. */
uint64_t mailbox_hash(const uint8_t key[HASH_KEY_BYTES], const struct mailbox *m);
uint64_t mailbox_hash_domain(const uint8_t key[HASH_KEY_BYTES], const struct mailbox *m);

/* Length of the valid UTF-8 sequence at the start (1..4), 0 if there is none. */
size_t mailbox_utf8_size(const uint8_t *p, size_t n);

#endif
