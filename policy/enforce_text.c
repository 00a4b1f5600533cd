/* SPDX-License-Identifier: ISC */
/*
 * Elements as text for nft: slower than netlink (enforce_netlink.c), but in the transaction that
 * makes their sets.  Pure.  bulkhead-guard (enforcer child).
 */
#include "policy/enforce_text.h"

#include <string.h>

#include "policy/enforce_brake.h"

#define PER_COMMAND 256 /* elements; a line that nft says something about should be readable */

static void
put_key(FILE *f, const struct plan_element *element, unsigned kind, unsigned index)
{
	uint8_t key[ENFORCE_KEY_BYTES];
	unsigned i;

	enforce_layout_key(element, index, key);
	switch (kind) {
	case ENFORCE_KEY_IFNAME:
		fprintf(f, "\"%.15s\"", element->ifname);
		break;
	case ENFORCE_KEY_V4:
		fprintf(f, "%u.%u.%u.%u", key[0], key[1], key[2], key[3]);
		break;
	default:
		for (i = 0; i < ENFORCE_KEY_BYTES; i += 2)
			fprintf(f, "%s%x", i == 0 ? "" : ":", (unsigned)(key[i] << 8 | key[i + 1]));
		break;
	}
}

/* The order is nft's: what it counts, then how long, then the comment. */
static void
put_element(FILE *f, const struct plan_element *element, unsigned kind, unsigned index, bool counts)
{
	char comment[ENFORCE_COMMENT_BYTES];
	uint32_t pace = element->pace != 0 ? element->pace : ENFORCE_BRAKE_GRANT_DEFAULT;

	put_key(f, element, kind, index);
	if (element->set == PLAN_SET_GRANTED)
		fprintf(f, " limit rate %u/hour burst %u packets", pace, pace);
	else if (element->set == PLAN_SET_BLOCKED && counts && index == 0 && element->packets > 0)
		fprintf(f, " counter packets %llu bytes 0", (unsigned long long)element->packets);
	if (element->timeout_ns > 0)
		fprintf(f, " timeout %llums", (unsigned long long)element->timeout_ns / 1000000);
	enforce_layout_comment(comment, element);
	fprintf(f, " comment \"%s\"", comment);
}

static void
put_set(FILE *f, const char *family, const char *table, unsigned set, unsigned kind,
    const struct plan_element *elements, unsigned count, bool counts)
{
	char name[ENFORCE_SET_NAME_BYTES];
	unsigned written = 0, i, k;

	enforce_layout_set_name(name, set, kind);
	for (i = 0; i < count; i++) {
		if (elements[i].set != set || enforce_layout_kind(&elements[i]) != kind)
			continue;
		for (k = 0; k < enforce_layout_key_count(&elements[i]); k++) {
			if (written % PER_COMMAND == 0)
				fprintf(f, "%sadd element %s %s %s { ", written > 0 ? " }\n" : "",
				    family, table, name);
			else
				fputs(", ", f);
			put_element(f, &elements[i], kind, k, counts);
			written++;
		}
	}
	if (written > 0)
		fputs(" }\n", f);
}

void
enforce_text_elements(FILE *f, const char *family, const char *table,
    const struct plan_element *elements, unsigned count, bool counts)
{
	unsigned set, kind;

	for (set = 0; set < PLAN_SET__COUNT; set++)
		for (kind = 0; kind < ENFORCE_KEY__COUNT; kind++)
			put_set(f, family, table, set, kind, elements, count, counts);
}

void
enforce_text_beat(FILE *f, const char *family, const char *table, uint64_t alive_ms, bool armed)
{
	static const uint16_t protocols[] = ENFORCE_BRAKE_PROTOCOLS;
	size_t i;

	for (i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (alive_ms > 0)
			fprintf(f,
			    "add element %s %s " ENFORCE_BRAKE_ALIVE " { 0x%04x timeout %llums }\n",
			    family, table, protocols[i], (unsigned long long)alive_ms);
		if (armed)
			fprintf(f, "add element %s %s " ENFORCE_BRAKE_ARMED " { 0x%04x }\n", family,
			    table, protocols[i]);
	}
}
