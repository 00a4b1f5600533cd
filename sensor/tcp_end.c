/* SPDX-License-Identifier: ISC */
/*
 * How a connection ends: its time-outs, and what is told and given back then; see tcp.h and
 * tcp_state.h.  bulkhead-sensor, replay.
 */
#include "sensor/tcp_state.h"

/* Time-outs since the last packet, but for the first, which counts from the first SYN. */
#define TIMEOUT_SYN_NS (30 * CLOCK_SECOND_NS)
/* Longer than the pause before Linux' last SYN. */
#define TIMEOUT_FAILED_NS    (65 * CLOCK_SECOND_NS)
#define TIMEOUT_HALF_OPEN_NS (30 * CLOCK_SECOND_NS)
#define TIMEOUT_CANDIDATE_NS (30 * CLOCK_SECOND_NS)
/* RFC 5321 4.5.3.2: servers wait 5, clients 10 minutes. */
#define TIMEOUT_IDLE_NS (10 * CLOCK_MINUTE_NS)
#define TIMEOUT_FIN_NS	CLOCK_MINUTE_NS

static int64_t
deadline_of(const struct flow *f)
{
	static const int64_t spans[FLOW_STATE__COUNT] = {[FLOW_SYN_SENT] = TIMEOUT_SYN_NS,
	    [FLOW_FAILED] = TIMEOUT_FAILED_NS,
	    [FLOW_SYN_ACKED] = TIMEOUT_HALF_OPEN_NS,
	    [FLOW_OPEN] = TIMEOUT_IDLE_NS,
	    [FLOW_CANDIDATE] = TIMEOUT_CANDIDATE_NS,
	    [FLOW_CLOSED] = TCP_TIMEOUT_CLOSED_NS};

	if (f->state == FLOW_SYN_SENT)
		return f->first_ns + TIMEOUT_SYN_NS;
	if (f->state == FLOW_OPEN && (f->flags & FLOW_F_FIN) != 0)
		return flow_last_ns(f) + TIMEOUT_FIN_NS;
	return flow_last_ns(f) + spans[f->state];
}

void
tcp_enter_state(struct tcp *t, struct flow *f, enum flow_state state)
{
	f->state = (uint8_t)state;
	flow_schedule(t->table, f, deadline_of(f));
}

void
tcp_end_session(struct tcp *t, struct flow *f, enum obs_end how)
{
	struct sink client = {.t = t, .f = f, .dir = SMTP_FROM_CLIENT},
		    server = {.t = t, .f = f, .dir = SMTP_FROM_SERVER};
	struct stream_pair pair = {.own = &f->stream[SMTP_FROM_CLIENT],
	    .peer = &f->stream[SMTP_FROM_SERVER],
	    .sink = tcp_sink_data,
	    .own_arg = &client,
	    .peer_arg = &server};

	stream_pair_finish(t->pool, &pair);
	session_end(t->sessions, f, how);
}

void
tcp_abandon(struct tcp *t, struct flow *f, enum obs_end how)
{
	if (f->state == FLOW_SYN_SENT && how != OBS_END_EVICTED)
		session_report_failure(t->sessions, f, OBS_CONNECT_UNANSWERED);
	if (f->state == FLOW_OPEN || f->state == FLOW_CANDIDATE)
		tcp_end_session(t, f, how);
	stream_drop(t->pool, &f->stream[SMTP_FROM_CLIENT]);
	stream_drop(t->pool, &f->stream[SMTP_FROM_SERVER]);
}

void
tcp_remove_flow(struct tcp *t, struct flow *f)
{
	t->odd_flows -= !tcp_is_mail_port(t, flow_server_port(f));
	flow_remove(t->table, f);
}

static void
expire(struct tcp *t, struct flow *f, int64_t now)
{
	if (deadline_of(f) > now) {
		flow_schedule(t->table, f, deadline_of(f));
		return;
	}
	if (f->state == FLOW_SYN_SENT) {
		tcp_abandon(t, f, OBS_END_IDLE);
		tcp_enter_state(t, f, FLOW_FAILED);
		return;
	}
	tcp_abandon(t, f, (f->flags & FLOW_F_FIN) != 0 ? OBS_END_FIN : OBS_END_IDLE);
	tcp_remove_flow(t, f);
}

void
tcp_expire(struct tcp *t, int64_t now_ns)
{
	struct flow *f;

	while ((f = flow_expired(t->table, now_ns)) != NULL)
		expire(t, f, now_ns);
}

void
tcp_finish(struct tcp *t, int64_t now_ns)
{
	uint32_t cursor = 0;
	struct flow *f;

	tcp_expire(t, now_ns);
	while ((f = flow_next(t->table, &cursor)) != NULL) {
		tcp_abandon(t, f, OBS_END_CAPTURE);
		tcp_remove_flow(t, f);
	}
}
