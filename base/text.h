/* SPDX-License-Identifier: ISC */
/*
 * Text that came from a network, before it reaches a terminal or a JSON document: UTF-8 checked,
 * control characters told apart.  Every process.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Decodes the character at s (terminated text, not at its end).  Returns its length in bytes
 * (1..4), or 0 when the byte at s does not begin a well-formed character (RFC 3629); *code is then
 * the byte itself.
 */
size_t text_decode(const char *s, uint32_t *code);

/* True for what can steer a terminal or reorder a line: C0, DEL, C1, U+2028/2029, bidirectional
 * controls. */
bool text_is_control(uint32_t code);

/* True when every character is printable ASCII: what nearly all text is, told at the least cost. */
bool text_is_plain(const char *text, size_t length);

/* Copies text into buf as valid UTF-8, '?' for each control character and each bad byte; cut
 * between characters.  Returns buf, which may be the text itself. */
const char *text_clean(char *buf, size_t size, const char *text);

/* Characters of well-formed text, which is the columns it takes in the scripts that we print. */
size_t text_columns(const char *text);

#endif
