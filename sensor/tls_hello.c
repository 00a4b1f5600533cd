/* SPDX-License-Identifier: ISC */
/*
 * ClientHello and ServerHello (RFC 8446 section 4.1, RFC 5246 section 7.4.1) as a stream of bytes,
 * and the client's identity: JA3 (Salesforce 2017), the MD5 of
 * version,ciphers,extensions,groups,formats, without GREASE (RFC 8701).  bulkhead-sensor and
 * replay.
 */
#include "sensor/tls_hello.h"

#include <string.h>

enum step {
	STEP_TYPE,
	STEP_LENGTH,
	STEP_VERSION,
	STEP_RANDOM,
	STEP_SESSION_LENGTH,
	STEP_SESSION,
	STEP_CIPHERS_LENGTH, /* the client's list */
	STEP_CIPHER,	     /* one of the list, or the server's choice */
	STEP_COMPRESSION_LENGTH,
	STEP_COMPRESSION,
	STEP_EXTENSIONS_LENGTH,
	STEP_EXTENSION_TYPE,
	STEP_EXTENSION_LENGTH,
	STEP_EXTENSION_BODY, /* skipped */
	STEP_SNI_HEAD,	     /* list length, name type, name length: 5 bytes */
	STEP_SNI_NAME,
	STEP_GROUPS_LENGTH,
	STEP_GROUP,
	STEP_FORMATS_LENGTH,
	STEP_FORMAT,
	STEP_SELECTED_VERSION, /* TLS 1.3 ServerHello */
	STEP_SKIP,	       /* the rest of the handshake message */
};

enum { EXTENSION_SNI = 0, EXTENSION_GROUPS = 10, EXTENSION_FORMATS = 11, EXTENSION_VERSIONS = 43 };
enum { HANDSHAKE_CLIENT_HELLO = 1, HANDSHAKE_SERVER_HELLO = 2 };

static void
md5_block(struct md5 *m)
{
	/* floor(2^32 * |sin(i + 1)|), RFC 1321 section 3.4. */
	static const uint32_t sine[64] = {0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee,
	    0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1,
	    0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340,
	    0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6,
	    0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
	    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60,
	    0xbebfbc70, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5,
	    0x1fa27cf8, 0xc4ac5665, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3,
	    0x8f0ccc92, 0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
	    0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
	static const uint8_t turn[4][4] = {
	    {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
	uint32_t a = m->state[0], b = m->state[1], c = m->state[2], d = m->state[3];

	for (unsigned i = 0; i < 64; i++) {
		uint32_t f, word, sum;
		unsigned k, by = turn[i / 16][i % 4];

		if (i < 16) {
			f = (b & c) | (~b & d);
			k = i;
		} else if (i < 32) {
			f = (d & b) | (~d & c);
			k = (5 * i + 1) % 16;
		} else if (i < 48) {
			f = b ^ c ^ d;
			k = (3 * i + 5) % 16;
		} else {
			f = c ^ (b | ~d);
			k = (7 * i) % 16;
		}
		word = m->block[4 * k] | (uint32_t)m->block[4 * k + 1] << 8 |
		       (uint32_t)m->block[4 * k + 2] << 16 | (uint32_t)m->block[4 * k + 3] << 24;
		sum = a + f + sine[i] + word;
		a = d;
		d = c;
		c = b;
		b += sum << by | sum >> (32 - by);
	}
	m->state[0] += a;
	m->state[1] += b;
	m->state[2] += c;
	m->state[3] += d;
}

void
md5_init(struct md5 *m)
{
	*m = (struct md5){.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}};
}

void
md5_add(struct md5 *m, const void *data, size_t n)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++) {
		m->block[m->bytes++ % 64] = p[i];
		if (m->bytes % 64 == 0)
			md5_block(m);
	}
}

void
md5_finish(struct md5 *m, uint8_t out[16])
{
	uint64_t bits = (uint64_t)m->bytes * 8;
	uint8_t tail[8];

	for (unsigned i = 0; i < 8; i++)
		tail[i] = (uint8_t)(bits >> (8 * i));
	md5_add(m, "\x80", 1);
	while (m->bytes % 64 != 56)
		md5_add(m, "", 1);
	md5_add(m, tail, sizeof(tail));
	for (unsigned i = 0; i < 16; i++)
		out[i] = (uint8_t)(m->state[i / 4] >> (8 * (i % 4)));
}

static bool
is_grease(uint32_t v)
{
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

/* The next value of the identity's current list: decimal, "-" between values. */
static void
identity_add(struct hello *h, uint32_t value)
{
	char digits[8];
	unsigned at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	if (h->list > 0)
		md5_add(&h->md5, "-", 1);
	h->list = 1;
	md5_add(&h->md5, digits + at, sizeof(digits) - at);
}

static void
identity_next_list(struct hello *h)
{
	md5_add(&h->md5, ",", 1);
	h->list = 0;
}

static void
identity_finish(struct hello *h, struct hello_facts *facts)
{
	identity_next_list(h);
	for (unsigned i = 0; i < h->group_count; i++)
		identity_add(h, h->groups[i]);
	identity_next_list(h);
	for (unsigned i = 0; i < h->format_count; i++)
		identity_add(h, h->formats[i]);
	md5_finish(&h->md5, facts->client_id);
}

static void
expect(struct hello *h, enum step step, uint32_t bytes)
{
	h->step = (uint8_t)step;
	h->need = (uint16_t)bytes;
	h->number = 0;
}

void
hello_init(struct hello *h)
{
	memset(h, 0, sizeof(*h));
	expect(h, STEP_TYPE, 1);
}

/* Long names keep their right end: that is the organisation. */
static void
sni_add(struct hello *h, struct hello_facts *facts, uint8_t byte)
{
	if (h->sni_bytes == TLS_SNI_BYTES - 1) {
		memmove(facts->sni, facts->sni + 1, TLS_SNI_BYTES - 2);
		h->sni_bytes--;
	}
	facts->sni[h->sni_bytes++] = (char)(byte > 0x20 && byte < 0x7f ? byte : '?');
	facts->sni[h->sni_bytes] = '\0';
}

/* After one extension: the next, or the end. */
static void
extension_done(struct hello *h)
{
	if (h->extension_left > 0)
		expect(h, STEP_EXTENSION_BODY, h->extension_left);
	else if (h->extensions_left >= 4)
		expect(h, STEP_EXTENSION_TYPE, 2);
	else
		expect(h, STEP_SKIP, 0);
}

/* Begins the body of an extension: those that we read have a step of their own. */
static void
extension_begin(struct hello *h)
{
	bool client = h->type == HANDSHAKE_CLIENT_HELLO;
	uint32_t left = h->extension_left;

	if (client && h->extension == EXTENSION_SNI && left > 5 && h->sni_bytes == 0)
		expect(h, STEP_SNI_HEAD, 5);
	else if (client && h->extension == EXTENSION_GROUPS && left >= 2)
		expect(h, STEP_GROUPS_LENGTH, 2);
	else if (client && h->extension == EXTENSION_FORMATS && left >= 1)
		expect(h, STEP_FORMATS_LENGTH, 1);
	else if (!client && h->extension == EXTENSION_VERSIONS && left >= 2)
		expect(h, STEP_SELECTED_VERSION, 2);
	else
		extension_done(h);
}

/* The next element of a vector inside an extension, while there is room for one. */
static void
vector_next(struct hello *h, enum step step, uint16_t bytes)
{
	if (h->left >= bytes && h->extension_left >= bytes)
		expect(h, step, bytes);
	else
		extension_done(h);
}

/* A number inside an extension is complete. */
static void
extension_number(struct hello *h, struct hello_facts *facts)
{
	switch (h->step) {
	case STEP_SNI_HEAD: /* the name's length is in the low 16 bits, its type (0: host) above */
		h->left = (uint16_t)(h->number & 0xffff);
		if ((h->number >> 16 & 0xff) != 0)
			h->left = 0;
		vector_next(h, STEP_SNI_NAME, 1);
		break;
	case STEP_SNI_NAME:
		sni_add(h, facts, (uint8_t)h->number);
		h->left--;
		vector_next(h, STEP_SNI_NAME, 1);
		break;
	case STEP_GROUPS_LENGTH:
		h->left = (uint16_t)h->number;
		vector_next(h, STEP_GROUP, 2);
		break;
	case STEP_GROUP:
		if (!is_grease(h->number) && h->group_count < HELLO_GROUPS_MAX)
			h->groups[h->group_count++] = (uint16_t)h->number;
		h->left = (uint16_t)(h->left - 2);
		vector_next(h, STEP_GROUP, 2);
		break;
	case STEP_FORMATS_LENGTH:
		h->left = (uint16_t)h->number;
		vector_next(h, STEP_FORMAT, 1);
		break;
	case STEP_FORMAT:
		if (h->format_count < HELLO_FORMATS_MAX)
			h->formats[h->format_count++] = (uint8_t)h->number;
		h->left--;
		vector_next(h, STEP_FORMAT, 1);
		break;
	default: /* STEP_SELECTED_VERSION */
		h->version = (uint16_t)h->number;
		extension_done(h);
		break;
	}
}

/* A number or skipped run before the extensions is complete. */
static void
head_number(struct hello *h, struct hello_facts *facts)
{
	bool client = h->type == HANDSHAKE_CLIENT_HELLO;
	uint32_t taken;

	switch (h->step) {
	case STEP_VERSION:
		h->version = (uint16_t)h->number;
		if (client) {
			identity_add(h, h->version);
			identity_next_list(h);
		}
		expect(h, STEP_RANDOM, 32);
		break;
	case STEP_RANDOM:
		/* The last four bytes of the fixed random of a HelloRetryRequest. */
		h->retry = !client && h->number == 0xc8a8339c;
		expect(h, STEP_SESSION_LENGTH, 1);
		break;
	case STEP_SESSION_LENGTH:
		if (h->number > 0) {
			expect(h, STEP_SESSION, h->number);
			break;
		}
		/* fallthrough */
	case STEP_SESSION:
		expect(h, client ? STEP_CIPHERS_LENGTH : STEP_CIPHER, 2);
		break;
	case STEP_CIPHERS_LENGTH:
		h->left = (uint16_t)h->number;
		expect(
		    h, h->left >= 2 ? STEP_CIPHER : STEP_COMPRESSION_LENGTH, h->left >= 2 ? 2 : 1);
		break;
	case STEP_CIPHER:
		if (!client) {
			facts->cipher = (uint16_t)h->number;
			expect(h, STEP_COMPRESSION, 1);
			break;
		}
		if (!is_grease(h->number))
			identity_add(h, h->number);
		h->left = (uint16_t)(h->left - 2);
		if (h->left < 2)
			expect(h, STEP_COMPRESSION_LENGTH, 1);
		else
			expect(h, STEP_CIPHER, 2);
		break;
	case STEP_COMPRESSION_LENGTH:
		if (h->number > 0) {
			expect(h, STEP_COMPRESSION, h->number);
			break;
		}
		/* fallthrough */
	case STEP_COMPRESSION:
		if (client)
			identity_next_list(
			    h); /* extensions may be absent: the list is then empty */
		expect(h, STEP_EXTENSIONS_LENGTH, 2);
		break;
	case STEP_EXTENSIONS_LENGTH:
		h->extensions_left = (uint16_t)h->number;
		extension_done(h);
		break;
	case STEP_EXTENSION_TYPE:
		h->extension = (uint16_t)h->number;
		if (client && !is_grease(h->number))
			identity_add(h, h->number);
		expect(h, STEP_EXTENSION_LENGTH, 2);
		break;
	default:		       /* STEP_EXTENSION_LENGTH */
		taken = h->number + 4; /* with type and length */
		h->extension_left = (uint16_t)h->number;
		h->extensions_left =
		    (uint16_t)(taken < h->extensions_left ? h->extensions_left - taken : 0);
		extension_begin(h);
		break;
	}
}

/* The handshake message ended. */
static bool
message_done(struct hello *h, struct hello_facts *facts)
{
	uint8_t step = h->step, type = h->type;
	bool read = step == STEP_SKIP || step == STEP_EXTENSIONS_LENGTH;
	bool client = type == HANDSHAKE_CLIENT_HELLO, changed = false;

	if (client && read && !facts->client_read) {
		identity_finish(h, facts);
		facts->client_read = changed = true;
	} else if (type == HANDSHAKE_SERVER_HELLO && read && !h->retry) {
		facts->version = h->version;
		changed = true;
	}
	hello_init(h);
	return changed;
}

/* Type and length of a handshake message were read. */
static void
message_begin(struct hello *h, struct hello_facts *facts)
{
	bool wanted = (h->type == HANDSHAKE_CLIENT_HELLO && !facts->client_read) ||
		      (h->type == HANDSHAKE_SERVER_HELLO && facts->version == 0);

	h->message_left = h->number;
	if (wanted && h->number <= HELLO_BYTES_MAX) {
		md5_init(&h->md5);
		expect(h, STEP_VERSION, 2);
	} else {
		expect(h, STEP_SKIP, 0);
		h->type = 0;
	}
}

bool
hello_feed(struct hello *h, struct hello_facts *facts, const uint8_t *data, size_t n)
{
	bool changed = false;

	for (size_t i = 0; i < n; i++) {
		if (h->step == STEP_TYPE) {
			h->type = data[i];
			expect(h, STEP_LENGTH, 3);
			continue;
		}
		if (h->step != STEP_LENGTH)
			h->message_left--;
		if (h->step != STEP_SKIP) {
			h->number = h->number << 8 | data[i];
			if (h->step >= STEP_EXTENSION_BODY && h->extension_left > 0)
				h->extension_left--;
			if (--h->need == 0) {
				if (h->step == STEP_LENGTH)
					message_begin(h, facts);
				else if (h->step == STEP_EXTENSION_BODY)
					extension_done(h);
				else if (h->step > STEP_EXTENSION_BODY)
					extension_number(h, facts);
				else
					head_number(h, facts);
			}
		}
		if (h->step != STEP_LENGTH && h->message_left == 0)
			changed |= message_done(h, facts);
	}
	return changed;
}
