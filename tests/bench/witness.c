/* SPDX-License-Identifier: ISC */
/* When this machine stood still; see witness.h.  leak_probe, live_probe. */
#include "tests/bench/witness.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/clock.h"

#define PROCESSORS_MAX 64
#define STILLS_MAX     100000
#define CLASS	       90 /* of 99: above everything but the kernel's own */

struct witness {
	pthread_t thread;
	size_t count;
	struct {
		int64_t begin_ns, end_ns;
	} still[STILLS_MAX];
};

static struct witness *witnesses[PROCESSORS_MAX];
static int witness_count;
static int64_t wanted_ns, limit_ns; /* between two looks */
static int64_t begin_ns, watched_ns;
static atomic_bool watching;

static void *
watch(void *arg)
{
	struct witness *w = arg;
	struct timespec pause = {.tv_nsec = wanted_ns};
	int64_t last_ns = clock_wall_ns();

	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	while (atomic_load(&watching)) {
		int64_t now_ns;

		nanosleep(&pause, NULL);
		now_ns = clock_wall_ns();
		if (now_ns - last_ns > limit_ns && w->count < STILLS_MAX) {
			w->still[w->count].begin_ns = last_ns;
			w->still[w->count++].end_ns = now_ns;
		}
		last_ns = now_ns;
	}
	return NULL;
}

static int
start_on(size_t processor)
{
	const struct sched_param param = {.sched_priority = CLASS};
	struct witness *w = calloc(1, sizeof(*w));
	cpu_set_t one;
	int r;

	if (w == NULL)
		return -ENOMEM;
	CPU_ZERO(&one);
	CPU_SET(processor, &one);
	r = pthread_create(&w->thread, NULL, watch, w);
	if (r != 0) {
		free(w);
		return -r;
	}
	witnesses[witness_count++] = w;
	r = pthread_setaffinity_np(w->thread, sizeof(one), &one);
	return r != 0 ? -r : -pthread_setschedparam(w->thread, SCHED_FIFO, &param);
}

int
witness_begin(int64_t every_ns, int64_t still_ns)
{
	cpu_set_t all;
	int r = 0;

	if (sched_getaffinity(0, sizeof(all), &all) != 0)
		return -errno;
	wanted_ns = every_ns;
	limit_ns = still_ns;
	atomic_store(&watching, true);
	begin_ns = clock_wall_ns();
	for (size_t i = 0; r == 0 && i < CPU_SETSIZE && witness_count < PROCESSORS_MAX; i++)
		if (CPU_ISSET(i, &all))
			r = start_on(i);
	return r;
}

void
witness_end(void)
{
	watched_ns = clock_wall_ns() - begin_ns;
	atomic_store(&watching, false);
	for (int i = 0; i < witness_count; i++)
		pthread_join(witnesses[i]->thread, NULL);
}

bool
witness_is_still(int64_t from_ns, int64_t to_ns)
{
	for (int i = 0; i < witness_count; i++) {
		const struct witness *w = witnesses[i];
		size_t low = 0, high = w->count;

		while (low < high) { /* the first that ends after from */
			size_t middle = low + (high - low) / 2;

			if (w->still[middle].end_ns < from_ns)
				low = middle + 1;
			else
				high = middle;
		}
		if (low < w->count && w->still[low].begin_ns <= to_ns)
			return true;
	}
	return false;
}

void
witness_each(void (*fn)(void *arg, int64_t begin_ns, int64_t end_ns), void *arg)
{
	for (int i = 0; i < witness_count; i++)
		for (size_t j = 0; j < witnesses[i]->count; j++)
			fn(arg, witnesses[i]->still[j].begin_ns, witnesses[i]->still[j].end_ns);
}

double
witness_percent(void)
{
	int64_t still_ns = 0;

	for (int i = 0; i < witness_count; i++)
		for (size_t j = 0; j < witnesses[i]->count; j++)
			still_ns += witnesses[i]->still[j].end_ns - witnesses[i]->still[j].begin_ns;
	return watched_ns > 0 && witness_count > 0
		   ? 100.0 * (double)still_ns / ((double)watched_ns * witness_count)
		   : 0;
}
