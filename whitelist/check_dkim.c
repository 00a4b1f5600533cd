/* SPDX-License-Identifier: ISC */
/*
 * DKIM by libopendkim; see check_dkim.h.  The body hash is made here: the library makes it only
 * where it has a key, and a changed body should be told without one.  bulkhead-check.
 */
#include "whitelist/check_dkim.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

#include <opendkim/dkim.h>

#define ED25519_BITS 256

/* --- the body hash: RFC 6376 3.4.3, 3.4.4 ------------------------------------------------------
 */

struct body {
	struct hash_stream *hash;
	uint64_t left; /* of l= */
	bool relaxed;
	uint64_t empty_lines;
};

static void
body_add(struct body *b, const char *data, size_t n)
{
	if (n > b->left)
		n = (size_t)b->left;
	hash_stream_add(b->hash, data, n);
	b->left -= n;
}

/* One line without its end.  Empty lines wait until a full one follows: those at the end do not
 * count. */
static void
body_line(struct body *b, const char *line, size_t n)
{
	size_t from = 0;

	if (b->relaxed)
		while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t'))
			n--;
	if (n == 0) {
		b->empty_lines++;
		return;
	}
	for (; b->empty_lines > 0; b->empty_lines--)
		body_add(b, "\r\n", 2);
	for (size_t i = 0; b->relaxed && i < n; i++) {
		if (line[i] != ' ' && line[i] != '\t')
			continue;
		body_add(b, line + from, i - from);
		body_add(b, " ", 1);
		while (i + 1 < n && (line[i + 1] == ' ' || line[i + 1] == '\t'))
			i++;
		from = i + 1;
	}
	body_add(b, line + from, n - from);
	body_add(b, "\r\n", 2);
}

static int
hex_digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* The base64 of a SHA-256 in hex. */
static void
base64_of_hex(char out[48], const char *hex)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned value = 0, bits = 0;
	size_t used = 0;

	for (; hex[0] != '\0'; hex++) {
		value = (value << 4) | (unsigned)hex_digit(hex[0]);
		bits += 4;
		if (bits >= 6) {
			bits -= 6;
			out[used++] = digits[(value >> bits) & 63];
		}
	}
	if (bits > 0)
		out[used++] = digits[(value << (6 - bits)) & 63];
	while (used % 4 != 0)
		out[used++] = '=';
	out[used] = '\0';
}

/* `body` has CRLF line ends. */
static void
body_hash(char out[48], const char *body, size_t size, bool relaxed, uint64_t limit)
{
	struct body b = {.hash = hash_stream_new(), .left = limit, .relaxed = relaxed};
	char hex[HASH_SHA256_HEX] = "";

	out[0] = '\0';
	if (b.hash == NULL)
		return;
	while (size > 0) {
		const char *end = memmem(body, size, "\r\n", 2);
		size_t n = end != NULL ? (size_t)(end - body) : size;

		body_line(&b, body, n);
		n += end != NULL ? 2 : 0;
		body += n;
		size -= n;
	}
	/* An empty body is one line end in the simple form, nothing in the relaxed one. */
	if (!relaxed && b.left == limit)
		body_add(&b, "\r\n", 2);
	hash_stream_finish(b.hash, hex);
	base64_of_hex(out, hex);
}

/* --- the library --------------------------------------------------------------------------------
 */

/* Of the one message that this process reads; the library's callback has no argument of ours. */
static const char *keys_at_hand;

static DKIM_CBSTAT
find_key(DKIM *dkim, DKIM_SIGINFO *sig, u_char *buf, size_t size)
{
	char name[600];
	size_t n;

	(void)dkim;
	snprintf(name, sizeof(name), "%s._domainkey.%s ", (const char *)dkim_sig_getselector(sig),
	    (const char *)dkim_sig_getdomain(sig));
	n = strlen(name);
	for (const char *line = keys_at_hand; *line != '\0';) {
		size_t length = strcspn(line, "\n");

		if (length > n && strncasecmp(line, name, n) == 0) {
			snprintf((char *)buf, size, "%.*s", (int)(length - n), line + n);
			return DKIM_CBSTAT_CONTINUE;
		}
		line += length;
		line += *line == '\n';
	}
	return DKIM_CBSTAT_NOTFOUND;
}

/* True when the colon-separated list of h= has the name. */
static bool
signs(const char *list, const char *name)
{
	size_t n = strlen(name);

	while (list != NULL && *list != '\0') {
		list += strspn(list, " \t\r\n:");
		if (strncasecmp(list, name, n) == 0 &&
		    (list[n] == '\0' || strchr(" \t\r\n:", list[n]) != NULL))
			return true;
		list += strcspn(list, ":");
	}
	return false;
}

static const char *
tag(DKIM_SIGINFO *sig, const char *name)
{
	char key[4];

	snprintf(key, sizeof(key), "%s", name);
	return (const char *)dkim_sig_gettagvalue(sig, false, (u_char *)key);
}

/* True when bh= is the hash of the body as c= and l= say. */
static bool
body_fits(DKIM_SIGINFO *sig, const char *body, size_t size)
{
	const char *form = tag(sig, "c"), *limit = tag(sig, "l"), *wanted = tag(sig, "bh");
	const char *slash = form != NULL ? strchr(form, '/') : NULL;
	char made[48], given[48];
	size_t used = 0;

	body_hash(made, body, size, slash != NULL && strncmp(slash + 1, "relaxed", 7) == 0,
	    limit != NULL ? strtoull(limit, NULL, 10) : UINT64_MAX);
	for (; wanted != NULL && *wanted != '\0' && used + 1 < sizeof(given); wanted++)
		if (!isspace((unsigned char)*wanted))
			given[used++] = *wanted;
	given[used] = '\0';
	return made[0] != '\0' && strcmp(made, given) == 0;
}

static void
describe(DKIM_SIGINFO *sig, const char *body, size_t size, struct check_dkim_result *r)
{
	const char *domain = (const char *)dkim_sig_getdomain(sig), *list = tag(sig, "h");
	const char *selector = (const char *)dkim_sig_getselector(sig), *algorithm = tag(sig, "a");
	unsigned bits = 0;
	int error = dkim_sig_geterror(sig);

	memset(r, 0, sizeof(*r));
	snprintf(r->dkim.domain, sizeof(r->dkim.domain), "%s", domain != NULL ? domain : "");
	snprintf(
	    r->dkim.selector, sizeof(r->dkim.selector), "%s", selector != NULL ? selector : "");
	snprintf(r->algorithm, sizeof(r->algorithm), "%s", algorithm != NULL ? algorithm : "?");
	r->dkim.signs_one_click =
	    signs(list, "list-unsubscribe") && signs(list, "list-unsubscribe-post");
	r->key_missing = error == DKIM_SIGERROR_NOKEY || error == DKIM_SIGERROR_KEYFAIL;
	if (dkim_sig_getkeysize(sig, &bits) == DKIM_STAT_OK)
		r->dkim.key_bits = (uint16_t)bits;
	/* The library sizes RSA keys alone; the other kind has one size (RFC 8463 section 4). */
	if (!r->key_missing && strcasecmp(r->algorithm, "ed25519-sha256") == 0)
		r->dkim.key_bits = ED25519_BITS;
	if (strcasecmp(r->algorithm, "rsa-sha256") != 0 &&
	    strcasecmp(r->algorithm, "ed25519-sha256") != 0) {
		snprintf(r->problem, sizeof(r->problem),
		    "its algorithm %s is no longer accepted (RFC 8301)", r->algorithm);
		return;
	}
	r->dkim.body_ok = body_fits(sig, body, size);
	if (!r->dkim.body_ok)
		snprintf(r->problem, sizeof(r->problem),
		    "its body hash does not fit: the body was changed after signing");
	else if ((dkim_sig_getflags(sig) & DKIM_SIGFLAG_PASSED) != 0)
		r->dkim.verified = true;
	else if (error == DKIM_SIGERROR_EXPIRED)
		r->expired = true;
	else if (!r->key_missing)
		snprintf(r->problem, sizeof(r->problem), "%s", dkim_sig_geterrorstr(error));
}

/* A copy with CRLF line ends, as DKIM has it. */
static char *
to_crlf(const char *message, size_t size, size_t *out_size)
{
	char *out = malloc(2 * size + 1);
	size_t used = 0;

	for (size_t i = 0; out != NULL && i < size; i++) {
		if (message[i] == '\n' && (i == 0 || message[i - 1] != '\r'))
			out[used++] = '\r';
		out[used++] = message[i];
	}
	*out_size = used;
	return out;
}

static int
run(DKIM_LIB *lib, const char *crlf, size_t size, struct check_dkim_result *out, struct err *e)
{
	const char *body = memmem(crlf, size, "\r\n\r\n", 4);
	size_t body_size = body != NULL ? size - (size_t)(body + 4 - crlf) : 0;
	DKIM_SIGINFO **sigs = NULL;
	DKIM_STAT status;
	bool test_key;
	int count = 0;
	DKIM *dkim = dkim_verify(lib, (const unsigned char *)"sample", NULL, &status);

	if (dkim == NULL)
		return err_set(e, -ENOMEM, "no memory to verify signatures");
	status = dkim_chunk(dkim, (u_char *)(uintptr_t)crlf, size);
	if (status == DKIM_STAT_OK)
		status = dkim_chunk(dkim, NULL, 0);
	if (status == DKIM_STAT_OK)
		(void)dkim_eom(dkim, &test_key); /* the signatures say it each for itself */
	if (status != DKIM_STAT_OK && status != DKIM_STAT_NOSIG)
		count = err_set(e, -EBADMSG, "%s",
		    dkim_geterror(dkim) != NULL ? dkim_geterror(dkim) : dkim_getresultstr(status));
	else if (dkim_getsiglist(dkim, &sigs, &count) != DKIM_STAT_OK)
		count = 0;
	for (int i = 0; sigs != NULL && i < count && i < CHECK_DKIM_MAX; i++)
		describe(sigs[i], body != NULL ? body + 4 : "", body_size, &out[i]);
	dkim_free(dkim);
	return count;
}

int
check_dkim_read(const char *message, size_t size, const char *keys,
    struct check_dkim_result out[CHECK_DKIM_MAX], struct err *e)
{
	DKIM_LIB *lib = dkim_init(NULL, NULL);
	char *crlf;
	size_t crlf_size;
	int rc;

	crlf = to_crlf(message, size, &crlf_size);
	if (lib == NULL || crlf == NULL) {
		if (lib != NULL)
			dkim_close(lib);
		free(crlf);
		return err_set(e, -ENOMEM, "no memory to verify signatures");
	}
	keys_at_hand = keys;
	dkim_set_key_lookup(lib, find_key);
	rc = run(lib, crlf, crlf_size, out, e);
	dkim_close(lib);
	free(crlf);
	return rc;
}
