/* SPDX-License-Identifier: ISC */
/* What every daemon begins with; see program.h. */
#include "base/program.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define OPTIONS_MAX 16

/* Values of getopt_long() above every letter: the rows of the table, then what every program has. */
enum { VALUE_ROW = 256, VALUE_VERSION = VALUE_ROW + OPTIONS_MAX, VALUE_HELP };

/* The tables of getopt_long(3); returns the number of rows. */
static int
make_tables(const struct program_option *rows, struct option longs[OPTIONS_MAX + 3],
    char shorts[2 * OPTIONS_MAX + 2])
{
	char *letter = shorts;
	int n = 0;

	for (; rows[n].name != NULL; n++) {
		bool takes = rows[n].value != NULL;

		assert(n < OPTIONS_MAX);
		longs[n] = (struct option){
		    rows[n].name, takes ? required_argument : no_argument, NULL, VALUE_ROW + n};
		if (rows[n].letter != '\0')
			*letter++ = rows[n].letter;
		if (rows[n].letter != '\0' && takes)
			*letter++ = ':';
	}
	longs[n] = (struct option){"version", no_argument, NULL, VALUE_VERSION};
	longs[n + 1] = (struct option){"help", no_argument, NULL, VALUE_HELP};
	longs[n + 2] = (struct option){NULL, 0, NULL, 0};
	*letter++ = 'h';
	*letter = '\0';
	return n;
}

static void
take(const struct program_option *row)
{
	if (row->value != NULL)
		*row->value = optarg;
	else if (row->flag != NULL)
		*row->flag = true;
}

int
program_read_options(const char *program, const char *usage, const struct program_option *options,
    int argc, char **argv)
{
	struct option longs[OPTIONS_MAX + 3];
	char shorts[2 * OPTIONS_MAX + 2];
	int count = make_tables(options, longs, shorts), c;

	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		int row = c - VALUE_ROW;

		if (c == VALUE_VERSION) {
			printf("%s %s\n", program, BULKHEAD_VERSION);
			return 0;
		}
		if (c == VALUE_HELP || c == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		if (row < 0)
			for (row = 0; row < count && options[row].letter != c; row++)
				;
		if (c == '?' || row >= count) {
			fputs(usage, stderr);
			return 2;
		}
		take(&options[row]);
	}
	if (optind < argc) {
		fprintf(stderr, "%s: \"%s\" is no option\n%s", program, argv[optind], usage);
		return 2;
	}
	return -1;
}

void
program_set_log(const char *program, const struct settings *s)
{
	enum log_level level = LOG_LEVEL_INFO;

	(void)log_level_parse(s->log_level, &level);
	log_init(program, level);
}

int
program_open_signals(bool reloads, struct err *e)
{
	sigset_t mask;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	if (reloads)
		sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd >= 0 ? fd : err_set(e, -errno, "cannot watch for signals: %s", strerror(errno));
}

int
program_open_timer(int64_t first_ns, struct err *e)
{
	const struct itimerspec every = {.it_value = {.tv_sec = first_ns / CLOCK_SECOND_NS,
					     .tv_nsec = first_ns % CLOCK_SECOND_NS},
	    .it_interval = {.tv_sec = 1}};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), code;

	if (fd >= 0 && timerfd_settime(fd, 0, &every, NULL) == 0)
		return fd;
	code = errno;
	if (fd >= 0)
		close(fd);
	return err_set(e, -code, "cannot set up the timer of the event loop: %s", strerror(code));
}

int
program_watch(int epoll_fd, int fd, uint32_t source, struct err *e)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = source};

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
		return 0;
	return err_set(e, -errno, "cannot set up the event loop: %s", strerror(errno));
}

void
program_note_landlock(const char *event, bool active)
{
	if (!active)
		log_event(LOG_LEVEL_WARN, event,
		    "hint=\"without Landlock in the kernel, files are closed off by the system "
		    "call filter alone\"");
}
