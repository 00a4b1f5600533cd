/* SPDX-License-Identifier: ISC */
/*
 * Reads ClientHello and ServerHello as a stream, byte by byte, in a fixed state: they may be cut
 * into records and segments anywhere.  bulkhead-sensor and replay; used by sensor/tls.c only.
 */
#ifndef SENSOR_TLS_HELLO_H
#define SENSOR_TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/tls.h"

#define HELLO_GROUPS_MAX  32 /* named groups that enter the identity */
#define HELLO_FORMATS_MAX 4
#define HELLO_BYTES_MAX	  16384 /* a longer hello is given up */

struct md5 {
	uint32_t state[4];
	uint32_t bytes; /* so far; identities are short */
	uint8_t block[64];
};

/* What the hellos said; lives as long as the session. */
struct hello_facts {
	uint8_t client_id[16];
	char sni[TLS_SNI_BYTES];
	uint16_t version, cipher; /* of the ServerHello; 0 = not seen */
	bool client_read;	  /* the ClientHello was read to its end */
};

struct hello {
	uint8_t step;	       /* what the next bytes are */
	uint8_t type;	       /* handshake type: 1 client, 2 server */
	uint8_t list;	       /* values already in the identity's current list */
	bool retry;	       /* a HelloRetryRequest so far */
	uint16_t need;	       /* bytes of the current number still to come */
	uint32_t number;       /* the number being read, high byte first */
	uint32_t message_left; /* bytes of the handshake message */
	uint16_t left;	       /* bytes of the current vector */
	uint16_t extensions_left, extension, extension_left;
	uint16_t version;
	uint8_t group_count, format_count, sni_bytes;
	uint16_t groups[HELLO_GROUPS_MAX];
	uint8_t formats[HELLO_FORMATS_MAX];
	struct md5 md5;
};

void hello_init(struct hello *h);
/*
 * Bytes of handshake records of one direction.  Returns true when a hello ended with these bytes
 * (the facts changed).  A hello that does not parse is skipped to its end.
 */
bool hello_feed(struct hello *h, struct hello_facts *facts, const uint8_t *data, size_t n);

void md5_init(struct md5 *m);
void md5_add(struct md5 *m, const void *data, size_t n);
void md5_finish(struct md5 *m, uint8_t out[16]);

#endif
