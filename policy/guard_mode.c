/* SPDX-License-Identifier: ISC */
/*
 * Mode and settings.  The newest word counts: what a person said with `bulkhead mode` holds over restarts, until the
 * file is changed to say something else than it did at that time.  bulkhead-guard (judge process).
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "policy/ctl_json.h"
#include "policy/guard_private.h"
#include "policy/mode.h"

/* What is kept of a person's word, each beside what the file said then. */
struct word {
	const char *key, *key_of_file;
	size_t offset, size;   /* in struct settings */
	size_t offset_of_file; /* in struct guard */
};

#define WORD(name, member, member_of_file)                                       \
	{                                                                        \
		name, name "_of_file", offsetof(struct settings, policy.member), \
		    sizeof(((struct settings *)0)->policy.member),               \
		    offsetof(struct guard, member_of_file)                       \
	}

static const struct word words[] = {
    WORD("mode", mode, mode_of_file),
    WORD("plan_modes", plan_modes, plan_modes_of_file),
};
#define WORD_COUNT (sizeof(words) / sizeof(words[0]))

static char *
word_in(struct settings *s, const struct word *w)
{
	return (char *)s + w->offset;
}

static char *
word_of_file(struct guard *g, const struct word *w)
{
	return (char *)g + w->offset_of_file;
}

static int
load_word(struct guard *g, const struct word *w, struct err *e)
{
	char said[SETTINGS_LIST_BYTES], file[SETTINGS_LIST_BYTES];
	int rc;

	memmove(word_of_file(g, w), word_in(&g->settings, w), w->size);
	rc = store_get_meta(g->store, w->key, said, sizeof(said), e);
	if (rc == 0)
		rc = store_get_meta(g->store, w->key_of_file, file, sizeof(file), e);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	if (strcmp(file, word_of_file(g, w)) == 0)
		snprintf(word_in(&g->settings, w), w->size, "%s", said);
	return 0;
}

int
guard_load_mode(struct guard *g, struct err *e)
{
	char *mode = g->settings.policy.mode;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < WORD_COUNT; i++)
		rc = load_word(g, &words[i], e);
	if (rc < 0)
		return rc;
	if (strcmp(mode, "enforce") == 0 && (g->enforce == NULL || g->open_inventory)) {
		log_event(LOG_LEVEL_WARN, "guard.mode", "from=enforce to=observe why=%s",
		    g->open_inventory ? "no-inventory" : "no-enforcer");
		snprintf(mode, sizeof(g->settings.policy.mode), "observe");
	}
	return 0;
}

static int
check_mode(const struct guard *g, const char *mode, struct err *e)
{
	if (strcmp(mode, "observe") != 0 && strcmp(mode, "enforce") != 0)
		return err_set(e, -EINVAL, "the mode is observe or enforce, not \"%.40s\"", mode);
	if (strcmp(mode, "enforce") == 0 && g->open_inventory)
		return err_set(e, -EPERM,
		    "a guard that watches an interface without an inventory never enforces: import "
		    "an inventory and start it without --watch");
	if (strcmp(mode, "enforce") == 0 && g->enforce == NULL)
		return err_set(e, -EPERM,
		    "this guard cannot enforce, because it was started without CAP_NET_ADMIN: "
		    "start it as root");
	return 0;
}

static int
store_words(struct guard *g, struct settings *fresh, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < WORD_COUNT; i++) {
		rc = store_put_meta(g->store, words[i].key, word_in(fresh, &words[i]), e);
		if (rc == 0)
			rc = store_put_meta(
			    g->store, words[i].key_of_file, word_of_file(g, &words[i]), e);
	}
	return rc;
}

/* The words, the cases that they turn and the entry, in one transaction; then judge and kernel follow. */
static int
change(struct guard *g, const char *actor, const char *subject, const char *from, const char *to,
    struct settings *fresh, struct err *e)
{
	struct settings old = g->settings;
	int rc = store_begin(g->store, e);

	if (rc < 0)
		return rc;
	rc = store_words(g, fresh, e);
	if (rc == 0)
		rc = guard_write_ledger(g, actor, "mode", subject,
		    json_pack("{s:o, s:o}", "from", ctl_json_text(from), "to", ctl_json_text(to)),
		    e);
	g->settings = *fresh;
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
	log_event(LOG_LEVEL_INFO, "guard.mode", "of=%s from=%s to=%s", subject,
	    from[0] != '\0' ? from : "inherit", to[0] != '\0' ? to : "inherit");
	return 0;
}

int
guard_set_mode(struct guard *g, const char *actor, const char *mode, struct err *e)
{
	struct settings fresh = g->settings;
	char from[sizeof(fresh.policy.mode)];
	int rc = check_mode(g, mode, e);

	if (rc < 0)
		return rc;
	snprintf(from, sizeof(from), "%s", g->settings.policy.mode);
	snprintf(fresh.policy.mode, sizeof(fresh.policy.mode), "%s", mode);
	return change(g, actor, "guard", from, mode, &fresh, e);
}

int
guard_set_plan_mode(
    struct guard *g, const char *actor, const char *plan, const char *mode, struct err *e)
{
	char name[INVENTORY_PLAN_BYTES], word[sizeof "enforce"], from[sizeof(word)] = "";
	char subject[INVENTORY_PLAN_BYTES + 8];
	struct settings fresh = g->settings;
	const char *cursor = g->settings.policy.plan_modes;
	int rc = mode[0] != '\0' ? check_mode(g, mode, e) : 0;

	if (rc == 0)
		rc = mode_plans_set(
		    fresh.policy.plan_modes, sizeof(fresh.policy.plan_modes), plan, mode, e);
	if (rc < 0)
		return rc;
	while (mode_plan_next(&cursor, name, word))
		if (strcmp(name, plan) == 0)
			strcpy(from, word);
	snprintf(subject, sizeof(subject), "plan %s", plan);
	return change(g, actor, subject, from, mode, &fresh, e);
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
    FIXED_ROW(notice),
    FIXED_ROW(notice_addresses),
    FIXED_ROW(notice_port),
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
	struct settings fresh = *settings, wanted;
	bool changed = false;
	int rc;

	keep_fixed(&fresh, &g->settings, fixed, size);
	wanted = fresh;
	for (size_t i = 0; i < WORD_COUNT; i++) {
		const struct word *w = &words[i];

		/* The file says nothing new: what a person said holds. */
		if (strcmp(word_in(&fresh, w), word_of_file(g, w)) == 0)
			snprintf(word_in(&wanted, w), w->size, "%s", word_in(&g->settings, w));
		else
			changed = true;
		snprintf(word_in(&fresh, w), w->size, "%s", word_in(&g->settings, w));
	}
	rc = mode_plans_check(wanted.policy.plan_modes, e);
	if (rc == 0 && changed)
		rc = check_mode(g, wanted.policy.mode, e);
	if (rc < 0)
		return rc;
	g->settings = fresh;
	judge_set_settings(g->judge, &g->settings);
	guard_history_limits(g);
	g->need_reconcile = true;
	if (!changed)
		return 0;
	for (size_t i = 0; i < WORD_COUNT; i++) {
		struct settings file = *settings;

		snprintf(
		    word_of_file(g, &words[i]), words[i].size, "%s", word_in(&file, &words[i]));
	}
	return change(
	    g, GUARD_ACTOR, "guard", g->settings.policy.mode, wanted.policy.mode, &wanted, e);
}
