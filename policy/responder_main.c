/* SPDX-License-Identifier: ISC */
/*
 * bulkhead-notice: listens, gives every privilege up, and then tells blocked servers why they are.
 * The whole process, from start to end.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/program.h"
#include "base/sandbox.h"
#include "base/settings.h"
#include "policy/responder.h"

#define PROGRAM		"bulkhead-notice"
#define REPORT_EVERY_NS CLOCK_MINUTE_NS
#define OTHER_FDS	32 /* listeners, epoll, signals, the guard, the log */

enum source { SOURCE_NOTICE, SOURCE_TIMER, SOURCE_SIGNAL };

struct daemon {
	const char *config;
	bool wanted; /* --wanted */
	struct settings settings;
	struct sandbox_user user;
	struct responder *responder;
	struct responder_counters reported;
	int64_t next_report_ns;
	int epoll, timer, signals, notify;
	bool stop;
};

static const char usage[] =
    "usage: bulkhead-notice [--config FILE] [--wanted]\n"
    "\n"
    "Answers port 25 for servers that are blocked: a refusal that names the case.\n"
    "\n"
    "  --config FILE  settings (default " SETTINGS_PATH ", if it is there)\n"
    "  --wanted       exit with 0 when the settings ask for it, else with 1\n"
    "  --version      print the version\n"
    "  --help         print this\n";

/* Returns -1 to go on, or the exit code. */
static int
read_options(struct daemon *d, int argc, char **argv)
{
	const struct program_option options[] = {
	    {"config", 'c', &d->config, NULL},
	    {"wanted", 0, NULL, &d->wanted},
	    {NULL, 0, NULL, NULL},
	};

	return program_read_options(PROGRAM, usage, options, argc, argv);
}

static int
load_settings(struct daemon *d, struct err *e)
{
	int rc = settings_load(&d->settings, d->config, e);

	if (rc < 0)
		return rc;
	program_set_log(PROGRAM, &d->settings);
	/* Another user than the judge's where there is one. */
	rc = sandbox_find_user("bulkhead-notice", &d->user, NULL);
	return rc < 0 ? sandbox_find_user(d->settings.user, &d->user, e) : 0;
}

/* As many as the limit of descriptors allows. */
static unsigned
connections_max(void)
{
	struct rlimit limit = {.rlim_cur = 1024, .rlim_max = 1024};

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_cur < RESPONDER_CONNECTIONS_MAX + OTHER_FDS) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= RESPONDER_CONNECTIONS_MAX + OTHER_FDS)
		return RESPONDER_CONNECTIONS_MAX;
	return limit.rlim_cur > 2 * OTHER_FDS ? (unsigned)limit.rlim_cur - OTHER_FDS : OTHER_FDS;
}

static int
open_notice(struct daemon *d, struct err *e)
{
	const char *list = d->settings.notice_addresses;
	struct responder_config cfg = {.code = (unsigned)d->settings.notice_code,
	    .connections_max = connections_max(),
	    .per_link = RESPONDER_PER_LINK,
	    .lifetime_ns = RESPONDER_LIFETIME_NS,
	    .redirected_only = true};
	char item[ADDR_TEXT_BYTES], path[SETTINGS_PATH_BYTES + 16];
	struct addr addr;
	int rc;

	snprintf(cfg.url, sizeof(cfg.url), "%s", d->settings.case_url);
	rc = responder_new(&d->responder, &cfg, e);
	while (rc == 0 && config_list_next(&list, item, sizeof(item))) {
		rc = addr_parse(item, &addr);
		rc = rc < 0 ? err_set(e, rc, "notice_addresses: \"%s\" is no address", item)
			    : responder_listen(
				  d->responder, &addr, (uint16_t)d->settings.notice_port, e);
	}
	snprintf(path, sizeof(path), "%s/notice.sock", d->settings.run_dir);
	return rc == 0 ? responder_set_feed(d->responder, path) : rc;
}

static int
open_loop(struct daemon *d, struct err *e)
{
	int rc;

	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (d->epoll < 0)
		return err_set(e, -errno, "cannot set up the event loop: %s", strerror(errno));
	d->signals = program_open_signals(false, e);
	if (d->signals < 0)
		return d->signals;
	d->timer = program_open_timer(1, e); /* at once: the guard is looked for */
	if (d->timer < 0)
		return d->timer;
	rc = program_watch(d->epoll, responder_fd(d->responder), SOURCE_NOTICE, e);
	if (rc == 0)
		rc = program_watch(d->epoll, d->timer, SOURCE_TIMER, e);
	return rc == 0 ? program_watch(d->epoll, d->signals, SOURCE_SIGNAL, e) : rc;
}

static int
start(struct daemon *d, struct err *e)
{
	bool landlocked = false;
	int rc = load_settings(d, e);

	if (rc < 0 || !d->settings.notice || d->wanted)
		return rc;
	rc = open_notice(d, e);
	if (rc == 0)
		rc = open_loop(d, e);
	d->notify = notify_open();

	/* From here on an ordinary user without any capability. */
	if (rc == 0)
		rc = sandbox_drop(&d->user, 0, e);

	/* From here on no file can be opened. */
	if (rc == 0)
		rc = sandbox_landlock(NULL, &landlocked, e);

	/* From here on only what accepting, reading and answering takes. */
	if (rc == 0)
		rc = sandbox_seccomp(SANDBOX_RESPONDER, e);
	if (rc < 0)
		return rc;
	program_note_landlock("notice.no_landlock", landlocked);
	log_event(LOG_LEVEL_INFO, "notice.ready", "port=%d code=%d user=%s",
	    (int)d->settings.notice_port, (int)d->settings.notice_code, d->user.name);
	notify_send(d->notify, "READY=1");
	return 0;
}

/* Once a minute, when something happened. */
static void
report(struct daemon *d, int64_t now_ns)
{
	struct responder_counters c;

	if (now_ns < d->next_report_ns)
		return;
	d->next_report_ns = now_ns + REPORT_EVERY_NS;
	responder_get_counters(d->responder, &c);
	if (memcmp(&c, &d->reported, sizeof(c)) == 0)
		return;
	d->reported = c;
	log_event(LOG_LEVEL_INFO, "notice.served",
	    "greeted=%" PRIu64 " over_limit=%" PRIu64 " strangers=%" PRIu64 " timed_out=%" PRIu64
	    " failed=%" PRIu64 " open=%u links=%d",
	    c.greeted, c.over_limit, c.strangers, c.timed_out, c.failed,
	    responder_open_connections(d->responder), responder_known_links(d->responder));
}

static void
on_source(struct daemon *d, enum source source, int64_t now_ns)
{
	struct signalfd_siginfo info;
	uint64_t turns;

	switch (source) {
	case SOURCE_NOTICE:
		responder_poll(d->responder, now_ns);
		break;
	case SOURCE_TIMER:
		if (read(d->timer, &turns, sizeof(turns)) != (ssize_t)sizeof(turns))
			break;
		responder_tick(d->responder, now_ns);
		report(d, now_ns);
		notify_send(d->notify, "WATCHDOG=1");
		break;
	case SOURCE_SIGNAL:
		d->stop = read(d->signals, &info, sizeof(info)) == (ssize_t)sizeof(info);
		break;
	}
}

int
main(int argc, char **argv)
{
	struct daemon d = {.epoll = -1, .timer = -1, .signals = -1, .notify = -1};
	struct epoll_event events[4];
	struct err e = {0};
	int rc = read_options(&d, argc, argv);

	if (rc >= 0)
		return rc;
	log_init(PROGRAM, LOG_LEVEL_INFO);
	rc = start(&d, &e);
	if (rc < 0) {
		fprintf(stderr, PROGRAM ": %s\n", e.text);
		return 1;
	}
	if (d.wanted)
		return d.settings.notice ? 0 : 1;
	if (!d.settings.notice) {
		log_event(LOG_LEVEL_INFO, "notice.off", "hint=\"notice = yes in bulkhead.conf\"");
		return 0;
	}
	while (!d.stop) {
		int n = epoll_wait(d.epoll, events, 4, -1);

		for (int i = 0; i < n; i++)
			on_source(&d, (enum source)events[i].data.u32, clock_mono_ns());
	}
	notify_send(d.notify, "STOPPING=1");
	responder_free(d.responder);
	return 0;
}
