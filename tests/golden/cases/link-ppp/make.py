# SPDX-License-Identifier: ISC
"""PPP with and without address and control (RFC 1661, 1662); one-byte protocol numbers too."""
import sys

from capture import *

cap = Capture()
cap.link = 9
for client, server in (("10.0.0.1", "198.51.100.1"), ("2001:db8::1", "2001:db8:f::19")):
    cap.mail(client, server)
for i, p in enumerate(cap.packets):
    number = b"\x57" if p.ip[0] >> 4 == 6 else b"\x21"
    p.frame = (b"\xff\x03\0", b"\0", b"\xff\x03\0")[i % 3] + number + p.ip
cap.write(sys.argv[1])
