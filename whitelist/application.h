/* SPDX-License-Identifier: ISC */
/*
 * Whitelist applications: states, transitions, what is missing.  Pure.  bulkhead-guard.
 */
#ifndef WHITELIST_APPLICATION_H
#define WHITELIST_APPLICATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "whitelist/grant.h"

enum application_state {
	APPLICATION_DRAFT,
	APPLICATION_SUBMITTED,
	APPLICATION_IN_REVIEW,
	APPLICATION_NEEDS_INFO,
	APPLICATION_APPROVED,
	APPLICATION_REJECTED,
	APPLICATION_REVOKED,
	APPLICATION__COUNT
};
enum application_purpose { PURPOSE_NEWSLETTER, PURPOSE_AUTOMATIC, PURPOSE__COUNT };
enum application_action {
	ACTION_SUBMIT,
	ACTION_REVIEW,
	ACTION_ASK,
	ACTION_APPROVE,
	ACTION_REJECT,
	ACTION_REVOKE,
	ACTION_RENEW,
	ACTION__COUNT
};

enum evidence_kind {
	EVIDENCE_CONSENT_FORM,	    /* picture */
	EVIDENCE_REGISTRATION_FORM, /* picture; needs RULES_EXTRACT beside it */
	EVIDENCE_RULES_EXTRACT,	    /* text */
	EVIDENCE_SAMPLE_SOURCE,	    /* .eml */
	EVIDENCE_SAMPLE_PICTURE,
	EVIDENCE_UNSUBSCRIBE_PAGE, /* picture */
	EVIDENCE_NOTE,
	EVIDENCE__COUNT
};

#define EVIDENCE_PER_APPLICATION_MAX 32
#define APPLICATION_TEXT_BYTES	     512
#define APPLICATION_URL_BYTES	     512

struct evidence {
	uint8_t kind; /* enum evidence_kind */
	char sha256[HASH_SHA256_HEX];
	uint64_t size;	/* bytes */
	char type[64];	/* from content, libmagic: "image/png" */
	char name[128]; /* the file's name as given, without folders */
	int64_t added_ns;
};

struct application {
	int64_t id; /* 0 before it is stored */
	uint8_t state, purpose;
	char servers[GRANT_SERVERS_MAX][64];
	unsigned server_count;
	char domains[GRANT_DOMAINS_MAX][OBS_DOMAIN_BYTES];
	unsigned domain_count;
	uint64_t per_day, list_size; /* recipients */
	char list_origin[APPLICATION_TEXT_BYTES];
	char form_url[APPLICATION_URL_BYTES];  /* of the subscription or registration form, C1 C2 */
	char rules_url[APPLICATION_URL_BYTES]; /* of the site's rules about mailings, C4 */
	char contact[128];
	char lang[3];
	int64_t created_ns, changed_ns, grant_until_ns; /* grant_until: 0 = none */
	char reason[APPLICATION_TEXT_BYTES];		/* of the last transition */
	struct evidence evidence[EVIDENCE_PER_APPLICATION_MAX];
	unsigned evidence_count;
};

/* What an approval can lack. */
enum application_gap {
	GAP_KVM,
	GAP_SERVER,
	GAP_DOMAIN,
	GAP_CONTACT,
	GAP_CONSENT,
	GAP_RULES,
	GAP_SAMPLE,
	GAP_SAMPLE_PICTURE,
	GAP_UNSUBSCRIBE,
	GAP_PER_DAY,
	GAP_LIST_SIZE,
	GAP_LIST_ORIGIN,
	GAP_BOUGHT,
	GAP__COUNT
};

/* "draft" "submitted" "in-review" "needs-info" ... */
const char *application_state_name(unsigned s);
const char *application_purpose_name(unsigned p); /* "newsletter" "automatic" */
const char *evidence_kind_name(unsigned k);	  /* "consent-form" ... "note" */
int application_state_parse(const char *text);	  /* enum value or -EINVAL; likewise the next two */
int application_purpose_parse(const char *text);
int evidence_kind_parse(const char *text);

/* A host name of at least two labels, as typed (IDN in UTF-8 is fine). */
bool application_is_domain(const char *text);
bool application_is_mail_address(const char *text);

/* Checks the fields themselves (domains well formed, a contact, numbers in range).  0 or -EINVAL with *e. */
int application_check_fields(const struct application *a, struct err *e);

/* True when a file of this kind was submitted. */
bool application_has_evidence(const struct application *a, enum evidence_kind kind);

/* What an approval lacks: bit N for enum application_gap N.  `all_kvm`: every server of it is KVM. */
uint32_t application_gaps(const struct application *a, bool all_kvm);
/* A gap as a sentence, "en" or "ru" (anything else: English). */
const char *application_gap_text(unsigned gap, const char *lang);

/*
 * What an approval lacks, one English sentence per line into buf: mandatory evidence, declared volume, list size and
 * origin (check C6), a KVM server (D15).  `all_kvm`: every server of it is KVM.  Returns the number of lines.
 */
unsigned application_missing(const struct application *a, bool all_kvm, char *buf, size_t size);

/* The state after the action, or -EPERM with a sentence that says what is allowed from here. */
int application_next_state(
    const struct application *a, enum application_action action, struct err *e);

/* The grant that an approval gives. */
void application_grant(
    const struct application *a, int64_t from_ns, int64_t until_ns, struct grant *out);

#endif
