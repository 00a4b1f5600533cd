/* SPDX-License-Identifier: ISC */
/*
 * Network and country of an address from MaxMind DB files (libmaxminddb), behind a direct-mapped
 * cache. bulkhead-sensor and replay.
 */
#include "sensor/geo.h"

#include <errno.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define GEO_CACHE_SLOTS 16384 /* power of two; 28 bytes each */
#define GEO_PROBE_NODES 65536 /* tree nodes in which an answer must turn up at the opening */
#define GEO_KEYS_MAX	3

struct geo_slot {
	struct addr addr;
	uint32_t asn;
	char country[2];
	bool used;
};

struct geo {
	MMDB_s asn, country;
	bool has_asn, has_country;
	uint64_t seed; /* so that nobody can aim addresses at one slot */
	struct geo_slot slots[GEO_CACHE_SLOTS];
};

/* Where vendors keep the answer: MaxMind GeoLite2/GeoIP2, then the flat files of others. */
static const char *const asn_keys[][GEO_KEYS_MAX] = {
    {"autonomous_system_number"},
    {"traits", "autonomous_system_number"},
    {"asn"},
};
static const char *const country_keys[][GEO_KEYS_MAX] = {
    {"country", "iso_code"},
    {"registered_country", "iso_code"},
    {"country_code"},
    {"country"},
};
#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* "AS64496" or "64496"; 0 when it is neither. */
static uint32_t
asn_parse(const char *text, uint32_t n)
{
	uint64_t v = 0;
	uint32_t i = n > 2 && text[0] == 'A' && text[1] == 'S' ? 2 : 0;

	for (; i < n; i++) {
		if (text[i] < '0' || text[i] > '9' || v > UINT32_MAX)
			return 0;
		v = v * 10 + (uint64_t)(text[i] - '0');
	}
	return v > UINT32_MAX ? 0 : (uint32_t)v;
}

static uint32_t
entry_asn(MMDB_entry_s *entry)
{
	for (unsigned i = 0; i < ROWS(asn_keys); i++) {
		MMDB_entry_data_s data;

		if (MMDB_aget_value(entry, &data, asn_keys[i]) != MMDB_SUCCESS || !data.has_data)
			continue;
		switch (data.type) {
		case MMDB_DATA_TYPE_UINT16:
			return data.uint16;
		case MMDB_DATA_TYPE_UINT32:
			return data.uint32;
		case MMDB_DATA_TYPE_UTF8_STRING:
			return asn_parse(data.utf8_string, data.data_size);
		default:
			break;
		}
	}
	return 0;
}

static bool
entry_country(MMDB_entry_s *entry, char out[2])
{
	for (unsigned i = 0; i < ROWS(country_keys); i++) {
		MMDB_entry_data_s data;

		if (MMDB_aget_value(entry, &data, country_keys[i]) != MMDB_SUCCESS ||
		    !data.has_data || data.type != MMDB_DATA_TYPE_UTF8_STRING ||
		    data.data_size != 2)
			continue;
		if (data.utf8_string[0] < 'A' || data.utf8_string[0] > 'Z' ||
		    data.utf8_string[1] < 'A' || data.utf8_string[1] > 'Z')
			continue;
		memcpy(out, data.utf8_string, 2);
		return true;
	}
	return false;
}

static bool
entry_answers(MMDB_entry_s *entry, bool wants_asn)
{
	char country[2];

	return wants_asn ? entry_asn(entry) != 0 : entry_country(entry, country);
}

/* Looks for one answer among the first nodes: 1 found, 0 none, negative MMDB status * -1 when
 * corrupt. */
static int
geo_probe(const MMDB_s *db, bool wants_asn)
{
	uint32_t nodes = db->metadata.node_count;

	nodes = nodes > GEO_PROBE_NODES ? GEO_PROBE_NODES : nodes;
	for (uint32_t i = 0; i < nodes; i++) {
		MMDB_search_node_s node;
		int status = MMDB_read_node(db, i, &node);

		if (status != MMDB_SUCCESS)
			return -status;
		if (node.left_record_type == MMDB_RECORD_TYPE_INVALID ||
		    node.right_record_type == MMDB_RECORD_TYPE_INVALID)
			return -MMDB_CORRUPT_SEARCH_TREE_ERROR;
		if (node.left_record_type == MMDB_RECORD_TYPE_DATA &&
		    entry_answers(&node.left_record_entry, wants_asn))
			return 1;
		if (node.right_record_type == MMDB_RECORD_TYPE_DATA &&
		    entry_answers(&node.right_record_entry, wants_asn))
			return 1;
	}
	return 0;
}

/* Opens one database and makes sure that it answers what the setting is for. */
static int
geo_open_one(MMDB_s *db, const char *path, bool wants_asn, struct err *e)
{
	const char *what = wants_asn ? "network" : "country";
	int status = MMDB_open(path, MMDB_MODE_MMAP, db);
	int found, code;

	if (status == MMDB_FILE_OPEN_ERROR)
		return err_set(e, -ENOENT,
		    "the %s database \"%s\" cannot be opened; check the path and its permissions, "
		    "or unset it",
		    what, path);
	if (status == MMDB_OUT_OF_MEMORY_ERROR)
		return err_set(e, -ENOMEM, "no memory for the %s database \"%s\"", what, path);
	if (status != MMDB_SUCCESS)
		return err_set(e, -EBADMSG,
		    "\"%s\" is not a usable %s database (%s); fetch it again, or unset it", path,
		    what, MMDB_strerror(status));
	found = geo_probe(db, wants_asn);
	if (found > 0)
		return 0;
	if (found < 0)
		code = err_set(e, -EBADMSG,
		    "the %s database \"%s\" is damaged (%s); fetch it again, or unset it", what,
		    path, MMDB_strerror(-found));
	else
		code = err_set(e, -EINVAL,
		    "\"%s\" has no %s; set a database of the right kind, or unset it", path,
		    wants_asn ? "AS numbers" : "country codes");
	MMDB_close(db);
	return code;
}

int
geo_open(struct geo **out, const char *asn_path, const char *country_path, struct err *e)
{
	struct geo *g = calloc(1, sizeof(*g));
	int code = 0;

	if (g == NULL)
		return err_set(e, -ENOMEM, "no memory for the cache of addresses");
	hash_random(&g->seed, sizeof(g->seed));
	if (asn_path != NULL && asn_path[0] != '\0') {
		code = geo_open_one(&g->asn, asn_path, true, e);
		g->has_asn = code == 0;
	}
	if (code == 0 && country_path != NULL && country_path[0] != '\0') {
		code = geo_open_one(&g->country, country_path, false, e);
		g->has_country = code == 0;
	}
	if (code != 0) {
		geo_close(g);
		return code;
	}
	*out = g;
	return 0;
}

void
geo_close(struct geo *g)
{
	if (g == NULL)
		return;
	if (g->has_asn)
		MMDB_close(&g->asn);
	if (g->has_country)
		MMDB_close(&g->country);
	free(g);
}

/* The record of an address; false when there is none. */
static bool
geo_find(const MMDB_s *db, const struct addr *a, MMDB_entry_s *entry)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	const struct sockaddr *sa = (const struct sockaddr *)&v6;
	MMDB_lookup_result_s found;
	int status = MMDB_SUCCESS;

	if (addr_is_v4(a)) {
		memcpy(&v4.sin_addr, a->bytes + 12, 4);
		sa = (const struct sockaddr *)&v4;
	} else {
		memcpy(&v6.sin6_addr, a->bytes, 16);
	}
	found = MMDB_lookup_sockaddr(db, sa, &status);
	if (status != MMDB_SUCCESS || !found.found_entry)
		return false;
	*entry = found.entry;
	return true;
}

void
geo_lookup(struct geo *g, const struct addr *a, struct geo_info *out)
{
	struct geo_slot *slot;
	MMDB_entry_s entry;

	*out = (struct geo_info){0};
	if (g == NULL || (!g->has_asn && !g->has_country))
		return;
	slot = &g->slots[hash_table(g->seed, a->bytes, sizeof(a->bytes)) & (GEO_CACHE_SLOTS - 1)];
	if (!slot->used || !addr_equal(&slot->addr, a)) {
		*slot = (struct geo_slot){.addr = *a, .used = true};
		if (g->has_asn && geo_find(&g->asn, a, &entry))
			slot->asn = entry_asn(&entry);
		if (g->has_country && geo_find(&g->country, a, &entry))
			(void)entry_country(&entry, slot->country);
	}
	out->asn = slot->asn;
	memcpy(out->country, slot->country, 2);
}
