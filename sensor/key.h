/* SPDX-License-Identifier: ISC */
/*
 * The key of the recipients' hashes: made once, kept in a file that only its owner may read, so
 * that a recipient has the same hash after a restart.  bulkhead-sensor, before the jail.
 */
#ifndef SENSOR_KEY_H
#define SENSOR_KEY_H

#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/sandbox.h"

/*
 * Reads state_dir/sensor.key, or makes it (mode 0600, and state_dir for its user when that is
 * absent). A file that others may read, or of another size, is refused with a sentence.
 */
int key_load(const char *state_dir, const struct sandbox_user *owner, uint8_t key[HASH_KEY_BYTES],
    struct err *e);

#endif
