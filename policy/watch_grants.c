/* SPDX-License-Identifier: ISC */
/* The rules of continued watching; see watch_grants.h.  Pure.  bulkhead-guard (judge process). */
#include "policy/watch_grants.h"

#include <stdio.h>

static const char *const level_names[WATCH_LEVEL__COUNT] = {
    [WATCH_UNSEEN] = "unseen",
    [WATCH_WELL] = "well",
    [WATCH_WARN] = "warn",
    [WATCH_SUSPEND] = "suspend",
};

/* What a rule looks at: so many out of so many. */
struct watch_share {
	uint64_t part, whole;
};

struct watch_rule {
	struct watch_share (*measure)(const struct grant_watch *w, const struct grant *g);
	uint64_t whole_min;   /* below it the day says nothing */
	double warn, suspend; /* from this share on */
	bool newsletter_only;
	const char *text; /* part, whole, per cent of the warning */
};

static struct watch_share
share_bare(const struct grant_watch *w, const struct grant *g)
{
	(void)g;
	return (struct watch_share){w->messages - w->unsubscribable, w->messages};
}

static struct watch_share
share_unknown(const struct grant_watch *w, const struct grant *g)
{
	(void)g;
	return (struct watch_share){w->unknown, w->recipients};
}

static struct watch_share
share_volume(const struct grant_watch *w, const struct grant *g)
{
	return (struct watch_share){w->volume, g->per_day};
}

static const struct watch_rule rules[] = {
    /* RFC 8058 and Google's guidelines want List-Unsubscribe in every message; a few test mails
     * and answers among a mailing are no breach, half of it is. */
    {share_bare, 20, 0.05, 0.5, true,
	"%llu of %llu messages had no List-Unsubscribe header; at most %.0f %% may lack it"},
    /* Mail.ru: at most 5 % invalid addresses; twice that is a list that nobody cleans. */
    {share_unknown, 100, 0.05, 0.10, false,
	"%llu of %llu recipients do not exist; Mail.ru's ceiling is %.0f %%"},
    /* Estimates through TLS are off by a few per cent, and a mailing may spill over midnight. */
    {share_volume, 1, 1.10, 2.0, false,
	"%llu recipients within 24 hours were counted and %llu are granted per day; up to %.0f %% "
	"is "
	"let pass"},
};

const char *
watch_level_name(unsigned level)
{
	return level < WATCH_LEVEL__COUNT ? level_names[level] : "unknown";
}

static void
count_message(struct grant_watch *w, const struct grant *grant, const struct observation *obs)
{
	const bool whole =
	    obs->u.message.headers_seen && (obs->u.message.headers & OBS_HDR_TRUNCATED) == 0;
	const bool taken = obs->u.message.reply.code >= 200 && obs->u.message.reply.code <= 299;

	if (!whole || !taken ||
	    !(grant_covers_domain(grant, obs->u.message.sender_domain) ||
		grant_covers_domain(grant, obs->u.message.from_domain)))
		return;
	w->messages++;
	w->unsubscribable += (obs->u.message.headers & OBS_HDR_LIST_UNSUBSCRIBE) != 0;
}

static void
count_recipient(struct grant_watch *w, const struct grant *grant, const struct observation *obs)
{
	/* A deferred one is tried again, and counts when it is decided. */
	if (obs->u.recipient.reply_class == OBS_DEFERRED ||
	    !grant_covers_domain(grant, obs->u.recipient.sender_domain))
		return;
	w->recipients++;
	w->unknown += obs->u.recipient.reply_class == OBS_REJECTED &&
		      obs->u.recipient.reply.remote == OBS_REMOTE_UNKNOWN;
}

void
watch_grants_count(struct grant_watch *w, const struct grant *grant, const struct observation *obs)
{
	/* A session with holes may have lost the header that we look for. */
	if ((obs->flags & (OBS_F_INBOUND | OBS_F_GAP | OBS_F_ONE_SIDED)) != 0 ||
	    !grant_is_active(grant, obs->time_ns))
		return;
	if (obs->kind == OBS_MESSAGE)
		count_message(w, grant, obs);
	else if (obs->kind == OBS_RECIPIENT)
		count_recipient(w, grant, obs);
}

enum watch_level
watch_grants_judge(const struct grant_watch *w, const struct grant *grant,
    enum application_purpose purpose, char *reason, size_t size)
{
	enum watch_level worst = WATCH_UNSEEN;
	double worst_excess = 0;

	snprintf(reason, size, "%s", "");
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct watch_rule *r = &rules[i];
		struct watch_share s = r->measure(w, grant);
		enum watch_level level = WATCH_WELL;
		double share;

		if ((r->newsletter_only && purpose != PURPOSE_NEWSLETTER) || s.whole < r->whole_min)
			continue;
		/* Nothing was sent: that the volume was kept says nothing. */
		if (r->measure == share_volume && s.part == 0)
			continue;
		share = (double)s.part / (double)s.whole;
		if (share > r->warn)
			level = share > r->suspend ? WATCH_SUSPEND : WATCH_WARN;
		if (level < worst || (level == worst && share / r->warn <= worst_excess))
			continue;
		worst = level;
		worst_excess = share / r->warn;
		if (level >= WATCH_WARN)
			snprintf(reason, size, r->text, (unsigned long long)s.part,
			    (unsigned long long)s.whole, r->warn * 100);
	}
	return worst;
}

void
watch_grants_begin(struct grant_watch *w, int64_t day_ns)
{
	w->day_ns = day_ns;
	w->messages = w->unsubscribable = w->recipients = w->unknown = w->volume = 0;
}
