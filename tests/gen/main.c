/* SPDX-License-Identifier: ISC */
/*
 * smtpgen: writes capture files of SMTP traffic for golden tests, benchmarks and demonstrations,
 * and prints what really happened in them, one JSON line per server.  See README.md.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "tests/gen/scenarios.h"

static void
print_truth(const struct scene *s)
{
	char text[ADDR_TEXT_BYTES];

	for (unsigned i = 0; i < s->count; i++) {
		const struct gen_truth *t = &s->list[i].truth;
		printf(
		    "{\"server\":\"%s\",\"sessions\":%u,\"sessions_tls\":%u,\"connects_failed\":%u,"
		    "\"messages\":%u,\"messages_tls\":%u,\"recipients_accepted\":%u,"
		    "\"recipients_rejected\":%u,\"recipients_deferred\":%u,\"recipients_tls\":%u}"
		    "\n",
		    addr_format(text, &s->list[i].addr), t->sessions, t->sessions_tls,
		    t->connects_failed, t->messages, t->messages_tls, t->recipients_accepted,
		    t->recipients_rejected, t->recipients_deferred, t->recipients_tls);
	}
}

static void
usage(FILE *out)
{
	fputs("usage: smtpgen SCENARIO -o FILE [--seed N] [--servers N] [--messages N]\n"
	      "               [--link ethernet|sll2] [--snaplen N]\n",
	    out);
	for (size_t i = 0; i < scenario_count; i++)
		fprintf(out, "  %-18s %s\n", scenarios[i].name, scenarios[i].help);
}

static unsigned long
number(const char *option, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n > 100000000) {
		fprintf(stderr, "smtpgen: --%s wants a number up to 100000000, not '%s'\n", option,
		    text);
		exit(2);
	}
	return n;
}

static const struct scenario *
scenario_find(const char *name)
{
	for (size_t i = 0; i < scenario_count; i++)
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	fprintf(stderr, "smtpgen: no scenario is called '%s': smtpgen --help lists them\n", name);
	exit(2);
}

static int
write_scenario(struct scene *s, const struct scenario *row, const char *path)
{
	FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb");

	if (file == NULL) {
		fprintf(stderr, "smtpgen: %s cannot be written: %s\n", path, strerror(errno));
		return 1;
	}
	gen_set_file(s->g, file);
	row->run(s, row);
	gen_flush(s->g, INT64_MAX);
	bool bad = ferror(file) != 0;
	if (file != stdout && fclose(file) != 0)
		bad = true;
	if (bad) {
		fprintf(
		    stderr, "smtpgen: %s was not written completely: is the disk full?\n", path);
		return 1;
	}
	if (file != stdout)
		print_truth(s);
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"seed", required_argument, NULL, 's'},
	    {"servers", required_argument, NULL, 'k'}, {"messages", required_argument, NULL, 'm'},
	    {"link", required_argument, NULL, 'l'}, {"snaplen", required_argument, NULL, 'n'},
	    {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	static struct scene s = {.now = START_NS, .next_port = 40000};
	unsigned long seed = 1, snaplen = 0;
	const char *path = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		switch (option) {
		case 'o':
			path = optarg;
			break;
		case 's':
			seed = number("seed", optarg);
			break;
		case 'k':
			s.servers = (unsigned)number("servers", optarg);
			break;
		case 'm':
			s.messages = (unsigned)number("messages", optarg);
			break;
		case 'l':
			s.tap = strcmp(optarg, "sll2") == 0 ? 10 : 0;
			break;
		case 'n':
			snaplen = number("snaplen", optarg);
			break;
		default:
			usage(option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	if (optind + 1 != argc || path == NULL) {
		usage(stderr);
		return 2;
	}
	const struct scenario *row = scenario_find(argv[optind]);
	s.g = gen_new(seed, s.tap > 0 ? GEN_LINK_SLL2 : GEN_LINK_ETHERNET, (uint32_t)snaplen);
	int code = write_scenario(&s, row, path);
	gen_free(s.g);
	return code;
}
