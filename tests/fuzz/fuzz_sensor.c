/* SPDX-License-Identifier: ISC */
/*
 * Harness of the whole sensor: byte 0 chooses the link type, byte 1 the interface role and the
 * batch size; then packets, each as u16 length, u16 bytes cut from the capture, u16 milliseconds
 * since the one before.  Every session that starts must end, and every observation must survive the
 * wire format.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/sensor.h"

#define BATCH 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct count {
	uint64_t observations;
	int64_t open;
	enum sensor_role role;
};

static void
see(void *arg, const struct observation *obs)
{
	struct count *c = arg;
	struct observation back;
	uint8_t wire[OBS_ENCODED_MAX];

	c->observations++;
	c->open += (obs->kind == OBS_SESSION_START) - (obs->kind == OBS_SESSION_END);
	long n = obs_encode(obs, wire, sizeof(wire));
	if (n < 0 || obs_decode(&back, wire, (size_t)n) != 0 || back.kind != obs->kind) {
		fprintf(stderr, "observation of kind %u does not survive encoding\n", obs->kind);
		abort();
	}
}

static void
interface_of(void *arg, uint32_t ifindex, struct sensor_interface *out)
{
	const struct count *c = arg;

	out->role = c->role;
	snprintf(out->name, sizeof(out->name), "vnet%u", ifindex % 1000);
}

/* Cuts the input into packets, each an allocation of its own; returns the bytes taken, 0 at the
 * end. */
static size_t
next_packet(const uint8_t *data, size_t size, uint32_t linktype, int64_t *now, struct packet *out)
{
	if (size < 6)
		return 0;
	size_t n = (size_t)(data[0] << 8 | data[1]);
	if (n > size - 6)
		n = size - 6;
	*now += (int64_t)(data[4] << 8 | data[5]) * 1000000;
	uint8_t *copy = malloc(n > 0 ? n : 1);
	if (copy == NULL)
		exit(1);
	memcpy(copy, data + 6, n);
	*out = (struct packet){.time_ns = *now,
	    .linktype = linktype,
	    .caplen = (uint32_t)n,
	    .wirelen = (uint32_t)n + (uint32_t)(data[2] << 8 | data[3]),
	    .data = copy};
	return 6 + n;
}

static void
feed(struct sensor *s, const uint8_t *data, size_t size, uint32_t linktype, unsigned batch)
{
	int64_t now = 1000000000;
	struct packet packets[BATCH];
	size_t taken = 1;

	while (taken > 0) {
		unsigned count = 0;
		while (count < batch &&
		       (taken = next_packet(data, size, linktype, &now, &packets[count])) > 0) {
			data += taken;
			size -= taken;
			count++;
		}
		sensor_packets(s, packets, count);
		for (unsigned i = 0; i < count; i++)
			free((void *)(uintptr_t)packets[i].data);
	}
	sensor_finish(s, now);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t links[] = {1, 276, 101, 113};
	struct sensor_config cfg;
	struct sensor_stats stats;
	struct count count = {0, 0, SENSOR_ROLE_UNKNOWN};
	struct sensor *s;

	if (size < 2)
		return 0;
	count.role = (enum sensor_role)(data[1] % 4);
	sensor_config_init(&cfg);
	cfg.flows_max = 64;
	cfg.classify = false;
	cfg.interface_of = interface_of;
	cfg.interface_arg = &count;
	if (sensor_new(&s, &cfg, see, &count, NULL) != 0)
		exit(1);
	feed(s, data + 2, size - 2, links[data[0] % 4], (data[1] & 4) != 0 ? 1 : BATCH);
	sensor_get_stats(s, &stats);
	if (count.open != 0 || stats.flows_live != 0 || stats.observations != count.observations) {
		fprintf(stderr, "%lld sessions did not end\n", (long long)count.open);
		abort();
	}
	sensor_free(s);
	return 0;
}
