/* SPDX-License-Identifier: ISC */
/*
 * What a session, its dialogue and the estimator found, told as observations; see session.h and
 * session_state.h.  bulkhead-sensor, replay.
 */
#include "sensor/session_state.h"

#include <stddef.h>
#include <string.h>

#include "sensor/mailbox.h"
#include "sensor/suffix.h"

#define PORT_SMTPS 465 /* RFC 8314 */

/* Copies text of the network: printable ASCII only. */
static void
copy_text(char *out, size_t size, const char *text)
{
	size_t i = 0;

	for (; i + 1 < size && text[i] != '\0'; i++)
		out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	out[i] = '\0';
}

/* Fills everything but the union. */
static void
observe(struct sessions *all, const struct flow *f, enum obs_kind kind, struct observation *obs)
{
	struct geo_info geo;
	bool inbound = (f->flags & FLOW_F_INBOUND) != 0;

	memset(obs, 0, sizeof(*obs));
	obs->kind = (uint8_t)kind;
	obs->visibility = session_is_tls(f) ? OBS_TLS : session_is_smtp(f) ? OBS_CLEAR : OBS_FLOW;
	obs->flags =
	    (uint16_t)((inbound ? OBS_F_INBOUND : 0) | (session_has_gap(f) ? OBS_F_GAP : 0) |
		       ((f->flags & FLOW_F_MIDSTREAM) != 0 ? OBS_F_MIDSTREAM : 0) |
		       (session_is_one_sided(f) ? OBS_F_ONE_SIDED : 0));
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

/* --- the dialogue --- */

static struct flow *
flow_of(struct smtp *s)
{
	return (struct flow *)((char *)s - offsetof(struct flow, smtp));
}

static void
on_greeting(void *arg, struct smtp *s, const struct smtp_greeting *greeting)
{
	struct sessions *all = arg;
	struct flow *f = flow_of(s);
	struct session_detail *d = session_detail(all, f);
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
	struct session_detail *d = session_detail(arg, flow_of(s));

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
		hints = ((struct session_detail *)slab_get(&all->details, f->detail))->hints;
	hints.port = flow_server_port(f);
	hints.starttls = how == OBS_TLS_STARTTLS;
	struct session_tls *record = slab_get(&all->tls, f->tls);
	memset(&record->reported, 0, sizeof(record->reported));
	tls_init((struct tls *)record->state, &hints);
}

const struct smtp_events session_smtp_events = {.on_greeting = on_greeting,
    .on_helo = on_helo,
    .on_recipient = on_recipient,
    .on_message = on_message,
    .on_tls = on_tls,
    .wants_text = wants_text};

/* --- the life of a session --- */

void
session_report_estimate(struct sessions *all, struct flow *f, bool final)
{
	struct session_tls *record = slab_get(&all->tls, f->tls);
	struct tls_estimate now, *old = &record->reported;
	struct observation obs;

	if (!session_is_smtp(f) && tls_is_mail((struct tls *)record->state))
		f->flags |= FLOW_F_SMTP; /* implicit TLS on another mail port than 465 */
	if (!session_is_smtp(f) || (f->flags & FLOW_F_STARTED) == 0)
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

/* What a session without SMTP was; "" when nothing was said, or nobody looked. */
static const char *
protocol_of(const struct sessions *all, const struct flow *f)
{
	if (session_is_smtp(f) || (f->flags & FLOW_F_SPOKE) == 0)
		return "";
	if (session_is_tls(f))
		return "tls";
	if (f->protocol != 0)
		return all->protocols[f->protocol];
	return all->classify != NULL ? "unknown" : "";
}

static void
fill_end(struct sessions *all, struct flow *f, enum obs_end how, struct observation *obs)
{
	bool smtp = session_is_smtp(f), tls = session_is_tls(f);
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
		const struct session_detail *d = slab_get(&all->details, f->detail);
		memcpy(obs->u.end.helo, d->helo, sizeof(obs->u.end.helo));
		memcpy(
		    obs->u.end.greeting_host, d->greeting_host, sizeof(obs->u.end.greeting_host));
	}
	if (f->tls != 0) {
		const struct session_tls *record = slab_get(&all->tls, f->tls);
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
session_report_end(struct sessions *all, struct flow *f, enum obs_end how)
{
	struct observation obs;

	observe(all, f, OBS_SESSION_END, &obs);
	fill_end(all, f, how, &obs);
	all->stats.one_sided += session_is_one_sided(f);
	emit(all, &obs);
}

/* --- DNS --- */

void
session_report_mx(struct sessions *all, const struct frame *frame, const char *name, size_t size)
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
