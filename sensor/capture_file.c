/* SPDX-License-Identifier: ISC */
/* Classic capture files, read in place; see capture_file.h.  bulkhead-sensor --read, replay. */
#include "sensor/capture_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC_MICRO  UINT32_C(0xa1b2c3d4)
#define MAGIC_NANO   UINT32_C(0xa1b23c4d)
#define HEADER_BYTES 24u
#define RECORD_BYTES 16u
#define CAPLEN_MAX   262144u		  /* libpcap's for all link types that we read */
#define BUFFER_BYTES (2u * CAPLEN_MAX)	  /* a packet of any size, and it stays in the L2 cache */
#define LINK_MASK    UINT32_C(0x03ffffff) /* above are the bits about frame check sequences */

struct capture_file {
	int fd;
	bool swapped; /* written on a machine of the other byte order */
	int64_t fraction_ns;
	uint32_t linktype, snaplen;
	size_t begin, end; /* of what waits in the buffer */
	uint64_t offset;   /* in the file, of `begin` */
	uint8_t buffer[BUFFER_BYTES];
};

static uint32_t
load32(const struct capture_file *c, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return c->swapped ? __builtin_bswap32(v) : v;
}

static bool
read_header(struct capture_file *c)
{
	uint8_t head[HEADER_BYTES];
	struct stat st;

	if (fstat(c->fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    pread(c->fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return false;
	uint32_t magic = load32(c, head);
	c->swapped =
	    __builtin_bswap32(magic) == MAGIC_MICRO || __builtin_bswap32(magic) == MAGIC_NANO;
	magic = load32(c, head);
	uint32_t version = load32(c, head + 4);
	/* Two numbers of 16 bits, in the file's own order. */
	const uint16_t major = (uint16_t)(c->swapped ? version >> 16 : version & 0xffff);
	const uint16_t minor = (uint16_t)(c->swapped ? version & 0xffff : version >> 16);
	if ((magic != MAGIC_MICRO && magic != MAGIC_NANO) || major != 2 || minor != 4)
		return false;
	c->fraction_ns = magic == MAGIC_NANO ? 1 : 1000;
	c->snaplen = load32(c, head + 16);
	if (c->snaplen == 0 || c->snaplen > INT32_MAX)
		c->snaplen = CAPLEN_MAX;
	c->linktype = load32(c, head + 20);
	return (c->linktype & ~LINK_MASK) == 0 && lseek(c->fd, HEADER_BYTES, SEEK_SET) >= 0;
}

int
capture_file_open(struct capture_file **out, int fd)
{
	struct capture_file *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return -ENOMEM;
	c->fd = fd;
	c->offset = HEADER_BYTES;
	if (!read_header(c)) {
		free(c);
		return 0;
	}
	*out = c;
	return 1;
}

void
capture_file_free(struct capture_file *c)
{
	free(c);
}

uint32_t
capture_file_linktype(const struct capture_file *c)
{
	return c->linktype;
}

uint64_t
capture_file_offset(const struct capture_file *c)
{
	return c->offset;
}

/* Reads on behind what waits, which moves to the front; false at the end of the file. */
static bool
fill(struct capture_file *c)
{
	ssize_t n;

	memmove(c->buffer, c->buffer + c->begin, c->end - c->begin);
	c->end -= c->begin;
	c->begin = 0;
	do {
		n = read(c->fd, c->buffer + c->end, BUFFER_BYTES - c->end);
	} while (n < 0 && errno == EINTR);
	c->end += n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* A file may hold any number there.  As libpcap has it: signed, but not when the bytes are swapped. */
static int64_t
time_part(const struct capture_file *c, const uint8_t *p)
{
	uint32_t v = load32(c, p);

	return c->swapped ? (int64_t)v : (int64_t)(int32_t)v;
}

/* The next packet, if it is in the buffer as a whole: 1; 0: it is not; -EBADMSG. */
static int
take_packet(struct capture_file *c, struct packet *p, char reason[CAPTURE_FILE_REASON_BYTES])
{
	const uint8_t *record = c->buffer + c->begin;
	size_t waiting = c->end - c->begin;

	if (waiting < RECORD_BYTES)
		return 0;
	uint32_t caplen = load32(c, record + 8), wirelen = load32(c, record + 12);
	if (caplen > CAPLEN_MAX) {
		c->offset += RECORD_BYTES;
		bool promised = caplen > c->snaplen;
		snprintf(reason, CAPTURE_FILE_REASON_BYTES,
		    "invalid packet capture length %u, bigger than %s of %u", caplen,
		    promised ? "snaplen" : "maximum", promised ? c->snaplen : CAPLEN_MAX);
		return -EBADMSG;
	}
	if (waiting - RECORD_BYTES < caplen)
		return 0;
	c->begin += RECORD_BYTES + caplen;
	c->offset += RECORD_BYTES + caplen;
	if (caplen > c->snaplen)
		caplen = c->snaplen;
	p->time_ns = time_part(c, record) * 1000000000 + time_part(c, record + 4) * c->fraction_ns;
	p->caplen = caplen;
	p->wirelen = wirelen < caplen ? caplen : wirelen;
	p->data = record + RECORD_BYTES;
	return 1;
}

/* The file ends within a packet.  libpcap reads what the file promised to keep, and then the rest. */
static int
refuse_cut(struct capture_file *c, char reason[CAPTURE_FILE_REASON_BYTES])
{
	size_t waiting = c->end - c->begin, wanted = RECORD_BYTES, got = waiting;

	if (waiting >= RECORD_BYTES) {
		got = waiting - RECORD_BYTES;
		wanted = load32(c, c->buffer + c->begin + 8);
		if (wanted > c->snaplen && got < c->snaplen)
			wanted = c->snaplen;
	}
	snprintf(reason, CAPTURE_FILE_REASON_BYTES,
	    "truncated dump file; tried to read %zu %s bytes, only got %zu", wanted,
	    waiting < RECORD_BYTES ? "header" : "captured", got);
	c->offset += waiting;
	return -EBADMSG;
}

int
capture_file_read(struct capture_file *c, struct packet *packets, unsigned max, uint32_t linktype,
    char reason[CAPTURE_FILE_REASON_BYTES])
{
	unsigned count = 0;
	int r = 0;

	while (count < max) {
		r = take_packet(c, &packets[count], reason);
		if (r > 0)
			packets[count++].linktype = linktype;
		else if (r < 0 || count > 0 || !fill(c))
			break; /* those of this batch must stay where they are */
	}
	if (count > 0)
		return (int)count;
	if (r == 0 && c->end > c->begin)
		r = refuse_cut(c, reason);
	return r;
}
