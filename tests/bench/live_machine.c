/* SPDX-License-Identifier: ISC */
/* The machine's own part in a latency; see live_machine.h.  live_probe. */
#include "tests/bench/live_machine.h"

#include <errno.h>
#include <pcap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "sensor/pace.h"
#include "tests/bench/witness.h"

#define BEFORE_NS 500000
#define AFTER_NS  1000000
#define SNAPLEN	  3968 /* as fit_snaplen() of sensor/tap.c makes of 4096 */

void
die(const char *what)
{
	fprintf(stderr, "live_probe: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- samples ----------------------------------------------------------------------------------
 */

struct machine_samples *
machine_samples_new(void)
{
	struct machine_samples *s =
	    mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (s == MAP_FAILED)
		die("room for samples");
	s->since_ns = INT64_MAX;
	return s;
}

void
machine_sample(struct machine_samples *s, int64_t at_ns, int64_t latency_ns)
{
	s->seen++;
	if (at_ns < s->since_ns || s->count == MACHINE_SAMPLES_MAX)
		return;
	s->of[s->count].at_ns = at_ns;
	s->of[s->count++].latency_ns = latency_ns;
}

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void
percentiles(int64_t *values, size_t n, double *p50_us, double *p99_us)
{
	const size_t half = n / 2, most = n * 99 / 100;

	qsort(values, n, sizeof(*values), compare);
	*p50_us = n == 0 ? -1 : (double)values[half] / 1e3;
	*p99_us = n == 0 ? -1 : (double)values[most] / 1e3;
}

void
machine_summarise(const struct machine_samples *s, struct machine_summary *out)
{
	int64_t *values = malloc((s->count + 1) * sizeof(*values));
	size_t awake = 0;

	if (values == NULL)
		die("room for percentiles");
	for (size_t i = 0; i < s->count; i++)
		if (!witness_is_still(s->of[i].at_ns - BEFORE_NS, s->of[i].at_ns + AFTER_NS))
			values[awake++] = s->of[i].latency_ns;
	percentiles(values, awake, &out->awake_p50_us, &out->awake_p99_us);
	out->awake_percent = s->count == 0 ? 0 : 100.0 * (double)awake / (double)s->count;
	for (size_t i = 0; i < s->count; i++)
		values[i] = s->of[i].latency_ns;
	percentiles(values, s->count, &out->p50_us, &out->p99_us);
	free(values);
	out->still_percent = witness_percent();
}

/* --- a process --------------------------------------------------------------------------------
 */

void
machine_usage(pid_t pid, int64_t *cpu_ns, long long *sleeps)
{
	char path[64], line[128];
	long long ns;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	FILE *f = fopen(path, "re");
	if (f == NULL || fscanf(f, "%lld", &ns) != 1)
		die(path);
	fclose(f);
	*cpu_ns = ns;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	if (f == NULL)
		die(path);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "voluntary_ctxt_switches: %lld", sleeps) == 1)
			break;
	fclose(f);
}

/* --- the barest reader ------------------------------------------------------------------------
 */

struct floor_round {
	struct machine_samples *out;
	int64_t now_ns;
};

static void
note(u_char *arg, const struct pcap_pkthdr *header, const u_char *data)
{
	struct floor_round *round = (struct floor_round *)arg;
	int64_t at_ns = (int64_t)header->ts.tv_sec * CLOCK_SECOND_NS + header->ts.tv_usec;

	(void)data;
	machine_sample(round->out, at_ns, round->now_ns - at_ns);
}

static pcap_t *
open_ring(int ring_mib)
{
	char reason[PCAP_ERRBUF_SIZE] = "";
	pcap_t *ring = pcap_create("any", reason);
	struct bpf_program program;

	if (ring == NULL)
		die(reason);
	pcap_set_snaplen(ring, SNAPLEN);
	pcap_set_buffer_size(ring, ring_mib << 20);
	pcap_set_immediate_mode(ring, 1);
	pcap_set_tstamp_precision(ring, PCAP_TSTAMP_PRECISION_NANO);
	if (pcap_activate(ring) < 0 ||
	    pcap_compile(ring, &program, "tcp port 25", 1, PCAP_NETMASK_UNKNOWN) != 0 ||
	    pcap_setfilter(ring, &program) != 0 || pcap_setnonblock(ring, 1, reason) != 0)
		die(pcap_geterr(ring));
	pcap_freecode(&program);
	return ring;
}

void
machine_floor(struct machine_samples *out, volatile int *ready, int64_t rest_ns, int ring_mib)
{
	pcap_t *ring = open_ring(ring_mib);
	struct pollfd wait = {.fd = pcap_get_selectable_fd(ring), .events = POLLIN};
	struct pace pace;

	prctl(PR_SET_PDEATHSIG, 9);
	prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
	pace_init(&pace, rest_ns, 1024); /* WAKE_BURST of sensor/main.c */
	*ready = 1;
	for (int n = 0;;) {
		if (n == 0)
			poll(&wait, 1, -1);
		struct floor_round round = {.out = out, .now_ns = clock_wall_ns()};
		n = pcap_dispatch(ring, -1, note, (u_char *)&round);
		if (n < 0)
			die(pcap_geterr(ring));
		struct timespec rest = {.tv_nsec = n == 0 ? 0 : pace_rest(&pace, clock_mono_ns())};
		if (rest.tv_nsec > 0)
			nanosleep(&rest, NULL);
		else
			n = 0;
	}
}
