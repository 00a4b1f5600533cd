/* SPDX-License-Identifier: ISC */
/* The format of observations: every kind survives, every prefix and every wrong enum is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/observation.h"

static void
fill_text(char *text, size_t size, size_t length)
{
	assert_true(length < size);
	for (size_t i = 0; i < length; i++)
		text[i] = (char)('a' + i % 26);
	text[length] = '\0';
}

static void
fill_reply(struct obs_reply *reply)
{
	reply->code = 550;
	reply->enhanced[0] = 5;
	reply->enhanced[1] = 1;
	reply->enhanced[2] = 255;
	reply->remote = OBS_REMOTE_UNKNOWN;
	fill_text(reply->text, sizeof(reply->text), sizeof(reply->text) - 1);
}

static void
fill_end(struct observation *obs)
{
	obs->u.end.counts = (struct obs_counts){1, 2, 3, 4, 5, 6, 7, UINT32_MAX};
	obs->u.end.is_smtp = true;
	obs->u.end.tls = OBS_TLS_IMPLICIT;
	obs->u.end.end = OBS_END_CAPTURE;
	obs->u.end.habits = OBS_HABIT_NOT_SMTP | OBS_HABIT_EARLY;
	obs->u.end.commands = 65535;
	obs->u.end.auth_attempts = 255;
	obs->u.end.auth_failures = 254;
	fill_text(obs->u.end.helo, OBS_DOMAIN_BYTES, OBS_DOMAIN_BYTES - 1);
	fill_text(obs->u.end.greeting_host, OBS_DOMAIN_BYTES, 1);
	fill_text(obs->u.end.sni, OBS_DOMAIN_BYTES, OBS_DOMAIN_BYTES - 1);
	fill_text(obs->u.end.tls_client, sizeof(obs->u.end.tls_client), 32);
	fill_text(obs->u.end.protocol, sizeof(obs->u.end.protocol), 23);
	obs->u.end.duration_ns = -1;
	obs->u.end.client_bytes = UINT64_MAX;
	obs->u.end.server_bytes = 77;
}

static void
fill_message(struct observation *obs)
{
	fill_reply(&obs->u.message.reply);
	obs->u.message.size_bytes = UINT64_C(0x0123456789abcdef);
	obs->u.message.recipients_accepted = 100;
	obs->u.message.recipients_rejected = 200;
	obs->u.message.recipients_deferred = 300;
	fill_text(obs->u.message.sender_domain, OBS_DOMAIN_BYTES, 79);
	fill_text(obs->u.message.from_domain, OBS_DOMAIN_BYTES, 79);
	fill_text(obs->u.message.dkim_domain, OBS_DOMAIN_BYTES, 79);
	obs->u.message.headers_seen = true;
	obs->u.message.headers = OBS_HDR_TRUNCATED | OBS_HDR_DATE;
	obs->u.message.subject_hash = 5;
	obs->u.message.fingerprint = 6;
	obs->u.message.chunked = true;
}

static void
fill_recipient(struct observation *obs)
{
	obs->u.recipient.hash = UINT64_MAX;
	obs->u.recipient.domain_hash = 3;
	fill_text(obs->u.recipient.domain, OBS_DOMAIN_BYTES, 79);
	strcpy(obs->u.recipient.sender_domain, "почта.рф");
	obs->u.recipient.reply_class = OBS_DEFERRED;
	fill_reply(&obs->u.recipient.reply);
}

static void
fill_numbers(struct observation *obs)
{
	if (obs->kind == OBS_HEALTH) {
		obs->u.health.packets = 1;
		obs->u.health.observations_lost = 8;
		obs->u.health.one_sided = 9;
		obs->u.health.interfaces = 12;
		obs->u.health.memory_bytes = UINT64_MAX;
		obs->u.health.pool_exhausted = 10;
		obs->u.health.mx_suppressed = 11;
		obs->u.health.fragments = 13;
		obs->u.health.fragments_lost = 14;
	} else if (obs->kind == OBS_ESTIMATE) {
		obs->u.estimate.messages = -3;
		obs->u.estimate.recipients = INT32_MIN;
		obs->u.estimate.recipients_rejected = INT32_MAX;
		obs->u.estimate.bytes = INT64_MIN;
		obs->u.estimate.typical_bytes = 4096;
		obs->u.estimate.envelope_bytes = 91;
		obs->u.estimate.confidence = 1000;
	} else if (obs->kind == OBS_CONNECT_FAILED) {
		obs->u.connect_failed.how = OBS_CONNECT_UNREACHABLE;
	} else if (obs->kind == OBS_MX_QUERY) {
		obs->u.mx_query.name_hash = 99;
		fill_text(obs->u.mx_query.domain, OBS_DOMAIN_BYTES, 79);
	}
}

/* An observation of a kind with every field set, texts at their limits. */
static void
make(struct observation *obs, unsigned kind)
{
	memset(obs, 0, sizeof(*obs));
	obs->kind = (uint8_t)kind;
	obs->visibility = OBS_FLOW;
	obs->flags = OBS_F_ONE_SIDED | OBS_F_INBOUND;
	obs->time_ns = INT64_C(1767225600123456789);
	obs->session = UINT64_C(0xfedcba9876543210);
	fill_text(obs->ifname, sizeof(obs->ifname), 15);
	memcpy(obs->mac.bytes, "\x52\x54\x00\x01\x02\x03", 6);
	memset(obs->client.bytes, 0x11, 16);
	memset(obs->server.bytes, 0x22, 16);
	obs->client_port = 65535;
	obs->server_port = 25;
	obs->asn = 4200000000u;
	strcpy(obs->country, "RU");
	if (kind == OBS_SESSION_END)
		fill_end(obs);
	else if (kind == OBS_MESSAGE)
		fill_message(obs);
	else if (kind == OBS_RECIPIENT)
		fill_recipient(obs);
	else if (kind == OBS_GREETING)
		fill_reply(&obs->u.greeting.reply);
	else
		fill_numbers(obs);
}

static void
test_every_kind_survives(void **state)
{
	(void)state;
	for (unsigned kind = 1; kind < OBS__COUNT; kind++) {
		struct observation in, out;
		uint8_t wire[OBS_ENCODED_MAX], again[OBS_ENCODED_MAX];
		long n;

		make(&in, kind);
		n = obs_encode(&in, wire, sizeof(wire));
		assert_true(n > 0);
		assert_int_equal(obs_decode(&out, wire, (size_t)n), 0);
		assert_memory_equal(&in, &out, sizeof(in));
		assert_int_equal(obs_encode(&out, again, sizeof(again)), n);
		assert_memory_equal(wire, again, (size_t)n);
	}
}

static void
test_known_bytes(void **state)
{
	/* The layout itself: changing it needs a new OBS_VERSION. */
	static const uint8_t begin[] = {OBS_CONNECT_FAILED, OBS_FLOW, 0, 0x11, 0x18, 0x86};
	struct observation obs;
	uint8_t wire[OBS_ENCODED_MAX];
	long n;

	(void)state;
	make(&obs, OBS_CONNECT_FAILED);
	n = obs_encode(&obs, wire, sizeof(wire));
	assert_int_equal(n, 1 + 1 + 2 + 8 + 8 + 16 + 6 + 16 + 16 + 2 + 2 + 4 + 3 + 1);
	assert_memory_equal(wire, begin, sizeof(begin));
	assert_int_equal(wire[20], 15); /* length of the interface name */
	assert_int_equal(wire[n - 1], OBS_CONNECT_UNREACHABLE);
}

static void
test_every_cut_is_refused(void **state)
{
	static const struct observation zero;

	(void)state;
	for (unsigned kind = 1; kind < OBS__COUNT; kind++) {
		struct observation in, out;
		uint8_t wire[OBS_ENCODED_MAX + 1] = {0};
		long n;

		make(&in, kind);
		n = obs_encode(&in, wire, OBS_ENCODED_MAX);
		for (long cut = 0; cut < n; cut++) {
			/* Its own allocation, so that the sanitizer sees a read beyond the cut. */
			uint8_t *copy = malloc((size_t)cut + (cut == 0));

			memcpy(copy, wire, (size_t)cut);
			memset(&out, 0xff, sizeof(out));
			assert_int_equal(obs_decode(&out, copy, (size_t)cut), -EBADMSG);
			assert_memory_equal(&out, &zero, sizeof(out));
			assert_int_equal(obs_encode(&in, copy, (size_t)cut), -ENOBUFS);
			free(copy);
		}
		assert_int_equal(obs_decode(&out, wire, (size_t)n + 1), -EBADMSG);
	}
}

static void
refuse(struct observation *obs)
{
	struct observation out;
	uint8_t wire[OBS_ENCODED_MAX];
	long n = obs_encode(obs, wire, sizeof(wire));

	assert_true(n > 0);
	assert_int_equal(obs_decode(&out, wire, (size_t)n), -EBADMSG);
}

static void
test_values_out_of_range(void **state)
{
	struct observation obs;

	(void)state;
#define REFUSE(kind_, assignment)  \
	do {                       \
		make(&obs, kind_); \
		obs.assignment;    \
		refuse(&obs);      \
	} while (0)
	REFUSE(OBS_HEALTH, visibility = OBS_VISIBILITY__COUNT);
	REFUSE(OBS_HEALTH, flags = OBS_F_ONE_SIDED << 1);
	REFUSE(OBS_CONNECT_FAILED, u.connect_failed.how = OBS_CONNECT__COUNT);
	REFUSE(OBS_GREETING, u.greeting.reply.code = 199);
	REFUSE(OBS_GREETING, u.greeting.reply.code = 600);
	REFUSE(OBS_GREETING, u.greeting.reply.remote = OBS_REMOTE__COUNT);
	REFUSE(OBS_RECIPIENT, u.recipient.reply_class = OBS_REPLY_CLASS__COUNT);
	REFUSE(OBS_MESSAGE, u.message.headers = OBS_HDR_TRUNCATED << 1);
	REFUSE(OBS_ESTIMATE, u.estimate.confidence = 1001);
	REFUSE(OBS_SESSION_END, u.end.tls = OBS_TLS__COUNT);
	REFUSE(OBS_SESSION_END, u.end.end = OBS_END__COUNT);
	REFUSE(OBS_SESSION_END, u.end.habits = OBS_HABIT_NOT_SMTP << 1);
#undef REFUSE
	make(&obs, OBS_HEALTH);
	obs.kind = 0;
	uint8_t wire[OBS_ENCODED_MAX];
	assert_int_equal(obs_encode(&obs, wire, sizeof(wire)), -EINVAL);
	obs.kind = OBS__COUNT;
	assert_int_equal(obs_encode(&obs, wire, sizeof(wire)), -EINVAL);
}

static void
test_texts_are_cleaned_and_checked(void **state)
{
	static const char *const bad[] = {
	    "\x1b[31m", "a\nb", "\x7f", "\xc2\x9b", "\xff\xfe", "\xc0\xaf", "\xed\xa0\x80"};
	struct observation obs, out;
	uint8_t wire[OBS_ENCODED_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		/* Our encoder cleans ... */
		make(&obs, OBS_MX_QUERY);
		memset(obs.u.mx_query.domain, 0, OBS_DOMAIN_BYTES);
		strcpy(obs.u.mx_query.domain, bad[i]);
		long n = obs_encode(&obs, wire, sizeof(wire));
		assert_int_equal(obs_decode(&out, wire, (size_t)n), 0);
		assert_non_null(strchr(out.u.mx_query.domain, '?'));

		/* ... and what somebody else's did not clean is refused. */
		size_t length = strlen(bad[i]);
		memset(obs.u.mx_query.domain, 'x', length);
		obs.u.mx_query.domain[length] = '\0';
		n = obs_encode(&obs, wire, sizeof(wire));
		memcpy(wire + n - (long)length, bad[i], length);
		assert_int_equal(obs_decode(&out, wire, (size_t)n), -EBADMSG);
		memset(wire + n - (long)length, 0, length);
		assert_int_equal(obs_decode(&out, wire, (size_t)n), -EBADMSG);
	}
	/* A field without a terminator is read up to its end and not beyond. */
	make(&obs, OBS_MX_QUERY);
	memset(obs.u.mx_query.domain, 'x', OBS_DOMAIN_BYTES);
	long n = obs_encode(&obs, wire, sizeof(wire));
	assert_int_equal(obs_decode(&out, wire, (size_t)n), 0);
	assert_int_equal(strlen(out.u.mx_query.domain), OBS_DOMAIN_BYTES - 1);
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(obs_kind_name(OBS_SESSION_START), "session-start");
	assert_string_equal(obs_kind_name(OBS_MX_QUERY), "mx-query");
	assert_string_equal(obs_remote_name(OBS_REMOTE_UNKNOWN), "unknown-recipient");
	assert_string_equal(obs_tls_name(OBS_TLS_STARTTLS), "starttls");
	assert_string_equal(obs_visibility_name(OBS_FLOW), "flow");
	assert_string_equal(obs_connect_name(OBS_CONNECT_REFUSED), "refused");
	for (unsigned i = 0; i < 300; i++) {
		assert_non_null(obs_kind_name(i));
		assert_non_null(obs_remote_name(i));
		assert_non_null(obs_tls_name(i));
		assert_non_null(obs_visibility_name(i));
		assert_non_null(obs_connect_name(i));
	}
	assert_string_equal(obs_kind_name(0), "unknown");
	assert_string_equal(obs_kind_name(OBS__COUNT), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_kind_survives),
	    cmocka_unit_test(test_known_bytes),
	    cmocka_unit_test(test_every_cut_is_refused),
	    cmocka_unit_test(test_values_out_of_range),
	    cmocka_unit_test(test_texts_are_cleaned_and_checked),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
