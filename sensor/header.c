/* SPDX-License-Identifier: ISC */
/* The header section of a message (RFC 5322), incrementally.  Pure.  bulkhead-sensor, replay. */
#include "sensor/header.h"

#include <string.h>
#include <strings.h>

#include "sensor/ascii.h"
#include "sensor/mailbox.h"

#define PREFIX_MAX 16 /* bytes of the longest reply prefix with its colon */

enum state {
	STATE_LINE,    /* at the start of a line */
	STATE_NAME,    /* in a field name */
	STATE_VALUE,   /* in a field body */
	STATE_JUNK,    /* in a line that is no field */
	STATE_LINE_CR, /* a CR at the start of a line */
	STATE_DONE,
};

enum field {
	FIELD_NONE,
	FIELD_FROM,
	FIELD_SUBJECT,
	FIELD_DKIM,
	FIELD_PRECEDENCE,
	FIELD_AUTO_SUBMITTED,
	FIELD_CONTENT_TYPE,
	FIELD_ENCODING,
	FIELD_PRESENCE, /* only that it is there */
};

static const struct known_field {
	const char *name;
	size_t size;
	enum field field;
	uint16_t bit; /* set by presence */
} known_fields[] = {
#define FIELD(name, field, bit)                    \
	{                                          \
		name, sizeof(name) - 1, field, bit \
	}
    FIELD("from", FIELD_FROM, 0),
    FIELD("subject", FIELD_SUBJECT, 0),
    FIELD("dkim-signature", FIELD_DKIM, OBS_HDR_DKIM),
    FIELD("precedence", FIELD_PRECEDENCE, 0),
    FIELD("auto-submitted", FIELD_AUTO_SUBMITTED, 0),
    FIELD("content-type", FIELD_CONTENT_TYPE, 0),
    FIELD("content-transfer-encoding", FIELD_ENCODING, 0),
    FIELD("date", FIELD_PRESENCE, OBS_HDR_DATE),
    FIELD("message-id", FIELD_PRESENCE, OBS_HDR_MESSAGE_ID),
    FIELD("list-unsubscribe", FIELD_PRESENCE, OBS_HDR_LIST_UNSUBSCRIBE),
    FIELD("list-unsubscribe-post", FIELD_PRESENCE, OBS_HDR_LIST_UNSUBSCRIBE_POST),
    FIELD("list-id", FIELD_PRESENCE, OBS_HDR_LIST_ID),
    FIELD("feedback-id", FIELD_PRESENCE, OBS_HDR_FEEDBACK_ID),
    FIELD("in-reply-to", FIELD_PRESENCE, OBS_HDR_REPLY_REFERENCE),
    FIELD("references", FIELD_PRESENCE, OBS_HDR_REPLY_REFERENCE),
#undef FIELD
};

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void
header_init(struct header *h)
{
	memset(h, 0, offsetof(struct header, name));
	h->budget = HEADER_BUDGET_BYTES;
	h->state = STATE_LINE;
	h->type = HEADER_TYPE_TEXT; /* RFC 2045 5.2: text/plain, 7bit when nothing is said */
	h->encoding = HEADER_ENCODING_PLAIN;
}

bool
header_is_done(const struct header *h)
{
	return h->state == STATE_DONE;
}

/* Skips blanks and comments. */
static size_t
skip_blank(const uint8_t *p, size_t n)
{
	size_t i = 0;
	while (i < n) {
		if (is_blank(p[i])) {
			i++;
		} else if (p[i] == '(') {
			const uint8_t *end = memchr(p + i, ')', n - i);
			if (end == NULL)
				return n;
			i = (size_t)(end - p) + 1;
		} else {
			break;
		}
	}
	return i;
}

/* True when the first token of a value is `token` (lower case), or begins with it if it ends in
 * '/'. */
static bool
value_begins(const uint8_t *value, size_t n, const char *token)
{
	size_t from = skip_blank(value, n), size = strlen(token);
	if (n - from < size || strncasecmp((const char *)value + from, token, size) != 0)
		return false;
	if (token[size - 1] == '/' || n - from == size)
		return true;
	uint8_t next = value[from + size];
	return is_blank(next) || next == ';' || next == '(' || next == ',';
}

enum header_type
header_parse_type(const uint8_t *value, size_t n)
{
	if (value_begins(value, n, "multipart/"))
		return HEADER_TYPE_MULTIPART;
	size_t from = skip_blank(value, n);
	/* "text" alone is old but real (RFC 1049) */
	if (from == n || value_begins(value, n, "text/") || value_begins(value, n, "text"))
		return HEADER_TYPE_TEXT;
	return HEADER_TYPE_OTHER;
}

enum header_encoding
header_parse_encoding(const uint8_t *value, size_t n)
{
	if (value_begins(value, n, "quoted-printable"))
		return HEADER_ENCODING_QUOTED;
	if (value_begins(value, n, "base64"))
		return HEADER_ENCODING_BASE64;
	if (skip_blank(value, n) == n || value_begins(value, n, "7bit") ||
	    value_begins(value, n, "8bit") || value_begins(value, n, "binary"))
		return HEADER_ENCODING_PLAIN;
	return HEADER_ENCODING_OTHER;
}

/* Bytes of one reply or forward prefix ("Re:", "RE[2]:", "Fwd:", "AW:", "SV:", "Отв:"), 0 = none.
 */
static size_t
subject_prefix(const uint8_t *p, size_t n)
{
	static const char *const prefixes[] = {"re", "fwd", "fw", "aw", "wg", "sv", "vs", "antw",
	    "rif", "tr", "Re", "RE", "\xd0\x9e\xd1\x82\xd0\xb2",
	    "\xd0\x9f\xd0\xb5\xd1\x80"}; /* "Отв", "Пер" */
	/* A colon must come soon, and most subjects have none. */
	if (memchr(p, ':', n < PREFIX_MAX ? n : PREFIX_MAX) == NULL)
		return 0;
	for (size_t k = 0; k < sizeof(prefixes) / sizeof(prefixes[0]); k++) {
		size_t size = strlen(prefixes[k]);
		if (n <= size || strncasecmp((const char *)p, prefixes[k], size) != 0)
			continue;
		size_t i = size;
		if (i < n && (p[i] == '[' || p[i] == '(' || p[i] == '^'))
			while (i < n && p[i] != ':' && i < size + 5)
				i++;
		if (i < n && p[i] == ':')
			return i + 1;
	}
	return 0;
}

uint64_t
header_hash_subject(const uint8_t key[HASH_KEY_BYTES], const uint8_t *subject, size_t n)
{
	uint8_t plain[HEADER_VALUE_BYTES];
	size_t used = 0, i = 0;
	for (;;) {
		while (i < n && is_blank(subject[i]))
			i++;
		size_t prefix = subject_prefix(subject + i, n - i);
		if (prefix == 0)
			break;
		i += prefix;
	}
	for (; i < n && used < sizeof(plain); i++) {
		uint8_t c = ascii_lower(subject[i]);
		if ((c >= 'a' && c <= 'z') || c >= 0x80)
			plain[used++] = c;
		else if (is_blank(c) && used > 0 && plain[used - 1] != ' ')
			plain[used++] = ' ';
	}
	while (used > 0 && plain[used - 1] == ' ')
		used--;
	if (used == 0)
		return 0;
	uint64_t hash = hash_keyed(key, plain, used);
	return hash != 0 ? hash : 1;
}

/* d= of a DKIM-Signature (RFC 6376 3.5): tags are separated by ';', blanks may stand anywhere. */
static void
take_dkim(struct header *h, const uint8_t *v, size_t n)
{
	if (h->dkim_domain[0] != '\0')
		return;
	for (size_t i = 0; i < n;) {
		while (i < n && (is_blank(v[i]) || v[i] == ';'))
			i++;
		const uint8_t *end = i < n ? memchr(v + i, ';', n - i) : NULL;
		size_t to = end != NULL ? (size_t)(end - v) : n;
		size_t k = i + 1;
		while (k < to && is_blank(v[k]))
			k++;
		/* A tag that the value buffer cut is not a domain. */
		if (i < n && ascii_lower(v[i]) == 'd' && k < to && v[k] == '=' &&
		    (end != NULL || n < HEADER_VALUE_BYTES)) {
			mailbox_clean_domain(h->dkim_domain, v + k + 1, to - k - 1);
			return;
		}
		i = to;
	}
}

static void
take_from(struct header *h, const uint8_t *v, size_t n)
{
	struct mailbox m;
	if (h->from_seen)
		return;
	h->from_seen = true;
	if (mailbox_parse_from(v, n, &m))
		mailbox_clean_domain(h->from_domain, m.domain, m.domain_size);
}

/* A field is complete. */
static void
end_field(struct header *h, const uint8_t key[HASH_KEY_BYTES])
{
	const uint8_t *v = h->value;
	size_t n = h->value_size;
	switch (h->field) {
	case FIELD_FROM:
		take_from(h, v, n);
		break;
	case FIELD_SUBJECT:
		if (h->subject_hash == 0)
			h->subject_hash = header_hash_subject(key, v, n);
		break;
	case FIELD_DKIM:
		take_dkim(h, v, n);
		break;
	case FIELD_PRECEDENCE:
		if (value_begins(v, n, "bulk") || value_begins(v, n, "list") ||
		    value_begins(v, n, "junk"))
			h->bits |= OBS_HDR_PRECEDENCE_BULK;
		break;
	case FIELD_AUTO_SUBMITTED:
		if (skip_blank(v, n) < n && !value_begins(v, n, "no"))
			h->bits |= OBS_HDR_AUTO_SUBMITTED;
		break;
	case FIELD_CONTENT_TYPE:
		h->type = (uint8_t)header_parse_type(v, n);
		break;
	case FIELD_ENCODING:
		h->encoding = (uint8_t)header_parse_encoding(v, n);
		break;
	default:
		break;
	}
	h->field = FIELD_NONE;
}

/* The name is complete: is it one that we know? */
static void
begin_value(struct header *h)
{
	h->state = STATE_VALUE;
	h->field = FIELD_NONE;
	h->value_size = 0;
	while (h->name_size > 0 && is_blank((uint8_t)h->name[h->name_size - 1]))
		h->name_size--;
	for (size_t i = 0; i < sizeof(known_fields) / sizeof(known_fields[0]); i++) {
		const struct known_field *f = &known_fields[i];
		if (f->size != h->name_size || memcmp(f->name, h->name, h->name_size) != 0)
			continue;
		h->bits |= f->bit;
		h->field = (uint8_t)f->field;
		return;
	}
}

static void
add_value(struct header *h, const uint8_t *p, size_t n)
{
	if (h->field == FIELD_NONE || h->field == FIELD_PRESENCE)
		return;
	size_t room = sizeof(h->value) - h->value_size;
	if (n > room)
		n = room;
	memcpy(h->value + h->value_size, p, n);
	h->value_size = (uint16_t)(h->value_size + n);
}

/* The rest of a line that began; returns the bytes taken, and goes to STATE_LINE behind its LF. */
static size_t
read_rest(struct header *h, const uint8_t *p, size_t n)
{
	const uint8_t *end = memchr(p, '\n', n);
	size_t size = end != NULL ? (size_t)(end - p) : n;
	if (h->state == STATE_VALUE)
		add_value(h, p, size); /* a CR is a blank like others */
	if (end == NULL)
		return n;
	h->state = STATE_LINE;
	return size + 1;
}

static size_t
read_name(struct header *h, const uint8_t *p, size_t n)
{
	size_t i = 0;
	while (i < n && p[i] != ':' && p[i] >= ' ' && p[i] < 0x7f)
		i++;
	size_t room = sizeof(h->name) - h->name_size, take = i < room ? i : room;
	ascii_copy_lower((uint8_t *)h->name + h->name_size, p, take);
	h->name_size = (uint8_t)(h->name_size + take);
	if (i == n)
		return n;
	/* No field name without a colon.  A blank inside such a line (an mbox "From " line, for one) is only known as
	 * junk at its end. */
	if (p[i] == ':')
		begin_value(h);
	else
		h->state = p[i] == '\n' ? STATE_LINE : STATE_JUNK;
	return i + 1;
}

/* The first byte of a line decides what became of the field before it. */
static size_t
read_line_start(struct header *h, const uint8_t key[HASH_KEY_BYTES], uint8_t c)
{
	if (c == '\r' && h->state == STATE_LINE) {
		h->state = STATE_LINE_CR;
		return 1;
	}
	if (c == '\n') {
		end_field(h, key);
		h->state = STATE_DONE;
		return 1;
	}
	if (h->state == STATE_LINE_CR) { /* a bare CR is a byte like others */
		end_field(h, key);
		h->state = STATE_JUNK;
		return 0;
	}
	if (c == ' ' || c == '\t') { /* folded: belongs to the field before */
		h->state = STATE_VALUE;
		return 0;
	}
	end_field(h, key);
	h->name_size = 0;
	h->state = STATE_NAME;
	return 0;
}

size_t
header_add(struct header *h, const uint8_t key[HASH_KEY_BYTES], const uint8_t *data, size_t n)
{
	size_t room = n < h->budget ? n : h->budget;
	size_t i = 0;
	while (i < room && h->state != STATE_DONE) {
		switch ((enum state)h->state) {
		case STATE_LINE:
		case STATE_LINE_CR:
			i += read_line_start(h, key, data[i]);
			break;
		case STATE_NAME:
			i += read_name(h, data + i, room - i);
			break;
		case STATE_VALUE:
		case STATE_JUNK:
			i += read_rest(h, data + i, room - i);
			break;
		case STATE_DONE:
			break;
		}
	}
	h->budget = (uint16_t)(h->budget - i);
	if (h->budget == 0 && h->state != STATE_DONE) {
		h->bits |= OBS_HDR_TRUNCATED;
		header_finish(h, key);
	}
	return i;
}

void
header_finish(struct header *h, const uint8_t key[HASH_KEY_BYTES])
{
	if (h->state == STATE_DONE)
		return;
	end_field(h, key);
	h->state = STATE_DONE;
}
