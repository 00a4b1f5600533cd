/* SPDX-License-Identifier: ISC */
/*
 * bulkhead-libvirt: the domains of a hypervisor as an inventory on standard output, one JSON array per line; started
 * by `bulkhead server import --libvirt`.  A program and a package of its own, so that the rest works where there is no
 * libvirt.  It only reads, over a read-only connection, and needs no privilege.
 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/program.h"
#include "policy/libvirt_source.h"

#define PROGRAM "bulkhead-libvirt"

/* Also without an event: leases change silently. */
#define RESYNC_NS (5 * CLOCK_MINUTE_NS)

static const char usage[] =
    "usage: bulkhead-libvirt [--connect URI] [--follow]\n"
    "\n"
    "Prints the domains of libvirt as an inventory: bulkhead server import --libvirt\n"
    "\n"
    "  --connect URI  instead of libvirt's default (qemu:///system, lxc:///, ...)\n"
    "  --follow       go on: one line at each change\n"
    "  --version      print the version\n"
    "  --help         print this\n";

static json_t *
texts(const struct server *s, unsigned count,
    const char *(*item)(const struct server *, unsigned, char[ADDR_TEXT_BYTES]))
{
	json_t *list = json_array();
	char buf[ADDR_TEXT_BYTES];

	for (unsigned i = 0; i < count; i++)
		json_array_append_new(list, json_string(item(s, i, buf)));
	return list;
}

static const char *
ifname_item(const struct server *s, unsigned i, char buf[ADDR_TEXT_BYTES])
{
	(void)buf;
	return s->ifnames[i];
}

static const char *
mac_item(const struct server *s, unsigned i, char buf[ADDR_TEXT_BYTES])
{
	return mac_format(buf, &s->macs[i]);
}

static const char *
address_item(const struct server *s, unsigned i, char buf[ADDR_TEXT_BYTES])
{
	return addr_prefix_format(buf, &s->prefixes[i]);
}

/* 0, or -EPIPE when nobody reads. */
static int
print_inventory(const struct inventory *inv)
{
	json_t *list = json_array();
	int rc;

	for (unsigned i = 0; i < inventory_count(inv); i++) {
		const struct server *s = inventory_get(inv, i);

		json_array_append_new(
		    list, json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "server", s->name, "tenant",
			      s->tenant, "virtualization", virtualization_name(s->virtualization),
			      "interfaces", texts(s, s->ifname_count, ifname_item), "macs",
			      texts(s, s->mac_count, mac_item), "addresses",
			      texts(s, s->prefix_count, address_item)));
	}
	rc = json_dumpf(list, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) < 0 ||
		     putchar('\n') == EOF || fflush(stdout) != 0
		 ? -EPIPE
		 : 0;
	json_decref(list);
	return rc;
}

/* Who reads us is gone: there may be no event for hours that would tell by a failed write. */
static bool
is_reader_gone(void)
{
	struct pollfd fd = {.fd = 1};

	return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLERR | POLLHUP)) != 0;
}

static int
run(const char *uri, bool follow, struct err *e)
{
	struct libvirt_source *source = NULL;
	int64_t next_ns = 0;
	int rc = libvirt_source_open(&source, uri, follow, e);

	while (rc >= 0) {
		struct inventory *inv = NULL;

		rc = libvirt_source_read(source, &inv, e);
		if (rc == 0)
			rc = print_inventory(inv);
		inventory_free(inv);
		if (rc == -EPIPE)
			err_set(e, rc, "nobody reads the inventory");
		if (rc < 0 || !follow)
			break;
		next_ns = clock_mono_ns() + RESYNC_NS;
		while (rc == 0 && clock_mono_ns() < next_ns && !is_reader_gone())
			rc = libvirt_source_wait(source, CLOCK_SECOND_NS, e);
		if (is_reader_gone())
			break;
	}
	libvirt_source_close(source);
	return rc < 0 ? rc : 0;
}

int
main(int argc, char **argv)
{
	const char *uri = NULL;
	bool follow = false;
	const struct program_option options[] = {
	    {"connect", 'c', &uri, NULL},
	    {"follow", 0, NULL, &follow},
	    {NULL, 0, NULL, NULL},
	};
	struct err e = {0};
	int rc = program_read_options(PROGRAM, usage, options, argc, argv);

	if (rc >= 0)
		return rc;
	log_init(PROGRAM, LOG_LEVEL_INFO);
	if (run(uri, follow, &e) < 0) {
		fprintf(stderr, PROGRAM ": %s\n", e.text);
		return 1;
	}
	return 0;
}
