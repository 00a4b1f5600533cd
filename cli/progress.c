/* SPDX-License-Identifier: ISC */
/* How far a long run is; see progress.h.  bulkhead (CLI). */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define EVERY_TERMINAL_NS (CLOCK_SECOND_NS / 2)
#define EVERY_LINE_NS	  (5 * CLOCK_SECOND_NS)

bool
progress_init(struct progress *p, bool wanted)
{
	memset(p, 0, sizeof(*p));
	p->terminal = isatty(STDERR_FILENO);
	p->started_ns = clock_mono_ns();
	return p->terminal || wanted;
}

void
progress_expect(struct progress *p, uint64_t total)
{
	p->total = total;
}

const char *
progress_text(char *buf, unsigned size, uint64_t done, uint64_t total, int64_t elapsed_ns)
{
	double share = total > 0 ? (double)done / (double)total : 0;
	char left[CLOCK_SPAN_BYTES];
	double left_ns;

	if (share <= 0) {
		snprintf(buf, size, "%llu MiB read", (unsigned long long)(done >> 20));
		return buf;
	}
	if (share > 1)
		share = 1;
	/* What is left takes as long as what was done took. */
	left_ns = (double)elapsed_ns * (1 - share) / share;
	if (left_ns > 1e18)
		left_ns = 1e18;
	snprintf(buf, size, "%llu of %llu MiB, %d %%, about %s left",
	    (unsigned long long)(done >> 20), (unsigned long long)(total >> 20), (int)(share * 100),
	    clock_format_span(left, ((int64_t)left_ns / CLOCK_SECOND_NS + 1) * CLOCK_SECOND_NS));
	return buf;
}

void
progress_show(struct progress *p, uint64_t done)
{
	int64_t now = clock_mono_ns(), every = p->terminal ? EVERY_TERMINAL_NS : EVERY_LINE_NS;
	char text[128];

	if (now - p->started_ns < CLOCK_SECOND_NS || now - p->shown_ns < every)
		return;
	p->shown_ns = now;
	progress_text(text, sizeof(text), done, p->total, now - p->started_ns);
	if (p->terminal)
		fprintf(stderr, "\r\033[K%s", text);
	else
		fprintf(stderr, "%s\n", text);
	fflush(stderr);
}

void
progress_end(const struct progress *p)
{
	if (p->shown_ns != 0 && p->terminal)
		fprintf(stderr, "\r\033[K");
}
