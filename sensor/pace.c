/* SPDX-License-Identifier: ISC */
/* A budget of wake-ups; see pace.h.  bulkhead-sensor. */
#include "sensor/pace.h"

void
pace_init(struct pace *p, int64_t interval_ns, unsigned burst)
{
	*p = (struct pace){
	    .interval_ns = interval_ns,
	    .burst_ns = interval_ns * burst,
	};
}

int64_t
pace_rest(struct pace *p, int64_t now_ns)
{
	int64_t rest;

	if (p->due_ns < now_ns)
		p->due_ns = now_ns;
	p->due_ns += p->interval_ns;
	rest = p->due_ns - p->burst_ns - now_ns;
	return rest > 0 ? rest : 0;
}
