/* SPDX-License-Identifier: ISC */
/*
 * One session seen as a conversation; see session.h.  bulkhead-sensor, replay.
 */
#include "sensor/session.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/classify.h"
#include "sensor/dns_mx.h"
#include "sensor/dns_stream.h"
#include "sensor/geo.h"
#include "sensor/mailbox.h"
#include "sensor/sample.h"
#include "sensor/slab.h"
#include "sensor/smtp.h"
#include "sensor/suffix.h"
#include "sensor/tls.h"

#define PORT_SMTPS     465 /* RFC 8314 */
#define CLASSIFY_FLOWS 256
/* Of one client; what is beyond is counted.  A resolver of a busy mail server asks less. */
#define MX_BURST      1000
#define MX_EVERY_NS   (CLOCK_SECOND_NS / 100)
#define PROTOCOLS_MAX 255
/* One flow in four can have names and hints, and one in four can be under TLS, at the same time;
 * beyond 262,144 flows there are no more of them. */
#define POOL_SHARE	 4
#define POOL_RECORDS_MIN 64
#define POOL_RECORDS_MAX 65536

/* Names and hints, for sessions that got as far as a greeting or EHLO. */
struct detail {
	char helo[OBS_DOMAIN_BYTES];
	char greeting_host[OBS_DOMAIN_BYTES];
	struct tls_hints hints;
};

struct tls_record {
	struct tls_estimate reported; /* sum of the OBS_ESTIMATEs so far */
	_Alignas(uint64_t) uint8_t state[];
};

struct sessions {
	struct crossing *crossing;
	sensor_emit_fn emit;
	void *arg;
	int64_t now;
	uint64_t numbers; /* given so far */
	struct smtp_context *smtp;
	struct classify *classify; /* NULL: off */
	struct geo *geo;	   /* NULL: no databases */
	struct sample *sample;	   /* whose texts are read */
	struct sample *mx_sample;  /* whose MX questions are told */
	struct dns_stream *dns_stream;
	uint8_t key[HASH_KEY_BYTES];
	struct slab details, tls;
	const char
	    *protocols[PROTOCOLS_MAX + 1]; /* static names of the classifier, by flow.protocol */
	struct session_stats stats;
};

static const struct smtp_events events;

static uint32_t
pool_records(uint32_t flows)
{
	uint32_t records = flows / POOL_SHARE;

	if (records < POOL_RECORDS_MIN)
		return POOL_RECORDS_MIN;
	return records < POOL_RECORDS_MAX ? records : POOL_RECORDS_MAX;
}

int
sessions_new(struct sessions **out, const struct sensor_config *cfg, struct crossing *crossing,
    sensor_emit_fn emit, void *arg, struct err *e)
{
	struct sessions *all = calloc(1, sizeof(*all));
	size_t tls_bytes = sizeof(struct tls_record) + tls_state_bytes();
	uint32_t records = pool_records(cfg->flows_max);
	int code = -ENOMEM;

	if (all == NULL)
		return err_set(e, -ENOMEM, "no memory for the sensor");
	all->crossing = crossing;
	all->emit = emit;
	all->arg = arg;
	memcpy(all->key, cfg->hash_key, sizeof(all->key));
	if (slab_init(&all->details, sizeof(struct detail), records) != 0 ||
	    slab_init(&all->tls, tls_bytes, records) != 0 ||
	    sample_new(&all->sample, cfg->table_seed, SAMPLE_TEXT_BURST, CLOCK_SECOND_NS) != 0 ||
	    sample_new(&all->mx_sample, cfg->table_seed, MX_BURST, MX_EVERY_NS) != 0 ||
	    dns_stream_new(&all->dns_stream, cfg->table_seed) != 0 ||
	    smtp_context_new(&all->smtp, cfg->flows_max, cfg->hash_key, &events, all) != 0) {
		err_set(e, code, "no memory for %u flows: lower flows_max", cfg->flows_max);
		goto out;
	}
	code = geo_open(&all->geo, cfg->mmdb_asn_path, cfg->mmdb_country_path, e);
	if (code == 0 && cfg->classify)
		code = classify_new(&all->classify, CLASSIFY_FLOWS, e);
out:
	if (code != 0)
		sessions_free(all);
	else
		*out = all;
	return code;
}

void
sessions_free(struct sessions *all)
{
	if (all == NULL)
		return;
	classify_free(all->classify);
	geo_close(all->geo);
	smtp_context_free(all->smtp);
	sample_free(all->sample);
	sample_free(all->mx_sample);
	dns_stream_free(all->dns_stream);
	slab_fini(&all->tls);
	slab_fini(&all->details);
	free(all);
}

void
sessions_get_stats(const struct sessions *all, struct session_stats *out)
{
	struct smtp_stats smtp;

	smtp_context_get_stats(all->smtp, &smtp);
	*out = all->stats;
	out->unmatched_replies = smtp.unmatched_replies;
	out->pool_exhausted = smtp.pool_exhausted + all->tls.exhausted + all->details.exhausted;
	out->memory_bytes = smtp.memory_bytes + slab_memory(&all->tls) +
			    slab_memory(&all->details) + 2 * sample_memory() + dns_stream_memory();
}

void
sessions_set_time(struct sessions *all, int64_t now_ns)
{
	all->now = now_ns;
}

/* --- observations --- */

/* Copies text of the network: printable ASCII only. */
static void
copy_text(char *out, size_t size, const char *text)
{
	size_t i = 0;

	for (; i + 1 < size && text[i] != '\0'; i++)
		out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	out[i] = '\0';
}

static bool
is_smtp(const struct flow *f)
{
	return (f->flags & FLOW_F_SMTP) != 0 || smtp_is_spoken(&f->smtp);
}

static bool
is_tls(const struct flow *f)
{
	return smtp_is_tls(&f->smtp, SMTP_FROM_CLIENT) || smtp_is_tls(&f->smtp, SMTP_FROM_SERVER);
}

static bool
is_one_sided(const struct flow *f)
{
	unsigned both = f->stream[SMTP_FROM_CLIENT].flags ^ f->stream[SMTP_FROM_SERVER].flags;

	return (both & STREAM_KNOWN) != 0 && (f->flags & FLOW_F_SPOKE) != 0;
}

/* Fills everything but the union. */
static void
observe(struct sessions *all, const struct flow *f, enum obs_kind kind, struct observation *obs)
{
	struct geo_info geo;
	bool inbound = (f->flags & FLOW_F_INBOUND) != 0;

	memset(obs, 0, sizeof(*obs));
	obs->kind = (uint8_t)kind;
	obs->visibility = is_tls(f) ? OBS_TLS : is_smtp(f) ? OBS_CLEAR : OBS_FLOW;
	obs->flags = (uint16_t)((inbound ? OBS_F_INBOUND : 0) |
				((f->flags & FLOW_F_GAP) != 0 ? OBS_F_GAP : 0) |
				((f->flags & FLOW_F_MIDSTREAM) != 0 ? OBS_F_MIDSTREAM : 0) |
				(is_one_sided(f) ? OBS_F_ONE_SIDED : 0));
	obs->time_ns = all->now;
	obs->session = f->session;
	copy_text(obs->ifname, sizeof(obs->ifname), crossing_get(all->crossing, f->ifindex)->name);
	obs->mac = f->mac;
	obs->client = *flow_client(f);
	obs->server = *flow_server(f);
	obs->client_port = flow_client_port(f);
	obs->server_port = flow_server_port(f);
	geo_lookup(all->geo, inbound ? &obs->client : &obs->server, &geo);
	obs->asn = geo.asn;
	memcpy(obs->country, geo.country, sizeof(obs->country));
}

static void
emit(struct sessions *all, const struct observation *obs)
{
	all->stats.observations++;
	all->emit(all->arg, obs);
}

static struct flow *
flow_of(struct smtp *s)
{
	return (struct flow *)((char *)s - offsetof(struct flow, smtp));
}

static struct detail *
detail_of(struct sessions *all, struct flow *f)
{
	if (f->detail != 0)
		return slab_get(&all->details, f->detail);
	f->detail = slab_take(&all->details);
	if (f->detail == 0)
		return NULL;
	struct detail *d = slab_get(&all->details, f->detail);
	memset(d, 0, sizeof(*d));
	tls_hints_init(&d->hints);
	return d;
}

static void
on_greeting(void *arg, struct smtp *s, const struct smtp_greeting *greeting)
{
	struct sessions *all = arg;
	struct flow *f = flow_of(s);
	struct detail *d = detail_of(all, f);
	struct observation obs;

	if (d != NULL)
		copy_text(d->greeting_host, sizeof(d->greeting_host), greeting->host);
	if (greeting->reply->code / 100 == 2 || (f->flags & FLOW_F_STARTED) == 0)
		return;
	observe(all, f, OBS_GREETING, &obs);
	obs.u.greeting.reply = *greeting->reply;
	emit(all, &obs);
}

static void
on_helo(void *arg, struct smtp *s, const char *name)
{
	struct detail *d = detail_of(arg, flow_of(s));

	if (d != NULL)
		copy_text(d->helo, sizeof(d->helo), name);
}

static void
on_recipient(void *arg, struct smtp *s, const struct smtp_recipient *recipient)
{
	struct sessions *all = arg;
	struct flow *f = flow_of(s);
	struct observation obs;

	if ((f->flags & FLOW_F_STARTED) == 0)
		return;
	observe(all, f, OBS_RECIPIENT, &obs);
	obs.u.recipient.hash = recipient->hash;
	obs.u.recipient.domain_hash = recipient->domain_hash;
	copy_text(obs.u.recipient.domain, sizeof(obs.u.recipient.domain), recipient->domain);
	copy_text(obs.u.recipient.sender_domain, sizeof(obs.u.recipient.sender_domain),
	    recipient->sender_domain);
	obs.u.recipient.reply_class = recipient->reply_class;
	obs.u.recipient.reply = *recipient->reply;
	emit(all, &obs);
}

static void
on_message(void *arg, struct smtp *s, const struct smtp_message *message)
{
	struct sessions *all = arg;
	struct flow *f = flow_of(s);
	struct observation obs;

	if ((f->flags & FLOW_F_STARTED) == 0)
		return;
	observe(all, f, OBS_MESSAGE, &obs);
	obs.u.message.reply = *message->reply;
	obs.u.message.size_bytes = message->size_bytes;
	obs.u.message.recipients_accepted = message->recipients_accepted;
	obs.u.message.recipients_rejected = message->recipients_rejected;
	obs.u.message.recipients_deferred = message->recipients_deferred;
	copy_text(obs.u.message.sender_domain, OBS_DOMAIN_BYTES, message->sender_domain);
	copy_text(obs.u.message.from_domain, OBS_DOMAIN_BYTES, message->from_domain);
	copy_text(obs.u.message.dkim_domain, OBS_DOMAIN_BYTES, message->dkim_domain);
	obs.u.message.headers_seen = message->headers_seen;
	obs.u.message.headers = message->headers;
	obs.u.message.subject_hash = message->subject_hash;
	obs.u.message.fingerprint = message->fingerprint;
	obs.u.message.chunked = message->chunked;
	emit(all, &obs);
}

static bool
wants_text(void *arg, struct smtp *s)
{
	struct sessions *all = arg;

	return sample_take(all->sample, flow_client(flow_of(s)), all->now);
}

/* --- TLS --- */

static void
on_tls(void *arg, struct smtp *s, enum obs_tls how)
{
	struct sessions *all = arg;
	struct flow *f = flow_of(s);
	struct tls_hints hints;

	if (how != OBS_TLS_STARTTLS && how != OBS_TLS_IMPLICIT)
		return;
	if (how == OBS_TLS_STARTTLS || flow_server_port(f) == PORT_SMTPS)
		f->flags |= FLOW_F_SMTP;
	if (f->tls != 0)
		return;
	f->tls = slab_take(&all->tls);
	if (f->tls == 0)
		return;
	tls_hints_init(&hints);
	if (f->detail != 0)
		hints = ((struct detail *)slab_get(&all->details, f->detail))->hints;
	hints.port = flow_server_port(f);
	hints.starttls = how == OBS_TLS_STARTTLS;
	struct tls_record *record = slab_get(&all->tls, f->tls);
	memset(&record->reported, 0, sizeof(record->reported));
	tls_init((struct tls *)record->state, &hints);
}

static const struct smtp_events events = {.on_greeting = on_greeting,
    .on_helo = on_helo,
    .on_recipient = on_recipient,
    .on_message = on_message,
    .on_tls = on_tls,
    .wants_text = wants_text};

/*
 * Reports what the estimate says beyond what was reported.  While the session runs only a new
 * message is a reason to speak: the estimator revises the rest with every turn, and one report
 * carries it all.
 */
static void
report_estimate(struct sessions *all, struct flow *f, bool final)
{
	struct tls_record *record = slab_get(&all->tls, f->tls);
	struct tls_estimate now, *old = &record->reported;
	struct observation obs;

	if (!is_smtp(f) && tls_is_mail((struct tls *)record->state))
		f->flags |= FLOW_F_SMTP; /* implicit TLS on another mail port than 465 */
	if (!is_smtp(f) || (f->flags & FLOW_F_STARTED) == 0)
		return;
	tls_estimate_get((struct tls *)record->state, &now);
	bool changed = now.messages != old->messages || now.recipients != old->recipients ||
		       now.recipients_rejected != old->recipients_rejected ||
		       now.bytes != old->bytes;
	if (final ? !changed : now.messages <= old->messages)
		return;
	observe(all, f, OBS_ESTIMATE, &obs);
	obs.flags |= OBS_F_ESTIMATED;
	obs.u.estimate.messages = (int32_t)(now.messages - old->messages);
	obs.u.estimate.recipients = (int32_t)(now.recipients - old->recipients);
	obs.u.estimate.recipients_rejected =
	    (int32_t)(now.recipients_rejected - old->recipients_rejected);
	obs.u.estimate.bytes = (int64_t)(now.bytes - old->bytes);
	obs.u.estimate.typical_bytes = now.typical_bytes;
	obs.u.estimate.envelope_bytes = now.envelope_bytes;
	obs.u.estimate.confidence = now.confidence;
	*old = now;
	emit(all, &obs);
}

static void
tls_feed(struct sessions *all, struct flow *f, enum smtp_direction smtp_dir, const uint8_t *data,
    uint32_t captured, uint32_t length)
{
	enum tls_dir dir = smtp_dir == SMTP_FROM_CLIENT ? TLS_FROM_CLIENT : TLS_FROM_SERVER;
	unsigned event = 0;

	if (f->tls == 0)
		return;
	struct tls *tls = (struct tls *)((struct tls_record *)slab_get(&all->tls, f->tls))->state;
	if (data == NULL) {
		event = tls_gap(tls, dir, length);
	} else {
		tls_segment(tls, dir);
		if (captured > 0)
			event = tls_data(tls, dir, data, captured);
		if (length > captured)
			event |= tls_skip(tls, dir, length - captured);
	}
	if ((event & TLS_EVENT_ESTIMATE) != 0)
		report_estimate(all, f, false);
}

/*
 * The lengths of the clear dialogue before STARTTLS tell the estimator what to expect inside. Lines
 * that are split over segments are rare here and cost only precision.
 */
static void
note_hints(
    struct sessions *all, struct flow *f, enum smtp_direction dir, const uint8_t *data, uint32_t n)
{
	const uint8_t *end = memchr(data, '\n', n);

	if (dir == SMTP_FROM_CLIENT) {
		if (n < 5 || (memcmp(data, "EHLO ", 5) != 0 && memcmp(data, "ehlo ", 5) != 0) ||
		    end == NULL)
			return;
		struct detail *d = detail_of(all, f);
		if (d != NULL)
			tls_hints_ehlo_command(&d->hints, (size_t)(end + 1 - data));
		f->flags |= FLOW_F_EXPECT_EHLO;
		return;
	}
	if (n < 4)
		return;
	struct detail *d = f->detail != 0 ? slab_get(&all->details, f->detail) : NULL;
	if ((f->flags & FLOW_F_EXPECT_EHLO) == 0) {
		if (memcmp(data, "220", 3) == 0 && (d = detail_of(all, f)) != NULL &&
		    d->hints.family == 0)
			tls_hints_greeting(&d->hints, data, n);
		return;
	}
	while (d != NULL && end != NULL && n >= 4 && (data[3] == '-' || data[3] == ' ')) {
		size_t wire = (size_t)(end + 1 - data);
		size_t text = wire - 1 - (wire >= 2 && data[wire - 2] == '\r');
		bool last = data[3] == ' ';
		tls_hints_ehlo_line(&d->hints, data, text, wire);
		data += wire;
		n -= (uint32_t)wire;
		if (last) {
			f->flags &= (uint16_t)~FLOW_F_EXPECT_EHLO;
			return;
		}
		end = memchr(data, '\n', n);
	}
}

/* --- the life of a session --- */

void
session_begin(struct sessions *all, struct flow *f)
{
	f->session = ++all->numbers;
	f->classify_slot = CLASSIFY_NONE;
	if (all->classify == NULL || (f->flags & FLOW_F_MIDSTREAM) != 0)
		f->flags |= FLOW_F_CLASSIFIED;
	smtp_init(&f->smtp, (f->flags & FLOW_F_MIDSTREAM) != 0);
}

void
session_announce(struct sessions *all, struct flow *f)
{
	struct observation obs;

	f->flags |= FLOW_F_STARTED;
	all->stats.midstream += (f->flags & FLOW_F_MIDSTREAM) != 0;
	observe(all, f, OBS_SESSION_START, &obs);
	emit(all, &obs);
}

void
session_report_failure(struct sessions *all, struct flow *f, enum obs_connect how)
{
	struct observation obs;

	if (f->session == 0)
		f->session = ++all->numbers;
	observe(all, f, OBS_CONNECT_FAILED, &obs);
	obs.u.connect_failed.how = (uint8_t)how;
	emit(all, &obs);
}

static void
stop_classifying(struct sessions *all, struct flow *f)
{
	classify_release(all->classify, f->classify_slot);
	f->classify_slot = CLASSIFY_NONE;
	f->flags |= FLOW_F_CLASSIFIED;
}

/* Whether the client's bytes are still fit for the classifier, which must not see how it logs in. */
static void
guard_login(
    struct sessions *all, struct flow *f, const uint8_t *data, uint32_t captured, uint32_t length)
{
	if (is_smtp(f) || is_tls(f))
		return; /* session_classify() stops by itself */
	if (f->classify_slot == CLASSIFY_NONE)
		f->classify_slot = (int16_t)classify_take(all->classify);
	if (f->classify_slot == CLASSIFY_NONE || captured < length ||
	    classify_hears_login(all->classify, f->classify_slot, data, captured))
		stop_classifying(all, f);
}

void
session_data(struct sessions *all, struct flow *f, enum smtp_direction dir, const uint8_t *data,
    uint32_t captured, uint32_t length)
{
	struct smtp *s = &f->smtp;

	f->flags |= data == NULL ? FLOW_F_GAP : FLOW_F_SPOKE;
	if (smtp_is_tls(s, dir)) {
		tls_feed(all, f, dir, data, captured, length);
		return;
	}
	if (data == NULL) {
		smtp_gap(all->smtp, s, dir, length);
		if ((f->flags & FLOW_F_CLASSIFIED) == 0) /* the words may have been in it */
			stop_classifying(all, f);
		return;
	}
	if (captured > 0 && f->smtp.commands < 4)
		note_hints(all, f, dir, data, captured);
	uint32_t taken = 0;
	if (captured > 0)
		taken =
		    (uint32_t)(dir == SMTP_FROM_CLIENT ? smtp_client(all->smtp, s, data, captured)
						       : smtp_server(all->smtp, s, data, captured));
	if (taken < captured)
		tls_feed(all, f, dir, data + taken, captured - taken, length - taken);
	else if (length > captured)
		smtp_skip(all->smtp, s, dir, length - captured);
	if ((f->flags & FLOW_F_CLASSIFIED) == 0 && dir == SMTP_FROM_CLIENT)
		guard_login(all, f, data, captured, length);
}

static uint8_t
protocol_index(struct sessions *all, const char *name)
{
	unsigned i = 1;

	while (i < PROTOCOLS_MAX && all->protocols[i] != NULL && all->protocols[i] != name)
		i++;
	all->protocols[i] = name;
	return (uint8_t)i;
}

void
session_classify(struct sessions *all, struct flow *f, const struct frame *frame)
{
	int slot = f->classify_slot;

	if ((f->flags & FLOW_F_CLASSIFIED) != 0 || frame->captured == 0)
		return;
	if (is_smtp(f) || is_tls(f)) {
		stop_classifying(all, f);
		return;
	}
	if (slot == CLASSIFY_NONE)
		slot = classify_take(all->classify);
	if (slot == CLASSIFY_NONE) {
		f->flags |= FLOW_F_CLASSIFIED;
		return;
	}
	const char *name =
	    classify_packet(all->classify, &slot, frame->l3, frame->l3_captured, all->now);
	f->classify_slot = (int16_t)slot;
	if (name == NULL)
		return;
	f->flags |= FLOW_F_CLASSIFIED;
	if (name[0] != '\0')
		f->protocol = protocol_index(all, name);
}

/* What a session without SMTP was; "" when nothing was said, or nobody looked. */
static const char *
protocol_of(const struct sessions *all, const struct flow *f)
{
	if (is_smtp(f) || (f->flags & FLOW_F_SPOKE) == 0)
		return "";
	if (is_tls(f))
		return "tls";
	if (f->protocol != 0)
		return all->protocols[f->protocol];
	return all->classify != NULL ? "unknown" : "";
}

static void
fill_end(struct sessions *all, struct flow *f, enum obs_end how, struct observation *obs)
{
	bool smtp = is_smtp(f), tls = is_tls(f);
	uint16_t habits = smtp ? smtp_get_habits(&f->smtp) : 0;

	smtp_get_counts(&f->smtp, &obs->u.end.counts);
	obs->u.end.is_smtp = smtp;
	obs->u.end.tls = (uint8_t)smtp_get_tls(&f->smtp);
	obs->u.end.end = (uint8_t)how;
	if (tls) /* QUIT and DATA may have been said inside */
		habits &= (uint16_t) ~(OBS_HABIT_NO_QUIT | OBS_HABIT_NO_DATA);
	if (!smtp && (f->flags & FLOW_F_SPOKE) != 0)
		habits |= OBS_HABIT_NOT_SMTP;
	obs->u.end.habits = habits;
	obs->u.end.commands = f->smtp.commands;
	obs->u.end.auth_attempts = f->smtp.auth_attempts;
	obs->u.end.auth_failures = f->smtp.auth_failures;
	if (f->detail != 0) {
		const struct detail *d = slab_get(&all->details, f->detail);
		memcpy(obs->u.end.helo, d->helo, sizeof(obs->u.end.helo));
		memcpy(
		    obs->u.end.greeting_host, d->greeting_host, sizeof(obs->u.end.greeting_host));
	}
	if (f->tls != 0) {
		const struct tls_record *record = slab_get(&all->tls, f->tls);
		const struct tls *state = (const struct tls *)record->state;
		copy_text(obs->u.end.sni, sizeof(obs->u.end.sni), tls_sni(state));
		tls_client_id(state, obs->u.end.tls_client);
		obs->u.end.counts.messages_estimated = record->reported.messages;
		obs->u.end.counts.recipients_estimated = record->reported.recipients;
		obs->u.end.counts.recipients_rejected_estimated =
		    record->reported.recipients_rejected;
		obs->flags |= record->reported.messages > 0 ? OBS_F_ESTIMATED : 0;
	}
	copy_text(obs->u.end.protocol, sizeof(obs->u.end.protocol), protocol_of(all, f));
	obs->u.end.duration_ns = flow_last_ns(f) - f->first_ns;
	obs->u.end.client_bytes = stream_bytes(&f->stream[SMTP_FROM_CLIENT]);
	obs->u.end.server_bytes = stream_bytes(&f->stream[SMTP_FROM_SERVER]);
}

void
session_end(struct sessions *all, struct flow *f, enum obs_end how)
{
	struct observation obs;

	if (f->tls != 0) {
		struct tls_record *record = slab_get(&all->tls, f->tls);
		tls_end((struct tls *)record->state);
		report_estimate(all, f, true);
	}
	if ((f->flags & FLOW_F_STARTED) != 0) {
		observe(all, f, OBS_SESSION_END, &obs);
		fill_end(all, f, how, &obs);
		all->stats.one_sided += is_one_sided(f);
		emit(all, &obs);
	}
	smtp_end(all->smtp, &f->smtp);
	if (f->tls != 0)
		slab_give(&all->tls, f->tls);
	if (f->detail != 0)
		slab_give(&all->details, f->detail);
	if (f->classify_slot != CLASSIFY_NONE)
		classify_release(all->classify, f->classify_slot);
	f->tls = f->detail = 0;
	f->classify_slot = CLASSIFY_NONE;
	f->flags &= (uint16_t)~FLOW_F_STARTED;
}

/* --- DNS --- */

static void
tell_mx(struct sessions *all, const struct frame *frame, const char *name, size_t size)
{
	const struct sensor_interface *interface = crossing_get(all->crossing, frame->ifindex);
	struct mailbox whole = {.domain = (const uint8_t *)name, .domain_size = size};
	const char *domain = suffix_registrable(name);
	struct observation obs;

	if (!sample_take(all->mx_sample, &frame->src, all->now)) {
		all->stats.mx_suppressed++;
		return;
	}
	memset(&obs, 0, sizeof(obs));
	obs.kind = OBS_MX_QUERY;
	obs.visibility = OBS_CLEAR;
	obs.time_ns = all->now;
	copy_text(obs.ifname, sizeof(obs.ifname), interface->name);
	obs.mac = frame->mac;
	obs.client = frame->src;
	obs.server = frame->dst;
	obs.client_port = frame->src_port;
	obs.server_port = frame->dst_port;
	obs.u.mx_query.name_hash = mailbox_hash_domain(all->key, &whole);
	mailbox_clean_domain(obs.u.mx_query.domain, (const uint8_t *)domain, strlen(domain));
	emit(all, &obs);
}

/* Whose question it is, for the call back. */
struct asker {
	struct sessions *all;
	const struct frame *frame;
};

static void
read_question(void *arg, const uint8_t *message, size_t n)
{
	const struct asker *asker = arg;
	char name[DNS_MX_NAME_BYTES];
	size_t length = dns_mx_parse(message, n, name);

	if (length > 0)
		tell_mx(asker->all, asker->frame, name, length);
}

void
session_dns(struct sessions *all, const struct frame *frame, bool tcp)
{
	struct asker asker = {.all = all, .frame = frame};

	if (tcp)
		dns_stream_segment(all->dns_stream, frame, read_question, &asker);
	else
		read_question(&asker, frame->payload, frame->captured);
}
