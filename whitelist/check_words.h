/* SPDX-License-Identifier: ISC */
/*
 * Words in mails and pages, English and Russian, and the parts of a URL.  Pure.  bulkhead-check.
 */
#ifndef WHITELIST_CHECK_WORDS_H
#define WHITELIST_CHECK_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* Lower case for ASCII and Cyrillic, U+0451 as U+0435, runs of white space (no-break spaces too) as
 * one blank, soft hyphens and joiners dropped. */
void check_words_fold(char *out, size_t size, const char *text);

/* True when the text (not folded yet) speaks of unsubscribing. */
bool check_words_unsubscribe(const char *text);
/* The same for a URL: "unsub", "optout", "otpis" ... */
bool check_words_unsubscribe_url(const char *url);
/* True for "manage your preferences" and its like, which is less than unsubscribing. */
bool check_words_preferences(const char *text);
/* True for words that only point: "here", "click", "this link", or a bare URL. */
bool check_words_point(const char *text);
/* True when a path of the URL asks for a login. */
bool check_words_login_url(const char *url);

/* The host of an http(s) URL in lower case; false for any other URL or a host that does not fit.
 * *https may be NULL. */
bool check_words_url_host(const char *url, char *host, size_t size, bool *https);
/* True when path or query has a run of at least 16 token characters with a digit or both cases in
 * it. */
bool check_words_opaque(const char *url);

#endif
