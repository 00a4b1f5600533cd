/* SPDX-License-Identifier: ISC */
/*
 * The life of a connection, packet by packet; see tcp.h.  How it ends is in tcp_end.c.
 * bulkhead-sensor, replay.
 */
#include "sensor/tcp_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sensor/classify.h"

#define WELL_KNOWN_PORTS 1024
#define PIECES_SHARE	 64  /* one waiting segment per so many flows ... */
#define PIECES_MIN	 512 /* ... and at least so many */

int
tcp_new(struct tcp **out, const struct sensor_config *cfg, struct sessions *sessions)
{
	uint32_t pieces = cfg->flows_max / PIECES_SHARE;
	struct tcp *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	t->sessions = sessions;
	for (unsigned i = 0; i < cfg->port_count && i < SENSOR_PORTS_MAX; i++)
		t->mail_ports[cfg->ports[i] / 8] |= (uint8_t)(1u << cfg->ports[i] % 8);
	if (flow_table_new(&t->table, cfg->flows_max, cfg->table_seed) != 0 ||
	    stream_pool_new(&t->pool, pieces > PIECES_MIN ? pieces : PIECES_MIN) != 0) {
		tcp_free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

void
tcp_free(struct tcp *t)
{
	if (t == NULL)
		return;
	stream_pool_free(t->pool);
	flow_table_free(t->table);
	free(t);
}

void
tcp_get_stats(const struct tcp *t, struct tcp_stats *out)
{
	*out = t->stats;
	stream_pool_get_stats(t->pool, &out->stream);
	out->flows_live = flow_count(t->table);
	out->memory_bytes = flow_memory(t->table) + out->stream.memory_bytes;
}

/*
 * The verbs that nobody but SMTP begins with.  QUIT, AUTH, NOOP or STLS are said in FTP, POP and
 * NNTP too, so they prove nothing on an odd port.
 */
static bool
opens_smtp(const struct frame *frame)
{
	static const char *const verbs[] = {"EHLO ", "HELO ", "LHLO ", "MAIL FROM:", "RCPT TO:"};

	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		size_t n = strlen(verbs[i]);
		if (frame->captured > n &&
		    strncasecmp((const char *)frame->payload, verbs[i], n) == 0)
			return true;
	}
	return false;
}

static bool
looks_like_smtp(const struct frame *frame)
{
	/* The first letter spares nearly all payload of other protocols the comparisons. */
	return frame->captured >= 6 && memchr("245EHLMRehlmr", frame->payload[0], 13) != NULL &&
	       (smtp_looks_like_greeting(frame->payload, frame->captured) || opens_smtp(frame));
}

/* --- batches --- */

static void
make_key(struct tcp *t, struct tcp_packet *p)
{
	p->from_high = flow_key_from_frame(
	    &p->key, &p->frame, p->role == SENSOR_ROLE_TENANT ? p->frame.ifindex : 0);
	p->hash = flow_hash(t->table, &p->key);
	p->keyed = true;
}

void
tcp_prepare(struct tcp *t, struct tcp_packet *p)
{
	p->keyed = false;
	if (!tcp_is_mail_port(t, p->frame.dst_port) && !tcp_is_mail_port(t, p->frame.src_port) &&
	    t->odd_flows == 0 && !looks_like_smtp(&p->frame))
		return;
	make_key(t, p);
	flow_prefetch_slot(t->table, p->hash);
}

void
tcp_prefetch(struct tcp *t, const struct tcp_packet *p)
{
	if (p->keyed)
		flow_prefetch_record(t->table, p->hash);
}

/* --- beginnings --- */

void
tcp_sink_data(void *arg, const uint8_t *data, uint32_t captured, uint32_t length)
{
	struct sink *sink = arg;

	session_data(sink->t->sessions, sink->f, sink->dir, data, captured, length);
}

/* Fills a record that holds nothing but its key. */
static void
start_flow(struct tcp *t, struct flow *f, const struct tcp_packet *p, bool from_client, int64_t now)
{
	bool enters = p->frame.passage != FRAME_OUTGOING;

	t->stats.flows++;
	f->first_ns = now;
	f->last_ms = 0;
	f->ifindex = p->frame.ifindex;
	f->protocol = 0;
	f->classify_slot = CLASSIFY_NONE;
	f->session = 0;
	memset(f->stream, 0, sizeof(f->stream));
	memset(&f->mac, 0, sizeof(f->mac));
	memset(&f->smtp, 0, sizeof(f->smtp));
	f->flags = (uint16_t)(p->from_high == from_client ? FLOW_F_CLIENT_HIGH : 0);
	if (!enters)
		f->flags |= FLOW_F_SKIPPED;
	/* What leaves through a tap goes to the tenant: its server is the one that is connected to.
	 */
	if (p->role == SENSOR_ROLE_TENANT && enters != from_client)
		f->flags |= FLOW_F_INBOUND;
}

static struct flow *
add_flow(struct tcp *t, const struct tcp_packet *p, bool from_client, int64_t now)
{
	struct flow *f = flow_add(t->table, &p->key, p->hash);

	if (f == NULL) {
		struct flow *victim =
		    flow_pick_victim(t->table, from_client ? &p->frame.src : &p->frame.dst);
		if (victim == NULL)
			return NULL;
		t->stats.evicted++;
		tcp_abandon(t, victim, OBS_END_EVICTED);
		tcp_remove_flow(t, victim);
		f = flow_add(t->table, &p->key, p->hash);
	}
	if (f == NULL)
		return NULL;
	start_flow(t, f, p, from_client, now);
	t->odd_flows += !tcp_is_mail_port(t, flow_server_port(f));
	return f;
}

static void
begin_attempt(struct tcp *t, struct flow *f, const struct tcp_packet *p)
{
	struct stream *s = &f->stream[SMTP_FROM_CLIENT];
	const struct frame *frame = &p->frame;

	stream_start(s, frame->seq + 1);
	if (frame->length >
	    0) { /* RFC 7413: not the client's before the server has acknowledged it */
		struct sink sink = {.t = t, .f = f, .dir = SMTP_FROM_CLIENT};
		struct stream_segment segment = {.seq = frame->seq + 1,
		    .data = frame->payload,
		    .captured = frame->captured,
		    .length = frame->length};
		stream_hold(t->pool, s, &segment, tcp_sink_data, &sink);
	}
	tcp_enter_state(t, f, FLOW_SYN_SENT);
}

/* A mail server's answer to a SYN that was not seen: what it says first is its greeting, whatever the code. */
static void
begin_accepted(struct tcp *t, const struct tcp_packet *p, int64_t now)
{
	struct flow *f = tcp_is_mail_port(t, p->frame.src_port) ? add_flow(t, p, false, now) : NULL;

	if (f == NULL) {
		t->stats.unwanted++;
		return;
	}
	stream_start(&f->stream[SMTP_FROM_SERVER], p->frame.seq + 1);
	tcp_enter_state(t, f, FLOW_SYN_ACKED);
}

static void
begin_session(struct tcp *t, struct flow *f)
{
	struct sink sink = {.t = t, .f = f, .dir = SMTP_FROM_CLIENT};

	tcp_enter_state(t, f, FLOW_OPEN);
	session_begin(t->sessions, f);
	session_announce(t->sessions, f);
	stream_resume(t->pool, &f->stream[SMTP_FROM_CLIENT], tcp_sink_data, &sink);
}

/* "220 " with a host, not the 220 that answers STARTTLS (that one has an enhanced code or no host).
 */
static bool
is_first_greeting(const struct frame *frame)
{
	const uint8_t *p = frame->payload;

	return smtp_looks_like_greeting(p, frame->captured) && frame->captured > 6 &&
	       memcmp(p, "220", 3) == 0 && !(p[4] == '2' && p[5] == '.');
}

/*
 * Payload of a connection whose SYN was not seen: who is the client?  Returns false when it is not
 * for us. Mail ports decide, then the first bytes.
 */
static bool
guess_roles(const struct tcp *t, const struct frame *frame, bool *from_client)
{
	bool to_mail = tcp_is_mail_port(t, frame->dst_port),
	     from_mail = tcp_is_mail_port(t, frame->src_port);
	bool greeting = smtp_looks_like_greeting(frame->payload, frame->captured);
	bool command = smtp_looks_like_command(frame->payload, frame->captured);

	if (to_mail != from_mail) {
		uint16_t other = to_mail ? frame->src_port : frame->dst_port;
		*from_client = to_mail;
		/* A mail port above 1023 may be the client's own port, by chance. */
		return other >= WELL_KNOWN_PORTS || greeting || command;
	}
	*from_client = to_mail ? !greeting : opens_smtp(frame);
	return to_mail || greeting || *from_client;
}

/* A flow that begins in its middle, or on an odd port. */
static struct flow *
admit_payload(struct tcp *t, const struct tcp_packet *p, struct flow *old, int64_t now)
{
	const struct frame *frame = &p->frame;
	bool from_client;

	if (frame->length == 0 || (frame->flags & (FRAME_SYN | FRAME_RST)) != 0 ||
	    !guess_roles(t, frame, &from_client)) {
		t->stats.unwanted++;
		return NULL;
	}
	struct flow *f = old;
	if (old != NULL)
		start_flow(t, old, p, from_client, now);
	else
		f = add_flow(t, p, from_client, now);
	if (f == NULL)
		return NULL;
	if (from_client || !is_first_greeting(frame))
		f->flags |= FLOW_F_MIDSTREAM;
	if (from_client || tcp_is_mail_port(t, flow_server_port(f))) {
		begin_session(t, f);
	} else {
		tcp_enter_state(t, f, FLOW_CANDIDATE);
		session_begin(t->sessions, f);
	}
	return f;
}

/* A new connection in place of an old one with the same addresses and ports. */
static void
replace_flow(struct tcp *t, struct flow *f, const struct tcp_packet *p, int64_t now)
{
	bool was_odd = !tcp_is_mail_port(t, flow_server_port(f));

	tcp_abandon(t, f, (f->flags & FLOW_F_FIN) != 0 ? OBS_END_FIN : OBS_END_RST);
	if (!tcp_is_mail_port(t, p->frame.dst_port)) {
		tcp_remove_flow(t, f);
		return;
	}
	start_flow(t, f, p, true, now);
	t->odd_flows -= was_odd;
	begin_attempt(t, f, p);
}

/* --- packets of a known flow --- */

static void
handle_syn(
    struct tcp *t, struct flow *f, const struct tcp_packet *p, enum smtp_direction dir, int64_t now)
{
	const struct stream *s = &f->stream[dir];

	/* The same SYN again: another try of the same attempt, or an old duplicate. */
	if (dir == SMTP_FROM_CLIENT && (s->flags & STREAM_KNOWN) != 0 &&
	    stream_isn(s) == p->frame.seq)
		return;
	/* Seen behind the server's answer or first words, as two taps do it. */
	if (dir == SMTP_FROM_CLIENT && (s->flags & STREAM_KNOWN) == 0 &&
	    (f->state == FLOW_OPEN || f->state == FLOW_SYN_ACKED) &&
	    (f->flags & FLOW_F_MIDSTREAM) == 0 && now - f->first_ns < CLOCK_SECOND_NS) {
		stream_start(&f->stream[dir], p->frame.seq + 1);
		return;
	}
	replace_flow(t, f, p, now);
}

static void
handle_syn_ack(struct tcp *t, struct flow *f, const struct frame *frame, enum smtp_direction dir)
{
	struct stream *client = &f->stream[SMTP_FROM_CLIENT],
		      *server = &f->stream[SMTP_FROM_SERVER];

	if (dir != SMTP_FROM_SERVER || (server->flags & STREAM_KNOWN) != 0)
		return;
	if (f->state == FLOW_SYN_SENT || f->state == FLOW_FAILED) {
		if (client->waiting == 0 &&
		    frame->ack != client->next) /* not an answer to this SYN */
			return;
		stream_start(server, frame->seq + 1);
		tcp_enter_state(t, f, FLOW_SYN_ACKED);
	} else if (f->state == FLOW_OPEN) {
		stream_start(server, frame->seq + 1);
	}
}

static void
handle_rst(struct tcp *t, struct flow *f, const struct frame *frame, enum smtp_direction dir)
{
	enum smtp_direction peer = dir == SMTP_FROM_CLIENT ? SMTP_FROM_SERVER : SMTP_FROM_CLIENT;
	struct sink sink = {.t = t, .f = f, .dir = peer};

	switch (f->state) {
	case FLOW_SYN_SENT:
		if (dir == SMTP_FROM_SERVER) {
			if (frame->ack != f->stream[SMTP_FROM_CLIENT].next &&
			    f->stream[SMTP_FROM_CLIENT].waiting == 0)
				return; /* not an answer to this SYN */
			session_report_failure(t->sessions, f, OBS_CONNECT_REFUSED);
		}
		break;
	case FLOW_OPEN:
		if ((frame->flags & FRAME_ACK) != 0)
			stream_acked(
			    t->pool, &f->stream[peer], frame->ack, true, tcp_sink_data, &sink);
		tcp_end_session(t, f, OBS_END_RST);
		f->flags |= dir == SMTP_FROM_CLIENT ? FLOW_F_CLIENT_RESET : FLOW_F_SERVER_RESET;
		break;
	case FLOW_CANDIDATE:
		tcp_end_session(t, f, OBS_END_RST);
		break;
	default:
		break;
	}
	stream_drop(t->pool, &f->stream[SMTP_FROM_CLIENT]);
	stream_drop(t->pool, &f->stream[SMTP_FROM_SERVER]);
	tcp_enter_state(t, f, FLOW_CLOSED);
}

/* Data of an attempt that nobody was seen to accept: the answer was missed, or the SYN was not this
 * one's. */
static bool
open_unanswered(struct flow *f, const struct frame *frame, enum smtp_direction dir)
{
	struct stream *client = &f->stream[SMTP_FROM_CLIENT];

	if (dir == SMTP_FROM_SERVER)
		return (frame->flags & FRAME_ACK) != 0 && (int32_t)(frame->ack - client->next) >= 0;
	if (frame->seq == client->next)
		return true;
	if (frame->length == 0)
		return false;
	f->flags |= FLOW_F_MIDSTREAM;
	stream_start(client, frame->seq);
	return true;
}

/* Data after the end.  True: somebody who had reset the connection goes on, so it had not ended. */
static bool
is_reopened(const struct flow *f, const struct frame *frame, enum smtp_direction dir)
{
	uint16_t reset = dir == SMTP_FROM_CLIENT ? FLOW_F_CLIENT_RESET : FLOW_F_SERVER_RESET;

	return (f->flags & reset) != 0 && frame->length > 0 &&
	       (int32_t)(frame->seq - f->stream[dir].next) >= 0;
}

/* Makes a flow ready to take data.  NULL: this packet brings none to a session. */
static struct flow *
ready_for_data(
    struct tcp *t, struct flow *f, const struct tcp_packet *p, enum smtp_direction dir, int64_t now)
{
	const struct frame *frame = &p->frame;

	switch (f->state) {
	case FLOW_SYN_SENT:
	case FLOW_FAILED:
		if (!open_unanswered(f, frame, dir))
			return NULL;
		begin_session(t, f);
		return f;
	case FLOW_SYN_ACKED:
		begin_session(t, f);
		return f;
	case FLOW_CLOSED:
		return is_reopened(f, frame, dir) ? admit_payload(t, p, f, now) : NULL;
	case FLOW_CANDIDATE:
		if (dir == SMTP_FROM_SERVER || frame->length == 0)
			return f;
		if (opens_smtp(frame)) {
			if ((f->stream[dir].flags & STREAM_KNOWN) == 0)
				stream_start(&f->stream[dir], frame->seq);
			tcp_enter_state(t, f, FLOW_OPEN);
			session_announce(t->sessions, f);
			return f;
		}
		tcp_abandon(t, f, OBS_END_IDLE);
		tcp_remove_flow(t, f);
		return NULL;
	default:
		return f;
	}
}

static void
handle_data(struct tcp *t, struct flow *f, const struct frame *frame, enum smtp_direction dir)
{
	enum smtp_direction peer = dir == SMTP_FROM_CLIENT ? SMTP_FROM_SERVER : SMTP_FROM_CLIENT;
	struct sink own = {.t = t, .f = f, .dir = dir}, other = {.t = t, .f = f, .dir = peer};
	struct stream_pair pair = {.own = &f->stream[dir],
	    .peer = &f->stream[peer],
	    .sink = tcp_sink_data,
	    .own_arg = &own,
	    .peer_arg = &other};
	struct stream_segment segment = {.seq = frame->seq,
	    .data = frame->payload,
	    .captured = frame->captured,
	    .length = frame->length,
	    .fin = (frame->flags & FRAME_FIN) != 0,
	    .ack = frame->ack};

	bool next = (pair.own->flags & STREAM_KNOWN) == 0 || pair.own->next == frame->seq;

	stream_packet(t->pool, &pair, &segment, (frame->flags & FRAME_ACK) != 0);
	if (frame->length == 0 && !segment.fin)
		return;
	/* All of its bytes were delivered now, and nothing in their place before. */
	if (frame->length > 0 && next &&
	    (int32_t)(pair.own->next - frame->seq - frame->length) >= 0)
		session_classify(t->sessions, f, frame);
	uint8_t ends = f->stream[SMTP_FROM_CLIENT].flags & f->stream[SMTP_FROM_SERVER].flags;
	uint8_t some = f->stream[SMTP_FROM_CLIENT].flags | f->stream[SMTP_FROM_SERVER].flags;
	if ((ends & STREAM_FIN) != 0) {
		tcp_end_session(t, f, OBS_END_FIN);
		tcp_enter_state(t, f, FLOW_CLOSED);
	} else if ((some & STREAM_FIN) != 0 && (f->flags & FLOW_F_FIN) == 0) {
		f->flags |= FLOW_F_FIN;
		tcp_enter_state(t, f, (enum flow_state)f->state);
	}
}

/*
 * Without taps a connection may cross several interfaces: it belongs to where its first packet was
 * seen, but for a SYN that was first seen leaving and then, elsewhere, entering.
 */
static bool
is_own_crossing(struct flow *f, const struct tcp_packet *p)
{
	const struct frame *frame = &p->frame;

	if (p->role == SENSOR_ROLE_TENANT || frame->ifindex == f->ifindex)
		return true;
	if (f->state == FLOW_SYN_SENT && (f->flags & FLOW_F_SKIPPED) != 0 &&
	    frame->passage != FRAME_OUTGOING && (frame->flags & FRAME_SYN) != 0) {
		f->ifindex = frame->ifindex;
		f->flags &= (uint16_t)~FLOW_F_SKIPPED;
		f->mac = frame->mac;
	}
	return false;
}

/* The tenant's side: what enters through its tap; elsewhere the client. */
static void
note_mac(struct flow *f, const struct tcp_packet *p, enum smtp_direction dir)
{
	bool tenant = p->role == SENSOR_ROLE_TENANT ? p->frame.passage != FRAME_OUTGOING
						    : dir == SMTP_FROM_CLIENT;

	if (tenant && mac_is_zero(&f->mac))
		f->mac = p->frame.mac;
}

static enum smtp_direction
direction_of(const struct flow *f, const struct tcp_packet *p)
{
	bool client_high = (f->flags & FLOW_F_CLIENT_HIGH) != 0;

	return p->from_high == client_high ? SMTP_FROM_CLIENT : SMTP_FROM_SERVER;
}

static void
handle_known(struct tcp *t, struct flow *f, const struct tcp_packet *p, int64_t now)
{
	const struct frame *frame = &p->frame;
	enum smtp_direction dir = direction_of(f, p);

	if (f->state != FLOW_CLOSED || flow_last_ns(f) + TCP_TIMEOUT_CLOSED_NS > now)
		flow_touch(f, now);
	note_mac(f, p, dir);
	if ((frame->flags & FRAME_RST) != 0) {
		handle_rst(t, f, frame, dir);
	} else if ((frame->flags & (FRAME_SYN | FRAME_ACK)) == FRAME_SYN) {
		handle_syn(t, f, p, dir, now);
	} else if ((frame->flags & FRAME_SYN) != 0) {
		handle_syn_ack(t, f, frame, dir);
	} else {
		f = ready_for_data(t, f, p, dir, now);
		if (f != NULL)
			handle_data(t, f, frame, direction_of(f, p));
	}
}

void
tcp_handle(struct tcp *t, struct tcp_packet *p, int64_t now_ns)
{
	const struct frame *frame = &p->frame;

	if (!p->keyed) {
		if (t->odd_flows == 0) {
			t->stats.unwanted++;
			return;
		}
		make_key(t, p); /* an odd flow appeared within this batch */
	}
	struct flow *f = flow_find(t->table, &p->key, p->hash);
	if (f != NULL) {
		if (is_own_crossing(f, p))
			handle_known(t, f, p, now_ns);
		else
			t->stats.other_crossings++;
		return;
	}
	if ((frame->flags & (FRAME_SYN | FRAME_ACK | FRAME_RST)) == FRAME_SYN) {
		f = tcp_is_mail_port(t, frame->dst_port) ? add_flow(t, p, true, now_ns) : NULL;
		if (f == NULL) {
			t->stats.unwanted++;
			return;
		}
		note_mac(f, p, SMTP_FROM_CLIENT);
		begin_attempt(t, f, p);
		return;
	}
	if ((frame->flags & (FRAME_SYN | FRAME_ACK | FRAME_RST)) == (FRAME_SYN | FRAME_ACK)) {
		begin_accepted(t, p, now_ns);
		return;
	}
	f = admit_payload(t, p, NULL, now_ns);
	if (f != NULL) {
		note_mac(f, p, direction_of(f, p));
		handle_data(t, f, frame, direction_of(f, p));
	}
}

void
tcp_unreachable(struct tcp *t, struct tcp_packet *p)
{
	if (!tcp_is_mail_port(t, p->frame.dst_port))
		return;
	make_key(t, p);
	struct flow *f = flow_find(t->table, &p->key, p->hash);
	/* Anybody can send such a packet: it must name the very SYN that waits. */
	if (f == NULL || f->state != FLOW_SYN_SENT || direction_of(f, p) != SMTP_FROM_CLIENT ||
	    f->stream[SMTP_FROM_CLIENT].next != p->frame.seq + 1)
		return;
	session_report_failure(t->sessions, f, OBS_CONNECT_UNREACHABLE);
	stream_drop(t->pool, &f->stream[SMTP_FROM_CLIENT]);
	tcp_enter_state(t, f, FLOW_FAILED); /* its further tries are the same attempt */
}
