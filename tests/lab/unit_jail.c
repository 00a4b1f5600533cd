/* SPDX-License-Identifier: ISC */
/*
 * Runs a program under the restrictions of a systemd unit, as far as they can be had without
 * systemd: unit_jail UNIT PROGRAM [ARG...].  Applies User=, CapabilityBoundingSet=,
 * AmbientCapabilities=, NoNewPrivileges=, RestrictAddressFamilies=, SystemCallFilter= (its groups
 * are those of systemd-analyze) and MemoryDenyWriteExecute=.  tests/lab/test_units.sh.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define VALUE_BYTES 4096

static const char *unit;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "unit_jail: %s: ", unit);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

/* All values of a key, joined by blanks, as systemd adds up lists. */
static const char *
value_of(const char *key, char out[VALUE_BYTES])
{
	FILE *f = fopen(unit, "re");
	char line[VALUE_BYTES];
	size_t used = 0, length = strlen(key);
	bool found = false;

	if (f == NULL)
		die("%s", strerror(errno));
	out[0] = '\0';
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, key, length) != 0 || line[length] != '=')
			continue;
		found = true;
		used += (size_t)snprintf(
		    out + used, VALUE_BYTES - used, "%s%s", used > 0 ? " " : "", line + length + 1);
		if (used >= VALUE_BYTES)
			die("%s is too long", key);
	}
	fclose(f);
	if (!found)
		die("has no %s=", key);
	return out;
}

/* --- user and capabilities --- */

static bool
names_capability(const char *list, cap_value_t cap)
{
	char copy[VALUE_BYTES], *save = NULL;
	cap_value_t one;

	snprintf(copy, sizeof(copy), "%s", list);
	for (char *word = strtok_r(copy, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save)) {
		if (cap_from_name(word, &one) != 0)
			die("%s is no capability", word);
		if (one == cap)
			return true;
	}
	return false;
}

static void
limit_capabilities(const char *bounding, const char *ambient, const struct passwd *user)
{
	cap_t caps = cap_init();

	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++)
		if (!names_capability(bounding, cap) && cap_drop_bound(cap) != 0)
			die("cannot leave the bounding set: %s", strerror(errno));
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setgroups(0, NULL) != 0 ||
	    setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
		die("cannot become %s: %s", user->pw_name, strerror(errno));
	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++) {
		if (!names_capability(ambient, cap))
			continue;
		cap_set_flag(caps, CAP_PERMITTED, 1, &cap, CAP_SET);
		cap_set_flag(caps, CAP_EFFECTIVE, 1, &cap, CAP_SET);
		cap_set_flag(caps, CAP_INHERITABLE, 1, &cap, CAP_SET);
	}
	if (cap_set_proc(caps) != 0)
		die("cannot keep %s: %s", ambient, strerror(errno));
	cap_free(caps);
	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++)
		if (names_capability(ambient, cap) && cap_set_ambient(cap, CAP_SET) != 0)
			die("cannot pass %s on: %s", ambient, strerror(errno));
}

/* --- system calls --- */

/* A filter of its own, as systemd does it: everything passes but socket() of other families. */
static void
restrict_families(const char *families)
{
	static const struct {
		const char *name;
		int family;
	} known[] = {
	    {"AF_UNIX", AF_UNIX},
	    {"AF_INET", AF_INET},
	    {"AF_NETLINK", AF_NETLINK},
	    {"AF_INET6", AF_INET6},
	    {"AF_PACKET", AF_PACKET},
	};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	for (int family = 0; family < AF_MAX; family++) {
		const struct scmp_arg_cmp is[] = {
		    {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)family}};
		bool allowed = false;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (known[i].family == family && strstr(families, known[i].name) != NULL)
				allowed = true;
		/* AF_INET is the beginning of AF_INET6's name. */
		if (family == AF_INET && strstr(families, "AF_INET ") == NULL &&
		    (strlen(families) < 7 ||
			strcmp(families + strlen(families) - 7, "AF_INET") != 0))
			allowed = false;
		if (!allowed && seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT),
				    SCMP_SYS(socket), 1, is) != 0)
			die("cannot restrict the address families");
	}
	if (seccomp_load(ctx) != 0)
		die("cannot load the filter of address families");
	seccomp_release(ctx);
}

/* One name, or a group with the groups inside it; what this machine does not have is skipped. */
static void
allow_calls(scmp_filter_ctx ctx, const char *name)
{
	char command[256], line[256];
	FILE *f;

	if (name[0] != '@') {
		int call = seccomp_syscall_resolve_name(name);

		if (call != __NR_SCMP_ERROR)
			seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 0);
		return;
	}
	snprintf(command, sizeof(command), "systemd-analyze --no-pager syscall-filter %.60s", name);
	f = popen(command, "re");
	if (f == NULL)
		die("cannot ask systemd-analyze");
	while (fgets(line, sizeof(line), f) != NULL) {
		char *word = line + strspn(line, " ");

		word[strcspn(word, "\n")] = '\0';
		if (word == line || word[0] == '#' || word[0] == '\0')
			continue;
		allow_calls(ctx, word);
	}
	if (pclose(f) != 0)
		die("systemd-analyze does not know %s", name);
}

static scmp_filter_ctx
make_filter(const char *list)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	char copy[VALUE_BYTES], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", list);
	for (char *word = strtok_r(copy, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save))
		allow_calls(ctx, word);
	return ctx;
}

/* No memory that is written and run. */
static void
deny_write_execute(void)
{
	const struct scmp_arg_cmp both[] = {{.arg = 2,
	    .op = SCMP_CMP_MASKED_EQ,
	    .datum_a = PROT_WRITE | PROT_EXEC,
	    .datum_b = PROT_WRITE | PROT_EXEC}};
	const struct scmp_arg_cmp later[] = {
	    {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = PROT_EXEC}};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mmap), 1, both);
	seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mprotect), 1, later);
	if (seccomp_load(ctx) != 0)
		die("cannot load the filter of memory");
	seccomp_release(ctx);
}

int
main(int argc, char **argv)
{
	char bounding[VALUE_BYTES], ambient[VALUE_BYTES], user[VALUE_BYTES], families[VALUE_BYTES],
	    calls[VALUE_BYTES], yes[VALUE_BYTES];
	const struct passwd *pw;
	scmp_filter_ctx filter;

	unit = argc > 1 ? argv[1] : "unit_jail";
	if (argc < 3)
		die("usage: unit_jail UNIT PROGRAM [ARG...]");
	pw = getpwnam(value_of("User", user));
	if (pw == NULL)
		die("there is no user %s", user);
	value_of("RestrictAddressFamilies", families);
	/* Asked for while any program may still be started. */
	filter = make_filter(value_of("SystemCallFilter", calls));
	limit_capabilities(value_of("CapabilityBoundingSet", bounding),
	    value_of("AmbientCapabilities", ambient), pw);
	if (strcmp(value_of("NoNewPrivileges", yes), "yes") != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		die("cannot set no_new_privs");
	restrict_families(families);
	if (strcmp(value_of("MemoryDenyWriteExecute", yes), "yes") == 0)
		deny_write_execute();
	if (seccomp_load(filter) != 0)
		die("cannot load the filter of system calls");
	execv(argv[2], argv + 2);
	die("%s: %s", argv[2], strerror(errno));
}
