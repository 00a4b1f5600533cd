# SPDX-License-Identifier: ISC
"""Two MPLS labels (RFC 3032) between Ethernet and IP."""
import sys

from capture import *

cap = Capture()
import struct
cap.mail()
for p in cap.packets:
    p.frame = bytes(12) + struct.pack("!HII", 0x8847, 20 << 12 | 64, 21 << 12 | 1 << 8 | 64) + p.ip
cap.write(sys.argv[1])
