/* SPDX-License-Identifier: ISC */
/* Lines of an SMTP client: verbs, BDAT sizes, and where DATA ends.  Pure.  bulkhead-sensor, replay.
 */
#ifndef SENSOR_SMTP_COMMAND_H
#define SENSOR_SMTP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a reply is expected to; the first is no command, END is the end of a message (final dot,
 * BDAT LAST). */
enum smtp_kind {
	SMTP_GREETING,
	SMTP_HELO,
	SMTP_EHLO,
	SMTP_MAIL,
	SMTP_RCPT,
	SMTP_DATA,
	SMTP_CHUNK, /* BDAT without LAST, or with a size that no server accepts */
	SMTP_END,
	SMTP_STARTTLS,
	SMTP_AUTH,
	SMTP_RSET,
	SMTP_QUIT,
	SMTP_XCLIENT,
	SMTP_OTHER,   /* every other line has one reply, known verb or not */
	SMTP_UNKNOWN, /* lines that were not seen */
	SMTP_KIND__COUNT
};

struct smtp_command {
	enum smtp_kind kind;
	const uint8_t *arg; /* behind the verb (MAIL, RCPT: behind the colon), inside the line */
	size_t arg_size;
	bool has_chunk; /* a well-formed BDAT: chunk_bytes follow the line, whatever the reply */
	bool lmtp;	/* LHLO */
	bool proxy;	/* "PROXY ...": a line of HAProxy's protocol when it is the first one */
	uint32_t chunk_bytes;
};

/* One line, with or without its line end. */
void smtp_command_parse(const uint8_t *line, size_t n, struct smtp_command *out);

/* True when the bytes begin like a command and like nothing else: "MAIL FROM:", "RCPT TO:", "QUIT"
 * and its line end. */
bool smtp_command_is_plausible(const uint8_t *data, size_t n);

/*
 * The end of data, CRLF "." CRLF, in a body segment.  `tail` holds the last four bytes before it
 * (newest low). Returns the bytes up to and including the end, 0 when it is not here.
 */
size_t smtp_command_find_end(uint32_t tail, const uint8_t *data, size_t n);

/*
 * False when the segment cannot hold the end of data, by its last line: after the end of data come
 * commands or nothing, so a last line that is neither a dot nor the beginning of a verb is still
 * body.  (Wrong only for a client that sends a further body behind it unasked; the reply closes the
 * message then.)
 */
bool smtp_command_may_end(const uint8_t *data, size_t n);

/* The tail after a segment. */
uint32_t smtp_command_tail(uint32_t tail, const uint8_t *data, size_t n);

#define SMTP_TAIL_LINE_START 0x0d0aU /* right behind the DATA command */

#endif
