/* SPDX-License-Identifier: ISC */
/*
 * Drives the enforcer by lines on stdin, for tests/lab/test_enforce.sh:
 *   enforce_driver TABLE [glob=G]... [relay=P]... [off=FEATURE]... [meters=LINKS,ADDRESSES]
 *       [notice=ADDRESS]... (port 2526)
 *   block KEY [SPAN [CASE]] | grant KEY | release KEY | replace [KEY]... | list | features | bulk N | fill N [KEY]
 * bench N | change N (blocks, then releases of N addresses) | brakenet A.B (its 65,536 addresses, one by one) | throttle KEY | unthrottle KEY | brake KEY | observe KEY | beat SPAN|0 armed|counting |
 * state; KEY is an interface or a prefix.  Each line is answered by "ok ..." or "failed ..."; news
 * are "news ...".
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policy/enforce.h"

static int
parse_key(const char *key, struct plan_element *out)
{
	memset(out, 0, sizeof(*out));
	if (addr_prefix_parse(key, &out->prefix) == 0)
		return 0;
	memset(&out->prefix, 0, sizeof(out->prefix));
	if (strlen(key) >= sizeof(out->ifname))
		return -EINVAL;
	strcpy(out->ifname, key);
	return 0;
}

static void
answer(int r, const struct err *e, const char *text)
{
	if (r < 0)
		printf("failed %d %s\n", r, e->text);
	else
		printf("ok %s\n", text);
}

static void
do_element(
    struct enforce *f, const char *verb, const char *key, const char *span, const char *case_id)
{
	struct plan_element e;
	struct err err;
	int r = parse_key(key, &e);

	if (r == 0 && span != NULL)
		r = clock_parse_span(span, &e.timeout_ns);
	if (r < 0)
		err_set(&err, r, "bad key or span");
	if (case_id != NULL)
		strncpy(e.case_id, case_id, sizeof(e.case_id) - 1);
	if (strcmp(verb, "grant") == 0)
		e.set = PLAN_SET_GRANTED;
	if (strcmp(verb, "throttle") == 0)
		e.set = PLAN_SET_THROTTLED;
	if (strcmp(verb, "brake") == 0)
		e.set = PLAN_SET_BRAKED;
	if (strcmp(verb, "observe") == 0)
		e.set = PLAN_SET_OBSERVED;
	if (strcmp(verb, "unthrottle") == 0)
		e.set = PLAN_SET_THROTTLED;
	if (r == 0 && (strcmp(verb, "release") == 0 || strcmp(verb, "unthrottle") == 0))
		r = enforce_release(f, &e, 1, &err);
	else if (r == 0)
		r = enforce_block(f, &e, 1, &err);
	answer(r, &err, verb);
}

static void
do_replace(struct enforce *f, char **save)
{
	struct plan plan;
	struct plan_element e;
	struct err err;
	const char *key;
	int r = 0;

	plan_init(&plan);
	while (r == 0 && (key = strtok_r(NULL, " \n", save)) != NULL) {
		r = parse_key(key, &e);
		e.timeout_ns = CLOCK_HOUR_NS;
		if (r == 0)
			r = plan_add(&plan, &e);
	}
	plan_finish(&plan);
	err_set(&err, -EINVAL, "bad key");
	if (r == 0)
		r = enforce_replace_all(f, &plan, &err);
	answer(r, &err, "replace");
	plan_fini(&plan);
}

static void
do_list(struct enforce *f)
{
	char prefix[ADDR_TEXT_BYTES];
	struct plan list;
	struct err err;
	unsigned i;
	int r = enforce_list(f, &list, &err);

	for (i = 0; r == 0 && i < list.count; i++) {
		const struct plan_element *e = &list.elements[i];

		printf("element %s %s case=%s left=%llds packets=%llu\n", plan_set_name(e->set),
		    e->ifname[0] != '\0' ? e->ifname : addr_prefix_format(prefix, &e->prefix),
		    e->case_id,
		    (long long)((e->timeout_ns + CLOCK_SECOND_NS / 2) / CLOCK_SECOND_NS),
		    (unsigned long long)e->packets);
	}
	if (r < 0)
		answer(r, &err, "");
	else
		printf("ok list %u\n", list.count);
	if (r == 0)
		plan_fini(&list);
}

/* N elements of IPv4 addresses; 0 or negative errno.  The caller frees the plan. */
static int
make_bulk(struct plan *plan, unsigned n)
{
	int r = 0;

	plan_init(plan);
	for (unsigned i = 0; i < n && r == 0; i++) {
		struct plan_element e = {.timeout_ns = CLOCK_HOUR_NS, .case_id = "bh-bulk"};
		uint8_t v4[4] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

		e.prefix.addr = addr_from_v4(v4);
		e.prefix.bits = 128;
		r = plan_add(plan, &e);
	}
	plan_finish(plan);
	return r;
}

static void
do_fill(struct enforce *f, unsigned n, const char *key)
{
	struct plan_element e;
	struct plan plan;
	struct err err;
	int r = make_bulk(&plan, n);

	if (r == 0 && key != NULL)
		r = parse_key(key, &e);
	if (r == 0 && key != NULL) {
		r = plan_add(&plan, &e);
		plan_finish(&plan);
	}
	if (r < 0)
		err_set(&err, r, "no plan of %u elements", n);
	else
		r = enforce_replace_all(f, &plan, &err);
	answer(r, &err, "fill");
	plan_fini(&plan);
}

/* N elements of IPv4 addresses, replaced, listed, counted. */
static void
do_bulk(struct enforce *f, unsigned n)
{
	int64_t begin_ns, replaced_ns, listed_ns;
	struct plan plan, list;
	struct err err;
	unsigned listed = 0;
	int r = make_bulk(&plan, n);

	begin_ns = clock_mono_ns();
	if (r < 0)
		err_set(&err, r, "no plan of %u elements", n);
	else
		r = enforce_replace_all(f, &plan, &err);
	replaced_ns = clock_mono_ns();
	if (r == 0)
		r = enforce_list(f, &list, &err);
	listed_ns = clock_mono_ns();
	if (r < 0) {
		answer(r, &err, "");
	} else {
		listed = list.count;
		plan_fini(&list);
		printf("ok bulk %u listed %u replace_ms %lld list_ms %lld\n", plan.count, listed,
		    (long long)(replaced_ns - begin_ns) / 1000000,
		    (long long)(listed_ns - replaced_ns) / 1000000);
	}
	plan_fini(&plan);
}

/* Every address of A.B.0.0/16 is a server that the brake holds: 256 prefixes of 256 keys. */
static void
do_brake_net(struct enforce *f, const char *net)
{
	struct plan_element some[16];
	unsigned a, b, i;
	struct err err;
	int r = sscanf(net, "%u.%u", &a, &b) == 2 ? 0 : err_set(&err, -EINVAL, "brakenet A.B");

	for (i = 0; i < 256 && r == 0; i++) {
		struct plan_element *e = &some[i % 16];
		uint8_t v4[4] = {(uint8_t)a, (uint8_t)b, (uint8_t)i, 0};

		memset(e, 0, sizeof(*e));
		e->set = PLAN_SET_BRAKED;
		e->prefix.addr = addr_from_v4(v4);
		e->prefix.bits = 120;
		if (i % 16 == 15)
			r = enforce_block(f, some, 16, &err);
	}
	answer(r, &err, "brakenet");
}

static int
compare_spans(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Round trips of block, of an element that stands and of new ones in turn. */
static void
do_bench(struct enforce *f, unsigned n)
{
	int64_t *spans = calloc(n + 1, sizeof(*spans));
	struct plan_element e = {.timeout_ns = CLOCK_HOUR_NS, .case_id = "bh-bench"};
	struct err err;
	unsigned i;
	int r = spans == NULL ? -ENOMEM : 0;

	for (i = 0; i < n && r == 0; i++) {
		int64_t begin_ns = clock_mono_ns();

		snprintf(e.ifname, sizeof(e.ifname), "bench%u", i % 1000);
		r = enforce_block(f, &e, 1, &err);
		spans[i] = clock_mono_ns() - begin_ns;
	}
	if (r < 0) {
		answer(r, &err, "");
	} else {
		qsort(spans, n, sizeof(*spans), compare_spans);
		printf("ok bench %u p50_us %lld p99_us %lld max_us %lld\n", n,
		    (long long)spans[n / 2] / 1000, (long long)spans[n * 99 / 100] / 1000,
		    (long long)spans[n - 1] / 1000);
	}
	free(spans);
}

/* Round trips of N blocks (1..1000) of new addresses, then of their releases, beside what stands (fill). */
static void
do_change(struct enforce *f, unsigned n)
{
	static int64_t blocks[1000], releases[1000];
	struct plan_element e = {.timeout_ns = CLOCK_HOUR_NS, .case_id = "bh-change"};
	struct err err;
	int r = n >= 1 && n <= 1000 ? 0 : err_set(&err, -EINVAL, "change 1..1000");

	e.prefix.bits = 128;
	for (unsigned i = 0; r == 0 && i < 2 * n; i++) {
		const bool releasing = i >= n;
		const unsigned k = releasing ? i - n : i;
		const uint8_t v4[4] = {192, 168, (uint8_t)(k >> 8), (uint8_t)k};
		const int64_t begin_ns = clock_mono_ns();

		e.prefix.addr = addr_from_v4(v4);
		r = releasing ? enforce_release(f, &e, 1, &err) : enforce_block(f, &e, 1, &err);
		(releasing ? releases : blocks)[k] = clock_mono_ns() - begin_ns;
	}
	if (r < 0) {
		answer(r, &err, "");
		return;
	}
	qsort(blocks, n, sizeof(blocks[0]), compare_spans);
	qsort(releases, n, sizeof(releases[0]), compare_spans);
	printf("ok change %u block_us %lld %lld release_us %lld %lld\n", n,
	    (long long)blocks[n / 2] / 1000, (long long)blocks[n * 99 / 100] / 1000,
	    (long long)releases[n / 2] / 1000, (long long)releases[n * 99 / 100] / 1000);
}

static void
do_features(struct enforce *f)
{
	struct err err;
	uint32_t mask;
	unsigned i;
	int r = enforce_features(f, &mask, &err);

	if (r < 0) {
		answer(r, &err, "");
		return;
	}
	printf("ok features");
	for (i = 0; i < ENFORCE_FEATURE__COUNT; i++)
		printf(" %s=%u", enforce_feature_name(i), mask >> i & 1);
	printf("\n");
}

/* beat SPAN|0 armed|counting */
static void
do_beat(struct enforce *f, const char *span, const char *how)
{
	int64_t for_ns = 0;
	struct err err;
	int r = 0;

	if (span == NULL || how == NULL ||
	    (strcmp(span, "0") != 0 && clock_parse_span(span, &for_ns) < 0))
		r = err_set(&err, -EINVAL, "beat SPAN armed|counting");
	if (r == 0)
		r = enforce_beat(f, for_ns, strcmp(how, "armed") == 0, &err);
	answer(r, &err, "beat");
}

static void
do_state(struct enforce *f)
{
	struct enforce_brake_state s;
	struct err err;
	int r = enforce_brake_state(f, &s, &err);

	if (r < 0)
		answer(r, &err, "");
	else
		printf(
		    "ok state alive_ms=%lld armed=%d dropped=%llu counted=%llu overflow=%llu %s\n",
		    (long long)s.alive_ns / 1000000, s.armed, (unsigned long long)s.dropped,
		    (unsigned long long)s.counted, (unsigned long long)s.overflow, s.overflow_link);
}

static void
do_line(struct enforce *f, char *line)
{
	char *save, *verb = strtok_r(line, " \n", &save), *key, *span;

	if (verb == NULL)
		return;
	if (strcmp(verb, "state") == 0) {
		do_state(f);
	} else if (strcmp(verb, "beat") == 0) {
		key = strtok_r(NULL, " \n", &save);
		do_beat(f, key, strtok_r(NULL, " \n", &save));
	} else if (strcmp(verb, "replace") == 0) {
		do_replace(f, &save);
	} else if (strcmp(verb, "list") == 0) {
		do_list(f);
	} else if (strcmp(verb, "features") == 0) {
		do_features(f);
	} else {
		key = strtok_r(NULL, " \n", &save);
		span = strtok_r(NULL, " \n", &save);
		if (key == NULL)
			printf("failed %d a key is missing\n", -EINVAL);
		else if (strcmp(verb, "bulk") == 0)
			do_bulk(f, (unsigned)atoi(key));
		else if (strcmp(verb, "fill") == 0)
			do_fill(f, (unsigned)atoi(key), span);
		else if (strcmp(verb, "brakenet") == 0)
			do_brake_net(f, key);
		else if (strcmp(verb, "bench") == 0)
			do_bench(f, (unsigned)atoi(key));
		else if (strcmp(verb, "change") == 0)
			do_change(f, (unsigned)atoi(key));
		else
			do_element(f, verb, key, span, strtok_r(NULL, " \n", &save));
	}
}

/* False when the child is gone. */
static bool
print_news(struct enforce *f)
{
	struct enforce_report report;

	while (enforce_poll(f, &report) == 0 && report.event != ENFORCE_NOTHING) {
		if (report.event == ENFORCE_GONE) {
			printf("news gone\n");
			return false;
		}
		if (report.event == ENFORCE_LINK_CHANGED)
			printf("news link %s %s\n", report.ifname, report.link_up ? "up" : "gone");
		if (report.event == ENFORCE_REPAIRED)
			printf("news repaired %s\n", report.text);
		if (report.event == ENFORCE_OVERFLOW)
			printf("news overflow %s\n", report.text);
	}
	return true;
}

static int
add_notice(struct enforce_config *cfg, const char *text)
{
	struct addr a;

	if (addr_parse(text, &a) < 0)
		return -EINVAL;
	if (addr_is_v4(&a)) {
		cfg->notice.v4 = a;
		cfg->notice.has_v4 = true;
	} else {
		cfg->notice.v6 = a;
		cfg->notice.has_v6 = true;
	}
	return 0;
}

static int
configure(struct enforce_config *cfg, int argc, char **argv)
{
	size_t used = 0;
	unsigned f;
	int i;

	memset(cfg, 0, sizeof(*cfg));
	snprintf(cfg->table, sizeof(cfg->table), "%s", argc > 1 ? argv[1] : "");
	for (i = 2; i < argc; i++) {
		if (strncmp(argv[i], "glob=", 5) == 0)
			used +=
			    (size_t)snprintf(cfg->tap_globs + used, sizeof(cfg->tap_globs) - used,
				"%s%s", used > 0 ? "\n" : "", argv[i] + 5);
		else if (strncmp(argv[i], "relay=", 6) == 0 && cfg->relay_count < 64 &&
			 addr_prefix_parse(argv[i] + 6, &cfg->relays[cfg->relay_count]) == 0)
			cfg->relay_count++;
		else if (strncmp(argv[i], "notice=", 7) == 0 && add_notice(cfg, argv[i] + 7) == 0)
			cfg->notice.port = 2526;
		else if (sscanf(argv[i], "meters=%u,%u", &cfg->meters.interfaces,
			     &cfg->meters.addresses) != 2 &&
			 strncmp(argv[i], "off=", 4) != 0)
			return -EINVAL;
		for (f = 0; f < ENFORCE_FEATURE__COUNT; f++)
			if (strncmp(argv[i], "off=", 4) == 0 &&
			    strcmp(argv[i] + 4, enforce_feature_name(f)) == 0)
				cfg->probe_off[f] = true;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.events = POLLIN}};
	struct enforce_config cfg;
	struct enforce *f;
	struct err e;
	char line[4096];

	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	log_init("enforce_driver", LOG_LEVEL_INFO);
	if (configure(&cfg, argc, argv) < 0)
		return 2;
	if (enforce_open(&f, &cfg, &e) < 0) {
		printf("failed %d %s\n", e.code, e.text);
		return 1;
	}
	printf("ready %d\n", (int)enforce_pid(f));
	fds[1].fd = enforce_fd(f);
	while (poll(fds, 2, -1) > 0) {
		if (fds[1].revents != 0 && !print_news(f))
			fds[1].fd = -1;
		if (fds[0].revents != 0) {
			if (fgets(line, sizeof(line), stdin) == NULL)
				break;
			do_line(f, line);
		}
	}
	enforce_close(f);
	return 0;
}
