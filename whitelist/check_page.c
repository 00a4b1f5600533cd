/* SPDX-License-Identifier: ISC */
/* libcurl on a short leash; see check_page.h.  bulkhead-check. */
#include "whitelist/check_page.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "whitelist/check_domain.h"
#include "whitelist/check_net.h"
#include "whitelist/check_words.h"

#define CA_FILE	     "/etc/ssl/certs/ca-certificates.crt" /* package ca-certificates */
#define CA_BYTES_MAX (4 << 20)
#define HOST_BYTES   256

/* One request of a chain of redirects. */
struct hop {
	struct check_page *page;
	char host[HOST_BYTES];
	char url[CHECK_URI_BYTES];
	char location[CHECK_URI_BYTES];
	struct addr addresses[CHECK_PAGE_ADDRESSES];
	unsigned address_count;
	size_t header_bytes;
	bool too_large;
};

static int
load_ca(struct check_page_config *config, const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= 0 || st.st_size > CA_BYTES_MAX)
		r = err_set(e, -EINVAL,
		    "%s: the trusted certificates cannot be read; install ca-certificates or set "
		    "check_ca_file in bulkhead.conf",
		    path);
	if (r == 0) {
		config->ca_bytes = (size_t)st.st_size;
		config->ca_pem = malloc(config->ca_bytes);
		if (config->ca_pem == NULL)
			r = err_set(e, -ENOMEM, "no memory for the trusted certificates");
	}
	if (r == 0 && read(fd, config->ca_pem, config->ca_bytes) != (ssize_t)config->ca_bytes)
		r = err_set(e, -EIO, "%s: cannot be read to its end", path);
	if (fd >= 0)
		close(fd);
	return r;
}

int
check_page_init(struct check_page_config *config, const char *ca_file, struct err *e)
{
	CURL *warm;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(e, -ENOMEM, "libcurl does not start");
	/* What OpenSSL and libidn read from files, they read now. */
	warm = curl_easy_init();
	if (warm == NULL)
		return err_set(e, -ENOMEM, "libcurl does not start");
	curl_easy_cleanup(warm);
	return load_ca(config, ca_file[0] != '\0' ? ca_file : CA_FILE, e);
}

void
check_page_config_fini(struct check_page_config *config)
{
	free(config->ca_pem);
	config->ca_pem = NULL;
}

/* True when the host is one where people log in with an account of theirs. */
static bool
is_identity_provider(const char *host)
{
	/* Their own documentation of OAuth or OpenID names these hosts. */
	static const char *const hosts[] = {"accounts.google.com", "login.microsoftonline.com",
	    "login.live.com", "appleid.apple.com", "id.vk.com", "oauth.vk.com", "id.vk.ru",
	    "passport.yandex.ru", "passport.yandex.com", "oauth.yandex.ru", "oauth.yandex.com",
	    "auth.mail.ru", "account.mail.ru", "o2.mail.ru", "esia.gosuslugi.ru", "auth0.com",
	    "okta.com", "onelogin.com", "connect.ok.ru", "login.yahoo.com"};
	size_t n = strlen(host);

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		size_t m = strlen(hosts[i]);

		if (n >= m && strcasecmp(host + n - m, hosts[i]) == 0 &&
		    (n == m || host[n - m - 1] == '.'))
			return true;
	}
	return false;
}

static void __attribute__((format(printf, 3, 4)))
problem(struct check_page *page, enum check_page_problem what, const char *fmt, ...)
{
	char raw[2 * CHECK_TEXT_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	page->problem = what;
	text_clean(page->why, sizeof(page->why), raw);
}

/* Says whether one part of a URL is there. */
static bool
has_part(CURLU *u, CURLUPart part)
{
	char *text = NULL;
	bool there = curl_url_get(u, part, &text, 0) == CURLUE_OK && text != NULL;

	curl_free(text);
	return there;
}

static bool
part_equals(CURLU *u, CURLUPart part, unsigned flags, const char *wanted)
{
	char *text = NULL;
	bool same =
	    curl_url_get(u, part, &text, flags) == CURLUE_OK && strcasecmp(text, wanted) == 0;

	curl_free(text);
	return same;
}

/* The host as A-labels or an address without brackets, put back into the URL. */
static int
take_host(CURLU *u, struct hop *hop)
{
	char *host = NULL, *url = NULL;
	size_t n;
	int r = -EINVAL;

	if (curl_url_get(u, CURLUPART_HOST, &host, CURLU_URLDECODE) != CURLUE_OK)
		return -EINVAL;
	n = strlen(host);
	if (n > 2 && n < HOST_BYTES && host[0] == '[' && host[n - 1] == ']') {
		snprintf(hop->host, sizeof(hop->host), "%.*s", (int)(n - 2), host + 1);
		r = 0;
	} else if (check_domain_normalise(hop->host, sizeof(hop->host), host) == 0 &&
		   curl_url_set(u, CURLUPART_HOST, hop->host, 0) == CURLUE_OK)
		r = 0;
	if (r == 0 && (curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
			  curl_url_get(u, CURLUPART_URL, &url, 0) != CURLUE_OK ||
			  strlen(url) >= sizeof(hop->url)))
		r = -EINVAL;
	if (r == 0)
		snprintf(hop->url, sizeof(hop->url), "%s", url);
	curl_free(url);
	curl_free(host);
	return r;
}

/* Reads the URL of a hop; relative ones are relative to base (NULL for the first). */
static int
read_url(struct hop *hop, const char *base, const char *url)
{
	CURLU *u = curl_url();
	int r = -EINVAL;

	if (u == NULL)
		return -ENOMEM;
	if ((base != NULL && curl_url_set(u, CURLUPART_URL, base, 0) != CURLUE_OK) ||
	    curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		problem(hop->page, PAGE_URL, "\"%.100s\" is no address of a page", url);
	else if (!part_equals(u, CURLUPART_SCHEME, 0, "https"))
		problem(hop->page, PAGE_URL, "\"%.100s\" is not https", url);
	else if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD) ||
		 has_part(u, CURLUPART_ZONEID))
		problem(hop->page, PAGE_URL, "\"%.100s\" carries a user name, a password or a zone",
		    url);
	else if (!part_equals(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, "443"))
		problem(hop->page, PAGE_URL,
		    "\"%.100s\" names another port than 443; such services are not asked", url);
	else if (take_host(u, hop) != 0)
		problem(hop->page, PAGE_URL, "\"%.100s\" has no usable host name", url);
	else
		r = 0;
	curl_url_cleanup(u);
	return r;
}

/* Every address of the host must be public: one private among them is an attempt. */
static int
resolve(struct hop *hop, const struct check_page_config *config)
{
	char text[ADDR_TEXT_BYTES];
	enum resolver_status status;

	if (addr_parse(hop->host, &hop->addresses[0]) == 0) {
		hop->address_count = 1;
		status = RESOLVER_OK;
	} else
		status = resolver_addresses(&config->dns, hop->host, hop->addresses,
		    CHECK_PAGE_ADDRESSES, &hop->address_count);
	if (status != RESOLVER_OK || hop->address_count == 0) {
		problem(hop->page, status >= RESOLVER_FAILED ? PAGE_UNASKED : PAGE_NAME,
		    "the host %s %s", hop->host, resolver_status_text(status));
		return -ENOENT;
	}
	for (unsigned i = 0; i < hop->address_count; i++) {
		const char *why =
		    check_net_refused(&hop->addresses[i], config->allow, config->allow_count);

		if (why == NULL)
			continue;
		problem(hop->page, PAGE_ADDRESS, "the host %s has the address %s, which is %s",
		    hop->host, addr_format(text, &hop->addresses[i]), why);
		return -EACCES;
	}
	return 0;
}

/* "host:443:address,address": libcurl asks nobody any more. */
static struct curl_slist *
pin(const struct hop *hop)
{
	char line[HOST_BYTES + 16 + CHECK_PAGE_ADDRESSES * (ADDR_TEXT_BYTES + 3)];
	char text[ADDR_TEXT_BYTES];
	size_t n = (size_t)snprintf(line, sizeof(line), "%s:443:", hop->host);

	for (unsigned i = 0; i < hop->address_count; i++) {
		bool v4 = addr_is_v4(&hop->addresses[i]);

		n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s%s%s", i > 0 ? "," : "",
		    v4 ? "" : "[", addr_format(text, &hop->addresses[i]), v4 ? "" : "]");
	}
	return curl_slist_append(NULL, line);
}

/* The last look before a connection: only addresses that were judged. */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	const struct hop *hop = arg;
	struct addr addr;

	(void)purpose;
	if (to->family == AF_INET)
		addr = addr_from_v4(
		    (const uint8_t *)&((struct sockaddr_in *)(void *)&to->addr)->sin_addr);
	else if (to->family == AF_INET6)
		memcpy(addr.bytes, &((struct sockaddr_in6 *)(void *)&to->addr)->sin6_addr, 16);
	else
		return CURL_SOCKET_BAD;
	for (unsigned i = 0; i < hop->address_count; i++)
		if (addr_equal(&hop->addresses[i], &addr))
			return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	return CURL_SOCKET_BAD;
}

static size_t
on_header(char *data, size_t size, size_t count, void *arg)
{
	struct hop *hop = arg;
	size_t n = size * count, from;
	static const char name[] = "location:";

	hop->header_bytes += n;
	if (hop->header_bytes > CHECK_PAGE_HEADER_BYTES) {
		hop->too_large = true;
		return 0;
	}
	if (n > sizeof(name) && strncasecmp(data, name, sizeof(name) - 1) == 0) {
		from = sizeof(name) - 1;
		while (
		    n > from && (data[n - 1] == '\r' || data[n - 1] == '\n' || data[n - 1] == ' '))
			n--;
		while (from < n && (data[from] == ' ' || data[from] == '\t'))
			from++;
		if (n - from < sizeof(hop->location))
			snprintf(hop->location, sizeof(hop->location), "%.*s", (int)(n - from),
			    data + from);
	}
	return size * count;
}

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
	struct hop *hop = arg;
	struct check_page *page = hop->page;
	size_t n = size * count;

	if (n > CHECK_PAGE_BYTES_MAX - page->size) {
		hop->too_large = true;
		return 0;
	}
	memcpy(page->body + page->size, data, n);
	page->size += n;
	page->body[page->size] = '\0';
	return n;
}

#define SET(option, value) (rc == CURLE_OK ? (rc = (curl_easy_setopt)(c, option, value)) : rc)

/* The function and not the macro of that name, which checks types by hundreds of comparisons. */

/* Everything that a page could lead us into is off; what a version of libcurl does not know fails
 * here and not later. */
static CURLcode
prepare(CURL *c, struct hop *hop, const struct check_page_config *config, struct curl_slist *pinned,
    long timeout_ms, bool one_click)
{
	struct curl_blob ca = {config->ca_pem, config->ca_bytes, CURL_BLOB_NOCOPY};
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_URL, hop->url);
	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_RESOLVE, pinned);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, hop);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_CAINFO_BLOB, &ca);
	SET(CURLOPT_CAINFO, NULL);
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TIMEOUT_MS, timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
	SET(CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
	SET(CURLOPT_MAXFILESIZE, (long)CHECK_PAGE_BYTES_MAX);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, hop);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, hop);
	SET(CURLOPT_USERAGENT,
	    "bulkhead-check/" BULKHEAD_VERSION " (review of a whitelist application)");
	if (one_click) {
		SET(CURLOPT_POSTFIELDS, "List-Unsubscribe=One-Click");
		SET(CURLOPT_POST, 1L);
	}
	return rc;
}

static void
judge_failure(struct hop *hop, CURLcode rc, const char *detail)
{
	enum check_page_problem what;

	switch (rc) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		what = PAGE_CERTIFICATE;
		break;
	case CURLE_OPERATION_TIMEDOUT:
		what = PAGE_TIMEOUT;
		break;
	case CURLE_COULDNT_CONNECT:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
		what = PAGE_CONNECT;
		break;
	case CURLE_FILESIZE_EXCEEDED:
		what = PAGE_TOO_LARGE;
		break;
	default:
		what = PAGE_PROTOCOL;
		break;
	}
	if (hop->too_large || what == PAGE_TOO_LARGE)
		problem(hop->page, PAGE_TOO_LARGE, "%s sends more than %u KiB", hop->host,
		    hop->header_bytes > CHECK_PAGE_HEADER_BYTES ? CHECK_PAGE_HEADER_BYTES >> 10
								: CHECK_PAGE_BYTES_MAX >> 10);
	else
		problem(hop->page, what, "%s: %s", hop->host,
		    detail[0] != '\0' ? detail : curl_easy_strerror(rc));
}

/* One request.  0 when there was an answer, whatever its status. */
static int
ask(struct hop *hop, const struct check_page_config *config, long timeout_ms, bool one_click)
{
	char detail[CURL_ERROR_SIZE] = "", *type = NULL;
	struct curl_slist *pinned = pin(hop);
	CURL *c = curl_easy_init();
	CURLcode rc = CURLE_OUT_OF_MEMORY;

	if (c != NULL && pinned != NULL) {
		rc = prepare(c, hop, config, pinned, timeout_ms, one_click);
		curl_easy_setopt(c, CURLOPT_ERRORBUFFER, detail);
		if (rc == CURLE_OK)
			rc = curl_easy_perform(c);
	}
	if (rc == CURLE_OK) {
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &hop->page->status);
		curl_easy_getinfo(c, CURLINFO_CONTENT_TYPE, &type);
		hop->page->is_html =
		    type != NULL && (strncasecmp(type, "text/html", 9) == 0 ||
					strncasecmp(type, "application/xhtml", 17) == 0);
	} else
		judge_failure(hop, rc, detail);
	curl_easy_cleanup(c);
	curl_slist_free_all(pinned);
	return rc == CURLE_OK ? 0 : -EIO;
}

static bool
is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Fetches one hop.  1 when its Location is to be followed. */
static int
take_hop(struct hop *hop, const struct check_page_config *config, int64_t end_ns, bool one_click)
{
	struct check_page *page = hop->page;
	int64_t left_ms;

	page->size = 0;
	page->body[0] = '\0';
	text_clean(page->url, sizeof(page->url), hop->url);
	if (resolve(hop, config) != 0)
		return 0;
	left_ms = (end_ns - clock_mono_ns()) / 1000000;
	if (left_ms <= 0) {
		problem(page, PAGE_TIMEOUT, "%s: no answer in time", hop->host);
		return 0;
	}
	if (ask(hop, config, (long)left_ms, one_click) != 0)
		return 0;
	return !one_click && is_redirect(page->status) && hop->location[0] != '\0';
}

/* Where a Location leads, before it is asked: a login page is an answer, not a place to go. */
static bool
leads_to_login(struct check_page *page, const char *url)
{
	char host[HOST_BYTES];

	if (!check_words_login_url(url) &&
	    !(check_words_url_host(url, host, sizeof(host), NULL) && is_identity_provider(host)))
		return false;
	page->login = true;
	text_clean(page->url, sizeof(page->url), url);
	return true;
}

void
check_page_fetch(
    struct check_page *out, const struct check_page_config *config, const char *url, bool one_click)
{
	unsigned timeout_ms = config->timeout_ms != 0 ? config->timeout_ms : CHECK_PAGE_MS;
	int64_t end_ns = clock_mono_ns() + timeout_ms * INT64_C(1000000);
	struct hop *hop = calloc(1, sizeof(*hop)), *next = calloc(1, sizeof(*next));

	memset(out, 0, sizeof(*out));
	out->body = malloc(CHECK_PAGE_BYTES_MAX + 1);
	if (hop == NULL || next == NULL || out->body == NULL) {
		problem(out, PAGE_PROTOCOL, "no memory for the page");
		goto out;
	}
	hop->page = out;
	text_clean(out->url, sizeof(out->url), url);
	if (read_url(hop, NULL, url) != 0)
		goto out;
	while (take_hop(hop, config, end_ns, one_click) == 1) {
		memset(next, 0, sizeof(*next));
		next->page = out;
		if (read_url(next, hop->url, hop->location) != 0 || leads_to_login(out, next->url))
			break;
		if (out->redirects == CHECK_PAGE_REDIRECTS) {
			problem(out, PAGE_REDIRECTS, "more than %d redirects, the last to %.150s",
			    CHECK_PAGE_REDIRECTS, next->url);
			break;
		}
		out->redirects++;
		*hop = *next;
	}
out:
	free(next);
	free(hop);
}

void
check_page_fini(struct check_page *page)
{
	free(page->body);
	page->body = NULL;
}
