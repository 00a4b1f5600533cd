/* SPDX-License-Identifier: ISC */
/*
 * Capture files through sensor and judge in one process, in the time of the packets.  bulkhead
 * (CLI).
 */
#include "cli/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "cli/file.h"
#include "policy/inventory.h"
#include "policy/score_json.h"
#include "policy/whatif.h"
#include "sensor/sensor.h"
#include "sensor/tap.h"

#define INVENTORY_MAX_BYTES (64u << 20)
#define TABLE_SEED	    1 /* fixed, so that evictions repeat */
#define TICKS_PER_GAP	    256
#define BATCH		    32
#define PACKET_HEAD_BYTES   16 /* of each packet in a pcap file; pcapng has a little more */
#define TIME_MAX_NS \
	INT64_C(8000000000000000000) /* year 2223; what lies beyond is a broken clock \
				      */

struct source { /* one file, and the packets of it that were read and not yet fed */
	struct tap *tap;
	struct packet packets[BATCH];
	int count, next;
};

struct replay {
	const struct replay_config *cfg;
	struct source *sources;
	struct whatif *policy; /* the one that was asked for */
	struct whatif *today;  /* the one that it is compared with, or NULL */
	struct sensor *sensor;
	int64_t now_ns;	     /* the latest time of any packet; 0 before the first */
	uint64_t read_bytes; /* of the files */
};

static void
observe(void *arg, const struct observation *obs)
{
	struct replay *r = arg;

	whatif_observe(r->policy, obs);
	if (r->today != NULL)
		whatif_observe(r->today, obs);
}

static void
tick(struct replay *r)
{
	sensor_tick(r->sensor, r->now_ns);
	whatif_tick(r->policy, r->now_ns);
	if (r->today != NULL)
		whatif_tick(r->today, r->now_ns);
}

static int
read_inventory(const struct replay_config *cfg, struct inventory **out, struct err *e)
{
	char *text = NULL;
	size_t size;
	int rc;

	if (cfg->inventory == NULL)
		return inventory_new(out, e);
	rc = file_read(cfg->inventory, INVENTORY_MAX_BYTES, &text, &size, e);
	if (rc == 0)
		rc = inventory_parse(out, cfg->inventory, text, size, e);
	free(text);
	return rc;
}

static int
open_policy(const struct replay_config *cfg, const struct settings *settings, struct whatif **out,
    struct err *e)
{
	struct inventory *inventory = NULL;
	int rc = read_inventory(cfg, &inventory, e);

	return rc < 0 ? rc : whatif_new(out, settings, inventory, cfg->inventory == NULL, e);
}

static void
sensor_config_from(struct sensor_config *cfg, const struct settings *s, uint32_t flows_max)
{
	const char *cursor = s->ports;
	char item[16];

	sensor_config_init(cfg);
	cfg->flows_max = flows_max;
	cfg->table_seed = TABLE_SEED;
	cfg->classify = s->classify;
	cfg->mmdb_asn_path = s->mmdb_asn[0] != '\0' ? s->mmdb_asn : NULL;
	cfg->mmdb_country_path = s->mmdb_country[0] != '\0' ? s->mmdb_country : NULL;
	cfg->port_count = 0;
	while (cfg->port_count < SENSOR_PORTS_MAX && config_list_next(&cursor, item, sizeof(item)))
		cfg->ports[cfg->port_count++] = (uint16_t)strtoul(item, NULL, 10);
}

static int
replay_open(struct replay *r, struct err *e)
{
	const struct replay_config *cfg = r->cfg;
	struct sensor_config sensor_cfg;
	int rc = 0;

	if (cfg->file_count > REPLAY_FILES_MAX) {
		err_set(e, -E2BIG,
		    "at most %d capture files can be read as one timeline: join some with mergecap",
		    REPLAY_FILES_MAX);
		return -E2BIG;
	}
	r->sources = calloc((size_t)cfg->file_count, sizeof(*r->sources));
	if (r->sources == NULL) {
		err_set(e, -ENOMEM, "no memory for %d capture files", cfg->file_count);
		return -ENOMEM;
	}
	for (int i = 0; rc == 0 && i < cfg->file_count; i++)
		rc = tap_open_file(&r->sources[i].tap, cfg->files[i], e);
	if (rc == 0)
		rc = open_policy(cfg, cfg->settings, &r->policy, e);
	if (rc == 0 && cfg->today != NULL)
		rc = open_policy(cfg, cfg->today, &r->today, e);
	if (rc < 0)
		return rc;
	sensor_config_from(&sensor_cfg, cfg->settings, cfg->flows_max);
	return sensor_new(&r->sensor, &sensor_cfg, observe, r, e);
}

static void
replay_close(struct replay *r)
{
	for (int i = 0; r->sources != NULL && i < r->cfg->file_count; i++)
		tap_close(r->sources[i].tap);
	free(r->sources);
	sensor_free(r->sensor);
	whatif_free(r->policy);
	whatif_free(r->today);
}

/* Reads on when everything of the source was fed; times of a broken clock are brought into a range
 * whose differences do not overflow, and in which 0 means none.   1: packets wait, 0: the file is
 * at its end. */
static int
refill(struct replay *r, struct source *s, struct err *e)
{
	if (s->next < s->count)
		return 1;
	s->next = 0;
	s->count = tap_read(s->tap, s->packets, e);
	for (int i = 0; i < s->count; i++) {
		int64_t *time_ns = &s->packets[i].time_ns;

		*time_ns = *time_ns < 1 ? 1 : *time_ns > TIME_MAX_NS ? TIME_MAX_NS : *time_ns;
		r->read_bytes += s->packets[i].caplen + PACKET_HEAD_BYTES;
	}
	return s->count > 0 ? 1 : s->count;
}

/* Moves the clock to a packet's time: once a second, and in longer steps through silence. */
static void
advance(struct replay *r, int64_t to_ns)
{
	if (r->now_ns == 0)
		r->now_ns = to_ns;
	while (to_ns - r->now_ns >= CLOCK_SECOND_NS) {
		int64_t step = (to_ns - r->now_ns) / TICKS_PER_GAP;

		r->now_ns += step > CLOCK_SECOND_NS ? step : CLOCK_SECOND_NS;
		tick(r);
	}
}

/*
 * Feeds the source up to the first packet that is later than `until_ns` (the next packet of another
 * file) or that needs a tick before it.
 */
static void
feed_run(struct replay *r, struct source *s, int64_t until_ns)
{
	int end = s->next + 1; /* the first one is due, whatever its time */

	advance(r, s->packets[s->next].time_ns);
	while (end < s->count && s->packets[end].time_ns <= until_ns &&
	       s->packets[end].time_ns - r->now_ns < CLOCK_SECOND_NS)
		end++;
	sensor_packets(r->sensor, &s->packets[s->next], (unsigned)(end - s->next));
	s->next = end;
}

/* The source whose next packet is the earliest, and when the next one of any other is due. */
static int
earliest(struct replay *r, struct source **out, int64_t *until_ns, struct err *e)
{
	int64_t first = INT64_MAX;

	*out = NULL;
	*until_ns = INT64_MAX;
	for (int i = 0; i < r->cfg->file_count; i++) {
		struct source *s = &r->sources[i];
		int rc = refill(r, s, e);
		int64_t due;

		if (rc < 0)
			return rc;
		if (rc == 0)
			continue;
		due = s->packets[s->next].time_ns;
		if (*out == NULL || due < first) {
			if (*out != NULL)
				*until_ns = first;
			*out = s;
			first = due;
		} else if (due < *until_ns) {
			*until_ns = due;
		}
	}
	return 0;
}

static int
feed_all(struct replay *r, struct err *e)
{
	struct sensor_stats stats;
	uint64_t rounds = 0;
	struct source *s;
	int64_t until;

	for (;;) {
		int rc = earliest(r, &s, &until, e);

		if (rc < 0)
			return rc;
		if (s == NULL)
			break;
		feed_run(r, s, until);
		if (r->cfg->progress != NULL && ++rounds % 1024 == 0)
			progress_show(r->cfg->progress, r->read_bytes);
	}
	sensor_get_stats(r->sensor, &stats);
	if (stats.last_ns > r->now_ns)
		r->now_ns = stats.last_ns;
	sensor_finish(r->sensor, r->now_ns);
	tick(r);
	return 0;
}

static json_t *
capture_json(const struct replay *r)
{
	struct sensor_stats s;
	json_t *out;

	sensor_get_stats(r->sensor, &s);
	/* A session of which one direction is missing is a hole as well. */
	out = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "packets",
	    (json_int_t)s.packets, "bytes", (json_int_t)s.bytes, "flows", (json_int_t)s.flows,
	    "evicted", (json_int_t)s.evicted, "malformed", (json_int_t)s.malformed, "gaps",
	    (json_int_t)s.gaps + (json_int_t)s.one_sided, "first", score_json_time(s.first_ns),
	    "last", score_json_time(s.last_ns));
	if (r->cfg->inventory != NULL)
		json_object_set_new(out, "unattributed",
		    json_integer((json_int_t)judge_unattributed(whatif_judge(r->policy))));
	return out;
}

static json_t *
server_json(const struct server *s, const struct judge_view *view)
{
	const struct verdict *v = &view->verdict;
	bool blocked = v->blocked_at_ns != 0;
	json_t *out =
	    json_pack("{s:s, s:o}", "server", s->name, "addresses", score_json_addresses(s));

	score_json_add_counts(out, &view->counts);
	json_object_set_new(out, "bulk", score_json_short(&view->score[QUESTION_BULK]));
	json_object_set_new(out, "abuse", score_json_short(&view->score[QUESTION_ABUSE]));
	json_object_set_new(out, "verdict", json_string(rung_name(v->rung)));
	json_object_set_new(out, "question",
	    v->question >= 0 ? json_string(question_name((unsigned)v->question)) : json_null());
	json_object_set_new(out, "blocked_at", score_json_time(v->blocked_at_ns));
	json_object_set_new(out, "messages_before_block",
	    blocked ? json_integer((json_int_t)v->messages_before_block) : json_null());
	json_object_set_new(out, "case", score_json_text_or_null(v->case_id));
	return out;
}

/* A client without an inventory that only left other traffic behind is no server. */
static bool
is_worth_listing(const struct replay *r, const struct judge_view *view)
{
	const struct judge_counts *c = &view->counts;

	return r->cfg->inventory != NULL || c->sessions != 0 || c->connects_failed != 0 ||
	       c->messages != 0 || c->messages_estimated != 0 || c->recipients_accepted != 0 ||
	       c->recipients_rejected != 0 || c->recipients_deferred != 0;
}

static int
by_name(const void *a, const void *b)
{
	const struct server *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int
servers_json(const struct replay *r, json_t **out, struct err *e)
{
	const struct inventory *inventory = whatif_inventory(r->policy);
	unsigned count = inventory_count(inventory);
	const struct server **sorted = calloc(count + 1u, sizeof(struct server *));
	struct judge_view *view = malloc(sizeof(*view));
	json_t *list;

	if (sorted == NULL || view == NULL) {
		free(sorted);
		free(view);
		err_set(e, -ENOMEM, "no memory for the results of %u servers", count);
		return -ENOMEM;
	}
	list = json_array();
	for (unsigned i = 0; i < count; i++)
		sorted[i] = inventory_get(inventory, i);
	qsort(sorted, count, sizeof(struct server *), by_name);
	for (unsigned i = 0; i < count; i++) {
		int index = inventory_find(inventory, sorted[i]->name);

		if (index >= 0 && judge_get(whatif_judge(r->policy), (unsigned)index, view) == 0 &&
		    is_worth_listing(r, view))
			json_array_append_new(list, server_json(sorted[i], view));
	}
	free(sorted);
	free(view);
	*out = list;
	return 0;
}

/* The size of all files; 0 when one is no regular file. */
static uint64_t
size_of(const struct replay_config *cfg)
{
	uint64_t all = 0;
	struct stat st;

	for (int i = 0; i < cfg->file_count; i++) {
		if (stat(cfg->files[i], &st) != 0 || !S_ISREG(st.st_mode))
			return 0;
		all += (uint64_t)st.st_size;
	}
	return all;
}

static json_t *
comparison_json(const struct replay *r)
{
	json_t *out = json_pack("{s:i, s:o, s:o}", "version", 1, "capture", capture_json(r),
	    "settings", whatif_settings(r->cfg->today, r->cfg->settings));
	json_t *differences = whatif_compare(r->today, r->policy);

	json_object_update(out, differences);
	json_decref(differences);
	return out;
}

int
replay_run(const struct replay_config *cfg, json_t **out, struct err *e)
{
	struct replay r = {.cfg = cfg};
	json_t *servers = NULL;
	int rc = replay_open(&r, e);

	if (rc == 0 && cfg->progress != NULL)
		progress_expect(cfg->progress, size_of(cfg));
	if (rc == 0)
		rc = feed_all(&r, e);
	if (rc == 0 && r.today == NULL)
		rc = servers_json(&r, &servers, e);
	if (rc == 0)
		*out = r.today != NULL ? comparison_json(&r)
				       : json_pack("{s:i, s:o, s:o}", "version", 1, "capture",
					     capture_json(&r), "servers", servers);
	replay_close(&r);
	return rc;
}
