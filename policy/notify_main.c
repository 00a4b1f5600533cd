/* SPDX-License-Identifier: ISC */
/*
 * bulkhead-notify: carries notices out of the guard.  It asks the guard for what is due, runs the hook programs, and
 * says what became of it; the queue, the pauses and the dead letters are the guard's (policy/notice.h).  It is a
 * process of its own because hooks may be set-group-id (sendmail), which the guard's jail forbids, and because a slow
 * hook must not hold up a verdict.  It needs no privilege and keeps no state.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/program.h"
#include "base/settings.h"
#include "policy/notify_ctl.h"
#include "policy/notify_hook.h"

#define PROGRAM		  "bulkhead-notify"
#define SLOTS		  4 /* hooks that run at once ... */
#define SLOTS_PER_HOOK	  2 /* ... and of one kind: one that hangs leaves room for the others */
#define ROUND_MS	  1000
#define ROUND_BUSY_MS	  50			 /* while a hook runs, its end is looked for */
#define STOP_NS		  (10 * CLOCK_SECOND_NS) /* for hooks that run when we are told to stop */
#define HMAC_KEY_BYTES	  4096
#define HMAC_STREAM_BYTES (16u << 20)

/* A notice that a hook has, or whose result the guard has not heard yet. */
struct slot {
	bool used, ended;
	int64_t id;
	int attempt;
	char name[NOTICE_HOOK_BYTES];
	struct notify_hook hook;
	enum notice_result result;
};

struct carrier {
	const char *config;
	struct settings settings;
	struct notify_ctl guard;
	struct slot slots[SLOTS];
	int signals, notify;
	bool stop, away; /* away: the guard was not reached the last time */
	int64_t stop_ns;
};

static const char usage[] =
    "usage: bulkhead-notify [--config FILE]\n"
    "       bulkhead-notify --hmac-sha256 KEYFILE <message\n"
    "\n"
    "Runs the hook programs that carry the guard's notices to tenants.\n"
    "\n"
    "  --config FILE          settings (default " SETTINGS_PATH ", if it is there)\n"
    "  --hmac-sha256 KEYFILE  print the HMAC-SHA256 of standard input, for hooks: the key stays "
    "in\n"
    "                         its file (a newline at its end does not count)\n"
    "  --version              print the version\n"
    "  --help                 print this\n";

/* --- the signature of webhooks --- */

/* Reads a whole file or stream of at most `max` bytes; heap. */
static char *
read_all(FILE *f, size_t max, size_t *size)
{
	char *data = f != NULL ? malloc(max + 1) : NULL;

	*size = data != NULL ? fread(data, 1, max + 1, f) : 0;
	if (data != NULL && (*size > max || ferror(f))) {
		free(data);
		data = NULL;
	}
	return data;
}

static int
sign(const char *key_file)
{
	FILE *f = fopen(key_file, "re");
	size_t key_size, size;
	char *key = read_all(f, HMAC_KEY_BYTES, &key_size), *message = NULL;
	char hex[HASH_SHA256_HEX];
	int rc = 1;

	if (f != NULL)
		fclose(f);
	while (key_size > 0 && (key[key_size - 1] == '\n' || key[key_size - 1] == '\r'))
		key_size--;
	if (key == NULL || key_size == 0) {
		fprintf(stderr,
		    "bulkhead-notify: %s: no key can be read from this file (1 to %d bytes)\n",
		    key_file, HMAC_KEY_BYTES);
	} else if ((message = read_all(stdin, HMAC_STREAM_BYTES, &size)) == NULL) {
		fprintf(stderr, "bulkhead-notify: the message is larger than 16 MiB\n");
	} else {
		hash_hmac_sha256_hex(hex, key, key_size, message, size);
		rc = puts(hex) < 0 || fflush(stdout) != 0;
	}
	free(key);
	free(message);
	return rc;
}

/* --- options --- */

/* Returns -1 to go on, or the exit code. */
static int
read_options(struct carrier *c, int argc, char **argv)
{
	const char *key_file = NULL;
	const struct program_option options[] = {
	    {"config", 'c', &c->config, NULL},
	    {"hmac-sha256", 0, &key_file, NULL},
	    {NULL, 0, NULL, NULL},
	};
	int rc = program_read_options(PROGRAM, usage, options, argc, argv);

	return rc < 0 && key_file != NULL ? sign(key_file) : rc;
}

/* --- to and from the guard --- */

/* Says once that the guard is away, and once that it is back. */
static void
note_guard(struct carrier *c, bool away, const struct err *e)
{
	char quoted[600];

	if (away == c->away)
		return;
	c->away = away;
	if (away)
		log_event(LOG_LEVEL_WARN, "notify.guard.away", "error=%s",
		    log_quote(quoted, sizeof(quoted), e->text));
	else
		log_event(LOG_LEVEL_INFO, "notify.guard.reached", "socket=%s", c->guard.path);
}

/* 0, -EREMOTEIO when the guard refused, else negative: it is away. */
static int
ask(struct carrier *c, const char *command, json_t *args, json_t **data)
{
	char code[32] = "", quoted[600];
	struct err e = {0};
	int rc = notify_ctl_ask(&c->guard, command, args, data, code, &e);

	note_guard(c, rc < 0 && rc != -EREMOTEIO, &e);
	if (rc == -EREMOTEIO)
		log_event(LOG_LEVEL_WARN, "notify.refused", "command=%s code=%s error=%s", command,
		    code, log_quote(quoted, sizeof(quoted), e.text));
	return rc;
}

/* Tells the guard what became of it; the slot is free when the guard has heard it. */
static void
report(struct carrier *c, struct slot *s)
{
	json_t *data = NULL;
	json_t *args = json_pack("{s:I, s:i, s:s, s:s}", "id", (json_int_t)s->id, "attempt",
	    s->attempt, "result", notice_result_name(s->result), "error", s->hook.last);
	int rc = ask(c, "notice.done", args, &data);

	json_decref(data);
	if (rc == 0 || rc == -EREMOTEIO) /* refused: it was given to another meanwhile */
		s->used = false;
}

/* The path of a hook by its name, from our own settings alone. */
static bool
find_hook(const struct carrier *c, const char *name, char *path, size_t size)
{
	const char *cursor = c->settings.notice_hooks;
	char own[NOTICE_HOOK_BYTES];

	while (config_list_next(&cursor, path, size))
		if (notice_hook_name(path, own) && strcmp(own, name) == 0)
			return true;
	return false;
}

/* Gives a notice to its hook; what cannot be started is reported like a hook that failed. */
static void
carry(struct carrier *c, struct slot *s, json_t *notice)
{
	const char *name = json_string_value(json_object_get(notice, "hook"));
	char path[SETTINGS_PATH_BYTES], quoted[600];
	char *text = json_dumps(notice, JSON_INDENT(1));
	struct err e;
	int rc;

	*s = (struct slot){.used = true, .result = NOTICE_RESULT_RETRY, .hook.output = -1};
	s->id = json_integer_value(json_object_get(notice, "id"));
	s->attempt = (int)json_integer_value(json_object_get(notice, "attempts"));
	snprintf(s->name, sizeof(s->name), "%s", name != NULL ? name : "");
	if (text == NULL)
		rc = err_set(&e, -ENOMEM, "no memory for a notice");
	else if (!find_hook(c, s->name, path, sizeof(path)))
		rc = err_set(&e, -ENOENT, "%s is not among notice_hooks any more", s->name);
	else
		rc = notify_hook_start(&s->hook, path, text, strlen(text), &e);
	free(text);
	log_event(LOG_LEVEL_INFO, "notify.hook", "notice=%lld hook=%s attempt=%d", (long long)s->id,
	    s->name, s->attempt);
	if (rc < 0) {
		snprintf(s->hook.last, sizeof(s->hook.last), "%.*s", (int)sizeof(s->hook.last) - 1,
		    e.text);
		s->ended = true;
		log_event(LOG_LEVEL_ERROR, "notify.hook.failed", "hook=%s error=%s", s->name,
		    log_quote(quoted, sizeof(quoted), e.text));
	}
}

static json_t *
busy_hooks(const struct carrier *c)
{
	json_t *busy = json_array();

	for (unsigned i = 0; i < SLOTS; i++) {
		unsigned same = 0;

		for (unsigned k = 0; k < SLOTS; k++)
			same += c->slots[i].used && c->slots[k].used &&
				strcmp(c->slots[i].name, c->slots[k].name) == 0;
		if (same >= SLOTS_PER_HOOK)
			json_array_append_new(busy, json_string(c->slots[i].name));
	}
	return busy;
}

/* Fills the free slots as long as something is due. */
static void
fetch(struct carrier *c)
{
	for (unsigned i = 0; i < SLOTS && !c->stop; i++) {
		json_t *data = NULL, *notice;
		int rc;

		if (c->slots[i].used)
			continue;
		rc = ask(c, "notice.take", json_pack("{s:o}", "busy", busy_hooks(c)), &data);
		notice = json_object_get(data, "notice");
		if (rc == 0 && json_is_object(notice))
			carry(c, &c->slots[i], notice);
		else
			i = SLOTS;
		json_decref(data);
	}
}

/* --- loop --- */

static void
on_signal(struct carrier *c)
{
	struct signalfd_siginfo info;
	struct settings fresh;
	char quoted[600];
	struct err e;

	while (read(c->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGHUP) {
			c->stop = true;
			c->stop_ns = clock_mono_ns() + 2 * STOP_NS;
			for (unsigned i = 0; i < SLOTS; i++)
				if (c->slots[i].used && !c->slots[i].ended)
					notify_hook_hurry(&c->slots[i].hook, STOP_NS);
		} else if (settings_load(&fresh, c->config, &e) < 0) {
			log_event(LOG_LEVEL_ERROR, "notify.reload.failed", "kept=old error=%s",
			    log_quote(quoted, sizeof(quoted), e.text));
		} else {
			c->settings = fresh;
			log_event(LOG_LEVEL_INFO, "notify.reloaded", "config=%s",
			    c->config != NULL ? c->config : SETTINGS_PATH);
		}
	}
}

/* Milliseconds until the next round. */
static int
round_of(struct carrier *c)
{
	unsigned running = 0, left = 0;

	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *s = &c->slots[i];

		if (s->used && !s->ended)
			s->ended = notify_hook_poll(&s->hook, &s->result);
		if (s->used && s->ended)
			report(c, s);
		running += s->used && !s->ended;
		left += s->used;
	}
	if (c->stop && (left == 0 || clock_mono_ns() >= c->stop_ns))
		return -1;
	return running > 0 ? ROUND_BUSY_MS : ROUND_MS;
}

static void
run(struct carrier *c)
{
	int64_t next_fetch_ns = 0;
	int wait_ms;

	while ((wait_ms = round_of(c)) >= 0) {
		struct pollfd fds = {.fd = c->signals, .events = POLLIN};

		if (clock_mono_ns() >= next_fetch_ns) {
			fetch(c);
			next_fetch_ns = clock_mono_ns() + ROUND_MS * (CLOCK_SECOND_NS / 1000);
			notify_send(c->notify, "WATCHDOG=1");
		}
		if (poll(&fds, 1, wait_ms) > 0)
			on_signal(c);
	}
}

static int
start(struct carrier *c, struct err *e)
{
	int rc = settings_load(&c->settings, c->config, e);

	if (rc < 0)
		return rc;
	program_set_log(PROGRAM, &c->settings);
	snprintf(c->guard.path, sizeof(c->guard.path), "%s/ctl.sock", c->settings.run_dir);
	c->signals = program_open_signals(true, e);
	if (c->signals < 0)
		return c->signals;
	c->notify = notify_open();
	return 0;
}

int
main(int argc, char **argv)
{
	static struct carrier c = {.guard.fd = -1, .signals = -1, .notify = -1};
	struct err e = {0};
	int rc = read_options(&c, argc, argv);

	if (rc >= 0)
		return rc;
	log_init(PROGRAM, LOG_LEVEL_INFO);
	rc = start(&c, &e);
	if (rc < 0) {
		fprintf(stderr, PROGRAM ": %s\n", e.text);
		return 1;
	}
	log_event(LOG_LEVEL_INFO, "notify.ready", "socket=%s", c.guard.path);
	notify_send(c.notify, "READY=1");
	run(&c);
	notify_send(c.notify, "STOPPING=1");
	notify_ctl_close(&c.guard);
	log_event(LOG_LEVEL_INFO, "notify.stopped", "queue=stays-with-the-guard");
	return 0;
}
