/* SPDX-License-Identifier: ISC */
/*
 * The handlers and printers behind the rows of the table in main.c; one cmd_*.c per family.
 * bulkhead (CLI).
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "base/clock.h"
#include "cli/command.h"

typedef int command_run(struct context *ctx, json_t **data, struct err *e);
typedef void command_print(struct output *out, const json_t *data);

command_run cmd_status;
command_print print_status;

extern const struct option options_server_set[], options_server_import[];
command_run cmd_server_import_libvirt; /* a branch of server import */
command_run cmd_server_list, cmd_server_show, cmd_server_import, cmd_server_set, cmd_server_remove;
command_print print_servers, print_server, print_import, print_removed;

extern const struct option options_block[], options_pin[], options_release[], options_mode[];
command_run cmd_block, cmd_pin, cmd_release, cmd_mode;
command_print print_blocked, print_released, print_mode;

extern const struct option options_cases[];
command_run cmd_cases;
command_print print_cases;

extern const struct option options_explain[];
command_run cmd_explain;
command_print print_explain;

extern const struct option options_apply[], options_attach[], options_list[], options_approve[],
    options_reason[], options_ask[], options_renew[], options_submit[], options_dossier[],
    options_check[], options_intake[];
command_run cmd_whitelist_apply, cmd_whitelist_attach, cmd_whitelist_list, cmd_whitelist_show,
    cmd_whitelist_approve, cmd_whitelist_reject, cmd_whitelist_ask, cmd_whitelist_revoke,
    cmd_whitelist_renew, cmd_whitelist_submit, cmd_whitelist_suspend, cmd_whitelist_resume,
    cmd_whitelist_import, cmd_whitelist_dossier, cmd_whitelist_check, cmd_whitelist_intake,
    cmd_whitelist_recheck, cmd_whitelist_review;
/* The number of an application, the first operand, as the arguments of a request. */
int cmd_whitelist_id(struct context *ctx, json_t **args, struct err *e);
/* ": 61 % of today's 5,000", or "" for a grant without a volume; returns buf. */
const char *grant_share(char *buf, size_t size, const json_t *grant);
command_print print_application, print_application_whole, print_applications, print_grant,
    print_whitelist_import, print_dossier, print_checks, print_intake, print_rechecks;

extern const struct option options_replay[];
command_run cmd_replay;
command_print print_replay;

command_run cmd_config_check, cmd_config_show;
command_print print_config_check, print_config_show;

extern const struct option options_ledger_verify[], options_ledger_show[];
command_run cmd_ledger_verify, cmd_ledger_show, cmd_ledger_head;
command_print print_ledger_verify, print_ledger, print_ledger_head;

extern const struct option options_metrics[];
command_run cmd_metrics;
command_print print_metrics;
/* A status as OpenMetrics text, heap; NULL without memory. */
char *metrics_text(const json_t *status);

extern const struct option options_top[];
command_run cmd_top;

extern const struct option options_events[];
command_run cmd_events;
command_print print_events;
/* A ledger entry in the names of the Elastic Common Schema (new reference). */
json_t *events_ecs(const json_t *entry, const char *host);

extern const struct option options_abuse_list[];
command_run cmd_abuse_import, cmd_abuse_list, cmd_abuse_report;
command_print print_complaint, print_complaints, print_abuse_report;

extern const struct option options_notice_list[], options_notice_retry[];
command_run cmd_notice_list, cmd_notice_retry;
command_print print_notices, print_notice_retry;
/* The lines of status about them; data is its member "notices". */
command_print print_status_notices;

command_run cmd_doctor;
command_print print_doctor;
/* Adds the findings about a status to a list. */
void doctor_status(json_t *list, const json_t *status);

command_run cmd_completion;
command_print print_completion;

/* Shared by the printers: the colour of a verdict ("block" ...), and seconds as "2h 5m" ("-" for
 * null). */
enum output_style verdict_style(const char *verdict);
const char *seconds_text(char buf[CLOCK_SPAN_BYTES], const json_t *seconds);

#endif
