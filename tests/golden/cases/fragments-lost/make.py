# SPDX-License-Identifier: ISC
"""Pieces that the capture missed: of the body, of the last RCPT, of a reply; what was in them is a gap, and the rest counts."""
import sys

from capture import *

cap = Capture()
number = 0
for lose in ("text", "RCPT", "queued"):
    start = len(cap.packets)
    t = cap.tcp()
    t.open()
    t.greet()
    t.message(["a@one.example", "b@two.example"], text="Subject: x\r\n\r\n" + "text\r\n" * 500)
    t.message(["c@three.example"])
    t.quit()
    whole, cap.packets = cap.packets[start:], cap.packets[:start]
    last = max(i for i, p in enumerate(whole) if lose.encode() in p.ip)
    for i, p in enumerate(whole):
        number += 1
        pieces = divide(p, 24, number)
        cap.packets += pieces[:-1] if i == last else pieces
cap.write(sys.argv[1])
