/* SPDX-License-Identifier: ISC */
/*
 * Telling the service manager (systemd's $NOTIFY_SOCKET protocol): READY=1, WATCHDOG=1, STATUS=...
 * The descriptor is opened before the jail and used inside it.  Every daemon.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

/* A connected datagram socket (non-blocking), or -1 when nobody asked to be told or it cannot be
 * reached. */
int notify_open(void);

/* Sends one message, as "READY=1\nSTATUS=watching any"; does nothing for fd -1.  Never blocks. */
void notify_send(int fd, const char *message);

#endif
