/* SPDX-License-Identifier: ISC */
/*
 * Capture files and live devices by libpcap; see tap.h.  bulkhead-sensor (live), replay (files).
 *
 * libpcap hands out one packet at a time and takes its bytes back at once, so a batch is copied
 * into an arena that is made at the open.  A small snaplen keeps that cheap, and the copy warms the
 * cache for the parser.
 */
#include "sensor/tap.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "sensor/capture_file.h"
#include "sensor/tap_filter.h"

#define TAP_BATCH 32u
#define TAP_PACKET_MAX \
	262144u /* bytes kept of a packet in a file; libpcap's own limit for IP links */
#define TAP_FILE_ARENA	(4u * TAP_PACKET_MAX)
#define LINKTYPE_RAW	101u
#define TAP_SLOT_HEADER 128u
#define TAP_TEXT_BYTES	160

struct tap {
	pcap_t *pcap;
	struct capture_file *classic; /* reads the file in place of libpcap */
	FILE *stream;		      /* behind it */
	bool live;
	char name[TAP_TEXT_BYTES]; /* of the device or file, for sentences */
	uint32_t linktype;
	uint8_t *arena;
	size_t arena_size, arena_used;
	uint32_t packet_max;	/* bytes kept per packet */
	struct packet *packets; /* the caller's array while a batch is filled */
	unsigned count;		/* in the batch */
	uint64_t packet_number; /* delivered so far */
	uint64_t drops;
	struct err pending; /* told after the packets that came before it */
	char reason[CAPTURE_FILE_REASON_BYTES];
};

static int
tap_new(struct tap **out, const char *name, struct err *e)
{
	struct tap *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return err_set(e, -ENOMEM, "%s: no memory to capture", name);
	snprintf(t->name, sizeof(t->name), "%s", name);
	*out = t;
	return 0;
}

static int
tap_make_arena(struct tap *t, size_t size, uint32_t packet_max, struct err *e)
{
	t->arena_size = size;
	t->packet_max = packet_max;
	t->arena = malloc(size);
	if (t->arena == NULL)
		return err_set(e, -ENOMEM, "%s: no memory for %zu bytes of packets", t->name, size);
	return 0;
}

void
tap_close(struct tap *t)
{
	if (t == NULL)
		return;
	if (t->pcap != NULL)
		pcap_close(t->pcap);
	if (t->stream != NULL)
		fclose(t->stream);
	capture_file_free(t->classic);
	free(t->arena);
	free(t);
}

/* --- files -------------------------------------------------------------------------------------
 */

static bool
is_readable_linktype(int linktype)
{
	static const int readable[] = {DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, 14, 101,
	    DLT_NULL, DLT_LOOP, DLT_IPV4, DLT_IPV6, DLT_PPP, DLT_PPP_SERIAL, DLT_PPP_ETHER,
	    DLT_C_HDLC, DLT_IEEE802_11, DLT_IEEE802_11_RADIO};

	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
		if (readable[i] == linktype)
			return true;
	return false;
}

/* The stream behind a path; "-" is standard input. */
static int
open_stream(FILE **out, const char *path, struct err *e)
{
	struct stat st;
	FILE *f;

	if (strcmp(path, "-") == 0) {
		*out = stdin;
		return 0;
	}
	f = fopen(path, "rbe");
	if (f == NULL)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode)) {
		fclose(f);
		return err_set(e, -EISDIR, "%s: is a folder; name a capture file", path);
	}
	*out = f;
	return 0;
}

/* libpcap's texts for a file that is none, as a sentence for people. */
static int
refuse_file(const char *name, FILE *f, const char *reason, struct err *e)
{
	if (feof(f) && ftell(f) <= 0)
		return err_set(
		    e, -EBADMSG, "%s: is empty; a capture file (pcap or pcapng) is needed", name);
	if (strstr(reason, "only got 0") != NULL)
		return err_set(
		    e, -EBADMSG, "%s: is empty; a capture file (pcap or pcapng) is needed", name);
	if (strstr(reason, "unknown file format") != NULL || strstr(reason, "file header") != NULL)
		return err_set(e, -EBADMSG,
		    "%s: is not a capture file; give a pcap or pcapng file, as tcpdump -w writes "
		    "it",
		    name);
	return err_set(e, -EBADMSG, "%s: cannot be read as a capture file: %s", name, reason);
}

/* Takes the stream when it is of the common format; else libpcap has its turn, and its sentences. */
static bool
open_classic(struct tap *t, FILE *f)
{
	if (capture_file_open(&t->classic, fileno(f)) != 1)
		return false;
	t->linktype = capture_file_linktype(t->classic);
	/* The number in files; libpcap's own for it is another on each system. */
	if (t->linktype == LINKTYPE_RAW)
		t->linktype = DLT_RAW;
	if (is_readable_linktype((int)t->linktype)) {
		t->stream = f;
		return true;
	}
	capture_file_free(t->classic);
	t->classic = NULL;
	rewind(f);
	return false;
}

int
tap_open_file(struct tap **out, const char *path, struct err *e)
{
	const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
	char reason[PCAP_ERRBUF_SIZE] = "";
	struct tap *t = NULL;
	FILE *f = NULL;
	int r = tap_new(&t, name, e);

	if (t == NULL)
		return r;
	r = open_stream(&f, path, e);
	if (r != 0)
		goto out;
	if (f != stdin && open_classic(t, f)) {
		*out = t;
		return 0;
	}
	t->pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, reason);
	if (t->pcap == NULL) {
		r = refuse_file(name, f, reason, e);
		if (f != stdin)
			fclose(f);
		goto out;
	}
	t->linktype = (uint32_t)pcap_datalink(t->pcap);
	if (!is_readable_linktype((int)t->linktype)) {
		const char *type = pcap_datalink_val_to_name((int)t->linktype);

		r = err_set(e, -ENOTSUP,
		    "%s: holds packets of link type %s (%u), which cannot be read; capture on "
		    "Ethernet or on any",
		    name, type == NULL ? "unknown" : type, t->linktype);
		goto out;
	}
	r = tap_make_arena(t, TAP_FILE_ARENA, TAP_PACKET_MAX, e);
	if (r == 0)
		*out = t;
out:
	if (r != 0)
		tap_close(t);
	return r;
}

/* --- live --------------------------------------------------------------------------------------
 */

static int
refuse_device(const char *device, struct err *e)
{
	struct if_nameindex *all = if_nameindex();
	char names[320] = "any";
	size_t used = strlen(names);

	for (const struct if_nameindex *i = all; i != NULL && i->if_index != 0; i++) {
		if (used + strlen(i->if_name) + 8 > sizeof(names)) {
			snprintf(names + used, sizeof(names) - used, ", ...");
			break;
		}
		used += (size_t)snprintf(names + used, sizeof(names) - used, ", %s", i->if_name);
	}
	if (all != NULL)
		if_freenameindex(all);
	return err_set(e, -ENODEV, "%s: no such device; there are %s", device, names);
}

static int
refuse_activation(struct tap *t, int status, struct err *e)
{
	const char *reason = pcap_geterr(t->pcap);

	switch (status) {
	case PCAP_ERROR_NO_SUCH_DEVICE:
		return refuse_device(t->name, e);
	case PCAP_ERROR_PERM_DENIED:
	case PCAP_ERROR_PROMISC_PERM_DENIED:
		return err_set(e, -EPERM,
		    "%s: capturing is not permitted; run as root or with CAP_NET_RAW", t->name);
	case PCAP_ERROR_IFACE_NOT_UP:
		return err_set(
		    e, -ENETDOWN, "%s: the device is down; ip link set %s up", t->name, t->name);
	default:
		return err_set(e, -EIO, "%s: cannot be captured: %s", t->name,
		    reason[0] != '\0' ? reason : pcap_statustostr(status));
	}
}

static int
set_filter(struct tap *t, const struct tap_live_config *cfg, struct err *e)
{
	char text[TAP_FILTER_BYTES];
	struct bpf_program program;
	socklen_t length = 0; /* of SO_GET_FILTER with no room: how many instructions there are */
	int one = 1, fd = pcap_fileno(t->pcap), r;

	r = tap_filter_text(
	    text, sizeof(text), t->linktype, cfg->ports, cfg->port_count, cfg->odd_ports);
	if (r != 0)
		return err_set(e, r, "%s: too many ports for one kernel filter", t->name);
	if (pcap_compile(t->pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN) != 0)
		return err_set(e, -EINVAL, "%s: the kernel filter does not compile: %s", t->name,
		    pcap_geterr(t->pcap));
	r = pcap_setfilter(t->pcap, &program);
	pcap_freecode(&program);
	if (r != 0)
		return err_set(e, -EIO, "%s: the kernel refuses the filter: %s", t->name,
		    pcap_geterr(t->pcap));
	/* libpcap falls back to filtering in user space in silence; then there is nothing to lock.
	 */
	if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &length) != 0 || length == 0)
		return err_set(e, -EIO, "%s: the filter is not in the kernel", t->name);
	if (setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &one, sizeof(one)) != 0)
		return err_set(e, -errno, "%s: the kernel filter cannot be locked: %s", t->name,
		    strerror(errno));
	return 0;
}

/*
 * The ring is made of slots of one size, in blocks of a power of two, and a packet's headers in its
 * slot take about 100 bytes: 4096 bytes would need a block of 8192 and waste half the ring.
 */
static uint32_t
fit_snaplen(uint32_t snaplen)
{
	return snaplen >= 4096 && (snaplen & (snaplen - 1)) == 0 ? snaplen - TAP_SLOT_HEADER
								 : snaplen;
}

int
tap_open_live(struct tap **out, const struct tap_live_config *cfg, struct err *e)
{
	bool any = strcmp(cfg->device, "any") == 0;
	char reason[PCAP_ERRBUF_SIZE] = "";
	struct tap *t = NULL;
	int r = tap_new(&t, cfg->device, e);

	if (t == NULL)
		return r;
	t->live = true;
	t->pcap = pcap_create(cfg->device, reason);
	if (t->pcap == NULL) {
		r = err_set(e, -EIO, "%s: cannot be captured: %s", cfg->device, reason);
		goto out;
	}
	pcap_set_snaplen(t->pcap, (int)fit_snaplen(cfg->snaplen));
	pcap_set_buffer_size(t->pcap, (int)cfg->ring_bytes);
	pcap_set_promisc(t->pcap, !any);
	/* Immediate: the reader is woken by the first packet; how often is its own business
	 * (pace.h). */
	pcap_set_immediate_mode(t->pcap, 1);
	pcap_set_tstamp_precision(t->pcap, PCAP_TSTAMP_PRECISION_NANO);
	r = pcap_activate(t->pcap);
	if (r < 0) {
		r = refuse_activation(t, r, e);
		goto out;
	}
	/* The second version of the cooked header carries the index of the interface. */
	if (any && pcap_set_datalink(t->pcap, DLT_LINUX_SLL2) != 0) {
		r = err_set(e, -ENOTSUP, "any: no interface index with this libpcap: %s",
		    pcap_geterr(t->pcap));
		goto out;
	}
	t->linktype = (uint32_t)pcap_datalink(t->pcap);
	r = set_filter(t, cfg, e);
	if (r == 0 && pcap_setnonblock(t->pcap, 1, reason) != 0)
		r = err_set(e, -EIO, "%s: %s", t->name, reason);
	if (r == 0)
		r = tap_make_arena(t, (size_t)TAP_BATCH * cfg->snaplen, cfg->snaplen, e);
	if (r == 0)
		*out = t;
out:
	if (r != 0)
		tap_close(t);
	return r;
}

int
tap_fd(const struct tap *t)
{
	return pcap_get_selectable_fd(t->pcap);
}

uint32_t
tap_linktype(const struct tap *t)
{
	return t->linktype;
}

/* --- both --------------------------------------------------------------------------------------
 */

static void
keep_packet(u_char *arg, const struct pcap_pkthdr *header, const u_char *data)
{
	struct tap *t = (struct tap *)arg;
	uint32_t caplen = header->caplen < t->packet_max ? header->caplen : t->packet_max;

	memcpy(t->arena + t->arena_used, data, caplen);
	/* With nanosecond precision tv_usec holds nanoseconds; a file may hold any number there. */
	t->packets[t->count++] = (struct packet){
	    .time_ns = (int64_t)header->ts.tv_sec * 1000000000 + header->ts.tv_usec,
	    .linktype = t->linktype,
	    .caplen = caplen,
	    .wirelen = header->len < caplen ? caplen : header->len,
	    .data = t->arena + t->arena_used,
	};
	t->arena_used += caplen;
}

static int
refuse_rest(const struct tap *t, struct err *e)
{
	FILE *f = t->live || t->classic != NULL ? NULL : pcap_file(t->pcap);
	long offset = f == NULL ? -1 : ftell(f);
	const char *reason = t->classic != NULL ? t->reason : pcap_geterr(t->pcap);
	char where[64] = "";

	if (t->live)
		return err_set(e, -EIO, "%s: the capture ended: %s", t->name, reason);
	if (t->classic != NULL)
		offset = (long)capture_file_offset(t->classic);
	if (offset >= 0)
		snprintf(where, sizeof(where), " (byte %ld)", offset);
	return err_set(e, -EBADMSG, "%s: is cut or damaged after packet %llu%s: %s", t->name,
	    (unsigned long long)t->packet_number, where, reason);
}

/* Live: one dispatch takes what the ring has, up to a batch. */
static int
read_ring(struct tap *t)
{
	return pcap_dispatch(t->pcap, (int)TAP_BATCH, keep_packet, (u_char *)t);
}

/* A file of the common format: the packets stay where they were read. */
static int
read_classic(struct tap *t)
{
	int n = capture_file_read(t->classic, t->packets, TAP_BATCH, t->linktype, t->reason);

	t->count = n > 0 ? (unsigned)n : 0;
	return n;
}

/* Another file: packet by packet, as long as the arena has room for the largest. */
static int
read_file(struct tap *t)
{
	int n = 1;

	while (n > 0 && t->count < TAP_BATCH && t->arena_size - t->arena_used >= t->packet_max)
		n = pcap_dispatch(t->pcap, 1, keep_packet, (u_char *)t);
	return n;
}

int
tap_read(struct tap *t, struct packet packets[32], struct err *e)
{
	int n;

	if (t->pending.code != 0) {
		if (e != NULL)
			*e = t->pending;
		return t->pending.code;
	}
	t->packets = packets;
	t->count = 0;
	t->arena_used = 0;
	n = t->live ? read_ring(t) : t->classic != NULL ? read_classic(t) : read_file(t);
	t->packets = NULL;
	t->packet_number += t->count;
	if (n < 0) {
		n = refuse_rest(t, &t->pending);
		if (t->count == 0) {
			if (e != NULL)
				*e = t->pending;
			return n;
		}
	}
	return (int)t->count;
}

uint64_t
tap_drops(struct tap *t)
{
	struct tpacket_stats stats = {0};
	socklen_t size = sizeof(stats);

	/* Not pcap_stats(): it opens files of sysfs, which the jail forbids.  Reading resets the
	 * counters. */
	if (t->live &&
	    getsockopt(pcap_fileno(t->pcap), SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
		t->drops += stats.tp_drops;
	return t->drops;
}
