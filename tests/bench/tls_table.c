/* SPDX-License-Identifier: ISC */
/* Accuracy of the estimates, grouped in several ways. */
#include "tests/bench/tls_table.h"

#include <stdio.h>
#include <string.h>

#define ROWS_MAX 64

struct row {
	const char *name;
	unsigned sessions, exact, exact_prototype;
	struct tls_count truth, ours, prototype;
};

static void
count_add(struct tls_count *sum, const struct tls_count *one)
{
	sum->messages += one->messages;
	sum->recipients += one->recipients;
	sum->rejected += one->rejected;
	sum->bytes += one->bytes;
}

static void
row_add(struct row rows[ROWS_MAX], const char *name, const struct tls_session *s)
{
	unsigned i = 0;

	while (i < ROWS_MAX - 1 && rows[i].name != NULL && strcmp(rows[i].name, name) != 0)
		i++;
	rows[i].name = name;
	rows[i].sessions++;
	rows[i].exact += s->truth.messages == s->ours.messages;
	rows[i].exact_prototype += s->truth.messages == s->prototype.messages;
	count_add(&rows[i].truth, &s->truth);
	count_add(&rows[i].ours, &s->ours);
	count_add(&rows[i].prototype, &s->prototype);
}

static double
ratio(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

static void
rows_print(const struct tls_set *set, const char *title, const struct row rows[ROWS_MAX])
{
	printf("\n| %-27s | sessions | messages | estimated | sessions exact  | recipients | "
	       "estimated | refused | "
	       "estimated | bytes |%s\n|---|---|---|---|---|---|---|---|---|---|%s\n",
	    title, set->prototype ? " prototype: messages | exact | recipients |" : "",
	    set->prototype ? "---|---|---|" : "");
	for (unsigned i = 0; i < ROWS_MAX && rows[i].name != NULL; i++) {
		const struct row *r = &rows[i];

		printf(
		    "| %-27s | %8u | %8u | %9u | %5u (%5.1f %%) | %10u | %9u | %7u | %9u | %5.3f |",
		    r->name, r->sessions, r->truth.messages, r->ours.messages, r->exact,
		    100 * ratio(r->exact, r->sessions), r->truth.recipients, r->ours.recipients,
		    r->truth.rejected, r->ours.rejected,
		    ratio((double)r->ours.bytes, (double)r->truth.bytes));
		if (set->prototype)
			printf(" %19u | %5.1f %% | %10u |", r->prototype.messages,
			    100 * ratio(r->exact_prototype, r->sessions), r->prototype.recipients);
		printf("\n");
	}
}

static const char *
by_client(const struct tls_session *s)
{
	return s->client_family;
}

static const char *
by_server(const struct tls_session *s)
{
	return s->server_family;
}

static const char *
by_size(const struct tls_session *s)
{
	uint32_t n = s->truth.messages;

	return n == 0	 ? "no message"
	       : n == 1	 ? "1 message"
	       : n <= 5	 ? "2-5 messages"
	       : n <= 19 ? "6-19 messages"
			 : "20 and more";
}

static const char *
by_port(const struct tls_session *s)
{
	switch (s->server_port) {
	case 25:
		return "25, STARTTLS";
	case 587:
		return "587, STARTTLS";
	case 465:
		return "465, TLS at once";
	default:
		return "other port, TLS at once";
	}
}

static const char *
by_kind(const struct tls_session *s)
{
	return s->tiny ? "tiny bodies among them" : "ordinary bodies";
}

static const char *
by_refusals(const struct tls_session *s)
{
	return s->truth.rejected > 0 ? "with refused recipients" : "none refused";
}

static const char *
by_part(const struct tls_session *s)
{
	return s->tune ? "families the model was set by" : "families it never saw";
}

static const char *
by_nothing(const struct tls_session *s)
{
	(void)s;
	return "all";
}

void
tls_table_print(const struct tls_set *set)
{
	static const struct {
		const char *title;
		const char *(*of)(const struct tls_session *s);
	} groups[] = {{"client", by_client}, {"server", by_server},
	    {"messages in the session", by_size}, {"port", by_port}, {"bodies", by_kind},
	    {"recipients", by_refusals}, {"client and server", by_part}, {"sum", by_nothing}};
	struct row rows[ROWS_MAX];

	for (unsigned g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		memset(rows, 0, sizeof(rows));
		for (unsigned i = 0; i < set->count; i++)
			row_add(rows, groups[g].of(&set->list[i]), &set->list[i]);
		rows_print(set, groups[g].title, rows);
	}
}

void
tls_table_calibration(const struct tls_set *set)
{
	static const unsigned bounds[] = {0, 300, 500, 700, 800, 900, 950, 1001};

	printf("\n| stated confidence | sessions | exact |\n|---|---|---|\n");
	for (unsigned b = 0; b + 1 < sizeof(bounds) / sizeof(bounds[0]); b++) {
		unsigned sessions = 0, exact = 0;

		for (unsigned i = 0; i < set->count; i++) {
			const struct tls_session *s = &set->list[i];

			if (s->ours.messages == 0 || s->confidence < bounds[b] ||
			    s->confidence >= bounds[b + 1])
				continue;
			sessions++;
			exact += s->ours.messages == s->truth.messages;
		}
		if (sessions > 0)
			printf("| %u to %u | %u | %.1f %% |\n", bounds[b], bounds[b + 1] - 1,
			    sessions, 100. * exact / sessions);
	}
}

void
tls_table_refusals(const struct tls_set *set)
{
	/* [0] sessions without a refusal, [1] with */
	unsigned sessions[2] = {0}, told[2] = {0}, exact[2] = {0};
	uint64_t refused[2] = {0}, estimated[2] = {0};

	for (unsigned i = 0; i < set->count; i++) {
		const struct tls_session *s = &set->list[i];
		bool any = s->truth.rejected > 0;

		sessions[any]++;
		told[any] += s->ours.rejected > 0;
		exact[any] += s->ours.rejected == s->truth.rejected;
		refused[any] += s->truth.rejected;
		estimated[any] += s->ours.rejected;
	}
	printf("\n| refusals | sessions | told of some | number exact | refused | estimated |\n"
	       "|---|---|---|---|---|---|\n");
	for (unsigned any = 0; any < 2; any++)
		printf("| %s | %u | %u (%.1f %%) | %u (%.1f %%) | %llu | %llu |\n",
		    any ? "there were some" : "there were none", sessions[any], told[any],
		    100 * ratio(told[any], sessions[any]), exact[any],
		    100 * ratio(exact[any], sessions[any]), (unsigned long long)refused[any],
		    (unsigned long long)estimated[any]);
}
