/* SPDX-License-Identifier: ISC */
/* A hypervisor's libvirt; see libvirt_source.h.  bulkhead-libvirt. */
#include "policy/libvirt_source.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policy/libvirt_xml.h"

/* A start comes as several events: they are taken together. */
#define SETTLE_MS 200
#define TURN_MS	  1000

struct libvirt_source {
	virConnectPtr connection;
	bool changed;
	int timer;
};

static const int events_wanted[] = {VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
    VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_ID_METADATA_CHANGE};

static const char *
last_error(void)
{
	const virError *error = virGetLastError();

	return error != NULL && error->message != NULL ? error->message
						       : "libvirt does not say why";
}

/* Errors come with the call that failed: none is printed. */
static void
swallow(void *arg, virErrorPtr error)
{
	(void)arg;
	(void)error;
}

static int
on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail, void *arg)
{
	struct libvirt_source *s = arg;

	(void)connection;
	(void)domain;
	(void)event;
	(void)detail;
	s->changed = true;
	return 0;
}

static void
on_device(virConnectPtr connection, virDomainPtr domain, const char *device, void *arg)
{
	on_lifecycle(connection, domain, 0, 0, arg);
	(void)device;
}

static void
on_metadata(virConnectPtr connection, virDomainPtr domain, int type, const char *uri, void *arg)
{
	on_lifecycle(connection, domain, type, 0, arg);
	(void)uri;
}

/* The loop of libvirt has no time limit of its own. */
static void
on_turn(int timer, void *arg)
{
	(void)timer;
	(void)arg;
}

static void
watch(struct libvirt_source *s)
{
	const virConnectDomainEventGenericCallback callbacks[] = {
	    VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), VIR_DOMAIN_EVENT_CALLBACK(on_device),
	    VIR_DOMAIN_EVENT_CALLBACK(on_device), VIR_DOMAIN_EVENT_CALLBACK(on_metadata)};

	/* Drivers that know no such event are read again from time to time. */
	for (size_t i = 0; i < sizeof(events_wanted) / sizeof(events_wanted[0]); i++)
		virConnectDomainEventRegisterAny(
		    s->connection, NULL, events_wanted[i], callbacks[i], s, NULL);
	virConnectSetKeepAlive(s->connection, 5, 3);
}

int
libvirt_source_open(struct libvirt_source **out, const char *uri, bool events, struct err *e)
{
	struct libvirt_source *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_set(e, -ENOMEM, "no memory for the connection to libvirt");
	virSetErrorFunc(NULL, swallow);
	s->timer = -1;
	if (virInitialize() < 0 || (events && virEventRegisterDefaultImpl() < 0)) {
		free(s);
		return err_set(e, -EIO, "libvirt cannot be used: %s", last_error());
	}
	s->connection = virConnectOpenReadOnly(uri);
	if (s->connection == NULL) {
		free(s);
		return err_set(e, -ECONNREFUSED,
		    "no libvirt answers on %s (%.300s): start libvirtd, or name another connection",
		    uri != NULL ? uri : "its default connection", last_error());
	}
	if (events) {
		s->timer = virEventAddTimeout(TURN_MS, on_turn, NULL, NULL);
		watch(s);
	}
	*out = s;
	return 0;
}

void
libvirt_source_close(struct libvirt_source *s)
{
	if (s == NULL)
		return;
	if (s->timer >= 0)
		virEventRemoveTimeout(s->timer);
	virConnectClose(s->connection);
	free(s);
}

/* Addresses that libvirt's own DHCP server gave. */
static void
add_leases(virDomainPtr domain, struct server *server)
{
	virDomainInterfacePtr *list = NULL;
	int count =
	    virDomainInterfaceAddresses(domain, &list, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE, 0);

	for (int i = 0; i < count; i++) {
		for (unsigned k = 0; k < list[i]->naddrs; k++)
			libvirt_xml_add_address(server, list[i]->addrs[k].addr);
		virDomainInterfaceFree(list[i]);
	}
	free(list);
}

/* 0 also for a domain that went away meanwhile. */
static int
add_domain(struct inventory *inv, virDomainPtr domain, struct err *e)
{
	bool running = virDomainIsActive(domain) == 1;
	char *xml = virDomainGetXMLDesc(domain, 0);
	struct server server;
	int rc;

	if (xml == NULL)
		return 0;
	rc = libvirt_xml_server(xml, strlen(xml), running, &server, e);
	free(xml);
	if (rc < 0)
		return rc;
	if (running)
		add_leases(domain, &server);
	rc = inventory_put(inv, &server, e);
	return rc < 0 ? rc : 0;
}

int
libvirt_source_read(struct libvirt_source *s, struct inventory **out, struct err *e)
{
	struct inventory *inv = NULL;
	virDomainPtr *domains = NULL;
	int count, rc = inventory_new(&inv, e);

	if (rc < 0)
		return rc;
	s->changed = false;
	count = virConnectListAllDomains(s->connection, &domains, 0);
	if (count < 0)
		rc = err_set(e, -EIO, "libvirt does not list its domains: %s", last_error());
	for (int i = 0; i < count; i++) {
		if (rc == 0)
			rc = add_domain(inv, domains[i], e);
		virDomainFree(domains[i]);
	}
	free(domains);
	if (rc < 0) {
		inventory_free(inv);
		return rc;
	}
	*out = inv;
	return 0;
}

int
libvirt_source_wait(struct libvirt_source *s, int64_t timeout_ns, struct err *e)
{
	int64_t end_ns = clock_mono_ns() + timeout_ns;
	bool settling = false;

	while (clock_mono_ns() < end_ns) {
		if (s->changed && !settling) {
			settling = true;
			end_ns = clock_mono_ns() + SETTLE_MS * (CLOCK_SECOND_NS / 1000);
			virEventUpdateTimeout(s->timer, SETTLE_MS);
		}
		if (virEventRunDefaultImpl() < 0 || virConnectIsAlive(s->connection) != 1)
			return err_set(e, -EPIPE, "the connection to libvirt is lost");
	}
	virEventUpdateTimeout(s->timer, TURN_MS);
	return s->changed;
}
