/* SPDX-License-Identifier: ISC */
/* The dossier: the servers' real traffic as small SVG charts.  bulkhead-guard. */
#include "whitelist/dossier.h"

#include "base/clock.h"
#include "whitelist/html.h"

#define CHART_WIDTH  620
#define CHART_HEIGHT 120
#define CHART_LEFT   64 /* room for the numbers of the axis */
#define CHART_TOP    14
#define CHART_BOTTOM 18

/* The next of 1, 2, 5, 10, 20 ... that is at least n: the top of the axis. */
static uint64_t
round_up(uint64_t n)
{
	uint64_t step = 1;

	for (;;) {
		if (n <= step)
			return step;
		if (n <= 2 * step)
			return 2 * step;
		if (n <= 5 * step)
			return 5 * step;
		if (step > UINT64_MAX / 100)
			return n;
		step *= 10;
	}
}

static void
write_bar(FILE *f, unsigned day, uint64_t value, uint64_t top, const char *class, const char *title)
{
	const double plot = CHART_HEIGHT - CHART_TOP - CHART_BOTTOM;
	const double pitch = (double)(CHART_WIDTH - CHART_LEFT) / DOSSIER_DAYS;
	double height = plot * (double)value / (double)top;

	if (value == 0)
		return;
	if (height < 1)
		height = 1; /* little is not nothing */
	fprintf(f, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">",
	    class, CHART_LEFT + day * pitch + 1, CHART_HEIGHT - CHART_BOTTOM - height, pitch - 2,
	    height);
	html_print(f, "<title>%s: %llu</title></rect>\n", title, (unsigned long long)value);
}

static void
write_axis(FILE *f, const struct dossier *d, uint64_t top)
{
	char iso[CLOCK_ISO_BYTES];

	fprintf(f, "<line class=\"axis\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", CHART_LEFT,
	    CHART_HEIGHT - CHART_BOTTOM, CHART_WIDTH, CHART_HEIGHT - CHART_BOTTOM);
	fprintf(f, "<text class=\"label\" x=\"%d\" y=\"%d\" text-anchor=\"end\">%llu</text>\n",
	    CHART_LEFT - 6, CHART_TOP + 8, (unsigned long long)top);
	fprintf(f, "<text class=\"label\" x=\"%d\" y=\"%d\" text-anchor=\"end\">0</text>\n",
	    CHART_LEFT - 6, CHART_HEIGHT - CHART_BOTTOM);
	clock_format_iso(iso, d->now_ns - (DOSSIER_DAYS - 1) * CLOCK_DAY_NS);
	fprintf(f, "<text class=\"label\" x=\"%d\" y=\"%d\">%.10s</text>\n", CHART_LEFT,
	    CHART_HEIGHT - 4, iso);
	clock_format_iso(iso, d->now_ns);
	fprintf(f, "<text class=\"label\" x=\"%d\" y=\"%d\" text-anchor=\"end\">%.10s</text>\n",
	    CHART_WIDTH, CHART_HEIGHT - 4, iso);
}

/* One chart: the recipients of each day, unknown ones in red before them. */
static void
write_chart(FILE *f, const struct dossier *d, const struct dossier_traffic *t)
{
	uint64_t most = 0, top;

	for (unsigned i = 0; i < DOSSIER_DAYS; i++)
		if (t->days[i].recipients + t->days[i].unknown > most)
			most = t->days[i].recipients + t->days[i].unknown;
	top = round_up(most);
	fprintf(f, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"recipients per day\">\n",
	    CHART_WIDTH, CHART_HEIGHT);
	for (unsigned i = 0; i < DOSSIER_DAYS; i++) {
		write_bar(
		    f, i, t->days[i].recipients + t->days[i].unknown, top, "bar", "recipients");
		write_bar(f, i, t->days[i].unknown, top, "hot", "rejected");
		if ((t->blocked & UINT32_C(1) << i) != 0)
			fprintf(f,
			    "<text class=\"hot\" font-size=\"12\" x=\"%.1f\" "
			    "y=\"%d\">&#9632;<title>blocked</title></text>\n",
			    CHART_LEFT + i * (double)(CHART_WIDTH - CHART_LEFT) / DOSSIER_DAYS + 3,
			    CHART_TOP);
	}
	write_axis(f, d, top);
	fputs("</svg>\n", f);
}

void
dossier_write_traffic(FILE *f, const struct dossier *d)
{
	fputs("<h2 id=\"traffic\">What the servers really send</h2>\n", f);
	for (unsigned i = 0; i < d->traffic_count; i++) {
		const struct dossier_traffic *t = &d->traffic[i];

		html_print(f,
		    "<div class=\"box\"><h3><bdi>%s</bdi> <span class=\"lead\">tenant "
		    "<bdi>%s</bdi>, now "
		    "%s</span></h3>\n",
		    t->server, t->tenant[0] != '\0' ? t->tenant : "unknown", t->verdict);
		html_print(f,
		    "<p>%llu recipients in the last hour, %llu in the last 24 hours; %llu block%s "
		    "in 30 "
		    "days.</p>\n",
		    (unsigned long long)t->recipients_hour, (unsigned long long)t->recipients_day,
		    (unsigned long long)t->cases, t->cases == 1 ? "" : "s");
		html_print(f,
		    "<p class=\"lead\">Since it is known, in the clear: %llu recipients accepted, "
		    "%llu "
		    "rejected, %llu deferred.</p>\n",
		    (unsigned long long)t->accepted, (unsigned long long)t->rejected,
		    (unsigned long long)t->deferred);
		if (t->has_days || t->blocked != 0) {
			fputs(t->has_days
				  ? "<p>Recipients per day; red: rejected; square: a block "
				    "began.</p>\n"
				  : "<p>Blocks of the last 30 days (squares), and today&#39;s "
				    "recipients.</p>\n",
			    f);
			write_chart(f, d, t);
		} else {
			fputs(
			    "<p class=\"lead\">No record by day is kept for this server yet.</p>\n",
			    f);
		}
		fputs("</div>\n", f);
	}
	if (d->traffic_count == 0)
		fputs("<p>The application names no server of the inventory.</p>\n", f);
}
