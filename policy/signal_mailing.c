/* SPDX-License-Identifier: ISC */
/* Signals about mailings: one text, one size, one server or several.  bulkhead-guard, replay. */
#include <math.h>
#include <stdio.h>

#include "policy/signal_private.h"

/* --- near-identical messages --- */

static const struct window_campaign *
largest_campaign(const struct signal_input *in, unsigned kind, int declared, int unsubscribable)
{
	const struct window_campaign *best = NULL;

	for (unsigned i = 0; i < WINDOW_CAMPAIGNS; i++) {
		const struct window_campaign *k = &in->window->campaign[i];

		if (k->kind != kind || (declared >= 0 && k->declared != declared) ||
		    (unsubscribable >= 0 && k->unsubscribable != unsubscribable))
			continue;
		if (best == NULL || k->sum > best->sum)
			best = k;
	}
	return best;
}

/* Mail that calls itself bulk is held to the 5-minute ceiling for an hour: a slow run is a run. */
void
signal_declared_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	const struct window_campaign *k = largest_campaign(in, s->subject, 1, -1);
	double ceiling = in->ceilings->span[TALLY_5MIN];

	f->value = k != NULL ? (double)k->sum : 0;
	f->threshold = ceiling;
	f->points = signal_poisson(f->value, ceiling, 3 * ceiling) / window_clumping(in->window);
}

void
signal_declared_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	(void)s;
	(void)in;
	snprintf(buf, size,
	    "one list mail (List-* or Precedence header, same text or subject) to %.0f different "
	    "recipients within an hour; without a grant it stays below %.0f",
	    f->value, f->threshold);
}

/* A shop's order confirmations are near-identical too: half of the hour's ceiling is honest (the
 * day's ceiling of 800 at 1.8 times its mean rate is 60 an hour). */
void
signal_same_text_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	const struct window_campaign *k = largest_campaign(in, s->subject, -1, -1);
	double ceiling = in->ceilings->span[TALLY_HOUR];

	f->value = k != NULL ? (double)k->sum : 0;
	f->threshold = ceiling / 2;
	f->points = signal_poisson(f->value, ceiling / 2, ceiling) / window_clumping(in->window);
}

void
signal_same_text_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	(void)s;
	(void)in;
	snprintf(buf, size,
	    "almost the same text or subject to %.0f different recipients within an hour; it "
	    "speaks "
	    "from %.0f",
	    f->value, f->threshold);
}

void
signal_no_unsubscribe_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	const struct window_campaign *k = largest_campaign(in, s->subject, -1, 0);
	double ceiling = in->ceilings->span[TALLY_HOUR];

	f->value = k != NULL ? (double)k->sum : 0;
	f->threshold = ceiling / 2;
	f->points = signal_poisson(f->value, ceiling / 2, ceiling);
}

void
signal_no_unsubscribe_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	(void)s;
	(void)in;
	snprintf(buf, size,
	    "almost the same text to %.0f different recipients within an hour, and no "
	    "List-Unsubscribe field",
	    f->value);
}

/* Through TLS a text is told by its size: what is always as long is a template, like same-text. */
void
signal_same_size_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	const struct window_campaign *k = largest_campaign(in, s->subject, -1, -1);
	double ceiling = in->ceilings->span[TALLY_HOUR];

	f->value = k != NULL ? (double)k->sum : 0;
	f->threshold = ceiling / 2;
	f->beside = (double)in->window->sum[WINDOW_DESTINATIONS_DAY];
	f->visibility = OBS_TLS;
	/* One mailbox proves nothing; a list has several destinations even at one provider. */
	if (f->beside >= 3)
		f->points =
		    signal_poisson(f->value, ceiling / 2, ceiling) / window_clumping(in->window);
}

void
signal_same_size_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	(void)s;
	(void)in;
	snprintf(buf, size,
	    "about %.0f recipients (estimated through TLS) got messages of one size within an "
	    "hour, at "
	    "%.0f destinations in a day",
	    f->value, f->beside);
}

/* --- several servers --- */

/* One mailing from several servers of a tenant is held to what one server may: in five minutes, and
 * when it calls itself list mail for an hour. */
void
signal_tenant_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	const struct pool_view *t = &in->tenant;
	double ceiling = in->ceilings->span[TALLY_5MIN];

	(void)s;
	if (t->members < 2)
		return;
	f->value = t->declared ? t->hour : t->five;
	f->threshold = ceiling;
	f->beside = t->members;
	f->visibility = t->kind == WINDOW_CAMPAIGN_SIZE ? OBS_TLS : OBS_CLEAR;
	f->points = signal_poisson(f->value, ceiling, 3 * ceiling) / window_clumping(in->window);
}

void
signal_tenant_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	(void)s;
	snprintf(buf, size,
	    "one mailing from %.0f servers of this tenant: %.0f different recipients in %s%s; "
	    "together they stay below %.0f",
	    f->beside, f->value, in->tenant.declared ? "an hour" : "5 minutes",
	    f->visibility == OBS_TLS ? " (told by size, through TLS)" : "", f->threshold);
}

/* Nearly the same text from three tenants and more: common software does that too, so it only
 * corroborates what else is known.  Each further tenant is ten times less likely by chance. */
void
signal_snowshoe_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	const struct pool_view *t = &in->others;

	if (t->kind != WINDOW_CAMPAIGN_TEXT || t->members < 3)
		return;
	f->value = t->hour;
	f->threshold = s->activation;
	f->beside = t->members;
	f->points = SIGNAL_LN_10 * (t->members - 1);
}

void
signal_snowshoe_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	(void)s;
	(void)in;
	snprintf(buf, size,
	    "servers of %.0f%s tenants sent almost the same text to %.0f different recipients "
	    "within "
	    "an hour",
	    f->beside, f->beside >= POOL_MEMBERS_MAX ? " and more" : "", f->value);
}

/* A list is bad when all its senders together say so: POOL_SURE is 1e-5 for each of the campaigns
 * that are told apart (128, Bonferroni). */
#define POOL_SURE (11.5 + 4.85)
/* That it takes part at all: through TLS a mailing is told by its size, and two tenants share one of
 * the 57 sizes between 2 and 60 KB that are 6 % apart by chance (ln 57).  In the clear the row
 * "snowshoe" says so. */
#define SHARED_SIZE 4.0
/* Neighbours use the same software: its own recipients must say so much first.  With 3 % of
 * mistyped addresses a run of them comes so far in e^-11 of its starts (the root h = 2.2 of
 * 0.03 2^h + 0.97 (0.90 / 0.95)^h = 1, times 5). */
#define SHARED_OWN 5.0

/* Beside others of a mailing whose list is bad, a server's own share of unknown recipients is held
 * against a tenth instead of a seventh, and patiently: ten servers with a tenth of unknown
 * recipients each say the same thing ten times.  Without unknown recipients of its own, its part in
 * the mailing is common software, and nothing follows but attention. */
void
signal_shared_list_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	const struct pool_view *t = &in->others;
	const struct window_trials *own = &in->window->trials[s->subject];
	double points;

	points = window_points(in->window, s->subject, in->now_ns, in->half_life_ns);
	if (t->members < 3 || t->points < POOL_SURE || points < SHARED_OWN)
		return;
	f->value = (double)own->bad;
	f->threshold = s->activation;
	f->beside = t->members;
	f->since_ns = own->since_ns;
	f->visibility = own->estimated ? OBS_TLS : OBS_CLEAR;
	f->points = fmax(0, points - signal_unknown_points(in)) +
		    (t->kind == WINDOW_CAMPAIGN_SIZE ? SHARED_SIZE : 0);
}

void
signal_shared_list_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	(void)s;
	snprintf(buf, size,
	    "its mailing comes from servers of %.0f%s tenants, and too many of the %.0f recipients "
	    "that were looked at do not exist (%.0f of its own%s)",
	    f->beside, f->beside >= POOL_MEMBERS_MAX ? " and more" : "", in->others.trials,
	    ceil(f->value), f->visibility == OBS_TLS ? ", told by size, through TLS" : "");
}

/* Each further tenant is ten times less likely by chance, as for texts. */
void
signal_shared_name_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f)
{
	f->value = in->name_tenants;
	f->threshold = s->activation;
	f->visibility = OBS_FLOW;
	f->points = SIGNAL_LN_10 * (f->value - 1);
}

void
signal_shared_name_explain(const struct signal *s, const struct signal_input *in,
    const struct signal_finding *f, char *buf, size_t size)
{
	(void)s;
	(void)in;
	snprintf(buf, size, "servers of %.0f%s tenants greet by the name that it uses", f->value,
	    f->value >= POOL_NAME_TENANTS ? " and more" : "");
}
