/* SPDX-License-Identifier: ISC */
/*
 * Roles of the interfaces that packets cross; see crossing.h.  bulkhead-sensor, replay.
 */
#include "sensor/crossing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CROSSING_SETS 512 /* times 4 interfaces: more than a hypervisor has taps */
#define CROSSING_WAYS 4

struct crossing_entry {
	uint32_t ifindex; /* 0 = empty */
	struct sensor_interface interface;
};

struct crossing {
	void (*interface_of)(void *arg, uint32_t ifindex, struct sensor_interface *out);
	void *arg;
	struct sensor_interface
	    unindexed;	   /* for captures without an index: of one named device, or a file */
	bool asked;	   /* for it */
	unsigned next_way; /* whom a full set pushes out: in turn */
	struct crossing_entry entries[CROSSING_SETS][CROSSING_WAYS];
};

int
crossing_new(struct crossing **out,
    void (*interface_of)(void *arg, uint32_t ifindex, struct sensor_interface *out), void *arg)
{
	struct crossing *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return -ENOMEM;
	c->interface_of = interface_of;
	c->arg = arg;
	*out = c;
	return 0;
}

void
crossing_free(struct crossing *c)
{
	free(c);
}

const struct sensor_interface *
crossing_get(struct crossing *c, uint32_t ifindex)
{
	if (ifindex == 0 || c->interface_of == NULL) {
		if (!c->asked && c->interface_of != NULL)
			c->interface_of(c->arg, 0, &c->unindexed);
		c->asked = true;
		return &c->unindexed;
	}
	struct crossing_entry *set = c->entries[ifindex % CROSSING_SETS], *free_entry = NULL;
	for (unsigned i = 0; i < CROSSING_WAYS; i++) {
		if (set[i].ifindex == ifindex)
			return &set[i].interface;
		if (set[i].ifindex == 0 && free_entry == NULL)
			free_entry = &set[i];
	}
	if (free_entry == NULL)
		free_entry = &set[c->next_way++ % CROSSING_WAYS];
	memset(free_entry, 0, sizeof(*free_entry));
	free_entry->ifindex = ifindex;
	c->interface_of(c->arg, ifindex, &free_entry->interface);
	free_entry->interface.name[OBS_IFNAME_BYTES - 1] = '\0';
	return &free_entry->interface;
}

void
crossing_forget(struct crossing *c)
{
	memset(c->entries, 0, sizeof(c->entries));
	memset(&c->unindexed, 0, sizeof(c->unindexed));
	c->asked = false;
}
