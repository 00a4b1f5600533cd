/* SPDX-License-Identifier: ISC */
/* Capture files good and bad, the kernel filter on made packets, the loopback device where
 * permitted. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <pcap.h>

#include "sensor/tap.h"
#include "sensor/tap_filter.h"
#include "tests/unit/scratch.h"

static char path[64];

/* --- files -------------------------------------------------------------------------------------
 */

static const uint8_t header_micro[24] = {
    0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0};

static void
put32(FILE *f, uint32_t v)
{
	fwrite(&v, 4, 1, f);
}

static void
write_packets(FILE *f, unsigned count, uint32_t length)
{
	for (unsigned i = 0; i < count; i++) {
		put32(f, 1700000000 + i);
		put32(f, 5);
		put32(f, length);
		put32(f, length + 100);
		for (uint32_t n = 0; n < length; n++)
			fputc((int)(i & 0xff), f);
	}
}

static void
write_capture(unsigned count, uint32_t length)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	fwrite(header_micro, sizeof(header_micro), 1, f);
	write_packets(f, count, length);
	fclose(f);
}

static void
write_bytes(const void *data, size_t size)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	fwrite(data, 1, size, f);
	fclose(f);
}

/* Reads to the end; the number of packets, and what tap_read() said at last. */
static unsigned
read_all(struct tap *t, int *last, struct err *e)
{
	struct packet packets[32];
	unsigned total = 0;

	while ((*last = tap_read(t, packets, e)) > 0) {
		for (int i = 0; i < *last; i++, total++) {
			assert_int_equal(packets[i].linktype, 1);
			assert_true(packets[i].wirelen >= packets[i].caplen);
			for (uint32_t n = 0; n < packets[i].caplen; n++)
				assert_int_equal(packets[i].data[n], total & 0xff);
		}
	}
	return total;
}

static void
test_reads_a_file(void **state)
{
	struct tap *t;
	struct packet packets[32];
	int last;

	(void)state;
	write_capture(100, 60);
	assert_int_equal(tap_open_file(&t, path, NULL), 0);
	assert_int_equal(tap_linktype(t), 1);
	assert_int_equal(tap_read(t, packets, NULL), 32);
	assert_int_equal(packets[0].time_ns, INT64_C(1700000000000005000)); /* microseconds */
	assert_int_equal(packets[31].caplen, 60);
	assert_int_equal(packets[31].wirelen, 160);
	assert_int_equal(packets[31].data[0], 31);
	tap_close(t);
	assert_int_equal(tap_open_file(&t, path, NULL), 0);
	assert_int_equal(read_all(t, &last, NULL), 100);
	assert_int_equal(last, 0);
	assert_int_equal(tap_read(t, packets, NULL), 0); /* and stays at the end */
	assert_int_equal(tap_drops(t), 0);
	tap_close(t);
	tap_close(NULL);
}

static void
test_keeps_nanoseconds(void **state)
{
	struct tap *t;
	struct packet packets[32];
	FILE *f = fopen(path, "wb");

	(void)state;
	fwrite("\x4d\x3c\xb2\xa1", 4, 1, f);
	fwrite(header_micro + 4, 20, 1, f);
	write_packets(f, 1, 10);
	fclose(f);
	assert_int_equal(tap_open_file(&t, path, NULL), 0);
	assert_int_equal(tap_read(t, packets, NULL), 1);
	assert_int_equal(packets[0].time_ns, INT64_C(1700000000000000005));
	tap_close(t);
}

/* Written by a machine of the other byte order, and with a packet longer than the file promised. */
static void
test_swapped_and_cut_to_snaplen(void **state)
{
	static const uint8_t file[] = {0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0,
	    0, 0, 0, 4, 0, 0, 0, 101, 0x65, 0x53, 0xf1, 0, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 9, 'a',
	    'b', 'c', 'd', 'e', 'f'};
	struct tap *t;
	struct packet packets[32];

	(void)state;
	write_bytes(file, sizeof(file));
	assert_int_equal(tap_open_file(&t, path, NULL), 0);
	assert_int_equal(tap_linktype(t), DLT_RAW);
	assert_int_equal(tap_read(t, packets, NULL), 1);
	assert_int_equal(packets[0].time_ns, INT64_C(1700000000000005000));
	assert_int_equal(packets[0].linktype, DLT_RAW);
	assert_int_equal(packets[0].caplen, 4);
	assert_int_equal(packets[0].wirelen, 9);
	assert_memory_equal(packets[0].data, "abcd", 4);
	assert_int_equal(tap_read(t, packets, NULL), 0);
	tap_close(t);
}

/* The largest packets: a batch ends where the arena does, and nothing is lost. */
static void
test_large_packets(void **state)
{
	struct tap *t;
	int last;

	(void)state;
	write_capture(40, 262144);
	assert_int_equal(tap_open_file(&t, path, NULL), 0);
	assert_int_equal(read_all(t, &last, NULL), 40);
	assert_int_equal(last, 0);
	tap_close(t);
}

static void
test_cut_file(void **state)
{
	struct tap *t;
	struct err e = {0};
	int last;

	(void)state;
	write_capture(40, 60);
	assert_int_equal(truncate(path, 24 + 39 * 76 + 30), 0);
	assert_int_equal(tap_open_file(&t, path, NULL), 0);
	assert_int_equal(read_all(t, &last, &e), 39);
	assert_int_equal(last, -EBADMSG);
	assert_non_null(strstr(e.text, path));
	assert_non_null(strstr(e.text, "after packet 39"));
	assert_int_equal(tap_read(t, (struct packet[32]){0}, &e), -EBADMSG); /* and stays so */
	tap_close(t);
	/* Cut in the first packet, and a length that no packet has. */
	assert_int_equal(truncate(path, 24 + 8), 0);
	assert_int_equal(tap_open_file(&t, path, NULL), 0);
	assert_int_equal(read_all(t, &last, &e), 0);
	assert_int_equal(last, -EBADMSG);
	tap_close(t);
	FILE *f = fopen(path, "r+b");
	fseek(f, 24 + 8, SEEK_SET);
	put32(f, 0xffffffff);
	put32(f, 0xffffffff);
	fclose(f);
	assert_int_equal(tap_open_file(&t, path, NULL), 0);
	assert_int_equal(read_all(t, &last, &e), 0);
	assert_int_equal(last, -EBADMSG);
	tap_close(t);
}

static void
refuse_file(const char *name, int code, const char *word)
{
	struct tap *t = NULL;
	struct err e = {0};

	assert_int_equal(tap_open_file(&t, name, &e), code);
	assert_null(t);
	assert_non_null(strstr(e.text, name));
	if (strstr(e.text, word) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", e.text, word);
}

static void
test_files_that_are_none(void **state)
{
	uint8_t usb[24];

	(void)state;
	refuse_file("/nowhere/at.pcap", -ENOENT, "No such file");
	refuse_file(scratch, -EISDIR, "is a folder");
	write_bytes("", 0);
	refuse_file(path, -EBADMSG, "is empty");
	write_bytes("From: me\r\nTo: you\r\n\r\nHello, this is no capture at all.\r\n", 57);
	refuse_file(path, -EBADMSG, "is not a capture file");
	write_bytes("abc", 3);
	refuse_file(path, -EBADMSG, "is not a capture file");
	write_bytes(header_micro, 10);
	refuse_file(path, -EBADMSG, "is not a capture file");
	write_bytes("\x0a\x0d\x0d\x0a\xff\xff\xff\xff", 8);
	refuse_file(path, -EBADMSG, "capture file");
	memcpy(usb, header_micro, sizeof(usb));
	usb[20] = 189;
	write_bytes(usb, sizeof(usb));
	refuse_file(path, -ENOTSUP, "link type USB_LINUX");
}

/* --- the filter --------------------------------------------------------------------------------
 */

struct frame {
	uint8_t bytes[128];
	unsigned size;
};

static void
put(struct frame *f, const void *data, unsigned size)
{
	memcpy(f->bytes + f->size, data, size);
	f->size += size;
}

static void
put16(struct frame *f, unsigned v)
{
	put(f, (const uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

/* Ethernet or cooked header, tags, IPv4 or IPv6, TCP or UDP with a payload. */
static void
make_frame(struct frame *f, int linktype, unsigned tags, bool v6, uint8_t protocol, unsigned from,
    unsigned to, const char *payload)
{
	unsigned type = v6 ? 0x86dd : 0x0800;
	uint8_t ip4[20] = {0x45}, ip6[40] = {0x60}, tcp[20] = {0};

	memset(f, 0, sizeof(*f));
	if (linktype == DLT_EN10MB)
		f->size = 12;
	for (unsigned i = 0; linktype == DLT_EN10MB && i < tags; i++) {
		put16(f, 0x8100);
		put16(f, 100 + i);
	}
	put16(f, linktype == DLT_LINUX_SLL2 && tags > 0 ? 0x8100 : type);
	if (linktype == DLT_LINUX_SLL2) {
		f->size = 20;
		if (tags > 0) {
			put16(f, 101);
			put16(f, type);
		}
	}
	ip4[9] = ip6[6] = protocol;
	put(f, v6 ? ip6 : ip4, v6 ? 40 : 20);
	tcp[12] = 0x50;
	tcp[0] = (uint8_t)(from >> 8);
	tcp[1] = (uint8_t)from;
	tcp[2] = (uint8_t)(to >> 8);
	tcp[3] = (uint8_t)to;
	put(f, tcp, protocol == 6 ? 20 : 8);
	put(f, payload, (unsigned)strlen(payload));
}

struct filter_case {
	uint8_t protocol;
	unsigned from, to;
	const char *payload;
	bool wanted;	 /* without odd_ports */
	bool wanted_odd; /* with */
};

static const struct filter_case filter_cases[] = {
    {6, 40000, 25, "", true, true},
    {6, 25, 40000, "", true, true},
    {6, 40000, 465, "", true, true},
    {6, 2525, 40000, "data", true, true},
    {6, 40000, 443, "", false, false},
    {6, 40000, 443, "GET / HTTP/1.1", false, false},
    {6, 40000, 24, "", false, false},
    {6, 40000, 26, "EHLO x\r\n", false, true},
    {6, 40000, 26, "ehlo x\r\n", false, true},
    {6, 26, 40000, "220 hello\r\n", false, true},
    {6, 26, 40000, "220-hello\r\n", false, true},
    {6, 40000, 8025, "MAIL FROM:<a@b>\r\n", false, true},
    {17, 40000, 53, "question", true, true},
    {17, 53, 40000, "answer", false, false},
    {6, 53, 40000, "answer", true, true},
    {17, 40000, 25, "", false, false},
    {1, 40000, 25, "", false, false},
};

static void
check_filter(int linktype, bool odd_ports)
{
	static const uint16_t ports[] = {25, 465, 587, 2525};
	char text[TAP_FILTER_BYTES];
	struct bpf_program program;
	pcap_t *p = pcap_open_dead(linktype, 4096);

	assert_int_equal(
	    tap_filter_text(text, sizeof(text), (uint32_t)linktype, ports, 4, odd_ports), 0);
	if (pcap_compile(p, &program, text, 1, PCAP_NETMASK_UNKNOWN) != 0)
		fail_msg("%s: %s", text, pcap_geterr(p));
	for (size_t i = 0; i < sizeof(filter_cases) / sizeof(filter_cases[0]); i++) {
		for (unsigned variant = 0; variant < 6; variant++) {
			const struct filter_case *c = &filter_cases[i];
			unsigned tags = variant / 2;
			bool wanted = odd_ports ? c->wanted_odd : c->wanted;
			struct frame f;

			/* Behind tags: mail ports in full, DNS only on Ethernet, no odd ports. */
			if (tags > 0)
				wanted = c->wanted &&
					 (linktype == DLT_EN10MB || (c->from != 53 && c->to != 53));
			make_frame(&f, linktype, tags, variant % 2 == 1, c->protocol, c->from,
			    c->to, c->payload);
			struct pcap_pkthdr h = {.caplen = f.size, .len = f.size};
			bool got = pcap_offline_filter(&program, &h, f.bytes) != 0;
			if (got != wanted)
				fail_msg("linktype %d, odd %d, case %zu, tags %u, v%c: got %d",
				    linktype, odd_ports, i, tags, variant % 2 == 1 ? '6' : '4',
				    got);
		}
	}
	pcap_freecode(&program);
	pcap_close(p);
}

/* IPv4 with flags and offset, or IPv6 with the first two next headers; the rest of the packet tells no ports. */
static bool
passes(int linktype, bool v6, unsigned first, unsigned second)
{
	static const uint16_t ports[] = {25, 465, 587, 2525};
	char text[TAP_FILTER_BYTES];
	struct bpf_program program;
	struct frame f;
	pcap_t *p = pcap_open_dead(linktype, 4096);

	assert_int_equal(
	    tap_filter_text(text, sizeof(text), (uint32_t)linktype, ports, 4, false), 0);
	assert_int_equal(pcap_compile(p, &program, text, 1, PCAP_NETMASK_UNKNOWN), 0);
	make_frame(&f, linktype, 0, v6, (uint8_t)first, 0, 0, "..................................");
	uint8_t *ip = f.bytes + (linktype == DLT_EN10MB ? 14 : 20);
	if (v6) {
		ip[40] = (uint8_t)second;
		ip[43] = (uint8_t)(second >> 8); /* the offset of a piece */
	} else {
		ip[6] = (uint8_t)(second >> 8);
		ip[7] = (uint8_t)second;
	}
	struct pcap_pkthdr h = {.caplen = f.size, .len = f.size};
	bool got = pcap_offline_filter(&program, &h, f.bytes) != 0;
	pcap_freecode(&program);
	pcap_close(p);
	return got;
}

/* What no port can be read from passes when it may be TCP, and only then. */
static void
test_filter_of_divided_packets(void **state)
{
	static const int links[] = {DLT_EN10MB, DLT_LINUX_SLL2};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_true(passes(links[i], false, 6, 0x2000)); /* a first piece */
		assert_true(passes(links[i], false, 6, 0x20b9)); /* a middle one */
		assert_true(passes(links[i], false, 6, 0x00b9)); /* a last one */
		assert_false(
		    passes(links[i], false, 6, 0x4000)); /* "do not fragment", of another port */
		assert_false(passes(links[i], false, 17, 0x2000));
		assert_false(passes(links[i], false, 17, 0x00b9));
		assert_false(passes(links[i], false, 1, 0x00b9));
		assert_true(passes(links[i], true, 44, 6)); /* a piece of TCP */
		assert_true(passes(links[i], true, 60, 6)); /* destination options before TCP */
		assert_true(passes(links[i], true, 0, 44)); /* hop-by-hop options before a piece */
		assert_true(passes(links[i], true, 43, 60));
		assert_true(passes(links[i], true, 51, 6));
		assert_false(passes(links[i], true, 44, 17)); /* the first piece of UDP */
		assert_true(
		    passes(links[i], true, 44, 17 | 64 << 8)); /* nobody believes a later one */
		assert_false(passes(links[i], true, 0, 58));   /* multicast listener report */
		assert_false(passes(links[i], true, 50, 6));   /* encrypted */
		assert_false(passes(links[i], true, 58, 6));
	}
}

static void
test_filter(void **state)
{
	char small[32];
	static const uint16_t port = 25;

	(void)state;
	check_filter(DLT_EN10MB, false);
	check_filter(DLT_EN10MB, true);
	check_filter(DLT_LINUX_SLL2, false);
	check_filter(DLT_LINUX_SLL2, true);
	assert_int_equal(tap_filter_text(small, sizeof(small), 1, &port, 1, true), -ENOBUFS);
}

/* --- live --------------------------------------------------------------------------------------
 */

static const uint16_t live_ports[] = {25, 8025};

static struct tap_live_config
live_config(const char *device)
{
	return (struct tap_live_config){
	    .device = device,
	    .snaplen = 256,
	    .ring_bytes = 1 << 20,
	    .ports = live_ports,
	    .port_count = 2,
	};
}

static void
test_no_such_device(void **state)
{
	struct tap_live_config cfg = live_config("bh-none0");
	struct tap *t = NULL;
	struct err e = {0};
	int r = tap_open_live(&t, &cfg, &e);

	(void)state;
	assert_null(t);
	if (r == -EPERM)
		skip();
	assert_int_equal(r, -ENODEV);
	assert_non_null(strstr(e.text, "bh-none0"));
	assert_non_null(strstr(e.text, "any, lo"));
}

static void
test_no_permission(void **state)
{
	pid_t child;
	int status;

	(void)state;
	child = fork();
	if (child == 0) {
		struct tap_live_config cfg = live_config("lo");
		struct tap *t;
		struct err e = {0};

		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(1);
		_exit(
		    tap_open_live(&t, &cfg, &e) == -EPERM && strstr(e.text, "CAP_NET_RAW") ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* A connection that is refused: two packets on the loopback, four with each crossing of `any`. */
static void
knock(unsigned port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	(void)!connect(fd, (struct sockaddr *)&sa, sizeof(sa));
	close(fd);
}

static void
watch_loopback(const char *device, uint32_t linktype)
{
	struct tap_live_config cfg = live_config(device);
	struct pollfd p = {.events = POLLIN};
	struct packet packets[32];
	struct tap *t = NULL;
	struct err e = {0};
	int zero = 0, total = 0, r = tap_open_live(&t, &cfg, &e);

	if (r == -EPERM) {
		print_message("skipped: %s\n", e.text);
		skip();
	}
	assert_int_equal(r, 0);
	assert_int_equal(tap_linktype(t), linktype);
	p.fd = tap_fd(t);
	/* Locked: not even root takes the filter off. */
	assert_int_equal(setsockopt(p.fd, SOL_SOCKET, SO_DETACH_FILTER, &zero, sizeof(zero)), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(tap_read(t, packets, &e), 0); /* does not block */
	knock(8026);
	assert_int_equal(poll(&p, 1, 50), 0);
	knock(8025);
	while (total < 2 && poll(&p, 1, 20000) == 1) {
		int n = tap_read(t, packets, &e);

		assert_true(n >= 0);
		for (int i = 0; i < n; i++) {
			assert_true(packets[i].caplen <= 256);
			assert_int_equal(packets[i].linktype, linktype);
		}
		total += n;
	}
	assert_true(total >= 2);
	assert_int_equal(tap_drops(t), 0);
	tap_close(t);
}

static void
test_watches_a_device(void **state)
{
	(void)state;
	watch_loopback("lo", DLT_EN10MB);
}

static void
test_watches_any(void **state)
{
	(void)state;
	watch_loopback("any", DLT_LINUX_SLL2);
}

static int
set_up(void **state)
{
	if (scratch_make(state) < 0)
		return -1;
	/* A loopback that no other test knocks at; who may not have one may not capture either. */
	if (unshare(CLONE_NEWNET) == 0 && system("ip link set lo up") != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/a.pcap", scratch);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reads_a_file),
	    cmocka_unit_test(test_keeps_nanoseconds),
	    cmocka_unit_test(test_swapped_and_cut_to_snaplen),
	    cmocka_unit_test(test_large_packets),
	    cmocka_unit_test(test_cut_file),
	    cmocka_unit_test(test_files_that_are_none),
	    cmocka_unit_test(test_filter),
	    cmocka_unit_test(test_filter_of_divided_packets),
	    cmocka_unit_test(test_no_such_device),
	    cmocka_unit_test(test_no_permission),
	    cmocka_unit_test(test_watches_a_device),
	    cmocka_unit_test(test_watches_any),
	};

	return cmocka_run_group_tests(tests, set_up, scratch_remove);
}
