/* SPDX-License-Identifier: ISC */
/* The wire form of a worker's job; see check_job.h. */
#include "whitelist/check_job.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/wire.h"

/* The texts of an online job in the order of the wire. */
static const struct {
	size_t at, size;
} online_texts[] = {
#define ROW(member)                                                \
	{                                                          \
		offsetof(struct check_job_online, member),         \
		    sizeof(((struct check_job_online *)0)->member) \
	}
    ROW(resolver),
    ROW(anchor),
    ROW(ca_file),
    ROW(address_lists),
    ROW(domain_lists),
    ROW(allow_private),
    ROW(helo),
    ROW(from_domain),
    ROW(envelope_domain),
    ROW(body_link),
    ROW(list_unsubscribe),
    ROW(form_url),
    ROW(rules_url),
#undef ROW
};
#define ONLINE_TEXTS (sizeof(online_texts) / sizeof(online_texts[0]))

static void
put_online(struct wire_writer *w, const struct check_job_online *o)
{
	for (size_t i = 0; i < ONLINE_TEXTS; i++)
		wire_put_long_text(w, (const char *)o + online_texts[i].at);
	wire_put_u8(w, o->enforcing);
	wire_put_u8(w, o->may_post);
	wire_put_u8(w, (uint8_t)o->dkim_count);
	for (unsigned i = 0; i < o->dkim_count; i++) {
		wire_put_long_text(w, o->dkim[i].domain);
		wire_put_long_text(w, o->dkim[i].selector);
	}
}

static int
get_online(struct wire_reader *r, struct check_job_online *o)
{
	for (size_t i = 0; i < ONLINE_TEXTS; i++)
		wire_get_long_text(r, (char *)o + online_texts[i].at, online_texts[i].size);
	o->enforcing = wire_get_u8(r) != 0; /* any doubt is production */
	o->may_post = wire_get_u8(r) == 1;
	o->dkim_count = wire_get_u8(r);
	if (o->dkim_count > CHECK_DKIM_MAX)
		return -EBADMSG;
	for (unsigned i = 0; i < o->dkim_count; i++) {
		wire_get_long_text(r, o->dkim[i].domain, sizeof(o->dkim[i].domain));
		wire_get_long_text(r, o->dkim[i].selector, sizeof(o->dkim[i].selector));
	}
	return 0;
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
	wire_put_long_text(&w, job->dkim_keys);
	put_online(&w, &job->online);
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
	wire_get_long_text(&r, out->dkim_keys, sizeof(out->dkim_keys));
	if (get_online(&r, &out->online) != 0)
		return -EBADMSG;
	return wire_reader_finish(&r);
}

#define COPY(to, from) snprintf(to, sizeof(to), "%s", from)

void
check_job_digest(const struct check_job *job, char out[HASH_SHA256_HEX])
{
	static struct check_job asked; /* large */
	static uint8_t buf[CHECK_JOB_MAX];
	struct check_job_online *o = &asked.online;
	long n;

	asked = *job;
	asked.kind = CHECK_JOB_ONLINE;
	asked.evidence = 0;
	asked.now_ns = 0;
	asked.dkim_keys[0] = '\0';
	o->resolver[0] = o->anchor[0] = o->ca_file[0] = o->address_lists[0] = '\0';
	o->domain_lists[0] = o->allow_private[0] = o->helo[0] = '\0';
	o->enforcing = o->may_post = false;
	n = check_job_encode(&asked, buf, sizeof(buf));
	hash_sha256_hex(out, buf, n > 0 ? (size_t)n : 0);
}

void
check_job_set_online(struct check_job *job, const struct settings *settings,
    const struct application *a, const struct check_facts *facts, const char *helo, bool may_post)
{
	struct check_job_online *o = &job->online;

	memset(o, 0, sizeof(*o));
	COPY(o->resolver, settings->check_resolver);
	COPY(o->anchor, settings->check_trust_anchor);
	COPY(o->ca_file, settings->check_ca_file);
	COPY(o->address_lists, settings->check_address_lists);
	COPY(o->domain_lists, settings->check_domain_lists);
	COPY(o->allow_private, settings->check_allow_private);
	COPY(o->helo, helo);
	COPY(o->form_url, a->form_url);
	COPY(o->rules_url, a->rules_url);
	o->enforcing = strcmp(settings->policy.mode, "enforce") == 0;
	o->may_post = may_post;
	if (facts == NULL)
		return;
	COPY(o->from_domain, facts->from_domain);
	COPY(o->envelope_domain, facts->envelope_domain);
	COPY(o->body_link, facts->body_link);
	for (unsigned i = 0; i < facts->list_unsubscribe_count; i++)
		if (strncasecmp(facts->list_unsubscribe[i], "https:", 6) == 0) {
			COPY(o->list_unsubscribe, facts->list_unsubscribe[i]);
			break;
		}
	for (o->dkim_count = 0; o->dkim_count < facts->dkim_count; o->dkim_count++) {
		COPY(o->dkim[o->dkim_count].domain, facts->dkim[o->dkim_count].domain);
		COPY(o->dkim[o->dkim_count].selector, facts->dkim[o->dkim_count].selector);
	}
}
