# SPDX-License-Identifier: ISC
"""Sessions interleaved packet by packet; a second connection of the same client that is refused mail."""
import sys

from capture import *

cap = Capture()
talks = []
for client, server in (("10.0.0.1", "198.51.100.1"), ("10.0.0.2", "198.51.100.1"), ("2001:db8::5", "2001:db8::25")):
    cap.packets = []
    t = cap.tcp(client, server)
    t.open()
    t.greet()
    t.message(["a@one.example"])
    if client == "10.0.0.1":
        t.message(["b@one.example"])
    t.quit()
    talks.append(cap.packets)
cap.packets = [p for group in zip(*talks) for p in group] + [p for t in talks for p in t[len(min(talks, key=len)):]]
for n, p in enumerate(cap.packets):
    p.time = 1700000000 + n / 1000
cap.write(sys.argv[1])
