/* SPDX-License-Identifier: ISC */
/* Lines of an SMTP client (RFC 5321, 3030).  Pure.  bulkhead-sensor, replay. */
#include "sensor/smtp_command.h"

#include <string.h>

#include "sensor/ascii.h"

#define LAST_LINE_MAX  1000 /* RFC 5321 4.5.3.1.6: a text line with CRLF */
#define SCAN_WHOLE_MAX 64   /* segments this short are searched without a look at their last line */

enum follow { FOLLOW_LINE_END, FOLLOW_BLANK, FOLLOW_FROM, FOLLOW_TO, FOLLOW_DIGIT, FOLLOW_ANY };

static const struct verb {
	const char *name; /* upper case letters */
	size_t size;
	enum smtp_kind kind;
	enum follow follow; /* what must stand behind it to be plausible without context */
} verbs[] = {
#define VERB(name, kind, follow)                     \
	{                                            \
		name, sizeof(name) - 1, kind, follow \
	}
    VERB("MAIL", SMTP_MAIL, FOLLOW_FROM),
    VERB("RCPT", SMTP_RCPT, FOLLOW_TO),
    VERB("DATA", SMTP_DATA, FOLLOW_LINE_END),
    VERB("BDAT", SMTP_CHUNK, FOLLOW_DIGIT),
    VERB("QUIT", SMTP_QUIT, FOLLOW_LINE_END),
    VERB("RSET", SMTP_RSET, FOLLOW_LINE_END),
    VERB("EHLO", SMTP_EHLO, FOLLOW_BLANK),
    VERB("HELO", SMTP_HELO, FOLLOW_BLANK),
    VERB("LHLO", SMTP_EHLO, FOLLOW_BLANK), /* RFC 2033 */
    VERB("STARTTLS", SMTP_STARTTLS, FOLLOW_LINE_END),
    VERB("AUTH", SMTP_AUTH, FOLLOW_BLANK),
    VERB("XCLIENT", SMTP_XCLIENT, FOLLOW_BLANK),
    VERB("NOOP", SMTP_OTHER, FOLLOW_ANY),
    VERB("VRFY", SMTP_OTHER, FOLLOW_BLANK),
    VERB("EXPN", SMTP_OTHER, FOLLOW_BLANK),
    VERB("HELP", SMTP_OTHER, FOLLOW_ANY),
    VERB("ETRN", SMTP_OTHER, FOLLOW_BLANK),
    VERB("XFORWARD", SMTP_OTHER, FOLLOW_BLANK),
#undef VERB
};
#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool
is_line_end(uint8_t c)
{
	return c == '\r' || c == '\n';
}

/* The verb at the start; it ends at a blank or the end of the line. */
static const struct verb *
find_verb(const uint8_t *line, size_t n, size_t *size)
{
	for (size_t i = 0; i < VERB_COUNT; i++) {
		*size = verbs[i].size;
		if (n < *size || !ascii_says(line, verbs[i].name, *size))
			continue;
		if (n == *size || is_blank(line[*size]) || is_line_end(line[*size]))
			return &verbs[i];
	}
	return NULL;
}

/* "FROM:" or "TO:" behind blanks; returns the index behind it, 0 when it is not there. */
static size_t
behind_word(const uint8_t *p, size_t n, const char *word)
{
	size_t i = 0, size = strlen(word);
	while (i < n && is_blank(p[i]))
		i++;
	if (n - i < size || !ascii_says(p + i, word, size))
		return 0;
	for (i += size; i < n && is_blank(p[i]);)
		i++;
	return i < n && p[i] == ':' ? i + 1 : 0;
}

/* "n", "n LAST" (RFC 3030); anything else is for the server to refuse.  Sizes of 4 GiB and more are
 * none that a server takes. */
static void
parse_bdat(struct smtp_command *c)
{
	size_t i = 0, n = c->arg_size;
	uint64_t size = 0;
	while (i < n && is_blank(c->arg[i]))
		i++;
	size_t digits = i;
	for (; i < n && c->arg[i] >= '0' && c->arg[i] <= '9'; i++)
		if (size <= UINT32_MAX)
			size = size * 10 + (uint64_t)(c->arg[i] - '0');
	if (i == digits || size > UINT32_MAX || (i < n && !is_blank(c->arg[i])))
		return;
	while (i < n && is_blank(c->arg[i]))
		i++;
	bool last = n - i >= 4 && ascii_says(c->arg + i, "LAST", 4);
	if (last)
		i += 4;
	while (i < n && is_blank(c->arg[i]))
		i++;
	if (i < n)
		return;
	c->has_chunk = true;
	c->chunk_bytes = (uint32_t)size;
	if (last)
		c->kind = SMTP_END;
}

void
smtp_command_parse(const uint8_t *line, size_t n, struct smtp_command *out)
{
	size_t size, colon;
	while (n > 0 && is_line_end(line[n - 1]))
		n--;
	while (n > 0 && is_blank(*line)) { /* tolerated by Postfix and others */
		line++;
		n--;
	}
	memset(out, 0, sizeof(*out));
	const struct verb *v = find_verb(line, n, &size);
	out->kind = v != NULL ? v->kind : SMTP_OTHER;
	out->proxy = n > 6 && memcmp(line, "PROXY ", 6) == 0;
	out->lmtp = v != NULL && v->name[0] == 'L';
	out->arg = line + (v != NULL ? size : 0);
	out->arg_size = n - (v != NULL ? size : 0);
	if (out->kind == SMTP_CHUNK) {
		parse_bdat(out);
	} else if (out->kind == SMTP_MAIL || out->kind == SMTP_RCPT) {
		colon =
		    behind_word(out->arg, out->arg_size, out->kind == SMTP_MAIL ? "FROM" : "TO");
		out->arg += colon;
		out->arg_size = colon > 0 ? out->arg_size - colon : 0;
	}
}

bool
smtp_command_is_plausible(const uint8_t *data, size_t n)
{
	size_t size;
	const struct verb *v = find_verb(data, n, &size);
	if (v == NULL || n == size)
		return false; /* a bare "data" at the end of a segment may be any word */
	const uint8_t *rest = data + size;
	size_t left = n - size;
	switch (v->follow) {
	case FOLLOW_LINE_END:
		return is_line_end(*rest);
	case FOLLOW_BLANK:
		return is_blank(*rest);
	case FOLLOW_FROM:
		return behind_word(rest, left, "FROM") > 0;
	case FOLLOW_TO:
		return behind_word(rest, left, "TO") > 0;
	case FOLLOW_DIGIT:
		return left > 1 && is_blank(*rest) && rest[1] >= '0' && rest[1] <= '9';
	case FOLLOW_ANY:
		return is_blank(*rest) || is_line_end(*rest);
	}
	return false;
}

size_t
smtp_command_find_end(uint32_t tail, const uint8_t *data, size_t n)
{
	static const uint64_t end = UINT64_C(0x0d0a2e0d0a), mask = UINT64_C(0xffffffffff);
	uint64_t window = tail;
	for (size_t i = 0; i < n && i < 4; i++) {
		window = window << 8 | data[i];
		if ((window & mask) == end)
			return i + 1;
	}
	/* Dots are rarer than lines: attachments in base64 have none at all. */
	for (size_t i = 2; i + 2 < n; i++) {
		const uint8_t *dot = memchr(data + i, '.', n - 2 - i);
		if (dot == NULL)
			return 0;
		i = (size_t)(dot - data);
		if (data[i - 1] == '\n' && data[i - 2] == '\r' && data[i + 1] == '\r' &&
		    data[i + 2] == '\n')
			return i + 3;
	}
	return 0;
}

/* True when the bytes are a verb, or the beginning of one that the segment cuts. */
static bool
may_be_verb(const uint8_t *line, size_t n)
{
	if (n == 0)
		return false;
	for (size_t i = 0; i < VERB_COUNT; i++) {
		size_t size = verbs[i].size;
		if (ascii_says(line, verbs[i].name, n < size ? n : size))
			return true;
	}
	return false;
}

bool
smtp_command_may_end(const uint8_t *data, size_t n)
{
	if (n <= SCAN_WHOLE_MAX)
		return true;
	size_t to = data[n - 1] == '\n' ? n - 1 : n;
	size_t from = to > LAST_LINE_MAX ? to - LAST_LINE_MAX : 0;
	const uint8_t *before = memrchr(data + from, '\n', to - from);
	if (before == NULL)
		return false;
	const uint8_t *line = before + 1;
	size_t size = (size_t)(data + to - line);
	if (to < n && size <= 2 && size > 0 && line[0] == '.')
		return true;
	return may_be_verb(line, size);
}

uint32_t
smtp_command_tail(uint32_t tail, const uint8_t *data, size_t n)
{
	for (size_t i = n > 4 ? n - 4 : 0; i < n; i++)
		tail = tail << 8 | data[i];
	return tail;
}
