/* SPDX-License-Identifier: ISC */
/*
 * A grant: what a tenant may send, until when.  Plain data and pure questions.  bulkhead-guard, replay.
 */
#ifndef WHITELIST_GRANT_H
#define WHITELIST_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "sensor/observation.h"

#define GRANT_SERVERS_MAX 16
#define GRANT_DOMAINS_MAX 16

enum grant_state { GRANT_ACTIVE, GRANT_SUSPENDED, GRANT_EXPIRED, GRANT_REVOKED, GRANT__COUNT };

struct grant {
	int64_t id;    /* of the application it came from; legacy imports have one too */
	uint8_t state; /* enum grant_state */
	char servers[GRANT_SERVERS_MAX][64];
	unsigned server_count;
	/* sender domains; subdomains are included */
	char domains[GRANT_DOMAINS_MAX][OBS_DOMAIN_BYTES];
	unsigned domain_count; /* 0 = any (legacy import) */
	uint64_t per_day;      /* recipients */
	uint64_t per_hour;     /* recipients; 0 = per_day / 4, at least 100 */
	int64_t from_ns, until_ns;
};

/* True when the grant is active at `now`. */
bool grant_is_active(const struct grant *g, int64_t now_ns);
bool grant_covers_server(const struct grant *g, const char *server);
/* True when the domain is one of the grant's or beneath one; "" (the null sender) is never covered,
 * and under TLS, where no domain is seen, the caller does not ask. */
bool grant_covers_domain(const struct grant *g, const char *domain);
uint64_t grant_per_hour(const struct grant *g);
const char *grant_state_name(unsigned state);

#endif
