/* SPDX-License-Identifier: ISC */
/* What the files of the traffic generator share.  Test programs and smtpgen(main.c). */
#ifndef TESTS_GEN_SMTPGEN_PRIVATE_H
#define TESTS_GEN_SMTPGEN_PRIVATE_H

#include "tests/gen/smtpgen.h"

/* Memory, or the end of the program. */
void *gen_must(void *memory);

/* Adds a frame, cut at the generator's snaplen. */
void gen_store(struct gen *g, int64_t time_ns, const uint8_t *frame, size_t size);
uint32_t gen_linktype(const struct gen *g);

#endif
