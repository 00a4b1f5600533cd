/* SPDX-License-Identifier: ISC */
/*
 * Harness of sensor/capture_file: the input is a capture file, and what libpcap reads in it is the
 * judge: as many packets, the same ones, and a damaged file is damaged for both.
 */
#include <pcap.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sensor/capture_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
compare_packet(const struct packet *ours, const struct pcap_pkthdr *theirs, const u_char *data)
{
	uint32_t wirelen = theirs->len < theirs->caplen ? theirs->caplen : theirs->len;

	if (ours->caplen != theirs->caplen || ours->wirelen != wirelen ||
	    ours->time_ns != (int64_t)theirs->ts.tv_sec * 1000000000 + theirs->ts.tv_usec ||
	    memcmp(ours->data, data, ours->caplen) != 0) {
		fprintf(stderr, "time %lld, %u of %u bytes for %lld.%lld, %u of %u\n",
		    (long long)ours->time_ns, ours->caplen, ours->wirelen,
		    (long long)theirs->ts.tv_sec, (long long)theirs->ts.tv_usec, theirs->caplen,
		    theirs->len);
		abort();
	}
}

static void
compare_files(struct capture_file *ours, pcap_t *theirs)
{
	char reason[CAPTURE_FILE_REASON_BYTES];
	struct packet packets[7];
	struct pcap_pkthdr *header;
	const u_char *data;
	int n;

	while ((n = capture_file_read(ours, packets, 7, 1, reason)) > 0)
		for (int i = 0; i < n; i++) {
			if (pcap_next_ex(theirs, &header, &data) != 1)
				abort();
			compare_packet(&packets[i], header, data);
		}
	if (pcap_next_ex(theirs, &header, &data) != (n == 0 ? PCAP_ERROR_BREAK : PCAP_ERROR))
		abort();
	if (n < 0 && strcmp(reason, pcap_geterr(theirs)) != 0) {
		fprintf(stderr, "\"%s\" for \"%s\"\n", reason, pcap_geterr(theirs));
		abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char reason[PCAP_ERRBUF_SIZE];
	struct capture_file *ours = NULL;
	int fd = memfd_create("capture", 0);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	int r = capture_file_open(&ours, fd);
	if (r < 0)
		abort();
	if (r == 1) {
		FILE *again = fmemopen((void *)(uintptr_t)data, size, "rb");
		pcap_t *theirs = again == NULL ? NULL
					       : pcap_fopen_offline_with_tstamp_precision(
						     again, PCAP_TSTAMP_PRECISION_NANO, reason);
		/* Link types that need work on the packets are not taken from us by tap.c. */
		if (theirs == NULL)
			abort();
		if (pcap_datalink(theirs) == DLT_EN10MB || pcap_datalink(theirs) == DLT_RAW ||
		    pcap_datalink(theirs) == DLT_LINUX_SLL2)
			compare_files(ours, theirs);
		pcap_close(theirs);
	}
	capture_file_free(ours);
	close(fd);
	return 0;
}
