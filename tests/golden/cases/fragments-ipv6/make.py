# SPDX-License-Identifier: ISC
"""IPv6: divided packets, in order and backwards, with destination options before the division, and packets that are one fragment."""
import sys

from capture import *

cap = Capture()
number = 0
for change in range(4):
    start = len(cap.packets)
    t = cap.tcp("2001:db8::1", "2001:db8::25")
    t.open()
    t.greet()
    t.message(["a@one.example", "b@two.example"], text="Subject: x\r\n\r\n" + "text\r\n" * 500)
    t.quit()
    whole, cap.packets = cap.packets[start:], cap.packets[:start]
    for p in whole:
        number += 1
        pieces = divide(p, 2048 if change == 3 else 160, number,
                        options=b"\x2c\0\1\4\0\0\0\0" if change == 2 else b"")
        cap.packets += pieces[::-1] if change == 1 else pieces
cap.write(sys.argv[1])
