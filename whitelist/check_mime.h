/* SPDX-License-Identifier: ISC */
/*
 * A support mail in pieces: its words, and the files in it.  With check_message.c the only user of
 * GMime.  bulkhead-check.
 */
#ifndef WHITELIST_CHECK_MIME_H
#define WHITELIST_CHECK_MIME_H

#include <stdbool.h>
#include <stddef.h>

#define CHECK_MIME_TEXT_BYTES (256u << 10) /* of the words that are read */

struct check_mime_file {
	const char *type;	 /* "image/png", as the mail says */
	const char *name;	 /* decoded, without folders; "" = none */
	const char *cid;	 /* Content-ID without brackets, "" = none */
	const char *description; /* Content-Description, "" = none */
	bool is_inline;		 /* shown within the text */
	bool is_message;	 /* message/rfc822 */
	const char *data;	 /* decoded */
	size_t size;
	size_t text_at; /* bytes of words that stand before it */
};

struct check_mime {
	const char *refused; /* a bound, as half a sentence; NULL = it was read */
	char from[128];	     /* address that an answer goes to, "" = none */
	char subject[320];
	char *text; /* heap, UTF-8, terminated; NULL = no words */
	size_t text_size;
	bool encrypted;
};

/*
 * Reads a mail; on_file is called for each file in it, in order.  A mail that only carries another one
 * with files (forwarded by a colleague) is read as that other one.  The caller frees text.
 */
void check_mime_read(struct check_mime *out, const char *data, size_t size,
    void (*on_file)(void *arg, const struct check_mime_file *file), void *arg);

/* The host of a message's first From address, "" = none; true when it has List-Unsubscribe. */
bool check_mime_read_header(const char *data, size_t size, char *from_host, size_t room);

/* At least the number of parts that the library will find, each has such a field or is one between two
 * boundaries; and the bytes of the header with its empty line, of all when there is no body. */
unsigned check_mime_count_parts(const char *data, size_t size);
size_t check_mime_header_size(const char *data, size_t size);

#endif
