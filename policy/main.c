/* SPDX-License-Identifier: ISC */
/*
 * bulkhead-guard: options, settings, privileged things, drop, jail, loop.  It ends up as two
 * processes: the enforcer child, which keeps CAP_NET_ADMIN, and this one, the judge, which keeps
 * nothing.
 */
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/program.h"
#include "base/sandbox.h"
#include "base/schedule.h"
#include "base/settings.h"
#include "policy/check_spawner.h"
#include "policy/ctl.h"
#include "policy/enforce.h"
#include "policy/guard.h"
#include "policy/guard_lock.h"
#include "policy/history_link.h"
#include "policy/ingest.h"
#include "policy/responder_feed.h"

#define PROGRAM	   "bulkhead-guard"
#define PATH_BYTES (SETTINGS_PATH_BYTES + 16)

enum source {
	SOURCE_SENSORS,
	SOURCE_CTL,
	SOURCE_ENFORCER,
	SOURCE_CHECKS,
	SOURCE_WRITER,
	SOURCE_RESPONDERS,
	SOURCE_TIMER,
	SOURCE_SIGNAL,
	SOURCE__COUNT
};

struct daemon {
	const char *config; /* NULL: the usual place, if it is there */
	bool restore;	    /* --restore: once, before guests start */
	bool watch;	    /* --watch: an interface without an inventory */
	struct settings settings;
	struct sandbox_user user;
	struct guard guard;
	struct enforce *enforce;
	struct check_spawner *checks;
	struct history_link *writer;
	struct ingest *ingest;
	struct responder_feed *responders;
	struct ctl *ctl;
	int lock, table_lock, epoll, timer, signals, notify;
	bool stop;
};

/* --- options and settings
 * ---------------------------------------------------------------------------- */

static const char usage[] =
    "usage: bulkhead-guard [--config FILE] [--watch | --restore]\n"
    "\n"
    "Scores what bulkhead-sensor sees and blocks TCP port 25 of bulk senders.\n"
    "\n"
    "  --config FILE  settings (default " SETTINGS_PATH ", if it is there)\n"
    "  --watch        no inventory: every client address is a server; never enforces\n"
    "  --restore      put the blocks of the database into the kernel and end; before guests start\n"
    "  --version      print the version\n"
    "  --help         print this\n";

/* Returns -1 to go on, or the exit code. */
static int
read_options(struct daemon *d, int argc, char **argv)
{
	const struct program_option options[] = {
	    {"config", 'c', &d->config, NULL},
	    {"watch", 0, NULL, &d->watch},
	    {"restore", 0, NULL, &d->restore},
	    {NULL, 0, NULL, NULL},
	};
	int rc = program_read_options(PROGRAM, usage, options, argc, argv);

	if (rc < 0 && d->watch && d->restore) {
		fputs(
		    PROGRAM ": --watch enforces nothing, so there is nothing to restore\n", stderr);
		return 2;
	}
	return rc;
}

/* --- privileged things
 * --------------------------------------------------------------------------------- */

/* Makes the folder, or takes the one that is there; it belongs to the user that we are about to
 * become. */
static int
make_dir(const char *path, mode_t mode, const struct sandbox_user *user, struct err *e)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		chmod(path, mode); /* whatever the umask was */
	else if (errno != EEXIST)
		return err_set(e, -errno,
		    "%s: cannot make this folder (%s): make it, or name another in the settings",
		    path, strerror(errno));
	if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return err_set(e, -ENOTDIR,
		    "%s: is no folder: move it away, or name another in the settings", path);
	if (geteuid() == 0 && st.st_uid != user->uid && chown(path, user->uid, user->gid) != 0)
		return err_set(e, -errno, "%s: cannot be given to user %s: %s", path, user->name,
		    strerror(errno));
	return 0;
}

static int
fill_relays(struct enforce_config *cfg, const char *list, struct err *e)
{
	const size_t max = sizeof(cfg->relays) / sizeof(cfg->relays[0]);
	char item[ADDR_TEXT_BYTES + 16];

	while (config_list_next(&list, item, sizeof(item))) {
		if (cfg->relay_count == max ||
		    addr_prefix_parse(item, &cfg->relays[cfg->relay_count]) < 0)
			return err_set(e, -EINVAL,
			    "relays: \"%s\" is no address or prefix, or there are more than %zu: "
			    "correct the settings",
			    item, max);
		cfg->relay_count++;
	}
	return 0;
}

static int
fill_notice(struct enforce_notice *out, const struct settings *s, struct err *e)
{
	const char *list = s->notice_addresses;
	char item[ADDR_TEXT_BYTES];
	struct addr addr;

	if (!s->notice)
		return 0;
	while (config_list_next(&list, item, sizeof(item))) {
		bool is_v4 = addr_parse(item, &addr) == 0 && addr_is_v4(&addr);

		if (addr_parse(item, &addr) < 0 || (is_v4 ? out->has_v4 : out->has_v6))
			return err_set(e, -EINVAL,
			    "notice_addresses: \"%s\" is no address, or the second of its kind: "
			    "correct the settings",
			    item);
		if (is_v4)
			out->v4 = addr;
		else
			out->v6 = addr;
		*(is_v4 ? &out->has_v4 : &out->has_v6) = true;
	}
	out->port = (uint16_t)s->notice_port;
	return 0;
}

/* Without CAP_NET_ADMIN the guard observes: the enforcer stays NULL. */
static int
open_enforcer(struct daemon *d, struct err *e)
{
	struct enforce_config cfg = {.relay_count = 0};
	char quoted[600];
	int rc = fill_relays(&cfg, d->settings.relays, e);

	if (rc == 0)
		rc = fill_notice(&cfg.notice, &d->settings, e);
	if (rc < 0 || d->watch)
		return rc;
	/* One that can only observe is in nobody's way. */
	if (sandbox_has_capability(CAP_NET_ADMIN))
		rc = d->table_lock = guard_lock_table(d->settings.table, e);
	if (rc < 0)
		return rc;
	snprintf(cfg.table, sizeof(cfg.table), "%s", d->settings.table);
	snprintf(cfg.tap_globs, sizeof(cfg.tap_globs), "%s", d->settings.interfaces);
	snprintf(cfg.ignore_globs, sizeof(cfg.ignore_globs), "%s", d->settings.ignore);
	rc = enforce_open(&d->enforce, &cfg, e);
	if (rc != -EPERM)
		return rc;
	log_event(LOG_LEVEL_WARN, "guard.observe", "why=%s",
	    log_quote(
		quoted, sizeof(quoted), "started without CAP_NET_ADMIN: nothing can be enforced"));
	d->enforce = NULL;
	return 0;
}

/* The workers' program stands beside this one (as in a build folder), else in ../libexec/bulkhead. */
static int
open_checks(struct daemon *d, struct err *e)
{
	char path[PATH_BYTES];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n <= 0)
		return err_set(e, -ENOENT, "/proc/self/exe cannot be read: mount /proc");
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL ||
	    (size_t)(slash - path) + sizeof("/../libexec/bulkhead/bulkhead-check") > sizeof(path))
		return err_set(e, -ENAMETOOLONG, "%s: this path is too long", path);
	snprintf(slash, sizeof(path) - (size_t)(slash - path), "/bulkhead-check");
	if (access(path, X_OK) != 0)
		snprintf(slash, sizeof(path) - (size_t)(slash - path),
		    "/../libexec/bulkhead/bulkhead-check");
	return check_spawner_open(&d->checks, path, &d->user, e);
}

/* The disk is somebody else's to wait for. */
static int
open_writer(struct daemon *d, struct err *e)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%s/history", d->settings.state_dir);
	return history_link_open(&d->writer, path, &d->user, e);
}

static void
on_sensor(void *arg, enum ingest_event event, unsigned slot, const struct observation *obs)
{
	guard_sensor(arg, event, slot, obs);
}

static int
open_sockets(struct daemon *d, struct err *e)
{
	char path[PATH_BYTES];
	int rc;

	snprintf(path, sizeof(path), "%s/obs.sock", d->settings.run_dir);
	rc = ingest_open(&d->ingest, path, &d->user, on_sensor, &d->guard, e);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "%s/notice.sock", d->settings.run_dir);
	if (d->settings.notice && (rc = responder_feed_open(&d->responders, path, e)) < 0)
		return rc;
	snprintf(path, sizeof(path), "%s/ctl.sock", d->settings.run_dir);
	return ctl_open(&d->ctl, path, &d->settings, d->user.gid, e);
}

/* --- loop
 * ------------------------------------------------------------------------------------------------
 */

/* What is watched: a source that this guard does not have is -1. */
static int
open_loop(struct daemon *d, struct err *e)
{
	int fds[SOURCE__COUNT];

	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (d->epoll < 0)
		return err_set(e, -errno, "cannot set up the event loop: %s", strerror(errno));
	d->signals = program_open_signals(true, e);
	if (d->signals < 0)
		return d->signals;
	d->timer = program_open_timer(CLOCK_SECOND_NS, e);
	if (d->timer < 0)
		return d->timer;
	fds[SOURCE_SENSORS] = ingest_fd(d->ingest);
	fds[SOURCE_CTL] = ctl_fd(d->ctl);
	fds[SOURCE_ENFORCER] = d->enforce != NULL ? enforce_fd(d->enforce) : -1;
	fds[SOURCE_CHECKS] = check_spawner_fd(d->checks);
	fds[SOURCE_WRITER] = history_link_fd(d->writer);
	fds[SOURCE_RESPONDERS] = d->responders != NULL ? responder_feed_fd(d->responders) : -1;
	fds[SOURCE_TIMER] = d->timer;
	fds[SOURCE_SIGNAL] = d->signals;
	for (unsigned i = 0; i < SOURCE__COUNT; i++) {
		int rc = fds[i] >= 0 ? program_watch(d->epoll, fds[i], i, e) : 0;

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A bad file leaves the old settings in force, and says so. */
static void
reload(struct daemon *d)
{
	char fixed[512], quoted[600];
	struct settings fresh;
	struct err e;

	if (settings_load(&fresh, d->config, &e) < 0 ||
	    guard_reload(&d->guard, &fresh, fixed, sizeof(fixed), &e) < 0) {
		log_event(LOG_LEVEL_ERROR, "guard.reload.failed", "kept=old error=%s",
		    log_quote(quoted, sizeof(quoted), e.text));
		return;
	}
	program_set_log(PROGRAM, &d->guard.settings);
	log_event(LOG_LEVEL_INFO, "guard.reloaded", "needs_restart=%s",
	    fixed[0] != '\0' ? fixed : "none");
}

static void
on_signal(struct daemon *d)
{
	struct signalfd_siginfo info;

	while (read(d->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			reload(d);
		else
			d->stop = true;
	}
}

static void
on_timer(struct daemon *d)
{
	uint64_t turns;

	if (read(d->timer, &turns, sizeof(turns)) < 0)
		return;
	guard_tick(&d->guard);
	ctl_poll(d->ctl, &d->guard); /* who has been idle for too long */
	notify_send(d->notify, "WATCHDOG=1");
}

/* 0, or negative when the guard cannot go on. */
static int
on_source(struct daemon *d, enum source source)
{
	switch (source) {
	case SOURCE_SENSORS:
		ingest_poll(d->ingest);
		return 0;
	case SOURCE_CTL:
		ctl_poll(d->ctl, &d->guard);
		return 0;
	case SOURCE_ENFORCER:
		return guard_hear_enforcer(&d->guard);
	case SOURCE_CHECKS:
		if (d->guard.checks != NULL)
			guard_hear_checks(&d->guard);
		return 0;
	case SOURCE_WRITER:
		if (history_link_poll(d->writer) < 0) /* the guard does without */
			epoll_ctl(d->epoll, EPOLL_CTL_DEL, history_link_fd(d->writer), NULL);
		return 0;
	case SOURCE_RESPONDERS:
		if (responder_feed_poll(d->responders))
			d->guard.need_reconcile = true; /* which tells everything */
		return 0;
	case SOURCE_TIMER:
		on_timer(d);
		return guard_hear_enforcer(&d->guard); /* answers that are overdue */
	case SOURCE_SIGNAL:
		on_signal(d);
		return 0;
	case SOURCE__COUNT:
		break;
	}
	return 0;
}

/* Until a signal ends it (0), or the enforcer is gone (negative). */
static int
run(struct daemon *d)
{
	struct epoll_event events[SOURCE__COUNT];
	int rc = 0;

	while (!d->stop && rc == 0) {
		int n = epoll_wait(d->epoll, events, SOURCE__COUNT, -1);

		guard_set_time(&d->guard, clock_wall_ns(), clock_mono_ns());
		for (int i = 0; i < n; i++) {
			int one = on_source(d, (enum source)events[i].data.u32);

			rc = rc == 0 ? one : rc;
		}
		guard_settle(&d->guard);
	}
	/* A signal to the whole process group ends the enforcer too: that is an end in good order.
	 */
	if (rc < 0)
		on_signal(d);
	return d->stop ? 0 : rc;
}

/* --- early boot
 * ------------------------------------------------------------------------------------------ */

/* Once: kernel = database, although nothing is plugged in yet, and no sensor runs. */
static int
restore(struct daemon *d, struct err *e)
{
	int rc;

	if (d->enforce == NULL)
		return err_set(
		    e, -EPERM, "nothing can be restored without CAP_NET_ADMIN: start this as root");
	rc = guard_reconcile(&d->guard, "restore", e);
	if (rc == 0)
		log_event(LOG_LEVEL_INFO, "guard.restore.done", "servers=%u mode=%s",
		    inventory_count(d->guard.inventory), d->guard.settings.policy.mode);
	return rc;
}

/* --- main
 * --------------------------------------------------------------------------------------------------
 */

/* The folder of the settings, which may be replaced by renaming; and the names of local users. */
static int
close_files(const struct daemon *d, struct err *e)
{
	char folder[PATH_BYTES];
	const char *const paths[] = {d->settings.state_dir, d->settings.run_dir, NULL};
	const char *const readable[] = {folder, "/etc/passwd", NULL};
	char *slash;
	bool active;
	int rc;

	snprintf(folder, sizeof(folder), "%s", d->config != NULL ? d->config : SETTINGS_PATH);
	slash = strrchr(folder, '/');
	if (slash == NULL)
		snprintf(folder, sizeof(folder), ".");
	else
		slash[slash == folder] = '\0';
	rc = sandbox_landlock_readable(paths, readable, &active, e);
	if (rc == 0 && !active)
		log_event(LOG_LEVEL_WARN, "guard.no_landlock",
		    "hint=\"without Landlock in the kernel, files are closed off by their owners "
		    "alone\"");
	return rc;
}

static int
start(struct daemon *d, struct err *e)
{
	int64_t begin_ns = clock_mono_ns();
	int rc = settings_load(&d->settings, d->config, e);

	if (rc < 0)
		return rc;
	program_set_log(PROGRAM, &d->settings);
	umask(077);
	schedule_prompt(); /* the enforcer too: it inherits this */
	rc = sandbox_find_user(d->settings.user, &d->user, e);

	/* While we may: folders for the user to come, the enforcer child, the sockets. */
	if (rc == 0)
		rc = make_dir(d->settings.state_dir, 0700, &d->user, e);
	if (rc == 0)
		rc = make_dir(d->settings.run_dir, 0755, &d->user, e);
	if (rc == 0)
		rc = d->lock = guard_lock_folder(d->settings.state_dir, e);
	if (rc >= 0)
		rc = open_enforcer(d, e); /* CAP_NET_ADMIN lives on in the child alone */
	if (rc == 0 && !d->restore)
		rc = open_checks(d, e); /* later no program can be started */
	if (rc == 0 && !d->restore)
		rc = open_writer(d, e);
	if (rc == 0 && !d->restore)
		rc = open_sockets(d, e);
	if (rc == 0)
		d->notify = notify_open();

	/* From here on an ordinary user without any capability; what it makes belongs to it. */
	if (rc == 0)
		rc = sandbox_drop(&d->user, 0, e);
	if (rc == 0 && !d->restore)
		rc = open_loop(d, e);
	if (rc == 0) {
		d->guard.restoring = d->restore;
		d->guard.enforce = d->enforce;
		d->guard.checks = d->checks;
		d->guard.writer = d->writer;
		d->guard.responders = d->responders;
		d->guard.checks_required = true;
		d->guard.open_inventory = d->watch;
		rc = guard_open(&d->guard, &d->settings, clock_wall_ns(), e);
	}

	/* From here on only our own folders, and the settings to read. */
	if (rc == 0)
		rc = close_files(d, e);

	/* From here on only the system calls of the judge. */
	if (rc == 0)
		rc = sandbox_seccomp(SANDBOX_JUDGE, e);
	if (rc < 0)
		return rc;
	if (d->restore)
		return restore(d, e);
	guard_settle(&d->guard); /* READY means that the kernel holds what the database says */
	log_event(LOG_LEVEL_INFO, "guard.ready",
	    "mode=%s servers=%u enforcer=%s user=%s took_ms=%lld", d->guard.settings.policy.mode,
	    inventory_count(d->guard.inventory), d->enforce != NULL ? "yes" : "no", d->user.name,
	    (long long)((clock_mono_ns() - begin_ns) / 1000000));
	notify_send(d->notify, "READY=1");
	return 0;
}

static void
finish(struct daemon *d)
{
	notify_send(d->notify, "STOPPING=1");
	guard_close(&d->guard); /* saves; the kernel stays as it is */
	ctl_close(d->ctl);
	ingest_close(d->ingest);
	responder_feed_close(d->responders);
	enforce_close(d->enforce);
	check_spawner_close(d->guard.checks);
	history_link_close(d->writer);
}

int
main(int argc, char **argv)
{
	struct daemon d = {
	    .lock = -1, .table_lock = -1, .epoll = -1, .timer = -1, .signals = -1, .notify = -1};
	struct err e = {0};
	int rc = read_options(&d, argc, argv);

	if (rc >= 0)
		return rc;
	log_init(PROGRAM, LOG_LEVEL_INFO);
	rc = start(&d, &e);
	if (rc < 0) {
		fprintf(stderr, PROGRAM ": %s\n", e.text);
	} else if (!d.restore) {
		rc = run(&d);
		if (rc < 0)
			log_event(LOG_LEVEL_ERROR, "guard.enforcer.gone",
			    "hint=restart-the-guard blocks=stay-in-the-kernel-until-they-expire");
		else
			log_event(LOG_LEVEL_INFO, "guard.stopped", "blocks=stay-in-the-kernel");
	}
	finish(&d);
	return rc < 0 ? 1 : 0;
}
