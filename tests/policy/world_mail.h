/* SPDX-License-Identifier: ISC */
/* What the kinds of sender share: their mail, and the rhythm of a day. */
#ifndef TESTS_POLICY_WORLD_MAIL_H
#define TESTS_POLICY_WORLD_MAIL_H

#include "tests/policy/world.h"

#define DAY_S 86400.0
#define GOLDEN \
	UINT64_C(0x9e3779b97f4a7c15) /* spreads small numbers of people over the providers \
					     */

/* By the hour of the day: shops and people sleep. */
double world_daylight(const struct world *w);
/* An order, a registration, a status change: one template, one person. */
struct world_mail world_transactional(struct world *w);
/* One issue of a newsletter; eight of ten carry List-Unsubscribe. */
struct world_mail world_newsletter(struct world *w);
/* A list of `size` people at `per_minute`; gives up after 200 failures in a row. */
void world_mailing(struct world *w, const struct world_mail *like, unsigned size, double per_minute,
    double unknown, double refused);

/* The honest kinds, in world_honest.c. */
void world_run_shop(struct world *w);
void world_run_saas(struct world *w);
void world_run_forum(struct world *w);
void world_run_personal(struct world *w);
void world_run_list(struct world *w);
void world_run_forwarder(struct world *w);
void world_run_monitoring(struct world *w);
void world_run_cron_storm(struct world *w);
void world_run_queue_flush(struct world *w);
void world_run_greylisted(struct world *w);
void world_run_migration(struct world *w);
void world_run_granted(struct world *w);
void world_run_saas_granted(struct world *w);
void world_run_stuffing(struct world *w);
void world_run_tunnel(struct world *w);
void world_run_reseller(struct world *w);
void world_run_common_software(struct world *w);
void world_run_neighbours(struct world *w);

#endif
