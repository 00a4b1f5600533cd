/* SPDX-License-Identifier: ISC */
/*
 * The labelled world at full size: per kind of sender who is blocked, throttled and spared and how
 * much goes through before the block; precision, recall, false blocks per million server-days.
 *
 *   bench_verdicts [days=N] [instances=N] [seed=N] [jobs=N] [kind=TEXT]
 *
 * days: server-days of the honest kinds together; instances: of each other kind.  Exits with 1 when
 * a goal is missed.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/policy/world.h"

#define ROWS_MAX    96
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
	atomic_uint next;
	struct row rows[ROWS_MAX];
};

struct options {
	double days;
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

static void
run_row(struct row *r, unsigned index, const struct options *o, double days)
{
	for (unsigned i = 0;; i++) {
		bool more = r->kind->want == WORLD_SPARE ? r->server_days < days : i < o->instances;

		if (!more)
			return;
		run_instance(r, o->seed + (uint64_t)index * 1000003 + (uint64_t)i * 7919);
	}
}

static unsigned
make_rows(struct shared *s, const struct options *o, unsigned *honest)
{
	unsigned count = 0;

	for (unsigned i = 0; i < world_kind_count; i++)
		for (unsigned tls = 0; tls < 2; tls++) {
			const struct world_kind *k = &world_kinds[i];

			if ((tls == 1 && k->clear_only) || count == ROWS_MAX ||
			    (o->kind != NULL && strstr(k->name, o->kind) == NULL))
				continue;
			s->rows[count++] = (struct row){.kind = k, .tls = tls == 1};
			*honest += k->want == WORLD_SPARE;
		}
	return count;
}

static void
run_all(struct shared *s, unsigned count, const struct options *o, double days)
{
	for (unsigned i = 0; i < o->jobs; i++) {
		pid_t child = fork();

		if (child > 0)
			continue;
		if (child < 0)
			abort();
		for (;;) {
			unsigned mine = atomic_fetch_add(&s->next, 1);

			if (mine >= count)
				_exit(0);
			run_row(&s->rows[mine], mine, o, days);
		}
	}
	for (unsigned i = 0; i < o->jobs; i++) {
		int status;

		if (wait(&status) < 0 || status != 0)
			exit(2);
	}
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
	}
}

int
main(int argc, char **argv)
{
	struct options o = {.days = 1e6, .instances = 400, .jobs = 2, .seed = 20260601};
	unsigned honest = 0, count;
	struct shared *s;

	read_options(&o, argc, argv);
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return 2;
	count = make_rows(s, &o, &honest);
	printf("seed %llu\n", (unsigned long long)o.seed);
	fflush(stdout);
	run_all(s, count, &o, honest > 0 ? o.days / honest : 0);
	return print_table(s, count) > 0;
}
