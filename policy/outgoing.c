/* SPDX-License-Identifier: ISC */
/* HELO and TLS of a server's own sessions; see outgoing.h.  bulkhead-guard (judge), replay. */
#include "policy/outgoing.h"

#include <string.h>

#define PORT_SMTP 25

void
outgoing_observe(struct outgoing *o, const struct observation *obs)
{
	uint8_t tls = obs->u.end.tls;

	if (obs->kind != OBS_SESSION_END || (obs->flags & OBS_F_INBOUND) != 0 ||
	    obs->server_port != PORT_SMTP)
		return;
	if (obs->u.end.helo[0] != '\0') {
		memcpy(o->helo, obs->u.end.helo, sizeof(o->helo));
		o->helo_ns = obs->time_ns;
	}
	if (tls != OBS_TLS_STARTTLS && tls != OBS_TLS_OFFERED)
		return;
	if (o->tls_offered >= OUTGOING_TLS_SESSIONS) {
		o->tls_offered /= 2;
		o->tls_used /= 2;
	}
	o->tls_offered++;
	o->tls_used += tls == OBS_TLS_STARTTLS;
}

void
outgoing_put(struct wire_writer *w, const struct outgoing *o)
{
	wire_put_text(w, o->helo);
	wire_put_u64(w, (uint64_t)o->helo_ns);
	wire_put_u32(w, o->tls_offered);
	wire_put_u32(w, o->tls_used);
}

void
outgoing_get(struct wire_reader *r, struct outgoing *o)
{
	wire_get_text(r, o->helo, sizeof(o->helo));
	o->helo_ns = (int64_t)wire_get_u64(r);
	o->tls_offered = wire_get_u32(r);
	o->tls_used = wire_get_u32(r);
	if (o->helo_ns < 0 || o->tls_used > o->tls_offered)
		r->failed = true;
}
