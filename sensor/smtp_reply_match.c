/* SPDX-License-Identifier: ISC */
/*
 * The search in the table of refusals; see smtp_reply.h.  bulkhead-sensor, replay.
 *
 * A list of dead addresses brings one refusal per recipient, so the table is not walked: all its
 * alternatives hang in an index by their first three bytes, and the text is run through once.  What
 * the index offers is compared in full.
 */
#include <assert.h>
#include <string.h>

#include "sensor/smtp_reply.h"

#define INDEX_BITS	 12
#define ALTERNATIVES_MAX 1024 /* the table has some 560 */
#define KEY_BYTES	 3    /* no word of the table is shorter */

struct alternative {
	const char *text;
	uint16_t size;
	uint16_t rule;
	uint16_t next; /* in its place of the index, 0 = none */
};

/* Made from the table at the first refusal, and never changed. */
static struct index {
	uint16_t count;	 /* [0] is never used */
	uint16_t always; /* the empty ones: rules without words */
	uint16_t first[1u << INDEX_BITS];
	struct alternative list[ALTERNATIVES_MAX];
} words;

static unsigned
place_of(const uint8_t *key)
{
	uint32_t three = (uint32_t)(key[0] | key[1] << 8 | key[2] << 16);

	return three * UINT32_C(0x9e3779b1) >> (32 - INDEX_BITS);
}

static void
index_alternative(const char *text, size_t size, size_t rule)
{
	uint16_t *place = size == 0 ? &words.always : &words.first[place_of((const uint8_t *)text)];

	assert(words.count < ALTERNATIVES_MAX - 1 && (size == 0 || size >= KEY_BYTES));
	words.count++;
	words.list[words.count] = (struct alternative){
	    .text = text, .size = (uint16_t)size, .rule = (uint16_t)rule, .next = *place};
	*place = words.count;
}

static void
make_index(void)
{
	for (size_t i = 0; i < smtp_reply_rule_count; i++) {
		const char *pattern = smtp_reply_rules[i].pattern, *bar;
		while ((bar = strchr(pattern, '|')) != NULL) {
			index_alternative(pattern, (size_t)(bar - pattern), i);
			pattern = bar + 1;
		}
		index_alternative(pattern, strlen(pattern), i);
	}
}

/* Lower case for ASCII, Latin letters with accents and Cyrillic; blanks of any kind and length
 * become one.  At most SMTP_REPLY_TEXT_BYTES with a terminator. */
static size_t
normalise(uint8_t *out, const uint8_t *text, size_t n)
{
	size_t used = 0;
	for (size_t i = 0; i < n && used < SMTP_REPLY_TEXT_BYTES - 1; i++) {
		uint8_t c = text[i];
		if (c <= ' ') {
			if (used > 0 && out[used - 1] != ' ')
				out[used++] = ' ';
			continue;
		}
		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		uint8_t before = used > 0 ? out[used - 1] : 0;
		if (before == 0xc3 && c >= 0x80 && c <= 0x9e) {
			c = (uint8_t)(c + 0x20);
		} else if (before == 0xd0 && c >= 0x90 && c <= 0x9f) {
			c = (uint8_t)(c + 0x20);
		} else if (before == 0xd0 && c >= 0xa0 && c <= 0xaf) {
			out[used - 1] = 0xd1;
			c = (uint8_t)(c - 0x20);
		}
		out[used++] = c;
	}
	out[used] = '\0';
	return used;
}

/* Its parts between '*' stand in this order in the text, the first one at its beginning. */
static bool
alternative_fits(const struct alternative *a, const uint8_t *text, size_t n)
{
	const uint8_t *at = text, *end = text + n;
	const char *pattern = a->text;
	size_t left = a->size;
	while (left > 0) {
		const char *star = memchr(pattern, '*', left);
		size_t part = star != NULL ? (size_t)(star - pattern) : left;
		const uint8_t *hit = at;
		if (at != text)
			hit = memmem(at, (size_t)(end - at), pattern, part);
		else if (part > n || memcmp(at, pattern, part) != 0)
			return false;
		if (hit == NULL)
			return false;
		at = hit + part;
		pattern += part;
		left -= part;
		if (left > 0) {
			pattern++;
			left--;
		}
	}
	return true;
}

static bool
rule_applies(const struct smtp_reply_rule *r, unsigned code, const uint8_t enhanced[3])
{
	bool has_enhanced = enhanced[0] != 0;
	if (r->code != 0 && r->code != (r->code < 100 ? code / 100 : code))
		return false;
	if (r->subject >= 0 && (!has_enhanced || r->subject != enhanced[1]))
		return false;
	return r->detail < 0 || (has_enhanced && r->detail == enhanced[2]);
}

/* The first rule before `best` of which an alternative of this place begins the text. */
static size_t
best_of(uint16_t place, size_t best, unsigned code, const uint8_t enhanced[3], const uint8_t *text,
    size_t n)
{
	for (const struct alternative *a; place != 0; place = a->next) {
		a = &words.list[place];
		if (a->rule < best && rule_applies(&smtp_reply_rules[a->rule], code, enhanced) &&
		    alternative_fits(a, text, n))
			best = a->rule;
	}
	return best;
}

const struct smtp_reply_rule *
smtp_reply_find_rule(unsigned code, const uint8_t enhanced[3], const uint8_t *text, size_t n)
{
	uint8_t plain[SMTP_REPLY_TEXT_BYTES];
	if (code < 400)
		return NULL;
	if (words.count == 0)
		make_index();
	size_t size = normalise(plain, text, n);
	size_t best = best_of(words.always, smtp_reply_rule_count, code, enhanced, plain, size);
	for (size_t i = 0; i + KEY_BYTES <= size; i++)
		best = best_of(
		    words.first[place_of(plain + i)], best, code, enhanced, plain + i, size - i);
	return best < smtp_reply_rule_count ? &smtp_reply_rules[best] : NULL;
}
