/* SPDX-License-Identifier: ISC */
/*
 * Builds TLS byte streams for tests: hellos, and records of given plaintext lengths.  Tests only.
 */
#ifndef TESTS_UNIT_TLS_STREAM_H
#define TESTS_UNIT_TLS_STREAM_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "sensor/tls.h"

/* A growing piece of one direction's stream. */
struct stream_text {
	uint8_t bytes[70000];
	size_t n;
};

static inline void
stream_u8(struct stream_text *s, unsigned v)
{
	assert(s->n < sizeof(s->bytes));
	s->bytes[s->n++] = (uint8_t)v;
}

static inline void
stream_u16(struct stream_text *s, unsigned v)
{
	stream_u8(s, v >> 8);
	stream_u8(s, v & 255);
}

static inline void
stream_fill(struct stream_text *s, unsigned byte, size_t n)
{
	for (size_t i = 0; i < n; i++)
		stream_u8(s, byte);
}

static inline void
stream_record(struct stream_text *s, unsigned type, size_t length)
{
	stream_u8(s, type);
	stream_u16(s, 0x0303);
	stream_u16(s, (unsigned)length);
}

/* A record of that type around whatever bytes. */
static inline void
stream_opaque(struct stream_text *s, unsigned type, size_t length)
{
	stream_record(s, type, length);
	stream_fill(s, 0xe5, length);
}

/* The handshake message of a ClientHello with JA3 "771,4865-4866-49199,0-10-11-43,29-23,0". */
static inline void
stream_client_hello_message(struct stream_text *s, const char *sni)
{
	size_t name = strlen(sni), start = s->n, length;

	stream_u8(s, 1);
	stream_fill(s, 0, 3); /* length, below */
	stream_u16(s, 0x0303);
	stream_fill(s, 0x11, 32);
	stream_u8(s, 32);
	stream_fill(s, 0x22, 32);
	stream_u16(s, 8);
	stream_u16(s, 0x1a1a); /* GREASE */
	stream_u16(s, 0x1301);
	stream_u16(s, 0x1302);
	stream_u16(s, 0xc02f);
	stream_u8(s, 1);
	stream_u8(s, 0);
	stream_u16(s, (unsigned)(4 + 5 + name + 4 + 8 + 4 + 2 + 4 + 5 + 4));
	stream_u16(s, 0); /* server_name */
	stream_u16(s, (unsigned)(name + 5));
	stream_u16(s, (unsigned)(name + 3));
	stream_u8(s, 0);
	stream_u16(s, (unsigned)name);
	for (size_t i = 0; i < name; i++)
		stream_u8(s, (unsigned char)sni[i]);
	stream_u16(s, 10); /* supported_groups */
	stream_u16(s, 8);
	stream_u16(s, 6);
	stream_u16(s, 0x2a2a); /* GREASE */
	stream_u16(s, 29);
	stream_u16(s, 23);
	stream_u16(s, 11); /* ec_point_formats */
	stream_u16(s, 2);
	stream_u8(s, 1);
	stream_u8(s, 0);
	stream_u16(s, 43); /* supported_versions */
	stream_u16(s, 5);
	stream_u8(s, 4);
	stream_u16(s, 0x0304);
	stream_u16(s, 0x0303);
	stream_u16(s, 0x3a3a); /* a GREASE extension, empty */
	stream_u16(s, 0);
	length = s->n - start - 4;
	s->bytes[start + 2] = (uint8_t)(length >> 8);
	s->bytes[start + 3] = (uint8_t)length;
}

#define STREAM_CLIENT_ID "869410556dad6aaecea72469fc930296"

static inline void
stream_client_hello(struct stream_text *s, const char *sni)
{
	struct stream_text message = {.n = 0};

	stream_client_hello_message(&message, sni);
	stream_record(s, 22, message.n);
	memcpy(s->bytes + s->n, message.bytes, message.n);
	s->n += message.n;
}

/* A ServerHello; version 0x0304 is told in an extension.  `retry`: a HelloRetryRequest. */
static inline void
stream_server_hello(struct stream_text *s, unsigned version, unsigned cipher, bool retry)
{
	static const uint8_t retry_tail[4] = {0xc8, 0xa8, 0x33, 0x9c};
	size_t extensions = version == 0x0304 ? 6 : 0;

	stream_record(s, 22, 4 + 2 + 32 + 1 + 2 + 1 + 2 + extensions);
	stream_u8(s, 2);
	stream_u8(s, 0);
	stream_u16(s, (unsigned)(2 + 32 + 1 + 2 + 1 + 2 + extensions));
	stream_u16(s, version == 0x0304 ? 0x0303 : version);
	stream_fill(s, 0x33, 28);
	for (unsigned i = 0; i < 4; i++)
		stream_u8(s, retry ? retry_tail[i] : 0x44);
	stream_u8(s, 0);
	stream_u16(s, cipher);
	stream_u8(s, 0);
	stream_u16(s, (unsigned)extensions);
	if (extensions > 0) {
		stream_u16(s, 43);
		stream_u16(s, 2);
		stream_u16(s, 0x0304);
	}
}

#endif
