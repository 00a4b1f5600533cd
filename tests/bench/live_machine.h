/* SPDX-License-Identifier: ISC */
/*
 * What live_probe measures with: percentiles of latencies with and without the moments at which this
 * machine stood still (witness.h), the processor time of a process, and the barest reader of a ring.
 */
#ifndef TESTS_BENCH_LIVE_MACHINE_H
#define TESTS_BENCH_LIVE_MACHINE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MACHINE_SAMPLES_MAX 2000000u

/* Ends the program with what failed and errno. */
_Noreturn void die(const char *what);

/* Latencies by the packet's time (wall clock, ns); shared with children. */
struct machine_samples {
	size_t seen;	  /* in all */
	int64_t since_ns; /* packets from then on are kept; the others are only counted */
	size_t count;
	struct {
		int64_t at_ns, latency_ns;
	} of[MACHINE_SAMPLES_MAX];
};
struct machine_samples *machine_samples_new(void);
void machine_sample(struct machine_samples *s, int64_t at_ns, int64_t latency_ns);

struct machine_summary {
	double p50_us, p99_us;		   /* of all samples */
	double awake_p50_us, awake_p99_us; /* of those whose packet met no still moment */
	double awake_percent;		   /* share of these */
	double still_percent;		   /* of the processors' time that was watched */
};

/*
 * A sample is left out when a processor stood still at any moment from 0.5 ms before the packet to
 * 1 ms after it: by the packet's time alone, so that a long latency is no likelier to be left out
 * than a short one.
 */
void machine_summarise(const struct machine_samples *s, struct machine_summary *out);

/* Nanoseconds that the process ran, user and system, and how often it slept (proc(5)).  A guest's
 * kernel keeps stolen time out of the first where it knows it (CONFIG_PARAVIRT_TIME_ACCOUNTING). */
void machine_usage(pid_t pid, int64_t *cpu_ns, long long *sleeps);

/*
 * Reads port 25 on all devices of this network namespace as the sensor's ring is read (libpcap,
 * immediate, same snaplen, size and rests), notes each packet's latency, does nothing else, until
 * it is killed.  Sets *ready when the ring is open.
 */
_Noreturn void machine_floor(
    struct machine_samples *out, volatile int *ready, int64_t rest_ns, int ring_mib);

#endif
