/* SPDX-License-Identifier: ISC */
/* Destinations through TLS: whose house, and how many different people live there.  bulkhead-guard,
 * replay. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policy/window_private.h"

/* Through TLS a hundred mails to one organisation's server are a hundred colleagues or one
 * administrator.  So many count as different people ... */
#define SINGLE_PEOPLE 20.0
/* ... and beyond them one in so many: mail of one size is an alert or a list, mail of all sizes is
 * correspondence or a mailbox that moves. */
#define SINGLE_UNIFORM 0.04
#define SINGLE_VARIED  0.01
#define UNIFORM_SHARE  0.5 /* of the destination's recent mail in the largest campaign of one size */
/* ... but a list when the envelopes have so many lengths: an administrator has one, a team of five
 * at most five.  Local parts of mail addresses have a standard deviation of 3 letters (1,543 of them
 * in the To and Cc fields of SpamAssassin's ham: mean 8.7; most from 3 to 14), so that 20 people
 * have 7 to 9 lengths, and one size of mail to all of them is one mailing. */
#define LIST_LENGTHS 8
/* So many recipients of one message are as many people: nobody is named twice in an envelope. */
#define LIST_RECIPIENTS 10

#define FADE_NS CLOCK_HOUR_NS

/* Right ends of greetings behind which many unrelated people have mailboxes: the large mailbox
 * providers, mail hosting of registrars and hosters, and filters in front of other people's mail.
 * What is not listed is taken for one organisation once its greeting was seen; so the list errs
 * towards more, and a name too many only makes the judge count as if it knew nothing.  Sorted. */
static const char *const shared_houses[] = {"126.com", "163.com", "1and1.com", "active24.com",
    "amazonaws.com", "antispameurope.com", "aol.com", "apple.com", "aruba.it", "att.net",
    "barracudanetworks.com", "beget.com", "beget.ru", "bluewin.ch", "btinternet.com", "centrum.cz",
    "charter.net", "cloudflare.net", "comcast.net", "cox.net", "daum.net", "emailsrvr.com",
    "fastmail.com", "forpsi.com", "free.fr", "freenet.de", "gandi.net", "gmx.com", "gmx.net",
    "google.com", "googlemail.com", "hc.ru", "home.pl", "hornetsecurity.com", "hostedemail.com",
    "hostinger.com", "hotmail.com", "icloud.com", "infomaniak.ch", "interia.pl", "ionos.com",
    "iphmx.com", "jino.ru", "kpnmail.nl", "kundenserver.de", "laposte.net", "libero.it",
    "loopia.se", "mail.ru", "mailbox.org", "mailspamprotection.com", "masterhost.ru", "mchost.ru",
    "me.com", "messagelabs.com", "messagingengine.com", "microsoft.com", "mimecast.com",
    "naver.com", "nic.ru", "o2.pl", "office365.com", "one.com", "onet.pl", "orange.fr",
    "outlook.com", "ovh.net", "perfora.net", "posteo.de", "ppe-hosted.com", "pphosted.com",
    "privateemail.com", "proton.ch", "protonmail.ch", "qq.com", "rambler.ru", "reg.ru",
    "register.it", "registrar-servers.com", "rzone.de", "secureserver.net", "seznam.cz", "sfr.fr",
    "simply.com", "sky.com", "spamexperts.com", "strato.de", "sweb.ru", "t-online.de", "telenet.be",
    "timeweb.ru", "tin.it", "titan.email", "transip.email", "trendmicro.com", "trendmicro.eu",
    "tutanota.de", "udag.de", "ukr.net", "verizon.net", "virgilio.it", "virginmedia.com",
    "wanadoo.fr", "web.de", "wedos.net", "wp.pl", "yahoo.com", "yahoodns.net", "yandex.net",
    "yandex.ru", "your-server.de", "ziggo.nl", "zoho.com", "zoho.eu"};

static int
compare_house(const void *name, const void *house)
{
	return strcasecmp(name, *(const char *const *)house);
}

enum window_house
window_house_of(const char *host)
{
	const char *name = host;

	if (host[0] == '\0')
		return WINDOW_HOUSE_UNKNOWN;
	while (name != NULL) {
		if (bsearch(name, shared_houses, sizeof(shared_houses) / sizeof(shared_houses[0]),
			sizeof(shared_houses[0]), compare_house) != NULL)
			return WINDOW_HOUSE_SHARED;
		name = strchr(name, '.');
		name += name != NULL;
	}
	return WINDOW_HOUSE_SINGLE;
}

static double
faded(const struct window_peer *p, int64_t now_ns)
{
	int64_t age = now_ns - p->time_ns;

	return age <= 0 ? (double)p->mails : (double)p->mails * exp(-(double)age / FADE_NS);
}

struct window_peer *
window_find_peer(struct window *w, uint64_t key)
{
	for (unsigned i = 0; i < WINDOW_PEERS; i++)
		if (w->peer[i].key == key && key != 0)
			return &w->peer[i];
	return NULL;
}

struct window_peer *
window_take_peer(struct window *w, uint64_t key, int64_t now_ns)
{
	struct window_peer *p = window_find_peer(w, key);
	double least = INFINITY;

	if (p != NULL)
		return p;
	for (unsigned i = 0; i < WINDOW_PEERS; i++) {
		double mails = w->peer[i].key == 0 ? -1 : faded(&w->peer[i], now_ns);

		if (mails >= least)
			continue;
		least = mails;
		p = &w->peer[i];
	}
	*p = (struct window_peer){.key = key, .time_ns = now_ns};
	return p;
}

/* Mail of one size there goes to many people. */
static bool
is_list(const struct window_peer *p, const struct observation *o)
{
	int32_t messages = o->u.estimate.messages;

	return __builtin_popcountll(p->lengths) >= LIST_LENGTHS ||
	       (messages > 0 && o->u.estimate.recipients / messages >= LIST_RECIPIENTS);
}

double
window_peer_people(
    const struct window *w, struct window_peer *p, double n, const struct observation *o)
{
	double before = faded(p, o->time_ns), full, tail = SINGLE_VARIED;
	float size = (float)o->u.estimate.typical_bytes;

	if (before < 1)
		p->lengths = 0;
	if (o->u.estimate.envelope_bytes != 0)
		p->lengths |= UINT64_C(1) << o->u.estimate.envelope_bytes % 64;
	p->mails = (float)fmax(0, before + n);
	p->time_ns = o->time_ns;
	if (p->house != WINDOW_HOUSE_SINGLE || n <= 0)
		return n;
	for (unsigned i = 0; i < WINDOW_CAMPAIGNS; i++) {
		const struct window_campaign *k = &w->campaign[i];

		if (k->kind == WINDOW_CAMPAIGN_SIZE && fabsf(k->size - size) <= 0.03F * k->size &&
		    (double)k->sum >= UNIFORM_SHARE * fmin(before, SINGLE_PEOPLE))
			tail = is_list(p, o) ? 1 : SINGLE_UNIFORM;
	}
	full = fmin(n, fmax(0, SINGLE_PEOPLE - before));
	return full + (n - full) * tail;
}
