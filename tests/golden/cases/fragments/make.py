# SPDX-License-Identifier: ISC
"""Every packet with payload is divided: 8, 24, 200 and 552 bytes a piece, the first piece holding only half of the TCP header, and with options of IPv4."""
import sys

from capture import *

cap = Capture()
number = 0
for size in (8, 24, 200, 552):
    start = len(cap.packets)
    t = cap.tcp()
    t.open()
    t.greet()
    t.message(["a@one.example", "b@two.example"], text="Subject: x\r\n\r\n" + "text\r\n" * 500)
    t.message(["c@three.example"])
    t.quit()
    whole, cap.packets = cap.packets[start:], cap.packets[:start]
    for p in whole:
        number += 1
        cap.packets += divide(p, size, number, options=b"\x94\4\0\0" if size == 200 else b"")
cap.write(sys.argv[1])
