/* SPDX-License-Identifier: ISC */
/*
 * What people say about servers: the inventory.  Each change is one transaction with its entry in
 * the ledger; the judge follows, and the kernel follows with the next reconcile.  bulkhead-guard
 * (judge).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "policy/ctl_json.h"
#include "policy/guard_private.h"

/* --- inventory
 * --------------------------------------------------------------------------------------- */

bool
guard_is_same_server(const struct server *a, const struct server *b)
{
	return strcmp(a->tenant, b->tenant) == 0 && strcmp(a->plan, b->plan) == 0 &&
	       strcmp(a->mode, b->mode) == 0 && strcmp(a->contact, b->contact) == 0 &&
	       strcmp(a->lang, b->lang) == 0 && a->virtualization == b->virtualization &&
	       inventory_is_found_alike(a, b);
}

static int
copy_inventory(struct inventory **out, const struct inventory *inv, struct err *e)
{
	struct inventory *copy;
	int rc = inventory_new(&copy, e);

	if (rc < 0)
		return rc;
	for (unsigned i = 0; rc >= 0 && i < inventory_count(inv); i++)
		rc = inventory_put(copy, inventory_get(inv, i), e);
	if (rc < 0) {
		inventory_free(copy);
		return rc;
	}
	*out = copy;
	return 0;
}

/* Inside a transaction: rows of the database from the old inventory to the new one. */
static int
store_changes(struct guard *g, const char *actor, const struct inventory *fresh,
    struct guard_import *done, struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < inventory_count(g->inventory); i++) {
		const char *name = inventory_get(g->inventory, i)->name;

		if (inventory_find(fresh, name) >= 0)
			continue;
		done->removed++;
		rc = guard_end_case(g, actor, name, "the server was removed", e);
		if (rc == 0)
			rc = store_put_addresses(g->store, name, NULL, g->now_ns, e);
		if (rc == 0)
			rc = store_remove_server(g->store, name, e);
		/* A server that only the open inventory knew has no row. */
		rc = rc == -ENOENT ? 0 : rc;
	}
	for (unsigned i = 0; rc == 0 && i < inventory_count(fresh); i++) {
		const struct server *s = inventory_get(fresh, i);
		int old = inventory_find(g->inventory, s->name);

		if (old >= 0 &&
		    guard_is_same_server(s, inventory_get(g->inventory, (unsigned)old))) {
			done->unchanged++;
			continue;
		}
		done->added += old < 0;
		done->changed += old >= 0;
		rc = store_put_server(g->store, s, e);
		/* Whose an address was is asked by complaints, days later. */
		if (rc == 0 && (old < 0 || !inventory_is_found_alike(
					       s, inventory_get(g->inventory, (unsigned)old))))
			rc = store_put_addresses(g->store, s->name, s, g->now_ns, e);
	}
	return rc;
}

static int
change_inventory(struct guard *g, const char *actor, const char *action, const char *subject,
    json_t *detail, struct inventory *fresh, const char *mode_of, struct guard_import *done,
    struct err *e)
{
	return guard_change_inventory(
	    g, actor, action, subject, detail, fresh, mode_of, NULL, done, e);
}

int
guard_change_inventory(struct guard *g, const char *actor, const char *action, const char *subject,
    json_t *detail, struct inventory *fresh, const char *mode_of,
    const struct guard_discovery *told, struct guard_import *done, struct err *e)
{
	struct inventory *old = g->inventory;
	int rc = store_begin(g->store, e);

	if (rc < 0) {
		json_decref(detail);
		return rc;
	}
	rc = store_changes(g, actor, fresh, done, e);
	if (rc == 0 && told != NULL)
		rc = store_put_discovery(g->store, told->source, told->text, e);
	json_object_set_new(detail, "added", json_integer(done->added));
	json_object_set_new(detail, "changed", json_integer(done->changed));
	json_object_set_new(detail, "removed", json_integer(done->removed));
	if (rc == 0)
		rc = guard_write_ledger(g, actor, action, subject, detail, e);
	else
		json_decref(detail);
	if (rc == 0)
		rc = judge_set_inventory(g->judge, fresh, e);
	if (rc < 0) {
		store_rollback(g->store);
		return rc;
	}
	g->inventory = fresh;
	if (mode_of != NULL)
		rc = guard_align_cases(g, mode_of, actor, e);
	if (rc == 0)
		rc = store_commit(g->store, e);
	else
		store_rollback(g->store);
	if (rc < 0) {
		judge_set_inventory(g->judge, old, NULL);
		g->inventory = old;
		return rc;
	}
	inventory_free(old);
	g->save_cursor = 0;
	g->covers_stale = true;
	g->need_reconcile = true;
	log_event(LOG_LEVEL_INFO, "guard.inventory", "added=%u changed=%u removed=%u servers=%u",
	    done->added, done->changed, done->removed, inventory_count(fresh));
	return 0;
}

/* The file knows nothing of modes, and may lack contact and language: those stay. */
static int
keep_settings(const struct guard *g, struct inventory *fresh, struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; rc >= 0 && i < inventory_count(fresh); i++) {
		struct server s = *inventory_get(fresh, i);
		int index = inventory_find(g->inventory, s.name);
		const struct server *old;

		if (index < 0)
			continue;
		old = inventory_get(g->inventory, (unsigned)index);
		snprintf(s.mode, sizeof(s.mode), "%s", old->mode);
		if (s.contact[0] == '\0')
			snprintf(s.contact, sizeof(s.contact), "%s", old->contact);
		if (s.lang[0] == '\0')
			snprintf(s.lang, sizeof(s.lang), "%s", old->lang);
		if (!guard_is_same_server(&s, inventory_get(fresh, i)))
			rc = inventory_put(fresh, &s, e);
	}
	return rc < 0 ? rc : 0;
}

json_t *
guard_import_detail(const char *file, const char *text, size_t size)
{
	char sha256[HASH_SHA256_HEX];

	hash_sha256_hex(sha256, text, size);
	return json_pack("{s:o, s:s}", "file", ctl_json_text(file), "sha256", sha256);
}

static json_t *
server_detail(const struct server *s)
{
	json_t *interfaces = json_array(), *macs = json_array(), *addresses = json_array();
	char text[ADDR_TEXT_BYTES];

	for (unsigned i = 0; i < s->ifname_count; i++)
		json_array_append_new(interfaces, ctl_json_text(s->ifnames[i]));
	for (unsigned i = 0; i < s->mac_count; i++)
		json_array_append_new(macs, json_string(mac_format(text, &s->macs[i])));
	for (unsigned i = 0; i < s->prefix_count; i++)
		json_array_append_new(
		    addresses, json_string(addr_prefix_format(text, &s->prefixes[i])));
	return json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "tenant", ctl_json_text(s->tenant),
	    "plan", ctl_json_text(s->plan), "mode", ctl_json_text(s->mode), "virtualization",
	    virtualization_name(s->virtualization), "interfaces", interfaces, "macs", macs,
	    "addresses", addresses);
}

int
guard_import(struct guard *g, const char *actor, const char *file, const char *text, size_t size,
    struct guard_import *out, struct err *e)
{
	struct guard_import done = {0};
	struct inventory *fresh;
	int rc = inventory_parse(&fresh, file, text, size, e);

	if (rc < 0)
		return rc;
	rc = keep_settings(g, fresh, e);
	if (rc == 0)
		rc = change_inventory(g, actor, "server.import", "inventory",
		    guard_import_detail(file, text, size), fresh, NULL, &done, e);
	if (rc < 0) {
		inventory_free(fresh);
		return rc;
	}
	*out = done;
	return 0;
}

int
guard_put_server(struct guard *g, const char *actor, const struct server *server, struct err *e)
{
	struct guard_import done = {0};
	struct inventory *fresh;
	char name[INVENTORY_NAME_BYTES];
	int rc = copy_inventory(&fresh, g->inventory, e);

	if (rc < 0)
		return rc;
	snprintf(name, sizeof(name), "%s", server->name);
	rc = inventory_put(fresh, server, e);
	if (rc >= 0)
		rc = change_inventory(
		    g, actor, "server.set", name, server_detail(server), fresh, name, &done, e);
	if (rc < 0)
		inventory_free(fresh);
	return rc < 0 ? rc : 0;
}

int
guard_remove_server(struct guard *g, const char *actor, const char *name, struct err *e)
{
	struct guard_import done = {0};
	struct inventory *fresh;
	char subject[INVENTORY_NAME_BYTES];
	int rc = copy_inventory(&fresh, g->inventory, e);

	if (rc < 0)
		return rc;
	/* The name may lie in the inventory that is about to go. */
	snprintf(subject, sizeof(subject), "%s", name);
	rc = inventory_remove(fresh, subject);
	if (rc < 0)
		err_set(e, rc, "there is no server \"%s\": see bulkhead server list", subject);
	else
		rc = change_inventory(
		    g, actor, "server.remove", subject, json_object(), fresh, NULL, &done, e);
	if (rc < 0)
		inventory_free(fresh);
	return rc < 0 ? rc : 0;
}
