/* SPDX-License-Identifier: ISC */
/*
 * nDPI, kept small: a mask of protocols, a fixed pool of flows, no guessing.  bulkhead-sensor and
 * replay. Runs inside the sandbox: the library has had memory-safety fixes in every release.
 */
#include "sensor/classify.h"

#include <ctype.h>
#include <errno.h>
#include <ndpi/ndpi_api.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CLASSIFY_FLOWS_MAX 65535U
#define NDPI_AT_LEAST(major, minor) \
	(NDPI_MAJOR > (major) || (NDPI_MAJOR == (major) && NDPI_MINOR >= (minor)))

/* What is looked for on a mail port, and what we call it.  Mail first: nDPI has to know it to
 * exclude it.  TLS is not asked for: our own walker knows it, and nDPI 4.2 collects hellos in
 * buffers that a fragmented one makes it forget. */
static const struct {
	uint16_t protocol;
	const char *name;
} protocols[] = {
    {NDPI_PROTOCOL_MAIL_SMTP, "smtp"},
    {NDPI_PROTOCOL_MAIL_SMTPS, "smtps"},
    {NDPI_PROTOCOL_MAIL_IMAP, "imap"},
    {NDPI_PROTOCOL_MAIL_IMAPS, "imaps"},
    {NDPI_PROTOCOL_MAIL_POP, "pop3"},
    {NDPI_PROTOCOL_MAIL_POPS, "pop3s"},
    {NDPI_PROTOCOL_SSH, "ssh"},
    {NDPI_PROTOCOL_HTTP, "http"},
    {NDPI_PROTOCOL_HTTP_CONNECT, "http-connect"},
    {NDPI_PROTOCOL_HTTP_PROXY, "http-proxy"},
    {NDPI_PROTOCOL_SOCKS, "socks"},
    {NDPI_PROTOCOL_OPENVPN, "openvpn"},
    {NDPI_PROTOCOL_FTP_CONTROL, "ftp"},
    {NDPI_PROTOCOL_TELNET, "telnet"},
    {NDPI_PROTOCOL_RDP, "rdp"},
    {NDPI_PROTOCOL_VNC, "vnc"},
    {NDPI_PROTOCOL_BITTORRENT, "bittorrent"},
    {NDPI_PROTOCOL_MYSQL, "mysql"},
    {NDPI_PROTOCOL_POSTGRES, "postgresql"},
    {NDPI_PROTOCOL_REDIS, "redis"},
    {NDPI_PROTOCOL_IRC, "irc"},
    {NDPI_PROTOCOL_JABBER, "xmpp"},
    {NDPI_PROTOCOL_TOR, "tor"},
    {NDPI_PROTOCOL_SIP, "sip"},
    {NDPI_PROTOCOL_SMBV1, "smb"},
    {NDPI_PROTOCOL_SMBV23, "smb"},
};
#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

/* What goes before a password in SMTP, Redis, IMAP's AUTHENTICATE and HTTP's Authorization; POP, FTP, IRC; IMAP.  No
 * word begins again within itself, so that counting letters finds them all. */
static const char *const login_words[] = {"AUTH", "PASS", "LOGIN"};
#define LOGIN_WORDS (sizeof(login_words) / sizeof(login_words[0]))

struct slot {
	struct ndpi_flow_struct *flow; /* NULL: the slot is free */
	uint32_t bytes;
	uint16_t packets;
	uint16_t next_free;	    /* index + 1; 0 = end */
	uint8_t heard[LOGIN_WORDS]; /* letters of each word at the end of the client's bytes */
};

struct classify {
	struct ndpi_detection_module_struct *module;
	struct classify_stats stats;
	uint16_t first_free; /* index + 1 */
	struct slot slots[];
};

/* --- what differs between nDPI 4.2 and 4.14 ------------------------------------------------- */

static struct ndpi_detection_module_struct *
module_new(void)
{
	struct ndpi_detection_module_struct *m;
	NDPI_PROTOCOL_BITMASK mask;

#if NDPI_AT_LEAST(4, 10)
	m = ndpi_init_detection_module(NULL);
#else
	m = ndpi_init_detection_module(ndpi_no_prefs);
#endif
	if (m == NULL)
		return NULL;
	NDPI_BITMASK_RESET(mask);
	/* The library's macro narrows a long into its 32-bit words, and says so where it is not folded. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
	for (unsigned i = 0; i < PROTOCOLS; i++)
		NDPI_BITMASK_ADD(mask, protocols[i].protocol);
#pragma GCC diagnostic pop
	ndpi_set_protocol_detection_bitmask2(m, &mask);
	ndpi_finalize_initialization(m);
	return m;
}

/* The protocol that the packets so far show, or NDPI_PROTOCOL_UNKNOWN.  Only the inner one is
 * looked at: HTTP on port 25 comes back as "SMTP carrying HTTP". */
static uint16_t
module_packet(struct classify *c, struct ndpi_flow_struct *flow, const void *l3, uint16_t bytes,
    uint64_t time_ms)
{
#if NDPI_AT_LEAST(4, 6)
	ndpi_protocol p = ndpi_detection_process_packet(c->module, flow, l3, bytes, time_ms, NULL);
#else
	ndpi_protocol p = ndpi_detection_process_packet(c->module, flow, l3, bytes, time_ms);
#endif

#if NDPI_AT_LEAST(4, 11)
	return p.proto.app_protocol != NDPI_PROTOCOL_UNKNOWN ? p.proto.app_protocol
							     : p.proto.master_protocol;
#else
	return p.app_protocol != NDPI_PROTOCOL_UNKNOWN ? p.app_protocol : p.master_protocol;
#endif
}

/* --- the pool -------------------------------------------------------------------------------- */

static const char *
protocol_name(uint16_t protocol)
{
	for (unsigned i = 0; i < PROTOCOLS; i++)
		if (protocols[i].protocol == protocol)
			return protocols[i].name;
	return ""; /* something inside the mask's relatives that we have no word for */
}

int
classify_new(struct classify **out, unsigned flows, struct err *e)
{
	struct classify *c;

	if (flows < 1 || flows > CLASSIFY_FLOWS_MAX)
		return err_set(e, -EINVAL, "the classifier takes 1 to %u flows, not %u",
		    CLASSIFY_FLOWS_MAX, flows);
	c = calloc(1, sizeof(*c) + flows * sizeof(c->slots[0]));
	if (c == NULL)
		return err_set(e, -ENOMEM, "no memory for the classifier");
	c->module = module_new();
	if (c->module == NULL) {
		free(c);
		return err_set(
		    e, -ENOMEM, "nDPI %s does not start; is its memory limited?", ndpi_revision());
	}
	c->stats.flows_max = flows;
	for (unsigned i = 0; i < flows; i++)
		c->slots[i].next_free = (uint16_t)(i + 1 < flows ? i + 2 : 0);
	c->first_free = 1;
	*out = c;
	return 0;
}

void
classify_free(struct classify *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i < c->stats.flows_max; i++)
		classify_release(c, (int)i);
	ndpi_exit_detection_module(c->module);
	free(c);
}

int
classify_take(struct classify *c)
{
	unsigned index = c->first_free;
	struct slot *slot;

	if (index == 0) {
		c->stats.refused++;
		return CLASSIFY_NONE;
	}
	slot = &c->slots[index - 1];
	slot->flow = ndpi_flow_malloc(ndpi_detection_get_sizeof_ndpi_flow_struct());
	if (slot->flow == NULL) {
		c->stats.refused++;
		return CLASSIFY_NONE;
	}
	memset(slot->flow, 0, ndpi_detection_get_sizeof_ndpi_flow_struct());
	slot->bytes = 0;
	memset(slot->heard, 0, sizeof(slot->heard));
	slot->packets = 0;
	c->first_free = slot->next_free;
	c->stats.flows_live++;
	return (int)index - 1;
}

void
classify_release(struct classify *c, int slot)
{
	struct slot *s;

	if (c == NULL || slot < 0 || (unsigned)slot >= c->stats.flows_max ||
	    c->slots[slot].flow == NULL)
		return;
	s = &c->slots[slot];
	ndpi_free_flow(s->flow); /* and what hangs on it */
	s->flow = NULL;
	s->next_free = c->first_free;
	c->first_free = (uint16_t)(slot + 1);
	c->stats.flows_live--;
}

bool
classify_hears_login(struct classify *c, int slot, const uint8_t *data, uint32_t n)
{
	if (slot < 0 || (unsigned)slot >= c->stats.flows_max)
		return false;
	uint8_t *heard = c->slots[slot].heard;
	for (uint32_t i = 0; i < n; i++) {
		char letter = (char)toupper(data[i]);
		for (unsigned w = 0; w < LOGIN_WORDS; w++) {
			const char *word = login_words[w];
			if (letter != word[heard[w]])
				heard[w] = 0;
			heard[w] = (uint8_t)(heard[w] + (letter == word[heard[w]]));
			if (word[heard[w]] == '\0')
				return true;
		}
	}
	return false;
}

/*
 * A whole TCP segment right behind its IP header.  nDPI forgets the buffers of a flow whose transport protocol
 * seems to change under way, and so would leak.
 */
static bool
is_plain_tcp(const uint8_t *l3, uint32_t bytes)
{
	if (bytes >= 20 && l3[0] >> 4 == 4)
		return l3[9] == IPPROTO_TCP && (l3[6] & 0x3f) == 0 && l3[7] == 0;
	return bytes >= 40 && l3[0] >> 4 == 6 && l3[6] == IPPROTO_TCP;
}

const char *
classify_packet(struct classify *c, int *slot, const void *l3, uint32_t bytes, int64_t time_ns)
{
	struct slot *s;
	uint16_t protocol = NDPI_PROTOCOL_UNKNOWN;
	const char *name;

	if (*slot < 0 || (unsigned)*slot >= c->stats.flows_max || c->slots[*slot].flow == NULL) {
		*slot = CLASSIFY_NONE;
		return "";
	}
	s = &c->slots[*slot];
	c->stats.packets++;
	s->packets++;
	s->bytes += bytes > UINT16_MAX ? UINT16_MAX : bytes;
	if (is_plain_tcp(l3, bytes))
		protocol = module_packet(c, s->flow, l3,
		    (uint16_t)(bytes > UINT16_MAX ? UINT16_MAX : bytes),
		    (uint64_t)(time_ns < 0 ? 0 : time_ns / 1000000));
	if (protocol == NDPI_PROTOCOL_UNKNOWN && s->packets < CLASSIFY_PACKETS_MAX &&
	    s->bytes < CLASSIFY_BYTES_MAX)
		return NULL;
	/* Never ndpi_detection_giveup(): it may guess by port, and would call a tunnel on port 25
	 * SMTP. */
	name = protocol_name(protocol);
	if (name[0] == '\0')
		c->stats.unknown++;
	else
		c->stats.named++;
	classify_release(c, *slot);
	*slot = CLASSIFY_NONE;
	return name;
}

void
classify_get_stats(const struct classify *c, struct classify_stats *out)
{
	*out = c->stats;
}
