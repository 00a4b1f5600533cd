/* SPDX-License-Identifier: ISC */
/* What a grant covers.  bulkhead-guard, replay. */
#include "whitelist/grant.h"

#include <string.h>
#include <strings.h>

/* Without a limit of its own an hour may carry a quarter of the day, and never less than this. */
#define PER_HOUR_MIN 100

bool
grant_is_active(const struct grant *g, int64_t now_ns)
{
	return g->state == GRANT_ACTIVE && now_ns >= g->from_ns && now_ns < g->until_ns;
}

bool
grant_covers_server(const struct grant *g, const char *server)
{
	for (unsigned i = 0; i < g->server_count && i < GRANT_SERVERS_MAX; i++)
		if (strcmp(g->servers[i], server) == 0)
			return true;
	return false;
}

/* True when `domain` is `of` or ends in "." `of`; letters of either case (RFC 4343). */
static bool
is_within(const char *domain, const char *of)
{
	size_t length = strlen(domain), tail = strlen(of);

	if (tail == 0 || length < tail || strcasecmp(domain + length - tail, of) != 0)
		return false;
	return length == tail || domain[length - tail - 1] == '.';
}

bool
grant_covers_domain(const struct grant *g, const char *domain)
{
	if (domain[0] == '\0')
		return false;
	if (g->domain_count == 0)
		return true;
	for (unsigned i = 0; i < g->domain_count && i < GRANT_DOMAINS_MAX; i++)
		if (is_within(domain, g->domains[i]))
			return true;
	return false;
}

uint64_t
grant_per_hour(const struct grant *g)
{
	if (g->per_hour != 0)
		return g->per_hour;
	return g->per_day / 4 > PER_HOUR_MIN ? g->per_day / 4 : PER_HOUR_MIN;
}

const char *
grant_state_name(unsigned state)
{
	static const char *const names[GRANT__COUNT] = {
	    [GRANT_ACTIVE] = "active",
	    [GRANT_SUSPENDED] = "suspended",
	    [GRANT_EXPIRED] = "expired",
	    [GRANT_REVOKED] = "revoked",
	};

	return state < GRANT__COUNT ? names[state] : "unknown";
}
