/* SPDX-License-Identifier: ISC */
/* Terms of an SPF record; see check_spf_record.h.  bulkhead-check. */
#include "whitelist/check_spf_record.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What may and must follow the name of a mechanism. */
struct mechanism {
	const char *name;
	bool spec, spec_needed, cidr;
};

static const struct mechanism mechanisms[SPF__COUNT] = {
    [SPF_ALL] = {"all", false, false, false},
    [SPF_INCLUDE] = {"include", true, true, false},
    [SPF_A] = {"a", true, false, true},
    [SPF_MX] = {"mx", true, false, true},
    [SPF_PTR] = {"ptr", true, false, false},
    [SPF_IP4] = {"ip4", true, true, false},
    [SPF_IP6] = {"ip6", true, true, false},
    [SPF_EXISTS] = {"exists", true, true, false},
};

bool
check_spf_is_record(const char *text)
{
	return strncasecmp(text, "v=spf1", 6) == 0 && (text[6] == '\0' || text[6] == ' ');
}

/* Digits that are all of [s, s+n), no leading zero, at most max; -1. */
static int
small_number(const char *s, size_t n, int max)
{
	int v = 0;

	if (n == 0 || n > 3 || (n > 1 && s[0] == '0'))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)s[i]))
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	return v <= max ? v : -1;
}

/* Takes "/24", "//64" or "/24//64" off the end of [s, s+*n). */
static int
take_cidr(const char *s, size_t *n, uint8_t *bits4, uint8_t *bits6)
{
	size_t at = *n, digits;
	int v;

	*bits4 = 32;
	*bits6 = 128;
	while (at > 0 && isdigit((unsigned char)s[at - 1]))
		at--;
	digits = *n - at;
	if (at >= 2 && s[at - 1] == '/' && s[at - 2] == '/') {
		v = small_number(s + at, digits, 128);
		if (v < 0)
			return -EINVAL;
		*bits6 = (uint8_t)v;
		*n = at - 2;
		for (at = *n; at > 0 && isdigit((unsigned char)s[at - 1]);)
			at--;
		digits = *n - at;
	}
	if (at >= 1 && s[at - 1] == '/') {
		v = small_number(s + at, digits, 32);
		if (v < 0)
			return -EINVAL;
		*bits4 = (uint8_t)v;
		*n = at - 1;
	}
	return 0;
}

/* "192.0.2.0/24": host bits may be set here (unlike in our configuration), they are cleared. */
static int
parse_net(const char *s, size_t n, bool v6, struct addr_prefix *out)
{
	const char *slash = memchr(s, '/', n);
	size_t length = slash != NULL ? (size_t)(slash - s) : n;
	char text[ADDR_TEXT_BYTES];
	int bits = v6 ? 128 : 32;

	if (length == 0 || length >= sizeof(text))
		return -EINVAL;
	memcpy(text, s, length);
	text[length] = '\0';
	if ((strchr(text, ':') != NULL) != v6 || addr_parse(text, &out->addr) != 0)
		return -EINVAL;
	if (slash != NULL)
		bits = small_number(slash + 1, n - length - 1, bits);
	if (bits < 0)
		return -EINVAL;
	out->bits = (uint8_t)(v6 ? bits : 96 + bits);
	for (unsigned i = out->bits; i < 128; i++)
		out->addr.bytes[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
	return 0;
}

/* A domain-spec expands without a macro error, and holds only visible characters (7.1). */
static bool
spec_is_good(const char *s, size_t n)
{
	static const struct check_spf_names sample = {
	    {{0}}, "postmaster@example.org", "example.org", "example.org"};
	char expanded[1024];

	for (size_t i = 0; i < n; i++)
		if (s[i] < 0x21 || s[i] > 0x7e)
			return false;
	return check_spf_expand(expanded, sizeof(expanded), s, n, &sample) == 0;
}

static int
parse_mechanism(struct check_spf_record *r, const char *term, size_t n)
{
	struct check_spf_term t = {.qualifier = '+', .bits4 = 32, .bits6 = 128};
	size_t name = 0;

	if (strchr("+-~?", term[0]) != NULL) {
		t.qualifier = *term++;
		n--;
	}
	while (name < n && term[name] != ':' && term[name] != '/')
		name++;
	for (t.kind = 0; t.kind < SPF__COUNT; t.kind++)
		if (strlen(mechanisms[t.kind].name) == name &&
		    strncasecmp(mechanisms[t.kind].name, term, name) == 0)
			break;
	if (t.kind == SPF__COUNT || r->count == CHECK_SPF_TERMS_MAX)
		return -EINVAL;
	const struct mechanism *m = &mechanisms[t.kind];
	bool has_spec = name < n && term[name] == ':';
	const char *spec = term + name + has_spec;
	size_t length = n - name - has_spec;
	if (m->cidr && take_cidr(spec, &length, &t.bits4, &t.bits6) != 0)
		return -EINVAL;
	if ((has_spec && (!m->spec || length == 0)) ||
	    (!has_spec && (m->spec_needed || length > 0)))
		return -EINVAL;
	if (t.kind == SPF_IP4 || t.kind == SPF_IP6) {
		if (parse_net(spec, length, t.kind == SPF_IP6, &t.net) != 0)
			return -EINVAL;
	} else if (!spec_is_good(spec, length))
		return -EINVAL;
	t.spec_at = (uint16_t)(spec - r->text);
	t.spec_length = (uint16_t)length;
	r->terms[r->count++] = t;
	return 0;
}

/* name "=" macro-string: redirect and exp at most once, unknown ones are ignored (6). */
static int
parse_modifier(struct check_spf_record *r, const char *term, size_t name, size_t n)
{
	const char *value = term + name + 1;
	size_t length = n - name - 1;

	if (!isalpha((unsigned char)term[0]) || !spec_is_good(value, length))
		return -EINVAL;
	if (name == 8 && strncasecmp(term, "redirect", 8) == 0) {
		if (r->redirect_length != 0 || length == 0)
			return -EINVAL;
		r->redirect_at = (uint16_t)(value - r->text);
		r->redirect_length = (uint16_t)length;
	}
	if (name == 3 && strncasecmp(term, "exp", 3) == 0) {
		if (r->has_exp || length == 0)
			return -EINVAL;
		r->has_exp = true;
	}
	return 0;
}

static int
parse_term(struct check_spf_record *r, const char *term, size_t n)
{
	size_t name = 0;

	while (
	    name < n && (isalnum((unsigned char)term[name]) || strchr("-_.", term[name]) != NULL))
		name++;
	if (name > 0 && name < n && term[name] == '=')
		return parse_modifier(r, term, name, n);
	return parse_mechanism(r, term, n);
}

int
check_spf_parse(struct check_spf_record *out, const char *text, char *why, size_t why_size)
{
	size_t length = strlen(text), at = 6;

	memset(out, 0, sizeof(*out));
	if (!check_spf_is_record(text)) {
		snprintf(why, why_size, "it does not begin with \"v=spf1\"");
		return -EINVAL;
	}
	if (length >= sizeof(out->text)) {
		snprintf(why, why_size, "it has %zu characters", length);
		return -EINVAL;
	}
	memcpy(out->text, text, length + 1);
	while (at < length) {
		size_t n = 0;

		if (out->text[at] == ' ') {
			at++;
			continue;
		}
		while (at + n < length && out->text[at + n] != ' ')
			n++;
		if (parse_term(out, out->text + at, n) != 0) {
			snprintf(why, why_size, "the term \"%.*s\" is wrong or one too many",
			    (int)(n < 60 ? n : 60), out->text + at);
			return -EINVAL;
		}
		at += n;
	}
	return 0;
}
