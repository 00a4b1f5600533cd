/* SPDX-License-Identifier: ISC */
/*
 * Servers in the database: one row each, lists joined with ';' as in the inventory file.
 * bulkhead-guard.
 */
#include "policy/store_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The longest cell: 16 prefixes. */
#define CELL_BYTES (INVENTORY_PREFIXES_MAX * (ADDR_TEXT_BYTES + 1))

struct cell {
	char text[CELL_BYTES];
	size_t used;
};

static void
cell_add(struct cell *c, const char *item)
{
	int n = snprintf(
	    c->text + c->used, sizeof(c->text) - c->used, "%s%s", c->used > 0 ? ";" : "", item);

	if (n > 0 && (size_t)n < sizeof(c->text) - c->used)
		c->used += (size_t)n;
	else
		c->text[c->used] = '\0';
}

int
store_put_server(struct store *st, const struct server *server, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_SERVER_PUT);
	struct cell interfaces = {.used = 0}, macs = {.used = 0}, addresses = {.used = 0};
	char buf[ADDR_TEXT_BYTES];

	for (unsigned i = 0; i < server->ifname_count; i++)
		cell_add(&interfaces, server->ifnames[i]);
	for (unsigned i = 0; i < server->mac_count; i++)
		cell_add(&macs, mac_format(buf, &server->macs[i]));
	for (unsigned i = 0; i < server->prefix_count; i++)
		cell_add(&addresses, addr_prefix_format(buf, &server->prefixes[i]));
	store_bind_text(s, 1, server->name);
	store_bind_text(s, 2, server->tenant);
	store_bind_text(s, 3, server->plan);
	store_bind_text(s, 4, server->mode);
	store_bind_text(s, 5, server->contact);
	store_bind_text(s, 6, server->lang);
	store_bind_text(s, 7, virtualization_name(server->virtualization));
	store_bind_text(s, 8, interfaces.text);
	store_bind_text(s, 9, macs.text);
	store_bind_text(s, 10, addresses.text);
	return store_run(st, s, "store a server", e);
}

int
store_remove_server(struct store *st, const char *name, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_SERVER_REMOVE);
	int rc;

	store_bind_text(s, 1, name);
	rc = store_run(st, s, "remove a server", e);
	if (rc < 0)
		return rc;
	if (sqlite3_changes(st->db) == 0)
		return err_set(e, -ENOENT, "the database holds no server \"%s\"", name);
	s = store_stmt(st, STORE_STATE_REMOVE);
	store_bind_text(s, 1, name);
	return store_run(st, s, "remove the state of a server", e);
}

/* The next item of a cell, or NULL; cuts the text. */
static const char *
cell_next(char **rest)
{
	const char *item;

	do
		item = strsep(rest, ";");
	while (item != NULL && item[0] == '\0');
	return item;
}

/* Each returns 0 or a negative errno: a row that no longer parses is damage, not a thing to skip.
 */
static int
read_interfaces(char *text, struct server *out)
{
	const char *item;

	while ((item = cell_next(&text)) != NULL) {
		if (out->ifname_count == INVENTORY_IFNAMES_MAX || strlen(item) >= OBS_IFNAME_BYTES)
			return -EINVAL;
		snprintf(out->ifnames[out->ifname_count++], OBS_IFNAME_BYTES, "%s", item);
	}
	return 0;
}

static int
read_macs(char *text, struct server *out)
{
	const char *item;

	while ((item = cell_next(&text)) != NULL) {
		if (out->mac_count == INVENTORY_MACS_MAX ||
		    mac_parse(item, &out->macs[out->mac_count]) < 0)
			return -EINVAL;
		out->mac_count++;
	}
	return 0;
}

static int
read_addresses(char *text, struct server *out)
{
	const char *item;

	while ((item = cell_next(&text)) != NULL) {
		if (out->prefix_count == INVENTORY_PREFIXES_MAX ||
		    addr_prefix_parse(item, &out->prefixes[out->prefix_count]) < 0)
			return -EINVAL;
		out->prefix_count++;
	}
	return 0;
}

static uint8_t
read_virtualization(const char *text)
{
	for (unsigned v = 0; v < VIRT__COUNT; v++)
		if (strcmp(text, virtualization_name(v)) == 0)
			return (uint8_t)v;
	return VIRT_UNKNOWN;
}

static int
read_server(sqlite3_stmt *row, struct server *out)
{
	char text[CELL_BYTES];
	int rc;

	memset(out, 0, sizeof(*out));
	store_column_text(row, 0, out->name, sizeof(out->name));
	store_column_text(row, 1, out->tenant, sizeof(out->tenant));
	store_column_text(row, 2, out->plan, sizeof(out->plan));
	store_column_text(row, 3, out->mode, sizeof(out->mode));
	store_column_text(row, 4, out->contact, sizeof(out->contact));
	store_column_text(row, 5, out->lang, sizeof(out->lang));
	store_column_text(row, 6, text, sizeof(text));
	out->virtualization = read_virtualization(text);
	store_column_text(row, 7, text, sizeof(text));
	rc = read_interfaces(text, out);
	if (rc == 0) {
		store_column_text(row, 8, text, sizeof(text));
		rc = read_macs(text, out);
	}
	if (rc == 0) {
		store_column_text(row, 9, text, sizeof(text));
		rc = read_addresses(text, out);
	}
	return rc;
}

struct load {
	struct inventory *inventory;
	struct err *e;
	const char *path;
};

static int
load_row(void *arg, sqlite3_stmt *row)
{
	const struct load *load = arg;
	struct server server;
	int rc = read_server(row, &server);

	if (rc < 0)
		return err_set(load->e, rc,
		    "%s: the row of server \"%s\" does not make sense: correct it with server "
		    "import",
		    load->path, server.name);
	rc = inventory_put(load->inventory, &server, load->e);
	return rc < 0 ? rc : 0;
}

int
store_load_inventory(struct store *st, struct inventory *out, struct err *e)
{
	struct load load = {out, e, st->path};

	return store_rows(
	    st, store_stmt(st, STORE_SERVER_EACH), "read the servers", load_row, &load, e);
}

int
store_put_discovery(struct store *st, const char *source, const char *text, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_DISCOVERY_PUT);

	store_bind_text(s, 1, source);
	store_bind_text(s, 2, text);
	return store_run(st, s, "store what a hypervisor told", e);
}

static int
keep_text(void *arg, sqlite3_stmt *row)
{
	const char *text = (const char *)sqlite3_column_text(row, 0);
	char **out = arg;

	*out = text != NULL ? strdup(text) : NULL;
	return *out != NULL ? 1 : -ENOMEM;
}

int
store_get_discovery(struct store *st, const char *source, char **text, struct err *e)
{
	sqlite3_stmt *s = store_stmt(st, STORE_DISCOVERY_GET);
	int rc;

	store_bind_text(s, 1, source);
	rc = store_rows(st, s, "read what a hypervisor told", keep_text, text, e);
	if (rc == 0)
		return err_set(e, -ENOENT, "%s has told nothing yet", source);
	return rc < 0 ? rc : 0;
}
