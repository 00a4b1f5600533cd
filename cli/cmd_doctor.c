/* SPDX-License-Identifier: ISC */
/*
 * bulkhead doctor: looks at the host and at what the guard says of itself, and says for each thing
 * that is not well what to do.  bulkhead (CLI).
 */
#include <errno.h>
#include <linux/landlock.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/settings.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output_json.h"

#define FREE_LEAST_BYTES  (256LL << 20)	      /* the database may double while it is copied */
#define BACKUP_OLDEST_NS  (3 * CLOCK_HOUR_NS) /* one is made each hour */
#define SILENCE_LONGEST_S 10		      /* the sensor reports once a second */

enum state { STATE_OK, STATE_WARN, STATE_FAIL };
static const char *const state_names[] = {"ok", "warn", "fail"};

/* One finding; `todo` NULL where nothing is to be done. */
static void __attribute__((format(printf, 5, 6)))
add(json_t *list, const char *check, enum state state, const char *todo, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(list,
	    json_pack("{s:s, s:s, s:o, s:o}", "check", check, "state", state_names[state], "text",
		output_json_text(text), "todo", output_json_text(todo != NULL ? todo : "")));
}

/* --- the host --- */

static void
look_at_kernel(json_t *list)
{
	struct utsname name;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (uname(&name) == 0)
		add(list, "kernel", STATE_OK, NULL, "%s %s", name.sysname, name.release);
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
		add(list, "seccomp", STATE_FAIL, "use a kernel with CONFIG_SECCOMP_FILTER",
		    "this kernel has no system call filter: the programs will not start");
	if (abi < 1)
		add(list, "landlock", STATE_WARN,
		    "boot with lsm=landlock,... or a kernel with CONFIG_SECURITY_LANDLOCK",
		    "this kernel has no Landlock: the jails lean on the system call filter alone");
	else
		add(list, "landlock", STATE_OK, NULL, "Landlock version %ld", abi);
}

static void
look_at_clock(json_t *list)
{
	struct timex t = {.modes = 0};

	if (adjtimex(&t) < 0 || (t.status & STA_UNSYNC) != 0)
		add(list, "clock", STATE_WARN,
		    "start a time service (chrony, systemd-timesyncd): apt install chrony",
		    "the clock is not synchronised: times in cases and in the ledger may be wrong");
	else
		add(list, "clock", STATE_OK, NULL, "synchronised, within %ld us", t.maxerror);
}

static void
look_at_socket(json_t *list, const struct settings *s, const char *name)
{
	char path[SETTINGS_PATH_BYTES + 16];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", s->run_dir, name);
	if (lstat(path, &st) != 0)
		add(list, name, STATE_FAIL, "systemctl start bulkhead-guard", "%s: %s", path,
		    strerror(errno));
	else if (!S_ISSOCK(st.st_mode))
		add(list, name, STATE_FAIL, "move it away and restart bulkhead-guard",
		    "%s is no socket", path);
	else
		add(list, name, STATE_OK, NULL, "%s, mode %03o", path, st.st_mode & 0777u);
}

static void
look_at_folder(json_t *list, const struct settings *s)
{
	char path[SETTINGS_PATH_BYTES + 24];
	struct statvfs fs;
	struct stat st;
	long long left;

	if (statvfs(s->state_dir, &fs) != 0) {
		add(list, "disk", STATE_FAIL,
		    "systemd-tmpfiles --create, or name another state_dir in bulkhead.conf",
		    "%s: %s", s->state_dir, strerror(errno));
		return;
	}
	left = (long long)fs.f_bavail * (long long)fs.f_frsize;
	if ((fs.f_flag & ST_RDONLY) != 0)
		add(list, "disk", STATE_FAIL,
		    "mount it writable; blocks stand, but nothing can be decided meanwhile",
		    "%s is read-only", s->state_dir);
	else if (left < FREE_LEAST_BYTES)
		add(list, "disk", STATE_FAIL, "make room there, or name another state_dir",
		    "%s has %lld MiB left", s->state_dir, left >> 20);
	else
		add(list, "disk", STATE_OK, NULL, "%s has %lld MiB left", s->state_dir, left >> 20);
	snprintf(path, sizeof(path), "%s/guard.db.backup", s->state_dir);
	if (stat(path, &st) == 0 &&
	    clock_wall_ns() - st.st_mtime * CLOCK_SECOND_NS > BACKUP_OLDEST_NS)
		add(list, "backup", STATE_WARN, "see the log for guard.backup",
		    "the newest copy of the database is older than three hours");
	else if (errno == EACCES)
		add(list, "backup", STATE_WARN, "run bulkhead doctor as root",
		    "you may not look into %s", s->state_dir);
}

/* --- what the guard says --- */

static void
look_at_sensor(json_t *list, const json_t *s)
{
	long long packets = output_json_number(s, "packets"),
		  drops = output_json_number(s, "ring_drops"),
		  flows = output_json_number(s, "flows"), max = output_json_number(s, "flows_max");

	if (!json_is_true(json_object_get(s, "connected"))) {
		add(list, "sensor", STATE_FAIL,
		    "systemctl restart bulkhead-sensor; journalctl -u bulkhead-sensor",
		    "gone, last heard %lld s ago: nothing is seen, and no verdict rises meanwhile",
		    output_json_number(s, "last_heard_s"));
		return;
	}
	if (output_json_number(s, "last_heard_s") > SILENCE_LONGEST_S)
		add(list, "sensor", STATE_FAIL, "systemctl restart bulkhead-sensor",
		    "connected, but silent for %lld s", output_json_number(s, "last_heard_s"));
	else
		add(list, "sensor", STATE_OK, NULL, "%lld packets", packets);
	if (output_json_number(s, "interfaces") == 0)
		add(list, "interfaces", STATE_WARN,
		    "set interfaces in bulkhead.conf to the names of the tenants' ports (ip link), "
		    "and restart bulkhead-sensor",
		    "no tenant interface matches");
	else
		add(list, "interfaces", STATE_OK, NULL, "%lld tenant interfaces",
		    output_json_number(s, "interfaces"));
	if (drops * 100 > packets)
		add(list, "drops", STATE_WARN, "raise ring_mib in bulkhead.conf",
		    "%lld of %lld packets found no room in the capture ring", drops, packets);
	else
		add(list, "drops", STATE_OK, NULL, "%lld of %lld packets lost", drops, packets);
	if (max > 0 && flows * 10 > max * 9)
		add(list, "flows", STATE_WARN, "raise flows_max in bulkhead.conf",
		    "%lld of %lld connections in use", flows, max);
	if (output_json_number(s, "observations_lost") > 0)
		add(list, "observations", STATE_WARN,
		    "look for restarts of the guard, and for a slow disk (journalctl -u "
		    "bulkhead-guard)",
		    "%lld were lost while the guard was away or slow",
		    output_json_number(s, "observations_lost"));
	if (output_json_number(s, "one_sided") > 0)
		add(list, "directions", STATE_WARN,
		    "capture where both directions pass (device in bulkhead.conf)",
		    "%lld sessions were seen in one direction only",
		    output_json_number(s, "one_sided"));
}

static void
look_at_notice(json_t *list, const json_t *notice)
{
	if (!json_is_object(notice))
		return;
	if (!json_is_true(json_object_get(notice, "works")))
		add(list, "notice", STATE_WARN, "notice = no in bulkhead.conf",
		    "this kernel cannot redirect: blocked servers are reset");
	else if (output_json_number(notice, "responders") == 0)
		add(list, "notice", STATE_FAIL, "systemctl start bulkhead-notice",
		    "nobody answers blocked servers: they are reset");
	else if (output_json_number(notice, "reset_links") > 0)
		add(list, "notice", STATE_OK, NULL,
		    "%lld routed links are answered; %lld are bridged and reset",
		    output_json_number(notice, "links"), output_json_number(notice, "reset_links"));
	else
		add(list, "notice", STATE_OK, NULL, "%lld links are answered",
		    output_json_number(notice, "links"));
}

static void
look_at_enforcer(json_t *list, const json_t *status)
{
	const json_t *enforcer = json_object_get(status, "enforcer");
	const char *feature;
	json_t *has;

	if (!json_is_object(enforcer)) {
		add(list, "enforcer", STATE_FAIL,
		    "start bulkhead-guard as its unit does, with CAP_NET_ADMIN",
		    "there is none: nothing can be blocked");
		return;
	}
	add(list, "enforcer", STATE_OK, NULL, "pid %lld, %lld reconciles",
	    output_json_number(enforcer, "pid"), output_json_number(enforcer, "reconciled"));
	json_object_foreach (json_object_get(enforcer, "features"), feature, has)
		if (!json_is_true(has))
			add(list, "kernel features", STATE_WARN, NULL,
			    "this kernel lacks %s; the guard does without it", feature);
	look_at_notice(list, json_object_get(enforcer, "notice"));
	has = json_object_get(enforcer, "brake");
	if (output_json_number(has, "overflow") > 0)
		add(list, "brake", STATE_FAIL,
		    "name the interfaces of those servers in the inventory: they need no meters of "
		    "addresses then",
		    "its meters of addresses are full: %lld packets passed unmetered in a day, "
		    "most from %s",
		    output_json_number(has, "overflow"),
		    output_json_get(has, "overflow_link", "?"));
	if (json_is_string(json_object_get(enforcer, "behind")))
		add(list, "ruleset", STATE_FAIL,
		    "it is tried again every 2 s; see bulkhead ledger show",
		    "is not what the database says: %s", output_json_get(enforcer, "behind", ""));
	else if (output_json_number(enforcer, "repaired") > 0)
		add(list, "ruleset", STATE_WARN,
		    "bulkhead ledger show names who did it: keep them from flushing other tables",
		    "others changed our rules %lld times; they were put back",
		    output_json_number(enforcer, "repaired"));
	else
		add(list, "ruleset", STATE_OK, NULL, "stands as the database says");
}

static void
look_at_notices(json_t *list, const json_t *n)
{
	const json_t *heard = json_object_get(n, "carrier_heard_s");
	long long dead = output_json_number(n, "dead");

	if (json_array_size(json_object_get(n, "hooks")) == 0)
		add(list, "notices", STATE_WARN,
		    "name programs in notice_hooks: bulkhead-notify(8)",
		    "no hook is named: tenants are not told of a block");
	else if (!json_is_integer(heard) || json_integer_value(heard) > SILENCE_LONGEST_S)
		add(list, "notices", STATE_FAIL,
		    "systemctl start bulkhead-notify; journalctl -u bulkhead-notify",
		    "nobody carries them, %lld wait", output_json_number(n, "waiting"));
	else
		add(list, "notices", STATE_OK, NULL, "%lld sent, %lld wait",
		    output_json_number(n, "sent"), output_json_number(n, "waiting"));
	if (dead > 0)
		add(list, "dead letters", STATE_WARN,
		    "bulkhead notice list --state dead; bulkhead notice retry --all",
		    "%lld notices could not be carried", dead);
}

void
doctor_status(json_t *list, const json_t *status)
{
	json_t *sensors = json_object_get(status, "sensors"), *one;
	const char *version = output_json_get(status, "version", "?");
	size_t i;

	if (strcmp(version, BULKHEAD_VERSION) != 0)
		add(list, "version", STATE_WARN,
		    "systemctl restart bulkhead-guard bulkhead-sensor after an upgrade",
		    "the guard is %s, this program is %s", version, BULKHEAD_VERSION);
	if (strcmp(output_json_get(status, "mode", "?"), "observe") == 0)
		add(list, "mode", STATE_WARN, "bulkhead mode enforce, when the verdicts look right",
		    "observe: nothing is enforced");
	else
		add(list, "mode", STATE_OK, NULL, "%s", output_json_get(status, "mode", "?"));
	if (json_is_true(json_object_get(status, "safety_catch")))
		add(list, "safety catch", STATE_FAIL,
		    "bulkhead server list; bulkhead release --all --reason R resets it",
		    "too many servers would have been blocked at once: automatic blocking has "
		    "stopped");
	if (output_json_number(status, "servers") == 0)
		add(list, "inventory", STATE_WARN, "bulkhead server import FILE",
		    "there are no servers: nothing can be attributed");
	else if (output_json_number(status, "unattributed") > 0)
		add(list, "inventory", STATE_WARN,
		    "compare the inventory with the host: bulkhead server list, ip -br link",
		    "%lld sessions came from interfaces or addresses of no server",
		    output_json_number(status, "unattributed"));
	else
		add(list, "inventory", STATE_OK, NULL, "%lld servers",
		    output_json_number(status, "servers"));
	look_at_enforcer(list, status);
	if (json_is_object(json_object_get(status, "notices")))
		look_at_notices(list, json_object_get(status, "notices"));
	if (json_array_size(sensors) == 0)
		add(list, "sensor", STATE_FAIL, "systemctl start bulkhead-sensor",
		    "none ever connected");
	json_array_foreach (sensors, i, one)
		look_at_sensor(list, one);
}

static void
look_at_guard(struct context *ctx, json_t *list)
{
	json_t *data = NULL;
	struct err e = {0};

	if (client_call(ctx, "status", json_object(), NULL, 0, &data, &e) < 0) {
		add(list, "guard", STATE_FAIL,
		    "systemctl status bulkhead-guard; journalctl -u bulkhead-guard", "%s", e.text);
		return;
	}
	add(list, "guard", STATE_OK, NULL, "up for %lld s", output_json_number(data, "uptime_s"));
	doctor_status(list, data);
	json_decref(data);
	data = NULL;
	if (client_call(ctx, "ledger.verify", json_object(), NULL, 0, &data, &e) < 0)
		add(list, "ledger", STATE_FAIL,
		    "compare it with guard.db.backup: bulkhead-guard(8)", "%s", e.text);
	else
		add(list, "ledger", STATE_OK, NULL, "%lld entries, whole",
		    output_json_number(data, "entries"));
	json_decref(data);
}

int
cmd_doctor(struct context *ctx, json_t **data, struct err *e)
{
	json_t *list = json_array(), *one;
	struct settings settings;
	struct err why = {0};
	bool good = true;
	size_t i;

	(void)e;
	if (settings_load(&settings, ctx->config, &why) < 0) {
		add(list, "settings", STATE_FAIL, "correct the file, then bulkhead config check",
		    "%s", why.text);
		settings_init(&settings);
	} else {
		add(list, "settings", STATE_OK, NULL, "%s",
		    ctx->config != NULL ? ctx->config : SETTINGS_PATH);
	}
	look_at_kernel(list);
	look_at_clock(list);
	look_at_folder(list, &settings);
	look_at_socket(list, &settings, "obs.sock");
	if (ctx->socket == NULL)
		look_at_socket(list, &settings, "ctl.sock");
	look_at_guard(ctx, list);
	json_array_foreach (list, i, one)
		good = good && strcmp(output_json_get(one, "state", ""), "fail") != 0;
	*data = json_pack("{s:b, s:o}", "ok", good, "findings", list);
	return 0;
}

void
print_doctor(struct output *out, const json_t *data)
{
	static const enum output_style styles[] = {OUTPUT_GOOD, OUTPUT_ALERT, OUTPUT_BAD};
	unsigned counts[3] = {0};
	const json_t *one;
	size_t i;

	json_array_foreach (json_object_get(data, "findings"), i, one) {
		const char *state = output_json_get(one, "state", "?");
		const char *todo = output_json_get(one, "todo", "");
		unsigned s = state[0] == 'o' ? STATE_OK : state[0] == 'w' ? STATE_WARN : STATE_FAIL;

		counts[s]++;
		output_line(out, styles[s], "%-4s  %-15s %s", state,
		    output_json_get(one, "check", "?"), output_json_get(one, "text", ""));
		if (todo[0] != '\0')
			output_line(out, OUTPUT_PLAIN, "      %-15s -> %s", "", todo);
	}
	output_line(out, OUTPUT_PLAIN, "%u well, %u to look at, %u wrong", counts[STATE_OK],
	    counts[STATE_WARN], counts[STATE_FAIL]);
}
