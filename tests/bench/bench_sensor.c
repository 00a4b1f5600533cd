/* SPDX-License-Identifier: ISC */
/*
 * What a packet costs: bench.sh calls this for the floor (bare libpcap), the tap alone and the
 * whole path to observations, and for the tables of cost by servers and flows.  Time is CPU time of
 * this process, so that other load on the machine matters little.
 */
#include <inttypes.h>
#include <pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sensor/sensor.h"
#include "sensor/tap.h"

#define BATCH 32u

/* Every allocation of the process goes through here (glibc's own entry points do the work). */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t size);
static uint64_t allocations;

void *
malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	allocations++;
	return __libc_calloc(count, size);
}

void *
realloc(void *p, size_t size)
{
	allocations++;
	return __libc_realloc(p, size);
}

struct result {
	uint64_t packets, observations, messages;
	uint64_t allocations; /* after the first packet was asked for */
	double seconds;
};

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static _Noreturn void
die(const char *what, const char *why)
{
	fprintf(stderr, "bench_sensor: %s: %s\n", what, why);
	exit(1);
}

static void
count(void *arg, const struct observation *obs)
{
	struct result *r = arg;

	r->observations++;
	r->messages += obs->kind == OBS_MESSAGE;
}

/* The floor: libpcap's reader and nothing else. */
static void
run_floor(const char *path, struct result *r)
{
	char reason[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	const u_char *data;
	pcap_t *p = pcap_open_offline(path, reason);
	int code;

	if (p == NULL)
		die(path, reason);
	while ((code = pcap_next_ex(p, &header, &data)) == 1)
		r->packets++;
	if (code != PCAP_ERROR_BREAK)
		die(path, pcap_geterr(p));
	pcap_close(p);
}

static struct sensor *
make_sensor(uint32_t flows, bool classify, struct result *r)
{
	struct sensor_config cfg;
	struct sensor *s;
	struct err e;

	sensor_config_init(&cfg);
	cfg.flows_max = flows;
	cfg.table_seed = 1;
	cfg.classify = classify;
	if (sensor_new(&s, &cfg, count, r, &e) != 0)
		die("sensor", e.text);
	return s;
}

/* The tap, and behind it the sensor unless it is NULL. */
static void
run_path(const char *path, struct sensor *s, struct result *r)
{
	struct packet batch[BATCH];
	struct tap *tap;
	struct err e;
	int64_t last = 0;
	int n;

	if (tap_open_file(&tap, path, &e) != 0)
		die(path, e.text);
	uint64_t before = allocations;
	while ((n = tap_read(tap, batch, &e)) > 0) {
		r->packets += (unsigned)n;
		last = batch[n - 1].time_ns;
		if (s != NULL)
			sensor_packets(s, batch, (unsigned)n);
	}
	if (n < 0)
		die(path, e.text);
	if (s != NULL)
		sensor_finish(s, last);
	r->allocations = allocations - before;
	tap_close(tap);
}

/* --- tables: many servers, many flows, no file ------------------------------------------------ */

#define FRAME_ROOM   160u
#define TABLE_PAIRS  200000u /* of packets, in one round of a row */
#define TABLE_ROUNDS 9u	     /* of all rows in turn */
#define ROWS_MAX     5u
#define FLAT	     1.5 /* rows of a table within this factor of each other */

struct talk {
	uint32_t servers, flows;
	uint32_t *client_seq, *server_seq; /* per flow */
	int64_t now;
	uint64_t at; /* which flow is next */
	uint8_t frames[BATCH][FRAME_ROOM];
	struct packet batch[BATCH];
	unsigned waiting;
	struct sensor *sensor; /* NULL: packets are only made */
};

static void
put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void
hand_over(struct talk *t)
{
	if (t->sensor != NULL)
		sensor_packets(t->sensor, t->batch, t->waiting);
	t->waiting = 0;
}

/* One packet of a flow; addresses follow from its number. */
static void
say(struct talk *t, uint32_t flow, bool from_client, uint8_t flags, const char *text)
{
	uint8_t *p = t->frames[t->waiting], *ip = p + 14, *tcp = ip + 20;
	uint32_t length = (uint32_t)strlen(text), size = 54 + length;
	uint32_t client = UINT32_C(0x0a000001) + flow % t->servers;
	uint32_t server = UINT32_C(0xc6120000) + flow % 60000;
	uint16_t port = (uint16_t)(1024 + flow / t->servers % 60000);
	uint32_t *own = from_client ? &t->client_seq[flow] : &t->server_seq[flow];
	uint32_t other = from_client ? t->server_seq[flow] : t->client_seq[flow];

	/* More flows of a server than it has ports go to further destinations. */
	server += flow / t->servers / 60000 * 65536;
	memset(p, 0, 54);
	p[12] = 8;
	ip[0] = 0x45;
	ip[2] = (uint8_t)((size - 14) >> 8);
	ip[3] = (uint8_t)(size - 14);
	ip[8] = 64;
	ip[9] = 6;
	put32(ip + 12, from_client ? client : server);
	put32(ip + 16, from_client ? server : client);
	put32(tcp, from_client ? (uint32_t)port << 16 | 25 : UINT32_C(25) << 16 | port);
	put32(tcp + 4, *own);
	put32(tcp + 8, other);
	tcp[12] = 0x50;
	tcp[13] = flags;
	memcpy(p + 54, text, length);
	*own += length + (flags & 2) / 2;
	t->now += 1000;
	t->batch[t->waiting++] = (struct packet){
	    .time_ns = t->now, .linktype = 1, .caplen = size, .wirelen = size, .data = p};
	if (t->waiting == BATCH)
		hand_over(t);
}

static void
open_all(struct talk *t)
{
	for (uint32_t i = 0; i < t->flows; i++) {
		say(t, i, true, 2, "");
		say(t, i, false, 0x12, "");
		say(t, i, true, 0x10, "");
		say(t, i, false, 0x18, "220 mx.example.net ESMTP\r\n");
		say(t, i, true, 0x18, "EHLO vm.example.com\r\n");
		say(t, i, false, 0x18, "250 mx.example.net\r\n");
		say(t, i, true, 0x18, "MAIL FROM:<a@example.com>\r\n");
		say(t, i, false, 0x18, "250 2.1.0 Ok\r\n");
	}
	hand_over(t);
}

/* Recipients, command and reply, over all flows in an order that no cache foresees. */
static void
talk_on(struct talk *t)
{
	for (uint32_t i = 0; i < TABLE_PAIRS; i++) {
		t->at = t->at * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		uint32_t flow = (uint32_t)((t->at >> 32) % t->flows);
		say(t, flow, true, 0x18, "RCPT TO:<somebody@example.org>\r\n");
		say(t, flow, false, 0x18, "250 2.1.5 Ok\r\n");
	}
	hand_over(t);
}

static double
resident_mib(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f != NULL && fscanf(f, "%*s %ld", &pages) != 1)
		pages = 0;
	if (f != NULL)
		fclose(f);
	return (double)pages * 4096 / 1048576;
}

struct row {
	uint32_t flows, servers;
	struct talk bare, with; /* packets that are only made; packets for a sensor */
	struct result r;
	double touched_mib;
	double bare_seconds, with_seconds; /* of the quickest round */
};

static void
begin_talk(struct talk *t, const struct row *row, struct sensor *sensor)
{
	*t = (struct talk){.servers = row->servers,
	    .flows = row->flows,
	    .now = INT64_C(1700000000000000000),
	    .at = 12345,
	    .sensor = sensor};
	t->client_seq = calloc(row->flows, sizeof(uint32_t));
	t->server_seq = calloc(row->flows, sizeof(uint32_t));
	if (t->client_seq == NULL || t->server_seq == NULL)
		die("table", "no memory");
}

static void
end_talk(struct talk *t)
{
	sensor_free(t->sensor);
	free(t->client_seq);
	free(t->server_seq);
}

/* All flows are open and were used once. */
static void
begin_row(struct row *row, uint32_t flows_max)
{
	begin_talk(&row->bare, row, NULL);
	talk_on(&row->bare);
	begin_talk(&row->with, row, NULL);
	memset(row->with.client_seq, 0, row->flows * sizeof(uint32_t));
	memset(row->with.server_seq, 0, row->flows * sizeof(uint32_t));
	double before = resident_mib();
	row->with.sensor = make_sensor(flows_max, false, &row->r);
	open_all(&row->with);
	talk_on(&row->with);
	row->touched_mib = resident_mib() - before;
	row->bare_seconds = row->with_seconds = 1e9;
}

static void
time_talk(struct talk *t, double *quickest)
{
	double start = cpu_seconds();

	talk_on(t);
	double seconds = cpu_seconds() - start;
	if (seconds < *quickest)
		*quickest = seconds;
}

static double
row_ns(const struct row *row)
{
	return (row->with_seconds - row->bare_seconds) * 1e9 / (2 * TABLE_PAIRS);
}

/* Rows are taken in turn, and of each the quickest round counts: on a shared machine the others say who else was at
 * work.  Returns the most expensive row by the cheapest. */
static double
run_rows(struct row *rows, unsigned count, uint32_t flows_max)
{
	double least = 1e9, most = 0;

	for (unsigned i = 0; i < count; i++)
		begin_row(&rows[i], flows_max);
	uint64_t allocated = allocations;
	for (unsigned round = 0; round < TABLE_ROUNDS; round++)
		for (unsigned i = 0; i < count; i++) {
			time_talk(&rows[i].bare, &rows[i].bare_seconds);
			time_talk(&rows[i].with, &rows[i].with_seconds);
		}
	if (allocations != allocated)
		die("table", "the sensor allocated memory for packets");
	for (unsigned i = 0; i < count; i++) {
		struct row *row = &rows[i];
		struct sensor_stats stats;
		double ns = row_ns(row);

		sensor_get_stats(row->with.sensor, &stats);
		printf("%9u %8u %12.0f %10u %14.1f %14.1f %20.0f\n", row->flows, row->servers, ns,
		    stats.flows_live, (double)stats.memory_bytes / 1048576, row->touched_mib,
		    (double)stats.memory_bytes / stats.flows_max);
		least = ns < least ? ns : least;
		most = ns > most ? ns : most;
		end_talk(&row->bare);
		end_talk(&row->with);
	}
	return most / least;
}

static void
judge_memory(void)
{
	struct result r = {0};
	struct sensor_stats stats;
	struct sensor *s = make_sensor(1000000, false, &r);

	sensor_get_stats(s, &stats);
	double mib = (double)stats.memory_bytes / 1048576;
	printf("goal: 1 million tracked flows in 512 MiB: %s (%.1f MiB, all of it reserved at the "
	       "start)\n",
	    mib <= 512 ? "met" : "MISSED", mib);
	sensor_free(s);
}

/* What is left of a slope is the caches': at a million flows each packet finds its slot and its
 * record in main memory, and the prefetch of the batch hides most of it. */
static void
judge_slope(const char *what, double slope)
{
	printf("goal: flat %s: %s (most expensive row / cheapest: %.2f, wanted below %.1f)\n", what,
	    slope < FLAT ? "met" : "MISSED", slope, FLAT);
}

static void
run_tables(void)
{
	static const uint32_t servers[ROWS_MAX] = {1, 10, 100, 1000, 10000};
	static const uint32_t flows[ROWS_MAX] = {1, 100, 10000, 100000, 1000000};
	static struct row rows[ROWS_MAX];

	printf("%9s %8s %12s %10s %14s %14s %20s\n", "flows", "servers", "ns/packet", "live",
	    "reserved MiB", "touched MiB", "reserved bytes/flow");
	for (unsigned i = 0; i < ROWS_MAX; i++)
		rows[i] = (struct row){.flows = 20000, .servers = servers[i]};
	judge_slope("from 1 to 10,000 servers", run_rows(rows, ROWS_MAX, 65536));
	for (unsigned i = 0; i < ROWS_MAX; i++)
		rows[i] =
		    (struct row){.flows = flows[i], .servers = flows[i] < 1000 ? flows[i] : 1000};
	judge_slope("from 1 to 1 million flows", run_rows(rows, ROWS_MAX, 1000000));
	judge_memory();
}

static void
run_memory(void)
{
	static struct row row = {.flows = 1000000, .servers = 1000};

	(void)run_rows(&row, 1, 1000000);
}

int
main(int argc, char **argv)
{
	struct result r = {0};
	struct sensor *s = NULL;
	double start;

	if (argc == 2 && strcmp(argv[1], "tables") == 0) {
		run_tables();
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "memory") == 0) {
		run_memory();
		return 0;
	}
	if (argc != 3)
		die("usage", "bench_sensor floor|tap|sensor|sensor-alone FILE, or bench_sensor "
			     "tables|memory");
	if (strncmp(argv[1], "sensor", 6) == 0) /* nDPI allocates for each flow that it looks at */
		s = make_sensor(65536, strcmp(argv[1], "sensor-alone") != 0, &r);
	start = cpu_seconds();
	if (strcmp(argv[1], "floor") == 0)
		run_floor(argv[2], &r);
	else
		run_path(argv[2], s, &r);
	r.seconds = cpu_seconds() - start;
	printf("%" PRIu64 " %.1f %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", r.packets,
	    r.seconds * 1e9 / (double)r.packets, r.messages, r.observations, r.allocations);
	sensor_free(s);
	return 0;
}
