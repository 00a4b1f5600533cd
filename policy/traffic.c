/* SPDX-License-Identifier: ISC */
/* What a server really sent: from the judge's window and the cases; see traffic.h.
 * bulkhead-guard (judge process). */
#include "policy/traffic.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

#define CASES_MAX 1000 /* newest cases that are looked at */

struct cases {
	int64_t now_ns;
	struct dossier_traffic *out;
};

static int
count_case(void *arg, const struct store_case *c)
{
	const struct cases *cases = arg;
	int64_t age = cases->now_ns - c->begin_ns;

	if (age < 0)
		age = 0; /* a clock that was set back */
	if (age >= DOSSIER_DAYS * CLOCK_DAY_NS)
		return 1; /* newest first: the rest is older */
	cases->out->cases++;
	cases->out->blocked |= UINT32_C(1) << (DOSSIER_DAYS - 1 - age / CLOCK_DAY_NS);
	return 0;
}

int
traffic_get(const struct guard *g, unsigned index, struct dossier_traffic *out, struct err *e)
{
	struct cases cases = {g->now_ns, out};
	struct judge_view view;
	int rc;

	if (judge_get(g->judge, index, &view) < 0)
		return err_set(
		    e, -ENOENT, "there is no server number %u any more: ask again", index);
	memset(out, 0, sizeof(*out));
	out->server = view.server->name;
	out->tenant = view.server->tenant;
	out->verdict = rung_name(view.verdict.rung);
	out->recipients_hour = (uint64_t)view.recipients_hour;
	out->recipients_day = (uint64_t)view.recipients_day;
	out->accepted = view.counts.recipients_accepted;
	out->rejected = view.counts.recipients_rejected;
	out->deferred = view.counts.recipients_deferred;
	out->days[DOSSIER_DAYS - 1].recipients = out->recipients_day;
	rc = store_each_case_of(g->store, view.server->name, CASES_MAX, count_case, &cases, e);
	return rc < 0 ? rc : 0;
}
