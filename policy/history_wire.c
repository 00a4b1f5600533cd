/* SPDX-License-Identifier: ISC */
/* Packets of the history writer; see history_wire.h.  bulkhead-guard (judge, history writer). */
#include "policy/history_wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/wire.h"

long
history_wire_limits(const struct history_limits *v, uint8_t *out, size_t size)
{
	struct wire_writer w;

	wire_writer_init(&w, out, size);
	wire_put_u8(&w, HISTORY_VERB_LIMITS);
	wire_put_u64(&w, (uint64_t)v->retention_ns);
	wire_put_u64(&w, (uint64_t)v->case_retention_ns);
	wire_put_u64(&w, v->max_bytes);
	return wire_writer_finish(&w);
}

int
history_wire_read_limits(struct history_limits *out, const uint8_t *data, size_t size)
{
	struct wire_reader r;

	wire_reader_init(&r, data, size);
	if (wire_get_u8(&r) != HISTORY_VERB_LIMITS)
		return -EBADMSG;
	out->retention_ns = (int64_t)wire_get_u64(&r);
	out->case_retention_ns = (int64_t)wire_get_u64(&r);
	out->max_bytes = wire_get_u64(&r);
	return wire_reader_finish(&r);
}

long
history_wire_keep(const struct history_keep *v, uint8_t *out, size_t size)
{
	struct wire_writer w;

	wire_writer_init(&w, out, size);
	wire_put_u8(&w, HISTORY_VERB_KEEP);
	wire_put_text(&w, v->case_id);
	wire_put_u64(&w, (uint64_t)v->from_ns);
	wire_put_u64(&w, (uint64_t)v->until_ns);
	wire_put_u64(&w, (uint64_t)v->others_from_ns);
	wire_put_u8(&w, (uint8_t)v->server_count);
	for (unsigned i = 0; i < v->server_count; i++)
		wire_put_text(&w, v->servers[i]);
	return wire_writer_finish(&w);
}

int
history_wire_read_keep(struct history_keep *out, const uint8_t *data, size_t size)
{
	struct wire_reader r;

	memset(out, 0, sizeof(*out));
	wire_reader_init(&r, data, size);
	if (wire_get_u8(&r) != HISTORY_VERB_KEEP)
		return -EBADMSG;
	wire_get_text(&r, out->case_id, sizeof(out->case_id));
	out->from_ns = (int64_t)wire_get_u64(&r);
	out->until_ns = (int64_t)wire_get_u64(&r);
	out->others_from_ns = (int64_t)wire_get_u64(&r);
	out->server_count = wire_get_u8(&r);
	if (out->server_count > HISTORY_KEEP_SERVERS)
		return -EBADMSG;
	for (unsigned i = 0; i < out->server_count; i++)
		wire_get_text(&r, out->servers[i], sizeof(out->servers[i]));
	return wire_reader_finish(&r);
}

long
history_wire_report(const struct history_report *v, uint8_t *out, size_t size)
{
	struct wire_writer w;

	wire_writer_init(&w, out, size);
	wire_put_u8(&w, HISTORY_VERB_REPORT);
	wire_put_u64(&w, v->bytes);
	wire_put_u64(&w, v->bytes_today);
	wire_put_u32(&w, v->days);
	wire_put_u64(&w, (uint64_t)v->oldest_ns);
	wire_put_u64(&w, v->lost);
	wire_put_u32(&w, v->cases);
	wire_put_text(&w, v->error);
	return wire_writer_finish(&w);
}

int
history_wire_read_report(struct history_report *out, const uint8_t *data, size_t size)
{
	struct history_report fresh = {0};
	struct wire_reader r;

	wire_reader_init(&r, data, size);
	if (wire_get_u8(&r) != HISTORY_VERB_REPORT)
		return -EBADMSG;
	fresh.bytes = wire_get_u64(&r);
	fresh.bytes_today = wire_get_u64(&r);
	fresh.days = wire_get_u32(&r);
	fresh.oldest_ns = (int64_t)wire_get_u64(&r);
	fresh.lost = wire_get_u64(&r);
	fresh.cases = wire_get_u32(&r);
	wire_get_text(&r, fresh.error, sizeof(fresh.error));
	if (wire_reader_finish(&r) != 0)
		return -EBADMSG;
	*out = fresh;
	return 0;
}

void
history_file_name(char out[HISTORY_FILE_BYTES], int64_t time_ns)
{
	char iso[CLOCK_ISO_BYTES];

	snprintf(out, HISTORY_FILE_BYTES, "%.10s.bhh", clock_format_iso(iso, time_ns));
}

int
history_file_day(const char *name, int64_t *day_ns)
{
	char date[11], back[HISTORY_FILE_BYTES];

	if (strlen(name) != 14 || strcmp(name + 10, ".bhh") != 0)
		return -EINVAL;
	memcpy(date, name, 10);
	date[10] = '\0';
	if (clock_parse_iso(date, day_ns) < 0)
		return -EINVAL;
	history_file_name(back, *day_ns);
	return strcmp(back, name) == 0 ? 0 : -EINVAL;
}

int
history_case_name(char out[HISTORY_FILE_BYTES], const char *case_id)
{
	if (strlen(case_id) != JUDGE_CASE_BYTES - 3 || strncmp(case_id, "bh-", 3) != 0 ||
	    strspn(case_id + 3, "0123456789abcdefghijklmnopqrstuvwxyz") != strlen(case_id + 3))
		return -EINVAL;
	snprintf(out, HISTORY_FILE_BYTES, "%s.case", case_id);
	return 0;
}
