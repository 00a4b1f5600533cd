# SPDX-License-Identifier: ISC
"""IEEE 802.3 with LLC and SNAP (RFC 1042) in place of an Ethernet type."""
import sys

from capture import *

cap = Capture()
import struct
cap.mail()
for p in cap.packets:
    p.frame = bytes(12) + struct.pack("!H", len(p.ip) + 8) + b"\xaa\xaa\x03\0\0\0\x08\0" + p.ip
cap.write(sys.argv[1])
