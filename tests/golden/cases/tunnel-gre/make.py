# SPDX-License-Identifier: ISC
"""GRE (RFC 2784) with a key between two routers: a mirror port between them sees the tenants inside."""
import sys

from capture import *

cap = Capture()
import struct
cap.mail()
for p in cap.packets:
    p.ip = ip_header(address("192.0.2.1"), address("192.0.2.2"), 47, struct.pack("!HHI", 0x2000, 0x0800, 5) + p.ip)
cap.write(sys.argv[1])
