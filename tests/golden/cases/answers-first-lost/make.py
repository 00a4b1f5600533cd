# SPDX-License-Identifier: ISC
"""The client's tap is late, and misses packets: the command that an answer waits for never comes, neither does what follows, or one direction ends."""
import sys

from capture import *

cap = Capture()


def session(lose):
    start = len(cap.packets)
    t = cap.tcp()
    t.open()
    t.greet()
    t.message(["a@one.example", "b@two.example"])
    t.message(["c@three.example"])
    t.quit()
    packets = sorted(cap.packets[start + 3:], key=lambda p: p.time + (p.sender == CLIENT) * 0.0015)
    cap.packets[start + 3:] = [p for i, p in enumerate(packets) if not lose(i, p, packets)]
    cap.time += 60


def says(p, word):
    return p.sender == CLIENT and word in p.ip


session(lambda i, p, all_: says(p, b"two.example"))                 # one RCPT
session(lambda i, p, all_: says(p, b"MAIL") or says(p, b"RCPT"))    # every MAIL and RCPT
session(lambda i, p, all_: says(p, b"One line"))                    # both texts with their ends
session(lambda i, p, all_: p.sender == CLIENT and i > 30)           # the tap of the client falls silent
session(lambda i, p, all_: p.sender == CLIENT and b"QUIT" in p.ip)
cap.write(sys.argv[1])
