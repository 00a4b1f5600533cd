/* SPDX-License-Identifier: ISC */
/* The sending addresses: PTR, HELO, block lists, SPF of the sample; see check_online.h. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "whitelist/check_online.h"
#include "whitelist/check_spf.h"

#define NAME_ADDRESSES_MAX 32
#define PTR_NAMES_MAX	   8 /* that are resolved back */

static bool
resolves_to(const struct resolver *dns, const char *name, const struct addr *addr,
    enum resolver_status *status)
{
	struct addr found[NAME_ADDRESSES_MAX];
	unsigned count;

	*status = resolver_addresses(dns, name, found, NAME_ADDRESSES_MAX, &count);
	for (unsigned i = 0; i < count; i++)
		if (addr_equal(&found[i], addr))
			return true;
	return false;
}

/* The numbers of the name's tokens, in order: "static-12-34.x" gives 12 34. */
static unsigned
name_numbers(const char *name, unsigned numbers[16])
{
	unsigned count = 0;

	for (const char *c = name; *c != '\0' && count < 16;) {
		if (!isdigit((unsigned char)*c)) {
			c++;
			continue;
		}
		numbers[count++] = (unsigned)strtoul(c, (char **)(uintptr_t)&c, 10);
	}
	return count;
}

/* Two of the last three octets, or the whole address in hexadecimal, stand in the name. */
static bool
holds_address(const char *name, const struct addr *addr)
{
	const uint8_t *b = addr->bytes;
	unsigned numbers[16], count = name_numbers(name, numbers), hits = 0;
	char hex[12];

	snprintf(hex, sizeof(hex), "%02x%02x%02x%02x", b[12], b[13], b[14], b[15]);
	if (strstr(name, hex) != NULL)
		return true;
	if (!addr_is_v4(addr)) {
		snprintf(hex, sizeof(hex), "%x-%x", b[12] << 8 | b[13], b[14] << 8 | b[15]);
		return strlen(hex) > 5 && strstr(name, hex) != NULL;
	}
	for (unsigned octet = 13; octet < 16; octet++)
		for (unsigned i = 0; i < count; i++)
			if (numbers[i] == b[octet]) {
				numbers[i] = 1000; /* a number stands for one octet */
				hits++;
				break;
			}
	return hits >= 2;
}

bool
check_name_is_generic(const char *name, const struct addr *addr)
{
	static const char *const words[] = {"static", "dyn", "dynamic", "vps", "ip", "client",
	    "clients", "pool", "dhcp", "dsl", "adsl", "ppp", "pppoe", "broadband", "dialup",
	    "unassigned"};

	for (const char *c = name; *c != '\0';) {
		size_t letters = 0, n = strcspn(c, ".-_");

		while (letters < n && isalpha((unsigned char)c[letters]))
			letters++;
		for (size_t i = 0; letters > 0 && i < sizeof(words) / sizeof(words[0]); i++)
			if (strlen(words[i]) == letters && strncmp(words[i], c, letters) == 0)
				return true;
		c += n + (c[n] != '\0');
	}
	return holds_address(name, addr);
}

/* D2-D4 for an address with names. */
static void
judge_names(const struct check_job *job, const struct resolver *dns, const struct addr *addr,
    const char *about, const struct resolver_answer *ptr, struct check_report *out)
{
	const char *back = NULL, *generic = NULL;
	bool failed = false;

	for (unsigned i = 0; i < ptr->count && i < PTR_NAMES_MAX; i++) {
		enum resolver_status status;

		if (resolves_to(dns, resolver_text(ptr, i), addr, &status))
			back = resolver_text(ptr, i);
		failed |= status >= RESOLVER_FAILED;
		if (check_name_is_generic(resolver_text(ptr, i), addr))
			generic = resolver_text(ptr, i);
	}
	if (back != NULL)
		check_report_add(
		    out, CHECK_D2, CHECK_PASS, about, "%s resolves to %s", back, about);
	else if (failed)
		check_report_add(out, CHECK_D2, CHECK_NOT_CHECKED, about,
		    "%s could not be resolved; check again later", resolver_text(ptr, 0));
	else
		check_report_bad(out, CHECK_D2, job->purpose, about,
		    "%s does not resolve to %s: add an A or AAAA record for it",
		    resolver_text(ptr, 0), about);
	if (generic != NULL)
		check_report_bad(out, CHECK_D3, job->purpose, about,
		    "%s looks like a name made from the address: name the mail server", generic);
	else
		check_report_add(out, CHECK_D3, CHECK_PASS, about, "%s", resolver_text(ptr, 0));
	if (ptr->count > 1)
		check_report_bad(out, CHECK_D4, job->purpose, about,
		    "%s has %u PTR records: leave one", about, ptr->count);
	else
		check_report_add(out, CHECK_D4, CHECK_PASS, about, "one PTR record");
}

static void
check_ptr(const struct check_job *job, const struct resolver *dns, const struct addr *addr,
    const char *about, struct resolver_answer *a, struct check_report *out)
{
	char name[RESOLVER_NAME_BYTES];

	resolver_reverse_name(name, addr);
	dns->query(dns->self, name, RESOLVER_PTR, a);
	if (a->status >= RESOLVER_FAILED) {
		check_report_add(out, CHECK_D1, CHECK_NOT_CHECKED, about,
		    "%s %s; check again later", name, resolver_status_text(a->status));
	} else if (a->status != RESOLVER_OK) {
		check_report_bad(out, CHECK_D1, job->purpose, about,
		    "%s has no PTR record: set one in the server's panel", about);
	} else {
		check_report_add(out, CHECK_D1, CHECK_PASS, about, "%s", resolver_text(a, 0));
		judge_names(job, dns, addr, about, a, out);
	}
}

/* D5 */
static void
check_helo(const struct check_job *job, const struct resolver *dns, struct check_report *out)
{
	const char *helo = job->online.helo;
	enum resolver_status status = RESOLVER_NO_NAME;
	bool fits = false;

	if (helo[0] == '\0') {
		check_report_add(out, CHECK_D5, CHECK_NOT_CHECKED, NULL,
		    "the sensor has not seen a HELO name of these servers yet");
		return;
	}
	if (strchr(helo, '.') == NULL || helo[0] == '[') {
		check_report_bad(out, CHECK_D5, job->purpose, NULL,
		    "the server says HELO %s, which is not a full host name", helo);
		return;
	}
	for (unsigned i = 0; i < job->address_count && !fits; i++)
		fits = resolves_to(dns, helo, &job->addresses[i], &status);
	if (fits)
		check_report_add(out, CHECK_D5, CHECK_PASS, NULL, "HELO %s resolves to it", helo);
	else if (status >= RESOLVER_FAILED)
		check_report_add(out, CHECK_D5, CHECK_NOT_CHECKED, NULL, "%s %s; check again later",
		    helo, resolver_status_text(status));
	else
		check_report_bad(out, CHECK_D5, job->purpose, NULL,
		    "HELO %s does not resolve to an address of the server", helo);
}

/* RFC 5782: 127.0.0.0/8 is "listed"; 127.255.255.0/24 is how lists refuse to answer a resolver. */
static void
judge_listing(
    const struct resolver_answer *a, const char *zone, const char *about, struct check_report *out)
{
	char text[ADDR_TEXT_BYTES];
	const uint8_t *b = a->records[0].addr.bytes;

	if (a->status >= RESOLVER_FAILED ||
	    (a->status == RESOLVER_OK && (b[12] != 127 || (b[13] == 255 && b[14] == 255))))
		check_report_add(out, CHECK_D11, CHECK_NOT_CHECKED, about,
		    "%s does not answer this resolver", zone);
	else if (a->status == RESOLVER_OK)
		check_report_bad(out, CHECK_D11, PURPOSE_NEWSLETTER, about, "listed in %s (%s)",
		    zone, addr_format(text, &a->records[0].addr));
	else
		check_report_add(out, CHECK_D11, CHECK_PASS, about, "not listed in %s", zone);
}

static void
check_lists(const struct check_job *job, const struct resolver *dns, struct resolver_answer *a,
    struct check_report *out)
{
	char zone[128], name[RESOLVER_NAME_BYTES], about[CHECK_ABOUT_BYTES], text[ADDR_TEXT_BYTES];
	const char *cursor = job->online.address_lists;

	while (config_list_next(&cursor, zone, sizeof(zone)))
		for (unsigned i = 0; i < job->address_count; i++) {
			resolver_list_name(name, &job->addresses[i], zone);
			dns->query(dns->self, name, RESOLVER_A, a);
			snprintf(about, sizeof(about), "%s %.70s",
			    addr_format(text, &job->addresses[i]), zone);
			judge_listing(a, zone, about, out);
		}
	cursor = job->online.domain_lists;
	while (config_list_next(&cursor, zone, sizeof(zone)))
		for (unsigned i = 0; i < job->domain_count; i++) {
			snprintf(name, sizeof(name), "%.120s.%.120s", job->domains[i], zone);
			dns->query(dns->self, name, RESOLVER_A, a);
			snprintf(about, sizeof(about), "%.60s %.60s", job->domains[i], zone);
			judge_listing(a, zone, about, out);
		}
	if (job->online.address_lists[0] == '\0' && job->online.domain_lists[0] == '\0')
		check_report_add(out, CHECK_D11, CHECK_INFO, NULL,
		    "no block lists are asked; name them in check_address_lists");
}

/* M5 */
static void
check_sample_spf(const struct check_job *job, const struct resolver *dns, const struct addr *addr,
    const char *about, struct check_report *out)
{
	const char *domain = job->online.envelope_domain;
	struct check_spf spf;

	if (domain[0] == '\0') {
		check_report_add(out, CHECK_M5, CHECK_NOT_CHECKED, about,
		    "the sample has no Return-Path; ask for the source as it was received");
		return;
	}
	check_spf_eval(&spf, dns, addr, domain, job->online.helo);
	if (spf.result == SPF_RESULT_PASS)
		check_report_add(
		    out, CHECK_M5, CHECK_PASS, about, "SPF of %s passes: %s", domain, spf.why);
	else if (spf.result == SPF_RESULT_TEMPERROR)
		check_report_add(
		    out, CHECK_M5, CHECK_NOT_CHECKED, about, "%s; check again later", spf.why);
	else
		check_report_bad(out, CHECK_M5, job->purpose, about, "SPF of %s gives %s: %s",
		    domain, check_spf_result_name(spf.result), spf.why);
}

void
check_addresses(const struct check_job *job, const struct resolver *dns, struct check_report *out)
{
	struct resolver_answer *a = malloc(sizeof(*a));
	char about[ADDR_TEXT_BYTES];

	if (a == NULL || job->address_count == 0)
		check_report_add(out, CHECK_D1, CHECK_NOT_CHECKED, NULL,
		    "no address of the servers is known; add them to the inventory");
	for (unsigned i = 0; a != NULL && i < job->address_count; i++) {
		addr_format(about, &job->addresses[i]);
		check_ptr(job, dns, &job->addresses[i], about, a, out);
		check_sample_spf(job, dns, &job->addresses[i], about, out);
	}
	if (a != NULL) {
		check_helo(job, dns, out);
		check_lists(job, dns, a, out);
	}
	free(a);
}
