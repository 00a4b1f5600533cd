/* SPDX-License-Identifier: ISC */
/* Domain names: see check_domain.h.  bulkhead-check. */
#include "whitelist/check_domain.h"

#include <ctype.h>
#include <errno.h>
#include <idn2.h>
#include <libpsl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/*
 * Where anybody gets a mailbox, and a tenant can therefore not sign.  Each provider's own pages
 * name these domains; Apache SpamAssassin's rules/20_freemail_domains.cf has been the check of the
 * names. The providers with the most mailboxes and the Russian ones; the long tail fails M4 and M6
 * anyway, because the tenant has no key there.
 */
static const char *const freemail[] = {
    /* Google, Microsoft, Yahoo and what they took over */
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "hotmail.co.uk", "hotmail.fr",
    "hotmail.de", "live.com", "msn.com", "yahoo.com", "yahoo.co.uk", "yahoo.de", "yahoo.fr",
    "ymail.com", "rocketmail.com", "aol.com", "aim.com", "icloud.com", "me.com", "mac.com",
    /* Russia and neighbours: VK (mail.ru), Yandex, Rambler */
    "mail.ru", "bk.ru", "inbox.ru", "list.ru", "internet.ru", "xmail.ru", "yandex.ru", "yandex.com",
    "yandex.by", "yandex.kz", "yandex.ua", "ya.ru", "narod.ru", "rambler.ru", "lenta.ru",
    "autorambler.ru", "myrambler.ru", "ro.ru", "ukr.net", "i.ua", "tut.by", "mail.kz", "bigmir.net",
    "meta.ua",
    /* Europe */
    "gmx.de", "gmx.net", "gmx.com", "gmx.at", "gmx.ch", "web.de", "freenet.de", "t-online.de",
    "mail.com", "proton.me", "protonmail.com", "pm.me", "tuta.com", "tutanota.com", "posteo.de",
    "mailbox.org", "laposte.net", "orange.fr", "wanadoo.fr", "free.fr", "libero.it", "virgilio.it",
    "tiscali.it", "seznam.cz", "email.cz", "centrum.cz", "wp.pl", "o2.pl", "onet.pl", "interia.pl",
    "zoho.com", "fastmail.com", "fastmail.fm", "hushmail.com", "abv.bg",
    /* Asia and Latin America */
    "qq.com", "163.com", "126.com", "sina.com", "sohu.com", "yeah.net", "naver.com", "daum.net",
    "hanmail.net", "rediffmail.com", "uol.com.br", "bol.com.br", "terra.com.br"};

int
check_domain_normalise(char *out, size_t size, const char *name)
{
	char *ascii = NULL;
	size_t n;
	int rc = 0;

	if (name[0] == '\0' || strlen(name) > 1000 ||
	    idn2_to_ascii_8z(name, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return -EINVAL;
	n = strlen(ascii);
	if (n > 0 && ascii[n - 1] == '.')
		ascii[--n] = '\0';
	for (size_t i = 0; i < n; i++) {
		ascii[i] = (char)tolower((unsigned char)ascii[i]);
		if (!isalnum((unsigned char)ascii[i]) && strchr("-._", ascii[i]) == NULL)
			rc = -EINVAL;
	}
	if (n == 0 || n > 253 || n >= size || ascii[0] == '.' || strchr(ascii, '.') == NULL ||
	    strstr(ascii, "..") != NULL)
		rc = -EINVAL;
	if (rc == 0)
		memcpy(out, ascii, n + 1);
	idn2_free(ascii);
	return rc;
}

int
check_domain_organisation(char *out, size_t size, const char *domain)
{
	const psl_ctx_t *psl = psl_builtin();
	const char *organisation;

	if (psl == NULL)
		return -ENOENT;
	organisation = psl_registrable_domain(psl, domain);
	if (organisation == NULL || strlen(organisation) >= size)
		return -ENOENT;
	snprintf(out, size, "%s", organisation);
	return 0;
}

bool
check_domain_related(const char *a, const char *b)
{
	char left[256], right[256];

	if (strcasecmp(a, b) == 0)
		return a[0] != '\0';
	return check_domain_organisation(left, sizeof(left), a) == 0 &&
	       check_domain_organisation(right, sizeof(right), b) == 0 &&
	       strcasecmp(left, right) == 0;
}

bool
check_domain_is_freemail(const char *domain)
{
	size_t n = strlen(domain);

	for (size_t i = 0; i < sizeof(freemail) / sizeof(freemail[0]); i++) {
		size_t m = strlen(freemail[i]);

		if (n >= m && strcasecmp(domain + n - m, freemail[i]) == 0 &&
		    (n == m || domain[n - m - 1] == '.'))
			return true;
	}
	return false;
}
