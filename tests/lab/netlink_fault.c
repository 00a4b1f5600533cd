/* SPDX-License-Identifier: ISC */
/*
 * LD_PRELOAD for tests/lab/test_netlink.sh: what may become of the kernel's answers about nftables
 * on their way to the enforcer, and requests that the kernel refuses.
 *   NETLINK_FAULT=FILE   of sizeof(struct control) bytes; mapped before any jail, written by the test.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Numbers that test_netlink.sh knows, too. */
enum fault {
	FAULT_NONE,
	FAULT_LOSE,	     /* the answer never comes */
	FAULT_ERROR,	     /* receiving fails with `error`, the answer waits on */
	FAULT_LOSE_ERROR,    /* receiving fails with `error`, the answer is lost */
	FAULT_CUT,	     /* half of it comes, and nothing says so */
	FAULT_CUT_TOLD,	     /* half of it comes, with MSG_TRUNC */
	FAULT_ALIEN_REQUEST, /* before it comes an error of another request */
	FAULT_ALIEN_PORT,    /* before it comes an error for another socket */
	FAULT_ALIEN_SENDER,  /* before it comes an error that no kernel sent */
	FAULT_REFUSE,	     /* a transaction is refused with `error` */
};

struct control {
	_Atomic uint32_t fault;
	_Atomic int32_t left; /* how many times more */
	_Atomic uint32_t error, done;
	/* FAULT_REFUSE: only transactions with this text in them ("" = all), only longer ones. */
	_Atomic uint32_t longer_than;
	char text[32];
};

#define FDS_MAX 1024

enum kind { OTHER, NFTABLES, CHANGES }; /* libnftables' socket, then the enforcer's own */

static struct control *control;
static uint8_t kinds[FDS_MAX];
static unsigned opened;
/* The answer that waits behind an alien one; or an answer that the kernel never gave. */
static char stash[16384];
static ssize_t stashed;
static struct nlmsghdr refused;
static bool has_refused;
static uint32_t own_port; /* of the enforcer's socket, as the kernel's answers name it */

static int (*real_socket)(int, int, int);
static ssize_t (*real_recvmsg)(int, struct msghdr *, int);
static ssize_t (*real_sendto)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("NETLINK_FAULT");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at;

	*(void **)&real_socket = dlsym(RTLD_NEXT, "socket");
	*(void **)&real_recvmsg = dlsym(RTLD_NEXT, "recvmsg");
	*(void **)&real_sendto = dlsym(RTLD_NEXT, "sendto");
	if (fd < 0)
		return;
	at = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	control = at == MAP_FAILED ? NULL : at;
	close(fd);
}

/* The enforcer opens libnftables' socket first, then its own, then one for events. */
int
socket(int domain, int type, int protocol)
{
	int fd = real_socket(domain, type, protocol);

	if (fd >= 0 && fd < FDS_MAX)
		kinds[fd] = OTHER;
	if (domain == AF_NETLINK && protocol == NETLINK_NETFILTER && fd >= 0 && fd < FDS_MAX)
		kinds[fd] = ++opened == 2 ? CHANGES : opened == 1 ? NFTABLES : OTHER;
	return fd;
}

static bool
is_changes(int fd)
{
	return control != NULL && fd >= 0 && fd < FDS_MAX && kinds[fd] == CHANGES;
}

/* One of the faults that are left, counted. */
static bool
take(void)
{
	if (atomic_load(&control->left) <= 0)
		return false;
	atomic_fetch_sub(&control->left, 1);
	atomic_fetch_add(&control->done, 1);
	return true;
}

static bool
has_text(const char *data, size_t size)
{
	size_t n = strnlen(control->text, sizeof(control->text));

	return n == 0 || memmem(data, size, control->text, n) != NULL;
}

/* The kernel takes nothing of the transaction and says why. */
ssize_t
sendto(
    int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t to_size)
{
	const struct nlmsghdr *first = data, *second;

	if (!is_changes(fd) || atomic_load(&control->fault) != FAULT_REFUSE ||
	    first->nlmsg_type != NLMSG_MIN_TYPE || size <= atomic_load(&control->longer_than) ||
	    !has_text(data, size) || !take())
		return real_sendto(fd, data, size, flags, to, to_size);
	second = (const struct nlmsghdr *)(const void *)((const char *)data +
							 NLMSG_ALIGN(first->nlmsg_len));
	refused = *second;
	has_refused = true;
	return (ssize_t)size;
}

static ssize_t
deliver(struct msghdr *m, const void *data, ssize_t size, uint32_t sender)
{
	struct sockaddr_nl from = {.nl_family = AF_NETLINK, .nl_pid = sender};
	size_t n = (size_t)size < m->msg_iov[0].iov_len ? (size_t)size : m->msg_iov[0].iov_len;

	memcpy(m->msg_iov[0].iov_base, data, n);
	if (m->msg_name != NULL)
		memcpy(m->msg_name, &from, sizeof(from));
	m->msg_namelen = sizeof(from);
	m->msg_flags = 0;
	return (ssize_t)n;
}

static ssize_t
error_message(struct msghdr *m, uint32_t seq, uint32_t port, uint32_t sender, int error)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} e = {.header = {.nlmsg_len = sizeof(e),
		   .nlmsg_type = NLMSG_ERROR,
		   .nlmsg_seq = seq,
		   .nlmsg_pid = port},
	    .error = {.error = -error}};

	return deliver(m, &e, sizeof(e), sender);
}

/* Before the answer comes something that is none: it waits for the next call. */
static ssize_t
alien(struct msghdr *m, enum fault fault)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)stash;

	if (fault == FAULT_ALIEN_REQUEST)
		return error_message(m, h->nlmsg_seq + 100000, h->nlmsg_pid, 0, EEXIST);
	if (fault == FAULT_ALIEN_PORT)
		return error_message(m, h->nlmsg_seq, h->nlmsg_pid + 1, 0, EEXIST);
	return error_message(m, h->nlmsg_seq, h->nlmsg_pid, 4711, EEXIST);
}

static ssize_t
receive(int fd, struct msghdr *m, int flags)
{
	ssize_t n = real_recvmsg(fd, m, flags);

	if (n >= (ssize_t)sizeof(struct nlmsghdr))
		own_port = ((const struct nlmsghdr *)m->msg_iov[0].iov_base)->nlmsg_pid;
	return n;
}

static ssize_t
spoil(int fd, struct msghdr *m, int flags, enum fault fault)
{
	ssize_t n;

	if (fault == FAULT_ERROR) {
		errno = (int)atomic_load(&control->error);
		return -1;
	}
	n = receive(fd, m, flags);
	if (n < 0)
		return n;
	switch (fault) {
	case FAULT_LOSE:
		return real_recvmsg(fd, m, flags);
	case FAULT_LOSE_ERROR:
		errno = (int)atomic_load(&control->error);
		return -1;
	case FAULT_CUT:
		return n / 2;
	case FAULT_CUT_TOLD:
		m->msg_flags |= MSG_TRUNC;
		return n / 2;
	default:
		stashed = n < (ssize_t)sizeof(stash) ? n : (ssize_t)sizeof(stash);
		memcpy(stash, m->msg_iov[0].iov_base, (size_t)stashed);
		return alien(m, fault);
	}
}

ssize_t
recvmsg(int fd, struct msghdr *m, int flags)
{
	enum fault fault;
	ssize_t n;

	if (!is_changes(fd))
		return real_recvmsg(fd, m, flags);
	if (has_refused) {
		has_refused = false;
		return error_message(
		    m, refused.nlmsg_seq, own_port, 0, (int)atomic_load(&control->error));
	}
	if (stashed > 0) {
		n = deliver(m, stash, stashed, 0);
		stashed = 0;
		return n;
	}
	fault = atomic_load(&control->fault);
	if (fault == FAULT_NONE || fault == FAULT_REFUSE || !take())
		return receive(fd, m, flags);
	return spoil(fd, m, flags, fault);
}
