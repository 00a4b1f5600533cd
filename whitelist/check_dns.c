/* SPDX-License-Identifier: ISC */
/* libunbound behind the resolver interface; see check_dns.h.  bulkhead-check. */
#include "whitelist/check_dns.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>

#include "base/clock.h"

#define CLASS_IN     1
#define RCODE_OK     0
#define RCODE_NXNAME 3

struct check_dns {
	struct ub_ctx *ub;
	unsigned queries, queries_max, query_ms;
	int64_t left_ns; /* that queries may still take together */
};

/* What came back for one query. */
struct reply {
	bool done;
	int error;
	struct ub_result *result;
};

static int
set_up(struct ub_ctx *ub, const struct check_dns_config *config, struct err *e)
{
	int r;

	/* A resolver on this machine is usual, and its address was configured by the provider.
	 * Answers that hold private addresses must reach us to be refused by name. */
	if ((r = ub_ctx_set_option(ub, "do-not-query-localhost:", "no")) != 0 ||
	    (r = ub_ctx_set_option(ub, "log-queries:", "no")) != 0 ||
	    (r = ub_ctx_set_option(ub, "so-rcvbuf:", "0")) != 0 ||
	    (r = ub_ctx_set_option(ub, "outgoing-range:", "16")) != 0 ||
	    (r = ub_ctx_set_option(ub, "num-queries-per-thread:", "16")) != 0 ||
	    (r = ub_ctx_set_option(ub, "msg-cache-size:", "1m")) != 0 ||
	    (r = ub_ctx_set_option(ub, "rrset-cache-size:", "1m")) != 0)
		return err_set(
		    e, -EINVAL, "the resolver library refuses an option: %s", ub_strerror(r));
	if (config->anchor[0] != '\0' && (r = ub_ctx_add_ta(ub, config->anchor)) != 0)
		return err_set(e, -EINVAL, "check_trust_anchor \"%.60s\" is refused: %s",
		    config->anchor, ub_strerror(r));
	if (config->server[0] != '\0') {
		if ((r = ub_ctx_set_fwd(ub, config->server)) != 0)
			return err_set(e, -EINVAL,
			    "check_resolver \"%s\" is refused: %s; write address or address@port",
			    config->server, ub_strerror(r));
	} else if ((r = ub_ctx_resolvconf(ub, NULL)) != 0) {
		return err_set(e, -EINVAL,
		    "/etc/resolv.conf cannot be used: %s; set check_resolver in bulkhead.conf",
		    ub_strerror(r));
	}
	/* A thread and no process: it lives in our jail and ends with us. */
	ub_ctx_async(ub, 1);
	/* The library reads the anchor when it is first used; a name that nobody may ask for (RFC 6761 6.4)
	 * makes it do so here, where the reason can be told. */
	if ((r = ub_ctx_zone_add(ub, "invalid.", "static")) != 0)
		return err_set(e, -EINVAL,
		    "the resolver library does not start (%s); is check_trust_anchor \"%.60s\" "
		    "a DS or DNSKEY record?",
		    ub_strerror(r), config->anchor);
	return 0;
}

int
check_dns_open(struct check_dns **out, const struct check_dns_config *config, struct err *e)
{
	struct check_dns *d = calloc(1, sizeof(*d));
	int r;

	if (d == NULL || (d->ub = ub_ctx_create()) == NULL) {
		free(d);
		return err_set(e, -ENOMEM, "no memory for the resolver");
	}
	ub_ctx_debuglevel(d->ub, 0);
	ub_ctx_debugout(d->ub, NULL);
	d->queries_max = config->queries_max != 0 ? config->queries_max : CHECK_DNS_QUERIES_MAX;
	d->query_ms = config->query_ms != 0 ? config->query_ms : CHECK_DNS_QUERY_MS;
	d->left_ns = (config->run_ms != 0 ? config->run_ms : CHECK_DNS_RUN_MS) * INT64_C(1000000);
	r = set_up(d->ub, config, e);
	if (r != 0) {
		check_dns_close(d);
		return r;
	}
	*out = d;
	return 0;
}

void
check_dns_close(struct check_dns *d)
{
	if (d == NULL)
		return;
	ub_ctx_delete(d->ub);
	free(d);
}

static void
on_reply(void *arg, int error, struct ub_result *result)
{
	struct reply *reply = arg;

	reply->done = true;
	reply->error = error;
	reply->result = result;
}

/* A name of the wire as text; bytes that no name of ours has become '?', so that nothing downstream
 * meets a quote or a control character.  False when it does not end within the data. */
static bool
name_text(char out[RESOLVER_NAME_BYTES], const uint8_t *data, size_t size)
{
	size_t n = 0, at = 0;

	while (at < size && data[at] != 0) {
		size_t length = data[at++];

		if (length > 63 || length > size - at || n + length + 1 >= RESOLVER_NAME_BYTES)
			return false;
		if (n > 0)
			out[n++] = '.';
		for (; length > 0; length--, at++)
			out[n++] = (char)(isalnum(data[at]) || strchr("-_/", data[at]) != NULL
					      ? tolower(data[at])
					      : '?');
	}
	out[n] = '\0';
	return at < size;
}

/* The strings of a TXT record joined (RFC 7208 3.3); a NUL ends it. */
static void
add_text(struct resolver_answer *out, const uint8_t *data, size_t size)
{
	char text[RESOLVER_POOL_BYTES];
	size_t n = 0, at = 0;

	while (at < size) {
		size_t length = data[at++];

		if (length > size - at || n + length >= sizeof(text)) {
			out->cut = true;
			return;
		}
		memcpy(text + n, data + at, length);
		n += length;
		at += length;
	}
	text[n] = '\0';
	resolver_answer_add(out, NULL, 0, text);
}

void
check_dns_read_record(
    struct resolver_answer *out, enum resolver_type type, const uint8_t *data, size_t size)
{
	char name[RESOLVER_NAME_BYTES];
	struct addr addr;

	switch (type) {
	case RESOLVER_A:
		if (size != 4)
			return;
		addr = addr_from_v4(data);
		resolver_answer_add(out, &addr, 0, NULL);
		return;
	case RESOLVER_AAAA:
		if (size != 16)
			return;
		memcpy(addr.bytes, data, 16);
		resolver_answer_add(out, &addr, 0, NULL);
		return;
	case RESOLVER_TXT:
		add_text(out, data, size);
		return;
	case RESOLVER_PTR:
		if (name_text(name, data, size))
			resolver_answer_add(out, NULL, 0, name);
		return;
	case RESOLVER_MX:
		if (size > 2 && name_text(name, data + 2, size - 2))
			resolver_answer_add(out, NULL, (uint16_t)(data[0] << 8 | data[1]), name);
		return;
	}
}

static void
read_result(struct resolver_answer *out, enum resolver_type type, const struct ub_result *result)
{
	if (result->bogus || (result->rcode != RCODE_OK && result->rcode != RCODE_NXNAME))
		return; /* stays RESOLVER_FAILED */
	out->status =
	    result->nxdomain || result->rcode == RCODE_NXNAME ? RESOLVER_NO_NAME : RESOLVER_NO_DATA;
	for (unsigned i = 0; result->data != NULL && result->data[i] != NULL; i++)
		check_dns_read_record(
		    out, type, (const uint8_t *)result->data[i], (size_t)result->len[i]);
}

/* Waits for the reply until end_ns. */
static void
wait_reply(struct check_dns *d, struct reply *reply, int64_t end_ns)
{
	struct pollfd p = {.fd = ub_fd(d->ub), .events = POLLIN};

	while (!reply->done) {
		int64_t left_ms = (end_ns - clock_mono_ns()) / 1000000;

		if (left_ms <= 0)
			return;
		if (poll(&p, 1, (int)left_ms) < 0 && errno != EINTR)
			return;
		if (ub_process(d->ub) != 0)
			return;
	}
}

static void
dns_query(void *self, const char *name, enum resolver_type type, struct resolver_answer *out)
{
	struct check_dns *d = self;
	int64_t begun_ns = clock_mono_ns(), room_ns = d->query_ms * INT64_C(1000000);
	struct reply reply = {0};
	int id = 0;

	resolver_answer_init(out, RESOLVER_BUDGET);
	if (d->queries >= d->queries_max || d->left_ns <= 0)
		return;
	d->queries++;
	out->status = RESOLVER_FAILED;
	if (name[0] == '\0' || strlen(name) >= RESOLVER_NAME_BYTES)
		return;
	if (ub_resolve_async(d->ub, name, (int)type, CLASS_IN, &reply, on_reply, &id) != 0)
		return;
	wait_reply(d, &reply, begun_ns + (room_ns < d->left_ns ? room_ns : d->left_ns));
	d->left_ns -= clock_mono_ns() - begun_ns;
	if (!reply.done)
		ub_cancel(d->ub, id);
	else if (reply.error == 0)
		read_result(out, type, reply.result);
	if (reply.result != NULL)
		ub_resolve_free(reply.result);
}

struct resolver
check_dns_resolver(struct check_dns *d)
{
	return (struct resolver){dns_query, d};
}
