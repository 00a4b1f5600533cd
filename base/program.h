/* SPDX-License-Identifier: ISC */
/*
 * What every daemon's main.c begins with: its options, its log, and the descriptors of its loop.  The order in which
 * privileges are given up stays with each main.c.  bulkhead-sensor, bulkhead-guard, bulkhead-notify, bulkhead-notice,
 * bulkhead-libvirt.
 */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/settings.h"

/* One option; a table of them ends with a row without a name.  Where both places are NULL the option is accepted and
 * does nothing. */
struct program_option {
	const char *name;   /* without its dashes */
	char letter;	    /* for one dash; 0 = none */
	const char **value; /* takes a value, borrowed from argv */
	bool *flag;	    /* takes none */
};

/*
 * Reads the options of the table, and --help, -h and --version, which every program has.  Returns -1 to go on, or the
 * exit status: 0 after help or version, 2 after a wrong command line, with the reason and the usage on stderr.
 * At most 16 options.
 */
int program_read_options(const char *program, const char *usage,
    const struct program_option *options, int argc, char **argv);

/* The log level of the settings; an unknown one is info. */
void program_set_log(const char *program, const struct settings *s);

/* Blocks SIGTERM and SIGINT (with `reloads` SIGHUP too), ignores SIGPIPE and returns the signalfd (non-blocking, the
 * caller's), or negative errno with *e. */
int program_open_signals(bool reloads, struct err *e);

/* A monotonic timer that fires after first_ns (> 0) and then every second; the caller's, or negative errno with *e. */
int program_open_timer(int64_t first_ns, struct err *e);

/* Watches fd for reading; events carry `source` in data.u32.  0, or negative errno with *e. */
int program_watch(int epoll_fd, int fd, uint32_t source, struct err *e);

/* For a process that needs no file: says what is left to hold it where the kernel has no Landlock. */
void program_note_landlock(const char *event, bool active);

#endif
