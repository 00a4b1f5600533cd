# SPDX-License-Identifier: ISC
"""Replies are captured before their commands, or commands before the replies that they wait for: two taps of which one is late, by one packet, three, or seven, commands one by one and pipelined; and pairs of packets swapped by a mirror with two queues.

Counted: ten sessions of two messages, three recipients taken and one refused each, as were sent."""
import sys

from capture import *

cap = Capture()


def session(change):
    start = len(cap.packets)
    t = cap.tcp()
    t.open()
    t.greet()
    t.message(["a@one.example", "b@two.example"], text="Subject: x\r\n\r\n" + "text\r\n" * 900)
    t.client("MAIL FROM:<a@example.org>\r\nRCPT TO:<c@three.example>\r\nRCPT TO:<d@four.example>\r\nDATA\r\n")
    t.server("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n550 5.1.1 no such user\r\n354 go\r\n")
    t.client("Subject: y\r\n\r\ny\r\n.\r\n")
    t.server("250 2.0.0 queued\r\n")
    t.quit()
    cap.packets[start:] = change(cap.packets[start:])
    cap.time += 60


def late(side, packets):
    """That side's tap is late by so many packets; the handshake is not."""
    def change(list_):
        return list_[:3] + sorted(list_[3:], key=lambda p: p.time + (p.sender == side) * (packets + 0.5) * 0.001)
    return change


def swapped(first):
    """Every two neighbours of different directions that carry bytes."""
    def change(list_):
        i = 3 + first
        while i + 1 < len(list_):
            a, b = list_[i], list_[i + 1]
            if a.sender != b.sender:
                list_[i], list_[i + 1] = b, a
            i += 2
        return list_
    return change


for side in (CLIENT, SERVER):
    for packets in (1, 3, 7):
        session(late(side, packets))
session(swapped(0))
session(swapped(1))
# The SYN comes behind its answer, and behind the greeting.
for at in (1, 3):
    session(lambda list_: list_[1:at + 1] + list_[:1] + list_[at + 1:])
cap.write(sys.argv[1])
