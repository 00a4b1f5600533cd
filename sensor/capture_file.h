/* SPDX-License-Identifier: ISC */
/*
 * Capture files of the classic format (magic a1b2c3d4 or a1b23c4d, version 2.4), read in place: the
 * packets of a batch stay where the kernel put them.  libpcap copies each of them twice, which costs
 * as much as half of all that is done with it afterwards; it keeps pcapng, old versions, and what
 * comes through a pipe.  The same limits, times and refusals as libpcap 1.10.  bulkhead-sensor
 * --read, replay.
 */
#ifndef SENSOR_CAPTURE_FILE_H
#define SENSOR_CAPTURE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "sensor/sensor.h"

#define CAPTURE_FILE_REASON_BYTES 96

struct capture_file;

/* 1: *out reads the descriptor, which stays the caller's; 0: it is no regular file of this format,
 * and untouched; -ENOMEM. */
int capture_file_open(struct capture_file **out, int fd);
void capture_file_free(struct capture_file *c);

/* LINKTYPE_ value of the file. */
uint32_t capture_file_linktype(const struct capture_file *c);

/*
 * Up to `max` packets, borrowed until the next call; `linktype` is for their field.  0: the end.
 * -EBADMSG: the file is cut or damaged here, and `reason` says how.
 */
int capture_file_read(struct capture_file *c, struct packet *packets, unsigned max,
    uint32_t linktype, char reason[CAPTURE_FILE_REASON_BYTES]);

/* Bytes of the file that were used so far. */
uint64_t capture_file_offset(const struct capture_file *c);

#endif
