/* SPDX-License-Identifier: ISC */
/* Hashes; the only file that knows libsodium and xxhash.  Every process. */
#include "base/hash.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static_assert(crypto_shorthash_siphash24_KEYBYTES == HASH_KEY_BYTES, "SipHash key size");
static_assert(crypto_hash_sha256_BYTES * 2 + 1 == HASH_SHA256_HEX, "SHA-256 size");

struct hash_stream {
	crypto_hash_sha256_state state;
};

uint64_t
hash_keyed(const uint8_t key[HASH_KEY_BYTES], const void *data, size_t size)
{
	uint8_t out[8];
	uint64_t v = 0;

	crypto_shorthash_siphash24(out, data, size, key);
	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)out[i] << (8 * i);
	return v;
}

uint64_t
hash_table(uint64_t seed, const void *data, size_t size)
{
	return XXH3_64bits_withSeed(data, size, seed);
}

void
hash_sha256_hex(char out[HASH_SHA256_HEX], const void *data, size_t size)
{
	uint8_t digest[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(digest, data, size);
	sodium_bin2hex(out, HASH_SHA256_HEX, digest, sizeof(digest));
}

void
hash_hmac_sha256_hex(
    char out[HASH_SHA256_HEX], const void *key, size_t key_size, const void *data, size_t size)
{
	uint8_t digest[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, key_size);
	crypto_auth_hmacsha256_update(&state, data, size);
	crypto_auth_hmacsha256_final(&state, digest);
	sodium_bin2hex(out, HASH_SHA256_HEX, digest, sizeof(digest));
}

struct hash_stream *
hash_stream_new(void)
{
	struct hash_stream *s = malloc(sizeof(*s));

	if (s != NULL)
		crypto_hash_sha256_init(&s->state);
	return s;
}

void
hash_stream_add(struct hash_stream *s, const void *data, size_t size)
{
	crypto_hash_sha256_update(&s->state, data, size);
}

void
hash_stream_finish(struct hash_stream *s, char out[HASH_SHA256_HEX])
{
	uint8_t digest[crypto_hash_sha256_BYTES];

	crypto_hash_sha256_final(&s->state, digest);
	sodium_bin2hex(out, HASH_SHA256_HEX, digest, sizeof(digest));
	free(s);
}

void
hash_random(void *out, size_t size)
{
	uint8_t *p = out;

	/* getrandom(2) fails only when interrupted before the pool is ready, at boot. */
	while (size != 0) {
		ssize_t n = getrandom(p, size, 0);
		if (n > 0) {
			p += n;
			size -= (size_t)n;
		}
	}
}
