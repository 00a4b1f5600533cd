/* SPDX-License-Identifier: ISC */
/*
 * When this machine stood still: a virtual machine's host takes processors away for milliseconds,
 * and whatever is measured then is the host's.
 */
#ifndef TESTS_BENCH_WITNESS_H
#define TESTS_BENCH_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A witness on every processor: a thread of the highest class (FIFO) that wants to run every
 * every_ns (below a second) and notes when it could not within still_ns.  Needs CAP_SYS_NICE; 0, or
 * negative errno (then some may run: end them all the same).  Times are of the wall clock.
 */
int witness_begin(int64_t every_ns, int64_t still_ns);
void witness_end(void);

/* After the end: whether any processor stood still between the two; each such time, by processor;
 * how much of the processors' time that was watched they are, in percent. */
bool witness_is_still(int64_t from_ns, int64_t to_ns);
void witness_each(void (*fn)(void *arg, int64_t begin_ns, int64_t end_ns), void *arg);
double witness_percent(void);

#endif
