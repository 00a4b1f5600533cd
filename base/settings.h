/* SPDX-License-Identifier: ISC */
/*
 * The one configuration file, /etc/bulkhead/bulkhead.conf, as a struct.  All programs read the same
 * file; `replay --policy F` reads the same syntax.  Rows and presets: settings.c.
 */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/config.h"

#define SETTINGS_PATH	    "/etc/bulkhead/bulkhead.conf"
#define SETTINGS_PATH_BYTES 256
#define SETTINGS_LIST_BYTES 1024

struct settings_policy {
	char mode[16];	 /* "observe": everything but enforcement; "enforce" */
	char preset[16]; /* "strict": any mass mailing without a grant is blocked; "balanced";
			    "observe" */
	double alpha;	 /* wanted probability of a false block per decision, 1e-9 .. 0.1 */
	double beta;	 /* wanted probability of a missed one, 1e-6 .. 0.5 */
	/* Honest ceilings of the default plan: mean distinct recipients per window that a server
	 * without a grant may reach.  Sources: policy/README.md. */
	double recipients_per_5min, recipients_per_hour, recipients_per_day;
	char
	    plans[SETTINGS_LIST_BYTES]; /* "name 5min hour day" per item: ceilings of other plans */
	char plan_modes[SETTINGS_LIST_BYTES]; /* "name observe|enforce" per item: over mode */
	int64_t block_first_ns, block_max_ns; /* first block, doubling up to the last */
	int64_t silence_ns;	    /* no new activity for so long before a block lifts by itself */
	int64_t decay_half_life_ns; /* of abuse evidence */
	int64_t catch_percent,
	    catch_min;		 /* safety catch: more new blocks than max(min, percent) ... */
	int64_t catch_window_ns; /* ... in this window stop automatic blocking */
};

struct settings {
	char run_dir[SETTINGS_PATH_BYTES];   /* sockets */
	char state_dir[SETTINGS_PATH_BYTES]; /* database, evidence, keys */
	char user[64];			     /* "" = bulkhead, or nobody */
	char log_level[16];

	/* sensor */
	char device[32];		      /* "any" or one device */
	char interfaces[SETTINGS_LIST_BYTES]; /* globs of tenant interfaces, when not in the
						 inventory */
	char ignore[SETTINGS_LIST_BYTES];     /* globs that are never tenants */
	int64_t snaplen, ring_mib, rest_us, flows_max;
	char ports[128]; /* list of SMTP ports */
	bool odd_ports, classify;
	char mmdb_asn[SETTINGS_PATH_BYTES], mmdb_country[SETTINGS_PATH_BYTES];

	/* guard */
	char table[32];			  /* nftables table name */
	char relays[SETTINGS_LIST_BYTES]; /* addresses that stay reachable, and never feed the bulk
					     score */
	char case_url[SETTINGS_PATH_BYTES]; /* shown to the tenant, "%s" is the case id */
	char group_view[32], group_support[32], group_abuse[32],
	    group_admin[32]; /* roles of ctl.sock */
	bool brake;	     /* meters in the kernel bound what passes while the guard is dead */
	char notice_hooks[SETTINGS_LIST_BYTES]; /* paths of the programs that carry notices */
	char notices[64];			/* kinds that go out (policy/notice.h) */
	char notice_operator[128];		/* "" = nobody */
	int64_t notice_give_up_ns;
	char notify_user[32];	    /* of bulkhead-notify */
	bool notice;		    /* bulkhead-notice answers new connections of blocked servers */
	char notice_addresses[128]; /* of this host: one IPv4, one IPv6 */
	int64_t notice_port, notice_code;
	int64_t evidence_max_mib;
	int64_t complaint_retention_ns;
	int64_t evidence_retention_ns; /* after the end of the application */
	int64_t grant_reminder_ns;     /* before the end of a grant */
	int64_t history_retention_ns;  /* of what every server did */
	int64_t history_max_mib;
	int64_t case_retention_ns;    /* of the observations that led to a case */
	char check_resolver[64];      /* address[@port], "" = the system's */
	char check_trust_anchor[512]; /* "" = not validated here */
	char check_ca_file[SETTINGS_PATH_BYTES];
	char check_address_lists[512], check_domain_lists[512], check_allow_private[512];

	struct settings_policy policy;
};

extern const struct config_row settings_rows[];
extern const size_t settings_row_count;

/* Presets only. */
void settings_init(struct settings *out);
/* Presets, then the file.  path NULL: SETTINGS_PATH, and its absence is not an error. */
int settings_load(struct settings *out, const char *path, struct err *e);

#endif
