/* SPDX-License-Identifier: ISC */
/*
 * Packets between judge and enforcer child.  Both ends link this file.  bulkhead-guard.
 */
#include "policy/enforce_wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void
enforce_wire_put_header(struct wire_writer *w, const struct enforce_wire_header *h)
{
	wire_put_u8(w, ENFORCE_WIRE_VERSION);
	wire_put_u8(w, h->type);
	wire_put_u8(w, h->flags);
	wire_put_u8(w, 0);
	wire_put_u32(w, h->id);
}

int
enforce_wire_get_header(struct wire_reader *r, struct enforce_wire_header *out)
{
	uint8_t version = wire_get_u8(r), zero;
	struct enforce_wire_header h;

	h.type = wire_get_u8(r);
	h.flags = wire_get_u8(r);
	zero = wire_get_u8(r);
	h.id = wire_get_u32(r);
	if (r->failed || version != ENFORCE_WIRE_VERSION || zero != 0 ||
	    (h.flags & ~ENFORCE_WIRE_MORE) != 0)
		return -EBADMSG;
	*out = h;
	return 0;
}

void
enforce_wire_put_element(struct wire_writer *w, const struct plan_element *element)
{
	wire_put_u8(w, element->set);
	wire_put_text(w, element->ifname);
	wire_put_bytes(w, element->prefix.addr.bytes, sizeof(element->prefix.addr.bytes));
	wire_put_u8(w, element->prefix.bits);
	wire_put_u64(w, (uint64_t)element->timeout_ns);
	wire_put_text(w, element->case_id);
	wire_put_u32(w, element->pace);
	wire_put_u64(w, element->packets);
}

int
enforce_wire_get_elements(struct wire_reader *r, struct plan *out)
{
	unsigned i, count = wire_get_u16(r);
	int result;

	if (count > ENFORCE_WIRE_ELEMENTS_MAX)
		return -EBADMSG;
	for (i = 0; i < count; i++) {
		struct plan_element e;

		memset(&e, 0, sizeof(e));
		e.set = wire_get_u8(r);
		wire_get_text(r, e.ifname, sizeof(e.ifname));
		wire_get_bytes(r, e.prefix.addr.bytes, sizeof(e.prefix.addr.bytes));
		e.prefix.bits = wire_get_u8(r);
		e.timeout_ns = (int64_t)wire_get_u64(r);
		wire_get_text(r, e.case_id, sizeof(e.case_id));
		e.pace = wire_get_u32(r);
		e.packets = wire_get_u64(r);
		if (r->failed)
			return -EBADMSG;
		result = plan_append(out, &e);
		if (result < 0)
			return result;
	}
	return wire_reader_finish(r);
}

int
enforce_wire_send(int fd, const struct wire_writer *w, int flags)
{
	long size = wire_writer_finish(w);
	ssize_t sent;

	if (size < 0)
		return (int)size;
	do
		sent = send(fd, w->data, (size_t)size, flags | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

int
enforce_wire_send_elements(int fd, uint8_t type, uint32_t id, const struct plan_element *elements,
    unsigned count, int flags)
{
	uint8_t buf[ENFORCE_WIRE_PACKET_MAX];
	unsigned done = 0, n, i;
	int r;

	do {
		struct enforce_wire_header h = {.type = type, .id = id};
		struct wire_writer w;

		n = count - done;
		if (n > ENFORCE_WIRE_ELEMENTS_MAX) {
			n = ENFORCE_WIRE_ELEMENTS_MAX;
			h.flags = ENFORCE_WIRE_MORE;
		}
		wire_writer_init(&w, buf, sizeof(buf));
		enforce_wire_put_header(&w, &h);
		wire_put_u16(&w, (uint16_t)n);
		for (i = 0; i < n; i++)
			enforce_wire_put_element(&w, &elements[done + i]);
		r = enforce_wire_send(fd, &w, flags);
		if (r < 0)
			return r;
		done += n;
	} while (done < count);
	return 0;
}
