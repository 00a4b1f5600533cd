/* SPDX-License-Identifier: ISC */
/*
 * Roles of the interfaces that packets cross, remembered by index in a table of fixed size.
 * bulkhead-sensor, replay.
 */
#ifndef SENSOR_CROSSING_H
#define SENSOR_CROSSING_H

#include <stdint.h>

#include "sensor/sensor.h"

struct crossing;

/* The callback and its argument of struct sensor_config; NULL: every role is unknown.  0 or
 * -ENOMEM. */
int crossing_new(struct crossing **out,
    void (*interface_of)(void *arg, uint32_t ifindex, struct sensor_interface *out), void *arg);
void crossing_free(struct crossing *c);

/* Never NULL; valid until the next call.  Index 0 (the link type has none) is unknown, without a
 * name. */
const struct sensor_interface *crossing_get(struct crossing *c, uint32_t ifindex);
void crossing_forget(struct crossing *c);

#endif
