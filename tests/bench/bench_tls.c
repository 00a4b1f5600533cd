/* SPDX-License-Identifier: ISC */
/*
 * How well messages are counted under TLS: what sessions did against what the sensor estimated.
 *
 *   bench_tls CAPTURE TRUTH [PROTOTYPE]     a capture and truth of tests/tlsgen; PROTOTYPE: lines of
 *                                           ../shared/prototypes/tlsx.c on the same capture
 *   bench_tls --dev DIRECTORY               dev.pcap, dev.truth and dev.lab, by which the first model was set
 *
 * BENCH_TLS_MISSES=1 in the environment lists the sessions whose messages were not counted exactly,
 * =recipients those with other recipients or refusals too.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/sensor.h"
#include "sensor/tap.h"
#include "tests/bench/tls_table.h"

#define BATCH 32

static struct tls_set set;

static _Noreturn void
die(const char *what, const char *why)
{
	fprintf(stderr, "bench_tls: %s: %s\n", what, why);
	exit(1);
}

/* The session of these ends; the newest one when a port was used twice. */
static struct tls_session *
session_find(const struct addr *client, uint16_t client_port, uint16_t server_port)
{
	for (unsigned i = 0; i < set.count; i++) {
		struct tls_session *s = &set.list[i];

		if (s->client_port == client_port && s->server_port == server_port && !s->ended &&
		    (client == NULL || !s->addressed || addr_equal(&s->client, client)))
			return s;
	}
	return NULL;
}

static void
on_observation(void *arg, const struct observation *obs)
{
	struct tls_session *s;

	(void)arg;
	if (obs->kind != OBS_SESSION_END && obs->kind != OBS_ESTIMATE)
		return;
	s = session_find(&obs->client, obs->client_port, obs->server_port);
	if (s == NULL)
		return;
	if (obs->kind == OBS_SESSION_END) {
		s->ended = true;
		return;
	}
	s->ours.messages += (uint32_t)obs->u.estimate.messages;
	s->ours.recipients += (uint32_t)obs->u.estimate.recipients;
	s->ours.rejected += (uint32_t)obs->u.estimate.recipients_rejected;
	s->ours.bytes += (uint64_t)obs->u.estimate.bytes;
	s->confidence = obs->u.estimate.confidence;
}

/* The distinct server ports of the truth. */
static unsigned
ports_of_set(uint16_t ports[SENSOR_PORTS_MAX])
{
	unsigned count = 0;

	for (unsigned i = 0; i < set.count; i++) {
		unsigned k = 0;

		while (k < count && ports[k] != set.list[i].server_port)
			k++;
		if (k < count)
			continue;
		if (count == SENSOR_PORTS_MAX)
			die("truth", "more server ports than a sensor can watch");
		ports[count++] = set.list[i].server_port;
	}
	return count;
}

static void
run_sensor(const char *path)
{
	struct packet batch[BATCH];
	struct sensor_config cfg;
	struct sensor *sensor;
	struct tap *tap;
	struct err e;
	int64_t last = 0;
	int n;

	sensor_config_init(&cfg);
	cfg.flows_max = TLS_SESSIONS_MAX;
	cfg.classify = false;
	cfg.port_count = ports_of_set(cfg.ports);
	if (sensor_new(&sensor, &cfg, on_observation, NULL, &e) != 0)
		die("sensor", e.text);
	if (tap_open_file(&tap, path, &e) != 0)
		die(path, e.text);
	while ((n = tap_read(tap, batch, &e)) > 0) {
		last = batch[n - 1].time_ns;
		sensor_packets(sensor, batch, (unsigned)n);
	}
	if (n < 0)
		die(path, e.text);
	sensor_finish(sensor, last);
	tap_close(tap);
	sensor_free(sensor);
}

/* --- the truth --- */

/* Reads every line of a file; `take` gets the object. */
static void
read_lines(const char *path, void (*take)(const json_t *o))
{
	FILE *f = fopen(path, "r");
	json_error_t why;
	json_t *o;

	if (f == NULL)
		die(path, "cannot be opened");
	while ((o = json_loadf(f, JSON_DISABLE_EOF_CHECK, &why)) != NULL) {
		take(o);
		json_decref(o);
	}
	if (!feof(f))
		die(path, why.text);
	fclose(f);
}

static uint32_t
number_of(const json_t *o, const char *key)
{
	return (uint32_t)json_integer_value(json_object_get(o, key));
}

/* A text that outlives its object; a handful of families comes again and again. */
static const char *
text_of(const json_t *o, const char *key)
{
	static char *known[256];
	const char *text = json_string_value(json_object_get(o, key));
	unsigned i = 0;

	if (text == NULL)
		return "?";
	while (i < 255 && known[i] != NULL && strcmp(known[i], text) != 0)
		i++;
	if (known[i] == NULL)
		known[i] = strdup(text);
	return known[i] != NULL ? known[i] : "?";
}

static struct tls_session *
session_add(const json_t *o, const char *server_port, const char *messages)
{
	struct tls_session *s = &set.list[set.count];
	const json_t *message;
	size_t i;

	if (set.count == TLS_SESSIONS_MAX)
		die("truth", "too many sessions");
	set.count++;
	*s = (struct tls_session){.client_port = (uint16_t)number_of(o, "port"),
	    .server_port = (uint16_t)number_of(o, server_port),
	    .client_family = text_of(o, "client_family"),
	    .server_family = text_of(o, "server_family"),
	    .tune = json_is_true(json_object_get(o, "tune")),
	    .tiny = json_is_true(json_object_get(o, "tiny")),
	    .truth.rejected = number_of(o, "rejected")};
	json_array_foreach (json_object_get(o, messages), i, message) {
		uint32_t accepted = (uint32_t)json_integer_value(json_array_get(message, 0));

		s->truth.messages += accepted > 0;
		s->truth.recipients += accepted;
		s->truth.bytes += (uint64_t)json_integer_value(json_array_get(message, 1));
		s->truth.rejected += (uint32_t)json_integer_value(json_array_get(message, 2));
	}
	return s;
}

static void
take_truth(const json_t *o)
{
	struct tls_session *s = session_add(o, "server_port", "messages");
	const char *client = json_string_value(json_object_get(o, "client"));

	s->addressed = true;
	if (client == NULL || addr_parse(client, &s->client) != 0)
		die("truth", "a session without a client's address");
}

static void
take_dev_truth(const json_t *o)
{
	struct tls_session *s = session_add(o, "lport", "msgs");

	s->server_family = text_of(o, "style");
	s->tune = true;
}

static void
take_dev_lab(const json_t *o)
{
	struct tls_session *s =
	    session_find(NULL, (uint16_t)number_of(o, "port"), (uint16_t)number_of(o, "lport"));

	if (s != NULL)
		s->client_family = text_of(o, "kind");
}

/* The prototype knows ports only; a port that was used twice is matched in order. */
static void
take_prototype(const json_t *o)
{
	uint16_t port = (uint16_t)number_of(o, "port"),
		 server_port = (uint16_t)number_of(o, "sport");

	for (unsigned i = 0; i < set.count; i++) {
		struct tls_session *s = &set.list[i];

		if (s->client_port != port || s->server_port != server_port || s->ended)
			continue;
		s->prototype = (struct tls_count){
		    .messages = number_of(o, "msgs"), .recipients = number_of(o, "rcpts")};
		s->ended = true;
		return;
	}
}

static void
print_misses(bool recipients)
{
	for (unsigned i = 0; i < set.count; i++) {
		const struct tls_session *s = &set.list[i];

		if (s->truth.messages != s->ours.messages ||
		    (recipients && (s->truth.recipients != s->ours.recipients ||
				       s->truth.rejected != s->ours.rejected)))
			printf("miss: port %u to %u, %s to %s%s: %u messages to %u and %u refused, "
			       "estimated %u to %u and %u, confidence %u\n",
			    s->client_port, s->server_port, s->client_family, s->server_family,
			    s->tiny ? ", tiny" : "", s->truth.messages, s->truth.recipients,
			    s->truth.rejected, s->ours.messages, s->ours.recipients,
			    s->ours.rejected, s->confidence);
	}
}

int
main(int argc, char **argv)
{
	char path[3][1024];
	unsigned silent = 0;

	if (argc == 3 && strcmp(argv[1], "--dev") == 0) {
		snprintf(path[0], sizeof(path[0]), "%s/dev.pcap", argv[2]);
		snprintf(path[1], sizeof(path[1]), "%s/dev.truth", argv[2]);
		snprintf(path[2], sizeof(path[2]), "%s/dev.lab", argv[2]);
		read_lines(path[1], take_dev_truth);
		read_lines(path[2], take_dev_lab);
		run_sensor(path[0]);
	} else if (argc == 3 || argc == 4) {
		read_lines(argv[2], take_truth);
		if (argc == 4) {
			read_lines(argv[3], take_prototype);
			set.prototype = true;
			for (unsigned i = 0; i < set.count; i++)
				set.list[i].ended = false;
		}
		run_sensor(argv[1]);
	} else {
		fprintf(stderr, "usage: bench_tls CAPTURE TRUTH [PROTOTYPE] | --dev DIRECTORY\n");
		return 2;
	}
	tls_table_print(&set);
	tls_table_calibration(&set);
	tls_table_refusals(&set);
	for (unsigned i = 0; i < set.count; i++)
		silent += !set.list[i].ended;
	printf("\nNot seen by the sensor: %u sessions.\n", silent);
	const char *misses = getenv("BENCH_TLS_MISSES");
	if (misses != NULL)
		print_misses(strcmp(misses, "recipients") == 0);
	return 0;
}
