/* SPDX-License-Identifier: ISC */
/*
 * Which interface is a tenant's: index to name (ioctl, works in the jail), name to role by the
 * configured globs.  Names are recycled, so what is known is asked again every few seconds.
 * bulkhead-sensor.
 */
#ifndef SENSOR_INTERFACES_H
#define SENSOR_INTERFACES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sensor/sensor.h"

struct interfaces;

/*
 * tenant, ignore: lists of globs, one per line (base/config.h); ignore wins, and what neither names
 * is ignored. device: NULL or "any" for roles by name.  Another one that the lists call a tenant's is
 * the only tenant interface then; it wants a capture of `any`, where packets say their direction and a
 * tap that comes again under its name is seen.  Any other device (bridge, uplink) is watched by address.
 */
int interfaces_new(struct interfaces **out, const char *tenant, const char *ignore,
    const char *device, struct err *e);
void interfaces_free(struct interfaces *ifs);

/* True when the lists call the name a tenant's. */
bool interfaces_is_tenant(const char *tenant, const char *ignore, const char *name);

/* For sensor_config.interface_of; arg is the struct interfaces. */
void interfaces_role(void *arg, uint32_t ifindex, struct sensor_interface *out);

/* Asks again for the name of every known index; true when one changed or went, then forget the
 * roles. */
bool interfaces_refresh(struct interfaces *ifs);

/* Tenant interfaces known now: those that were there at the start, and those that carried mail
 * since. */
uint32_t interfaces_tenants(const struct interfaces *ifs);

#endif
