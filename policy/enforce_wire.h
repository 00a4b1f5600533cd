/* SPDX-License-Identifier: ISC */
/*
 * The packets between judge and enforcer child: typed verbs over two SEQPACKET socketpairs, one for
 * requests and their replies, one for what the child says without being asked.  bulkhead-guard.
 *
 * Every packet: u8 version, u8 type, u8 flags, u8 zero, u32 request id, then the body.
 *   request  BLOCK RELEASE REPLACE: u16 count, elements; with MORE the child waits for the next
 * packet of the same id and acts in one transaction at the one without.  LIST: empty. reply DONE:
 * u32 features.  FAILED: u32 errno, text.  ELEMENTS: u16 count, elements; MORE as above. event
 * LINK: u8 up, text ifname.  REPAIRED, OVERFLOW: text. Element: u8 set, text ifname, 16 bytes address, u8
 * bits, u64 timeout_ns, text case, u32 pace, u64
 * packets.  request BEAT: u32 milliseconds, u8 armed.  BRAKE: empty; its reply BRAKE_IS: u32
 * milliseconds, u8 armed, u64 dropped, u64 counted, u64 overflow, text link, u8 notice, u32 links
 * noticed, u32 links reset.  PROGRESS, with any id, whenever something takes long: u32 zero.  Both ends are one program, forked: a change of
 * the format needs no compatibility, but bump the version.
 */
#ifndef POLICY_ENFORCE_WIRE_H
#define POLICY_ENFORCE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/wire.h"
#include "policy/plan.h"

#define ENFORCE_WIRE_VERSION	  4
#define ENFORCE_WIRE_PACKET_MAX	  16384 /* bytes */
#define ENFORCE_WIRE_ELEMENTS_MAX 200	/* in one packet; 76 bytes each at most */

enum enforce_wire_type {
	ENFORCE_WIRE_BLOCK = 1,
	ENFORCE_WIRE_RELEASE,
	ENFORCE_WIRE_REPLACE,
	ENFORCE_WIRE_LIST,
	ENFORCE_WIRE_DONE,
	ENFORCE_WIRE_FAILED,
	ENFORCE_WIRE_ELEMENTS,
	ENFORCE_WIRE_LINK,
	ENFORCE_WIRE_REPAIRED,
	ENFORCE_WIRE_BEAT,
	ENFORCE_WIRE_BRAKE,
	ENFORCE_WIRE_BRAKE_IS,
	ENFORCE_WIRE_OVERFLOW,
	ENFORCE_WIRE_PROGRESS,
};
enum { ENFORCE_WIRE_MORE = 1 << 0 };

struct enforce_wire_header {
	uint8_t type, flags;
	uint32_t id;
};

void enforce_wire_put_header(struct wire_writer *w, const struct enforce_wire_header *h);
/* 0 or -EBADMSG (another version, reserved bits). */
int enforce_wire_get_header(struct wire_reader *r, struct enforce_wire_header *out);
void enforce_wire_put_element(struct wire_writer *w, const struct plan_element *element);

/* Appends the counted elements of a body to the plan without sorting it.  0, -EBADMSG, or what
 * plan_add() says. */
int enforce_wire_get_elements(struct wire_reader *r, struct plan *out);

/* Sends elements in as many packets as needed, all but the last with MORE; at least one packet.
 * `flags` are those of send().  0 or negative errno of send(). */
int enforce_wire_send_elements(int fd, uint8_t type, uint32_t id,
    const struct plan_element *elements, unsigned count, int flags);
/* 0 or negative errno. */
int enforce_wire_send(int fd, const struct wire_writer *w, int flags);

#endif
