/* SPDX-License-Identifier: ISC */
/* Sessions under TLS with what they did and what was estimated, and the tables of bench_tls. */
#ifndef TESTS_BENCH_TLS_TABLE_H
#define TESTS_BENCH_TLS_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

#define TLS_SESSIONS_MAX 8192

struct tls_count {
	uint32_t messages, recipients, rejected;
	uint64_t bytes;
};

struct tls_session {
	struct addr client;
	uint16_t client_port, server_port;
	const char *client_family, *server_family;
	bool addressed; /* `client` is known */
	bool tune;	/* client and server are among those that the model may be set by */
	bool tiny;	/* bodies below 300 bytes among its messages */
	struct tls_count truth, ours, prototype;
	uint16_t confidence;
	bool ended; /* the sensor told of it */
};

struct tls_set {
	struct tls_session list[TLS_SESSIONS_MAX];
	unsigned count;
	bool prototype; /* its column is there */
};

/* The tables by client, server and size, for the sessions whose `tune` is as given, and all of both. */
void tls_table_print(const struct tls_set *set);
/* How often sessions of a stated confidence are exact. */
void tls_table_calibration(const struct tls_set *set);
/* How often refused recipients are told of, and how often where nobody was refused. */
void tls_table_refusals(const struct tls_set *set);

#endif
