/* SPDX-License-Identifier: ISC */
/*
 * What people set: inventory, mode, settings.  Each change is one transaction with its entry in
 * the ledger; the judge follows, and the kernel follows with the next reconcile.  bulkhead-guard
 * (judge).
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "policy/ctl_json.h"
#include "policy/guard_private.h"

/* --- inventory
 * --------------------------------------------------------------------------------------- */

static bool
is_same_server(const struct server *a, const struct server *b)
{
	if (strcmp(a->tenant, b->tenant) != 0 || strcmp(a->plan, b->plan) != 0 ||
	    strcmp(a->mode, b->mode) != 0 || strcmp(a->contact, b->contact) != 0 ||
	    strcmp(a->lang, b->lang) != 0 || a->virtualization != b->virtualization ||
	    a->ifname_count != b->ifname_count || a->mac_count != b->mac_count ||
	    a->prefix_count != b->prefix_count)
		return false;
	for (unsigned i = 0; i < a->ifname_count; i++)
		if (strcmp(a->ifnames[i], b->ifnames[i]) != 0)
			return false;
	for (unsigned i = 0; i < a->prefix_count; i++)
		if (!addr_equal(&a->prefixes[i].addr, &b->prefixes[i].addr) ||
		    a->prefixes[i].bits != b->prefixes[i].bits)
			return false;
	return memcmp(a->macs, b->macs, a->mac_count * sizeof(a->macs[0])) == 0;
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
			rc = store_remove_server(g->store, name, e);
		/* A server that only the open inventory knew has no row. */
		rc = rc == -ENOENT ? 0 : rc;
	}
	for (unsigned i = 0; rc == 0 && i < inventory_count(fresh); i++) {
		const struct server *s = inventory_get(fresh, i);
		int old = inventory_find(g->inventory, s->name);

		if (old >= 0 && is_same_server(s, inventory_get(g->inventory, (unsigned)old))) {
			done->unchanged++;
			continue;
		}
		done->added += old < 0;
		done->changed += old >= 0;
		rc = store_put_server(g->store, s, e);
	}
	return rc;
}

/* The database, the judge and the guard change from one inventory to another, or none of them does.
 * Takes fresh when it returns 0.  `mode_of`: the server whose mode may have changed, or NULL. */
static int
change_inventory(struct guard *g, const char *actor, const char *action, const char *subject,
    json_t *detail, struct inventory *fresh, const char *mode_of, struct guard_import *done,
    struct err *e)
{
	struct inventory *old = g->inventory;
	int rc = store_begin(g->store, e);

	if (rc < 0) {
		json_decref(detail);
		return rc;
	}
	rc = store_changes(g, actor, fresh, done, e);
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
		if (!is_same_server(&s, inventory_get(fresh, i)))
			rc = inventory_put(fresh, &s, e);
	}
	return rc < 0 ? rc : 0;
}

static json_t *
import_detail(const char *file, const char *text, size_t size)
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
		    import_detail(file, text, size), fresh, NULL, &done, e);
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

/* --- mode and settings
 * ------------------------------------------------------------------------------- */

static void
set_mode(struct settings *s, const char *mode)
{
	snprintf(s->policy.mode, sizeof(s->policy.mode), "%s", mode);
}

/*
 * The newest word counts: what a person said with `bulkhead mode` holds over restarts, until the
 * file is changed to say something else than it did at that time.
 */
int
guard_load_mode(struct guard *g, struct err *e)
{
	char said[16], file[16];
	int rc;

	snprintf(g->mode_of_file, sizeof(g->mode_of_file), "%s", g->settings.policy.mode);
	rc = store_get_meta(g->store, "mode", said, sizeof(said), e);
	if (rc == 0)
		rc = store_get_meta(g->store, "mode_of_file", file, sizeof(file), e);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (rc == 0 && strcmp(file, g->mode_of_file) == 0)
		set_mode(&g->settings, said);
	if (strcmp(g->settings.policy.mode, "enforce") == 0 &&
	    (g->enforce == NULL || g->open_inventory)) {
		log_event(LOG_LEVEL_WARN, "guard.mode", "from=enforce to=observe why=%s",
		    g->open_inventory ? "no-inventory" : "no-enforcer");
		set_mode(&g->settings, "observe");
	}
	return 0;
}

int
guard_set_mode(struct guard *g, const char *actor, const char *mode, struct err *e)
{
	struct settings fresh = g->settings;
	struct settings old = g->settings;
	int rc;

	if (strcmp(mode, "observe") != 0 && strcmp(mode, "enforce") != 0)
		return err_set(e, -EINVAL, "the mode is observe or enforce, not \"%.40s\"", mode);
	if (strcmp(mode, "enforce") == 0 && g->open_inventory)
		return err_set(e, -EPERM,
		    "a guard that watches an interface without an inventory never enforces: import "
		    "an inventory "
		    "and start it without --watch");
	if (strcmp(mode, "enforce") == 0 && g->enforce == NULL)
		return err_set(e, -EPERM,
		    "this guard cannot enforce, because it was started without CAP_NET_ADMIN: "
		    "start it as root");
	set_mode(&fresh, mode);
	rc = store_begin(g->store, e);
	if (rc < 0)
		return rc;
	rc = store_put_meta(g->store, "mode", mode, e);
	if (rc == 0)
		rc = store_put_meta(g->store, "mode_of_file", g->mode_of_file, e);
	if (rc == 0)
		rc = guard_write_ledger(g, actor, "mode", "guard",
		    json_pack("{s:s, s:s}", "from", old.policy.mode, "to", mode), e);
	g->settings = fresh;
	if (rc == 0)
		rc = guard_align_cases(g, NULL, actor, e);
	if (rc == 0)
		rc = store_commit(g->store, e);
	else
		store_rollback(g->store);
	if (rc < 0) {
		g->settings = old;
		return rc;
	}
	judge_set_settings(g->judge, &g->settings);
	g->need_reconcile = true;
	log_event(LOG_LEVEL_INFO, "guard.mode", "from=%s to=%s", old.policy.mode, mode);
	return 0;
}

/* Rows that were used up before the jail was closed: a change needs a restart. */
#define FIXED_ROW(member)                                                                          \
	{                                                                                          \
#member, offsetof(struct settings, member), sizeof(((struct settings *)0)->member) \
	}

static const struct {
	const char *key;
	size_t offset, size;
} fixed_rows[] = {
    FIXED_ROW(run_dir),
    FIXED_ROW(state_dir),
    FIXED_ROW(user),
    FIXED_ROW(table),
    FIXED_ROW(relays),
    FIXED_ROW(interfaces),
    FIXED_ROW(ignore),
    FIXED_ROW(group_view),
    FIXED_ROW(group_support),
    FIXED_ROW(group_abuse),
    FIXED_ROW(group_admin),
    FIXED_ROW(evidence_max_mib),
    FIXED_ROW(notify_user),
};

static void
keep_fixed(struct settings *fresh, const struct settings *old, char *fixed, size_t size)
{
	size_t used = 0;

	fixed[0] = '\0';
	for (size_t i = 0; i < sizeof(fixed_rows) / sizeof(fixed_rows[0]); i++) {
		char *to = (char *)fresh + fixed_rows[i].offset;
		const char *from = (const char *)old + fixed_rows[i].offset;
		int n;

		if (memcmp(to, from, fixed_rows[i].size) == 0)
			continue;
		memcpy(to, from, fixed_rows[i].size);
		n = snprintf(
		    fixed + used, size - used, "%s%s", used > 0 ? "," : "", fixed_rows[i].key);
		if (n > 0 && (size_t)n < size - used)
			used += (size_t)n;
	}
}

int
guard_reload(
    struct guard *g, const struct settings *settings, char *fixed, size_t size, struct err *e)
{
	struct settings fresh = *settings;
	char mode[16];

	keep_fixed(&fresh, &g->settings, fixed, size);
	snprintf(mode, sizeof(mode), "%s", fresh.policy.mode);
	set_mode(&fresh, g->settings.policy.mode);
	g->settings = fresh;
	judge_set_settings(g->judge, &g->settings);
	g->need_reconcile = true;
	if (strcmp(mode, g->mode_of_file) == 0)
		return 0;
	snprintf(g->mode_of_file, sizeof(g->mode_of_file), "%s", mode);
	return guard_set_mode(g, GUARD_ACTOR, mode, e);
}
