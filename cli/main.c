/* SPDX-License-Identifier: ISC */
/*
 * bulkhead: asks the guard, or replays captures; prints text for people or JSON for programs.
 * Runs with the rights of whoever starts it and needs none of its own.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/output_json.h"

enum { EXIT_DONE, EXIT_REFUSED, EXIT_USAGE };

/* The first row is what runs without arguments. */
static const struct command commands[] = {
    {"status", "", 0, 0, NULL, "is everything well, and who is blocked",
	"  bulkhead\n  bulkhead status --json\n", cmd_status, print_status},
    {"server list", "", 0, 0, NULL, "every server with its verdict", "  bulkhead server list\n",
	cmd_server_list, print_servers},
    {"server show", "S", 1, 1, NULL, "one server: counts, scores, reasons",
	"  bulkhead server show vm-7\n", cmd_server_show, print_server},
    {"server import", "[FILE|URI]", 0, 1, options_server_import,
	"replace the inventory by a CSV or JSON file, or merge what libvirt knows",
	"  bulkhead server import servers.csv\n"
	"  bulkhead server import --libvirt\n"
	"  bulkhead server import --libvirt qemu:///system --follow --vanished remove\n"
	"  printf 'server,tenant,plan,virtualization,interfaces,macs,addresses\\n"
	"vm-7,acme,,kvm,vnet7,,192.0.2.7;2001:db8:7::/64\\n' | bulkhead server import -\n",
	cmd_server_import, print_import},
    {"server set", "S KEY=VALUE...", 1, -1, options_server_set, "change or add one server",
	"  bulkhead server set vm-7 tenant=acme plan=small\n"
	"  bulkhead server set vm-8 --new virtualization=kvm interfaces=vnet8 "
	"addresses='192.0.2.8'\n",
	cmd_server_set, print_server},
    {"server remove", "S", 1, 1, NULL, "forget one server", "  bulkhead server remove vm-7\n",
	cmd_server_remove, print_removed},
    {"explain", "S|CASE", 1, 1, options_explain, "why a server is blocked, in words for its tenant",
	"  bulkhead explain vm-7\n  bulkhead explain bh-abcdefghij --lang ru\n"
	"  bulkhead explain bh-abcdefghij --replay          # does the same decision come out "
	"again?\n"
	"  bulkhead explain bh-abcdefghij --observations >what-led-to-it.jsonl\n",
	cmd_explain, print_explain},
    {"cases", "[S]", 0, 1, options_cases, "blocks, throttles and warnings, newest first",
	"  bulkhead cases\n  bulkhead cases vm-7\n"
	"  bulkhead cases --shadow --blocks     # who would have been blocked in observe mode\n",
	cmd_cases, print_cases},
    {"block", "S", 1, 1, options_block, "close port 25 for a server",
	"  bulkhead block vm-7 --reason 'complaints from example.org'\n"
	"  bulkhead block vm-7 --reason 'until Monday' --for 2d\n",
	cmd_block, print_blocked},
    {"pin", "S", 1, 1, options_pin, "close port 25 until a person releases it",
	"  bulkhead pin vm-7 --reason 'contract ended'\n", cmd_pin, print_blocked},
    {"release", "S", 0, 1, options_release, "open port 25 again and zero the scores",
	"  bulkhead release vm-7 --reason 'queue cleared'\n"
	"  bulkhead release --all --reason 'sensor fault'\n",
	cmd_release, print_released},
    {"mode", "[observe|enforce|inherit]", 0, 1, options_mode,
	"show or set whether blocks reach the kernel",
	"  bulkhead mode\n  bulkhead mode enforce\n  bulkhead mode observe --server vm-7\n"
	"  bulkhead mode enforce --plan small\n  bulkhead mode inherit --server vm-7\n",
	cmd_mode, print_mode},
    {"whitelist apply", "S...", 1, 16, options_apply, "file an application with its evidence",
	"  bulkhead whitelist apply vm-7 --consent form.png --sample mail.eml --sample-picture "
	"mail.png \\\n"
	"      --unsubscribe-picture page.png --domain news.example.com --per-day 5000 --list-size "
	"4800 \\\n"
	"      --list-origin 'subscription form of the shop' --contact owner@example.com\n"
	"  # a registration form needs the extract of the rules beside it\n"
	"  bulkhead whitelist apply vm-7 --consent register.png --rules rules.txt ...\n",
	cmd_whitelist_apply, print_application},
    {"whitelist intake", "[FILE]", 0, 1, options_intake, "make a draft of a support mail",
	"  bulkhead whitelist intake < mail.eml\n"
	"  bulkhead whitelist intake --to 4 < answer.eml\n",
	cmd_whitelist_intake, print_intake},
    {"whitelist list", "", 0, 0, options_list, "every application",
	"  bulkhead whitelist list\n  bulkhead whitelist list --state submitted\n",
	cmd_whitelist_list, print_applications},
    {"whitelist show", "N", 1, 1, NULL, "one application with its evidence and what it lacks",
	"  bulkhead whitelist show 3\n", cmd_whitelist_show, print_application_whole},
    {"whitelist attach", "N FILE...", 2, -1, options_attach, "add evidence to an application",
	"  bulkhead whitelist attach 3 --kind unsubscribe-page page.png\n", cmd_whitelist_attach,
	print_application},
    {"whitelist check", "N", 1, 1, options_check, "run the machine checks of what was submitted",
	"  bulkhead whitelist check 3\n  bulkhead whitelist check 3 --dkim-keys keys.txt\n"
	"  bulkhead whitelist check 3 --online\n",
	cmd_whitelist_check, print_checks},
    {"whitelist recheck", "[N]", 0, 1, NULL, "make the online checks of granted mail again",
	"  bulkhead whitelist recheck\n  bulkhead whitelist recheck 3\n", cmd_whitelist_recheck,
	print_rechecks},
    {"whitelist approve", "N", 1, 1, options_approve, "give what was asked, until a date",
	"  bulkhead whitelist approve 3\n  bulkhead whitelist approve 3 --per-day 2000 --until "
	"90d\n"
	"  bulkhead whitelist approve 3 --override --reason 'known customer, picture follows'\n",
	cmd_whitelist_approve, print_application},
    {"whitelist review", "N", 1, 1, NULL,
	"take an application into review, also one that was refused",
	"  bulkhead whitelist review 3\n", cmd_whitelist_review, print_application},
    {"whitelist reject", "N", 1, 1, options_reason, "refuse an application",
	"  bulkhead whitelist reject 3 --reason 'the list was bought'\n", cmd_whitelist_reject,
	print_application},
    {"whitelist ask", "N", 1, 1, options_ask, "ask the applicant for more",
	"  bulkhead whitelist ask 3 --message 'please send the page behind the unsubscribe link'\n",
	cmd_whitelist_ask, print_application},
    {"whitelist revoke", "N", 1, 1, options_reason, "take a grant back",
	"  bulkhead whitelist revoke 3 --reason 'complaints'\n", cmd_whitelist_revoke,
	print_application},
    {"whitelist renew", "N", 1, 1, options_renew, "prolong a grant",
	"  bulkhead whitelist renew 3 --until 2027-12-31\n", cmd_whitelist_renew,
	print_application},
    {"whitelist dossier", "N", 1, 1, options_dossier,
	"one page for the reviewer, to be read in a browser",
	"  bulkhead whitelist dossier 3 -o application-3.html\n", cmd_whitelist_dossier,
	print_dossier},
    {"whitelist submit", "N [S...]", 1, 17, options_submit,
	"complete a draft and hand it to the reviewers",
	"  bulkhead whitelist submit 4 vm-7 --domain news.example.com --per-day 5000 \\\n"
	"      --list-size 4800 --list-origin 'form on the shop' --contact owner@example.com\n",
	cmd_whitelist_submit, print_application},
    {"whitelist suspend", "N", 1, 1, options_reason, "stop a grant until somebody resumes it",
	"  bulkhead whitelist suspend 3 --reason 'complaints are being looked at'\n",
	cmd_whitelist_suspend, print_application},
    {"whitelist resume", "N", 1, 1, options_reason, "let a suspended grant hold again",
	"  bulkhead whitelist resume 3 --reason 'the list was cleaned'\n", cmd_whitelist_resume,
	print_application},
    {"whitelist import", "FILE", 1, 1, NULL, "take an existing whitelist over, all or nothing",
	"  bulkhead whitelist import whitelist.csv\n"
	"  printf 'server,domains,per_day,until,note\n"
	"vm-7,example.com;example.org,5000,2027-06-30,since 2019\n' | bulkhead whitelist import "
	"-\n",
	cmd_whitelist_import, print_whitelist_import},
    {"replay", "FILE...", 0, -1, options_replay,
	"what would have happened, to a capture or to what the guard saw",
	"  bulkhead replay mail.pcap\n"
	"  # before a threshold is changed: what would be different?\n"
	"  bulkhead replay --history --policy candidate.conf\n"
	"  bulkhead replay --history --since 7d --server vm-7 --policy candidate.conf --json\n"
	"  bulkhead replay --compare --policy candidate.conf mail.pcap\n"
	"  bulkhead replay --inventory servers.csv --policy strict.conf --json a.pcap b.pcap\n"
	"  tcpdump -r big.pcap -w - port 25 | bulkhead replay -\n",
	cmd_replay, print_replay},
    {"config check", "[FILE]", 0, 1, NULL, "read a configuration file and name its first error",
	"  bulkhead config check\n  bulkhead config check new.conf\n", cmd_config_check,
	print_config_check},
    {"config show", "[FILE]", 0, 1, NULL, "every key with its value and meaning",
	"  bulkhead config show\n", cmd_config_show, print_config_show},
    {"ledger verify", "", 0, 0, options_ledger_verify, "is the chain of decisions whole",
	"  bulkhead ledger verify\n  bulkhead ledger verify --head 3f1c...\n", cmd_ledger_verify,
	print_ledger_verify},
    {"ledger show", "", 0, 0, options_ledger_show, "what was decided, by whom, when",
	"  bulkhead ledger show\n  bulkhead ledger show --from 1 --json\n", cmd_ledger_show,
	print_ledger},
    {"ledger head", "", 0, 0, NULL, "the hash of the newest entry, to be noted elsewhere",
	"  bulkhead ledger head\n", cmd_ledger_head, print_ledger_head},
    {"top", "", 0, 0, options_top, "the servers on a live screen",
	"  bulkhead top\n  bulkhead top --sort hour --filter acme\n", cmd_top, NULL},
    {"events", "", 0, 0, options_events, "decisions of machine and people as they are made",
	"  bulkhead events\n  bulkhead events --follow\n"
	"  bulkhead events --follow --json     # one object per line, Elastic Common Schema\n",
	cmd_events, print_events},
    {"abuse import", "[FILE]", 0, 1, NULL,
	"take a complaint in (ARF), from standard input or a file",
	"  bulkhead abuse import <report.eml\n"
	"  # in /etc/aliases:  fbl: \"|/usr/bin/bulkhead abuse import\"\n",
	cmd_abuse_import, print_complaint},
    {"abuse list", "", 0, 0, options_abuse_list, "complaints of receivers, the newest first",
	"  bulkhead abuse list\n  bulkhead abuse list --server vm-7\n", cmd_abuse_list,
	print_complaints},
    {"abuse report", "CASE", 1, 1, NULL, "a case as a mail for its tenant, in ARF",
	"  bulkhead abuse report bh-abcdefghij | sendmail -t\n", cmd_abuse_report,
	print_abuse_report},
    {"notice list", "", 0, 0, options_notice_list, "what tenants and operators were told",
	"  bulkhead notice list\n  bulkhead notice list --state dead\n", cmd_notice_list,
	print_notices},
    {"notice retry", "[N]", 0, 1, options_notice_retry, "carry a dead letter once more",
	"  bulkhead notice retry 12\n  bulkhead notice retry --all\n", cmd_notice_retry,
	print_notice_retry},
    {"doctor", "", 0, 0, NULL, "look at host and guard, and say what to do",
	"  bulkhead doctor\n  bulkhead doctor --json | jq .ok\n", cmd_doctor, print_doctor},
    {"metrics", "", 0, 0, options_metrics, "the status as OpenMetrics text, for Prometheus",
	"  bulkhead metrics\n"
	"  bulkhead metrics --output /var/lib/prometheus/node-exporter/bulkhead.prom\n",
	cmd_metrics, print_metrics},
    {"completion", "bash|zsh", 1, 1, NULL, "the script that completes command lines",
	"  bulkhead completion bash >/etc/bash_completion.d/bulkhead\n"
	"  bulkhead completion zsh >/usr/local/share/zsh/site-functions/_bulkhead\n",
	cmd_completion, print_completion},
    {NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL},
};

/* The one sentence of a failure: as text, or for programs with the name of its code, on one line. */
static void
complain(const struct context *ctx, const struct err *e)
{
	const char *code = strerrorname_np(-e->code);
	json_t *error;

	if (!ctx->json) {
		fputs("bulkhead: ", stderr);
		output_escaped(stderr, e->text);
		fputc('\n', stderr);
		return;
	}
	error = json_pack("{s:{s:s, s:o}}", "error", "code", code != NULL ? code : "EIO", "text",
	    output_json_text(e->text));
	json_dumpf(error, stderr, JSON_COMPACT | JSON_ENSURE_ASCII);
	fputc('\n', stderr);
	json_decref(error);
}

static int
print_data(const struct context *ctx, const json_t *data)
{
	const char *lang = context_get(ctx, "lang");
	struct output out;
	int rc = 0;

	if (data == NULL) /* the command has shown what there was */
		return EXIT_DONE;
	output_init(&out, stdout);
	out.russian = lang != NULL && strcmp(lang, "ru") == 0;
	if (ctx->json)
		rc = output_json(stdout, data);
	else
		ctx->command->print(&out, data);
	if (rc < 0 || fflush(stdout) != 0 || ferror(stdout)) {
		fputs("bulkhead: the answer could not be written to standard output\n", stderr);
		return EXIT_REFUSED;
	}
	return EXIT_DONE;
}

int
main(int argc, char **argv)
{
	struct context ctx;
	enum args_wish wish;
	const char *family;
	struct err e = {0};
	json_t *data = NULL;
	int rc;

	log_init("bulkhead", LOG_LEVEL_ERROR);
	if (args_parse(commands, argc, argv, &ctx, &wish, &family, &e) < 0) {
		complain(&ctx, &e);
		return EXIT_USAGE;
	}
	if (wish == ARGS_VERSION) {
		puts("bulkhead " BULKHEAD_VERSION);
		return EXIT_DONE;
	}
	if (wish == ARGS_HELP) {
		args_help(stdout, commands, family, ctx.command);
		return EXIT_DONE;
	}
	rc = ctx.command->run(&ctx, &data, &e);
	if (rc < 0) {
		complain(&ctx, &e);
		return ctx.usage_error ? EXIT_USAGE : EXIT_REFUSED;
	}
	rc = print_data(&ctx, data);
	json_decref(data);
	return rc;
}
