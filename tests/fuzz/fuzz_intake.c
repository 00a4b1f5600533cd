/* SPDX-License-Identifier: ISC */
/* A support mail: MIME, names, words, the kinds of its files, and the wire form there and back. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "whitelist/check.h"
#include "whitelist/check_intake.h"
#include "whitelist/check_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct intake intake, back;
	static uint8_t buf[CHECK_WIRE_MAX];
	static int scratch = -1;
	uint64_t used = 0;
	long n;

	if (scratch < 0) {
		check_message_init();
		scratch = memfd_create("scratch", MFD_CLOEXEC);
	}
	if (ftruncate(scratch, 0) != 0 || lseek(scratch, 0, SEEK_SET) != 0)
		abort();
	check_intake(&intake, (const char *)data, size, scratch);
	/* Every file that was taken lies in the scratch file, and they do not overlap. */
	for (unsigned i = 0; i < intake.file_count; i++) {
		const struct intake_file *f = &intake.files[i];

		if (f->trouble != INTAKE_FINE)
			continue;
		if (f->offset != used || f->kind >= EVIDENCE__COUNT)
			abort();
		used += f->size;
	}
	if (lseek(scratch, 0, SEEK_END) != (off_t)used)
		abort();
	n = intake_encode(&intake, buf, sizeof(buf));
	if (n <= 0 || intake_decode(&back, buf, (size_t)n) != 0 ||
	    memcmp(&intake.words, &back.words, sizeof(back.words)) != 0)
		abort();
	(void)intake_decode(&back, data, size);
	return 0;
}
