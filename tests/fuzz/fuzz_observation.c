/* SPDX-License-Identifier: ISC */
/* obs_decode() on any bytes: what it accepts must encode back to the same bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/observation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct observation obs;
	uint8_t again[OBS_ENCODED_MAX];
	long n;

	if (obs_decode(&obs, data, size) != 0)
		return 0;
	n = obs_encode(&obs, again, sizeof(again));
	if (n < 0 || (size_t)n != size || memcmp(data, again, size) != 0)
		abort();
	return 0;
}
