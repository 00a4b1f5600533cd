# SPDX-License-Identifier: ISC
"""IPv6: divided packets, in order and backwards, with destination options before the division, packets that are one fragment, and later pieces that say they were UDP."""
import sys

from capture import *

cap = Capture()
number = 0
for change in range(5):
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
        for piece in pieces[1:] if change == 4 else []:
            piece.ip = piece.ip[:40] + b"\x11" + piece.ip[41:]
        cap.packets += pieces[::-1] if change == 1 else pieces
cap.write(sys.argv[1])
