/* SPDX-License-Identifier: ISC */
/*
 * The way of a refused server's new connections to bulkhead-notice, as text for nft.  Pure.
 * bulkhead-guard (enforcer child).
 */
#ifndef POLICY_ENFORCE_NOTICE_H
#define POLICY_ENFORCE_NOTICE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "policy/enforce.h"

/* The chain that doors of routed links jump to; those of bridged links jump to "smtp". */
#define ENFORCE_NOTICE_CHAIN "smtp_notice"

/* True when the settings ask for it and the kernel can. */
bool enforce_notice_is_on(const struct enforce_config *cfg, uint32_t features);

/* Sets and side chains of family netdev or inet that enforce_notice_write_invite() goes to. */
void enforce_notice_write(
    FILE *f, const struct enforce_config *cfg, const char *family, const char *refuse);
/* The rules that stand in `chain` before the set of blocked interfaces is asked.  The packet was
 * found to be no relay's. */
void enforce_notice_write_invite(
    FILE *f, const struct enforce_config *cfg, const char *family, const char *chain);
/* The base chains of family inet that redirect what was invited and refuse the rest. */
void enforce_notice_write_redirect(FILE *f, const struct enforce_config *cfg);

#endif
