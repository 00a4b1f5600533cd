/* SPDX-License-Identifier: ISC */
/*
 * DNS questions over TCP (RFC 1035 4.2.2, RFC 7766) that span segments, put together in a small table of
 * fixed size: who floods it pushes out what others have begun, and a question is then missed.
 * bulkhead-sensor, replay.
 */
#ifndef SENSOR_DNS_STREAM_H
#define SENSOR_DNS_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "sensor/frame.h"

struct dns_stream;

typedef void (*dns_stream_message_fn)(void *arg, const uint8_t *message, size_t n);

/* 0 or -ENOMEM; `seed` for the places in the table. */
int dns_stream_new(struct dns_stream **out, uint64_t seed);
void dns_stream_free(struct dns_stream *t);
uint64_t dns_stream_memory(void);

/*
 * A segment from a client; calls back for each whole message, without its length.  A connection whose
 * beginning was not seen is taken to begin at a message.  Messages beyond 512 bytes are stepped over: a
 * question is a name of 255 bytes at most, with its header and options.
 */
void dns_stream_segment(
    struct dns_stream *t, const struct frame *frame, dns_stream_message_fn message, void *arg);

#endif
