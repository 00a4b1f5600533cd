/* SPDX-License-Identifier: ISC */
/* A whole sample mail through every check: MIME, HTML, DKIM, rules, and the report's wire form. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "whitelist/check_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct check_job job = {
	    .kind = CHECK_JOB_MESSAGE, .evidence = EVIDENCE_SAMPLE_SOURCE};
	static struct check_report report, back;
	static uint8_t buf[CHECK_WIRE_MAX];
	static bool ready;
	long n;

	if (!ready)
		check_message_init();
	ready = true;
	check_report_init(&report);
	check_message(&job, data, size, &report);
	n = check_report_encode(&report, buf, sizeof(buf));
	if (report.count == 0 || n <= 0 || check_report_decode(&back, buf, (size_t)n) != 0)
		abort();
	(void)check_report_decode(&back, data, size);
	return 0;
}
