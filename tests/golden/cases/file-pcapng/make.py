# SPDX-License-Identifier: ISC
"""pcapng: comments, options, an unknown block, two interfaces, times in nanoseconds."""
import sys

from capture import *

cap = Capture()
cap.mail()
for i, p in enumerate(cap.packets):
    p.ifindex = i % 2
cap.write_ng(sys.argv[1], [(ETHERNET, 65535), (ETHERNET, 65535)], resolution=9)
