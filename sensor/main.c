/* SPDX-License-Identifier: ISC */
/*
 * bulkhead-sensor: opens the capture, gives every privilege up, then reads hostile packets and
 * tells the guard what it saw.  The whole process, from start to end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/program.h"
#include "base/sandbox.h"
#include "base/schedule.h"
#include "base/settings.h"
#include "sensor/emit.h"
#include "sensor/interfaces.h"
#include "sensor/key.h"
#include "sensor/pace.h"
#include "sensor/sensor.h"
#include "sensor/tap.h"

#define PROGRAM		 "bulkhead-sensor"
#define QUEUE_MAX	 16384u		       /* observations while the guard is away: 4 MiB */
#define REFRESH_NS	 (3 * CLOCK_SECOND_NS) /* names of taps are recycled */
#define DRAIN_BATCHES	 64u
#define RESTS_IN_A_ROW	 64u
#define READ_PATIENCE_NS (5 * CLOCK_SECOND_NS) /* --read: for a guard that takes nothing */

/* So many wake-ups at once before packets are left to gather (rest_us of the configuration is the
 * pace after that): a mailing that begins is seen packet by packet up to its block, and steady
 * traffic is read in batches.  README.md of this folder has the measurements. */
#define WAKE_BURST 1024

enum source { SOURCE_TAP, SOURCE_SIGNAL };

struct daemon {
	const char *config, *device, *file;
	struct settings settings;
	struct sandbox_user user;
	struct tap *tap;
	struct sensor *sensor;
	struct interfaces *interfaces;
	struct emit *emit;
	struct pace pace;
	int epoll_fd, signal_fd, notify_fd;
	int64_t second_ns, refresh_ns; /* monotonic: when the next is due */
	uint64_t packets;	       /* read from the ring */
	bool stop;
};

/* --- start -------------------------------------------------------------------------------------
 */

static const char usage[] =
    "usage: bulkhead-sensor [--config FILE] [--device NAME] [--read FILE]\n"
    "Watches SMTP on a device and tells bulkhead-guard; stays in the foreground.\n\n"
    "  --config FILE  configuration (default " SETTINGS_PATH ")\n"
    "  --device NAME  capture device instead of the configured one; any sees all\n"
    "  --read FILE    read a capture file (- is standard input) instead of a device, then end\n"
    "  --foreground   accepted; there is no other way\n"
    "  --version      print the version\n"
    "  --help         print this\n";

/* -1: go on; else the exit status. */
static int
read_options(struct daemon *d, int argc, char **argv)
{
	const struct program_option options[] = {
	    {"config", 'c', &d->config, NULL},
	    {"device", 'd', &d->device, NULL},
	    {"read", 'r', &d->file, NULL},
	    {"foreground", 0, NULL, NULL},
	    {NULL, 0, NULL, NULL},
	};

	return program_read_options(PROGRAM, usage, options, argc, argv);
}

static int
read_ports(struct sensor_config *cfg, const char *list, struct err *e)
{
	char item[16];

	cfg->port_count = 0;
	while (config_list_next(&list, item, sizeof(item))) {
		char *end;
		unsigned long port = strtoul(item, &end, 10);

		if (*end != '\0' || end == item || port == 0 || port > 65535)
			return err_set(
			    e, -EINVAL, "ports: \"%s\" is not a TCP port (1..65535)", item);
		if (cfg->port_count == SENSOR_PORTS_MAX)
			return err_set(
			    e, -EINVAL, "ports: at most %d can be watched", SENSOR_PORTS_MAX);
		cfg->ports[cfg->port_count++] = (uint16_t)port;
	}
	return 0;
}

static int
load_settings(struct daemon *d, struct err *e)
{
	int r = settings_load(&d->settings, d->config, e);

	if (r != 0)
		return r;
	program_set_log(PROGRAM, &d->settings);
	if (d->device == NULL)
		d->device = d->settings.device;
	return sandbox_find_user(d->settings.user, &d->user, e);
}

static void
on_observation(void *arg, const struct observation *obs)
{
	struct daemon *d = arg;

	emit_add(d->emit, obs);
}

static int
open_tap(struct daemon *d, const struct sensor_config *cfg, struct err *e)
{
	const struct settings *s = &d->settings;
	struct tap_live_config live = {
	    .device = interfaces_is_tenant(s->interfaces, s->ignore, d->device) ? "any" : d->device,
	    .snaplen = (uint32_t)s->snaplen,
	    .ring_bytes = (uint32_t)(s->ring_mib << 20),
	    .ports = cfg->ports,
	    .port_count = cfg->port_count,
	    .odd_ports = s->odd_ports,
	};

	return d->file != NULL ? tap_open_file(&d->tap, d->file, e)
			       : tap_open_live(&d->tap, &live, e);
}

/* Everything that needs a privilege or a file. */
static int
open_all(struct daemon *d, struct err *e)
{
	const struct settings *s = &d->settings;
	struct sensor_config cfg;
	char path[SETTINGS_PATH_BYTES + 16];
	int r;

	sensor_config_init(&cfg);
	cfg.flows_max = (uint32_t)s->flows_max;
	cfg.classify = s->classify;
	cfg.mmdb_asn_path = s->mmdb_asn[0] != '\0' ? s->mmdb_asn : NULL;
	cfg.mmdb_country_path = s->mmdb_country[0] != '\0' ? s->mmdb_country : NULL;
	hash_random(&cfg.table_seed, sizeof(cfg.table_seed));
	r = read_ports(&cfg, s->ports, e);
	if (r == 0)
		r = open_tap(d, &cfg, e);
	if (r == 0)
		r = key_load(s->state_dir, &d->user, cfg.hash_key, e);
	snprintf(path, sizeof(path), "%s/obs.sock", s->run_dir);
	if (r == 0)
		r = emit_new(&d->emit, path, QUEUE_MAX, e);
	if (r == 0 && d->file == NULL) {
		r = interfaces_new(&d->interfaces, s->interfaces, s->ignore, d->device, e);
		cfg.interface_of = interfaces_role;
		cfg.interface_arg = d->interfaces;
	}
	if (r == 0)
		r = sensor_new(&d->sensor, &cfg, on_observation, d, e);
	explicit_bzero(cfg.hash_key, sizeof(cfg.hash_key));
	return r;
}

/* SIGTERM and SIGINT end a watch in good order; a file is simply left. */
static int
open_loop(struct daemon *d, struct err *e)
{
	int r;

	d->signal_fd = program_open_signals(false, e);
	if (d->signal_fd < 0)
		return d->signal_fd;
	d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (d->epoll_fd < 0)
		return err_set(e, -errno, "cannot wait for packets: %s", strerror(errno));
	r = program_watch(d->epoll_fd, d->signal_fd, SOURCE_SIGNAL, e);
	if (r == 0)
		r = program_watch(d->epoll_fd, tap_fd(d->tap), SOURCE_TAP, e);
	if (r < 0)
		return r;
	/* The kernel's default slack of 50 us would make short rests longer. */
	prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
	schedule_prompt();
	pace_init(&d->pace, d->settings.rest_us * 1000, WAKE_BURST);
	return 0;
}

static int
start(struct daemon *d, struct err *e)
{
	int64_t begin_ns = clock_mono_ns();
	bool landlocked = false;
	int r = load_settings(d, e);

	/* As whoever started us: capture, key, databases. */
	if (r == 0)
		r = open_all(d, e);
	if (r == 0 && d->file == NULL)
		r = open_loop(d, e);
	d->notify_fd = notify_open();

	/* From here on an ordinary user without any capability. */
	if (r == 0)
		r = sandbox_drop(&d->user, 0, e);

	/* From here on no file can be opened. */
	if (r == 0)
		r = sandbox_landlock(NULL, &landlocked, e);

	/* From here on only the sensor's system calls, and the capture socket can only be read. */
	if (r == 0)
		r = sandbox_seccomp_receive_only(
		    SANDBOX_SENSOR, d->file == NULL ? tap_fd(d->tap) : -1, e);
	if (r != 0)
		return r;
	program_note_landlock("sensor.no_landlock", landlocked);
	log_event(LOG_LEVEL_INFO, "sensor.ready", "source=%s user=%s flows_max=%lld took_ms=%lld",
	    d->file != NULL ? d->file : d->device, d->user.name, (long long)d->settings.flows_max,
	    (long long)((clock_mono_ns() - begin_ns) / 1000000));
	notify_send(d->notify_fd, "READY=1");
	return 0;
}

/* --- every second ------------------------------------------------------------------------------
 */

static void
report_health(struct daemon *d, int64_t wall_ns)
{
	struct observation obs = {.kind = OBS_HEALTH, .visibility = OBS_FLOW, .time_ns = wall_ns};
	struct sensor_stats stats;

	sensor_get_stats(d->sensor, &stats);
	obs.u.health.packets = stats.packets;
	obs.u.health.bytes = stats.bytes;
	obs.u.health.ring_drops = tap_drops(d->tap);
	obs.u.health.malformed = stats.malformed;
	obs.u.health.gaps = stats.gaps;
	obs.u.health.evicted = stats.evicted;
	obs.u.health.other_crossings = stats.other_crossings;
	obs.u.health.observations_lost = emit_lost(d->emit);
	obs.u.health.one_sided = stats.one_sided;
	obs.u.health.flows = stats.flows_live;
	obs.u.health.flows_max = stats.flows_max;
	obs.u.health.interfaces = d->interfaces != NULL ? interfaces_tenants(d->interfaces) : 0;
	obs.u.health.memory_bytes = stats.memory_bytes;
	obs.u.health.pool_exhausted = stats.pool_exhausted;
	obs.u.health.mx_suppressed = stats.mx_suppressed;
	obs.u.health.fragments = stats.fragments;
	obs.u.health.fragments_lost = stats.fragments_lost + stats.fragments_refused;
	emit_add(d->emit, &obs);
}

static void
do_second(struct daemon *d, int64_t mono_ns)
{
	int64_t wall_ns = clock_wall_ns();

	if (mono_ns < d->second_ns)
		return;
	d->second_ns = mono_ns + CLOCK_SECOND_NS;
	if (mono_ns >= d->refresh_ns) {
		d->refresh_ns = mono_ns + REFRESH_NS;
		if (interfaces_refresh(d->interfaces))
			sensor_forget_interfaces(d->sensor);
	}
	sensor_tick(d->sensor, wall_ns);
	report_health(d, wall_ns);
	notify_send(d->notify_fd, "WATCHDOG=1");
}

/* --- live --------------------------------------------------------------------------------------
 */

/* True when it rested: packets may have gathered, and the ring is looked at before it is waited for. */
static bool
rest(struct daemon *d)
{
	int64_t ns = pace_rest(&d->pace, clock_mono_ns());
	struct timespec span = {.tv_nsec = (long)ns};

	if (ns > 0)
		nanosleep(&span, NULL);
	return ns > 0;
}

/*
 * Takes what the ring holds; every batch is told before the next, so that a flood does not delay
 * the news.  Returns 1 when there is more (signals must get their turn in a flood), 0, or negative
 * errno.
 */
static int
drain(struct daemon *d, struct err *e)
{
	struct packet packets[32];
	int n = 32;

	for (unsigned i = 0; i < DRAIN_BATCHES && n == 32; i++) {
		n = tap_read(d->tap, packets, e);
		if (n > 0)
			sensor_packets(d->sensor, packets, (unsigned)n);
		d->packets += n > 0 ? (unsigned)n : 0;
		emit_flush(d->emit, clock_mono_ns());
		do_second(d, clock_mono_ns());
	}
	return n < 0 ? n : n == 32;
}

/* Waits for packets, a signal or the second.  1: packets; 0: none; negative errno. */
static int
wait_for_packets(struct daemon *d, struct err *e)
{
	struct epoll_event events[2];
	int64_t left_ns = d->second_ns - clock_mono_ns();
	int n = epoll_wait(d->epoll_fd, events, 2, left_ns <= 0 ? 0 : (int)(left_ns / 1000000) + 1);

	if (n < 0 && errno != EINTR)
		return err_set(e, -errno, "cannot wait for packets: %s", strerror(errno));
	for (int i = 0; i < n; i++)
		if (events[i].data.u32 == SOURCE_SIGNAL)
			d->stop = true;
	return n > 0;
}

static int
watch(struct daemon *d, struct err *e)
{
	unsigned in_a_row = 0; /* rests without a wait: signals must get their turn */
	int r = 0;

	d->second_ns = clock_mono_ns();
	d->refresh_ns = d->second_ns + REFRESH_NS;
	while (r >= 0 && !d->stop) {
		uint64_t before = d->packets;
		bool woken = in_a_row > 0;
		if (!woken && (r = wait_for_packets(d, e)) < 0)
			break;
		woken |= r > 0;
		r = drain(d, e);
		bool rested = woken && r == 0 && !d->stop && d->packets > before && rest(d);
		in_a_row = rested && in_a_row < RESTS_IN_A_ROW ? in_a_row + 1 : 0;
	}
	return r < 0 ? r : 0;
}

/* --- a file ------------------------------------------------------------------------------------
 */

/* Waits until at most `most` observations are left to send; -ETIMEDOUT when the guard takes none.
 */
static int
wait_for_guard(struct daemon *d, uint32_t most, struct err *e)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	int64_t patience_ns = clock_mono_ns() + READ_PATIENCE_NS;
	uint32_t before = emit_waiting(d->emit);

	while (emit_flush(d->emit, clock_mono_ns()), emit_waiting(d->emit) > most) {
		if (emit_waiting(d->emit) != before)
			patience_ns = clock_mono_ns() + READ_PATIENCE_NS;
		before = emit_waiting(d->emit);
		if (clock_mono_ns() > patience_ns)
			return err_set(e, -ETIMEDOUT,
			    "%s/obs.sock: nobody takes the observations; start bulkhead-guard "
			    "first",
			    d->settings.run_dir);
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int
read_file(struct daemon *d, struct err *e)
{
	struct packet packets[32];
	int n, r = 0;

	while ((n = tap_read(d->tap, packets, e)) > 0 && r == 0) {
		sensor_packets(d->sensor, packets, (unsigned)n);
		r = wait_for_guard(d, QUEUE_MAX / 2, e);
	}
	return n < 0 ? n : r;
}

/* --- end ---------------------------------------------------------------------------------------
 */

static int
finish(struct daemon *d, struct err *e)
{
	struct sensor_stats stats;
	int r = 0;

	notify_send(d->notify_fd, "STOPPING=1");
	sensor_get_stats(d->sensor, &stats);
	sensor_finish(d->sensor, d->file != NULL ? stats.last_ns : clock_wall_ns());
	report_health(d, d->file != NULL ? stats.last_ns : clock_wall_ns());
	if (d->file != NULL)
		r = wait_for_guard(d, 0, e);
	else
		emit_flush(d->emit, clock_mono_ns());
	sensor_get_stats(d->sensor, &stats);
	log_event(LOG_LEVEL_INFO, "sensor.stopped",
	    "packets=%llu observations=%llu ring_drops=%llu lost=%llu",
	    (unsigned long long)stats.packets, (unsigned long long)stats.observations,
	    (unsigned long long)tap_drops(d->tap), (unsigned long long)emit_lost(d->emit));
	/* The capture is closed by the end of the process: libpcap would take its ring apart with a
	 * call that the jail rightly forbids. */
	sensor_free(d->sensor);
	emit_free(d->emit);
	interfaces_free(d->interfaces);
	return r;
}

int
main(int argc, char **argv)
{
	static struct daemon d = {.epoll_fd = -1, .signal_fd = -1, .notify_fd = -1};
	struct err e = {0}, end = {0};
	int r = read_options(&d, argc, argv);

	if (r >= 0)
		return r;
	log_init(PROGRAM, LOG_LEVEL_INFO);
	r = start(&d, &e);
	if (r == 0) {
		r = d.file != NULL ? read_file(&d, &e) : watch(&d, &e);
		if (finish(&d, &end) != 0 && r == 0) {
			r = end.code;
			e = end;
		}
	}
	if (r != 0)
		fprintf(stderr, PROGRAM ": %s\n", e.text);
	return r == 0 ? 0 : 1;
}
