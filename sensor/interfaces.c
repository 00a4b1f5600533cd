/* SPDX-License-Identifier: ISC */
/* Interface index to name to role; see interfaces.h.  bulkhead-sensor. */
#include "sensor/interfaces.h"

#include <errno.h>
#include <fnmatch.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/config.h"
#include "base/settings.h"

#define INTERFACES_MAX \
	4096 /* remembered for interfaces_refresh(); beyond that roles are still right */

struct known {
	uint32_t ifindex;
	uint8_t role; /* enum sensor_role */
	char name[OBS_IFNAME_BYTES];
};

struct interfaces {
	int fd; /* any socket will do for the ioctl */
	char tenant[SETTINGS_LIST_BYTES], ignore[SETTINGS_LIST_BYTES];
	char device[OBS_IFNAME_BYTES]; /* "" = roles by name */
	bool one_tap;		       /* the device is a tenant's: it alone has a role */
	unsigned count;
	struct known known[INTERFACES_MAX];
};

static bool
is_listed(const char *globs, const char *name)
{
	char glob[64];

	while (config_list_next(&globs, glob, sizeof(glob)))
		if (fnmatch(glob, name, 0) == 0)
			return true;
	return false;
}

bool
interfaces_is_tenant(const char *tenant, const char *ignore, const char *name)
{
	return name[0] != '\0' && !is_listed(ignore, name) && is_listed(tenant, name);
}

static enum sensor_role
role_of(const struct interfaces *ifs, const char *name)
{
	if (ifs->one_tap)
		return strcmp(name, ifs->device) == 0 ? SENSOR_ROLE_TENANT : SENSOR_ROLE_IGNORE;
	return interfaces_is_tenant(ifs->tenant, ifs->ignore, name) ? SENSOR_ROLE_TENANT
								    : SENSOR_ROLE_IGNORE;
}

/* The name of an index; "" when there is none (any more). */
static void
ask_name(const struct interfaces *ifs, uint32_t ifindex, char name[OBS_IFNAME_BYTES])
{
	struct ifreq ifr = {.ifr_ifindex = (int)ifindex};

	if (ioctl(ifs->fd, SIOCGIFNAME, &ifr) != 0)
		ifr.ifr_name[0] = '\0';
	memcpy(name, ifr.ifr_name, OBS_IFNAME_BYTES);
	name[OBS_IFNAME_BYTES - 1] = '\0';
}

static void
remember(struct interfaces *ifs, uint32_t ifindex, const char *name, enum sensor_role role)
{
	unsigned i = 0;

	while (i < ifs->count && ifs->known[i].ifindex != ifindex)
		i++;
	if (i == INTERFACES_MAX)
		return;
	if (i == ifs->count)
		ifs->count++;
	ifs->known[i].ifindex = ifindex;
	ifs->known[i].role = (uint8_t)role;
	strcpy(ifs->known[i].name, name);
}

int
interfaces_new(struct interfaces **out, const char *tenant, const char *ignore, const char *device,
    struct err *e)
{
	struct interfaces *ifs = calloc(1, sizeof(*ifs));
	struct if_nameindex *all;
	struct sensor_interface role;

	if (ifs == NULL)
		return err_set(e, -ENOMEM, "no memory for the table of interfaces");
	strncpy(ifs->tenant, tenant, sizeof(ifs->tenant) - 1);
	strncpy(ifs->ignore, ignore, sizeof(ifs->ignore) - 1);
	if (device != NULL && strcmp(device, "any") != 0)
		strncpy(ifs->device, device, sizeof(ifs->device) - 1);
	ifs->one_tap = interfaces_is_tenant(tenant, ignore, ifs->device);
	ifs->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ifs->fd < 0) {
		int r = -errno;

		free(ifs);
		return err_set(e, r, "cannot make a socket for interface names: %s", strerror(-r));
	}
	all = if_nameindex();
	for (const struct if_nameindex *i = all; i != NULL && i->if_index != 0; i++)
		interfaces_role(ifs, i->if_index, &role);
	if (all != NULL)
		if_freenameindex(all);
	*out = ifs;
	return 0;
}

void
interfaces_free(struct interfaces *ifs)
{
	if (ifs == NULL)
		return;
	close(ifs->fd);
	free(ifs);
}

void
interfaces_role(void *arg, uint32_t ifindex, struct sensor_interface *out)
{
	struct interfaces *ifs = arg;

	if (ifs->device[0] != '\0' && !ifs->one_tap) {
		out->role = SENSOR_ROLE_WATCH; /* what crosses it may be anybody's: no name */
		out->name[0] = '\0';
		return;
	}
	ask_name(ifs, ifindex, out->name);
	out->role = role_of(ifs, out->name);
	if (out->name[0] != '\0')
		remember(ifs, ifindex, out->name, out->role);
}

bool
interfaces_refresh(struct interfaces *ifs)
{
	bool changed = false;
	unsigned kept = 0;

	for (unsigned i = 0; i < ifs->count; i++) {
		struct known *k = &ifs->known[i];
		char name[OBS_IFNAME_BYTES];

		ask_name(ifs, k->ifindex, name);
		if (strcmp(name, k->name) != 0) {
			changed = true;
			if (name[0] == '\0')
				continue;
			strcpy(k->name, name);
			k->role = (uint8_t)role_of(ifs, name);
		}
		ifs->known[kept++] = *k;
	}
	ifs->count = kept;
	return changed;
}

uint32_t
interfaces_tenants(const struct interfaces *ifs)
{
	uint32_t n = 0;

	if (ifs->device[0] != '\0' && !ifs->one_tap)
		return 1;
	for (unsigned i = 0; i < ifs->count; i++)
		n += ifs->known[i].role == SENSOR_ROLE_TENANT;
	return n;
}
