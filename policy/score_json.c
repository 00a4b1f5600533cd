/* SPDX-License-Identifier: ISC */
/* What the judge says as JSON; see score_json.h.  bulkhead-guard, replay. */
#include "policy/score_json.h"

#include <math.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/text.h"

#define TEXT_MAX 2048 /* longest text of any field, with terminator */

json_t *
score_json_text(const char *text)
{
	char clean[TEXT_MAX];

	return json_string(text_clean(clean, sizeof(clean), text));
}

json_t *
score_json_text_or_null(const char *text)
{
	return text[0] != '\0' ? score_json_text(text) : json_null();
}

json_t *
score_json_time(int64_t wall_ns)
{
	char iso[CLOCK_ISO_BYTES];

	return wall_ns == 0 ? json_null() : json_string(clock_format_iso(iso, wall_ns));
}

json_t *
score_json_points(double points)
{
	return isfinite(points) ? json_real(round(points * 100) / 100) : json_null();
}

static json_t *
count_json(uint64_t n)
{
	return json_integer((json_int_t)(n > INT64_MAX ? INT64_MAX : n));
}

static json_t *
short_reason(const struct reason *r)
{
	return json_pack("{s:s, s:o, s:o}", "signal", r->signal != NULL ? r->signal : "", "points",
	    score_json_points(r->points), "text", score_json_text(r->text));
}

static json_t *
whole_reason(const struct reason *r)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:s, s:o}", "signal",
	    r->signal != NULL ? r->signal : "", "points", score_json_points(r->points), "value",
	    score_json_points(r->value), "threshold", score_json_points(r->threshold), "window_s",
	    r->window_ns != 0 ? json_integer(r->window_ns / CLOCK_SECOND_NS) : json_null(),
	    "visibility", obs_visibility_name(r->visibility), "text", score_json_text(r->text));
}

static json_t *
score_json(const struct score *score, json_t *(*reason)(const struct reason *r))
{
	json_t *reasons = json_array();

	for (unsigned i = 0; i < score->reason_count && i < JUDGE_REASONS_MAX; i++)
		json_array_append_new(reasons, reason(&score->reasons[i]));
	return json_pack(
	    "{s:o, s:o}", "score", score_json_points(score->points), "reasons", reasons);
}

json_t *
score_json_short(const struct score *score)
{
	return score_json(score, short_reason);
}

json_t *
score_json_whole(const struct score *score)
{
	return score_json(score, whole_reason);
}

/* "550 5.1.1 no such user", or null when no reply was seen. */
static json_t *
reply_json(const struct obs_reply *reply)
{
	char text[OBS_REPLY_BYTES + 32];
	int used;

	if (reply->code == 0)
		return json_null();
	used = snprintf(text, sizeof(text), "%u", (unsigned)reply->code);
	if (reply->enhanced[0] != 0)
		used += snprintf(text + used, sizeof(text) - (size_t)used, " %u.%u.%u",
		    reply->enhanced[0], reply->enhanced[1], reply->enhanced[2]);
	if (reply->text[0] != '\0')
		snprintf(text + used, sizeof(text) - (size_t)used, " %s", reply->text);
	return score_json_text(text);
}

json_t *
score_json_samples(const struct judge_view *view)
{
	json_t *samples = json_array();

	for (unsigned i = 0; i < view->sample_count && i < JUDGE_SAMPLES_MAX; i++) {
		const struct sample *s = &view->samples[i];
		char address[ADDR_TEXT_BYTES];

		json_array_append_new(
		    samples, json_pack("{s:o, s:s, s:i, s:s, s:o, s:o, s:o, s:o}", "time",
				 score_json_time(s->time_ns), "destination",
				 addr_format(address, &s->destination), "port", (int)s->port,
				 "visibility", obs_visibility_name(s->visibility), "helo",
				 score_json_text_or_null(s->helo), "sender_domain",
				 score_json_text_or_null(s->sender_domain), "recipient_domain",
				 score_json_text_or_null(s->recipient_domain), "reply",
				 reply_json(&s->reply)));
	}
	return samples;
}

void
score_json_add_counts(json_t *out, const struct judge_counts *c)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
	    {"sessions", c->sessions},
	    {"sessions_tls", c->sessions_tls},
	    {"connects_failed", c->connects_failed},
	    {"messages", c->messages},
	    {"messages_estimated", c->messages_estimated},
	    {"recipients_accepted", c->recipients_accepted},
	    {"recipients_rejected", c->recipients_rejected},
	    {"recipients_deferred", c->recipients_deferred},
	    {"distinct_destinations", c->distinct_destinations},
	    {"distinct_recipient_domains", c->distinct_recipient_domains},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		json_object_set_new(out, rows[i].name, count_json(rows[i].value));
}

json_t *
score_json_addresses(const struct server *s)
{
	json_t *list = json_array();
	char text[ADDR_TEXT_BYTES];

	for (unsigned i = 0; i < s->prefix_count; i++)
		json_array_append_new(list, json_string(addr_prefix_format(text, &s->prefixes[i])));
	return list;
}
