/* SPDX-License-Identifier: ISC */
/*
 * What machine checks find: their ids, levels, sentences and the facts they extract, and the forms
 * these travel in: bounded wire format from a worker to the guard, JSON to people.  Plain data, no
 * document is parsed here.  bulkhead-check (writes), bulkhead-guard (reads), CLI (names).
 */
#ifndef WHITELIST_CHECK_H
#define WHITELIST_CHECK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "whitelist/application.h"

/* Add before CHECK__COUNT only: the numbers are in the wire format and in the store. */
enum check_id {
	/* the sample message, offline but for M5 */
	CHECK_M1,
	CHECK_M2,
	CHECK_M3,
	CHECK_M4,
	CHECK_M5,
	CHECK_M6,
	CHECK_M7,
	CHECK_M8,
	CHECK_M9,
	CHECK_M10,
	CHECK_M11,
	CHECK_M12,
	CHECK_M13,
	CHECK_M14,
	CHECK_M15,
	CHECK_M16,
	CHECK_M17,
	CHECK_M19,
	CHECK_M20,
	/* domain and address, online; D15 is the guard's */
	CHECK_D1,
	CHECK_D2,
	CHECK_D3,
	CHECK_D4,
	CHECK_D5,
	CHECK_D6,
	CHECK_D7,
	CHECK_D8,
	CHECK_D9,
	CHECK_D11,
	CHECK_D13,
	CHECK_D15,
	/* the unsubscribe page, online; U7 is about its picture */
	CHECK_U1,
	CHECK_U2,
	CHECK_U3,
	CHECK_U4,
	CHECK_U5,
	CHECK_U6,
	CHECK_U7,
	/* consent; C1 C2 C4 online, C6 is the guard's */
	CHECK_C1,
	CHECK_C2,
	CHECK_C4,
	CHECK_C5,
	CHECK_C6,
	CHECK__COUNT
};

/* In the order of severity, so that the worst of several is their maximum. */
enum check_level {
	CHECK_INFO,
	CHECK_PASS,
	CHECK_NOT_CHECKED, /* could not be decided; the sentence says why and what to do */
	CHECK_WARN,
	CHECK_FAIL, /* stops an approval unless overridden with a reason */
	CHECK_LEVEL__COUNT
};

struct check_info {
	const char *name;  /* "M4" */
	uint8_t worst;	   /* the level of a bad finding: CHECK_FAIL, CHECK_WARN or CHECK_INFO */
	bool online;	   /* needs DNS or HTTP */
	bool one_click;	   /* M7-M9: with purpose `automatic` a bad finding only warns */
	const char *title; /* a few words */
};

#define CHECK_RESULTS_MAX  128
#define CHECK_TEXT_BYTES   320
#define CHECK_ABOUT_BYTES  128
#define CHECK_URI_BYTES	   1024
#define CHECK_URIS_MAX	   4
#define CHECK_DKIM_MAX	   4
#define CHECK_PICTURES_MAX 16
#define CHECK_DOMAIN_BYTES 256
#define CHECK_RECORD_BYTES 1024 /* RSA with 4096 bits takes 740 */
#define CHECK_WIRE_VERSION 2	/* bump with any change of the encoding below; no old one is read */
#define CHECK_WIRE_MAX	   90112 /* bytes of the largest encoded report */

struct check_result {
	uint8_t id;    /* enum check_id */
	uint8_t level; /* enum check_level */
	/* What it is about where a check has several results: an address, a domain, an evidence
	 * kind; "" when there is only one. */
	char about[CHECK_ABOUT_BYTES];
	char text[CHECK_TEXT_BYTES]; /* one sentence, clean UTF-8 */
	int64_t made_ns;	     /* wall clock, 0 = not said; not in the wire format */
};

/* One DKIM signature of the sample. */
struct check_dkim {
	char domain[CHECK_DOMAIN_BYTES]; /* d= */
	char selector[CHECK_DOMAIN_BYTES];
	bool body_ok;	      /* the body hash fits */
	bool verified;	      /* with a key that was at hand */
	bool aligned;	      /* organisationally aligned with From */
	bool signs_one_click; /* List-Unsubscribe and List-Unsubscribe-Post are in h= */
	uint16_t key_bits;    /* 0 = no key was at hand */
	/* The TXT record with the key as DNS gave it (D7), "" = not asked or not there. */
	char record[CHECK_RECORD_BYTES];
};

struct check_picture {
	char kind[32]; /* evidence_kind_name() */
	char sha256[HASH_SHA256_HEX];
	char format[8];		/* "png" "jpeg" "webp" */
	uint32_t width, height; /* pixels */
};

/* Everything is clean UTF-8 (text_clean), cut to its room; "" = not there. */
struct check_facts {
	char list_unsubscribe[CHECK_URIS_MAX][CHECK_URI_BYTES];
	unsigned list_unsubscribe_count;
	bool one_click;			 /* List-Unsubscribe-Post says so */
	char body_link[CHECK_URI_BYTES]; /* the visible unsubscribe link */
	char body_link_text[CHECK_TEXT_BYTES];
	char from_domain[CHECK_DOMAIN_BYTES];	    /* lower case, A-labels */
	char from_organisation[CHECK_DOMAIN_BYTES]; /* its registrable domain */
	char envelope_domain[CHECK_DOMAIN_BYTES];   /* of Return-Path */
	struct check_dkim dkim[CHECK_DKIM_MAX];
	unsigned dkim_count;
	char hop_name[CHECK_DOMAIN_BYTES]; /* HELO name of the hop that brought it in */
	struct addr hop_address;	   /* its address; zero = none found */
	int64_t date_ns;		   /* Date as wall clock; 0 = none */
	char subject[CHECK_TEXT_BYTES];
	char from[CHECK_TEXT_BYTES];
	char list_id[CHECK_TEXT_BYTES];
	char charset[32];
	char structure[CHECK_TEXT_BYTES]; /* "multipart/alternative(text/plain, text/html)" */
	uint64_t size_bytes;
	uint32_t recipients; /* To and Cc */
	struct check_picture pictures[CHECK_PICTURES_MAX];
	unsigned picture_count;
};

/* About 70 KB: allocate it, or give it static storage. */
struct check_report {
	int64_t made_ns; /* wall clock, 0 = not said */
	struct check_result results[CHECK_RESULTS_MAX];
	unsigned count;
	bool overflow; /* a result found no room */
	/* What the online checks were made of (check_job_digest()); "" = none were made.  In the store
	 * only: the guard knows it. */
	char online_digest[HASH_SHA256_HEX];
	struct check_facts facts;
};

const struct check_info *check_info(unsigned id);
int check_id_parse(const char *name);	      /* "M4" -> CHECK_M4, or -EINVAL */
const char *check_level_name(unsigned level); /* "pass" "info" "warn" "fail" "not-checked" */
int check_level_parse(const char *name);

void check_report_init(struct check_report *r);

/*
 * Adds a result, or replaces the one with the same id and `about` (NULL = "").  The sentence is
 * cleaned and cut between characters.
 */
void check_report_add(struct check_report *r, enum check_id id, enum check_level level,
    const char *about, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The same with the level of a bad finding from the table; M7-M9 warn for purpose `automatic`. */
void check_report_bad(struct check_report *r, enum check_id id, enum application_purpose purpose,
    const char *about, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* First result with the id, or NULL. */
const struct check_result *check_report_find(const struct check_report *r, enum check_id id);

/* The facts' signature of this domain and selector, or NULL. */
struct check_dkim *check_facts_find_dkim(
    struct check_facts *f, const char *domain, const char *selector);

/* A DKIM record that `from` has for a signature of `into` and that is not there yet. */
void check_facts_keep_records(struct check_facts *into, const struct check_facts *from);

/*
 * Takes the results of `from` over into `into`: same id and about are replaced.  The message facts
 * come along when `from` has any (a size), pictures are added.  A DKIM record that only one of them
 * has is kept.
 */
void check_report_merge(struct check_report *into, const struct check_report *from);

/* Bytes written into buf (CHECK_WIRE_MAX is enough for every report), or -ENOBUFS. */
long check_report_encode(const struct check_report *r, void *buf, size_t size);
/* 0, or -EBADMSG: another version, beyond a bound, or bytes left over.  Texts are cleaned again:
 * a worker that was taken over must not reach a terminal. */
int check_report_decode(struct check_report *out, const void *data, size_t size);

/*
 * {"made":ISO|null, "online_digest":HEX|null,
 *  "results":[{"id","level","title","about"|null,"text","made":ISO|null}],
 *  "facts":{"list_unsubscribe":[], "one_click":bool, "body_link", "body_link_text", "from_domain",
 * ...}} NULL without memory.  check_report_from_json() reads it back (for the store); -EINVAL.
 */
json_t *check_report_json(const struct check_report *r);
int check_report_from_json(struct check_report *out, const json_t *json);

#endif
