/* SPDX-License-Identifier: ISC */
/* The judge: servers, settings and grants come and go; their state is kept.  bulkhead-guard, replay. */
#include "policy/judge_private.h"
#include "policy/mode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- settings, plans, grants --- */

/* What a server's state takes from settings and inventory. */
static void
derive_state(const struct judge *j, struct judge_state *s, const struct server *server)
{
	s->ceilings = *judge_rules_ceilings(&j->rules, server->plan);
	snprintf(s->plan, sizeof(s->plan), "%s", server->plan);
	s->observe_only = !mode_is_enforce(&j->rules.policy, server);
	s->tenant_pool = NULL; /* the tenant may be another now */
	s->tenant_mailing.serial = 0;
}

static void
derive_grants(const struct judge *j, struct judge_state *s)
{
	s->grant_count = 0;
	for (unsigned i = 0; i < j->grant_count && s->grant_count < WINDOW_GRANTS; i++)
		if (j->grants[i].state == GRANT_ACTIVE &&
		    grant_covers_server(&j->grants[i], s->name))
			s->grants[s->grant_count++] = &j->grants[i];
}

static void
derive_all(struct judge *j)
{
	for (unsigned i = 0; i < j->state_room; i++) {
		if (j->states[i] == NULL)
			continue;
		derive_state(j, j->states[i], inventory_get(j->inventory, i));
		derive_grants(j, j->states[i]);
		if (j->due_ns[i] != 0)
			j->due_ns[i] = 1; /* what stands in a shadow may step out of it */
	}
}

int
judge_new(struct judge **out, const struct settings *settings, struct inventory *inv,
    bool open_inventory, void (*on_change)(void *arg, const struct verdict_change *change),
    void *arg, struct err *e)
{
	struct judge *j = calloc(1, sizeof(*j));
	int rc;

	if (j == NULL)
		return err_set(e, -ENOMEM, "no memory for the judge");
	j->inventory = inv;
	j->open_inventory = open_inventory;
	j->on_change = on_change;
	j->arg = arg;
	rc = judge_rules_read(&j->rules, settings, e);
	if (rc != 0) {
		judge_free(j);
		return rc;
	}
	*out = j;
	return 0;
}

void
judge_free(struct judge *j)
{
	if (j == NULL)
		return;
	for (unsigned i = 0; i < j->state_room; i++)
		free(j->states[i]);
	free(j->states);
	free(j->due_ns);
	free(j->grants);
	pool_table_fini(&j->tenants);
	pool_free(j->everybody);
	free(j->names);
	free(j);
}

void
judge_set_settings(struct judge *j, const struct settings *settings)
{
	/* What does not parse was refused by judge_new() and `config check`; the old rules stay
	 * then. */
	judge_rules_read(&j->rules, settings, NULL);
	derive_all(j);
}

int
judge_set_grants(struct judge *j, const struct grant *grants, unsigned count, struct err *e)
{
	struct grant *copy = NULL;

	if (count > 0) {
		copy = malloc(count * sizeof(*copy));
		if (copy == NULL)
			return err_set(e, -ENOMEM, "no memory for %u grants", count);
		memcpy(copy, grants, count * sizeof(*copy));
	}
	free(j->grants);
	j->grants = copy;
	j->grant_count = count;
	for (unsigned i = 0; i < j->state_room; i++)
		if (j->states[i] != NULL)
			derive_grants(j, j->states[i]);
	return 0;
}

int
judge_set_inventory(struct judge *j, struct inventory *inv, struct err *e)
{
	unsigned room = inventory_count(inv);
	struct judge_state **states = calloc(room > 0 ? room : 1, sizeof(struct judge_state *));
	int64_t *due_ns = calloc(room > 0 ? room : 1, sizeof(int64_t));

	if (states == NULL || due_ns == NULL) {
		free(states);
		free(due_ns);
		return err_set(e, -ENOMEM, "no memory for the state of %u servers", room);
	}
	for (unsigned i = 0; i < j->state_room; i++) {
		int index = j->states[i] != NULL ? inventory_find(inv, j->states[i]->name) : -1;

		if (index >= 0) {
			states[index] = j->states[i];
			due_ns[index] = j->due_ns[i];
		} else {
			free(j->states[i]);
		}
	}
	free(j->states);
	free(j->due_ns);
	j->states = states;
	j->due_ns = due_ns;
	j->state_room = room;
	j->inventory = inv;
	memset(j->memo, 0, sizeof(j->memo));
	derive_all(j);
	return 0;
}

/* --- state of a server --- */

struct judge_state *
judge_find_state(const struct judge *j, unsigned index)
{
	return index < j->state_room ? j->states[index] : NULL;
}

/* As a server begins. */
static void
init_state(struct judge_state *s, const struct server *server)
{
	memset(s, 0, sizeof(*s));
	snprintf(s->name, sizeof(s->name), "%s", server->name);
	s->ladder.verdict.question = -1;
}

/* Makes room for a server with this index. */
static bool
grow(struct judge *j, unsigned index)
{
	unsigned room = index + index / 2 + 16;
	struct judge_state **states = realloc(j->states, room * sizeof(struct judge_state *));
	int64_t *due_ns;

	if (states == NULL)
		return false;
	j->states = states;
	due_ns = realloc(j->due_ns, room * sizeof(int64_t));
	if (due_ns == NULL)
		return false;
	j->due_ns = due_ns;
	memset(states + j->state_room, 0, (room - j->state_room) * sizeof(struct judge_state *));
	memset(due_ns + j->state_room, 0, (room - j->state_room) * sizeof(int64_t));
	j->state_room = room;
	return true;
}

struct judge_state *
judge_take_state(struct judge *j, unsigned index)
{
	struct judge_state *s = judge_find_state(j, index);
	const struct server *server;

	if (s != NULL || index >= inventory_count(j->inventory))
		return s;
	if (index >= j->state_room && !grow(j, index))
		return NULL;
	s = malloc(sizeof(*s));
	if (s == NULL)
		return NULL;
	server = inventory_get(j->inventory, index);
	init_state(s, server);
	derive_state(j, s, server);
	derive_grants(j, s);
	j->states[index] = s;
	return s;
}

size_t
judge_memory_per_server(void)
{
	return sizeof(struct judge_state);
}

long
judge_save(const struct judge *j, unsigned index, uint8_t *out, size_t size)
{
	const struct judge_state *s = judge_find_state(j, index);
	struct judge_state unseen;

	if (index >= inventory_count(j->inventory))
		return -ENOENT;
	if (s == NULL) {
		init_state(&unseen, inventory_get(j->inventory, index));
		s = &unseen;
	}
	return judge_state_encode(s, out, size);
}

int
judge_restore(struct judge *j, unsigned index, const uint8_t *data, size_t size)
{
	struct judge_state *s = judge_take_state(j, index);

	if (s == NULL)
		return -ENOENT;
	j->due_ns[index] = 1; /* the next tick sees whether it need be */
	return judge_state_decode(s, data, size);
}
