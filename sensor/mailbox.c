/* SPDX-License-Identifier: ISC */
/* Mail addresses: spans, cleaned domains, keyed hashes.  Pure.  bulkhead-sensor, replay. */
#include "sensor/mailbox.h"

#include <string.h>

#include "sensor/ascii.h"

#define ADDRESS_HASH_BYTES \
	512 /* an address is at most 256 (RFC 5321 4.5.3.1.3); longer ones are cut */

/* What nearly all addresses consist of, in lower case; 0: look closer. */
/* clang-format off */
#define PLAIN(c)  [c] = (c), [(c) - 'a' + 'A'] = (c)
static const uint8_t plain_of[256] = {
	PLAIN('a'), PLAIN('b'), PLAIN('c'), PLAIN('d'), PLAIN('e'), PLAIN('f'), PLAIN('g'), PLAIN('h'), PLAIN('i'),
	PLAIN('j'), PLAIN('k'), PLAIN('l'), PLAIN('m'), PLAIN('n'), PLAIN('o'), PLAIN('p'), PLAIN('q'), PLAIN('r'),
	PLAIN('s'), PLAIN('t'), PLAIN('u'), PLAIN('v'), PLAIN('w'), PLAIN('x'), PLAIN('y'), PLAIN('z'),
	['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4', ['5'] = '5', ['6'] = '6', ['7'] = '7',
	['8'] = '8', ['9'] = '9', ['-'] = '-', ['_'] = '_', ['+'] = '+', ['='] = '=', ['.'] = '.',
};
/* clang-format on */

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* End of a quoted string that begins at i (the index after its closing quote, or n). */
static size_t
quoted_end(const uint8_t *p, size_t i, size_t n)
{
	for (i++; i < n; i++) {
		if (p[i] == '\\')
			i++;
		else if (p[i] == '"')
			return i + 1;
	}
	return n;
}

/* Splits an addr-spec at its last '@' outside of quotes; trailing dots of the domain are dropped.
 */
static void
split(const uint8_t *p, size_t n, struct mailbox *out)
{
	size_t at = n;
	for (size_t i = 0; i < n;) {
		if (p[i] == '"') {
			i = quoted_end(p, i, n);
			continue;
		}
		if (p[i] == '@')
			at = i;
		i++;
	}
	out->local = p;
	out->local_size = at;
	out->domain = p + at;
	out->domain_size = 0;
	if (at < n) {
		out->domain = p + at + 1;
		out->domain_size = n - at - 1;
	}
	while (out->domain_size > 0 && (out->domain[out->domain_size - 1] == '.' ||
					   is_blank(out->domain[out->domain_size - 1])))
		out->domain_size--;
}

/* "<local@domain>" of plain characters, as in nearly all commands; false when it is not that. */
static bool
parse_plain_path(const uint8_t *text, size_t n, struct mailbox *out)
{
	size_t i = 1, at;

	if (n < 3 || text[0] != '<')
		return false;
	while (i < n && plain_of[text[i]] != 0)
		i++;
	at = i;
	if (i == n || text[i] != '@' || i == 1)
		return false;
	for (i++; i < n && plain_of[text[i]] != 0;)
		i++;
	if (i == n || text[i] != '>' || text[i - 1] == '.' || text[i - 1] == '@')
		return false;
	*out = (struct mailbox){.local = text + 1,
	    .local_size = at - 1,
	    .domain = text + at + 1,
	    .domain_size = i - at - 1};
	return true;
}

void
mailbox_parse_path(const uint8_t *text, size_t n, struct mailbox *out)
{
	size_t from = 0;
	if (parse_plain_path(text, n, out))
		return;
	while (from < n && is_blank(text[from]))
		from++;
	bool bracket = from < n && text[from] == '<';
	if (bracket)
		from++;
	/* "@relay1,@relay2:user@domain" */
	if (from < n && text[from] == '@') {
		const uint8_t *colon = memchr(text + from, ':', n - from);
		const uint8_t *end = memchr(text + from, '>', n - from);
		if (colon != NULL && (end == NULL || colon < end))
			from = (size_t)(colon - text) + 1;
	}
	size_t to = from;
	while (to < n) {
		if (text[to] == '"') {
			to = quoted_end(text, to, n);
			continue;
		}
		if (text[to] == '>' || text[to] == '\r' || text[to] == '\n' ||
		    (!bracket && is_blank(text[to])))
			break;
		to++;
	}
	while (to > from && is_blank(text[to - 1]))
		to--;
	while (from < to && is_blank(text[from]))
		from++;
	split(text + from, to - from, out);
}

/* End of a comment that begins at i; comments nest. */
static size_t
comment_end(const uint8_t *p, size_t i, size_t n)
{
	unsigned depth = 0;
	for (; i < n; i++) {
		if (p[i] == '\\')
			i++;
		else if (p[i] == '(')
			depth++;
		else if (p[i] == ')' && --depth == 0)
			return i + 1;
	}
	return n;
}

/* End of an encoded word "=?charset?Q?text?=" that begins at i, or i when there is none. */
static size_t
encoded_end(const uint8_t *p, size_t i, size_t n)
{
	if (i + 1 >= n || p[i] != '=' || p[i + 1] != '?')
		return i;
	unsigned marks = 0;
	for (size_t k = i + 1; k < n && !is_blank(p[k]); k++) {
		if (p[k] == '?' && ++marks >= 4 && k + 1 < n && p[k + 1] == '=')
			return k + 2;
	}
	return i;
}

bool
mailbox_parse_from(const uint8_t *text, size_t n, struct mailbox *out)
{
	size_t word = 0; /* where the word that may be an address begins */
	bool has_at = false;
	for (size_t i = 0; i < n;) {
		uint8_t c = text[i];
		size_t skip = encoded_end(text, i, n);
		if (skip > i) {
			i = word = skip;
			has_at = false;
		} else if (c == '"') {
			i = quoted_end(text, i, n);
			if (i >= n || text[i] != '@')
				word = i;
		} else if (c == '(') {
			if (has_at) {
				split(text + word, i - word, out);
				return out->domain_size > 0;
			}
			i = word = comment_end(text, i, n);
		} else if (c == '<') {
			mailbox_parse_path(text + i, n - i, out);
			if (out->domain_size > 0)
				return true;
			i = word = i + 1;
		} else if (is_blank(c) || c == ',' || c == ';' || (c == ':' && !has_at)) {
			/* A bare address ends here unless a bracketed one follows ("a@b.c" <d@e.f>
			 * is quoted; unquoted, the brackets win). */
			const uint8_t *open = memchr(text + i, '<', n - i);
			if (has_at && (c == ',' || c == ';' || open == NULL)) {
				split(text + word, i - word, out);
				return out->domain_size > 0;
			}
			i = word = i + 1;
			has_at = false;
		} else {
			has_at |= c == '@';
			i++;
		}
	}
	if (!has_at)
		return false;
	split(text + word, n - word, out);
	return out->domain_size > 0;
}

size_t
mailbox_utf8_size(const uint8_t *p, size_t n)
{
	if (n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	size_t size = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || size > n)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* overlong forms, surrogates, beyond U+10FFFF */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return size;
}

/* A domain of plain characters that needs nothing but its lower case. */
static bool
copy_plain_domain(char out[OBS_DOMAIN_BYTES], const uint8_t *domain, size_t n)
{
	if (n >= OBS_DOMAIN_BYTES || n == 0 || domain[n - 1] == '.')
		return false;
	for (size_t i = 0; i < n; i++) {
		out[i] = (char)plain_of[domain[i]];
		if (out[i] == '\0')
			return false;
	}
	out[n] = '\0';
	return true;
}

void
mailbox_clean_domain(char out[OBS_DOMAIN_BYTES], const uint8_t *domain, size_t n)
{
	if (copy_plain_domain(out, domain, n))
		return;
	char clean[ADDRESS_HASH_BYTES] = "";
	size_t used = 0;
	/* A hostile length costs no more than a long honest one: only the right end is looked at.
	 */
	if (n > sizeof(clean)) {
		domain += n - sizeof(clean);
		n = sizeof(clean);
	}
	for (size_t i = 0; i < n;) {
		size_t size = mailbox_utf8_size(domain + i, n - i);
		bool keep = size > 1 ? domain[i] != 0xc2 || domain[i + 1] >= 0xa0 /* C1 controls */
				     : size == 1 && domain[i] > ' ' && domain[i] < 0x7f &&
					   domain[i] != '"' && domain[i] != '<' &&
					   domain[i] != '>' && domain[i] != '\\';
		if (size == 0)
			size = 1;
		if (keep) {
			for (size_t k = 0; k < size; k++)
				clean[used++] = (char)ascii_lower(domain[i + k]);
		}
		i += size;
	}
	while (used > 0 && clean[used - 1] == '.')
		used--;
	size_t from = 0;
	if (used >= OBS_DOMAIN_BYTES) {
		from = used - (OBS_DOMAIN_BYTES - 1);
		while (from < used && ((uint8_t)clean[from] & 0xc0) == 0x80)
			from++;
	}
	memcpy(out, clean + from, used - from);
	out[used - from] = '\0';
}

static size_t
copy_lower(uint8_t *out, size_t room, const uint8_t *p, size_t n)
{
	if (n > room)
		n = room;
	ascii_copy_lower(out, p, n);
	return n;
}

static uint64_t
never_zero(uint64_t hash)
{
	return hash != 0 ? hash : 1;
}

uint64_t
mailbox_hash(const uint8_t key[HASH_KEY_BYTES], const struct mailbox *m)
{
	uint8_t address[ADDRESS_HASH_BYTES];
	if (m->local_size + m->domain_size == 0)
		return 0;
	size_t used = copy_lower(address, sizeof(address) / 2, m->local, m->local_size);
	address[used++] = '@';
	used += copy_lower(address + used, sizeof(address) - used, m->domain, m->domain_size);
	return never_zero(hash_keyed(key, address, used));
}

uint64_t
mailbox_hash_domain(const uint8_t key[HASH_KEY_BYTES], const struct mailbox *m)
{
	uint8_t domain[ADDRESS_HASH_BYTES];
	if (m->domain_size == 0)
		return 0;
	size_t used = copy_lower(domain, sizeof(domain), m->domain, m->domain_size);
	return never_zero(hash_keyed(key, domain, used));
}
