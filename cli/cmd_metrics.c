/* SPDX-License-Identifier: ISC */
/*
 * bulkhead metrics: the status as OpenMetrics text, for a scrape or for node_exporter's textfile
 * collector.  Format: OpenMetrics 1.0 (openmetrics.io).  bulkhead (CLI).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output_json.h"

const struct option options_metrics[] = {
    {"output", "FILE", false, false,
	"write into this file, replaced in one step, instead of standard output"},
    {NULL, NULL, false, false, NULL},
};

/* One metric of the guard, or of each sensor.  A counter's samples end in _total. */
struct metric {
	const char *name;
	bool counter;
	const char *path[2]; /* members of the status, or of one sensor */
	const char *unit;    /* "" = none */
	const char *help;
};

static const struct metric guard_metrics[] = {
    {"bulkhead_uptime_seconds", false, {"uptime_s", NULL}, "seconds",
	"Time since the guard started."},
    {"bulkhead_grants_active", false, {"grants_active", NULL}, "", "Whitelist grants in force."},
    {"bulkhead_applications_waiting", false, {"applications_waiting", NULL}, "",
	"Whitelist applications that wait for support."},
    {"bulkhead_unattributed_sessions", true, {"unattributed", NULL}, "",
	"Sessions of clients that match no server."},
    {"bulkhead_notices_waiting", false, {"notices", "waiting"}, "",
	"Notices that no hook has carried yet."},
    {"bulkhead_notices_dead", false, {"notices", "dead"}, "", "Notices that were given up."},
    {"bulkhead_ledger_entries", true, {"ledger", "entries"}, "", "Decisions in the ledger."},
    {"bulkhead_enforcer_reconciles", true, {"enforcer", "reconciled"}, "",
	"Times the kernel was compared with the database."},
    {"bulkhead_enforcer_repairs", true, {"enforcer", "repaired"}, "",
	"Times somebody else had changed our rules."},
};

static const struct metric sensor_metrics[] = {
    {"bulkhead_sensor_packets", true, {"packets", NULL}, "", "Packets seen."},
    {"bulkhead_sensor_seen_bytes", true, {"bytes", NULL}, "bytes", "Bytes seen."},
    {"bulkhead_sensor_ring_drops", true, {"ring_drops", NULL}, "",
	"Packets that the capture ring had no room for."},
    {"bulkhead_sensor_observations", true, {"observations", NULL}, "",
	"Observations that the guard took."},
    {"bulkhead_sensor_observations_lost", true, {"observations_lost", NULL}, "",
	"Observations that found no room while the guard was away."},
    {"bulkhead_sensor_observations_bad", true, {"observations_bad", NULL}, "",
	"Datagrams that were no observations."},
    {"bulkhead_sensor_malformed", true, {"malformed", NULL}, "", "Packets that could not be read."},
    {"bulkhead_sensor_gaps", true, {"gaps", NULL}, "", "Holes in streams."},
    {"bulkhead_sensor_evicted", true, {"evicted", NULL}, "",
	"Connections forgotten for want of room."},
    {"bulkhead_sensor_one_sided", true, {"one_sided", NULL}, "",
	"Sessions seen in one direction only."},
    {"bulkhead_sensor_flows", false, {"flows", NULL}, "", "Connections that are tracked."},
    {"bulkhead_sensor_flows_max", false, {"flows_max", NULL}, "",
	"Connections that can be tracked."},
    {"bulkhead_sensor_interfaces", false, {"interfaces", NULL}, "", "Tenant interfaces."},
    {"bulkhead_sensor_memory_bytes", false, {"memory_bytes", NULL}, "bytes",
	"Fixed memory of the sensor."},
    {"bulkhead_sensor_last_heard_seconds", false, {"last_heard_s", NULL}, "seconds",
	"Time since the guard heard of it."},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const json_t *
find(const json_t *object, const struct metric *m)
{
	object = json_object_get(object, m->path[0]);
	return m->path[1] != NULL ? json_object_get(object, m->path[1]) : object;
}

static void
put_head(FILE *f, const char *name, const char *type, const char *unit, const char *help)
{
	fprintf(f, "# TYPE %s %s\n", name, type);
	if (unit[0] != '\0')
		fprintf(f, "# UNIT %s %s\n", name, unit);
	fprintf(f, "# HELP %s %s\n", name, help);
}

static void
put_metric_head(FILE *f, const struct metric *m)
{
	put_head(f, m->name, m->counter ? "counter" : "gauge", m->unit, m->help);
}

/* A value that is absent (no enforcer) has no sample. */
static void
put_sample(FILE *f, const struct metric *m, const char *labels, const json_t *value)
{
	if (json_is_number(value))
		fprintf(f, "%s%s%s %.15g\n", m->name, m->counter ? "_total" : "", labels,
		    json_number_value(value));
}

/* Backslash, quote and line feed inside a label's value. */
static void
put_label_text(FILE *f, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\\' || *text == '"')
			fputc('\\', f);
		if (*text == '\n')
			fputs("\\n", f);
		else
			fputc(*text, f);
	}
}

static void
put_switch(FILE *f, const char *name, const char *help, bool on)
{
	put_head(f, name, "gauge", "", help);
	fprintf(f, "%s %d\n", name, on ? 1 : 0);
}

static void
put_guard(FILE *f, const json_t *status)
{
	const char *verdict;
	json_t *count;

	put_head(f, "bulkhead_build", "info", "", "Version of the guard.");
	fputs("bulkhead_build_info{version=\"", f);
	put_label_text(f, output_json_get(status, "version", "unknown"));
	fputs("\"} 1\n", f);
	put_switch(f, "bulkhead_enforcing", "1 when blocks reach the kernel, 0 in observe.",
	    strcmp(output_json_get(status, "mode", ""), "enforce") == 0);
	put_switch(f, "bulkhead_enforcer_up", "1 when there is an enforcer.",
	    json_is_object(json_object_get(status, "enforcer")));
	put_switch(f, "bulkhead_safety_catch",
	    "1 when automatic blocking has stopped because too many servers would be blocked.",
	    json_is_true(json_object_get(status, "safety_catch")));
	put_head(f, "bulkhead_servers", "gauge", "", "Servers by verdict.");
	json_object_foreach (json_object_get(status, "verdicts"), verdict, count) {
		fputs("bulkhead_servers{verdict=\"", f);
		put_label_text(f, verdict);
		fprintf(f, "\"} %lld\n", (long long)json_integer_value(count));
	}
	for (size_t i = 0; i < COUNT(guard_metrics); i++) {
		put_metric_head(f, &guard_metrics[i]);
		put_sample(f, &guard_metrics[i], "", find(status, &guard_metrics[i]));
	}
}

static void
put_sensors(FILE *f, const json_t *sensors)
{
	const json_t *one;
	char labels[40];
	size_t s;

	put_head(f, "bulkhead_sensor_up", "gauge", "", "1 while the sensor is connected.");
	json_array_foreach (sensors, s, one)
		fprintf(f, "bulkhead_sensor_up{sensor=\"%zu\"} %d\n", s,
		    json_is_true(json_object_get(one, "connected")));
	for (size_t i = 0; i < COUNT(sensor_metrics); i++) {
		put_metric_head(f, &sensor_metrics[i]);
		json_array_foreach (sensors, s, one) {
			snprintf(labels, sizeof(labels), "{sensor=\"%zu\"}", s);
			put_sample(f, &sensor_metrics[i], labels, find(one, &sensor_metrics[i]));
		}
	}
}

char *
metrics_text(const json_t *status)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		return NULL;
	put_guard(f, status);
	put_sensors(f, json_object_get(status, "sensors"));
	fputs("# EOF\n", f);
	return fclose(f) == 0 ? text : NULL;
}

/* Beside its name and renamed, so that a collector never reads half of it. */
static int
replace_file(const char *path, const char *text, struct err *e)
{
	char fresh[4096];
	FILE *f;
	int rc = 0;

	if (snprintf(fresh, sizeof(fresh), "%s.%ld", path, (long)getpid()) >= (int)sizeof(fresh))
		return err_set(e, -ENAMETOOLONG, "the name of the file is too long");
	f = fopen(fresh, "wxe");
	if (f == NULL)
		return err_set(e, -errno, "%s cannot be made: %s", fresh, strerror(errno));
	if (fputs(text, f) < 0 || fchmod(fileno(f), 0644) != 0 || fflush(f) != 0)
		rc = -errno;
	if (fclose(f) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(fresh, path) != 0)
		rc = -errno;
	if (rc < 0) {
		unlink(fresh);
		return err_set(e, rc, "%s cannot be written: %s", path, strerror(-rc));
	}
	return 0;
}

int
cmd_metrics(struct context *ctx, json_t **data, struct err *e)
{
	const char *output = context_get(ctx, "output");
	json_t *status = NULL;
	char *text;
	int rc = client_call(ctx, "status", json_object(), NULL, 0, &status, e);

	if (rc < 0)
		return rc;
	text = metrics_text(status);
	json_decref(status);
	if (text == NULL)
		return err_set(e, -ENOMEM, "no memory for the metrics");
	if (output != NULL)
		rc = replace_file(output, text, e);
	if (rc == 0)
		*data = output != NULL ? json_pack("{s:s}", "file", output)
				       : json_pack("{s:s}", "metrics", text);
	free(text);
	return rc;
}

void
print_metrics(struct output *out, const json_t *data)
{
	fputs(output_json_get(data, "metrics", ""), out->file);
}
