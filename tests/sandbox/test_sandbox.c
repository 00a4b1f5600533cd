/* SPDX-License-Identifier: ISC */
/*
 * Each jail from the inside: the filter is proven to be loaded, what a process needs goes on
 * working, and what it must not do kills it.  Every case runs in a child of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "tests/sandbox/jail.h"

/* "Seccomp:", "CapEff:" ... of an open /proc/self/status, as a hexadecimal number; UINT64_MAX when
 * absent. */
static uint64_t
status_value(int fd, const char *key)
{
	static char text[8192];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	char *at;

	if (n <= 0)
		return UINT64_MAX;
	text[n] = '\0';
	at = strstr(text, key);
	return at == NULL ? UINT64_MAX : strtoull(at + strlen(key), NULL, 16);
}

/* --- the filters -------------------------------------------------------------------------------
 */

/* One thing to do in a jail. */
struct deed {
	const char *name;
	enum sandbox_profile profile;
	int (*act)(void); /* 0 = it worked */
	int wanted;	  /* 0, KILLED, or an errno value */
};

static int
act_execve(void)
{
	char *const argv[] = {(char *)(uintptr_t) "true", NULL};

	return execve("/bin/true", argv, NULL) == 0 ? 0 : errno;
}

static int
act_fork(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	return child > 0 ? 0 : errno;
}

static int
act_open(void)
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	return fd >= 0 ? 0 : errno;
}

static int
try_socket(int family, int type, int protocol)
{
	return socket(family, type | SOCK_CLOEXEC, protocol) >= 0 ? 0 : errno;
}

static int
act_socket_unix(void)
{
	return try_socket(AF_UNIX, SOCK_SEQPACKET, 0);
}

static int
act_socket_inet(void)
{
	return try_socket(AF_INET, SOCK_STREAM, 0);
}

static int
act_socket_packet(void)
{
	return try_socket(AF_PACKET, SOCK_RAW, 0);
}

static int
act_socket_nfnetlink(void)
{
	return try_socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
}

static int
act_socket_generic(void)
{
	return try_socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
}

static int
act_ptrace_like(void)
{
	return kill(getppid(), 0) == 0 ? 0 : errno;
}

static int
act_new_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p != MAP_FAILED ? 0 : errno;
}

static int
act_make_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0 ? 0 : errno;
}

static int
act_set_address(void)
{
	struct ifreq ifr = {.ifr_name = "lo"};

	return ioctl(0, SIOCSIFFLAGS, &ifr) == 0 ? 0 : errno;
}

static int
act_memory(void)
{
	for (size_t size = 16; size < 64u << 20; size *= 4) {
		char *p = malloc(size);

		if (p == NULL)
			return ENOMEM;
		memset(p, 1, size);
		p = realloc(p, size * 2);
		if (p == NULL)
			return ENOMEM;
		free(p);
	}
	return 0;
}

static int
compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Things that look harmless and turn out to be system calls. */
static int
act_libc(void)
{
	static int numbers[100000];
	struct timespec t = {.tv_nsec = 1000};
	struct rlimit limit;
	char text[64];

	for (size_t i = 0; i < 100000; i++)
		numbers[i] = (int)(i * 7919 % 100003);
	qsort(numbers, 100000, sizeof(numbers[0]), compare);
	nanosleep(&t, NULL);
	clock_format_iso(text, clock_wall_ns());
	(void)localtime(&(time_t){0});
	(void)sysconf(_SC_OPEN_MAX);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	log_event(LOG_LEVEL_DEBUG, "test", "not written");
	fprintf(stderr, "%s", "");
	fflush(stderr);
	return numbers[0] == 0 ? 0 : 1;
}

static int
act_interface_name(void)
{
	struct ifreq ifr = {.ifr_ifindex = 1};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && ioctl(fd, SIOCGIFNAME, &ifr) == 0 ? 0 : errno;
}

/* SIGABRT must arrive as itself: a failed assertion is told apart from a takeover. */
static int
act_abort(void)
{
	abort();
}

static const struct deed deeds[] = {
    {"execve", SANDBOX_SENSOR, act_execve, KILLED},
    {"execve", SANDBOX_ENFORCER, act_execve, KILLED},
    {"execve", SANDBOX_JUDGE, act_execve, KILLED},
    {"execve", SANDBOX_CHECK, act_execve, KILLED},
    {"fork", SANDBOX_SENSOR, act_fork, KILLED},
    {"fork", SANDBOX_ENFORCER, act_fork, KILLED},
    {"fork", SANDBOX_JUDGE, act_fork, KILLED},
    {"fork", SANDBOX_CHECK, act_fork, KILLED},
    {"open a file", SANDBOX_SENSOR, act_open, EACCES},
    {"open a file", SANDBOX_ENFORCER, act_open, EACCES},
    {"open a file", SANDBOX_CHECK, act_open, EACCES},
    {"open a file", SANDBOX_JUDGE, act_open, 0}, /* Landlock's business there */
    {"internet socket", SANDBOX_SENSOR, act_socket_inet, KILLED},
    {"internet socket", SANDBOX_ENFORCER, act_socket_inet, KILLED},
    {"internet socket", SANDBOX_JUDGE, act_socket_inet, KILLED},
    {"internet socket", SANDBOX_CHECK, act_socket_inet, KILLED},
    {"packet socket", SANDBOX_SENSOR, act_socket_packet, KILLED},
    {"packet socket", SANDBOX_ENFORCER, act_socket_packet, KILLED},
    {"packet socket", SANDBOX_JUDGE, act_socket_packet, KILLED},
    {"netfilter socket", SANDBOX_SENSOR, act_socket_nfnetlink, KILLED},
    {"netfilter socket", SANDBOX_JUDGE, act_socket_nfnetlink, KILLED},
    {"netfilter socket", SANDBOX_ENFORCER, act_socket_nfnetlink, 0},
    {"generic netlink", SANDBOX_ENFORCER, act_socket_generic, KILLED},
    {"unix socket", SANDBOX_SENSOR, act_socket_unix, 0},
    {"unix socket", SANDBOX_JUDGE, act_socket_unix, 0},
    {"unix socket", SANDBOX_CHECK, act_socket_unix, KILLED},
    {"execve", SANDBOX_ONLINE, act_execve, KILLED},
    {"fork", SANDBOX_ONLINE, act_fork, KILLED},
    {"open a file", SANDBOX_ONLINE, act_open, EACCES},
    {"internet socket", SANDBOX_ONLINE, act_socket_inet, 0},
    {"packet socket", SANDBOX_ONLINE, act_socket_packet, KILLED},
    {"netfilter socket", SANDBOX_ONLINE, act_socket_nfnetlink, KILLED},
    {"unix socket", SANDBOX_ONLINE, act_socket_unix, KILLED},
    {"signal another process", SANDBOX_ONLINE, act_ptrace_like, KILLED},
    {"turn data into code", SANDBOX_ONLINE, act_make_code, KILLED},
    {"memory", SANDBOX_ONLINE, act_memory, 0},
    {"libc", SANDBOX_ONLINE, act_libc, 0},
    {"signal another process", SANDBOX_SENSOR, act_ptrace_like, KILLED},
    {"signal another process", SANDBOX_JUDGE, act_ptrace_like, KILLED},
    {"map code", SANDBOX_SENSOR, act_new_code, KILLED},
    {"map code", SANDBOX_JUDGE, act_new_code, KILLED},
    {"turn data into code", SANDBOX_SENSOR, act_make_code, KILLED},
    {"turn data into code", SANDBOX_CHECK, act_make_code, KILLED},
    {"change an interface", SANDBOX_SENSOR, act_set_address, KILLED},
    {"change an interface", SANDBOX_ENFORCER, act_set_address, KILLED},
    {"memory", SANDBOX_SENSOR, act_memory, 0},
    {"memory", SANDBOX_ENFORCER, act_memory, 0},
    {"memory", SANDBOX_JUDGE, act_memory, 0},
    {"memory", SANDBOX_CHECK, act_memory, 0},
    {"libc", SANDBOX_SENSOR, act_libc, 0},
    {"libc", SANDBOX_ENFORCER, act_libc, 0},
    {"libc", SANDBOX_JUDGE, act_libc, 0},
    {"libc", SANDBOX_CHECK, act_libc, 0},
    {"interface name", SANDBOX_SENSOR, act_interface_name, 0},
    {"interface name", SANDBOX_ENFORCER, act_interface_name, 0},
    {"abort", SANDBOX_SENSOR, act_abort, -SIGABRT},
    {"abort", SANDBOX_JUDGE, act_abort, -SIGABRT},
};

static int
run_deed(void *arg)
{
	const struct deed *deed = arg;
	int status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	if (status < 0 || status_value(status, "Seccomp:\t") != 0)
		return 201; /* the test proves nothing when a filter is there already */
	if (sandbox_seccomp(deed->profile, NULL) != 0)
		return 202;
	/* The judge alone may read at an offset; the others would die of the proof. */
	if (deed->profile == SANDBOX_JUDGE && status_value(status, "Seccomp:\t") != 2)
		return 203;
	return deed->act();
}

static void
test_deeds(void **state)
{
	(void)state;
	need_real_jail();
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		struct deed deed = deeds[i];
		int got = run(run_deed, &deed);

		if (got != deed.wanted)
			fail_msg("profile %d, %s: got %d, wanted %d", (int)deed.profile, deed.name,
			    got, deed.wanted);
	}
}

/* The proof that the filter is loaded, as another process sees it. */
static int
wait_in_jail(void *arg)
{
	char byte = 0;
	int *pipes = arg; /* [0] read: go on, [1] write: jailed */

	if (sandbox_seccomp((enum sandbox_profile)pipes[2], NULL) != 0)
		return 1;
	if (write(pipes[1], &byte, 1) != 1 || read(pipes[0], &byte, 1) != 0)
		return 2;
	return 0;
}

static void
test_filter_is_loaded(void **state)
{
	(void)state;
	need_real_jail();
	for (int profile = 0; profile < SANDBOX__COUNT; profile++) {
		int go[2], jailed[2], status_fd, status;
		char path[64], byte;
		pid_t child;

		assert_int_equal(pipe(go), 0);
		assert_int_equal(pipe(jailed), 0);
		child = fork();
		if (child == 0) {
			int pipes[] = {go[0], jailed[1], profile};

			close(go[1]);
			_exit(wait_in_jail(pipes));
		}
		assert_int_equal(read(jailed[0], &byte, 1), 1);
		snprintf(path, sizeof(path), "/proc/%d/status", (int)child);
		status_fd = open(path, O_RDONLY);
		assert_int_equal(status_value(status_fd, "Seccomp:\t"), 2);
		assert_int_equal(status_value(status_fd, "NoNewPrivs:\t"), 1);
		close(status_fd);
		close(go[0]);
		close(go[1]);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		close(jailed[0]);
		close(jailed[1]);
	}
}

/* --- user, capabilities, Landlock --------------------------------------------------------------
 */

static int
drop_and_look(void *arg)
{
	uint64_t keep = *(uint64_t *)arg;
	struct sandbox_user user;
	struct rlimit core;
	gid_t groups[4];
	int fd = open("/proc/self/status", O_RDONLY);

	if (sandbox_find_user("nobody", &user, NULL) != 0 || sandbox_drop(&user, keep, NULL) != 0)
		return 1;
	if (getuid() != user.uid || geteuid() != user.uid || getgid() != user.gid ||
	    getgroups(4, groups) != 0)
		return 2;
	if (status_value(fd, "CapEff:\t") != keep || status_value(fd, "CapPrm:\t") != keep ||
	    status_value(fd, "CapInh:\t") != 0 || status_value(fd, "CapBnd:\t") != 0 ||
	    status_value(fd, "CapAmb:\t") != 0)
		return 3;
	if (status_value(fd, "NoNewPrivs:\t") != 1)
		return 4;
	if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0)
		return 5;
	if (!SANDBOX_IS_SANITIZER_BUILD && prctl(PR_GET_DUMPABLE) != 0)
		return 6;
	return setuid(0) == 0 ? 7 : 0;
}

static void
test_drop(void **state)
{
	uint64_t none = 0, net_admin = UINT64_C(1) << CAP_NET_ADMIN;

	(void)state;
	need_root();
	assert_int_equal(run(drop_and_look, &none), 0);
	assert_int_equal(run(drop_and_look, &net_admin), 0);
}

/* Somebody who is nobody cannot keep what he has not. */
static int
drop_twice(void *arg)
{
	struct sandbox_user user;
	struct err e = {0};

	(void)arg;
	if (sandbox_find_user("nobody", &user, NULL) != 0 || sandbox_drop(&user, 0, NULL) != 0)
		return 1;
	if (sandbox_drop(&user, 0, NULL) != 0)
		return 2;
	if (sandbox_drop(&user, UINT64_C(1) << CAP_NET_ADMIN, &e) != -EPERM)
		return 3;
	return strstr(e.text, "run as root") != NULL ? 0 : 4;
}

static void
test_drop_as_nobody(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(run(drop_twice, NULL), 0);
}

static int
close_files(void *arg)
{
	const char *none[] = {NULL}, *own[] = {scratch, NULL},
		   *absent[] = {"/nowhere/at/all", NULL};
	const char *const *paths[] = {NULL, none, own, absent};
	bool active;
	char path[64];
	struct err e = {0};
	int which = *(int *)arg, r = sandbox_landlock(paths[which], &active, &e);

	if (which == 3)
		return r == -ENOENT && strstr(e.text, absent[0]) != NULL && !active ? 0 : 1;
	if (r != 0)
		return 2;
	if (!active)
		return 77;
	if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)
		return 3;
	snprintf(path, sizeof(path), "%s/inside", scratch);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (which != 2)
		return fd < 0 && errno == EACCES ? 0 : 4;
	return fd >= 0 && write(fd, "x", 1) == 1 && unlink(path) == 0 ? 0 : 5;
}

static void
test_landlock(void **state)
{
	(void)state;
	need_real_jail();
	for (int which = 0; which < 4; which++) {
		int r = run(close_files, &which);

		if (r == 77) {
			print_message("skipped: this kernel has no Landlock\n");
			skip();
		}
		assert_int_equal(r, 0);
	}
}

static void
test_find_user(void **state)
{
	struct sandbox_user user;
	struct err e = {0};

	(void)state;
	assert_int_equal(sandbox_find_user("", &user, &e), 0);
	assert_true(user.uid != 0);
	assert_int_equal(sandbox_find_user("no-such-user-here", &user, &e), -ENOENT);
	assert_non_null(strstr(e.text, "no-such-user-here"));
	assert_int_equal(sandbox_find_user("root", &user, &e), -EPERM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_deeds),
	    cmocka_unit_test(test_filter_is_loaded),
	    cmocka_unit_test(test_drop),
	    cmocka_unit_test(test_drop_as_nobody),
	    cmocka_unit_test(test_landlock),
	    cmocka_unit_test(test_find_user),
	};

	return cmocka_run_group_tests(tests, jail_set_up, scratch_remove);
}
