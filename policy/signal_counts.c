/* SPDX-License-Identifier: ISC */
/* Rows of the table about how much and how many: volume, spread, names, refused logins, complaints.  Pure.
 * bulkhead-guard, replay. */
#include "policy/signal_private.h"

#include <math.h>
#include <stdio.h>

/* --- volume --- */

/* A bulk sender sends at least so many times an honest server's ceiling; the longer the clock, the
 * smaller the step that shows. */
static const double volume_ratio[TALLY_SPAN__COUNT] = {3, 2, 1.5};
static const char *const volume_span[TALLY_SPAN__COUNT] = {"5 minutes", "an hour", "a day"};

void
signal_volume_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	double ceiling = in->ceilings->span[s->subject];

	f->value = signal_sum(in, WINDOW_OPEN_5MIN + s->subject);
	f->threshold = ceiling;
	f->beside = signal_sum(in, WINDOW_BEYOND_HOUR);
	f->points = signal_poisson(f->value, ceiling, volume_ratio[s->subject] * ceiling) /
		    window_clumping(in->window);
	f->visibility = signal_weakest(in);
}

void
signal_volume_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	const char *plan = in->plan[0] != '\0' ? in->plan : "default";

	if (f->beside >= 1)
		snprintf(buf, size,
		    "%.0f different recipients in %s outside of what the grant allows (%.0f of "
		    "them "
		    "beyond its volume); plan %s stays below %.0f",
		    f->value, volume_span[s->subject], fmin(f->beside, f->value), plan,
		    f->threshold);
	else
		snprintf(buf, size,
		    "%.0f%s different recipients in %s; a server on plan %s stays below %.0f",
		    f->value, f->visibility == OBS_TLS ? " (estimated through TLS)" : "",
		    volume_span[s->subject], plan, f->threshold);
}

/* --- spread --- */

/* How many different X an hour, against the mean that an honest server has. */
void
signal_spread_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	double honest = s->subject == WINDOW_SENDERS_HOUR ? 10 : in->ceilings->span[TALLY_5MIN];

	f->value = signal_sum(in, s->subject);
	f->threshold = honest;
	f->points = signal_poisson(f->value, honest, 3 * honest);
	/* A forwarder carries other people's domains, but it receives what it forwards. */
	if (s->subject == WINDOW_SENDERS_HOUR && signal_sum(in, WINDOW_INBOUND_DAY) >= f->value / 2)
		f->points = 0;
}

void
signal_spread_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	const char *what = s->subject == WINDOW_DOMAINS_HOUR ? "recipient domains"
			   : s->subject == WINDOW_MX_HOUR ? "domains asked for their mail servers"
							  : "sender domains";

	(void)in;
	snprintf(buf, size, "%.0f different %s within an hour; usual is up to %.0f", f->value, what,
	    f->threshold);
}

/* Nine of ten mass mailers receive nothing, three of ten honest servers of this size: ln(0.9/0.3).
 */
void
signal_one_way_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	(void)s;
	f->value = signal_sum(in, WINDOW_OPEN_DAY);
	f->threshold = s->activation;
	f->points = signal_sum(in, WINDOW_INBOUND_DAY) > 0 ? 0 : 1.0986;
	f->visibility = signal_weakest(in);
}

void
signal_one_way_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	(void)s;
	(void)in;
	snprintf(buf, size,
	    "sent to %.0f different recipients within a day and received mail from none", f->value);
}

/* --- other counts --- */

void
signal_helo_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	f->value = signal_sum(in, WINDOW_HELO_DAY);
	f->threshold = s->activation;
	f->points = 0.5 * (f->value - 2); /* two names are common: the host's and the site's */
}

void
signal_helo_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	(void)s;
	(void)in;
	snprintf(buf, size, "greeted with %.0f different names within a day", f->value);
}

void
signal_auth_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	f->value = signal_sum(in, WINDOW_AUTH_HOUR);
	f->threshold = s->activation;
	f->points = signal_poisson(f->value, 2, 10); /* a forgotten password, and a list of them */
}

void
signal_auth_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	(void)s;
	(void)in;
	snprintf(buf, size,
	    "%.0f different submission servers refused its logins within an hour (nothing is "
	    "blocked "
	    "for it)",
	    f->value);
}

void
signal_complaints_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	f->value = signal_sum(in, WINDOW_COMPLAINTS_DAY);
	f->threshold = s->activation;
	/* 0.3 % (the limit of Google and Yahoo) of 160 mails a day, and ten times that. */
	f->points = signal_poisson(f->value, 0.5, 5);
}

void
signal_complaints_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	(void)s;
	(void)in;
	snprintf(buf, size,
	    "%.0f receivers complained within a day that mail of this server is spam", f->value);
}
