/* SPDX-License-Identifier: ISC */
/*
 * What a worker is asked to do, one job per process, and the bounds that it works in.  Plain data.
 * bulkhead-guard (writes), bulkhead-check (reads).
 *
 * A worker finds the encoded job on standard input until its end, the document (if its kind has
 * one) on descriptor 3, and writes one encoded report (check.h) to standard output.  What it makes of
 * the document, if somebody wants it, goes to descriptor 4.
 */
#ifndef WHITELIST_CHECK_JOB_H
#define WHITELIST_CHECK_JOB_H

#include "base/settings.h"
#include "whitelist/check.h"
#include "whitelist/grant.h"

enum check_job_kind {
	CHECK_JOB_MESSAGE, /* M*: the sample's source */
	CHECK_JOB_PICTURE, /* C5, U7: one picture */
	CHECK_JOB_ONLINE,  /* D*, U*, C1 C2 C4, M5: with the network */
	CHECK_JOB_INTAKE, /* a support mail: intake.h in place of a report, its files into the output */
	CHECK_JOB_COMPLAINT, /* a complaint: complaint.h as JSON in place of a report */
	CHECK_JOB__COUNT
};

/* The bounds of a worker.  Whoever exceeds one is ended, and the report says so. */
#define CHECK_CPU_S		10	       /* processor time */
#define CHECK_DEADLINE_S	15	       /* wall clock, kept by the spawner */
#define CHECK_ONLINE_DEADLINE_S 90	       /* with the network; it mostly waits */
#define CHECK_MEMORY_BYTES	(768ULL << 20) /* address space; the libraries alone take 60 MiB */
#define CHECK_DESCRIPTORS	32
#define CHECK_OUTPUT_BYTES_MAX	(40ULL << 20) /* of descriptor 4: the files of the largest mail */
#define CHECK_WORKERS_MAX	2	      /* at once */
#define CHECK_QUEUE_MAX		64	      /* jobs that wait; more are refused */

/* The bounds of a document. */
#define CHECK_MESSAGE_BYTES_MAX	 (16ULL << 20)
#define CHECK_HEADER_BYTES_MAX	 (256ULL << 10) /* all fields of the message together */
#define CHECK_PARTS_MAX		 200		/* MIME parts, also the depth of nesting */
#define CHECK_HTML_BYTES_MAX	 (2ULL << 20)
#define CHECK_HTML_DEPTH_MAX	 512
#define CHECK_HTML_TAGS_MAX	 100000
#define CHECK_PICTURE_BYTES_MAX	 (32ULL << 20)
#define CHECK_PICTURE_PIXELS_MAX 40000000ULL /* a phone's long screenshot is 1440x20000 */

#define CHECK_JOB_VERSION   2 /* bump with any change of the encoding */
#define CHECK_KEYS_BYTES    8192
#define CHECK_ADDRESSES_MAX 32
#define CHECK_JOB_MAX	    24576 /* bytes of the largest encoded job; a pipe holds it at once */

#define CHECK_LISTS_BYTES 512

/* What an online job needs beside the application: settings, and facts of earlier checks.  Lists
 * are items joined by newlines (base/config.h). */
struct check_job_online {
	char resolver[64]; /* address[@port], "" = what the system has */
	char anchor[512];  /* root trust anchor, "" = answers are not validated */
	char ca_file[256]; /* "" = the system's bundle */
	char address_lists[CHECK_LISTS_BYTES]; /* DNS block lists of addresses */
	char domain_lists[CHECK_LISTS_BYTES];  /* and of domains */
	char allow_private[CHECK_LISTS_BYTES]; /* prefixes that tests may reach */
	bool enforcing;			       /* production: allow_private counts for nothing */
	bool may_post;			       /* recorded consent to the one-click POST (U6) */
	char helo[CHECK_DOMAIN_BYTES];	       /* name that the sensor saw, "" = none */
	char from_domain[CHECK_DOMAIN_BYTES], envelope_domain[CHECK_DOMAIN_BYTES];
	struct {
		char domain[CHECK_DOMAIN_BYTES], selector[CHECK_DOMAIN_BYTES];
	} dkim[CHECK_DKIM_MAX];
	unsigned dkim_count;
	char body_link[CHECK_URI_BYTES];
	char list_unsubscribe[CHECK_URI_BYTES];
	char form_url[CHECK_URI_BYTES];	 /* of the subscription or registration form */
	char rules_url[CHECK_URI_BYTES]; /* of the site's rules */
};

struct check_job {
	uint8_t kind;		      /* enum check_job_kind */
	uint8_t purpose;	      /* enum application_purpose */
	uint8_t evidence;	      /* enum evidence_kind of the document */
	char sha256[HASH_SHA256_HEX]; /* of the document */
	int64_t now_ns;
	char domains[GRANT_DOMAINS_MAX][OBS_DOMAIN_BYTES]; /* of the application */
	unsigned domain_count;
	struct addr addresses[CHECK_ADDRESSES_MAX]; /* of its servers */
	unsigned address_count;
	/* DKIM keys that are at hand: lines "selector._domainkey.domain v=DKIM1; p=..." */
	char dkim_keys[CHECK_KEYS_BYTES];
	struct check_job_online online;
};

/* Fills what an online job needs from the settings, the application's pages and what the message
 * check found (NULL: nothing yet); helo is what the sensor saw, "" = nothing. */
void check_job_set_online(struct check_job *job, const struct settings *settings,
    const struct application *a, const struct check_facts *facts, const char *helo, bool may_post);

/* What an online job asks about, as a hash: domains, addresses, keys, pages, the document; not how
 * it is asked, nor when.  Two jobs with the same digest ask the same. */
void check_job_digest(const struct check_job *job, char out[HASH_SHA256_HEX]);

/* Bytes written, or -ENOBUFS. */
long check_job_encode(const struct check_job *job, void *buf, size_t size);
/* 0 or -EBADMSG. */
int check_job_decode(struct check_job *out, const void *data, size_t size);

#endif
