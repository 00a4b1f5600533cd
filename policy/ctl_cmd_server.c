/* SPDX-License-Identifier: ISC */
/*
 * The commands server.*: what exists, and whose it is.  bulkhead-guard (judge process).
 */
#include <errno.h>
#include <string.h>

#include "policy/ctl.h"
#include "policy/ctl_json.h"
#include "policy/guard.h"
#include "policy/score_json.h"

/* Servers in one reply: with about 1 KB each, a page stays far below SOCK_FRAME_MAX. */
#define PAGE_SERVERS 4096

/* args {from?}: index of the first; the reply has "next" when there are more. */
static int
server_list(const struct ctl_call *call, json_t **data, struct err *e)
{
	unsigned count = inventory_count(call->guard->inventory), last;
	json_t *servers;
	int64_t from = 0;
	int rc = ctl_arg_int_opt(call, "from", &from, e);

	if (rc < 0)
		return rc;
	if (from < 0 || from > count)
		from = count;
	last = count - (unsigned)from > PAGE_SERVERS ? (unsigned)from + PAGE_SERVERS : count;
	servers = json_array();
	for (unsigned i = (unsigned)from; i < last; i++) {
		json_t *one;

		rc = ctl_json_server(call->guard, i, &one, e);
		if (rc < 0) {
			json_decref(servers);
			return rc;
		}
		json_array_append_new(servers, one);
	}
	*data = json_pack("{s:o}", "servers", servers);
	if (last < count)
		json_object_set_new(*data, "next", json_integer(last));
	return 0;
}

#define CASES_SHOWN 20

/* Its id, and the line. */
static int
add_case(void *arg, const struct store_case *c)
{
	json_t **lists = arg;

	json_array_append_new(lists[0], ctl_json_text(c->case_id));
	json_array_append_new(lists[1], ctl_json_case(c));
	return 0;
}

static int
server_show(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct judge_view view;
	struct store_case_filter filter = {.limit = CASES_SHOWN};
	json_t *s = NULL, *lists[2];
	unsigned index = 0;
	int rc = ctl_arg_server(call, &index, e);

	if (rc == 0)
		rc = ctl_json_server(call->guard, index, &s, e);
	if (rc < 0)
		return rc;
	judge_get(call->guard->judge, index, &view); /* just succeeded in ctl_json_server() */
	json_object_set_new(s, "counts", ctl_json_counts(&view.counts));
	json_object_set_new(s, "bulk", score_json_whole(&view.score[QUESTION_BULK]));
	json_object_set_new(s, "abuse", score_json_whole(&view.score[QUESTION_ABUSE]));
	json_object_set_new(s, "samples", score_json_samples(&view));
	json_object_set_new(s, "grant_used",
	    ctl_json_grant(call->guard, json_integer_value(json_object_get(s, "grant"))));
	json_object_set_new(s, "outgoing", ctl_json_outgoing(&view.outgoing));
	json_object_set_new(s, "last_activity", ctl_json_time(view.last_activity_ns));
	filter.server = inventory_get(call->guard->inventory, index)->name;
	lists[0] = json_array();
	lists[1] = json_array();
	json_object_set_new(s, "cases", lists[0]);
	json_object_set_new(s, "case_list", lists[1]);
	rc = store_list_cases(call->guard->store, &filter, add_case, lists, e);
	if (rc < 0) {
		json_decref(s);
		return rc;
	}
	*data = s;
	return 0;
}

static int
server_import(const struct ctl_call *call, json_t **data, struct err *e)
{
	const char *file = "", *text = "";
	struct guard_import done = {0};
	int rc = ctl_arg_text(call, "file", &file, e);

	if (rc == 0)
		rc = ctl_arg_text(call, "text", &text, e);
	if (rc == 0)
		rc = guard_import(call->guard, call->actor, file, text, strlen(text), &done, e);
	if (rc < 0)
		return rc;
	*data = json_pack("{s:i, s:i, s:i, s:i, s:i}", "added", (int)done.added, "changed",
	    (int)done.changed, "removed", (int)done.removed, "unchanged", (int)done.unchanged,
	    "servers", (int)inventory_count(call->guard->inventory));
	return 0;
}

/* args {source, text, remove_vanished?}: see policy/inventory_merge.h. */
static int
server_merge(const struct ctl_call *call, json_t **data, struct err *e)
{
	const char *source = "", *text = "";
	struct guard_import done = {0};
	bool remove = false;
	int rc = ctl_arg_text(call, "source", &source, e);

	if (rc == 0)
		rc = ctl_arg_text(call, "text", &text, e);
	if (rc == 0)
		rc = ctl_arg_bool_opt(call, "remove_vanished", &remove, e);
	if (rc == 0 && (source[0] == '\0' || strlen(source) > 200))
		rc = err_set(e, -EINVAL, "a source has a name of 1 to 200 bytes");
	if (rc == 0)
		rc = guard_merge(
		    call->guard, call->actor, source, text, strlen(text), remove, &done, e);
	if (rc < 0)
		return rc;
	*data = json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "added", (int)done.added, "changed",
	    (int)done.changed, "removed", (int)done.removed, "unchanged", (int)done.unchanged,
	    "vanished", (int)done.vanished, "servers",
	    (int)inventory_count(call->guard->inventory));
	return 0;
}

/* A plain text column of the inventory. */
static int
set_text(char *field, size_t size, const char *key, const char *value, struct err *e)
{
	if (strlen(value) >= size)
		return err_set(e, -EINVAL, "%s is longer than %zu characters", key, size - 1);
	memcpy(field, value, strlen(value) + 1);
	return 0;
}

static int
set_interface(struct server *s, const char *item, struct err *e)
{
	if (s->ifname_count == INVENTORY_IFNAMES_MAX)
		return err_set(
		    e, -EINVAL, "a server has at most %d interfaces", INVENTORY_IFNAMES_MAX);
	return set_text(
	    s->ifnames[s->ifname_count++], OBS_IFNAME_BYTES, "an interface name", item, e);
}

static int
set_mac(struct server *s, const char *item, struct err *e)
{
	if (s->mac_count == INVENTORY_MACS_MAX)
		return err_set(
		    e, -EINVAL, "a server has at most %d MAC addresses", INVENTORY_MACS_MAX);
	if (mac_parse(item, &s->macs[s->mac_count]) < 0)
		return err_set(
		    e, -EINVAL, "\"%s\" is no MAC address: write it as 52:54:00:12:34:56", item);
	s->mac_count++;
	return 0;
}

static int
set_prefix(struct server *s, const char *item, struct err *e)
{
	if (s->prefix_count == INVENTORY_PREFIXES_MAX)
		return err_set(
		    e, -EINVAL, "a server has at most %d addresses", INVENTORY_PREFIXES_MAX);
	if (addr_prefix_parse(item, &s->prefixes[s->prefix_count]) < 0)
		return err_set(e, -EINVAL,
		    "\"%s\" is no address or prefix: write it as 192.0.2.7 or 2001:db8:7::/64",
		    item);
	s->prefix_count++;
	return 0;
}

/* Several values in one cell, separated by ';' as in the inventory file. */
static int
set_list(struct server *s, const char *value,
    int (*set_one)(struct server *, const char *, struct err *), struct err *e)
{
	char copy[1024];
	char *item, *rest = copy;
	int rc = set_text(copy, sizeof(copy), "the list", value, e);

	while (rc == 0 && (item = strsep(&rest, "; ")) != NULL)
		if (item[0] != '\0')
			rc = set_one(s, item, e);
	return rc;
}

static int
set_virtualization(struct server *s, const char *value, struct err *e)
{
	for (unsigned v = 0; v < VIRT__COUNT; v++) {
		if (strcmp(virtualization_name(v), value) == 0) {
			s->virtualization = (uint8_t)v;
			return 0;
		}
	}
	return err_set(e, -EINVAL,
	    "virtualization is kvm, container, dedicated or unknown, not \"%s\"", value);
}

static int
set_mode(struct server *s, const char *value, struct err *e)
{
	if (value[0] != '\0' && strcmp(value, "observe") != 0 && strcmp(value, "enforce") != 0)
		return err_set(e, -EINVAL,
		    "mode is observe, enforce, or empty for the global mode, not \"%s\"", value);
	return set_text(s->mode, sizeof(s->mode), "mode", value, e);
}

static int
set_key(struct server *s, const char *key, const char *value, struct err *e)
{
	if (strcmp(key, "tenant") == 0)
		return set_text(s->tenant, sizeof(s->tenant), key, value, e);
	if (strcmp(key, "plan") == 0)
		return set_text(s->plan, sizeof(s->plan), key, value, e);
	if (strcmp(key, "contact") == 0)
		return set_text(s->contact, sizeof(s->contact), key, value, e);
	if (strcmp(key, "lang") == 0)
		return set_text(s->lang, sizeof(s->lang), key, value, e);
	if (strcmp(key, "mode") == 0)
		return set_mode(s, value, e);
	if (strcmp(key, "virtualization") == 0)
		return set_virtualization(s, value, e);
	if (strcmp(key, "interfaces") == 0) {
		s->ifname_count = 0;
		return set_list(s, value, set_interface, e);
	}
	if (strcmp(key, "macs") == 0) {
		s->mac_count = 0;
		return set_list(s, value, set_mac, e);
	}
	if (strcmp(key, "addresses") == 0) {
		s->prefix_count = 0;
		return set_list(s, value, set_prefix, e);
	}
	return err_set(e, -EINVAL,
	    "a server has no \"%s\": it has tenant, plan, mode, contact, lang, virtualization, "
	    "interfaces, macs and addresses",
	    key);
}

/* args {server, set:{key:value}, new?}: with new, the server must not exist yet; else it must. */
static int
server_set(const struct ctl_call *call, json_t **data, struct err *e)
{
	struct guard *g = call->guard;
	json_t *set = json_object_get(call->args, "set");
	struct server s = {0};
	const char *name = "", *key;
	json_t *value;
	unsigned index = 0;
	bool fresh = false;
	int rc = ctl_arg_text(call, "server", &name, e);

	if (rc == 0)
		rc = ctl_arg_bool_opt(call, "new", &fresh, e);
	if (rc < 0)
		return rc;
	if (fresh && inventory_find(g->inventory, name) >= 0)
		return err_set(
		    e, -EEXIST, "the server \"%.64s\" exists: change it without --new", name);
	if (fresh)
		rc = set_text(s.name, sizeof(s.name), "the name", name, e);
	else if ((rc = ctl_find_server(g, name, &index, e)) == 0)
		s = *inventory_get(g->inventory, index);
	if (rc < 0)
		return rc;
	if (!json_is_object(set))
		return err_set(e, -EINVAL, "the request lacks the argument \"set\" (an object)");
	json_object_foreach (set, key, value) {
		if (!json_is_string(value))
			return err_set(e, -EINVAL, "the value of \"%s\" is not a text", key);
		rc = set_key(&s, key, json_string_value(value), e);
		if (rc < 0)
			return rc;
	}
	rc = guard_put_server(g, call->actor, &s, e);
	if (rc == 0)
		rc = ctl_find_server(g, s.name, &index, e);
	return rc < 0 ? rc : ctl_json_server(g, index, data, e);
}

static int
server_remove(const struct ctl_call *call, json_t **data, struct err *e)
{
	char name[INVENTORY_NAME_BYTES];
	unsigned index;
	int rc = ctl_arg_server(call, &index, e);

	if (rc < 0)
		return rc;
	memcpy(name, inventory_get(call->guard->inventory, index)->name, sizeof(name));
	rc = guard_remove_server(call->guard, call->actor, name, e);
	if (rc < 0)
		return rc;
	*data = json_pack("{s:o}", "removed", ctl_json_text(name));
	return 0;
}

const struct ctl_command ctl_commands_server[] = {
    {"server.list", CTL_ROLE_VIEW, server_list},
    {"server.show", CTL_ROLE_VIEW, server_show},
    {"server.import", CTL_ROLE_ABUSE, server_import},
    {"server.merge", CTL_ROLE_ABUSE, server_merge},
    {"server.set", CTL_ROLE_ABUSE, server_set},
    {"server.remove", CTL_ROLE_ABUSE, server_remove},
    {NULL, CTL_ROLE_NONE, NULL},
};
