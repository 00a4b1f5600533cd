/* SPDX-License-Identifier: ISC */
/*
 * Simhash of normalised text; see fingerprint.h.  Pure.  bulkhead-sensor, replay.
 *
 * Text is looked at in blocks of 64 bytes: vector comparisons say for each byte what it is, one bit
 * per byte in a 64-bit mask, and words are runs of ones in it.  A word costs a few loads and two
 * multiplications however many letters it has, where a loop over letters costs several cycles each
 * and a mispredicted branch at every blank.  GCC's vector extensions, so that any machine will do.
 */
#include "sensor/fingerprint.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#define WORDS_MIN     6	   /* fewer words say nothing */
#define TAG_BYTES_MAX 2048 /* markup longer than this was no markup */
#define BLOCK	      64u
#define SLACK	      16u /* bytes behind a block that may be loaded */
#define PART	      15u /* letters that are hashed at once */
#define WORD_TOO_LONG (FINGERPRINT_WORD_BYTES + 1)

enum mode {
	MODE_TEXT,
	MODE_OPEN, /* behind '<' */
	MODE_TAG,
	MODE_COLON, /* behind ':', which may become "://" */
	MODE_SLASH, /* behind ":/" */
	MODE_HOST,
	MODE_URL_REST,
};

static bool
is_letter(uint8_t c) /* of ASCII, or any byte of UTF-8 and 8-bit charsets */
{
	return (uint8_t)((c | 0x20) - 'a') < 26 || c >= 0x80;
}

static bool
is_digit(uint8_t c)
{
	return (uint8_t)(c - '0') < 10;
}

static bool
ends_url(uint8_t c)
{
	return c <= ' ' || c == '"' || c == '\'' || c == '<' || c == '>' || c == ')' || c == ']';
}

void
fingerprint_init(struct fingerprint *f)
{
	memset(f->planes, 0, sizeof(f->planes));
	f->queue[0] = 0; /* before the first word */
	f->queued = 1;
	f->words = 0;
	f->held = 0;
	f->left = FINGERPRINT_TEXT_BYTES;
	f->mode = MODE_TEXT;
}

/* --- features ---------------------------------------------------------------------------------
 */

/* Multiply and fold (as in wyhash): the mixing of a 128-bit product. */
static inline uint64_t
mix(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 wide;
	wide r = (wide)(a ^ UINT64_C(0x9ae16a3b2f90404f)) * (b ^ UINT64_C(0xc3a5c85c97cb3127));
	return (uint64_t)r ^ (uint64_t)(r >> 64);
}

/* Twice 64 counters side by side: features with an even and with an odd number. */
typedef uint64_t pair __attribute__((vector_size(16)));

static inline pair
load_pair(const uint64_t *p)
{
	pair v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* One full adder over all counters at once. */
static inline pair
full_add(pair *sum, pair a, pair b)
{
	pair half = *sum ^ a;
	pair carry = (*sum & a) | (half & b);
	*sum = half ^ b;
	return carry;
}

/* Adds `carry` with the weight of plane k. */
static inline void
ripple(struct fingerprint *f, unsigned k, pair carry)
{
	for (; k < FINGERPRINT_PLANES; k++) {
		pair plane = load_pair(f->planes[k]), next = plane & carry;
		plane ^= carry;
		memcpy(f->planes[k], &plane, sizeof(plane));
		carry = next;
	}
}

/*
 * Sixteen features in one carry-save tree: seven full adders, then one ripple of weight eight.  A
 * feature is a pair of neighbours: single words are mostly those that every text of a language
 * shares, and they would draw strangers together.
 */
static inline void
add_batch(struct fingerprint *f, const uint64_t *words)
{
	uint64_t v[FINGERPRINT_BATCH];
	for (unsigned i = 0; i < FINGERPRINT_BATCH; i++)
		v[i] = mix(words[i], words[i + 1]);
	pair one = load_pair(f->planes[0]), two = load_pair(f->planes[1]),
	     four = load_pair(f->planes[2]);
	pair two_a = full_add(&one, load_pair(v), load_pair(v + 2));
	pair two_b = full_add(&one, load_pair(v + 4), load_pair(v + 6));
	pair four_a = full_add(&two, two_a, two_b);
	two_a = full_add(&one, load_pair(v + 8), load_pair(v + 10));
	two_b = full_add(&one, load_pair(v + 12), load_pair(v + 14));
	pair four_b = full_add(&two, two_a, two_b);
	pair eight = full_add(&four, four_a, four_b);
	memcpy(f->planes[0], &one, sizeof(one));
	memcpy(f->planes[1], &two, sizeof(two));
	memcpy(f->planes[2], &four, sizeof(four));
	ripple(f, 3, eight);
}

/* Adds whole batches; the word before the rest stays in front of it. */
static void
add_queue(struct fingerprint *f)
{
	unsigned at = 0;
	while (at + FINGERPRINT_BATCH < f->queued) {
		add_batch(f, f->queue + at);
		at += FINGERPRINT_BATCH;
	}
	f->words = (uint16_t)(f->words + at);
	f->queued = (uint16_t)(f->queued - at);
	if (at > 0)
		memmove(f->queue, f->queue + at, f->queued * sizeof(f->queue[0]));
}

static inline uint64_t
load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/*
 * Hash of up to 15 letters at p, of which 16 bytes may be read whatever n is.  One bit is given up
 * in every byte: it is the case of ASCII letters, and of Cyrillic ones in the 8-bit charsets.  Not
 * mixed well by itself; the feature does that.
 */
static inline uint64_t
hash_letters(const uint8_t *p, size_t n)
{
#define LOW(n) (UINT64_C(0xdfdfdfdfdfdfdfdf) >> (64 - 8 * (n)))
#define FULL   UINT64_C(0xdfdfdfdfdfdfdfdf)
	static const uint64_t masks[16][2] = {{0, 0}, {LOW(1), 0}, {LOW(2), 0}, {LOW(3), 0},
	    {LOW(4), 0}, {LOW(5), 0}, {LOW(6), 0}, {LOW(7), 0}, {FULL, 0}, {FULL, LOW(1)},
	    {FULL, LOW(2)}, {FULL, LOW(3)}, {FULL, LOW(4)}, {FULL, LOW(5)}, {FULL, LOW(6)},
	    {FULL, LOW(7)}};
#undef LOW
#undef FULL
	return (load64(p) & masks[n][0]) * UINT64_C(0x9e3779b97f4a7c15) +
	       (load64(p + 8) & masks[n][1]) * UINT64_C(0xc2b2ae3d27d4eb4f);
}

/* Words that are long, hold digits (which are left out), or were cut: rare, so by the byte. */
static void
add_word_slowly(struct fingerprint *f, const uint8_t *p, size_t n)
{
	uint8_t letters[FINGERPRINT_WORD_BYTES + SLACK] = {0};
	size_t count = 0, at = 0;
	if (n > FINGERPRINT_WORD_BYTES)
		return;
	for (size_t i = 0; i < n; i++)
		if (!is_digit(p[i]))
			letters[count++] = p[i];
	if (count < 2)
		return;
	uint64_t word = hash_letters(letters, count < PART ? count : PART);
	while ((at += PART) < count)
		word = mix(word, hash_letters(letters + at, count - at < PART ? count - at : PART));
	f->queue[f->queued++] = word;
	if (f->queued > FINGERPRINT_QUEUE - BLOCK / 2)
		add_queue(f);
}

/* --- running text -----------------------------------------------------------------------------
 */

typedef uint8_t bytes16 __attribute__((vector_size(16)));

struct masks { /* bit i is about byte i */
	uint64_t word, digit, special;
};

/* The highest bit of each byte. */
static inline uint64_t
mask_of(bytes16 truth)
{
#ifdef __SSE2__
	typedef char chars16 __attribute__((vector_size(16)));
	return (uint16_t)__builtin_ia32_pmovmskb128((chars16)truth);
#else
	uint64_t half[2];
	memcpy(half, &truth, sizeof(half));
	for (int i = 0; i < 2; i++) {
		uint64_t own_bit = le64toh(half[i]) >> 7 & UINT64_C(0x0101010101010101);
		half[i] = own_bit * UINT64_C(0x0102040810204080) >> 56;
	}
	return half[0] | half[1] << 8;
#endif
}

static inline void
classify(const uint8_t *p, struct masks *out)
{
	*out = (struct masks){0};
	for (unsigned i = 0; i < BLOCK; i += sizeof(bytes16)) {
		bytes16 v;
		memcpy(&v, p + i, sizeof(v));
		bytes16 digit = (bytes16)((v - '0') < 10);
		bytes16 letter = (bytes16)(((v | 0x20) - 'a') < 26);
		bytes16 special = (bytes16)(v == '<') | (bytes16)(v == ':');
		/* The highest bit of a byte that is no ASCII makes it a letter. */
		out->word |= mask_of(letter | digit | v) << i;
		out->digit |= mask_of(digit) << i;
		out->special |= mask_of(special) << i;
	}
}

/* The first mark that begins something, 64 when there is none: not a colon without a slash behind
 * it, unless it is the last byte that is `known`. */
static unsigned
find_special(const uint8_t *p, uint64_t special, unsigned known)
{
	for (; special != 0; special &= special - 1) {
		unsigned i = (unsigned)__builtin_ctzll(special);
		if (p[i] == '<' || i + 1 == known || p[i + 1] == '/')
			return i;
	}
	return BLOCK;
}

/*
 * Every run of ones is a word; none touches the end of the mask.  `plain`: no word holds a digit, so that only the long
 * ones need a closer look.
 */
static inline void
add_runs(struct fingerprint *f, const uint8_t *p, uint64_t runs, uint64_t digits, bool plain)
{
	uint64_t begins = runs & ~(runs << 1), ends = runs << 1 & ~runs;
	uint64_t *to = f->queue + f->queued;

	/* A word of one letter is overwritten by the next one: a branch less. */
	for (; begins != 0; begins &= begins - 1, ends &= ends - 1) {
		size_t begin = (size_t)__builtin_ctzll(begins);
		size_t size = (size_t)__builtin_ctzll(ends) - begin;
		if (size <= PART && (plain || (digits >> begin & ((1U << size) - 1)) == 0)) {
			*to = hash_letters(p + begin, size);
			to += size > 1;
		} else {
			f->queued = (uint16_t)(to - f->queue);
			add_word_slowly(f, p + begin, size);
			to = f->queue + f->queued;
		}
	}
	f->queued = (uint16_t)(to - f->queue);
}

static inline void
add_words(struct fingerprint *f, const uint8_t *p, uint64_t runs, uint64_t digits)
{
	if ((runs & digits) == 0)
		add_runs(f, p, runs, 0, true);
	else
		add_runs(f, p, runs, digits, false);
	if (f->queued > FINGERPRINT_QUEUE - BLOCK / 2)
		add_queue(f);
}

static inline uint64_t
bits_below(unsigned n)
{
	return n < 64 ? (UINT64_C(1) << n) - 1 : ~UINT64_C(0);
}

static void
hold(struct fingerprint *f, const uint8_t *p, size_t n)
{
	f->held = n > FINGERPRINT_WORD_BYTES ? WORD_TOO_LONG : (uint8_t)n;
	memcpy(f->word, p, n > FINGERPRINT_WORD_BYTES ? 0 : n);
}

static void
end_held(struct fingerprint *f)
{
	add_word_slowly(f, f->word, f->held);
	f->held = 0;
}

/*
 * One block, of which `n` bytes are text; returns the bytes taken.  A word that the block cuts is
 * taken with the next one, which begins with it; when this was the last, it is held.
 */
static unsigned
add_block(struct fingerprint *f, const uint8_t *p, unsigned n, bool last)
{
	struct masks m;
	classify(p, &m);
	unsigned mark = find_special(p, m.special & bits_below(n), last ? n : BLOCK + 1);
	if (mark < BLOCK) {
		add_words(f, p, m.word & bits_below(mark), m.digit);
		f->mode = p[mark] == '<' ? MODE_OPEN : MODE_COLON;
		return mark + 1;
	}
	uint64_t gaps = ~m.word & bits_below(n);
	unsigned cut = gaps != 0 ? BLOCK - (unsigned)__builtin_clzll(gaps) : 0;
	add_words(f, p, m.word & bits_below(cut), m.digit);
	if (!last && cut > 0)
		return cut;
	hold(f, p + cut, n - cut);
	return n;
}

/* Goes on with the word that was held; returns the bytes taken. */
static size_t
extend_held(struct fingerprint *f, const uint8_t *text, size_t n)
{
	size_t i = 0;
	for (; i < n && (is_letter(text[i]) || is_digit(text[i])); i++) {
		if (f->held < FINGERPRINT_WORD_BYTES)
			f->word[f->held] = text[i];
		f->held = (uint8_t)(f->held + (f->held < WORD_TOO_LONG));
	}
	if (i < n)
		end_held(f);
	return i;
}

/* Bytes of running text; stops at one that changes the mode, or at n. */
static size_t
add_text(struct fingerprint *f, const uint8_t *text, size_t n)
{
	uint8_t tail[2 * (BLOCK + SLACK)] = {0};
	size_t i = 0;
	while (f->mode == MODE_TEXT && n - i >= BLOCK + SLACK) {
		if (f->held > 0)
			i += extend_held(f, text + i, n - i);
		else
			i += add_block(f, text + i, BLOCK, false);
	}
	if (f->mode != MODE_TEXT || i == n)
		return i;
	/* What is left is too short for loads beyond a block. */
	size_t left = n - i, at = 0;
	memcpy(tail, text + i, left);
	while (f->mode == MODE_TEXT && at < left) {
		bool last = left - at <= BLOCK;
		if (f->held > 0)
			at += extend_held(f, tail + at, left - at);
		else
			at += add_block(f, tail + at, last ? (unsigned)(left - at) : BLOCK, last);
	}
	return i + at;
}

/* --- markup and URLs --------------------------------------------------------------------------
 */

/* Bytes of markup; up to its end, or to where it was none. */
static size_t
add_tag(struct fingerprint *f, const uint8_t *p, size_t n)
{
	size_t room = TAG_BYTES_MAX + 1u - f->tag_bytes;
	size_t most = n < room ? n : room;
	const uint8_t *end = memchr(p, '>', most);
	size_t taken = end != NULL ? (size_t)(end - p) + 1 : most;
	f->tag_bytes = (uint16_t)(f->tag_bytes + taken);
	if (end != NULL || f->tag_bytes > TAG_BYTES_MAX)
		f->mode = MODE_TEXT;
	return taken;
}

/* The letters of a host are one word, whatever stands between them. */
static size_t
add_host(struct fingerprint *f, uint8_t c)
{
	if (is_letter(c)) {
		if (f->held < FINGERPRINT_WORD_BYTES)
			f->word[f->held] = c;
		f->held = (uint8_t)(f->held + (f->held < WORD_TOO_LONG));
		return 1;
	}
	bool end = ends_url(c);
	if (!end && c != '/' && c != '?' && c != '#')
		return 1;
	end_held(f);
	f->mode = end ? MODE_TEXT : MODE_URL_REST;
	return !end;
}

/* Bytes inside markup or a URL; returns those taken, 0 when they must be read again as text. */
static size_t
add_other(struct fingerprint *f, const uint8_t *p, size_t n)
{
	size_t i = 0;
	switch ((enum mode)f->mode) {
	case MODE_OPEN:
		f->tag_bytes = 0;
		/* "<p", "</p", "<!--", "<?xml" are markup; "<3", "< b" are text */
		f->mode =
		    is_letter(*p) || *p == '/' || *p == '!' || *p == '?' ? MODE_TAG : MODE_TEXT;
		return f->mode == MODE_TAG;
	case MODE_TAG:
		return add_tag(f, p, n);
	case MODE_COLON:
	case MODE_SLASH:
		if (*p != '/')
			break;
		f->mode = f->mode == MODE_COLON ? MODE_SLASH : MODE_HOST;
		return 1;
	case MODE_HOST:
		return add_host(f, *p);
	case MODE_URL_REST:
		while (i < n && !ends_url(p[i]))
			i++;
		if (i < n)
			f->mode = MODE_TEXT;
		return i;
	case MODE_TEXT:
		break;
	}
	f->mode = MODE_TEXT;
	return 0;
}

size_t
fingerprint_add(struct fingerprint *f, const uint8_t *text, size_t n)
{
	if (n > f->left)
		n = f->left;
	f->left = (uint16_t)(f->left - n);
	for (size_t i = 0; i < n;) {
		if (f->mode == MODE_TEXT)
			i += add_text(f, text + i, n - i);
		else
			i += add_other(f, text + i, n - i);
	}
	return f->left;
}

uint64_t
fingerprint_finish(struct fingerprint *f)
{
	end_held(f);
	add_queue(f);
	for (unsigned i = 0; i + 1 < f->queued; i++)
		ripple(f, 0, (pair){mix(f->queue[i], f->queue[i + 1])});
	f->words = (uint16_t)(f->words + f->queued - 1);
	f->queue[0] = f->queue[f->queued - 1];
	f->queued = 1;
	if (f->words < WORDS_MIN)
		return 0;
	uint64_t sums[FINGERPRINT_PLANES], carry = 0;
	for (unsigned k = 0; k < FINGERPRINT_PLANES; k++) {
		uint64_t a = f->planes[k][0], b = f->planes[k][1];
		sums[k] = a ^ b ^ carry;
		carry = (a & b) | (carry & (a ^ b));
	}
	/* A bit is set where its counter is above half of the features: compare all 64 at once,
	 * from the top plane down. */
	uint64_t above = 0, equal = ~UINT64_C(0), half = f->words / 2;
	for (unsigned k = FINGERPRINT_PLANES; k-- > 0;) {
		uint64_t bit = (half >> k) & 1 ? ~UINT64_C(0) : 0;
		above |= equal & sums[k] & ~bit;
		equal &= ~(sums[k] ^ bit);
	}
	return above != 0 ? above : 1;
}

bool
fingerprint_has_words(const struct fingerprint *f)
{
	return f->words + f->queued > 1;
}

unsigned
fingerprint_distance(uint64_t a, uint64_t b)
{
	return (unsigned)__builtin_popcountll(a ^ b);
}
