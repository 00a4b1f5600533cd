/* SPDX-License-Identifier: ISC */
/* The rows of bulkhead.conf; see settings.h.  Every process. */
#include "base/settings.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define FIELD(member) offsetof(struct settings, member), sizeof(((struct settings *)0)->member)
#define TEXT(key, member, min, max, preset, help)                       \
	{                                                               \
		key, CONFIG_TEXT, FIELD(member), min, max, preset, help \
	}
#define INT(key, member, min, max, preset, help)                       \
	{                                                              \
		key, CONFIG_INT, FIELD(member), min, max, preset, help \
	}
#define NUM(key, member, min, max, preset, help)                         \
	{                                                                \
		key, CONFIG_FLOAT, FIELD(member), min, max, preset, help \
	}
#define BOOL(key, member, preset, help)                             \
	{                                                           \
		key, CONFIG_BOOL, FIELD(member), 0, 1, preset, help \
	}
#define LIST(key, member, min, max, preset, help)                       \
	{                                                               \
		key, CONFIG_LIST, FIELD(member), min, max, preset, help \
	}
#define SPAN(key, member, min, max, preset, help)                                           \
	{                                                                                   \
		key, CONFIG_SPAN, FIELD(member), (double)(min), (double)(max), preset, help \
	}

/* clang-format off */
const struct config_row settings_rows[] = {
    TEXT("run_dir", run_dir, 1, 90, "/run/bulkhead", "Folder of the sockets."),
    TEXT("state_dir", state_dir, 1, 200, "/var/lib/bulkhead", "Folder of the database, the evidence and the keys."),
    TEXT("user", user, 0, 63, "", "User that the programs become; empty: bulkhead, or nobody where that user is missing."),
    TEXT("log_level", log_level, 4, 5, "info", "Least important lines that are written: error, warn, info, debug."),

    TEXT("device", device, 1, 31, "any", "Capture device; any sees every tap, also those that appear later."),
    LIST("interfaces", interfaces, 0, 64, "vnet*, tap*, veth*i*", "Patterns of tenant interfaces; those of the inventory are added."),
    LIST("ignore", ignore, 0, 64, "fwbr*, fwpr*, fwln*, virbr*, br*, vmbr*, lo", "Patterns of interfaces that are never a tenant's."),
    INT("snaplen", snaplen, 128, 262144, "4096", "Bytes kept of each packet; larger slows the tenants down."),
    INT("ring_mib", ring_mib, 1, 1024, "24", "Size of the capture ring in MiB."),
    INT("rest_us", rest_us, 0, 100000, "800", "Microseconds that packets may gather in the ring once they come steadily; more saves CPU."),
    INT("flows_max", flows_max, 64, 4194304, "65536", "Connections tracked at once; memory is fixed from it at start."),
    LIST("ports", ports, 1, 16, "25, 465, 587, 2525", "TCP ports that are watched as SMTP."),
    BOOL("odd_ports", odd_ports, "yes", "Also look for SMTP dialogues on other ports."),
    BOOL("classify", classify, "yes", "Ask nDPI what a connection to a mail port is when it is not SMTP."),
    TEXT("mmdb_asn", mmdb_asn, 0, 255, "", "Path of an ASN database in MMDB format; empty: no look-ups."),
    TEXT("mmdb_country", mmdb_country, 0, 255, "", "Path of a country database in MMDB format; empty: no look-ups."),

    TEXT("table", table, 1, 31, "bulkhead", "Name of the nftables tables that the guard owns."),
    LIST("relays", relays, 0, 64, "", "Addresses of the provider's mail relays: always reachable, never counted."),
    TEXT("case_url", case_url, 0, 255, "", "Address shown to the tenant of a block; %s becomes the case id."),
    TEXT("group_view", group_view, 0, 31, "", "Unix group that may look at everything."),
    TEXT("group_support", group_support, 0, 31, "", "Unix group that may decide whitelist applications."),
    TEXT("group_abuse", group_abuse, 0, 31, "", "Unix group that may block and release."),
    TEXT("group_admin", group_admin, 0, 31, "", "Unix group that may do everything; root always may."),
    BOOL("brake", brake, "yes", "Meters in the kernel bound what passes while the programs are dead; in observe mode they only count."),
    LIST("notice_hooks", notice_hooks, 0, 8, "", "Programs that carry notices to tenants (bulkhead-notify(8)), each with its full path."),
    LIST("notices", notices, 0, 3, "block, catch", "Which notices go out: block, warn (to the tenant), catch (to the operator)."),
    TEXT("notice_operator", notice_operator, 0, 127, "", "Address of the operator, for notices that are no tenant's."),
    SPAN("notice_give_up", notice_give_up_ns, CLOCK_MINUTE_NS, 30 * CLOCK_DAY_NS, "2d", "A notice that no attempt could deliver in this time becomes a dead letter."),
    TEXT("notify_user", notify_user, 0, 31, "bulkhead-notify", "User of bulkhead-notify: may fetch notices, and nothing else."),
    BOOL("notice", notice, "no", "Answer blocked servers in words: new connections of routed taps go to bulkhead-notice; bridged taps stay with the reset."),
    LIST("notice_addresses", notice_addresses, 0, 2, "", "Addresses of this host where bulkhead-notice listens: at most one IPv4 and one IPv6; the other protocol is reset."),
    INT("notice_port", notice_port, 1024, 65535, "2526", "TCP port where bulkhead-notice listens; its firewall must let tenants in."),
    INT("notice_code", notice_code, 421, 554, "554", "Reply code of the greeting: 554 (mail is tried elsewhere, then later), 421 (later)."),
    INT("evidence_max_mib", evidence_max_mib, 1, 256, "20", "Largest evidence file in MiB."),
    TEXT("check_resolver", check_resolver, 0, 63, "", "Resolver of the online checks, address or address@port; empty: the system's."),
    TEXT("check_trust_anchor", check_trust_anchor, 0, 511, "", "DS or DNSKEY record of the root, to validate answers; empty: the resolver is trusted."),
    TEXT("check_ca_file", check_ca_file, 0, 255, "", "Trusted certificates for page checks; empty: the system's bundle."),
    LIST("check_address_lists", check_address_lists, 0, 8, "", "DNS block lists of addresses that are asked, by their terms of use."),
    LIST("check_domain_lists", check_domain_lists, 0, 8, "", "DNS block lists of domains that are asked."),
    LIST("check_allow_private", check_allow_private, 0, 8, "", "Private prefixes where pages may stand: for tests, ignored while mode is enforce."),

    SPAN("complaint_retention", complaint_retention_ns, 7 * CLOCK_DAY_NS, 3650 * CLOCK_DAY_NS, "180d", "Complaints, and who had which address, are removed so long after they came or ended."),
    SPAN("evidence_retention", evidence_retention_ns, CLOCK_DAY_NS, 3650 * CLOCK_DAY_NS, "1095d", "Evidence is removed so long after its application or grant ended."),
    SPAN("grant_reminder", grant_reminder_ns, CLOCK_HOUR_NS, 365 * CLOCK_DAY_NS, "14d", "Time before the end of a grant when a reminder is written."),

    SPAN("history_retention", history_retention_ns, 2 * CLOCK_DAY_NS, 400 * CLOCK_DAY_NS, "35d", "What every server did is kept so long, for replay --history."),
    INT("history_max_mib", history_max_mib, 16, 1048576, "2048", "Most MiB that this history takes; the oldest days go first."),
    SPAN("case_retention", case_retention_ns, CLOCK_DAY_NS, 3650 * CLOCK_DAY_NS, "365d", "The observations that led to a case are kept so long."),

    TEXT("mode", policy.mode, 7, 7, "observe", "observe: everything but enforcement; enforce: blocks reach the kernel."),
    TEXT("preset", policy.preset, 6, 8, "strict", "strict: any mass mailing without a grant is blocked; balanced: field practice; observe."),
    NUM("alpha", policy.alpha, 1e-9, 0.1, "1e-5", "Wanted probability of a false block per decision."),
    NUM("beta", policy.beta, 1e-6, 0.5, "1e-2", "Wanted probability of a missed one."),
    NUM("recipients_per_5min", policy.recipients_per_5min, 1, 1e6, "20", "Mean distinct recipients per 5 minutes that an honest server stays below."),
    NUM("recipients_per_hour", policy.recipients_per_hour, 1, 1e7, "120", "The same per hour."),
    NUM("recipients_per_day", policy.recipients_per_day, 1, 1e8, "800", "The same per day."),
    LIST("plans", policy.plans, 0, 64, "", "Ceilings of other plans, each \"name 5min hour day\"."),
    LIST("plan_modes", policy.plan_modes, 0, 24, "", "Modes of plans instead of the global one, each \"name observe\" or \"name enforce\"; servers without a plan are of the plan default."),
    SPAN("block_first", policy.block_first_ns, 60 * CLOCK_SECOND_NS, 365 * CLOCK_DAY_NS, "1h", "Length of a server's first block."),
    SPAN("block_max", policy.block_max_ns, 60 * CLOCK_SECOND_NS, 365 * CLOCK_DAY_NS, "7d", "Longest automatic block; repeats double up to it."),
    SPAN("silence", policy.silence_ns, 0, 30 * CLOCK_DAY_NS, "10m", "Time without new activity before a block lifts by itself."),
    SPAN("decay_half_life", policy.decay_half_life_ns, CLOCK_MINUTE_NS, 30 * CLOCK_DAY_NS, "2h", "Half-life of evidence of abuse."),
    INT("catch_percent", policy.catch_percent, 0, 100, "1", "Safety catch: automatic blocking stops when more than this share of the servers ..."),
    INT("catch_min", policy.catch_min, 1, 100000, "5", "... and more than this many would be newly blocked ..."),
    SPAN("catch_window", policy.catch_window_ns, CLOCK_MINUTE_NS, CLOCK_DAY_NS, "10m", "... within this time."),
};
/* clang-format on */
const size_t settings_row_count = sizeof(settings_rows) / sizeof(settings_rows[0]);

void
settings_init(struct settings *out)
{
	memset(out, 0, sizeof(*out));
	config_preset(settings_rows, settings_row_count, out);
}

static bool
is_one_of(const char *text, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(text, *names) == 0)
			return true;
	return false;
}

/* What one row cannot know: words from a list, and rows that must fit each other. */
static int
settings_check(const struct settings *s, const char *path, struct err *e)
{
	static const char *const modes[] = {"observe", "enforce", NULL};
	static const char *const presets[] = {"strict", "balanced", "observe", NULL};
	static const char *const levels[] = {"error", "warn", "info", "debug", NULL};

	if (!is_one_of(s->policy.mode, modes))
		return err_set(e, -EINVAL, "%s: mode must be observe or enforce, not \"%s\"", path,
		    s->policy.mode);
	if (!is_one_of(s->policy.preset, presets))
		return err_set(e, -EINVAL,
		    "%s: preset must be strict, balanced or observe, not \"%s\"", path,
		    s->policy.preset);
	if (!is_one_of(s->log_level, levels))
		return err_set(e, -EINVAL,
		    "%s: log_level must be error, warn, info or debug, not \"%s\"", path,
		    s->log_level);
	if (s->notice_code != 554 && s->notice_code != 421)
		return err_set(e, -EINVAL, "%s: notice_code must be 554 or 421, not %lld", path,
		    (long long)s->notice_code);
	if (s->notice && s->notice_addresses[0] == '\0')
		return err_set(e, -EINVAL,
		    "%s: notice = yes needs notice_addresses: where bulkhead-notice listens", path);
	if (s->policy.block_first_ns > s->policy.block_max_ns)
		return err_set(
		    e, -EINVAL, "%s: block_first must not be longer than block_max", path);
	return 0;
}

int
settings_load(struct settings *out, const char *path, struct err *e)
{
	struct settings fresh;
	int r = 0;

	settings_init(&fresh);
	if (path != NULL || access(SETTINGS_PATH, F_OK) == 0) {
		if (path == NULL)
			path = SETTINGS_PATH;
		r = config_read(settings_rows, settings_row_count, &fresh, sizeof(fresh), path, e);
		if (r == 0)
			r = settings_check(&fresh, path, e);
	}
	if (r == 0)
		*out = fresh;
	return r;
}
