/* SPDX-License-Identifier: ISC */
/*
 * Packets between the judge and the history writer, and the names of files: one per day (UTC) and
 * one per case.  Pure.  bulkhead-guard (judge, history writer).
 */
#ifndef POLICY_HISTORY_WIRE_H
#define POLICY_HISTORY_WIRE_H

#include <stdint.h>

#include "policy/history_pack.h"
#include "policy/judge.h"

#define HISTORY_KEEP_SERVERS 16 /* the server and others of its tenant */
#define HISTORY_PACKET_MAX   (HISTORY_SEGMENT_MAX + 1)
#define HISTORY_FILE_BYTES   32

enum history_verb {
	HISTORY_VERB_SEGMENT = 1, /* to the writer */
	HISTORY_VERB_LIMITS,
	HISTORY_VERB_KEEP,
	HISTORY_VERB_REPORT, /* from it */
};

struct history_limits {
	int64_t retention_ns, case_retention_ns;
	uint64_t max_bytes; /* of all days together; the oldest go first */
};

struct history_keep { /* a case */
	char case_id[JUDGE_CASE_BYTES];
	int64_t from_ns, until_ns; /* of the first server */
	int64_t others_from_ns;	   /* of the others */
	unsigned server_count;
	char servers[HISTORY_KEEP_SERVERS][INVENTORY_NAME_BYTES];
};

struct history_report {
	uint64_t bytes, bytes_today; /* of the days */
	uint32_t days;
	int64_t oldest_ns; /* of the first day; 0 = none */
	uint64_t lost;	   /* segments that could not be written */
	uint32_t cases;	   /* kept */
	char error[128];   /* of the last failure; "" = none since the last success */
};

/* Each begins with its verb.  Bytes written or -ENOBUFS; 0 or -EBADMSG. */
long history_wire_limits(const struct history_limits *v, uint8_t *out, size_t size);
long history_wire_keep(const struct history_keep *v, uint8_t *out, size_t size);
long history_wire_report(const struct history_report *v, uint8_t *out, size_t size);
int history_wire_read_limits(struct history_limits *out, const uint8_t *data, size_t size);
int history_wire_read_keep(struct history_keep *out, const uint8_t *data, size_t size);
int history_wire_read_report(struct history_report *out, const uint8_t *data, size_t size);

/* "2026-01-31.bhh", and the beginning of that day from the name: -EINVAL when it is none. */
void history_file_name(char out[HISTORY_FILE_BYTES], int64_t time_ns);
int history_file_day(const char *name, int64_t *day_ns);
/* "bh-abcdefghij.case"; -EINVAL for what is no case id. */
int history_case_name(char out[HISTORY_FILE_BYTES], const char *case_id);

#endif
