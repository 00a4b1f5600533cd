/* SPDX-License-Identifier: ISC */
/*
 * The labelled world at full size: per kind of sender who is blocked, throttled and spared and how
 * much goes through before the block; precision, recall, false blocks per million server-days.
 *
 *   bench_verdicts [days=N] [instances=N] [seed=N] [jobs=N] [kind=TEXT] [minutes=N]
 *
 * days: server-days of the honest kinds together; instances: of each other kind.  The work is cut
 * into PARTS of each row, every part with seeds of its own, so that the result does not depend on
 * how many processes share it, and that a run that `minutes` ends is a smaller one of the same mix.
 * Exits with 1 when a goal is missed.
 */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/policy/world.h"

#define ROWS_MAX    96
#define PARTS	    50
#define SAMPLES_MAX 4096

struct row {
	const struct world_kind *kind;
	bool tls;
	unsigned instances, blocked, throttled, spared, false_blocks;
	double server_days;
	unsigned samples;
	unsigned through[SAMPLES_MAX];
	char why[240]; /* of the first wrong verdict */
};

struct shared { /* between the processes */
	atomic_uint next, done;
	unsigned count; /* rows */
	double shares;	/* of all honest rows */
	pthread_mutex_t lock;
	struct row rows[ROWS_MAX];
};

struct options {
	double days, minutes;
	unsigned instances, jobs;
	uint64_t seed;
	const char *kind;
};

/* --- confidence --- */

/* P(X <= k) of a binomial number. */
static double
binomial_below(unsigned k, unsigned n, double p)
{
	double sum = 0;

	if (p <= 0)
		return 1;
	if (p >= 1)
		return k >= n;
	for (unsigned i = 0; i <= k; i++)
		sum += exp(lgamma(n + 1.0) - lgamma(i + 1.0) - lgamma(n - i + 1.0) + i * log(p) +
			   (n - i) * log1p(-p));
	return sum;
}

/* Clopper and Pearson 1934: the lower end of the 95 % interval of k successes in n. */
static double
proportion_low(unsigned k, unsigned n)
{
	double low = 0, high = 1;

	if (k == 0 || n == 0)
		return 0;
	for (unsigned i = 0; i < 60; i++) {
		double p = (low + high) / 2;

		if (1 - binomial_below(k - 1, n, p) > 0.025)
			high = p;
		else
			low = p;
	}
	return low;
}

static double
proportion_high(unsigned k, unsigned n)
{
	return n == 0 ? 1 : 1 - proportion_low(n - k, n);
}

/* The ends of the exact 95 % interval of a Poisson mean after k events (Garwood 1936); for none the
 * one-sided bound, the rule of three. */
static double
poisson_end(unsigned k, bool upper)
{
	double low = 0, high = k * 3.0 + 20;
	double wanted = upper ? (k == 0 ? 0.05 : 0.025) : 0.975;

	if (!upper && k == 0)
		return 0;
	for (unsigned i = 0; i < 80; i++) {
		double mean = (low + high) / 2, sum = 0;

		for (unsigned x = 0; x <= (upper ? k : k - 1); x++)
			sum += exp(x * log(mean) - mean - lgamma(x + 1.0));
		if (sum > wanted)
			low = mean;
		else
			high = mean;
	}
	return low;
}

/* --- running --- */

static void
run_instance(struct row *r, uint64_t seed)
{
	struct world_outcome out;
	bool wrong;

	world_run(r->kind, r->tls, seed, false, &out);
	r->instances++;
	r->server_days += out.server_days;
	r->blocked += out.blocked;
	r->throttled += !out.blocked && out.top >= RUNG_THROTTLE;
	r->spared += out.top < RUNG_THROTTLE;
	if (r->kind->want == WORLD_SPARE)
		r->false_blocks += out.blocked_servers;
	if (out.blocked && r->samples < SAMPLES_MAX)
		r->through[r->samples++] = out.through / (r->kind->together ? 1 : out.servers);
	wrong = r->kind->want == WORLD_SPARE ? out.top == RUNG_BLOCK : !out.blocked;
	if (!wrong || r->why[0] != '\0')
		return;
	world_run(r->kind, r->tls, seed, true, &out);
	snprintf(r->why, sizeof(r->why), "seed %llu: %s", (unsigned long long)seed, out.why);
}

/* A part of a row: its share of the days or instances. */
static void
run_part(struct row *mine, unsigned index, unsigned part, const struct options *o, double shares)
{
	double days = o->days * mine->kind->share / shares / PARTS;
	unsigned first = o->instances * part / PARTS, end = o->instances * (part + 1) / PARTS;

	for (unsigned i = first;; i++) {
		bool more = mine->kind->want == WORLD_SPARE ? mine->server_days < days : i < end;

		if (!more)
			return;
		run_instance(mine, o->seed + (uint64_t)index * 1000003 +
				       (uint64_t)part * 100000007 + (uint64_t)i * 7919);
	}
}

static void
add_row(struct row *to, const struct row *part)
{
	to->instances += part->instances;
	to->blocked += part->blocked;
	to->throttled += part->throttled;
	to->spared += part->spared;
	to->false_blocks += part->false_blocks;
	to->server_days += part->server_days;
	for (unsigned i = 0; i < part->samples && to->samples < SAMPLES_MAX; i++)
		to->through[to->samples++] = part->through[i];
	if (to->why[0] == '\0')
		memcpy(to->why, part->why, sizeof(to->why));
}

static unsigned
make_rows(struct shared *s, const struct options *o)
{
	unsigned count = 0;

	for (unsigned i = 0; i < world_kind_count; i++)
		for (unsigned tls = 0; tls < 2; tls++) {
			const struct world_kind *k = &world_kinds[i];

			if ((tls == 1 && k->clear_only) || count == ROWS_MAX ||
			    (o->kind != NULL && strstr(k->name, o->kind) == NULL))
				continue;
			s->rows[count++] = (struct row){.kind = k, .tls = tls == 1};
			s->shares += k->want == WORLD_SPARE ? k->share : 0;
		}
	return count;
}

static double
now_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void
tell_progress(const struct shared *s, double began)
{
	unsigned done = atomic_load(&s->done), all = s->count * PARTS;
	double passed = now_seconds() - began;

	if (isatty(STDERR_FILENO) || done % s->count == 0)
		fprintf(stderr, "%s%u of %u parts, %.0f s, about %.0f s to go%s",
		    isatty(STDERR_FILENO) ? "\r" : "", done, all, passed,
		    passed / done * (all - done), isatty(STDERR_FILENO) ? "  " : "\n");
}

/* Takes parts until there are none or the time is over. */
static void
work(struct shared *s, const struct options *o, double began)
{
	struct row *mine = malloc(sizeof(*mine));

	if (mine == NULL)
		_exit(2);
	for (;;) {
		unsigned i = atomic_fetch_add(&s->next, 1);
		struct row *row = &s->rows[i % s->count];

		if (i >= s->count * PARTS ||
		    (o->minutes > 0 && now_seconds() - began > 60 * o->minutes))
			_exit(0);
		*mine = (struct row){.kind = row->kind, .tls = row->tls};
		run_part(mine, i % s->count, i / s->count, o, s->shares);
		pthread_mutex_lock(&s->lock);
		add_row(row, mine);
		atomic_fetch_add(&s->done, 1);
		tell_progress(s, began);
		pthread_mutex_unlock(&s->lock);
	}
}

static void
run_all(struct shared *s, const struct options *o)
{
	double began = now_seconds();

	for (unsigned i = 0; i < o->jobs; i++) {
		pid_t child = fork();

		if (child < 0)
			abort();
		if (child == 0)
			work(s, o, began);
	}
	for (unsigned i = 0; i < o->jobs; i++) {
		int status;

		if (wait(&status) < 0 || status != 0)
			exit(2);
	}
	if (isatty(STDERR_FILENO))
		fputc('\n', stderr);
	if (atomic_load(&s->done) < s->count * PARTS)
		printf("ended after %.0f minutes: %u of %u parts\n", o->minutes,
		    atomic_load(&s->done), s->count * PARTS);
}

/* --- the table --- */

static int
compare(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return x < y ? -1 : x > y;
}

/* Prints one kind; returns whether it misses its goal. */
static bool
print_row(struct row *r)
{
	double n = r->instances > 0 ? r->instances : 1;
	double most = r->kind->median_max * (r->tls ? 2 : 1);
	unsigned median = 0, p95 = 0;
	bool missed;

	if (r->samples > 0) {
		qsort(r->through, r->samples, sizeof(r->through[0]), compare);
		median = r->through[r->samples / 2];
		p95 = r->through[r->samples * 95 / 100];
	}
	missed = r->kind->want == WORLD_SPARE
		     ? poisson_end(r->false_blocks, false) > 1e-5 * r->server_days
		     : r->blocked < 0.99 * n || (most > 0 && median > most);
	printf("%-28s %-5s %6u %8.1f%% %8.1f%% %8.1f%%", r->kind->name, r->tls ? "tls" : "clear",
	    r->instances, 100 * r->blocked / n, 100 * r->throttled / n, 100 * r->spared / n);
	if (r->kind->want == WORLD_SPARE)
		printf(" %17s %8.0f %6u", "", r->server_days, r->false_blocks);
	else
		printf(" %8u %8u %15s", median, p95, "");
	printf("%s\n", missed ? "  MISSED" : "");
	if (r->why[0] != '\0')
		printf("    %s\n", r->why);
	return missed;
}

static unsigned
print_table(struct shared *s, unsigned count)
{
	unsigned right = 0, wanted = 0, false_blocks = 0, missed = 0;
	double days = 0, precision;

	printf("%-28s %-5s %6s %9s %9s %9s %8s %8s %8s %6s\n", "kind of sender", "seen", "runs",
	    "blocked", "throttled", "spared", "median", "p95", "days", "false");
	for (unsigned i = 0; i < count; i++) {
		struct row *r = &s->rows[i];

		missed += print_row(r);
		if (r->kind->want == WORLD_SPARE) {
			false_blocks += r->false_blocks;
			days += r->server_days;
		} else {
			right += r->blocked;
			wanted += r->instances;
		}
	}
	precision = right + false_blocks > 0 ? (double)right / (right + false_blocks) : 1;
	printf("recall    %.4f  (95 %%: %.4f .. %.4f)  %u of %u runs that had to be blocked\n",
	    wanted > 0 ? (double)right / wanted : 1, proportion_low(right, wanted),
	    proportion_high(right, wanted), right, wanted);
	printf("precision %.4f  (95 %%: %.4f .. %.4f)  of the blocks in this world\n", precision,
	    proportion_low(right, right + false_blocks),
	    proportion_high(right, right + false_blocks));
	if (days > 0)
		printf("false blocks per million server-days: %.2f  (95 %%: %.2f .. %.2f)  %u in "
		       "%.0f\n",
		    false_blocks / days * 1e6, poisson_end(false_blocks, false) / days * 1e6,
		    poisson_end(false_blocks, true) / days * 1e6, false_blocks, days);
	return missed;
}

static void
read_options(struct options *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *value = strchr(argv[i], '=');

		if (value == NULL) {
			fprintf(stderr, "bench_verdicts: \"%s\" is not name=value\n", argv[i]);
			exit(2);
		}
		value++;
		if (strncmp(argv[i], "days=", 5) == 0)
			o->days = strtod(value, NULL);
		else if (strncmp(argv[i], "instances=", 10) == 0)
			o->instances = (unsigned)strtoul(value, NULL, 10);
		else if (strncmp(argv[i], "seed=", 5) == 0)
			o->seed = strtoull(value, NULL, 10);
		else if (strncmp(argv[i], "jobs=", 5) == 0)
			o->jobs = (unsigned)strtoul(value, NULL, 10);
		else if (strncmp(argv[i], "kind=", 5) == 0)
			o->kind = value;
		else if (strncmp(argv[i], "minutes=", 8) == 0)
			o->minutes = strtod(value, NULL);
	}
}

int
main(int argc, char **argv)
{
	struct options o = {.days = 1e6, .instances = 400, .jobs = 2, .seed = 20260601};
	pthread_mutexattr_t attributes;
	struct shared *s;

	read_options(&o, argc, argv);
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return 2;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&s->lock, &attributes);
	s->count = make_rows(s, &o);
	if (s->count == 0) {
		fprintf(stderr, "bench_verdicts: no kind of sender is called \"%s\"\n", o.kind);
		return 2;
	}
	printf("seed %llu\n", (unsigned long long)o.seed);
	fflush(stdout);
	run_all(s, &o);
	return print_table(s, s->count) > 0;
}
