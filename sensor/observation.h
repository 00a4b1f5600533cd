/* SPDX-License-Identifier: ISC */
/*
 * Observations: what the sensor tells the guard, and the format in which it travels.
 *
 * An observation is one fact about one SMTP session, message, recipient or connection attempt.  It never
 * carries a body, an AUTH argument or a full recipient address: recipients are a domain and a keyed hash.
 * This is the only header of sensor/ that policy/ includes.  Produced in bulkhead-sensor (and in replay),
 * consumed in bulkhead-guard.
 */
#ifndef SENSOR_OBSERVATION_H
#define SENSOR_OBSERVATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* Bump when the encoding of any kind changes; the guard refuses another version with a sentence. */
#define OBS_VERSION	 5
#define OBS_ENCODED_MAX	 1024 /* bytes of the largest encoded observation */
#define OBS_DOMAIN_BYTES 80   /* domains longer than 79 keep their right end (the organisation) */
#define OBS_REPLY_BYTES	 120  /* reply text with addresses redacted */
#define OBS_IFNAME_BYTES 16

enum obs_kind {
	OBS_HEALTH = 1,	   /* the sensor about itself, every second */
	OBS_SESSION_START, /* TCP established (or first payload of a session that began before us) */
	OBS_CONNECT_FAILED, /* refused, unanswered or unreachable */
	OBS_GREETING,	    /* the server greeted with something other than 2xx */
	OBS_RECIPIENT,	    /* the reply to one RCPT, in the clear */
	OBS_MESSAGE,	    /* the reply to the end of DATA or BDAT LAST, in the clear */
	OBS_ESTIMATE,	 /* under TLS: what the record sizes say happened since the last estimate */
	OBS_SESSION_END, /* totals of the session */
	OBS_MX_QUERY,	 /* a DNS MX question of the server */
	OBS__COUNT
};

enum obs_visibility {
	OBS_CLEAR, /* envelope and headers seen */
	OBS_TLS,   /* only record sizes and the dialogue before TLS seen */
	OBS_FLOW,  /* only packets seen */
	OBS_VISIBILITY__COUNT
};

enum obs_flag {
	OBS_F_INBOUND = 1 << 0,	  /* the tenant's server is the SMTP server of this session */
	OBS_F_GAP = 1 << 1,	  /* capture loss inside the session so far */
	OBS_F_MIDSTREAM = 1 << 2, /* the session began before the sensor */
	OBS_F_ESTIMATED = 1 << 3, /* numbers are estimates */
	OBS_F_ONE_SIDED = 1 << 4, /* only one direction was seen so far */
};

/* What the remote said, read from a reply in the clear (table with sources: sensor/smtp_reply.c). */
enum obs_remote {
	OBS_REMOTE_NONE, /* no verdict: accepted, or an error that says nothing about the sender */
	OBS_REMOTE_UNKNOWN,  /* no such recipient */
	OBS_REMOTE_FULL,     /* mailbox full or disabled */
	OBS_REMOTE_GREYLIST, /* try again later */
	OBS_REMOTE_RATE,     /* too much from this address */
	OBS_REMOTE_LISTED,   /* the address is on a block list */
	OBS_REMOTE_POLICY,   /* refused as spam or by policy */
	OBS_REMOTE_AUTH,     /* sender authentication failed (SPF, DKIM, DMARC, PTR) */
	OBS_REMOTE__COUNT
};

enum obs_reply_class { OBS_ACCEPTED, OBS_REJECTED, OBS_DEFERRED, OBS_REPLY_CLASS__COUNT };

enum obs_connect {
	OBS_CONNECT_REFUSED,
	OBS_CONNECT_UNANSWERED,
	OBS_CONNECT_UNREACHABLE,
	OBS_CONNECT__COUNT
};

enum obs_tls {
	OBS_TLS_NONE,
	OBS_TLS_STARTTLS,
	OBS_TLS_REFUSED, /* asked for, and the server said no */
	OBS_TLS_IMPLICIT,
	OBS_TLS_OFFERED, /* in the reply to EHLO, but not asked for */
	OBS_TLS__COUNT
};

enum obs_end {
	OBS_END_FIN,
	OBS_END_RST,
	OBS_END_IDLE,
	OBS_END_EVICTED,
	OBS_END_CAPTURE,
	OBS_END__COUNT
};

/* Habits seen in a session, for OBS_SESSION_END. */
enum obs_habit {
	OBS_HABIT_EARLY = 1 << 0,     /* talked before the greeting (postscreen's pregreet) */
	OBS_HABIT_NO_QUIT = 1 << 1,   /* left a clear session without QUIT */
	OBS_HABIT_PIPELINED = 1 << 2, /* several commands in one segment */
	OBS_HABIT_UNOFFERED_PIPELINING = 1 << 3,
	OBS_HABIT_HELO_ONLY = 1 << 4, /* HELO instead of EHLO */
	OBS_HABIT_NO_DATA = 1 << 5,   /* ended in good order without DATA or BDAT */
	OBS_HABIT_NOT_SMTP = 1 << 6,  /* `protocol` says what it was */
};

/* Facts of the header section, for OBS_MESSAGE; meaningful when `headers_seen`. */
enum obs_header {
	OBS_HDR_DATE = 1 << 0,
	OBS_HDR_MESSAGE_ID = 1 << 1,
	OBS_HDR_LIST_UNSUBSCRIBE = 1 << 2,
	OBS_HDR_LIST_UNSUBSCRIBE_POST = 1 << 3,
	OBS_HDR_LIST_ID = 1 << 4,
	OBS_HDR_DKIM = 1 << 5,
	OBS_HDR_AUTO_SUBMITTED = 1 << 6,  /* present and not "no" (RFC 3834) */
	OBS_HDR_PRECEDENCE_BULK = 1 << 7, /* bulk, list or junk */
	OBS_HDR_FEEDBACK_ID = 1 << 8,
	OBS_HDR_REPLY_REFERENCE = 1 << 9, /* In-Reply-To or References */
	OBS_HDR_TRUNCATED = 1 << 10,	  /* the budget ended before the header section */
};

struct obs_reply {
	uint16_t code;	     /* 200..599; 0 = none seen */
	uint8_t enhanced[3]; /* RFC 3463 class, subject, detail (255 = larger); zeroes = none */
	uint8_t remote;	     /* enum obs_remote */
	char text[OBS_REPLY_BYTES]; /* first line after the code, addresses redacted; "" for 2xx */
};

struct
    obs_counts { /* of one session, by the replies of the remote; all clear unless said otherwise */
	uint32_t messages; /* 2xx to the end of DATA or BDAT LAST */
	uint32_t messages_refused;
	uint32_t recipients_accepted; /* 2xx to RCPT */
	uint32_t recipients_rejected; /* 5xx */
	uint32_t recipients_deferred; /* 4xx */
	uint32_t messages_estimated;  /* under TLS */
	uint32_t recipients_estimated;
	uint32_t recipients_rejected_estimated;
};

struct observation {
	uint8_t kind;	    /* enum obs_kind */
	uint8_t visibility; /* enum obs_visibility: of the session so far */
	uint16_t flags;	    /* enum obs_flag */
	int64_t time_ns;    /* of the packet, wall clock */
	uint64_t session;   /* unique within one run of the sensor; 0 for HEALTH and MX_QUERY */
	char ifname
	    [OBS_IFNAME_BYTES]; /* where the session crossed; "" when the capture has no interfaces */
	struct mac mac;		/* the tenant side's, zero when unknown */
	struct addr client;	/* who opened the connection */
	struct addr server;	/* who answered */
	uint16_t client_port;
	uint16_t server_port;
	uint32_t asn;	 /* of the remote address; 0 = unknown */
	char country[3]; /* of the remote address; "" = unknown */

	union {
		struct {
			uint64_t packets, bytes; /* since start */
			uint64_t ring_drops;	 /* lost in the capture ring */
			uint64_t malformed;
			uint64_t gaps;		  /* explicit holes in streams */
			uint64_t evicted;	  /* flows pushed out by newer ones */
			uint64_t other_crossings; /* copies of a packet seen on another interface */
			uint64_t observations_lost; /* could not be handed to the guard */
			uint64_t one_sided; /* sessions of which only one direction arrived */
			uint32_t flows, flows_max;
			uint32_t interfaces;   /* tenant interfaces known now */
			uint64_t memory_bytes; /* fixed at start */
			uint64_t
			    pool_exhausted; /* times that a flood took the last of a pool: detail was given up */
			uint64_t mx_suppressed; /* MX questions beyond what is told of one server */
			uint64_t fragments;	/* pieces of IP datagrams that may hold TCP */
			uint64_t
			    fragments_lost; /* datagrams that did not become whole, or were refused */
		} health;
		struct {
			uint8_t how; /* enum obs_connect */
		} connect_failed;
		struct {
			struct obs_reply reply;
		} greeting;
		struct {
			uint64_t
			    hash; /* keyed, of the whole address, lower case; 0 = not known (overflow) */
			uint64_t domain_hash; /* keyed, of the domain */
			char domain[OBS_DOMAIN_BYTES];
			char sender_domain
			    [OBS_DOMAIN_BYTES]; /* of MAIL FROM; "" = the null sender */
			uint8_t reply_class;	/* enum obs_reply_class */
			struct obs_reply reply;
		} recipient;
		struct {
			struct obs_reply reply;
			uint64_t size_bytes; /* of the message as sent, without the final dot */
			uint16_t recipients_accepted, recipients_rejected, recipients_deferred;
			char sender_domain[OBS_DOMAIN_BYTES];
			char from_domain
			    [OBS_DOMAIN_BYTES]; /* of the From header field; "" = unknown */
			char dkim_domain
			    [OBS_DOMAIN_BYTES]; /* d= of the first DKIM-Signature; "" = none */
			bool headers_seen;
			uint16_t headers;      /* enum obs_header */
			uint64_t subject_hash; /* keyed, digits and prefixes removed; 0 = none */
			uint64_t fingerprint;  /* 64-bit similarity hash of the text; 0 = none */
			bool chunked;	       /* BDAT */
		} message;
		struct {
			int32_t
			    messages; /* change since the last estimate of this session; may be negative */
			int32_t recipients;
			int32_t recipients_rejected;
			int64_t bytes;		/* plaintext bytes of messages */
			uint32_t typical_bytes; /* of the newest message */
			/* Of its envelope: what the client wrote to name the recipients, a RCPT line or a
			 * pipelined turn with MAIL and DATA; 0 = not told apart.  As long as one
			 * recipient's address it differs between people, not between mails to one. */
			uint16_t envelope_bytes;
			uint16_t confidence; /* 0..1000: mean likelihood of the dialogue as SMTP */
		} estimate;
		struct {
			struct obs_counts counts;
			bool is_smtp;	 /* an SMTP greeting or command was seen (or TLS on 465) */
			uint8_t tls;	 /* enum obs_tls */
			uint8_t end;	 /* enum obs_end */
			uint16_t habits; /* enum obs_habit */
			uint16_t commands;
			uint8_t auth_attempts, auth_failures; /* saturating */
			char helo[OBS_DOMAIN_BYTES];
			char greeting_host
			    [OBS_DOMAIN_BYTES]; /* first word of the server's greeting */
			char sni[OBS_DOMAIN_BYTES];
			char tls_client[36]; /* JA3-like identity, hex; "" = none */
			char protocol[24];   /* what it was if not SMTP; "" = unknown */
			int64_t duration_ns;
			uint64_t client_bytes, server_bytes; /* payload */
		} end;
		struct {
			uint64_t name_hash;
			char domain[OBS_DOMAIN_BYTES]; /* registrable domain */
		} mx_query;
	} u;
};

/* Stable lower-case names ("session-start", "unknown-recipient", "starttls", ...); never NULL. */
const char *obs_kind_name(unsigned kind);
const char *obs_visibility_name(unsigned visibility);
const char *obs_remote_name(unsigned remote);
const char *obs_tls_name(unsigned tls);
const char *obs_connect_name(unsigned how);

/* Encodes one observation; returns bytes written, or -ENOBUFS (never with OBS_ENCODED_MAX bytes of room). */
long obs_encode(const struct observation *obs, uint8_t *out, size_t size);

/*
 * Decodes one observation and consumes it fully; unknown kinds, wrong lengths and out-of-range enums are
 * -EBADMSG with *out zeroed.  Every text is terminated and free of control characters.
 */
int obs_decode(struct observation *out, const uint8_t *data, size_t size);

/*
 * Datagrams on obs.sock: u8 version, u8 zero, u16 count, then count times (u16 length, observation).
 * A sensor's first datagram has count 0.
 */
#define OBS_DATAGRAM_MAX 32768

#endif
