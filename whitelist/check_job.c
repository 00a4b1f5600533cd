/* SPDX-License-Identifier: ISC */
/* The wire form of a worker's job; see check_job.h. */
#include "whitelist/check_job.h"

#include <errno.h>
#include <string.h>

#include "base/wire.h"

static void
put_long(struct wire_writer *w, const char *text)
{
	wire_put_u16(w, (uint16_t)strlen(text));
	wire_put_bytes(w, text, strlen(text));
}

static void
get_long(struct wire_reader *r, char *out, size_t size)
{
	uint16_t n = wire_get_u16(r);

	if (n >= size) {
		r->failed = true;
		n = 0;
	}
	wire_get_bytes(r, out, n);
	out[n] = '\0';
}

long
check_job_encode(const struct check_job *job, void *buf, size_t size)
{
	struct wire_writer w;

	wire_writer_init(&w, buf, size);
	wire_put_u8(&w, CHECK_JOB_VERSION);
	wire_put_u8(&w, job->kind);
	wire_put_u8(&w, job->purpose);
	wire_put_u8(&w, job->evidence);
	wire_put_text(&w, job->sha256);
	wire_put_u64(&w, (uint64_t)job->now_ns);
	wire_put_u8(&w, (uint8_t)job->domain_count);
	for (unsigned i = 0; i < job->domain_count; i++)
		wire_put_text(&w, job->domains[i]);
	wire_put_u8(&w, (uint8_t)job->address_count);
	for (unsigned i = 0; i < job->address_count; i++)
		wire_put_bytes(&w, job->addresses[i].bytes, sizeof(job->addresses[i].bytes));
	put_long(&w, job->dkim_keys);
	wire_put_text(&w, job->resolver);
	put_long(&w, job->body_link);
	put_long(&w, job->list_unsubscribe);
	wire_put_u8(&w, job->may_post);
	return wire_writer_finish(&w);
}

int
check_job_decode(struct check_job *out, const void *data, size_t size)
{
	struct wire_reader r;

	memset(out, 0, sizeof(*out));
	wire_reader_init(&r, data, size);
	if (wire_get_u8(&r) != CHECK_JOB_VERSION)
		return -EBADMSG;
	out->kind = wire_get_u8(&r);
	out->purpose = wire_get_u8(&r);
	out->evidence = wire_get_u8(&r);
	wire_get_text(&r, out->sha256, sizeof(out->sha256));
	out->now_ns = (int64_t)wire_get_u64(&r);
	out->domain_count = wire_get_u8(&r);
	if (out->domain_count > GRANT_DOMAINS_MAX || out->kind >= CHECK_JOB__COUNT ||
	    out->purpose >= PURPOSE__COUNT || out->evidence >= EVIDENCE__COUNT)
		return -EBADMSG;
	for (unsigned i = 0; i < out->domain_count; i++)
		wire_get_text(&r, out->domains[i], sizeof(out->domains[i]));
	out->address_count = wire_get_u8(&r);
	if (out->address_count > CHECK_ADDRESSES_MAX)
		return -EBADMSG;
	for (unsigned i = 0; i < out->address_count; i++)
		wire_get_bytes(&r, out->addresses[i].bytes, sizeof(out->addresses[i].bytes));
	get_long(&r, out->dkim_keys, sizeof(out->dkim_keys));
	wire_get_text(&r, out->resolver, sizeof(out->resolver));
	get_long(&r, out->body_link, sizeof(out->body_link));
	get_long(&r, out->list_unsubscribe, sizeof(out->list_unsubscribe));
	out->may_post = wire_get_u8(&r) == 1;
	return wire_reader_finish(&r);
}
