/* SPDX-License-Identifier: ISC */
/*
 * Answers of DNS and the names that are asked; see resolver.h.  Pure.  bulkhead-check.
 */
#include "whitelist/resolver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
resolver_answer_init(struct resolver_answer *a, enum resolver_status status)
{
	a->status = status;
	a->cut = false;
	a->count = 0;
	a->pool[0] = '\0';
	a->pool_used = 1; /* 0 is the empty text */
}

void
resolver_answer_add(
    struct resolver_answer *a, const struct addr *addr, uint16_t preference, const char *text)
{
	size_t length = text != NULL ? strlen(text) + 1 : 0;
	struct resolver_record *r;

	if (a->count == RESOLVER_RECORDS_MAX || length > sizeof(a->pool) - a->pool_used) {
		a->cut = true;
		return;
	}
	r = &a->records[a->count++];
	memset(r, 0, sizeof(*r));
	r->preference = preference;
	if (addr != NULL)
		r->addr = *addr;
	if (text != NULL) {
		r->text_at = a->pool_used;
		memcpy(a->pool + a->pool_used, text, length);
		a->pool_used = (uint16_t)(a->pool_used + length);
	}
	a->status = RESOLVER_OK;
}

const char *
resolver_text(const struct resolver_answer *a, unsigned i)
{
	return i < a->count ? a->pool + a->records[i].text_at : "";
}

enum resolver_status
resolver_addresses(
    const struct resolver *r, const char *name, struct addr *out, unsigned max, unsigned *count)
{
	static const enum resolver_type types[] = {RESOLVER_A, RESOLVER_AAAA};
	enum resolver_status status = RESOLVER_NO_NAME;
	struct resolver_answer *a = malloc(sizeof(*a));

	*count = 0;
	if (a == NULL)
		return RESOLVER_FAILED;
	for (unsigned t = 0; t < 2; t++) {
		r->query(r->self, name, types[t], a);
		/* A failure of one type must not hide behind an answer of the other. */
		if (a->status >= RESOLVER_FAILED) {
			status = a->status;
			break;
		}
		for (unsigned i = 0; a->status == RESOLVER_OK && i < a->count && *count < max; i++)
			out[(*count)++] = a->records[i].addr;
		if (a->status < status)
			status = a->status;
	}
	free(a);
	return status;
}

/* Reversed octets or nibbles, each with a dot behind it. */
static size_t
reversed(char buf[RESOLVER_NAME_BYTES], const struct addr *a)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	if (addr_is_v4(a))
		return (size_t)snprintf(buf, RESOLVER_NAME_BYTES, "%u.%u.%u.%u.", a->bytes[15],
		    a->bytes[14], a->bytes[13], a->bytes[12]);
	for (int i = 15; i >= 0; i--) {
		buf[n++] = hex[a->bytes[i] & 15];
		buf[n++] = '.';
		buf[n++] = hex[a->bytes[i] >> 4];
		buf[n++] = '.';
	}
	buf[n] = '\0';
	return n;
}

const char *
resolver_reverse_name(char buf[RESOLVER_NAME_BYTES], const struct addr *a)
{
	return resolver_list_name(buf, a, addr_is_v4(a) ? "in-addr.arpa" : "ip6.arpa");
}

const char *
resolver_list_name(char buf[RESOLVER_NAME_BYTES], const struct addr *a, const char *zone)
{
	size_t n = reversed(buf, a);

	snprintf(buf + n, RESOLVER_NAME_BYTES - n, "%s", zone);
	return buf;
}

const char *
resolver_status_text(enum resolver_status status)
{
	static const char *const texts[RESOLVER__COUNT] = {
	    [RESOLVER_OK] = "answered",
	    [RESOLVER_NO_DATA] = "has no such record",
	    [RESOLVER_NO_NAME] = "does not exist",
	    [RESOLVER_FAILED] = "could not be asked (no answer, or a failed one)",
	    [RESOLVER_BUDGET] = "was not asked: this run has used up its queries or its time",
	};

	return status < RESOLVER__COUNT ? texts[status] : "?";
}
