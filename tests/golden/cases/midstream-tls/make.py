# SPDX-License-Identifier: ISC
"""The capture begins inside TLS: behind STARTTLS on port 25, at a record of the client and in the middle of one, and on 465.

Counted: three connections inside TLS, of which nothing is readable.  Sessions are two: 465 is mail by its port, and the second
by turns in which the server spoke first, as far as was seen.  The first might be a tunnel through port 25: its turns, which the
client began, do not show mail, and the beginning that would have told was before the capture."""
import sys

from capture import Capture

cap = Capture()


def record(size):
    return b"\x17\x03\x03" + size.to_bytes(2, "big") + bytes((i * 37 + size) % 251 for i in range(size))


for port, skip in ((25, 0), (25, 1), (465, 0)):
    start = len(cap.packets)
    t = cap.tcp(server_port=port)
    t.open()
    if port == 25:
        t.greet(("STARTTLS",))
        t.say("STARTTLS", "220 2.0.0 ready")
    mark = len(cap.packets) + skip
    t.client(record(3000))
    t.server(record(60))
    for size, answer in ((60, 31), (50, 31), (23, 54)):  # MAIL, RCPT, DATA and Postfix's replies, 17 bytes longer each
        t.client(record(size))
        t.server(record(answer))
    t.client(record(4000))
    t.server(record(60))
    t.client(record(23))
    t.server(record(32))
    t.close()
    cap.packets[start:] = cap.packets[mark:]
    cap.time += 60
cap.write(sys.argv[1])
