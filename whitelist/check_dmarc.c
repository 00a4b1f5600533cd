/* SPDX-License-Identifier: ISC */
/* DMARC policies and DKIM keys; see check_dmarc.h.  bulkhead-check. */
#include "whitelist/check_dmarc.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KEY_BYTES 1600 /* of a decoded key: 8192 bits and its frame */

static const char *
skip_blanks(const char *s)
{
	while (*s == ' ' || *s == '\t' || *s == '\r' || *s == '\n')
		s++;
	return s;
}

long
check_tag_get(const char *text, const char *name, char *out, size_t size)
{
	size_t name_length = strlen(name);

	while (*text != '\0') {
		const char *s = skip_blanks(text), *end = s + strcspn(s, ";");
		const char *equals = memchr(s, '=', (size_t)(end - s));
		size_t n = 0;

		text = *end == ';' ? end + 1 : end;
		if (equals == NULL)
			continue;
		while (s + n < equals && !isspace((unsigned char)s[n]))
			n++;
		if (n != name_length || strncasecmp(s, name, n) != 0)
			continue;
		s = skip_blanks(equals + 1);
		if (s > end)
			s = end;
		while (end > s && isspace((unsigned char)end[-1]))
			end--;
		if ((size_t)(end - s) >= size)
			return -ENOBUFS;
		memcpy(out, s, (size_t)(end - s));
		out[end - s] = '\0';
		return end - s;
	}
	return -ENOENT;
}

/* "v=DMARC1" first, exactly so (6.3). */
bool
check_dmarc_is_record(const char *text)
{
	const char *s;

	if (text[0] != 'v' && text[0] != 'V')
		return false;
	s = skip_blanks(text + 1);
	if (*s != '=')
		return false;
	s = skip_blanks(s + 1);
	if (strncmp(s, "DMARC1", 6) != 0)
		return false;
	s = skip_blanks(s + 6);
	return *s == ';' || *s == '\0';
}

static bool
is_policy(const char *text)
{
	return strcasecmp(text, "none") == 0 || strcasecmp(text, "quarantine") == 0 ||
	       strcasecmp(text, "reject") == 0;
}

int
check_dmarc_parse(struct check_dmarc *out, const char *text, const char **why)
{
	char value[1024], *end;
	long n;

	memset(out, 0, sizeof(*out));
	out->percent = 100;
	*why = "";
	if (!check_dmarc_is_record(text)) {
		*why = "it does not begin with \"v=DMARC1\"";
		return -EINVAL;
	}
	n = check_tag_get(text, "rua", value, sizeof(value));
	out->reports = n == -ENOBUFS || (n > 0 && strcasestr(value, "mailto:") != NULL);
	n = check_tag_get(text, "p", out->policy, sizeof(out->policy));
	if (n < 0 || !is_policy(out->policy)) {
		if (!out->reports) {
			*why = "its p= is missing or is none of none, quarantine, reject";
			return -EINVAL;
		}
		memcpy(out->policy, "none", 5); /* RFC 7489 6.6.3, step 6 */
	}
	if (check_tag_get(text, "sp", out->subdomain_policy, sizeof(out->subdomain_policy)) < 0 ||
	    !is_policy(out->subdomain_policy))
		memcpy(out->subdomain_policy, out->policy, sizeof(out->policy));
	out->strict_dkim =
	    check_tag_get(text, "adkim", value, sizeof(value)) == 1 && tolower(value[0]) == 's';
	out->strict_spf =
	    check_tag_get(text, "aspf", value, sizeof(value)) == 1 && tolower(value[0]) == 's';
	if (check_tag_get(text, "pct", value, sizeof(value)) > 0) {
		long percent = strtol(value, &end, 10);

		if (*end == '\0' && percent >= 0 && percent <= 100)
			out->percent = (int)percent;
	}
	return 0;
}

/* True when `word` is one of the items of a list with colons. */
static bool
has_word(const char *list, const char *word)
{
	while (*list != '\0') {
		size_t n;

		list = skip_blanks(list);
		n = strcspn(list, ": \t\r\n");
		if (n == strlen(word) && strncasecmp(list, word, n) == 0)
			return true;
		list += strcspn(list, ":");
		if (*list == ':')
			list++;
	}
	return false;
}

int
check_dkim_record_parse(struct check_dkim_record *out, const char *text, const char **why)
{
	char value[256];
	char key[sizeof(out->key)];
	size_t n = 0;
	long length;

	memset(out, 0, sizeof(*out));
	*why = "";
	if (check_tag_get(text, "v", value, sizeof(value)) != -ENOENT &&
	    strcmp(value, "DKIM1") != 0) {
		*why = "its v= is not DKIM1";
		return -EINVAL;
	}
	length = check_tag_get(text, "p", key, sizeof(key));
	if (length < 0) {
		*why = length == -ENOENT ? "it has no p=" : "its p= is too long";
		return -EINVAL;
	}
	for (const char *c = key; *c != '\0'; c++)
		if (!isspace((unsigned char)*c))
			out->key[n++] = *c;
	out->key[n] = '\0';
	out->revoked = n == 0;
	if (check_tag_get(text, "k", value, sizeof(value)) >= 0) {
		out->ed25519 = strcasecmp(value, "ed25519") == 0;
		if (!out->ed25519 && strcasecmp(value, "rsa") != 0) {
			*why = "its k= is neither rsa nor ed25519";
			return -EINVAL;
		}
	}
	out->testing = check_tag_get(text, "t", value, sizeof(value)) > 0 && has_word(value, "y");
	out->not_sha256 =
	    check_tag_get(text, "h", value, sizeof(value)) > 0 && !has_word(value, "sha256");
	out->not_email = check_tag_get(text, "s", value, sizeof(value)) > 0 &&
			 !has_word(value, "*") && !has_word(value, "email");
	return 0;
}

/* Bytes decoded, or -1: a character that is none, or no room. */
static long
base64_decode(const char *text, uint8_t *out, size_t size)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	for (; *text != '\0' && *text != '='; text++) {
		const char *digit = strchr(digits, *text);

		if (digit == NULL)
			return -1;
		bits = bits << 6 | (uint32_t)(digit - digits);
		have += 6;
		if (have >= 8) {
			if (n == size)
				return -1;
			have -= 8;
			out[n++] = (uint8_t)(bits >> have);
		}
	}
	return (long)n;
}

/* DER: enters a value with this tag at *p; its bytes are [*p, return).  NULL when it is not there.
 */
static const uint8_t *
der_enter(const uint8_t **p, const uint8_t *end, uint8_t tag)
{
	const uint8_t *s = *p;
	size_t n;

	if (end - s < 2 || s[0] != tag)
		return NULL;
	n = s[1];
	s += 2;
	if (n >= 0x80) {
		unsigned count = n & 0x7f;

		if (count == 0 || count > 2 || (size_t)(end - s) < count)
			return NULL;
		for (n = 0; count > 0; count--)
			n = n << 8 | *s++;
	}
	if ((size_t)(end - s) < n)
		return NULL;
	*p = s;
	return s + n;
}

/* RSAPublicKey ::= SEQUENCE { modulus INTEGER, ... } */
static unsigned
rsa_bits(const uint8_t *p, const uint8_t *end)
{
	unsigned bits;

	end = der_enter(&p, end, 0x30);
	if (end == NULL)
		return 0;
	end = der_enter(&p, end, 0x02);
	if (end == NULL)
		return 0;
	while (p < end && *p == 0)
		p++;
	if (p == end)
		return 0;
	bits = (unsigned)(end - p) * 8;
	for (uint8_t top = *p; (top & 0x80) == 0; top = (uint8_t)(top << 1))
		bits--;
	return bits;
}

unsigned
check_dkim_key_bits(const struct check_dkim_record *record)
{
	uint8_t der[KEY_BYTES];
	long n = base64_decode(record->key, der, sizeof(der));
	const uint8_t *p = der, *end, *inner;

	if (n <= 0)
		return 0;
	if (record->ed25519)
		return n == 32 ? 256 : 0; /* RFC 8463 4.2: the bare key */
	end = der_enter(&p, der + n, 0x30);
	if (end == NULL)
		return 0;
	/* SubjectPublicKeyInfo has the algorithm's SEQUENCE first, then a BIT STRING. */
	inner = der_enter(&p, end, 0x30);
	if (inner == NULL)
		return rsa_bits(der, der + n);
	p = inner;
	inner = der_enter(&p, end, 0x03);
	if (inner == NULL || p == inner || *p != 0)
		return 0;
	return rsa_bits(p + 1, inner);
}
