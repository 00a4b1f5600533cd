/* SPDX-License-Identifier: ISC */
/* Inventory files: CSV, and JSON (the only file of the pure policy that knows jansson).
 * bulkhead-guard, replay. */
#include "policy/inventory.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/csv.h"

#define FILE_MAX_BYTES (64u << 20)

/* --- one value into its field --- */

static int
set_text(char *field, size_t size, const char *key, const char *value, struct err *e)
{
	if (strlen(value) >= size)
		return err_set(
		    e, -EINVAL, "%s \"%.80s\" is longer than %zu bytes", key, value, size - 1);
	for (const char *c = value; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return err_set(e, -EINVAL, "%s has a control character", key);
	memcpy(field, value, strlen(value) + 1);
	return 0;
}

static int
too_many(const char *key, unsigned max, struct err *e)
{
	return err_set(e, -E2BIG, "%s: more than %u", key, max);
}

static int
set_virtualization(struct server *s, const char *value, struct err *e)
{
	for (unsigned v = 0; v < VIRT__COUNT; v++) {
		if (strcmp(value, virtualization_name(v)) == 0 || (v == 0 && value[0] == '\0')) {
			s->virtualization = (uint8_t)v;
			return 0;
		}
	}
	return err_set(e, -EINVAL,
	    "virtualization \"%.40s\" is unknown; use kvm, container, dedicated or unknown", value);
}

static int
add_interface(struct server *s, const char *value, struct err *e)
{
	if (s->ifname_count == INVENTORY_IFNAMES_MAX)
		return too_many("interfaces", INVENTORY_IFNAMES_MAX, e);
	return set_text(s->ifnames[s->ifname_count++], OBS_IFNAME_BYTES, "interface", value, e);
}

static int
add_mac(struct server *s, const char *value, struct err *e)
{
	if (s->mac_count == INVENTORY_MACS_MAX)
		return too_many("macs", INVENTORY_MACS_MAX, e);
	if (mac_parse(value, &s->macs[s->mac_count]) != 0)
		return err_set(e, -EINVAL, "MAC \"%.40s\" is not like 52:54:00:12:34:56", value);
	s->mac_count++;
	return 0;
}

static int
add_address(struct server *s, const char *value, struct err *e)
{
	if (s->prefix_count == INVENTORY_PREFIXES_MAX)
		return too_many("addresses", INVENTORY_PREFIXES_MAX, e);
	if (addr_prefix_parse(value, &s->prefixes[s->prefix_count]) != 0)
		return err_set(e, -EINVAL,
		    "address \"%.60s\" is neither an address nor a prefix without host bits",
		    value);
	s->prefix_count++;
	return 0;
}

enum column {
	COLUMN_SERVER,
	COLUMN_TENANT,
	COLUMN_PLAN,
	COLUMN_VIRTUALIZATION,
	COLUMN_INTERFACES,
	COLUMN_MACS,
	COLUMN_ADDRESSES,
	COLUMN_CONTACT,
	COLUMN_LANG,
	COLUMN_MODE,
	COLUMN__COUNT
};

static const char *const column_names[COLUMN__COUNT] = {"server", "tenant", "plan",
    "virtualization", "interfaces", "macs", "addresses", "contact", "lang", "mode"};

static int
find_column(const char *name)
{
	for (int i = 0; i < COLUMN__COUNT; i++)
		if (strcmp(column_names[i], name) == 0)
			return i;
	return -ENOENT;
}

static bool
column_is_list(unsigned column)
{
	return column == COLUMN_INTERFACES || column == COLUMN_MACS || column == COLUMN_ADDRESSES;
}

/* Sets a field, or adds one value to a list. */
static int
set_value(struct server *s, unsigned column, const char *value, struct err *e)
{
	switch (column) {
	case COLUMN_SERVER:
		return set_text(s->name, sizeof(s->name), "server", value, e);
	case COLUMN_TENANT:
		return set_text(s->tenant, sizeof(s->tenant), "tenant", value, e);
	case COLUMN_PLAN:
		return set_text(s->plan, sizeof(s->plan), "plan", value, e);
	case COLUMN_VIRTUALIZATION:
		return set_virtualization(s, value, e);
	case COLUMN_INTERFACES:
		return add_interface(s, value, e);
	case COLUMN_MACS:
		return add_mac(s, value, e);
	case COLUMN_ADDRESSES:
		return add_address(s, value, e);
	case COLUMN_CONTACT:
		return set_text(s->contact, sizeof(s->contact), "contact", value, e);
	case COLUMN_LANG:
		return set_text(s->lang, sizeof(s->lang), "lang", value, e);
	default:
		return set_text(s->mode, sizeof(s->mode), "mode", value, e);
	}
}

/* --- CSV --- */

static int
csv_header(struct csv *c, uint8_t columns[COLUMN__COUNT], unsigned *count, struct err *e)
{
	char cell[CSV_CELL_BYTES];
	unsigned seen = 0;
	int more = 1;

	for (*count = 0; more > 0;) {
		int column;

		more = csv_cell(c, cell, e);
		if (more < 0)
			return more;
		column = find_column(cell);
		if (column < 0 || (seen & 1u << column) != 0)
			return err_set(e, -EINVAL,
			    "column \"%.40s\" is unknown or doubled; the header line is "
			    "server,tenant,plan,virtualization,interfaces,macs,addresses[,contact,"
			    "lang,"
			    "mode]",
			    cell);
		seen |= 1u << column;
		columns[(*count)++] = (uint8_t)column;
	}
	if ((seen & 1u << COLUMN_SERVER) == 0)
		return err_set(e, -EINVAL, "the header line has no column \"server\"");
	return 0;
}

/* Splits a list cell at ';'. */
static int
csv_values(struct server *s, unsigned column, char *cell, struct err *e)
{
	char *rest = cell, *item;

	if (!column_is_list(column))
		return set_value(s, column, cell, e);
	while ((item = strsep(&rest, ";")) != NULL) {
		size_t length;
		int rc;

		item += strspn(item, " \t");
		for (length = strlen(item); length > 0 && item[length - 1] == ' '; length--)
			item[length - 1] = '\0';
		rc = item[0] != '\0' ? set_value(s, column, item, e) : 0;
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
csv_row(struct inventory *inv, struct csv *c, const uint8_t *columns, unsigned count, struct err *e)
{
	char cell[CSV_CELL_BYTES];
	struct server s = {0};
	int more = 1, rc = 0;

	for (unsigned i = 0; more > 0 && rc == 0; i++) {
		more = csv_cell(c, cell, e);
		if (more < 0)
			return more;
		if (i >= count)
			return err_set(
			    e, -EINVAL, "more cells than the %u columns of the header", count);
		rc = csv_values(&s, columns[i], cell, e);
	}
	if (rc == 0 && inventory_find(inv, s.name) >= 0)
		return err_set(
		    e, -EEXIST, "server %s is there twice; give each server one line", s.name);
	return rc == 0 ? inventory_put(inv, &s, e) : rc;
}

static int
parse_csv(struct inventory *inv, const char *file, const char *text, size_t size, struct err *e)
{
	struct csv c = {.at = text, .end = text + size, .line = 1};
	uint8_t columns[COLUMN__COUNT];
	unsigned count = 0;

	for (; c.at < c.end; csv_next_line(&c)) {
		int rc;

		if (csv_is_blank(&c))
			continue;
		rc = count == 0 ? csv_header(&c, columns, &count, e)
				: csv_row(inv, &c, columns, count, e);
		if (rc < 0) {
			err_wrap(e, "%s:%u", file, c.line);
			return rc;
		}
	}
	return count > 0 ? 0
			 : err_set(e, -EINVAL,
			       "%s:1: the file is empty; begin with a header line "
			       "server,tenant,plan,virtualization,interfaces,macs,addresses",
			       file);
}

/* --- JSON --- */

/* The line on which element `n` of the top array begins; the text is known to be well formed. */
static unsigned
json_line(const char *text, size_t size, size_t n)
{
	unsigned line = 1, depth = 0;
	bool in_text = false;

	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\n')
			line++;
		if (in_text) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				in_text = false;
			continue;
		}
		if (text[i] == '"')
			in_text = true;
		if (text[i] == '[' || text[i] == '{') {
			if (depth++ == 1 && n-- == 0)
				return line;
		} else if (text[i] == ']' || text[i] == '}') {
			depth--;
		}
	}
	return line;
}

static int
json_text(struct server *s, unsigned column, const json_t *value, struct err *e)
{
	if (!json_is_string(value) || json_string_length(value) != strlen(json_string_value(value)))
		return err_set(e, -EINVAL, "\"%s\" is not text", column_names[column]);
	return set_value(s, column, json_string_value(value), e);
}

static int
json_member(struct server *s, const char *key, const json_t *value, struct err *e)
{
	int column = find_column(key), rc = 0;

	if (column < 0)
		return err_set(e, -EINVAL, "key \"%.40s\" is unknown", key);
	if (!column_is_list((unsigned)column))
		return json_text(s, (unsigned)column, value, e);
	if (!json_is_array(value))
		return err_set(e, -EINVAL, "\"%s\" is not an array", key);
	for (size_t i = 0; i < json_array_size(value) && rc == 0; i++)
		rc = json_text(s, (unsigned)column, json_array_get(value, i), e);
	return rc;
}

static int
json_server(struct inventory *inv, json_t *object, struct err *e)
{
	struct server s = {0};
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		return err_set(e, -EINVAL, "an element of the array is not an object");
	json_object_foreach (object, key, value) {
		int rc = json_member(&s, key, value, e);

		if (rc != 0)
			return rc;
	}
	if (s.name[0] != '\0' && inventory_find(inv, s.name) >= 0)
		return err_set(
		    e, -EEXIST, "server %s is there twice; give each server one object", s.name);
	return inventory_put(inv, &s, e);
}

static int
parse_json(struct inventory *inv, const char *file, const char *text, size_t size, struct err *e)
{
	json_error_t error;
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	int rc = 0;

	if (root == NULL)
		return err_set(e, -EINVAL, "%s:%d: %s", file, error.line, error.text);
	if (!json_is_array(root)) {
		json_decref(root);
		return err_set(e, -EINVAL, "%s:1: not an array of servers", file);
	}
	for (size_t i = 0; i < json_array_size(root) && rc >= 0; i++) {
		rc = json_server(inv, json_array_get(root, i), e);
		if (rc < 0)
			err_wrap(e, "%s:%u", file, json_line(text, size, i));
	}
	json_decref(root);
	return rc < 0 ? rc : 0;
}

int
inventory_parse(
    struct inventory **out, const char *file, const char *text, size_t size, struct err *e)
{
	struct inventory *inv;
	size_t i = 0;
	int rc;

	if (size > FILE_MAX_BYTES)
		return err_set(e, -EFBIG, "%s: larger than 64 MiB; split it", file);
	if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
		text += 3;
		size -= 3;
	}
	rc = inventory_new(&inv, e);
	if (rc != 0)
		return rc;
	while (i < size && strchr(" \t\r\n", text[i]) != NULL && text[i] != '\0')
		i++;
	if (i < size && (text[i] == '[' || text[i] == '{'))
		rc = parse_json(inv, file, text, size, e);
	else
		rc = parse_csv(inv, file, text, size, e);
	if (rc != 0) {
		inventory_free(inv);
		return rc;
	}
	*out = inv;
	return 0;
}
