/* SPDX-License-Identifier: ISC */
/*
 * Walks TLS records of both directions, takes the hellos out, and gives plaintext lengths to the
 * estimator. bulkhead-sensor and replay.
 */
#include "sensor/tls.h"

#include <string.h>
#include <strings.h>

#include "sensor/tls_estimate.h"
#include "sensor/tls_hello.h"

#define RECORD_HEADER	 5
#define RECORD_BYTES_MAX (16384 + 2048) /* RFC 5246 section 6.2.3; TLS 1.3 allows less */
#define ALERT_BYTES	 2		/* TLS 1.3 close_notify */
#define KEY_UPDATE_BYTES 5		/* RFC 8446 section 4.6.3 */
#define UNKNOWN_OVERHEAD 20 /* bytes of a record that are not text, when no ServerHello told */
#define UNKNOWN_SLACK	 4  /* more or less */
#define NAME_MAX_BYTES	 100
#define DSN_LINE	 7   /* "250-DSN" */
#define MAIL_TURNS	 3   /* at least: EHLO, an envelope, a body */
#define MAIL_CONFIDENCE	 300 /* HTTPS, shells and tunnels stay below (tls_estimate.c) */
#define HANDSHAKE_MAX \
	6 /* client records of a TLS 1.3 handshake: certificate, verify, finished, spare */

enum record_type {
	RECORD_CHANGE_CIPHER = 20,
	RECORD_ALERT,
	RECORD_HANDSHAKE,
	RECORD_DATA,
	RECORD_HEARTBEAT
};

enum phase {
	PHASE_HELLO,	 /* `in.hello` is alive */
	PHASE_HANDSHAKE, /* TLS 1.3: encrypted handshake; estimator alive */
	PHASE_DATA,	 /* estimator alive */
	PHASE_GARBAGE,	 /* estimator alive, fed nothing more */
};

/* Where one direction stands among its records. */
struct walk {
	uint8_t header[RECORD_HEADER];
	uint8_t have;	/* bytes of the header */
	uint8_t type;	/* of the record that `left` belongs to */
	bool lost;	/* no record boundary is known; wait for a segment that begins with one */
	bool segment;	/* the next byte begins a segment */
	bool encrypted; /* ChangeCipherSpec went by: handshake records are opaque */
	uint16_t left;	/* bytes of the record still to come */
};

struct tls {
	struct walk walk[2];
	struct tls_hints hints;
	struct hello_facts facts;
	uint8_t phase;
	uint8_t hello_dir;	   /* whose handshake bytes `in.hello` holds */
	uint8_t handshake_records; /* of the client, TLS 1.3 */
	uint8_t overhead;  /* record bytes that are not plaintext, in the middle of the range */
	uint8_t slack;	   /* +- this many (CBC padding) */
	bool spoken;	   /* application data was seen */
	bool server_first; /* and its first record was the server's */
	union {
		struct hello hello;
		struct estimate estimate;
	} in;
};

_Static_assert(sizeof(struct tls) <= TLS_STATE_BYTES_MAX, "the pool's slot holds a state");

/*
 * What a record carries beside the plaintext: explicit nonce or IV, tag or MAC, padding.  Ranges of
 * cipher suites as in the IANA registry; the first match counts.
 */
struct cipher_row {
	uint16_t first, last;
	uint8_t nonce, tag; /* bytes */
	uint8_t block;	    /* CBC: bytes of a block, 0 otherwise */
};

static const struct cipher_row ciphers[] = {
    {0x1301, 0x1304, 0, 17, 0}, /* TLS 1.3: tag and content type */
    {0x1305, 0x1305, 0, 9, 0},	/* TLS_AES_128_CCM_8_SHA256 */
    {0x0001, 0x0004, 0, 16, 0}, /* NULL and RC4 with MD5 */
    {0x0005, 0x0005, 0, 20, 0}, /* RC4 with SHA */
    {0xc007, 0xc007, 0, 20, 0}, {0xc011, 0xc011, 0, 20, 0}, {0xc016, 0xc016, 0, 20, 0},
    {0x000a, 0x000a, 8, 20, 8}, /* 3DES */
    {0x0013, 0x0013, 8, 20, 8}, {0x0016, 0x0016, 8, 20, 8}, {0x001b, 0x001b, 8, 20, 8},
    {0xc008, 0xc008, 8, 20, 8}, {0xc012, 0xc012, 8, 20, 8}, {0xc017, 0xc017, 8, 20, 8},
    {0x003c, 0x0040, 16, 32, 16}, /* AES-CBC with SHA-256 */
    {0x0067, 0x006d, 16, 32, 16}, {0x00ba, 0x00c5, 16, 32, 16}, {0xc023, 0xc023, 16, 32, 16},
    {0xc025, 0xc025, 16, 32, 16}, {0xc027, 0xc027, 16, 32, 16}, {0xc029, 0xc029, 16, 32, 16},
    {0xc024, 0xc024, 16, 48, 16}, /* AES-CBC with SHA-384 */
    {0xc026, 0xc026, 16, 48, 16}, {0xc028, 0xc028, 16, 48, 16}, {0xc02a, 0xc02a, 16, 48, 16},
    {0xc072, 0xc072, 16, 32, 16}, {0xc073, 0xc073, 16, 48, 16}, /* Camellia-CBC */
    {0xc076, 0xc076, 16, 32, 16}, {0xc077, 0xc077, 16, 48, 16},
    {0x009c, 0x00ad, 8, 16, 0},				    /* AES-GCM */
    {0xc02b, 0xc032, 8, 16, 0}, {0xc050, 0xc063, 8, 16, 0}, /* ARIA-GCM */
    {0xc07a, 0xc093, 8, 16, 0},				    /* Camellia-GCM */
    {0xc09c, 0xc09f, 8, 16, 0},				    /* AES-CCM */
    {0xc0a0, 0xc0a3, 8, 8, 0},				    /* AES-CCM-8 */
    {0xc0ac, 0xc0ad, 8, 16, 0}, {0xc0ae, 0xc0af, 8, 8, 0},
    {0xcca8, 0xccae, 0, 16, 0},	  /* ChaCha20-Poly1305 */
    {0x0000, 0xffff, 16, 20, 16}, /* the many CBC suites with SHA-1 */
};

/* Sets overhead and slack from the ServerHello; without one, between ChaCha20 (16), TLS 1.3 (17) and AES-GCM (24). */
static void
tls_set_cipher(struct tls *t)
{
	const struct cipher_row *row = ciphers;
	unsigned nonce;

	if (t->facts.version == 0) {
		t->slack = UNKNOWN_SLACK;
		t->overhead = UNKNOWN_OVERHEAD;
		return;
	}
	while (t->facts.cipher < row->first || t->facts.cipher > row->last)
		row++;
	nonce = row->block != 0 && t->facts.version < 0x0302 ? 0 : row->nonce;
	t->slack = row->block / 2;
	t->overhead = (uint8_t)(nonce + row->tag + t->slack);
}

static bool
tls_is_13(const struct tls *t)
{
	return t->facts.version >= 0x0304;
}

/* The hellos are over: their memory becomes the estimator's. */
static void
tls_begin_estimate(struct tls *t)
{
	tls_set_cipher(t);
	estimate_init(&t->in.estimate, &t->hints);
	if (t->facts.version == 0 && !t->facts.client_read) /* the beginning was not seen */
		estimate_gap(&t->in.estimate);
	t->phase = tls_is_13(t) ? PHASE_HANDSHAKE : PHASE_DATA;
}

/*
 * TLS 1.3: is this encrypted record of the client still handshake?  It ends with Finished, whose
 * length the hash decides (4 + 32 or 48, and a tag); an empty Certificate (8 bytes) may share its
 * record.
 */
static bool
tls_is_handshake(struct tls *t, enum tls_dir dir, uint32_t record)
{
	uint32_t finished = (t->facts.cipher == 0x1302 ? 52U : 36U) + t->overhead;

	if (t->phase != PHASE_HANDSHAKE)
		return false;
	if (dir == TLS_FROM_SERVER) {
		/* The server speaks again only after the client's Finished. */
		if (t->handshake_records > 0)
			t->phase = PHASE_DATA;
		return true;
	}
	t->handshake_records++;
	if (record == finished || record == finished + 8 || t->handshake_records >= HANDSHAKE_MAX)
		t->phase = PHASE_DATA;
	return true;
}

/* A record of application data (by its type) begins. */
static unsigned
tls_app_record(struct tls *t, enum tls_dir dir, uint32_t record)
{
	uint32_t plain = record > t->overhead ? record - t->overhead : 0;

	if (t->phase == PHASE_HELLO)
		tls_begin_estimate(t);
	if (tls_is_handshake(t, dir, record))
		return 0;
	if (tls_is_13(t) && plain == ALERT_BYTES && dir == TLS_FROM_CLIENT)
		estimate_leave(&t->in.estimate);
	if (tls_is_13(t) && (plain == ALERT_BYTES || plain == KEY_UPDATE_BYTES))
		return 0;
	if (!t->spoken)
		t->server_first = dir == TLS_FROM_SERVER;
	t->spoken = true;
	return estimate_record(&t->in.estimate, dir, plain, t->slack) ? TLS_EVENT_ESTIMATE : 0;
}

/* A header is complete and plausible. */
static unsigned
tls_record_begin(struct tls *t, enum tls_dir dir)
{
	struct walk *w = &t->walk[dir];

	w->type = w->header[0];
	w->left = (uint16_t)(w->header[3] << 8 | w->header[4]);
	w->have = 0;
	if (w->type == RECORD_CHANGE_CIPHER)
		w->encrypted = true;
	if (w->type == RECORD_ALERT && t->phase == PHASE_DATA && dir == TLS_FROM_CLIENT)
		estimate_leave(&t->in.estimate);
	return w->type == RECORD_DATA ? tls_app_record(t, dir, w->left) : 0;
}

static bool
is_record_header(const uint8_t *p)
{
	return p[0] >= RECORD_CHANGE_CIPHER && p[0] <= RECORD_HEARTBEAT && p[1] == 3 && p[2] <= 4 &&
	       (p[3] << 8 | p[4]) <= RECORD_BYTES_MAX;
}

/* Bytes whose records are not known: they still belong to a turn. */
static unsigned
tls_count_blind(struct tls *t, enum tls_dir dir, size_t n)
{
	uint32_t bytes = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;

	if (t->phase != PHASE_DATA || n == 0)
		return 0;
	return estimate_record(&t->in.estimate, dir, bytes, 0) ? TLS_EVENT_ESTIMATE : 0;
}

static unsigned
tls_become_garbage(struct tls *t)
{
	if (t->phase == PHASE_HELLO)
		tls_begin_estimate(t);
	t->phase = PHASE_GARBAGE;
	return TLS_EVENT_GARBAGE;
}

/* Bytes inside a record: only those of hellos are looked at. */
static unsigned
tls_record_bytes(struct tls *t, enum tls_dir dir, const uint8_t *data, size_t n)
{
	struct walk *w = &t->walk[dir];
	bool had_client = t->facts.client_read;

	w->left = (uint16_t)(w->left - n);
	if (w->type != RECORD_HANDSHAKE || w->encrypted || t->phase != PHASE_HELLO)
		return 0;
	if (t->hello_dir != dir) {
		hello_init(&t->in.hello);
		t->hello_dir = (uint8_t)dir;
	}
	hello_feed(&t->in.hello, &t->facts, data, n);
	return t->facts.client_read && !had_client ? TLS_EVENT_HELLO : 0;
}

unsigned
tls_data(struct tls *t, enum tls_dir dir, const void *data, size_t n)
{
	struct walk *w = &t->walk[dir];
	const uint8_t *p = data;
	unsigned events = 0;

	if (t->phase == PHASE_GARBAGE || n == 0)
		return 0;
	if (w->lost && w->segment && n >= RECORD_HEADER && is_record_header(p)) {
		w->lost = false;
		w->have = 0;
		w->left = 0;
	}
	w->segment = false;
	if (w->lost)
		return tls_count_blind(t, dir, n);
	while (n > 0) {
		size_t part;

		if (w->left > 0) {
			part = n < w->left ? n : w->left;
			events |= tls_record_bytes(t, dir, p, part);
			p += part;
			n -= part;
			continue;
		}
		part = RECORD_HEADER - w->have;
		part = n < part ? n : part;
		memcpy(w->header + w->have, p, part);
		w->have = (uint8_t)(w->have + part);
		p += part;
		n -= part;
		if (w->have < RECORD_HEADER)
			break;
		if (!is_record_header(w->header))
			return events | tls_become_garbage(t);
		events |= tls_record_begin(t, dir);
	}
	return events;
}

unsigned
tls_skip(struct tls *t, enum tls_dir dir, size_t n)
{
	struct walk *w = &t->walk[dir];
	size_t inside = n < w->left ? n : w->left;

	if (t->phase == PHASE_GARBAGE || n == 0)
		return 0;
	if (w->lost)
		return tls_count_blind(t, dir, n);
	w->left = (uint16_t)(w->left - inside);
	if (inside > 0 && t->phase == PHASE_HELLO && w->type == RECORD_HANDSHAKE)
		hello_init(&t->in.hello);
	if (n == inside)
		return 0;
	w->lost = true;
	w->have = 0;
	return tls_count_blind(t, dir, n - inside);
}

unsigned
tls_gap(struct tls *t, enum tls_dir dir, size_t n)
{
	struct walk *w = &t->walk[dir];

	if (n > 0 && n <= w->left) /* inside one record: nothing that counts is missing */
		return tls_skip(t, dir, n);
	if (t->phase == PHASE_GARBAGE)
		return 0;
	w->lost = true;
	w->have = 0;
	w->left = 0;
	if (t->phase == PHASE_HELLO)
		hello_init(&t->in.hello);
	else
		estimate_gap(&t->in.estimate);
	return tls_count_blind(t, dir, n);
}

void
tls_segment(struct tls *t, enum tls_dir dir)
{
	t->walk[dir].segment = true;
}

unsigned
tls_end(struct tls *t)
{
	if (t->phase == PHASE_HELLO)
		return 0;
	estimate_finish(&t->in.estimate);
	return TLS_EVENT_ESTIMATE;
}

size_t
tls_state_bytes(void)
{
	return sizeof(struct tls);
}

void
tls_init(struct tls *t, const struct tls_hints *hints)
{
	memset(t, 0, sizeof(*t));
	t->hints = *hints;
	hello_init(&t->in.hello);
}

void
tls_estimate_get(const struct tls *t, struct tls_estimate *out)
{
	*out = (struct tls_estimate){0};
	if (t->phase != PHASE_HELLO)
		estimate_get(&t->in.estimate, out);
	if (t->phase == PHASE_GARBAGE)
		out->confidence = 0;
}

const char *
tls_sni(const struct tls *t)
{
	return t->facts.sni;
}

void
tls_client_id(const struct tls *t, char out[TLS_CLIENT_ID_BYTES])
{
	static const char hex[] = "0123456789abcdef";
	unsigned n = 0;

	for (unsigned i = 0; t->facts.client_read && i < sizeof(t->facts.client_id); i++) {
		out[n++] = hex[t->facts.client_id[i] >> 4];
		out[n++] = hex[t->facts.client_id[i] & 15];
	}
	out[n] = '\0';
}

uint16_t
tls_version(const struct tls *t)
{
	return t->facts.version;
}

uint16_t
tls_cipher(const struct tls *t)
{
	return t->facts.version != 0 ? t->facts.cipher : 0;
}

bool
tls_is_garbage(const struct tls *t)
{
	return t->phase == PHASE_GARBAGE;
}

bool
tls_is_mail(const struct tls *t)
{
	struct tls_estimate now;

	if (t->phase != PHASE_DATA || !t->server_first || t->in.estimate.exchanges < MAIL_TURNS)
		return false;
	tls_estimate_get(t, &now);
	return now.confidence >= MAIL_CONFIDENCE;
}

void
tls_hints_init(struct tls_hints *h)
{
	*h = (struct tls_hints){0};
}

/* Case-insensitive search for a lower-case word, which begins with a letter, in text that is not terminated. */
static bool
text_has(const void *text, size_t n, const char *word)
{
	const char *p = text;
	size_t size = strlen(word);

	for (size_t i = 0; size <= n && i <= n - size; i++)
		if ((p[i] | 0x20) == word[0] && strncasecmp(p + i, word, size) == 0)
			return true;
	return false;
}

/*
 * What the greeting says and replies repeat: Google's identifier, "220 mx.google.com ESMTP <it>", and Exim's host name,
 * "220 <it> ESMTP Exim 4.96".
 */
static void
hints_name(struct tls_hints *h, const char *text, size_t n)
{
	static const char esmtp[] = " ESMTP ";
	size_t size = sizeof(esmtp) - 1, at = 0, begin, end;

	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	while (at + size <= n && memcmp(text + at, esmtp, size) != 0)
		at++;
	if (at + size > n || memcmp(text, "220 ", 4) != 0)
		return;
	begin = h->family == TLS_FAMILY_GOOGLE ? at + size : 4;
	end = h->family == TLS_FAMILY_GOOGLE ? n : at;
	if (end > begin && end - begin <= NAME_MAX_BYTES)
		h->name_bytes = (uint8_t)(end - begin);
}

void
tls_hints_greeting(struct tls_hints *h, const void *text, size_t n)
{
	static const struct {
		const char *word;
		enum tls_family family;
	} words[] = {{"postfix", TLS_FAMILY_POSTFIX}, {"exim", TLS_FAMILY_EXIM},
	    {"microsoft esmtp", TLS_FAMILY_EXCHANGE}, {"outlook.com", TLS_FAMILY_EXCHANGE},
	    {"gsmtp", TLS_FAMILY_GOOGLE}};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (h->family == TLS_FAMILY_UNKNOWN && text_has(text, n, words[i].word))
			h->family = (uint8_t)words[i].family;
	if (h->family == TLS_FAMILY_GOOGLE || h->family == TLS_FAMILY_EXIM)
		hints_name(h, text, n);
}

void
tls_hints_ehlo_command(struct tls_hints *h, size_t bytes)
{
	h->ehlo_bytes = (uint16_t)(bytes > UINT16_MAX ? UINT16_MAX : bytes);
	h->ehlo_reply_bytes = 0;
	h->ehlo_seen = false;
	h->pipelining = h->chunking = h->dsn = false;
}

void
tls_hints_ehlo_line(struct tls_hints *h, const void *line, size_t text_bytes, size_t wire_bytes)
{
	size_t sum = h->ehlo_reply_bytes + wire_bytes;

	h->ehlo_reply_bytes = (uint16_t)(sum > UINT16_MAX ? UINT16_MAX : sum);
	h->ehlo_seen = true;
	h->pipelining |= text_has(line, text_bytes, "pipelining");
	h->chunking |= text_has(line, text_bytes, "chunking");
	h->dsn |= text_bytes == DSN_LINE && text_has(line, text_bytes, "dsn");
}
