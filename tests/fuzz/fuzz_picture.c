/* SPDX-License-Identifier: ISC */
/* A picture that somebody submitted. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "whitelist/check_picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct check_job job = {
	    .kind = CHECK_JOB_PICTURE, .evidence = EVIDENCE_UNSUBSCRIBE_PAGE};
	static struct check_report report;

	check_report_init(&report);
	check_picture(&job, data, size, &report);
	if (check_report_find(&report, CHECK_C5) == NULL ||
	    check_report_find(&report, CHECK_U7) == NULL)
		abort();
	return 0;
}
