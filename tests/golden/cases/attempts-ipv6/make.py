# SPDX-License-Identifier: ISC
"""Attempts over IPv6: refused by RST, refused by ICMPv6 (no route, closed port), unanswered with retries.

Each of the four is one attempt that failed, the three SYNs of the last one together; none became a session."""
import struct
import sys

from capture import ACK, CLIENT, RST, SERVER, SYN, Capture, address, ip_header

cap = Capture()
ends = ("2001:db8::1", "2001:db8:f::19")
t = cap.tcp(*ends)
t.segment(CLIENT, flags=SYN)
t.seq[CLIENT] += 1
t.segment(SERVER, flags=RST | ACK)
for code in (0, 4):
    t = cap.tcp(*ends)
    syn = t.segment(CLIENT, flags=SYN)
    cap.packets.append(syn.copy(sender=SERVER, ip=ip_header(address("2001:db8:f::1"), address(ends[0]), 58,
                                                            struct.pack("!BBHI", 1, code, 0, 0) + syn.ip)))
t = cap.tcp(*ends)
for wait in (1, 2, 4):
    t.segment(CLIENT, flags=SYN)
    cap.time += wait
cap.write(sys.argv[1])
