/* SPDX-License-Identifier: ISC */
/*
 * TLS from outside on hostile bytes: record walker, hellos and estimator in both directions, cut
 * into pieces that are allocations of their own, with parts that were not captured and losses.
 *
 * Input: one byte of hints (low bits the family, 0x80: the estimator alone), then pieces.  A piece
 * is a control byte (low bits what it is, 8: from the server, 16: a segment begins) and two bytes
 * of length; raw bytes follow when it is data.
 */
#include <stdlib.h>
#include <string.h>

#include "sensor/tls.h"
#include "sensor/tls_estimate.h"
#include "tests/unit/tls_stream.h"

#define RECORD_MOST (16384 + 2048)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum piece {
	PIECE_DATA,	    /* raw bytes */
	PIECE_RECORD,	    /* application data, a few bytes captured */
	PIECE_RECORD_WHOLE, /* the same with every byte */
	PIECE_HELLO,	    /* a hello of that side; the length is the server's cipher */
	PIECE_SKIP,
	PIECE_SKIP_MUCH,
	PIECE_GAP,
	PIECE_GAP_MUCH,
};

/* What went in, to bound what may come out. */
struct fed {
	uint64_t records; /* at most */
	uint64_t bytes;	  /* of the client, at most */
};

static void
check_estimate(const struct tls_estimate *e, const struct fed *fed)
{
	/* One message needs a turn of the client; a turn has a record or a lost piece. */
	if (e->confidence > 1000 || e->messages > fed->records || e->bytes > fed->bytes)
		abort();
	if (e->messages > e->recipients)
		abort();
}

/* Every text that leaves must be terminated and printable. */
static void
check_facts(const struct tls *t)
{
	char id[TLS_CLIENT_ID_BYTES];
	const char *sni = tls_sni(t);

	if (memchr(sni, '\0', TLS_SNI_BYTES) == NULL)
		abort();
	for (; *sni != '\0'; sni++)
		if ((uint8_t)*sni < ' ' || (uint8_t)*sni >= 0x7f)
			abort();
	memset(id, 'x', sizeof(id));
	tls_client_id(t, id);
	if (id[0] != '\0' &&
	    (memchr(id, '\0', sizeof(id)) != id + 32 || strspn(id, "0123456789abcdef") != 32))
		abort();
	if (tls_version(t) == 0 && tls_cipher(t) != 0)
		abort();
}

/* A piece of the stream as an allocation of its own. */
static void
feed(struct tls *t, enum tls_dir dir, const uint8_t *data, size_t n, struct fed *fed)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);

	if (copy == NULL)
		abort();
	if (n > 0)
		memcpy(copy, data, n);
	tls_data(t, dir, copy, n);
	free(copy);
	/* Every five bytes may be the header of a record, which may announce the most. */
	fed->records += n / 5 + 1;
	fed->bytes += (n / 5 + 1) * RECORD_MOST;
}

static void
feed_skip(struct tls *t, enum tls_dir dir, size_t n, struct fed *fed)
{
	tls_skip(t, dir, n);
	fed->records++;
	fed->bytes += n;
}

static void
feed_gap(struct tls *t, enum tls_dir dir, size_t n, struct fed *fed)
{
	tls_gap(t, dir, n);
	fed->records++;
	fed->bytes += n;
}

/* Application data of n bytes, of which the first ones are captured. */
static void
feed_record(struct tls *t, enum tls_dir dir, size_t n, size_t captured, struct fed *fed)
{
	static struct stream_text text;

	n %= RECORD_MOST + 1;
	captured = captured < n ? captured : n;
	text.n = 0;
	stream_record(&text, 23, n);
	stream_fill(&text, 0xe5, captured);
	feed(t, dir, text.bytes, text.n, fed);
	feed_skip(t, dir, n - captured, fed);
}

static void
feed_hello(struct tls *t, enum tls_dir dir, unsigned cipher, struct fed *fed)
{
	static struct stream_text text;

	text.n = 0;
	if (dir == TLS_FROM_CLIENT)
		stream_client_hello(&text, "mx.example.org");
	else
		stream_server_hello(
		    &text, cipher >> 8 == 0x13 ? 0x0304 : 0x0303, cipher, cipher == 0);
	feed(t, dir, text.bytes, text.n, fed);
}

static void
run_walker(const struct tls_hints *hints, const uint8_t *data, size_t size)
{
	struct tls *t = malloc(tls_state_bytes());
	struct tls_estimate e;
	struct fed fed = {0};

	if (t == NULL)
		abort();
	tls_init(t, hints);
	for (size_t i = 0; i + 3 <= size;) {
		enum tls_dir dir = data[i] & 8 ? TLS_FROM_SERVER : TLS_FROM_CLIENT;
		size_t n = (size_t)data[i + 1] << 8 | data[i + 2], raw = 0;

		if (data[i] & 16)
			tls_segment(t, dir);
		switch ((enum piece)(data[i] & 7)) {
		case PIECE_DATA:
			raw = n < size - i - 3 ? n : size - i - 3;
			feed(t, dir, data + i + 3, raw, &fed);
			break;
		case PIECE_RECORD:
			feed_record(t, dir, n, 8, &fed);
			break;
		case PIECE_RECORD_WHOLE:
			feed_record(t, dir, n, n, &fed);
			break;
		case PIECE_HELLO:
			feed_hello(t, dir, (unsigned)n, &fed);
			break;
		case PIECE_SKIP:
			feed_skip(t, dir, n, &fed);
			break;
		case PIECE_SKIP_MUCH:
			feed_skip(t, dir, n << 20, &fed);
			break;
		case PIECE_GAP:
			feed_gap(t, dir, n, &fed);
			break;
		case PIECE_GAP_MUCH:
			feed_gap(t, dir, n << 20, &fed);
			break;
		}
		i += 3 + raw;
		tls_estimate_get(t, &e);
		check_estimate(&e, &fed);
		check_facts(t);
	}
	tls_end(t);
	tls_estimate_get(t, &e);
	check_estimate(&e, &fed);
	free(t);
}

/* Lengths straight into the estimator; 16: inexact, 32: multiplied, 64: a loss before it. */
static void
run_estimator(const struct tls_hints *hints, const uint8_t *data, size_t size)
{
	struct estimate *s = malloc(sizeof(*s));
	struct tls_estimate e;
	struct fed fed = {0};

	if (s == NULL)
		abort();
	estimate_init(s, hints);
	for (size_t i = 0; i + 3 <= size; i += 3) {
		uint32_t n = (uint32_t)data[i + 1] << 8 | data[i + 2];

		if (data[i] & 32)
			n <<= 16;
		if (data[i] & 64)
			estimate_gap(s);
		estimate_record(
		    s, data[i] & 8 ? TLS_FROM_SERVER : TLS_FROM_CLIENT, n, data[i] & 16 ? 8 : 0);
		fed.records++;
		fed.bytes += n > 0 ? n : 1; /* an empty turn counts as one byte */
		estimate_get(s, &e);
		check_estimate(&e, &fed);
	}
	estimate_finish(s);
	estimate_get(s, &e);
	check_estimate(&e, &fed);
	if (estimate_likeliest(s) >= ESTIMATE__STATES)
		abort();
	free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tls_hints hints = {0};

	if (size == 0)
		return 0;
	hints.family = (uint8_t)((data[0] & 7) % TLS_FAMILY__COUNT);
	hints.ehlo_seen = (data[0] & 8) != 0;
	hints.pipelining = (data[0] & 16) != 0;
	hints.chunking = (data[0] & 32) != 0;
	hints.dsn = hints.chunking;
	hints.name_bytes = (uint8_t)(size % 101);
	hints.starttls = (data[0] & 64) == 0;
	hints.port = hints.starttls ? 25 : 465;
	if (data[0] & 128)
		run_estimator(&hints, data + 1, size - 1);
	else
		run_walker(&hints, data + 1, size - 1);
	return 0;
}
