/* SPDX-License-Identifier: ISC */
/* What history_pack.c and history_unpack.c agree on.  Pure.  bulkhead-guard, replay. */
#ifndef POLICY_HISTORY_PRIVATE_H
#define POLICY_HISTORY_PRIVATE_H

#include "base/wire.h"
#include "policy/history_pack.h"

#define HISTORY_MAGIC UINT32_C(0x42484831) /* "BHH1" */
#define HISTORY_SLOTS 256

/* First byte of an entry: kind, bits, visibility; kinds from here on are marks. */
#define HISTORY_KIND_BITS 0x0f
#define HISTORY_KIND_MARK (unsigned)OBS__COUNT
#define HISTORY_OPEN	  0x10 /* the session's server, destination and port follow */
#define HISTORY_MANY	  0x20 /* copies and how many of them are different follow */
/* Second byte: the observation's flags, and one of ours. */
#define HISTORY_FLAGS	      0x1f
#define HISTORY_WHILE_BLOCKED 0x20

enum history_type { HISTORY_TYPE_TEXT, HISTORY_TYPE_ADDR, HISTORY_TYPE_SLOT };

/* 64 bits of a hash to the 32 that are kept; never 0 but for 0, which means "not known". */
uint32_t history_fold(uint64_t hash);
/* "#1a2b3c4d": a domain of which only the hash is known. */
const char *history_hex(char buf[12], uint64_t hash);
/* Of a head without its last eight bytes, and its payload.  It finds damage, not malice. */
uint64_t history_checksum(const uint8_t *head, const uint8_t *payload, size_t size);

#endif
