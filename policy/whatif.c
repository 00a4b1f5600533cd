/* SPDX-License-Identifier: ISC */
/* Two policies over the same observations; see whatif.h.  replay. */
#include "policy/whatif.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policy/score_json.h"

struct whatif {
	struct inventory *inventory;
	struct judge *judge;
	struct whatif_outcome **outcomes; /* by index; NULL: nothing happened */
	unsigned room;
	int64_t now_ns, begin_ns; /* nothing before the latter is told */
	bool catch_fell;
};

/* --- noting what happens --- */

/* NULL without memory: the server is then missing from the comparison, which counts it. */
static struct whatif_outcome *
outcome_take(struct whatif *w, unsigned index)
{
	if (index >= w->room) {
		unsigned room = index + index / 2 + 16;
		struct whatif_outcome **grown =
		    realloc(w->outcomes, room * sizeof(struct whatif_outcome *));

		if (grown == NULL)
			return NULL;
		memset(grown + w->room, 0, (room - w->room) * sizeof(struct whatif_outcome *));
		w->outcomes = grown;
		w->room = room;
	}
	if (w->outcomes[index] == NULL) {
		w->outcomes[index] = calloc(1, sizeof(struct whatif_outcome));
		if (w->outcomes[index] != NULL)
			w->outcomes[index]->question = -1;
	}
	return w->outcomes[index];
}

/* The highest rung so far, and why. */
static void
note_top(struct whatif *w, struct whatif_outcome *o, const struct verdict_change *ch)
{
	struct judge_view view;

	if (judge_get(w->judge, ch->index, &view) != 0)
		return;
	o->top = ch->to;
	o->top_ns = ch->time_ns;
	o->question = view.verdict.question;
	o->grant_id = view.grant_id;
	if (o->question >= 0) {
		const struct score *score = &view.score[o->question];

		o->points = score->points;
		snprintf(o->why, sizeof(o->why), "%s",
		    score->reason_count > 0 ? score->reasons[0].text : "");
	}
	if (ch->to != RUNG_BLOCK)
		return;
	o->first_ns = ch->time_ns;
	o->messages = view.verdict.messages_before_block;
	memcpy(o->case_id, view.verdict.case_id, sizeof(o->case_id));
}

static void
on_change(void *arg, const struct verdict_change *ch)
{
	struct whatif *w = arg;
	struct whatif_outcome *o = ch->time_ns >= w->begin_ns ? outcome_take(w, ch->index) : NULL;

	if (o == NULL)
		return;
	if (ch->to > o->top)
		note_top(w, o, ch);
	if (ch->to == RUNG_BLOCK && ch->from != RUNG_BLOCK) {
		o->blocks++;
		o->since_ns = ch->time_ns;
	} else if (ch->from == RUNG_BLOCK && ch->to != RUNG_BLOCK && o->since_ns != 0) {
		o->total_ns += ch->time_ns - o->since_ns;
		o->since_ns = 0;
	}
}

int
whatif_new(struct whatif **out, const struct settings *settings, struct inventory *inventory,
    bool open_inventory, struct err *e)
{
	struct whatif *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL) {
		inventory_free(inventory);
		return err_set(e, -ENOMEM, "no memory to judge by a policy");
	}
	w->inventory = inventory;
	rc = judge_new(&w->judge, settings, inventory, open_inventory, on_change, w, e);
	if (rc < 0) {
		whatif_free(w);
		return rc;
	}
	*out = w;
	return 0;
}

void
whatif_free(struct whatif *w)
{
	if (w == NULL)
		return;
	for (unsigned i = 0; i < w->room; i++)
		free(w->outcomes[i]);
	free(w->outcomes);
	judge_free(w->judge);
	inventory_free(w->inventory);
	free(w);
}

struct judge *
whatif_judge(struct whatif *w)
{
	return w->judge;
}

struct inventory *
whatif_inventory(struct whatif *w)
{
	return w->inventory;
}

void
whatif_observe(struct whatif *w, const struct observation *obs)
{
	if (obs->time_ns > w->now_ns)
		w->now_ns = obs->time_ns;
	judge_observe(w->judge, obs);
}

void
whatif_tick(struct whatif *w, int64_t now_ns)
{
	if (now_ns > w->now_ns)
		w->now_ns = now_ns;
	judge_tick(w->judge, now_ns);
	w->catch_fell = w->catch_fell || (now_ns >= w->begin_ns && judge_catch_is_on(w->judge));
}

void
whatif_note_release(struct whatif *w, unsigned index, int64_t now_ns)
{
	struct whatif_outcome *o = index < w->room ? w->outcomes[index] : NULL;

	if (o == NULL || o->since_ns == 0)
		return;
	o->total_ns += now_ns - o->since_ns;
	o->since_ns = 0;
}

void
whatif_begin(struct whatif *w, int64_t since_ns)
{
	w->begin_ns = since_ns;
}

const struct whatif_outcome *
whatif_outcome(const struct whatif *w, unsigned index)
{
	return index < w->room ? w->outcomes[index] : NULL;
}

/* --- comparing --- */

json_t *
whatif_settings(const struct settings *today, const struct settings *candidate)
{
	json_t *list = json_array();

	for (size_t i = 0; i < settings_row_count; i++) {
		const struct config_row *row = &settings_rows[i];
		char a[2 * SETTINGS_LIST_BYTES], b[2 * SETTINGS_LIST_BYTES];

		if (row->offset < offsetof(struct settings, policy) &&
		    strcmp(row->key, "relays") != 0)
			continue;
		config_format(row, today, a, sizeof(a));
		config_format(row, candidate, b, sizeof(b));
		if (strcmp(a, b) != 0)
			json_array_append_new(
			    list, json_pack("{s:s, s:o, s:o}", "key", row->key, "today",
				      score_json_text(a), "candidate", score_json_text(b)));
	}
	return list;
}

static int64_t
blocked_ns(const struct whatif *w, const struct whatif_outcome *o)
{
	return o->total_ns + (o->since_ns != 0 ? w->now_ns - o->since_ns : 0);
}

static void
add_outcome(json_t *out, const struct whatif *w, const struct whatif_outcome *o)
{
	bool blocked = o->first_ns != 0;

	json_object_set_new(out, "top", json_string(rung_name(o->top)));
	json_object_set_new(out, "question",
	    o->question >= 0 ? json_string(question_name((unsigned)o->question)) : json_null());
	json_object_set_new(out, "points", score_json_points(o->points));
	json_object_set_new(out, "blocked_at", score_json_time(o->first_ns));
	json_object_set_new(out, "blocks", json_integer(o->blocks));
	json_object_set_new(out, "blocked_s", json_integer(blocked_ns(w, o) / CLOCK_SECOND_NS));
	json_object_set_new(out, "messages_before_block",
	    blocked ? json_integer((json_int_t)o->messages) : json_null());
	json_object_set_new(out, "case", score_json_text_or_null(o->case_id));
	json_object_set_new(out, "why", score_json_text_or_null(o->why));
}

static const struct whatif_outcome *
outcome_of(const struct whatif *w, const char *server)
{
	static const struct whatif_outcome nothing = {.question = -1};
	int index = inventory_find(w->inventory, server);
	const struct whatif_outcome *o = index >= 0 ? whatif_outcome(w, (unsigned)index) : NULL;

	return o != NULL ? o : &nothing;
}

enum change {
	CHANGE_NONE, /* both stayed below warn */
	CHANGE_NEW,
	CHANGE_GONE,
	CHANGE_EARLIER,
	CHANGE_LATER,
	CHANGE_SAME,
	CHANGE_RUNG,
	CHANGE__COUNT
};

static const char *const change_names[CHANGE__COUNT] = {[CHANGE_NONE] = "none",
    [CHANGE_NEW] = "new",
    [CHANGE_GONE] = "gone",
    [CHANGE_EARLIER] = "earlier",
    [CHANGE_LATER] = "later",
    [CHANGE_SAME] = "same",
    [CHANGE_RUNG] = "rung"};

static enum change
compare_outcomes(const struct whatif_outcome *a, const struct whatif_outcome *b)
{
	if (a->first_ns == 0 && b->first_ns == 0) {
		if (a->top < RUNG_WARN && b->top < RUNG_WARN)
			return CHANGE_NONE;
		return a->top != b->top ? CHANGE_RUNG : CHANGE_SAME;
	}
	if (a->first_ns == 0)
		return CHANGE_NEW;
	if (b->first_ns == 0)
		return CHANGE_GONE;
	if (b->first_ns < a->first_ns - WHATIF_SAME_NS)
		return CHANGE_EARLIER;
	return b->first_ns > a->first_ns + WHATIF_SAME_NS ? CHANGE_LATER : CHANGE_SAME;
}

struct sums {
	unsigned servers, by_change[CHANGE__COUNT], grants;
	unsigned blocks[2], blocked[2];
	int64_t blocked_ns[2];
};

static void
add_sums(struct sums *sums, unsigned side, const struct whatif *w, const struct whatif_outcome *o)
{
	sums->blocks[side] += o->blocks;
	sums->blocked[side] += o->first_ns != 0;
	sums->blocked_ns[side] += blocked_ns(w, o);
}

static json_t *
grant_json(int64_t id)
{
	return id != 0 ? json_integer(id) : json_null();
}

/* One server under both; its place in the list of what differs, or nowhere. */
static void
compare_server(struct sums *sums, json_t *list, const char *name, const struct whatif *today,
    const struct whatif *candidate)
{
	const struct whatif_outcome *a = outcome_of(today, name), *b = outcome_of(candidate, name);
	enum change change = compare_outcomes(a, b);
	int64_t grant = b->grant_id != 0 ? b->grant_id : a->grant_id;
	json_t *first, *second;

	sums->servers++;
	sums->by_change[change]++;
	add_sums(sums, 0, today, a);
	add_sums(sums, 1, candidate, b);
	if (change == CHANGE_NONE)
		return;
	sums->grants += grant != 0 && (change == CHANGE_NEW || change == CHANGE_EARLIER);
	first = json_object();
	second = json_object();
	add_outcome(first, today, a);
	add_outcome(second, candidate, b);
	json_array_append_new(
	    list, json_pack("{s:o, s:s, s:o, s:o, s:o}", "server", score_json_text(name), "change",
		      change_names[change], "grant", grant_json(grant), "today", first, "candidate",
		      second));
}

static json_t *
pair_json(const unsigned pair[2])
{
	return json_pack("{s:i, s:i}", "today", (int)pair[0], "candidate", (int)pair[1]);
}

json_t *
whatif_compare(const struct whatif *today, const struct whatif *candidate)
{
	struct sums sums = {0};
	json_t *list = json_array(), *summary;

	for (unsigned i = 0; i < inventory_count(today->inventory); i++)
		compare_server(
		    &sums, list, inventory_get(today->inventory, i)->name, today, candidate);
	/* Servers named by their address were met by both, in the same order. */
	summary = json_pack("{s:i}", "servers", (int)sums.servers);
	for (unsigned c = CHANGE_NEW; c < CHANGE__COUNT; c++)
		json_object_set_new(
		    summary, change_names[c], json_integer((json_int_t)sums.by_change[c]));
	json_object_set_new(summary, "grants_touched", json_integer(sums.grants));
	json_object_set_new(summary, "blocked", pair_json(sums.blocked));
	json_object_set_new(summary, "blocks", pair_json(sums.blocks));
	json_object_set_new(summary, "blocked_s",
	    json_pack("{s:I, s:I}", "today", (json_int_t)(sums.blocked_ns[0] / CLOCK_SECOND_NS),
		"candidate", (json_int_t)(sums.blocked_ns[1] / CLOCK_SECOND_NS)));
	json_object_set_new(summary, "safety_catch",
	    json_pack(
		"{s:b, s:b}", "today", today->catch_fell, "candidate", candidate->catch_fell));
	return json_pack("{s:o, s:o}", "summary", summary, "servers", list);
}

json_t *
whatif_report(const struct whatif *w)
{
	struct sums sums = {0};
	json_t *list = json_array();

	for (unsigned i = 0; i < inventory_count(w->inventory); i++) {
		const struct whatif_outcome *o = whatif_outcome(w, i);
		json_t *one;

		sums.servers++;
		if (o == NULL)
			continue;
		add_sums(&sums, 0, w, o);
		if (o->top < RUNG_WARN)
			continue;
		one = json_pack("{s:o, s:o}", "server",
		    score_json_text(inventory_get(w->inventory, i)->name), "grant",
		    grant_json(o->grant_id));
		add_outcome(one, w, o);
		json_array_append_new(list, one);
	}
	return json_pack("{s:{s:i, s:i, s:i, s:I, s:b}, s:o}", "summary", "servers",
	    (int)sums.servers, "blocked", (int)sums.blocked[0], "blocks", (int)sums.blocks[0],
	    "blocked_s", (json_int_t)(sums.blocked_ns[0] / CLOCK_SECOND_NS), "safety_catch",
	    w->catch_fell, "servers", list);
}
