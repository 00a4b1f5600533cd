/* SPDX-License-Identifier: ISC */
/* Simhash of normalised text.  Pure.  bulkhead-sensor, replay. */
#include "sensor/fingerprint.h"

#include <string.h>

#define WORDS_MIN     6	   /* fewer words say nothing */
#define LETTERS_MAX   40   /* longer words are tokens or encoded data, not language */
#define TAG_BYTES_MAX 2048 /* markup longer than this was no markup */

enum mode {
	MODE_TEXT,
	MODE_OPEN, /* behind '<' */
	MODE_TAG,
	MODE_COLON, /* behind ':', which may become "://" */
	MODE_SLASH, /* behind ":/" */
	MODE_HOST,
	MODE_URL_REST,
};

/* What a byte is: letters carry their lower case, everything else is below 32. */
enum { C_BREAK, C_DIGIT, C_OPEN, C_COLON, C_LETTER_MIN = 32 };
/* clang-format off */
#define LETTER(c)  [c] = (c), [(c) - 'a' + 'A'] = (c)
#define HIGH(c)    [c] = 0xc0 | ((c) & 0x3f) /* UTF-8 and 8-bit charsets: told apart by six bits */
#define HIGH_4(c)  HIGH(c), HIGH((c) + 1), HIGH((c) + 2), HIGH((c) + 3)
#define HIGH_16(c) HIGH_4(c), HIGH_4((c) + 4), HIGH_4((c) + 8), HIGH_4((c) + 12)
static const uint8_t class_of[256] = {
	['0' ... '9'] = C_DIGIT, ['<'] = C_OPEN, [':'] = C_COLON,
	LETTER('a'), LETTER('b'), LETTER('c'), LETTER('d'), LETTER('e'), LETTER('f'), LETTER('g'),
	LETTER('h'), LETTER('i'), LETTER('j'), LETTER('k'), LETTER('l'), LETTER('m'), LETTER('n'),
	LETTER('o'), LETTER('p'), LETTER('q'), LETTER('r'), LETTER('s'), LETTER('t'), LETTER('u'),
	LETTER('v'), LETTER('w'), LETTER('x'), LETTER('y'), LETTER('z'),
	HIGH_16(0x80), HIGH_16(0x90), HIGH_16(0xa0), HIGH_16(0xb0),
	HIGH_16(0xc0), HIGH_16(0xd0), HIGH_16(0xe0), HIGH_16(0xf0),
};
/* clang-format on */

/* Multiply and fold (as in wyhash): the mixing of a 128-bit product. */
static uint64_t
mix(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 wide;
	wide r = (wide)(a ^ UINT64_C(0x9ae16a3b2f90404f)) * (b ^ UINT64_C(0xc3a5c85c97cb3127));
	return (uint64_t)r ^ (uint64_t)(r >> 64);
}

void
fingerprint_init(struct fingerprint *f)
{
	memset(f, 0, sizeof(*f));
	f->left = FINGERPRINT_TEXT_BYTES;
	f->mode = MODE_TEXT;
}

/* One full adder over 64 counters at once. */
static inline uint64_t
full_add(uint64_t *sum, uint64_t a, uint64_t b)
{
	uint64_t half = *sum ^ a;
	uint64_t carry = (*sum & a) | (half & b);
	*sum = half ^ b;
	return carry;
}

/* Adds `carry` with the weight of plane k. */
static inline void
ripple(struct fingerprint *f, unsigned k, uint64_t carry)
{
	for (; carry != 0 && k < FINGERPRINT_PLANES; k++) {
		uint64_t next = f->planes[k] & carry;
		f->planes[k] ^= carry;
		carry = next;
	}
}

/* Eight features in one carry-save tree: seven full adders, then one ripple of weight eight. */
static void
add_batch(struct fingerprint *f)
{
	const uint64_t *v = f->batch;
	uint64_t two_a = full_add(&f->planes[0], v[0], v[1]);
	uint64_t two_b = full_add(&f->planes[0], v[2], v[3]);
	uint64_t four_a = full_add(&f->planes[1], two_a, two_b);
	two_a = full_add(&f->planes[0], v[4], v[5]);
	two_b = full_add(&f->planes[0], v[6], v[7]);
	uint64_t four_b = full_add(&f->planes[1], two_a, two_b);
	uint64_t eight = full_add(&f->planes[2], four_a, four_b);
	ripple(f, 3, eight);
	f->waiting = 0;
}

/* A word ended.  The feature is the pair of neighbours: single words are mostly those that every
 * text of a language shares, and they would draw strangers together. */
static inline void
end_word(struct fingerprint *f, uint64_t word, unsigned letters)
{
	if (letters < 2 || letters > LETTERS_MAX)
		return;
	uint64_t before = f->previous;
	f->previous = word;
	f->batch[f->waiting] = mix(before, word);
	f->features = (uint16_t)(f->features + 1);
	if (++f->waiting == FINGERPRINT_BATCH)
		add_batch(f);
}

/* Bytes of running text; stops at one that changes the mode, or at n. */
static size_t
add_text(struct fingerprint *f, const uint8_t *text, size_t n)
{
	uint64_t word = f->word;
	unsigned letters = f->letters;
	size_t i = 0;
	while (i < n) {
		uint8_t class = class_of[text[i++]];
		if (class >= C_LETTER_MIN) {
			word = ((word << 7) | (word >> 57)) ^ class;
			letters++;
			continue;
		}
		if (class == C_DIGIT)
			continue;
		if (letters > 0)
			end_word(f, word, letters);
		word = letters = 0;
		if (class == C_BREAK)
			continue;
		if (class == C_OPEN || class == C_COLON) {
			f->mode = class == C_OPEN ? MODE_OPEN : MODE_COLON;
			break;
		}
	}
	f->word = word;
	f->letters = (uint8_t)(letters < UINT8_MAX ? letters : UINT8_MAX);
	return i;
}

static void
close_word(struct fingerprint *f)
{
	end_word(f, f->word, f->letters);
	f->word = 0;
	f->letters = 0;
}

static int
ends_url(uint8_t c)
{
	return c <= ' ' || c == '"' || c == '\'' || c == '<' || c == '>' || c == ')' || c == ']';
}

/* One byte inside markup or a URL; returns 0 when it must be read again as text. */
static int
add_other(struct fingerprint *f, uint8_t c)
{
	switch ((enum mode)f->mode) {
	case MODE_OPEN:
		f->tag_bytes = 0;
		/* "<p", "</p", "<!--", "<?xml" are markup; "<3", "< b" are text */
		f->mode = class_of[c] >= C_LETTER_MIN || c == '/' || c == '!' || c == '?'
			      ? MODE_TAG
			      : MODE_TEXT;
		return f->mode == MODE_TAG;
	case MODE_TAG:
		if (c == '>' || ++f->tag_bytes > TAG_BYTES_MAX)
			f->mode = MODE_TEXT;
		return 1;
	case MODE_COLON:
	case MODE_SLASH:
		if (c != '/')
			break;
		f->mode = f->mode == MODE_COLON ? MODE_SLASH : MODE_HOST;
		return 1;
	case MODE_HOST:
		if (class_of[c] >= C_LETTER_MIN) {
			f->word = ((f->word << 7) | (f->word >> 57)) ^ class_of[c];
			f->letters = (uint8_t)(f->letters + (f->letters < UINT8_MAX));
			return 1;
		}
		if (!ends_url(c) && c != '/' && c != '?' && c != '#')
			return 1;
		close_word(f);
		if (ends_url(c))
			break;
		f->mode = MODE_URL_REST;
		return 1;
	case MODE_URL_REST:
		if (!ends_url(c))
			return 1;
		break;
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
			i += (size_t)add_other(f, text[i]);
	}
	return f->left;
}

uint64_t
fingerprint_finish(struct fingerprint *f)
{
	close_word(f);
	for (unsigned i = 0; i < f->waiting; i++)
		ripple(f, 0, f->batch[i]);
	f->waiting = 0;
	if (f->features < WORDS_MIN)
		return 0;
	/* A bit is set where its counter is above half of the features: compare all 64 at once,
	 * from the top plane down. */
	uint64_t above = 0, equal = ~UINT64_C(0), half = f->features / 2;
	for (unsigned k = FINGERPRINT_PLANES; k-- > 0;) {
		uint64_t bit = (half >> k) & 1 ? ~UINT64_C(0) : 0;
		above |= equal & f->planes[k] & ~bit;
		equal &= ~(f->planes[k] ^ bit);
	}
	return above != 0 ? above : 1;
}

unsigned
fingerprint_distance(uint64_t a, uint64_t b)
{
	return (unsigned)__builtin_popcountll(a ^ b);
}
