#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""set_count.py TABLE SET: how many elements a set of inet, bridge and netdev has by the kernel's own count, on one line
("-" where there is no such set).  nft would read all of them: 100,000 take it seconds."""
import socket
import struct
import sys

GETSET = 10 << 8 | 10
COUNT = 20  # NFTA_SET_COUNT, Linux 6.18
FAMILIES = (1, 7, 5)


def attribute(kind, text):
    body = text.encode() + b"\0"
    return struct.pack("HH", 4 + len(body), kind) + body + b"\0" * (-len(body) % 4)


def count(sock, family, table, name):
    body = struct.pack("BBH", family, 0, 0) + attribute(1, table) + attribute(2, name)
    sock.send(struct.pack("IHHII", 16 + len(body), GETSET, 1, 1, 0) + body)
    answer = sock.recv(65536)
    length, kind = struct.unpack("IH", answer[:6])
    at = 20
    while kind == (10 << 8 | 9) and at + 4 <= length:
        size, attr = struct.unpack("HH", answer[at:at + 4])
        if attr & 0x3FFF == COUNT:
            return str(struct.unpack(">I", answer[at + 4:at + 8])[0])
        at += (size + 3) & ~3
    return "-"


def main():
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    sock.bind((0, 0))
    print(*(count(sock, family, *sys.argv[1:3]) for family in FAMILIES))


main()
