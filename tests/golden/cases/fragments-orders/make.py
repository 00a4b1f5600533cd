# SPDX-License-Identifier: ISC
"""The pieces of a datagram come backwards, twice, mixed with those of the next one, and behind a tag; numbers are used again later."""
import sys

from capture import *

cap = Capture()


def session(change):
    start = len(cap.packets)
    t = cap.tcp()
    t.open()
    t.greet()
    t.message(["a@one.example"], text="Subject: x\r\n\r\n" + "text\r\n" * 500)
    t.message(["b@two.example"])
    t.quit()
    pieces = [divide(p, 48, i % 40) for i, p in enumerate(cap.packets[start:])]
    cap.packets[start:] = [p for group in change(pieces) for p in group]
    cap.time += 60


def interleave(groups):
    for a, b in zip(groups[::2], groups[1::2] + [[]] * (len(groups) % 2)):
        # The pieces of one TCP segment end with its last one: the order of the segments stays.
        yield [p for pair in zip(a[:-1], b[:-1]) for p in pair] + a[min(len(a), len(b)) - 1:]
        yield b[max(0, min(len(a), len(b)) - 1):]


def tagged(groups):
    return [[p.copy(tags=[5, 7]) for p in g] for g in groups]


session(lambda groups: [g[::-1] for g in groups])
session(lambda groups: [[p for p in g for _ in range(2)] for g in groups])
session(lambda groups: [g + g for g in groups])
session(interleave)
session(tagged)
cap.write(sys.argv[1])
