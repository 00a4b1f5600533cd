/* SPDX-License-Identifier: ISC */
/*
 * What bulkhead-notice says, and how it listens: a greeting that refuses, then 503 to every command
 * but QUIT (RFC 5321, 3.1).  Pure, fixed size: of the client's bytes only the first four of a line
 * are ever kept.  bulkhead-notice.
 */
#ifndef POLICY_RESPONDER_DIALOGUE_H
#define POLICY_RESPONDER_DIALOGUE_H

#include <stddef.h>
#include <stdint.h>

#define RESPONDER_GREETING_MAX 512 /* bytes of a reply line with its end: RFC 5321, 4.5.3.1.5 */
#define RESPONDER_LINE_MAX     512 /* of a command: 4.5.3.1.4 */
/* EHLO, HELO, QUIT and one more: who says more than that does not listen.  Bounds what is sent. */
#define RESPONDER_COMMANDS_MAX 4

struct responder_dialogue {
	uint16_t line_bytes;
	uint8_t commands;
	char verb[4];
};

enum responder_act {
	RESPONDER_WAIT,	  /* for more bytes */
	RESPONDER_REFUSE, /* say responder_refusal, go on */
	RESPONDER_QUIT,	  /* say responder_farewell, close */
	RESPONDER_END	  /* close: too long, or too much */
};
extern const char responder_refusal[], responder_farewell[];

/* Takes bytes up to the end of one line; *used says how many, at least 1 when size is. */
enum responder_act responder_dialogue_take(
    struct responder_dialogue *d, const uint8_t *data, size_t size, size_t *used);

/*
 * "554 5.7.1 outbound SMTP blocked by provider, case bh-x, https://...\r\n", code 554 or 421; the
 * case may be "" (not known), then an address with %s is left out, as is one that does not fit.
 * "%s" in the address becomes the case; bytes that a reply must not hold become '?'.  Returns the
 * length.
 */
size_t responder_dialogue_greet(
    char out[RESPONDER_GREETING_MAX], unsigned code, const char *case_id, const char *url);

#endif
