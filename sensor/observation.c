/* SPDX-License-Identifier: ISC */
/*
 * The format of observations: one table of fields per kind drives encoder and decoder, so that the
 * two cannot disagree.  bulkhead-sensor (encodes), bulkhead-guard (decodes), replay.
 *
 * Texts: the encoder replaces control characters and bytes that are not UTF-8 by '?', the decoder
 * refuses them.  So a HELO full of escape sequences still becomes an observation, and a text that
 * reaches the guard unclean proves that its sender is not our encoder.
 */
#include "sensor/observation.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "base/wire.h"

enum field_type {
	FIELD_U8,
	FIELD_U16,
	FIELD_U32,
	FIELD_U64,
	FIELD_BYTES,
	FIELD_TEXT,
	FIELD_CODE, /* uint16_t: 0 or 200..599 */
};

struct field {
	uint8_t type;	 /* enum field_type */
	uint16_t offset; /* in struct observation */
	uint16_t size;	 /* of the field: bytes copied (BYTES), room with terminator (TEXT) */
	uint16_t limit;	 /* U8 and U16: values are below it; 0 = all values */
};

#define MEMBER_SIZE(m) sizeof(((struct observation *)0)->m)
#define FIELD(t, m, lim)                                                                        \
	{                                                                                       \
		.type = (t), .offset = offsetof(struct observation, m), .size = MEMBER_SIZE(m), \
		.limit = (lim)                                                                  \
	}
#define U8(m, lim)  FIELD(FIELD_U8, m, lim)
#define U16(m, lim) FIELD(FIELD_U16, m, lim)
#define U32(m)	    FIELD(FIELD_U32, m, 0)
#define U64(m)	    FIELD(FIELD_U64, m, 0)
#define BYTES(m)    FIELD(FIELD_BYTES, m, 0)
#define TEXT(m)	    FIELD(FIELD_TEXT, m, 0)
#define REPLY(m)                                                                          \
	FIELD(FIELD_CODE, m.code, 0), BYTES(m.enhanced), U8(m.remote, OBS_REMOTE__COUNT), \
	    TEXT(m.text)

/* Flags are consecutive bits, so "below twice the last one" is the range check of a set of them. */
#define FLAGS_LIMIT   (OBS_F_ONE_SIDED << 1)
#define HABITS_LIMIT  (OBS_HABIT_NOT_SMTP << 1)
#define HEADERS_LIMIT (OBS_HDR_TRUNCATED << 1)

static const struct field common_fields[] = {
    U8(visibility, OBS_VISIBILITY__COUNT),
    U16(flags, FLAGS_LIMIT),
    U64(time_ns),
    U64(session),
    TEXT(ifname),
    BYTES(mac.bytes),
    BYTES(client.bytes),
    BYTES(server.bytes),
    U16(client_port, 0),
    U16(server_port, 0),
    U32(asn),
    TEXT(country),
};

static const struct field health_fields[] = {
    U64(u.health.packets),
    U64(u.health.bytes),
    U64(u.health.ring_drops),
    U64(u.health.malformed),
    U64(u.health.gaps),
    U64(u.health.evicted),
    U64(u.health.other_crossings),
    U64(u.health.observations_lost),
    U64(u.health.one_sided),
    U32(u.health.flows),
    U32(u.health.flows_max),
    U32(u.health.interfaces),
    U64(u.health.memory_bytes),
    U64(u.health.pool_exhausted),
    U64(u.health.mx_suppressed),
    U64(u.health.fragments),
    U64(u.health.fragments_lost),
};

static const struct field connect_failed_fields[] = {
    U8(u.connect_failed.how, OBS_CONNECT__COUNT),
};

static const struct field greeting_fields[] = {
    REPLY(u.greeting.reply),
};

static const struct field recipient_fields[] = {
    U64(u.recipient.hash),
    U64(u.recipient.domain_hash),
    TEXT(u.recipient.domain),
    TEXT(u.recipient.sender_domain),
    U8(u.recipient.reply_class, OBS_REPLY_CLASS__COUNT),
    REPLY(u.recipient.reply),
};

static const struct field message_fields[] = {
    REPLY(u.message.reply),
    U64(u.message.size_bytes),
    U16(u.message.recipients_accepted, 0),
    U16(u.message.recipients_rejected, 0),
    U16(u.message.recipients_deferred, 0),
    TEXT(u.message.sender_domain),
    TEXT(u.message.from_domain),
    TEXT(u.message.dkim_domain),
    U8(u.message.headers_seen, 2),
    U16(u.message.headers, HEADERS_LIMIT),
    U64(u.message.subject_hash),
    U64(u.message.fingerprint),
    U8(u.message.chunked, 2),
};

static const struct field estimate_fields[] = {
    U32(u.estimate.messages),
    U32(u.estimate.recipients),
    U32(u.estimate.recipients_rejected),
    U64(u.estimate.bytes),
    U32(u.estimate.typical_bytes),
    U16(u.estimate.envelope_bytes, 0),
    U16(u.estimate.confidence, 1001),
};

static const struct field end_fields[] = {
    U32(u.end.counts.messages),
    U32(u.end.counts.messages_refused),
    U32(u.end.counts.recipients_accepted),
    U32(u.end.counts.recipients_rejected),
    U32(u.end.counts.recipients_deferred),
    U32(u.end.counts.messages_estimated),
    U32(u.end.counts.recipients_estimated),
    U32(u.end.counts.recipients_rejected_estimated),
    U8(u.end.is_smtp, 2),
    U8(u.end.tls, OBS_TLS__COUNT),
    U8(u.end.end, OBS_END__COUNT),
    U16(u.end.habits, HABITS_LIMIT),
    U16(u.end.commands, 0),
    U8(u.end.auth_attempts, 0),
    U8(u.end.auth_failures, 0),
    TEXT(u.end.helo),
    TEXT(u.end.greeting_host),
    TEXT(u.end.sni),
    TEXT(u.end.tls_client),
    TEXT(u.end.protocol),
    U64(u.end.duration_ns),
    U64(u.end.client_bytes),
    U64(u.end.server_bytes),
};

static const struct field mx_query_fields[] = {
    U64(u.mx_query.name_hash),
    TEXT(u.mx_query.domain),
};

#define KIND(k, kind_name, table) \
	[k] = {.name = (kind_name), .fields = (table), .count = sizeof(table) / sizeof((table)[0])}

static const struct kind_row {
	const char *name;
	const struct field *fields;
	size_t count;
} kinds[OBS__COUNT] = {
    KIND(OBS_HEALTH, "health", health_fields),
    [OBS_SESSION_START] = {.name = "session-start"},
    KIND(OBS_CONNECT_FAILED, "connect-failed", connect_failed_fields),
    KIND(OBS_GREETING, "greeting", greeting_fields),
    KIND(OBS_RECIPIENT, "recipient", recipient_fields),
    KIND(OBS_MESSAGE, "message", message_fields),
    KIND(OBS_ESTIMATE, "estimate", estimate_fields),
    KIND(OBS_SESSION_END, "session-end", end_fields),
    KIND(OBS_MX_QUERY, "mx-query", mx_query_fields),
};

#define COMMON_COUNT (sizeof(common_fields) / sizeof(common_fields[0]))

static void
put_text(struct wire_writer *w, const char *text, size_t room)
{
	char terminated[256], clean[256];
	size_t length = strnlen(text, room - 1);

	if (length < sizeof(clean) && text_is_plain(text, length)) { /* nearly always */
		wire_put_u8(w, (uint8_t)length);
		wire_put_bytes(w, text, length);
		return;
	}
	memcpy(terminated, text, length);
	terminated[length] = '\0';
	wire_put_text(w, text_clean(clean, sizeof(clean), terminated));
}

static void
get_text(struct wire_reader *r, char *text, size_t room)
{
	size_t length = wire_get_u8(r);

	if (length >= room) {
		r->failed = true;
		return;
	}
	wire_get_bytes(r, text, length);
	text[length] = '\0';
	if (text_is_plain(text, length))
		return;
	for (size_t i = 0, step; i < length && !r->failed; i += step) {
		uint32_t code;

		step = text_decode(text + i, &code);
		if (step == 0 || text_is_control(code))
			r->failed = true;
	}
}

static void
put_fields(struct wire_writer *w, const uint8_t *base, const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct field *f = &fields[i];
		const uint8_t *at = base + f->offset;
		uint16_t v16;
		uint32_t v32;
		uint64_t v64;

		switch (f->type) {
		case FIELD_U8:
			wire_put_u8(w, *at);
			break;
		case FIELD_U16:
		case FIELD_CODE:
			memcpy(&v16, at, sizeof(v16));
			wire_put_u16(w, v16);
			break;
		case FIELD_U32:
			memcpy(&v32, at, sizeof(v32));
			wire_put_u32(w, v32);
			break;
		case FIELD_U64:
			memcpy(&v64, at, sizeof(v64));
			wire_put_u64(w, v64);
			break;
		case FIELD_BYTES:
			wire_put_bytes(w, at, f->size);
			break;
		case FIELD_TEXT:
			put_text(w, (const char *)at, f->size);
			break;
		}
	}
}

static void
get_fields(struct wire_reader *r, uint8_t *base, const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count && !r->failed; i++) {
		const struct field *f = &fields[i];
		uint8_t *at = base + f->offset;
		uint16_t v16 = 0;
		uint32_t v32;
		uint64_t v64;

		switch (f->type) {
		case FIELD_U8:
			v16 = wire_get_u8(r);
			*at = (uint8_t)(f->limit != 0 && v16 >= f->limit ? 0 : v16);
			break;
		case FIELD_U16:
		case FIELD_CODE:
			v16 = wire_get_u16(r);
			memcpy(at, &v16, sizeof(v16));
			break;
		case FIELD_U32:
			v32 = wire_get_u32(r);
			memcpy(at, &v32, sizeof(v32));
			break;
		case FIELD_U64:
			v64 = wire_get_u64(r);
			memcpy(at, &v64, sizeof(v64));
			break;
		case FIELD_BYTES:
			wire_get_bytes(r, at, f->size);
			break;
		case FIELD_TEXT:
			get_text(r, (char *)at, f->size);
			break;
		}
		if (f->limit != 0 && v16 >= f->limit)
			r->failed = true;
		if (f->type == FIELD_CODE && v16 != 0 && (v16 < 200 || v16 > 599))
			r->failed = true;
	}
}

long
obs_encode(const struct observation *obs, uint8_t *out, size_t size)
{
	struct wire_writer w;

	if (obs->kind >= OBS__COUNT || kinds[obs->kind].name == NULL)
		return -EINVAL;
	wire_writer_init(&w, out, size);
	wire_put_u8(&w, obs->kind);
	put_fields(&w, (const uint8_t *)obs, common_fields, COMMON_COUNT);
	put_fields(&w, (const uint8_t *)obs, kinds[obs->kind].fields, kinds[obs->kind].count);
	return wire_writer_finish(&w);
}

int
obs_decode(struct observation *out, const uint8_t *data, size_t size)
{
	struct wire_reader r;

	memset(out, 0, sizeof(*out));
	wire_reader_init(&r, data, size);
	out->kind = wire_get_u8(&r);
	if (out->kind >= OBS__COUNT || kinds[out->kind].name == NULL) {
		r.failed = true;
	} else {
		get_fields(&r, (uint8_t *)out, common_fields, COMMON_COUNT);
		get_fields(&r, (uint8_t *)out, kinds[out->kind].fields, kinds[out->kind].count);
	}
	if (wire_reader_finish(&r) != 0) {
		memset(out, 0, sizeof(*out));
		return -EBADMSG;
	}
	return 0;
}

const char *
obs_kind_name(unsigned kind)
{
	return kind < OBS__COUNT && kinds[kind].name != NULL ? kinds[kind].name : "unknown";
}

static const char *
name_of(const char *const *names, size_t count, unsigned value)
{
	return value < count ? names[value] : "unknown";
}

const char *
obs_visibility_name(unsigned visibility)
{
	static const char *const names[OBS_VISIBILITY__COUNT] = {
	    [OBS_CLEAR] = "clear",
	    [OBS_TLS] = "tls",
	    [OBS_FLOW] = "flow",
	};

	return name_of(names, OBS_VISIBILITY__COUNT, visibility);
}

const char *
obs_remote_name(unsigned remote)
{
	static const char *const names[OBS_REMOTE__COUNT] = {
	    [OBS_REMOTE_NONE] = "none",
	    [OBS_REMOTE_UNKNOWN] = "unknown-recipient",
	    [OBS_REMOTE_FULL] = "mailbox-full",
	    [OBS_REMOTE_GREYLIST] = "greylist",
	    [OBS_REMOTE_RATE] = "rate",
	    [OBS_REMOTE_LISTED] = "listed",
	    [OBS_REMOTE_POLICY] = "policy",
	    [OBS_REMOTE_AUTH] = "authentication",
	};

	return name_of(names, OBS_REMOTE__COUNT, remote);
}

const char *
obs_tls_name(unsigned tls)
{
	static const char *const names[OBS_TLS__COUNT] = {
	    [OBS_TLS_NONE] = "none",
	    [OBS_TLS_STARTTLS] = "starttls",
	    [OBS_TLS_REFUSED] = "refused",
	    [OBS_TLS_IMPLICIT] = "implicit",
	    [OBS_TLS_OFFERED] = "offered",
	};

	return name_of(names, OBS_TLS__COUNT, tls);
}

const char *
obs_connect_name(unsigned how)
{
	static const char *const names[OBS_CONNECT__COUNT] = {
	    [OBS_CONNECT_REFUSED] = "refused",
	    [OBS_CONNECT_UNANSWERED] = "unanswered",
	    [OBS_CONNECT_UNREACHABLE] = "unreachable",
	};

	return name_of(names, OBS_CONNECT__COUNT, how);
}
