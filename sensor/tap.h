/* SPDX-License-Identifier: ISC */
/*
 * The only file that knows libpcap: capture files and live devices, the kernel filter, drop counters.
 * bulkhead-sensor (live) and replay (files).
 */
#ifndef SENSOR_TAP_H
#define SENSOR_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sensor/sensor.h"

struct tap;

/* Opens a capture file (pcap, pcapng, "-" for standard input).  A file that is none is one sentence. */
int tap_open_file(struct tap **out, const char *path, struct err *e);

struct tap_live_config {
	const char *device;    /* "any" or a device name */
	uint32_t snaplen;      /* bytes kept per packet; 4096 */
	uint32_t ring_bytes;   /* 24 MiB */
	const uint16_t *ports; /* kernel filter: TCP on these ports (VLAN-tagged too) and DNS */
	unsigned port_count;
	bool odd_ports; /* also the first bytes of SMTP on any other port */
};

/* Opens, filters and locks a live capture (SO_LOCK_FILTER); needs CAP_NET_RAW only inside this call. */
int tap_open_live(struct tap **out, const struct tap_live_config *cfg, struct err *e);
void tap_close(struct tap *t);

/* A descriptor that is readable when packets wait; live only. */
int tap_fd(const struct tap *t);
uint32_t tap_linktype(const struct tap *t);

/*
 * Reads up to 32 packets into the array (data is borrowed until the next call).
 * Returns their number; 0: live none waiting, file at its end; negative errno with *e (a cut file: the
 * packets before the cut were delivered, then -EBADMSG).
 */
int tap_read(struct tap *t, struct packet packets[32], struct err *e);

/* Packets lost in the ring since the open. */
uint64_t tap_drops(struct tap *t);

#endif
