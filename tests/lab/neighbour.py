#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Frames that no stack of a guest would send: for tests/lab/test_moves.sh.

neighbour.py claim LINK MAC ADDRESS       says to everybody on the link that the address is at this MAC: a gratuitous ARP
                                          request and reply, or an unsolicited neighbour advertisement (override)
neighbour.py tunnel DESTINATION PORT      one TCP SYN to port 25 inside each of: IPv4 in IPv4, GRE, IPv6 in IPv4 (6in4),
                                          and a UDP datagram to PORT; prints what was sent
"""
import ipaddress
import socket
import struct
import sys


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def claim(link, mac, address):
    own = bytes.fromhex(mac.replace(":", ""))
    ip = ipaddress.ip_address(address)
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((link, 0))
    if ip.version == 4:
        for operation in 1, 2:
            arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + own + ip.packed + b"\xff" * 6 + ip.packed
            out.send(b"\xff" * 6 + own + b"\x08\x06" + arp)
        return
    everybody = ipaddress.ip_address("ff02::1").packed
    body = struct.pack("!BBHI", 136, 0, 0, 0x20000000) + ip.packed + b"\2\1" + own
    pseudo = ip.packed + everybody + struct.pack("!II", len(body), 58)
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    head = struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + ip.packed + everybody
    out.send(b"\x33\x33\x00\x00\x00\x01" + own + b"\x86\xdd" + head + body)


def inner(version):
    tcp = struct.pack("!HHIIBBHHH", 40000, 25, 1, 0, 0x50, 2, 1024, 0, 0)
    if version == 6:
        ends = ipaddress.ip_address("2001:db8:77::1").packed + ipaddress.ip_address("2001:db8:77::2").packed
        return struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64) + ends + tcp
    ends = socket.inet_aton("10.77.0.1") + socket.inet_aton("10.77.0.2")
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0) + ends
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + tcp


def tunnel(destination, port):
    for number, data in ((4, inner(4)), (47, b"\0\0\x08\x00" + inner(4)), (41, inner(6))):
        out = socket.socket(socket.AF_INET, socket.SOCK_RAW, number)
        out.sendto(data, (destination, 0))
        print("protocol", number)
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"\4\0\0\0" + inner(4), (destination, int(port)))
    print("udp", port)


{"claim": claim, "tunnel": tunnel}[sys.argv[1]](*sys.argv[2:])
