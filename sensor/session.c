/* SPDX-License-Identifier: ISC */
/*
 * Where the bytes of a session go: dialogue, TLS or classifier; see session.h.  What they find is
 * told by session_observe.c.  bulkhead-sensor, replay.
 */
#include "sensor/session_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/dns_mx.h"

#define CLASSIFY_FLOWS 256
/* Of one client; what is beyond is counted.  A resolver of a busy mail server asks less. */
#define MX_BURST    1000
#define MX_EVERY_NS (CLOCK_SECOND_NS / 100)
/* One flow in four can have names and hints, and one in four can be under TLS, at the same time;
 * beyond 262,144 flows there are no more of them. */
#define POOL_SHARE	 4
#define POOL_RECORDS_MIN 64
#define POOL_RECORDS_MAX 65536

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
	size_t tls_bytes = sizeof(struct session_tls) + tls_state_bytes();
	uint32_t records = pool_records(cfg->flows_max);
	int code = -ENOMEM;

	if (all == NULL)
		return err_set(e, -ENOMEM, "no memory for the sensor");
	all->crossing = crossing;
	all->emit = emit;
	all->arg = arg;
	memcpy(all->key, cfg->hash_key, sizeof(all->key));
	if (slab_init(&all->details, sizeof(struct session_detail), records) != 0 ||
	    slab_init(&all->tls, tls_bytes, records) != 0 ||
	    sample_new(&all->sample, cfg->table_seed, SAMPLE_TEXT_BURST, CLOCK_SECOND_NS) != 0 ||
	    sample_new(&all->mx_sample, cfg->table_seed, MX_BURST, MX_EVERY_NS) != 0 ||
	    dns_stream_new(&all->dns_stream, cfg->table_seed) != 0 ||
	    smtp_context_new(
		&all->smtp, cfg->flows_max, cfg->hash_key, &session_smtp_events, all) != 0) {
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
	out->holes = smtp.holes;
	out->pool_exhausted = smtp.pool_exhausted + all->tls.exhausted + all->details.exhausted;
	out->memory_bytes = smtp.memory_bytes + slab_memory(&all->tls) +
			    slab_memory(&all->details) + 2 * sample_memory() + dns_stream_memory();
}

void
sessions_set_time(struct sessions *all, int64_t now_ns)
{
	all->now = now_ns;
}

/* --- bytes --- */

struct session_detail *
session_detail(struct sessions *all, struct flow *f)
{
	if (f->detail != 0)
		return slab_get(&all->details, f->detail);
	f->detail = slab_take(&all->details);
	if (f->detail == 0)
		return NULL;
	struct session_detail *d = slab_get(&all->details, f->detail);
	memset(d, 0, sizeof(*d));
	tls_hints_init(&d->hints);
	return d;
}

static void
tls_feed(struct sessions *all, struct flow *f, enum smtp_direction smtp_dir, const uint8_t *data,
    uint32_t captured, uint32_t length)
{
	enum tls_dir dir = smtp_dir == SMTP_FROM_CLIENT ? TLS_FROM_CLIENT : TLS_FROM_SERVER;
	unsigned event = 0;

	if (f->tls == 0)
		return;
	struct tls *tls = (struct tls *)((struct session_tls *)slab_get(&all->tls, f->tls))->state;
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
		session_report_estimate(all, f, false);
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
		struct session_detail *d = session_detail(all, f);
		if (d != NULL)
			tls_hints_ehlo_command(&d->hints, (size_t)(end + 1 - data));
		f->flags |= FLOW_F_EXPECT_EHLO;
		return;
	}
	if (n < 4)
		return;
	struct session_detail *d = f->detail != 0 ? slab_get(&all->details, f->detail) : NULL;
	if ((f->flags & FLOW_F_EXPECT_EHLO) == 0) {
		if (memcmp(data, "220", 3) == 0 && (d = session_detail(all, f)) != NULL &&
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
	if (session_is_smtp(f) || session_is_tls(f))
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

	while (i < SESSION_PROTOCOLS_MAX && all->protocols[i] != NULL && all->protocols[i] != name)
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
	if (session_is_smtp(f) || session_is_tls(f)) {
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

void
session_end(struct sessions *all, struct flow *f, enum obs_end how)
{
	if (f->tls != 0) {
		struct session_tls *record = slab_get(&all->tls, f->tls);
		tls_end((struct tls *)record->state);
		session_report_estimate(all, f, true);
	}
	if ((f->flags & FLOW_F_STARTED) != 0) {
		session_report_end(all, f, how);
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
		session_report_mx(asker->all, asker->frame, name, length);
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
