/* SPDX-License-Identifier: ISC */
/*
 * How well messages are counted under TLS: true against estimated, by client and by the number of
 * messages, first for sessions of the generator, then for a capture with its truth.
 *
 *   bench_tls [DIRECTORY]      with dev.pcap, dev.truth and dev.lab; see README there
 *
 * The capture is what the model was set by: its rows say how well the model fits what it knows, not
 * how well it does elsewhere.  The generated sessions were never looked at for that.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/tap.h"
#include "tests/gen/smtpgen.h"

#define SESSIONS_MAX 4096
#define ROWS_MAX     24
#define BATCH	     32
#define FRAME_MAX    (256 << 10)
#define PORT_SMTPS   465

struct session {
	uint16_t client_port, server_port;
	const char *client; /* its family */
	uint32_t messages, recipients;
	uint32_t messages_estimated, recipients_estimated;
	bool ended; /* the sensor told of it */
};

struct set {
	struct session list[SESSIONS_MAX];
	unsigned count;
	unsigned strangers; /* sessions of the capture without a truth */
};

static struct set set;

/* Servers of the capture that speak TLS from the first byte, by the low byte of their port.  The sensor
 * estimates that on port 465 only, so they are moved there, each to an address of its own. */
static uint16_t moved[256];

static _Noreturn void
die(const char *what, const char *why)
{
	fprintf(stderr, "bench_tls: %s: %s\n", what, why);
	exit(1);
}

static struct session *
session_find(uint16_t client_port, uint16_t server_port)
{
	for (unsigned i = 0; i < set.count; i++)
		if (set.list[i].client_port == client_port &&
		    set.list[i].server_port == server_port)
			return &set.list[i];
	return NULL;
}

static struct session *
session_add(uint16_t client_port, uint16_t server_port)
{
	if (set.count == SESSIONS_MAX)
		die("truth", "too many sessions");
	set.list[set.count] =
	    (struct session){.client_port = client_port, .server_port = server_port, .client = "?"};
	return &set.list[set.count++];
}

static void
on_observation(void *arg, const struct observation *obs)
{
	(void)arg;
	if (obs->kind != OBS_SESSION_END)
		return;
	uint8_t low = obs->server.bytes[15];
	uint16_t port =
	    obs->server_port == PORT_SMTPS && moved[low] != 0 ? moved[low] : obs->server_port;
	struct session *s = session_find(obs->client_port, port);
	if (s == NULL) {
		set.strangers++;
		return;
	}
	s->messages_estimated += obs->u.end.counts.messages_estimated;
	s->recipients_estimated += obs->u.end.counts.recipients_estimated;
	s->ended = true;
}

static struct sensor *
make_sensor(const uint16_t *ports, unsigned count)
{
	struct sensor_config cfg;
	struct sensor *s;
	struct err e;

	sensor_config_init(&cfg);
	cfg.flows_max = SESSIONS_MAX;
	cfg.classify = false;
	for (unsigned i = 0; i < count; i++)
		cfg.ports[i] = ports[i];
	cfg.port_count = count > 0 ? count : cfg.port_count;
	if (sensor_new(&s, &cfg, on_observation, NULL, &e) != 0)
		die("sensor", e.text);
	return s;
}

/* --- the table --- */

struct row {
	char name[32];
	unsigned sessions, exact;
	uint64_t messages, messages_estimated, recipients, recipients_estimated;
};

static void
row_add(struct row rows[ROWS_MAX], const char *name, const struct session *s)
{
	unsigned i = 0;

	while (i < ROWS_MAX - 1 && rows[i].sessions > 0 && strcmp(rows[i].name, name) != 0)
		i++;
	snprintf(rows[i].name, sizeof(rows[i].name), "%s", name);
	rows[i].sessions++;
	rows[i].exact += s->messages == s->messages_estimated;
	rows[i].messages += s->messages;
	rows[i].messages_estimated += s->messages_estimated;
	rows[i].recipients += s->recipients;
	rows[i].recipients_estimated += s->recipients_estimated;
}

static const struct {
	const char *name;
	uint32_t most;
} sizes_of_sessions[] = {
    {"no message", 0}, {"1 message", 1}, {"2-5 messages", 5}, {"6 and more", UINT32_MAX}};

static unsigned
size_of(const struct session *s)
{
	unsigned i = 0;

	while (s->messages > sizes_of_sessions[i].most)
		i++;
	return i;
}

static void
rows_print(const struct row rows[ROWS_MAX])
{
	for (unsigned i = 0; i < ROWS_MAX && rows[i].sessions > 0; i++) {
		const struct row *r = &rows[i];

		printf("| %-18s | %8u | %6llu | %9llu | %5u (%5.1f %%) | %6llu | %9llu |\n",
		    r->name, r->sessions, (unsigned long long)r->messages,
		    (unsigned long long)r->messages_estimated, r->exact,
		    100. * r->exact / r->sessions, (unsigned long long)r->recipients,
		    (unsigned long long)r->recipients_estimated);
	}
}

static void
set_print(const char *title)
{
	static struct row clients[ROWS_MAX], sizes[ROWS_MAX], all[ROWS_MAX];
	unsigned silent = 0;

	memset(clients, 0, sizeof(clients));
	memset(sizes, 0, sizeof(sizes));
	memset(all, 0, sizeof(all));
	for (unsigned i = 0; i < set.count; i++) {
		const struct session *s = &set.list[i];

		row_add(clients, s->client, s);
		row_add(all, "all", s);
		silent += !s->ended;
	}
	for (unsigned k = 0; k < 4; k++)
		for (unsigned i = 0; i < set.count; i++)
			if (size_of(&set.list[i]) == k)
				row_add(sizes, sizes_of_sessions[k].name, &set.list[i]);
	printf("\n%s\n\n", title);
	printf("| sessions of        | sessions |   true | estimated | exactly right   | rcpts  | "
	       "estimated |\n|---|---|---|---|---|---|---|\n");
	rows_print(clients);
	rows_print(sizes);
	rows_print(all);
	printf("\nNot seen by the sensor: %u sessions; seen without a truth: %u.\n", silent,
	    set.strangers);
}

/* --- generated --- */

static void
on_packet(void *sensor, const struct packet *packet)
{
	sensor_packets(sensor, packet, 1);
}

struct client {
	const char *name;
	bool pipelining;
	unsigned chunks;
	bool split, rset;
};

/* Refused recipients and bodies of all sizes, over STARTTLS and implicit TLS. */
static void
generate_one(struct gen *g, const struct client *c, unsigned number, unsigned messages)
{
	static char text[80000];
	static const char *const greetings[] = {NULL, "220 mx.example.net ESMTP Postfix"};
	struct gen_recipient to[6];
	struct gen_message list[20];
	struct gen_smtp smtp = {.pipelining = c->pipelining,
	    .starttls = number % 3 != 0,
	    .implicit_tls = number % 3 == 0,
	    .greeting = greetings[number % 2],
	    .messages = list,
	    .message_count = messages};
	unsigned recipients = 1 + gen_random_below(g, 5);
	struct gen_truth truth = {0};
	struct addr client, server;
	struct gen_path path;

	addr_parse("10.0.0.1", &client);
	addr_parse("198.51.100.1", &server);
	gen_path_init(&path, client, server, (int64_t)(number + 1) * 60 * CLOCK_SECOND_NS);
	path.client_port = (uint16_t)(10000 + number);
	path.server_port = smtp.implicit_tls ? 465 : 25;
	for (unsigned i = 0; i < recipients; i++)
		to[i] = (struct gen_recipient){
		    .address = i % 2 ? "a.longer.name@dest.example" : "me@dest7.example",
		    .reply = gen_random_below(g, 10) == 0
				 ? "550 5.1.1 <me@dest7.example>: Recipient "
				   "address rejected: User unknown"
				 : NULL};
	to[0].reply = NULL;
	gen_message_text(text, sizeof(text), 500 + gen_random_below(g, 60000), "a@example.com",
	    "b@dest.example", number, false);
	for (unsigned i = 0; i < messages; i++)
		list[i] = (struct gen_message){.from = "news@example.com",
		    .recipients = to,
		    .recipient_count = recipients,
		    .text = text,
		    .bdat_chunks = c->chunks,
		    .bdat_split = c->split,
		    .rset_before = c->rset && i > 0};
	gen_smtp_session(g, &path, &smtp, &truth);
	struct session *s = session_add(path.client_port, path.server_port);
	s->client = c->name;
	s->messages = truth.messages_tls;
	s->recipients = truth.recipients_tls;
}

static void
run_generated(void)
{
	static const struct client clients[] = {{.name = "step by step"},
	    {.name = "pipelined", .pipelining = true}, {.name = "RSET between", .rset = true},
	    {.name = "BDAT", .pipelining = true, .chunks = 1},
	    {.name = "BDAT, 3 chunks", .pipelining = true, .chunks = 3},
	    {.name = "BDAT, split", .chunks = 2, .split = true}};
	static const unsigned sizes[] = {0, 1, 1, 2, 3, 5, 10, 20};
	struct sensor *sensor = make_sensor(NULL, 0);
	struct gen *g = gen_new(2026, GEN_LINK_ETHERNET, 0);

	gen_set_callback(g, on_packet, sensor);
	for (unsigned c = 0; c < sizeof(clients) / sizeof(clients[0]); c++)
		for (unsigned i = 0; i < 96; i++)
			generate_one(g, &clients[c], set.count, sizes[i % 8]);
	gen_flush(g, INT64_MAX);
	sensor_finish(sensor, INT64_C(1000000) * CLOCK_SECOND_NS);
	sensor_free(sensor);
	gen_free(g);
	set_print("Generated by smtpgen, seed 2026 (never used to set the model):");
}

/* --- a capture with its truth --- */

/* The next line as an object; NULL at the end. */
static json_t *
next_object(FILE *f, const char *path)
{
	json_error_t why;
	json_t *o = json_loadf(f, JSON_DISABLE_EOF_CHECK, &why);

	if (o == NULL && !feof(f))
		die(path, why.text);
	return o;
}

static uint16_t
port_of(const json_t *o, const char *key)
{
	return (uint16_t)json_integer_value(json_object_get(o, key));
}

/* Reads every line of a file; `take` gets the object. */
static void
read_lines(const char *directory, const char *name, void (*take)(const json_t *o))
{
	char path[1024];
	json_t *o;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "r");
	if (f == NULL)
		die(path, "cannot be opened");
	while ((o = next_object(f, path)) != NULL) {
		take(o);
		json_decref(o);
	}
	fclose(f);
}

static void
take_truth(const json_t *o)
{
	struct session *s = session_add(port_of(o, "port"), port_of(o, "lport"));
	const json_t *message;
	size_t i;

	json_array_foreach (json_object_get(o, "msgs"), i, message) {
		uint32_t accepted = (uint32_t)json_integer_value(json_array_get(message, 0));

		s->messages += accepted > 0;
		s->recipients += accepted;
	}
}

static void
take_lab(const json_t *o)
{
	static char names[ROWS_MAX][32]; /* outlive the object */
	struct session *s = session_find(port_of(o, "port"), port_of(o, "lport"));
	const char *kind = json_string_value(json_object_get(o, "kind"));
	unsigned i = 0;

	if (s == NULL || kind == NULL)
		return;
	while (i < ROWS_MAX - 1 && names[i][0] != '\0' && strcmp(names[i], kind) != 0)
		i++;
	snprintf(names[i], sizeof(names[i]), "%s", kind);
	s->client = names[i];
	if (json_is_true(json_object_get(o, "impl")))
		moved[s->server_port & 255] = s->server_port;
}

/* Gives a moved server port 465 and its address, in IPv4 over Ethernet. */
static void
move_server(uint8_t *frame, size_t size)
{
	size_t tcp = size >= 34 ? 14 + 4 * (size_t)(frame[14] & 15) : size;

	if (tcp + 4 > size || frame[12] != 8 || frame[13] != 0 || frame[23] != 6)
		return;
	for (unsigned side = 0; side < 2; side++) {
		uint8_t *port = frame + tcp + 2 * side, low = port[1];

		if (moved[low] == 0 || moved[low] != (port[0] << 8 | low))
			continue;
		port[0] = PORT_SMTPS >> 8;
		port[1] = PORT_SMTPS & 255;
		frame[14 + 12 + 4 * side + 3] = low;
	}
}

static void
feed_moved(struct sensor *sensor, const struct packet *packet)
{
	static uint8_t frame[FRAME_MAX];
	struct packet copy = *packet;

	if (packet->caplen > sizeof(frame))
		die("dev.pcap", "a packet is too long");
	memcpy(frame, packet->data, packet->caplen);
	if (packet->linktype == GEN_LINK_ETHERNET)
		move_server(frame, packet->caplen);
	copy.data = frame;
	sensor_packets(sensor, &copy, 1);
}

/* The distinct server ports of the truth. */
static unsigned
ports_of_set(uint16_t ports[SENSOR_PORTS_MAX])
{
	unsigned count = 0;

	ports[count++] = PORT_SMTPS;
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
run_capture(const char *directory)
{
	uint16_t ports[SENSOR_PORTS_MAX];
	struct packet batch[BATCH];
	char path[1024];
	struct tap *tap;
	struct err e;
	int64_t last = 0;
	int n;

	memset(&set, 0, sizeof(set));
	read_lines(directory, "dev.truth", take_truth);
	read_lines(directory, "dev.lab", take_lab);
	struct sensor *sensor = make_sensor(ports, ports_of_set(ports));
	snprintf(path, sizeof(path), "%s/dev.pcap", directory);
	if (tap_open_file(&tap, path, &e) != 0)
		die(path, e.text);
	while ((n = tap_read(tap, batch, &e)) > 0) {
		last = batch[n - 1].time_ns;
		for (int i = 0; i < n; i++)
			feed_moved(sensor, &batch[i]);
	}
	if (n < 0)
		die(path, e.text);
	sensor_finish(sensor, last);
	tap_close(tap);
	sensor_free(sensor);
	set_print("dev.pcap, real TLS stacks (the development set: the model was set by it):");
}

int
main(int argc, char **argv)
{
	run_generated();
	if (argc > 1)
		run_capture(argv[1]);
	return 0;
}
