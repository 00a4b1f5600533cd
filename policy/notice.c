/* SPDX-License-Identifier: ISC */
/* Names and pauses of notices; see notice.h.  Pure.  bulkhead-guard, bulkhead-notify. */
#include "policy/notice.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static const char *const kind_names[NOTICE_KIND__COUNT] = {
    [NOTICE_BLOCK] = "block",
    [NOTICE_WARN] = "warn",
    [NOTICE_CATCH] = "catch",
};

static const char *const state_names[NOTICE_STATE__COUNT] = {
    [NOTICE_WAITING] = "waiting",
    [NOTICE_RUNNING] = "running",
    [NOTICE_SENT] = "sent",
    [NOTICE_DEAD] = "dead",
};

static const char *const result_names[NOTICE_RESULT__COUNT] = {
    [NOTICE_RESULT_SENT] = "sent",
    [NOTICE_RESULT_RETRY] = "retry",
    [NOTICE_RESULT_DEAD] = "dead",
};

static int
find(const char *const *names, unsigned count, const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -ENOENT;
}

const char *
notice_kind_name(unsigned kind)
{
	return kind < NOTICE_KIND__COUNT ? kind_names[kind] : "unknown";
}

const char *
notice_state_name(unsigned state)
{
	return state < NOTICE_STATE__COUNT ? state_names[state] : "unknown";
}

const char *
notice_result_name(unsigned result)
{
	return result < NOTICE_RESULT__COUNT ? result_names[result] : "unknown";
}

int
notice_result_find(const char *name)
{
	return find(result_names, NOTICE_RESULT__COUNT, name);
}

int
notice_kind_find(const char *name)
{
	return find(kind_names, NOTICE_KIND__COUNT, name);
}

int
notice_state_find(const char *name)
{
	return find(state_names, NOTICE_STATE__COUNT, name);
}

bool
notice_hook_name(const char *path, char out[NOTICE_HOOK_BYTES])
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	size_t length = strlen(name);

	if (length == 0 || length >= NOTICE_HOOK_BYTES || name[0] == '.')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)name[i]) && strchr("._-", name[i]) == NULL)
			return false;
	memcpy(out, name, length + 1);
	return true;
}

int64_t
notice_pause_ns(unsigned attempts, int64_t id)
{
	int64_t pause = NOTICE_PAUSE_FIRST_NS;

	while (attempts-- > 1 && pause < NOTICE_PAUSE_LAST_NS)
		pause *= 2;
	if (pause > NOTICE_PAUSE_LAST_NS)
		pause = NOTICE_PAUSE_LAST_NS;
	return pause + pause / 8 * (id % 17 - 8) / 8;
}
