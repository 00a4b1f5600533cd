/* SPDX-License-Identifier: ISC */
/* Destinations through TLS: whose house, and how many different people live there.  bulkhead-guard,
 * replay. */
#include <math.h>
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
 * towards more, and a name too many only makes the judge count as if it knew nothing. */
static const char *const shared_houses[] = {"google.com", "googlemail.com", "outlook.com",
    "hotmail.com", "office365.com", "microsoft.com", "yahoo.com", "yahoodns.net", "aol.com",
    "icloud.com", "apple.com", "me.com", "mail.ru", "yandex.ru", "yandex.net", "rambler.ru",
    "ukr.net", "seznam.cz", "centrum.cz", "gmx.net", "gmx.com", "web.de", "t-online.de",
    "freenet.de", "mailbox.org", "posteo.de", "orange.fr", "wanadoo.fr", "free.fr", "laposte.net",
    "sfr.fr", "libero.it", "virgilio.it", "tin.it", "wp.pl", "o2.pl", "onet.pl", "interia.pl",
    "comcast.net", "charter.net", "cox.net", "att.net", "verizon.net", "btinternet.com", "sky.com",
    "virginmedia.com", "ziggo.nl", "kpnmail.nl", "telenet.be", "bluewin.ch", "qq.com", "163.com",
    "126.com", "naver.com", "daum.net", "proton.ch", "protonmail.ch", "zoho.com", "zoho.eu",
    "messagingengine.com", "fastmail.com", "tutanota.de", "mimecast.com", "pphosted.com",
    "ppe-hosted.com", "messagelabs.com", "barracudanetworks.com", "iphmx.com", "trendmicro.com",
    "trendmicro.eu", "hornetsecurity.com", "antispameurope.com", "mailspamprotection.com",
    "spamexperts.com", "cloudflare.net", "amazonaws.com", "secureserver.net", "emailsrvr.com",
    "kundenserver.de", "ionos.com", "1and1.com", "perfora.net", "strato.de", "rzone.de",
    "your-server.de", "udag.de", "ovh.net", "gandi.net", "one.com", "simply.com", "loopia.se",
    "registrar-servers.com", "privateemail.com", "hostedemail.com", "hostinger.com", "titan.email",
    "beget.com", "beget.ru", "timeweb.ru", "nic.ru", "reg.ru", "hosting.reg.ru", "jino.ru",
    "masterhost.ru", "sweb.ru", "mchost.ru", "hc.ru", "home.pl", "forpsi.com", "active24.com",
    "wedos.net", "transip.email", "infomaniak.ch", "aruba.it", "register.it"};

enum window_house
window_house_of(const char *host)
{
	size_t length = strlen(host);

	if (length == 0)
		return WINDOW_HOUSE_UNKNOWN;
	for (size_t i = 0; i < sizeof(shared_houses) / sizeof(shared_houses[0]); i++) {
		size_t n = strlen(shared_houses[i]);

		if (length >= n && strcasecmp(host + length - n, shared_houses[i]) == 0 &&
		    (length == n || host[length - n - 1] == '.'))
			return WINDOW_HOUSE_SHARED;
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
