/* SPDX-License-Identifier: ISC */
/* Event lines on stderr; see log.h.  Every process. */
#include "base/log.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

#define LOG_LINE_BYTES	   2048
#define LOG_DATAGRAM_BYTES (3 * LOG_LINE_BYTES)
#define LOG_KEY_BYTES	   32
#define JOURNAL_SOCKET	   "/run/systemd/journal/socket"

static const char *const log_names[LOG_LEVEL__COUNT] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};
/* The prefixes that journald reads from a service's stderr (sd-daemon(3)). */
static const char log_priority[LOG_LEVEL__COUNT] = {'3', '4', '6', '7'};

static const char *log_program = "bulkhead";
static enum log_level log_max = LOG_LEVEL_INFO;
static int log_to_terminal;
static int log_journal = -1;
/* A child closes descriptors that it does not know, and the number may come to mean another file. */
static pid_t log_journal_owner;

/* --- the journal
 * -------------------------------------------------------------------------------
 * Its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL) by hand: sd_journal_sendv() opens its
 * socket at the first line and uses sendmsg(), and the sensor's jail has neither. */

int
log_to_journal(const char *socket_path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(socket_path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, socket_path, strlen(socket_path));
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
		int code = -errno;

		close(fd);
		return code;
	}
	log_journal = fd;
	log_journal_owner = getpid();
	return 0;
}

static bool
stderr_is_the_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

/* The end of the value at text: a quoted one ends at its quote, else at a blank. */
static const char *
value_end(const char *text)
{
	if (*text != '"')
		return text + strcspn(text, " ");
	for (text++; *text != '\0' && *text != '"'; text++)
		if (*text == '\\' && text[1] != '\0')
			text++;
	return *text == '"' ? text + 1 : text;
}

/* Adds a field for each key=value; what does not fit is in MESSAGE anyway. */
static size_t
add_fields(char *out, size_t used, size_t size, const char *text)
{
	while (*text != '\0') {
		size_t key = strcspn(text, "= ");
		const char *value = text + key + 1, *end;
		size_t length;

		if (text[key] != '=' || key == 0 || key > LOG_KEY_BYTES) {
			text += key + (text[key] != '\0');
			continue;
		}
		end = value_end(value);
		length = (size_t)(end - value);
		if (used + key + length + 16 > size)
			return used;
		used += (size_t)snprintf(out + used, size - used, "BULKHEAD_");
		for (size_t i = 0; i < key; i++)
			out[used++] = isalnum((unsigned char)text[i])
					  ? (char)toupper((unsigned char)text[i])
					  : '_';
		out[used++] = '=';
		if (length >= 2 && value[0] == '"') {
			value++;
			length -= 2;
		}
		memcpy(out + used, value, length);
		used += length;
		out[used++] = '\n';
		text = end + (*end == ' ');
	}
	return used;
}

/* `text`: the line after the event's name, terminated.  False: the journal did not take it. */
static bool
write_journal(enum log_level level, const char *event, const char *text)
{
	char out[LOG_DATAGRAM_BYTES];
	int n;

	if (log_journal < 0 || log_journal_owner != getpid())
		return false;
	n = snprintf(out, sizeof(out),
	    "PRIORITY=%c\nSYSLOG_IDENTIFIER=%s\nBULKHEAD_EVENT=%s\nMESSAGE=%s %s\n",
	    log_priority[level], log_program, event, event, text);
	if (n < 0 || (size_t)n >= sizeof(out))
		return false;
	return write(log_journal, out, add_fields(out, (size_t)n, sizeof(out), text)) > 0;
}

void
log_init(const char *program, enum log_level max)
{
	log_program = program;
	log_max = max;
	log_to_terminal = isatty(STDERR_FILENO);
	if (log_journal < 0 && stderr_is_the_journal())
		log_to_journal(JOURNAL_SOCKET);
}

int
log_level_parse(const char *text, enum log_level *out)
{
	for (unsigned i = 0; i < LOG_LEVEL__COUNT; i++) {
		if (strcmp(text, log_names[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

static void log_write(enum log_level level, const char *event, uint64_t suppressed, const char *fmt,
    va_list ap) __attribute__((format(printf, 4, 0)));

static void
log_write(enum log_level level, const char *event, uint64_t suppressed, const char *fmt, va_list ap)
{
	char line[LOG_LINE_BYTES];
	int n = 0;

	if (log_to_terminal) {
		char iso[CLOCK_ISO_BYTES];
		n = snprintf(line, sizeof(line), "%s %s %s: %s ",
		    clock_format_iso(iso, clock_wall_ns()), log_names[level], log_program, event);
	} else {
		n = snprintf(
		    line, sizeof(line), "<%c>%s: %s ", log_priority[level], log_program, event);
	}
	int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 48, fmt, ap);
	size_t used = (size_t)n + (size_t)(m < 0 ? 0 : m);
	if (used > sizeof(line) - 49)
		used = sizeof(line) - 49;
	for (size_t i = 0; i < used; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	if (suppressed != 0)
		used += (size_t)snprintf(
		    line + used, 40, " suppressed=%llu", (unsigned long long)suppressed);
	line[used] = '\0';
	if (write_journal(level, event, line + n))
		return;
	line[used++] = '\n';
	/* One write: lines of several processes do not mix.  Nobody to tell when it fails. */
	if (write(STDERR_FILENO, line, used) < 0)
		return;
}

void
log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	va_list ap;

	if (level > log_max)
		return;
	va_start(ap, fmt);
	log_write(level, event, 0, fmt, ap);
	va_end(ap);
}

void
log_event_limited(
    struct log_limit *limit, enum log_level level, const char *event, const char *fmt, ...)
{
	va_list ap;
	int64_t now = clock_mono_ns();
	uint32_t allowed = limit->per_second == 0 ? 1 : limit->per_second;
	uint64_t suppressed = 0;

	if (level > log_max)
		return;
	if (limit->window_start_ns == 0 || now - limit->window_start_ns >= CLOCK_SECOND_NS) {
		limit->window_start_ns = now;
		limit->written = 0;
		suppressed = limit->suppressed;
		limit->suppressed = 0;
	}
	if (limit->written >= allowed) {
		limit->suppressed++;
		return;
	}
	limit->written++;
	va_start(ap, fmt);
	log_write(level, event, suppressed, fmt, ap);
	va_end(ap);
}

const char *
log_quote(char *buf, unsigned size, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	unsigned n = 0;

	if (size < 8) {
		if (size != 0)
			buf[0] = '\0';
		return buf;
	}
	buf[n++] = '"';
	for (; *text != '\0' && n + 6 < size; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\') {
			buf[n++] = '\\';
			buf[n++] = (char)c;
		} else if (c < 0x20 || c == 0x7f) {
			buf[n++] = '\\';
			buf[n++] = 'x';
			buf[n++] = hex[c >> 4];
			buf[n++] = hex[c & 15];
		} else {
			buf[n++] = (char)c;
		}
	}
	buf[n++] = '"';
	buf[n] = '\0';
	return buf;
}
