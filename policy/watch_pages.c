/* SPDX-License-Identifier: ISC */
/* Unsubscribe pages and DNS against what they were at the approval; see watch_pages.h.  Pure. */
#include "policy/watch_pages.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

/* Without these nobody can unsubscribe; what else is online says whether mail is still signed and named. */
static const enum check_id page_checks[] = {CHECK_U1, CHECK_U2, CHECK_U3, CHECK_U6};

static bool
is_page(unsigned id)
{
	for (size_t i = 0; i < sizeof(page_checks) / sizeof(page_checks[0]); i++)
		if (page_checks[i] == id)
			return true;
	return false;
}

static const struct check_result *
find(const struct check_report *r, const struct check_result *like)
{
	for (unsigned i = 0; r != NULL && i < r->count; i++)
		if (r->results[i].id == like->id && strcmp(r->results[i].about, like->about) == 0)
			return &r->results[i];
	return NULL;
}

static void
note_change(json_t *changes, const struct check_result *now, const struct check_result *then)
{
	json_t *before = then == NULL ? json_null()
				      : json_pack("{s:s, s:s}", "level",
					    check_level_name(then->level), "text", then->text);

	if (changes == NULL) {
		json_decref(before);
		return;
	}
	json_array_append_new(
	    changes, json_pack("{s:s, s:s?, s:s, s:o, s:s}", "check", check_info(now->id)->name,
			 "about", now->about[0] != '\0' ? now->about : NULL, "level",
			 check_level_name(now->level), "then", before, "text", now->text));
}

/* "U2 link in the body: then (2026-11-01) 200 after 0 redirects, now the page answers 404" */
static void
write_reason(struct grant_watch *w, const struct check_result *now, const struct check_result *then)
{
	char day[CLOCK_ISO_BYTES] = "", raw[2 * CHECK_TEXT_BYTES + CHECK_ABOUT_BYTES];

	if (then != NULL && then->made_ns != 0) {
		clock_format_iso(day, then->made_ns);
		day[10] = '\0'; /* the day is enough */
	}
	snprintf(raw, sizeof(raw), "%s%s%.60s: then (%.15s) %.80s, now %.100s",
	    check_info(now->id)->name, now->about[0] != '\0' ? " " : "", now->about,
	    day[0] != '\0' ? day : "at the approval",
	    then != NULL ? then->text : "nothing was known", now->text);
	text_clean(w->pages_reason, sizeof(w->pages_reason), raw);
}

enum watch_level
watch_pages_judge(struct grant_watch *w, const struct check_report *then,
    const struct check_report *now, int64_t now_ns, json_t *changes)
{
	const struct check_result *worst = NULL, *before = NULL;
	bool page_fails = false, page_asked = false;
	enum watch_level level = WATCH_WELL;

	for (unsigned i = 0; i < now->count; i++) {
		const struct check_result *n = &now->results[i], *t = find(then, n);
		const struct check_info *info = check_info(n->id);
		bool page = is_page(n->id);

		if (!info->online || info->worst != CHECK_FAIL)
			continue;
		page_asked |= n->id == CHECK_U2 && n->level != CHECK_NOT_CHECKED;
		page_asked |= page && n->level == CHECK_FAIL;
		/* What failed at the approval was overridden by a person, with a reason. */
		if (n->level != CHECK_FAIL || (t != NULL && t->level == CHECK_FAIL))
			continue;
		note_change(changes, n, t);
		page_fails |= page && t != NULL;
		if (worst == NULL || (page && !is_page(worst->id))) {
			worst = n;
			before = t;
		}
	}
	w->pages_ns = now_ns;
	if (!page_fails && page_asked)
		w->pages_bad_ns = 0;
	if (worst == NULL && w->pages_bad_ns == 0) {
		w->pages_reason[0] = '\0';
		level = page_asked ? WATCH_WELL : WATCH_UNSEEN;
	} else if (page_fails && w->pages_bad_ns == 0) {
		w->pages_bad_ns = now_ns;
		level = WATCH_WARN;
	} else {
		level = page_fails && now_ns - w->pages_bad_ns >= WATCH_PAGES_SUSPEND_NS
			    ? WATCH_SUSPEND
			    : WATCH_WARN;
	}
	if (worst != NULL)
		write_reason(w, worst, before);
	w->pages_level = (uint8_t)level;
	return level;
}
