/* SPDX-License-Identifier: ISC */
/* M19: does the sample come from the applicant's server?  bulkhead-check. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "whitelist/check_view.h"

/* Not routed on the Internet: RFC 6890. */
static bool
is_private(const struct addr *a)
{
	static const char *const prefixes[] = {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10",
	    "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "::1/128",
	    "fc00::/7", "fe80::/10"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		struct addr_prefix p;

		if (addr_prefix_parse(prefixes[i], &p) == 0 && addr_prefix_contains(&p, a))
			return true;
	}
	return false;
}

/* The next word of a text that is an address; returns what is behind it, NULL when there is none. */
static const char *
next_address(const char *text, const char *end, struct addr *out)
{
	static const char word[] =
	    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.:-_";

	while (text < end) {
		size_t n = strspn(text, word);
		char token[ADDR_TEXT_BYTES + 8];
		const char *from = token;

		n = text + n > end ? (size_t)(end - text) : n;
		if (n > 1 && n < sizeof(token)) {
			snprintf(token, sizeof(token), "%.*s", (int)n, text);
			while (n > 1 && token[n - 1] == '.')
				token[--n] = '\0';
			if (strncasecmp(token, "IPv6:", 5) == 0) /* RFC 5321 4.1.3 */
				from += 5;
			if (addr_parse(from, out) == 0)
				return text + n;
		}
		text += n > 0 ? n : 1;
	}
	return NULL;
}

struct trace {
	bool ours;
	struct addr address; /* of the first hop from outside; zero = none */
	char name[CHECK_DOMAIN_BYTES];
};

static void
read_hop(const struct check_job *job, const char *value, const char *end, struct trace *t)
{
	struct addr a;

	for (const char *p = value; (p = next_address(p, end, &a)) != NULL;) {
		for (unsigned i = 0; i < job->address_count; i++) {
			if (addr_equal(&a, &job->addresses[i])) {
				t->ours = true;
				t->address = a;
			}
		}
		if (addr_is_zero(&t->address) && !is_private(&a))
			t->address = a;
	}
}

void
check_origin(const struct check_job *job, const struct message_view *v, struct check_report *out)
{
	struct trace t = {.ours = false};
	char shown[ADDR_TEXT_BYTES];
	struct check_facts *f = &out->facts;

	for (unsigned i = 0; i < v->field_count && !t.ours; i++) {
		const char *name = v->fields[i].name, *value = v->fields[i].value;
		bool before = !addr_is_zero(&t.address);

		if (strcasecmp(name, "Received") == 0 && strncasecmp(value, "from ", 5) == 0) {
			const char *by = strcasestr(value, " by ");

			read_hop(job, value + 5, by != NULL ? by : value + strlen(value), &t);
			if ((!before || t.ours) && !addr_is_zero(&t.address)) {
				char raw[CHECK_DOMAIN_BYTES];

				snprintf(raw, sizeof(raw), "%.*s", (int)strcspn(value + 5, " \t(;"),
				    value + 5);
				text_clean(t.name, sizeof(t.name), raw);
			}
		} else if (strcasecmp(name, "Authentication-Results") == 0 ||
			   strcasecmp(name, "Received-SPF") == 0)
			read_hop(job, value, value + strlen(value), &t);
	}
	f->hop_address = t.address;
	snprintf(f->hop_name, sizeof(f->hop_name), "%s", t.name);
	addr_format(shown, &t.address);
	if (addr_is_zero(&t.address))
		check_report_add(out, CHECK_M19, CHECK_WARN, NULL,
		    "No Received or Authentication-Results field names an address: ask for the "
		    "source as it was received.");
	else if (t.ours)
		check_report_add(out, CHECK_M19, CHECK_PASS, NULL,
		    "The sample came from %s, an address of the application's servers.", shown);
	else if (job->address_count == 0)
		check_report_add(out, CHECK_M19, CHECK_NOT_CHECKED, NULL,
		    "The sample came from %s; the inventory has no address of the application's "
		    "servers to compare.",
		    shown);
	else
		check_report_bad(out, CHECK_M19, (enum application_purpose)job->purpose, NULL,
		    "The sample came from %s (%.80s), which is no address of the application's "
		    "servers.",
		    shown, t.name);
}
