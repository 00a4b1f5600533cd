/* SPDX-License-Identifier: ISC */
/*
 * Frames in which nftables finds no TCP port by itself: more than one VLAN tag, SNAP, and IPv6
 * fragments that leave the port to the second one.  bulkhead-guard (enforcer child).
 */
#ifndef POLICY_ENFORCE_ODD_H
#define POLICY_ENFORCE_ODD_H

#include <stdbool.h>
#include <stdio.h>

#include "policy/enforce_layout.h"

/* Chains "piece" and, but in inet (whose packets have lost their tags), "odd" with what it leads to;
 * "brake" must exist when has_brake. */
void enforce_odd_write(FILE *f, const char *table, enum enforce_family family, bool has_brake);
/* The rules that lead there, for a base chain; behind its rule for TCP port 25. */
void enforce_odd_write_entry(
    FILE *f, const char *table, enum enforce_family family, const char *chain);
/* What of a fragmented packet to port 25 goes to the brake: its flags may lie in the next one. */
void enforce_odd_write_brake(FILE *f, const char *family, const char *table, const char *chain);

#endif
