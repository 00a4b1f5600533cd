/* SPDX-License-Identifier: ISC */
/*
 * The guard's side of obs.sock: sensors connect (SEQPACKET), are checked by their credentials and
 * by the version of every datagram, and their observations are decoded and handed on.  A sensor
 * that sends nonsense loses its connection, nothing else.  bulkhead-guard (judge process).
 */
#ifndef POLICY_INGEST_H
#define POLICY_INGEST_H

#include <stdint.h>

#include "base/err.h"
#include "base/sandbox.h"
#include "sensor/observation.h"

#define INGEST_SENSORS_MAX 8

enum ingest_event {
	INGEST_CONNECTED,   /* a sensor took the slot */
	INGEST_OBSERVATION, /* obs is set (borrowed) */
	INGEST_BAD,  /* an observation that does not decode; the connection is closed right after */
	INGEST_GONE, /* the slot is free again */
};

/* slot: 0 .. INGEST_SENSORS_MAX-1, stable for the life of one connection. */
typedef void (*ingest_fn)(
    void *arg, enum ingest_event event, unsigned slot, const struct observation *obs);

struct ingest;

/*
 * Listens at path with mode 0660 and the group of the sensor's user.  Accepted are peers of uid 0,
 * of our own uid and of sensor->uid.  Call while still allowed to make the socket; everything after
 * works in the jail.
 */
int ingest_open(struct ingest **out, const char *path, const struct sandbox_user *sensor,
    ingest_fn fn, void *arg, struct err *e);
void ingest_close(struct ingest *in);

/* One descriptor for the caller's epoll: readable when a sensor knocks or has sent something. */
int ingest_fd(const struct ingest *in);

/*
 * Accepts and reads what waits, at most a few dozen datagrams per sensor so that the caller's loop
 * goes on; ingest_fd() stays readable when there is more.  Never blocks.  Returns the number of
 * observations handed on.
 */
unsigned ingest_poll(struct ingest *in);

#endif
