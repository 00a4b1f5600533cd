/* SPDX-License-Identifier: ISC */
/* Observe or enforce; see mode.h.  Pure.  bulkhead-guard, replay. */
#include "policy/mode.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_PLAN "default"

static bool
is_mode(const char *text)
{
	return strcmp(text, "observe") == 0 || strcmp(text, "enforce") == 0;
}

bool
mode_plan_next(const char **cursor, char plan[INVENTORY_PLAN_BYTES], char mode[sizeof "enforce"])
{
	char item[INVENTORY_PLAN_BYTES + 16], name[sizeof(item)], word[sizeof(item)], rest;

	if (!config_list_next(cursor, item, sizeof(item)))
		return false;
	plan[0] = mode[0] = '\0';
	if (sscanf(item, "%47s %47s %c", name, word, &rest) != 2 || !is_mode(word) ||
	    strlen(name) >= INVENTORY_PLAN_BYTES)
		return true;
	strcpy(plan, name);
	strcpy(mode, word);
	return true;
}

int
mode_plans_check(const char *list, struct err *e)
{
	char plan[INVENTORY_PLAN_BYTES], mode[sizeof "enforce"], other[INVENTORY_PLAN_BYTES];
	const char *cursor = list;

	while (mode_plan_next(&cursor, plan, mode)) {
		const char *rest = cursor;

		if (plan[0] == '\0')
			return err_set(e, -EINVAL,
			    "plan_modes: an item is not like \"name observe\" or \"name enforce\"");
		while (mode_plan_next(&rest, other, mode))
			if (strcmp(plan, other) == 0)
				return err_set(
				    e, -EINVAL, "plan_modes: the plan %s is named twice", plan);
	}
	return 0;
}

int
mode_plans_set(char *list, size_t size, const char *plan, const char *mode, struct err *e)
{
	char name[INVENTORY_PLAN_BYTES], word[sizeof "enforce"], fresh[SETTINGS_LIST_BYTES];
	const char *cursor = list;
	size_t used = 0;

	if (plan[0] == '\0' || strlen(plan) >= sizeof(name) || strpbrk(plan, " \t\n\"") != NULL)
		return err_set(e, -EINVAL, "\"%.40s\" is no name of a plan", plan);
	if (mode[0] != '\0' && !is_mode(mode))
		return err_set(e, -EINVAL, "the mode is observe or enforce, not \"%.40s\"", mode);
	fresh[0] = '\0';
	while (mode_plan_next(&cursor, name, word))
		if (name[0] != '\0' && strcmp(name, plan) != 0)
			used += (size_t)snprintf(fresh + used, sizeof(fresh) - used, "%s%s %s",
			    used > 0 ? "\n" : "", name, word);
	if (used + strlen(plan) + sizeof(word) + 2 > sizeof(fresh) || sizeof(fresh) > size)
		return err_set(e, -ENOSPC, "too many plans have a mode of their own");
	if (mode[0] != '\0')
		snprintf(fresh + used, sizeof(fresh) - used, "%s%s %s", used > 0 ? "\n" : "", plan,
		    mode);
	strcpy(list, fresh);
	return 0;
}

const char *
mode_of(const struct settings_policy *p, const struct server *s)
{
	const char *wanted = s->plan[0] != '\0' ? s->plan : DEFAULT_PLAN, *cursor = p->plan_modes;
	char plan[INVENTORY_PLAN_BYTES], mode[sizeof "enforce"];

	if (strcmp(p->preset, "observe") == 0)
		return "observe";
	if (s->mode[0] != '\0')
		return s->mode;
	while (mode_plan_next(&cursor, plan, mode))
		if (strcmp(plan, wanted) == 0)
			return strcmp(mode, "enforce") == 0 ? "enforce" : "observe";
	return p->mode;
}

bool
mode_is_enforce(const struct settings_policy *p, const struct server *s)
{
	return strcmp(mode_of(p, s), "enforce") == 0;
}
