/* SPDX-License-Identifier: ISC */
/*
 * Whose text is read for a fingerprint: of every client the first messages, then one a second.  The
 * fingerprint of a text costs as much as thirty packets; a campaign of one sender shows in the
 * first dozen, and 3,600 samples an hour are far beyond every ceiling that the judge has.  So a
 * burst is cheap just where it is large.  bulkhead-sensor, replay.
 */
#ifndef SENSOR_SAMPLE_H
#define SENSOR_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

#define SAMPLE_TEXT_BURST 16 /* messages in a row of which every text is read */

struct sample;

/* `burst` in a row, then one per `every_ns`.  0 or -ENOMEM.  The seed keeps others from choosing
 * addresses that share a place. */
int sample_new(struct sample **out, uint64_t seed, unsigned burst, int64_t every_ns);
void sample_free(struct sample *s);
uint64_t sample_memory(void);

/* True when this client's event of now is one of those that count. */
bool sample_take(struct sample *s, const struct addr *client, int64_t now_ns);

#endif
