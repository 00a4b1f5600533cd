/* SPDX-License-Identifier: ISC */
/*
 * bulkhead status: is everything well, and who is blocked.  bulkhead (CLI).
 */
#include <string.h>

#include "base/clock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output_json.h"

int
cmd_status(struct context *ctx, json_t **data, struct err *e)
{
	return client_call(ctx, "status", json_object(), NULL, 0, data, e);
}

enum output_style
verdict_style(const char *verdict)
{
	if (strcmp(verdict, "block") == 0 || strcmp(verdict, "throttle") == 0)
		return OUTPUT_BAD;
	if (strcmp(verdict, "warn") == 0 || strcmp(verdict, "watch") == 0)
		return OUTPUT_ALERT;
	return OUTPUT_PLAIN;
}

const char *
seconds_text(char buf[CLOCK_SPAN_BYTES], const json_t *seconds)
{
	if (!json_is_number(seconds)) {
		buf[0] = '-';
		buf[1] = '\0';
		return buf;
	}
	return clock_format_span(buf, (int64_t)json_number_value(seconds) * CLOCK_SECOND_NS);
}

static void
print_sensor(struct output *out, const json_t *s)
{
	long long drops = output_json_number(s, "ring_drops"),
		  lost = output_json_number(s, "observations_lost"),
		  one_sided = output_json_number(s, "one_sided"),
		  evicted = output_json_number(s, "evicted"),
		  exhausted = output_json_number(s, "pool_exhausted"),
		  divided = output_json_number(s, "fragments_lost");
	char heard[CLOCK_SPAN_BYTES];

	if (json_is_false(json_object_get(s, "connected"))) {
		output_line(out, OUTPUT_BAD,
		    "sensor    gone: last heard %s ago; nothing is seen until bulkhead-sensor runs "
		    "again",
		    seconds_text(heard, json_object_get(s, "last_heard_s")));
		return;
	}
	output_line(out, OUTPUT_PLAIN,
	    "sensor    %lld packets, %lld of %lld flows, %lld interfaces, %lld MiB, heard %s ago",
	    output_json_number(s, "packets"), output_json_number(s, "flows"),
	    output_json_number(s, "flows_max"), output_json_number(s, "interfaces"),
	    output_json_number(s, "memory_bytes") >> 20,
	    seconds_text(heard, json_object_get(s, "last_heard_s")));
	if (drops + lost + one_sided > 0)
		output_line(out, OUTPUT_ALERT,
		    "          lost %lld packets and %lld observations; %lld sessions with one "
		    "direction only",
		    drops, lost, one_sided);
	if (divided > 0)
		output_line(out, OUTPUT_ALERT,
		    "          %lld divided IP datagrams did not become whole: what was in them is "
		    "a gap",
		    divided);
	if (evicted + exhausted > 0)
		output_line(out, OUTPUT_ALERT,
		    "          a flood came: %lld connections were pushed out, details given up "
		    "%lld "
		    "times",
		    evicted, exhausted);
}

static void
print_enforcer(struct output *out, const json_t *data)
{
	json_t *enforcer = json_object_get(data, "enforcer"), *value;
	char missing[256] = "";
	const char *name;

	if (!json_is_object(enforcer)) {
		output_line(out, OUTPUT_ALERT, "enforcer  none: nothing can be blocked");
		return;
	}
	json_object_foreach (json_object_get(enforcer, "features"), name, value)
		if (!json_is_true(value)) {
			strncat(missing, missing[0] != '\0' ? ", " : "; this kernel lacks ",
			    sizeof(missing) - strlen(missing) - 1);
			strncat(missing, name, sizeof(missing) - strlen(missing) - 1);
		}
	output_line(out, OUTPUT_PLAIN, "enforcer  pid %lld, repaired %lld times%s",
	    output_json_number(enforcer, "pid"), output_json_number(enforcer, "repaired"), missing);
	if (json_is_string(json_object_get(enforcer, "behind")))
		output_line(out, OUTPUT_ALERT,
		    "          the kernel is not what the database says: %s",
		    output_json_get(enforcer, "behind", ""));
}

/* What bounds a mailing while the programs are dead. */
static void
print_brake(struct output *out, const json_t *enforcer)
{
	json_t *brake = json_object_get(enforcer, "brake");
	bool loose = json_is_true(json_object_get(brake, "loose"));
	bool armed = json_is_true(json_object_get(brake, "armed"));

	if (!json_is_object(enforcer))
		return;
	if (!json_is_object(brake)) {
		output_line(out, OUTPUT_ALERT,
		    "brake     none: this kernel has no meters, or the enforcer does not answer");
		return;
	}
	output_line(out, armed && !loose ? OUTPUT_BAD : OUTPUT_PLAIN,
	    "brake     %s, %s; dropped %lld packets, would have dropped %lld",
	    armed ? "armed" : "only counting", loose ? "loose" : "strict: no sensor is heard",
	    output_json_number(brake, "dropped"), output_json_number(brake, "counted"));
	if (output_json_number(brake, "overflow") > 0)
		output_line(out, OUTPUT_BAD,
		    "          its meters of addresses are full: %lld packets passed unmetered, "
		    "most from %s",
		    output_json_number(brake, "overflow"),
		    output_json_get(brake, "overflow_link", "?"));
}

/* Whether blocked servers are told in words. */
static void
print_notice(struct output *out, const json_t *enforcer)
{
	json_t *notice = json_object_get(enforcer, "notice");
	long long links = output_json_number(notice, "links"),
		  reset = output_json_number(notice, "reset_links");

	if (!json_is_object(notice))
		return;
	if (!json_is_true(json_object_get(notice, "works")))
		output_line(out, OUTPUT_ALERT,
		    "notice    none: this kernel cannot redirect; blocked servers are reset");
	else if (output_json_number(notice, "responders") == 0)
		output_line(out, OUTPUT_BAD,
		    "notice    nobody answers: start bulkhead-notice; blocked servers are reset");
	else
		output_line(out, OUTPUT_PLAIN,
		    "notice    %lld routed links are answered, %lld bridged links are reset", links,
		    reset);
}

/* Plans and servers that have a mode of their own. */
static void
print_modes(struct output *out, const json_t *data)
{
	long long own = output_json_number(data, "own_modes");
	const char *plan;
	json_t *mode;

	json_object_foreach (json_object_get(data, "plan_modes"), plan, mode)
		output_line(out, OUTPUT_PLAIN, "          plan %s: %s", plan,
		    json_string_value(mode) != NULL ? json_string_value(mode) : "?");
	if (own > 0)
		output_line(out, OUTPUT_PLAIN,
		    "          %lld servers have a mode of their own (bulkhead mode)", own);
}

void
print_status(struct output *out, const json_t *data)
{
	json_t *verdicts = json_object_get(data, "verdicts"),
	       *sensors = json_object_get(data, "sensors"), *one,
	       *ledger = json_object_get(data, "ledger");
	const char *mode = output_json_get(data, "mode", "?");
	bool observe = strcmp(mode, "observe") == 0;
	char uptime[CLOCK_SPAN_BYTES];
	size_t i;

	output_line(out, observe ? OUTPUT_ALERT : OUTPUT_PLAIN, "guard     %s, version %s, up %s%s",
	    mode, output_json_get(data, "version", "?"),
	    seconds_text(uptime, json_object_get(data, "uptime_s")),
	    observe ? "; nothing is enforced (bulkhead mode enforce)" : "");
	print_modes(out, data);
	json_array_foreach (sensors, i, one)
		print_sensor(out, one);
	if (json_array_size(sensors) == 0)
		output_line(out, OUTPUT_BAD, "sensor    none: start bulkhead-sensor");
	print_enforcer(out, data);
	print_brake(out, json_object_get(data, "enforcer"));
	print_notice(out, json_object_get(data, "enforcer"));
	output_line(out, OUTPUT_PLAIN,
	    "servers   %lld: %lld clear, %lld watch, %lld warn, %lld throttle, %lld block; "
	    "%lld sessions of nobody",
	    output_json_number(data, "servers"), output_json_number(verdicts, "clear"),
	    output_json_number(verdicts, "watch"), output_json_number(verdicts, "warn"),
	    output_json_number(verdicts, "throttle"), output_json_number(verdicts, "block"),
	    output_json_number(data, "unattributed"));
	output_line(out, OUTPUT_PLAIN, "whitelist %lld grants, %lld applications wait",
	    output_json_number(data, "grants_active"),
	    output_json_number(data, "applications_waiting"));
	print_status_notices(out, json_object_get(data, "notices"));
	output_line(out, OUTPUT_PLAIN, "ledger    %lld entries, head %.16s",
	    output_json_number(ledger, "entries"), output_json_get(ledger, "head", "-"));
	if (json_is_true(json_object_get(data, "safety_catch")))
		output_line(out, OUTPUT_BAD,
		    "SAFETY CATCH: too many servers would have been blocked at once, so nobody is; "
		    "look at "
		    "them, then `bulkhead release --all --reason R` resets it");
	if (json_array_size(json_object_get(data, "blocked")) > 0) {
		output_line(out, OUTPUT_PLAIN, "%s", "");
		one = json_pack("{s:O}", "servers", json_object_get(data, "blocked"));
		print_servers(out, one);
		json_decref(one);
	}
}
