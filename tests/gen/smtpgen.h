/* SPDX-License-Identifier: ISC */
/*
 * Makes SMTP traffic for tests: TCP conversations as packets, for a callback or a capture file,
 * together with the truth about what was said in them.  Deterministic by seed.  Test programs and
 * smtpgen(main.c).
 *
 * Order of use: gen_new(), any number of conversations in any order, gen_flush() (packets are
 * sorted by time), gen_free().  Running out of memory ends the program: this is a test tool.
 */
#ifndef TESTS_GEN_SMTPGEN_H
#define TESTS_GEN_SMTPGEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "sensor/sensor.h"

#define GEN_LINK_ETHERNET 1u
#define GEN_LINK_RAW	  101u
#define GEN_LINK_SLL2	  276u

struct gen;

typedef void (*gen_packet_fn)(void *arg, const struct packet *packet);

/* Packets of one generator share a link type; snaplen 0 keeps them whole. */
struct gen *gen_new(uint64_t seed, uint32_t linktype, uint32_t snaplen);
void gen_free(struct gen *g);

/* Where packets go.  Exactly one of the two must be set before gen_flush().  The file is borrowed.
 */
void gen_set_callback(struct gen *g, gen_packet_fn fn, void *arg);
void gen_set_file(struct gen *g, FILE *file); /* writes the capture header (nanoseconds) at once */

/* Hands over, in the order of time, every packet earlier than `until_ns` (INT64_MAX: all). */
void gen_flush(struct gen *g, int64_t until_ns);

/* Pseudo-random numbers of the generator's seed: all 64 bits; 0 .. n-1; 0.0 .. 1.0. */
uint64_t gen_random(struct gen *g);
uint32_t gen_random_below(struct gen *g, uint32_t n);
double gen_random_unit(struct gen *g);

/* --- one TCP connection --- */

enum gen_side { GEN_CLIENT, GEN_SERVER };

enum gen_ipv6_header { /* bits of gen_path.ipv6_headers */
	GEN_IPV6_HOP_BY_HOP = 1 << 0,
	GEN_IPV6_ROUTING = 1 << 1,
	GEN_IPV6_DESTINATION = 1 << 2,
	GEN_IPV6_FRAGMENT = 1 << 3, /* an atomic fragment: offset 0, no more */
};

/* How the packets of a connection look and what happens to them.  Start from gen_path_init(). */
struct gen_path {
	struct addr client, server;
	uint16_t client_port, server_port;
	struct mac client_mac, server_mac;
	int64_t start_ns;
	int64_t rtt_ns; /* the direction changes after half of it */
	unsigned mss;	/* payload bytes per packet; 60000 makes GSO super-frames */

	unsigned vlan_tags; /* 0..4; the outer one is 0x88a8 when there is more than one */
	uint16_t vlan_id;
	bool ipv4_options;
	unsigned ipv6_headers; /* enum gen_ipv6_header */
	bool zero_ip_length;   /* as TSO leaves it: IPv4 total length 0 */

	/* SLL2: the tap that the packets cross.  0 in uplink: no second crossing. */
	uint32_t tap_ifindex;
	uint32_t uplink_ifindex; /* every packet is seen there too, as its mirror image */
	bool tap_is_of_server;	 /* the tenant is the one that is connected to */

	uint32_t client_isn, server_isn; /* first sequence numbers; 0: random */
	bool timestamps;		 /* TCP option */

	/* Impairments, each a probability per packet with payload. */
	double loss;	       /* of the capture only: the peer got it */
	double reorder;	       /* swapped with the next packet of the same direction */
	double retransmit;     /* sent twice */
	double overlap;	       /* repeated together with bytes of its successor */
	unsigned skip_packets; /* the capture begins after so many packets of the connection */
	bool hide_client, hide_server; /* one direction is not captured */
};
void gen_path_init(struct gen_path *path, struct addr client, struct addr server, int64_t start_ns);

struct gen_tcp;

struct gen_tcp *gen_tcp_new(struct gen *g, const struct gen_path *path);
void gen_tcp_free(struct gen_tcp *t);
void gen_tcp_handshake(struct gen_tcp *t);
void gen_tcp_send(struct gen_tcp *t, enum gen_side from, const void *data, size_t size);
/* Only an acknowledgement of all that was received. */
void gen_tcp_ack(struct gen_tcp *t, enum gen_side from);
/* A TLS 1.3 handshake with the record sizes of an RSA certificate chain and two tickets; from here
 * on gen_tcp_send() sends records of random bytes, as long as the text makes them. */
void gen_tcp_start_tls(struct gen_tcp *t);
bool gen_tcp_is_tls(const struct gen_tcp *t);
void gen_tcp_wait(struct gen_tcp *t, int64_t span_ns);
/* While on, packets of that side are sent but not captured. */
void gen_tcp_hide(struct gen_tcp *t, enum gen_side side, bool hidden);
void gen_tcp_close(struct gen_tcp *t, enum gen_side first);
void gen_tcp_reset(struct gen_tcp *t, enum gen_side from);
int64_t gen_tcp_now(const struct gen_tcp *t);
/* One packet of any flags at an offset from what that side would send next; nothing else moves. */
void gen_tcp_raw(struct gen_tcp *t, enum gen_side from, uint8_t flags, int32_t seq_offset,
    const void *data, size_t size);

/* A connection attempt that fails: answered by RST, or `tries` SYNs without an answer (1, 3, 7, ...
 * s). */
void gen_refused(struct gen *g, const struct gen_path *path);
void gen_unanswered(struct gen *g, const struct gen_path *path, unsigned tries);

/* --- SMTP --- */

/* What really happened, by the replies of the server; the numbers of `replay --json`. */
struct gen_truth {
	uint32_t sessions, sessions_tls, connects_failed;
	uint32_t messages;     /* accepted, in the clear */
	uint32_t messages_tls; /* accepted, under TLS */
	uint32_t recipients_accepted, recipients_rejected, recipients_deferred; /* in the clear */
	uint32_t recipients_tls; /* accepted, under TLS */
};

struct gen_recipient {
	const char *address;
	const char *reply; /* NULL: "250 2.1.5 Ok"; without CR LF */
};

struct gen_message {
	const char *from;
	const struct gen_recipient *recipients;
	unsigned recipient_count;
	const char *text;	/* header and body, lines end with CR LF, dots not stuffed */
	const char *from_reply; /* NULL: 250 */
	const char *data_reply; /* NULL: 354; anything else and the text is not sent */
	const char *reply;	/* to the end of the text; NULL: 250 */
	unsigned bdat_chunks;	/* 0: DATA */
	bool bdat_split;	/* the BDAT command and its bytes in packets of their own */
	bool rset_before;
	int64_t wait_ns; /* before it */
};

struct gen_smtp {
	const char *greeting;	/* NULL: "220 mx.example.net ESMTP"; may hold several lines, each CR
				   LF but the last */
	const char *helo;	/* NULL: "vm.example.com" */
	bool helo_only;		/* HELO, no EHLO */
	const char *ehlo_reply; /* NULL: several lines with PIPELINING, STARTTLS, CHUNKING ... */
	bool pipelining;
	bool starttls;
	const char
	    *starttls_reply; /* NULL: 220; anything else and the session goes on in the clear */
	bool implicit_tls;
	const char *auth_reply; /* not NULL: AUTH PLAIN is sent and answered so */
	const struct gen_message *messages;
	unsigned message_count;
	bool early; /* the client does not wait for the greeting */
	bool no_quit;
	bool reset; /* ended by RST of the client instead of FIN */
};

/* Speaks the whole session; adds to *truth when it is not NULL. */
void gen_smtp_session(struct gen *g, const struct gen_path *path, const struct gen_smtp *smtp,
    struct gen_truth *truth);

/* Fills buf with a message of about `size` bytes (header, text, CR LF); the same `variant` gives
 * the same text. */
const char *gen_message_text(char *buf, size_t room, size_t size, const char *from, const char *to,
    uint32_t variant, bool newsletter);

#endif
