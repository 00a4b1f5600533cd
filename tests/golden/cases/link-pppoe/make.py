# SPDX-License-Identifier: ISC
"""PPPoE session frames on Ethernet (RFC 2516), IPv4 and IPv6 in PPP."""
import sys

from capture import *

cap = Capture()
import struct
for client, server in (("10.0.0.1", "198.51.100.1"), ("2001:db8::1", "2001:db8:f::19")):
    cap.mail(client, server)
for p in cap.packets:
    v6 = p.ip[0] >> 4 == 6
    p.frame = bytes(12) + struct.pack("!HBBHHH", 0x8864, 0x11, 0, 9, len(p.ip) + 2, 0x57 if v6 else 0x21) + p.ip
cap.write(sys.argv[1])
