/* SPDX-License-Identifier: ISC */
/*
 * The seccomp allow-lists; see sandbox.h.  Every process, as the last step before hostile bytes.
 *
 * What is not listed kills the process: a parser that suddenly wants execve() has been taken over,
 * and going on would be worse than a restart.  Only opening files is refused with EACCES where
 * libraries try it as a matter of course (localisation, /etc/services) and do without.
 */
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sandbox_build.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What libc and malloc need wherever code runs. */
static const int common_calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(lseek),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrusage),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo), /* qsort() asks how much memory there is */
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* Waiting for descriptors. */
static const int wait_calls[] = {
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(timerfd_settime),
};

static const int write_calls[] = {
    SCMP_SYS(write),
    SCMP_SYS(writev),
};

/* The sensor has no sendmsg(): without addresses and descriptors nothing can be injected or passed
 * on. */
static const int sensor_calls[] = {
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(connect),
};

static const int enforcer_calls[] = {
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(bind),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(fcntl),
    SCMP_SYS(shutdown),
};

/* libunbound with its thread and libcurl.  bind() is for UDP source ports; nothing listens. */
static const int online_calls[] = {
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(getsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(shutdown),
    SCMP_SYS(fcntl),
    SCMP_SYS(pipe),
    SCMP_SYS(pipe2),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_create),
    SCMP_SYS(eventfd2),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
};

/* connect() is for unix sockets: it can make no others. */
static const int notice_calls[] = {
    SCMP_SYS(accept4),
    SCMP_SYS(recvfrom),
    SCMP_SYS(connect),
    SCMP_SYS(shutdown),
    SCMP_SYS(fcntl),
};

/* SQLite in WAL mode, evidence files, accepted clients, the enforcer child's end. */
static const int judge_calls[] = {
    SCMP_SYS(openat),
    SCMP_SYS(open),
    SCMP_SYS(creat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(statx),
    SCMP_SYS(statfs),
    SCMP_SYS(fstatfs),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(rmdir),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(link),
    SCMP_SYS(linkat),
    SCMP_SYS(umask),
    SCMP_SYS(chmod),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(fchown),
    SCMP_SYS(utimensat),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(msync),
    SCMP_SYS(flock),
    SCMP_SYS(fcntl),
    SCMP_SYS(dup),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(connect),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(getsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(shutdown),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(wait4),
    SCMP_SYS(waitid),
};

/* Opening files where there is nothing to open: refused, not deadly. */
static const int file_calls[] = {
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(statx),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
};

/* Calls that are allowed only with certain arguments. */
struct rule {
	int call;
	uint32_t action;
	unsigned count;
	struct scmp_arg_cmp args[2];
};

#define ALLOW1(c, a)                            \
	{                                       \
		SCMP_SYS(c), SCMP_ACT_ALLOW, 1, \
		{                               \
			a                       \
		}                               \
	}
#define ALLOW2(c, a, b)                         \
	{                                       \
		SCMP_SYS(c), SCMP_ACT_ALLOW, 2, \
		{                               \
			a, b                    \
		}                               \
	}
#define EQ(n, value)                                              \
	{                                                         \
		.arg = (n), .op = SCMP_CMP_EQ, .datum_a = (value) \
	}
/* (argument & mask) == value */
#define MASKED(n, mask, value)                                                              \
	{                                                                                   \
		.arg = (n), .op = SCMP_CMP_MASKED_EQ, .datum_a = (mask), .datum_b = (value) \
	}

static const struct rule common_rules[] = {
    /* No new code. */
    ALLOW1(mmap, MASKED(2, PROT_EXEC, 0)),
    ALLOW1(mprotect, MASKED(2, PROT_EXEC, 0)),
    /* sysconf() reads its own limits. */
    ALLOW2(prlimit64, EQ(0, 0), EQ(2, 0)),
    /* stdio asks whether it writes to a terminal. */
    ALLOW1(ioctl, EQ(1, TCGETS)),
};

static const struct rule no_file_rules[] = {
    /* fstat() of newer glibc is newfstatat() with an empty path. */
    ALLOW1(newfstatat, MASKED(3, AT_EMPTY_PATH, AT_EMPTY_PATH)),
    {SCMP_SYS(newfstatat), SCMP_ACT_ERRNO(EACCES), 1, {MASKED(3, AT_EMPTY_PATH, 0)}},
};

static const struct rule interface_rules[] = {
    ALLOW1(ioctl, EQ(1, SIOCGIFNAME)),
    ALLOW1(ioctl, EQ(1, SIOCGIFINDEX)),
    ALLOW1(socket, EQ(0, AF_UNIX)),
};

static const struct rule sensor_rules[] = {
    ALLOW1(getsockopt, EQ(1, SOL_PACKET)),
    ALLOW2(getsockopt, EQ(1, SOL_SOCKET), EQ(2, SO_ERROR)),
};

static const struct rule enforcer_rules[] = {
    ALLOW2(socket, EQ(0, AF_NETLINK), EQ(2, NETLINK_ROUTE)),
    ALLOW2(socket, EQ(0, AF_NETLINK), EQ(2, NETLINK_NETFILTER)),
    ALLOW1(setsockopt, EQ(1, SOL_SOCKET)),
    ALLOW1(setsockopt, EQ(1, SOL_NETLINK)),
};

/* Where a connection came in, and where it was to go. */
static const struct rule notice_rules[] = {
    ALLOW2(setsockopt, EQ(1, IPPROTO_IP), EQ(2, IP_PKTINFO)),
    ALLOW2(setsockopt, EQ(1, IPPROTO_IPV6), EQ(2, IPV6_2292PKTINFO)),
    ALLOW1(getsockopt, EQ(1, IPPROTO_IP)),
    ALLOW1(getsockopt, EQ(1, IPPROTO_IPV6)),
};

static const struct rule judge_rules[] = {
    ALLOW1(setsockopt, EQ(1, SOL_SOCKET)),
};

static const struct rule online_rules[] = {
    ALLOW2(socket, EQ(0, AF_INET), MASKED(1, 0xf, SOCK_STREAM)),
    ALLOW2(socket, EQ(0, AF_INET), MASKED(1, 0xf, SOCK_DGRAM)),
    ALLOW2(socket, EQ(0, AF_INET6), MASKED(1, 0xf, SOCK_STREAM)),
    ALLOW2(socket, EQ(0, AF_INET6), MASKED(1, 0xf, SOCK_DGRAM)),
    ALLOW1(socketpair, EQ(0, AF_UNIX)),
    ALLOW1(setsockopt, EQ(1, SOL_SOCKET)),
    ALLOW1(setsockopt, EQ(1, IPPROTO_TCP)),
    ALLOW1(setsockopt, EQ(1, IPPROTO_IP)),
    ALLOW1(setsockopt, EQ(1, IPPROTO_IPV6)),
    ALLOW1(ioctl, EQ(1, FIONBIO)),
    /* A thread, never a process; glibc falls back from clone3() to clone(), whose flags can be
     * seen. */
    ALLOW1(clone, MASKED(0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM)),
    {SCMP_SYS(clone3), SCMP_ACT_ERRNO(ENOSYS), 0, {EQ(0, 0)}},
};

static int
add_calls(scmp_filter_ctx ctx, uint32_t action, const int *calls, size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = seccomp_rule_add(ctx, action, calls[i], 0);
	return r;
}

static int
add_rules(scmp_filter_ctx ctx, const struct rule *rules, size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = seccomp_rule_add_array(
		    ctx, rules[i].action, rules[i].call, rules[i].count, rules[i].args);
	return r;
}

#define ADD_CALLS(ctx, table) add_calls(ctx, SCMP_ACT_ALLOW, table, COUNT(table))
#define ADD_RULES(ctx, table) add_rules(ctx, table, COUNT(table))

/* abort() sends a signal to its own process, and to no other. */
static int
add_abort(scmp_filter_ctx ctx)
{
	const struct scmp_arg_cmp own[] = {EQ(0, (scmp_datum_t)getpid())};

	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, own);
}

/* write(), writev(); to every descriptor but the receive-only one. */
static int
add_writes(scmp_filter_ctx ctx, int receive_only)
{
	const struct scmp_arg_cmp other[] = {
	    {.arg = 0, .op = SCMP_CMP_NE, .datum_a = (scmp_datum_t)(unsigned)receive_only}};
	int r = 0;

	for (size_t i = 0; r == 0 && i < COUNT(write_calls); i++)
		r = seccomp_rule_add_array(
		    ctx, SCMP_ACT_ALLOW, write_calls[i], receive_only < 0 ? 0 : 1, other);
	return r;
}

/* send(): sendto() without an address, never to the receive-only descriptor. */
static int
add_send(scmp_filter_ctx ctx, int receive_only)
{
	const struct scmp_arg_cmp args[] = {
	    EQ(4, 0),
	    {.arg = 0, .op = SCMP_CMP_NE, .datum_a = (scmp_datum_t)(unsigned)receive_only},
	};

	return seccomp_rule_add_array(
	    ctx, SCMP_ACT_ALLOW, SCMP_SYS(sendto), receive_only < 0 ? 1 : 2, args);
}

static int
add_no_files(scmp_filter_ctx ctx)
{
	int r = add_calls(ctx, SCMP_ACT_ERRNO(EACCES), file_calls, COUNT(file_calls));

	return r == 0 ? ADD_RULES(ctx, no_file_rules) : r;
}

static int
fill_profile(scmp_filter_ctx ctx, enum sandbox_profile profile, int receive_only)
{
	int r = ADD_CALLS(ctx, common_calls);

	if (r == 0)
		r = ADD_RULES(ctx, common_rules);
	if (r == 0)
		r = add_abort(ctx);
	if (r == 0)
		r = add_writes(ctx, receive_only);
	if (r == 0 && profile != SANDBOX_CHECK)
		r = ADD_CALLS(ctx, wait_calls);
	if (r == 0 && profile != SANDBOX_CHECK && profile != SANDBOX_ONLINE)
		r = ADD_RULES(ctx, interface_rules);
	if (r == 0 && profile != SANDBOX_JUDGE)
		r = add_no_files(ctx);
	if (r != 0)
		return r;
	switch (profile) {
	case SANDBOX_SENSOR:
		r = ADD_CALLS(ctx, sensor_calls);
		if (r == 0)
			r = ADD_RULES(ctx, sensor_rules);
		return r == 0 ? add_send(ctx, receive_only) : r;
	case SANDBOX_ENFORCER:
		r = ADD_CALLS(ctx, enforcer_calls);
		return r == 0 ? ADD_RULES(ctx, enforcer_rules) : r;
	case SANDBOX_JUDGE:
		r = ADD_CALLS(ctx, judge_calls);
		return r == 0 ? ADD_RULES(ctx, judge_rules) : r;
	case SANDBOX_CHECK:
		return 0;
	case SANDBOX_ONLINE:
		r = ADD_CALLS(ctx, online_calls);
		return r == 0 ? ADD_RULES(ctx, online_rules) : r;
	case SANDBOX_RESPONDER:
		r = ADD_CALLS(ctx, notice_calls);
		if (r == 0)
			r = ADD_RULES(ctx, notice_rules);
		return r == 0 ? add_send(ctx, -1) : r;
	case SANDBOX__COUNT:
		break;
	}
	return -EINVAL;
}

int
sandbox_seccomp_receive_only(enum sandbox_profile profile, int fd, struct err *e)
{
	scmp_filter_ctx ctx;
	int r;

	if (SANDBOX_IS_SANITIZER_BUILD) {
		log_event(
		    LOG_LEVEL_WARN, "sandbox.skipped", "what=seccomp reason=\"sanitizer build\"");
		return 0;
	}
	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (ctx == NULL)
		return err_set(e, -ENOMEM, "no memory for the system call filter");
	/* A binary tree: the list is walked for every call, also on the packet path. */
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	r = fill_profile(ctx, profile, fd);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	if (r != 0)
		return err_set(e, r,
		    "cannot load the system call filter: %s; a kernel with seccomp is needed",
		    strerror(-r));
	return 0;
}

int
sandbox_seccomp(enum sandbox_profile profile, struct err *e)
{
	return sandbox_seccomp_receive_only(profile, -1, e);
}
