/* SPDX-License-Identifier: ISC */
/*
 * Fetches one page that a tenant named, without being led astray: https only, every address public
 * and pinned for the connection, each redirect judged anew, no cookies, credentials or proxies,
 * bounded time and size.  The only user of libcurl.  bulkhead-check, in the worker that may use the
 * network.
 */
#ifndef WHITELIST_CHECK_PAGE_H
#define WHITELIST_CHECK_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/err.h"
#include "whitelist/check.h"
#include "whitelist/resolver.h"

#define CHECK_PAGE_MS		10000	   /* of all redirects together */
#define CHECK_PAGE_BYTES_MAX	(2u << 20) /* after decompression, which ends there too */
#define CHECK_PAGE_HEADER_BYTES (64u << 10)
#define CHECK_PAGE_REDIRECTS	3
#define CHECK_PAGE_ADDRESSES	16

enum check_page_problem {
	PAGE_OK,
	PAGE_URL,	  /* not https, userinfo, a port of its own */
	PAGE_ADDRESS,	  /* not public unicast */
	PAGE_CERTIFICATE, /* chain, name, TLS version */
	PAGE_NAME,	  /* does not resolve */
	PAGE_UNASKED,	  /* the resolver did not answer: says nothing about the page */
	PAGE_CONNECT,
	PAGE_TIMEOUT,
	PAGE_TOO_LARGE,
	PAGE_REDIRECTS,
	PAGE_PROTOCOL,
	PAGE__COUNT
};

struct check_page_config {
	struct resolver dns;
	struct addr_prefix allow[8]; /* private prefixes that tests may reach; none in production */
	unsigned allow_count;
	char *ca_pem; /* trusted certificates; check_page_load_ca() */
	size_t ca_bytes;
	unsigned timeout_ms; /* 0 = CHECK_PAGE_MS */
};

struct check_page {
	enum check_page_problem problem;
	char why[CHECK_TEXT_BYTES]; /* a sentence's middle: "the certificate ..." */
	long status;
	unsigned redirects;	   /* followed */
	char url[CHECK_URI_BYTES]; /* the last one that was asked */
	bool login;		   /* a redirect led to a login path or an identity provider */
	bool is_html;
	char *body; /* terminated; check_page_fini() */
	size_t size;
};

/* Before the jail: the library's own start, and the certificates ("" = Debian's bundle). */
int check_page_init(struct check_page_config *config, const char *ca_file, struct err *e);
void check_page_config_fini(struct check_page_config *config);

/*
 * GET with redirects; with one_click the POST of RFC 8058 3.1 and no redirects (its caller has the
 * recorded consent).  Always fills *out; no return value because every failure is a finding.
 */
void check_page_fetch(struct check_page *out, const struct check_page_config *config,
    const char *url, bool one_click);
void check_page_fini(struct check_page *page);

#endif
