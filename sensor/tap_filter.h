/* SPDX-License-Identifier: ISC */
/*
 * The text of the kernel filter, in libpcap's language.  Pure.  bulkhead-sensor.
 */
#ifndef SENSOR_TAP_FILTER_H
#define SENSOR_TAP_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAP_FILTER_BYTES 8192

/*
 * TCP on the ports and DNS questions, behind VLAN tags too, and with odd_ports the first words of
 * an SMTP dialogue on any other port.  0 or -ENOBUFS.
 */
int tap_filter_text(char *out, size_t size, uint32_t linktype, const uint16_t *ports,
    unsigned port_count, bool odd_ports);

#endif
