/* SPDX-License-Identifier: ISC */
/*
 * Keyed and content hashes (libsodium) and the fast table hash.  Every process.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_KEY_BYTES	16
#define HASH_SHA256_HEX 65 /* 64 digits and the terminator */

/* SipHash-2-4 (Aumasson, Bernstein 2012): for names of people (recipients) and hostile keys. */
uint64_t hash_keyed(const uint8_t key[HASH_KEY_BYTES], const void *data, size_t size);

/* XXH3 with a random seed per process: for tables on the packet path. */
uint64_t hash_table(uint64_t seed, const void *data, size_t size);

/* SHA-256 of a buffer, as lower-case hex. */
void hash_sha256_hex(char out[HASH_SHA256_HEX], const void *data, size_t size);

/* HMAC-SHA256 (RFC 2104) of a buffer under a key of any length, as lower-case hex. */
void hash_hmac_sha256_hex(
    char out[HASH_SHA256_HEX], const void *key, size_t key_size, const void *data, size_t size);

/* Incremental SHA-256: hash_stream_new() returns NULL only without memory; hash_stream_finish()
 * frees. */
struct hash_stream;
struct hash_stream *hash_stream_new(void);
void hash_stream_add(struct hash_stream *s, const void *data, size_t size);
void hash_stream_finish(struct hash_stream *s, char out[HASH_SHA256_HEX]);

/* Bytes from the kernel's generator. */
void hash_random(void *out, size_t size);

#endif
