#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""TCP for the lab: what a port lets through, exactly.

tcp.py serve PORT...        listens on both protocols and echoes, until it is ended
tcp.py try ADDRESS PORT     prints open, refused, timeout or the error's name
tcp.py probe ADDRESS PORT FILE   connects again and again until the file exists, prints "OPENED opened of TRIED"
tcp.py burst ADDRESS PORT N connects N times, at most until three in a row are not answered; prints the same
tcp.py greet ADDRESS PORT [LINE...]   connects, prints the first line that comes; sends each LINE and prints
                            the answer; at the end "closed" when the server has closed, or what went wrong
tcp.py ask ADDRESS PORT LINE   connects, sends the line and prints the first that comes back
tcp.py fastopen|mptcp|source-port ADDRESS PORT   like try: with data in the SYN, over MPTCP, from port 25
tcp.py hold ADDRESS PORT    connects, prints open; then for each line on stdin sends a byte and prints
                            echo (it came back), reset, or silence (nothing came)
"""
import errno
import os
import selectors
import socket
import sys
import time

PATIENCE_S = float(os.environ.get("TCP_PATIENCE_S", "5"))


def serve(ports):
    selector = selectors.DefaultSelector()
    for port in ports:
        listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(("::", int(port)))
        listener.listen(128)
        selector.register(listener, selectors.EVENT_READ, "listener")
    while True:
        for key, _ in selector.select():
            if key.data == "listener":
                connection, _ = key.fileobj.accept()
                selector.register(connection, selectors.EVENT_READ, "peer")
                continue
            try:
                data = key.fileobj.recv(4096)
                key.fileobj.sendall(data)
            except OSError:
                data = b""
            if not data:
                selector.unregister(key.fileobj)
                key.fileobj.close()


def connect(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    peer = socket.socket(family, socket.SOCK_STREAM)
    peer.settimeout(PATIENCE_S)
    peer.connect((address, int(port)))
    return peer


def unusual(how, address, port):
    peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262 if how == "mptcp" else 0)
    peer.settimeout(PATIENCE_S)
    if how == "source-port":
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.bind(("", 25))
    if how == "fastopen":
        peer.sendto(b"x", socket.MSG_FASTOPEN, (address, int(port)))
    else:
        peer.connect((address, int(port)))
        peer.sendall(b"x")
    peer.recv(1)
    peer.close()


def outcome(error):
    if isinstance(error, socket.timeout):
        return "timeout"
    if error.errno == errno.ECONNREFUSED:
        return "refused"
    if error.errno == errno.ECONNRESET:
        return "reset"
    return errno.errorcode.get(error.errno or 0, "error")


def probe(address, port, stop):
    end = time.monotonic() + 1800  # whoever makes the file may have been killed
    opened = tried = 0
    while time.monotonic() < end and not os.path.exists(stop):
        tried += 1
        try:
            peer = connect(address, port)
            # It goes on for minutes: closed by a reset, or waiting ends would use up the ports.
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer.close()
            opened += 1
        except OSError:
            pass
    print(f"{opened} opened of {tried}")


def burst(address, port, count):
    opened = tried = silent = 0
    while tried < int(count) and silent < 3:
        tried += 1
        try:
            connect(address, port).close()
            opened, silent = opened + 1, 0
        except OSError:
            silent += 1
    print(f"{opened} opened of {tried}")


def greet(address, port, *lines):
    peer = connect(address, port)
    stream = peer.makefile("rb")
    print(stream.readline().decode().strip() or "closed", flush=True)
    for line in lines:
        peer.sendall(line.encode() + b"\r\n")
        print(stream.readline().decode().strip() or "closed", flush=True)
    if lines and lines[-1] == "QUIT" and stream.readline() == b"":
        print("closed")


def ask(address, port, line):
    peer = connect(address, port)
    peer.sendall(line.encode() + b"\r\n")
    print(peer.makefile("rb").readline().decode().strip() or "closed")


def hold(address, port):
    peer = connect(address, port)
    print("open", flush=True)
    for _ in sys.stdin:
        try:
            peer.sendall(b"x")
            print("echo" if peer.recv(1) == b"x" else "closed", flush=True)
        except socket.timeout:
            print("silence", flush=True)
        except OSError as error:
            print(outcome(error), flush=True)


def main():
    verb, rest = sys.argv[1], sys.argv[2:]
    if verb == "serve":
        serve(rest)
        return
    try:
        if verb == "hold":
            hold(*rest)
        elif verb in ("fastopen", "mptcp", "source-port"):
            unusual(verb, *rest)
            print("open")
        elif verb == "ask":
            ask(*rest)
        elif verb == "greet":
            greet(*rest)
        elif verb == "probe":
            probe(*rest)
        elif verb == "burst":
            burst(*rest)
        else:
            connect(*rest).close()
            print("open")
    except OSError as error:
        print(outcome(error))


main()
