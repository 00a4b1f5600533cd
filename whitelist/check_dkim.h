/* SPDX-License-Identifier: ISC */
/*
 * The DKIM signatures of a message (RFC 6376, 8301, 8463): the body hash always, the signature with
 * the keys that are at hand.  The only user of libopendkim.  bulkhead-check.
 */
#ifndef WHITELIST_CHECK_DKIM_H
#define WHITELIST_CHECK_DKIM_H

#include "whitelist/check.h"

/* More signatures than this are not mail: each could ask for a hash of its own over the body. */
#define CHECK_DKIM_SIGNATURES_MAX 20

struct check_dkim_result {
	struct check_dkim dkim; /* all but `aligned` */
	bool key_missing;	/* no key for it was at hand */
	bool expired;		/* x= has passed: the library no longer looks at it */
	char algorithm[16];	/* "rsa-sha256" */
	char problem[120];	/* what is wrong with it; "" = nothing that could be seen */
};

/*
 * Reads a message (line ends LF or CRLF) and fills at most CHECK_DKIM_MAX rows in the order of the
 * header.  `keys`: lines "selector._domainkey.domain record", may be "".  Returns how many signatures there
 * are (more than were filled, perhaps); -EBADMSG with *e when the message cannot be read.
 */
int check_dkim_read(const char *message, size_t size, const char *keys,
    struct check_dkim_result out[CHECK_DKIM_MAX], struct err *e);

#endif
