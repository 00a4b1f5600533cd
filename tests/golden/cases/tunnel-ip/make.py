# SPDX-License-Identifier: ISC
"""IP in IP (RFC 2003) and IPv6 in IPv4 (RFC 4213)."""
import sys

from capture import *

cap = Capture()
for client, server in (("10.0.0.1", "198.51.100.1"), ("2001:db8::1", "2001:db8:f::19")):
    cap.mail(client, server)
for p in cap.packets:
    p.ip = ip_header(address("192.0.2.1"), address("192.0.2.2"), 41 if p.ip[0] >> 4 == 6 else 4, p.ip)
cap.write(sys.argv[1])
